//! Wishes, limits and stops in their order.

use super::*;
use crate::gate::tests::{at, campaign, lead};
use crate::law::Law;
use crate::*;

fn event(outcome: Outcome, ended_at: &str) -> CallEvent {
    CallEvent {
        provider: "a provider".into(),
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
        unpromised: None,
    }
}

struct Case {
    lead: Lead,
    event: CallEvent,
    answer: RuleAnswer,
    calls_today: u32,
    total_max: Option<u32>,
    reported_calls: u32,
    law_cap_until: Option<&'static str>,
    kept_until: Option<&'static str>,
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
            reported_calls: 0,
            law_cap_until: None,
            kept_until: None,
            start: "2026-11-20T17:00:00Z",
            now: "2026-11-20T17:00:31Z",
        }
    }

    fn step(&self) -> Step {
        self.step_in(&campaign())
    }

    fn step_in(&self, campaign: &Campaign) -> Step {
        let hours = CallingHours::of_lead(Law::built_in(), campaign, &self.lead).unwrap();
        let limits = Limits {
            hours: Some(hours),
            window: &campaign.window,
            law_cap_until: self.law_cap_until.map(at),
            attempts_per_day_max: 8,
            attempts_total_max: self.total_max,
            reported_calls: self.reported_calls,
            phone_calls_today: self.calls_today,
            last_start: Some(at(self.start)),
            kept_until: self.kept_until.map(at),
            started_at: at(self.start),
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
    // The morning of New York is the night of Singapore.
    campaign.window.zone = chrono_tz::Asia::Singapore;
    (campaign.window.start, campaign.window.end) =
        (LocalTime::parse("23:00").unwrap(), LocalTime::parse("02:00").unwrap());
    let mut case = Case::new();
    case.calls_today = 8;
    case.start = "2026-11-20T15:55:00Z";
    case.now = "2026-11-20T15:57:00Z";
    case.event.facts.ended_at = Some(at("2026-11-20T15:56:50Z"));
    for (wish, next) in [
        (NextWish::InMinutes(15), "2026-11-20T16:11:50Z"),
        (NextWish::InMinutes(1), "2026-11-20T16:00:00Z"),
        (NextWish::NextDay, "2026-11-20T16:00:00Z"),
    ] {
        case.answer.next = wish;
        assert_eq!(case.next_in(&campaign), (LeadState::DailyMaxReached, Some(at(next))));
    }
}

#[test]
fn a_law_s_cap_moves_whatever_is_next() {
    let mut case = Case::new();
    case.law_cap_until = Some("2026-11-20T20:30:00Z");
    assert_eq!(case.step().reason, "law_cap");
    for wish in [NextWish::InMinutes(2), NextWish::At(at("2026-11-20T19:00:00Z"))] {
        case.answer.next = wish;
        assert_eq!(case.next().1, Some(at("2026-11-20T20:30:00Z")), "{wish:?}");
    }
    case.answer.next = NextWish::InMinutes(240);
    assert_eq!(
        (case.step().reason, case.next().1),
        ("interval", Some(at("2026-11-20T21:00:30Z")))
    );
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
    for (transfer, disposition, holds) in [
        (Transfer::Tried, Disposition::Human, true),
        (Transfer::None, Disposition::Transferred, true),
        (Transfer::None, Disposition::Human, false),
        (Transfer::Canceled, Disposition::Human, false),
    ] {
        case.event.facts.transfer = transfer;
        case.answer.disposition = disposition;
        assert_eq!(case.step().hold_until.is_some(), holds, "{transfer:?} {disposition:?}");
    }
}

#[test]
fn a_clock_of_the_provider_that_runs_ahead_delays_nothing() {
    let mut case = Case::new();
    case.event.facts.ended_at = Some(at("2026-11-20T19:00:00Z"));
    assert_eq!(case.next().1, Some(at("2026-11-20T17:02:31Z")));
}

#[test]
fn a_promise_stays_until_a_call_at_its_time_reached_the_phone() {
    // The promised time, what became of the call that began at noon, and what follows.
    let rows = [
        ("2026-11-20T17:00:00Z", Outcome::NoAnswer, true, None),
        ("2026-11-20T17:00:00Z", Outcome::Busy, true, None),
        ("2026-11-20T17:00:00Z", Outcome::Machine, true, None),
        ("2026-11-20T17:00:00Z", Outcome::Answered, true, None),
        (
            "2026-11-20T17:00:00Z",
            Outcome::Lost,
            true,
            Some("2026-11-20T17:02:30Z"),
        ),
        (
            "2026-11-20T17:00:00Z",
            Outcome::Canceled,
            true,
            Some("2026-11-20T17:02:30Z"),
        ),
        (
            "2026-11-20T17:00:00Z",
            Outcome::Failed,
            true,
            Some("2026-11-20T17:02:30Z"),
        ),
        (
            "2026-11-20T17:00:00Z",
            Outcome::NotPlaced,
            false,
            Some("2026-11-20T17:02:31Z"),
        ),
        // It had begun before the promise was due: an inbound call promised it meanwhile.
        (
            "2026-11-20T19:00:00Z",
            Outcome::NoAnswer,
            true,
            Some("2026-11-20T19:00:00Z"),
        ),
    ];
    for (promised, outcome, rang, again) in rows {
        let mut case = Case::new();
        case.lead.callback_at = Some(at(promised));
        case.answer.outcome = outcome;
        case.event.facts.may_have_rung = rang;
        let step = case.step();
        let row = format!("{promised} {outcome:?}");
        match again {
            Some(again) => {
                assert_eq!(step.next, Next::At(at(again), Lane::Promise), "{row}");
                assert_eq!(
                    (step.state, step.callback_at),
                    (LeadState::Rescheduled, Some(at(promised))),
                    "{row}"
                );
            }
            None => {
                assert_eq!(step.next, Next::At(at("2026-11-20T17:02:30Z"), Lane::Ladder), "{row}");
                assert_eq!((step.state, step.callback_at), (LeadState::Pending, None), "{row}");
            }
        }
    }
}

#[test]
fn a_new_promise_takes_the_place_of_the_old_one_and_a_stop_ends_it() {
    let mut case = Case::new();
    case.lead.callback_at = Some(at("2026-11-20T17:00:00Z"));
    case.answer.next = NextWish::At(at("2026-11-20T21:00:00Z"));
    assert_eq!(case.step().callback_at, Some(at("2026-11-20T21:00:00Z")));
    case.answer.stop = Some(StopWish {
        scope: StopScope::Lead,
        reason: "said no".into(),
    });
    assert_eq!((case.step().next, case.step().callback_at), (Next::Never, None));
}

#[test]
fn a_promise_that_nothing_reached_moves_over_a_cap_and_is_not_forgotten() {
    let mut case = Case::new();
    case.calls_today = 8;
    case.lead.callback_at = Some(at("2026-11-20T17:00:00Z"));
    case.answer.outcome = Outcome::Lost;
    let step = case.step();
    assert_eq!(step.next, Next::At(at(MONDAY), Lane::Promise));
    assert_eq!(step.callback_at, Some(at("2026-11-20T17:00:00Z")));
}

#[test]
fn a_promise_heard_of_too_late_is_late_and_a_wrong_date_is_none() {
    let mut case = Case::new();
    for (time, kept) in [("2026-11-20T16:30:00Z", true), ("2020-01-01T00:00:00Z", false)] {
        case.answer.next = NextWish::At(at(time));
        assert_eq!(case.step().callback_at, kept.then(|| at(time)));
    }
}

#[test]
fn an_ordinary_call_waits_behind_a_callback_that_needs_the_last_place() {
    let mut case = Case::new();
    case.kept_until = Some("2026-11-20T20:30:00Z");
    assert_eq!(
        (case.step().reason, case.next().1),
        ("kept_for_callback", Some(at("2026-11-20T20:30:00Z")))
    );
    case.answer.next = NextWish::InMinutes(240);
    assert_eq!(case.step().reason, "interval", "the wait is longer anyway");
    case.answer.next = NextWish::At(at("2026-11-20T19:00:00Z"));
    assert_eq!(
        case.next().1,
        Some(at("2026-11-20T19:00:00Z")),
        "a promise does not wait"
    );
}

#[test]
fn a_callback_without_a_time_is_told_where_nothing_else_decides() {
    let mut case = Case::new();
    case.answer.unpromised = Some(Unpromised::WithoutTime);
    let ordinary = Case::new().next();
    assert_eq!((case.step().reason, case.next()), ("callback_without_time", ordinary));
    case.answer.unpromised = Some(Unpromised::TooFarAhead(at("2031-01-01T00:00:00Z")));
    case.answer.next = NextWish::NextDay;
    assert_eq!(case.step().reason, "callback_too_far_ahead");
    case.calls_today = 8;
    assert_eq!(case.step().reason, "daily_cap");
}
