//! What functions tell each other through the queues. Every message says its version; readers take older ones.

use chrono::{DateTime, Utc};
use redial_domain::{AttemptId, CallEvent, Campaign, CampaignId, CampaignStatus, Owner, Phone, SCHEMA_VERSION};
use serde::{Deserialize, Serialize};

/// The newest version that this build reads.
const READ_VERSION_MAX: u32 = 2;
/// The version of [`Report::EndCall`]. Everything else is version 1, so that builds before it go on reading that.
const END_CALL_VERSION: u32 = 2;

/// Why a message cannot be acted on.
#[derive(Debug, thiserror::Error)]
pub enum MessageError {
    /// Not a message of ours.
    #[error("failed to read a message: {0}")]
    Shape(String),
    /// From a newer build.
    #[error("failed to read a message: version {0} is newer than {READ_VERSION_MAX}; deploy the readers first")]
    Newer(u32),
}

/// On the calls queue: what a provider or a job reported.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CallMessage {
    /// Schema version.
    pub v: u32,
    /// When we received it.
    #[serde(with = "chrono::serde::ts_milliseconds")]
    pub received_at: DateTime<Utc>,
    /// What it is.
    #[serde(flatten)]
    pub report: Report,
}

impl CallMessage {
    /// Asks for the end of a call to a phone that was marked.
    pub const fn end_call(phone: Phone, attempt: AttemptId, now: DateTime<Utc>) -> Self {
        Self {
            v: END_CALL_VERSION,
            received_at: now,
            report: Report::EndCall { phone, attempt },
        }
    }
}

/// What was reported.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum Report {
    /// A provider's webhook, as it came.
    Webhook {
        /// The provider.
        provider: String,
        /// Its content type, if it said one.
        #[serde(default)]
        content_type: Option<String>,
        /// The campaign that the source named.
        #[serde(default)]
        campaign: Option<CampaignId>,
        /// The payload.
        body: String,
    },
    /// What a job found out about one of our attempts.
    Found {
        /// The news, in our words.
        event: Box<CallEvent>,
        /// Who found it: `reconcile`, `dialer`.
        by: String,
    },
    /// The phone was marked as do-not-call while it was called: the call is to be ended. Since version 2; readers of
    /// version 1 leave it in the queue for their successors.
    EndCall {
        /// The phone.
        phone: Phone,
        /// The attempt that was in flight.
        attempt: AttemptId,
    },
}

/// On the dial queue: a claimed lead.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DialMessage {
    /// Schema version.
    pub v: u32,
    /// The attempt that this would be.
    pub attempt: AttemptId,
    /// The lead's phone.
    pub phone: Phone,
    /// The lead's campaign.
    pub campaign: CampaignId,
    /// Whose slot was taken.
    pub owner: Owner,
    /// The shard of the slot.
    pub shard: u32,
    /// The slot item in the shard.
    pub slot: u32,
    /// The lead's version when it was claimed; another one means that somebody changed it since.
    pub lead_version: u64,
    /// The end of the claim.
    #[serde(with = "chrono::serde::ts_seconds")]
    pub claim_until: DateTime<Utc>,
}

/// On the tick queue: a part of the queue to look at.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TickMessage {
    /// Schema version.
    pub v: u32,
    /// Whose leads.
    pub campaign: CampaignId,
    /// Which part.
    pub shard: u32,
    /// When it was asked for; an old wish is worth nothing.
    #[serde(with = "chrono::serde::ts_seconds")]
    pub asked_at: DateTime<Utc>,
}

impl TickMessage {
    /// A look at every part of the queue of every running campaign, at once.
    pub fn for_running(campaigns: &[Campaign], now: DateTime<Utc>) -> Vec<(Self, i32)> {
        campaigns
            .iter()
            .filter(|campaign| campaign.status == CampaignStatus::Running)
            .flat_map(|campaign| (0..campaign.shards).map(|shard| (campaign.id.clone(), shard)))
            .map(|(campaign, shard)| {
                let ask = Self {
                    v: SCHEMA_VERSION,
                    campaign,
                    shard,
                    asked_at: now,
                };
                (ask, 0)
            })
            .collect()
    }
}

/// On the jobs queue: a job that has work left. Where to go on stands in the job itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobMessage {
    /// Schema version.
    pub v: u32,
    /// Which job.
    pub job: String,
}

/// Reads a message and checks its version.
///
/// # Errors
/// When it is not one of ours, or from a newer build.
pub fn read<T: serde::de::DeserializeOwned>(body: &str) -> Result<T, MessageError> {
    #[derive(Deserialize)]
    struct Version {
        v: u32,
    }
    // serde's own message repeats input, and input holds phone numbers: only the place goes on.
    let shape = |error: serde_json::Error| MessageError::Shape(format!("not readable at column {}", error.column()));
    let version: Version = serde_json::from_str(body).map_err(shape)?;
    if version.v > READ_VERSION_MAX {
        return Err(MessageError::Newer(version.v));
    }
    serde_json::from_str(body).map_err(shape)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_of_a_newer_build_is_left_for_it() {
        let error = read::<TickMessage>(r#"{"v":3,"campaign":"default","shard":0,"asked_at":0}"#).unwrap_err();
        assert!(matches!(error, MessageError::Newer(3)));
    }

    #[test]
    fn only_what_older_builds_do_not_know_has_the_newer_version() {
        let phone = Phone::try_from("+12125550142".to_owned()).unwrap();
        let attempt = AttemptId::parse("01A").unwrap();
        let message = CallMessage::end_call(phone, attempt, DateTime::UNIX_EPOCH);
        let json = serde_json::to_string(&message).unwrap();
        assert_eq!(
            json,
            r#"{"v":2,"received_at":0,"kind":"end_call","phone":"+12125550142","attempt":"01A"}"#
        );
        assert_eq!(read::<CallMessage>(&json).unwrap(), message);
        assert_eq!(SCHEMA_VERSION, 1, "items and all other messages");
    }

    #[test]
    fn an_unreadable_message_is_not_repeated_in_the_error() {
        let error = read::<DialMessage>(r#"{"v":1,"phone":"+12125550142"}"#)
            .unwrap_err()
            .to_string();
        assert!(!error.contains("555"), "{error}");
    }
}
