//! Calls that others placed to a phone: another system, or a person by hand. The ledger counts them like its own, and toward
//! the total of the leads that they were for.
//!
//! The note of the report, the ledger and the phone's history are written in one transaction: the same report twice
//! counts once, and a dialer that decided on the picture before loses its reservation. No lead is written, so none is missed
//! that comes in meanwhile, and no outcome loses what was reported while it was decided.

use chrono::{DateTime, Utc};
use redial_domain::{CallId, CalledFor, CampaignId, Ledger, Phone, REPORTS_KNOWN, STARTS_KEPT, Subject};
use serde::Serialize;

use crate::keys;
use crate::layout::EXPIRES_AT;
use crate::leads::{Activity, activity_change};
use crate::ledgers::if_unchanged;
use crate::table::{Change, Table, TableError};

/// Rounds against others who write the same ledger.
const ROUNDS_MAX: usize = 8;

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
    /// For whose lead it was, if that is known: it counts toward that one's total, else toward those of all leads about the
    /// subject, and without a subject toward those of all leads of the phone.
    pub campaign: Option<CampaignId>,
}

/// What became of a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Recorded {
    /// The ledger counts it: in the day, in rolling hours, for the gap and toward totals.
    Counted,
    /// It began more than two days ago, and counts toward totals only.
    InTotal,
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

    /// What the ledger becomes, if any cap counts the call, and how it counts.
    fn counted(&self, phone: &Phone, seen: &Ledger, now: DateTime<Utc>) -> Option<(Change, Recorded)> {
        let called_for = match (&self.campaign, &self.subject) {
            (Some(campaign), _) => CalledFor::Campaign(campaign.clone()),
            (None, Some(subject)) => CalledFor::Subject(subject.clone()),
            (None, None) => CalledFor::Anybody,
        };
        let reported = seen.reported_with(self.started_at, called_for, now)?;
        let change = Change::update(keys::ledger(phone), "SET #reported = :r, #seq = :next, #sv = :sv")
            .value(":r", reported)
            .value(":next", seen.seq + 1)
            .value(":sv", redial_domain::SCHEMA_VERSION);
        let change = if_unchanged(change, seen);
        if self.started_at <= now - STARTS_KEPT {
            return Some((change, Recorded::InTotal));
        }
        let any = Subject::any();
        let subject = self.subject.as_ref().unwrap_or(&any);
        let starts = seen.starts_with_reported(self.started_at, subject, now);
        Some((change.and("SET #starts = :s").value(":s", starts), Recorded::Counted))
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
        for _ in 0..ROUNDS_MAX {
            let note = Change::put(keys::report(phone, call.source.as_str(), &call.name()), call)
                .with(
                    EXPIRES_AT,
                    aws_sdk_dynamodb::types::AttributeValue::N((now + REPORTS_KNOWN).timestamp().to_string()),
                )
                .when("attribute_not_exists(#pk)");
            let mut changes = vec![note, activity_change(phone, activity)];
            let mut recorded = Recorded::TooOld;
            if let Some((change, counts)) = call.counted(phone, &self.ledger(phone).await?, now) {
                changes.push(change);
                recorded = counts;
            }
            match self.transact(changes).await {
                Ok(()) => return Ok(recorded),
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
