//! The table: every kind of request to it, each counted in capacity units.
//!
//! What a write says is a [`Change`]; why a request failed is a [`TableError`].

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::{
    AttributeValue, ConsumedCapacity, DeleteRequest, KeysAndAttributes, ReturnConsumedCapacity, ReturnValue,
    ReturnValuesOnConditionCheckFailure, TransactWriteItem, WriteRequest,
};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_dynamo::aws_sdk_dynamodb_1 as dynamo;

use crate::layout::{Index, PK, SK};
use crate::table_error::{canceled, failed};

pub use crate::change::{Change, Key};
pub use crate::table_error::TableError;

/// An item as DynamoDB holds it.
pub type Item = HashMap<String, AttributeValue>;

/// DynamoDB takes this many keys in one `BatchGetItem`.
const BATCH_GET_MAX: usize = 100;
/// DynamoDB takes this many deletions in one `BatchWriteItem`.
const BATCH_WRITE_MAX: usize = 25;
/// Rounds for keys that a batch left unprocessed, with a growing pause between them.
const BATCH_ROUNDS_MAX: u32 = 6;

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

    /// Deletes many items, whether they are there or not.
    ///
    /// # Errors
    /// When the table cannot be reached, or leaves keys unprocessed again and again. What is deleted stays deleted.
    pub async fn batch_delete(&self, keys: &[Key]) -> Result<(), TableError> {
        for chunk in keys.chunks(BATCH_WRITE_MAX) {
            let mut left = Vec::with_capacity(chunk.len());
            for key in chunk {
                let delete = DeleteRequest::builder().set_key(Some(key.item())).build();
                let delete = delete.map_err(|error| TableError::Corrupt(error.to_string()))?;
                left.push(WriteRequest::builder().delete_request(delete).build());
            }
            for round in 0..BATCH_ROUNDS_MAX {
                if round > 0 {
                    tokio::time::sleep(Duration::from_millis(25 << round)).await;
                }
                self.count_request();
                let answer = self
                    .client
                    .batch_write_item()
                    .request_items(&self.name, std::mem::take(&mut left))
                    .return_consumed_capacity(ReturnConsumedCapacity::Total)
                    .send()
                    .await
                    .map_err(failed)?;
                Meter::add(&self.meter.write, answer.consumed_capacity());
                left = answer
                    .unprocessed_items
                    .unwrap_or_default()
                    .into_values()
                    .flatten()
                    .collect();
                if left.is_empty() {
                    break;
                }
            }
            if !left.is_empty() {
                return Err(TableError::Throttled);
            }
        }
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
        if let Some(delete) = &mut item.delete {
            delete.table_name.clone_from(&self.name);
        }
        if let Some(look) = &mut item.condition_check {
            look.table_name.clone_from(&self.name);
        }
        item
    }
}
