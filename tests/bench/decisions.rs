//! How fast decisions are made on one core, and how many instructions each takes: rules, gate, openings, webhooks.
//!
//! Seconds are the median of several runs on this thread. Instructions are counted by `valgrind --tool=callgrind` over this
//! same program: twice as many decisions less once as many, so that the start does not count.

use std::{
    hint::black_box,
    process::Command,
    time::{Duration, Instant},
};

use redial_domain::{
    AttemptEnd, AttemptId, Campaign, Direction, Disposition, EventKind, GateInput, Region, RuleFacts, RuleSetName,
    Switches, gate,
    law::{CallingHours, Law},
};
use redial_rules::{RuleSet, consequences::Case};
use redial_telephony::bland;
use redial_tests::{bulk, instant};

use crate::{
    Size,
    row::{Row, Target},
    samples::{self, CALLS, NIGHT, NOON},
};

pub(crate) const PART: &str = "decisions";

/// Runs of which the median is taken.
const RUNS: usize = 9;
/// Days without an opening: longer than any campaign rests on purpose.
const FAR_DAYS: u64 = 90;
/// What the design asks for.
const DECISIONS_MIN: f64 = 100_000.0;
const GATES_MIN: f64 = 500_000.0;
/// Decisions that valgrind watches, and as many again.
const WATCHED: u32 = 500;
/// As many of the first sort at the quick size: valgrind is fifty times as slow, and a debug build as much again.
const WATCHED_QUICK: u32 = 20;
/// How a row of instructions is counted.
const HOW: &str = "valgrind --tool=callgrind, twice as many less once as many";

/// One sort of decision.
struct Work {
    name: String,
    least: Option<f64>,
    /// Makes so many.
    make: Box<dyn Fn(u32)>,
}

fn work(name: impl Into<String>, least: Option<f64>, make: impl Fn() + 'static) -> Work {
    Work {
        name: name.into(),
        least,
        make: Box::new(move |times| (0..times).for_each(|_| make())),
    }
}

/// All sorts, each made only when it is asked for: a process that valgrind watches starts with no other.
fn all() -> Vec<Box<dyn Fn() -> Work>> {
    let mut all: Vec<Box<dyn Fn() -> Work>> = Vec::new();
    for (name, payload) in CALLS {
        all.push(Box::new(move || decide(name, payload)));
    }
    all.push(Box::new(whole));
    all.push(Box::new(|| gated("gate, open", samples::campaign(), NOON)));
    all.push(Box::new(|| {
        gated("gate, closed for the night", samples::campaign(), NIGHT)
    }));
    all.push(Box::new(|| {
        opening("next opening, open now", samples::campaign(), NOON)
    }));
    all.push(Box::new(|| {
        opening("next opening, closed for the night", samples::campaign(), NIGHT)
    }));
    all.push(Box::new(|| {
        let name = format!("next opening, closed for {FAR_DAYS} days");
        opening(&name, samples::closed_for(FAR_DAYS), NOON)
    }));
    all.push(Box::new(read));
    all.push(Box::new(verified));
    all
}

/// A turn of so many: each run takes the next, so that all have the same part.
fn turn(count: usize) -> impl Fn() -> usize {
    let next = std::cell::Cell::new(0);
    move || next.replace((next.get() + 1) % count)
}

fn read() -> Work {
    let bodies = samples::payloads();
    let turn = turn(bodies.len());
    work(
        format!("webhook read, {} payloads in turn", bodies.len()),
        None,
        move || {
            let _ = black_box(bland::parse(black_box(&bodies[turn()]), Region::US));
        },
    )
}

fn verified() -> Work {
    const SECRET: &[u8] = b"of-the-bench";
    let bodies = samples::payloads();
    let signed: Vec<String> = bodies.iter().map(|body| bland::sign(SECRET, body)).collect();
    let turn = turn(bodies.len());
    work("webhook's signature held against its body", None, move || {
        let n = turn();
        black_box(bland::verify(SECRET, &signed[n], black_box(&bodies[n])));
    })
}

fn rules() -> std::sync::Arc<RuleSet> {
    let set = RuleSetName::parse("until-sale-or-dnc")
        .ok()
        .and_then(|name| RuleSet::built_in(&name));
    set.unwrap_or_else(|| panic!("the shipped rule set is not there"))
}

/// Facts in, four scripts, a checked answer out.
fn decide(name: &str, payload: &str) -> Work {
    let (rules, event, (lead, _)) = (rules(), samples::event(payload), samples::lead());
    work(format!("rules: {name}"), Some(DECISIONS_MIN), move || {
        let facts = RuleFacts {
            facts: &event.facts,
            kind: EventKind::Ended,
            direction: Direction::Outbound,
            status: &lead.status,
            known: Disposition::Unknown,
            attempts: 4,
            attempts_today: 1,
            intervals_min: None,
            ended_at: lead.updated_at,
        };
        let answer = rules.decide(black_box(&facts));
        assert!(black_box(answer).is_ok());
    })
}

/// The rules, and what law, caps and hours make of their wish: everything between a report and the transaction.
fn whole() -> Work {
    let (rules, event, (lead, ledger)) = (rules(), samples::event(CALLS[0].1), samples::lead());
    let attempt = AttemptId::parse(&bulk::attempt(1)).unwrap_or_else(|error| panic!("{error}"));
    let campaign = samples::campaign();
    work(
        "rules, law, caps and next time of a call without answer",
        Some(DECISIONS_MIN),
        move || {
            let case = Case {
                attempt: &attempt,
                end: AttemptEnd::Reported,
                slot: None,
                started_at: lead.updated_at,
                event: &event,
                campaign: &campaign,
                law: Law::built_in(),
                ledger: &ledger,
                now: lead.updated_at,
            };
            let decided = case.finish(Ok(&rules), Some(black_box(&lead)));
            assert!(!black_box(decided).parked);
        },
    )
}

fn gated(name: &str, campaign: Campaign, now: &str) -> Work {
    let ((lead, ledger), now) = (samples::lead(), instant(now));
    work(name, Some(GATES_MIN), move || {
        let input = GateInput {
            lead: &lead,
            ledger: &ledger,
            campaign: &campaign,
            law: Law::built_in(),
            switches: Switches::ON,
            account_closed_until: None,
            now,
        };
        black_box(gate(black_box(&input)));
    })
}

/// Which hours hold for the lead, and when they open.
fn opening(name: &str, campaign: Campaign, from: &str) -> Work {
    let ((lead, _), from) = (samples::lead(), instant(from));
    work(name, Some(GATES_MIN), move || {
        let hours = CallingHours::of_lead(Law::built_in(), &campaign, black_box(&lead));
        let opens = hours
            .ok()
            .and_then(|hours| hours.next_open(from, Campaign::CLOSING_MARGIN));
        assert!(black_box(opens).is_some());
    })
}

pub(crate) async fn rows(size: Size) -> Vec<Row> {
    let (at_least, watched, sorts) = match size {
        Size::Quick => (Duration::from_millis(5), WATCHED_QUICK, 1),
        Size::Usual | Size::Full => (Duration::from_millis(200), WATCHED, usize::MAX),
    };
    let (mut counts, mut times) = (Vec::new(), Vec::new());
    for (n, work) in all().iter().enumerate() {
        let work = work();
        if n < sorts {
            counts.push(instructions(n, &work, watched));
        }
        let seconds = timed(&work, at_least);
        let row = Row::median(PART, &work.name, &seconds, "a second");
        let how = format!("{}, one thread", row.how);
        let row = row.how(how);
        let target = work.least.filter(|_| size != Size::Quick);
        times.push(match target {
            Some(least) => row.target(Target::AtLeast(least)),
            None => row,
        });
    }
    counts.into_iter().chain(times).collect()
}

/// How many a second, in several runs of at least so long.
fn timed(work: &Work, at_least: Duration) -> Vec<f64> {
    let mut times = 1;
    let took = |times: u32| {
        let begun = Instant::now();
        (work.make)(times);
        begun.elapsed()
    };
    while took(times) < at_least && times < u32::MAX / 2 {
        times *= 2;
    }
    let runs = (0..RUNS).map(|_| f64::from(times) / took(times).as_secs_f64());
    runs.collect()
}

/// Instructions of each, by two runs of this program under valgrind.
fn instructions(n: usize, work: &Work, times: u32) -> Row {
    let counted = |times: u32| -> Result<f64, String> {
        let this = std::env::current_exe().map_err(|error| error.to_string())?;
        let (n, times) = (n.to_string(), times.to_string());
        let ran = Command::new("valgrind")
            .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
            .arg(this)
            .args(["--child", "decisions", &n, &times])
            .output();
        let ran = ran.map_err(|_| "valgrind is not installed".to_owned())?;
        let said = String::from_utf8_lossy(&ran.stderr);
        let collected = said.lines().find_map(|line| line.split_once("Collected : "));
        let collected = collected.and_then(|(_, count)| count.split_whitespace().next()?.parse().ok());
        collected
            .filter(|_| ran.status.success())
            .ok_or_else(|| "valgrind counted nothing".to_owned())
    };
    let unit = "instructions each";
    match counted(times).and_then(|once| Ok((once, counted(times * 2)?))) {
        Ok((once, twice)) => Row::counted(PART, &work.name, (twice - once) / f64::from(times), unit).how(HOW),
        Err(why) => Row::missing(PART, &work.name, unit, why),
    }
}

/// What the process under valgrind does.
pub(crate) fn child(words: &[String]) {
    let numbers: Vec<u32> = words.iter().filter_map(|word| word.parse().ok()).collect();
    if let [n, times] = numbers[..]
        && let Some(work) = all().get(n as usize)
    {
        (work().make)(times);
    }
}
