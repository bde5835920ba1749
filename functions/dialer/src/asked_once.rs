//! What all calls of a batch ask alike before they reserve, asked once for all of them: the switches with the campaign and
//! the law that belong to them, and whether the provider's account is open.
//!
//! It is read after the batch came and is forgotten with it. It permits nothing: a call that was reserved on it reads the
//! switches again, and is given back if they, the campaign or the law are others than these.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use chrono::{DateTime, Utc};
use redial_aws::App;
use redial_aws::messages::DialMessage;
use redial_aws::table::TableError;
use redial_domain::law::Law;
use redial_domain::{Campaign, CampaignId, Switches};
use tokio::sync::OnceCell;

/// A campaign as the calls of a batch find it.
#[derive(Debug, Clone)]
pub(crate) struct Found {
    pub(crate) switches: Switches,
    pub(crate) campaign: Arc<Campaign>,
    pub(crate) law: Arc<Law>,
}

/// `None`: there is no such campaign.
type Answer = Arc<OnceCell<Option<Found>>>;

/// The questions of one batch.
#[derive(Debug, Default)]
pub(crate) struct AskedOnce {
    campaigns: Mutex<HashMap<CampaignId, Answer>>,
    account_closed_until: OnceCell<Option<DateTime<Utc>>>,
}

impl AskedOnce {
    /// The campaign of a message, with switches and law. A question that failed is asked again by the next message.
    pub(crate) async fn campaign(&self, app: &App, message: &DialMessage) -> Result<Option<Found>, TableError> {
        let answer = {
            let mut campaigns = self.campaigns.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(campaigns.entry(message.campaign.clone()).or_default())
        };
        answer.get_or_try_init(|| find(app, message)).await.cloned()
    }

    /// When the account with the function's one provider is closed until, if it is.
    pub(crate) async fn account_closed_until(
        &self,
        app: &App,
        provider: &str,
    ) -> Result<Option<DateTime<Utc>>, TableError> {
        let ask = || app.table.account_closed_until(provider);
        self.account_closed_until.get_or_try_init(ask).await.copied()
    }
}

async fn find(app: &App, message: &DialMessage) -> Result<Option<Found>, TableError> {
    // Any copy says the same; the first message's keeps the reads of many batches apart.
    let Some(reading) = app.table.switches(&message.campaign, &message.phone).await? else {
        return Ok(None);
    };
    let Some(campaign) = app.campaign(&message.campaign, reading.campaign_version).await? else {
        return Ok(None);
    };
    Ok(Some(Found {
        switches: reading.switches,
        campaign,
        law: app.law(reading.law_version).await?,
    }))
}
