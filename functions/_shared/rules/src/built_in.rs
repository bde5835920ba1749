//! The rule sets that ship inside the program, so that a table without any still has rules to call by.
//!
//! Which set a campaign uses, and that the built-in one is taken only after a read that found no active version, is
//! decided elsewhere.

use std::sync::{Arc, OnceLock};

use redial_domain::RuleSetName;

use crate::{Finding, RuleSet};

/// The version of every built-in set; published ones count from 1.
const BUILT_IN_VERSION: u32 = 0;

macro_rules! embedded {
    ($set:literal) => {
        (
            $set,
            &[
                (
                    "ruleset.toml",
                    include_str!(concat!("../../../../rules/", $set, "/ruleset.toml")),
                ),
                (
                    "outcome_to_status.rhai",
                    include_str!(concat!("../../../../rules/", $set, "/outcome_to_status.rhai")),
                ),
                (
                    "auto_status.rhai",
                    include_str!(concat!("../../../../rules/", $set, "/auto_status.rhai")),
                ),
                (
                    "stop_redial.rhai",
                    include_str!(concat!("../../../../rules/", $set, "/stop_redial.rhai")),
                ),
                (
                    "redial_interval.rhai",
                    include_str!(concat!("../../../../rules/", $set, "/redial_interval.rhai")),
                ),
                (
                    "cases.csv",
                    include_str!(concat!("../../../../rules/", $set, "/cases.csv")),
                ),
            ],
        )
    };
}

type Embedded = (&'static str, &'static [(&'static str, &'static str)]);

const EMBEDDED: &[Embedded] = &[
    embedded!("until-sale-or-dnc"),
    embedded!("stop-on-transfer"),
    embedded!("recycling"),
    embedded!("property-india"),
    embedded!("kanban-he"),
];

type Loaded = Result<Arc<RuleSet>, Vec<Finding>>;

/// A set by its name, read and checked when it is first asked for: a function that starts waits for no other.
fn loaded(set: &str) -> Option<&'static Loaded> {
    static SETS: [OnceLock<Loaded>; EMBEDDED.len()] = [const { OnceLock::new() }; EMBEDDED.len()];
    let at = EMBEDDED.iter().position(|(name, _)| *name == set)?;
    Some(SETS.get(at)?.get_or_init(|| {
        let files = EMBEDDED[at].1.iter();
        let files = files
            .map(|(file, text)| ((*file).to_owned(), (*text).to_owned()))
            .collect();
        let name = RuleSetName::parse(set).map_err(|error| vec![Finding::file(set, error.to_string())])?;
        RuleSet::from_files(&name, BUILT_IN_VERSION, &files).map(Arc::new)
    }))
}

impl RuleSet {
    /// The built-in set of that name, compiled once for the process.
    pub fn built_in(name: &RuleSetName) -> Option<Arc<Self>> {
        loaded(name.as_str())?.as_ref().ok().cloned()
    }

    /// The names of the built-in sets.
    pub fn built_in_names() -> impl Iterator<Item = &'static str> {
        EMBEDDED.iter().map(|(set, _)| *set)
    }

    /// The files of a built-in set, by name.
    pub fn built_in_files(name: &RuleSetName) -> Option<&'static [(&'static str, &'static str)]> {
        EMBEDDED
            .iter()
            .find(|(set, _)| *set == name.as_str())
            .map(|(_, files)| *files)
    }
}

#[cfg(test)]
mod tests {
    use redial_domain::{Disposition, is_stop_word};

    use super::*;

    #[test]
    fn every_built_in_set_passes_its_check_and_its_cases() {
        for set in RuleSet::built_in_names() {
            let rules = match loaded(set).unwrap() {
                Ok(rules) => rules,
                Err(findings) => {
                    panic!(
                        "{set}:\n{}",
                        findings.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
                    )
                }
            };
            for word in &rules.spec().words[&Disposition::Dnc] {
                assert!(is_stop_word(word), "{set}: `{word}` is a stop before any rule is asked");
            }
            let files = RuleSet::built_in_files(rules.name()).unwrap();
            let (_, cases) = files.iter().find(|(file, _)| *file == crate::CASES_FILE).unwrap();
            let run = rules.run_cases(cases).unwrap();
            assert!(run.failures.is_empty(), "{set}:\n{run}");
            assert!(run.rows >= 40, "{set} has {} cases", run.rows);
        }
    }

    #[test]
    fn a_set_that_does_not_ship_is_not_there() {
        assert!(RuleSet::built_in(&RuleSetName::parse("no-such-set").unwrap()).is_none());
    }
}
