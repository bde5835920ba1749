//! What time it is, and names that nobody has used: the two things a decision must not make up itself.

use std::fmt;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use chrono::{DateTime, SubsecRound, TimeDelta, Utc};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use redial_domain::{AttemptId, LeadId, Nonce};
use ulid::Ulid;

/// A clock further away from the table's than this is wrong. NTP keeps a machine within milliseconds, the table's `Date`
/// has whole seconds, and an answer is a second old at most: five are far outside all of it.
pub const CLOCK_OFF_MAX: TimeDelta = TimeDelta::seconds(5);

/// Tells the time. On AWS the machine's; on one machine a clock that can be set.
#[derive(Clone)]
pub struct Clock {
    tell: Arc<dyn Fn() -> DateTime<Utc> + Send + Sync>,
    /// How far the table's clock was ahead at its last answer, in milliseconds; only for a clock that has to agree.
    off_ms: Option<Arc<AtomicI64>>,
}

impl Clock {
    /// The machine's clock. It has to agree with the table's.
    pub fn system() -> Self {
        #[expect(
            clippy::disallowed_methods,
            reason = "this is the one place that reads the machine's clock"
        )]
        Self::from_fn(Utc::now).held_against_the_tables()
    }

    /// Any other clock.
    pub fn from_fn(now: impl Fn() -> DateTime<Utc> + Send + Sync + 'static) -> Self {
        Self {
            tell: Arc::new(now),
            off_ms: None,
        }
    }

    /// A clock that has to agree with the table's.
    #[must_use]
    pub fn held_against_the_tables(self) -> Self {
        Self {
            off_ms: Some(Arc::default()),
            ..self
        }
    }

    /// The time, in milliseconds: what the table keeps, so that nothing changes by being kept.
    pub fn now(&self) -> DateTime<Utc> {
        (self.tell)().trunc_subsecs(3)
    }

    /// The table said what time it is.
    pub(crate) fn compare(&self, tables: DateTime<Utc>) {
        if let Some(off_ms) = &self.off_ms {
            off_ms.store((tables - self.now()).num_milliseconds(), Ordering::Relaxed);
        }
    }

    /// Whether this clock agrees with the table's, as of its last answer.
    ///
    /// # Errors
    /// When it does not. Then nothing may be dialed, freed or given up: a clock that is fast ends other people's leases,
    /// and one that is slow calls after closing.
    pub fn check(&self) -> Result<(), WrongClock> {
        let off_ms = self.off_ms.as_ref().map_or(0, |off_ms| off_ms.load(Ordering::Relaxed));
        if TimeDelta::milliseconds(off_ms).abs() > CLOCK_OFF_MAX {
            return Err(WrongClock { off_s: off_ms / 1_000 });
        }
        Ok(())
    }
}

/// This machine's clock is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("failed to trust this machine's clock: the table's is {off_s} s ahead")]
pub struct WrongClock {
    off_s: i64,
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Clock({})", self.now())
    }
}

/// Draws ids and jitter, from the system or from a seed.
///
/// Ids of one source sort in the order in which they were drawn, also within a millisecond: a history reads in order.
#[derive(Clone, Debug)]
pub struct Ids(Arc<Mutex<Source>>);

#[derive(Debug)]
struct Source {
    random: StdRng,
    last: Ulid,
}

impl Source {
    const fn new(random: StdRng) -> Self {
        Self {
            random,
            last: Ulid::nil(),
        }
    }
}

impl Ids {
    /// Ids that nobody can guess.
    pub fn system() -> Self {
        Self(Arc::new(Mutex::new(Source::new(StdRng::from_os_rng()))))
    }

    /// The same ids every time.
    pub fn seeded(seed: u64) -> Self {
        Self(Arc::new(Mutex::new(Source::new(StdRng::seed_from_u64(seed)))))
    }

    fn ulid(&self, now: DateTime<Utc>) -> String {
        let mut source = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let millis = u64::try_from(now.timestamp_millis()).unwrap_or_default();
        let drawn = Ulid::from_parts(millis, source.random.random());
        // The same millisecond again: the next one, unless it was the last there is.
        source.last = if millis == source.last.timestamp_ms() {
            source.last.increment().unwrap_or(drawn)
        } else {
            drawn
        };
        source.last.to_string()
    }

    fn draw<T>(&self) -> T
    where
        rand::distr::StandardUniform: rand::distr::Distribution<T>,
    {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).random.random()
    }

    /// A lead's id.
    pub fn lead(&self, now: DateTime<Utc>) -> LeadId {
        parsed(LeadId::parse(&self.ulid(now)))
    }

    /// An attempt's id.
    pub fn attempt(&self, now: DateTime<Utc>) -> AttemptId {
        parsed(AttemptId::parse(&self.ulid(now)))
    }

    /// An activity's id, or that of anything else that is only kept.
    pub fn record(&self, now: DateTime<Utc>) -> String {
        self.ulid(now)
    }

    /// A mark of one invocation.
    pub fn nonce(&self) -> Nonce {
        parsed(Nonce::parse(&hex::encode(self.draw::<[u8; 8]>())))
    }

    /// A secret of 32 random bytes in hex.
    pub fn secret(&self) -> String {
        hex::encode(self.draw::<[u8; 32]>())
    }

    /// A wait of at most `most`, so that those who collided do not collide again.
    pub fn jitter(&self, most: Duration) -> Duration {
        most.mul_f64(self.draw::<f64>())
    }
}

/// Ids that we draw ourselves are always well formed.
fn parsed<T, E: fmt::Display>(id: Result<T, E>) -> T {
    match id {
        Ok(id) => id,
        Err(error) => unreachable!("drawn ids have only letters and digits: {error}"),
    }
}
