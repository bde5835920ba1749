//! `redial rules draft`, `publish`, `approve`, `share`, `rollback`: change what decides.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::{
    api::{Api, At},
    failure::Failure,
    jobs::{tell as tell_job, wait},
    print,
    rules_folder::{Folder, note_based_on, plural, read},
    rules_words::{cell, list, problems},
};

/// Saves a folder as the draft of its rule set, and says what is wrong with it.
///
/// There is one draft a set. When somebody else saved one, look at it first (`redial rules show SET --version draft
/// --out …`), then save over it with --over.
#[derive(Debug, clap::Args)]
pub(crate) struct Draft {
    /// The folder; its name is the set's
    #[arg(value_name = "FOLDER", required_unless_present = "drop")]
    folder: Option<PathBuf>,
    /// Save over this revision of the draft
    #[arg(long, value_name = "REVISION")]
    over: Option<u64>,
    /// The version that the folder was made from [default: as noted in it by `show --out`]
    #[arg(long, value_name = "VERSION")]
    based_on: Option<u32>,
    /// Drop the draft of this set instead; give the revision with --over
    #[arg(long, value_name = "SET", conflicts_with_all = ["folder", "based_on"], requires = "over")]
    drop: Option<String>,
    #[command(flatten)]
    at: At,
}

/// Publishes a folder: checked, with its cases, live in every function within 15 seconds.
///
/// Nothing is published when anything is wrong, and no draft is left. Where two people are needed, it waits for `redial rules approve`.
#[derive(Debug, clap::Args)]
pub(crate) struct Publish {
    /// The folder; its name is the set's
    #[arg(value_name = "FOLDER")]
    folder: PathBuf,
    /// Why, for whoever asks in a year
    #[arg(long)]
    note: String,
    /// Only for this share of the phones at first, in per cent
    #[arg(long, value_name = "PERCENT", value_parser = clap::value_parser!(u32).range(1..=99))]
    share: Option<u32>,
    /// Decide again about the leads that wait; without it only new calls are decided by the new version. Without --yes it
    /// only counts what that would change
    #[arg(long)]
    replan: bool,
    /// With --replan: I have seen the counts
    #[arg(long, requires = "replan")]
    yes: bool,
    /// Although the version in use has cases and the folder has none
    #[arg(long)]
    without_cases: bool,
    /// Save over this revision of the draft
    #[arg(long, value_name = "REVISION")]
    over: Option<u64>,
    /// The version that the folder was made from [default: as noted in it by `show --out`]
    #[arg(long, value_name = "VERSION")]
    based_on: Option<u32>,
    #[command(flatten)]
    at: At,
}

/// Agrees to a draft that somebody else wants to publish; it is live then.
#[derive(Debug, clap::Args)]
pub(crate) struct Approve {
    /// The rule set
    #[arg(value_name = "SET")]
    set: String,
    /// The revision that you have looked at
    #[arg(long, value_name = "REVISION")]
    revision: u64,
    #[command(flatten)]
    at: At,
}

/// Gives a version on trial more or fewer phones; 100 is all of them.
#[derive(Debug, clap::Args)]
pub(crate) struct Share {
    /// The rule set
    #[arg(value_name = "SET")]
    set: String,
    /// Share of the phones in per cent
    #[arg(value_name = "PERCENT", value_parser = clap::value_parser!(u32).range(1..=100))]
    share: u32,
    /// Why
    #[arg(long)]
    note: String,
    #[command(flatten)]
    at: At,
}

/// Goes back to the version before, or ends a trial.
#[derive(Debug, clap::Args)]
pub(crate) struct RollBack {
    /// The rule set
    #[arg(value_name = "SET")]
    set: String,
    /// The version that must not decide any more; nothing happens if it does not decide
    #[arg(long, value_name = "VERSION")]
    from: u32,
    /// To this version instead; 0 is the built-in one
    #[arg(long, value_name = "VERSION")]
    to: Option<u32>,
    /// Why
    #[arg(long)]
    note: String,
    /// Decide again about the leads that wait
    #[arg(long)]
    replan: bool,
    #[command(flatten)]
    at: At,
}

fn waiting(replan: bool) -> &'static str {
    if replan { "replan" } else { "keep" }
}

async fn save(api: &Api, folder: &Folder, over: Option<u64>, based_on: Option<u32>) -> Result<Value, Failure> {
    let body = json!({"files": folder.files, "revision": over, "based_on": based_on.or(folder.based_on)});
    api.put(&["api", "rules", folder.name.as_str(), "draft"], &body).await
}

pub(crate) async fn draft(draft: Draft) -> Result<(), Failure> {
    let api = draft.at.api()?;
    if let (Some(set), Some(revision)) = (&draft.drop, draft.over) {
        let revision = revision.to_string();
        api.delete(&["api", "rules", set, "draft"], &[("revision", &revision)])
            .await?;
        print::line(&format!("the draft of {set} is dropped"));
        return Ok(());
    }
    let folder = read(draft.folder.as_deref().unwrap_or(Path::new(".")))?;
    let saved = save(&api, &folder, draft.over, draft.based_on).await?;
    print::line(&format!(
        "{}: draft saved, revision {}, made from version {}",
        folder.name, saved["revision"], saved["based_on"]
    ));
    for warning in list(&saved["check"]["warnings"]) {
        print::line(&format!("worth a look: {}", cell(&warning["text"])));
    }
    let found = problems(&saved["check"]);
    if found.is_empty() {
        print::line("it may be published");
    } else {
        print::line(&format!(
            "it cannot be published yet: {}",
            plural(found.len(), "finding")
        ));
        for line in found {
            print::line(&format!("  {line}"));
        }
    }
    Ok(())
}

pub(crate) async fn publish(publish: Publish) -> Result<(), Failure> {
    let api = publish.at.api()?;
    let folder = read(&publish.folder)?;
    if publish.replan && !publish.yes {
        let body = json!({"dry_run": true, "files": folder.files});
        let made = api
            .post(&["api", "rules", folder.name.as_str(), "replan"], &body)
            .await?;
        tell_job(&wait(&api, made["job"]["id"].as_str().unwrap_or_default()).await?);
        print::line("nothing is published yet; to go on, say it again with --yes");
        return Ok(());
    }
    let saved = save(&api, &folder, publish.over, publish.based_on).await?;
    let body = json!({
        "revision": saved["revision"], "note": publish.note, "share": publish.share,
        "waiting": waiting(publish.replan), "without_cases": publish.without_cases,
    });
    let published = api
        .post(&["api", "rules", folder.name.as_str(), "publish"], &body)
        .await;
    let answer = match published {
        Ok(answer) => answer,
        Err(refusal) => {
            // A refused command leaves nothing behind, unless a draft was there before. Best effort: what stays says so
            // when the next one is saved.
            if publish.over.is_none() {
                let revision = saved["revision"].to_string();
                let draft = ["api", "rules", folder.name.as_str(), "draft"];
                let _ = api.delete(&draft, &[("revision", &revision)]).await;
            }
            return Err(refusal);
        }
    };
    if answer["state"] == "waits_for_approval" {
        print::line(&format!(
            "{}: revision {} waits for somebody else: redial rules approve {} --revision {}",
            folder.name, saved["revision"], folder.name, saved["revision"]
        ));
        return Ok(());
    }
    if let Some(version) = answer["published"].as_u64() {
        // The folder is what is published now; the next change starts from there.
        let _ = note_based_on(&publish.folder, version);
    }
    tell(&answer);
    Ok(())
}

pub(crate) async fn approve(approve: Approve) -> Result<(), Failure> {
    let body = json!({"revision": approve.revision});
    let path = ["api", "rules", approve.set.as_str(), "approve"];
    tell(&approve.at.api()?.post(&path, &body).await?);
    Ok(())
}

pub(crate) async fn share(share: Share) -> Result<(), Failure> {
    let body = json!({"share": share.share, "note": share.note});
    let path = ["api", "rules", share.set.as_str(), "share"];
    tell(&share.at.api()?.post(&path, &body).await?);
    Ok(())
}

pub(crate) async fn roll_back(back: RollBack) -> Result<(), Failure> {
    let body = json!({"from": back.from, "to": back.to, "note": back.note, "waiting": waiting(back.replan)});
    let path = ["api", "rules", back.set.as_str(), "rollback"];
    tell(&back.at.api()?.post(&path, &body).await?);
    Ok(())
}

/// What is in use from now on.
fn tell(answer: &Value) {
    let seconds = cell(&answer["live_within_s"]);
    print::line(&match &answer["rollout"] {
        Value::Null => format!(
            "{}: version {} decides for all phones within {seconds} s",
            cell(&answer["set"]),
            answer["version"]
        ),
        rollout => format!(
            "{}: version {} decides for {} % of the phones within {seconds} s, version {} for the others",
            cell(&answer["set"]),
            rollout["version"],
            rollout["share"],
            answer["version"]
        ),
    });
    if let Some(job) = answer["job"].as_str() {
        print::line(&format!("the waiting leads are decided again: redial jobs show {job}"));
    }
}
