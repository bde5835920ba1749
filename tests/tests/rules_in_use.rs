//! The built-in rules, and a version in the table: both decide, and a broken one never does.

#![expect(clippy::unwrap_used, reason = "helpers of tests: what is not there fails the test")]

use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::AttributeValue;
use chrono::TimeDelta;
use redial_aws::table::Change;
use redial_aws::{keys, rule_store};
use redial_domain::RuleSetName;
use redial_rules::RuleSet;
use redial_tests::{MONDAY_NOON, TestApp, talk};
use serde_json::json;
use std::collections::BTreeMap;

const SET: &str = "until-sale-or-dnc";

fn built_in_files() -> BTreeMap<String, String> {
    let name = RuleSetName::parse(SET).unwrap();
    RuleSet::built_in_files(&name)
        .unwrap()
        .iter()
        .map(|(file, text)| ((*file).to_owned(), (*text).to_owned()))
        .collect()
}

/// Puts a version into the table and makes it the active one, whatever it says: no check stands in the way.
async fn activate(app: &TestApp, version: u32, files: BTreeMap<String, String>, previous: Option<u32>) {
    let table = app.instance().table;
    let set = RuleSetName::parse(SET).unwrap();
    let files = AttributeValue::B(Blob::new(rule_store::pack_files(&files).unwrap()));
    let stored = json!({"version": version, "hash": "", "based_on": 0, "by": "test", "at": 0, "note": "test"});
    table
        .write(Change::put(keys::rules_version(&set, version), &stored).with("files", files))
        .await
        .unwrap();
    let active = json!({"epoch": 1, "version": version, "previous": previous, "by": "test", "at": 0, "note": "test"});
    table
        .write(Change::put(keys::rules_active(&set), &active))
        .await
        .unwrap();
}

async fn call_with(app: &TestApp, phone: &str, disposition: &str) -> serde_json::Value {
    let before = app.calls().await.len();
    let lead = app.add_lead(phone).await;
    app.settle().await;
    let call = app.calls().await.remove(before);
    app.ends(&call, talk(disposition)).await;
    app.lead(&lead).await.body
}

#[tokio::test]
async fn a_version_in_the_table_decides_within_fifteen_seconds_and_names_itself() {
    let app = TestApp::at(MONDAY_NOON).await;
    let shown = call_with(&app, "+12125550101", "CALLBACK").await;
    assert_eq!(
        (
            shown["lead"]["status"].as_str(),
            shown["attempts"][0]["decision"]["version"].as_u64()
        ),
        (Some("pending"), Some(0))
    );
    let mut files = built_in_files();
    files.insert(
        "stop_redial.rhai".into(),
        "if disposition == \"callback\" { stop_lead(\"one callback is enough\") } else { go_on() }\n".into(),
    );
    files.remove("cases.csv");
    activate(&app, 7, files, Some(0)).await;
    app.advance(TimeDelta::seconds(15)).await;
    let shown = call_with(&app, "+12125550102", "CALLBACK").await;
    assert_eq!(shown["lead"]["status"], "completed", "{shown}");
    let decision = &shown["attempts"][0]["decision"];
    assert_eq!(
        (
            decision["version"].as_u64(),
            decision["why"].as_str(),
            decision["line"].as_str()
        ),
        (Some(7), Some("one callback is enough"), Some("stop_redial:1"))
    );
}

#[tokio::test]
async fn a_version_that_does_not_compile_leaves_the_one_before_in_use() {
    let app = TestApp::at(MONDAY_NOON).await;
    let mut files = built_in_files();
    files.insert("stop_redial.rhai".into(), "if {".into());
    activate(&app, 1, files, Some(0)).await;
    app.advance(TimeDelta::seconds(15)).await;
    let shown = call_with(&app, "+12125550101", "SALE").await;
    assert_eq!(
        (
            shown["lead"]["lead_status"].as_str(),
            shown["attempts"][0]["decision"]["version"].as_u64()
        ),
        (Some("sale"), Some(0))
    );
}

#[tokio::test]
async fn without_rules_that_load_the_facts_commit_and_the_lead_is_parked() {
    let app = TestApp::at(MONDAY_NOON).await;
    let lead = app.add_lead("+12125550101").await;
    app.settle().await;
    let mut files = built_in_files();
    files.insert("stop_redial.rhai".into(), "if {".into());
    activate(&app, 1, files, None).await;
    app.advance(TimeDelta::seconds(15)).await;
    let call = app.calls().await.remove(0);
    app.ends(&call, json!({})).await;
    let shown = app.lead(&lead).await;
    assert_eq!(
        (shown["lead"]["status"].as_str(), shown["lead"]["attempts"].as_u64()),
        (Some("parked"), Some(1)),
        "{shown:?}"
    );
    assert!(shown["attempts"][0]["rule_failed"].as_str().is_some());
    assert_eq!(app.metric("outcome.parked").await, 1);
    app.advance(TimeDelta::hours(3)).await;
    assert_eq!(app.calls().await.len(), 1, "nobody is dialed on a guess");
}
