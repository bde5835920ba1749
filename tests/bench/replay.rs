//! How long does a candidate take over a hundred thousand past calls, how much memory, and does it come to the same
//! twice?
//!
//! The calls are copies of what ten leads really went through in this process: five calls each, nobody there, machines,
//! talks, transfers; a tenth of them with a transcript that is kept beside the attempt.

use std::{collections::BTreeMap, path::Path, time::Instant};

use chrono::TimeDelta;
use redial_aws::{keys, table::Query};
use redial_domain::{CampaignId, RuleSetName};
use redial_rules::RuleSet;
use redial_tests::{
    MONDAY_NOON, TestApp,
    bulk::{self},
    bulk_calls::PastCalls,
    talk,
};
use serde_json::{Value, json};

use crate::figures::Figures;

/// The first of the leads that are copied.
const ORIGINALS: u64 = 9_000_000;
/// Leads that are copied.
const PATTERNS: u64 = 10;
/// Calls of each lead.
const CALLS: usize = 5;
/// Copies are up to so many weeks old; with the newest, four weeks are replayed.
const WEEKS: u64 = 4;
/// Parts of the campaign's queue, and so of its days.
const SHARDS: u32 = 8;
/// Lines of a transcript that does not ride along.
const LINES: u32 = 120;
/// Items of a job that are compared; more than a replay of this size writes.
const ITEMS_MAX: i32 = 1_000;

const STOP: &str = "if status == \"sale\" { stop(\"sold\") }\nelse if status == \"dnc\" { stop(\"asked\") }\nelse if status == \"transferred\" { stop_lead(\"transferred is enough\") }\nelse { go_on() }\n";
const TALKS: &str = "if lead_said.contains(\"line 7 \") { set_status(\"contacted\", \"spoke for long\") } else { keep(\"said little\") }\n";

pub(crate) async fn run(attempts: usize, folder: &Path) -> Figures {
    let mut figures = Figures::default();
    let app = TestApp::with(MONDAY_NOON, |options| options.data = Some(folder.to_owned())).await;
    let leads = attempts / CALLS;
    fill(&app, u64::try_from(leads).unwrap_or(u64::MAX)).await;
    figures.row("attempts, leads", format!("{attempts}, {leads}"));
    figures.row("shards, days", format!("{SHARDS}, {}", WEEKS * 7));

    let same = replayed(&app, &mut figures, "the same rules", &[]).await;
    let counts = &same["counts"];
    let all = u64::try_from(leads * CALLS).unwrap_or(u64::MAX) + PATTERNS * CALLS as u64;
    figures.agree(
        "attempts replayed",
        counts["attempts"].as_u64().unwrap_or_default(),
        all,
    );
    figures.agree(
        "attempts without payload",
        counts["without_payload"].as_u64().unwrap_or_default(),
        0,
    );
    figures.agree(
        "leads changed by the same rules",
        counts["leads_changed"].as_u64().unwrap_or_default(),
        0,
    );
    let candidate = [("stop_redial.rhai", STOP), ("auto_status.rhai", TALKS)];
    let once = replayed(&app, &mut figures, "a candidate", &candidate).await;
    let again = replayed(&app, &mut figures, "the same candidate again", &candidate).await;
    let counts = &once["counts"];
    for name in ["leads_changed", "stops_gained", "calls_fewer"] {
        figures.row(name.replace('_', " "), &counts[name]);
    }
    let changed = counts["leads_changed"].as_u64().unwrap_or_default();
    figures.agree("leads are changed", changed > 0, true);
    let (once, again) = (written(&app, &once).await, written(&app, &again).await);
    figures.row(
        "results",
        format!(
            "{} items, {} bytes",
            once.len(),
            once.values().map(Vec::len).sum::<usize>()
        ),
    );
    figures.agree("both runs wrote the same bytes", once == again, true);
    app.running.shutdown().await;
    figures
}

/// Ten leads are really called, and copied.
async fn fill(app: &TestApp, leads: u64) {
    let campaign = json!({"id": "past", "name": "Past", "max_concurrent_calls": 40, "shards": SHARDS, "open_intake": true, "consent": redial_tests::consent()});
    let made = app.post("/campaigns", campaign).await;
    assert_eq!(made.status, 201, "{made:?}");
    assert_eq!(app.post("/campaigns/past/start", json!({})).await.status, 200);
    for n in 0..PATTERNS {
        let lead = json!({"phone": bulk::phone(ORIGINALS + n), "campaign_id": "past"});
        assert_eq!(app.post("/api/leads", lead).await.status, 201);
    }
    let mut ended = 0;
    for round in 0..CALLS {
        app.running.settle().await.unwrap_or_else(|error| panic!("{error}"));
        let calls = app.calls().await;
        assert_eq!(calls.len(), ended + PATTERNS as usize, "round {round}");
        for call in &calls[ended..] {
            let n = (0..PATTERNS).find(|n| call["phone"] == bulk::phone(ORIGINALS + n).as_str());
            let n = n.unwrap_or_else(|| panic!("{call}")) as usize;
            let status = app.ends(call, report(n, round)).await;
            assert_eq!(status, 200);
        }
        ended = calls.len();
        if round + 1 < CALLS {
            app.advance(TimeDelta::minutes(32)).await;
        }
    }
    let id = CampaignId::parse("past").unwrap_or_else(|error| panic!("{error}"));
    for pattern in 0..PATTERNS {
        let calls = PastCalls::read(app, &id, SHARDS, &bulk::phone(ORIGINALS + pattern)).await;
        assert_eq!(calls.calls(), CALLS);
        let copies = (0..leads).filter(|n| n % PATTERNS == pattern);
        calls.import(
            app,
            copies.map(|n| (n, i64::try_from(n / PATTERNS % WEEKS).unwrap_or(0))),
        );
    }
}

/// What is reported about a call.
fn report(pattern: usize, round: usize) -> Value {
    let mut report = match (pattern * 3 + round) % 6 {
        0 | 1 => json!({}),
        2 => json!({"status": "completed", "answered_by": "voicemail", "call_length": 0.4, "corrected_duration": "24"}),
        3 => talk("FOLLOW_UP"),
        4 => json!({"status": "busy", "answered_by": "busy"}),
        _ => talk(if round > 1 { "TRANSFER" } else { "NI" }),
    };
    if pattern.is_multiple_of(2) && round == 2 {
        let line = |n: u32| json!({"user": if n.is_multiple_of(2) { "user" } else { "assistant" }, "text": format!("line {n} of the talk, about {}", n.wrapping_mul(2_654_435_761) % 100_000)});
        report = talk("FOLLOW_UP");
        report["transcripts"] = (0..LINES).map(line).collect();
    }
    report
}

/// Runs one replay and notes what it took.
async fn replayed(app: &TestApp, figures: &mut Figures, name: &str, changed: &[(&str, &str)]) -> Value {
    let set = RuleSetName::parse("until-sale-or-dnc").ok();
    let files = set.and_then(|set| RuleSet::built_in_files(&set)).unwrap_or_default();
    let files: BTreeMap<&str, &str> = files.iter().chain(changed).copied().collect();
    let jobs = &app.running.apps["jobs"].table;
    let (units, begun) = (jobs.units(), Instant::now());
    let before = Figures::memory_from_here();
    let wanted = json!({"campaign": "past", "days": WEEKS * 7, "files": files});
    let made = app.post("/api/rules/until-sale-or-dnc/replay", wanted).await;
    assert_eq!(made.status, 202, "{made:?}");
    app.running.settle().await.unwrap_or_else(|error| panic!("{error}"));
    let took = begun.elapsed().as_secs_f64();
    let id = made["job"]["id"].as_str().unwrap_or_default();
    let job = app.get(&format!("/api/jobs/{id}")).await["job"].clone();
    assert_eq!(job["state"], "done", "{job}");
    let done = job["done"].as_u64().unwrap_or_default();
    figures.row(
        name,
        format!("{took:.1} s, {:.0} attempts a second", done as f64 / took),
    );
    figures.units("attempt of it", units, jobs.units(), usize::try_from(done).unwrap_or(1));
    figures.memory_since(before);
    job
}

/// What a job wrote, by key.
async fn written(app: &TestApp, job: &Value) -> BTreeMap<String, Vec<u8>> {
    let partition = keys::job_items(job["id"].as_str().unwrap_or_default());
    let query = Query::table(&partition, ITEMS_MAX);
    let (mut all, mut from) = (BTreeMap::new(), None);
    loop {
        let page = app.running.app.table.query(&query, from).await;
        let page = page.unwrap_or_else(|error| panic!("{error}"));
        for item in page.items {
            let (Some(Ok(sk)), Some(Ok(packed))) = (
                item.get("sk").map(|sk| sk.as_s()),
                item.get("packed").map(|packed| packed.as_b()),
            ) else {
                panic!("an item of a job without its content")
            };
            all.insert(sk.clone(), packed.as_ref().to_vec());
        }
        from = page.next;
        if from.is_none() {
            return all;
        }
    }
}
