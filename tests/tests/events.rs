//! Every event under `events/`, given to the real function over embedded DynamoDB and SQS.
//!
//! What each must answer is the table in `events/README.md`; a file that is not in it fails, and so does a line without
//! a file. Each event has a machine of its own, so their order does not matter.

#![allow(clippy::unwrap_used, reason = "an event that cannot be read has failed the test")]

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs;
use std::path::{Path, PathBuf};

use redial_aws::layout::FUNCTIONS;
use redial_aws::{App, Environment, Metrics};
use redial_domain::Role;
use redial_local::options::Options;
use redial_local::running::Running;
use redial_local::start::start;
use redial_telephony::bland;
use redial_tests::{MONDAY_NOON, instant};
use serde_json::{Value, json};

const BLAND_SECRET: &str = "bland-test-secret";
const CONVOSO_SECRET: &str = "convoso-test-secret";
const API_KEY: &str = "events-test-key";

/// A line of the table.
struct Expected {
    answer: Value,
    counted: Vec<String>,
}

#[test]
fn every_event_is_in_the_table_and_every_line_has_its_event() {
    let found: BTreeSet<String> = event_files().into_keys().collect();
    let listed: BTreeSet<String> = table().into_keys().collect();
    assert_eq!(found, listed, "files under events/, and lines of events/README.md");
}

#[test]
fn every_function_has_an_event() {
    let functions: BTreeSet<String> = event_files()
        .into_keys()
        .map(|case| case.split('/').next().unwrap().to_owned())
        .collect();
    assert_eq!(functions, FUNCTIONS.map(str::to_owned).into());
}

#[tokio::test]
async fn every_event_is_answered_as_the_table_says() {
    let table = table();
    for (case, path) in event_files() {
        let event: Value =
            serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap_or_else(|error| panic!("{case}: {error}"));
        let running = machine().await;
        let mut app = running.app.clone();
        app.metrics = Metrics::default();
        let function = case.split('/').next().unwrap();
        let answer = readable(
            answer(function, app.clone(), event)
                .await
                .unwrap_or_else(|error| panic!("{case}: {error}")),
        );
        let expected = &table[&case];
        assert!(
            holds(&answer, &expected.answer),
            "{case} answered\n{answer:#}\nand not\n{:#}",
            expected.answer
        );
        let counted = app.metrics.totals();
        for name in &expected.counted {
            assert_eq!(counted.get(name.as_str()), Some(&1), "{case} counted {counted:?}");
        }
        running.settle().await.unwrap_or_else(|error| panic!("{case}: {error}"));
        for queue in redial_aws::layout::QUEUES {
            let dead = running
                .machine
                .engine
                .visible_count(&format!("{}-dlq", queue.name))
                .unwrap();
            assert_eq!(dead, 0, "{case} left a dead letter of {}", queue.name);
        }
        running.shutdown().await;
    }
}

#[test]
fn events_carry_their_real_signatures() {
    for (case, path) in event_files()
        .into_iter()
        .filter(|(case, _)| case.starts_with("webhook/bland-"))
    {
        let event: Value = serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap();
        let body = event["body"].as_str().unwrap();
        let signature = event["headers"]["x-webhook-signature"].as_str().unwrap();
        let fits = bland::verify(BLAND_SECRET.as_bytes(), signature, body.as_bytes());
        assert_eq!(
            fits,
            !case.contains("bad-signature"),
            "{case}: {}",
            bland::sign(BLAND_SECRET.as_bytes(), body.as_bytes())
        );
    }
}

/// Everything on one machine, at the time of the events, with their secrets.
async fn machine() -> Running {
    let environment = HashMap::from([("BLAND_WEBHOOK_SECRET".to_owned(), BLAND_SECRET.to_owned())]);
    let options = Options {
        environment: Environment::fixed(environment),
        api_key: Some(API_KEY.to_owned()),
        seed: Some(1),
        ..Options::test(instant(MONDAY_NOON))
    };
    let running = start(options).await.unwrap_or_else(|error| panic!("{error}"));
    let convoso = Some("convoso".to_owned());
    running
        .app
        .table
        .put_api_key(CONVOSO_SECRET, "convoso", Role::Webhook, convoso, running.now())
        .await
        .unwrap();
    running
}

/// What the function's real handler answers.
async fn answer(function: &str, app: App, event: Value) -> Result<Value, lambda_runtime::Error> {
    match function {
        "webhook" => redial_webhook::Handler::new(app).await?.handle(event).await,
        "outcomes" => redial_outcomes::Handler::new(app).await?.handle(event).await,
        "tick" => redial_tick::Handler::new(app).handle(event).await,
        "dialer" => redial_dialer::Handler::new(app).await?.handle(event).await,
        "reconcile" => redial_reconcile::Handler::new(app).await?.handle(event).await,
        "jobs" => redial_jobs::Handler::new(app).handle(event).await,
        "admin" => redial_admin::Handler::new(app).handle(event).await,
        other => panic!("no test knows the function `{other}`; add it here"),
    }
}

/// An answer with its JSON body as JSON.
fn readable(mut answer: Value) -> Value {
    if let Some(body) = answer["body"]
        .as_str()
        .and_then(|body| serde_json::from_str::<Value>(body).ok())
    {
        answer["body"] = body;
    }
    answer
}

/// Whether everything that is expected stands in the answer.
fn holds(answer: &Value, expected: &Value) -> bool {
    match expected {
        Value::Object(fields) => fields
            .iter()
            .all(|(name, value)| answer.get(name).is_some_and(|found| holds(found, value))),
        other => answer == other,
    }
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../events")
}

/// Events by `<function>/<case>`. Whatever else lies in the folder is a mistake.
fn event_files() -> BTreeMap<String, PathBuf> {
    let mut found = BTreeMap::new();
    for function in fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().path()) {
        if function.ends_with("README.md") {
            continue;
        }
        for event in fs::read_dir(&function).unwrap_or_else(|error| panic!("{}: {error}", function.display())) {
            let event = event.unwrap().path();
            let name = event.file_name().unwrap().to_str().unwrap();
            let case = name
                .strip_suffix(".json")
                .unwrap_or_else(|| panic!("{name} is no event"));
            found.insert(
                format!("{}/{case}", function.file_name().unwrap().to_str().unwrap()),
                event.clone(),
            );
        }
    }
    found
}

/// The table of `events/README.md`.
fn table() -> BTreeMap<String, Expected> {
    let text = fs::read_to_string(folder().join("README.md")).unwrap();
    let quoted = |cell: &str| {
        cell.split('`')
            .skip(1)
            .step_by(2)
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    let rows = text.lines().filter(|line| line.starts_with("| `"));
    rows.map(|row| {
        let [_, case, answer, counted, _] = row.split('|').collect::<Vec<_>>()[..] else {
            panic!("three columns: {row}")
        };
        let answer = serde_json::from_str(quoted(answer).first().map_or("", String::as_str))
            .unwrap_or_else(|error| panic!("{row}: {error}"));
        (
            quoted(case).remove(0),
            Expected {
                answer,
                counted: quoted(counted),
            },
        )
    })
    .collect()
}

#[test]
fn part_of_an_answer_is_enough_and_a_wrong_part_is_not() {
    let answer = json!({"statusCode": 200, "body": {"success": true, "n": [1, 2]}});
    assert!(holds(&answer, &json!({"body": {"success": true}})));
    assert!(!holds(&answer, &json!({"body": {"success": false}})));
    assert!(!holds(&answer, &json!({"body": {"n": [1]}})));
    assert!(!holds(&answer, &json!({"other": null})));
}
