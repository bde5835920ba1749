//! `POST /api/rules/{set}/replay`: what would these rules have made of the calls of the last days?
//!
//! Data flow: campaign and days → the candidate's files, as sent or of a version → checked as before publishing, all
//! findings at once → a job with its own copy of them → 202. Nothing is decided and nobody is called here.

use chrono::Days;
use redial_aws::jobs::{Candidate, Job, JobKind, ReplayInput, start_job};
use redial_aws::rule_store::Files;
use redial_aws::web::{Answer, Problem};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::jobs_api::shown;
use crate::request::{Caller, unavailable};
use crate::rules_draft::{limits, set_name};
use crate::rules_examine::examine;
use crate::rules_show::named_files;
use crate::shapes;

/// A week, unless asked for otherwise: every weekday once.
const DAYS_DEFAULT: u64 = 7;
/// Payloads are kept for 90 days.
const DAYS_MAX: u64 = 90;
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Wanted {
    campaign: String,
    #[serde(default)]
    days: Option<u64>,
    /// A number, `active`, or `draft`, which it is when neither this nor `files` is given.
    #[serde(default)]
    #[schemars(schema_with = "shapes::version")]
    version: Option<Value>,
    #[serde(default)]
    #[schemars(schema_with = "shapes::files_or_none")]
    files: Option<Files>,
}

pub(crate) async fn start(caller: &Caller<'_>, set: &str) -> Result<Answer, Problem> {
    let wanted: Wanted = caller.body()?;
    let set = set_name(set)?;
    let days = wanted.days.unwrap_or(DAYS_DEFAULT);
    if !(1..=DAYS_MAX).contains(&days) {
        return Err(bad_field(
            "days",
            &format!("it is no whole number from 1 to {DAYS_MAX}"),
        ));
    }
    let campaign = caller.campaign(&wanted.campaign).await?;
    let (label, files) = match (wanted.version, wanted.files) {
        (None, Some(files)) => {
            limits(&files)?;
            ("files".to_owned(), files)
        }
        (Some(_), Some(_)) => return Err(bad_field("version", "send either `version` or `files`")),
        (None, None) => named_files(caller, &set, "draft").await?,
        (Some(Value::String(which)), None) => named_files(caller, &set, &which).await?,
        (Some(which), None) => named_files(caller, &set, &which.to_string()).await?,
    };
    // Cases that fail are no reason not to look: a replay may be why they are about to change.
    let examined = examine(&set, 1, &files);
    let Some(rules) = &examined.0.set else {
        caller.app.metrics.count("admin.refused");
        return Ok(examined
            .refusal()
            .unwrap_or_else(|| Answer::from(bad_field("files", "they do not pass the check"))));
    };
    let version = label.strip_prefix('v').and_then(|number| number.parse().ok());
    let to = campaign.window.date_of(caller.app.clock.now());
    let kind = JobKind::Replay {
        set,
        campaign: campaign.id.clone(),
        from: to.checked_sub_days(Days::new(days - 1)).unwrap_or(to),
        to,
        candidate: Candidate {
            version,
            hash: rules.hash().to_owned(),
        },
    };
    let input = ReplayInput { campaign, files }.packed().ok_or_else(|| {
        let why = "together, packed, they are more than 350 KB";
        bad_field("files", why)
    })?;
    let job = Job::new(caller.app, &caller.actor, kind).named(caller.new_record());
    let sent = start_job(caller.app, &job, &input).await;
    let sent = sent.map_err(|error| unavailable(&error))?;
    tracing::info!(job.id = %job.id, actor = %caller.actor.name, "replay asked for");
    let mut answer = json!({"success": true, "job": shown(&job, caller.app.clock.now())});
    if !sent {
        answer["note"] = json!("the queue did not take it; it begins by itself within ten minutes");
    }
    Ok(Answer::json(202, &answer))
}

fn bad_field(field: &str, why: &str) -> Problem {
    Problem::new(
        422,
        "bad_field",
        format!("failed to read `{field}`: {why}"),
        "correct the field and send it again",
    )
}
