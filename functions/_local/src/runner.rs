//! Lets time pass on the local machine: jumps to what is due next, lets it run, and goes on when all is quiet.
//!
//! Knows who can tell what is due and what runs, and nothing of what any of it does.

use std::{sync::Arc, time::Duration};

use chrono::{DateTime, TimeDelta, Utc};
use tokio::{
    sync::Mutex,
    time::{Instant, MissedTickBehavior},
};

use crate::{
    activity::Activity, phone_settings::PhonesError, phones::Phones, queue_engine::QueueEngine,
    queue_error::QueueError, scheduler::Scheduler, virtual_clock::VirtualClock,
};

/// Nothing new has begun for this long in real time and something still remains: it hangs. Longer than any Lambda of
/// ours may run (a job, 300 s) and than a webhook may wait (20 s).
const STALL_MAX: Duration = Duration::from_secs(330);
/// Things that may begin at one instant of the virtual clock: 100,000 leads of ten steps. More is a loop without end.
const BEGUN_AT_ONE_INSTANT_MAX: u64 = 1_000_000;
/// Jumps of one advance: a year of minutes, ten things due in each.
const JUMPS_MAX: u64 = 5_256_000;
/// How long to wait in real time for work to be picked up by its consumer, before looking again.
const PICK_UP_PAUSE: Duration = Duration::from_millis(1);
/// The speed driver steps this often in real time.
const STEP: Duration = Duration::from_millis(50);
/// At speed, what is due within this many milliseconds of virtual time is done together.
const SPEED_GRAIN_MS: i64 = 50;

/// Why time could not pass.
#[derive(Debug, thiserror::Error)]
pub enum RunnerError {
    /// Something does not end.
    #[error("failed to settle: nothing began for {} s and these remain: {}", STALL_MAX.as_secs(), remaining.join(", "))]
    Stalled {
        /// What runs or waits.
        remaining: Vec<String>,
    },
    /// Something makes more of itself for ever.
    #[error("failed to settle: {begun} things began at one instant and these remain: {}", remaining.join(", "))]
    Endless {
        /// How many things began.
        begun: u64,
        /// What runs or waits.
        remaining: Vec<String>,
    },
    /// More was due than any advance can hold.
    #[error("failed to advance: more than {JUMPS_MAX} jumps; advance by less")]
    TooFar,
    /// The queues failed.
    #[error("failed to look at the queues")]
    Queues(#[from] QueueError),
    /// The phone network failed.
    #[error("failed to look at the phone network")]
    Phones(#[from] PhonesError),
}

/// Everything on the machine that runs or becomes due.
#[derive(Debug, Clone)]
pub struct Machine {
    /// The one clock.
    pub clock: VirtualClock,
    /// All queues.
    pub engine: QueueEngine,
    /// Names of the queues that have an event source.
    pub consumed: Vec<String>,
    /// The phone network.
    pub phones: Phones,
    /// The schedules.
    pub scheduler: Scheduler,
    /// What runs.
    pub activity: Activity,
    /// Held while somebody lets time pass, so that two do not at once.
    pub stepping: Arc<Mutex<()>>,
}

impl Machine {
    /// What runs, or should run at this instant; empty when the machine has settled.
    pub fn remaining(&self) -> Result<Vec<String>, RunnerError> {
        let mut remaining: Vec<String> = self
            .activity
            .running()
            .into_iter()
            .map(|(name, count)| format!("{count} running {name}"))
            .collect();
        for queue in &self.consumed {
            if self.engine.exists(queue) && self.engine.has_visible(queue)? {
                remaining.push(format!("{} messages in {queue}", self.engine.visible_count(queue)?));
            }
        }
        let reports = self.phones.due_count()?;
        if reports > 0 {
            remaining.push(format!("{reports} reports of the phone network"));
        }
        remaining.extend(
            self.scheduler
                .due_now()
                .into_iter()
                .map(|name| format!("schedule {name}")),
        );
        Ok(remaining)
    }

    /// Whether something should run at this instant and does not yet; cheaper than naming it, with a hundred thousand
    /// messages waiting.
    fn is_waiting(&self) -> Result<bool, RunnerError> {
        for queue in &self.consumed {
            if self.engine.exists(queue) && self.engine.has_visible(queue)? {
                return Ok(true);
            }
        }
        Ok(!self.phones.idle()? || !self.scheduler.due_now().is_empty())
    }

    /// The earliest time after now at which something is due.
    pub fn next_due(&self) -> Result<Option<DateTime<Utc>>, RunnerError> {
        Ok([
            self.engine.next_due()?,
            self.phones.next_due()?,
            self.scheduler.next_due(),
        ]
        .into_iter()
        .flatten()
        .min())
    }

    /// Waits until nothing runs and nothing is due at this instant.
    pub async fn settle(&self) -> Result<(), RunnerError> {
        self.settle_at().await.map(|_| ())
    }

    /// As [`Self::settle`]; answers how many things had begun when it was quiet.
    async fn settle_at(&self) -> Result<u64, RunnerError> {
        let begun_before = self.activity.begun();
        let mut last_begun = begun_before;
        let mut last_progress = Instant::now();
        // INVARIANT: work that waits becomes counted as running before it stops to show as waiting (see `activity`).
        // So if nothing began during a look and the look found nothing, there was nothing.
        loop {
            let mut begins = self.activity.subscribe_begun();
            let begun = self.activity.begun();
            let quiet = self.activity.count() == 0 && !self.is_waiting()?;
            if quiet && self.activity.count() == 0 && self.activity.begun() == begun {
                return Ok(begun);
            }
            if begun != last_begun {
                last_begun = begun;
                last_progress = Instant::now();
            }
            if begun - begun_before > BEGUN_AT_ONE_INSTANT_MAX {
                return Err(RunnerError::Endless {
                    begun: begun - begun_before,
                    remaining: self.remaining()?,
                });
            }
            if last_progress.elapsed() > STALL_MAX {
                return Err(RunnerError::Stalled {
                    remaining: self.remaining()?,
                });
            }
            if self.activity.count() > 0 {
                // Bounded, so that a stall is seen; woken at once in every other case.
                let _ = tokio::time::timeout(STEP, self.activity.quiet()).await;
            } else {
                let _ = tokio::time::timeout(PICK_UP_PAUSE, begins.changed()).await;
            }
        }
    }

    /// As [`Self::settle`], while nobody else lets time pass.
    pub async fn settle_standing(&self) -> Result<(), RunnerError> {
        let _stepping = self.stepping.lock().await;
        self.settle().await
    }

    /// Lets `duration` pass, doing everything that is due in its order, and settles at the end.
    pub async fn advance(&self, duration: TimeDelta) -> Result<(), RunnerError> {
        self.advance_together(duration, TimeDelta::zero()).await
    }

    /// As [`Self::advance`], but what is due within `grain` of each other is done together, as it is on a machine whose
    /// clock does not wait.
    pub async fn advance_together(&self, duration: TimeDelta, grain: TimeDelta) -> Result<(), RunnerError> {
        let _stepping = self.stepping.lock().await;
        let target = self.clock.now() + duration;
        self.step_to(target, grain).await
    }

    /// Lets time pass until `target`; what is due within `grain` of each other is done together.
    async fn step_to(&self, target: DateTime<Utc>, grain: TimeDelta) -> Result<(), RunnerError> {
        for _jump in 0..JUMPS_MAX {
            let begun = self.settle_at().await?;
            let due = self.next_due()?.filter(|due| *due <= target);
            let to = due.map_or(target, |due| (due + grain).min(target));
            // A request from outside may begin at any moment; what has begun never sees time jump under it.
            let jumped = self.activity.if_still_quiet(begun, || self.clock.advance_to(to));
            if jumped && due.is_none() {
                return self.settle().await;
            }
        }
        Err(RunnerError::TooFar)
    }

    /// Drives a stepped clock at `speed` times real time until dropped: every 50 ms it lets `speed` × 50 ms pass. A
    /// flowing clock needs no driving. When the work takes longer than that, time passes more slowly instead of
    /// getting ahead of the work.
    pub async fn drive(&self, speed: u32) {
        if !self.clock.is_stepped() {
            return std::future::pending().await;
        }
        let step_ms = i64::try_from(STEP.as_millis()).unwrap_or(50) * i64::from(speed.max(1));
        let mut ticks = tokio::time::interval(STEP);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            let _stepping = self.stepping.lock().await;
            let target = self.clock.now() + TimeDelta::milliseconds(step_ms);
            if let Err(error) = self.step_to(target, TimeDelta::milliseconds(SPEED_GRAIN_MS)).await {
                tracing::error!("time could not pass in order, it goes on: {error}");
                self.clock.advance_to(target);
            }
        }
    }
}
