//! What Bland would say about each outcome, and what was said in the call.
//!
//! Values are those of `tests/payloads` and of docs.bland.ai.

use crate::phone_outcomes::CallOutcome;

/// What is said on a bad number: one of the texts integrators treat as permanent.
const BAD_NUMBER: &str = "The number you dialed is not found";

/// The words of one outcome.
pub(crate) struct Words {
    /// Bland's `status`.
    pub(crate) status: &'static str,
    /// Bland's `queue_status`.
    pub(crate) queue_status: &'static str,
    /// Bland's `answered_by`.
    pub(crate) answered_by: Option<&'static str>,
    /// Bland's `call_ended_by`.
    pub(crate) ended_by: Option<&'static str>,
    /// Bland's `error_message`.
    pub(crate) error: Option<&'static str>,
    /// Bland's `disposition_tag`.
    pub(crate) disposition: Option<&'static str>,
    /// Bland's `summary`.
    pub(crate) summary: Option<&'static str>,
    /// Who says what: `u` for the person, `a` for the assistant.
    pub(crate) talk: &'static [(char, &'static str)],
}

/// How we begin.
pub(crate) const OPENING: (char, &str) = ('a', "Hi, this is Ava calling about your quote request.");

/// The words of an outcome.
pub(crate) fn words(outcome: CallOutcome) -> Words {
    let none = Words {
        status: "completed",
        queue_status: "complete",
        answered_by: None,
        ended_by: None,
        error: None,
        disposition: None,
        summary: None,
        talk: &[],
    };
    let human = |disposition, summary, talk| Words {
        answered_by: Some("human"),
        ended_by: Some("USER"),
        disposition: Some(disposition),
        summary: Some(summary),
        talk,
        ..none
    };
    match outcome {
        CallOutcome::NoAnswer => Words {
            status: "no-answer",
            answered_by: Some("no-answer"),
            ..none
        },
        CallOutcome::Busy => Words { status: "busy", ..none },
        CallOutcome::Canceled => Words {
            status: "canceled",
            ..none
        },
        CallOutcome::BadNumber => Words {
            status: "failed",
            queue_status: "call_error",
            error: Some(BAD_NUMBER),
            ..none
        },
        CallOutcome::NetworkFailed => Words {
            status: "failed",
            queue_status: "call_error",
            error: Some("Call failed"),
            ..none
        },
        CallOutcome::Voicemail => Words {
            answered_by: Some("voicemail"),
            ended_by: Some("ASSISTANT"),
            disposition: Some("VOICEMAIL"),
            summary: Some("The call reached voicemail and a message was left."),
            talk: &[
                (
                    'u',
                    "You have reached my voicemail. Please leave a message after the tone.",
                ),
                ('a', "Hi, this is Ava about your quote."),
            ],
            ..none
        },
        CallOutcome::HumanNoResult => human(
            "FOLLOW_UP",
            "The lead had read the quote and wanted to discuss it with a spouse. No commitment was made.",
            &[
                ('u', "Hello?"),
                OPENING,
                ('u', "I looked at it, but I need to talk to my wife first."),
                ('a', "Of course, when is a good time?"),
            ],
        ),
        CallOutcome::NotInterested => human(
            "NOT_INTERESTED",
            "The lead said that they are not interested at this time.",
            &[('u', "Hello?"), OPENING, ('u', "I'm not interested, thank you.")],
        ),
        CallOutcome::DncInSecondDelivery => human(
            "NOT_INTERESTED",
            "The lead was not interested and ended the call.",
            &[('u', "Hello?"), OPENING, ('u', "(unclear) … thank you, goodbye.")],
        ),
        CallOutcome::Callback => human(
            "CALLBACK",
            "The lead asked for a call back at a time they named.",
            &[
                ('u', "Hello?"),
                OPENING,
                ('u', "I'm driving. Can you try me later this week?"),
            ],
        ),
        CallOutcome::Transferred | CallOutcome::TransferredThenSale => human(
            "TRANSFERRED",
            "The lead qualified and was connected to a licensed agent.",
            &[
                ('u', "Hello?"),
                OPENING,
                ('u', "Yes, I would like to speak with somebody about it."),
            ],
        ),
        CallOutcome::Sale => human(
            "SALE",
            "The lead agreed to the quote and bought.",
            &[('u', "Hello?"), OPENING, ('u', "That sounds good, let's do it.")],
        ),
        CallOutcome::Dnc => human(
            "DNC",
            "The lead asked not to be called again.",
            &[
                ('u', "Hello?"),
                OPENING,
                ('u', "Take me off your list and don't call me again."),
            ],
        ),
    }
}
