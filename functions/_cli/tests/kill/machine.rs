//! One life of the real command: started, awaited, asked, killed.
//!
//! Knows how it is reached, not what it does.

use std::{path::PathBuf, process::Stdio, time::Duration};

use redial_local::phone_deliveries::sign;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt, BufReader, Lines},
    process::{Child, ChildStdout, Command},
    time::timeout,
};

/// Whoever starts or answers takes less than this on any machine; only what hangs takes longer.
const PATIENCE: Duration = Duration::from_secs(120);
/// Ports below those from which the system takes ports for outgoing connections (32768 on Linux, 49152 elsewhere), or
/// somebody's connection could sit on ours while the machine is dead.
const PORTS: std::ops::Range<u16> = 15_000..32_000;
/// The secret that signs webhooks.
pub(crate) const SECRET: &str = "of-the-kill-test";
/// The key of the system administrator.
pub(crate) const ADMIN_KEY: &str = "rdl_kill_test";

/// What stays the same over all lives.
#[derive(Debug)]
pub(crate) struct Place {
    pub(crate) folder: PathBuf,
    port: u16,
    dynamodb_port: u16,
    sqs_port: u16,
    http: reqwest::Client,
}

/// An answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Value,
}

/// Who asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum As {
    /// A system administrator.
    Admin,
    /// The provider, with its signature.
    Provider,
}

impl Place {
    /// A folder and ports that nobody uses, from which a seed starts looking.
    pub(crate) fn find(seed: u64) -> Self {
        let folder = std::env::temp_dir().join(format!("redial-kill-{}-{seed}", std::process::id()));
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir_all(&folder).unwrap();
        // Apart from those of another run at the same time.
        let start = PORTS.start + u16::try_from(std::process::id() % 4_000).unwrap() * 4;
        let free = |port: &u16| std::net::TcpListener::bind(("127.0.0.1", *port)).is_ok();
        let ports: Vec<u16> = (start..PORTS.end).filter(free).take(3).collect();
        let [port, dynamodb_port, sqs_port] = ports[..] else {
            panic!("no free ports from {start}");
        };
        // Fails if one is installed already, which is as good. The client asks for one even where nothing is encrypted.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = reqwest::Client::builder()
            .no_proxy()
            .tls_certs_only(std::iter::empty())
            .timeout(PATIENCE);
        Self {
            folder,
            port,
            dynamodb_port,
            sqs_port,
            http: http.build().unwrap(),
        }
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    fn log(&self) -> PathBuf {
        self.folder.join("stderr.log")
    }

    /// The end of what the machine said about itself.
    pub(crate) fn last_words(&self) -> String {
        let log = std::fs::read_to_string(self.log()).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(20)..].join("\n")
    }

    /// Asks the machine; `None` when it is dead, or dies meanwhile.
    pub(crate) async fn ask(&self, who: As, method: &str, path: &str, body: Option<&Value>) -> Option<Answer> {
        let url = format!("http://127.0.0.1:{}{path}", self.port);
        let mut request = self.http.request(method.parse().unwrap(), url);
        let body = body.map(Value::to_string).unwrap_or_default();
        request = match who {
            As::Admin => request.header("x-api-key", ADMIN_KEY),
            As::Provider => request.header("X-Webhook-Signature", sign(SECRET, body.as_bytes())),
        };
        let answer = request
            .header("content-type", "application/json")
            .body(body)
            .send()
            .await
            .ok()?;
        let status = answer.status().as_u16();
        let body = answer.bytes().await.ok()?;
        Some(Answer {
            status,
            body: serde_json::from_slice(&body).unwrap_or(Value::Null),
        })
    }

    /// Asks a machine that nobody kills now, and that must agree.
    pub(crate) async fn admin(&self, method: &str, path: &str, body: Option<&Value>) -> Value {
        let answer = self.ask(As::Admin, method, path, body).await;
        let answer = answer.unwrap_or_else(|| panic!("{method} {path}: no answer\n{}", self.last_words()));
        assert!(answer.status < 300, "{method} {path}: {answer:?}");
        answer.body
    }

    /// The whole table, as its engine has it.
    pub(crate) async fn table(&self) -> Vec<Value> {
        let mut items = Vec::new();
        let mut from = Value::Null;
        loop {
            let mut scan = json!({"TableName": "redial"});
            if !from.is_null() {
                scan["ExclusiveStartKey"] = from;
            }
            let request = self.http.post(format!("http://127.0.0.1:{}", self.dynamodb_port));
            let request = request
                .header("content-type", "application/x-amz-json-1.0")
                .header("x-amz-target", "DynamoDB_20120810.Scan")
                .header(
                    "authorization",
                    "AWS4-HMAC-SHA256 Credential=test/20261123/us-east-1/dynamodb/aws4_request, SignedHeaders=host, Signature=0",
                )
                .header("x-amz-date", "20261123T000000Z");
            let answer = request.body(scan.to_string()).send().await.unwrap();
            let mut page: Value = serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap();
            let found = page["Items"].as_array_mut();
            items.append(found.unwrap_or_else(|| panic!("no page of the table")));
            from = page["LastEvaluatedKey"].take();
            if from.is_null() {
                return items;
            }
        }
    }
}

/// A running command. Dropped it is killed.
pub(crate) struct Machine {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
    ready: bool,
}

impl Machine {
    /// Starts it and waits for its first line, which it says before it opens anything.
    pub(crate) async fn start(place: &Place, now: &str, speed: u32) -> Self {
        let log = std::fs::OpenOptions::new().create(true).append(true).open(place.log());
        let mut command = Command::new(env!("CARGO_BIN_EXE_redial"));
        command
            .args(["local", "--no-demo", "--now", now, "--api-key", ADMIN_KEY, "--data"])
            .arg(place.data())
            .args(["--speed", &speed.to_string()])
            .args(["--port", &place.port.to_string()])
            .args(["--dynamodb-port", &place.dynamodb_port.to_string()])
            .args(["--sqs-port", &place.sqs_port.to_string()])
            .env("BLAND_WEBHOOK_SECRET", SECRET)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log.unwrap())
            .kill_on_drop(true);
        let mut child = command.spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut machine = Self {
            child,
            lines,
            ready: false,
        };
        machine.line("redial local", place).await;
        machine
    }

    /// Waits until it serves.
    pub(crate) async fn ready(&mut self, place: &Place) {
        if !self.ready {
            self.line("admin API", place).await;
            self.ready = true;
        }
    }

    async fn line(&mut self, with: &str, place: &Place) {
        let found = async {
            while let Some(line) = self.lines.next_line().await.unwrap() {
                if line.contains(with) {
                    return true;
                }
            }
            false
        };
        let found = timeout(PATIENCE, found).await;
        assert_eq!(found, Ok(true), "it never said `{with}`\n{}", place.last_words());
    }

    /// SIGKILL, in the middle of whatever it does.
    pub(crate) async fn kill(mut self, place: &Place) {
        let ended = self.child.try_wait().unwrap();
        assert_eq!(ended, None, "it ended by itself\n{}", place.last_words());
        self.child.kill().await.unwrap();
    }
}
