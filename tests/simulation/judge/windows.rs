//! 2: never a call ringing outside its campaign's hours.

use crate::phones::Placed;
use crate::world::World;

pub(super) fn rang(world: &World, placed: &Placed) {
    let Some(plan) = world.plan(&placed.campaign) else {
        return;
    };
    if !plan.is_open(placed.rings_at) {
        let phone = &placed.call.phone;
        let local = placed.rings_at.with_timezone(&plan.zone);
        let what = format!(
            "{phone} rings at {} in {}, open from {} to {}; accepted at {}",
            local.format("%a %H:%M:%S"),
            plan.zone,
            plan.opens,
            plan.closes,
            placed.call.accepted_at.with_timezone(&plan.zone).format("%H:%M:%S"),
        );
        world.judge.found("windows", placed.rings_at, what, phone);
    }
}
