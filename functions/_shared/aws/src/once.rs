//! Requests that are done once, however often they are sent: a caller that got no answer sends the same `Idempotency-Key`
//! again and is given the answer of the first time.
//!
//! Data flow: one conditional put says who does it → the action → its answer beside the claim. A process that dies in
//! between leaves a claim without an answer; when its lease is over, whoever asks again takes it over with the time at
//! which it began, so that what the first one had made can be known by it.

use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::AttributeValue;
use chrono::{DateTime, TimeDelta, Utc};
use redial_domain::Nonce;
use serde::{Deserialize, Serialize};

use crate::kept::{pack, unpack};
use crate::keys;
use crate::table::{Change, Item, Key, Table, TableError, read};

/// An answer can be had again for a day, as payment providers do it: a caller's own retries end long before.
pub const ANSWER_KEPT: TimeDelta = TimeDelta::hours(24);
/// Nobody else does it as long as the function may run, 60 seconds, and half of that again.
const LEASE: TimeDelta = TimeDelta::seconds(90);
/// Largest packed answer that is kept: an item has 400 KB. A larger one is said to be done, without its text.
const ANSWER_BYTES_MAX: usize = 350_000;

/// What is stored.
#[derive(Debug, Serialize, Deserialize)]
struct Stored {
    /// SHA-256 of the body.
    body: String,
    #[serde(with = "chrono::serde::ts_milliseconds")]
    began_at: DateTime<Utc>,
    /// Epoch seconds.
    lease_until: i64,
    nonce: Nonce,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    status: Option<u16>,
    /// Epoch seconds; DynamoDB deletes it some time after.
    expires_at: i64,
}

/// A claim to do it.
#[derive(Debug, Clone)]
pub struct Once {
    key: Key,
    nonce: Nonce,
    /// When it was first tried.
    pub began_at: DateTime<Utc>,
    /// An id for what it makes: the same however often it is tried, so that a second try finds what the first one made.
    pub record: String,
}

/// What became of the wish to do it.
#[derive(Debug)]
pub enum Begun {
    /// Do it.
    Go(Once),
    /// It was done: status and body.
    Done(u16, String),
    /// Somebody does it just now.
    Running,
    /// The same key came with another body.
    OtherBody,
}

impl Table {
    /// Claims a request by the hash of its key, and says what there is already.
    ///
    /// # Errors
    /// When the table cannot be reached; then nothing may be done.
    pub async fn begin_once(
        &self,
        hash: &str,
        body: &str,
        nonce: Nonce,
        now: DateTime<Utc>,
    ) -> Result<Begun, TableError> {
        let key = keys::once(hash);
        let mine = Stored {
            body: body.to_owned(),
            began_at: now,
            lease_until: (now + LEASE).timestamp(),
            nonce,
            status: None,
            expires_at: (now + ANSWER_KEPT).timestamp(),
        };
        let put = Change::put(key.clone(), &mine)
            .value(":now", now.timestamp())
            .when("attribute_not_exists(#pk) OR #expires_at <= :now");
        let found = match self.write(put).await {
            Ok(_) => return Ok(Begun::Go(claim(key, hash, &mine))),
            Err(TableError::Condition(found)) => found,
            Err(error) => return Err(error),
        };
        let found: Item = match found {
            Some(found) => *found,
            None => self.get(&key, true).await?.unwrap_or_default(),
        };
        let answer = match found.get("answer") {
            Some(AttributeValue::B(packed)) => unpack(packed.as_ref()),
            _ => Vec::new(),
        };
        let first: Stored = read(found)?;
        if first.nonce == mine.nonce {
            // Our own write, whose answer was lost.
            return Ok(Begun::Go(claim(key, hash, &mine)));
        }
        if first.body != mine.body {
            return Ok(Begun::OtherBody);
        }
        if let Some(status) = first.status {
            return Ok(Begun::Done(status, String::from_utf8_lossy(&answer).into_owned()));
        }
        if first.lease_until > now.timestamp() {
            return Ok(Begun::Running);
        }
        let taken = Change::update(key.clone(), "SET #nonce = :mine, #lease_until = :lease")
            .value(":mine", &mine.nonce)
            .value(":lease", mine.lease_until)
            .value(":theirs", &first.nonce)
            .when("#nonce = :theirs AND attribute_not_exists(#status)");
        if !self.ignoring_condition(taken).await? {
            return Ok(Begun::Running);
        }
        let mine = Stored {
            began_at: first.began_at,
            ..mine
        };
        Ok(Begun::Go(claim(key, hash, &mine)))
    }

    /// Keeps the answer, if the claim still is ours.
    ///
    /// # Errors
    /// When the table cannot be reached.
    pub async fn end_once(&self, once: &Once, status: u16, body: &str) -> Result<(), TableError> {
        let mut packed = pack(body.as_bytes());
        if packed.len() > ANSWER_BYTES_MAX {
            packed = pack(br#"{"success":true,"truncated":true}"#);
        }
        let change = Change::update(once.key.clone(), "SET #status = :status, #answer = :answer")
            .value(":status", status)
            .attribute(":answer", AttributeValue::B(Blob::new(packed)))
            .value(":mine", &once.nonce)
            .when("#nonce = :mine");
        self.ignoring_condition(change).await.map(|_| ())
    }

    /// Gives the claim back: nothing was done, and the next one may try.
    ///
    /// # Errors
    /// When the table cannot be reached; then it ends by itself.
    pub async fn drop_once(&self, once: &Once) -> Result<(), TableError> {
        let change = Change::update(once.key.clone(), "SET #expires_at = :past")
            .value(":past", 0)
            .value(":mine", &once.nonce)
            .when("#nonce = :mine AND attribute_not_exists(#status)");
        self.ignoring_condition(change).await.map(|_| ())
    }
}

fn claim(key: Key, hash: &str, stored: &Stored) -> Once {
    // Of the 128 bits that 32 hex digits hold, an id takes 80 beside its time.
    let bits = hash.get(..32).and_then(|digits| u128::from_str_radix(digits, 16).ok());
    let time_ms = u64::try_from(stored.began_at.timestamp_millis()).unwrap_or_default();
    Once {
        key,
        nonce: stored.nonce.clone(),
        began_at: stored.began_at,
        record: ulid::Ulid::from_parts(time_ms, bits.unwrap_or_default()).to_string(),
    }
}
