//! The rule set in use, looked up at most every ten seconds.
//!
//! Built-in rules decide only after a successful look that finds no ACTIVE version: a throttled table never makes them
//! decide by accident. A version that does not compile is reported, and the one before it is used.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use chrono::{DateTime, TimeDelta, Utc};
use redial_domain::RuleSetName;
use redial_rules::RuleSet;
use serde::Deserialize;

use crate::keys;
use crate::table::{Table, TableError, read};

/// A published change is live within 15 seconds (R2); this leaves 5 for the way.
const LOOK_EVERY: TimeDelta = TimeDelta::seconds(10);

/// Why there are no rules to decide with.
#[derive(Debug, thiserror::Error)]
pub enum RuleBookError {
    /// The table cannot be asked, and nothing was loaded before.
    #[error(transparent)]
    Table(#[from] TableError),
    /// No such set.
    #[error("failed to load rule set `{0}`: it is neither published nor built in")]
    Unknown(RuleSetName),
    /// Neither the active version nor the one before it compiles.
    #[error("failed to load rule set `{set}` version {version}: {finding}")]
    Broken {
        /// The set.
        set: RuleSetName,
        /// The version.
        version: u32,
        /// The first finding.
        finding: String,
    },
}

#[derive(Deserialize)]
struct Active {
    version: u32,
    #[serde(default)]
    previous: Option<u32>,
}

#[derive(Deserialize)]
struct Version {
    files: BTreeMap<String, String>,
}

#[derive(Debug, Clone)]
struct Loaded {
    set: Arc<RuleSet>,
    looked_at: DateTime<Utc>,
}

/// The rule sets of one instance of a function.
#[derive(Debug, Clone, Default)]
pub struct RuleBook(Arc<Mutex<HashMap<RuleSetName, Loaded>>>);

impl RuleBook {
    fn loaded(&self, name: &RuleSetName) -> Option<Loaded> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(name).cloned()
    }

    fn keep(&self, name: &RuleSetName, set: &Arc<RuleSet>, now: DateTime<Utc>) {
        let loaded = Loaded {
            set: Arc::clone(set),
            looked_at: now,
        };
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(name.clone(), loaded);
    }

    /// The version in use.
    ///
    /// # Errors
    /// When there is none that could decide.
    pub async fn in_use(
        &self,
        table: &Table,
        name: &RuleSetName,
        now: DateTime<Utc>,
    ) -> Result<Arc<RuleSet>, RuleBookError> {
        let before = self.loaded(name);
        if let Some(loaded) = &before
            && (now - loaded.looked_at).abs() < LOOK_EVERY
        {
            return Ok(Arc::clone(&loaded.set));
        }
        let active: Option<Active> = match table.get(&keys::rules_active(name), true).await {
            Ok(item) => item.map(read).transpose()?,
            Err(error) => {
                let Some(loaded) = before else { return Err(error.into()) };
                tracing::warn!(rules.set = %name, "rules: {error}; the version loaded before stays in use");
                return Ok(loaded.set);
            }
        };
        let set = match active {
            None => RuleSet::built_in(name).ok_or_else(|| RuleBookError::Unknown(name.clone()))?,
            Some(active) => match before.filter(|loaded| loaded.set.version() == active.version) {
                Some(loaded) => loaded.set,
                None => self.load(table, name, &active).await?,
            },
        };
        self.keep(name, &set, now);
        Ok(set)
    }

    /// A version that decided before, for later news about the same call.
    ///
    /// # Errors
    /// When it is gone or does not compile any more.
    pub async fn version(
        &self,
        table: &Table,
        name: &RuleSetName,
        version: u32,
        now: DateTime<Utc>,
    ) -> Result<Arc<RuleSet>, RuleBookError> {
        let current = self.in_use(table, name, now).await;
        match current {
            Ok(set) if set.version() == version => Ok(set),
            _ if version == 0 => RuleSet::built_in(name).ok_or_else(|| RuleBookError::Unknown(name.clone())),
            _ => compile(table, name, version).await,
        }
    }

    async fn load(&self, table: &Table, name: &RuleSetName, active: &Active) -> Result<Arc<RuleSet>, RuleBookError> {
        match (compile(table, name, active.version).await, active.previous) {
            (Err(error @ RuleBookError::Broken { .. }), Some(previous)) => {
                tracing::error!(rules.set = %name, rules.version = active.version, "{error}; version {previous} stays in use");
                if previous == 0 {
                    return RuleSet::built_in(name).ok_or_else(|| RuleBookError::Unknown(name.clone()));
                }
                compile(table, name, previous).await
            }
            (answer, _) => answer,
        }
    }
}

async fn compile(table: &Table, name: &RuleSetName, version: u32) -> Result<Arc<RuleSet>, RuleBookError> {
    let broken = |finding: String| RuleBookError::Broken {
        set: name.clone(),
        version,
        finding,
    };
    let item = table.get(&keys::rules_version(name, version), true).await?;
    let stored: Version = item
        .map(read)
        .transpose()?
        .ok_or_else(|| broken("its text is not in the table".to_owned()))?;
    RuleSet::from_files(name, version, &stored.files)
        .map(Arc::new)
        .map_err(|findings| {
            broken(
                findings
                    .first()
                    .map_or_else(|| "no reason given".to_owned(), ToString::to_string),
            )
        })
}
