//! Placing a call with a server that behaves like Bland, also at its worst.

#[cfg(test)]
#[allow(dead_code, reason = "shared with the other test of the client")]
mod fake_bland;

use std::time::Duration;

use fake_bland::{FakeBland, Reply, ambiguous, call, client, kept, placed, refused, reply, request};
use redial_telephony::bland::{
    Ambiguity, ApiKey, AskError, BlandClient, ClientError, PlaceRequest, Placed, Refusal, Script,
};
use serde_json::json;

const NOBODY: &str = "0b9f3c1e-5d42-4c7a-9a10-000000000001";

#[tokio::test]
async fn a_call_is_placed_with_our_ids_and_without_any_retry_of_the_providers() {
    let (fake, client) = FakeBland::start(vec![reply(200, &kept("bland-send-call-response-ok.json"))]).await;
    assert_eq!(client.place(&request()).await, Placed::Accepted(call(NOBODY)));
    let seen = fake.seen();
    assert_eq!(
        (seen[0].line.as_str(), seen[0].key.as_str()),
        ("POST /v1/calls", "test-key")
    );
    insta::assert_json_snapshot!("place_request", seen[0].body);
}

#[tokio::test]
async fn what_a_campaign_says_is_the_prompt_or_goes_along_with_a_flow() {
    let said = Some("Hello Dana.".to_owned());
    let criteria = Some("Buys this year.".to_owned());
    let criteria_said = "\n\nFind out whether the person qualifies. Qualification criteria:\nBuys this year.";
    let flow = || Script::Pathway("flow-7".to_owned());
    let task = || Script::Task("Ask about the quote.".to_owned());
    for (script, said, criteria, expected) in [
        (task(), None, None, json!({"task": "Ask about the quote."})),
        (task(), said.clone(), None, json!({"task": "Hello Dana."})),
        (
            task(),
            None,
            criteria.clone(),
            json!({"task": format!("Ask about the quote.{criteria_said}")}),
        ),
        (
            task(),
            said.clone(),
            criteria.clone(),
            json!({"task": format!("Hello Dana.{criteria_said}")}),
        ),
        (flow(), None, None, json!({"pathway_id": "flow-7"})),
        (
            flow(),
            said,
            criteria,
            json!({"pathway_id": "flow-7", "request_data": {"first_name": "Dana", "script": "Hello Dana.", "qualification_criteria": "Buys this year."}}),
        ),
    ] {
        let (fake, client) = FakeBland::start(vec![reply(200, &kept("bland-send-call-response-ok.json"))]).await;
        let asked = PlaceRequest {
            script,
            said,
            criteria,
            ..request()
        };
        client.place(&asked).await;
        let seen = fake.seen();
        let body = &seen[0].body;
        for name in ["task", "pathway_id"] {
            assert_eq!(body[name], expected[name], "{body}");
        }
        let data = expected.get("request_data").cloned();
        assert_eq!(body["request_data"], data.unwrap_or(json!({"first_name": "Dana"})));
    }
}

#[tokio::test]
async fn only_a_4xx_that_bland_wrote_itself_proves_that_nothing_was_placed() {
    let error = |message: &str| json!({ "status": "error", "message": message });
    let missing = Some("Invalid parameters; Missing required parameter: phone_number");
    for (answer, expected) in [
        (
            reply(400, &kept("bland-send-call-response-error.json")),
            refused(Refusal::Invalid { status: 400 }, None, missing),
        ),
        (
            reply(400, &error("Invalid phone number +12125550142")),
            refused(Refusal::BadNumber, None, Some("Invalid phone number …")),
        ),
        (
            reply(400, &error("Insufficient balance")),
            refused(Refusal::Account { status: 400 }, None, Some("Insufficient balance")),
        ),
        (
            reply(401, &json!({})),
            refused(Refusal::Account { status: 401 }, None, None),
        ),
        (
            reply(402, &error("Add funds")),
            refused(Refusal::Account { status: 402 }, None, Some("Add funds")),
        ),
        (
            reply(403, &json!({})),
            refused(Refusal::Account { status: 403 }, None, None),
        ),
        (
            reply(422, &json!({ "errors": [{ "message": "voice" }] })),
            refused(Refusal::Invalid { status: 422 }, None, Some("voice")),
        ),
        (
            Reply {
                status: 400,
                body: "<html>Bad Request</html>".to_owned(),
                ..Reply::default()
            },
            ambiguous(Ambiguity::Status(400)),
        ),
        (
            Reply {
                status: 403,
                body: "[]".to_owned(),
                ..Reply::default()
            },
            ambiguous(Ambiguity::Status(403)),
        ),
        (reply(408, &error("timeout")), ambiguous(Ambiguity::Status(408))),
        (reply(409, &error("conflict")), ambiguous(Ambiguity::Status(409))),
        (
            reply(500, &error("Invalid phone number")),
            ambiguous(Ambiguity::Status(500)),
        ),
        (reply(503, &json!({})), ambiguous(Ambiguity::Status(503))),
        (reply(200, &error("Something")), ambiguous(Ambiguity::NoCallId)),
        (
            reply(200, &json!({ "status": "success", "call_id": "" })),
            ambiguous(Ambiguity::NoCallId),
        ),
        (
            Reply {
                status: 200,
                body: "OK".to_owned(),
                ..Reply::default()
            },
            ambiguous(Ambiguity::NoCallId),
        ),
        (reply(200, &json!({ "c_id": 4711 })), Placed::Accepted(call("4711"))),
    ] {
        let (status, body) = (answer.status, answer.body.clone());
        assert_eq!(placed(answer).await, expected, "{status} {body}");
    }
}

#[tokio::test]
async fn too_many_calls_says_how_long_to_wait() {
    let date = ("date", "Wed, 18 Nov 2026 15:02:11 GMT");
    for (headers, retry_after_s) in [
        (vec![], None),
        (vec![("retry-after", "30")], Some(30)),
        (vec![("retry-after", "99999999999")], Some(86_400)),
        (vec![date, ("retry-after", "Wed, 18 Nov 2026 15:03:11 GMT")], Some(60)),
        (vec![("retry-after", "soon")], None),
    ] {
        let answer = Reply {
            status: 429,
            headers,
            ..Reply::default()
        };
        assert_eq!(placed(answer).await, refused(Refusal::RateLimited, retry_after_s, None));
    }
}

#[tokio::test]
async fn a_redirect_is_not_followed_with_the_key_in_hand() {
    let answer = Reply {
        status: 307,
        headers: vec![("location", "/v1/elsewhere")],
        ..Reply::default()
    };
    assert_eq!(placed(answer).await, ambiguous(Ambiguity::Status(307)));
}

#[tokio::test]
async fn an_answer_that_comes_too_late_leaves_it_open() {
    let answer = Reply {
        after_ms: 1_500,
        ..reply(200, &kept("bland-send-call-response-ok.json"))
    };
    assert_eq!(placed(answer).await, ambiguous(Ambiguity::TimedOut));
}

#[tokio::test]
async fn a_connection_that_breaks_after_the_request_leaves_it_open_and_is_not_tried_again() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    for half_an_answer in ["", "HTTP/1.1 200 OK\r\ncontent-length: 500\r\n\r\n{\"call_id\":"] {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let client = client(&format!("http://{}", listener.local_addr().unwrap()));
        let server = tokio::spawn(async move {
            let mut connections = 0;
            while let Ok(Ok((mut stream, _))) =
                tokio::time::timeout(Duration::from_millis(300), listener.accept()).await
            {
                connections += 1;
                let mut buffer = [0; 4_096];
                let _ = stream.read(&mut buffer).await;
                let _ = stream.write_all(half_an_answer.as_bytes()).await;
            }
            connections
        });
        assert_eq!(
            client.place(&request()).await,
            ambiguous(Ambiguity::Broken),
            "{half_an_answer:?}"
        );
        assert_eq!(server.await.unwrap(), 1);
    }
}

#[tokio::test]
async fn without_a_connection_nothing_was_placed() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    assert_eq!(
        client(&url).place(&request()).await,
        refused(Refusal::Unreachable, None, None)
    );
    assert_eq!(client(&url).stop(&call("x")).await, Err(AskError::Unavailable));
    // TLS to a server that hangs up, and to one that says nothing until the time for connecting is over.
    for silent in [false, true] {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let https = format!("https://{}", listener.local_addr().unwrap());
        let server = tokio::spawn(async move {
            let mut held = Vec::new();
            while let Ok((stream, _)) = listener.accept().await {
                if silent {
                    held.push(stream);
                }
            }
        });
        assert_eq!(
            client(&https).place(&request()).await,
            refused(Refusal::Unreachable, None, None),
            "{silent}"
        );
        server.abort();
    }
}

#[test]
fn a_client_is_only_made_where_the_key_is_safe() {
    let new = |url, key| BlandClient::new(url, &ApiKey::new(key), BlandClient::TIMEOUT).err();
    assert_eq!(new(BlandClient::BASE_URL, "k"), None);
    assert_eq!(new("http://localhost:9000/bland/", "k"), None);
    assert_eq!(new("http://[::1]:9000", "k"), None);
    for url in [
        "http://api.bland.ai",
        "ftp://127.0.0.1",
        "api.bland.ai",
        "",
        "http://127.0.0.1.example.com",
    ] {
        assert_eq!(new(url, "k"), Some(ClientError::BaseUrl), "{url}");
    }
    assert_eq!(new(BlandClient::BASE_URL, " \n"), Some(ClientError::Key));
    assert_eq!(new(BlandClient::BASE_URL, "a\u{7}b"), Some(ClientError::Key));
}

#[test]
fn nothing_printed_shows_the_key_or_the_phone() {
    let client = BlandClient::new(BlandClient::BASE_URL, &ApiKey::new("secret-key"), BlandClient::TIMEOUT).unwrap();
    let printed = format!("{:?} {client:?} {:?}", ApiKey::new("secret-key"), request());
    assert!(
        !printed.contains("secret") && !printed.contains("5550142") && !printed.contains("Dana"),
        "{printed}"
    );
}
