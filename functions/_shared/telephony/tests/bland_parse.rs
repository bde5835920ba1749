//! Every kept payload of Bland's through the parser: what it is, whose it is, and what is refused.

#[cfg(test)]
#[allow(dead_code, reason = "shared with the other tests of the parser")]
mod kept;

use kept::{answered_with, parsed, payload, payload_names};
use redial_domain::{CallEvent, EventKind, FailureClass, Leg, Outcome, Region};
use redial_telephony::{ParseError, bland};
use serde_json::{Value, json};

#[test]
fn every_kept_payload_reads_as_its_snapshot_says() {
    let names: Vec<_> = payload_names()
        .into_iter()
        .filter(|name| name.starts_with("bland-"))
        .collect();
    assert!(names.len() >= 25, "the payloads are gone");
    for name in names {
        let snapshot = name.trim_end_matches(".json").to_owned();
        match bland::parse(&payload(&name), Region::US) {
            Ok(event) => insta::assert_json_snapshot!(snapshot, event),
            Err(error) => insta::assert_snapshot!(snapshot, error.to_string()),
        }
    }
}

#[test]
fn each_kept_payload_means_what_its_name_says() {
    use FailureClass::BadNumber;
    for (name, outcome, rang, talk_s, failure) in [
        ("bland-answered-human.json", Outcome::Answered, true, Some(141), None),
        ("bland-busy.json", Outcome::Busy, true, Some(0), None),
        ("bland-canceled.json", Outcome::Canceled, true, Some(0), None),
        (
            "bland-failed-invalid-number.json",
            Outcome::Failed,
            false,
            Some(0),
            Some(BadNumber),
        ),
        (
            "bland-failed-pre-queue.json",
            Outcome::NotPlaced,
            false,
            Some(0),
            Some(BadNumber),
        ),
        (
            "bland-get-postcall-webhook-envelope.json",
            Outcome::Answered,
            true,
            Some(141),
            None,
        ),
        ("bland-no-answer.json", Outcome::NoAnswer, true, Some(0), None),
        (
            "bland-odd-malformed-duration.json",
            Outcome::Answered,
            true,
            Some(75),
            None,
        ),
        ("bland-odd-minimal.json", Outcome::Unknown, true, None, None),
        (
            "bland-odd-to-without-plus.json",
            Outcome::Answered,
            true,
            Some(141),
            None,
        ),
        (
            "bland-odd-transcripts-wrong-type.json",
            Outcome::Answered,
            true,
            Some(141),
            None,
        ),
        (
            "bland-odd-unknown-answered-by.json",
            Outcome::Machine,
            true,
            Some(141),
            None,
        ),
        (
            "bland-transferred-warm-merged.json",
            Outcome::Answered,
            true,
            Some(366),
            None,
        ),
        ("bland-voicemail.json", Outcome::Machine, true, Some(28), None),
    ] {
        let CallEvent {
            kind,
            leg,
            phone,
            facts,
            ..
        } = parsed(name);
        assert_eq!((kind, leg), (EventKind::Ended, Leg::Lead), "{name}");
        assert_eq!(
            (facts.outcome, facts.may_have_rung, facts.talk_s, facts.failure),
            (outcome, rang, talk_s, failure),
            "{name}"
        );
        let knows_phone = name != "bland-odd-minimal.json";
        assert_eq!(
            phone.map(String::from),
            knows_phone.then(|| "+12125550142".to_owned()),
            "{name}"
        );
    }
}

#[test]
fn each_sort_of_news_is_known_for_what_it_is() {
    assert_eq!(parsed("bland-midcall-event.json").kind, EventKind::Progress);
    assert_eq!(
        parsed("bland-delayed-second-webhook-citations.json").kind,
        EventKind::Later
    );
    assert_eq!(
        parsed("bland-delayed-post-transfer-transcript.json").kind,
        EventKind::Later
    );
    for (changes, kind) in [
        (json!({ "event_type": "multiple" }), EventKind::Later),
        (json!({ "event_type": "of_the_future" }), EventKind::Ended),
        (
            json!({ "event_type": "of_the_future", "completed": null, "status": null, "queue_status": null }),
            EventKind::Later,
        ),
        (json!({ "completed": "true", "status": null }), EventKind::Ended),
        (
            json!({ "completed": false, "queue_status": "started" }),
            EventKind::Progress,
        ),
        (
            json!({ "completed": false, "queue_status": "started", "status": "in_progress" }),
            EventKind::Progress,
        ),
        (
            json!({ "completed": false, "queue_status": "queue_error", "status": null }),
            EventKind::Ended,
        ),
        (
            json!({ "completed": null, "queue_status": null, "status": null }),
            EventKind::Ended,
        ),
    ] {
        assert_eq!(answered_with(changes.clone()).kind, kind, "{changes}");
    }
    let bare = br#"{"c_id":"0b9f3c1e-5d42-4c7a-9a10-000000000001"}"#;
    assert_eq!(
        bland::parse(bare, Region::US).unwrap().kind,
        EventKind::Progress,
        "an end needs a sign of it"
    );
}

#[test]
fn only_our_own_keys_of_the_metadata_count() {
    assert_eq!(
        parsed("bland-answered-human.json").ours.attempt,
        None,
        "`attempt` is another integrator's"
    );
    let ours = json!({ "attempt_id": "01JD0000000000000000000001", "lead_id": 7, "campaign_id": "q4", "attempt": 2 });
    for metadata in [ours.clone(), Value::String(ours.to_string())] {
        let event = answered_with(json!({ "metadata": metadata }));
        assert_eq!(event.ours.attempt.unwrap().as_str(), "01JD0000000000000000000001");
        assert_eq!(event.ours.lead.unwrap().as_str(), "7");
        assert_eq!(event.ours.campaign.unwrap().as_str(), "q4");
    }
    let broken = answered_with(json!({ "metadata": { "attempt_id": "a#b", "lead_id": [], "campaign_id": "" } }));
    assert_eq!(broken.ours, redial_domain::OurMetadata::default());
}

#[test]
fn the_same_delivery_has_one_id_however_it_is_spaced_ordered_or_wrapped() {
    let first = parsed("bland-answered-human.json");
    let wrapped = parsed("bland-get-postcall-webhook-envelope.json");
    let spaced: Value = serde_json::from_slice(&payload("bland-duplicate-delivery-of-answered-human.json")).unwrap();
    let minified = bland::parse(spaced.to_string().as_bytes(), Region::US).unwrap();
    assert!(first.delivery.as_str().starts_with("e:") && first.delivery.as_str().len() == 14);
    assert_eq!(first.delivery, wrapped.delivery);
    assert_eq!(first, minified);
    let later = parsed("bland-delayed-second-webhook-citations.json");
    assert!(later.call_id == first.call_id && later.delivery != first.delivery);
}

#[test]
fn an_error_text_keeps_no_phone_number() {
    let event = answered_with(json!({ "error_message": "could not reach +1 212-555-0142 (SIP 503)" }));
    assert_eq!(event.facts.error.as_deref(), Some("could not reach … (SIP 503)"));
}

#[test]
fn what_is_no_delivery_is_refused_without_repeating_it() {
    for (body, said) in [
        (
            "[]",
            "failed to read a Bland delivery: it is JSON but no object; send one object with named fields",
        ),
        (
            "{\"to\": NaN}",
            "failed to read a Bland delivery: it is not JSON (line 1, column 8)",
        ),
        ("", "failed to read a Bland delivery: it is not JSON (line 1, column 0)"),
        (
            "{\"call_id\":null}",
            "failed to read a Bland delivery: it names neither a call nor a phone; send `call_id`",
        ),
    ] {
        assert_eq!(
            bland::parse(body.as_bytes(), Region::US).unwrap_err().to_string(),
            said,
            "{body}"
        );
    }
    let deep = format!("{{\"a\":{}", "[".repeat(100_000));
    assert!(matches!(
        bland::parse(deep.as_bytes(), Region::US),
        Err(ParseError::NotJson { .. })
    ));
}
