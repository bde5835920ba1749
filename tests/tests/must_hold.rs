//! What must hold for whoever is called, tried over HTTP: a wish that comes while a phone rings, hours across midnight, and an
//! export of evidence that leaves nothing out.

use std::collections::BTreeSet;

use chrono::TimeDelta;
use redial_domain::{AttemptId, DeliveryId, Phone, Region};
use redial_local::phone_settings::PhonesMode;
use redial_tests::{MONDAY_NOON, TestApp, answer, consent, ended, instant, time_of};
use serde_json::{Value, json};

const PHONE: &str = "+13055550142";

/// A body of Convoso with a status.
async fn convoso(app: &TestApp, phone: &str, status: &str) {
    let body = json!({"phone_number": phone, "lead_id": "77", "status": status});
    let post = app.request("POST", "/webhooks/convoso").json(&body);
    assert_eq!(answer(post).await.status, 200);
    app.settle().await;
}

#[tokio::test]
async fn a_do_not_call_from_the_crm_ends_the_call_that_is_on_its_way() {
    for written in ["3055550142", "(305) 555-0142", "+1 305.555.0142"] {
        let app = TestApp::with(MONDAY_NOON, |options| options.phones = PhonesMode::Simulated).await;
        let slow = json!({"queue_s": 1_200, "outcome": "sale"});
        assert_eq!(app.post("/local/phones", slow).await.status, 200);
        app.add_lead(PHONE).await;
        app.settle().await;
        let call = app.calls().await.remove(0);
        convoso(&app, written, "DNC").await;
        let id = call["call_id"].as_str().unwrap();
        let at_provider = app.running.phones().call(id).unwrap().unwrap();
        assert!(at_provider.ended_at.is_some(), "{written}: {at_provider:?}");
        assert_eq!(at_provider.started_at, None, "it never rang");
        app.advance(TimeDelta::minutes(40)).await;
        assert_eq!(app.calls().await.len(), 1);
        let checked = app.post("/api/do-not-call/check", json!({"phone": PHONE})).await;
        assert_eq!(
            (&checked["marked"], &checked["source"], &checked["in_flight"]),
            (&json!(true), &json!("crm"), &Value::Null),
            "{checked:?}"
        );
    }
}

#[tokio::test]
async fn a_do_not_call_from_the_crm_holds_where_its_lead_is_not_taken() {
    let app = TestApp::at(MONDAY_NOON).await;
    assert_eq!(
        app.send("PATCH", "/campaigns/default", Some(&json!({"open_intake": false})))
            .await
            .status,
        200
    );
    convoso(&app, PHONE, "do-not-call").await;
    let checked = app.post("/api/do-not-call/check", json!({"phone": PHONE})).await;
    assert_eq!(checked["marked"], true, "{checked:?}");
}

#[tokio::test]
async fn hours_across_midnight_are_called_where_law_allows_and_nowhere_else() {
    // Six in the evening in Kolkata, where seven is the end.
    let app = TestApp::at("2026-11-23T12:30:00Z").await;
    let night = json!({
        "id": "night", "name": "Night", "open_intake": true, "consent": consent(), "default_region": "IN",
        "timezone": "Asia/Kolkata", "calling_hours_start": 18, "calling_hours_end": 11,
        "calling_days": ["mon", "tue", "wed", "thu", "fri", "sat", "sun"],
    });
    let made = app.post("/campaigns", night).await;
    assert_eq!(made.status, 201, "{made:?}");
    assert_eq!(app.post("/campaigns/night/start", json!({})).await.status, 200);
    let lead = app
        .post("/api/leads", json!({"phone": "+919876543210", "campaign_id": "night"}))
        .await;
    app.advance(TimeDelta::minutes(1)).await;
    let mut called = Vec::new();
    for _ in 0..36 {
        for call in app.calls().await.iter().skip(called.len()) {
            called.push(time_of(call));
            let mut payload = ended(call, json!({}));
            payload["metadata"]["campaign_id"] = json!("night");
            assert_eq!(app.bland(&payload).await, 200);
        }
        app.advance(TimeDelta::minutes(30)).await;
    }
    let (mut evenings, mut mornings) = (0, 0);
    for at in &called {
        let minute = (at.timestamp() / 60 + 330) % 1_440;
        let evening = (18 * 60..19 * 60).contains(&minute);
        assert!(evening || (10 * 60..11 * 60).contains(&minute), "{at}");
        *if evening { &mut evenings } else { &mut mornings } += 1;
    }
    assert!(evenings > 1 && mornings > 1, "{called:?}");
    let told = app
        .get(&format!("/api/leads/{}/explain", lead["lead_id"].as_str().unwrap()))
        .await;
    assert!(
        told["answer"] == "open" || told["next_possible"].is_string(),
        "{told:?}"
    );
    assert_eq!(called.first(), Some(&instant("2026-11-23T12:30:00Z")));
}

#[tokio::test]
async fn an_export_has_everything_though_payloads_are_larger_than_a_page_of_the_table() {
    let app = TestApp::at(MONDAY_NOON).await;
    let lead = app.add_lead(PHONE).await;
    let direct = app.instance();
    let phone = Phone::parse(PHONE, Region::US).unwrap();
    let attempt = AttemptId::parse("01J00000000000000000000001").unwrap();
    for n in 0..8 {
        let delivery = DeliveryId::parse(&format!("bland-{n}")).unwrap();
        let raw = vec![b'x'; 300_000];
        let kept = direct
            .table
            .keep_raw(&phone, &attempt, &delivery, &raw, app.now())
            .await;
        kept.unwrap();
    }
    let (mut keys, mut pages) = (BTreeSet::new(), 0);
    let mut path = format!("/api/leads/{lead}/evidence");
    loop {
        let page = app.get(&path).await;
        assert_eq!(page.status, 200, "{page:?}");
        pages += 1;
        for record in page["records"].as_array().unwrap() {
            assert!(keys.insert(record["key"].as_str().unwrap().to_owned()), "each once");
        }
        match page["next_cursor"].as_str() {
            Some(cursor) if pages < 20 => path = format!("/api/leads/{lead}/evidence?cursor={cursor}"),
            _ => break,
        }
    }
    let raw = keys.iter().filter(|key| key.starts_with("RAW#")).count();
    assert_eq!(raw, 8, "{pages} pages: {keys:?}");
    assert!(pages > 1, "the table's pages are a megabyte");
}
