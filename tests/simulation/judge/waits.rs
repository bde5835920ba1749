//! 3, too: never a call before its time. The ladder's wait, a time that a person asked for, and the pause after a transfer
//! are lower bounds, counted from the network's own times of the calls before.

use chrono::{DateTime, TimeDelta, Utc};
use redial_local::phone_outcomes::CallOutcome;

use crate::phones::Placed;
use crate::world::World;

const NAME: &str = "waits";
/// Who was connected to a person is left alone for half an hour.
const HOLD: TimeDelta = TimeDelta::minutes(30);
/// Times of talks come in whole seconds, rounded, and clocks may be seconds apart.
const ABOUT: TimeDelta = TimeDelta::seconds(10);

/// Whether the functions heard of a call's end in time to keep to it, with a clock that says what minutes are.
fn heard(world: &World, earlier: &Placed) -> Option<DateTime<Utc>> {
    let told = world.evidence.of(&earlier.call.call_id);
    let judged = earlier.is_told() && !told.by_a_wrong_clock && !world.evidence.was_given_up(&earlier.attempt);
    told.end.filter(|_| judged)
}

pub(super) fn accepted(world: &World, placed: &Placed, before: &[Placed], resumed: Option<DateTime<Utc>>) {
    let now = world.now();
    let phone = &placed.call.phone;
    for earlier in before.iter().filter(|earlier| earlier.call.phone == *phone) {
        let transferred = matches!(
            earlier.outcome,
            CallOutcome::Transferred | CallOutcome::TransferredThenSale
        );
        if transferred && heard(world, earlier).is_some() && now < earlier.ends_at + HOLD - ABOUT {
            let what = format!(
                "{phone} is called {} s after the transfer of {}",
                (now - earlier.ends_at).num_seconds(),
                earlier.call.call_id
            );
            world.judge.found(NAME, now, what, phone);
        }
    }
    let of_lead: Vec<&Placed> = before
        .iter()
        .filter(|earlier| earlier.lead == placed.lead && earlier.rang())
        .collect();
    let (Some(last), Some(plan)) = (of_lead.last(), world.plan(&placed.campaign)) else {
        return;
    };
    let Some(heard) = heard(world, last) else { return };
    // Who resumes a lead wants it called now.
    if resumed.is_some_and(|at| at >= last.call.accepted_at) {
        return;
    }
    if let Some(asked_for) = last.asked_for().filter(|at| *at > heard) {
        if now < asked_for - ABOUT {
            let what = format!("{phone} is called although the person asked for a call at {asked_for}");
            world.judge.found(NAME, now, what, phone);
        }
        return;
    }
    // Calls on either side of midnight may be counted to either day: the fewer, the shorter the wait.
    let calls = |today| {
        of_lead
            .iter()
            .filter(|earlier| {
                let (reserved, accepted) = (earlier.call.accepted_at - ABOUT * 2, earlier.call.accepted_at);
                plan.date(reserved) == today && plan.date(accepted) == today
            })
            .count()
    };
    let reserved = plan.date(last.call.accepted_at - ABOUT * 2);
    let n = calls(plan.date(last.call.accepted_at)).min(calls(reserved));
    let list = plan.intervals_min;
    let Some(wait) = list.get(n).or(list.last()) else {
        return;
    };
    let due = last.ends_at + TimeDelta::minutes(i64::from(*wait));
    if now < due - ABOUT {
        let what = format!(
            "{phone} is called {} s after the end of {}; after call {n} of the day the wait is {wait} minutes",
            (now - last.ends_at).num_seconds(),
            last.call.call_id
        );
        world.judge.found(NAME, now, what, phone);
    }
}
