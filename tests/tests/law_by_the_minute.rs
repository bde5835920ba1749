//! The calling hours against the law book applied a second time (`second_law`): on every minute of two years for a phone
//! of every state, every split state and every prefix that says nothing; and at random instants of ten years for whoever
//! told whatever of where they are.

#![allow(clippy::unwrap_used, reason = "a file that cannot be read has failed the test")]

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicUsize, Ordering};

use chrono::{DateTime, TimeDelta, Utc, Weekday};
use chrono_tz::Tz;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use redial_domain::law::{CallingHours, Law, Places, SpokenBy, Told};
use redial_domain::{LocalTime, Phone, Region, Start, Subject, Window};
use redial_tests::second_law::{self, Allowed, Known, STEP_MIN};

/// Between closings and openings the calling hours are asked at so many minutes: at every one where the build is
/// optimised (`make law`); else at a prime number of them, and so at each minute of an hour and of a day in turn. Within
/// [`NEAR`] minutes of a change they are asked at every one.
const EVERY: i64 = if cfg!(debug_assertions) { 11 } else { 1 };
const NEAR: i64 = 2;

/// Split states and other prefixes that are wrong most easily, beside one of each state.
const MORE: [&str; 22] = [
    "1850", "1928", "1915", "1432", "1906", "1208", "1308", "1605", "1701", "1541", "1775", "1270", "1812", "1219",
    "1574", "1620", "1423", "1907", "1800", "1999", "91", "972",
];

fn prefixes() -> Vec<String> {
    let mut first: BTreeMap<&str, &str> = BTreeMap::new();
    for (prefix, law) in second_law::prefixes().filter(|(_, law)| law.starts_with("US-")) {
        first.entry(law).or_insert(prefix);
    }
    first
        .values()
        .map(ToString::to_string)
        .chain(MORE.map(str::to_owned))
        .collect()
}

/// A number with this prefix.
fn number(prefix: &str) -> String {
    match prefix {
        "91" => "+919876543210".to_owned(),
        "972" => "+972501234567".to_owned(),
        area => format!("+{area}5550142"),
    }
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

fn asked<'a>(known: &Known<'_>, window: &'a Window) -> Option<CallingHours<'a>> {
    let phone = Phone::parse(known.phone, Region::US).unwrap();
    let told = Told {
        zone: known.zone,
        state: known.state,
        postal_code: known.zip,
    };
    CallingHours::new(Law::built_in(), window, &Places::of(&phone, told), SpokenBy::Automated).ok()
}

/// Runs over all at once on every core.
fn each<T: Sync>(all: &[T], judge: impl Fn(&T) + Sync) {
    let next = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, std::num::NonZero::get) {
            scope.spawn(|| {
                while let Some(one) = all.get(next.fetch_add(1, Ordering::Relaxed)) {
                    judge(one);
                }
            });
        }
    });
}

#[test]
fn calling_hours_are_those_of_the_book_on_every_minute_of_two_years() {
    let (prefixes, window) = (prefixes(), always());
    assert!(prefixes.len() >= 60, "{}", prefixes.len());
    each(&prefixes, |prefix| {
        let number = number(prefix);
        let known = Known {
            phone: &number,
            ..Known::default()
        };
        let (allowed, hours) = (Allowed::with(&known).unwrap(), asked(&known, &window).unwrap());
        let begin: DateTime<Utc> = "2026-01-01T00:00:00Z".parse().unwrap();
        let at = |minute: i64| begin + TimeDelta::minutes(minute);
        let agree = |minute: i64, open: bool| {
            let asked = hours.is_open(at(minute), TimeDelta::zero());
            let zones = allowed.zones();
            assert_eq!(
                asked,
                open,
                "{prefix} at {} in {zones:?}: the book says {open}",
                at(minute)
            );
        };
        let (mut was, mut open, mut changed, mut opened) = (allowed.may_ring(at(0)), false, 0, 0);
        for minute in 0..2 * 365 * 24 * 60 {
            if minute % STEP_MIN == 0 {
                open = allowed.may_ring(at(minute));
            }
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
    });
}

/// How many people are asked about.
const RANDOM: u64 = 4_000;
/// What opens later than this is not looked for: nothing does but what never opens.
const LOOKED_FOR_DAYS: i64 = 16;
/// A closing margin of the product's order.
const MARGIN_MIN: i64 = 7;

/// Somebody, with what was told of where they are.
#[derive(Debug)]
struct Somebody {
    phone: String,
    state: Option<String>,
    zip: Option<String>,
    zone: Option<Tz>,
}

fn one<'a, T>(rng: &mut StdRng, of: &'a [T]) -> &'a T {
    &of[rng.random_range(0..of.len())]
}

const STATES: [&str; 23] = [
    "N.Y.",
    "new  york",
    "Washington, DC",
    "D. C.",
    "Ontario, CA",
    "Florida",
    " new york ",
    "RHODE ISLAND",
    "Mississippi",
    "Georgia",
    "Ontario",
    "ON",
    "ca-qc",
    "Israel",
    "india",
    "ZZ",
    "USA",
    "AE",
    "us-on",
    "",
    " n/a",
    "Unknown",
    "-",
];
const POSTAL_CODES: [&str; 14] = [
    "00000",
    "3310",
    "601",
    "K1A 0B1",
    "k1a0b1",
    "33101-12",
    "33101 0142",
    "2138-0142",
    "90012x",
    "09012",
    "96940",
    "SW1A 1AA",
    "?",
    "none",
];
const ZONES: [&str; 14] = [
    "America/New_York",
    "America/Phoenix",
    "America/Shiprock",
    "Pacific/Honolulu",
    "America/Adak",
    "America/Indiana/Knox",
    "America/Puerto_Rico",
    "Asia/Kolkata",
    "Asia/Tel_Aviv",
    "America/Toronto",
    "US/Pacific",
    "UTC",
    "EST",
    "Etc/GMT+8",
];

/// One of these with a sign too few, too many, or another one.
fn mistyped(rng: &mut StdRng, of: &[&str]) -> String {
    let mut signs: Vec<char> = one(rng, of).chars().collect();
    let at = rng.random_range(0..=signs.len());
    let sign = *one(rng, &['a', '1', ' ', '-', 'é']);
    match rng.random_range(0..3) {
        0 if at < signs.len() => drop(signs.remove(at)),
        1 if at < signs.len() => signs[at] = sign,
        _ => signs.insert(at, sign),
    }
    signs.into_iter().collect()
}

fn somebody(rng: &mut StdRng) -> Somebody {
    let known: Vec<&str> = second_law::prefixes().map(|(prefix, _)| prefix).collect();
    let prefix = match rng.random_range(0..20) {
        0 => *one(rng, &["91", "972", "1416", "1999", "44"]),
        _ => one(rng, &known),
    };
    let phone = match prefix {
        "44" => "+442079460142".to_owned(),
        prefix => number(prefix),
    };
    let states: Vec<&str> = second_law::states().collect();
    let areas: Vec<&str> = second_law::zip_areas().collect();
    let names: Vec<&str> = second_law::country_names().collect();
    let zones: Vec<&str> = second_law::zones().collect();
    let state = *one(rng, &states);
    let state = match rng.random_range(0..14) {
        0 => Some(state.to_owned()),
        1 => Some(state[3..].to_owned()),
        2 => Some(state[3..].to_lowercase()),
        3 | 4 => Some((*one(rng, &STATES)).to_owned()),
        5 => Some(mistyped(rng, &STATES)),
        6 => Some((*one(rng, &names)).to_owned()),
        _ => None,
    };
    let area = *one(rng, &areas);
    let zip = match rng.random_range(0..14) {
        0 | 1 => Some(format!("{area}01")),
        2 => Some(format!(" {area}99-0142")),
        3 => Some(format!("{area}990142")),
        4 => Some(format!("{area}01").trim_start_matches('0').to_owned()),
        5 => Some((*one(rng, &POSTAL_CODES)).to_owned()),
        6 => Some(mistyped(rng, &POSTAL_CODES)),
        _ => None,
    };
    let zone = match rng.random_range(0..12) {
        0..3 => Some(*one(rng, &ZONES)),
        3 => Some(*one(rng, &zones)),
        _ => None,
    };
    let zone = zone.map(|zone| zone.parse().unwrap());
    Somebody {
        phone,
        state,
        zip,
        zone,
    }
}

/// Whether a call may begin; hours around the clock close at midnight and open again.
fn may_start(allowed: &Allowed, at: DateTime<Utc>) -> bool {
    let midnight_comes = (at + TimeDelta::minutes(MARGIN_MIN)).date_naive() != at.date_naive();
    !midnight_comes && allowed.may_start(at, MARGIN_MIN)
}

/// The first instant at which a call may begin, step by step.
fn looked_for(allowed: &Allowed, from: DateTime<Utc>) -> Option<DateTime<Utc>> {
    if may_start(allowed, from) {
        return Some(from);
    }
    let step = TimeDelta::minutes(STEP_MIN);
    let first = from.timestamp().div_euclid(step.num_seconds()) + 1;
    let steps = LOOKED_FOR_DAYS * 24 * 60 / STEP_MIN;
    (first..first + steps)
        .filter_map(|n| DateTime::from_timestamp(n * step.num_seconds(), 0))
        .find(|at| may_start(allowed, *at))
}

/// When a call about a subject may begin as far as caps are concerned: now, or when a start that counts is too old.
fn uncapped(allowed: &Allowed, starts: &[Start], subject: &Subject, now: DateTime<Utc>) -> DateTime<Utc> {
    let caps = allowed.caps(now);
    // A call may ring so much later than it was counted.
    let late = TimeDelta::minutes(MARGIN_MIN);
    let is_free = |at: DateTime<Utc>| {
        caps.iter().all(|cap| {
            let counts = |start: &&Start| {
                (!cap.of_subject || start.subject == *subject) && at - start.at < TimeDelta::hours(cap.hours) + late
            };
            starts.iter().filter(counts).count() < cap.calls
        })
    };
    let too_old = starts
        .iter()
        .flat_map(|start| caps.iter().map(|cap| start.at + TimeDelta::hours(cap.hours) + late));
    let mut candidates: Vec<DateTime<Utc>> = too_old.filter(|at| *at > now).collect();
    candidates.sort_unstable();
    [now].into_iter().chain(candidates).find(|at| is_free(*at)).unwrap()
}

#[test]
fn hours_and_caps_are_those_of_the_book_at_random_instants_for_whoever_told_whatever() {
    let (window, margin) = (always(), TimeDelta::minutes(MARGIN_MIN));
    let subjects = ["general", "roof"].map(|name| Subject::parse(name).unwrap());
    let (nowhere, capped, opened) = (AtomicUsize::new(0), AtomicUsize::new(0), AtomicUsize::new(0));
    let seeds: Vec<u64> = (0..RANDOM).collect();
    each(&seeds, |seed| {
        let mut rng = StdRng::seed_from_u64(*seed);
        let person = somebody(&mut rng);
        let known = Known {
            phone: &person.phone,
            state: person.state.as_deref(),
            zip: person.zip.as_deref(),
            zone: person.zone,
        };
        let (allowed, hours) = match (Allowed::with(&known), asked(&known, &window)) {
            (Some(allowed), Some(hours)) => (allowed, hours),
            (allowed, hours) => {
                assert_eq!(allowed.is_none(), hours.is_none(), "seed {seed}: {person:?}");
                nowhere.fetch_add(1, Ordering::Relaxed);
                return;
            }
        };
        // 2025 to 2035, to the second.
        let now = DateTime::from_timestamp(rng.random_range(1_735_689_600..2_082_758_400), 0).unwrap();
        let about = |what: &str| format!("seed {seed}, {what} at {now}: {person:?} in {:?}", allowed.zones());
        assert_eq!(
            hours.no_call_after_hang_up(now).is_some(),
            allowed.one_talk(now),
            "{}",
            about("a hang-up")
        );
        for consented in [false, true] {
            let records = hours.in_force(now).map(|legal| legal.record);
            let asks = records.filter(|record| !consented || record.scrub_unless.is_none());
            let days = asks.filter_map(|record| record.scrub_days).min().map(i64::from);
            assert_eq!(days, allowed.registry_days(now, consented), "{}", about("the registry"));
        }
        assert_eq!(
            hours.is_open(now, TimeDelta::zero()),
            allowed.may_ring(now),
            "{}",
            about("ringing")
        );
        assert_eq!(
            hours.is_open(now, margin),
            may_start(&allowed, now),
            "{}",
            about("starting")
        );
        let found = hours.next_open(now, margin);
        let horizon = now + TimeDelta::days(LOOKED_FOR_DAYS);
        assert_eq!(
            found.filter(|at| *at < horizon),
            looked_for(&allowed, now).filter(|at| *at < horizon),
            "{}",
            about("opening")
        );
        opened.fetch_add(usize::from(found.is_some()), Ordering::Relaxed);
        let starts: Vec<Start> = (0..rng.random_range(0..7))
            .map(|_| Start {
                at: now - TimeDelta::minutes(rng.random_range(0..48 * 60)),
                subject: one(&mut rng, &subjects).clone(),
            })
            .collect();
        let subject = one(&mut rng, &subjects);
        let until = hours.capped_by(&starts, subject, now).map(|(.., until)| until);
        let free = uncapped(&allowed, &starts, subject, now);
        assert_eq!(until.unwrap_or(now), free, "{}: {starts:?}", about("cap"));
        capped.fetch_add(usize::from(until.is_some()), Ordering::Relaxed);
    });
    let counts = [nowhere, capped, opened].map(AtomicUsize::into_inner);
    assert!(counts.iter().all(|n| *n > 20), "{counts:?}");
}
