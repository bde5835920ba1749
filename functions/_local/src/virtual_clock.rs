//! The one clock of the local machine: it flows with the system's time or with tokio's, or it stands still until it is
//! stepped.
//!
//! It knows nothing of what is due; the runner decides how far to step. It never goes backwards.

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError},
    time::Duration,
};

use chrono::{DateTime, TimeDelta, Utc};
use tokio::{sync::watch, time::Instant};

/// A clock shared by everything on the machine; clones show the same time.
#[derive(Debug, Clone)]
pub struct VirtualClock {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    mode: Mutex<Mode>,
    jumps: watch::Sender<u64>,
    journal: OnceLock<Journal>,
}

/// Told of every jump before anybody can see it, so that a restart never goes back behind it.
struct Journal(Box<dyn Fn(DateTime<Utc>) + Send + Sync>);

impl fmt::Debug for Journal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Journal")
    }
}

#[derive(Debug, Clone, Copy)]
enum Mode {
    Flowing { ahead: TimeDelta },
    Simulated { start: DateTime<Utc>, since: Instant },
    Stepped { now: DateTime<Utc> },
}

impl VirtualClock {
    /// A clock that shows `start` now and flows at the speed of real time.
    pub fn flowing_from(start: DateTime<Utc>) -> Self {
        Self::new(Mode::Flowing {
            ahead: start - system_now(),
        })
    }

    /// A clock that shows the system's time.
    pub fn flowing() -> Self {
        Self::new(Mode::Flowing {
            ahead: TimeDelta::zero(),
        })
    }

    /// A clock that shows `start` now and flows with tokio's time, which a simulation pauses: then time jumps to the next
    /// timer whenever nothing else is left to do.
    pub fn simulated(start: DateTime<Utc>) -> Self {
        let since = Instant::now();
        Self::new(Mode::Simulated { start, since })
    }

    /// A clock that stands at `start` until [`Self::advance_to`].
    pub fn stepped(start: DateTime<Utc>) -> Self {
        Self::new(Mode::Stepped { now: start })
    }

    fn new(mode: Mode) -> Self {
        Self {
            inner: Arc::new(Inner {
                mode: Mutex::new(mode),
                jumps: watch::Sender::new(0),
                journal: OnceLock::new(),
            }),
        }
    }

    /// Tells `journal` of every jump from now on, before it is made. Only the first journal is kept.
    pub fn keep_in(&self, journal: impl Fn(DateTime<Utc>) + Send + Sync + 'static) {
        let _ = self.inner.journal.set(Journal(Box::new(journal)));
    }

    /// The time on this clock.
    pub fn now(&self) -> DateTime<Utc> {
        self.mode().now()
    }

    /// Whether time moves only by [`Self::advance_to`].
    pub fn is_stepped(&self) -> bool {
        matches!(*self.mode(), Mode::Stepped { .. })
    }

    /// Jumps forward to `time` and wakes every sleeper; a time in the past changes nothing.
    pub fn advance_to(&self, time: DateTime<Utc>) {
        {
            let mut mode = self.mode();
            let now = mode.now();
            if time <= now {
                return;
            }
            if let Some(journal) = self.inner.journal.get() {
                (journal.0)(time);
            }
            match &mut *mode {
                Mode::Flowing { ahead } => *ahead += time - now,
                Mode::Simulated { start, .. } => *start += time - now,
                Mode::Stepped { now } => *now = time,
            }
        }
        self.inner.jumps.send_modify(|count| *count = count.wrapping_add(1));
    }

    /// Sees every jump from now on; subscribe before looking at the time, so that none is missed.
    pub fn subscribe(&self) -> watch::Receiver<u64> {
        self.inner.jumps.subscribe()
    }

    /// Waits for the next jump.
    pub async fn changed(&self) {
        let mut jumps = self.subscribe();
        // The sender lives as long as `self`, so this cannot fail.
        let _ = jumps.changed().await;
    }

    /// Waits until the clock shows `time` or later, by flowing or by a jump.
    pub async fn sleep_until(&self, time: DateTime<Utc>) {
        let mut jumps = self.subscribe();
        loop {
            let mode = *self.mode();
            let now = mode.now();
            if now >= time {
                return;
            }
            match mode {
                Mode::Stepped { .. } => {
                    let _ = jumps.changed().await;
                }
                Mode::Flowing { .. } | Mode::Simulated { .. } => {
                    let left = (time - now).to_std().unwrap_or(Duration::ZERO);
                    // A timer may fire a hair early by this clock; the loop looks again.
                    tokio::select! {
                        biased;
                        () = tokio::time::sleep(left + TIMER_GRAIN) => {}
                        _ = jumps.changed() => {}
                    }
                }
            }
        }
    }

    fn mode(&self) -> MutexGuard<'_, Mode> {
        self.inner.mode.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Tokio's timers have a grain of one millisecond.
const TIMER_GRAIN: Duration = Duration::from_millis(1);

impl Mode {
    fn now(self) -> DateTime<Utc> {
        match self {
            Self::Flowing { ahead } => system_now() + ahead,
            Self::Simulated { start, since } => start + TimeDelta::from_std(since.elapsed()).unwrap_or(TimeDelta::MAX),
            Self::Stepped { now } => now,
        }
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the adapter through which the local machine asks the system's time"
)]
pub(crate) fn system_now() -> DateTime<Utc> {
    Utc::now()
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;

    fn noon() -> DateTime<Utc> {
        DateTime::from_timestamp(1_795_608_000, 0).unwrap()
    }

    #[test]
    fn a_stepped_clock_stands_still_and_never_goes_back() {
        let clock = VirtualClock::stepped(noon());
        clock.advance_to(noon() + TimeDelta::seconds(5));
        clock.advance_to(noon());
        assert_eq!(clock.now(), noon() + TimeDelta::seconds(5));
    }

    #[test]
    fn a_flowing_clock_starts_where_it_is_told_and_jumps() {
        let clock = VirtualClock::flowing_from(noon());
        assert!(clock.now() - noon() < TimeDelta::seconds(10));
        clock.advance_to(noon() + TimeDelta::days(1));
        assert!(clock.now() >= noon() + TimeDelta::days(1));
    }

    #[tokio::test]
    async fn a_sleeper_wakes_at_the_jump_that_reaches_its_time_and_not_before() {
        let clock = VirtualClock::stepped(noon());
        let mut sleeper = Box::pin(clock.sleep_until(noon() + TimeDelta::seconds(10)));
        assert!(sleeper.as_mut().now_or_never().is_none());
        clock.advance_to(noon() + TimeDelta::seconds(9));
        assert!(sleeper.as_mut().now_or_never().is_none());
        clock.advance_to(noon() + TimeDelta::seconds(10));
        assert!(sleeper.as_mut().now_or_never().is_some());
    }

    #[tokio::test]
    async fn a_sleeper_on_a_flowing_clock_wakes_by_itself() {
        let clock = VirtualClock::flowing();
        let time = clock.now() + TimeDelta::milliseconds(5);
        clock.sleep_until(time).await;
        assert!(clock.now() >= time);
    }
}
