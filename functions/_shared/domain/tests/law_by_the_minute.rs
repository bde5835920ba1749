//! The law book applied a second time, by somebody who does not know how: minute by minute, with the files read as plain
//! text, holidays counted day by day, and no search. It has to agree with the calling hours on every minute of two
//! years, for a phone of every state, every split state and every prefix that says nothing.

#![allow(clippy::unwrap_used, reason = "a file that cannot be read has failed the test")]

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicUsize, Ordering};

use chrono::{DateTime, Datelike, NaiveDate, TimeDelta, Timelike, Utc, Weekday};
use chrono_tz::Tz;
use redial_domain::law::{CallingHours, Law, Places, SpokenBy, Told};
use redial_domain::{LocalTime, Phone, Region, Window};
use toml::{Table, Value};

const BOOK: &str = include_str!("../law/law.toml");
const PREFIXES: &str = include_str!("../law/prefixes.txt");

/// A prime number of minutes: between closings and openings the calling hours are asked at so many, and so at each minute
/// of an hour and of a day in turn. Within [`NEAR`] minutes of a change they are asked at every one.
const EVERY: i64 = 11;
const NEAR: i64 = 2;

/// Split states and other prefixes that are wrong most easily, beside one of each state.
const MORE: [&str; 22] = [
    "1850", "1928", "1915", "1432", "1906", "1208", "1308", "1605", "1701", "1541", "1775", "1270", "1812", "1219",
    "1574", "1620", "1423", "1907", "1800", "1999", "91", "972",
];

/// What a record says, in words of the file.
struct Rule {
    zone: Option<Tz>,
    from: Option<String>,
    until: Option<String>,
    /// From Monday on: minutes after midnight, from and to.
    week: Vec<Option<(u32, u32)>>,
    holidays: BTreeSet<NaiveDate>,
    on_holidays: Option<(u32, u32)>,
}

fn minutes(text: &str) -> u32 {
    let (hours, minutes) = text.split_once(':').unwrap();
    hours.parse::<u32>().unwrap() * 60 + minutes.parse::<u32>().unwrap()
}

fn hours(value: &Value) -> Option<(u32, u32)> {
    let (from, to) = value.as_str().unwrap().split_once('-')?;
    Some((minutes(from), minutes(to)))
}

/// Every date of three years on which a set rests, by counting.
fn holidays(set: &Table) -> BTreeSet<NaiveDate> {
    let days: Vec<NaiveDate> = NaiveDate::from_ymd_opt(2025, 12, 1)
        .unwrap()
        .iter_days()
        .take(30 * 31)
        .collect();
    let months = [
        "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec",
    ];
    let month_of = |date: &NaiveDate| months[date.month0() as usize];
    let name_of = |date: &NaiveDate| date.weekday().to_string().to_lowercase();
    // Easter Sundays as almanacs print them.
    let easters = ["2026-04-05", "2027-03-28", "2028-04-16"].map(|date| date.parse::<NaiveDate>().unwrap());
    let mut rests = BTreeSet::new();
    for rule in set["days"].as_array().unwrap() {
        let words: Vec<&str> = rule.as_str().unwrap().split(' ').collect();
        for date in &days {
            let is = match words[..] {
                ["good", "friday"] => easters.iter().any(|easter| *easter - TimeDelta::days(2) == *date),
                ["election", "day"] => {
                    month_of(date) == "nov" && name_of(date) == "tue" && (2..=8).contains(&date.day())
                }
                ["last", day, month] => {
                    month_of(date) == month && name_of(date) == day && month_of(&(*date + TimeDelta::days(7))) != month
                }
                [nth, day, month] => {
                    let week = (date.day() - 1) / 7 + 1;
                    month_of(date) == month && name_of(date) == day && nth.starts_with(&week.to_string())
                }
                [month, day] => month_of(date) == month && date.day().to_string() == day,
                [once] => date.to_string() == once,
                _ => panic!("{words:?}"),
            };
            if is {
                rests.insert(*date);
            }
        }
    }
    for date in rests.clone() {
        if date.weekday() == Weekday::Sat && set.contains_key("saturday_to") {
            rests.insert(date - TimeDelta::days(1));
        }
        if date.weekday() == Weekday::Sun && set.contains_key("sunday_to") {
            rests.insert(date + TimeDelta::days(1));
        }
    }
    rests
}

fn rules() -> BTreeMap<String, Vec<Rule>> {
    let book: Table = BOOK.parse().unwrap();
    let sets: BTreeMap<&str, BTreeSet<NaiveDate>> = book["holidays"]
        .as_array()
        .unwrap()
        .iter()
        .map(|set| (set["name"].as_str().unwrap(), holidays(set.as_table().unwrap())))
        .collect();
    let mut rules: BTreeMap<String, Vec<Rule>> = BTreeMap::new();
    for record in book["record"].as_array().unwrap() {
        if record["voice"].as_str() == Some("live") {
            continue;
        }
        let text = |name: &str| record.get(name).map(ToString::to_string);
        let week = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"].map(|day| hours(&record["hours"][day]));
        rules
            .entry(record["jurisdiction"].as_str().unwrap().to_owned())
            .or_default()
            .push(Rule {
                zone: record.get("zone").map(|zone| zone.as_str().unwrap().parse().unwrap()),
                from: text("from"),
                until: text("until"),
                week: week.to_vec(),
                holidays: record
                    .get("holidays")
                    .map(|name| sets[name.as_str().unwrap()].clone())
                    .unwrap_or_default(),
                on_holidays: record.get("holiday_hours").and_then(hours),
            });
    }
    rules
}

/// Whether a call may ring at this minute.
fn may_ring(rules: &[(&Rule, Tz)], at: DateTime<Utc>) -> bool {
    rules.iter().all(|(rule, zone)| {
        let there = at.with_timezone(zone);
        let date = there.date_naive();
        let written = date.to_string();
        if rule.from.as_ref().is_some_and(|from| written < *from)
            || rule.until.as_ref().is_some_and(|until| written >= *until)
        {
            return true;
        }
        let span = if rule.holidays.contains(&date) {
            rule.on_holidays
        } else {
            rule.week[date.weekday().num_days_from_monday() as usize]
        };
        let minute = there.hour() * 60 + there.minute();
        span.is_some_and(|(from, to)| (from..to).contains(&minute))
    })
}

/// The prefix's laws and zones, as the line of the table says.
fn looked_up(prefix: &str) -> (Vec<String>, Vec<Tz>) {
    let line = PREFIXES.lines().find(|line| line.starts_with(&format!("{prefix} ")));
    let columns: Vec<&str> = line.map(|line| line.split(' ').collect()).unwrap_or_default();
    let known = |at: usize| columns.get(at).copied().filter(|text| !["?", "-"].contains(text));
    let Some(laws) = known(1) else {
        let anywhere = [
            "America/New_York",
            "America/Chicago",
            "America/Denver",
            "America/Phoenix",
            "America/Los_Angeles",
            "America/Anchorage",
            "Pacific/Honolulu",
        ];
        return (
            vec!["US".into(), "US-?".into()],
            anywhere.map(|zone| zone.parse().unwrap()).to_vec(),
        );
    };
    let mut laws: Vec<String> = laws.split(',').map(str::to_owned).collect();
    if laws[0].starts_with("US-") {
        laws.push("US".to_owned());
    }
    (
        laws,
        known(2).unwrap().split(',').map(|zone| zone.parse().unwrap()).collect(),
    )
}

fn prefixes() -> Vec<String> {
    let mut first: BTreeMap<&str, &str> = BTreeMap::new();
    for line in PREFIXES.lines() {
        if let [prefix, law, _] = line.split(' ').collect::<Vec<_>>()[..]
            && law.starts_with("US-")
        {
            first.entry(law).or_insert(prefix);
        }
    }
    first
        .values()
        .map(ToString::to_string)
        .chain(MORE.map(str::to_owned))
        .collect()
}

/// Around the clock: what is left is the law's.
fn always() -> Window {
    Window {
        zone: Tz::UTC,
        days: (0..7).map(|n| Weekday::try_from(n).unwrap()).collect(),
        start: LocalTime::parse("00:00").unwrap(),
        end: LocalTime::parse("24:00").unwrap(),
        blackout_dates: BTreeSet::new(),
    }
}

#[test]
fn calling_hours_are_those_of_the_book_on_every_minute_of_two_years() {
    let (rules, prefixes, window) = (rules(), prefixes(), always());
    assert!(prefixes.len() >= 60, "{}", prefixes.len());
    let next = AtomicUsize::new(0);
    let judge = |prefix: &str| {
        let (laws, zones) = looked_up(prefix);
        let rules: Vec<(&Rule, Tz)> = laws
            .iter()
            .flat_map(|law| &rules[law])
            .flat_map(|rule| match rule.zone {
                Some(zone) => vec![(rule, zone)],
                None => zones.iter().map(|zone| (rule, *zone)).collect(),
            })
            .collect();
        let number = match prefix {
            "91" => "919876543210",
            "972" => "972501234567",
            area => &format!("{area}5550142"),
        };
        let phone = Phone::parse(&format!("+{number}"), Region::US).unwrap();
        let places = Places::of(&phone, Told::default());
        let hours = CallingHours::new(Law::built_in(), &window, &places, SpokenBy::Automated).unwrap();
        let begin: DateTime<Utc> = "2026-01-01T00:00:00Z".parse().unwrap();
        let at = |minute: i64| begin + TimeDelta::minutes(minute);
        let agree = |minute: i64, open: bool| {
            let asked = hours.is_open(at(minute), TimeDelta::zero());
            assert_eq!(
                asked,
                open,
                "{prefix} at {} in {zones:?}: the book says {open}",
                at(minute)
            );
        };
        let (mut was, mut changed, mut opened) = (may_ring(&rules, at(0)), 0, 0);
        for minute in 0..2 * 365 * 24 * 60 {
            let open = may_ring(&rules, at(minute));
            if open != was {
                (was, changed) = (open, minute);
                (1..=NEAR.min(minute)).for_each(|before| agree(minute - before, !open));
                if open {
                    // The search from the closing leaps to this very minute.
                    assert_eq!(
                        hours.next_open(at(minute - 1), TimeDelta::zero()),
                        Some(at(minute)),
                        "{prefix}"
                    );
                    opened += 1;
                }
            }
            if minute - changed <= NEAR || minute % EVERY == 0 {
                agree(minute, open);
            }
        }
        assert!(opened > 400, "{prefix} opened {opened} times");
    };
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, std::num::NonZero::get) {
            scope.spawn(|| {
                while let Some(prefix) = prefixes.get(next.fetch_add(1, Ordering::Relaxed)) {
                    judge(prefix);
                }
            });
        }
    });
}
