//! Whose call it is that the provider has to a number: our attempt's, another's, or may be ours.
//!
//! Pure. A call that may be ours and goes on is a doubt; it refuses to know what follows from a doubt.

use chrono::{DateTime, TimeDelta, Utc};
use redial_domain::{CallEvent, Direction, EventKind, InFlight};

use crate::verdict::CLOCKS_DIFFER;

/// The provider has answered a wish to place a call, or never will, this long after the last moment to send it.
const ANSWERED_WITHIN: TimeDelta = TimeDelta::seconds(10);

/// Whose call the provider's record of a candidate is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Whose {
    /// It carries our attempt's id.
    Ours,
    /// It cannot be this attempt's, or it is over: nothing alive is hidden in it.
    Another,
    /// It carries no id of ours, came when we asked for a call, and goes on.
    MayBeOurs,
}

/// Judges a candidate.
pub(crate) fn whose(candidate: &CallEvent, inflight: &InFlight) -> Whose {
    match &candidate.ours.attempt {
        Some(attempt) if *attempt == inflight.id => Whose::Ours,
        Some(_) => Whose::Another,
        None if candidate.direction == Direction::Inbound || candidate.kind == EventKind::Ended => Whose::Another,
        None if may_have_been_placed(candidate.facts.created_at, inflight) => Whose::MayBeOurs,
        None => Whose::Another,
    }
}

/// Whether the provider may have taken our attempt at that time; it may at a time that is not told.
pub(crate) fn may_have_been_placed(created_at: Option<DateTime<Utc>>, inflight: &InFlight) -> bool {
    let from = inflight.reserved_at - CLOCKS_DIFFER;
    let upto = inflight.place_by + ANSWERED_WITHIN + CLOCKS_DIFFER;
    created_at.is_none_or(|at| (from..=upto).contains(&at))
}

#[cfg(test)]
mod tests {
    use redial_domain::AttemptId;

    use super::*;
    use crate::verdict::tests::{event, inflight, min};

    #[test]
    fn whose_a_candidate_is() {
        type Change = fn(&mut CallEvent);
        let rows: [(&str, Whose, Change); 8] = [
            ("our id", Whose::Ours, |c| c.ours.attempt = Some(inflight().id)),
            ("another attempt's id", Whose::Another, |c| {
                c.ours.attempt = AttemptId::parse("X").ok()
            }),
            ("no id", Whose::MayBeOurs, |_| {}),
            ("no id, at the time of placing", Whose::MayBeOurs, |c| {
                c.facts.created_at = Some(min(2))
            }),
            ("no id, long before", Whose::Another, |c| {
                c.facts.created_at = Some(min(-3))
            }),
            ("no id, long after", Whose::Another, |c| {
                c.facts.created_at = Some(min(3))
            }),
            ("no id, and over", Whose::Another, |c| c.kind = EventKind::Ended),
            ("a call by the person", Whose::Another, |c| {
                c.direction = Direction::Inbound
            }),
        ];
        for (case, expected, change) in rows {
            let mut candidate = event(EventKind::Progress);
            change(&mut candidate);
            assert_eq!(whose(&candidate, &inflight()), expected, "{case}");
        }
    }
}
