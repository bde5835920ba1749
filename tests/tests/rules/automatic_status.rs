//! What was said moves a lead, on a board in Hebrew and English (K2).

#![expect(clippy::unwrap_used, reason = "helpers of tests: what is not there fails the test")]

use chrono::TimeDelta;
use redial_tests::{TestApp, consent, ended};
use serde_json::{Value, json};

/// Monday noon in Jerusalem: the board's calling hours.
const NOON: &str = "2026-11-23T10:00:00Z";

async fn board() -> TestApp {
    let app = TestApp::at(NOON).await;
    let campaign = json!({"id": "board", "name": "Board", "rule_set": "kanban-he", "open_intake": true,
        "registry_checked_at": "2026-11-20T10:00:00Z", "consent": consent()});
    let made = app.post("/campaigns", campaign).await;
    assert_eq!(made.status, 201, "{made:?}");
    assert_eq!(app.post("/campaigns/board/start", json!({})).await.status, 200);
    app
}

/// Calls a new lead, who says this, and gives the lead as the API shows it.
async fn says(app: &TestApp, phone: &str, changes: Value) -> Value {
    let before = app.calls().await.len();
    let lead = json!({"phone": phone, "campaign_id": "board"});
    let added = app.post("/api/leads", lead).await;
    assert_eq!(added.status, 201, "{added:?}");
    app.settle().await;
    let call = app.calls().await.remove(before);
    let mut talk = json!({
        "status": "completed", "answered_by": "human", "call_length": 1.5, "corrected_duration": "90",
        "metadata": {"attempt_id": call["attempt_id"], "campaign_id": "board"},
    });
    talk.as_object_mut()
        .unwrap()
        .extend(changes.as_object().unwrap().clone());
    assert_eq!(app.bland(&ended(&call, talk)).await, 200);
    app.lead(added["lead_id"].as_str().unwrap()).await.body
}

fn lead_said(text: &str) -> Value {
    json!({"transcripts": [
        {"id": 1, "user": "assistant", "text": "Are you interested in our offer?"},
        {"id": 2, "user": "user", "text": text},
    ]})
}

#[tokio::test]
async fn what_the_lead_says_moves_it_and_the_reason_is_kept() {
    let app = board().await;
    let later = says(&app, "+972501234501", lead_said("תחזור אלי מחר")).await;
    assert_eq!(later["lead"]["lead_status"], "follow_up", "{later}");
    let decision = &later["attempts"][0]["decision"];
    assert!(
        decision["moved_by"]["line"]
            .as_str()
            .unwrap()
            .starts_with("auto_status:"),
        "{decision}"
    );
    assert!(
        decision["moved_by"]["why"].as_str().unwrap().contains("points"),
        "{decision}"
    );
    assert!(
        later["lead"]["summary"]
            .as_str()
            .unwrap()
            .ends_with("Lead: תחזור אלי מחר"),
        "{later}"
    );
    assert_eq!(later["lead"]["summary_from"], "transcript");

    let no = says(&app, "+972501234502", lead_said("no thanks, not interested")).await;
    assert_eq!(
        (&no["lead"]["lead_status"], &no["lead"]["status"]),
        (&json!("not_relevant"), &json!("completed"))
    );
    // Our own question is not the lead's answer.
    let nothing = says(&app, "+972501234503", lead_said("who is this?")).await;
    assert_eq!(nothing["lead"]["lead_status"], "contacted", "{nothing}");
}

#[tokio::test]
async fn a_summary_comes_before_the_end_of_the_talk_and_a_stop_before_everything() {
    let app = board().await;
    let mut words = lead_said("yes I am interested, send me the details");
    words["summary"] = json!("The customer asked for the price list.");
    let told = says(&app, "+972501234504", words).await;
    assert_eq!(
        (&told["lead"]["lead_status"], &told["lead"]["summary_from"]),
        (&json!("interested"), &json!("provider")),
        "{told}"
    );
    assert_eq!(told["lead"]["summary"], "The customer asked for the price list.");
    assert!(told["lead"]["last_contact_at"].is_string());
    let stop = says(
        &app,
        "+972501234505",
        lead_said("I am interested in nothing, take me off your list"),
    )
    .await;
    assert_eq!(stop["lead"]["lead_status"], "not_relevant", "{stop}");
    assert!(stop["do_not_call"].is_object(), "{stop}");
    app.advance(TimeDelta::hours(2)).await;
    let calls = app.calls().await;
    assert_eq!(calls.iter().filter(|call| call["phone"] == "+972501234505").count(), 1);
}
