//! Turns what a rule wishes into what happens to the lead.
//!
//! Limits and stops always win over wishes. A do-not-call stops the phone whatever a script answered; a lead that a
//! person paused or removed stays where the person put it; a try that never rang keeps its place on the ladder.

use chrono::{DateTime, SubsecRound, TimeDelta, Utc};

use crate::{
    CallEvent, Campaign, Direction, Disposition, EventKind, FailureClass, Lane, Lead, LeadState, MINIMUM_GAP_S,
    NextWish, RuleAnswer, StatusName, StopScope, Transfer, Window,
};

/// A person who was connected to an agent is not called while the two may still talk.
const TRANSFER_HOLD: TimeDelta = TimeDelta::minutes(30);

/// Longest wait after tries that were refused before dialing: two hours, the last rung of the ladder.
const REFUSED_WAIT_MAX_MIN: i64 = 120;

/// What limits a step, counted with the call that just ended.
#[derive(Debug, Clone, Copy)]
pub struct Limits<'a> {
    /// When the campaign may call.
    pub window: &'a Window,
    /// Calls to the phone on one local day.
    pub attempts_per_day_max: u32,
    /// Calls in the lead's life.
    pub attempts_total_max: Option<u32>,
    /// Calls the phone had on this local day, over all campaigns.
    pub phone_calls_today: u32,
    /// When the phone's newest call started.
    pub last_start: Option<DateTime<Utc>>,
}

/// What happens to the lead.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    /// Its status for the business.
    pub status: StatusName,
    /// Its state in the queue.
    pub state: LeadState,
    /// Its next call.
    pub next: Next,
    /// How far a stop reaches, if there is one.
    pub stop: Option<StopScope>,
    /// The promised time that it now waits for.
    pub callback_at: Option<DateTime<Utc>>,
    /// The phone is not called before.
    pub hold_until: Option<DateTime<Utc>>,
    /// The number is bad for good: every lead of the phone is closed.
    pub bad_number: bool,
    /// Why, as a short code.
    pub reason: &'static str,
}

/// When the lead is called next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// As planned before.
    Keep,
    /// At a time, from a line of the queue.
    At(DateTime<Utc>, Lane),
    /// Not any more.
    Never,
}

/// Decides what happens to a lead after an event. The lead is already counted: its attempts include this call.
pub fn next_step(lead: &Lead, event: &CallEvent, answer: &RuleAnswer, limits: &Limits<'_>, now: DateTime<Utc>) -> Step {
    let facts = &event.facts;
    let ended_at = facts.ended_at.filter(|end| *end <= now).unwrap_or(now);
    // Whatever the talk came to: who bought after the transfer may still be talking, and has other leads.
    let hold_until = (facts.transfer == Transfer::Connected).then(|| ended_at + TRANSFER_HOLD);
    let step = |state, next, reason| Step {
        status: answer.status.clone(),
        state,
        next,
        stop: None,
        callback_at: None,
        hold_until,
        bad_number: false,
        reason,
    };

    if let Some(scope) = stop_scope(event, answer) {
        // A person who took the lead out keeps the last word on where it stands.
        let state = if lead.state == LeadState::Removed {
            LeadState::Removed
        } else {
            LeadState::Completed
        };
        let reason = if scope == StopScope::Phone {
            "do_not_call"
        } else {
            "stopped_by_rule"
        };
        return Step {
            stop: Some(scope),
            ..step(state, Next::Never, reason)
        };
    }
    if facts.failure == Some(FailureClass::BadNumber) && event.direction == Direction::Outbound {
        let state = if lead.state == LeadState::Removed {
            LeadState::Removed
        } else {
            LeadState::Completed
        };
        return Step {
            bad_number: true,
            ..step(state, Next::Never, "bad_number")
        };
    }
    if !lead.state.waits() {
        return step(lead.state, Next::Keep, "state_kept");
    }

    let promised = match answer.next {
        NextWish::At(time) if time > now => Some(time),
        _ => None,
    };
    let is_news_only = event.kind == EventKind::Later || event.direction == Direction::Inbound;
    if is_news_only && promised.is_none() {
        return Step {
            callback_at: lead.callback_at,
            ..step(lead.state, Next::Keep, "next_call_kept")
        };
    }
    if let Some(limit) = limits.attempts_total_max
        && lead.attempts >= limit
    {
        return step(LeadState::MaxAttempts, Next::Never, "max_attempts");
    }

    let capped = limits.phone_calls_today >= limits.attempts_per_day_max;
    let earliest = limits
        .last_start
        .map_or(now, |start| start + TimeDelta::seconds(MINIMUM_GAP_S));
    let open = |from: DateTime<Utc>| {
        limits
            .window
            .next_open(whole_seconds_up(from), Campaign::CLOSING_MARGIN)
    };
    // Hours that run past midnight open on the next day at once, so a next day does not make up for a wait.
    let next_day = |not_before: DateTime<Utc>| {
        let opens = limits.window.next_day_open(now, Campaign::CLOSING_MARGIN)?;
        open(opens.max(not_before))
    };
    let same_day = |time| limits.window.date_of(time) == limits.window.date_of(now);

    let (state, time, lane, reason) = if let Some(time) = promised {
        let time = if capped && same_day(time) {
            next_day(earliest)
        } else {
            open(time.max(earliest))
        };
        (LeadState::Rescheduled, time, Lane::Promise, "callback")
    } else if !facts.may_have_rung {
        let wait = TimeDelta::minutes((2_i64 << lead.refusals.min(8)).min(REFUSED_WAIT_MAX_MIN));
        (
            LeadState::Pending,
            open((now + wait).max(earliest)),
            lead.lane,
            "refused_before_dialing",
        )
    } else if capped {
        let due = match answer.next {
            NextWish::InMinutes(wait) => ended_at + TimeDelta::minutes(i64::from(wait)),
            NextWish::At(_) | NextWish::NextDay => earliest,
        };
        (
            LeadState::DailyMaxReached,
            next_day(due.max(earliest)),
            Lane::Ladder,
            "daily_cap",
        )
    } else {
        match answer.next {
            NextWish::InMinutes(wait) => {
                let due = ended_at + TimeDelta::minutes(i64::from(wait));
                (LeadState::Pending, open(due.max(earliest)), Lane::Ladder, "interval")
            }
            NextWish::At(_) => (
                LeadState::Pending,
                open(earliest),
                Lane::Promise,
                "callback_time_passed",
            ),
            NextWish::NextDay => (LeadState::Pending, next_day(earliest), Lane::Ladder, "next_day"),
        }
    };
    match time {
        Some(time) => Step {
            callback_at: promised,
            ..step(state, Next::At(time, lane), reason)
        },
        // Hours that never open again: shown to people as parked, because nobody else would ever look at the lead.
        None => step(LeadState::Parked, Next::Never, "never_opens"),
    }
}

fn stop_scope(event: &CallEvent, answer: &RuleAnswer) -> Option<StopScope> {
    if event.facts.stop.is_some() || answer.disposition == Disposition::Dnc {
        return Some(StopScope::Phone);
    }
    answer.stop.as_ref().map(|wish| wish.scope)
}

/// Queue and ledger keep whole seconds; rounding up never dials early.
pub(crate) fn whole_seconds_up(at: DateTime<Utc>) -> DateTime<Utc> {
    let down = at.trunc_subsecs(0);
    if down < at { down + TimeDelta::seconds(1) } else { at }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gate::tests::{at, campaign, lead};
    use crate::*;

    fn event(outcome: Outcome, ended_at: &str) -> CallEvent {
        CallEvent {
            provider: "bland".into(),
            call_id: None,
            kind: EventKind::Ended,
            delivery: DeliveryId::parse("e:1").unwrap(),
            leg: Leg::Lead,
            direction: Direction::Outbound,
            phone: None,
            ours: OurMetadata::default(),
            facts: Facts {
                ended_at: Some(at(ended_at)),
                ..Facts::ended(outcome)
            },
        }
    }

    fn answer(next: NextWish) -> RuleAnswer {
        RuleAnswer {
            outcome: Outcome::NoAnswer,
            disposition: Disposition::Unknown,
            status: StatusName::parse("no_answer").unwrap(),
            stop: None,
            next,
            trace: Trace {
                set: RuleSetName::parse("x").unwrap(),
                version: 0,
                hash: String::new(),
                line: String::new(),
                why: String::new(),
            },
            moved_by: None,
            unknown_word: None,
        }
    }

    struct Case {
        lead: Lead,
        event: CallEvent,
        answer: RuleAnswer,
        calls_today: u32,
        total_max: Option<u32>,
        start: &'static str,
        now: &'static str,
    }

    impl Case {
        /// A first call at noon that nobody took.
        fn new() -> Self {
            let mut lead = lead();
            lead.attempts = 1;
            Self {
                lead,
                event: event(Outcome::NoAnswer, "2026-11-20T17:00:30Z"),
                answer: answer(NextWish::InMinutes(2)),
                calls_today: 1,
                total_max: None,
                start: "2026-11-20T17:00:00Z",
                now: "2026-11-20T17:00:31Z",
            }
        }

        fn step(&self) -> Step {
            self.step_in(&campaign())
        }

        fn step_in(&self, campaign: &Campaign) -> Step {
            let limits = Limits {
                window: &campaign.window,
                attempts_per_day_max: 8,
                attempts_total_max: self.total_max,
                phone_calls_today: self.calls_today,
                last_start: Some(at(self.start)),
            };
            next_step(&self.lead, &self.event, &self.answer, &limits, at(self.now))
        }

        fn next(&self) -> (LeadState, Option<DateTime<Utc>>) {
            self.next_in(&campaign())
        }

        fn next_in(&self, campaign: &Campaign) -> (LeadState, Option<DateTime<Utc>>) {
            let step = self.step_in(campaign);
            let time = match step.next {
                Next::At(time, _) => Some(time),
                _ => None,
            };
            (step.state, time)
        }
    }

    const MONDAY: &str = "2026-11-23T16:00:00Z";

    #[test]
    fn an_interval_counts_from_the_end_of_the_call() {
        assert_eq!(
            Case::new().next(),
            (LeadState::Pending, Some(at("2026-11-20T17:02:30Z")))
        );
    }

    #[test]
    fn two_starts_are_never_closer_than_two_minutes() {
        let mut case = Case::new();
        case.answer.next = NextWish::InMinutes(0);
        assert_eq!(case.next().1, Some(at("2026-11-20T17:02:00Z")));
    }

    #[test]
    fn an_interval_past_closing_ends_at_the_next_opening() {
        let mut case = Case::new();
        case.now = "2026-11-21T00:30:31Z";
        case.event.facts.ended_at = Some(at("2026-11-21T00:30:00Z"));
        case.answer.next = NextWish::InMinutes(60);
        assert_eq!(case.next(), (LeadState::Pending, Some(at(MONDAY))));
    }

    #[test]
    fn the_eighth_call_ends_the_day() {
        let mut case = Case::new();
        case.calls_today = 8;
        assert_eq!(case.next(), (LeadState::DailyMaxReached, Some(at(MONDAY))));
    }

    #[test]
    fn a_cap_that_ends_at_midnight_does_not_end_the_wait() {
        let mut campaign = campaign();
        (campaign.window.start, campaign.window.end) =
            (LocalTime::parse("23:00").unwrap(), LocalTime::parse("02:00").unwrap());
        let mut case = Case::new();
        case.calls_today = 8;
        case.start = "2026-11-20T04:55:00Z";
        case.now = "2026-11-20T04:57:00Z";
        case.event.facts.ended_at = Some(at("2026-11-20T04:56:50Z"));
        for (wish, next) in [
            (NextWish::InMinutes(15), "2026-11-20T05:11:50Z"),
            (NextWish::InMinutes(1), "2026-11-20T05:00:00Z"),
            (NextWish::NextDay, "2026-11-20T05:00:00Z"),
        ] {
            case.answer.next = wish;
            assert_eq!(case.next_in(&campaign), (LeadState::DailyMaxReached, Some(at(next))));
        }
    }

    #[test]
    fn a_promise_survives_the_daily_cap() {
        let mut case = Case::new();
        case.calls_today = 8;
        case.answer.next = NextWish::At(at("2026-11-20T20:00:00Z"));
        assert_eq!(
            case.next(),
            (LeadState::Rescheduled, Some(at(MONDAY))),
            "moved to the next day, not forgotten"
        );
        case.answer.next = NextWish::At(at("2026-11-24T20:00:00Z"));
        assert_eq!(case.next(), (LeadState::Rescheduled, Some(at("2026-11-24T20:00:00Z"))));
        case.answer.next = NextWish::At(at("2026-11-25T04:00:00Z"));
        assert_eq!(
            case.next().1,
            Some(at("2026-11-25T16:00:00Z")),
            "eleven at night moves to the opening"
        );
    }

    #[test]
    fn a_promised_time_that_has_passed_is_kept_as_soon_as_may_be() {
        let mut case = Case::new();
        case.answer.next = NextWish::At(at("2026-11-20T16:00:00Z"));
        let step = case.step();
        assert_eq!(step.next, Next::At(at("2026-11-20T17:02:00Z"), Lane::Promise));
    }

    #[test]
    fn a_try_that_never_rang_waits_longer_each_time() {
        let mut case = Case::new();
        case.event.facts.may_have_rung = false;
        for (refusals, minutes) in [(0, 2), (1, 4), (2, 8), (5, 64), (6, 120), (4_000_000, 120)] {
            case.lead.refusals = refusals;
            let wait = case.next().1.unwrap() - at(case.now);
            assert_eq!(wait.num_minutes(), minutes);
        }
    }

    #[test]
    fn stops_and_limits_in_their_order() {
        type Change = fn(&mut Case);
        let rows: [(&str, LeadState, Option<StopScope>, Change); 7] = [
            ("interval", LeadState::Pending, None, |_| {}),
            ("max_attempts", LeadState::MaxAttempts, None, |c| c.total_max = Some(1)),
            ("state_kept", LeadState::Paused, None, |c| {
                c.lead.state = LeadState::Paused
            }),
            ("bad_number", LeadState::Completed, None, |c| {
                c.event.facts.failure = Some(FailureClass::BadNumber)
            }),
            ("stopped_by_rule", LeadState::Completed, Some(StopScope::Subject), |c| {
                c.answer.stop = Some(StopWish {
                    scope: StopScope::Subject,
                    reason: "sold".into(),
                });
            }),
            ("do_not_call", LeadState::Completed, Some(StopScope::Phone), |c| {
                c.answer.disposition = Disposition::Dnc
            }),
            ("do_not_call", LeadState::Removed, Some(StopScope::Phone), |c| {
                c.lead.state = LeadState::Removed
            }),
        ];
        let mut case = Case::new();
        for (reason, state, stop, change) in rows {
            change(&mut case);
            let step = case.step();
            assert_eq!((step.reason, step.state, step.stop), (reason, state, stop));
        }
    }

    #[test]
    fn words_of_a_stop_win_over_a_rule_that_forgot_them() {
        let mut case = Case::new();
        case.event.facts.stop = find_explicit_stop(Some("DNC"), &[]);
        assert_eq!(case.step().stop, Some(StopScope::Phone));
    }

    #[test]
    fn later_news_keeps_the_next_call_unless_it_promises_or_stops() {
        let mut case = Case::new();
        case.event.kind = EventKind::Later;
        assert_eq!(case.step().next, Next::Keep);
        case.answer.next = NextWish::At(at("2026-11-20T19:00:00Z"));
        assert_eq!(case.step().next, Next::At(at("2026-11-20T19:00:00Z"), Lane::Promise));
    }

    #[test]
    fn a_connected_transfer_keeps_the_line_free_for_half_an_hour() {
        let mut case = Case::new();
        case.answer.disposition = Disposition::Transferred;
        case.event.facts.transfer = Transfer::Connected;
        assert_eq!(case.step().hold_until, Some(at("2026-11-20T17:30:30Z")));
        case.answer.disposition = Disposition::Sale;
        case.answer.stop = Some(StopWish {
            scope: StopScope::Subject,
            reason: "sold".into(),
        });
        assert_eq!(
            case.step().hold_until,
            Some(at("2026-11-20T17:30:30Z")),
            "also after a sale"
        );
        case.event.facts.transfer = Transfer::Tried;
        assert_eq!(case.step().hold_until, None);
    }

    #[test]
    fn a_clock_of_the_provider_that_runs_ahead_delays_nothing() {
        let mut case = Case::new();
        case.event.facts.ended_at = Some(at("2026-11-20T19:00:00Z"));
        assert_eq!(case.next().1, Some(at("2026-11-20T17:02:31Z")));
    }
}
