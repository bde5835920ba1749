//! `GET status`: the switches, and how many leads stand where.
//!
//! One key per state of Q5, summing to `total_records`. Up to ten thousand leads are counted as they are; for more a
//! count is kept for a minute and says its age, for counting a million reads 18,000 units.

use std::collections::{BTreeMap, HashMap};

use chrono::{DateTime, TimeDelta, Utc};
use redial_aws::App;
use redial_aws::accounts::Account;
use redial_aws::campaigns::CAMPAIGNS_MAX;
use redial_aws::keys;
use redial_aws::leads::phone_and_campaign;
use redial_aws::table::{Change, Key, TableError, read, text};
use redial_aws::web::{Answer, Problem};
use redial_domain::{Campaign, CampaignStatus, Lane, LeadState, Owner, Phone, Settings, iso};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::brake::abandoned_calls;
use crate::callback_figures::{self, LOOKED_MAX, Open};
use crate::request::{Caller, unavailable};

/// Leads of one campaign that are counted anew for each who looks.
const LIVE_MAX: u64 = 10_000;
/// How long a larger count is kept.
const KEPT: TimeDelta = TimeDelta::seconds(60);
/// Keys read at once: about a megabyte.
const PAGE: i32 = 5_000;
/// Pages of one line; ten million keys.
const PAGES_MAX: usize = 2_000;

/// Leads of a campaign by state.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Counts {
    states: BTreeMap<String, u64>,
    pub(crate) total: u64,
    ready: u64,
    pub(crate) as_of: i64,
    #[serde(default)]
    callbacks: Open,
}

/// Which claimed leads of a campaign are queued and which are dialing.
pub(crate) struct Claimed(HashMap<Phone, LeadState>);

impl Claimed {
    pub(crate) async fn of(app: &App, campaign: &Campaign) -> Result<Self, TableError> {
        let owner = Owner::from(&campaign.id);
        let mut states = HashMap::new();
        for shard in 0..campaign.shards {
            for slot in app.table.slots(&owner, shard).await? {
                states.extend(slot.tokens.into_keys().map(|phone| (phone, LeadState::Queued)));
            }
        }
        let wanted: Vec<Key> = states.keys().map(keys::ledger).collect();
        for item in app.table.batch_get(&wanted, false).await? {
            let Some(phone) =
                Key::of(&item).and_then(|key| Phone::try_from(key.pk.strip_prefix("PHONE#")?.to_owned()).ok())
            else {
                continue;
            };
            let ledger: redial_domain::Ledger = read(item)?;
            if ledger.inflight.is_some_and(|inflight| inflight.campaign == campaign.id) {
                states.insert(phone, LeadState::Dialing);
            }
        }
        Ok(Self(states))
    }

    /// The state as people see it.
    pub(crate) fn state(&self, phone: &Phone, stored: LeadState, at: DateTime<Utc>, now: DateTime<Utc>) -> LeadState {
        match (self.0.get(phone), stored) {
            (Some(claimed), stored) if stored.waits() => *claimed,
            (_, LeadState::DailyMaxReached) if at <= now => LeadState::Pending,
            (_, stored) => stored,
        }
    }
}

/// All lines of a campaign's queue: the waiting ones in the order in which they are served, then the resting ones.
pub(crate) fn lines(campaign: &Campaign) -> Vec<String> {
    let owner = Owner::from(&campaign.id);
    let shards = 0..campaign.shards;
    let waiting = Lane::ALL
        .into_iter()
        .flat_map(|lane| shards.clone().map(move |shard| (lane, shard)));
    let mut lines: Vec<String> = waiting
        .map(|(lane, shard)| keys::queue_line(&owner, lane, shard))
        .collect();
    lines.extend((0..campaign.shards).map(|shard| keys::queue_rest(&campaign.id, shard)));
    lines
}

pub(crate) async fn count(app: &App, campaign: &Campaign) -> Result<Counts, TableError> {
    let now = app.clock.now();
    let key = keys::counts(&campaign.id);
    if let Some(kept) = app.table.get(&key, false).await?.map(read::<Counts>).transpose()?
        && kept.total > LIVE_MAX
        && now.timestamp() - kept.as_of < KEPT.num_seconds()
    {
        return Ok(kept);
    }
    let claimed = Claimed::of(app, campaign).await?;
    let mut counts = Counts {
        as_of: now.timestamp(),
        ..Counts::default()
    };
    let promises: Vec<String> = (0..campaign.shards)
        .map(|shard| keys::queue_line(&Owner::from(&campaign.id), Lane::Promise, shard))
        .collect();
    let mut promised = Vec::new();
    for line in lines(campaign) {
        let is_promise = promises.contains(&line);
        let mut after: Option<String> = None;
        for _ in 0..PAGES_MAX {
            let page = app.table.queue_page(&line, after.as_deref(), "~", PAGE).await?;
            for item in &page.items {
                let place = text(item, "q_sk").and_then(keys::read_queue_range);
                let phone = Key::of(item).and_then(|key| phone_and_campaign(&key));
                let (Some((at, stored, _)), Some((phone, of))) = (place, phone) else {
                    continue;
                };
                let state = claimed.state(&phone, stored, at, now);
                if is_promise {
                    counts.callbacks.open += 1;
                    if state != LeadState::Dialing && promised.len() < LOOKED_MAX {
                        promised.push((phone, of));
                    }
                }
                *counts.states.entry(state.as_str().to_owned()).or_default() += 1;
                counts.total += 1;
                counts.ready += u64::from(matches!(state, LeadState::Pending | LeadState::Rescheduled) && at <= now);
            }
            match page.items.last().and_then(|item| text(item, "q_sk")) {
                Some(last) if page.next.is_some() => after = Some(last.to_owned()),
                _ => break,
            }
        }
    }
    counts.callbacks.look(app, campaign, &promised, now).await?;
    if counts.total > LIVE_MAX {
        app.table.write(Change::put(key, &counts)).await?;
    }
    Ok(counts)
}

/// Whether the campaign places calls at this moment.
pub(crate) fn is_open(campaign: &Campaign, settings: &Settings, now: DateTime<Utc>) -> bool {
    settings.enabled
        && settings.running
        && campaign.status_at(campaign.status, now) == CampaignStatus::Running
        && campaign.braked(now).is_none()
        && campaign.window.is_open(now, Campaign::CLOSING_MARGIN)
}

pub(crate) async fn status(caller: &Caller<'_>) -> Result<Answer, Problem> {
    let app = caller.app;
    let now = app.clock.now();
    let settings = app
        .table
        .settings()
        .await
        .map_err(|error| unavailable(&error))?
        .unwrap_or_default();
    let campaigns = app
        .table
        .campaigns(None, CAMPAIGNS_MAX)
        .await
        .map_err(|error| unavailable(&error))?;
    let mut total = Counts::default();
    let mut as_of = now;
    let mut openings = BTreeMap::new();
    let mut accounts = BTreeMap::new();
    let mut callbacks = BTreeMap::new();
    let mut abandoned = BTreeMap::new();
    // What was deleted is hidden with its leads; each of them can still be looked at.
    for campaign in campaigns.iter().filter(|campaign| !campaign.is_deleted()) {
        let provider = &campaign.voice.provider;
        if !accounts.contains_key(provider) {
            let account = app.table.account(provider).await.map_err(|error| unavailable(&error))?;
            accounts.insert(provider.clone(), shown(&account, now));
        }
        let counts = count(app, campaign).await.map_err(|error| unavailable(&error))?;
        let figures = callback_figures::shown(app, campaign, &counts.callbacks, now).await;
        callbacks.insert(campaign.id.to_string(), figures.map_err(|error| unavailable(&error))?);
        let calls = abandoned_calls(app, campaign, now).await;
        abandoned.insert(campaign.id.to_string(), calls.map_err(|error| unavailable(&error))?);
        for (state, n) in &counts.states {
            *total.states.entry(state.clone()).or_default() += n;
        }
        total.total += counts.total;
        total.ready += if is_open(campaign, &settings, now) {
            counts.ready
        } else {
            0
        };
        as_of = as_of.min(DateTime::from_timestamp(counts.as_of, 0).unwrap_or(now));
        openings.insert(
            campaign.id.to_string(),
            campaign.window.next_open(now, Campaign::CLOSING_MARGIN).map(iso),
        );
    }
    let at = |state: LeadState| total.states.get(state.as_str()).copied().unwrap_or_default();
    let mut stats = serde_json::Map::new();
    stats.insert("enabled".into(), settings.enabled.into());
    stats.insert("total_records".into(), total.total.into());
    for state in LeadState::ALL {
        stats.insert(state.as_str().into(), at(state).into());
    }
    stats.insert("ready_to_dial".into(), total.ready.into());
    stats.insert("current_month".into(), now.format("%Y-%m").to_string().into());
    stats.insert("as_of".into(), iso(as_of).into());
    let default = campaigns.iter().find(|campaign| campaign.id.as_str() == "default");
    let interval = match default {
        Some(campaign) => redial_interval(app, campaign).await?,
        None => Value::Null,
    };
    Ok(Answer::json(
        200,
        &json!({
            "success": true,
            "timestamp": iso(now),
            "status": {
                "running": settings.running,
                "enabled": settings.enabled,
                "is_processing": at(LeadState::Queued) + at(LeadState::Dialing) > 0,
                "interval_minutes": settings.process_interval_min,
                "redial_interval_minutes": interval,
                "max_attempts": default.and_then(|campaign| campaign.attempts_total_max),
                "next_opening": openings,
                "provider_accounts": accounts,
                "callbacks": callbacks,
                "abandoned_calls": abandoned,
            },
            "stats": stats,
        }),
    ))
}

/// How we stand with a provider: whether it takes calls, and whether it says what became of them.
fn shown(account: &Account, now: DateTime<Utc>) -> Value {
    let closed_until = account.closed_until.filter(|until| *until > now);
    json!({
        "closed_until": closed_until.map(iso),
        "closed_why": closed_until.and(account.closed_why.as_ref()),
        "silent_since": account.silent_since.map(iso),
        "silent_why": account.silent_why,
    })
}

/// The interval that holds when the ladder has been climbed.
async fn redial_interval(app: &App, campaign: &Campaign) -> Result<Value, Problem> {
    if let Some(last) = campaign.intervals_min.as_ref().and_then(|list| list.last()) {
        return Ok((*last).into());
    }
    let rules = app.rules.in_use(&app.table, &campaign.rule_set, app.clock.now()).await;
    Ok(rules
        .ok()
        .and_then(|rules| rules.spec().intervals_min.last().copied())
        .map_or(Value::Null, Into::into))
}
