//! The loop, as its users see it: a lead comes in, is called, the outcome decides the next call, until it ends.

use chrono::{TimeDelta, Timelike};
use redial_tests::{MONDAY_NOON, TestApp, consent, ended, instant, talk, time_of};
use serde_json::json;

const PHONE: &str = "+12125550142";

/// The next tick at or after an instant: ticks come at whole minutes.
fn tick_at_or_after(at: chrono::DateTime<chrono::Utc>) -> chrono::DateTime<chrono::Utc> {
    let past = TimeDelta::seconds(i64::from(at.second())) + TimeDelta::nanoseconds(i64::from(at.nanosecond()));
    if past.is_zero() {
        at
    } else {
        at - past + TimeDelta::minutes(1)
    }
}

#[tokio::test]
async fn a_new_lead_is_called_within_five_seconds_and_then_climbs_the_ladder_to_the_minute() {
    let app = TestApp::at(MONDAY_NOON).await;
    let lead = app.add_lead(PHONE).await;
    app.settle().await;
    let calls = app.calls().await;
    assert_eq!(calls.len(), 1, "{calls:?}");
    assert!(time_of(&calls[0]) - instant(MONDAY_NOON) <= TimeDelta::seconds(5));

    for (n, interval_min) in [2, 5, 10, 30, 60, 120, 120].into_iter().enumerate() {
        app.advance(TimeDelta::seconds(25)).await;
        let ended_at = app.now();
        let calls = app.calls().await;
        assert_eq!(app.ends(&calls[n], json!({})).await, 200);
        let due = ended_at + TimeDelta::minutes(interval_min);
        app.advance(due - app.now() - TimeDelta::seconds(1)).await;
        assert_eq!(app.calls().await.len(), n + 1, "call {} came early", n + 2);
        app.advance(TimeDelta::seconds(61)).await;
        let calls = app.calls().await;
        assert_eq!(calls.len(), n + 2, "call {} did not come", n + 2);
        let late = time_of(&calls[n + 1]) - tick_at_or_after(due);
        assert!(
            (TimeDelta::zero()..TimeDelta::seconds(5)).contains(&late),
            "call {}: {late} after its tick",
            n + 2
        );
        app.advance(TimeDelta::zero()).await;
    }

    app.advance(TimeDelta::seconds(25)).await;
    let calls = app.calls().await;
    app.ends(&calls[7], json!({})).await;
    let shown = app.lead(&lead).await;
    assert_eq!(shown["lead"]["status"], "daily_max_reached", "{shown:?}");
    assert_eq!(shown["lead"]["next_redial_iso"], "2026-11-24T16:00:00Z");
    app.advance(TimeDelta::hours(14)).await;
    assert_eq!(app.calls().await.len(), 8, "the ninth waits for the next opening");
    app.advance(instant("2026-11-24T16:01:00Z") - app.now()).await;
    let calls = app.calls().await;
    assert_eq!(calls.len(), 9);
    assert!(time_of(&calls[8]) >= instant("2026-11-24T16:00:00Z"));
    assert_eq!(
        app.lead(&lead).await["lead"]["attempts_today"],
        0,
        "the ninth is still ringing"
    );
}

#[tokio::test]
async fn a_sale_and_a_do_not_call_end_it_and_a_declined_sale_does_not() {
    let app = TestApp::at(MONDAY_NOON).await;
    let leads = [
        (app.add_lead("+12125550101").await, "SALE", "completed"),
        (app.add_lead("+12125550102").await, "DNC", "completed"),
        (app.add_lead("+12125550103").await, "DECLINED_SALE", "pending"),
    ];
    app.settle().await;
    let calls = app.calls().await;
    assert_eq!(calls.len(), 3);
    for (id, disposition, _) in &leads {
        let phone = app.lead(id).await["lead"]["phone_number"].clone();
        let call = calls.iter().find(|call| call["phone"] == phone).unwrap();
        app.ends(call, talk(disposition)).await;
    }
    for (id, disposition, state) in &leads {
        assert_eq!(app.lead(id).await["lead"]["status"], *state, "{disposition}");
    }
    app.advance(TimeDelta::hours(24)).await;
    let again: Vec<_> = app.calls().await.split_off(3);
    assert!(
        !again.is_empty() && again.iter().all(|call| call["phone"] == "+12125550103"),
        "{again:?}"
    );
}

#[tokio::test]
async fn a_do_not_call_that_is_only_in_the_second_delivery_stops_the_lead() {
    let app = TestApp::at(MONDAY_NOON).await;
    let lead = app.add_lead(PHONE).await;
    app.settle().await;
    let call = app.calls().await.remove(0);
    app.ends(&call, talk("FOLLOW_UP")).await;
    let later = json!({
        "call_id": call["call_id"],
        "event_type": "citations",
        "corrected_transcript": [{"speaker_label": "user", "text": "Please never call me again.", "start": 1.0, "end": 2.0}],
    });
    assert_eq!(app.bland(&later).await, 200);
    let shown = app.lead(&lead).await;
    assert_eq!(shown["lead"]["status"], "completed", "{shown:?}");
    assert_eq!(shown["may_be_called"]["reason"]["code"], "do_not_call");
    assert_eq!(
        (
            shown["lead"]["attempts"].as_u64(),
            shown["attempts"].as_array().unwrap().len()
        ),
        (Some(1), 1)
    );
    app.advance(TimeDelta::hours(24)).await;
    assert_eq!(app.calls().await.len(), 1);
}

#[tokio::test]
async fn a_sale_reported_after_a_transfer_stops_it_and_is_no_second_attempt() {
    let app = TestApp::at(MONDAY_NOON).await;
    let lead = app.add_lead(PHONE).await;
    app.settle().await;
    let call = app.calls().await.remove(0);
    let mut transfer = talk("TRANSFERRED");
    transfer["warm_transfer_call"] = json!({"state": "MERGED"});
    app.ends(&call, transfer).await;
    let shown = app.lead(&lead).await;
    assert_eq!(
        (shown["lead"]["status"].as_str(), shown["lead"]["lead_status"].as_str()),
        (Some("pending"), Some("transferred"))
    );
    let mut sale = talk("TRANSFER_SALE");
    sale["warm_transfer_call"] = json!({"state": "MERGED"});
    app.ends(&call, sale).await;
    let shown = app.lead(&lead).await;
    assert_eq!(
        (shown["lead"]["status"].as_str(), shown["lead"]["lead_status"].as_str()),
        (Some("completed"), Some("sale"))
    );
    assert_eq!(shown["lead"]["attempts"], 1);
    assert_eq!(shown["attempts"][0]["deliveries"], 2);
    app.advance(TimeDelta::hours(24)).await;
    assert_eq!(app.calls().await.len(), 1);
}

#[tokio::test]
async fn a_promised_time_is_kept() {
    let app = TestApp::at(MONDAY_NOON).await;
    let lead = app.add_lead(PHONE).await;
    app.settle().await;
    let call = app.calls().await.remove(0);
    let mut callback = talk("CALLBACK");
    callback["variables"] = json!({"callback_requested": true, "callback_requested_at": "2026-11-24T18:30:00-05:00"});
    app.ends(&call, callback).await;
    assert_eq!(app.lead(&lead).await["lead"]["status"], "rescheduled");
    app.advance(instant("2026-11-24T23:29:59Z") - app.now()).await;
    assert_eq!(app.calls().await.len(), 1);
    app.advance(TimeDelta::seconds(2)).await;
    assert_eq!(app.calls().await.len(), 2);
}

#[tokio::test]
async fn switched_off_means_no_call_and_switched_on_means_they_go_on() {
    let app = TestApp::at("2026-11-23T15:59:50Z").await;
    for n in 0..8 {
        app.add_lead(&format!("+1212555010{n}")).await;
    }
    for (off, on) in [("disable", "enable"), ("stop", "start")] {
        let answered = app.post(&format!("/api/admin/redial-queue/{off}"), json!({})).await;
        assert_eq!(
            (answered.status, answered["remaining"].as_array().map(Vec::len)),
            (200, Some(0))
        );
        let before = app.calls().await.len();
        app.advance(TimeDelta::minutes(20)).await;
        assert_eq!(app.calls().await.len(), before, "{off}");
        assert_eq!(
            app.post(&format!("/api/admin/redial-queue/{on}"), json!({}))
                .await
                .status,
            200
        );
        app.advance(TimeDelta::minutes(16)).await;
        assert!(app.calls().await.len() > before, "{on}");
        for call in app.calls().await.split_off(before) {
            app.ends(&call, talk("SALE")).await;
        }
    }
}

#[tokio::test]
async fn a_pause_asked_for_twice_is_answered_when_nothing_can_be_placed_any_more() {
    let app = TestApp::at(MONDAY_NOON).await;
    // The provider takes the call and never says so.
    app.post("/local/phones", json!({"hang_after_next": 1})).await;
    let lead = app.add_lead(PHONE).await;
    while app.calls().await.is_empty() {}
    let call = app.calls().await.remove(0);
    let order = std::sync::Mutex::new(Vec::new());
    let path = format!("/api/admin/redial-queue/lead/{lead}/pause");
    let pause = async |note| {
        let paused = app.post(&path, json!({})).await;
        assert_eq!((paused.status, &paused["remaining"]), (200, &json!([])));
        order.lock().unwrap().push(note);
    };
    let is_paused = async || while app.lead(&lead).await["lead"]["reason"] != "paused" {};
    let again = async {
        is_paused().await;
        pause("paused again").await;
    };
    let ends = async {
        is_paused().await;
        // Some round trips, in which a hasty answer would come.
        for _ in 0..20 {
            app.lead(&lead).await;
        }
        order.lock().unwrap().push("ended");
        assert_eq!(app.bland_unsettled(&ended(&call, json!({}))).await, 200);
    };
    futures::join!(pause("paused"), again, ends);
    assert_eq!(order.lock().unwrap()[0], "ended");
}

#[tokio::test]
async fn a_switch_holds_for_what_is_queued_already() {
    // Two calls a minute: the second claim waits half a minute in the dial queue.
    let app = TestApp::at("2026-11-23T15:59:00Z").await;
    let limits = json!({"calls_per_minute_max": 2});
    assert_eq!(app.send("PATCH", "/campaigns/default", Some(&limits)).await.status, 200);
    for n in 0..4 {
        app.add_lead(&format!("+1212555010{n}")).await;
    }
    app.advance(TimeDelta::seconds(65)).await;
    assert_eq!(app.calls().await.len(), 1);
    let queued = app.get("/api/admin/redial-queue/status").await["stats"]["queued"].as_u64();
    assert_eq!(queued, Some(1));
    app.post("/api/admin/redial-queue/disable", json!({})).await;
    app.advance(TimeDelta::minutes(3)).await;
    assert_eq!(app.calls().await.len(), 1);
    app.post("/api/admin/redial-queue/enable", json!({})).await;
    app.advance(TimeDelta::minutes(2)).await;
    assert!(app.calls().await.len() >= 3);
}

#[tokio::test]
async fn a_paused_lead_is_not_called_until_it_is_resumed() {
    let app = TestApp::at("2026-11-23T15:59:00Z").await;
    let lead = app.add_lead(PHONE).await;
    let paused = app
        .post(
            &format!("/api/admin/redial-queue/lead/{lead}/pause?phone=+12125550142"),
            json!({}),
        )
        .await;
    assert_eq!(
        (paused.status, paused["status"].as_str()),
        (200, Some("paused")),
        "{paused:?}"
    );
    app.advance(TimeDelta::minutes(10)).await;
    assert_eq!(app.calls().await.len(), 0);
    let resumed = app
        .post(&format!("/api/admin/redial-queue/lead/{lead}/resume"), json!({}))
        .await;
    assert_eq!(resumed["status"], "pending");
    app.advance(TimeDelta::minutes(1)).await;
    assert_eq!(app.calls().await.len(), 1);
    let removed = app
        .send("DELETE", &format!("/api/admin/redial-queue/lead/{lead}"), None)
        .await;
    assert_eq!(removed["status"], "removed");
    let call = app.calls().await.remove(0);
    app.ends(&call, json!({})).await;
    app.advance(TimeDelta::hours(1)).await;
    assert_eq!(app.calls().await.len(), 1);
    let what: Vec<_> = app.lead(&lead).await["activities"]
        .as_array()
        .unwrap()
        .iter()
        .map(|a| a["what"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(what, ["removed", "resumed", "paused", "added"]);
}

#[tokio::test]
async fn one_phone_in_two_campaigns_is_one_line() {
    let app = TestApp::at(MONDAY_NOON).await;
    let other = app
        .post(
            "/campaigns",
            json!({"id": "other", "name": "Other", "open_intake": true, "consent": consent()}),
        )
        .await;
    assert_eq!(other.status, 201, "{other:?}");
    assert_eq!(app.post("/campaigns/other/start", json!({})).await.status, 200);
    app.add_lead(PHONE).await;
    app.settle().await;
    let second = app
        .post("/api/leads", json!({"phone": PHONE, "campaign_id": "other"}))
        .await;
    assert_eq!(
        (second.status, second["reason"].as_str()),
        (201, Some("in_flight")),
        "{second:?}"
    );
    app.advance(TimeDelta::minutes(5)).await;
    assert_eq!(app.calls().await.len(), 1, "never two at once");
    let call = app.calls().await.remove(0);
    app.bland(&ended(&call, json!({}))).await;
    app.advance(TimeDelta::minutes(3)).await;
    assert_eq!(app.calls().await.len(), 2);
}

#[tokio::test]
async fn a_webhook_that_never_comes_is_asked_for() {
    let app = TestApp::at(MONDAY_NOON).await;
    let lead = app.add_lead(PHONE).await;
    app.settle().await;
    assert_eq!(app.calls().await.len(), 1);
    app.advance(TimeDelta::hours(1)).await;
    let shown = app.lead(&lead).await;
    assert_eq!(
        shown["lead"]["status"], "dialing",
        "the silent network says that it goes on: {shown:?}"
    );
    assert_eq!(app.calls().await.len(), 1);
}

#[tokio::test]
async fn an_inbound_call_that_asks_for_a_stop_stops() {
    let app = TestApp::at("2026-11-23T15:00:00Z").await;
    let lead = app.add_lead(PHONE).await;
    let inbound = json!({
        "call_id": "in-1", "to": "+14155550100", "from": PHONE, "inbound": true, "status": "completed", "completed": true,
        "answered_by": "human", "call_length": 1.0, "transcripts": [{"user": "user", "text": "Take me off your list."}], "metadata": {},
    });
    assert_eq!(app.bland(&inbound).await, 200);
    let shown = app.lead(&lead).await;
    assert_eq!(
        (shown["lead"]["status"].as_str(), shown["lead"]["attempts"].as_u64()),
        (Some("completed"), Some(0))
    );
    app.advance(TimeDelta::hours(5)).await;
    assert_eq!(app.calls().await.len(), 0);
}

#[tokio::test]
async fn a_new_lead_of_the_crm_is_called() {
    let app = TestApp::at(MONDAY_NOON).await;
    let form = "first_name=Dana&phone_number=2125550142&state=NY&lead_id=48213&list_id=16529&postal_code=10001";
    let posted = redial_tests::answer(
        app.request("POST", "/webhooks/convoso")
            .header("content-type", "application/x-www-form-urlencoded")
            .body(form),
    )
    .await;
    assert_eq!(posted.status, 200, "{posted:?}");
    app.settle().await;
    assert_eq!(app.calls().await.len(), 1);
    let shown = app.lead("48213").await;
    assert_eq!(
        (shown["lead"]["crm_id"].as_str(), shown["lead"]["state"].as_str()),
        (Some("48213"), Some("NY"))
    );
}

#[tokio::test]
async fn leads_added_while_off_go_on_as_soon_as_it_is_on() {
    let app = TestApp::at(MONDAY_NOON).await;
    app.post("/api/admin/redial-queue/stop", json!({})).await;
    let added = app.post("/api/leads", json!({"phone": PHONE})).await;
    assert_eq!(added["reason"], "stopped");
    app.post("/api/admin/redial-queue/start", json!({})).await;
    app.post("/api/admin/redial-queue/process", json!({})).await;
    app.settle().await;
    assert_eq!(app.calls().await.len(), 1);
}
