//! One finished attempt: facts, and the decision that was made from them.
//!
//! An attempt lives in the ledger until its first terminal event and is then written once. INVARIANT: what was counted
//! and decided then never changes; a later delivery only adds what was not known and moves the disposition up.

use chrono::{DateTime, NaiveDate, Utc};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

use crate::{
    AttemptId, CallId, CampaignId, Direction, Disposition, FailureClass, LeadId, LeadState, MovedBy, Outcome,
    PermittedBy, RuleAnswer, StatusName, StopScope, Trace, Transfer,
};

/// Deliveries remembered per attempt. Bland sends one and up to four delayed kinds; retries of one delivery are one.
pub const DELIVERIES_MAX: usize = 16;

/// A finished attempt, as stored.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Attempt {
    /// Our id.
    pub id: AttemptId,
    /// The lead it was for.
    pub lead: LeadId,
    /// The lead's campaign.
    #[serde(rename = "camp")]
    pub campaign: CampaignId,
    /// Through whom.
    #[serde(rename = "prov")]
    pub provider: String,
    /// The provider's name for the call.
    #[serde(default, rename = "call", skip_serializing_if = "Option::is_none")]
    pub call_id: Option<CallId>,
    /// Who called whom.
    #[serde(rename = "dir")]
    pub direction: Direction,
    /// How we know that it is over.
    pub end: AttemptEnd,
    /// When the line was reserved, or an inbound call came.
    #[serde(rename = "at", with = "chrono::serde::ts_milliseconds")]
    pub started_at: DateTime<Utc>,
    /// When it ended, else when we heard of it.
    #[serde(with = "chrono::serde::ts_milliseconds")]
    pub ended_at: DateTime<Utc>,
    /// The date of the start in the campaign's zone.
    #[serde(rename = "date")]
    pub date: NaiveDate,
    /// What the network reported.
    pub outcome: Outcome,
    /// What the talk meant; only ever moves up.
    #[serde(rename = "disposition")]
    pub disposition: Disposition,
    /// The provider's or agent's word as it came.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub word: Option<String>,
    /// Whether no table knows the word.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub word_unknown: bool,
    /// Length of the talk in seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub talk_s: Option<u32>,
    /// How far a transfer came.
    #[serde(default = "no_transfer", skip_serializing_if = "is_no_transfer")]
    pub transfer: Transfer,
    /// Why the network failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<FailureClass>,
    /// Whether it took a place in the day's calls.
    pub counted: bool,
    /// Counted attempts of the lead when it was decided, this one included: what the rules were told. Absent in what
    /// older builds wrote, and without a lead.
    #[serde(default, rename = "n", skip_serializing_if = "Option::is_none")]
    pub attempts: Option<u32>,
    /// Those of them on [`Attempt::date`].
    #[serde(default, rename = "nd", skip_serializing_if = "Option::is_none")]
    pub attempts_today: Option<u32>,
    /// What was told about where the lead is: state, postal code, zone. Law was looked up by it.
    #[serde(default, rename = "us", skip_serializing_if = "Option::is_none")]
    pub state_code: Option<String>,
    /// The postal code.
    #[serde(default, rename = "zip", skip_serializing_if = "Option::is_none")]
    pub postal_code: Option<String>,
    /// The zone.
    #[serde(default, rename = "tz", skip_serializing_if = "Option::is_none")]
    pub zone: Option<Tz>,
    /// By what the gate had let it pass.
    #[serde(default, rename = "by", skip_serializing_if = "Option::is_none")]
    pub permitted_by: Option<PermittedBy>,
    /// A law's rolling cap allowed no next call before.
    #[serde(
        default,
        rename = "cap_until",
        with = "chrono::serde::ts_seconds_option",
        skip_serializing_if = "Option::is_none"
    )]
    pub law_cap_until: Option<DateTime<Utc>>,
    /// Room kept for a promised callback allowed no ordinary call before.
    #[serde(
        default,
        rename = "kept_until",
        with = "chrono::serde::ts_seconds_option",
        skip_serializing_if = "Option::is_none"
    )]
    pub kept_until: Option<DateTime<Utc>>,
    /// The promised time that the lead waited for when the call ended. A call that began at or after it is the callback.
    #[serde(
        default,
        rename = "cb",
        with = "chrono::serde::ts_seconds_option",
        skip_serializing_if = "Option::is_none"
    )]
    pub promised_at: Option<DateTime<Utc>>,
    /// When hours, laws and caps first allowed that callback, if that was later than promised.
    #[serde(
        default,
        rename = "cb_ok",
        with = "chrono::serde::ts_seconds_option",
        skip_serializing_if = "Option::is_none"
    )]
    pub allowed_at: Option<DateTime<Utc>>,
    /// The slot that it held, `<shard>/<n>`, so that a repeated delivery can free it again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slot: Option<String>,
    /// What was decided; none when a rule failed.
    #[serde(default, rename = "dec", skip_serializing_if = "Option::is_none")]
    pub decision: Option<Decision>,
    /// Why a rule failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
    /// The version whose rule failed, if one could be loaded.
    #[serde(default, rename = "bad_ver", skip_serializing_if = "Option::is_none")]
    pub failed_version: Option<u32>,
}

const fn no_transfer() -> Transfer {
    Transfer::None
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_no_transfer(transfer: &Transfer) -> bool {
    *transfer == Transfer::None
}

impl Attempt {
    /// The promised time that this call kept: it came to the phone, and began at or after that time.
    pub fn kept_promise(&self) -> Option<DateTime<Utc>> {
        let reached = self.counted && self.direction == Direction::Outbound && self.outcome.reached_the_phone();
        self.promised_at.filter(|at| reached && self.started_at >= *at)
    }
}

/// How we know that an attempt is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AttemptEnd {
    /// The provider told us.
    Reported,
    /// We asked, and the provider knows no such call, or never tells the end of one that cannot last any more.
    Lost,
    /// The lead called us.
    Inbound,
}

/// What was decided, by which rules.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Decision {
    /// Which version, where, why.
    #[serde(flatten)]
    pub trace: Trace,
    /// The lead's status before.
    pub from: StatusName,
    /// And after.
    pub to: StatusName,
    /// The lead's state after.
    pub state: LeadState,
    /// The next call.
    #[serde(
        default,
        with = "chrono::serde::ts_seconds_option",
        skip_serializing_if = "Option::is_none"
    )]
    pub next_at: Option<DateTime<Utc>>,
    /// The promised time that the lead waits for now.
    #[serde(
        default,
        rename = "cb",
        with = "chrono::serde::ts_seconds_option",
        skip_serializing_if = "Option::is_none"
    )]
    pub callback_at: Option<DateTime<Utc>>,
    /// How far a stop reaches.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stop: Option<StopScope>,
    /// What moved the status, if the call did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub moved_by: Option<MovedBy>,
    /// The job that decided it again, if one did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub again: Option<String>,
}

/// What a later delivery adds to a finished attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Enrichment {
    /// The outcome, refined.
    pub outcome: Outcome,
    /// The disposition, never lower than before.
    pub disposition: Disposition,
    /// Whether the meaning of the call changed, so that the lead has to be looked at.
    pub changed: bool,
}

/// Merges what a later delivery says into an attempt.
pub fn enrich(attempt: &Attempt, answer: &RuleAnswer) -> Enrichment {
    let outcome = match (attempt.outcome, answer.outcome) {
        (before, Outcome::Unknown | Outcome::Lost) => before,
        // We know less than the provider whenever it comes back with more.
        (Outcome::Unknown | Outcome::Lost, after) => after,
        // The analysis after the call hears the machine that the line did not.
        (Outcome::Answered, Outcome::Machine) => Outcome::Machine,
        (before, _) => before,
    };
    let disposition = attempt.disposition.max(answer.disposition);
    Enrichment {
        outcome,
        disposition,
        changed: outcome != attempt.outcome || disposition != attempt.disposition,
    }
}
