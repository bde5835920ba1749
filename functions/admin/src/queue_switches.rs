//! `enable`, `disable`, `start`, `stop`, `process` (Q12).
//!
//! Both switches must be on. Switching off is effective for what is queued already: the answer comes when nothing that
//! was permitted before can still be placed, and no lead is lost, because a claimed lead never left the queue.

use redial_aws::campaigns::CAMPAIGNS_MAX;
use redial_aws::messages::TickMessage;
use redial_aws::web::{Answer, Problem};
use redial_domain::{CampaignStatus, SCHEMA_VERSION};
use serde_json::json;

use crate::request::{Caller, unavailable};
use crate::still_placing::wait_for_campaigns;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Switch {
    Enabled,
    Running,
}

pub(crate) async fn throw(caller: &Caller<'_>, switch: Switch, on: bool) -> Result<Answer, Problem> {
    let app = caller.app;
    let mut settings = app
        .table
        .settings()
        .await
        .map_err(|error| unavailable(&error))?
        .unwrap_or_default();
    match switch {
        Switch::Enabled => settings.enabled = on,
        Switch::Running => settings.running = on,
    }
    app.table
        .put_settings(&settings)
        .await
        .map_err(|error| unavailable(&error))?;
    tracing::info!(actor = %caller.actor.name, "switch {switch:?} is {}", if on { "on" } else { "off" });
    let campaigns = app
        .table
        .campaigns(None, CAMPAIGNS_MAX)
        .await
        .map_err(|error| unavailable(&error))?;
    let remaining = if on {
        Vec::new()
    } else {
        wait_for_campaigns(app, &campaigns)
            .await
            .map_err(|error| unavailable(&error))?
    };
    Ok(Answer::json(
        200,
        &json!({
            "success": true,
            "timestamp": app.clock.now().to_rfc3339(),
            "status": {"enabled": settings.enabled, "running": settings.running},
            // Attempts of which nobody can say yet whether they were placed.
            "remaining": remaining,
        }),
    ))
}

pub(crate) async fn process(caller: &Caller<'_>) -> Result<Answer, Problem> {
    let app = caller.app;
    let now = app.clock.now();
    let campaigns = app
        .table
        .campaigns(None, CAMPAIGNS_MAX)
        .await
        .map_err(|error| unavailable(&error))?;
    let asks: Vec<_> = campaigns
        .iter()
        .filter(|campaign| campaign.status == CampaignStatus::Running)
        .flat_map(|campaign| (0..campaign.shards).map(|shard| (campaign.id.clone(), shard)))
        .map(|(campaign, shard)| {
            (
                TickMessage {
                    v: SCHEMA_VERSION,
                    campaign,
                    shard,
                    asked_at: now,
                },
                0,
            )
        })
        .collect();
    app.queues.tick(&asks).await.map_err(|error| {
        tracing::error!("{error}");
        Problem::new(503, "unavailable", "failed to start a look at the queue", "try again")
    })?;
    Ok(Answer::json(
        202,
        &json!({"success": true, "timestamp": now.to_rfc3339(), "asked": asks.len()}),
    ))
}
