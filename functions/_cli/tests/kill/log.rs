//! The judge: what the phone network's own file says was called, held against hours, caps and stops.
//!
//! Computes everything anew from the file; it never asks the product whether a call was allowed.

use std::{collections::BTreeMap, path::Path};

use chrono::{DateTime, NaiveTime, TimeDelta, Utc};
use chrono_tz::Tz;
use rusqlite::{Connection, OpenFlags};
use serde_json::Value;

/// Two calls to one phone begin at least this far apart.
const GAP: TimeDelta = TimeDelta::minutes(2);

/// A campaign as the test made it.
#[derive(Debug)]
pub(crate) struct Hours {
    pub(crate) campaign: &'static str,
    pub(crate) zone: Tz,
    pub(crate) from: NaiveTime,
    pub(crate) to: NaiveTime,
    pub(crate) calls_a_day: usize,
    pub(crate) calls_at_once: usize,
}

/// One call of the network.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    pub(crate) n: i64,
    pub(crate) id: String,
    pub(crate) phone: String,
    pub(crate) campaign: String,
    pub(crate) attempt: String,
    pub(crate) outcome: String,
    pub(crate) accepted: DateTime<Utc>,
    pub(crate) taken: Option<DateTime<Utc>>,
    pub(crate) ended: DateTime<Utc>,
}

/// After this call somebody was not to be called any more.
#[derive(Debug, Clone)]
pub(crate) struct Stop {
    pub(crate) after: i64,
    pub(crate) whom: Whom,
    /// The last call before it was lifted.
    pub(crate) until: Option<i64>,
}

/// Who is not called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Whom {
    Everybody,
    Phone(String),
    /// A phone in a campaign.
    Lead(String, String),
}

/// The file. It is only ever read, so that what a killed machine left behind is left to the machine.
fn open(data: &Path) -> Connection {
    Connection::open_with_flags(data.join("phones.sqlite"), OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap()
}

/// All calls, in the order in which they were accepted.
pub(crate) fn calls(data: &Path) -> Vec<Call> {
    let time = |ms: i64| DateTime::from_timestamp_millis(ms).unwrap();
    let db = open(data);
    let mut statement = db
        .prepare("SELECT n, call_id, phone, request, outcome, accepted_ms, started_ms, ended_ms FROM calls ORDER BY n")
        .unwrap();
    let rows = statement.query_map([], |row| {
        let request: Value = serde_json::from_str(&row.get::<_, String>(3)?).unwrap();
        let ours = |name: &str| request["metadata"][name].as_str().unwrap_or_default().to_owned();
        Ok(Call {
            n: row.get(0)?,
            id: row.get(1)?,
            phone: row.get(2)?,
            campaign: ours("campaign_id"),
            attempt: ours("attempt_id"),
            outcome: row.get(4)?,
            accepted: time(row.get(5)?),
            taken: row.get::<_, Option<i64>>(6)?.map(time),
            ended: time(row.get(7)?),
        })
    });
    rows.unwrap().map(Result::unwrap).collect()
}

/// The number of the newest call.
pub(crate) fn newest(data: &Path) -> i64 {
    let newest = open(data).query_row("SELECT coalesce(max(n), 0) FROM calls", [], |row| row.get(0));
    newest.unwrap()
}

/// How many reports the network has not delivered.
pub(crate) fn unsent_reports(data: &Path) -> i64 {
    open(data)
        .query_row("SELECT count(*) FROM reports", [], |row| row.get(0))
        .unwrap()
}

/// Everything that must never be, and was.
pub(crate) fn faults(calls: &[Call], hours: &[Hours], stops: &[Stop]) -> Vec<String> {
    let mut faults = Vec::new();
    let mut attempts: BTreeMap<&str, i64> = BTreeMap::new();
    let mut phones: BTreeMap<&str, Vec<&Call>> = BTreeMap::new();
    for call in calls {
        if let Some(other) = attempts.insert(&call.attempt, call.n) {
            faults.push(format!(
                "attempt {} was called twice: {other}, {}",
                call.attempt, call.n
            ));
        }
        phones.entry(&call.phone).or_default().push(call);
        match hours.iter().find(|hours| hours.campaign == call.campaign) {
            None => faults.push(format!("call {} is of no campaign: `{}`", call.n, call.campaign)),
            Some(hours) => {
                for at in [Some(call.accepted), call.taken]
                    .into_iter()
                    .flatten()
                    .filter(|at| !hours.open(*at))
                {
                    faults.push(format!("call {} of {} outside its hours: {at}", call.n, call.campaign));
                }
            }
        }
    }
    for calls in phones.values() {
        one_phone(calls, hours, &mut faults);
    }
    for hours in hours {
        at_once(calls, hours, &mut faults);
    }
    for stop in stops {
        let late = calls.iter().find(|call| stop.forbids(call));
        faults.extend(late.map(|call| format!("call {} after {stop:?}", call.n)));
    }
    faults
}

fn one_phone(calls: &[&Call], hours: &[Hours], faults: &mut Vec<String>) {
    for pair in calls.windows(2) {
        let (first, second) = (pair[0], pair[1]);
        if second.accepted < first.ended {
            faults.push(format!(
                "two calls at once to one phone: {} until {}, {} from {}",
                first.n, first.ended, second.n, second.accepted
            ));
        }
        if second.accepted - first.accepted < GAP {
            let gap = second.accepted - first.accepted;
            faults.push(format!(
                "calls {} and {} are {} ms apart",
                first.n,
                second.n,
                gap.num_milliseconds()
            ));
        }
    }
    for (n, call) in calls.iter().enumerate() {
        let Some(own) = hours.iter().find(|hours| hours.campaign == call.campaign) else {
            continue;
        };
        let date = |at: DateTime<Utc>| at.with_timezone(&own.zone).date_naive();
        let before = calls[..n]
            .iter()
            .filter(|earlier| date(earlier.accepted) == date(call.accepted));
        let before = before.count();
        if before >= own.calls_a_day {
            faults.push(format!("call {} is number {} of its day", call.n, before + 1));
        }
        // A person who said so, or a number that does not exist, is for good.
        let last = ["dnc", "sale", "bad_number"].contains(&call.outcome.as_str());
        if last && let Some(next) = calls.get(n + 1) {
            faults.push(format!(
                "call {} after call {} ended in `{}`",
                next.n, call.n, call.outcome
            ));
        }
    }
}

fn at_once(calls: &[Call], hours: &Hours, faults: &mut Vec<String>) {
    let own = calls.iter().filter(|call| call.campaign == hours.campaign);
    // At the same instant ends come first.
    let mut steps: Vec<(DateTime<Utc>, i64)> = own.flat_map(|call| [(call.accepted, 1), (call.ended, -1)]).collect();
    steps.sort_unstable();
    let mut going_on = 0_i64;
    for (at, step) in steps {
        going_on += step;
        if going_on > i64::try_from(hours.calls_at_once).unwrap() {
            faults.push(format!("{going_on} calls at once in {} at {at}", hours.campaign));
            return;
        }
    }
}

impl Hours {
    /// Whether its phones may ring. It opens every day; hours that end before they begin end on the next day.
    pub(crate) fn open(&self, at: DateTime<Utc>) -> bool {
        let time = at.with_timezone(&self.zone).time();
        if self.from < self.to {
            self.from <= time && time < self.to
        } else {
            self.from <= time || time < self.to
        }
    }
}

impl Stop {
    fn forbids(&self, call: &Call) -> bool {
        let meant = match &self.whom {
            Whom::Everybody => true,
            Whom::Phone(phone) => call.phone == *phone,
            Whom::Lead(campaign, phone) => call.campaign == *campaign && call.phone == *phone,
        };
        meant && call.n > self.after && self.until.is_none_or(|until| call.n <= until)
    }
}

/// A judge that finds nothing proves nothing: each fault is planted once.
#[cfg(test)]
mod tests {
    use super::*;

    fn hours() -> Vec<Hours> {
        vec![Hours {
            campaign: "default",
            zone: chrono_tz::America::New_York,
            from: NaiveTime::from_hms_opt(11, 0, 0).unwrap(),
            to: NaiveTime::from_hms_opt(20, 0, 0).unwrap(),
            calls_a_day: 3,
            calls_at_once: 2,
        }]
    }

    /// A call of 30 seconds, some seconds after the opening of a Monday.
    fn call(n: i64, phone: &str, at_s: i64) -> Call {
        let accepted = DateTime::from_timestamp(1_795_449_600 + at_s, 0).unwrap();
        Call {
            n,
            id: format!("call-{n}"),
            phone: phone.to_owned(),
            campaign: "default".to_owned(),
            attempt: format!("attempt-{n}"),
            outcome: "no_answer".to_owned(),
            accepted,
            taken: None,
            ended: accepted + TimeDelta::seconds(30),
        }
    }

    fn faults_of(calls: &[Call], stops: &[Stop]) -> String {
        faults(calls, &hours(), stops).join("; ")
    }

    #[test]
    fn the_judge_lets_pass_what_is_allowed() {
        let calls = [call(1, "a", 0), call(2, "b", 0), call(3, "a", 120), call(4, "a", 240)];
        assert_eq!(faults_of(&calls, &[]), "");
    }

    #[test]
    fn the_judge_finds_every_planted_fault() {
        let with = |change: fn(&mut Call)| {
            let mut calls = [call(1, "a", 0), call(2, "a", 120)];
            change(&mut calls[0]);
            faults_of(&calls, &[])
        };
        assert!(with(|call| call.attempt = "attempt-2".to_owned()).contains("called twice"));
        assert!(with(|call| call.ended += TimeDelta::seconds(100)).contains("two calls at once to one phone"));
        assert!(with(|call| call.accepted += TimeDelta::seconds(1)).contains("119000 ms apart"));
        assert!(with(|call| call.accepted -= TimeDelta::seconds(1)).contains("outside its hours"));
        assert!(with(|call| call.taken = Some(call.accepted + TimeDelta::hours(9))).contains("outside its hours"));
        assert!(with(|call| call.campaign = "other".to_owned()).contains("of no campaign"));
        assert!(with(|call| call.outcome = "dnc".to_owned()).contains("ended in `dnc`"));
        let four: Vec<Call> = (0..4).map(|n| call(n + 1, "a", n * 120)).collect();
        assert!(faults_of(&four, &[]).contains("call 4 is number 4 of its day"));
        let three: Vec<Call> = (1..4).map(|n| call(n, &n.to_string(), 0)).collect();
        assert!(faults_of(&three, &[]).contains("3 calls at once"));
    }

    #[test]
    fn hours_may_run_past_midnight() {
        let night = Hours {
            from: NaiveTime::from_hms_opt(20, 30, 0).unwrap(),
            to: NaiveTime::from_hms_opt(20, 10, 0).unwrap(),
            ..hours().remove(0)
        };
        let at = |text: &str| DateTime::parse_from_rfc3339(text).unwrap().to_utc();
        for (text, open) in [
            ("20:09:59", true),
            ("20:10:00", false),
            ("20:29:59", false),
            ("20:30:00", true),
            ("02:00:00", true),
        ] {
            assert_eq!(night.open(at(&format!("2026-11-23T{text}-05:00"))), open, "{text}");
        }
    }

    #[test]
    fn the_judge_finds_calls_after_a_stop() {
        let calls = [call(1, "a", 0), call(2, "b", 0)];
        let stop = |after, whom, until| Stop { after, whom, until };
        let lead = |campaign: &str| Whom::Lead(campaign.to_owned(), "b".to_owned());
        for (whom, until) in [
            (lead("default"), None),
            (Whom::Phone("b".to_owned()), None),
            (Whom::Everybody, Some(2)),
        ] {
            assert!(faults_of(&calls, &[stop(1, whom, until)]).contains("call 2 after"));
        }
        for fine in [
            stop(2, Whom::Everybody, None),
            stop(0, Whom::Everybody, Some(0)),
            stop(1, Whom::Phone("a".to_owned()), None),
            stop(1, lead("west"), None),
        ] {
            assert_eq!(faults_of(&calls, &[fine]), "");
        }
    }
}
