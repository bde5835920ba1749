//! The provider at its worst: limits, errors before and after accepting, lists that lag. Never a second call on a
//! guess, and never a lead that is forgotten.

use chrono::TimeDelta;
use redial_tests::{MONDAY_NOON, TestApp, talk};
use serde_json::{Value, json};

async fn behave(app: &TestApp, how: Value) {
    let set = app.post("/local/phones", how).await;
    assert_eq!(set.status, 200, "{set:?}");
}

#[tokio::test]
async fn a_rate_limit_burns_no_attempt_and_the_lead_goes_on() {
    let app = TestApp::at(MONDAY_NOON).await;
    behave(&app, json!({"rate_limit_next": 1, "retry_after_s": 90})).await;
    let lead = app.add_lead("+12125550142").await;
    app.settle().await;
    let shown = app.lead(&lead).await;
    assert_eq!(
        (
            shown["lead"]["status"].as_str(),
            shown["lead"]["attempts"].as_u64(),
            shown["calls_to_phone_today"].as_u64()
        ),
        (Some("pending"), Some(0), Some(0))
    );
    app.advance(TimeDelta::seconds(80)).await;
    assert_eq!(
        app.calls().await.len(),
        0,
        "the account rests as long as the provider asked"
    );
    app.advance(TimeDelta::seconds(60)).await;
    assert_eq!(app.calls().await.len(), 1);
}

#[tokio::test]
async fn an_error_before_accepting_is_ambiguous_until_the_provider_has_been_asked_twice() {
    let app = TestApp::at(MONDAY_NOON).await;
    behave(&app, json!({"fail_before_next": 1})).await;
    let lead = app.add_lead("+12125550142").await;
    app.settle().await;
    let shown = app.lead(&lead).await;
    assert_eq!(
        (shown["lead"]["status"].as_str(), shown["calls_to_phone_today"].as_u64()),
        (Some("dialing"), Some(1)),
        "locked and counted: {shown:?}"
    );
    app.advance(TimeDelta::minutes(9)).await;
    assert_eq!(app.calls().await.len(), 0, "one look is not enough");
    app.advance(TimeDelta::minutes(8)).await;
    let shown = app.lead(&lead).await;
    assert_eq!(shown["attempts"][0]["outcome"], "lost", "{shown:?}");
    assert_eq!(shown["lead"]["attempts"], 1);
    assert_eq!(app.calls().await.len(), 1, "the lead goes on by its interval");
}

#[tokio::test]
async fn an_error_after_accepting_never_calls_twice() {
    let app = TestApp::at(MONDAY_NOON).await;
    behave(&app, json!({"fail_after_next": 1, "list_late_s": 60})).await;
    let lead = app.add_lead("+12125550142").await;
    app.settle().await;
    assert_eq!(app.calls().await.len(), 1);
    app.advance(TimeDelta::minutes(30)).await;
    assert_eq!(
        app.calls().await.len(),
        1,
        "reconcile finds the call by its number and our id"
    );
    assert_eq!(app.lead(&lead).await["lead"]["status"], "dialing");
    let call = app.calls().await.remove(0);
    app.ends(&call, talk("SALE")).await;
    let shown = app.lead(&lead).await;
    assert_eq!(
        (
            shown["lead"]["status"].as_str(),
            shown["attempts"].as_array().map(Vec::len)
        ),
        (Some("completed"), Some(1))
    );
}

#[tokio::test]
async fn a_refused_number_moves_on_without_a_count_and_waits_longer_each_time() {
    let app = TestApp::at(MONDAY_NOON).await;
    behave(&app, json!({"refuse_next": 3})).await;
    let lead = app.add_lead("+12125550142").await;
    app.settle().await;
    let shown = app.lead(&lead).await;
    assert_eq!(
        (
            shown["lead"]["attempts"].as_u64(),
            shown["calls_to_phone_today"].as_u64()
        ),
        (Some(0), Some(0)),
        "{shown:?}"
    );
    assert_eq!(shown["attempts"][0]["outcome"], "not_placed");
    app.advance(TimeDelta::hours(1)).await;
    assert_eq!(app.calls().await.len(), 1);
    let waits: Vec<_> = app.lead(&lead).await["attempts"]
        .as_array()
        .unwrap()
        .iter()
        .map(|a| redial_tests::instant(a["started_at"].as_str().unwrap()))
        .collect();
    assert_eq!(waits.len(), 3);
    assert!(waits[0] - waits[1] > waits[1] - waits[2], "{waits:?}");
}

#[tokio::test]
async fn a_webhook_before_the_answer_and_reports_sent_twice_change_nothing_twice() {
    let app = TestApp::with(MONDAY_NOON, |options| {
        options.phones = redial_local::phone_settings::PhonesMode::Simulated
    })
    .await;
    behave(
        &app,
        json!({"webhook_first_next": 1, "deliver_twice": true, "outcome": "busy"}),
    )
    .await;
    let lead = app.add_lead("+12125550142").await;
    app.advance(TimeDelta::minutes(1)).await;
    let shown = app.lead(&lead).await;
    assert_eq!(
        (
            shown["lead"]["attempts"].as_u64(),
            shown["attempts"].as_array().map(Vec::len)
        ),
        (Some(1), Some(1)),
        "{shown:?}"
    );
    app.advance(TimeDelta::hours(7)).await;
    let shown = app.lead(&lead).await;
    assert_eq!(
        (shown["lead"]["status"].as_str(), shown["lead"]["attempts"].as_u64()),
        (Some("daily_max_reached"), Some(8))
    );
    assert_eq!(app.calls().await.len(), 8);
}

#[tokio::test]
async fn no_concurrency_above_the_campaigns() {
    let app = TestApp::at("2026-11-23T15:59:00Z").await;
    for n in 0..20 {
        app.add_lead(&format!("+121255501{n:02}")).await;
    }
    app.advance(TimeDelta::minutes(5)).await;
    assert_eq!(app.calls().await.len(), 5, "five at once, and none has ended");
    let call = app.calls().await.remove(0);
    app.ends(&call, json!({})).await;
    app.advance(TimeDelta::seconds(70)).await;
    assert_eq!(app.calls().await.len(), 6);
}

#[tokio::test]
async fn a_message_that_comes_again_after_its_claim_leaves_what_is_in_flight_to_reconcile() {
    let app = TestApp::at(MONDAY_NOON).await;
    behave(&app, json!({"fail_before_next": 1})).await;
    let id = app.add_lead("+12125550142").await;
    app.settle().await;
    let direct = app.instance();
    let campaign = redial_domain::CampaignId::default_campaign();
    let owner = redial_domain::Owner::from(&campaign);
    let slots = direct.table.slots(&owner, 0).await.unwrap();
    let (phone, token) = slots[0].tokens.iter().next().unwrap();
    let message = redial_aws::messages::DialMessage {
        v: 1,
        attempt: token.attempt.clone(),
        phone: phone.clone(),
        campaign,
        owner: owner.clone(),
        shard: 0,
        slot: 0,
        lead_version: 1,
        claim_until: token.claim_until,
    };
    app.advance(TimeDelta::minutes(4)).await;
    let dialer = redial_dialer::Handler::new(app.instance()).await.unwrap();
    let body = serde_json::to_string(&message).unwrap();
    dialer
        .handle(json!({"Records": [{"messageId": "m", "body": body}]}))
        .await
        .unwrap();
    assert_eq!(
        direct.table.slots(&owner, 0).await.unwrap()[0].tokens.len(),
        1,
        "what is in flight keeps its token"
    );
    // And should it be gone all the same, the tick gives it back and reconcile asks.
    direct
        .table
        .free_token(&owner, 0, 0, phone, &token.attempt)
        .await
        .unwrap();
    app.advance(TimeDelta::minutes(25)).await;
    let shown = app.lead(&id).await;
    assert_eq!(shown["attempts"][0]["outcome"], "lost", "{shown:?}");
    assert_eq!(app.calls().await.len(), 1, "the lead goes on");
}
