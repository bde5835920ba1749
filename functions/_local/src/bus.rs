//! The event bus: EventBridge's `PutEvents` on loopback, keeping the latest events and a count of each kind.
//!
//! It has no rules and no targets; the runner reads what came. Nothing survives a restart, as nothing depends on it.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use axum::{
    Router,
    body::Bytes,
    extract::State,
    http::{HeaderMap, StatusCode, header::CONTENT_TYPE},
    response::{IntoResponse, Response},
    routing::post,
};
use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::{Value, json};
use tokio::{net::TcpListener, sync::watch};

use crate::{sqlite_file::uuid_shaped, virtual_clock::VirtualClock};

/// Events kept to look at; the count goes on.
pub const EVENTS_KEPT_MAX: usize = 1_000;
/// Entries of one request (EventBridge).
const ENTRIES_MAX: usize = 10;
/// Size of one request in bytes: 256 KB until 2026, now 1 MB (EventBridge).
const REQUEST_BYTES_MAX: usize = 1_048_576;

/// One event that came.
#[derive(Debug, Clone, Serialize)]
pub struct BusEvent {
    /// Its id, as answered.
    pub id: String,
    /// When it came.
    pub received_at: DateTime<Utc>,
    /// Who sent it.
    pub source: String,
    /// What kind it is.
    pub detail_type: String,
    /// What it says.
    pub detail: Value,
    /// The bus it was sent to.
    pub bus: String,
}

/// The bus; clones share it.
#[derive(Debug, Clone)]
pub struct Bus {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    clock: VirtualClock,
    kept: Mutex<Kept>,
    arrivals: watch::Sender<u64>,
}

#[derive(Debug, Default)]
struct Kept {
    events: VecDeque<BusEvent>,
    counts: BTreeMap<String, u64>,
    total: u64,
}

impl Bus {
    /// An empty bus.
    pub fn new(clock: VirtualClock) -> Self {
        let shared = Shared {
            clock,
            kept: Mutex::default(),
            arrivals: watch::Sender::new(0),
        };
        Self {
            shared: Arc::new(shared),
        }
    }

    /// Serves `PutEvents` until dropped.
    pub async fn serve(self, listener: TcpListener) -> std::io::Result<()> {
        let router = Router::new()
            .route("/", post(put_events))
            .layer(axum::extract::DefaultBodyLimit::max(REQUEST_BYTES_MAX))
            .with_state(self);
        axum::serve(listener, router).await
    }

    /// The latest events, oldest first, at most [`EVENTS_KEPT_MAX`].
    pub fn latest(&self) -> Vec<BusEvent> {
        self.kept().events.iter().cloned().collect()
    }

    /// How many events of each detail type ever came.
    pub fn counts(&self) -> BTreeMap<String, u64> {
        self.kept().counts.clone()
    }

    /// Wakes at each arrival.
    pub fn subscribe(&self) -> watch::Receiver<u64> {
        self.shared.arrivals.subscribe()
    }

    /// Answers one request in this process: status and body. `target` is its `X-Amz-Target`.
    pub fn answer(&self, target: &str, body: &[u8]) -> (u16, String) {
        let refused = |body: Value| (400, body.to_string());
        if target != "AWSEvents.PutEvents" {
            let message = format!("`redial local` has PutEvents only, not `{target}`.");
            return refused(json!({ "__type": "UnknownOperationException", "message": message }));
        }
        let Ok(request) = serde_json::from_slice::<Value>(body) else {
            return refused(json!({ "__type": "SerializationException" }));
        };
        let entries = request["Entries"].as_array().map(Vec::as_slice).unwrap_or_default();
        if !(1..=ENTRIES_MAX).contains(&entries.len()) {
            let message = format!(
                "1 validation error detected: Value at 'entries' failed to satisfy constraint: Member must have length between 1 and {ENTRIES_MAX}"
            );
            return refused(json!({ "__type": "ValidationException", "message": message }));
        }
        let mut failed = 0;
        let results: Vec<Value> = entries
            .iter()
            .map(|entry| match self.keep(entry) {
                Ok(id) => json!({ "EventId": id }),
                Err(refusal) => {
                    failed += 1;
                    json!({ "ErrorCode": refusal.code, "ErrorMessage": refusal.message })
                }
            })
            .collect();
        let body = json!({ "FailedEntryCount": failed, "Entries": results });
        (200, body.to_string())
    }

    fn keep(&self, entry: &Value) -> Result<String, Refusal> {
        let text = |name: &str| entry[name].as_str().filter(|text| !text.is_empty());
        let missing = |name: &str| Refusal {
            code: "InvalidArgument",
            message: format!("Parameter {name} is not valid. Reason: {name} is a required argument."),
        };
        let source = text("Source").ok_or_else(|| missing("Source"))?;
        let detail_type = text("DetailType").ok_or_else(|| missing("DetailType"))?;
        let detail = text("Detail").ok_or_else(|| missing("Detail"))?;
        let detail: Value = serde_json::from_str(detail)
            .ok()
            .filter(Value::is_object)
            .ok_or_else(|| Refusal {
                code: "MalformedDetail",
                message: "Detail is malformed.".to_owned(),
            })?;
        let mut kept = self.kept();
        kept.total += 1;
        let id = uuid_shaped(&format!("event {}", kept.total));
        *kept.counts.entry(detail_type.to_owned()).or_default() += 1;
        if kept.events.len() == EVENTS_KEPT_MAX {
            kept.events.pop_front();
        }
        kept.events.push_back(BusEvent {
            id: id.clone(),
            received_at: self.shared.clock.now(),
            source: source.to_owned(),
            detail_type: detail_type.to_owned(),
            detail,
            bus: text("EventBusName").unwrap_or("default").to_owned(),
        });
        drop(kept);
        self.shared.arrivals.send_modify(|count| *count = count.wrapping_add(1));
        Ok(id)
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.shared.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct Refusal {
    code: &'static str,
    message: String,
}

async fn put_events(State(bus): State<Bus>, headers: HeaderMap, body: Bytes) -> Response {
    let target = headers
        .get("x-amz-target")
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    let (status, body) = bus.answer(target, &body);
    let status = StatusCode::from_u16(status).unwrap_or_default();
    (status, [(CONTENT_TYPE, "application/x-amz-json-1.1")], body).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn put(bus: &Bus, body: Value) -> (StatusCode, Value) {
        let mut headers = HeaderMap::new();
        headers.insert("x-amz-target", "AWSEvents.PutEvents".parse().unwrap());
        let response = put_events(State(bus.clone()), headers, Bytes::from(body.to_string())).await;
        let status = response.status();
        let body = axum::body::to_bytes(response.into_body(), REQUEST_BYTES_MAX)
            .await
            .unwrap();
        (status, serde_json::from_slice(&body).unwrap())
    }

    fn entry(kind: &str) -> Value {
        json!({ "Source": "redial", "DetailType": kind, "Detail": "{\"lead\":\"x\"}", "EventBusName": "redial" })
    }

    #[tokio::test]
    async fn good_entries_are_kept_and_counted_and_bad_ones_named() {
        let bus = Bus::new(VirtualClock::flowing());
        let mut bad = entry("lead.stopped");
        bad["Detail"] = json!("not json");
        let missing = json!({ "DetailType": "x", "Detail": "{}" });
        let (status, answer) = put(&bus, json!({ "Entries": [entry("lead.stopped"), bad, missing] })).await;
        assert_eq!(status, StatusCode::OK);
        assert_eq!(answer["FailedEntryCount"], 2);
        assert!(answer["Entries"][0]["EventId"].is_string());
        assert_eq!(answer["Entries"][1]["ErrorCode"], "MalformedDetail");
        assert_eq!(answer["Entries"][2]["ErrorCode"], "InvalidArgument");
        assert_eq!(bus.counts(), BTreeMap::from([("lead.stopped".to_owned(), 1)]));
        assert_eq!(bus.latest()[0].detail["lead"], "x");
    }

    #[tokio::test]
    async fn more_than_ten_entries_or_none_are_refused_whole() {
        let bus = Bus::new(VirtualClock::flowing());
        for count in [0, 11] {
            let (status, _) = put(&bus, json!({ "Entries": vec![entry("a"); count] })).await;
            assert_eq!(status, StatusCode::BAD_REQUEST);
        }
        assert!(bus.latest().is_empty());
    }

    #[tokio::test]
    async fn only_the_latest_thousand_are_kept() {
        let bus = Bus::new(VirtualClock::flowing());
        for _ in 0..101 {
            put(&bus, json!({ "Entries": vec![entry("a"); 10] })).await;
        }
        assert_eq!(bus.latest().len(), EVENTS_KEPT_MAX);
        assert_eq!(bus.counts()["a"], 1_010);
    }
}
