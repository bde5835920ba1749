//! Claims leads and sends them to be dialed.
//!
//! First the token, then the message: a crash between the two leaves a token that ends by itself, and a lead that never
//! left the queue.

use chrono::{DateTime, Utc};
use redial_domain::{Campaign, Lead, Owner, Place, SCHEMA_VERSION, Source, spread};

use crate::account_shares::ShardShare;
use crate::app::App;
use crate::clock::WrongClock;
use crate::messages::DialMessage;
use crate::queues::QueueError;
use crate::slots::{CLAIM, Claim, SlotItem, Token};
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

/// The slots of a shard, and what the provider's account leaves to them.
#[derive(Debug, Clone)]
pub struct Room {
    /// The slot items.
    pub slots: Vec<SlotItem>,
    /// The account's limits; none when it has none.
    pub share: Option<ShardShare>,
    /// Whether calls are spread over the seconds. A single lead that was just added is called at once.
    pub is_spread: bool,
}

impl Room {
    /// Calls that may be claimed now, at most `most`, in the order of their times.
    pub fn places(&self, most: usize, now: DateTime<Utc>) -> Vec<Place> {
        let share = self.share.as_ref();
        let sources: Vec<Source> = self
            .slots
            .iter()
            .map(|slot| slot.source(share, self.is_spread))
            .collect();
        let Some((moments, gone)) = share.and_then(|share| Some((share.moments()?, self.gone(share)))) else {
            return spread(&sources, None, most, now.timestamp_millis());
        };
        let left: Vec<i64> = moments.iter().skip(gone).map(DateTime::timestamp_millis).collect();
        let mut places = spread(&sources, Some(&left), most, now.timestamp_millis());
        for place in &mut places {
            place.moment = place.moment.map(|n| n + gone);
        }
        places
    }

    fn gone(&self, share: &ShardShare) -> usize {
        self.slots.first().map_or(0, |first| first.moments_gone(share.minute)) as usize
    }
}

/// Claims as many of `leads`, in their order, as there is room for, and sends them to the dial queue, each to be called
/// at its own second. Answers how many.
///
/// First the moments of the account, then tokens, then messages. A crash in between loses moments of one minute, and
/// leaves tokens that end by themselves.
///
/// # Errors
/// When table or queue cannot be reached.
pub async fn claim(
    app: &App,
    campaign: &Campaign,
    shard: u32,
    leads: &[Lead],
    mut room: Room,
) -> Result<usize, ClaimError> {
    let owner = Owner::from(&campaign.id);
    let mut left: Vec<&Lead> = leads.iter().collect();
    let mut messages = Vec::new();
    for round in 0..ROUNDS_MAX {
        if round > 0 {
            room.slots = app.table.slots(&owner, shard).await?;
        }
        left.retain(|lead| !room.slots.iter().any(|slot| slot.tokens.contains_key(&lead.phone)));
        let now = app.clock.now();
        let places = room.places(left.len(), now);
        if places.is_empty() {
            break;
        }
        if let (Some(last), Some(share), Some(first)) = (
            places.iter().filter_map(|place| place.moment).max(),
            &room.share,
            room.slots.first(),
        ) {
            let gone = u32::try_from(last + 1).unwrap_or(u32::MAX);
            if !app.table.take_moments(&owner, shard, first, share.minute, gone).await? {
                continue;
            }
        }
        let taken: Vec<(Place, &Lead)> = places.into_iter().zip(left.iter().copied()).collect();
        let mut lost_a_race = false;
        for (n, slot) in room.slots.iter().enumerate() {
            let own: Vec<_> = taken.iter().filter(|(place, _)| place.source == n).collect();
            let Some((last, _)) = own.last() else { continue };
            let claim_until = now + CLAIM;
            let tokens: Vec<_> = own
                .iter()
                .map(|(_, lead)| {
                    let attempt = app.ids.attempt(now);
                    (lead.phone.clone(), Token { attempt, claim_until })
                })
                .collect();
            let source = slot.source(room.share.as_ref(), room.is_spread);
            let claim = Claim {
                tokens: &tokens,
                most: u32::try_from(slot.tokens.len())
                    .unwrap_or(u32::MAX)
                    .saturating_add(source.free),
                paced_ms: last.at_ms + source.gap_ms,
            };
            if !app.table.claim(&owner, shard, slot, &claim).await? {
                lost_a_race = true;
                continue;
            }
            for ((place, lead), (_, token)) in own.into_iter().zip(&tokens) {
                let message = dial_message(campaign, &owner, shard, slot, lead, token);
                messages.push((message, delay_s(place.at_ms, now)));
            }
        }
        if !lost_a_race {
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

/// Seconds until a call is placed; less than a minute, see [`redial_domain::AHEAD_MAX_MS`].
fn delay_s(at_ms: i64, now: DateTime<Utc>) -> i32 {
    // Whole seconds of the clock, as the queue counts them: calls of one second stay in it.
    i32::try_from(at_ms.div_euclid(1_000) - now.timestamp())
        .unwrap_or(0)
        .max(0)
}
