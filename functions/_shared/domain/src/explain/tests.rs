//! An explanation tells the gate's own story.

use super::*;
use crate::gate::tests::{NOON, at, campaign, inflight, lead};
use crate::law::Law;
use crate::{CampaignStatus, Lead, LeadState, Ledger, Start, Subject, Switches, gate};

const ON: Switches = Switches {
    enabled: true,
    running: true,
    campaign: CampaignStatus::Running,
};

fn starts(times: &[&str]) -> Ledger {
    let subject = Subject::parse("general").unwrap();
    let start = |text: &&str| Start {
        at: at(text),
        subject: subject.clone(),
    };
    Ledger {
        starts: times.iter().map(start).collect(),
        ..Ledger::default()
    }
}

#[test]
fn the_fourth_call_in_florida_names_the_statute_and_its_time() {
    let lead = Lead {
        state_code: Some("FL".into()),
        ..lead()
    };
    let campaign = campaign();
    let mut ledger = starts(&["2026-11-19T20:00:00Z", "2026-11-20T16:10:00Z", "2026-11-20T16:20:00Z"]);
    // What somebody else's call was about is not known, so it counts.
    ledger.starts[0].subject = Subject::any();
    let input = GateInput {
        lead: &lead,
        ledger: &ledger,
        campaign: &campaign,
        law: Law::built_in(),
        switches: ON,
        account_closed_until: None,
        now: at(NOON),
    };
    let told = explain(&input);
    assert_eq!(told.answer, gate(&input));
    assert_eq!(told.first_blocking, Some("law_cap"));
    assert_eq!(told.next_possible, Some(at("2026-11-20T20:07:00Z")));
    let line = told.gates.iter().find(|line| line.gate == "law_cap").unwrap();
    assert_eq!(line.value, "3 calls that count");
    assert!(
        line.limit.starts_with("3 calls in any 24 hours, about one subject"),
        "{}",
        line.limit
    );
    assert!(line.source.contains("501.616"), "{}", line.source);
    let florida = told.laws.iter().find(|line| line.jurisdiction == "US-FL").unwrap();
    assert_eq!(florida.hours_today, "08:00-20:00");
}

#[test]
fn while_a_call_rings_the_end_of_a_cap_is_known_and_a_switch_has_none() {
    let lead = Lead {
        state_code: Some("FL".into()),
        ..lead()
    };
    let campaign = campaign();
    let three = ["2026-11-20T16:10:00Z", "2026-11-20T16:20:00Z", "2026-11-20T16:57:00Z"];
    let off = Switches { enabled: false, ..ON };
    let friday = Some("2026-11-20T17:01:00Z");
    let rows = [
        (
            &three[..],
            ON,
            Some("2026-11-23T16:00:00Z"),
            "the earliest time that is known: the phone is being called",
        ),
        (
            &three[2..],
            ON,
            friday,
            "the earliest time that is known: the phone is being called",
        ),
        (
            &three[2..],
            off,
            None,
            "nobody knows when `disabled` is over; everything else allows a call from 2026-11-20T17:01:00+00:00 on",
        ),
    ];
    for (begun, switches, next, note) in rows {
        let mut ledger = starts(begun);
        ledger.inflight = Some(inflight());
        let told = explain(&GateInput {
            lead: &lead,
            ledger: &ledger,
            campaign: &campaign,
            law: Law::built_in(),
            switches,
            account_closed_until: None,
            now: at(NOON),
        });
        assert_eq!(told.next_possible, next.map(at), "{note}");
        assert!(
            told.next_possible_note
                .as_ref()
                .is_some_and(|told| told.starts_with(note)),
            "{told:?}"
        );
    }
}

#[test]
fn who_had_all_calls_is_told_the_cap_and_not_the_state() {
    let mut campaign = campaign();
    campaign.attempts_total_max = Some(3);
    for (state, attempts, first) in [
        (LeadState::MaxAttempts, 3, "total_cap"),
        (LeadState::Pending, 3, "total_cap"),
        (LeadState::MaxAttempts, 2, "state"),
        (LeadState::Paused, 3, "state"),
        (LeadState::Completed, 3, "state"),
    ] {
        let lead = Lead {
            state,
            attempts,
            ..lead()
        };
        let input = GateInput {
            lead: &lead,
            ledger: &Ledger::default(),
            campaign: &campaign,
            law: Law::built_in(),
            switches: ON,
            account_closed_until: None,
            now: at(NOON),
        };
        let told = explain(&input);
        assert_eq!(told.first_blocking, Some(first), "{state:?} {attempts}");
        let note = format!("`{first}` has no end of its own");
        assert!(told.next_possible_note.is_some_and(|told| told.starts_with(&note)));
    }
}

#[test]
fn every_check_has_a_line_whatever_the_answer() {
    let campaign = campaign();
    let nowhere = Lead {
        phone: crate::Phone::parse("+442079460000", crate::Region::US).unwrap(),
        ..lead()
    };
    for lead in [lead(), nowhere] {
        for now in [NOON, "2026-11-21T03:00:00Z"] {
            let ledger = starts(&["2026-11-20T16:59:00Z"]);
            let input = GateInput {
                lead: &lead,
                ledger: &ledger,
                campaign: &campaign,
                law: Law::built_in(),
                switches: ON,
                account_closed_until: None,
                now: at(now),
            };
            let told = explain(&input);
            assert_eq!(told.gates.len(), Check::ALL.len());
            assert!(
                told.gates
                    .iter()
                    .all(|line| !line.value.is_empty() && !line.limit.is_empty())
            );
            let code = match gate(&input) {
                Gate::Open => None,
                Gate::Wait { reason, until } => {
                    assert!(told.next_possible.is_none_or(|next| next >= until));
                    Some(reason.code())
                }
                Gate::Closed { reason } => Some(reason.code()),
            };
            assert_eq!(told.first_blocking, code);
            let names: std::collections::BTreeSet<_> = told.gates.iter().map(|line| line.gate).collect();
            assert_eq!(names.len(), Check::ALL.len(), "each reason once");
        }
    }
}
