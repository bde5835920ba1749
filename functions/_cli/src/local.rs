//! `redial local`: everything on this machine, shown live.

use std::{path::PathBuf, time::Duration};

use chrono::{DateTime, Utc};
use redial_aws::Environment;
use redial_local::{
    Options, Port, Running, display,
    options::{DYNAMODB_PORT, PORT, SPEED_MAX, SQS_PORT},
    phone_settings::PhonesMode,
    start,
};
use tokio::{
    signal::unix::{SignalKind, signal},
    time::{Instant, interval},
};

use crate::{
    failure::Failure,
    log::{self, LogFile},
    print,
};

/// On a terminal the display is redrawn this often.
const REDRAW_EVERY: Duration = Duration::from_secs(1);
/// Into a pipe a line goes this often.
const LINE_EVERY: Duration = Duration::from_secs(10);
/// How soon the first call is seen.
const FIRST_CALL_LOOK: Duration = Duration::from_millis(100);

/// Runs all of Redial on this machine: the functions, embedded DynamoDB, SQS, bus and schedules, and a simulated phone
/// network. Nothing leaves the machine, and no real call is ever placed.
///
/// Without flags it adds a demo campaign of 500 invented leads; its clock starts on the next Monday at 10:55 campaign
/// time and runs up to 240 times as fast, so that the first calls come within seconds. What happens is kept and goes on at
/// the next start.
#[derive(Debug, clap::Args)]
pub(crate) struct Local {
    /// Port of the admin API and the webhooks; 0 picks a free one [default: 8080, or a free one if that is taken]
    #[arg(long, value_name = "PORT")]
    port: Option<u16>,
    /// Port of the embedded DynamoDB; 0 picks a free one [default: 8000, or a free one if that is taken]
    #[arg(long, value_name = "PORT")]
    dynamodb_port: Option<u16>,
    /// Port of the embedded SQS; 0 picks a free one [default: 9324, or a free one if that is taken]
    #[arg(long, value_name = "PORT")]
    sqs_port: Option<u16>,
    /// Where table, queues, calls and clock are kept
    #[arg(long, value_name = "DIR", default_value = ".redial")]
    data: PathBuf,
    /// Forget what is kept in the data directory
    #[arg(long)]
    fresh: bool,
    /// Start without the demo campaign; the clock is then the system's, unless --now or --speed is given
    #[arg(long)]
    no_demo: bool,
    /// Seconds that pass on the clock in one second, 1 to 3600 [default: 240 with the demo, else 1]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=i64::from(SPEED_MAX)))]
    speed: Option<u32>,
    /// First time on the clock, as in 2026-11-20T17:00:00Z; it never goes back behind what is kept
    #[arg(long, value_name = "RFC3339", value_parser = read_time)]
    now: Option<DateTime<Utc>>,
    /// The API key of a system administrator [default: the kept one, made at the first start]
    #[arg(long, value_name = "KEY", env = "REDIAL_API_KEY", hide_env_values = true)]
    api_key: Option<String>,
    /// `simulated`: calls go as a stated mix says, and are reported by webhook. `silent`: calls are accepted and never
    /// reported, so that webhooks can be posted by hand
    #[arg(long, value_name = "WAY", default_value = "simulated", value_parser = ["simulated", "silent"])]
    phones: String,
}

fn read_time(raw: &str) -> Result<DateTime<Utc>, String> {
    let time = DateTime::parse_from_rfc3339(raw).map(|time| time.to_utc());
    time.map_err(|_| "write date, time and zone, as in 2026-11-20T17:00:00Z".to_owned())
}

impl Local {
    fn options(self) -> Options {
        let port = |given: Option<u16>, default| given.map_or(Port::Default(default), Port::Given);
        Options {
            port: port(self.port, PORT),
            dynamodb_port: port(self.dynamodb_port, DYNAMODB_PORT),
            sqs_port: port(self.sqs_port, SQS_PORT),
            data: Some(self.data),
            fresh: self.fresh,
            demo: !self.no_demo,
            speed: self.speed,
            now: self.now,
            // An empty variable is none.
            api_key: self.api_key.filter(|key| !key.is_empty()),
            phones: if self.phones == "silent" {
                PhonesMode::Silent
            } else {
                PhonesMode::Simulated
            },
            ..Options::local(Environment::process())
        }
    }
}

pub(crate) async fn run(local: Local) -> Result<(), Failure> {
    let begun = Instant::now();
    let on_terminal = print::is_terminal();
    let log = on_terminal.then(log::to_file);
    if log.is_none() {
        log::to_stderr();
    }
    let options = local.options();
    let demo = options.demo;
    let failed = |error: std::io::Error| Failure::new(format!("failed to listen for signals: {error}"), "try again");
    let mut interrupt = signal(SignalKind::interrupt()).map_err(failed)?;
    let mut terminate = signal(SignalKind::terminate()).map_err(failed)?;
    print::line("\n  redial local: all of Redial on this machine, no real calls\n");

    let starting = start(options);
    let running = tokio::select! {
        running = starting => running?,
        _ = interrupt.recv() => return Ok(()),
        _ = terminate.recv() => return Ok(()),
    };
    print::text(&display::banner(&running, demo));
    if let (Some(log), Some(data)) = (log, running.data()) {
        open_log(&log, &data.log());
    }
    tokio::select! {
        () = show(&running, begun, on_terminal) => {}
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
    print::line("\n  stopping");
    running.shutdown().await;
    print::line("  stopped; what is kept goes on at the next start");
    Ok(())
}

fn open_log(log: &LogFile, path: &std::path::Path) {
    match log.open(path) {
        Ok(()) => print::line(&format!("  log: {}; end with Ctrl-C\n", path.display())),
        Err(error) => print::line(&format!("  no log: {} cannot be written: {error}\n", path.display())),
    }
}

/// Shows what happens, for ever.
async fn show(running: &Running, begun: Instant, on_terminal: bool) {
    let first = first_call(running, begun);
    let mut first = std::pin::pin!(first);
    let mut first_line = None;
    let mut block = print::Redrawn::default();
    let mut looks = interval(if on_terminal { REDRAW_EVERY } else { LINE_EVERY });
    loop {
        tokio::select! {
            line = &mut first, if first_line.is_none() => {
                if !on_terminal {
                    print::line(&line);
                }
                first_line = Some(line);
            }
            _ = looks.tick() => {}
        }
        match running.snapshot().await {
            Ok(seen) if on_terminal => {
                let line = first_line.as_deref().unwrap_or("  no call yet in this run");
                block.draw(&format!("{}\n{line}\n", display::block(&seen)));
            }
            Ok(seen) => print::line(&format!("  {}", display::line(&seen))),
            // It is tried again at the next look; the log has what the functions say.
            Err(error) => print::line(&format!("  {error}")),
        }
    }
}

/// A line about the first call of this run, as soon as there is one.
async fn first_call(running: &Running, begun: Instant) -> String {
    let placed = || running.phones().placed().unwrap_or(0);
    let before = placed();
    let mut looks = interval(FIRST_CALL_LOOK);
    while placed() == before {
        looks.tick().await;
    }
    format!(
        "  first call of this run: {:.1} s after the start",
        begun.elapsed().as_secs_f64()
    )
}
