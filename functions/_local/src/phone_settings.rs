//! What the simulated phone network is told and asked: settings, nasty ways, queries, and why it could not answer.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::phone_outcomes::CallOutcome;

/// Why the network could not do something.
#[derive(Debug, thiserror::Error)]
pub enum PhonesError {
    /// The file failed.
    #[error("failed to use the file of the simulated phone network")]
    Storage(#[from] rusqlite::Error),
    /// Something stored cannot be read back.
    #[error("failed to read what the file of the simulated phone network holds")]
    Stored(#[from] serde_json::Error),
    /// The client for webhooks could not be made.
    #[error("failed to make the HTTP client of the simulated phone network")]
    Client(#[from] reqwest::Error),
}

/// Whether calls get an outcome.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PhonesMode {
    /// Calls go as the mix says and are reported by webhook.
    Simulated,
    /// Calls are accepted and recorded; nothing is ever said about them.
    Silent,
}

/// What the network is, from its start.
#[derive(Debug, Clone)]
pub struct PhonesSettings {
    /// Whether calls get an outcome.
    pub mode: PhonesMode,
    /// Seeds outcomes and call ids.
    pub seed: u64,
    /// Signs webhooks, if there is one.
    pub webhook_secret: Option<String>,
    /// The key callers must send; any key will do if absent.
    pub api_key: Option<String>,
}

impl PhonesSettings {
    /// Simulated, seed 1, unsigned, any key.
    pub fn simulated() -> Self {
        Self {
            mode: PhonesMode::Simulated,
            seed: 1,
            webhook_secret: None,
            api_key: None,
        }
    }
}

/// How nasty the network is right now. Each `…_next` counts down by one for each request it spoils; they are looked at
/// in the order in which they stand here, and a request is spoiled by the first that applies.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Behaviour {
    /// Answers 429 and accepts nothing.
    pub rate_limit_next: u32,
    /// The `Retry-After` of a 429, in seconds.
    pub retry_after_s: Option<u32>,
    /// Answers 400 with Bland's error body and accepts nothing.
    pub refuse_next: u32,
    /// Answers 503 and accepts nothing.
    pub fail_before_next: u32,
    /// Accepts, and answers 500.
    pub fail_after_next: u32,
    /// Accepts, and never answers.
    pub hang_after_next: u32,
    /// Accepts, sends the webhook, and answers after that.
    pub webhook_first_next: u32,
    /// Calls appear in the list this long after they were accepted, in seconds of the virtual clock.
    pub list_late_s: u32,
    /// Calls accepted from now on ring this much later, in seconds of the virtual clock: the provider queues them.
    pub queue_s: u32,
    /// Calls accepted from now on never end by themselves and are not reported.
    pub never_end: bool,
    /// Stops are answered as done, and nothing is stopped.
    pub ignore_stop: bool,
    /// Answers 503 to the next questions about one call.
    pub details_fail_next: u32,
    /// Knows nothing of the next calls that it is asked about one by one, though it lists them.
    pub details_unknown_next: u32,
    /// Answers this status to all questions: about one call, for a list, to stop.
    pub asking_fails: Option<u16>,
    /// Details come without metadata.
    pub no_metadata: bool,
    /// Every report is sent twice.
    pub deliver_twice: bool,
    /// All calls from now on go this way.
    pub outcome: Option<CallOutcome>,
}

/// One call as the network received it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ReceivedCall {
    /// The called phone.
    pub phone: String,
    /// When it was accepted.
    pub accepted_at: DateTime<Utc>,
    /// `metadata.attempt_id` of the request.
    pub attempt_id: Option<String>,
    /// The network's id.
    pub call_id: String,
    /// The number that is shown.
    pub from: String,
    /// What the agent was told to do.
    pub task: Option<String>,
    /// The conversation flow that was asked for instead.
    pub pathway_id: Option<String>,
    /// What was sent along for either.
    pub request_data: Value,
}

/// Which calls a list asks for.
#[derive(Debug, Clone, Default)]
pub struct CallQuery {
    /// Only calls to this number; compared by digits.
    pub to_number: Option<String>,
    /// Only calls from this number; compared by digits.
    pub from_number: Option<String>,
    /// Only calls accepted at or after.
    pub since: Option<DateTime<Utc>>,
    /// Only calls accepted before.
    pub until: Option<DateTime<Utc>>,
    /// Oldest first.
    pub ascending: bool,
    /// Only calls that are not over.
    pub active: bool,
}
