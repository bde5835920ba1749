//! Long work as jobs that go on where they stood: the item, its steps, its results.
//!
//! Data flow: whoever wants a job puts its input and its item and sends a message → whoever has a message takes one
//! bounded step after the other; results go to keys that the step alone names, then one conditional write moves cursor,
//! counts and version → done. INVARIANT: a step that is repeated writes the same items again, and only one of two who
//! took it moves the job, so a crash anywhere repeats one step at most and counts nothing twice.
//!
//! A message that was lost is sent again by [`send_silent`]. The writes are in [`crate::job_steps`]. What a step does is not
//! known here, and the cursor is the business of its kind alone.

use std::collections::BTreeMap;

use aws_sdk_dynamodb::types::AttributeValue;
use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use redial_domain::{Actor, Campaign, CampaignId, RuleSetName, StatusName};
use serde::{Deserialize, Serialize};

use crate::App;
use crate::kept::{pack, unpack};
use crate::keys;
use crate::layout::{EXPIRES_AT, JOBS_QUEUE};
use crate::queues::QueueError;
use crate::table::{Change, TableError};

/// A month: long enough to look at what a change of rules was based on.
const JOB_KEPT: TimeDelta = TimeDelta::days(30);
/// A job that nobody has begun after this long lost its message: the queue has no backlog of five minutes unless five
/// other jobs run, and then a second message does no harm.
const QUEUED_SILENT_MAX: TimeDelta = TimeDelta::minutes(5);
/// A job that has not moved for this long lost its message: after a crash SQS itself delivers it again when it has been
/// invisible for half an hour, and no step takes five minutes more.
const RUNNING_SILENT_MAX: TimeDelta = TimeDelta::seconds(JOBS_QUEUE.visibility_s() as i64 + 300);
/// Of the newest jobs, so many are looked at for a lost message. More are not begun within a silence.
const LOOKED_AT_MAX: i32 = 100;
/// The most that an item of a job may hold: DynamoDB takes 400 KB, names and keys need a little.
pub const JOB_ITEM_BYTES_MAX: usize = 350 * 1_024;

/// What a job does, with its parameters.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum JobKind {
    /// Decides again over stored attempts with other rules, and changes nothing.
    Replay {
        /// The rule set.
        set: RuleSetName,
        /// Whose attempts.
        campaign: CampaignId,
        /// From this local day.
        from: NaiveDate,
        /// To this one.
        to: NaiveDate,
        /// Which rules; their files are the job's input.
        candidate: Candidate,
    },
    /// Decides again about leads, by the rules in use.
    DecideAgain {
        /// The rule set.
        set: RuleSetName,
        /// Which leads.
        which: WhichLeads,
        /// The change of the rules that it belongs to: another change ends it.
        epoch: u64,
        /// Counts what would change, and changes nothing.
        dry_run: bool,
        /// Counts by the rules in the job's input instead of those in use; only where nothing is changed.
        #[serde(default)]
        candidate: bool,
    },
    /// Asks the gate again about leads that it holds up or out, after something that it asks for was changed.
    LookAgain {
        /// Whose leads; those of all campaigns, if none is named.
        #[serde(default)]
        campaign: Option<CampaignId>,
        /// Counts all leads by the first reason that blocks them, and changes nothing.
        #[serde(default)]
        dry_run: bool,
    },
    /// Writes leads from a file. The job has the import's id.
    Import {
        /// Into which campaign.
        campaign: CampaignId,
        /// Counts what would be written, and writes nothing.
        dry_run: bool,
    },
    /// Deletes the leads of an import that nobody has called or changed.
    UndoImport {
        /// Whose leads.
        campaign: CampaignId,
        /// The import.
        import: String,
    },
    /// Moves all leads of a status to another one, as a person asked.
    MoveStatus {
        /// Whose leads.
        campaign: CampaignId,
        /// The status that they have.
        from: StatusName,
        /// The status to go to.
        to: StatusName,
        /// Why, in the words of whoever asked.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        why: Option<String>,
        /// Counts what would become of them, and changes nothing.
        #[serde(default)]
        dry_run: bool,
    },
    /// A kind that this build does not know; it is left to the build that made it.
    #[serde(other)]
    Unknown,
}

impl JobKind {
    /// The word in answers and logs.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Replay { .. } => "replay",
            Self::DecideAgain {
                which: WhichLeads::Parked,
                ..
            } => "reapply",
            Self::DecideAgain {
                which: WhichLeads::Waiting,
                ..
            } => "replan",
            Self::LookAgain { dry_run: false, .. } => "look_again",
            Self::LookAgain { dry_run: true, .. } => "explain",
            Self::Import { dry_run: false, .. } => "import",
            Self::Import { dry_run: true, .. } => "import_dry_run",
            Self::UndoImport { .. } => "undo_import",
            Self::MoveStatus { .. } => "move_status",
            Self::Unknown => "unknown",
        }
    }
}

/// Which leads are decided again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WhichLeads {
    /// Those that a failed rule parked (R7).
    Parked,
    /// Those that wait for their next call (R6).
    Waiting,
}

impl WhichLeads {
    /// What was done, in a lead's history.
    pub const fn activity(self) -> &'static str {
        match self {
            Self::Parked => "reapplied",
            Self::Waiting => "replanned",
        }
    }
}

/// Leads that a job decided again. Counted in the transaction that decides, so that it is exact over any crash.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DecidedLeads {
    /// All of them.
    #[serde(default, rename = "d_all")]
    pub decided: u64,
    /// Of them, how many have another status now.
    #[serde(default, rename = "d_status")]
    pub status_changed: u64,
    /// How many are not called any more.
    #[serde(default, rename = "d_stop")]
    pub stopped: u64,
    /// How many are called sooner.
    #[serde(default, rename = "d_sooner")]
    pub sooner: u64,
    /// How many are called later.
    #[serde(default, rename = "d_later")]
    pub later: u64,
}

/// The rules that a replay tries.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Candidate {
    /// The version they are; none for files that are no version yet.
    pub version: Option<u32>,
    /// The first digits of their content's hash.
    pub hash: String,
}

/// What a replay works with, as it was when the job was made: whatever is changed meanwhile, a step that is repeated
/// comes to the same.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ReplayInput {
    /// Whose attempts.
    pub campaign: Campaign,
    /// The files of the rules, by name.
    pub files: BTreeMap<String, String>,
}

impl ReplayInput {
    /// Compressed, as it is kept; nothing when it is too much for an item.
    pub fn packed(&self) -> Option<Vec<u8>> {
        let packed = pack(&serde_json::to_vec(self).ok()?);
        (packed.len() <= JOB_ITEM_BYTES_MAX).then_some(packed)
    }

    /// As it was packed; nothing when it cannot be read.
    pub fn unpacked(packed: &[u8]) -> Option<Self> {
        serde_json::from_slice(&unpack(packed)).ok()
    }
}

/// Where a job stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum JobState {
    /// Nobody has begun it.
    Queued,
    /// At least one step is done.
    Running,
    /// All steps are done.
    Done,
    /// It cannot be done; the problem says why.
    Failed,
    /// Somebody ended it.
    Cancelled,
}

impl JobState {
    /// Whether there is work left.
    pub const fn is_open(self) -> bool {
        matches!(self, Self::Queued | Self::Running)
    }
}

/// A job.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Job {
    /// Its id; sorts by time.
    pub id: String,
    /// What it does.
    pub kind: JobKind,
    /// Where it stands.
    pub state: JobState,
    /// Who wanted it.
    pub actor: Actor,
    /// When.
    #[serde(rename = "at", with = "chrono::serde::ts_milliseconds")]
    pub created_at: DateTime<Utc>,
    /// When its first step was done.
    #[serde(
        default,
        with = "chrono::serde::ts_milliseconds_option",
        skip_serializing_if = "Option::is_none"
    )]
    pub started_at: Option<DateTime<Utc>>,
    /// When it last moved, or was last sent.
    #[serde(with = "chrono::serde::ts_milliseconds")]
    pub updated_at: DateTime<Utc>,
    /// When there was nothing left to do.
    #[serde(
        default,
        with = "chrono::serde::ts_milliseconds_option",
        skip_serializing_if = "Option::is_none"
    )]
    pub ended_at: Option<DateTime<Utc>>,
    /// Counts writes; the condition of every step.
    #[serde(rename = "ver")]
    pub version: u64,
    /// Things done.
    pub done: u64,
    /// Of so many, once that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub total: Option<u64>,
    /// Where the next step begins; its kind alone can read it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
    /// What was counted.
    #[serde(default)]
    pub counts: BTreeMap<String, u64>,
    /// Leads that it decided again.
    #[serde(flatten)]
    pub leads: DecidedLeads,
    /// Leads that it deleted, counted in the transactions that delete.
    #[serde(default, rename = "u_removed")]
    pub removed: u64,
    /// Why it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
}

impl Job {
    /// A new job.
    pub fn new(app: &App, actor: &Actor, kind: JobKind) -> Self {
        let now = app.clock.now();
        Self {
            id: app.ids.record(now),
            kind,
            state: JobState::Queued,
            actor: actor.clone(),
            created_at: now,
            started_at: None,
            updated_at: now,
            ended_at: None,
            version: 1,
            done: 0,
            total: None,
            cursor: None,
            counts: BTreeMap::new(),
            leads: DecidedLeads::default(),
            removed: 0,
            problem: None,
        }
    }

    /// A new job that asks the gate again about the leads of a campaign, or of all.
    pub fn look_again(app: &App, actor: &Actor, campaign: Option<CampaignId>, dry_run: bool) -> Self {
        Self::new(app, actor, JobKind::LookAgain { campaign, dry_run })
    }

    /// Under another id: that of the request which asks for it, so that a second try finds the job of the first.
    #[must_use]
    pub fn named(self, id: String) -> Self {
        Self { id, ..self }
    }

    /// The write of a new job; it may be part of what makes the job necessary. [`send`] comes after it.
    pub fn put(&self) -> Change {
        Change::put(keys::job(&self.id), self)
            .with(EXPIRES_AT, expiry(self))
            .when("attribute_not_exists(#pk)")
    }

    /// Counts a lead that is decided again, in the transaction that decides; of several calls of one lead only the last
    /// one counts it. A job that somebody ended decides no further lead.
    pub fn counts_lead(&self, is_last: bool, status: bool, stop: bool, sooner: Option<bool>) -> Change {
        let count = Change::update(
            keys::job(&self.id),
            "ADD #d_all :last, #d_status :status, #d_stop :stop, #d_sooner :sooner, #d_later :later",
        )
        .value(":last", u8::from(is_last))
        .value(":status", u8::from(status))
        .value(":stop", u8::from(stop))
        .value(":sooner", u8::from(sooner == Some(true)))
        .value(":later", u8::from(sooner == Some(false)));
        self.while_open(count)
    }

    /// Part of each transaction that writes leads for it: a job that somebody ended writes no further one.
    pub fn goes_on(&self) -> Change {
        self.while_open(Change::look(keys::job(&self.id)))
    }

    /// Counts leads in the transaction that deletes them.
    pub fn counts_removed(&self, leads: usize) -> Change {
        let count = Change::update(keys::job(&self.id), "ADD #u_removed :leads");
        self.while_open(count.value(":leads", leads))
    }

    fn while_open(&self, change: Change) -> Change {
        change
            .value(":queued", JobState::Queued)
            .value(":running", JobState::Running)
            .when("#state = :queued OR #state = :running")
    }

    /// When it and its results are forgotten.
    pub fn expires_at(&self) -> DateTime<Utc> {
        self.created_at + JOB_KEPT
    }

    /// Whether its message must be lost.
    fn is_silent(&self, now: DateTime<Utc>) -> bool {
        let silent = now - self.updated_at;
        match self.state {
            JobState::Queued => silent > QUEUED_SILENT_MAX,
            JobState::Running => silent > RUNNING_SILENT_MAX,
            _ => false,
        }
    }
}

/// Makes a job: its input, its item, its message. Says whether the queue took the message; if not, it is sent later.
///
/// # Errors
/// When the table cannot be reached. Then there may be an input without a job, which expires.
pub async fn start_job(app: &App, job: &Job, input: &[u8]) -> Result<bool, TableError> {
    app.table
        .put_job_item(keys::job_input(&job.id), job, input, None)
        .await?;
    app.table.ignoring_condition(job.put()).await?;
    Ok(send(app, &job.id).await)
}

/// Sends the messages of jobs that have work left and have not moved for longer than a message may take.
///
/// # Errors
/// When the table or the queue cannot be reached.
pub async fn send_silent(app: &App) -> Result<usize, SendError> {
    let now = app.clock.now();
    let mut again = 0;
    for job in app.table.jobs(None, LOOKED_AT_MAX).await? {
        if !job.is_silent(now) {
            continue;
        }
        app.queues.job(&job.id).await?;
        again += 1;
        let touched = Change::update(keys::job(&job.id), "SET #updated_at = :now")
            .value(":now", now.timestamp_millis())
            .value(":seen", job.version)
            .when("#ver = :seen");
        match app.table.write(touched).await {
            // It moves again already.
            Ok(_) | Err(TableError::Condition(_)) => {}
            Err(error) => return Err(error.into()),
        }
        tracing::warn!(job.id = %job.id, "the message of a job was lost; it is sent again");
    }
    Ok(again)
}

/// Why lost messages could not be sent again.
#[derive(Debug, thiserror::Error)]
pub enum SendError {
    /// The table.
    #[error(transparent)]
    Table(#[from] TableError),
    /// The queue.
    #[error(transparent)]
    Queue(#[from] QueueError),
}

/// Sends a job that is written. Says whether the queue took it; if not, it is sent later.
pub async fn send(app: &App, id: &str) -> bool {
    match app.queues.job(id).await {
        Ok(()) => true,
        Err(error) => {
            tracing::error!(job.id = %id, "job not sent: {error}; it is sent within minutes");
            false
        }
    }
}

/// When DynamoDB may delete what belongs to a job.
pub(crate) fn expiry(job: &Job) -> AttributeValue {
    AttributeValue::N(job.expires_at().timestamp().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_of_a_newer_build_is_read_as_one_that_nobody_here_can_do() {
        let kind: JobKind = serde_json::from_str(r#"{"kind":"of_next_year","file":"x"}"#).unwrap();
        assert_eq!(kind, JobKind::Unknown);
    }

    #[test]
    fn a_running_job_is_silent_only_when_no_message_can_be_on_its_way() {
        assert!(RUNNING_SILENT_MAX > TimeDelta::seconds(i64::from(JOBS_QUEUE.visibility_s())));
        assert!(RUNNING_SILENT_MAX > QUEUED_SILENT_MAX);
    }
}
