//! The queues and messages in their SQLite file: every statement of the queue engine.
//!
//! Takes time as an argument; waits for nothing and wakes nobody.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use rusqlite::{Connection, OptionalExtension, Row, params};

use crate::{
    queue_attributes::{self as attributes, Attributes, QueueSettings, VISIBILITY_TIMEOUT_S_MAX},
    queue_engine::QueueCounts,
    queue_error::QueueError,
    queue_message::{self as message, BATCH_MAX, NewMessage, Receipt, Received, Sent},
    sqlite_file::{self, from_ms, uuid_shaped},
    virtual_clock::VirtualClock,
};

const SCHEMA: &str = "
    CREATE TABLE IF NOT EXISTS queues (
        name TEXT PRIMARY KEY, attributes TEXT NOT NULL, created_ms INTEGER NOT NULL, modified_ms INTEGER NOT NULL
    ) STRICT;
    -- AUTOINCREMENT: a number is never given twice, so that a receipt never names another message.
    CREATE TABLE IF NOT EXISTS messages (
        seq INTEGER PRIMARY KEY AUTOINCREMENT, queue TEXT NOT NULL, message_id TEXT NOT NULL, body TEXT NOT NULL,
        attributes TEXT NOT NULL, trace_header TEXT, sent_ms INTEGER NOT NULL, visible_ms INTEGER NOT NULL,
        receive_count INTEGER NOT NULL DEFAULT 0, first_received_ms INTEGER, received_ms INTEGER, source TEXT
    ) STRICT;
    CREATE INDEX IF NOT EXISTS messages_visible ON messages (queue, visible_ms, seq);
    CREATE INDEX IF NOT EXISTS messages_sent ON messages (queue, sent_ms);
    CREATE INDEX IF NOT EXISTS messages_due ON messages (visible_ms);
";

/// A receive that keeps finding exhausted messages gives up after this many passes of ten; the next one goes on.
const REDRIVE_PASSES_MAX: usize = 100;

/// Messages of one queue that may be in flight (SQS developer guide, "Amazon SQS standard queue quotas", 2026).
pub(crate) const IN_FLIGHT_MAX: i64 = 120_000;

/// The open file, and the queues it holds.
#[derive(Debug)]
pub(crate) struct Store {
    /// The open file.
    pub(crate) db: Connection,
    /// Queues by name; the file has the same.
    pub(crate) queues: BTreeMap<String, Queue>,
    last_seq: i64,
    salt: String,
}

/// One queue.
#[derive(Debug, Clone)]
pub(crate) struct Queue {
    /// Its attributes as stored.
    pub(crate) attributes: Attributes,
    /// The same, as numbers.
    pub(crate) settings: QueueSettings,
    /// When it was made, in ms since the epoch.
    pub(crate) created: i64,
    /// When its attributes were last set, in ms since the epoch.
    pub(crate) modified: i64,
    /// No more messages than this are in flight. Only receives add to it; it is counted anew when it nears the limit.
    pub(crate) in_flight_at_most: i64,
}

impl Store {
    /// Reads the queues from an open file, which may be new.
    pub(crate) fn start(db: Connection, clock: &VirtualClock) -> Result<Self, QueueError> {
        db.execute_batch(SCHEMA)?;
        let salt = sqlite_file::meta_or_set(&db, "salt", || format!("{:?}", clock.now()))?;
        let last_seq = db
            .query_row("SELECT seq FROM sqlite_sequence WHERE name = 'messages'", [], |row| {
                row.get(0)
            })
            .optional()?
            .unwrap_or(0);
        let mut queues = BTreeMap::new();
        {
            let mut statement = db.prepare("SELECT name, attributes, created_ms, modified_ms FROM queues")?;
            let mut rows = statement.query([])?;
            while let Some(row) = rows.next()? {
                let stored: Attributes = serde_json::from_str(&row.get::<_, String>(1)?)?;
                let settings = attributes::settings(&stored)?;
                let queue = Queue {
                    attributes: stored,
                    settings,
                    created: row.get(2)?,
                    modified: row.get(3)?,
                    in_flight_at_most: IN_FLIGHT_MAX,
                };
                queues.insert(row.get(0)?, queue);
            }
        }
        Ok(Self {
            db,
            queues,
            last_seq,
            salt,
        })
    }

    /// The queue of that name.
    pub(crate) fn queue(&self, name: &str) -> Result<&Queue, QueueError> {
        self.queues
            .get(name)
            .ok_or_else(|| QueueError::NoSuchQueue(name.to_owned()))
    }

    /// Refuses a dead-letter queue that is not there, as AWS does.
    pub(crate) fn check_redrive(&self, settings: &QueueSettings) -> Result<(), QueueError> {
        match &settings.redrive {
            Some(redrive) if !self.queues.contains_key(&redrive.dead_letter_queue) => {
                let reason = "Dead letter target does not exist".to_owned();
                Err(QueueError::InvalidParameter {
                    name: "RedrivePolicy",
                    reason,
                })
            }
            _ => Ok(()),
        }
    }

    /// Stores messages in one transaction; each one that is refused is left out.
    pub(crate) fn send(
        &mut self,
        name: &str,
        batch: &[NewMessage],
        now: i64,
    ) -> Result<Vec<Result<Sent, QueueError>>, QueueError> {
        let settings = self.queue(name)?.settings.clone();
        let mut seq = self.last_seq;
        let mut results = Vec::with_capacity(batch.len());
        let transaction = self.db.transaction()?;
        for new in batch {
            let delay_s = match check_sendable(new, &settings) {
                Ok(delay_s) => delay_s,
                Err(refused) => {
                    results.push(Err(refused));
                    continue;
                }
            };
            seq += 1;
            let message_id = uuid_shaped(&format!("{} message {seq}", self.salt));
            transaction
                .prepare_cached(
                    "INSERT INTO messages (seq, queue, message_id, body, attributes, trace_header, sent_ms, visible_ms)
                     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
                )?
                .execute(params![
                    seq,
                    name,
                    message_id,
                    new.body,
                    if new.attributes.is_empty() {
                        "{}".to_owned()
                    } else {
                        serde_json::to_string(&new.attributes)?
                    },
                    new.trace_header,
                    now,
                    now + delay_s * 1_000,
                ])?;
            results.push(Ok(Sent {
                message_id,
                md5_of_body: message::md5_of_body(&new.body),
                md5_of_attributes: message::md5_of_attributes(&new.attributes),
            }));
        }
        transaction.commit()?;
        self.last_seq = seq;
        Ok(results)
    }

    /// Gives out at most `max` visible messages and hides them; moves exhausted ones, drops those past retention.
    pub(crate) fn receive(
        &mut self,
        name: &str,
        max: usize,
        visibility_timeout_s: Option<i64>,
        now: i64,
    ) -> Result<Vec<Received>, QueueError> {
        let settings = self.queue(name)?.settings.clone();
        let redrive = settings
            .redrive
            .filter(|redrive| self.queues.contains_key(&redrive.dead_letter_queue));
        let mut received = Vec::new();
        if !self.has_visible(name, now)? {
            return Ok(received);
        }
        let max = max.min(self.room_in_flight(name, now)?);
        if max == 0 {
            return Err(QueueError::OverLimit);
        }
        let transaction = self.db.transaction()?;
        transaction
            .prepare_cached("DELETE FROM messages WHERE queue = ?1 AND sent_ms <= ?2")?
            .execute(params![name, now - settings.retention_s * 1_000])?;
        let hidden_until = now + visibility_timeout_s.unwrap_or(settings.visibility_timeout_s) * 1_000;
        for _pass in 0..REDRIVE_PASSES_MAX {
            let candidates = visible(&transaction, name, now, max - received.len())?;
            let mut moved = false;
            for (seq, mut candidate) in candidates {
                if let Some(redrive) = redrive
                    .as_ref()
                    .filter(|r| candidate.receive_count >= r.receive_count_max)
                {
                    transaction
                        .prepare_cached("UPDATE messages SET queue = ?2, visible_ms = ?3, source = ?4 WHERE seq = ?1")?
                        .execute(params![seq, redrive.dead_letter_queue, now, attributes::arn(name)])?;
                    moved = true;
                    continue;
                }
                candidate.receive_count += 1;
                if candidate.receive_count == 1 {
                    candidate.first_received_at = from_ms(now);
                }
                transaction
                    .prepare_cached(
                        "UPDATE messages SET visible_ms = ?2, receive_count = ?3, received_ms = ?4,
                         first_received_ms = coalesce(first_received_ms, ?4) WHERE seq = ?1",
                    )?
                    .execute(params![seq, hidden_until, candidate.receive_count, now])?;
                let receipt = Receipt {
                    queue: name.to_owned(),
                    seq,
                    receive_count: candidate.receive_count,
                };
                candidate.receipt_handle = receipt.to_handle();
                received.push(candidate);
            }
            // A time-out of zero leaves what was just received visible: it must not be given out twice at once.
            if !moved || received.len() == max || (hidden_until == now && !received.is_empty()) {
                break;
            }
        }
        transaction.commit()?;
        if let Some(queue) = self.queues.get_mut(name) {
            queue.in_flight_at_most += i64::try_from(received.len()).unwrap_or(i64::MAX);
        }
        Ok(received)
    }

    /// How many more messages may be in flight; not more than one receive gives out.
    fn room_in_flight(&mut self, name: &str, now: i64) -> Result<usize, QueueError> {
        let room = |in_flight: i64| usize::try_from(IN_FLIGHT_MAX - in_flight).unwrap_or(0).min(BATCH_MAX);
        let at_most = self.queue(name)?.in_flight_at_most;
        if room(at_most) == BATCH_MAX {
            return Ok(BATCH_MAX);
        }
        let in_flight = self.counts(name, now)?.not_visible;
        if let Some(queue) = self.queues.get_mut(name) {
            queue.in_flight_at_most = in_flight;
        }
        Ok(room(in_flight))
    }

    /// Sets until when a received message is hidden.
    pub(crate) fn change_visibility(&self, receipt: &Receipt, timeout_s: i64, now: i64) -> Result<(), QueueError> {
        let found: Option<(i64, i64)> = self
            .db
            .prepare_cached(
                "SELECT visible_ms, received_ms FROM messages WHERE seq = ?1 AND queue = ?2 AND receive_count = ?3",
            )?
            .query_row(params![receipt.seq, receipt.queue, receipt.receive_count], |row| {
                Ok((row.get(0)?, row.get(1)?))
            })
            .optional()?;
        let Some((visible, received)) = found else {
            let reason = "Message does not exist or is not available for visibility timeout change";
            return Err(QueueError::InvalidParameter {
                name: "ReceiptHandle",
                reason: reason.to_owned(),
            });
        };
        if visible <= now {
            return Err(QueueError::NotInFlight);
        }
        let until = now + timeout_s * 1_000;
        if until - received > VISIBILITY_TIMEOUT_S_MAX * 1_000 {
            let reason = "Total VisibilityTimeout for the message is beyond the limit [43200 seconds]";
            return Err(QueueError::InvalidParameter {
                name: "VisibilityTimeout",
                reason: reason.to_owned(),
            });
        }
        self.db
            .prepare_cached("UPDATE messages SET visible_ms = ?2 WHERE seq = ?1")?
            .execute(params![receipt.seq, until])?;
        Ok(())
    }

    /// Whether a message can be received now.
    pub(crate) fn has_visible(&self, name: &str, now: i64) -> Result<bool, QueueError> {
        let kept_since = now - self.queue(name)?.settings.retention_s * 1_000;
        Ok(self
            .db
            .prepare_cached(
                "SELECT EXISTS (SELECT 1 FROM messages WHERE queue = ?1 AND visible_ms <= ?2 AND sent_ms > ?3)",
            )?
            .query_row(params![name, now, kept_since], |row| row.get(0))?)
    }

    /// When the next hidden message of a queue becomes visible.
    pub(crate) fn next_visible(&self, name: &str, now: i64) -> Result<Option<DateTime<Utc>>, QueueError> {
        let due: Option<i64> = self
            .db
            .prepare_cached("SELECT min(visible_ms) FROM messages WHERE queue = ?1 AND visible_ms > ?2")?
            .query_row(params![name, now], |row| row.get(0))?;
        Ok(due.map(from_ms))
    }

    /// How many messages a queue holds, those past retention not counted.
    pub(crate) fn counts(&self, name: &str, now: i64) -> Result<QueueCounts, QueueError> {
        let kept_since = now - self.queue(name)?.settings.retention_s * 1_000;
        Ok(self
            .db
            .prepare_cached(
                "SELECT count(*) FILTER (WHERE visible_ms <= ?2),
                        count(*) FILTER (WHERE visible_ms > ?2 AND receive_count > 0),
                        count(*) FILTER (WHERE visible_ms > ?2 AND receive_count = 0)
                 FROM messages WHERE queue = ?1 AND sent_ms > ?3",
            )?
            .query_row(params![name, now, kept_since], |row| {
                Ok(QueueCounts {
                    visible: row.get(0)?,
                    not_visible: row.get(1)?,
                    delayed: row.get(2)?,
                })
            })?)
    }
}

fn check_sendable(new: &NewMessage, settings: &QueueSettings) -> Result<i64, QueueError> {
    let delay_s = new.delay_s.unwrap_or(settings.delay_s);
    if !(0..=attributes::DELAY_S_MAX).contains(&delay_s) {
        let reason = format!("DelaySeconds must be >= 0 and <= 900, not {delay_s}");
        return Err(QueueError::InvalidParameter {
            name: "DelaySeconds",
            reason,
        });
    }
    message::check(new)?;
    if message::size_bytes(new) > settings.message_bytes_max {
        let reason = format!("Message must be shorter than {} bytes", settings.message_bytes_max);
        return Err(QueueError::InvalidParameter {
            name: "MessageBody",
            reason,
        });
    }
    Ok(delay_s)
}

fn visible(db: &Connection, name: &str, now: i64, max: usize) -> Result<Vec<(i64, Received)>, QueueError> {
    let mut statement = db.prepare_cached(
        "SELECT seq, message_id, body, attributes, trace_header, sent_ms, receive_count, first_received_ms, source
         FROM messages WHERE queue = ?1 AND visible_ms <= ?2 ORDER BY visible_ms, seq LIMIT ?3",
    )?;
    let mut rows = statement.query(params![name, now, i64::try_from(max).unwrap_or(i64::MAX)])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push((row.get(0)?, read_message(row)?));
    }
    Ok(found)
}

fn read_message(row: &Row<'_>) -> Result<Received, QueueError> {
    let body: String = row.get(2)?;
    Ok(Received {
        message_id: row.get(1)?,
        receipt_handle: String::new(),
        md5_of_body: message::md5_of_body(&body),
        body,
        attributes: serde_json::from_str(&row.get::<_, String>(3)?)?,
        trace_header: row.get(4)?,
        sent_at: from_ms(row.get(5)?),
        receive_count: row.get(6)?,
        first_received_at: from_ms(row.get::<_, Option<i64>>(7)?.unwrap_or_default()),
        dead_letter_source: row.get(8)?,
    })
}
