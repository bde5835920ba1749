//! `POST …/imports/{import}/undo`: the leads of an import that nobody has called or changed are deleted, as a job.
//!
//! `GET` names those that stay, and why.

use redial_aws::imports::Import;
use redial_aws::jobs::{Job, JobKind, JobState, send};
use redial_aws::kept::unpack;
use redial_aws::leads::Activity;
use redial_aws::web::{Answer, Problem};
use serde_json::{Value, json};

use crate::cursor;
use crate::import_api::{file_is_gone, import};
use crate::import_shown::{shown, undone};
use crate::request::{Caller, contended, unavailable};

pub(crate) async fn start(caller: &Caller<'_>, campaign: &str, id: &str) -> Result<Answer, Problem> {
    let app = caller.app;
    let failed = |error| unavailable(&error);
    let import = import(caller, campaign, id).await?;
    let done = app
        .table
        .job(&import.id)
        .await
        .map_err(failed)?
        .filter(|_| import.plan.is_some());
    let Some(done) = done else {
        return Err(refused(
            "import_not_finished",
            "it has not begun",
            "leave it: what is not finished writes nothing",
        ));
    };
    if done.state.is_open() {
        let hint = "wait for its end, or end it: POST /api/jobs/{job_id}/cancel";
        return Err(refused("import_is_running", "it is running", hint));
    }
    if import.options.dry_run {
        return Err(refused(
            "nothing_to_undo",
            "it was a dry run and wrote nothing",
            "leave it",
        ));
    }
    let before = match &import.undo {
        Some(undo) => app.table.job(undo).await.map_err(failed)?,
        None => None,
    };
    // Asked again: the same undo. One that was ended or failed is begun anew.
    if let Some(before) = before.filter(|job| job.state.is_open() || job.state == JobState::Done) {
        return Ok(Answer::json(202, &shown(caller, &import, Some(&done), Some(&before))));
    }
    if import.file_until() <= app.clock.now() {
        return Err(file_is_gone());
    }
    let kind = JobKind::UndoImport {
        campaign: import.campaign.clone(),
        import: import.id.clone(),
    };
    let job = Job::new(app, &caller.actor, kind);
    let activity = Activity::now(
        app,
        &caller.actor,
        "import_undone",
        Some(format!("import {}", import.id)),
    );
    if !app.table.undo_import(&import, &job, &activity).await.map_err(failed)? {
        return Err(contended("import"));
    }
    tracing::info!(import.id = %import.id, job.id = %job.id, actor = %caller.actor.name, "import is undone");
    send(app, &job.id).await;
    let import = Import {
        undo: Some(job.id.clone()),
        ..import
    };
    Ok(Answer::json(202, &shown(caller, &import, Some(&done), Some(&job))))
}

fn refused(code: &'static str, why: &str, hint: &str) -> Problem {
    Problem::new(409, code, format!("failed to undo the import: {why}"), hint)
}

pub(crate) async fn kept(caller: &Caller<'_>, campaign: &str, id: &str) -> Result<Answer, Problem> {
    let failed = |error| unavailable(&error);
    let after = cursor::read_key(caller.request.query().get("cursor"))?;
    let import = import(caller, campaign, id).await?;
    let table = &caller.app.table;
    let job = match &import.undo {
        Some(undo) => table.job(undo).await.map_err(failed)?,
        None => None,
    };
    let Some(job) = job else {
        return Err(Problem::new(
            404,
            "not_undone",
            "failed to find the undo: nobody has undone the import",
            "undo it with POST",
        ));
    };
    let (pages, next) = table.undo_kept(&job.id, after.as_deref()).await.map_err(failed)?;
    let kept: Vec<Value> = pages
        .iter()
        .flat_map(|packed| serde_json::from_slice::<Vec<Value>>(&unpack(packed)).unwrap_or_default())
        .collect();
    let mut answer = undone(&job);
    answer["success"] = json!(true);
    answer["import_id"] = json!(import.id);
    answer["kept"] = json!(kept);
    answer["next_cursor"] = json!(next.and_then(|next| cursor::write(&next)));
    Ok(Answer::json(200, &answer))
}
