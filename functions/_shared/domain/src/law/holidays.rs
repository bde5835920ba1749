//! Named sets of dates on which law or custom keeps calls away, computed from rules of one line each.

use chrono::{Datelike, Days, NaiveDate, Weekday};
use serde::Deserialize;

/// A set of holidays.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Holidays {
    /// Its name in the records.
    pub name: String,
    /// When they are.
    pub days: Vec<Day>,
    /// The weekday before, on which a holiday is observed that falls on a Saturday. The Saturday stays one.
    #[serde(default)]
    pub saturday_to: Option<Friday>,
    /// The weekday after, on which a holiday is observed that falls on a Sunday. The Sunday stays one.
    #[serde(default)]
    pub sunday_to: Option<Monday>,
    /// Where this is written.
    pub sources: Vec<String>,
    /// What is doubtful about it.
    #[serde(default)]
    pub note: Option<String>,
}

/// The only day to which a Saturday's holiday moves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Friday {
    /// The day before.
    Friday,
}

/// The only day to which a Sunday's holiday moves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Monday {
    /// The day after.
    Monday,
}

/// One holiday: `jul 4`, `3rd mon jan`, `last mon may`, `good friday`, `election day`, `2026-09-12`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub enum Day {
    /// The same date each year: month and day.
    Each(u32, u32),
    /// The first to fourth such weekday of a month.
    Nth(u8, Weekday, u32),
    /// The last such weekday of a month.
    Last(Weekday, u32),
    /// The Friday before Easter Sunday of the western churches.
    GoodFriday,
    /// The Tuesday after the first Monday of November, in every year: states and towns vote in odd ones.
    ElectionDay,
    /// Once, for calendars that are not computed here.
    Once(NaiveDate),
}

/// A holiday that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "failed to read the holiday `{0}`: write it as in `jul 4`, `3rd mon jan`, `last mon may`, `good friday`, `election day` or `2026-09-12`"
)]
pub struct DayError(String);

const MONTHS: [&str; 12] = [
    "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec",
];
const NTH: [&str; 4] = ["1st", "2nd", "3rd", "4th"];

fn month(word: &str) -> Option<u32> {
    (1..).zip(MONTHS).find(|(_, name)| *name == word).map(|(n, _)| n)
}

impl TryFrom<String> for Day {
    type Error = DayError;

    fn try_from(text: String) -> Result<Self, DayError> {
        let words: Vec<&str> = text.split(' ').collect();
        let read = match words[..] {
            ["good", "friday"] => Some(Self::GoodFriday),
            ["election", "day"] => Some(Self::ElectionDay),
            ["last", weekday, name] => weekday
                .parse()
                .ok()
                .zip(month(name))
                .map(|(day, month)| Self::Last(day, month)),
            [nth, weekday, name] => (1..)
                .zip(NTH)
                .find(|(_, word)| *word == nth)
                .and_then(|(n, _)| Some(Self::Nth(n, weekday.parse().ok()?, month(name)?))),
            [name, day] => month(name)
                .zip(day.parse().ok())
                // A leap year has every date that there is.
                .filter(|(month, day)| NaiveDate::from_ymd_opt(2024, *month, *day).is_some())
                .map(|(month, day)| Self::Each(month, day)),
            [date] => date.parse().ok().map(Self::Once),
            _ => None,
        };
        read.ok_or_else(|| DayError(text.chars().take(40).collect()))
    }
}

impl Day {
    /// Its date in a year, if it has one.
    pub fn in_year(self, year: i32) -> Option<NaiveDate> {
        match self {
            Self::Each(month, day) => NaiveDate::from_ymd_opt(year, month, day),
            Self::Nth(n, weekday, month) => NaiveDate::from_weekday_of_month_opt(year, month, weekday, n),
            Self::Last(weekday, month) => [5, 4]
                .into_iter()
                .find_map(|n| NaiveDate::from_weekday_of_month_opt(year, month, weekday, n)),
            Self::GoodFriday => easter(year)?.checked_sub_days(Days::new(2)),
            Self::ElectionDay => NaiveDate::from_weekday_of_month_opt(year, 11, Weekday::Mon, 1)?.succ_opt(),
            Self::Once(date) => Some(date).filter(|date| date.year() == year),
        }
    }
}

/// Easter Sunday of the Gregorian calendar (the Meeus, Jones and Butcher method).
fn easter(year: i32) -> Option<NaiveDate> {
    let (a, b, c) = (year % 19, year / 100, year % 100);
    let h = (19 * a + b - b / 4 - (b - (b + 8) / 25 + 1) / 3 + 15) % 30;
    let l = (32 + 2 * (b % 4) + 2 * (c / 4) - h - c % 4) % 7;
    let m = (a + 11 * h + 22 * l) / 451;
    let days = u32::try_from(h + l - 7 * m + 114).ok()?;
    NaiveDate::from_ymd_opt(year, days / 31, days % 31 + 1)
}

impl Holidays {
    /// The last year whose dates are written down; none where all of them are computed.
    pub fn known_to(&self) -> Option<i32> {
        let years = self.days.iter().filter_map(|day| match day {
            Day::Once(date) => Some(date.year()),
            _ => None,
        });
        years.max()
    }

    /// Whether a date is one of them, or the day on which one of them is observed. Of a year whose dates nobody has written
    /// down yet every day may be one, so it is taken for one.
    pub fn has(&self, date: NaiveDate) -> bool {
        if self.known_to().is_some_and(|year| date.year() > year) {
            return true;
        }
        let is = |date: Option<NaiveDate>| date.is_some_and(|date| self.names(date));
        self.names(date)
            || (self.saturday_to.is_some() && date.weekday() == Weekday::Fri && is(date.succ_opt()))
            || (self.sunday_to.is_some() && date.weekday() == Weekday::Mon && is(date.pred_opt()))
    }

    fn names(&self, date: NaiveDate) -> bool {
        self.days.iter().any(|day| day.in_year(date.year()) == Some(date))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_year_that_nobody_has_written_down_every_day_may_be_one() {
        let israel = Holidays {
            name: "il".to_owned(),
            days: vec![Day::Once(date("2028-10-01")), Day::Each(5, 1)],
            saturday_to: None,
            sunday_to: None,
            sources: vec![],
            note: None,
        };
        assert_eq!(israel.known_to(), Some(2028));
        for (day, is) in [("2028-12-31", false), ("2029-01-01", true), ("2030-07-09", true)] {
            assert_eq!(israel.has(date(day)), is, "{day}");
        }
        let computed = Holidays {
            days: vec![Day::Each(5, 1)],
            ..israel
        };
        assert!(!computed.has(date("2039-07-09")));
    }

    fn date(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    #[test]
    fn each_way_to_write_a_day_is_read() {
        for (text, in_2026) in [
            ("jul 4", "2026-07-04"),
            ("3rd mon jan", "2026-01-19"),
            ("4th thu nov", "2026-11-26"),
            ("last mon may", "2026-05-25"),
            ("good friday", "2026-04-03"),
            ("election day", "2026-11-03"),
            ("2026-09-12", "2026-09-12"),
        ] {
            let day = Day::try_from(text.to_owned()).unwrap();
            assert_eq!(day.in_year(2026), Some(date(in_2026)), "{text}");
        }
        for text in ["", "july 4", "feb 30", "5th mon jan", "easter", "4 jul", "2026-13-01"] {
            assert!(Day::try_from(text.to_owned()).is_err(), "{text}");
        }
    }

    #[test]
    fn easter_is_right_where_tables_print_it() {
        // United States Census Bureau, "Easter Dates from 1600 to 2099".
        for easter_sunday in [
            "2000-04-23",
            "2008-03-23",
            "2011-04-24",
            "2024-03-31",
            "2025-04-20",
            "2026-04-05",
            "2027-03-28",
            "2038-04-25",
        ] {
            let date = date(easter_sunday);
            assert_eq!(easter(date.year()), Some(date));
        }
    }

    #[test]
    fn a_holiday_on_a_weekend_closes_the_weekday_beside_it_too_over_the_end_of_a_year() {
        let set = Holidays {
            name: "two".to_owned(),
            days: vec![Day::Each(1, 1), Day::Each(7, 4)],
            saturday_to: Some(Friday::Friday),
            sunday_to: Some(Monday::Monday),
            sources: vec!["none".to_owned()],
            note: None,
        };
        // New Year 2028 is a Saturday, 4 July 2027 a Sunday.
        for (text, is) in [
            ("2027-12-31", true),
            ("2028-01-01", true),
            ("2028-01-03", false),
            ("2027-07-04", true),
            ("2027-07-05", true),
            ("2027-07-02", false),
        ] {
            assert_eq!(set.has(date(text)), is, "{text}");
        }
    }
}
