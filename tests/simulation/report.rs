//! What `make sim` prints: progress while it runs, and for a finding what happened, to whom, and the line that repeats
//! it.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "this is what it is for")]

use std::io::{IsTerminal, Write};
use std::process::ExitCode;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use crate::Arguments;
use crate::plants::{self, Plant};
use crate::scenarios::{self, Scenario};
use crate::world::{self, Ended};

/// One world to run.
#[derive(Clone, Copy)]
pub(crate) struct Job {
    pub(crate) scenario: &'static Scenario,
    pub(crate) seed: u64,
    pub(crate) planted: Option<&'static Plant>,
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

/// Each seed takes one scenario, in turn; the first seed says where the turn begins, so that few seeds are not always
/// of the same scenarios.
pub(crate) fn jobs(of: &[&'static Scenario], from: u64, count: u64) -> Vec<Job> {
    (0..count)
        .map(|n| Job {
            scenario: of[usize::try_from(from.wrapping_add(n)).unwrap_or(0) % of.len()],
            seed: from + n,
            planted: None,
        })
        .collect()
}

pub(crate) fn run(arguments: &Arguments) -> ExitCode {
    if arguments.seeds == Some(0) || arguments.jobs == Some(0) {
        eprintln!("failed to begin: no seed or no job is no run; leave --seeds and --jobs out or give 1 and more");
        return ExitCode::FAILURE;
    }
    let scenario = match arguments.scenario.as_deref() {
        None => None,
        Some(name) => match scenarios::by_name(name) {
            Some(scenario) => Some(scenario),
            None => return list_scenarios(name),
        },
    };
    let Some(name) = arguments.planted.as_deref() else {
        return search(arguments, scenario, None);
    };
    match (plants::by_name(name), name) {
        (None, "all") if arguments.seed.is_none() && scenario.is_none() => hunt(arguments),
        (None, "all") => {
            eprintln!(
                "failed to begin: `all` takes each defect's own scenario and seeds; name one for --seed or --scenario"
            );
            ExitCode::FAILURE
        }
        (None, _) => list_plants(name),
        // One defect with a seed, a scenario or a number of seeds: as without it, and what is found is shown.
        (Some(plant), _) => search(arguments, scenario.or(scenarios::by_name(plant.scenario)), Some(plant)),
    }
}

fn cores(arguments: &Arguments) -> usize {
    arguments
        .jobs
        .unwrap_or_else(|| std::thread::available_parallelism().map_or(1, std::num::NonZero::get))
}

/// Seeds of a run that does not say how many.
const SEEDS: u64 = 20;

fn search(arguments: &Arguments, scenario: Option<&'static Scenario>, plant: Option<&'static Plant>) -> ExitCode {
    let chosen: Vec<&'static Scenario> = scenario.map_or_else(|| scenarios::ALL.iter().collect(), |one| vec![one]);
    let first = |otherwise: fn() -> u64| arguments.from.unwrap_or_else(otherwise);
    let jobs: Vec<Job> = match (arguments.seed, plant) {
        (Some(seed), _) => jobs(&chosen, seed, chosen.len() as u64)
            .into_iter()
            .map(|job| Job { seed, ..job })
            .collect(),
        (None, None) => jobs(&chosen, first(new_seed), arguments.seeds.unwrap_or(SEEDS)),
        (None, Some(_)) => jobs(&chosen, first(|| 1), arguments.seeds.unwrap_or(plants::SEEDS_MAX)),
    };
    let jobs: Vec<Job> = jobs.into_iter().map(|job| Job { planted: plant, ..job }).collect();
    println!("{} worlds over {} scenarios", jobs.len(), chosen.len());
    let began = Instant::now();
    let progress = Progress::new(jobs.len());
    let all = run_all(&jobs, cores(arguments), |done| {
        progress.step(done);
        // One finding is what a planted defect is for.
        plant.is_none_or(|plant| !is_found(plant, done))
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
    let as_it_should_be = match plant {
        None => failed == 0,
        Some(plant) => {
            let found = all.iter().any(|done| is_found(plant, done));
            println!(
                "the defect {} was {}",
                plant.name,
                if found { "found" } else { "not found" }
            );
            found
        }
    };
    if as_it_should_be {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// Whether a world shows what a planted defect breaks.
fn is_found(plant: &Plant, done: &Done) -> bool {
    let finding = done.ended.as_ref().ok().and_then(|ended| ended.finding.as_ref());
    finding.is_some_and(|finding| plant.breaks.contains(&finding.invariant))
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
    let planted = job
        .planted
        .map(|plant| format!(" PLANTED={}", plant.name))
        .unwrap_or_default();
    println!(
        "\n{} seed {}: {} broken at {}\n  {}\n\n{}\nrepeat it with\n  make sim SEED={} SCENARIO={}{planted}\n",
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
pub(crate) fn find(plant: &'static Plant, from: u64, seeds: u64, at_once: usize) -> Option<(u64, String)> {
    let scenario = scenarios::by_name(plant.scenario)?;
    let jobs: Vec<Job> = (0..seeds)
        .map(|n| Job {
            scenario,
            seed: from + n,
            planted: Some(plant),
        })
        .collect();
    let all = run_all(&jobs, at_once, |done| !is_found(plant, done));
    let found = all.iter().find(|done| is_found(plant, done))?;
    let finding = found.ended.as_ref().ok()?.finding.as_ref()?;
    Some((found.job.seed, format!("{}: {}", finding.invariant, finding.what)))
}

fn list_plants(name: &str) -> ExitCode {
    if name != "list" {
        eprintln!("no planted defect is called `{name}`; these are, and `all`:");
    }
    for plant in &plants::ALL {
        println!(
            "  {:24} breaks {} in {}",
            plant.name,
            plant.breaks.join(" or "),
            plant.scenario
        );
    }
    if name == "list" {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// Every planted defect, each in the first seeds of its own scenario.
fn hunt(arguments: &Arguments) -> ExitCode {
    let began = Instant::now();
    let (next, missed) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let seeds = arguments.seeds.unwrap_or(plants::SEEDS_MAX);
    std::thread::scope(|scope| {
        for _ in 0..cores(arguments) {
            scope.spawn(|| {
                while let Some(plant) = plants::ALL.get(next.fetch_add(1, Ordering::Relaxed)) {
                    // Seed after seed: the first that finds it is the one that is told.
                    match find(plant, arguments.from.unwrap_or(1), seeds, 1) {
                        Some((seed, what)) => println!(
                            "found   {:24} {what}\n        make sim SEED={seed} SCENARIO={} PLANTED={}",
                            plant.name, plant.scenario, plant.name
                        ),
                        None => {
                            missed.fetch_add(1, Ordering::Relaxed);
                            println!("MISSED  {:24} in {seeds} seeds of {}", plant.name, plant.scenario);
                        }
                    }
                }
            });
        }
    });
    let missed = missed.into_inner();
    println!(
        "{} of {} planted defects found, {} s",
        plants::ALL.len() - missed,
        plants::ALL.len(),
        began.elapsed().as_secs()
    );
    if missed == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

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
