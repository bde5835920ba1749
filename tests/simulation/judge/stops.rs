//! 4: never a call after a stop, a do-not-call or a pause was answered.

use chrono::{DateTime, TimeDelta, Utc};

use crate::phones::Placed;
use crate::world::World;

/// A call that was reserved before the mark may still be on its way: ten seconds to be sent, a slow way, and clocks.
const ON_ITS_WAY: TimeDelta = TimeDelta::seconds(20);

/// What a person was told: no more calls of this kind.
#[derive(Debug, Clone)]
pub(crate) struct Promise {
    /// `all`, `campaign:<id>` or `lead:<id>`.
    pub(crate) of: String,
    /// Since when.
    pub(crate) since: DateTime<Utc>,
    /// Attempts that the answer named as not decided yet.
    pub(crate) but: Vec<String>,
}

impl Promise {
    fn covers(&self, placed: &Placed) -> bool {
        self.of == "all"
            || self.of == format!("campaign:{}", placed.campaign)
            || self.of == format!("lead:{}", placed.lead)
    }
}

pub(super) fn accepted(world: &World, placed: &Placed, promises: &[Promise]) {
    let now = world.now();
    let phone = &placed.call.phone;
    for promise in promises {
        if promise.covers(placed) && !promise.but.contains(&placed.attempt) {
            let what = format!(
                "{phone} is called for {} although {} was answered as stopped at {}",
                placed.campaign,
                promise.of,
                promise.since.format("%H:%M:%S")
            );
            world.judge.found("stops", now, what, phone);
        }
    }
    if let Some(since) = world
        .table
        .marked_since(phone)
        .filter(|since| now > *since + ON_ITS_WAY)
    {
        let what = format!(
            "{phone} is called although it is marked since {}",
            since.format("%H:%M:%S")
        );
        world.judge.found("stops", now, what, phone);
    }
    if let Some(said) = world.phones.said_stop(phone).filter(|said| now > *said + TAKEN) {
        let what = format!(
            "{phone} is called although a webhook of {} said to stop",
            said.format("%H:%M:%S")
        );
        world.judge.found("stops", now, what, phone);
    }
}

/// A taken stop is applied within this, also when its message comes again several times: four visibility time-outs.
const TAKEN: TimeDelta = TimeDelta::minutes(13);
