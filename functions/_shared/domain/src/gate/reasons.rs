//! Why a lead is not dialed now, or not at all: codes with their values.

use chrono::{DateTime, Utc};
use serde::Serialize;

use crate::law::{ConsentNeeded, Jurisdiction};
use crate::{AnsweredCalls, CampaignStatus, LeadState};

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
    /// Too many of the campaign's answered calls were abandoned.
    AbandonedCalls {
        /// What was counted.
        #[serde(flatten)]
        calls: AnsweredCalls,
    },
    /// Calls are banned where the lead may be.
    Banned {
        /// Where; everywhere, if nothing is named.
        jurisdiction: Option<Jurisdiction>,
        /// Until when, if that is known.
        #[serde(serialize_with = "crate::times::seconds_option")]
        ends_at: Option<DateTime<Utc>>,
        /// Why, in the words of whoever declared it.
        because: String,
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
        #[serde(serialize_with = "crate::times::seconds")]
        since: DateTime<Utc>,
    },
    /// The number is bad for good.
    BadNumber {
        /// Since when.
        #[serde(serialize_with = "crate::times::seconds")]
        since: DateTime<Utc>,
    },
    /// The subject was sold to, or stopped for, this phone.
    SubjectStopped {
        /// Since when.
        #[serde(serialize_with = "crate::times::seconds")]
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
    /// A law asks for consent that neither the lead nor its campaign has, or not any more.
    NoConsent {
        /// Whose law.
        jurisdiction: Jurisdiction,
        /// Which consent.
        needed: ConsentNeeded,
    },
    /// A law asks for a look at the do-not-call registry that was not taken, or is too old.
    RegistryUnchecked {
        /// Whose law.
        jurisdiction: Jurisdiction,
        /// How many days old it may be.
        days_max: u32,
    },
    /// The person ended a call, and a law allows no second one then.
    HungUp {
        /// Whose law.
        jurisdiction: Jurisdiction,
        /// When they first ended one.
        #[serde(serialize_with = "crate::times::seconds")]
        since: DateTime<Utc>,
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
            Self::AbandonedCalls { .. } => "abandoned_calls",
            Self::Banned { .. } => "banned",
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

    /// Whether a person can lift it at any moment, so that nobody sleeps until its planned end.
    pub const fn is_an_operators(&self) -> bool {
        matches!(
            self,
            Self::Disabled
                | Self::Stopped
                | Self::CampaignNotRunning { .. }
                | Self::AbandonedCalls { .. }
                | Self::Banned { .. }
        )
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
            Self::NoConsent { .. } => "no_consent",
            Self::RegistryUnchecked { .. } => "registry_unchecked",
            Self::HungUp { .. } => "hung_up",
            Self::NeverOpens => "never_opens",
        }
    }

    /// Where a lead stands that is closed for this reason.
    pub const fn state(&self) -> LeadState {
        match self {
            Self::DoNotCall { .. } | Self::BadNumber { .. } | Self::SubjectStopped { .. } => LeadState::Completed,
            Self::State { state } => *state,
            Self::TotalCap { .. } => LeadState::MaxAttempts,
            // Shown to people: a record, a consent, other hours, and the lead goes on.
            Self::NoLaw { .. }
            | Self::NoConsent { .. }
            | Self::RegistryUnchecked { .. }
            | Self::HungUp { .. }
            | Self::NeverOpens => LeadState::Parked,
        }
    }
}
