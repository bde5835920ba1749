//! 1: never two calls in flight to one phone.

use crate::phones::Placed;
use crate::world::World;

pub(super) fn accepted(world: &World, placed: &Placed, before: &[Placed]) {
    let now = world.now();
    let phone = &placed.call.phone;
    let other = before
        .iter()
        .find(|other| other.call.phone == *phone && other.ends_at > now);
    if let Some(other) = other {
        let what = format!(
            "{phone} is called ({}) while {} goes on",
            placed.call.call_id, other.call.call_id
        );
        world.judge.found("one_call", now, what, phone);
    }
    if let Some(other) = before.iter().find(|other| other.attempt == placed.attempt) {
        let what = format!(
            "attempt {} was placed twice, as {} and {}",
            placed.attempt, other.call.call_id, placed.call.call_id
        );
        world.judge.found("one_call", now, what, phone);
    }
}
