//! `POST reapply` and `replan`: decide again about leads, by the rules in use, as a job.
//!
//! Reapply is for leads that a failed rule parked, once the rule is mended; replan is for leads that wait, after a
//! change of the rules. With `dry_run` the job counts what would change and changes nothing.

use redial_aws::jobs::{Job, JobKind, WhichLeads, send};
use redial_aws::web::{Answer, Problem};
use redial_domain::RuleSetName;
use redial_rules::RuleSet;
use serde::Deserialize;
use serde_json::json;

use crate::jobs_api::shown;
use crate::request::{Caller, unavailable};
use crate::rules_draft::set_name;

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
struct Wanted {
    #[serde(default)]
    dry_run: bool,
}

/// The job that decides again about waiting leads once a change of the rules is written.
pub(crate) fn replan_job(caller: &Caller<'_>, set: &RuleSetName, epoch: u64) -> Job {
    job(caller, set, WhichLeads::Waiting, epoch, false)
}

fn job(caller: &Caller<'_>, set: &RuleSetName, which: WhichLeads, epoch: u64, dry_run: bool) -> Job {
    let kind = JobKind::DecideAgain {
        set: set.clone(),
        which,
        epoch,
        dry_run,
    };
    Job::new(caller.app, &caller.actor, kind)
}

pub(crate) async fn start(caller: &Caller<'_>, set: &str, which: WhichLeads) -> Result<Answer, Problem> {
    let set = set_name(set)?;
    let wanted: Wanted = caller.body_or_default()?;
    let app = caller.app;
    let active = app
        .table
        .rules_active(&set)
        .await
        .map_err(|error| unavailable(&error))?;
    if active.is_none() && RuleSet::built_in(&set).is_none() {
        return Err(Problem::new(
            404,
            "unknown_rule_set",
            format!("failed to find the rule set `{set}`: it is neither published nor built in"),
            "list them with GET /api/rules",
        ));
    }
    let epoch = active.map_or(0, |active| active.epoch);
    let job = job(caller, &set, which, epoch, wanted.dry_run);
    app.table.write(job.put()).await.map_err(|error| unavailable(&error))?;
    tracing::info!(job.id = %job.id, actor = %caller.actor.name, "{} asked for", job.kind.as_str());
    let mut answer = json!({"success": true, "job": shown(&job, app.clock.now())});
    if !send(app, &job.id).await {
        answer["note"] = json!("the queue did not take it; it begins by itself within ten minutes");
    }
    Ok(Answer::json(202, &answer))
}
