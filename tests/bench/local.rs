//! What one machine does with `redial local`: full cycles a second, leads a gigabyte of disk, memory for those that wait.
//!
//! Everything runs in this process on files: the functions, the embedded engines, and the phone network that calls back over
//! HTTP with signed webhooks. So the phones use a part of the two cores, too.

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    process::Command,
    time::Instant,
};

use chrono::TimeDelta;
use redial_aws::Environment;
use redial_local::phone_settings::PhonesMode;
use redial_tests::{
    TestApp,
    bulk::{self, Original},
    instant,
};
use rusqlite::Connection;
use serde_json::json;

use crate::{
    Size,
    figures::{Progress, mib, processor_ms},
    opening::{BEFORE, OPENING, fill, pass},
    report::shown,
    row::{Row, Target},
};

pub(crate) const PART: &str = "local";
/// The row of bytes, which `GROWTH.md` reads.
pub(crate) const BYTES: &str = "a lead with its person and history, as the API wrote it";

/// Full cycles a second that the design asks for.
const CYCLES_MIN: f64 = 500.0;
/// Parts of the run, for its noise.
const WINDOWS: u64 = 5;
const STEP: TimeDelta = TimeDelta::seconds(15);
/// After so much of the campaign's time it has rung everywhere or never will: its hours are nine.
const STEPS_MAX: u32 = 9 * 60 * 4;
/// Lines at once, and parts of the queue: the most that there can be.
const LINES: (u32, u32) = (1_000, 16);
/// The lead that is copied, behind those of the campaign.
const ORIGINAL: u64 = 9_000_000;
/// Leads of which bytes are a mean, when each goes in by the API.
const BY_API: u64 = 500;

/// Cycles that are timed, and leads that wait.
const fn sizes(size: Size) -> (u64, u64) {
    match size {
        Size::Quick => (200, 2_000),
        Size::Usual => (20_000, 100_000),
        Size::Full => (100_000, 1_000_000),
    }
}

/// Our own full cycles a second, for others to stand beside: of as few as give a median.
pub(crate) async fn cycles_a_second(size: Size) -> Option<f64> {
    let (cycles, _) = sizes(Size::Quick);
    let cycles = if size == Size::Quick { cycles } else { cycles * 10 };
    let folder = folder("beside");
    let rows = full_cycles(Size::Quick, cycles, &folder).await;
    let _ = std::fs::remove_dir_all(&folder);
    rows.first()?.value
}

fn folder(what: &str) -> PathBuf {
    std::env::temp_dir().join(format!("redial-bench-{what}-{}", std::process::id()))
}

pub(crate) async fn rows(size: Size) -> Vec<Row> {
    let (cycles, waiting) = sizes(size);
    let folder = folder(PART);
    let mut rows = full_cycles(size, cycles, &folder.join("cycles")).await;
    let _ = std::fs::remove_dir_all(folder.join("cycles"));
    rows.extend(held(waiting, &folder).await);
    let _ = std::fs::remove_dir_all(&folder);
    rows
}

async fn start(folder: &Path, phones: PhonesMode) -> TestApp {
    TestApp::with(BEFORE, |options| {
        options.phones = phones;
        options.data = Some(folder.to_owned());
        options.environment = Environment::fixed(HashMap::from([(
            "BLAND_WEBHOOK_SECRET".to_owned(),
            "of-the-bench".to_owned(),
        )]));
    })
    .await
}

/// Leads are called, reported about and planned again as fast as it goes; the clock waits for the work.
async fn full_cycles(size: Size, cycles: u64, folder: &Path) -> Vec<Row> {
    let app = start(folder, PhonesMode::Simulated).await;
    let leads = usize::try_from(cycles / 2).unwrap_or(usize::MAX);
    fill(&app, leads, LINES.0, LINES.1, None).await;
    app.advance(instant(OPENING) - app.now() - TimeDelta::seconds(1)).await;
    let mut progress = Progress::of("cycles", usize::try_from(cycles).unwrap_or(usize::MAX));
    let mut rates = Vec::new();
    let units = app.running.units();
    let counts = &app.running.metrics;
    let applied = || counts.totals().get("outcome.applied").copied().unwrap_or(0);
    let (mut begun, mut from) = (Instant::now(), applied());
    let (first, processor) = (from, processor_ms());
    for _ in 0..STEPS_MAX {
        pass(&app, STEP).await;
        let now = applied();
        progress.at(usize::try_from(now - first).unwrap_or(usize::MAX), "");
        if now - from >= cycles / WINDOWS {
            rates.push((now - from) as f64 / begun.elapsed().as_secs_f64());
            (begun, from) = (Instant::now(), now);
        }
        if now - first >= cycles {
            break;
        }
    }
    let all = applied() - first;
    let processor = processor_ms().zip(processor).map(|(now, before)| now - before);
    let used = app.running.units();
    progress.end();
    app.running.shutdown().await;
    let how = format!(
        "median of {} parts of one run of {} cycles; phones on the same cores",
        rates.len(),
        shown(all as f64)
    );
    let rate = Row::median(PART, "full cycles", &rates, "a second").how(how);
    let each = |sum: f64| sum / all.max(1) as f64;
    vec![
        if size == Size::Quick {
            rate
        } else {
            rate.target(Target::AtLeast(CYCLES_MIN))
        },
        match processor {
            Some(ms) => Row::counted(PART, "full cycles", each(ms as f64), "ms of a core each")
                .how("processor time of the whole process, phones included"),
            None => Row::missing(PART, "full cycles", "ms of a core each", "no /proc here".to_owned()),
        },
        Row::counted(PART, "full cycles", each(used.write - units.write), "write units each"),
        Row::counted(PART, "full cycles", each(used.read - units.read), "read units each"),
        Row::counted(
            PART,
            "full cycles",
            each((used.requests - units.requests) as f64),
            "requests to the table each",
        ),
    ]
}

/// What leads that wait take on disk and in memory.
async fn held(waiting: u64, folder: &Path) -> Vec<Row> {
    let [few, many, by_api] = ["few", "many", "by-api"].map(|name| folder.join(name));
    for (folder, copies) in [(&few, 0), (&many, waiting)] {
        let app = start(folder, PhonesMode::Silent).await;
        let phone = bulk::phone(ORIGINAL);
        app.add_lead(phone.as_str()).await;
        let original = Original::read(&app, "default", &phone).await;
        original.import_due(&app, 0..copies, instant(OPENING) + TimeDelta::days(1));
        app.running.shutdown().await;
    }
    let app = start(&by_api, PhonesMode::Silent).await;
    for n in 0..BY_API {
        let person = json!({
            "phone": bulk::phone(n), "first_name": "Ada", "last_name": format!("Example {n}"), "city": "Boston",
            "email": format!("ada{n}@example.com"),
        });
        let added = app.post("/api/leads", person).await;
        assert_eq!(added.status, 201, "{added:?}");
    }
    app.running.shutdown().await;
    let bytes = |many: &Path, count: u64| bytes_of(many).saturating_sub(bytes_of(&few)) as f64 / count as f64;
    let (item, lead) = (bytes(&many, waiting), bytes(&by_api, BY_API));
    let how = format!("files of the table, mean of {}", shown(waiting as f64));
    let resident = resident(&few).zip(resident(&many)).map(|(few, many)| many - few);
    let name = format!("memory for 100,000 leads that wait, of {}", shown(waiting as f64));
    let unit = "MiB resident";
    vec![
        Row::counted(
            PART,
            "a lead that waits, its hot item and its places in the indexes",
            item,
            "bytes on disk",
        )
        .how(how),
        Row::counted(PART, BYTES, lead, "bytes on disk").how(format!("files of the table, mean of {BY_API}")),
        Row::counted(
            PART,
            "leads with their person and history",
            1e9 / lead.max(1.0),
            "a GB of disk",
        ),
        match resident {
            Some(mib) => Row::counted(PART, name, mib / waiting as f64 * 100_000.0, unit)
                .how("a process that starts on their files and runs a minute, less one on a single lead"),
            None => Row::missing(PART, name, unit, "no /proc here".to_owned()),
        },
    ]
}

/// Bytes of the table's files, once its log, which keeps its size, is written into it.
fn bytes_of(folder: &Path) -> u64 {
    let files: Vec<_> = std::fs::read_dir(folder).into_iter().flatten().flatten().collect();
    let is_table = |file: &std::fs::DirEntry| file.file_name().to_string_lossy().starts_with("table");
    for file in files
        .iter()
        .filter(|file| file.path().extension().is_some_and(|end| end == "sqlite"))
    {
        let written = Connection::open(file.path())
            .and_then(|table| table.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())));
        written.unwrap_or_else(|error| panic!("{error}"));
    }
    let table = files.into_iter().filter(is_table);
    table.filter_map(|file| Some(file.metadata().ok()?.len())).sum()
}

/// What a process of its own holds that runs on these files, in MiB.
fn resident(folder: &Path) -> Option<f64> {
    let ran = Command::new(std::env::current_exe().ok()?)
        .args(["--child", PART])
        .arg(folder)
        .output()
        .ok()?;
    String::from_utf8_lossy(&ran.stdout).trim().parse().ok()
}

/// What that process does: starts, lets a minute pass, and says what it holds.
pub(crate) async fn child(words: &[String]) -> Option<u64> {
    let app = start(Path::new(words.first()?), PhonesMode::Silent).await;
    app.advance(TimeDelta::minutes(1)).await;
    let held = mib("VmRSS:");
    app.running.shutdown().await;
    held
}
