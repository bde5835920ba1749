//! `redial rules list`, `show`, `diff`, `trial`, `log`: look, change nothing.

use std::{fs, path::PathBuf};

use serde_json::Value;

use crate::{
    api::At,
    failure::Failure,
    print,
    rules_folder::note_based_on,
    rules_words::{cell, list as items, time},
};

/// Lists the rule sets, with what is in use of each.
#[derive(Debug, clap::Args)]
pub(crate) struct List {
    #[command(flatten)]
    at: At,
}

/// Shows a rule set and its versions, or writes a version's files into a folder.
#[derive(Debug, clap::Args)]
pub(crate) struct Show {
    /// The rule set
    #[arg(value_name = "SET")]
    set: String,
    /// Write the files of this version (a number, `active` or `draft`) into --out
    #[arg(long, value_name = "VERSION", default_value = "active", requires = "out")]
    version: String,
    /// A folder that is empty or does not exist yet; its name should be the set's
    #[arg(long, value_name = "FOLDER")]
    out: Option<PathBuf>,
    #[command(flatten)]
    at: At,
}

/// Shows what changed between two versions.
#[derive(Debug, clap::Args)]
pub(crate) struct Diff {
    /// The rule set
    #[arg(value_name = "SET")]
    set: String,
    /// A number, `active` or `draft`; 0 is the built-in version
    #[arg(long, value_name = "VERSION", default_value = "active")]
    from: String,
    /// A number, `active` or `draft`
    #[arg(long, value_name = "VERSION", default_value = "draft")]
    to: String,
    #[command(flatten)]
    at: At,
}

/// Shows how a version on trial does beside the one in use.
#[derive(Debug, clap::Args)]
pub(crate) struct Trial {
    /// The rule set
    #[arg(value_name = "SET")]
    set: String,
    #[command(flatten)]
    at: At,
}

/// Shows who did what with a rule set, newest first.
#[derive(Debug, clap::Args)]
pub(crate) struct Log {
    /// The rule set
    #[arg(value_name = "SET")]
    set: String,
    /// How many
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=200))]
    limit: u32,
    #[command(flatten)]
    at: At,
}

pub(crate) async fn list(list: List) -> Result<(), Failure> {
    let answer = list.at.api()?.get(&["api", "rules"], &[]).await?;
    let rows: Vec<[String; 5]> = items(&answer["rule_sets"])
        .iter()
        .map(|set| {
            [
                cell(&set["set"]),
                version_in_use(set),
                draft(&set["draft"]),
                cell(&set["by"]),
                cell(&set["description"]),
            ]
        })
        .collect();
    print::table(["rule set", "in use", "draft", "by", "what it does"], &rows);
    for set in items(&answer["rule_sets"]) {
        if let Some(problem) = set["problem"].as_str() {
            print::line(&format!("\n{}: {problem}", cell(&set["set"])));
        }
    }
    Ok(())
}

fn version_in_use(set: &Value) -> String {
    let version = match &set["version"] {
        Value::Null => return "-".to_owned(),
        version if version == 0 => "0 (built in)".to_owned(),
        version => version.to_string(),
    };
    match &set["rollout"] {
        Value::Null => version,
        rollout => format!("{version}, {} for {} %", rollout["version"], rollout["share"]),
    }
}

fn draft(draft: &Value) -> String {
    match (draft, &draft["proposal"]) {
        (Value::Null, _) => "-".to_owned(),
        (draft, Value::Null) => format!("revision {} by {}", draft["revision"], cell(&draft["by"])),
        (draft, _) => format!("revision {}, waits for approval", draft["revision"]),
    }
}

pub(crate) async fn show(show: Show) -> Result<(), Failure> {
    let api = show.at.api()?;
    if let Some(out) = &show.out {
        let answer = api
            .get(&["api", "rules", &show.set, "versions", &show.version], &[])
            .await?;
        return write(&answer, out);
    }
    let answer = api.get(&["api", "rules", &show.set], &[]).await?;
    print::line(&format!("{}: {}", cell(&answer["set"]), cell(&answer["description"])));
    print::line(&format!(
        "in use: {}, hash {}",
        version_in_use(&answer),
        cell(&answer["hash"])
    ));
    print::line(&format!("draft: {}", draft(&answer["draft"])));
    if let Some(problem) = answer["problem"].as_str() {
        print::line(&format!("problem: {problem}"));
    }
    let rows: Vec<[String; 6]> = items(&answer["versions"])
        .iter()
        .map(|version| {
            [
                cell(&version["version"]),
                cell(&version["hash"]),
                time(&version["at"]),
                cell(&version["by"]),
                cell(&version["approved_by"]),
                cell(&version["note"]),
            ]
        })
        .collect();
    if rows.is_empty() {
        print::line("nothing was published yet");
    } else {
        print::line("");
        print::table(["version", "hash", "at (UTC)", "by", "approved by", "note"], &rows);
    }
    Ok(())
}

/// Writes the files of a version into an empty folder; a folder with files in it is somebody's work.
fn write(answer: &Value, out: &PathBuf) -> Result<(), Failure> {
    let failed = |what: String| {
        Failure::new(
            format!("failed to write into `{}`: {what}", out.display()),
            "name a folder that is empty or does not exist yet",
        )
    };
    fs::create_dir_all(out).map_err(|error| failed(error.to_string()))?;
    let mut there = fs::read_dir(out).map_err(|error| failed(error.to_string()))?;
    if there.next().is_some() {
        return Err(failed("there are files in it".to_owned()));
    }
    let Some(files) = answer["files"].as_object() else {
        return Err(failed("the API sent no files".to_owned()));
    };
    for (name, text) in files {
        // A name is a file's and nothing else's: no way out of the folder.
        if name.contains(['/', '\\']) || name.starts_with('.') {
            return Err(failed(format!("`{name}` is no file of a rule set")));
        }
        fs::write(out.join(name), text.as_str().unwrap_or_default()).map_err(|error| failed(error.to_string()))?;
    }
    let version = answer["version"]
        .as_str()
        .and_then(|version| version.strip_prefix('v')?.parse().ok());
    if let Some(version) = version.or(answer["based_on"].as_u64()) {
        note_based_on(out, version).map_err(|error| failed(error.to_string()))?;
    }
    print::line(&format!(
        "{} {} is in `{}`: {}",
        cell(&answer["set"]),
        cell(&answer["version"]),
        out.display(),
        crate::rules_folder::plural(files.len(), "file")
    ));
    Ok(())
}

pub(crate) async fn diff(diff: Diff) -> Result<(), Failure> {
    let query = [("from", diff.from.as_str()), ("to", diff.to.as_str())];
    let answer = diff.at.api()?.get(&["api", "rules", &diff.set, "diff"], &query).await?;
    let files = items(&answer["files"]);
    if files.is_empty() {
        print::line(&format!(
            "{} and {} are the same",
            cell(&answer["from"]),
            cell(&answer["to"])
        ));
    }
    for file in files {
        print::text(&cell(&file["diff"]));
    }
    Ok(())
}

pub(crate) async fn trial(trial: Trial) -> Result<(), Failure> {
    let answer = trial.at.api()?.get(&["api", "rules", &trial.set, "trial"], &[]).await?;
    if answer["rollout"].is_null() {
        print::line(&format!("no version of {} is on trial", trial.set));
        return Ok(());
    }
    let (rollout, figures) = (&answer["rollout"], &answer["figures"]);
    print::line(&format!(
        "version {} decides for {} % of the phones since {}",
        rollout["version"],
        rollout["share"],
        time(&rollout["since"])
    ));
    let row = |name: String, decided: &Value| {
        [
            name,
            cell(&decided["attempts"]),
            cell(&decided["errors"]),
            counts(&decided["dispositions"]),
        ]
    };
    print::table(
        ["version", "calls", "rule failed", "dispositions"],
        &[
            row(format!("{} (in use)", answer["version"]), &figures["in_use"]),
            row(format!("{} (on trial)", rollout["version"]), &figures["on_trial"]),
        ],
    );
    for differs in items(&figures["differs"]) {
        print::line(&format!("differs: {}", cell(differs)));
    }
    if let Some(verdict) = answer["verdict"].as_str() {
        print::line(&format!("ends by itself: {verdict}"));
    }
    Ok(())
}

fn counts(of: &Value) -> String {
    let counts = of.as_object().into_iter().flatten();
    let words: Vec<String> = counts.map(|(word, count)| format!("{word} {count}")).collect();
    if words.is_empty() {
        "-".to_owned()
    } else {
        words.join(", ")
    }
}

pub(crate) async fn log(log: Log) -> Result<(), Failure> {
    let limit = log.limit.to_string();
    let answer = log
        .at
        .api()?
        .get(&["api", "rules", &log.set, "activities"], &[("limit", &limit)])
        .await?;
    let rows: Vec<[String; 4]> = items(&answer["activities"])
        .iter()
        .map(|done| {
            [
                time(&done["at"]),
                cell(&done["actor"]["name"]),
                cell(&done["what"]),
                cell(&done["why"]),
            ]
        })
        .collect();
    if rows.is_empty() {
        print::line("nobody has changed it yet");
    } else {
        print::table(["at (UTC)", "who", "what", "why"], &rows);
    }
    Ok(())
}
