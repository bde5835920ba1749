//! `redial jobs`: what runs for long, how far it is, and an end to it. Waiting for a job, with progress.

use std::time::Duration;

use clap::Subcommand;
use serde_json::{Value, json};

use crate::{
    api::{Api, At},
    failure::Failure,
    print,
    rules_words::{cell, list as items, time},
};

/// How often a running job is asked about.
const ASK_EVERY: Duration = Duration::from_millis(500);
/// Longest wait for a job: a replay of ten million calls takes about an hour. It goes on without us.
const WAIT_MAX: Duration = Duration::from_secs(4 * 3_600);
/// Letters of the bar.
const BAR: u64 = 30;

/// Lists, shows and ends long work: replays, re-applied and re-planned leads.
#[derive(Debug, clap::Args)]
pub(crate) struct Jobs {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    List(List),
    Show(Show),
    Cancel(Cancel),
}

/// Lists jobs, newest first.
#[derive(Debug, clap::Args)]
struct List {
    /// How many
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=200))]
    limit: u32,
    #[command(flatten)]
    at: At,
}

/// Shows how far a job is, or waits for it.
#[derive(Debug, clap::Args)]
struct Show {
    /// Its id
    #[arg(value_name = "JOB")]
    job: String,
    /// Wait until it is over
    #[arg(long)]
    wait: bool,
    #[command(flatten)]
    at: At,
}

/// Ends a job between two steps. What it has done stays done.
#[derive(Debug, clap::Args)]
struct Cancel {
    /// Its id
    #[arg(value_name = "JOB")]
    job: String,
    #[command(flatten)]
    at: At,
}

pub(crate) async fn run(jobs: Jobs) -> Result<(), Failure> {
    match jobs.command {
        Command::List(list) => show_all(list).await,
        Command::Show(show) => {
            let api = show.at.api()?;
            let job = if show.wait {
                wait(&api, &show.job).await?
            } else {
                one(&api, &show.job).await?
            };
            tell(&job);
            Ok(())
        }
        Command::Cancel(cancel) => {
            let path = ["api", "jobs", cancel.job.as_str(), "cancel"];
            tell(&cancel.at.api()?.post(&path, &json!({})).await?["job"]);
            Ok(())
        }
    }
}

async fn show_all(list: List) -> Result<(), Failure> {
    let limit = list.limit.to_string();
    let answer = list.at.api()?.get(&["api", "jobs"], &[("limit", &limit)]).await?;
    let rows: Vec<[String; 6]> = items(&answer["jobs"])
        .iter()
        .map(|job| {
            [
                cell(&job["id"]),
                cell(&job["kind"]),
                cell(&job["state"]),
                cell(&job["done"]),
                cell(&job["by"]),
                time(&job["created_at"]),
            ]
        })
        .collect();
    if rows.is_empty() {
        print::line("there are no jobs");
    } else {
        print::table(["job", "what", "state", "done", "by", "at (UTC)"], &rows);
    }
    Ok(())
}

async fn one(api: &Api, id: &str) -> Result<Value, Failure> {
    Ok(api.get(&["api", "jobs", id], &[]).await?["job"].clone())
}

/// Waits until a job is over, and shows how far it is. Whoever interrupts this leaves the job running.
pub(crate) async fn wait(api: &Api, id: &str) -> Result<Value, Failure> {
    let began = tokio::time::Instant::now();
    let mut progress = print::Progress::default();
    while began.elapsed() < WAIT_MAX {
        let job = one(api, id).await?;
        if job["state"] != "queued" && job["state"] != "running" {
            progress.end();
            return Ok(job);
        }
        progress.show(&far(&job));
        tokio::time::sleep(ASK_EVERY).await;
    }
    Err(Failure::new(
        format!("failed to wait for the job {id}: it takes longer than four hours"),
        format!("it goes on; look at it with `redial jobs show {id}`"),
    ))
}

/// `[######------] 4000 of 10000, 12 s to go`.
fn far(job: &Value) -> String {
    let done = job["done"].as_u64().unwrap_or(0);
    let Some(total) = job["total"].as_u64().filter(|total| *total > 0) else {
        return format!("{}: {done} so far", cell(&job["kind"]));
    };
    let filled = (done.min(total) * BAR / total).min(BAR);
    let bar: String = (0..BAR).map(|n| if n < filled { '#' } else { '-' }).collect();
    let left = job["eta_s"]
        .as_u64()
        .map_or(String::new(), |s| format!(", {s} s to go"));
    format!("{}: [{bar}] {done} of {total}{left}", cell(&job["kind"]))
}

/// A job and what it counted.
pub(crate) fn tell(job: &Value) {
    print::line(&format!(
        "{} {}: {}, {} done",
        cell(&job["kind"]),
        cell(&job["id"]),
        cell(&job["state"]),
        cell(&job["done"])
    ));
    for (name, count) in job["counts"].as_object().into_iter().flatten() {
        print::line(&format!("  {:24} {count}", name.replace('_', " ")));
    }
    if let Some(problem) = job["problem"].as_str() {
        print::line(&format!("  problem: {problem}"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn how_far_a_job_is_fits_on_a_line() {
        for (job, line) in [
            (json!({"kind": "replay", "done": 0, "total": null}), "replay: 0 so far"),
            (json!({"kind": "replan", "done": 7, "total": 0}), "replan: 7 so far"),
            (
                json!({"kind": "replay", "done": 50, "total": 100, "eta_s": 3}),
                "replay: [###############---------------] 50 of 100, 3 s to go",
            ),
            (
                json!({"kind": "replay", "done": 120, "total": 100}),
                "replay: [##############################] 120 of 100",
            ),
        ] {
            assert_eq!(far(&job), line);
        }
    }
}
