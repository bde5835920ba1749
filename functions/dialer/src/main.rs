//! The `dialer` Lambda: see `place_call.rs` for what it does.

// The SDK's futures nest deeper than the compiler follows by default.
#![recursion_limit = "256"]

use redial_aws::lambda;
use redial_dialer::Handler;

#[tokio::main]
async fn main() -> Result<(), lambda_runtime::Error> {
    let app = lambda::start().await?;
    let handler = Handler::new(app.clone()).await?;
    let handler = &handler;
    lambda::run("dialer", app, |event| async move { handler.handle(event).await }).await
}
