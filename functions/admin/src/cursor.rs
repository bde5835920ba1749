//! Cursors: where a list goes on. Opaque to callers, and without a phone number, because they stand in URLs.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use redial_aws::web::Problem;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Longer than any cursor of ours.
const CURSOR_MAX: usize = 1_024;
/// Longer than any key in a cursor of ours: a time, a word and an id of 64 characters. DynamoDB takes 1,024 bytes.
const KEY_MAX: usize = 128;

pub(crate) fn write<T: Serialize>(place: &T) -> Option<String> {
    serde_json::to_vec(place).ok().map(|json| URL_SAFE_NO_PAD.encode(json))
}

/// Reads a cursor whose place is one that `fits`. Anybody can make one up: a key that is empty, too long or behind the end
/// of its list would be an error of the table.
pub(crate) fn read<T: DeserializeOwned>(
    cursor: Option<&String>,
    fits: impl Fn(&T) -> bool,
) -> Result<Option<T>, Problem> {
    let Some(cursor) = cursor else { return Ok(None) };
    let place = (cursor.len() <= CURSOR_MAX)
        .then(|| URL_SAFE_NO_PAD.decode(cursor).ok())
        .flatten()
        .and_then(|json| serde_json::from_slice(&json).ok())
        .filter(fits);
    place.map(Some).ok_or_else(|| {
        Problem::new(
            422,
            "bad_cursor",
            "failed to read the cursor",
            "use `next_cursor` of the answer before, or leave it out to start anew",
        )
    })
}

/// Reads a cursor that is a key of a list, or its end.
pub(crate) fn read_key(cursor: Option<&String>) -> Result<Option<String>, Problem> {
    read(cursor, |key: &String| is_key(key))
}

/// Whether that can be a key of a list. Ours are ids, times and words; lists end at `~`.
pub(crate) fn is_key(key: &str) -> bool {
    (1..=KEY_MAX).contains(&key.len()) && key.bytes().all(|byte| byte.is_ascii_graphic() && byte < b'~')
}
