//! Finished attempts: one transaction over items of one phone, or an enrichment of what is there.
//!
//! The transaction is attempt and lead. The ledger is in it too when the call changes more of it than the line, or when the
//! line might be given back meanwhile. Otherwise the line is freed by a write of its own that comes after: until then nobody
//! can call the phone, and a finished attempt says to whoever finds it that its line may be freed.

use chrono::{DateTime, Utc};
use redial_domain::{
    Attempt, AttemptId, DELIVERIES_MAX, DeliveryId, Enrichment, InFlight, Lead, Ledger, LedgerEffects, Phone,
    Placement, Promise, Proof,
};

use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::AttributeValue;

use crate::do_not_call::{marking, proof_change, proof_of};
use crate::keys;
use crate::layout::EXPIRES_AT;
use crate::leads::{Activity, expiry, lead_update};
use crate::table::{Change, Item, Table, TableError, read};

/// Call records are kept for five years (16 CFR § 310.5(a), Telemarketing Sales Rule as amended 2024).
const ATTEMPT_KEPT_DAYS: i64 = 5 * 366;
/// Raw payloads hold transcripts; 90 days are enough to replay rules on them.
pub(crate) const RAW_KEPT_DAYS: i64 = 90;
/// An item up to this size costs one write unit; a small payload rides along in the attempt up to here.
pub const ATTEMPT_BYTES_MAX: usize = 1_024;
/// DynamoDB takes 400 KB an item; compressed payloads of 240 KiB are far below.
const RAW_BYTES_MAX: usize = 380_000;

/// How the ledger is fenced while an attempt is finished.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LedgerFence {
    /// The attempt holds the line: release it.
    Release,
    /// The attempt does not hold the line (it is late, or inbound): only if nothing changed since the ledger was read.
    Seen,
}

/// One finished attempt with everything that moves with it.
#[derive(Debug, Clone)]
pub struct Finish<'a> {
    /// The phone.
    pub phone: &'a Phone,
    /// The attempt.
    pub attempt: &'a Attempt,
    /// The delivery that finished it.
    pub delivery: &'a DeliveryId,
    /// A payload small enough to ride along, compressed.
    pub raw: Option<&'a [u8]>,
    /// The lead as it becomes, and the version it had; none when it is gone.
    pub lead: Option<(&'a Lead, u64)>,
    /// The ledger as it was read.
    pub ledger: &'a Ledger,
    /// How the ledger is fenced.
    pub fence: LedgerFence,
    /// What changes in it.
    pub effects: &'a LedgerEffects,
    /// Days that a finished lead stays.
    pub retention_days: u32,
}

/// A finished attempt that is decided again, with everything that moves with it.
#[derive(Debug)]
pub struct DecidedAgain<'a> {
    /// The phone.
    pub phone: &'a Phone,
    /// The attempt as it was.
    pub before: &'a Attempt,
    /// The attempt as it becomes.
    pub attempt: &'a Attempt,
    /// The lead as it becomes, and the version it had.
    pub lead: (&'a Lead, u64),
    /// The ledger as it was read.
    pub ledger: &'a Ledger,
    /// What changes in it.
    pub effects: &'a LedgerEffects,
    /// Who asked for it, and why.
    pub activity: &'a Activity,
    /// What else is written with it: the job that counts it.
    pub also: Change,
    /// Days that a finished lead stays.
    pub retention_days: u32,
}

/// What became of a transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Committed {
    /// Done.
    Done,
    /// Done, and its line is still to be freed.
    LineHeld,
    /// The attempt is finished already.
    AlreadyFinished,
    /// The lead or the ledger changed since it was read: read again and decide again.
    Stale,
}

/// A finished attempt as it is stored, with its deliveries.
#[derive(Debug, Clone)]
pub struct StoredAttempt {
    /// The attempt.
    pub attempt: Attempt,
    /// The deliveries that were applied to it.
    pub deliveries: Vec<String>,
}

fn attempt_change(finish: &Finish<'_>) -> Change {
    let attempt = finish.attempt;
    let shard = finish.lead.map_or(0, |(lead, _)| lead.shard);
    let expires = attempt.started_at.timestamp() + ATTEMPT_KEPT_DAYS * 86_400;
    let change = Change::put(keys::attempt(finish.phone, &attempt.id), attempt)
        .with("deliveries", AttributeValue::Ss(vec![finish.delivery.to_string()]))
        .with(
            "d_pk",
            AttributeValue::S(keys::day(&attempt.campaign, attempt.date, shard)),
        )
        .with(
            "d_sk",
            AttributeValue::S(format!("{}#{}", keys::time(attempt.started_at), attempt.id)),
        )
        .with(EXPIRES_AT, AttributeValue::N(expires.to_string()));
    let change = match &attempt.decision {
        Some(decision) => change.with("rule_version", AttributeValue::N(decision.trace.version.to_string())),
        None => change,
    };
    let change = match finish.raw {
        Some(raw) if size(change.item()) + raw.len() + 3 <= ATTEMPT_BYTES_MAX => {
            change.with("raw", AttributeValue::B(Blob::new(raw)))
        }
        _ => change,
    };
    change.when("attribute_not_exists(#pk)")
}

/// The bytes that DynamoDB charges for: names and values (developer guide, "item sizes and formats").
pub fn size(item: Option<&Item>) -> usize {
    fn value(of: &AttributeValue) -> usize {
        match of {
            AttributeValue::S(text) => text.len(),
            AttributeValue::N(number) => number.len().div_ceil(2) + 1,
            AttributeValue::B(bytes) => bytes.as_ref().len(),
            AttributeValue::Ss(texts) => texts.iter().map(String::len).sum(),
            AttributeValue::L(list) => 3 + list.iter().map(|v| value(v) + 1).sum::<usize>(),
            AttributeValue::M(map) => 3 + map.iter().map(|(name, v)| name.len() + value(v) + 1).sum::<usize>(),
            _ => 1,
        }
    }
    item.map_or(0, |item| item.iter().map(|(name, v)| name.len() + value(v)).sum())
}

impl Finish<'_> {
    /// Whether a compressed payload fits beside the attempt for the price of one write unit.
    pub fn carries(&self, raw: &[u8]) -> bool {
        let bare = Finish {
            raw: None,
            ..self.clone()
        };
        size(attempt_change(&bare).item()) + raw.len() + 3 <= ATTEMPT_BYTES_MAX
    }

    /// Whether the ledger may stay out of the transaction. INVARIANT: a call that the provider has named is never given
    /// back, so its line is freed only after its attempt is there. While there is no attempt, and the lead is as it was, the
    /// line is held: what the ledger's condition would say.
    fn frees_line_after(&self) -> bool {
        let holds = |held: &InFlight| held.id == self.attempt.id && held.placement == Placement::Placed;
        self.fence == LedgerFence::Release
            && self.effects.is_empty()
            && self.lead.is_some()
            && self.ledger.inflight.as_ref().is_some_and(holds)
    }
}

impl Table {
    /// A finished attempt.
    ///
    /// # Errors
    /// When it cannot be read.
    pub async fn attempt(&self, phone: &Phone, id: &AttemptId) -> Result<Option<StoredAttempt>, TableError> {
        self.get(&keys::attempt(phone, id), true)
            .await?
            .map_or(Ok(None), |item| stored_attempt(item).map(Some))
    }

    /// The newest finished attempts of a phone, newest first.
    ///
    /// # Errors
    /// When they cannot be read.
    pub async fn recent_attempts(&self, phone: &Phone, limit: i32) -> Result<Vec<StoredAttempt>, TableError> {
        self.history(phone, "ATTEMPT#", None, limit)
            .await?
            .into_iter()
            .map(stored_attempt)
            .collect()
    }

    /// Attempt, lead and ledger, together or not at all; the ledger may be left to [`Table::free_line`].
    ///
    /// # Errors
    /// When the table cannot be reached, or others keep writing the same items; the message must come again.
    pub async fn finish(&self, finish: &Finish<'_>) -> Result<Committed, TableError> {
        let attempt = finish.attempt;
        if finish.frees_line_after()
            && let Some((lead, seen)) = finish.lead
        {
            let lead = lead_update(lead, seen, expiry(lead, finish.retention_days))?;
            return match self.transact(vec![attempt_change(finish), lead]).await {
                Ok(()) => Ok(Committed::LineHeld),
                Err(error) if error.condition_at(0) => Ok(Committed::AlreadyFinished),
                Err(error) if error.condition_at(1) || error.is_conflict() => Ok(Committed::Stale),
                Err(error) => Err(error),
            };
        }
        let mut ledger = ended(finish.phone, &attempt.id);
        ledger = match finish.fence {
            // What replaces a whole attribute must have been made from what is there.
            LedgerFence::Release if finish.effects.replaces() => ledger
                .and("REMOVE #inflight")
                .value(":seen", finish.ledger.seq)
                .when("#inflight.#id = :a AND #seq = :seen"),
            LedgerFence::Release => ledger.and("REMOVE #inflight").when("#inflight.#id = :a"),
            LedgerFence::Seen if finish.ledger.seq == 0 => ledger.when("attribute_not_exists(#pk)"),
            LedgerFence::Seen => ledger.value(":seen", finish.ledger.seq).when("#seq = :seen"),
        };
        let proof = finish
            .effects
            .do_not_call
            .as_ref()
            .map(|said| proof_of(said, finish.ledger));
        ledger = affect(finish.effects, ledger, finish.phone, proof.as_ref(), &attempt.id);
        ledger = stop_subject(ledger, finish.ledger, finish.effects);
        let mut changes = vec![attempt_change(finish), ledger];
        if let Some((lead, seen)) = finish.lead {
            changes.push(lead_update(lead, seen, expiry(lead, finish.retention_days))?);
        }
        if let Some(proof) = &proof {
            changes.push(proof_change(finish.phone, proof)?);
        }
        match self.transact(changes).await {
            Ok(()) => Ok(Committed::Done),
            Err(error) if error.condition_at(0) => Ok(Committed::AlreadyFinished),
            Err(error) if error.condition_at(1) || error.condition_at(2) || error.is_conflict() => Ok(Committed::Stale),
            Err(error) => Err(error),
        }
    }

    /// Frees the line of a finished attempt. Does nothing when it is free, or another attempt's: doing it twice is safe.
    ///
    /// # Errors
    /// When the table cannot be reached, or somebody writes the ledger at the same time.
    pub async fn free_line(&self, phone: &Phone, finished: &AttemptId) -> Result<(), TableError> {
        let change = ended(phone, finished)
            .and("REMOVE #inflight")
            .when("#inflight.#id = :a");
        self.ignoring_condition(change).await.map(|_| ())
    }

    /// Adds to a finished attempt what a later delivery says.
    ///
    /// # Errors
    /// When the table cannot be reached; the message must come again.
    pub async fn enrich(
        &self,
        finish: &Finish<'_>,
        enrichment: &Enrichment,
        lead: Option<(&Lead, u64)>,
    ) -> Result<Committed, TableError> {
        let attempt = finish.attempt;
        let mut update = Change::update(
            keys::attempt(finish.phone, &attempt.id),
            "SET #outcome = :outcome, #disposition = :disposition ADD #deliveries :new",
        )
        .value(":outcome", enrichment.outcome)
        .value(":disposition", enrichment.disposition)
        .text_set(":new", vec![finish.delivery.to_string()])
        .value(":delivery", finish.delivery)
        .value(":most", DELIVERIES_MAX)
        // Nobody else enriched it since it was read: what was merged is still what is there.
        .value(":seen_outcome", attempt.outcome)
        .value(":seen_disposition", attempt.disposition)
        .when("attribute_exists(#pk) AND NOT contains(#deliveries, :delivery) AND size(#deliveries) < :most AND #outcome = :seen_outcome AND #disposition = :seen_disposition");
        if let Some(decision) = &attempt.decision {
            update = update.and("SET #dec = :dec").value(":dec", decision);
        }
        if let Some(talk_s) = attempt.talk_s {
            update = update
                .and("SET #talk_s = if_not_exists(#talk_s, :talk_s)")
                .value(":talk_s", talk_s);
        }
        if let Some(word) = &attempt.word {
            update = update.and("SET #word = :word").value(":word", word);
        }
        if let Some(call_id) = &attempt.call_id {
            update = update
                .and("SET #call = if_not_exists(#call, :call)")
                .value(":call", call_id);
        }
        let mut changes = vec![update];
        if !finish.effects.is_empty() {
            let ledger = Change::update(keys::ledger(finish.phone), "ADD #seq :one")
                .value(":one", 1)
                .value(":seen", finish.ledger.seq)
                .when("#seq = :seen");
            let proof = finish
                .effects
                .do_not_call
                .as_ref()
                .map(|said| proof_of(said, finish.ledger));
            let ledger = affect(finish.effects, ledger, finish.phone, proof.as_ref(), &attempt.id);
            changes.push(stop_subject(ledger, finish.ledger, finish.effects));
            if let Some(proof) = &proof {
                changes.push(proof_change(finish.phone, proof)?);
            }
        }
        if let Some((lead, seen)) = lead {
            changes.push(lead_update(lead, seen, expiry(lead, finish.retention_days))?);
        }
        match self.transact(changes).await {
            Ok(()) => Ok(Committed::Done),
            Err(TableError::Canceled(codes))
                if codes
                    .iter()
                    .all(|code| matches!(code.as_str(), "None" | "ConditionalCheckFailed" | "TransactionConflict")) =>
            {
                Ok(Committed::Stale)
            }
            Err(error) => Err(error),
        }
    }

    /// An attempt with another decision, the lead and the ledger as they follow from it, together or not at all. The
    /// ledger moves even where nothing in it changes: a dialer that decided on the lead as it was must look again.
    ///
    /// # Errors
    /// When the table cannot be reached; then nothing was changed.
    pub async fn decide_again(&self, again: &DecidedAgain<'_>) -> Result<Committed, TableError> {
        let DecidedAgain {
            phone,
            before,
            attempt,
            lead: (lead, seen),
            ledger,
            effects,
            activity,
            also,
            retention_days,
        } = again;
        let mut update = Change::update(
            keys::attempt(phone, &attempt.id),
            "SET #outcome = :outcome, #disposition = :disposition, #word_unknown = :unknown REMOVE #problem, #bad_ver",
        )
        .value(":outcome", attempt.outcome)
        .value(":disposition", attempt.disposition)
        .value(":unknown", attempt.word_unknown)
        .value(":seen_outcome", before.outcome)
        .value(":seen_disposition", before.disposition)
        .when("attribute_exists(#pk) AND #outcome = :seen_outcome AND #disposition = :seen_disposition");
        if let Some(decision) = &attempt.decision {
            update = update
                .and("SET #dec = :dec, #rule_version = :version")
                .value(":dec", decision)
                .value(":version", decision.trace.version);
        }
        let change = Change::update(keys::ledger(phone), "SET #sv = :sv ADD #seq :one")
            .value(":sv", redial_domain::SCHEMA_VERSION)
            .value(":one", 1)
            .value(":seen", ledger.seq)
            .when("#seq = :seen AND attribute_not_exists(#inflight)");
        let proof = effects.do_not_call.as_ref().map(|said| proof_of(said, ledger));
        let change = affect(effects, change, phone, proof.as_ref(), &attempt.id);
        let mut changes = vec![
            update,
            stop_subject(change, ledger, effects),
            lead_update(lead, *seen, expiry(lead, *retention_days))?,
            also.clone(),
            Change::put(keys::activity(phone, &activity.id), activity),
        ];
        if let Some(proof) = &proof {
            changes.push(proof_change(phone, proof)?);
        }
        match self.transact(changes).await {
            Ok(()) => Ok(Committed::Done),
            Err(error) if error.is_conflict() || (0..4).any(|n| error.condition_at(n)) => Ok(Committed::Stale),
            Err(error) => Err(error),
        }
    }

    /// Keeps a raw payload beside its attempt. The key is made from the delivery, so a repetition writes the same item.
    ///
    /// # Errors
    /// When the table cannot be reached.
    pub async fn keep_raw(
        &self,
        phone: &Phone,
        attempt: &AttemptId,
        delivery: &DeliveryId,
        raw: &[u8],
        now: DateTime<Utc>,
    ) -> Result<(), TableError> {
        #[derive(serde::Serialize)]
        struct Raw {}
        let raw = &raw[..raw.len().min(RAW_BYTES_MAX)];
        let change = Change::put(keys::raw(phone, attempt, delivery.as_str()), &Raw {})
            .with("raw", AttributeValue::B(Blob::new(raw)))
            .with(
                EXPIRES_AT,
                AttributeValue::N((now.timestamp() + RAW_KEPT_DAYS * 86_400).to_string()),
            );
        self.write(change).await.map(|_| ())
    }
}

/// What every end of an attempt changes in its ledger: whoever read it before must look again.
fn ended(phone: &Phone, attempt: &AttemptId) -> Change {
    Change::update(keys::ledger(phone), "SET #last_attempt = :a, #sv = :sv ADD #seq :one")
        .value(":a", attempt)
        .value(":one", 1)
        .value(":sv", redial_domain::SCHEMA_VERSION)
}

fn affect(
    effects: &LedgerEffects,
    mut change: Change,
    phone: &Phone,
    proof: Option<&Proof>,
    attempt: &AttemptId,
) -> Change {
    if let Some(until) = effects.hold_until {
        change = change
            .and("SET #hold_until = :hold")
            .value(":hold", until.timestamp_millis());
    }
    if let Some(proof) = proof {
        change = marking(change, phone, proof, attempt.as_str());
    }
    if let Some(at) = effects.bad_at {
        change = change
            .and("SET #bad_at = if_not_exists(#bad_at, :bad)")
            .value(":bad", at.timestamp_millis());
    }
    if let Some(at) = effects.hung_up_at {
        change = change
            .and("SET #hung_up_at = if_not_exists(#hung_up_at, :hung_up)")
            .value(":hung_up", at.timestamp_millis());
    }
    if let Some(promises) = &effects.promises {
        change = with_promises(change, promises);
    }
    if let Some(starts) = &effects.starts {
        change = change.and("SET #starts = :starts").value(":starts", starts);
    }
    change
}

pub(crate) fn with_promises(change: Change, promises: &[Promise]) -> Change {
    if promises.is_empty() {
        return change.and("REMOVE #promises");
    }
    change.and("SET #promises = :promises").value(":promises", promises)
}

fn stop_subject(change: Change, ledger: &Ledger, effects: &LedgerEffects) -> Change {
    match &effects.subject_stop {
        Some((subject, stop)) => {
            let mut stops = ledger.stops.clone();
            stops.entry(subject.clone()).or_insert_with(|| stop.clone());
            change.and("SET #stops = :stops").value(":stops", stops)
        }
        None => change,
    }
}

pub(crate) fn stored_attempt(item: Item) -> Result<StoredAttempt, TableError> {
    let deliveries = item
        .get("deliveries")
        .and_then(|value| value.as_ss().ok())
        .cloned()
        .unwrap_or_default();
    Ok(StoredAttempt {
        attempt: read(item)?,
        deliveries,
    })
}
