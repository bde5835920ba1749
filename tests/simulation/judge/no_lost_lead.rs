//! 5: every lead that is not stopped has a next time, the tick can see it, and it is called when its time has come.

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::Value;

use super::{Items, moment, text};
use crate::calendar::Calendar;
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

/// Why a lead is never called, where nobody did anything.
const NEVER: [&str; 2] = ["no_law", "never_opens"];
/// The longest wait that is no day: that after tries that were refused again and again.
const WAIT_MAX: TimeDelta = TimeDelta::minutes(120);
/// Between two calls to a phone.
const GAP: TimeDelta = TimeDelta::minutes(2);

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
        let ever_opens = world.lawful(plan.id, phone).is_some_and(Calendar::ever_opens);
        let wrong = match (waits(lead), next) {
            (true, _) if !ever_opens => Some("waits, and may never be called there".to_owned()),
            (false, _) if ever_opens && NEVER.contains(&text(lead, "why")) => Some(format!(
                "is {} ({}), and may be called",
                text(lead, "st"),
                text(lead, "why")
            )),
            (false, _) if text(lead, "why") == "hung_up" && !one_talk(world, phone) => {
                Some("is parked after a hang-up, and no law asks for it".to_owned())
            }
            (true, None) => Some(format!("waits as {} and has no next time", text(lead, "st"))),
            (true, Some(next)) if latest(world, lead, now).is_some_and(|latest| next > latest) => {
                Some(format!("waits until {next} ({}), which is too late", text(lead, "why")))
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

fn one_talk(world: &World, phone: &str) -> bool {
    let law = world.homes().allowed(phone);
    law.is_some_and(|law| law.one_talk(world.now()))
}

/// The latest time that a lead may wait for, from the plan and from what people asked for: a day's cap moves it to the
/// first opening of the next day, a cap of law to the first one after its hours, any other wait to the first opening after
/// it is over.
fn latest(world: &World, lead: &Value, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
    let campaign = text(lead, "campaign");
    let phone = text(lead, "phone");
    let calendar = world.lawful(campaign, phone)?;
    let now = now + world.clocks_differ();
    let caps = world.homes().allowed(phone)?.caps(now);
    // A call may ring some minutes after it is counted, and counts so much longer.
    let late = TimeDelta::minutes(7);
    let capped = caps.iter().map(|cap| TimeDelta::hours(cap.hours) + late).max();
    let wait = capped.unwrap_or_default().max(WAIT_MAX);
    let mut latest = calendar.next_day_start(now)?.max(calendar.next_start(now + wait)?);
    world.phones.with_calls(|calls| {
        for call in calls.iter().filter(|call| call.lead == text(lead, "id")) {
            let asked_for = call.asked_for().and_then(|at| {
                let plan = world.plan(campaign)?;
                let free = calendar.next_start(at + capped.unwrap_or(GAP));
                if plan.date(at) == plan.date(call.call.accepted_at) {
                    calendar.next_day_start(at).max(free)
                } else {
                    free
                }
            });
            latest = latest.max(asked_for.unwrap_or(latest));
        }
    });
    Some(latest + TimeDelta::minutes(1))
}

/// After calm, open hours since `since` nobody who was due long ago may still wait.
pub(super) fn calm(world: &World, items: &Items, since: DateTime<Utc>) {
    let now = world.now();
    for lead in items.leads.iter().filter(|lead| waits(lead)) {
        let phone = text(lead, "phone");
        let Some(plan) = world.plan(text(lead, "campaign")) else {
            continue;
        };
        // Whom a campaign that has ended has not reached stays as they are.
        if plan.scheduled(world.begins()).is_some_and(|(_, ends)| ends <= since) {
            continue;
        }
        let Some(next) = moment(lead, "next") else { continue };
        let inflight = items.ledgers.get(phone).map(|ledger| &ledger["inflight"]);
        let reserved = inflight.and_then(|inflight| moment(inflight, "reserved_at"));
        if reserved.is_some_and(|at| now - at < IN_FLIGHT_MAX) {
            continue;
        }
        let is_open = |at| {
            let calendar = world.lawful(plan.id, phone);
            calendar.is_some_and(|calendar| calendar.is_open(at))
        };
        if is_open(since) && is_open(now) && now - next.max(since) > CALM_LAG_MAX {
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
