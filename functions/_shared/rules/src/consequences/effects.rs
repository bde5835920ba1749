//! What a step changes in the phone's ledger.

use chrono::{DateTime, Utc};
use redial_domain::{Direction, Lead, LedgerEffects, Statement, Step, StopScope, SubjectStop};

use super::Case;

impl Case<'_> {
    /// Why the phone is marked as do-not-call; nothing when the same report marked it before it was matched.
    pub fn statement(&self) -> Option<Statement> {
        let is_marked = self.event.facts.stop.is_some() && self.ledger.is_do_not_call();
        (!is_marked).then(|| Statement::of_call(self.event, Some(self.attempt), self.now))
    }

    /// When the person ended this call, if it is the first of ours that somebody ended at this phone.
    pub fn hung_up_at(&self) -> Option<DateTime<Utc>> {
        let is_first = self.ledger.hung_up_at.is_none() && self.event.direction == Direction::Outbound;
        (is_first && self.event.facts.person_hung_up()).then(|| {
            self.event
                .facts
                .ended_at
                .filter(|end| *end <= self.now)
                .unwrap_or(self.now)
        })
    }

    /// What a step changes in the ledger, with the lead as it then stands.
    pub fn effects_of(&self, step: &Step, moved: &Lead, effects: &mut LedgerEffects) {
        effects.promises = self.ledger.promises_with(moved, self.campaign, self.now);
        effects.hold_until = step.hold_until;
        effects.bad_at = step.bad_number.then_some(self.now);
        match step.stop {
            Some(StopScope::Phone) => effects.do_not_call = self.statement(),
            Some(StopScope::Subject) => {
                let stop = SubjectStop {
                    at: self.now,
                    by: self.attempt.to_string(),
                };
                effects.subject_stop = Some((self.campaign.subject.clone(), stop));
            }
            Some(StopScope::Lead) | None => {}
        }
    }
}
