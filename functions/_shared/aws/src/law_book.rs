//! The law book as it is here: this build's, with the bans and records that people added.
//!
//! Data flow: one item holds what was added → its version stands in every gate copy, which each call reads consistently
//! → an instance that holds an older one reads the item again. So a ban is seen by the very next call, not when a cache
//! runs out.

use std::sync::{Arc, Mutex, PoisonError};

use chrono::{DateTime, TimeDelta, Utc};
use redial_domain::law::{Additions, Law};

use crate::keys;
use crate::table::{Table, TableError, read};

/// Without a gate copy's word the item is read again after this long, as a campaign is.
const KEPT: TimeDelta = TimeDelta::seconds(10);

type Read = Option<(Arc<Law>, DateTime<Utc>)>;

/// The law book of one instance of a function.
#[derive(Debug, Clone, Default)]
pub struct LawBook {
    known: Arc<Mutex<Read>>,
    /// As with campaigns: of those who come side by side one reads.
    turn: Arc<tokio::sync::Mutex<()>>,
}

impl LawBook {
    pub(crate) async fn get(
        &self,
        table: &Table,
        book: &Law,
        at_least: u64,
        now: DateTime<Utc>,
    ) -> Result<Arc<Law>, TableError> {
        if let Some(law) = self.known(at_least, now) {
            return Ok(law);
        }
        let _turn = self.turn.lock().await;
        if let Some(law) = self.known(at_least, now) {
            return Ok(law);
        }
        let additions = table.law_additions().await?;
        // INVARIANT: what cannot be read as law stops the calls; the book alone would forget a ban.
        let law = book.with(&additions);
        let law = Arc::new(law.map_err(|error| TableError::Corrupt(error.to_string()))?);
        *self.known.lock().unwrap_or_else(PoisonError::into_inner) = Some((Arc::clone(&law), now));
        Ok(law)
    }

    fn known(&self, at_least: u64, now: DateTime<Utc>) -> Option<Arc<Law>> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let (law, read_at) = known.as_ref()?;
        let is_new = law.version() >= at_least && (now - *read_at).abs() < KEPT;
        is_new.then(|| Arc::clone(law))
    }
}

impl Table {
    /// What people added to the law book, consistently.
    ///
    /// # Errors
    /// When it cannot be read; then nothing may be dialed.
    pub async fn law_additions(&self) -> Result<Additions, TableError> {
        self.get(&keys::law(), true)
            .await?
            .map_or_else(|| Ok(Additions::default()), read)
    }
}
