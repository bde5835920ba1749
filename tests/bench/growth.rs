//! The numbers of `GROWTH.md`, from measured counts: ten million leads, eight calls a day each.
//!
//! Arithmetic only. What is measured comes from the figures by name; what AWS allows stands here with its source.

use redial_aws::layout::QUEUES;
use redial_domain::MAX_CONCURRENT_CALLS_MAX;

use crate::{
    cycle, local,
    prices::Prices,
    report::{self, Figures, shown},
};

/// What is grown to.
const LEADS: f64 = 10_000_000.0;
const CALLS_A_DAY: f64 = 8.0;
/// Calls come in a campaign's hours: 11:00 to 20:00, as the shipped rule set has them.
const OPEN_HOURS: f64 = 9.0;
/// The busiest minute to a mean one: eight calls of a day are closer together in the morning.
const PEAK: f64 = 3.0;
const DAYS_A_MONTH: f64 = 30.0;
/// Units a second of one partition, of a table and of an index (AWS, best practices for partition keys).
const PARTITION_WRITES: f64 = 1_000.0;
const PARTITION_READS: f64 = 3_000.0;
/// Units a second of an on-demand table, each of writing and reading, unless AWS is asked for more (AWS, quotas).
const TABLE_UNITS: f64 = 40_000.0;
/// Functions in flight of an account and region, unless AWS is asked for more (AWS, Lambda quotas).
const FUNCTIONS: f64 = 1_000.0;
/// Seconds that a call holds its line: most are not answered.
const LINE_S: f64 = 45.0;
/// An attempt is one write unit, so this is the most.
const ATTEMPT_BYTES: f64 = 1_024.0;
/// Of a cycle's write units, those of the queue index: out of one place, into another.
const QUEUE_INDEX_WRITES: f64 = 2.0;

struct Numbers {
    rows: Vec<(String, String, &'static str)>,
}

impl Numbers {
    fn row(&mut self, name: impl Into<String>, value: f64, unit: &str, from: &'static str) {
        self.rows.push((name.into(), format!("{} {unit}", shown(value)), from));
    }
}

/// The table of `GROWTH.md`.
pub(crate) fn block(figures: &Figures) -> String {
    let of = |part: &str, name: &str, unit: &str| figures.value(part, name, unit);
    let needed = (
        of(cycle::PART, cycle::MEAN, "write units"),
        of(cycle::PART, cycle::MEAN, "read units"),
        of(cycle::PART, cycle::DOLLARS, "$ a million cycles"),
        of(cycle::PART, cycle::FUNCTIONS, "GB-seconds"),
    );
    let (Some(write), Some(read), Some(dollars), Some(gb_seconds)) = needed else {
        return "The cycle was not measured yet: `make bench PART=cycle`.".to_owned();
    };
    let bytes = of(local::PART, local::BYTES, "bytes on disk");
    // A few hundred cycles are mostly the start of everything, and say nothing about a day.
    let is_long = |part: &&report::Part| part.part == local::PART && part.size != "quick";
    let cycles = figures.parts.iter().find(is_long);
    let cycles = cycles.and_then(|_| of(local::PART, "full cycles", "a second"));
    let prices = Prices::read();
    let calls_a_day = LEADS * CALLS_A_DAY;
    let mean = calls_a_day / (OPEN_HOURS * 3_600.0);
    let peak = mean * PEAK;
    let mut all = Numbers { rows: Vec::new() };
    all.row("calls a day", calls_a_day, "", "ten million leads, eight calls each");
    all.row("cycles a second, mean", mean, "", "in nine hours");
    all.row(
        "cycles a second, peak",
        peak,
        "",
        "three times the mean: mornings are denser",
    );
    all.row(
        "write units a second, peak",
        peak * write,
        "",
        "measured units of a mean cycle",
    );
    all.row("read units a second, peak", peak * read, "", "the same");
    let writing = (peak * write / PARTITION_WRITES).ceil();
    let reading = (peak * read / PARTITION_READS).ceil();
    all.row(
        "partitions that this needs",
        writing.max(reading),
        "",
        "1,000 write and 3,000 read units each",
    );
    all.row(
        "of the table's quota, writes",
        peak * write / TABLE_UNITS,
        "times",
        "40,000 a second until AWS is asked",
    );
    let shards = (peak * QUEUE_INDEX_WRITES / PARTITION_WRITES).ceil();
    all.row(
        "shards of the queue index",
        shards,
        "",
        "two writes of it a cycle, 1,000 a shard",
    );
    let lines = peak * LINE_S;
    all.row("lines at once, peak", lines, "", "45 s a call");
    let campaigns = (lines / f64::from(MAX_CONCURRENT_CALLS_MAX)).ceil();
    all.row(
        "campaigns that hold so many lines",
        campaigns,
        "",
        "1,000 lines each at most",
    );
    let in_flight = peak * prices.function_ms(gb_seconds) / 1_000.0;
    all.row(
        "functions in flight, peak",
        in_flight,
        "",
        "assumed times of `tests/bench/prices.toml`",
    );
    all.row(
        "of the account's quota",
        in_flight / FUNCTIONS,
        "times",
        "1,000 until AWS is asked",
    );
    for queue in QUEUES.iter().filter(|queue| matches!(queue.name, "calls" | "dial")) {
        let batch = of(cycle::PART, &format!("{} {} queue", cycle::BATCH, queue.name), "ms");
        let seconds = batch.unwrap_or(f64::NAN) / 1_000.0;
        let most = f64::from(queue.concurrency_max * queue.batch_size) / seconds;
        all.row(
            format!("cycles a second that `{}` lets through", queue.function),
            most,
            "",
            "its concurrency in `functions/_shared/aws/src/layout.rs`, batches full, assumed times",
        );
    }
    let month = calls_a_day * DAYS_A_MONTH / 1e6 * dollars;
    all.row(
        "dollars a month, cycles",
        month,
        "$",
        "measured counts, `tests/bench/prices.toml`",
    );
    if let Some(bytes) = bytes {
        let gb = LEADS * bytes / 1e9;
        all.row(
            "leads on disk, as the embedded table stores them",
            gb,
            "GB",
            "measured bytes of a lead",
        );
        let storage = gb * prices.usd("storage_gb_month");
        all.row(
            "dollars a month, leads stored",
            storage,
            "$",
            "at AWS's price a GB, with those bytes",
        );
    }
    let history = calls_a_day * 365.0 * ATTEMPT_BYTES / 1e9;
    all.row(
        "history of a year",
        history,
        "GB",
        "1 KB an attempt, without payloads and transcripts",
    );
    let storage = history * prices.usd("storage_gb_month");
    all.row(
        "dollars a month, that history stored",
        storage,
        "$",
        "at AWS's price a GB",
    );
    if let Some(cycles) = cycles {
        all.row(
            "machines like the measured one, peak",
            (peak / cycles).ceil(),
            "",
            "were it `redial local`, which runs on one",
        );
    }
    let mut text = "| | | from |\n|---|---|---|\n".to_owned();
    for (name, value, from) in all.rows {
        text += &format!("| {name} | {} | {from} |\n", value.trim());
    }
    text
}
