//! Claims what is due in one part of a campaign's queue.
//!
//! Data flow: switches and calling hours, once for all → slots (tokens whose claim has ended are freed after a look at
//! the ledger) → what the provider's account leaves to the campaign in this minute → how many may be claimed → heads of the lanes, by time: promises first, then leads never called, then
//! the ladder, which is never left without a tenth → gate per lead → claimed and sent, or moved on with its reason, so
//! that a lead that may not be called never stands in front of one that may.
//!
//! Work is bounded by named limits, and what is read depends on what is due, never on what waits.

use chrono::{DateTime, TimeDelta, Utc};
use redial_aws::App;
use redial_aws::claim::{ClaimError, Room, claim};
use redial_aws::keys;
use redial_aws::leads::{LeadAndLedger, phone_and_campaign};
use redial_aws::messages::TickMessage;
use redial_aws::slots::SlotItem;
use redial_aws::table::{Key, TableError, text};
use redial_domain::law::{Ban, Law};
use redial_domain::{
    Campaign, CampaignId, CampaignStatus, Gate, GateInput, Lane, Lead, LeadState, Owner, SCHEMA_VERSION, Switches,
    WaitReason, gate, in_turn,
};
use tokio::sync::OnceCell;

/// Most keys read from a lane at once: enough for four slot items, one read unit or two.
const PAGE: i32 = 50;
/// Keys read beyond those that can be claimed, for leads that the gate refuses.
const SPARE: usize = 5;
/// Pages read from one lane in one run. Leads that the gate refuses are moved on, so the next run starts behind them.
const PAGES_MAX: usize = 10;
/// A second look at a shard with due leads and no free slot comes after this many seconds.
const REARM_S: i32 = 5;
/// Of the free places, one in this many is kept for the last lane, so that it does not starve.
const LADDER_SHARE: u64 = 10;
/// Longest sleep for a reason that a person can lift.
const OPERATOR_SLEEP: TimeDelta = TimeDelta::minutes(15);

/// What a run did.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Looked {
    pub(crate) claimed: usize,
    pub(crate) moved: usize,
}

pub(crate) async fn claim_due(app: &App, id: &CampaignId, shard: u32) -> Result<Looked, ClaimError> {
    let Some(reading) = app.table.campaign_switches(id).await? else {
        return Ok(Looked::default());
    };
    let Some(campaign) = app.campaign(id, reading.campaign_version).await? else {
        return Ok(Looked::default());
    };
    app.clock.check()?;
    let switches = reading.switches;
    let now = app.clock.now();
    let law = app.law(reading.law_version).await?;
    let banned_everywhere = |ban: &&Ban| ban.jurisdiction.is_none() && ban.holds(now, Campaign::CLOSING_MARGIN);
    let closed = !switches.enabled
        || !switches.running
        || campaign.status_at(switches.campaign, now) != CampaignStatus::Running
        || campaign.braked(now).is_some()
        || law.bans().iter().any(|ban| banned_everywhere(&ban))
        || !campaign.window.is_open(now, Campaign::CLOSING_MARGIN);
    if closed {
        // Nobody is moved: a hundred thousand leads stay due and go on at the opening.
        return Ok(Looked::default());
    }
    let account = app.table.account(&campaign.voice.provider).await?;
    if account.closed_until.is_some_and(|until| until > now) {
        return Ok(Looked::default());
    }
    let share = app.shard_share(&account, &campaign, shard, now).await?;
    let owner = Owner::from(id);
    let slots = app.table.slots(&owner, shard).await?;
    let slots = free_ended_claims(app, &owner, shard, slots).await?;
    let room = Room {
        slots: slots.clone(),
        share,
        is_spread: true,
    };
    let free = room.places(usize::MAX, now).len();
    let for_ladder = kept_for_ladder(free, now);

    let mut looked = Looked::default();
    let mut open = Vec::new();
    let mut more_due = false;
    let retention_days = OnceCell::new();
    for lane in Lane::ALL {
        let kept_for_ladder = if lane == Lane::Ladder { 0 } else { for_ladder };
        let budget = free.saturating_sub(kept_for_ladder + open.len());
        let heads = Heads {
            app,
            campaign: &campaign,
            shard,
            lane,
            slots: &slots,
            switches,
            law: &law,
            retention_days: &retention_days,
        };
        let found = heads.find(budget).await?;
        looked.moved += found.moved;
        more_due |= found.more;
        open.extend(found.open);
    }
    looked.claimed = claim(app, &campaign, shard, &open, room).await?;
    if more_due && let Some(first) = slots.first() {
        rearm(app, &campaign, &owner, shard, first, now).await?;
    }
    Ok(looked)
}

/// Of free places, those that are kept for the last lane: a tenth, and of fewer than ten one in every tenth look. Looks
/// come five seconds or a minute apart; the number of the look counts on by one in both.
fn kept_for_ladder(free: usize, now: DateTime<Utc>) -> usize {
    let look = now.timestamp() / i64::from(REARM_S) + now.timestamp() / 60;
    let kept = in_turn(free as u64, LADDER_SHARE, u64::try_from(look).unwrap_or(0));
    usize::try_from(kept).unwrap_or(free)
}

/// The head of one lane.
struct Heads<'a> {
    app: &'a App,
    campaign: &'a Campaign,
    shard: u32,
    lane: Lane,
    slots: &'a [SlotItem],
    switches: Switches,
    law: &'a Law,
    retention_days: &'a OnceCell<u32>,
}

#[derive(Default)]
struct Found {
    open: Vec<Lead>,
    moved: usize,
    /// Due leads were left for the next look.
    more: bool,
}

impl Heads<'_> {
    /// Due leads that may be called, at most `budget`, in the order of their time. With no budget it only looks whether
    /// anybody is due.
    async fn find(&self, budget: usize) -> Result<Found, ClaimError> {
        let line = keys::queue_line(&Owner::from(&self.campaign.id), self.lane, self.shard);
        let upto = format!("{}~", keys::time(self.app.clock.now()));
        let mut found = Found::default();
        let mut after: Option<String> = None;
        for _ in 0..PAGES_MAX {
            // With no budget one lead that nobody has claimed is enough to know that somebody is due.
            let wanted = if budget == 0 {
                self.held() + 1
            } else {
                self.held() + budget + SPARE
            };
            let limit = i32::try_from(wanted).unwrap_or(PAGE).min(PAGE);
            let page = self.app.table.queue_page(&line, after.as_deref(), &upto, limit).await?;
            let due: Vec<_> = page
                .items
                .iter()
                .filter_map(|item| phone_and_campaign(&Key::of(item)?))
                .filter(|(phone, _)| !self.slots.iter().any(|slot| slot.tokens.contains_key(phone)))
                .collect();
            if budget == 0 {
                found.more = !due.is_empty();
                return Ok(found);
            }
            let now = self.app.clock.now();
            for both in self.app.table.leads_and_ledgers(&due, now).await? {
                if found.open.len() == budget {
                    found.more = true;
                    return Ok(found);
                }
                self.judge(both, &mut found).await?;
            }
            match page.items.last().and_then(|item| text(item, "q_sk")) {
                Some(last) if page.next.is_some() => after = Some(last.to_owned()),
                // An index page may be empty and yet have a next one; the next tick reads it from the start.
                _ => return Ok(found),
            }
            if found.open.len() == budget {
                found.more = true;
                return Ok(found);
            }
        }
        found.more = true;
        Ok(found)
    }

    /// Tokens held: that many due leads at the head may be claimed ones.
    fn held(&self) -> usize {
        self.slots.iter().map(|slot| slot.tokens.len()).sum()
    }

    async fn judge(&self, both: LeadAndLedger, found: &mut Found) -> Result<(), ClaimError> {
        let LeadAndLedger { lead, ledger } = both;
        let now = self.app.clock.now();
        let input = GateInput {
            lead: &lead,
            ledger: &ledger,
            campaign: self.campaign,
            law: self.law,
            switches: self.switches,
            account_closed_until: None,
            now,
        };
        match gate(&input) {
            Gate::Open => found.open.push(lead),
            // The index was older than the lead: it is in its right place already.
            Gate::Wait {
                reason: WaitReason::NotDue,
                ..
            } => {}
            refused => {
                // Whosever attempt it is: with its token reconcile finds it, asks about it, and the line is free again.
                if let Some(overdue) = ledger.inflight.filter(|inflight| inflight.lease_until < now) {
                    self.app.table.restore_token(&lead.phone, &overdue).await?;
                }
                if self.move_on(lead, &refused, now).await? {
                    found.moved += 1;
                }
            }
        }
        Ok(())
    }

    /// Moves a lead that the gate refused to its next possible time, or out of the queue.
    async fn move_on(&self, lead: Lead, refused: &Gate, now: DateTime<Utc>) -> Result<bool, ClaimError> {
        let seen = lead.version;
        let mut moved = Lead {
            version: seen + 1,
            updated_at: now,
            ..lead
        };
        match refused {
            Gate::Open => return Ok(false),
            Gate::Wait { reason, until } => {
                let until = if reason.is_an_operators() {
                    (*until).min(now + OPERATOR_SLEEP)
                } else {
                    *until
                };
                // The index may have shown an older time: a call that ended since has set a later one, which stands.
                moved.next_at = moved.next_at.max(Some(until));
                moved.reason = Some(reason.code().to_owned());
                if matches!(reason, WaitReason::DailyCap { .. }) && moved.state == LeadState::Pending {
                    moved.state = LeadState::DailyMaxReached;
                }
            }
            Gate::Closed { reason } => {
                moved.next_at = None;
                moved.reason = Some(reason.code().to_owned());
                moved.state = reason.state();
            }
        }
        let table = &self.app.table;
        // Asked once for all that a look moves.
        let retention_days = self
            .retention_days
            .get_or_try_init(|| async {
                Ok::<_, TableError>(table.settings().await?.unwrap_or_default().retention_days)
            })
            .await?;
        Ok(table.move_lead(&moved, seen, *retention_days).await?)
    }
}

/// Frees tokens whose claim has ended, once a consistent look at the ledger shows that no call came of them. What is in
/// flight keeps its slot, however long it talks.
async fn free_ended_claims(
    app: &App,
    owner: &Owner,
    shard: u32,
    mut slots: Vec<SlotItem>,
) -> Result<Vec<SlotItem>, ClaimError> {
    let now = app.clock.now();
    for slot in &mut slots {
        let ended: Vec<_> = slot
            .tokens
            .iter()
            .filter(|(_, token)| token.has_ended(now))
            .map(|(phone, token)| (phone.clone(), token.clone()))
            .collect();
        for (phone, token) in ended {
            if app.table.ledger(&phone).await?.holds(&token.attempt) {
                continue;
            }
            app.table
                .free_token(owner, shard, slot.n, &phone, &token.attempt)
                .await?;
            slot.tokens.remove(&phone);
        }
    }
    Ok(slots)
}

async fn rearm(
    app: &App,
    campaign: &Campaign,
    owner: &Owner,
    shard: u32,
    slot: &SlotItem,
    now: DateTime<Utc>,
) -> Result<(), ClaimError> {
    let again = now + TimeDelta::seconds(i64::from(REARM_S));
    if app.table.arm(owner, shard, slot, again, now).await? {
        let ask = TickMessage {
            v: SCHEMA_VERSION,
            campaign: campaign.id.clone(),
            shard,
            asked_at: again,
        };
        app.queues.tick(&[(ask, REARM_S)]).await?;
    }
    Ok(())
}
