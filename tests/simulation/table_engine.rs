//! The table: the engine of `redial local`, and what AWS adds to it.
//!
//! The engine is serial and its indexes are immediate. So a second engine stands behind every index: it takes each
//! write up to seconds later, item by item in order, and answers the queries of indexes. Who asks and what is refused
//! is `wire`'s business.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, TimeDelta, Utc};
use dynoxide::Database;
use serde_json::{Value, json};

use redial_aws::layout::INDEXES;
use redial_local::create::TABLE_NAME;
use redial_local::dynamodb;

/// A write this recent makes an item hot for transactions.
const HOT: TimeDelta = TimeDelta::milliseconds(50);

/// Partition and sort key.
pub(crate) type ItemKey = (String, String);

/// What a request was answered.
#[derive(Debug, Clone)]
pub(crate) struct Answered {
    pub(crate) status: u16,
    pub(crate) body: String,
}

impl Answered {
    /// An error as DynamoDB says it.
    pub(crate) fn error(kind: &str, message: &str) -> Self {
        Self::error_with(kind, &json!({ "message": message }))
    }

    /// An error with more than a message.
    pub(crate) fn error_with(kind: &str, fields: &Value) -> Self {
        let mut body = fields.clone();
        body["__type"] = json!(format!("com.amazonaws.dynamodb.v20120810#{kind}"));
        Self {
            status: 400,
            body: body.to_string(),
        }
    }

    /// The error's name, for the trace.
    pub(crate) fn short(&self) -> String {
        if self.status == 200 {
            return "ok".to_owned();
        }
        let body: Value = serde_json::from_str(&self.body).unwrap_or_default();
        let kind = body["__type"].as_str().unwrap_or_default();
        let kind = kind.rsplit('#').next().unwrap_or_default();
        match body["CancellationReasons"].as_array() {
            Some(reasons) => {
                let codes: Vec<&str> = reasons.iter().filter_map(|reason| reason["Code"].as_str()).collect();
                format!("{kind} [{}]", codes.join(" "))
            }
            None => kind.to_owned(),
        }
    }
}

/// The table of a world.
pub(crate) struct TableEngine {
    now: Database,
    late: Database,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Writes that the indexes do not show yet, by the time when they will.
    coming: BTreeMap<(DateTime<Utc>, u64), ItemKey>,
    images: HashMap<u64, Option<Value>>,
    shown_at: HashMap<ItemKey, DateTime<Utc>>,
    written_at: HashMap<ItemKey, DateTime<Utc>>,
    heat: HashMap<String, (i64, f64)>,
    hottest: BTreeMap<String, f64>,
    marked: BTreeMap<String, DateTime<Utc>>,
    n: u64,
}

impl TableEngine {
    /// An empty engine.
    pub(crate) fn new() -> Result<Self, String> {
        let open = || Database::memory().map_err(|error| error.to_string());
        Ok(Self {
            now: open()?,
            late: open()?,
            state: Mutex::default(),
        })
    }

    /// Does a request. `late` is how long its indexes may lag behind it.
    pub(crate) fn execute(
        &self,
        operation: &str,
        request: &Value,
        now: DateTime<Utc>,
        mut late: impl FnMut() -> TimeDelta,
    ) -> Answered {
        if operation == "CreateTable" || operation == "UpdateTimeToLive" {
            let _ = dispatch(&self.late, operation, request);
        }
        if operation == "Query" && request["IndexName"].is_string() {
            self.catch_up(now);
            return dispatch(&self.late, operation, request);
        }
        let answered = dispatch(&self.now, operation, request);
        let written = written_keys(operation, request);
        if answered.status == 200 && !written.is_empty() {
            for key in written {
                self.wrote(key, now, late());
            }
        }
        self.heat(operation, request, &answered, now);
        answered
    }

    /// Whether somebody wrote one of these items a moment ago.
    pub(crate) fn is_hot(&self, operation: &str, request: &Value, now: DateTime<Utc>) -> bool {
        let state = self.state();
        written_keys(operation, request)
            .iter()
            .any(|key| state.written_at.get(key).is_some_and(|at| now - *at <= HOT))
    }

    /// An item as it is now.
    pub(crate) fn item(&self, pk: &str, sk: &str) -> Option<Value> {
        let request = json!({
            "TableName": TABLE_NAME,
            "Key": {"pk": {"S": pk}, "sk": {"S": sk}},
            "ConsistentRead": true,
        });
        let answered = dispatch(&self.now, "GetItem", &request);
        let mut body: Value = serde_json::from_str(&answered.body).ok()?;
        body.get_mut("Item").map(Value::take)
    }

    /// Every item, as plain JSON, in the order of the keys.
    pub(crate) fn items(&self) -> Vec<Value> {
        let mut items = Vec::new();
        let mut from = Value::Null;
        loop {
            let mut request = json!({ "TableName": TABLE_NAME });
            if !from.is_null() {
                request["ExclusiveStartKey"] = from;
            }
            let answered = dispatch(&self.now, "Scan", &request);
            let mut body: Value = serde_json::from_str(&answered.body).unwrap_or_default();
            if let Some(Value::Array(page)) = body.get_mut("Items").map(Value::take) {
                items.extend(page.iter().map(plain_item));
            }
            from = body["LastEvaluatedKey"].take();
            if from.is_null() {
                break;
            }
        }
        items.sort_by(|a, b| {
            let key = |item: &Value| (item["pk"].to_string(), item["sk"].to_string());
            key(a).cmp(&key(b))
        });
        items
    }

    /// The most capacity units of one second, by partition key.
    pub(crate) fn hottest(&self) -> BTreeMap<String, f64> {
        self.state().hottest.clone()
    }

    /// When a phone's ledger was first marked as do-not-call.
    pub(crate) fn marked_since(&self, phone: &str) -> Option<DateTime<Utc>> {
        self.state().marked.get(phone).copied()
    }

    /// How many writes there were.
    pub(crate) fn writes(&self) -> u64 {
        self.state().n
    }

    fn wrote(&self, key: ItemKey, now: DateTime<Utc>, late: TimeDelta) {
        let image = self.item(&key.0, &key.1);
        let mut state = self.state();
        if key.1 == "LEDGER" && image.as_ref().is_some_and(|ledger| ledger["dnc_at"].is_object()) {
            let phone = key.0.trim_start_matches("PHONE#").to_owned();
            state.marked.entry(phone).or_insert(now);
        }
        state.written_at.insert(key.clone(), now);
        state.n += 1;
        let n = state.n;
        // Changes of one item reach an index in their order.
        let before = state.shown_at.get(&key).copied().unwrap_or(now);
        let shown = (now + late).max(before);
        state.shown_at.insert(key.clone(), shown);
        let indexed = image
            .as_ref()
            .is_none_or(|item| INDEXES.iter().any(|index| item[index.hash].is_object()));
        if indexed {
            state.images.insert(n, image);
            state.coming.insert((shown, n), key);
        }
    }

    fn catch_up(&self, now: DateTime<Utc>) {
        let mut state = self.state();
        while let Some(first) = state.coming.first_entry().filter(|first| first.key().0 <= now) {
            let n = first.key().1;
            let (pk, sk) = first.remove();
            let image = state.images.remove(&n).flatten();
            let (operation, request) = match image {
                Some(item) => ("PutItem", json!({ "TableName": TABLE_NAME, "Item": item })),
                None => (
                    "DeleteItem",
                    json!({ "TableName": TABLE_NAME, "Key": {"pk": {"S": pk}, "sk": {"S": sk}} }),
                ),
            };
            let _ = dispatch(&self.late, operation, &request);
        }
    }

    fn heat(&self, operation: &str, request: &Value, answered: &Answered, now: DateTime<Utc>) {
        let partitions = partitions(operation, request);
        // One table, so the first figure is that of all.
        let all = answered
            .body
            .split_once(r#""CapacityUnits":"#)
            .and_then(|(_, after)| after.split([',', '}']).next()?.parse().ok())
            .unwrap_or(1.0);
        let mut state = self.state();
        #[expect(clippy::cast_precision_loss, reason = "a few partitions")]
        let each = all / partitions.len().max(1) as f64;
        for partition in partitions {
            let second = now.timestamp();
            let seen = state.heat.entry(partition.clone()).or_default();
            if seen.0 != second {
                *seen = (second, 0.0);
            }
            seen.1 += each;
            let units = seen.1;
            let most = state.hottest.entry(partition).or_default();
            *most = most.max(units);
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn dispatch(database: &Database, operation: &str, request: &Value) -> Answered {
    let (status, body) = dynamodb::answer(database, operation, request.to_string().as_bytes());
    Answered { status, body }
}

fn key_of(of: &Value) -> Option<ItemKey> {
    Some((of["pk"]["S"].as_str()?.to_owned(), of["sk"]["S"].as_str()?.to_owned()))
}

/// The items that a request writes.
pub(crate) fn written_keys(operation: &str, request: &Value) -> Vec<ItemKey> {
    match operation {
        "PutItem" => key_of(&request["Item"]).into_iter().collect(),
        "UpdateItem" | "DeleteItem" => key_of(&request["Key"]).into_iter().collect(),
        "TransactWriteItems" => request["TransactItems"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|one| {
                key_of(&one["Put"]["Item"])
                    .or_else(|| key_of(&one["Update"]["Key"]))
                    .or_else(|| key_of(&one["Delete"]["Key"]))
            })
            .collect(),
        _ => Vec::new(),
    }
}

/// What a request is about, for the trace and the heat: `partition/sort`, or the partition of a query.
pub(crate) fn touched(operation: &str, request: &Value) -> Vec<String> {
    let join = |(pk, sk): ItemKey| format!("{pk}/{sk}");
    match operation {
        "GetItem" => key_of(&request["Key"]).map(join).into_iter().collect(),
        "Query" => request["ExpressionAttributeValues"][":hash"]["S"]
            .as_str()
            .map(|hash| match request["IndexName"].as_str() {
                Some(index) => format!("{index}:{hash}"),
                None => format!("{hash}/"),
            })
            .into_iter()
            .collect(),
        "BatchGetItem" => request["RequestItems"][TABLE_NAME]["Keys"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(key_of)
            .map(join)
            .collect(),
        _ => written_keys(operation, request).into_iter().map(join).collect(),
    }
}

fn partitions(operation: &str, request: &Value) -> Vec<String> {
    let mut all: Vec<String> = touched(operation, request)
        .into_iter()
        .map(|key| key.split('/').next().unwrap_or_default().to_owned())
        .collect();
    all.sort();
    all.dedup();
    all
}

/// An item without DynamoDB's type marks.
pub(crate) fn plain_item(item: &Value) -> Value {
    item.as_object()
        .into_iter()
        .flatten()
        .map(|(name, value)| (name.clone(), plain(value)))
        .collect()
}

fn plain(value: &Value) -> Value {
    let Some((kind, inner)) = value.as_object().and_then(|object| object.iter().next()) else {
        return value.clone();
    };
    match kind.as_str() {
        "N" => inner
            .as_str()
            .and_then(|number| number.parse::<i64>().ok())
            .map_or_else(|| inner.clone(), Value::from),
        "M" => plain_item(inner),
        "L" => inner.as_array().into_iter().flatten().map(plain).collect(),
        "NULL" => Value::Null,
        _ => inner.clone(),
    }
}
