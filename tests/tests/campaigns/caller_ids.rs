//! Which number a call shows: in what the phone network received (P4).

use std::collections::BTreeMap;

use chrono::TimeDelta;
use redial_tests::{MONDAY_NOON, TestApp, ended, time_of};
use serde_json::{Value, json};

use crate::{called, minutes, patch, spring};

/// The numbers that were shown, by how often.
async fn numbers(app: &TestApp) -> BTreeMap<String, usize> {
    let mut shown = BTreeMap::new();
    for call in app.calls().await {
        let number = call["from"].as_str().unwrap();
        *shown.entry(number[number.len() - 3..].to_owned()).or_default() += 1;
    }
    shown
}

#[tokio::test]
async fn a_number_of_the_leads_state_is_shown_and_no_number_more_often_than_it_may_be() {
    let app = TestApp::at(MONDAY_NOON).await;
    let pool = json!([
        {"number": "+13055550101", "state": "Florida", "calls_per_day_max": 2},
        {"number": "+12125550102", "calls_per_day_max": 2},
        {"number": "+12145550103", "state": "TX", "calls_per_day_max": 1},
    ]);
    spring(
        &app,
        json!({"caller_ids": pool, "voice": {"task": "Hello.", "from": "+12125550199"}, "max_concurrent_calls": 20}),
    )
    .await;
    // By prefix, by what was told, in spite of the prefix.
    called(&app, "+13055550142", json!({})).await;
    called(&app, "+12125550143", json!({"state": "FL"})).await;
    assert_eq!(numbers(&app).await, [("101".to_owned(), 2)].into());
    called(&app, "+13055550144", json!({})).await;
    assert_eq!(numbers(&app).await["102"], 1, "the numbers of no state come next");
    called(&app, "+12125550145", json!({})).await;
    called(&app, "+12125550146", json!({})).await;
    let all = [("101".to_owned(), 2), ("102".to_owned(), 2), ("103".to_owned(), 1)];
    assert_eq!(numbers(&app).await, all.clone().into());

    // All had their calls of the day: nobody is called without a number.
    let lead = called(&app, "+12125550147", json!({})).await;
    minutes(&app, 20).await;
    assert_eq!(numbers(&app).await, all.into());
    let waits = app.lead(&lead).await;
    assert_eq!(
        (&waits["lead"]["reason"], &waits["lead"]["next_redial_iso"]),
        (&json!("caller_ids_rest"), &json!("2026-11-24T16:00:00Z")),
        "{waits:?}"
    );
    assert!(app.metric("dial.no_number").await > 0);
    let figures = app.get("/campaigns/spring/caller-ids").await;
    insta::assert_json_snapshot!("caller_ids", figures.body);

    // More numbers, and who waited for one goes on.
    let more = patch(&app, "spring", json!({"caller_ids": [{"number": "+12125550104"}]})).await;
    assert_eq!(more.status, 200, "{more:?}");
    minutes(&app, 2).await;
    assert!(numbers(&app).await["104"] >= 1);
    assert_eq!(patch(&app, "spring", json!({"caller_ids": []})).await.status, 200);
    called(&app, "+12125550148", json!({})).await;
    assert_eq!(
        app.calls().await.pop().unwrap()["from"],
        "+12125550199",
        "`voice.from` as before"
    );
}

#[tokio::test]
async fn a_number_rests_between_calls_and_the_next_call_to_a_phone_shows_another() {
    let app = TestApp::at(MONDAY_NOON).await;
    let pool = json!([
        {"number": "+12125550101", "cooldown_s": 240},
        {"number": "+12125550102", "cooldown_s": 240},
    ]);
    spring(&app, json!({"caller_ids": pool})).await;
    for n in 0..3 {
        called(&app, &format!("+1212555014{n}"), json!({})).await;
    }
    assert_eq!(app.calls().await.len(), 2, "two numbers, two calls");
    minutes(&app, 6).await;
    assert_eq!(app.calls().await.len(), 3, "the third when one has rested");
    let first = app.calls().await.remove(0);
    let mut report = ended(&first, json!({}));
    report["metadata"]["campaign_id"] = json!("spring");
    assert_eq!(app.bland(&report).await, 200);
    minutes(&app, 30).await;
    let calls = app.calls().await;
    let to_first: Vec<&Value> = calls.iter().filter(|call| call["phone"] == first["phone"]).collect();
    assert_eq!(to_first.len(), 2, "{calls:?}");
    assert_ne!(to_first[0]["from"], to_first[1]["from"], "in turn");
    let mut last: BTreeMap<&str, _> = BTreeMap::new();
    for call in &calls {
        let at = time_of(call);
        if let Some(before) = last.insert(call["from"].as_str().unwrap(), at) {
            assert!(at - before >= TimeDelta::seconds(240), "{calls:?}");
        }
    }
}
