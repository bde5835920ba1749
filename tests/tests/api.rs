//! The answers of the API, as snapshots: their shapes are promises to other people's programs.

use chrono::TimeDelta;
use redial_tests::{MONDAY_NOON, TestApp, talk};
use serde_json::{Value, json};

/// Replaces what differs in every run by its sort.
fn settled(mut answer: Value) -> Value {
    fn walk(value: &mut Value, name: &str) {
        match value {
            Value::Object(map) => map.iter_mut().for_each(|(name, value)| walk(value, name)),
            Value::Array(list) => list.iter_mut().for_each(|value| walk(value, name)),
            Value::String(text)
                if matches!(
                    name,
                    "lead_id" | "attempt_id" | "call_id" | "last_call_id" | "id" | "proof"
                ) && text.len() > 20 =>
            {
                *text = format!("[{name}]")
            }
            Value::String(text) if name == "hash" => *text = "[hash]".to_owned(),
            _ => {}
        }
    }
    walk(&mut answer, "");
    answer
}

#[tokio::test]
async fn status_records_config_and_lead() {
    let app = TestApp::at(MONDAY_NOON).await;
    let lead = app
        .post("/api/leads", json!({"phone": "(212) 555-0142", "first_name": "Dana", "last_name": "Reyes", "state": "NY", "crm_id": "48213", "custom": {"plan": "gold"}}))
        .await;
    insta::assert_json_snapshot!("lead_added", settled(lead.body.clone()));
    let again = app
        .post(
            "/api/leads",
            json!({"phone": "+12125550142", "email": "Dana@Example.com"}),
        )
        .await;
    insta::assert_json_snapshot!("lead_added_again", settled(again.body));
    app.settle().await;
    insta::assert_json_snapshot!(
        "status_dialing",
        settled(app.get("/api/admin/redial-queue/status").await.body)
    );
    let call = app.calls().await.remove(0);
    app.ends(&call, talk("FOLLOW_UP")).await;
    insta::assert_json_snapshot!(
        "records",
        settled(app.get("/api/admin/redial-queue/records?status=pending").await.body)
    );
    insta::assert_json_snapshot!("lead_shown", settled(app.get("/api/leads/48213").await.body));
    insta::assert_json_snapshot!("config", settled(app.get("/api/admin/redial-queue/config").await.body));
    let changed = app
        .send(
            "PUT",
            "/api/admin/redial-queue/config",
            Some(&json!({"redial_interval_minutes": 45, "max_redial_attempts": 5, "retention_days": 7})),
        )
        .await;
    insta::assert_json_snapshot!("config_changed", settled(changed.body));
}

#[tokio::test]
async fn campaigns() {
    let app = TestApp::at(MONDAY_NOON).await;
    let created = app
        .post("/campaigns", json!({
            "id": "gurgaon", "name": "2BHK Gurgaon", "max_attempts_per_lead": 3, "retry_delay_hours": 24, "calling_hours_start": 10, "calling_hours_end": 19,
            "timezone": "Asia/Kolkata", "calling_days": ["mon", "sat"], "max_concurrent_calls": 5, "default_region": "IN", "blackout_dates": ["2026-12-25"],
        }))
        .await;
    assert_eq!(created.status, 201, "{created:?}");
    insta::assert_json_snapshot!("campaign_created", settled(created.body));
    insta::assert_json_snapshot!(
        "campaign_without_leads",
        app.post("/campaigns/gurgaon/start", json!({})).await.body
    );
    insta::assert_json_snapshot!(
        "campaign_wrong_move",
        app.post("/campaigns/gurgaon/pause", json!({})).await.body
    );
    let page = app.get("/campaigns?limit=1").await;
    assert_eq!(page["campaigns"][0]["id"], "default");
    let next = app
        .get(&format!(
            "/campaigns?limit=1&cursor={}",
            page["next_cursor"].as_str().unwrap()
        ))
        .await;
    assert_eq!(next["campaigns"][0]["id"], "gurgaon");
    let taken = app.post("/campaigns", json!({"id": "gurgaon", "name": "again"})).await;
    assert_eq!((taken.status, taken["code"].as_str()), (409, Some("id_taken")));
}

#[tokio::test]
async fn states_sum_to_all_records_and_pages_hold_each_record_once() {
    let app = TestApp::at("2026-11-23T15:59:00Z").await;
    let mut ids = std::collections::BTreeSet::new();
    for n in 0..23 {
        ids.insert(app.add_lead(&format!("+121255501{n:02}")).await);
    }
    let some: Vec<_> = ids.iter().take(3).cloned().collect();
    app.post(&format!("/api/admin/redial-queue/lead/{}/pause", some[0]), json!({}))
        .await;
    app.send("DELETE", &format!("/api/admin/redial-queue/lead/{}", some[1]), None)
        .await;
    app.advance(TimeDelta::minutes(2)).await;
    let stats = app.get("/api/admin/redial-queue/status").await["stats"].clone();
    let states = [
        "pending",
        "rescheduled",
        "queued",
        "dialing",
        "daily_max_reached",
        "max_attempts",
        "paused",
        "parked",
        "completed",
        "removed",
    ];
    let sum: u64 = states.iter().map(|state| stats[state].as_u64().unwrap()).sum();
    assert_eq!((sum, stats["total_records"].as_u64()), (23, Some(23)), "{stats}");
    assert_eq!(
        (
            stats["dialing"].as_u64(),
            stats["paused"].as_u64(),
            stats["removed"].as_u64(),
            stats["ready_to_dial"].as_u64()
        ),
        (Some(5), Some(1), Some(1), Some(16)),
        "{stats}"
    );
    let mut seen = Vec::new();
    let mut cursor = String::new();
    for _ in 0..30 {
        let page = app
            .get(&format!("/api/admin/redial-queue/records?limit=5{cursor}"))
            .await;
        assert_eq!(page.status, 200, "{page:?}");
        assert!(
            !page.body.to_string().contains("+12125550142")
                || page["next_cursor"].is_null()
                || !page["next_cursor"].as_str().unwrap().contains("555")
        );
        seen.extend(
            page["records"]
                .as_array()
                .unwrap()
                .iter()
                .map(|record| record["lead_id"].as_str().unwrap().to_owned()),
        );
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    assert_eq!(seen.len(), 23);
    assert_eq!(seen.into_iter().collect::<std::collections::BTreeSet<_>>(), ids);
    let ready = app.get("/api/admin/redial-queue/records?ready=true&limit=200").await;
    assert_eq!(ready["count"], 16);
    let dialing = app.get("/api/admin/redial-queue/records?status=dialing").await;
    assert_eq!(dialing["count"], 5);
}

#[tokio::test]
async fn a_role_may_do_what_the_table_says() {
    let app = TestApp::at(MONDAY_NOON).await;
    let direct = app.instance();
    let now = direct.clock.now();
    let agent = direct
        .table
        .create_api_key(&direct.ids, "agent", redial_domain::Role::Agent, None, now)
        .await
        .unwrap();
    let webhook = direct
        .table
        .create_api_key(
            &direct.ids,
            "crm",
            redial_domain::Role::Webhook,
            Some("convoso".into()),
            now,
        )
        .await
        .unwrap();
    for (key, path, method, status) in [
        (&agent, "/api/admin/redial-queue/status", "GET", 200),
        (&agent, "/api/admin/redial-queue/stop", "POST", 403),
        (&agent, "/campaigns/default/pause", "POST", 403),
        (&webhook, "/api/admin/redial-queue/status", "GET", 403),
    ] {
        let answered = redial_tests::answer(app.request(method, path).header("x-api-key", key.as_str())).await;
        assert_eq!(answered.status, status, "{path}: {answered:?}");
    }
    let lead = "phone_number=2125550142";
    for (request, status) in [
        (app.request("POST", &format!("/webhooks/convoso/{webhook}")), 200),
        (
            app.request("POST", "/webhooks/convoso")
                .header("x-webhook-secret", &webhook),
            200,
        ),
        (app.request("POST", &format!("/webhooks/convoso/{agent}")), 401),
    ] {
        let request = request
            .header("content-type", "application/x-www-form-urlencoded")
            .body(lead);
        assert_eq!(redial_tests::answer(request).await.status, status);
    }
    let stored = direct.table.api_keys().await.unwrap();
    assert!(stored.iter().all(|key| key.hash != agent && key.hash.len() == 64));
    direct
        .table
        .revoke_api_key(&redial_aws::api_keys::hash_key(&agent)[..12], now)
        .await
        .unwrap()
        .unwrap();
    let answered = redial_tests::answer(app.request("GET", "/campaigns").header("x-api-key", &agent)).await;
    assert_eq!(answered.status, 401);
}

#[tokio::test]
async fn a_new_campaign_calls_when_the_readme_is_followed_and_the_hints_of_refusals_lead_there_too() {
    let app = TestApp::with_environment("2026-11-23T17:00:00Z", &[]).await;
    let readme = include_str!("../../README.md");
    let (_, section) = readme.split_once("## Make a campaign of your own").unwrap();
    let bodies: Vec<Value> = section
        .split("-d '")
        .skip(1)
        .take(2)
        .map(|text| serde_json::from_str(text.split('\'').next().unwrap()).unwrap())
        .collect();
    let [campaign, lead] = bodies.as_slice() else {
        panic!("{bodies:?}")
    };
    let created = app.post("/campaigns", campaign.clone()).await;
    assert_eq!(created.status, 201, "{created:?}");
    let started = app.post("/campaigns/spring/start", json!({})).await;
    assert_eq!(started.status, 200, "{started:?}");
    let added = app.post("/api/leads", lead.clone()).await;
    assert_eq!((added.status, &added["called_now"]), (201, &json!(true)), "{added:?}");
    app.settle().await;
    assert_eq!(app.calls().await.len(), 1);

    // Whoever gives a name alone is led by what is refused.
    let bare = app.post("/campaigns", json!({"name": "Bare", "id": "bare"})).await;
    assert_eq!(bare.status, 201, "{bare:?}");
    let lead = json!({"phone": "+12125550144", "campaign_id": "bare"});
    for refused in [
        app.post("/campaigns/bare/start", json!({})).await,
        app.post("/api/leads", lead.clone()).await,
    ] {
        assert_eq!(refused.status, 409, "{refused:?}");
        let hint = refused["hint"].as_str().unwrap();
        assert!(
            hint.contains("PATCH /campaigns/{id} with {\"open_intake\": true}"),
            "{hint}"
        );
    }
    let open = json!({"open_intake": true});
    assert_eq!(app.send("PATCH", "/campaigns/bare", Some(&open)).await.status, 200);
    let parked = app.post("/api/leads", lead).await;
    assert_eq!(parked["reason"], "no_consent", "{parked:?}");
    assert!(
        parked["hint"]
            .as_str()
            .unwrap()
            .contains("PATCH /campaigns/{id} with `consent`"),
        "{parked:?}"
    );
    let consent = json!({"consent": campaign["consent"]});
    assert_eq!(app.send("PATCH", "/campaigns/bare", Some(&consent)).await.status, 200);
    app.settle().await;
    let waits = app
        .post("/api/leads", json!({"phone": "+12125550145", "campaign_id": "bare"}))
        .await;
    assert_eq!(waits["reason"], "campaign_not_running", "{waits:?}");
    assert!(waits["hint"].as_str().unwrap().contains("/start"), "{waits:?}");
    assert_eq!(app.post("/campaigns/bare/start", json!({})).await.status, 200);
    app.advance(TimeDelta::minutes(16)).await;
    assert_eq!(app.calls().await.len(), 3, "both of them are called");
}

#[tokio::test]
async fn every_time_in_an_answer_has_whole_seconds() {
    let app = TestApp::at("2026-11-23T17:00:00.123456789Z").await;
    let lead = app.add_lead("+12125550142").await;
    app.settle().await;
    let consent = json!({"kind": "written", "given_at": "2026-11-20T17:00:00.5Z", "source": "form", "proof": "box"});
    let mut answers = vec![
        app.send("PUT", &format!("/api/leads/{lead}/consent"), Some(&consent))
            .await,
        app.post("/api/leads", json!({"phone": "+12125550142"})).await,
        app.post(
            "/api/do-not-call",
            json!({"phone": "+12125550142", "said_at": "2026-11-20T17:00:00.25Z"}),
        )
        .await,
        app.post("/api/do-not-call/check", json!({"phone": "+12125550142"}))
            .await,
        app.post("/api/explain", json!({"phone": "+12125550142"})).await,
        app.post("/campaigns", json!({"name": "x"})).await,
        app.post("/api/law/bans", json!({"jurisdiction": "US-FL", "reason": "a test"}))
            .await,
        app.post("/api/admin/redial-queue/disable", json!({})).await,
    ];
    for path in [
        "/api/do-not-call",
        "/campaigns",
        "/api/law",
        "/api/jobs",
        "/api/rules",
        "/api/admin/redial-queue/status",
        "/api/admin/redial-queue/records",
        "/api/admin/redial-queue/activities",
        "/api/admin/redial-queue/config",
        "/api/admin/accounts/bland",
        "/campaigns/default/explain",
        "/campaigns/default/activities",
        &format!("/api/leads/{lead}"),
        &format!("/api/leads/{lead}/explain"),
    ] {
        answers.push(app.get(path).await);
    }
    for answer in answers {
        assert!(answer.status < 300, "{answer:?}");
        let text = answer.body.to_string();
        for (at, _) in text.match_indices("2026-11-2") {
            let second = text.get(at + 19..at + 20);
            assert!(second != Some("."), "{} in {text}", &text[at..at + 35]);
        }
    }
}
