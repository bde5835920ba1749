//! What a cycle and a tick cost, counted from what DynamoDB says that it consumed.

#![expect(clippy::unwrap_used, reason = "helpers of tests: what is not there fails the test")]

use aws_sdk_dynamodb::types::AttributeValue;
use chrono::{DateTime, TimeDelta, Utc};
use dynoxide::ImportOptions;
use redial_aws::keys;
use redial_aws::messages::TickMessage;
use redial_aws::table::Units;
use redial_domain::{CampaignId, Phone, Region};
use redial_local::create::TABLE_NAME;
use redial_tests::{MONDAY_NOON, TestApp};
use serde_json::{Value, json};

/// Claim 1, reserve 1, call id 1, outcome 9 (attempt 2 and its place in the day 1, lead 2 and its place in the queue 2,
/// ledger 2), slot freed 1.
const WRITE_UNITS_PER_CYCLE_MAX: f64 = 13.0;

fn used(before: Units, after: Units) -> Units {
    Units {
        read: after.read - before.read,
        write: after.write - before.write,
        requests: after.requests - before.requests,
    }
}

#[tokio::test]
async fn a_redial_cycle_stays_within_its_units() {
    let app = TestApp::at(MONDAY_NOON).await;
    app.add_lead("+12125550142").await;
    app.settle().await;
    let call = app.calls().await.remove(0);
    app.ends(&call, json!({})).await;
    // The first call moved the status; from the second on it stays, as in most cycles.
    let before = app.running.units();
    app.advance(TimeDelta::minutes(3)).await;
    let dialed = app.running.units();
    let call = app.calls().await.remove(1);
    app.ends(&call, json!({})).await;
    let ended = app.running.units();
    let (dial, outcome, cycle) = (used(before, dialed), used(dialed, ended), used(before, ended));
    println!(
        "a redial cycle: {} write units, {} read units, {} requests",
        cycle.write, cycle.read, cycle.requests
    );
    println!(
        "  claim, reserve, call id: {} write, {} read (three ticks among them)",
        dial.write, dial.read
    );
    println!("  outcome, slot freed: {} write, {} read", outcome.write, outcome.read);
    assert!(cycle.write <= WRITE_UNITS_PER_CYCLE_MAX, "{} write units", cycle.write);
}

/// An attribute as DynamoDB's JSON writes it.
fn json_of(value: &AttributeValue) -> Value {
    match value {
        AttributeValue::S(text) => json!({"S": text}),
        AttributeValue::N(number) => json!({"N": number}),
        AttributeValue::L(list) => json!({"L": list.iter().map(json_of).collect::<Vec<_>>()}),
        AttributeValue::M(map) => {
            json!({"M": map.iter().map(|(name, value)| (name.clone(), json_of(value))).collect::<serde_json::Map<_, _>>()})
        }
        other => panic!("a lead has no such attribute: {other:?}"),
    }
}

/// Puts copies of a lead into the engine, each with a phone and an id of its own, due at an instant.
async fn fill(app: &TestApp, phones: std::ops::Range<u64>, due: DateTime<Utc>) {
    let phone = Phone::parse("+12125550142", Region::US).unwrap();
    let template = app
        .instance()
        .table
        .get(&keys::lead(&phone, &CampaignId::default_campaign()), true)
        .await
        .unwrap()
        .unwrap();
    let template: serde_json::Map<String, Value> = template
        .iter()
        .map(|(name, value)| (name.clone(), json_of(value)))
        .collect();
    let items: Vec<dynoxide::types::Item> = phones
        .map(|n| {
            let phone = format!("+1{}", 2_000_000_000 + n);
            let id = format!("01J{n:023}");
            let mut item = template.clone();
            for (name, value) in [
                ("pk", format!("PHONE#{phone}")),
                ("phone", phone),
                ("r_pk", keys::lead_ref(&id)),
                ("q_sk", format!("{}#pending#{id}", keys::time(due))),
                ("b_sk", format!("{}#{id}", keys::time(app.now()))),
                ("id", id),
            ] {
                item.insert(name.to_owned(), json!({"S": value}));
            }
            item.insert("next".to_owned(), json!({"N": due.timestamp().to_string()}));
            serde_json::from_value(Value::Object(item)).unwrap()
        })
        .collect();
    app.running
        .database
        .0
        .import_items(TABLE_NAME, items, ImportOptions::default())
        .unwrap();
}

/// What one tick reads at an opening with 1,000 due leads and others that wait for the day after.
async fn units_of_a_tick(others: u64) -> Units {
    let app = TestApp::at("2026-11-23T15:00:00Z").await;
    app.add_lead("+12125550142").await;
    let opening = redial_tests::instant("2026-11-23T16:00:00Z");
    fill(&app, 0..1_000, opening).await;
    fill(&app, 1_000..1_000 + others, opening + TimeDelta::days(1)).await;
    app.running.clock().advance_to(opening);
    let tick = app.instance();
    let ask = TickMessage {
        v: 1,
        campaign: CampaignId::default_campaign(),
        shard: 0,
        asked_at: opening,
    };
    let body = serde_json::to_string(&ask).unwrap();
    let event = json!({"Records": [{"messageId": "m", "body": body}]});
    redial_tick::Handler::new(tick.clone()).handle(event).await.unwrap();
    tick.table.units()
}

#[tokio::test]
async fn a_tick_reads_what_is_due_whatever_else_waits() {
    let mut reads = Vec::new();
    for others in [1_000, 100_000] {
        let units = units_of_a_tick(others).await;
        println!(
            "a tick with 1,000 due and {others} others waiting: {} read units, {} requests",
            units.read, units.requests
        );
        reads.push((units.read * 10.0).round());
    }
    assert_eq!(reads[0], reads[1]);
}
