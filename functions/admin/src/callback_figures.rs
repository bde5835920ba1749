//! Promised callbacks in `GET status`: what was dialed today and how late, what is open and overdue now.
//!
//! Cost for each campaign: a query of the day's callbacks, half a read unit for each forty, and half a unit for each of
//! the open promises that come next, at most [`LOOKED_MAX`] of them.

use chrono::{DateTime, Utc};
use redial_aws::App;
use redial_aws::callbacks::LATE_AFTER;
use redial_aws::keys;
use redial_aws::table::{Key, TableError, read};
use redial_domain::{Campaign, CampaignId, Lead, Phone};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// Open promises of one campaign that are read to see which are overdue: those that are due first.
pub(crate) const LOOKED_MAX: usize = 1_000;

/// Open promises of a campaign.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Open {
    /// Leads that wait for a promised time, or are being called for it.
    pub(crate) open: u64,
    /// Those whose promised time has passed without a call being placed.
    overdue: u64,
    /// The longest that one of them waits, in whole minutes.
    longest_min: u64,
}

impl Open {
    /// Looks which of the leads that stand first in the lane of promises are overdue.
    pub(crate) async fn look(
        &mut self,
        app: &App,
        waiting: &[(Phone, CampaignId)],
        now: DateTime<Utc>,
    ) -> Result<(), TableError> {
        let keys: Vec<Key> = waiting
            .iter()
            .take(LOOKED_MAX)
            .map(|(phone, campaign)| keys::lead(phone, campaign))
            .collect();
        for item in app.table.batch_get(&keys, false).await? {
            let lead: Lead = read(item)?;
            if let Some(promised) = lead.open_promise().filter(|promised| *promised < now) {
                self.overdue += 1;
                let waits_min = u64::try_from((now - promised).num_minutes()).unwrap_or(0);
                self.longest_min = self.longest_min.max(waits_min);
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
        "late": dialed.late,
        "late_after_min": LATE_AFTER.num_minutes(),
        "latest_min": dialed.latest_min,
        "mean_late_min": dialed.mean_min(),
        "more": dialed.more,
        "open": open.open,
        "overdue": open.overdue,
        "overdue_longest_min": open.longest_min,
    }))
}
