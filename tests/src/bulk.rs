//! Fills the table of a running system by the hundred thousand: copies of one lead, each with a phone and ids of its own.
//!
//! Knows no shape of items: it copies what the system wrote, and changes only who and when.

use aws_sdk_dynamodb::types::AttributeValue;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, Utc};
use dynoxide::ImportOptions;
use redial_aws::keys;
use redial_domain::search::place_part;
use redial_domain::{CampaignId, Lane, Owner, Phone, Region};
use redial_local::create::TABLE_NAME;
use serde_json::{Map, Value, json};

use crate::TestApp;

/// Items of one import: the engine holds them in memory.
const IMPORT_MAX: usize = 20_000;

/// The phone of the n-th copy.
///
/// # Panics
/// When it is no phone.
pub fn phone(n: u64) -> Phone {
    let number = format!("+1{}", 6_170_000_000 + n);
    Phone::parse(&number, Region::US).unwrap_or_else(|error| panic!("{number}: {error}"))
}

/// The attempt that the n-th copy has in flight.
pub fn attempt(n: u64) -> String {
    format!("01K{n:023}")
}

/// The provider's name for the call of the n-th copy.
pub fn call(n: u64) -> String {
    format!("{n:08x}-0000-4000-a000-000000000000")
}

pub(crate) fn lead_id(n: u64) -> String {
    format!("01J{n:023}")
}

/// A lead that the system took in, as it stands in the table.
#[derive(Debug)]
pub struct Original {
    campaign: CampaignId,
    shards: u32,
    lead: Map<String, Value>,
    ledger: Option<Map<String, Value>>,
}

impl Original {
    /// The lead of a phone in a campaign, which must be there.
    ///
    /// # Panics
    /// When it is not.
    pub async fn read(app: &TestApp, campaign: &str, phone: &Phone) -> Self {
        let shown = app.get(&format!("/campaigns/{campaign}")).await;
        let shards = shown["shards"].as_u64().and_then(|shards| u32::try_from(shards).ok());
        let campaign = CampaignId::parse(campaign).unwrap_or_else(|error| panic!("{error}"));
        let table = app.instance().table;
        let read = async |key| {
            let item = table.get(&key, true).await.unwrap_or_else(|error| panic!("{error}"));
            item.map(|item| {
                item.iter()
                    .map(|(name, value)| (name.clone(), json_of(value)))
                    .collect()
            })
        };
        let lead = read(keys::lead(phone, &campaign)).await;
        Self {
            lead: lead.unwrap_or_else(|| panic!("there is no such lead to copy")),
            ledger: read(keys::ledger(phone)).await,
            shards: shards.unwrap_or_else(|| panic!("{shown:?}")),
            campaign,
        }
    }

    /// A lead that is added for it.
    ///
    /// # Panics
    /// When the system does not take it.
    pub async fn of_lead(app: &TestApp, phone: &str, body: Value) -> Self {
        let added = app.post("/api/leads", body).await;
        assert_eq!(added.status, 201, "{added:?}");
        let phone = Phone::parse(phone, Region::US).unwrap_or_else(|error| panic!("{error}"));
        Self::read(app, "default", &phone).await
    }

    /// The people behind copies, by their given and family names.
    ///
    /// # Panics
    /// When the engine refuses them.
    pub fn import_people(&self, app: &TestApp, people: impl Iterator<Item = (u64, String, String)>) {
        import(
            app,
            people.map(|(n, given, family)| {
                let phone = phone(n);
                let place = |word: &str| {
                    let word = word.to_lowercase();
                    let part = keys::people(keys::PEOPLE_WORD, &place_part(&word));
                    (part, keys::person_place(&word, &phone, &self.campaign))
                };
                let ((b_pk, b_sk), (d_pk, d_sk)) = (place(&given), place(&family));
                let own = keys::profile(&phone, &self.campaign);
                [
                    ("pk", own.pk),
                    ("sk", own.sk),
                    ("first_name", given),
                    ("last_name", family),
                    ("b_pk", b_pk),
                    ("b_sk", b_sk),
                    ("d_pk", d_pk),
                    ("d_sk", d_sk),
                ]
                .into_iter()
                .map(|(name, value)| (name.to_owned(), json!({"S": value})))
                .collect()
            }),
        );
    }

    /// Copies that wait for a call at an instant.
    ///
    /// # Panics
    /// When the engine refuses them.
    pub fn import_due(&self, app: &TestApp, copies: impl Iterator<Item = u64>, at: DateTime<Utc>) {
        import(app, copies.map(|n| self.lead(n, at)));
    }

    /// Copies that wait in a lane, each for an instant of its own.
    ///
    /// # Panics
    /// When the engine refuses them.
    pub fn import_in_lane(&self, app: &TestApp, lane: Lane, copies: impl Iterator<Item = (u64, DateTime<Utc>)>) {
        import(
            app,
            copies.map(|(n, at)| {
                let mut item = self.lead(n, at);
                let shard = phone(n).bucket(self.shards);
                let line = keys::queue_line(&Owner::from(&self.campaign), lane, shard);
                item.insert("q_pk".to_owned(), json!({"S": line}));
                item.insert("lane".to_owned(), json!({"S": lane.as_str()}));
                if lane == Lane::Promise {
                    item.insert("cb".to_owned(), json!({"N": at.timestamp().to_string()}));
                    item.insert("st".to_owned(), json!({"S": "rescheduled"}));
                    item.insert(
                        "q_sk".to_owned(),
                        json!({"S": format!("{}#rescheduled#{}", keys::time(at), lead_id(n))}),
                    );
                }
                item
            }),
        );
    }

    /// Copies that are being called, as the original is; their leads wait for the same instant.
    ///
    /// # Panics
    /// When the engine refuses them, or the original was never called.
    pub fn import_in_flight(&self, app: &TestApp, copies: impl Iterator<Item = u64>, at: DateTime<Utc>) {
        import(app, copies.flat_map(|n| [self.lead(n, at), self.ledger(n)]));
    }

    fn lead(&self, n: u64, due: DateTime<Utc>) -> Map<String, Value> {
        let (phone, id) = (phone(n), lead_id(n));
        let shard = phone.bucket(self.shards);
        let list = self.lead["b_pk"]["S"].as_str().and_then(|line| line.rsplit_once('#'));
        let (list, _) = list.unwrap_or_else(|| panic!("the original has no place on the board"));
        let since = self.lead["b_sk"]["S"].as_str().and_then(|place| place.split_once('#'));
        let (since, _) = since.unwrap_or_else(|| panic!("the original has no place on the board"));
        let mut item = self.lead.clone();
        for (name, value) in [
            ("pk", keys::collection(&phone)),
            ("phone", phone.as_str().to_owned()),
            ("r_pk", keys::lead_ref(&id)),
            (
                "q_pk",
                keys::queue_line(&Owner::from(&self.campaign), Lane::Fresh, shard),
            ),
            ("q_sk", format!("{}#pending#{id}", keys::time(due))),
            ("b_pk", format!("{list}#{shard}")),
            ("b_sk", format!("{since}#{id}")),
            ("id", id),
        ] {
            item.insert(name.to_owned(), json!({"S": value}));
        }
        item.insert("shard".to_owned(), json!({"N": shard.to_string()}));
        item.insert("next".to_owned(), json!({"N": due.timestamp().to_string()}));
        item
    }

    fn ledger(&self, n: u64) -> Map<String, Value> {
        let ledger = self.ledger.clone();
        let mut item = ledger.unwrap_or_else(|| panic!("the original was never called"));
        item.insert("pk".to_owned(), json!({"S": keys::collection(&phone(n))}));
        let inflight = &mut item["inflight"]["M"];
        for (name, value) in [("id", attempt(n)), ("lead", lead_id(n)), ("call_id", call(n))] {
            assert!(inflight[name].is_object(), "the original is not being called");
            inflight[name] = json!({"S": value});
        }
        item
    }
}

pub(crate) fn import(app: &TestApp, items: impl Iterator<Item = Map<String, Value>>) {
    let items = items.map(|item| serde_json::from_value(Value::Object(item)));
    let mut items = items
        .map(|item| item.unwrap_or_else(|error| panic!("{error}")))
        .peekable();
    while items.peek().is_some() {
        let part: Vec<dynoxide::types::Item> = items.by_ref().take(IMPORT_MAX).collect();
        let engine = &app.running.database.0;
        let imported = engine.import_items(TABLE_NAME, part, ImportOptions::default());
        imported.unwrap_or_else(|error| panic!("{error}"));
    }
}

/// An attribute as DynamoDB's JSON writes it.
pub(crate) fn json_of(value: &AttributeValue) -> Value {
    match value {
        AttributeValue::S(text) => json!({"S": text}),
        AttributeValue::N(number) => json!({"N": number}),
        AttributeValue::Bool(flag) => json!({"BOOL": flag}),
        AttributeValue::Null(_) => json!({"NULL": true}),
        AttributeValue::B(bytes) => json!({"B": STANDARD.encode(bytes.as_ref())}),
        AttributeValue::Ss(texts) => json!({"SS": texts}),
        AttributeValue::L(list) => json!({"L": list.iter().map(json_of).collect::<Vec<_>>()}),
        AttributeValue::M(map) => {
            json!({"M": map.iter().map(|(name, value)| (name.clone(), json_of(value))).collect::<Map<_, _>>()})
        }
        other => panic!("a lead has no such attribute: {other:?}"),
    }
}
