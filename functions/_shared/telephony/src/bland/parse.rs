//! Turns one delivery of Bland's, or its answer about a call, into a [`CallEvent`].
//!
//! Exact where a decision hangs on it (minutes are not seconds, a destination is no transfer) and forgiving everywhere
//! else: a field of the wrong type is an absent field. It refuses to know what was called before and what the rules
//! make of it.

use chrono::{DateTime, TimeDelta, Utc};
use redial_domain::{
    AttemptId, CallEvent, CallId, CampaignId, DeliveryId, Direction, EventKind, ExplicitStop, Facts, LeadId, Leg,
    OurMetadata, Phone, Region, Transfer, without_numbers,
};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use super::outcome::{self, Evidence};
use super::talk::Talk;
use crate::ParseError;
use crate::read::{amount, cut, flag, object, scalar, text, time, zoned_time};

const WHAT: &str = "a Bland delivery";

/// The longest text kept of a summary, in characters; a page.
pub(super) const SUMMARY_MAX: usize = 4_000;
/// The longest text kept of any other field, in characters. Bland's own error messages are one sentence.
pub(super) const FIELD_MAX: usize = 300;
/// No call is longer, in seconds; a figure above it is no length of a call.
const TALK_MAX_S: f64 = 86_400.0;
/// Where [`super::slim`] leaves the stop that it found before it cut.
pub(super) const CARRIED_STOP: &str = "redial_stop";

/// Reads a delivery or an answer of `GET /v1/calls/{id}`. Numbers without a country code are taken to be from `region`.
///
/// # Errors
/// When the body is not a JSON object, or names neither a call nor a phone.
pub fn parse(body: &[u8], region: Region) -> Result<CallEvent, ParseError> {
    let payload = payload(body)?;
    let call_id = ["call_id", "c_id"]
        .iter()
        .find_map(|key| CallId::parse(&text(&payload, key)?).ok());
    let direction = match flag(&payload, "inbound") {
        Some(true) => Direction::Inbound,
        _ => Direction::Outbound,
    };
    let phone = phone(&payload, direction, region);
    let ours = our_metadata(&payload);
    if call_id.is_none() && phone.is_none() && ours == OurMetadata::default() {
        return Err(ParseError::NoCall);
    }
    let kind = kind(&payload);
    Ok(CallEvent {
        provider: super::PROVIDER.to_owned(),
        call_id,
        kind,
        delivery: delivery_id(kind, &payload),
        leg: if flag(&payload, "is_proxy_agent_call") == Some(true) {
            Leg::Agent
        } else {
            Leg::Lead
        },
        direction,
        phone,
        ours,
        facts: facts(&payload, kind),
    })
}

/// The payload itself, out of the envelope that `GET` of a post-call webhook puts around it.
pub(super) fn payload(body: &[u8]) -> Result<Map<String, Value>, ParseError> {
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
    let value: Value = serde_json::from_slice(body).map_err(|error| ParseError::not_json(WHAT, &error))?;
    let Value::Object(mut outer) = value else {
        return Err(ParseError::NotAnObject { what: WHAT });
    };
    let enveloped = match outer.get_mut("data") {
        Some(Value::Object(data)) => match data.remove("payload") {
            Some(Value::Object(inner)) => Some(inner),
            _ => None,
        },
        _ => None,
    };
    Ok(enveloped.unwrap_or(outer))
}

fn our_metadata(payload: &Map<String, Value>) -> OurMetadata {
    // Other integrators share an account and have keys of their own (`attempt`, `campaign`); only ours count.
    let Some(metadata) = object(payload, "metadata") else {
        return OurMetadata::default();
    };
    OurMetadata {
        attempt: text(&metadata, "attempt_id").and_then(|id| AttemptId::parse(&id).ok()),
        lead: text(&metadata, "lead_id").and_then(|id| LeadId::parse(&id).ok()),
        campaign: text(&metadata, "campaign_id").and_then(|id| CampaignId::parse(&id).ok()),
    }
}

/// The lead's phone: the called one, or the calling one when the lead called us.
fn phone(payload: &Map<String, Value>, direction: Direction, region: Region) -> Option<Phone> {
    let keys: &[&str] = match direction {
        Direction::Outbound => &["to", "phone_number"],
        Direction::Inbound => &["from"],
    };
    let variables = payload.get("variables").and_then(Value::as_object);
    [Some(payload), variables]
        .into_iter()
        .flatten()
        .flat_map(|object| keys.iter().filter_map(|key| text(object, key)))
        .find_map(|raw| read_phone(&raw, region))
}

/// The digits of a number with its country code: a code and ten digits. Fewer could be anything.
const FULL_DIGITS_MIN: usize = 11;

/// Bland drops the plus sign in places: `919876543210` is a full number even where ten digits are from the US.
fn read_phone(raw: &str, region: Region) -> Option<Phone> {
    let full = || {
        (raw.len() >= FULL_DIGITS_MIN)
            .then(|| Phone::parse(&format!("+{raw}"), region).ok())
            .flatten()
    };
    Phone::parse(raw, region).ok().or_else(full)
}

/// Deliveries of Bland's that come after the main one (docs.bland.ai/tutorials/post-call-webhooks).
const LATER: [&str; 4] = [
    "citations",
    "post_transfer_transcript",
    "live_translation_transcript",
    "multiple",
];

fn kind(payload: &Map<String, Value>) -> EventKind {
    let ended = ended(payload);
    match text(payload, "event_type") {
        Some(event) if LATER.contains(&event.as_str()) => return EventKind::Later,
        // An event type that we do not know yet is later news, unless it says itself that the call is over: a second
        // `Ended` only adds to the attempt, a missing one keeps the line locked.
        Some(_) if ended != Some(true) => return EventKind::Later,
        _ => {}
    }
    match ended {
        Some(true) => EventKind::Ended,
        Some(false) => EventKind::Progress,
        // Nothing says. What only a post-call webhook carries makes it one; an event of the running call has none.
        None if [
            "concatenated_transcript",
            "corrected_duration",
            "call_ended_by",
            "answered_by",
            "disposition_tag",
        ]
        .iter()
        .any(|key| text(payload, key).is_some()) =>
        {
            EventKind::Ended
        }
        // To end an attempt frees its line, so without a sign of an end the call is taken to go on.
        None => EventKind::Progress,
    }
}

/// Whether the call is over, if the delivery says so. `completed` is more up to date than `queue_status` (Bland's own
/// note), but a refused call is `failed` and never `completed`.
fn ended(payload: &Map<String, Value>) -> Option<bool> {
    let completed = flag(payload, "completed");
    let status = outcome::status(payload);
    let queue = outcome::queue_status(payload);
    if completed == Some(true) || status.is_some_and(outcome::Status::is_final) || queue.is_some_and(|q| q.is_error()) {
        return Some(true);
    }
    match (completed, status, queue) {
        (Some(false), _, _) => Some(false),
        (None, Some(outcome::Status::Completed), _) | (None, _, Some(outcome::QueueStatus::Complete)) => Some(true),
        (None, Some(outcome::Status::Running), _) | (None, _, Some(_)) => Some(false),
        _ => None,
    }
}

fn facts(payload: &Map<String, Value>, kind: EventKind) -> Facts {
    let talk = Talk::read(payload);
    let disposition = text(payload, "disposition_tag");
    let stop = carried_stop(payload)
        .unwrap_or_else(|| talk.find_stop(disposition.as_deref(), text(payload, "summary").as_deref()));
    let connected_at = time(payload, "started_at");
    let talk_s = talk_s(payload);
    let error = text(payload, "error_message").map(|error| cut(&error, FIELD_MAX));
    let (outcome, failure, may_have_rung) = if kind == EventKind::Ended {
        let evidence = Evidence {
            status: outcome::status(payload),
            queue: outcome::queue_status(payload),
            answered_by: outcome::answered_by(payload),
            talk_s: talk_s.unwrap_or(0),
            lead_spoke: talk.lead_lines().next().is_some(),
            connected: connected_at.is_some(),
            error: error.as_deref(),
        };
        evidence.judge()
    } else {
        // A running call may be ringing, and later news is about a call that ended before.
        (redial_domain::Outcome::Unknown, None, true)
    };
    let (callback_requested, callback_at) = callback(payload);
    Facts {
        disposition_word: disposition.map(|word| cut(&word, FIELD_MAX)),
        transfer: transfer(payload),
        created_at: time(payload, "created_at"),
        // Bland fills `started_at` for calls that nobody took, too; ours is the moment of picking up.
        started_at: connected_at.filter(|_| match kind {
            EventKind::Ended => outcome::was_picked_up(outcome),
            EventKind::Progress => outcome::queue_status(payload) != Some(outcome::QueueStatus::Waiting),
            EventKind::Later => true,
        }),
        ended_at: ended_at(connected_at, talk_s, kind),
        talk_s,
        ended_by: text(payload, "call_ended_by").and_then(|by| match by.to_ascii_uppercase().as_str() {
            "USER" => Some(redial_domain::Side::Lead),
            "ASSISTANT" => Some(redial_domain::Side::Us),
            _ => None,
        }),
        callback_requested,
        callback_at,
        stop,
        summary: text(payload, "summary").map(|summary| cut(&summary, SUMMARY_MAX)),
        transcript: talk.into_lines(),
        failure,
        may_have_rung,
        error: error.map(|error| without_numbers(&error)),
        ..Facts::ended(outcome)
    }
}

/// Length in seconds: `corrected_duration` is seconds, as text; `call_length` is minutes with a fraction.
fn talk_s(payload: &Map<String, Value>) -> Option<u32> {
    let seconds = amount(payload, "corrected_duration")
        .filter(|seconds| *seconds <= TALK_MAX_S)
        .or_else(|| amount(payload, "call_length").map(|minutes| minutes * 60.0))
        .filter(|seconds| *seconds <= TALK_MAX_S)?;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "0 to 86,400, checked above"
    )]
    let seconds = seconds.round() as u32;
    Some(seconds)
}

/// Bland's `end_at` is the deadline that `max_duration` sets, not the end; the end is start plus length.
fn ended_at(started_at: Option<DateTime<Utc>>, talk_s: Option<u32>, kind: EventKind) -> Option<DateTime<Utc>> {
    if kind == EventKind::Progress {
        return None;
    }
    started_at?.checked_add_signed(TimeDelta::seconds(i64::from(talk_s?)))
}

/// A destination says that a transfer was tried. Only a merged warm transfer says that two people spoke.
fn transfer(payload: &Map<String, Value>) -> Transfer {
    if let Some(Value::Object(warm)) = payload.get("warm_transfer_call") {
        return match text(warm, "state").unwrap_or_default().to_ascii_uppercase().as_str() {
            "MERGED" => Transfer::Connected,
            "CANCELLED" | "CANCELED" => Transfer::Canceled,
            _ => Transfer::Tried,
        };
    }
    let tried = text(payload, "transferred_to").is_some() || amount(payload, "transfer_offset_seconds").is_some();
    if tried { Transfer::Tried } else { Transfer::None }
}

/// The wish for a call at another time, from the variables that our prompt asks the agent to fill. A time without an
/// offset could be in any zone and is not kept; the wish is.
fn callback(payload: &Map<String, Value>) -> (bool, Option<DateTime<Utc>>) {
    let Some(variables) = object(payload, "variables") else {
        return (false, None);
    };
    let at = text(&variables, "callback_requested_at").and_then(|raw| zoned_time(&raw));
    match flag(&variables, "callback_requested") {
        Some(false) => (false, None),
        Some(true) => (true, at),
        None => (at.is_some(), at),
    }
}

/// What [`super::slim`] found before it cut: a stop, or that there is none. Cut lines must not be searched again: a
/// limit such as "… before noon" may be what was cut off.
fn carried_stop(payload: &Map<String, Value>) -> Option<Option<ExplicitStop>> {
    serde_json::from_value(payload.get(CARRIED_STOP)?.clone()).ok()
}

/// One letter for the kind and twelve digits of a hash over the payload with sorted keys and no white space, so that
/// neither spacing, key order nor the envelope make a new delivery. `event_type` is part of what is hashed.
fn delivery_id(kind: EventKind, payload: &Map<String, Value>) -> DeliveryId {
    let letter = match kind {
        EventKind::Ended => 'e',
        EventKind::Later => 'l',
        EventKind::Progress => 'p',
    };
    let mut canonical = Value::Object(payload.clone());
    canonical.sort_all_objects();
    let hash = hex::encode(Sha256::digest(canonical.to_string()));
    delivery(&format!("{letter}:{}", &hash[..12]))
}

#[expect(clippy::expect_used, reason = "a letter, a colon and hex digits are an id")]
fn delivery(id: &str) -> DeliveryId {
    DeliveryId::parse(id).expect("a letter, a colon and twelve hex digits")
}

/// The text of a field, of at most [`FIELD_MAX`] characters, as it goes through the queue.
pub(super) fn short(value: &Value) -> Option<Value> {
    match value {
        Value::String(text) => Some(Value::String(cut(text.trim(), FIELD_MAX))),
        Value::Bool(_) => Some(value.clone()),
        other => scalar(other).map(|_| other.clone()),
    }
}
