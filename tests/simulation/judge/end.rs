//! At the end, with nothing going wrong any more: nothing in flight, no slot held, every message done.

use redial_aws::layout::QUEUES;

use super::{Items, text};
use crate::world::World;

const NAME: &str = "end";

pub(super) fn end(world: &World, items: &Items) {
    let now = world.now();
    for (phone, ledger) in &items.ledgers {
        if ledger["inflight"].is_object() {
            let what = format!(
                "{phone} is still in flight: attempt {}",
                text(&ledger["inflight"], "id")
            );
            world.judge.found(NAME, now, what, phone);
        }
    }
    for slot in &items.slots {
        for (phone, token) in slot["t"].as_object().into_iter().flatten() {
            let what = format!("{} still holds {token} for {phone}", text(slot, "pk"));
            world.judge.found(NAME, now, what, phone);
        }
    }
    // A look or a claim that was tried in vain is worth nothing any more; a report is never given up.
    let queues = QUEUES.iter().map(|queue| queue.name).chain(["calls-dlq"]);
    for name in queues {
        let counts = world.queues.counts(name).unwrap_or_default();
        let left = counts.visible + counts.not_visible + counts.delayed;
        if left > 0 {
            world
                .judge
                .found(NAME, now, format!("{left} messages are left in {name}"), name);
        }
    }
}
