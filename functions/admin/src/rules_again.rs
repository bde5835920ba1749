//! `POST reapply` and `replan`: decide again about leads, by the rules in use, as a job.
//!
//! Reapply is for leads that a failed rule parked, once the rule is mended; replan is for leads that wait, after a
//! change of the rules. With `dry_run` the job counts what would change and changes nothing; then it may count by rules
//! that are not in use yet, so that the counts are seen before anything is published.

use redial_aws::jobs::{Job, JobKind, WhichLeads, send};
use redial_aws::keys;
use redial_aws::rule_store::{Files, pack_files};
use redial_aws::web::{Answer, Problem};
use redial_domain::RuleSetName;
use redial_rules::RuleSet;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

use crate::jobs_api::shown;
use crate::request::{Caller, unavailable};
use crate::rules_draft::{limits, set_name};
use crate::rules_examine::examine;
use crate::rules_show::named_files;
use crate::shapes;

#[derive(Deserialize, Default, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Wanted {
    #[serde(default)]
    dry_run: bool,
    /// Rules to count by instead of those in use: `draft`, or a version's number. Only with `dry_run`.
    #[serde(default)]
    version: Option<String>,
    #[serde(default)]
    #[schemars(schema_with = "shapes::files_or_none")]
    files: Option<Files>,
}

/// The job that decides again about waiting leads once a change of the rules is written.
pub(crate) fn replan_job(caller: &Caller<'_>, set: &RuleSetName, epoch: u64) -> Job {
    let kind = JobKind::DecideAgain {
        set: set.clone(),
        which: WhichLeads::Waiting,
        epoch,
        dry_run: false,
        candidate: false,
    };
    Job::new(caller.app, &caller.actor, kind)
}

/// The rules that are to be tried, if there are any.
async fn candidate(caller: &Caller<'_>, set: &RuleSetName, wanted: Wanted) -> Result<Option<Files>, Problem> {
    let files = match (wanted.version, wanted.files) {
        (None, None) => return Ok(None),
        (_, Some(files)) => {
            limits(&files)?;
            files
        }
        (Some(which), None) => named_files(caller, set, &which).await?.1,
    };
    if wanted.dry_run {
        return Ok(Some(files));
    }
    Err(Problem::new(
        422,
        "bad_field",
        "failed to read `dry_run`: rules that are not in use can only be tried",
        "send `dry_run` true, or publish them first",
    ))
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
            "list them with GET /api/rules, or `redial rules list`",
        ));
    }
    let dry_run = wanted.dry_run;
    let candidate = candidate(caller, &set, wanted).await?;
    if let Some(refusal) = candidate
        .as_ref()
        .and_then(|files| examine(&set, 1, files).refused_rules())
    {
        return Ok(refusal);
    }
    let kind = JobKind::DecideAgain {
        set: set.clone(),
        which,
        epoch: active.map_or(0, |active| active.epoch),
        dry_run,
        candidate: candidate.is_some(),
    };
    let job = Job::new(app, &caller.actor, kind).named(caller.new_record());
    if let Some(packed) = candidate.as_ref().and_then(|files| pack_files(files).ok()) {
        app.table
            .put_job_item(keys::job_input(&job.id), &job, &packed, None)
            .await
            .map_err(|error| unavailable(&error))?;
    }
    let put = app.table.ignoring_condition(job.put()).await;
    put.map_err(|error| unavailable(&error))?;
    tracing::info!(job.id = %job.id, actor = %caller.actor.name, "{} asked for", job.kind.as_str());
    let mut answer = json!({"success": true, "job": shown(&job, app.clock.now())});
    if !send(app, &job.id).await {
        answer["note"] = json!("the queue did not take it; it begins by itself within ten minutes");
    }
    Ok(Answer::json(202, &answer))
}
