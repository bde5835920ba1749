//! 3: never above a cap: calls of a day and a lead's life, and two minutes between two calls.

use chrono::TimeDelta;

use crate::phones::Placed;
use crate::world::World;

/// Two minutes between two reservations. A reservation may wait ten seconds before its call is accepted, its time is
/// kept in whole seconds, and clocks of two machines may be a few seconds apart.
const GAP: TimeDelta = TimeDelta::seconds(120 - 10 - 1 - 5);

pub(super) fn accepted(world: &World, placed: &Placed, before: &[Placed]) {
    let Some(plan) = world.plan(&placed.campaign) else {
        return;
    };
    let now = world.now();
    let phone = &placed.call.phone;
    let today = plan.date(now);
    let earlier: Vec<&Placed> = before
        .iter()
        .filter(|other| other.call.phone == *phone && other.rang())
        .collect();
    let of_today = earlier
        .iter()
        .filter(|other| plan.date(other.call.accepted_at) == today)
        .count();
    if of_today >= plan.per_day {
        let what = format!(
            "{phone} gets call {} of the day, the cap is {}",
            of_today + 1,
            plan.per_day
        );
        world.judge.found("caps", now, what, phone);
    }
    let of_lead = earlier.iter().filter(|other| other.lead == placed.lead).count();
    if plan.total.is_some_and(|total| of_lead >= total) {
        let what = format!("{phone} gets call {} in all, the cap is {:?}", of_lead + 1, plan.total);
        world.judge.found("caps", now, what, phone);
    }
    if let Some(last) = earlier.last().filter(|last| now - last.call.accepted_at < GAP) {
        let what = format!(
            "{phone} is called {} s after the last call began",
            (now - last.call.accepted_at).num_seconds()
        );
        world.judge.found("caps", now, what, phone);
    }
}
