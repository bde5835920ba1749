//! What was reported about past calls, as the rules were told it then.
//!
//! Data flow: attempts of a hundred keys → the payload that rides along, and those that are kept beside → parsed as
//! when they came → the one that ended the call, then the later ones in the order in which they were kept.
//!
//! A payload that is gone, or was never there, is made up for by what the attempt still says.

use redial_aws::App;
use redial_aws::kept::unpack;
use redial_aws::past_calls::{PastAttempt, Payload};
use redial_aws::table::{Key, TableError};
use redial_domain::{AttemptId, CallEvent, EventKind, Phone, Region};
use redial_rules::replay::PastCall;

/// Attempts read at once: the most keys that DynamoDB takes in one request.
pub(crate) const ATTEMPTS_PER_READ: usize = 100;

/// An attempt, and the report that ended it if it rides along.
struct Read {
    past: PastAttempt,
    ending: Option<CallEvent>,
}

/// The calls of so many attempts, in their order; those that are gone are left out.
pub(crate) async fn read(app: App, keys: Vec<Key>) -> Result<Vec<PastCall>, TableError> {
    let attempts = app.table.past_attempts(&keys).await?;
    let attempts: Vec<Read> = attempts
        .into_iter()
        .map(|past| {
            let ending = past.raw.as_deref().and_then(|raw| parse(&past, raw));
            Read { past, ending }
        })
        .collect();
    let wanted: Vec<(&Phone, &AttemptId, &str)> = attempts.iter().flat_map(kept_beside).collect();
    let mut payloads = app.table.payloads(&wanted).await?;
    let calls = attempts.into_iter().map(|Read { past, ending }| {
        let id = &past.stored.attempt.id;
        let mut beside: Vec<Payload> = past
            .stored
            .deliveries
            .iter()
            .filter_map(|delivery| payloads.remove(&(id.clone(), delivery.clone())))
            .collect();
        beside.sort_by(|a, b| (a.kept_at, &a.delivery).cmp(&(b.kept_at, &b.delivery)));
        let later = beside.iter().filter_map(|payload| parse(&past, &payload.raw)).collect();
        call(past, ending, later)
    });
    Ok(calls.collect())
}

/// Deliveries whose payload does not ride along.
fn kept_beside(read: &Read) -> impl Iterator<Item = (&Phone, &AttemptId, &str)> {
    let rides = read.ending.as_ref().map(|event| event.delivery.as_str());
    let deliveries = read.past.stored.deliveries.iter().map(String::as_str);
    deliveries
        .filter(move |delivery| Some(*delivery) != rides)
        .map(|delivery| (&read.past.phone, &read.past.stored.attempt.id, delivery))
}

fn parse(past: &PastAttempt, raw: &[u8]) -> Option<CallEvent> {
    redial_telephony::parse(&past.stored.attempt.provider, &unpack(raw), Region::US)
}

fn call(past: PastAttempt, riding: Option<CallEvent>, mut beside: Vec<CallEvent>) -> PastCall {
    let deliveries = past.stored.deliveries.len();
    let all_are_here = beside.len() + usize::from(riding.is_some()) == deliveries;
    let ending = riding.or_else(|| {
        // What ended the call was kept first. Two of one second: the one that says so itself.
        let first = beside.iter().position(|event| event.kind == EventKind::Ended);
        match first {
            Some(first) => Some(beside.remove(first)),
            // The terminal report was lost, and later news ended the call.
            None if all_are_here && !beside.is_empty() => Some(beside.remove(0)),
            None => None,
        }
    });
    PastCall::new(past.phone, past.stored.attempt, ending, beside)
}
