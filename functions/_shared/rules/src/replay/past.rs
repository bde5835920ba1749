//! One past call with what was reported about it; without payloads, what its attempt still says.

use redial_domain::{
    Attempt, CallEvent, DeliveryId, Direction, Disposition, EventKind, ExplicitStop, Facts, LeadState, Leg,
    OurMetadata, Outcome, Phone, StopSource,
};

/// A call that is over.
#[derive(Debug, Clone)]
pub struct PastCall {
    /// Whom.
    pub phone: Phone,
    /// The attempt as it is kept.
    pub attempt: Attempt,
    /// What was reported: first what ended it, then what came later.
    pub events: Vec<CallEvent>,
    /// Whether what ended it is only known from the attempt.
    pub rebuilt: bool,
}

impl PastCall {
    /// A call with its reports, in the order in which they came. Without the one that ended it, that is made from the
    /// attempt.
    pub fn new(phone: Phone, attempt: Attempt, ending: Option<CallEvent>, later: Vec<CallEvent>) -> Self {
        let rebuilt = ending.is_none();
        let mut events = vec![ending.unwrap_or_else(|| rebuild(&attempt))];
        events.extend(later);
        for (n, event) in events.iter_mut().enumerate() {
            // The first proves that the call is over, whatever it says itself.
            event.kind = if n == 0 { EventKind::Ended } else { EventKind::Later };
            event.direction = attempt.direction;
            event.facts.ended_at = Some(attempt.ended_at);
        }
        Self {
            phone,
            attempt,
            events,
            rebuilt,
        }
    }
}

/// The report that an attempt was made from, as far as the attempt still says.
pub fn rebuild(attempt: &Attempt) -> CallEvent {
    let promised = attempt
        .decision
        .as_ref()
        .filter(|decision| decision.state == LeadState::Rescheduled)
        .and_then(|decision| decision.next_at);
    let facts = Facts {
        may_have_rung: attempt.counted || attempt.direction == Direction::Inbound,
        failure: attempt.failure,
        disposition_word: attempt.word.clone(),
        transfer: attempt.transfer,
        ended_at: Some(attempt.ended_at),
        talk_s: attempt.talk_s,
        callback_requested: attempt.disposition == Disposition::Callback,
        callback_at: promised,
        stop: (attempt.disposition == Disposition::Dnc).then(|| ExplicitStop {
            source: StopSource::Disposition,
            words: String::new(),
        }),
        ..Facts::ended(if attempt.counted || attempt.direction == Direction::Inbound {
            attempt.outcome
        } else {
            Outcome::NotPlaced
        })
    };
    CallEvent {
        provider: attempt.provider.clone(),
        call_id: attempt.call_id.clone(),
        kind: EventKind::Ended,
        delivery: match DeliveryId::parse("rebuilt") {
            Ok(id) => id,
            Err(error) => unreachable!("a plain word is an id: {error}"),
        },
        leg: Leg::Lead,
        direction: attempt.direction,
        phone: None,
        ours: OurMetadata::default(),
        facts,
    }
}
