//! Times as answers and explanations show them.

use chrono::{DateTime, SecondsFormat, SubsecRound, Utc};
use serde::{Serialize, Serializer};

/// A time in whole seconds. Clocks tell more and the table keeps less, and one moment must not be told in two ways.
pub fn iso(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Secs, false)
}

/// As [`iso`], for what is written to JSON as it is.
pub(crate) fn seconds<S: Serializer>(at: &DateTime<Utc>, to: S) -> Result<S::Ok, S::Error> {
    at.trunc_subsecs(0).serialize(to)
}

/// As [`seconds`], where there may be none.
#[expect(clippy::ref_option, reason = "serde passes a reference")]
pub(crate) fn seconds_option<S: Serializer>(at: &Option<DateTime<Utc>>, to: S) -> Result<S::Ok, S::Error> {
    at.map(|at| at.trunc_subsecs(0)).serialize(to)
}
