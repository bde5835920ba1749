//! `enable`, `disable`, `start`, `stop`, `process` (Q12).
//!
//! Both switches must be on. Switching off is effective for what is queued already: the answer comes when nothing that
//! was permitted before can still be placed, and no lead is lost, because a claimed lead never left the queue.

use std::time::Duration;

use redial_aws::campaigns::CAMPAIGNS_MAX;
use redial_aws::leads::Activity;
use redial_aws::messages::TickMessage;
use redial_aws::web::{Answer, Problem};
use redial_domain::{AttemptId, Settings, iso};
use serde_json::json;

use crate::cursor;
use crate::request::{Caller, contended, unavailable};
use crate::still_placing::wait_for_campaigns;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Switch {
    Enabled,
    Running,
}

/// Rounds against others who change the settings at the same time, and the longest pause between two.
const ROUNDS_MAX: usize = 8;
const ROUND_PAUSE: Duration = Duration::from_millis(50);
/// Activities in one answer, unless asked for otherwise, and at most.
const ACTIVITIES_DEFAULT: usize = 50;
pub(crate) const ACTIVITIES_MAX: usize = 200;

pub(crate) async fn throw(caller: &Caller<'_>, switch: Switch, on: bool) -> Result<Answer, Problem> {
    let app = caller.app;
    let word = match (switch, on) {
        (Switch::Enabled, true) => "enabled",
        (Switch::Enabled, false) => "disabled",
        (Switch::Running, true) => "started",
        (Switch::Running, false) => "stopped",
    };
    let settings = change_settings(caller, word, |settings| match switch {
        Switch::Enabled => settings.enabled = on,
        Switch::Running => settings.running = on,
    })
    .await?;
    let remaining = if on { Vec::new() } else { wait_for_all(caller).await? };
    Ok(Answer::json(
        200,
        &json!({
            "success": true,
            "timestamp": iso(app.clock.now()),
            "status": {"enabled": settings.enabled, "running": settings.running},
            // Attempts of which nobody can say yet whether they were placed.
            "remaining": remaining,
        }),
    ))
}

/// Changes the settings as they are now, whoever else changes them meanwhile, and notes who did it. What is so already
/// is written and noted all the same: the answer of a switch must be true for every gate copy.
pub(crate) async fn change_settings(
    caller: &Caller<'_>,
    what: &str,
    change: impl Fn(&mut Settings),
) -> Result<Settings, Problem> {
    let app = caller.app;
    for _ in 0..ROUNDS_MAX {
        let before = app
            .table
            .settings()
            .await
            .map_err(|error| unavailable(&error))?
            .unwrap_or_default();
        let mut settings = before.clone();
        change(&mut settings);
        settings.version = before.version + 1;
        let activity = Activity::now(app, &caller.actor, what, None);
        if app
            .table
            .change_settings(&settings, before.version, &activity, Vec::new())
            .await
            .map_err(|error| unavailable(&error))?
        {
            tracing::info!(actor = %caller.actor.name, "settings: {what}");
            return Ok(settings);
        }
        tokio::time::sleep(app.ids.jitter(ROUND_PAUSE)).await;
    }
    Err(contended("settings"))
}

/// Waits for everything that may still be placed, of all campaigns. Answers what remains.
pub(crate) async fn wait_for_all(caller: &Caller<'_>) -> Result<Vec<AttemptId>, Problem> {
    let campaigns = caller
        .app
        .table
        .campaigns(None, CAMPAIGNS_MAX)
        .await
        .map_err(|error| unavailable(&error))?;
    wait_for_campaigns(caller.app, &campaigns)
        .await
        .map_err(|error| unavailable(&error))
}

/// What people did with the switches and the config.
pub(crate) async fn activities(caller: &Caller<'_>, of: &str) -> Result<Answer, Problem> {
    let limit = caller.number("limit", ACTIVITIES_DEFAULT, ACTIVITIES_MAX)?;
    let before: Option<String> = cursor::read_key(caller.request.query().get("cursor"))?;
    let size = i32::try_from(limit).unwrap_or(i32::MAX);
    let found = caller
        .app
        .table
        .system_activities(of, before.as_deref(), size)
        .await
        .map_err(|error| unavailable(&error))?;
    let next_cursor = found
        .last()
        .filter(|_| found.len() == limit)
        .and_then(|last| cursor::write(&last.id));
    let shown: Vec<_> = found
        .iter()
        .map(|done| json!({"id": done.id, "at": iso(done.at), "actor": done.actor, "what": done.what, "why": done.why}))
        .collect();
    Ok(Answer::json(
        200,
        &json!({"success": true, "activities": shown, "next_cursor": next_cursor}),
    ))
}

/// What people did with a campaign.
pub(crate) async fn activities_of_campaign(caller: &Caller<'_>, id: &str) -> Result<Answer, Problem> {
    let campaign = caller.campaign(id).await?;
    activities(caller, campaign.id.as_str()).await
}

pub(crate) async fn process(caller: &Caller<'_>) -> Result<Answer, Problem> {
    let app = caller.app;
    let now = app.clock.now();
    let campaigns = app
        .table
        .campaigns(None, CAMPAIGNS_MAX)
        .await
        .map_err(|error| unavailable(&error))?;
    let asks = TickMessage::for_running(&campaigns, now);
    app.queues.tick(&asks).await.map_err(|error| {
        tracing::error!("{error}");
        Problem::new(503, "unavailable", "failed to start a look at the queue", "try again")
    })?;
    Ok(Answer::json(
        202,
        &json!({"success": true, "timestamp": iso(now), "asked": asks.len()}),
    ))
}
