//! A hundred thousand webhooks at once, and as many leads due at one opening: how long until all is done, how late the latest
//! is, and that nothing is lost. Measured by the code of `make load`.

use crate::{
    Size,
    figures::Figures,
    opening,
    row::{Row, Target},
    webhooks,
};

pub(crate) const PART: &str = "burst";

/// Webhooks on their way at the same time; as in `make load`.
const AT_ONCE: usize = 64;

/// Webhooks and leads, calls at once, parts of the queue.
const fn sizes(size: Size) -> (usize, u32, u32) {
    match size {
        Size::Quick => (200, 40, 4),
        Size::Usual => (20_000, 1_000, 16),
        Size::Full => (100_000, 1_000, 16),
    }
}

pub(crate) async fn rows(size: Size) -> Vec<Row> {
    let (count, calls_at_once, shards) = sizes(size);
    let folder = std::env::temp_dir().join(format!("redial-bench-burst-{}", std::process::id()));
    let shown = crate::report::shown(count as f64);
    let webhooks = webhooks::run(count, AT_ONCE, &folder.join("webhooks")).await;
    let opening = opening::run(count, calls_at_once, shards, &folder.join("opening")).await;
    // Some gigabytes of a machine's temporary files at worst.
    let _ = std::fs::remove_dir_all(&folder);
    let mut rows = of(&format!("{shown} webhooks"), &webhooks);
    rows.extend(of(&format!("{shown} leads at one opening"), &opening));
    rows
}

fn of(what: &str, figures: &Figures) -> Vec<Row> {
    let lost = figures.faults().len() as f64;
    let lost =
        Row::counted(PART, format!("{what}: books that do not agree"), lost, "books").target(Target::AtMost(0.0));
    let lost = match figures.faults() {
        [] => lost.how("counted: what came in, against what became of it"),
        faults => lost.how(faults.join("; ")),
    };
    let numbers = figures.numbers.iter();
    let numbers = numbers.map(|(name, value, unit)| {
        Row::counted(PART, format!("{what}: {name}"), *value, unit).how("one run, generator on the same machine")
    });
    std::iter::once(lost).chain(numbers).collect()
}
