//! Fires rate schedules at whole multiples of their interval, on the virtual clock.
//!
//! Knows no cron expressions, and nothing of what it starts. A schedule never overlaps itself; times missed by a jump
//! or a slow callback are made up in order.

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use chrono::{DateTime, TimeDelta, Utc};
use futures::future::{BoxFuture, join_all};

use crate::{activity::Activity, virtual_clock::VirtualClock};

/// What a schedule starts, with the time it was scheduled for.
pub type Callback = Arc<dyn Fn(DateTime<Utc>) -> BoxFuture<'static, ()> + Send + Sync>;

/// Times made up after a jump: a day of minutes. What is older is skipped; a laptop that slept a week needs no more.
pub const CATCH_UP_MAX: i32 = 1_440;

/// A schedule that cannot be.
#[derive(Debug, thiserror::Error)]
#[error("failed to add schedule `{name}`: its interval must be at least one second")]
pub struct BadInterval {
    name: String,
}

/// All schedules of the machine; clones share them.
#[derive(Clone)]
pub struct Scheduler {
    clock: VirtualClock,
    activity: Activity,
    schedules: Vec<Arc<Schedule>>,
}

struct Schedule {
    name: String,
    every: TimeDelta,
    callback: Callback,
    next: Mutex<DateTime<Utc>>,
}

impl fmt::Debug for Scheduler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list()
            .entries(self.schedules.iter().map(|s| (&s.name, s.every.num_seconds())))
            .finish()
    }
}

impl Scheduler {
    /// No schedules.
    pub fn new(clock: VirtualClock, activity: Activity) -> Self {
        Self {
            clock,
            activity,
            schedules: Vec::new(),
        }
    }

    /// Adds a schedule that first fires at the next whole multiple of `every` (now, if now is one), counted from the
    /// epoch in UTC.
    pub fn add(&mut self, name: &str, every: TimeDelta, callback: Callback) -> Result<(), BadInterval> {
        if every < TimeDelta::seconds(1) {
            return Err(BadInterval { name: name.to_owned() });
        }
        let next = multiple_at_or_after(self.clock.now(), every);
        let schedule = Schedule {
            name: name.to_owned(),
            every,
            callback,
            next: Mutex::new(next),
        };
        self.schedules.push(Arc::new(schedule));
        Ok(())
    }

    /// When the next schedule fires; in the past if it is about to.
    pub fn next_due(&self) -> Option<DateTime<Utc>> {
        self.schedules.iter().map(|schedule| *schedule.next()).min()
    }

    /// Names of the schedules that should have fired by now and have not.
    pub fn due_now(&self) -> Vec<String> {
        let now = self.clock.now();
        self.schedules
            .iter()
            .filter(|schedule| *schedule.next() <= now)
            .map(|schedule| schedule.name.clone())
            .collect()
    }

    /// Fires schedules until dropped. Run it once.
    pub async fn run(&self) {
        join_all(self.schedules.iter().map(|schedule| self.run_one(schedule))).await;
    }

    async fn run_one(&self, schedule: &Schedule) {
        loop {
            let due = *schedule.next();
            self.clock.sleep_until(due).await;
            let oldest = multiple_at_or_after(self.clock.now() - schedule.every * CATCH_UP_MAX, schedule.every);
            let due = due.max(oldest);
            // Before `next` moves on, or nothing would show that this is still to be done.
            let running = self.activity.begin(&schedule.name);
            *schedule.next() = due + schedule.every;
            (schedule.callback)(due).await;
            drop(running);
        }
    }
}

impl Schedule {
    fn next(&self) -> MutexGuard<'_, DateTime<Utc>> {
        self.next.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn multiple_at_or_after(time: DateTime<Utc>, every: TimeDelta) -> DateTime<Utc> {
    let past = time.timestamp_millis().rem_euclid(every.num_milliseconds());
    let whole = time - TimeDelta::milliseconds(past) - sub_millisecond(time);
    if whole == time { time } else { whole + every }
}

fn sub_millisecond(time: DateTime<Utc>) -> TimeDelta {
    TimeDelta::nanoseconds(i64::from(time.timestamp_subsec_nanos() % 1_000_000))
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;

    fn at(s: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_795_608_000 + s, 0).unwrap()
    }

    type Fired = Arc<Mutex<Vec<(&'static str, DateTime<Utc>)>>>;

    fn recording(fired: &Fired, name: &'static str) -> Callback {
        let fired = Arc::clone(fired);
        Arc::new(move |time| {
            fired.lock().unwrap().push((name, time));
            async {}.boxed()
        })
    }

    #[tokio::test]
    async fn schedules_fire_at_whole_multiples_and_make_up_what_a_jump_missed_in_order() {
        let clock = VirtualClock::stepped(at(17));
        let fired = Arc::default();
        let mut scheduler = Scheduler::new(clock.clone(), Activity::new());
        scheduler
            .add("tick", TimeDelta::minutes(1), recording(&fired, "tick"))
            .unwrap();
        assert_eq!(scheduler.next_due(), Some(at(60)));
        let mut run = Box::pin(scheduler.run());
        assert!(run.as_mut().now_or_never().is_none());
        assert!(fired.lock().unwrap().is_empty());
        clock.advance_to(at(185));
        assert!(run.as_mut().now_or_never().is_none());
        assert_eq!(
            *fired.lock().unwrap(),
            [("tick", at(60)), ("tick", at(120)), ("tick", at(180))]
        );
        assert_eq!(scheduler.next_due(), Some(at(240)));
        assert!(scheduler.due_now().is_empty());
    }

    #[tokio::test]
    async fn after_a_long_sleep_only_the_last_day_of_minutes_is_made_up() {
        let clock = VirtualClock::stepped(at(0));
        let fired = Arc::default();
        let mut scheduler = Scheduler::new(clock.clone(), Activity::new());
        scheduler
            .add("tick", TimeDelta::minutes(1), recording(&fired, "tick"))
            .unwrap();
        clock.advance_to(at(7 * 86_400));
        let mut run = Box::pin(scheduler.run());
        for _ in 0..20 {
            assert!(run.as_mut().now_or_never().is_none());
        }
        let fired = fired.lock().unwrap();
        assert_eq!(fired.len(), 1 + usize::try_from(CATCH_UP_MAX).unwrap());
        assert_eq!(fired.last().unwrap().1, at(7 * 86_400));
    }

    #[test]
    fn an_interval_below_a_second_is_refused() {
        let mut scheduler = Scheduler::new(VirtualClock::flowing(), Activity::new());
        assert!(
            scheduler
                .add("busy", TimeDelta::zero(), Arc::new(|_| async {}.boxed()))
                .is_err()
        );
    }
}
