//! Cursors: where a list goes on. Opaque to callers, and without a phone number, because they stand in URLs.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use redial_aws::web::Problem;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Longer than any cursor of ours.
const CURSOR_MAX: usize = 1_024;

pub(crate) fn write<T: Serialize>(place: &T) -> Option<String> {
    serde_json::to_vec(place).ok().map(|json| URL_SAFE_NO_PAD.encode(json))
}

pub(crate) fn read<T: DeserializeOwned>(cursor: Option<&String>) -> Result<Option<T>, Problem> {
    let Some(cursor) = cursor else { return Ok(None) };
    let place = (cursor.len() <= CURSOR_MAX)
        .then(|| URL_SAFE_NO_PAD.decode(cursor).ok())
        .flatten()
        .and_then(|json| serde_json::from_slice(&json).ok());
    place.map(Some).ok_or_else(|| {
        Problem::new(
            422,
            "bad_cursor",
            "failed to read the cursor",
            "use `next_cursor` of the answer before, or leave it out to start anew",
        )
    })
}
