//! Decides whether a lead may be dialed now, and says why not.
//!
//! Used by tick, dialer, intake and admin alike, so that everybody gives the same answer. The order of reasons is
//! fixed: what must never be called, then what a person switched off, then what is busy, then how often, then when.
//! In each of them the law comes before the campaign: it is what nobody here can change. [`Check::ALL`] is that order, and
//! the only one; `explain` goes through the same checks and shows what each of them saw.

use chrono::{DateTime, Utc};
use serde::Serialize;

use crate::law::Law;
use crate::{Campaign, CampaignStatus, Lead, Ledger};

mod checks;
mod look_again;
mod reasons;

pub(crate) use checks::{Check, IN_FLIGHT_RECHECK, Look, Verdict};
pub use look_again::look_again;
pub(crate) use look_again::moves_by_law;
pub use reasons::{ClosedReason, WaitReason};

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

impl Switches {
    /// All on.
    pub const ON: Self = Self {
        enabled: true,
        running: true,
        campaign: CampaignStatus::Running,
    };

    /// All off: what holds where nothing is known.
    pub const OFF: Self = Self {
        enabled: false,
        running: false,
        campaign: CampaignStatus::Draft,
    };
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

impl Gate {
    /// The code of the reason that blocks; `open` where none does.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Wait { reason, .. } => reason.code(),
            Self::Closed { reason } => reason.code(),
        }
    }
}

/// Decides whether a lead may be dialed now.
pub fn gate(input: &GateInput<'_>) -> Gate {
    Look::at(input).answer()
}

#[cfg(test)]
pub(crate) mod tests;
