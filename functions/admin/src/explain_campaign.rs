//! `GET` and `POST /campaigns/{id}/explain`: how many leads are held up by what (X1).
//!
//! Each lead is counted once, by the first reason that blocks it, and the counts sum to all leads. A small campaign is
//! counted while one waits; a large one by a job, which says how far it is.

use std::collections::{BTreeMap, BTreeSet};

use redial_aws::jobs::{Job, send};
use redial_aws::leads::phone_and_campaign;
use redial_aws::table::Key;
use redial_aws::web::{Answer, Problem};
use redial_domain::{Campaign, GateInput, Switches, gate, iso};
use serde_json::{Value, json};

use crate::jobs_api;
use crate::lines_left::LinesLeft;
use crate::queue_status::lines;
use crate::request::{Caller, unavailable};

/// Leads that are counted while one waits: each is two items of a batch, so this takes seconds.
const LIVE_MAX: usize = 5_000;
/// Leads that are read at once: a batch of DynamoDB has a hundred items.
const PAGE: i32 = 50;

pub(crate) async fn show(caller: &Caller<'_>, id: &str) -> Result<Answer, Problem> {
    let campaign = caller.campaign_to_read(id).await?;
    let Some(counts) = counted(caller, &campaign).await? else {
        return Err(Problem::new(
            409,
            "too_many_leads",
            format!("failed to count while you wait: the campaign has more than {LIVE_MAX} leads"),
            "POST to the same path; it starts a job that counts them",
        ));
    };
    let total: u64 = counts.values().sum();
    let mut lines = Vec::new();
    for shard in 0..campaign.shards {
        let left = LinesLeft::of(caller.app, &campaign, shard, None).await;
        lines.push(left.map_err(|error| unavailable(&error))?.shown(&campaign)["value"].clone());
    }
    Ok(Answer::json(
        200,
        &json!({
            "success": true,
            "campaign_id": campaign.id,
            "at": iso(caller.app.clock.now()),
            "total": total,
            "by_reason": by_reason(&counts),
            // Who is `open` is called as soon as a line is free: one entry for each part of the queue.
            "lines": lines,
        }),
    ))
}

/// Starts the job that counts.
pub(crate) async fn start(caller: &Caller<'_>, id: &str) -> Result<Answer, Problem> {
    let campaign = caller.campaign_to_read(id).await?;
    let job = Job::look_again(caller.app, &caller.actor, Some(campaign.id), true);
    let job = job.named(caller.new_record());
    let put = caller.app.table.ignoring_condition(job.put()).await;
    put.map_err(|error| unavailable(&error))?;
    send(caller.app, &job.id).await;
    Ok(Answer::json(
        202,
        &json!({"success": true, "job": jobs_api::shown(&job, caller.app.clock.now())}),
    ))
}

/// Most first; `open` is who may be called now.
fn by_reason(counts: &BTreeMap<&'static str, u64>) -> Vec<Value> {
    let mut sorted: Vec<_> = counts.iter().collect();
    sorted.sort_by_key(|(_, leads)| std::cmp::Reverse(**leads));
    sorted
        .into_iter()
        .map(|(reason, leads)| json!({"reason": reason, "leads": leads}))
        .collect()
}

/// Nothing when there are too many.
async fn counted(caller: &Caller<'_>, campaign: &Campaign) -> Result<Option<BTreeMap<&'static str, u64>>, Problem> {
    let (app, table) = (caller.app, &caller.app.table);
    let failed = |error| unavailable(&error);
    let reading = table.campaign_switches(&campaign.id).await.map_err(failed)?;
    let law = app
        .law(reading.map_or(0, |reading| reading.law_version))
        .await
        .map_err(failed)?;
    let account = table.account(&campaign.voice.provider).await.map_err(failed)?;
    let mut counts: BTreeMap<&'static str, u64> = BTreeMap::new();
    // A lead that moves to another line meanwhile is met twice and counted once.
    let mut seen = BTreeSet::new();
    for line in lines(campaign) {
        let mut after: Option<String> = None;
        loop {
            let page = table
                .queue_page(&line, after.as_deref(), "~", PAGE)
                .await
                .map_err(failed)?;
            let of: Vec<_> = page
                .items
                .iter()
                .filter_map(|item| phone_and_campaign(&Key::of(item)?))
                .filter(|(phone, _)| seen.insert(phone.clone()))
                .collect();
            if seen.len() > LIVE_MAX {
                return Ok(None);
            }
            let now = app.clock.now();
            for both in table.leads_and_ledgers(&of, now).await.map_err(failed)? {
                let answer = gate(&GateInput {
                    lead: &both.lead,
                    ledger: &both.ledger,
                    campaign,
                    law: &law,
                    switches: reading.map_or(Switches::OFF, |reading| reading.switches),
                    account_closed_until: account.closed_until,
                    now,
                });
                *counts.entry(answer.code()).or_default() += 1;
            }
            let last = page.items.last().and_then(|item| redial_aws::table::text(item, "q_sk"));
            match last {
                Some(last) if page.next.is_some() => after = Some(last.to_owned()),
                _ => break,
            }
        }
    }
    Ok(Some(counts))
}
