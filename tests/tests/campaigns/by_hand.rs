//! What people do with campaigns: start, pause, cancel, delete, list (C1, C2).

use redial_tests::{Answer, MONDAY_NOON, TestApp, ended, talk};
use serde_json::{Value, json};

use crate::{act, activities, add, create, delete, minutes, patch, shown};

#[tokio::test]
async fn moves_that_are_not_in_the_table_are_refused_with_those_that_are() {
    let app = TestApp::at(MONDAY_NOON).await;
    create(&app, "spring", json!({"open_intake": true})).await;
    let paused = act(&app, "spring", "pause").await;
    assert_eq!((paused.status, paused["code"].as_str()), (409, Some("wrong_status")));
    assert!(
        paused["message"]
            .as_str()
            .unwrap()
            .ends_with("allowed from draft is scheduled, running, cancelled"),
        "{paused:?}"
    );
    assert_eq!(act(&app, "spring", "start").await["status"], "running");
    let late = patch(&app, "spring", json!({"scheduled_start_time": "2026-11-23T18:00:00Z"})).await;
    assert_eq!(
        (late.status, late["code"].as_str()),
        (409, Some("wrong_status")),
        "{late:?}"
    );
    assert_eq!(act(&app, "spring", "pause").await["status"], "paused");
    let resumed = act(&app, "spring", "start").await;
    assert_eq!((resumed.status, &resumed["status"]), (200, &json!("running")));
    let cancelled = act(&app, "spring", "cancel").await;
    assert_eq!(
        (
            &cancelled["status"],
            &cancelled["remaining"],
            &cancelled["actual_end_time"]
        ),
        (&json!("cancelled"), &json!([]), &json!("2026-11-23T17:00:00+00:00"))
    );
    for what in ["start", "pause"] {
        let refused = act(&app, "spring", what).await;
        assert_eq!(refused.status, 409, "{refused:?}");
        assert!(refused["message"].as_str().unwrap().ends_with("nothing; it has ended"));
    }
    assert_eq!(act(&app, "spring", "cancel").await.status, 200, "it is so already");
    for answer in [act(&app, "default", "cancel").await, delete(&app, "default").await] {
        assert_eq!(
            (answer.status, answer["code"].as_str()),
            (409, Some("default_campaign"))
        );
    }
    let whats: Vec<String> = activities(&app, "spring")
        .await
        .into_iter()
        .map(|(_, what)| what)
        .collect();
    assert_eq!(
        whats,
        ["created", "started", "paused", "resumed", "cancelled", "cancelled"]
    );
}

#[tokio::test]
async fn times_that_cannot_come_true_are_refused_by_their_field() {
    let app = TestApp::at(MONDAY_NOON).await;
    for (times, field) in [
        (
            json!({"scheduled_start_time": "2026-11-23T16:59:00Z"}),
            "scheduled_start_time",
        ),
        (
            json!({"scheduled_end_time": "2026-11-23T17:00:00Z"}),
            "scheduled_end_time",
        ),
        (
            json!({"scheduled_start_time": "2026-11-24T17:00:00Z", "scheduled_end_time": "2026-11-24T16:30:00Z"}),
            "scheduled_end_time",
        ),
        (
            json!({"scheduled_start_time": "2026-11-24T02:00:00Z", "scheduled_end_time": "2026-11-24T15:00:00Z"}),
            "scheduled_end_time",
        ),
        (json!({"scheduled_start_time": "tomorrow"}), "input"),
    ] {
        let refused = create(&app, "spring", times.clone()).await;
        assert_eq!(refused.status, 422, "{times}: {refused:?}");
        assert!(
            refused["message"].as_str().unwrap().contains(field),
            "{times}: {refused:?}"
        );
    }
    let draft = create(&app, "spring", json!({"open_intake": true})).await;
    assert_eq!(draft["status"], "draft");
    let end = patch(&app, "spring", json!({"scheduled_end_time": "2026-11-23T17:10:00Z"})).await;
    assert_eq!((end.status, &end["status"]), (200, &json!("draft")));
    let start = patch(&app, "spring", json!({"scheduled_start_time": "2026-11-23T17:05:00Z"})).await;
    assert_eq!((start.status, &start["status"]), (200, &json!("scheduled")));
    let draft = patch(&app, "spring", json!({"scheduled_start_time": null})).await;
    assert_eq!(
        (&draft["status"], &draft["scheduled_start_time"]),
        (&json!("draft"), &Value::Null)
    );
    minutes(&app, 11).await;
    let refused = act(&app, "spring", "start").await;
    assert_eq!(
        (refused.status, refused["code"].as_str()),
        (409, Some("end_time_over")),
        "{refused:?}"
    );
}

#[tokio::test]
async fn a_deleted_campaign_never_calls_again_and_what_is_in_flight_ends_as_it_would() {
    let app = TestApp::at(MONDAY_NOON).await;
    create(&app, "spring", json!({"open_intake": true})).await;
    act(&app, "spring", "start").await;
    let talks = add(&app, "spring", "+12125550142").await;
    app.settle().await;
    let call = app.calls().await.remove(0);
    let waits = add(&app, "spring", "+13055550143").await;
    let deleted = delete(&app, "spring").await;
    assert_eq!((deleted.status, &deleted.body), (204, &Value::Null));
    assert_eq!(delete(&app, "spring").await.status, 204, "again");
    let in_flight = app.calls().await.len();

    // The talk ends, and its wish holds.
    let mut stop = talk("DNC");
    stop["metadata"] = json!({"attempt_id": call["attempt_id"], "campaign_id": "spring"});
    assert_eq!(app.bland(&ended(&call, stop)).await, 200);
    minutes(&app, 120).await;
    assert_eq!(app.calls().await.len(), in_flight, "nobody is called");
    let lead = talks["lead_id"].as_str().unwrap();
    let shown_lead = app.lead(lead).await;
    assert_eq!(shown_lead["attempts"][0]["disposition"], "dnc", "{shown_lead:?}");
    assert!(shown_lead["do_not_call"]["since"].is_string());
    assert_eq!(app.get(&format!("/api/leads/{lead}/evidence")).await.status, 200);
    let marked = app
        .post("/api/do-not-call/check", json!({"phone": "+12125550142"}))
        .await;
    assert_eq!(marked["marked"], true, "{marked:?}");
    let other = waits["lead_id"].as_str().unwrap();
    let explained = app.get(&format!("/api/leads/{other}/explain")).await;
    assert_eq!(explained["reason"]["code"], "campaign_not_running", "{explained:?}");
    let gates = explained["gates"].as_array().unwrap();
    let gate = gates
        .iter()
        .find(|gate| gate["gate"] == "campaign_not_running")
        .unwrap();
    assert_eq!(gate["value"], "cancelled, deleted 2026-11-23T17:00:00+00:00");

    // Hidden, unless it is asked for; never to be had again.
    let ids = |list: &Answer| -> Vec<String> {
        let all = list["campaigns"].as_array().unwrap().iter();
        all.map(|one| one["id"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(ids(&app.get("/campaigns").await), ["default"]);
    assert_eq!(
        ids(&app.get("/campaigns?include_deleted=true").await),
        ["default", "spring"]
    );
    for (method, path) in [
        ("GET", ""),
        ("PATCH", ""),
        ("POST", "/start"),
        ("POST", "/pause"),
        ("POST", "/cancel"),
        ("GET", "/explain"),
        ("GET", "/caller-ids"),
    ] {
        let body = json!({});
        let answer = app
            .send(
                method,
                &format!("/campaigns/spring{path}"),
                (method != "GET").then_some(&body),
            )
            .await;
        assert_eq!(
            (answer.status, answer["code"].as_str()),
            (404, Some("unknown_campaign")),
            "{method} {path}"
        );
        assert!(answer["message"].as_str().unwrap().contains("it was deleted"));
    }
    let all = shown(&app, "spring").await;
    assert_eq!(
        (&all["status"], &all["deleted_at"]),
        (&json!("cancelled"), &json!("2026-11-23T17:00:00+00:00"))
    );
    let taken = create(&app, "spring", json!({})).await;
    assert_eq!((taken.status, taken["code"].as_str()), (409, Some("id_taken")));
    let late = add(&app, "spring", "+12125550144").await;
    assert_eq!(late.status, 409, "{late:?}");
    let records = app.get("/api/admin/redial-queue/records").await;
    assert_eq!(records["count"], 0, "hidden with its campaign: {records:?}");
    let records = app.get("/api/admin/redial-queue/records?campaign_id=spring").await;
    assert_eq!(records["count"], 2, "and there when it is named");
}

#[tokio::test]
async fn lists_are_filtered_skipped_and_paged() {
    let app = TestApp::at(MONDAY_NOON).await;
    for n in 0..5 {
        create(&app, &format!("c{n}"), json!({"open_intake": true})).await;
    }
    act(&app, "c1", "start").await;
    act(&app, "c3", "start").await;
    act(&app, "c4", "cancel").await;
    let ids = |answer: &Answer| -> String {
        let all = answer["campaigns"].as_array().unwrap().iter();
        all.map(|one| one["id"].as_str().unwrap()).collect::<Vec<_>>().join(" ")
    };
    for (query, found, more) in [
        ("", "c0 c1 c2 c3 c4 default", false),
        ("?status_filter=running", "c1 c3 default", false),
        ("?status_filter=running&skip=1&limit=1", "c3", true),
        ("?status_filter=scheduled", "", false),
        ("?skip=4", "c4 default", false),
        ("?skip=1000", "", false),
        ("?limit=6", "c0 c1 c2 c3 c4 default", false),
        ("?limit=2", "c0 c1", true),
    ] {
        let answer = app.get(&format!("/campaigns{query}")).await;
        assert_eq!(
            (ids(&answer).as_str(), answer["next_cursor"].is_string()),
            (found, more),
            "{query}"
        );
    }
    let first = app.get("/campaigns?limit=2&status_filter=running").await;
    let next = first["next_cursor"].as_str().unwrap();
    let second = app
        .get(&format!("/campaigns?limit=2&status_filter=running&cursor={next}"))
        .await;
    assert_eq!((ids(&first).as_str(), ids(&second).as_str()), ("c1 c3", "default"));
    for (query, field) in [
        ("?skip=1001", "skip"),
        ("?skip=-1", "skip"),
        (
            "?status_filter=Running",
            "draft, scheduled, running, paused, completed, cancelled",
        ),
        ("?include_deleted=maybe", "include_deleted"),
    ] {
        let refused = app.get(&format!("/campaigns{query}")).await;
        assert_eq!(refused.status, 422, "{query}");
        assert!(refused["message"].as_str().unwrap().contains(field), "{refused:?}");
    }
}
