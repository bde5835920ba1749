//! Counts what is running, so that the runner can tell when nothing is.
//!
//! Knows names, not work: whoever starts something holds a guard until it is done. A guard must be taken before the
//! work leaves the place where it was visible as waiting, or the runner sees a gap.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::watch;

/// What is running on the machine; clones share the count.
#[derive(Debug, Clone)]
pub struct Activity {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    running: Mutex<BTreeMap<String, u64>>,
    total: watch::Sender<u64>,
    begun: watch::Sender<u64>,
}

/// One thing that is running, until dropped.
#[derive(Debug)]
pub struct Running {
    shared: Arc<Shared>,
    name: String,
}

impl Default for Activity {
    fn default() -> Self {
        Self::new()
    }
}

impl Activity {
    /// Nothing runs.
    pub fn new() -> Self {
        let shared = Shared {
            running: Mutex::default(),
            total: watch::Sender::new(0),
            begun: watch::Sender::new(0),
        };
        Self {
            shared: Arc::new(shared),
        }
    }

    /// Something named `name` runs until the guard is dropped.
    #[must_use]
    pub fn begin(&self, name: &str) -> Running {
        // Held over all three, so that `if_still_quiet` sees a beginning whole or not at all.
        let mut running = self.shared.running();
        *running.entry(name.to_owned()).or_default() += 1;
        self.shared.begun.send_modify(|count| *count = count.wrapping_add(1));
        self.shared.total.send_modify(|total| *total += 1);
        drop(running);
        Running {
            shared: Arc::clone(&self.shared),
            name: name.to_owned(),
        }
    }

    /// How many things run.
    pub fn count(&self) -> u64 {
        *self.shared.total.borrow()
    }

    /// How many things ever began: equal before and after means that nothing ran in between.
    pub fn begun(&self) -> u64 {
        *self.shared.begun.borrow()
    }

    /// Sees every beginning.
    pub fn subscribe_begun(&self) -> watch::Receiver<u64> {
        self.shared.begun.subscribe()
    }

    /// Does something while nothing can begin, if nothing runs and nothing has begun since the count of beginnings was
    /// `begun`. Answers whether it did. `act` must not begin anything.
    pub fn if_still_quiet(&self, begun: u64, act: impl FnOnce()) -> bool {
        let _nothing_begins = self.shared.running();
        let quiet = self.count() == 0 && self.begun() == begun;
        if quiet {
            act();
        }
        quiet
    }

    /// What runs, and how many of each.
    pub fn running(&self) -> BTreeMap<String, u64> {
        self.shared.running().clone()
    }

    /// Sees every change of the count.
    pub fn subscribe(&self) -> watch::Receiver<u64> {
        self.shared.total.subscribe()
    }

    /// Waits until nothing runs.
    pub async fn quiet(&self) {
        // The sender lives as long as `self`, so this cannot fail.
        let _ = self.subscribe().wait_for(|total| *total == 0).await;
    }
}

impl Shared {
    fn running(&self) -> MutexGuard<'_, BTreeMap<String, u64>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        {
            let mut running = self.shared.running();
            if let Some(count) = running.get_mut(&self.name) {
                *count -= 1;
                if *count == 0 {
                    running.remove(&self.name);
                }
            }
        }
        self.shared.total.send_modify(|total| *total = total.saturating_sub(1));
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;

    #[tokio::test]
    async fn it_is_quiet_when_every_guard_is_gone() {
        let activity = Activity::new();
        assert!(activity.quiet().now_or_never().is_some());
        let first = activity.begin("tick");
        let second = activity.begin("tick");
        drop(first);
        assert!(activity.quiet().now_or_never().is_none());
        assert_eq!(activity.running(), BTreeMap::from([("tick".to_owned(), 1)]));
        drop(second);
        assert!(activity.quiet().now_or_never().is_some());
        assert!(activity.running().is_empty());
        assert_eq!(activity.begun(), 2);
    }

    #[test]
    fn what_needs_quiet_is_not_done_once_something_began() {
        let activity = Activity::new();
        let mut done = 0;
        let begun = activity.begun();
        assert!(activity.if_still_quiet(begun, || done += 1));
        drop(activity.begin("request"));
        assert!(!activity.if_still_quiet(begun, || done += 1));
        let _running = activity.begin("request");
        assert!(!activity.if_still_quiet(activity.begun(), || done += 1));
        assert_eq!(done, 1);
    }
}
