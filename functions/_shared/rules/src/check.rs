//! Says all that is wrong with a rule set's files, in plain words, before anything runs.
//!
//! Three looks: are the files there; is `ruleset.toml` consistent; does each script use only facts, answers and words
//! that exist. What a script answers to which call is `trial`'s question.

mod auto_status;
mod script;
mod spec;

use std::collections::BTreeMap;

use redial_domain::RuleSetName;

pub(crate) use script::script;

use crate::finding::{plain, position};
use crate::ruleset::{CASES_FILE, SPEC_FILE};
use crate::spec::Spec;
use crate::{Finding, Script};

type Files = BTreeMap<String, String>;

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

/// Reads and checks `ruleset.toml`.
pub(crate) fn spec(name: &RuleSetName, files: &Files, findings: &mut Vec<Finding>) -> Option<Spec> {
    let text = files.get(SPEC_FILE).filter(|text| text.len() <= FILE_BYTES_MAX)?;
    match Spec::parse(text) {
        Ok(spec) => {
            spec::check(name, text, &spec, findings);
            Some(spec)
        }
        Err((byte, message)) => {
            findings.push(Finding::at(SPEC_FILE, position(text, byte), plain(&message)));
            None
        }
    }
}
