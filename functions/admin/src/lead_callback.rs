//! `POST /api/leads/{id}/callback`: a person promises a call at a time (Q6).
//!
//! Lead and phone change in one transaction: the phone's ledger keeps room for the promise under every cap. A promise
//! outside calling hours is kept at the first opening after it.

use chrono::{DateTime, Utc};
use redial_aws::leads::Activity;
use redial_aws::web::{Answer, Problem};
use redial_domain::{
    ClosedReason, GateInput, LeadState, Ledger, NotPromised, PROMISED_AHEAD_MAX, Switches, iso, promised_by_person,
};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

use crate::do_not_call::text;
use crate::request::{Caller, bad, contended, unavailable};

/// Rounds against others who change the lead or its phone at the same time.
const ROUNDS_MAX: usize = 6;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Promised {
    at: DateTime<Utc>,
    #[serde(default)]
    reason: Option<String>,
}

pub(crate) async fn promise(caller: &Caller<'_>, id: &str) -> Result<Answer, Problem> {
    let app = caller.app;
    let body: Promised = caller.body()?;
    let reason = text("reason", body.reason)?;
    let at = promised_at("at", body.at, app.clock.now())?;
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
        let ledger = app.table.ledger(&lead.phone).await.map_err(failed)?;
        let law = app.law(0).await.map_err(failed)?;
        let now = app.clock.now();
        let is_promised = lead.callback_at == Some(at)
            && matches!(
                lead.state,
                LeadState::Rescheduled | LeadState::Paused | LeadState::Parked
            );
        let promised = promised_by_person(
            &GateInput {
                lead: &lead,
                ledger: &ledger,
                campaign: &campaign,
                law: &law,
                switches: Switches::ON,
                account_closed_until: None,
                now,
            },
            at,
        );
        let promised = if is_promised {
            lead.clone()
        } else {
            let promised = promised.map_err(|not| refused(&not))?;
            let mut after: Ledger = ledger.clone();
            if let Some(promises) = ledger.promises_with(&promised, &campaign, now) {
                after.promises = promises;
            }
            let why = match &reason {
                Some(reason) => format!("for {}: {reason}", iso(at)),
                None => format!("for {}", iso(at)),
            };
            let activity = Activity::now(app, &caller.actor, "callback_promised", Some(why)).about(&lead.id);
            let (of_lead, of_phone) = ((&promised, lead.version), (&ledger, &after));
            let written = app
                .table
                .change_lead_and_phone(of_lead, of_phone, &activity, days, None)
                .await;
            if written.map_err(failed)? != Some(true) {
                continue;
            }
            promised
        };
        return Ok(Answer::json(
            200,
            &json!({
                "success": true,
                "changed": !is_promised,
                "lead_id": promised.id,
                "callback_at": iso(at),
                "state": promised.state,
                "next_call_at": promised.next_at.map(iso),
                "reason": promised.reason,
            }),
        ));
    }
    Err(contended("lead"))
}

/// A time that can be promised, in whole seconds.
pub(crate) fn promised_at(name: &str, at: DateTime<Utc>, now: DateTime<Utc>) -> Result<DateTime<Utc>, Problem> {
    if at <= now {
        return Err(bad(name, "it has passed"));
    }
    if at > now + PROMISED_AHEAD_MAX {
        return Err(bad(
            name,
            format!("it is more than {} days ahead", PROMISED_AHEAD_MAX.num_days()),
        ));
    }
    Ok(DateTime::from_timestamp(at.timestamp(), 0).map_or(at, |whole| whole.max(now)))
}

fn refused(not: &NotPromised) -> Problem {
    match not {
        NotPromised::State(state) => Problem::new(
            409,
            "wrong_state",
            format!("failed to promise a call: the lead is {}", state.as_str()),
            "move it to a status at which calling goes on: PATCH /api/leads/{id}/status, with `callback_at`",
        ),
        NotPromised::Closed(reason) => Problem::new(
            409,
            "never_called",
            format!(
                "failed to promise a call: the lead may not be called ({})",
                reason.code()
            ),
            match reason {
                ClosedReason::DoNotCall { .. } => "the person asked not to be called",
                _ => "GET /api/leads/{id}/explain says what would have to change",
            },
        ),
    }
}
