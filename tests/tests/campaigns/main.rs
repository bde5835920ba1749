//! Campaigns over the API and by themselves: their life, what they say, and which numbers they show.

#![expect(clippy::unwrap_used, reason = "helpers of tests: what is not there fails the test")]

mod by_hand;
mod by_itself;
mod caller_ids;
mod script;

use chrono::TimeDelta;
use redial_tests::{Answer, TestApp, consent};
use serde_json::{Value, json};

async fn create(app: &TestApp, id: &str, more: Value) -> Answer {
    let mut body = json!({"id": id, "name": "Spring", "consent": consent()});
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    app.post("/campaigns", body).await
}

async fn patch(app: &TestApp, id: &str, body: Value) -> Answer {
    app.send("PATCH", &format!("/campaigns/{id}"), Some(&body)).await
}

async fn delete(app: &TestApp, id: &str) -> Answer {
    app.send("DELETE", &format!("/campaigns/{id}"), None).await
}

async fn act(app: &TestApp, id: &str, what: &str) -> Answer {
    app.post(&format!("/campaigns/{id}/{what}"), json!({})).await
}

async fn shown(app: &TestApp, id: &str) -> Value {
    app.get(&format!("/campaigns/{id}?include_deleted=true")).await.body
}

async fn add(app: &TestApp, campaign: &str, phone: &str) -> Answer {
    app.post("/api/leads", json!({"phone": phone, "campaign_id": campaign}))
        .await
}

async fn minutes(app: &TestApp, minutes: i64) {
    app.advance(TimeDelta::minutes(minutes)).await;
}

/// What was done with a campaign, oldest first: who, what.
async fn activities(app: &TestApp, id: &str) -> Vec<(String, String)> {
    let told = app.get(&format!("/campaigns/{id}/activities")).await;
    assert_eq!(told.status, 200, "{told:?}");
    let all = told["activities"].as_array().unwrap().iter().rev();
    all.map(|one| {
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        (text(&one["actor"]["name"]), text(&one["what"]))
    })
    .collect()
}

async fn moves_on_the_bus(app: &TestApp) -> u64 {
    let metrics = app.get("/local/metrics").await;
    metrics["bus"]["CampaignMoved"].as_u64().unwrap_or_default()
}

/// A running campaign `spring` that takes leads, with more fields; or why not.
async fn spring(app: &TestApp, more: Value) -> Answer {
    let mut body = json!({"id": "spring", "name": "Spring", "open_intake": true, "consent": consent()});
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let created = app.post("/campaigns", body).await;
    if created.status == 201 {
        let started = app.post("/campaigns/spring/start", json!({})).await;
        assert_eq!(started.status, 200, "{started:?}");
    }
    created
}

/// Adds a lead to it, with what is known about the person, and lets it be called.
async fn called(app: &TestApp, phone: &str, more: Value) -> String {
    let mut body = json!({"phone": phone, "campaign_id": "spring"});
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let added = app.post("/api/leads", body).await;
    assert_eq!(added.status, 201, "{added:?}");
    app.settle().await;
    added["lead_id"].as_str().unwrap().to_owned()
}
