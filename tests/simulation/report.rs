//! What `make sim` prints: progress while it runs, and for a finding what happened, to whom, and the line that repeats
//! it.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "this is what it is for")]

use std::io::{IsTerminal, Write};
use std::process::ExitCode;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use crate::Arguments;
use crate::planted::{self, Plant, Planted};
use crate::scenarios::{self, Scenario};
use crate::world::{self, Ended};

/// One world to run.
#[derive(Clone, Copy)]
pub(crate) struct Job {
    pub(crate) scenario: &'static Scenario,
    pub(crate) seed: u64,
    pub(crate) planted: Option<Planted>,
}

/// What became of it.
pub(crate) struct Done {
    pub(crate) job: Job,
    pub(crate) ended: Result<Ended, String>,
}

/// Runs worlds side by side; `each` sees every one as it ends and says whether to go on.
pub(crate) fn run_all(jobs: &[Job], at_once: usize, each: impl Fn(&Done) -> bool + Sync) -> Vec<Done> {
    let next = AtomicUsize::new(0);
    let all = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..at_once.max(1) {
            scope.spawn(|| {
                while let Some(job) = jobs.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let ended = world::run(job.scenario, job.seed, job.planted);
                    let done = Done { job: *job, ended };
                    if !each(&done) {
                        next.store(jobs.len(), Ordering::Relaxed);
                    }
                    all.lock().unwrap_or_else(PoisonError::into_inner).push(done);
                }
            });
        }
    });
    all.into_inner().unwrap_or_else(PoisonError::into_inner)
}

/// Each seed takes one scenario, in turn.
pub(crate) fn jobs(of: &[&'static Scenario], from: u64, count: u64) -> Vec<Job> {
    (0..count)
        .map(|n| Job {
            scenario: of[usize::try_from(n).unwrap_or(0) % of.len()],
            seed: from + n,
            planted: None,
        })
        .collect()
}

pub(crate) fn run(arguments: &Arguments) -> ExitCode {
    match arguments.planted.as_deref() {
        Some(name) if arguments.seed.is_none() => hunt(arguments, name),
        _ => search(arguments),
    }
}

fn cores(arguments: &Arguments) -> usize {
    arguments
        .jobs
        .unwrap_or_else(|| std::thread::available_parallelism().map_or(1, std::num::NonZero::get))
}

fn search(arguments: &Arguments) -> ExitCode {
    let chosen: Vec<&'static Scenario> = match arguments.scenario.as_deref() {
        None => scenarios::ALL.iter().collect(),
        Some(name) => match scenarios::by_name(name) {
            Some(scenario) => vec![scenario],
            None => return list_scenarios(name),
        },
    };
    let jobs: Vec<Job> = match arguments.seed {
        Some(seed) => jobs(&chosen, seed, chosen.len() as u64)
            .into_iter()
            .map(|job| Job { seed, ..job })
            .collect(),
        None => jobs(&chosen, arguments.from.unwrap_or_else(new_seed), arguments.seeds),
    };
    let planted = arguments
        .planted
        .as_deref()
        .and_then(|name| PLANTS.iter().find(|plant| plant.name == name))
        .map(|plant| plant.defect);
    let jobs: Vec<Job> = jobs.into_iter().map(|job| Job { planted, ..job }).collect();
    println!("{} worlds over {} scenarios", jobs.len(), chosen.len());
    let began = Instant::now();
    let progress = Progress::new(jobs.len());
    let all = run_all(&jobs, cores(arguments), |done| {
        progress.step(done);
        true
    });
    progress.end();
    let mut failed = 0;
    for done in &all {
        match &done.ended {
            Err(error) => {
                failed += 1;
                println!("\n{} seed {}: not run: {error}", done.job.scenario.name, done.job.seed);
            }
            Ok(ended) => {
                if arguments.trace {
                    for line in &ended.all_lines {
                        println!("{line}");
                    }
                }
                if arguments.seed.is_some() {
                    println!(
                        "{} seed {}: {} lines, trace {}",
                        done.job.scenario.name, done.job.seed, ended.lines, ended.hash
                    );
                }
                failed += usize::from(explain(&done.job, ended));
            }
        }
    }
    let calls: usize = all
        .iter()
        .filter_map(|done| done.ended.as_ref().ok())
        .map(|ended| ended.calls)
        .sum();
    println!(
        "{} worlds, {calls} calls, {failed} findings, {} s",
        all.len(),
        began.elapsed().as_secs()
    );
    if failed == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// Seeds that nobody has seen: the seconds since 1970, times a thousand.
fn new_seed() -> u64 {
    std::time::UNIX_EPOCH
        .elapsed()
        .map_or(1, |since| since.as_secs() * 1_000)
}

/// Prints a finding, if there is one.
fn explain(job: &Job, ended: &Ended) -> bool {
    let Some(finding) = &ended.finding else { return false };
    println!(
        "\n{} seed {}: {} broken at {}\n  {}\n\n{}\nrepeat it with\n  make sim SEED={} SCENARIO={}\n",
        job.scenario.name,
        job.seed,
        finding.invariant,
        finding.at.format("%a %d %b %H:%M:%S UTC"),
        finding.what,
        ended.timeline,
        job.seed,
        job.scenario.name,
    );
    true
}

fn list_scenarios(name: &str) -> ExitCode {
    if name != "list" {
        eprintln!("no scenario is called `{name}`; these are:");
    }
    for scenario in &scenarios::ALL {
        println!("  {:16} {}", scenario.name, scenario.about);
    }
    if name == "list" {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// Whether a planted defect was found, and where.
pub(crate) fn find(plant: &'static Plant, from: u64, at_once: usize) -> Option<(u64, String)> {
    let scenario = scenarios::by_name(plant.scenario)?;
    let jobs: Vec<Job> = (0..plant.seeds)
        .map(|n| Job {
            scenario,
            seed: from + n,
            planted: Some(plant.defect),
        })
        .collect();
    let found = |done: &Done| {
        done.ended
            .as_ref()
            .ok()
            .and_then(|ended| ended.finding.clone())
            .filter(|finding| plant.breaks.contains(&finding.invariant))
    };
    let all = run_all(&jobs, at_once, |done| found(done).is_none());
    all.iter()
        .find_map(|done| found(done).map(|finding| (done.job.seed, format!("{}: {}", finding.invariant, finding.what))))
}

fn hunt(arguments: &Arguments, name: &str) -> ExitCode {
    let chosen: Vec<&'static Plant> = PLANTS
        .iter()
        .filter(|plant| name == "all" || plant.name == name)
        .collect();
    if chosen.is_empty() {
        if name != "list" {
            eprintln!("no planted defect is called `{name}`; these are:");
        }
        for plant in &PLANTS {
            println!(
                "  {:24} breaks {} in {}, seed {} for one",
                plant.name,
                plant.breaks.join(" or "),
                plant.scenario,
                plant.known
            );
        }
        return if name == "list" {
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        };
    }
    let began = Instant::now();
    let mut missed = 0;
    for plant in &chosen {
        let from = arguments.from.unwrap_or(1);
        match find(plant, from, cores(arguments)) {
            Some((seed, what)) => println!("found   {:24} seed {seed}: {what}", plant.name),
            None => {
                missed += 1;
                println!(
                    "MISSED  {:24} in {} seeds of {}",
                    plant.name, plant.seeds, plant.scenario
                );
            }
        }
    }
    println!(
        "{} of {} planted defects found, {} s",
        chosen.len() - missed,
        chosen.len(),
        began.elapsed().as_secs()
    );
    if missed == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

static PLANTS: [Plant; planted::ALL.len()] = planted::ALL;

/// One line that says how far it is; only where somebody looks.
struct Progress {
    all: usize,
    done: AtomicUsize,
    found: AtomicUsize,
    began: Instant,
    shown: bool,
}

impl Progress {
    fn new(all: usize) -> Self {
        Self {
            all,
            done: AtomicUsize::new(0),
            found: AtomicUsize::new(0),
            began: Instant::now(),
            shown: std::io::stderr().is_terminal(),
        }
    }

    fn step(&self, done: &Done) {
        let n = self.done.fetch_add(1, Ordering::Relaxed) + 1;
        let bad = done.ended.as_ref().map_or(true, |ended| ended.finding.is_some());
        let found = self.found.fetch_add(usize::from(bad), Ordering::Relaxed) + usize::from(bad);
        if self.shown {
            let width = 30;
            let bar = "#".repeat(n * width / self.all.max(1));
            eprint!(
                "\r[{bar:width$}] {n}/{} worlds, {found} findings, {} s ",
                self.all,
                self.began.elapsed().as_secs()
            );
            let _ = std::io::stderr().flush();
        }
    }

    fn end(&self) {
        if self.shown {
            eprintln!();
        }
    }
}
