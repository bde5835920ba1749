//! An import as the API shows it: what was wanted, how far it is, and what it counted.
//!
//! total_rows = valid_rows + invalid_rows + duplicate_rows, at any moment.

use redial_aws::imports::{Import, ImportPlan, PART_BYTES, PARTS_MAX};
use redial_aws::jobs::{Job, JobState};
use redial_domain::import::Column;
use redial_domain::iso;
use serde_json::{Map, Value, json};

use crate::jobs_api;
use crate::request::Caller;

/// What is counted beside the sums: phones that were mended.
const REPAIRS: [&str; 2] = ["repaired_apostrophe", "repaired_decimal"];

/// An import with its job and the one that undoes it.
pub(crate) fn shown(caller: &Caller<'_>, import: &Import, job: Option<&Job>, undo: Option<&Job>) -> Value {
    let now = caller.app.clock.now();
    let progress = job.map(|job| jobs_api::shown(job, now)).unwrap_or_default();
    let path = format!("/campaigns/{}/imports/{}", import.campaign, import.id);
    let options = &import.options;
    let mut shown = json!({
        "success": true,
        "import_id": import.id,
        "campaign_id": import.campaign,
        "state": state(import, job),
        "by": import.actor.name,
        "created_at": iso(import.created_at),
        "file_until": iso(import.file_until()),
        "options": {
            "map": options.map,
            "dry_run": options.dry_run,
            "also_in_other_campaigns": options.also_in_other_campaigns,
            "registry_checked_at": options.registry_checked_at.map(iso),
            "file_name": options.file_name,
            "fingerprint": options.fingerprint,
        },
        "part_bytes": PART_BYTES,
        "parts_max": PARTS_MAX,
        "job_id": job.map(|job| job.id.clone()),
        "share_done": progress["share_done"],
        "eta_s": progress["eta_s"],
        "ended_at": progress["ended_at"],
        "problem": progress["problem"],
        "links": {"import": path, "errors": format!("{path}/errors"), "fix_file": format!("{path}/fix-file")},
    });
    if let Some(plan) = &import.plan {
        shown["bytes"] = json!(plan.bytes);
        shown["columns"] = columns(plan);
    }
    if let Some(job) = job {
        add_counts(&mut shown, job);
    }
    if let Some(undo) = undo {
        shown["undo"] = undone(undo);
        shown["links"]["undo"] = json!(format!("{path}/undo"));
    }
    shown
}

fn state(import: &Import, job: Option<&Job>) -> Value {
    match (job, &import.plan) {
        (Some(job), _) => json!(job.state),
        (None, None) => json!("uploading"),
        (None, Some(_)) => json!(JobState::Queued),
    }
}

fn columns(plan: &ImportPlan) -> Value {
    let meaning = |column: &Column| match column {
        Column::Field(field) => json!(field.as_str()),
        Column::Own(name) => json!(format!("custom.{name}")),
        Column::Ignored => Value::Null,
    };
    let columns = plan.headings.iter().zip(&plan.columns.columns);
    columns
        .map(|(heading, column)| json!({"heading": heading, "is": meaning(column)}))
        .collect()
}

/// The sums of an import, under the names of the campaign tool before this one.
pub(crate) fn add_counts(shown: &mut Value, job: &Job) {
    let of = |name: &str| job.counts.get(name).copied().unwrap_or_default();
    shown["total_rows"] = json!(of("valid") + of("invalid") + of("duplicate"));
    shown["valid_rows"] = json!(of("valid"));
    shown["invalid_rows"] = json!(of("invalid"));
    shown["duplicate_rows"] = json!(of("duplicate"));
    shown["duplicates"] = json!({
        "file": of("duplicate_file"),
        "campaign": of("duplicate_campaign"),
        "system": of("duplicate_system"),
    });
    shown["leads_imported"] = json!(of("imported"));
    shown["leads_importable"] = json!(of("importable") + of("imported"));
    shown["do_not_call_rows"] = json!(of("do_not_call"));
    shown["forgotten_rows"] = json!(of("forgotten"));
    let repaired: Map<String, Value> = REPAIRS
        .iter()
        .map(|name| (name.trim_start_matches("repaired_").to_owned(), json!(of(name))))
        .collect();
    shown["repaired_phones"] = Value::Object(repaired);
}

/// How far an undo is.
pub(crate) fn undone(job: &Job) -> Value {
    let of = |name: &str| job.counts.get(name).copied().unwrap_or_default();
    json!({
        "job_id": job.id,
        "state": job.state,
        "leads_removed": job.removed,
        "leads_kept": {"called": of("kept_called"), "changed": of("kept_changed")},
        "problem": job.problem,
    })
}
