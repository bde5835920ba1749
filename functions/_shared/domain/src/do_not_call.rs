//! What a do-not-call mark rests on: who asked, where it was heard, and by when the law wants it honoured.
//!
//! Data flow: a report, a person or an import makes a [`Statement`] → the table gives it an id and keeps it as a
//! [`Proof`] beside the mark → people read it years later. Pure; how a mark is written is the matter of the table.
//!
//! The mark holds at once. The deadline of ten business days is only an alarm: it tells of wishes that were known and
//! not honoured (47 CFR 64.1200(d)(3), since 11 April 2025).

use chrono::{DateTime, Datelike, NaiveDate, TimeZone, Utc, Weekday};
use serde::{Deserialize, Serialize};

use crate::law::Law;
use crate::{AttemptId, CallEvent, CallId, ExplicitStop, StopSource};

/// Business days within which a wish must be honoured (47 CFR 64.1200(d)(3)).
pub const HONOUR_WITHIN_BUSINESS_DAYS: u32 = 10;
/// Days looked at to find them: ten business days are three weeks at most, over Christmas and New Year.
const DAYS_LOOKED_AT_MAX: usize = 60;
/// The holidays that are no business days (47 CFR 1.4(e)), by their name in the law book.
const HOLIDAYS: &str = "us-federal";

/// Where a wish not to be called was heard.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ProofSource {
    /// An agent's or the provider's disposition, or what a rule made of it.
    Disposition,
    /// The person's own words.
    OwnWords,
    /// What was written about the talk after it.
    Summary,
    /// A CRM that knew it.
    Crm,
    /// A person or program, over the API.
    Api,
    /// A list.
    Import,
    /// The person was forgotten, and who is forgotten is not called.
    Forgotten,
    /// A source that this build does not know.
    #[serde(other)]
    Unknown,
}

impl ProofSource {
    /// The word in items, answers and files.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Disposition => "disposition",
            Self::OwnWords => "own_words",
            Self::Summary => "summary",
            Self::Crm => "crm",
            Self::Api => "api",
            Self::Import => "import",
            Self::Forgotten => "forgotten",
            Self::Unknown => "unknown",
        }
    }
}

impl From<StopSource> for ProofSource {
    fn from(source: StopSource) -> Self {
        match source {
            StopSource::Disposition => Self::Disposition,
            StopSource::Spoken => Self::OwnWords,
            StopSource::Summary => Self::Summary,
            StopSource::Person => Self::Api,
        }
    }
}

/// Somebody does not want to be called: what is known about it when it is heard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statement {
    /// Where it was heard.
    pub source: ProofSource,
    /// When we heard of it.
    pub heard_at: DateTime<Utc>,
    /// When it was said, if that is known.
    pub said_at: Option<DateTime<Utc>>,
    /// The words, if there are any.
    pub words: Option<String>,
    /// The provider's name for the call in which it was said.
    pub call: Option<CallId>,
    /// Our name for it.
    pub attempt: Option<AttemptId>,
    /// Who entered it: the name of a key, `system` for us.
    pub by: String,
    /// What else they wrote.
    pub note: Option<String>,
}

impl Statement {
    /// What somebody entered now.
    pub fn entered(source: ProofSource, by: impl Into<String>, now: DateTime<Utc>) -> Self {
        Self {
            source,
            heard_at: now,
            said_at: None,
            words: None,
            call: None,
            attempt: None,
            by: by.into(),
            note: None,
        }
    }

    /// What a report about a call says. Without a stop in its facts it is the rule set that took its word for one.
    pub fn of_call(event: &CallEvent, attempt: Option<&AttemptId>, now: DateTime<Utc>) -> Self {
        let facts = &event.facts;
        let (source, words) = match &facts.stop {
            Some(ExplicitStop { source, words }) => (ProofSource::from(*source), Some(words.clone())),
            None => (ProofSource::Disposition, facts.disposition_word.clone()),
        };
        let said_at = facts.ended_at.or(facts.started_at).or(facts.created_at);
        Self {
            said_at: said_at.filter(|at| *at <= now),
            words,
            call: event.call_id.clone(),
            attempt: attempt.cloned(),
            ..Self::entered(source, "system", now)
        }
    }

    /// What makes two statements the same one. A call says a thing once, however often and when it is reported; what
    /// people enter is the same when everything in it is, whoever sends it.
    pub fn sameness(&self) -> String {
        let of_call = match (&self.attempt, &self.call) {
            (Some(attempt), _) => Some(attempt.as_str()),
            (None, Some(call)) => Some(call.as_str()),
            (None, None) => None,
        };
        let said = self.said_at.filter(|_| of_call.is_none());
        [
            self.source.as_str().to_owned(),
            of_call.unwrap_or_default().to_owned(),
            said.map(|at| at.timestamp_millis().to_string()).unwrap_or_default(),
            self.words.clone().unwrap_or_default(),
            self.note.clone().unwrap_or_default(),
        ]
        .join("\u{1f}")
    }

    /// When the wish came into the world, as far as anybody knows.
    pub fn since(&self) -> DateTime<Utc> {
        self.said_at.unwrap_or(self.heard_at).min(self.heard_at)
    }

    /// The record of it.
    pub fn proof(&self, id: String, law: &Law) -> Proof {
        Proof {
            id,
            what: ProofOf::Marked,
            at: self.heard_at,
            said_at: self.since(),
            source: self.source,
            words: self.words.clone(),
            call: self.call.clone(),
            attempt: self.attempt.clone(),
            by: self.by.clone(),
            note: self.note.clone(),
            honour_by: honour_by(law, self.since()),
        }
    }
}

/// What a record is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ProofOf {
    /// Somebody did not want to be called.
    Marked,
    /// An owner took the mark away.
    Removed,
}

/// A record in the history of a phone's do-not-call mark. It is never changed and never expires.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proof {
    /// Its name.
    pub id: String,
    /// What happened.
    pub what: ProofOf,
    /// When we heard of it.
    #[serde(with = "chrono::serde::ts_milliseconds")]
    pub at: DateTime<Utc>,
    /// When it was said, else when we heard of it.
    #[serde(with = "chrono::serde::ts_milliseconds")]
    pub said_at: DateTime<Utc>,
    /// Where it was heard.
    pub source: ProofSource,
    /// The words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub words: Option<String>,
    /// The provider's name for the call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub call: Option<CallId>,
    /// Our name for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attempt: Option<AttemptId>,
    /// Who entered it.
    pub by: String,
    /// What they wrote; of a removal, the reason.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// By when the law wanted it honoured.
    #[serde(with = "chrono::serde::ts_milliseconds")]
    pub honour_by: DateTime<Utc>,
}

impl Proof {
    /// Whether the phone was marked only after the law wanted it.
    pub fn is_late(&self, marked_since: DateTime<Utc>) -> bool {
        self.what == ProofOf::Marked && marked_since > self.honour_by
    }
}

/// The end of the tenth business day after something was said. Nobody asks where: it counts from the date in Hawaii,
/// the earliest of the United States, and ends at midnight in New York, so the alarm comes too early rather than late.
pub fn honour_by(law: &Law, said_at: DateTime<Utc>) -> DateTime<Utc> {
    let said_on = said_at.with_timezone(&chrono_tz::Pacific::Honolulu).date_naive();
    let last = said_on
        .iter_days()
        .skip(1)
        .take(DAYS_LOOKED_AT_MAX)
        .filter(|date| is_business_day(law, *date))
        .nth(HONOUR_WITHIN_BUSINESS_DAYS as usize - 1)
        .unwrap_or(said_on);
    let midnight = last.succ_opt().unwrap_or(last).and_time(chrono::NaiveTime::MIN);
    chrono_tz::America::New_York
        .from_local_datetime(&midnight)
        .earliest()
        .map_or_else(|| midnight.and_utc(), |at| at.to_utc())
}

/// Neither Saturday, nor Sunday, nor a federal holiday or the day on which one is observed.
fn is_business_day(law: &Law, date: NaiveDate) -> bool {
    let weekend = matches!(date.weekday(), Weekday::Sat | Weekday::Sun);
    !weekend && !law.holidays(HOLIDAYS).is_some_and(|holidays| holidays.has(date))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> DateTime<Utc> {
        DateTime::parse_from_rfc3339(text).unwrap().to_utc()
    }

    #[test]
    fn ten_business_days_are_counted_without_weekends_and_federal_holidays() {
        let law = Law::built_in();
        for (said, by) in [
            // Two plain weeks: from Monday to the end of the Monday after the next.
            ("2026-06-01T17:00:00Z", "2026-06-16T04:00:00Z"),
            // Said on a Saturday: Monday is the first day.
            ("2026-06-06T17:00:00Z", "2026-06-23T04:00:00Z"),
            // Veterans Day (Wednesday 11) and Thanksgiving (Thursday 26 November 2026) do not count.
            ("2026-11-10T17:00:00Z", "2026-11-26T05:00:00Z"),
            ("2026-11-23T17:00:00Z", "2026-12-09T05:00:00Z"),
            // Christmas and New Year 2026/27 are Fridays.
            ("2026-12-18T17:00:00Z", "2027-01-06T05:00:00Z"),
            // 4 July 2026 is a Saturday, observed on Friday the 3rd. Juneteenth is a Friday.
            ("2026-06-18T17:00:00Z", "2026-07-07T04:00:00Z"),
            // Late in the evening in New York, and already the next day in London: still the day before in Hawaii.
            ("2026-06-02T03:00:00Z", "2026-06-16T04:00:00Z"),
        ] {
            assert_eq!(honour_by(law, at(said)), at(by), "{said}");
        }
    }

    #[test]
    fn the_deadline_is_never_earlier_than_eleven_days_nor_later_than_three_weeks() {
        let law = Law::built_in();
        let mut said = at("2025-01-01T00:30:00Z");
        while said < at("2030-01-01T00:00:00Z") {
            let days = (honour_by(law, said) - said).num_days();
            assert!((11..=21).contains(&days), "{said}: {days}");
            said += chrono::TimeDelta::hours(25);
        }
    }

    #[test]
    fn a_call_says_a_thing_once_however_often_it_is_reported() {
        let mut first = Statement::entered(ProofSource::OwnWords, "system", at("2026-11-23T17:00:00Z"));
        first.words = Some("stop calling me".to_owned());
        first.attempt = Some(AttemptId::parse("01M84").unwrap());
        let later = Statement {
            heard_at: at("2026-11-24T17:00:00Z"),
            said_at: Some(at("2026-11-23T16:59:00Z")),
            ..first.clone()
        };
        assert_eq!(first.sameness(), later.sameness());
        let other_words = Statement {
            words: Some("never call again".to_owned()),
            ..first.clone()
        };
        assert_ne!(first.sameness(), other_words.sameness());
        let entered = Statement { attempt: None, ..first };
        let on_another_day = Statement {
            said_at: Some(at("2026-11-20T16:59:00Z")),
            ..entered.clone()
        };
        assert_ne!(entered.sameness(), on_another_day.sameness());
    }

    #[test]
    fn a_mark_is_late_only_when_the_phone_was_not_marked_before() {
        let mut told = Statement::entered(ProofSource::Api, "Ada", at("2026-11-23T17:00:00Z"));
        told.said_at = Some(at("2026-10-01T17:00:00Z"));
        let proof = told.proof("1".to_owned(), Law::built_in());
        assert!(proof.is_late(told.heard_at));
        assert!(!proof.is_late(at("2026-10-02T17:00:00Z")), "it was honoured long ago");
        told.said_at = Some(at("2026-11-20T17:00:00Z"));
        assert!(!told.proof("1".to_owned(), Law::built_in()).is_late(told.heard_at));
    }

    #[test]
    fn a_source_of_a_newer_build_can_be_read() {
        let word = serde::de::value::StrDeserializer::<serde::de::value::Error>::new("carrier");
        assert_eq!(ProofSource::deserialize(word), Ok(ProofSource::Unknown));
    }
}
