//! Do-not-call marks: written with their proof, listed, taken away by an owner, and what is left of a forgotten person.
//!
//! Data flow: a statement → the ledger as it is → one transaction: the mark, which only the first one sets, and the
//! proof, which a repetition finds there. INVARIANT: no mark without a proof, no proof without a mark; the condition on
//! `seq` makes the picture that was read the one that is marked, so what is in flight at that moment is known.
//!
//! A marked ledger stands in the `day` index under `#dnc#<shard>`, by the time of its mark. So a list reads marks and
//! nothing else, one entry for each phone, and a shard holds a sixteenth of them whatever the numbers are.

use std::collections::HashMap;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use futures::future::try_join_all;
use redial_domain::law::Law;
use redial_domain::{Ledger, Phone, Proof, Statement};
use sha2::{Digest, Sha256};

use crate::App;
use crate::keys;
use crate::layout::DAY_INDEX;
use crate::leads::{Activity, activity_change, phone_of};
use crate::ledgers::ledger_of;
use crate::table::{Change, Item, Key, Query, Table, TableError, read, text, write};

/// Rounds against others who write the same phone, and against a table that is throttled: two seconds at most.
const ROUNDS_MAX: u32 = 6;
/// The pause before the second round; each further one is twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(60);
/// Records of one phone that are shown: a person is asked a few times in a life.
pub const PROOFS_SHOWN_MAX: usize = 200;
/// A page of an index may be empty and yet have a next one; more than a few of them in a row is a fault.
const EMPTY_PAGES_MAX: usize = 10;
/// How the record that is left of a forgotten person begins.
const TOMBSTONE: &str = "forgotten";
/// Starts count for so long; a forgotten person's are gone, so after a removal nobody calls before they would not count.
const STARTS_COUNT: TimeDelta = TimeDelta::hours(48);

/// What became of a mark.
#[derive(Debug, Clone)]
pub struct Marked {
    /// Since when the phone is marked.
    pub since: DateTime<Utc>,
    /// The record of what was said.
    pub proof: Proof,
    /// Whether it was this that marked the phone.
    pub first: bool,
    /// Whether the record is new.
    pub added: bool,
    /// The phone's ledger as it was marked, with what is in flight.
    pub ledger: Ledger,
}

impl Marked {
    /// Whether the phone was marked only after the law wanted it.
    pub fn is_late(&self) -> bool {
        self.proof.is_late(self.since)
    }
}

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

/// The name of a record: the same statement has the same name, until an owner took the mark away. The phone is no part
/// of it: names stand in answers and logs, and ten digits are soon tried out.
fn record_id(statement: &Statement, removed: u32) -> String {
    let mut hash = Sha256::new();
    hash.update(statement.sameness());
    hash.update(format!("\u{1f}{removed}"));
    hex::encode(&hash.finalize()[..16])
}

/// The record of a statement about a phone whose ledger is this.
pub(crate) fn proof_of(statement: &Statement, ledger: &Ledger) -> Proof {
    statement.proof(record_id(statement, ledger.dnc_removed), Law::built_in())
}

/// The pieces of a ledger's write that mark it. The first mark stays, and its place in the list. `unique` tells marks of
/// one second apart.
pub(crate) fn marking(change: Change, phone: &Phone, proof: &Proof, unique: &str) -> Change {
    let (list, place) = keys::mark_place(phone, proof.at, unique);
    change
        .and("SET #dnc_at = if_not_exists(#dnc_at, :dnc), #dnc_ref = if_not_exists(#dnc_ref, :proof)")
        .and("SET #d_pk = if_not_exists(#d_pk, :dnc_list), #d_sk = if_not_exists(#d_sk, :dnc_place)")
        .value(":dnc", proof.at.timestamp_millis())
        .value(":proof", &proof.id)
        .value(":dnc_list", list)
        .value(":dnc_place", place)
}

/// Keeps a record. What is kept stays: a repetition changes nothing.
pub(crate) fn proof_change(phone: &Phone, proof: &Proof) -> Result<Change, TableError> {
    let mut change = Change::update(keys::proof(phone, &proof.id), "SET #sv = if_not_exists(#sv, :sv)")
        .value(":sv", redial_domain::SCHEMA_VERSION);
    let mut attributes: Vec<_> = write(proof)?.into_iter().collect();
    attributes.sort_by(|(a, _), (b, _)| a.cmp(b));
    for (name, value) in attributes {
        change = change
            .and(&format!("SET #{name} = if_not_exists(#{name}, :v_{name})"))
            .attribute(&format!(":v_{name}"), value);
    }
    Ok(change)
}

/// Marks a phone as do-not-call, with the proof. One way: the first mark stays, later proofs join its history, the same
/// statement again changes nothing.
///
/// # Errors
/// When the table cannot be reached, or others keep writing the phone. Then nobody knows whether it is marked, and the
/// caller must try again.
pub async fn mark(app: &App, phone: &Phone, statement: &Statement) -> Result<Marked, TableError> {
    mark_seen(app, phone, statement, None).await
}

/// As [`mark`], for a ledger that was just read.
///
/// # Errors
/// As [`mark`].
pub async fn mark_seen(
    app: &App,
    phone: &Phone,
    statement: &Statement,
    mut seen: Option<Ledger>,
) -> Result<Marked, TableError> {
    let table = &app.table;
    let mut tried = false;
    let mut last = TableError::Unavailable("others kept writing the phone".to_owned());
    for n in 0..ROUNDS_MAX {
        if n > 0 {
            tokio::time::sleep(app.ids.jitter(FIRST_PAUSE * (1 << n))).await;
        }
        let ledger = match seen.take() {
            Some(ledger) => ledger,
            None => table.ledger(phone).await?,
        };
        let proof = proof_of(statement, &ledger);
        if let Some(since) = ledger.dnc_at
            && let Some(kept) = table.get(&keys::proof(phone, &proof.id), true).await?
        {
            let proof: Proof = read(kept)?;
            let first = tried && ledger.dnc_ref.as_ref() == Some(&proof.id);
            return Ok(counted(app, since, proof, first, tried, ledger));
        }
        let unique = app.ids.record(proof.at);
        let change = Change::update(keys::ledger(phone), "SET #sv = :sv, #seq = :next")
            .value(":sv", redial_domain::SCHEMA_VERSION)
            .value(":next", ledger.seq + 1);
        let change = if ledger.seq == 0 {
            change.when("attribute_not_exists(#pk)")
        } else {
            change.value(":seen", ledger.seq).when("#seq = :seen")
        };
        let change = marking(change, phone, &proof, &unique);
        match table.transact(vec![change, proof_change(phone, &proof)?]).await {
            Ok(()) => {
                let since = ledger.dnc_at.unwrap_or(proof.at);
                let first = ledger.dnc_at.is_none();
                return Ok(counted(app, since, proof, first, true, ledger));
            }
            Err(error) if error.condition_at(0) || error.is_conflict() => {}
            Err(error @ (TableError::Throttled | TableError::Unavailable(_))) => {
                // It may be done: the next look tells.
                tried = true;
                last = error;
            }
            Err(error) => return Err(error),
        }
    }
    Err(last)
}

fn counted(app: &App, since: DateTime<Utc>, proof: Proof, first: bool, added: bool, ledger: Ledger) -> Marked {
    let marked = Marked {
        since,
        proof,
        first,
        added,
        ledger,
    };
    if first {
        app.metrics.count("dnc.marked");
    }
    if added && marked.is_late() {
        app.metrics.count("dnc.honoured_late");
        tracing::error!(
            proof.id = %marked.proof.id,
            proof.source = marked.proof.source.as_str(),
            "do-not-call honoured late: it was to be honoured by {}",
            marked.proof.honour_by.to_rfc3339()
        );
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

    /// The history of a phone's mark, oldest first.
    ///
    /// # Errors
    /// When it cannot be read.
    pub async fn proofs(&self, phone: &Phone) -> Result<Vec<Proof>, TableError> {
        let partition = keys::collection(phone);
        let query = Query {
            consistent: true,
            ..Query::table(&partition, i32::try_from(PROOFS_SHOWN_MAX).unwrap_or(i32::MAX))
        }
        .range(
            "begins_with(#range, :proofs)",
            vec![(":proofs", keys::PROOFS.to_owned())],
        );
        let items = self.query(&query, None).await?.items;
        let mut proofs: Vec<Proof> = items.into_iter().map(read).collect::<Result<_, _>>()?;
        proofs.sort_by(|a, b| (a.at, &a.id).cmp(&(b.at, &b.id)));
        Ok(proofs)
    }

    /// Takes a mark away, and keeps who did it and why. `false` when the phone changed since its ledger was read.
    ///
    /// # Errors
    /// When the table cannot be reached.
    pub async fn remove_mark(
        &self,
        phone: &Phone,
        seen: &Ledger,
        record: &Proof,
        activity: &Activity,
    ) -> Result<bool, TableError> {
        let mut change = Change::update(
            keys::ledger(phone),
            "SET #dnc_removed = :removed, #seq = :next REMOVE #dnc_at, #dnc_ref, #d_pk, #d_sk, #forgotten_at",
        )
        .value(":removed", seen.dnc_removed + 1)
        .value(":next", seen.seq + 1)
        .value(":seen", seen.seq)
        .when("#seq = :seen AND attribute_exists(#dnc_at)");
        if let Some(forgotten) = seen.forgotten_at {
            change = change
                .and("SET #hold_until = :hold")
                .value(":hold", (forgotten + STARTS_COUNT).timestamp_millis());
        }
        let changes = vec![change, proof_change(phone, record)?, activity_change(phone, activity)];
        self.if_unchanged(changes).await
    }

    /// Leaves of a marked phone's ledger what keeps the mark, and a record that says nothing but when and where the wish
    /// was heard. From now on nothing is written about old calls. `false` when the phone changed since its ledger was
    /// read, or is being called.
    ///
    /// # Errors
    /// When the table cannot be reached.
    pub async fn begin_forgetting(
        &self,
        phone: &Phone,
        seen: &Ledger,
        first: &Proof,
        now: DateTime<Utc>,
    ) -> Result<bool, TableError> {
        let left = Proof {
            id: format!("{TOMBSTONE}-{}", seen.dnc_removed),
            words: None,
            call: None,
            attempt: None,
            note: None,
            ..first.clone()
        };
        let change = Change::update(
            keys::ledger(phone),
            "SET #forgotten_at = if_not_exists(#forgotten_at, :now), #dnc_ref = :left, #seq = :next REMOVE #starts, #stops, #last_attempt, #bad_at, #hold_until",
        )
        .value(":now", now.timestamp_millis())
        .value(":left", &left.id)
        .value(":next", seen.seq + 1)
        .value(":seen", seen.seq)
        .when("#seq = :seen AND attribute_exists(#dnc_at) AND attribute_not_exists(#inflight)");
        self.if_unchanged(vec![change, proof_change(phone, &left)?]).await
    }

    /// Deletes up to so many items of a forgotten phone. Says how many, and whether none is left.
    ///
    /// # Errors
    /// When the table cannot be reached; what is deleted stays deleted.
    pub async fn forget_items(&self, phone: &Phone, limit: i32) -> Result<(usize, bool), TableError> {
        let partition = keys::collection(phone);
        let query = Query {
            consistent: true,
            ..Query::table(&partition, limit)
        };
        let page = self.query(&query, None).await?;
        let (ledger, tombstone) = (keys::ledger(phone), keys::proof(phone, TOMBSTONE));
        let gone: Vec<Key> = page
            .items
            .iter()
            .filter_map(Key::of)
            .filter(|key| *key != ledger && !key.sk.starts_with(&tombstone.sk))
            .collect();
        self.batch_delete(&gone).await?;
        Ok((gone.len(), page.next.is_none()))
    }

    async fn if_unchanged(&self, changes: Vec<Change>) -> Result<bool, TableError> {
        match self.transact(changes).await {
            Ok(()) => Ok(true),
            Err(error) if error.condition_at(0) || error.is_conflict() => Ok(false),
            Err(error) => Err(error),
        }
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

#[cfg(test)]
mod tests {
    use redial_domain::{ProofSource, Region};

    use super::*;

    #[test]
    fn the_same_statement_has_the_same_name_until_the_mark_was_taken_away() {
        let at = DateTime::from_timestamp(1_800_000_000, 0).unwrap();
        let statement = Statement::entered(ProofSource::Import, "crm", at);
        let again = Statement::entered(ProofSource::Import, "crm", at + TimeDelta::days(1));
        assert_eq!(record_id(&statement, 0), record_id(&again, 0));
        assert_ne!(record_id(&statement, 0), record_id(&statement, 1));
    }

    #[test]
    fn a_place_in_the_list_sorts_by_time_and_shows_no_number() {
        let at = DateTime::from_timestamp(1_800_000_000, 0).unwrap();
        let phone = Phone::parse("+12125550142", Region::US).unwrap();
        let (list, place) = keys::mark_place(&phone, at, "01A");
        assert_eq!(
            (list.starts_with("#dnc#"), place.as_str()),
            (true, "2027-01-15T08:00:00Z#01A")
        );
        assert!(!list.contains("555") && !place.contains("555"));
    }
}
