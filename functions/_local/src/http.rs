//! The main port: turns an HTTP request into a Lambda Function URL event, and the function's answer into HTTP.
//!
//! Payload format 2.0 (Lambda developer guide, "Invoking Lambda function URLs"). Knows paths, not what they mean:
//! `/webhooks/…` goes to one function, `/local/…` to the runner, everything else to the other function.

use std::{
    fmt, io,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use axum::{
    Router,
    body::{Body, Bytes, to_bytes},
    extract::{ConnectInfo, Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header, request::Parts},
    response::{IntoResponse, Response},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Map, Value, json};
use tokio::net::TcpListener;

use crate::{
    activity::Activity,
    functions::{Function, invoke},
    sqlite_file::uuid_shaped,
    virtual_clock::VirtualClock,
};

/// Largest request body in bytes: the 6 MB payload of a synchronous Lambda invocation.
pub const BODY_BYTES_MAX: usize = 6 * 1_024 * 1_024;

/// What stands behind the main port.
#[derive(Clone)]
pub struct Front {
    /// Gets `/webhooks/…`.
    pub webhook: Function,
    /// Gets everything else.
    pub admin: Function,
    /// Where invocations are counted.
    pub activity: Activity,
    /// Gives the time of requests.
    pub clock: VirtualClock,
    /// Numbers requests.
    pub requests: Arc<AtomicU64>,
}

impl fmt::Debug for Front {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Front")
            .field("requests", &self.requests)
            .finish_non_exhaustive()
    }
}

/// Serves the main port until dropped. `local` has the runner's own routes without their prefix: `/calls` is reached
/// as `/local/calls`.
pub async fn serve(listener: TcpListener, front: Front, local: Router) -> io::Result<()> {
    let service = router(front, local).into_make_service_with_connect_info::<SocketAddr>();
    axum::serve(listener, service).await
}

/// The routes of the main port.
pub fn router(front: Front, local: Router) -> Router {
    Router::new()
        .nest("/local", local.fallback(no_local_route).with_state(()))
        .fallback(to_function)
        .with_state(front)
}

async fn no_local_route() -> Response {
    error(
        StatusCode::NOT_FOUND,
        "not_found",
        "There is no such local route.",
        "The local routes are in the README, under `redial local`.",
    )
}

/// An error answer in the shape of all of Redial's APIs.
pub fn error(status: StatusCode, code: &str, message: &str, hint: &str) -> Response {
    (
        status,
        axum::Json(json!({ "success": false, "code": code, "message": message, "hint": hint })),
    )
        .into_response()
}

async fn to_function(State(front): State<Front>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let Ok(body) = to_bytes(body, BODY_BYTES_MAX).await else {
        return error(
            StatusCode::PAYLOAD_TOO_LARGE,
            "body_too_large",
            "failed to read the body: it is larger than 6 MB",
            "Send less at once; lists of leads can be split.",
        );
    };
    let to_webhook = parts.uri.path().starts_with("/webhooks/");
    let (name, function) = if to_webhook {
        ("webhook", &front.webhook)
    } else {
        ("admin", &front.admin)
    };
    let running = front.activity.begin(name);
    let number = front.requests.fetch_add(1, Ordering::Relaxed);
    let event = lambda_event(
        &parts,
        &body,
        &uuid_shaped(&format!("request {number}")),
        front.clock.now(),
    );
    let answer = invoke(function, event).await;
    drop(running);
    match answer {
        Ok(answer) => to_response(&answer).unwrap_or_else(|reason| {
            tracing::error!(
                function = name,
                "function gave an answer that is no HTTP answer: {reason}"
            );
            failed()
        }),
        Err(reason) => {
            tracing::error!(function = name, "invocation failed: {reason}");
            failed()
        }
    }
}

/// A function URL answers 502 when its function fails.
fn failed() -> Response {
    error(
        StatusCode::BAD_GATEWAY,
        "function_failed",
        "The function behind this address failed.",
        "The reason is in the log of `redial local`.",
    )
}

/// The event of payload format 2.0 for one request.
pub fn lambda_event(parts: &Parts, body: &Bytes, request_id: &str, now: chrono::DateTime<chrono::Utc>) -> Value {
    let path = parts.uri.path();
    let query = parts.uri.query().unwrap_or_default();
    let header = |name: HeaderName| joined(&parts.headers, &name, ",").unwrap_or_default();
    let host = header(header::HOST);
    let source_ip = parts.extensions.get::<ConnectInfo<SocketAddr>>().map_or_else(
        || "127.0.0.1".to_owned(),
        |ConnectInfo(address)| address.ip().to_string(),
    );
    let mut event = json!({
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": path,
        "rawQueryString": query,
        "headers": headers(&parts.headers),
        "requestContext": {
            "accountId": "anonymous",
            "apiId": "local",
            "domainName": host,
            "domainPrefix": "local",
            "http": {
                "method": parts.method.as_str(),
                "path": path,
                "protocol": format!("{:?}", parts.version),
                "sourceIp": source_ip,
                "userAgent": header(header::USER_AGENT),
            },
            "requestId": request_id,
            "routeKey": "$default",
            "stage": "$default",
            "time": now.format("%d/%b/%Y:%H:%M:%S +0000").to_string(),
            "timeEpoch": now.timestamp_millis(),
        },
        "isBase64Encoded": false,
    });
    if !query.is_empty() {
        event["queryStringParameters"] = query_parameters(query);
    }
    if let Some(cookies) = joined(&parts.headers, &header::COOKIE, "; ") {
        event["cookies"] = cookies.split("; ").map(Value::from).collect();
    }
    if !body.is_empty() {
        let text = std::str::from_utf8(body)
            .ok()
            .filter(|_| is_text(&header(header::CONTENT_TYPE)));
        event["isBase64Encoded"] = json!(text.is_none());
        event["body"] = text.map_or_else(|| STANDARD.encode(body), ToOwned::to_owned).into();
    }
    event
}

/// Lambda hands text and JSON over as they are and everything else, forms and bodies of no stated type included, in
/// base64.
fn is_text(content_type: &str) -> bool {
    let kind = content_type
        .split(';')
        .next()
        .unwrap_or_default()
        .trim()
        .to_ascii_lowercase();
    kind.starts_with("text/")
        || ["application/json", "application/javascript", "application/xml"].contains(&kind.as_str())
        || kind.ends_with("+json")
        || kind.ends_with("+xml")
}

fn headers(all: &HeaderMap) -> Value {
    let joined = all.keys().filter(|name| **name != header::COOKIE).filter_map(|name| {
        // `HeaderName` is lower case already.
        Some((name.as_str().to_owned(), Value::from(joined(all, name, ",")?)))
    });
    Value::Object(joined.collect())
}

fn joined(all: &HeaderMap, name: &HeaderName, separator: &str) -> Option<String> {
    let values: Vec<String> = all
        .get_all(name)
        .iter()
        .map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
        .collect();
    (!values.is_empty()).then(|| values.join(separator))
}

/// Decoded parameters; the values of a repeated one are joined by commas.
fn query_parameters(query: &str) -> Value {
    let mut parameters = Map::new();
    let pairs: Vec<(String, String)> = serde_urlencoded::from_str(query).unwrap_or_default();
    for (name, value) in pairs {
        match parameters.get_mut(&name) {
            Some(Value::String(values)) => {
                values.push(',');
                values.push_str(&value);
            }
            _ => {
                parameters.insert(name, value.into());
            }
        }
    }
    Value::Object(parameters)
}

/// The HTTP answer in a function's answer. One without `statusCode` is itself the body, as for a function URL.
pub fn to_response(answer: &Value) -> Result<Response, String> {
    let Some(status) = answer.get("statusCode") else {
        let body = match answer {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        return Ok(([(header::CONTENT_TYPE, "application/json")], body).into_response());
    };
    let status = status.as_u64().and_then(|status| u16::try_from(status).ok());
    let status = status
        .and_then(|status| StatusCode::from_u16(status).ok())
        .ok_or("statusCode is no HTTP status")?;
    let body = answer["body"].as_str().unwrap_or_default();
    let body = if answer["isBase64Encoded"] == json!(true) {
        STANDARD.decode(body).map_err(|_| "body is not base64")?
    } else {
        body.as_bytes().to_vec()
    };
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    // What a function URL says when the function says nothing.
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    for (name, value) in answer["headers"].as_object().into_iter().flatten() {
        let value = match value {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| "a header has no valid name")?;
        let value = HeaderValue::from_str(&value).map_err(|_| "a header has no valid value")?;
        response.headers_mut().insert(name, value);
    }
    for cookie in answer["cookies"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
    {
        let cookie = HeaderValue::from_str(cookie).map_err(|_| "a cookie has no valid value")?;
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
    Ok(response)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::functions::function;

    fn parts(request: http::request::Builder) -> Parts {
        request.body(()).unwrap().into_parts().0
    }

    fn event(request: http::request::Builder, body: &'static [u8]) -> Value {
        let now = chrono::DateTime::from_timestamp(1_795_608_000, 0).unwrap();
        lambda_event(&parts(request), &Bytes::from_static(body), "id", now)
    }

    #[test]
    fn a_request_becomes_an_event_of_format_2() {
        let request = http::Request::builder()
            .method("POST")
            .uri("/webhooks/bland?a=1&a=2&b=x%20y")
            .header("Content-Type", "application/json; charset=utf-8")
            .header("X-Webhook-Signature", "abc")
            .header("Cookie", "k=v; l=w")
            .header("User-Agent", "test");
        let event = event(request, br#"{"x":1}"#);
        assert_eq!(event["rawPath"], "/webhooks/bland");
        assert_eq!(event["rawQueryString"], "a=1&a=2&b=x%20y");
        assert_eq!(event["queryStringParameters"], json!({ "a": "1,2", "b": "x y" }));
        assert_eq!(event["headers"]["x-webhook-signature"], "abc");
        assert_eq!(event["headers"].get("cookie"), None);
        assert_eq!(event["cookies"], json!(["k=v", "l=w"]));
        assert_eq!(event["body"], "{\"x\":1}");
        assert_eq!(event["isBase64Encoded"], false);
        assert_eq!(event["requestContext"]["http"]["method"], "POST");
        assert_eq!(event["requestContext"]["http"]["protocol"], "HTTP/1.1");
        assert_eq!(event["requestContext"]["timeEpoch"], 1_795_608_000_000_i64);
    }

    #[test]
    fn forms_and_bytes_come_in_base64() {
        let form = http::Request::builder()
            .method("POST")
            .header("content-type", "application/x-www-form-urlencoded");
        let event = event(form, b"a=b");
        assert_eq!(
            (&event["body"], &event["isBase64Encoded"]),
            (&json!("YT1i"), &json!(true))
        );
        let broken = http::Request::builder()
            .method("POST")
            .header("content-type", "application/json");
        assert_eq!(self::event(broken, b"\xff")["isBase64Encoded"], true);
    }

    #[tokio::test]
    async fn an_answer_becomes_http_and_one_without_a_status_is_the_body() {
        let answer = json!({
            "statusCode": 201, "headers": { "x-a": "b" }, "cookies": ["k=v"], "body": "aGk=", "isBase64Encoded": true
        });
        let response = to_response(&answer).unwrap();
        assert_eq!(response.status(), StatusCode::CREATED);
        assert_eq!(response.headers()["x-a"], "b");
        assert_eq!(response.headers()["set-cookie"], "k=v");
        assert_eq!(to_bytes(response.into_body(), 10).await.unwrap().as_ref(), b"hi");
        let plain = to_response(&json!({ "ok": true })).unwrap();
        assert_eq!(plain.status(), StatusCode::OK);
        assert!(to_response(&json!({ "statusCode": 9_999 })).is_err());
    }

    #[tokio::test]
    async fn paths_reach_their_function_and_large_bodies_and_failures_say_so() {
        let front = Front {
            webhook: function(|_| async { Ok(json!({ "statusCode": 200, "body": "webhook" })) }),
            admin: function(|_| async { Err("broken".to_owned()) }),
            activity: Activity::new(),
            clock: VirtualClock::flowing(),
            requests: Arc::default(),
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let server = tokio::spawn(serve(listener, front, Router::new()));
        let client = crate::phone_deliveries::http_client().unwrap();
        let ask = |path: &str, bytes: usize| client.post(format!("{base}{path}")).body(vec![b'x'; bytes]).send();
        assert_eq!(
            ask("/webhooks/bland", 1).await.unwrap().text().await.unwrap(),
            "webhook"
        );
        assert_eq!(ask("/api/leads", 1).await.unwrap().status(), 502);
        assert_eq!(ask("/local/nonsense", 1).await.unwrap().status(), 404);
        let large = ask("/webhooks/bland", BODY_BYTES_MAX + 1).await.unwrap();
        assert_eq!(large.status(), 413);
        assert!(large.text().await.unwrap().contains("body_too_large"));
        server.abort();
    }
}
