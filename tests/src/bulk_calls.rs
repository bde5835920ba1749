//! Fills the table with past calls by the hundred thousand: copies of what one lead went through, each for a lead of its
//! own, whole weeks earlier.
//!
//! Copies what the system wrote, and changes only who and when.

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use redial_aws::{keys, table::Query};
use redial_domain::{CampaignId, Phone};
use serde_json::{Map, Value, json};

use crate::{
    TestApp,
    bulk::{attempt, import, json_of, lead_id, phone},
};

/// Calls of one lead that are copied: more than a day has.
const CALLS_MAX: i32 = 64;
/// Numbers of attempts that belong to one lead.
const ATTEMPTS_OF_A_LEAD: u64 = 100;

type Json = Map<String, Value>;

/// One lead's past calls, with what was reported about them.
#[derive(Debug)]
pub struct PastCalls {
    campaign: CampaignId,
    shards: u32,
    attempts: Vec<Json>,
    payloads: Vec<Json>,
}

impl PastCalls {
    /// The calls of a phone.
    ///
    /// # Panics
    /// When they cannot be read.
    pub async fn read(app: &TestApp, campaign: &CampaignId, shards: u32, of: &Phone) -> Self {
        let table = app.instance().table;
        let read = async |sort: &str| {
            let partition = keys::collection(of);
            let query = Query::table(&partition, CALLS_MAX)
                .range("begins_with(#range, :sort)", vec![(":sort", sort.to_owned())]);
            let page = table
                .query(&query, None)
                .await
                .unwrap_or_else(|error| panic!("{error}"));
            let items = page.items.into_iter().map(|item| {
                let item = item.iter().map(|(name, value)| (name.clone(), json_of(value)));
                item.collect::<Json>()
            });
            items.collect()
        };
        Self {
            campaign: campaign.clone(),
            shards,
            attempts: read("ATTEMPT#").await,
            payloads: read("RAW#").await,
        }
    }

    /// How many calls one copy has.
    pub fn calls(&self) -> usize {
        self.attempts.len()
    }

    /// Copies for these leads, each so many weeks ago.
    ///
    /// # Panics
    /// When the engine refuses them.
    pub fn import(&self, app: &TestApp, copies: impl Iterator<Item = (u64, i64)>) {
        import(app, copies.flat_map(|(n, weeks)| self.copy(n, weeks)));
    }

    fn copy(&self, n: u64, weeks: i64) -> impl Iterator<Item = Json> {
        let ids: Vec<(&str, String)> = (0_u64..)
            .zip(&self.attempts)
            .map(|(call, item)| (text(item, "id"), attempt(n * ATTEMPTS_OF_A_LEAD + call)))
            .collect();
        let pk = json!({"S": keys::collection(&phone(n))});
        let shard = phone(n).bucket(self.shards);
        let mut items = Vec::new();
        for (original, id) in self.attempts.iter().zip(ids.iter().map(|(_, id)| id)) {
            let mut item = original.clone();
            let began = earlier_ms(&mut item, "at", weeks);
            earlier_ms(&mut item, "ended_at", weeks);
            if let Some(next) = item.get_mut("dec").and_then(|dec| dec["M"].get_mut("next_at")) {
                let seconds: i64 = next["N"].as_str().and_then(|n| n.parse().ok()).unwrap_or_default();
                *next = json!({"N": (seconds - weeks * 604_800).to_string()});
            }
            let date: NaiveDate = text(original, "date").parse().unwrap_or_else(|error| panic!("{error}"));
            let date = date - TimeDelta::weeks(weeks);
            for (name, value) in [
                ("sk", format!("ATTEMPT#{id}")),
                ("id", id.clone()),
                ("lead", lead_id(n)),
                ("date", date.to_string()),
                ("d_pk", keys::day(&self.campaign, date, shard)),
                ("d_sk", format!("{}#{id}", keys::time(began))),
            ] {
                item.insert(name.to_owned(), json!({"S": value}));
            }
            item.insert("pk".to_owned(), pk.clone());
            items.push(item);
        }
        for original in &self.payloads {
            let sk = text(original, "sk");
            let known = ids.iter().find(|(id, _)| sk.contains(id));
            let (before, id) = known.unwrap_or_else(|| panic!("a payload of no attempt"));
            let mut item = original.clone();
            item.insert("pk".to_owned(), pk.clone());
            item.insert("sk".to_owned(), json!({"S": sk.replace(before, id)}));
            items.push(item);
        }
        items.into_iter()
    }
}

fn text<'a>(item: &'a Json, name: &str) -> &'a str {
    item[name]["S"]
        .as_str()
        .unwrap_or_else(|| panic!("a call has no `{name}`"))
}

fn earlier_ms(item: &mut Json, name: &str, weeks: i64) -> DateTime<Utc> {
    let ms = item[name]["N"].as_str().and_then(|ms| ms.parse().ok());
    let time = ms.and_then(DateTime::from_timestamp_millis);
    let time = time.unwrap_or_else(|| panic!("a call has no `{name}`")) - TimeDelta::weeks(weeks);
    item.insert(name.to_owned(), json!({"N": time.timestamp_millis().to_string()}));
    time
}
