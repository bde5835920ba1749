//! What the rule set says of a status that a person gives a lead: does calling stop there, and how far does that reach?
//!
//! The stop script is asked as after a call about which nothing is known but where the lead now stands. So a status
//! stops in the hand of a person where it would stop after a call, and leads go on where calls would.

use std::cell::OnceCell;

use chrono::{DateTime, Utc};
use redial_domain::{Direction, Disposition, EventKind, Facts, Outcome, RuleFacts, StopScope, StopWish};

use crate::cage;
use crate::decide::stop_wish;
use crate::facts::View;
use crate::spec::{Status, StatusKind};
use crate::{RuleError, RuleSet, Script};

impl RuleSet {
    /// Whether a lead is not called any more at a status of this set, chosen by a person, after so many attempts;
    /// `callback_at` is promised with it.
    ///
    /// # Errors
    /// When the script fails; then nobody knows, and the lead stays where it is.
    pub fn stop_at(
        &self,
        status: &Status,
        attempts: u32,
        callback_at: Option<DateTime<Utc>>,
        now: DateTime<Utc>,
    ) -> Result<Option<StopWish>, RuleError> {
        let disposition = meant_by(status);
        let facts = Facts {
            may_have_rung: false,
            callback_at,
            ..Facts::ended(Outcome::Unknown)
        };
        let rule = RuleFacts {
            facts: &facts,
            kind: EventKind::Later,
            direction: Direction::Inbound,
            status: &status.name,
            known: Disposition::Unknown,
            attempts,
            attempts_today: 0,
            intervals_min: None,
            ended_at: now,
        };
        let view = View {
            rule: &rule,
            word: "",
            outcome: Outcome::Unknown,
            disposition,
            status,
            set: self,
            heard: OnceCell::new(),
        };
        let answer = self.ask(&cage::RUNNER, Script::StopRedial, &view)?;
        Ok(stop_wish(&answer, disposition, status.kind).or_else(|| {
            (status.kind == StatusKind::Invalid).then(|| StopWish {
                scope: StopScope::Lead,
                reason: "the number is no good".to_owned(),
            })
        }))
    }
}

/// What a talk would have meant that led there. INVARIANT: a status that stops the phone is a do-not-call.
fn meant_by(status: &Status) -> Disposition {
    match status.kind {
        StatusKind::Stopped => Disposition::Dnc,
        StatusKind::Won => Disposition::Sale,
        _ => match Disposition::parse(status.name.as_str()) {
            // Only the kind makes these: a name alone marks no phone and sells nothing.
            Some(Disposition::Dnc | Disposition::Sale) | None => Disposition::Unknown,
            Some(named) => named,
        },
    }
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;
    use redial_domain::RuleSetName;

    use super::*;

    #[test]
    fn a_status_stops_in_a_persons_hand_where_it_stops_after_a_call() {
        let now = DateTime::<Utc>::UNIX_EPOCH;
        use StopScope::{Lead, Phone, Subject};
        for (set, status, promised, scope) in [
            ("until-sale-or-dnc", "contacted", false, None),
            ("until-sale-or-dnc", "not_interested", false, None),
            ("until-sale-or-dnc", "transferred", false, None),
            ("until-sale-or-dnc", "sale", false, Some(Subject)),
            ("until-sale-or-dnc", "dnc", false, Some(Phone)),
            ("until-sale-or-dnc", "invalid", false, Some(Lead)),
            ("stop-on-transfer", "transferred", false, Some(Lead)),
            ("stop-on-transfer", "callback", false, Some(Lead)),
            ("stop-on-transfer", "callback", true, None),
            ("kanban-he", "won", false, Some(Subject)),
            ("kanban-he", "not_relevant", false, Some(Lead)),
            ("kanban-he", "follow_up", false, None),
            ("property-india", "qualified", false, Some(Lead)),
        ] {
            let rules = RuleSet::built_in(&RuleSetName::parse(set).unwrap()).unwrap();
            let callback_at = promised.then(|| now + TimeDelta::hours(1));
            let at = rules.spec().status(status).unwrap();
            let stop = rules.stop_at(at, 0, callback_at, now).unwrap();
            assert_eq!(stop.map(|stop| stop.scope), scope, "{set}: {status}");
        }
    }
}
