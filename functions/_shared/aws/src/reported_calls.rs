//! Calls that others placed to a phone: another system, or a person by hand. The ledger counts them like its own.
//!
//! The note of the report, the ledger and the phone's history are written in one transaction: the same report twice
//! counts once, and a dialer that decided on the picture before loses its reservation.

use chrono::{DateTime, TimeDelta, Utc};
use redial_domain::{CallId, Ledger, Phone, STARTS_KEPT, Subject};
use serde::Serialize;

use crate::keys;
use crate::layout::EXPIRES_AT;
use crate::leads::{Activity, activity_change};
use crate::ledgers::if_unchanged;
use crate::table::{Change, Table, TableError};

/// Rounds against others who write the same ledger.
const ROUNDS_MAX: usize = 8;
/// A report is known again for so long; what is older than two days does not count anyway.
const NOTED: TimeDelta = TimeDelta::days(30);

/// A call that somebody else placed.
#[derive(Debug, Clone, Serialize)]
pub struct ReportedCall {
    /// Who placed it: another system's name, or `manual`. With the call's id the name of the report.
    pub source: CallId,
    /// What the source calls it; its second of time where it has no name.
    pub call_id: Option<CallId>,
    /// When it began.
    #[serde(with = "chrono::serde::ts_milliseconds")]
    pub started_at: DateTime<Utc>,
    /// What it was about. Where that is not known it counts with every subject.
    pub subject: Option<Subject>,
}

/// What became of a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Recorded {
    /// The ledger counts it.
    Counted,
    /// No cap looks back so far.
    TooOld,
    /// It was reported before.
    Known,
}

impl ReportedCall {
    fn name(&self) -> String {
        match &self.call_id {
            Some(id) => id.to_string(),
            None => format!("at:{}", self.started_at.timestamp()),
        }
    }

    fn ledger_change(&self, phone: &Phone, seen: &Ledger, now: DateTime<Utc>) -> Change {
        let any = Subject::any();
        let subject = self.subject.as_ref().unwrap_or(&any);
        let starts = seen.starts_with_reported(self.started_at, subject, now);
        let change = Change::update(keys::ledger(phone), "SET #starts = :s, #seq = :next, #sv = :sv")
            .value(":s", starts)
            .value(":next", seen.seq + 1)
            .value(":sv", redial_domain::SCHEMA_VERSION);
        if_unchanged(change, seen)
    }
}

impl Table {
    /// Writes down a call that somebody else placed.
    ///
    /// # Errors
    /// When the table cannot be reached, or others kept writing the same ledger; then the report must come again.
    pub async fn report_call(
        &self,
        phone: &Phone,
        call: &ReportedCall,
        activity: &Activity,
    ) -> Result<Recorded, TableError> {
        let now = activity.at;
        let counts = call.started_at > now - STARTS_KEPT;
        for _ in 0..ROUNDS_MAX {
            let note = Change::put(keys::report(phone, call.source.as_str(), &call.name()), call)
                .with(
                    EXPIRES_AT,
                    aws_sdk_dynamodb::types::AttributeValue::N((now + NOTED).timestamp().to_string()),
                )
                .when("attribute_not_exists(#pk)");
            let mut changes = vec![note, activity_change(phone, activity)];
            if counts {
                changes.push(call.ledger_change(phone, &self.ledger(phone).await?, now));
            }
            match self.transact(changes).await {
                Ok(()) if counts => return Ok(Recorded::Counted),
                Ok(()) => return Ok(Recorded::TooOld),
                Err(error) if error.condition_at(0) => return Ok(Recorded::Known),
                Err(error) if error.condition_at(2) || error.is_conflict() => {}
                Err(error) => return Err(error),
            }
        }
        Err(TableError::Unavailable(
            "others kept writing the same ledger".to_owned(),
        ))
    }
}
