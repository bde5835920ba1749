//! Event in, answer out: the schedule's minute, or one part of the queue to look at.

use chrono::{DateTime, TimeDelta, Timelike, Utc};
use lambda_runtime::Error;
use redial_aws::App;
use redial_aws::campaigns::CAMPAIGNS_MAX;
use redial_aws::layout::SCHEDULE_AGE_MAX_S;
use redial_aws::messages::{self, TickMessage};
use redial_aws::setup::ensure_defaults;
use redial_domain::{Campaign, CampaignStatus};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::sync::Arc;
use tokio::sync::OnceCell;

use crate::claim_due::claim_due;

/// The function.
#[derive(Debug, Clone)]
pub struct Handler {
    app: App,
    ready: Arc<OnceCell<()>>,
}

impl Handler {
    /// The function over an app.
    pub fn new(app: App) -> Self {
        Self {
            app,
            ready: Arc::default(),
        }
    }

    /// Runs one event: of the schedule (`time`), or of the tick queue (`Records`).
    ///
    /// # Errors
    /// When the event is neither, or nothing could be read.
    pub async fn handle(&self, event: Value) -> Result<Value, Error> {
        let Some(records) = event.get("Records").and_then(Value::as_array) else {
            let time = event
                .get("time")
                .and_then(Value::as_str)
                .ok_or("failed to read the event: it has neither `Records` nor `time`")?;
            return self.minute(DateTime::parse_from_rfc3339(time)?.to_utc()).await;
        };
        let mut failures = Vec::new();
        for record in records {
            let id = record["messageId"].as_str().unwrap_or_default();
            if let Err(error) = self.look(record["body"].as_str().unwrap_or_default()).await {
                tracing::warn!("tick: {error}; it is tried again");
                failures.push(json!({"itemIdentifier": id}));
            }
        }
        Ok(json!({"batchItemFailures": failures}))
    }

    /// Every minute: one message per running campaign and shard.
    async fn minute(&self, scheduled: DateTime<Utc>) -> Result<Value, Error> {
        let now = self.app.clock.now();
        if now - scheduled > TimeDelta::seconds(SCHEDULE_AGE_MAX_S) {
            return Ok(json!({"asked": 0, "skipped": "old"}));
        }
        self.ready.get_or_try_init(|| ensure_defaults(&self.app)).await?;
        let every = self
            .app
            .table
            .settings()
            .await?
            .unwrap_or_default()
            .process_interval_min
            .max(1);
        let minute_of_day = scheduled.hour() * 60 + scheduled.minute();
        if !minute_of_day.is_multiple_of(every) {
            return Ok(json!({"asked": 0, "skipped": "process_interval_minutes"}));
        }
        let campaigns = self.app.table.campaigns(None, CAMPAIGNS_MAX).await?;
        self.share_accounts(&campaigns, now).await;
        let asks = TickMessage::for_running(&campaigns, now);
        self.app.queues.tick(&asks).await?;
        Ok(json!({"asked": asks.len()}))
    }

    /// Shares the minute of each provider account before the looks, so that they find it and need not do it each.
    async fn share_accounts(&self, campaigns: &[Campaign], now: DateTime<Utc>) {
        let running = campaigns.iter().filter(|c| c.status == CampaignStatus::Running);
        let providers: BTreeSet<&str> = running.map(|campaign| campaign.voice.provider.as_str()).collect();
        for provider in providers {
            let shared = async {
                let account = self.app.table.account(provider).await?;
                self.app.account_minute(&account, provider, now).await
            };
            if let Err(error) = shared.await {
                tracing::warn!("account not shared: {error}; the first look does it");
            }
        }
    }

    async fn look(&self, body: &str) -> Result<(), Error> {
        let ask: TickMessage = messages::read(body)?;
        if self.app.clock.now() - ask.asked_at > TimeDelta::seconds(SCHEDULE_AGE_MAX_S) {
            return Ok(());
        }
        let looked = claim_due(&self.app, &ask.campaign, ask.shard).await?;
        tracing::debug!(campaign.id = %ask.campaign, "tick: {} claimed, {} moved on", looked.claimed, looked.moved);
        Ok(())
    }
}
