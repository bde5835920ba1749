//! `/campaigns/{id}/imports`: a file of leads in parts, and what became of it (C3, C4).
//!
//! Data flow: an import is made → parts come in any order, each as often as it takes → `finish` reads the headings, fixes how
//! the file is read and starts the job → the import tells what the job counted. Each request may be sent again.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use redial_aws::imports::{Import, ImportOptions, ImportPart, ImportPlan, PART_BYTES, PARTS_MAX, PartPut, hash_of};
use redial_aws::jobs::{Job, JobKind, JobState, send};
use redial_aws::kept::unpack;
use redial_aws::keys;
use redial_aws::leads::Activity;
use redial_aws::web::{Answer, Problem};
use redial_domain::import::Columns;
use redial_domain::sheet::{Dialect, Next, Reader};
use redial_domain::{Campaign, CampaignStatus, without_numbers};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

use crate::cursor;
use crate::import_shown::shown;
use crate::request::{Caller, bad, unavailable};

/// Imports in one answer, unless asked for otherwise, and at most.
const LIMIT_DEFAULT: usize = 20;
pub(crate) const LIMIT_MAX: usize = 100;
/// Longest name of a file, and what tells it from others, in characters: file systems take 255, a hash in hex is 128.
const FILE_NAME_MAX: usize = 255;
const FINGERPRINT_MAX: usize = 128;
/// Headings that are told: more than a person has fields of their own.
const MAP_MAX: usize = 100;
/// The header with the hash of a part.
const HASH_HEADER: &str = "x-part-sha256";

/// What is wanted of an import.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Wanted {
    pub(crate) map: BTreeMap<String, String>,
    pub(crate) dry_run: bool,
    pub(crate) also_in_other_campaigns: bool,
    pub(crate) registry_checked_at: Option<DateTime<Utc>>,
    pub(crate) file_name: Option<String>,
    fingerprint: Option<String>,
}

#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Finish {
    /// Other meanings of the headings than those that were told before.
    map: Option<BTreeMap<String, String>>,
}

pub(crate) async fn create(caller: &Caller<'_>, campaign: &str) -> Result<Answer, Problem> {
    let wanted: Wanted = caller.body_or_default()?;
    let campaign = caller.campaign(campaign).await?;
    let import = begin(caller, &campaign, wanted).await?;
    let mut answer = shown(caller, &import, None, None);
    answer["parts_received"] = json!([]);
    Ok(Answer::json(201, &answer))
}

/// Makes an import of a campaign.
pub(crate) async fn begin(caller: &Caller<'_>, campaign: &Campaign, wanted: Wanted) -> Result<Import, Problem> {
    takes_leads(campaign)?;
    let app = caller.app;
    let now = app.clock.now();
    if wanted.registry_checked_at.is_some_and(|at| at > now) {
        return Err(bad("registry_checked_at", "it has not come yet"));
    }
    may_map(&wanted.map)?;
    let import = Import {
        id: app.ids.record(now),
        campaign: campaign.id.clone(),
        actor: caller.actor.clone(),
        created_at: now,
        options: ImportOptions {
            map: wanted.map,
            dry_run: wanted.dry_run,
            also_in_other_campaigns: wanted.also_in_other_campaigns,
            registry_checked_at: wanted.registry_checked_at,
            file_name: short("file_name", wanted.file_name, FILE_NAME_MAX)?,
            fingerprint: short("fingerprint", wanted.fingerprint, FINGERPRINT_MAX)?,
        },
        plan: None,
        undo: None,
    };
    app.table
        .create_import(&import)
        .await
        .map_err(|error| unavailable(&error))?;
    Ok(import)
}

fn takes_leads(campaign: &Campaign) -> Result<(), Problem> {
    if matches!(campaign.status, CampaignStatus::Completed | CampaignStatus::Cancelled) {
        return Err(Problem::new(
            409,
            "campaign_closed",
            format!(
                "failed to import: campaign `{}` has ended",
                without_numbers(campaign.id.as_str())
            ),
            "name another campaign",
        ));
    }
    Ok(())
}

fn may_map(map: &BTreeMap<String, String>) -> Result<(), Problem> {
    if map.len() > MAP_MAX {
        return Err(bad("map", format!("there are more than {MAP_MAX} headings")));
    }
    Ok(())
}

fn short(name: &str, value: Option<String>, max: usize) -> Result<Option<String>, Problem> {
    match value {
        Some(value) if value.chars().count() > max => Err(bad(name, format!("it is longer than {max} characters"))),
        value => Ok(value.filter(|value| !value.is_empty())),
    }
}

pub(crate) async fn put_part(caller: &Caller<'_>, campaign: &str, id: &str, number: &str) -> Result<Answer, Problem> {
    let import = import(caller, campaign, id).await?;
    let number: u32 = number
        .parse()
        .ok()
        .filter(|number| *number < PARTS_MAX)
        .ok_or_else(|| {
            bad(
                "part",
                format!("parts are numbered from 0, and there are at most {PARTS_MAX}"),
            )
        })?;
    let bytes = caller.request.bytes()?;
    if bytes.is_empty() || bytes.len() > PART_BYTES {
        let problem = bad(
            "part",
            format!("it has {} bytes, and must have 1 to {PART_BYTES}", bytes.len()),
        );
        return Err(if bytes.is_empty() {
            problem
        } else {
            Problem {
                status: 413,
                code: "too_large",
                ..problem
            }
        });
    }
    if let Some(hash) = caller.request.header(HASH_HEADER)
        && !hash.trim().eq_ignore_ascii_case(&hash_of(&bytes))
    {
        return Err(Problem::new(
            422,
            "wrong_checksum",
            format!("failed to take the part: it is not what `{HASH_HEADER}` says"),
            "it was changed on its way: send it again",
        ));
    }
    if import.plan.is_some() {
        // A repetition whose first answer was lost.
        let parts = caller
            .app
            .table
            .import_parts(&import.id)
            .await
            .map_err(|error| unavailable(&error))?;
        let is_here = parts
            .iter()
            .any(|part| part.number == number && part.hash == hash_of(&bytes));
        if !is_here {
            return Err(finished());
        }
    } else {
        put(caller, &import, number, &bytes).await?;
    }
    Ok(Answer::json(
        200,
        &json!({"success": true, "import_id": import.id, "part": number, "bytes": bytes.len(), "sha256": hash_of(&bytes)}),
    ))
}

/// Keeps one part.
pub(crate) async fn put(caller: &Caller<'_>, import: &Import, number: u32, bytes: &[u8]) -> Result<(), Problem> {
    let put = caller.app.table.put_import_part(import, number, bytes).await;
    match put.map_err(|error| unavailable(&error))? {
        PartPut::Here => Ok(()),
        PartPut::Other => Err(Problem::new(
            409,
            "other_part",
            format!("failed to take part {number}: it was sent before with other bytes"),
            "the file has changed: make a new import",
        )),
    }
}

fn finished() -> Problem {
    Problem::new(
        409,
        "import_finished",
        "failed to take the part: all parts are here and the import has begun",
        "make a new import",
    )
}

pub(crate) async fn finish(caller: &Caller<'_>, campaign: &str, id: &str) -> Result<Answer, Problem> {
    let told: Finish = caller.body_or_default()?;
    let mut import = import(caller, campaign, id).await?;
    if let (Some(map), None) = (told.map, &import.plan) {
        may_map(&map)?;
        import.options.map = map;
    }
    let campaign = caller.campaign(import.campaign.as_str()).await?;
    let (import, job) = start(caller, &campaign, import).await?;
    Ok(Answer::json(202, &shown(caller, &import, Some(&job), None)))
}

/// Fixes how the file is read and starts the job. Doing it again gives the same job.
pub(crate) async fn start(
    caller: &Caller<'_>,
    campaign: &Campaign,
    mut import: Import,
) -> Result<(Import, Job), Problem> {
    let app = caller.app;
    let failed = |error| unavailable(&error);
    if import.plan.is_none() {
        takes_leads(campaign)?;
        import.plan = Some(plan(caller, campaign, &import).await?);
        let kind = JobKind::Import {
            campaign: import.campaign.clone(),
            dry_run: import.options.dry_run,
        };
        let job = Job {
            id: import.id.clone(),
            ..Job::new(app, &caller.actor, kind)
        };
        let what = if import.options.dry_run {
            "import_tried"
        } else {
            "import_started"
        };
        let activity = Activity::now(app, &caller.actor, what, Some(format!("import {}", import.id)));
        if app.table.plan_import(&import, &job, &activity).await.map_err(failed)? {
            tracing::info!(import.id = %import.id, campaign.id = %import.campaign, actor = %caller.actor.name, "import started");
            send(app, &job.id).await;
            return Ok((import, job));
        }
    }
    // Somebody was first, or this is a repetition.
    let again = app.table.import(&import.campaign, &import.id).await.map_err(failed)?;
    let job = app.table.job(&import.id).await.map_err(failed)?;
    let (Some(import), Some(job)) = (again, job) else {
        return Err(unknown(&import.id));
    };
    if job.state == JobState::Queued {
        // Its message may be what was lost.
        send(app, &job.id).await;
    }
    Ok((import, job))
}

/// How the file is read, by its first bytes and what its sender told.
async fn plan(caller: &Caller<'_>, campaign: &Campaign, import: &Import) -> Result<ImportPlan, Problem> {
    let table = &caller.app.table;
    let failed = |error| unavailable(&error);
    let parts = table.import_parts(&import.id).await.map_err(failed)?;
    complete(&parts)?;
    let bytes = parts.iter().map(|part| part.bytes as u64).sum();
    let first = keys::import_piece(&import.id, 0, &parts[0].hash, 0);
    let head = table
        .job_item(&first)
        .await
        .map_err(failed)?
        .map(|packed| unpack(&packed))
        .unwrap_or_default();
    let dialect = Dialect::of(&head);
    let mut reader = Reader::new(dialect);
    reader.push(head.get(dialect.skipped as usize..).unwrap_or_default());
    if head.len() as u64 == bytes {
        reader.end();
    }
    let no_headings = || {
        Problem::new(
            422,
            "no_headings",
            "failed to read the file: no row with headings was found at its beginning",
            "send a CSV file whose first row names the columns; GET /campaigns/templates/csv-sample shows one",
        )
    };
    let (headings, columns) = loop {
        match reader.next() {
            Next::Row(row) if row.fault.is_some() => return Err(no_headings()),
            Next::Row(row) if row.is_blank() => {}
            Next::Row(row) => {
                let read = Columns::read(&row, &import.options.map, &campaign.import.required);
                break (row.cells().map(str::to_owned).collect(), read);
            }
            Next::More | Next::End => return Err(no_headings()),
        }
    };
    let columns = columns.map_err(|faults| {
        let told: Vec<String> = faults.iter().map(|fault| format!("`{}`: {}", fault.column, fault.why)).collect();
        Problem::new(
            422,
            "bad_columns",
            format!("failed to read the headings: {}", told.join("; ")),
            format!(
                "name the columns, or tell which they are: `map` of POST …/finish, as in {{\"Handy\": \"phone\"}}; cells were parted at {}",
                dialect.signs()
            ),
        )
    })?;
    Ok(ImportPlan {
        parts: parts.into_iter().map(|part| part.hash).collect(),
        bytes,
        dialect,
        headings,
        columns,
        begins: reader.place(),
        rules: campaign.import.clone(),
        region: campaign.default_region,
    })
}

/// Whether all parts up to the last are here, and full.
fn complete(parts: &[ImportPart]) -> Result<(), Problem> {
    let missing = (0..).zip(parts).find(|(n, part)| part.number != *n).map(|(n, _)| n);
    let Some(last) = parts.last() else {
        return Err(Problem::new(
            409,
            "no_parts",
            "failed to finish the import: no part of the file is here",
            "send them: PUT …/parts/0 and so on",
        ));
    };
    if let Some(missing) = missing {
        return Err(Problem::new(
            409,
            "part_missing",
            format!("failed to finish the import: part {missing} is not here"),
            format!("send it: PUT …/parts/{missing}"),
        ));
    }
    if let Some(short) = parts
        .iter()
        .find(|part| part.number < last.number && part.bytes != PART_BYTES)
    {
        return Err(Problem::new(
            422,
            "part_too_short",
            format!(
                "failed to finish the import: part {} has {} bytes",
                short.number, short.bytes
            ),
            format!("every part but the last has {PART_BYTES} bytes; make a new import and cut the file so"),
        ));
    }
    Ok(())
}

pub(crate) async fn show(caller: &Caller<'_>, campaign: &str, id: &str) -> Result<Answer, Problem> {
    let failed = |error| unavailable(&error);
    let table = &caller.app.table;
    let import = import(caller, campaign, id).await?;
    let job = table.job(&import.id).await.map_err(failed)?;
    let undo = match &import.undo {
        Some(undo) => table.job(undo).await.map_err(failed)?,
        None => None,
    };
    let mut answer = shown(caller, &import, job.as_ref(), undo.as_ref());
    if import.plan.is_none() {
        let parts = table.import_parts(&import.id).await.map_err(failed)?;
        answer["parts_received"] = parts.iter().map(|part| part.number).collect();
    }
    Ok(Answer::json(200, &answer))
}

pub(crate) async fn list(caller: &Caller<'_>, campaign: &str) -> Result<Answer, Problem> {
    let limit = caller.number("limit", LIMIT_DEFAULT, LIMIT_MAX)?;
    let before = cursor::read_key(caller.request.query().get("cursor"))?;
    let campaign = caller.campaign(campaign).await?;
    let table = &caller.app.table;
    let failed = |error| unavailable(&error);
    let size = i32::try_from(limit).unwrap_or(i32::MAX);
    let imports = table
        .imports(&campaign.id, before.as_deref(), size)
        .await
        .map_err(failed)?;
    let mut all = Vec::with_capacity(imports.len());
    for import in &imports {
        let job = match import.plan {
            Some(_) => table.job(&import.id).await.map_err(failed)?,
            None => None,
        };
        all.push(shown(caller, import, job.as_ref(), None));
    }
    let next = imports.last().filter(|_| imports.len() == limit);
    Ok(Answer::json(
        200,
        &json!({"success": true, "imports": all, "next_cursor": next.and_then(|last| cursor::write(&last.id))}),
    ))
}

/// An import of a campaign.
pub(crate) async fn import(caller: &Caller<'_>, campaign: &str, id: &str) -> Result<Import, Problem> {
    let campaign = caller.campaign(campaign).await?;
    if !cursor::is_key(id) {
        return Err(unknown(id));
    }
    let found = caller
        .app
        .table
        .import(&campaign.id, id)
        .await
        .map_err(|error| unavailable(&error))?;
    let now = caller.app.clock.now();
    found
        .filter(|import| import.expires_at() > now)
        .ok_or_else(|| unknown(id))
}

fn unknown(id: &str) -> Problem {
    // Of a made-up id no more than of a real one.
    let id = without_numbers(&id.chars().take(64).collect::<String>());
    Problem::new(
        404,
        "unknown_import",
        format!("failed to find the import `{id}`"),
        "list them with GET /campaigns/{id}/imports; after 30 days an import is forgotten",
    )
}

pub(crate) fn file_is_gone() -> Problem {
    Problem::new(
        410,
        "file_is_gone",
        "failed to read the file of the import: it was kept for seven days",
        "import it again: who is there already stays as they are",
    )
}
