//! At which time the local machine starts, and whether its clock flows or is driven.
//!
//! Pure: the system's time is an argument.

use chrono::{DateTime, Datelike, TimeDelta, Utc, Weekday};
use redial_domain::law::{CallingHours, Law, Places, SpokenBy, Told};
use redial_domain::{Campaign, Phone, Region, Window};

use crate::clock_file::SavedClock;

/// The demo begins this long before an opening, so that people see it wait, and then go.
pub const BEFORE_OPENING: TimeDelta = TimeDelta::minutes(5);

/// What is asked for.
#[derive(Debug, Clone, Copy)]
pub struct Wanted {
    /// A given time.
    pub now: Option<DateTime<Utc>>,
    /// The demo runs.
    pub demo: bool,
    /// The demo was added in an earlier run.
    pub demo_added: bool,
}

/// When it starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StartTime {
    /// The first time on the clock.
    pub at: DateTime<Utc>,
    /// The given time was earlier than what the data hold, and was not used.
    pub given_is_past: bool,
    /// The clock goes with the system's, at its distance, over restarts.
    pub keeps_distance: bool,
}

/// The time to start at. Never earlier than what was saved.
pub fn start_time(wanted: Wanted, saved: Option<SavedClock>, window: &Window, system_now: DateTime<Utc>) -> StartTime {
    let saved_now = saved.map(|saved| saved.now);
    let keeps_distance = wanted.now.is_none() && !wanted.demo;
    let desired = match (wanted.now, saved_now) {
        (Some(now), _) => now,
        (None, Some(saved)) if wanted.demo && wanted.demo_added => saved,
        (None, saved) if wanted.demo => before_monday(window, saved.unwrap_or(system_now)),
        (None, _) => {
            let ahead_ms = saved.and_then(|saved| saved.ahead_ms).unwrap_or(0);
            system_now + TimeDelta::milliseconds(ahead_ms)
        }
    };
    StartTime {
        at: saved_now.map_or(desired, |saved| saved.max(desired)),
        given_is_past: wanted.now.is_some_and(|now| saved_now.is_some_and(|saved| saved > now)),
        keeps_distance,
    }
}

/// Openings that are looked at for a Monday: two Mondays in a row are never both holidays.
const OPENINGS_MAX: usize = 14;

/// Five minutes before the opening of the next Monday on which New York may be called; of the next opening at all when
/// Mondays are closed.
fn before_monday(window: &Window, after: DateTime<Utc>) -> DateTime<Utc> {
    let new_york = Phone::parse("+12125550142", Region::US).map(|phone| Places::of(&phone, Told::default()));
    let hours = new_york
        .ok()
        .and_then(|places| CallingHours::new(Law::built_in(), window, &places, SpokenBy::Automated).ok());
    let opening_after = |after| {
        let legal = hours
            .as_ref()
            .and_then(|hours| hours.next_day_open(after, Campaign::CLOSING_MARGIN));
        legal.or_else(|| window.next_day_open(after, Campaign::CLOSING_MARGIN))
    };
    let mut next = opening_after(after);
    let first = next;
    for _ in 0..OPENINGS_MAX {
        match next {
            Some(open) if open.with_timezone(&window.zone).weekday() == Weekday::Mon => return open - BEFORE_OPENING,
            Some(open) => next = opening_after(open),
            None => break,
        }
    }
    first.map_or(after, |open| open - BEFORE_OPENING)
}

#[cfg(test)]
mod tests {
    use redial_domain::LocalTime;

    use super::*;

    fn at(text: &str) -> DateTime<Utc> {
        DateTime::parse_from_rfc3339(text).unwrap().to_utc()
    }

    fn window() -> Window {
        Window {
            zone: chrono_tz::America::New_York,
            days: vec![Weekday::Mon, Weekday::Tue, Weekday::Wed, Weekday::Thu, Weekday::Fri],
            start: LocalTime::parse("11:00").unwrap(),
            end: LocalTime::parse("20:00").unwrap(),
            blackout_dates: std::collections::BTreeSet::new(),
        }
    }

    const DEMO: Wanted = Wanted {
        now: None,
        demo: true,
        demo_added: false,
    };
    const PLAIN: Wanted = Wanted { demo: false, ..DEMO };

    fn saved(now: &str, ahead_ms: Option<i64>) -> Option<SavedClock> {
        Some(SavedClock { now: at(now), ahead_ms })
    }

    fn start(wanted: Wanted, saved: Option<SavedClock>, system_now: &str) -> DateTime<Utc> {
        start_time(wanted, saved, &window(), at(system_now)).at
    }

    #[test]
    fn a_new_demo_starts_on_the_next_monday_at_five_to_eleven() {
        let monday = at("2026-11-23T15:55:00Z");
        for now in ["2026-11-16T12:00:00Z", "2026-11-20T20:00:00Z", "2026-11-22T23:00:00Z"] {
            assert_eq!(start(DEMO, None, now), monday, "{now}");
        }
        assert_eq!(
            start(DEMO, None, "2026-09-03T12:00:00Z"),
            at("2026-09-14T14:55:00Z"),
            "the Monday between is Labor Day"
        );
        let in_summer = at("2026-06-15T14:55:00Z");
        assert_eq!(start(DEMO, None, "2026-06-10T00:00:00Z"), in_summer);
    }

    #[test]
    fn a_demo_goes_on_where_it_stood_and_never_before_it() {
        let added = Wanted {
            demo_added: true,
            ..DEMO
        };
        let kept = saved("2027-01-05T17:00:00Z", None);
        assert_eq!(start(added, kept, "2026-11-20T00:00:00Z"), at("2027-01-05T17:00:00Z"));
        // Data of another kind of run: the demo begins behind them.
        assert_eq!(start(DEMO, kept, "2026-11-20T00:00:00Z"), at("2027-01-11T15:55:00Z"));
    }

    #[test]
    fn a_given_time_holds_unless_the_data_are_later() {
        let given = Wanted {
            now: Some(at("2026-11-20T17:00:00Z")),
            ..PLAIN
        };
        assert_eq!(start(given, None, "2026-01-01T00:00:00Z"), at("2026-11-20T17:00:00Z"));
        let later = start_time(
            given,
            saved("2026-11-20T18:00:00Z", None),
            &window(),
            at("2026-01-01T00:00:00Z"),
        );
        assert_eq!((later.at, later.given_is_past), (at("2026-11-20T18:00:00Z"), true));
    }

    #[test]
    fn without_demo_or_given_time_the_system_clock_holds_with_its_distance() {
        let now = "2026-11-20T00:00:00Z";
        assert_eq!(start(PLAIN, None, now), at(now));
        let hour = saved("2026-11-19T12:00:00Z", Some(3_600_000));
        assert_eq!(start(PLAIN, hour, now), at("2026-11-20T01:00:00Z"));
        let after_a_demo = saved("2026-11-24T00:00:00Z", None);
        assert_eq!(start(PLAIN, after_a_demo, now), at("2026-11-24T00:00:00Z"));
    }
}
