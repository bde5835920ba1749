//! Seeded streams of choices: one per part of the world, so that a choice more in one part moves none in another.

use std::sync::{Mutex, PoisonError};

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use sha2::{Digest, Sha256};

/// One stream.
#[derive(Debug)]
pub(crate) struct Dice(Mutex<StdRng>);

impl Dice {
    /// The stream of one part of a world.
    pub(crate) fn new(seed: u64, part: &str) -> Self {
        Self(Mutex::new(StdRng::from_seed(
            Sha256::digest(format!("{seed} {part}")).into(),
        )))
    }

    fn draw<T>(&self, draw: impl FnOnce(&mut StdRng) -> T) -> T {
        draw(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Whether something with this probability happens. What never happens draws nothing.
    pub(crate) fn happens(&self, per_mille: u32) -> bool {
        per_mille > 0 && self.draw(|rng| rng.random_range(0..1_000) < per_mille)
    }

    /// A number from `from` to `to`, both included.
    pub(crate) fn between(&self, from: u64, to: u64) -> u64 {
        self.draw(|rng| rng.random_range(from..=to))
    }

    /// A number from `from` to `to`, both included.
    pub(crate) fn signed(&self, from: i64, to: i64) -> i64 {
        self.draw(|rng| rng.random_range(from..=to))
    }
}
