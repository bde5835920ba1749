//! Campaigns, settings, and the gate copies that every call reads.
//!
//! The switches of everything and of each campaign are kept in eight copies, written together in one transaction and
//! read one at a time, so that no partition is hot and no call is placed on an old reading.

use aws_sdk_dynamodb::types::AttributeValue;
use redial_domain::{Campaign, CampaignId, CampaignStatus, Phone, Settings, Switches};
use serde::{Deserialize, Serialize};

use crate::keys::{self, GATE_COPIES};
use crate::leads::Activity;
use crate::table::{Change, Item, Key, Query, Table, TableError, read};

/// Campaigns of one deployment that are listed in one go.
pub const CAMPAIGNS_MAX: usize = 1_000;
/// Pages that they come in: DynamoDB ends one at a megabyte, and one campaign may fill 400 KB.
const PAGES_MAX: usize = 500;

/// A scheduled campaign is stored as a draft with this beside it: a build that knows no schedules reads a draft, which calls
/// nobody, and can still list all the others.
const SCHEDULED: &str = "scheduled";

/// What one gate copy of everything says.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
struct AllGate {
    enabled: bool,
    running: bool,
    /// The version of what was added to the law book: whoever holds an older one reads it again.
    #[serde(default)]
    law: u64,
}

/// What one gate copy of a campaign says.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
struct CampaignGate {
    status: CampaignStatus,
    /// The campaign's version: whoever holds an older one reads it again.
    ver: u64,
    /// See [`SCHEDULED`].
    #[serde(default)]
    scheduled: bool,
}

/// The switches as one phone's calls see them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GateReading {
    /// The switches.
    pub switches: Switches,
    /// The version of the campaign that they belong to.
    pub campaign_version: u64,
    /// The version of the law book.
    pub law_version: u64,
}

impl Table {
    /// The switches, consistently.
    ///
    /// # Errors
    /// When they cannot be read; then nothing may be dialed.
    pub async fn switches(&self, campaign: &CampaignId, phone: &Phone) -> Result<Option<GateReading>, TableError> {
        self.gate_copy(campaign, phone.bucket(GATE_COPIES)).await
    }

    /// The switches as the tick sees them.
    ///
    /// # Errors
    /// When they cannot be read.
    pub async fn campaign_switches(&self, campaign: &CampaignId) -> Result<Option<GateReading>, TableError> {
        self.gate_copy(campaign, 0).await
    }

    async fn gate_copy(&self, campaign: &CampaignId, copy: u32) -> Result<Option<GateReading>, TableError> {
        let (all_key, own_key) = (keys::gate_all(copy), keys::gate(campaign, copy));
        let mut all = None;
        let mut own = None;
        for item in self.batch_get(&[all_key.clone(), own_key], true).await? {
            if Key::of(&item).as_ref() == Some(&all_key) {
                all = Some(read::<AllGate>(item)?);
            } else {
                own = Some(read::<CampaignGate>(item)?);
            }
        }
        Ok(all.zip(own).map(|(all, own)| GateReading {
            switches: Switches {
                enabled: all.enabled,
                running: all.running,
                campaign: status_of(own.status, own.scheduled),
            },
            campaign_version: own.ver,
            law_version: all.law,
        }))
    }

    /// The settings of everything; none before the first start.
    ///
    /// # Errors
    /// When they cannot be read.
    pub async fn settings(&self) -> Result<Option<Settings>, TableError> {
        self.get(&keys::settings(), true)
            .await?
            .map_or(Ok(None), |item| read(item).map(Some))
    }

    /// Writes the next version of the settings, all gate copies of everything, the activity and what else belongs to it,
    /// together. `false` when somebody changed the settings since they were read: two switches thrown at once must both
    /// hold.
    ///
    /// # Errors
    /// When the table cannot be reached; then nothing was changed.
    pub async fn change_settings(
        &self,
        settings: &Settings,
        seen: u64,
        activity: &Activity,
        also: Vec<Change>,
    ) -> Result<bool, TableError> {
        let mut changes = settings_changes(settings);
        changes[0] = changes[0].clone().value(":seen", seen).when("#version = :seen");
        changes.extend(also);
        changes.push(Change::put(keys::system_activity("all", &activity.id), activity));
        match self.transact(changes).await {
            Ok(()) => Ok(true),
            Err(error) if error.condition_at(0) || error.is_conflict() => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Keeps what somebody did to everything (`all`), or to a campaign.
    ///
    /// # Errors
    /// When the table cannot be reached.
    pub async fn put_system_activity(&self, of: &str, activity: &Activity) -> Result<(), TableError> {
        let change = Change::put(keys::system_activity(of, &activity.id), activity);
        self.write(change).await.map(|_| ())
    }

    /// One activity of a campaign, or of everything (`all`).
    ///
    /// # Errors
    /// When it cannot be read.
    pub async fn system_activity(&self, of: &str, id: &str) -> Result<Option<Activity>, TableError> {
        let found = self.get(&keys::system_activity(of, id), true).await?;
        found.map_or(Ok(None), |item| read(item).map(Some))
    }

    /// The newest activities of a campaign, or of everything (`all`), newest first.
    ///
    /// # Errors
    /// When they cannot be read.
    pub async fn system_activities(
        &self,
        of: &str,
        before: Option<&str>,
        limit: i32,
    ) -> Result<Vec<Activity>, TableError> {
        let partition = keys::system_activities(of);
        let upto = before.unwrap_or("~").to_owned();
        let query = Query {
            descending: true,
            ..Query::table(&partition, limit)
        }
        .range("#range < :upto", vec![(":upto", upto)]);
        self.query(&query, None).await?.items.into_iter().map(read).collect()
    }

    /// Writes the first settings. `false` when there are some.
    ///
    /// # Errors
    /// When the table cannot be reached.
    pub async fn init_settings(&self, settings: &Settings) -> Result<bool, TableError> {
        let mut changes = settings_changes(settings);
        changes[0] = changes[0].clone().when("attribute_not_exists(#pk)");
        match self.transact(changes).await {
            Ok(()) => Ok(true),
            Err(error) if error.condition_at(0) || error.is_conflict() => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// A campaign.
    ///
    /// # Errors
    /// When it cannot be read.
    pub async fn campaign(&self, id: &CampaignId) -> Result<Option<Campaign>, TableError> {
        self.get(&keys::campaign(id), true)
            .await?
            .map_or(Ok(None), |item| campaign_of(item).map(Some))
    }

    /// Campaigns by id, after a given one, at most `limit`.
    ///
    /// # Errors
    /// When they cannot be read.
    pub async fn campaigns(&self, after: Option<&str>, limit: usize) -> Result<Vec<Campaign>, TableError> {
        let from = after.map_or_else(|| "\u{1}".to_owned(), |id| format!("{id}\u{0}"));
        let limit = limit.min(CAMPAIGNS_MAX);
        let size = i32::try_from(limit).unwrap_or(i32::MAX);
        let query = Query::table(keys::CAMPAIGNS, size).range("#range >= :from", vec![(":from", from)]);
        let mut campaigns: Vec<Campaign> = Vec::new();
        let mut next = None;
        for _ in 0..PAGES_MAX {
            let page = self.query(&query, next).await?;
            for item in page.items {
                campaigns.push(campaign_of(item)?);
            }
            next = page.next;
            if next.is_none() || campaigns.len() >= limit {
                break;
            }
        }
        campaigns.truncate(limit);
        Ok(campaigns)
    }

    /// Writes a new campaign, its gate copies and the activity. `false` when the id is taken.
    ///
    /// # Errors
    /// When the table cannot be reached; then nothing was written.
    pub async fn create_campaign(&self, campaign: &Campaign, activity: &Activity) -> Result<bool, TableError> {
        let mut changes = campaign_changes(campaign);
        changes.push(Change::put(
            keys::system_activity(campaign.id.as_str(), &activity.id),
            activity,
        ));
        changes[0] = changes[0].clone().when("attribute_not_exists(#pk)");
        match self.transact(changes).await {
            Ok(()) => Ok(true),
            Err(error) if error.condition_at(0) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Writes a campaign's next version, its gate copies, the activity and what else belongs to it. `false` when somebody
    /// changed it since it was read.
    ///
    /// # Errors
    /// When the table cannot be reached; then nothing was written.
    pub async fn change_campaign(
        &self,
        campaign: &Campaign,
        seen: u64,
        activity: &Activity,
        also: Vec<Change>,
    ) -> Result<bool, TableError> {
        let mut changes = campaign_changes(campaign);
        changes.push(Change::put(
            keys::system_activity(campaign.id.as_str(), &activity.id),
            activity,
        ));
        changes[0] = changes[0].clone().value(":seen", seen).when("#version = :seen");
        changes.extend(also);
        match self.transact(changes).await {
            Ok(()) => Ok(true),
            Err(error) if error.condition_at(0) || error.is_conflict() => Ok(false),
            Err(error) => Err(error),
        }
    }
}

fn settings_changes(settings: &Settings) -> Vec<Change> {
    let gate = AllGate {
        enabled: settings.enabled,
        running: settings.running,
        law: settings.law_version,
    };
    let mut changes = vec![Change::put(keys::settings(), settings)];
    changes.extend((0..GATE_COPIES).map(|copy| Change::put(keys::gate_all(copy), &gate)));
    changes
}

fn campaign_changes(campaign: &Campaign) -> Vec<Change> {
    let is_scheduled = campaign.status == CampaignStatus::Scheduled;
    let status = if is_scheduled {
        CampaignStatus::Draft
    } else {
        campaign.status
    };
    let gate = CampaignGate {
        status,
        ver: campaign.version,
        scheduled: is_scheduled,
    };
    let stored = Campaign {
        status,
        ..campaign.clone()
    };
    let put = Change::put(keys::campaign(&campaign.id), &stored).with(SCHEDULED, AttributeValue::Bool(is_scheduled));
    let mut changes = vec![put];
    changes.extend((0..GATE_COPIES).map(|copy| Change::put(keys::gate(&campaign.id, copy), &gate)));
    changes
}

fn campaign_of(item: Item) -> Result<Campaign, TableError> {
    let scheduled = item.get(SCHEDULED).is_some_and(|value| value.as_bool() == Ok(&true));
    let mut campaign: Campaign = read(item)?;
    campaign.status = status_of(campaign.status, scheduled);
    Ok(campaign)
}

const fn status_of(stored: CampaignStatus, is_scheduled: bool) -> CampaignStatus {
    match stored {
        CampaignStatus::Draft if is_scheduled => CampaignStatus::Scheduled,
        status => status,
    }
}
