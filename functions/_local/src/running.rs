//! The machine while it runs: where its parts are, how time passes, and how it ends.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use chrono::{DateTime, TimeDelta, Utc};
use redial_aws::{App, Metrics, table::Units};
use serde_json::json;
use tokio::{
    sync::{oneshot, watch},
    task::{AbortHandle, JoinHandle, JoinSet},
};

use crate::{
    bus::Bus,
    clock_file::ClockFile,
    data_dir::DataDir,
    phones::Phones,
    runner::{Machine, RunnerError},
    virtual_clock::{VirtualClock, system_now},
};

/// What runs at the end gets this long, in real time. What it does not finish comes again at the next start.
const FINISH_MAX: Duration = Duration::from_secs(5);
/// The table engine closes its connections within this.
const TABLE_CLOSE_MAX: Duration = Duration::from_secs(1);

/// Where the parts are.
#[derive(Debug, Clone)]
pub struct Places {
    /// Admin API and webhooks.
    pub base_url: String,
    /// The embedded DynamoDB.
    pub dynamodb_url: String,
    /// The embedded SQS.
    pub sqs_url: String,
    /// The bus.
    pub bus_url: String,
    /// The simulated phone network.
    pub phones_url: String,
}

impl Places {
    /// As a JSON object.
    pub fn to_json(&self) -> String {
        json!({
            "base_url": self.base_url,
            "dynamodb_url": self.dynamodb_url,
            "sqs_url": self.sqs_url,
            "bus_url": self.bus_url,
            "phones_url": self.phones_url,
        })
        .to_string()
    }
}

/// The engine behind the embedded DynamoDB.
#[derive(Clone)]
pub struct TableEngine(pub dynoxide::Database);

impl std::fmt::Debug for TableEngine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("TableEngine")
    }
}

/// The running machine. Dropped without [`Self::shutdown`] it ends as by a crash.
#[derive(Debug)]
pub struct Running {
    /// Where its parts are.
    pub places: Places,
    /// The key of a system administrator.
    pub api_key: String,
    /// Clock, queues, phones, schedules.
    pub machine: Machine,
    /// The bus.
    pub bus: Bus,
    /// What all functions count.
    pub metrics: Metrics,
    /// An app beside the functions, for looking; its units are its own.
    pub app: App,
    /// The app of each function, by its name.
    pub apps: BTreeMap<&'static str, App>,
    /// The engine behind the embedded DynamoDB, for filling it by the hundred thousand.
    pub database: TableEngine,
    /// Virtual seconds per second.
    pub speed: u32,
    /// Whether webhooks must be signed.
    pub signed: bool,
    /// Whether they are signed by a secret from outside, not by one made for this run.
    pub signed_by_given_secret: bool,
    /// What the user should know.
    pub notices: Vec<String>,
    /// How many leads of the demo were added in this run; none when none had to be.
    pub demo_added: watch::Receiver<Option<usize>>,
    pub(crate) data: Option<Arc<DataDir>>,
    pub(crate) clock_file: Option<Arc<ClockFile>>,
    pub(crate) stop: watch::Sender<bool>,
    pub(crate) sources: JoinSet<()>,
    pub(crate) driving: Option<AbortHandle>,
    pub(crate) tasks: JoinSet<()>,
    pub(crate) table_stop: oneshot::Sender<()>,
    pub(crate) table_server: JoinHandle<Result<(), String>>,
}

impl Running {
    /// The clock.
    pub fn clock(&self) -> &VirtualClock {
        &self.machine.clock
    }

    /// The time on the clock.
    pub fn now(&self) -> DateTime<Utc> {
        self.machine.clock.now()
    }

    /// The phone network.
    pub fn phones(&self) -> &Phones {
        &self.machine.phones
    }

    /// Where things are kept, if they are.
    pub fn data(&self) -> Option<&DataDir> {
        self.data.as_deref()
    }

    /// Waits until nothing runs and nothing is due at this instant.
    ///
    /// # Errors
    /// When something does not end; the error names it.
    pub async fn settle(&self) -> Result<(), RunnerError> {
        self.machine.settle_standing().await
    }

    /// Lets time pass, doing everything that is due in its order.
    ///
    /// # Errors
    /// When something does not end; the error names it.
    pub async fn advance(&self, duration: TimeDelta) -> Result<(), RunnerError> {
        self.machine.advance(duration).await
    }

    /// Capacity units that all functions used so far.
    pub fn units(&self) -> Units {
        total_units(&self.apps)
    }

    /// Stops taking work, lets what runs finish within five seconds, keeps the clock.
    pub async fn shutdown(mut self) {
        if let Some(driving) = &self.driving {
            driving.abort();
        }
        // Fails when all sources have ended, which is as good.
        let _ = self.stop.send(true);
        let finish = async {
            while self.sources.join_next().await.is_some() {}
            self.machine.activity.quiet().await;
        };
        if tokio::time::timeout(FINISH_MAX, finish).await.is_err() {
            let left: Vec<String> = self.machine.activity.running().into_keys().collect();
            tracing::warn!("stopped while these ran, they come again: {}", left.join(", "));
        }
        self.sources.shutdown().await;
        self.tasks.shutdown().await;
        if let Some(file) = &self.clock_file {
            file.note(self.machine.clock.now(), system_now());
        }
        drop(self.table_stop);
        let _ = tokio::time::timeout(TABLE_CLOSE_MAX, self.table_server).await;
    }
}

/// Capacity units of some apps together.
pub(crate) fn total_units(apps: &BTreeMap<&'static str, App>) -> Units {
    let none = Units {
        read: 0.0,
        write: 0.0,
        requests: 0,
    };
    apps.values().map(|app| app.table.units()).fold(none, |sum, one| Units {
        read: sum.read + one.read,
        write: sum.write + one.write,
        requests: sum.requests + one.requests,
    })
}
