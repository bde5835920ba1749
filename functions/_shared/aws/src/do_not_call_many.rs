//! Many do-not-call marks: what is known of a list's phones, marking them together, and all marks by their time.
//!
//! Data flow: phones → ledgers and records by the hundred → marks with their proofs, 25 phones in one transaction; one that
//! others hindered is done again phone by phone. A transaction of many is as good as one of each, because each mark is in
//! the same one as its proof, and costs the same units; it is a twenty-fifth of the requests.
//!
//! A marked ledger stands in the `day` index under `#dnc#<shard>`, by the time of its mark. So a list reads marks and
//! nothing else, one entry for each phone, and a shard holds a sixteenth of them whatever the numbers are.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use futures::future::try_join_all;
use redial_domain::{Ledger, Phone, Proof, Statement};

use crate::App;
use crate::do_not_call::{Marked, done, mark_changes, mark_in_rounds, proof_of, record_id};
use crate::keys;
use crate::layout::DAY_INDEX;
use crate::leads::phone_of;
use crate::ledgers::ledger_of;
use crate::table::{Change, Item, Key, Query, Table, TableError, read, text};

/// Phones that are marked in one transaction, with two items each: half of the hundred that DynamoDB takes, because all
/// have to be done again when somebody else writes one of them.
pub const TOGETHER_MAX: usize = 25;
/// A page of an index may be empty and yet have a next one; more than a few of them in a row is a fault.
const EMPTY_PAGES_MAX: usize = 10;

/// A mark in a list.
#[derive(Debug, Clone)]
pub struct ListedMark {
    /// Its place in the list. Holds no number.
    pub place: String,
    /// Whose it is.
    pub phone: Phone,
    /// Since when.
    pub since: DateTime<Utc>,
    /// Since when the person is forgotten.
    pub forgotten_at: Option<DateTime<Utc>>,
    /// What it rests on; none for marks of builds that kept no proof.
    pub proof: Option<Proof>,
}

/// Marks phones whose ledgers were just read, at most [`TOGETHER_MAX`] and each once. In their order.
pub async fn mark_together(
    app: &App,
    phones: &[(Phone, Ledger)],
    statement: &Statement,
) -> Vec<Result<Marked, TableError>> {
    let proofs: Vec<Proof> = phones.iter().map(|(_, ledger)| proof_of(statement, ledger)).collect();
    let changes: Result<Vec<[Change; 2]>, TableError> = phones
        .iter()
        .zip(&proofs)
        .map(|((phone, ledger), proof)| mark_changes(app, phone, proof, ledger))
        .collect();
    let written = match changes {
        Ok(changes) => app.table.transact(changes.into_iter().flatten().collect()).await,
        Err(error) => Err(error),
    };
    let Err(error) = written else {
        let both = phones.iter().zip(proofs);
        return both
            .map(|((_, ledger), proof)| Ok(done(app, proof, ledger.clone())))
            .collect();
    };
    // It may be done: the next look tells.
    let tried = matches!(error, TableError::Throttled | TableError::Unavailable(_));
    let mut marked = Vec::with_capacity(phones.len());
    for (phone, _) in phones {
        marked.push(mark_in_rounds(app, phone, statement, None, tried).await);
    }
    marked
}

impl Table {
    /// The ledgers of phones, and which of them have a record of this statement already. In the order of `phones`.
    ///
    /// # Errors
    /// When they cannot be read.
    pub async fn marks_of(&self, phones: &[Phone], statement: &Statement) -> Result<Vec<(Ledger, bool)>, TableError> {
        let wanted: Vec<Key> = phones.iter().map(keys::ledger).collect();
        let mut ledgers: HashMap<Key, Ledger> = HashMap::with_capacity(phones.len());
        for item in self.batch_get(&wanted, true).await? {
            if let Some(key) = Key::of(&item) {
                ledgers.insert(key, read(item)?);
            }
        }
        let ledgers: Vec<Ledger> = wanted
            .iter()
            .map(|key| ledgers.remove(key).unwrap_or_default())
            .collect();
        let record = |phone, ledger: &Ledger| keys::proof(phone, &record_id(statement, ledger.dnc_removed));
        let records: Vec<Key> = phones
            .iter()
            .zip(&ledgers)
            .filter(|(_, ledger)| ledger.is_do_not_call())
            .map(|(phone, ledger)| record(phone, ledger))
            .collect();
        let kept: Vec<Key> = self
            .batch_get(&records, true)
            .await?
            .iter()
            .filter_map(Key::of)
            .collect();
        let kept: std::collections::HashSet<Key> = kept.into_iter().collect();
        let both = phones.iter().zip(ledgers).map(|(phone, ledger)| {
            let known = ledger.is_do_not_call() && kept.contains(&record(phone, &ledger));
            (ledger, known)
        });
        Ok(both.collect())
    }

    /// Marks by their time, from a place or a time on, and where the next page begins. A page may hold fewer than
    /// `limit` and yet have a next one. The newest seconds may be missing: an index is late.
    ///
    /// # Errors
    /// When they cannot be read.
    pub async fn list_marks(&self, from: &str, limit: usize) -> Result<(Vec<ListedMark>, Option<String>), TableError> {
        let each = i32::try_from(limit / keys::MARK_SHARDS as usize)
            .unwrap_or(i32::MAX)
            .max(1);
        let shards = (0..keys::MARK_SHARDS).map(|shard| self.marks_of_shard(shard, from, each));
        let shards = try_join_all(shards).await?;
        // What is behind the end of a shard that has more may not be all: it waits for the next page.
        let ends = shards.iter().filter(|(_, more)| *more);
        let horizon: Option<String> = ends.filter_map(|(places, _)| Some(places.last()?.0.clone())).min();
        let mut places: Vec<(String, Key)> = shards.into_iter().flat_map(|(places, _)| places).collect();
        places.sort_by(|(a, _), (b, _)| a.cmp(b));
        let found = places.len();
        places.retain(|(place, _)| horizon.as_ref().is_none_or(|horizon| place <= horizon));
        places.truncate(limit);
        let more = horizon.is_some() || places.len() < found;
        let next = places.last().filter(|_| more).map(|(place, _)| place.clone());
        Ok((self.listed(places).await?, next))
    }

    async fn marks_of_shard(
        &self,
        shard: u32,
        from: &str,
        limit: i32,
    ) -> Result<(Vec<(String, Key)>, bool), TableError> {
        let list = keys::marks(shard);
        let query = Query::index(DAY_INDEX, &list, limit).range(
            "#range BETWEEN :from AND :upto",
            vec![(":from", format!("{from}\u{0}")), (":upto", "~".to_owned())],
        );
        let mut next = None;
        for _ in 0..EMPTY_PAGES_MAX {
            let page = self.query(&query, next).await?;
            next = page.next;
            let places: Vec<_> = page
                .items
                .iter()
                .filter_map(|item| Some((text(item, DAY_INDEX.range?)?.to_owned(), Key::of(item)?)))
                .collect();
            if !places.is_empty() || next.is_none() {
                return Ok((places, next.is_some()));
            }
        }
        Err(TableError::Unavailable("empty pages of an index".to_owned()))
    }

    /// The marks as they are now; what was taken away since is left out.
    async fn listed(&self, places: Vec<(String, Key)>) -> Result<Vec<ListedMark>, TableError> {
        let by_key = |items: Vec<Item>| -> HashMap<Key, Item> {
            items
                .into_iter()
                .filter_map(|item| Some((Key::of(&item)?, item)))
                .collect()
        };
        let wanted: Vec<Key> = places.iter().map(|(_, key)| key.clone()).collect();
        let mut ledgers = by_key(self.batch_get(&wanted, true).await?);
        let mut marks = Vec::with_capacity(places.len());
        for (place, key) in places {
            let ledger = ledger_of(ledgers.remove(&key))?;
            if let (Some(since), Some(phone)) = (ledger.dnc_at, phone_of(&key)) {
                marks.push((place, phone, since, ledger));
            }
        }
        let record = |phone: &Phone, ledger: &Ledger| Some(keys::proof(phone, ledger.dnc_ref.as_deref()?));
        let wanted: Vec<Key> = marks
            .iter()
            .filter_map(|(_, phone, _, ledger)| record(phone, ledger))
            .collect();
        let mut proofs = by_key(self.batch_get(&wanted, true).await?);
        marks
            .into_iter()
            .map(|(place, phone, since, ledger)| {
                let proof = record(&phone, &ledger).and_then(|key| proofs.remove(&key));
                Ok(ListedMark {
                    place,
                    phone,
                    since,
                    forgotten_at: ledger.forgotten_at,
                    proof: proof.map(read).transpose()?,
                })
            })
            .collect()
    }
}
