//! What a provider reported, in our words. `redial-telephony` makes these; nothing past it sees a provider's word.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::{AttemptId, CallId, CampaignId, DeliveryId, ExplicitStop, LeadId, Outcome, Phone};

/// Lines of a transcript that are read and kept. Bland's longest call by default is 30 minutes; a line takes a few
/// seconds.
pub const MAX_TRANSCRIPT_LINES: usize = 1_000;

/// One delivery about one call.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CallEvent {
    /// The provider's name as in the webhook's path: `bland`.
    pub provider: String,
    /// The provider's name for the call; absent only in deliveries that nothing can be matched to.
    pub call_id: Option<CallId>,
    /// What sort of news this is.
    pub kind: EventKind,
    /// Tells this delivery from every other, and the same delivery from itself.
    pub delivery: DeliveryId,
    /// Whose leg it is. Only the lead's leg says anything about a lead.
    pub leg: Leg,
    /// Who called whom.
    pub direction: Direction,
    /// The lead's phone: the called one of an outbound call, the calling one of an inbound call.
    pub phone: Option<Phone>,
    /// What we sent along when we placed the call, if it came back.
    pub ours: OurMetadata,
    /// What is known about how the call went.
    pub facts: Facts,
}

/// What sort of news a delivery brings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EventKind {
    /// The call is over.
    Ended,
    /// More about a call that is over: analysis, a corrected transcript, an agent's disposition.
    Later,
    /// The call goes on; nothing to decide.
    Progress,
}

/// Whose leg of a call a delivery is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Leg {
    /// The lead's own.
    Lead,
    /// An agent's, a proxy's or a child leg: the lead's phone was not rung by it.
    Agent,
}

/// Who called whom.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// We called the lead.
    Outbound,
    /// The lead called us.
    Inbound,
}

/// What we sent along with a call. Each may be missing, and none is believed without a matching item.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct OurMetadata {
    /// Our id of the attempt.
    pub attempt: Option<AttemptId>,
    /// Our id of the lead.
    pub lead: Option<LeadId>,
    /// The lead's campaign.
    pub campaign: Option<CampaignId>,
}

/// What is known about how a call went.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Facts {
    /// What the network reported.
    pub outcome: Outcome,
    /// Whether the phone may have rung. A try that was refused before dialing gives its place back (Q4).
    pub may_have_rung: bool,
    /// Why the network failed, if it did.
    pub failure: Option<FailureClass>,
    /// The provider's or agent's own word for what the talk meant, as it came.
    pub disposition_word: Option<String>,
    /// How far a transfer to an agent came.
    pub transfer: Transfer,
    /// When the provider took the call.
    pub created_at: Option<DateTime<Utc>>,
    /// When it was picked up.
    pub started_at: Option<DateTime<Utc>>,
    /// When it ended, if the provider says so reliably.
    pub ended_at: Option<DateTime<Utc>>,
    /// Length of the talk in seconds.
    pub talk_s: Option<u32>,
    /// Who ended it, if the provider says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_by: Option<Side>,
    /// Whether the lead asked to be called at another time.
    pub callback_requested: bool,
    /// When, if a time was named.
    pub callback_at: Option<DateTime<Utc>>,
    /// The lead asked not to be called again.
    pub stop: Option<ExplicitStop>,
    /// A summary of the talk.
    pub summary: Option<String>,
    /// The talk, at most [`MAX_TRANSCRIPT_LINES`] lines.
    pub transcript: Vec<TranscriptLine>,
    /// The provider's text about an error, for people to read; never shown with a phone number in it.
    pub error: Option<String>,
}

impl Facts {
    /// Facts of a call about which nothing is known but how it ended.
    pub fn ended(outcome: Outcome) -> Self {
        Self {
            outcome,
            may_have_rung: outcome != Outcome::NotPlaced,
            failure: None,
            disposition_word: None,
            transfer: Transfer::None,
            created_at: None,
            started_at: None,
            ended_at: None,
            talk_s: None,
            ended_by: None,
            callback_requested: false,
            callback_at: None,
            stop: None,
            summary: None,
            transcript: Vec::new(),
            error: None,
        }
    }

    /// Whether a person took the call and, as far as anybody knows, ended it: who ended it is theirs unless the provider says
    /// that it was us.
    pub fn person_hung_up(&self) -> bool {
        // Later news may be all that is heard of a talk.
        let spoke = || self.transcript.iter().any(|line| line.side == Side::Lead);
        let is_taken = match self.outcome {
            Outcome::Answered => true,
            Outcome::Unknown => self.ended_by == Some(Side::Lead) || spoke(),
            _ => false,
        };
        is_taken && self.ended_by != Some(Side::Us)
    }
}

/// Why the network could not complete a call (S2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FailureClass {
    /// The number does not exist or is out of service, for good.
    BadNumber,
    /// The network was full.
    Congestion,
    /// Anything else between the provider and the phone.
    Network,
    /// Our account or a limit of it; says nothing about the phone.
    Account,
}

impl FailureClass {
    /// The word in rules and items.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::BadNumber => "bad_number",
            Self::Congestion => "congestion",
            Self::Network => "network",
            Self::Account => "account",
        }
    }
}

/// How far a transfer to an agent came. A destination alone is no proof that two people spoke.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Transfer {
    /// None was tried.
    None,
    /// A destination was dialed; nothing proves that it was reached.
    Tried,
    /// Lead and agent were connected.
    Connected,
    /// The caller hung up during it.
    Canceled,
}

impl Transfer {
    /// The word in rules and items.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Tried => "tried",
            Self::Connected => "connected",
            Self::Canceled => "canceled",
        }
    }
}

/// One line of a talk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TranscriptLine {
    /// Who said it.
    pub side: Side,
    /// What was said.
    pub text: String,
}

/// The two sides of a call. Only the lead's words can ask for a stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    /// The person called.
    Lead,
    /// Our agent, human or machine.
    Us,
}
