//! Says all that is wrong with a rule set's files, in plain words, before anything runs.
//!
//! Three looks: are the files there; is `ruleset.toml` consistent; does each script use only facts, answers and words
//! that exist. What a script answers to which call is `trial`'s question.

mod auto_status;
mod conditions;
mod script;
mod spec;
mod spec_text;
mod switch;
mod truth;

use std::collections::BTreeSet;

use redial_domain::RuleSetName;

pub(crate) use script::script;

use crate::finding::position;
use crate::ruleset::{CASES_FILE, Files, SPEC_FILE};
use crate::spec::Spec;
use crate::{Finding, RuleSet, Script};

/// Bytes of `ruleset.toml` and of `cases.csv`: some thousand lines.
const FILE_BYTES_MAX: usize = 256 * 1_024;

/// Missing, unknown and oversized files.
pub(crate) fn files(files: &Files) -> Vec<Finding> {
    let needed: Vec<&str> = std::iter::once(SPEC_FILE)
        .chain(Script::ALL.map(Script::file))
        .collect();
    let missing = needed.iter().filter(|file| !files.contains_key(**file));
    let mut findings: Vec<Finding> = missing
        .map(|file| Finding::file(file, "this file is missing"))
        .collect();
    for (file, text) in files {
        if !needed.contains(&file.as_str()) && file != CASES_FILE {
            let known = needed.iter().copied().chain([CASES_FILE]);
            findings.push(Finding::file(file, "a rule set has no such file").did_you_mean(file, known));
        } else if text.len() > FILE_BYTES_MAX {
            findings.push(Finding::file(
                file,
                format!("the file is longer than {FILE_BYTES_MAX} bytes"),
            ));
        }
    }
    findings
}

/// Reads and checks `ruleset.toml`. A set of another name than its folder's can be tried, one with any other fault
/// cannot: then it is only good for looking at the words in scripts and cases.
pub(crate) fn spec(name: &RuleSetName, files: &Files, findings: &mut Vec<Finding>) -> Option<(Spec, IsConsistent)> {
    let text = files.get(SPEC_FILE).filter(|text| text.len() <= FILE_BYTES_MAX)?;
    let mut faults = Vec::new();
    let read = spec_text::read(text, &mut faults);
    let spec = read.spec.map(|spec| {
        spec::check(&read.text, &spec, &mut faults);
        (spec, IsConsistent(faults.is_empty()))
    });
    if let Some((spec, _)) = &spec {
        faults.extend(spec::check_name(name, text, spec));
    }
    findings.append(&mut faults);
    spec
}

/// Whether a rule set's file has no fault but its name.
#[derive(Clone, Copy)]
pub(crate) struct IsConsistent(pub(crate) bool);

/// Statuses that no lead ever gets by a rule, or never can get. People set statuses by hand too, so they may be meant.
pub(crate) fn statuses_that_nobody_has(set: &RuleSet, files: &Files) -> Vec<Finding> {
    let text = files.get(SPEC_FILE).map_or("", String::as_str);
    // A status that is put together while a script runs may be any.
    let sets: Option<Vec<&BTreeSet<String>>> = set.scripts.iter().map(|script| script.sets.as_ref()).collect();
    let mut warnings = Vec::new();
    for status in set.spec.statuses.iter().filter(|status| !status.default) {
        let name = &status.name;
        let is_set = sets
            .as_ref()
            .is_none_or(|sets| sets.iter().any(|sets| sets.contains(name.as_str())));
        let is_reached = set
            .spec
            .statuses
            .iter()
            .any(|from| from.name != *name && set.spec.may_move(&from.name, name));
        let finding = |message: String| {
            let at = text
                .find(&format!("\"{name}\""))
                .map_or((0, 0), |byte| position(text, byte));
            Finding::at(SPEC_FILE, at, message).warning()
        };
        if !is_reached {
            let hint = format!("name `{name}` in [transitions] after the statuses from which a lead may get it");
            warnings.push(finding(format!("no lead can get the status `{name}`")).hint(hint));
        } else if !is_set {
            let hint = "leave it out, unless people set it by hand";
            warnings.push(finding(format!("no script sets the status `{name}`")).hint(hint));
        }
    }
    warnings
}
