//! Do-not-call marks: written with their proof, listed, taken away by an owner, and what is left of a forgotten person.
//!
//! Data flow: a statement → the ledger as it is → one transaction: the mark, which only the first one sets, and the
//! proof, which a repetition finds there. INVARIANT: no mark without a proof, no proof without a mark; the condition on
//! `seq` makes the picture that was read the one that is marked, so what is in flight at that moment is known.
//!
//! Many of them at once, and the list of all, are in [`crate::do_not_call_many`].

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use redial_domain::law::Law;
use redial_domain::{Ledger, Phone, Proof, Statement};
use sha2::{Digest, Sha256};

use crate::App;
use crate::keys;
use crate::leads::{Activity, activity_change};
use crate::ledgers::if_unchanged;
use crate::table::{Change, Key, Query, Table, TableError, read, write};

/// Rounds against others who write the same phone, and against a table that is throttled: two seconds at most.
const ROUNDS_MAX: u32 = 6;
/// The pause before the second round; each further one is twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(60);
/// Records of one phone that are shown: a person is asked a few times in a life.
pub const PROOFS_SHOWN_MAX: usize = 200;
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

/// The name of a record: the same statement has the same name, until an owner took the mark away. The phone is no part
/// of it: names stand in answers and logs, and ten digits are soon tried out.
pub(crate) fn record_id(statement: &Statement, removed: u32) -> String {
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
    mark_in_rounds(app, phone, statement, None, false).await
}

/// As [`mark`], for a ledger that was just read.
///
/// # Errors
/// As [`mark`].
pub async fn mark_seen(app: &App, phone: &Phone, statement: &Statement, seen: Ledger) -> Result<Marked, TableError> {
    mark_in_rounds(app, phone, statement, Some(seen), false).await
}

/// As [`mark`]; `tried` when the same was tried before and nobody knows whether it was done.
///
/// # Errors
/// As [`mark`].
pub(crate) async fn mark_in_rounds(
    app: &App,
    phone: &Phone,
    statement: &Statement,
    mut seen: Option<Ledger>,
    mut tried: bool,
) -> Result<Marked, TableError> {
    let table = &app.table;
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
        match table.transact(mark_changes(app, phone, &proof, &ledger)?.into()).await {
            Ok(()) => return Ok(done(app, proof, ledger)),
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

/// A mark with its proof, on condition that the ledger is as it was read. INVARIANT: both are in one transaction.
pub(crate) fn mark_changes(app: &App, phone: &Phone, proof: &Proof, seen: &Ledger) -> Result<[Change; 2], TableError> {
    let change = Change::update(keys::ledger(phone), "SET #sv = :sv, #seq = :next")
        .value(":sv", redial_domain::SCHEMA_VERSION)
        .value(":next", seen.seq + 1);
    let change = marking(if_unchanged(change, seen), phone, proof, &app.ids.record(proof.at));
    Ok([change, proof_change(phone, proof)?])
}

/// What became of a phone that was just marked.
pub(crate) fn done(app: &App, proof: Proof, ledger: Ledger) -> Marked {
    let first = ledger.dnc_at.is_none();
    counted(app, ledger.dnc_at.unwrap_or(proof.at), proof, first, true, ledger)
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
            "SET #forgotten_at = if_not_exists(#forgotten_at, :now), #dnc_ref = :left, #seq = :next REMOVE #starts, #reported, #stops, #last_attempt, #bad_at, #hold_until, #hung_up_at",
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
