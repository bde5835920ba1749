//! 5: every lead that is not stopped has a next time, the tick can see it, and it is called when its time has come.

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::Value;

use super::{Items, moment, text};
use crate::world::World;

const NAME: &str = "no_lost_lead";
/// States in which a lead waits for a call.
const WAITING: [&str; 5] = ["pending", "rescheduled", "queued", "dialing", "daily_max_reached"];
/// In calm hours a due lead is called, or moved on, within this: a lease, two looks of reconcile five minutes apart, and
/// its place in the line.
const CALM_LAG_MAX: TimeDelta = TimeDelta::minutes(25);
/// A call that the network never ends is given up within this: ten minutes in its queue, six of talk, ten of margin, ten
/// after the stop, and a run of reconcile before each.
const IN_FLIGHT_MAX: TimeDelta = TimeDelta::minutes(50);

fn waits(lead: &Value) -> bool {
    WAITING.contains(&text(lead, "st"))
}

pub(super) fn look(world: &World, items: &Items) {
    let now = world.now();
    for lead in &items.leads {
        let phone = text(lead, "phone");
        let Some(plan) = world.plan(text(lead, "campaign")) else {
            continue;
        };
        let (line, next) = (text(lead, "q_pk"), moment(lead, "next"));
        let wrong = match (waits(lead), next) {
            (true, None) => Some(format!("waits as {} and has no next time", text(lead, "st"))),
            // A day's cap moves a lead to the next opening; a promise of a person may be days away.
            (true, Some(next)) if next > now + TimeDelta::days(4) => {
                Some(format!("waits until {next}, which is days away"))
            }
            (true, Some(_)) => {
                let owner = format!("{}#", plan.id);
                let seen = line.starts_with(&owner) && !line.contains("#rest#");
                (!seen).then(|| format!("waits where no tick looks: {line}"))
            }
            (false, Some(_)) => Some(format!("is {} and has a next time", text(lead, "st"))),
            (false, None) => {
                (!line.contains("#rest#")).then(|| format!("is {} and still in the queue: {line}", text(lead, "st")))
            }
        };
        if let Some(wrong) = wrong {
            world
                .judge
                .found(NAME, now, format!("{phone} in {}: {wrong}", plan.id), phone);
        }
    }
}

/// After calm, open hours since `since` nobody who was due long ago may still wait.
pub(super) fn calm(world: &World, items: &Items, since: DateTime<Utc>) {
    let now = world.now();
    for lead in items.leads.iter().filter(|lead| waits(lead)) {
        let phone = text(lead, "phone");
        let Some(plan) = world.plan(text(lead, "campaign")) else {
            continue;
        };
        let Some(next) = moment(lead, "next") else { continue };
        let inflight = items.ledgers.get(phone).map(|ledger| &ledger["inflight"]);
        let reserved = inflight.and_then(|inflight| moment(inflight, "reserved_at"));
        if reserved.is_some_and(|at| now - at < IN_FLIGHT_MAX) {
            continue;
        }
        if plan.is_open(since) && plan.is_open(now) && now - next.max(since) > CALM_LAG_MAX {
            let what = format!(
                "{phone} in {} is due since {} and nothing happens ({})",
                plan.id,
                next.format("%a %H:%M:%S"),
                text(lead, "why")
            );
            world.judge.found(NAME, now, what, phone);
        }
    }
}
