//! What people do with one lead: a promise, a call now, a note, a correction; and its whole history.

use chrono::TimeDelta;
use redial_domain::Role;
use redial_tests::{MONDAY_NOON, TestApp, instant, talk, time_of};
use serde_json::{Value, json};

use super::{PHONE, by, person, settled};

#[tokio::test]
async fn a_promised_call_is_kept_at_its_time_or_at_the_next_opening() {
    let app = TestApp::at(MONDAY_NOON).await;
    app.send("POST", "/campaigns/default/pause", Some(&json!({}))).await;
    let lead = app.add_lead(PHONE).await;
    let path = format!("/api/leads/{lead}/callback");
    for at in ["2026-11-23T16:59:00Z", "2027-12-23T16:59:00Z"] {
        assert_eq!(app.post(&path, json!({"at": at})).await.status, 422, "{at}");
    }
    let night = app
        .post(&path, json!({"at": "2026-11-24T04:00:00Z", "reason": "asked by mail"}))
        .await;
    insta::assert_json_snapshot!("callback_promised", settled(night.body));
    let moved = app.post(&path, json!({"at": "2026-11-23T19:15:00Z"})).await;
    assert_eq!(
        (moved.status, &moved["next_call_at"]),
        (200, &json!("2026-11-23T19:15:00+00:00")),
        "{moved:?}"
    );
    let again = app.post(&path, json!({"at": "2026-11-23T19:15:00Z"})).await;
    assert_eq!((again.status, &again["changed"]), (200, &json!(false)), "{again:?}");
    app.post("/campaigns/default/start", json!({})).await;
    app.advance(TimeDelta::hours(3)).await;
    let calls = app.calls().await;
    assert_eq!(calls.len(), 1);
    let late = time_of(&calls[0]) - instant("2026-11-23T19:15:00Z");
    assert!((0..120).contains(&late.num_seconds()), "{late}");
    let removed = app.add_lead("+12125550143").await;
    app.send("DELETE", &format!("/api/admin/redial-queue/lead/{removed}"), None)
        .await;
    let refused = app
        .post(
            &format!("/api/leads/{removed}/callback"),
            json!({"at": "2026-11-24T19:00:00Z"}),
        )
        .await;
    assert_eq!(
        (refused.status, &refused["code"]),
        (409, &json!("wrong_state")),
        "{refused:?}"
    );
}

#[tokio::test]
async fn a_lead_is_called_now_only_if_its_gate_is_open() {
    let app = TestApp::at(MONDAY_NOON).await;
    let lead = app.add_lead(PHONE).await;
    let path = format!("/api/leads/{lead}/call");
    app.settle().await;
    let call = app.calls().await.remove(0);
    // In flight, then within two minutes of the last call.
    let refused = app.post(&path, json!({})).await;
    assert_eq!(
        (refused.status, &refused["first_blocking"]),
        (409, &json!("in_flight")),
        "{refused:?}"
    );
    app.ends(&call, json!({})).await;
    let refused = app.post(&path, json!({})).await;
    insta::assert_json_snapshot!("call_refused", settled(refused.body));
    app.advance(TimeDelta::seconds(130)).await;
    let call = app.calls().await.remove(1);
    app.ends(&call, json!({})).await;
    // The ladder would wait five minutes; a person need not, once two have passed.
    app.advance(TimeDelta::seconds(115)).await;
    let shown = app.lead(&lead).await;
    assert_eq!(shown["may_be_called"]["reason"]["code"], "not_due", "{shown:?}");
    let before = app.calls().await.len();
    let called = by(&app, Role::Agent, "POST", &path, json!({"reason": "is on the chat"})).await;
    assert_eq!(
        (called.status, &called["called_now"]),
        (202, &json!(true)),
        "{called:?}"
    );
    app.settle().await;
    assert_eq!(app.calls().await.len(), before + 1);
    let history = app.get(&format!("/api/leads/{lead}/history?limit=3")).await;
    let wished = history["history"]
        .as_array()
        .unwrap()
        .iter()
        .any(|entry| entry["entry"]["what"] == "call_now");
    assert!(wished, "{history:?}");

    app.send("POST", &format!("/api/admin/redial-queue/lead/{lead}/pause"), None)
        .await;
    let refused = app.post(&path, json!({})).await;
    assert_eq!((refused.status, &refused["code"]), (409, &json!("not_now")));
    assert_eq!(app.post("/api/leads/nobody/call", json!({})).await.status, 404);
}

#[tokio::test]
async fn nobody_is_called_now_at_night_or_over_the_lines_of_the_campaign() {
    let app = TestApp::at("2026-11-23T10:00:00Z").await;
    let lead = app.add_lead(PHONE).await;
    let refused = app.post(&format!("/api/leads/{lead}/call"), json!({})).await;
    assert_eq!(
        (refused.status, &refused["first_blocking"]),
        (409, &json!("outside_law")),
        "{refused:?}"
    );
    assert_eq!(refused["next_possible"], "2026-11-23T16:00:00+00:00");
    let noon = TestApp::at(MONDAY_NOON).await;
    let one = json!({"max_concurrent_calls": 1});
    assert_eq!(noon.send("PATCH", "/campaigns/default", Some(&one)).await.status, 200);
    let first = noon.add_lead(PHONE).await;
    let second = noon.add_lead("+12125550143").await;
    let waits = noon.post(&format!("/api/leads/{second}/call"), json!({})).await;
    assert_eq!(
        (waits.status, &waits["call"]),
        (202, &json!("waits_for_a_line")),
        "{waits:?}"
    );
    noon.settle().await;
    let calls = noon.calls().await;
    assert_eq!(calls.len(), 1, "one line is one call");
    noon.ends(&calls[0], json!({})).await;
    noon.advance(TimeDelta::minutes(1)).await;
    let calls = noon.calls().await;
    assert_eq!(
        (calls.len(), &calls[1]["phone"]),
        (2, &json!("+12125550143")),
        "then it is its turn"
    );
    assert_eq!(noon.lead(&first).await["lead"]["attempts"], 1);
}

#[tokio::test]
async fn notes_are_kept_once_and_the_history_is_whole() {
    let app = TestApp::at(MONDAY_NOON).await;
    let lead = person(&app, json!({"phone": PHONE, "name": "Dana Reyes"})).await;
    app.settle().await;
    let path = format!("/api/leads/{lead}/notes");
    let id = "01M84000000000000000000000";
    let note = json!({"text": " Prefers mornings. ", "note_id": id});
    let first = by(&app, Role::Agent, "POST", &path, note.clone()).await;
    assert_eq!(
        (first.status, &first["note"]["text"]),
        (201, &json!("Prefers mornings.")),
        "{first:?}"
    );
    let again = by(&app, Role::Agent, "POST", &path, note).await;
    assert_eq!((again.status, &again["created"]), (200, &json!(false)), "{again:?}");
    for n in 0..24 {
        app.running.clock().advance_to(app.now() + TimeDelta::seconds(1));
        assert_eq!(app.post(&path, json!({"text": format!("note {n}")})).await.status, 201);
    }
    for bad in [
        json!({"text": " "}),
        json!({"text": "x".repeat(2_001)}),
        json!({"text": "x", "note_id": "1"}),
    ] {
        assert_eq!(app.post(&path, bad).await.status, 422);
    }
    let page = app.get(&format!("{path}?limit=20")).await;
    assert_eq!(
        (&page["count"], &page["notes"][0]["text"]),
        (&json!(20), &json!("note 23"))
    );
    let rest = app
        .get(&format!(
            "{path}?limit=20&cursor={}",
            page["next_cursor"].as_str().unwrap()
        ))
        .await;
    assert_eq!(
        (&rest["count"], &rest["next_cursor"]),
        (&json!(5), &Value::Null),
        "{rest:?}"
    );

    let call = app.calls().await.remove(0);
    app.ends(&call, talk("FOLLOW_UP")).await;
    let elsewhere = json!({"phone": PHONE, "started_at": "2026-11-23T16:00:00Z", "source": "desk", "call_id": "d1"});
    assert_eq!(app.post("/api/calls", elsewhere).await.status, 201);
    app.post("/api/do-not-call", json!({"phone": PHONE, "words": "no more"}))
        .await;
    for limit in [100, 7] {
        let mut entries = Vec::new();
        let mut path = format!("/api/leads/{lead}/history?limit={limit}");
        for _ in 0..20 {
            let page = app.get(&path).await;
            assert_eq!(page.status, 200, "{page:?}");
            entries.extend(page["history"].as_array().unwrap().clone());
            let Some(cursor) = page["next_cursor"].as_str() else {
                break;
            };
            path = format!("/api/leads/{lead}/history?limit={limit}&cursor={cursor}");
        }
        let mut kinds = std::collections::BTreeMap::new();
        for entry in &entries {
            *kinds.entry(entry["kind"].as_str().unwrap().to_owned()).or_insert(0) += 1;
        }
        let expected = [
            ("activity", 1),
            ("call", 1),
            ("do_not_call", 1),
            ("note", 25),
            ("reported_call", 1),
        ];
        assert_eq!(
            kinds.into_iter().collect::<Vec<_>>(),
            expected.map(|(kind, n)| (kind.to_owned(), n))
        );
        let mut unique: Vec<String> = entries.iter().map(|entry| entry["entry"].to_string()).collect();
        unique.sort();
        unique.dedup();
        assert_eq!(unique.len(), entries.len(), "nothing is told twice");
    }
}

#[tokio::test]
async fn a_person_is_corrected_and_a_country_told_by_mistake_is_taken_back() {
    let app = TestApp::at(MONDAY_NOON).await;
    app.send("POST", "/campaigns/default/pause", Some(&json!({}))).await;
    let lead = person(
        &app,
        json!({"phone": PHONE, "name": "Dana Reyes", "state": "Ontario", "crm_id": "17"}),
    )
    .await;
    let path = format!("/api/leads/{lead}");
    let shown = app.lead(&lead).await;
    assert_eq!(
        (&shown["lead"]["status"], &shown["lead"]["reason"]),
        (&json!("parked"), &json!("no_law"))
    );
    // Adding it again does not take a country back.
    app.post("/api/leads", json!({"phone": PHONE, "state": "NY"})).await;
    assert_eq!(app.lead(&lead).await["lead"]["status"], "parked");
    let corrected = app
        .send(
            "PATCH",
            &path,
            Some(&json!({"state": "NY", "zip": "10001", "last_name": "Ruiz", "email": "D@Example.com", "crm_id": "18", "custom": {"plan": "gold"}, "reason": "typed wrongly"})),
        )
        .await;
    insta::assert_json_snapshot!("corrected", settled(corrected.body));
    assert_eq!(app.get("/api/leads/17").await.status, 404);
    assert_eq!(app.get("/api/leads/18").await.status, 200);
    let again = app
        .send("PATCH", &path, Some(&json!({"state": "NY", "last_name": "Ruiz"})))
        .await;
    assert_eq!((again.status, &again["changed"]), (200, &json!([])));
    let warned = app.send("PATCH", &path, Some(&json!({"state": "Florda"}))).await;
    assert_eq!(
        (warned.status, &warned["warnings"][0]["field"]),
        (200, &json!("state")),
        "{warned:?}"
    );
    let taken = app
        .send("PATCH", &path, Some(&json!({"state": null, "custom": {"plan": null}})))
        .await;
    assert_eq!(
        (&taken["us_state"], &taken["custom"]),
        (&Value::Null, &json!({})),
        "{taken:?}"
    );
    for bad in [
        json!({"timezone": "Mars/Olympus"}),
        json!({"phone": "+12125550143"}),
        json!({"email": "x".repeat(501)}),
        json!({"crm_id": "x".repeat(65)}),
    ] {
        assert_eq!(app.send("PATCH", &path, Some(&bad)).await.status, 422, "{bad}");
    }
    let history = app.get(&format!("/api/leads/{lead}/history")).await;
    let told: Vec<&str> = history["history"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|entry| entry["entry"]["what"] == "corrected")
        .filter_map(|entry| entry["entry"]["why"].as_str())
        .collect();
    assert!(
        told.contains(&"last_name, email, crm_id, custom: typed wrongly"),
        "{told:?}"
    );
    assert!(told.contains(&"state, postal_code: typed wrongly"), "{told:?}");
}
