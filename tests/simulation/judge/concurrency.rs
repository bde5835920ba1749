//! 8: never more calls at once than a campaign may have.

use crate::phones::Placed;
use crate::world::World;

pub(super) fn accepted(world: &World, placed: &Placed, before: &[Placed]) {
    let Some(plan) = world.plan(&placed.campaign) else {
        return;
    };
    let now = world.now();
    let others = before
        .iter()
        .filter(|other| other.campaign == placed.campaign && other.ends_at > now)
        .count();
    if others >= plan.at_once {
        let what = format!(
            "campaign {} has {} calls at once, of {}",
            plan.id,
            others + 1,
            plan.at_once
        );
        world.judge.found("concurrency", now, what, &placed.call.phone);
    }
}
