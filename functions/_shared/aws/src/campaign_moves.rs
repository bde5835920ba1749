//! A campaign's next version, and who is told when it moved to another status.
//!
//! The move is one conditional write, with the gate copies and the activity in its transaction. What is published follows
//! it: the campaign itself keeps the version whose move nobody was told of, and `reconcile` publishes what a function that
//! died did not, under the same id, so that consumers drop what they have seen.

use redial_domain::{Actor, Campaign};

use crate::App;
use crate::bus::Happened;
use crate::keys;
use crate::leads::Activity;
use crate::table::{Change, TableError};

/// Writes a campaign's next version with its gate copies, an activity and what else belongs to it, puts its slots right and
/// publishes its move, if it is one. `false` when somebody changed it since it was read.
///
/// # Errors
/// When the table cannot be reached. Then nothing was written, or the version is written and `reconcile` puts slots right
/// and publishes.
pub async fn change_and_tell(
    app: &App,
    campaign: &Campaign,
    seen: u64,
    activity: &Activity,
    also: Vec<Change>,
) -> Result<bool, TableError> {
    if !app.table.change_campaign(campaign, seen, activity, also).await? {
        return Ok(false);
    }
    app.table.configure_slots(campaign).await?;
    if campaign.life.untold == Some(campaign.version) {
        tell_move(app, campaign).await;
    }
    Ok(true)
}

/// Publishes the newest move of a campaign, if nobody is known to have been told of it.
pub async fn tell_move(app: &App, campaign: &Campaign) {
    let Some(version) = campaign.life.untold else { return };
    let happened = Happened::CampaignMoved {
        campaign: campaign.id.clone(),
        status: campaign.status.as_str().to_owned(),
    };
    if let Err(error) = app
        .bus
        .publish(&format!("{}/{version}", campaign.id), &[happened])
        .await
    {
        tracing::warn!(campaign.id = %campaign.id, "{error}; reconcile publishes it again");
        return;
    }
    let told = Change::update(keys::campaign(&campaign.id), "REMOVE #life.#untold")
        .value(":version", version)
        .when("#life.#untold = :version");
    if let Err(error) = app.table.ignoring_condition(told).await {
        tracing::warn!(campaign.id = %campaign.id, "move published and not noted: {error}; it is published again");
    }
}

/// The activity of a job that changes a campaign.
pub fn by_job(app: &App, job: &str, what: &str, why: String) -> Activity {
    Activity::now(app, &Actor::job(job), what, Some(why))
}
