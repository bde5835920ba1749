//! What follows from a commit: line and slot are free again, a callback that was dialed is noted, and the bus hears what
//! became of the lead.
//!
//! It comes after the commit and outside of it, so it may be cut off; the same message again does it again. Doing it
//! twice frees nobody else's line or slot, and listeners may hear the same thing twice.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use futures::future::join_all;
use redial_aws::App;
use redial_aws::attempts::StoredAttempt;
use redial_aws::bus::Happened;
use redial_aws::slots::place;
use redial_aws::talks::Talk;
use redial_domain::{Attempt, AttemptId, Campaign, CampaignId, Facts, LeadId, Owner, Phone, StatusName, StopScope};

use crate::apply_outcome::ApplyError;

/// Rounds against a transaction that holds the ledger at the moment, as a mark does; each is over in milliseconds.
const LINE_ROUNDS_MAX: u32 = 4;
/// Longest pause between two rounds.
const LINE_PAUSE: Duration = Duration::from_millis(40);

/// A slot, and the attempt that held it.
#[derive(Debug)]
pub(crate) struct HeldSlot {
    pub(crate) owner: Owner,
    pub(crate) slot: String,
    pub(crate) phone: Phone,
    pub(crate) attempt: AttemptId,
}

/// A message as it was received, and the slot that its outcome leaves: slots are freed with those of the batch, and the
/// message comes again if its own is not.
#[derive(Debug, Default)]
pub(crate) struct Receipt {
    pub(crate) redelivered: bool,
    slot: Mutex<Option<HeldSlot>>,
}

impl Receipt {
    pub(crate) fn new(redelivered: bool) -> Self {
        Self {
            redelivered,
            slot: Mutex::default(),
        }
    }

    /// Notes the slot. A message ends one attempt at most.
    pub(crate) fn leaves(&self, slot: HeldSlot) {
        *self.slot.lock().unwrap_or_else(PoisonError::into_inner) = Some(slot);
    }

    /// Whether it left a slot that is not free yet.
    pub(crate) fn holds_a_slot(&self) -> bool {
        self.slot.lock().unwrap_or_else(PoisonError::into_inner).is_some()
    }

    fn take(&self) -> Option<HeldSlot> {
        self.slot.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// What became of a lead.
pub(crate) struct News<'a> {
    pub(crate) lead: &'a LeadId,
    pub(crate) campaign: &'a CampaignId,
    pub(crate) from: &'a StatusName,
    pub(crate) to: &'a StatusName,
    pub(crate) stop: Option<StopScope>,
    pub(crate) parked: bool,
}

type Noted<'a> = (&'a Receipt, HeldSlot);

/// Frees the slots that messages of a batch leave, each if its attempt still has it; those of one slot item by one write.
/// One that could not be freed stays noted.
pub(crate) async fn free_slots(app: &App, receipts: impl Iterator<Item = &Receipt>) {
    // By owner, shard and number of the slot item.
    let mut items: BTreeMap<(String, u32, u32), Vec<Noted<'_>>> = BTreeMap::new();
    for receipt in receipts {
        if let Some(held) = receipt.take()
            && let Some((shard, n)) = place(&held.slot)
        {
            let item = items.entry((held.owner.to_string(), shard, n)).or_default();
            item.push((receipt, held));
        }
    }
    join_all(items.into_iter().map(|((_, shard, n), held)| async move {
        let token = |(_, held): &Noted<'_>| (held.phone.clone(), held.attempt.clone());
        let tokens: Vec<_> = held.iter().map(token).collect();
        let Some(owner) = held.first().map(|(_, held)| held.owner.clone()) else {
            return;
        };
        if let Err(error) = app.table.free_tokens(&owner, shard, n, &tokens).await {
            tracing::warn!("{} slots not freed: {error}", held.len());
            for (receipt, held) in held {
                receipt.leaves(held);
            }
        }
    }))
    .await;
}

/// Frees the line of an attempt that is finished, if the attempt still has it.
pub(crate) async fn free_line(app: &App, phone: &Phone, finished: &AttemptId) -> Result<(), ApplyError> {
    for n in 1..LINE_ROUNDS_MAX {
        match app.table.free_line(phone, finished).await {
            Err(error) if error.is_conflict() => tokio::time::sleep(app.ids.jitter(LINE_PAUSE * n)).await,
            freed => return Ok(freed?),
        }
    }
    Ok(app.table.free_line(phone, finished).await?)
}

/// Tells the bus what an attempt did to its lead.
pub(crate) async fn tell(app: &App, attempt: &AttemptId, news: &News<'_>) -> Result<(), ApplyError> {
    Ok(app.bus.publish(attempt.as_str(), &news.happened()).await?)
}

/// Notes what was said, for people who look at the lead.
pub(crate) async fn note_talk(
    app: &App,
    phone: &Phone,
    attempt: &Attempt,
    facts: &Facts,
    is_first: bool,
) -> Result<(), ApplyError> {
    match Talk::of(&attempt.id, facts, attempt.ended_at) {
        Some(talk) => Ok(app.table.note_talk(phone, &attempt.campaign, &talk, is_first).await?),
        None => Ok(()),
    }
}

/// The same message again: whatever follows from it may not have been done.
pub(crate) async fn resume(
    app: &App,
    phone: &Phone,
    campaign: &Campaign,
    stored: &StoredAttempt,
    receipt: &Receipt,
) -> Result<(), ApplyError> {
    let attempt = &stored.attempt;
    app.table.note_callback(attempt).await?;
    if let Some(slot) = &attempt.slot {
        receipt.leaves(HeldSlot {
            owner: Owner::from(&campaign.id),
            slot: slot.clone(),
            phone: phone.clone(),
            attempt: attempt.id.clone(),
        });
    }
    if let Some(decision) = &attempt.decision {
        let news = News {
            lead: &attempt.lead,
            campaign: &campaign.id,
            from: &decision.from,
            to: &decision.to,
            stop: decision.stop,
            parked: false,
        };
        tell(app, &attempt.id, &news).await?;
    }
    Ok(())
}

impl News<'_> {
    fn happened(&self) -> Vec<Happened> {
        let mut happened = Vec::new();
        if self.from != self.to {
            happened.push(Happened::LeadStatusChanged {
                lead: self.lead.clone(),
                campaign: self.campaign.clone(),
                from: self.from.clone(),
                to: self.to.clone(),
            });
        }
        if let Some(scope) = self.stop {
            happened.push(Happened::LeadStopped {
                lead: self.lead.clone(),
                campaign: self.campaign.clone(),
                scope,
            });
        }
        if self.parked {
            happened.push(Happened::LeadParked {
                lead: self.lead.clone(),
                campaign: self.campaign.clone(),
            });
        }
        happened
    }
}
