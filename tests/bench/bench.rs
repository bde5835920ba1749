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

mod children;
mod engines;
mod lambdas;
mod peers;
mod row;
mod runtime_api;

use std::process::ExitCode;

use clap::Parser;
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

#[derive(Debug, Parser)]
#[command(
    name = "make bench",
    about = "Measures what Redial costs and how fast it is, and prints one table"
)]
struct Arguments {
    /// How much is measured.
    #[arg(long, value_enum, default_value = "usual")]
    size: Size,
    /// Only these parts; all if none is named.
    #[arg(value_name = "PART")]
    parts: Vec<String>,
}

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let mut rows: Vec<Row> = Vec::new();
    let wanted = |part: &str| arguments.parts.is_empty() || arguments.parts.iter().any(|named| named == part);
    if wanted("lambdas") {
        rows.extend(lambdas::rows(arguments.size).await);
    }
    if wanted("peers") {
        rows.extend(peers::rows(arguments.size).await);
    }
    for row in &rows {
        println!(
            "{}: {} = {:.2?} {} ({}, noise {:.0} %, reached {:?}, ratio {:.2?})",
            row.part,
            row.name,
            row.value,
            row.unit,
            row.how,
            row.noise_percent,
            row.is_reached(),
            row.ratio()
        );
    }
    ExitCode::SUCCESS
}
