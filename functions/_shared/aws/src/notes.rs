//! Notes that people write about a lead, and the whole history of its phone as one list.
//!
//! A history is several sorts of items, each in the order of its keys. Keys of attempts, activities and notes begin with
//! their time, so the newest of each sort are read and merged; proofs of a do-not-call are named by what was said, so all
//! of them are read and placed by their time. INVARIANT: a page ends at a place, and the next one takes of every sort
//! what is before that place, so nothing is left out and nothing is told twice.

use chrono::{DateTime, Utc};
use redial_domain::{Actor, LeadId, Phone, Proof};
use serde::{Deserialize, Serialize};

use crate::keys;
use crate::table::{Change, Item, Query, Table, TableError, read, text};

/// Letters of a note: a page of text, and a note stays a few write units.
pub const NOTE_MAX: usize = 2_000;
/// Pages of proofs of one phone. A person is asked a few times in a life; a list that is imported each day for thirty
/// years is 11,000 proofs.
const PROOF_PAGES_MAX: usize = 60;
/// Proofs of one page.
const PROOFS_AT_ONCE: i32 = 200;

/// A note.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Note {
    /// Its id; sorts by time.
    pub id: String,
    /// When it was written.
    #[serde(with = "chrono::serde::ts_milliseconds")]
    pub at: DateTime<Utc>,
    /// About which lead of the phone.
    pub lead: LeadId,
    /// Who wrote it.
    pub actor: Actor,
    /// What they wrote.
    pub text: String,
}

/// Something in the history of a phone.
#[derive(Debug, Clone)]
pub enum Happening {
    /// A call of ours, or one that came in: the item of an attempt.
    Attempt(Item),
    /// What a person or program did: the item of an activity.
    Activity(Item),
    /// A note.
    Note(Note),
    /// A do-not-call was said, or taken back.
    DoNotCall(Proof),
}

/// Sorts whose keys begin with their time.
const BY_TIME: [&str; 3] = ["ATTEMPT#", "ACTIVITY#", keys::NOTES];

impl Table {
    /// Keeps a note. `false` when one of that id is there, with the note that is.
    ///
    /// # Errors
    /// When the table cannot be reached.
    pub async fn add_note(&self, phone: &Phone, note: &Note) -> Result<(bool, Note), TableError> {
        let change = Change::put(keys::note(phone, &note.id), note).when("attribute_not_exists(#pk)");
        match self.write(change).await {
            Ok(_) => Ok((true, note.clone())),
            Err(TableError::Condition(Some(kept))) => Ok((false, read(*kept)?)),
            Err(error) => Err(error),
        }
    }

    /// What happened with a phone, newest first, before a place; each with its place.
    ///
    /// # Errors
    /// When it cannot be read.
    pub async fn whole_history(
        &self,
        phone: &Phone,
        before: Option<&str>,
        limit: usize,
    ) -> Result<(Vec<(String, Happening)>, bool), TableError> {
        let size = i32::try_from(limit + 1).unwrap_or(i32::MAX);
        let mut all: Vec<(String, Happening)> = Vec::new();
        let mut more = false;
        for sort in BY_TIME {
            let items = self.history(phone, sort, before, size).await?;
            // The one at the place itself was read with them.
            more |= items.len() >= limit;
            for item in items {
                let Some(place) = text(&item, "sk").and_then(|key| key.strip_prefix(sort)) else {
                    continue;
                };
                let place = place.to_owned();
                let happening = match sort {
                    "ATTEMPT#" => Happening::Attempt(item),
                    "ACTIVITY#" => Happening::Activity(item),
                    _ => Happening::Note(read(item)?),
                };
                all.push((place, happening));
            }
        }
        let proofs = self.all_proofs(phone).await?;
        let proofs = proofs.into_iter().map(|proof| {
            (
                format!("{}{}", time_part(proof.at), proof.id),
                Happening::DoNotCall(proof),
            )
        });
        all.extend(proofs.filter(|(place, _)| before.is_none_or(|before| place.as_str() < before)));
        all.sort_by(|(a, _), (b, _)| b.cmp(a));
        let found = all.len();
        all.truncate(limit);
        Ok((all, more || found > limit))
    }

    async fn all_proofs(&self, phone: &Phone) -> Result<Vec<Proof>, TableError> {
        let partition = keys::collection(phone);
        let query = Query::table(&partition, PROOFS_AT_ONCE).range(
            "begins_with(#range, :proofs)",
            vec![(":proofs", keys::PROOFS.to_owned())],
        );
        let mut proofs = Vec::new();
        let mut next = None;
        for _ in 0..PROOF_PAGES_MAX {
            let page = self.query(&query, next).await?;
            for item in page.items {
                proofs.push(read(item)?);
            }
            next = page.next;
            if next.is_none() {
                return Ok(proofs);
            }
        }
        Err(TableError::Corrupt(
            "more proofs of one phone than anybody can have".to_owned(),
        ))
    }
}

/// The beginning of an id that was made at this time, so that what has no such id is placed among those that have.
fn time_part(at: DateTime<Utc>) -> String {
    let ms = u64::try_from(at.timestamp_millis()).unwrap_or_default();
    ulid::Ulid::from_parts(ms, 0).to_string().chars().take(10).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proof_is_placed_among_the_ids_of_its_time() {
        let at = |s: i64| DateTime::from_timestamp(s, 0).unwrap();
        let id = |s: i64| ulid::Ulid::from_parts(s as u64 * 1_000, 7).to_string();
        assert_eq!(time_part(at(1_800_000_000)).len(), 10);
        assert!(time_part(at(1_800_000_001)) > id(1_800_000_000));
        assert!(time_part(at(1_800_000_000)) < id(1_800_000_001));
    }
}
