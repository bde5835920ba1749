//! Abandoned calls: counted from what was reported, a brake at 3 %, lifted by an owner only.

#![expect(clippy::unwrap_used, reason = "helpers of tests: what is not there fails the test")]

use chrono::TimeDelta;
use redial_domain::{CampaignId, Phone, Region};
use redial_tests::bulk_calls::PastCalls;
use redial_tests::{Answer, MONDAY_NOON, TestApp, answer, ended, talk};
use serde_json::{Value, json};

/// Reconcile runs every five minutes.
const NEXT_RUN: TimeDelta = TimeDelta::minutes(5);

fn phone(n: u32) -> String {
    format!("+1212555{:04}", 100 + n)
}

/// A talk in which the person said hello and heard nothing for so many seconds.
fn silence(seconds: u32) -> Value {
    let mut silence = talk("");
    silence["disposition_tag"] = Value::Null;
    silence["call_length"] = json!(f64::from(seconds) / 60.0);
    silence["corrected_duration"] = json!(seconds.to_string());
    silence["transcripts"] = json!([{"user": "user", "text": "Hello? Hello? Who is there?"}]);
    silence
}

/// Calls a lead and ends the call.
async fn call(app: &TestApp, n: u32, how: Value) -> String {
    let lead = app.add_lead(&phone(n)).await;
    app.settle().await;
    app.advance(TimeDelta::seconds(20)).await;
    let calls = app.calls().await;
    let call = calls.last().unwrap();
    assert_eq!(call["phone"], phone(n), "{call}");
    assert_eq!(app.bland(&ended(call, how)).await, 200);
    lead
}

async fn shown(app: &TestApp) -> Answer {
    app.get("/campaigns/default").await
}

async fn gate(app: &TestApp, lead: &str, name: &str) -> Value {
    let explained = app.get(&format!("/api/leads/{lead}/explain")).await;
    let gates = explained["gates"].as_array().unwrap();
    gates.iter().find(|line| line["gate"] == name).unwrap().clone()
}

#[tokio::test]
async fn four_abandoned_calls_of_few_brake_the_campaign_until_an_owner_lifts_it() {
    let app = TestApp::at(MONDAY_NOON).await;
    for n in 0..3 {
        call(&app, n, silence(8)).await;
    }
    app.advance(NEXT_RUN).await;
    let before = shown(&app).await;
    let calls = &before["abandoned_calls"];
    assert_eq!(
        (&calls["answered"], &calls["abandoned"]),
        (&json!(3), &json!(3)),
        "{before:?}"
    );
    assert_eq!((&calls["braked"], &before["brake"]), (&json!(false), &Value::Null));

    call(&app, 3, talk("DROP")).await;
    app.advance(NEXT_RUN).await;
    let braked = shown(&app).await;
    assert_eq!(braked["abandoned_calls"]["braked"], true, "{braked:?}");
    assert_eq!(
        (&braked["brake"]["abandoned"], &braked["brake"]["lifted"]),
        (&json!(4), &Value::Null)
    );
    assert_eq!(app.metric("calls.braked").await, 1);
    let status = app.get("/api/admin/redial-queue/status").await;
    assert_eq!(
        status["status"]["abandoned_calls"]["default"]["abandoned"], 4,
        "{status:?}"
    );

    // Who waits waits on, whoever comes is not called, and both are told why.
    let placed = app.calls().await.len();
    let new = app.post("/api/leads", json!({"phone": phone(9)})).await;
    assert_eq!(
        (&new["called_now"], &new["reason"]),
        (&json!(false), &json!("abandoned_calls")),
        "{new:?}"
    );
    app.advance(TimeDelta::minutes(30)).await;
    assert_eq!(app.calls().await.len(), placed);
    let lead = new["lead_id"].as_str().unwrap();
    let line = gate(&app, lead, "abandoned_calls").await;
    assert_eq!(line["passes"], false, "{line}");
    assert_eq!(line["source"], "16 CFR 310.4(b)(4)(i)");
    assert!(
        line["value"]
            .as_str()
            .unwrap()
            .starts_with("4 of 4 answered calls on 2026-11-23T"),
        "{line}"
    );
    let explained = app.get(&format!("/api/leads/{lead}/explain")).await;
    assert_eq!(
        explained["next_possible"],
        Value::Null,
        "nobody knows when: {explained:?}"
    );

    let until = "2026-11-30T17:00:00Z";
    let admin = redial_domain::Role::parse("admin").unwrap();
    let table = app.instance().table;
    table
        .put_api_key("an-admins", "admin", admin, None, app.now())
        .await
        .unwrap();
    let asked = app
        .request("POST", "/campaigns/default/brake/lift")
        .header("x-api-key", "an-admins");
    let refused = answer(asked.json(&json!({"reason": "it hurts", "until": until}))).await;
    assert_eq!(
        (refused.status, &refused["code"]),
        (403, &json!("not_allowed")),
        "{refused:?}"
    );
    for (body, status) in [
        (json!({"reason": " ", "until": until}), 422),
        (
            json!({"reason": "the agent speaks again", "until": "2027-01-30T17:00:00Z"}),
            422,
        ),
        (json!({"reason": "the agent speaks again"}), 422),
        (json!({"reason": "the agent speaks again", "until": until}), 200),
    ] {
        let lifted = app.post("/campaigns/default/brake/lift", body).await;
        assert_eq!(lifted.status, status, "{lifted:?}");
    }
    let lifted = shown(&app).await;
    assert_eq!(
        lifted["brake"]["lifted"]["reason"], "the agent speaks again",
        "{lifted:?}"
    );
    app.advance(TimeDelta::minutes(16)).await;
    let calls = app.calls().await;
    assert!(
        calls.len() > placed && calls.iter().any(|call| call["phone"] == phone(9)),
        "{calls:?}"
    );
    let said = app.get("/campaigns/default/activities").await;
    let said: Vec<&Value> = said["activities"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| &one["what"])
        .collect();
    assert!(
        said.contains(&&json!("brake lifted")) && said.contains(&&json!("braked")),
        "{said:?}"
    );
}

#[tokio::test]
async fn three_in_a_hundred_are_borne_and_the_brake_comes_off_when_the_share_falls() {
    let app = TestApp::at(MONDAY_NOON).await;
    // Who is called again is not answered for here, and would keep a line.
    let lines = json!({"max_concurrent_calls": 50});
    assert_eq!(app.send("PATCH", "/campaigns/default", Some(&lines)).await.status, 200);
    call(&app, 0, talk("NI")).await;
    let default = CampaignId::default_campaign();
    let shards = u32::try_from(shown(&app).await["shards"].as_u64().unwrap()).unwrap();
    let answered = Phone::parse(&phone(0), Region::US).unwrap();
    let past = PastCalls::read(&app, &default, shards, &answered).await;
    assert_eq!(past.calls(), 1);
    past.import(&app, (1..150).map(|n| (n, 0)));

    for n in 1..5 {
        call(&app, n, silence(8)).await;
    }
    app.advance(NEXT_RUN).await;
    let borne = shown(&app).await;
    let calls = &borne["abandoned_calls"];
    assert_eq!(
        (&calls["answered"], &calls["abandoned"]),
        (&json!(154), &json!(4)),
        "{borne:?}"
    );
    assert_eq!((&calls["percent"], &calls["braked"]), (&json!(2.6), &json!(false)));

    call(&app, 5, silence(8)).await;
    app.advance(NEXT_RUN).await;
    assert_eq!(shown(&app).await["abandoned_calls"]["braked"], true);

    // Answers that are reported late count too.
    past.import(&app, (150..170).map(|n| (n, 0)));
    app.advance(NEXT_RUN).await;
    let released = shown(&app).await;
    assert_eq!(released["brake"], Value::Null, "{released:?}");
    assert_eq!(released["abandoned_calls"]["answered"], 175);
}

#[tokio::test]
async fn who_hangs_up_at_once_or_is_spoken_to_was_not_abandoned() {
    let app = TestApp::at(MONDAY_NOON).await;
    let mut spoken_to = silence(8);
    spoken_to["transcripts"] =
        json!([{"user": "user", "text": "Hello?"}, {"user": "assistant", "text": "Good morning."}]);
    let mut rings = talk("DROP");
    rings["answered_by"] = json!("no-answer");
    rings["status"] = json!("no-answer");
    for (n, (how, disposition)) in (0..).zip([
        (silence(3), "human"),
        (silence(90), "human"),
        (spoken_to, "human"),
        (rings, "unknown"),
        (silence(8), "abandoned"),
    ]) {
        let lead = call(&app, n, how).await;
        let shown = app.lead(&lead).await;
        assert_eq!(shown["attempts"][0]["disposition"], disposition, "{n}: {shown:?}");
    }
    // Counted for itself, a campaign without calls has no share.
    app.advance(NEXT_RUN).await;
    let calls = shown(&app).await["abandoned_calls"].clone();
    assert_eq!(
        (&calls["answered"], &calls["abandoned"]),
        (&json!(4), &json!(1)),
        "{calls}"
    );
}
