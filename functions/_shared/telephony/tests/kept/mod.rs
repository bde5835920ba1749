//! The payloads under `tests/payloads`, and variations of them.

use std::fs;
use std::path::PathBuf;

use redial_domain::{CallEvent, Region};
use redial_telephony::bland;
use serde_json::Value;

pub(crate) fn payload(name: &str) -> Vec<u8> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../../../tests/payloads")
        .join(name);
    fs::read(&path).unwrap()
}

pub(crate) fn payload_names() -> Vec<String> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../tests/payloads");
    let mut names: Vec<String> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

pub(crate) fn parsed(name: &str) -> CallEvent {
    bland::parse(&payload(name), Region::US).unwrap()
}

/// The delivery about a person who answered, with some fields changed; `null` takes a field out.
pub(crate) fn answered_with(changes: Value) -> CallEvent {
    let mut value: Value = serde_json::from_slice(&payload("bland-answered-human.json")).unwrap();
    for (key, change) in changes.as_object().unwrap() {
        if change.is_null() {
            value.as_object_mut().unwrap().remove(key);
        } else {
            value[key] = change.clone();
        }
    }
    bland::parse(value.to_string().as_bytes(), Region::US).unwrap()
}
