//! 7: every webhook that was answered with 2xx is found again: in its attempt's deliveries, or kept for people with the
//! very bytes.

use std::collections::BTreeSet;
use std::io::Read;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use flate2::read::DeflateDecoder;
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::{Items, text};
use crate::world::World;

/// Deliveries that one attempt keeps.
const DELIVERIES_MAX: usize = 16;

pub(super) fn end(world: &World, items: &Items) {
    let kept: BTreeSet<String> = items.kept.iter().filter_map(payload).collect();
    for delivered in world.phones.delivered() {
        let Some(name) = name(&delivered.body) else { continue };
        let stored = items
            .attempts
            .iter()
            .find(|attempt| text(attempt, "id") == delivered.attempt);
        let deliveries = stored.and_then(|attempt| attempt["deliveries"].as_array());
        let applied = deliveries.is_some_and(|all| {
            all.len() >= DELIVERIES_MAX || all.iter().any(|one| one.as_str() == Some(name.as_str()))
        });
        if !applied && !kept.contains(&delivered.body) {
            let what = format!(
                "webhook {name} about {} to {} was taken; it is in no attempt, and not kept",
                delivered.call_id, delivered.phone
            );
            world.judge.found("books", world.now(), what, &delivered.phone);
        }
    }
}

/// What a delivery is called in the table: `l` for what came after the end or `e` for the end, and the beginning of a
/// hash over the payload with its fields in order. None when the call goes on: that is not written down.
fn name(body: &str) -> Option<String> {
    let payload: Value = serde_json::from_str(body).ok()?;
    let kind = if payload["event_type"].is_string() {
        'l'
    } else if payload["completed"] == true {
        'e'
    } else {
        return None;
    };
    let mut ordered = String::new();
    write(&payload, &mut ordered);
    Some(format!("{kind}:{}", &hex::encode(Sha256::digest(ordered))[..12]))
}

fn write(value: &Value, to: &mut String) {
    match value {
        Value::Object(fields) => {
            let mut fields: Vec<_> = fields.iter().collect();
            fields.sort_by_key(|(name, _)| *name);
            to.push('{');
            for (n, (name, field)) in fields.into_iter().enumerate() {
                to.push_str(if n == 0 { "" } else { "," });
                to.push_str(&Value::from(name.as_str()).to_string());
                to.push(':');
                write(field, to);
            }
            to.push('}');
        }
        Value::Array(all) => {
            to.push('[');
            for (n, one) in all.iter().enumerate() {
                to.push_str(if n == 0 { "" } else { "," });
                write(one, to);
            }
            to.push(']');
        }
        plain => to.push_str(&plain.to_string()),
    }
}

/// The bytes that were kept.
fn payload(item: &Value) -> Option<String> {
    let packed = STANDARD.decode(text(item, "payload")).ok()?;
    let mut payload = String::new();
    DeflateDecoder::new(packed.as_slice())
        .read_to_string(&mut payload)
        .ok()?;
    Some(payload)
}
