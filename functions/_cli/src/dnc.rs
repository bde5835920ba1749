//! `redial dnc`: one phone at a time here; lists in `dnc_import` and `dnc_export`.

use chrono::{DateTime, FixedOffset};
use clap::Subcommand;
use redial_domain::Region;
use serde_json::{Value, json};

use crate::{
    api::At,
    dnc_export, dnc_import,
    failure::Failure,
    print,
    rules_words::{cell, list, time},
};

/// Marks phones that must not be called, and shows why they are marked.
///
/// A mark holds at once, for every campaign and for what is being called now. Nothing but an owner's `remove` takes it
/// away. All formats of a number are one number: +1 (212) 555-0142, 12125550142 and 212-555-0142 with --region US.
#[derive(Debug, clap::Args)]
pub(crate) struct Dnc {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Add(Add),
    Check(Check),
    Remove(Remove),
    Import(dnc_import::Import),
    Export(dnc_export::Export),
}

/// A phone, and where a number without a country code is from.
#[derive(Debug, clap::Args)]
pub(crate) struct Number {
    /// The number
    #[arg(value_name = "PHONE", allow_hyphen_values = true)]
    phone: String,
    #[command(flatten)]
    region: InRegion,
}

/// Where a number without a country code is from.
#[derive(Debug, Clone, Copy, clap::Args)]
pub(crate) struct InRegion {
    /// Where numbers without a country code are from: US, IN, IL or GB
    #[arg(long, value_name = "REGION", default_value = "US", value_parser = region)]
    pub(crate) region: Region,
}

/// Marks one phone.
#[derive(Debug, clap::Args)]
struct Add {
    #[command(flatten)]
    number: Number,
    /// What the person said
    #[arg(long, value_name = "TEXT")]
    words: Option<String>,
    /// When they said it, as in 2026-11-23T12:00:00-05:00
    #[arg(long, value_name = "TIME")]
    said_at: Option<DateTime<FixedOffset>>,
    /// Who says so: a person or program, or a CRM
    #[arg(long, value_parser = ["api", "crm"], default_value = "api")]
    source: String,
    /// The provider's name for the call in which they said it
    #[arg(long, value_name = "ID")]
    call: Option<String>,
    /// What else is worth knowing in five years
    #[arg(long, value_name = "TEXT")]
    note: Option<String>,
    #[command(flatten)]
    at: At,
}

/// Shows whether a phone is marked, since when, and every proof.
#[derive(Debug, clap::Args)]
struct Check {
    #[command(flatten)]
    number: Number,
    #[command(flatten)]
    at: At,
}

/// Takes a mark away. Needs an owner's key; who did it and why is kept.
#[derive(Debug, clap::Args)]
struct Remove {
    #[command(flatten)]
    number: Number,
    /// Why it may be called again
    #[arg(long, value_name = "TEXT")]
    reason: String,
    #[command(flatten)]
    at: At,
}

fn region(word: &str) -> Result<Region, String> {
    serde_json::from_value(json!(word)).map_err(|_| "give US, IN, IL or GB".to_owned())
}

impl Number {
    pub(crate) fn body(&self) -> Value {
        json!({"phone": self.phone, "region": self.region.region})
    }
}

pub(crate) async fn run(dnc: Dnc) -> Result<(), Failure> {
    match dnc.command {
        Command::Add(add) => mark(add).await,
        Command::Check(check) => show(check).await,
        Command::Remove(remove) => take_away(remove).await,
        Command::Import(import) => dnc_import::run(import).await,
        Command::Export(export) => dnc_export::run(export).await,
    }
}

async fn mark(add: Add) -> Result<(), Failure> {
    let mut body = add.number.body();
    body["source"] = json!(add.source);
    let given = [
        ("words", add.words.map(Value::from)),
        ("said_at", add.said_at.map(|at| json!(at.to_rfc3339()))),
        ("call_id", add.call.map(Value::from)),
        ("note", add.note.map(Value::from)),
    ];
    for (name, value) in given {
        if let Some(value) = value {
            body[name] = value;
        }
    }
    let marked = add.at.api()?.post(&["api", "do-not-call"], &body).await?;
    print::line(&if marked["changed"] == true {
        "marked: it is not called any more".to_owned()
    } else {
        format!("it was marked before, since {} (UTC)", time(&marked["since"]))
    });
    if marked["late"] == true {
        print::line(&format!(
            "late: the law wanted it honoured by {} (UTC)",
            time(&marked["honour_by"])
        ));
    }
    if !marked["call_ending"].is_null() {
        print::line("a call to it is under way and was asked to end");
    }
    for attempt in list(&marked["remaining"]) {
        print::line(&format!(
            "may still be placed: attempt {}; look again in a minute",
            cell(attempt)
        ));
    }
    Ok(())
}

async fn show(check: Check) -> Result<(), Failure> {
    let api = check.at.api()?;
    let found = api.post(&["api", "do-not-call", "check"], &check.number.body()).await?;
    print::line(&if found["marked"] == true {
        let late = if found["late"] == true { ", late" } else { "" };
        format!("marked since {} (UTC){late}", time(&found["since"]))
    } else {
        "not marked".to_owned()
    });
    if !found["forgotten_at"].is_null() {
        print::line(&format!(
            "the person is forgotten since {}",
            time(&found["forgotten_at"])
        ));
    }
    let rows: Vec<[String; 7]> = list(&found["proofs"])
        .iter()
        .map(|proof| {
            [
                time(&proof["at"]),
                cell(&proof["what"]),
                cell(&proof["source"]),
                time(&proof["said_at"]),
                time(&proof["honour_by"]),
                cell(&proof["by"]),
                [&proof["words"], &proof["note"]]
                    .into_iter()
                    .filter_map(Value::as_str)
                    .collect::<Vec<_>>()
                    .join("; "),
            ]
        })
        .collect();
    if !rows.is_empty() {
        print::table(
            ["at (UTC)", "what", "source", "said", "honour by", "by", "words"],
            &rows,
        );
    }
    leads(&found);
    Ok(())
}

async fn take_away(remove: Remove) -> Result<(), Failure> {
    let mut body = remove.number.body();
    body["reason"] = json!(remove.reason);
    let removed = remove.at.api()?.post(&["api", "do-not-call", "remove"], &body).await?;
    print::line("removed; your name and the reason are kept");
    leads(&removed);
    if !list(&removed["leads"]).is_empty() {
        print::line(&cell(&removed["hint"]));
    }
    Ok(())
}

fn leads(answer: &Value) {
    for lead in list(&answer["leads"]) {
        print::line(&format!(
            "lead {} in {}: {} ({})",
            cell(&lead["lead_id"]),
            cell(&lead["campaign_id"]),
            cell(&lead["status"]),
            cell(&lead["reason"])
        ));
    }
}
