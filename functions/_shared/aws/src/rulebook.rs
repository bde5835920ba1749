//! The rule set in use, looked up at most every ten seconds.
//!
//! Built-in rules decide only after a successful look that finds no ACTIVE version: a throttled table never makes them
//! decide by accident. A version that does not compile is reported, and the one before it is used. A version is read
//! and compiled once; a look only asks which one is in use.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use chrono::{DateTime, TimeDelta, Utc};
use redial_domain::{Phone, RuleSetName};
use redial_rules::RuleSet;

use crate::rule_store::{Active, Rollout};
use crate::table::{Table, TableError};

/// A published change is live within 15 seconds (R2); this leaves 5 for the way.
const LOOK_EVERY: TimeDelta = TimeDelta::seconds(10);

/// Compiled versions that are kept, beside those in use: later news comes about calls that older ones decided, and a
/// version is about 100 KB compiled.
const COMPILED_MAX: usize = 16;

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

/// What is in use of one set.
#[derive(Debug, Clone)]
struct Loaded {
    set: Arc<RuleSet>,
    /// A version on trial, and for whom.
    trial: Option<(Arc<RuleSet>, Rollout)>,
    /// What was active at the last look; none is "nothing published".
    epoch: Option<u64>,
    looked_at: DateTime<Utc>,
}

type Compiled = VecDeque<((RuleSetName, u32), Arc<RuleSet>)>;

#[derive(Debug, Default)]
struct Pages {
    in_use: HashMap<RuleSetName, Loaded>,
    /// The newest at the back.
    compiled: Compiled,
}

/// The rule sets of one instance of a function.
#[derive(Debug, Clone, Default)]
pub struct RuleBook {
    pages: Arc<Mutex<Pages>>,
    /// The messages of a batch come side by side: one of them looks, the others find what it saw.
    turn: Arc<tokio::sync::Mutex<()>>,
}

impl RuleBook {
    /// The version in use, for what is not about one phone: defaults, labels, the status of new leads.
    ///
    /// # Errors
    /// When there is none that could decide.
    pub async fn in_use(
        &self,
        table: &Table,
        name: &RuleSetName,
        now: DateTime<Utc>,
    ) -> Result<Arc<RuleSet>, RuleBookError> {
        Ok(self.look(table, name, now).await?.set)
    }

    /// The version that decides about a phone: the one in use, or the one on trial if the phone is in its share.
    ///
    /// # Errors
    /// As [`RuleBook::in_use`].
    pub async fn for_phone(
        &self,
        table: &Table,
        name: &RuleSetName,
        phone: &Phone,
        now: DateTime<Utc>,
    ) -> Result<Arc<RuleSet>, RuleBookError> {
        let loaded = self.look(table, name, now).await?;
        Ok(match loaded.trial {
            Some((set, rollout)) if rollout.takes(phone) => set,
            _ => loaded.set,
        })
    }

    /// One version, such as the one that decided about a call before.
    ///
    /// # Errors
    /// When it is gone or does not compile any more.
    pub async fn version(
        &self,
        table: &Table,
        name: &RuleSetName,
        version: u32,
    ) -> Result<Arc<RuleSet>, RuleBookError> {
        if version == 0 {
            return RuleSet::built_in(name).ok_or_else(|| RuleBookError::Unknown(name.clone()));
        }
        let key = (name.clone(), version);
        if let Some(set) = self.compiled(&key) {
            return Ok(set);
        }
        let set = compile(table, name, version).await?;
        let mut pages = self.pages();
        if pages.compiled.len() >= COMPILED_MAX {
            pages.compiled.pop_front();
        }
        pages.compiled.push_back((key, Arc::clone(&set)));
        Ok(set)
    }

    fn pages(&self) -> std::sync::MutexGuard<'_, Pages> {
        self.pages.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn compiled(&self, key: &(RuleSetName, u32)) -> Option<Arc<RuleSet>> {
        let mut pages = self.pages();
        let at = pages.compiled.iter().position(|(known, _)| known == key)?;
        let entry = pages.compiled.remove(at)?;
        let set = Arc::clone(&entry.1);
        pages.compiled.push_back(entry);
        Some(set)
    }

    fn seen_lately(&self, name: &RuleSetName, now: DateTime<Utc>) -> Option<Loaded> {
        let pages = self.pages();
        let loaded = pages.in_use.get(name)?;
        ((now - loaded.looked_at).abs() < LOOK_EVERY).then(|| loaded.clone())
    }

    async fn look(&self, table: &Table, name: &RuleSetName, now: DateTime<Utc>) -> Result<Loaded, RuleBookError> {
        if let Some(loaded) = self.seen_lately(name, now) {
            return Ok(loaded);
        }
        let _turn = self.turn.lock().await;
        if let Some(loaded) = self.seen_lately(name, now) {
            return Ok(loaded);
        }
        let before = self.pages().in_use.get(name).cloned();
        let active = match (table.rules_active(name).await, &before) {
            (Ok(active), _) => active,
            (Err(error), None) => return Err(error.into()),
            (Err(error), Some(loaded)) => {
                tracing::warn!(rules.set = %name, "rules: {error}; the version loaded before stays in use");
                return Ok(loaded.clone());
            }
        };
        let epoch = active.as_ref().map(|active| active.epoch);
        let loaded = match (before, &active) {
            (Some(loaded), _) if loaded.epoch == epoch => Loaded {
                looked_at: now,
                ..loaded
            },
            (_, None) => Loaded {
                set: RuleSet::built_in(name).ok_or_else(|| RuleBookError::Unknown(name.clone()))?,
                trial: None,
                epoch,
                looked_at: now,
            },
            (before, Some(active)) => match self.load(table, name, active, now).await {
                Ok(loaded) => loaded,
                // Throttled between two reads: what decided a moment ago decides until the next look.
                Err(RuleBookError::Table(error)) if before.is_some() => {
                    tracing::warn!(rules.set = %name, "rules: {error}; the version loaded before stays in use");
                    return before.ok_or(RuleBookError::Table(error));
                }
                Err(error) => return Err(error),
            },
        };
        self.pages().in_use.insert(name.clone(), loaded.clone());
        Ok(loaded)
    }

    async fn load(
        &self,
        table: &Table,
        name: &RuleSetName,
        active: &Active,
        now: DateTime<Utc>,
    ) -> Result<Loaded, RuleBookError> {
        let set = match (self.version(table, name, active.version).await, active.previous) {
            (Err(error @ RuleBookError::Broken { .. }), Some(previous)) => {
                tracing::error!(rules.set = %name, rules.version = active.version, "{error}; version {previous} stays in use");
                self.version(table, name, previous).await?
            }
            (answer, _) => answer?,
        };
        let trial = match &active.rollout {
            None => None,
            Some(rollout) => match self.version(table, name, rollout.version).await {
                Ok(set) => Some((set, rollout.clone())),
                Err(error @ RuleBookError::Broken { .. }) => {
                    tracing::error!(rules.set = %name, rules.version = rollout.version, "{error}; it decides for nobody");
                    None
                }
                Err(error) => return Err(error),
            },
        };
        Ok(Loaded {
            set,
            trial,
            epoch: Some(active.epoch),
            looked_at: now,
        })
    }
}

async fn compile(table: &Table, name: &RuleSetName, version: u32) -> Result<Arc<RuleSet>, RuleBookError> {
    let broken = |finding: String| RuleBookError::Broken {
        set: name.clone(),
        version,
        finding,
    };
    let stored = match table.rules_version(name, version).await {
        Err(TableError::Corrupt(why)) => return Err(broken(why)),
        found => found?.ok_or_else(|| broken("its text is not in the table".to_owned()))?,
    };
    RuleSet::from_files(name, version, &stored.files)
        .map(Arc::new)
        .map_err(|findings| {
            let first = findings.first().map(ToString::to_string);
            broken(first.unwrap_or_else(|| "no reason given".to_owned()))
        })
}
