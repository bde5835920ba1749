//! Bland's HTTP API in front of the simulated phone network, with the nasty ways of a real one.
//!
//! Parses requests and shapes answers as docs.bland.ai describes them; which calls there are is the network's business.

use std::time::Duration;

use axum::{
    Json, Router,
    body::Bytes,
    extract::{Path, Query, State},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use chrono::{DateTime, NaiveDate, NaiveTime, Utc};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::{
    phone_settings::{CallQuery, PhonesError},
    phones::Phones,
};

/// Rows of one list answer unless the request says less (Bland).
const LIST_MAX: usize = 1_000;
/// "Never answers" ends after this long in real time, so that nothing hangs for good; callers give up far earlier.
const HANG: Duration = Duration::from_secs(120);
/// How long an answer waits for the webhook that is to come first, in real time.
const WEBHOOK_FIRST_MAX: Duration = Duration::from_secs(20);

/// Serves the API until dropped.
pub async fn serve(listener: TcpListener, phones: Phones) -> std::io::Result<()> {
    axum::serve(listener, router(phones)).await
}

/// The routes of the API.
pub fn router(phones: Phones) -> Router {
    Router::new()
        .route("/v1/calls", post(send_call).get(list_calls))
        .route("/v1/calls/active", get(active_calls))
        .route("/v1/calls/{id}", get(call_details))
        .route("/v1/calls/{id}/stop", post(stop_call))
        .layer(middleware::from_fn_with_state(phones.clone(), authorize))
        .with_state(phones)
}

async fn authorize(
    State(phones): State<Phones>,
    headers: HeaderMap,
    request: axum::extract::Request,
    next: Next,
) -> Response {
    let key = headers
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    let right = match &phones.shared.settings.api_key {
        Some(wanted) => key == wanted,
        None => !key.is_empty(),
    };
    if right {
        next.run(request).await
    } else {
        error(StatusCode::UNAUTHORIZED, "Unauthorized", &[])
    }
}

/// What spoils a request, decided before it is looked at, or after it was accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Spoil {
    RateLimited { retry_after_s: Option<u32> },
    Refused,
    FailsBefore,
    FailsAfter,
    HangsAfter,
    WebhookFirst,
    Nothing,
}

fn spoil(phones: &Phones) -> Spoil {
    let mut behaviour = phones.behaviour_mut();
    let retry_after_s = behaviour.retry_after_s;
    let behaviour = &mut *behaviour;
    for (left, spoil) in [
        (&mut behaviour.rate_limit_next, Spoil::RateLimited { retry_after_s }),
        (&mut behaviour.refuse_next, Spoil::Refused),
        (&mut behaviour.fail_before_next, Spoil::FailsBefore),
        (&mut behaviour.fail_after_next, Spoil::FailsAfter),
        (&mut behaviour.hang_after_next, Spoil::HangsAfter),
        (&mut behaviour.webhook_first_next, Spoil::WebhookFirst),
    ] {
        if *left > 0 {
            *left -= 1;
            return spoil;
        }
    }
    Spoil::Nothing
}

/// The status with which a question is spoiled.
fn spoiled(phones: &Phones) -> Option<Response> {
    let status = StatusCode::from_u16(phones.behaviour().asking_fails?).ok()?;
    Some(error(status, "Refused by the simulation", &[]))
}

async fn send_call(State(phones): State<Phones>, body: Bytes) -> Response {
    let spoil = spoil(&phones);
    match spoil {
        Spoil::RateLimited { retry_after_s } => {
            let mut response = error(StatusCode::TOO_MANY_REQUESTS, "Rate limit exceeded", &[]);
            if let Some(after_s) = retry_after_s {
                response
                    .headers_mut()
                    .insert(header::RETRY_AFTER, HeaderValue::from(after_s));
            }
            return response;
        }
        Spoil::Refused => {
            return error(
                StatusCode::BAD_REQUEST,
                "Invalid parameters",
                &["Refused by the simulation"],
            );
        }
        Spoil::FailsBefore => return error(StatusCode::SERVICE_UNAVAILABLE, "Service unavailable", &[]),
        _ => {}
    }
    let Some(request) = serde_json::from_slice::<Value>(&body).ok().filter(Value::is_object) else {
        return error(
            StatusCode::BAD_REQUEST,
            "Invalid parameters",
            &["The body is not a JSON object"],
        );
    };
    let Some(phone) = request["phone_number"].as_str().filter(|phone| !phone.is_empty()) else {
        let missing = "Missing required parameter: phone_number";
        return error(StatusCode::BAD_REQUEST, "Invalid parameters", &[missing]);
    };
    let call_id = match phones.accept(phone, &request, spoil == Spoil::WebhookFirst) {
        Ok(call_id) => call_id,
        Err(failure) => return storage_failed(&failure),
    };
    match spoil {
        Spoil::FailsAfter => return error(StatusCode::INTERNAL_SERVER_ERROR, "Internal server error", &[]),
        Spoil::HangsAfter => {
            tokio::time::sleep(HANG).await;
            return error(StatusCode::GATEWAY_TIMEOUT, "Timed out", &[]);
        }
        Spoil::WebhookFirst => {
            let _ = tokio::time::timeout(WEBHOOK_FIRST_MAX, phones.reported(&call_id)).await;
        }
        _ => {}
    }
    Json(json!({
        "status": "success",
        "message": "Call successfully queued.",
        "call_id": call_id,
        "batch_id": null,
    }))
    .into_response()
}

#[derive(Debug, Deserialize)]
struct ListParameters {
    to_number: Option<String>,
    from_number: Option<String>,
    from: Option<usize>,
    to: Option<usize>,
    limit: Option<usize>,
    start_date: Option<String>,
    end_date: Option<String>,
    ascending: Option<String>,
}

async fn list_calls(State(phones): State<Phones>, Query(parameters): Query<ListParameters>) -> Response {
    let date = |text: &Option<String>| text.as_deref().map(|text| parse_date(text).ok_or(())).transpose();
    let (Ok(since), Ok(until)) = (date(&parameters.start_date), date(&parameters.end_date)) else {
        return error(
            StatusCode::BAD_REQUEST,
            "Invalid parameters",
            &["Dates are YYYY-MM-DD or ISO 8601"],
        );
    };
    let query = CallQuery {
        to_number: parameters.to_number,
        from_number: parameters.from_number,
        since,
        until,
        ascending: parameters.ascending.is_some_and(|text| text == "true" || text == "1"),
        active: false,
    };
    // `from` and `to` are row numbers, the latter excluded.
    let skip = parameters.from.unwrap_or(0);
    let rows = parameters.to.map_or(LIST_MAX, |to| to.saturating_sub(skip));
    let max = rows.min(parameters.limit.unwrap_or(LIST_MAX)).min(LIST_MAX);
    list(&phones, &query, skip, max)
}

async fn active_calls(State(phones): State<Phones>) -> Response {
    list(
        &phones,
        &CallQuery {
            active: true,
            ..CallQuery::default()
        },
        0,
        LIST_MAX,
    )
}

fn list(phones: &Phones, query: &CallQuery, skip: usize, max: usize) -> Response {
    if let Some(spoiled) = spoiled(phones) {
        return spoiled;
    }
    let now = phones.shared.clock.now();
    match phones.calls(query, skip, max) {
        Ok((count, calls)) => {
            let rows: Vec<Value> = calls.iter().map(|call| call.list_row(now)).collect();
            Json(json!({ "count": count, "calls": rows })).into_response()
        }
        Err(failure) => storage_failed(&failure),
    }
}

async fn call_details(State(phones): State<Phones>, Path(call_id): Path<String>) -> Response {
    if let Some(spoiled) = spoiled(&phones) {
        return spoiled;
    }
    let no_metadata = {
        let mut behaviour = phones.behaviour_mut();
        if behaviour.details_fail_next > 0 {
            behaviour.details_fail_next -= 1;
            return error(StatusCode::SERVICE_UNAVAILABLE, "Service unavailable", &[]);
        }
        if behaviour.details_unknown_next > 0 {
            behaviour.details_unknown_next -= 1;
            return error(StatusCode::NOT_FOUND, "Call not found", &[]);
        }
        behaviour.no_metadata
    };
    match phones.call(&call_id) {
        Ok(Some(call)) => {
            let mut details = call.details(phones.shared.clock.now());
            if no_metadata {
                details["metadata"] = Value::Null;
            }
            Json(details).into_response()
        }
        Ok(None) => error(StatusCode::NOT_FOUND, "Call not found", &[]),
        Err(failure) => storage_failed(&failure),
    }
}

async fn stop_call(State(phones): State<Phones>, Path(call_id): Path<String>) -> Response {
    if let Some(spoiled) = spoiled(&phones) {
        return spoiled;
    }
    match phones.stop(&call_id) {
        Ok(true) => Json(json!({ "status": "success", "message": "Call ended successfully." })).into_response(),
        Ok(false) => error(StatusCode::BAD_REQUEST, "Call not found or already completed", &[]),
        Err(failure) => storage_failed(&failure),
    }
}

/// A day or a moment; a day begins at midnight UTC.
fn parse_date(text: &str) -> Option<DateTime<Utc>> {
    let moment = DateTime::parse_from_rfc3339(text).map(|time| time.to_utc()).ok();
    moment.or_else(|| Some(text.parse::<NaiveDate>().ok()?.and_time(NaiveTime::MIN).and_utc()))
}

fn error(status: StatusCode, message: &str, errors: &[&str]) -> Response {
    (
        status,
        Json(json!({ "status": "error", "message": message, "errors": errors })),
    )
        .into_response()
}

fn storage_failed(failure: &PhonesError) -> Response {
    tracing::error!("the simulated phone network failed: {failure}");
    error(StatusCode::INTERNAL_SERVER_ERROR, "Internal server error", &[])
}
