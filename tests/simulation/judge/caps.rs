//! 3: never above a cap: calls of a day and a lead's life, calls that law allows in its hours, and two minutes between two
//! calls.

use chrono::{DateTime, TimeDelta, Utc};

use crate::phones::Placed;
use crate::world::World;

/// Times are counted from reservation to reservation. One may wait ten seconds before its call is accepted, its time is
/// kept in whole seconds, and clocks of two machines may be a few seconds apart.
const ABOUT: TimeDelta = TimeDelta::seconds(10 + 1 + 5);
/// Between two calls.
const GAP: TimeDelta = TimeDelta::minutes(2);

/// A call that somebody else made and reported.
#[derive(Debug, Clone)]
pub(crate) struct Reported {
    pub(crate) phone: String,
    /// None is about everything.
    pub(crate) subject: Option<&'static str>,
    pub(crate) started_at: DateTime<Utc>,
    /// When the API had answered.
    pub(crate) known_at: DateTime<Utc>,
}

pub(super) fn accepted(world: &World, placed: &Placed, before: &[Placed], reported: &[Reported]) {
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
    // Who had reserved before a report was answered may still be placing.
    let of_others: Vec<&Reported> = reported
        .iter()
        .filter(|other| other.phone == *phone && other.known_at + ABOUT <= now)
        .collect();
    let ours_today = earlier
        .iter()
        .filter(|other| plan.date(other.call.accepted_at) == today);
    let others_today = of_others.iter().filter(|other| plan.date(other.started_at) == today);
    let of_today = ours_today.count() + others_today.count();
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
        let counts_too = |other: &&&Reported| {
            let same = other.subject.is_none_or(|subject| subject == plan.subject);
            (same || !cap.of_subject) && now - other.started_at < hours
        };
        let n = earlier.iter().filter(counts).count() + of_others.iter().filter(counts_too).count();
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
    let of_subject = |other: &&&Reported| other.subject.is_none_or(|subject| subject == plan.subject);
    let ours = earlier.iter().filter(|other| other.lead == placed.lead).count();
    let of_lead = ours + of_others.iter().filter(of_subject).count();
    if plan.total.is_some_and(|total| of_lead >= total) {
        let what = format!("{phone} gets call {} in all, the cap is {:?}", of_lead + 1, plan.total);
        world.judge.found("caps", now, what, phone);
    }
    if let Some(last) = of_others.iter().find(|other| now - other.started_at < GAP - ABOUT) {
        let what = format!(
            "{phone} is called {} s after somebody else's call",
            (now - last.started_at).num_seconds()
        );
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
