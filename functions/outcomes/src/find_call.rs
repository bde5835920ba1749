//! Finds the attempt that a delivery is about.
//!
//! In this order: our id, which came back with the call; the provider's id, in flight or among the newest attempts; and
//! for a call whose id we never learned, a look at the provider. A phone number alone never releases a line: a late
//! delivery about yesterday's call would free today's.

use chrono::TimeDelta;
use redial_aws::App;
use redial_aws::attempts::StoredAttempt;
use redial_domain::{AttemptId, CallEvent, CampaignId, Direction, InFlight, Lead, Ledger, Phone};
use redial_telephony::bland::BlandClient;

use crate::apply_outcome::ApplyError;

/// Attempts that a delivery without our id is looked for in: two days of a phone at its cap.
const RECENT_MAX: i32 = 20;
/// A provider's clock may be this much behind ours when it says that it took a call.
const CLOCKS_DIFFER: TimeDelta = TimeDelta::seconds(60);

/// What a delivery is about.
#[derive(Debug)]
pub(crate) enum Call {
    /// The attempt in flight.
    InFlight(Box<InFlight>),
    /// An attempt that is finished already.
    Finished(Box<StoredAttempt>),
    /// One of ours that neither ledger nor history knows: its reservation was given back, and yet a call was placed.
    Orphan(AttemptId, CampaignId),
    /// A call by a lead.
    Inbound(Box<Lead>),
    /// Nothing of ours.
    Nothing,
}

pub(crate) async fn find_call(
    app: &App,
    bland: Option<&BlandClient>,
    event: &CallEvent,
    phone: &Phone,
    ledger: &Ledger,
) -> Result<Call, ApplyError> {
    if let Some(id) = &event.ours.attempt {
        if let Some(inflight) = ledger.inflight.as_ref().filter(|inflight| inflight.id == *id) {
            return Ok(Call::InFlight(Box::new(inflight.clone())));
        }
        if let Some(stored) = app.table.attempt(phone, id).await? {
            return Ok(Call::Finished(Box::new(stored)));
        }
        if let (Some(campaign), Direction::Outbound) = (&event.ours.campaign, event.direction) {
            return Ok(Call::Orphan(id.clone(), campaign.clone()));
        }
    }
    if let Some(call_id) = &event.call_id {
        if let Some(inflight) = ledger
            .inflight
            .as_ref()
            .filter(|inflight| inflight.call_id.as_ref() == Some(call_id))
        {
            return Ok(Call::InFlight(Box::new(inflight.clone())));
        }
        let recent = app.table.recent_attempts(phone, RECENT_MAX).await?;
        if let Some(stored) = recent
            .into_iter()
            .find(|stored| stored.attempt.call_id.as_ref() == Some(call_id))
        {
            return Ok(Call::Finished(Box::new(stored)));
        }
    }
    if event.direction == Direction::Inbound {
        let now = app.clock.now();
        let mut leads = app.table.leads_of(phone, now).await?;
        // A lead that waits for a call is the one that the person knows us from.
        leads.sort_by_key(|lead| (!lead.state.waits(), std::cmp::Reverse(lead.updated_at)));
        return Ok(leads
            .into_iter()
            .next()
            .map_or(Call::Nothing, |lead| Call::Inbound(Box::new(lead))));
    }
    match &ledger.inflight {
        Some(inflight)
            if inflight.call_id.is_none()
                && may_be(event, inflight)
                && is_at_provider(bland, event, inflight).await? =>
        {
            Ok(Call::InFlight(Box::new(inflight.clone())))
        }
        _ => Ok(Call::Nothing),
    }
}

/// Whether a delivery may be about an attempt whose call id we never learned.
fn may_be(event: &CallEvent, inflight: &InFlight) -> bool {
    event.call_id.is_some()
        && event
            .facts
            .created_at
            .is_none_or(|created| created >= inflight.reserved_at - CLOCKS_DIFFER)
}

/// Whether the provider's own record of the call names the attempt.
async fn is_at_provider(
    bland: Option<&BlandClient>,
    event: &CallEvent,
    inflight: &InFlight,
) -> Result<bool, ApplyError> {
    let (Some(bland), Some(call_id)) = (bland, &event.call_id) else {
        return Ok(false);
    };
    let details = bland.details(call_id).await?;
    Ok(details.is_some_and(|details| details.ours.attempt.as_ref() == Some(&inflight.id)))
}
