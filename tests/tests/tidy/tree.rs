//! The source tree as a list of files, and a file without its remarks and tests.

use std::fs;
use std::path::Path;

/// Files that hold sources or prose, by the end of their name; others are not read.
const READ: [&str; 14] = [
    ".rs", ".js", ".toml", ".md", ".yaml", ".yml", ".json", ".rhai", ".csv", ".py", ".txt", ".form", ".sh", "Makefile",
];
/// Made by tools, and ignored by git.
const MADE: [&str; 2] = ["target", "node_modules"];

/// A file of the project.
pub(crate) struct Source {
    /// From the top of the project, with slashes.
    pub(crate) path: String,
    pub(crate) text: String,
}

pub(crate) fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

/// A file that must be there.
pub(crate) fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Names in a folder, folders with a slash at their end. Dotfiles are left out.
pub(crate) fn names_in(folder: &str) -> Vec<String> {
    let entries = fs::read_dir(root().join(folder)).unwrap().map(Result::unwrap);
    let mut names: Vec<String> = entries
        .map(|entry| {
            let name = entry.file_name().into_string().unwrap();
            if entry.path().is_dir() {
                format!("{name}/")
            } else {
                name
            }
        })
        .filter(|name| !name.starts_with('.') && !MADE.contains(&name.trim_end_matches('/')))
        .collect();
    names.sort();
    names
}

/// All files with text, at any depth.
pub(crate) fn sources() -> Vec<Source> {
    let mut found = Vec::new();
    let mut folders = vec![String::new()];
    while let Some(folder) = folders.pop() {
        for name in names_in(&folder) {
            let path = format!("{folder}{name}");
            if name.ends_with('/') {
                folders.push(path);
            } else if READ.iter().any(|end| name.ends_with(end)) {
                found.push(Source {
                    text: read(&path),
                    path,
                });
            }
        }
    }
    found.sort_by(|a, b| a.path.cmp(&b.path));
    found
}

/// Rust sources.
pub(crate) fn rust() -> impl Iterator<Item = Source> {
    sources().into_iter().filter(|source| source.path.ends_with(".rs"))
}

/// Fails with all findings, each on its line.
pub(crate) fn none(what: &str, findings: impl IntoIterator<Item = String>) {
    let findings: Vec<String> = findings.into_iter().collect();
    assert!(findings.is_empty(), "{what}:\n  {}", findings.join("\n  "));
}

impl Source {
    pub(crate) fn is_in(&self, folder: &str) -> bool {
        self.path.starts_with(folder)
    }

    /// A file of tests: of a crate's `tests` folder, or of the tests' own package.
    pub(crate) fn is_test(&self) -> bool {
        self.is_in("tests/") || self.path.contains("/tests/")
    }

    /// What is compiled into the program: without remarks, and without the tests at the end.
    pub(crate) fn code(&self) -> String {
        let program = self
            .text
            .rsplit_once("\n#[cfg(test)]\n")
            .map_or(self.text.as_str(), |(program, _)| program);
        program.lines().map(without_remark).collect::<Vec<_>>().join("\n")
    }

    /// Which of some words its text has.
    pub(crate) fn words_of(&self, text: &str, words: &[&str]) -> Option<String> {
        let found: Vec<&str> = words.iter().copied().filter(|word| text.contains(word)).collect();
        (!found.is_empty()).then(|| format!("{}: {}", self.path, found.join(", ")))
    }
}

/// A line up to its remark. The slashes of an address (`https://…`) follow a colon.
fn without_remark(line: &str) -> &str {
    let mut from = 0;
    while let Some(at) = line[from..].find("//").map(|at| from + at) {
        if !line[..at].ends_with(':') {
            return &line[..at];
        }
        from = at + 2;
    }
    line
}
