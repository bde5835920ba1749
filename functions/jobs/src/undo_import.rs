//! The steps of an undo: leads of an import that nobody has called or changed are deleted, the others are named.
//!
//! Data flow: the file again → each row as the lead that it was → the lead as it stands → deleted with its person, if it is
//! as it was → those that stay go to a page of their own, with the reason. Deleted leads are counted in the transaction that
//! deletes them, so doing a step again finds nobody and counts nobody twice.

use redial_aws::App;
use redial_aws::import_file::{GoOn, ImportFile};
use redial_aws::import_leads::{DELETED_TOGETHER_MAX, Standing, delete_together};
use redial_aws::imports::{Import, ImportPlan};
use redial_aws::intake::Intake;
use redial_aws::job_steps::JobStep;
use redial_aws::jobs::Job;
use redial_aws::kept::pack;
use redial_aws::keys;
use redial_domain::import::Checker;
use redial_domain::sheet::Place;
use redial_domain::{CampaignId, LeadState, Owner, Phone};
use serde_json::{Value, json};

use crate::import_leads::{intake, planned, read_cursor, unmoved, write_cursor};
use crate::pace::Pace;
use crate::run_job::StepError;

/// Rows of one step: three items of each are read, and at the slowest pace they are deleted in three seconds.
const ROWS_PER_STEP_MAX: usize = 500;
/// Bytes of one step, for a file of long or empty rows.
const STEP_BYTES_MAX: u64 = 1_024 * 1_024;

/// An undo, ready to take steps.
pub(crate) struct Undoer<'a> {
    app: &'a App,
    import: Import,
    plan: ImportPlan,
    checker: Checker,
    shards: u32,
}

impl<'a> Undoer<'a> {
    /// Reads what all steps of an invocation need.
    pub(crate) async fn start(app: &'a App, campaign: &CampaignId, import: &str) -> Result<Self, StepError> {
        let (import, plan) = planned(app, campaign, import).await?;
        let campaign = app.table.campaign(campaign).await?;
        Ok(Self {
            app,
            checker: ImportFile::checker(&import, &plan),
            shards: campaign.map_or(1, |campaign| campaign.shards),
            import,
            plan,
        })
    }

    /// Some rows of the file.
    pub(crate) async fn step(&self, job: &Job) -> Result<JobStep, StepError> {
        let at: Place = read_cursor(job.cursor.as_deref())?.unwrap_or(self.plan.begins);
        let mut file = ImportFile::open(&self.app.table, &self.import, &self.plan, Some(at));
        let (mut good, mut faults, mut rows) = (Vec::new(), Vec::new(), 0);
        let ended = file
            .rows(|row| {
                rows += 1;
                if let Some(lead) = self.checker.check(row, &mut faults) {
                    good.push((row.place.row, intake(&self.import, &self.checker, row, &lead)));
                }
                let is_enough = rows >= ROWS_PER_STEP_MAX || row.place.byte - at.byte >= STEP_BYTES_MAX;
                if is_enough { GoOn::No } else { GoOn::Yes }
            })
            .await?;
        let mut counts = job.counts.clone();
        let mut phones: Vec<Phone> = good.iter().map(|(_, was)| was.phone.clone()).collect();
        phones.sort();
        phones.dedup();
        let now = self.app.clock.now();
        let mut standing = self.app.table.standing(&phones, &self.import.campaign, now).await?;
        let (mut untouched, mut stay) = (Vec::new(), Vec::new());
        for (row, was) in good {
            let is_its = |standing: &Standing| standing.profile.imported_by == was.profile.imported_by;
            if !standing.get(&was.phone).is_some_and(is_its) {
                continue;
            }
            let Some(is) = standing.remove(&was.phone) else {
                continue;
            };
            match stays_because(&is, &was) {
                None => untouched.push(is),
                Some(why) => stay.push((row, is.lead.id.clone(), why)),
            }
        }
        let mut pace = Pace::of(self.shards);
        for together in untouched.chunks(DELETED_TOGETHER_MAX) {
            pace.turn(together.len()).await;
            let Some(gone) = delete_together(self.app, job, &self.import.id, together).await? else {
                return unmoved(job, &at);
            };
            for (standing, _) in together.iter().zip(gone).filter(|(_, gone)| !gone) {
                // Somebody called or changed it between the look and the deletion.
                stay.push((standing.row, standing.lead.id.clone(), "changed"));
            }
        }
        for (.., why) in &stay {
            *counts.entry(format!("kept_{why}")).or_default() += 1;
        }
        self.name(job, at, &stay).await?;
        Ok(JobStep {
            done: if ended { self.plan.bytes } else { file.place().byte },
            total: Some(self.plan.bytes),
            cursor: if ended {
                None
            } else {
                Some(write_cursor(&file.place())?)
            },
            counts,
        })
    }

    /// Keeps who stays, by the place of the step.
    async fn name(&self, job: &Job, at: Place, stay: &[(u64, redial_domain::LeadId, &str)]) -> Result<(), StepError> {
        if stay.is_empty() {
            return Ok(());
        }
        let named: Vec<Value> = stay
            .iter()
            .map(|(row, lead, why)| json!({"row": row, "lead_id": lead, "reason": why}))
            .collect();
        let packed = pack(json!(named).to_string().as_bytes());
        let key = keys::undo_kept(&job.id, at.row);
        Ok(self.app.table.put_job_item(key, job, &packed, None).await?)
    }
}

/// Why a lead is not as its row wrote it; none, if it is.
fn stays_because(is: &Standing, was: &Intake) -> Option<&'static str> {
    let Standing {
        lead, profile, ledger, ..
    } = is;
    let is_called = ledger
        .inflight
        .as_ref()
        .is_some_and(|inflight| inflight.campaign == lead.campaign);
    if is_called || lead.attempts > 0 || lead.last_attempt.is_some() || lead.last_call_at.is_some() {
        return Some("called");
    }
    let is_as_written = lead.status_at == lead.created_at
        && !matches!(lead.state, LeadState::Paused | LeadState::Removed)
        && lead.owner == Owner::from(&lead.campaign)
        && lead.callback_at.is_none()
        && lead.state_code == was.state_code
        && lead.postal_code == was.postal_code
        && lead.zone == was.zone
        && lead.consent == was.consent.as_ref().map(|(consent, _)| *consent)
        && lead.registry_checked_at.map(|at| at.timestamp()) == was.registry_checked_at.map(|at| at.timestamp())
        && *profile == was.profile;
    (!is_as_written).then_some("changed")
}
