//! Nothing about a person, and no key, stands in a log, in a refusal or in an event: read as they were written, over a
//! day in which everything is said that could leak.
//!
//! A binary of its own, because it hears all logs of its process.

use std::{
    io::Write,
    sync::{Arc, Mutex, PoisonError},
};

use chrono::TimeDelta;
use redial_tests::{Answer, MONDAY_NOON, TestApp, answer, talk};
use serde_json::json;
use tracing_subscriber::fmt::MakeWriter;

/// What would give a person or a key away, however it is spelt.
const SECRETS: [&str; 11] = [
    "2125550177",
    "212-555-0177",
    "(212) 555-01",
    "2125550178",
    "Zebulon",
    "Quackenbush",
    "zebulon@example.com",
    "purple zeppelin",
    "rdl_this-is-nobodys-key",
    "orange elephant",
    "blue walrus",
];

/// All that is logged.
#[derive(Clone, Default)]
struct Heard(Arc<Mutex<Vec<u8>>>);

impl Heard {
    fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().unwrap_or_else(PoisonError::into_inner)).into_owned()
    }
}

impl Write for Heard {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Heard {
    type Writer = Self;
    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

fn leaks(text: &str) -> Vec<&'static str> {
    let lower = text.to_lowercase();
    SECRETS
        .into_iter()
        .filter(|secret| lower.contains(&secret.to_lowercase()))
        .collect()
}

fn refused(given: &Answer) {
    assert!((400..500).contains(&given.status), "{}", given.status);
    assert_eq!(leaks(&given.body.to_string()), [""; 0], "{}", given.body);
}

#[tokio::test]
async fn no_log_refusal_or_event_tells_of_a_person_or_a_key() {
    let heard = Heard::default();
    // Ours from the finest on, others as they are on AWS when somebody looks closely.
    let ours = [
        "redial_aws",
        "redial_domain",
        "redial_rules",
        "redial_telephony",
        "redial_local",
        "redial_admin",
        "redial_webhook",
        "redial_outcomes",
        "redial_tick",
        "redial_dialer",
        "redial_reconcile",
        "redial_jobs",
    ];
    let filter = format!("info,{}", ours.map(|name| format!("{name}=trace")).join(","));
    tracing_subscriber::fmt()
        .json()
        .with_env_filter(tracing_subscriber::EnvFilter::new(filter))
        .with_writer(heard.clone())
        .try_init()
        .unwrap();

    let app = TestApp::at(MONDAY_NOON).await;
    let person = json!({
        "phone": "(212) 555-0177", "first_name": "Zebulon", "last_name": "Quackenbush", "email": "zebulon@example.com",
        "custom": {"wish": "purple zeppelin"}, "crm_id": "crm-7",
    });
    let lead = app.post("/api/leads", person.clone()).await;
    assert_eq!(lead.status, 201, "{}", lead.body);
    let id = lead["lead_id"].as_str().unwrap().to_owned();
    app.settle().await;

    // Every way of saying it wrongly.
    for (method, path, body) in [
        (
            "POST",
            "/api/leads",
            Some(json!({"phone": 2_125_550_177_u64, "first_name": "Zebulon"})),
        ),
        (
            "POST",
            "/api/leads",
            Some(json!({"phone": "212-555-0177 Zebulon Quackenbush"})),
        ),
        (
            "POST",
            "/api/leads",
            Some(json!({"phone": "+12125550177", "2125550177": 1})),
        ),
        (
            "POST",
            "/api/do-not-call",
            Some(json!({"phone": "2125550177x", "words": "purple zeppelin"})),
        ),
        (
            "POST",
            "/api/explain",
            Some(json!({"phone": "2125550177", "why": "2125550177"})),
        ),
        ("GET", "/api/leads/2125550177", None),
        ("GET", "/campaigns/212-555-0177", None),
        ("GET", "/no/such/2125550177", None),
        (
            "POST",
            "/api/admin/redial-queue/lead/2125550177/pause?phone=2125550177",
            None,
        ),
        ("GET", "/campaigns?api_key=rdl_this-is-nobodys-key", None),
    ] {
        refused(&app.send(method, path, body.as_ref()).await);
    }
    let wrong = app
        .request("GET", "/campaigns")
        .header("x-api-key", "rdl_this-is-nobodys-key");
    refused(&answer(wrong).await);
    let login = app
        .request("POST", "/api/session")
        .json(&json!({"key": "rdl_this-is-nobodys-key"}));
    refused(&answer(login).await);

    // A talk with a transcript, a callback, a stop in the person's own words, and payloads that nobody can read or match.
    let call = app.calls().await.remove(0);
    let mut said = talk("FOLLOW_UP");
    said["concatenated_transcript"] = json!("user: this is Zebulon Quackenbush, I am an orange elephant");
    said["summary"] = json!("Zebulon Quackenbush is an orange elephant");
    app.ends(&call, said).await;
    app.advance(TimeDelta::minutes(5)).await;
    let second = app.calls().await.pop().unwrap();
    let mut stop = talk("NO_RESULT");
    stop["concatenated_transcript"] = json!("user: stop calling me, says the blue walrus at 212-555-0177");
    app.ends(&second, stop).await;
    let stranger = json!({"call_id": "stranger-1", "to": "+12125550178", "status": "completed", "completed": true, "answered_by": "human",
        "summary": "blue walrus", "metadata": {"attempt_id": "01M84WNOBODYHASTHISIDAAAAA"}});
    app.bland(&stranger).await;
    app.bland(&json!({"to": "+12125550178", "summary": "blue walrus"}))
        .await;
    app.bland(&json!(["2125550178", "blue walrus"])).await;

    app.post(
        "/api/do-not-call",
        json!({"phone": "2125550178", "words": "purple zeppelin"}),
    )
    .await;
    app.post(
        "/api/calls",
        json!({"phone": "2125550178", "started_at": "2026-11-23T16:00:00Z", "source": "other", "call_id": "c-1"}),
    )
    .await;
    app.advance(TimeDelta::hours(2)).await;
    for path in ["explain", "evidence"] {
        assert_eq!(app.get(&format!("/api/leads/{id}/{path}")).await.status, 200);
    }
    let forgotten = app
        .post("/api/forget", json!({"phone": "2125550177", "reason": "their wish"}))
        .await;
    assert!(forgotten.status < 300, "{}", forgotten.body);
    app.advance(TimeDelta::days(1)).await;

    let log = heard.text();
    assert!(
        log.lines().count() > 20,
        "too little was logged to prove anything:\n{log}"
    );
    for line in log.lines() {
        assert_eq!(leaks(line), [""; 0], "{line}");
    }
    let events = app.running.bus.latest();
    assert!(!events.is_empty());
    for event in events {
        let told = format!("{event:?}");
        assert_eq!(leaks(&told), [""; 0], "{told}");
    }
}
