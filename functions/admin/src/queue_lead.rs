//! Pause, resume and remove one lead.
//!
//! The change of the lead and a step of the ledger's `seq` are one transaction, so a dialer that decided on the old
//! picture loses its reservation; what is just being placed is waited for.

use redial_aws::leads::Activity;
use redial_aws::web::{Answer, Problem};
use redial_domain::{AttemptId, Gate, GateInput, Lead, LeadState, Phone, Switches, gate};
use serde_json::json;

use crate::request::{Caller, contended, unavailable};
use crate::still_placing::wait_for_phones;

/// Rounds against outcomes that change the lead at the same time.
const ROUNDS_MAX: usize = 6;

/// The reason of a lead that the gate closed for its phone's mark.
const DO_NOT_CALL: &str = "do_not_call";

#[derive(Clone, Copy, PartialEq, Eq)]
enum Wish {
    Pause,
    Resume,
    Remove,
}

pub(crate) async fn pause(caller: &Caller<'_>, id: &str) -> Result<Answer, Problem> {
    change(caller, id, Wish::Pause).await
}

pub(crate) async fn resume(caller: &Caller<'_>, id: &str) -> Result<Answer, Problem> {
    change(caller, id, Wish::Resume).await
}

pub(crate) async fn remove(caller: &Caller<'_>, id: &str) -> Result<Answer, Problem> {
    change(caller, id, Wish::Remove).await
}

async fn change(caller: &Caller<'_>, id: &str, wish: Wish) -> Result<Answer, Problem> {
    let app = caller.app;
    let retention_days = app
        .table
        .settings()
        .await
        .map_err(|error| unavailable(&error))?
        .unwrap_or_default()
        .retention_days;
    for _ in 0..ROUNDS_MAX {
        let lead = caller.lead(id).await?;
        check_phone(caller, &lead).await?;
        if lead.state == wish.target() || (wish == Wish::Resume && lead.state.waits()) {
            // Whoever asks again because the first answer was lost is promised the same.
            return answer(&lead, false, &still_placing(caller, &lead, wish).await?);
        }
        wish.check(&lead)?;
        let now = app.clock.now();
        let mut after = Lead {
            version: lead.version + 1,
            updated_at: now,
            ..lead.clone()
        };
        match wish {
            Wish::Resume => resumed(caller, &mut after).await?,
            Wish::Pause | Wish::Remove => {
                after.state = wish.target();
                after.next_at = None;
                after.reason = Some(wish.word().to_owned());
            }
        }
        let activity = Activity::now(app, &caller.actor, wish.word(), None).about(&lead.id);
        if app
            .table
            .change_lead(&after, lead.version, &activity, retention_days)
            .await
            .map_err(|error| unavailable(&error))?
        {
            return answer(&after, true, &still_placing(caller, &lead, wish).await?);
        }
    }
    Err(contended("lead"))
}

/// Waits until nothing that was permitted before can still be placed to the lead's phone. Answers what remains.
async fn still_placing(caller: &Caller<'_>, lead: &Lead, wish: Wish) -> Result<Vec<AttemptId>, Problem> {
    if wish == Wish::Resume {
        return Ok(Vec::new());
    }
    wait_for_phones(caller.app, vec![lead.phone.clone()])
        .await
        .map_err(|error| unavailable(&error))
}

impl Wish {
    const fn target(self) -> LeadState {
        match self {
            Self::Pause => LeadState::Paused,
            Self::Resume => LeadState::Pending,
            Self::Remove => LeadState::Removed,
        }
    }

    const fn word(self) -> &'static str {
        match self {
            Self::Pause => "paused",
            Self::Resume => "resumed",
            Self::Remove => "removed",
        }
    }

    fn check(self, lead: &Lead) -> Result<(), Problem> {
        let fits = match self {
            Self::Pause => lead.state.waits() || lead.state == LeadState::Parked,
            // What only a do-not-call closed goes on when an owner took the mark away; until then the gate refuses it.
            Self::Resume => {
                matches!(lead.state, LeadState::Paused | LeadState::Parked)
                    || (lead.state == LeadState::Completed && lead.reason.as_deref() == Some(DO_NOT_CALL))
            }
            Self::Remove => true,
        };
        if fits {
            return Ok(());
        }
        let (now, hint) = match (self, lead.state) {
            (Self::Resume, state) => (
                state,
                "only a paused or parked lead can be resumed, or one that a do-not-call closed",
            ),
            (_, state) => (state, "only a lead that waits for a call can be paused"),
        };
        Err(Problem::new(
            409,
            "wrong_state",
            format!("failed to change the lead: it is {}", now.as_str()),
            hint,
        ))
    }
}

/// The lead as it waits again: now, or when the gate opens.
async fn resumed(caller: &Caller<'_>, lead: &mut Lead) -> Result<(), Problem> {
    let app = caller.app;
    let campaign = caller.campaign(lead.campaign.as_str()).await?;
    let ledger = app
        .table
        .ledger(&lead.phone)
        .await
        .map_err(|error| unavailable(&error))?;
    let law = app.law(0).await.map_err(|error| unavailable(&error))?;
    let now = app.clock.now();
    *lead = lead.back_in_queue(now);
    lead.reason = Some("resumed".to_owned());
    // The switches are looked at when it is dialed; here only what concerns this lead and its hours.
    match gate(&GateInput {
        lead,
        ledger: &ledger,
        campaign: &campaign,
        law: &law,
        switches: Switches::ON,
        account_closed_until: None,
        now,
    }) {
        Gate::Open => Ok(()),
        Gate::Wait { until, .. } => {
            lead.next_at = Some(until.max(lead.next_at.unwrap_or(until)));
            Ok(())
        }
        Gate::Closed { reason } => Err(Problem::new(
            409,
            "never_called",
            format!("failed to resume the lead: it may not be called ({})", reason.code()),
            "do-not-call, a sale or a bad number stay closed",
        )),
    }
}

/// A phone in the query is checked against the lead. A plus sign in a query is a space: people forget to encode it.
async fn check_phone(caller: &Caller<'_>, lead: &Lead) -> Result<(), Problem> {
    let Some(raw) = caller.request.query().get("phone").cloned() else {
        return Ok(());
    };
    let raw = match raw.strip_prefix(' ') {
        Some(rest) => format!("+{rest}"),
        None => raw,
    };
    let region = caller.campaign(lead.campaign.as_str()).await?.default_region;
    let phone = Phone::parse(&raw, region).map_err(|error| {
        Problem::new(
            422,
            "bad_phone",
            error.to_string(),
            "leave `phone` out or give the lead's",
        )
    })?;
    if phone == lead.phone {
        return Ok(());
    }
    Err(Problem::new(
        409,
        "other_phone",
        "failed to change the lead: it has another phone",
        "leave `phone` out or give the lead's",
    ))
}

fn answer(lead: &Lead, changed: bool, remaining: &[AttemptId]) -> Result<Answer, Problem> {
    Ok(Answer::json(
        200,
        &json!({
            "success": true,
            "lead_id": lead.id,
            "status": lead.state,
            "next_redial_timestamp": lead.next_at.map(|at| at.timestamp_millis()),
            "changed": changed,
            "remaining": remaining,
        }),
    ))
}
