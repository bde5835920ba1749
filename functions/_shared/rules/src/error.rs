//! Why a rule could not decide. The caller parks the lead: nobody is dialed on a guess (R7).

use redial_domain::RuleSetName;

use crate::Script;

/// A script that failed, or an answer that the rule set does not know.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("failed to run `{script}` of rule set `{set}` version {version}, line {line}: {message}")]
pub struct RuleError {
    /// The rule set.
    pub set: RuleSetName,
    /// Its version; 0 is the built-in one.
    pub version: u32,
    /// The first 12 hex digits of the content's SHA-256.
    pub hash: String,
    /// The script that failed.
    pub script: Script,
    /// The line at which it failed; the last one when it ended without an answer.
    pub line: usize,
    /// What happened, in plain words.
    pub message: String,
}
