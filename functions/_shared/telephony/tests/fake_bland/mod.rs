//! A server that answers like Bland, and what its tests share.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use redial_domain::{AttemptId, CallId, CampaignId, LeadId, Phone, Region};
use redial_telephony::bland::{Ambiguity, ApiKey, BlandClient, PlaceRequest, Placed, Refusal, Script};
use serde_json::{Value, json};

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use tokio::net::TcpListener;

/// One answer of the server: status, headers, body, and how long it thinks first.
#[derive(Clone, Default)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(&'static str, &'static str)>,
    pub(crate) body: String,
    pub(crate) after_ms: u64,
}

pub(crate) fn reply(status: u16, body: &Value) -> Reply {
    Reply {
        status,
        body: body.to_string(),
        ..Reply::default()
    }
}

/// A request as the server saw it.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    pub(crate) line: String,
    pub(crate) key: String,
    pub(crate) body: Value,
}

#[derive(Clone, Default)]
pub(crate) struct FakeBland {
    replies: Arc<Mutex<VecDeque<Reply>>>,
    seen: Arc<Mutex<Vec<Seen>>>,
}

impl FakeBland {
    /// Starts a server that gives these answers, one per request; the last one for ever.
    pub(crate) async fn start(replies: Vec<Reply>) -> (Self, BlandClient) {
        let fake = Self {
            replies: Arc::new(Mutex::new(replies.into())),
            ..Self::default()
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let app = axum::Router::new().fallback(answer).with_state(fake.clone());
        tokio::spawn(async move { axum::serve(listener, app).await });
        (fake, client(&url))
    }

    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }
}

async fn answer(State(fake): State<FakeBland>, method: Method, uri: Uri, headers: HeaderMap, body: Bytes) -> Response {
    let key = headers["authorization"].to_str().unwrap().to_owned();
    let body = serde_json::from_slice(&body).unwrap_or_default();
    fake.seen.lock().unwrap().push(Seen {
        line: format!("{method} {uri}"),
        key,
        body,
    });
    let reply = {
        let mut replies = fake.replies.lock().unwrap();
        if replies.len() > 1 {
            replies.pop_front().unwrap()
        } else {
            replies[0].clone()
        }
    };
    tokio::time::sleep(Duration::from_millis(reply.after_ms)).await;
    let status = StatusCode::from_u16(reply.status).unwrap();
    let mut response = (status, reply.body).into_response();
    for (name, value) in reply.headers {
        response.headers_mut().insert(name, value.parse().unwrap());
    }
    response
}

pub(crate) fn client(url: &str) -> BlandClient {
    BlandClient::new(url, &ApiKey::new("test-key\n"), Duration::from_millis(600)).unwrap()
}

pub(crate) fn phone() -> Phone {
    Phone::parse("+12125550142", Region::US).unwrap()
}

pub(crate) fn call(id: &str) -> CallId {
    CallId::parse(id).unwrap()
}

pub(crate) fn request() -> PlaceRequest {
    PlaceRequest {
        phone: phone(),
        from: Some("+14155550100".to_owned()),
        attempt: AttemptId::parse("01JD0000000000000000000001").unwrap(),
        lead: LeadId::parse("01JD0000000000000000000002").unwrap(),
        campaign: CampaignId::default_campaign(),
        said: None,
        criteria: None,
        script: Script::Task("Ask about the quote.".to_owned()),
        voice: None,
        max_duration_min: 15,
        request_data: BTreeMap::from([("first_name".to_owned(), "Dana".to_owned())]),
        webhook_url: Some("https://hooks.example.com/webhooks/bland".to_owned()),
    }
}

pub(crate) async fn placed(reply: Reply) -> Placed {
    let (fake, client) = FakeBland::start(vec![reply]).await;
    let placed = client.place(&request()).await;
    assert_eq!(fake.seen().len(), 1, "asked once, whatever came back");
    placed
}

pub(crate) fn refused(reason: Refusal, retry_after_s: Option<u32>, said: Option<&str>) -> Placed {
    Placed::Refused {
        reason,
        retry_after_s,
        said: said.map(str::to_owned),
    }
}

pub(crate) fn ambiguous(why: Ambiguity) -> Placed {
    Placed::Ambiguous { why }
}

pub(crate) fn kept(name: &str) -> Value {
    let path = std::path::PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../../../tests/payloads")
        .join(name);
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

pub(crate) fn row(n: usize) -> Value {
    json!({ "call_id": format!("call-{n}"), "created_at": "2026-11-18T15:01:14.8+00:00", "to": "12125550142" })
}
