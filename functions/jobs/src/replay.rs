//! The steps of a replay: past calls of one part of a campaign, decided again by a candidate.
//!
//! Data flow: first one look at each shard's list of attempts, which tells how many there are and into how many parts
//! the shard is cut → then part by part: keys by day and time → attempts and payloads, some reads ahead, in order →
//! [`redial_rules::replay`] → pages of leads and the sums, under keys that shard, part and page name.
//!
//! All attempts of a lead are in its shard, and all of a phone in one part of it, so a step needs the leads of one part
//! only: about 400 bytes for each lead and for each decision that differs, 15 MB for a part at most. A part reads its
//! shard's list again from the beginning and leaves out what is not its own: an entry is 300 bytes, and what it lists a
//! kilobyte, or ten with a talk. Parts are independent, so the cursor is two numbers.
//!
//! What ended after the job was made is left out, and the campaign is taken as it was then: a step that is repeated
//! reads the same and writes the same bytes. Nothing is changed, and nobody is called.

use chrono::{Days, NaiveDate};
use futures::{StreamExt, TryStreamExt, stream};
use redial_aws::App;
use redial_aws::job_steps::JobStep;
use redial_aws::jobs::{Job, ReplayInput};
use redial_aws::kept::pack;
use redial_aws::keys;
use redial_aws::past_calls::part_of;
use redial_aws::table::{Key, TableError};
use redial_domain::{Campaign, CampaignId, RuleSetName};
use redial_rules::RuleSet;
use redial_rules::replay::{Difference, PastCall, Replay};
use serde::{Deserialize, Serialize};

use crate::past_calls::{ATTEMPTS_PER_READ, read};
use crate::run_job::StepError;

/// Attempts of one step. A table that is throttled to 500 reads a second takes 80 s for attempts and payloads, a third
/// of what the function has; a step starts within the first two fifths.
pub const ATTEMPTS_PER_STEP_MAX: usize = 20_000;
/// Reads that are on their way at once: enough to hide the way to the table behind the rules' work.
const READS_AHEAD: usize = 4;
/// Bytes of a page before it is packed. Packing never adds more than a few bytes, so a page is far below the 350 KB that
/// an item of a job may hold, whatever is in it.
const PAGE_BYTES_MAX: usize = 290 * 1_024;
/// Version of a candidate that is none yet, for the messages of its scripts.
const NO_VERSION: u32 = 0;

/// Where the next step begins.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Cursor {
    /// Attempts of the shards that were looked at.
    found: Vec<u64>,
    /// The next part to replay.
    shard: u32,
    part: u32,
}

/// A replay, ready to take steps.
#[derive(Debug)]
pub(crate) struct Replayer<'a> {
    app: &'a App,
    rules: RuleSet,
    campaign: Campaign,
    days: (NaiveDate, NaiveDate),
    attempts_per_step: usize,
}

impl<'a> Replayer<'a> {
    /// Reads what the job works with and compiles the candidate, once for all steps of an invocation.
    pub(crate) async fn start(
        app: &'a App,
        job: &Job,
        set: &RuleSetName,
        campaign: &CampaignId,
        days: (NaiveDate, NaiveDate),
        attempts_per_step: usize,
    ) -> Result<Self, StepError> {
        let gone = || StepError::Permanent("what the job works with is gone; make a new one".to_owned());
        let packed = app.table.job_item(&keys::job_input(&job.id)).await?.ok_or_else(gone)?;
        let input = ReplayInput::unpacked(&packed).ok_or_else(gone)?;
        if input.campaign.id != *campaign {
            return Err(gone());
        }
        let rules = RuleSet::from_files(set, NO_VERSION, &input.files).map_err(|findings| {
            let first = findings.first().map(ToString::to_string).unwrap_or_default();
            StepError::Permanent(format!("the rules do not pass the check any more: {first}"))
        })?;
        Ok(Self {
            app,
            rules,
            campaign: input.campaign,
            days,
            attempts_per_step: attempts_per_step.max(1),
        })
    }

    /// Looks at one shard, or replays one part of one.
    pub(crate) async fn step(&self, job: &Job) -> Result<JobStep, StepError> {
        let cursor = match &job.cursor {
            None => Cursor::default(),
            Some(cursor) => serde_json::from_str(cursor)
                .map_err(|_| StepError::Permanent("its cursor cannot be read; make a new job".to_owned()))?,
        };
        if cursor.found.len() < self.shards() as usize {
            self.look(job, cursor).await
        } else {
            self.replay(job, cursor).await
        }
    }

    const fn shards(&self) -> u32 {
        if self.campaign.shards == 0 {
            1
        } else {
            self.campaign.shards
        }
    }

    /// Parts of a shard, by what was found in it: with phones spread evenly, each has fewer attempts than a step takes.
    fn parts(&self, cursor: &Cursor, shard: u32) -> u32 {
        let found = cursor.found.get(shard as usize).copied().unwrap_or_default();
        let parts = found.div_ceil(self.attempts_per_step as u64).max(1);
        u32::try_from(parts).unwrap_or(u32::MAX)
    }

    /// Counts the attempts of the next shard.
    async fn look(&self, job: &Job, mut cursor: Cursor) -> Result<JobStep, StepError> {
        let shard = u32::try_from(cursor.found.len()).unwrap_or(u32::MAX);
        let mut found = 0;
        self.each_page(shard, |keys| found += keys.len() as u64).await?;
        cursor.found.push(found);
        let all = cursor.found.len() == self.shards() as usize;
        Ok(JobStep {
            done: job.done,
            total: all.then(|| cursor.found.iter().sum()),
            cursor: Some(written(&cursor)?),
            counts: job.counts.clone(),
        })
    }

    /// Replays one part.
    async fn replay(&self, job: &Job, cursor: Cursor) -> Result<JobStep, StepError> {
        let (shard, parts) = (cursor.shard, self.parts(&cursor, cursor.shard));
        let mut keys = Vec::new();
        self.each_page(shard, |page| {
            keys.extend(
                page.into_iter()
                    .filter(|key| parts == 1 || part_of(key, self.shards(), parts) == cursor.part),
            );
        })
        .await?;
        let read_keys = keys.len() as u64;
        let mut replay = Replay::new(&self.rules, &self.campaign);
        let reads = keys.chunks(ATTEMPTS_PER_READ).map(<[Key]>::to_vec).collect::<Vec<_>>();
        let mut calls = stream::iter(reads)
            .map(|keys| in_background(self.app.clone(), keys))
            .buffered(READS_AHEAD);
        while let Some(some) = calls.try_next().await? {
            for call in some.iter().filter(|call| call.attempt.ended_at <= job.created_at) {
                replay.add(call);
            }
        }
        let difference = replay.finish();
        self.keep(job, &cursor, &difference).await?;

        let mut counts = job.counts.clone();
        for (name, n) in difference.totals.counts() {
            *counts.entry(name).or_default() += n;
        }
        let next = if cursor.part + 1 < parts {
            Some((shard, cursor.part + 1))
        } else {
            (shard + 1 < self.shards()).then_some((shard + 1, 0))
        };
        let done = job.done + read_keys;
        let next = next.map(|(shard, part)| Cursor { shard, part, ..cursor });
        Ok(JobStep {
            done,
            // The list grew or shrank while it was read; at the end it is what was read.
            total: if next.is_none() { Some(done) } else { job.total },
            cursor: next.as_ref().map(written).transpose()?,
            counts,
        })
    }

    /// The list of a shard's attempts, page by page, in the order in which they began.
    async fn each_page(&self, shard: u32, mut take: impl FnMut(Vec<Key>)) -> Result<(), TableError> {
        let (first, last) = self.days;
        let mut date = first;
        while date <= last {
            let mut from = None;
            loop {
                let page = self.app.table.day_page(&self.campaign.id, date, shard, from).await?;
                take(page.keys);
                from = page.next;
                if from.is_none() {
                    break;
                }
            }
            let Some(next) = date.checked_add_days(Days::new(1)) else {
                break;
            };
            date = next;
        }
        Ok(())
    }

    /// Pages first, then the sums, which say how many pages there are.
    async fn keep(&self, job: &Job, cursor: &Cursor, difference: &Difference) -> Result<(), StepError> {
        let (shard, part) = (cursor.shard, cursor.part);
        let table = &self.app.table;
        let mut pages = 0;
        let mut page = Vec::new();
        for lead in &difference.leads {
            let lead = serde_json::to_vec(lead).map_err(|error| StepError::Permanent(error.to_string()))?;
            if !page.is_empty() && page.len() + lead.len() + 2 > PAGE_BYTES_MAX {
                let key = keys::job_page(&job.id, shard, part, pages);
                table.put_job_item(key, job, &pack(&closed(&mut page)), None).await?;
                pages += 1;
            }
            page.push(if page.is_empty() { b'[' } else { b',' });
            page.extend(lead);
        }
        if !page.is_empty() {
            let key = keys::job_page(&job.id, shard, part, pages);
            table.put_job_item(key, job, &pack(&closed(&mut page)), None).await?;
            pages += 1;
        }
        let sums = serde_json::to_vec(&difference.totals).map_err(|error| StepError::Permanent(error.to_string()))?;
        let key = keys::job_sum(&job.id, shard, part);
        table.put_job_item(key, job, &pack(&sums), Some(pages)).await?;
        Ok(())
    }
}

/// A page as it is kept; the next one begins empty.
fn closed(page: &mut Vec<u8>) -> Vec<u8> {
    page.push(b']');
    std::mem::take(page)
}

fn written(cursor: &Cursor) -> Result<String, StepError> {
    serde_json::to_string(cursor).map_err(|error| StepError::Permanent(error.to_string()))
}

/// Reads and parses beside the rules' work.
async fn in_background(app: App, keys: Vec<Key>) -> Result<Vec<PastCall>, TableError> {
    let reading = tokio::spawn(read(app, keys));
    // It only ends without an answer when it panics, or when the process ends.
    reading
        .await
        .unwrap_or_else(|_| Err(TableError::Unavailable("a read that did not end".to_owned())))
}
