//! The whole machine, started as `redial local` starts it.

use std::{collections::BTreeSet, path::PathBuf};

use chrono::{DateTime, TimeDelta, Utc};
use redial_aws::Environment;
use redial_local::{
    Options, Port, Running, StartError, clock_file::saved_clock, demo::DEMO_LEADS, phone_settings::PhonesMode, start,
};
use reqwest::{Client, StatusCode};
use serde_json::{Value, json};

/// A Monday, noon in New York: the default campaign is open.
const OPEN: &str = "2026-11-23T17:00:00Z";

fn at(text: &str) -> DateTime<Utc> {
    DateTime::parse_from_rfc3339(text).unwrap().to_utc()
}

fn client() -> Client {
    let _ = rustls::crypto::ring::default_provider().install_default();
    Client::builder().no_proxy().build().unwrap()
}

struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("redial-whole-{}-{name}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        Self(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

async fn post(running: &Running, path: &str, body: &Value) -> (StatusCode, Value) {
    let request = client().post(format!("{}{path}", running.places.base_url));
    let answer = request
        .header("x-api-key", &running.api_key)
        .json(body)
        .send()
        .await
        .unwrap();
    (answer.status(), answer.json().await.unwrap_or_default())
}

async fn get(running: &Running, path: &str) -> (StatusCode, Value) {
    let request = client().get(format!("{}{path}", running.places.base_url));
    let answer = request.header("x-api-key", &running.api_key).send().await.unwrap();
    (answer.status(), answer.json().await.unwrap_or_default())
}

async fn calls(running: &Running) -> Vec<Value> {
    get(running, "/local/calls").await.1["calls"]
        .as_array()
        .unwrap()
        .clone()
}

#[tokio::test]
async fn machines_side_by_side_know_nothing_of_each_other() {
    let first = start(Options::test(at(OPEN))).await.unwrap();
    let second = start(Options::test(at(OPEN))).await.unwrap();
    let (status, _) = post(&first, "/api/leads", &json!({ "phone": "+12125550142" })).await;
    assert_eq!(status, StatusCode::CREATED);
    first.settle().await.unwrap();
    second.settle().await.unwrap();
    assert_eq!(calls(&first).await.len(), 1);
    second.advance(TimeDelta::minutes(5)).await.unwrap();
    assert_eq!((first.now(), second.now()), (at(OPEN), at("2026-11-23T17:05:00Z")));
    assert!(calls(&second).await.is_empty());
    assert!(first.units().write > second.units().write);
    first.shutdown().await;
    second.shutdown().await;
}

#[tokio::test]
async fn local_routes_want_a_key_that_may_and_a_body_that_can_be() {
    let running = start(Options::test(at(OPEN))).await.unwrap();
    let base = &running.places.base_url;
    let bare = client().get(format!("{base}/local/clock")).send().await.unwrap();
    assert_eq!(bare.status(), StatusCode::UNAUTHORIZED);
    let body: Value = bare.json().await.unwrap();
    assert_eq!((&body["success"], &body["code"]), (&json!(false), &json!("no_key")));
    let ids = redial_aws::Ids::system();
    let agent = redial_domain::Role::Agent;
    let agents = running
        .app
        .table
        .create_api_key(&ids, "x", agent, None, at(OPEN))
        .await
        .unwrap();
    for (method, key, expected) in [
        ("GET", "unknown", StatusCode::UNAUTHORIZED),
        ("GET", agents.as_str(), StatusCode::OK),
        ("POST", agents.as_str(), StatusCode::FORBIDDEN),
    ] {
        let request = client().request(method.parse().unwrap(), format!("{base}/local/clock"));
        let answer = request
            .header("x-api-key", key)
            .body("{\"advance_s\":1}")
            .send()
            .await
            .unwrap();
        assert_eq!(answer.status(), expected, "{method} {key}");
    }
    let (status, body) = post(&running, "/local/clock", &json!({ "advance_s": -1 })).await;
    assert_eq!(
        (status, body["code"].as_str()),
        (StatusCode::UNPROCESSABLE_ENTITY, Some("bad_advance"))
    );
    let (status, body) = post(&running, "/local/clock", &json!({ "advance_s": 90.5 })).await;
    assert_eq!(
        (status, body["now"].as_str()),
        (StatusCode::OK, Some("2026-11-23T17:01:30.500Z"))
    );
    let (_, body) = get(&running, "/local/metrics").await;
    assert!(
        body["units"]["by_function"]["tick"]["read"].as_f64().unwrap() > 0.0,
        "{body}"
    );
    let (status, _) = post(&running, "/local/phones", &json!({ "outcome": "sale" })).await;
    assert_eq!(status, StatusCode::OK);
    running.shutdown().await;
}

#[tokio::test]
async fn webhooks_are_unsigned_only_without_a_secret() {
    for (secret, expected) in [(None, StatusCode::OK), (Some("s"), StatusCode::UNAUTHORIZED)] {
        let values = secret.map(|secret| ("BLAND_WEBHOOK_SECRET".to_owned(), String::from(secret)));
        let options = Options {
            environment: Environment::fixed(values.into_iter().collect()),
            ..Options::test(at(OPEN))
        };
        let running = start(options).await.unwrap();
        assert_eq!(running.signed, secret.is_some());
        let body = json!({ "call_id": "c", "completed": true, "status": "completed" });
        assert_eq!(post(&running, "/webhooks/bland", &body).await.0, expected);
        running.shutdown().await;
    }
}

#[tokio::test]
async fn the_real_bland_is_never_meant_and_that_is_said() {
    let values = [("BLAND_BASE_URL".to_owned(), "https://api.bland.ai".to_owned())];
    let options = Options {
        environment: Environment::fixed(values.into_iter().collect()),
        ..Options::test(at(OPEN))
    };
    let running = start(options).await.unwrap();
    assert!(
        running
            .notices
            .iter()
            .any(|notice| notice.contains("BLAND_BASE_URL is set and not used"))
    );
    post(&running, "/api/leads", &json!({ "phone": "+12125550142" })).await;
    running.settle().await.unwrap();
    assert_eq!(calls(&running).await.len(), 1);
    running.shutdown().await;
}

#[tokio::test]
async fn a_restart_goes_on_with_key_clock_and_calls_and_fresh_forgets_them() {
    let folder = Folder::new("restart");
    let options = || Options {
        data: Some(folder.0.clone()),
        ..Options::test(at(OPEN))
    };
    let first = start(options()).await.unwrap();
    post(&first, "/api/leads", &json!({ "phone": "+12125550142" })).await;
    first.advance(TimeDelta::minutes(3)).await.unwrap();
    let (key, now) = (first.api_key.clone(), first.now());
    assert!(
        matches!(start(options()).await, Err(StartError::Data(_))),
        "one process at a time"
    );
    // As by a crash: no shutdown.
    drop(first);

    let second = start(options()).await.unwrap();
    assert_eq!((&second.api_key, second.now()), (&key, now));
    second.advance(TimeDelta::minutes(1)).await.unwrap();
    assert_eq!(calls(&second).await.len(), 1, "the line is held until the call ends");
    second.shutdown().await;

    let fresh = start(Options {
        fresh: true,
        ..options()
    })
    .await
    .unwrap();
    assert_ne!(fresh.api_key, key);
    assert_eq!(fresh.now(), at(OPEN));
    assert!(calls(&fresh).await.is_empty());
    fresh.shutdown().await;
}

#[tokio::test]
async fn the_demo_adds_its_leads_once_and_calls_them_at_the_opening() {
    let folder = Folder::new("demo");
    let options = || Options {
        data: Some(folder.0.clone()),
        demo: true,
        now: None,
        phones: PhonesMode::Simulated,
        ..Options::test(at(OPEN))
    };
    let mut first = start(options()).await.unwrap();
    let zone = chrono_tz::America::New_York;
    assert_eq!(
        first.now().with_timezone(&zone).format("%a %H:%M").to_string(),
        "Mon 10:55"
    );
    first
        .demo_added
        .wait_for(|added| *added == Some(DEMO_LEADS))
        .await
        .unwrap();
    assert!(calls(&first).await.is_empty());
    first.advance(TimeDelta::minutes(6)).await.unwrap();
    let called = calls(&first).await;
    let phones: BTreeSet<&str> = called.iter().map(|call| call["phone"].as_str().unwrap()).collect();
    assert!(
        !called.is_empty() && called.len() == phones.len(),
        "each once: {}",
        called.len()
    );
    let seen = first.snapshot().await.unwrap();
    assert_eq!(seen.leads.values().sum::<usize>(), DEMO_LEADS);
    first.shutdown().await;

    let second = start(options()).await.unwrap();
    assert_eq!(*second.demo_added.borrow(), None);
    second.shutdown().await;
}

#[tokio::test]
async fn a_flowing_clock_is_kept_ahead_of_what_a_crash_may_lose() {
    let folder = Folder::new("flowing");
    let options = Options {
        data: Some(folder.0.clone()),
        stepped: false,
        ..Options::test(at(OPEN))
    };
    let running = start(options).await.unwrap();
    let file = folder.0.join("clock.json");
    let ahead = async {
        while saved_clock(&file)
            .unwrap()
            .is_none_or(|saved| saved.now <= running.now())
        {
            tokio::task::yield_now().await;
        }
    };
    let kept = tokio::time::timeout(std::time::Duration::from_secs(30), ahead).await;
    assert!(kept.is_ok(), "the file is not ahead of the clock");
    drop(running);
}

#[tokio::test]
async fn a_given_port_that_is_taken_is_an_error_that_says_what_to_do() {
    let held = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let taken = held.local_addr().unwrap().port();
    let options = Options {
        sqs_port: Port::Given(taken),
        ..Options::test(at(OPEN))
    };
    let error = start(options).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        format!("failed to listen on port {taken} for SQS: it is taken")
    );
    assert!(error.hint().contains("--sqs-port"));
}
