//! Leads as people work with them: listed, found, moved, promised a call, called now, corrected, remembered.

#![expect(clippy::unwrap_used, reason = "helpers of tests: what is not there fails the test")]

mod job;
mod list;
mod person;
mod search;
mod status;

use redial_aws::table::Units;
use redial_domain::Role;
use redial_tests::{Answer, TestApp, answer};
use serde_json::{Value, json};

const PHONE: &str = "+12125550142";

/// A request with a key of a role.
async fn by(app: &TestApp, role: Role, method: &str, path: &str, body: Value) -> Answer {
    let own = &app.running.app;
    let key = own
        .table
        .create_api_key(&own.ids, role.as_str(), role, None, own.clock.now());
    let key = key.await.unwrap();
    answer(app.request(method, path).header("x-api-key", key).json(&body)).await
}

/// Adds a lead with what is known of the person, and gives its id.
async fn person(app: &TestApp, body: Value) -> String {
    let added = app.post("/api/leads", body).await;
    assert_eq!(added.status, 201, "{added:?}");
    added["lead_id"].as_str().unwrap().to_owned()
}

/// Moves a lead to a status.
async fn put(app: &TestApp, lead: &str, body: Value) -> Answer {
    app.send("PATCH", &format!("/api/leads/{lead}/status"), Some(&body))
        .await
}

/// A campaign that runs, with a rule set of its own.
async fn campaign(app: &TestApp, id: &str, rule_set: &str) {
    let new =
        json!({"id": id, "name": id, "open_intake": true, "rule_set": rule_set, "consent": redial_tests::consent()});
    let made = app.post("/campaigns", new).await;
    assert_eq!(made.status, 201, "{made:?}");
    let started = app.post(&format!("/campaigns/{id}/start"), json!({})).await;
    assert_eq!(started.status, 200, "{started:?}");
}

fn used(before: Units, after: Units) -> (f64, f64) {
    (after.read - before.read, after.write - before.write)
}

/// The ids of an answer's leads.
fn ids(answer: &Answer) -> Vec<String> {
    assert_eq!(answer.status, 200, "{answer:?}");
    let leads = answer["leads"].as_array().unwrap();
    leads
        .iter()
        .map(|lead| lead["lead_id"].as_str().unwrap().to_owned())
        .collect()
}

/// Replaces what differs in every run.
fn settled(mut answer: Value) -> Value {
    fn walk(value: &mut Value, name: &str) {
        match value {
            Value::Object(map) => map.iter_mut().for_each(|(name, value)| walk(value, name)),
            Value::Array(list) => list.iter_mut().for_each(|value| walk(value, name)),
            Value::String(text) if text.len() > 20 && (name == "id" || name.ends_with("_id")) => {
                *text = format!("[{name}]");
            }
            Value::String(text) if name == "hash" => *text = "[hash]".to_owned(),
            _ => {}
        }
    }
    walk(&mut answer, "");
    answer
}
