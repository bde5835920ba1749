//! A batch of the calls queue in, the messages that must come again out.

use std::pin::pin;
use std::time::Duration;

use futures::future::join_all;
use lambda_runtime::Error;
use redial_aws::App;
use redial_aws::setup::ensure_defaults;
use redial_telephony::bland::{self, BlandClient};
use serde_json::{Value, json};
use tokio::sync::OnceCell;

use crate::apply_outcome::Applier;
use crate::effects::{Receipt, free_slots};

/// The function, with its client.
#[derive(Debug, Clone)]
pub struct Handler {
    app: App,
    applier: Applier,
    ready: std::sync::Arc<OnceCell<()>>,
}

/// A question to the provider may take this long; the function has 30 s for a batch.
const ASK_TIMEOUT: Duration = Duration::from_secs(5);

/// Slots wait for the other messages of their batch, to be freed with theirs, and no longer than this for a slow one.
const SLOTS_WAIT: Duration = Duration::from_secs(1);

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
        let received: Vec<_> = records
            .iter()
            .map(|record| {
                let receives: Option<u32> = record["attributes"]["ApproximateReceiveCount"]
                    .as_str()
                    .and_then(|n| n.parse().ok());
                (record, Receipt::new(receives.unwrap_or(1) > 1))
            })
            .collect();
        let applier = &self.applier.for_batch();
        let mut applied = pin!(join_all(received.iter().map(|(record, receipt)| {
            applier.apply_message(record["body"].as_str().unwrap_or_default(), receipt)
        })));
        let receipts = || received.iter().map(|(_, receipt)| receipt);
        let results = loop {
            tokio::select! {
                biased;
                results = &mut applied => break results,
                () = tokio::time::sleep(SLOTS_WAIT) => free_slots(&self.app, receipts()).await,
            }
        };
        free_slots(&self.app, receipts()).await;
        let mut failures = Vec::new();
        for ((record, receipt), applied) in received.iter().zip(results) {
            let problem = match applied {
                Err(error) => error.to_string(),
                Ok(_) if receipt.holds_a_slot() => "its slot is not free".to_owned(),
                Ok(applied) => {
                    self.app.metrics.count(applied.metric());
                    continue;
                }
            };
            self.app.metrics.count("outcome.retried");
            tracing::warn!("outcome not applied: {problem}; it is tried again");
            failures.push(json!({"itemIdentifier": record["messageId"].as_str().unwrap_or_default()}));
        }
        Ok(json!({"batchItemFailures": failures}))
    }
}
