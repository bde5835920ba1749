//! Payloads that nothing could be done with: kept for people, and counted. Nothing is dropped in silence.

use std::io::{Read, Write};

use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::AttributeValue;
use chrono::{DateTime, Utc};
use flate2::Compression;
use flate2::read::DeflateDecoder;
use flate2::write::DeflateEncoder;
use serde::Serialize;

use crate::keys;
use crate::layout::EXPIRES_AT;
use crate::table::{Change, Table, TableError};

/// Long enough for somebody to come back from a holiday and look.
const KEPT_DAYS: i64 = 30;

/// The most that a kept payload may unpack to: the largest that a function URL takes.
const UNPACKED_MAX: u64 = 6 * 1024 * 1024;

/// Why a payload is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum KeptWhy {
    /// It is not what the provider's payloads look like.
    Unreadable,
    /// It is about a call that we know nothing of.
    Unmatched,
}

/// What is said about a payload that is kept.
#[derive(Debug, Clone, Serialize)]
pub struct Kept<'a> {
    /// Why it is kept.
    pub why: KeptWhy,
    /// Who sent it.
    pub provider: &'a str,
    /// What is wrong with it, without its content.
    pub detail: &'a str,
    /// It may hold a wish not to be called that nobody could honour: by when the law wants it honoured.
    #[serde(
        with = "chrono::serde::ts_milliseconds_option",
        skip_serializing_if = "Option::is_none"
    )]
    pub honour_by: Option<DateTime<Utc>>,
}

impl Table {
    /// Keeps a payload for people.
    ///
    /// # Errors
    /// When the table cannot be reached; the message must come again.
    pub async fn keep(&self, id: &str, kept: &Kept<'_>, payload: &[u8], now: DateTime<Utc>) -> Result<(), TableError> {
        let change = Change::put(keys::kept(now.date_naive(), id), kept)
            .with("payload", AttributeValue::B(Blob::new(pack(payload))))
            .with(
                EXPIRES_AT,
                AttributeValue::N((now.timestamp() + KEPT_DAYS * 86_400).to_string()),
            );
        self.write(change).await.map(|_| ())
    }
}

/// Compresses a payload.
pub fn pack(payload: &[u8]) -> Vec<u8> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::best());
    // Writing to memory does not fail; should it, the payload is kept as it is.
    match encoder.write_all(payload).and_then(|()| encoder.finish()) {
        Ok(packed) => packed,
        Err(_) => payload.to_vec(),
    }
}

/// Uncompresses a payload; what is not one comes back empty.
pub fn unpack(packed: &[u8]) -> Vec<u8> {
    let mut payload = Vec::new();
    match DeflateDecoder::new(packed).take(UNPACKED_MAX).read_to_end(&mut payload) {
        Ok(_) => payload,
        Err(_) => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_payload_comes_back_as_it_was() {
        let payload = br#"{"call_id":"x"}"#.repeat(50);
        let packed = pack(&payload);
        assert!(packed.len() < payload.len() / 4);
        assert_eq!(unpack(&packed), payload);
        assert!(unpack(b"no deflate").is_empty());
    }
}
