//! 3: never above a cap: calls of a day and a lead's life, calls that law allows in its hours, and two minutes between two
//! calls.

use chrono::TimeDelta;

use crate::phones::Placed;
use crate::world::World;

/// Times are counted from reservation to reservation. One may wait ten seconds before its call is accepted, its time is
/// kept in whole seconds, and clocks of two machines may be a few seconds apart.
const ABOUT: TimeDelta = TimeDelta::seconds(10 + 1 + 5);
/// Between two calls.
const GAP: TimeDelta = TimeDelta::minutes(2);

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
    let allowed = world.homes().allowed(phone);
    for cap in allowed.into_iter().flat_map(|allowed| allowed.caps(now)) {
        let hours = TimeDelta::hours(cap.hours);
        let counts = |other: &&&Placed| {
            let same = world
                .plan(&other.campaign)
                .is_some_and(|other| other.subject == plan.subject);
            (same || !cap.of_subject) && now - other.call.accepted_at < hours
        };
        let n = earlier.iter().filter(counts).count();
        if n >= cap.calls {
            let of = if cap.of_subject { plan.subject } else { "any" };
            let what = format!(
                "{phone} gets call {} of {} hours about {of}, law allows {}",
                n + 1,
                cap.hours,
                cap.calls
            );
            world.judge.found("caps", now, what, phone);
        }
    }
    let of_lead = earlier.iter().filter(|other| other.lead == placed.lead).count();
    if plan.total.is_some_and(|total| of_lead >= total) {
        let what = format!("{phone} gets call {} in all, the cap is {:?}", of_lead + 1, plan.total);
        world.judge.found("caps", now, what, phone);
    }
    if let Some(last) = earlier.last().filter(|last| now - last.call.accepted_at < GAP - ABOUT) {
        let what = format!(
            "{phone} is called {} s after the last call began",
            (now - last.call.accepted_at).num_seconds()
        );
        world.judge.found("caps", now, what, phone);
    }
}
