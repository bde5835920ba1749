//! What Bland is told about a call to place: the body of `POST /v1/calls`.
//!
//! It refuses to know whether the call may be placed.

use std::collections::BTreeMap;
use std::fmt;

use redial_domain::{AttemptId, CampaignId, LeadId, Phone};
use serde_json::{Value, json};

/// What the agent is to say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Script {
    /// A conversation flow kept at Bland, by its id.
    Pathway(String),
    /// A prompt.
    Task(String),
}

/// A call to place. It has no `Debug` that shows the phone or the lead's data.
///
/// Bland's own `retry` and `start_time` are never sent: two systems that redial call twice.
#[derive(Clone, PartialEq, Eq)]
pub struct PlaceRequest {
    /// Whom to call.
    pub phone: Phone,
    /// The number shown; none takes Bland's.
    pub from: Option<String>,
    /// Comes back in every delivery, as `metadata.attempt_id`.
    pub attempt: AttemptId,
    /// Comes back as `metadata.lead_id`.
    pub lead: LeadId,
    /// Comes back as `metadata.campaign_id`.
    pub campaign: CampaignId,
    /// What to say.
    pub script: Script,
    /// The voice; none takes Bland's.
    pub voice: Option<String>,
    /// Longest call in minutes. Always sent: a slot is held no longer than this.
    pub max_duration_min: u32,
    /// What the script may say of the lead, by name.
    pub request_data: BTreeMap<String, String>,
    /// Where deliveries go.
    pub webhook_url: Option<String>,
}

impl fmt::Debug for PlaceRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PlaceRequest")
            .field("attempt", &self.attempt)
            .field("lead", &self.lead)
            .finish_non_exhaustive()
    }
}

impl PlaceRequest {
    pub(super) fn body(&self) -> Value {
        let mut body = json!({
            "phone_number": self.phone.as_str(),
            "max_duration": self.max_duration_min,
            "request_data": self.request_data,
            "metadata": {
                "attempt_id": self.attempt.as_str(),
                "lead_id": self.lead.as_str(),
                "campaign_id": self.campaign.as_str(),
            },
        });
        let (script, said) = match &self.script {
            Script::Pathway(id) => ("pathway_id", id),
            Script::Task(task) => ("task", task),
        };
        body[script] = json!(said);
        for (key, value) in [
            ("from", &self.from),
            ("voice", &self.voice),
            ("webhook", &self.webhook_url),
        ] {
            if let Some(value) = value {
                body[key] = json!(value);
            }
        }
        body
    }
}
