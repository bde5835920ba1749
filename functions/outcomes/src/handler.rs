//! A batch of the calls queue in, the messages that must come again out.

use std::time::Duration;

use futures::future::join_all;
use lambda_runtime::Error;
use redial_aws::App;
use redial_aws::setup::ensure_defaults;
use redial_telephony::bland::{self, BlandClient};
use serde_json::{Value, json};
use tokio::sync::OnceCell;

use crate::apply_outcome::Applier;

/// The function, with its client.
#[derive(Debug, Clone)]
pub struct Handler {
    app: App,
    applier: Applier,
    ready: std::sync::Arc<OnceCell<()>>,
}

/// A question to the provider may take this long; the function has 30 s for a batch.
const ASK_TIMEOUT: Duration = Duration::from_secs(5);

impl Handler {
    /// Loads the provider's key, if there is one: it is only needed for deliveries that do not say whose they are.
    ///
    /// # Errors
    /// When Secrets Manager does not answer, or the provider's address is none.
    pub async fn new(app: App) -> Result<Self, Error> {
        let (key, base) = (
            app.secret("BLAND_API_KEY").await?,
            app.environment.get("BLAND_BASE_URL"),
        );
        let bland = bland::client(key, base, ASK_TIMEOUT)?;
        Ok(Self::with_client(app, bland))
    }

    /// The function with a client of its own.
    pub fn with_client(app: App, bland: Option<BlandClient>) -> Self {
        Self {
            applier: Applier::new(app.clone(), bland),
            app,
            ready: std::sync::Arc::default(),
        }
    }

    /// Applies a batch. Messages are independent; those that failed come again.
    ///
    /// # Errors
    /// When the event is no batch of a queue.
    pub async fn handle(&self, event: Value) -> Result<Value, Error> {
        self.ready.get_or_try_init(|| ensure_defaults(&self.app)).await?;
        let records = event["Records"]
            .as_array()
            .ok_or("failed to read the event: it has no `Records`")?;
        let results = join_all(records.iter().map(|record| async move {
            let receives: u32 = record["attributes"]["ApproximateReceiveCount"]
                .as_str()
                .and_then(|n| n.parse().ok())
                .unwrap_or(1);
            let applied = self
                .applier
                .apply_message(record["body"].as_str().unwrap_or_default(), receives > 1)
                .await;
            (record["messageId"].as_str().unwrap_or_default(), applied)
        }))
        .await;
        let mut failures = Vec::new();
        for (id, applied) in results {
            match applied {
                Ok(applied) => self.app.metrics.count(applied.metric()),
                Err(error) => {
                    self.app.metrics.count("outcome.retried");
                    tracing::warn!("outcome not applied: {error}; it is tried again");
                    failures.push(json!({"itemIdentifier": id}));
                }
            }
        }
        Ok(json!({"batchItemFailures": failures}))
    }
}
