//! The ledger of a phone: read, reserve, record, give back, mark.

use std::collections::{BTreeSet, HashMap};

use chrono::{DateTime, Utc};
use redial_domain::{AttemptId, CallId, InFlight, Ledger, Phone, Placement, Start};

use crate::keys;
use crate::leads::{Activity, activity_change, phone_of};
use crate::table::{Change, Item, Key, Table, TableError, read};

/// Rounds against others who write a ledger while a line is given back.
const CANCEL_ROUNDS_MAX: usize = 4;

/// What became of a reservation.
#[derive(Debug, Clone, PartialEq)]
pub enum Reserved {
    /// The line is ours; place the call.
    Ours,
    /// An earlier delivery of the same message has it. Never call again: reconcile finds out what happened.
    ByEarlierDelivery,
    /// Something changed since the ledger was read, or the line is taken.
    Refused,
}

/// What a look at the provider found out about an attempt in flight. What is absent stays as it is.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Noted {
    /// The next look comes after this.
    pub lease_until: Option<DateTime<Utc>>,
    /// The provider's name for the call.
    pub call_id: Option<CallId>,
    /// When it was picked up.
    pub started_at: Option<DateTime<Utc>>,
    /// When the provider first knew no such call; nothing inside forgets that.
    pub empty_look_at: Option<Option<DateTime<Utc>>>,
    /// When the provider was first asked to stop it.
    pub stop_asked_at: Option<DateTime<Utc>>,
    /// When the provider first said that it stopped it.
    pub stopped_at: Option<DateTime<Utc>>,
    /// What is told to the lead's history now.
    pub activities: Vec<Activity>,
    /// Everything that it was ever told about the attempt, with that.
    pub told: BTreeSet<String>,
}

/// Reads a ledger item; a phone that was never called has an empty one.
pub(crate) fn ledger_of(item: Option<Item>) -> Result<Ledger, TableError> {
    item.map_or_else(|| Ok(Ledger::default()), read)
}

/// A change of a ledger that is only right if it is still as it was read.
pub(crate) fn if_unchanged(change: Change, seen: &Ledger) -> Change {
    if seen.seq == 0 {
        change.when("attribute_not_exists(#seq)")
    } else {
        change.value(":seen", seen.seq).when("#seq = :seen")
    }
}

impl Table {
    /// The ledger as it is now.
    ///
    /// # Errors
    /// When it cannot be read; then nothing may be dialed.
    pub async fn ledger(&self, phone: &Phone) -> Result<Ledger, TableError> {
        ledger_of(self.get(&keys::ledger(phone), true).await?)
    }

    /// Takes the line for one attempt, if nothing that matters changed since `seen` was read.
    ///
    /// # Errors
    /// When the table cannot be reached; then nobody knows whether the line was taken, and the message must come again.
    pub async fn reserve(
        &self,
        phone: &Phone,
        seen: &Ledger,
        inflight: &InFlight,
        starts: &[Start],
    ) -> Result<Reserved, TableError> {
        let change = Change::update(
            keys::ledger(phone),
            "SET #inflight = :f, #starts = :s, #seq = :next, #sv = :sv",
        )
        .value(":f", inflight)
        .value(":s", starts)
        .value(":next", seen.seq + 1)
        .value(":sv", redial_domain::SCHEMA_VERSION);
        let change = if seen.seq == 0 {
            change.when("attribute_not_exists(#pk)")
        } else {
            change
                .value(":seen", seen.seq)
                .value(":now", inflight.reserved_at.timestamp_millis())
                .when("#seq = :seen AND attribute_not_exists(#inflight) AND attribute_not_exists(#dnc_at) AND (attribute_not_exists(#hold_until) OR #hold_until <= :now)")
        };
        match self.write(change).await {
            Ok(_) => Ok(Reserved::Ours),
            Err(TableError::Condition(old)) => {
                let old = ledger_of(old.map(|item| *item))?;
                // INVARIANT: a lost answer to our own commit is not somebody else's reservation; the nonce tells.
                Ok(match old.inflight {
                    Some(held) if held.nonce == inflight.nonce => Reserved::Ours,
                    Some(held) if held.id == inflight.id => Reserved::ByEarlierDelivery,
                    _ => Reserved::Refused,
                })
            }
            Err(error) => Err(error),
        }
    }

    /// Notes the provider's name for a call. Harmless when the outcome was faster.
    ///
    /// # Errors
    /// When the table cannot be reached.
    pub async fn placed(
        &self,
        phone: &Phone,
        attempt: &AttemptId,
        call: &CallId,
        lease_until: DateTime<Utc>,
    ) -> Result<(), TableError> {
        let change = Change::update(keys::ledger(phone), "SET #inflight.#call_id = :c, #inflight.#st = :placed, #inflight.#lease_until = :l REMOVE #inflight.#empty_look_at")
            .value(":c", call)
            .value(":placed", Placement::Placed)
            .value(":l", lease_until.timestamp_millis())
            .value(":a", attempt)
            .when("#inflight.#id = :a AND (attribute_not_exists(#inflight.#call_id) OR #inflight.#call_id = :c)");
        self.ignoring_condition(change).await.map(|_| ())
    }

    /// Gives a line and its start back. Only for a call that is provably not placed. `false` when the line is not held
    /// for it any more.
    ///
    /// # Errors
    /// When the table cannot be reached; the reservation then ends by reconcile.
    pub async fn cancel_reservation(&self, phone: &Phone, reserved: &InFlight) -> Result<bool, TableError> {
        for _ in 0..CANCEL_ROUNDS_MAX {
            // What others have counted since the reservation stays.
            let ledger = self.ledger(phone).await?;
            let is_ours = |held: &InFlight| {
                held.id == reserved.id && held.nonce == reserved.nonce && held.placement == Placement::Placing
            };
            if !ledger.inflight.as_ref().is_some_and(is_ours) {
                return Ok(false);
            }
            let change = Change::update(
                keys::ledger(phone),
                "REMOVE #inflight SET #starts = :without, #seq = #seq + :one",
            )
            .value(":without", ledger.starts_without(reserved.reserved_at))
            .value(":one", 1)
            .value(":seen", ledger.seq)
            .value(":a", &reserved.id)
            .value(":n", &reserved.nonce)
            .value(":placing", Placement::Placing)
            .when("#inflight.#id = :a AND #inflight.#nonce = :n AND #inflight.#st = :placing AND #seq = :seen");
            if self.ignoring_condition(change).await? {
                return Ok(true);
            }
        }
        Err(TableError::Unavailable(
            "others kept writing the same ledger".to_owned(),
        ))
    }

    /// Notes what a look at the provider found out about an attempt, and tells its lead's history, together. `false`
    /// when the attempt is over meanwhile; then nothing was noted.
    ///
    /// # Errors
    /// When the table cannot be reached.
    pub async fn note_look(&self, phone: &Phone, attempt: &AttemptId, noted: &Noted) -> Result<bool, TableError> {
        if *noted == Noted::default() {
            return Ok(true);
        }
        let mut change = Change::update(keys::ledger(phone), "SET #sv = :sv")
            .value(":sv", redial_domain::SCHEMA_VERSION)
            .value(":a", attempt);
        let mut condition = "#inflight.#id = :a".to_owned();
        if let Some(call) = &noted.call_id {
            change = change
                .and("SET #inflight.#call_id = :c, #inflight.#st = :placed")
                .value(":c", call)
                .value(":placed", Placement::Placed);
            condition.push_str(" AND (attribute_not_exists(#inflight.#call_id) OR #inflight.#call_id = :c)");
        }
        let times = [
            ("lease_until", noted.lease_until),
            ("started_at", noted.started_at),
            ("empty_look_at", noted.empty_look_at.flatten()),
            ("stop_asked_at", noted.stop_asked_at),
            ("stopped_at", noted.stopped_at),
        ];
        for (name, at) in times.into_iter().filter_map(|(name, at)| Some((name, at?))) {
            change = change
                .and(&format!("SET #inflight.#{name} = :{name}"))
                .value(&format!(":{name}"), at.timestamp_millis());
        }
        if noted.empty_look_at == Some(None) {
            change = change.and("REMOVE #inflight.#empty_look_at");
        }
        let written = if noted.activities.is_empty() {
            self.ignoring_condition(change.when(&condition)).await
        } else {
            let change = change.and("SET #inflight.#told = :told").value(":told", &noted.told);
            let mut changes = vec![change.when(&condition)];
            changes.extend(noted.activities.iter().map(|told| activity_change(phone, told)));
            self.transact(changes).await.map(|()| true)
        };
        match written {
            // Somebody else is writing the ledger now: most likely the outcome that ends the attempt.
            Err(error) if error.condition_at(0) || error.is_conflict() => Ok(false),
            written => written,
        }
    }

    /// Ledgers of several phones; those of phones that were never called are left out.
    ///
    /// # Errors
    /// When they cannot be read.
    pub async fn ledgers(&self, phones: &[Phone], consistent: bool) -> Result<HashMap<Phone, Ledger>, TableError> {
        let mut wanted: Vec<Key> = phones.iter().map(keys::ledger).collect();
        wanted.sort_by(|a, b| a.pk.cmp(&b.pk));
        wanted.dedup();
        let items = self.batch_get(&wanted, consistent).await?;
        let mut found = HashMap::with_capacity(items.len());
        for item in items {
            if let Some(phone) = Key::of(&item).as_ref().and_then(phone_of) {
                found.insert(phone, read(item)?);
            }
        }
        Ok(found)
    }

    /// A write whose failed condition means that there is nothing to do. Answers whether it was done.
    ///
    /// # Errors
    /// When the table cannot be reached.
    pub async fn ignoring_condition(&self, change: Change) -> Result<bool, TableError> {
        match self.write(change).await {
            Ok(_) => Ok(true),
            Err(TableError::Condition(_)) => Ok(false),
            Err(error) => Err(error),
        }
    }
}
