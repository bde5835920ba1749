//! Keeps what a job writes under a rate, so that calls find room beside it.

use tokio::time::{Duration, Instant, sleep_until};

/// Leads a second that a job writes or deletes for each part of its campaign's queue. A part takes a thousand units, and each
/// lead is one of it in two indexes: a fifth leaves the rest to the calls.
const LEADS_A_SECOND_MAX: u32 = 200;

/// When the next write may begin.
#[derive(Debug)]
pub(crate) struct Pace {
    each: Duration,
    next: Instant,
}

impl Pace {
    /// For a campaign of so many parts.
    pub(crate) fn of(shards: u32) -> Self {
        Self {
            each: Duration::from_secs(1) / (LEADS_A_SECOND_MAX * shards.max(1)),
            next: Instant::now(),
        }
    }

    /// Waits until so many leads may be written.
    pub(crate) async fn turn(&mut self, leads: usize) {
        sleep_until(self.next).await;
        let leads = u32::try_from(leads).unwrap_or(u32::MAX);
        self.next = Instant::now() + self.each.saturating_mul(leads);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_thousand_leads_of_one_part_take_five_seconds() {
        let begun = Instant::now();
        let mut pace = Pace::of(1);
        for _ in 0..41 {
            pace.turn(25).await;
        }
        assert_eq!(begun.elapsed().as_secs(), 5);
    }
}
