//! Whatever is sent, nothing panics, and no error repeats what was sent.

use redial_domain::Region;
use redial_telephony::{bland, convoso};
use serde_json::{Value, json};

#[cfg(test)]
mod support {
    use super::*;

    pub(super) fn payloads() -> Vec<(String, Vec<u8>)> {
        let folder = std::path::PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../tests/payloads");
        std::fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .map(|path| {
                (
                    path.file_name().unwrap().to_str().unwrap().to_owned(),
                    std::fs::read(&path).unwrap(),
                )
            })
            .collect()
    }

    /// Values that no field expects.
    pub(super) fn nonsense() -> Vec<Value> {
        vec![
            Value::Null,
            json!(true),
            json!(-1),
            json!(u64::MAX),
            json!(1e308),
            json!("NaN"),
            json!(""),
            json!("\u{0}\u{1f600}é"),
            json!("x".repeat(5_000)),
            json!("9999-12-31T23:59:60Z"),
            json!([[[]]]),
            json!({ "payload": {}, "state": 1, "attempt_id": {}, "to": [] }),
        ]
    }

    /// Reads a body in every way this crate can. Phones and names of the payloads must not be in an error.
    pub(super) fn read_all(body: &[u8]) {
        for error in [
            bland::parse(body, Region::US).err().map(|error| error.to_string()),
            convoso::parse_new_lead(None, body, Region::IN)
                .err()
                .map(|error| error.to_string()),
            convoso::parse_new_lead(Some("application/json"), body, Region::GB)
                .err()
                .map(|error| error.to_string()),
        ]
        .into_iter()
        .flatten()
        {
            assert!(error.starts_with("failed to "), "{error}");
            // The one number in our texts is the example of how to write one.
            let error = error.replace("as +12125550142", "");
            assert!(!error.contains("5550142") && !error.contains("Dana"), "{error}");
        }
        let slimmed = bland::slim(body, 200);
        if let (Ok(whole), Ok(cut)) = (bland::parse(body, Region::US), bland::parse(&slimmed, Region::US)) {
            assert_eq!(
                (whole.call_id, whole.kind, whole.facts.stop),
                (cut.call_id, cut.kind, cut.facts.stop)
            );
            assert_eq!(
                (whole.facts.outcome, whole.facts.may_have_rung),
                (cut.facts.outcome, cut.facts.may_have_rung)
            );
        }
        bland::verify(b"secret", "00", body);
    }
}
use support::{nonsense, payloads, read_all};

#[test]
fn a_body_that_breaks_off_anywhere_is_no_reason_to_panic() {
    for (_, body) in payloads() {
        for end in (0..body.len()).step_by(37) {
            read_all(&body[..end]);
        }
    }
}

#[test]
fn any_field_may_hold_anything() {
    for (_, body) in payloads() {
        let Ok(Value::Object(object)) = serde_json::from_slice::<Value>(&body) else {
            continue;
        };
        // Each field meets a third of the nonsense, another third in the next payload.
        for (at, key) in object.keys().enumerate() {
            for value in nonsense().into_iter().skip((at + body.len()) % 3).step_by(3) {
                let mut mangled = object.clone();
                mangled[key] = value;
                read_all(Value::Object(mangled).to_string().as_bytes());
            }
        }
    }
}

#[test]
fn five_megabytes_of_anything_are_read_in_time() {
    let megabytes = 5 << 20;
    read_all(&vec![b'['; megabytes]);
    read_all(&vec![0xff; megabytes]);
    read_all(&vec![b'='; megabytes]);
    read_all(
        format!(
            "{{\"call_id\":\"x\",\"completed\":true,\"summary\":\"{}\"}}",
            "x".repeat(megabytes)
        )
        .as_bytes(),
    );
    let talk = "user: hello \\n assistant: hi \\n ".repeat(megabytes / 32);
    read_all(format!("{{\"call_id\":\"x\",\"concatenated_transcript\":\"{talk}\"}}").as_bytes());
}
