//! Consent that was taken back: for every campaign, until the person gives it anew.

use redial_tests::{MONDAY_NOON, TestApp, consent};
use serde_json::{Value, json};

const PHONE: &str = "+12125550142";

#[tokio::test]
async fn who_takes_consent_back_in_one_campaign_is_called_by_none_until_they_give_it_anew() {
    let app = TestApp::at(MONDAY_NOON).await;
    let second = json!({"id": "second", "name": "Second", "open_intake": true, "consent": consent()});
    assert_eq!(app.post("/campaigns", second).await.status, 201);
    assert_eq!(app.post("/campaigns/second/start", json!({})).await.status, 200);
    app.send("POST", "/campaigns/default/pause", Some(&json!({}))).await;
    let lead = app.add_lead(PHONE).await;

    let path = format!("/api/leads/{lead}/consent");
    let taken_back = app
        .send("DELETE", &path, Some(&json!({"reason": "said so on the phone"})))
        .await;
    assert_eq!(taken_back.status, 200, "{taken_back:?}");
    let asserted = app.get("/campaigns/default").await["consent"]["at"].clone();
    assert_eq!(taken_back["consent"]["given_at"], asserted, "nothing is invented");

    // The second campaign vouches for its people, and not for this one any more.
    let added = app
        .post("/api/leads", json!({"phone": PHONE, "campaign_id": "second"}))
        .await;
    assert_eq!(
        (&added["called_now"], &added["reason"]),
        (&json!(false), &json!("no_consent")),
        "{added:?}"
    );
    let other = added["lead_id"].as_str().unwrap();
    let explained = app.get(&format!("/api/leads/{other}/explain")).await;
    let gates = explained["gates"].as_array().unwrap();
    let line = gates.iter().find(|line| line["gate"] == "no_consent").unwrap();
    assert!(
        line["value"]
            .as_str()
            .unwrap()
            .starts_with("taken back 2026-11-23T17:00:00"),
        "{line}"
    );
    assert_eq!(app.calls().await.len(), 0);

    let given = |at: &str| json!({"kind": "written", "given_at": at, "source": "form"});
    let older = app.send("PUT", &path, Some(&given("2026-11-22T17:00:00Z"))).await;
    assert_eq!((older.status, &older["code"]), (422, &json!("bad_field")), "{older:?}");
    app.advance(chrono::TimeDelta::minutes(2)).await;
    let path = format!("/api/leads/{other}/consent");
    let before = app.send("PUT", &path, Some(&given("2026-11-22T17:00:00Z"))).await;
    assert_eq!(
        (before.status, &before["reason"]),
        (200, &json!("no_consent")),
        "{before:?}"
    );
    let anew = app.send("PUT", &path, Some(&given("2026-11-23T17:01:00Z"))).await;
    assert_eq!(
        (anew.status, &anew["consent"]["revoked_at"]),
        (200, &Value::Null),
        "{anew:?}"
    );
    app.advance(chrono::TimeDelta::minutes(2)).await;
    assert_eq!(app.calls().await.len(), 1);
}
