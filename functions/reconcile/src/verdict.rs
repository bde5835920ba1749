//! What follows from what the provider says about an attempt.
//!
//! Pure: attempt, answer, calling hours and time are arguments. It refuses to know who was asked and what is written.
//! Two rules stand above all others. An unknown call is never repeated on a guess, so an answer that leaves a doubt
//! keeps the line locked. And an attempt is given up only when its call cannot be alive.

use chrono::{DateTime, TimeDelta, Utc};
use redial_aws::layout::RECONCILE_SCHEDULE;
use redial_domain::{CALL_MIN_MAX, InFlight, Window};

use crate::questions::Said;

/// A run comes up to a minute late: that is how exact schedules are on AWS.
const RUN_LATE_MIN: i64 = 1;
/// From the beginning of a run to that of the next.
pub(crate) const NEXT_RUN: TimeDelta = TimeDelta::minutes(RECONCILE_SCHEDULE.every_min as i64 + RUN_LATE_MIN);
/// What the next run shall look at is due this long after a look: a little less than runs are apart.
pub(crate) const LOOK_AGAIN: TimeDelta = TimeDelta::minutes(4);
/// A call that goes on is asked about again after this long.
const GOES_ON: TimeDelta = TimeDelta::minutes(10);
/// Two empty answers are this far apart before a call counts as lost: lists of calls lag behind.
pub(crate) const EMPTY_LOOKS_APART: TimeDelta = TimeDelta::minutes(5);
/// Two looks after a stop, five minutes apart. A provider may take some time until it says that a call is over.
pub(crate) const STOPPED_FOR: TimeDelta = TimeDelta::minutes(10);
/// Bland queues what is above an account's limits. Minutes are usual; after an hour a call comes too late for its lead.
const QUEUED_USUALLY: TimeDelta = TimeDelta::hours(1);
/// A day is Bland's longest quota: what waits for one is taken to have begun, or to be forgotten, by then.
const QUEUED_MAX: TimeDelta = TimeDelta::hours(24);
/// A person who was handed to an agent is not cut off by the limit of the first talk, but by that of any call.
const TRANSFERRED_MAX: TimeDelta = TimeDelta::minutes(CALL_MIN_MAX as i64);
/// Bland's clock and ours differ by less.
pub(crate) const CLOCKS_DIFFER: TimeDelta = TimeDelta::minutes(2);

/// An attempt that is looked at, and why.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Look<'a> {
    pub(crate) inflight: &'a InFlight,
    /// Its time is over.
    pub(crate) overdue: bool,
    /// The calling hours end before the next run.
    pub(crate) closing: bool,
    pub(crate) now: DateTime<Utc>,
}

/// What is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// The call is over: the outcome is applied like any webhook's.
    Report,
    /// It goes on, and may.
    GoesOn { ask_again: DateTime<Utc> },
    /// It must end.
    Stop(Cause),
    /// It is given up.
    Lost(Cause),
    /// The provider knows no such call, for the first time.
    UnknownOnce,
    /// Nobody can tell; the line stays locked.
    Locked,
    /// Too early to conclude anything.
    Nothing,
}

/// Why a call must end, or is given up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cause {
    /// It did not begin in the calling hours.
    Closing,
    /// It goes on for longer than it may last.
    TooLong,
    /// The provider knows no such call.
    Unknown,
}

/// Decides.
pub(crate) fn verdict(look: &Look<'_>, said: &Said) -> Verdict {
    let Look { inflight, now, .. } = *look;
    match said {
        Said::Over(_) => Verdict::Report,
        Said::GoesOn {
            started_at,
            transferred,
            ..
        } => goes_on(look, started(inflight, *started_at, now), *transferred),
        // Whatever those calls are: one of ours would be over by now.
        Said::Unclear(_) if now > dead_by(inflight, None) => unknown(look),
        Said::Unknown => unknown(look),
        Said::Unclear(_) | Said::Silent(_) => Verdict::Locked,
    }
}

fn unknown(look: &Look<'_>) -> Verdict {
    match look.inflight.empty_look_at {
        _ if !look.overdue => Verdict::Nothing,
        Some(first) if look.now - first >= EMPTY_LOOKS_APART => Verdict::Lost(Cause::Unknown),
        _ => Verdict::UnknownOnce,
    }
}

fn goes_on(look: &Look<'_>, started: Option<DateTime<Utc>>, transferred: bool) -> Verdict {
    let Look { inflight, now, .. } = *look;
    let over_by = match started {
        Some(start) if transferred => inflight.over_by(start).max(start + TRANSFERRED_MAX),
        Some(start) => inflight.over_by(start),
        None => inflight.over_by(inflight.reserved_at + QUEUED_USUALLY),
    };
    let cause = if now > over_by {
        Cause::TooLong
    } else if look.closing && started.is_none() {
        Cause::Closing
    } else {
        return Verdict::GoesOn {
            ask_again: over_by.min(now + GOES_ON),
        };
    };
    let long_ago = |at: Option<DateTime<Utc>>| at.is_some_and(|at| now - at >= STOPPED_FOR);
    let dead_by = over_by.max(dead_by(inflight, started));
    // INVARIANT: never two calls in flight to one phone. A stop that was confirmed ends a call; so does the longest
    // duration, which the provider is always sent.
    if long_ago(inflight.stopped_at) || (now > dead_by && long_ago(inflight.stop_asked_at)) {
        Verdict::Lost(cause)
    } else {
        Verdict::Stop(cause)
    }
}

/// After this the call cannot be alive, whatever the provider says.
fn dead_by(inflight: &InFlight, started: Option<DateTime<Utc>>) -> DateTime<Utc> {
    inflight.over_by(started.unwrap_or(inflight.reserved_at + QUEUED_MAX))
}

/// When the call was picked up, as far as a provider's clock can be believed.
pub(crate) fn started(inflight: &InFlight, said: Option<DateTime<Utc>>, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
    let begun = said.filter(|at| *at <= now + CLOCKS_DIFFER).or(inflight.started_at)?;
    Some(begun.clamp(inflight.reserved_at.min(now), now))
}

/// Whether the calling hours are over, or end before the next run begins.
///
/// A run selects a call that has not begun at least a minute before the closing, and at most six; the gate permits none
/// in the last seven. So each had a minute to ring, and none waits at the provider any more when the hours end.
pub(crate) fn closes_before_next_run(window: &Window, now: DateTime<Utc>) -> bool {
    let is_closed = |at| !window.is_open(at, TimeDelta::zero());
    // Hours around the clock close at midnight and open at the same instant.
    is_closed(now)
        || window
            .closes_at(now)
            .is_some_and(|closes| closes <= now + NEXT_RUN && is_closed(closes))
}

#[cfg(test)]
pub(crate) mod tests {
    use std::collections::BTreeSet;

    use chrono::Weekday;
    use redial_domain::{
        AttemptId, CallEvent, CallId, Campaign, CampaignId, DeliveryId, Direction, EventKind, Facts, LeadId, Leg,
        LocalTime, Nonce, OurMetadata, Outcome, Owner, Placement,
    };

    use super::*;
    use crate::questions::{AskError, Doubt};

    /// Minutes after the reservation, on a Friday at noon in New York.
    pub(crate) fn min(minutes: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_795_194_000, 0).unwrap() + TimeDelta::minutes(minutes)
    }

    /// An accepted call of at most 15 minutes.
    pub(crate) fn inflight() -> InFlight {
        let campaign = CampaignId::default_campaign();
        InFlight {
            id: AttemptId::parse("01J00000000000000000000001").unwrap(),
            lead: LeadId::parse("L1").unwrap(),
            owner: Owner::from(&campaign),
            campaign,
            slot: "0/0".into(),
            nonce: Nonce::parse("n").unwrap(),
            placement: Placement::Placed,
            reserved_at: min(0),
            place_by: min(0) + TimeDelta::seconds(10),
            lease_until: min(25),
            provider: "p".into(),
            call_id: Some(CallId::parse("c").unwrap()),
            empty_look_at: None,
            max_duration_min: Some(15),
            permitted_by: None,
            law_ends_at: None,
            started_at: None,
            stop_asked_at: None,
            stopped_at: None,
            told: BTreeSet::new(),
        }
    }

    pub(crate) fn event(kind: EventKind) -> CallEvent {
        CallEvent {
            provider: "p".into(),
            call_id: Some(CallId::parse("c").unwrap()),
            kind,
            delivery: DeliveryId::parse("d").unwrap(),
            leg: Leg::Lead,
            direction: Direction::Outbound,
            phone: None,
            ours: OurMetadata::default(),
            facts: Facts::ended(Outcome::NoAnswer),
        }
    }

    fn goes_on_since(started_min: Option<i64>) -> Said {
        Said::GoesOn {
            call_id: CallId::parse("c").unwrap(),
            started_at: started_min.map(min),
            transferred: false,
        }
    }

    type Before = fn(&mut InFlight);

    /// What is said about an overdue attempt at a minute.
    #[track_caller]
    fn hold(rows: &[(&str, i64, Before, Said, Verdict)]) {
        for (case, at, before, said, expected) in rows {
            let mut inflight = inflight();
            before(&mut inflight);
            let look = Look {
                inflight: &inflight,
                overdue: true,
                closing: false,
                now: min(*at),
            };
            assert_eq!(verdict(&look, said), *expected, "{case}");
        }
    }

    #[test]
    fn no_answer_and_a_doubt_lock_the_line_and_only_two_empty_answers_free_it() {
        hold(&[
            (
                "over",
                26,
                |_| {},
                Said::Over(Box::new(event(EventKind::Ended))),
                Verdict::Report,
            ),
            ("no such call", 26, |_| {}, Said::Unknown, Verdict::UnknownOnce),
            (
                "again too soon",
                30,
                |i| i.empty_look_at = Some(min(26)),
                Said::Unknown,
                Verdict::UnknownOnce,
            ),
            (
                "again",
                31,
                |i| i.empty_look_at = Some(min(26)),
                Said::Unknown,
                Verdict::Lost(Cause::Unknown),
            ),
            (
                "silent",
                31,
                |i| i.empty_look_at = Some(min(26)),
                Said::Silent(AskError::Unavailable),
                Verdict::Locked,
            ),
            (
                "silent for a week",
                10_000,
                |_| {},
                Said::Silent(AskError::Refused { status: 401 }),
                Verdict::Locked,
            ),
            (
                "in doubt",
                31,
                |i| i.empty_look_at = Some(min(26)),
                Said::Unclear(Doubt::NotAllAsked),
                Verdict::Locked,
            ),
            (
                "in doubt for a day",
                24 * 60 + 25,
                |_| {},
                Said::Unclear(Doubt::WithoutId),
                Verdict::Locked,
            ),
            (
                "and longer",
                24 * 60 + 26,
                |_| {},
                Said::Unclear(Doubt::WithoutId),
                Verdict::UnknownOnce,
            ),
        ]);
    }

    #[test]
    fn a_call_that_goes_on_is_stopped_when_it_cannot_last_any_more_and_given_up_two_looks_later() {
        let (stop, lost) = (Verdict::Stop(Cause::TooLong), Verdict::Lost(Cause::TooLong));
        let goes_on = |minutes| Verdict::GoesOn {
            ask_again: min(minutes),
        };
        hold(&[
            ("talks", 26, |_| {}, goes_on_since(Some(10)), goes_on(35)),
            (
                "talks, as it was told before",
                26,
                |i| i.started_at = Some(min(10)),
                goes_on_since(None),
                goes_on(35),
            ),
            (
                "has 15 minutes and the margin",
                35,
                |_| {},
                goes_on_since(Some(10)),
                goes_on(35),
            ),
            ("talks for too long", 36, |_| {}, goes_on_since(Some(10)), stop),
            (
                "the stop was not confirmed",
                41,
                |i| i.stop_asked_at = Some(min(36)),
                goes_on_since(Some(10)),
                stop,
            ),
            (
                "nor ever",
                46,
                |i| i.stop_asked_at = Some(min(36)),
                goes_on_since(Some(10)),
                lost,
            ),
            (
                "one look after the stop",
                41,
                |i| i.stopped_at = Some(min(36)),
                goes_on_since(Some(10)),
                stop,
            ),
            (
                "two looks",
                46,
                |i| i.stopped_at = Some(min(36)),
                goes_on_since(Some(10)),
                lost,
            ),
            ("waits at the provider", 26, |_| {}, goes_on_since(None), goes_on(36)),
            ("waits for too long", 86, |_| {}, goes_on_since(None), stop),
            (
                "the stop was not confirmed: it may still begin",
                96,
                |i| i.stop_asked_at = Some(min(86)),
                goes_on_since(None),
                stop,
            ),
            (
                "for a day",
                24 * 60 + 26,
                |i| i.stop_asked_at = Some(min(86)),
                goes_on_since(None),
                lost,
            ),
            (
                "it was confirmed",
                96,
                |i| i.stopped_at = Some(min(86)),
                goes_on_since(None),
                lost,
            ),
            (
                "began in spite of a stop at closing",
                20,
                |i| i.stopped_at = Some(min(5)),
                goes_on_since(Some(6)),
                goes_on(30),
            ),
            (
                "began in the last century",
                10,
                |_| {},
                goes_on_since(Some(-60_000_000)),
                goes_on(20),
            ),
            (
                "begins tomorrow, they say",
                86,
                |_| {},
                goes_on_since(Some(1_440)),
                stop,
            ),
            (
                "an older build did not note how long it may last",
                100,
                |i| i.max_duration_min = None,
                goes_on_since(Some(0)),
                goes_on(110),
            ),
        ]);
    }

    #[test]
    fn a_person_who_talks_with_an_agent_is_not_cut_off_by_the_limit_of_the_first_talk() {
        let with_an_agent = || Said::GoesOn {
            call_id: CallId::parse("c").unwrap(),
            started_at: Some(min(0)),
            transferred: true,
        };
        let rows: [(&str, i64, Before, Verdict); 3] = [
            ("an hour", 60, |_| {}, Verdict::GoesOn { ask_again: min(70) }),
            ("two hours", 121, |_| {}, Verdict::Stop(Cause::TooLong)),
            (
                "in spite of a stop",
                131,
                |i| i.stop_asked_at = Some(min(121)),
                Verdict::Lost(Cause::TooLong),
            ),
        ];
        hold(&rows.map(|(case, at, before, expected)| (case, at, before, with_an_agent(), expected)));
    }

    #[test]
    fn before_its_time_is_over_an_attempt_is_only_asked_about_to_stop_it_at_closing() {
        let before = |said: &Said, closing, stopped: Option<i64>| {
            let inflight = InFlight {
                stopped_at: stopped.map(min),
                ..inflight()
            };
            let look = Look {
                inflight: &inflight,
                overdue: false,
                closing,
                now: min(12),
            };
            verdict(&look, said)
        };
        let goes_on = Verdict::GoesOn { ask_again: min(22) };
        assert_eq!(before(&goes_on_since(None), true, None), Verdict::Stop(Cause::Closing));
        assert_eq!(
            before(&goes_on_since(None), true, Some(2)),
            Verdict::Lost(Cause::Closing)
        );
        assert_eq!(before(&goes_on_since(None), false, None), goes_on);
        assert_eq!(
            before(&goes_on_since(Some(11)), true, None),
            goes_on,
            "a talk is never cut off"
        );
        assert_eq!(before(&Said::Unknown, true, None), Verdict::Nothing);
        assert_eq!(
            before(&Said::Silent(AskError::Unavailable), true, None),
            Verdict::Locked
        );
    }

    #[test]
    fn a_run_sees_the_closing_that_comes_before_the_next_one() {
        let window = |start: (u16, u16), end: (u16, u16)| Window {
            zone: "America/New_York".parse().unwrap(),
            days: vec![Weekday::Thu, Weekday::Fri],
            start: LocalTime::new(start.0, start.1).unwrap(),
            end: LocalTime::new(end.0, end.1).unwrap(),
            blackout_dates: BTreeSet::new(),
        };
        let at = |text: &str| DateTime::parse_from_rfc3339(text).unwrap().to_utc();
        let (day, always) = (window((11, 0), (20, 0)), window((0, 0), (24, 0)));
        for (hours, now, closes) in [
            (&day, "2026-11-20T19:53:59-05:00", false),
            (&day, "2026-11-20T19:54:00-05:00", true),
            (&day, "2026-11-20T20:00:00-05:00", true),
            (&day, "2026-11-20T10:59:00-05:00", true),
            (&day, "2026-11-20T11:00:00-05:00", false),
            (&always, "2026-11-19T23:58:00-05:00", false),
            (&always, "2026-11-20T23:58:00-05:00", true),
        ] {
            assert_eq!(closes_before_next_run(hours, at(now)), closes, "{now}");
        }
    }

    #[test]
    fn every_call_had_a_minute_to_ring_before_a_run_stops_it_at_closing() {
        assert!(Campaign::CLOSING_MARGIN - NEXT_RUN >= TimeDelta::minutes(1));
        assert!(
            TimeDelta::minutes(RUN_LATE_MIN) >= TimeDelta::minutes(1),
            "and a run has a minute to do it"
        );
        assert!(LOOK_AGAIN < TimeDelta::minutes(i64::from(RECONCILE_SCHEDULE.every_min)));
    }
}
