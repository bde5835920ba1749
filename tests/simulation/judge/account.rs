//! 8, too: never more calls at once on a provider's account than it may have, and in no minute more than a rate allows, an
//! account's or a campaign's.

use chrono::{DateTime, TimeDelta, Utc};

use crate::phones::Placed;
use crate::world::World;

/// A call begins at its moment or up to this much later: a reservation may wait so long for its call.
const LATE_MAX: TimeDelta = TimeDelta::seconds(10);

/// What people told of an account.
#[derive(Debug, Clone, Copy)]
pub(crate) struct AccountLimits {
    pub(crate) at_once: usize,
    pub(crate) per_minute: usize,
    /// From when on it holds.
    pub(crate) since: DateTime<Utc>,
}

pub(super) fn accepted(world: &World, placed: &Placed, before: &[Placed], account: Option<AccountLimits>) {
    let now = world.now();
    let phone = &placed.call.phone;
    let found = |what: String| world.judge.found("account", now, what, phone);
    // Calls of a minute may have been accepted within a minute and the time by which one may be late.
    let begun = |of: &dyn Fn(&Placed) -> bool, since: DateTime<Utc>| {
        let from = (now - TimeDelta::minutes(1) - LATE_MAX).max(since);
        before
            .iter()
            .filter(|other| of(other) && other.call.accepted_at > from)
            .count()
    };
    let in_the_time = |per_minute: usize| (per_minute * 7).div_ceil(6);
    if let Some(limits) = account.filter(|limits| limits.since <= now) {
        let at_once = before.iter().filter(|other| other.ends_at > now).count();
        if at_once >= limits.at_once {
            found(format!(
                "the account has {} calls at once, of {}",
                at_once + 1,
                limits.at_once
            ));
        }
        let n = begun(&|_| true, limits.since) + 1;
        if n > in_the_time(limits.per_minute) {
            found(format!(
                "{n} calls of the account begin in 70 s, of {} a minute",
                limits.per_minute
            ));
        }
    }
    if let Some(per_minute) = world.plan(&placed.campaign).and_then(|plan| plan.per_minute) {
        let n = begun(&|other| other.campaign == placed.campaign, DateTime::UNIX_EPOCH) + 1;
        if n > in_the_time(per_minute) {
            found(format!(
                "{n} calls of {} begin in 70 s, of {per_minute} a minute",
                placed.campaign
            ));
        }
    }
}
