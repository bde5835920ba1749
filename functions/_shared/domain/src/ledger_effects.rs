//! What an event changes in a phone's ledger, beside the line that it frees. No writes here.

use chrono::{DateTime, Utc};

use crate::{Promise, Start, Statement, Subject, SubjectStop};

/// What changes in the ledger when an attempt ends.
#[derive(Debug, Clone, Default)]
pub struct LedgerEffects {
    /// No call before this.
    pub hold_until: Option<DateTime<Utc>>,
    /// The phone is not to be called any more, and what that rests on.
    pub do_not_call: Option<Statement>,
    /// The number is bad for good.
    pub bad_at: Option<DateTime<Utc>>,
    /// A person ended the call that we had placed; some laws allow no second one.
    pub hung_up_at: Option<DateTime<Utc>>,
    /// A subject is closed for the phone.
    pub subject_stop: Option<(Subject, SubjectStop)>,
    /// The starts to keep, when one is given back or was never counted.
    pub starts: Option<Vec<Start>>,
    /// The promises that are open now, when one was made, kept or closed.
    pub promises: Option<Vec<Promise>>,
}

impl LedgerEffects {
    /// Whether a whole attribute is replaced, so that it must have been made from what is there.
    pub const fn replaces(&self) -> bool {
        self.subject_stop.is_some() || self.starts.is_some() || self.promises.is_some()
    }

    /// Whether nothing in the ledger changes.
    pub const fn is_empty(&self) -> bool {
        self.hold_until.is_none()
            && self.do_not_call.is_none()
            && self.bad_at.is_none()
            && self.hung_up_at.is_none()
            && self.subject_stop.is_none()
            && self.starts.is_none()
            && self.promises.is_none()
    }
}
