//! Promised callbacks of a phone, and the room that is kept for them in the caps.
//!
//! Data flow: a talk promises a time → the outcome's transaction notes it in the phone's ledger, beside the start times
//! → whoever would call the phone meanwhile, in whatever campaign, asks whether that call took the promise's last place
//! under the day cap of its campaign or a law's rolling cap → if so it waits until the promised time.
//!
//! Pure. A promise is never held back by another one: whichever is due first takes the place. What a promise was worth
//! when it was made (its campaign's cap and zone) stands in it, so no other campaign has to be read.

use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

use crate::law::CallingHours;
use crate::zone_clock::date_in;
use crate::{Campaign, CampaignId, Lead, LeadState, Ledger, Start, Subject};

/// Promises of one phone that are noted: one for each campaign that it is in, and it is in few. With more, the soonest
/// ones have room kept.
const PROMISES_MAX: usize = 8;

/// How long after its time a promise still has room kept. Whatever moves a promise (a weekend, a holiday, a cap, a law)
/// is over by then; what is older belongs to a lead that nobody can call.
const ROOM_KEPT: TimeDelta = TimeDelta::days(7);

/// A promise whose time has come is being dialed, or is moved; whoever waits for it looks again after this long.
const OVERDUE_RECHECK: TimeDelta = TimeDelta::minutes(15);

/// An open promise. Stored as `<epoch seconds>/<campaign>/<subject>/<calls a day>/<zone>`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Promise {
    /// The promised time, in whole seconds.
    pub at: DateTime<Utc>,
    /// Whose lead it was promised to.
    pub campaign: CampaignId,
    /// What the call will be about.
    pub subject: Subject,
    /// Calls that the campaign allows to one phone on one local day.
    pub per_day_max: u32,
    /// The zone of that day.
    pub zone: Tz,
}

/// Room that is kept for a promise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeptRoom {
    /// The cap in which one call is kept.
    pub limit: u32,
    /// When to look again: at the promised time.
    pub until: DateTime<Utc>,
}

impl Lead {
    /// The promised time that is still open. A paused or parked lead is owed its callback; a finished one is not.
    pub fn open_promise(&self) -> Option<DateTime<Utc>> {
        let is_open = self.state.waits() || matches!(self.state, LeadState::Paused | LeadState::Parked);
        self.callback_at.filter(|_| is_open)
    }
}

impl Ledger {
    /// The promises to store once a lead of a campaign stands as it does now; none when nothing about them changes.
    pub fn promises_with(&self, lead: &Lead, campaign: &Campaign, now: DateTime<Utc>) -> Option<Vec<Promise>> {
        let own = lead.open_promise().map(|at| Promise {
            at,
            campaign: lead.campaign.clone(),
            subject: campaign.subject.clone(),
            per_day_max: campaign.attempts_per_day_max,
            zone: campaign.window.zone,
        });
        let before = self.promises.iter().find(|promise| promise.campaign == lead.campaign);
        if before == own.as_ref() {
            return None;
        }
        let others = self.promises.iter().filter(|promise| promise.campaign != lead.campaign);
        let mut promises: Vec<Promise> = others.filter(|promise| promise.has_room(now)).cloned().collect();
        promises.extend(own);
        promises.sort_by_key(|promise| promise.at);
        promises.truncate(PROMISES_MAX);
        Some(promises)
    }

    /// The promises to store once a campaign's lead is gone; none when it has none.
    pub fn promises_without(&self, campaign: &CampaignId) -> Option<Vec<Promise>> {
        let left: Vec<Promise> = self
            .promises
            .iter()
            .filter(|promise| promise.campaign != *campaign)
            .cloned()
            .collect();
        (left.len() != self.promises.len()).then_some(left)
    }

    /// The room that a call to a lead would take from a promise, were it placed now.
    ///
    /// It is asked of ordinary calls. A lead whose own promised time has come is the promise, and nothing is kept from
    /// it.
    pub fn kept_for_callback(
        &self,
        lead: &Lead,
        campaign: &Campaign,
        hours: &CallingHours<'_>,
        now: DateTime<Utc>,
    ) -> Option<KeptRoom> {
        if lead.callback_at.is_some_and(|at| at <= now) {
            return None;
        }
        if let (Some(limit), Some(until)) = (campaign.attempts_total_max, lead.callback_at)
            && self.calls_in_all(lead, campaign) + 1 >= limit
        {
            return Some(KeptRoom { limit, until });
        }
        // What its own lead is not owed any more is no promise, whatever is still noted.
        let is_open = |promise: &&Promise| promise.campaign != lead.campaign || lead.callback_at == Some(promise.at);
        let open = || {
            self.promises
                .iter()
                .filter(is_open)
                .filter(|promise| promise.has_room(now))
        };
        let this_call = Start {
            at: now,
            subject: campaign.subject.clone(),
        };
        open()
            .filter_map(|promise| {
                let due = promise.at.max(now);
                // Promises that come first take their places first.
                let earlier = open().filter(|other| other.at < promise.at).map(|other| Start {
                    at: other.at.max(now),
                    subject: other.subject.clone(),
                });
                let without: Vec<Start> = self.starts.iter().cloned().chain(earlier).collect();
                let with: Vec<Start> = without.iter().cloned().chain([this_call.clone()]).collect();
                let limit = promise.day_cap_taken(&without, &with, due).or_else(|| {
                    let (_, cap, _) = hours.capped_by(&with, &promise.subject, due)?;
                    hours
                        .capped_by(&without, &promise.subject, due)
                        .is_none()
                        .then_some(cap.calls)
                })?;
                let until = if promise.at > now {
                    promise.at
                } else {
                    now + OVERDUE_RECHECK
                };
                Some(KeptRoom { limit, until })
            })
            .max_by_key(|kept| kept.until)
    }
}

impl Promise {
    fn has_room(&self, now: DateTime<Utc>) -> bool {
        self.at + ROOM_KEPT > now
    }

    /// The day cap of the promise's campaign, if it has a place left without a call and none with it.
    fn day_cap_taken(&self, without: &[Start], with: &[Start], due: DateTime<Utc>) -> Option<u32> {
        let date = |at: DateTime<Utc>| date_in(self.zone, at);
        let on_the_day = |starts: &[Start]| starts.iter().filter(|start| date(start.at) == date(due)).count();
        let limit = self.per_day_max as usize;
        (on_the_day(without) < limit && on_the_day(with) >= limit).then_some(self.per_day_max)
    }
}

impl TryFrom<String> for Promise {
    type Error = String;
    fn try_from(stored: String) -> Result<Self, String> {
        let read = || {
            let mut parts = stored.splitn(5, '/');
            Some(Self {
                at: DateTime::from_timestamp(parts.next()?.parse().ok()?, 0)?,
                campaign: CampaignId::parse(parts.next()?).ok()?,
                subject: Subject::parse(parts.next()?).ok()?,
                per_day_max: parts.next()?.parse().ok()?,
                zone: parts.next()?.parse().ok()?,
            })
        };
        read().ok_or_else(|| {
            format!("failed to read the promise `{stored}`: expected `<epoch seconds>/<campaign>/<subject>/<calls a day>/<zone>`")
        })
    }
}

impl From<Promise> for String {
    fn from(promise: Promise) -> Self {
        format!(
            "{}/{}/{}/{}/{}",
            promise.at.timestamp(),
            promise.campaign,
            promise.subject,
            promise.per_day_max,
            promise.zone.name()
        )
    }
}

#[cfg(test)]
mod tests;
