//! What follows from a commit: the slot is free again, a callback that was dialed is noted, and the bus hears what
//! became of the lead.
//!
//! It comes after the commit and outside of it, so it may be cut off; the same message again does it again. Doing it
//! twice frees nobody else's slot, and listeners may hear the same thing twice.

use redial_aws::App;
use redial_aws::attempts::StoredAttempt;
use redial_aws::bus::Happened;
use redial_aws::slots::place;
use redial_aws::talks::Talk;
use redial_domain::{Attempt, AttemptId, Campaign, CampaignId, Facts, LeadId, Owner, Phone, StatusName, StopScope};

use crate::apply_outcome::ApplyError;

/// A slot, and the attempt that held it.
pub(crate) struct HeldSlot<'a> {
    pub(crate) owner: &'a Owner,
    pub(crate) slot: &'a str,
    pub(crate) phone: &'a Phone,
    pub(crate) attempt: &'a AttemptId,
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

/// Frees the slot of an attempt, if the attempt still has it.
pub(crate) async fn free_slot(app: &App, held: &HeldSlot<'_>) -> Result<(), ApplyError> {
    let Some((shard, n)) = place(held.slot) else {
        return Ok(());
    };
    Ok(app
        .table
        .free_token(held.owner, shard, n, held.phone, held.attempt)
        .await?)
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
) -> Result<(), ApplyError> {
    let attempt = &stored.attempt;
    app.table.note_callback(attempt).await?;
    if let Some(slot) = &attempt.slot {
        let held = HeldSlot {
            owner: &Owner::from(&campaign.id),
            slot,
            phone,
            attempt: &attempt.id,
        };
        free_slot(app, &held).await?;
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
