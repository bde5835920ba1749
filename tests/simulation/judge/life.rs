//! 4, too: a campaign that starts and ends by itself calls in between, and never before or after; in the end it has ended.

use chrono::TimeDelta;

use super::text;
use crate::phones::Placed;
use crate::world::World;

const NAME: &str = "life";
/// A call that was permitted before the end may still be on its way: ten seconds to be sent, a slow way, and clocks.
const ON_ITS_WAY: TimeDelta = TimeDelta::seconds(20);

pub(super) fn accepted(world: &World, placed: &Placed) {
    let scheduled = world
        .plan(&placed.campaign)
        .and_then(|plan| plan.scheduled(world.begins()));
    let Some((starts, ends)) = scheduled else { return };
    let now = world.now();
    let slack = ON_ITS_WAY + world.clocks_differ();
    if now < starts - slack || now > ends + slack {
        let phone = &placed.call.phone;
        let what = format!(
            "{phone} is called for {}, which runs from {} to {}",
            placed.campaign,
            starts.format("%H:%M:%S"),
            ends.format("%H:%M:%S")
        );
        world.judge.found(NAME, now, what, phone);
    }
}

pub(super) fn end(world: &World) {
    for plan in world.plans().iter().filter(|plan| plan.scheduled_min.is_some()) {
        let found = |what: String| world.judge.found(NAME, world.now(), what, plan.id);
        let items = world.table.items();
        let stored = items
            .iter()
            .find(|item| text(item, "pk") == "CAMPAIGNS" && text(item, "sk") == plan.id);
        let status = stored.map_or("gone", |item| text(item, "status"));
        if status != "completed" {
            found(format!("{} should have ended by itself and is {status}", plan.id));
        }
        let called = world
            .phones
            .with_calls(|calls| calls.iter().filter(|call| call.campaign == plan.id).count());
        if called == 0 {
            found(format!("{} should have started by itself and called nobody", plan.id));
        }
    }
}
