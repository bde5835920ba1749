//! Keeps the virtual clock over restarts, so that it never goes backwards, not even after `kill -9`.
//!
//! One line of fixed length, overwritten in place by one write: it is there whole or as it was before.

use std::{
    fs::{File, OpenOptions},
    io,
    os::unix::fs::FileExt,
    path::Path,
};

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

/// Room for the line: a time, a number and their names. The rest is blanks.
const LINE_BYTES: usize = 120;

/// What the file says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct SavedClock {
    /// No earlier time may be shown any more.
    pub now: DateTime<Utc>,
    /// How far the clock was ahead of the system's, if it flowed with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ahead_ms: Option<i64>,
}

/// The file.
#[derive(Debug)]
pub struct ClockFile {
    file: File,
    /// The clock flows with the system's time, and goes on so after a restart.
    keeps_distance: bool,
}

impl ClockFile {
    /// Opens the file, and makes it if there is none.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn open(path: &Path, keeps_distance: bool) -> io::Result<Self> {
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(path)?;
        Ok(Self { file, keeps_distance })
    }

    /// Notes that the clock shows `now`, or is about to. A failure is logged: the work goes on, a restart may repeat
    /// some time.
    pub fn note(&self, now: DateTime<Utc>, system_now: DateTime<Utc>) {
        self.write(SavedClock {
            now,
            ahead_ms: self.keeps_distance.then(|| (now - system_now).num_milliseconds()),
        });
    }

    /// As [`Self::note`], for a clock that flows on until the next time this is called.
    pub fn note_flowing(&self, now: DateTime<Utc>, system_now: DateTime<Utc>) {
        // The system's clock goes on while we do not run, so its distance is enough.
        let ahead = if self.keeps_distance {
            TimeDelta::zero()
        } else {
            NOTE_EVERY * 2
        };
        self.note(now + ahead, system_now);
    }

    fn write(&self, saved: SavedClock) {
        if let Err(error) = self.file.write_all_at(&line(&saved), 0) {
            tracing::error!("the clock cannot be kept for a restart: {error}");
        }
    }
}

/// What the file at `path` says; none when there is none, or it is empty.
///
/// # Errors
/// When it is damaged, or the system refuses.
pub fn saved_clock(path: &Path) -> io::Result<Option<SavedClock>> {
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    if text.trim().is_empty() {
        return Ok(None);
    }
    serde_json::from_str(text.trim()).map(Some).map_err(io::Error::from)
}

fn line(saved: &SavedClock) -> Vec<u8> {
    let time = saved.now.to_rfc3339_opts(SecondsFormat::Millis, true);
    let mut line = serde_json::json!({ "now": time });
    if let Some(ahead_ms) = saved.ahead_ms {
        line["ahead_ms"] = ahead_ms.into();
    }
    let mut line = line.to_string().into_bytes();
    line.resize(LINE_BYTES - 1, b' ');
    line.push(b'\n');
    line
}

/// A flowing clock is noted this often, and ahead by twice this: `kill -9` may come at any moment.
pub const NOTE_EVERY: TimeDelta = TimeDelta::milliseconds(500);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_noted_is_read_back_however_often() {
        let path = std::env::temp_dir().join(format!("redial-clock-{}", std::process::id()));
        let _ = std::fs::remove_file(&path);
        assert_eq!(saved_clock(&path).unwrap(), None);
        let noon = DateTime::from_timestamp(1_795_608_000, 5_000_000).unwrap();
        for (keeps_distance, ahead_ms) in [(false, None), (true, Some(60_000))] {
            let file = ClockFile::open(&path, keeps_distance).unwrap();
            file.note(noon - TimeDelta::days(40_000), noon);
            file.note(noon, noon - TimeDelta::minutes(1));
            assert_eq!(saved_clock(&path).unwrap(), Some(SavedClock { now: noon, ahead_ms }));
        }
        std::fs::write(&path, "{\"now\":").unwrap();
        assert!(saved_clock(&path).is_err());
        std::fs::remove_file(&path).unwrap();
    }
}
