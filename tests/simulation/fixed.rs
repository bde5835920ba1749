//! What every run of the tests checks: each scenario with seeds that never change, the seeds of `kept`, every planted defect,
//! and that a seed is a whole world: the same twice.

use crate::report::{Job, find, jobs, run_all};
use crate::scenarios::by_name;
use crate::{kept, plants, scenarios, world};

/// Fixed seeds of each scenario.
const SEEDS: u64 = 1;

fn survives(jobs: &[Job]) {
    for done in run_all(jobs, 1, |_| true) {
        let ended = done.ended.unwrap_or_else(|error| panic!("{error}"));
        if let Some(finding) = ended.finding {
            panic!(
                "{} broken at {}: {}\n{}\nmake sim SEED={} SCENARIO={}",
                finding.invariant, finding.at, finding.what, ended.timeline, done.job.seed, done.job.scenario.name
            );
        }
        assert!(ended.calls > 10, "a world with {} calls proves nothing", ended.calls);
    }
}

fn scenario(name: &str) {
    let scenario = by_name(name).unwrap();
    survives(&jobs(&[scenario], 1, SEEDS));
}

macro_rules! scenarios {
    ($($test:ident = $name:literal),* $(,)?) => {
        $(#[test] fn $test() { scenario($name); })*
        #[test]
        fn every_scenario_is_tested() {
            let tested = [$($name),*];
            for scenario in &scenarios::ALL {
                assert!(tested.contains(&scenario.name), "{} has no test", scenario.name);
            }
        }
    };
}

scenarios! {
    bad_day = "bad-day",
    opening = "opening",
    ambiguous = "ambiguous",
    outage = "outage",
    silence = "silence",
    dead_letters = "dead-letters",
    pause = "pause",
    deploy = "deploy",
    one_phone = "one-phone",
    duplicates = "duplicates",
    wrong_clocks = "wrong-clocks",
    spring_forward = "spring-forward",
    fall_back = "fall-back",
    talks = "talks",
    caps = "caps",
    state_caps = "state-caps",
    one_account = "one-account",
    scheduled = "scheduled",
    calls_of_others = "calls-of-others",
}

#[test]
fn seeds_that_failed_once_stand() {
    let fixed = |(_, seed, _): &&(&str, u64, &str)| *seed > SEEDS;
    for (name, seed, found) in kept::ALL.iter().filter(fixed) {
        println!("{name} {seed}: {found}");
        survives(&jobs(&[by_name(name).unwrap()], *seed, 1));
    }
}

#[test]
fn the_same_seed_is_the_same_world() {
    let scenario = by_name("opening").unwrap();
    let [once, again] = [(); 2].map(|()| world::run(scenario, 7, None).unwrap());
    let differs = once.all_lines.iter().zip(&again.all_lines).find(|(a, b)| a != b);
    assert_eq!(differs, None);
    assert_eq!((once.hash, once.lines), (again.hash, again.lines));
}

fn is_found(name: &str) {
    let plant = plants::by_name(name).unwrap();
    let found = find(plant, 1, plants::SEEDS_MAX, 1);
    assert!(
        found.is_some(),
        "not found in {} seeds of {}",
        plants::SEEDS_MAX,
        plant.scenario
    );
}

macro_rules! planted {
    ($($test:ident = $name:literal),* $(,)?) => {
        $(#[test] fn $test() { is_found($name); })*
        #[test]
        fn every_planted_defect_is_looked_for() {
            let tested = [$($name),*];
            for plant in &plants::ALL {
                assert!(tested.contains(&plant.name), "{} has no test", plant.name);
            }
        }
    };
}

planted! {
    finds_no_seq_check = "no-seq-check",
    finds_lost_at_one_look = "lost-at-one-look",
    finds_hours_ignored = "hours-ignored",
    finds_starts_not_counted = "starts-not-counted",
    finds_stop_not_written = "stop-not-written",
    finds_switches_cached = "switches-cached",
    finds_ladder_not_read = "ladder-not-read",
    finds_counted_twice = "counted-twice",
    finds_enrichment_dropped = "enrichment-dropped",
    finds_answered_before_stored = "answered-before-stored",
    finds_claim_unbounded = "claim-unbounded",
    finds_lease_freed_unasked = "lease-freed-unasked",
    finds_activity_dropped = "activity-dropped",
    finds_one_hot_item = "one-hot-item",
    finds_slot_leaks = "slot-leaks",
    finds_line_leaks = "line-leaks",
    finds_clock_trusted = "clock-trusted",
    finds_sale_not_heard = "sale-not-heard",
    finds_bad_number_not_heard = "bad-number-not-heard",
    finds_callback_forgotten = "callback-forgotten",
    finds_hold_not_written = "hold-not-written",
    finds_ladder_ignored = "ladder-ignored",
    finds_day_lost = "day-lost",
    finds_refused_counted = "refused-counted",
    finds_cap_per_subject = "cap-per-subject",
    finds_day_cap_ignored = "day-cap-ignored",
    finds_total_cap_ignored = "total-cap-ignored",
    finds_board_not_moved = "board-not-moved",
    finds_law_ignored = "law-ignored",
    finds_law_by_the_campaigns_clock = "law-by-the-campaigns-clock",
    finds_law_caps_missing = "law-caps-missing",
    finds_told_not_read = "told-not-read",
    finds_subject_not_noted = "subject-not-noted",
    finds_forgotten_at_midnight = "forgotten-at-midnight",
    finds_account_unlimited = "account-unlimited",
    finds_rate_ignored = "rate-ignored",
    finds_report_not_counted = "report-not-counted",
    finds_hang_up_forgotten = "hang-up-forgotten",
    finds_end_time_not_read = "end-time-not-read",
}
