//! `POST /campaigns/{id}/brake/lift`: an owner decides that a campaign calls on although too many of its answered calls
//! were abandoned (H10), and what was counted, for people.
//!
//! The brake itself is put on and taken off by `reconcile`; the decision stands beside it in the campaign, with who, why
//! and until when, and in the campaign's activities.

use chrono::{DateTime, Utc};
use redial_aws::App;
use redial_aws::jobs::{Job, send};
use redial_aws::leads::Activity;
use redial_aws::table::TableError;
use redial_aws::web::{Answer, Problem};
use redial_domain::{ABANDONED_PERCENT_MAX, AnsweredCalls, BrakeLifted, Campaign, CampaignError, abandoned_since, iso};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::campaign_fields::shown;
use crate::request::{Caller, bad, contended, unavailable};

/// Rounds against others who change the same campaign.
const ROUNDS_MAX: usize = 4;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Lift {
    reason: String,
    until: DateTime<Utc>,
}

pub(crate) async fn lift(caller: &Caller<'_>, id: &str) -> Result<Answer, Problem> {
    let lift: Lift = caller.body()?;
    let app = caller.app;
    for _ in 0..ROUNDS_MAX {
        let before = caller.campaign_in_use(id).await?;
        if before.brake.is_none() {
            return Err(Problem::new(
                409,
                "no_brake",
                "failed to lift the brake: there is none on this campaign",
                "look at `abandoned_calls` of GET /campaigns/{id}",
            ));
        }
        let lifted = BrakeLifted {
            at: app.clock.now(),
            until: lift.until,
            by: caller.actor.name.clone(),
            reason: lift.reason.trim().to_owned(),
        };
        lifted.check().map_err(|error| match error {
            CampaignError::Field { field, why } => bad(field, why),
            CampaignError::Move { .. } => bad("brake", error),
        })?;
        let why = format!("until {}: {}", iso(lifted.until), lifted.reason);
        let campaign = Campaign {
            brake_lifted: Some(lifted),
            version: before.version + 1,
            updated_at: app.clock.now(),
            ..before.clone()
        };
        let activity = Activity::now(app, &caller.actor, "brake lifted", Some(why));
        let job = Job::look_again(app, &caller.actor, Some(campaign.id.clone()), false);
        let changed = app
            .table
            .change_campaign(&campaign, before.version, &activity, vec![job.put()])
            .await;
        if changed.map_err(|error| unavailable(&error))? {
            tracing::warn!(campaign.id = %campaign.id, actor = %caller.actor.name, "brake lifted");
            send(app, &job.id).await;
            let mut answer = shown(&campaign, app.clock.now());
            answer["job_id"] = json!(job.id);
            return Ok(Answer::json(200, &answer));
        }
    }
    Err(contended("campaign"))
}

/// What was counted, as the API shows it.
pub(crate) async fn abandoned_calls(app: &App, campaign: &Campaign, now: DateTime<Utc>) -> Result<Value, TableError> {
    let today = campaign.window.date_of(now);
    let days = app.table.answered_days(&campaign.id, today).await?;
    let mut calls = AnsweredCalls::default();
    for day in days.values() {
        calls += day.calls;
    }
    Ok(json!({
        "from": abandoned_since(today).to_string(),
        "to": today.to_string(),
        "answered": calls.answered,
        "abandoned": calls.abandoned,
        "percent": calls.percent(),
        "percent_max": ABANDONED_PERCENT_MAX,
        "counted_at": days.values().map(|day| day.counted_at).max().map(iso),
        "braked": campaign.braked(now).is_some(),
    }))
}
