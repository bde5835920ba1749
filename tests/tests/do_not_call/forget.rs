//! The deadline as an alarm, and people who are forgotten.

use chrono::TimeDelta;
use redial_aws::messages::{CallMessage, Report};
use redial_domain::Role;
use redial_tests::{MONDAY_NOON, TestApp, ended, instant, talk};
use serde_json::json;

use super::{PHONE, by, check, mark, parsed};

#[tokio::test]
async fn a_forgotten_person_leaves_nothing_but_the_mark() {
    let app = TestApp::at(MONDAY_NOON).await;
    let lead = app.add_lead(PHONE).await;
    app.settle().await;
    let call = app.calls().await.remove(0);
    let body = json!({"phone": PHONE, "reason": "their request of today"});
    for role in [Role::Agent, Role::Admin] {
        assert_eq!(by(&app, role, "/api/forget", body.clone()).await.status, 403);
    }
    let refused = by(&app, Role::Owner, "/api/forget", body.clone()).await;
    assert_eq!(
        (refused.status, &refused["code"]),
        (409, &json!("call_in_flight")),
        "{refused:?}"
    );
    assert!(
        refused["message"].as_str().unwrap().contains("is over by 2026-11-23T"),
        "{refused:?}"
    );
    assert_eq!(check(&app, PHONE).await["marked"], true, "nobody calls again meanwhile");
    let payload = ended(&call, talk("SALE"));
    assert_eq!(app.bland(&payload).await, 200);
    let forgotten = by(&app, Role::Owner, "/api/forget", body.clone()).await;
    assert_eq!(
        (forgotten.status, &forgotten["done"]),
        (200, &json!(true)),
        "{forgotten:?}"
    );
    assert!(forgotten["deleted"].as_u64().unwrap() >= 5, "{forgotten:?}");
    assert_eq!(app.get(&format!("/api/leads/{lead}")).await.status, 404);

    // A late report about the old call brings nothing back, and neither does the same request.
    let mut late = ended(&call, talk("DNC"));
    late["summary"] = json!("They asked to be left alone.");
    assert_eq!(app.bland(&late).await, 200);
    assert_eq!(app.metric("outcome.forgotten").await, 1);
    let again = by(&app, Role::Owner, "/api/forget", body).await;
    assert_eq!((again.status, &again["deleted"]), (200, &json!(0)), "{again:?}");
    let checked = check(&app, PHONE).await;
    assert_eq!((&checked["marked"], &checked["leads"]), (&json!(true), &json!([])));
    assert_eq!(checked["proofs"].as_array().map(Vec::len), Some(1), "{checked:?}");
    assert_eq!(
        (
            &checked["proofs"][0]["words"],
            &checked["proofs"][0]["call_id"],
            &checked["source"]
        ),
        (&json!(null), &json!(null), &json!("forgotten"))
    );
    let ledger = app.running.app.table.ledger(&parsed(PHONE)).await.unwrap();
    assert!(
        ledger.starts.is_empty() && ledger.stops.is_empty() && ledger.last_attempt.is_none(),
        "{ledger:?}"
    );
    assert!(app.get("/api/do-not-call").await["marks"][0]["forgotten_at"].is_string());
    // Who did it and why stands where no number does.
    let activities = app.get("/api/admin/redial-queue/activities").await;
    let told = activities["activities"].as_array().unwrap();
    assert!(
        told.iter()
            .any(|told| told["what"] == "forget_asked" && told["why"] == "their request of today"),
        "{activities:?}"
    );

    // The next list brings them back as somebody who is not called.
    let added = app.post("/api/leads", json!({"phone": PHONE})).await;
    assert_eq!(
        (added.status, &added["reason"]),
        (201, &json!("do_not_call")),
        "{added:?}"
    );
    app.advance(TimeDelta::hours(2)).await;
    assert_eq!(app.calls().await.len(), 1);
}

#[tokio::test]
async fn a_wish_that_comes_after_ten_business_days_is_an_alarm_and_holds_all_the_same() {
    let app = TestApp::at(MONDAY_NOON).await;
    let body = json!({"phone": PHONE, "said_at": "2026-10-30T17:00:00Z"});
    let marked = app.post("/api/do-not-call", body.clone()).await;
    assert_eq!((marked.status, &marked["late"]), (201, &json!(true)), "{marked:?}");
    assert!(marked["hint"].as_str().unwrap().contains("ten business days"));
    assert_eq!(app.post("/api/do-not-call", body).await.status, 200);
    assert_eq!(app.metric("dnc.honoured_late").await, 1, "once");
    assert_eq!(check(&app, PHONE).await["late"], true);
    // Somebody who was marked in time and whose old wish turns up later was honoured in time.
    assert_eq!(mark(&app, "+12125550143").await.status, 201);
    app.running.clock().advance_to(instant("2026-12-20T17:00:00Z"));
    let old = json!({"phone": "+12125550143", "said_at": "2026-11-23T16:00:00Z"});
    assert_eq!(app.post("/api/do-not-call", old).await["late"], false);
    assert_eq!(app.metric("dnc.honoured_late").await, 1);
}

#[tokio::test]
async fn a_report_that_nobody_can_read_and_that_may_hold_a_wish_is_an_alarm() {
    let app = TestApp::at(MONDAY_NOON).await;
    // The webhook function refuses such bodies; a message of the queue may still be one that no parser here knows.
    for (n, (text, alarms)) in [("please stop calling me", 1), ("call me later", 1), ("tag=DNC", 2)]
        .into_iter()
        .enumerate()
    {
        let message = CallMessage {
            v: 1,
            received_at: app.now(),
            report: Report::Webhook {
                provider: "bland".to_owned(),
                content_type: None,
                campaign: None,
                body: format!("[\"{text}\"]"),
            },
        };
        app.running.app.queues.report(&message).await.unwrap();
        app.settle().await;
        assert_eq!(app.metric("outcome.unreadable").await, n as u64 + 1);
        assert_eq!(app.metric("dnc.not_honoured").await, alarms, "{text}");
    }
}
