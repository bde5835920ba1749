//! `redial rules replay` and `reapply`: what other rules would have made of past calls; a second chance for parked
//! leads.

use std::path::PathBuf;

use serde_json::{Value, json};

use crate::{
    api::{Api, At},
    failure::Failure,
    jobs::{tell, wait},
    print,
    rules_folder::read,
    rules_words::{cell, list},
};

/// Leads of one answer of the API.
const PAGE: &str = "200";
/// Leads that the table shows; JSON and CSV have them all.
const SHOWN_MAX: usize = 20;
/// The columns of the CSV: one row a decision that differs.
const COLUMNS: [&str; 16] = [
    "lead_id",
    "lead_status_was",
    "lead_status_would_be",
    "attempt_id",
    "at",
    "outcome",
    "disposition",
    "disposition_would_be",
    "status_was",
    "status_would_be",
    "stop_was",
    "stop_would_be",
    "next_was",
    "next_would_be",
    "line",
    "why",
];

/// Decides again about the calls of the last days, with other rules, and shows what would differ. Changes nothing.
#[derive(Debug, clap::Args)]
pub(crate) struct Replay {
    /// A folder with rules, or the name of a set whose draft (or --version) is tried
    #[arg(value_name = "FOLDER|SET")]
    what: String,
    /// Whose calls
    #[arg(long, value_name = "CAMPAIGN", default_value = "default")]
    campaign: String,
    /// Of how many days, today included
    #[arg(long, default_value_t = 7, value_parser = clap::value_parser!(u32).range(1..=90))]
    days: u32,
    /// Of the set, whatever folders there are: a number, `active` or `draft` [default: the folder, else the draft]
    #[arg(long, value_name = "VERSION")]
    version: Option<String>,
    /// How the difference is shown
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
    #[command(flatten)]
    at: At,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// For people
    Table,
    /// Everything, for programs
    Json,
    /// A row for each decision that differs, for spreadsheets
    Csv,
}

/// Decides again about leads that a failed rule parked, by the rules in use now.
#[derive(Debug, clap::Args)]
pub(crate) struct Reapply {
    /// The rule set
    #[arg(value_name = "SET")]
    set: String,
    /// Count what would change, and change nothing
    #[arg(long)]
    dry_run: bool,
    /// Decide again about the leads that wait instead, so that they follow a change of the rules
    #[arg(long)]
    waiting: bool,
    #[command(flatten)]
    at: At,
}

pub(crate) async fn replay(replay: Replay) -> Result<(), Failure> {
    let api = replay.at.api()?;
    let path = PathBuf::from(&replay.what);
    let mut body = json!({"campaign": replay.campaign, "days": replay.days});
    let set = match &replay.version {
        Some(version) => {
            body["version"] = json!(version);
            replay
                .what
                .trim_end_matches('/')
                .rsplit('/')
                .next()
                .unwrap_or_default()
                .to_owned()
        }
        None if path.is_dir() => {
            let folder = read(&path)?;
            body["files"] = json!(folder.files);
            folder.name.to_string()
        }
        None => replay.what.clone(),
    };
    let made = api.post(&["api", "rules", &set, "replay"], &body).await?;
    let job = wait(&api, made["job"]["id"].as_str().unwrap_or_default()).await?;
    if job["state"] != "done" {
        let why = job["problem"].as_str().unwrap_or("somebody ended it");
        return Err(Failure::new(format!("failed to replay: {why}"), "start it again"));
    }
    let results = results(&api, job["id"].as_str().unwrap_or_default()).await?;
    match replay.format {
        Format::Json => print::line(&format!("{results:#}")),
        Format::Csv => csv(&results),
        Format::Table => table(&job, &results),
    }
    Ok(())
}

/// All pages as one answer, without what tells one run from another: the same history and rules give the same bytes.
async fn results(api: &Api, id: &str) -> Result<Value, Failure> {
    let (mut leads, mut cursor) = (Vec::new(), None::<String>);
    loop {
        let mut query = vec![("limit", PAGE)];
        if let Some(cursor) = &cursor {
            query.push(("cursor", cursor));
        }
        let page = api.get(&["api", "jobs", id, "results"], &query).await?;
        leads.extend(list(&page["leads"]).iter().cloned());
        cursor = page["next_cursor"].as_str().map(str::to_owned);
        if cursor.is_none() {
            return Ok(json!({"totals": page["totals"], "leads": leads}));
        }
    }
}

fn table(job: &Value, results: &Value) {
    let (span, totals) = (&job["replay"], &results["totals"]);
    print::line(&format!(
        "{} on the calls of {} from {} to {}: {} calls of {} leads",
        cell(&span["rule_set"]),
        cell(&span["campaign_id"]),
        cell(&span["from"]),
        cell(&span["to"]),
        totals["attempts"],
        totals["leads"]
    ));
    if totals["attempts"] == 0 {
        print::line("there were no calls in these days, so nothing can be said");
        return;
    }
    let total = |name: &str| match &totals[name] {
        Value::Object(by_word) if by_word.is_empty() => "0".to_owned(),
        Value::Object(by_word) => {
            let words: Vec<String> = by_word.iter().map(|(word, n)| format!("{word} {n}")).collect();
            words.join(", ")
        }
        other => other.to_string(),
    };
    let rows: Vec<[String; 2]> = [
        ("leads that would differ", "leads_changed"),
        ("decisions that would differ", "decisions_changed"),
        ("stops gained", "stops_gained"),
        ("stops lost", "stops_lost"),
        ("stops of calls left out", "stops_left_out"),
        ("calls fewer", "calls_fewer"),
        ("calls more, at least", "calls_more_at_least"),
        ("next call sooner", "sooner"),
        ("next call later", "later"),
        ("parked then, decided now", "now_decided"),
        ("rules fail", "errors_total"),
        ("without what was said", "without_payload"),
    ]
    .map(|(words, name)| [words.to_owned(), total(name)])
    .into();
    print::table(["", "how many"], &rows);
    let moved: Vec<[String; 5]> = list(&totals["statuses"])
        .iter()
        .filter(|row| row["status_was"] != row["status_would_be"])
        .map(|row| {
            [
                cell(&row["outcome"]),
                cell(&row["disposition"]),
                cell(&row["status_was"]),
                cell(&row["status_would_be"]),
                cell(&row["attempts"]),
            ]
        })
        .collect();
    if !moved.is_empty() {
        print::line("");
        print::table(["outcome", "disposition", "status was", "would be", "calls"], &moved);
    }
    let leads = list(&results["leads"]);
    if leads.is_empty() {
        print::line("\nno lead would differ");
        return;
    }
    print::line("");
    let rows: Vec<[String; 5]> = leads
        .iter()
        .take(SHOWN_MAX)
        .map(|lead| {
            let first = &list(&lead["changes"]).first().cloned().unwrap_or_default();
            let problem = first["problem"].as_str().map(str::to_owned);
            [
                cell(&lead["lead_id"]),
                cell(&lead["status_was"]),
                cell(&lead["status_would_be"]),
                cell(&first["line"]),
                problem.unwrap_or_else(|| cell(&first["why"])),
            ]
        })
        .collect();
    print::table(["lead", "status was", "would be", "line", "why"], &rows);
    if leads.len() > SHOWN_MAX {
        print::line(&format!(
            "… and {} more; --format json or csv has all of them",
            leads.len() - SHOWN_MAX
        ));
    }
}

fn csv(results: &Value) {
    let mut text = format!("{}\n", COLUMNS.join(","));
    for lead in list(&results["leads"]) {
        for change in list(&lead["changes"]) {
            let cells = COLUMNS.map(|column| {
                let value = match column {
                    "lead_id" => &lead["lead_id"],
                    "lead_status_was" => &lead["status_was"],
                    "lead_status_would_be" => &lead["status_would_be"],
                    "why" if change["why"].is_null() => &change["problem"],
                    other => &change[other],
                };
                quoted(value)
            });
            text.push_str(&cells.join(","));
            text.push('\n');
        }
    }
    print::text(&text);
}

/// A cell as spreadsheets read it. What begins like a formula is kept from being one.
fn quoted(value: &Value) -> String {
    let text = match value {
        Value::Null => return String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let safe = if text.starts_with(['=', '+', '-', '@']) {
        format!("'{text}")
    } else {
        text
    };
    if safe.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", safe.replace('"', "\"\""))
    } else {
        safe
    }
}

pub(crate) async fn reapply(again: Reapply) -> Result<(), Failure> {
    let api = again.at.api()?;
    let what = if again.waiting { "replan" } else { "reapply" };
    let body = json!({"dry_run": again.dry_run});
    let made = api.post(&["api", "rules", &again.set, what], &body).await?;
    let job = wait(&api, made["job"]["id"].as_str().unwrap_or_default()).await?;
    tell(&job);
    if again.dry_run {
        print::line("nothing was changed");
    }
    if job["state"] == "done" {
        Ok(())
    } else {
        Err(Failure::new(
            format!("failed to finish: the job is {}", cell(&job["state"])),
            "look at the problem above and start it again",
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_is_quoted_where_a_spreadsheet_needs_it_and_is_never_a_formula() {
        for (value, cell) in [
            (json!(null), ""),
            (json!("sold"), "sold"),
            (json!("a, \"b\""), "\"a, \"\"b\"\"\""),
            (json!("=1+1"), "'=1+1"),
            (json!(7), "7"),
        ] {
            assert_eq!(quoted(&value), cell);
        }
    }
}
