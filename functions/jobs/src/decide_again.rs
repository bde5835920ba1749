//! The steps of deciding again: leads that a failed rule parked, or leads that wait, by the rules in use now.
//!
//! Data flow: campaigns with the rule set → a page of one line of their queue → lead and ledger → the calls to decide
//! again, oldest first, with what was reported about them → the rules for that phone → one transaction: attempt, lead,
//! ledger, activity and the job's own count → the bus. What a person changed since, what is in flight, and what the
//! rules in use have decided already is left as it is, and counted.
//!
//! Whoever repeats a step meets leads that are decided already; the count moved with each of them, so nothing is
//! counted twice and nothing is missing. A lead that moved on in its line and comes by again is known by the job's id
//! in its decision. Rules that fail leave the lead where it is.

use chrono::{DateTime, Utc};
use redial_aws::App;
use redial_aws::attempts::{Committed, DecidedAgain};
use redial_aws::bus::Happened;
use redial_aws::job_steps::JobStep;
use redial_aws::jobs::{Job, WhichLeads};
use redial_aws::keys;
use redial_aws::leads::{Activity, phone_and_campaign};
use redial_aws::rule_store::unpack_files;
use redial_aws::rulebook::{RuleBook, RuleBookError};
use redial_aws::table::{Key, TableError};
use redial_domain::law::Law;
use redial_domain::{Attempt, CallEvent, Campaign, Lead, LeadState, Ledger, Phone, RuleSetName, Settings};
use redial_rules::RuleSet;
use redial_rules::consequences::{Again, Case};
use redial_rules::replay::PastCall;
use std::sync::Arc;

use crate::lines::{Lines, Which};
use crate::past_calls::read;
use crate::run_job::StepError;

/// Version of a candidate that is none yet.
const NO_VERSION: u32 = 0;
/// Leads of one step: each is three reads and a transaction, so a step takes seconds.
const LEADS_PER_STEP: i32 = 50;
/// Rounds against others who write the same phone at the same time.
const ROUNDS_MAX: u32 = 4;
/// Newest attempts of a phone among which those with a failed rule are looked for. A parked lead is not dialed, so
/// more than one comes only from inbound calls and from several campaigns.
const ATTEMPTS_LOOKED_AT: i32 = 50;

/// What became of one lead.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Became {
    /// Decided again; the job counts it in the same write.
    Decided,
    /// It would have been, were this no trial.
    WouldBe {
        status: bool,
        stop: bool,
        time: Option<bool>,
    },
    /// This job has been here before.
    Seen,
    /// Left as it is, and why.
    Left(&'static str),
}

/// What one look and one write came to.
enum Round {
    /// There is no more to do for this lead.
    Over(Became),
    /// An older call is decided; the next one follows.
    NextCall,
    /// Somebody else wrote the same phone meanwhile.
    Lost,
}

/// Deciding again, ready to take steps.
#[derive(Debug)]
pub(crate) struct Decider<'a> {
    app: &'a App,
    /// Its own: what an instance knew before the rules changed must not decide here.
    rules: RuleBook,
    /// Rules that are only tried.
    candidate: Option<Arc<RuleSet>>,
    lines: Lines,
    set: RuleSetName,
    which: WhichLeads,
    epoch: u64,
    dry_run: bool,
    settings: Settings,
}

impl<'a> Decider<'a> {
    /// Reads what all steps of an invocation need; `candidate` is the job that brings rules of its own.
    pub(crate) async fn start(
        app: &'a App,
        set: &RuleSetName,
        which: WhichLeads,
        epoch: u64,
        (dry_run, candidate): (bool, Option<&str>),
    ) -> Result<Self, StepError> {
        let candidate = match candidate {
            None => None,
            Some(job) => {
                let packed = app.table.job_item(&keys::job_input(job)).await?;
                let files = unpack_files(&packed.unwrap_or_default())?;
                let rules = RuleSet::from_files(set, NO_VERSION, &files)
                    .map_err(|_| StepError::Permanent("the rules do not pass the check any more".to_owned()))?;
                Some(Arc::new(rules))
            }
        };
        let campaigns = app.table.campaigns_with_rules(set).await?;
        let which_lines = match which {
            WhichLeads::Parked => Which::Resting,
            WhichLeads::Waiting => Which::Waiting,
        };
        Ok(Self {
            app,
            rules: RuleBook::default(),
            // INVARIANT: rules that nobody has published change nothing.
            dry_run: dry_run || candidate.is_some(),
            candidate,
            lines: Lines::new(campaigns, which_lines),
            set: set.clone(),
            which,
            epoch,
            settings: app.table.settings().await?.unwrap_or_default(),
        })
    }

    /// One page of one line.
    pub(crate) async fn step(&self, job: &Job) -> Result<JobStep, StepError> {
        self.still_wanted().await?;
        let mut counts = job.counts.clone();
        let mut done = job.done;
        let Some(line) = self.lines.at(job.cursor.as_deref())? else {
            return Ok(JobStep {
                done,
                total: Some(done),
                cursor: None,
                counts,
            });
        };
        let page = self
            .app
            .table
            .queue_page(&line.name, line.after.as_deref(), "~", LEADS_PER_STEP)
            .await?;
        let mut last = line.after.clone();
        for item in &page.items {
            let range = redial_aws::table::text(item, "q_sk").map(str::to_owned);
            let place = Key::of(item).as_ref().and_then(phone_and_campaign);
            let parked = range
                .as_deref()
                .and_then(keys::read_queue_range)
                .is_some_and(|(_, state, _)| state == LeadState::Parked);
            last = range.or(last);
            let Some((phone, _)) = place else { continue };
            if self.which == WhichLeads::Parked && !parked {
                continue;
            }
            let became = self.lead(job, line.campaign, &phone).await?;
            if became != Became::Seen {
                done += 1;
            }
            count(&mut counts, became);
        }
        let more = page.next.is_some() || page.items.len() >= LEADS_PER_STEP as usize;
        Ok(JobStep {
            done,
            total: None,
            cursor: Some(line.next(last, more)?),
            counts,
        })
    }

    /// Waiting leads are planned by one change of the rules; another change ends it, and brings its own.
    async fn still_wanted(&self) -> Result<(), StepError> {
        if self.which == WhichLeads::Parked {
            return Ok(());
        }
        let active = self.app.table.rules_active(&self.set).await?;
        let epoch = active.as_ref().map_or(0, |active| active.epoch);
        if epoch == self.epoch {
            return Ok(());
        }
        let version = active.map_or(0, |active| active.version);
        Err(StepError::Permanent(format!(
            "the rules changed meanwhile, and version {version} is in use; leads not looked at keep their next time"
        )))
    }

    async fn lead(&self, job: &Job, campaign: &Campaign, phone: &Phone) -> Result<Became, StepError> {
        let mut lost = 0;
        for _ in 0..ATTEMPTS_LOOKED_AT {
            match self.round(job, campaign, phone).await? {
                Round::Over(became) => return Ok(became),
                Round::NextCall => {}
                Round::Lost if lost < ROUNDS_MAX => lost += 1,
                Round::Lost => break,
            }
        }
        Ok(Became::Left("left_busy"))
    }

    /// One look and one write.
    async fn round(&self, job: &Job, campaign: &Campaign, phone: &Phone) -> Result<Round, StepError> {
        let (app, now) = (self.app, self.app.clock.now());
        let ledger = app.table.ledger(phone).await?;
        let Some(lead) = app.table.lead(phone, &campaign.id, now).await? else {
            return Ok(Round::Over(Became::Left("left_gone")));
        };
        let fits = match self.which {
            WhichLeads::Parked => lead.state == LeadState::Parked && lead.reason.as_deref() == Some("rule_failed"),
            WhichLeads::Waiting => lead.state.waits(),
        };
        if !fits {
            return Ok(Round::Over(Became::Left("left_changed")));
        }
        if ledger.inflight.is_some() {
            return Ok(Round::Over(Became::Left("left_in_flight")));
        }
        let Some((before, is_last)) = self.attempt_to_decide(phone, &lead).await? else {
            return Ok(Round::Over(Became::Left("left_never_called")));
        };
        let rules = match &self.candidate {
            Some(candidate) => Arc::clone(candidate),
            None => match self.rules.for_phone(&app.table, &self.set, phone, now).await {
                Ok(rules) => rules,
                Err(RuleBookError::Table(error)) => return Err(error.into()),
                Err(error) => return Err(StepError::Permanent(error.to_string())),
            },
        };
        if let Some(left) = self.leave(job, &lead, &before, &rules) {
            return Ok(Round::Over(left));
        }
        let key = keys::attempt(phone, &before.id);
        let Some(past) = read(app.clone(), vec![key]).await?.into_iter().next() else {
            return Ok(Round::Over(Became::Left("left_gone")));
        };
        let law = app.law(0).await?;
        let Ok(mut again) = decide(&past, &before, campaign, &ledger, &lead, (&rules, &law), now) else {
            return Ok(Round::Over(Became::Left("still_failing")));
        };
        again.lead.version = lead.version + 1;
        if !is_last && again.stop.is_none() {
            // The newer calls are decided next; until then nobody is dialed.
            again.lead.state = lead.state;
            again.lead.next_at = lead.next_at;
            again.lead.reason.clone_from(&lead.reason);
        }
        if let Some(decision) = &mut again.attempt.decision {
            decision.again = Some(job.id.clone());
        }
        let status = again.lead.status != lead.status;
        let time = match (lead.next_at, again.lead.next_at) {
            (Some(was), Some(is)) if is != was => Some(is < was),
            _ => None,
        };
        let stop = again.stop.is_some();
        if self.dry_run {
            return Ok(Round::Over(Became::WouldBe { status, stop, time }));
        }
        let counted = job.counts_lead(is_last, status, stop, time);
        let activity = Activity::now(app, &job.actor, self.which.activity(), Some(why(&again))).about(&lead.id);
        let written = DecidedAgain {
            phone,
            before: &before,
            attempt: &again.attempt,
            lead: (&again.lead, lead.version),
            ledger: &ledger,
            effects: &again.effects,
            activity: &activity,
            also: counted,
            retention_days: self.settings.retention_days,
        };
        match app.table.decide_again(&written).await? {
            Committed::Done | Committed::LineHeld => {}
            Committed::Stale | Committed::AlreadyFinished => return Ok(Round::Lost),
        }
        self.tell(&lead, &again).await;
        Ok(if is_last {
            Round::Over(Became::Decided)
        } else {
            Round::NextCall
        })
    }

    /// The oldest call whose rule failed, or the lead's last one; and whether the lead has no newer one to decide.
    async fn attempt_to_decide(&self, phone: &Phone, lead: &Lead) -> Result<Option<(Attempt, bool)>, TableError> {
        match (self.which, &lead.last_attempt) {
            (WhichLeads::Waiting, None) => Ok(None),
            (WhichLeads::Waiting, Some(id)) => {
                let stored = self.app.table.attempt(phone, id).await?;
                Ok(stored.map(|stored| (stored.attempt, true)))
            }
            (WhichLeads::Parked, _) => {
                let recent = self.app.table.recent_attempts(phone, ATTEMPTS_LOOKED_AT).await?;
                let mut failed = recent
                    .into_iter()
                    .map(|stored| stored.attempt)
                    .filter(|attempt| attempt.campaign == lead.campaign && attempt.problem.is_some());
                // Newest first, so the last one is the oldest.
                let newest = failed.next();
                let oldest = failed.next_back();
                Ok(match (oldest, newest) {
                    (Some(oldest), _) => Some((oldest, false)),
                    (None, newest) => newest.map(|newest| (newest, true)),
                })
            }
        }
    }

    fn leave(&self, job: &Job, lead: &Lead, before: &Attempt, rules: &RuleSet) -> Option<Became> {
        if self.which == WhichLeads::Parked {
            return None;
        }
        let Some(decision) = &before.decision else {
            return Some(Became::Left("left_undecided"));
        };
        if decision.again.as_deref() == Some(job.id.as_str()) {
            return Some(Became::Seen);
        }
        if decision.trace.hash == rules.hash() && decision.trace.set == *rules.name() {
            return Some(Became::Left("left_already"));
        }
        // A person moved it after the call, and a person's word is newer.
        (decision.to != lead.status).then_some(Became::Left("left_to_people"))
    }

    /// The table is the truth: a bus that does not answer must not undo what is decided.
    async fn tell(&self, before: &Lead, again: &Again) {
        let (lead, campaign) = (before.id.clone(), before.campaign.clone());
        let mut happened = Vec::new();
        if before.status != again.lead.status {
            happened.push(Happened::LeadStatusChanged {
                lead: lead.clone(),
                campaign: campaign.clone(),
                from: before.status.clone(),
                to: again.lead.status.clone(),
            });
        }
        if let Some(scope) = again.stop {
            happened.push(Happened::LeadStopped { lead, campaign, scope });
        }
        let cause = format!("{}/{}", again.attempt.id, again.lead.version);
        if !happened.is_empty()
            && let Err(error) = self.app.bus.publish(&cause, &happened).await
        {
            tracing::warn!("{error}");
        }
    }
}

/// What ended the call, then what was heard later about it.
fn decide(
    past: &PastCall,
    before: &Attempt,
    campaign: &Campaign,
    ledger: &Ledger,
    lead: &Lead,
    (rules, law): (&RuleSet, &Law),
    now: DateTime<Utc>,
) -> Result<Again, redial_rules::RuleError> {
    let case = |event| Case {
        attempt: &before.id,
        end: before.end,
        slot: before.slot.clone(),
        started_at: before.started_at,
        event,
        campaign,
        law,
        ledger,
        now,
    };
    let mut events = past.events.iter();
    let ended: CallEvent;
    let first = match events.next() {
        Some(event) if event.facts.callback_at.is_none() && lead.callback_at.is_some() && past.rebuilt => {
            // The payload is gone; what was promised still stands at the lead.
            ended = CallEvent {
                facts: redial_domain::Facts {
                    callback_requested: true,
                    callback_at: lead.callback_at,
                    ..event.facts.clone()
                },
                ..event.clone()
            };
            &ended
        }
        Some(event) => event,
        None => {
            ended = redial_rules::replay::rebuild(before);
            &ended
        }
    };
    let mut again = case(first).again(rules, before, lead)?;
    for event in events {
        again = case(event).hears(rules, again)?;
    }
    Ok(again)
}

fn why(again: &Again) -> String {
    match &again.attempt.decision {
        Some(decision) => format!(
            "version {} of {}, {}: {}",
            decision.trace.version, decision.trace.set, decision.trace.line, decision.trace.why
        ),
        None => String::new(),
    }
}

fn count(counts: &mut std::collections::BTreeMap<String, u64>, became: Became) {
    let mut one = |name: &str| *counts.entry(name.to_owned()).or_default() += 1;
    match became {
        Became::Decided | Became::Seen => {}
        Became::Left(why) => one(why),
        Became::WouldBe { status, stop, time } => {
            one("decided");
            if status {
                one("status_changed");
            }
            if stop {
                one("stopped");
            }
            match time {
                Some(true) => one("sooner"),
                Some(false) => one("later"),
                None => {}
            }
        }
    }
}
