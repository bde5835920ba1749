//! 2: never a call ringing outside its campaign's hours.

use crate::phones::Placed;
use crate::world::World;

pub(super) fn rang(world: &World, placed: &Placed) {
    let Some(plan) = world.plan(&placed.campaign) else {
        return;
    };
    if !world
        .calendar(plan.id)
        .is_some_and(|calendar| calendar.is_open(placed.rings_at))
    {
        let phone = &placed.call.phone;
        let local = placed.rings_at.with_timezone(&plan.zone);
        let what = format!(
            "{phone} rings at {}, open from {}; accepted at {}",
            local.format("%a %H:%M:%S"),
            plan.told(),
            placed.call.accepted_at.with_timezone(&plan.zone).format("%H:%M:%S"),
        );
        world.judge.found("windows", placed.rings_at, what, phone);
    }
}
