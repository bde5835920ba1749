//! What a cycle and a tick cost, counted from what DynamoDB says that it consumed.

use chrono::{DateTime, TimeDelta, Utc};
use redial_aws::messages::TickMessage;
use redial_aws::table::Units;
use redial_domain::{CampaignId, Phone, Profile, Region};
use redial_tests::{MONDAY_NOON, TestApp};
use serde_json::json;

/// DATA.md, part C: 12 to 14 write units a cycle, by design; one more for a payload that does not fit the attempt.
const WRITE_UNITS_PER_CYCLE_MAX: f64 = 15.0;

fn used(before: Units, after: Units) -> Units {
    Units { read: after.read - before.read, write: after.write - before.write, requests: after.requests - before.requests }
}

#[tokio::test]
async fn a_redial_cycle_stays_within_its_units() {
    let app = TestApp::at(MONDAY_NOON).await;
    app.add_lead("+12125550142").await;
    app.settle().await;
    // Warm: the second cycle is what all others cost.
    let before = app.running.units();
    let call = app.calls().await.remove(0);
    app.ends(&call, json!({})).await;
    let outcome = used(before, app.running.units());
    let before = app.running.units();
    app.advance(TimeDelta::minutes(3)).await;
    let idle = app.running.units();
    assert_eq!(app.calls().await.len(), 2);
    let claim_and_dial = used(before, idle);
    let write = outcome.write + claim_and_dial.write;
    let read = outcome.read + claim_and_dial.read;
    println!("a redial cycle: {write} write units, {read} read units, {} requests", outcome.requests + claim_and_dial.requests);
    println!("  outcome: {} write, {} read; claim, reserve, call id: {} write, {} read (with three ticks)", outcome.write, outcome.read, claim_and_dial.write, claim_and_dial.read);
    assert!(write <= WRITE_UNITS_PER_CYCLE_MAX, "{write} write units");
}

/// Puts waiting leads into the table as an import would: one lead, one person, one activity each.
async fn fill(app: &redial_aws::App, from: u32, count: u32, due: DateTime<Utc>) {
    let campaign = CampaignId::default_campaign();
    let template = {
        let phone = Phone::parse("+12125550142", Region::US).unwrap();
        app.table.lead(&phone, &campaign, app.clock.now()).await.unwrap().unwrap()
    };
    for chunk in (from..from + count).collect::<Vec<_>>().chunks(64) {
        let puts = chunk.iter().map(|n| {
            let mut lead = template.clone();
            lead.phone = Phone::parse(&format!("+1{}", 2_000_000_000_u64 + u64::from(*n)), Region::US).unwrap();
            lead.id = app.ids.lead(app.clock.now());
            lead.next_at = Some(due);
            let activity = redial_aws::leads::Activity {
                id: app.ids.record(app.clock.now()),
                at: app.clock.now(),
                lead: None,
                actor: redial_domain::Actor { name: "test".into(), role: redial_domain::Role::Admin },
                what: "added".into(),
                why: None,
            };
            async move { app.table.add_lead(&lead, &Profile::default(), &activity, 30).await.unwrap() }
        });
        futures::future::join_all(puts).await;
    }
}

#[tokio::test]
async fn a_tick_reads_what_is_due_whatever_else_waits() {
    let app = TestApp::at("2026-11-23T15:00:00Z").await;
    app.add_lead("+12125550142").await;
    let direct = app.instance();
    let opening = redial_tests::instant("2026-11-23T16:00:00Z");
    let tomorrow = opening + TimeDelta::days(1);
    fill(&direct, 0, 1_000, opening).await;
    let mut reads = Vec::new();
    let mut waiting = 0;
    // Every tick claims into the same number of free slots: none is taken, because nothing is dialed meanwhile.
    for more in [1_000, 99_000] {
        fill(&direct, 10_000 + waiting, more, tomorrow).await;
        waiting += more;
        app.running.clock().advance_to(opening);
        let tick = app.instance();
        let handler = redial_tick::Handler::new(tick.clone());
        let ask = TickMessage { v: 1, campaign: CampaignId::default_campaign(), shard: 0, asked_at: opening };
        let body = serde_json::to_string(&ask).unwrap();
        let before = tick.table.units();
        handler.handle(json!({"Records": [{"messageId": "m", "body": body}]})).await.unwrap();
        reads.push((waiting, used(before, tick.table.units())));
    }
    for (waiting, units) in &reads {
        println!("a tick with 1,000 due and {waiting} others waiting: {} read units, {} requests", units.read, units.requests);
    }
    assert!((reads[1].1.read - reads[0].1.read).abs() <= 2.0, "{reads:?}");
}
