//! `GET /api/leads/{id}/evidence`: everything that is kept about one phone, page by page (H11).
//!
//! Calls with their decisions and rule versions, what people did and why, consent and do-not-call with their proof, the
//! payloads as they came, in all campaigns of the phone; and on the first page what the gate says now. Whoever follows
//! `next_cursor` to its end has all of it.

use redial_aws::web::{Answer, Problem};
use redial_domain::iso;
use serde_json::{Value, json};

use crate::cursor;
use crate::explain_lead::explained;
use crate::request::{Caller, unavailable};

/// Items in one answer, unless asked for otherwise, and at most: payloads are large, and an answer of a function URL has
/// six megabytes.
const LIMIT_DEFAULT: usize = 50;
pub(crate) const LIMIT_MAX: usize = 100;

pub(crate) async fn export(caller: &Caller<'_>, id: &str) -> Result<Answer, Problem> {
    let limit = caller.number("limit", LIMIT_DEFAULT, LIMIT_MAX)?;
    let after = cursor::read_key(caller.request.query().get("cursor"))?;
    let lead = caller.lead(id).await?;
    let size = i32::try_from(limit).unwrap_or(i32::MAX);
    let kept = caller.app.table.kept_about(&lead.phone, after.as_deref(), size).await;
    let kept = kept.map_err(|error| unavailable(&error))?;
    let last = kept.records.last().filter(|_| kept.more);
    let next_cursor = last.and_then(|(key, _)| cursor::write(key));
    let now = match after {
        Some(_) => Value::Null,
        None => explained(caller, &lead).await?,
    };
    tracing::info!(lead.id = %lead.id, actor = %caller.actor.name, "evidence exported");
    let records: Vec<Value> = kept
        .records
        .into_iter()
        .map(|(key, record)| {
            let sort = key.split('#').next().unwrap_or(&key).to_lowercase();
            json!({"kind": sort, "key": key, "record": record})
        })
        .collect();
    Ok(Answer::json(
        200,
        &json!({
            "success": true,
            "phone": lead.phone,
            "exported_at": iso(caller.app.clock.now()),
            "exported_by": caller.actor.name,
            "gate_now": now,
            "count": records.len(),
            "records": records,
            "next_cursor": next_cursor,
        }),
    ))
}
