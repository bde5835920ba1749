//! The item per phone that counts and locks.
//!
//! It keeps start times, never a counter per day: two campaigns in two zones have two different days on one phone, and
//! each derives its own count. `seq` moves with everything that can make a call wrong, so that a dialer that decided
//! on an older picture loses its conditional write.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use crate::next_step::whole_seconds_up;
use crate::{
    AttemptId, CALL_MIN_MAX, CallId, CallOfOthers, CampaignId, LeadId, Nonce, Owner, Promise, Subject, Window,
};

/// Start times kept. More than this in [`STARTS_KEPT`] and the phone is closed: no business cap is near it.
pub const STARTS_MAX: usize = 64;

/// How long a start counts: a rolling 24 hours, or a local day that another zone's day overlaps.
pub const STARTS_KEPT: TimeDelta = TimeDelta::hours(48);

/// Beyond the longest call: ringing, and the provider's work before its webhook (up to a minute).
const OVER_MARGIN: TimeDelta = TimeDelta::minutes(10);

/// What is known about one phone, over all leads and campaigns.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Ledger {
    /// Moves with every change that can make a call wrong. 0 before the first.
    #[serde(default)]
    pub seq: u64,
    /// Since when the phone must not be called. Never lowered by an outcome, a rule or an import.
    #[serde(
        default,
        with = "chrono::serde::ts_milliseconds_option",
        skip_serializing_if = "Option::is_none"
    )]
    pub dnc_at: Option<DateTime<Utc>>,
    /// Which record in the phone's do-not-call history proves it. Builds before there was one named an attempt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dnc_ref: Option<String>,
    /// How often an owner took the mark away.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub dnc_removed: u32,
    /// Since when the person behind the phone is forgotten; what is heard of old calls is not kept any more.
    #[serde(
        default,
        with = "chrono::serde::ts_milliseconds_option",
        skip_serializing_if = "Option::is_none"
    )]
    pub forgotten_at: Option<DateTime<Utc>>,
    /// Since when the number is known to be bad for good.
    #[serde(
        default,
        with = "chrono::serde::ts_milliseconds_option",
        skip_serializing_if = "Option::is_none"
    )]
    pub bad_at: Option<DateTime<Utc>>,
    /// When a person first ended a call of ours, as far as is known; some laws allow no second one.
    #[serde(
        default,
        with = "chrono::serde::ts_milliseconds_option",
        skip_serializing_if = "Option::is_none"
    )]
    pub hung_up_at: Option<DateTime<Utc>>,
    /// When the person last took consent back, in whatever campaign. Only what they gave themselves after that counts.
    #[serde(
        default,
        with = "chrono::serde::ts_seconds_option",
        skip_serializing_if = "Option::is_none"
    )]
    pub consent_revoked_at: Option<DateTime<Utc>>,
    /// No call before this: an analysis is awaited, or the person talks with an agent.
    #[serde(
        default,
        with = "chrono::serde::ts_milliseconds_option",
        skip_serializing_if = "Option::is_none"
    )]
    pub hold_until: Option<DateTime<Utc>>,
    /// The one attempt that is reserved, ringing or talking.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inflight: Option<InFlight>,
    /// Starts of the last 48 hours, oldest first.
    #[serde(default)]
    pub starts: Vec<Start>,
    /// Calls that others placed and reported, oldest first: they count toward totals.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reported: Vec<CallOfOthers>,
    /// Callbacks that were promised to the phone and are still open, soonest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub promises: Vec<Promise>,
    /// Subjects that were sold or stopped.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub stops: BTreeMap<Subject, SubjectStop>,
    /// The newest finished attempt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_attempt: Option<AttemptId>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
const fn is_zero(n: &u32) -> bool {
    *n == 0
}

/// A subject that is closed for a phone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SubjectStop {
    /// Since when.
    #[serde(with = "chrono::serde::ts_milliseconds")]
    pub at: DateTime<Utc>,
    /// By which attempt or activity.
    pub by: String,
}

/// One start that counts. Stored as `<epoch seconds>/<subject>`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Start {
    /// When the line was reserved, in whole seconds, rounded up: a gap counted from it is never too short.
    pub at: DateTime<Utc>,
    /// What the call was about.
    pub subject: Subject,
}

/// What the gate went by when it let a call pass: with these versions anybody can ask it again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct PermittedBy {
    /// The campaign's version.
    #[serde(rename = "c")]
    pub campaign_version: u64,
    /// The version of what people had added to the law book.
    #[serde(rename = "l")]
    pub law_version: u64,
}

/// An attempt from its reservation to its first terminal event.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct InFlight {
    /// The attempt.
    pub id: AttemptId,
    /// The lead it is for.
    pub lead: LeadId,
    /// The lead's campaign.
    pub campaign: CampaignId,
    /// Whose slot it holds.
    pub owner: Owner,
    /// Which slot item: `<shard>/<n>`.
    pub slot: String,
    /// Of the invocation that reserved it.
    pub nonce: Nonce,
    /// How far it came.
    #[serde(rename = "st")]
    pub placement: Placement,
    /// When it was reserved.
    #[serde(with = "chrono::serde::ts_milliseconds")]
    pub reserved_at: DateTime<Utc>,
    /// After this the reserving invocation no longer sends the call.
    #[serde(with = "chrono::serde::ts_milliseconds")]
    pub place_by: DateTime<Utc>,
    /// After this reconcile asks the provider what happened.
    #[serde(with = "chrono::serde::ts_milliseconds")]
    pub lease_until: DateTime<Utc>,
    /// Through whom.
    pub provider: String,
    /// The provider's name for the call, once known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub call_id: Option<CallId>,
    /// When the provider first answered that it knows no such call.
    #[serde(
        default,
        with = "chrono::serde::ts_milliseconds_option",
        skip_serializing_if = "Option::is_none"
    )]
    pub empty_look_at: Option<DateTime<Utc>>,
    /// Longest call in minutes, as the provider is told. What an older build reserved has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_duration_min: Option<u32>,
    /// By what the gate let it pass. What an older build reserved has none.
    #[serde(default, rename = "by", skip_serializing_if = "Option::is_none")]
    pub permitted_by: Option<PermittedBy>,
    /// When a law first closes where the lead may be: a call that has not begun is stopped before.
    #[serde(
        default,
        with = "chrono::serde::ts_seconds_option",
        skip_serializing_if = "Option::is_none"
    )]
    pub law_ends_at: Option<DateTime<Utc>>,
    /// When it was picked up, if the provider said so when it was asked.
    #[serde(
        default,
        with = "chrono::serde::ts_milliseconds_option",
        skip_serializing_if = "Option::is_none"
    )]
    pub started_at: Option<DateTime<Utc>>,
    /// When the provider was first asked to stop it.
    #[serde(
        default,
        with = "chrono::serde::ts_milliseconds_option",
        skip_serializing_if = "Option::is_none"
    )]
    pub stop_asked_at: Option<DateTime<Utc>>,
    /// When the provider first said that it stopped it.
    #[serde(
        default,
        with = "chrono::serde::ts_milliseconds_option",
        skip_serializing_if = "Option::is_none"
    )]
    pub stopped_at: Option<DateTime<Utc>>,
    /// What the lead's history says about it already: each thing once.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub told: BTreeSet<String>,
}

impl InFlight {
    /// When a call is over and reported, if it is picked up at `start`: the provider ends it by the longest duration.
    pub fn over_by(&self, start: DateTime<Utc>) -> DateTime<Utc> {
        let longest_min = self.max_duration_min.unwrap_or(CALL_MIN_MAX);
        start + TimeDelta::minutes(i64::from(longest_min)) + OVER_MARGIN
    }
}

/// How far an attempt in flight came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Placement {
    /// Reserved; the provider is being asked, or its answer was lost.
    Placing,
    /// The provider accepted it.
    Placed,
}

impl Ledger {
    /// Whether the phone is on do-not-call.
    pub const fn is_do_not_call(&self) -> bool {
        self.dnc_at.is_some()
    }

    /// Counted calls on a local date of a window's zone.
    pub fn calls_on(&self, date: NaiveDate, window: &Window) -> u32 {
        let calls = self
            .starts
            .iter()
            .filter(|start| window.date_of(start.at) == date)
            .count();
        u32::try_from(calls).unwrap_or(u32::MAX)
    }

    /// The newest start.
    pub fn last_start(&self) -> Option<DateTime<Utc>> {
        self.starts.iter().map(|start| start.at).max()
    }

    /// The starts to store when one more is added now: none older than 48 hours.
    pub fn starts_with(&self, now: DateTime<Utc>, subject: &Subject) -> Vec<Start> {
        let mut starts = self.live_starts(now);
        starts.push(Start {
            at: whole_seconds_up(now),
            subject: subject.clone(),
        });
        starts
    }

    /// The starts to store when somebody else's call is reported: in the order of time, the newest that are kept. One that
    /// began in the same second as an attempt of ours stands before it.
    pub fn starts_with_reported(&self, at: DateTime<Utc>, subject: &Subject, now: DateTime<Utc>) -> Vec<Start> {
        let start = Start {
            at: whole_seconds_up(at),
            subject: subject.clone(),
        };
        let mut starts = self.live_starts(now);
        let place = starts.iter().position(|other| other.at >= start.at);
        starts.insert(place.unwrap_or(starts.len()), start);
        // A full ledger stays full, and no cap counts so many.
        let surplus = starts.len().saturating_sub(STARTS_MAX);
        starts.split_off(surplus)
    }

    /// The starts to store when the one of an attempt is given back: the one at its reservation.
    pub fn starts_without(&self, reserved_at: DateTime<Utc>) -> Vec<Start> {
        let given_back = whole_seconds_up(reserved_at);
        let mut starts = self.starts.clone();
        if let Some(place) = starts.iter().rposition(|start| start.at == given_back) {
            starts.remove(place);
        }
        starts
    }

    /// The starts that still count.
    pub fn live_starts(&self, now: DateTime<Utc>) -> Vec<Start> {
        let oldest = now - STARTS_KEPT;
        self.starts.iter().filter(|start| start.at > oldest).cloned().collect()
    }

    /// Whether an attempt is the one in flight.
    pub fn holds(&self, attempt: &AttemptId) -> bool {
        self.inflight.as_ref().is_some_and(|inflight| inflight.id == *attempt)
    }
}

impl Start {
    /// Whether it counts where calls about a subject are counted together.
    pub fn is_about(&self, subject: &Subject) -> bool {
        self.subject == *subject || self.subject == Subject::any()
    }
}

impl TryFrom<String> for Start {
    type Error = String;
    fn try_from(stored: String) -> Result<Self, String> {
        let read = || {
            let (at, subject) = stored.split_once('/')?;
            let at = DateTime::from_timestamp(at.parse().ok()?, 0)?;
            Some(Self {
                at,
                subject: Subject::parse(subject).ok()?,
            })
        };
        read().ok_or_else(|| format!("failed to read the start `{stored}`: expected `<epoch seconds>/<subject>`"))
    }
}

impl From<Start> for String {
    fn from(start: Start) -> Self {
        format!("{}/{}", start.at.timestamp(), start.subject)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> DateTime<Utc> {
        DateTime::parse_from_rfc3339(text).unwrap().to_utc()
    }

    #[test]
    fn one_ledger_has_a_different_day_in_every_zone() {
        let subject = Subject::parse("general").unwrap();
        let ledger = Ledger {
            starts: ["2026-11-19T23:30:00Z", "2026-11-20T03:00:00Z", "2026-11-20T06:00:00Z"]
                .map(|t| Start {
                    at: at(t),
                    subject: subject.clone(),
                })
                .to_vec(),
            ..Ledger::default()
        };
        let window = |zone| Window {
            zone,
            days: vec![],
            start: crate::LocalTime::new(0, 0).unwrap(),
            end: crate::LocalTime::new(24, 0).unwrap(),
            blackout_dates: Default::default(),
        };
        let new_york = window(chrono_tz::America::New_York);
        let kolkata = window(chrono_tz::Asia::Kolkata);
        let day = |d| NaiveDate::from_ymd_opt(2026, 11, d).unwrap();
        assert_eq!(
            (ledger.calls_on(day(19), &new_york), ledger.calls_on(day(20), &new_york)),
            (2, 1)
        );
        assert_eq!(
            (ledger.calls_on(day(19), &kolkata), ledger.calls_on(day(20), &kolkata)),
            (0, 3)
        );
    }

    #[test]
    fn a_start_is_never_noted_earlier_than_it_was() {
        let subject = Subject::parse("general").unwrap();
        for (started, noted) in [("10:00:00Z", "10:00:00Z"), ("10:00:00.050Z", "10:00:01Z")] {
            let starts = Ledger::default().starts_with(at(&format!("2026-11-20T{started}")), &subject);
            assert_eq!(starts[0].at, at(&format!("2026-11-20T{noted}")));
        }
    }

    #[test]
    fn a_start_given_back_takes_only_itself() {
        let subject = Subject::parse("general").unwrap();
        let mut ledger = Ledger::default();
        for t in ["2026-11-20T10:00:00.700Z", "2026-11-20T10:05:00Z"] {
            ledger.starts = ledger.starts_with(at(t), &subject);
        }
        let left = ledger.starts_without(at("2026-11-20T10:00:00.700Z"));
        assert_eq!(
            left.iter().map(|s| s.at).collect::<Vec<_>>(),
            [at("2026-11-20T10:05:00Z")]
        );
        assert_eq!(
            ledger.starts_with(at("2026-11-22T11:00:00Z"), &subject).len(),
            1,
            "48 hours later the others are gone"
        );
    }

    #[test]
    fn a_reported_call_stands_in_its_place_and_is_not_given_back_for_ours() {
        let [solar, any] = ["solar", "any"].map(|name| Subject::parse(name).unwrap());
        let (ours, now) = (at("2026-11-20T10:05:00Z"), at("2026-11-20T10:06:00Z"));
        let mut ledger = Ledger::default();
        ledger.starts = ledger.starts_with(ours, &solar);
        for reported in ["2026-11-20T10:05:00Z", "2026-11-20T09:00:00Z", "2026-11-18T09:00:00Z"] {
            ledger.starts = ledger.starts_with_reported(at(reported), &any, now);
        }
        let told = |ledger: &Ledger| ledger.starts.iter().cloned().map(String::from).collect::<Vec<_>>();
        let (nine, five) = (at("2026-11-20T09:00:00Z").timestamp(), ours.timestamp());
        // What is older than two days is put in, and the next who writes leaves it out.
        ledger.starts = ledger.live_starts(now);
        assert_eq!(
            told(&ledger),
            [format!("{nine}/any"), format!("{five}/any"), format!("{five}/solar")]
        );
        ledger.starts = ledger.starts_without(ours);
        assert_eq!(told(&ledger), [format!("{nine}/any"), format!("{five}/any")]);
        assert!(ledger.starts.iter().all(|start| start.is_about(&solar)));
    }

    #[test]
    fn a_full_ledger_stays_full() {
        let any = Subject::any();
        let mut ledger = Ledger::default();
        let now = at("2026-11-20T10:00:00Z");
        for minute in 0..100 {
            ledger.starts = ledger.starts_with_reported(now - TimeDelta::minutes(minute), &any, now);
        }
        assert_eq!((ledger.starts.len(), ledger.last_start()), (STARTS_MAX, Some(now)));
    }
}
