//! Attempts that are over, in the order in which they began: of a campaign's day, with all that was reported about them.
//!
//! Reads only. The day's list is an index and may be some seconds old; attempts and payloads are read as they are.

use std::collections::HashMap;

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use redial_domain::{AttemptId, CampaignId, Phone};

use crate::attempts::{RAW_KEPT_DAYS, StoredAttempt, stored_attempt};
use crate::keys;
use crate::layout::{DAY_INDEX, EXPIRES_AT};
use crate::leads::phone_of;
use crate::table::{Item, Key, Query, Table, TableError};

/// Entries of a day read at once. An entry is about 300 bytes, and a page of an index holds a megabyte at most.
const DAY_PAGE: i32 = 2_000;
/// Payloads read at once: 25 of the largest are far below the 16 MB of one answer.
const PAYLOADS_MAX: usize = 25;

/// An attempt as it is kept, with the payload that rides along.
#[derive(Debug, Clone)]
pub struct PastAttempt {
    /// Whose it was.
    pub phone: Phone,
    /// The attempt.
    pub stored: StoredAttempt,
    /// The payload that finished it, compressed, if it was small enough.
    pub raw: Option<Vec<u8>>,
}

/// One payload of an attempt.
#[derive(Debug, Clone)]
pub struct Payload {
    /// Its delivery.
    pub delivery: String,
    /// When it was kept: the second it was applied in.
    pub kept_at: DateTime<Utc>,
    /// It, compressed.
    pub raw: Vec<u8>,
}

/// One page of a day.
#[derive(Debug, Clone)]
pub struct DayPage {
    /// Keys of the attempts, by the time they began at.
    pub keys: Vec<Key>,
    /// Where the next page begins.
    pub next: Option<Item>,
}

impl Table {
    /// One page of the attempts that began on a local day, of the leads of one shard.
    ///
    /// # Errors
    /// When it cannot be read.
    pub async fn day_page(
        &self,
        campaign: &CampaignId,
        date: NaiveDate,
        shard: u32,
        from: Option<Item>,
    ) -> Result<DayPage, TableError> {
        let line = keys::day(campaign, date, shard);
        let page = self.query(&Query::index(DAY_INDEX, &line, DAY_PAGE), from).await?;
        Ok(DayPage {
            keys: page.items.iter().filter_map(Key::of).collect(),
            next: page.next,
        })
    }

    /// Attempts in the order of their keys; those that are gone are left out.
    ///
    /// # Errors
    /// When they cannot be read.
    pub async fn past_attempts(&self, of: &[Key]) -> Result<Vec<PastAttempt>, TableError> {
        let mut found: HashMap<Key, Item> = self
            .batch_get(of, false)
            .await?
            .into_iter()
            .filter_map(|item| Some((Key::of(&item)?, item)))
            .collect();
        let in_order = of.iter().filter_map(|key| Some((phone_of(key)?, found.remove(key)?)));
        in_order.map(|(phone, item)| past_attempt(phone, item)).collect()
    }

    /// The payloads of deliveries; those that were never kept, or expired, are left out.
    ///
    /// # Errors
    /// When they cannot be read.
    pub async fn payloads(
        &self,
        of: &[(&Phone, &AttemptId, &str)],
    ) -> Result<HashMap<(AttemptId, String), Payload>, TableError> {
        let mut found = HashMap::new();
        for some in of.chunks(PAYLOADS_MAX) {
            let wanted: Vec<Key> = some
                .iter()
                .map(|(phone, attempt, delivery)| keys::raw(phone, attempt, delivery))
                .collect();
            for item in self.batch_get(&wanted, false).await? {
                if let Some((attempt, payload)) = payload(&item) {
                    found.insert((attempt, payload.delivery.clone()), payload);
                }
            }
        }
        Ok(found)
    }
}

/// The part of its shard that an attempt belongs to: that of its phone, so that all attempts of a lead are in one part.
/// Leads are in shards by the same hash, so the rest of the hash after the shard decides.
pub fn part_of(key: &Key, shards: u32, parts: u32) -> u32 {
    let shards = shards.max(1);
    phone_of(key).map_or(0, |phone| {
        phone.bucket(shards.saturating_mul(parts.max(1))) / shards % parts.max(1)
    })
}

fn past_attempt(phone: Phone, mut item: Item) -> Result<PastAttempt, TableError> {
    let raw = item.remove("raw").and_then(|raw| raw.as_b().ok().cloned());
    Ok(PastAttempt {
        phone,
        raw: raw.map(aws_sdk_dynamodb::primitives::Blob::into_inner),
        stored: stored_attempt(item)?,
    })
}

fn payload(item: &Item) -> Option<(AttemptId, Payload)> {
    let key = Key::of(item)?;
    let (attempt, delivery) = key.sk.strip_prefix("RAW#")?.split_once('#')?;
    let expires_at: i64 = item.get(EXPIRES_AT)?.as_n().ok()?.parse().ok()?;
    let payload = Payload {
        delivery: delivery.to_owned(),
        kept_at: DateTime::from_timestamp(expires_at, 0)? - TimeDelta::days(RAW_KEPT_DAYS),
        raw: item.get("raw")?.as_b().ok()?.as_ref().to_vec(),
    };
    Some((AttemptId::parse(attempt).ok()?, payload))
}

#[cfg(test)]
mod tests {
    use redial_domain::Region;

    use super::*;

    #[test]
    fn the_phones_of_one_shard_are_spread_over_its_parts() {
        let (shards, parts) = (4, 4);
        let phones = (0..4_000).filter_map(|n| Phone::parse(&format!("+1212555{n:04}"), Region::US).ok());
        let mut found = [0_u32; 4];
        for phone in phones.filter(|phone| phone.bucket(shards) == 3) {
            let key = Key::new(keys::collection(&phone), "ATTEMPT#x");
            found[part_of(&key, shards, parts) as usize] += 1;
        }
        assert!(found.iter().all(|n| *n > 150), "{found:?}");
    }
}
