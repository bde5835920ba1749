//! The four scripts of a rule set, in the order in which they run.

use std::fmt;

/// One of the four questions that a rule set answers about a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Script {
    /// What does this call mean, and where does the lead stand?
    OutcomeToStatus,
    /// Does what was said move the lead?
    AutoStatus,
    /// Do we stop calling?
    StopRedial,
    /// When do we call next?
    RedialInterval,
}

impl Script {
    /// All four, in the order in which they run.
    pub const ALL: [Self; 4] = [
        Self::OutcomeToStatus,
        Self::AutoStatus,
        Self::StopRedial,
        Self::RedialInterval,
    ];

    /// The name in traces and messages.
    pub const fn name(self) -> &'static str {
        match self {
            Self::OutcomeToStatus => "outcome_to_status",
            Self::AutoStatus => "auto_status",
            Self::StopRedial => "stop_redial",
            Self::RedialInterval => "redial_interval",
        }
    }

    /// The file in the set's folder.
    pub const fn file(self) -> &'static str {
        match self {
            Self::OutcomeToStatus => "outcome_to_status.rhai",
            Self::AutoStatus => "auto_status.rhai",
            Self::StopRedial => "stop_redial.rhai",
            Self::RedialInterval => "redial_interval.rhai",
        }
    }

    /// Its place in [`Script::ALL`].
    pub(crate) const fn index(self) -> usize {
        self as usize
    }
}

impl fmt::Display for Script {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
