//! `/local/…`: the clock, the phone network's memory and the counts, for scripts and hands. Only here, never on AWS.
//!
//! A key is needed as for the admin API: to look, any that may look there; to change, a system administrator's.

use std::collections::BTreeMap;

use axum::{
    Json, Router,
    body::Bytes,
    extract::{Query, State},
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use redial_aws::{App, Metrics};
use redial_domain::Permission;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    bus::Bus,
    http::error,
    phone_settings::Behaviour,
    runner::{Machine, RunnerError},
    running::total_units,
};

/// Longest advance at once: a year, in which every lead has had its time.
const ADVANCE_S_MAX: f64 = 366.0 * 24.0 * 60.0 * 60.0;
/// Calls in one answer.
const CALLS_MAX: usize = 100_000;

/// What the routes work with.
#[derive(Debug, Clone)]
pub struct LocalState {
    /// Clock, queues, phones.
    pub machine: Machine,
    /// For looking up keys.
    pub app: App,
    /// The app of each function, for its units.
    pub apps: BTreeMap<&'static str, App>,
    /// The bus.
    pub bus: Bus,
    /// The counts.
    pub metrics: Metrics,
    /// Virtual seconds per second.
    pub speed: u32,
}

/// The routes, without their prefix.
pub fn router(state: LocalState) -> Router {
    Router::new()
        .route("/calls", get(calls))
        .route("/clock", get(clock).post(advance))
        .route("/settle", post(settle))
        .route("/metrics", get(metrics))
        .route("/phones", get(behaviour).post(set_behaviour))
        .method_not_allowed_fallback(method_not_allowed)
        .with_state(state)
}

async fn method_not_allowed() -> Response {
    error(
        StatusCode::METHOD_NOT_ALLOWED,
        "method_not_allowed",
        "This local route has no such method.",
        "GET calls, clock, metrics, phones; POST clock, settle, phones.",
    )
}

fn text(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Millis, true)
}

/// Refuses who shows no key that may do this.
async fn allow(state: &LocalState, headers: &HeaderMap, what: Permission) -> Result<(), Response> {
    let unauthorized = |code, message| {
        let hint = "Send the key that `redial local` printed as the header X-API-Key.";
        error(StatusCode::UNAUTHORIZED, code, message, hint)
    };
    let shown = headers.get("x-api-key").and_then(|value| value.to_str().ok());
    let Some(shown) = shown else {
        return Err(unauthorized("no_key", "There is no API key."));
    };
    match state.app.table.api_key(shown, state.app.clock.now()).await {
        Ok(Some(key)) if key.role.may(what) => Ok(()),
        Ok(Some(_)) => Err(error(
            StatusCode::FORBIDDEN,
            "forbidden",
            "The role of this API key may not do this.",
            "Use the key that `redial local` printed.",
        )),
        Ok(None) => Err(unauthorized("bad_key", "The API key is unknown or revoked.")),
        Err(reason) => {
            tracing::error!("key not looked up: {reason}");
            let message = "The API key could not be looked up.";
            Err(error(
                StatusCode::SERVICE_UNAVAILABLE,
                "unavailable",
                message,
                "Try again.",
            ))
        }
    }
}

#[derive(Debug, Deserialize)]
struct Since {
    since: Option<String>,
}

async fn calls(
    State(state): State<LocalState>,
    headers: HeaderMap,
    Query(asked): Query<Since>,
) -> Result<Response, Response> {
    allow(&state, &headers, Permission::View).await?;
    let since = match asked.since.as_deref().filter(|text| !text.is_empty()) {
        None => DateTime::UNIX_EPOCH,
        Some(text) => read_time(text).ok_or_else(|| {
            unprocessable(
                "bad_time",
                "`since` is no time.",
                "Write RFC 3339, as in 2026-11-23T16:00:00Z, or milliseconds since 1970.",
            )
        })?,
    };
    let received = state
        .machine
        .phones
        .calls_since(since)
        .map_err(|failure| failed(&failure))?;
    let more = received.len() > CALLS_MAX;
    let calls: Vec<Value> = received
        .into_iter()
        .take(CALLS_MAX)
        .map(|call| {
            let time = text(call.accepted_at);
            json!({
                "phone": call.phone, "time": time, "accepted_at": time,
                "attempt_id": call.attempt_id, "call_id": call.call_id, "from": call.from,
                "task": call.task, "pathway_id": call.pathway_id, "request_data": call.request_data,
            })
        })
        .collect();
    Ok(Json(json!({ "calls": calls, "more": more, "now": text(state.machine.clock.now()) })).into_response())
}

/// RFC 3339 or epoch milliseconds. A plus sign that a query turned into a space is taken as one.
fn read_time(raw: &str) -> Option<DateTime<Utc>> {
    if let Ok(ms) = raw.parse::<i64>() {
        return DateTime::from_timestamp_millis(ms);
    }
    DateTime::parse_from_rfc3339(&raw.replace(' ', "+"))
        .ok()
        .map(|time| time.to_utc())
}

async fn clock(State(state): State<LocalState>, headers: HeaderMap) -> Result<Response, Response> {
    allow(&state, &headers, Permission::View).await?;
    Ok(Json(json!({ "now": text(state.machine.clock.now()), "speed": state.speed })).into_response())
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Advance {
    advance_s: f64,
}

async fn advance(State(state): State<LocalState>, headers: HeaderMap, body: Bytes) -> Result<Response, Response> {
    allow(&state, &headers, Permission::OperateQueue).await?;
    let duration = read_advance(&body).ok_or_else(|| {
        unprocessable(
            "bad_advance",
            "The body does not say how far to advance.",
            "Send {\"advance_s\": 60}: seconds from 0 to 31622400, a year. Time never goes back.",
        )
    })?;
    state
        .machine
        .advance(duration)
        .await
        .map_err(|reason| not_settled(&reason))?;
    Ok(Json(json!({ "now": text(state.machine.clock.now()) })).into_response())
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "a year of milliseconds is far below 2^53"
)]
fn read_advance(body: &[u8]) -> Option<TimeDelta> {
    let asked: Advance = serde_json::from_slice(body).ok()?;
    let possible = (0.0..=ADVANCE_S_MAX).contains(&asked.advance_s);
    possible.then(|| TimeDelta::milliseconds((asked.advance_s * 1_000.0).round() as i64))
}

async fn settle(State(state): State<LocalState>, headers: HeaderMap) -> Result<Response, Response> {
    allow(&state, &headers, Permission::OperateQueue).await?;
    state
        .machine
        .settle_standing()
        .await
        .map_err(|reason| not_settled(&reason))?;
    Ok(Json(json!({ "settled": true, "now": text(state.machine.clock.now()) })).into_response())
}

fn not_settled(reason: &RunnerError) -> Response {
    error(
        StatusCode::SERVICE_UNAVAILABLE,
        "not_settled",
        &reason.to_string(),
        "Look at what remains in the log of `redial local`, and try again.",
    )
}

async fn metrics(State(state): State<LocalState>, headers: HeaderMap) -> Result<Response, Response> {
    allow(&state, &headers, Permission::View).await?;
    let by_function: BTreeMap<_, _> = state
        .apps
        .iter()
        .map(|(name, app)| (*name, app.table.units()))
        .collect();
    let phones = state
        .machine
        .phones
        .outcome_counts()
        .map_err(|failure| failed(&failure))?;
    let mut queues = BTreeMap::new();
    for name in state.machine.engine.queue_names() {
        let counts = state.machine.engine.counts(&name).map_err(|failure| failed(&failure))?;
        let counts = json!({ "visible": counts.visible, "not_visible": counts.not_visible, "delayed": counts.delayed });
        queues.insert(name, counts);
    }
    Ok(Json(json!({
        "now": text(state.machine.clock.now()),
        "metrics": state.metrics.totals(),
        "bus": state.bus.counts(),
        "phones": phones,
        "queues": queues,
        "units": { "total": total_units(&state.apps), "by_function": by_function },
    }))
    .into_response())
}

async fn behaviour(State(state): State<LocalState>, headers: HeaderMap) -> Result<Response, Response> {
    allow(&state, &headers, Permission::View).await?;
    Ok(Json(state.machine.phones.behaviour()).into_response())
}

async fn set_behaviour(State(state): State<LocalState>, headers: HeaderMap, body: Bytes) -> Result<Response, Response> {
    allow(&state, &headers, Permission::OperateQueue).await?;
    let wanted: Behaviour = serde_json::from_slice(&body).map_err(|reason| {
        unprocessable(
            "bad_behaviour",
            &format!("The body is no behaviour of the phone network: {reason}."),
            "GET /local/phones shows all its fields; those left out are off.",
        )
    })?;
    state.machine.phones.set_behaviour(wanted);
    Ok(Json(state.machine.phones.behaviour()).into_response())
}

fn unprocessable(code: &str, message: &str, hint: &str) -> Response {
    error(StatusCode::UNPROCESSABLE_ENTITY, code, message, hint)
}

fn failed(reason: &dyn std::error::Error) -> Response {
    tracing::error!("local route failed: {reason}");
    error(
        StatusCode::INTERNAL_SERVER_ERROR,
        "failed",
        &reason.to_string(),
        "Look into the log of `redial local`.",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_rfc_3339_or_milliseconds() {
        let noon = DateTime::from_timestamp(1_795_608_000, 0);
        for raw in [
            "2026-11-25T12:00:00Z",
            "2026-11-25T13:00:00+01:00",
            "2026-11-25T13:00:00 01:00",
            "1795608000000",
        ] {
            assert_eq!(read_time(raw), noon, "{raw}");
        }
        assert_eq!(read_time("yesterday"), None);
    }

    #[test]
    fn only_a_possible_advance_is_read() {
        for (body, seconds) in [
            ("{\"advance_s\": 60}", Some(60)),
            ("{\"advance_s\": 0}", Some(0)),
            ("{\"advance_s\": -1}", None),
            ("{\"advance_s\": NaN}", None),
            ("{\"advance_s\": 1e300}", None),
            ("{\"advance_s\": \"60\"}", None),
            ("{\"advance\": 60}", None),
            ("[]", None),
            ("", None),
        ] {
            assert_eq!(read_advance(body.as_bytes()), seconds.map(TimeDelta::seconds), "{body}");
        }
    }
}
