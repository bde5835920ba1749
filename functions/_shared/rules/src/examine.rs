//! All that can be said about a rule set's files before anybody uses them, in one look: findings, cases, warnings.
//!
//! ```text
//! files → read and tried → findings
//!                        ↘ cases.csv: what cannot be read is a finding too; what can be read is run, if the scripts run
//! ```

use redial_domain::RuleSetName;

use crate::ruleset::{CASES_FILE, Files};
use crate::{CasesRun, Finding, RuleSet, cases, check};

/// Files that were looked at.
#[derive(Debug)]
pub struct Examined {
    /// The set, if nothing is wrong with its files. Its cases may fail.
    pub set: Option<RuleSet>,
    /// All that is wrong with its files.
    pub findings: Vec<Finding>,
    /// What became of its cases, if it has any and its scripts can be run.
    pub cases: Option<CasesRun>,
}

impl Examined {
    /// Looks at files as the version that they would become.
    pub fn new(name: &RuleSetName, version: u32, files: &Files) -> Self {
        let (set, mut findings) = RuleSet::read(name, version, files);
        let run = files.get(CASES_FILE).and_then(|csv| match &set {
            Some(set) => Some(set.run_cases(csv)),
            None => {
                let (spec, _) = check::spec(name, files, &mut Vec::new())?;
                cases::read(&spec, csv).err().map(Err)
            }
        });
        let cases = match run {
            Some(Ok(run)) => Some(run),
            Some(Err(unreadable)) => {
                findings.extend(unreadable);
                None
            }
            None => None,
        };
        Self {
            set: set.filter(|_| findings.is_empty()),
            findings,
            cases,
        }
    }

    /// Whether the files may be published.
    pub fn is_good(&self) -> bool {
        self.set.is_some() && self.cases.as_ref().is_none_or(|run| run.failures.is_empty())
    }
}
