//! Many at once: the same webhook, the same due leads. One change, one call.

#![expect(clippy::unwrap_used, reason = "helpers of tests: what is not there fails the test")]

use std::collections::BTreeMap;

use chrono::TimeDelta;
use redial_aws::messages::{DialMessage, TickMessage};
use redial_aws::slots::{CLAIM, Claim, Token};
use redial_domain::{CampaignId, Owner, Phone, Region};
use redial_tests::{MONDAY_NOON, TestApp, ended};
use serde_json::{Value, json};

/// One message as Lambda's event source delivers it.
fn record(body: &impl serde::Serialize) -> Value {
    let body = serde_json::to_string(body).unwrap();
    json!({"Records": [{"messageId": "m", "receiptHandle": "r", "body": body, "attributes": {"ApproximateReceiveCount": "1"}}]})
}

#[tokio::test]
async fn the_same_webhook_fifty_times_twenty_at_once_is_one_change() {
    let app = TestApp::at(MONDAY_NOON).await;
    let lead = app.add_lead("+12125550142").await;
    app.settle().await;
    let payload = ended(&app.calls().await[0], json!({}));
    for chunk in [20, 20, 10] {
        let posts = (0..chunk).map(|_| app.bland_unsettled(&payload));
        assert!(
            futures::future::join_all(posts)
                .await
                .into_iter()
                .all(|status| status == 200)
        );
    }
    app.settle().await;
    let shown = app.lead(&lead).await;
    assert_eq!(
        (
            shown["lead"]["attempts"].as_u64(),
            shown["lead"]["outcomes"].as_array().map(Vec::len)
        ),
        (Some(1), Some(1)),
        "{shown:?}"
    );
    assert_eq!(shown["attempts"].as_array().map(Vec::len), Some(1));
    assert_eq!(shown["attempts"][0]["deliveries"], 1);
    assert_eq!(
        (
            app.metric("outcome.applied").await,
            app.metric("outcome.duplicate").await
        ),
        (1, 49)
    );
    assert_eq!(
        app.metric("webhook.accepted").await,
        50,
        "received = applied + duplicate"
    );
}

#[tokio::test]
async fn two_hundred_ticks_at_once_call_each_lead_once() {
    let app = TestApp::at("2026-11-23T15:30:00Z").await;
    let many = json!({"max_concurrent_calls": 40});
    assert_eq!(app.send("PATCH", "/campaigns/default", Some(&many)).await.status, 200);
    for n in 0..30 {
        app.add_lead(&format!("+121255501{n:02}")).await;
    }
    app.advance(TimeDelta::minutes(29)).await;
    assert_eq!(app.calls().await.len(), 0);
    // The opening, seen by two hundred ticks at once, each with its own caches, and by the schedule as well.
    let opening = redial_tests::instant("2026-11-23T16:00:00Z");
    let ask = TickMessage {
        v: 1,
        campaign: CampaignId::default_campaign(),
        shard: 0,
        asked_at: opening,
    };
    app.running.clock().advance_to(opening);
    let handlers: Vec<_> = (0..200).map(|_| redial_tick::Handler::new(app.instance())).collect();
    let event = record(&ask);
    let ticks = handlers.iter().map(|handler| handler.handle(event.clone()));
    for answer in futures::future::join_all(ticks).await {
        assert_eq!(answer.unwrap()["batchItemFailures"], json!([]));
    }
    app.settle().await;
    app.advance(TimeDelta::minutes(2)).await;
    let mut calls: BTreeMap<String, u32> = BTreeMap::new();
    for call in app.calls().await {
        *calls.entry(call["phone"].as_str().unwrap().to_owned()).or_default() += 1;
    }
    assert_eq!((calls.len(), calls.values().max()), (30, Some(&1)), "{calls:?}");
}

#[tokio::test]
async fn two_hundred_dialers_at_once_with_one_claim_call_once() {
    let app = TestApp::at("2026-11-23T15:59:00Z").await;
    let id = app.add_lead("+12125550142").await;
    let direct = app.instance();
    app.running
        .clock()
        .advance_to(redial_tests::instant("2026-11-23T16:00:00Z") - TimeDelta::milliseconds(1));
    app.running
        .clock()
        .advance_to(redial_tests::instant("2026-11-23T16:00:00Z"));
    let now = direct.clock.now();
    let phone = Phone::parse("+12125550142", Region::US).unwrap();
    let campaign = CampaignId::default_campaign();
    let owner = Owner::from(&campaign);
    let lead = direct.table.lead(&phone, &campaign, now).await.unwrap().unwrap();
    assert_eq!(lead.id.as_str(), id);
    let attempt = direct.ids.attempt(now);
    let token = Token {
        attempt: attempt.clone(),
        claim_until: now + CLAIM,
    };
    let slots = direct.table.slots(&owner, 0).await.unwrap();
    // Whoever claims first, the schedule or we, the line is reserved once.
    let _ = direct
        .table
        .claim(
            &owner,
            0,
            &slots[0],
            &Claim {
                tokens: &[(phone.clone(), token.clone())],
                most: 1,
                paced_ms: 0,
            },
        )
        .await
        .unwrap();
    let message = DialMessage {
        v: 1,
        attempt,
        phone,
        campaign,
        owner,
        shard: 0,
        slot: 0,
        lead_version: lead.version,
        claim_until: token.claim_until,
    };
    let event = record(&message);
    let mut handlers = Vec::new();
    for _ in 0..200 {
        handlers.push(redial_dialer::Handler::new(app.instance()).await.unwrap());
    }
    let dials = handlers.iter().map(|handler| handler.handle(event.clone()));
    for answer in futures::future::join_all(dials).await {
        assert_eq!(answer.unwrap()["batchItemFailures"], json!([]));
    }
    app.settle().await;
    app.advance(TimeDelta::minutes(3)).await;
    assert_eq!(app.calls().await.len(), 1);
}

#[tokio::test]
async fn two_switches_thrown_at_once_both_hold_and_say_who_threw_them() {
    let app = TestApp::at(MONDAY_NOON).await;
    let queue = "/api/admin/redial-queue";
    let (disable, stop, config) = (
        format!("{queue}/disable"),
        format!("{queue}/stop"),
        format!("{queue}/config"),
    );
    let days = json!({"retention_days": 7});
    let thrown = futures::future::join3(
        app.post(&disable, json!({})),
        app.post(&stop, json!({})),
        app.send("PUT", &config, Some(&days)),
    );
    let (disabled, stopped, changed) = thrown.await;
    assert_eq!((disabled.status, stopped.status, changed.status), (200, 200, 200));
    let status = app.get(&format!("{queue}/status")).await["status"].clone();
    assert_eq!((&status["enabled"], &status["running"]), (&json!(false), &json!(false)));
    assert_eq!(app.get(&config).await["config"]["retention_days"], 7);
    let done = app.get(&format!("{queue}/activities")).await["activities"].clone();
    let mut what: Vec<_> = done
        .as_array()
        .unwrap()
        .iter()
        .map(|done| done["what"].as_str().unwrap())
        .collect();
    what.sort_unstable();
    assert_eq!(what, ["config changed", "disabled", "stopped"]);
    assert_eq!(done[0]["actor"]["name"], "local");
}
