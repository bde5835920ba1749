//! One person to reach, at one phone, in one campaign: where the lead stands in the queue and for the business.
//!
//! This is the hot state, at most 1,024 bytes stored, because DynamoDB charges by the kilobyte and every call writes
//! it. Names and custom fields are in the [`Profile`].

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate, Utc};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

use crate::import::ImportedBy;
use crate::law::Told;
use crate::{AttemptId, CallId, CampaignId, Consent, LeadId, ListId, Outcome, Owner, Phone, StatusName};

/// Outcomes kept on the lead for a quick look; the attempts keep all of them.
pub const OUTCOMES_KEPT: usize = 10;

/// The hot state of a lead.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Lead {
    /// Our id.
    pub id: LeadId,
    /// The phone to call.
    pub phone: Phone,
    /// The campaign it belongs to.
    pub campaign: CampaignId,
    /// The loaded set it came with.
    pub list: ListId,
    /// Counts writes; the condition of every change.
    #[serde(rename = "ver")]
    pub version: u64,
    /// Where it stands for the business.
    pub status: StatusName,
    /// When the status last moved.
    #[serde(rename = "st_at", with = "chrono::serde::ts_milliseconds")]
    pub status_at: DateTime<Utc>,
    /// Where it stands in the queue.
    #[serde(rename = "st")]
    pub state: LeadState,
    /// Why it is there, as a short code with values.
    #[serde(default, rename = "why", skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// When it is called next, in whole seconds; none means that it waits for a person.
    #[serde(
        default,
        rename = "next",
        with = "chrono::serde::ts_seconds_option",
        skip_serializing_if = "Option::is_none"
    )]
    pub next_at: Option<DateTime<Utc>>,
    /// The time that was promised to the person.
    #[serde(
        default,
        rename = "cb",
        with = "chrono::serde::ts_seconds_option",
        skip_serializing_if = "Option::is_none"
    )]
    pub callback_at: Option<DateTime<Utc>>,
    /// Who dials it: its campaign or a run.
    pub owner: Owner,
    /// Which line of the owner's queue it stands in.
    pub lane: Lane,
    /// Which part of the owner's queue; never changes while it waits.
    pub shard: u32,
    /// Counted attempts of its whole life.
    #[serde(default, rename = "n")]
    pub attempts: u32,
    /// Counted attempts of one local day.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub today: Option<DayCount>,
    /// Of the attempts of its whole life, those that somebody or something picked up.
    #[serde(default, rename = "ans", skip_serializing_if = "is_zero")]
    pub answered: u32,
    /// Tries in a row that were refused before dialing; spaces out the next ones.
    #[serde(default, rename = "refused", skip_serializing_if = "is_zero")]
    pub refusals: u32,
    /// The last outcomes, oldest first, at most [`OUTCOMES_KEPT`].
    #[serde(default, rename = "outs")]
    pub outcomes: Vec<Outcome>,
    /// The newest finished attempt.
    #[serde(default, rename = "last_a", skip_serializing_if = "Option::is_none")]
    pub last_attempt: Option<AttemptId>,
    /// The provider's name for the newest call.
    #[serde(default, rename = "last_c", skip_serializing_if = "Option::is_none")]
    pub last_call_id: Option<CallId>,
    /// When the newest call started.
    #[serde(
        default,
        rename = "last_at",
        with = "chrono::serde::ts_milliseconds_option",
        skip_serializing_if = "Option::is_none"
    )]
    pub last_call_at: Option<DateTime<Utc>>,
    /// A state of the US by its two letters, or whatever its source told in its place.
    #[serde(default, rename = "us", skip_serializing_if = "Option::is_none")]
    pub state_code: Option<String>,
    /// ZIP or postal code, as its source gave it.
    #[serde(default, rename = "zip", skip_serializing_if = "Option::is_none")]
    pub postal_code: Option<String>,
    /// The zone that its source named.
    #[serde(default, rename = "tz", skip_serializing_if = "Option::is_none")]
    pub zone: Option<Tz>,
    /// What the person agreed to.
    #[serde(default, rename = "ok", skip_serializing_if = "Option::is_none")]
    pub consent: Option<Consent>,
    /// When somebody last looked for its phone in the do-not-call registry.
    #[serde(
        default,
        rename = "reg",
        with = "chrono::serde::ts_seconds_option",
        skip_serializing_if = "Option::is_none"
    )]
    pub registry_checked_at: Option<DateTime<Utc>>,
    /// When it came in.
    #[serde(rename = "new_at", with = "chrono::serde::ts_milliseconds")]
    pub created_at: DateTime<Utc>,
    /// When it last changed.
    #[serde(rename = "upd_at", with = "chrono::serde::ts_milliseconds")]
    pub updated_at: DateTime<Utc>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
const fn is_zero(n: &u32) -> bool {
    *n == 0
}

/// Counted attempts of one local day. A new day is seen when the lead is read; no job resets it (Q4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct DayCount {
    /// The date in the campaign's zone.
    #[serde(rename = "d")]
    pub date: NaiveDate,
    /// Attempts on it.
    pub n: u32,
}

/// Where a lead stands in the queue (Q5). `queued` and `dialing` are never stored: the slot token and the ledger say
/// so, and a lost message or call cannot leave them behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LeadState {
    /// Waits for its next time.
    Pending,
    /// Waits for a time that was promised to the person.
    Rescheduled,
    /// Claimed; its dial message is on the way.
    Queued,
    /// A call is reserved, ringing or talking.
    Dialing,
    /// Had its calls of the day; goes on at the next day's opening.
    DailyMaxReached,
    /// Had all its calls.
    MaxAttempts,
    /// A person paused it.
    Paused,
    /// A rule failed on it.
    Parked,
    /// Sold, stopped or done.
    Completed,
    /// A person took it out.
    Removed,
}

impl LeadState {
    /// All states, in the order in which `stats` lists them.
    pub const ALL: [Self; 10] = [
        Self::Pending,
        Self::Rescheduled,
        Self::Queued,
        Self::Dialing,
        Self::DailyMaxReached,
        Self::MaxAttempts,
        Self::Paused,
        Self::Parked,
        Self::Completed,
        Self::Removed,
    ];

    /// The word in items and answers.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Rescheduled => "rescheduled",
            Self::Queued => "queued",
            Self::Dialing => "dialing",
            Self::DailyMaxReached => "daily_max_reached",
            Self::MaxAttempts => "max_attempts",
            Self::Paused => "paused",
            Self::Parked => "parked",
            Self::Completed => "completed",
            Self::Removed => "removed",
        }
    }

    /// Reads the word, exactly.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == word)
    }

    /// Whether a lead in this state has a next time.
    pub const fn waits(self) -> bool {
        matches!(
            self,
            Self::Pending | Self::Rescheduled | Self::Queued | Self::Dialing | Self::DailyMaxReached
        )
    }
}

/// The lines of an owner's queue, in the order in which they are served.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Lane {
    /// A time was promised.
    Promise,
    /// Never called yet.
    Fresh,
    /// Somewhere on the day's ladder.
    Ladder,
}

impl Lane {
    /// All lanes, first served first.
    pub const ALL: [Self; 3] = [Self::Promise, Self::Fresh, Self::Ladder];

    /// The word in keys.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Promise => "promise",
            Self::Fresh => "fresh",
            Self::Ladder => "ladder",
        }
    }
}

impl Lead {
    /// Counted attempts on a local date.
    pub fn attempts_on(&self, date: NaiveDate) -> u32 {
        self.today.filter(|today| today.date == date).map_or(0, |today| today.n)
    }

    /// What its source says about where it is.
    pub fn told_places(&self) -> Told<'_> {
        Told {
            zone: self.zone,
            state: self.state_code.as_deref(),
            postal_code: self.postal_code.as_deref(),
        }
    }

    /// The state as people see it: `daily_max_reached` whose time has come is `pending` (Q4).
    pub fn shown_state(&self, now: DateTime<Utc>) -> LeadState {
        match self.state {
            LeadState::DailyMaxReached if self.next_at.is_some_and(|next| next <= now) => LeadState::Pending,
            state => state,
        }
    }
}

/// What is known about the person, for people and for the script of a call. Never in the hot path but to greet.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Profile {
    /// Given name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_name: Option<String>,
    /// Family name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_name: Option<String>,
    /// Address for mail, lower case.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// Town.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub city: Option<String>,
    /// Where the lead came from: `convoso`, `api`, …
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// The CRM's id of the lead.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub crm_id: Option<String>,
    /// The CRM's id of the list.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub crm_list_id: Option<String>,
    /// Which row of which import it was written by; explains where the lead is from.
    #[serde(default, rename = "import", skip_serializing_if = "Option::is_none")]
    pub imported_by: Option<ImportedBy>,
    /// Words that people sort leads by.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// Everything else the source sent.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub custom: BTreeMap<String, String>,
}
