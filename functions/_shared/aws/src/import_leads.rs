//! Leads of an import in the table: what is known of their phones, many written together, and deleted again.
//!
//! Data flow: phones → all leads and the ledger of each, by one query → new leads with their persons, 25 in a transaction
//! that is made only while the job is open; one that others hindered is done again lead by lead. A lead's person names
//! import and row, so whoever repeats a step knows its own leads: nothing is written or counted twice.
//!
//! A lead is deleted with its person in one transaction that fences every dialer that has read it.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use chrono::{DateTime, Utc};
use futures::{StreamExt, TryStreamExt, stream};
use redial_domain::import::ImportedBy;
use redial_domain::law::Law;
use redial_domain::{Campaign, CampaignId, Lead, Ledger, Phone, Profile, Switches};
use redial_rules::RuleSet;

use crate::App;
use crate::intake::{Around, Intake};
use crate::jobs::Job;
use crate::keys;
use crate::leads::{Activity, activity_change, expiry, lead_change, lead_of, phone_and_campaign};
use crate::ledgers::{if_unchanged, ledger_of};
use crate::people::{further_words, profile_changes};
use crate::table::{Change, Key, Query, Table, TableError, read};

/// Leads that are written in one transaction, with up to three items each: as many phones as a list of marks has, because
/// all have to be done again when somebody else writes one of them.
pub const WRITTEN_TOGETHER_MAX: usize = 25;
/// Leads that are deleted in one transaction, with four items each and the job: DynamoDB takes a hundred.
pub const DELETED_TOGETHER_MAX: usize = 24;
/// DynamoDB takes this many writes in one transaction.
const TRANSACTION_MAX: usize = 100;
/// Queries at once: a page of a hundred phones takes as long as seven of them.
const QUERIES_AT_ONCE_MAX: usize = 16;
/// Leads of one phone that are read: a phone is in few campaigns.
const LEADS_OF_PHONE_MAX: i32 = 100;
/// Rounds against others who write the same phone, and against a table that is throttled: two seconds at most.
const ROUNDS_MAX: u32 = 6;
/// The pause before the second round; each further one is twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(60);

/// What is known of a phone.
#[derive(Debug, Clone, Default)]
pub struct KnownPhone {
    /// Its leads, in any campaign.
    pub leads: Vec<Lead>,
    /// Its ledger.
    pub ledger: Ledger,
}

/// A lead that is to be written.
#[derive(Debug, Clone)]
pub struct NewLead {
    /// The lead in its place in the queue.
    pub lead: Lead,
    /// The person.
    pub profile: Profile,
    /// What the person agreed to, for the lead's history.
    pub activity: Option<Activity>,
}

/// What became of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Added {
    /// It is there, by this row of this import.
    Ours,
    /// It is there, by another row of this import.
    ByOtherRow,
    /// It was there before, or somebody else added it meanwhile.
    ByOthers,
    /// Somebody ended the job.
    JobIsOver,
}

/// What every new lead of an import has around it, as it is in one step.
#[derive(Debug)]
pub struct Newcomers<'a> {
    /// The job.
    pub job: &'a Job,
    /// The campaign.
    pub campaign: &'a Campaign,
    /// Its rules.
    pub rules: &'a RuleSet,
    /// The law.
    pub law: &'a Law,
    /// The switches.
    pub switches: Switches,
    /// Days that a finished lead is kept.
    pub retention_days: u32,
}

/// An activity of a row has the import's id and the row's number, so that a repetition writes the same and an undo finds it.
fn activity_id(import: &str, row: u64) -> String {
    format!("{import}-{row}")
}

impl Newcomers<'_> {
    /// A row as a lead.
    pub fn lead(&self, app: &App, intake: Intake, ledger: &Ledger, now: DateTime<Utc>) -> NewLead {
        let around = Around {
            campaign: self.campaign,
            rules: self.rules,
            law: self.law,
            switches: self.switches,
        };
        let (lead, _) = around.newcomer(app, &intake, ledger, now);
        let row = intake.profile.imported_by.as_ref().map_or(0, |by| by.row);
        let activity = intake.consent.map(|(_, words)| Activity {
            id: activity_id(&self.job.id, row),
            ..Activity::now(app, &self.job.actor, "consent_recorded", Some(words)).about(&lead.id)
        });
        NewLead {
            lead,
            profile: intake.profile,
            activity,
        }
    }

    /// Writes leads, at most [`WRITTEN_TOGETHER_MAX`] of different phones. In their order.
    ///
    /// # Errors
    /// When the table cannot be reached; whoever does it again finds what was written.
    pub async fn write(&self, app: &App, leads: &[NewLead]) -> Result<Vec<Added>, TableError> {
        let mut changes = vec![self.job.goes_on()];
        for new in leads {
            changes.extend(self.changes(new)?);
        }
        // Names of many words have items of their own.
        if changes.len() <= TRANSACTION_MAX {
            match app.table.transact(changes).await {
                Ok(()) => return Ok(vec![Added::Ours; leads.len()]),
                Err(error) if error.condition_at(0) => return Ok(vec![Added::JobIsOver; leads.len()]),
                Err(error) => tracing::debug!("leads of an import are written one by one: {error}"),
            }
        }
        let mut added = Vec::with_capacity(leads.len());
        for new in leads {
            added.push(self.write_one(app, new).await?);
        }
        Ok(added)
    }

    async fn write_one(&self, app: &App, new: &NewLead) -> Result<Added, TableError> {
        let mut last = TableError::Throttled;
        for round in 0..ROUNDS_MAX {
            if round > 0 {
                tokio::time::sleep(FIRST_PAUSE * (1 << (round - 1))).await;
            }
            let changes: Vec<Change> = std::iter::once(self.job.goes_on()).chain(self.changes(new)?).collect();
            match app.table.transact(changes).await {
                Ok(()) => return Ok(Added::Ours),
                Err(error) if error.condition_at(0) => return Ok(Added::JobIsOver),
                Err(error) if error.condition_at(1) => {
                    let of = [(new.lead.phone.clone(), new.lead.campaign.clone())];
                    let by = app.table.imported_by(&of).await?;
                    return Ok(whose(by.get(&new.lead.phone), new.profile.imported_by.as_ref()));
                }
                Err(error @ TableError::Corrupt(_)) => return Err(error),
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    fn changes(&self, new: &NewLead) -> Result<Vec<Change>, TableError> {
        let lead = &new.lead;
        let put = lead_change(lead, expiry(lead, self.retention_days))?
            .value(":now", lead.created_at.timestamp())
            // An expired lead that DynamoDB has not deleted yet does not exist.
            .when(&format!(
                "attribute_not_exists(#pk) OR #{} <= :now",
                crate::layout::EXPIRES_AT
            ));
        let mut changes = vec![put];
        changes.extend(profile_changes(&lead.phone, &lead.campaign, &new.profile, None));
        changes.extend(
            new.activity
                .iter()
                .map(|activity| activity_change(&lead.phone, activity)),
        );
        Ok(changes)
    }
}

/// Whose a lead is, by what its person names.
pub fn whose(found: Option<&ImportedBy>, row: Option<&ImportedBy>) -> Added {
    match (found, row) {
        (Some(found), Some(row)) if found == row => Added::Ours,
        (Some(found), Some(row)) if found.import == row.import => Added::ByOtherRow,
        _ => Added::ByOthers,
    }
}

/// A lead of an import as it stands, before it is deleted.
#[derive(Debug, Clone)]
pub struct Standing {
    /// The lead.
    pub lead: Lead,
    /// The person.
    pub profile: Profile,
    /// The ledger of its phone.
    pub ledger: Ledger,
    /// The row that wrote it.
    pub row: u64,
}

/// Deletes leads as they were read, at most [`DELETED_TOGETHER_MAX`], and counts them in the job. Says of each whether it is
/// gone; nothing when somebody ended the job.
///
/// # Errors
/// When the table cannot be reached; whoever does it again finds what is left.
pub async fn delete_together(
    app: &App,
    job: &Job,
    import: &str,
    leads: &[Standing],
) -> Result<Option<Vec<bool>>, TableError> {
    let mut changes = vec![job.counts_removed(leads.len())];
    changes.extend(leads.iter().flat_map(|standing| deletion(import, standing)));
    if changes.len() <= TRANSACTION_MAX {
        match app.table.transact(changes).await {
            Ok(()) => return Ok(Some(vec![true; leads.len()])),
            Err(error) if error.condition_at(0) => return Ok(None),
            // It may be done: whoever looks again finds nobody.
            Err(error @ (TableError::Unavailable(_) | TableError::Throttled)) => return Err(error),
            Err(error) => tracing::debug!("leads of an import are deleted one by one: {error}"),
        }
    }
    let mut gone = Vec::with_capacity(leads.len());
    for standing in leads {
        let changes = std::iter::once(job.counts_removed(1))
            .chain(deletion(import, standing))
            .collect();
        match app.table.transact(changes).await {
            Ok(()) => gone.push(true),
            Err(error) if error.condition_at(0) => return Ok(None),
            Err(TableError::Canceled(_)) => gone.push(false),
            Err(error) => return Err(error),
        }
    }
    Ok(Some(gone))
}

fn deletion(import: &str, standing: &Standing) -> Vec<Change> {
    let Standing {
        lead,
        ledger,
        row,
        profile,
    } = standing;
    let (phone, campaign) = (&lead.phone, &lead.campaign);
    let fence = Change::update(keys::ledger(phone), "ADD #seq :one SET #sv = :sv")
        .value(":one", 1)
        .value(":sv", redial_domain::SCHEMA_VERSION);
    let mut changes = vec![
        Change::delete(keys::lead(phone, campaign))
            .value(":ver", lead.version)
            .when("#ver = :ver"),
        // A dialer that has read the lead must not call. So the fence stands also for a phone that had no ledger.
        if_unchanged(fence, ledger),
        Change::delete(keys::profile(phone, campaign)),
        Change::delete(keys::activity(phone, &activity_id(import, *row))),
    ];
    changes.extend(further_words(phone, campaign, profile).map(Change::delete));
    changes
}

impl Table {
    /// All leads and the ledger of phones, consistently. One query for each: both stand side by side.
    ///
    /// # Errors
    /// When they cannot be read.
    pub async fn known_phones(
        &self,
        phones: &[Phone],
        now: DateTime<Utc>,
    ) -> Result<HashMap<Phone, KnownPhone>, TableError> {
        let queries = phones.iter().cloned().map(|phone| self.known_phone(phone, now));
        stream::iter(queries)
            .buffer_unordered(QUERIES_AT_ONCE_MAX)
            .try_collect()
            .await
    }

    async fn known_phone(&self, phone: Phone, now: DateTime<Utc>) -> Result<(Phone, KnownPhone), TableError> {
        let partition = keys::collection(&phone);
        let ledger = keys::ledger(&phone);
        let query = Query {
            consistent: true,
            ..Query::table(&partition, LEADS_OF_PHONE_MAX)
        }
        .range(
            "#range BETWEEN :leads AND :ledger",
            vec![(":leads", "LEAD#".to_owned()), (":ledger", ledger.sk.clone())],
        );
        let mut known = KnownPhone::default();
        let mut from = None;
        loop {
            let page = self.query(&query, from).await?;
            for item in page.items {
                if Key::of(&item).as_ref() == Some(&ledger) {
                    known.ledger = ledger_of(Some(item))?;
                } else {
                    known.leads.extend(lead_of(item, now)?);
                }
            }
            from = page.next;
            if from.is_none() {
                return Ok((phone, known));
            }
        }
    }

    /// Which row of which import wrote leads, by phone; those that none did are left out.
    ///
    /// # Errors
    /// When they cannot be read.
    pub async fn imported_by(&self, of: &[(Phone, CampaignId)]) -> Result<HashMap<Phone, ImportedBy>, TableError> {
        let wanted: Vec<Key> = of
            .iter()
            .map(|(phone, campaign)| keys::profile(phone, campaign))
            .collect();
        let mut by = HashMap::new();
        for item in self.batch_get(&wanted, true).await? {
            let Some((phone, _)) = Key::of(&item).and_then(|key| phone_and_campaign(&key)) else {
                continue;
            };
            let profile: Profile = read(item)?;
            by.extend(profile.imported_by.map(|by| (phone, by)));
        }
        Ok(by)
    }

    /// Leads with their persons and ledgers, those that are there, by phone.
    ///
    /// # Errors
    /// When they cannot be read.
    pub async fn standing(
        &self,
        phones: &[Phone],
        campaign: &CampaignId,
        now: DateTime<Utc>,
    ) -> Result<BTreeMap<Phone, Standing>, TableError> {
        let keys_of = |phone: &Phone| {
            [
                keys::lead(phone, campaign),
                keys::profile(phone, campaign),
                keys::ledger(phone),
            ]
        };
        let wanted: Vec<Key> = phones.iter().flat_map(keys_of).collect();
        let items = self.batch_get(&wanted, true).await?;
        let mut found: HashMap<Key, _> = items
            .into_iter()
            .filter_map(|item| Some((Key::of(&item)?, item)))
            .collect();
        let mut standing = BTreeMap::new();
        for phone in phones {
            let [lead, profile, ledger] = keys_of(phone).map(|key| found.remove(&key));
            let (Some(lead), Some(profile)) = (lead, profile) else {
                continue;
            };
            let Some(lead) = lead_of(lead, now)? else { continue };
            let profile: Profile = read(profile)?;
            let row = profile.imported_by.as_ref().map_or(0, |by| by.row);
            let ledger = ledger_of(ledger)?;
            standing.insert(
                phone.clone(),
                Standing {
                    lead,
                    profile,
                    ledger,
                    row,
                },
            );
        }
        Ok(standing)
    }
}
