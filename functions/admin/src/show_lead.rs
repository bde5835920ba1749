//! `GET /api/leads/{id}`: one lead, why it is or is not called now, its attempts and what people did with it.

use redial_aws::campaigns::GateReading;
use redial_aws::leads::Activity;
use redial_aws::table::{Item, read, text};
use redial_aws::web::{Answer, Problem};
use redial_domain::{Attempt, Gate, GateInput, Switches, gate, iso};
use serde_json::{Value, json};

use crate::cursor;
use crate::queue_records::record;
use crate::queue_status::{Claimed, is_open};
use crate::request::{Caller, unavailable};

/// Entries in one answer, unless asked for otherwise, and at most.
const LIMIT_DEFAULT: usize = 20;
pub(crate) const LIMIT_MAX: usize = 100;

pub(crate) async fn show(caller: &Caller<'_>, id: &str) -> Result<Answer, Problem> {
    let app = caller.app;
    let limit = caller.number("limit", LIMIT_DEFAULT, LIMIT_MAX)?;
    let query = caller.request.query();
    let attempts_before: Option<String> = cursor::read_key(query.get("attempts_cursor"))?;
    let activities_before: Option<String> = cursor::read_key(query.get("activities_cursor"))?;
    let lead = caller.lead(id).await?;
    let campaign = caller.campaign(lead.campaign.as_str()).await?;
    let table = &app.table;
    let failed = |error| unavailable(&error);
    let profile = table.profile(&lead.phone, &lead.campaign).await.map_err(failed)?;
    let ledger = table.ledger(&lead.phone).await.map_err(failed)?;
    let reading = table.switches(&lead.campaign, &lead.phone).await.map_err(failed)?;
    let talk = table.last_talk(&lead.phone, &lead.campaign).await.map_err(failed)?;
    let settings = table.settings().await.map_err(failed)?.unwrap_or_default();
    let account = table.account(&campaign.voice.provider).await.map_err(failed)?;
    let law = app
        .law(reading.map_or(0, |reading| reading.law_version))
        .await
        .map_err(failed)?;
    let claimed = Claimed::of(app, &campaign).await.map_err(failed)?;
    let size = i32::try_from(limit).unwrap_or(i32::MAX);
    let attempts = table
        .history(&lead.phone, "ATTEMPT#", attempts_before.as_deref(), size)
        .await
        .map_err(failed)?;
    let activities = table
        .history(&lead.phone, "ACTIVITY#", activities_before.as_deref(), size)
        .await
        .map_err(failed)?;

    let now = app.clock.now();
    let switches = reading.map_or(Switches::OFF, |GateReading { switches, .. }| switches);
    let input = GateInput {
        lead: &lead,
        ledger: &ledger,
        campaign: &campaign,
        law: &law,
        switches,
        account_closed_until: account.closed_until,
        now,
    };
    let may_be_called = match gate(&input) {
        Gate::Open => json!({"now": true}),
        Gate::Wait { reason, until } => json!({"now": false, "reason": reason, "until": iso(until)}),
        Gate::Closed { reason } => json!({"now": false, "reason": reason, "until": null}),
    };
    let state = claimed.state(&lead.phone, lead.state, lead.next_at.unwrap_or(now), now);
    let ready = is_open(&campaign, &settings, now) && state.waits() && lead.next_at.is_some_and(|next| next <= now);
    let mut shown = record(&lead, &profile, state, ready, &campaign, now);
    // What others called does not stand among our attempts, and uses up the total with them.
    shown["reported_calls"] = json!(ledger.reported_calls(&lead, &campaign));
    shown["email"] = json!(profile.email);
    shown["city"] = json!(profile.city);
    shown["postal_code"] = json!(lead.postal_code);
    shown["timezone"] = json!(lead.zone.map(|zone| zone.name()));
    shown["tags"] = json!(profile.tags);
    shown["answered_count"] = json!(lead.answered);
    shown["last_status_change"] = json!(iso(lead.status_at));
    shown["source"] = json!(profile.source);
    shown["import_id"] = json!(profile.imported_by.as_ref().map(|by| &by.import));
    shown["import_row"] = json!(profile.imported_by.as_ref().map(|by| by.row));
    shown["custom"] = json!(profile.custom);
    shown["last_contact_at"] = json!(talk.as_ref().map(|talk| iso(talk.at)));
    shown["summary"] = json!(talk.as_ref().and_then(|talk| talk.summary.clone()));
    shown["summary_from"] = json!(talk.as_ref().and_then(|talk| talk.summary_from));
    Ok(Answer::json(
        200,
        &json!({
            "success": true,
            "lead": shown,
            "may_be_called": may_be_called,
            "do_not_call": ledger.dnc_at.map(|since| json!({"since": iso(since), "proof": ledger.dnc_ref})),
            "calls_to_phone_today": ledger.calls_on(campaign.window.date_of(now), &campaign.window),
            "attempts": attempts.iter().filter_map(attempt).collect::<Vec<_>>(),
            "next_attempts_cursor": next_cursor(&attempts, "ATTEMPT#", limit),
            "activities": activities.iter().filter_map(activity).collect::<Vec<_>>(),
            "next_activities_cursor": next_cursor(&activities, "ACTIVITY#", limit),
        }),
    ))
}

fn next_cursor(items: &[Item], sort: &str, limit: usize) -> Option<String> {
    let last = items.last().filter(|_| items.len() >= limit)?;
    cursor::write(&text(last, "sk")?.strip_prefix(sort)?)
}

pub(crate) fn attempt(item: &Item) -> Option<Value> {
    let deliveries = item
        .get("deliveries")
        .and_then(|value| value.as_ss().ok())
        .map_or(0, Vec::len);
    let attempt: Attempt = read(item.clone()).ok()?;
    Some(json!({
        "attempt_id": attempt.id,
        "lead_id": attempt.lead,
        "campaign_id": attempt.campaign,
        "provider": attempt.provider,
        "call_id": attempt.call_id,
        "direction": attempt.direction,
        "ended_by": attempt.end,
        "started_at": iso(attempt.started_at),
        "ended_at": iso(attempt.ended_at),
        "outcome": attempt.outcome,
        "disposition": attempt.disposition,
        "disposition_word": attempt.word,
        "disposition_word_unknown": attempt.word_unknown,
        "talk_s": attempt.talk_s,
        "counted": attempt.counted,
        "permitted_by": attempt.permitted_by.map(|by| json!({"campaign_version": by.campaign_version, "law_version": by.law_version})),
        "deliveries": deliveries,
        "decision": attempt.decision,
        "rule_failed": attempt.problem,
    }))
}

pub(crate) fn activity(item: &Item) -> Option<Value> {
    let activity: Activity = read(item.clone()).ok()?;
    Some(
        json!({"id": activity.id, "at": iso(activity.at), "lead_id": activity.lead, "actor": activity.actor, "what": activity.what, "why": activity.why, "from": activity.from, "to": activity.to}),
    )
}
