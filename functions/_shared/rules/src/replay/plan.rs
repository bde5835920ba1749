//! The next call as it was planned, and the limits that held when it was.
//!
//! Caps, hours and what people did are no rules. Where the record shows that one of them decided, it decides again.

use chrono::{DateTime, TimeDelta, Utc};
use redial_domain::{
    Attempt, Campaign, Direction, FailureClass, Lane, Lead, LeadState, Limits, ListId, Owner, StatusName, Step,
};

use redial_domain::law::{CallingHours, Law};

use super::past::PastCall;

/// Calls are placed by a look each minute: times closer to each other than this are one time.
pub(super) const SAME_TIME: TimeDelta = TimeDelta::seconds(60);

/// Steps in which a limit, and not the wish of a rule, sets the next time.
const LIMIT_REASONS: [&str; 4] = ["refused_before_dialing", "daily_cap", "never_opens", "max_attempts"];

/// When a lead is called next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Plan {
    /// Nothing is known: the first call of a history.
    Unknown,
    At(DateTime<Utc>),
    Never,
}

impl Plan {
    /// What was planned after an attempt. A parked lead waits for people.
    pub(super) fn recorded(attempt: &Attempt) -> Self {
        match &attempt.decision {
            Some(decision) => decision.next_at.map_or(Self::Never, Self::At),
            None => Self::Never,
        }
    }

    /// Whether a call at that time keeps to the plan.
    pub(super) fn allows(self, at: DateTime<Utc>) -> bool {
        match self {
            Self::Unknown => true,
            Self::At(next) => at + SAME_TIME >= next,
            Self::Never => false,
        }
    }
}

/// Where the record shows that a limit decided, and what it made of it.
#[derive(Debug)]
pub(super) struct Limited {
    state: Option<LeadState>,
    pub(super) plan: Plan,
}

impl Limited {
    pub(super) fn same_as(&self, step: &Step) -> bool {
        LIMIT_REASONS.contains(&step.reason) && self.state == Some(step.state)
    }
}

/// The limits of then, as the record shows them; where it shows none, those of the campaign.
pub(super) fn limits_then<'a>(
    campaign: &'a Campaign,
    lead: &Lead,
    attempt: &Attempt,
    attempts: u32,
    attempts_today: u32,
) -> (Limits<'a>, Limited) {
    let state = attempt.decision.as_ref().map(|decision| decision.state);
    let most = campaign.attempts_per_day_max;
    let limits = Limits {
        hours: CallingHours::of_lead(Law::built_in(), campaign, lead).ok(),
        law_cap_until: attempt.law_cap_until,
        kept_until: attempt.kept_until,
        started_at: attempt.started_at,
        window: &campaign.window,
        attempts_per_day_max: most,
        attempts_total_max: match state {
            Some(LeadState::MaxAttempts) => Some(attempts),
            Some(LeadState::Pending | LeadState::Rescheduled | LeadState::DailyMaxReached) => None,
            _ => campaign.attempts_total_max,
        },
        // What the record says of the total has them in it.
        reported_calls: 0,
        // Other campaigns call the same phone, and caps are changed.
        phone_calls_today: match state {
            Some(LeadState::DailyMaxReached) => most,
            Some(LeadState::Pending) => attempts_today.min(most.saturating_sub(1)),
            _ => attempts_today,
        },
        last_start: (attempt.direction == Direction::Outbound).then_some(attempt.started_at),
    };
    let plan = Plan::recorded(attempt);
    (limits, Limited { state, plan })
}

/// The lead as it stood when the call ended, in the candidate's world.
pub(super) fn lead_then(
    past: &PastCall,
    campaign: &Campaign,
    status: &StatusName,
    attempts: u32,
    refusals: u32,
) -> Lead {
    let attempt = &past.attempt;
    let decision = attempt.decision.as_ref();
    let is_bad_number = attempt.failure == Some(FailureClass::BadNumber);
    let state = match decision.map(|decision| decision.state) {
        // Somebody had taken it out before, and the call changed nothing about that.
        Some(state @ (LeadState::Paused | LeadState::Removed | LeadState::Parked)) => state,
        Some(LeadState::Completed) if !is_bad_number && decision.is_some_and(|decision| decision.stop.is_none()) => {
            LeadState::Completed
        }
        _ => LeadState::Pending,
    };
    Lead {
        id: attempt.lead.clone(),
        phone: past.phone.clone(),
        campaign: campaign.id.clone(),
        list: match ListId::parse(campaign.id.as_str()) {
            Ok(list) => list,
            Err(error) => unreachable!("every id of a campaign is one of a list: {error}"),
        },
        version: 0,
        status: status.clone(),
        status_at: attempt.started_at,
        state,
        reason: None,
        next_at: None,
        callback_at: attempt.promised_at,
        owner: Owner::from(&campaign.id),
        lane: Lane::Ladder,
        shard: 0,
        attempts,
        answered: 0,
        today: None,
        refusals,
        outcomes: Vec::new(),
        last_attempt: None,
        last_call_id: None,
        last_call_at: None,
        state_code: attempt.state_code.clone(),
        postal_code: attempt.postal_code.clone(),
        zone: attempt.zone,
        consent: None,
        registry_checked_at: None,
        created_at: attempt.started_at,
        updated_at: attempt.started_at,
    }
}
