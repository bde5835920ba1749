//! Leads: add, find, move on, and the changes that people make.

use chrono::{DateTime, TimeDelta, Utc};
use redial_domain::{Actor, CampaignId, Lead, LeadId, LeadState, Ledger, Phone, Profile, StatusName};
use serde::{Deserialize, Serialize};

use crate::attempts::with_promises;
use crate::keys;
use crate::layout::{EXPIRES_AT, QUEUE_INDEX, REF_INDEX};
use crate::ledgers::{if_unchanged, ledger_of};
use crate::people::profile_changes;
use crate::table::{Change, Item, Key, Page, Query, Table, TableError, read, text, write};

/// Leads of one CRM id that are looked at: a CRM may hold one person in several lists; the first match wins (Q7).
const SAME_REF_MAX: i32 = 10;

/// A change that a person or a job made, kept with the phone.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Activity {
    /// Its id; sorts by time.
    pub id: String,
    /// When.
    #[serde(with = "chrono::serde::ts_milliseconds")]
    pub at: DateTime<Utc>,
    /// Which lead, if it is about one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lead: Option<LeadId>,
    /// Who.
    pub actor: Actor,
    /// What was done: `added`, `paused`, `resumed`, `removed`, …
    pub what: String,
    /// Why, or other words for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// The status that the lead had, if that was changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<StatusName>,
    /// The status that it has since then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<StatusName>,
}

impl Activity {
    /// Something that somebody did now.
    pub fn now(app: &crate::App, actor: &Actor, what: &str, why: Option<String>) -> Self {
        let at = app.clock.now();
        Self {
            id: app.ids.record(at),
            at,
            lead: None,
            actor: actor.clone(),
            what: what.to_owned(),
            why,
            from: None,
            to: None,
        }
    }

    /// About a lead.
    #[must_use]
    pub fn about(self, lead: &LeadId) -> Self {
        Self {
            lead: Some(lead.clone()),
            ..self
        }
    }
}

/// A lead and its phone's ledger, read together.
#[derive(Debug, Clone)]
pub struct LeadAndLedger {
    /// The lead.
    pub lead: Lead,
    /// Its phone.
    pub ledger: Ledger,
}

/// Attributes of a lead that may be absent: written away when they are.
const OPTIONAL: [&str; 14] = [
    "ans", "why", "next", "cb", "today", "refused", "last_a", "last_c", "last_at", "us", "zip", "tz", "ok", "reg",
];

/// A lead as an item, with its places in the indexes.
pub(crate) fn lead_change(lead: &Lead, expires_at: Option<DateTime<Utc>>) -> Result<Change, TableError> {
    let key = keys::lead(&lead.phone, &lead.campaign);
    let mut item = write(lead)?;
    let (q_pk, q_sk) = keys::queue_place(lead);
    let (b_pk, b_sk) = keys::board_place(lead);
    let places = [
        ("q_pk", q_pk),
        ("q_sk", q_sk),
        ("b_pk", b_pk),
        ("b_sk", b_sk),
        ("r_pk", keys::lead_ref(lead.id.as_str())),
    ];
    item.extend(places.map(|(name, value)| (name.to_owned(), aws_sdk_dynamodb::types::AttributeValue::S(value))));
    // Attribute by attribute, so that what a newer build stored beside them stays.
    let mut change = Change::update(key, "SET #sv = :sv").value(":sv", redial_domain::SCHEMA_VERSION);
    let mut names: Vec<_> = item.into_iter().collect();
    names.sort_by(|(a, _), (b, _)| a.cmp(b));
    let absent = |optional: &&str| !names.iter().any(|(name, _)| name == optional);
    let removed: Vec<&str> = OPTIONAL.into_iter().filter(absent).collect();
    for (name, value) in names {
        change = change
            .and(&format!("SET #{name} = :v_{name}"))
            .attribute(&format!(":v_{name}"), value);
    }
    for optional in removed {
        change = change.and(&format!("REMOVE #{optional}"));
    }
    Ok(match expires_at {
        Some(at) => change
            .and(&format!("SET #{EXPIRES_AT} = :expires"))
            .value(":expires", at.timestamp()),
        None => change.and(&format!("REMOVE #{EXPIRES_AT}")),
    })
}

/// When a lead may be deleted: never while it waits or needs a person.
pub fn expiry(lead: &Lead, retention_days: u32) -> Option<DateTime<Utc>> {
    matches!(
        lead.state,
        LeadState::Completed | LeadState::Removed | LeadState::MaxAttempts
    )
    .then(|| lead.updated_at + TimeDelta::days(i64::from(retention_days)))
}

/// The change of a lead from one version to the next, for a transaction.
pub(crate) fn lead_update(lead: &Lead, seen: u64, expires_at: Option<DateTime<Utc>>) -> Result<Change, TableError> {
    Ok(lead_change(lead, expires_at)?
        .value(":seen_version", seen)
        .when("#ver = :seen_version"))
}

pub(crate) fn lead_of(item: Item, now: DateTime<Utc>) -> Result<Option<Lead>, TableError> {
    let expired = item
        .get(EXPIRES_AT)
        .and_then(|value| value.as_n().ok())
        .and_then(|at| at.parse::<i64>().ok())
        .is_some_and(|at| at <= now.timestamp());
    // DynamoDB deletes expired items within days; until then they do not exist.
    if expired { Ok(None) } else { read(item).map(Some) }
}

impl Table {
    /// The lead of a phone in a campaign.
    ///
    /// # Errors
    /// When it cannot be read.
    pub async fn lead(
        &self,
        phone: &Phone,
        campaign: &CampaignId,
        now: DateTime<Utc>,
    ) -> Result<Option<Lead>, TableError> {
        self.get(&keys::lead(phone, campaign), true)
            .await?
            .map_or(Ok(None), |item| lead_of(item, now))
    }

    /// All leads of a phone, oldest campaign name first. A phone is in few campaigns.
    ///
    /// # Errors
    /// When they cannot be read.
    pub async fn leads_of(&self, phone: &Phone, now: DateTime<Utc>) -> Result<Vec<Lead>, TableError> {
        let partition = keys::collection(phone);
        let query = Query {
            consistent: true,
            ..Query::table(&partition, 100)
        }
        .range("begins_with(#range, :leads)", vec![(":leads", "LEAD#".to_owned())]);
        let page = self.query(&query, None).await?;
        let leads: Result<Vec<_>, _> = page.items.into_iter().map(|item| lead_of(item, now)).collect();
        Ok(leads?.into_iter().flatten().collect())
    }

    /// A lead by our id, or by a CRM's id of it.
    ///
    /// # Errors
    /// When the table cannot be reached.
    pub async fn find_lead(&self, id: &str, now: DateTime<Utc>) -> Result<Option<Lead>, TableError> {
        for reference in [keys::lead_ref(id), keys::crm_ref(id)] {
            let mut found = self
                .query(&Query::index(REF_INDEX, &reference, SAME_REF_MAX), None)
                .await?
                .items;
            found.sort_by(|a, b| text(a, "sk").cmp(&text(b, "sk")));
            for item in found {
                let Some(key) = Key::of(&item) else { continue };
                // A CRM's id stands on the profile; the lead is beside it.
                let key = Key::new(key.pk, key.sk.replacen("PROFILE#", "LEAD#", 1));
                if let Some(lead) = self
                    .get(&key, true)
                    .await?
                    .map_or(Ok(None), |item| lead_of(item, now))?
                {
                    return Ok(Some(lead));
                }
            }
        }
        Ok(None)
    }

    /// Adds a lead that is not there yet, with its person and the activities. `false` when it is there.
    ///
    /// # Errors
    /// When the table cannot be reached.
    pub async fn add_lead(
        &self,
        lead: &Lead,
        profile: &Profile,
        activities: &[Activity],
        retention_days: u32,
    ) -> Result<bool, TableError> {
        let now = lead.created_at;
        let new = lead_change(lead, expiry(lead, retention_days))?
            .value(":now", now.timestamp())
            // An expired lead that DynamoDB has not deleted yet does not exist.
            .when(&format!("attribute_not_exists(#pk) OR #{EXPIRES_AT} <= :now"));
        let mut changes = vec![new];
        changes.extend(profile_changes(&lead.phone, &lead.campaign, profile, None));
        changes.extend(activities.iter().map(|activity| activity_change(&lead.phone, activity)));
        match self.transact(changes).await {
            Ok(()) => Ok(true),
            Err(error) if error.condition_at(0) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Moves a waiting lead to another time, as the tick and the dialer do. `false` when somebody changed it since.
    ///
    /// # Errors
    /// When the table cannot be reached.
    pub async fn move_lead(&self, lead: &Lead, seen: u64, retention_days: u32) -> Result<bool, TableError> {
        self.ignoring_condition(lead_update(lead, seen, expiry(lead, retention_days))?)
            .await
    }

    /// Changes a lead as a person or job asked, and fences every dialer that has read the ledger before. `false` when
    /// somebody changed the lead since it was read.
    ///
    /// # Errors
    /// When the table cannot be reached.
    pub async fn change_lead(
        &self,
        lead: &Lead,
        seen: u64,
        activity: &Activity,
        retention_days: u32,
    ) -> Result<bool, TableError> {
        let mut fence = Change::update(keys::ledger(&lead.phone), "ADD #seq :one SET #sv = :sv")
            .value(":one", 1)
            .value(":sv", redial_domain::SCHEMA_VERSION);
        // Nobody is owed this callback any more: other campaigns need not leave room for it.
        let is_owed_no_more = lead.callback_at.is_some() && lead.open_promise().is_none();
        // Who takes consent back takes it from every campaign.
        let revoked_at = lead.consent.and_then(|own| own.revoked_at);
        if is_owed_no_more || revoked_at.is_some() {
            let ledger = self.ledger(&lead.phone).await?;
            let promises = ledger.promises_without(&lead.campaign).filter(|_| is_owed_no_more);
            let revoked_at = revoked_at.filter(|at| ledger.consent_revoked_at.is_none_or(|known| known < *at));
            if promises.is_some() || revoked_at.is_some() {
                fence = if_unchanged(fence, &ledger);
            }
            if let Some(promises) = promises {
                fence = with_promises(fence, &promises);
            }
            if let Some(at) = revoked_at {
                fence = fence
                    .and("SET #consent_revoked_at = :revoked_at")
                    .value(":revoked_at", at.timestamp());
            }
        }
        let changes = vec![
            lead_update(lead, seen, expiry(lead, retention_days))?,
            fence,
            activity_change(&lead.phone, activity),
        ];
        match self.transact(changes).await {
            Ok(()) => Ok(true),
            Err(error) if error.condition_at(0) || error.condition_at(1) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Leads with their ledgers, in the order of `keys`; those that are gone are left out.
    ///
    /// # Errors
    /// When they cannot be read.
    pub async fn leads_and_ledgers(
        &self,
        of: &[(Phone, CampaignId)],
        now: DateTime<Utc>,
    ) -> Result<Vec<LeadAndLedger>, TableError> {
        let mut wanted: Vec<Key> = of.iter().map(|(phone, campaign)| keys::lead(phone, campaign)).collect();
        wanted.extend(of.iter().map(|(phone, _)| keys::ledger(phone)));
        wanted.sort_by(|a, b| (&a.pk, &a.sk).cmp(&(&b.pk, &b.sk)));
        wanted.dedup();
        let mut found: std::collections::HashMap<Key, Item> = self
            .batch_get(&wanted, false)
            .await?
            .into_iter()
            .filter_map(|item| Some((Key::of(&item)?, item)))
            .collect();
        let mut both = Vec::with_capacity(of.len());
        for (phone, campaign) in of {
            let Some(item) = found.remove(&keys::lead(phone, campaign)) else {
                continue;
            };
            let Some(lead) = lead_of(item, now)? else { continue };
            // One phone may be here twice, for two campaigns; its ledger is one.
            let ledger = ledger_of(found.get(&keys::ledger(phone)).cloned())?;
            both.push(LeadAndLedger { lead, ledger });
        }
        Ok(both)
    }

    /// Profiles by phone, for lists that people read.
    ///
    /// # Errors
    /// When they cannot be read.
    pub async fn profiles(
        &self,
        of: &[(Phone, CampaignId)],
    ) -> Result<std::collections::HashMap<(Phone, CampaignId), Profile>, TableError> {
        let wanted: Vec<Key> = of
            .iter()
            .map(|(phone, campaign)| keys::profile(phone, campaign))
            .collect();
        let mut profiles = std::collections::HashMap::new();
        for item in self.batch_get(&wanted, false).await? {
            if let Some(owner) = Key::of(&item).and_then(|key| phone_and_campaign(&key)) {
                profiles.insert(owner, read(item)?);
            }
        }
        Ok(profiles)
    }

    /// One page of a line of the queue: keys only, by time. `after` is the range key of the last one seen.
    ///
    /// # Errors
    /// When it cannot be read.
    pub async fn queue_page(
        &self,
        line: &str,
        after: Option<&str>,
        upto: &str,
        limit: i32,
    ) -> Result<Page, TableError> {
        let from = after.map_or_else(|| "0".to_owned(), |last| format!("{last}\u{0}"));
        let query = Query::index(QUEUE_INDEX, line, limit).range(
            "#range BETWEEN :from AND :upto",
            vec![(":from", from), (":upto", upto.to_owned())],
        );
        self.query(&query, None).await
    }

    /// The newest records of a phone of one sort (`ATTEMPT#`, `ACTIVITY#`), newest first, before a given id.
    ///
    /// # Errors
    /// When they cannot be read.
    pub async fn history(
        &self,
        phone: &Phone,
        sort: &str,
        before: Option<&str>,
        limit: i32,
    ) -> Result<Vec<Item>, TableError> {
        let partition = keys::collection(phone);
        let upto = before.map_or_else(|| format!("{sort}~"), |id| format!("{sort}{id}"));
        let query = Query {
            descending: true,
            ..Query::table(&partition, limit)
        }
        .range(
            "#range BETWEEN :from AND :upto",
            vec![(":from", sort.to_owned()), (":upto", upto)],
        );
        let mut items = self.query(&query, None).await?.items;
        if let Some(id) = before {
            items.retain(|item| text(item, "sk").is_some_and(|sk| sk != format!("{sort}{id}")));
        }
        Ok(items)
    }
}

pub(crate) fn activity_change(phone: &Phone, activity: &Activity) -> Change {
    Change::put(keys::activity(phone, &activity.id), activity)
}

/// Whose item a key under `PHONE#` is.
pub fn phone_and_campaign(key: &Key) -> Option<(Phone, CampaignId)> {
    let (_, campaign) = key.sk.split_once('#')?;
    Some((phone_of(key)?, CampaignId::parse(campaign).ok()?))
}

/// The phone of a key under `PHONE#`.
pub(crate) fn phone_of(key: &Key) -> Option<Phone> {
    Phone::try_from(key.pk.strip_prefix("PHONE#")?.to_owned()).ok()
}
