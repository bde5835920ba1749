//! The alternatives, each in its tool's idiom, on this machine over loopback: cycles a second, and memory.
//!
//! A cycle is what they all have: take a lead that is due, record what became of its call, set its next time. What each does
//! and leaves out stands in `peers/README.md`. Where something is not there, its row says so.

pub(crate) mod install;
mod servers;

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use serde::Deserialize;
use servers::{Postgres, Redis};

use crate::{Size, children, local, row::Row};

pub(crate) const PART: &str = "peers";
/// The longest script fills its queue and runs for some minutes at the full size.
const SCRIPT_WAIT_MAX: Duration = Duration::from_secs(600);
/// Leads in one JSON file.
const RECORDS: [u32; 3] = [1_000, 10_000, 100_000];
const CYCLES: &str = "cycles a second";
const MEMORY: &str = "MiB";

/// How much each script does.
struct Amount {
    /// Windows of time, or rounds.
    times: u32,
    window_ms: u32,
    /// Due jobs of one round, where a round is not a window of time.
    due: u32,
    /// Leads that wait meanwhile.
    waiting: u32,
}

const fn amount(size: Size) -> Amount {
    match size {
        Size::Quick => Amount {
            times: 3,
            window_ms: 250,
            due: 300,
            waiting: 10_000,
        },
        Size::Usual => Amount {
            times: 5,
            window_ms: 2_000,
            due: 3_000,
            waiting: 100_000,
        },
        Size::Full => Amount {
            times: 9,
            window_ms: 5_000,
            due: 10_000,
            waiting: 100_000,
        },
    }
}

/// A line that a script writes.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Figure {
    name: String,
    unit: Unit,
    values: Vec<f64>,
    /// How it was counted, if not as a median of windows.
    how: Option<String>,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Unit {
    CyclesPerS,
    Mib,
}

pub(crate) async fn rows(size: Size) -> Vec<Row> {
    let amount = amount(size);
    let mut rows = Vec::new();
    for records in RECORDS {
        let name = format!("one JSON file of {records} leads");
        rows.extend(or_missing(json_file(&amount, records).await, &[(&name, CYCLES)]));
    }
    let names = [
        ("memory of Redis for 100,000 delayed jobs of BullMQ", MEMORY),
        ("BullMQ on Redis", CYCLES),
    ];
    rows.extend(or_missing(bullmq(&amount, size).await, &names));
    let name = ("PostgreSQL with SKIP LOCKED", CYCLES);
    rows.extend(or_missing(postgres(&amount, size).await, &[name]));
    let Some(ours) = local::cycles_a_second(size).await else {
        return rows;
    };
    let beside = |row: Row| {
        if row.unit == CYCLES {
            row.beside("a full cycle of `redial local`, with all that they leave out", ours)
        } else {
            row
        }
    };
    rows.into_iter().map(beside).collect()
}

async fn json_file(amount: &Amount, records: u32) -> Result<Vec<Row>, String> {
    let folder = install::scripts().await?;
    let data = folder.join("json_file");
    fs::create_dir_all(&data).map_err(|error| format!("failed to make `{}`: {error}", data.display()))?;
    let words = [
        format!("folder={}", data.display()),
        format!("records={records}"),
        format!("times={}", amount.times),
        format!("window_ms={}", amount.window_ms),
    ];
    let rows = script(&folder, "json_file.js", &words).await;
    // The largest file is some 50 MB.
    let _ = fs::remove_dir_all(&data);
    rows
}

async fn bullmq(amount: &Amount, size: Size) -> Result<Vec<Row>, String> {
    let folder = install::node(size).await?;
    let redis = Redis::start(install::redis(size).await?).await?;
    let words = [
        format!("socket={}", redis.socket().display()),
        format!("times={}", amount.times),
        format!("due={}", amount.due),
        format!("waiting={}", amount.waiting),
    ];
    script(&folder, "bullmq.js", &words).await
}

async fn postgres(amount: &Amount, size: Size) -> Result<Vec<Row>, String> {
    let folder = install::node(size).await?;
    let server = Postgres::start().await?;
    let words = [
        format!("socket={}", server.socket_folder().display()),
        format!("user={}", servers::POSTGRES_USER),
        format!("times={}", amount.times),
        format!("window_ms={}", amount.window_ms),
        format!("waiting={}", amount.waiting),
    ];
    script(&folder, "postgres.js", &words).await
}

/// Runs a script and reads its figures.
async fn script(folder: &Path, name: &str, words: &[String]) -> Result<Vec<Row>, String> {
    let log: PathBuf = folder.join(name).with_extension("log");
    let mut node = Command::new("node");
    node.arg(name).args(words).current_dir(folder);
    let text = children::run(&mut node, &log, SCRIPT_WAIT_MAX).await?;
    text.lines().map(row).collect()
}

fn row(line: &str) -> Result<Row, String> {
    let figure: Figure = serde_json::from_str(line).map_err(|error| format!("`{line}` is no figure: {error}"))?;
    let unit = match figure.unit {
        Unit::CyclesPerS => CYCLES,
        Unit::Mib => MEMORY,
    };
    if figure.values.is_empty() {
        return Ok(Row::missing(PART, figure.name, unit, "nothing was due".to_owned()));
    }
    let row = Row::median(PART, figure.name, &figure.values, unit);
    Ok(match figure.how {
        Some(how) => row.how(how),
        None => row,
    })
}

fn or_missing(rows: Result<Vec<Row>, String>, names: &[(&str, &'static str)]) -> Vec<Row> {
    rows.unwrap_or_else(|why| {
        let missing = |(name, unit): &(&str, &'static str)| Row::missing(PART, *name, unit, why.clone());
        names.iter().map(missing).collect()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_a_script_is_a_row() {
        let median = row(r#"{"name": "a queue", "unit": "cycles_per_s", "values": [3, 1, 2]}"#).unwrap();
        assert_eq!((median.value, median.unit), (Some(2.0), CYCLES));
        let none = row(r#"{"name": "a queue", "unit": "mib", "values": []}"#).unwrap();
        assert_eq!((none.value, none.how.as_str()), (None, "nothing was due"));
        assert!(row("ready").unwrap_err().starts_with("`ready` is no figure"));
    }
}
