//! Puts each function behind the event source that it has on AWS, each with an app of its own.
//!
//! An own app means own caches of campaigns and rules, as separate Lambdas have. What is counted is shared.

use std::{collections::BTreeMap, sync::Arc};

use aws_config::SdkConfig;
use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use redial_aws::{
    App, AppError, Clock, Environment, Ids, Metrics,
    layout::{FUNCTIONS, QUEUES, SCHEDULES},
};
use serde_json::{Value, json};

use crate::{
    event_source::EventSource,
    functions::{Function, function, invoke},
    queue_attributes::REGION,
    queue_protocol::queue_url,
    runner::Machine,
    scheduler::{BadInterval, Callback, Scheduler},
    virtual_clock::VirtualClock,
};

/// Why a function did not start.
#[derive(Debug, thiserror::Error)]
pub enum WireError {
    /// Its environment is not complete.
    #[error(transparent)]
    App(#[from] AppError),
    /// It refused to start.
    #[error("failed to start the function `{name}`: {reason}")]
    Function {
        /// Which.
        name: &'static str,
        /// Why.
        reason: String,
    },
    /// A schedule cannot be.
    #[error(transparent)]
    Schedule(#[from] BadInterval),
}

/// What all apps have in common.
#[derive(Debug, Clone)]
pub struct AppParts {
    /// What the functions see of the environment.
    pub environment: Environment,
    /// The SDK's way to the embedded APIs.
    pub config: SdkConfig,
    /// The clock.
    pub clock: VirtualClock,
    /// The source of ids.
    pub ids: Ids,
    /// The counts.
    pub metrics: Metrics,
}

impl AppParts {
    /// One more app.
    ///
    /// # Errors
    /// When the environment names no table.
    pub fn app(&self) -> Result<App, AppError> {
        let clock = self.clock.clone();
        let clock = Clock::from_fn(move || clock.now());
        let mut app = App::with(self.environment.clone(), self.config.clone(), clock, self.ids.clone())?;
        app.metrics = self.metrics.clone();
        Ok(app)
    }
}

/// The functions, and the app of each.
#[derive(Clone)]
pub struct Functions {
    functions: BTreeMap<&'static str, Function>,
    /// The app of each function: what it counts in units is on its table.
    pub apps: BTreeMap<&'static str, App>,
}

macro_rules! handled {
    ($handler:expr) => {{
        let handler = $handler;
        function(move |event: Value| {
            let handler = handler.clone();
            async move { handler.handle(event).await.map_err(|error| error.to_string()) }
        })
    }};
}

/// Starts all functions.
///
/// # Errors
/// When one refuses to start.
pub async fn functions(parts: &AppParts) -> Result<Functions, WireError> {
    let mut functions = BTreeMap::new();
    let mut apps = BTreeMap::new();
    for name in FUNCTIONS {
        let app = parts.app()?;
        apps.insert(name, app.clone());
        let refused = |error: lambda_runtime::Error| WireError::Function {
            name,
            reason: error.to_string(),
        };
        let started = match name {
            "webhook" => handled!(redial_webhook::Handler::new(app).await.map_err(refused)?),
            "outcomes" => handled!(redial_outcomes::Handler::new(app).await.map_err(refused)?),
            "tick" => handled!(redial_tick::Handler::new(app)),
            "dialer" => handled!(redial_dialer::Handler::new(app).await.map_err(refused)?),
            "reconcile" => handled!(redial_reconcile::Handler::new(app).await.map_err(refused)?),
            "jobs" => handled!(redial_jobs::Handler::new(app)),
            "admin" => handled!(redial_admin::Handler::new(app)),
            _ => return Err(unknown(name)),
        };
        functions.insert(name, started);
    }
    Ok(Functions { functions, apps })
}

fn unknown(name: &'static str) -> WireError {
    WireError::Function {
        name,
        reason: "`redial local` does not know it; add it to `wire.rs`".to_owned(),
    }
}

impl Functions {
    /// A function by its name.
    ///
    /// # Errors
    /// When there is no such function.
    pub fn get(&self, name: &'static str) -> Result<Function, WireError> {
        self.functions.get(name).cloned().ok_or_else(|| unknown(name))
    }

    /// The event sources of all queues.
    ///
    /// # Errors
    /// When a queue feeds a function that does not exist.
    pub fn event_sources(
        &self,
        machine: &Machine,
        config: &SdkConfig,
        sqs_url: &str,
    ) -> Result<Vec<EventSource>, WireError> {
        let client = aws_sdk_sqs::Client::new(config);
        let source = |queue: &redial_aws::layout::Queue| {
            Ok(EventSource {
                queue: queue.name.to_owned(),
                queue_url: queue_url(sqs_url, queue.name),
                function_name: queue.function.to_owned(),
                function: self.get(queue.function)?,
                batch_size: i32::try_from(queue.batch_size).unwrap_or(i32::MAX),
                max_concurrency: queue.concurrency_max as usize,
                client: client.clone(),
                engine: machine.engine.clone(),
                activity: machine.activity.clone(),
            })
        };
        QUEUES.iter().map(source).collect()
    }

    /// Adds all schedules.
    ///
    /// # Errors
    /// When a schedule starts a function that does not exist.
    pub fn schedule(&self, scheduler: &mut Scheduler) -> Result<(), WireError> {
        for schedule in SCHEDULES {
            let function = self.get(schedule.function)?;
            let every = TimeDelta::minutes(i64::from(schedule.every_min));
            scheduler.add(schedule.function, every, callback(schedule.function, function))?;
        }
        Ok(())
    }
}

fn callback(name: &'static str, function: Function) -> Callback {
    Arc::new(move |time| {
        let function = Arc::clone(&function);
        Box::pin(async move {
            // No retries, as in the template: the next run sees the same.
            if let Err(error) = invoke(&function, schedule_event(name, time)).await {
                tracing::warn!(function = name, "scheduled run failed: {error}");
            }
        })
    })
}

/// The event of a schedule.
fn schedule_event(name: &str, time: DateTime<Utc>) -> Value {
    json!({
        "version": "0",
        "id": format!("{name}-{}", time.timestamp()),
        "source": "aws.scheduler",
        "detail-type": "Scheduled Event",
        "time": time.to_rfc3339_opts(SecondsFormat::Secs, true),
        "region": REGION,
        "resources": [format!("arn:aws:scheduler:{REGION}:000000000000:schedule/default/{name}")],
        "detail": {},
    })
}
