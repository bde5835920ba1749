//! `make bench`: figures that anyone can repeat, in one table, with how each was counted and what it is held against.
//!
//! Counts come before seconds: they are the same on every machine. What is timed is the median of several runs with their
//! distance, beside its alternative in the same minute. Every part is a file of its own that gives rows; nothing here is typed
//! by hand. The JSON goes to `target/bench/figures.json`.

#![recursion_limit = "256"]
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command line: the table goes to stdout, progress to stderr"
)]

mod burst;
mod children;
mod cycle;
mod decisions;
mod documents;
mod engines;
#[expect(dead_code, reason = "the load script prints them")]
mod figures;
mod growth;
mod import;
mod lambdas;
mod local;
mod opening;
mod peers;
mod prices;
mod report;
mod row;
mod runtime_api;
mod samples;
mod seam;
mod tick;
mod webhooks;

use std::{
    collections::BTreeSet, future::Future, io::IsTerminal, path::PathBuf, pin::Pin, process::ExitCode, time::Instant,
};

use clap::Parser;
use report::{Figures, Machine, Part};
use row::Row;

/// How much is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, clap::ValueEnum)]
pub(crate) enum Size {
    /// Under three minutes; shows that every row can be had.
    Quick,
    /// Minutes.
    Usual,
    /// The largest sizes.
    Full,
}

type Rows = Pin<Box<dyn Future<Output = Vec<Row>>>>;
type Measure = fn(Size) -> Rows;

/// All parts, in the order of the table: counts first. A part gives its rows for a size.
const PARTS: [(&str, Measure); 8] = [
    (cycle::PART, |size| Box::pin(cycle::rows(size))),
    (tick::PART, |size| Box::pin(tick::rows(size))),
    (decisions::PART, |size| Box::pin(decisions::rows(size))),
    (import::PART, |size| Box::pin(import::rows(size))),
    (local::PART, |size| Box::pin(local::rows(size))),
    (burst::PART, |size| Box::pin(burst::rows(size))),
    (lambdas::PART, |size| Box::pin(lambdas::rows(size))),
    (peers::PART, |size| Box::pin(peers::rows(size))),
];

/// What `redial local` is measured on, and everything with it.
const WORKERS: usize = 2;

#[derive(Debug, Parser)]
#[command(
    name = "make bench",
    about = "Measures what Redial costs and how fast it is, and prints one table"
)]
struct Arguments {
    /// How much is measured.
    #[arg(long, value_enum, default_value = "usual")]
    size: Size,
    /// Keeps the figures of the last run in `tests/bench`, and writes them into the documents; measures nothing.
    #[arg(long, conflicts_with_all = ["size", "parts"])]
    readme: bool,
    /// Whether the documents say what `tests/bench/figures.json` says; measures nothing.
    #[arg(long, conflicts_with_all = ["size", "parts"])]
    check: bool,
    /// Where the figures go.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Only these parts; all if none is named.
    #[arg(value_name = "PART", value_parser = PARTS.map(|(name, _)| name))]
    parts: Vec<String>,
    /// Work in a process of its own, for what is counted from outside.
    #[arg(long, hide = true, num_args = 1.., conflicts_with = "parts")]
    child: Vec<String>,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let out = arguments.out.clone();
    let out = out.unwrap_or_else(|| documents::root().join("target/bench/figures.json"));
    let done = match &arguments {
        Arguments { child, .. } if !child.is_empty() => work_as_child(child),
        Arguments { readme: true, .. } => keep(&out),
        Arguments { check: true, .. } => Figures::read(&documents::kept())
            .ok_or_else(|| "there are no figures in tests/bench/figures.json".to_owned())
            .and_then(|figures| documents::check(&figures)),
        _ => measure(&arguments, &out),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

/// What this program does when it started itself.
fn work_as_child(words: &[String]) -> Result<(), String> {
    match words.split_first().map(|(part, words)| (part.as_str(), words)) {
        Some((decisions::PART, words)) => decisions::child(words),
        Some((import::PART, words)) => println!("{}", import::child(words)?),
        Some((local::PART, words)) => {
            let held = runtime()?.block_on(local::child(words));
            println!("{}", held.ok_or("failed to read what this process holds")?);
        }
        _ => return Err("failed to start: no part works like this".to_owned()),
    }
    Ok(())
}

fn runtime() -> Result<tokio::runtime::Runtime, String> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(WORKERS)
        .enable_all()
        .build()
        .map_err(|error| format!("failed to start: {error}"))
}

fn keep(last: &std::path::Path) -> Result<(), String> {
    let figures = Figures::read(last).ok_or("there is no run to keep: run `make bench`")?;
    let kept = figures.write(&documents::kept());
    kept.map_err(|error| format!("failed to keep the figures: {error}"))?;
    documents::write(&figures)
}

fn measure(arguments: &Arguments, out: &std::path::Path) -> Result<(), String> {
    // Refusals and retries are part of what is measured, and thousands of warnings are not.
    let _ = tracing_subscriber::fmt()
        .with_max_level(tracing_subscriber::filter::LevelFilter::ERROR)
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr)
        .try_init();
    let runtime = runtime()?;
    let machine = Machine::this();
    let before = Figures::read(out).filter(|before| before.machine == machine);
    let mut figures = before.unwrap_or_else(|| Figures::new(machine));
    let order = PARTS.map(|(name, _)| name);
    let wanted: BTreeSet<&str> = order
        .into_iter()
        .filter(|name| arguments.parts.is_empty() || arguments.parts.iter().any(|part| part == name))
        .collect();
    for (name, rows) in PARTS.iter().filter(|(name, _)| wanted.contains(name)) {
        eprintln!("{name} …");
        let (begun, load) = (Instant::now(), report::load());
        let rows = runtime.block_on(rows(arguments.size));
        eprintln!(
            "{name}: {} figures in {:.0} s",
            rows.len(),
            begun.elapsed().as_secs_f64()
        );
        figures.put(Part::new(name, arguments.size, load, &rows), &order);
        // After each part, so that a run that is broken off has what it had.
        let written = figures.write(out);
        written.map_err(|error| format!("failed to write the figures: {error}"))?;
    }
    println!("{}", figures.text(&wanted));
    println!("written to {}", out.display());
    Ok(())
}
