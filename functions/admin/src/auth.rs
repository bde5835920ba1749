//! Who asks?
//!
//! Data flow: no key in the URL → a key in `X-API-Key`, or the cookie of a session, which for anything but looking needs
//! the token that only our own page can read → the key's item → name and role. A wrong key is counted by the address that
//! sent it; after too many the address is told to wait. A right key always passes: it has 256 random bits, so waiting
//! would keep nobody from guessing it, only an office from working whose one script has an old key.

use redial_aws::App;
use redial_aws::api_keys::{ApiKey, Shown, WRONG_KEYS_WINDOW, csrf_token};
use redial_aws::web::{Answer, Problem, Request};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

use crate::request::{Caller, unavailable};

/// The cookie of a session.
const COOKIE: &str = "redial_session";

/// A key, to open a session with.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Login {
    key: String,
}

/// The key behind a request.
pub(crate) async fn who(app: &App, request: &Request) -> Result<ApiKey, Problem> {
    if let Some(key) = request.header("x-api-key") {
        return known(app, request, Shown::Key(key)).await;
    }
    let Some(token) = request.cookie(COOKIE) else {
        return Err(Problem::new(
            401,
            "no_key",
            "failed to find an API key",
            "send it as the header X-API-Key; make one with `redial keys create`",
        ));
    };
    let key = known(app, request, Shown::Session(token)).await?;
    let only_looks = matches!(request.method(), "GET" | "HEAD");
    if !only_looks && request.header("x-csrf-token") != Some(csrf_token(token).as_str()) {
        return Err(Problem::new(
            403,
            "no_csrf_token",
            "failed to do this with a session: the header X-CSRF-Token is missing or another session's",
            "read `csrf_token` with GET /api/session and send it with every change",
        ));
    }
    Ok(key)
}

async fn known(app: &App, request: &Request, shown: Shown<'_>) -> Result<ApiKey, Problem> {
    let now = app.clock.now();
    let found = app.table.who(shown, now).await;
    if let Some(key) = found.map_err(|error| unavailable(&error))? {
        return Ok(key);
    }
    app.metrics.count("admin.wrong_key");
    let address = &request.request_context.http.source_ip;
    let counted = app.table.count_wrong_key(address, now).await;
    if !counted.map_err(|error| unavailable(&error))? {
        return Err(Problem::new(
            429,
            "too_many_wrong_keys",
            "failed to accept the API key, as others from your address before it",
            "correct the key in what keeps sending it, and try again later",
        )
        .after_s(WRONG_KEYS_WINDOW.num_seconds().unsigned_abs()));
    }
    Err(match shown {
        Shown::Key(_) => Problem::new(
            401,
            "bad_key",
            "failed to accept the API key: it is unknown, revoked or over",
            "make one with `redial keys create`",
        ),
        Shown::Session(_) => Problem::new(
            401,
            "session_over",
            "failed to go on with the session: it is over",
            "sign in again",
        ),
    })
}

/// `POST /api/session`: a cookie for a key, so that a browser does not have to keep the key.
pub(crate) async fn open(caller: &Caller<'_>) -> Result<Answer, Problem> {
    let login: Login = caller.body()?;
    let (app, request) = (caller.app, caller.request);
    let key = known(app, request, Shown::Key(login.key.trim())).await?;
    let opened = app.table.open_session(&app.ids, &key, app.clock.now()).await;
    let (token, until) = opened.map_err(|error| unavailable(&error))?;
    tracing::info!(actor = %key.name, "session opened");
    let lasts_s = (until - app.clock.now()).num_seconds();
    let cookie = format!("{COOKIE}={token}; Max-Age={lasts_s}; {}", attributes(request));
    Ok(Answer::json(201, &session(&key, &token, Some(until.timestamp()))).with("set-cookie", cookie))
}

/// `GET /api/session`: who asks.
pub(crate) async fn show(caller: &Caller<'_>) -> Result<Answer, Problem> {
    let key = who(caller.app, caller.request).await?;
    if caller.request.header("x-api-key").is_some() {
        return Ok(Answer::json(
            200,
            &json!({"success": true, "name": key.name, "role": key.role}),
        ));
    }
    let token = caller.request.cookie(COOKIE).unwrap_or_default();
    let stored = caller.app.table.session(token, caller.app.clock.now()).await;
    let until = stored
        .map_err(|error| unavailable(&error))?
        .map(|session| session.expires_at);
    Ok(Answer::json(200, &session(&key, token, until)))
}

/// `DELETE /api/session`: it ends, here and for whoever has its cookie.
pub(crate) async fn close(caller: &Caller<'_>) -> Result<Answer, Problem> {
    if let Some(token) = caller.request.cookie(COOKIE) {
        let closed = caller.app.table.close_session(token).await;
        closed.map_err(|error| unavailable(&error))?;
    }
    let cookie = format!("{COOKIE}=; Max-Age=0; {}", attributes(caller.request));
    Ok(Answer::empty(204).with("set-cookie", cookie))
}

fn session(key: &ApiKey, token: &str, until: Option<i64>) -> serde_json::Value {
    let until = until.and_then(|seconds| chrono::DateTime::from_timestamp(seconds, 0));
    json!({
        "success": true,
        "name": key.name,
        "role": key.role,
        "csrf_token": csrf_token(token),
        "expires_at": until.map(redial_domain::iso),
    })
}

/// No script reads it, no other site sends it. `Secure` except on the loopback, where there is no TLS and some browsers
/// would drop it.
fn attributes(request: &Request) -> &'static str {
    let host = request.header("host").unwrap_or_default();
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
    if matches!(name, "localhost" | "127.0.0.1" | "[::1]") {
        "Path=/; HttpOnly; SameSite=Strict"
    } else {
        "Path=/; HttpOnly; SameSite=Strict; Secure"
    }
}
