//! What a replay found: sums over all calls, and for each lead what would have been different.
//!
//! Holds no phone number and nothing that was said: ids, words of the rule set, times, and the reasons of scripts that
//! cannot see a talk. What a script that reads talks throws is left out.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use redial_domain::{Attempt, AttemptId, Disposition, LeadId, Outcome, StatusName, StopScope};
use serde::{Deserialize, Serialize};

use super::plan::{Plan, SAME_TIME};
use crate::{RuleError, RuleSet};

/// Errors of the candidate that are told apart; nobody reads more before mending the first.
pub const ERRORS_MAX: usize = 50;
/// Letters of a reason or message that are shown: a sentence. Scripts can make them as long as they like.
const REASON_MAX: usize = 200;
/// How the messages begin that hold nothing of what a script read.
const OWN_MESSAGES: [&str; 5] = [
    "it took more than",
    "functions call each other",
    "it made more than",
    "a text, list or table grew",
    "it ended without an answer",
];

/// What would have been different.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Difference {
    /// Sums.
    pub totals: Totals,
    /// The leads for which something would, by their id.
    pub leads: Vec<LeadDifference>,
}

/// Sums of a replay. Sums of parts can be added, because a lead is in one part only.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Totals {
    /// Calls that were decided on and are replayed.
    pub attempts: u64,
    /// Of them, those whose payload is gone or never was: decided by what their attempt still says.
    pub without_payload: u64,
    /// Calls of leads that were gone when the call ended; nobody decides about them.
    pub without_lead: u64,
    /// Leads that were called.
    pub leads: u64,
    /// Of them, those for which something would be different.
    pub leads_changed: u64,
    /// Decisions that would be different.
    pub decisions_changed: u64,
    /// Stops that were not made, by how far they reach.
    pub stops_gained: BTreeMap<String, u64>,
    /// Stops that were made and would not be.
    pub stops_lost: BTreeMap<String, u64>,
    /// Stops of calls that would not have been placed, or not at that time: nobody knows whether they would have come,
    /// by how far they reached.
    pub stops_left_out: BTreeMap<String, u64>,
    /// Next calls that would come sooner.
    pub sooner: u64,
    /// Next calls that would come later.
    pub later: u64,
    /// Calls that would not have been placed, by what they meant.
    pub calls_fewer: BTreeMap<Disposition, u64>,
    /// Leads that would be called at least once more.
    pub calls_more_at_least: u64,
    /// Calls whose rule failed then and does not now.
    pub now_decided: u64,
    /// Calls on which the candidate fails; their leads would be parked.
    pub errors_total: u64,
    /// Where and how often, the first [`ERRORS_MAX`].
    pub errors: BTreeMap<String, u64>,
    /// From which status to which, by how calls ended and what they meant.
    #[serde(rename = "statuses", with = "rows")]
    pub rows: BTreeMap<Row, u64>,
}

/// A line of the table of statuses.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Row {
    /// How the call ended.
    pub outcome: Outcome,
    /// What it meant.
    pub disposition: Disposition,
    /// The lead's status after it; none when the rule failed.
    pub status_was: Option<StatusName>,
    /// What it would be; none when the candidate fails.
    pub status_would_be: Option<StatusName>,
}

/// Maps with more than a text as key are lists in JSON.
mod rows {
    use std::collections::BTreeMap;

    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use super::Row;

    #[derive(Serialize, Deserialize)]
    struct Counted {
        #[serde(flatten)]
        row: Row,
        attempts: u64,
    }

    pub(super) fn serialize<S: Serializer>(rows: &BTreeMap<Row, u64>, to: S) -> Result<S::Ok, S::Error> {
        to.collect_seq(rows.iter().map(|(row, attempts)| Counted {
            row: row.clone(),
            attempts: *attempts,
        }))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<BTreeMap<Row, u64>, D::Error> {
        let rows: Vec<Counted> = Vec::deserialize(from)?;
        Ok(rows
            .into_iter()
            .map(|counted| (counted.row, counted.attempts))
            .collect())
    }
}

/// One lead for which something would be different.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeadDifference {
    /// The lead.
    pub lead_id: LeadId,
    /// Its status after its last call.
    pub status_was: StatusName,
    /// What it would be.
    pub status_would_be: StatusName,
    /// Calls that would not have been placed.
    pub calls_fewer: u32,
    /// Calls more.
    pub calls_more_at_least: u32,
    /// The first decisions that would be different.
    pub changes: Vec<Change>,
    /// So many more.
    pub changes_left_out: u32,
}

/// One decision that would be different. What would be the same is left out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// About which call.
    pub attempt_id: AttemptId,
    /// When it began.
    pub at: DateTime<Utc>,
    /// How it ended.
    pub outcome: Outcome,
    /// What it meant.
    pub disposition: Disposition,
    /// What it would mean.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disposition_would_be: Option<Disposition>,
    /// The lead's status after it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status_was: Option<StatusName>,
    /// What it would be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status_would_be: Option<StatusName>,
    /// The stop that was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stop_was: Option<StopScope>,
    /// The stop that would be made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stop_would_be: Option<StopScope>,
    /// The next call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_was: Option<DateTime<Utc>>,
    /// When it would be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_would_be: Option<DateTime<Utc>>,
    /// The script and line that would decide.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<String>,
    /// Its reason.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// Why the candidate fails.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
}

impl Change {
    pub(super) fn of(attempt: &Attempt) -> Self {
        Self {
            attempt_id: attempt.id.clone(),
            at: attempt.started_at,
            outcome: attempt.outcome,
            disposition: attempt.disposition,
            disposition_would_be: None,
            status_was: None,
            status_would_be: None,
            stop_was: None,
            stop_would_be: None,
            next_was: None,
            next_would_be: None,
            line: None,
            why: None,
            problem: None,
        }
    }

    /// Whether nothing would be different.
    pub(super) const fn is_none(&self) -> bool {
        self.disposition_would_be.is_none()
            && self.status_would_be.is_none()
            && self.stop_was.is_none()
            && self.stop_would_be.is_none()
            && self.next_was.is_none()
            && self.next_would_be.is_none()
            && self.problem.is_none()
    }

    pub(super) fn status(&mut self, was: Option<&StatusName>, would_be: Option<&StatusName>) {
        if was != would_be {
            self.status_was = was.cloned();
            self.status_would_be = would_be.cloned();
        }
    }

    pub(super) fn disposition(&mut self, was: Disposition, would_be: Disposition) {
        self.disposition_would_be = (was != would_be).then_some(would_be);
    }

    pub(super) fn stop(&mut self, was: Option<StopScope>, would_be: Option<StopScope>, totals: &mut Totals) {
        if was == would_be {
            return;
        }
        let mut count = |scope: Option<StopScope>, sums: fn(&mut Totals) -> &mut BTreeMap<String, u64>| {
            if let Some(scope) = scope {
                *sums(totals).entry(scope_word(scope).to_owned()).or_default() += 1;
            }
        };
        count(would_be, |totals| &mut totals.stops_gained);
        count(was, |totals| &mut totals.stops_lost);
        self.stop_was = was;
        self.stop_would_be = would_be;
    }

    pub(super) fn next(&mut self, was: Plan, would_be: Plan, totals: &mut Totals) {
        let time = |plan| match plan {
            Plan::At(time) => Some(time),
            Plan::Never | Plan::Unknown => None,
        };
        match (time(was), time(would_be)) {
            (Some(was), Some(would_be)) if (would_be - was).abs() < SAME_TIME => return,
            (Some(was), Some(would_be)) if would_be < was => totals.sooner += 1,
            (Some(_), Some(_)) => totals.later += 1,
            (None, None) => return,
            _ => {}
        }
        self.next_was = time(was);
        self.next_would_be = time(would_be);
    }
}

/// A reason as far as it is shown.
pub(super) fn cut(reason: &str) -> String {
    reason.chars().take(REASON_MAX).collect()
}

pub(super) const fn scope_word(scope: StopScope) -> &'static str {
    match scope {
        StopScope::Lead => "lead",
        StopScope::Subject => "subject",
        StopScope::Phone => "phone",
    }
}

impl Totals {
    pub(super) fn row(&mut self, attempt: &Attempt, was: Option<&StatusName>, would_be: Option<&StatusName>) {
        let row = Row {
            outcome: attempt.outcome,
            disposition: attempt.disposition,
            status_was: was.cloned(),
            status_would_be: would_be.cloned(),
        };
        *self.rows.entry(row).or_default() += 1;
    }

    /// Counts an error of the candidate and gives its text without anything that somebody said.
    pub(super) fn error(&mut self, error: &RuleError, rules: &RuleSet) -> String {
        let message = if !rules.reads_talks(error.script) {
            error.message.as_str()
        } else {
            let own = OWN_MESSAGES.iter().find(|own| error.message.starts_with(*own));
            own.copied()
                .unwrap_or("it failed; what it said may hold a talk and is left out")
        };
        let text = format!("{}:{}: {}", error.script, error.line, cut(message));
        self.errors_total += 1;
        add_bounded(&mut self.errors, &text, 1);
        text
    }

    /// Adds the sums of another part.
    pub fn add(&mut self, other: &Self) {
        self.attempts += other.attempts;
        self.without_payload += other.without_payload;
        self.without_lead += other.without_lead;
        self.leads += other.leads;
        self.leads_changed += other.leads_changed;
        self.decisions_changed += other.decisions_changed;
        self.sooner += other.sooner;
        self.later += other.later;
        self.calls_more_at_least += other.calls_more_at_least;
        self.now_decided += other.now_decided;
        self.errors_total += other.errors_total;
        add_all(&mut self.stops_gained, &other.stops_gained);
        add_all(&mut self.stops_lost, &other.stops_lost);
        add_all(&mut self.stops_left_out, &other.stops_left_out);
        add_all(&mut self.calls_fewer, &other.calls_fewer);
        add_all(&mut self.rows, &other.rows);
        for (text, n) in &other.errors {
            add_bounded(&mut self.errors, text, *n);
        }
    }

    /// The sums that are one number each.
    pub fn counts(&self) -> BTreeMap<String, u64> {
        let counts = [
            ("attempts", self.attempts),
            ("without_payload", self.without_payload),
            ("without_lead", self.without_lead),
            ("leads", self.leads),
            ("leads_changed", self.leads_changed),
            ("decisions_changed", self.decisions_changed),
            ("stops_gained", self.stops_gained.values().sum()),
            ("stops_lost", self.stops_lost.values().sum()),
            ("stops_left_out", self.stops_left_out.values().sum()),
            ("sooner", self.sooner),
            ("later", self.later),
            ("calls_fewer", self.calls_fewer.values().sum()),
            ("calls_more_at_least", self.calls_more_at_least),
            ("now_decided", self.now_decided),
            ("errors", self.errors_total),
        ];
        counts.map(|(name, n)| (name.to_owned(), n)).into()
    }
}

fn add_all<K: Ord + Clone>(to: &mut BTreeMap<K, u64>, from: &BTreeMap<K, u64>) {
    for (key, n) in from {
        *to.entry(key.clone()).or_default() += n;
    }
}

fn add_bounded(errors: &mut BTreeMap<String, u64>, text: &str, n: u64) {
    if let Some(known) = errors.get_mut(text) {
        *known += n;
    } else if errors.len() < ERRORS_MAX {
        errors.insert(text.to_owned(), n);
    }
}
