//! Asking a server that behaves like Bland about calls, and stopping them.

#[cfg(test)]
#[allow(dead_code, reason = "shared with the other test of the client")]
mod fake_bland;

use fake_bland::{FakeBland, Reply, call, kept, phone, reply, row};
use redial_domain::{EventKind, Outcome};
use redial_telephony::bland::AskError;
use serde_json::{Value, json};

const SINCE: &str = "2026-11-18T12:00:00Z";
const NOBODY: &str = "0b9f3c1e-5d42-4c7a-9a10-000000000001";

#[tokio::test]
async fn details_tell_a_running_call_from_a_finished_and_from_an_unknown_one() {
    let id = call(NOBODY);
    let running = json!({ "call_id": NOBODY, "completed": false, "queue_status": "started", "status": "in_progress" });
    let missing = json!({ "status": "error", "message": "Call not found" });
    let (fake, client) = FakeBland::start(vec![
        reply(200, &kept("bland-answered-human.json")),
        reply(200, &running),
        reply(404, &missing),
        reply(400, &missing),
        reply(200, &missing),
        reply(401, &json!({})),
        Reply {
            status: 404,
            body: "<html>".to_owned(),
            ..Reply::default()
        },
        reply(200, &json!({ "status": "success" })),
        reply(200, &json!({ "call_id": NOBODY })),
        reply(200, &kept("bland-busy.json")),
        Reply {
            status: 429,
            headers: vec![("retry-after", "7")],
            ..Reply::default()
        },
        reply(500, &json!({})),
        Reply {
            status: 200,
            body: "garbage".to_owned(),
            ..Reply::default()
        },
        Reply {
            after_ms: 1_500,
            ..reply(200, &running)
        },
    ])
    .await;
    let ended = client.details(&id).await.unwrap().unwrap();
    assert_eq!((ended.kind, ended.facts.outcome), (EventKind::Ended, Outcome::Answered));
    assert_eq!(client.details(&id).await.unwrap().unwrap().kind, EventKind::Progress);
    for _ in 0..3 {
        assert_eq!(client.details(&id).await, Ok(None));
    }
    assert_eq!(client.details(&id).await, Err(AskError::Refused { status: 401 }));
    for about in ["a proxy's page", "nothing said", "only the id", "another call"] {
        assert_eq!(client.details(&id).await, Err(AskError::Unavailable), "{about}");
    }
    assert_eq!(
        client.details(&id).await,
        Err(AskError::RateLimited { retry_after_s: Some(7) })
    );
    for about in ["500", "garbage", "a time-out"] {
        assert_eq!(client.details(&id).await, Err(AskError::Unavailable), "{about}");
    }
    assert_eq!(fake.seen()[0].line, format!("GET /v1/calls/{NOBODY}"));
}

#[tokio::test]
async fn calls_to_a_phone_are_found_in_every_spelling_of_a_row() {
    let rows = json!({ "count": "6", "calls": [
        { "call_id": "with-plus", "created_at": "2026-11-18T15:02:00Z", "to": "+12125550142" },
        { "c_id": "without-plus", "created_at": "2026-11-18T15:01:00Z", "to": "12125550142", "metadata": null },
        { "call_id": "national", "created_at": "2026-11-18T15:03:00Z", "to": "2125550142" },
        { "call_id": "bare" },
        { "call_id": "to-another", "created_at": "2026-11-18T15:01:00Z", "to": "+12125550143" },
        { "call_id": "too-old", "created_at": "2026-11-17T15:01:00Z", "to": "+12125550142" },
    ] });
    let (fake, client) = FakeBland::start(vec![reply(200, &rows)]).await;
    let listed = client.calls_to(&phone(), SINCE.parse().unwrap()).await.unwrap();
    let ids: Vec<_> = listed.iter().map(|call| call.call_id.as_str()).collect();
    assert_eq!(ids, ["bare", "without-plus", "with-plus", "national"]);
    assert_eq!((listed[0].created_at, &listed[0].to), (None, &None));
    assert_eq!(
        fake.seen()[0].line,
        "GET /v1/calls?to_number=%2B12125550142&start_date=2026-11-17&ascending=true&sort_by=created_at&from=0&to=100&limit=100"
    );
}

#[tokio::test]
async fn no_calls_is_only_said_after_asking_without_the_plus_sign_too() {
    let none = reply(200, &json!({ "count": 0, "calls": [] }));
    let (fake, client) = FakeBland::start(vec![
        none.clone(),
        none.clone(),
        none,
        reply(200, &json!({ "calls": [row(1)] })),
    ])
    .await;
    assert_eq!(client.calls_to(&phone(), SINCE.parse().unwrap()).await, Ok(vec![]));
    assert!(fake.seen()[1].line.contains("to_number=12125550142&"));
    // A call that was accepted before shows up late.
    assert_eq!(
        client.calls_to(&phone(), SINCE.parse().unwrap()).await.unwrap().len(),
        1
    );
}

#[tokio::test]
async fn pages_are_read_to_the_end_and_an_endless_list_proves_nothing() {
    let page = |from: usize, to: usize, count: Value| {
        reply(
            200,
            &json!({ "count": count, "calls": (from..to).map(row).collect::<Vec<_>>() }),
        )
    };
    let since = SINCE.parse().unwrap();
    let (fake, client) = FakeBland::start(vec![page(0, 100, json!(130)), page(100, 130, json!(130))]).await;
    assert_eq!(client.calls_to(&phone(), since).await.unwrap().len(), 130);
    assert!(fake.seen()[1].line.contains("from=100&to=200"));

    // The server gives fewer rows than asked for, and counts them all.
    let (_, client) = FakeBland::start(vec![
        page(0, 40, json!("90")),
        page(40, 80, json!("90")),
        page(80, 90, json!("90")),
    ])
    .await;
    assert_eq!(client.calls_to(&phone(), since).await.unwrap().len(), 90);

    // `count` is of all the account's calls, and there is one page.
    let (_, client) = FakeBland::start(vec![reply(200, &kept("bland-list-calls-page.json"))]).await;
    assert_eq!(client.calls_to(&phone(), since).await.unwrap().len(), 4);

    // The filter and the indexes are ignored.
    let (fake, client) = FakeBland::start(vec![page(0, 100, json!(5_000))]).await;
    assert_eq!(client.calls_to(&phone(), since).await, Err(AskError::Unavailable));
    assert_eq!(fake.seen().len(), 10);

    for answer in [
        reply(200, &json!({ "status": "success" })),
        reply(404, &json!({})),
        reply(200, &json!([])),
    ] {
        let (_, client) = FakeBland::start(vec![answer]).await;
        assert_eq!(
            client.calls_to(&phone(), since).await,
            Err(AskError::Unavailable),
            "no list is not an empty list"
        );
    }
}

#[tokio::test]
async fn a_stop_counts_only_when_bland_said_so() {
    let (fake, client) = FakeBland::start(vec![
        reply(
            200,
            &json!({ "status": "success", "message": "Call ended successfully." }),
        ),
        reply(200, &json!({ "status": "error", "message": "Call is not in progress" })),
        reply(404, &json!({ "status": "error" })),
        reply(429, &json!({})),
        reply(502, &json!({})),
    ])
    .await;
    let id = call("call-1");
    assert_eq!(client.stop(&id).await, Ok(()));
    assert_eq!(client.stop(&id).await, Err(AskError::Refused { status: 200 }));
    assert_eq!(client.stop(&id).await, Err(AskError::Refused { status: 404 }));
    assert_eq!(
        client.stop(&id).await,
        Err(AskError::RateLimited { retry_after_s: None })
    );
    assert_eq!(client.stop(&id).await, Err(AskError::Unavailable));
    assert_eq!(fake.seen()[0].line, "POST /v1/calls/call-1/stop");
}
