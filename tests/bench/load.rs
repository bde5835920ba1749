//! `make load`: how much goes through one machine, and that nothing is lost on the way.
//!
//! Runs everything that `redial local` runs, in this process, on files and over HTTP; what goes in and is measured is in
//! `webhooks`, `opening` and `replay`. Figures are those of the embedded engines on this machine, not of AWS: requests and units
//! carry over, times do not.

#![recursion_limit = "256"]

#[expect(dead_code, reason = "`make bench` shows its numbers")]
mod figures;
mod opening;
mod replay;
mod webhooks;

use std::{io::IsTerminal, process::ExitCode};

use clap::Parser;
use redial_domain::MAX_CONCURRENT_CALLS_MAX;

#[derive(Debug, Parser)]
#[command(
    name = "make load",
    about = "Pushes webhooks, an opening and a replay through one machine, and counts what comes out"
)]
struct Arguments {
    /// Signed webhooks to post; 0 leaves this part out.
    #[arg(long, value_name = "N", default_value_t = 100_000)]
    webhooks: usize,
    /// Webhooks on their way at the same time.
    #[arg(long, value_name = "N", default_value_t = 64, value_parser = clap::value_parser!(u16).range(1..))]
    at_once: u16,
    /// Leads that are due at one opening; 0 leaves this part out.
    #[arg(long, value_name = "N", default_value_t = 100_000)]
    leads: usize,
    /// Calls at once of their campaign.
    #[arg(long, value_name = "N", default_value_t = MAX_CONCURRENT_CALLS_MAX, value_parser = clap::value_parser!(u32).range(1..=i64::from(MAX_CONCURRENT_CALLS_MAX)))]
    calls_at_once: u32,
    /// Parts of their campaign's queue, 1 to 16.
    #[arg(long, value_name = "N", default_value_t = 16, value_parser = clap::value_parser!(u32).range(1..=16))]
    shards: u32,
    /// Past calls that are decided again with other rules; 0 leaves this part out.
    #[arg(long, value_name = "N", default_value_t = 100_000)]
    attempts: usize,
}

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    // Every kept or refused webhook is a warning, and there are thousands.
    let _ = tracing_subscriber::fmt()
        .with_max_level(tracing_subscriber::filter::LevelFilter::ERROR)
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr)
        .try_init();
    let folder = std::env::temp_dir().join(format!("redial-load-{}", std::process::id()));
    let mut well = true;
    if arguments.webhooks > 0 {
        let at_once = usize::from(arguments.at_once);
        let figures = webhooks::run(arguments.webhooks, at_once, &folder.join("webhooks")).await;
        well &= figures.print("A burst of webhooks");
    }
    if arguments.leads > 0 {
        let Arguments {
            leads,
            calls_at_once,
            shards,
            ..
        } = arguments;
        let figures = opening::run(leads, calls_at_once, shards, &folder.join("opening")).await;
        well &= figures.print("An opening");
    }
    if arguments.attempts > 0 {
        let figures = replay::run(arguments.attempts, &folder.join("replay")).await;
        well &= figures.print("A replay of rules on past calls");
    }
    // What is left of it is a few gigabytes of a machine's temporary files at worst.
    let _ = std::fs::remove_dir_all(&folder);
    if well { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
