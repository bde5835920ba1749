//! `POST /api/leads/{id}/call`: a person wants a lead called now.
//!
//! The wish takes the place of the lead's own time, and of nothing else: hours, caps, gaps, consent and do-not-call hold as
//! for every call, and what the gate refuses is told with the next time at which it may be asked again. Data flow: lead,
//! phone, campaign, switches, law as they are → the gate, as if the lead were due → the lead due, with who wanted it →
//! claimed and sent to be dialed, where the gate is asked again. Without a free line it is called when one is free.

use chrono::DateTime;
use redial_aws::intake::claim_now;
use redial_aws::leads::Activity;
use redial_aws::web::{Answer, Problem};
use redial_domain::{Gate, GateInput, Lead, LeadState, Switches, explain, gate, iso};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

use crate::do_not_call::text;
use crate::lines_left::LinesLeft;
use crate::request::{Caller, contended, unavailable};

/// Rounds against others who change the lead at the same time.
const ROUNDS_MAX: usize = 6;

#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Wish {
    #[serde(default)]
    reason: Option<String>,
}

pub(crate) async fn call(caller: &Caller<'_>, id: &str) -> Result<Answer, Problem> {
    let app = caller.app;
    let reason = text("reason", caller.body_or_default::<Wish>()?.reason)?;
    let failed = |error| unavailable(&error);
    let days = app
        .table
        .settings()
        .await
        .map_err(failed)?
        .unwrap_or_default()
        .retention_days;
    for _ in 0..ROUNDS_MAX {
        let lead = caller.lead(id).await?;
        let campaign = caller.campaign(lead.campaign.as_str()).await?;
        if lead.owner.as_str() != campaign.id.as_str() {
            return Err(Problem::new(
                409,
                "in_a_run",
                "failed to call the lead: a bulk run is calling it",
                "wait for the run, or cancel it",
            ));
        }
        let ledger = app.table.ledger(&lead.phone).await.map_err(failed)?;
        let reading = app.table.switches(&lead.campaign, &lead.phone).await.map_err(failed)?;
        let law = app
            .law(reading.map_or(0, |reading| reading.law_version))
            .await
            .map_err(failed)?;
        let account = app.table.account(&campaign.voice.provider).await.map_err(failed)?;
        let lines = LinesLeft::of(app, &campaign, lead.shard, Some(&lead))
            .await
            .map_err(failed)?;
        if lines.is_claimed && ledger.inflight.is_none() {
            return Ok(answer(&lead, "on_its_way", None));
        }
        let now = app.clock.now();
        let due = Lead {
            version: lead.version + 1,
            state: match lead.state {
                LeadState::DailyMaxReached => LeadState::Pending,
                state => state,
            },
            next_at: lead.next_at.min(DateTime::from_timestamp(now.timestamp(), 0)),
            reason: Some("call_now".to_owned()),
            updated_at: now,
            ..lead.clone()
        };
        let input = GateInput {
            lead: &due,
            ledger: &ledger,
            campaign: &campaign,
            law: &law,
            switches: reading.map_or(Switches::OFF, |reading| reading.switches),
            account_closed_until: account.closed_until,
            now,
        };
        if gate(&input) != Gate::Open {
            return Ok(refused(&input));
        }
        let activity = Activity::now(app, &caller.actor, "call_now", reason.clone()).about(&lead.id);
        if !app
            .table
            .change_lead(&due, lead.version, &activity, days)
            .await
            .map_err(failed)?
        {
            continue;
        }
        tracing::info!(lead.id = %due.id, actor = %caller.actor.name, "to be called now");
        let claimed = claim_now(app, &campaign, &due).await;
        return Ok(if claimed {
            answer(&due, "on_its_way", None)
        } else {
            answer(
                &due,
                "waits_for_a_line",
                Some("it is called as soon as its campaign has a free line"),
            )
        });
    }
    Err(contended("lead"))
}

fn answer(lead: &Lead, call: &str, hint: Option<&str>) -> Answer {
    Answer::json(
        202,
        &json!({
            "success": true,
            "lead_id": lead.id,
            "called_now": call == "on_its_way",
            "call": call,
            "next_call_at": lead.next_at.map(iso),
            "hint": hint,
        }),
    )
}

/// What blocks, and when it may be over.
fn refused(input: &GateInput<'_>) -> Answer {
    let told = explain(input);
    let (reason, until) = match &told.answer {
        Gate::Open => (json!(null), None),
        Gate::Wait { reason, until } => (json!(reason), Some(*until)),
        Gate::Closed { reason } => (json!(reason), None),
    };
    let code = told.answer.code();
    Answer::json(
        409,
        &json!({
            "success": false,
            "code": "not_now",
            "message": format!("failed to call the lead: it may not be called now ({code})"),
            "hint": "GET /api/leads/{id}/explain shows every gate; what the gate refuses is called by nobody",
            "lead_id": input.lead.id,
            "first_blocking": code,
            "reason": reason,
            "next_possible": told.next_possible.or(until).map(iso),
        }),
    )
}
