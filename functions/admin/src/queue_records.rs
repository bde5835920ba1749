//! `GET records`: leads as queue records, in the order in which they are served.
//!
//! `status` is the state in the queue, `lead_status` the status for the business, `state` the US state: the names
//! that dashboards over earlier queues read. A page may hold fewer records than asked for; `next_cursor` says whether there are more.

use chrono::{DateTime, SecondsFormat, Utc};
use redial_aws::campaigns::CAMPAIGNS_MAX;
use redial_aws::keys;
use redial_aws::leads::phone_and_campaign;
use redial_aws::table::{Key, text};
use redial_aws::web::{Answer, Problem};
use redial_domain::{Campaign, CampaignId, Lead, LeadState, Phone, Profile, iso};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::cursor;
use crate::queue_status::{Claimed, is_open, lines};
use crate::request::{Caller, unavailable};

/// Entries in one answer, unless asked for otherwise, and at most.
const LIMIT_DEFAULT: usize = 50;
pub(crate) const LIMIT_MAX: usize = 200;
/// Pages of keys read for one answer, however few records fit a filter.
const PAGES_MAX: usize = 40;

/// Where the next page begins: behind this range key of this line of this campaign.
#[derive(Serialize, Deserialize)]
struct Place {
    c: CampaignId,
    l: usize,
    k: Option<String>,
}

struct Filter {
    state: Option<LeadState>,
    ready: Option<bool>,
    campaign: Option<CampaignId>,
}

pub(crate) async fn records(caller: &Caller<'_>) -> Result<Answer, Problem> {
    let app = caller.app;
    let query = caller.request.query();
    let filter = filter(caller).await?;
    let limit = caller.number("limit", LIMIT_DEFAULT, LIMIT_MAX)?;
    let mut place: Option<Place> = cursor::read(query.get("cursor"), |place: &Place| {
        place.k.as_deref().is_none_or(cursor::is_key)
    })?;
    let now = app.clock.now();
    let settings = app
        .table
        .settings()
        .await
        .map_err(|error| unavailable(&error))?
        .unwrap_or_default();
    let campaigns = app
        .table
        .campaigns(None, CAMPAIGNS_MAX)
        .await
        .map_err(|error| unavailable(&error))?;
    let first = place.as_ref().map(|place| place.c.clone());
    let wanted = campaigns
        .iter()
        .filter(|campaign| match &filter.campaign {
            Some(id) => *id == campaign.id,
            // What was deleted is hidden with its leads, unless it is named.
            None => !campaign.is_deleted(),
        })
        .filter(|campaign| first.as_ref().is_none_or(|first| campaign.id >= *first));

    let mut records: Vec<Value> = Vec::new();
    let mut pages = 0;
    let mut next = None;
    'campaigns: for campaign in wanted {
        let claimed = Claimed::of(app, campaign).await.map_err(|error| unavailable(&error))?;
        let open = is_open(campaign, &settings, now);
        let (from_line, mut after) = match place.take() {
            Some(place) if place.c == campaign.id => (place.l, place.k),
            _ => (0, None),
        };
        for (n, line) in lines(campaign).iter().enumerate().skip(from_line) {
            loop {
                if records.len() >= limit || pages >= PAGES_MAX {
                    next = Some(Place {
                        c: campaign.id.clone(),
                        l: n,
                        k: after,
                    });
                    break 'campaigns;
                }
                pages += 1;
                let size = i32::try_from(limit - records.len()).unwrap_or(i32::MAX).max(20);
                let page = app
                    .table
                    .queue_page(line, after.as_deref(), "~", size)
                    .await
                    .map_err(|error| unavailable(&error))?;
                let mut fitting = Vec::new();
                let mut taken_all = true;
                for item in &page.items {
                    let range = text(item, "q_sk").map(str::to_owned);
                    if records.len() + fitting.len() >= limit {
                        taken_all = false;
                        break;
                    }
                    after = range.clone();
                    let place = range.as_deref().and_then(keys::read_queue_range);
                    let whose = Key::of(item).and_then(|key| phone_and_campaign(&key));
                    let (Some((at, stored, _)), Some(whose)) = (place, whose) else {
                        continue;
                    };
                    let state = claimed.state(&whose.0, stored, at, now);
                    let ready = open && matches!(state, LeadState::Pending | LeadState::Rescheduled) && at <= now;
                    if filter.state.is_none_or(|wanted| wanted == state)
                        && filter.ready.is_none_or(|wanted| wanted == ready)
                    {
                        fitting.push((whose, state, ready));
                    }
                }
                records.extend(shown(caller, campaign, fitting, now).await?);
                if taken_all && page.next.is_none() {
                    break;
                }
            }
            after = None;
        }
    }
    let next_cursor = next.and_then(|place| cursor::write(&place));
    Ok(Answer::json(
        200,
        &json!({"success": true, "timestamp": iso(now), "count": records.len(), "records": records, "next_cursor": next_cursor}),
    ))
}

async fn filter(caller: &Caller<'_>) -> Result<Filter, Problem> {
    let query = caller.request.query();
    let bad = |name: &str, why: String| {
        Problem::new(
            422,
            "bad_field",
            format!("failed to read `{name}`: {why}"),
            "leave it out for all records",
        )
    };
    let state = match query.get("status") {
        None => None,
        Some(raw) => Some(LeadState::parse(raw).ok_or_else(|| {
            let all: Vec<_> = LeadState::ALL.iter().map(|state| state.as_str()).collect();
            bad("status", format!("use one of {}", all.join(", ")))
        })?),
    };
    let ready = match query.get("ready").map(String::as_str) {
        None => None,
        Some("true" | "1" | "") => Some(true),
        Some("false" | "0") => Some(false),
        Some(_) => return Err(bad("ready", "use true or false".to_owned())),
    };
    let campaign = match query.get("campaign_id") {
        None => None,
        Some(id) => Some(caller.campaign(id).await?.id),
    };
    Ok(Filter { state, ready, campaign })
}

type Fitting = ((Phone, CampaignId), LeadState, bool);

async fn shown(
    caller: &Caller<'_>,
    campaign: &Campaign,
    fitting: Vec<Fitting>,
    now: DateTime<Utc>,
) -> Result<Vec<Value>, Problem> {
    let of: Vec<_> = fitting.iter().map(|(whose, ..)| whose.clone()).collect();
    let leads = caller
        .app
        .table
        .leads_and_ledgers(&of, now)
        .await
        .map_err(|error| unavailable(&error))?;
    let profiles = caller
        .app
        .table
        .profiles(&of)
        .await
        .map_err(|error| unavailable(&error))?;
    let blank = Profile::default();
    Ok(leads
        .iter()
        .filter_map(|both| {
            let lead = &both.lead;
            let (_, state, ready) = fitting.iter().find(|((phone, _), ..)| *phone == lead.phone)?;
            let profile = profiles
                .get(&(lead.phone.clone(), lead.campaign.clone()))
                .unwrap_or(&blank);
            Some(record(lead, profile, *state, *ready, campaign, now))
        })
        .collect())
}

/// A lead as records show it.
pub(crate) fn record(
    lead: &Lead,
    profile: &Profile,
    state: LeadState,
    ready: bool,
    campaign: &Campaign,
    now: DateTime<Utc>,
) -> Value {
    let ms = |at: Option<DateTime<Utc>>| at.map(|at| at.timestamp_millis());
    let utc = |at: Option<DateTime<Utc>>| at.map(|at| at.to_rfc3339_opts(SecondsFormat::Secs, true));
    json!({
        "lead_id": lead.id,
        "crm_id": profile.crm_id,
        "campaign_id": lead.campaign,
        "phone_number": lead.phone,
        "list_id": profile.crm_list_id.clone().unwrap_or_else(|| lead.list.to_string()),
        "first_name": profile.first_name,
        "last_name": profile.last_name,
        "state": lead.state_code,
        "status": state,
        "lead_status": lead.status,
        "reason": lead.reason,
        "attempts": lead.attempts,
        "attempts_today": lead.attempts_on(campaign.window.date_of(now)),
        "outcomes": lead.outcomes,
        "last_outcome": lead.outcomes.last(),
        "last_call_id": lead.last_call_id,
        "last_call_timestamp": ms(lead.last_call_at),
        "last_call_iso": utc(lead.last_call_at),
        "next_redial_timestamp": ms(lead.next_at),
        "next_redial_iso": utc(lead.next_at),
        "scheduled_callback_time": ms(lead.callback_at),
        "scheduled_callback_iso": utc(lead.callback_at),
        "minutes_until_next_redial": lead.next_at.map(|next| ((next - now).num_seconds().max(0) + 59) / 60),
        "is_ready": ready,
        "created_at": lead.created_at.timestamp_millis(),
        "created_at_iso": utc(Some(lead.created_at)),
        "updated_at": lead.updated_at.timestamp_millis(),
        "updated_at_iso": utc(Some(lead.updated_at)),
    })
}
