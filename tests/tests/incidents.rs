//! What went wrong in the systems before this one: 60 calls to a person instead of 8, 51 instead of 3, 15 through retries
//! and hands beside the system. Whatever comes in, from wherever, and however many work at once: the phone
//! network's own log is the judge.

#![expect(clippy::unwrap_used, reason = "helpers of tests: what is not there fails the test")]

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, TimeDelta, Utc};
use redial_aws::messages::{DialMessage, TickMessage};
use redial_aws::slots::{CLAIM, Claim, Token};
use redial_domain::{CampaignId, Owner, Phone, Region};
use redial_local::phone_settings::PhonesMode;
use redial_tests::{TestApp, answer, consent, instant, time_of};
use serde_json::{Value, json};

/// As many as a busy function has at once.
const WORKERS: usize = 100;
/// Monday 10:50 in New York: ten minutes before the campaigns open.
const MONDAY_MORNING: &str = "2026-11-23T15:50:00Z";

/// A system whose phones ring for a while and are not answered, with campaigns that wait two minutes between calls.
async fn system(campaigns: &[(&str, &str)]) -> TestApp {
    let app = TestApp::with(MONDAY_MORNING, |options| options.phones = PhonesMode::Simulated).await;
    let set = app.post("/local/phones", json!({"outcome": "no_answer"})).await;
    assert_eq!(set.status, 200, "{set:?}");
    for (n, (id, subject)) in campaigns.iter().enumerate() {
        let mut body = json!({
            "name": id,
            "open_intake": true,
            "subject": subject,
            "intervals_min": [2],
            "attempts_per_day_max": 8,
            "consent": consent(),
            // Each calls from a number of its own.
            "voice": {"provider": "bland", "task": "Ask whether they still want the quote.", "from": format!("+1415555010{n}")},
        });
        let made = if *id == "default" {
            app.send("PATCH", "/campaigns/default", Some(&body)).await
        } else {
            body["id"] = json!(id);
            app.post("/campaigns", body).await
        };
        assert!((200..300).contains(&made.status), "{made:?}");
        app.post(&format!("/campaigns/{id}/start"), json!({})).await;
    }
    app
}

/// The same person from every side at once: lists for each campaign, twice each, in every way of writing the number, and
/// what the CRM sends.
async fn arrives(app: &TestApp, campaigns: &[(&str, &str)], written: &[&str]) {
    let by_api = campaigns
        .iter()
        .flat_map(|(id, _)| written.iter().map(move |phone| (id, phone)));
    let twice: Vec<_> = by_api.clone().chain(by_api).collect();
    let posts = twice
        .iter()
        .map(|(id, phone)| app.post("/api/leads", json!({"phone": phone, "campaign_id": id})));
    let answers = futures::future::join_all(posts).await;
    assert!(answers.iter().all(|added| added.status < 300), "{answers:?}");
    let leads: BTreeSet<&str> = answers.iter().filter_map(|added| added["lead_id"].as_str()).collect();
    assert_eq!(
        leads.len(),
        campaigns.len(),
        "one lead in each campaign, however it is written"
    );
    for (id, _) in campaigns {
        for phone in written {
            let path = format!("/webhooks/convoso?campaign={id}");
            let form = [("first_name", "Sim"), ("phone_number", phone)];
            let form: Vec<String> = form
                .iter()
                .map(|(name, value)| format!("{name}={}", value.replace('+', "%2B").replace(' ', "+")))
                .collect();
            let post = app
                .request("POST", &path)
                .header("content-type", "application/x-www-form-urlencoded")
                .body(form.join("&"));
            assert_eq!(answer(post).await.status, 200);
        }
    }
    app.settle().await;
}

fn record(body: &impl serde::Serialize) -> Value {
    let body = serde_json::to_string(body).unwrap();
    json!({"Records": [{"messageId": "m", "receiptHandle": "r", "body": body, "attributes": {"ApproximateReceiveCount": "1"}}]})
}

/// A hundred ticks and dialers at once, on the same few messages, beside the schedule's own.
async fn workers(app: &TestApp, campaigns: &[(&str, &str)], phone: &Phone) {
    let direct = app.instance();
    let now = direct.clock.now();
    let mut events = Vec::new();
    for (id, _) in campaigns {
        let campaign = CampaignId::parse(id).unwrap();
        let ask = TickMessage {
            v: 1,
            campaign: campaign.clone(),
            shard: 0,
            asked_at: now,
        };
        events.push(("tick", record(&ask)));
        let owner = Owner::from(&campaign);
        let attempt = direct.ids.attempt(now);
        let claim_until = now + CLAIM;
        let token = Token {
            attempt: attempt.clone(),
            claim_until,
        };
        let lead = direct.table.lead(phone, &campaign, now).await.unwrap().unwrap();
        let slots = direct.table.slots(&owner, 0).await.unwrap();
        let _ = direct
            .table
            .claim(
                &owner,
                0,
                &slots[0],
                &Claim {
                    tokens: &[(phone.clone(), token)],
                    most: slots[0].max,
                    paced_ms: 0,
                },
            )
            .await
            .unwrap();
        let message = DialMessage {
            v: 1,
            attempt,
            phone: phone.clone(),
            campaign,
            owner,
            shard: 0,
            slot: 0,
            lead_version: lead.version,
            claim_until,
        };
        events.push(("dialer", record(&message)));
    }
    let done = events.iter().cycle().take(WORKERS).map(|(function, event)| {
        let (app, event) = (app.instance(), event.clone());
        async move {
            if *function == "tick" {
                redial_tick::Handler::new(app).handle(event).await.is_ok()
            } else {
                let dialer = redial_dialer::Handler::new(app).await.unwrap();
                dialer.handle(event).await.is_ok()
            }
        }
    });
    assert!(futures::future::join_all(done).await.into_iter().all(|done| done));
    app.settle().await;
}

/// Calls by campaign and time, as the network took them.
async fn network(app: &TestApp) -> Vec<(DateTime<Utc>, String, String)> {
    let received = app.calls().await;
    let placed = received.iter().map(|call| {
        let id = call["call_id"].as_str().unwrap();
        let call = app.running.phones().call(id).unwrap().unwrap();
        let campaign = call.request["metadata"]["campaign_id"].as_str().unwrap().to_owned();
        (call.accepted_at, campaign, call.from)
    });
    placed.collect()
}

/// The most calls within so many hours of each other.
fn most_within(calls: &[DateTime<Utc>], hours: i64) -> usize {
    let until = |from: DateTime<Utc>| from + TimeDelta::hours(hours);
    let within = |from: DateTime<Utc>| calls.iter().filter(|at| (from..until(from)).contains(at)).count();
    calls.iter().map(|from| within(*from)).max().unwrap_or_default()
}

fn per_day(calls: &[DateTime<Utc>]) -> BTreeMap<String, usize> {
    let mut days = BTreeMap::new();
    for at in calls {
        let date = at.with_timezone(&chrono_tz::America::New_York).date_naive();
        *days.entry(date.to_string()).or_default() += 1;
    }
    days
}

/// From one hour of work to the next: nothing rings in between, and nothing is due.
async fn sleep_until(app: &TestApp, at: &str) {
    app.settle().await;
    app.running.clock().advance_to(instant(at));
    app.settle().await;
}

/// An opening, with all hands: rounds of workers three minutes apart, and the rest of what the day allows.
async fn works(app: &TestApp, campaigns: &[(&str, &str)], phone: &Phone, rounds: usize) {
    for _ in 0..rounds {
        workers(app, campaigns, phone).await;
        app.advance(TimeDelta::minutes(3)).await;
    }
    app.advance(TimeDelta::minutes(30)).await;
}

#[tokio::test]
async fn sixty_calls_instead_of_eight_a_day() {
    let campaigns = [
        ("default", "general"),
        ("solar", "solar"),
        ("roof", "roof"),
        ("attic", "general"),
    ];
    let app = system(&campaigns).await;
    let written = ["+1 (617) 555-0100", "16175550100", "617-555-0100"];
    arrives(&app, &campaigns, &written).await;
    let phone = Phone::parse(written[0], Region::US).unwrap();
    for day in ["2026-11-23", "2026-11-24"] {
        sleep_until(&app, &format!("{day}T16:00:00Z")).await;
        works(&app, &campaigns, &phone, 2).await;
        // The evening runs over midnight in UTC, which is no midnight of the campaign's.
        sleep_until(&app, &format!("{day}T23:40:00Z")).await;
        arrives(&app, &campaigns, &written).await;
        works(&app, &campaigns, &phone, 1).await;
    }
    let calls = network(&app).await;
    let times: Vec<_> = calls.iter().map(|(at, ..)| *at).collect();
    let eight = ["2026-11-23", "2026-11-24"].map(|date| (date.to_owned(), 8));
    assert_eq!(per_day(&times), BTreeMap::from(eight), "{calls:?}");
    let gap = times.windows(2).map(|pair| pair[1] - pair[0]).min().unwrap();
    assert!(gap >= TimeDelta::seconds(119), "{gap}");
    let from: BTreeSet<&String> = calls.iter().map(|(.., from)| from).collect();
    assert!(from.len() > 1, "one line, whoever calls: {from:?}");
}

#[tokio::test]
async fn fifty_one_calls_instead_of_three_in_florida() {
    let campaigns = [("default", "solar"), ("again", "solar"), ("roof", "roof")];
    let app = system(&campaigns).await;
    let written = ["+1 (305) 555-0100", "13055550100", "305-555-0100"];
    arrives(&app, &campaigns, &written).await;
    let phone = Phone::parse(written[0], Region::US).unwrap();
    for opening in ["2026-11-23T16:00:00Z", "2026-11-24T16:00:00Z", "2026-11-25T16:00:00Z"] {
        // Each opening is the minute at which the first calls of the day before are a day old.
        sleep_until(&app, opening).await;
        works(&app, &campaigns, &phone, 1).await;
    }
    let calls = network(&app).await;
    let all = ["default", "again", "roof"];
    for (subjects, cap) in [(&all[..2], 3), (&all[2..], 3), (&all[..], 6)] {
        let times: Vec<_> = calls
            .iter()
            .filter(|(_, campaign, _)| subjects.contains(&campaign.as_str()))
            .map(|(at, ..)| *at)
            .collect();
        assert_eq!(most_within(&times, 24), cap, "{subjects:?}: {calls:?}");
    }
    assert!(calls.len() >= 12, "it goes on, day after day: {calls:?}");
}

#[tokio::test]
async fn fifty_one_calls_instead_of_three_where_nobody_knows_where_it_is() {
    let campaigns = [("default", "solar"), ("again", "solar"), ("roof", "roof")];
    let app = system(&campaigns).await;
    let written = ["+1 (555) 555-0100", "15555550100", "555-555-0100"];
    arrives(&app, &campaigns, &written).await;
    let phone = Phone::parse(written[0], Region::US).unwrap();
    // Ten in Honolulu is three in New York; six in New York is the end.
    for day in ["2026-11-23", "2026-11-24"] {
        sleep_until(&app, &format!("{day}T19:57:00Z")).await;
        workers(&app, &campaigns, &phone).await;
        sleep_until(&app, &format!("{day}T20:00:00Z")).await;
        works(&app, &campaigns, &phone, 2).await;
    }
    let times: Vec<_> = network(&app).await.into_iter().map(|(at, ..)| at).collect();
    assert_eq!(
        (most_within(&times, 24), times.len()),
        (3, 6),
        "whatever they are about: {times:?}"
    );
    let open = |at: &DateTime<Utc>| ("20:00".."23:00").contains(&at.format("%H:%M").to_string().as_str());
    assert!(times.iter().all(open), "{times:?}");
}

#[tokio::test]
async fn fifteen_calls_through_retries_and_hands() {
    let campaigns = [("default", "general"), ("solar", "solar")];
    let app = system(&campaigns).await;
    let written = ["+1 (617) 555-0100", "16175550100", "617-555-0100"];
    arrives(&app, &campaigns, &written).await;
    let phone = Phone::parse(written[0], Region::US).unwrap();
    // Three calls that the system never saw: by hand, and by another system.
    for (n, source) in ["manual", "other-dialer", "other-dialer"].into_iter().enumerate() {
        let at = app.now() - TimeDelta::minutes(20 + 5 * i64::try_from(n).unwrap());
        let report =
            json!({"phone": written[n], "started_at": at.to_rfc3339(), "source": source, "call_id": format!("c-{n}")});
        assert_eq!(app.post("/api/calls", report).await.status, 201);
    }
    // The first calls fail at the provider in every way, and are tried again.
    let nasty = json!({"fail_after_next": 1, "fail_before_next": 1, "rate_limit_next": 1, "outcome": "no_answer"});
    assert_eq!(app.post("/local/phones", nasty).await.status, 200);
    for round in 0..6 {
        app.advance(TimeDelta::minutes(10)).await;
        workers(&app, &campaigns, &phone).await;
        for (id, _) in campaigns {
            let lead = json!({"phone": written[round % written.len()], "campaign_id": id});
            let lead = app.post("/api/leads", lead).await;
            let lead = lead["lead_id"].as_str().unwrap().to_owned();
            for wish in ["pause", "resume"] {
                app.post(&format!("/api/admin/redial-queue/lead/{lead}/{wish}"), json!({}))
                    .await;
            }
        }
    }
    sleep_until(&app, "2026-11-24T00:30:00Z").await;
    app.advance(TimeDelta::minutes(20)).await;
    let calls = app.calls().await;
    let times: Vec<_> = calls.iter().map(time_of).collect();
    assert_eq!(
        times.len(),
        4,
        "with three that others placed, and one of which the provider never said what became of it, eight: {calls:?}"
    );
}
