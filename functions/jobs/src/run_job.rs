//! Goes on with one job, step by step, as long as an invocation may.
//!
//! Data flow: message → the job as it stands → its input, once → one bounded step: results to their own keys, then one
//! conditional write of cursor, counts and version → the next step, or the job is sent on when a share of the time is
//! used. A job that somebody ended is seen between two steps; one that somebody else moved is left to whoever did.
//!
//! A fault that comes again whenever the step does ends the job with its problem. Everything else lets the message come
//! again, and the step with it.

use redial_aws::App;
use redial_aws::job_steps::JobStep;
use redial_aws::jobs::{Job, JobKind, JobState};
use redial_aws::layout::JOBS_QUEUE;
use redial_aws::queues::QueueError;
use redial_aws::table::TableError;
use tokio::time::{Duration, Instant};

use crate::decide_again::Decider;
use crate::import_leads::{Importer, ROWS_PER_STEP_MAX};
use crate::look_again::Looker;
use crate::move_status::StatusMover;
use crate::replay::Replayer;
use crate::undo_import::Undoer;

/// An invocation begins no further step after this: two fifths of its time, so that the slowest step still fits.
const TIME_USED_MAX: Duration = Duration::from_secs(JOBS_QUEUE.function_timeout_s as u64 * 2 / 5);
/// Steps of one invocation: more than any job has, and an end for one that does not move.
const STEPS_MAX: usize = 10_000;

/// What became of an invocation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ran {
    /// The job is done, or cannot be done.
    Ended,
    /// There is more to do, and a message says so.
    HandedOn,
    /// It was over already.
    NothingLeft,
    /// Somebody else moved it.
    Overtaken,
    /// There is no such job any more.
    Unknown,
}

/// Why a message must come again.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RunError {
    #[error(transparent)]
    Table(#[from] TableError),
    #[error(transparent)]
    Queue(#[from] QueueError),
    #[error("failed to do a job of a kind that this build does not know; deploy the jobs function first")]
    Newer,
}

/// Why a step was not taken.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StepError {
    /// It never will be, and why in plain words.
    #[error("{0}")]
    Permanent(String),
    #[error(transparent)]
    Table(TableError),
}

impl From<TableError> for StepError {
    fn from(error: TableError) -> Self {
        match error {
            // It reads the same the next time.
            TableError::Corrupt(why) => Self::Permanent(format!("failed to read what is stored: {why}")),
            error => Self::Table(error),
        }
    }
}

/// A job, ready to take steps.
enum Work<'a> {
    Replay(Box<Replayer<'a>>),
    DecideAgain(Decider<'a>),
    LookAgain(Looker<'a>),
    Import(Box<Importer<'a>>),
    UndoImport(Box<Undoer<'a>>),
    MoveStatus(Box<StatusMover<'a>>),
}

impl Work<'_> {
    async fn step(&self, job: &Job) -> Result<JobStep, StepError> {
        match self {
            Self::Replay(replayer) => replayer.step(job).await,
            Self::DecideAgain(decider) => decider.step(job).await,
            Self::LookAgain(looker) => looker.step(job).await,
            Self::Import(importer) => importer.step(job).await,
            Self::UndoImport(undoer) => undoer.step(job).await,
            Self::MoveStatus(mover) => mover.step(job).await,
        }
    }
}

pub(crate) async fn run_job(app: &App, id: &str, attempts_per_step: usize) -> Result<Ran, RunError> {
    let began = Instant::now();
    let run = app.ids.nonce();
    let Some(mut job) = app.table.job(id).await? else {
        return Ok(Ran::Unknown);
    };
    if !job.state.is_open() {
        return Ok(Ran::NothingLeft);
    }
    let work = match &job.kind {
        JobKind::Replay {
            set,
            campaign,
            from,
            to,
            ..
        } => Replayer::start(app, &job, set, campaign, (*from, *to), attempts_per_step)
            .await
            .map(|replayer| Work::Replay(Box::new(replayer))),
        JobKind::DecideAgain {
            set,
            which,
            epoch,
            dry_run,
            candidate,
        } => {
            let candidate = candidate.then_some(job.id.as_str());
            Decider::start(app, set, *which, *epoch, (*dry_run, candidate))
                .await
                .map(Work::DecideAgain)
        }
        JobKind::LookAgain { campaign, dry_run } => Looker::start(app, campaign.as_ref(), *dry_run)
            .await
            .map(Work::LookAgain),
        JobKind::Import { campaign, dry_run } => {
            let rows = attempts_per_step.min(ROWS_PER_STEP_MAX);
            let importer = Importer::start(app, &job, campaign, *dry_run, rows).await;
            importer.map(|importer| Work::Import(Box::new(importer)))
        }
        JobKind::UndoImport { campaign, import } => Undoer::start(app, campaign, import)
            .await
            .map(|undoer| Work::UndoImport(Box::new(undoer))),
        JobKind::MoveStatus {
            campaign,
            from,
            to,
            why,
            dry_run,
        } => StatusMover::start(app, &job, campaign, (from, to), why.as_deref(), *dry_run)
            .await
            .map(|mover| Work::MoveStatus(Box::new(mover))),
        JobKind::Unknown => return Err(RunError::Newer),
    };
    let work = match work {
        Ok(work) => work,
        Err(StepError::Permanent(problem)) => return fail(app, &job, &problem, &run).await,
        Err(StepError::Table(error)) => return Err(error.into()),
    };
    for _ in 0..STEPS_MAX {
        if began.elapsed() > TIME_USED_MAX {
            break;
        }
        let step = match work.step(&job).await {
            Ok(step) => step,
            Err(StepError::Permanent(problem)) => return fail(app, &job, &problem, &run).await,
            Err(StepError::Table(error)) => return Err(error.into()),
        };
        let Some(moved) = app.table.advance_job(&job, &step, &run, app.clock.now()).await? else {
            return Ok(Ran::Overtaken);
        };
        job = moved;
        if job.state == JobState::Done {
            tracing::info!(job.id = %job.id, job.done = job.done, "job done: {}", job.kind.as_str());
            return Ok(Ran::Ended);
        }
        // Ended by somebody between this step's write and its answer.
        if !job.state.is_open() {
            return Ok(Ran::NothingLeft);
        }
    }
    app.queues.job(&job.id).await?;
    Ok(Ran::HandedOn)
}

async fn fail(app: &App, job: &Job, problem: &str, run: &redial_domain::Nonce) -> Result<Ran, RunError> {
    tracing::error!(job.id = %job.id, "job failed: {problem}");
    let failed = app.table.fail_job(job, problem, run, app.clock.now()).await?;
    Ok(if failed.is_some() { Ran::Ended } else { Ran::Overtaken })
}
