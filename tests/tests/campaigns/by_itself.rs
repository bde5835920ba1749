//! What a campaign does by itself: it starts at its time, and ends at its end or when all is done (C5).

use redial_domain::{Campaign, CampaignId, CampaignStatus};
use redial_tests::{MONDAY_NOON, TestApp, ended, talk};
use serde_json::{Value, json};

use crate::{act, activities, add, create, minutes, moves_on_the_bus, patch, shown};

#[tokio::test]
async fn a_scheduled_campaign_starts_at_its_time_and_ends_at_its_end() {
    let app = TestApp::at(MONDAY_NOON).await;
    let times = json!({
        "open_intake": true,
        "scheduled_start_time": "2026-11-23T17:32:00Z",
        "scheduled_end_time": "2026-11-23T18:02:00Z",
    });
    let created = create(&app, "spring", times).await;
    assert_eq!(created.status, 201, "{created:?}");
    insta::assert_json_snapshot!("scheduled", created.body);
    let early = add(&app, "spring", "+12125550142").await;
    assert_eq!(
        (&early["called_now"], &early["reason"]),
        (&json!(false), &json!("campaign_not_running")),
        "{early:?}"
    );
    let explained = app
        .get(&format!("/api/leads/{}/explain", early["lead_id"].as_str().unwrap()))
        .await;
    assert_eq!(explained["reason"]["status"], "scheduled", "{explained:?}");
    let gates = explained["gates"].as_array().unwrap();
    let gate = gates
        .iter()
        .find(|gate| gate["gate"] == "campaign_not_running")
        .unwrap();
    assert_eq!(gate["value"], "scheduled for 2026-11-23T17:32:00+00:00");
    minutes(&app, 31).await;
    assert_eq!(shown(&app, "spring").await["status"], "scheduled");
    assert!(app.calls().await.is_empty());

    minutes(&app, 6).await;
    let runs = shown(&app, "spring").await;
    assert_eq!(
        (&runs["status"], &runs["start_held"], &runs["actual_start_time"]),
        (&json!("running"), &Value::Null, &json!("2026-11-23T17:35:00+00:00"))
    );
    minutes(&app, 16).await;
    assert_eq!(app.calls().await.len(), 1, "its lead is called");

    // From its end on nobody is called, though no run has noted it yet.
    minutes(&app, 9).await;
    assert_eq!(
        (
            app.now().to_rfc3339().get(11..16),
            &shown(&app, "spring").await["status"]
        ),
        (Some("18:02"), &json!("running"))
    );
    let late = add(&app, "spring", "+12125550143").await;
    assert_eq!(late.status, 409, "{late:?}");
    minutes(&app, 4).await;
    let over = shown(&app, "spring").await;
    assert_eq!(
        (&over["status"], &over["actual_end_time"]),
        (&json!("completed"), &json!("2026-11-23T18:05:00+00:00"))
    );
    assert_eq!(app.calls().await.len(), 1);
    let by = |who: &str, what: &str| (who.to_owned(), what.to_owned());
    assert_eq!(
        activities(&app, "spring").await,
        [
            by("local", "created"),
            by("reconcile", "started"),
            by("reconcile", "completed")
        ]
    );
    assert_eq!(moves_on_the_bus(&app).await, 3, "scheduled, running, completed");
    minutes(&app, 20).await;
    assert_eq!(moves_on_the_bus(&app).await, 3, "told once");
}

#[tokio::test]
async fn a_campaign_without_leads_stays_scheduled_says_why_and_is_tried_again() {
    let app = TestApp::at(MONDAY_NOON).await;
    create(&app, "empty", json!({"scheduled_start_time": "2026-11-23T17:01:00Z"})).await;
    minutes(&app, 11).await;
    let held = shown(&app, "empty").await;
    assert_eq!(
        (&held["status"], &held["start_held"]),
        (&json!("scheduled"), &json!("no_leads"))
    );
    minutes(&app, 20).await;
    let told = activities(&app, "empty").await;
    let told: Vec<&str> = told.iter().map(|(_, what)| what.as_str()).collect();
    assert_eq!(told, ["created", "start held"], "said once, tried by every run");
    let open = patch(&app, "empty", json!({"open_intake": true})).await;
    assert_eq!((open.status, open["status"].as_str()), (200, Some("scheduled")));
    minutes(&app, 5).await;
    let runs = shown(&app, "empty").await;
    assert_eq!(
        (&runs["status"], &runs["start_held"]),
        (&json!("running"), &Value::Null)
    );
}

#[tokio::test]
async fn a_start_time_at_night_waits_for_the_calling_hours_and_a_start_by_hand_says_when_they_open() {
    // Monday 20:30 in New York; open again on Tuesday at 11:00.
    let app = TestApp::at("2026-11-24T01:30:00Z").await;
    let times = json!({"open_intake": true, "scheduled_start_time": "2026-11-24T02:00:00Z"});
    create(&app, "night", times).await;
    minutes(&app, 60).await;
    let waits = shown(&app, "night").await;
    assert_eq!(
        (&waits["status"], &waits["start_held"]),
        (&json!("scheduled"), &json!("outside_hours"))
    );
    create(&app, "by-hand", json!({"open_intake": true})).await;
    let started = act(&app, "by-hand", "start").await;
    assert_eq!(
        (started.status, &started["status"], &started["opens_at"]),
        (200, &json!("running"), &json!("2026-11-24T16:00:00+00:00")),
        "{started:?}"
    );
    add(&app, "by-hand", "+12125550142").await;
    minutes(&app, 13 * 60 + 20).await;
    assert_eq!(shown(&app, "night").await["status"], "scheduled");
    assert!(app.calls().await.is_empty());
    minutes(&app, 20).await;
    let runs = shown(&app, "night").await;
    assert_eq!(
        (&runs["status"], &runs["actual_start_time"]),
        (&json!("running"), &json!("2026-11-24T16:00:00+00:00"))
    );
    assert_eq!(app.calls().await.len(), 1);
}

#[tokio::test]
async fn a_campaign_that_takes_no_more_leads_ends_when_all_of_them_are_done() {
    let app = TestApp::at(MONDAY_NOON).await;
    create(&app, "spring", json!({"open_intake": true})).await;
    act(&app, "spring", "start").await;
    let one = add(&app, "spring", "+12125550142").await;
    let other = add(&app, "spring", "+12125550143").await;
    app.settle().await;
    assert_eq!(patch(&app, "spring", json!({"open_intake": false})).await.status, 200);
    let paused = app
        .post(
            &format!(
                "/api/admin/redial-queue/lead/{}/pause",
                other["lead_id"].as_str().unwrap()
            ),
            json!({}),
        )
        .await;
    assert_eq!(paused.status, 200, "{paused:?}");
    let calls = app.calls().await;
    let sold = |call: &Value| {
        let mut sold = talk("SALE");
        sold["metadata"] = json!({"attempt_id": call["attempt_id"], "campaign_id": "spring"});
        ended(call, sold)
    };
    minutes(&app, 6).await;
    assert_eq!(
        shown(&app, "spring").await["status"],
        "running",
        "two calls are in flight"
    );
    for call in &calls {
        assert_eq!(app.bland(&sold(call)).await, 200);
    }
    minutes(&app, 5).await;
    let lead = app.lead(one["lead_id"].as_str().unwrap()).await;
    assert_eq!(lead["lead"]["status"], "completed", "{lead:?}");
    let all = shown(&app, "spring").await;
    assert_eq!(all["status"], "completed", "{all}");
    assert_eq!(
        activities(&app, "spring").await.last().unwrap().0,
        "reconcile",
        "nobody asked for it"
    );
}

#[tokio::test]
async fn a_campaign_with_a_lead_that_waits_for_a_person_goes_on() {
    let app = TestApp::at(MONDAY_NOON).await;
    create(&app, "spring", json!({"open_intake": true})).await;
    let lead = add(&app, "spring", "+12125550142").await;
    let path = format!("/api/admin/redial-queue/lead/{}", lead["lead_id"].as_str().unwrap());
    app.post(&format!("{path}/pause"), json!({})).await;
    act(&app, "spring", "start").await;
    patch(&app, "spring", json!({"open_intake": false})).await;
    minutes(&app, 16).await;
    assert_eq!(shown(&app, "spring").await["status"], "running");
    assert_eq!(app.send("DELETE", &path, None).await.status, 200);
    minutes(&app, 6).await;
    assert_eq!(shown(&app, "spring").await["status"], "completed");
}

/// An item as it lies in the table, and whether a build from before schedules reads it.
#[tokio::test]
async fn a_build_that_knows_no_schedules_reads_a_scheduled_campaign_as_a_draft() {
    let app = TestApp::at(MONDAY_NOON).await;
    create(&app, "spring", json!({"scheduled_start_time": "2026-11-24T17:00:00Z"})).await;
    let table = app.instance().table;
    let id = CampaignId::parse("spring").unwrap();
    for key in [redial_aws::keys::campaign(&id), redial_aws::keys::gate(&id, 3)] {
        let item = table.get(&key, true).await.unwrap().unwrap();
        assert_eq!(redial_aws::table::text(&item, "status"), Some("draft"), "{key:?}");
    }
    let known = table.campaign(&id).await.unwrap().unwrap();
    assert_eq!(known.status, CampaignStatus::Scheduled);
    let reading = table.campaign_switches(&id).await.unwrap().unwrap();
    assert_eq!(reading.switches.campaign, CampaignStatus::Scheduled);
    // What an older build has stored has none of the new attributes.
    let mut item = table
        .get(&redial_aws::keys::campaign(&id), true)
        .await
        .unwrap()
        .unwrap();
    for new in ["life", "script", "caller_ids", "scheduled"] {
        item.remove(new);
    }
    let old: Campaign = redial_aws::table::read(item).unwrap();
    assert_eq!(
        (old.status, old.life.starts_at, old.script.is_empty()),
        (CampaignStatus::Draft, None, true)
    );
}

/// A process that died between the move and the bus.
#[tokio::test]
async fn a_move_that_nobody_was_told_of_is_told_by_a_later_run() {
    let app = TestApp::at(MONDAY_NOON).await;
    create(&app, "spring", json!({"open_intake": true})).await;
    let before = moves_on_the_bus(&app).await;
    let instance = app.instance();
    let id = CampaignId::parse("spring").unwrap();
    let seen = instance.table.campaign(&id).await.unwrap().unwrap();
    let runs = Campaign {
        version: seen.version + 1,
        ..seen.moved(CampaignStatus::Running, app.now()).unwrap()
    };
    let activity = redial_aws::campaign_moves::by_job(&instance, "reconcile", "started", "a test".to_owned());
    let written = instance
        .table
        .change_campaign(&runs, seen.version, &activity, vec![])
        .await;
    assert!(written.unwrap());
    minutes(&app, 6).await;
    assert_eq!(moves_on_the_bus(&app).await, before + 1);
    minutes(&app, 20).await;
    assert_eq!(moves_on_the_bus(&app).await, before + 1, "noted");
    assert_eq!(instance.table.campaign(&id).await.unwrap().unwrap().life.untold, None);
}
