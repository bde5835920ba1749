//! What the rules are told, and what they may answer.
//!
//! The rules wish; [`crate::next_step()`] decides.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::{Direction, Disposition, EventKind, Facts, Outcome, RuleSetName, StatusName};

/// Everything a script can see. What is not here cannot decide.
#[derive(Debug, Clone, PartialEq)]
pub struct RuleFacts<'a> {
    /// What the provider reported.
    pub facts: &'a Facts,
    /// Whether the call just ended or this is later news about it.
    pub kind: EventKind,
    /// Who called whom.
    pub direction: Direction,
    /// The lead's status before this event.
    pub status: &'a StatusName,
    /// The strongest meaning this call had before; [`Disposition::Unknown`] for the first delivery.
    pub known: Disposition,
    /// Counted attempts of this lead, this one included.
    pub attempts: u32,
    /// Counted attempts of this lead on this local day, this one included.
    pub attempts_today: u32,
    /// Minutes to wait before the n-th call of a day, from the campaign, else from the rule set.
    pub intervals_min: Option<&'a [u32]>,
    /// When the call ended, or when we heard of it.
    pub ended_at: DateTime<Utc>,
}

/// The rules' answer, checked against the rule set before anybody sees it.
#[derive(Debug, Clone, PartialEq)]
pub struct RuleAnswer {
    /// The canonical outcome.
    pub outcome: Outcome,
    /// The canonical disposition.
    pub disposition: Disposition,
    /// The lead's new status; a status of the rule set.
    pub status: StatusName,
    /// Whether to stop, and how far the stop reaches.
    pub stop: Option<StopWish>,
    /// When to call next, unless stopped.
    pub next: NextWish,
    /// Which version said so, and where.
    pub trace: Trace,
    /// What moved the status, if this call did.
    pub moved_by: Option<MovedBy>,
    /// A disposition word that no table of the rule set knows. Kept, shown and counted; never stops anything.
    pub unknown_word: Option<String>,
}

/// The answer that moved a lead to another status.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MovedBy {
    /// The script and line: `auto_status:5`.
    pub line: String,
    /// The reason that came with it, such as the keywords that were heard.
    pub why: String,
}

/// A wish to stop calling.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StopWish {
    /// How far it reaches.
    pub scope: StopScope,
    /// Why, in the rule's words.
    pub reason: String,
}

/// How far a stop reaches (R0).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StopScope {
    /// This lead only.
    Lead,
    /// Every lead of this phone with the same subject; what a sale does.
    Subject,
    /// The phone, everywhere; what a do-not-call always does.
    Phone,
}

/// When the rules would call next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NextWish {
    /// Minutes after the end of the call.
    InMinutes(u32),
    /// A promised time.
    At(DateTime<Utc>),
    /// Not before the campaign's next opening on another day.
    NextDay,
}

/// Which version of which rules decided, and where in them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trace {
    /// The rule set.
    pub set: RuleSetName,
    /// Its version; 0 is the built-in one.
    pub version: u32,
    /// The first 12 hex digits of the content's SHA-256.
    pub hash: String,
    /// The script and line whose answer decided: `stop_redial:7`.
    pub line: String,
    /// The reason that came with the answer.
    pub why: String,
}
