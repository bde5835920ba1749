//! Slots: the claim and the concurrency limit in one.
//!
//! A few small items per owner and shard hold one token for each claimed lead; the number of tokens is the number of
//! calls at once. A claimed lead stays where it is in the queue; a token whose message was lost ends by itself, once a
//! consistent look at the ledger shows that no call came of it.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, TimeDelta, Utc};
use redial_domain::{AttemptId, Campaign, GAP_MS, InFlight, Owner, Phone, Source};
use serde::{Deserialize, Serialize};

use crate::account_shares::ShardShare;
use crate::keys;
use crate::table::{Change, Query, Table, TableError, read, text};

/// Tokens per item: twelve stay under 1,024 bytes, so a claim is one write unit.
pub const TOKENS_PER_ITEM: u32 = 12;

/// How long a claim lasts: the longest spread inside a minute, and time to be dialed.
pub const CLAIM: TimeDelta = TimeDelta::seconds(180);

/// Clocks of two machines differ by less. A dialer stops this long before a claim ends, a cleaner starts this long after.
pub const CLOCK_MARGIN: TimeDelta = TimeDelta::seconds(60);

/// Slot items of one shard: 1,000 calls at once are 84.
const ITEMS_MAX: i32 = 100;

/// A claimed lead's place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    /// The attempt that it is for.
    pub attempt: AttemptId,
    /// When the claim ends.
    pub claim_until: DateTime<Utc>,
}

impl Token {
    /// The attempt's token.
    pub fn stored(&self) -> String {
        format!("{}/{}", self.attempt, self.claim_until.timestamp())
    }

    /// Whether the claim is over, by any machine's clock. What is in flight keeps its token all the same.
    pub fn has_ended(&self, now: DateTime<Utc>) -> bool {
        self.claim_until + CLOCK_MARGIN < now
    }

    fn parse(stored: &str) -> Option<Self> {
        let (attempt, until) = stored.split_once('/')?;
        let claim_until = DateTime::from_timestamp(until.parse().ok()?, 0)?;
        Some(Self {
            attempt: AttemptId::parse(attempt).ok()?,
            claim_until,
        })
    }
}

/// Shard and item from a place as attempts note it, `<shard>/<n>`.
pub fn place(slot: &str) -> Option<(u32, u32)> {
    let (shard, n) = slot.split_once('/')?;
    Some((shard.parse().ok()?, n.parse().ok()?))
}

/// A slot item as it was read.
#[derive(Debug, Clone)]
pub struct SlotItem {
    /// Its number in the shard.
    pub n: u32,
    /// Tokens it may hold.
    pub max: u32,
    /// Tokens it holds, by phone.
    pub tokens: BTreeMap<Phone, Token>,
    /// It starts no call before this, in milliseconds: those that were claimed come first.
    paced_ms: i64,
    /// Calls that it may start in a minute; none is without limit.
    rate: Option<u32>,
    /// Of a shard's first item: in the minute of an account's sharing, and the number of its moments that are gone.
    account_minute: i64,
    moments_gone: u32,
    /// Until when a second look is already asked for.
    armed_until: i64,
}

#[derive(Deserialize)]
struct Stored {
    max: u32,
    #[serde(default)]
    t: BTreeMap<String, String>,
    #[serde(default)]
    paced_ms: i64,
    #[serde(default)]
    rate: Option<u32>,
    #[serde(default)]
    account_minute: i64,
    #[serde(default)]
    moments_gone: u32,
    #[serde(default)]
    armed_until: i64,
}

#[derive(Serialize)]
struct New {
    max: u32,
    t: BTreeMap<String, String>,
    rate: Option<u32>,
}

impl SlotItem {
    /// As calls start from it. Without a rate a single lead that was just added need not wait behind others
    /// (`is_spread` is false); everything else is spread.
    pub fn source(&self, share: Option<&ShardShare>, is_spread: bool) -> Source {
        let held = u32::try_from(self.tokens.len()).unwrap_or(u32::MAX);
        let lines = share
            .and_then(|share| share.lines_of(self.n))
            .unwrap_or(self.max)
            .min(self.max);
        let none = self.rate == Some(0);
        let gap_ms = self.rate.map_or(0, |rate| 60_000 / i64::from(rate.max(1)));
        Source {
            free: if none { 0 } else { lines.saturating_sub(held) },
            next_ms: if is_spread || self.rate.is_some() {
                self.paced_ms
            } else {
                0
            },
            gap_ms: if is_spread { gap_ms.max(GAP_MS) } else { gap_ms },
        }
    }

    /// How many of a minute's moments are gone, as far as this item knows: it must be its shard's first one.
    pub const fn moments_gone(&self, minute: i64) -> u32 {
        if self.account_minute == minute {
            self.moments_gone
        } else {
            0
        }
    }
}

/// What is claimed into one slot item together.
#[derive(Debug, Clone)]
pub struct Claim<'a> {
    /// Phones with their tokens, at most [`TOKENS_PER_ITEM`].
    pub tokens: &'a [(Phone, Token)],
    /// Tokens that the item may hold then: its own limit, or what the account leaves to it.
    pub most: u32,
    /// It starts no further call before this, in milliseconds.
    pub paced_ms: i64,
}

impl Table {
    /// Reads the slots of a shard, consistently.
    ///
    /// # Errors
    /// When they cannot be read.
    pub async fn slots(&self, owner: &Owner, shard: u32) -> Result<Vec<SlotItem>, TableError> {
        let partition = keys::slots(owner, shard);
        let query = Query {
            consistent: true,
            ..Query::table(&partition, ITEMS_MAX)
        };
        let page = self.query(&query, None).await?;
        page.items
            .into_iter()
            .map(|item| {
                let n = text(&item, crate::layout::SK)
                    .and_then(|sk| sk.trim_start_matches('#').parse().ok())
                    .unwrap_or(0);
                let stored: Stored = read(item)?;
                let tokens = stored
                    .t
                    .iter()
                    .filter_map(|(phone, token)| Some((Phone::try_from(phone.clone()).ok()?, Token::parse(token)?)))
                    .collect();
                Ok(SlotItem {
                    n,
                    max: stored.max,
                    tokens,
                    paced_ms: stored.paced_ms,
                    rate: stored.rate,
                    account_minute: stored.account_minute,
                    moments_gone: stored.moments_gone,
                    armed_until: stored.armed_until,
                })
            })
            .collect()
    }

    /// Claims leads into one slot item: all of them or none. `false` means that somebody else was faster; read again.
    ///
    /// # Errors
    /// When the table cannot be reached.
    pub async fn claim(
        &self,
        owner: &Owner,
        shard: u32,
        slot: &SlotItem,
        claim: &Claim<'_>,
    ) -> Result<bool, TableError> {
        let count = u32::try_from(claim.tokens.len()).unwrap_or(u32::MAX);
        let Some(room) = claim.most.min(slot.max).checked_sub(count) else {
            return Ok(false);
        };
        let mut conditions = vec![
            "attribute_exists(#pk)".to_owned(),
            "#max = :max".to_owned(),
            "size(#t) <= :room".to_owned(),
        ];
        let mut change = Change::update(keys::slot(owner, shard, slot.n), "")
            .value(":max", slot.max)
            .value(":room", room)
            .value(":paced", claim.paced_ms.max(slot.paced_ms));
        if slot.rate.is_some() {
            // The rate is exact because nobody else may have claimed since it was read.
            conditions.push("(#paced_ms = :seen OR (attribute_not_exists(#paced_ms) AND :seen = :zero))".to_owned());
            change = change.value(":seen", slot.paced_ms).value(":zero", 0);
        }
        for (n, (phone, token)) in claim.tokens.iter().enumerate() {
            change = change
                .and(&format!("SET #t.#p{n} = :tok{n}"))
                .name(&format!("#p{n}"), phone.as_str())
                .value(&format!(":tok{n}"), token.stored());
            conditions.push(format!("attribute_not_exists(#t.#p{n})"));
        }
        let change = change.and("SET #paced_ms = :paced");
        self.ignoring_condition(change.when(&conditions.join(" AND "))).await
    }

    /// Takes moments of an account's minute for a shard, up to a number of them. `false` means that somebody else took
    /// some since `first`, the shard's first item, was read.
    ///
    /// # Errors
    /// When the table cannot be reached.
    pub async fn take_moments(
        &self,
        owner: &Owner,
        shard: u32,
        first: &SlotItem,
        minute: i64,
        gone: u32,
    ) -> Result<bool, TableError> {
        let change = Change::update(
            keys::slot(owner, shard, first.n),
            "SET #account_minute = :minute, #moments_gone = :gone",
        )
        .value(":minute", minute)
        .value(":gone", gone);
        let change = if first.account_minute == minute {
            change
                .value(":seen", first.moments_gone)
                .when("attribute_exists(#pk) AND #account_minute = :minute AND #moments_gone = :seen")
        } else {
            change
                .when("attribute_exists(#pk) AND (attribute_not_exists(#account_minute) OR #account_minute < :minute)")
        };
        self.ignoring_condition(change).await
    }

    /// Frees an attempt's token. Does nothing when it is gone or another attempt's: freeing twice is safe.
    ///
    /// # Errors
    /// When the table cannot be reached; the token then ends by itself.
    pub async fn free_token(
        &self,
        owner: &Owner,
        shard: u32,
        n: u32,
        phone: &Phone,
        attempt: &AttemptId,
    ) -> Result<(), TableError> {
        let change = Change::update(keys::slot(owner, shard, n), "REMOVE #t.#p")
            .name("#p", phone.as_str())
            .value(":of", format!("{attempt}/"))
            .when("begins_with(#t.#p, :of)");
        self.ignoring_condition(change).await.map(|_| ())
    }

    /// Frees tokens that stand in one slot item, by one write if all of them do; as [`Table::free_token`].
    ///
    /// # Errors
    /// When the table cannot be reached; the tokens then end by themselves.
    pub async fn free_tokens(
        &self,
        owner: &Owner,
        shard: u32,
        n: u32,
        tokens: &[(Phone, AttemptId)],
    ) -> Result<(), TableError> {
        let phones: BTreeSet<&Phone> = tokens.iter().map(|(phone, _)| phone).collect();
        // One write names each place once.
        if tokens.len() > 1 && phones.len() == tokens.len() {
            let mut change = Change::update(keys::slot(owner, shard, n), "");
            let mut conditions = Vec::with_capacity(tokens.len());
            for (one, (phone, attempt)) in tokens.iter().enumerate() {
                change = change
                    .and(&format!("REMOVE #t.#p{one}"))
                    .name(&format!("#p{one}"), phone.as_str())
                    .value(&format!(":of{one}"), format!("{attempt}/"));
                conditions.push(format!("begins_with(#t.#p{one}, :of{one})"));
            }
            if self.ignoring_condition(change.when(&conditions.join(" AND "))).await? {
                return Ok(());
            }
        }
        // One of them is gone already.
        for (phone, attempt) in tokens {
            self.free_token(owner, shard, n, phone, attempt).await?;
        }
        Ok(())
    }

    /// Gives an attempt in flight its token back, should it have lost it: without one nobody would ask what became of
    /// it. `false` when another attempt stands there, which ends first.
    ///
    /// # Errors
    /// When the table cannot be reached.
    pub async fn restore_token(&self, phone: &Phone, inflight: &InFlight) -> Result<bool, TableError> {
        let token = Token {
            attempt: inflight.id.clone(),
            claim_until: inflight.lease_until,
        };
        // Where it was; and should there be no such item any more, the first one, which every owner has.
        for (shard, n) in place(&inflight.slot).into_iter().chain([(0, 0)]) {
            let change = Change::update(keys::slot(&inflight.owner, shard, n), "SET #t.#p = :tok")
                .name("#p", phone.as_str())
                .value(":tok", token.stored())
                .when("attribute_exists(#pk) AND attribute_not_exists(#t.#p)");
            match self.write(change).await {
                Ok(_) => return Ok(true),
                Err(TableError::Condition(None)) => {}
                Err(TableError::Condition(Some(_))) => return Ok(false),
                Err(error) => return Err(error),
            }
        }
        Ok(false)
    }

    /// Notes that a second look at a shard is asked for. `false` when one already is.
    ///
    /// # Errors
    /// When the table cannot be reached.
    pub async fn arm(
        &self,
        owner: &Owner,
        shard: u32,
        slot: &SlotItem,
        until: DateTime<Utc>,
        now: DateTime<Utc>,
    ) -> Result<bool, TableError> {
        if slot.armed_until > now.timestamp() {
            return Ok(false);
        }
        let change = Change::update(keys::slot(owner, shard, slot.n), "SET #armed_until = :until")
            .value(":until", until.timestamp())
            .value(":now", now.timestamp())
            .when("attribute_exists(#pk) AND (attribute_not_exists(#armed_until) OR #armed_until <= :now)");
        self.ignoring_condition(change).await
    }

    /// Makes the slot items of a campaign, or changes how many tokens and claims a minute they take. Tokens that are
    /// held stay: a lower limit takes effect as they end.
    ///
    /// # Errors
    /// When the table cannot be reached; doing it again finishes it.
    pub async fn configure_slots(&self, campaign: &Campaign) -> Result<(), TableError> {
        let owner = Owner::from(&campaign.id);
        for shard in 0..campaign.shards {
            let slots = campaign.slots_of_shard(shard);
            let items = slots.div_ceil(TOKENS_PER_ITEM);
            let before = self.slots(&owner, shard).await?;
            for n in 0..items.max(u32::try_from(before.len()).unwrap_or(0)) {
                let max = slots.saturating_sub(n * TOKENS_PER_ITEM).min(TOKENS_PER_ITEM);
                let rate = campaign.calls_per_minute_max.map(|rate| {
                    share_of(
                        rate,
                        slots_before(campaign, shard) + n * TOKENS_PER_ITEM,
                        max,
                        campaign.max_concurrent_calls,
                    )
                });
                let key = keys::slot(&owner, shard, n);
                let known = before.iter().find(|slot| slot.n == n);
                if known.is_some_and(|slot| slot.max == max && slot.rate == rate) {
                    continue;
                }
                if known.is_some() {
                    let change = Change::update(key, "SET #max = :max, #rate = :rate")
                        .value(":max", max)
                        .value(":rate", rate);
                    self.write(change).await?;
                } else {
                    let new = Change::put(
                        key,
                        &New {
                            max,
                            t: BTreeMap::new(),
                            rate,
                        },
                    )
                    .when("attribute_not_exists(#pk)");
                    self.ignoring_condition(new).await?;
                }
            }
        }
        Ok(())
    }
}

fn slots_before(campaign: &Campaign, shard: u32) -> u32 {
    (0..shard).map(|before| campaign.slots_of_shard(before)).sum()
}

/// The part of a rate that belongs to slots `from..from + count` of `all`: the parts of all slots sum to the rate.
fn share_of(rate: u32, from: u32, count: u32, all: u32) -> u32 {
    let upto = |slots: u32| u64::from(rate) * u64::from(slots) / u64::from(all.max(1));
    u32::try_from(upto(from + count) - upto(from)).unwrap_or(rate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rates_of_all_slot_items_sum_to_the_campaigns() {
        for (rate, all) in [(10, 30), (100, 30), (1, 30), (7, 13)] {
            let sum: u32 = (0..all)
                .step_by(12)
                .map(|from| share_of(rate, from, 12.min(all - from), all))
                .sum();
            assert_eq!(sum, rate, "{rate} a minute over {all} slots");
        }
    }

    #[test]
    fn a_token_reads_as_it_was_written() {
        let token = Token {
            attempt: AttemptId::parse("01J").unwrap(),
            claim_until: DateTime::from_timestamp(1_763_650_000, 0).unwrap(),
        };
        assert_eq!(Token::parse(&token.stored()), Some(token));
        assert_eq!(Token::parse("x"), None);
    }
}
