//! What Bland is told about a call to place: the body of `POST /v1/calls`.
//!
//! It refuses to know whether the call may be placed.

use std::collections::BTreeMap;
use std::fmt;

use redial_domain::{AttemptId, CampaignId, LeadId, Phone};
use serde_json::{Value, json};

/// Stands in a prompt before the campaign's criteria.
const CRITERIA: &str = "\n\nFind out whether the person qualifies. Qualification criteria:\n";

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
    /// What the campaign says to this lead in its own words: it takes the place of a prompt, and goes along with a flow as
    /// `{{script}}`.
    pub said: Option<String>,
    /// What makes a lead a qualified one: a part of the prompt, `{{qualification_criteria}}` of a flow.
    pub criteria: Option<String>,
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
        let mut request_data = self.request_data.clone();
        let (script, what) = match &self.script {
            Script::Pathway(id) => {
                let ours = [("script", &self.said), ("qualification_criteria", &self.criteria)];
                request_data.extend(
                    ours.into_iter()
                        .filter_map(|(name, value)| Some((name.to_owned(), value.clone()?))),
                );
                ("pathway_id", id.clone())
            }
            Script::Task(task) => {
                let said = self.said.as_ref().unwrap_or(task);
                let criteria = self.criteria.as_ref();
                let criteria = criteria.map_or_else(String::new, |criteria| format!("{CRITERIA}{criteria}"));
                ("task", format!("{said}{criteria}"))
            }
        };
        let mut body = json!({
            "phone_number": self.phone.as_str(),
            "max_duration": self.max_duration_min,
            "request_data": request_data,
            "metadata": {
                "attempt_id": self.attempt.as_str(),
                "lead_id": self.lead.as_str(),
                "campaign_id": self.campaign.as_str(),
            },
        });
        body[script] = json!(what);
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
