//! A batch of the dial queue in, the messages that must come again out.

use std::time::Duration;

use futures::future::join_all;
use lambda_runtime::Error;
use redial_aws::App;
use redial_telephony::bland::{self, BlandClient};
use serde_json::{Value, json};

use crate::asked_once::AskedOnce;
use crate::place_call::Dialer;

/// Placing may take this long: less than the function's 30 s, which is less than the queue's visibility of 180 s.
const PLACE_TIMEOUT: Duration = Duration::from_secs(10);

/// The function, with its client.
#[derive(Debug, Clone)]
pub struct Handler {
    app: App,
    dialer: Dialer,
}

impl Handler {
    /// Loads the provider's key and address.
    ///
    /// # Errors
    /// When there is no key, or Secrets Manager does not answer.
    pub async fn new(app: App) -> Result<Self, Error> {
        let (key, base) = (
            app.secret("BLAND_API_KEY").await?,
            app.environment.get("BLAND_BASE_URL"),
        );
        let bland = bland::client(key, base, PLACE_TIMEOUT)?
            .ok_or("failed to start: set BLAND_API_KEY or BLAND_API_KEY_ARN")?;
        Ok(Self::with_client(app, bland))
    }

    /// The function with a client of its own.
    pub fn with_client(app: App, bland: BlandClient) -> Self {
        let webhook_url = app
            .environment
            .get("REDIAL_WEBHOOK_BASE_URL")
            .map(|base| format!("{}/webhooks/bland", base.trim_end_matches('/')));
        Self {
            dialer: Dialer::new(app.clone(), bland, webhook_url),
            app,
        }
    }

    /// Dials a batch. Calls are independent; a message comes again only when nothing was reserved for it.
    ///
    /// # Errors
    /// When the event is no batch of a queue.
    pub async fn handle(&self, event: Value) -> Result<Value, Error> {
        let records = event["Records"]
            .as_array()
            .ok_or("failed to read the event: it has no `Records`")?;
        let alike = &AskedOnce::default();
        let results = join_all(records.iter().map(|record| async move {
            let body = record["body"].as_str().unwrap_or_default();
            let dialed = self.dialer.dial(body, alike).await;
            (record["messageId"].as_str().unwrap_or_default(), dialed)
        }))
        .await;
        let mut failures = Vec::new();
        for (id, dialed) in results {
            match dialed {
                Ok(dialed) => self.app.metrics.count(dialed.metric()),
                Err(error) => {
                    self.app.metrics.count("dial.retried");
                    tracing::warn!("not dialed: {error}; it is tried again");
                    failures.push(json!({"itemIdentifier": id}));
                }
            }
        }
        Ok(json!({"batchItemFailures": failures}))
    }
}
