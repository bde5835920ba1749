//! One world: the functions on their engines, a phone network, people, a clock, and a judge. Everything in it follows
//! from its seed.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Timelike, Utc};
use redial_aws::Metrics;
use redial_aws::layout::{QUEUES, SCHEDULES};
use redial_local::activity::Activity;
use redial_local::event_source::EventSource;
use redial_local::queue_engine::QueueEngine;
use redial_local::queue_protocol::queue_url;
use redial_local::virtual_clock::VirtualClock;
use redial_local::{create, functions};
use serde_json::{Value, json};

use crate::calendar::Calendar;
use crate::dice::Dice;
use crate::evidence::Evidence;
use crate::faults::Faults;
use crate::homes::{Homes, Live};
use crate::instances::{self, Instances, Off};
use crate::judge::{Finding, Judge};
use crate::people::{self, People};
use crate::phones::PhoneNetwork;
use crate::plan::CampaignPlan;
use crate::planted::Planted;
use crate::plants::Plant;
use crate::scenarios::Scenario;
use crate::table_engine::TableEngine;
use crate::trace::Trace;
use crate::wire::{QUEUES_URL, Wire};

/// While every campaign is closed schedules run this seldom: at night nothing is due.
const NIGHT_MIN: u32 = 15;
/// The whole table is looked at this often.
const LOOK_EVERY_MIN: u32 = 10;
/// Calm hours at the end: everything due must be done in them.
const CALM: TimeDelta = TimeDelta::minutes(40);
/// They begin when all campaigns are open that open within this. One that rests for days is not waited for.
const CALM_WAIT: TimeDelta = TimeDelta::hours(6);
/// After everything was switched off, what is on its way comes to its end within this: the longest call, two looks of
/// reconcile, and a message that comes again several times.
const DRAIN: TimeDelta = TimeDelta::minutes(75);

/// The streams of choices.
#[derive(Debug)]
pub(crate) struct AllDice {
    pub(crate) wire: Dice,
    pub(crate) instances: Dice,
    pub(crate) phones: Dice,
    pub(crate) people: Dice,
    pub(crate) time: Dice,
}

/// A world.
pub(crate) struct World {
    pub(crate) seed: u64,
    pub(crate) planted: Option<Planted>,
    pub(crate) clock: VirtualClock,
    pub(crate) dice: AllDice,
    pub(crate) trace: Trace,
    pub(crate) table: TableEngine,
    pub(crate) queues: QueueEngine,
    pub(crate) phones: PhoneNetwork,
    pub(crate) instances: Instances,
    pub(crate) metrics: Metrics,
    pub(crate) evidence: Evidence,
    pub(crate) judge: Judge,
    plans: Vec<CampaignPlan>,
    calendars: Vec<Calendar>,
    homes: Homes,
    clocks_differ: TimeDelta,
    begins: DateTime<Utc>,
    faults: Mutex<Faults>,
    deployed: Mutex<Deployed>,
}

/// Which build writes messages, and which reads them.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Deployed {
    pub(crate) newer_writers: bool,
    pub(crate) newer_readers: bool,
}

/// How a message of this build begins, and how that of a newer one does.
const OUR_VERSION: &str = r#"{"v":1,"#;
const NEWER_VERSION: &str = r#"{"v":3,"since_3":true,"#;

/// How a world ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) finding: Option<Finding>,
    pub(crate) hash: String,
    pub(crate) lines: usize,
    pub(crate) calls: usize,
    /// What happened around the finding.
    pub(crate) timeline: String,
    pub(crate) all_lines: Vec<String>,
}

impl World {
    fn new(scenario: &Scenario, seed: u64, plant: Option<&Plant>) -> Result<Arc<Self>, String> {
        let clock = VirtualClock::simulated(scenario.start());
        let dice = |part| Dice::new(seed, part);
        let of_plans = dice("plans");
        // A planted defect has its hours as they are written, so that its occasion comes.
        let varies = plant.is_none();
        let plans: Vec<CampaignPlan> = scenario
            .campaigns
            .iter()
            .map(|plan| {
                if varies {
                    plan.varied(&of_plans, scenario.start())
                } else {
                    *plan
                }
            })
            .collect();
        let calendars: Vec<Calendar> = plans.iter().map(|plan| Calendar::new(plan, scenario.start())).collect();
        let is_lawful = plant.is_none_or(|plant| plant.is_about_law);
        let live = if is_lawful {
            scenario.live
        } else {
            Live::InMassachusetts
        };
        Ok(Arc::new(Self {
            seed,
            planted: plant.map(|plant| plant.defect),
            queues: QueueEngine::in_memory(clock.clone()).map_err(|error| error.to_string())?,
            clock,
            dice: AllDice {
                wire: dice("wire"),
                instances: dice("instances"),
                phones: dice("phones"),
                people: dice("people"),
                time: dice("time"),
            },
            trace: Trace::default(),
            table: TableEngine::new()?,
            phones: PhoneNetwork::new(plant.and_then(|plant| plant.often)),
            instances: Instances::default(),
            metrics: Metrics::default(),
            evidence: Evidence::default(),
            judge: Judge::default(),
            homes: Homes::new(live, &calendars),
            plans,
            calendars,
            begins: scenario.start(),
            clocks_differ: if scenario.faults.clock_wrong + scenario.faults.clock_steps > 0 {
                TimeDelta::minutes(scenario.faults.clock_wrong_min)
            } else {
                TimeDelta::zero()
            },
            faults: Mutex::new(Faults::NONE),
            deployed: Mutex::default(),
        }))
    }

    /// The time.
    pub(crate) fn now(&self) -> DateTime<Utc> {
        self.clock.now()
    }

    /// Notes something in the trace.
    pub(crate) fn note(&self, text: &str) {
        self.trace.note(self.now(), text.to_owned());
    }

    /// How hostile it is now.
    pub(crate) fn faults(&self) -> Faults {
        *self.faults.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes how hostile it is.
    pub(crate) fn set_faults(&self, faults: Faults) {
        *self.faults.lock().unwrap_or_else(PoisonError::into_inner) = faults;
    }

    /// Deploys: all instances are replaced.
    pub(crate) fn deploy(&self, deployed: Deployed) {
        *self.deployed.lock().unwrap_or_else(PoisonError::into_inner) = deployed;
        self.instances.replace_all();
        self.note(&format!("{deployed:?}"));
    }

    fn deployed(&self) -> Deployed {
        *self.deployed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A message as the build writes it that is deployed.
    pub(crate) fn written(&self, body: &str) -> String {
        match body.strip_prefix(OUR_VERSION) {
            Some(rest) if self.deployed().newer_writers => format!("{NEWER_VERSION}{rest}"),
            _ => body.to_owned(),
        }
    }

    /// Messages as the build reads them that is deployed: a newer one knows its version.
    fn read(&self, mut event: Value) -> Value {
        if self.deployed().newer_readers {
            for record in event["Records"].as_array_mut().into_iter().flatten() {
                if let Some(rest) = record["body"]
                    .as_str()
                    .and_then(|body| body.strip_prefix(NEWER_VERSION))
                {
                    record["body"] = json!(format!("{OUR_VERSION}\"since_2\":true,{rest}"));
                }
            }
        }
        event
    }

    /// When it began.
    pub(crate) const fn begins(&self) -> DateTime<Utc> {
        self.begins
    }

    /// How far the clocks of instances may be off.
    pub(crate) fn clocks_differ(&self) -> TimeDelta {
        self.clocks_differ
    }

    /// A campaign as it was planned.
    pub(crate) fn plan(&self, id: &str) -> Option<&CampaignPlan> {
        self.plans.iter().find(|plan| plan.id == id)
    }

    /// When a campaign may call, as the judge reckons.
    pub(crate) fn calendar(&self, id: &str) -> Option<&Calendar> {
        let at = self.plans.iter().position(|plan| plan.id == id)?;
        self.calendars.get(at)
    }

    /// When a campaign may call a phone, by its hours and by law.
    pub(crate) fn lawful(&self, id: &str, phone: &str) -> Option<&Calendar> {
        let at = self.plans.iter().position(|plan| plan.id == id)?;
        self.homes.lawful(at, phone)
    }

    /// Where people live.
    pub(crate) fn homes(&self) -> &Homes {
        &self.homes
    }

    /// All campaigns.
    pub(crate) fn plans(&self) -> &[CampaignPlan] {
        &self.plans
    }

    /// Lets time pass until then, minute by minute, with the judge looking; ends early at a finding.
    async fn pass_until(self: &Arc<Self>, until: DateTime<Utc>) {
        let mut seen = 0;
        while self.now() < until && self.judge.first().is_none() {
            let next = self.now() + TimeDelta::seconds(60 - i64::from(self.now().second()));
            self.clock.sleep_until(next.min(until)).await;
            if self.now().minute().is_multiple_of(LOOK_EVERY_MIN) && self.table.writes() != seen {
                seen = self.table.writes();
                self.judge.look(self);
            }
        }
    }

    fn is_day(&self, at: DateTime<Utc>) -> bool {
        let margin = TimeDelta::minutes(20);
        [at, at - margin, at + margin]
            .iter()
            .any(|at| self.homes.is_anybody_open(*at))
    }
}

/// Runs one world to its end.
///
/// # Errors
/// When the world could not be made; that is no finding.
pub(crate) fn run(scenario: &Scenario, seed: u64, plant: Option<&Plant>) -> Result<Ended, String> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .map_err(|error| error.to_string())?;
    runtime.block_on(live(scenario, seed, plant))
}

async fn live(scenario: &Scenario, seed: u64, plant: Option<&Plant>) -> Result<Ended, String> {
    let world = World::new(scenario, seed, plant)?;
    let calm_wire = Wire {
        world: Arc::clone(&world),
        who: "setup".to_owned(),
        crash: None,
        off: Arc::new(Off::default()),
    };
    let config = instances::config(calm_wire.clone());
    let failed = |error: create::CreateError| error.to_string();
    create::table(&aws_sdk_dynamodb::Client::new(&config))
        .await
        .map_err(failed)?;
    create::queues(&aws_sdk_sqs::Client::new(&config))
        .await
        .map_err(failed)?;
    let app = instances::app(&world, calm_wire, 0)?;
    redial_aws::setup::ensure_defaults(&app)
        .await
        .map_err(|error| error.to_string())?;
    let people = People::hire(&world, &app).await?;
    for plan in world.plans() {
        world.note(&format!("campaign {}: {}", plan.id, plan.told()));
        people.set_up(plan).await?;
    }
    sources(&world, &config);
    schedules(&world);

    let mut faults = scenario.faults;
    if let Some(plant) = plant {
        (plant.aim)(&mut faults);
    }
    world.set_faults(faults);
    let script = tokio::spawn((scenario.script)(people.clone()));
    world.pass_until(scenario.end()).await;
    script.abort();
    finish(&world, &people).await;
    world.instances.end();
    if scenario.has_dead_letters && world.judge.first().is_none() {
        world.judge.must_have_seen_dead_letters(&world);
    }
    let finding = world.judge.first();
    let timeline = finding
        .as_ref()
        .map(|finding| world.trace.timeline(&finding.about, finding.at))
        .unwrap_or_default();
    Ok(Ended {
        hash: world.trace.hash(),
        lines: world.trace.len(),
        calls: world.phones.calls().len(),
        timeline,
        all_lines: world.trace.lines(),
        finding,
    })
}

/// Faults off, everything on: calm hours. Then everything off, until nothing moves.
async fn finish(world: &Arc<World>, people: &People) {
    world.set_faults(Faults::NONE);
    world.deploy(Deployed {
        newer_writers: false,
        newer_readers: true,
    });
    people.put_dead_letters_back();
    people::everything_on(people).await;
    let now = world.now();
    let openings = world.calendars.iter().filter_map(|calendar| {
        if calendar.is_open(now) {
            Some(now)
        } else {
            calendar.next_opening(now)
        }
    });
    let near = openings.clone().filter(|at| *at - now < CALM_WAIT).max();
    let calm_from = near.or(openings.min()).unwrap_or(now);
    world.pass_until(calm_from + CALM).await;
    world.judge.calm(world, calm_from);
    people::everything_off(people).await;
    world.pass_until(world.now() + DRAIN).await;
    if world.judge.first().is_none() {
        let status = people.queue_status().await;
        // Asked in between two ticks, judged in between two ticks.
        world.pass_until(world.now() + TimeDelta::seconds(30)).await;
        world.judge.look(world);
        world.judge.end(world, &status);
    }
}

/// The event sources, as Lambda has them; what was done sometimes comes again.
fn sources(world: &Arc<World>, config: &aws_config::SdkConfig) {
    let client = aws_sdk_sqs::Client::new(config);
    let activity = Activity::new();
    for queue in QUEUES {
        let (of_function, name) = (Arc::clone(world), queue.function);
        let function = functions::function(move |event| {
            let world = Arc::clone(&of_function);
            async move {
                let event = world.read(event);
                let (answer, clock_is_wrong) = instances::run_and_tell(&world, name, event.clone()).await;
                if name == "outcomes" {
                    note_handled(&world, &event, answer.as_ref().ok(), clock_is_wrong);
                }
                let answer = answer?;
                if world.dice.instances.happens(world.faults().redelivered) {
                    world.note(&format!("{name}: done, and yet it comes again"));
                    return Err("its answer was lost".to_owned());
                }
                Ok(answer)
            }
        });
        let source = EventSource {
            queue: queue.name.to_owned(),
            queue_url: queue_url(QUEUES_URL, queue.name),
            function_name: name.to_owned(),
            function,
            batch_size: i32::try_from(queue.batch_size).unwrap_or(10),
            max_concurrency: queue.concurrency_max as usize,
            client: client.clone(),
            engine: world.queues.clone(),
            activity: activity.clone(),
        };
        tokio::spawn(source.run());
    }
}

/// Notes what the outcomes function had done with when it answered.
fn note_handled(world: &World, event: &Value, answer: Option<&Value>, clock_is_wrong: bool) {
    let records = event["Records"].as_array().map_or(&[][..], Vec::as_slice);
    if answer.is_some() {
        world.evidence.answered(records.len());
    }
    for record in records {
        let failed = answer.is_none_or(|answer| {
            let failures = answer["batchItemFailures"].as_array().into_iter().flatten();
            failures
                .map(|one| &one["itemIdentifier"])
                .any(|id| *id == record["messageId"])
        });
        let body = record["body"].as_str().unwrap_or_default();
        world.evidence.handled(body, !failed, clock_is_wrong, world.now());
    }
}

/// The schedules, as EventBridge has them; some runs are lost, some are late.
fn schedules(world: &Arc<World>) {
    for schedule in SCHEDULES {
        let world = Arc::clone(world);
        tokio::spawn(async move {
            loop {
                let minute = TimeDelta::seconds(60 - i64::from(world.now().second()));
                let at = world.now() + minute;
                world.clock.sleep_until(at).await;
                let every = if world.is_day(at) {
                    schedule.every_min
                } else {
                    schedule.every_min.max(NIGHT_MIN)
                };
                if !at.minute().is_multiple_of(every) || world.dice.time.happens(world.faults().schedule_lost) {
                    continue;
                }
                let late = Duration::from_millis(world.dice.time.between(0, 4_000));
                let of_run = Arc::clone(&world);
                tokio::spawn(async move {
                    tokio::time::sleep(late).await;
                    let event = json!({ "time": at.format("%Y-%m-%dT%H:%M:00Z").to_string() });
                    let _ = instances::run(&of_run, schedule.function, event).await;
                });
            }
        });
    }
}
