//! Opens the SQLite files in which the local machine keeps what must survive `kill -9`.
//!
//! Knows nothing of what is in them.

use std::path::Path;

use chrono::{DateTime, Utc};
use rusqlite::{Connection, OptionalExtension, params};
use sha2::{Digest, Sha256};

/// A statement is prepared once for each use in the code; the engines have about 20 each.
const STATEMENTS_MAX: usize = 64;

/// Opens or makes a file.
pub(crate) fn open(path: &Path) -> rusqlite::Result<Connection> {
    let db = Connection::open(path)?;
    // WAL with NORMAL: a commit is in the file system's hands when answered, which outlives the process; only a
    // checkpoint waits for the disk.
    db.pragma_update(None, "journal_mode", "WAL")?;
    db.pragma_update(None, "synchronous", "NORMAL")?;
    db.set_prepared_statement_cache_capacity(STATEMENTS_MAX);
    Ok(db)
}

/// A database that is forgotten at the end.
pub(crate) fn in_memory() -> rusqlite::Result<Connection> {
    let db = Connection::open_in_memory()?;
    db.set_prepared_statement_cache_capacity(STATEMENTS_MAX);
    Ok(db)
}

/// Reads a value from the table `meta`, and sets it if it is missing.
pub(crate) fn meta_or_set(db: &Connection, name: &str, value: impl FnOnce() -> String) -> rusqlite::Result<String> {
    db.execute_batch("CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT")?;
    let known = db
        .query_row("SELECT value FROM meta WHERE name = ?1", [name], |row| row.get(0))
        .optional()?;
    if let Some(known) = known {
        return Ok(known);
    }
    let value = value();
    db.execute("INSERT INTO meta (name, value) VALUES (?1, ?2)", params![name, value])?;
    Ok(value)
}

/// A stored time. Every stored time came from a clock, so it is in range; if the file was edited, the epoch shows it.
pub(crate) fn from_ms(ms: i64) -> DateTime<Utc> {
    DateTime::from_timestamp_millis(ms).unwrap_or_default()
}

/// A UUID-shaped id from a text, always the same for the same text.
pub(crate) fn uuid_shaped(text: &str) -> String {
    let digest = Sha256::digest(text.as_bytes());
    let mut hex = hex::encode(digest);
    hex.truncate(32);
    // Version 4, variant 1, as readers of UUIDs expect.
    hex.replace_range(12..13, "4");
    hex.replace_range(16..17, "a");
    for at in [20, 16, 12, 8] {
        hex.insert(at, '-');
    }
    hex
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_shaped_like_a_uuid_and_repeats() {
        let id = uuid_shaped("seed 1");
        assert_eq!(id, uuid_shaped("seed 1"));
        let lengths: Vec<usize> = id.split('-').map(str::len).collect();
        assert_eq!(lengths, [8, 4, 4, 4, 12]);
        assert_ne!(id, uuid_shaped("seed 2"));
    }
}
