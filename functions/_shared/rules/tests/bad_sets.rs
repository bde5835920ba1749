//! Every folder of `rules/bad` is refused with exactly the messages of its `expected.txt`.

#![allow(clippy::unwrap_used, reason = "a folder that cannot be read has failed the test")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use redial_domain::RuleSetName;
use redial_rules::{CASES_FILE, Examined, RuleSet, Severity};

const GOOD: &str = "_good";
const EXPECTED: &str = "expected.txt";
/// After the name of a file that the set is shown without.
const MISSING: &str = ".missing";

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../rules/bad")
}

fn files(folder: &Path) -> BTreeMap<String, String> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let name = |path: &Path| path.file_name().unwrap().to_str().unwrap().to_owned();
    entries
        .map(|path| (name(&path), fs::read_to_string(&path).unwrap()))
        .collect()
}

/// All that is said about a set, one message a line.
fn said(files: &BTreeMap<String, String>, runs_cases: bool) -> String {
    let mut files = files.clone();
    if !runs_cases {
        files.remove(CASES_FILE);
    }
    let seen = Examined::new(&RuleSetName::parse("small").unwrap(), 1, &files);
    assert!(seen.findings.iter().all(|finding| finding.severity == Severity::Error));
    let mut lines: Vec<String> = seen.findings.iter().map(ToString::to_string).collect();
    if let Some(run) = seen.cases.filter(|run| !run.failures.is_empty()) {
        lines.push(run.to_string());
    }
    lines.join("\n")
}

#[test]
fn each_bad_set_is_told_what_is_wrong_with_it_to_the_letter() {
    let good = files(&folder().join(GOOD));
    let mut wrong = Vec::new();
    let mut folders: Vec<PathBuf> = fs::read_dir(folder())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    folders.retain(|path| path.is_dir() && !path.ends_with(GOOD));
    folders.sort();
    assert!(folders.len() >= 20, "{} folders", folders.len());
    for path in folders {
        let name = path.file_name().unwrap().to_str().unwrap();
        let mut own = files(&path);
        let Some(expected) = own.remove(EXPECTED) else {
            wrong.push(format!("{name} has no {EXPECTED}; it says\n{}", told(&good, own)));
            continue;
        };
        let said = told(&good, own);
        if said.is_empty() || said.trim_end() != expected.trim_end() {
            wrong.push(format!("{name} says\n{said}\nand not\n{expected}"));
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n\n"));
}

fn told(good: &BTreeMap<String, String>, own: BTreeMap<String, String>) -> String {
    let runs_cases = own.contains_key(CASES_FILE);
    let mut set = good.clone();
    for (file, text) in own {
        match file.strip_suffix(MISSING) {
            Some(gone) => assert!(set.remove(gone).is_some(), "{gone} is in no set"),
            None => {
                set.insert(file, text);
            }
        }
    }
    said(&set, runs_cases)
}

#[test]
fn the_good_set_beside_them_is_good() {
    let good = files(&folder().join(GOOD));
    assert_eq!(said(&good, true), "");
    let set = RuleSet::from_files(&RuleSetName::parse("small").unwrap(), 1, &good).unwrap();
    assert_eq!(set.warnings(), []);
}

#[test]
fn no_message_speaks_as_a_program_does() {
    for path in fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().path()) {
        let Ok(text) = fs::read_to_string(path.join(EXPECTED)) else {
            continue;
        };
        for programmer in [
            "i64",
            "u32",
            "f64",
            "bool",
            "String",
            "&str",
            "struct",
            "enum",
            "variant",
            "Dynamic",
            "Option",
            "Vec",
            "map",
            "array",
            "integer",
            "boolean",
            "fn ",
            "panic",
            "::",
            "Expecting",
            "keyword",
        ] {
            // What stands in quotes is the author's own, or how to write it.
            let ours: String = text.split('`').step_by(2).collect();
            assert!(!ours.contains(programmer), "{}: {programmer}: {text}", path.display());
        }
    }
}
