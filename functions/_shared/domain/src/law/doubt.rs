//! What was told of where a lead is, and stands in the way of calling it: for people, who can correct it.

use super::{Jurisdiction, Law};
use crate::without_numbers;

/// Longest text that is repeated to people: states and postal codes are shorter.
const REPEATED_MAX: usize = 64;

/// One told place that was not understood, or where nobody is called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Doubt {
    /// The field of the API in which it was told.
    pub field: &'static str,
    /// What was told.
    told: String,
    /// The country that it means, of which the book has no record; none if nothing known is meant.
    pub no_record: Option<Jurisdiction>,
}

impl Doubt {
    pub(super) fn unread(field: &'static str, told: &str) -> Self {
        Self {
            field,
            told: told.to_owned(),
            no_record: None,
        }
    }

    /// The doubts about places that mean these jurisdictions: one for each without a record.
    pub(super) fn without_record(
        field: &'static str,
        told: &str,
        means: &[Jurisdiction],
    ) -> impl Iterator<Item = Self> {
        let without = |is: &&Jurisdiction| Law::built_in().records_of(is).next().is_none();
        means.iter().filter(without).map(move |is| Self {
            field,
            told: told.to_owned(),
            no_record: Some(*is),
        })
    }

    /// What is wrong with it and what follows, without the field's name.
    pub fn message(&self) -> String {
        let is_short = self.told.chars().count() <= REPEATED_MAX && !self.told.contains(char::is_control);
        let told = if is_short {
            format!("`{}`", without_numbers(&self.told))
        } else {
            "what it says".to_owned()
        };
        match &self.no_record {
            Some(country) => format!("{told} is in {}", no_record(country)),
            None => format!(
                "{told} is no place that is known here, so it may be anywhere in the US: the strictest US rules hold until \
                 it is corrected"
            ),
        }
    }
}

/// What follows where the book has no record.
pub fn no_record(jurisdiction: &Jurisdiction) -> String {
    format!(
        "{}: no record says what is allowed there, so nothing is called",
        jurisdiction.with_name()
    )
}
