//! A rule set that may be used: read, checked, compiled once.
//!
//! Whoever holds one knows that its files are complete, its words consistent, and that every kind of call gets an
//! answer. Where it came from and whether it is the active version is not known here.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use redial_domain::RuleSetName;
use rhai::AST;
use sha2::{Digest, Sha256};

use crate::check::IsConsistent;
use crate::facts::Fact;
use crate::spec::{Spec, Status};
use crate::talk::Ears;
use crate::{Finding, Script, check, trial};

/// The file with statuses, words, intervals and first settings.
pub const SPEC_FILE: &str = "ruleset.toml";

/// The table of cases, for people and for the check before publishing. A set may be without.
pub const CASES_FILE: &str = "cases.csv";

/// The texts of a set's files by their names.
pub type Files = BTreeMap<String, String>;

/// A rule set of one version.
pub struct RuleSet {
    pub(crate) name: RuleSetName,
    pub(crate) version: u32,
    pub(crate) hash: String,
    pub(crate) spec: Spec,
    pub(crate) default_status: Status,
    /// In the order of [`Script::ALL`].
    pub(crate) scripts: [Compiled; 4],
    warnings: Vec<Finding>,
    /// The keywords, ready to listen.
    pub(crate) ears: Ears,
}

/// One script, ready to run; by default an empty one.
#[derive(Default)]
pub(crate) struct Compiled {
    pub(crate) ast: AST,
    /// The facts that it names.
    pub(crate) uses: Vec<&'static Fact>,
    /// The statuses that it sets, if all are written out.
    pub(crate) sets: Option<BTreeSet<String>>,
    pub(crate) lines: usize,
}

impl RuleSet {
    /// Reads, checks and compiles a rule set from its files by name: `ruleset.toml`, the four scripts and, if there,
    /// `cases.csv`, which is only part of the hash here.
    ///
    /// # Errors
    /// All that is wrong with it, as far as one fault does not hide the next. What only looks wrong is in
    /// [`RuleSet::warnings`]. Its cases are looked at by [`Examined`](crate::Examined).
    pub fn from_files(name: &RuleSetName, version: u32, files: &Files) -> Result<Self, Vec<Finding>> {
        let (set, findings) = Self::read(name, version, files);
        match set {
            Some(set) if findings.is_empty() => Ok(set),
            _ => Err(findings),
        }
    }

    /// The set, if all its scripts can at least be run, and all that is wrong with it. What has findings must not decide
    /// about leads; its cases can still be run.
    pub(crate) fn read(name: &RuleSetName, version: u32, files: &Files) -> (Option<Self>, Vec<Finding>) {
        let hash = hash(files);
        let files = &without_marks(files);
        let mut findings = check::files(files);
        let spec = check::spec(name, files, &mut findings);
        // Without the statuses nothing can be said about the words in scripts; their grammar can still be checked.
        let scripts =
            Script::ALL.map(|script| check::script(script, files, spec.as_ref().map(|(spec, _)| spec), &mut findings));
        let Some((spec, IsConsistent(true))) = spec else {
            return (None, in_order(findings));
        };
        let Some(default_status) = spec.statuses.iter().find(|status| status.default).cloned() else {
            findings.push(Finding::file(SPEC_FILE, "no status is the default"));
            return (None, in_order(findings));
        };
        let run = Script::ALL.into_iter().zip(&scripts);
        let run: Vec<Script> = run
            .filter(|(_, compiled)| compiled.is_some())
            .map(|(script, _)| script)
            .collect();
        let mut set = Self {
            name: name.clone(),
            version,
            hash,
            ears: Ears::new(&spec),
            spec,
            default_status,
            scripts: scripts.map(Option::unwrap_or_default),
            warnings: Vec::new(),
        };
        findings.extend(trial::every_kind_of_call(&set, &run));
        if findings.is_empty() {
            let mut warnings = check::statuses_that_nobody_has(&set, files);
            warnings.extend(trial::outcomes_that_nobody_handles(&set));
            if !files.contains_key(CASES_FILE) {
                let none = Finding::file(
                    CASES_FILE,
                    "there are no cases, so nobody knows whether it does what it is meant to",
                );
                warnings.push(none.hint("write some; rules/README.md shows how").warning());
            }
            set.warnings = in_order(warnings);
        }
        let can_run = run.len() == Script::ALL.len();
        (can_run.then_some(set), in_order(findings))
    }

    /// Its name.
    pub fn name(&self) -> &RuleSetName {
        &self.name
    }

    /// Its version; 0 is the built-in one.
    pub fn version(&self) -> u32 {
        self.version
    }

    /// The first 12 hex digits of the SHA-256 of its files' names and contents.
    pub fn hash(&self) -> &str {
        &self.hash
    }

    /// What its author should look at; none of it keeps the set from being used.
    pub fn warnings(&self) -> &[Finding] {
        &self.warnings
    }

    /// What `ruleset.toml` says.
    pub fn spec(&self) -> &Spec {
        &self.spec
    }

    /// Whether a script sees what was said in a talk.
    pub(crate) fn reads_talks(&self, script: Script) -> bool {
        self.scripts[script.index()]
            .uses
            .iter()
            .any(|fact| fact.only_auto_status)
    }

    /// The status of new leads.
    pub fn default_status(&self) -> &Status {
        &self.default_status
    }
}

impl fmt::Debug for RuleSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RuleSet({} version {} {})", self.name, self.version, self.hash)
    }
}

/// The files without the invisible mark that some editors put first.
fn without_marks(files: &Files) -> Files {
    files
        .iter()
        .map(|(name, text)| (name.clone(), text.strip_prefix('\u{feff}').unwrap_or(text).to_owned()))
        .collect()
}

/// Lengths are hashed too, so that text cannot wander from one file into the next unseen.
fn hash(files: &Files) -> String {
    let mut sha = Sha256::new();
    for (name, text) in files {
        for part in [name, text] {
            sha.update((part.len() as u64).to_be_bytes());
            sha.update(part.as_bytes());
        }
    }
    hex::encode(&sha.finalize()[..6])
}

fn in_order(mut findings: Vec<Finding>) -> Vec<Finding> {
    let place = |file: &str| {
        Script::ALL
            .iter()
            .position(|script| script.file() == file)
            .map_or(0, |at| at + 1)
    };
    findings.sort_by_key(|finding| (place(&finding.file), finding.line, finding.column));
    findings.dedup();
    findings
}
