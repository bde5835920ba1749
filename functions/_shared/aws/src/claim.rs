//! Claims leads and sends them to be dialed.
//!
//! First the token, then the message: a crash between the two leaves a token that ends by itself, and a lead that never
//! left the queue.

use chrono::{DateTime, Utc};
use redial_domain::{Campaign, Lead, Owner, SCHEMA_VERSION};

use crate::app::App;
use crate::clock::WrongClock;
use crate::messages::DialMessage;
use crate::queues::QueueError;
use crate::slots::{CLAIM, SlotItem, Token};
use crate::table::TableError;

/// Rounds against others who claim at the same time; after that the next tick tries.
const ROUNDS_MAX: u32 = 4;

/// Why a claim was not finished. Whatever was claimed comes back by itself.
#[derive(Debug, thiserror::Error)]
pub enum ClaimError {
    /// The table.
    #[error(transparent)]
    Table(#[from] TableError),
    /// The dial queue.
    #[error(transparent)]
    Queue(#[from] QueueError),
    /// This machine's clock.
    #[error(transparent)]
    Clock(#[from] WrongClock),
}

/// Claims as many of `leads`, in their order, as there are free slots, and sends them to the dial queue, spread over
/// the minute when the campaign has a rate. Answers how many.
///
/// # Errors
/// When table or queue cannot be reached.
pub async fn claim(
    app: &App,
    campaign: &Campaign,
    shard: u32,
    leads: &[Lead],
    mut slots: Vec<SlotItem>,
) -> Result<usize, ClaimError> {
    let owner = Owner::from(&campaign.id);
    let mut left: Vec<&Lead> = leads.iter().collect();
    let mut messages = Vec::new();
    for round in 0..ROUNDS_MAX {
        if round > 0 {
            slots = app.table.slots(&owner, shard).await?;
        }
        left.retain(|lead| !slots.iter().any(|slot| slot.tokens.contains_key(&lead.phone)));
        let mut lost_a_race = false;
        for slot in &slots {
            let now = app.clock.now();
            let free = usize::try_from(slot.free(now)).unwrap_or(usize::MAX).min(left.len());
            if free == 0 {
                continue;
            }
            let claim_until = now + CLAIM;
            let claims: Vec<_> = left[..free]
                .iter()
                .map(|lead| {
                    (
                        lead.phone.clone(),
                        Token {
                            attempt: app.ids.attempt(now),
                            claim_until,
                        },
                    )
                })
                .collect();
            if !app.table.claim(&owner, shard, slot, &claims, now).await? {
                lost_a_race = true;
                continue;
            }
            for (n, (lead, (_, token))) in left.drain(..free).zip(&claims).enumerate() {
                messages.push((
                    dial_message(campaign, &owner, shard, slot, lead, token),
                    delay_s(slot, n, now),
                ));
            }
        }
        if left.is_empty() || !lost_a_race {
            break;
        }
    }
    app.queues.dial(&messages).await?;
    Ok(messages.len())
}

fn dial_message(
    campaign: &Campaign,
    owner: &Owner,
    shard: u32,
    slot: &SlotItem,
    lead: &Lead,
    token: &Token,
) -> DialMessage {
    DialMessage {
        v: SCHEMA_VERSION,
        attempt: token.attempt.clone(),
        phone: lead.phone.clone(),
        campaign: campaign.id.clone(),
        owner: owner.clone(),
        shard,
        slot: slot.n,
        lead_version: lead.version,
        claim_until: token.claim_until,
    }
}

/// Seconds until the n-th new claim of this minute is dialed at the slot's rate.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    reason = "seconds of one minute"
)]
fn delay_s(slot: &SlotItem, n: usize, now: DateTime<Utc>) -> i32 {
    let Some((gap_s, before)) = slot.pace(now) else {
        return 0;
    };
    let due = gap_s * (f64::from(before) + n as f64);
    (due - now.timestamp().rem_euclid(60) as f64).clamp(0.0, 59.0) as i32
}
