//! A burst of signed webhooks at the webhook function's URL: how long each waits for its answer, how long the last one
//! waits to be applied, and whether each was applied, added to what was known, recognised as known, kept or refused.
//!
//! The clock goes with real time, so that ages are those of people. Nobody is called meanwhile.

use std::{
    collections::HashMap,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use chrono::TimeDelta;
use redial_aws::Environment;
use redial_local::phone_deliveries::sign;
use redial_tests::{
    MONDAY_NOON, TestApp,
    bulk::{self, Original},
    ended,
};
use rusqlite::{Connection, OpenFlags};
use serde_json::{Value, json};
use tokio::{sync::watch, task::JoinSet};

use crate::figures::{Figures, Progress, at_per_mille};

/// The secret that signs them.
const SECRET: &str = "of-the-load-script";
/// The call of the lead that is copied, which ends before the burst.
const ORIGINAL: u64 = 9_000_000;
/// How often the oldest message is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// What a webhook is; the number is that of the call that it is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// It ends a call.
    End(u64),
    /// It was sent before.
    Again(u64),
    /// It adds to a call.
    Later(u64),
    /// It is about a call of nobody.
    Stranger,
    /// Its signature is that of other bytes.
    Forged,
}

/// Of twenty webhooks in a row, fourteen end a call each.
fn kind(n: usize) -> Kind {
    let call = |place: usize| u64::try_from(n / 20 * 14 + place).unwrap_or(u64::MAX);
    match n % 20 {
        place @ 0..14 => Kind::End(call(place)),
        place @ 14..16 => Kind::Again(call(place - 14)),
        place @ 16..18 => Kind::Later(call(place - 14)),
        18 => Kind::Stranger,
        _ => Kind::Forged,
    }
}

fn body(n: usize) -> String {
    let end = |call: String, phone: String, attempt: String| {
        ended(
            &json!({"call_id": call, "phone": phone, "attempt_id": attempt}),
            json!({}),
        )
    };
    let body = match kind(n) {
        Kind::End(call) | Kind::Again(call) => end(
            bulk::call(call),
            bulk::phone(call).as_str().to_owned(),
            bulk::attempt(call),
        ),
        Kind::Later(call) => json!({
            "call_id": bulk::call(call), "to": bulk::phone(call), "event_type": "citations", "citations": [],
            "metadata": {"attempt_id": bulk::attempt(call), "campaign_id": "default"},
        }),
        Kind::Stranger | Kind::Forged => json!({
            "call_id": format!("stranger-{n}"), "to": "+16175550199", "status": "no-answer", "completed": true,
        }),
    };
    body.to_string()
}

pub(crate) async fn run(count: usize, at_once: usize, folder: &Path) -> Figures {
    let mut figures = Figures::default();
    let app = TestApp::with(MONDAY_NOON, |options| {
        options.stepped = false;
        options.data = Some(folder.to_owned());
        options.environment =
            Environment::fixed(HashMap::from([("BLAND_WEBHOOK_SECRET".to_owned(), SECRET.to_owned())]));
    })
    .await;
    fill(&app, count).await;
    let metrics = app.get("/local/metrics").await["metrics"].clone();
    let units = app.running.units();
    let (stop, stopped) = watch::channel(false);
    let oldest = tokio::spawn(oldest(
        folder.join("queues.sqlite"),
        app.running.clock().clone(),
        stopped,
    ));

    let mut progress = Progress::of("webhooks answered", count);
    let answered = Arc::new(AtomicUsize::new(0));
    let begun = Instant::now();
    let mut posting = tokio::spawn(post_all(Poster::new(&app), count, at_once, Arc::clone(&answered)));
    let posted = loop {
        tokio::select! {
            posted = &mut posting => break posted,
            // Only to show how far it is.
            () = tokio::time::sleep(LOOK_EVERY) => progress.at(answered.load(Ordering::Relaxed), ""),
        }
    };
    progress.end();
    let Posted { mut waits, unexpected } = posted.unwrap_or_else(|error| panic!("{error}"));
    let answered_after = begun.elapsed();
    app.running.settle().await.unwrap_or_else(|error| panic!("{error}"));
    let applied_after = begun.elapsed();
    let _ = stop.send(true);
    let oldest = oldest.await.unwrap_or_else(|error| panic!("{error}"));

    waits.sort_unstable();
    let wait = |per_mille| format!("{:.0} ms", at_per_mille(&waits, per_mille).as_secs_f64() * 1_000.0);
    figures.row("webhooks", format!("{count}, {at_once} at once"));
    figures.row("answered after", format!("{:.1} s", answered_after.as_secs_f64()));
    figures.row("all applied after", format!("{:.1} s", applied_after.as_secs_f64()));
    figures.row(
        "wait for an answer",
        format!("p50 {}, p99 {}, longest {}", wait(500), wait(990), wait(1_000)),
    );
    figures.row(
        "oldest message in the calls queue",
        format!("{:.1} s", oldest.num_milliseconds() as f64 / 1_000.0),
    );
    for (name, value, unit) in [
        ("answered after", answered_after.as_secs_f64(), "s"),
        ("all applied after", applied_after.as_secs_f64(), "s"),
        (
            "applied",
            count as f64 / applied_after.as_secs_f64(),
            "webhooks a second",
        ),
        (
            "longest of 99 in 100 waits for an answer",
            at_per_mille(&waits, 990).as_secs_f64() * 1_000.0,
            "ms",
        ),
        ("oldest message in the calls queue", oldest.as_seconds_f64(), "s"),
    ] {
        figures.number(name, value, unit);
    }
    figures.units("webhook", units, app.running.units(), count);
    let now = app.get("/local/metrics").await["metrics"].clone();
    books(&mut figures, count, unexpected, &metrics, &now);
    nothing_left(&mut figures, &app).await;
    figures.memory();
    app.running.shutdown().await;
    figures
}

/// Calls in flight for all webhooks that are about one, copied from one that was really placed.
async fn fill(app: &TestApp, count: usize) {
    let phone = bulk::phone(ORIGINAL);
    app.add_lead(phone.as_str()).await;
    app.running.settle().await.unwrap_or_else(|error| panic!("{error}"));
    let original = Original::read(app, "default", &phone).await;
    let off = app.post("/api/admin/redial-queue/disable", json!({})).await;
    assert_eq!(off.status, 200, "{off:?}");
    let calls = (0..count).filter_map(|n| match kind(n) {
        Kind::End(call) => Some(call),
        _ => None,
    });
    original.import_in_flight(app, calls, app.now() + TimeDelta::days(1));
    let call = app.calls().await.remove(0);
    let poster = Poster::new(app);
    let status = poster.post(ended(&call, json!({})).to_string(), true).await;
    assert_eq!(status, Some(200));
    app.running.settle().await.unwrap_or_else(|error| panic!("{error}"));
}

/// Posts as the provider does.
#[derive(Debug, Clone)]
struct Poster {
    http: reqwest::Client,
    url: String,
}

struct Posted {
    waits: Vec<Duration>,
    unexpected: usize,
}

impl Poster {
    fn new(app: &TestApp) -> Self {
        Self {
            http: app.http().clone(),
            url: format!("{}/webhooks/bland", app.running.places.base_url),
        }
    }

    async fn post(&self, body: String, genuine: bool) -> Option<u16> {
        let signed = if genuine { body.as_bytes() } else { b"other bytes" };
        let request = self
            .http
            .post(&self.url)
            .header("X-Webhook-Signature", sign(SECRET, signed));
        let answer = request
            .header("content-type", "application/json")
            .body(body)
            .send()
            .await;
        Some(answer.ok()?.status().as_u16())
    }
}

async fn post_all(poster: Poster, count: usize, at_once: usize, answered: Arc<AtomicUsize>) -> Posted {
    let next = Arc::new(AtomicUsize::new(0));
    let mut workers = JoinSet::new();
    for _ in 0..at_once {
        let (poster, next, answered) = (poster.clone(), Arc::clone(&next), Arc::clone(&answered));
        workers.spawn(async move {
            let mut posted = Posted {
                waits: Vec::new(),
                unexpected: 0,
            };
            loop {
                let n = next.fetch_add(1, Ordering::Relaxed);
                if n >= count {
                    return posted;
                }
                let genuine = kind(n) != Kind::Forged;
                let body = body(n);
                let begun = Instant::now();
                let status = poster.post(body, genuine).await;
                posted.waits.push(begun.elapsed());
                posted.unexpected += usize::from(status != Some(if genuine { 200 } else { 401 }));
                answered.fetch_add(1, Ordering::Relaxed);
            }
        });
    }
    let mut all = Posted {
        waits: Vec::with_capacity(count),
        unexpected: 0,
    };
    while let Some(posted) = workers.join_next().await {
        let posted = posted.unwrap_or_else(|error| panic!("{error}"));
        all.waits.extend(posted.waits);
        all.unexpected += posted.unexpected;
    }
    all
}

/// The greatest age that a message of the calls queue reached, by the file of the queues.
pub(crate) async fn oldest(
    queues: std::path::PathBuf,
    clock: redial_local::virtual_clock::VirtualClock,
    mut stop: watch::Receiver<bool>,
) -> TimeDelta {
    let file = Connection::open_with_flags(queues, OpenFlags::SQLITE_OPEN_READ_ONLY);
    let file = file.unwrap_or_else(|error| panic!("{error}"));
    let mut oldest = TimeDelta::zero();
    while tokio::time::timeout(LOOK_EVERY, stop.wait_for(|stop| *stop))
        .await
        .is_err()
    {
        let sent_ms: Option<i64> = file
            .query_row("SELECT min(sent_ms) FROM messages WHERE queue = 'calls'", [], |row| {
                row.get(0)
            })
            .unwrap_or_else(|error| panic!("{error}"));
        let age = sent_ms.map(|ms| clock.now().timestamp_millis() - ms);
        oldest = oldest.max(age.map_or(oldest, TimeDelta::milliseconds));
    }
    oldest
}

/// received = accepted + refused; accepted = applied + added + known + kept. And each of them as many as there must be.
fn books(figures: &mut Figures, count: usize, unexpected: usize, before: &Value, after: &Value) {
    let counted = |name: &str| {
        let at = |metrics: &Value| metrics[name].as_u64().unwrap_or_default();
        usize::try_from(at(after) - at(before)).unwrap_or(usize::MAX)
    };
    let sent = |wanted: fn(Kind) -> bool| (0..count).filter(|n| wanted(kind(*n))).count();
    figures.agree("answers that are not 200, or 401 to the forged", unexpected, 0);
    figures.agree("received", counted("webhook.received"), count);
    figures.agree(
        "refused, for their signature",
        counted("webhook.rejected"),
        sent(|kind| kind == Kind::Forged),
    );
    figures.agree("not stored", counted("webhook.not_stored"), 0);
    figures.agree(
        "applied",
        counted("outcome.applied"),
        sent(|kind| matches!(kind, Kind::End(_))),
    );
    figures.agree(
        "added to what was known",
        counted("outcome.enriched"),
        sent(|kind| matches!(kind, Kind::Later(_))),
    );
    figures.agree(
        "known already",
        counted("outcome.duplicate"),
        sent(|kind| matches!(kind, Kind::Again(_))),
    );
    figures.agree(
        "kept for people",
        counted("outcome.unmatched"),
        sent(|kind| kind == Kind::Stranger),
    );
    let others = ["parked", "unreadable", "ignored"].map(|name| counted(&format!("outcome.{name}")));
    figures.agree("anything else", others.iter().sum(), 0);
    figures.row("applied at the second try or later", counted("outcome.retried"));
}

/// No message is left, dead or alive.
pub(crate) async fn nothing_left(figures: &mut Figures, app: &TestApp) {
    let metrics = app.get("/local/metrics").await;
    let left = metrics["queues"]
        .as_object()
        .into_iter()
        .flatten()
        .flat_map(|(_, counts)| counts.as_object());
    let left: u64 = left.flat_map(serde_json::Map::values).filter_map(Value::as_u64).sum();
    figures.agree("messages left in queues", left, 0);
}
