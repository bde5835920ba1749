//! `POST /campaigns/{id}/start`, `…/pause`, `…/cancel` and `DELETE /campaigns/{id}`: a campaign's life in people's hands
//! (C1).
//!
//! A start is taken at any hour: calls begin when the calling hours do, and the answer says when (`opens_at`). What stops a
//! campaign answers when nothing that was permitted before can still be placed. A call that is talking ends as it would
//! have; leads, history and do-not-call marks stay.

use redial_aws::web::{Answer, Problem};
use redial_domain::{Campaign, CampaignId, CampaignStatus, iso};
use serde_json::json;

use crate::campaign_api::{problem, save};
use crate::campaign_fields::shown;
use crate::request::{Caller, contended, unavailable};
use crate::still_placing::wait_for_campaigns;

/// Rounds against others who change the same campaign.
const ROUNDS_MAX: usize = 4;

pub(crate) async fn start(caller: &Caller<'_>, id: &str) -> Result<Answer, Problem> {
    for _ in 0..ROUNDS_MAX {
        let before = caller.campaign_in_use(id).await?;
        let now = caller.app.clock.now();
        let campaign = before
            .moved(CampaignStatus::Running, now)
            .map_err(|error| problem(&error))?;
        may_start(caller, &before).await?;
        let what = match before.status {
            CampaignStatus::Paused => "resumed",
            _ => "started",
        };
        if let Some((saved, _)) = save(caller, campaign, &before, what).await? {
            let opens_at = saved.window.next_open(now, Campaign::CLOSING_MARGIN);
            let mut answer = shown(&saved, now);
            answer["opens_at"] = json!(opens_at.filter(|at| *at > now).map(iso));
            answer["remaining"] = json!([]);
            return Ok(Answer::json(200, &answer));
        }
    }
    Err(contended("campaign"))
}

async fn may_start(caller: &Caller<'_>, campaign: &Campaign) -> Result<(), Problem> {
    let now = caller.app.clock.now();
    if campaign.status_at(CampaignStatus::Running, now) != CampaignStatus::Running {
        return Err(Problem::new(
            409,
            "end_time_over",
            "failed to start the campaign: its `scheduled_end_time` is over",
            "PATCH /campaigns/{id} with a later `scheduled_end_time`, or null, then start it",
        ));
    }
    let has_leads = caller.app.table.has_leads(campaign);
    if !campaign.open_intake && !has_leads.await.map_err(|error| unavailable(&error))? {
        return Err(Problem::new(
            409,
            "no_leads",
            "failed to start the campaign: it has no leads",
            "PATCH /campaigns/{id} with {\"open_intake\": true}, so that leads come by API or CRM, then start it",
        ));
    }
    Ok(())
}

pub(crate) async fn pause(caller: &Caller<'_>, id: &str) -> Result<Answer, Problem> {
    stop(caller, id, CampaignStatus::Paused).await
}

pub(crate) async fn cancel(caller: &Caller<'_>, id: &str) -> Result<Answer, Problem> {
    stop(caller, id, CampaignStatus::Cancelled).await
}

async fn stop(caller: &Caller<'_>, id: &str, to: CampaignStatus) -> Result<Answer, Problem> {
    for _ in 0..ROUNDS_MAX {
        let before = caller.campaign_in_use(id).await?;
        if to.has_ended() {
            may_end(&before)?;
        }
        let now = caller.app.clock.now();
        let campaign = before.moved(to, now).map_err(|error| problem(&error))?;
        let Some((saved, _)) = save(caller, campaign, &before, to.as_str()).await? else {
            continue;
        };
        let remaining = wait_for_campaigns(caller.app, std::slice::from_ref(&saved)).await;
        let mut answer = shown(&saved, now);
        answer["remaining"] = json!(remaining.map_err(|error| unavailable(&error))?);
        return Ok(Answer::json(200, &answer));
    }
    Err(contended("campaign"))
}

/// Leads that name no campaign come to the default one, and its id could not be used again.
fn may_end(campaign: &Campaign) -> Result<(), Problem> {
    if campaign.id == CampaignId::default_campaign() {
        return Err(Problem::new(
            409,
            "default_campaign",
            "failed to end the campaign: leads that name no campaign come to `default`",
            "pause it with POST /campaigns/default/pause",
        ));
    }
    Ok(())
}

/// Hides a campaign and ends it, unless it has ended. Doing it again changes nothing.
pub(crate) async fn delete(caller: &Caller<'_>, id: &str) -> Result<Answer, Problem> {
    for _ in 0..ROUNDS_MAX {
        let before = caller.campaign(id).await?;
        let deleted = if before.is_deleted() {
            before
        } else {
            may_end(&before)?;
            let now = caller.app.clock.now();
            let to = if before.status.has_ended() {
                before.status
            } else {
                CampaignStatus::Cancelled
            };
            let mut campaign = before.moved(to, now).map_err(|error| problem(&error))?;
            campaign.life.deleted_at = Some(now);
            match save(caller, campaign, &before, "deleted").await? {
                Some((saved, _)) => saved,
                None => continue,
            }
        };
        // Also when it is asked for again: the answer means that nothing can be placed any more.
        let remaining = wait_for_campaigns(caller.app, std::slice::from_ref(&deleted)).await;
        let remaining = remaining.map_err(|error| unavailable(&error))?;
        return Ok(if remaining.is_empty() {
            Answer::empty(204)
        } else {
            let mut answer = shown(&deleted, caller.app.clock.now());
            answer["remaining"] = json!(remaining);
            Answer::json(200, &answer)
        });
    }
    Err(contended("campaign"))
}
