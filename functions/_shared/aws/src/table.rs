//! The table: four verbs over items, each counted in capacity units.
//!
//! Expressions are written as DynamoDB reads them. Every `#name` in one stands for the attribute of that name, so no
//! reserved word ever surprises anybody; values go in beside them.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_dynamodb::types::{
    AttributeValue, ConsumedCapacity, KeysAndAttributes, Put, ReturnConsumedCapacity, ReturnValue,
    ReturnValuesOnConditionCheckFailure, TransactWriteItem, Update,
};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_dynamo::aws_sdk_dynamodb_1 as dynamo;

use crate::layout::{Index, PK, SK};

/// An item as DynamoDB holds it.
pub type Item = HashMap<String, AttributeValue>;

/// DynamoDB takes this many keys in one `BatchGetItem`.
const BATCH_GET_MAX: usize = 100;
/// Rounds for keys that a batch left unprocessed, with a growing pause between them.
const BATCH_ROUNDS_MAX: u32 = 6;

/// Why the table did not do it.
#[derive(Debug, thiserror::Error)]
pub enum TableError {
    /// The condition did not hold. The item as it was, if it was there and asked for.
    #[error("failed to write: the condition did not hold")]
    Condition(Option<Box<Item>>),
    /// A transaction was refused; one code per item, `None` where the item was fine.
    #[error("failed to write: the transaction was canceled ({})", .0.join(", "))]
    Canceled(Vec<String>),
    /// Too much at once; try again later.
    #[error("failed to reach the table: throttled; it is tried again")]
    Throttled,
    /// Nothing is known about what happened.
    #[error("failed to reach the table: {0}")]
    Unavailable(String),
    /// An item that this build cannot read.
    #[error("failed to read an item: {0}")]
    Corrupt(String),
}

impl TableError {
    /// Whether a transaction failed at the item with this number, for its condition.
    pub fn condition_at(&self, item: usize) -> bool {
        matches!(self, Self::Canceled(codes) if codes.get(item).is_some_and(|code| code == "ConditionalCheckFailed"))
    }

    /// Whether a transaction failed only because somebody else wrote at the same time.
    pub fn is_conflict(&self) -> bool {
        match self {
            Self::Canceled(codes) => {
                codes.iter().any(|code| code == "TransactionConflict")
                    && codes.iter().all(|code| code == "TransactionConflict" || code == "None")
            }
            Self::Unavailable(code) => code == "TransactionConflictException",
            _ => false,
        }
    }
}

/// Capacity units used, in thousandths, over all clones of a table.
#[derive(Debug, Default)]
pub struct Meter {
    read: AtomicU64,
    write: AtomicU64,
    requests: AtomicU64,
}

/// A reading of the [`Meter`].
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Units {
    /// Read capacity units.
    pub read: f64,
    /// Write capacity units.
    pub write: f64,
    /// Requests.
    pub requests: u64,
}

impl Meter {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "capacity units are small and positive"
    )]
    fn add(counter: &AtomicU64, used: &[ConsumedCapacity]) {
        let units: f64 = used.iter().filter_map(ConsumedCapacity::capacity_units).sum();
        counter.fetch_add((units * 1_000.0).round() as u64, Ordering::Relaxed);
    }

    /// Units used so far.
    #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
    pub fn read(&self) -> Units {
        Units {
            read: self.read.load(Ordering::Relaxed) as f64 / 1_000.0,
            write: self.write.load(Ordering::Relaxed) as f64 / 1_000.0,
            requests: self.requests.load(Ordering::Relaxed),
        }
    }
}

/// The table and its meter.
#[derive(Debug, Clone)]
pub struct Table {
    client: Client,
    name: String,
    meter: Arc<Meter>,
}

/// Where an item is.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Key {
    /// Partition.
    pub pk: String,
    /// Place in it.
    pub sk: String,
}

impl Key {
    /// A key.
    pub fn new(pk: impl Into<String>, sk: impl Into<String>) -> Self {
        Self {
            pk: pk.into(),
            sk: sk.into(),
        }
    }

    fn item(&self) -> Item {
        HashMap::from([
            (PK.to_owned(), AttributeValue::S(self.pk.clone())),
            (SK.to_owned(), AttributeValue::S(self.sk.clone())),
        ])
    }

    /// The key of an item.
    pub fn of(item: &Item) -> Option<Self> {
        Some(Self::new(text(item, PK)?, text(item, SK)?))
    }
}

/// A text attribute of an item.
pub fn text<'a>(item: &'a Item, name: &str) -> Option<&'a str> {
    item.get(name)?.as_s().ok().map(String::as_str)
}

/// Reads an item's attributes into a type.
///
/// # Errors
/// When this build cannot read it.
pub fn read<T: DeserializeOwned>(item: Item) -> Result<T, TableError> {
    dynamo::from_item(item).map_err(|error| TableError::Corrupt(error.to_string()))
}

/// A type's attributes.
///
/// # Errors
/// When the type cannot be an item.
pub fn write<T: Serialize>(value: &T) -> Result<Item, TableError> {
    dynamo::to_item(value).map_err(|error| TableError::Corrupt(error.to_string()))
}

/// One conditional write, on its own or in a transaction.
#[derive(Debug, Clone)]
pub struct Change {
    key: Key,
    put: Option<Item>,
    expression: Vec<String>,
    condition: Option<String>,
    names: HashMap<String, String>,
    values: Item,
    problem: Option<String>,
}

impl Change {
    /// Changes attributes of an item, or makes it: `update(key, "SET #seq = :next REMOVE #inflight")`.
    pub fn update(key: Key, expression: &str) -> Self {
        Self::new(key, None).and(expression)
    }

    /// Writes a whole item.
    pub fn put<T: Serialize>(key: Key, value: &T) -> Self {
        match write(value) {
            Ok(mut item) => {
                item.extend(key.item());
                item.insert(
                    "sv".to_owned(),
                    AttributeValue::N(redial_domain::SCHEMA_VERSION.to_string()),
                );
                Self::new(key, Some(item))
            }
            Err(error) => Self {
                problem: Some(error.to_string()),
                ..Self::new(key, None)
            },
        }
    }

    fn new(key: Key, put: Option<Item>) -> Self {
        Self {
            key,
            put,
            expression: vec![],
            condition: None,
            names: HashMap::new(),
            values: Item::new(),
            problem: None,
        }
    }

    /// One more piece of an update expression. Pieces of one verb are joined: `SET a` and `SET b` become `SET a, b`.
    #[must_use]
    pub fn and(mut self, expression: &str) -> Self {
        self.learn(expression);
        self.expression.push(expression.to_owned());
        self
    }

    /// Only if this holds.
    #[must_use]
    pub fn when(mut self, condition: &str) -> Self {
        self.learn(condition);
        self.condition = Some(condition.to_owned());
        self
    }

    /// A value of the expressions.
    #[must_use]
    pub fn value<T: Serialize>(mut self, name: &str, value: T) -> Self {
        match dynamo::to_attribute_value(value) {
            Ok(value) => {
                self.values.insert(name.to_owned(), value);
            }
            Err(error) => self.problem = Some(error.to_string()),
        }
        self
    }

    /// A value that already is an attribute.
    #[must_use]
    pub fn attribute(mut self, name: &str, value: AttributeValue) -> Self {
        self.values.insert(name.to_owned(), value);
        self
    }

    /// A set of texts; plain lists become lists.
    #[must_use]
    pub fn text_set(mut self, name: &str, values: Vec<String>) -> Self {
        self.values.insert(name.to_owned(), AttributeValue::Ss(values));
        self
    }

    /// An attribute whose name is data.
    #[must_use]
    pub fn name(mut self, placeholder: &str, attribute: &str) -> Self {
        self.names.insert(placeholder.to_owned(), attribute.to_owned());
        self
    }

    /// One more attribute of a put.
    #[must_use]
    pub fn with(mut self, name: &str, value: AttributeValue) -> Self {
        if let Some(item) = &mut self.put {
            item.insert(name.to_owned(), value);
        }
        self
    }

    /// The bytes that DynamoDB charges for, of a put: names and values.
    pub fn item(&self) -> Option<&Item> {
        self.put.as_ref()
    }

    fn learn(&mut self, expression: &str) {
        for piece in expression.split('#').skip(1) {
            let name: String = piece
                .chars()
                .take_while(|c| c.is_ascii_alphanumeric() || *c == '_')
                .collect();
            self.names.entry(format!("#{name}")).or_insert(name);
        }
    }

    fn expression(&self) -> Option<String> {
        let verbs = ["SET", "REMOVE", "ADD", "DELETE"];
        let mut joined = String::new();
        for verb in verbs {
            let clauses: Vec<&str> = self
                .expression
                .iter()
                .flat_map(|piece| split_clauses(piece, &verbs))
                .filter(|(of, _)| *of == verb)
                .map(|(_, clause)| clause)
                .collect();
            if !clauses.is_empty() {
                joined.push_str(&format!("{verb} {} ", clauses.join(", ")));
            }
        }
        (!joined.is_empty()).then(|| joined.trim_end().to_owned())
    }

    fn check(&self) -> Result<(), TableError> {
        self.problem
            .clone()
            .map_or(Ok(()), |problem| Err(TableError::Corrupt(problem)))
    }

    fn in_transaction(self) -> Result<TransactWriteItem, TableError> {
        self.check()?;
        let expression = self.expression();
        let names = (!self.names.is_empty()).then_some(self.names);
        let values = (!self.values.is_empty()).then_some(self.values);
        let item = match self.put {
            Some(item) => TransactWriteItem::builder().put(
                Put::builder()
                    .set_item(Some(item))
                    .set_condition_expression(self.condition)
                    .set_expression_attribute_names(names)
                    .set_expression_attribute_values(values)
                    .table_name("")
                    .build()
                    .map_err(|error| TableError::Corrupt(error.to_string()))?,
            ),
            None => TransactWriteItem::builder().update(
                Update::builder()
                    .set_key(Some(self.key.item()))
                    .set_update_expression(expression)
                    .set_condition_expression(self.condition)
                    .set_expression_attribute_names(names)
                    .set_expression_attribute_values(values)
                    .table_name("")
                    .build()
                    .map_err(|error| TableError::Corrupt(error.to_string()))?,
            ),
        };
        Ok(item.build())
    }
}

/// Splits `SET a = b REMOVE c` into its clauses by verb.
fn split_clauses<'a>(piece: &'a str, verbs: &[&'static str]) -> Vec<(&'static str, &'a str)> {
    let mut starts: Vec<(usize, &'static str)> = verbs
        .iter()
        .flat_map(|verb| {
            piece.match_indices(verb).filter_map(move |(at, _)| {
                let before = at == 0 || piece.as_bytes()[at - 1] == b' ';
                let after = piece.as_bytes().get(at + verb.len()) == Some(&b' ');
                (before && after).then_some((at, *verb))
            })
        })
        .collect();
    starts.sort_unstable();
    let ends = starts.iter().skip(1).map(|(at, _)| *at).chain([piece.len()]);
    starts
        .iter()
        .zip(ends)
        .map(|((at, verb), end)| (*verb, piece[at + verb.len()..end].trim()))
        .collect()
}

/// One page of a query.
#[derive(Debug, Default)]
pub struct Page {
    /// The items, in order.
    pub items: Vec<Item>,
    /// Whether there may be more. A page may be empty and yet have a next one.
    pub next: Option<Item>,
}

/// What to look for.
#[derive(Debug, Clone)]
pub struct Query<'a> {
    /// An index, or the table itself.
    pub index: Option<Index>,
    /// The partition.
    pub partition: &'a str,
    /// What the range key must fulfil, such as `#range <= :to`; `#range` is its name.
    pub range: Option<(&'a str, Vec<(&'a str, String)>)>,
    /// Most items a page.
    pub limit: i32,
    /// Newest or largest first.
    pub descending: bool,
    /// Strongly consistent; not for an index.
    pub consistent: bool,
}

impl<'a> Query<'a> {
    /// Everything in a partition of the table, in order.
    pub const fn table(partition: &'a str, limit: i32) -> Self {
        Self {
            index: None,
            partition,
            range: None,
            limit,
            descending: false,
            consistent: false,
        }
    }

    /// Everything in a partition of an index, in order.
    pub const fn index(index: Index, partition: &'a str, limit: i32) -> Self {
        Self {
            index: Some(index),
            partition,
            range: None,
            limit,
            descending: false,
            consistent: false,
        }
    }

    /// Only where the range key fulfils this.
    #[must_use]
    pub fn range(mut self, condition: &'a str, values: Vec<(&'a str, String)>) -> Self {
        self.range = Some((condition, values));
        self
    }
}

impl Table {
    /// A table behind a client.
    pub fn new(client: Client, name: impl Into<String>) -> Self {
        Self {
            client,
            name: name.into(),
            meter: Arc::default(),
        }
    }

    /// The same table, with a meter that starts at nothing.
    #[must_use]
    pub fn metered_anew(&self) -> Self {
        Self {
            meter: Arc::default(),
            ..self.clone()
        }
    }

    /// Capacity units used so far, over all clones.
    pub fn units(&self) -> Units {
        self.meter.read()
    }

    fn count_request(&self) {
        self.meter.requests.fetch_add(1, Ordering::Relaxed);
    }

    /// Reads one item.
    ///
    /// # Errors
    /// When the table cannot be reached.
    pub async fn get(&self, key: &Key, consistent: bool) -> Result<Option<Item>, TableError> {
        self.count_request();
        let answer = self
            .client
            .get_item()
            .table_name(&self.name)
            .set_key(Some(key.item()))
            .consistent_read(consistent)
            .return_consumed_capacity(ReturnConsumedCapacity::Total)
            .send()
            .await
            .map_err(failed)?;
        Meter::add(&self.meter.read, answer.consumed_capacity.as_slice());
        Ok(answer.item)
    }

    /// Reads many items, in no order; those that do not exist are left out.
    ///
    /// # Errors
    /// When the table cannot be reached, or leaves keys unprocessed again and again.
    pub async fn batch_get(&self, keys: &[Key], consistent: bool) -> Result<Vec<Item>, TableError> {
        let mut items = Vec::with_capacity(keys.len());
        for chunk in keys.chunks(BATCH_GET_MAX) {
            let mut left: Vec<Item> = chunk.iter().map(Key::item).collect();
            for round in 0..BATCH_ROUNDS_MAX {
                if round > 0 {
                    tokio::time::sleep(Duration::from_millis(25 << round)).await;
                }
                self.count_request();
                let wanted = KeysAndAttributes::builder()
                    .set_keys(Some(std::mem::take(&mut left)))
                    .consistent_read(consistent)
                    .build()
                    .map_err(|error| TableError::Corrupt(error.to_string()))?;
                let answer = self
                    .client
                    .batch_get_item()
                    .request_items(&self.name, wanted)
                    .return_consumed_capacity(ReturnConsumedCapacity::Total)
                    .send()
                    .await
                    .map_err(failed)?;
                Meter::add(&self.meter.read, answer.consumed_capacity());
                items.extend(answer.responses.unwrap_or_default().into_values().flatten());
                left = answer
                    .unprocessed_keys
                    .unwrap_or_default()
                    .into_values()
                    .flat_map(|k| k.keys)
                    .collect();
                if left.is_empty() {
                    break;
                }
            }
            if !left.is_empty() {
                return Err(TableError::Throttled);
            }
        }
        Ok(items)
    }

    /// Reads one page.
    ///
    /// # Errors
    /// When the table cannot be reached.
    pub async fn query(&self, query: &Query<'_>, from: Option<Item>) -> Result<Page, TableError> {
        self.count_request();
        let (hash, range) = query.index.map_or((PK, Some(SK)), |index| (index.hash, index.range));
        let mut condition = "#hash = :hash".to_owned();
        let mut request = self
            .client
            .query()
            .table_name(&self.name)
            .set_index_name(query.index.map(|index| index.name.to_owned()))
            .expression_attribute_names("#hash", hash)
            .expression_attribute_values(":hash", AttributeValue::S(query.partition.to_owned()))
            .scan_index_forward(!query.descending)
            .set_consistent_read(query.consistent.then_some(true))
            .limit(query.limit)
            .set_exclusive_start_key(from)
            .return_consumed_capacity(ReturnConsumedCapacity::Total);
        if let (Some((wanted, values)), Some(range)) = (&query.range, range) {
            condition.push_str(" AND ");
            condition.push_str(wanted);
            request = request.expression_attribute_names("#range", range);
            for (name, value) in values {
                request = request.expression_attribute_values(*name, AttributeValue::S(value.clone()));
            }
        }
        let answer = request
            .key_condition_expression(condition)
            .send()
            .await
            .map_err(failed)?;
        Meter::add(&self.meter.read, answer.consumed_capacity.as_slice());
        Ok(Page {
            items: answer.items.unwrap_or_default(),
            next: answer.last_evaluated_key,
        })
    }

    /// Writes one item and gives it back as it is now (an update) or nothing (a put).
    ///
    /// # Errors
    /// [`TableError::Condition`] with the item as it was when the condition did not hold.
    pub async fn write(&self, change: Change) -> Result<Item, TableError> {
        change.check()?;
        self.count_request();
        let expression = change.expression();
        let names = (!change.names.is_empty()).then_some(change.names);
        let values = (!change.values.is_empty()).then_some(change.values);
        if let Some(item) = change.put {
            let answer = self
                .client
                .put_item()
                .table_name(&self.name)
                .set_item(Some(item))
                .set_condition_expression(change.condition)
                .set_expression_attribute_names(names)
                .set_expression_attribute_values(values)
                .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
                .return_consumed_capacity(ReturnConsumedCapacity::Total)
                .send()
                .await
                .map_err(failed)?;
            Meter::add(&self.meter.write, answer.consumed_capacity.as_slice());
            return Ok(Item::new());
        }
        let answer = self
            .client
            .update_item()
            .table_name(&self.name)
            .set_key(Some(change.key.item()))
            .set_update_expression(expression)
            .set_condition_expression(change.condition)
            .set_expression_attribute_names(names)
            .set_expression_attribute_values(values)
            .return_values(ReturnValue::AllNew)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .return_consumed_capacity(ReturnConsumedCapacity::Total)
            .send()
            .await
            .map_err(failed)?;
        Meter::add(&self.meter.write, answer.consumed_capacity.as_slice());
        Ok(answer.attributes.unwrap_or_default())
    }

    /// Deletes an item, whether it is there or not.
    ///
    /// # Errors
    /// When the table cannot be reached.
    pub async fn delete(&self, key: &Key) -> Result<(), TableError> {
        self.count_request();
        let answer = self
            .client
            .delete_item()
            .table_name(&self.name)
            .set_key(Some(key.item()))
            .return_consumed_capacity(ReturnConsumedCapacity::Total)
            .send()
            .await
            .map_err(failed)?;
        Meter::add(&self.meter.write, answer.consumed_capacity.as_slice());
        Ok(())
    }

    /// Writes all or nothing.
    ///
    /// # Errors
    /// [`TableError::Canceled`] with one code per item.
    pub async fn transact(&self, changes: Vec<Change>) -> Result<(), TableError> {
        self.count_request();
        let items: Vec<TransactWriteItem> = changes
            .into_iter()
            .map(|change| change.in_transaction().map(|item| self.named(item)))
            .collect::<Result<_, _>>()?;
        let answer = self
            .client
            .transact_write_items()
            .set_transact_items(Some(items))
            .return_consumed_capacity(ReturnConsumedCapacity::Total)
            .send()
            .await
            .map_err(|error| match error.as_service_error() {
                Some(service) if service.is_transaction_canceled_exception() => canceled(error),
                _ => failed(error),
            })?;
        Meter::add(&self.meter.write, answer.consumed_capacity());
        Ok(())
    }

    fn named(&self, mut item: TransactWriteItem) -> TransactWriteItem {
        if let Some(put) = &mut item.put {
            put.table_name.clone_from(&self.name);
        }
        if let Some(update) = &mut item.update {
            update.table_name.clone_from(&self.name);
        }
        item
    }
}

fn canceled(error: SdkError<aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError>) -> TableError {
    use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError as E;
    match error.into_service_error() {
        E::TransactionCanceledException(canceled) => {
            let codes: Vec<String> = canceled
                .cancellation_reasons()
                .iter()
                .map(|reason| match (reason.code(), reason.message()) {
                    // It says what is wrong with our expression, not whose item it is.
                    (Some("ValidationError"), Some(says)) => format!("ValidationError: {says}"),
                    (code, _) => code.unwrap_or("None").to_owned(),
                })
                .collect();
            let throttled = |code: &String| code == "ThrottlingError" || code == "ProvisionedThroughputExceeded";
            if codes.iter().any(throttled) {
                TableError::Throttled
            } else {
                TableError::Canceled(codes)
            }
        }
        other => TableError::Unavailable(other.code().unwrap_or("TransactionCanceledException").to_owned()),
    }
}

/// Error codes that mean "later", from the DynamoDB developer guide (error handling).
const THROTTLING: [&str; 4] = [
    "ProvisionedThroughputExceededException",
    "RequestLimitExceeded",
    "ThrottlingException",
    "LimitExceededException",
];

fn failed<E: ProvideErrorMetadata + WithItem>(error: SdkError<E>) -> TableError {
    match error {
        SdkError::ServiceError(service) => {
            let code = service.err().code().unwrap_or("unknown error").to_owned();
            if code == "ConditionalCheckFailedException" {
                return TableError::Condition(service.into_err().into_item().map(Box::new));
            }
            if THROTTLING.contains(&code.as_str()) {
                return TableError::Throttled;
            }
            // The message may repeat values, so only the code goes on, except where it says what is wrong with us.
            let says = if code == "ValidationException" {
                service.err().message().map(str::to_owned)
            } else {
                None
            };
            TableError::Unavailable(says.map_or(code, |says| format!("ValidationException: {says}")))
        }
        SdkError::TimeoutError(_) => TableError::Unavailable("no answer in time".to_owned()),
        SdkError::DispatchFailure(_) => TableError::Unavailable("no connection".to_owned()),
        _ => TableError::Unavailable("an answer that cannot be read".to_owned()),
    }
}

/// Errors that may carry the item as it was.
trait WithItem {
    fn into_item(self) -> Option<Item>
    where
        Self: Sized,
    {
        None
    }
}

impl WithItem for aws_sdk_dynamodb::operation::get_item::GetItemError {}
impl WithItem for aws_sdk_dynamodb::operation::batch_get_item::BatchGetItemError {}
impl WithItem for aws_sdk_dynamodb::operation::query::QueryError {}
impl WithItem for aws_sdk_dynamodb::operation::delete_item::DeleteItemError {}
impl WithItem for aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError {}

impl WithItem for aws_sdk_dynamodb::operation::update_item::UpdateItemError {
    fn into_item(self) -> Option<Item> {
        match self {
            Self::ConditionalCheckFailedException(failed) => failed.item,
            _ => None,
        }
    }
}

impl WithItem for aws_sdk_dynamodb::operation::put_item::PutItemError {
    fn into_item(self) -> Option<Item> {
        match self {
            Self::ConditionalCheckFailedException(failed) => failed.item,
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_of_an_expression_are_joined_by_verb() {
        let change = Change::update(Key::new("a", "b"), "SET #x = :x REMOVE #y")
            .and("SET #z = #seq + :one")
            .and("ADD #n :one");
        assert_eq!(
            change.expression().unwrap(),
            "SET #x = :x, #z = #seq + :one REMOVE #y ADD #n :one"
        );
        assert_eq!(change.names["#seq"], "seq");
    }

    #[test]
    fn a_conflict_is_only_a_conflict_when_nothing_else_failed() {
        let codes = |codes: &[&str]| TableError::Canceled(codes.iter().map(|c| (*c).to_owned()).collect());
        assert!(codes(&["None", "TransactionConflict"]).is_conflict());
        assert!(!codes(&["ConditionalCheckFailed", "TransactionConflict"]).is_conflict());
        assert!(codes(&["None", "ConditionalCheckFailed"]).condition_at(1));
    }
}
