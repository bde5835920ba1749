//! One way for tests to use the system: as its users do, over HTTP, on a clock that stands still until it is moved.

pub mod bulk;
pub mod bulk_calls;
pub mod doomed;
pub mod fuzz_targets;
mod fuzz_world;
pub mod second_law;

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use redial_local::{Options, Running, start};
use serde_json::{Value, json};

/// Monday noon in New York: the default campaign is open.
pub const MONDAY_NOON: &str = "2026-11-23T17:00:00Z";

/// The system in memory, on free ports, with a silent phone network.
pub struct TestApp {
    /// The running system.
    pub running: Running,
    http: reqwest::Client,
    key: String,
}

/// An answer of the API.
#[derive(Debug, Clone)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// JSON body; null when there is none.
    pub body: Value,
}

impl std::ops::Index<&str> for Answer {
    type Output = Value;
    fn index(&self, name: &str) -> &Value {
        &self.body[name]
    }
}

impl TestApp {
    /// Starts at an instant.
    pub async fn at(now: &str) -> Self {
        Self::with(now, |_| {}).await
    }

    /// Starts at an instant with an environment of its own.
    pub async fn with_environment(now: &str, values: &[(&str, &str)]) -> Self {
        let values = values
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        Self::with(now, |options| {
            options.environment = redial_aws::Environment::fixed(values)
        })
        .await
    }

    /// Starts at an instant with other options.
    pub async fn with(now: &str, change: impl FnOnce(&mut Options)) -> Self {
        // Shown for tests that fail, and louder by RUST_LOG.
        let filter = tracing_subscriber::EnvFilter::try_from_default_env().unwrap_or_else(|_| "warn".into());
        let _ = tracing_subscriber::fmt()
            .with_env_filter(filter)
            .with_test_writer()
            .without_time()
            .try_init();
        let mut options = Options::test(instant(now));
        change(&mut options);
        let running = start(options).await.unwrap_or_else(|error| panic!("{error}"));
        let key = running.api_key.clone();
        let http = reqwest::Client::builder()
            .no_proxy()
            .tls_certs_only(std::iter::empty())
            .timeout(Duration::from_secs(120))
            .build()
            .unwrap_or_else(|error| panic!("{error}"));
        Self { running, http, key }
    }

    /// The client that asks.
    pub const fn http(&self) -> &reqwest::Client {
        &self.http
    }

    /// One more instance of a function, with caches of its own.
    pub fn instance(&self) -> redial_aws::App {
        self.running.app.another_instance()
    }

    /// The time.
    pub fn now(&self) -> DateTime<Utc> {
        self.running.now()
    }

    /// Sends a request with the key.
    pub async fn send(&self, method: &str, path: &str, body: Option<&Value>) -> Answer {
        let mut request = self.request(method, path).header("x-api-key", &self.key);
        if let Some(body) = body {
            request = request.json(body);
        }
        answer(request).await
    }

    /// A request without a key.
    pub fn request(&self, method: &str, path: &str) -> reqwest::RequestBuilder {
        let method = method.parse().unwrap_or(reqwest::Method::GET);
        self.http
            .request(method, format!("{}{path}", self.running.places.base_url))
    }

    /// `GET`.
    pub async fn get(&self, path: &str) -> Answer {
        self.send("GET", path, None).await
    }

    /// `POST` with a body.
    pub async fn post(&self, path: &str, body: Value) -> Answer {
        self.send("POST", path, Some(&body)).await
    }

    /// Adds a lead to the default campaign and gives its id.
    pub async fn add_lead(&self, phone: &str) -> String {
        let added = self.post("/api/leads", json!({"phone": phone})).await;
        assert_eq!(added.status, 201, "{added:?}");
        added["lead_id"].as_str().unwrap_or_default().to_owned()
    }

    /// The lead as the API shows it.
    pub async fn lead(&self, id: &str) -> Answer {
        let shown = self.get(&format!("/api/leads/{id}")).await;
        assert_eq!(shown.status, 200, "{shown:?}");
        shown
    }

    /// What the phone network received, oldest first.
    pub async fn calls(&self) -> Vec<Value> {
        let calls = self.get("/local/calls").await;
        assert_eq!(calls.status, 200, "{calls:?}");
        calls["calls"].as_array().cloned().unwrap_or_default()
    }

    /// Waits until nothing is left to do at this instant.
    pub async fn settle(&self) {
        let settled = self.post("/local/settle", json!({})).await;
        assert_eq!(settled.status, 200, "{settled:?}");
    }

    /// Lets time pass, with everything that is due in it done in order.
    pub async fn advance(&self, by: TimeDelta) {
        let moved = self.post("/local/clock", json!({"advance_s": by.num_seconds()})).await;
        assert_eq!(moved.status, 200, "{moved:?}");
    }

    /// Posts a webhook of Bland's and lets it be applied.
    pub async fn bland(&self, payload: &Value) -> u16 {
        let status = self.bland_unsettled(payload).await;
        self.settle().await;
        status
    }

    /// Posts a webhook of Bland's.
    pub async fn bland_unsettled(&self, payload: &Value) -> u16 {
        answer(self.request("POST", "/webhooks/bland").json(payload))
            .await
            .status
    }

    /// Ends a call as Bland would, with some fields of the payload changed.
    pub async fn ends(&self, call: &Value, changes: Value) -> u16 {
        self.bland(&ended(call, changes)).await
    }

    /// What was counted.
    pub async fn metric(&self, name: &str) -> u64 {
        let metrics = self.get("/local/metrics").await;
        metrics["metrics"][name].as_u64().unwrap_or_default()
    }
}

/// Sends a request and reads its answer.
pub async fn answer(request: reqwest::RequestBuilder) -> Answer {
    let answered = request.send().await.unwrap_or_else(|error| panic!("{error}"));
    let status = answered.status().as_u16();
    let body = answered.bytes().await.unwrap_or_default();
    Answer {
        status,
        body: serde_json::from_slice(&body).unwrap_or(Value::Null),
    }
}

/// A payload of Bland's for a call that the network received: no answer, unless changed.
pub fn ended(call: &Value, changes: Value) -> Value {
    let mut payload = json!({
        "call_id": call["call_id"],
        "to": call["phone"],
        "from": "+14155550100",
        "inbound": false,
        "status": "no-answer",
        "completed": true,
        "queue_status": "complete",
        "answered_by": "no-answer",
        "call_length": 0,
        "corrected_duration": "0",
        "metadata": {"attempt_id": call["attempt_id"], "campaign_id": "default"},
    });
    if let (Some(payload), Some(changes)) = (payload.as_object_mut(), changes.as_object()) {
        payload.extend(changes.clone());
    }
    payload
}

/// What a campaign of a test says about the consent of its people.
pub fn consent() -> Value {
    json!({"kind": "written", "statement": "signed on the form of the test"})
}

/// A talk with a person that ended with a disposition.
pub fn talk(disposition: &str) -> Value {
    json!({"status": "completed", "answered_by": "human", "call_length": 1.5, "corrected_duration": "90", "disposition_tag": disposition})
}

/// An instant from its text.
pub fn instant(text: &str) -> DateTime<Utc> {
    DateTime::parse_from_rfc3339(text).map_or_else(|error| panic!("{text}: {error}"), |at| at.to_utc())
}

/// When a call was received.
pub fn time_of(call: &Value) -> DateTime<Utc> {
    instant(
        call["accepted_at"]
            .as_str()
            .or(call["time"].as_str())
            .unwrap_or_default(),
    )
}
