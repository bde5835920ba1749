//! The seam below the SDK, where requests are counted one by one.
//!
//! A function that runs over it asks the embedded table as ever; what it sends to queues stays here, so that the next
//! function is started by hand and every request belongs to one known step. The functions know nothing of it.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::{Credentials, provider::SharedCredentialsProvider};
use aws_sdk_dynamodb::config::{
    IdentityCache, SharedHttpClient, StalledStreamProtectionConfig,
    http::{HttpRequest, HttpResponse},
    retry::RetryConfig,
};
use aws_smithy_runtime_api::client::{
    http::{HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector},
    result::ConnectorError,
    runtime_components::RuntimeComponents,
};
use chrono::{DateTime, Utc};
use redial_aws::{App, Clock, Environment, Ids};
use redial_local::{create::TABLE_NAME, queue_attributes::REGION, queue_protocol::queue_url};
use redial_tests::TestApp;
use serde_json::{Value, json};

/// Where the queues would be; nothing listens there.
const QUEUES_URL: &str = "http://queues.bench";
/// SQS charges a request for every 64 KB of it.
const QUEUE_CHUNK_BYTES: usize = 64 * 1_024;
/// The key that the simulated phone network asks for.
const PHONES_KEY: &str = "simulated-network";
/// The secret that signs the webhooks of these functions.
pub(crate) const SECRET: &str = "of-the-bench";

/// One request to the table.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    /// `GetItem`, `TransactWriteItems`.
    pub(crate) operation: String,
    /// The keys that it names, as `pk sk`.
    pub(crate) keys: Vec<String>,
    /// Capacity units of reading.
    pub(crate) read: f64,
    /// Capacity units of writing.
    pub(crate) write: f64,
    /// Of them, those that only a transaction costs: half of what its items of the table cost.
    pub(crate) doubled: f64,
}

/// What went over the seam.
#[derive(Debug, Default)]
pub(crate) struct Log {
    pub(crate) asked: Vec<Asked>,
    /// Requests to SQS that sent something, as it charges them.
    pub(crate) sends: u64,
    /// Their messages: queue and body.
    pub(crate) messages: Vec<(String, String)>,
    /// Entries sent to the bus.
    pub(crate) events: u64,
}

/// The way of one function to the AWS APIs.
#[derive(Clone)]
pub(crate) struct Seam {
    table_url: String,
    http: reqwest::Client,
    log: Arc<Mutex<Log>>,
}

impl std::fmt::Debug for Seam {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Seam")
    }
}

impl Seam {
    /// A way to the table of a running system.
    pub(crate) fn to(app: &TestApp) -> Self {
        Self {
            table_url: app.running.places.dynamodb_url.clone(),
            http: app.http().clone(),
            log: Arc::default(),
        }
    }

    fn log(&self) -> MutexGuard<'_, Log> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What went over it since it was asked last.
    pub(crate) fn take(&self) -> Log {
        std::mem::take(&mut self.log())
    }

    /// A function's app over this way, on a clock that stands. The system's own stands earlier, so that its schedules rest
    /// and nobody else claims what is due by this one.
    pub(crate) fn app(&self, system: &TestApp, now: DateTime<Utc>) -> App {
        let environment = environment(system);
        let made = App::with(environment, self.config(), Clock::from_fn(move || now), Ids::seeded(1));
        made.unwrap_or_else(|error| panic!("{error}"))
    }

    fn config(&self) -> SdkConfig {
        let credentials = Credentials::new("bench", "bench", None, None, "bench");
        SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::from_static(REGION))
            .credentials_provider(SharedCredentialsProvider::new(credentials))
            .identity_cache(IdentityCache::no_cache())
            .retry_config(RetryConfig::disabled())
            .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
            .endpoint_url("http://aws.bench")
            .http_client(SharedHttpClient::new(self.clone()))
            .build()
    }

    async fn carry(&self, request: &HttpRequest) -> Result<HttpResponse, ConnectorError> {
        let target = request.headers().get("x-amz-target").unwrap_or_default();
        let body: Value = serde_json::from_slice(request.body().bytes().unwrap_or_default()).unwrap_or_default();
        let (status, answer) = match target.split_once('.') {
            Some(("DynamoDB_20120810", operation)) => self.table(request, operation, body).await?,
            Some(("AmazonSQS", _)) => (200, self.sent(&body)),
            _ => (200, self.published(&body)),
        };
        let status = status.try_into().map_err(failed)?;
        Ok(HttpResponse::new(status, answer.to_string().into()))
    }

    /// Asks the table, with its units told by index: a transaction doubles those of the table only.
    async fn table(
        &self,
        request: &HttpRequest,
        operation: &str,
        mut body: Value,
    ) -> Result<(u16, Value), ConnectorError> {
        if body.get("ReturnConsumedCapacity").is_some() {
            body["ReturnConsumedCapacity"] = json!("INDEXES");
        }
        let mut sent = self.http.post(&self.table_url).body(body.to_string());
        for name in ["x-amz-target", "content-type", "authorization", "x-amz-date"] {
            sent = sent.header(name, request.headers().get(name).unwrap_or_default());
        }
        let answer = sent.send().await.map_err(failed)?;
        let status = answer.status().as_u16();
        let answer: Value = serde_json::from_slice(&answer.bytes().await.map_err(failed)?).map_err(failed)?;
        self.log().asked.push(Asked::read(operation, &body, &answer));
        Ok((status, answer))
    }

    fn sent(&self, body: &Value) -> Value {
        let queue = body["QueueUrl"].as_str().and_then(|url| url.rsplit('/').next());
        let queue = queue.unwrap_or_default();
        let bytes = body.to_string().len();
        let mut log = self.log();
        log.sends += bytes.div_ceil(QUEUE_CHUNK_BYTES) as u64;
        let mut sent = Vec::new();
        for entry in body["Entries"].as_array().into_iter().flatten() {
            let message = entry["MessageBody"].as_str().unwrap_or_default();
            log.messages.push((queue.to_owned(), message.to_owned()));
            sent.push(json!({"Id": entry["Id"], "MessageId": "none", "MD5OfMessageBody": "none"}));
        }
        json!({"Successful": sent, "Failed": []})
    }

    fn published(&self, body: &Value) -> Value {
        let entries = body["Entries"].as_array().map_or(0, Vec::len);
        self.log().events += entries as u64;
        let answers: Vec<Value> = (0..entries).map(|n| json!({"EventId": n.to_string()})).collect();
        json!({"FailedEntryCount": 0, "Entries": answers})
    }
}

fn failed(error: impl std::error::Error + Send + Sync + 'static) -> ConnectorError {
    ConnectorError::io(Box::new(error))
}

impl HttpClient for Seam {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

impl HttpConnector for Seam {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let seam = self.clone();
        HttpConnectorFuture::new(async move { seam.carry(&request).await })
    }
}

impl Asked {
    fn read(operation: &str, request: &Value, answer: &Value) -> Self {
        let consumed = match &answer["ConsumedCapacity"] {
            Value::Array(all) => all.clone(),
            Value::Null => Vec::new(),
            one => vec![one.clone()],
        };
        let sum = |of: fn(&Value) -> &Value| -> f64 { consumed.iter().filter_map(|one| of(one).as_f64()).sum() };
        let all = sum(|one| &one["CapacityUnits"]);
        let writes = !matches!(operation, "GetItem" | "BatchGetItem" | "Query");
        let of_table = sum(|one| &one["Table"]["CapacityUnits"]);
        Self {
            operation: operation.to_owned(),
            keys: keys(request),
            read: if writes { 0.0 } else { all },
            write: if writes { all } else { 0.0 },
            doubled: if operation == "TransactWriteItems" {
                of_table / 2.0
            } else {
                0.0
            },
        }
    }

    pub(crate) fn writes(&self) -> bool {
        !matches!(self.operation.as_str(), "GetItem" | "BatchGetItem" | "Query")
    }

    /// Whether it names an item whose keys contain this.
    pub(crate) fn names(&self, part: &str) -> bool {
        self.keys.iter().any(|key| key.contains(part))
    }
}

/// The keys in a request, wherever they stand in it.
fn keys(request: &Value) -> Vec<String> {
    let mut found = Vec::new();
    let mut left = vec![request];
    while let Some(value) = left.pop() {
        if let (Some(pk), Some(sk)) = (value["pk"]["S"].as_str(), value["sk"]["S"].as_str()) {
            found.push(format!("{pk} {sk}"));
        }
        match value {
            Value::Object(fields) => left.extend(fields.values()),
            Value::Array(values) => left.extend(values),
            _ => {}
        }
    }
    found
}

/// What the functions find in their environment: as in `redial local`, but for the queues.
fn environment(system: &TestApp) -> Environment {
    let queue = |name| queue_url(QUEUES_URL, name);
    let values = [
        ("REDIAL_TABLE", TABLE_NAME.to_owned()),
        ("REDIAL_CALLS_QUEUE_URL", queue("calls")),
        ("REDIAL_DIAL_QUEUE_URL", queue("dial")),
        ("REDIAL_TICK_QUEUE_URL", queue("tick")),
        ("REDIAL_JOBS_QUEUE_URL", queue("jobs")),
        ("REDIAL_BUS", "redial".to_owned()),
        ("REDIAL_WEBHOOK_BASE_URL", "http://webhook.bench".to_owned()),
        ("BLAND_BASE_URL", system.running.places.phones_url.clone()),
        ("BLAND_API_KEY", PHONES_KEY.to_owned()),
        ("BLAND_WEBHOOK_SECRET", SECRET.to_owned()),
        ("REDIAL_CONSENT_STATEMENT", "the phones are simulated".to_owned()),
    ];
    let values = values.into_iter().map(|(name, value)| (name.to_owned(), value));
    Environment::fixed(values.collect::<HashMap<_, _>>())
}
