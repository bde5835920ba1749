//! A new lead: kept, and when the gate is open claimed at once, so that it is called within seconds (Q0).
//!
//! Data flow: source → is it there already? → gate → lead, person and activity in one transaction → token → dial queue.
//! A crash after the transaction leaves a lead that is due; the next tick claims it.

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use redial_domain::law::{Doubt, Law, Places, Told, says_nothing};
use redial_domain::{
    Actor, Campaign, CampaignId, CampaignStatus, ClosedReason, Consent, Gate, GateInput, Lane, Lead, LeadId, LeadState,
    Ledger, Owner, Phone, Profile, Switches, WaitReason, gate, look_again, without_numbers,
};
use redial_rules::RuleSet;

use crate::account_shares::Known;
use crate::app::App;
use crate::claim::{ClaimError, Room, claim};
use crate::leads::Activity;
use crate::rulebook::RuleBookError;
use crate::table::TableError;

/// Rounds against others who change the same lead at the same time.
const ROUNDS_MAX: usize = 4;

/// A lead from outside.
#[derive(Debug, Clone)]
pub struct Intake {
    /// The phone to call.
    pub phone: Phone,
    /// The person.
    pub profile: Profile,
    /// A state of the US, or whatever was told in its place.
    pub state_code: Option<String>,
    /// ZIP or postal code.
    pub postal_code: Option<String>,
    /// The person's zone.
    pub zone: Option<Tz>,
    /// What the person agreed to, and the words for the lead's history: source and proof.
    pub consent: Option<(Consent, String)>,
    /// When its phone was looked for in the do-not-call registry.
    pub registry_checked_at: Option<DateTime<Utc>>,
}

impl Intake {
    fn told_places(&self) -> Told<'_> {
        Told {
            zone: self.zone,
            state: self.state_code.as_deref(),
            postal_code: self.postal_code.as_deref(),
        }
    }
}

/// What became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TakenIn {
    /// The lead.
    pub lead: LeadId,
    /// Whether it is new; else only the person's data were completed.
    pub created: bool,
    /// Its state.
    pub state: LeadState,
    /// When it is called next.
    pub next_at: Option<DateTime<Utc>>,
    /// Why not at once.
    pub reason: Option<String>,
    /// Whether its call is on the way.
    pub claimed: bool,
    /// What its source told of where it is, and nobody understood or is called there.
    pub doubts: Vec<Doubt>,
}

/// Why it was not taken in.
#[derive(Debug, thiserror::Error)]
pub enum IntakeError {
    /// No such campaign.
    #[error("failed to add the lead: there is no campaign `{}`", without_numbers(.0.as_str()))]
    NoCampaign(CampaignId),
    /// The campaign takes no leads this way.
    #[error("failed to add the lead: campaign `{campaign}` {why}")]
    NotTaken {
        /// The campaign.
        campaign: CampaignId,
        /// Why not.
        why: &'static str,
    },
    /// The table.
    #[error(transparent)]
    Table(#[from] TableError),
    /// The rules of the campaign.
    #[error(transparent)]
    Rules(#[from] RuleBookError),
}

/// Takes a lead in.
///
/// # Errors
/// When the campaign does not take it, or the table cannot be reached; then nothing was added.
pub async fn take_in(app: &App, id: &CampaignId, intake: Intake, actor: Actor) -> Result<TakenIn, IntakeError> {
    let reading = app.table.switches(id, &intake.phone).await?;
    let campaign = app.campaign(id, reading.map_or(0, |r| r.campaign_version)).await?;
    let (Some(reading), Some(campaign)) = (reading, campaign) else {
        return Err(IntakeError::NoCampaign(id.clone()));
    };
    let mut intake = intake;
    for told in [&mut intake.state_code, &mut intake.postal_code] {
        told.take_if(|text| says_nothing(text));
    }
    let not_taken = |why| {
        Err(IntakeError::NotTaken {
            campaign: id.clone(),
            why,
        })
    };
    match campaign.status_at(campaign.status, app.clock.now()) {
        CampaignStatus::Completed | CampaignStatus::Cancelled => return not_taken("has ended; name another one"),
        _ if !campaign.open_intake => return not_taken("takes no leads by API or CRM; set its `open_intake` to true"),
        _ => {}
    }
    let now = app.clock.now();
    if let Some(known) = app.table.lead(&intake.phone, id, now).await? {
        return complete(app, &campaign, known, intake, &actor).await;
    }
    let ledger = app.table.ledger(&intake.phone).await?;
    let law = app.law(reading.law_version).await?;
    let rules = app.rules.in_use(&app.table, &campaign.rule_set, now).await?;
    let around = Around {
        campaign: &campaign,
        rules: &rules,
        law: &law,
        switches: reading.switches,
    };
    let (lead, opened) = around.newcomer(app, &intake, &ledger, now);
    let mut activities = vec![Activity::now(app, &actor, "added", intake.profile.source.clone()).about(&lead.id)];
    activities.extend(consent_activity(app, &actor, &intake, &lead.id));
    let retention_days = app.table.settings().await?.unwrap_or_default().retention_days;
    if !app
        .table
        .add_lead(&lead, &intake.profile, &activities, retention_days)
        .await?
    {
        let Some(known) = app.table.lead(&intake.phone, id, now).await? else {
            return Err(TableError::Unavailable("the lead was added and deleted meanwhile".to_owned()).into());
        };
        return complete(app, &campaign, known, intake, &actor).await;
    }
    app.metrics.count("lead.added");
    let claimed = opened == Gate::Open && claim_now(app, &campaign, &lead).await;
    Ok(TakenIn {
        doubts: doubts(&lead.phone, lead.told_places()),
        lead: lead.id,
        created: true,
        state: lead.state,
        next_at: lead.next_at,
        reason: lead.reason,
        claimed,
    })
}

/// What every new lead of a campaign has around it.
pub(crate) struct Around<'a> {
    pub(crate) campaign: &'a Campaign,
    pub(crate) rules: &'a RuleSet,
    pub(crate) law: &'a Law,
    pub(crate) switches: Switches,
}

impl Around<'_> {
    /// A new lead in its place in the queue, and what the gate said. One truth for one lead and for a file of them.
    pub(crate) fn newcomer(&self, app: &App, intake: &Intake, ledger: &Ledger, now: DateTime<Utc>) -> (Lead, Gate) {
        let mut lead = new_lead(app, self.campaign, self.rules, intake, now);
        let input = GateInput {
            lead: &lead,
            ledger,
            campaign: self.campaign,
            law: self.law,
            switches: self.switches,
            account_closed_until: None,
            now,
        };
        let opened = gate(&input);
        match &opened {
            Gate::Open => {}
            Gate::Wait { reason, until } => {
                lead.next_at = Some(if is_a_switch(reason) {
                    when_switched_on(&input, *until)
                } else {
                    *until
                });
                lead.reason = Some(reason.code().to_owned());
                if matches!(reason, WaitReason::DailyCap { .. }) {
                    lead.state = LeadState::DailyMaxReached;
                }
            }
            Gate::Closed { reason } => {
                lead.next_at = None;
                lead.state = reason.state();
                lead.reason = Some(reason.code().to_owned());
            }
        }
        (lead, opened)
    }
}

const fn is_a_switch(reason: &WaitReason) -> bool {
    reason.is_an_operators() && !matches!(reason, WaitReason::Banned { .. })
}

/// While a switch is off the tick claims nobody, so a lead may stand in the queue at the time that is its own, and goes
/// on as soon as the switch is on.
fn when_switched_on(input: &GateInput<'_>, otherwise: DateTime<Utc>) -> DateTime<Utc> {
    let on = GateInput {
        switches: Switches::ON,
        ..*input
    };
    match gate(&on) {
        Gate::Open => input.lead.next_at.unwrap_or(otherwise),
        Gate::Wait { until, .. } => until,
        Gate::Closed { .. } => otherwise,
    }
}

/// The same lead again: what is new about the person is added. What is new about where it is, or what it agreed to,
/// may close a gate or open one; the place in the queue changes only where the gate had set it.
async fn complete(
    app: &App,
    campaign: &Campaign,
    known: Lead,
    intake: Intake,
    actor: &Actor,
) -> Result<TakenIn, IntakeError> {
    let mut known = known;
    for _ in 0..ROUNDS_MAX {
        match complete_lead(app, campaign, &known, &intake, actor).await? {
            Some(lead) => {
                known = lead;
                break;
            }
            // Somebody else wrote it meanwhile.
            None => match app.table.lead(&known.phone, &known.campaign, app.clock.now()).await? {
                Some(lead) => known = lead,
                None => break,
            },
        }
    }
    let mut is_written = false;
    for _ in 0..ROUNDS_MAX {
        let seen = app.table.profile_to_change(&known.phone, &known.campaign).await?;
        let profile = completed(seen.profile.clone(), &intake.profile);
        if profile == seen.profile
            || app
                .table
                .change_profile(&known.phone, &known.campaign, &seen, &profile, &[])
                .await?
        {
            is_written = true;
            break;
        }
    }
    if !is_written {
        return Err(TableError::Unavailable("others kept changing the person".to_owned()).into());
    }
    app.metrics.count("lead.known_already");
    let stands = TakenIn {
        doubts: doubts(&known.phone, known.told_places()),
        lead: known.id.clone(),
        created: false,
        state: known.shown_state(app.clock.now()),
        next_at: known.next_at,
        reason: known.reason.clone(),
        claimed: false,
    };
    // A mark closes leads at their next look, and one whose line is taken later still. The answer is about now.
    let Some(since) = app.table.ledger(&known.phone).await?.dnc_at else {
        return Ok(stands);
    };
    let marked = ClosedReason::DoNotCall { since };
    Ok(TakenIn {
        state: if known.state == LeadState::Removed {
            known.state
        } else {
            marked.state()
        },
        next_at: None,
        reason: Some(marked.code().to_owned()),
        ..stands
    })
}

/// A person with what was not known of them.
fn completed(mut profile: Profile, new: &Profile) -> Profile {
    let take = |known: &mut Option<String>, new: &Option<String>| {
        if known.is_none() {
            known.clone_from(new);
        }
    };
    take(&mut profile.first_name, &new.first_name);
    take(&mut profile.last_name, &new.last_name);
    take(&mut profile.email, &new.email);
    take(&mut profile.city, &new.city);
    take(&mut profile.crm_id, &new.crm_id);
    take(&mut profile.crm_list_id, &new.crm_list_id);
    for tag in &new.tags {
        if !profile.tags.contains(tag) {
            profile.tags.push(tag.clone());
        }
    }
    for (name, value) in &new.custom {
        profile.custom.entry(name.clone()).or_insert_with(|| value.clone());
    }
    profile
}

/// The lead with what its source says now. `None`: somebody changed it meanwhile.
async fn complete_lead(
    app: &App,
    campaign: &Campaign,
    known: &Lead,
    intake: &Intake,
    actor: &Actor,
) -> Result<Option<Lead>, IntakeError> {
    let given = intake.consent.as_ref().map(|(consent, _)| *consent);
    // A consent that was taken back comes back only by a newer one.
    let newer = given.filter(|given| {
        let last = known.consent.map(|own| own.revoked_at.unwrap_or(own.given_at));
        last.is_none_or(|last| given.given_at > last)
    });
    let before = doubts(&known.phone, known.told_places());
    let now = doubts(&known.phone, intake.told_places());
    let with = Lead {
        state_code: told_last(
            "state",
            &before,
            &now,
            known.state_code.as_ref(),
            intake.state_code.as_ref(),
        ),
        postal_code: told_last(
            "postal_code",
            &before,
            &now,
            known.postal_code.as_ref(),
            intake.postal_code.as_ref(),
        ),
        zone: told_last("timezone", &before, &now, known.zone.as_ref(), intake.zone.as_ref()),
        consent: newer.or(known.consent),
        registry_checked_at: known.registry_checked_at.max(intake.registry_checked_at),
        ..known.clone()
    };
    if with == *known {
        return Ok(Some(with));
    }
    let activity = consent_activity(app, actor, intake, &known.id)
        .filter(|_| newer.is_some())
        .unwrap_or_else(|| Activity::now(app, actor, "completed", intake.profile.source.clone()).about(&known.id));
    Ok(learn(app, campaign, known, with, &activity).await?)
}

fn doubts(phone: &Phone, told: Told<'_>) -> Vec<Doubt> {
    Places::of(phone, told).doubts
}

/// What holds of a place that was told before and is told now: what was told first, unless nobody understood it, or what
/// is told now is where nobody is called.
fn told_last<T: Clone>(field: &str, before: &[Doubt], now: &[Doubt], known: Option<&T>, new: Option<&T>) -> Option<T> {
    let of = |doubts: &[Doubt]| doubts.iter().find(|doubt| doubt.field == field).cloned();
    let was_unread = of(before).is_some_and(|doubt| doubt.no_record.is_none());
    let is_closed_now = of(now).is_some_and(|doubt| doubt.no_record.is_some());
    let (first, second) = if was_unread || is_closed_now {
        (new, known)
    } else {
        (known, new)
    };
    first.or(second).cloned()
}

/// Writes what became known about a lead, and its new time where only the gate had kept it. `None`: somebody changed it
/// since it was read.
///
/// # Errors
/// When the table cannot be reached; then nothing was changed.
pub async fn learn(
    app: &App,
    campaign: &Campaign,
    before: &Lead,
    with: Lead,
    activity: &Activity,
) -> Result<Option<Lead>, TableError> {
    let now = app.clock.now();
    let ledger = app.table.ledger(&before.phone).await?;
    let Some(reading) = app.table.switches(&campaign.id, &before.phone).await? else {
        return Ok(None);
    };
    let law = app.law(reading.law_version).await?;
    let again = look_again(&GateInput {
        lead: &with,
        ledger: &ledger,
        campaign,
        law: &law,
        switches: reading.switches,
        account_closed_until: None,
        now,
    });
    let after = Lead {
        version: before.version + 1,
        updated_at: now,
        ..again.unwrap_or(with)
    };
    let days = app.table.settings().await?.unwrap_or_default().retention_days;
    // It moves the ledger: a dialer that decided by what was known before must not call.
    let written = app.table.change_lead(&after, before.version, activity, days).await?;
    Ok(written.then_some(after))
}

/// Source and proof of a consent, for the lead's history.
fn consent_activity(app: &App, actor: &Actor, intake: &Intake, lead: &LeadId) -> Option<Activity> {
    let (_, words) = intake.consent.as_ref()?;
    Some(Activity::now(app, actor, "consent_recorded", Some(words.clone())).about(lead))
}

fn new_lead(app: &App, campaign: &Campaign, rules: &RuleSet, intake: &Intake, now: DateTime<Utc>) -> Lead {
    Lead {
        id: app.ids.lead(now),
        phone: intake.phone.clone(),
        campaign: campaign.id.clone(),
        list: match redial_domain::ListId::parse(campaign.id.as_str()) {
            Ok(list) => list,
            Err(error) => unreachable!("a campaign's id is a list's id: {error}"),
        },
        version: 1,
        status: rules.default_status().name.clone(),
        status_at: now,
        state: LeadState::Pending,
        reason: None,
        next_at: DateTime::from_timestamp(now.timestamp(), 0),
        callback_at: None,
        owner: Owner::from(&campaign.id),
        lane: Lane::Fresh,
        shard: intake.phone.bucket(campaign.shards),
        attempts: 0,
        answered: 0,
        today: None,
        refusals: 0,
        outcomes: Vec::new(),
        last_attempt: None,
        last_call_id: None,
        last_call_at: None,
        state_code: intake.state_code.clone(),
        postal_code: intake.postal_code.clone(),
        zone: intake.zone,
        consent: intake.consent.as_ref().map(|(consent, _)| *consent),
        registry_checked_at: intake.registry_checked_at,
        created_at: now,
        updated_at: now,
    }
}

/// Claims a fresh lead, unless no slot is free, or the provider's account leaves no call for it in this minute; then the
/// tick does it in its turn.
pub async fn claim_now(app: &App, campaign: &Campaign, lead: &Lead) -> bool {
    let claimed: Result<usize, ClaimError> = async {
        let share = match app.known_shard_share(campaign, lead.shard, app.clock.now()).await? {
            Known::NoLimits => None,
            Known::NotYet => return Ok(0),
            Known::Share(share) => Some(share),
        };
        let room = Room {
            slots: app.table.slots(&Owner::from(&campaign.id), lead.shard).await?,
            share,
            is_spread: false,
        };
        claim(app, campaign, lead.shard, std::slice::from_ref(lead), room).await
    }
    .await;
    match claimed {
        Ok(n) => n == 1,
        Err(error) => {
            tracing::warn!(lead.id = %lead.id, "claim of a new lead: {error}; the next tick claims it");
            false
        }
    }
}
