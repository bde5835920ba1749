//! Cuts a delivery down to what fits through the queue, without losing what a decision needs.
//!
//! It keeps the fields that `parse` reads and refuses to know the rest. The stop is found before anything is cut and
//! travels in a field of its own, so a wish said in line 3 of 4,000 is heard.

use redial_domain::Side;
use serde_json::{Map, Value, json};

use super::parse::{CARRIED_STOP, FIELD_MAX, SUMMARY_MAX, payload, short};
use super::talk::{JOINED, Talk};
use crate::read::{cut, object, text};

/// The smallest size, in bytes, that a payload can always be cut to: every field below at its longest, with every
/// character escaped, and one line of the talk.
pub const SLIM_MIN_BYTES: usize = 128 * 1024;

/// Fields that are kept as they are, shortened to [`FIELD_MAX`] characters each.
const FIELDS: [&str; 21] = [
    "call_id",
    "c_id",
    "event_type",
    "status",
    "completed",
    "queue_status",
    "answered_by",
    "call_ended_by",
    "inbound",
    "to",
    "from",
    "phone_number",
    "is_proxy_agent_call",
    "created_at",
    "started_at",
    "call_length",
    "corrected_duration",
    "error_message",
    "disposition_tag",
    "transferred_to",
    "transfer_offset_seconds",
];
const VARIABLES: [&str; 5] = [
    "to",
    "from",
    "phone_number",
    "callback_requested",
    "callback_requested_at",
];
const METADATA: [&str; 3] = ["attempt_id", "lead_id", "campaign_id"];

/// A body of at most `max` bytes that [`super::parse`] reads to the same facts, but for a shorter transcript: its end is
/// kept, because the end is where a talk is decided.
///
/// A body that fits is returned as it is, and so is one that is no JSON object, which `parse` refuses anyway. The result
/// depends on the body alone, so that the same delivery twice is the same message twice; it has another delivery id
/// than the uncut body. A `max` below [`SLIM_MIN_BYTES`] is met when the payload allows it.
pub fn slim(body: &[u8], max: usize) -> Vec<u8> {
    if body.len() <= max {
        return body.to_vec();
    }
    let Ok(payload) = payload(body) else {
        return body.to_vec();
    };
    let talk = Talk::read(&payload);
    let mut kept = keep(&payload);
    let disposition = text(&payload, "disposition_tag");
    let stop = payload
        .get(CARRIED_STOP)
        .cloned()
        .unwrap_or_else(|| json!(talk.find_stop(disposition.as_deref(), text(&payload, "summary").as_deref())));
    kept.insert(CARRIED_STOP.to_owned(), stop);
    let used = Value::Object(kept.clone()).to_string().len();
    let lines = end_of(talk, max.saturating_sub(used + "\"transcripts\":[],".len()));
    kept.insert("transcripts".to_owned(), Value::Array(lines));
    Value::Object(kept).to_string().into_bytes()
}

fn keep(payload: &Map<String, Value>) -> Map<String, Value> {
    let mut kept = pick(payload, &FIELDS);
    if let Some(summary) = text(payload, "summary") {
        kept.insert("summary".to_owned(), Value::String(cut(&summary, SUMMARY_MAX)));
    }
    // That it came is a fact: only the main delivery has it.
    if let Some(joined) = payload.get(JOINED).and_then(short) {
        kept.insert(JOINED.to_owned(), joined);
    }
    if let Some(Value::Object(warm)) = payload.get("warm_transfer_call") {
        kept.insert("warm_transfer_call".to_owned(), Value::Object(pick(warm, &["state"])));
    }
    for (key, fields) in [("variables", VARIABLES.as_slice()), ("metadata", METADATA.as_slice())] {
        if let Some(inner) = object(payload, key) {
            kept.insert(key.to_owned(), Value::Object(pick(&inner, fields)));
        }
    }
    kept
}

fn pick(object: &Map<String, Value>, fields: &[&str]) -> Map<String, Value> {
    let value = |key: &&str| Some(((*key).to_owned(), short(object.get(*key)?)?));
    fields.iter().filter_map(value).collect()
}

/// The last lines of the kept version that fit in `room` bytes, and one line of the lead's, because that somebody spoke
/// is a fact of its own.
fn end_of(talk: Talk, room: usize) -> Vec<Value> {
    let lead_line = talk
        .lead_lines()
        .next_back()
        .map(|line| row(Side::Lead, &cut(&line.text, FIELD_MAX)));
    let mut room = room.saturating_sub(lead_line.as_ref().map_or(0, size));
    let mut kept = Vec::new();
    let mut lead_kept = false;
    for line in talk.into_lines().iter().rev() {
        let row = row(line.side, &line.text);
        let Some(left) = room.checked_sub(size(&row)) else {
            break;
        };
        room = left;
        lead_kept |= line.side == Side::Lead;
        kept.push(row);
    }
    if let Some(lead_line) = lead_line
        && !lead_kept
    {
        kept.push(lead_line);
    }
    kept.reverse();
    kept
}

fn row(side: Side, text: &str) -> Value {
    json!({ "user": if side == Side::Lead { "user" } else { "assistant" }, "text": text })
}

/// With the comma behind it.
fn size(row: &Value) -> usize {
    row.to_string().len() + 1
}
