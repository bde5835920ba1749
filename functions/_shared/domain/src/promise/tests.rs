//! Which call takes the last place of a promise.

use super::*;
use crate::gate::tests::{NOON, at, campaign, lead, promise, starts};
use crate::law::Law;
use crate::*;

/// What is kept from an ordinary call at noon, by cap and time.
fn kept(lead: &Lead, ledger: &Ledger, campaign: &Campaign, now: &str) -> Option<(u32, DateTime<Utc>)> {
    let hours = CallingHours::of_lead(Law::built_in(), campaign, lead).unwrap();
    let kept = ledger.kept_for_callback(lead, campaign, &hours, at(now));
    kept.map(|kept| (kept.limit, kept.until))
}

#[test]
fn calls_of_any_campaign_stop_one_short_of_the_promising_campaign_s_day_cap() {
    const FOUR: &str = "2026-11-20T21:00:00Z";
    // Calls today, the promise, its campaign's cap, and whether an ordinary call at noon would take its place.
    let rows = [
        (6, FOUR, 8, false),
        (7, FOUR, 8, true),
        // Already full: the promise moves to the next day whatever happens.
        (8, FOUR, 8, false),
        (2, FOUR, 3, true),
        (0, FOUR, 1, true),
        // Tomorrow in the promise's zone: another day.
        (7, "2026-11-21T16:00:00Z", 8, false),
        // Overdue: it is dialed any moment.
        (7, "2026-11-20T16:00:00Z", 8, true),
        // A week overdue: nobody dials it.
        (7, "2026-11-13T16:59:00Z", 8, false),
    ];
    for (calls, promised, cap, is_kept) in rows {
        let ledger = Ledger {
            starts: starts(&vec!["2026-11-20T16:10:00Z"; calls]),
            promises: vec![promise("other", promised, cap)],
            ..Ledger::default()
        };
        let until = at(promised).max(at("2026-11-20T17:15:00Z"));
        let expected = is_kept.then_some((cap, until));
        assert_eq!(
            kept(&lead(), &ledger, &campaign(), NOON),
            expected,
            "{calls} calls, {promised}, cap {cap}"
        );
    }
}

#[test]
fn calls_stop_one_short_of_a_law_s_rolling_cap_and_the_promise_itself_does_not() {
    let mut florida = lead();
    florida.state_code = Some("FL".to_owned());
    let mut ledger = Ledger {
        starts: starts(&["2026-11-20T16:00:00Z", "2026-11-20T16:20:00Z"]),
        promises: vec![promise("other", "2026-11-20T21:00:00Z", 8)],
        ..Ledger::default()
    };
    assert_eq!(
        kept(&florida, &ledger, &campaign(), NOON),
        Some((3, at("2026-11-20T21:00:00Z")))
    );
    // At noon of the day after that all of them are older than 24 hours but the one that would be placed now.
    ledger.promises = vec![promise("other", "2026-11-21T18:00:00Z", 8)];
    assert_eq!(kept(&florida, &ledger, &campaign(), NOON), None);
    // Its own promise, due: this call is the callback.
    ledger.promises = vec![promise("default", NOON, 8)];
    florida.callback_at = Some(at(NOON));
    assert_eq!(kept(&florida, &ledger, &campaign(), NOON), None);
    // A cap by subject does not care about a call on another one.
    let mut boats = campaign();
    boats.subject = Subject::parse("boats").unwrap();
    florida.callback_at = None;
    ledger.promises = vec![promise("other", "2026-11-20T21:00:00Z", 8)];
    assert_eq!(kept(&florida, &ledger, &boats, NOON), None);
}

#[test]
fn each_of_two_promises_has_a_place_kept() {
    let two = |calls: usize| Ledger {
        starts: starts(&vec!["2026-11-20T16:10:00Z"; calls]),
        promises: vec![
            promise("other", "2026-11-20T20:00:00Z", 8),
            promise("third", "2026-11-20T21:00:00Z", 8),
        ],
        ..Ledger::default()
    };
    assert_eq!(kept(&lead(), &two(5), &campaign(), NOON), None);
    assert_eq!(
        kept(&lead(), &two(6), &campaign(), NOON),
        Some((8, at("2026-11-20T21:00:00Z")))
    );
}

#[test]
fn the_lead_s_last_call_of_all_is_its_promise() {
    let mut campaign = campaign();
    campaign.attempts_total_max = Some(3);
    let mut lead = lead();
    lead.attempts = 2;
    assert_eq!(kept(&lead, &Ledger::default(), &campaign, NOON), None);
    lead.callback_at = Some(at("2026-11-20T21:00:00Z"));
    assert_eq!(
        kept(&lead, &Ledger::default(), &campaign, NOON),
        Some((3, at("2026-11-20T21:00:00Z")))
    );
    assert_eq!(kept(&lead, &Ledger::default(), &campaign, "2026-11-20T21:00:00Z"), None);
}

#[test]
fn the_ledger_follows_the_lead_s_promise() {
    let (campaign, mut lead, mut ledger) = (campaign(), lead(), Ledger::default());
    let now = at(NOON);
    assert_eq!(ledger.promises_with(&lead, &campaign, now), None, "nothing to note");
    lead.callback_at = Some(at("2026-11-20T21:00:00Z"));
    lead.state = LeadState::Rescheduled;
    ledger.promises = vec![promise("old", "2026-10-01T00:00:00Z", 8), promise("other", NOON, 8)];
    ledger.promises = ledger.promises_with(&lead, &campaign, now).unwrap();
    let noted: Vec<_> = ledger
        .promises
        .iter()
        .map(|promise| promise.campaign.as_str())
        .collect();
    assert_eq!(noted, ["other", "default"], "soonest first, and none that is long past");
    assert_eq!(ledger.promises_with(&lead, &campaign, now), None, "noted already");
    lead.state = LeadState::Paused;
    assert_eq!(
        ledger.promises_with(&lead, &campaign, now),
        None,
        "a pause forgets nothing"
    );
    lead.state = LeadState::Completed;
    assert_eq!(ledger.promises_with(&lead, &campaign, now).unwrap().len(), 1);
    assert_eq!(ledger.promises_without(&lead.campaign).unwrap().len(), 1);
}

#[test]
fn a_promise_reads_as_it_was_written() {
    let promise = promise("other", "2026-11-20T21:00:00Z", 8);
    let stored = String::from(promise.clone());
    assert_eq!(stored, "1795208400/other/general/8/America/New_York");
    assert_eq!(Promise::try_from(stored), Ok(promise));
    assert!(Promise::try_from("1795208400/other".to_owned()).is_err());
}
