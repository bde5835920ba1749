//! When a campaign may call: weekdays and hours in one zone, less its blackout dates.
//!
//! Every date and weekday is that of the zone. An opening is found day by day in closed form, never minute by minute.
//! Where clocks jump forward over an opening it moves to the first instant after the jump; where they repeat an hour,
//! the later opening and the earlier closing hold, so that a doubtful minute is never called in.

use std::collections::BTreeSet;

use chrono::{DateTime, Datelike, Days, NaiveDate, TimeDelta, Utc, Weekday};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

use crate::zone_clock::{Side, date_in, instant};

/// Weekly calling hours of a campaign.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Window {
    /// IANA zone, such as `America/New_York`.
    pub zone: Tz,
    /// Weekdays on which it opens, in the zone.
    pub days: Vec<Weekday>,
    /// Opens at this local time.
    pub start: LocalTime,
    /// Closes at this local time; `24:00` is the end of the day. Earlier than `start` means the next day.
    pub end: LocalTime,
    /// Dates in the zone on which nothing is called.
    #[serde(default)]
    pub blackout_dates: BTreeSet<Blackout>,
}

/// A date on which a campaign does not call.
pub type Blackout = NaiveDate;

/// Minutes after local midnight, 0 to 1,440; written `HH:MM`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct LocalTime(u16);

/// What is wrong with calling hours.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WindowError {
    /// Not a time of day.
    #[error("failed to read the time `{0}`: write hours and minutes, as in `09:30`, up to `24:00`")]
    Time(String),
    /// No weekday.
    #[error("failed to read the calling hours: name at least one weekday, as in `mon`")]
    NoDays,
    /// Opens and closes at the same minute.
    #[error("failed to read the calling hours: they open and close at {0}; use 00:00 and 24:00 for the whole day")]
    Empty(String),
}

/// How far ahead an opening is looked for: a year of blackout dates, and some.
pub(crate) const SEARCH_DAYS_MAX: u64 = 400;

impl LocalTime {
    pub(crate) const DAY_MIN: u16 = 24 * 60;

    /// A time of day from hours and minutes, or nothing when there is no such time.
    pub const fn new(hour: u16, minute: u16) -> Option<Self> {
        // Looked at first: a body may name any hour, and 65,535 of them are more minutes than fit.
        if minute >= 60 || hour > 24 {
            return None;
        }
        let total = hour * 60 + minute;
        if total <= Self::DAY_MIN {
            Some(Self(total))
        } else {
            None
        }
    }

    /// Reads `HH:MM`.
    ///
    /// # Errors
    /// When it is not a time of day.
    pub fn parse(raw: &str) -> Result<Self, WindowError> {
        let bad = || WindowError::Time(raw.chars().take(16).collect());
        let (hour, minute) = raw.trim().split_once(':').ok_or_else(bad)?;
        let number = |text: &str| {
            (1..=2)
                .contains(&text.len())
                .then(|| text.parse::<u16>().ok())
                .flatten()
                .filter(|_| !text.starts_with('+'))
        };
        number(hour)
            .zip(number(minute))
            .and_then(|(h, m)| Self::new(h, m))
            .ok_or_else(bad)
    }

    /// Minutes after midnight.
    pub const fn minutes(self) -> u16 {
        self.0
    }
}

impl std::fmt::Display for LocalTime {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:02}:{:02}", self.0 / 60, self.0 % 60)
    }
}

impl std::fmt::Debug for LocalTime {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{self}")
    }
}

impl TryFrom<String> for LocalTime {
    type Error = WindowError;
    fn try_from(raw: String) -> Result<Self, WindowError> {
        Self::parse(&raw)
    }
}

impl From<LocalTime> for String {
    fn from(time: LocalTime) -> Self {
        time.to_string()
    }
}

impl Window {
    /// Whether these hours can be opened at all.
    ///
    /// # Errors
    /// When there is no weekday, or opening and closing are the same minute.
    pub fn check(&self) -> Result<(), WindowError> {
        if self.days.is_empty() {
            return Err(WindowError::NoDays);
        }
        if self.start == self.end {
            return Err(WindowError::Empty(self.start.to_string()));
        }
        Ok(())
    }

    /// The local date of an instant.
    pub fn date_of(&self, at: DateTime<Utc>) -> NaiveDate {
        date_in(self.zone, at)
    }

    /// The first instant of a local date.
    pub fn start_of(&self, date: NaiveDate) -> DateTime<Utc> {
        instant(self.zone, date, 0, Side::Opening)
    }

    /// Whether a call may start now and still ring before closing.
    pub fn is_open(&self, at: DateTime<Utc>, closing_margin: TimeDelta) -> bool {
        self.next_open(at, closing_margin) == Some(at)
    }

    /// The first instant at or after `from` at which a call may start: `from` itself while open. `None` when it does
    /// not open within 400 days.
    pub fn next_open(&self, from: DateTime<Utc>, closing_margin: TimeDelta) -> Option<DateTime<Utc>> {
        self.spans(from).find_map(|(opens, closes)| {
            let last_start = closes - closing_margin;
            let start = opens.max(from);
            (start < last_start).then_some(start)
        })
    }

    /// The first opening on a later local date than that of `after`.
    pub fn next_day_open(&self, after: DateTime<Utc>, closing_margin: TimeDelta) -> Option<DateTime<Utc>> {
        let tomorrow = self.date_of(after).checked_add_days(Days::new(1))?;
        self.next_open(self.start_of(tomorrow), closing_margin)
    }

    /// The next closing at or after `from`, for people who look at a clock.
    pub fn closes_at(&self, from: DateTime<Utc>) -> Option<DateTime<Utc>> {
        self.spans(from).map(|(_, closes)| closes).find(|closes| *closes > from)
    }

    /// All spans that may end after an instant.
    fn spans(&self, from: DateTime<Utc>) -> impl Iterator<Item = (DateTime<Utc>, DateTime<Utc>)> + '_ {
        let today = self.date_of(from);
        // A span that runs past midnight began on the day before.
        let first = today.pred_opt().filter(|_| self.end <= self.start).unwrap_or(today);
        let mut blackouts = self.blackout_dates.range(first..).peekable();
        let days = first.iter_days().take(SEARCH_DAYS_MAX as usize);
        days.filter(move |date| blackouts.next_if_eq(&date).is_none())
            .filter_map(|date| self.span(date))
    }

    /// The hours that begin on a local date which is no blackout.
    fn span(&self, date: NaiveDate) -> Option<(DateTime<Utc>, DateTime<Utc>)> {
        if !self.days.contains(&date.weekday()) {
            return None;
        }
        let opens = instant(self.zone, date, self.start.0, Side::Opening);
        let (end_date, end) = if self.end > self.start {
            (date, self.end.0)
        } else {
            let next = date.checked_add_days(Days::new(1))?;
            if self.blackout_dates.contains(&next) {
                (date, LocalTime::DAY_MIN)
            } else {
                (next, self.end.0)
            }
        };
        let closes = instant(self.zone, end_date, end, Side::Closing);
        (opens < closes).then_some((opens, closes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn window(zone: Tz, start: &str, end: &str) -> Window {
        Window {
            zone,
            days: vec![Weekday::Mon, Weekday::Tue, Weekday::Wed, Weekday::Thu, Weekday::Fri],
            start: LocalTime::parse(start).unwrap(),
            end: LocalTime::parse(end).unwrap(),
            blackout_dates: BTreeSet::new(),
        }
    }

    fn at(text: &str) -> DateTime<Utc> {
        DateTime::parse_from_rfc3339(text).unwrap().to_utc()
    }

    const MARGIN: TimeDelta = TimeDelta::minutes(5);

    #[test]
    fn openings_are_local_whatever_the_season() {
        let w = window(chrono_tz::America::New_York, "11:00", "20:00");
        for (from, opens) in [
            ("2026-11-20T16:30:00Z", "2026-11-20T16:30:00Z"), // Friday 11:30, open
            ("2026-11-20T15:59:59Z", "2026-11-20T16:00:00Z"), // a second early
            ("2026-11-21T00:55:00Z", "2026-11-23T16:00:00Z"), // Friday 19:55: the margin has closed it, next is Monday
            ("2026-11-21T00:54:59Z", "2026-11-21T00:54:59Z"), // a second before that
            ("2026-07-03T14:00:00Z", "2026-07-03T15:00:00Z"), // summer time
            ("2026-10-31T12:00:00Z", "2026-11-02T16:00:00Z"), // over the night when summer time ends
            ("2026-03-07T12:00:00Z", "2026-03-09T15:00:00Z"), // and begins
        ] {
            assert_eq!(w.next_open(at(from), MARGIN), Some(at(opens)), "{from}");
        }
        assert!(w.is_open(at("2026-11-20T16:00:00Z"), MARGIN));
        assert_eq!(
            w.closes_at(at("2026-11-20T16:00:00Z")),
            Some(at("2026-11-21T01:00:00Z"))
        );
    }

    #[test]
    fn a_blackout_date_is_skipped() {
        let mut w = window(chrono_tz::America::New_York, "11:00", "20:00");
        w.blackout_dates.insert(NaiveDate::from_ymd_opt(2026, 11, 26).unwrap());
        assert_eq!(
            w.next_open(at("2026-11-26T01:00:00Z"), MARGIN),
            Some(at("2026-11-27T16:00:00Z"))
        );
    }

    #[test]
    fn half_hour_zones_are_exact() {
        let w = window(chrono_tz::Asia::Kolkata, "10:00", "19:00");
        assert_eq!(
            w.next_open(at("2026-11-20T00:00:00Z"), MARGIN),
            Some(at("2026-11-20T04:30:00Z"))
        );
    }

    #[test]
    fn an_opening_inside_the_missing_hour_moves_behind_it() {
        let mut w = window(chrono_tz::America::New_York, "02:30", "20:00");
        w.days = vec![Weekday::Sun];
        // 8 March 2026: 02:00 EST is followed by 03:00 EDT.
        assert_eq!(
            w.next_open(at("2026-03-08T00:00:00Z"), MARGIN),
            Some(at("2026-03-08T07:00:00Z"))
        );
    }

    #[test]
    fn the_doubled_hour_opens_late_and_closes_early() {
        let mut w = window(chrono_tz::America::New_York, "01:30", "20:00");
        w.days = vec![Weekday::Sun];
        assert_eq!(
            w.next_open(at("2026-11-01T00:00:00Z"), MARGIN),
            Some(at("2026-11-01T06:30:00Z"))
        );
        w.start = LocalTime::parse("00:30").unwrap();
        w.end = LocalTime::parse("01:30").unwrap();
        assert_eq!(
            w.closes_at(at("2026-11-01T04:40:00Z")),
            Some(at("2026-11-01T05:30:00Z"))
        );
    }

    #[test]
    fn hours_across_midnight_belong_to_the_day_they_begin() {
        let mut w = window(chrono_tz::Asia::Jerusalem, "22:00", "02:00");
        w.days = vec![Weekday::Thu];
        let friday_one = at("2026-11-19T23:00:00Z");
        assert_eq!(w.next_open(friday_one, MARGIN), Some(friday_one));
        w.blackout_dates.insert(NaiveDate::from_ymd_opt(2026, 11, 20).unwrap());
        assert_ne!(w.next_open(friday_one, MARGIN), Some(friday_one));
    }

    #[test]
    fn hours_that_never_open_are_none_and_not_a_hang() {
        let mut w = window(chrono_tz::UTC, "11:00", "11:03");
        assert_eq!(
            w.next_open(at("2026-11-20T00:00:00Z"), MARGIN),
            None,
            "shorter than the margin"
        );
        w.days.clear();
        assert_eq!(w.next_open(at("2026-11-20T00:00:00Z"), MARGIN), None);
        assert_eq!(w.check(), Err(WindowError::NoDays));
    }

    #[test]
    fn the_next_day_is_never_today() {
        let w = window(chrono_tz::America::New_York, "11:00", "20:00");
        assert_eq!(
            w.next_day_open(at("2026-11-19T16:00:00Z"), MARGIN),
            Some(at("2026-11-20T16:00:00Z"))
        );
        assert_eq!(
            w.next_day_open(at("2026-11-20T16:00:00Z"), MARGIN),
            Some(at("2026-11-23T16:00:00Z"))
        );
    }

    #[test]
    fn times_of_day_are_read_strictly() {
        assert_eq!(LocalTime::new(u16::MAX, 0), None);
        for (raw, ok) in [
            ("09:30", true),
            ("9:05", true),
            ("24:00", true),
            ("24:01", false),
            ("7", false),
            ("+1:00", false),
            ("", false),
        ] {
            assert_eq!(LocalTime::parse(raw).is_ok(), ok, "{raw}");
        }
    }
}
