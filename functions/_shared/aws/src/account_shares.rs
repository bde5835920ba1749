//! One minute's sharing of a provider's account among its campaigns.
//!
//! Data flow: limits of the account → who has lines, who has due leads → [`redial_domain::grant_lines`] and
//! [`redial_domain::share`] → one item for the minute, written once, on the condition that nobody wrote a later one →
//! every claim of that minute keeps to it, by conditions on its own campaign's slot items.
//!
//! Why it holds without a shared counter: a minute is shared once, so the parts of all campaigns sum to the limits;
//! a campaign's lines are tokens in its slot items, whose size is the condition of every claim; the moments of its calls
//! are handed out by a number in its first slot item. Who was granted lines in the minute before may still be taking
//! them, and is counted with all of them. An invocation lives for thirty seconds, so nobody acts on an older minute. What a
//! dead invocation held ends as tokens do; moments that it took are lost for that minute.
//!
//! Cost, only while an account has limits: one write and about four reads for each campaign a minute; one read of the
//! item for each look. No partition is written more than once a minute.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use futures::future::try_join_all;
use redial_domain::{
    CALL_MIN_MAX, Campaign, CampaignStatus, Claimant, Lane, Lines, LinesOf, Owner, grant_lines, moments, share,
};
use serde::{Deserialize, Serialize};

use crate::accounts::Account;
use crate::app::App;
use crate::campaigns::CAMPAIGNS_MAX;
use crate::keys;
use crate::leads::phone_and_campaign;
use crate::slots::SlotItem;
use crate::table::{Change, Key, TableError, read};

/// The row of moments of a minute begins this long after it, in seconds: ticks start at the full minute, and look around
/// first. So no moment is lost to that.
const ROW_AFTER_S: i64 = 2;
/// Due keys that are read of one line of the queue to see how much a campaign wants; about twenty read units.
const DUE_LOOKED_MAX: u32 = 1_000;
/// Campaigns that are looked at side by side.
const AT_ONCE: usize = 16;
/// A line turns over at most this often in a minute: unanswered calls ring for twenty seconds.
const TURNS_PER_MIN: u32 = 3;

/// What one shard of a campaign may do in a minute.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Part {
    /// Lines that each slot item may have taken, by its number; none without a limit.
    #[serde(default, rename = "g", skip_serializing_if = "Option::is_none")]
    lines: Option<Vec<u32>>,
    /// Calls that it may start; none without a limit.
    #[serde(default, rename = "r", skip_serializing_if = "Option::is_none")]
    calls: Option<u32>,
}

/// One minute of an account.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountMinute {
    /// Minutes since 1970.
    minute: i64,
    /// Calls of the minute; none without a limit.
    #[serde(default)]
    per_minute: Option<u32>,
    /// By `<campaign>#<shard>`; the order is that of the moments.
    parts: BTreeMap<String, Part>,
}

/// What a claim of one shard must keep to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShardShare {
    /// The minute that it is for.
    pub minute: i64,
    lines: Option<Vec<u32>>,
    moments: Option<Vec<DateTime<Utc>>>,
}

/// What a campaign may do in a minute, for people.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Shown {
    /// Lines.
    pub calls_at_once: Option<u32>,
    /// Calls that it may start.
    pub calls_this_minute: Option<u32>,
}

impl ShardShare {
    /// Lines that a slot item may have taken.
    pub fn lines_of(&self, item: u32) -> Option<u32> {
        let lines = self.lines.as_ref()?;
        Some(lines.get(item as usize).copied().unwrap_or(0))
    }

    /// When it may start calls; none when at any time.
    pub fn moments(&self) -> Option<&[DateTime<Utc>]> {
        self.moments.as_deref()
    }
}

/// The minute of an instant.
pub const fn minute_of(now: DateTime<Utc>) -> i64 {
    now.timestamp().div_euclid(60)
}

fn part_key(campaign: &redial_domain::CampaignId, shard: u32) -> String {
    format!("{campaign}#{shard}")
}

impl AccountMinute {
    fn of_shard(&self, campaign: &Campaign, shard: u32) -> ShardShare {
        let key = part_key(&campaign.id, shard);
        // Whoever began to run within the minute waits for the next one.
        let none = Part {
            lines: Some(Vec::new()),
            calls: self.per_minute.map(|_| 0),
        };
        let part = self.parts.get(&key).unwrap_or(&none);
        let row = self.per_minute.map(|rate| {
            let calls: Vec<u32> = self.parts.values().map(|part| part.calls.unwrap_or(0)).collect();
            let begins = DateTime::from_timestamp(self.minute * 60 + ROW_AFTER_S, 0).unwrap_or_default();
            let index = self.parts.keys().position(|one| *one == key);
            let mut row = moments(rate, &calls);
            let own = index.map(|index| row.swap_remove(index)).unwrap_or_default();
            own.into_iter()
                .map(|ms| begins + TimeDelta::milliseconds(i64::from(ms)))
                .collect()
        });
        ShardShare {
            minute: self.minute,
            lines: part.lines.clone(),
            moments: row,
        }
    }

    /// When the minute began.
    pub fn at(&self) -> DateTime<Utc> {
        DateTime::from_timestamp(self.minute * 60, 0).unwrap_or_default()
    }

    /// Parts by campaign.
    pub fn shown(&self) -> BTreeMap<String, Shown> {
        let mut shown: BTreeMap<String, Shown> = BTreeMap::new();
        for (key, part) in &self.parts {
            let campaign = key.rsplit_once('#').map_or(key.as_str(), |(campaign, _)| campaign);
            let one = shown.entry(campaign.to_owned()).or_default();
            let plus = |sum: Option<u32>, more: Option<u32>| more.map(|more| sum.unwrap_or(0) + more).or(sum);
            one.calls_at_once = plus(one.calls_at_once, part.lines.as_ref().map(|lines| lines.iter().sum()));
            one.calls_this_minute = plus(one.calls_this_minute, part.calls);
        }
        shown
    }
}

/// A campaign as the sharing sees it.
struct Seen {
    campaign: Campaign,
    is_open: bool,
    /// Slot items of each shard, and due leads there that are not claimed.
    shards: Vec<(Vec<SlotItem>, u32)>,
}

impl App {
    /// What a shard must keep to in this minute; none when the account has no limits. Whoever comes first in a minute
    /// shares it.
    ///
    /// # Errors
    /// When the table cannot be reached; then nothing may be claimed.
    pub async fn shard_share(
        &self,
        account: &Account,
        campaign: &Campaign,
        shard: u32,
        now: DateTime<Utc>,
    ) -> Result<Option<ShardShare>, TableError> {
        let minute = self.account_minute(account, &campaign.voice.provider, now).await?;
        Ok(minute.map(|minute| minute.of_shard(campaign, shard)))
    }

    /// What a shard must keep to, if this minute is shared already: for functions that do not read the queue.
    ///
    /// # Errors
    /// When the table cannot be reached.
    pub async fn known_shard_share(
        &self,
        campaign: &Campaign,
        shard: u32,
        now: DateTime<Utc>,
    ) -> Result<Known, TableError> {
        let provider = &campaign.voice.provider;
        if !self.table.account(provider).await?.has_limits() {
            return Ok(Known::NoLimits);
        }
        let known = self.table.account_minute(provider).await?;
        Ok(match known.filter(|known| known.minute >= minute_of(now)) {
            Some(known) => Known::Share(known.of_shard(campaign, shard)),
            None => Known::NotYet,
        })
    }

    /// The sharing of this minute; none when the account has no limits.
    ///
    /// # Errors
    /// When the table cannot be reached.
    pub async fn account_minute(
        &self,
        account: &Account,
        provider: &str,
        now: DateTime<Utc>,
    ) -> Result<Option<AccountMinute>, TableError> {
        if !account.has_limits() {
            return Ok(None);
        }
        let minute = minute_of(now);
        let before = self.table.account_minute(provider).await?;
        if let Some(known) = before.as_ref().filter(|known| known.minute >= minute) {
            return Ok(Some(known.clone()));
        }
        let before = before.filter(|before| before.minute + 1 == minute).unwrap_or_default();
        let next = self.share_minute(account, provider, &before, now).await?;
        let change = Change::put(keys::account_minute(provider), &next)
            .value(":minute", minute)
            .when("attribute_not_exists(#pk) OR #minute < :minute");
        if self.table.ignoring_condition(change).await? {
            return Ok(Some(next));
        }
        // Somebody was faster: there is one sharing of a minute.
        let theirs = self.table.account_minute(provider).await?;
        Ok(Some(theirs.filter(|theirs| theirs.minute >= minute).unwrap_or_else(
            || AccountMinute {
                minute,
                per_minute: Some(0),
                parts: BTreeMap::new(),
            },
        )))
    }

    async fn share_minute(
        &self,
        account: &Account,
        provider: &str,
        before: &AccountMinute,
        now: DateTime<Utc>,
    ) -> Result<AccountMinute, TableError> {
        // A call that was placed before a campaign ended may last for hours; after that it holds nothing.
        let may_hold = now - TimeDelta::minutes(i64::from(CALL_MIN_MAX) + 30);
        let campaigns: Vec<Campaign> = self
            .table
            .campaigns(None, CAMPAIGNS_MAX)
            .await?
            .into_iter()
            .filter(|campaign| campaign.voice.provider == provider)
            .filter(|campaign| campaign.status == CampaignStatus::Running || campaign.updated_at > may_hold)
            .collect();
        let mut seen = Vec::with_capacity(campaigns.len());
        for some in campaigns.chunks(AT_ONCE) {
            seen.extend(try_join_all(some.iter().map(|campaign| self.see(campaign, now))).await?);
        }
        Ok(share_among(account, &seen, before, minute_of(now)))
    }

    async fn see(&self, campaign: &Campaign, now: DateTime<Utc>) -> Result<Seen, TableError> {
        let owner = Owner::from(&campaign.id);
        let is_open = campaign.status_at(campaign.status, now) == CampaignStatus::Running
            && campaign.window.is_open(now, Campaign::CLOSING_MARGIN);
        let mut shards = Vec::new();
        for shard in 0..campaign.shards {
            let slots = self.table.slots(&owner, shard).await?;
            let mut due = 0;
            if is_open {
                let lines: u32 = slots.iter().map(|slot| slot.max).sum();
                // What it can start in this minute, and what it has claimed already, which stands in the queue as well.
                let enough = (lines * (TURNS_PER_MIN + 1)).clamp(1, DUE_LOOKED_MAX);
                let upto = format!("{}~", keys::time(now));
                for lane in Lane::ALL {
                    let line = keys::queue_line(&owner, lane, shard);
                    let limit = i32::try_from(enough).unwrap_or(i32::MAX);
                    let page = self.table.queue_page(&line, None, &upto, limit).await?;
                    let waiting = page
                        .items
                        .iter()
                        .filter_map(|item| phone_and_campaign(&Key::of(item)?))
                        .filter(|(phone, _)| !slots.iter().any(|slot| slot.tokens.contains_key(phone)))
                        .count();
                    due += u32::try_from(waiting).unwrap_or(0);
                    if due >= enough {
                        break;
                    }
                }
            }
            shards.push((slots, due));
        }
        Ok(Seen {
            campaign: campaign.clone(),
            is_open,
            shards,
        })
    }
}

/// Whether this minute's sharing is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Known {
    /// The account has no limits.
    NoLimits,
    /// Nobody shared this minute yet; the next tick does.
    NotYet,
    /// What the shard must keep to.
    Share(ShardShare),
}

impl crate::table::Table {
    /// The newest sharing of a provider's account.
    ///
    /// # Errors
    /// When it cannot be read.
    pub async fn account_minute(&self, provider: &str) -> Result<Option<AccountMinute>, TableError> {
        self.get(&keys::account_minute(provider), true)
            .await?
            .map_or(Ok(None), |item| read(item).map(Some))
    }
}

fn share_among(account: &Account, seen: &[Seen], before: &AccountMinute, minute: i64) -> AccountMinute {
    let turn = u64::try_from(minute).unwrap_or(0);
    let granted = |campaign: &Campaign, shard: u32, n: u32| {
        let part = before.parts.get(&part_key(&campaign.id, shard));
        let lines = part.and_then(|part| part.lines.as_ref());
        lines.and_then(|lines| lines.get(n as usize)).copied().unwrap_or(0)
    };
    let shards = |one: &Seen| u32::try_from(one.shards.len()).unwrap_or(0);
    let lines_of: Vec<LinesOf> = seen
        .iter()
        .map(|one| LinesOf {
            priority: one.campaign.priority,
            due: one.shards.iter().map(|(_, due)| due).sum(),
            is_open: one.is_open,
            items: (0..shards(one))
                .zip(&one.shards)
                .flat_map(|(shard, (slots, due))| {
                    slots.iter().map(move |slot| Lines {
                        max: slot.max,
                        held: u32::try_from(slot.tokens.len()).unwrap_or(u32::MAX),
                        granted: granted(&one.campaign, shard, slot.n),
                        is_wanted: *due > 0,
                    })
                })
                .collect(),
        })
        .collect();
    let lines = account
        .calls_at_once_max
        .map(|limit| grant_lines(limit, &lines_of, turn));
    let claimants: Vec<Claimant> = lines_of
        .iter()
        .enumerate()
        .map(|(n, one)| {
            let own: u32 = match &lines {
                Some(granted) => granted[n].iter().sum(),
                None => one.items.iter().map(|item| item.max).sum(),
            };
            let taken: u32 = one.items.iter().map(|item| item.held).sum();
            let upto = seen[n].campaign.calls_per_minute_max.unwrap_or(u32::MAX);
            let most = if one.is_open {
                own.saturating_mul(TURNS_PER_MIN).min(upto)
            } else {
                0
            };
            // Lines that are free now, and one turn of each: a call with a talk lasts about a minute.
            let soon = own.saturating_add(own.saturating_sub(taken));
            Claimant {
                priority: one.priority,
                wants: if one.is_open { one.due.min(soon).min(most) } else { 0 },
                most,
            }
        })
        .collect();
    let calls = account.calls_per_minute_max.map(|limit| share(limit, &claimants, turn));
    let mut parts = BTreeMap::new();
    for (n, one) in seen.iter().enumerate() {
        let weights: Vec<Claimant> = one
            .shards
            .iter()
            .map(|(_, due)| Claimant {
                priority: one.campaign.priority,
                wants: *due,
                most: u32::MAX,
            })
            .collect();
        let of_shards = calls.as_ref().map(|calls| share(calls[n], &weights, turn));
        let mut own_lines = lines.as_ref().map(|lines| lines[n].iter().copied());
        for (shard, (slots, _)) in (0..).zip(&one.shards) {
            let lines = own_lines.as_mut().map(|own| {
                // By number, so that a gap in the items shifts nobody's.
                let last = slots.iter().map(|slot| slot.n as usize + 1).max().unwrap_or(0);
                let mut by_number = vec![0; last];
                for slot in slots {
                    by_number[slot.n as usize] = own.next().unwrap_or(0);
                }
                by_number
            });
            let part = Part {
                lines,
                calls: of_shards.as_ref().map(|calls| calls[shard as usize]),
            };
            parts.insert(part_key(&one.campaign.id, shard), part);
        }
    }
    AccountMinute {
        minute,
        per_minute: account.calls_per_minute_max,
        parts,
    }
}
