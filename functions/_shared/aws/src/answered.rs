//! How many calls of a campaign people answered, and how many of those were abandoned, by local day (H10).
//!
//! A day is counted from its attempts, never by a counter, so a report that comes twice counts once and a later one
//! corrects it. What was counted is one small item a day; it never expires, because a caller has to be able to show it.

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate, Utc};
use redial_domain::{AnsweredCalls, Campaign, CampaignId, Disposition, Outcome, abandoned_since};
use serde::{Deserialize, Serialize};

use crate::keys;
use crate::layout::DAY_INDEX;
use crate::table::{Change, Item, Query, Table, TableError, read, text};

/// Entries of a day read at once. An entry is about 300 bytes, and a page of an index holds a megabyte at most.
const PAGE: i32 = 2_000;
/// Pages of one part of a day: a million calls, more than all lines of a campaign can place in a day.
const PAGES_MAX: usize = 500;
/// Days are an item each, and at most 30 are asked for.
const DAYS_PAGE: i32 = 100;

/// One local day as it was counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct CountedDay {
    /// The day.
    pub date: NaiveDate,
    /// Its calls.
    #[serde(flatten)]
    pub calls: AnsweredCalls,
    /// When they were counted.
    #[serde(with = "chrono::serde::ts_seconds")]
    pub counted_at: DateTime<Utc>,
}

impl Table {
    /// The days that are counted together with today, as far as they were counted.
    ///
    /// # Errors
    /// When they cannot be read.
    pub async fn answered_days(
        &self,
        campaign: &CampaignId,
        today: NaiveDate,
    ) -> Result<BTreeMap<NaiveDate, CountedDay>, TableError> {
        let partition = keys::answered_days(campaign);
        let query = Query::table(&partition, DAYS_PAGE).range(
            "#range BETWEEN :from AND :to",
            vec![
                (":from", abandoned_since(today).to_string()),
                (":to", today.to_string()),
            ],
        );
        let page = self.query(&query, None).await?;
        let days = page.items.into_iter().map(|item| {
            let day: CountedDay = read(item)?;
            Ok((day.date, day))
        });
        days.collect()
    }

    /// Counts a local day of a campaign anew, and keeps the count.
    ///
    /// # Errors
    /// When the attempts cannot be read, or the count cannot be written.
    pub async fn count_answered(
        &self,
        campaign: &Campaign,
        date: NaiveDate,
        now: DateTime<Utc>,
    ) -> Result<CountedDay, TableError> {
        let mut calls = AnsweredCalls::default();
        for shard in 0..campaign.shards {
            let partition = keys::day(&campaign.id, date, shard);
            let query = Query::index(DAY_INDEX, &partition, PAGE);
            let mut next = None;
            for _ in 0..PAGES_MAX {
                let page = self.query(&query, next).await?;
                for item in &page.items {
                    calls += counted(item);
                }
                next = page.next;
                if next.is_none() {
                    break;
                }
            }
        }
        let day = CountedDay {
            date,
            calls,
            counted_at: now,
        };
        self.write(Change::put(keys::answered_day(&campaign.id, date), &day))
            .await?;
        Ok(day)
    }
}

fn counted(attempt: &Item) -> AnsweredCalls {
    let is = |name: &str, word: &str| text(attempt, name) == Some(word);
    let answered = is("outcome", Outcome::Answered.as_str());
    AnsweredCalls {
        answered: u64::from(answered),
        abandoned: u64::from(answered && is("disposition", Disposition::Abandoned.as_str())),
    }
}
