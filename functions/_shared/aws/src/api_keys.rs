//! API keys: shown once, stored as SHA-256, looked up by it. And sessions, which browsers show in place of a key.
//!
//! A key has 32 random bytes, so a plain hash is as good as a slow one, and finding it by its hash compares in no
//! attacker-visible time. So does a session, which lives as long as its key does, and half a day at most.

use chrono::{DateTime, TimeDelta, Utc};
use redial_domain::{Actor, Role};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::clock::Ids;
use crate::keys;
use crate::table::{Change, Query, Table, TableError, read};

/// What every key begins with, so that scanners of leaked secrets find it.
pub const KEY_PREFIX: &str = "rdl_";

/// Keys of one deployment.
const KEYS_MAX: i32 = 1_000;
/// When a key was last used is written down at most this often: one write unit a key and hour.
const USE_NOTED_EVERY: TimeDelta = TimeDelta::hours(1);
/// A session lasts a working day.
pub const SESSION: TimeDelta = TimeDelta::hours(12);
/// Wrong keys from one address within [`WRONG_KEYS_WINDOW`], after which it is told to wait. A script with an old key in
/// it tries about once a second; a person mistypes a few times.
pub const WRONG_KEYS_MAX: u64 = 20;
/// See [`WRONG_KEYS_MAX`].
pub const WRONG_KEYS_WINDOW: TimeDelta = TimeDelta::minutes(10);

/// A stored key.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ApiKey {
    /// SHA-256 of the key in hex.
    pub hash: String,
    /// Whose key it is, for activities.
    pub name: String,
    /// What it may do.
    pub role: Role,
    /// The only provider whose webhooks a [`Role::Webhook`] key may post.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider: Option<String>,
    /// When it was made.
    #[serde(with = "chrono::serde::ts_milliseconds")]
    pub created_at: DateTime<Utc>,
    /// When it was revoked.
    #[serde(
        default,
        with = "chrono::serde::ts_milliseconds_option",
        skip_serializing_if = "Option::is_none"
    )]
    pub revoked_at: Option<DateTime<Utc>>,
    /// Until when it may be used; none is until somebody revokes it.
    #[serde(
        default,
        with = "chrono::serde::ts_milliseconds_option",
        skip_serializing_if = "Option::is_none"
    )]
    pub valid_until: Option<DateTime<Utc>>,
    /// When it was last used, to the hour.
    #[serde(
        default,
        with = "chrono::serde::ts_milliseconds_option",
        skip_serializing_if = "Option::is_none"
    )]
    pub last_used_at: Option<DateTime<Utc>>,
}

/// A session of a browser.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Session {
    /// The hash of the key that opened it.
    pub key: String,
    /// When it ends, epoch seconds; DynamoDB deletes it some time after.
    pub expires_at: i64,
}

/// What somebody shows who asks.
#[derive(Clone, Copy)]
pub enum Shown<'a> {
    /// A key.
    Key(&'a str),
    /// The token of a session.
    Session(&'a str),
}

impl std::fmt::Debug for Shown<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Key(_) => "Key",
            Self::Session(_) => "Session",
        })
    }
}

impl ApiKey {
    /// The first digits of the hash: enough to name a key, nothing to use it with.
    pub fn id(&self) -> &str {
        self.hash.get(..12).unwrap_or(&self.hash)
    }

    /// Whether it opens anything now.
    pub fn is_valid(&self, now: DateTime<Utc>) -> bool {
        self.revoked_at.is_none() && self.valid_until.is_none_or(|until| until > now)
    }

    /// Who acts with it.
    pub fn actor(&self) -> Actor {
        Actor {
            name: self.name.clone(),
            role: self.role,
        }
    }
}

/// The hash under which a key is stored.
pub fn hash_key(key: &str) -> String {
    hex::encode(Sha256::digest(key.as_bytes()))
}

/// What a page has to repeat in a header when it changes something with a session: a page of another origin can make a
/// browser send the cookie, and cannot read this.
pub fn csrf_token(session: &str) -> String {
    hash_key(&format!("csrf {session}"))
}

impl Table {
    /// Makes a key and gives it, this once.
    ///
    /// # Errors
    /// When the table cannot be reached.
    pub async fn create_api_key(
        &self,
        ids: &Ids,
        name: &str,
        role: Role,
        provider: Option<String>,
        now: DateTime<Utc>,
    ) -> Result<String, TableError> {
        self.create_api_key_until(ids, name, role, provider, (now, None)).await
    }

    /// As [`Table::create_api_key`]; the key may be used until then.
    ///
    /// # Errors
    /// When the table cannot be reached.
    pub async fn create_api_key_until(
        &self,
        ids: &Ids,
        name: &str,
        role: Role,
        provider: Option<String>,
        (now, valid_until): (DateTime<Utc>, Option<DateTime<Utc>>),
    ) -> Result<String, TableError> {
        let key = format!("{KEY_PREFIX}{}", ids.secret());
        let stored = ApiKey {
            valid_until,
            ..new_key(&key, name, role, provider, now)
        };
        self.write(Change::put(keys::api_key(&stored.hash), &stored)).await?;
        Ok(key)
    }

    /// Stores a key that somebody else chose.
    ///
    /// # Errors
    /// When the table cannot be reached.
    pub async fn put_api_key(
        &self,
        key: &str,
        name: &str,
        role: Role,
        provider: Option<String>,
        now: DateTime<Utc>,
    ) -> Result<(), TableError> {
        let stored = new_key(key, name, role, provider, now);
        self.write(Change::put(keys::api_key(&stored.hash), &stored))
            .await
            .map(|_| ())
    }

    /// The key that somebody showed, unless it is unknown, revoked or over.
    ///
    /// # Errors
    /// When the table cannot be reached; then nobody may pass.
    pub async fn api_key(&self, shown: &str, now: DateTime<Utc>) -> Result<Option<ApiKey>, TableError> {
        self.key_of_hash(&hash_key(shown), now).await
    }

    /// The key behind what somebody shows. Notes that it was used.
    ///
    /// # Errors
    /// When the table cannot be reached; then nobody may pass.
    pub async fn who(&self, shown: Shown<'_>, now: DateTime<Utc>) -> Result<Option<ApiKey>, TableError> {
        let found = match shown {
            Shown::Key(key) => self.api_key(key, now).await?,
            Shown::Session(token) => match self.session(token, now).await? {
                Some(session) => self.key_of_hash(&session.key, now).await?,
                None => None,
            },
        };
        if let Some(key) = &found
            && key.last_used_at.is_none_or(|at| now - at >= USE_NOTED_EVERY)
        {
            let change = Change::update(keys::api_key(&key.hash), "SET #last_used_at = :now")
                .value(":now", now.timestamp_millis())
                .value(":before", (now - USE_NOTED_EVERY).timestamp_millis())
                .when("attribute_exists(#pk) AND (attribute_not_exists(#last_used_at) OR #last_used_at <= :before)");
            // A key that cannot be noted as used opens all the same.
            if let Err(error) = self.ignoring_condition(change).await {
                tracing::warn!("use of a key not noted: {error}");
            }
        }
        Ok(found)
    }

    async fn key_of_hash(&self, hash: &str, now: DateTime<Utc>) -> Result<Option<ApiKey>, TableError> {
        let stored = self.get(&keys::api_key(hash), true).await?;
        let stored: Option<ApiKey> = stored.map_or(Ok(None), |item| read(item).map(Some))?;
        Ok(stored.filter(|key| key.is_valid(now)))
    }

    /// Opens a session and gives its token, this once.
    ///
    /// # Errors
    /// When the table cannot be reached.
    pub async fn open_session(
        &self,
        ids: &Ids,
        key: &ApiKey,
        now: DateTime<Utc>,
    ) -> Result<(String, DateTime<Utc>), TableError> {
        let token = ids.secret();
        let until = key.valid_until.map_or(now + SESSION, |end| end.min(now + SESSION));
        let session = Session {
            key: key.hash.clone(),
            expires_at: until.timestamp(),
        };
        self.write(Change::put(keys::session(&hash_key(&token)), &session))
            .await?;
        Ok((token, until))
    }

    /// A session that has not ended.
    ///
    /// # Errors
    /// When the table cannot be reached.
    pub async fn session(&self, token: &str, now: DateTime<Utc>) -> Result<Option<Session>, TableError> {
        let stored = self.get(&keys::session(&hash_key(token)), true).await?;
        let stored: Option<Session> = stored.map_or(Ok(None), |item| read(item).map(Some))?;
        Ok(stored.filter(|session| session.expires_at > now.timestamp()))
    }

    /// Ends a session; one that has ended already stays so.
    ///
    /// # Errors
    /// When the table cannot be reached.
    pub async fn close_session(&self, token: &str) -> Result<(), TableError> {
        let change = Change::update(keys::session(&hash_key(token)), "SET #expires_at = :past")
            .value(":past", 0)
            .when("attribute_exists(#pk)");
        self.ignoring_condition(change).await.map(|_| ())
    }

    /// Counts a wrong key from an address. `false` when there were too many: then the address has to wait. What is
    /// stored is a hash, as an address is personal data.
    ///
    /// # Errors
    /// When the table cannot be reached.
    pub async fn count_wrong_key(&self, address: &str, now: DateTime<Utc>) -> Result<bool, TableError> {
        let window_s = WRONG_KEYS_WINDOW.num_seconds();
        let window = now.timestamp().div_euclid(window_s);
        let key = keys::wrong_keys(&hash_key(&format!("address {address}")), window);
        let change = Change::update(key, "SET #expires_at = :end ADD #n :one")
            .value(":end", (window + 2) * window_s)
            .value(":one", 1)
            .value(":max", WRONG_KEYS_MAX)
            .when("attribute_not_exists(#n) OR #n < :max");
        self.ignoring_condition(change).await
    }

    /// All keys, those that are over too.
    ///
    /// # Errors
    /// When they cannot be read.
    pub async fn api_keys(&self) -> Result<Vec<ApiKey>, TableError> {
        let page = self
            .query(
                &Query {
                    consistent: true,
                    ..Query::table(keys::API_KEYS, KEYS_MAX)
                },
                None,
            )
            .await?;
        let mut found: Vec<ApiKey> = page.items.into_iter().map(read).collect::<Result<_, _>>()?;
        found.sort_by_key(|key| key.created_at);
        Ok(found)
    }

    /// Revokes a key by the beginning of its hash, as [`ApiKey::id`] shows it. Gives the key, or nothing when no key or
    /// more than one begins so.
    ///
    /// # Errors
    /// When the table cannot be reached.
    pub async fn revoke_api_key(&self, id: &str, now: DateTime<Utc>) -> Result<Option<ApiKey>, TableError> {
        let all = self.api_keys().await?;
        let mut found = all.into_iter().filter(|key| id.len() >= 6 && key.hash.starts_with(id));
        let (Some(mut key), None) = (found.next(), found.next()) else {
            return Ok(None);
        };
        let change = Change::update(
            keys::api_key(&key.hash),
            "SET #revoked_at = if_not_exists(#revoked_at, :now)",
        )
        .value(":now", now.timestamp_millis())
        .when("attribute_exists(#pk)");
        self.write(change).await?;
        key.revoked_at.get_or_insert(now);
        Ok(Some(key))
    }
}

fn new_key(key: &str, name: &str, role: Role, provider: Option<String>, now: DateTime<Utc>) -> ApiKey {
    ApiKey {
        hash: hash_key(key),
        name: name.to_owned(),
        role,
        provider,
        created_at: now,
        revoked_at: None,
        valid_until: None,
        last_used_at: None,
    }
}
