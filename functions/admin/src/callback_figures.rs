//! Promised callbacks in `GET status`: what was dialed today and what is open now, and how much of either was moved by hours,
//! laws and caps, or is late. What is late is decided in one place: the domain's `Lateness`.
//!
//! Cost for each campaign: a query of the day's callbacks, half a read unit for each forty, and a unit for each of
//! the open promises that come next, at most [`LOOKED_MAX`] of them.

use chrono::{DateTime, Utc};
use redial_aws::App;
use redial_aws::leads::LeadAndLedger;
use redial_aws::table::TableError;
use redial_domain::law::CallingHours;
use redial_domain::{Allowed, Campaign, CampaignId, LATE_AFTER, Lateness, Phone};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// Open promises of one campaign that are read to see which are late: those that are due first.
pub(crate) const LOOKED_MAX: usize = 1_000;

/// Open promises of a campaign.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Open {
    /// Leads that wait for a promised time, or are being called for it.
    pub(crate) open: u64,
    /// Those whose promised time has passed, and that hours, a law or a cap keep for a later one.
    moved: u64,
    /// Those that are late by now.
    late: u64,
    /// The longest lateness of one of them, in whole minutes.
    latest_min: u64,
}

impl Open {
    /// Looks how the leads stand that are first in the lane of promises.
    pub(crate) async fn look(
        &mut self,
        app: &App,
        campaign: &Campaign,
        waiting: &[(Phone, CampaignId)],
        now: DateTime<Utc>,
    ) -> Result<(), TableError> {
        if waiting.is_empty() {
            return Ok(());
        }
        let reading = app.table.campaign_switches(&campaign.id).await?;
        let law = app.law(reading.map_or(0, |reading| reading.law_version)).await?;
        let looked = waiting.get(..LOOKED_MAX).unwrap_or(waiting);
        for LeadAndLedger { lead, ledger } in app.table.leads_and_ledgers(looked, now).await? {
            let Some(promised) = lead.open_promise().filter(|promised| *promised < now) else {
                continue;
            };
            let allowed = CallingHours::of_lead(&law, campaign, &lead)
                .ok()
                .and_then(|hours| Allowed::of(promised, &lead, &ledger.starts, campaign, &hours).at);
            let lateness = Lateness::of(promised, allowed, now);
            self.moved += u64::from(allowed.is_none_or(|allowed| allowed > now));
            self.late += u64::from(lateness.is_late());
            if lateness.is_late() {
                let late_min = u64::try_from(lateness.late.num_minutes()).unwrap_or(0);
                self.latest_min = self.latest_min.max(late_min);
            }
        }
        Ok(())
    }
}

/// The figures of a campaign as the API shows them.
pub(crate) async fn shown(
    app: &App,
    campaign: &Campaign,
    open: &Open,
    now: DateTime<Utc>,
) -> Result<Value, TableError> {
    let today = campaign.window.date_of(now);
    let dialed = app.table.callback_figures(&campaign.id, today).await?;
    Ok(json!({
        "date": today.to_string(),
        "dialed": dialed.dialed,
        "moved": dialed.moved,
        "moved_farthest_min": dialed.moved_farthest_min,
        "late": dialed.late,
        "late_after_min": LATE_AFTER.num_minutes(),
        "latest_min": dialed.latest_min,
        "mean_late_min": dialed.mean_min(),
        "more": dialed.more,
        "open": open.open,
        "open_moved": open.moved,
        "open_late": open.late,
        "open_latest_min": open.latest_min,
    }))
}
