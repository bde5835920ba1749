//! 6: each attempt is counted once, and no later delivery lowers a do-not-call or a sale.

use std::collections::BTreeMap;

use redial_local::phone_outcomes::CallOutcome;
use serde_json::Value;

use super::{Items, text};
use crate::world::World;

pub(super) const NAME: &str = "counted_once";
/// Dispositions from what says least to what says most.
const UPWARD: [&str; 9] = [
    "unknown",
    "machine",
    "human",
    "transferred",
    "callback",
    "not_interested",
    "wrong_number",
    "sale",
    "dnc",
];

/// The highest disposition seen of each attempt, and which phones were marked.
#[derive(Debug, Default)]
pub(super) struct Ranks {
    attempts: BTreeMap<String, usize>,
    marked: BTreeMap<String, bool>,
}

fn rank(attempt: &Value) -> usize {
    UPWARD
        .iter()
        .position(|word| *word == text(attempt, "disposition"))
        .unwrap_or(0)
}

pub(super) fn look(items: &Items, ranks: &mut Ranks, fallen: &mut Vec<(String, String)>) {
    for attempt in &items.attempts {
        let phone = text(attempt, "pk").trim_start_matches("PHONE#");
        let now = rank(attempt);
        let before = ranks.attempts.entry(text(attempt, "id").to_owned()).or_default();
        if now < *before {
            let what = format!(
                "{phone}: attempt {} fell from {} to {}",
                text(attempt, "id"),
                UPWARD[*before],
                UPWARD[now]
            );
            fallen.push((what, phone.to_owned()));
        }
        *before = now;
    }
    for (phone, ledger) in &items.ledgers {
        let marked = ledger["dnc_at"].is_i64();
        let before = ranks.marked.entry(phone.clone()).or_default();
        if *before && !marked {
            fallen.push((format!("{phone}: the do-not-call mark is gone"), phone.clone()));
        }
        *before |= marked;
    }
}

pub(super) fn end(world: &World, items: &Items) {
    let now = world.now();
    // Each call that rang and is over is one counted attempt.
    for placed in world.phones.calls() {
        let phone = &placed.call.phone;
        let stored = items
            .attempts
            .iter()
            .find(|attempt| text(attempt, "id") == placed.attempt);
        match stored {
            None => {
                let what = format!("{phone}: call {} has no attempt in the table", placed.call.call_id);
                world.judge.found(NAME, now, what, phone);
            }
            Some(attempt) if placed.rang() && attempt["counted"] != true => {
                let what = format!("{phone}: call {} rang and is not counted", placed.call.call_id);
                world.judge.found(NAME, now, what, phone);
            }
            Some(_) => {}
        }
    }
    // What never rang is not counted, if anybody could know: a refusal may be forgotten with the instance that got it.
    let bad_numbers = world
        .phones
        .calls()
        .into_iter()
        .filter(|placed| placed.outcome == CallOutcome::BadNumber);
    let never_rang = bad_numbers.map(|placed| (placed.attempt, placed.call.phone)).chain(
        world
            .phones
            .refused()
            .into_iter()
            .map(|refused| (refused.attempt, refused.phone)),
    );
    for (id, phone) in never_rang {
        let counted = items.attempts.iter().any(|attempt| {
            // Given up before the refusal was heard of, it was counted to be safe, and a count never changes.
            text(attempt, "id") == id && attempt["counted"] == true && text(attempt, "end") != "lost"
        });
        if counted {
            let what = format!("{phone}: attempt {id} never rang and is counted");
            world.judge.found(NAME, now, what, &phone);
        }
    }
    for lead in &items.leads {
        let phone = text(lead, "phone");
        let counted = items
            .attempts
            .iter()
            .filter(|attempt| text(attempt, "lead") == text(lead, "id"))
            .filter(|attempt| attempt["counted"] == true && text(attempt, "dir") == "outbound")
            .count();
        if lead["n"].as_u64().unwrap_or(0) != counted as u64 {
            let what = format!(
                "{phone}: the lead counts {} calls, its attempts are {counted}",
                lead["n"]
            );
            world.judge.found(NAME, now, what, phone);
        }
    }
    // What a taken webhook said last stands: later news was not dropped.
    for delivered in world.phones.delivered() {
        let stored = items
            .attempts
            .iter()
            .find(|attempt| text(attempt, "id") == delivered.attempt);
        let sold = delivered.body.contains("\"TRANSFER_SALE\"");
        if let Some(attempt) = stored.filter(|attempt| sold && rank(attempt) < UPWARD.len() - 2) {
            let what = format!(
                "{}: a later delivery said sale, the attempt says {}",
                delivered.phone,
                text(attempt, "disposition")
            );
            world.judge.found(NAME, now, what, &delivered.phone);
        }
    }
}
