//! Every example of `rules/README.md` is one that a person can copy: it passes the check in a set that ships.

#![allow(clippy::unwrap_used, reason = "a test helper that fails is a failed test")]

use std::collections::BTreeMap;

use redial_domain::RuleSetName;
use redial_rules::{RuleSet, Script};

const README: &str = include_str!("../../../../rules/README.md");

type Files = BTreeMap<String, String>;

fn shipped(set: &str) -> Files {
    let name = RuleSetName::parse(set).unwrap();
    let files = RuleSet::built_in_files(&name).unwrap().iter();
    files
        .map(|(file, text)| ((*file).to_owned(), (*text).to_owned()))
        .collect()
}

/// The blocks without a language: rules and settings. Commands are marked `sh`.
fn examples() -> Vec<String> {
    let mut examples = Vec::new();
    let mut lines = README.lines();
    while let Some(line) = lines.next() {
        if let Some(language) = line.trim_start().strip_prefix("```") {
            let block: Vec<&str> = lines.by_ref().take_while(|line| line.trim() != "```").collect();
            if language.is_empty() {
                examples.push(block.join("\n"));
            }
        }
    }
    examples
}

/// `ruleset.toml` with this setting instead of its own.
fn with_setting(spec: &str, example: &str) -> String {
    let name = example.split(" = ").next().unwrap();
    let has_it = |line: &&str| line.starts_with(&format!("{name} = "));
    // A status and a word may have one name; words come last.
    match spec.lines().rfind(has_it) {
        Some(own) => spec.replace(own, example),
        None => spec.replace("[transitions]\n", &format!("[transitions]\n{example}\n")),
    }
}

/// `ruleset.toml` without the tables of this name, and with the example's at the end.
fn with_table(spec: &str, example: &str) -> String {
    let header = example.lines().next().unwrap();
    let family = header.trim_matches(['[', ']']).split('.').next().unwrap();
    let mut skipping = false;
    let kept: Vec<&str> = spec
        .lines()
        .filter(|line| {
            if line.starts_with('[') {
                let name = line.trim_start_matches('[').split(['.', ']']).next().unwrap();
                skipping = name == family;
            }
            !skipping
        })
        .collect();
    format!("{}\n\n{example}\n", kept.join("\n"))
}

#[test]
fn every_example_of_the_readme_passes_the_check() {
    let examples = examples();
    assert!(examples.len() >= 9, "{} examples", examples.len());
    // A status and its moves are two blocks of one change.
    let (mut status, mut scripts, mut settings, mut promised) = (None::<String>, 0, 0, 0);
    for example in &examples {
        let mut set = "until-sale-or-dnc";
        let mut files;
        if example.starts_with("if ") {
            scripts += 1;
            files = shipped(set);
            let script = if example.contains("set_status") {
                Script::OutcomeToStatus
            } else {
                Script::StopRedial
            };
            // A whole script, or the lines with which a longer one begins.
            let text = if example.contains("thinking") {
                let shipped = &files[script.file()];
                let (before, after) = shipped
                    .split_once(example.lines().last().unwrap().strip_prefix("else ").unwrap())
                    .unwrap();
                format!("{before}{example}{after}")
            } else {
                example.clone()
            };
            files.insert(script.file().into(), text);
            if let Some(spec) = status.as_ref().filter(|_| example.contains("thinking")) {
                files.insert("ruleset.toml".into(), spec.clone());
            }
        } else if example.starts_with("[[status]]") {
            // Checked with its moves, below.
            let spec = &shipped(set)["ruleset.toml"];
            status = Some(spec.replacen("[[status]]", &format!("{example}\n\n[[status]]"), 1));
            continue;
        } else if example.starts_with('[') {
            settings += 1;
            set = "kanban-he";
            files = shipped(set);
            let spec = with_table(&files["ruleset.toml"], example);
            files.insert("ruleset.toml".into(), spec);
        } else {
            settings += 1;
            files = shipped(set);
            let base = status.clone().filter(|_| example.starts_with("thinking"));
            let spec = with_setting(&base.unwrap_or_else(|| files["ruleset.toml"].clone()), example);
            if example.starts_with("thinking") {
                status = Some(spec.clone());
            }
            files.insert("ruleset.toml".into(), spec);
        }
        let found = RuleSet::from_files(&RuleSetName::parse(set).unwrap(), 1, &files);
        let rules = match found {
            Ok(rules) => rules,
            Err(findings) => {
                let findings: Vec<String> = findings.iter().map(ToString::to_string).collect();
                panic!("{example}\n{}", findings.join("\n"));
            }
        };
        // What the text around the example promises.
        for (part, row) in [
            ("word == \"THINKING\"", "answered,THINKING,thinking then in 2 min,why"),
            (
                "status == \"wrong_number\"",
                "answered,WRONG_NUMBER,wrong_number then stop lead,why",
            ),
            ("RING_ME_LATER", "answered,RING_ME_LATER,callback then in 2 min,why"),
            ("ליד_חם", "answered,ליד חם,interested then next day,why"),
        ] {
            if example.contains(part) {
                promised += 1;
                let run = rules
                    .run_cases(&format!("outcome,word,expected,because\n{row}\n"))
                    .unwrap();
                assert!(run.failures.is_empty(), "{example}\n{run}");
            }
        }
    }
    assert!(
        status.is_some() && scripts >= 3 && settings >= 5,
        "{scripts} {settings}"
    );
    assert_eq!(promised, 4);
}
