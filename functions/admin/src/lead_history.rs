//! `GET /api/leads/{id}/history`: everything that happened with a lead's phone, newest first, to its beginning.
//!
//! Calls with their decisions, what people and programs did (calls that other systems reported are among it), notes,
//! do-not-call proofs. Whoever follows `next_cursor` to its end has all of it; nothing is cut.

use redial_aws::notes::Happening;
use redial_aws::table::TableError;
use redial_aws::web::{Answer, Problem};
use serde_json::{Value, json};

use crate::request::{Caller, unavailable};
use crate::{cursor, do_not_call, lead_notes, show_lead};

/// Entries in one answer, unless asked for otherwise, and at most.
const LIMIT_DEFAULT: usize = 50;
pub(crate) const LIMIT_MAX: usize = 100;

pub(crate) async fn show(caller: &Caller<'_>, id: &str) -> Result<Answer, Problem> {
    let limit = caller.number("limit", LIMIT_DEFAULT, LIMIT_MAX)?;
    let before = cursor::read_key(caller.request.query().get("cursor"))?;
    let lead = caller.lead(id).await?;
    let history = caller
        .app
        .table
        .whole_history(&lead.phone, before.as_deref(), limit)
        .await;
    let (history, more) = history.map_err(|error| unavailable(&error))?;
    let next = history.last().filter(|_| more).map(|(place, _)| place.clone());
    let entries: Result<Vec<Value>, TableError> = history.into_iter().map(|(_, what)| entry(what)).collect();
    let entries = entries.map_err(|error| unavailable(&error))?;
    Ok(Answer::json(
        200,
        &json!({
            "success": true,
            "lead_id": lead.id,
            "count": entries.len(),
            "history": entries,
            "next_cursor": next.and_then(|next| cursor::write(&next)),
        }),
    ))
}

fn entry(what: Happening) -> Result<Value, TableError> {
    // What cannot be read is no gap in a history, but a fault that somebody has to look at.
    let unreadable = || TableError::Corrupt("an item of a history".to_owned());
    let (kind, at, entry) = match what {
        Happening::Attempt(item) => {
            let shown = show_lead::attempt(&item).ok_or_else(unreadable)?;
            ("call", shown["started_at"].clone(), shown)
        }
        Happening::Activity(item) => {
            let shown = show_lead::activity(&item).ok_or_else(unreadable)?;
            let kind = if shown["what"] == "call_reported" {
                "reported_call"
            } else {
                "activity"
            };
            (kind, shown["at"].clone(), shown)
        }
        Happening::Note(note) => {
            let shown = lead_notes::shown(&note);
            ("note", shown["at"].clone(), shown)
        }
        Happening::DoNotCall(proof) => {
            let shown = do_not_call::shown(&proof);
            ("do_not_call", shown["at"].clone(), shown)
        }
    };
    Ok(json!({"kind": kind, "at": at, "entry": entry}))
}
