//! Calls of which no report comes: what the provider says decides, a doubt keeps the line locked, nothing stays locked
//! for ever, and the lead's history tells what happened.

#![expect(clippy::unwrap_used, reason = "helpers of tests: what is not there fails the test")]

use chrono::{DateTime, TimeDelta, Utc};
use redial_aws::keys;
use redial_aws::leads::Activity;
use redial_domain::{Actor, Campaign, CampaignId, CampaignStatus, InFlight, Lead, Owner, Phone, Profile, Region};
use redial_local::phone_settings::PhonesMode;
use redial_tests::{MONDAY_NOON, TestApp, answer, ended, instant, talk, time_of};
use serde_json::{Value, json};

const PHONE: &str = "+12125550142";
/// Monday 19:52 in New York: a minute before the gate closes, eight before the hours end.
const BEFORE_CLOSING: &str = "2026-11-24T00:52:00Z";
/// The end of the calling hours on that day.
const CLOSING: &str = "2026-11-24T01:00:00Z";

/// With phones that ring, talk and report.
async fn with_phones(now: &str) -> TestApp {
    TestApp::with(now, |options| options.phones = PhonesMode::Simulated).await
}

async fn behave(app: &TestApp, how: Value) {
    let set = app.post("/local/phones", how).await;
    assert_eq!(set.status, 200, "{set:?}");
}

async fn minutes(app: &TestApp, minutes: i64) {
    app.advance(TimeDelta::minutes(minutes)).await;
}

/// What the lead's history tells, oldest first. It never names a phone or a person.
async fn history(app: &TestApp, lead: &str) -> Vec<String> {
    let shown = app.lead(lead).await;
    let told: Vec<&Value> = shown["activities"].as_array().unwrap().iter().rev().collect();
    for one in &told {
        assert!(!one.to_string().contains("2125550142"), "{one}");
    }
    told.iter()
        .map(|one| one["what"].as_str().unwrap().to_owned())
        .collect()
}

/// The outcome of the newest attempt; none while it is in flight.
async fn outcome(app: &TestApp, lead: &str) -> Option<String> {
    app.lead(lead).await["attempts"][0]["outcome"]
        .as_str()
        .map(str::to_owned)
}

async fn in_flight(app: &TestApp) -> Option<InFlight> {
    let phone = Phone::parse(PHONE, Region::US).unwrap();
    app.instance().table.ledger(&phone).await.unwrap().inflight
}

/// Places a call to the phone through the same account, as another system would.
async fn another_system_calls(app: &TestApp) {
    let key = app.instance().environment.get("BLAND_API_KEY").unwrap();
    let url = format!("{}/v1/calls", app.running.places.phones_url);
    let body = json!({"phone_number": PHONE, "metadata": {"attempt_id": "OTHER"}});
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let placed = answer(client.post(url).header("authorization", key).json(&body)).await;
    assert_eq!(placed.status, 200, "{placed:?}");
}

async fn campaign_is(app: &TestApp, status: CampaignStatus) {
    let app = app.instance();
    let before = app
        .table
        .campaign(&CampaignId::default_campaign())
        .await
        .unwrap()
        .unwrap();
    let seen = before.version;
    let after = Campaign {
        status,
        version: seen + 1,
        ..before
    };
    let activity = Activity::now(&app, &Actor::system(), "changed", None);
    assert!(
        app.table
            .change_campaign(&after, seen, &activity, vec![])
            .await
            .unwrap()
    );
}

#[tokio::test]
async fn a_call_that_never_ends_is_stopped_and_its_lead_goes_on() {
    let app = with_phones(MONDAY_NOON).await;
    behave(&app, json!({"never_end": true, "outcome": "human_no_result"})).await;
    let lead = app.add_lead(PHONE).await;
    minutes(&app, 29).await;
    assert_eq!(app.lead(&lead).await["lead"]["status"], "dialing");
    behave(&app, json!({"outcome": "busy"})).await;
    minutes(&app, 2).await;
    assert_eq!(history(&app, &lead).await, ["added", "call_stopped"]);
    assert_eq!(outcome(&app, &lead).await.as_deref(), Some("answered"));
    minutes(&app, 30).await;
    assert!(app.calls().await.len() > 1, "the lead goes on");
}

#[tokio::test]
async fn a_call_that_goes_on_in_spite_of_a_stop_is_given_up_two_looks_later() {
    let app = with_phones(MONDAY_NOON).await;
    behave(
        &app,
        json!({"never_end": true, "ignore_stop": true, "outcome": "human_no_result"}),
    )
    .await;
    let lead = app.add_lead(PHONE).await;
    minutes(&app, 39).await;
    assert_eq!(
        (outcome(&app, &lead).await, app.calls().await.len()),
        (None, 1),
        "stopped at 12:30 and looked at again at 12:35"
    );
    minutes(&app, 2).await;
    let shown = app.lead(&lead).await;
    assert_eq!(
        (
            shown["attempts"][0]["outcome"].as_str(),
            shown["attempts"][0]["ended_by"].as_str()
        ),
        (Some("lost"), Some("lost"))
    );
    assert_eq!(shown["lead"]["attempts"], 1, "it counts as rung");
    assert_eq!(history(&app, &lead).await, ["added", "call_stopped", "call_lost"]);
    minutes(&app, 3).await;
    let calls = app.calls().await;
    assert_eq!(calls.len(), 2, "the lead goes on");
    assert!(time_of(&calls[1]) >= instant(MONDAY_NOON) + TimeDelta::minutes(40));
}

#[tokio::test]
async fn a_call_that_waits_at_the_provider_for_ever_is_stopped_and_its_history_stays_short() {
    let app = TestApp::at(MONDAY_NOON).await;
    let lead = app.add_lead(PHONE).await;
    minutes(&app, 84).await;
    assert_eq!(history(&app, &lead).await, ["added", "call_goes_on"]);
    minutes(&app, 10).await;
    assert_eq!(outcome(&app, &lead).await, None);
    minutes(&app, 2).await;
    assert_eq!(outcome(&app, &lead).await.as_deref(), Some("canceled"));
    assert_eq!(
        history(&app, &lead).await,
        ["added", "call_goes_on", "call_stopped", "call_over"]
    );
}

#[tokio::test]
async fn a_call_whose_placing_got_no_answer_is_found_by_its_number_and_told_so() {
    let app = TestApp::at(MONDAY_NOON).await;
    behave(&app, json!({"fail_after_next": 1, "list_late_s": 400})).await;
    let lead = app.add_lead(PHONE).await;
    minutes(&app, 6).await;
    assert_eq!(history(&app, &lead).await, ["added", "call_unknown"], "not listed yet");
    minutes(&app, 5).await;
    assert_eq!(history(&app, &lead).await, ["added", "call_unknown", "call_found"]);
    let found = in_flight(&app).await.unwrap();
    assert_eq!(
        (found.call_id.unwrap().as_str(), found.empty_look_at),
        (app.calls().await[0]["call_id"].as_str().unwrap(), None)
    );
    assert!(found.lease_until > app.now());
    app.ends(&app.calls().await[0], talk("SALE")).await;
    assert_eq!(app.lead(&lead).await["lead"]["status"], "completed");
    assert_eq!(app.calls().await.len(), 1);
}

#[tokio::test]
async fn a_report_that_was_lost_is_fetched() {
    let app = with_phones(MONDAY_NOON).await;
    behave(
        &app,
        json!({"fail_after_next": 1, "never_end": true, "outcome": "sale"}),
    )
    .await;
    let lead = app.add_lead(PHONE).await;
    minutes(&app, 1).await;
    let call = app.calls().await.remove(0);
    app.running.phones().stop(call["call_id"].as_str().unwrap()).unwrap();
    minutes(&app, 5).await;
    assert_eq!(outcome(&app, &lead).await.as_deref(), Some("answered"));
}

#[tokio::test]
async fn a_call_that_goes_on_without_our_id_is_no_proof_that_none_was_placed() {
    let app = TestApp::at(MONDAY_NOON).await;
    behave(&app, json!({"fail_after_next": 1, "no_metadata": true})).await;
    let lead = app.add_lead(PHONE).await;
    minutes(&app, 60).await;
    assert_eq!((outcome(&app, &lead).await, app.calls().await.len()), (None, 1));
    assert_eq!(history(&app, &lead).await, ["added", "call_unclear"]);
    behave(&app, json!({})).await;
    minutes(&app, 6).await;
    assert_eq!(history(&app, &lead).await, ["added", "call_unclear", "call_found"]);
}

#[tokio::test]
async fn an_error_about_one_candidate_proves_nothing_nor_does_one_that_is_only_listed() {
    for (how, told) in [
        ("details_fail_next", "provider_silent"),
        ("details_unknown_next", "call_unclear"),
    ] {
        let app = TestApp::at(MONDAY_NOON).await;
        behave(&app, json!({"fail_before_next": 1, how: 1})).await;
        let lead = app.add_lead(PHONE).await;
        app.settle().await;
        another_system_calls(&app).await;
        minutes(&app, 14).await;
        assert_eq!(
            outcome(&app, &lead).await,
            None,
            "{how}: two looks, and one of them said nothing"
        );
        minutes(&app, 2).await;
        assert_eq!(outcome(&app, &lead).await.as_deref(), Some("lost"), "{how}");
        assert_eq!(history(&app, &lead).await, ["added", told, "call_unknown", "call_lost"]);
    }
}

#[tokio::test]
async fn more_candidates_than_can_be_asked_about_prove_nothing() {
    let app = TestApp::at(MONDAY_NOON).await;
    behave(&app, json!({"fail_before_next": 1})).await;
    let lead = app.add_lead(PHONE).await;
    app.settle().await;
    for _ in 0..25 {
        another_system_calls(&app).await;
    }
    minutes(&app, 40).await;
    assert_eq!(outcome(&app, &lead).await, None);
    assert_eq!(history(&app, &lead).await, ["added", "call_unclear"]);
}

#[tokio::test]
async fn a_provider_that_does_not_answer_keeps_the_line_locked_and_everybody_can_see_it() {
    let app = TestApp::at(MONDAY_NOON).await;
    behave(&app, json!({"fail_before_next": 1, "asking_fails": 401})).await;
    let lead = app.add_lead(PHONE).await;
    minutes(&app, 180).await;
    let shown = app.lead(&lead).await;
    assert_eq!(
        (shown["lead"]["status"].as_str(), app.calls().await.len()),
        (Some("dialing"), 0)
    );
    assert_eq!(
        history(&app, &lead).await,
        ["added", "provider_silent"],
        "once, however often it is asked"
    );
    assert!(app.metric("reconcile.silent").await > 20);
    let status = app.get("/api/admin/redial-queue/status").await;
    let account = status["status"]["provider_accounts"]["bland"].clone();
    assert_eq!(account["silent_since"], "2026-11-23T17:05:00+00:00", "{account}");
    assert!(account["silent_why"].as_str().unwrap().contains("401"), "{account}");
    assert!(
        account["closed_until"].is_string(),
        "nothing is placed with a key that is refused: {account}"
    );
    behave(&app, json!({})).await;
    minutes(&app, 20).await;
    assert_eq!(outcome(&app, &lead).await.as_deref(), Some("lost"));
    assert_eq!(app.calls().await.len(), 1, "the lead goes on");
    let status = app.get("/api/admin/redial-queue/status").await;
    assert_eq!(
        status["status"]["provider_accounts"]["bland"]["silent_since"],
        Value::Null
    );
}

#[tokio::test]
async fn a_provider_that_is_down_is_seen_and_its_account_stays_open() {
    let app = TestApp::at(MONDAY_NOON).await;
    behave(&app, json!({"fail_before_next": 1, "asking_fails": 503})).await;
    app.add_lead(PHONE).await;
    minutes(&app, 6).await;
    let status = app.get("/api/admin/redial-queue/status").await;
    let account = status["status"]["provider_accounts"]["bland"].clone();
    assert_eq!(account["silent_since"], "2026-11-23T17:05:00+00:00", "{account}");
    assert_eq!(account["closed_until"], Value::Null, "{account}");
}

#[tokio::test]
async fn those_whom_a_silent_provider_is_not_even_asked_about_are_told_so_too() {
    let app = TestApp::at(MONDAY_NOON).await;
    behave(&app, json!({"fail_before_next": 5, "asking_fails": 503})).await;
    let mut leads = Vec::new();
    for n in 0..5 {
        leads.push(app.add_lead(&format!("+121255501{n:02}")).await);
    }
    minutes(&app, 6).await;
    assert_eq!(app.metric("reconcile.silent").await, 3, "after three it is left alone");
    for lead in &leads {
        assert_eq!(history(&app, lead).await, ["added", "provider_silent"]);
    }
}

#[tokio::test]
async fn a_call_that_has_not_begun_is_stopped_before_the_calling_hours_end() {
    let app = with_phones(BEFORE_CLOSING).await;
    behave(&app, json!({"queue_s": 1_200, "outcome": "sale"})).await;
    let lead = app.add_lead(PHONE).await;
    minutes(&app, 20).await;
    let id = app.calls().await[0]["call_id"].as_str().unwrap().to_owned();
    let call = app.running.phones().call(&id).unwrap().unwrap();
    assert_eq!(call.started_at, None, "it never rang");
    assert!(call.ended_at.unwrap() < instant(CLOSING), "{call:?}");
    assert_eq!(outcome(&app, &lead).await.as_deref(), Some("canceled"));
    assert_eq!(history(&app, &lead).await, ["added", "call_stopped_at_closing"]);
    let next: DateTime<Utc> = instant("2026-11-24T16:00:00Z");
    let shown = app.lead(&lead).await;
    assert_eq!(
        shown["lead"]["next_redial_timestamp"],
        next.timestamp_millis(),
        "{shown:?}"
    );
}

#[tokio::test]
async fn a_talk_at_closing_is_left_alone() {
    let app = with_phones(BEFORE_CLOSING).await;
    behave(&app, json!({"never_end": true, "outcome": "human_no_result"})).await;
    let lead = app.add_lead(PHONE).await;
    minutes(&app, 20).await;
    assert_eq!(app.lead(&lead).await["lead"]["status"], "dialing");
    assert_eq!(
        (history(&app, &lead).await, app.metric("reconcile.stopped").await),
        (vec!["added".to_owned()], 0)
    );
    assert!(
        in_flight(&app).await.unwrap().started_at.is_some(),
        "asked once, and known since"
    );
}

#[tokio::test]
async fn an_attempt_is_found_whatever_became_of_its_campaign() {
    for status in [
        CampaignStatus::Paused,
        CampaignStatus::Completed,
        CampaignStatus::Cancelled,
    ] {
        let app = TestApp::at(MONDAY_NOON).await;
        behave(&app, json!({"fail_before_next": 1})).await;
        let lead = app.add_lead(PHONE).await;
        minutes(&app, 1).await;
        campaign_is(&app, status).await;
        minutes(&app, 10).await;
        assert_eq!(outcome(&app, &lead).await.as_deref(), Some("lost"), "{status:?}");
    }
}

#[tokio::test]
async fn an_attempt_without_a_token_gets_it_back_while_its_campaign_rests() {
    let app = TestApp::at(MONDAY_NOON).await;
    behave(&app, json!({"fail_before_next": 1})).await;
    let lead = app.add_lead(PHONE).await;
    minutes(&app, 1).await;
    campaign_is(&app, CampaignStatus::Paused).await;
    let owner = Owner::from(&CampaignId::default_campaign());
    app.instance().table.delete(&keys::slot(&owner, 0, 0)).await.unwrap();
    minutes(&app, 5).await;
    assert_eq!(app.metric("reconcile.token_restored").await, 1);
    minutes(&app, 10).await;
    assert_eq!(outcome(&app, &lead).await.as_deref(), Some("lost"));
    let slots = app.instance().table.slots(&owner, 0).await.unwrap();
    assert!(slots.iter().all(|slot| slot.tokens.is_empty()), "{slots:?}");
}

#[tokio::test]
async fn the_search_for_lost_tokens_goes_on_behind_what_it_saw() {
    let app = TestApp::at(MONDAY_NOON).await;
    behave(&app, json!({"fail_before_next": 1})).await;
    app.add_lead(PHONE).await;
    minutes(&app, 1).await;
    campaign_is(&app, CampaignStatus::Paused).await;
    let instance = app.instance();
    let (table, campaign) = (&instance.table, CampaignId::default_campaign());
    let inflight = in_flight(&app).await.unwrap();
    let phone = Phone::parse(PHONE, Region::US).unwrap();
    table
        .free_token(&Owner::from(&campaign), 0, 0, &phone, &inflight.id)
        .await
        .unwrap();
    let lead = table.lead(&phone, &campaign, app.now()).await.unwrap().unwrap();
    // One more than a run reads, all due an hour before the one that matters.
    for n in 0..501 {
        let waits = Lead {
            id: instance.ids.lead(app.now()),
            phone: Phone::parse(&format!("+1917{}", 2_000_000 + n), Region::US).unwrap(),
            next_at: lead.next_at.map(|at| at - TimeDelta::hours(1)),
            ..lead.clone()
        };
        let added = Activity::now(&instance, &Actor::system(), "added", None);
        assert!(table.add_lead(&waits, &Profile::default(), &[added], 30).await.unwrap());
    }
    minutes(&app, 5).await;
    assert_eq!(app.metric("reconcile.token_restored").await, 0);
    minutes(&app, 5).await;
    assert_eq!(app.metric("reconcile.token_restored").await, 1);
}

#[tokio::test]
async fn a_token_whose_slot_item_is_gone_is_kept_in_the_first_one_and_freed_when_the_attempt_is_over() {
    let app = TestApp::at(MONDAY_NOON).await;
    behave(&app, json!({"fail_before_next": 1})).await;
    app.add_lead(PHONE).await;
    app.settle().await;
    let table = app.instance().table;
    let (phone, owner) = (
        Phone::parse(PHONE, Region::US).unwrap(),
        Owner::from(&CampaignId::default_campaign()),
    );
    let inflight = in_flight(&app).await.unwrap();
    table.free_token(&owner, 0, 0, &phone, &inflight.id).await.unwrap();
    let elsewhere = InFlight {
        slot: "3/7".to_owned(),
        ..inflight
    };
    assert!(table.restore_token(&phone, &elsewhere).await.unwrap());
    assert_eq!(table.slots(&owner, 0).await.unwrap()[0].tokens.len(), 1);
}

#[tokio::test]
async fn a_report_after_an_attempt_was_lost_refines_it_and_is_not_counted_again() {
    let app = TestApp::at(MONDAY_NOON).await;
    behave(&app, json!({"fail_before_next": 1})).await;
    let lead = app.add_lead(PHONE).await;
    minutes(&app, 10).await;
    let shown = app.lead(&lead).await;
    let lost = shown["attempts"][0].clone();
    assert_eq!(
        (lost["outcome"].as_str(), lost["call_id"].as_str()),
        (Some("lost"), None)
    );
    let call = json!({"phone": PHONE, "attempt_id": lost["attempt_id"], "call_id": "late"});
    assert_eq!(app.bland(&ended(&call, talk("SALE"))).await, 200);
    let shown = app.lead(&lead).await;
    assert_eq!(shown["attempts"].as_array().unwrap().len(), 1);
    assert_eq!(
        (
            shown["attempts"][0]["outcome"].as_str(),
            shown["attempts"][0]["disposition"].as_str(),
            shown["attempts"][0]["call_id"].as_str(),
        ),
        (Some("answered"), Some("sale"), Some("late"))
    );
    assert_eq!(
        (
            shown["lead"]["status"].as_str(),
            shown["lead"]["attempts"].as_u64(),
            shown["calls_to_phone_today"].as_u64()
        ),
        (Some("completed"), Some(1), Some(1))
    );
}
