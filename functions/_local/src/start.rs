//! Starts the whole machine in one process: engines, functions, event sources, phones, clock.
//!
//! Data flow: data directory → clock → ports → engines → table and queues through the APIs of AWS → functions → first
//! state, key and demo → event sources and schedules → time passes.

use std::{future::Future, sync::Arc};

use redial_aws::{Ids, Metrics, setup::ensure_defaults};
use redial_domain::{RuleSetName, Window};
use redial_rules::RuleSet;
use tokio::{
    net::TcpListener,
    sync::{oneshot, watch},
    task::JoinSet,
};

use crate::{
    activity::Activity,
    bus::Bus,
    clock_file::{ClockFile, NOTE_EVERY, saved_clock},
    create,
    data_dir::DataDir,
    dynamodb,
    endpoints::{AwsUrls, bind, sdk_config_over, url_of},
    first_state::{PHONES_KEY, add_demo, ensure_api_key, functions_environment, prepare_demo},
    http::{self, Front},
    in_process::InProcess,
    local_routes::{self, LocalState},
    options::{Options, Port},
    phone_server,
    phone_settings::PhonesSettings,
    phones::Phones,
    queue_engine::QueueEngine,
    queue_protocol,
    runner::Machine,
    running::{Places, Running, TableEngine},
    scheduler::Scheduler,
    start_error::StartError,
    start_time::{Wanted, start_time},
    virtual_clock::{VirtualClock, system_now},
    wire::{self, AppParts},
};

/// The phone network's seed unless one is given.
const SEED: u64 = 1;
/// Names that mean the real Bland, and are not used here.
const NOT_USED: [&str; 3] = ["BLAND_BASE_URL", "BLAND_API_KEY", "BLAND_API_KEY_ARN"];

/// Starts the machine.
///
/// # Errors
/// When something cannot be had; nothing runs then.
pub async fn start(options: Options) -> Result<Running, StartError> {
    let mut notices = Vec::new();
    let data = options
        .data
        .as_deref()
        .map(|path| DataDir::open(path, options.fresh))
        .transpose()?
        .map(Arc::new);
    let (clock, clock_file) = open_clock(&options, data.as_deref(), &mut notices)?;

    let ports = Ports::bind(&options, &mut notices).await?;
    let secret = options.environment.get("BLAND_WEBHOOK_SECRET");
    let ids = options.seed.map_or_else(Ids::system, Ids::seeded);
    let secret = secret.or_else(|| options.demo.then(|| ids.secret()));
    for name in NOT_USED.iter().filter(|name| options.environment.get(name).is_some()) {
        notices.push(format!(
            "{name} is set and not used: calls go to the simulated phone network only"
        ));
    }

    let mut tasks = JoinSet::new();
    let activity = Activity::new();
    let engines = Engines::start(&options, data.as_deref(), &clock, &activity, secret.clone())?;
    let (table_stop, stopped) = oneshot::channel::<()>();
    let table_file = data.as_deref().map(DataDir::table);
    let table_server = dynamodb::start(table_file.as_deref(), ports.dynamodb, async {
        // Ends with its sender, too.
        let _ = stopped.await;
    })?;
    serve(
        &mut tasks,
        "the queues",
        queue_protocol::serve(ports.sqs, engines.queues.clone()),
    );
    serve(&mut tasks, "the bus", engines.bus.clone().serve(ports.bus));
    serve(
        &mut tasks,
        "the phone network",
        phone_server::serve(ports.phones, engines.phones.clone()),
    );

    let urls = AwsUrls {
        dynamodb: ports.places.dynamodb_url.clone(),
        sqs: ports.places.sqs_url.clone(),
        events: ports.places.bus_url.clone(),
    };
    // The functions' own requests need no socket; the ports are for everybody else.
    let engines_here = InProcess {
        database: table_server.database.clone(),
        queues: engines.queues.clone(),
        sqs_url: ports.places.sqs_url.clone(),
        bus: engines.bus.clone(),
    };
    let config = sdk_config_over(urls, engines_here);
    create::table(&aws_sdk_dynamodb::Client::new(&config)).await?;
    create::queues(&aws_sdk_sqs::Client::new(&config)).await?;
    if let Some(data) = &data {
        data.note_made()?;
    }
    let parts = AppParts {
        environment: functions_environment(&options.environment, &ports.places, secret.as_deref()),
        config,
        clock: clock.clone(),
        ids,
        metrics: Metrics::default(),
    };
    let functions = wire::functions(&parts).await?;
    let app = parts.app()?;
    ensure_defaults(&app).await?;
    let api_key = ensure_api_key(&app, options.api_key.as_deref(), data.as_deref()).await?;
    let demo = if options.demo {
        prepare_demo(&app, &options, data.as_deref(), &clock, &mut notices).await?
    } else {
        None
    };

    let mut scheduler = Scheduler::new(clock.clone(), activity.clone());
    functions.schedule(&mut scheduler)?;
    let machine = Machine {
        clock: clock.clone(),
        engine: engines.queues,
        consumed: redial_aws::layout::QUEUES.map(|queue| queue.name.to_owned()).to_vec(),
        phones: engines.phones.clone(),
        scheduler: scheduler.clone(),
        activity: activity.clone(),
        stepping: Arc::default(),
    };
    let speed = options.speed();
    let local = local_routes::router(LocalState {
        machine: machine.clone(),
        app: app.clone(),
        apps: functions.apps.clone(),
        bus: engines.bus.clone(),
        metrics: parts.metrics.clone(),
        speed,
    });
    let front = Front {
        webhook: functions.get("webhook")?,
        admin: functions.get("admin")?,
        activity,
        clock: clock.clone(),
        requests: Arc::default(),
    };
    serve(&mut tasks, "the admin API", http::serve(ports.front, front, local));
    let (stop, stopping) = watch::channel(false);
    let mut sources = JoinSet::new();
    for source in functions.event_sources(&machine, &parts.config, &ports.places.sqs_url)? {
        sources.spawn(source.run_until(stopping.clone()));
    }
    tasks.spawn(async move { scheduler.run().await });
    tasks.spawn(async move { engines.phones.run().await });
    if let Some(file) = clock_file.clone().filter(|_| !clock.is_stepped()) {
        tasks.spawn(note_flowing(clock.clone(), file));
    }
    let driving = (!options.stepped).then(|| {
        let machine = machine.clone();
        tasks.spawn(async move { machine.drive(speed).await })
    });
    let (demo_leads, demo_added) = watch::channel(None);
    if let Some(campaign) = demo {
        // Beside everything else, as leads come in: nobody has to wait for the last one to see the first called.
        demo_leads.send_replace(Some(0));
        tasks.spawn(add_demo(app.clone(), campaign, demo_leads, data.clone()));
    }
    if let Some(data) = &data {
        data.note_endpoints(&ports.places.to_json())?;
    }
    Ok(Running {
        places: ports.places,
        api_key,
        machine,
        bus: engines.bus,
        metrics: parts.metrics,
        app,
        apps: functions.apps,
        speed,
        signed: secret.is_some(),
        signed_by_given_secret: options.environment.get("BLAND_WEBHOOK_SECRET").is_some(),
        notices,
        demo_added,
        data,
        clock_file,
        stop,
        sources,
        driving,
        tasks,
        table_stop,
        database: TableEngine(table_server.database),
        table_server: table_server.server,
    })
}

/// Runs a server until the machine ends; that it ended earlier is worth a line.
fn serve(
    tasks: &mut JoinSet<()>,
    what: &'static str,
    server: impl Future<Output = std::io::Result<()>> + Send + 'static,
) {
    tasks.spawn(async move {
        if let Err(error) = server.await {
            tracing::error!("{what} cannot be served any more: {error}");
        }
    });
}

struct Ports {
    front: TcpListener,
    dynamodb: TcpListener,
    sqs: TcpListener,
    bus: TcpListener,
    phones: TcpListener,
    places: Places,
}

impl Ports {
    async fn bind(options: &Options, notices: &mut Vec<String>) -> Result<Self, StartError> {
        let mut take = async |port, what, flag| {
            let bound = bind(port, what, flag).await?;
            notices.extend(bound.notice);
            Ok::<_, StartError>((url_of(&bound.listener).map_err(StartError::Listener)?, bound.listener))
        };
        let (base_url, front) = take(options.port, "the admin API", "--port").await?;
        let (dynamodb_url, dynamodb) = take(options.dynamodb_port, "DynamoDB", "--dynamodb-port").await?;
        let (sqs_url, sqs) = take(options.sqs_port, "SQS", "--sqs-port").await?;
        let (bus_url, bus) = take(Port::Given(0), "the bus", "").await?;
        let (phones_url, phones) = take(Port::Given(0), "the phone network", "").await?;
        let places = Places {
            base_url,
            dynamodb_url,
            sqs_url,
            bus_url,
            phones_url,
        };
        Ok(Self {
            front,
            dynamodb,
            sqs,
            bus,
            phones,
            places,
        })
    }
}

struct Engines {
    queues: QueueEngine,
    phones: Phones,
    bus: Bus,
}

impl Engines {
    fn start(
        options: &Options,
        data: Option<&DataDir>,
        clock: &VirtualClock,
        activity: &Activity,
        webhook_secret: Option<String>,
    ) -> Result<Self, StartError> {
        let settings = PhonesSettings {
            mode: options.phones,
            seed: options.seed.unwrap_or(SEED),
            webhook_secret,
            api_key: Some(PHONES_KEY.to_owned()),
        };
        let (clock, activity) = (clock.clone(), activity.clone());
        let bus = Bus::new(clock.clone());
        let (queues, phones) = match data {
            Some(data) => (
                QueueEngine::open(&data.queues(), clock.clone())?,
                Phones::open(&data.phones(), settings, clock, activity)?,
            ),
            None => (
                QueueEngine::in_memory(clock.clone())?,
                Phones::in_memory(settings, clock, activity)?,
            ),
        };
        Ok(Self { queues, phones, bus })
    }
}

fn open_clock(
    options: &Options,
    data: Option<&DataDir>,
    notices: &mut Vec<String>,
) -> Result<(VirtualClock, Option<Arc<ClockFile>>), StartError> {
    let saved = data
        .map_or(Ok(None), |data| saved_clock(&data.clock()))
        .map_err(StartError::Clock)?;
    let wanted = Wanted {
        now: options.now,
        demo: options.demo,
        demo_added: data.is_some_and(DataDir::demo_is_added),
    };
    let start = start_time(wanted, saved, &default_window()?, system_now());
    if start.given_is_past {
        notices.push(format!(
            "the kept data are from {} already, so the clock starts there; --fresh forgets them",
            start.at.format("%Y-%m-%dT%H:%M:%SZ")
        ));
    }
    let clock = if options.stepped || options.speed() != 1 {
        VirtualClock::stepped(start.at)
    } else {
        VirtualClock::flowing_from(start.at)
    };
    let Some(data) = data else {
        return Ok((clock, None));
    };
    let file = ClockFile::open(&data.clock(), start.keeps_distance).map_err(StartError::Clock)?;
    let file = Arc::new(file);
    file.note(start.at, system_now());
    let journal = Arc::clone(&file);
    clock.keep_in(move |time| journal.note(time, system_now()));
    Ok((clock, Some(file)))
}

async fn note_flowing(clock: VirtualClock, file: Arc<ClockFile>) {
    let mut ticks = tokio::time::interval(NOTE_EVERY.to_std().unwrap_or_default());
    loop {
        ticks.tick().await;
        file.note_flowing(clock.now(), system_now());
    }
}

/// The calling hours of a campaign that names none.
fn default_window() -> Result<Window, StartError> {
    let name = redial_aws::setup::DEFAULT_RULE_SET;
    let set = RuleSetName::parse(name).ok().and_then(|name| RuleSet::built_in(&name));
    set.map(|set| set.spec().defaults.window.clone())
        .ok_or(StartError::Rules(name))
}
