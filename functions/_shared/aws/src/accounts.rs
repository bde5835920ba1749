//! How we stand with a provider: whether its account is closed for a while, and since when it answers no questions.
//!
//! One item for each provider. It says nothing about leads or calls. How its limits are kept is in [`crate::account_shares`].

use chrono::serde::ts_milliseconds_option as millis;
use chrono::{DateTime, Utc};
use serde::Deserialize;

use crate::keys;
use crate::table::{Change, Table, TableError, read};

/// A provider's account as it was read.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub struct Account {
    /// Nothing is placed before this.
    #[serde(default, with = "millis")]
    pub closed_until: Option<DateTime<Utc>>,
    /// Why it was closed last.
    #[serde(default, rename = "why")]
    pub closed_why: Option<String>,
    /// Since when it does not answer what became of calls.
    #[serde(default, with = "millis")]
    pub silent_since: Option<DateTime<Utc>>,
    /// What it says instead.
    #[serde(default)]
    pub silent_why: Option<String>,
    /// Calls at once over all campaigns; none is without limit.
    #[serde(default, rename = "at_once")]
    pub calls_at_once_max: Option<u32>,
    /// Calls started in any minute over all campaigns; none is without limit.
    #[serde(default, rename = "per_minute")]
    pub calls_per_minute_max: Option<u32>,
}

/// Most calls at once that an account may be set to. Bland's published plans have 10, 50 and 100; beyond is by contract.
pub const CALLS_AT_ONCE_MAX: u32 = 10_000;

/// Most calls a minute that an account may be set to: a hundred a second, where one partition of the table is still far
/// from its limit.
pub const CALLS_PER_MINUTE_MAX: u32 = 6_000;

impl Account {
    /// Whether campaigns have to share it.
    pub const fn has_limits(&self) -> bool {
        self.calls_at_once_max.is_some() || self.calls_per_minute_max.is_some()
    }
}

impl Table {
    /// A provider's account.
    ///
    /// # Errors
    /// When it cannot be read.
    pub async fn account(&self, provider: &str) -> Result<Account, TableError> {
        self.get(&keys::account(provider), false)
            .await?
            .map_or_else(|| Ok(Account::default()), read)
    }

    /// When a provider account is closed until, if it is.
    ///
    /// # Errors
    /// When it cannot be read.
    pub async fn account_closed_until(&self, provider: &str) -> Result<Option<DateTime<Utc>>, TableError> {
        Ok(self.account(provider).await?.closed_until)
    }

    /// Sets the limits of a provider account. They hold from the next minute on.
    ///
    /// # Errors
    /// When the table cannot be reached.
    pub async fn limit_account(&self, provider: &str, limits: &Account) -> Result<(), TableError> {
        let change = Change::update(
            keys::account(provider),
            "SET #at_once = :at_once, #per_minute = :per_minute",
        )
        .value(":at_once", limits.calls_at_once_max)
        .value(":per_minute", limits.calls_per_minute_max);
        self.write(change).await.map(|_| ())
    }

    /// Closes a provider account until a time, with a reason for people. Never shortens a closing.
    ///
    /// # Errors
    /// When the table cannot be reached.
    pub async fn close_account(&self, provider: &str, until: DateTime<Utc>, why: &str) -> Result<(), TableError> {
        let change = Change::update(keys::account(provider), "SET #closed_until = :until, #why = :why")
            .value(":until", until.timestamp_millis())
            .value(":why", why)
            .when("attribute_not_exists(#closed_until) OR #closed_until < :until");
        self.ignoring_condition(change).await.map(|_| ())
    }

    /// Counts a failure of a provider account in the current minute and gives the count.
    ///
    /// # Errors
    /// When the table cannot be reached.
    pub async fn count_account_error(&self, provider: &str, now: DateTime<Utc>) -> Result<u32, TableError> {
        let minute = now.timestamp().div_euclid(60);
        let again = Change::update(keys::account(provider), "ADD #errors :one")
            .value(":one", 1)
            .value(":m", minute)
            .when("#minute = :m");
        let item = match self.write(again).await {
            Err(TableError::Condition(_)) => {
                let first = Change::update(keys::account(provider), "SET #minute = :m, #errors = :one")
                    .value(":one", 1)
                    .value(":m", minute);
                self.write(first).await?
            }
            other => other?,
        };
        Ok(item
            .get("errors")
            .and_then(|v| v.as_n().ok())
            .and_then(|n| n.parse().ok())
            .unwrap_or(1))
    }

    /// Notes that a provider does not answer, and what it says instead. The first time stays.
    ///
    /// # Errors
    /// When the table cannot be reached.
    pub async fn note_silence(&self, provider: &str, now: DateTime<Utc>, why: &str) -> Result<(), TableError> {
        let change = Change::update(
            keys::account(provider),
            "SET #silent_since = if_not_exists(#silent_since, :now), #silent_why = :why",
        )
        .value(":now", now.timestamp_millis())
        .value(":why", why);
        self.write(change).await.map(|_| ())
    }

    /// Notes that a provider answers again.
    ///
    /// # Errors
    /// When the table cannot be reached.
    pub async fn end_silence(&self, provider: &str) -> Result<(), TableError> {
        let change = Change::update(keys::account(provider), "REMOVE #silent_since, #silent_why")
            .when("attribute_exists(#silent_since)");
        self.ignoring_condition(change).await.map(|_| ())
    }
}
