//! `POST /api/forget`: what is known about a person is deleted; that they must not be called stays.
//!
//! Data flow: body → the phone is marked, if it is not → what is being placed is waited for; a call in flight is asked to
//! end, and the answer is 409 until it has → the ledger keeps the mark alone, and from then on late reports about old calls
//! are not kept → items are deleted, a bounded number a request. INVARIANT: the tombstone stands before anything is
//! deleted, so a kill anywhere leaves a phone that is marked, and the same request goes on.

use std::time::Duration;

use redial_aws::do_not_call::mark;
use redial_aws::leads::Activity;
use redial_aws::web::{Answer, Problem};
use redial_domain::law::Law;
use redial_domain::{InFlight, Ledger, Phone, Proof, ProofSource, Statement, iso};
use serde_json::json;
use tokio::time::Instant;

use crate::do_not_call::{WithReason, end_what_is_called};
use crate::request::{Caller, contended, unavailable};

/// Rounds against outcomes that write the same phone.
const ROUNDS_MAX: usize = 6;
/// Items read at once. A page holds a megabyte at most, whatever this says.
const ITEMS_AT_ONCE: i32 = 200;
/// No further page is begun after this; the function ends after 60 seconds, and waits up to 30 for what is being placed.
const TIME_MAX: Duration = Duration::from_secs(20);

pub(crate) async fn forget(caller: &Caller<'_>) -> Result<Answer, Problem> {
    let app = caller.app;
    let (phone, reason) = WithReason::read(caller)?;
    entomb(caller, &phone, reason).await?;
    let began = Instant::now();
    let mut deleted = 0;
    let mut done = false;
    while !done && began.elapsed() < TIME_MAX {
        let page = app.table.forget_items(&phone, ITEMS_AT_ONCE).await;
        let (gone, last) = page.map_err(|error| unavailable(&error))?;
        deleted += gone;
        // Only a look that finds nothing more says that nothing is left.
        done = last && gone == 0;
    }
    Ok(Answer::json(
        if done { 200 } else { 202 },
        &json!({
            "success": true,
            "done": done,
            "deleted": deleted,
            "do_not_call": true,
            "hint": if done {
                "the mark stays, so that no import brings the person back; payloads that matched no call expire within 30 days, files of imports within 7, backups of the table within 35"
            } else {
                "there is more: send the same request again"
            },
        }),
    ))
}

/// Leaves the mark alone in the ledger.
async fn entomb(caller: &Caller<'_>, phone: &Phone, reason: String) -> Result<(), Problem> {
    let app = caller.app;
    let failed = |error| unavailable(&error);
    let ledger = app.table.ledger(phone).await.map_err(failed)?;
    if ledger.forgotten_at.is_some() && ledger.is_do_not_call() {
        return Ok(());
    }
    // Who wanted it and why is kept first, and where no number stands.
    let activity = Activity::now(app, &caller.actor, "forget_asked", Some(reason));
    app.table.put_system_activity("all", &activity).await.map_err(failed)?;
    for _ in 0..ROUNDS_MAX {
        let ledger = app.table.ledger(phone).await.map_err(failed)?;
        if ledger.forgotten_at.is_some() && ledger.is_do_not_call() && ledger.inflight.is_none() {
            return Ok(());
        }
        if !ledger.is_do_not_call() {
            let statement = Statement::entered(ProofSource::Forgotten, &caller.actor.name, app.clock.now());
            mark(app, phone, &statement).await.map_err(failed)?;
            continue;
        }
        if ledger.inflight.is_some() {
            let (_, in_flight) = end_what_is_called(caller, phone, true).await?;
            if let Some(inflight) = in_flight {
                return Err(being_called(&inflight));
            }
            continue;
        }
        let proofs = app.table.proofs(phone).await.map_err(failed)?;
        let first = proofs
            .into_iter()
            .find(|proof| Some(&proof.id) == ledger.dnc_ref.as_ref());
        let first = first.unwrap_or_else(|| unproved(caller, &ledger));
        let begun = app
            .table
            .begin_forgetting(phone, &ledger, &first, app.clock.now())
            .await;
        if begun.map_err(failed)? {
            app.metrics.count("dnc.forgotten");
            tracing::warn!(actor = %caller.actor.name, "a person is forgotten");
            return Ok(());
        }
    }
    Err(contended("phone"))
}

/// The record of a mark of builds that kept none.
fn unproved(caller: &Caller<'_>, ledger: &Ledger) -> Proof {
    let since = ledger.dnc_at.unwrap_or_else(|| caller.app.clock.now());
    Statement::entered(ProofSource::Unknown, "system", since).proof(String::new(), Law::built_in())
}

fn being_called(inflight: &InFlight) -> Problem {
    let over_by = inflight.over_by(inflight.started_at.unwrap_or(inflight.reserved_at));
    Problem::new(
        409,
        "call_in_flight",
        format!(
            "failed to forget the person: the phone is being called; the call was asked to end and is over by {}",
            iso(over_by)
        ),
        "the phone is marked as do-not-call already; send the same request again when the call is over",
    )
}
