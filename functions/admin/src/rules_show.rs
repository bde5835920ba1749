//! The rule sets for people to look at: which there are, what is in use, what changed between two versions.

use std::collections::BTreeSet;

use redial_aws::rule_store::{Files, Version, activities_of};
use redial_aws::web::{Answer, Problem};
use redial_domain::{RuleSetName, iso};
use redial_rules::RuleSet;
use serde_json::{Value, json};
use similar::TextDiff;

use crate::cursor;
use crate::queue_switches::activities;
use crate::request::{Caller, unavailable};
use crate::rules_draft::{files_of, no_draft, open_draft, set_name};

/// Versions in one answer, unless asked for otherwise, and at most.
const LIMIT_DEFAULT: usize = 20;
pub(crate) const LIMIT_MAX: usize = 100;
/// Unchanged lines around a change.
const CONTEXT_LINES: usize = 3;

/// All sets: those that ship, and those that somebody made.
pub(crate) async fn list(caller: &Caller<'_>) -> Result<Answer, Problem> {
    let names = names(caller).await?;
    let mut sets = Vec::with_capacity(names.len());
    for name in &names {
        let set = summary(caller, name).await?;
        // Of a name whose only draft was dropped nothing is left to show.
        if is_there(&set) {
            sets.push(set);
        }
    }
    Ok(Answer::json(200, &json!({"success": true, "rule_sets": sets})))
}

/// One set with its versions, newest first.
pub(crate) async fn show(caller: &Caller<'_>, set: &str) -> Result<Answer, Problem> {
    let set = set_name(set)?;
    let limit = caller.number("limit", LIMIT_DEFAULT, LIMIT_MAX)?;
    let before: Option<u32> = cursor::read(caller.request.query().get("cursor"), |version: &u32| *version > 0)?;
    let size = i32::try_from(limit).unwrap_or(i32::MAX);
    let versions = caller
        .app
        .table
        .rules_versions(&set, before, size)
        .await
        .map_err(|error| unavailable(&error))?;
    let mut body = summary(caller, &set).await?;
    if !is_there(&body) {
        return Err(unknown(&set));
    }
    let next = versions.last().filter(|_| versions.len() == limit);
    body["success"] = json!(true);
    body["versions"] = versions.iter().map(version).collect();
    body["next_cursor"] = json!(next.and_then(|last| cursor::write(&last.version)));
    Ok(Answer::json(200, &body))
}

fn is_there(summary: &Value) -> bool {
    !(summary["version"].is_null() && summary["draft"].is_null())
}

/// All names: built in, published, or of a draft, which may have been dropped.
pub(crate) async fn names(caller: &Caller<'_>) -> Result<BTreeSet<RuleSetName>, Problem> {
    let built_in = RuleSet::built_in_names().filter_map(|name| RuleSetName::parse(name).ok());
    let written = caller
        .app
        .table
        .rule_sets()
        .await
        .map_err(|error| unavailable(&error))?;
    Ok(built_in.chain(written).collect())
}

/// Refuses a set that nobody ever wrote.
async fn known(caller: &Caller<'_>, set: &RuleSetName) -> Result<(), Problem> {
    if names(caller).await?.contains(set) {
        return Ok(());
    }
    Err(unknown(set))
}

async fn summary(caller: &Caller<'_>, set: &RuleSetName) -> Result<Value, Problem> {
    let app = caller.app;
    let now = app.clock.now();
    let active = app.table.rules_active(set).await.map_err(|error| unavailable(&error))?;
    let built_in = RuleSet::built_in(set).is_some();
    let draft = open_draft(caller, set).await?;
    // What decides is asked as every function asks: where the newest does not compile, it is the one before.
    let deciding = app.rules.in_use(&app.table, set, now).await;
    let wanted = active.as_ref().map(|active| active.version).or(built_in.then_some(0));
    let problem = match &deciding {
        Err(error) if wanted.is_some() => Some(error.to_string()),
        Ok(rules) if Some(rules.version()) != wanted => {
            // Either the version does not compile, or this instance looked a few seconds ago.
            match app.rules.version(&app.table, set, wanted.unwrap_or(0)).await {
                Err(error) => Some(error.to_string()),
                Ok(_) => None,
            }
        }
        _ => None,
    };
    let rules = deciding.ok();
    Ok(json!({
        "success": true,
        "set": set,
        "description": rules.as_ref().map(|rules| rules.spec().description.clone()),
        "built_in": built_in,
        "version": wanted,
        "hash": rules.as_ref().map(|rules| rules.hash().to_owned()),
        "decides": rules.as_ref().map(|rules| rules.version()),
        "problem": problem,
        "previous": active.as_ref().and_then(|active| active.previous),
        "rollout": active.as_ref().and_then(|active| active.rollout.as_ref()).map(|rollout| json!({
            "version": rollout.version, "share": rollout.share, "since": iso(rollout.since),
        })),
        "by": active.as_ref().map(|active| active.by.clone()),
        "at": active.as_ref().map(|active| iso(active.at)),
        "note": active.as_ref().map(|active| active.note.clone()),
        "draft": draft.as_ref().map(crate::rules_draft::shown),
    }))
}

fn version(version: &Version) -> Value {
    json!({
        "version": version.version, "hash": version.hash, "based_on": version.based_on, "by": version.by,
        "approved_by": version.approved_by, "at": iso(version.at), "note": version.note,
    })
}

/// The files of a version, of the built-in one (0), or of what is in use (`active`).
pub(crate) async fn files(caller: &Caller<'_>, set: &str, which: &str) -> Result<Answer, Problem> {
    let set = set_name(set)?;
    let (label, files) = named_files(caller, &set, which).await?;
    let based_on = match which {
        "draft" => open_draft(caller, &set).await?.map(|draft| draft.based_on),
        _ => None,
    };
    Ok(Answer::json(
        200,
        &json!({"success": true, "set": set, "version": label, "based_on": based_on, "files": files}),
    ))
}

/// What changed from one version to another, file by file, as people who review changes write it.
pub(crate) async fn diff(caller: &Caller<'_>, set: &str) -> Result<Answer, Problem> {
    let set = set_name(set)?;
    let query = caller.request.query();
    let asked = |name: &str, default: &str| query.get(name).cloned().unwrap_or_else(|| default.to_owned());
    let (from_label, from) = named_files(caller, &set, &asked("from", "active")).await?;
    let (to_label, to) = named_files(caller, &set, &asked("to", "draft")).await?;
    let names: BTreeSet<&String> = from.keys().chain(to.keys()).collect();
    let empty = String::new();
    let mut changed = Vec::new();
    for name in names {
        let (before, after) = (from.get(name).unwrap_or(&empty), to.get(name).unwrap_or(&empty));
        if before == after {
            continue;
        }
        let text = TextDiff::from_lines(before, after);
        let (mut added, mut removed) = (0, 0);
        for change in text.iter_all_changes() {
            match change.tag() {
                similar::ChangeTag::Insert => added += 1,
                similar::ChangeTag::Delete => removed += 1,
                similar::ChangeTag::Equal => {}
            }
        }
        let shown = text
            .unified_diff()
            .context_radius(CONTEXT_LINES)
            .header(&format!("{from_label}/{name}"), &format!("{to_label}/{name}"))
            .to_string();
        changed.push(json!({"file": name, "added": added, "removed": removed, "diff": shown}));
    }
    Ok(Answer::json(
        200,
        &json!({"success": true, "set": set, "from": from_label, "to": to_label, "files": changed}),
    ))
}

/// How a version on trial does beside the one in use.
pub(crate) async fn trial(caller: &Caller<'_>, set: &str) -> Result<Answer, Problem> {
    let set = set_name(set)?;
    let app = caller.app;
    let active = app
        .table
        .rules_active(&set)
        .await
        .map_err(|error| unavailable(&error))?;
    let Some((active, rollout)) = active.and_then(|active| active.rollout.clone().map(|rollout| (active, rollout)))
    else {
        known(caller, &set).await?;
        return Ok(Answer::json(
            200,
            &json!({"success": true, "set": set, "rollout": null, "figures": null, "verdict": null}),
        ));
    };
    let figures = app
        .table
        .rollout_figures(&set, active.version, &rollout, app.clock.now())
        .await
        .map_err(|error| unavailable(&error))?;
    Ok(Answer::json(
        200,
        &json!({
            "success": true, "set": set, "version": active.version,
            "rollout": {"version": rollout.version, "share": rollout.share, "since": iso(rollout.since)},
            "verdict": figures.verdict(),
            "figures": figures,
        }),
    ))
}

/// Who did what with a set.
pub(crate) async fn history(caller: &Caller<'_>, set: &str) -> Result<Answer, Problem> {
    let set = set_name(set)?;
    known(caller, &set).await?;
    activities(caller, &activities_of(&set)).await
}

pub(crate) async fn named_files(
    caller: &Caller<'_>,
    set: &RuleSetName,
    which: &str,
) -> Result<(String, Files), Problem> {
    let number = match which {
        "draft" => {
            let draft = open_draft(caller, set).await?.ok_or_else(|| no_draft(set))?;
            return Ok(("draft".to_owned(), draft.files));
        }
        "active" => {
            let active = caller.app.table.rules_active(set).await;
            active
                .map_err(|error| unavailable(&error))?
                .map_or(0, |active| active.version)
        }
        number => number.trim_start_matches('v').parse().map_err(|_| {
            let which: String = which.chars().take(20).collect();
            Problem::new(
                422,
                "bad_version",
                format!("failed to read the version `{which}`"),
                "write its number, `active` or `draft`",
            )
        })?,
    };
    Ok((format!("v{number}"), files_of(caller, set, number).await?))
}

fn unknown(set: &RuleSetName) -> Problem {
    let names: Vec<&str> = RuleSet::built_in_names().collect();
    Problem::new(
        404,
        "unknown_rule_set",
        format!("failed to find the rule set `{set}`: it is neither published nor built in"),
        format!(
            "built in are {}; list all with GET /api/rules, or `redial rules list`",
            names.join(", ")
        ),
    )
}
