//! The law book as it is shipped, and the search over a small one.

use std::collections::BTreeSet;

use chrono::{DateTime, Datelike, NaiveDate, TimeDelta, Timelike, Utc, Weekday};

use super::*;
use crate::gate::tests::{at, campaign};
use crate::{Ledger, Phone, Region, Start, Subject, Window};

const MARGIN: TimeDelta = TimeDelta::minutes(5);

fn phone(digits: &str) -> Phone {
    Phone::parse(digits, Region::US).unwrap()
}

#[test]
fn every_record_has_a_source_and_a_date() {
    let law = Law::built_in();
    for record in law.records() {
        let of = &record.jurisdiction;
        assert!(
            record.sources.iter().all(|source| !source.trim().is_empty()) && !record.sources.is_empty(),
            "{of}"
        );
        assert!(record.verified_on.is_some(), "{of}");
        if record.confidence == Confidence::Low {
            assert!(record.note.is_some(), "{of}: what is doubtful is said");
        }
        if of.country() != Jurisdiction::US {
            assert_eq!(record.kind, RecordKind::Policy, "{of}");
        }
    }
}

/// In years whose holidays are not written down every day counts as one, so that must never open what is closed.
#[test]
fn hours_of_a_holiday_are_within_those_of_every_weekday() {
    let law = Law::built_in();
    let (zone, holiday) = (chrono_tz::America::New_York, "2031-01-06".parse::<NaiveDate>().unwrap());
    let mut seen = 0;
    for record in law.records() {
        let Some(set) = record.holidays.as_deref().and_then(|name| law.holidays(name)) else {
            continue;
        };
        if set.known_to().is_none() {
            continue;
        }
        seen += 1;
        for date in holiday.iter_days().take(7) {
            let (rests, works) = (record.span(Some(set), zone, date), record.span(None, zone, date));
            let within = |(from, to): (DateTime<Utc>, DateTime<Utc>)| {
                works.is_some_and(|works| works.0 <= from && to <= works.1)
            };
            assert!(
                rests.is_none_or(within),
                "{} on {date}: {rests:?}, {works:?}",
                record.jurisdiction
            );
        }
    }
    assert!(seen > 3, "{seen} records have such holidays");
}

/// What nobody looked up is open from 9 to 20, but on Sundays and federal holidays; where sources dispute, the stricter of
/// them is at least within 8 to 20.
#[test]
fn a_record_of_low_confidence_takes_the_stricter_value() {
    let law = Law::built_in();
    let zone = chrono_tz::America::New_York;
    let federal = law.holidays("us-federal").unwrap();
    let (mut disputed, mut defaults) = (0, 0);
    for record in law.records().filter(|record| record.confidence == Confidence::Low) {
        let is_default = record
            .note
            .as_ref()
            .is_some_and(|note| note.starts_with("Safe default"));
        *if is_default { &mut defaults } else { &mut disputed } += 1;
        let holidays = record.holidays.as_deref().and_then(|name| law.holidays(name));
        for date in NaiveDate::from_ymd_opt(2026, 1, 1).unwrap().iter_days().take(730) {
            let hour = |at: DateTime<Utc>| at.with_timezone(&zone).time().hour();
            let hours = record
                .span(holidays, zone, date)
                .map(|(opens, closes)| (hour(opens), hour(closes)));
            let is_right = if is_default {
                let is_free = date.weekday() == Weekday::Sun || federal.has(date);
                hours == (!is_free).then_some((9, 20))
            } else {
                hours.is_none_or(|(opens, closes)| 8 <= opens && closes <= 20)
            };
            assert!(is_right, "{} on {date}: {hours:?}", record.jurisdiction);
        }
    }
    assert!(
        disputed > 0 && defaults > 20,
        "{disputed} and {defaults} records are doubtful"
    );
}

#[test]
fn every_place_that_a_table_names_has_a_law() {
    let law = Law::built_in();
    let mut without = BTreeSet::new();
    for area in 200..1_000 {
        let places = Places::of(&phone(&format!("+1{area}5550142")), Told::default());
        for jurisdiction in &places.jurisdictions {
            assert!(!places.zones.is_empty(), "{area}");
            for voice in [SpokenBy::Live, SpokenBy::Automated] {
                if jurisdiction.country() == Jurisdiction::US
                    && !law.records_of(jurisdiction).any(|record| record.voice.covers(voice))
                {
                    without.insert(jurisdiction.to_string());
                }
            }
        }
    }
    assert_eq!(without, BTreeSet::new());
}

const SMALL: &str = r#"
[[record]]
jurisdiction = "US"
name = "United States"
voice = "any"
hours = { mon = "08:00-21:00", tue = "08:00-21:00", wed = "08:00-21:00", thu = "08:00-21:00", fri = "08:00-21:00", sat = "08:00-21:00", sun = "08:00-21:00" }
kind = "law"
confidence = "high"
sources = ["a test"]
verified_on = 2026-11-20

[[record]]
jurisdiction = "US-FL"
name = "Florida"
voice = "any"
hours = { mon = "08:00-20:00", tue = "08:00-20:00", wed = "08:00-20:00", thu = "08:00-20:00", fri = "08:00-20:00", sat = "08:00-20:00", sun = "closed" }
holidays = "two"
holiday_hours = "12:00-13:00"
cap = { calls = 3, hours = 24, of = "subject" }
kind = "law"
confidence = "high"
sources = ["a test"]
verified_on = 2026-11-20

[[record]]
jurisdiction = "US-FL"
name = "Florida"
voice = "live"
from = 2027-01-01
hours = { mon = "closed", tue = "closed", wed = "closed", thu = "closed", fri = "closed", sat = "closed", sun = "closed" }
kind = "law"
confidence = "high"
sources = ["a test"]
verified_on = 2026-11-20

[[holidays]]
name = "two"
days = ["4th thu nov", "jan 1"]
sources = ["a test"]
"#;

fn at_florida(digits: &str) -> Places {
    Places::of(
        &phone(digits),
        Told {
            state: Some("FL"),
            ..Told::default()
        },
    )
}

/// Around the clock, every day: what is left is the law's.
fn always() -> Window {
    let mut window = campaign().window;
    window.days = (0..7).map(|n| chrono::Weekday::try_from(n).unwrap()).collect();
    (window.start, window.end) = (
        crate::LocalTime::parse("00:00").unwrap(),
        crate::LocalTime::parse("24:00").unwrap(),
    );
    window
}

#[test]
fn all_zones_and_all_laws_have_to_be_open_at_once() {
    let law = Law::read(SMALL).unwrap();
    let (window, places) = (always(), at_florida("+13055550142"));
    // 305 is on Eastern time, and Florida is on Central time too.
    assert_eq!(places.zones.len(), 2);
    let hours = CallingHours::new(&law, &window, &places, SpokenBy::Automated).unwrap();
    for (from, opens) in [
        ("2026-11-20T13:30:00Z", "2026-11-20T14:00:00Z"), // 08:30 in Miami is 07:30 in Pensacola
        ("2026-11-21T00:54:59Z", "2026-11-21T00:54:59Z"), // five minutes before 20:00 in Miami
        ("2026-11-21T00:55:00Z", "2026-11-21T14:00:00Z"),
        ("2026-11-22T02:00:00Z", "2026-11-23T14:00:00Z"), // over Sunday
        ("2026-11-26T05:00:00Z", "2026-11-27T14:00:00Z"), // Thanksgiving: 12 to 13 in both is never
        ("2026-12-31T23:00:00Z", "2026-12-31T23:00:00Z"),
    ] {
        assert_eq!(hours.next_open(at(from), MARGIN), Some(at(opens)), "{from}");
        assert_eq!(hours.is_open(at(from), MARGIN), from == opens, "{from}");
    }
    assert_eq!(
        hours.law_closes_at(at("2026-11-20T20:00:00Z")),
        Some(at("2026-11-21T01:00:00Z"))
    );
    let closed = hours.closed_by(at("2026-11-20T13:30:00Z"), MARGIN).unwrap();
    assert_eq!(
        (closed.record.jurisdiction.as_str(), closed.zone.name()),
        ("US", "America/Chicago")
    );

    let live = CallingHours::new(&law, &window, &places, SpokenBy::Live).unwrap();
    assert_eq!(
        live.next_open(at("2026-12-31T18:00:00Z"), MARGIN),
        Some(at("2026-12-31T18:00:00Z"))
    );
    assert_eq!(
        live.next_open(at("2027-01-01T18:00:00Z"), MARGIN),
        None,
        "a ban without an end has no opening"
    );
}

#[test]
fn a_country_or_state_without_a_record_is_not_called() {
    let law = Law::read(SMALL).unwrap();
    let window = always();
    for digits in ["+442079460000", "+12125550142", "+18005550142"] {
        let places = Places::of(&phone(digits), Told::default());
        assert!(
            CallingHours::new(&law, &window, &places, SpokenBy::Live).is_err(),
            "{digits}"
        );
    }
}

#[test]
fn a_rolling_cap_counts_the_subject_s_calls_and_ends_with_the_oldest() {
    let law = Law::read(SMALL).unwrap();
    let window = always();
    let hours = CallingHours::new(&law, &window, &at_florida("+13055550142"), SpokenBy::Automated).unwrap();
    let (solar, roof) = (Subject::parse("solar").unwrap(), Subject::parse("roof").unwrap());
    let mut ledger = Ledger::default();
    let start = |time: &str, subject: &Subject| Start {
        at: at(time),
        subject: subject.clone(),
    };
    ledger.starts = vec![
        start("2026-11-19T15:00:00Z", &solar),
        start("2026-11-19T19:00:00Z", &solar),
        start("2026-11-20T00:00:00Z", &roof),
        start("2026-11-20T15:00:00Z", &solar),
    ];
    let until = |ledger: &Ledger, now: &str| {
        hours
            .capped_by(&ledger.starts, &solar, at(now))
            .map(|(.., until)| until)
    };
    assert_eq!(until(&ledger, "2026-11-20T15:06:59Z"), Some(at("2026-11-20T15:07:00Z")));
    assert_eq!(
        until(&ledger, "2026-11-20T15:07:00Z"),
        None,
        "the fourth when the first has rung 24 hours ago at the latest"
    );
    assert_eq!(hours.capped_by(&ledger.starts, &roof, at("2026-11-20T14:00:00Z")), None);
    ledger.starts.push(start("2026-11-20T15:30:00Z", &solar));
    assert_eq!(until(&ledger, "2026-11-20T16:00:00Z"), Some(at("2026-11-20T19:07:00Z")));
    // More than are allowed, by another system: until enough of them are old.
    ledger.starts.push(start("2026-11-20T15:40:00Z", &solar));
    assert_eq!(until(&ledger, "2026-11-20T16:00:00Z"), Some(at("2026-11-21T15:07:00Z")));
}

#[test]
fn a_book_that_names_what_is_not_there_is_refused() {
    for (change, to, says) in [
        (
            "holidays = \"two\"",
            "holidays = \"three\"",
            "there are no holidays `three`",
        ),
        ("holiday_hours = \"12:00-13:00\"\n", "", "stand together"),
        ("hours = 24,", "hours = 72,", "cannot be counted"),
        ("08:00-20:00", "20:00-08:00", "failed to read the hours"),
        (
            "jurisdiction = \"US-FL\"",
            "jurisdiction = \"Florida\"",
            "failed to read the jurisdiction",
        ),
        ("4th thu nov", "5th thu nov", "failed to read the holiday"),
        (
            "sources = [\"a test\"]\nverified_on = 2026-11-20\n\n[[record]]",
            "sources = []\nverified_on = 2026-11-20\n\n[[record]]",
            "no source",
        ),
    ] {
        assert!(SMALL.contains(change), "{change}");
        let refused = Law::read(&SMALL.replacen(change, to, 1))
            .map(|_| ())
            .unwrap_err()
            .to_string();
        assert!(refused.contains(says), "{refused}");
    }
}
