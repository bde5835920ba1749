//! A durable SQS: standard queues in one SQLite file, on the virtual clock.
//!
//! Knows neither HTTP nor consumers. What is answered as sent survives `kill -9` (WAL); only a loss of power may take
//! the last moments. Order is by the time of becoming visible; SQS promises less.

use std::{
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use chrono::{DateTime, TimeDelta, Utc};
use rusqlite::{Connection, params};
use tokio::sync::watch;

use crate::{
    queue_attributes::{self as attributes, Attributes, VISIBILITY_TIMEOUT_S_MAX, WAIT_S_MAX},
    queue_error::QueueError,
    queue_message::{self as message, BATCH_MAX, NewMessage, Receipt, Received, Sent},
    queue_store::{Queue, Store},
    sqlite_file::{self, from_ms},
    virtual_clock::VirtualClock,
};

/// How many messages a queue holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct QueueCounts {
    /// Can be received now.
    pub visible: i64,
    /// Received and hidden.
    pub not_visible: i64,
    /// Sent with a delay that still runs.
    pub delayed: i64,
}

/// All queues of the machine; clones share them.
#[derive(Debug, Clone)]
pub struct QueueEngine {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    store: Mutex<Store>,
    clock: VirtualClock,
    changes: watch::Sender<u64>,
}

impl QueueEngine {
    /// Opens the queues kept in a file, and makes the file if there is none.
    pub fn open(path: &Path, clock: VirtualClock) -> Result<Self, QueueError> {
        Self::start(sqlite_file::open(path)?, clock)
    }

    /// Queues that are forgotten at the end; for tests.
    pub fn in_memory(clock: VirtualClock) -> Result<Self, QueueError> {
        Self::start(sqlite_file::in_memory()?, clock)
    }

    fn start(db: Connection, clock: VirtualClock) -> Result<Self, QueueError> {
        let store = Store::start(db, &clock)?;
        let changes = watch::Sender::new(0);
        Ok(Self {
            shared: Arc::new(Shared {
                store: Mutex::new(store),
                clock,
                changes,
            }),
        })
    }

    /// Makes a queue; with the same attributes as often as one likes.
    pub fn create_queue(&self, name: &str, wanted: &Attributes) -> Result<(), QueueError> {
        attributes::check_name(name)?;
        let checked = attributes::check(wanted)?;
        let now = self.now_ms();
        let mut store = self.store();
        if let Some(queue) = store.queues.get(name) {
            return match attributes::first_difference(&queue.attributes, &checked) {
                None => Ok(()),
                Some(attribute) => Err(QueueError::Exists {
                    queue: name.to_owned(),
                    attribute,
                }),
            };
        }
        let all = attributes::with_defaults(&checked);
        let settings = attributes::settings(&all)?;
        store.check_redrive(&settings)?;
        store.db.execute(
            "INSERT INTO queues (name, attributes, created_ms, modified_ms) VALUES (?1, ?2, ?3, ?3)",
            params![name, serde_json::to_string(&all)?, now],
        )?;
        store.queues.insert(
            name.to_owned(),
            Queue {
                attributes: all,
                settings,
                created: now,
                modified: now,
                in_flight_at_most: 0,
            },
        );
        Ok(())
    }

    /// Changes attributes of a queue; an empty value removes one.
    pub fn set_attributes(&self, name: &str, wanted: &Attributes) -> Result<(), QueueError> {
        let checked = attributes::check(wanted)?;
        let now = self.now_ms();
        let mut store = self.store();
        let mut queue = store.queue(name)?.clone();
        attributes::overlay(&mut queue.attributes, &checked);
        queue.settings = attributes::settings(&queue.attributes)?;
        queue.modified = now;
        store.check_redrive(&queue.settings)?;
        store.db.execute(
            "UPDATE queues SET attributes = ?2, modified_ms = ?3 WHERE name = ?1",
            params![name, serde_json::to_string(&queue.attributes)?, now],
        )?;
        store.queues.insert(name.to_owned(), queue);
        drop(store);
        self.announce();
        Ok(())
    }

    /// All attributes of a queue by name, counts and timestamps included.
    pub fn attributes(&self, name: &str) -> Result<Attributes, QueueError> {
        let counts = self.counts(name)?;
        let store = self.store();
        let queue = store.queue(name)?;
        let mut all = queue.attributes.clone();
        for (name, value) in [
            ("QueueArn", attributes::arn(name)),
            ("CreatedTimestamp", (queue.created / 1_000).to_string()),
            ("LastModifiedTimestamp", (queue.modified / 1_000).to_string()),
            ("ApproximateNumberOfMessages", counts.visible.to_string()),
            ("ApproximateNumberOfMessagesNotVisible", counts.not_visible.to_string()),
            ("ApproximateNumberOfMessagesDelayed", counts.delayed.to_string()),
        ] {
            all.insert(name.to_owned(), value);
        }
        Ok(all)
    }

    /// Names of all queues, in order.
    pub fn queue_names(&self) -> Vec<String> {
        self.store().queues.keys().cloned().collect()
    }

    /// Whether there is a queue of that name.
    pub fn exists(&self, name: &str) -> bool {
        self.store().queues.contains_key(name)
    }

    /// Removes a queue and its messages.
    pub fn delete_queue(&self, name: &str) -> Result<(), QueueError> {
        self.purge(name)?;
        let mut store = self.store();
        store.db.execute("DELETE FROM queues WHERE name = ?1", [name])?;
        store.queues.remove(name);
        Ok(())
    }

    /// Removes all messages of a queue.
    pub fn purge(&self, name: &str) -> Result<(), QueueError> {
        let store = self.store();
        store.queue(name)?;
        store
            .db
            .prepare_cached("DELETE FROM messages WHERE queue = ?1")?
            .execute([name])?;
        drop(store);
        self.announce();
        Ok(())
    }

    /// Sends one message.
    pub fn send(&self, queue: &str, new: &NewMessage) -> Result<Sent, QueueError> {
        let mut results = self.send_all(queue, std::slice::from_ref(new))?;
        results.pop().unwrap_or(Err(QueueError::EmptyBatch))
    }

    /// Sends a batch: each message fares by itself, unless the batch as a whole is too large. Entry ids are the
    /// protocol's business, see [`message::check_batch_ids`].
    pub fn send_batch(&self, queue: &str, batch: &[NewMessage]) -> Result<Vec<Result<Sent, QueueError>>, QueueError> {
        if batch.is_empty() {
            return Err(QueueError::EmptyBatch);
        }
        if batch.len() > BATCH_MAX {
            return Err(QueueError::TooManyEntries);
        }
        if batch.iter().map(message::size_bytes).sum::<i64>() > attributes::MESSAGE_BYTES_MAX {
            return Err(QueueError::BatchTooLong);
        }
        self.send_all(queue, batch)
    }

    fn send_all(&self, name: &str, batch: &[NewMessage]) -> Result<Vec<Result<Sent, QueueError>>, QueueError> {
        let now = self.now_ms();
        let mut store = self.store();
        let results = store.send(name, batch, now)?;
        drop(store);
        self.announce();
        Ok(results)
    }

    /// Receives at most `max` (1..=10) messages that are visible now, and hides them for `visibility_timeout_s`
    /// seconds (0..=43200; the queue's own if absent). Messages received too often go to the dead-letter queue.
    pub fn receive(
        &self,
        queue: &str,
        max: usize,
        visibility_timeout_s: Option<i64>,
    ) -> Result<Vec<Received>, QueueError> {
        if !(1..=BATCH_MAX).contains(&max) {
            let reason = format!("Value {max} must be between 1 and 10, if provided");
            return Err(QueueError::InvalidParameter {
                name: "MaxNumberOfMessages",
                reason,
            });
        }
        if let Some(timeout) = visibility_timeout_s {
            check_visibility(timeout)?;
        }
        let now = self.now_ms();
        self.store().receive(queue, max, visibility_timeout_s, now)
    }

    /// As [`Self::receive`], and waits up to `wait_s` seconds (0..=20; the queue's own if absent) for the first
    /// message. The wait ends by this clock or by real time, whichever is first: callers wait in real time.
    pub async fn receive_waiting(
        &self,
        queue: &str,
        max: usize,
        visibility_timeout_s: Option<i64>,
        wait_s: Option<i64>,
    ) -> Result<Vec<Received>, QueueError> {
        let wait_s = match wait_s {
            Some(wait) => wait,
            None => self.store().queue(queue)?.settings.wait_s,
        };
        if !(0..=WAIT_S_MAX).contains(&wait_s) {
            let reason = format!("Value {wait_s} must be >= 0 and <= 20, if provided");
            return Err(QueueError::InvalidParameter {
                name: "WaitTimeSeconds",
                reason,
            });
        }
        let first = self.receive(queue, max, visibility_timeout_s);
        let mut over_limit = wait_s > 0 && matches!(first, Err(QueueError::OverLimit));
        if !over_limit {
            let received = first?;
            if !received.is_empty() || wait_s == 0 {
                return Ok(received);
            }
        }
        let until = self.shared.clock.now() + TimeDelta::seconds(wait_s);
        let patience = tokio::time::sleep(Duration::from_secs(wait_s.unsigned_abs()));
        tokio::pin!(patience);
        loop {
            tokio::select! {
                biased;
                // A long poll is told nothing of the limit (developer guide, "Amazon SQS standard queue quotas", 2026).
                found = self.wait_visible(queue), if !over_limit => {
                    found?;
                    match self.receive(queue, max, visibility_timeout_s) {
                        Err(QueueError::OverLimit) => over_limit = true,
                        received => {
                            let received = received?;
                            if !received.is_empty() {
                                return Ok(received);
                            }
                        }
                    }
                }
                () = self.shared.clock.sleep_until(until) => return Ok(Vec::new()),
                () = &mut patience => return Ok(Vec::new()),
            }
        }
    }

    /// Waits until a message of the queue can be received.
    pub async fn wait_visible(&self, queue: &str) -> Result<(), QueueError> {
        let mut changes = self.shared.changes.subscribe();
        loop {
            let due = {
                let now = self.now_ms();
                let store = self.store();
                if store.has_visible(queue, now)? {
                    return Ok(());
                }
                store.next_visible(queue, now)?
            };
            match due {
                Some(due) => tokio::select! {
                    biased;
                    () = self.shared.clock.sleep_until(due) => {}
                    _ = changes.changed() => {}
                },
                None => {
                    // The sender lives as long as `self`, so this cannot fail.
                    let _ = changes.changed().await;
                }
            }
        }
    }

    /// Deletes a message. A stale handle deletes nothing and is no error, as on AWS; so is one of a deleted message.
    pub fn delete(&self, queue: &str, handle: &str) -> Result<(), QueueError> {
        let store = self.store();
        store.queue(queue)?;
        let receipt = Receipt::parse(handle, queue)?;
        store
            .db
            .prepare_cached("DELETE FROM messages WHERE seq = ?1 AND queue = ?2 AND receive_count = ?3")?
            .execute(params![receipt.seq, queue, receipt.receive_count])?;
        Ok(())
    }

    /// Hides a received message for `timeout_s` seconds from now (0..=43200; 0 gives it back at once).
    pub fn change_visibility(&self, queue: &str, handle: &str, timeout_s: i64) -> Result<(), QueueError> {
        check_visibility(timeout_s)?;
        let now = self.now_ms();
        let store = self.store();
        store.queue(queue)?;
        let receipt = Receipt::parse(handle, queue)?;
        store.change_visibility(&receipt, timeout_s, now)?;
        drop(store);
        self.announce();
        Ok(())
    }

    /// How many messages a queue holds.
    pub fn counts(&self, queue: &str) -> Result<QueueCounts, QueueError> {
        let now = self.now_ms();
        self.store().counts(queue, now)
    }

    /// How many messages of a queue can be received now.
    pub fn visible_count(&self, queue: &str) -> Result<i64, QueueError> {
        self.counts(queue).map(|counts| counts.visible)
    }

    /// Whether a message of the queue can be received now; cheaper than counting.
    pub fn has_visible(&self, queue: &str) -> Result<bool, QueueError> {
        let now = self.now_ms();
        self.store().has_visible(queue, now)
    }

    /// The earliest time after now at which a message of any queue becomes visible.
    pub fn next_due(&self) -> Result<Option<DateTime<Utc>>, QueueError> {
        let now = self.now_ms();
        let store = self.store();
        let due: Option<i64> = store
            .db
            .prepare_cached("SELECT min(visible_ms) FROM messages WHERE visible_ms > ?1")?
            .query_row([now], |row| row.get(0))?;
        Ok(due.map(from_ms))
    }

    /// Wakes at everything that may make a message visible, except the passing of time.
    pub fn subscribe(&self) -> watch::Receiver<u64> {
        self.shared.changes.subscribe()
    }

    fn announce(&self) {
        self.shared.changes.send_modify(|count| *count = count.wrapping_add(1));
    }

    fn now_ms(&self) -> i64 {
        self.shared.clock.now().timestamp_millis()
    }

    fn store(&self) -> MutexGuard<'_, Store> {
        self.shared.store.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn check_visibility(timeout_s: i64) -> Result<(), QueueError> {
    if (0..=VISIBILITY_TIMEOUT_S_MAX).contains(&timeout_s) {
        return Ok(());
    }
    let reason = format!("Value {timeout_s} must be between 0 and {VISIBILITY_TIMEOUT_S_MAX}");
    Err(QueueError::InvalidParameter {
        name: "VisibilityTimeout",
        reason,
    })
}
