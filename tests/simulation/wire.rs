//! The way between the SDK and the engines, with everything that can happen on it.
//!
//! A function's requests come here as the SDK made them and are answered by the engines of `redial local`; what happens
//! on the way is drawn from the world's dice. One wire belongs to one instance, so that an instance can die on it.

use std::sync::Arc;
use std::time::Duration;

use aws_sdk_dynamodb::config::http::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use chrono::TimeDelta;
use redial_local::create::TABLE_NAME;
use redial_local::queue_protocol;
use serde_json::{Value, json};

use crate::instances::{Crash, Dies, Off};
use crate::planted::{Planted, Verdict};
use crate::table_engine::{Answered, touched};
use crate::trace::phones_in;
use crate::world::World;

/// Where the queues of a world are.
pub(crate) const QUEUES_URL: &str = "http://queues.sim";
/// Requests take this long each way, in milliseconds.
const WAY_MS: (u64, u64) = (1, 12);
/// A slow request takes this long, in milliseconds: longer than a dialer's permission.
const SLOW_MS: (u64, u64) = (1_500, 6_000);
/// The SDK gives up an answer after this long.
const PATIENCE: Duration = Duration::from_secs(3);

/// One instance's way to the AWS APIs.
#[derive(Clone)]
pub(crate) struct Wire {
    pub(crate) world: Arc<World>,
    pub(crate) who: String,
    /// Nobody dies on a wire without one, and nothing goes wrong on it.
    pub(crate) crash: Option<Arc<Crash>>,
    /// The clock of the instance.
    pub(crate) off: Arc<Off>,
}

impl std::fmt::Debug for Wire {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Wire({})", self.who)
    }
}

impl HttpClient for Wire {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

impl HttpConnector for Wire {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let wire = self.clone();
        HttpConnectorFuture::new(async move { wire.carry(&request).await })
    }
}

impl Wire {
    async fn carry(&self, request: &HttpRequest) -> Result<HttpResponse, ConnectorError> {
        let target = request.headers().get("x-amz-target").unwrap_or_default().to_owned();
        let body: Value = serde_json::from_slice(request.body().bytes().unwrap_or_default()).unwrap_or_default();
        let (service, operation) = target.split_once('.').unwrap_or_default();
        self.way().await;
        if self.crash.is_some() && self.world.dice.instances.happens(self.world.faults().clock_steps) {
            self.off.step(&self.world, &self.who);
        }
        self.may_die(Dies::BeforeItsRequest).await;
        let answered = match service {
            "DynamoDB_20120810" => self.table(operation, body).await?,
            "AmazonSQS" => self.queue(operation, &body).await?,
            _ => self.bus(&body).await?,
        };
        self.way().await;
        self.may_die(Dies::AfterItsRequest).await;
        let status = answered
            .status
            .try_into()
            .map_err(|error| ConnectorError::other(Box::new(error), None))?;
        let mut response = HttpResponse::new(status, answered.body.into());
        let date = self.world.now().format("%a, %d %b %Y %H:%M:%S GMT").to_string();
        if self.world.planted != Some(Planted::ClockTrusted) {
            response.headers_mut().insert("date", date);
        }
        Ok(response)
    }

    async fn way(&self) {
        let world = &self.world;
        if self.crash.is_none() {
            return;
        }
        let slow = world.dice.wire.happens(world.faults().slow);
        let (from, to) = if slow { SLOW_MS } else { WAY_MS };
        let ms = world.dice.wire.between(from, to);
        tokio::time::sleep(Duration::from_millis(ms)).await;
    }

    async fn may_die(&self, when: Dies) {
        if let Some(crash) = &self.crash
            && crash.is_now(when)
        {
            // The instance is taken away; this request never returns.
            std::future::pending::<()>().await;
        }
    }

    fn lost(&self, what: &str, operation: &str) -> ConnectorError {
        self.world.note(&format!("{} {operation}: {what}", self.who));
        ConnectorError::timeout(what.to_owned().into())
    }

    async fn table(&self, operation: &str, request: Value) -> Result<Answered, ConnectorError> {
        let world = &self.world;
        let request = match world
            .planted
            .map(|planted| planted.request(&self.who, operation, request.clone()))
        {
            None => request,
            Some(Verdict::Send(request)) => request,
            Some(Verdict::Pretend(answered)) => {
                world.note(&format!("{} {operation}: not sent, planted", self.who));
                return Ok(answered);
            }
        };
        if self.crash.is_none() {
            return Ok(world.table.execute(operation, &request, world.now(), TimeDelta::zero));
        }
        let faults = world.faults();
        let dice = &world.dice.wire;
        let writes = !matches!(operation, "GetItem" | "BatchGetItem" | "Query");
        if dice.happens(faults.lost_before) {
            tokio::time::sleep(PATIENCE).await;
            return Err(self.lost("no answer, nothing done", operation));
        }
        if dice.happens(faults.throttled) {
            world.note(&format!("{} {operation}: throttled", self.who));
            return Ok(Answered::error("ProvisionedThroughputExceededException", "Slow down."));
        }
        let hot = writes && world.table.is_hot(operation, &request, world.now());
        if writes && dice.happens(if hot { faults.conflict_when_hot } else { faults.conflict }) {
            world.note(&format!(
                "{} {operation}: conflict {}",
                self.who,
                about(operation, &request)
            ));
            return Ok(conflict(operation, &request));
        }
        let mut answered = self.execute(operation, &request);
        let more = world
            .planted
            .map_or(0, |planted| planted.times(operation, &request) - 1);
        for _ in 0..more {
            answered = self.execute(operation, &request);
        }
        if writes && dice.happens(faults.asked_twice) {
            self.way().await;
            answered = self.execute(operation, &request);
        }
        if writes && dice.happens(faults.lost_after) {
            tokio::time::sleep(PATIENCE).await;
            return Err(self.lost("no answer, but it was done", operation));
        }
        Ok(match world.planted {
            Some(planted) => planted.answer(&self.who, operation, &request, answered, world.now()),
            None => answered,
        })
    }

    fn execute(&self, operation: &str, request: &Value) -> Answered {
        let world = &self.world;
        let faults = world.faults();
        let dice = &world.dice.wire;
        let now = world.now();
        let late = || {
            let ms = dice.between(0, faults.index_late_ms);
            TimeDelta::milliseconds(i64::try_from(ms).unwrap_or(0))
        };
        let answered = match operation {
            "Query" if dice.happens(faults.short_page) => short_page(world, request),
            "BatchGetItem" if dice.happens(faults.unprocessed) => unprocessed(world, request),
            _ => world.table.execute(operation, request, now, late),
        };
        if operation != "GetItem" {
            world.note(&format!(
                "{} {operation} {}: {}",
                self.who,
                about(operation, request),
                answered.short()
            ));
        }
        answered
    }

    async fn queue(&self, operation: &str, request: &Value) -> Result<Answered, ConnectorError> {
        let world = &self.world;
        let faults = if self.crash.is_some() {
            world.faults()
        } else {
            crate::faults::Faults::NONE
        };
        let dice = &world.dice.wire;
        if dice.happens(faults.lost_before) {
            tokio::time::sleep(PATIENCE).await;
            return Err(self.lost("no answer, nothing done", operation));
        }
        let mut request = request.clone();
        for entry in request["Entries"].as_array_mut().into_iter().flatten() {
            if let Some(body) = entry["MessageBody"].as_str() {
                let body = world.written(body);
                entry["MessageBody"] = json!(match world.planted {
                    Some(planted) => planted.message(&self.who, body),
                    None => body,
                });
            }
        }
        if operation.starts_with("Send") && world.planted.is_some_and(|planted| planted.drops_message(&self.who)) {
            return Ok(pretended(&request));
        }
        let body = request.to_string();
        let times = if dice.happens(faults.asked_twice) { 2 } else { 1 };
        let mut answered = None;
        for _ in 0..times {
            answered = Some(queue_protocol::answer(&world.queues, QUEUES_URL, operation, body.as_bytes()).await);
        }
        if operation.starts_with("Send") {
            world.note(&format!(
                "{} {operation} x{times} {}",
                self.who,
                phones_in(&body).join(" ")
            ));
        }
        if dice.happens(faults.lost_after) {
            tokio::time::sleep(PATIENCE).await;
            return Err(self.lost("no answer, but it was done", operation));
        }
        Ok(answered.map_or_else(
            || Answered::error("InternalError", ""),
            |answered| Answered {
                status: answered.status,
                body: String::from_utf8_lossy(&answered.body).into_owned(),
            },
        ))
    }

    async fn bus(&self, request: &Value) -> Result<Answered, ConnectorError> {
        let world = &self.world;
        if self.crash.is_some() && world.dice.wire.happens(world.faults().lost_before) {
            tokio::time::sleep(PATIENCE).await;
            return Err(self.lost("no answer, nothing done", "PutEvents"));
        }
        let entries = request["Entries"].as_array().map_or(0, Vec::len);
        world.note(&format!("{} PutEvents x{entries}", self.who));
        let answers: Vec<Value> = (0..entries).map(|n| json!({ "EventId": n.to_string() })).collect();
        Ok(Answered {
            status: 200,
            body: json!({ "FailedEntryCount": 0, "Entries": answers }).to_string(),
        })
    }
}

/// Every message is answered as sent.
fn pretended(request: &Value) -> Answered {
    let sent: Vec<Value> = request["Entries"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|entry| json!({ "Id": entry["Id"], "MessageId": "none", "MD5OfMessageBody": "none" }))
        .collect();
    Answered {
        status: 200,
        body: json!({ "Successful": sent, "Failed": [] }).to_string(),
    }
}

fn about(operation: &str, request: &Value) -> String {
    touched(operation, request).join(" ")
}

fn conflict(operation: &str, request: &Value) -> Answered {
    if operation != "TransactWriteItems" {
        return Answered::error("TransactionConflictException", "Transaction is ongoing for the item");
    }
    let count = request["TransactItems"].as_array().map_or(0, Vec::len);
    let reasons: Vec<Value> = (0..count)
        .map(|n| {
            if n + 1 == count {
                json!({ "Code": "TransactionConflict", "Message": "Transaction is ongoing for the item" })
            } else {
                json!({ "Code": "None" })
            }
        })
        .collect();
    Answered::error_with(
        "TransactionCanceledException",
        &json!({
            "Message": "Transaction cancelled, please refer cancellation reasons for specific reasons",
            "CancellationReasons": reasons,
        }),
    )
}

/// A page with fewer items than there are and asked for; sometimes one that is empty and only says where to go on.
fn short_page(world: &World, request: &Value) -> Answered {
    let dice = &world.dice.wire;
    let mut request = request.clone();
    if request["ExclusiveStartKey"].is_object() && dice.happens(300) {
        return Answered {
            status: 200,
            body:
                json!({ "Items": [], "Count": 0, "ScannedCount": 0, "LastEvaluatedKey": request["ExclusiveStartKey"] })
                    .to_string(),
        };
    }
    let limit = request["Limit"].as_u64().unwrap_or(10);
    request["Limit"] = json!(dice.between(1, limit.clamp(1, 5)));
    world.table.execute("Query", &request, world.now(), TimeDelta::zero)
}

/// A batch of which some keys are left.
fn unprocessed(world: &World, request: &Value) -> Answered {
    let mut done = request.clone();
    let mut left = Vec::new();
    if let Some(keys) = done["RequestItems"][TABLE_NAME]["Keys"].as_array_mut() {
        let keep = usize::try_from(world.dice.wire.between(1, keys.len().max(1) as u64)).unwrap_or(1);
        left = keys.split_off(keep.min(keys.len()));
    }
    let answered = world.table.execute("BatchGetItem", &done, world.now(), TimeDelta::zero);
    if left.is_empty() || answered.status != 200 {
        return answered;
    }
    let mut body: Value = serde_json::from_str(&answered.body).unwrap_or_default();
    let mut rest = done["RequestItems"][TABLE_NAME].clone();
    rest["Keys"] = Value::Array(left);
    body["UnprocessedKeys"] = json!({ TABLE_NAME: rest });
    Answered {
        status: 200,
        body: body.to_string(),
    }
}
