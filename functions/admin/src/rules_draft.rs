//! The draft of a rule set: save, show, check, drop.
//!
//! There is one draft a set, and whoever saves says which revision they had before them: two people who work on it at
//! once are told, and nobody's work is overwritten. A draft may be anything; the answer says what is wrong with it.

use redial_aws::leads::Activity;
use redial_aws::rule_store::{Draft, Files, PACKED_BYTES_MAX, pack_files};
use redial_aws::web::{Answer, Problem};
use redial_domain::{RuleSetName, iso};
use redial_rules::RuleSet;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::request::{Caller, unavailable};
use crate::rules_examine::examine;
use crate::rules_show::names;

/// Files of a set: six, and room for names that the check then refuses.
const FILES_MAX: usize = 20;
/// Bytes of all files as they are sent: a function URL takes 6 MB, and a set that people read has 200 KB at most.
const BYTES_MAX: usize = 1_024 * 1_024;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Save {
    files: Files,
    /// The revision that this replaces; left out for the first.
    #[serde(default)]
    revision: Option<u64>,
    /// The version that it was made from; left out for that of the draft, and before the first version.
    #[serde(default)]
    based_on: Option<u32>,
}

#[derive(Deserialize, Default, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Check {
    #[serde(default)]
    files: Option<Files>,
    #[serde(default)]
    version: Option<u32>,
}

/// The name in a path.
pub(crate) fn set_name(raw: &str) -> Result<RuleSetName, Problem> {
    let unknown = |why: String| {
        Problem::new(
            404,
            "unknown_rule_set",
            format!("failed to find the rule set: {why}"),
            "list them with GET /api/rules, or `redial rules list`",
        )
    };
    let name = RuleSetName::parse(raw).map_err(|error| unknown(error.to_string()))?;
    // The path of a setting.
    if name.as_str() == "approval" {
        return Err(unknown("no set can be called `approval`".to_owned()));
    }
    Ok(name)
}

/// The draft, if there is one that was not published.
pub(crate) async fn open_draft(caller: &Caller<'_>, set: &RuleSetName) -> Result<Option<Draft>, Problem> {
    let draft = caller.app.table.rules_draft(set).await;
    Ok(draft
        .map_err(|error| unavailable(&error))?
        .filter(|draft| draft.published.is_none()))
}

pub(crate) fn no_draft(set: &RuleSetName) -> Problem {
    Problem::new(
        404,
        "no_draft",
        format!("failed to find a draft of `{set}`"),
        "save one with PUT /api/rules/{set}/draft, or `redial rules draft`",
    )
}

pub(crate) fn shown(draft: &Draft) -> Value {
    json!({
        "revision": draft.revision, "based_on": draft.based_on, "by": draft.by, "at": iso(draft.at),
        "proposal": draft.proposal.as_ref().map(|proposal| json!({
            "revision": proposal.revision, "by": proposal.by, "at": iso(proposal.at), "note": proposal.note,
            "share": proposal.share, "waiting": proposal.waiting,
        })),
    })
}

pub(crate) async fn show(caller: &Caller<'_>, set: &str) -> Result<Answer, Problem> {
    let set = set_name(set)?;
    let draft = open_draft(caller, &set).await?.ok_or_else(|| no_draft(&set))?;
    let mut body = shown(&draft);
    body["success"] = json!(true);
    body["set"] = json!(set);
    body["files"] = json!(draft.files);
    body["check"] = examine(&set, draft.based_on + 1, &draft.files).shown();
    Ok(Answer::json(200, &body))
}

pub(crate) async fn save(caller: &Caller<'_>, set: &str) -> Result<Answer, Problem> {
    let set = set_name(set)?;
    let save: Save = caller.body()?;
    limits(&save.files)?;
    let app = caller.app;
    let table = &app.table;
    let stored = table.rules_draft(&set).await.map_err(|error| unavailable(&error))?;
    let open = stored.as_ref().filter(|draft| draft.published.is_none());
    if open.map(|draft| draft.revision) != save.revision {
        return Err(changed(open));
    }
    if stored.is_none() {
        refuse_twin(caller, &set).await?;
    }
    let in_use = table
        .rules_active(&set)
        .await
        .map_err(|error| unavailable(&error))?
        .map_or(0, |active| active.version);
    let based_on = match save.based_on.or(open.map(|draft| draft.based_on)) {
        Some(version) => version,
        // Before the first version there is nothing that could be undone unseen.
        None if in_use == 0 => 0,
        None => return Err(based_on_what(in_use)),
    };
    let draft = Draft {
        revision: stored.as_ref().map_or(0, |draft| draft.revision) + 1,
        based_on,
        by: caller.actor.name.clone(),
        at: app.clock.now(),
        proposal: None,
        published: None,
        files: save.files,
    };
    let examined = examine(&set, draft.based_on + 1, &draft.files);
    let activity = Activity::now(
        app,
        &caller.actor,
        "draft_saved",
        Some(format!("revision {}", draft.revision)),
    );
    let seen = stored.as_ref().map(|draft| draft.revision);
    let saved = table
        .save_rules_draft(&set, &draft, seen, &activity)
        .await
        .map_err(|error| unavailable(&error))?;
    if !saved {
        return Err(changed(open_draft(caller, &set).await?.as_ref()));
    }
    tracing::info!(rules.set = %set, rules.revision = draft.revision, actor = %caller.actor.name, "rules: draft saved");
    let mut body = shown(&draft);
    body["success"] = json!(true);
    body["set"] = json!(set);
    body["check"] = examined.shown();
    Ok(Answer::json(200, &body))
}

/// Drops the draft. What it said is gone; the versions stay.
pub(crate) async fn drop(caller: &Caller<'_>, set: &str) -> Result<Answer, Problem> {
    let set = set_name(set)?;
    let app = caller.app;
    let draft = open_draft(caller, &set).await?.ok_or_else(|| no_draft(&set))?;
    let revision = caller.number("revision", 0, usize::MAX)?;
    if u64::try_from(revision).ok() != Some(draft.revision) {
        return Err(changed(Some(&draft)));
    }
    let dropped = Draft {
        revision: draft.revision + 1,
        // As if it had become what it was made from.
        published: Some(draft.based_on),
        proposal: None,
        files: Files::new(),
        ..draft.clone()
    };
    let activity = Activity::now(
        app,
        &caller.actor,
        "draft_dropped",
        Some(format!("revision {}", draft.revision)),
    );
    let done = app
        .table
        .save_rules_draft(&set, &dropped, Some(draft.revision), &activity)
        .await
        .map_err(|error| unavailable(&error))?;
    if !done {
        return Err(changed(open_draft(caller, &set).await?.as_ref()));
    }
    Ok(Answer::json(
        200,
        &json!({"success": true, "set": set, "dropped": draft.revision}),
    ))
}

/// Checks what is sent, a version, or else the draft, and runs its cases. Saves nothing.
pub(crate) async fn check(caller: &Caller<'_>, set: &str) -> Result<Answer, Problem> {
    let set = set_name(set)?;
    let asked: Check = caller.body_or_default()?;
    let files = match (asked.files, asked.version) {
        (Some(files), _) => {
            limits(&files)?;
            files
        }
        (None, Some(version)) => files_of(caller, &set, version).await?,
        (None, None) => open_draft(caller, &set).await?.ok_or_else(|| no_draft(&set))?.files,
    };
    let mut body = examine(&set, 1, &files).shown();
    body["success"] = json!(true);
    body["set"] = json!(set);
    Ok(Answer::json(200, &body))
}

/// The files of a version; 0 is the built-in one.
pub(crate) async fn files_of(caller: &Caller<'_>, set: &RuleSetName, version: u32) -> Result<Files, Problem> {
    let unknown = || {
        Problem::new(
            404,
            "unknown_version",
            format!("failed to find version {version} of the rule set `{set}`"),
            "list the versions with GET /api/rules/{set}, or `redial rules show`",
        )
    };
    if version == 0 {
        let files = RuleSet::built_in_files(set).ok_or_else(unknown)?;
        return Ok(files
            .iter()
            .map(|(file, text)| ((*file).to_owned(), (*text).to_owned()))
            .collect());
    }
    let found = caller.app.table.rules_version(set, version).await;
    Ok(found.map_err(|error| unavailable(&error))?.ok_or_else(unknown)?.files)
}

pub(crate) fn limits(files: &Files) -> Result<(), Problem> {
    let bytes: usize = files.iter().map(|(name, text)| name.len() + text.len()).sum();
    if files.len() <= FILES_MAX && bytes <= BYTES_MAX && pack_files(files).is_ok() {
        return Ok(());
    }
    Err(Problem::new(
        413,
        "too_large",
        format!("failed to take the files: {} files of {bytes} bytes", files.len()),
        format!(
            "a rule set has at most {FILES_MAX} files of {BYTES_MAX} bytes together, {PACKED_BYTES_MAX} compressed"
        ),
    ))
}

fn based_on_what(in_use: u32) -> Problem {
    Problem::new(
        422,
        "based_on_missing",
        "failed to save the draft: nobody can tell which version it was made from",
        format!(
            "version {in_use} is in use; if the draft was made from it, send `based_on` {in_use}, with the command --based-on {in_use}"
        ),
    )
}

/// Two sets whose names differ only in capitals are one set to whoever reads them aloud.
async fn refuse_twin(caller: &Caller<'_>, set: &RuleSetName) -> Result<(), Problem> {
    let names = names(caller).await?;
    let twin = names
        .iter()
        .find(|name| *name != set && name.as_str().eq_ignore_ascii_case(set.as_str()));
    let Some(twin) = twin.filter(|_| !names.contains(set)) else {
        return Ok(());
    };
    Err(Problem::new(
        409,
        "name_taken",
        format!("failed to save the draft: there is a rule set `{twin}` already"),
        format!("write `{twin}`, or choose a name that differs in more than capitals"),
    ))
}

pub(crate) fn changed(now: Option<&Draft>) -> Problem {
    let message = match now {
        Some(draft) => format!(
            "failed to change the draft: {} saved revision {} at {}",
            draft.by,
            draft.revision,
            draft.at.format("%Y-%m-%d %H:%M:%S UTC")
        ),
        None => "failed to change the draft: there is none any more".to_owned(),
    };
    Problem::new(
        409,
        "draft_changed",
        message,
        "look at it with GET /api/rules/{set}/draft, or `redial rules show SET --version draft --out FOLDER`, and save over it with its `revision`, with the command --over; leave that out for a first draft",
    )
}
