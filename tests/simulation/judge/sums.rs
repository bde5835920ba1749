//! 7, too: statuses sum to leads, and everything that was received is counted as what became of it.

use serde_json::Value;

use super::{Items, text};
use crate::world::World;

const NAME: &str = "sums";
/// What may become of a message of the calls queue, as the functions count it.
const BECAME: [&str; 9] = [
    "outcome.applied",
    "outcome.enriched",
    "outcome.duplicate",
    "outcome.parked",
    "outcome.unmatched",
    "outcome.unreadable",
    "outcome.ignored",
    "outcome.lead_taken",
    "outcome.retried",
];

pub(super) fn end(world: &World, items: &Items, status: &Value) {
    let found = |what: String, about: &str| world.judge.found(NAME, world.now(), what, about);
    for lead in &items.leads {
        let column = text(lead, "b_pk").split('#').nth(1).unwrap_or_default();
        if column != text(lead, "status") {
            let what = format!(
                "{} is {} and stands on the board as {column}",
                text(lead, "phone"),
                text(lead, "status")
            );
            found(what, text(lead, "phone"));
        }
    }
    let stats = &status["stats"];
    let counted = |state: &str| stats[state].as_u64().unwrap_or_default();
    let by_state: u64 = STATES.iter().map(|state| counted(state)).sum();
    let leads = items.leads.len() as u64;
    if (counted("total_records"), by_state) != (leads, leads) {
        let total = counted("total_records");
        found(
            format!("{leads} leads are counted as {total}, by state as {by_state}"),
            "leads",
        );
    }
    let totals = world.metrics.totals();
    let metric = |name: &str| totals.get(name).copied().unwrap_or_default();
    let (messages, taken, refused) = world.evidence.counts();
    let became: u64 = BECAME.iter().map(|name| metric(name)).sum();
    if became != messages {
        found(
            format!("{messages} messages were answered for, {became} are counted"),
            "outcomes",
        );
    }
    if (metric("webhook.accepted"), metric("webhook.rejected")) != (taken, refused) {
        let (accepted, rejected) = (metric("webhook.accepted"), metric("webhook.rejected"));
        let what = format!("{taken} webhooks were taken and {refused} refused; counted are {accepted} and {rejected}");
        found(what, "webhook");
    }
}

/// Where a lead may stand in the queue.
const STATES: [&str; 10] = [
    "pending",
    "rescheduled",
    "queued",
    "dialing",
    "daily_max_reached",
    "paused",
    "completed",
    "max_attempts",
    "removed",
    "parked",
];
