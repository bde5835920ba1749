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

impl Table {
    /// What is kept about a phone, in the order of its keys, after a given one: the key without the number, and what
    /// stands there.
    ///
    /// # Errors
    /// When it cannot be read.
    pub async fn kept_about(
        &self,
        phone: &Phone,
        after: Option<&str>,
        limit: i32,
    ) -> Result<Vec<(String, Value)>, TableError> {
        let partition = keys::collection(phone);
        let query = Query {
            consistent: true,
            ..Query::table(&partition, limit)
        };
        let query = match after {
            Some(last) => query.range("#range > :after", vec![(":after", last.to_owned())]),
            None => query,
        };
        let items = self.query(&query, None).await?.items;
        items.into_iter().map(shown).collect()
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
