//! Starts campaigns whose time has come, and ends those whose time is up or whose leads are all done (C5).
//!
//! Data flow: campaigns → what is due of each (`Campaign::due`) → has it leads, is any still to be called? A key or two of
//! each line → its next version, by one conditional write with gate copies and activity → the bus. What a person changed
//! meanwhile wins; the next run looks again. A run that is killed has moved a campaign or not: what nobody was told of the
//! bus, the next run tells.
//!
//! Nobody waits for an answer here, so nothing waits for what is just being placed: a dialer that was permitted before
//! places within seconds, and a campaign's end time closes its gate whether anybody has noted it or not.

use std::time::Duration;

use chrono::TimeDelta;
use futures::{StreamExt, stream};
use redial_aws::App;
use redial_aws::campaign_moves::{by_job, change_and_tell, tell_move};
use redial_aws::table::TableError;
use redial_domain::{Campaign, CampaignStatus, Due, iso};

/// Campaigns that are looked at at once.
const AT_ONCE: usize = 8;
/// An index follows the table within a second or two. A campaign that looks done is looked at again after this long: a lead
/// that was just leaving one line for another stands in its place by then.
const INDEX_LAG: Duration = Duration::from_secs(5);
/// The bus is told again of a move this old of which nobody noted that it was told.
const TOLD_BY: TimeDelta = TimeDelta::minutes(1);
/// Who stands in the activities.
const RECONCILE: &str = "reconcile";

/// What a run did.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub(crate) struct Moves {
    started: usize,
    ended: usize,
    /// Their time has come, and they have no leads.
    held: usize,
    /// Not looked at, for the table did not answer.
    failed: usize,
}

/// What a look at one campaign found.
enum Found {
    Nothing,
    Started,
    Ended,
    Held,
    /// None of its leads is to be called, as far as the index knows.
    LooksDone(Box<Campaign>),
}

/// Looks at every campaign. One that cannot be looked at does not hold up the others.
pub(crate) async fn watch_campaigns(app: &App, campaigns: Vec<Campaign>) -> Moves {
    let looks = stream::iter(campaigns).map(|campaign| async move {
        let found = look(app, &campaign).await;
        (campaign, found)
    });
    let mut looks = looks.buffer_unordered(AT_ONCE);
    let mut moves = Moves::default();
    let mut done = Vec::new();
    while let Some((campaign, found)) = looks.next().await {
        match found {
            Ok(Found::LooksDone(campaign)) => done.push(*campaign),
            found => moves.count(app, &campaign, found),
        }
    }
    if done.is_empty() {
        return moves;
    }
    tokio::time::sleep(INDEX_LAG).await;
    for campaign in done {
        let ended = end_if_done(app, &campaign).await;
        moves.count(app, &campaign, ended);
    }
    moves
}

impl Moves {
    fn count(&mut self, app: &App, campaign: &Campaign, found: Result<Found, TableError>) {
        match found {
            Ok(Found::Started) => self.started += 1,
            Ok(Found::Ended) => self.ended += 1,
            Ok(Found::Held) => self.held += 1,
            Ok(Found::Nothing | Found::LooksDone(_)) => {}
            Err(error) => {
                tracing::warn!(campaign.id = %campaign.id, "campaign not looked at: {error}; the next run does it");
                app.metrics.count("reconcile.failed");
                self.failed += 1;
            }
        }
    }
}

async fn look(app: &App, campaign: &Campaign) -> Result<Found, TableError> {
    let now = app.clock.now();
    if campaign.life.untold.is_some() && campaign.updated_at + TOLD_BY < now {
        tell_move(app, campaign).await;
    }
    match campaign.due(now) {
        Due::Nothing => Ok(Found::Nothing),
        Due::Start => start(app, campaign).await,
        Due::End => {
            let end = campaign.life.ends_at.map_or_else(String::new, iso);
            go(
                app,
                campaign,
                CampaignStatus::Completed,
                format!("its end time {end} has come"),
            )
            .await
        }
        Due::EndIfDone => {
            let table = &app.table;
            let is_done = !table.has_callable_leads(campaign).await? && !table.has_leads_for_people(campaign).await?;
            Ok(if is_done {
                Found::LooksDone(Box::new(campaign.clone()))
            } else {
                Found::Nothing
            })
        }
    }
}

async fn start(app: &App, campaign: &Campaign) -> Result<Found, TableError> {
    if campaign.open_intake || app.table.has_leads(campaign).await? {
        let start = campaign.life.starts_at.map_or_else(String::new, iso);
        return go(
            app,
            campaign,
            CampaignStatus::Running,
            format!("its start time {start} has come"),
        )
        .await;
    }
    if campaign.life.has_no_leads {
        return Ok(Found::Held);
    }
    // Written once, so that people see it; every run tries again.
    let mut held = campaign.clone();
    held.life.has_no_leads = true;
    let why = "its start time has come and it has no leads; add some, or set `open_intake`".to_owned();
    change(app, campaign, held, "start held", why).await?;
    Ok(Found::Held)
}

/// Looks once more, at the campaign as it is now.
async fn end_if_done(app: &App, seen: &Campaign) -> Result<Found, TableError> {
    let Some(campaign) = app.table.campaign(&seen.id).await? else {
        return Ok(Found::Nothing);
    };
    if campaign.due(app.clock.now()) != Due::EndIfDone || app.table.has_callable_leads(&campaign).await? {
        return Ok(Found::Nothing);
    }
    let why = "none of its leads is to be called any more".to_owned();
    go(app, &campaign, CampaignStatus::Completed, why).await
}

async fn go(app: &App, seen: &Campaign, to: CampaignStatus, why: String) -> Result<Found, TableError> {
    // The table of moves has all that are due; should it ever not, nothing is moved.
    let Ok(campaign) = seen.moved(to, app.clock.now()) else {
        return Ok(Found::Nothing);
    };
    let (what, found) = if to == CampaignStatus::Running {
        ("started", Found::Started)
    } else {
        ("completed", Found::Ended)
    };
    if !change(app, seen, campaign, what, why).await? {
        return Ok(Found::Nothing);
    }
    tracing::info!(campaign.id = %seen.id, "campaign {what} by itself");
    Ok(found)
}

async fn change(app: &App, seen: &Campaign, next: Campaign, what: &str, why: String) -> Result<bool, TableError> {
    let campaign = Campaign {
        version: seen.version + 1,
        updated_at: app.clock.now(),
        ..next
    };
    let activity = by_job(app, RECONCILE, what, why);
    change_and_tell(app, &campaign, seen.version, &activity, vec![]).await
}
