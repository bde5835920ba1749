//! 4: never a call after a stop, a do-not-call or a pause was answered, nor after a sale or a bad number was heard, nor where
//! law allows no second one after a person ended the first.

use chrono::{DateTime, TimeDelta, Utc};
use redial_local::phone_outcomes::CallOutcome;

use crate::phones::Placed;
use crate::world::World;

/// A call that was reserved before the mark may still be on its way: ten seconds to be sent, a slow way, and clocks.
const ON_ITS_WAY: TimeDelta = TimeDelta::seconds(20);

/// What a person was told: no more calls of this kind.
#[derive(Debug, Clone)]
pub(crate) struct Promise {
    /// `all`, `campaign:<id>` or `lead:<id>`.
    pub(crate) of: String,
    /// Since when.
    pub(crate) since: DateTime<Utc>,
    /// Attempts that the answer named as not decided yet.
    pub(crate) but: Vec<String>,
}

impl Promise {
    fn covers(&self, placed: &Placed) -> bool {
        self.of == "all"
            || self.of == format!("campaign:{}", placed.campaign)
            || self.of == format!("lead:{}", placed.lead)
    }
}

pub(super) fn accepted(world: &World, placed: &Placed, promises: &[Promise], before: &[Placed]) {
    let now = world.now();
    let phone = &placed.call.phone;
    for promise in promises {
        if promise.covers(placed) && !promise.but.contains(&placed.attempt) {
            let what = format!(
                "{phone} is called for {} although {} was answered as stopped at {}",
                placed.campaign,
                promise.of,
                promise.since.format("%H:%M:%S")
            );
            world.judge.found("stops", now, what, phone);
        }
    }
    if let Some(since) = world
        .table
        .marked_since(phone)
        .filter(|since| now > *since + ON_ITS_WAY)
    {
        let what = format!(
            "{phone} is called although it is marked since {}",
            since.format("%H:%M:%S")
        );
        world.judge.found("stops", now, what, phone);
    }
    for earlier in before.iter().filter(|earlier| earlier.call.phone == *phone) {
        let Some((since, why)) = forbidden(world, earlier, placed).filter(|(since, _)| now > *since + ON_ITS_WAY)
        else {
            continue;
        };
        let what = format!(
            "{phone} is called for {} although {} {why}, which was heard at {}",
            placed.campaign,
            earlier.call.call_id,
            since.format("%a %H:%M:%S")
        );
        world.judge.found("stops", now, what, phone);
    }
}

/// Since when an earlier call forbids this one, as the network knows how it went and what of it was heard. The rule set
/// in use stops for good at a sale, for its subject, and at a do-not-call, for the phone; a number that does not exist is
/// no use to anybody.
fn forbidden(world: &World, earlier: &Placed, placed: &Placed) -> Option<(DateTime<Utc>, &'static str)> {
    let told = world.evidence.of(&earlier.call.call_id);
    let subject = |of: &Placed| world.plan(&of.campaign).map(|plan| plan.subject);
    let (heard, why, reaches) = match earlier.outcome {
        CallOutcome::Sale => (told.end, "was a sale", subject(earlier) == subject(placed)),
        CallOutcome::TransferredThenSale => (told.later, "became a sale", subject(earlier) == subject(placed)),
        CallOutcome::Dnc => (told.end, "asked for no calls", true),
        CallOutcome::DncInSecondDelivery => (told.later, "asked for no calls", true),
        CallOutcome::BadNumber => (told.end, "found that the number does not exist", true),
        _ if was_hung_up(earlier) => {
            let law = world.homes().allowed(&placed.call.phone);
            let only_one = law.is_some_and(|law| law.one_talk(world.now()));
            (
                told.end,
                "was ended by the person, where law allows no second one",
                only_one,
            )
        }
        _ => return None,
    };
    heard.filter(|_| reaches && earlier.is_told()).map(|since| (since, why))
}

/// Whether the network says that a person took the call and ended it.
fn was_hung_up(earlier: &Placed) -> bool {
    let details = earlier.call.ended_at.map(|at| earlier.call.details(at));
    details.is_some_and(|told| told["answered_by"] == "human" && told["call_ended_by"] == "USER")
}
