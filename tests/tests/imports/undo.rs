//! An import that is undone: who was never called and not changed is gone, the others are named.

use redial_aws::{App, Clock};
use redial_tests::{MONDAY_NOON, TestApp};
use serde_json::{Value, json};

use super::{campaign, leads, rows, upload};

/// One request to an instance of the admin function.
async fn ask(app: &TestApp, instance: App, method: &str, path: &str) -> Value {
    let event = json!({
        "version": "2.0", "rawPath": path, "rawQueryString": "", "headers": {"x-api-key": app.running.api_key},
        "requestContext": {"http": {"method": method, "path": path}},
    });
    let answer = redial_admin::Handler::new(instance).handle(event).await.unwrap();
    serde_json::from_str(answer["body"].as_str().unwrap()).unwrap()
}

async fn undone(app: &TestApp, import: &str) -> Value {
    let path = format!("/campaigns/one/imports/{import}/undo");
    let begun = app.post(&path, json!({})).await;
    assert_eq!(begun.status, 202, "{begun:?}");
    app.settle().await;
    let again = app.post(&path, json!({})).await;
    assert_eq!(
        again["undo"]["job_id"], begun["undo"]["job_id"],
        "asked twice it is one undo"
    );
    let answer = app.get(&path).await;
    assert_eq!((answer.status, &answer["state"]), (200, &json!("done")), "{answer:?}");
    answer.body
}

#[tokio::test]
async fn an_undo_removes_who_was_never_called_and_not_changed_and_names_the_others() {
    let app = TestApp::at(MONDAY_NOON).await;
    campaign(
        &app,
        "one",
        json!({"max_concurrent_calls": 1, "shards": 1, "open_intake": true}),
    )
    .await;
    let before = upload(&app, "one", "", "name,phone\nZ,2125550100\n").await;
    assert_eq!(rows(&before)[4], 1);
    let mut file = "name,phone,state,zip,consent_kind,consent_at,consent_source\n".to_owned();
    for n in 1..=6 {
        file.push_str(&format!(
            "P{n} Q,212555010{n},NY,10001,written,2026-11-01T00:00:00.5Z,form\n"
        ));
    }
    file.push_str("Z,2125550100,,,,,\nbad,1,,,,,\n");
    let uploaded = upload(&app, "one", "", &file).await;
    assert_eq!(rows(&uploaded), [8, 6, 1, 1, 6], "{uploaded:?}");
    let added = leads(&app, "one").await;
    let id = |n: usize| added[n]["lead_id"].as_str().unwrap().to_owned();
    // One is paused, one gets an address, one is called.
    assert_eq!(
        app.post(&format!("/api/admin/redial-queue/lead/{}/pause", id(1)), json!({}))
            .await
            .status,
        200
    );
    let completed = app
        .post(
            "/api/leads",
            json!({"phone": "+12125550102", "campaign_id": "one", "email": "b@example.com"}),
        )
        .await;
    assert_eq!(completed.status, 200, "{completed:?}");
    for n in [0, 2, 4, 5, 6] {
        // One alone may be called in this minute.
        assert_eq!(
            app.post(&format!("/api/admin/redial-queue/lead/{}/pause", id(n)), json!({}))
                .await
                .status,
            200
        );
    }
    assert_eq!(app.post("/campaigns/one/start", json!({})).await.status, 200);
    app.advance(chrono::TimeDelta::minutes(1)).await;
    let calls = app.calls().await;
    assert_eq!(calls.len(), 1);
    app.ends(&calls[0], json!({})).await;
    assert_eq!(app.post("/campaigns/one/pause", json!({})).await.status, 200);
    for n in [2, 4, 5, 6] {
        let resumed = app
            .post(&format!("/api/admin/redial-queue/lead/{}/resume", id(n)), json!({}))
            .await;
        assert_eq!(resumed.status, 200, "{resumed:?}");
    }
    let import = uploaded["import_id"].as_str().unwrap();
    let answer = undone(&app, import).await;
    assert_eq!(
        (&answer["leads_removed"], &answer["leads_kept"]),
        (&json!(3), &json!({"called": 1, "changed": 2})),
        "{answer}"
    );
    let kept: Vec<(&str, u64)> = answer["kept"]
        .as_array()
        .unwrap()
        .iter()
        .map(|kept| (kept["reason"].as_str().unwrap(), kept["row"].as_u64().unwrap()))
        .collect();
    assert_eq!(kept, [("changed", 2), ("changed", 3), ("called", 4)]);
    let left = leads(&app, "one").await;
    assert_eq!(left.len(), 4, "{left:?}");
    assert_eq!(left[0]["phone_number"], "+12125550100", "another import's stays");
    assert!(left.iter().all(|lead| lead["phone_number"] != "+12125550106"));
    let gone = app.get(&format!("/api/leads/{}", id(6))).await;
    assert_eq!(gone.status, 404);
    // Nothing of them is left but a fence, and the file can be imported again.
    let again = upload(&app, "one", "", &file).await;
    assert_eq!(rows(&again)[4], answer["leads_removed"], "{again:?}");
}

#[tokio::test]
async fn what_wrote_nothing_or_is_too_old_is_not_undone() {
    let app = TestApp::at(MONDAY_NOON).await;
    campaign(&app, "one", json!({})).await;
    let tried = upload(&app, "one", "?dry_run=true", "name,phone\nA,2125550142\n").await;
    let path = |import: &Value, what: &str| format!("/campaigns/one/imports/{}{what}", import.as_str().unwrap());
    let refused = app.post(&path(&tried["import_id"], "/undo"), json!({})).await;
    assert_eq!((refused.status, &refused["code"]), (409, &json!("nothing_to_undo")));
    let made = app.post("/campaigns/one/imports", json!({})).await;
    let refused = app.post(&path(&made["import_id"], "/undo"), json!({})).await;
    assert_eq!((refused.status, &refused["code"]), (409, &json!("import_not_finished")));
    let real = upload(&app, "one", "", "name,phone\nA,2125550142\nbad,1\n").await;
    assert_eq!(
        app.get(&path(&real["import_id"], "/undo")).await.status,
        404,
        "nobody has undone it"
    );
    let later = app.now() + chrono::TimeDelta::days(7);
    let later = || {
        let mut instance = app.instance();
        instance.clock = Clock::from_fn(move || later);
        instance
    };
    for (method, what) in [("POST", "/undo"), ("GET", "/errors"), ("GET", "/fix-file")] {
        let late = ask(&app, later(), method, &path(&real["import_id"], what)).await;
        assert_eq!(late["code"], "file_is_gone", "{what}: {late:?}");
    }
    let told = ask(&app, later(), "GET", &path(&real["import_id"], "")).await;
    assert_eq!(told["valid_rows"], 1, "its counts are told for a month");
}
