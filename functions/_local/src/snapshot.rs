//! What there is to see on the machine at one moment, cheap enough to look every second.
//!
//! Gathers only; `display` makes words of it.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use redial_aws::{App, TableError, keys, table::text};
use redial_domain::{Campaign, CampaignStatus, Lane, LeadState, Owner};

use crate::{demo::DEMO_LEADS, running::Running};

/// Leads counted in one look, over all campaigns; more are shown as "more than".
const LEADS_COUNTED_MAX: usize = 5_000;
/// Leads counted in one read.
const PAGE: i32 = 1_000;
/// Campaigns looked at.
const CAMPAIGNS_MAX: usize = 20;

/// What there is to see.
#[derive(Debug, Clone)]
pub struct Snapshot {
    /// The time on the clock.
    pub now: DateTime<Utc>,
    /// The zone people look at: that of the campaign with the most leads.
    pub zone: Tz,
    /// Virtual seconds per second.
    pub speed: u32,
    /// Leads by state, with `due` for those whose time has come.
    pub leads: BTreeMap<&'static str, usize>,
    /// There are more leads than were counted.
    pub leads_more: bool,
    /// Leads of the demo that are added so far, while they are.
    pub adding: Option<usize>,
    /// Calls that the phone network accepted.
    pub calls: u64,
    /// Calls that go on.
    pub in_flight: u64,
    /// Calls by outcome.
    pub outcomes: BTreeMap<String, u64>,
    /// What the functions counted.
    pub metrics: BTreeMap<&'static str, u64>,
    /// Events on the bus, by kind.
    pub bus: BTreeMap<String, u64>,
    /// When a campaign next opens, or until when one is open.
    pub hours: Hours,
    /// Messages in dead-letter queues.
    pub dead: i64,
}

/// Calling hours of the running campaigns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hours {
    /// Open, until.
    Open(DateTime<Utc>),
    /// Closed, until.
    Closed(DateTime<Utc>),
    /// Nothing runs, or nothing ever opens.
    Never,
}

impl Running {
    /// Looks around.
    ///
    /// # Errors
    /// When the table cannot be reached.
    pub async fn snapshot(&self) -> Result<Snapshot, TableError> {
        let now = self.now();
        let campaigns = self.app.table.campaigns(None, CAMPAIGNS_MAX).await?;
        let mut leads = BTreeMap::new();
        let mut left = LEADS_COUNTED_MAX;
        let mut largest: Option<(&Campaign, usize)> = None;
        for campaign in &campaigns {
            let before = left;
            count_leads(&self.app, campaign, now, &mut leads, &mut left).await?;
            let counted = before - left;
            if largest.is_none_or(|(_, most)| counted > most) {
                largest = Some((campaign, counted));
            }
        }
        // What cannot be read of the phones is shown as nothing; the log says why.
        let mut outcomes = self.phones().outcome_counts().unwrap_or_else(|error| {
            tracing::error!("{error}");
            BTreeMap::new()
        });
        let calls = outcomes.values().sum();
        let in_flight = outcomes.remove("in_progress").unwrap_or(0);
        let engine = &self.machine.engine;
        let names = engine.queue_names();
        let dead = names.iter().filter(|name| name.ends_with("-dlq"));
        let dead = dead.filter_map(|name| engine.visible_count(name).ok()).sum();
        Ok(Snapshot {
            now,
            zone: largest.map_or(Tz::UTC, |(campaign, _)| campaign.window.zone),
            speed: self.speed,
            leads,
            leads_more: left == 0,
            adding: self.demo_added.borrow().filter(|added| *added < DEMO_LEADS),
            calls,
            in_flight,
            outcomes,
            metrics: self.metrics.totals(),
            bus: self.bus.counts(),
            hours: hours(&campaigns, now),
            dead,
        })
    }
}

fn hours(campaigns: &[Campaign], now: DateTime<Utc>) -> Hours {
    let running = campaigns
        .iter()
        .filter(|campaign| campaign.status == CampaignStatus::Running);
    let windows = running.map(|campaign| &campaign.window);
    let opens = windows
        .clone()
        .filter_map(|window| window.next_open(now, Campaign::CLOSING_MARGIN))
        .min();
    match opens {
        None => Hours::Never,
        Some(opens) if opens > now => Hours::Closed(opens),
        Some(_) => {
            let open = windows.filter(|window| window.is_open(now, Campaign::CLOSING_MARGIN));
            open.filter_map(|window| window.closes_at(now))
                .max()
                .map_or(Hours::Never, Hours::Open)
        }
    }
}

/// Counts leads from the keys of the queue index; `left` is how many more may be counted.
async fn count_leads(
    app: &App,
    campaign: &Campaign,
    now: DateTime<Utc>,
    counts: &mut BTreeMap<&'static str, usize>,
    left: &mut usize,
) -> Result<(), TableError> {
    let owner = Owner::from(&campaign.id);
    let shards = 0..campaign.shards;
    let lines = shards.flat_map(|shard| {
        let waiting = Lane::ALL.map(|lane| keys::queue_line(&owner, lane, shard));
        waiting.into_iter().chain([keys::queue_rest(&campaign.id, shard)])
    });
    for line in lines {
        let mut after: Option<String> = None;
        while *left > 0 {
            let page = app.table.queue_page(&line, after.as_deref(), "~", PAGE).await?;
            let ranges = page.items.iter().filter_map(|item| text(item, "q_sk"));
            for (at, state, _) in ranges.filter_map(keys::read_queue_range).take(*left) {
                let waits = matches!(
                    state,
                    LeadState::Pending | LeadState::Rescheduled | LeadState::DailyMaxReached
                );
                let shown = if waits && at <= now { "due" } else { state.as_str() };
                *counts.entry(shown).or_default() += 1;
                *left -= 1;
            }
            after = page.items.last().and_then(|item| text(item, "q_sk")).map(str::to_owned);
            if page.next.is_none() || after.is_none() {
                break;
            }
        }
    }
    Ok(())
}
