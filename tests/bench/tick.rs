//! One minute's look at a thousand due leads, among ever more that wait: does what waits cost anything?
//!
//! The table is a file, as in `redial local`; waiting leads are copies of one that the system took in. The same look is made
//! several times: a claim is a token in a slot item, so putting those items back as they were is all there is to undo.

use std::{path::Path, time::Instant};

use chrono::{DateTime, TimeDelta, Utc};
use redial_aws::{
    keys,
    messages::TickMessage,
    table::{Change, Item, Key, Query, Table, text},
};
use redial_domain::{CampaignId, Lane, Owner, Phone};
use redial_tests::{
    TestApp,
    bulk::{self, Original},
    instant,
};
use serde_json::json;

use crate::{
    Size,
    figures::mib,
    row::{Row, Target},
    seam::Seam,
};

pub(crate) const PART: &str = "tick";

/// An hour before the opening, and the opening, of a Monday in New York.
const BEFORE: &str = "2026-11-23T15:00:00Z";
const OPENING: &str = "2026-11-23T16:00:00Z";
/// Parts of the campaign's queue.
const SHARDS: u32 = 4;
/// Looks of which the median is taken.
const LOOKS: usize = 5;
/// Slot items of a shard, and more.
const SLOT_ITEMS_MAX: i32 = 100;
/// From the fewest waiting to the most, nothing may grow by more than this.
const GROWTH_MAX: f64 = 1.2;
/// The lead that is copied.
const ORIGINAL: u64 = 0;

const fn sizes(size: Size) -> (u64, &'static [u64]) {
    match size {
        Size::Quick => (100, &[1_000, 10_000]),
        Size::Usual => (1_000, &[10_000, 100_000, 1_000_000]),
        Size::Full => (1_000, &[10_000, 100_000, 1_000_000, 5_000_000]),
    }
}

/// What one look at all shards took.
struct Looked {
    write: f64,
    read: f64,
    requests: f64,
    ms: Vec<f64>,
    more_mib: Option<f64>,
}

pub(crate) async fn rows(size: Size) -> Vec<Row> {
    let (due, waiting) = sizes(size);
    let folder = std::env::temp_dir().join(format!("redial-bench-tick-{}", std::process::id()));
    let mut rows = Vec::new();
    let mut all = Vec::new();
    for others in waiting {
        let looked = look(due, *others, &folder.join(others.to_string())).await;
        let _ = std::fs::remove_dir_all(&folder);
        let name = format!("{due} due among {}", crate::report::shown(*others as f64));
        rows.push(Row::counted(PART, &name, looked.write, "write units"));
        rows.push(Row::counted(PART, &name, looked.read, "read units"));
        rows.push(Row::counted(PART, &name, looked.requests, "requests to the table"));
        rows.push(Row::median(PART, &name, &looked.ms, "ms"));
        let how = "peak of the process above what it held before, table engine included";
        rows.push(match looked.more_mib {
            Some(mib) => Row::counted(PART, &name, mib, "MiB more while it looks").how(how),
            None => Row::missing(PART, &name, "MiB more while it looks", "no /proc here".to_owned()),
        });
        all.push(looked);
    }
    let (Some(first), Some(last)) = (all.first(), all.last()) else {
        return rows;
    };
    let of = |what, value: fn(&Looked) -> f64| {
        let name = format!("{what}, most waiting to fewest");
        Row::counted(PART, name, value(last) / value(first), "times").target(Target::AtMost(GROWTH_MAX))
    };
    rows.push(of("write units", |looked| looked.write));
    rows.push(of("read units", |looked| looked.read));
    rows.push(of("requests", |looked| looked.requests));
    let times = of("time", |looked| median(&looked.ms)).how("medians; noise as above");
    rows.push(if size == Size::Quick {
        Row { target: None, ..times }
    } else {
        times
    });
    rows
}

fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied().unwrap_or_default()
}

async fn look(due: u64, others: u64, folder: &Path) -> Looked {
    let app = TestApp::with(BEFORE, |options| options.data = Some(folder.to_owned())).await;
    let campaign = fill(&app, due, others).await;
    let seam = Seam::to(&app);
    let opening = instant(OPENING);
    let function = redial_tick::Handler::new(seam.app(&app, opening));
    let table = app.instance().table;
    let slots = slots(&table, &campaign).await;
    let mut looked = Looked {
        write: 0.0,
        read: 0.0,
        requests: 0.0,
        ms: Vec::new(),
        more_mib: None,
    };
    let (before, _) = (crate::figures::Figures::memory_from_here(), seam.take());
    for _ in 0..LOOKS {
        let begun = Instant::now();
        for shard in 0..SHARDS {
            let answer = function.handle(ask(&campaign, shard, opening)).await;
            let answer = answer.unwrap_or_else(|error| panic!("the tick failed: {error}"));
            assert_eq!(answer, json!({"batchItemFailures": []}));
        }
        looked.ms.push(begun.elapsed().as_secs_f64() * 1_000.0);
        let log = seam.take();
        let claimed = log.messages.iter().filter(|(queue, _)| queue == "dial").count();
        assert_eq!(claimed as u64, due, "every due lead is claimed");
        looked.write = log.asked.iter().map(|asked| asked.write).sum();
        looked.read = log.asked.iter().map(|asked| asked.read).sum();
        looked.requests = log.asked.len() as f64;
        put_back(&table, &slots).await;
    }
    looked.more_mib = before
        .zip(mib("VmHWM:"))
        .map(|(before, peak)| peak.saturating_sub(before) as f64);
    app.running.shutdown().await;
    looked
}

/// A campaign in which so many are due at the opening, as many in each shard, and so many the day after.
async fn fill(app: &TestApp, due: u64, others: u64) -> CampaignId {
    let campaign = json!({
        "id": "many", "name": "Many", "max_concurrent_calls": due, "shards": SHARDS, "open_intake": true,
        "consent": redial_tests::consent(),
    });
    let made = app.post("/campaigns", campaign).await;
    assert_eq!(made.status, 201, "{made:?}");
    assert_eq!(app.post("/campaigns/many/start", json!({})).await.status, 200);
    let phone = bulk::phone(ORIGINAL);
    let added = app
        .post("/api/leads", json!({"phone": phone, "campaign_id": "many"}))
        .await;
    assert_eq!(added.status, 201, "{added:?}");
    let original = Original::read(app, "many", &phone).await;
    let shard = |phone: &Phone| phone.bucket(SHARDS) as usize;
    let mut room = [due / u64::from(SHARDS); SHARDS as usize];
    room[shard(&phone)] -= 1;
    let (mut first, mut later) = (Vec::new(), Vec::new());
    let mut n = ORIGINAL;
    while room.iter().any(|left| *left > 0) {
        n += 1;
        match &mut room[shard(&bulk::phone(n))] {
            0 => later.push(n),
            left => {
                *left -= 1;
                first.push(n);
            }
        }
    }
    // An eighth were called before: of the free places a tenth is kept for them.
    first.sort_by_key(|n| shard(&bulk::phone(*n)));
    let (again, fresh): (Vec<_>, Vec<_>) = first.into_iter().enumerate().partition(|(place, _)| place % 8 == 0);
    let again = again.into_iter().map(|(_, n)| (n, instant(OPENING)));
    original.import_in_lane(app, Lane::Ladder, again);
    original.import_due(app, fresh.into_iter().map(|(_, n)| n), instant(OPENING));
    let rest = others.saturating_sub(later.len() as u64);
    let later = later.into_iter().chain(n + 1..=n + rest);
    original.import_due(app, later, instant(OPENING) + TimeDelta::days(1));
    CampaignId::parse("many").unwrap_or_else(|error| panic!("{error}"))
}

fn ask(campaign: &CampaignId, shard: u32, at: DateTime<Utc>) -> serde_json::Value {
    let ask = TickMessage {
        v: 1,
        campaign: campaign.clone(),
        shard,
        asked_at: at,
    };
    json!({"Records": [{"messageId": "m", "body": json!(ask).to_string()}]})
}

async fn slots(table: &Table, campaign: &CampaignId) -> Vec<Item> {
    let mut all = Vec::new();
    for shard in 0..SHARDS {
        let partition = keys::slots(&Owner::from(campaign), shard);
        let page = table.query(&Query::table(&partition, SLOT_ITEMS_MAX), None).await;
        all.extend(page.unwrap_or_else(|error| panic!("{error}")).items);
    }
    all
}

/// Writes items as they were read.
async fn put_back(table: &Table, items: &[Item]) {
    #[derive(serde::Serialize)]
    struct Nothing {}
    for item in items {
        let key = |name| text(item, name).unwrap_or_default().to_owned();
        let mut change = Change::put(Key::new(key("pk"), key("sk")), &Nothing {});
        for (name, value) in item.iter().filter(|(name, _)| !matches!(name.as_str(), "pk" | "sk")) {
            change = change.with(name, value.clone());
        }
        let put = table.write(change).await;
        put.unwrap_or_else(|error| panic!("{error}"));
    }
}
