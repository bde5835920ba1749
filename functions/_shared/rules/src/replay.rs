//! Decides again over past calls with other rules, and says what would have been different.
//!
//! Data flow: the past calls of a campaign, for each lead in the order in which they began → would this call have been
//! placed? → the candidate's four scripts over the same facts, on the candidate's own chain of statuses → held against
//! what was really decided → one difference for each lead, and sums.
//!
//! Pure, and the same bytes for the same calls and rules: nothing here depends on the time of running or on the order of
//! a map. It holds about 400 bytes for each lead that was called, and as much for each decision that differs, until
//! [`Replay::finish`].
//!
//! What it refuses to guess: a call that the candidate would have placed and nobody placed has no outcome. So calls more
//! are counted at the end of a lead's history only, as at least one. Caps, hours and what people did are taken as they
//! were, as far as the record shows them: only the rules are on trial.

mod difference;
mod past;
mod plan;

use std::collections::BTreeMap;

use chrono::NaiveDate;
use redial_domain::{
    Attempt, Campaign, Direction, Disposition, EventKind, Lead, LeadId, LeadState, Next, RuleFacts, StatusName, Step,
    StopScope, next_step,
};

pub use difference::{Change, Difference, ERRORS_MAX, LeadDifference, Row, Totals};
use difference::{cut, scope_word};
pub use past::{PastCall, rebuild};
use plan::{Limited, Plan, lead_then, limits_then};

use crate::{RuleError, RuleSet};

/// Decisions of one lead that are shown one by one: five calls on each of 90 days. All of them are far less than a page of
/// a job's results.
const CHANGES_MAX: usize = 450;

/// A replay that goes on.
#[derive(Debug)]
pub struct Replay<'a> {
    rules: &'a RuleSet,
    campaign: &'a Campaign,
    stories: BTreeMap<LeadId, Story>,
    totals: Totals,
}

/// One lead in both worlds.
#[derive(Debug)]
struct Story {
    /// Where the lead stands by what was really decided.
    was: StatusName,
    /// Where it would stand.
    would: StatusName,
    was_plan: Plan,
    would_plan: Plan,
    /// Counted calls so far, as recorded, and those of one day, for attempts that do not say it themselves.
    counted: u32,
    today: (NaiveDate, u32),
    /// Of those, the ones that would not have been placed.
    skipped: u32,
    skipped_today: (NaiveDate, u32),
    /// Tries in a row that were refused before dialing.
    refusals: u32,
    calls_fewer: u32,
    changes: Vec<Change>,
    changes_left_out: u32,
}

/// What the candidate decides about one call.
struct Would {
    status: StatusName,
    disposition: Disposition,
    stop: Option<StopScope>,
    plan: Plan,
    line: String,
    why: String,
}

impl<'a> Replay<'a> {
    /// A replay of a candidate over a campaign's calls.
    pub fn new(rules: &'a RuleSet, campaign: &'a Campaign) -> Self {
        Self {
            rules,
            campaign,
            stories: BTreeMap::new(),
            totals: Totals::default(),
        }
    }

    /// Takes the next call. The calls of one lead come in the order in which they began; leads may be mixed.
    pub fn add(&mut self, past: &PastCall) {
        let attempt = &past.attempt;
        if attempt.decision.is_none() && attempt.problem.is_none() {
            // The lead was gone when the call ended: nobody decided, and nobody would.
            self.totals.without_lead += 1;
            return;
        }
        self.totals.attempts += 1;
        self.totals.without_payload += u64::from(past.rebuilt);
        let story = self.stories.entry(attempt.lead.clone()).or_insert_with(|| {
            let first = attempt.decision.as_ref().map(|decision| decision.from.clone());
            Story::new(
                first.unwrap_or_else(|| self.rules.default_status().name.clone()),
                attempt,
            )
        });
        story.follow_people(attempt);
        let told = story.told(attempt);
        if story.would_be_placed(attempt) {
            let would = decide(self.rules, self.campaign, past, story, told);
            story.compare(attempt, would, self.rules, &mut self.totals);
        } else {
            story.skip(attempt, &mut self.totals);
        }
        story.go_on(attempt);
    }

    /// What would have been different, the leads by their id.
    pub fn finish(self) -> Difference {
        let mut totals = self.totals;
        let mut leads = Vec::new();
        totals.leads = self.stories.len() as u64;
        for (lead, story) in self.stories {
            let more = story.was_plan == Plan::Never && matches!(story.would_plan, Plan::At(_));
            totals.calls_more_at_least += u64::from(more);
            if !story.changes.is_empty() || story.calls_fewer > 0 {
                totals.leads_changed += 1;
                leads.push(LeadDifference {
                    lead_id: lead,
                    status_was: story.was,
                    status_would_be: story.would,
                    calls_fewer: story.calls_fewer,
                    calls_more_at_least: u32::from(more),
                    changes: story.changes,
                    changes_left_out: story.changes_left_out,
                });
            }
        }
        Difference { totals, leads }
    }
}

impl Story {
    fn new(status: StatusName, first: &Attempt) -> Self {
        Self {
            was: status.clone(),
            would: status,
            was_plan: Plan::Unknown,
            would_plan: Plan::Unknown,
            counted: 0,
            today: (first.date, 0),
            skipped: 0,
            skipped_today: (first.date, 0),
            refusals: 0,
            calls_fewer: 0,
            changes: Vec::new(),
            changes_left_out: 0,
        }
    }

    /// A status that no decision left behind was set by somebody, who would have set it in the other world, too.
    fn follow_people(&mut self, attempt: &Attempt) {
        if let Some(decision) = &attempt.decision
            && decision.from != self.was
        {
            self.was.clone_from(&decision.from);
            self.would.clone_from(&decision.from);
        }
    }

    /// Counted calls of the lead and of its day, this one included, without those that would not have been placed.
    fn told(&mut self, attempt: &Attempt) -> (u32, u32) {
        if self.today.0 != attempt.date {
            self.today = (attempt.date, 0);
            self.skipped_today = (attempt.date, 0);
        }
        let is_call = u32::from(attempt.counted && attempt.direction == Direction::Outbound);
        self.counted += is_call;
        self.today.1 += is_call;
        let attempts = attempt.attempts.unwrap_or(self.counted);
        let today = attempt.attempts_today.unwrap_or(self.today.1);
        (
            attempts.saturating_sub(self.skipped),
            today.saturating_sub(self.skipped_today.1),
        )
    }

    /// Whether a recorded call stands for one of the candidate's: it comes when the candidate wants the next one or
    /// later, or somebody brought it about whatever the rules had planned.
    fn would_be_placed(&self, attempt: &Attempt) -> bool {
        if attempt.direction == Direction::Inbound {
            return true;
        }
        let against_the_plan = match self.was_plan {
            Plan::Never => true,
            Plan::At(_) => !self.was_plan.allows(attempt.started_at),
            Plan::Unknown => false,
        };
        against_the_plan || self.would_plan.allows(attempt.started_at)
    }

    /// A call that would not have been placed: its outcome would not have happened.
    fn skip(&mut self, attempt: &Attempt, totals: &mut Totals) {
        if let Some(scope) = attempt.decision.as_ref().and_then(|decision| decision.stop) {
            *totals.stops_left_out.entry(scope_word(scope).to_owned()).or_default() += 1;
        }
        if attempt.counted {
            self.skipped += 1;
            self.skipped_today.1 += 1;
            self.calls_fewer += 1;
            *totals.calls_fewer.entry(attempt.disposition).or_default() += 1;
        }
    }

    /// The recorded world after the call.
    fn go_on(&mut self, attempt: &Attempt) {
        if attempt.direction == Direction::Outbound {
            self.refusals = if attempt.counted { 0 } else { self.refusals + 1 };
        }
        if let Some(decision) = &attempt.decision {
            self.was.clone_from(&decision.to);
        }
        self.was_plan = Plan::recorded(attempt);
    }

    fn compare(&mut self, attempt: &Attempt, would: Result<Would, RuleError>, rules: &RuleSet, totals: &mut Totals) {
        let decision = attempt.decision.as_ref();
        let was_plan = Plan::recorded(attempt);
        let status_was = decision.map(|decision| decision.to.clone());
        let stop_was = decision.and_then(|decision| decision.stop);
        let mut change = Change::of(attempt);
        match would {
            Ok(would) => {
                totals.row(attempt, status_was.as_ref(), Some(&would.status));
                change.status(status_was.as_ref(), Some(&would.status));
                change.disposition(attempt.disposition, would.disposition);
                change.stop(stop_was, would.stop, totals);
                change.next(was_plan, would.plan, totals);
                (change.line, change.why) = (Some(would.line), Some(cut(&would.why)));
                self.would = would.status;
                self.would_plan = would.plan;
            }
            Err(error) => {
                // Nobody is dialed on a guess: the lead would be parked.
                totals.row(attempt, status_was.as_ref(), None);
                change.problem = Some(totals.error(&error, rules));
                self.would_plan = Plan::Never;
            }
        }
        totals.now_decided += u64::from(decision.is_none() && change.problem.is_none());
        if !change.is_none() {
            totals.decisions_changed += 1;
            if self.changes.len() < CHANGES_MAX {
                self.changes.push(change);
            } else {
                self.changes_left_out += 1;
            }
        }
    }
}

/// Asks the candidate about everything that was reported about a call, as the calls were decided then.
fn decide(
    rules: &RuleSet,
    campaign: &Campaign,
    past: &PastCall,
    story: &Story,
    (attempts, attempts_today): (u32, u32),
) -> Result<Would, RuleError> {
    let attempt = &past.attempt;
    let mut lead = lead_then(past, campaign, &story.would, attempts, story.refusals);
    let (limits, limited) = limits_then(campaign, &lead, attempt, attempts, attempts_today);
    let mut known = Disposition::Unknown;
    let mut would = Would {
        status: story.would.clone(),
        disposition: known,
        stop: None,
        plan: story.would_plan,
        line: String::new(),
        why: String::new(),
    };
    for event in &past.events {
        let answer = rules.decide(&RuleFacts {
            facts: &event.facts,
            kind: event.kind,
            direction: event.direction,
            status: &lead.status,
            known,
            attempts,
            attempts_today,
            intervals_min: campaign.intervals_min.as_deref(),
            ended_at: attempt.ended_at,
        })?;
        let step = next_step(&lead, event, &answer, &limits, attempt.ended_at);
        known = known.max(answer.disposition);
        would.plan = planned(would.plan, &step, event.kind, story, &limited);
        would.stop = step.stop.or(would.stop);
        (would.line, would.why) = (answer.trace.line, answer.trace.why);
        settle(&mut lead, step);
    }
    would.disposition = known;
    would.status = lead.status;
    Ok(would)
}

fn settle(lead: &mut Lead, step: Step) {
    lead.status = step.status;
    lead.state = step.state;
    lead.callback_at = step.callback_at;
}

/// The candidate's plan after a step.
fn planned(before: Plan, step: &Step, kind: EventKind, story: &Story, limited: &Limited) -> Plan {
    let is_first = kind == EventKind::Ended;
    if step.stop.is_none() && is_first && limited.same_as(step) {
        // The same limit as then, which is not the rules': the same time.
        return limited.plan;
    }
    match step.next {
        Next::At(time, _) => Plan::At(time),
        Next::Never => Plan::Never,
        // Both worlds had the same plan and kept it, whatever people made of it meanwhile.
        Next::Keep if is_first && (before == story.was_plan || before == Plan::Unknown) => limited.plan,
        Next::Keep if step.state == LeadState::Completed => Plan::Never,
        Next::Keep => before,
    }
}

#[cfg(test)]
mod tests;
