//! Table, queues, bus and a silent phone network over HTTP on loopback, for functions that run as processes of their own.
//!
//! Without event sources and schedules: nothing but what is measured works here.

use std::collections::HashMap;

use redial_aws::{App, Clock, Environment, Ids, setup::ensure_defaults};
use redial_domain::Role;
use redial_local::{
    Port,
    activity::Activity,
    bus::Bus,
    create, dynamodb,
    endpoints::{AwsUrls, bind, sdk_config, url_of},
    options::PORT,
    phone_server,
    phone_settings::{PhonesMode, PhonesSettings},
    phones::Phones,
    queue_engine::QueueEngine,
    queue_protocol,
    virtual_clock::VirtualClock,
};
use tokio::{net::TcpListener, sync::oneshot, task::JoinSet};

/// What the events under `events/` are signed with, and show.
const WEBHOOK_SECRET: &str = "bland-test-secret";
const API_KEY: &str = "events-test-key";
/// Nothing listens on the discard port: a service that is not embedded is refused here, not asked on the internet.
const NOWHERE: &str = "http://127.0.0.1:9";

/// The engines, until dropped.
#[derive(Debug)]
pub(crate) struct Engines {
    /// What a function finds in its environment.
    pub(crate) environment: Vec<(&'static str, String)>,
    _servers: JoinSet<()>,
    _table: oneshot::Sender<()>,
}

impl Engines {
    /// Starts them with the default campaign, an API key and nothing else.
    pub(crate) async fn start() -> Result<Self, String> {
        let clock = VirtualClock::flowing();
        let mut servers = JoinSet::new();
        let (table_stop, stopped) = oneshot::channel::<()>();
        let (dynamodb_url, listener) = listen("DynamoDB").await?;
        dynamodb::start(None, listener, async {
            // Ends with its sender, too.
            let _ = stopped.await;
        })
        .map_err(said)?;

        let (sqs_url, listener) = listen("SQS").await?;
        let queues = QueueEngine::in_memory(clock.clone()).map_err(said)?;
        servers.spawn(async move {
            let _ = queue_protocol::serve(listener, queues).await;
        });
        let (bus_url, listener) = listen("the bus").await?;
        let bus = Bus::new(clock.clone());
        servers.spawn(async move {
            let _ = bus.serve(listener).await;
        });
        let (phones_url, listener) = listen("the phone network").await?;
        let silent = PhonesSettings {
            mode: PhonesMode::Silent,
            ..PhonesSettings::simulated()
        };
        let phones = Phones::in_memory(silent, clock, Activity::new()).map_err(said)?;
        servers.spawn(async move {
            let _ = phone_server::serve(listener, phones).await;
        });

        let environment = environment(&dynamodb_url, &sqs_url, &bus_url, &phones_url);
        let config = sdk_config(AwsUrls {
            dynamodb: dynamodb_url,
            sqs: sqs_url,
            events: bus_url,
        });
        create::table(&aws_sdk_dynamodb::Client::new(&config))
            .await
            .map_err(said)?;
        create::queues(&aws_sdk_sqs::Client::new(&config)).await.map_err(said)?;
        let values: HashMap<String, String> = environment
            .iter()
            .map(|(name, value)| ((*name).to_owned(), value.clone()))
            .collect();
        let app = App::with(Environment::fixed(values), config, Clock::system(), Ids::system()).map_err(said)?;
        ensure_defaults(&app).await.map_err(said)?;
        app.table
            .put_api_key(API_KEY, "bench", Role::SystemAdmin, None, app.clock.now())
            .await
            .map_err(said)?;
        Ok(Self {
            environment,
            _servers: servers,
            _table: table_stop,
        })
    }
}

async fn listen(what: &'static str) -> Result<(String, TcpListener), String> {
    let bound = bind(Port::Given(0), what, "").await.map_err(said)?;
    Ok((url_of(&bound.listener).map_err(said)?, bound.listener))
}

/// What the template gives a function on AWS, with the endpoints of this machine.
fn environment(dynamodb: &str, sqs: &str, bus: &str, phones: &str) -> Vec<(&'static str, String)> {
    let queue = |name| queue_protocol::queue_url(sqs, name);
    vec![
        ("AWS_REGION", "us-east-1".to_owned()),
        ("AWS_DEFAULT_REGION", "us-east-1".to_owned()),
        ("AWS_ACCESS_KEY_ID", "test".to_owned()),
        ("AWS_SECRET_ACCESS_KEY", "test".to_owned()),
        ("AWS_EC2_METADATA_DISABLED", "true".to_owned()),
        ("AWS_ENDPOINT_URL", NOWHERE.to_owned()),
        ("AWS_ENDPOINT_URL_DYNAMODB", dynamodb.to_owned()),
        ("AWS_ENDPOINT_URL_SQS", sqs.to_owned()),
        ("AWS_ENDPOINT_URL_EVENTBRIDGE", bus.to_owned()),
        ("REDIAL_TABLE", create::TABLE_NAME.to_owned()),
        ("REDIAL_CALLS_QUEUE_URL", queue("calls")),
        ("REDIAL_DIAL_QUEUE_URL", queue("dial")),
        ("REDIAL_TICK_QUEUE_URL", queue("tick")),
        ("REDIAL_JOBS_QUEUE_URL", queue("jobs")),
        ("REDIAL_BUS", "redial".to_owned()),
        // Nobody is reported to: the phones are silent.
        ("REDIAL_WEBHOOK_BASE_URL", format!("http://127.0.0.1:{PORT}")),
        (
            "REDIAL_CONSENT_STATEMENT",
            "the phones are simulated: nobody real is called".to_owned(),
        ),
        ("BLAND_BASE_URL", phones.to_owned()),
        ("BLAND_API_KEY", "simulated-network".to_owned()),
        ("BLAND_WEBHOOK_SECRET", WEBHOOK_SECRET.to_owned()),
    ]
}

fn said(error: impl std::fmt::Display) -> String {
    format!("the engines did not start: {error}")
}
