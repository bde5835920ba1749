//! Promised callbacks in the loop: room is kept for them, they are moved and never lost, and lateness is shown.

#![expect(clippy::unwrap_used, reason = "helpers of tests: what is not there fails the test")]

use chrono::TimeDelta;
use redial_tests::{MONDAY_NOON, TestApp, consent, ended, instant, talk, time_of};
use serde_json::{Value, json};

const PHONE: &str = "+12125550142";

/// A talk in which a time was promised.
fn promises(time: &str) -> Value {
    let mut callback = talk("CALLBACK");
    callback["variables"] = json!({"callback_requested": true, "callback_requested_at": time});
    callback
}

async fn figures(app: &TestApp, campaign: &str) -> Value {
    app.get("/api/admin/redial-queue/status").await["status"]["callbacks"][campaign].clone()
}

/// A second campaign with the same phone, running.
async fn other_campaign(app: &TestApp, changes: Value) {
    let mut campaign = json!({"id": "other", "name": "Other", "open_intake": true, "consent": consent()});
    campaign
        .as_object_mut()
        .unwrap()
        .extend(changes.as_object().unwrap().clone());
    assert_eq!(app.post("/campaigns", campaign).await.status, 201);
    assert_eq!(app.post("/campaigns/other/start", json!({})).await.status, 200);
}

/// Ends the newest call as its campaign's network would.
async fn end_newest(app: &TestApp, campaign: &str, changes: Value) -> usize {
    let calls = app.calls().await;
    let call = calls.last().unwrap();
    let mut payload = ended(call, changes);
    payload["metadata"]["campaign_id"] = json!(campaign);
    assert_eq!(app.bland(&payload).await, 200);
    calls.len()
}

#[tokio::test]
async fn the_last_call_of_a_day_is_left_for_a_promise_over_all_campaigns() {
    let app = TestApp::at(MONDAY_NOON).await;
    let three = json!({"attempts_per_day_max": 3});
    assert_eq!(app.send("PATCH", "/campaigns/default", Some(&three)).await.status, 200);
    let lead = app.add_lead(PHONE).await;
    app.settle().await;
    app.advance(TimeDelta::seconds(30)).await;
    // Six in the evening in New York.
    end_newest(&app, "default", promises("2026-11-23T18:00:00-05:00")).await;
    assert_eq!(app.lead(&lead).await["lead"]["status"], "rescheduled");

    other_campaign(&app, json!({})).await;
    app.advance(TimeDelta::minutes(3)).await;
    let second = app
        .post("/api/leads", json!({"phone": PHONE, "campaign_id": "other"}))
        .await;
    assert_eq!(second["called_now"], true, "{second:?}");
    app.settle().await;
    app.advance(TimeDelta::seconds(30)).await;
    assert_eq!(end_newest(&app, "other", json!({})).await, 2);

    let other = second["lead_id"].as_str().unwrap();
    let shown = app.lead(other).await;
    assert_eq!(shown["lead"]["reason"], "kept_for_callback", "{shown:?}");
    assert_eq!(shown["lead"]["next_redial_iso"], "2026-11-23T23:00:00Z");
    assert_eq!(
        shown["may_be_called"]["reason"],
        json!({"code": "kept_for_callback", "limit": 3})
    );
    app.advance(instant("2026-11-23T22:59:59Z") - app.now()).await;
    assert_eq!(app.calls().await.len(), 2, "the third is kept");
    app.advance(TimeDelta::seconds(2)).await;
    let calls = app.calls().await;
    assert_eq!(calls.len(), 3, "the promise takes the last one");
    assert_eq!(time_of(&calls[2]), instant("2026-11-23T23:00:00Z"));
    app.advance(TimeDelta::seconds(30)).await;
    end_newest(&app, "default", json!({})).await;
    let shown = app.lead(&lead).await;
    assert_eq!(shown["lead"]["status"], "daily_max_reached", "{shown:?}");
    assert_eq!(
        shown["lead"]["scheduled_callback_iso"],
        Value::Null,
        "the promise was kept"
    );
    let figures = figures(&app, "default").await;
    assert_eq!(
        (&figures["dialed"], &figures["late"], &figures["open"]),
        (&json!(1), &json!(0), &json!(0)),
        "{figures}"
    );
    // The other campaign allows eight a day, and nothing is kept any more: it looks again after a quarter of an hour.
    app.advance(TimeDelta::minutes(16)).await;
    assert_eq!(app.calls().await.len(), 4);
}

#[tokio::test]
async fn florida_keeps_the_third_call_of_24_hours_for_a_promise() {
    let app = TestApp::at(MONDAY_NOON).await;
    let lead = "+13055550142";
    app.add_lead(lead).await;
    app.settle().await;
    app.advance(TimeDelta::seconds(30)).await;
    end_newest(&app, "default", promises("2026-11-23T18:00:00-05:00")).await;
    other_campaign(&app, json!({})).await;
    app.advance(TimeDelta::minutes(3)).await;
    let second = app
        .post("/api/leads", json!({"phone": lead, "campaign_id": "other"}))
        .await;
    app.settle().await;
    app.advance(TimeDelta::seconds(30)).await;
    assert_eq!(end_newest(&app, "other", json!({})).await, 2);
    let shown = app.lead(second["lead_id"].as_str().unwrap()).await;
    assert_eq!(shown["lead"]["reason"], "kept_for_callback", "{shown:?}");
    app.advance(instant("2026-11-23T23:00:01Z") - app.now()).await;
    assert_eq!(app.calls().await.len(), 3);
}

#[tokio::test]
async fn a_promise_at_night_is_kept_at_the_opening_and_shown_as_moved() {
    let app = TestApp::at(MONDAY_NOON).await;
    let lead = app.add_lead(PHONE).await;
    app.settle().await;
    app.advance(TimeDelta::seconds(30)).await;
    // Three in the morning.
    end_newest(&app, "default", promises("2026-11-24T03:00:00-05:00")).await;
    let shown = app.lead(&lead).await;
    assert_eq!(shown["lead"]["next_redial_iso"], "2026-11-24T16:00:00Z");
    assert_eq!(shown["lead"]["scheduled_callback_iso"], "2026-11-24T08:00:00Z");
    app.advance(instant("2026-11-24T10:00:00Z") - app.now()).await;
    let waiting = figures(&app, "default").await;
    assert_eq!(
        (&waiting["open"], &waiting["open_moved"], &waiting["open_late"]),
        (&json!(1), &json!(1), &json!(0)),
        "{waiting}"
    );
    let explained = app.get(&format!("/api/leads/{lead}/explain")).await;
    assert_eq!(
        explained["callback"],
        json!({
            "promised": "2026-11-24T08:00:00+00:00", "first_allowed": "2026-11-24T16:00:00+00:00",
            "moved_by": ["outside_law", "outside_window"], "late": false, "late_min": 0,
        })
    );
    app.advance(instant("2026-11-24T16:00:30Z") - app.now()).await;
    assert_eq!(app.calls().await.len(), 2);
    assert_eq!(end_newest(&app, "default", json!({})).await, 2);
    let dialed = figures(&app, "default").await;
    assert_eq!(
        dialed,
        json!({
            "date": "2026-11-24", "dialed": 1, "moved": 1, "moved_farthest_min": 480, "late": 0, "late_after_min": 5,
            "latest_min": 0, "mean_late_min": 0.0, "more": false,
            "open": 0, "open_moved": 0, "open_late": 0, "open_latest_min": 0,
        })
    );
}

#[tokio::test]
async fn a_promise_that_a_switch_kept_is_late_and_not_moved() {
    let app = TestApp::at(MONDAY_NOON).await;
    let lead = app.add_lead(PHONE).await;
    app.settle().await;
    app.advance(TimeDelta::seconds(30)).await;
    end_newest(&app, "default", promises("2026-11-23T13:00:00-05:00")).await;
    app.post("/api/admin/redial-queue/stop", json!({})).await;
    app.advance(instant("2026-11-23T18:20:00Z") - app.now()).await;
    let waiting = figures(&app, "default").await;
    assert_eq!(
        (
            &waiting["open_moved"],
            &waiting["open_late"],
            &waiting["open_latest_min"]
        ),
        (&json!(0), &json!(1), &json!(20)),
        "{waiting}"
    );
    let explained = app.get(&format!("/api/leads/{lead}/explain")).await;
    assert_eq!(
        (&explained["callback"]["late_min"], &explained["callback"]["moved_by"]),
        (&json!(20), &json!([])),
        "{explained:?}"
    );
    app.post("/api/admin/redial-queue/start", json!({})).await;
    app.advance(TimeDelta::minutes(16)).await;
    assert_eq!(end_newest(&app, "default", json!({})).await, 2);
    let dialed = figures(&app, "default").await;
    assert_eq!((&dialed["moved"], &dialed["late"]), (&json!(0), &json!(1)), "{dialed}");
}

#[tokio::test]
async fn a_removed_lead_is_owed_no_callback_and_a_paused_one_still_is() {
    let app = TestApp::at(MONDAY_NOON).await;
    let three = json!({"attempts_per_day_max": 3});
    assert_eq!(app.send("PATCH", "/campaigns/default", Some(&three)).await.status, 200);
    let lead = app.add_lead(PHONE).await;
    app.settle().await;
    app.advance(TimeDelta::seconds(30)).await;
    end_newest(&app, "default", promises("2026-11-23T18:00:00-05:00")).await;
    other_campaign(&app, json!({})).await;
    app.advance(TimeDelta::minutes(3)).await;
    let second = app
        .post("/api/leads", json!({"phone": PHONE, "campaign_id": "other"}))
        .await;
    app.settle().await;
    app.advance(TimeDelta::seconds(30)).await;
    end_newest(&app, "other", json!({})).await;
    app.post(&format!("/api/admin/redial-queue/lead/{lead}/pause"), json!({}))
        .await;
    let other = second["lead_id"].as_str().unwrap();
    assert_eq!(
        app.lead(other).await["may_be_called"]["reason"]["code"],
        "kept_for_callback"
    );
    let removed = app
        .send("DELETE", &format!("/api/admin/redial-queue/lead/{lead}"), None)
        .await;
    assert_eq!(removed.status, 200, "{removed:?}");
    assert_ne!(
        app.lead(other).await["may_be_called"]["reason"]["code"],
        "kept_for_callback"
    );
}

#[tokio::test]
async fn a_promise_moved_by_a_ban_keeps_its_lane_and_its_time() {
    let app = TestApp::at(MONDAY_NOON).await;
    let lead = app.add_lead(PHONE).await;
    app.settle().await;
    app.advance(TimeDelta::seconds(30)).await;
    end_newest(&app, "default", promises("2026-11-23T13:00:00-05:00")).await;
    app.post("/api/admin/redial-queue/stop", json!({})).await;
    app.advance(instant("2026-11-23T18:20:00Z") - app.now()).await;
    assert_eq!(app.calls().await.len(), 1);
    let shown = app.lead(&lead).await;
    assert_eq!(shown["lead"]["scheduled_callback_iso"], "2026-11-23T18:00:00Z");
    // Leads that came later do not pass it.
    for n in 0..8 {
        app.add_lead(&format!("+1212555020{n}")).await;
    }
    app.post("/api/admin/redial-queue/start", json!({})).await;
    app.advance(TimeDelta::minutes(2)).await;
    let calls = app.calls().await;
    assert_eq!(calls[1]["phone"], PHONE, "{calls:?}");
}

/// What the API says about the newest decision of a lead: its code, its words, and the code in the explanation.
async fn said(app: &TestApp, lead: &str) -> (Value, String, Value) {
    let shown = app.lead(lead).await;
    let explained = app.get(&format!("/api/leads/{lead}/explain")).await;
    let trail = &explained["decisions"][0]["decision"]["why"];
    assert_eq!(
        &shown["attempts"][0]["decision"]["why"], trail,
        "history and explanation"
    );
    (
        shown["lead"]["reason"].clone(),
        trail.as_str().unwrap().to_owned(),
        explained["planned_because"].clone(),
    )
}

#[tokio::test]
async fn a_callback_without_a_time_that_can_be_read_says_that_the_ordinary_interval_holds() {
    for callback in [promises("sometime next week"), talk("CALLBACK")] {
        let app = TestApp::at(MONDAY_NOON).await;
        let lead = app.add_lead(PHONE).await;
        app.settle().await;
        app.advance(TimeDelta::seconds(30)).await;
        end_newest(&app, "default", callback).await;
        let (code, words, planned) = said(&app, &lead).await;
        assert_eq!(
            (&code, &planned),
            (&json!("callback_without_time"), &json!("callback_without_time"))
        );
        assert_eq!(
            words,
            "2 minutes before call 2 of the day; a callback was asked for, without a time that can be read: the ordinary interval holds"
        );
        app.advance(TimeDelta::minutes(4)).await;
        assert_eq!(app.calls().await.len(), 2, "the ladder goes on");
    }
}

#[tokio::test]
async fn a_promise_for_another_year_is_a_misreading_and_is_told_with_the_time_that_was_read() {
    let app = TestApp::at(MONDAY_NOON).await;
    let lead = app.add_lead(PHONE).await;
    app.settle().await;
    app.advance(TimeDelta::seconds(30)).await;
    end_newest(&app, "default", promises("2031-05-06T18:00:00-04:00")).await;
    let (code, words, _) = said(&app, &lead).await;
    assert_eq!(code, "callback_too_far_ahead");
    assert_eq!(
        words,
        "2 minutes before call 2 of the day; a callback was asked for at 2031-05-06T22:00:00Z, more than 366 days ahead, which is taken for a misreading: the ordinary interval holds"
    );
    let shown = app.lead(&lead).await;
    assert_eq!(shown["lead"]["scheduled_callback_iso"], Value::Null);
    app.advance(TimeDelta::minutes(4)).await;
    assert_eq!(app.calls().await.len(), 2);

    // A year ahead is far, and can be meant.
    app.advance(TimeDelta::seconds(30)).await;
    end_newest(&app, "default", promises("2027-11-23T12:00:00-05:00")).await;
    assert_eq!(app.lead(&lead).await["lead"]["status"], "rescheduled");
}

#[tokio::test]
async fn a_new_wish_without_a_time_leaves_what_was_promised_before() {
    let app = TestApp::at(MONDAY_NOON).await;
    let lead = app.add_lead(PHONE).await;
    app.settle().await;
    app.advance(TimeDelta::seconds(30)).await;
    end_newest(&app, "default", promises("2026-11-23T18:00:00-05:00")).await;
    let inbound = json!({"call_id": "c-in", "to": "+12125550100", "from": PHONE, "inbound": true, "status": "completed",
        "completed": true, "answered_by": "human", "disposition_tag": "CALLBACK"});
    assert_eq!(app.bland(&inbound).await, 200);
    let shown = app.lead(&lead).await;
    assert_eq!(
        shown["lead"]["scheduled_callback_iso"], "2026-11-23T23:00:00Z",
        "{shown:?}"
    );
}
