//! The steps of an import: rows of a file to leads, and every row counted once.
//!
//! Data flow: the file from the cursor on → rows that are leads, faults counted → what is known of their phones → new, known,
//! or twice in the file → new ones written, in the campaign's pace → cursor and counts in one write. Doing a step again finds
//! the leads that it wrote by import and row, and counts them as written.
//!
//! A dry run writes nothing. So it has to remember the phones of the file itself: of one share of them at a time, and it goes
//! through the file once for each share. What the rows above the cursor had is read anew by each invocation.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use redial_aws::App;
use redial_aws::import_file::{GoOn, ImportFile};
use redial_aws::import_leads::{Added, KnownPhone, NewLead, Newcomers, WRITTEN_TOGETHER_MAX, whose};
use redial_aws::imports::{Import, ImportPlan};
use redial_aws::intake::Intake;
use redial_aws::job_steps::JobStep;
use redial_aws::jobs::Job;
use redial_domain::import::{CellFault, Checker, DuplicateIn, ImportedBy, SeenPhones};
use redial_domain::sheet::{Place, Row};
use redial_domain::{CampaignId, CampaignStatus, Phone, without_numbers};
use serde::{Deserialize, Serialize};

use crate::pace::Pace;
use crate::run_job::StepError;

/// Rows of one step: at the slowest pace they are written in five seconds, and a query for each is as many requests.
pub const ROWS_PER_STEP_MAX: usize = 1_000;
/// Bytes of one step, for a file of long or empty rows: a thousand rows of a thousand bytes.
const STEP_BYTES_MAX: u64 = 1_024 * 1_024;

/// Bytes at the beginning of a file that tell how long its rows are: some hundreds of them.
const FIRST_BYTES: u64 = 64 * 1_024;

/// Where a step begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Cursor {
    share: u32,
    place: Place,
}

/// Phones of a share that stand above a place.
struct Above {
    cursor: Cursor,
    seen: SeenPhones,
}

/// An import, ready to take steps.
pub(crate) struct Importer<'a> {
    app: &'a App,
    import: Import,
    plan: ImportPlan,
    checker: Checker,
    dry_run: bool,
    shares: u32,
    above: Mutex<Option<Above>>,
    rows_per_step: usize,
}

/// A row that is a lead.
struct Good {
    row: u64,
    phone: Phone,
    /// None where nothing is written.
    intake: Option<Intake>,
}

/// What a step read.
#[derive(Default)]
struct Page {
    rows: u64,
    invalid: u64,
    repaired: HashMap<&'static str, u64>,
    good: Vec<Good>,
}

/// What became of a row that is a lead.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Became {
    /// It is to be written.
    New,
    /// It is written.
    Imported,
    /// Whatever an earlier row of the step becomes.
    Like(usize),
    Duplicate(DuplicateIn),
    /// Its person was forgotten.
    Forgotten,
}

impl<'a> Importer<'a> {
    /// Reads what all steps of an invocation need.
    pub(crate) async fn start(
        app: &'a App,
        job: &Job,
        campaign: &CampaignId,
        dry_run: bool,
        rows_per_step: usize,
    ) -> Result<Self, StepError> {
        let (import, plan) = planned(app, campaign, &job.id).await?;
        Ok(Self {
            app,
            checker: ImportFile::checker(&import, &plan),
            dry_run,
            shares: if dry_run { shares(app, &import, &plan).await? } else { 1 },
            above: Mutex::new(None),
            rows_per_step,
            import,
            plan,
        })
    }

    /// Some rows of the file.
    pub(crate) async fn step(&self, job: &Job) -> Result<JobStep, StepError> {
        let at = self.cursor(job)?;
        let (page, next) = self.read(at).await?;
        let mut counts = job.counts.clone();
        let mut add = |name: &str, n: u64| *counts.entry(name.to_owned()).or_default() += n;
        if at.share == 0 {
            add("rows", page.rows);
            add("invalid", page.invalid);
            for (name, n) in &page.repaired {
                add(name, *n);
            }
        }
        let phones: Vec<Phone> = page.good.iter().map(|good| good.phone.clone()).collect();
        let known = self
            .app
            .table
            .known_phones(&distinct(phones), self.app.clock.now())
            .await?;
        let mut became = if self.dry_run {
            self.counted(at, next.as_ref(), &page.good, &known).await?
        } else {
            self.compared(&page.good, &known).await?
        };
        if !self.dry_run && !self.write(job, page.good.as_slice(), &known, &mut became).await? {
            return unmoved(job, &at);
        }
        for n in 0..became.len() {
            if let Became::Like(earlier) = became[n] {
                became[n] = match became[earlier] {
                    Became::New | Became::Imported | Became::Like(_) => Became::Duplicate(DuplicateIn::File),
                    other => other,
                };
            }
        }
        for (good, became) in page.good.iter().zip(&became) {
            let word = match became {
                Became::Duplicate(place) => {
                    add("duplicate", 1);
                    add(&format!("duplicate_{}", place.as_str()), 1);
                    continue;
                }
                Became::Forgotten => "forgotten",
                _ if self.dry_run => "importable",
                _ => "imported",
            };
            add("valid", 1);
            add(word, 1);
            if known
                .get(&good.phone)
                .is_some_and(|known| known.ledger.is_do_not_call())
            {
                add("do_not_call", 1);
            }
        }
        let bytes = self.plan.bytes;
        let total = bytes * u64::from(self.shares);
        let done = match &next {
            Some(next) => bytes * u64::from(next.share) + next.place.byte,
            None => total,
        };
        Ok(JobStep {
            done,
            total: Some(total),
            cursor: next.map(|next| write_cursor(&next)).transpose()?,
            counts,
        })
    }

    fn cursor(&self, job: &Job) -> Result<Cursor, StepError> {
        read_cursor(job.cursor.as_deref()).map(|at| {
            at.unwrap_or(Cursor {
                share: 0,
                place: self.plan.begins,
            })
        })
    }

    /// The rows of a step, and where the next one begins.
    async fn read(&self, at: Cursor) -> Result<(Page, Option<Cursor>), StepError> {
        let mut file = ImportFile::open(&self.app.table, &self.import, &self.plan, Some(at.place));
        let mut page = Page::default();
        let mut faults = Vec::new();
        let ended = file
            .rows(|row| {
                if !row.is_blank() || row.fault.is_some() {
                    page.rows += 1;
                    self.take(row, at.share, &mut page, &mut faults);
                }
                let is_enough =
                    page.rows >= self.rows_per_step as u64 || row.place.byte - at.place.byte >= STEP_BYTES_MAX;
                if is_enough { GoOn::No } else { GoOn::Yes }
            })
            .await?;
        let next = match (ended, at.share + 1) {
            (false, _) => Some(Cursor {
                place: file.place(),
                ..at
            }),
            (true, share) => (share < self.shares).then_some(Cursor {
                share,
                place: self.plan.begins,
            }),
        };
        Ok((page, next))
    }

    fn take(&self, row: &Row<'_>, share: u32, page: &mut Page, faults: &mut Vec<CellFault>) {
        let Some(lead) = self.checker.check(row, faults) else {
            page.invalid += 1;
            return;
        };
        if let Some(repair) = lead.repair {
            *page.repaired.entry(repair.as_str()).or_default() += 1;
        }
        if !SeenPhones::is_in(&lead.phone, share, self.shares) {
            return;
        }
        let intake = (!self.dry_run).then(|| intake(&self.import, &self.checker, row, &lead));
        page.good.push(Good {
            row: row.place.row,
            phone: lead.phone,
            intake,
        });
    }

    /// What each row becomes, as the table stands.
    async fn compared(&self, good: &[Good], known: &HashMap<Phone, KnownPhone>) -> Result<Vec<Became>, StepError> {
        let campaign = &self.import.campaign;
        let ours = known
            .iter()
            .filter(|(_, known)| known.leads.iter().any(|lead| lead.campaign == *campaign));
        let ours: Vec<(Phone, CampaignId)> = ours.map(|(phone, _)| (phone.clone(), campaign.clone())).collect();
        let by = self.app.table.imported_by(&ours).await?;
        let mut first: HashMap<&Phone, usize> = HashMap::with_capacity(good.len());
        let mut became = Vec::with_capacity(good.len());
        for (n, good) in good.iter().enumerate() {
            let earlier = *first.entry(&good.phone).or_insert(n);
            if earlier < n {
                became.push(Became::Like(earlier));
                continue;
            }
            let row = ImportedBy {
                import: self.import.id.clone(),
                row: good.row,
            };
            became.push(self.by_table(known.get(&good.phone), |_| {
                match whose(by.get(&good.phone), Some(&row)) {
                    Added::Ours => Became::Imported,
                    Added::ByOtherRow => Became::Duplicate(DuplicateIn::File),
                    Added::ByOthers | Added::JobIsOver => Became::Duplicate(DuplicateIn::Campaign),
                }
            }));
        }
        Ok(became)
    }

    fn by_table(&self, known: Option<&KnownPhone>, in_campaign: impl Fn(&KnownPhone) -> Became) -> Became {
        let Some(known) = known else { return Became::New };
        let campaign = &self.import.campaign;
        if known.leads.iter().any(|lead| lead.campaign == *campaign) {
            in_campaign(known)
        } else if known.ledger.forgotten_at.is_some() {
            Became::Forgotten
        } else if !known.leads.is_empty() && !self.import.options.also_in_other_campaigns {
            Became::Duplicate(DuplicateIn::System)
        } else {
            Became::New
        }
    }

    /// What each row would become, and which phones stand above the next step.
    async fn counted(
        &self,
        at: Cursor,
        next: Option<&Cursor>,
        good: &[Good],
        known: &HashMap<Phone, KnownPhone>,
    ) -> Result<Vec<Became>, StepError> {
        let kept = self.above.lock().unwrap_or_else(PoisonError::into_inner).take();
        let mut seen = match kept {
            Some(above) if above.cursor == at => above.seen,
            _ => self.seen_above(at).await?,
        };
        let became = good
            .iter()
            .map(|good| {
                let is_new = seen.is_new(&good.phone);
                match self.by_table(known.get(&good.phone), |_| Became::Duplicate(DuplicateIn::Campaign)) {
                    Became::New if !is_new => Became::Duplicate(DuplicateIn::File),
                    became => became,
                }
            })
            .collect();
        if let Some(next) = next.filter(|next| next.share == at.share) {
            let above = Above { cursor: *next, seen };
            *self.above.lock().unwrap_or_else(PoisonError::into_inner) = Some(above);
        }
        Ok(became)
    }

    /// The phones of a share above a place, read anew.
    async fn seen_above(&self, at: Cursor) -> Result<SeenPhones, StepError> {
        let mut seen = SeenPhones::default();
        if at.place == self.plan.begins {
            return Ok(seen);
        }
        let mut file = ImportFile::open(&self.app.table, &self.import, &self.plan, None);
        let mut faults = Vec::new();
        file.rows(|row| {
            if row.place.byte >= at.place.byte {
                return GoOn::No;
            }
            if let Some(lead) = self.checker.check(row, &mut faults).filter(|_| !row.is_blank())
                && SeenPhones::is_in(&lead.phone, at.share, self.shares)
            {
                seen.is_new(&lead.phone);
            }
            GoOn::Yes
        })
        .await?;
        Ok(seen)
    }

    /// Writes what is new. `false`: somebody ended the job.
    async fn write(
        &self,
        job: &Job,
        good: &[Good],
        known: &HashMap<Phone, KnownPhone>,
        became: &mut [Became],
    ) -> Result<bool, StepError> {
        let app = self.app;
        let campaign = &self.import.campaign;
        let gone = || {
            StepError::Permanent(format!(
                "failed to import: there is no campaign `{}`",
                without_numbers(campaign.as_str())
            ))
        };
        let reading = app.table.campaign_switches(campaign).await?.ok_or_else(gone)?;
        let campaign = app
            .campaign(campaign, reading.campaign_version)
            .await?
            .ok_or_else(gone)?;
        if matches!(campaign.status, CampaignStatus::Completed | CampaignStatus::Cancelled) {
            let why = "failed to import: the campaign has ended; what is written stays, and can be undone";
            return Err(StepError::Permanent(why.to_owned()));
        }
        let now = app.clock.now();
        let law = app.law(reading.law_version).await?;
        let rules = app
            .rules
            .in_use(&app.table, &campaign.rule_set, now)
            .await
            .map_err(|error| match error {
                redial_aws::rulebook::RuleBookError::Table(error) => StepError::from(error),
                error => StepError::Permanent(error.to_string()),
            })?;
        let around = Newcomers {
            job,
            campaign: &campaign,
            rules: &rules,
            law: &law,
            switches: reading.switches,
            retention_days: app.table.settings().await?.unwrap_or_default().retention_days,
        };
        let mut pace = Pace::of(campaign.shards);
        let new: Vec<usize> = (0..good.len()).filter(|n| became[*n] == Became::New).collect();
        for together in new.chunks(WRITTEN_TOGETHER_MAX) {
            let unknown = KnownPhone::default();
            let leads: Vec<NewLead> = together
                .iter()
                .filter_map(|n| {
                    let good = &good[*n];
                    let ledger = &known.get(&good.phone).unwrap_or(&unknown).ledger;
                    Some(around.lead(app, good.intake.clone()?, ledger, now))
                })
                .collect();
            pace.turn(leads.len()).await;
            for (n, added) in together.iter().zip(around.write(app, &leads).await?) {
                became[*n] = match added {
                    Added::Ours => {
                        app.metrics.count("lead.added");
                        Became::Imported
                    }
                    Added::ByOtherRow => Became::Duplicate(DuplicateIn::File),
                    Added::ByOthers => Became::Duplicate(DuplicateIn::Campaign),
                    Added::JobIsOver => return Ok(false),
                };
            }
        }
        Ok(true)
    }
}

/// How often a dry run goes through the file.
async fn shares(app: &App, import: &Import, plan: &ImportPlan) -> Result<u32, StepError> {
    let mut file = ImportFile::open(&app.table, import, plan, None);
    let (begin, mut rows) = (plan.begins.byte, 0);
    file.rows(|row| {
        rows += 1;
        if row.place.byte - begin < FIRST_BYTES {
            GoOn::Yes
        } else {
            GoOn::No
        }
    })
    .await?;
    Ok(SeenPhones::shares(plan.bytes, file.place().byte - begin, rows))
}

/// An import with its plan.
pub(crate) async fn planned(app: &App, campaign: &CampaignId, id: &str) -> Result<(Import, ImportPlan), StepError> {
    let import = app.table.import(campaign, id).await?;
    let planned = import.and_then(|import| Some((import.plan.clone()?, import)));
    let (plan, import) =
        planned.ok_or_else(|| StepError::Permanent("failed to find the import: it is too old".to_owned()))?;
    if import.file_until() <= app.clock.now() {
        let why = "failed to read the file: it is kept for seven days only; import it again";
        return Err(StepError::Permanent(why.to_owned()));
    }
    Ok((import, plan))
}

/// A row as a lead from outside.
pub(crate) fn intake(
    import: &Import,
    checker: &Checker,
    row: &Row<'_>,
    lead: &redial_domain::import::ImportedRow<'_>,
) -> Intake {
    let by = ImportedBy {
        import: import.id.clone(),
        row: row.place.row,
    };
    Intake {
        phone: lead.phone.clone(),
        profile: lead.profile(checker.columns(), row, by),
        state_code: lead.state_code.clone().map(std::borrow::Cow::into_owned),
        postal_code: lead.postal_code.map(str::to_owned),
        zone: lead.zone,
        consent: lead.consent.clone(),
        registry_checked_at: import.options.registry_checked_at,
    }
}

/// A step of a job that somebody ended; it moves nothing.
pub(crate) fn unmoved<C: Serialize>(job: &Job, at: &C) -> Result<JobStep, StepError> {
    Ok(JobStep {
        done: job.done,
        total: job.total,
        cursor: Some(write_cursor(at)?),
        counts: job.counts.clone(),
    })
}

pub(crate) fn read_cursor<C: for<'de> Deserialize<'de>>(cursor: Option<&str>) -> Result<Option<C>, StepError> {
    let unread = |error| StepError::Permanent(format!("failed to read the cursor: {error}"));
    cursor
        .map(|text| serde_json::from_str(text).map_err(unread))
        .transpose()
}

pub(crate) fn write_cursor<C: Serialize>(cursor: &C) -> Result<String, StepError> {
    serde_json::to_string(cursor).map_err(|error| StepError::Permanent(format!("failed to write the cursor: {error}")))
}

/// Each phone once.
fn distinct(mut phones: Vec<Phone>) -> Vec<Phone> {
    phones.sort();
    phones.dedup();
    phones
}
