//! What a cycle and a tick cost, counted from what DynamoDB says that it consumed.

#![expect(clippy::unwrap_used, reason = "helpers of tests: what is not there fails the test")]

use chrono::TimeDelta;
use redial_aws::messages::TickMessage;
use redial_aws::table::Units;
use redial_domain::{CampaignId, Phone, Region};
use redial_tests::{MONDAY_NOON, TestApp, bulk::Original};
use serde_json::json;

const PHONE: &str = "+12125550142";

/// Claim 1, reserve 1, call id 1, outcome 8 (attempt 2 and its place in the day 1, lead 2 and its place in the queue 2,
/// ledger 1), slot freed 1.
const WRITE_UNITS_PER_CYCLE_MAX: f64 = 12.0;

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
    app.add_lead(PHONE).await;
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

/// What one tick reads at an opening with 1,000 due leads and others that wait for the day after.
async fn units_of_a_tick(others: u64) -> Units {
    let app = TestApp::at("2026-11-23T15:00:00Z").await;
    app.add_lead(PHONE).await;
    let opening = redial_tests::instant("2026-11-23T16:00:00Z");
    let original = Original::read(&app, "default", &Phone::parse(PHONE, Region::US).unwrap()).await;
    original.import_due(&app, 0..1_000, opening);
    original.import_due(&app, 1_000..1_000 + others, opening + TimeDelta::days(1));
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
