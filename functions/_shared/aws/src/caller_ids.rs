//! How often each number was shown on a day (P4).
//!
//! One small item for each number and local day, whichever campaign shows it. It is written alone, never in a transaction,
//! and on condition of the number's rest and maximum: neither is ever exceeded. A call that was not placed in the end has
//! used up its place, so the count may be a little more than the calls; it is never less.

use std::collections::HashMap;

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use redial_domain::{CallerId, CallerIdUse, Phone};

use crate::keys;
use crate::layout::EXPIRES_AT;
use crate::table::{Change, Key, Table, TableError, read};

/// Days for which the counts are kept: last month's can be looked at.
const KEPT_DAYS: i64 = 40;

impl Table {
    /// How often numbers were shown on a day; those that were not are left out. A second or two old.
    ///
    /// # Errors
    /// When they cannot be read.
    pub async fn caller_id_uses(
        &self,
        pool: &[CallerId],
        date: NaiveDate,
    ) -> Result<HashMap<Phone, CallerIdUse>, TableError> {
        let by_key: HashMap<Key, &Phone> = pool
            .iter()
            .map(|caller_id| (keys::caller_id_day(&caller_id.number, date), &caller_id.number))
            .collect();
        let wanted: Vec<Key> = by_key.keys().cloned().collect();
        let mut uses = HashMap::new();
        for item in self.batch_get(&wanted, false).await? {
            if let Some(number) = Key::of(&item).and_then(|key| by_key.get(&key)) {
                uses.insert((*number).clone(), read(item)?);
            }
        }
        Ok(uses)
    }

    /// Counts a call that shows a number. `false` when the number rests, or had its calls of the day.
    ///
    /// # Errors
    /// When the table cannot be reached; then the call may be counted, and is not to be placed.
    pub async fn show_caller_id(
        &self,
        caller_id: &CallerId,
        date: NaiveDate,
        now: DateTime<Utc>,
    ) -> Result<bool, TableError> {
        let mut change = Change::update(
            keys::caller_id_day(&caller_id.number, date),
            &format!("ADD #n :one SET #last = :now, #{EXPIRES_AT} = :expires"),
        )
        .value(":one", 1)
        .value(":now", now.timestamp_millis())
        .value(":expires", (now + TimeDelta::days(KEPT_DAYS)).timestamp());
        let mut conditions = Vec::new();
        if let Some(max) = caller_id.calls_per_day_max {
            conditions.push("(attribute_not_exists(#n) OR #n < :max)");
            change = change.value(":max", max);
        }
        if caller_id.cooldown_s > 0 {
            conditions.push("(attribute_not_exists(#last) OR #last <= :rested)");
            let rested = now - TimeDelta::seconds(i64::from(caller_id.cooldown_s));
            change = change.value(":rested", rested.timestamp_millis());
        }
        if !conditions.is_empty() {
            change = change.when(&conditions.join(" AND "));
        }
        self.ignoring_condition(change).await
    }
}
