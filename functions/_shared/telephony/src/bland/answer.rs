//! What Bland's answers prove, and what they leave open.
//!
//! Pure: status, headers and body in, a verdict out. It refuses to know how the answer was fetched.

use std::fmt;

use chrono::{DateTime, Utc};
use redial_domain::{CallId, FailureClass, Phone, without_numbers};
use serde_json::{Map, Value};

use super::outcome::failure_of_text;
use super::parse::FIELD_MAX;
use crate::read::{amount, cut, object, text, time};

/// What became of a wish to place a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Placed {
    /// Queued by the provider; it may ring any moment.
    Accepted(CallId),
    /// Proven: no call was placed and none will be. The start may be given back.
    Refused {
        /// Why.
        reason: Refusal,
        /// How many seconds the provider asked to wait, at most [`RETRY_AFTER_MAX_S`].
        retry_after_s: Option<u32>,
        /// The provider's own words for people to read, without phone numbers.
        said: Option<String>,
    },
    /// Nobody can say. The line stays locked and the start counted until the provider has been asked.
    Ambiguous {
        /// What happened instead of an answer.
        why: Ambiguity,
    },
}

/// Why a call was provably not placed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// 429: too many calls a second, an hour, a day or at once.
    RateLimited,
    /// 401, 402, 403, or another 4xx whose text is about money or limits: says nothing about the phone.
    Account {
        /// The HTTP status.
        status: u16,
    },
    /// The provider says that the number is none.
    BadNumber,
    /// Another 4xx: what we sent is wrong.
    Invalid {
        /// The HTTP status.
        status: u16,
    },
    /// No connection came about, so no byte of the request was sent.
    Unreachable,
}

/// Why nobody can say whether a call was placed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ambiguity {
    /// No whole answer within the time-out.
    TimedOut,
    /// The connection broke after the request had begun.
    Broken,
    /// A status that proves nothing: 5xx, 3xx, 408, 409, 499, or a 4xx without an answer of Bland's in it.
    Status(u16),
    /// 2xx, and no call id in it.
    NoCallId,
}

impl fmt::Display for Ambiguity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TimedOut => f.write_str("no answer in time"),
            Self::Broken => f.write_str("the connection broke"),
            Self::Status(status) => write!(f, "an answer {status} that proves nothing"),
            Self::NoCallId => f.write_str("an acceptance without a call id"),
        }
    }
}

/// Why the provider did not tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AskError {
    /// Asked too often.
    #[error("failed to ask Bland: it limits how often it is asked; ask again later")]
    RateLimited {
        /// How many seconds it asked to wait, at most [`RETRY_AFTER_MAX_S`].
        retry_after_s: Option<u32>,
    },
    /// No answer, a 5xx, or an answer that cannot be read. Nothing may be concluded from it.
    #[error("failed to ask Bland: it gave no usable answer; nothing may be concluded from that")]
    Unavailable,
    /// A 4xx: key, account or parameters.
    #[error("failed to ask Bland: it refused with {status}; look at the API key and the account")]
    Refused {
        /// The HTTP status.
        status: u16,
    },
}

/// One row of Bland's list of calls. What a row lacks is absent; a candidate is judged by its details.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedCall {
    /// The provider's id.
    pub call_id: CallId,
    /// When the provider took it.
    pub created_at: Option<DateTime<Utc>>,
    /// The called phone; `None` when the row does not say.
    pub to: Option<Phone>,
}

/// The longest wait that is believed, in seconds; a day, because Bland's longest quota is a day's.
pub const RETRY_AFTER_MAX_S: u32 = 86_400;

/// An answer as it came.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// The `Retry-After` header.
    pub retry_after: Option<String>,
    /// The `Date` header: against it a `Retry-After` date is a number of seconds without a clock of ours.
    pub date: Option<String>,
    /// The body, whole.
    pub body: Vec<u8>,
}

impl Answer {
    fn object(&self) -> Option<Map<String, Value>> {
        serde_json::from_slice(&self.body).ok()
    }

    fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    pub(super) fn placed(&self) -> Placed {
        let body = self.object();
        if self.is_success() {
            let id = body.as_ref().and_then(call_id);
            return id.map_or(
                Placed::Ambiguous {
                    why: Ambiguity::NoCallId,
                },
                Placed::Accepted,
            );
        }
        let said = body.as_ref().map(words).filter(|said| !said.is_empty());
        let class = said.as_deref().map(failure_of_text);
        let reason = match self.status {
            // The limiter stands before everything else; its answer needs no body to be believed.
            429 => Refusal::RateLimited,
            // A time-out, a conflict and a hang-up may come after the request was passed on.
            408 | 409 | 499 => {
                return Placed::Ambiguous {
                    why: Ambiguity::Status(self.status),
                };
            }
            // Without JSON it may be a proxy's page, and proxies also speak after passing on.
            status @ 400..500 if body.is_some() => match class {
                _ if matches!(status, 401..=403) => Refusal::Account { status },
                Some(FailureClass::Account) => Refusal::Account { status },
                Some(FailureClass::BadNumber) => Refusal::BadNumber,
                _ => Refusal::Invalid { status },
            },
            status => {
                return Placed::Ambiguous {
                    why: Ambiguity::Status(status),
                };
            }
        };
        let said = said.map(|said| without_numbers(&cut(&said, FIELD_MAX)));
        Placed::Refused {
            reason,
            retry_after_s: self.retry_after_s(),
            said,
        }
    }

    /// The object of a 2xx answer; `None` when Bland says that it does not know what was asked for.
    pub(super) fn found(&self) -> Result<Option<Map<String, Value>>, AskError> {
        let body = self.object();
        let unknown = body.as_ref().is_some_and(|body| says_unknown(&words(body)));
        let failed = body.as_ref().is_some_and(says_error);
        match self.status {
            200..300 if failed && unknown => Ok(None),
            200..300 if failed => Err(AskError::Unavailable),
            200..300 => body.map(Some).ok_or(AskError::Unavailable),
            // A 404 without JSON is a wrong address or a proxy, not Bland's knowledge.
            404 if body.is_some() => Ok(None),
            400 if unknown => Ok(None),
            429 => Err(AskError::RateLimited {
                retry_after_s: self.retry_after_s(),
            }),
            404 => Err(AskError::Unavailable),
            408 | 500.. => Err(AskError::Unavailable),
            400..500 => Err(AskError::Refused { status: self.status }),
            _ => Err(AskError::Unavailable),
        }
    }

    /// Whether a call was told to stop. Bland also answers 200 with an error inside.
    pub(super) fn stopped(&self) -> Result<(), AskError> {
        if self.is_success() {
            let failed = self.object().as_ref().is_some_and(says_error);
            return if failed {
                Err(AskError::Refused { status: self.status })
            } else {
                Ok(())
            };
        }
        match self.found() {
            Err(error) => Err(error),
            Ok(_) => Err(AskError::Refused { status: self.status }),
        }
    }

    fn retry_after_s(&self) -> Option<u32> {
        let raw = self.retry_after.as_deref()?.trim();
        let seconds = raw.parse::<u64>().ok().or_else(|| {
            let until = DateTime::parse_from_rfc2822(raw).ok()?;
            let now = DateTime::parse_from_rfc2822(self.date.as_deref()?).ok()?;
            u64::try_from((until - now).num_seconds()).ok()
        })?;
        Some(u32::try_from(seconds).map_or(RETRY_AFTER_MAX_S, |seconds| seconds.min(RETRY_AFTER_MAX_S)))
    }
}

/// One page of the list, and how many rows the provider says there are.
pub(super) struct Page {
    pub(super) rows: Vec<Row>,
    /// `count`, a number or text. Some answers count all rows, some the page's.
    pub(super) count: Option<f64>,
}

/// One row. A row without an id is counted and cannot be asked about.
pub(super) struct Row {
    pub(super) call_id: Option<CallId>,
    pub(super) created_at: Option<DateTime<Utc>>,
    /// The digits of the called number: with or without country code.
    pub(super) to: Option<String>,
}

impl Page {
    /// `None` when there is no list in it: that is no proof of no calls.
    pub(super) fn read(body: &Map<String, Value>) -> Option<Self> {
        let data = object(body, "data");
        let list = body.get("calls").or_else(|| data.as_ref()?.get("calls"))?.as_array()?;
        let row = |row: &Value| {
            let row = row.as_object().cloned().unwrap_or_default();
            let to = text(&row, "to").map(|raw| raw.chars().filter(char::is_ascii_digit).collect());
            Row {
                call_id: call_id(&row),
                created_at: time(&row, "created_at"),
                to,
            }
        };
        Some(Self {
            rows: list.iter().map(row).collect(),
            count: amount(body, "count"),
        })
    }
}

impl Row {
    /// A row to another phone, should the filter have been ignored. One that names no phone, or half a one, may be it.
    pub(super) fn is_to_another(&self, phone: &Phone) -> bool {
        self.to
            .as_ref()
            .is_some_and(|to| !phone.as_str().ends_with(to.trim_start_matches('0')))
    }
}

fn call_id(body: &Map<String, Value>) -> Option<CallId> {
    ["call_id", "c_id"]
        .iter()
        .find_map(|key| CallId::parse(&text(body, key)?).ok())
}

fn says_error(body: &Map<String, Value>) -> bool {
    text(body, "status").is_some_and(|status| status.eq_ignore_ascii_case("error")) && call_id(body).is_none()
}

fn says_unknown(said: &str) -> bool {
    let said = said.to_lowercase();
    ["not found", "does not exist", "no call with"]
        .iter()
        .any(|phrase| said.contains(phrase))
}

/// `message`, `error` and `errors` in one sentence.
fn words(body: &Map<String, Value>) -> String {
    let mut words: Vec<String> = ["message", "error"].iter().filter_map(|key| text(body, key)).collect();
    match body.get("errors") {
        Some(Value::Array(errors)) => words.extend(errors.iter().filter_map(|error| match error {
            Value::Object(error) => text(error, "message"),
            other => crate::read::scalar(other),
        })),
        Some(Value::String(error)) => words.push(error.clone()),
        _ => {}
    }
    words.join("; ")
}
