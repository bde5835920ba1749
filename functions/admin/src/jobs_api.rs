//! `/api/jobs`: what runs, how far it is, what came out; and an end to what nobody wants any more.
//!
//! No answer holds a phone number: results name leads by their id.

use chrono::{DateTime, Utc};
use redial_aws::job_steps::StepSum;
use redial_aws::jobs::{Job, JobKind, JobState};
use redial_aws::kept::unpack;
use redial_aws::keys;
use redial_aws::table::TableError;
use redial_aws::web::{Answer, Problem};
use redial_domain::iso;
use redial_rules::replay::Totals;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::cursor;
use crate::request::{Caller, unavailable};

/// Entries in one answer, unless asked for otherwise, and at most.
const LIMIT_DEFAULT: usize = 50;
pub(crate) const LIMIT_MAX: usize = 200;
/// Letters of an id that is not there, in the answer that says so.
const SHOWN_ID_MAX: usize = 64;

/// Where the next leads of a result begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
struct Place {
    shard: u32,
    part: u32,
    page: u32,
    at: usize,
}

pub(crate) async fn list(caller: &Caller<'_>) -> Result<Answer, Problem> {
    let limit = caller.number("limit", LIMIT_DEFAULT, LIMIT_MAX)?;
    let before = cursor::read_key(caller.request.query().get("cursor"))?;
    let size = i32::try_from(limit).unwrap_or(i32::MAX);
    let jobs = caller.app.table.jobs(before.as_deref(), size).await;
    let jobs = jobs.map_err(|error| unavailable(&error))?;
    let now = caller.app.clock.now();
    let next = jobs.last().filter(|_| jobs.len() == limit);
    let next_cursor = next.and_then(|last| cursor::write(&last.id));
    let jobs: Vec<Value> = jobs.iter().map(|job| shown(job, now)).collect();
    Ok(Answer::json(
        200,
        &json!({"success": true, "jobs": jobs, "next_cursor": next_cursor}),
    ))
}

pub(crate) async fn show(caller: &Caller<'_>, id: &str) -> Result<Answer, Problem> {
    let job = job(caller, id).await?;
    Ok(Answer::json(
        200,
        &json!({"success": true, "job": shown(&job, caller.app.clock.now())}),
    ))
}

pub(crate) async fn cancel(caller: &Caller<'_>, id: &str) -> Result<Answer, Problem> {
    let job = job(caller, id).await?;
    let now = caller.app.clock.now();
    let cancelled = caller.app.table.cancel_job(&job.id, now).await;
    match cancelled.map_err(|error| unavailable(&error))? {
        Some(job) => {
            tracing::info!(job.id = %job.id, actor = %caller.actor.name, "job cancelled");
            Ok(Answer::json(200, &json!({"success": true, "job": shown(&job, now)})))
        }
        None => Err(Problem::new(
            409,
            "job_is_over",
            "failed to cancel the job: it is over",
            "look at it with GET /api/jobs/{id}",
        )),
    }
}

/// Sums over all steps so far, and the leads of one page of them.
pub(crate) async fn results(caller: &Caller<'_>, id: &str) -> Result<Answer, Problem> {
    let limit = caller.number("limit", LIMIT_DEFAULT, LIMIT_MAX)?;
    let place: Option<Place> = cursor::read(caller.request.query().get("cursor"), |_| true)?;
    let job = job(caller, id).await?;
    let sums = caller.app.table.job_sums(&job.id).await;
    let sums = sums.map_err(|error| unavailable(&error))?;
    let mut totals = Totals::default();
    for sum in &sums {
        let sum: Totals = serde_json::from_slice(&unpack(&sum.packed)).map_err(|_| unreadable())?;
        totals.add(&sum);
    }
    let (leads, next) = leads(caller, &job, &sums, place, limit).await?;
    Ok(Answer::json(
        200,
        &json!({
            "success": true,
            "job_id": job.id,
            "state": job.state,
            // Of a job that goes on or was ended these are the parts that are done.
            "complete": job.state == JobState::Done,
            "totals": totals,
            "count": leads.len(),
            "leads": leads,
            "next_cursor": next.and_then(|next| cursor::write(&next)),
        }),
    ))
}

/// Leads in the order of shard, part and id, from a place on.
async fn leads(
    caller: &Caller<'_>,
    job: &Job,
    sums: &[StepSum],
    place: Option<Place>,
    limit: usize,
) -> Result<(Vec<Value>, Option<Place>), Problem> {
    let pages = sums.iter().flat_map(|sum| {
        (0..sum.pages).map(|page| Place {
            shard: sum.shard,
            part: sum.part,
            page,
            at: 0,
        })
    });
    let from = place.unwrap_or(Place {
        shard: 0,
        part: 0,
        page: 0,
        at: 0,
    });
    let here = |page: &Place| (page.shard, page.part, page.page);
    let mut leads = Vec::new();
    for page in pages.filter(|page| here(page) >= here(&from)) {
        let skipped = if here(&page) == here(&from) { from.at } else { 0 };
        if leads.len() == limit {
            return Ok((leads, Some(page)));
        }
        let key = keys::job_page(&job.id, page.shard, page.part, page.page);
        let packed = caller.app.table.job_item(&key).await;
        let packed = packed.map_err(|error| unavailable(&error))?.ok_or_else(unreadable)?;
        let on_page: Vec<Value> = serde_json::from_slice(&unpack(&packed)).map_err(|_| unreadable())?;
        let room = limit - leads.len();
        let left = on_page.len().saturating_sub(skipped);
        leads.extend(on_page.into_iter().skip(skipped).take(room));
        if left > room {
            let at = skipped + room;
            return Ok((leads, Some(Place { at, ..page })));
        }
    }
    Ok((leads, None))
}

async fn job(caller: &Caller<'_>, id: &str) -> Result<Job, Problem> {
    let unknown = || {
        let id: String = id.chars().take(SHOWN_ID_MAX).collect();
        Problem::new(
            404,
            "unknown_job",
            format!("failed to find the job `{id}`"),
            "list them with GET /api/jobs; after 30 days a job is forgotten",
        )
    };
    if !cursor::is_key(id) {
        return Err(unknown());
    }
    let found = caller.app.table.job(id).await.map_err(|error| unavailable(&error))?;
    let now = caller.app.clock.now();
    found.filter(|job| job.expires_at() > now).ok_or_else(unknown)
}

fn unreadable() -> Problem {
    unavailable(&TableError::Corrupt("results of a job".to_owned()))
}

/// A job as the API shows it.
pub(crate) fn shown(job: &Job, now: DateTime<Utc>) -> Value {
    let text = |at: Option<DateTime<Utc>>| at.map(iso);
    let mut shown = json!({
        "id": job.id,
        "kind": job.kind.as_str(),
        "state": job.state,
        "by": job.actor.name,
        "created_at": iso(job.created_at),
        "started_at": text(job.started_at),
        "updated_at": iso(job.updated_at),
        "ended_at": text(job.ended_at),
        "done": job.done,
        "total": job.total,
        "share_done": share_done(job),
        "eta_s": eta_s(job, now),
        "counts": job.counts,
        "problem": job.problem,
    });
    match &job.kind {
        JobKind::Replay {
            set,
            campaign,
            from,
            to,
            candidate,
        } => {
            shown["replay"] = json!({
                "rule_set": set,
                "campaign_id": campaign,
                "from": from,
                "to": to,
                "version": candidate.version,
                "hash": candidate.hash,
            });
        }
        JobKind::DecideAgain {
            set, which, dry_run, ..
        } => {
            shown["decide_again"] = json!({"rule_set": set, "leads": which, "dry_run": dry_run});
            if !dry_run {
                let leads = job.leads;
                let counts = [
                    ("decided", leads.decided),
                    ("status_changed", leads.status_changed),
                    ("stopped", leads.stopped),
                    ("sooner", leads.sooner),
                    ("later", leads.later),
                ];
                for (name, count) in counts {
                    shown["counts"][name] = json!(count);
                }
            }
        }
        JobKind::LookAgain { campaign, .. } => shown["look_again"] = json!({"campaign_id": campaign}),
        JobKind::Import { campaign, .. } => shown["import"] = json!({"campaign_id": campaign, "import_id": job.id}),
        JobKind::UndoImport { campaign, import } => {
            shown["undo_import"] = json!({"campaign_id": campaign, "import_id": import});
            shown["counts"]["removed"] = json!(job.removed);
        }
        JobKind::MoveStatus {
            campaign,
            from,
            to,
            why,
            dry_run,
        } => {
            shown["move_status"] =
                json!({"campaign_id": campaign, "from": from, "to": to, "reason": why, "dry_run": dry_run});
            if !dry_run {
                shown["counts"]["moved"] = json!(job.leads.status_changed);
                shown["counts"]["stopped"] = json!(job.leads.stopped);
            }
        }
        JobKind::Unknown => {}
    }
    shown
}

/// From 0 to 1, in thousandths; nothing while nobody knows.
#[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
fn share_done(job: &Job) -> Option<f64> {
    match (job.state, job.total?) {
        (JobState::Done, _) => Some(1.0),
        (_, 0) => None,
        (_, total) => Some((job.done.min(total) as f64 / total as f64 * 1_000.0).round() / 1_000.0),
    }
}

/// Seconds until it is done, if it goes on as it went; nothing while nobody knows.
fn eta_s(job: &Job, now: DateTime<Utc>) -> Option<u64> {
    let (started, total) = (job.started_at?, job.total?);
    if job.state != JobState::Running || job.done == 0 {
        return None;
    }
    let gone_s = u64::try_from((now - started).num_seconds()).ok()?;
    Some(gone_s.saturating_mul(total.saturating_sub(job.done)) / job.done)
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;
    use redial_aws::jobs::{Candidate, DecidedLeads};
    use redial_domain::{Actor, CampaignId, RuleSetName};

    use super::*;

    fn job(state: JobState, done: u64, total: Option<u64>) -> Job {
        let at = DateTime::from_timestamp(1_800_000_000, 0).unwrap();
        let kind = JobKind::Replay {
            set: RuleSetName::parse("x").unwrap(),
            campaign: CampaignId::parse("default").unwrap(),
            from: at.date_naive(),
            to: at.date_naive(),
            candidate: Candidate {
                version: None,
                hash: String::new(),
            },
        };
        Job {
            id: "1".to_owned(),
            kind,
            state,
            actor: Actor::system(),
            created_at: at,
            started_at: Some(at),
            updated_at: at,
            ended_at: None,
            version: 1,
            done,
            total,
            cursor: None,
            counts: [].into(),
            leads: DecidedLeads::default(),
            removed: 0,
            problem: None,
        }
    }

    #[test]
    fn how_far_and_how_long_is_said_only_when_it_is_known() {
        let later = |job: &Job| job.created_at + TimeDelta::seconds(30);
        for (state, done, total, share, eta) in [
            (JobState::Running, 0, None, None, None),
            (JobState::Running, 0, Some(100), Some(0.0), None),
            (JobState::Running, 25, Some(100), Some(0.25), Some(90)),
            (JobState::Done, 0, Some(0), Some(1.0), None),
            (JobState::Cancelled, 25, Some(100), Some(0.25), None),
        ] {
            let job = job(state, done, total);
            assert_eq!(
                (share_done(&job), eta_s(&job, later(&job))),
                (share, eta),
                "{state:?} {done}"
            );
        }
    }
}
