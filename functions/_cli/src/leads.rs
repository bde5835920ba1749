//! `redial leads`: find leads, look at one, move one to another status.

use clap::Subcommand;
use serde_json::{Value, json};

use crate::{
    api::{Api, At},
    failure::Failure,
    print,
    rules_words::{cell, list, time},
};

/// Leads of one page.
const PAGE: u64 = 200;
/// Pages that are followed before `--limit` leads are found: what a text finds may be leads of other campaigns.
const PAGES_MAX: usize = 50;

/// Finds leads, shows one with its history, moves one to another status.
#[derive(Debug, clap::Args)]
pub(crate) struct Leads {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Find(Find),
    Show(Show),
    Status(Status),
}

/// Finds leads by a phone in any format, an id, the beginning of a name or of an e-mail address.
#[derive(Debug, clap::Args)]
struct Find {
    /// What is known of them
    #[arg(value_name = "TEXT", allow_hyphen_values = true)]
    text: String,
    /// Only leads of this campaign
    #[arg(long, value_name = "ID")]
    campaign: Option<String>,
    /// Only leads at this status; several with commas between them
    #[arg(long, value_name = "STATUS")]
    status: Option<String>,
    /// Leads at most
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u64).range(1..=1_000))]
    limit: u64,
    /// Print the leads as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    at: At,
}

/// Shows a lead: where it stands, why it is or is not called now, and what happened last.
#[derive(Debug, clap::Args)]
struct Show {
    /// A lead's id, a CRM's id of it, or a phone number
    #[arg(value_name = "LEAD|PHONE", allow_hyphen_values = true)]
    lead: String,
    /// Entries of its history
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=100))]
    history: u64,
    /// Print the API's answers as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    at: At,
}

/// Moves a lead to another status, as its rule set allows.
#[derive(Debug, clap::Args)]
struct Status {
    /// A lead's id, or a CRM's id of it
    #[arg(value_name = "LEAD")]
    lead: String,
    /// The status
    #[arg(value_name = "STATUS")]
    status: String,
    /// Why; it is kept with your name
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    /// Promise a call with it, as in 2026-11-23T12:00:00-05:00
    #[arg(long, value_name = "TIME")]
    callback_at: Option<chrono::DateTime<chrono::FixedOffset>>,
    /// Print the API's answer as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    at: At,
}

pub(crate) async fn run(leads: Leads) -> Result<(), Failure> {
    match leads.command {
        Command::Find(find) => search(find).await,
        Command::Show(show) => look(show).await,
        Command::Status(status) => put(status).await,
    }
}

async fn search(find: Find) -> Result<(), Failure> {
    let api = find.at.api()?;
    let mut body = json!({"search": find.text});
    for (name, value) in [("campaign_id", &find.campaign), ("status", &find.status)] {
        if let Some(value) = value {
            body[name] = json!(value);
        }
    }
    let wanted = usize::try_from(find.limit).unwrap_or(usize::MAX);
    let mut found: Vec<Value> = Vec::new();
    let mut more = false;
    for _ in 0..PAGES_MAX {
        body["limit"] = json!(PAGE.min((wanted - found.len()) as u64));
        let page = api.post(&["api", "leads", "search"], &body).await?;
        found.extend_from_slice(list(&page["leads"]));
        more = page["next_cursor"].is_string();
        if !more || found.len() >= wanted {
            break;
        }
        body["cursor"] = page["next_cursor"].clone();
    }
    if find.json {
        print::line(&format!("{:#}", json!({"leads": found, "more": more})));
        return Ok(());
    }
    let rows: Vec<[String; 7]> = found
        .iter()
        .map(|lead| {
            [
                cell(&lead["lead_id"]),
                cell(&lead["name"]),
                cell(&lead["phone"]),
                cell(&lead["campaign_id"]),
                cell(&lead["status"]),
                cell(&lead["state"]),
                time(&lead["next_call_at"]),
            ]
        })
        .collect();
    print::table(
        ["LEAD", "NAME", "PHONE", "CAMPAIGN", "STATUS", "STATE", "NEXT CALL"],
        &rows,
    );
    print::line(&match (found.len(), more) {
        (n, true) => format!("{n} leads, and there are more: give more letters, or --limit"),
        (1, false) => "1 lead (UTC)".to_owned(),
        (n, false) => format!("{n} leads (UTC)"),
    });
    Ok(())
}

async fn look(show: Show) -> Result<(), Failure> {
    let api = show.at.api()?;
    let ids = ids(&api, &show.lead).await?;
    let limit = show.history.to_string();
    let mut told = Vec::new();
    for id in &ids {
        let mut lead = api.get(&["api", "leads", id], &[("limit", "1")]).await?;
        let history = api.get(&["api", "leads", id, "history"], &[("limit", &limit)]).await?;
        lead["history"] = history["history"].clone();
        lead["more_history"] = json!(history["next_cursor"].is_string());
        told.push(lead);
    }
    if show.json {
        print::line(&format!("{:#}", json!({"leads": told})));
        return Ok(());
    }
    told.iter().for_each(tell);
    Ok(())
}

/// The leads that are meant: those of a phone, or one by its id.
async fn ids(api: &Api, asked: &str) -> Result<Vec<String>, Failure> {
    if !crate::explain::is_phone(asked) {
        return Ok(vec![asked.to_owned()]);
    }
    // The number goes in a body: URLs are written down everywhere.
    let found = api.post(&["api", "leads", "search"], &json!({"search": asked})).await?;
    let ids: Vec<String> = list(&found["leads"])
        .iter()
        .map(|lead| cell(&lead["lead_id"]))
        .collect();
    if ids.is_empty() {
        return Err(Failure::new(
            "failed to find a lead with this phone",
            "`redial dnc check` says whether the phone is marked",
        ));
    }
    Ok(ids)
}

fn tell(answer: &Value) {
    let lead = &answer["lead"];
    let name: Vec<&str> = [&lead["first_name"], &lead["last_name"]]
        .into_iter()
        .filter_map(Value::as_str)
        .collect();
    print::line(&format!(
        "lead {} in campaign {}: {}",
        cell(&lead["lead_id"]),
        cell(&lead["campaign_id"]),
        if name.is_empty() {
            "no name".to_owned()
        } else {
            name.join(" ")
        }
    ));
    let tags: Vec<String> = list(&lead["tags"]).iter().map(cell).collect();
    let now = &answer["may_be_called"];
    let may = if now["now"] == true {
        "yes".to_owned()
    } else {
        format!("no: {}", cell(&now["reason"]["code"]))
    };
    let rows = [
        ("phone", cell(&lead["phone_number"])),
        ("e-mail", cell(&lead["email"])),
        ("status", cell(&lead["lead_status"])),
        ("state", cell(&lead["status"])),
        ("next call", time(&lead["next_redial_iso"])),
        ("promised", time(&lead["scheduled_callback_iso"])),
        ("may be called", may),
        (
            "calls",
            format!(
                "{}, {} answered",
                cell(&lead["attempts"]),
                cell(&lead["answered_count"])
            ),
        ),
        ("last contact", time(&lead["last_contact_at"])),
        ("summary", cell(&lead["summary"]).replace('\n', " / ")),
        (
            "tags",
            if tags.is_empty() {
                "-".to_owned()
            } else {
                tags.join(", ")
            },
        ),
    ];
    let rows = rows.map(|(name, value)| [name.to_owned(), value]);
    print::table(["", "(UTC)"], &rows);
    let happened: Vec<[String; 4]> = list(&answer["history"]).iter().map(happened).collect();
    print::line("");
    print::table(["WHEN", "WHAT", "WHO", "WHY"], &happened);
    if answer["more_history"] == true {
        print::line("and more before: give --history, or ask GET /api/leads/{id}/history");
    }
}

fn happened(entry: &Value) -> [String; 4] {
    let of = &entry["entry"];
    let (what, who, why) = match entry["kind"].as_str() {
        Some("call") => {
            let why = &of["decision"]["trace"]["why"];
            (
                format!("call: {}", cell(&of["outcome"])),
                cell(&of["provider"]),
                cell(why),
            )
        }
        Some("note") => ("note".to_owned(), cell(&of["actor"]["name"]), cell(&of["text"])),
        Some("do_not_call") => (
            format!("do-not-call {}", cell(&of["what"])),
            cell(&of["by"]),
            cell(&of["words"]),
        ),
        _ => {
            let moved = match (of["from"].as_str(), of["to"].as_str()) {
                (Some(from), Some(to)) => format!(" from {from} to {to}"),
                _ => String::new(),
            };
            (
                format!("{}{moved}", cell(&of["what"])),
                cell(&of["actor"]["name"]),
                cell(&of["why"]),
            )
        }
    };
    [time(&entry["at"]), what, who, why.replace('\n', " / ")]
}

async fn put(status: Status) -> Result<(), Failure> {
    let api = status.at.api()?;
    let mut body = json!({"status": status.status});
    if let Some(reason) = &status.reason {
        body["reason"] = json!(reason);
    }
    if let Some(at) = &status.callback_at {
        body["callback_at"] = json!(at.to_rfc3339());
    }
    let moved = api.patch(&["api", "leads", &status.lead, "status"], &body).await?;
    if status.json {
        print::line(&format!("{moved:#}"));
        return Ok(());
    }
    let next = match moved["next_call_at"].as_str() {
        Some(_) => format!("next call {} UTC", time(&moved["next_call_at"])),
        None => format!("no next call ({})", cell(&moved["reason"])),
    };
    let how = if moved["changed"] == true {
        format!("from {} to {}", cell(&moved["from"]), cell(&moved["status"]))
    } else {
        format!("was at {} already", cell(&moved["status"]))
    };
    print::line(&format!(
        "lead {}: {how}; {}; {next}",
        cell(&moved["lead_id"]),
        cell(&moved["state"])
    ));
    Ok(())
}
