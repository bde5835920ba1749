//! Event in, answer out.

use lambda_runtime::Error;
use redial_aws::App;
use redial_aws::web::{Answer, Request};
use serde_json::Value;

use crate::receive::Receiver;

/// The function, with its secrets loaded.
#[derive(Debug, Clone)]
pub struct Handler {
    receiver: Receiver,
}

impl Handler {
    /// Loads the secrets.
    ///
    /// # Errors
    /// When Secrets Manager does not answer.
    pub async fn new(app: App) -> Result<Self, Error> {
        let bland_secret = app.secret("BLAND_WEBHOOK_SECRET").await?;
        let unsigned_allowed = app.environment.get("REDIAL_UNSIGNED_WEBHOOKS").as_deref() == Some("allowed");
        Ok(Self {
            receiver: Receiver::new(app, bland_secret, unsigned_allowed),
        })
    }

    /// Answers one request.
    ///
    /// # Errors
    /// When the event is not a function URL's.
    pub async fn handle(&self, event: Value) -> Result<Value, Error> {
        let request: Request = serde_json::from_value(event)?;
        let answer = match self.receiver.receive(&request).await {
            Ok(answer) => answer,
            Err(problem) => Answer::from(problem),
        };
        Ok(answer.into_value())
    }
}
