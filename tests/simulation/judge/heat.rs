//! 10: no partition is hotter than it may be.

use crate::world::World;

/// Units in one second of one partition. AWS takes 1,000 writes or 3,000 reads; a world places some calls a second where
/// AWS places hundreds, so it is held to a twentieth.
const UNITS_MAX: f64 = 50.0;

pub(super) fn end(world: &World) {
    for (partition, units) in world.table.hottest() {
        if units > UNITS_MAX {
            let what = format!("{partition} took {units} units in one second");
            world.judge.found("heat", world.now(), what, &partition);
        }
    }
}
