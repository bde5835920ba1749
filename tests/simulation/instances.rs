//! Instances of the functions: each with caches and a clock of its own, one invocation at a time, any of which may be
//! its last.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_sdk_dynamodb::config::retry::RetryConfig;
use aws_sdk_dynamodb::config::{IdentityCache, SharedHttpClient, StalledStreamProtectionConfig};
use chrono::TimeDelta;
use redial_aws::layout::{OTHER_TIMEOUTS_S, QUEUES};
use redial_aws::{App, Clock, Environment, Ids};
use redial_local::functions::{Function, function, invoke};
use redial_local::queue_attributes::REGION;
use redial_telephony::bland::BlandClient;
use serde_json::Value;
use tokio::sync::Notify;

use crate::phones::PhoneLine;
use crate::planted::Planted;
use crate::wire::{QUEUES_URL, Wire};
use crate::world::World;

/// A doomed instance dies at one of its first requests: a report takes about eight, a tick or a call some more.
const LAST_REQUEST_MAX: u64 = 8;
/// An instance is replaced after this many invocations: caches must not be what holds things together.
const INVOCATIONS_MAX: u32 = 60;

/// When an instance dies, as seen from the request it dies at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dies {
    BeforeItsRequest,
    AfterItsRequest,
}

/// The end of an instance, should it come.
#[derive(Debug, Default)]
pub(crate) struct Crash {
    /// Requests left, and on which side of the last one it ends.
    left: Mutex<Option<(u64, Dies)>>,
    dead: Notify,
}

impl Crash {
    fn left(&self) -> MutexGuard<'_, Option<(u64, Dies)>> {
        self.left.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts a request; whether this was the end.
    pub(crate) fn is_now(&self, when: Dies) -> bool {
        let mut left = self.left();
        let Some((requests, side)) = left.as_mut() else {
            return false;
        };
        if when == Dies::BeforeItsRequest && *requests > 0 {
            *requests -= 1;
        }
        let ends = *requests == 0 && *side == when;
        if ends {
            self.dead.notify_one();
        }
        ends
    }
}

/// How far an instance's clock is off, in milliseconds. It may step while the instance lives.
#[derive(Debug, Default)]
pub(crate) struct Off(AtomicI64);

/// A clock that is this far off is wrong: what it says in minutes means nothing. The functions draw the same line.
const WRONG: TimeDelta = TimeDelta::seconds(5);

impl Off {
    fn get(&self) -> TimeDelta {
        TimeDelta::milliseconds(self.0.load(Ordering::Relaxed))
    }

    /// Sets the clock back or ahead by minutes, or right again.
    pub(crate) fn step(&self, world: &World, who: &str) {
        let off = if self.get().abs() > WRONG {
            TimeDelta::zero()
        } else {
            minutes_off(world)
        };
        self.0.store(off.num_milliseconds(), Ordering::Relaxed);
        world.note(&format!(
            "{who}: its clock steps, it is {} ms off",
            off.num_milliseconds()
        ));
    }
}

fn minutes_off(world: &World) -> TimeDelta {
    let dice = &world.dice.instances;
    let faults = world.faults();
    let minutes = dice.signed(5, faults.clock_wrong_min.max(5));
    TimeDelta::minutes(if dice.happens(faults.clock_fast) {
        minutes
    } else {
        -minutes
    })
}

struct Instance {
    function: Function,
    crash: Arc<Crash>,
    off: Arc<Off>,
    name: String,
    invocations: u32,
}

/// All instances that wait for work, by function.
#[derive(Default)]
pub(crate) struct Instances {
    idle: Mutex<BTreeMap<&'static str, Vec<Instance>>>,
    started: Mutex<u64>,
}

impl Instances {
    fn take(&self, name: &'static str) -> Option<Instance> {
        self.idle
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get_mut(name)?
            .pop()
    }

    /// Ends them all. Each knows its world, which would otherwise live as long as they do.
    pub(crate) fn end(&self) {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    fn give_back(&self, name: &'static str, instance: Instance) {
        self.idle
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .entry(name)
            .or_default()
            .push(instance);
    }

    /// All instances end: a deployment, or a power cut.
    pub(crate) fn replace_all(&self) {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    fn number(&self) -> u64 {
        let mut started = self.started.lock().unwrap_or_else(PoisonError::into_inner);
        *started += 1;
        *started
    }
}

/// Invokes a function as Lambda does: on an instance that is free or a new one, for so long at most.
pub(crate) async fn run(world: &Arc<World>, name: &'static str, event: Value) -> Result<Value, String> {
    run_and_tell(world, name, event).await.0
}

/// As [`run`], and whether the instance's clock was wrong before or after.
pub(crate) async fn run_and_tell(
    world: &Arc<World>,
    name: &'static str,
    event: Value,
) -> (Result<Value, String>, bool) {
    let faults = world.faults();
    let dice = &world.dice.instances;
    let cold = dice.happens(faults.cold_start);
    let mut instance = match world.instances.take(name).filter(|_| !cold) {
        Some(instance) => instance,
        None => match start(world, name) {
            Ok(instance) => instance,
            Err(error) => return (Err(error), false),
        },
    };
    let was_wrong = instance.off.get().abs() > WRONG;
    let crash = if name == "outcomes" {
        faults.crash.max(faults.outcomes_crash)
    } else {
        faults.crash
    };
    *instance.crash.left() = dice.happens(crash).then(|| {
        let side = if dice.happens(500) {
            Dies::BeforeItsRequest
        } else {
            Dies::AfterItsRequest
        };
        (dice.between(1, LAST_REQUEST_MAX), side)
    });
    let crash = Arc::clone(&instance.crash);
    let outcome = tokio::select! {
        biased;
        () = crash.dead.notified() => {
            world.note(&format!("{} crashed", instance.name));
            return (Err("crashed".to_owned()), was_wrong || instance.off.get().abs() > WRONG);
        }
        outcome = invoke(&instance.function, event) => outcome,
        () = tokio::time::sleep(timeout(name)) => {
            world.note(&format!("{} timed out", instance.name));
            return (Err("timed out".to_owned()), was_wrong || instance.off.get().abs() > WRONG);
        }
    };
    if let Err(error) = &outcome {
        world.note(&format!("{} failed: {error}", instance.name));
        if error.starts_with("panicked") {
            world
                .judge
                .found("no_panic", world.now(), error.clone(), &instance.name);
        }
    }
    instance.invocations += 1;
    let is_wrong = was_wrong || instance.off.get().abs() > WRONG;
    if instance.invocations < INVOCATIONS_MAX {
        world.instances.give_back(name, instance);
    }
    (outcome, is_wrong)
}

fn timeout(name: &str) -> Duration {
    let by_queue = QUEUES
        .iter()
        .find(|queue| queue.function == name)
        .map(|queue| queue.function_timeout_s);
    let other = OTHER_TIMEOUTS_S
        .iter()
        .find(|(function, _)| *function == name)
        .map(|(_, seconds)| *seconds);
    Duration::from_secs(u64::from(by_queue.or(other).unwrap_or(30)))
}

/// An SDK configuration over a wire. Retries are the wire's business, so that they are drawn from the seed.
pub(crate) fn config(wire: Wire) -> SdkConfig {
    let credentials = Credentials::new("sim", "sim", None, None, "simulation");
    SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::from_static(REGION))
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .identity_cache(IdentityCache::no_cache())
        .retry_config(RetryConfig::disabled())
        .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
        .endpoint_url("http://aws.sim")
        .http_client(SharedHttpClient::new(wire))
        .build()
}

/// What the functions find in their environment.
fn environment() -> Environment {
    let queue = |name| redial_local::queue_protocol::queue_url(QUEUES_URL, name);
    let values = [
        ("REDIAL_TABLE", redial_local::create::TABLE_NAME.to_owned()),
        ("REDIAL_CALLS_QUEUE_URL", queue("calls")),
        ("REDIAL_DIAL_QUEUE_URL", queue("dial")),
        ("REDIAL_TICK_QUEUE_URL", queue("tick")),
        ("REDIAL_JOBS_QUEUE_URL", queue("jobs")),
        ("REDIAL_BUS", "redial".to_owned()),
        ("REDIAL_WEBHOOK_BASE_URL", "http://webhook.sim".to_owned()),
        ("BLAND_WEBHOOK_SECRET", crate::phones::SECRET.to_owned()),
        ("REDIAL_CONSENT_STATEMENT", "nobody here is real".to_owned()),
    ];
    Environment::fixed(
        values
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value))
            .collect(),
    )
}

/// An app over a wire, with the clock of its instance.
pub(crate) fn app(world: &Arc<World>, wire: Wire, n: u64) -> Result<App, String> {
    let (clock, off) = (world.clock.clone(), Arc::clone(&wire.off));
    let clock = Clock::from_fn(move || clock.now() + off.get()).held_against_the_tables();
    let ids = Ids::seeded(world.seed.wrapping_mul(1_000_003).wrapping_add(n));
    let mut app = App::with(environment(), config(wire), clock, ids).map_err(|error| error.to_string())?;
    app.metrics = world.metrics.clone();
    app.book = world.planted.and_then(Planted::book).unwrap_or(app.book);
    Ok(app)
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

fn start(world: &Arc<World>, name: &'static str) -> Result<Instance, String> {
    let faults = world.faults();
    let dice = &world.dice.instances;
    let mut off = TimeDelta::milliseconds(dice.signed(-faults.skew_ms, faults.skew_ms));
    if dice.happens(faults.clock_wrong) {
        off += minutes_off(world);
    }
    let of_clock = Arc::new(Off(AtomicI64::new(off.num_milliseconds())));
    let n = world.instances.number();
    let crash = Arc::new(Crash::default());
    let wire = Wire {
        world: Arc::clone(world),
        who: format!("{name}/{n}"),
        crash: Some(Arc::clone(&crash)),
        off: Arc::clone(&of_clock),
    };
    let app = app(world, wire, n)?;
    let bland = BlandClient::over(Arc::new(PhoneLine {
        world: Arc::clone(world),
        who: format!("{name}/{n}"),
    }));
    let function = match name {
        "webhook" => {
            let ready = futures::FutureExt::now_or_never(redial_webhook::Handler::new(app));
            handled!(
                ready
                    .ok_or("webhook needs time to start")?
                    .map_err(|error| error.to_string())?
            )
        }
        "outcomes" => handled!(redial_outcomes::Handler::with_client(app, Some(bland))),
        "tick" => handled!(redial_tick::Handler::new(app)),
        "dialer" => handled!(redial_dialer::Handler::with_client(app, bland)),
        "reconcile" => handled!(redial_reconcile::Handler::with_client(app, bland)),
        "jobs" => handled!(redial_jobs::Handler::new(app)),
        "admin" => handled!(redial_admin::Handler::new(app)),
        other => return Err(format!("no function is called {other}")),
    };
    world.note(&format!(
        "{name}/{n} starts, its clock is {} ms off",
        off.num_milliseconds()
    ));
    Ok(Instance {
        function,
        crash,
        off: of_clock,
        name: format!("{name}/{n}"),
        invocations: 0,
    })
}
