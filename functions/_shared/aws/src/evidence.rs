//! Everything that is kept about one phone, as it is kept, for one export (H11).

use aws_sdk_dynamodb::types::AttributeValue;
use redial_domain::Phone;
use serde_json::Value;
use serde_json::json;

use crate::kept::unpack;
use crate::keys;
use crate::layout::{PK, SK};
use crate::table::{Item, Query, Table, TableError, read, text};

/// Attributes that say where an item stands in an index, and nothing about the person.
const PLACES: [&str; 11] = [
    PK, SK, "q_pk", "q_sk", "b_pk", "b_sk", "r_pk", "r_sk", "d_pk", "d_sk", "sv",
];

/// An answer of a function URL has six megabytes, and payloads are kept compressed: what is larger comes on the next page.
const BYTES_MAX: usize = 4_000_000;

/// One page of what is kept.
#[derive(Debug)]
pub struct Kept {
    /// Keys without the number, and what stands there.
    pub records: Vec<(String, Value)>,
    /// Whether there may be more after the last one. A page of the table ends after a megabyte, however few its items are.
    pub more: bool,
}

impl Table {
    /// What is kept about a phone, in the order of its keys, after a given one: the key without the number, and what
    /// stands there.
    ///
    /// # Errors
    /// When it cannot be read.
    pub async fn kept_about(&self, phone: &Phone, after: Option<&str>, limit: i32) -> Result<Kept, TableError> {
        let partition = keys::collection(phone);
        let query = Query {
            consistent: true,
            ..Query::table(&partition, limit)
        };
        let query = match after {
            Some(last) => query.range("#range > :after", vec![(":after", last.to_owned())]),
            None => query,
        };
        let page = self.query(&query, None).await?;
        let mut kept = Kept {
            records: Vec::with_capacity(page.items.len()),
            more: page.next.is_some(),
        };
        let mut bytes = 0;
        for item in page.items {
            let (key, record) = shown(item)?;
            bytes += record.to_string().len();
            if bytes > BYTES_MAX && !kept.records.is_empty() {
                kept.more = true;
                break;
            }
            kept.records.push((key, record));
        }
        Ok(kept)
    }
}

fn shown(mut item: Item) -> Result<(String, Value), TableError> {
    let key = text(&item, SK).unwrap_or_default().to_owned();
    for place in PLACES {
        item.remove(place);
    }
    let mut payloads = Vec::new();
    item.retain(|name, value| match value {
        AttributeValue::B(packed) => {
            payloads.push((name.clone(), payload(packed.as_ref())));
            false
        }
        _ => true,
    });
    let mut value: Value = read(item)?;
    for (name, payload) in payloads {
        value[name] = payload;
    }
    Ok((key, value))
}

/// A payload as it came: JSON as JSON, anything else as text.
fn payload(packed: &[u8]) -> Value {
    let bytes = unpack(packed);
    serde_json::from_slice(&bytes).unwrap_or_else(|_| json!(String::from_utf8_lossy(&bytes)))
}
