//! `GET /campaigns`: by id, page by page, also as clients of earlier tools ask for them: `skip`, `status_filter`.

use redial_aws::campaigns::CAMPAIGNS_MAX;
use redial_aws::web::{Answer, Problem};
use redial_domain::{Campaign, CampaignStatus};
use serde_json::json;

use crate::campaign_fields::shown;
use crate::cursor;
use crate::request::{Caller, bad, unavailable};

/// Entries in one answer, unless asked for otherwise, and at most.
const LIMIT_DEFAULT: usize = 50;
pub(crate) const LIMIT_MAX: usize = 200;
/// Entries that may be skipped: more than that is what cursors are for.
const SKIP_MAX: usize = 1_000;
/// Campaigns read at once, whatever of them fits.
const PAGE: usize = 200;

pub(crate) async fn list(caller: &Caller<'_>) -> Result<Answer, Problem> {
    let query = caller.request.query();
    let limit = caller.number("limit", LIMIT_DEFAULT, LIMIT_MAX)?;
    let skip = skip(query.get("skip"))?;
    let status = status(query.get("status_filter"))?;
    let with_deleted = caller.flag("include_deleted")?;
    let mut after: Option<String> = cursor::read_key(query.get("cursor"))?;
    let mut found: Vec<Campaign> = Vec::with_capacity(limit);
    let (mut skipped, mut more) = (0, false);
    'pages: for _ in 0..=CAMPAIGNS_MAX / PAGE {
        let page = caller.app.table.campaigns(after.as_deref(), PAGE).await;
        let page = page.map_err(|error| unavailable(&error))?;
        let is_last = page.len() < PAGE;
        after = page.last().map(|last| last.id.to_string());
        for campaign in page {
            let fits =
                (with_deleted || !campaign.is_deleted()) && status.is_none_or(|status| status == campaign.status);
            if !fits {
                continue;
            }
            if skipped < skip {
                skipped += 1;
                continue;
            }
            if found.len() == limit {
                more = true;
                break 'pages;
            }
            found.push(campaign);
        }
        if is_last {
            break;
        }
    }
    let next_cursor = found.last().filter(|_| more).and_then(|last| cursor::write(&last.id));
    let now = caller.app.clock.now();
    let campaigns: Vec<_> = found.iter().map(|campaign| shown(campaign, now)).collect();
    Ok(Answer::json(
        200,
        &json!({"success": true, "campaigns": campaigns, "next_cursor": next_cursor}),
    ))
}

fn skip(raw: Option<&String>) -> Result<usize, Problem> {
    let Some(raw) = raw else { return Ok(0) };
    let skip = raw.parse().ok().filter(|skip| *skip <= SKIP_MAX);
    skip.ok_or_else(|| {
        bad(
            "skip",
            format!("it is no whole number from 0 to {SKIP_MAX}; go on with `next_cursor` of an answer as `cursor`"),
        )
    })
}

fn status(raw: Option<&String>) -> Result<Option<CampaignStatus>, Problem> {
    let Some(raw) = raw else { return Ok(None) };
    let known = || CampaignStatus::ALL.map(CampaignStatus::as_str).join(", ");
    CampaignStatus::parse(raw)
        .map(Some)
        .ok_or_else(|| bad("status_filter", format!("use one of {}", known())))
}
