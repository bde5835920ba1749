//! Bland's JSON for simulated calls: call details, post-call webhook, second deliveries, list rows.
//!
//! Shapes are those of docs.bland.ai and of `tests/payloads`. Pure; knows no storage and no HTTP.

use chrono::{DateTime, SecondsFormat, TimeDelta, Timelike, Utc};
use serde_json::{Map, Value, json};

use crate::{
    phone_outcomes::{CallOutcome, Dice},
    phone_words::{OPENING, words},
};

/// The number calls come from unless the request names one: 555-01xx numbers belong to nobody.
pub const DEFAULT_FROM: &str = "+14155550100";
/// Bland's longest call unless the request says otherwise, in minutes.
const DEFAULT_MAX_DURATION_MIN: i64 = 30;

/// One simulated call.
#[derive(Debug, Clone, PartialEq)]
pub struct Call {
    /// Its id.
    pub call_id: String,
    /// The called phone, as it was sent.
    pub phone: String,
    /// The calling phone.
    pub from: String,
    /// When it was accepted.
    pub accepted_at: DateTime<Utc>,
    /// The body of the request that made it.
    pub request: Value,
    /// How it goes; absent when the network says nothing.
    pub outcome: Option<CallOutcome>,
    /// When it is taken, or would be reported as started.
    pub started_at: Option<DateTime<Utc>>,
    /// When it ends; absent when the network says nothing.
    pub ended_at: Option<DateTime<Utc>>,
    /// Seeds details.
    pub seed: u64,
}

impl Call {
    /// Whether the call is over at `now`.
    pub fn is_over(&self, now: DateTime<Utc>) -> bool {
        self.ended_at.is_some_and(|ended| ended <= now)
    }

    /// Call details, which are also the post-call webhook once the call is over.
    pub fn details(&self, now: DateTime<Utc>) -> Value {
        match self.outcome {
            Some(outcome) if self.is_over(now) => self.ended(outcome),
            _ => self.in_progress(now),
        }
    }

    fn ended(&self, outcome: CallOutcome) -> Value {
        let words = words(outcome);
        let dice = Dice::new(self.seed, &self.call_id);
        let talked = outcome.is_human() || outcome == CallOutcome::Voicemail;
        let talk_s = match (talked, self.started_at, self.ended_at) {
            (true, Some(started), Some(ended)) => (ended - started).num_seconds().max(0),
            _ => 0,
        };
        let mut details = self.frame();
        let transferred = matches!(outcome, CallOutcome::Transferred | CallOutcome::TransferredThenSale);
        let minutes = |s: i64| (s as f64 / 60.0 * 10_000.0).round() / 10_000.0;
        if let Some(variables) = details["variables"].as_object_mut()
            && outcome == CallOutcome::Callback
        {
            variables.insert("callback_requested".to_owned(), json!(true));
            variables.insert("callback_requested_at".to_owned(), json!(self.callback_at(&dice)));
        }
        let before_s = talk_s * i64::from(dice.between(5, 30, 60)) / 100;
        let transferred_at = self
            .started_at
            .map(|started| seconds(started + TimeDelta::seconds(before_s)));
        set(
            &mut details,
            json!({
                "status": words.status,
                "completed": true,
                "queue_status": words.queue_status,
                "answered_by": words.answered_by,
                "call_ended_by": words.ended_by,
                "error_message": words.error,
                "call_length": if talk_s == 0 { json!(0) } else { json!(minutes(talk_s)) },
                "corrected_duration": talk_s.to_string(),
                "concatenated_transcript": concatenated(words.talk),
                "transcripts": self.transcripts(words.talk),
                "summary": words.summary,
                "disposition_tag": words.disposition,
                "pathway_tags": if outcome.is_human() { json!(["Introduction", "Qualify"]) } else { json!([]) },
                "recording_url": talked.then(|| format!("https://recordings.example.com/{}.mp3", self.call_id)),
                "price": (minutes(talk_s) * 0.09 * 1_000.0).round() / 1_000.0,
                "transferred_to": transferred.then_some("+13105550177"),
                "transferred_at": transferred_at.filter(|_| transferred),
                "pre_transfer_duration": transferred.then(|| minutes(before_s)),
                "post_transfer_duration": transferred.then(|| minutes(talk_s - before_s)),
                "warm_transfer_call": transferred.then(|| json!({
                    "state": "MERGED",
                    "proxy_agent_calls": [{
                        "call_id": crate::sqlite_file::uuid_shaped(&format!("proxy of {}", self.call_id)),
                        "to": "+13105550177",
                    }],
                })),
            }),
        );
        details
    }

    fn in_progress(&self, now: DateTime<Utc>) -> Value {
        let mut details = self.frame();
        if self.started_at.is_none_or(|started| started > now) {
            set(&mut details, json!({ "started_at": null, "end_at": null }));
        }
        set(
            &mut details,
            json!({
                "status": "started",
                "completed": false,
                "queue_status": "started",
                "answered_by": null,
            }),
        );
        details
    }

    /// All fields, with the values they have before anything is known.
    fn frame(&self) -> Value {
        let max_duration = self.request["max_duration"]
            .as_i64()
            .unwrap_or(DEFAULT_MAX_DURATION_MIN);
        let digits = |phone: &str| phone.trim_start_matches('+').trim_start_matches('1').to_owned();
        let at = self.started_at.unwrap_or(self.accepted_at);
        let mut variables = Map::new();
        for (name, value) in [
            ("now_utc", at.format("%a, %d %b %Y %H:%M:%S GMT").to_string()),
            ("short_to", digits(&self.phone)),
            ("short_from", digits(&self.from)),
            ("to", self.phone.clone()),
            ("from", self.from.clone()),
            ("call_id", self.call_id.clone()),
            ("country", "US".to_owned()),
        ] {
            variables.insert(name.to_owned(), value.into());
        }
        for (name, value) in self.request["request_data"].as_object().into_iter().flatten() {
            variables.insert(name.clone(), value.clone());
        }
        json!({
            "call_id": self.call_id,
            "c_id": self.call_id,
            "batch_id": null,
            "to": self.phone,
            "from": self.from,
            "inbound": false,
            "status": null,
            "completed": false,
            "queue_status": "queued",
            "answered_by": null,
            "call_ended_by": null,
            "error_message": null,
            "call_length": 0,
            "corrected_duration": "0",
            "max_duration": max_duration,
            "created_at": micros(self.accepted_at),
            "started_at": self.started_at.map(seconds),
            // A deadline, not the end; that is how Bland has it.
            "end_at": self.started_at.map(|started| {
                (started + TimeDelta::minutes(max_duration)).to_rfc3339_opts(SecondsFormat::Millis, true)
            }),
            "concatenated_transcript": "",
            "transcripts": [],
            "summary": null,
            "disposition_tag": null,
            "pathway_tags": [],
            "pathway_id": self.request["pathway_id"],
            "pathway_logs": [],
            "variables": variables,
            "metadata": self.request["metadata"],
            "analysis_schema": null,
            "analysis": null,
            "record": true,
            "recording_url": null,
            "recording_expiration": seconds(self.accepted_at + TimeDelta::days(30)),
            "price": 0,
            "local_dialing": false,
            "is_proxy_agent_call": false,
            "citation_schema_ids": [],
            "transferred_to": null,
            "transferred_at": null,
            "pre_transfer_duration": null,
            "post_transfer_duration": null,
            "warm_transfer_call": null,
        })
    }

    /// A row of the call list.
    pub fn list_row(&self, now: DateTime<Utc>) -> Value {
        let details = self.details(now);
        let mut row = Map::new();
        for name in [
            "call_id",
            "created_at",
            "call_length",
            "to",
            "from",
            "completed",
            "queue_status",
            "error_message",
            "answered_by",
            "batch_id",
            "status",
        ] {
            row.insert(name.to_owned(), details[name].clone());
        }
        Value::Object(row)
    }

    /// The second delivery, for outcomes that have one.
    pub fn second_delivery(&self) -> Option<Value> {
        match self.outcome? {
            CallOutcome::DncInSecondDelivery => Some(json!({
                "call_id": self.call_id,
                "c_id": self.call_id,
                "event_type": "citations",
                "citations": [{ "schema_id": "c7d1", "variables": { "decision_maker": true } }],
                "corrected_transcript": [
                    { "speaker_label": "user", "text": "Hello?", "start": 1.9, "end": 2.4 },
                    { "speaker_label": "assistant", "text": OPENING.1, "start": 2.6, "end": 5.0 },
                    {
                        "speaker_label": "user",
                        "text": "Please stop calling me, take me off your list. Thank you, goodbye.",
                        "start": 5.4,
                        "end": 9.1,
                    },
                ],
            })),
            CallOutcome::TransferredThenSale => Some(json!({
                "call_id": self.call_id,
                "c_id": self.call_id,
                "event_type": "post_transfer_transcript",
                "disposition_tag": "TRANSFER_SALE",
                "transfer_offset_seconds": 60.0,
                "post_transfer_transcript": [
                    {
                        "speaker_label": "representative",
                        "speaker": 2,
                        "text": "Thanks for holding, this is Sam.",
                        "start": 0.6,
                        "end": 3.1,
                    },
                    { "speaker_label": "user", "speaker": 1, "text": "I'll take it.", "start": 40.0, "end": 41.2 },
                ],
            })),
            _ => None,
        }
    }

    /// One to three days after the call, at an hour when people are awake in New York.
    fn callback_at(&self, dice: &Dice) -> String {
        let day = self.accepted_at + TimeDelta::days(i64::from(dice.between(6, 1, 3)));
        let time = day
            .with_hour(dice.between(7, 16, 22))
            .and_then(|t| t.with_minute(0))
            .and_then(|t| t.with_second(0));
        seconds(time.unwrap_or(day))
    }

    fn transcripts(&self, talk: &[(char, &str)]) -> Vec<Value> {
        let started = self.started_at.unwrap_or(self.accepted_at);
        talk.iter()
            .zip(0_i64..)
            .map(|((who, text), line)| {
                json!({
                    "id": 910_001 + line,
                    "c_id": self.call_id,
                    "created_at": micros(started + TimeDelta::seconds(2 + 3 * line)),
                    "text": text,
                    "user": speaker(*who),
                })
            })
            .collect()
    }
}

fn speaker(who: char) -> &'static str {
    if who == 'u' { "user" } else { "assistant" }
}

fn concatenated(talk: &[(char, &str)]) -> String {
    talk.iter()
        .map(|(who, text)| format!("{}: {text} \n ", speaker(*who)))
        .collect()
}

fn set(details: &mut Value, fields: Value) {
    if let (Value::Object(details), Value::Object(fields)) = (details, fields) {
        details.extend(fields);
    }
}

fn micros(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Micros, false)
}

fn seconds(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Secs, false)
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(super) fn call(outcome: CallOutcome) -> Call {
        let accepted_at = DateTime::from_timestamp(1_795_608_000, 418_223_000).unwrap();
        Call {
            call_id: "0b9f3c1e-5d42-4c7a-9a10-000000000001".to_owned(),
            phone: "+12125550142".to_owned(),
            from: DEFAULT_FROM.to_owned(),
            accepted_at,
            request: json!({ "metadata": { "attempt_id": "A1" }, "request_data": { "lead_id": "48213" }, "max_duration": 15 }),
            outcome: Some(outcome),
            started_at: Some(accepted_at + TimeDelta::seconds(8)),
            ended_at: Some(accepted_at + TimeDelta::seconds(149)),
            seed: 1,
        }
    }

    fn ended(outcome: CallOutcome) -> Value {
        let call = call(outcome);
        call.details(call.ended_at.unwrap())
    }

    /// Names and their order, without those that any one payload may lack.
    fn names(payload: &Value) -> Vec<&String> {
        payload.as_object().unwrap().keys().collect()
    }

    #[test]
    fn a_report_has_the_fields_of_the_corpus_in_their_order() {
        let corpus = [
            "call_id",
            "c_id",
            "batch_id",
            "to",
            "from",
            "inbound",
            "status",
            "completed",
            "queue_status",
            "answered_by",
            "call_ended_by",
            "error_message",
            "call_length",
            "corrected_duration",
            "max_duration",
            "created_at",
            "started_at",
            "end_at",
            "concatenated_transcript",
            "transcripts",
            "summary",
            "disposition_tag",
            "pathway_tags",
            "pathway_id",
            "pathway_logs",
            "variables",
            "metadata",
            "analysis_schema",
            "analysis",
            "record",
            "recording_url",
            "recording_expiration",
            "price",
            "local_dialing",
            "is_proxy_agent_call",
            "citation_schema_ids",
            "transferred_to",
            "transferred_at",
            "pre_transfer_duration",
            "post_transfer_duration",
            "warm_transfer_call",
        ];
        for outcome in CallOutcome::ALL {
            assert_eq!(names(&ended(outcome)), corpus, "{outcome:?}");
        }
    }

    #[test]
    fn minutes_and_seconds_are_as_bland_has_them_and_metadata_comes_back() {
        let report = ended(CallOutcome::Sale);
        assert_eq!(report["call_length"], 2.35);
        assert_eq!(report["corrected_duration"], "141");
        assert_eq!(report["metadata"]["attempt_id"], "A1");
        assert_eq!(report["variables"]["lead_id"], "48213");
        assert_eq!(report["disposition_tag"], "SALE");
        assert_eq!(
            report["created_at"]
                .as_str()
                .map(|text| text.ends_with(".418223+00:00")),
            Some(true)
        );
    }

    #[test]
    fn each_outcome_is_told_in_blands_words() {
        let told = |outcome| {
            let report = ended(outcome);
            (report["status"].clone(), report["answered_by"].clone())
        };
        assert_eq!(told(CallOutcome::NoAnswer), (json!("no-answer"), json!("no-answer")));
        assert_eq!(told(CallOutcome::Busy), (json!("busy"), Value::Null));
        assert_eq!(told(CallOutcome::Voicemail), (json!("completed"), json!("voicemail")));
        assert_eq!(told(CallOutcome::BadNumber), (json!("failed"), Value::Null));
        assert_eq!(ended(CallOutcome::Transferred)["warm_transfer_call"]["state"], "MERGED");
        let callback = ended(CallOutcome::Callback);
        let at = callback["variables"]["callback_requested_at"].as_str().unwrap();
        let ahead = DateTime::parse_from_rfc3339(at).unwrap().to_utc() - call(CallOutcome::Callback).accepted_at;
        assert!(ahead > TimeDelta::hours(4) && ahead < TimeDelta::days(4), "{ahead}");
    }

    #[test]
    fn a_call_that_goes_on_says_so() {
        let call = call(CallOutcome::Sale);
        let details = call.details(call.accepted_at);
        assert_eq!(
            (&details["completed"], &details["started_at"]),
            (&json!(false), &Value::Null)
        );
        assert_eq!(details["disposition_tag"], Value::Null);
    }

    #[test]
    fn second_deliveries_carry_what_the_first_did_not() {
        let dnc = call(CallOutcome::DncInSecondDelivery);
        assert!(
            !ended(CallOutcome::DncInSecondDelivery)
                .to_string()
                .contains("stop calling")
        );
        assert!(dnc.second_delivery().unwrap().to_string().contains("stop calling"));
        let sale = call(CallOutcome::TransferredThenSale).second_delivery().unwrap();
        assert_eq!(sale["disposition_tag"], "TRANSFER_SALE");
        assert_eq!(call(CallOutcome::Busy).second_delivery(), None);
    }
}
