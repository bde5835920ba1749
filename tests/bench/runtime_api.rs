//! Lambda's Runtime API for one process: hands out events one at a time and tells when each request came.
//!
//! Only what is timed is here: no deadline is kept, nothing is logged, and whoever asks too early waits.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use axum::{
    Router,
    extract::{Path, State},
    http::{HeaderMap, HeaderValue, StatusCode},
    response::IntoResponse,
    routing::{get, post},
};
use serde_json::Value;
use tokio::{
    net::TcpListener,
    sync::{Mutex, mpsc},
    task::JoinHandle,
};

/// One invocation at a time, as Lambda does it: one event waits, and what is told of it is at most asked, answered, asked.
const UNTOLD_MAX: usize = 4;
/// Far enough for every event; Lambda tells the moment in milliseconds since 1970, and the functions here never look.
const DEADLINE_MS: &str = "4102444800000";
/// The name that Lambda would give the function.
const ARN: &str = "arn:aws:lambda:us-east-1:000000000000:function:bench";

/// What the process did.
#[derive(Debug)]
pub(crate) enum Told {
    /// It asked for an event.
    Asked(Instant),
    /// It answered the event.
    Answered(Instant, String),
    /// It reported an error.
    Failed(String),
}

/// The API of one process.
#[derive(Debug)]
pub(crate) struct RuntimeApi {
    /// For `AWS_LAMBDA_RUNTIME_API`.
    pub(crate) address: String,
    events: mpsc::Sender<String>,
    told: mpsc::Receiver<Told>,
    server: JoinHandle<()>,
}

#[derive(Debug, Clone)]
struct Shared {
    events: Arc<Mutex<mpsc::Receiver<String>>>,
    told: mpsc::Sender<Told>,
    requests: Arc<AtomicU64>,
}

impl RuntimeApi {
    pub(crate) async fn start() -> Result<Self, String> {
        let failed = |error: std::io::Error| format!("failed to listen for the Runtime API: {error}");
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?.to_string();
        let (events, waiting) = mpsc::channel(1);
        let (tell, told) = mpsc::channel(UNTOLD_MAX);
        let shared = Shared {
            events: Arc::new(Mutex::new(waiting)),
            told: tell,
            requests: Arc::default(),
        };
        let router = Router::new()
            .route("/2018-06-01/runtime/invocation/next", get(next))
            .route("/2018-06-01/runtime/invocation/{id}/response", post(response))
            .route("/2018-06-01/runtime/invocation/{id}/error", post(error))
            .route("/2018-06-01/runtime/init/error", post(error_at_start))
            .with_state(shared);
        let server = tokio::spawn(async move {
            // It ends with its task; what it could say then nobody waits for.
            let _ = axum::serve(listener, router).await;
        });
        Ok(Self {
            address,
            events,
            told,
            server,
        })
    }

    /// Hands an event to the process, or keeps it until it asks.
    pub(crate) async fn hand(&self, event: &str) -> Result<(), String> {
        let handed = self.events.send(event.to_owned()).await;
        handed.map_err(|_| "the Runtime API has ended".to_owned())
    }

    /// When the process asks for an event.
    pub(crate) async fn asked(&mut self, within: Duration) -> Result<Instant, String> {
        loop {
            match self.next(within).await? {
                Told::Asked(at) => return Ok(at),
                Told::Answered(..) => {}
                Told::Failed(why) => return Err(why),
            }
        }
    }

    /// When the process answers, and what.
    pub(crate) async fn answered(&mut self, within: Duration) -> Result<(Instant, Value), String> {
        loop {
            match self.next(within).await? {
                Told::Asked(_) => {}
                Told::Answered(at, text) => {
                    let answer = serde_json::from_str(&text);
                    return Ok((at, answer.map_err(|error| format!("the answer is no JSON: {error}"))?));
                }
                Told::Failed(why) => return Err(why),
            }
        }
    }

    async fn next(&mut self, within: Duration) -> Result<Told, String> {
        match tokio::time::timeout(within, self.told.recv()).await {
            Ok(Some(told)) => Ok(told),
            Ok(None) => Err("the Runtime API has ended".to_owned()),
            Err(_) => Err(format!("nothing came within {} s", within.as_secs())),
        }
    }
}

impl Drop for RuntimeApi {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn next(State(shared): State<Shared>) -> impl IntoResponse {
    let _ = shared.told.send(Told::Asked(Instant::now())).await;
    let Some(event) = shared.events.lock().await.recv().await else {
        return (StatusCode::GONE, HeaderMap::new(), String::new());
    };
    let number = shared.requests.fetch_add(1, Ordering::Relaxed);
    let mut headers = HeaderMap::new();
    headers.insert("content-type", HeaderValue::from_static("application/json"));
    headers.insert("lambda-runtime-aws-request-id", HeaderValue::from(number));
    headers.insert("lambda-runtime-deadline-ms", HeaderValue::from_static(DEADLINE_MS));
    headers.insert("lambda-runtime-invoked-function-arn", HeaderValue::from_static(ARN));
    (StatusCode::OK, headers, event)
}

async fn response(State(shared): State<Shared>, Path(_): Path<String>, answer: String) -> StatusCode {
    let _ = shared.told.send(Told::Answered(Instant::now(), answer)).await;
    StatusCode::ACCEPTED
}

async fn error(State(shared): State<Shared>, Path(_): Path<String>, report: String) -> StatusCode {
    let _ = shared.told.send(Told::Failed(report)).await;
    StatusCode::ACCEPTED
}

async fn error_at_start(State(shared): State<Shared>, report: String) -> StatusCode {
    let _ = shared.told.send(Told::Failed(report)).await;
    StatusCode::ACCEPTED
}
