//! Do-not-call through the whole system: marked at once whatever is under way, with a proof that stays, lifted by an
//! owner alone, kept when the person is forgotten.

#![expect(clippy::unwrap_used, reason = "helpers of tests: what is not there fails the test")]

mod forget;
mod kills;
mod lists;

use std::collections::BTreeSet;

use chrono::TimeDelta;
use redial_aws::ledgers::Reserved;
use redial_domain::{CampaignId, InFlight, Nonce, Owner, Phone, Placement, Region, Role};
use redial_local::phone_settings::PhonesMode;
use redial_tests::{Answer, MONDAY_NOON, TestApp, answer, ended, talk};
use serde_json::{Value, json};

const PHONE: &str = "+12125550142";

fn parsed(phone: &str) -> Phone {
    Phone::parse(phone, Region::US).unwrap()
}

async fn mark(app: &TestApp, phone: &str) -> Answer {
    app.post("/api/do-not-call", json!({"phone": phone})).await
}

async fn check(app: &TestApp, phone: &str) -> Answer {
    let checked = app.post("/api/do-not-call/check", json!({"phone": phone})).await;
    assert_eq!(checked.status, 200, "{checked:?}");
    checked
}

/// A request with a key of a role.
async fn by(app: &TestApp, role: Role, path: &str, body: Value) -> Answer {
    let own = &app.running.app;
    let key = own
        .table
        .create_api_key(&own.ids, role.as_str(), role, None, own.clock.now());
    let key = key.await.unwrap();
    answer(app.request("POST", path).header("x-api-key", key).json(&body)).await
}

#[tokio::test]
async fn a_phone_that_is_marked_while_it_waits_is_never_called() {
    let app = TestApp::at("2026-11-23T15:00:00Z").await;
    let lead = app.add_lead(PHONE).await;
    let marked = app
        .post(
            "/api/do-not-call",
            json!({"phone": "(212) 555-0142", "words": "take me off", "said_at": "2026-11-20T18:00:00Z", "note": "by mail"}),
        )
        .await;
    assert_eq!((marked.status, &marked["changed"]), (201, &json!(true)), "{marked:?}");
    assert_eq!(
        marked["honour_by"], "2026-12-08T05:00:00+00:00",
        "Thanksgiving is no business day"
    );
    assert_eq!((&marked["late"], &marked["remaining"]), (&json!(false), &json!([])));
    app.advance(TimeDelta::hours(3)).await;
    assert_eq!(app.calls().await.len(), 0);
    let shown = app.lead(&lead).await;
    assert_eq!(
        (&shown["lead"]["status"], &shown["lead"]["reason"]),
        (&json!("completed"), &json!("do_not_call"))
    );

    let checked = check(&app, PHONE).await;
    assert_eq!(
        (&checked["marked"], &checked["since"]),
        (&json!(true), &marked["since"])
    );
    let proof = &checked["proofs"][0];
    for (name, value) in [
        ("id", &marked["proof_id"]),
        ("source", &json!("api")),
        ("words", &json!("take me off")),
        ("said_at", &json!("2026-11-20T18:00:00+00:00")),
        ("note", &json!("by mail")),
        ("honour_by", &marked["honour_by"]),
    ] {
        assert_eq!(&proof[name], value, "{name}: {checked:?}");
    }
    assert_eq!(check(&app, "+12125550143").await["marked"], false);
}

#[tokio::test]
async fn a_dialer_that_decided_before_the_mark_cannot_reserve() {
    let app = TestApp::at("2026-11-23T15:00:00Z").await;
    app.add_lead(PHONE).await;
    let direct = app.instance();
    let phone = parsed(PHONE);
    let seen = direct.table.ledger(&phone).await.unwrap();
    assert_eq!(mark(&app, PHONE).await.status, 201);
    let now = direct.clock.now();
    let lead = direct
        .table
        .lead(&phone, &CampaignId::default_campaign(), now)
        .await
        .unwrap()
        .unwrap();
    let inflight = InFlight {
        id: direct.ids.attempt(now),
        lead: lead.id,
        campaign: lead.campaign.clone(),
        owner: Owner::from(&lead.campaign),
        slot: "0/0".to_owned(),
        nonce: Nonce::parse("a").unwrap(),
        placement: Placement::Placing,
        reserved_at: now,
        place_by: now,
        lease_until: now,
        provider: "bland".to_owned(),
        call_id: None,
        empty_look_at: None,
        max_duration_min: None,
        permitted_by: None,
        law_ends_at: None,
        started_at: None,
        stop_asked_at: None,
        stopped_at: None,
        told: BTreeSet::new(),
    };
    let reserved = direct.table.reserve(&phone, &seen, &inflight, &[]).await.unwrap();
    assert_eq!(reserved, Reserved::Refused);
    let now_seen = direct.table.ledger(&phone).await.unwrap();
    let reserved = direct.table.reserve(&phone, &now_seen, &inflight, &[]).await.unwrap();
    assert_eq!(reserved, Reserved::Refused, "the mark itself refuses it, too");
}

#[tokio::test]
async fn a_call_that_is_under_way_is_ended_and_is_the_last_one() {
    let app = TestApp::with(MONDAY_NOON, |options| options.phones = PhonesMode::Simulated).await;
    let slow = json!({"queue_s": 1_200, "outcome": "sale"});
    assert_eq!(app.post("/local/phones", slow).await.status, 200);
    app.add_lead(PHONE).await;
    app.settle().await;
    let call = app.calls().await.remove(0);
    let marked = mark(&app, PHONE).await;
    assert_eq!(
        (marked.status, &marked["call_ending"]),
        (201, &call["attempt_id"]),
        "{marked:?}"
    );
    app.settle().await;
    let id = call["call_id"].as_str().unwrap();
    let at_provider = app.running.phones().call(id).unwrap().unwrap();
    assert!(at_provider.ended_at.is_some(), "{at_provider:?}");
    assert_eq!(at_provider.started_at, None, "it never rang");
    // Whoever asks again because the answer was lost is promised the same.
    let again = mark(&app, PHONE).await;
    assert_eq!(
        (again.status, &again["changed"], &again["since"]),
        (200, &json!(false), &marked["since"])
    );
    app.advance(TimeDelta::hours(2)).await;
    assert_eq!(app.calls().await.len(), 1);
    assert_eq!(check(&app, PHONE).await["in_flight"], json!(null));
}

#[tokio::test]
async fn whoever_adds_a_marked_lead_again_is_told_of_the_mark_whatever_its_line_does() {
    let app = TestApp::at(MONDAY_NOON).await;
    let lead = app.add_lead(PHONE).await;
    app.settle().await;
    assert_eq!(app.calls().await.len(), 1);
    let marked = mark(&app, PHONE).await;
    assert!(marked["call_ending"].is_string(), "its line is taken: {marked:?}");
    // Bare, and with what makes the lead be looked at again.
    for body in [
        json!({"phone": PHONE}),
        json!({"phone": PHONE, "postal_code": "10001", "city": "New York"}),
    ] {
        let again = app.post("/api/leads", body).await;
        assert_eq!((again.status, &again["lead_id"]), (200, &json!(lead)), "{again:?}");
        assert_eq!(
            (
                &again["status"],
                &again["reason"],
                &again["next_redial_iso"],
                &again["called_now"]
            ),
            (&json!("completed"), &json!("do_not_call"), &json!(null), &json!(false)),
            "{again:?}"
        );
    }
    // A person who took the lead out keeps the last word on where it stands.
    let path = format!("/api/admin/redial-queue/lead/{lead}");
    assert_eq!(app.send("DELETE", &path, None).await.status, 200);
    let again = app.post("/api/leads", json!({"phone": PHONE})).await;
    assert_eq!(
        (&again["status"], &again["reason"]),
        (&json!("removed"), &json!("do_not_call")),
        "{again:?}"
    );
}

#[tokio::test]
async fn a_mark_without_a_lead_holds_for_whoever_adds_one() {
    let app = TestApp::at(MONDAY_NOON).await;
    assert_eq!(mark(&app, PHONE).await.status, 201);
    let added = app.post("/api/leads", json!({"phone": PHONE})).await;
    assert_eq!(
        (&added["status"], &added["reason"], &added["called_now"]),
        (&json!("completed"), &json!("do_not_call"), &json!(false)),
        "{added:?}"
    );
    for (body, code) in [
        (json!({"phone": "12"}), "bad_phone"),
        (json!({"phone": PHONE, "said_at": "2027-01-01T00:00:00Z"}), "bad_field"),
        (json!({"phone": PHONE, "words": "x".repeat(401)}), "bad_field"),
        (json!({"phone": PHONE, "source": "disposition"}), "bad_field"),
    ] {
        let refused = app.post("/api/do-not-call", body).await;
        assert_eq!((refused.status, &refused["code"]), (422, &json!(code)), "{refused:?}");
        assert!(!refused.body.to_string().contains("555"), "{refused:?}");
    }
}

#[tokio::test]
async fn what_a_talk_says_is_proof_and_each_saying_is_kept_once() {
    let app = TestApp::at(MONDAY_NOON).await;
    app.add_lead(PHONE).await;
    app.settle().await;
    let call = app.calls().await.remove(0);
    let payload = ended(&call, talk("DNC"));
    assert_eq!(app.bland(&payload).await, 200);
    assert_eq!(app.bland(&payload).await, 200);
    let checked = check(&app, PHONE).await;
    assert_eq!(checked["proofs"].as_array().map(Vec::len), Some(1), "{checked:?}");
    let proof = &checked["proofs"][0];
    assert_eq!(
        (&proof["source"], &proof["words"]),
        (&json!("disposition"), &json!("DNC"))
    );
    assert_eq!(
        (&proof["attempt_id"], &proof["call_id"]),
        (&call["attempt_id"], &call["call_id"])
    );
    // Their own words come with the transcript, in a second delivery.
    let mut later = ended(&call, talk("DNC"));
    later["transcripts"] = json!([{"user": "user", "text": "Please stop calling me."}]);
    later["concatenated_transcript"] = json!("user: Please stop calling me.");
    assert_eq!(app.bland(&later).await, 200);
    assert_eq!(mark(&app, PHONE).await["changed"], false);
    let after = check(&app, PHONE).await;
    assert_eq!(after["since"], checked["since"], "the first mark stays");
    assert_eq!(after["source"], "disposition");
    let sources: Vec<&str> = after["proofs"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|proof| proof["source"].as_str())
        .collect();
    assert!(sources.contains(&"api") && sources.len() <= 3, "{after:?}");
}

#[tokio::test]
async fn nothing_that_comes_later_lowers_a_mark() {
    let app = TestApp::at(MONDAY_NOON).await;
    let lead = app.add_lead(PHONE).await;
    app.settle().await;
    let call = app.calls().await.remove(0);
    let marked = mark(&app, PHONE).await;
    // A sale of the call that was under way, the same lead again, a list, a resume, an admin's removal.
    assert_eq!(app.ends(&call, talk("SALE")).await, 200);
    assert_eq!(
        app.post("/api/leads", json!({"phone": PHONE, "name": "New Name"}))
            .await
            .status,
        200
    );
    let list = json!({"numbers": [PHONE], "source": "crm"});
    assert_eq!(app.post("/api/do-not-call/import", list).await["known"], 1);
    let resume = format!("/api/admin/redial-queue/lead/{lead}/resume");
    assert_eq!(app.post(&resume, json!({})).await.status, 409);
    let removal = json!({"phone": PHONE, "reason": "they want it back"});
    for role in [Role::Agent, Role::Admin] {
        let refused = by(&app, role, "/api/do-not-call/remove", removal.clone()).await;
        assert_eq!((refused.status, &refused["code"]), (403, &json!("not_allowed")));
    }
    app.advance(TimeDelta::hours(3)).await;
    assert_eq!(app.calls().await.len(), 1);
    let checked = check(&app, PHONE).await;
    assert_eq!(
        (&checked["marked"], &checked["since"]),
        (&json!(true), &marked["since"])
    );
}

#[tokio::test]
async fn an_owner_removes_a_mark_with_a_reason_and_it_leaves_a_trace() {
    let app = TestApp::at("2026-11-23T15:00:00Z").await;
    let lead = app.add_lead(PHONE).await;
    assert_eq!(
        by(&app, Role::Agent, "/api/do-not-call", json!({"phone": PHONE}))
            .await
            .status,
        201
    );
    app.advance(TimeDelta::hours(2)).await;
    let path = "/api/do-not-call/remove";
    let refused = by(&app, Role::Owner, path, json!({"phone": PHONE})).await;
    assert_eq!(
        (refused.status, &refused["code"]),
        (422, &json!("bad_field")),
        "a reason is needed"
    );
    let reason = "asked in writing to be called about the order";
    let removed = by(&app, Role::Owner, path, json!({"phone": PHONE, "reason": reason})).await;
    assert_eq!(
        (removed.status, &removed["marked"]),
        (200, &json!(false)),
        "{removed:?}"
    );
    assert_eq!(removed["leads"][0]["lead_id"], json!(lead));
    assert!(removed["hint"].as_str().unwrap().contains("stay closed"), "{removed:?}");
    let again = by(&app, Role::Owner, path, json!({"phone": PHONE, "reason": reason})).await;
    assert_eq!((again.status, &again["code"]), (409, &json!("not_marked")));

    let checked = check(&app, PHONE).await;
    assert_eq!(
        (&checked["marked"], &checked["removed_times"]),
        (&json!(false), &json!(1))
    );
    let trace = &checked["proofs"][1];
    assert_eq!(
        (&trace["what"], &trace["by"], &trace["note"]),
        (&json!("removed"), &json!("owner"), &json!(reason)),
        "{checked:?}"
    );
    let shown = app.lead(&lead).await;
    assert_eq!(shown["activities"][0]["what"], "do_not_call_removed", "{shown:?}");
    // It stays closed until somebody resumes it; then it is called.
    app.advance(TimeDelta::hours(1)).await;
    assert_eq!(app.calls().await.len(), 0);
    let resumed = app
        .post(&format!("/api/admin/redial-queue/lead/{lead}/resume"), json!({}))
        .await;
    assert_eq!(resumed.status, 200, "{resumed:?}");
    app.advance(TimeDelta::minutes(2)).await;
    assert_eq!(app.calls().await.len(), 1);
    // The same words again are a new wish.
    assert_eq!(
        by(&app, Role::Agent, "/api/do-not-call", json!({"phone": PHONE}))
            .await
            .status,
        201
    );
    assert_eq!(check(&app, PHONE).await["proofs"].as_array().map(Vec::len), Some(3));
}
