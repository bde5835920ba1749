//! 7: every webhook that was answered with 2xx is found again: in its attempt's deliveries, or kept for people.

use std::collections::BTreeMap;

use redial_domain::Region;
use redial_telephony::bland;

use super::{Items, text};
use crate::world::World;

/// Deliveries that one attempt keeps.
const DELIVERIES_MAX: usize = 16;

pub(super) fn end(world: &World, items: &Items) {
    let mut missing = BTreeMap::new();
    for delivered in world.phones.delivered() {
        // Only to know the delivery's name.
        let Ok(event) = bland::parse(delivered.body.as_bytes(), Region::US) else {
            continue;
        };
        let stored = items
            .attempts
            .iter()
            .find(|attempt| text(attempt, "id") == delivered.attempt);
        let deliveries = stored.and_then(|attempt| attempt["deliveries"].as_array());
        let applied = deliveries.is_some_and(|all| {
            all.len() >= DELIVERIES_MAX || all.iter().any(|one| one.as_str() == Some(event.delivery.as_str()))
        });
        if !applied {
            missing.insert((delivered.call_id.clone(), event.delivery.to_string()), delivered.phone);
        }
    }
    let kept = items.kept.len();
    if missing.len() > kept
        && let Some(((call, delivery), phone)) = missing.first_key_value()
    {
        let what = format!(
            "{} webhooks were taken and are in no attempt, {kept} are kept; one is {delivery} about {call} to {phone}",
            missing.len()
        );
        world.judge.found("books", world.now(), what, phone);
    }
}
