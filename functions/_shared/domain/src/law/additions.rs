//! What people add to the law book: bans, and records of their own.
//!
//! A record that is only added is one more that every call has to satisfy, so it can be nothing but stricter. One that
//! replaces what the book says may loosen it; that is an owner's decision, and both keep who decided it, when and why.
//! A jurisdiction that the book does not have stays closed: nobody here knows its numbers.

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use super::{Jurisdiction, Law, LawError, Places, Record};

/// Bans and records together: all of them are read for every call, so they stay far under an item's 400 KB.
pub const ADDITIONS_MAX: usize = 200;

/// Everything that was added.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Additions {
    /// Counts changes.
    #[serde(default, rename = "ver")]
    pub version: u64,
    /// Bans, in the order in which they were declared.
    #[serde(default)]
    pub bans: Vec<Ban>,
    /// Records, in the order in which they were added.
    #[serde(default)]
    pub records: Vec<AddedRecord>,
}

/// Who added something, when and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Added {
    /// Its id, to take it back by.
    pub id: String,
    /// The name of the key.
    pub by: String,
    /// When.
    #[serde(with = "chrono::serde::ts_milliseconds")]
    pub at: DateTime<Utc>,
    /// Why.
    pub reason: String,
}

/// Nobody is called there for a while (H7).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ban {
    /// Who declared it and why.
    pub added: Added,
    /// Where; everywhere, if nothing is named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jurisdiction: Option<Jurisdiction>,
    /// From then on.
    #[serde(with = "chrono::serde::ts_milliseconds")]
    pub from: DateTime<Utc>,
    /// Until then; until somebody lifts it, if nothing is named.
    #[serde(
        default,
        with = "chrono::serde::ts_milliseconds_option",
        skip_serializing_if = "Option::is_none"
    )]
    pub until: Option<DateTime<Utc>>,
}

/// A record that is not the book's.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AddedRecord {
    /// Who added it and why.
    pub added: Added,
    /// Whether it stands in place of the book's records of its jurisdiction and voice, and not beside them, on the days on
    /// which it is in force. On all others the book's hold.
    #[serde(default)]
    pub replaces: bool,
    /// What it says.
    pub record: Record,
}

impl Ban {
    /// Whether it is about a lead that may be in these places. Who may be anywhere in a country may be in any of its
    /// states.
    pub fn covers(&self, places: &Places) -> bool {
        let Some(banned) = &self.jurisdiction else {
            return true;
        };
        places
            .jurisdictions
            .iter()
            .any(|is| is == banned || (is.state() == "?" && is.country() == banned.country()))
    }

    /// Whether no call may start now: it holds, or begins before a call that starts now must have rung.
    pub fn holds(&self, at: DateTime<Utc>, closing_margin: TimeDelta) -> bool {
        self.from - closing_margin <= at && self.until.is_none_or(|until| at < until)
    }
}

impl Law {
    /// The book with what was added to it.
    ///
    /// # Errors
    /// The first record that cannot be, and why.
    pub fn with(&self, additions: &Additions) -> Result<Self, LawError> {
        let mut law = Self {
            version: additions.version,
            bans: additions.bans.clone(),
            ..self.clone()
        };
        for own in &additions.records {
            let record = Record {
                added: Some(own.added.clone()),
                ..own.record.clone()
            };
            law.check(&record)?;
            let Some(records) = law.records.get_mut(&record.jurisdiction) else {
                return Err(LawError::Record {
                    jurisdiction: record.jurisdiction,
                    why: "the book has none of it, so no number of it is known and none is called".to_owned(),
                });
            };
            if own.replaces {
                *records = std::mem::take(records)
                    .into_iter()
                    .flat_map(|known| {
                        if known.added.is_none() && record.voice.covers(known.voice) {
                            known.outside_of(&record)
                        } else {
                            vec![known]
                        }
                    })
                    .collect();
            }
            records.push(record);
        }
        Ok(law)
    }
}

#[cfg(test)]
mod tests;
