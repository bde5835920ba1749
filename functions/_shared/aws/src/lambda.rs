//! What every Lambda's `main` does: log, connect, run, count.

use std::future::Future;

use lambda_runtime::{Error, LambdaEvent, service_fn};
use serde_json::Value;

use crate::app::{App, Environment};

/// Logs as JSON lines; `RUST_LOG` chooses how much.
pub fn log_as_json() {
    let filter = tracing_subscriber::EnvFilter::try_from_default_env()
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("info"));
    // A second call keeps the first one's settings.
    let _ = tracing_subscriber::fmt()
        .json()
        .with_env_filter(filter)
        .with_target(false)
        .without_time()
        .try_init();
}

/// The app of a Lambda, from its environment.
///
/// # Errors
/// When the environment is not complete.
pub async fn start() -> Result<App, Error> {
    log_as_json();
    Ok(App::start(Environment::process()).await?)
}

/// Serves events until the instance is stopped, and writes the counts after each.
///
/// # Errors
/// When the Lambda runtime cannot be reached.
pub async fn run<F, A>(function: &'static str, app: App, handle: F) -> Result<(), Error>
where
    F: Fn(Value) -> A,
    A: Future<Output = Result<Value, Error>>,
{
    let (app, handle) = (&app, &handle);
    lambda_runtime::run(service_fn(move |event: LambdaEvent<Value>| async move {
        let answer = handle(event.payload).await;
        app.metrics
            .write_line(function, app.clock.now(), &mut std::io::stdout());
        answer
    }))
    .await
}
