//! A rule set with one file changed.
#![allow(dead_code, reason = "each test file uses its part")]
#![allow(clippy::unwrap_used, reason = "a test helper that fails is a failed test")]

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use redial_domain::{
    Direction, Disposition, EventKind, Facts, Outcome, RuleAnswer, RuleFacts, RuleSetName, StatusName,
};
use redial_rules::{Finding, RuleError, RuleSet};

pub(crate) fn name() -> RuleSetName {
    RuleSetName::parse("until-sale-or-dnc").unwrap()
}

pub(crate) fn files() -> BTreeMap<String, String> {
    let files = RuleSet::built_in_files(&name()).unwrap();
    files
        .iter()
        .map(|(file, text)| ((*file).to_owned(), (*text).to_owned()))
        .collect()
}

pub(crate) fn with(file: &str, text: &str) -> Result<RuleSet, Vec<Finding>> {
    let mut files = files();
    files.insert(file.to_owned(), text.to_owned());
    RuleSet::from_files(&name(), 3, &files)
}

/// The set with some words of `ruleset.toml` replaced.
pub(crate) fn with_spec(from: &str, to: &str) -> Result<RuleSet, Vec<Finding>> {
    let text = files().remove("ruleset.toml").unwrap();
    assert!(text.contains(from), "{from}");
    with("ruleset.toml", &text.replacen(from, to, 1))
}

pub(crate) fn findings(result: Result<RuleSet, Vec<Finding>>) -> Vec<String> {
    result
        .err()
        .unwrap_or_default()
        .iter()
        .map(ToString::to_string)
        .collect()
}

pub(crate) fn noon() -> DateTime<Utc> {
    "2026-11-20T17:00:00Z".parse().unwrap()
}

/// A call to decide about: outbound, just ended, the first of the day, of a new lead.
pub(crate) struct Call {
    pub(crate) facts: Facts,
    pub(crate) status: &'static str,
    pub(crate) known: Disposition,
    pub(crate) attempts_today: u32,
    pub(crate) intervals_min: Option<Vec<u32>>,
}

impl Call {
    pub(crate) fn ended(outcome: Outcome) -> Self {
        Self {
            facts: Facts::ended(outcome),
            status: "new",
            known: Disposition::Unknown,
            attempts_today: 1,
            intervals_min: None,
        }
    }

    pub(crate) fn word(outcome: Outcome, word: &str) -> Self {
        let mut call = Self::ended(outcome);
        call.facts.disposition_word = Some(word.to_owned());
        call
    }

    pub(crate) fn facts<T>(&self, use_them: impl FnOnce(&RuleFacts<'_>) -> T) -> T {
        use_them(&RuleFacts {
            facts: &self.facts,
            kind: EventKind::Ended,
            direction: Direction::Outbound,
            status: &StatusName::parse(self.status).unwrap(),
            known: self.known,
            attempts: self.attempts_today,
            attempts_today: self.attempts_today,
            intervals_min: self.intervals_min.as_deref(),
            ended_at: noon(),
        })
    }

    pub(crate) fn decide(&self, set: &RuleSet) -> Result<RuleAnswer, RuleError> {
        self.facts(|facts| set.decide(facts))
    }
}
