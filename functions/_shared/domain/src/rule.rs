//! What the rules are told, and what they may answer.
//!
//! The rules wish; [`crate::next_step()`] decides.

use std::fmt;

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use crate::{Direction, Disposition, EventKind, Facts, Outcome, RuleSetName, StatusName};

/// How far after a call a callback can be promised. People plan up to a year ahead, of which one day may be a leap day;
/// what lies behind it is a misreading of what they said, and would keep them out of the ladder for good.
pub const PROMISED_AHEAD_MAX: TimeDelta = TimeDelta::days(366);

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

impl RuleFacts<'_> {
    /// The time for which a callback was asked, if it can be promised.
    pub fn callback_at(&self) -> Option<DateTime<Utc>> {
        self.facts.callback_at.filter(|at| !self.is_too_far(*at))
    }

    /// Why no time can be promised to whoever asked for a callback; `meant` is what the talk came to by itself.
    pub fn unpromised(&self, meant: Disposition) -> Option<Unpromised> {
        match self.facts.callback_at {
            Some(at) => self.is_too_far(at).then_some(Unpromised::TooFarAhead(at)),
            // What an earlier report of the call said was answered then.
            None => (self.facts.callback_requested
                || (meant == Disposition::Callback && self.known != Disposition::Callback))
                .then_some(Unpromised::WithoutTime),
        }
    }

    fn is_too_far(&self, at: DateTime<Utc>) -> bool {
        at - self.ended_at > PROMISED_AHEAD_MAX
    }
}

/// A callback that was asked for, and that cannot be promised.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unpromised {
    /// No time was named, or none that can be read.
    WithoutTime,
    /// The time that was read is behind [`PROMISED_AHEAD_MAX`].
    TooFarAhead(DateTime<Utc>),
}

impl Unpromised {
    /// The code that a lead shows which waits by the ordinary interval instead.
    pub const fn code(self) -> &'static str {
        match self {
            Self::WithoutTime => "callback_without_time",
            Self::TooFarAhead(_) => "callback_too_far_ahead",
        }
    }
}

impl fmt::Display for Unpromised {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::WithoutTime => f.write_str("a callback was asked for, without a time that can be read"),
            Self::TooFarAhead(at) => write!(
                f,
                "a callback was asked for at {}, more than {} days ahead, which is taken for a misreading",
                at.to_rfc3339_opts(SecondsFormat::Secs, true),
                PROMISED_AHEAD_MAX.num_days()
            ),
        }
    }
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
    /// A callback was asked for, and no time could be promised.
    pub unpromised: Option<Unpromised>,
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
