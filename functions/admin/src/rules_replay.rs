//! `POST /api/rules/{set}/replay`: what would these rules have made of the calls of the last days?
//!
//! Data flow: campaign and days → the candidate's files, as sent or of a version → checked as before publishing, all
//! findings at once → a job with its own copy of them → 202. Nothing is decided and nobody is called here.

use std::collections::BTreeMap;

use chrono::Days;
use redial_aws::jobs::{Candidate, Job, JobKind, ReplayInput, start_job};
use redial_aws::keys;
use redial_aws::table::read;
use redial_aws::web::{Answer, Problem};
use redial_domain::RuleSetName;
use redial_rules::{Finding, RuleSet};
use serde::Deserialize;
use serde_json::json;

use crate::jobs_api::shown;
use crate::request::{Caller, unavailable};

/// A week, unless asked for otherwise: every weekday once.
const DAYS_DEFAULT: u64 = 7;
/// Payloads are kept for 90 days.
const DAYS_MAX: u64 = 90;
/// The version of every built-in set.
const BUILT_IN: u32 = 0;

type Files = BTreeMap<String, String>;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wanted {
    campaign: String,
    #[serde(default)]
    days: Option<u64>,
    #[serde(default)]
    version: Option<u32>,
    #[serde(default)]
    files: Option<Files>,
}

#[derive(Deserialize)]
struct Version {
    files: Files,
}

pub(crate) async fn start(caller: &Caller<'_>, set: &str) -> Result<Answer, Problem> {
    let wanted: Wanted = caller.body()?;
    let set = RuleSetName::parse(set).map_err(|_| unknown_version(set, None))?;
    let days = wanted.days.unwrap_or(DAYS_DEFAULT);
    if !(1..=DAYS_MAX).contains(&days) {
        return Err(bad_field(
            "days",
            &format!("it is no whole number from 1 to {DAYS_MAX}"),
        ));
    }
    let campaign = caller.campaign(&wanted.campaign).await?;
    let (version, files) = match (wanted.version, wanted.files) {
        (None, Some(files)) => (None, files),
        (Some(version), None) => (Some(version), files_of(caller, &set, version).await?),
        _ => return Err(bad_field("version", "send either `version` or `files`")),
    };
    let rules = match RuleSet::from_files(&set, version.unwrap_or(BUILT_IN), &files) {
        Ok(rules) => rules,
        Err(findings) => return Ok(refused(caller, &findings)),
    };
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
    let job = Job::new(caller.app, &caller.actor, kind);
    let sent = start_job(caller.app, &job, &input).await;
    let sent = sent.map_err(|error| unavailable(&error))?;
    tracing::info!(job.id = %job.id, actor = %caller.actor.name, "replay asked for");
    let mut answer = json!({"success": true, "job": shown(&job, caller.app.clock.now())});
    if !sent {
        answer["note"] = json!("the queue did not take it; it begins by itself within ten minutes");
    }
    Ok(Answer::json(202, &answer))
}

/// The files of a version: a stored one, or the built-in.
async fn files_of(caller: &Caller<'_>, set: &RuleSetName, version: u32) -> Result<Files, Problem> {
    let unknown = || unknown_version(set.as_str(), Some(version));
    if version == BUILT_IN {
        let files = RuleSet::built_in_files(set).ok_or_else(unknown)?;
        let files = files
            .iter()
            .map(|(file, text)| ((*file).to_owned(), (*text).to_owned()));
        return Ok(files.collect());
    }
    let item = caller.app.table.get(&keys::rules_version(set, version), true).await;
    let item = item.map_err(|error| unavailable(&error))?.ok_or_else(unknown)?;
    let version: Version = read(item).map_err(|error| unavailable(&error))?;
    Ok(version.files)
}

/// Everything that is wrong with the candidate.
fn refused(caller: &Caller<'_>, findings: &[Finding]) -> Answer {
    caller.app.metrics.count("admin.refused");
    let first = findings.first().map(ToString::to_string).unwrap_or_default();
    Answer::json(
        422,
        &json!({
            "success": false,
            "code": "rules_refused",
            "message": format!("failed to check the rules: {first}"),
            "hint": "mend every finding and send them again",
            "findings": findings,
        }),
    )
}

fn unknown_version(set: &str, version: Option<u32>) -> Problem {
    let set: String = set.chars().take(64).collect();
    let what = match version {
        Some(version) => format!("version {version} of the rule set `{set}`"),
        None => format!("the rule set `{set}`"),
    };
    Problem::new(
        404,
        "unknown_rules",
        format!("failed to find {what}"),
        "version 0 is the built-in one; or send `files`",
    )
}

fn bad_field(field: &str, why: &str) -> Problem {
    Problem::new(
        422,
        "bad_field",
        format!("failed to read `{field}`: {why}"),
        "correct the field and send it again",
    )
}
