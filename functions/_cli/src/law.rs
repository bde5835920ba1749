//! `redial law`: the law book, bans on calling, and records of one's own.

use std::{fs, path::PathBuf};

use clap::Subcommand;
use serde_json::{Value, json};

use crate::{
    api::At,
    failure::Failure,
    print,
    rules_words::{cell, list, time},
};

/// Shows the law book, bans calling somewhere, adds records to the book.
#[derive(Debug, clap::Args)]
pub(crate) struct LawArguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Show(Show),
    Ban(Ban),
    Lift(TakeBack),
    Add(Add),
    Remove(TakeBack),
}

/// Shows bans, records that were added, and what the book says.
#[derive(Debug, clap::Args)]
struct Show {
    /// Only this state or country: US-FL, Florida, US
    #[arg(value_name = "JURISDICTION")]
    jurisdiction: Option<String>,
    /// Print the API's answer as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    at: At,
}

/// Bans calling in a state, a country or everywhere. Returns when no call that was allowed before can be placed any more.
#[derive(Debug, clap::Args)]
struct Ban {
    /// US-FL, Florida, US, or `all`
    #[arg(value_name = "JURISDICTION")]
    jurisdiction: String,
    /// Why; it stands in every explanation
    #[arg(long)]
    reason: String,
    /// From then on, as in 2026-11-23T17:00:00Z [default: now]
    #[arg(long, value_name = "TIME")]
    from: Option<String>,
    /// Until then [default: until it is lifted]
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
    #[command(flatten)]
    at: At,
}

/// Takes a ban or a record back; leads that it held up go on.
#[derive(Debug, clap::Args)]
struct TakeBack {
    /// Its id, as `redial law show` lists it
    #[arg(value_name = "ID")]
    id: String,
    /// Why
    #[arg(long)]
    reason: String,
    #[command(flatten)]
    at: At,
}

/// Adds a record, written as the book writes them, in a TOML file. Beside the book's it can only be stricter.
#[derive(Debug, clap::Args)]
struct Add {
    /// The file
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Why
    #[arg(long)]
    reason: String,
    /// Put it in place of what the book says there; an owner's decision, for it may loosen the law
    #[arg(long)]
    replaces: bool,
    #[command(flatten)]
    at: At,
}

pub(crate) async fn run(law: LawArguments) -> Result<(), Failure> {
    match law.command {
        Command::Show(show) => look(show).await,
        Command::Ban(ban) => {
            let body =
                json!({"jurisdiction": ban.jurisdiction, "from": ban.from, "until": ban.until, "reason": ban.reason});
            let done = ban.at.api()?.post(&["api", "law", "bans"], &body).await?;
            print::line(&format!(
                "{} banned as {}; calls still being placed: {}",
                cell(&done["ban"]["jurisdiction"]),
                cell(&done["ban"]["id"]),
                list(&done["remaining"]).len()
            ));
            Ok(())
        }
        Command::Lift(what) => take_back("bans", &what).await,
        Command::Remove(what) => take_back("records", &what).await,
        Command::Add(add) => {
            let failed = |why: String| {
                Failure::new(
                    format!("failed to read {}: {why}", add.file.display()),
                    "write one record as functions/_shared/domain/law/law.toml does",
                )
            };
            let text = fs::read_to_string(&add.file).map_err(|error| failed(error.to_string()))?;
            let record: toml::Value = toml::from_str(&text).map_err(|error| failed(error.message().to_owned()))?;
            // As the book writes them, under a heading, or without one.
            let record = match record.get("record").and_then(|list| list.as_array()).map(Vec::as_slice) {
                Some([one]) => one.clone(),
                Some(_) => return Err(failed("it holds more than one record".to_owned())),
                None => record,
            };
            let body = json!({"record": plain(record), "replaces": add.replaces, "reason": add.reason});
            let done = add.at.api()?.post(&["api", "law", "records"], &body).await?;
            print::line(&format!("added as {}", cell(&done["record"]["id"])));
            Ok(())
        }
    }
}

/// Dates as text, which is how JSON has them.
fn plain(value: toml::Value) -> Value {
    match value {
        toml::Value::Datetime(date) => json!(date.to_string()),
        toml::Value::Table(table) => table.into_iter().map(|(name, value)| (name, plain(value))).collect(),
        toml::Value::Array(values) => values.into_iter().map(plain).collect(),
        other => json!(other),
    }
}

async fn take_back(what: &str, given: &TakeBack) -> Result<(), Failure> {
    let api = given.at.api()?;
    api.delete_with(&["api", "law", what, &given.id], &json!({"reason": given.reason}))
        .await?;
    print::line("taken back; leads that it held up are looked at again now");
    Ok(())
}

async fn look(show: Show) -> Result<(), Failure> {
    let query: Vec<(&str, &str)> = show
        .jurisdiction
        .iter()
        .map(|is| ("jurisdiction", is.as_str()))
        .collect();
    let law = show.at.api()?.get(&["api", "law"], &query).await?;
    if show.json {
        print::line(&format!("{law:#}"));
        return Ok(());
    }
    let bans: Vec<[String; 6]> = list(&law["bans"])
        .iter()
        .map(|ban| {
            let until = match &ban["until"] {
                Value::Null => "lifted".to_owned(),
                until => time(until),
            };
            let by = cell(&ban["by"]);
            [
                cell(&ban["jurisdiction"]),
                time(&ban["from"]),
                until,
                by,
                cell(&ban["reason"]),
                cell(&ban["id"]),
            ]
        })
        .collect();
    if bans.is_empty() {
        print::line("no bans");
    } else {
        print::table(["BANNED", "FROM", "UNTIL", "BY", "WHY", "ID"], &bans);
    }
    let added = list(&law["records"]).iter().map(|own| (&own["record"], Some(own)));
    let book = list(&law["book"]).iter().map(|record| (record, None));
    let rows: Vec<[String; 7]> = added.chain(book).map(|(record, own)| row(record, own)).collect();
    print::line("");
    print::table(["LAW", "VOICE", "MON", "SAT", "SUN", "CAP", "SOURCE"], &rows);
    Ok(())
}

fn row(record: &Value, own: Option<&Value>) -> [String; 7] {
    let hours = |day: &str| cell(&record["hours"][day]);
    let cap = &record["cap"];
    let cap = match cap {
        Value::Null => "-".to_owned(),
        cap => format!("{} in {} h", cap["calls"], cap["hours"]),
    };
    let source = list(&record["sources"]).first().map(cell).unwrap_or_default();
    let source = match own {
        Some(own) => {
            let how = if own["replaces"] == true {
                "replaces the book"
            } else {
                "added"
            };
            format!("{how} by {}: {source} ({})", cell(&own["by"]), cell(&own["id"]))
        }
        None if !record["replaced_by"].is_null() => format!("REPLACED; {source}"),
        None => source,
    };
    [
        cell(&record["jurisdiction"]),
        cell(&record["voice"]),
        hours("mon"),
        hours("sat"),
        hours("sun"),
        cap,
        source,
    ]
}
