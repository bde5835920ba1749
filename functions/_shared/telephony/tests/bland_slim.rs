//! A delivery that is cut to fit through the queue still means the same.

use redial_domain::{CallEvent, Facts, Outcome, Region};
use redial_telephony::bland::{SLIM_MIN_BYTES, parse, slim};
use serde_json::{Value, json};

/// What the webhook hands to SQS, whose messages end at 256 KiB.
const MAX: usize = 240 * 1024;

#[cfg(test)]
mod support {
    use super::*;

    pub(super) fn read(body: &[u8]) -> CallEvent {
        parse(body, Region::US).unwrap()
    }

    /// Everything but the transcript and the id of the delivery.
    pub(super) fn meaning(event: CallEvent) -> (CallEvent, usize) {
        let lines = event.facts.transcript.len();
        let same = read(br#"{"call_id":"x"}"#).delivery;
        (
            CallEvent {
                delivery: same,
                facts: Facts {
                    transcript: Vec::new(),
                    ..event.facts
                },
                ..event
            },
            lines,
        )
    }

    pub(super) fn payloads() -> Vec<(String, Value)> {
        let folder = std::path::PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../tests/payloads");
        std::fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.file_name().unwrap().to_str().unwrap().starts_with("bland-"))
            .filter_map(|path| {
                let value: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
                parse(value.to_string().as_bytes(), Region::US).ok()?;
                Some((path.display().to_string(), value))
            })
            .collect()
    }

    pub(super) fn long_talk(lines: usize) -> Vec<Value> {
        (0..lines)
            .map(|n| json!({ "id": n, "user": if n % 2 == 0 { "user" } else { "assistant" }, "text": format!("{n} {}", "word ".repeat(40)) }))
            .collect()
    }
}
use support::{long_talk, meaning, payloads, read};

#[test]
fn a_body_that_fits_is_left_alone() {
    let body = br#"{ "call_id": "x", "unknown": [1] }"#;
    assert_eq!(slim(body, MAX), body);
}

#[test]
fn every_kept_payload_means_the_same_after_a_megabyte_was_cut_out_of_it() {
    for (name, mut value) in payloads() {
        let inner = if value["data"]["payload"].is_object() {
            &mut value["data"]["payload"]
        } else {
            &mut value
        };
        inner["pathway_logs"] = json!([{ "prompt": "x".repeat(1_000_000) }]);
        let body = value.to_string();
        let slimmed = slim(body.as_bytes(), MAX);
        assert!(slimmed.len() <= MAX, "{name}");
        assert_eq!(meaning(read(&slimmed)), meaning(read(body.as_bytes())), "{name}");
        assert_eq!(slimmed, slim(body.as_bytes(), MAX), "the same twice: {name}");
    }
}

#[test]
fn a_long_talk_keeps_its_end() {
    let body = json!({ "call_id": "x", "completed": true, "transcripts": long_talk(5_000) }).to_string();
    let slimmed = slim(body.as_bytes(), MAX);
    assert!(slimmed.len() <= MAX && slimmed.len() > MAX / 2, "{}", slimmed.len());
    let lines = read(&slimmed).facts.transcript;
    assert!(lines.last().unwrap().text.starts_with("4999 "));
    assert!(lines.len() > 500);
}

#[test]
fn a_stop_early_in_a_long_talk_survives_the_cut() {
    let mut talk = long_talk(5_000);
    talk[2]["text"] = json!(format!("{} please take me off your list", "well ".repeat(3_000)));
    let body = json!({ "call_id": "x", "completed": true, "transcripts": talk }).to_string();
    let slimmed = slim(body.as_bytes(), MAX);
    assert!(slimmed.len() <= MAX);
    assert!(read(&slimmed).facts.stop.is_some());
    assert_eq!(read(&slimmed).facts.stop, read(body.as_bytes()).facts.stop);
    let again = slim(&slimmed, SLIM_MIN_BYTES);
    assert!(again.len() <= SLIM_MIN_BYTES);
    assert_eq!(read(&again).facts.stop, read(body.as_bytes()).facts.stop, "cut twice");
}

#[test]
fn a_cut_makes_no_stop_out_of_a_limit() {
    let text = format!("{}don't call me before noon", "x ".repeat(993));
    let talk = json!([{ "user": "user", "text": text }]);
    let body = json!({ "call_id": "x", "completed": true, "transcripts": talk, "pad": "x".repeat(MAX) }).to_string();
    assert_eq!(read(body.as_bytes()).facts.stop, None);
    assert_eq!(read(&slim(body.as_bytes(), MAX)).facts.stop, None);
}

#[test]
fn that_the_lead_spoke_is_not_lost_behind_a_monologue_of_ours() {
    let mut talk = long_talk(5_000);
    for line in &mut talk[1..] {
        line["user"] = json!("assistant");
    }
    let body = json!({ "call_id": "x", "completed": true, "status": "failed", "call_length": 5, "transcripts": talk });
    let slimmed = read(&slim(body.to_string().as_bytes(), MAX));
    assert_eq!(slimmed.facts.outcome, Outcome::Answered);
}

#[test]
fn the_worst_payload_still_fits() {
    let long = "\u{1}".repeat(100_000);
    let mut body = serde_json::Map::new();
    for key in [
        "c_id",
        "event_type",
        "status",
        "queue_status",
        "answered_by",
        "call_ended_by",
        "inbound",
        "to",
        "from",
        "phone_number",
        "created_at",
        "started_at",
        "error_message",
        "disposition_tag",
        "transferred_to",
        "summary",
        "concatenated_transcript",
    ] {
        body.insert(key.to_owned(), json!(long));
    }
    body.insert("call_id".to_owned(), json!("x"));
    body.insert("transcripts".to_owned(), json!([{ "user": "user", "text": long }]));
    body.insert(
        "variables".to_owned(),
        json!({ "to": long, "from": long, "callback_requested_at": long }),
    );
    body.insert(
        "metadata".to_owned(),
        json!({ "attempt_id": long, "lead_id": long, "campaign_id": long }),
    );
    let body = Value::Object(body).to_string();
    let slimmed = slim(body.as_bytes(), SLIM_MIN_BYTES);
    assert!(slimmed.len() <= SLIM_MIN_BYTES, "{}", slimmed.len());
    assert_eq!(meaning(read(&slimmed)).0, meaning(read(body.as_bytes())).0);
}
