//! The bus: what happened, for whoever wants to know. The whole list of events is here.
//!
//! Only what changes a lead for the business is published, never each call: an event costs as much as half a cycle.
//! Consumers drop what they have seen by `id`; an event may come twice after a crash.

use aws_sdk_eventbridge::Client;
use aws_sdk_eventbridge::types::PutEventsRequestEntry;
use redial_domain::{CampaignId, LeadId, RuleSetName, StatusName, StopScope};
use serde::Serialize;

/// The `source` of all events.
pub const SOURCE: &str = "redial";

/// What happened. The name of the variant is the event's `detail-type`; the shapes only ever grow.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Happened {
    /// A lead moved to another status.
    LeadStatusChanged {
        /// Which lead.
        lead: LeadId,
        /// In which campaign.
        campaign: CampaignId,
        /// From.
        from: StatusName,
        /// To.
        to: StatusName,
    },
    /// A lead, its subject or its phone is not called any more.
    LeadStopped {
        /// Which lead.
        lead: LeadId,
        /// In which campaign.
        campaign: CampaignId,
        /// How far the stop reaches.
        scope: StopScope,
    },
    /// A rule failed on a lead; it waits for a person.
    LeadParked {
        /// Which lead.
        lead: LeadId,
        /// In which campaign.
        campaign: CampaignId,
    },
    /// A campaign was scheduled, started, paused or cancelled, or has ended.
    CampaignMoved {
        /// Which campaign.
        campaign: CampaignId,
        /// Its new status.
        status: String,
    },
    /// A version of a rule set decides from now on: for all phones, or for a share of them first.
    RulesPublished {
        /// Which set.
        set: RuleSetName,
        /// The version.
        version: u32,
        /// Phones that it decides for, in per cent.
        share: u32,
    },
    /// A rule set went back to a version that decided before.
    RulesReturned {
        /// Which set.
        set: RuleSetName,
        /// The version that decides no more.
        from: u32,
        /// The version that decides again.
        to: u32,
        /// Whether nobody asked for it: too many errors did.
        automatic: bool,
    },
}

impl Happened {
    const fn detail_type(&self) -> &'static str {
        match self {
            Self::LeadStatusChanged { .. } => "LeadStatusChanged",
            Self::LeadStopped { .. } => "LeadStopped",
            Self::LeadParked { .. } => "LeadParked",
            Self::CampaignMoved { .. } => "CampaignMoved",
            Self::RulesPublished { .. } => "RulesPublished",
            Self::RulesReturned { .. } => "RulesReturned",
        }
    }
}

#[derive(Serialize)]
struct Detail<'a> {
    /// Shape of this event.
    v: u32,
    /// The same for the same happening, however often it is published.
    id: &'a str,
    #[serde(flatten)]
    happened: &'a Happened,
}

/// EventBridge takes ten entries a request.
const ENTRIES_MAX: usize = 10;

/// Why an event was not published.
#[derive(Debug, thiserror::Error)]
#[error("failed to publish to the bus: {0}")]
pub struct BusError(String);

/// The bus behind a client.
#[derive(Debug, Clone)]
pub struct Bus {
    client: Client,
    name: Option<String>,
}

impl Bus {
    /// The bus behind a client; without a name nothing is published.
    pub const fn new(client: Client, name: Option<String>) -> Self {
        Self { client, name }
    }

    /// Publishes what happened, under ids made from `cause`.
    ///
    /// # Errors
    /// When the bus did not take all of it.
    pub async fn publish(&self, cause: &str, happened: &[Happened]) -> Result<(), BusError> {
        let Some(name) = &self.name else { return Ok(()) };
        for (chunk_n, chunk) in happened.chunks(ENTRIES_MAX).enumerate() {
            let mut entries = Vec::with_capacity(chunk.len());
            for (n, what) in chunk.iter().enumerate() {
                let id = format!("{cause}/{}", chunk_n * ENTRIES_MAX + n);
                let detail = serde_json::to_string(&Detail {
                    v: redial_domain::SCHEMA_VERSION,
                    id: &id,
                    happened: what,
                })
                .map_err(|error| BusError(error.to_string()))?;
                entries.push(
                    PutEventsRequestEntry::builder()
                        .event_bus_name(name)
                        .source(SOURCE)
                        .detail_type(what.detail_type())
                        .detail(detail)
                        .build(),
                );
            }
            let answer = self
                .client
                .put_events()
                .set_entries(Some(entries))
                .send()
                .await
                .map_err(|error| {
                    BusError(
                        aws_sdk_eventbridge::error::ProvideErrorMetadata::code(&error)
                            .unwrap_or("no answer")
                            .to_owned(),
                    )
                })?;
            if answer.failed_entry_count() > 0 {
                return Err(BusError(format!(
                    "{} of {} events were refused",
                    answer.failed_entry_count(),
                    chunk.len()
                )));
            }
        }
        Ok(())
    }
}
