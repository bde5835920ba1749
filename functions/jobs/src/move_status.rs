//! The steps of a move of all leads of a status to another one.
//!
//! Data flow: a page of one part of the status's column, oldest first → each lead moved as a person would move it, and
//! counted in the same transaction → the next page. Only leads that had the status when the job was made are moved: who
//! came there later has a later place. Doing a step again finds moved leads gone from the column. A job that somebody
//! ended moves no further lead.

use std::collections::BTreeMap;

use redial_aws::App;
use redial_aws::job_steps::JobStep;
use redial_aws::jobs::Job;
use redial_aws::keys;
use redial_aws::status_moves::{Mover, Refused, StatusMove, StatusMoved};
use redial_domain::{Actor, Campaign, CampaignId, Lead, Ledger, StatusName};
use serde::{Deserialize, Serialize};

use crate::run_job::StepError;

/// Leads of one step: some eight requests for each, one lead after the other, so a step takes seconds, and a part of the
/// board takes some hundred units a second, a tenth of what a partition bears.
const LEADS_PER_STEP: i32 = 50;

/// Where the next step begins.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Cursor {
    shard: u32,
    after: Option<String>,
}

/// A move, ready to take steps.
#[derive(Debug)]
pub(crate) struct StatusMover<'a> {
    app: &'a App,
    campaign: Campaign,
    actor: Actor,
    asked: StatusMove,
    from: StatusName,
    dry_run: bool,
}

impl<'a> StatusMover<'a> {
    /// Reads what all steps of an invocation need.
    pub(crate) async fn start(
        app: &'a App,
        job: &Job,
        campaign: &CampaignId,
        (from, to): (&StatusName, &StatusName),
        why: Option<&str>,
        dry_run: bool,
    ) -> Result<Self, StepError> {
        let found = app.table.campaign(campaign).await?;
        let campaign = found.ok_or_else(|| StepError::Permanent("its campaign is gone".to_owned()))?;
        Ok(Self {
            app,
            campaign,
            actor: job.actor.clone(),
            asked: StatusMove {
                to: to.clone(),
                why: why.map(str::to_owned),
                callback_at: None,
                only_from: Some(from.clone()),
            },
            from: from.clone(),
            dry_run,
        })
    }

    /// One page of one part of the column.
    pub(crate) async fn step(&self, job: &Job) -> Result<JobStep, StepError> {
        let (mut counts, mut done) = (job.counts.clone(), job.done);
        let cursor: Cursor = match job.cursor.as_deref() {
            None => Cursor::default(),
            Some(cursor) => serde_json::from_str(cursor)
                .map_err(|_| StepError::Permanent("its cursor cannot be read; make a new job".to_owned()))?,
        };
        if cursor.shard >= self.campaign.shards {
            return Ok(JobStep {
                done,
                total: Some(done),
                cursor: None,
                counts,
            });
        }
        let table = &self.app.table;
        let column = keys::board(self.campaign.id.as_str(), self.from.as_str(), cursor.shard);
        let (of, next) = table
            .column_page(&column, cursor.after.as_deref(), job.created_at, LEADS_PER_STEP)
            .await?;
        let mover = Mover::of(self.app, &self.campaign, &self.actor).await?;
        for both in table.leads_and_ledgers(&of, self.app.clock.now()).await? {
            done += 1;
            self.lead(&mover, job, &both.lead, &both.ledger, &mut counts).await?;
        }
        let next = match next {
            Some(after) => Cursor {
                shard: cursor.shard,
                after: Some(after),
            },
            None => Cursor {
                shard: cursor.shard + 1,
                after: None,
            },
        };
        let cursor = serde_json::to_string(&next).map_err(|error| StepError::Permanent(format!("cursor: {error}")))?;
        Ok(JobStep {
            done,
            total: None,
            cursor: Some(cursor),
            counts,
        })
    }

    /// Moves one lead, or says what would become of it. What is moved is counted where it is moved.
    async fn lead(
        &self,
        mover: &Mover<'_>,
        job: &Job,
        lead: &Lead,
        ledger: &Ledger,
        counts: &mut BTreeMap<String, u64>,
    ) -> Result<(), StepError> {
        let mut count = |word: &str| *counts.entry(word.to_owned()).or_default() += 1;
        if self.dry_run {
            match mover.would(lead, ledger, &self.asked).await? {
                Ok(stop) => {
                    count("would_move");
                    if stop.is_some() {
                        count("would_stop");
                    }
                }
                Err(refused) => count(word(&refused)),
            }
            return Ok(());
        }
        match mover.put(&lead.phone, &self.asked, Some(job)).await? {
            StatusMoved::Moved(_) => {}
            StatusMoved::Stands(_) => count("unchanged"),
            StatusMoved::Refused(refused) => count(word(&refused)),
        }
        Ok(())
    }
}

/// The word under which a lead is counted that was not moved.
const fn word(refused: &Refused) -> &'static str {
    match refused {
        Refused::Gone => "gone",
        Refused::UnknownStatus { .. } | Refused::NoSuchMove { .. } => "move_refused",
        Refused::Stops | Refused::NoPromise(_) => "no_promise",
        Refused::Elsewhere => "moved_by_others",
        Refused::RuleFailed(_) => "rule_failed",
        Refused::Contended => "left_busy",
        Refused::JobOver => "not_done",
    }
}
