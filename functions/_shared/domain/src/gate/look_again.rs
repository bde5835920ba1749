//! A lead that the gate held up or out, once something that the gate asks for was changed: is it called sooner now?
//!
//! Only what the gate itself decided is decided again. A time that a rule or a person chose stays.

use chrono::{DateTime, Utc};

use super::{ClosedReason, Gate, GateInput, WaitReason, gate};
use crate::next_step::whole_seconds_up;
use crate::{CALLER_IDS_REST, Lane, Lead, LeadState, Switches};

/// Reasons for which a lead sleeps until a time that the gate has set.
const HELD_UP: [&str; 9] = [
    "abandoned_calls",
    "banned",
    CALLER_IDS_REST,
    "law_cap",
    "daily_cap",
    "kept_for_callback",
    "ledger_full",
    "outside_law",
    "outside_window",
];

/// Whether a lead that waits for this reason was given its time by hours, a law, a ban or a cap. `callback` is the first time of
/// a promise, which they may have moved already.
pub(crate) fn moves_by_law(reason: &str) -> bool {
    HELD_UP.contains(&reason) || matches!(reason, "callback" | "looked_at_again")
}

/// Reasons for which a lead waits for a person.
const HELD_OUT: [&str; 5] = ["no_law", "no_consent", "registry_unchecked", "hung_up", "never_opens"];

impl Lead {
    /// The lead as it stands in the queue when nothing else keeps it: now, or at the time that was promised.
    #[must_use]
    pub fn back_in_queue(&self, now: DateTime<Utc>) -> Self {
        Self {
            state: if self.callback_at.is_some() {
                LeadState::Rescheduled
            } else {
                LeadState::Pending
            },
            lane: match (self.callback_at, self.attempts) {
                (Some(_), _) => Lane::Promise,
                (None, 0) => Lane::Fresh,
                (None, _) => Lane::Ladder,
            },
            next_at: Some(whole_seconds_up(
                self.callback_at.map_or(now, |promised| promised.max(now)),
            )),
            ..self.clone()
        }
    }
}

/// The lead as it becomes; nothing when it stays as it is. Switches and the account are left to whoever dials.
pub fn look_again(input: &GateInput<'_>) -> Option<Lead> {
    let GateInput { lead, now, .. } = *input;
    let because = |codes: &[&str]| lead.reason.as_deref().is_some_and(|reason| codes.contains(&reason));
    let held_up = lead.state.waits() && because(&HELD_UP) && lead.next_at.is_some_and(|next| next > now);
    let held_out = lead.state == LeadState::Parked && because(&HELD_OUT);
    if !held_up && !held_out && lead.state != LeadState::MaxAttempts {
        return None;
    }
    let mut again = lead.back_in_queue(now);
    let answer = gate(&GateInput {
        lead: &again,
        switches: Switches::ON,
        account_closed_until: None,
        ..*input
    });
    match answer {
        Gate::Open => again.reason = Some("looked_at_again".to_owned()),
        Gate::Wait { reason, until } => {
            again.next_at = again.next_at.max(Some(whole_seconds_up(until)));
            again.reason = Some(reason.code().to_owned());
            if matches!(reason, WaitReason::DailyCap { .. }) && again.state == LeadState::Pending {
                again.state = LeadState::DailyMaxReached;
            }
        }
        // What keeps it out may be another thing now, and people should read the true one.
        Gate::Closed { reason } => {
            let told = lead.reason.as_deref() == Some(reason.code());
            if !held_out || told || matches!(reason, ClosedReason::State { .. }) {
                return None;
            }
            again.next_at = None;
            again.state = reason.state();
            again.lane = lead.lane;
            again.reason = Some(reason.code().to_owned());
        }
    }
    (!held_up || again.next_at < lead.next_at).then_some(again)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gate::tests::{NOON, at, campaign, lead};
    use crate::law::Law;
    use crate::{Campaign, Ledger};

    fn looked(lead: &Lead, campaign: &Campaign) -> Option<Lead> {
        let ledger = Ledger::default();
        look_again(&GateInput {
            lead,
            ledger: &ledger,
            campaign,
            law: Law::built_in(),
            switches: Switches::OFF,
            account_closed_until: Some(at("2030-01-01T00:00:00Z")),
            now: at(NOON),
        })
    }

    #[test]
    fn only_what_the_gate_decided_is_decided_again_and_only_sooner() {
        let monday = Some(at("2026-11-23T16:00:00Z"));
        type Row = (
            LeadState,
            &'static str,
            Option<DateTime<Utc>>,
            Option<(LeadState, &'static str)>,
        );
        let noon = (LeadState::Pending, NOON);
        let rows: [Row; 9] = [
            (LeadState::Pending, "outside_window", monday, Some(noon)),
            (LeadState::DailyMaxReached, "daily_cap", monday, Some(noon)),
            (LeadState::Pending, "banned", monday, Some(noon)),
            (LeadState::Pending, "outside_window", Some(at(NOON)), None),
            (LeadState::Pending, "interval", monday, None),
            (LeadState::Parked, "no_consent", None, Some(noon)),
            (LeadState::Parked, "rule_failed", None, None),
            (LeadState::Paused, "paused", None, None),
            (LeadState::Completed, "do_not_call", None, None),
        ];
        for (state, reason, next_at, becomes) in rows {
            let lead = Lead {
                state,
                reason: Some(reason.into()),
                next_at,
                ..lead()
            };
            let found = looked(&lead, &campaign()).map(|again| (again.state, again.next_at));
            let expected = becomes.map(|(state, next)| (state, Some(at(next))));
            assert_eq!(found, expected, "{state:?} {reason}");
        }
    }

    #[test]
    fn a_lead_out_of_calls_goes_on_when_there_are_more_and_a_promise_keeps_its_time() {
        let mut campaign = campaign();
        let mut lead = Lead {
            state: LeadState::MaxAttempts,
            reason: Some("max_attempts".into()),
            next_at: None,
            attempts: 3,
            ..lead()
        };
        campaign.attempts_total_max = Some(3);
        assert_eq!(looked(&lead, &campaign), None);
        campaign.attempts_total_max = Some(4);
        assert_eq!(looked(&lead, &campaign).map(|again| again.lane), Some(Lane::Ladder));
        lead.callback_at = Some(at("2026-11-20T19:00:00Z"));
        let again = looked(&lead, &campaign).unwrap();
        assert_eq!((again.state, again.next_at), (LeadState::Rescheduled, lead.callback_at));
    }

    #[test]
    fn what_keeps_a_lead_out_is_told_as_it_is_now() {
        let mut campaign = campaign();
        campaign.consent = None;
        let lead = Lead {
            state: LeadState::Parked,
            reason: Some("never_opens".into()),
            next_at: None,
            ..lead()
        };
        let again = looked(&lead, &campaign).unwrap();
        assert_eq!(
            (again.state, again.reason.as_deref()),
            (LeadState::Parked, Some("no_consent"))
        );
    }
}
