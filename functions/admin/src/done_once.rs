//! Does a request once, however often it is sent with the same `Idempotency-Key`.
//!
//! Data flow: who sends it, where to, and its key → a hash → a claim in the table → the action → its answer is kept beside
//! the claim for a day. What was refused may be tried again with the same key; what was done is answered as the first time,
//! with `Idempotency-Replayed: true`. Another body under the same key is a mistake of the caller.

use redial_aws::api_keys::hash_key;
use redial_aws::once::Begun;
use redial_aws::web::{Answer, Problem};

use crate::request::{Caller, unavailable};
use crate::route::Route;

/// Longest key, in characters, as payment providers take it.
const KEY_LEN_MAX: usize = 255;
/// What is in flight ends within the function's time.
const RUNNING_AFTER_S: u64 = 5;

pub(crate) async fn done_once(
    caller: Caller<'_>,
    route: &'static Route,
    parts: &[&str],
    key: &str,
) -> Result<Answer, Problem> {
    if key.is_empty() || key.len() > KEY_LEN_MAX || !key.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(Problem::new(
            422,
            "bad_idempotency_key",
            format!(
                "failed to read the header Idempotency-Key: it has not 1 to {KEY_LEN_MAX} letters, digits and signs"
            ),
            "make a new random one for each thing that you want done, such as a UUID",
        ));
    }
    let app = caller.app;
    let target = format!("{}\n{}\n{}", caller.actor.name, route.path, parts.join("/"));
    let hash = hash_key(&format!("{target}\n{key}"));
    let body = hash_key(caller.request.body.as_deref().unwrap_or_default());
    let begun = app
        .table
        .begin_once(&hash, &body, app.ids.nonce(), app.clock.now())
        .await;
    let once = match begun.map_err(|error| unavailable(&error))? {
        Begun::Go(once) => once,
        Begun::Done(status, body) => {
            let answer = Answer::text(status, "application/json", body);
            return Ok(answer.with("idempotency-replayed", "true"));
        }
        Begun::OtherBody => {
            return Err(Problem::new(
                422,
                "idempotency_key_reused",
                "failed to do this: its Idempotency-Key came before with another body",
                "make a new key for a new request",
            ));
        }
        Begun::Running => {
            return Err(Problem::new(
                409,
                "still_running",
                "failed to answer: the first request with this Idempotency-Key is still running",
                "send the same again in a few seconds",
            )
            .after_s(RUNNING_AFTER_S));
        }
    };
    let caller = Caller {
        record: Some(once.record.clone()),
        ..caller
    };
    let answer = (route.action)(&caller, parts).await;
    let kept = match &answer {
        Ok(answer) if answer.status_code < 400 => app.table.end_once(&once, answer.status_code, &answer.body).await,
        _ => app.table.drop_once(&once).await,
    };
    // What was done is done; the claim ends by itself, and the answer says what became of it.
    if let Err(error) = kept {
        tracing::warn!("answer of a request not kept: {error}");
    }
    answer
}
