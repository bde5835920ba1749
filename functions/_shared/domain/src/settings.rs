//! Settings of the whole system, one item.

use serde::{Deserialize, Serialize};

/// What an operator sets for everything at once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settings {
    /// Counts writes; the condition of every change.
    #[serde(default)]
    pub version: u64,
    /// The business switch (Q12).
    pub enabled: bool,
    /// The operator's switch (Q12).
    pub running: bool,
    /// Minutes between ticks, 1 to 60. Every minute keeps the ladder exact.
    pub process_interval_min: u32,
    /// Days a finished lead stays in the queue's records, 1 to 3,650.
    pub retention_days: u32,
    /// Whether raw webhook payloads are kept beside the attempts.
    pub keep_raw: bool,
    /// Whether a second person has to approve a rule change before it is live (R9).
    #[serde(default)]
    pub rules_need_approval: bool,
    /// The version of what people added to the law book.
    #[serde(default)]
    pub law_version: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            version: 0,
            enabled: true,
            running: true,
            process_interval_min: 1,
            retention_days: 30,
            keep_raw: true,
            rules_need_approval: false,
            law_version: 0,
        }
    }
}
