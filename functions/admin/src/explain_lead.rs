//! `GET /api/leads/{id}/explain` and `POST /api/explain`: why a lead is or is not called, each gate with its value, its
//! limit and who says so (X1).
//!
//! Data flow: the lead, its phone, its campaign, the switches and the law, all as they are now → every check of the gate →
//! the first that blocks, the next possible time, and the decisions that led here: rule, version and line.

use chrono::{DateTime, Utc};
use redial_aws::table::read;
use redial_aws::web::{Answer, Problem};
use redial_domain::law::{CallingHours, Law};
use redial_domain::{
    Allowed, Attempt, Campaign, Gate, GateInput, Lateness, Lead, Ledger, Phone, Region, Switches,
    explain as explain_gate, iso,
};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::lines_left::LinesLeft;
use crate::queue_status::Claimed;
use crate::request::{Caller, unavailable};

/// Decisions in an explanation: the last day's ladder.
const DECISIONS: i32 = 8;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Asked {
    phone: String,
}

pub(crate) async fn show(caller: &Caller<'_>, id: &str) -> Result<Answer, Problem> {
    let lead = caller.lead(id).await?;
    let mut explained = explained(caller, &lead).await?;
    explained["success"] = json!(true);
    Ok(Answer::json(200, &explained))
}

/// All leads of a phone; the number is in the body, because URLs are written down everywhere.
pub(crate) async fn of_phone(caller: &Caller<'_>) -> Result<Answer, Problem> {
    let asked: Asked = caller.body()?;
    let phone = Phone::parse(&asked.phone, Region::US).map_err(|error| {
        Problem::new(
            422,
            "bad_phone",
            error.to_string(),
            "give `phone` with a plus sign and the country code",
        )
    })?;
    let leads = caller.app.table.leads_of(&phone, caller.app.clock.now()).await;
    let mut found = Vec::new();
    for lead in leads.map_err(|error| unavailable(&error))? {
        found.push(explained(caller, &lead).await?);
    }
    let ledger = caller.app.table.ledger(&phone).await;
    let since = ledger.map_err(|error| unavailable(&error))?.dnc_at;
    Ok(Answer::json(
        200,
        &json!({"success": true, "count": found.len(), "do_not_call_since": since.map(iso), "leads": found}),
    ))
}

pub(crate) async fn explained(caller: &Caller<'_>, lead: &Lead) -> Result<Value, Problem> {
    let (app, table) = (caller.app, &caller.app.table);
    let failed = |error| unavailable(&error);
    let campaign = caller.campaign(lead.campaign.as_str()).await?;
    let ledger = table.ledger(&lead.phone).await.map_err(failed)?;
    let reading = table.switches(&lead.campaign, &lead.phone).await.map_err(failed)?;
    let law = app
        .law(reading.map_or(0, |reading| reading.law_version))
        .await
        .map_err(failed)?;
    let account = table.account(&campaign.voice.provider).await.map_err(failed)?;
    let claimed = Claimed::of(app, &campaign).await.map_err(failed)?;
    let attempts = table
        .history(&lead.phone, "ATTEMPT#", None, DECISIONS)
        .await
        .map_err(failed)?;
    let now = app.clock.now();
    let told = explain_gate(&GateInput {
        lead,
        ledger: &ledger,
        campaign: &campaign,
        law: &law,
        switches: reading.map_or(Switches::OFF, |reading| reading.switches),
        account_closed_until: account.closed_until,
        now,
    });
    let decisions: Vec<Value> = attempts
        .into_iter()
        .filter_map(|item| read::<Attempt>(item).ok())
        .filter(|attempt| attempt.lead == lead.id)
        .map(|attempt| {
            json!({
                "attempt_id": attempt.id,
                "started_at": iso(attempt.started_at),
                "outcome": attempt.outcome,
                "disposition": attempt.disposition,
                "decision": attempt.decision,
                "rule_failed": attempt.problem,
            })
        })
        .collect();
    let lines = LinesLeft::of(app, &campaign, lead.shard, Some(lead))
        .await
        .map_err(failed)?;
    let mut gates: Vec<Value> = told.gates.iter().map(|line| json!(line)).collect();
    gates.push(lines.shown(&campaign));
    let waits_for_a_line = told.answer == Gate::Open && lines.is_full() && !lines.is_claimed;
    let (answer, reason) = match &told.answer {
        Gate::Open if waits_for_a_line => ("wait", json!({"code": "lines"})),
        Gate::Open => ("open", Value::Null),
        Gate::Wait { reason, .. } => ("wait", json!(reason)),
        Gate::Closed { reason } => ("closed", json!(reason)),
    };
    Ok(json!({
        "lead_id": lead.id,
        "campaign_id": lead.campaign,
        "status": claimed.state(&lead.phone, lead.state, lead.next_at.unwrap_or(now), now),
        "at": iso(now),
        "answer": answer,
        "first_blocking": told.first_blocking.or(waits_for_a_line.then_some("lines")),
        "reason": reason,
        "next_possible": told.next_possible.filter(|_| !waits_for_a_line).map(iso),
        "next_possible_note": if waits_for_a_line {
            Some("as soon as a line is free: nobody knows when one of the calls under way ends".to_owned())
        } else {
            told.next_possible_note
        },
        "callback": callback(lead, &ledger, &campaign, &law, now),
        "next_redial": lead.next_at.map(iso),
        "planned_because": lead.reason,
        "gates": gates,
        "laws": told.laws,
        "law_version": law.version(),
        "campaign_version": campaign.version,
        "decisions": decisions,
    }))
}

/// The promise that is open: until when hours, laws and caps move it, and how late it is by now. The status counts by the same
/// definition.
fn callback(lead: &Lead, ledger: &Ledger, campaign: &Campaign, law: &Law, now: DateTime<Utc>) -> Option<Value> {
    let promised = lead.open_promise()?;
    let hours = CallingHours::of_lead(law, campaign, lead).ok();
    let allowed = hours.map(|hours| Allowed::of(promised, lead, &ledger.starts, campaign, &hours));
    let first = allowed.as_ref().and_then(|allowed| allowed.at);
    let lateness = Lateness::of(promised, first, now);
    Some(json!({
        "promised": iso(promised),
        "first_allowed": first.map(iso),
        "moved_by": allowed.map(|allowed| allowed.moved_by),
        "late": lateness.is_late(),
        "late_min": lateness.late.num_minutes(),
    }))
}
