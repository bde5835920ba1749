//! Calling law in the loop: where the lead may be decides when, and how often, whatever its campaign says.

use chrono::TimeDelta;
use redial_local::phone_settings::PhonesMode;
use redial_tests::{MONDAY_NOON, TestApp, instant, talk, time_of};
use serde_json::{Value, json};

#[tokio::test]
async fn florida_is_called_three_times_in_any_24_hours_though_the_campaign_says_eight_a_day() {
    let app = TestApp::at(MONDAY_NOON).await;
    let lead = app.add_lead("+13055550142").await;
    app.settle().await;
    for n in 0..3 {
        app.advance(TimeDelta::minutes(1)).await;
        let calls = app.calls().await;
        assert_eq!(calls.len(), n + 1);
        assert_eq!(app.ends(&calls[n], json!({})).await, 200);
        app.advance(TimeDelta::minutes(if n < 2 { 15 } else { 1 })).await;
    }
    let shown = app.lead(&lead).await;
    assert_eq!(shown["lead"]["next_redial_iso"], "2026-11-24T17:07:00Z", "{shown:?}");
    assert_eq!(shown["lead"]["reason"], "law_cap");
    assert_eq!(
        shown["may_be_called"]["reason"],
        json!({"code": "law_cap", "jurisdiction": "US-FL", "limit": 3, "hours": 24})
    );
    app.advance(instant("2026-11-24T17:06:59Z") - app.now()).await;
    assert_eq!(app.calls().await.len(), 3, "the campaign has been open for an hour");
    app.advance(TimeDelta::minutes(2)).await;
    let calls = app.calls().await;
    assert_eq!(calls.len(), 4);
    assert!(time_of(&calls[3]) - time_of(&calls[0]) >= TimeDelta::hours(24));
}

#[tokio::test]
async fn a_lead_is_called_when_it_is_legal_wherever_it_may_be() {
    // Ten past eleven in New York: the campaign is open, and Los Angeles sleeps.
    let app = TestApp::at("2026-11-23T16:10:00Z").await;
    let rows = [
        (json!({"phone": "+12125550101"}), None),
        (json!({"phone": "+12135550102"}), Some("2026-11-23T17:00:00Z")),
        (
            json!({"phone": "+12125550103", "state": "California"}),
            Some("2026-11-23T17:00:00Z"),
        ),
        (
            json!({"phone": "+12125550104", "zip": "90012"}),
            Some("2026-11-23T17:00:00Z"),
        ),
        (
            json!({"phone": "+12125550105", "timezone": "Pacific/Honolulu"}),
            Some("2026-11-23T19:00:00Z"),
        ),
        // Toll-free, and nothing else known: from ten in Honolulu to six in New York.
        (json!({"phone": "+18005550106"}), Some("2026-11-23T20:00:00Z")),
    ];
    for (body, opens) in &rows {
        let added = app.post("/api/leads", body.clone()).await;
        assert_eq!(added.status, 201, "{added:?}");
        assert_eq!(added["called_now"], opens.is_none(), "{body}: {added:?}");
        if let Some(opens) = opens {
            assert_eq!(added["next_redial_iso"], opens.replace('Z', "+00:00"), "{body}");
            assert_eq!(added["reason"], "outside_law");
        }
    }
    app.advance(instant("2026-11-23T16:59:59Z") - app.now()).await;
    assert_eq!(app.calls().await.len(), 1);
    app.advance(TimeDelta::minutes(2)).await;
    assert_eq!(app.calls().await.len(), 4);
}

#[tokio::test]
async fn where_no_law_is_known_nothing_is_called_and_it_says_so() {
    let app = TestApp::at(MONDAY_NOON).await;
    for (phone, jurisdiction) in [("+442079460142", json!(null)), ("+14165550142", json!("CA"))] {
        let added = app.post("/api/leads", json!({"phone": phone})).await;
        assert_eq!(
            (added["status"].as_str(), added["reason"].as_str()),
            (Some("parked"), Some("no_law")),
            "{added:?}"
        );
        let shown = app.lead(added["lead_id"].as_str().unwrap_or_default()).await;
        assert_eq!(
            shown["may_be_called"]["reason"],
            json!({"code": "no_law", "jurisdiction": jurisdiction})
        );
    }
    app.advance(TimeDelta::hours(2)).await;
    assert_eq!(app.calls().await.len(), 0);
    let refused = app
        .post("/api/leads", json!({"phone": "+12125550142", "timezone": "Eastern"}))
        .await;
    assert_eq!(refused.status, 422);
    assert_eq!(
        refused["message"],
        "failed to read `timezone`: it is no time zone; write it as in `America/New_York`, or leave it out"
    );
}

/// Rhode Island ends at six, two hours before the campaign: 17:52 is a minute before the gate closes there.
#[tokio::test]
async fn a_call_that_has_not_begun_is_stopped_before_the_law_closes() {
    let app = TestApp::with("2026-11-23T22:52:00Z", |options| options.phones = PhonesMode::Simulated).await;
    let set = app
        .post("/local/phones", json!({"queue_s": 1_200, "outcome": "sale"}))
        .await;
    assert_eq!(set.status, 200, "{set:?}");
    let lead = app.add_lead("+14015550142").await;
    app.advance(TimeDelta::minutes(20)).await;
    let id = app.calls().await[0]["call_id"].as_str().unwrap_or_default().to_owned();
    let call = app.running.phones().call(&id).ok().flatten();
    let call = call.unwrap_or_else(|| panic!("{id} was never placed"));
    assert_eq!(call.started_at, None, "it never rang");
    assert!(
        call.ended_at.is_some_and(|at| at < instant("2026-11-23T23:00:00Z")),
        "{call:?}"
    );
    let shown = app.lead(&lead).await;
    assert_eq!(shown["activities"][0]["what"], "call_stopped_at_closing", "{shown:?}");
    assert_eq!(
        shown["lead"]["next_redial_iso"], "2026-11-24T16:00:00Z",
        "the campaign opens an hour after Rhode Island"
    );
}

/// In Nevada.
const VEGAS: &str = "+17025550142";

/// A talk that somebody ended.
fn talk_ended_by(who: Value) -> Value {
    let mut talk = talk("NO_RESULT");
    talk["call_ended_by"] = who;
    talk
}

#[tokio::test]
async fn who_ended_a_call_in_nevada_is_not_called_again_and_the_statute_is_named() {
    let rows = [
        (VEGAS, talk_ended_by(json!("USER")), false),
        // Nobody says who ended it: it may have been the person.
        (VEGAS, talk_ended_by(json!(null)), false),
        (VEGAS, talk_ended_by(json!("ASSISTANT")), true),
        (VEGAS, json!({}), true),
        (
            VEGAS,
            json!({"answered_by": "voicemail", "call_ended_by": "USER", "status": "completed"}),
            true,
        ),
        ("+12125550142", talk_ended_by(json!("USER")), true),
        // Toll-free: it may be in Nevada.
        ("+18005550142", talk_ended_by(json!("USER")), false),
    ];
    for (phone, end, goes_on) in rows {
        // Three in the afternoon in New York: open in all of the US.
        let app = TestApp::at("2026-11-23T20:30:00Z").await;
        let lead = app.add_lead(phone).await;
        app.settle().await;
        app.advance(TimeDelta::seconds(30)).await;
        assert_eq!(app.ends(&app.calls().await[0], end.clone()).await, 200);
        app.advance(TimeDelta::minutes(5)).await;
        assert_eq!(app.calls().await.len() > 1, goes_on, "{phone} {end}");
        let told = app.get(&format!("/api/leads/{lead}/explain")).await;
        let gates = told["gates"].as_array().cloned().unwrap_or_default();
        let line = gates
            .iter()
            .find(|line| line["gate"] == "hung_up")
            .cloned()
            .unwrap_or_default();
        assert_eq!(line["passes"], goes_on, "{phone} {end}: {told:?}");
        if !goes_on {
            assert_eq!(
                (&told["first_blocking"], &told["status"], &told["planned_because"]),
                (&json!("hung_up"), &json!("parked"), &json!("hung_up")),
                "{phone} {end}"
            );
            assert!(
                line["source"].as_str().is_some_and(|source| source.contains("597.814")),
                "{line}"
            );
        }
    }
}

#[tokio::test]
async fn a_hang_up_holds_in_every_campaign_and_for_who_is_told_to_be_in_nevada_later() {
    let app = TestApp::at(MONDAY_NOON).await;
    let lead = app.add_lead("+12125550142").await;
    app.settle().await;
    app.advance(TimeDelta::seconds(30)).await;
    assert_eq!(app.ends(&app.calls().await[0], talk_ended_by(json!("USER"))).await, 200);
    let told = app
        .post("/api/leads", json!({"phone": "+12125550142", "state": "NV"}))
        .await;
    assert_eq!(told["lead_id"], json!(lead), "{told:?}");
    app.advance(TimeDelta::minutes(5)).await;
    assert_eq!(app.calls().await.len(), 1);
    let told = app.get(&format!("/api/leads/{lead}/explain")).await;
    assert_eq!(told["first_blocking"], "hung_up", "{told:?}");
}

#[tokio::test]
async fn wyoming_asks_for_a_look_at_the_registry_with_written_consent_too() {
    let app = TestApp::at("2026-11-23T20:30:00Z").await;
    let day = |days: i64| (app.now() - TimeDelta::days(days)).to_rfc3339();
    let rows = [(None, false), (Some(day(32)), false), (Some(day(30)), true)];
    for (n, (checked_at, is_called)) in rows.into_iter().enumerate() {
        let body = json!({"phone": format!("+1307555010{n}"), "registry_checked_at": checked_at});
        let added = app.post("/api/leads", body).await;
        assert_eq!(added["called_now"], is_called, "{added:?}");
        if !is_called {
            assert_eq!(added["reason"], "registry_unchecked");
            let told = app
                .get(&format!(
                    "/api/leads/{}/explain",
                    added["lead_id"].as_str().unwrap_or_default()
                ))
                .await;
            let gates = told["gates"].as_array().cloned().unwrap_or_default();
            let line = gates.into_iter().find(|line| line["gate"] == "registry_unchecked");
            let source = line.map(|line| line["source"].to_string()).unwrap_or_default();
            assert!(source.contains("40-12-303"), "{source}");
        }
    }
}
