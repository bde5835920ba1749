//! Decides whether a lead may be dialed now, and says why not.
//!
//! Used by tick, dialer, intake and admin alike, so that everybody gives the same answer. The order of reasons is
//! fixed: what must never be called, then what a person switched off, then what is busy, then how often, then when.
//! In each of them the law comes before the campaign: it is what nobody here can change.

use chrono::{DateTime, TimeDelta, Utc};
use serde::Serialize;

use crate::law::{CallingHours, Jurisdiction, Law, NoLaw};
use crate::{Campaign, CampaignStatus, KeptRoom, Lead, LeadState, Ledger, MINIMUM_GAP_S, STARTS_MAX};

/// Causes that a person can lift at any moment are looked at again this soon, never at their planned end.
const OPERATOR_RECHECK: TimeDelta = TimeDelta::minutes(15);

/// A line that is busy is asked again this soon: calls mostly last less than a minute.
const IN_FLIGHT_RECHECK: TimeDelta = TimeDelta::seconds(60);

/// The switches a person can throw, as one consistent reading.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Switches {
    /// The business switch.
    pub enabled: bool,
    /// The operator's switch.
    pub running: bool,
    /// The campaign's own status.
    pub campaign: CampaignStatus,
}

/// Everything the gate looks at.
#[derive(Debug, Clone, Copy)]
pub struct GateInput<'a> {
    /// The lead to dial.
    pub lead: &'a Lead,
    /// Its phone.
    pub ledger: &'a Ledger,
    /// Its campaign.
    pub campaign: &'a Campaign,
    /// The law book.
    pub law: &'a Law,
    /// The switches.
    pub switches: Switches,
    /// The provider account is closed until then: bad key, no money, error burst.
    pub account_closed_until: Option<DateTime<Utc>>,
    /// The instant asked about.
    pub now: DateTime<Utc>,
}

/// The gate's answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub enum Gate {
    /// Dial.
    Open,
    /// Not now.
    Wait {
        /// The first reason that blocks.
        reason: WaitReason,
        /// When to look again; in calling hours.
        until: DateTime<Utc>,
    },
    /// Not until a person changes something.
    Closed {
        /// The first reason that blocks.
        reason: ClosedReason,
    },
}

/// Why not now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "code")]
pub enum WaitReason {
    /// The business switch is off.
    Disabled,
    /// The operator's switch is off.
    Stopped,
    /// The campaign does not run.
    CampaignNotRunning {
        /// Its status.
        status: CampaignStatus,
    },
    /// The phone is being called already.
    InFlight,
    /// An analysis is awaited, or the person talks with an agent.
    Hold,
    /// The phone had the calls that a law allows in its rolling hours.
    LawCap {
        /// Whose law.
        jurisdiction: Jurisdiction,
        /// Calls.
        limit: u32,
        /// Hours.
        hours: u32,
    },
    /// The phone had its calls of the local day.
    DailyCap {
        /// The cap.
        limit: u32,
    },
    /// The call would take the last place of a promised callback.
    KeptForCallback {
        /// The cap in which one call is kept.
        limit: u32,
    },
    /// More starts in 48 hours than the ledger keeps.
    LedgerFull {
        /// How many it keeps.
        limit: u32,
    },
    /// The last call began moments ago.
    MinimumGap {
        /// Seconds between two starts.
        limit_s: i64,
    },
    /// Outside the hours of a law where the lead may be.
    OutsideLaw {
        /// Whose law.
        jurisdiction: Jurisdiction,
        /// In which zone.
        zone: String,
    },
    /// Outside the campaign's hours.
    OutsideWindow {
        /// The campaign's zone.
        zone: String,
    },
    /// The provider account is closed for a while.
    Account,
    /// Its time has not come.
    NotDue,
}

/// Why not at all.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "code")]
pub enum ClosedReason {
    /// The person asked not to be called.
    DoNotCall {
        /// Since when.
        since: DateTime<Utc>,
    },
    /// The number is bad for good.
    BadNumber {
        /// Since when.
        since: DateTime<Utc>,
    },
    /// The subject was sold to, or stopped for, this phone.
    SubjectStopped {
        /// Since when.
        since: DateTime<Utc>,
    },
    /// The lead is in a state that is not called.
    State {
        /// Which.
        state: LeadState,
    },
    /// The lead had all its calls.
    TotalCap {
        /// The cap.
        limit: u32,
    },
    /// No record of the law book says what is allowed where the lead may be.
    NoLaw {
        /// Where; none for a phone whose country is not in the tables.
        jurisdiction: Option<Jurisdiction>,
    },
    /// The campaign's hours never open, or never while the law's are.
    NeverOpens,
}

impl WaitReason {
    /// The code in items, answers and logs.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Disabled => "disabled",
            Self::Stopped => "stopped",
            Self::CampaignNotRunning { .. } => "campaign_not_running",
            Self::InFlight => "in_flight",
            Self::Hold => "hold",
            Self::LawCap { .. } => "law_cap",
            Self::DailyCap { .. } => "daily_cap",
            Self::KeptForCallback { .. } => "kept_for_callback",
            Self::LedgerFull { .. } => "ledger_full",
            Self::MinimumGap { .. } => "minimum_gap",
            Self::OutsideLaw { .. } => "outside_law",
            Self::OutsideWindow { .. } => "outside_window",
            Self::Account => "account",
            Self::NotDue => "not_due",
        }
    }
}

impl ClosedReason {
    /// The code in items, answers and logs.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::DoNotCall { .. } => "do_not_call",
            Self::BadNumber { .. } => "bad_number",
            Self::SubjectStopped { .. } => "subject_stopped",
            Self::State { .. } => "state",
            Self::TotalCap { .. } => "total_cap",
            Self::NoLaw { .. } => "no_law",
            Self::NeverOpens => "never_opens",
        }
    }

    /// Where a lead stands that is closed for this reason.
    pub const fn state(&self) -> LeadState {
        match self {
            Self::DoNotCall { .. } | Self::BadNumber { .. } | Self::SubjectStopped { .. } => LeadState::Completed,
            Self::State { state } => *state,
            Self::TotalCap { .. } => LeadState::MaxAttempts,
            // Shown to people: a record, or other hours, and the lead goes on.
            Self::NoLaw { .. } | Self::NeverOpens => LeadState::Parked,
        }
    }
}

/// Decides whether a lead may be dialed now.
pub fn gate(input: &GateInput<'_>) -> Gate {
    let hours = CallingHours::of_lead(input.law, input.campaign, input.lead);
    if let Some(reason) = blocked_for_good(input, hours.as_ref().err()) {
        return Gate::Closed { reason };
    }
    let never = Gate::Closed {
        reason: ClosedReason::NeverOpens,
    };
    let Ok(hours) = hours else { return never };
    let Some((reason, until)) = blocked_for_now(input, &hours) else {
        return Gate::Open;
    };
    match hours.next_open(until, Campaign::CLOSING_MARGIN) {
        Some(until) => Gate::Wait { reason, until },
        None => never,
    }
}

fn blocked_for_good(input: &GateInput<'_>, no_law: Option<&NoLaw>) -> Option<ClosedReason> {
    let GateInput {
        lead, ledger, campaign, ..
    } = input;
    if let Some(since) = ledger.dnc_at {
        return Some(ClosedReason::DoNotCall { since });
    }
    if let Some(since) = ledger.bad_at {
        return Some(ClosedReason::BadNumber { since });
    }
    if let Some(stop) = ledger.stops.get(&campaign.subject) {
        return Some(ClosedReason::SubjectStopped { since: stop.at });
    }
    if let Some(NoLaw { jurisdiction }) = no_law.cloned() {
        return Some(ClosedReason::NoLaw { jurisdiction });
    }
    if !lead.state.waits() {
        return Some(ClosedReason::State { state: lead.state });
    }
    match campaign.attempts_total_max {
        Some(limit) if lead.attempts >= limit => Some(ClosedReason::TotalCap { limit }),
        _ => None,
    }
}

/// The first reason to wait, and the earliest instant at which it may be gone.
fn blocked_for_now(input: &GateInput<'_>, hours: &CallingHours<'_>) -> Option<(WaitReason, DateTime<Utc>)> {
    let GateInput {
        lead,
        ledger,
        campaign,
        law: _,
        switches,
        account_closed_until,
        now,
    } = *input;
    let window = &campaign.window;
    let soon = now + OPERATOR_RECHECK;
    if !switches.enabled {
        return Some((WaitReason::Disabled, soon));
    }
    if !switches.running {
        return Some((WaitReason::Stopped, soon));
    }
    if switches.campaign != CampaignStatus::Running {
        return Some((
            WaitReason::CampaignNotRunning {
                status: switches.campaign,
            },
            soon,
        ));
    }
    if ledger.inflight.is_some() {
        return Some((WaitReason::InFlight, now + IN_FLIGHT_RECHECK));
    }
    if let Some(until) = ledger.hold_until.filter(|until| *until > now) {
        return Some((WaitReason::Hold, until));
    }
    if let Some((record, cap, until)) = hours.capped_by(&ledger.starts, &campaign.subject, now) {
        let reason = WaitReason::LawCap {
            jurisdiction: record.jurisdiction.clone(),
            limit: cap.calls,
            hours: cap.hours,
        };
        return Some((reason, until));
    }
    let today = window.date_of(now);
    let limit = campaign.attempts_per_day_max;
    if ledger.calls_on(today, window) >= limit {
        let tomorrow = today.succ_opt().map_or(soon, |date| window.start_of(date));
        return Some((WaitReason::DailyCap { limit }, tomorrow));
    }
    if let Some(KeptRoom { limit, until }) = ledger.kept_for_callback(lead, campaign, hours, now) {
        return Some((WaitReason::KeptForCallback { limit }, until));
    }
    let live = ledger.live_starts(now);
    if live.len() >= STARTS_MAX {
        let until = live.first().map_or(soon, |oldest| oldest.at + TimeDelta::hours(48));
        return Some((
            WaitReason::LedgerFull {
                limit: STARTS_MAX as u32,
            },
            until,
        ));
    }
    if let Some(until) = ledger
        .last_start()
        .map(|start| start + TimeDelta::seconds(MINIMUM_GAP_S))
        .filter(|t| *t > now)
    {
        return Some((WaitReason::MinimumGap { limit_s: MINIMUM_GAP_S }, until));
    }
    if let Some(closed) = hours.closed_by(now, Campaign::CLOSING_MARGIN) {
        let reason = WaitReason::OutsideLaw {
            jurisdiction: closed.record.jurisdiction.clone(),
            zone: closed.zone.name().to_owned(),
        };
        return Some((reason, now));
    }
    if !window.is_open(now, Campaign::CLOSING_MARGIN) {
        return Some((
            WaitReason::OutsideWindow {
                zone: window.zone.name().to_owned(),
            },
            now,
        ));
    }
    if let Some(until) = account_closed_until.filter(|until| *until > now) {
        return Some((WaitReason::Account, until));
    }
    lead.next_at
        .filter(|next| *next > now)
        .map(|next| (WaitReason::NotDue, next))
}

#[cfg(test)]
pub(crate) mod tests;
