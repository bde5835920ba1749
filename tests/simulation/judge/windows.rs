//! 2: never a call ringing outside its campaign's hours, nor where law has closed, nor where no law is known.

use crate::phones::Placed;
use crate::world::World;

pub(super) fn rang(world: &World, placed: &Placed) {
    let (phone, at) = (&placed.call.phone, placed.rings_at);
    let found = |what: String| world.judge.found("windows", at, what, phone);
    let Some(plan) = world.plan(&placed.campaign) else {
        return;
    };
    if !world.calendar(plan.id).is_some_and(|calendar| calendar.is_open(at)) {
        let local = at.with_timezone(&plan.zone);
        found(format!(
            "{phone} rings at {}, open from {}; accepted at {}",
            local.format("%a %H:%M:%S"),
            plan.told(),
            placed.call.accepted_at.with_timezone(&plan.zone).format("%H:%M:%S"),
        ));
    }
    match world.homes().allowed(phone) {
        None => found(format!("{phone} rings, and nobody knows what law allows there")),
        Some(allowed) if !allowed.may_ring(at) => found(format!(
            "{phone} rings at {} where law has closed, in one of {}; accepted at {}",
            at.format("%a %H:%M:%S UTC"),
            allowed.zones().into_iter().collect::<Vec<_>>().join(", "),
            placed.call.accepted_at.format("%H:%M:%S"),
        )),
        Some(_) => {}
    }
}
