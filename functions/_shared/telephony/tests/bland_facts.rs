//! The facts that must come out of Bland's odd payloads.

#[cfg(test)]
#[allow(dead_code, reason = "shared with the other tests of the parser")]
mod kept;

use kept::{answered_with, parsed};
use redial_domain::{Direction, Leg, Side, StopSource, Transfer};
use serde_json::{Value, json};

#[test]
fn minutes_are_not_seconds_and_nonsense_is_neither() {
    for (corrected, length, talk_s) in [
        (json!("71"), json!(0.75), Some(71)),
        (json!(71), json!(0.75), Some(71)),
        (json!("0"), json!(3), Some(0)),
        (Value::Null, json!(0.75), Some(45)),
        (json!("NaN"), json!("2.5"), Some(150)),
        (json!("inf"), json!(180), Some(10_800)),
        (json!("-1"), json!(1), Some(60)),
        (json!(1e300), json!(1), Some(60)),
        (json!("NaN"), json!(1e300), None),
        (json!({}), json!([]), None),
    ] {
        let event = answered_with(json!({ "corrected_duration": corrected, "call_length": length }));
        assert_eq!(event.facts.talk_s, talk_s, "{corrected} {length}");
    }
}

#[test]
fn the_end_is_start_plus_length_and_never_the_deadline() {
    let event = parsed("bland-answered-human.json");
    assert_eq!(event.facts.ended_at, Some("2026-11-18T15:04:40Z".parse().unwrap()));
    assert_eq!(answered_with(json!({ "started_at": null })).facts.ended_at, None);
    assert_eq!(
        answered_with(json!({ "corrected_duration": null, "call_length": null }))
            .facts
            .ended_at,
        None
    );
}

#[test]
fn a_call_that_waits_in_the_queue_has_not_begun_whatever_started_at_says() {
    for (queue, begun) in [
        ("queued", false),
        ("new", false),
        ("started", true),
        ("a new word", true),
    ] {
        let running = json!({ "completed": false, "status": null, "queue_status": queue });
        assert_eq!(answered_with(running).facts.started_at.is_some(), begun, "{queue}");
    }
}

#[test]
fn a_destination_is_no_transfer_and_only_a_merge_connects() {
    assert_eq!(
        parsed("bland-transferred-warm-merged.json").facts.transfer,
        Transfer::Connected
    );
    assert_eq!(
        parsed("bland-transfer-cold-destination-only.json").facts.transfer,
        Transfer::Tried
    );
    assert_eq!(
        parsed("bland-delayed-post-transfer-transcript.json").facts.transfer,
        Transfer::Tried
    );
    assert_eq!(parsed("bland-answered-human.json").facts.transfer, Transfer::None);
    for (state, transfer) in [
        (json!("merged"), Transfer::Connected),
        (json!("CANCELLED"), Transfer::Canceled),
        (json!("RINGING"), Transfer::Tried),
        (Value::Null, Transfer::Tried),
    ] {
        let event = answered_with(json!({ "warm_transfer_call": { "state": state } }));
        assert_eq!(event.facts.transfer, transfer, "{state}");
    }
}

#[test]
fn a_proxy_agents_leg_is_not_the_leads() {
    assert_eq!(answered_with(json!({ "is_proxy_agent_call": true })).leg, Leg::Agent);
    assert_eq!(answered_with(json!({ "is_proxy_agent_call": "true" })).leg, Leg::Agent);
}

#[test]
fn a_lead_who_calls_us_is_known_by_the_calling_number() {
    let event = parsed("bland-inbound-callback-from-lead.json");
    assert_eq!((event.direction, event.ours.attempt), (Direction::Inbound, None));
    assert_eq!(event.phone.unwrap().as_str(), "+12125550142");
}

#[test]
fn a_promised_time_needs_its_offset() {
    let event = parsed("bland-human-callback-requested.json");
    assert_eq!(event.facts.callback_at, Some("2026-11-19T23:30:00Z".parse().unwrap()));
    for (variables, requested, has_time) in [
        (
            json!({ "callback_requested": "yes", "callback_requested_at": "2026-11-19T18:30:00" }),
            true,
            false,
        ),
        (
            json!({ "callback_requested_at": "2026-11-19T18:30:00-05:00" }),
            true,
            true,
        ),
        (
            json!({ "callback_requested": false, "callback_requested_at": "2026-11-19T18:30:00-05:00" }),
            false,
            false,
        ),
        (
            json!({ "callback_requested": true, "callback_requested_at": "tomorrow" }),
            true,
            false,
        ),
        (json!([1]), false, false),
    ] {
        let facts = answered_with(json!({ "variables": variables })).facts;
        assert_eq!(
            (facts.callback_requested, facts.callback_at.is_some()),
            (requested, has_time),
            "{variables}"
        );
    }
}

#[test]
fn a_stop_is_heard_in_whichever_version_of_the_talk_it_is() {
    let said = |label: &str| json!([{ label: "user", "text": "Please take me off your list" }]);
    for changes in [
        json!({ "transcripts": said("user") }),
        json!({ "concatenated_transcript": "user: Please take me off your list \n assistant: Sure. \n " }),
        json!({ "event_type": "citations", "corrected_transcript": said("speaker_label") }),
        json!({ "event_type": "post_transfer_transcript", "post_transfer_transcript": said("speaker_label") }),
    ] {
        let stop = answered_with(changes.clone())
            .facts
            .stop
            .unwrap_or_else(|| panic!("{changes}"));
        assert_eq!(
            (stop.source, stop.words.as_str()),
            (StopSource::Spoken, "Please take me off your list")
        );
    }
    let ours = answered_with(
        json!({ "transcripts": [{ "user": "assistant", "text": "I take you off our list: take me off" }] }),
    );
    assert_eq!(ours.facts.stop, None);
    let tagged = answered_with(json!({ "disposition_tag": "DO_NOT_CALL" }));
    assert_eq!(tagged.facts.stop.unwrap().source, StopSource::Disposition);
    let told = answered_with(json!({ "summary": "They talked. The customer asked us to stop calling." }));
    assert_eq!(told.facts.stop.unwrap().source, StopSource::Summary);
    let better_time = answered_with(json!({ "summary": "The customer asked not to be called before noon." }));
    assert_eq!(better_time.facts.stop, None);
}

#[test]
fn a_transcript_falls_back_to_the_joined_text_and_drops_what_nobody_said() {
    let listed = parsed("bland-answered-human.json").facts.transcript;
    assert_eq!(
        listed.iter().map(|line| line.side).collect::<Vec<_>>(),
        [Side::Lead, Side::Us]
    );
    let joined = answered_with(json!({ "transcripts": "wrong" })).facts.transcript;
    assert_eq!(joined.len(), 4);
    assert_eq!(joined[2].text, "I looked at it, but I need to talk to my wife first.");
}

#[test]
fn a_full_number_without_its_plus_sign_is_read_and_a_fragment_is_not() {
    for (to, phone) in [
        (json!("919876543210"), Some("+919876543210")),
        (json!(12_125_550_142_u64), Some("+12125550142")),
        (json!("98765432"), None),
        (json!("anonymous"), None),
        (json!(["+12125550142"]), None),
    ] {
        let event = answered_with(json!({ "to": to, "variables": null }));
        assert_eq!(event.phone.map(String::from).as_deref(), phone, "{to}");
    }
}
