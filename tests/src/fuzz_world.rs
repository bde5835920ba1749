//! The functions over engines in memory, for one input at a time: no event sources, no phones, a clock that stands.
//!
//! Knows nothing of what an input means. A message stays in its queue until somebody here takes it out, so that what a
//! function sent can be counted.

use std::collections::HashMap;
use std::future::Future;
use std::sync::{Mutex, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use redial_aws::{App, Environment, Ids, Metrics, setup::ensure_defaults};
use redial_domain::Role;
use redial_local::endpoints::{AwsUrls, sdk_config, url_of};
use redial_local::queue_engine::QueueEngine;
use redial_local::virtual_clock::VirtualClock;
use redial_local::wire::AppParts;
use redial_local::{create, dynamodb, queue_protocol};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio::task::JoinSet;

use crate::{MONDAY_NOON, instant};

/// The secret of the world in which webhooks are signed.
pub(crate) const SECRET: &str = "bland-test-secret";
/// The key of a system administrator.
pub(crate) const KEY: &str = "rdl_of-a-system-administrator";
/// The CRM's id of a lead that is there, so that paths can name one.
const CRM_ID: &str = "known";
/// Inputs that one world takes. Leads and campaigns of each stay in its tables; a long run starts anew before they are
/// what it measures.
const WORLD_INPUTS_MAX: u32 = 2_000;

type Failed = Box<dyn std::error::Error>;

/// One process of each function, and the engines below them.
pub(crate) struct World {
    engine: QueueEngine,
    webhook: redial_webhook::Handler,
    outcomes: redial_outcomes::Handler,
    admin: redial_admin::Handler,
    runtime: Runtime,
    inputs: u32,
    _servers: JoinSet<()>,
}

/// Whose webhooks a world takes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Webhooks {
    /// Everybody's.
    Unsigned,
    /// Those that show a signature or secret.
    Signed,
}

static UNSIGNED: Mutex<Option<World>> = Mutex::new(None);
static SIGNED: Mutex<Option<World>> = Mutex::new(None);

/// Uses a world that is kept for the next input.
pub(crate) fn with<T>(webhooks: Webhooks, act: impl FnOnce(&World) -> T) -> T {
    let kept = match webhooks {
        Webhooks::Unsigned => &UNSIGNED,
        Webhooks::Signed => &SIGNED,
    };
    // An input that panicked may have left something behind: the next one gets a new world.
    let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
    let world = kept.take().filter(|world| world.inputs < WORLD_INPUTS_MAX);
    let mut world = world.unwrap_or_else(|| World::start(webhooks).unwrap_or_else(|error| panic!("{error}")));
    world.inputs += 1;
    let result = act(&world);
    *kept = Some(world);
    result
}

impl World {
    fn start(webhooks: Webhooks) -> Result<Self, Failed> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()?;
        let mut servers = JoinSet::new();
        let clock = VirtualClock::stepped(instant(MONDAY_NOON));
        let engine = QueueEngine::in_memory(clock.clone())?;
        let app = runtime.block_on(start_app(webhooks, clock, engine.clone(), &mut servers))?;
        let (webhook, outcomes) = runtime
            .block_on(async {
                Ok((
                    redial_webhook::Handler::new(app.another_instance()).await?,
                    redial_outcomes::Handler::new(app.another_instance()).await?,
                ))
            })
            .map_err(|error: lambda_runtime::Error| error.to_string())?;
        let world = Self {
            engine,
            webhook,
            outcomes,
            admin: redial_admin::Handler::new(app.another_instance()),
            runtime,
            inputs: 0,
            _servers: servers,
        };
        let lead = json!({"phone": "+12125550142", "crm_id": CRM_ID}).to_string();
        let added = world.admin(&Request::post("/api/leads", lead.as_bytes()));
        assert_eq!(added.status, 201, "{}", added.body);
        Ok(world)
    }

    /// One request to the webhook function.
    pub(crate) fn webhook(&self, request: &Request<'_>) -> Answer {
        self.answer(self.webhook.handle(request.event()))
    }

    /// One request to the admin function, with a key unless it brings one.
    pub(crate) fn admin(&self, request: &Request<'_>) -> Answer {
        let mut request = request.clone();
        request
            .headers
            .entry("x-api-key".to_owned())
            .or_insert_with(|| KEY.to_owned());
        self.answer(self.admin.handle(request.event()))
    }

    fn answer(&self, handled: impl Future<Output = Result<Value, lambda_runtime::Error>>) -> Answer {
        let value = self.runtime.block_on(handled).unwrap_or_else(|error| panic!("{error}"));
        let status = value["statusCode"].as_u64().and_then(|status| status.try_into().ok());
        let body = value["body"].as_str().unwrap_or_default();
        Answer {
            status: status.unwrap_or_default(),
            body: serde_json::from_str(body).unwrap_or(Value::Null),
        }
    }

    /// How many messages the calls queue holds, in whatever state.
    pub(crate) fn calls_queued(&self) -> i64 {
        let counts = self.engine.counts("calls").unwrap_or_else(|error| panic!("{error}"));
        counts.visible + counts.not_visible + counts.delayed
    }

    /// Hands what is in the calls queue to the outcomes function, and takes it out. Gives what the function wants again.
    pub(crate) fn apply_calls(&self) -> Vec<Value> {
        let received = self.engine.receive("calls", 10, None);
        let received = received.unwrap_or_else(|error| panic!("{error}"));
        let records: Vec<Value> = received
            .iter()
            .map(|message| json!({"messageId": message.message_id, "body": message.body, "attributes": {"ApproximateReceiveCount": "1"}}))
            .collect();
        for message in &received {
            let deleted = self.engine.delete("calls", &message.receipt_handle);
            deleted.unwrap_or_else(|error| panic!("{error}"));
        }
        let answer = self
            .runtime
            .block_on(self.outcomes.handle(json!({ "Records": records })));
        let answer = answer.unwrap_or_else(|error| panic!("{error}"));
        answer["batchItemFailures"].as_array().cloned().unwrap_or_default()
    }
}

async fn start_app(
    webhooks: Webhooks,
    clock: VirtualClock,
    engine: QueueEngine,
    servers: &mut JoinSet<()>,
) -> Result<App, Failed> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    let sqs = url_of(&listener)?;
    servers.spawn(async {
        // Ends with the world.
        let _ = queue_protocol::serve(listener, engine).await;
    });
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    let tables = dynamodb::start(None, listener, std::future::pending())?;
    let config = sdk_config(AwsUrls {
        dynamodb: format!("http://{}", tables.address),
        sqs: sqs.clone(),
        // Without a name for the bus nothing is published.
        events: String::new(),
    });
    servers.spawn(async {
        let _ = tables.server.await;
    });
    create::table(&aws_sdk_dynamodb::Client::new(&config)).await?;
    create::queues(&aws_sdk_sqs::Client::new(&config)).await?;
    let queue = |name| queue_protocol::queue_url(&sqs, name);
    let settings = [
        ("REDIAL_TABLE", create::TABLE_NAME.to_owned()),
        ("REDIAL_CALLS_QUEUE_URL", queue("calls")),
        ("REDIAL_DIAL_QUEUE_URL", queue("dial")),
        ("REDIAL_TICK_QUEUE_URL", queue("tick")),
        ("REDIAL_JOBS_QUEUE_URL", queue("jobs")),
        ("REDIAL_CONSENT_STATEMENT", "nobody here is real".to_owned()),
        match webhooks {
            Webhooks::Unsigned => ("REDIAL_UNSIGNED_WEBHOOKS", "allowed".to_owned()),
            Webhooks::Signed => ("BLAND_WEBHOOK_SECRET", SECRET.to_owned()),
        },
    ];
    let parts = AppParts {
        environment: Environment::fixed(settings.map(|(name, value)| (name.to_owned(), value)).into()),
        config,
        clock,
        ids: Ids::seeded(1),
        metrics: Metrics::default(),
    };
    let app = parts.app()?;
    ensure_defaults(&app).await?;
    let now = app.clock.now();
    app.table.put_api_key(KEY, "fuzz", Role::SystemAdmin, None, now).await?;
    Ok(app)
}

/// An answer of a function behind a URL.
#[derive(Debug)]
pub(crate) struct Answer {
    /// HTTP status.
    pub(crate) status: u16,
    /// JSON body; null when there is none.
    pub(crate) body: Value,
}

/// A request, as somebody types one: `POST /path?query`, headers line by line, an empty line, the body.
#[derive(Debug, Clone, Default)]
pub(crate) struct Request<'a> {
    method: String,
    path: String,
    query: String,
    headers: HashMap<String, String>,
    body: &'a [u8],
}

impl<'a> Request<'a> {
    /// A request with a body and nothing else.
    pub(crate) fn post(path: &str, body: &'a [u8]) -> Self {
        Self {
            method: "POST".to_owned(),
            path: path.to_owned(),
            body,
            ..Self::default()
        }
    }

    /// With one more header.
    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.insert(name.to_owned(), value.to_owned());
        self
    }

    /// Reads any bytes as a request.
    pub(crate) fn read(text: &'a [u8]) -> Self {
        let end = text.windows(2).position(|pair| pair == b"\n\n");
        let (head, body) = end.map_or((text, [].as_slice()), |end| (&text[..end], &text[end + 2..]));
        let head = String::from_utf8_lossy(head);
        let mut lines = head.lines();
        let first = lines.next().unwrap_or_default();
        let (method, target) = first.split_once(' ').unwrap_or(("GET", first));
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let headers = lines.filter_map(|line| line.split_once(": "));
        Self {
            method: method.to_owned(),
            path: path.to_owned(),
            query: query.to_owned(),
            headers: headers
                .map(|(name, value)| (name.to_lowercase(), value.to_owned()))
                .collect(),
            body,
        }
    }

    /// The event that Lambda makes of it: what is no text comes as base64. The header `claims: base64` says of text that
    /// it is base64, too.
    fn event(&self) -> Value {
        let text = std::str::from_utf8(self.body);
        let claims = self.headers.get("claims").is_some_and(|claim| claim == "base64");
        json!({
            "version": "2.0",
            "rawPath": self.path,
            "rawQueryString": self.query,
            "headers": self.headers,
            "requestContext": {"http": {"method": self.method, "path": self.path}},
            "isBase64Encoded": text.is_err() || claims,
            "body": text.map_or_else(|_| STANDARD.encode(self.body), str::to_owned),
        })
    }
}
