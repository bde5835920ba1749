//! The simulated phone network: which calls it accepted, how they go, and which reports are still to be sent.
//!
//! It keeps its state in SQLite, so that calls in progress go on after `kill -9`, and it is the judge of what was
//! really called. The HTTP API is in `phone_server`, the sending of reports in `phone_deliveries`.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use chrono::{DateTime, TimeDelta, Utc};
use rusqlite::{Connection, OptionalExtension, Row, params};
use serde_json::Value;
use tokio::sync::watch;

use crate::{
    activity::Activity,
    phone_outcomes::{CallOutcome, Dice, Timing},
    phone_payloads::{Call, DEFAULT_FROM},
    phone_settings::{Behaviour, CallQuery, PhonesError, PhonesMode, PhonesSettings, ReceivedCall},
    sqlite_file::{self, from_ms, uuid_shaped},
    virtual_clock::VirtualClock,
};

/// The network; clones share it.
#[derive(Debug, Clone)]
pub struct Phones {
    pub(crate) shared: Arc<Shared>,
}

#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) settings: PhonesSettings,
    pub(crate) clock: VirtualClock,
    pub(crate) activity: Activity,
    pub(crate) client: reqwest::Client,
    pub(crate) changes: watch::Sender<u64>,
    /// Reports on their way; the file says that they are still to be sent.
    pub(crate) sending: Mutex<BTreeSet<i64>>,
    behaviour: Mutex<Behaviour>,
    db: Mutex<Connection>,
}

const SCHEMA: &str = "
    CREATE TABLE IF NOT EXISTS calls (
        n INTEGER PRIMARY KEY AUTOINCREMENT, call_id TEXT NOT NULL UNIQUE, phone TEXT NOT NULL, digits TEXT NOT NULL,
        from_number TEXT NOT NULL, accepted_ms INTEGER NOT NULL, listed_ms INTEGER NOT NULL, request TEXT NOT NULL,
        outcome TEXT, started_ms INTEGER, ended_ms INTEGER
    ) STRICT;
    CREATE INDEX IF NOT EXISTS calls_digits ON calls (digits, accepted_ms);
    CREATE INDEX IF NOT EXISTS calls_accepted ON calls (accepted_ms);
    CREATE TABLE IF NOT EXISTS reports (
        id INTEGER PRIMARY KEY AUTOINCREMENT, call_id TEXT NOT NULL, number INTEGER NOT NULL, due_ms INTEGER NOT NULL,
        tries INTEGER NOT NULL DEFAULT 0
    ) STRICT;
    CREATE INDEX IF NOT EXISTS reports_due ON reports (due_ms);
";
const CALL_COLUMNS: &str = "call_id, phone, from_number, accepted_ms, request, outcome, started_ms, ended_ms";

impl Phones {
    /// Opens the network kept in a file, and makes the file if there is none.
    pub fn open(
        path: &Path,
        settings: PhonesSettings,
        clock: VirtualClock,
        activity: Activity,
    ) -> Result<Self, PhonesError> {
        Self::start(sqlite_file::open(path)?, settings, clock, activity)
    }

    /// A network that is forgotten at the end; for tests.
    pub fn in_memory(settings: PhonesSettings, clock: VirtualClock, activity: Activity) -> Result<Self, PhonesError> {
        Self::start(sqlite_file::in_memory()?, settings, clock, activity)
    }

    fn start(
        db: Connection,
        settings: PhonesSettings,
        clock: VirtualClock,
        activity: Activity,
    ) -> Result<Self, PhonesError> {
        db.execute_batch(SCHEMA)?;
        let shared = Shared {
            settings,
            clock,
            activity,
            client: crate::phone_deliveries::http_client()?,
            changes: watch::Sender::new(0),
            sending: Mutex::default(),
            behaviour: Mutex::default(),
            db: Mutex::new(db),
        };
        Ok(Self {
            shared: Arc::new(shared),
        })
    }

    /// How nasty the network is.
    pub fn behaviour(&self) -> Behaviour {
        self.behaviour_mut().clone()
    }

    /// Changes how nasty the network is.
    pub fn set_behaviour(&self, behaviour: Behaviour) {
        *self.behaviour_mut() = behaviour;
    }

    pub(crate) fn behaviour_mut(&self) -> MutexGuard<'_, Behaviour> {
        self.shared.behaviour.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Accepts a call: from here on it is made, whatever is answered. `at_once` ends and reports it now.
    pub(crate) fn accept(&self, phone: &str, request: &Value, at_once: bool) -> Result<String, PhonesError> {
        let now = self.shared.clock.now();
        let Behaviour {
            outcome: forced,
            list_late_s,
            queue_s,
            never_end,
            ..
        } = self.behaviour();
        let mut db = self.db();
        let transaction = db.transaction()?;
        let n: i64 = transaction
            .query_row("SELECT seq FROM sqlite_sequence WHERE name = 'calls'", [], |row| {
                row.get(0)
            })
            .optional()?
            .unwrap_or(0)
            + 1;
        let seed = self.shared.settings.seed;
        let call_id = uuid_shaped(&format!("{seed} call {n}"));
        let dice = Dice::new(seed, &call_id);
        let outcome =
            (self.shared.settings.mode == PhonesMode::Simulated).then(|| forced.unwrap_or_else(|| dice.outcome()));
        let timing = outcome.map(|outcome| Timing::of(outcome, &dice));
        let after = |s: u32| {
            if at_once {
                now
            } else {
                now + TimeDelta::seconds(i64::from(queue_s) + i64::from(s))
            }
            .timestamp_millis()
        };
        let unconnected = matches!(outcome, Some(CallOutcome::BadNumber | CallOutcome::Canceled));
        transaction
            .prepare_cached(
                "INSERT INTO calls (n, call_id, phone, digits, from_number, accepted_ms, listed_ms, request, outcome,
                                    started_ms, ended_ms)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
            )?
            .execute(params![
                n,
                call_id,
                phone,
                digits(phone),
                request["from"].as_str().unwrap_or(DEFAULT_FROM),
                now.timestamp_millis(),
                now.timestamp_millis() + i64::from(list_late_s) * 1_000,
                request.to_string(),
                outcome.map(CallOutcome::as_str),
                timing.filter(|_| !unconnected).map(|timing| after(timing.ring_s)),
                timing.filter(|_| !never_end).map(|timing| after(timing.end_s())),
            ])?;
        if let Some(timing) = timing.filter(|_| !never_end)
            && request["webhook"].is_string()
        {
            add_report(&transaction, &call_id, 1, after(timing.end_s() + timing.report_s))?;
            if let Some(second_s) = timing.second_report_s {
                let due = now + TimeDelta::seconds(i64::from(queue_s) + i64::from(timing.end_s() + second_s));
                add_report(&transaction, &call_id, 2, due.timestamp_millis())?;
            }
        }
        transaction.commit()?;
        drop(db);
        self.announce();
        Ok(call_id)
    }

    /// Ends a call that is not over. Answers whether there was one.
    pub fn stop(&self, call_id: &str) -> Result<bool, PhonesError> {
        let now = self.shared.clock.now();
        let Some(call) = self.call(call_id)? else {
            return Ok(false);
        };
        if call.is_over(now) {
            return Ok(false);
        }
        if self.behaviour().ignore_stop {
            return Ok(true);
        }
        let taken = call.started_at.is_some_and(|started| started <= now);
        let talks = taken && call.outcome.is_some_and(CallOutcome::is_human);
        let outcome = if talks {
            CallOutcome::HumanNoResult
        } else {
            CallOutcome::Canceled
        };
        let mut db = self.db();
        let transaction = db.transaction()?;
        transaction.execute(
            "UPDATE calls SET outcome = ?2, ended_ms = ?3, started_ms = CASE WHEN ?4 THEN started_ms END
             WHERE call_id = ?1",
            params![call_id, outcome.as_str(), now.timestamp_millis(), talks],
        )?;
        transaction.execute("DELETE FROM reports WHERE call_id = ?1", [call_id])?;
        if self.shared.settings.mode == PhonesMode::Simulated && call.request["webhook"].is_string() {
            let due = now + TimeDelta::seconds(STOP_REPORT_S);
            add_report(&transaction, call_id, 1, due.timestamp_millis())?;
        }
        transaction.commit()?;
        drop(db);
        self.announce();
        Ok(true)
    }

    /// One call.
    pub fn call(&self, call_id: &str) -> Result<Option<Call>, PhonesError> {
        let sql = format!("SELECT {CALL_COLUMNS} FROM calls WHERE call_id = ?1");
        let db = self.db();
        let mut statement = db.prepare_cached(&sql)?;
        let mut rows = statement.query([call_id])?;
        rows.next()?.map(|row| self.read_call(row)).transpose()
    }

    /// How many calls match, and those from `skip` on, at most `max`.
    pub fn calls(&self, query: &CallQuery, skip: usize, max: usize) -> Result<(usize, Vec<Call>), PhonesError> {
        let now = self.shared.clock.now().timestamp_millis();
        let order = if query.ascending { "ASC" } else { "DESC" };
        let matching = "listed_ms <= ?1 AND (?2 IS NULL OR digits = ?2)
             AND (?3 IS NULL OR replace(from_number, '+', '') = ?3)
             AND accepted_ms >= ?4 AND accepted_ms < ?5 AND (NOT ?6 OR ended_ms IS NULL OR ended_ms > ?1)";
        let bounds = params![
            now,
            query.to_number.as_deref().map(digits),
            query.from_number.as_deref().map(digits),
            query.since.map_or(i64::MIN, |time| time.timestamp_millis()),
            query.until.map_or(i64::MAX, |time| time.timestamp_millis()),
            query.active,
        ];
        let db = self.db();
        let count: i64 = db
            .prepare_cached(&format!("SELECT count(*) FROM calls WHERE {matching}"))?
            .query_row(bounds, |row| row.get(0))?;
        let mut statement = db.prepare_cached(&format!(
            "SELECT {CALL_COLUMNS} FROM calls WHERE {matching} ORDER BY accepted_ms {order}, n {order}
             LIMIT {max} OFFSET {skip}"
        ))?;
        let mut rows = statement.query(bounds)?;
        let mut calls = Vec::new();
        while let Some(row) = rows.next()? {
            calls.push(self.read_call(row)?);
        }
        Ok((usize::try_from(count).unwrap_or(0), calls))
    }

    /// What the network received at or after `since`, oldest first.
    pub fn calls_since(&self, since: DateTime<Utc>) -> Result<Vec<ReceivedCall>, PhonesError> {
        let db = self.db();
        let mut statement = db.prepare_cached(
            "SELECT phone, accepted_ms, json_extract(request, '$.metadata.attempt_id'), call_id, from_number, request
             FROM calls WHERE accepted_ms >= ?1 ORDER BY accepted_ms, n",
        )?;
        let mut rows = statement.query([since.timestamp_millis()])?;
        let mut calls = Vec::new();
        while let Some(row) = rows.next()? {
            let request: Value = serde_json::from_str(&row.get::<_, String>(5)?)?;
            let text = |name: &str| request[name].as_str().map(str::to_owned);
            calls.push(ReceivedCall {
                phone: row.get(0)?,
                accepted_at: from_ms(row.get(1)?),
                attempt_id: row.get(2)?,
                call_id: row.get(3)?,
                from: row.get(4)?,
                task: text("task"),
                pathway_id: text("pathway_id"),
                request_data: request["request_data"].clone(),
            });
        }
        Ok(calls)
    }

    /// How many calls were ever accepted; cheap.
    pub fn placed(&self) -> Result<u64, PhonesError> {
        let placed = self
            .db()
            .prepare_cached("SELECT seq FROM sqlite_sequence WHERE name = 'calls'")?
            .query_row([], |row| row.get(0))
            .optional()?;
        Ok(placed.unwrap_or(0))
    }

    /// How many calls went which way so far; calls that go on count under `in_progress`.
    pub fn outcome_counts(&self) -> Result<BTreeMap<String, u64>, PhonesError> {
        let now = self.shared.clock.now().timestamp_millis();
        let db = self.db();
        let mut statement = db.prepare_cached(
            "SELECT CASE WHEN ended_ms <= ?1 THEN outcome ELSE 'in_progress' END AS word, count(*) FROM calls
             GROUP BY word",
        )?;
        let rows = statement.query_map([now], |row| Ok((row.get(0)?, row.get::<_, u64>(1)?)))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// The earliest time after now at which a report is to be sent.
    pub fn next_due(&self) -> Result<Option<DateTime<Utc>>, PhonesError> {
        let now = self.shared.clock.now().timestamp_millis();
        let due: Option<i64> = self
            .db()
            .prepare_cached("SELECT min(due_ms) FROM reports WHERE due_ms > ?1")?
            .query_row([now], |row| row.get(0))?;
        Ok(due.map(from_ms))
    }

    /// Whether no report is due or on its way.
    pub fn idle(&self) -> Result<bool, PhonesError> {
        Ok(self.due_count()? == 0)
    }

    /// How many reports are due or on their way.
    pub fn due_count(&self) -> Result<u64, PhonesError> {
        let now = self.shared.clock.now().timestamp_millis();
        Ok(self
            .db()
            .prepare_cached("SELECT count(*) FROM reports WHERE due_ms <= ?1")?
            .query_row([now], |row| row.get(0))?)
    }

    pub(crate) fn announce(&self) {
        self.shared.changes.send_modify(|count| *count = count.wrapping_add(1));
    }

    pub(crate) fn db(&self) -> MutexGuard<'_, Connection> {
        self.shared.db.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn read_call(&self, row: &Row<'_>) -> Result<Call, PhonesError> {
        Ok(Call {
            call_id: row.get(0)?,
            phone: row.get(1)?,
            from: row.get(2)?,
            accepted_at: from_ms(row.get(3)?),
            request: serde_json::from_str(&row.get::<_, String>(4)?)?,
            outcome: row.get::<_, Option<String>>(5)?.as_deref().and_then(CallOutcome::parse),
            started_at: row.get::<_, Option<i64>>(6)?.map(from_ms),
            ended_at: row.get::<_, Option<i64>>(7)?.map(from_ms),
            seed: self.shared.settings.seed,
        })
    }
}

/// A stopped call is reported this long after it was stopped, in seconds.
const STOP_REPORT_S: i64 = 1;

fn add_report(db: &Connection, call_id: &str, number: u8, due_ms: i64) -> rusqlite::Result<()> {
    db.prepare_cached("INSERT INTO reports (call_id, number, due_ms) VALUES (?1, ?2, ?3)")?
        .execute(params![call_id, number, due_ms])
        .map(|_| ())
}

fn digits(phone: &str) -> String {
    phone.chars().filter(char::is_ascii_digit).collect()
}
