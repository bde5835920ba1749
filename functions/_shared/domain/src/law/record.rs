//! One record of the law book: who may be called when, how often, where, and where that is written.

use std::fmt;

use chrono::{DateTime, Datelike, NaiveDate, Utc, Weekday};
use chrono_tz::Tz;
use serde::{Deserialize, Deserializer, Serialize};

use super::{Added, Holidays};
use crate::LocalTime;
use crate::zone_clock::{Side, instant};

/// A country (ISO 3166-1: `US`, `IN`, `IL` is Israel) or a state (ISO 3166-2: `US-FL`).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Jurisdiction {
    /// Filled with zeros, so that its order is that of the codes.
    letters: [u8; CODE_MAX],
    len: u8,
}

/// Letters of the longest code.
const CODE_MAX: usize = "US-FL".len();

impl Jurisdiction {
    /// The United States.
    pub const US: Self = Self {
        letters: *b"US\0\0\0",
        len: 2,
    };
    /// The strictest hours and cap of all states.
    pub(super) const SOMEWHERE_IN_US: Self = Self {
        letters: *b"US-?\0",
        len: 4,
    };

    /// Reads a code.
    pub fn parse(code: &str) -> Option<Self> {
        let letters = |text: &str| text.len() == 2 && text.bytes().all(|b| b.is_ascii_uppercase());
        let fits = match code.split_once('-') {
            None => letters(code),
            // `US-?`: somewhere in it, nobody knows where.
            Some((country, state)) => letters(country) && (letters(state) || state == "?"),
        };
        let mut letters = [0; CODE_MAX];
        letters
            .get_mut(..code.len())
            .filter(|_| fits)?
            .copy_from_slice(code.as_bytes());
        let len = u8::try_from(code.len()).ok()?;
        Some(Self { letters, len })
    }

    /// The code.
    pub fn as_str(&self) -> &str {
        let code = self.letters.get(..self.len.into()).unwrap_or_default();
        std::str::from_utf8(code).unwrap_or_default()
    }

    /// The state's part of the code; the country's where there is none.
    pub fn state(&self) -> &str {
        self.as_str().split_once('-').map_or(self.as_str(), |(_, state)| state)
    }

    /// The country's part of the code.
    pub fn country(&self) -> Self {
        Self {
            letters: [self.letters[0], self.letters[1], 0, 0, 0],
            len: 2,
        }
    }
}

impl fmt::Display for Jurisdiction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Jurisdiction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl TryFrom<String> for Jurisdiction {
    type Error = String;
    fn try_from(code: String) -> Result<Self, String> {
        Self::parse(&code)
            .ok_or_else(|| format!("failed to read the jurisdiction `{code}`: write it as in `US`, `US-FL` or `IN`"))
    }
}

impl From<Jurisdiction> for String {
    fn from(jurisdiction: Jurisdiction) -> Self {
        jurisdiction.as_str().to_owned()
    }
}

/// Who speaks when the call is taken. An AI voice is an artificial one: FCC 24-17 of 8 February 2024.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SpokenBy {
    /// Whoever it is.
    Any,
    /// A person.
    Live,
    /// An AI, artificial or prerecorded voice.
    Automated,
}

impl SpokenBy {
    /// Whether a record for this voice is about a call with that one.
    pub fn covers(self, call: Self) -> bool {
        self == Self::Any || call == Self::Any || self == call
    }
}

/// Hours of one day, half-open, or none. They do not run past midnight: no law's do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct DayHours(pub Option<(LocalTime, LocalTime)>);

impl fmt::Display for DayHours {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            None => f.write_str("closed"),
            Some((opens, closes)) => write!(f, "{opens}-{closes}"),
        }
    }
}

impl From<DayHours> for String {
    fn from(hours: DayHours) -> Self {
        hours.to_string()
    }
}

impl TryFrom<String> for DayHours {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        if text == "closed" {
            return Ok(Self(None));
        }
        text.split_once('-')
            .and_then(|(opens, closes)| Some((LocalTime::parse(opens).ok()?, LocalTime::parse(closes).ok()?)))
            .filter(|(opens, closes)| opens < closes)
            .map(|hours| Self(Some(hours)))
            .ok_or_else(|| format!("failed to read the hours `{text}`: write them as in `08:00-21:00`, or `closed`"))
    }
}

/// Hours of each weekday.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Week {
    mon: DayHours,
    tue: DayHours,
    wed: DayHours,
    thu: DayHours,
    fri: DayHours,
    sat: DayHours,
    sun: DayHours,
}

impl Week {
    const fn on(&self, day: Weekday) -> DayHours {
        match day {
            Weekday::Mon => self.mon,
            Weekday::Tue => self.tue,
            Weekday::Wed => self.wed,
            Weekday::Thu => self.thu,
            Weekday::Fri => self.fri,
            Weekday::Sat => self.sat,
            Weekday::Sun => self.sun,
        }
    }
}

/// Calls in rolling hours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cap {
    /// So many.
    pub calls: u32,
    /// In so many hours, at most 47: see `Law::check`.
    pub hours: u32,
    /// Counted over what.
    pub of: CapOf,
}

/// What a cap counts together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CapOf {
    /// Calls about one subject to one phone.
    Subject,
    /// All calls to one phone.
    Number,
}

/// What kind of rule a record is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RecordKind {
    /// Statute or regulation.
    Law,
    /// What we do where no hours are written in law, or none are known to us.
    Policy,
}

impl RecordKind {
    /// The word in answers.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Law => "law",
            Self::Policy => "policy",
        }
    }
}

/// How sure we are of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Confidence {
    /// The text of statute, regulation or agency was seen.
    High,
    /// Secondary sources agree.
    Medium,
    /// Sources conflict, or there is only a weak one; the stricter value is taken.
    Low,
}

impl Confidence {
    /// The word in answers.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::High => "high",
            Self::Medium => "medium",
            Self::Low => "low",
        }
    }
}

/// Consent that a call needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ConsentNeeded {
    /// Prior express written consent.
    Written,
}

/// One dated record.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Record {
    /// Where it holds.
    pub jurisdiction: Jurisdiction,
    /// Its name for people.
    pub name: String,
    /// For which calls.
    pub voice: SpokenBy,
    /// The first day in force.
    #[serde(default, deserialize_with = "date", skip_serializing_if = "Option::is_none")]
    pub from: Option<NaiveDate>,
    /// The first day no longer in force.
    #[serde(default, deserialize_with = "date", skip_serializing_if = "Option::is_none")]
    pub until: Option<NaiveDate>,
    /// When calls may be received.
    pub hours: Week,
    /// The zone in which the hours are counted, where it is not the called person's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub zone: Option<Tz>,
    /// The set of holidays with hours of their own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub holidays: Option<String>,
    /// Those hours.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub holiday_hours: Option<DayHours>,
    /// How often.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cap: Option<Cap>,
    /// What the person must have agreed to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub consent: Option<ConsentNeeded>,
    /// How old a look at the do-not-call registry may be, in days.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scrub_days: Option<u32>,
    /// With this consent on file the registry need not be looked at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scrub_unless: Option<ConsentNeeded>,
    /// Whether nobody may be called again who ended a call.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub no_call_after_hang_up: bool,
    /// Whom it exempts, for people: nobody is exempted by it here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exempt: Option<String>,
    /// Law or policy.
    pub kind: RecordKind,
    /// How sure we are.
    pub confidence: Confidence,
    /// Where it is written.
    pub sources: Vec<String>,
    /// When somebody last looked.
    #[serde(deserialize_with = "date")]
    pub verified_on: Option<NaiveDate>,
    /// Conflicts between sources, and which value was taken.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// Who added it here, if it is none of the book's.
    #[serde(skip)]
    pub added: Option<Added>,
}

/// A date as TOML writes it, or as text.
fn date<'de, D: Deserializer<'de>>(given: D) -> Result<Option<NaiveDate>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Written {
        Text(NaiveDate),
        Toml(toml::value::Datetime),
    }
    match Option::<Written>::deserialize(given)? {
        None => Ok(None),
        Some(Written::Text(date)) => Ok(Some(date)),
        Some(Written::Toml(date)) => date.to_string().parse().map(Some).map_err(serde::de::Error::custom),
    }
}

impl Record {
    /// Whether it is in force on a date.
    pub fn is_in_force(&self, date: NaiveDate) -> bool {
        self.from.is_none_or(|from| from <= date) && self.until.is_none_or(|until| date < until)
    }

    /// It on the days on which another record is not in force.
    pub(super) fn outside_of(&self, other: &Self) -> Vec<Self> {
        let before = other.from.map(|from| Self {
            until: Some(self.until.map_or(from, |until| until.min(from))),
            ..self.clone()
        });
        let after = other.until.map(|until| Self {
            from: self.from.max(Some(until)),
            ..self.clone()
        });
        [before, after]
            .into_iter()
            .flatten()
            .filter(Self::is_ever_in_force)
            .collect()
    }

    /// Whether there is a day on which it is in force.
    pub fn is_ever_in_force(&self) -> bool {
        self.from.zip(self.until).is_none_or(|(from, until)| from < until)
    }

    /// The hours that it names for a local date; none when it is not in force then.
    pub fn hours_on(&self, holidays: Option<&Holidays>, date: NaiveDate) -> Option<DayHours> {
        if !self.is_in_force(date) {
            None
        } else if holidays.is_some_and(|set| set.has(date)) {
            Some(self.holiday_hours.unwrap_or(DayHours(None)))
        } else {
            Some(self.hours.on(date.weekday()))
        }
    }

    /// The hours of a local date; the whole day when it is not in force.
    pub(crate) fn span(
        &self,
        holidays: Option<&Holidays>,
        zone: Tz,
        date: NaiveDate,
    ) -> Option<(DateTime<Utc>, DateTime<Utc>)> {
        let Some(hours) = self.hours_on(holidays, date) else {
            return Some((
                instant(zone, date, 0, Side::Opening),
                instant(zone, date, LocalTime::DAY_MIN, Side::Closing),
            ));
        };
        let (opens, closes) = hours.0?;
        let span = (
            instant(zone, date, opens.minutes(), Side::Opening),
            instant(zone, date, closes.minutes(), Side::Closing),
        );
        (span.0 < span.1).then_some(span)
    }
}
