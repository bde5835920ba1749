//! `redial explain`: why a lead, or a whole campaign, is or is not called. `redial evidence`: everything about one phone.

use std::{fs, io::Write, path::PathBuf};

use serde_json::{Value, json};

use crate::{
    api::{Api, At},
    failure::Failure,
    jobs, print,
    rules_words::{cell, list, time},
};

/// Pages of an export: a hundred thousand records of one phone are more than ten years of calls.
const PAGES_MAX: usize = 1_000;
/// Records in one page.
const PAGE: &str = "100";

/// Says why a lead is or is not called: each gate with its value, its limit and who says so.
#[derive(Debug, clap::Args)]
pub(crate) struct Explain {
    /// A lead's id, a CRM's id of it, or a phone number
    #[arg(value_name = "LEAD|PHONE", required_unless_present = "campaign")]
    lead: Option<String>,
    /// Count all leads of a campaign by the first gate that blocks them
    #[arg(long, value_name = "ID", conflicts_with = "lead")]
    campaign: Option<String>,
    /// Print the API's answer as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    at: At,
}

/// Writes everything that is kept about a lead's phone into one file: calls, decisions, consent, do-not-call, payloads.
#[derive(Debug, clap::Args)]
pub(crate) struct Evidence {
    /// A lead's id, or a CRM's id of it
    #[arg(value_name = "LEAD")]
    lead: String,
    /// The file; it must not exist
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    #[command(flatten)]
    at: At,
}

pub(crate) async fn run(explain: Explain) -> Result<(), Failure> {
    let api = explain.at.api()?;
    if let Some(campaign) = &explain.campaign {
        return of_campaign(&api, campaign, explain.json).await;
    }
    let asked = explain.lead.unwrap_or_default();
    let told = if is_phone(&asked) {
        api.post(&["api", "explain"], &json!({"phone": asked})).await?
    } else {
        let lead = api.get(&["api", "leads", &asked, "explain"], &[]).await?;
        json!({"leads": [lead], "do_not_call_since": null})
    };
    if explain.json {
        print::line(&format!("{told:#}"));
        return Ok(());
    }
    let leads = list(&told["leads"]);
    if leads.is_empty() {
        let since = &told["do_not_call_since"];
        print::line(&match since {
            Value::Null => "no lead has this phone, so nobody calls it".to_owned(),
            since => format!("no lead has this phone; do not call it, since {}", time(since)),
        });
    }
    for lead in leads {
        tell(lead);
    }
    Ok(())
}

/// Ours are 26 letters and digits; whatever is written with digits and the signs between them is a number.
pub(crate) fn is_phone(asked: &str) -> bool {
    let digits = asked.chars().filter(char::is_ascii_digit).count();
    digits >= 7 && asked.chars().all(|c| c.is_ascii_digit() || "+-(). ".contains(c))
}

fn tell(lead: &Value) {
    let answer = match lead["answer"].as_str() {
        Some("open") => "may be called now".to_owned(),
        Some("wait") if lead["next_possible"].is_string() => format!(
            "waits: {}; possible from {}",
            cell(&lead["first_blocking"]),
            time(&lead["next_possible"])
        ),
        Some("wait") => format!("waits: {}", cell(&lead["first_blocking"])),
        _ => format!("is not called: {}", cell(&lead["first_blocking"])),
    };
    let note = lead["next_possible_note"].as_str();
    let answer = note.map_or(answer.clone(), |note| format!("{answer}; {note}"));
    print::line(&format!(
        "lead {} in campaign {}: {answer} (UTC; looked at {})",
        cell(&lead["lead_id"]),
        cell(&lead["campaign_id"]),
        time(&lead["at"])
    ));
    let rows: Vec<[String; 5]> = list(&lead["gates"])
        .iter()
        .map(|gate| {
            let passes = if gate["passes"] == true { "passes" } else { "BLOCKS" };
            [
                passes.to_owned(),
                cell(&gate["gate"]),
                cell(&gate["value"]),
                cell(&gate["limit"]),
                without_addresses(&cell(&gate["source"])),
            ]
        })
        .collect();
    print::table(["", "GATE", "IS", "ALLOWS", "SAYS WHO"], &rows);
    let decisions: Vec<[String; 4]> = list(&lead["decisions"])
        .iter()
        .map(|past| {
            let rule = &past["decision"];
            let trace = if rule["trace"].is_object() {
                &rule["trace"]
            } else {
                rule
            };
            let by = match trace["set"].as_str() {
                Some(set) => format!("{set} version {} {}", cell(&trace["version"]), cell(&trace["line"])),
                None => cell(&past["rule_failed"]),
            };
            [
                time(&past["started_at"]),
                cell(&past["outcome"]),
                cell(&past["disposition"]),
                format!("{by}: {}", cell(&trace["why"])),
            ]
        })
        .collect();
    if !decisions.is_empty() {
        print::line("");
        print::table(["CALL", "OUTCOME", "DISPOSITION", "DECIDED BY"], &decisions);
    }
}

/// A source as a line has room for: statutes, not the pages where they were read. `--json` has all of it.
fn without_addresses(source: &str) -> String {
    let named: Vec<&str> = source.split("; ").filter(|part| !part.starts_with("http")).collect();
    named.join("; ")
}

async fn of_campaign(api: &Api, campaign: &str, as_json: bool) -> Result<(), Failure> {
    let path = ["campaigns", campaign, "explain"];
    let told = match api.get(&path, &[]).await {
        Err(failure) if failure.code.as_deref() == Some("too_many_leads") => {
            let started = api.post(&path, &json!({})).await?;
            let job = jobs::wait(api, &cell(&started["job"]["id"])).await?;
            let counts = job["counts"].as_object().cloned().unwrap_or_default();
            let mut rows: Vec<Value> = counts
                .iter()
                .map(|(reason, leads)| json!({"reason": reason, "leads": leads}))
                .collect();
            rows.sort_by_key(|row| std::cmp::Reverse(row["leads"].as_u64()));
            json!({"total": job["done"], "by_reason": rows})
        }
        told => told?,
    };
    if as_json {
        print::line(&format!("{told:#}"));
        return Ok(());
    }
    let rows: Vec<[String; 2]> = list(&told["by_reason"])
        .iter()
        .map(|row| [cell(&row["leads"]), cell(&row["reason"])])
        .collect();
    print::table(["LEADS", "FIRST BLOCKED BY"], &rows);
    print::line(&format!("{} leads in all", cell(&told["total"])));
    for line in list(&told["lines"]) {
        print::line(&cell(line));
    }
    Ok(())
}

pub(crate) async fn export(evidence: Evidence) -> Result<(), Failure> {
    let api = evidence.at.api()?;
    let unwritten = |error: std::io::Error| {
        Failure::new(
            format!("failed to write {}: {error}", evidence.out.display()),
            "name a file that does not exist, in a folder that you may write to",
        )
    };
    let path = ["api", "leads", evidence.lead.as_str(), "evidence"];
    let mut whole = api.get(&path, &[("limit", PAGE)]).await?;
    let mut next = whole["next_cursor"].as_str().map(str::to_owned);
    let mut records = list(&whole["records"]).to_vec();
    let mut progress = print::Progress::default();
    for _ in 0..PAGES_MAX {
        let Some(cursor) = next else { break };
        progress.show(&format!("{} records", records.len()));
        let page = api.get(&path, &[("limit", PAGE), ("cursor", &cursor)]).await?;
        records.extend_from_slice(list(&page["records"]));
        next = page["next_cursor"].as_str().map(str::to_owned);
    }
    progress.end();
    whole["count"] = json!(records.len());
    whole["records"] = json!(records);
    if let Some(fields) = whole.as_object_mut() {
        fields.remove("next_cursor");
        fields.remove("success");
    }
    let mut file = fs::File::create_new(&evidence.out).map_err(unwritten)?;
    file.write_all(format!("{whole:#}\n").as_bytes())
        .and_then(|()| file.sync_all())
        .map_err(unwritten)?;
    print::line(&format!("{} records in {}", whole["count"], evidence.out.display()));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_known_from_an_id() {
        let numbers = ["+1 (555) 555-0100", "15555550100", "555-555-0100"];
        assert!(numbers.into_iter().all(is_phone));
        let ids = ["01J00000000000000000000000", "crm-17", "17", "default"];
        assert!(!ids.into_iter().any(is_phone));
    }
}
