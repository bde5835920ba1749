//! An opening on one provider account: limits hold in every minute, campaigns get their shares, nobody starves, and no
//! second is a burst. The judge is the phone network's own log.

#![expect(clippy::unwrap_used, reason = "helpers of tests: what is not there fails the test")]

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use redial_domain::Lane;
use redial_local::phone_settings::PhonesMode;
use redial_tests::bulk::{self, Original};
use redial_tests::{TestApp, consent, instant, time_of};
use serde_json::{Value, json};

const BEFORE: &str = "2026-11-23T15:50:00Z";
const OPENING: &str = "2026-11-23T16:00:00Z";
const ACCOUNT: &str = "/api/admin/accounts/bland";

async fn limit(app: &TestApp, limits: Value) {
    let answered = app.send("PATCH", ACCOUNT, Some(&limits)).await;
    assert_eq!(answered.status, 200, "{answered:?}");
}

/// A running campaign with one lead, which is copied.
async fn campaign(app: &TestApp, id: &str, priority: u8, calls_at_once: u32, copied: u64) -> Original {
    let made = json!({
        "id": id, "name": id, "open_intake": true, "priority": priority, "max_concurrent_calls": calls_at_once,
        "max_attempts_per_lead": 1, "subject": id, "consent": consent(),
    });
    let made = app.post("/campaigns", made).await;
    assert_eq!((made.status, &made["priority"]), (201, &json!(priority)), "{made:?}");
    assert_eq!(app.post(&format!("/campaigns/{id}/start"), json!({})).await.status, 200);
    let phone = bulk::phone(copied);
    let added = app.post("/api/leads", json!({"phone": phone, "campaign_id": id})).await;
    assert_eq!(added.status, 201, "{added:?}");
    Original::read(app, id, &phone).await
}

/// Calls with the campaign whose leads begin at a number.
struct Log(Vec<(DateTime<Utc>, &'static str, u64)>);

impl Log {
    async fn read(app: &TestApp, campaigns: &[(&'static str, u64)]) -> Self {
        let calls = app.calls().await;
        let row = |call: &Value| {
            let n: u64 = call["phone"].as_str().unwrap()[2..].parse::<u64>().unwrap() - 6_170_000_000;
            let (name, _) = campaigns.iter().rev().find(|(_, first)| n >= *first).unwrap();
            (time_of(call), *name, n)
        };
        let mut rows: Vec<_> = calls.iter().map(row).collect();
        rows.sort_unstable();
        Self(rows)
    }

    /// The most calls in any window of so many seconds.
    fn most_in(&self, seconds: i64) -> usize {
        let times: Vec<i64> = self.0.iter().map(|(at, ..)| at.timestamp()).collect();
        let upto = |from: usize| times.partition_point(|at| *at < times[from] + seconds);
        (0..times.len()).map(|from| upto(from) - from).max().unwrap_or(0)
    }

    fn by_campaign(&self) -> BTreeMap<&'static str, usize> {
        let mut counts = BTreeMap::new();
        for (_, name, _) in &self.0 {
            *counts.entry(*name).or_default() += 1;
        }
        counts
    }
}

#[tokio::test]
async fn three_campaigns_share_one_account_by_priority_and_none_starves() {
    const CAMPAIGNS: [(&str, u64); 3] = [("high", 0), ("middle", 100_000), ("low", 200_000)];
    const PER_MINUTE: usize = 60;
    const AT_ONCE: usize = 40;
    const MINUTES: usize = 10;
    let app = TestApp::with(BEFORE, |options| options.phones = PhonesMode::Simulated).await;
    for ((id, first), priority) in CAMPAIGNS.into_iter().zip([9, 5, 5]) {
        let original = campaign(&app, id, priority, 60, first).await;
        original.import_due(&app, first + 1..first + 1_500, instant(OPENING));
    }
    limit(
        &app,
        json!({"calls_per_minute_max": PER_MINUTE, "calls_at_once_max": AT_ONCE}),
    )
    .await;
    app.advance(instant(OPENING) - app.now()).await;
    let mut most_at_once = 0;
    for _ in 0..MINUTES * 6 {
        app.advance(TimeDelta::seconds(10)).await;
        let outcomes = app.running.phones().outcome_counts().unwrap();
        most_at_once = most_at_once.max(outcomes.get("in_progress").copied().unwrap_or(0));
    }
    let log = Log::read(&app, &CAMPAIGNS).await;
    let counts = log.by_campaign();
    println!(
        "calls {counts:?}, most at once {most_at_once}, most in 60 s {}, in 1 s {}",
        log.most_in(60),
        log.most_in(1)
    );
    assert!(log.most_in(60) <= PER_MINUTE, "{} calls in a minute", log.most_in(60));
    assert!(
        usize::try_from(most_at_once).unwrap() <= AT_ONCE,
        "{most_at_once} at once"
    );
    assert!(log.most_in(1) <= 1, "{} calls in a second", log.most_in(1));
    let total: usize = counts.values().sum();
    assert!(
        total * 10 >= PER_MINUTE * MINUTES * 6,
        "the account is used: {counts:?}"
    );
    assert!(counts["high"] > counts["middle"] + counts["low"], "{counts:?}");
    for low in ["middle", "low"] {
        assert!(counts[low] * 40 >= total, "a tenth is shared by two: {counts:?}");
        let times: Vec<_> = log
            .0
            .iter()
            .filter(|(_, name, _)| *name == low)
            .map(|(at, ..)| *at)
            .collect();
        let longest = times.windows(2).map(|two| two[1] - two[0]).max().unwrap();
        assert!(longest <= TimeDelta::minutes(3), "{low} waited {longest} for a call");
    }
    let shown = app.get(ACCOUNT).await;
    let lines = |id: &str| shown["campaigns"][id]["calls_at_once"].as_u64();
    assert!(lines("high") >= Some(30) && lines("low").is_some(), "{shown:?}");
    assert_eq!(shown["calls_at_once_max"], AT_ONCE);
}

#[tokio::test]
async fn promises_come_first_then_fresh_leads_then_the_ladder_each_by_its_time() {
    let app = TestApp::at(BEFORE).await;
    let original = campaign(&app, "lanes", 5, 200, 0).await;
    let at = |n: u64| instant(OPENING) - TimeDelta::seconds(i64::try_from(n % 1_000).unwrap());
    for (lane, first, count) in [
        (Lane::Ladder, 3_000, 40),
        (Lane::Fresh, 2_000, 40),
        (Lane::Promise, 1_000, 40),
    ] {
        original.import_in_lane(&app, lane, (first..first + count).map(|n| (n, at(n))));
    }
    limit(&app, json!({"calls_per_minute_max": 300})).await;
    app.advance(instant(OPENING) - app.now() + TimeDelta::seconds(50)).await;
    let log = Log::read(&app, &[("lanes", 0)]).await;
    // Calls of one second are placed side by side; their order in it says nothing.
    let mut order: Vec<(i64, u64, DateTime<Utc>)> = log
        .0
        .iter()
        .map(|(called, _, n)| (called.timestamp(), n / 1_000, at(*n)))
        .collect();
    order.retain(|(_, lane, _)| *lane >= 1);
    order.sort_unstable();
    assert_eq!(order.len(), 120);
    let is_in_order = |of: &[(i64, u64, DateTime<Utc>)]| of.is_sorted_by_key(|(_, lane, due)| (*lane, *due));
    // A tenth of the first look's calls is kept for the ladder, and comes last in it.
    let (ladder, before): (Vec<_>, Vec<_>) = order.into_iter().partition(|(_, lane, _)| *lane == 3);
    assert!(is_in_order(&before), "{before:?}");
    assert!(is_in_order(&ladder), "{ladder:?}");
    assert!(before.first().unwrap().0 < ladder.first().unwrap().0);
}

#[tokio::test]
async fn without_any_rate_an_opening_is_no_burst_and_all_lines_are_busy_within_twenty_seconds() {
    let app = TestApp::at(BEFORE).await;
    let original = campaign(&app, "many", 5, 120, 0).await;
    original.import_due(&app, 1..1_000, instant(OPENING));
    app.advance(instant(OPENING) - app.now() + TimeDelta::seconds(20)).await;
    let log = Log::read(&app, &[("many", 0)]).await;
    println!("{} calls, most in 1 s {}", log.0.len(), log.most_in(1));
    assert_eq!(log.0.len(), 120);
    assert!(log.most_in(1) <= 10, "one for each twelve lines: {}", log.most_in(1));
}

#[tokio::test]
async fn a_lead_that_comes_in_keeps_to_the_account_s_limits() {
    let app = TestApp::at("2026-11-23T16:59:30Z").await;
    limit(&app, json!({"calls_per_minute_max": 2})).await;
    app.advance(TimeDelta::minutes(1)).await;
    let mut called_now = Vec::new();
    for n in 0..4 {
        let added = app
            .post("/api/leads", json!({"phone": format!("+1212555010{n}")}))
            .await;
        called_now.push(added["called_now"].as_bool().unwrap());
    }
    // Half of the minute is over: one moment is left, a second later than half past.
    assert_eq!(called_now, [true, false, false, false]);
    app.advance(TimeDelta::minutes(4)).await;
    let calls = app.calls().await;
    assert_eq!(calls.len(), 4);
    let times: Vec<_> = calls.iter().map(time_of).collect();
    assert!(
        times
            .windows(3)
            .all(|three| three[2] - three[0] >= TimeDelta::seconds(60)),
        "{times:?}"
    );
}

#[tokio::test]
async fn limits_and_priorities_have_ranges_and_say_them() {
    let app = TestApp::at(BEFORE).await;
    for (body, said) in [
        (json!({"calls_at_once_max": 0}), "0 is outside 1 to 10000"),
        (json!({"calls_per_minute_max": 6_001}), "6001 is outside 1 to 6000"),
    ] {
        let refused = app.send("PATCH", ACCOUNT, Some(&body)).await;
        assert_eq!(refused.status, 422, "{refused:?}");
        assert!(refused["message"].as_str().unwrap().contains(said), "{refused:?}");
    }
    assert_eq!(app.get("/api/admin/accounts/nobody").await.status, 404);
    limit(&app, json!({"calls_at_once_max": 10, "calls_per_minute_max": 30})).await;
    limit(&app, json!({"calls_at_once_max": null})).await;
    let shown = app.get(ACCOUNT).await;
    assert_eq!(
        (&shown["calls_at_once_max"], &shown["calls_per_minute_max"]),
        (&Value::Null, &json!(30))
    );
    let done = app.get("/api/admin/redial-queue/activities").await["activities"][0].clone();
    assert_eq!(
        (&done["what"], &done["why"]),
        (
            &json!("account limits changed"),
            &json!("bland: no limit calls at once, 30 a minute")
        )
    );
    let refused = app
        .send("PATCH", "/campaigns/default", Some(&json!({"priority": 10})))
        .await;
    assert_eq!(refused.status, 422, "{refused:?}");
    let changed = app
        .send("PATCH", "/campaigns/default", Some(&json!({"priority": 9})))
        .await;
    assert_eq!((changed.status, &changed["priority"]), (200, &json!(9)));
}

#[tokio::test]
async fn what_a_dead_claim_held_comes_back() {
    let app = TestApp::at(BEFORE).await;
    let original = campaign(&app, "one", 5, 2, 0).await;
    original.import_due(&app, 1..4, instant(OPENING));
    limit(&app, json!({"calls_at_once_max": 2})).await;
    app.advance(instant(OPENING) - app.now() - TimeDelta::seconds(1)).await;
    // A tick that died after its claim: tokens, and no message.
    let dead = app.instance();
    let campaign = redial_domain::CampaignId::parse("one").unwrap();
    let owner = redial_domain::Owner::from(&campaign);
    let now = dead.clock.now();
    let tokens: Vec<_> = (1..3)
        .map(|n| {
            let attempt = dead.ids.attempt(now);
            let claim_until = now + redial_aws::slots::CLAIM;
            (bulk::phone(n), redial_aws::slots::Token { attempt, claim_until })
        })
        .collect();
    let slots = dead.table.slots(&owner, 0).await.unwrap();
    let claim = redial_aws::slots::Claim {
        tokens: &tokens,
        most: 2,
        paced_ms: 0,
    };
    assert!(dead.table.claim(&owner, 0, &slots[0], &claim).await.unwrap());
    app.advance(TimeDelta::minutes(3)).await;
    assert_eq!(app.calls().await.len(), 0, "both lines may be taken");
    app.advance(TimeDelta::minutes(3)).await;
    assert_eq!(app.calls().await.len(), 2, "tokens end by themselves");
}
