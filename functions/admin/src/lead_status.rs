//! `PATCH /api/leads/{id}/status` and `POST /api/leads/status`: people move leads, one, some hundred, or all of a status.
//!
//! What a move is stands in `status_moves`; here are the question, the answer, and the wait for what is just being placed.
//! Up to 500 named leads are moved in the request, side by side. All leads of a status are moved by a job, which can be
//! tried first (`dry_run`) and ended, and goes on after a crash.

use std::time::Duration;

use chrono::{DateTime, Utc};
use futures::StreamExt;
use redial_aws::jobs::{Job, JobKind, send};
use redial_aws::messages::CallMessage;
use redial_aws::status_moves::{MovedLead, Mover, Refused, StatusMove, StatusMoved};
use redial_aws::table::TableError;
use redial_aws::web::{Answer, Problem};
use redial_domain::{AttemptId, Permission, Phone, StatusName, StopScope, iso, without_numbers};
use redial_rules::StatusKind;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::do_not_call::text;
use crate::jobs_api;
use crate::lead_callback::promised_at;
use crate::lead_statuses::rules;
use crate::request::{Caller, bad, contended, unavailable};
use crate::still_placing::wait_for_phones;

/// Leads of one request: what a person selects on a board (K5), and at eight at a time it is done in ten seconds.
const LEADS_MAX: usize = 500;
/// Leads moved side by side.
const AT_ONCE: usize = 8;
/// No further lead is begun after this: the function ends after 60 seconds, and waits up to 30 for what is being placed.
const TIME_MAX: Duration = Duration::from_secs(20);

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct One {
    status: String,
    #[serde(default)]
    reason: Option<String>,
    #[serde(default)]
    callback_at: Option<DateTime<Utc>>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Many {
    #[serde(default)]
    lead_ids: Option<Vec<String>>,
    #[serde(default)]
    filter: Option<Which>,
    status: String,
    #[serde(default)]
    reason: Option<String>,
    #[serde(default)]
    dry_run: bool,
}

/// All leads of a campaign at a status.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Which {
    campaign_id: String,
    status: String,
}

pub(crate) async fn change(caller: &Caller<'_>, id: &str) -> Result<Answer, Problem> {
    let body: One = caller.body()?;
    let asked = StatusMove {
        to: status("status", &body.status)?,
        why: text("reason", body.reason)?,
        callback_at: body
            .callback_at
            .map(|at| promised_at("callback_at", at, caller.app.clock.now()))
            .transpose()?,
        only_from: None,
    };
    let app = caller.app;
    let lead = caller.lead(id).await?;
    let campaign = caller.campaign(lead.campaign.as_str()).await?;
    let failed = |error| unavailable(&error);
    let mover = Mover::of(app, &campaign, &caller.actor).await.map_err(failed)?;
    let (moved, changed) = match mover.put(&lead.phone, &asked, None).await.map_err(failed)? {
        StatusMoved::Moved(moved) => (moved, true),
        StatusMoved::Stands(moved) => (moved, false),
        StatusMoved::Refused(refused) => return refusal(&refused),
    };
    let (remaining, ending) = end_calls(caller, std::slice::from_ref(&*moved)).await?;
    let lead = &moved.lead;
    tracing::info!(lead.id = %lead.id, lead.status = %lead.status, actor = %caller.actor.name, "status chosen");
    Ok(Answer::json(
        200,
        &json!({
            "success": true,
            "changed": changed,
            "lead_id": lead.id,
            "from": moved.from,
            "status": lead.status,
            "last_status_change": iso(lead.status_at),
            "state": lead.shown_state(app.clock.now()),
            "reason": lead.reason,
            "next_call_at": lead.next_at.map(iso),
            "callback_at": lead.callback_at.map(iso),
            "stopped": moved.stop,
            "calls_ending": ending,
            "remaining": remaining,
        }),
    ))
}

pub(crate) async fn change_many(caller: &Caller<'_>) -> Result<Answer, Problem> {
    let body: Many = caller.body()?;
    let to = status("status", &body.status)?;
    let why = text("reason", body.reason)?;
    match (body.lead_ids, body.filter) {
        (Some(_), None) if body.dry_run => Err(bad("dry_run", "only a move by `filter` can be tried first")),
        (Some(ids), None) => named(caller, ids, to, why).await,
        (None, Some(which)) => all(caller, &which, to, why, body.dry_run).await,
        _ => Err(bad("lead_ids", "give either `lead_ids` or `filter`")),
    }
}

/// Leads by their ids, each with what became of it.
async fn named(caller: &Caller<'_>, ids: Vec<String>, to: StatusName, why: Option<String>) -> Result<Answer, Problem> {
    if ids.is_empty() {
        return Err(bad("lead_ids", "there is none"));
    }
    if ids.len() > LEADS_MAX {
        return Err(Problem::new(
            422,
            "too_many",
            format!("failed to move the leads: {} are more than {LEADS_MAX}", ids.len()),
            "send them in parts, or move all leads of a status with `filter`",
        ));
    }
    let asked = StatusMove {
        to,
        why,
        callback_at: None,
        only_from: None,
    };
    let began = Instant::now();
    let one = &asked;
    let named = ids.len();
    let moves = ids.into_iter().map(|id| async move {
        if began.elapsed() > TIME_MAX {
            return (id, None);
        }
        let moved = one_of_many(caller, &id, one).await;
        (id, Some(moved))
    });
    let mut results: Vec<Value> = Vec::with_capacity(named);
    let mut called: Vec<MovedLead> = Vec::new();
    let mut counts = [("moved", 0_usize), ("unchanged", 0), ("refused", 0), ("not_done", 0)];
    let mut in_order = futures::stream::iter(moves).buffered(AT_ONCE);
    while let Some((id, moved)) = in_order.next().await {
        let (word, mut result) = match moved {
            Some(Ok(StatusMoved::Moved(moved))) => {
                let shown = ("moved", json!({"from": moved.from, "state": moved.lead.state}));
                called.push(*moved);
                shown
            }
            Some(Ok(StatusMoved::Stands(moved))) => {
                called.push(*moved);
                ("unchanged", json!({}))
            }
            Some(Ok(StatusMoved::Refused(refused))) => ("refused", why_not(&refused)),
            Some(Err(problem)) if problem.status < 500 => {
                ("refused", json!({"code": problem.code, "message": problem.message}))
            }
            Some(Err(_)) | None => ("not_done", json!({})),
        };
        result["lead_id"] = json!(without_numbers(&id));
        result["result"] = json!(word);
        counts
            .iter_mut()
            .filter(|(of, _)| *of == word)
            .for_each(|(_, n)| *n += 1);
        results.push(result);
    }
    let (remaining, ending) = end_calls(caller, &called).await?;
    let mut answer = json!({
        "success": results.iter().all(|result| result["result"] != "not_done"),
        "status": asked.to,
        "results": results,
        "calls_ending": ending,
        "remaining": remaining,
    });
    for (word, n) in counts {
        answer[word] = json!(n);
    }
    Ok(Answer::json(200, &answer))
}

async fn one_of_many(caller: &Caller<'_>, id: &str, asked: &StatusMove) -> Result<StatusMoved, Problem> {
    let app = caller.app;
    let failed = |error| unavailable(&error);
    let lead = caller.lead(id).await?;
    let campaign = app.campaign(&lead.campaign, 0).await.map_err(failed)?;
    let Some(campaign) = campaign else {
        return Ok(StatusMoved::Refused(Refused::Gone));
    };
    let mover = Mover::of(app, &campaign, &caller.actor).await.map_err(failed)?;
    mover.put(&lead.phone, asked, None).await.map_err(failed)
}

/// All leads of a campaign at a status: a job.
async fn all(
    caller: &Caller<'_>,
    which: &Which,
    to: StatusName,
    why: Option<String>,
    dry_run: bool,
) -> Result<Answer, Problem> {
    // A whole column is more than an agent moves by hand.
    caller.may(Permission::ManageCampaigns)?;
    let campaign = caller.campaign(&which.campaign_id).await?;
    let from = status("filter.status", &which.status)?;
    let rules = rules(caller, &campaign.rule_set).await?;
    let unknown = || {
        let known: Vec<&str> = rules
            .spec()
            .statuses
            .iter()
            .map(|status| status.name.as_str())
            .collect();
        bad(
            "status",
            format!("the rule set of the campaign has {}", known.join(", ")),
        )
    };
    let kind = rules.spec().status(to.as_str()).ok_or_else(unknown)?.kind;
    if kind == StatusKind::Stopped {
        return Err(Problem::new(
            422,
            "not_at_once",
            format!("failed to move the leads: `{to}` marks phones for good, and that is not done by a filter"),
            "name the leads in `lead_ids`, or send the phones to POST /api/do-not-call/import",
        ));
    }
    if from == to {
        return Err(bad("status", "the leads are there already"));
    }
    let kind = JobKind::MoveStatus {
        campaign: campaign.id.clone(),
        from,
        to,
        why,
        dry_run,
    };
    let job = Job::new(caller.app, &caller.actor, kind);
    let job = job.named(caller.new_record());
    let written = caller.app.table.ignoring_condition(job.put()).await;
    written.map_err(|error| unavailable(&error))?;
    send(caller.app, &job.id).await;
    let shown = jobs_api::shown(&job, caller.app.clock.now());
    Ok(Answer::json(
        202,
        &json!({"success": true, "dry_run": dry_run, "job": shown}),
    ))
}

/// Waits for what is just being placed to leads that are not called any more, and asks for the end of calls to phones
/// that were marked. Answers what may still be placed, and which calls end.
async fn end_calls(caller: &Caller<'_>, moved: &[MovedLead]) -> Result<(Vec<AttemptId>, Vec<AttemptId>), Problem> {
    let app = caller.app;
    let called: Vec<&MovedLead> = moved
        .iter()
        .filter(|moved| moved.stop.is_some() && moved.was_called)
        .collect();
    let phones: Vec<Phone> = called.iter().map(|moved| moved.lead.phone.clone()).collect();
    let failed = |error: TableError| unavailable(&error);
    let remaining = wait_for_phones(app, phones).await.map_err(failed)?;
    let mut ends = Vec::new();
    let mut ending = Vec::new();
    for moved in called.iter().filter(|moved| moved.stop == Some(StopScope::Phone)) {
        let phone = &moved.lead.phone;
        if let Some(inflight) = app.table.ledger(phone).await.map_err(failed)?.inflight {
            let message = CallMessage::end_call(phone.clone(), inflight.id.clone(), app.clock.now());
            ends.push((message, 0));
            ending.push(inflight.id);
        }
    }
    app.queues.end_calls(&ends).await.map_err(|error| {
        tracing::error!("{error}");
        Problem::new(
            503,
            "call_not_ended",
            "failed to ask for the end of a call in flight; the phone is marked and is not called again",
            "send the same request again",
        )
    })?;
    Ok((remaining, ending))
}

fn refusal(refused: &Refused) -> Result<Answer, Problem> {
    if *refused == Refused::Contended {
        return Err(contended("lead"));
    }
    let status = match refused {
        Refused::Gone => 404,
        Refused::UnknownStatus { .. } | Refused::Stops => 422,
        _ => 409,
    };
    let mut body = why_not(refused);
    body["success"] = json!(false);
    Ok(Answer::json(status, &body))
}

/// Why a lead was not moved, and what to do.
fn why_not(refused: &Refused) -> Value {
    let names = |names: &[StatusName]| names.iter().map(StatusName::as_str).collect::<Vec<_>>().join(", ");
    let told = |code: &str, why: String, hint: String| json!({"code": code, "message": format!("failed to move the lead: {why}"), "hint": hint});
    match refused {
        Refused::Gone => told("unknown_lead", "it is gone".to_owned(), "look for it again".to_owned()),
        Refused::UnknownStatus { known } => {
            let mut body = told(
                "unknown_status",
                "the rule set of its campaign has no such status".to_owned(),
                format!("use one of {}", names(known)),
            );
            body["allowed"] = json!(known);
            body
        }
        Refused::NoSuchMove { from, allowed } => {
            let hint = if allowed.is_empty() {
                format!("from `{from}` a lead goes nowhere")
            } else {
                format!("from `{from}` it may go to {}", names(allowed))
            };
            let mut body = told(
                "move_refused",
                format!("the rule set has no such move from `{from}`"),
                hint,
            );
            body["from"] = json!(from);
            body["allowed"] = json!(allowed);
            body
        }
        Refused::Stops => told(
            "status_stops",
            "calling stops at this status, so no call can be promised with it".to_owned(),
            "leave `callback_at` out, or choose another status".to_owned(),
        ),
        Refused::NoPromise(state) => told(
            "wrong_state",
            format!("it is {}, and nobody is promised a call there", state.as_str()),
            "leave `callback_at` out".to_owned(),
        ),
        Refused::Elsewhere => told(
            "elsewhere",
            "it is at another status".to_owned(),
            "look at it".to_owned(),
        ),
        Refused::RuleFailed(why) => told(
            "rule_failed",
            without_numbers(why),
            "mend the rule set, or return to the version before".to_owned(),
        ),
        Refused::Contended => told(
            "changed_meanwhile",
            "others kept changing it".to_owned(),
            "look at it and try again".to_owned(),
        ),
        Refused::JobOver => told(
            "job_is_over",
            "its job was ended".to_owned(),
            "start a new one".to_owned(),
        ),
    }
}

fn status(name: &str, given: &str) -> Result<StatusName, Problem> {
    StatusName::parse(given).map_err(|error| bad(name, error))
}
