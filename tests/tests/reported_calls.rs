//! Calls that other systems and people placed: they use up caps, once each, and whoever decided before they were known
//! decides again.

#![expect(clippy::unwrap_used, reason = "helpers of tests: what is not there fails the test")]

use chrono::TimeDelta;
use redial_aws::ledgers::Reserved;
use redial_domain::{CampaignId, InFlight, LeadId, Owner, Phone, Placement, Region, Subject};
use redial_tests::{Answer, MONDAY_NOON, TestApp, consent, ended, time_of};
use serde_json::{Value, json};

/// In Florida, where law counts to three.
const PHONE: &str = "+13055550142";

async fn report(app: &TestApp, minutes_ago: i64, changes: Value) -> Answer {
    let at = app.now() - TimeDelta::minutes(minutes_ago);
    let mut body = json!({"phone": PHONE, "started_at": at.to_rfc3339(), "source": "other-dialer", "call_id": "c-1"});
    for (name, value) in changes.as_object().unwrap() {
        body[name] = value.clone();
    }
    app.post("/api/calls", body).await
}

async fn starts(app: &TestApp) -> usize {
    let phone = Phone::parse(PHONE, Region::US).unwrap();
    app.instance().table.ledger(&phone).await.unwrap().starts.len()
}

#[tokio::test]
async fn three_reported_calls_use_up_floridas_cap() {
    let app = TestApp::at(MONDAY_NOON).await;
    for (n, subject) in [(1, json!("general")), (2, json!(null)), (3, json!("general"))] {
        let reported = report(&app, 10 * n, json!({"call_id": format!("c-{n}"), "subject": subject})).await;
        assert_eq!(
            (reported.status, reported["counted_now"].as_bool()),
            (201, Some(true)),
            "{reported:?}"
        );
    }
    let lead = app.add_lead(PHONE).await;
    let shown = app.lead(&lead).await;
    assert_eq!(shown["may_be_called"]["reason"]["code"], "law_cap", "{shown:?}");
    assert_eq!(shown["calls_to_phone_today"], 3);
    assert_eq!(shown["activities"][1]["what"], "call_reported");
    app.advance(TimeDelta::hours(3)).await;
    assert_eq!(app.calls().await.len(), 0);
}

#[tokio::test]
async fn calls_about_something_else_leave_floridas_cap_alone() {
    let app = TestApp::at(MONDAY_NOON).await;
    for n in 1..4 {
        report(&app, 10 * n, json!({"call_id": format!("c-{n}"), "subject": "solar"})).await;
    }
    app.add_lead(PHONE).await;
    app.settle().await;
    assert_eq!(app.calls().await.len(), 1);
}

#[tokio::test]
async fn the_same_report_counts_once() {
    let app = TestApp::at(MONDAY_NOON).await;
    let rows = [
        (json!({}), 201, 1),
        (json!({}), 200, 1),
        // The same call, told with another second.
        (json!({"started_at": app.now().to_rfc3339()}), 200, 1),
        (json!({"source": "manual"}), 201, 2),
        (json!({"call_id": null}), 201, 3),
        (json!({"call_id": null}), 200, 3),
    ];
    for (changes, status, count) in rows {
        let reported = report(&app, 10, changes.clone()).await;
        assert_eq!(
            (reported.status, starts(&app).await),
            (status, count),
            "{changes}: {reported:?}"
        );
    }
    let at_once = (0..20).map(|_| report(&app, 5, json!({"call_id": "c-9"})));
    let answers = futures::future::join_all(at_once).await;
    assert_eq!(
        answers.iter().filter(|answer| answer.status == 201).count(),
        1,
        "{answers:?}"
    );
    assert_eq!(starts(&app).await, 4);
}

#[tokio::test]
async fn what_is_older_counts_toward_the_total_alone_and_after_30_days_not_at_all() {
    let app = TestApp::at(MONDAY_NOON).await;
    let rows = [
        (48 * 60, "older_than_48_hours", json!(["total"])),
        (30 * 24 * 60, "older_than_30_days", json!([])),
    ];
    for (minutes_ago, reason, counts_toward) in rows {
        let reported = report(&app, minutes_ago, json!({"call_id": format!("c-{minutes_ago}")})).await;
        assert_eq!(
            (reported.status, reported["reason"].as_str(), starts(&app).await),
            (201, Some(reason), 0)
        );
        assert_eq!(reported["counts_toward"], counts_toward);
    }
    let lead = app.add_lead(PHONE).await;
    assert_eq!(app.lead(&lead).await["lead"]["reported_calls"], 1);
}

/// A campaign about solar, with so many calls in all.
async fn with_total(app: &TestApp, total: u32) {
    let three = json!({"max_attempts_per_lead": total});
    assert_eq!(app.send("PATCH", "/campaigns/default", Some(&three)).await.status, 200);
    let other = json!({"id": "other", "name": "Other", "open_intake": true, "consent": consent(), "subject": "solar", "max_attempts_per_lead": total});
    assert_eq!(app.post("/campaigns", other).await.status, 201);
    assert_eq!(app.post("/campaigns/other/start", json!({})).await.status, 200);
}

#[tokio::test]
async fn reported_calls_use_up_the_total_of_the_leads_they_were_for() {
    let rows = [
        (json!({}), [3, 3]),
        (json!({"subject": "general"}), [3, 0]),
        (json!({"subject": "solar"}), [0, 3]),
        (json!({"campaign_id": "other"}), [0, 3]),
        (json!({"campaign_id": "default", "subject": "solar"}), [3, 0]),
    ];
    for (changes, counts) in rows {
        let app = TestApp::at(MONDAY_NOON).await;
        with_total(&app, 3).await;
        app.post("/api/admin/redial-queue/stop", json!({})).await;
        // One lead comes in before the reports, one after.
        let before = app.add_lead(PHONE).await;
        for n in 0..3 {
            let mut body = changes.clone();
            body["call_id"] = json!(format!("c-{n}"));
            for status in [201, 200] {
                assert_eq!(
                    report(&app, 50 * 60 + n, body.clone()).await.status,
                    status,
                    "{changes}"
                );
            }
        }
        let after = app
            .post("/api/leads", json!({"phone": PHONE, "campaign_id": "other"}))
            .await;
        let after = after["lead_id"].as_str().unwrap().to_owned();
        for (lead, count) in [&before, &after].into_iter().zip(counts) {
            let shown = app.lead(lead).await;
            assert_eq!(
                (&shown["lead"]["attempts"], &shown["lead"]["reported_calls"]),
                (&json!(0), &json!(count)),
                "{changes}"
            );
            let explained = app.get(&format!("/api/leads/{lead}/explain")).await;
            let first = explained["first_blocking"].as_str();
            assert_eq!(first == Some("total_cap"), count == 3, "{changes}: {explained:?}");
        }
        app.post("/api/admin/redial-queue/start", json!({})).await;
        app.advance(TimeDelta::minutes(2)).await;
        let called = counts.into_iter().filter(|count| *count == 0).count();
        assert_eq!(app.calls().await.len(), called, "{changes}");
    }
}

#[tokio::test]
async fn a_report_while_a_call_rings_counts_with_it_and_both_are_told() {
    let app = TestApp::at(MONDAY_NOON).await;
    with_total(&app, 2).await;
    let lead = app.add_lead(PHONE).await;
    app.settle().await;
    report(&app, 0, json!({"campaign_id": "default"})).await;
    app.advance(TimeDelta::seconds(30)).await;
    assert_eq!(app.bland(&ended(&app.calls().await[0], json!({}))).await, 200);
    let explained = app.get(&format!("/api/leads/{lead}/explain")).await;
    assert_eq!(
        (&explained["status"], &explained["first_blocking"]),
        (&json!("max_attempts"), &json!("total_cap")),
        "{explained:?}"
    );
    let gates = explained["gates"].as_array().unwrap();
    let cap = gates.iter().find(|gate| gate["gate"] == "total_cap").unwrap();
    assert_eq!(cap["value"], "2 calls in its life: 1 of ours, 1 that others reported");
    assert_eq!(cap["limit"], "fewer than 2");
    assert!(cap["source"].as_str().unwrap().starts_with("`max_attempts_per_lead`"));
    let shown = app.lead(&lead).await;
    assert_eq!(
        (&shown["lead"]["attempts"], &shown["lead"]["attempts_today"]),
        (&json!(1), &json!(1)),
        "{shown:?}"
    );
    let counts = app.get("/campaigns/default/explain").await;
    assert_eq!(counts["by_reason"], json!([{"reason": "total_cap", "leads": 1}]));
    // More calls are allowed, and the lead goes on.
    let three = json!({"max_attempts_per_lead": 3});
    assert_eq!(app.send("PATCH", "/campaigns/default", Some(&three)).await.status, 200);
    app.advance(TimeDelta::minutes(5)).await;
    assert_eq!(app.calls().await.len(), 2);
}

#[tokio::test]
async fn a_call_for_a_campaign_that_is_not_there_is_refused() {
    let app = TestApp::at(MONDAY_NOON).await;
    let refused = report(&app, 10, json!({"campaign_id": "nobodys"})).await;
    assert_eq!(
        (refused.status, refused["code"].as_str()),
        (404, Some("unknown_campaign"))
    );
    assert_eq!(starts(&app).await, 0);
}

#[tokio::test]
async fn a_reported_call_is_two_minutes_from_the_next() {
    let app = TestApp::at(MONDAY_NOON).await;
    let began = app.now();
    report(&app, 0, json!({})).await;
    app.add_lead(PHONE).await;
    app.advance(TimeDelta::minutes(4)).await;
    let calls = app.calls().await;
    assert_eq!(calls.len(), 1);
    assert!(time_of(&calls[0]) >= began + TimeDelta::minutes(2), "{calls:?}");
}

#[tokio::test]
async fn whoever_decided_before_a_report_decides_again_and_what_is_given_back_is_only_its_own() {
    let app = TestApp::at(MONDAY_NOON).await;
    let direct = app.instance();
    let (table, now) = (&direct.table, app.now());
    let phone = Phone::parse(PHONE, Region::US).unwrap();
    let campaign = CampaignId::default_campaign();
    let subject = Subject::parse("general").unwrap();
    let inflight = || InFlight {
        id: direct.ids.attempt(now),
        lead: LeadId::parse("lead").unwrap(),
        campaign: campaign.clone(),
        owner: Owner::from(&campaign),
        slot: "0/0".to_owned(),
        nonce: direct.ids.nonce(),
        placement: Placement::Placing,
        reserved_at: now,
        place_by: now + TimeDelta::seconds(10),
        lease_until: now + TimeDelta::minutes(2),
        provider: "simulated".to_owned(),
        call_id: None,
        empty_look_at: None,
        max_duration_min: None,
        permitted_by: None,
        law_ends_at: None,
        started_at: None,
        stop_asked_at: None,
        stopped_at: None,
        told: Default::default(),
    };
    for n in 0..2 {
        let seen = table.ledger(&phone).await.unwrap();
        report(&app, 10 + n, json!({"call_id": format!("before-{n}")})).await;
        let starts = seen.starts_with(now, &subject);
        let reserved = table.reserve(&phone, &seen, &inflight(), &starts).await.unwrap();
        assert_eq!(reserved, Reserved::Refused, "a call is known that was not seen");
    }
    let seen = table.ledger(&phone).await.unwrap();
    let held = inflight();
    let taken = seen.starts_with(now, &subject);
    assert_eq!(
        table.reserve(&phone, &seen, &held, &taken).await.unwrap(),
        Reserved::Ours
    );
    report(&app, 0, json!({"call_id": "meanwhile"})).await;
    assert_eq!(starts(&app).await, 4);
    assert!(table.cancel_reservation(&phone, &held).await.unwrap());
    let after = table.ledger(&phone).await.unwrap();
    assert_eq!((after.starts.len(), after.inflight), (3, None));
    assert!(after.starts.iter().all(|start| start.subject == Subject::any()));
    assert!(
        !table.cancel_reservation(&phone, &held).await.unwrap(),
        "given back once"
    );
}

#[tokio::test]
async fn a_call_of_somebody_else_through_the_same_account_counts() {
    let app = TestApp::at(MONDAY_NOON).await;
    app.post("/api/admin/redial-queue/stop", json!({})).await;
    let foreign = |id: &str, minutes_ago: i64| {
        let at = app.now() - TimeDelta::minutes(minutes_ago);
        json!({
            "call_id": id, "to": PHONE, "from": "+14155550100", "inbound": false, "status": "completed", "completed": true,
            "queue_status": "complete", "answered_by": "no-answer", "call_length": 0, "corrected_duration": "0",
            "created_at": at.to_rfc3339(),
        })
    };
    assert_eq!(app.bland(&foreign("strangers", 30)).await, 200);
    assert_eq!(starts(&app).await, 0, "nobody of ours has this phone");
    report(&app, 20, json!({})).await;
    for (id, minutes_ago, count) in [
        ("f-1", 10, 2),
        ("f-1", 10, 2),
        // Within a minute of one that is counted: most likely the same.
        ("f-2", 10, 2),
        ("f-3", 5, 3),
        ("f-4", 49 * 60, 3),
    ] {
        assert_eq!(app.bland(&foreign(id, minutes_ago)).await, 200);
        assert_eq!(starts(&app).await, count, "{id}");
    }
    assert_eq!(
        app.metric("outcome.unmatched").await,
        6,
        "they are kept for people as before"
    );
    assert_eq!(app.metric("outcome.foreign_call").await, 2);
}

#[tokio::test]
async fn reports_that_are_none_are_refused_and_say_why() {
    let app = TestApp::at(MONDAY_NOON).await;
    let later = (app.now() + TimeDelta::minutes(2)).to_rfc3339();
    let rows = [
        (json!({"phone": "12"}), "bad_phone", "failed to read the phone number"),
        (
            json!({"phone": "+4412"}),
            "bad_phone",
            "failed to read the phone number",
        ),
        (json!({"phone": 13055550142_u64}), "bad_field", "failed to read `phone`"),
        (
            json!({"started_at": "yesterday"}),
            "bad_field",
            "`started_at`: it is no time",
        ),
        (
            json!({"started_at": "2026-11-23 17:00"}),
            "bad_field",
            "`started_at`: it is no time",
        ),
        (
            json!({"started_at": later}),
            "bad_field",
            "`started_at`: it is in the future",
        ),
        (json!({"started_at": null}), "bad_field", "failed to read `started_at`"),
        (json!({"source": ""}), "bad_field", "`source`: use 1 to 64"),
        (json!({"source": "a#b"}), "bad_field", "`source`: use 1 to 64"),
        (
            json!({"call_id": "x".repeat(65)}),
            "bad_field",
            "`call_id`: use 1 to 64",
        ),
        (json!({"subject": "solar panels"}), "bad_field", "`subject`"),
        (json!({"duration_s": 12}), "bad_field", "failed to read `duration_s`"),
    ];
    for (changes, code, says) in rows {
        let refused = report(&app, 10, changes.clone()).await;
        assert_eq!(
            (refused.status, refused["code"].as_str()),
            (422, Some(code)),
            "{changes}: {refused:?}"
        );
        let message = refused["message"].as_str().unwrap();
        assert!(message.contains(says), "{changes}: {message}");
        assert!(!message.contains("3055550142"), "no number in a message: {message}");
    }
    assert_eq!(starts(&app).await, 0);
}
