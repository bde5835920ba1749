//! Names of things. Each is its own type, so that a lead's id cannot be passed for an attempt's.

use std::fmt;

use serde::{Deserialize, Serialize};

/// An id that cannot be one: too long, empty, or with characters that have a meaning in keys and URLs.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("failed to read {what} `{given}`: use 1 to {max} of the characters a-z A-Z 0-9 . _ : -")]
pub struct IdError {
    what: &'static str,
    given: String,
    max: usize,
}

/// The longest id kept: a UUID has 36 characters, Exotel and Twilio call ids fewer, and keys stay well under 1 KB.
const ID_MAX: usize = 64;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $what:literal) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// Reads an id.
            ///
            /// # Errors
            /// When it is empty, longer than 64 characters, or has characters outside `a-zA-Z0-9._:-`.
            pub fn parse(given: &str) -> Result<Self, IdError> {
                let fits = !given.is_empty()
                    && given.len() <= ID_MAX
                    && given.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b':' | b'-'));
                if fits {
                    Ok(Self(given.to_owned()))
                } else {
                    let given: String = given.chars().take(ID_MAX).collect();
                    let given = $crate::without_numbers(&given);
                    Err(IdError { what: $what, given, max: ID_MAX })
                }
            }

            /// The id as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl TryFrom<String> for $name {
            type Error = IdError;
            fn try_from(given: String) -> Result<Self, IdError> {
                Self::parse(&given)
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> String {
                id.0
            }
        }

        impl std::str::FromStr for $name {
            type Err = IdError;
            fn from_str(given: &str) -> Result<Self, IdError> {
                Self::parse(given)
            }
        }
    };
}

id!(
    /// One person to reach, at one phone, in one campaign. A ULID.
    LeadId, "lead id");
id!(
    /// One try, named before any call exists. A ULID.
    AttemptId, "attempt id");
id!(
    /// The provider's name for its leg.
    CallId, "call id");
id!(
    /// A campaign's short name, as in URLs.
    CampaignId, "campaign id");
id!(
    /// A loaded set of leads in one campaign.
    ListId, "list id");
id!(
    /// A folder under `rules/`, or a set published to the table.
    RuleSetName, "rule set");
id!(
    /// A lead status of a rule set.
    StatusName, "status");
id!(
    /// What a campaign's calls are about. A sale stops every lead of the phone with the same subject.
    Subject, "subject");
id!(
    /// Who a waiting lead belongs to: a campaign, by its id, or a bulk run, as `run:<id>`. Never both.
    Owner, "owner");
id!(
    /// Tells one delivery from every other: the kind of news and the provider's event id or a hash of the body.
    DeliveryId, "delivery id");
id!(
    /// Drawn anew by every invocation, so that a writer recognises its own commit after a lost answer.
    Nonce, "nonce");

impl From<&CampaignId> for Owner {
    fn from(id: &CampaignId) -> Self {
        Self(id.0.clone())
    }
}

impl Subject {
    /// That of a call of which nobody knows what it was about: it counts with every subject.
    pub fn any() -> Self {
        Self("any".to_owned())
    }
}

impl CampaignId {
    /// The campaign that exists from the start and takes leads whose source names none.
    pub fn default_campaign() -> Self {
        Self("default".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_with_a_hash_sign_would_break_keys_and_is_refused() {
        let error = LeadId::parse("a#b").unwrap_err().to_string();
        assert_eq!(
            error,
            "failed to read lead id `a#b`: use 1 to 64 of the characters a-z A-Z 0-9 . _ : -"
        );
        let error = CallId::parse("+1 (212) 555-0142").unwrap_err().to_string();
        assert!(!error.contains("555"), "errors are written down: {error}");
        assert!(LeadId::parse("").is_err());
        assert!(LeadId::parse(&"x".repeat(65)).is_err());
        assert!(CallId::parse("0b9f3c1e-5d42-4c7a-9a10-000000000001").is_ok());
    }
}
