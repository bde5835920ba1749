//! Everybody is due at one opening: is each called once, and how much later is the last one called than the number of
//! calls at once allows?
//!
//! Time is virtual and waits for the work, so lag is counted in minutes of the campaign, and speed in real seconds.

use std::{
    collections::{BTreeSet, HashMap},
    path::Path,
};

use chrono::{DateTime, TimeDelta, Utc};
use redial_aws::Environment;
use redial_local::phone_settings::PhonesMode;
use redial_tests::{
    TestApp,
    bulk::{self, Original},
    instant,
};
use rusqlite::{Connection, OpenFlags};
use serde_json::json;
use tokio::sync::watch;

use crate::{
    figures::{Figures, Progress},
    webhooks::{nothing_left, oldest},
};

/// Ten minutes before the opening of a Monday in New York.
pub(crate) const BEFORE: &str = "2026-11-23T15:50:00Z";
pub(crate) const OPENING: &str = "2026-11-23T16:00:00Z";
/// The campaign closes nine hours later; whoever was not called by then is missing.
const STEPS_MAX: u32 = 9 * 120;
const STEP: TimeDelta = TimeDelta::seconds(30);
const TOGETHER: TimeDelta = TimeDelta::seconds(1);
/// The lead that is copied; it is due like the others.
const ORIGINAL: u64 = 0;

/// Lets time pass, with what is due within a second done together: the clock waits for the work, and one call at a time would
/// be a measure of waiting, not of work. A thousand lines start some twenty calls a second.
pub(crate) async fn pass(app: &TestApp, duration: TimeDelta) {
    let passed = app.running.machine.advance_together(duration, TOGETHER).await;
    passed.unwrap_or_else(|error| panic!("{error}"));
}

pub(crate) async fn run(leads: usize, calls_at_once: u32, shards: u32, folder: &Path) -> Figures {
    let mut figures = Figures::default();
    let app = TestApp::with(BEFORE, |options| {
        options.phones = PhonesMode::Simulated;
        options.data = Some(folder.to_owned());
        options.environment = Environment::fixed(HashMap::from([(
            "BLAND_WEBHOOK_SECRET".to_owned(),
            "of-the-load-script".to_owned(),
        )]));
    })
    .await;
    let phones = fill(&app, leads, calls_at_once, shards, Some(1)).await;
    let (stop, stopped) = watch::channel(false);
    let oldest = tokio::spawn(oldest(
        folder.join("queues.sqlite"),
        app.running.clock().clone(),
        stopped,
    ));
    app.advance(instant(OPENING) - app.now() - TimeDelta::seconds(1)).await;
    let units = app.running.units();

    let mut progress = Progress::of("leads called", leads);
    for _ in 0..STEPS_MAX {
        pass(&app, STEP).await;
        let outcomes = app
            .running
            .phones()
            .outcome_counts()
            .unwrap_or_else(|error| panic!("{error}"));
        let (placed, going_on) = (outcomes.values().sum::<u64>(), outcomes.get("in_progress"));
        let placed = usize::try_from(placed).unwrap_or(usize::MAX);
        progress.at(
            placed,
            &format!(", {} virtual minutes", (app.now() - instant(OPENING)).num_minutes()),
        );
        if placed >= leads && going_on.is_none() {
            break;
        }
    }
    // The last reports, and sales that agents make after a transfer.
    app.advance(TimeDelta::minutes(30)).await;
    let took = progress.end();
    let _ = stop.send(true);
    let oldest = oldest.await.unwrap_or_else(|error| panic!("{error}"));

    figures.row("leads due at one opening", leads);
    figures.row("calls at once, queue shards", format!("{calls_at_once}, {shards}"));
    let calls = Calls::read(&folder.join("phones.sqlite"));
    calls.lag(&mut figures, calls_at_once);
    figures.row(
        "oldest message in the calls queue",
        format!("{} s of virtual time", oldest.num_seconds()),
    );
    figures.number(
        "oldest message in the calls queue",
        oldest.as_seconds_f64(),
        "s of the campaign",
    );
    figures.number("all called and reported after", took.as_secs_f64(), "s");
    figures.number("called", leads as f64 / took.as_secs_f64(), "calls a second");
    figures.units("call", units, app.running.units(), leads);
    figures.row(
        "real time",
        format!(
            "{:.0} s, {:.0} calls a second",
            took.as_secs_f64(),
            leads as f64 / took.as_secs_f64()
        ),
    );
    calls.books(&mut figures, &phones);
    reports(&mut figures, &app).await;
    nothing_left(&mut figures, &app).await;
    figures.memory();
    app.running.shutdown().await;
    figures
}

/// A campaign that calls each lead so often, and its leads.
pub(crate) async fn fill(
    app: &TestApp,
    leads: usize,
    calls_at_once: u32,
    shards: u32,
    attempts_max: Option<u32>,
) -> BTreeSet<String> {
    let campaign = json!({
        "id": "opening", "name": "Opening", "max_concurrent_calls": calls_at_once, "shards": shards.min(calls_at_once),
        "max_attempts_per_lead": attempts_max, "open_intake": true, "consent": redial_tests::consent(),
    });
    let made = app.post("/campaigns", campaign).await;
    assert_eq!(made.status, 201, "{made:?}");
    assert_eq!(app.post("/campaigns/opening/start", json!({})).await.status, 200);
    let phone = bulk::phone(ORIGINAL);
    let added = app
        .post("/api/leads", json!({"phone": phone, "campaign_id": "opening"}))
        .await;
    assert_eq!(added.status, 201, "{added:?}");
    let original = Original::read(app, "opening", &phone).await;
    let all = ORIGINAL..ORIGINAL + u64::try_from(leads).unwrap_or(u64::MAX);
    original.import_due(app, all.clone().skip(1), instant(OPENING));
    all.map(|n| bulk::phone(n).as_str().to_owned()).collect()
}

/// The phone network's own log.
struct Calls(Vec<(String, DateTime<Utc>, DateTime<Utc>)>);

impl Calls {
    fn read(file: &Path) -> Self {
        let read = || {
            let db = Connection::open_with_flags(file, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
            let mut statement = db.prepare("SELECT phone, accepted_ms, ended_ms FROM calls ORDER BY accepted_ms")?;
            let time = |ms| DateTime::from_timestamp_millis(ms).unwrap_or_default();
            let rows = statement.query_map([], |row| Ok((row.get(0)?, time(row.get(1)?), time(row.get(2)?))))?;
            rows.collect::<rusqlite::Result<_>>()
        };
        Self(read().unwrap_or_else(|error| panic!("{error}")))
    }

    /// When the last one was called. All lines busy from the opening on would take as long as all talk together, divided
    /// by the lines.
    fn lag(&self, figures: &mut Figures, calls_at_once: u32) {
        let minutes = |time: TimeDelta| time.as_seconds_f64() / 60.0;
        let last = self
            .0
            .last()
            .map_or(0.0, |(_, accepted, _)| minutes(*accepted - instant(OPENING)));
        let talk: TimeDelta = self.0.iter().map(|(_, accepted, ended)| *ended - *accepted).sum();
        let mean_s = talk.as_seconds_f64() / self.0.len().max(1) as f64;
        let least = minutes(talk) / f64::from(calls_at_once);
        figures.number("last one called after the opening", last, "minutes of the campaign");
        figures.number(
            "last one called, by what all lines busy would take",
            last / least.max(f64::MIN_POSITIVE),
            "times",
        );
        figures.row("length of a call, on average", format!("{mean_s:.1} s"));
        figures.row(
            "last one called",
            format!("{last:.1} virtual minutes after the opening"),
        );
        figures.row(
            "with every line busy all the time",
            format!(
                "{least:.1} virtual minutes, {:.2} times less",
                last / least.max(f64::MIN_POSITIVE)
            ),
        );
    }

    fn books(&self, figures: &mut Figures, due: &BTreeSet<String>) {
        let called: BTreeSet<&String> = self.0.iter().map(|(phone, ..)| phone).collect();
        figures.agree("calls", self.0.len(), due.len());
        figures.agree(
            "leads never called",
            due.iter().filter(|phone| !called.contains(phone)).count(),
            0,
        );
        figures.agree("calls to a phone that had one", self.0.len() - called.len(), 0);
        figures.agree(
            "calls to others",
            called.iter().filter(|phone| !due.contains(**phone)).count(),
            0,
        );
    }
}

/// Every report that the network delivered was applied or added.
async fn reports(figures: &mut Figures, app: &TestApp) {
    let metrics = app.get("/local/metrics").await["metrics"].clone();
    let counted = |name: &str| metrics[name].as_u64().unwrap_or_default();
    let outcomes = [
        "applied",
        "parked",
        "enriched",
        "duplicate",
        "unmatched",
        "unreadable",
        "ignored",
    ];
    let applied: u64 = outcomes.iter().map(|name| counted(&format!("outcome.{name}"))).sum();
    let by_word = outcomes.map(|name| (name, counted(&format!("outcome.{name}"))));
    let by_word = by_word
        .iter()
        .filter(|(_, count)| *count > 0)
        .map(|(name, count)| format!("{name} {count}"));
    figures.agree(
        "webhooks accepted, and their outcomes",
        applied,
        counted("webhook.accepted"),
    );
    figures.row("of them", by_word.collect::<Vec<_>>().join(", "));
    figures.agree(
        "webhooks refused or not stored",
        counted("webhook.rejected") + counted("webhook.not_stored"),
        0,
    );
}
