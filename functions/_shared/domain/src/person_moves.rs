//! What becomes of a lead when a person puts it at a status, or promises somebody a call.
//!
//! Data flow: the lead, what the rule set says of the status (does calling stop there?), a promised time → the lead as it
//! stands then, with its next time as the gate would allow it.
//!
//! Pure. Whether the move is allowed is the rule set's matter, and what a stop does to the phone the ledger's. A person
//! who paused a lead or took it out keeps the last word on where it stands in the queue.

use chrono::{DateTime, Utc};

use crate::next_step::whole_seconds_up;
use crate::{
    ClosedReason, Gate, GateInput, Lane, Lead, LeadState, Ledger, StatusName, StopScope, Switches, WaitReason, gate,
};

/// Why a call was not promised.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NotPromised {
    /// Nobody calls a lead in this state.
    State(LeadState),
    /// The gate closes the lead.
    Closed(ClosedReason),
}

/// The lead at a status that a person chose. `stop` is what the rule set says of that status; `callback_at` is promised
/// with the move, unless it stops.
pub fn moved_by_person(
    input: &GateInput<'_>,
    to: &StatusName,
    stop: Option<StopScope>,
    callback_at: Option<DateTime<Utc>>,
) -> Lead {
    let GateInput { lead, now, .. } = *input;
    let mut moved = Lead {
        version: lead.version + 1,
        updated_at: now,
        ..lead.clone()
    };
    if moved.status != *to {
        moved.status = to.clone();
        moved.status_at = now;
    }
    if let Some(scope) = stop {
        if moved.state != LeadState::Removed {
            moved.state = LeadState::Completed;
        }
        moved.next_at = None;
        moved.callback_at = None;
        let word = if scope == StopScope::Phone {
            "do_not_call"
        } else {
            "stopped_by_status"
        };
        moved.reason = Some(word.to_owned());
        return moved;
    }
    if callback_at.is_some() && moved.state != LeadState::Removed {
        moved.callback_at = callback_at;
    }
    match lead.state {
        // It was stopped, and at this status nothing stops it. What the gate closes for good stays closed.
        LeadState::Completed if lead.status != *to || callback_at.is_some() => {
            planned(input, moved, "resumed_by_status")
        }
        _ if lead.state.waits() && callback_at.is_some() => planned(input, moved, "callback"),
        _ => moved,
    }
}

/// The lead with a promised call.
///
/// # Errors
/// When the lead is not called any more, or the gate closes it.
pub fn promised_by_person(input: &GateInput<'_>, at: DateTime<Utc>) -> Result<Lead, NotPromised> {
    let GateInput { lead, now, .. } = *input;
    let promised = Lead {
        version: lead.version + 1,
        updated_at: now,
        callback_at: Some(at),
        ..lead.clone()
    };
    match lead.state {
        // It is owed from now on, and called when somebody lets the lead go on.
        LeadState::Paused | LeadState::Parked => Ok(promised),
        state if state.waits() => match asked(input, &promised) {
            Gate::Closed { reason } => Err(NotPromised::Closed(reason)),
            _ => Ok(planned(input, promised, "callback")),
        },
        state => Err(NotPromised::State(state)),
    }
}

/// What the gate says of a lead that is back in its queue, at the time that it has there.
fn asked(input: &GateInput<'_>, lead: &Lead) -> Gate {
    let lead = lead.back_in_queue(input.now);
    let now = lead.next_at.map_or(input.now, |next| next.max(input.now));
    // The call that is under way now is over by a later time.
    let later = Ledger {
        inflight: input.ledger.inflight.clone().filter(|_| now <= input.now),
        ..input.ledger.clone()
    };
    gate(&GateInput {
        lead: &lead,
        ledger: &later,
        switches: Switches::ON,
        account_closed_until: None,
        now,
        ..*input
    })
}

/// The lead back in its queue: now or at its promised time, or when the gate opens after that.
fn planned(input: &GateInput<'_>, lead: Lead, why: &str) -> Lead {
    let answer = asked(input, &lead);
    let lane = lead.lane;
    let mut planned = lead.back_in_queue(input.now);
    match answer {
        Gate::Open => planned.reason = Some(why.to_owned()),
        Gate::Wait { reason, until } => {
            planned.next_at = planned.next_at.max(Some(whole_seconds_up(until)));
            planned.reason = Some(reason.code().to_owned());
            if matches!(reason, WaitReason::DailyCap { .. }) && planned.state == LeadState::Pending {
                planned.state = LeadState::DailyMaxReached;
            }
        }
        Gate::Closed { reason } => {
            planned.state = reason.state();
            planned.next_at = None;
            planned.lane = lane;
            planned.reason = Some(reason.code().to_owned());
            // Whoever is parked is still owed what was promised.
            planned.callback_at = planned.callback_at.filter(|_| planned.state == LeadState::Parked);
        }
    }
    debug_assert!(planned.next_at.is_some() == planned.state.waits());
    debug_assert!(planned.callback_at.is_none() || planned.lane == Lane::Promise || !planned.state.waits());
    planned
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gate::tests::{NOON, at, campaign, lead};
    use crate::law::Law;

    /// Friday 22:00 in New York, and Monday's opening.
    const NIGHT: &str = "2026-11-21T03:00:00Z";
    const MONDAY: &str = "2026-11-23T16:00:00Z";

    fn with<T>(lead: &Lead, ledger: &Ledger, now: &str, act: impl FnOnce(&GateInput<'_>) -> T) -> T {
        let campaign = campaign();
        act(&GateInput {
            lead,
            ledger,
            campaign: &campaign,
            law: Law::built_in(),
            switches: Switches::OFF,
            account_closed_until: None,
            now: at(now),
        })
    }

    fn status(name: &str) -> StatusName {
        StatusName::parse(name).unwrap()
    }

    #[test]
    fn where_a_lead_stands_after_a_person_moved_it() {
        use LeadState::{Completed, MaxAttempts, Parked, Paused, Pending, Removed};
        let stop = Some(StopScope::Lead);
        let phone = Some(StopScope::Phone);
        let monday = Some(at(MONDAY));
        // State before, what the rules say of the status, state after, next call, why.
        let rows = [
            (Pending, None, Pending, Some(at(NOON)), Some("interval")),
            (Pending, stop, Completed, None, Some("stopped_by_status")),
            (Pending, phone, Completed, None, Some("do_not_call")),
            (Completed, None, Pending, monday, Some("outside_law")),
            (Completed, stop, Completed, None, Some("stopped_by_status")),
            (Paused, None, Paused, None, Some("interval")),
            (Paused, stop, Completed, None, Some("stopped_by_status")),
            (Parked, None, Parked, None, Some("interval")),
            (MaxAttempts, None, MaxAttempts, None, Some("interval")),
            (Removed, None, Removed, None, Some("interval")),
            (Removed, phone, Removed, None, Some("do_not_call")),
        ];
        for (before, stop, after, next_at, why) in rows {
            let lead = Lead {
                state: before,
                next_at: before.waits().then(|| at(NOON)),
                reason: Some("interval".into()),
                ..lead()
            };
            let moved = with(&lead, &Ledger::default(), NIGHT, |input| {
                moved_by_person(input, &status("contacted"), stop, None)
            });
            assert_eq!(
                (moved.state, moved.next_at, moved.reason.as_deref()),
                (after, next_at, why),
                "{before:?} {stop:?}"
            );
            assert_eq!((moved.version, moved.status_at), (2, at(NIGHT)));
        }
    }

    #[test]
    fn a_lead_whose_phone_is_marked_stays_closed_at_any_status() {
        let ledger = Ledger {
            dnc_at: Some(at(NOON)),
            ..Ledger::default()
        };
        let lead = Lead {
            state: LeadState::Completed,
            next_at: None,
            ..lead()
        };
        let moved = with(&lead, &ledger, NOON, |input| {
            moved_by_person(input, &status("contacted"), None, None)
        });
        assert_eq!((moved.state, moved.next_at), (LeadState::Completed, None));
        assert_eq!(moved.reason.as_deref(), Some("do_not_call"));
        let refused = with(
            &Lead {
                state: LeadState::Pending,
                ..lead
            },
            &ledger,
            NOON,
            |input| promised_by_person(input, at(MONDAY)),
        );
        assert!(matches!(
            refused,
            Err(NotPromised::Closed(ClosedReason::DoNotCall { .. }))
        ));
    }

    #[test]
    fn a_promise_is_kept_at_its_time_or_at_the_first_opening_after_it() {
        let ledger = Ledger::default();
        let noon_later = "2026-11-23T17:30:00Z";
        for (promised, next) in [(noon_later, noon_later), (NIGHT, MONDAY)] {
            let kept = with(&lead(), &ledger, NOON, |input| promised_by_person(input, at(promised))).unwrap();
            assert_eq!((kept.state, kept.lane), (LeadState::Rescheduled, Lane::Promise));
            assert_eq!((kept.callback_at, kept.next_at), (Some(at(promised)), Some(at(next))));
        }
        let paused = Lead {
            state: LeadState::Paused,
            next_at: None,
            ..lead()
        };
        let kept = with(&paused, &ledger, NOON, |input| promised_by_person(input, at(MONDAY))).unwrap();
        assert_eq!((kept.state, kept.next_at), (LeadState::Paused, None));
        let removed = Lead {
            state: LeadState::Removed,
            ..paused
        };
        assert_eq!(
            with(&removed, &ledger, NOON, |input| promised_by_person(input, at(MONDAY))),
            Err(NotPromised::State(LeadState::Removed))
        );
    }
}
