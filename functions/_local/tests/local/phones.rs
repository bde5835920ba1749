//! The simulated phone network, over HTTP.

use std::sync::{Arc, Mutex};

use axum::{Router, body::Bytes, extract::State, http::HeaderMap, http::StatusCode, routing::post};
use chrono::{DateTime, TimeDelta, Utc};
use redial_local::{
    activity::Activity,
    phone_deliveries::sign,
    phone_outcomes::CallOutcome,
    phone_server,
    phone_settings::{Behaviour, PhonesMode, PhonesSettings},
    phones::Phones,
    virtual_clock::VirtualClock,
};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::{noon, stepped};

const SECRET: &str = "bland-test-secret";

/// What came at the webhook's address, and what it answers.
#[derive(Clone, Default)]
struct Inbox {
    came: Arc<Mutex<Vec<Value>>>,
    refuse_next: Arc<Mutex<u32>>,
}

struct Network {
    clock: VirtualClock,
    phones: Phones,
    activity: Activity,
    inbox: Inbox,
    api: String,
    webhook: String,
    client: reqwest::Client,
}

async fn take(State(inbox): State<Inbox>, headers: HeaderMap, body: Bytes) -> StatusCode {
    assert_eq!(headers["x-webhook-signature"].to_str().unwrap(), sign(SECRET, &body));
    let mut left = inbox.refuse_next.lock().unwrap();
    if *left > 0 {
        *left -= 1;
        return StatusCode::INTERNAL_SERVER_ERROR;
    }
    inbox.came.lock().unwrap().push(serde_json::from_slice(&body).unwrap());
    StatusCode::OK
}

impl Network {
    async fn start(mode: PhonesMode) -> Self {
        let clock = stepped();
        let activity = Activity::new();
        let settings = PhonesSettings {
            mode,
            webhook_secret: Some(SECRET.to_owned()),
            ..PhonesSettings::simulated()
        };
        let phones = Phones::in_memory(settings, clock.clone(), activity.clone()).unwrap();
        let inbox = Inbox::default();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let webhook = format!("http://{}/webhooks/bland", listener.local_addr().unwrap());
        let router = Router::new()
            .route("/webhooks/bland", post(take))
            .with_state(inbox.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let api = format!("http://{}/v1/calls", listener.local_addr().unwrap());
        tokio::spawn(phone_server::serve(listener, phones.clone()));
        let running = phones.clone();
        tokio::spawn(async move { running.run().await });
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        Self {
            clock,
            phones,
            activity,
            inbox,
            api,
            webhook,
            client,
        }
    }

    async fn call(&self, phone: &str) -> (u16, Value) {
        let body = json!({ "phone_number": phone, "webhook": self.webhook, "metadata": { "attempt_id": "A1" } });
        self.post(&self.api, &body).await
    }

    async fn post(&self, url: &str, body: &Value) -> (u16, Value) {
        let request = self
            .client
            .post(url)
            .header("authorization", "key")
            .body(body.to_string());
        let answer = request.send().await.unwrap();
        (
            answer.status().as_u16(),
            serde_json::from_str(&answer.text().await.unwrap()).unwrap(),
        )
    }

    async fn get(&self, url: &str) -> Value {
        let answer = self
            .client
            .get(url)
            .header("authorization", "key")
            .send()
            .await
            .unwrap();
        serde_json::from_str(&answer.text().await.unwrap()).unwrap()
    }

    fn set(&self, behaviour: Behaviour) {
        self.phones.set_behaviour(behaviour);
    }

    /// Jumps from report to report until `until`, waiting for each to be taken.
    async fn step_to(&self, until: DateTime<Utc>) {
        loop {
            while !self.phones.idle().unwrap() || self.activity.count() > 0 {
                tokio::task::yield_now().await;
            }
            match self.phones.next_due().unwrap() {
                Some(due) if due <= until => self.clock.advance_to(due),
                _ => return self.clock.advance_to(until),
            }
        }
    }

    fn came(&self) -> Vec<Value> {
        self.inbox.came.lock().unwrap().clone()
    }
}

#[tokio::test]
async fn a_call_is_accepted_goes_on_ends_and_is_reported_once_with_a_signature() {
    let network = Network::start(PhonesMode::Simulated).await;
    network.set(Behaviour {
        outcome: Some(CallOutcome::NoAnswer),
        ..Behaviour::default()
    });
    let (status, answer) = network.call("+12125550142").await;
    assert_eq!(
        (status, answer["message"].as_str()),
        (200, Some("Call successfully queued."))
    );
    let call_id = answer["call_id"].as_str().unwrap();
    let details = network.get(&format!("{}/{call_id}", network.api)).await;
    assert_eq!(details["completed"], false);
    assert_eq!(network.get(&format!("{}/active", network.api)).await["count"], 1);
    network.step_to(noon() + TimeDelta::minutes(10)).await;
    let came = network.came();
    assert_eq!(came.len(), 1);
    assert_eq!(
        (&came[0]["call_id"], &came[0]["answered_by"]),
        (&json!(call_id), &json!("no-answer"))
    );
    assert_eq!(came[0]["metadata"]["attempt_id"], "A1");
    assert_eq!(network.get(&format!("{}/active", network.api)).await["count"], 0);
    let received = network.phones.calls_since(noon()).unwrap();
    assert_eq!(
        (received[0].attempt_id.as_deref(), received[0].accepted_at),
        (Some("A1"), noon())
    );
    assert!(
        network
            .phones
            .calls_since(noon() + TimeDelta::seconds(1))
            .unwrap()
            .is_empty()
    );
}

#[tokio::test]
async fn a_stop_may_come_only_with_the_second_delivery() {
    let network = Network::start(PhonesMode::Simulated).await;
    network.set(Behaviour {
        outcome: Some(CallOutcome::DncInSecondDelivery),
        ..Behaviour::default()
    });
    network.call("+12125550142").await;
    network.step_to(noon() + TimeDelta::hours(1)).await;
    let came = network.came();
    assert_eq!(came.len(), 2);
    assert_eq!(came[1]["event_type"], "citations");
    assert!(came[1].to_string().contains("stop calling me") && !came[0].to_string().contains("stop calling me"));
}

#[tokio::test]
async fn a_refused_report_is_sent_again_a_few_times() {
    let network = Network::start(PhonesMode::Simulated).await;
    network.set(Behaviour {
        outcome: Some(CallOutcome::Busy),
        ..Behaviour::default()
    });
    *network.inbox.refuse_next.lock().unwrap() = 2;
    network.call("+12125550142").await;
    network.step_to(noon() + TimeDelta::minutes(5)).await;
    assert_eq!(network.came().len(), 1);
    *network.inbox.refuse_next.lock().unwrap() = 99;
    network.call("+12125550142").await;
    network.step_to(noon() + TimeDelta::hours(2)).await;
    assert_eq!(*network.inbox.refuse_next.lock().unwrap(), 99 - 5);
    assert_eq!(network.phones.next_due().unwrap(), None);
}

#[tokio::test]
async fn a_silent_network_records_and_says_nothing() {
    let network = Network::start(PhonesMode::Silent).await;
    let (status, answer) = network.call("+12125550142").await;
    assert_eq!(status, 200);
    network.step_to(noon() + TimeDelta::days(1)).await;
    assert!(network.came().is_empty());
    let details = network
        .get(&format!("{}/{}", network.api, answer["call_id"].as_str().unwrap()))
        .await;
    assert_eq!(details["completed"], false);
}

#[tokio::test]
async fn a_stopped_call_is_reported_as_canceled() {
    let network = Network::start(PhonesMode::Simulated).await;
    network.set(Behaviour {
        outcome: Some(CallOutcome::Sale),
        ..Behaviour::default()
    });
    let (_, answer) = network.call("+12125550142").await;
    let stop = format!("{}/{}/stop", network.api, answer["call_id"].as_str().unwrap());
    assert_eq!(network.post(&stop, &json!({})).await.0, 200);
    assert_eq!(network.post(&stop, &json!({})).await.0, 400);
    network.step_to(noon() + TimeDelta::hours(1)).await;
    assert_eq!(
        network.came().iter().map(|c| c["status"].clone()).collect::<Vec<_>>(),
        ["canceled"]
    );
}

#[tokio::test]
async fn it_can_refuse_fail_before_and_after_accepting_and_report_before_it_answers() {
    let network = Network::start(PhonesMode::Simulated).await;
    let accepted = || network.phones.calls_since(noon()).unwrap().len();
    network.set(Behaviour {
        rate_limit_next: 1,
        retry_after_s: Some(7),
        refuse_next: 1,
        fail_before_next: 1,
        fail_after_next: 1,
        webhook_first_next: 1,
        ..Behaviour::default()
    });
    for (status, calls) in [(429, 0), (400, 0), (503, 0), (500, 1)] {
        assert_eq!(network.call("+12125550142").await.0, status);
        assert_eq!(accepted(), calls);
    }
    assert_eq!(network.call("+12125550142").await.0, 200);
    assert_eq!(network.came().len(), 1, "the report came before the answer");
    assert_eq!(network.post(&network.api, &json!({ "webhook": "x" })).await.0, 400);
    let unauthorized = network.client.get(&network.api).send().await.unwrap();
    assert_eq!(unauthorized.status(), 401);
}

#[tokio::test]
async fn the_list_filters_by_number_and_day_pages_by_row_and_may_be_late() {
    let network = Network::start(PhonesMode::Silent).await;
    for n in 0..3 {
        network.call(&format!("+1212555010{n}")).await;
        network.step_to(network.clock.now() + TimeDelta::seconds(1)).await;
    }
    let list = async |query: &str| network.get(&format!("{}?{query}", network.api)).await;
    assert_eq!(list("to_number=12125550101").await["count"], 1);
    assert_eq!(list("to_number=%2B12125550109").await["count"], 0);
    assert_eq!(list("start_date=2026-11-23&end_date=2026-11-24").await["count"], 3);
    assert_eq!(list("start_date=2026-11-24").await["count"], 0);
    let page = list("from=1&to=2&ascending=true").await;
    assert_eq!(
        (page["count"].clone(), page["calls"].as_array().unwrap().len()),
        (json!(3), 1)
    );
    assert_eq!(page["calls"][0]["to"], "+12125550101");
    assert_eq!(list("limit=1").await["calls"][0]["to"], "+12125550102");
    network.set(Behaviour {
        list_late_s: 60,
        ..Behaviour::default()
    });
    network.call("+12125550105").await;
    assert_eq!(list("to_number=12125550105").await["count"], 0);
    network.step_to(network.clock.now() + TimeDelta::seconds(60)).await;
    assert_eq!(list("to_number=12125550105").await["count"], 1);
}

#[tokio::test]
async fn calls_in_progress_go_on_after_a_restart() {
    let folder = std::env::temp_dir().join(format!("redial-phones-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let file = folder.join("phones.sqlite");
    let clock = stepped();
    let open = || Phones::open(&file, PhonesSettings::simulated(), clock.clone(), Activity::new()).unwrap();
    let first = open();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let api = format!("http://{}/v1/calls", listener.local_addr().unwrap());
    let server = tokio::spawn(phone_server::serve(listener, first.clone()));
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let body = json!({ "phone_number": "+12125550142", "webhook": "http://127.0.0.1:9/" }).to_string();
    client
        .post(api)
        .header("authorization", "key")
        .body(body)
        .send()
        .await
        .unwrap();
    server.abort();
    std::mem::forget(first);
    let second = open();
    assert!(second.next_due().unwrap().is_some());
    assert_eq!(second.outcome_counts().unwrap()["in_progress"], 1);
    std::fs::remove_dir_all(&folder).unwrap();
}
