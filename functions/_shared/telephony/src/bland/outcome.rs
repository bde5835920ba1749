//! Decides what the network reported about a call that ended, from the several fields that Bland spreads it over.
//!
//! No single field of theirs is enough, so all of them are weighed. It refuses to know what the talk meant:
//! tags and transcripts are for the rules.

use redial_domain::{FailureClass, Outcome, normalize_word};
use serde_json::{Map, Value};

use crate::read::text;

/// `status` of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Status {
    Completed,
    Failed,
    Busy,
    NoAnswer,
    Canceled,
    Running,
}

/// `queue_status` of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum QueueStatus {
    /// Asked for, or waiting: nothing was dialed.
    Waiting,
    /// Being dialed, or talking.
    Live,
    Complete,
    /// Refused before it was queued; mostly bad parameters.
    PreQueueError,
    /// Refused in the queue; for example an area that is not served.
    QueueError,
    CallError,
    /// Something after the call failed, such as a webhook. The call itself may be fine.
    CompleteError,
}

/// `answered_by`, and what integrators have seen in its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum AnsweredBy {
    Human,
    Machine,
    NoAnswer,
    Busy,
}

impl Status {
    /// Whether this alone says that the call is over.
    pub(super) const fn is_final(self) -> bool {
        matches!(self, Self::Failed | Self::Busy | Self::NoAnswer | Self::Canceled)
    }
}

impl QueueStatus {
    pub(super) const fn is_error(self) -> bool {
        matches!(
            self,
            Self::PreQueueError | Self::QueueError | Self::CallError | Self::CompleteError
        )
    }
}

pub(super) fn status(payload: &Map<String, Value>) -> Option<Status> {
    match normalize_word(&text(payload, "status")?).as_str() {
        "COMPLETED" | "COMPLETE" => Some(Status::Completed),
        "FAILED" | "ERROR" => Some(Status::Failed),
        "BUSY" => Some(Status::Busy),
        "NO_ANSWER" => Some(Status::NoAnswer),
        "CANCELED" | "CANCELLED" => Some(Status::Canceled),
        "STARTED" | "IN_PROGRESS" | "QUEUED" | "RINGING" => Some(Status::Running),
        // `unknown`, and words of the future: as if there were none.
        _ => None,
    }
}

pub(super) fn queue_status(payload: &Map<String, Value>) -> Option<QueueStatus> {
    match normalize_word(&text(payload, "queue_status")?).as_str() {
        "NEW" | "QUEUED" => Some(QueueStatus::Waiting),
        "ALLOCATED" | "STARTED" => Some(QueueStatus::Live),
        "COMPLETE" | "COMPLETED" => Some(QueueStatus::Complete),
        "PRE_QUEUE_ERROR" => Some(QueueStatus::PreQueueError),
        "QUEUE_ERROR" => Some(QueueStatus::QueueError),
        "CALL_ERROR" => Some(QueueStatus::CallError),
        "COMPLETE_ERROR" => Some(QueueStatus::CompleteError),
        _ => None,
    }
}

pub(super) fn answered_by(payload: &Map<String, Value>) -> Option<AnsweredBy> {
    match normalize_word(&text(payload, "answered_by")?).as_str() {
        "HUMAN" => Some(AnsweredBy::Human),
        "VOICEMAIL" | "MACHINE" | "ANSWERING_MACHINE" | "FAX" => Some(AnsweredBy::Machine),
        word if word.starts_with("MACHINE_") => Some(AnsweredBy::Machine),
        "NO_ANSWER" => Some(AnsweredBy::NoAnswer),
        "BUSY" => Some(AnsweredBy::Busy),
        // `unknown` is too little audio and "most likely a human" (docs); a new word says as little. The length decides.
        _ => None,
    }
}

/// Whether somebody or something took the call.
pub(super) const fn was_picked_up(outcome: Outcome) -> bool {
    matches!(outcome, Outcome::Answered | Outcome::Machine | Outcome::Unknown)
}

/// All that says how a call ended.
#[derive(Debug, Clone, Copy)]
pub(super) struct Evidence<'a> {
    pub(super) status: Option<Status>,
    pub(super) queue: Option<QueueStatus>,
    pub(super) answered_by: Option<AnsweredBy>,
    /// Length in seconds; 0 when unknown.
    pub(super) talk_s: u32,
    /// Whether the transcript has words of the called side.
    pub(super) lead_spoke: bool,
    /// Whether `started_at` is there.
    pub(super) connected: bool,
    /// The provider's error text.
    pub(super) error: Option<&'a str>,
}

impl Evidence<'_> {
    /// The outcome, why the network failed if it did, and whether the phone may have rung.
    pub(super) fn judge(self) -> (Outcome, Option<FailureClass>, bool) {
        let outcome = self.outcome();
        let failure = match outcome {
            Outcome::NotPlaced | Outcome::Failed => Some(self.failure()),
            _ => None,
        };
        (outcome, failure, self.may_have_rung(outcome, failure))
    }

    fn outcome(self) -> Outcome {
        // Words with a length: a person or a machine was there, whatever `status` says. An error in the middle of a
        // talk (`call_error`, often a transfer that failed) or a stop by us does not unmake it.
        let talked = self.talk_s > 0 && self.lead_spoke;
        let refused = matches!(self.queue, Some(QueueStatus::PreQueueError | QueueStatus::QueueError));
        if refused && !talked && !self.connected && self.answered_by.is_none() {
            return Outcome::NotPlaced;
        }
        match (self.answered_by, self.status) {
            (Some(AnsweredBy::Machine), _) => Outcome::Machine,
            (_, Some(Status::Busy)) => Outcome::Busy,
            (_, Some(Status::NoAnswer)) => Outcome::NoAnswer,
            (Some(AnsweredBy::NoAnswer), _) => Outcome::NoAnswer,
            (Some(AnsweredBy::Busy), _) => Outcome::Busy,
            (_, Some(Status::Canceled)) if !talked => Outcome::Canceled,
            (_, Some(Status::Failed)) if !talked => Outcome::Failed,
            (Some(AnsweredBy::Human), _) => Outcome::Answered,
            (None, _) if self.talk_s > 0 || self.lead_spoke => Outcome::Answered,
            (None, _) if self.queue == Some(QueueStatus::CallError) => Outcome::Failed,
            (None, _) => Outcome::Unknown,
        }
    }

    fn failure(self) -> FailureClass {
        match self.error.map(failure_of_text) {
            Some(FailureClass::Network) | None if self.queue == Some(QueueStatus::PreQueueError) => {
                FailureClass::Account
            }
            Some(class) => class,
            None => FailureClass::Network,
        }
    }

    /// Caps count every dial that may have rung, so only proof of the contrary says no: it was refused before
    /// dialing, it was taken back while it waited in the queue, or the number does not exist. A canceled call without
    /// `started_at` counts: that field is the moment of connecting, and what was canceled while ringing has none either.
    fn may_have_rung(self, outcome: Outcome, failure: Option<FailureClass>) -> bool {
        match outcome {
            Outcome::NotPlaced => false,
            Outcome::Failed if failure == Some(FailureClass::BadNumber) => self.connected || self.talk_s > 0,
            Outcome::Canceled => self.queue != Some(QueueStatus::Waiting) || self.connected || self.talk_s > 0,
            _ => true,
        }
    }
}

/// Texts that mean that the number is bad for good (a list that integrators of Bland use).
const BAD_NUMBER: [&str; 10] = [
    "number you dialed is not found",
    "number you have dialed is not",
    "not in service",
    "number has been disconnected",
    "number is disconnected",
    "disconnected number",
    "invalid number",
    "invalid phone number",
    "unallocated number",
    "number does not exist",
];

/// Texts that are about us: our own number, our money, our limits.
const ACCOUNT: [&str; 13] = [
    "from number",
    "from_number",
    "caller id",
    "insufficient",
    "balance",
    "credit",
    "payment",
    "quota",
    "concurren",
    "rate limit",
    "too many",
    "daily limit",
    "unauthorized",
];

const CONGESTION: [&str; 4] = ["congestion", "congested", "circuits are busy", "no circuit"];

/// What a provider's error text says about the failure. An unknown text is the network's fault.
pub(super) fn failure_of_text(text: &str) -> FailureClass {
    let text = text.to_lowercase();
    let says = |phrases: &[&str]| phrases.iter().any(|phrase| text.contains(phrase));
    if says(&ACCOUNT) {
        FailureClass::Account
    // A fault that will pass, or one of the number transferred to, must not close the lead for good.
    } else if says(&BAD_NUMBER) && !says(&["temporar", "transfer"]) {
        FailureClass::BadNumber
    } else if says(&CONGESTION) {
        FailureClass::Congestion
    } else {
        FailureClass::Network
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOTHING: Evidence<'static> = Evidence {
        status: None,
        queue: None,
        answered_by: None,
        talk_s: 0,
        lead_spoke: false,
        connected: false,
        error: None,
    };

    #[test]
    fn what_contradicts_itself_is_judged_by_the_words_that_were_spoken() {
        let talk = Evidence {
            talk_s: 30,
            lead_spoke: true,
            connected: true,
            ..NOTHING
        };
        for (evidence, outcome) in [
            (
                Evidence {
                    status: Some(Status::Failed),
                    queue: Some(QueueStatus::CallError),
                    ..talk
                },
                Outcome::Answered,
            ),
            (
                Evidence {
                    status: Some(Status::Canceled),
                    ..talk
                },
                Outcome::Answered,
            ),
            (
                Evidence {
                    queue: Some(QueueStatus::PreQueueError),
                    ..talk
                },
                Outcome::Answered,
            ),
            (
                Evidence {
                    queue: Some(QueueStatus::CompleteError),
                    ..talk
                },
                Outcome::Answered,
            ),
            (
                Evidence {
                    status: Some(Status::Failed),
                    answered_by: Some(AnsweredBy::Machine),
                    ..talk
                },
                Outcome::Machine,
            ),
            // A length without words is ringing, for a status that says that nobody took it.
            (
                Evidence {
                    status: Some(Status::NoAnswer),
                    talk_s: 50,
                    ..NOTHING
                },
                Outcome::NoAnswer,
            ),
            (
                Evidence {
                    status: Some(Status::Failed),
                    talk_s: 50,
                    ..NOTHING
                },
                Outcome::Failed,
            ),
            (
                Evidence {
                    status: Some(Status::Completed),
                    answered_by: Some(AnsweredBy::NoAnswer),
                    ..NOTHING
                },
                Outcome::NoAnswer,
            ),
            (
                Evidence {
                    status: Some(Status::Completed),
                    ..NOTHING
                },
                Outcome::Unknown,
            ),
            (
                Evidence {
                    status: Some(Status::Completed),
                    talk_s: 9,
                    ..NOTHING
                },
                Outcome::Answered,
            ),
        ] {
            assert_eq!(evidence.outcome(), outcome, "{evidence:?}");
        }
    }

    #[test]
    fn a_canceled_call_counts_unless_it_was_still_waiting() {
        let canceled = Evidence {
            status: Some(Status::Canceled),
            ..NOTHING
        };
        for (queue, rang) in [
            (Some(QueueStatus::Complete), true),
            (Some(QueueStatus::Live), true),
            (None, true),
            (Some(QueueStatus::Waiting), false),
        ] {
            let judged = Evidence { queue, ..canceled }.judge();
            assert_eq!(judged, (Outcome::Canceled, None, rang), "{queue:?}");
        }
    }

    #[test]
    fn only_a_text_about_the_called_number_makes_it_bad() {
        for (text, class) in [
            ("The number you dialed is not found", FailureClass::BadNumber),
            ("Invalid phone number", FailureClass::BadNumber),
            ("The number has been disconnected.", FailureClass::BadNumber),
            ("Call disconnected unexpectedly", FailureClass::Network),
            ("Number temporarily not in service", FailureClass::Network),
            ("Transfer failed: invalid phone number", FailureClass::Network),
            ("Invalid from number", FailureClass::Account),
            ("Insufficient balance", FailureClass::Account),
            ("Network congestion", FailureClass::Congestion),
            ("SIP 503", FailureClass::Network),
        ] {
            assert_eq!(failure_of_text(text), class, "{text}");
        }
    }

    #[test]
    fn a_refusal_before_the_queue_is_ours_unless_it_names_the_number() {
        let refused = Evidence {
            status: Some(Status::Failed),
            queue: Some(QueueStatus::PreQueueError),
            ..NOTHING
        };
        let not_placed = |class| (Outcome::NotPlaced, Some(class), false);
        assert_eq!(refused.judge(), not_placed(FailureClass::Account));
        let named = Evidence {
            error: Some("Invalid phone number"),
            ..refused
        };
        assert_eq!(named.judge(), not_placed(FailureClass::BadNumber));
    }
}
