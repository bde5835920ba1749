//! Leads from a file: which column is what, whether a row is a lead, and what is wrong with it (C3, C4).
//!
//! Data flow: the first row of a [`crate::sheet`] → [`Columns::read`] → [`Checker::check`] for each row below → a lead with
//! what is known of the person, or every fault of the row. A row is checked against itself alone: whether its phone is known
//! already is asked elsewhere, but for [`SeenPhones`], which remembers those of one file.
//!
//! Faults are for people and hold no phone number.

mod budget;
mod cells;
mod columns;
mod fix_file;
mod lead;
mod person;
mod seen;

use serde::{Deserialize, Serialize};

pub use columns::{Column, ColumnFault, Columns, Field};
pub use fix_file::{fix_file_heading, fix_file_row};
pub use lead::{CellFault, Checker, ImportedRow, Repair};
pub use seen::{SEEN_MAX, SeenPhones};

/// Sources that a lead may come from, unless a campaign says otherwise: those of the campaign tool before this one.
pub const SOURCES: [&str; 4] = ["website", "referral", "advertisement", "partner"];
/// Most sources, and most required columns, of a campaign: more than anybody reads in a message that lists them.
pub const NAMED_MAX: usize = 50;
/// Longest name of a column or source, in characters: what a profile takes as name of a field.
pub const NAME_MAX: usize = 64;

/// What a campaign asks of the files that are imported into it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ImportRules {
    /// Columns that every row has to fill, beside name and phone.
    pub required: Vec<String>,
    /// What may stand in the column `source`, in lower case; anything, if none is named.
    pub sources: Vec<String>,
}

impl Default for ImportRules {
    fn default() -> Self {
        Self {
            required: Vec::new(),
            sources: SOURCES.map(str::to_owned).into(),
        }
    }
}

impl ImportRules {
    /// The same with names as they are compared: lower case, one underscore for whatever stands between letters.
    #[must_use]
    pub fn normalized(self) -> Self {
        let sources = self.sources.iter().map(|source| source.trim().to_lowercase());
        Self {
            required: self.required.iter().map(|name| columns::normalized(name)).collect(),
            sources: sources.collect(),
        }
    }

    /// Whether every name is a possible one.
    ///
    /// # Errors
    /// The field as the API names it, and what is wrong.
    pub fn check(&self) -> Result<(), (&'static str, String)> {
        for (field, names) in [("import.required", &self.required), ("import.sources", &self.sources)] {
            if names.len() > NAMED_MAX {
                return Err((field, format!("give at most {NAMED_MAX}")));
            }
            if names
                .iter()
                .any(|name| name.is_empty() || name.chars().count() > NAME_MAX)
            {
                return Err((field, format!("each has 1 to {NAME_MAX} characters")));
            }
        }
        Ok(())
    }
}

/// Where the phone of a row stands already.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DuplicateIn {
    /// In a row above.
    File,
    /// In the campaign, from before.
    Campaign,
    /// In another campaign.
    System,
}

impl DuplicateIn {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::File, Self::Campaign, Self::System];

    /// The word in answers.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::File => "file",
            Self::Campaign => "campaign",
            Self::System => "system",
        }
    }
}

/// Which row of which import a lead was written by. Whoever repeats a step knows its own leads by it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImportedBy {
    /// The import.
    #[serde(rename = "id")]
    pub import: String,
    /// The row in the spreadsheet.
    #[serde(rename = "n")]
    pub row: u64,
}

#[cfg(test)]
mod tests;
