//! Whatever comes in from outside: a clear 4xx, or kept and counted. Never a panic, a 5xx, a silent drop.

use redial_tests::{MONDAY_NOON, TestApp, answer, ended, talk};
use serde_json::{Value, json};

/// Every refusal has the same shape, and tells the one who sent it what to do.
fn assert_problem(problem: &redial_tests::Answer, status: u16, code: &str) {
    assert_eq!(
        (problem.status, problem["code"].as_str()),
        (status, Some(code)),
        "{problem:?}"
    );
    assert_eq!(problem["success"], false);
    assert!(
        problem["message"].as_str().is_some_and(|m| m.starts_with("failed to ")),
        "{problem:?}"
    );
    assert!(problem["hint"].as_str().is_some_and(|h| !h.is_empty()), "{problem:?}");
}

#[tokio::test]
async fn webhooks_that_are_none() {
    let app = TestApp::at(MONDAY_NOON).await;
    let five_megabytes = format!("{{\"x\": \"{}\"", "y".repeat(5_000_000));
    let rows: [(&str, &str, String, u16, &str); 9] = [
        ("bland", "application/json", "not json".into(), 400, "body_not_readable"),
        (
            "bland",
            "application/json",
            "[{\"call_id\": \"x\"}]".into(),
            400,
            "body_not_readable",
        ),
        (
            "bland",
            "application/json",
            "{\"call_length\": NaN}".into(),
            400,
            "body_not_readable",
        ),
        ("bland", "application/json", five_megabytes, 400, "body_not_readable"),
        ("bland", "application/json", String::new(), 400, "body_not_readable"),
        ("nobody", "application/json", "{}".into(), 404, "unknown_provider"),
        (
            "convoso",
            "application/json",
            "{\"first_name\": \"x\"}".into(),
            422,
            "lead_not_readable",
        ),
        (
            "convoso",
            "application/json",
            "{\"phone_number\": \"12\"}".into(),
            422,
            "lead_not_readable",
        ),
        (
            "convoso/wrong-secret",
            "application/json",
            "{\"phone_number\": \"2125550142\"}".into(),
            401,
            "bad_secret",
        ),
    ];
    for (provider, content_type, body, status, code) in rows {
        let posted = answer(
            app.request("POST", &format!("/webhooks/{provider}"))
                .header("content-type", content_type)
                .body(body),
        )
        .await;
        assert_problem(&posted, status, code);
    }
    assert_eq!(app.metric("webhook.rejected").await, 9);
    let posted = answer(app.request("GET", "/webhooks/bland")).await;
    assert_problem(&posted, 405, "method_not_allowed");
    let too_large = answer(app.request("POST", "/webhooks/bland").body(vec![b' '; 7 * 1024 * 1024])).await;
    assert_problem(&too_large, 413, "body_too_large");
}

#[tokio::test]
async fn a_signature_is_checked_when_there_is_a_secret() {
    let app = TestApp::with_environment(MONDAY_NOON, &[("BLAND_WEBHOOK_SECRET", "bland-test-secret")]).await;
    let body = json!({"call_id": "x", "completed": true}).to_string();
    let post = |signature: Option<String>| {
        let request = app.request("POST", "/webhooks/bland").body(body.clone());
        answer(match signature {
            Some(signature) => request.header("X-Webhook-Signature", signature),
            None => request,
        })
    };
    assert_problem(&post(None).await, 401, "no_signature");
    assert_problem(&post(Some("00".repeat(32))).await, 401, "bad_signature");
    assert_problem(&post(Some("no hex".into())).await, 401, "bad_signature");
    let good = redial_telephony::bland::sign(b"bland-test-secret", body.as_bytes());
    assert_eq!(post(Some(good)).await.status, 200);
}

#[tokio::test]
async fn a_webhook_that_nothing_fits_is_kept_and_counted() {
    let app = TestApp::at(MONDAY_NOON).await;
    let stranger = json!({"call_id": "s-1", "to": "+12125550199", "status": "completed", "completed": true, "answered_by": "human", "call_length": 1});
    assert_eq!(app.bland(&stranger).await, 200);
    assert_eq!(
        app.bland(&json!({"call_id": "s-2", "completed": true})).await,
        200,
        "names no phone"
    );
    assert_eq!(app.metric("outcome.unmatched").await, 2);
}

#[tokio::test]
async fn odd_fields_of_a_real_call_do_no_harm() {
    let app = TestApp::at(MONDAY_NOON).await;
    let lead = app.add_lead("+12125550142").await;
    app.settle().await;
    let call = app.calls().await.remove(0);
    let odd = json!({
        "call_length": "NaN", "corrected_duration": {"a": 1}, "transcripts": {"0": "no list"}, "variables": "x", "answered_by": 7,
        "status": "something-new", "warm_transfer_call": [], "summary": 12, "disposition_tag": "something_new", "to": "2125550142",
    });
    assert_eq!(app.ends(&call, odd).await, 200);
    let shown = app.lead(&lead).await;
    assert_eq!(
        shown["lead"]["status"], "pending",
        "an unknown word never stops or closes a lead: {shown:?}"
    );
    assert_eq!(shown["attempts"][0]["disposition_word_unknown"], true);
    assert_eq!(shown["attempts"][0]["disposition_word"], "something_new");
}

#[tokio::test]
async fn a_payload_too_large_for_a_queue_is_cut_and_applied() {
    let app = TestApp::at(MONDAY_NOON).await;
    let lead = app.add_lead("+12125550142").await;
    app.settle().await;
    let call = app.calls().await.remove(0);
    let mut large = talk("SALE");
    let lines: Vec<Value> = (0..40_000)
        .map(|n| json!({"user": "user", "text": format!("\"quoted\" line {n} of a long talk"), "id": n}))
        .collect();
    large["transcripts"] = json!(lines);
    let payload = ended(&call, large);
    assert!(payload.to_string().len() > 2_000_000);
    assert_eq!(app.bland(&payload).await, 200);
    assert_eq!(app.lead(&lead).await["lead"]["lead_status"], "sale");
}

#[tokio::test]
async fn api_bodies_that_are_wrong() {
    let app = TestApp::at(MONDAY_NOON).await;
    let rows: [(&str, &str, &str, u16, &str); 17] = [
        ("POST", "/api/leads", "[\"+12125550142\"]", 422, "bad_field"),
        ("PUT", "/api/admin/redial-queue/config", "[false]", 422, "bad_field"),
        ("PATCH", "/campaigns/default", "[]", 422, "bad_field"),
        ("POST", "/api/leads", "no json", 400, "body_not_json"),
        ("POST", "/api/leads", "", 400, "no_body"),
        ("POST", "/api/leads", "{\"phone\": NaN}", 400, "body_not_json"),
        ("POST", "/api/leads", "{\"phone\": 12}", 422, "bad_field"),
        ("POST", "/api/leads", "{\"phone\": \"12\"}", 422, "bad_phone"),
        (
            "POST",
            "/api/leads",
            "{\"phone\": \"+12125550142\", \"fone\": 1}",
            422,
            "bad_field",
        ),
        (
            "POST",
            "/api/leads",
            "{\"phone\": \"+12125550142\", \"campaign_id\": \"none\"}",
            404,
            "unknown_campaign",
        ),
        (
            "POST",
            "/campaigns",
            "{\"name\": \"x\", \"max_concurrent_calls\": 0}",
            422,
            "bad_field",
        ),
        (
            "POST",
            "/campaigns",
            "{\"name\": \"x\", \"timezone\": \"Mars\"}",
            422,
            "bad_field",
        ),
        (
            "POST",
            "/campaigns",
            "{\"name\": \"x\", \"calling_hours_start\": 25}",
            422,
            "bad_field",
        ),
        ("PATCH", "/campaigns/default", "{\"shards\": 2}", 422, "bad_field"),
        (
            "PUT",
            "/api/admin/redial-queue/config",
            "{\"max_atempts\": 3}",
            422,
            "bad_field",
        ),
        (
            "PUT",
            "/api/admin/redial-queue/config",
            "{\"process_interval_minutes\": 0}",
            422,
            "bad_field",
        ),
        ("POST", "/local/clock", "{\"advance_s\": -5}", 422, "bad_field"),
    ];
    for (method, path, body, status, code) in rows {
        let request = app
            .request(method, path)
            .header("x-api-key", &app.running.api_key)
            .header("content-type", "application/json")
            .body(body);
        let refused = answer(request).await;
        assert!(
            refused.status == status && (code == "bad_field" || refused["code"] == code),
            "{method} {path} {body}: {refused:?}"
        );
        assert!(
            refused["message"].as_str().is_some() && refused["hint"].as_str().is_some(),
            "{refused:?}"
        );
    }
    for (method, path, body, field) in [
        (
            "PATCH",
            "/campaigns/default",
            json!({"blackout_dates": ["2026-12-24", "2026-02-30"]}),
            "`blackout_dates[1]`",
        ),
        (
            "PATCH",
            "/campaigns/default",
            json!({"max_concurrent_calls": "many"}),
            "`max_concurrent_calls`",
        ),
        (
            "POST",
            "/api/leads",
            json!({"phone": "+12125550142", "consent": {"kind": "signed"}}),
            "`consent.kind`",
        ),
        (
            "POST",
            "/api/leads",
            json!({"phone": "+12125550142", "zip": 2138.5}),
            "`zip`",
        ),
        ("POST", "/api/calls", json!({"phone": "+12125550142"}), "`started_at`"),
    ] {
        let refused = app.send(method, path, Some(&body)).await;
        let message = refused["message"].as_str().unwrap_or_default();
        assert!(refused.status == 422 && message.contains(field), "{body}: {refused:?}");
    }
    for (path, status) in [
        ("/api/leads/01J00000000000000000000000", 404),
        ("/api/leads/a%23b", 404),
        ("/campaigns/none", 404),
        ("/campaigns?cursor=%21", 422),
        ("/campaigns?limit=0", 422),
        ("/api/admin/redial-queue/records?status=nothing", 422),
        ("/api/admin/redial-queue/records?cursor=AAAA", 422),
        ("/nowhere", 404),
    ] {
        assert_eq!(app.get(path).await.status, status, "{path}");
    }
}

#[tokio::test]
async fn who_has_no_key_or_shows_it_in_the_url_is_refused() {
    let app = TestApp::at(MONDAY_NOON).await;
    let status = "/api/admin/redial-queue/status";
    assert_problem(&answer(app.request("GET", status)).await, 401, "no_key");
    assert_problem(
        &answer(app.request("GET", status).header("x-api-key", "rdl_nothing")).await,
        401,
        "bad_key",
    );
    for name in ["api_key", "API_KEY", "key", "token"] {
        assert_problem(
            &app.get(&format!("{status}?{name}={}", app.running.api_key)).await,
            400,
            "key_in_url",
        );
    }
    for name in ["secret", "token", "api_key"] {
        let posted = answer(
            app.request("POST", &format!("/webhooks/convoso?campaign=default&{name}=x"))
                .body("phone_number=2125550142"),
        );
        assert_problem(&posted.await, 400, "key_in_url");
    }
}

#[tokio::test]
async fn no_answer_repeats_what_may_be_a_phone_number_and_no_campaign_is_named_by_one() {
    let app = TestApp::at(MONDAY_NOON).await;
    for (path, body) in [
        ("/campaigns", json!({"name": "x", "id": "2125550142"})),
        ("/campaigns", json!({"name": "x", "id": "leads-212-555-0142"})),
        ("/campaigns", json!({"name": "x", "id": "(212) 555-0142"})),
        ("/campaigns/212-555-0142/start", json!({})),
        (
            "/api/leads",
            json!({"phone": "+12125550142", "campaign_id": "212-555-0142"}),
        ),
        (
            "/api/calls",
            json!({"phone": "+12125550142", "started_at": "2026-11-23T16:00:00Z", "source": "(212) 555-0142"}),
        ),
        (
            "/api/do-not-call",
            json!({"phone": "+12125550142", "call_id": "+1 (212) 555-0142"}),
        ),
        ("/nowhere/212-555-0142", json!({})),
    ] {
        let refused = app.post(path, body.clone()).await;
        assert!(matches!(refused.status, 404 | 422), "{path} {body}: {refused:?}");
        assert!(!refused.body.to_string().contains("555"), "{path} {body}: {refused:?}");
    }
    for path in ["/api/leads/212-555-0142", "/campaigns/212.555.0142"] {
        let refused = app.get(path).await;
        assert_eq!(refused.status, 404, "{path}");
        assert!(!refused.body.to_string().contains("555"), "{path}: {refused:?}");
    }
    // A name may be anything; what is made of it stands in URLs.
    let named = app.post("/campaigns", json!({"name": "Callers of 212-555-0142"})).await;
    assert_eq!(named.status, 201, "{named:?}");
    assert!(!named["id"].as_str().unwrap().contains("555"), "{named:?}");
    let dated = app
        .post("/campaigns", json!({"name": "x", "id": "spring-2027-03-01"}))
        .await;
    assert_eq!(dated.status, 201, "{dated:?}");
}
