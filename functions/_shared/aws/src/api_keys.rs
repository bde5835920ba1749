//! API keys: shown once, stored as SHA-256, looked up by it.
//!
//! A key has 32 random bytes, so a plain hash is as good as a slow one, and finding it by its hash compares in no
//! attacker-visible time.

use chrono::{DateTime, Utc};
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
}

impl ApiKey {
    /// The first digits of the hash: enough to name a key, nothing to use it with.
    pub fn id(&self) -> &str {
        self.hash.get(..12).unwrap_or(&self.hash)
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
        let key = format!("{KEY_PREFIX}{}", ids.secret());
        self.put_api_key(&key, name, role, provider, now).await?;
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
        let hash = hash_key(key);
        let stored = ApiKey {
            hash: hash.clone(),
            name: name.to_owned(),
            role,
            provider,
            created_at: now,
            revoked_at: None,
        };
        self.write(Change::put(keys::api_key(&hash), &stored)).await.map(|_| ())
    }

    /// The key that somebody showed, unless it is unknown or revoked.
    ///
    /// # Errors
    /// When the table cannot be reached; then nobody may pass.
    pub async fn api_key(&self, shown: &str) -> Result<Option<ApiKey>, TableError> {
        let stored = self.get(&keys::api_key(&hash_key(shown)), true).await?;
        let stored: Option<ApiKey> = stored.map_or(Ok(None), |item| read(item).map(Some))?;
        Ok(stored.filter(|key| key.revoked_at.is_none()))
    }

    /// All keys, revoked ones too.
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
