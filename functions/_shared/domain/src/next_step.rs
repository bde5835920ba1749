//! Turns what a rule wishes into what happens to the lead.
//!
//! Limits and stops always win over wishes. A do-not-call stops the phone whatever a script answered; a lead that a
//! person paused or removed stays where the person put it; a try that never rang keeps its place on the ladder.

use chrono::{DateTime, SubsecRound, TimeDelta, Utc};

use crate::{
    CallEvent, Campaign, Direction, Disposition, EventKind, FailureClass, Lane, Lead, LeadState, MINIMUM_GAP_S,
    NextWish, RuleAnswer, StatusName, StopScope, Transfer, Unpromised, Window, law::CallingHours,
};

/// A person who was connected to an agent is not called while the two may still talk.
const TRANSFER_HOLD: TimeDelta = TimeDelta::minutes(30);

/// A promised time that is longer ago than this when it is first heard of is a wrong date, not a promise.
const MISSED_MAX: TimeDelta = TimeDelta::hours(24);

/// Longest wait after tries that were refused before dialing: two hours, the last rung of the ladder.
const REFUSED_WAIT_MAX_MIN: i64 = 120;

/// What limits a step, counted with the call that just ended.
#[derive(Debug, Clone)]
pub struct Limits<'a> {
    /// When the lead may be called; never, where no law is known.
    pub hours: Option<CallingHours<'a>>,
    /// The campaign's own hours, for its dates.
    pub window: &'a Window,
    /// A law's rolling cap allows no call before.
    pub law_cap_until: Option<DateTime<Utc>>,
    /// Room kept for a promised callback allows no ordinary call before.
    pub kept_until: Option<DateTime<Utc>>,
    /// When the call that ended had begun.
    pub started_at: DateTime<Utc>,
    /// Calls to the phone on one local day.
    pub attempts_per_day_max: u32,
    /// Calls in the lead's life.
    pub attempts_total_max: Option<u32>,
    /// Calls of others that count toward it, beside the lead's attempts.
    pub reported_calls: u32,
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
    // Where nothing proves that the agent was reached, nothing proves that they do not talk: the provider may have left the line
    // to the two of them.
    let may_be_talking = matches!(facts.transfer, Transfer::Connected | Transfer::Tried)
        || answer.disposition == Disposition::Transferred;
    let hold_until = may_be_talking.then(|| ended_at + TRANSFER_HOLD);
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
    // A promised time that passed before its report came: owed at once, and late from then on.
    let missed = match answer.next {
        NextWish::At(time) if time <= now && time > now - MISSED_MAX => Some(time),
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
        && lead.attempts.saturating_add(limits.reported_calls) >= limit
    {
        return step(LeadState::MaxAttempts, Next::Never, "max_attempts");
    }

    let capped = limits.phone_calls_today >= limits.attempts_per_day_max;
    let gap_over = limits
        .last_start
        .map_or(now, |start| start + TimeDelta::seconds(MINIMUM_GAP_S));
    let earliest = limits.law_cap_until.map_or(gap_over, |until| until.max(gap_over));
    let hours = limits.hours.as_ref();
    let open = |from: DateTime<Utc>| hours?.next_open(whole_seconds_up(from), Campaign::CLOSING_MARGIN);
    // Hours that run past midnight open on the next day at once, so a next day does not make up for a wait.
    let next_day = |not_before: DateTime<Utc>| {
        let opens = hours?.next_day_open(now, Campaign::CLOSING_MARGIN)?;
        open(opens.max(not_before))
    };
    let same_day = |time| limits.window.date_of(time) == limits.window.date_of(now);

    let at_the_promised = |time: DateTime<Utc>| {
        if capped && same_day(time) {
            next_day(earliest)
        } else {
            open(time.max(earliest))
        }
    };
    let refused_wait = TimeDelta::minutes((2_i64 << lead.refusals.min(8)).min(REFUSED_WAIT_MAX_MIN));
    let owed = promised
        .is_none()
        .then(|| still_owed(lead, event, answer, limits))
        .flatten();
    // An ordinary call leaves the last place under a cap to a callback that was promised.
    let ordinary = limits.kept_until.map_or(earliest, |until| until.max(earliest));

    let (state, time, lane, reason) = if let Some(time) = promised {
        (LeadState::Rescheduled, at_the_promised(time), Lane::Promise, "callback")
    } else if let Some(owed) = owed {
        let again = match answer.next {
            _ if owed > now => Some(owed),
            _ if !facts.may_have_rung => Some(now + refused_wait),
            NextWish::InMinutes(wait) => Some(ended_at + TimeDelta::minutes(i64::from(wait))),
            NextWish::At(_) => Some(earliest),
            NextWish::NextDay => None,
        };
        let time = again.map_or_else(|| next_day(earliest), at_the_promised);
        (LeadState::Rescheduled, time, Lane::Promise, "callback_kept")
    } else if !facts.may_have_rung {
        (
            LeadState::Pending,
            open((now + refused_wait).max(ordinary)),
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
                let by_law = limits.law_cap_until.is_some_and(|until| until > due.max(gap_over));
                let kept = ordinary > due.max(earliest);
                let reason = match (kept, by_law) {
                    (true, _) => "kept_for_callback",
                    (false, true) => "law_cap",
                    (false, false) => answer.unpromised.map_or("interval", Unpromised::code),
                };
                (LeadState::Pending, open(due.max(ordinary)), Lane::Ladder, reason)
            }
            NextWish::At(_) => (
                LeadState::Rescheduled,
                open(earliest),
                Lane::Promise,
                "callback_time_passed",
            ),
            NextWish::NextDay => {
                let reason = answer.unpromised.map_or("next_day", Unpromised::code);
                (LeadState::Pending, next_day(ordinary), Lane::Ladder, reason)
            }
        }
    };
    let callback_at = promised.or(owed).or(missed);
    match time {
        Some(time) => Step {
            callback_at,
            ..step(state, Next::At(time, lane), reason)
        },
        // Hours that never open again: shown to people as parked, because nobody else would ever look at the lead.
        None => Step {
            callback_at,
            ..step(LeadState::Parked, Next::Never, "never_opens")
        },
    }
}

/// The promised time that the lead is still owed after a call that promised nothing new.
///
/// A callback is kept by a call at or after its time that reached the phone: taken by a person or a machine, unanswered
/// or busy. From there the ladder goes on. A call that had begun before the promised time, one that the network or the
/// provider did not bring to the phone, and one of which nobody knows, keep no promise: it stays, in its own lane.
fn still_owed(lead: &Lead, event: &CallEvent, answer: &RuleAnswer, limits: &Limits<'_>) -> Option<DateTime<Utc>> {
    let reached = event.facts.may_have_rung && answer.outcome.reached_the_phone();
    lead.callback_at.filter(|at| !reached || limits.started_at < *at)
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
mod tests;
