//! What happened, line by line; its hash tells whether two runs were the same, its lines tell how one went wrong.

use std::fmt::Write as _;
use std::sync::{Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, TimeDelta, Utc};
use sha2::{Digest, Sha256};

/// Lines of a timeline around a fault, at most.
const TIMELINE_MAX: usize = 120;
/// How far a timeline looks back and ahead.
const BEFORE: TimeDelta = TimeDelta::minutes(45);
const AFTER: TimeDelta = TimeDelta::minutes(2);

/// One thing that happened.
#[derive(Debug, Clone)]
struct Line {
    at: DateTime<Utc>,
    text: String,
}

/// All that happened in a world.
#[derive(Debug, Default)]
pub(crate) struct Trace(Mutex<Kept>);

#[derive(Debug, Default)]
struct Kept {
    lines: Vec<Line>,
    hash: Sha256,
}

impl Trace {
    /// Notes something. The text names phones in full: simulated numbers belong to nobody.
    pub(crate) fn note(&self, at: DateTime<Utc>, text: String) {
        let mut kept = self.kept();
        kept.hash.update(at.timestamp_micros().to_be_bytes());
        kept.hash.update(text.as_bytes());
        kept.lines.push(Line { at, text });
    }

    /// The hash of everything so far.
    pub(crate) fn hash(&self) -> String {
        hex::encode(&self.kept().hash.clone().finalize()[..8])
    }

    /// How many lines there are.
    pub(crate) fn len(&self) -> usize {
        self.kept().lines.len()
    }

    /// Every line, as text.
    pub(crate) fn lines(&self) -> Vec<String> {
        self.kept()
            .lines
            .iter()
            .map(|line| format!("{} {}", line.at.timestamp_micros(), line.text))
            .collect()
    }

    /// What happened to something around a moment, newest last.
    pub(crate) fn timeline(&self, about: &str, at: DateTime<Utc>) -> String {
        let kept = self.kept();
        let near: Vec<&Line> = kept
            .lines
            .iter()
            .filter(|line| line.at >= at - BEFORE && line.at <= at + AFTER && line.text.contains(about))
            .collect();
        let mut text = String::new();
        for line in &near[near.len().saturating_sub(TIMELINE_MAX)..] {
            let _ = writeln!(text, "  {} {}", line.at.format("%a %H:%M:%S%.3f"), line.text);
        }
        text
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The phones named in a request, for its line in the trace.
pub(crate) fn phones_in(text: &str) -> Vec<&str> {
    let mut found: Vec<&str> = text
        .match_indices("+1")
        .filter_map(|(at, _)| text.get(at..at + 12))
        .filter(|phone| phone[1..].bytes().all(|byte| byte.is_ascii_digit()))
        .collect();
    found.sort_unstable();
    found.dedup();
    found
}
