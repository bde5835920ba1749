//! `POST` and `GET /api/leads/{id}/notes`: what people write about a lead, for people.
//!
//! A note is kept with the phone and is forgotten with it. No rule reads it.

use redial_aws::keys;
use redial_aws::notes::{NOTE_MAX, Note};
use redial_aws::table::{TableError, read};
use redial_aws::web::{Answer, Problem};
use redial_domain::iso;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::cursor;
use crate::request::{Caller, bad, unavailable};

/// Notes in one answer, unless asked for otherwise, and at most: of 2,000 letters each they stay under a megabyte.
const LIMIT_DEFAULT: usize = 20;
pub(crate) const LIMIT_MAX: usize = 100;
/// Characters of an id that sorts by time, as ours do.
const ID_LEN: usize = 26;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewNote {
    text: String,
    /// A ULID of the sender's: the same note sent again is one note.
    #[serde(default)]
    note_id: Option<String>,
}

pub(crate) async fn add(caller: &Caller<'_>, id: &str) -> Result<Answer, Problem> {
    let new: NewNote = caller.body()?;
    let text = new.text.trim();
    if text.is_empty() {
        return Err(bad("text", "there is none"));
    }
    if text.chars().count() > NOTE_MAX {
        return Err(bad("text", format!("it is longer than {NOTE_MAX} characters")));
    }
    if new.note_id.as_deref().is_some_and(|id| !is_ulid(id)) {
        return Err(bad("note_id", "it is no ULID; leave it out or send 26 characters"));
    }
    let app = caller.app;
    let now = app.clock.now();
    let lead = caller.lead(id).await?;
    let note = Note {
        id: new.note_id.unwrap_or_else(|| app.ids.record(now)),
        at: now,
        lead: lead.id,
        actor: caller.actor.clone(),
        text: text.to_owned(),
    };
    let (added, kept) = app
        .table
        .add_note(&lead.phone, &note)
        .await
        .map_err(|error| unavailable(&error))?;
    Ok(Answer::json(
        if added { 201 } else { 200 },
        &json!({"success": true, "created": added, "note": shown(&kept)}),
    ))
}

pub(crate) async fn list(caller: &Caller<'_>, id: &str) -> Result<Answer, Problem> {
    let limit = caller.number("limit", LIMIT_DEFAULT, LIMIT_MAX)?;
    let before = cursor::read_key(caller.request.query().get("cursor"))?;
    let lead = caller.lead(id).await?;
    // One more says whether there is more; the one at the cursor is read with them.
    let size = i32::try_from(limit + 2).unwrap_or(i32::MAX);
    let found = caller
        .app
        .table
        .history(&lead.phone, keys::NOTES, before.as_deref(), size)
        .await;
    let notes: Result<Vec<Note>, TableError> = found
        .map_err(|error| unavailable(&error))?
        .into_iter()
        .map(read)
        .collect();
    let mut notes = notes.map_err(|error| unavailable(&error))?;
    let more = notes.len() > limit;
    notes.truncate(limit);
    let next_cursor = notes.last().filter(|_| more).and_then(|last| cursor::write(&last.id));
    Ok(Answer::json(
        200,
        &json!({
            "success": true,
            "count": notes.len(),
            "notes": notes.iter().map(shown).collect::<Vec<_>>(),
            "next_cursor": next_cursor,
        }),
    ))
}

/// A note as answers show it.
pub(crate) fn shown(note: &Note) -> Value {
    json!({"id": note.id, "at": iso(note.at), "lead_id": note.lead, "actor": note.actor, "text": note.text})
}

fn is_ulid(id: &str) -> bool {
    let letter = |byte: u8| byte.is_ascii_digit() || (byte.is_ascii_uppercase() && !b"ILOU".contains(&byte));
    id.len() == ID_LEN && id.bytes().all(letter) && id.starts_with(|first: char| first <= '7')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_of_a_note_sorts_by_time() {
        assert!(is_ulid("01M84000000000000000000000"));
        for bad in [
            "",
            "01M8400000000000000000000",
            "81M84000000000000000000000",
            "01m84000000000000000000000",
        ] {
            assert!(!is_ulid(bad), "{bad}");
        }
    }
}
