//! `POST /campaigns/{id}/upload-csv`: a file of leads in one request, and what became of it in the answer (C2).
//!
//! Data flow: a form's `file`, or the body itself → the same import and job as a file in parts → the job's end is waited for,
//! so long as a caller does. A file that takes longer is imported all the same: the answer says how far it is.

use std::collections::BTreeMap;
use std::time::Duration;

use redial_aws::imports::{Import, PART_BYTES};
use redial_aws::jobs::{Job, JobState};
use redial_aws::web::{Answer, Problem};
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::import_api::{Wanted, begin, put, start};
use crate::import_rows::{LIMIT_MAX, csv, list};
use crate::import_shown::shown;
use crate::multipart::{self, Piece};
use crate::request::{Caller, bad, unavailable};

/// Callers wait half a minute and more; the function ends after a minute, and reads the faults after this.
const WAIT_MAX: Duration = Duration::from_secs(20);
/// Between two looks at the job: a read unit each.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// The sample of the campaign tool before this one, with every column that it had.
const SAMPLE: &str = "name,phone,email,property_type,location,budget,source,tags\r\n\
    Rajesh Kumar,9876543210,rajesh.kumar@example.com,2BHK,Gurgaon,5000000,website,first-time-buyer,urgent\r\n\
    Priya Sharma,9123456789,priya.sharma@example.com,3BHK,Noida,7500000,referral,investor\r\n\
    Amit Patel,9988776655,,4BHK,Bangalore,12000000,advertisement,\r\n";

pub(crate) async fn sample(_: &Caller<'_>) -> Result<Answer, Problem> {
    Ok(csv(SAMPLE.to_owned(), "leads_template.csv"))
}

pub(crate) async fn upload(caller: &Caller<'_>, campaign: &str) -> Result<Answer, Problem> {
    let campaign = caller.campaign(campaign).await?;
    let body = caller.request.bytes()?;
    let mut wanted = Wanted::default();
    for (name, value) in caller.request.query() {
        set(&mut wanted, &name, &value)?;
    }
    let kind = caller.request.header("content-type").unwrap_or_default();
    let file = match multipart::boundary(kind) {
        Some(boundary) => form(&body, &boundary, &mut wanted)?,
        None => body.as_slice(),
    };
    if file.iter().all(u8::is_ascii_whitespace) {
        return Err(Problem::new(
            422,
            "no_file",
            "failed to read the file: it is empty, or there is none",
            "send it as `file` of a form, or as the body with the content type text/csv",
        ));
    }
    let import = begin(caller, &campaign, wanted).await?;
    for (number, part) in (0..).zip(file.chunks(PART_BYTES)) {
        put(caller, &import, number, part).await?;
    }
    let (import, job) = start(caller, &campaign, import).await?;
    let job = ended(caller, job).await?;
    answer(caller, &import, &job).await
}

/// The file of a form; its other fields are options.
fn form<'b>(body: &'b [u8], boundary: &str, wanted: &mut Wanted) -> Result<&'b [u8], Problem> {
    let pieces = multipart::pieces(body, boundary).ok_or_else(|| {
        Problem::new(
            400,
            "body_not_readable",
            "failed to read the body: it is not the form that its content type says",
            "send it as multipart/form-data, as `curl -F file=@leads.csv` does",
        )
    })?;
    let mut file = None;
    for Piece {
        name,
        file_name,
        content,
    } in pieces
    {
        if name == "file" {
            file = Some(content);
            wanted.file_name = file_name.or_else(|| wanted.file_name.take());
        } else {
            let value = std::str::from_utf8(content).map_err(|_| bad("form", "a field of it is no text"))?;
            set(wanted, &name, value.trim())?;
        }
    }
    file.ok_or_else(|| bad("file", "the form has no such field"))
}

/// Sets an option by its name in a form or query.
fn set(wanted: &mut Wanted, name: &str, value: &str) -> Result<(), Problem> {
    let yes = |value: &str| match value.to_ascii_lowercase().as_str() {
        "true" | "1" | "yes" | "on" | "" => Ok(true),
        "false" | "0" | "no" | "off" => Ok(false),
        _ => Err(bad(name, "write true or false")),
    };
    match name {
        "dry_run" => wanted.dry_run = yes(value)?,
        "also_in_other_campaigns" => wanted.also_in_other_campaigns = yes(value)?,
        "registry_checked_at" => {
            let at = serde_json::from_value(json!(value));
            wanted.registry_checked_at =
                Some(at.map_err(|_| bad(name, "it is no time; write it as in 2026-11-23T12:00:00Z"))?);
        }
        "file_name" => wanted.file_name = Some(value.to_owned()),
        "map" => wanted.map.extend(map(value)?),
        _ => {
            let known = "`map`, `dry_run`, `also_in_other_campaigns`, `registry_checked_at`, `file_name`";
            return Err(bad("form", format!("it has a field that is none of `file`, {known}")));
        }
    }
    Ok(())
}

/// What headings mean: JSON, or `Handy=phone, City=location`.
fn map(value: &str) -> Result<BTreeMap<String, String>, Problem> {
    if value.starts_with('{') {
        return serde_json::from_str(value).map_err(|_| bad("map", "it is no JSON object of headings and fields"));
    }
    let pairs = value.split([',', '\n']).map(str::trim).filter(|pair| !pair.is_empty());
    let pair = |pair: &str| {
        let (heading, field) = pair
            .split_once('=')
            .ok_or_else(|| bad("map", "write it as in Handy=phone"))?;
        Ok((heading.trim().to_owned(), field.trim().to_owned()))
    };
    pairs.map(pair).collect()
}

/// The job when it is over, or as it is when nobody can wait any more.
async fn ended(caller: &Caller<'_>, mut job: Job) -> Result<Job, Problem> {
    let begun = Instant::now();
    while job.state.is_open() && begun.elapsed() < WAIT_MAX {
        tokio::time::sleep(LOOK_EVERY).await;
        let looked = caller.app.table.job(&job.id).await;
        job = looked.map_err(|error| unavailable(&error))?.unwrap_or(job);
    }
    Ok(job)
}

async fn answer(caller: &Caller<'_>, import: &Import, job: &Job) -> Result<Answer, Problem> {
    if job.state == JobState::Failed {
        let why = job
            .problem
            .clone()
            .unwrap_or_else(|| "failed to import the file".to_owned());
        return Err(Problem::new(
            409,
            "import_failed",
            why,
            "look at it with GET /api/jobs/{id}; what was written can be undone",
        ));
    }
    let is_done = !job.state.is_open();
    let mut answer = shown(caller, import, Some(job), None);
    let (mut errors, mut more) = (Vec::new(), Value::Null);
    if let Some(plan) = import.plan.as_ref().filter(|_| is_done) {
        let (listed, next) = list(caller, import, plan, None, LIMIT_MAX).await?;
        errors = listed;
        let next = next.and_then(|next| crate::cursor::write(&next));
        let path = answer["links"]["errors"].as_str().unwrap_or_default();
        more = json!(next.map(|next| format!("{path}?cursor={next}")));
    }
    answer["errors"] = json!(errors);
    answer["more_errors"] = more;
    if !is_done {
        answer["hint"] = json!("it goes on; look at it with GET of `links.import`, or at the job");
    }
    Ok(Answer::json(if is_done { 200 } else { 202 }, &answer))
}
