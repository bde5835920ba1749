//! What holds for every rule set that ships, and what the requirements say about each.

#![allow(clippy::unwrap_used, reason = "a test helper that fails is a failed test")]

mod common;

use std::collections::BTreeMap;
use std::sync::Arc;

use common::Call;
use redial_domain::{Outcome, RuleSetName, StopScope};
use redial_rules::{CASES_FILE, RuleSet, Script};

type Files = BTreeMap<String, String>;

fn shipped() -> impl Iterator<Item = (RuleSetName, Files)> {
    RuleSet::built_in_names().map(|name| {
        let name = RuleSetName::parse(name).unwrap();
        let files = RuleSet::built_in_files(&name).unwrap();
        let owned = files.iter().map(|(file, text)| ((*file).into(), (*text).into()));
        (name, owned.collect())
    })
}

fn set(name: &str) -> Arc<RuleSet> {
    RuleSet::built_in(&RuleSetName::parse(name).unwrap()).unwrap()
}

/// The script without the branch that begins on this line, if one does.
fn without_branch(text: &str, line: usize) -> Option<String> {
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    if lines[line].starts_with("else if ") {
        lines.remove(line);
    } else if lines[line].starts_with("if ") {
        lines.remove(line);
        lines[line] = lines[line].strip_prefix("else ")?.to_owned();
    } else {
        return None;
    }
    Some(lines.join("\n"))
}

#[test]
fn every_branch_of_a_script_is_held_by_a_case() {
    let mut loose = Vec::new();
    for (name, files) in shipped() {
        for script in Script::ALL {
            let text = &files[script.file()];
            for line in 0..text.lines().count() {
                let Some(without) = without_branch(text, line) else {
                    continue;
                };
                let mut files = files.clone();
                files.insert(script.file().to_owned(), without);
                // A set that is refused without the branch needs it, too.
                let Ok(set) = RuleSet::from_files(&name, 1, &files) else {
                    continue;
                };
                let run = set.run_cases(&files[CASES_FILE]).unwrap();
                if run.failures.is_empty() {
                    loose.push(format!("{name} {script}:{}", line + 1));
                }
            }
        }
    }
    assert_eq!(loose, Vec::<String>::new(), "no case fails without these");
}

#[test]
fn every_status_and_every_case_says_why() {
    for (name, files) in shipped() {
        let cases = &files[CASES_FILE];
        for status in &set(name.as_str()).spec().statuses {
            let expected = format!(",{} then ", status.name);
            assert!(cases.contains(&expected), "{name}: no case expects `{}`", status.name);
        }
        for row in cases.lines().filter(|row| row.contains(" then ")) {
            let because = row.trim_end_matches('"').rsplit(',').next().unwrap();
            assert!(!because.trim().is_empty(), "{name}: no because: {row}");
        }
    }
}

#[test]
fn a_word_that_nobody_knows_stops_nothing_in_any_set() {
    for (name, _) in shipped() {
        for outcome in Outcome::ALL {
            let answer = Call::word(outcome, "SALES_TRANSFER_CALLBACK_NOT_IN_ANY_LIST")
                .decide(&set(name.as_str()))
                .unwrap();
            assert!(answer.unknown_word.is_some());
            assert_eq!(answer.stop, None, "{name}: {outcome:?}");
        }
    }
}

#[test]
fn a_do_not_call_stops_the_phone_in_every_set_from_every_status() {
    for (name, _) in shipped() {
        let set = set(name.as_str());
        for status in &set.spec().statuses {
            let name: &'static str = Box::leak(status.name.to_string().into_boxed_str());
            let mut call = Call::word(Outcome::Answered, "DNC");
            call.status = name;
            let answer = call.decide(&set).unwrap();
            // A board without such a column shows it as a no.
            let shown = set.spec().status("dnc").map_or("not_relevant", |_| "dnc");
            if name != "won" {
                assert_eq!(answer.status.as_str(), shown);
            }
            assert_eq!(answer.stop.unwrap().scope, StopScope::Phone);
        }
    }
}

/// Name; calls in all, a day, at once; the ladder; zone, opening and closing.
type Offers = (&'static str, Option<u32>, u32, u32, &'static [u32], &'static str);

#[test]
fn each_set_offers_what_its_requirement_says() {
    let offers: [Offers; 3] = [
        (
            "stop-on-transfer",
            Some(4),
            4,
            5,
            &[0, 30],
            "America/New_York 11:00-20:00",
        ),
        ("recycling", Some(5), 3, 5, &[0, 240], "America/New_York 11:00-20:00"),
        ("property-india", Some(3), 3, 5, &[0, 1440], "Asia/Kolkata 10:00-19:00"),
    ];
    for (name, total, per_day, at_once, ladder, window) in offers {
        let set = set(name);
        let spec = set.spec();
        let is = &spec.defaults;
        assert_eq!(
            (
                is.attempts_total_max,
                is.attempts_per_day_max,
                is.max_concurrent_calls,
                &spec.intervals_min[..]
            ),
            (total, per_day, at_once, ladder),
            "{name}"
        );
        assert_eq!(
            format!("{} {}-{}", is.window.zone, is.window.start, is.window.end),
            window
        );
    }
}

#[test]
fn recycling_has_the_twelve_statuses_of_its_requirement() {
    let set = set("recycling");
    let mut names: Vec<&str> = set.spec().statuses.iter().map(|status| status.name.as_str()).collect();
    names.sort_unstable();
    let mut twelve = [
        "new",
        "contacted",
        "callback",
        "sale",
        "no_answer",
        "busy",
        "failed",
        "dropped",
        "congestion",
        "not_interested",
        "dnc",
        "invalid",
    ];
    twelve.sort_unstable();
    assert_eq!(names, twelve);
}
