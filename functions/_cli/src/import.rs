//! `redial import`: a file of leads of any size, in parts, and what became of it.
//!
//! Data flow: the file once through for its fingerprint → an import, or with `--resume` the one that was begun with the same
//! file → each part that is not there yet → the end of its job → totals, and the rows that were no leads in a file of their
//! own. Memory holds one part. INVARIANT: whatever is killed, the same command with `--resume` goes on, and without it
//! nobody is added twice.
//!
//! No phone number is printed; the fix file holds those of the file itself.

use std::{
    collections::BTreeMap,
    fs::File,
    io::{Read, Write},
    path::{Path, PathBuf},
    time::Duration,
};

use chrono::NaiveDate;
use redial_aws::imports::{PART_BYTES, PARTS_MAX, hash_of};
use serde_json::{Value, json};

use crate::{
    api::{Api, At},
    dnc::InRegion,
    dnc_import,
    failure::Failure,
    print,
    rules_words::{cell, list},
};

/// Times that a request is sent: over a minute of an API that does not answer.
const TRIES_MAX: u32 = 7;
/// The pause before the second time; each further one is twice as long.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// How often a running import is asked about.
const ASK_EVERY: Duration = Duration::from_millis(500);
/// Longest wait: ten million leads at two hundred a second are fourteen hours. It goes on without us.
const WAIT_MAX: Duration = Duration::from_secs(24 * 3_600);
/// Imports that are looked through for the one to go on with: those of a busy month.
const LOOKED_THROUGH_MAX: usize = 500;
/// Letters of the bar.
const BAR: u64 = 30;
/// What the command ends with when it did its work and rows are left to correct.
const ROWS_LEFT: u8 = 3;

/// Imports leads from a CSV file, or takes an import back.
///
/// Streams the file, whatever its size and encoding: UTF-8, UTF-16 or Windows-1252, with commas, semicolons or tabs. Rows that are
/// no leads go to FILE.fix.csv with the reasons: correct them there and import that file. May be killed and run again with
/// --resume; also without it nobody is added twice.
///
/// Ends with 0 when every row is a lead, 3 when rows are left in FILE.fix.csv, 1 when it failed, 2 when it was told nonsense.
#[derive(Debug, clap::Args)]
pub(crate) struct Import {
    /// The file; its first row names the columns
    #[arg(value_name = "FILE", required_unless_present = "undo")]
    file: Option<PathBuf>,
    /// Into which campaign
    #[arg(long, value_name = "CAMPAIGN", required_unless_present = "do_not_call")]
    campaign: Option<String>,
    /// What a heading means, as in "Handy=phone", "Notes=custom.notes" or "Age=ignore"
    #[arg(long, value_name = "HEADING=FIELD", value_parser = told)]
    map: Vec<(String, String)>,
    /// Count everything and write nothing
    #[arg(long)]
    dry_run: bool,
    /// Add phones that another campaign has, too
    #[arg(long)]
    also_in_other_campaigns: bool,
    /// When all phones of the file were looked for in the do-not-call registry, as in 2026-11-20
    #[arg(long, value_name = "DATE")]
    registry: Option<NaiveDate>,
    /// Go on with an import of this file that was interrupted
    #[arg(long)]
    resume: bool,
    /// Take an import back: its leads that nobody has called or changed are deleted
    #[arg(long, value_name = "IMPORT", conflicts_with_all = ["file", "map", "dry_run", "resume", "do_not_call"])]
    undo: Option<String>,
    /// Mark all phones of the file as do-not-call, as `redial dnc import` does
    #[arg(long, conflicts_with_all = ["campaign", "dry_run", "resume", "registry", "also_in_other_campaigns"])]
    do_not_call: bool,
    #[command(flatten)]
    region: InRegion,
    #[command(flatten)]
    at: At,
}

fn told(text: &str) -> Result<(String, String), String> {
    let (heading, field) = text.split_once('=').ok_or("write it as in Handy=phone")?;
    Ok((heading.trim().to_owned(), field.trim().to_owned()))
}

pub(crate) async fn run(import: Import) -> Result<(), Failure> {
    if import.do_not_call {
        let column = import
            .map
            .into_iter()
            .find(|(_, field)| field == "phone")
            .map(|(heading, _)| heading);
        let file = import.file.unwrap_or_default();
        return dnc_import::run(dnc_import::Import::of(file, column, import.region, import.at)).await;
    }
    let api = import.at.api()?;
    let campaign = import.campaign.clone().unwrap_or_default();
    match (&import.undo, &import.file) {
        (Some(id), _) => undo(&api, &campaign, id).await,
        (None, Some(file)) => bring_in(&api, &campaign, &import, file).await,
        (None, None) => Ok(()),
    }
}

async fn bring_in(api: &Api, campaign: &str, import: &Import, path: &Path) -> Result<(), Failure> {
    let (fingerprint, size) = fingerprint(path)?;
    let mut progress = print::Progress::default();
    let begun = match import.resume {
        true => interrupted(api, campaign, &fingerprint, import.dry_run).await?,
        false => None,
    };
    let begun = match begun {
        Some(begun) => begun,
        None => begin(api, campaign, import, path, &fingerprint).await?,
    };
    let id = cell(&begun["import_id"]);
    let here = ["campaigns", campaign, "imports", &id];
    let go_on = |failure: Failure| Failure {
        hint: format!("{}; run it again with --resume", failure.hint),
        ..failure
    };
    if begun["state"] == "uploading" {
        let known: Vec<u64> = list(&begun["parts_received"])
            .iter()
            .filter_map(Value::as_u64)
            .collect();
        send(api, &here, path, size, &known, &mut progress)
            .await
            .map_err(go_on)?;
        let map: BTreeMap<&str, &str> = import
            .map
            .iter()
            .map(|(heading, field)| (heading.as_str(), field.as_str()))
            .collect();
        let body = if map.is_empty() { json!({}) } else { json!({"map": map}) };
        let finish = [here.as_slice(), &["finish"]].concat();
        tried(|| api.post(&finish, &body))
            .await
            .inspect_err(|_| progress.end())?;
    }
    let done = wait(api, &here, &mut progress).await.map_err(go_on)?;
    progress.end();
    tell(&done);
    if done["state"] != "done" {
        let why = done["problem"].as_str().map_or_else(
            || format!("failed to import: it was {}", cell(&done["state"])),
            str::to_owned,
        );
        return Err(Failure::new(
            why,
            format!("what was written stays; take it back with `redial import --campaign {campaign} --undo {id}`"),
        ));
    }
    if done["invalid_rows"].as_u64().unwrap_or(0) == 0 {
        return Ok(());
    }
    let fix = fix_file(api, &here, path).await?;
    Err(Failure {
        exit: ROWS_LEFT,
        ..Failure::new(
            format!(
                "failed to import {} of {} rows",
                done["invalid_rows"], done["total_rows"]
            ),
            format!(
                "correct them in {} and import that file; all others are done",
                fix.display()
            ),
        )
    })
}

/// What tells a file from others, and how many bytes it has.
fn fingerprint(path: &Path) -> Result<(String, u64), Failure> {
    let mut file = open(path)?;
    let (mut hashes, mut size, mut part) = (String::new(), 0_u64, Vec::new());
    loop {
        next_part(&mut file, &mut part, path)?;
        if part.is_empty() {
            break;
        }
        size += part.len() as u64;
        hashes.push_str(&hash_of(&part));
    }
    if size == 0 {
        return Err(Failure::new(
            format!("failed to import {}: it is empty", path.display()),
            "nothing was imported; name the file with the leads",
        ));
    }
    let most = u64::from(PARTS_MAX) * PART_BYTES as u64;
    if size > most {
        return Err(Failure::new(
            format!("failed to import {}: it has more than {most} bytes", path.display()),
            "cut it into smaller files, each with the headings",
        ));
    }
    Ok((hash_of(hashes.as_bytes()), size))
}

fn open(path: &Path) -> Result<File, Failure> {
    File::open(path).map_err(|error| unread(path, &error))
}

fn unread(path: &Path, error: &std::io::Error) -> Failure {
    Failure::new(
        format!("failed to read {}: {error}", path.display()),
        "name a CSV file that you may read",
    )
}

fn next_part(file: &mut File, part: &mut Vec<u8>, path: &Path) -> Result<(), Failure> {
    part.clear();
    let read = Read::by_ref(file).take(PART_BYTES as u64).read_to_end(part);
    read.map(|_| ()).map_err(|error| unread(path, &error))
}

async fn begin(api: &Api, campaign: &str, import: &Import, path: &Path, fingerprint: &str) -> Result<Value, Failure> {
    let body = json!({
        "map": import.map.iter().cloned().collect::<BTreeMap<_, _>>(),
        "dry_run": import.dry_run,
        "also_in_other_campaigns": import.also_in_other_campaigns,
        "registry_checked_at": import.registry.map(|date| format!("{date}T00:00:00Z")),
        "file_name": path.file_name().map(|name| name.to_string_lossy()),
        "fingerprint": fingerprint,
    });
    let to = ["campaigns", campaign, "imports"];
    tried(|| api.post(&to, &body)).await
}

/// The newest import of the same file that may be gone on with.
async fn interrupted(api: &Api, campaign: &str, fingerprint: &str, dry_run: bool) -> Result<Option<Value>, Failure> {
    let path = ["campaigns", campaign, "imports"];
    let (mut cursor, mut looked) = (String::new(), 0);
    while looked < LOOKED_THROUGH_MAX {
        let mut query = vec![("limit", "100")];
        if !cursor.is_empty() {
            query.push(("cursor", &cursor));
        }
        let page = tried(|| api.get(&path, &query)).await?;
        looked += list(&page["imports"]).len();
        let is_it = |import: &&Value| {
            let options = &import["options"];
            let ended = import["state"] == "failed" || import["state"] == "cancelled";
            options["fingerprint"] == fingerprint && options["dry_run"] == dry_run && !ended
        };
        if let Some(found) = list(&page["imports"]).iter().find(is_it) {
            let id = cell(&found["import_id"]);
            let here = [path.as_slice(), &[id.as_str()]].concat();
            return tried(|| api.get(&here, &[])).await.map(Some);
        }
        match page["next_cursor"].as_str() {
            Some(next) => next.clone_into(&mut cursor),
            None => break,
        }
    }
    print::line("there is no import of this file to go on with; a new one begins");
    Ok(None)
}

async fn send(
    api: &Api,
    here: &[&str],
    path: &Path,
    size: u64,
    known: &[u64],
    progress: &mut print::Progress,
) -> Result<(), Failure> {
    let mut file = open(path)?;
    let (mut part, mut sent) = (Vec::new(), 0_u64);
    for number in 0..=u64::from(PARTS_MAX) {
        next_part(&mut file, &mut part, path)?;
        if part.is_empty() {
            break;
        }
        if !known.contains(&number) {
            progress.show(&format!("{} sent", bar(sent, size)));
            let number = number.to_string();
            let to = [here, &["parts", &number]].concat();
            let hash = hash_of(&part);
            let put = tried(|| api.put_bytes(&to, &part, ("x-part-sha256", &hash))).await;
            put.inspect_err(|_| progress.end())?;
        }
        sent += part.len() as u64;
    }
    Ok(())
}

/// Waits until the import is over, and shows how far it is. Whoever interrupts this leaves it running.
async fn wait(api: &Api, here: &[&str], progress: &mut print::Progress) -> Result<Value, Failure> {
    let began = tokio::time::Instant::now();
    while began.elapsed() < WAIT_MAX {
        let import = tried(|| api.get(here, &[])).await?;
        if import["state"] != "queued" && import["state"] != "running" {
            return Ok(import);
        }
        progress.show(&far(&import));
        tokio::time::sleep(ASK_EVERY).await;
    }
    Err(Failure::new(
        "failed to wait for the import: it takes longer than a day",
        "it goes on by itself",
    ))
}

/// Does it again while it may pass by itself.
async fn tried<T, F: Future<Output = Result<T, Failure>>>(act: impl Fn() -> F) -> Result<T, Failure> {
    let mut n = 0;
    loop {
        match act().await {
            Err(failure) if failure.passes && n + 1 < TRIES_MAX => {
                tokio::time::sleep(FIRST_PAUSE * (1 << n)).await;
                n += 1;
            }
            done => return done,
        }
    }
}

fn bar(done: u64, total: u64) -> String {
    let total = total.max(1);
    let filled = (done.min(total) * BAR / total).min(BAR);
    let bar: String = (0..BAR).map(|n| if n < filled { '#' } else { '-' }).collect();
    format!("[{bar}] {} %", done.min(total) * 100 / total)
}

/// `[######------] 20 %, 4000 rows: 3900 valid, 60 invalid, 40 duplicate, 12 s to go`.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a share from 0 to 1"
)]
fn far(import: &Value) -> String {
    let share = (import["share_done"].as_f64().unwrap_or(0.0).clamp(0.0, 1.0) * 1_000.0) as u64;
    let of = |name: &str| import[name].as_u64().unwrap_or(0);
    let left = import["eta_s"]
        .as_u64()
        .map_or_else(String::new, |s| format!(", {s} s to go"));
    format!(
        "{}, {} rows: {} valid, {} invalid, {} duplicate{left}",
        bar(share, 1_000),
        of("total_rows"),
        of("valid_rows"),
        of("invalid_rows"),
        of("duplicate_rows")
    )
}

fn tell(import: &Value) {
    let of = |name: &str| import[name].as_u64().unwrap_or(0);
    print::line(&format!(
        "import {}: {}",
        cell(&import["import_id"]),
        cell(&import["state"])
    ));
    let dry = import["options"]["dry_run"] == true;
    let (word, added) = if dry {
        ("would be imported", of("leads_importable"))
    } else {
        ("imported", of("leads_imported"))
    };
    print::line(&format!(
        "{} rows: {} valid, {} invalid, {} duplicate; {added} {word}",
        of("total_rows"),
        of("valid_rows"),
        of("invalid_rows"),
        of("duplicate_rows")
    ));
    let places = &import["duplicates"];
    let shown = [
        ("stand twice in the file", places["file"].as_u64()),
        ("were in the campaign", places["campaign"].as_u64()),
        (
            "are in another campaign; --also-in-other-campaigns adds them",
            places["system"].as_u64(),
        ),
        (
            "are marked do-not-call and are never called",
            import["do_not_call_rows"].as_u64(),
        ),
        (
            "are of people who were forgotten, and were left out",
            import["forgotten_rows"].as_u64(),
        ),
        (
            "had an apostrophe of a spreadsheet",
            import["repaired_phones"]["apostrophe"].as_u64(),
        ),
        (
            "had a `.0` of a spreadsheet",
            import["repaired_phones"]["decimal"].as_u64(),
        ),
    ];
    for (what, count) in shown {
        if let Some(count) = count.filter(|count| *count > 0) {
            print::line(&format!("  {count} {what}"));
        }
    }
}

/// Writes the rows that were no leads beside the file, page by page.
async fn fix_file(api: &Api, here: &[&str], path: &Path) -> Result<PathBuf, Failure> {
    let mut name = path.as_os_str().to_owned();
    name.push(".fix.csv");
    let fix = PathBuf::from(name);
    let unwritten = |error: std::io::Error| {
        let hint = "the import is done; run it again with --resume for the file alone";
        Failure::new(format!("failed to write {}: {error}", fix.display()), hint)
    };
    let mut file = File::create(&fix).map_err(unwritten)?;
    let from = [here, &["fix-file"]].concat();
    let mut cursor: Option<String> = None;
    loop {
        let query: Vec<(&str, &str)> = cursor.iter().map(|cursor| ("cursor", cursor.as_str())).collect();
        let (text, next) = tried(|| api.get_text(&from, &query)).await?;
        file.write_all(text.as_bytes()).map_err(unwritten)?;
        cursor = next;
        if cursor.is_none() {
            file.sync_all().map_err(unwritten)?;
            return Ok(fix);
        }
    }
}

async fn undo(api: &Api, campaign: &str, id: &str) -> Result<(), Failure> {
    let path = ["campaigns", campaign, "imports", id, "undo"];
    let nothing = json!({});
    tried(|| api.post(&path, &nothing)).await?;
    let began = tokio::time::Instant::now();
    let mut answer;
    loop {
        answer = tried(|| api.get(&path, &[])).await?;
        let is_over = answer["state"] != "queued" && answer["state"] != "running";
        if is_over || began.elapsed() > WAIT_MAX {
            break;
        }
        tokio::time::sleep(ASK_EVERY).await;
    }
    print::line(&format!("{} leads removed", answer["leads_removed"]));
    loop {
        for kept in list(&answer["kept"]) {
            print::line(&format!(
                "row {}: lead {} stays, it was {}",
                kept["row"],
                cell(&kept["lead_id"]),
                cell(&kept["reason"])
            ));
        }
        let Some(cursor) = answer["next_cursor"].as_str().map(str::to_owned) else {
            break;
        };
        let query = [("cursor", cursor.as_str())];
        answer = tried(|| api.get(&path, &query)).await?;
    }
    if answer["state"] != "done" {
        let why = answer["problem"]
            .as_str()
            .unwrap_or("failed to undo the import: it was ended")
            .to_owned();
        return Err(Failure::new(why, "run the same command again"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn how_far_an_import_is_fits_on_a_line() {
        let import = json!({"share_done": 0.5, "total_rows": 40, "valid_rows": 30, "invalid_rows": 8, "duplicate_rows": 2, "eta_s": 3});
        assert_eq!(
            far(&import),
            "[###############---------------] 50 %, 40 rows: 30 valid, 8 invalid, 2 duplicate, 3 s to go"
        );
        assert!(far(&json!({})).starts_with("[---"));
    }

    #[test]
    fn a_heading_is_told_with_its_field() {
        assert_eq!(told(" Handy = phone"), Ok(("Handy".to_owned(), "phone".to_owned())));
        assert!(told("Handy").is_err());
    }
}
