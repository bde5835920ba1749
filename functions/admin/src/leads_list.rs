//! `GET /api/leads`, `POST /api/leads/search`, `GET /campaigns/{id}/leads`: leads page by page, however many there are.
//!
//! Data flow: filter → columns of the board, one for each status and part of a list → merged by the last move of the
//! status, newest first → a page. Of each column only its head is read, so a page costs the same for a thousand leads
//! and for a million. A page may hold fewer leads than asked for; `next_cursor` says whether there are more. No cursor
//! holds a number, a name or an address.

use std::collections::HashSet;

use redial_aws::campaigns::CAMPAIGNS_MAX;
use redial_aws::keys;
use redial_aws::layout::BOARD_INDEX;
use redial_aws::leads::phone_and_campaign;
use redial_aws::merged::{Merged, Part, Span};
use redial_aws::web::{Answer, Problem};
use redial_domain::{Campaign, CampaignId, LeadState, iso};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::cursor;
use crate::lead_row::{Filter, Rows};
use crate::lead_statuses::possible;
use crate::leads_search;
use crate::queue_status::count;
use crate::request::{Caller, bad, unavailable};

/// Leads in one answer, unless asked for otherwise, and at most.
pub(crate) const LIMIT_DEFAULT: usize = 50;
pub(crate) const LIMIT_MAX: usize = 200;
/// Leads looked at for one answer, however few of them fit: four batches of each kind of item.
pub(crate) const LOOKED_AT_MAX: usize = 400;
/// The most that may be skipped. Who needs more uses the cursor: skipping reads what it skips.
const SKIP_MAX: usize = 1_000;
/// Statuses of one filter: more than any rule set has.
const STATUSES_MAX: usize = 50;

/// What is asked for, in a query or a body.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Asked {
    #[serde(default)]
    pub(crate) search: Option<String>,
    #[serde(default)]
    campaign_id: Option<String>,
    #[serde(default, alias = "list_id")]
    outbound_list_id: Option<String>,
    #[serde(default)]
    status: Option<String>,
    #[serde(default)]
    state: Option<String>,
    #[serde(default)]
    limit: Option<usize>,
    #[serde(default)]
    skip: Option<usize>,
    #[serde(default)]
    pub(crate) cursor: Option<String>,
}

/// Where the next page begins: behind this place of this campaign's board.
#[derive(Debug, Serialize, Deserialize)]
struct Place {
    c: CampaignId,
    k: Option<String>,
    /// How many leads there were, and when they were counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    t: Option<(u64, i64)>,
}

/// A page, and where the next one begins.
struct Page {
    leads: Vec<Value>,
    next: Option<Place>,
}

pub(crate) async fn list(caller: &Caller<'_>) -> Result<Answer, Problem> {
    let query = caller.request.query();
    let text = |name: &str| query.get(name).cloned();
    let asked = Asked {
        search: text("search"),
        campaign_id: text("campaign_id"),
        outbound_list_id: text("outbound_list_id").or_else(|| text("list_id")),
        status: text("status"),
        state: text("state"),
        limit: Some(caller.number("limit", LIMIT_DEFAULT, LIMIT_MAX)?),
        skip: skip(text("skip").as_deref())?,
        cursor: text("cursor"),
    };
    answer(caller, asked).await
}

/// The same with the text in the body, where no proxy and no history keeps it.
pub(crate) async fn search(caller: &Caller<'_>) -> Result<Answer, Problem> {
    let asked: Asked = caller.body_or_default()?;
    if asked.limit.is_some_and(|limit| !(1..=LIMIT_MAX).contains(&limit)) {
        return Err(bad("limit", format!("it is no whole number from 1 to {LIMIT_MAX}")));
    }
    if asked.skip.is_some_and(|skip| skip > SKIP_MAX) {
        return Err(too_far());
    }
    answer(caller, asked).await
}

async fn answer(caller: &Caller<'_>, asked: Asked) -> Result<Answer, Problem> {
    let filter = filter(caller, &asked).await?;
    let limit = asked.limit.unwrap_or(LIMIT_DEFAULT);
    let sought = asked.search.as_deref().map(str::trim).filter(|text| !text.is_empty());
    let (leads, next_cursor) = match sought {
        Some(_) if asked.skip.is_some_and(|skip| skip > 0) => {
            return Err(bad("skip", "a search goes on by its cursor only"));
        }
        Some(text) => leads_search::page(caller, text, &filter, limit, asked.cursor.as_ref()).await?,
        None => {
            let place = place(asked.cursor.as_ref())?;
            let page = page(caller, &filter, limit, asked.skip.unwrap_or(0), place).await?;
            (page.leads, page.next.and_then(|next| cursor::write(&next)))
        }
    };
    Ok(Answer::json(
        200,
        &json!({
            "success": true,
            "timestamp": iso(caller.app.clock.now()),
            "count": leads.len(),
            "leads": leads,
            "next_cursor": next_cursor,
        }),
    ))
}

/// The leads of one campaign, with how many there are.
pub(crate) async fn of_campaign(caller: &Caller<'_>, id: &str) -> Result<Answer, Problem> {
    let campaign = caller.campaign(id).await?;
    let limit = caller.number("limit", LIMIT_DEFAULT, LIMIT_MAX)?;
    let query = caller.request.query();
    let skip = skip(query.get("skip").map(String::as_str))?.unwrap_or(0);
    let place = place(query.get("cursor"))?;
    // Counted for the first page, and said again on the others.
    let counted = match place.as_ref().and_then(|place| place.t) {
        Some(counted) => counted,
        None => {
            let counts = count(caller.app, &campaign)
                .await
                .map_err(|error| unavailable(&error))?;
            (counts.total, counts.as_of)
        }
    };
    let filter = Filter {
        campaign: Some(campaign.id.clone()),
        ..Filter::default()
    };
    let page = page(caller, &filter, limit, skip, place).await?;
    let next = page.next.map(|next| Place {
        t: Some(counted),
        ..next
    });
    Ok(Answer::json(
        200,
        &json!({
            "success": true,
            "campaign_id": campaign.id,
            "total_leads": counted.0,
            "total_as_of": chrono::DateTime::from_timestamp(counted.1, 0).map(iso),
            "leads": page.leads,
            "next_cursor": next.and_then(|next| cursor::write(&next)),
        }),
    ))
}

fn place(cursor: Option<&String>) -> Result<Option<Place>, Problem> {
    cursor::read(cursor, |place: &Place| place.k.as_deref().is_none_or(cursor::is_key))
}

fn skip(raw: Option<&str>) -> Result<Option<usize>, Problem> {
    let read = |raw: &str| raw.parse().ok().filter(|skip| *skip <= SKIP_MAX).ok_or_else(too_far);
    raw.map(read).transpose()
}

fn too_far() -> Problem {
    Problem::new(
        422,
        "bad_field",
        format!("failed to read `skip`: it is no whole number from 0 to {SKIP_MAX}"),
        "go on with `cursor` instead: `next_cursor` of the answer before",
    )
}

async fn filter(caller: &Caller<'_>, asked: &Asked) -> Result<Filter, Problem> {
    let state = match asked.state.as_deref() {
        None => None,
        Some(word) => Some(LeadState::parse(word).ok_or_else(|| {
            let all: Vec<_> = LeadState::ALL.iter().map(|state| state.as_str()).collect();
            bad("state", format!("use one of {}", all.join(", ")))
        })?),
    };
    let campaign = match &asked.campaign_id {
        None => None,
        Some(id) => Some(caller.campaign(id).await?),
    };
    // Today each campaign has one list, which has its name.
    let listed = match &asked.outbound_list_id {
        None => None,
        Some(list) => {
            let of = caller.campaign(list).await.ok();
            let fits = |of: &Campaign| campaign.as_ref().is_none_or(|campaign| campaign.id == of.id);
            Some(of.filter(fits).ok_or_else(|| {
                Problem::new(
                    404,
                    "unknown_list",
                    "failed to find the list",
                    "a list has the id of its campaign; list them with GET /campaigns",
                )
            })?)
        }
    };
    let statuses: Vec<String> = match &asked.status {
        None => Vec::new(),
        Some(words) => words.split(',').map(|word| word.trim().to_owned()).collect(),
    };
    if statuses.len() > STATUSES_MAX {
        return Err(bad("status", format!("it names more than {STATUSES_MAX}")));
    }
    let campaign = campaign.or_else(|| listed.clone());
    if !statuses.is_empty() {
        let known = possible(caller, campaign.as_ref()).await?;
        if let Some(unknown) = statuses.iter().find(|status| !known.contains(*status)) {
            let unknown = redial_domain::without_numbers(&unknown.chars().take(64).collect::<String>());
            return Err(Problem::new(
                422,
                "unknown_status",
                format!("failed to read `status`: no rule set has `{unknown}`"),
                "list them with GET /api/lead-statuses",
            ));
        }
    }
    Ok(Filter {
        campaign: campaign.map(|campaign| campaign.id),
        list: listed.map(|of| of.id.to_string()),
        statuses,
        state,
    })
}

/// One page of the board.
async fn page(
    caller: &Caller<'_>,
    filter: &Filter,
    limit: usize,
    mut skip: usize,
    mut place: Option<Place>,
) -> Result<Page, Problem> {
    let failed = |error| unavailable(&error);
    if skip > 0 && filter.state.is_some() {
        return Err(bad("skip", "with `state` a list goes on by its cursor only"));
    }
    let mut campaigns = match &filter.campaign {
        Some(id) => vec![caller.campaign(id.as_str()).await?],
        None => caller.app.table.campaigns(None, CAMPAIGNS_MAX).await.map_err(failed)?,
    };
    campaigns.sort_by(|a, b| a.id.cmp(&b.id));
    if let Some(place) = &place {
        campaigns.retain(|campaign| campaign.id >= place.c);
    }
    let mut rows = Rows::new(caller);
    let mut leads = Vec::new();
    let mut looked_at = 0;
    let last = campaigns.last().map(|campaign| campaign.id.clone());
    for campaign in campaigns {
        let mut k = match place.take() {
            Some(place) if place.c == campaign.id => place.k,
            _ => None,
        };
        let mut entries = board(caller, &campaign, filter, k.clone(), limit + skip).await?;
        let mut on_page = HashSet::new();
        loop {
            let mut some = Vec::new();
            let mut is_over = false;
            while some.len() < limit - leads.len() && looked_at < LOOKED_AT_MAX {
                let Some((range, key)) = entries.next().await.map_err(failed)? else {
                    is_over = true;
                    break;
                };
                k = Some(range);
                if skip > 0 {
                    skip -= 1;
                } else if let Some(whose) = phone_and_campaign(&key)
                    && on_page.insert(whose.clone())
                {
                    looked_at += 1;
                    some.push(whose);
                }
            }
            let found = rows.of(&some, filter).await?;
            leads.extend(found.into_iter().filter_map(|row| row.shown));
            if is_over {
                break;
            }
            if leads.len() >= limit || looked_at >= LOOKED_AT_MAX {
                let more = entries.next().await.map_err(failed)?.is_some() || last.as_ref() != Some(&campaign.id);
                let next = more.then_some(Place {
                    c: campaign.id,
                    k,
                    t: None,
                });
                return Ok(Page { leads, next });
            }
        }
    }
    Ok(Page { leads, next: None })
}

/// A campaign's leads by the last move of their status, newest first.
async fn board<'a>(
    caller: &Caller<'a>,
    campaign: &Campaign,
    filter: &Filter,
    seen: Option<String>,
    wanted: usize,
) -> Result<Merged<'a>, Problem> {
    let statuses: Vec<String> = if filter.statuses.is_empty() {
        possible(caller, Some(campaign)).await?.into_iter().collect()
    } else {
        filter.statuses.clone()
    };
    let parts = statuses.iter().flat_map(|status| {
        (0..campaign.shards).map(|shard| Part {
            index: BOARD_INDEX,
            name: keys::board(campaign.id.as_str(), status, shard),
        })
    });
    let span = Span {
        from: "0".to_owned(),
        upto: "~".to_owned(),
        seen,
        descending: true,
    };
    Ok(Merged::new(&caller.app.table, parts.collect(), span, wanted))
}
