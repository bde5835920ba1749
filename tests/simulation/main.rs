//! `make sim`: the functions' own code in a hostile world, once per seed, with a judge beside it.
//!
//! ```text
//! make sim                                 20 new seeds over all scenarios
//! make sim SEEDS=500                       more of them
//! make sim SEED=17 SCENARIO=outage         one again; the same line for line
//! make sim PLANTED=all                     every planted defect, each must be found
//! ```

#![recursion_limit = "256"]

mod calendar;
mod dice;
mod evidence;
mod faults;
#[cfg(test)]
mod fixed;
mod homes;
mod instances;
mod judge;
#[cfg(test)]
mod kept;
mod people;
mod phones;
mod plan;
mod planted;
mod plants;
mod report;
mod scenarios;
mod table_engine;
mod trace;
mod webhooks;
mod wire;
mod world;

use std::process::ExitCode;

use clap::Parser;

#[derive(Debug, Parser)]
#[command(
    name = "make sim",
    about = "Runs the functions in hostile worlds, one per seed, and judges what was called"
)]
struct Arguments {
    /// How many seeds; 20 unless given, 6 for a planted defect.
    #[arg(long)]
    seeds: Option<u64>,
    /// One seed, instead of new ones.
    #[arg(long)]
    seed: Option<u64>,
    /// The first seed; a new one each day and run unless given.
    #[arg(long)]
    from: Option<u64>,
    /// One scenario, instead of all in turn; `list` names them.
    #[arg(long)]
    scenario: Option<String>,
    /// A planted defect to find in its own scenario, or `all`; `list` names them.
    #[arg(long)]
    planted: Option<String>,
    /// Worlds at the same time; as many as there are cores unless given.
    #[arg(long)]
    jobs: Option<usize>,
    /// Print every line of the trace (with --seed).
    #[arg(long)]
    trace: bool,
}

fn main() -> ExitCode {
    report::run(&Arguments::parse())
}
