//! What the functions were told about calls, and when they had done with it: read from the messages of the calls queue as
//! they are acknowledged. With the network's log it says what must follow, whatever the functions made of it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, Utc};
use serde_json::Value;

/// What was told about one call.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Told {
    /// Its end, by a report that names our attempt.
    pub(crate) end: Option<DateTime<Utc>>,
    /// What came after its end.
    pub(crate) later: Option<DateTime<Utc>>,
    /// An instance with a wrong clock had a hand in it: what it counted in minutes is not to be judged.
    pub(crate) by_a_wrong_clock: bool,
}

/// Everything that was told.
#[derive(Debug, Default)]
pub(crate) struct Evidence(Mutex<Kept>);

#[derive(Debug, Default)]
struct Kept {
    calls: BTreeMap<String, Told>,
    given_up: BTreeSet<String>,
    messages: u64,
    taken: u64,
    refused: u64,
}

/// A report as it stands in a message.
enum Report {
    Told(News),
    /// Given up: nobody knows how that attempt went.
    GivenUp(String),
}

struct News {
    call: String,
    is_later: bool,
    /// It says whose call it was, or nobody has to be asked.
    is_matched: bool,
}

impl Report {
    fn read(message: &str) -> Option<Self> {
        let message: Value = serde_json::from_str(message).ok()?;
        let text = |value: &Value| value.as_str().map(str::to_owned);
        if message["kind"] == "found" {
            let event = &message["event"];
            if event["facts"]["outcome"] == "lost" {
                return text(&event["ours"]["attempt"]).map(Self::GivenUp);
            }
            return Some(Self::Told(News {
                call: text(&event["call_id"])?,
                is_later: false,
                is_matched: true,
            }));
        }
        let payload: Value = serde_json::from_str(message["body"].as_str()?).ok()?;
        let is_later = payload["event_type"].is_string();
        Some(Self::Told(News {
            call: text(&payload["call_id"])?,
            is_later,
            is_matched: is_later || payload["metadata"]["attempt_id"].is_string(),
        }))
    }
}

impl Evidence {
    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The outcomes function had this message, on an instance whose clock was right or wrong; done with it, or not yet.
    pub(crate) fn handled(&self, message: &str, done: bool, clock_is_wrong: bool, now: DateTime<Utc>) {
        let mut kept = self.kept();
        let report = match Report::read(message) {
            None => return,
            Some(Report::GivenUp(attempt)) => {
                kept.given_up.insert(attempt);
                return;
            }
            Some(Report::Told(news)) => news,
        };
        let told = kept.calls.entry(report.call).or_default();
        told.by_a_wrong_clock |= clock_is_wrong;
        if done && report.is_matched {
            let at = if report.is_later {
                &mut told.later
            } else {
                &mut told.end
            };
            at.get_or_insert(now);
        }
    }

    /// What was told about a call.
    pub(crate) fn of(&self, call_id: &str) -> Told {
        self.kept().calls.get(call_id).copied().unwrap_or_default()
    }

    /// Whether an attempt was given up, whatever was heard of it later.
    pub(crate) fn was_given_up(&self, attempt: &str) -> bool {
        self.kept().given_up.contains(attempt)
    }

    /// The outcomes function answered for so many messages.
    pub(crate) fn answered(&self, messages: usize) {
        self.kept().messages += messages as u64;
    }

    /// The webhook function answered.
    pub(crate) fn webhook(&self, status: u64) {
        match status {
            200..300 => self.kept().taken += 1,
            400..500 => self.kept().refused += 1,
            _ => {}
        }
    }

    /// Messages answered for, webhooks taken, webhooks refused.
    pub(crate) fn counts(&self) -> (u64, u64, u64) {
        let kept = self.kept();
        (kept.messages, kept.taken, kept.refused)
    }
}
