//! The steps of a look at leads that the gate held up or out, after something that the gate asks for was changed; and of
//! the same walk that changes nothing and counts all leads by the first reason that blocks them.
//!
//! Data flow: a page of one line of a campaign's queue → leads and ledgers → the gate, as if all switches were on → a
//! lead that may be called sooner is moved, on the condition that nobody has moved it since. Doing a step again finds
//! the leads moved and moves nobody.

use redial_aws::App;
use redial_aws::campaigns::{CAMPAIGNS_MAX, GateReading};
use redial_aws::job_steps::JobStep;
use redial_aws::jobs::Job;
use redial_aws::leads::{Activity, LeadAndLedger, phone_and_campaign};
use redial_aws::table::{Key, text};
use redial_domain::{Campaign, CampaignId, GateInput, Lead, LeadState, Settings, gate, look_again};

use crate::lines::{Lines, Which};
use crate::run_job::StepError;

/// Leads of one step: two items each in one batch, and a write for each that moves, so a step takes seconds.
const LEADS_PER_STEP: i32 = 100;

/// A look, ready to take steps.
#[derive(Debug)]
pub(crate) struct Looker<'a> {
    app: &'a App,
    lines: Lines,
    dry_run: bool,
    settings: Settings,
}

impl<'a> Looker<'a> {
    /// Reads what all steps of an invocation need.
    pub(crate) async fn start(app: &'a App, only: Option<&CampaignId>, dry_run: bool) -> Result<Self, StepError> {
        let campaigns: Vec<Campaign> = match only {
            Some(id) => app.table.campaign(id).await?.into_iter().collect(),
            None => app.table.campaigns(None, CAMPAIGNS_MAX).await?,
        };
        Ok(Self {
            app,
            lines: Lines::new(campaigns, Which::All),
            dry_run,
            settings: app.table.settings().await?.unwrap_or_default(),
        })
    }

    /// One page of one line.
    pub(crate) async fn step(&self, job: &Job) -> Result<JobStep, StepError> {
        let (mut counts, mut done) = (job.counts.clone(), job.done);
        let Some(line) = self.lines.at(job.cursor.as_deref())? else {
            return Ok(JobStep {
                done,
                total: Some(done),
                cursor: None,
                counts,
            });
        };
        let table = &self.app.table;
        let page = table
            .queue_page(&line.name, line.after.as_deref(), "~", LEADS_PER_STEP)
            .await?;
        let of: Vec<_> = page
            .items
            .iter()
            .filter_map(|item| phone_and_campaign(&Key::of(item)?))
            .collect();
        let last = page.items.last().and_then(|item| text(item, "q_sk")).map(str::to_owned);
        let more = page.next.is_some() || page.items.len() >= LEADS_PER_STEP as usize;
        if let Some(reading) = table.campaign_switches(&line.campaign.id).await? {
            let now = self.app.clock.now();
            for both in table.leads_and_ledgers(&of, now).await? {
                let became = self.lead(job, line.campaign, &reading, &both).await?;
                *counts.entry(became.to_owned()).or_default() += 1;
                done += 1;
            }
        }
        let last = last.or_else(|| line.after.clone());
        Ok(JobStep {
            done,
            total: None,
            cursor: Some(line.next(last, more)?),
            counts,
        })
    }

    /// What became of one lead: a word that is counted.
    async fn lead(
        &self,
        job: &Job,
        campaign: &Campaign,
        reading: &GateReading,
        both: &LeadAndLedger,
    ) -> Result<&'static str, StepError> {
        let (app, now) = (self.app, self.app.clock.now());
        let law = app.law(reading.law_version).await?;
        let LeadAndLedger { lead, ledger } = both;
        let input = GateInput {
            lead,
            ledger,
            campaign,
            law: &law,
            switches: reading.switches,
            account_closed_until: None,
            now,
        };
        if self.dry_run {
            return Ok(gate(&input).code());
        }
        let Some(again) = look_again(&input) else {
            return Ok("unchanged");
        };
        let again = Lead {
            version: lead.version + 1,
            updated_at: now,
            ..again
        };
        let days = self.settings.retention_days;
        let written = if lead.state == LeadState::Parked || lead.state == LeadState::MaxAttempts {
            let activity = Activity::now(app, &job.actor, "looked_at_again", again.reason.clone()).about(&lead.id);
            app.table.change_lead(&again, lead.version, &activity, days).await?
        } else {
            app.table.move_lead(&again, lead.version, days).await?
        };
        Ok(match (written, again.next_at) {
            (false, _) => "left_busy",
            (true, None) => "reason_changed",
            (true, Some(_)) => "sooner",
        })
    }
}
