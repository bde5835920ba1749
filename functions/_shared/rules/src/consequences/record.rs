//! The record of a decision, as history and explanation show it.

use redial_domain::{Decision, Disposition, Lead, RuleAnswer, StatusName, StopScope, Unpromised};

/// The record of a decision. A callback that could not be promised is told in it beside the rule's own reason, because no
/// rule has to look for one.
pub fn decision(answer: &RuleAnswer, from: &StatusName, lead: &Lead, stop: Option<StopScope>) -> Decision {
    let mut trace = answer.trace.clone();
    // A stop has its own reason, in which only a time that was read and not believed would be missing.
    let is_told = |unpromised: &Unpromised| {
        stop.is_none() || (answer.disposition == Disposition::Callback && *unpromised != Unpromised::WithoutTime)
    };
    if let Some(unpromised) = answer.unpromised.filter(is_told) {
        let holds = match (lead.next_at, lead.callback_at) {
            (None, _) => "",
            (Some(_), Some(_)) => ": what was promised before holds",
            (Some(_), None) => ": the ordinary interval holds",
        };
        trace.why = format!("{}; {unpromised}{holds}", trace.why);
    }
    Decision {
        trace,
        from: from.clone(),
        to: lead.status.clone(),
        state: lead.state,
        next_at: lead.next_at,
        callback_at: lead.callback_at,
        stop,
        moved_by: answer.moved_by.clone(),
        again: None,
    }
}
