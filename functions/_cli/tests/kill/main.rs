//! A hundred kills: the real command is ended by SIGKILL at seeded moments under load, started again on the same data
//! and ports, and goes on. At the end the phone network's own file tells what was called, and the books have to agree.
//!
//! Knows the product from outside only: its command line, its HTTP APIs, and the files that it leaves.
//!
//! The seed repeats the plan (errands, moments), not the threads of the machine: a fault found by one seed may need
//! some runs to be seen again.

#![expect(clippy::unwrap_used, reason = "helpers of tests: what is not there fails the test")]

mod books;
mod load;
mod log;
mod machine;

use std::{process::Stdio, sync::Arc, time::Duration};

use chrono::{DateTime, NaiveTime, Utc};
use load::{Errands, Load};
use log::{Call, Hours, Stop, Whom};
use machine::{ADMIN_KEY, Machine, Place};
use rand::{Rng, SeedableRng, rngs::StdRng};
use serde_json::json;
use tokio::process::Command;

/// Kills, unless `REDIAL_KILLS` says otherwise.
const KILLS: u32 = 100;
/// The seed, unless `REDIAL_SEED` says otherwise.
const SEED: u64 = 1;
/// A Monday, 22:50 in New York: an hour before the first campaign closes, with midnight to come.
const BEGIN: &str = "2026-11-24T03:50:00Z";
/// After the last kill this much time passes: longer than every interval, lease and retry, and enough for the calls of
/// all who still wait.
const AFTERWARDS_MIN: i64 = 3 * 60;
/// Virtual seconds per second: what a busy machine does not reach, so that time waits for work and not the other way.
const SPEED: u32 = 900;
/// Leads before the first kill.
const LEADS_FIRST: usize = 200;
/// Errands of one life; it is killed after some of them were answered.
const ERRANDS: std::ops::RangeInclusive<usize> = 4..=20;
/// After the last answer it lives on for up to this long. The moment of the kill is the only use of real time.
const LINGER_MS: u64 = 450;
/// One life in this many is killed while it starts, within this time.
const KILLED_AT_START: u32 = 8;
const START_MS: u64 = 60;
/// Kills of the very first start, while table and queues are made. They come on top.
const FIRST_KILLS: u32 = 6;
/// In one life in this many the business switch is thrown before the kill.
const SWITCHED_OFF: u32 = 10;
/// Switching off and taking out wait for what is just being placed. What a kill cut off counts as that for 20 seconds on
/// a clock that stands while somebody waits, so these seconds are let pass before.
const PLACED_BY_S: i64 = 21;
/// Minutes in which all is over, should many be due just then.
const QUIET_MAX_MIN: u32 = 120;

/// Both are open but for twenty minutes a day, so that closing, opening and midnight come while the machine is killed.
fn hours() -> Vec<Hours> {
    let time = |hour, minute| NaiveTime::from_hms_opt(hour, minute, 0).unwrap();
    vec![
        Hours {
            campaign: "default",
            zone: chrono_tz::America::New_York,
            from: time(0, 10),
            to: time(23, 50),
            calls_a_day: 5,
            calls_at_once: 20,
        },
        // From 23:30 in New York to 23:10 on the next day.
        Hours {
            campaign: "west",
            zone: chrono_tz::America::Los_Angeles,
            from: time(20, 30),
            to: time(20, 10),
            calls_a_day: 3,
            calls_at_once: 10,
        },
    ]
}

fn setting<T: std::str::FromStr>(name: &str, default: T) -> T {
    #[expect(
        clippy::disallowed_methods,
        reason = "how often and with which seed is said from outside"
    )]
    let given = std::env::var(name).ok();
    given.map_or(default, |text| {
        text.parse().unwrap_or_else(|_| panic!("{name} is no number: {text}"))
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_kills_lose_no_call_and_place_none_twice() {
    let (seed, kills) = (setting("REDIAL_SEED", SEED), setting("REDIAL_KILLS", KILLS));
    println!("seed {seed}; again with REDIAL_SEED={seed} REDIAL_KILLS={kills} cargo test -p redial-cli --test kill");
    let place = Arc::new(Place::find(seed));
    println!("data in {}, which is kept if it fails", place.folder.display());
    let mut run = Run::begin(Arc::clone(&place), seed).await;
    for life in 1..=kills {
        run.live_and_die(life).await;
    }
    println!("{kills} kills {}", run.end().await);
    std::fs::remove_dir_all(&place.folder).unwrap();
}

struct Run {
    place: Arc<Place>,
    hours: Vec<Hours>,
    load: Load,
    dice: StdRng,
    /// The machine that runs now.
    machine: Option<Machine>,
    switched_off: bool,
}

impl Run {
    /// The first life, in which two campaigns and the first leads are made.
    async fn begin(place: Arc<Place>, seed: u64) -> Self {
        let mut dice = StdRng::seed_from_u64(seed);
        for _ in 0..FIRST_KILLS {
            let machine = Machine::start(&place, BEGIN, SPEED).await;
            linger(&mut dice, START_MS).await;
            machine.kill(&place).await;
        }
        let mut machine = Machine::start(&place, BEGIN, SPEED).await;
        machine.ready(&place).await;
        let hours = hours();
        let [default, west] = &hours[..] else { unreachable!() };
        let limits = |of: &Hours| {
            json!({
                "timezone": of.zone.name(),
                "calling_hours_start": of.from.format("%H:%M").to_string(),
                "calling_hours_end": of.to.format("%H:%M").to_string(),
                "calling_days": ["mon", "tue", "wed", "thu", "fri", "sat", "sun"],
                "attempts_per_day_max": of.calls_a_day,
                "max_concurrent_calls": of.calls_at_once,
                "intervals_min": [0, 2, 3, 10],
                "open_intake": true,
            })
        };
        place.admin("PATCH", "/campaigns/default", Some(&limits(default))).await;
        let mut second = limits(west);
        second["id"] = json!(west.campaign);
        second["name"] = json!("West");
        second["shards"] = json!(2);
        place.admin("POST", "/campaigns", Some(&second)).await;
        place.admin("POST", "/campaigns/west/start", None).await;
        let campaigns = [default.campaign, west.campaign];
        let load = Load::new(&place, crm_secret(&place).await, campaigns);
        let mut run = Self {
            place,
            hours,
            load,
            dice,
            machine: Some(machine),
            switched_off: false,
        };
        run.load.add_leads(LEADS_FIRST);
        run.load.run().end().await;
        run
    }

    /// One life: started, loaded, killed, judged.
    async fn live_and_die(&mut self, life: u32) {
        let at_start = self.machine.is_none() && self.dice.random_ratio(1, KILLED_AT_START);
        let mut machine = match self.machine.take() {
            Some(machine) => machine,
            None => Machine::start(&self.place, BEGIN, SPEED).await,
        };
        let mut errands = None;
        if at_start {
            linger(&mut self.dice, START_MS).await;
        } else {
            machine.ready(&self.place).await;
            errands = Some(self.be_busy().await);
        }
        machine.kill(&self.place).await;
        if let Some(errands) = errands {
            errands.end().await;
        }
        let faults = log::faults(&log::calls(&self.place.data()), &self.hours, &self.load.books().stops);
        self.agree(&format!("after kill {life}"), &faults);
    }

    async fn be_busy(&mut self) -> Errands {
        self.switch_on().await;
        let (clock, calls) = (clock(&self.place).await, log::calls(&self.place.data()));
        let ended: Vec<Call> = calls.into_iter().filter(|call| call.ended <= clock).collect();
        let errands = self.dice.random_range(ERRANDS);
        self.load.draw(&mut self.dice, errands, &ended);
        let switched_off = self.dice.random_ratio(1, SWITCHED_OFF);
        if switched_off || self.load.takes_out() {
            advance(&self.place, PLACED_BY_S).await;
        }
        let most = u32::try_from(self.load.waiting()).unwrap().max(1);
        let mut running = self.load.run();
        running.answered(self.dice.random_range(0..most)).await;
        if switched_off {
            self.switch_off().await;
        }
        linger(&mut self.dice, LINGER_MS).await;
        running
    }

    /// From the answer on nobody is called, over kills, until it is switched on again.
    async fn switch_off(&mut self) {
        let answer = self.place.admin("POST", "/api/admin/redial-queue/disable", None).await;
        assert_eq!(answer["remaining"], json!([]), "{answer}");
        self.load.note_stop(Stop {
            after: log::newest(&self.place.data()),
            whom: Whom::Everybody,
            until: None,
        });
        self.switched_off = true;
    }

    async fn switch_on(&mut self) {
        if std::mem::take(&mut self.switched_off) {
            self.load.lift_stop(log::newest(&self.place.data()));
            self.place.admin("POST", "/api/admin/redial-queue/enable", None).await;
        }
    }

    /// No more kills. Whoever is called from here on buys, so that the calls come to an end, and nothing may be left of
    /// any life.
    async fn end(mut self) -> String {
        let place = Arc::clone(&self.place);
        // Without kills there may be a first machine still, which runs too fast to be looked at.
        if let Some(first) = self.machine.take() {
            first.kill(&place).await;
        }
        let mut machine = Machine::start(&place, BEGIN, 1).await;
        machine.ready(&place).await;
        self.switch_on().await;
        advance(&place, PLACED_BY_S).await;
        self.load.run().end().await;
        assert_eq!(self.load.waiting(), 0);
        place.admin("POST", "/local/settle", None).await;
        let killed_until = clock(&place).await;
        let called = log::newest(&place.data());
        place
            .admin("POST", "/local/phones", Some(&json!({"outcome": "sale"})))
            .await;
        for _ in 0..AFTERWARDS_MIN {
            to_next_minute(&place).await;
        }
        let mut minutes = 0;
        while goes_on(&place).await {
            assert!(minutes < QUIET_MAX_MIN, "calls go on and on");
            minutes += 1;
            to_next_minute(&place).await;
        }
        let calls = log::calls(&place.data());
        let books = self.load.books();
        let mut faults = log::faults(&calls, &self.hours, &books.stops);
        let (found, told) = books::faults(&place, &self.hours, &calls, &books).await;
        faults.extend(found);
        self.agree("at the end", &faults);
        machine.kill(&place).await;
        format!(
            "until {killed_until}, {called} calls and {} errands among them; {told}",
            books.answers
        )
    }

    fn agree(&self, when: &str, faults: &[String]) {
        let (count, first) = (faults.len(), &faults[..faults.len().min(20)]);
        assert!(
            faults.is_empty(),
            "{when}, {count} faults:\n  {}\n{}",
            first.join("\n  "),
            self.place.last_words()
        );
    }
}

async fn linger(dice: &mut StdRng, most_ms: u64) {
    let moment = dice.random_range(0..=most_ms * 1_000);
    tokio::time::sleep(Duration::from_micros(moment)).await;
}

async fn clock(place: &Place) -> DateTime<Utc> {
    let clock = place.admin("GET", "/local/clock", None).await;
    DateTime::parse_from_rfc3339(clock["now"].as_str().unwrap())
        .unwrap()
        .to_utc()
}

/// Whether a call goes on or is about to, or the network has something to report.
async fn goes_on(place: &Place) -> bool {
    let status = place.admin("GET", "/api/admin/redial-queue/status", None).await;
    status["status"]["is_processing"] != false
        || status["stats"]["ready_to_dial"] != 0
        || log::unsent_reports(&place.data()) > 0
}

/// To the middle of the next minute: openings, midnights and promised times come at whole ones, so nothing is due while
/// the books are read.
async fn to_next_minute(place: &Place) {
    let past = clock(place).await.timestamp().rem_euclid(60);
    advance(place, 80 - past).await;
}

async fn advance(place: &Place, seconds: i64) {
    place
        .admin("POST", "/local/clock", Some(&json!({"advance_s": seconds})))
        .await;
}

/// A secret for the CRM's webhooks, made as people make it.
async fn crm_secret(place: &Place) -> String {
    let made = Command::new(env!("CARGO_BIN_EXE_redial"))
        .args([
            "keys",
            "create",
            "--local",
            "--name",
            "crm",
            "--role",
            "webhook",
            "--provider",
            "convoso",
            "--data",
        ])
        .arg(place.data())
        .stdin(Stdio::null())
        .output()
        .await
        .unwrap();
    let said = String::from_utf8(made.stdout).unwrap();
    let key = said.lines().next().unwrap_or_default().to_owned();
    assert!(key.starts_with("rdl_") && key != ADMIN_KEY, "{said}");
    key
}
