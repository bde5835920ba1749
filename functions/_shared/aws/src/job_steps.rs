//! Jobs in the table: read, moved by one step, ended; and what their steps wrote.
//!
//! Every move is one conditional write on the job's version. Who lost is told so, and leaves the job to whoever won.

use std::collections::BTreeMap;

use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::AttributeValue;
use chrono::{DateTime, Utc};
use redial_domain::Nonce;
use serde::Serialize;

use crate::jobs::{JOB_ITEM_BYTES_MAX, Job, JobState, expiry};
use crate::keys;
use crate::layout::EXPIRES_AT;
use crate::table::{Change, Item, Key, Query, Table, TableError, read, text};

/// Step sums are read in pages of this many.
const SUMS_PAGE: i32 = 100;
/// What a step makes of a job.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct JobStep {
    /// Things done in all.
    pub done: u64,
    /// Of so many, once that is known.
    pub total: Option<u64>,
    /// Where the next step begins; none when there is none.
    pub cursor: Option<String>,
    /// The counts as they are after it.
    pub counts: BTreeMap<String, u64>,
}

/// A page, or a step's sums, as they are kept: compressed, and for sums how many pages the step wrote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StepSum {
    /// The step's first number: a shard.
    pub shard: u32,
    /// The step's second number: a part of the shard.
    pub part: u32,
    /// Pages that it wrote.
    pub pages: u32,
    /// Its sums, compressed.
    pub packed: Vec<u8>,
}

impl Table {
    /// A job, as it is now.
    ///
    /// # Errors
    /// When it cannot be read.
    pub async fn job(&self, id: &str) -> Result<Option<Job>, TableError> {
        self.get(&keys::job(id), true).await?.map(read).transpose()
    }

    /// Jobs, newest first, before a given one.
    ///
    /// # Errors
    /// When they cannot be read.
    pub async fn jobs(&self, before: Option<&str>, limit: i32) -> Result<Vec<Job>, TableError> {
        let all = Query {
            descending: true,
            ..Query::table(keys::JOBS, limit)
        };
        let query = match before {
            Some(id) => all.range("#range < :before", vec![(":before", id.to_owned())]),
            None => all,
        };
        self.query(&query, None).await?.items.into_iter().map(read).collect()
    }

    /// Moves a job by one step. Gives the job as it is then; nothing when somebody else moved or ended it since it was
    /// read. `run` tells the step of this invocation, whose answer may have been lost, from everybody else's.
    ///
    /// # Errors
    /// When the table cannot be reached; the step must be taken again.
    pub async fn advance_job(
        &self,
        seen: &Job,
        step: &JobStep,
        run: &Nonce,
        now: DateTime<Utc>,
    ) -> Result<Option<Job>, TableError> {
        let state = if step.cursor.is_some() {
            JobState::Running
        } else {
            JobState::Done
        };
        let mut change = moved(seen, state, run, now)
            .and("SET #done = :done, #counts = :counts")
            .value(":done", step.done)
            .value(":counts", &step.counts);
        change = match &step.cursor {
            Some(cursor) => change.and("SET #cursor = :cursor").value(":cursor", cursor),
            None => change.and("REMOVE #cursor"),
        };
        if let Some(total) = step.total {
            change = change.and("SET #total = :total").value(":total", total);
        }
        self.move_job(seen, change, run).await
    }

    /// Ends a job that cannot be done. Gives nothing when somebody else moved or ended it since it was read.
    ///
    /// # Errors
    /// When the table cannot be reached.
    pub async fn fail_job(
        &self,
        seen: &Job,
        problem: &str,
        run: &Nonce,
        now: DateTime<Utc>,
    ) -> Result<Option<Job>, TableError> {
        let change = moved(seen, JobState::Failed, run, now)
            .and("SET #problem = :problem")
            .value(":problem", problem);
        self.move_job(seen, change, run).await
    }

    async fn move_job(&self, seen: &Job, change: Change, run: &Nonce) -> Result<Option<Job>, TableError> {
        match self.write(change).await {
            Ok(item) => read(item).map(Some),
            Err(TableError::Condition(Some(item))) if is_ours(&item, run) => {
                let job: Job = read(*item)?;
                Ok((job.version == seen.version + 1).then_some(job))
            }
            Err(TableError::Condition(_)) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Ends an open job. Gives nothing when it is not open, or not there.
    ///
    /// # Errors
    /// When the table cannot be reached.
    pub async fn cancel_job(&self, id: &str, now: DateTime<Utc>) -> Result<Option<Job>, TableError> {
        let change = Change::update(
            keys::job(id),
            "SET #state = :cancelled, #ended_at = :now, #updated_at = :now ADD #ver :one",
        )
        .value(":cancelled", JobState::Cancelled)
        .value(":queued", JobState::Queued)
        .value(":running", JobState::Running)
        .value(":now", now.timestamp_millis())
        .value(":one", 1)
        .when("#state = :queued OR #state = :running");
        match self.write(change).await {
            Ok(item) => read(item).map(Some),
            Err(TableError::Condition(_)) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Keeps something of a job for as long as the job, compressed by the caller. The key says what it is, so that a
    /// repetition writes the same item.
    ///
    /// # Errors
    /// When the table cannot be reached, or it is too much for an item.
    pub async fn put_job_item(&self, key: Key, job: &Job, packed: &[u8], pages: Option<u32>) -> Result<(), TableError> {
        #[derive(Serialize)]
        struct Kept {
            #[serde(skip_serializing_if = "Option::is_none")]
            pages: Option<u32>,
        }
        if packed.len() > JOB_ITEM_BYTES_MAX {
            let what = format!("{} bytes are more than an item of a job may hold", packed.len());
            return Err(TableError::Corrupt(what));
        }
        let change = Change::put(key, &Kept { pages })
            .with("packed", AttributeValue::B(Blob::new(packed)))
            .with(EXPIRES_AT, expiry(job));
        self.write(change).await.map(|_| ())
    }

    /// Something of a job, compressed.
    ///
    /// # Errors
    /// When it cannot be read.
    pub async fn job_item(&self, key: &Key) -> Result<Option<Vec<u8>>, TableError> {
        Ok(self.get(key, true).await?.as_ref().and_then(packed))
    }

    /// The sums of all steps that a job has taken, in their order.
    ///
    /// # Errors
    /// When they cannot be read.
    pub async fn job_sums(&self, id: &str) -> Result<Vec<StepSum>, TableError> {
        let partition = keys::job_items(id);
        let query = Query {
            consistent: true,
            ..Query::table(&partition, SUMS_PAGE)
        }
        .range("begins_with(#range, :sums)", vec![(":sums", keys::JOB_SUMS.to_owned())]);
        let mut sums = Vec::new();
        let mut from = None;
        loop {
            let page = self.query(&query, from).await?;
            sums.extend(page.items.iter().filter_map(sum));
            from = page.next;
            if from.is_none() {
                return Ok(sums);
            }
        }
    }
}

fn moved(seen: &Job, state: JobState, run: &Nonce, now: DateTime<Utc>) -> Change {
    let change = Change::update(
        keys::job(&seen.id),
        "SET #state = :state, #run = :run, #ver = :next, #updated_at = :now, #started_at = if_not_exists(#started_at, :now)",
    )
    .value(":state", state)
    .value(":run", run)
    .value(":now", now.timestamp_millis())
    .value(":seen", seen.version)
    .value(":next", seen.version + 1)
    .when("#ver = :seen");
    if state.is_open() {
        change
    } else {
        change.and("SET #ended_at = :now")
    }
}

fn is_ours(item: &Item, run: &Nonce) -> bool {
    text(item, "run") == Some(run.as_str())
}

fn packed(item: &Item) -> Option<Vec<u8>> {
    Some(item.get("packed")?.as_b().ok()?.as_ref().to_vec())
}

fn sum(item: &Item) -> Option<StepSum> {
    let key = Key::of(item)?;
    let (shard, part) = key.sk.strip_prefix(keys::JOB_SUMS)?.split_once('#')?;
    Some(StepSum {
        shard: shard.parse().ok()?,
        part: part.parse().ok()?,
        pages: item.get("pages")?.as_n().ok()?.parse().ok()?,
        packed: packed(item)?,
    })
}
