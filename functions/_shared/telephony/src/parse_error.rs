//! Why a body could not be read. Completes "failed to …" and never repeats what was in the body: it reaches logs.

use redial_domain::PhoneError;

/// Why a body could not be read; what is merely odd inside a readable body is no error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ParseError {
    /// Not JSON, or JSON nested deeper than anybody nests it.
    #[error("failed to read {what}: it is not JSON (line {line}, column {column})")]
    NotJson {
        /// What it should have been: `a Bland delivery`.
        what: &'static str,
        /// Counted from 1.
        line: usize,
        /// Counted from 1; 0 when the line is missing.
        column: usize,
    },
    /// JSON, but a list, a word or a number.
    #[error("failed to read {what}: it is JSON but no object; send one object with named fields")]
    NotAnObject {
        /// What it should have been.
        what: &'static str,
    },
    /// Nothing in it says which call it is about.
    #[error("failed to read a Bland delivery: it names neither a call nor a phone; send `call_id`")]
    NoCall,
    /// Neither JSON nor a form.
    #[error(
        "failed to read {what}: it is neither JSON nor a form; send application/json or application/x-www-form-urlencoded"
    )]
    Format {
        /// What it should have been.
        what: &'static str,
    },
    /// A lead without a phone is no lead.
    #[error("failed to read a new lead: no phone; map one field to `phone_number`")]
    NoPhone,
    /// A lead's phone cannot be one.
    #[error(transparent)]
    Phone(#[from] PhoneError),
}

impl ParseError {
    pub(crate) fn not_json(what: &'static str, error: &serde_json::Error) -> Self {
        // Its place only: its text may quote the body.
        Self::NotJson {
            what,
            line: error.line(),
            column: error.column(),
        }
    }
}
