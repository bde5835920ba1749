//! The built-in rules, and a version in the table: both decide, and a broken one never does.

#![expect(clippy::unwrap_used, reason = "helpers of tests: what is not there fails the test")]

use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::AttributeValue;
use chrono::TimeDelta;
use redial_aws::rulebook::RuleBookError;
use redial_aws::table::Change;
use redial_aws::{Table, keys, rule_store};
use redial_domain::{Phone, Region, RuleSetName};
use redial_local::endpoints::{AwsUrls, sdk_config};
use redial_rules::RuleSet;
use redial_tests::{MONDAY_NOON, TestApp, talk};
use serde_json::json;
use std::collections::BTreeMap;
use std::sync::Arc;

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

/// A table that never answers.
fn nowhere() -> Table {
    let url = "http://127.0.0.1:9".to_owned();
    let config = sdk_config(AwsUrls {
        dynamodb: url.clone(),
        sqs: url.clone(),
        events: url,
    });
    Table::new(aws_sdk_dynamodb::Client::new(&config), "redial")
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

#[tokio::test]
async fn a_version_is_compiled_once_however_many_calls_it_decides() {
    let app = TestApp::at(MONDAY_NOON).await;
    activate(&app, 3, built_in_files(), Some(0)).await;
    let (instance, set) = (app.instance(), RuleSetName::parse(SET).unwrap());
    let phone = Phone::parse("+12125550101", Region::US).unwrap();
    let first = instance.rules.version(&instance.table, &set, 3).await.unwrap();
    for seconds in [0, 5, 11, 30, 3_600] {
        let now = instance.clock.now() + TimeDelta::seconds(seconds);
        let later = instance
            .rules
            .for_phone(&instance.table, &set, &phone, now)
            .await
            .unwrap();
        assert!(Arc::ptr_eq(&first, &later), "compiled again after {seconds} s");
    }
    let before = instance.table.units().requests;
    instance.rules.version(&instance.table, &set, 3).await.unwrap();
    assert_eq!(instance.table.units().requests, before, "and it is not read again");
}

#[tokio::test]
async fn a_table_that_does_not_answer_never_makes_the_built_in_rules_decide() {
    let app = TestApp::at(MONDAY_NOON).await;
    let mut files = built_in_files();
    files.insert("redial_interval.rhai".into(), "in_minutes(77)\n".into());
    files.remove("cases.csv");
    activate(&app, 4, files, Some(0)).await;
    let (instance, set) = (app.instance(), RuleSetName::parse(SET).unwrap());
    // Nothing listens there, as when the table throttles every read.
    let nowhere = nowhere();
    let now = instance.clock.now();
    let cold = instance.rules.in_use(&nowhere, &set, now).await;
    assert!(matches!(cold, Err(RuleBookError::Table(_))), "{cold:?}");
    assert_eq!(
        instance
            .rules
            .in_use(&instance.table, &set, now)
            .await
            .unwrap()
            .version(),
        4
    );
    let warm = instance.rules.in_use(&nowhere, &set, now + TimeDelta::hours(1)).await;
    assert_eq!(warm.unwrap().version(), 4);
}

#[tokio::test]
async fn a_broken_version_of_one_set_stops_no_other() {
    let app = TestApp::at(MONDAY_NOON).await;
    let mut files = built_in_files();
    files.insert("stop_redial.rhai".into(), "if {".into());
    activate(&app, 1, files, None).await;
    let (instance, now) = (app.instance(), app.now());
    let other = RuleSetName::parse("stop-on-transfer").unwrap();
    let broken = instance
        .rules
        .in_use(&instance.table, &RuleSetName::parse(SET).unwrap(), now)
        .await;
    assert!(matches!(broken, Err(RuleBookError::Broken { .. })), "{broken:?}");
    assert_eq!(
        instance
            .rules
            .in_use(&instance.table, &other, now)
            .await
            .unwrap()
            .version(),
        0
    );
    let shown = app.get(&format!("/api/rules/{SET}")).await;
    assert!(
        shown["problem"].as_str().unwrap().contains("stop_redial.rhai"),
        "{shown:?}"
    );
}
