//! Calling law as data: hours, holidays and rolling caps by jurisdiction, and where a lead may be.
//!
//! The book is `law/law.toml`, for lawyers to read; this module knows no state by name. A campaign's hours and caps, and
//! an operator's records, can only be stricter: whoever is called has to be called within all of them.

mod additions;
mod countries;
mod doubt;
mod holidays;
mod hours;
mod places;
mod record;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::OnceLock;

use serde::Deserialize;

pub use additions::{ADDITIONS_MAX, Added, AddedRecord, Additions, Ban};
pub use doubt::{Doubt, no_record};
pub use holidays::{Day, DayError, Holidays};
pub use hours::{CallingHours, Legal, NoLaw};
pub use places::{Places, Told, Zone, says_nothing, us_state};
pub use record::{Cap, CapOf, Confidence, ConsentNeeded, DayHours, Jurisdiction, Record, RecordKind, SpokenBy, Week};

/// The book of this build.
const BOOK: &str = include_str!("../../law/law.toml");

/// Longest hours of a rolling cap: the ledger keeps starts for 48, and they count a margin longer than the cap says.
const CAP_HOURS_MAX: u32 = 47;

/// A law book: records by jurisdiction, and the holidays that they name.
#[derive(Debug, Clone, PartialEq)]
pub struct Law {
    records: BTreeMap<Jurisdiction, Vec<Record>>,
    holidays: BTreeMap<String, Holidays>,
    bans: Vec<Ban>,
    version: u64,
}

/// What is wrong with a law book.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LawError {
    /// Its text.
    #[error("failed to read the law book: {0}")]
    Text(String),
    /// One of its records.
    #[error("failed to read the record of {jurisdiction} in the law book: {why}")]
    Record {
        /// Whose.
        jurisdiction: Jurisdiction,
        /// What.
        why: String,
    },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Book {
    record: Vec<Record>,
    #[serde(default)]
    holidays: Vec<Holidays>,
}

impl Law {
    /// The book of this build.
    pub fn built_in() -> &'static Self {
        static READ: OnceLock<Law> = OnceLock::new();
        READ.get_or_init(|| match Self::read(BOOK) {
            Ok(law) => law,
            Err(error) => unreachable!("the tests read this very text: {error}"),
        })
    }

    /// Reads a book.
    ///
    /// # Errors
    /// When its text is no book, or a record names what is not there.
    pub fn read(text: &str) -> Result<Self, LawError> {
        let book: Book = toml::from_str(text).map_err(|error| LawError::Text(error.to_string()))?;
        let holidays: BTreeMap<String, Holidays> =
            book.holidays.into_iter().map(|set| (set.name.clone(), set)).collect();
        let mut law = Self {
            records: BTreeMap::new(),
            holidays,
            bans: Vec::new(),
            version: 0,
        };
        for record in book.record {
            law.check(&record)?;
            law.records.entry(record.jurisdiction).or_default().push(record);
        }
        Ok(law)
    }

    /// Whether a record can be one of this book.
    fn check(&self, record: &Record) -> Result<(), LawError> {
        let bad = |why: String| {
            Err(LawError::Record {
                jurisdiction: record.jurisdiction,
                why,
            })
        };
        if let Some(name) = record.holidays.as_ref().filter(|name| self.holidays(name).is_none()) {
            let names = self.holidays.keys().map(String::as_str).collect::<Vec<_>>().join(", ");
            return bad(format!("there are no holidays `{name}`; there are {names}"));
        }
        if !record.is_ever_in_force() {
            return bad("`until` is not after `from`, so it would never be in force".to_owned());
        }
        if record.holidays.is_some() != record.holiday_hours.is_some() {
            return bad("`holidays` and `holiday_hours` stand together".to_owned());
        }
        if let Some(cap) = record
            .cap
            .filter(|cap| cap.calls == 0 || !(1..=CAP_HOURS_MAX).contains(&cap.hours))
        {
            return bad(format!(
                "a cap of {} calls in {} hours cannot be counted; count at least one call in 1 to {CAP_HOURS_MAX} hours",
                cap.calls, cap.hours
            ));
        }
        if record.sources.iter().all(|source| source.trim().is_empty()) {
            return bad("it has no source".to_owned());
        }
        Ok(())
    }

    /// The records of a jurisdiction, in the order of the book.
    pub fn records_of(&self, jurisdiction: &Jurisdiction) -> impl Iterator<Item = &Record> {
        self.records.get(jurisdiction).into_iter().flatten()
    }

    /// All records.
    pub fn records(&self) -> impl Iterator<Item = &Record> {
        self.records.values().flatten()
    }

    /// A set of holidays.
    pub fn holidays(&self, name: &str) -> Option<&Holidays> {
        self.holidays.get(name)
    }

    /// Bans that were declared.
    pub fn bans(&self) -> &[Ban] {
        &self.bans
    }

    /// How often it was added to; 0 for the book alone.
    pub const fn version(&self) -> u64 {
        self.version
    }

    /// The jurisdiction that people call so, whatever the letters' case.
    pub fn named(&self, name: &str) -> Option<&Jurisdiction> {
        let record = self.records().find(|record| record.name.eq_ignore_ascii_case(name));
        record.map(|record| &record.jurisdiction)
    }
}
