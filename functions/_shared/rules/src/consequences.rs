//! What a call changes: the lead, the attempt and the ledger as they become. No writes here.
//!
//! The rules wish, `next_step` decides, and what comes out is ready to be written in one transaction. A call is decided
//! when it ends, when more is heard about it, and again when its rule had failed or other rules took over.

use crate::{RuleError, RuleSet};
use chrono::{DateTime, Utc};
use redial_domain::law::{CallingHours, Law};
use redial_domain::{
    Allowed, Attempt, AttemptEnd, AttemptId, CallEvent, Campaign, DayCount, Direction, Disposition, Lateness, Lead,
    LeadState, Ledger, LedgerEffects, Limits, Next, OUTCOMES_KEPT, Outcome, RuleAnswer, RuleFacts, StatusName, Step,
    StopScope, enrich, next_step,
};

mod effects;
mod record;

pub use record::decision;

/// A disposition word as it came, kept to this length: the attempt is one write unit.
const WORD_MAX: usize = 40;
/// A rule's message, kept to this length.
const PROBLEM_MAX: usize = 200;

/// One call to decide on.
#[derive(Debug)]
pub struct Case<'a> {
    /// Our id of the attempt.
    pub attempt: &'a AttemptId,
    /// How we know that it is over.
    pub end: AttemptEnd,
    /// The slot that it holds, if it holds one.
    pub slot: Option<String>,
    /// When the line was reserved, or an inbound call came.
    pub started_at: DateTime<Utc>,
    /// What was reported.
    pub event: &'a CallEvent,
    /// The lead's campaign.
    pub campaign: &'a Campaign,
    /// The law book.
    pub law: &'a Law,
    /// The phone's ledger as it was read.
    pub ledger: &'a Ledger,
    /// The time of the decision.
    pub now: DateTime<Utc>,
}

/// What it becomes.
#[derive(Debug)]
pub struct Decided {
    /// The attempt, with the decision or the problem.
    pub attempt: Attempt,
    /// The lead; none when it is gone.
    pub lead: Option<Lead>,
    /// What changes in the ledger.
    pub effects: LedgerEffects,
    /// How far a stop reaches.
    pub stop: Option<StopScope>,
    /// A rule failed.
    pub parked: bool,
}

/// What a call becomes when it is decided again.
#[derive(Debug)]
pub struct Again {
    /// The attempt with its new decision.
    pub attempt: Attempt,
    /// The lead.
    pub lead: Lead,
    /// What changes in the ledger.
    pub effects: LedgerEffects,
    /// How far a stop reaches.
    pub stop: Option<StopScope>,
}

impl Case<'_> {
    fn counts(&self) -> bool {
        self.event.direction == Direction::Outbound && self.event.facts.may_have_rung
    }

    /// The lead with this call counted, before anything is decided.
    fn counted(&self, lead: &Lead) -> Lead {
        let facts = &self.event.facts;
        let mut lead = lead.clone();
        if self.event.direction == Direction::Inbound {
            return lead;
        }
        if self.counts() {
            let date = self.campaign.window.date_of(self.started_at);
            lead.attempts += 1;
            lead.answered += u32::from(facts.outcome == Outcome::Answered);
            lead.today = Some(DayCount {
                date,
                n: lead.attempts_on(date) + 1,
            });
            lead.refusals = 0;
        } else {
            lead.refusals += 1;
        }
        lead.outcomes.push(facts.outcome);
        let surplus = lead.outcomes.len().saturating_sub(OUTCOMES_KEPT);
        lead.outcomes.drain(..surplus);
        lead.last_call_id.clone_from(&self.event.call_id);
        lead.last_call_at = Some(self.started_at);
        lead.last_attempt = Some(self.attempt.clone());
        lead
    }

    /// Whether the start in the ledger is this call's and does not count.
    fn is_given_back(&self) -> bool {
        !self.counts() && self.event.direction == Direction::Outbound && self.ledger.holds(self.attempt)
    }

    fn limits(&self, lead: &Lead) -> Limits<'_> {
        let hours = CallingHours::of_lead(self.law, self.campaign, lead).ok();
        let given_back = self.is_given_back();
        let capped = hours.as_ref().and_then(|hours| {
            let counted = if given_back {
                self.ledger.starts_without(self.started_at)
            } else {
                self.ledger.starts.clone()
            };
            hours.capped_by(&counted, &self.campaign.subject, self.now)
        });
        let date = self.campaign.window.date_of(self.now);
        let today = self.ledger.calls_on(date, &self.campaign.window);
        Limits {
            law_cap_until: capped.map(|(.., until)| until),
            kept_until: hours
                .as_ref()
                .and_then(|hours| {
                    self.ledger
                        .kept_for_callback(&self.ordinary(lead), self.campaign, hours, self.now)
                })
                .map(|kept| kept.until),
            started_at: self.started_at,
            hours,
            window: &self.campaign.window,
            attempts_per_day_max: self.campaign.attempts_per_day_max,
            attempts_total_max: self.campaign.attempts_total_max,
            reported_calls: self.ledger.reported_calls(lead, self.campaign),
            phone_calls_today: today.saturating_sub(u32::from(given_back)),
            last_start: self.ledger.last_start(),
        }
    }

    /// When the callback that this call kept was first allowed, if hours, a law or a cap moved it.
    fn allowed_at(&self, lead: &Lead) -> Option<DateTime<Utc>> {
        let promised = lead.callback_at.filter(|at| *at <= self.started_at)?;
        let hours = CallingHours::of_lead(self.law, self.campaign, lead).ok()?;
        // The start of this call is the newest; whatever is later is not asked.
        let before = self.ledger.starts_without(self.started_at);
        let allowed = Allowed::of(promised, lead, &before, self.campaign, &hours);
        let lateness = Lateness::of(promised, allowed.at, self.started_at);
        lateness.is_moved().then(|| promised + lateness.moved)
    }

    /// The lead as the ladder calls it: whether its own promise goes on is not decided yet.
    fn ordinary(&self, lead: &Lead) -> Lead {
        Lead {
            callback_at: None,
            ..lead.clone()
        }
    }

    fn ask(
        &self,
        rules: &RuleSet,
        lead: &Lead,
        known: Disposition,
        kind: redial_domain::EventKind,
    ) -> Result<RuleAnswer, RuleError> {
        let date = self.campaign.window.date_of(self.started_at);
        rules.decide(&RuleFacts {
            facts: &self.event.facts,
            kind,
            direction: self.event.direction,
            status: &lead.status,
            known,
            attempts: lead.attempts,
            attempts_today: lead.attempts_on(date),
            intervals_min: self.campaign.intervals_min.as_deref(),
            // As the next step counts: no call has ended in the future.
            ended_at: self
                .event
                .facts
                .ended_at
                .filter(|end| *end <= self.now)
                .unwrap_or(self.now),
        })
    }

    /// The end of a call.
    pub fn finish(&self, rules: Result<&RuleSet, String>, lead: Option<&Lead>) -> Decided {
        let facts = &self.event.facts;
        let mut attempt = Attempt {
            id: self.attempt.clone(),
            lead: lead.map_or_else(|| unknown_lead(self), |lead| lead.id.clone()),
            campaign: self.campaign.id.clone(),
            provider: self.event.provider.clone(),
            call_id: self.event.call_id.clone(),
            direction: self.event.direction,
            end: self.end,
            started_at: self.started_at,
            ended_at: facts.ended_at.unwrap_or(self.now),
            date: self.campaign.window.date_of(self.started_at),
            outcome: facts.outcome,
            disposition: Disposition::Unknown,
            word: facts.disposition_word.as_deref().map(|word| cut(word, WORD_MAX)),
            word_unknown: false,
            talk_s: facts.talk_s,
            transfer: facts.transfer,
            failure: facts.failure,
            counted: self.counts(),
            attempts: None,
            attempts_today: None,
            state_code: lead.and_then(|lead| lead.state_code.clone()),
            postal_code: lead.and_then(|lead| lead.postal_code.clone()),
            zone: lead.and_then(|lead| lead.zone),
            permitted_by: self
                .ledger
                .inflight
                .as_ref()
                .filter(|held| held.id == *self.attempt)
                .and_then(|held| held.permitted_by),
            law_cap_until: None,
            kept_until: None,
            promised_at: lead.and_then(|lead| lead.callback_at),
            allowed_at: lead.and_then(|lead| self.allowed_at(lead)),
            slot: self.slot.clone(),
            decision: None,
            problem: None,
            failed_version: None,
        };
        let mut effects = LedgerEffects::default();
        if facts.stop.is_some() {
            effects.do_not_call = self.statement();
            attempt.disposition = Disposition::Dnc;
        }
        effects.hung_up_at = self.hung_up_at();
        if self.event.direction == Direction::Outbound {
            if self.ledger.holds(self.attempt) {
                effects.starts = (!self.counts()).then(|| self.ledger.starts_without(self.started_at));
            } else if self.counts() {
                // Its start was given back, and yet it rang: it counts.
                effects.starts = Some(self.ledger.starts_with(self.started_at, &self.campaign.subject));
            }
        }
        let Some(lead) = lead else {
            return Decided {
                attempt,
                lead: None,
                effects,
                stop: None,
                parked: false,
            };
        };
        let counted = self.counted(lead);
        let version = rules.as_ref().ok().map(|rules| rules.version());
        attempt.attempts = Some(counted.attempts);
        attempt.attempts_today = Some(counted.attempts_on(attempt.date));
        let answered = rules.and_then(|rules| {
            self.ask(rules, &counted, Disposition::Unknown, self.event.kind)
                .map_err(|error| error.to_string())
        });
        match answered {
            Ok(answer) => {
                let limits = self.limits(&counted);
                attempt.law_cap_until = limits.law_cap_until;
                attempt.kept_until = limits.kept_until;
                let step = next_step(&counted, self.event, &answer, &limits, self.now);
                attempt.outcome = answer.outcome;
                attempt.disposition = attempt.disposition.max(answer.disposition);
                attempt.word_unknown = answer.unknown_word.is_some();
                let moved = moved(counted, &step, self.now);
                self.effects_of(&step, &moved, &mut effects);
                attempt.decision = Some(decision(&answer, &lead.status, &moved, step.stop));
                Decided {
                    attempt,
                    lead: Some(moved),
                    effects,
                    stop: step.stop,
                    parked: false,
                }
            }
            Err(problem) => {
                attempt.problem = Some(cut(&problem, PROBLEM_MAX));
                attempt.failed_version = version;
                let mut parked = counted;
                parked.version += 1;
                parked.updated_at = self.now;
                if parked.state.waits() {
                    // Facts commit, the line is free, nobody is dialed on a guess (R7).
                    parked.state = if facts.stop.is_some() {
                        LeadState::Completed
                    } else {
                        LeadState::Parked
                    };
                    parked.next_at = None;
                    parked.reason = Some("rule_failed".to_owned());
                }
                effects.promises = self.ledger.promises_with(&parked, self.campaign, self.now);
                let stop = facts.stop.is_some().then_some(StopScope::Phone);
                Decided {
                    attempt,
                    lead: Some(parked),
                    effects,
                    stop,
                    parked: true,
                }
            }
        }
    }

    /// A call that was counted before, decided again: its rule had failed, or other rules took over. The lead starts
    /// from the status that it had before the call.
    ///
    /// # Errors
    /// When a rule fails on it; then nothing changes.
    pub fn again(&self, rules: &RuleSet, before: &Attempt, lead: &Lead) -> Result<Again, RuleError> {
        let mut asked = lead.clone();
        if let Some(decision) = &before.decision {
            asked.status = decision.from.clone();
        }
        if asked.state == LeadState::Parked {
            asked.state = LeadState::Pending;
        }
        // What the call itself promised is decided anew; what was promised before it or beside it still stands.
        if before
            .decision
            .as_ref()
            .is_none_or(|decision| decision.callback_at == lead.callback_at)
        {
            asked.callback_at = before.promised_at;
        }
        let answer = self.ask(rules, &asked, Disposition::Unknown, self.event.kind)?;
        let step = next_step(&asked, self.event, &answer, &self.limits(&asked), self.now);
        let mut moved = moved(asked, &step, self.now);
        let mut effects = LedgerEffects::default();
        self.effects_of(&step, &moved, &mut effects);
        // Where the lead stands is what people saw last; whether it moved is seen from there.
        if moved.status == lead.status {
            moved.status_at = lead.status_at;
        }
        let attempt = Attempt {
            outcome: answer.outcome,
            disposition: before.disposition.max(answer.disposition),
            word_unknown: answer.unknown_word.is_some(),
            decision: Some(decision(
                &answer,
                before.decision.as_ref().map_or(&lead.status, |decision| &decision.from),
                &moved,
                step.stop,
            )),
            problem: None,
            failed_version: None,
            ..before.clone()
        };
        Ok(Again {
            attempt,
            lead: moved,
            effects,
            stop: step.stop,
        })
    }

    /// What was heard about the call after its end, on top of what its end made of it.
    ///
    /// # Errors
    /// As [`Case::again`].
    pub fn hears(&self, rules: &RuleSet, so_far: Again) -> Result<Again, RuleError> {
        let Again {
            mut attempt,
            lead,
            mut effects,
            stop,
        } = so_far;
        let from = attempt.decision.as_ref().map(|decision| decision.from.clone());
        let (answer, changed) = self.later(rules, &attempt, Some(&lead))?;
        let learned = enrich(&attempt, &answer);
        (attempt.outcome, attempt.disposition) = (learned.outcome, learned.disposition);
        let Some((moved, step)) = changed else {
            return Ok(Again {
                attempt,
                lead,
                effects,
                stop,
            });
        };
        self.effects_of(&step, &moved, &mut effects);
        let stop = step.stop.or(stop);
        attempt.decision = Some(decision(&answer, from.as_ref().unwrap_or(&lead.status), &moved, stop));
        Ok(Again {
            attempt,
            lead: moved,
            effects,
            stop,
        })
    }

    /// Later news about a call that is finished. None when it changes nothing about the lead.
    ///
    /// # Errors
    /// When a rule fails on it.
    pub fn later(
        &self,
        rules: &RuleSet,
        before: &Attempt,
        lead: Option<&Lead>,
    ) -> Result<(RuleAnswer, Option<(Lead, Step)>), RuleError> {
        let fallback = rules.default_status().name.clone();
        let status = lead.map_or(&fallback, |lead| &lead.status);
        let blank;
        let asked = match lead {
            Some(lead) => lead,
            None => {
                blank = status.clone();
                return Ok((self.ask_without_lead(rules, &blank, before)?, None));
            }
        };
        let answer = self.ask(rules, asked, before.disposition, redial_domain::EventKind::Later)?;
        let event = CallEvent {
            kind: redial_domain::EventKind::Later,
            ..self.event.clone()
        };
        let step = next_step(asked, &event, &answer, &self.limits(asked), self.now);
        let is_newest = asked.last_attempt.as_ref() == Some(&before.id) || before.direction == Direction::Inbound;
        if !is_newest && step.stop.is_none() {
            return Ok((answer, None));
        }
        let after = moved(asked.clone(), &step, self.now);
        let changes = after.status != asked.status || after.state != asked.state || after.next_at != asked.next_at;
        Ok((answer, changes.then_some((after, step))))
    }

    fn ask_without_lead(
        &self,
        rules: &RuleSet,
        status: &StatusName,
        before: &Attempt,
    ) -> Result<RuleAnswer, RuleError> {
        rules.decide(&RuleFacts {
            facts: &self.event.facts,
            kind: redial_domain::EventKind::Later,
            direction: self.event.direction,
            status,
            known: before.disposition,
            attempts: 1,
            attempts_today: 1,
            intervals_min: None,
            ended_at: before.ended_at,
        })
    }
}

/// The lead after a step.
fn moved(mut lead: Lead, step: &Step, now: DateTime<Utc>) -> Lead {
    if lead.status != step.status {
        lead.status = step.status.clone();
        lead.status_at = now;
    }
    lead.version += 1;
    lead.updated_at = now;
    lead.state = step.state;
    lead.reason = Some(step.reason.to_owned());
    match step.next {
        Next::Keep => {}
        Next::At(at, lane) => {
            lead.next_at = Some(at);
            lead.lane = lane;
            lead.callback_at = step.callback_at;
        }
        Next::Never => {
            lead.next_at = None;
            // Whoever is parked is still owed what was promised.
            lead.callback_at = step.callback_at.filter(|_| step.state == LeadState::Parked);
        }
    }
    lead
}

fn unknown_lead(case: &Case<'_>) -> redial_domain::LeadId {
    let named = case
        .event
        .ours
        .lead
        .clone()
        .or_else(|| case.ledger.inflight.as_ref().map(|inflight| inflight.lead.clone()));
    named.unwrap_or_else(|| match redial_domain::LeadId::parse("unknown") {
        Ok(id) => id,
        Err(error) => unreachable!("a plain word is an id: {error}"),
    })
}

fn cut(text: &str, max: usize) -> String {
    text.chars().take(max).collect()
}
