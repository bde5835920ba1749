//! `redial rules check` and `test`: what is wrong with a folder, without any server.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use redial_domain::RuleSetName;
use redial_rules::{CASES_FILE, CasesRun, Examined, Finding, RuleSet, SPEC_FILE};

use crate::{failure::Failure, print};

/// Bytes of one file that are read; the check refuses far smaller ones, with a sentence.
const FILE_BYTES_MAX: u64 = 4 * 1024 * 1024;

/// Says all that is wrong with a rule set's folder.
///
/// Reads the files, runs every kind of call through the scripts and the cases. Changes nothing and needs no server.
#[derive(Debug, clap::Args)]
pub(crate) struct Check {
    /// The folder, as in rules/until-sale-or-dnc
    #[arg(value_name = "FOLDER")]
    folder: PathBuf,
}

/// Runs the cases of a rule set's folder.
///
/// Each row of cases.csv is a call with the expected answer. Needs no server.
#[derive(Debug, clap::Args)]
pub(crate) struct Test {
    /// The folder, as in rules/until-sale-or-dnc
    #[arg(value_name = "FOLDER")]
    folder: PathBuf,
    /// A table of cases elsewhere
    #[arg(long, value_name = "FILE")]
    cases: Option<PathBuf>,
}

/// A rule set's files and its name, which is the folder's.
pub(crate) struct Folder {
    pub(crate) name: RuleSetName,
    pub(crate) files: BTreeMap<String, String>,
    /// The version that the folder was made from, if it is noted in it.
    pub(crate) based_on: Option<u32>,
}

/// Where a folder notes the version that it was made from, so that publishing it never undoes a later one unseen.
const BASED_ON: &str = ".based-on";

/// Notes the version that a folder is made from.
pub(crate) fn note_based_on(folder: &Path, version: u64) -> std::io::Result<()> {
    fs::write(folder.join(BASED_ON), format!("{version}\n"))
}

/// Reads a folder. Files that begin with a dot, and folders in it, are nobody's rules.
pub(crate) fn read(path: &Path) -> Result<Folder, Failure> {
    let failed = |what: &str| {
        Failure::new(
            format!("failed to read the folder `{}`: {what}", path.display()),
            "name a rule set's folder, as in rules/until-sale-or-dnc",
        )
    };
    let full = path.canonicalize().map_err(|error| failed(&error.to_string()))?;
    let name = full.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let name = RuleSetName::parse(name).map_err(|error| failed(&error.to_string()))?;
    let mut files = BTreeMap::new();
    for entry in fs::read_dir(&full).map_err(|error| failed(&error.to_string()))? {
        let entry = entry.map_err(|error| failed(&error.to_string()))?;
        let file = entry.file_name().to_string_lossy().into_owned();
        let about = entry.metadata().map_err(|error| failed(&error.to_string()))?;
        if file.starts_with('.') || !about.is_file() {
            continue;
        }
        if about.len() > FILE_BYTES_MAX {
            return Err(failed(&format!("`{file}` has {} bytes", about.len())));
        }
        let bytes = fs::read(entry.path()).map_err(|error| failed(&error.to_string()))?;
        let text = String::from_utf8(bytes).map_err(|_| {
            failed(&format!(
                "`{file}` is not UTF-8 text; save it as UTF-8, in a spreadsheet as \"CSV UTF-8\""
            ))
        })?;
        files.insert(file, text);
    }
    if !files.contains_key(SPEC_FILE) {
        return Err(failed(&format!("there is no `{SPEC_FILE}` in it")));
    }
    let based_on = fs::read_to_string(full.join(BASED_ON)).ok();
    let based_on = based_on.and_then(|version| version.trim().parse().ok());
    Ok(Folder { name, files, based_on })
}

/// The refusal of a set whose files have findings or whose cases fail.
fn refused(findings: &[Finding], run: Option<&CasesRun>) -> Failure {
    let mut lines: Vec<String> = findings.iter().map(|finding| format!("\n  {finding}")).collect();
    if let Some(run) = run.filter(|run| !run.failures.is_empty()) {
        lines.extend(run.to_string().lines().map(|line| format!("\n  {line}")));
    }
    if findings.is_empty() {
        return Failure::new(
            format!("failed: not every case got the expected answer{}", lines.concat()),
            "mend the rule, or the expectation if it is wrong",
        );
    }
    Failure::new(
        format!(
            "failed to accept the rules: {}{}",
            plural(findings.len(), "finding"),
            lines.concat()
        ),
        "mend what is listed and check again",
    )
}

pub(crate) fn check(check: &Check) -> Result<(), Failure> {
    let folder = read(&check.folder)?;
    let seen = Examined::new(&folder.name, 0, &folder.files);
    let Some(set) = seen.set.as_ref().filter(|_| seen.is_good()) else {
        return Err(refused(&seen.findings, seen.cases.as_ref()));
    };
    for warning in set.warnings() {
        print::line(&format!("worth a look: {warning}"));
    }
    let statuses = set.spec().statuses.len();
    print::line(&format!(
        "{} is well: {}, {} pass, hash {}",
        folder.name,
        plural(statuses, "status"),
        plural(seen.cases.map_or(0, |run| run.rows), "case"),
        set.hash()
    ));
    Ok(())
}

pub(crate) fn test(test: &Test) -> Result<(), Failure> {
    let folder = read(&test.folder)?;
    let set = RuleSet::from_files(&folder.name, 0, &folder.files).map_err(|findings| refused(&findings, None))?;
    let csv = match (&test.cases, folder.files.get(CASES_FILE)) {
        (Some(path), _) => fs::read_to_string(path).map_err(|error| {
            Failure::new(
                format!("failed to read `{}`: {error}", path.display()),
                "name a table of cases, saved as CSV UTF-8",
            )
        })?,
        (None, Some(csv)) => csv.clone(),
        (None, None) => {
            return Err(Failure::new(
                format!("failed to find cases: there is no `{CASES_FILE}` in the folder"),
                "write some; rules/README.md shows how",
            ));
        }
    };
    let run = set.run_cases(&csv).map_err(|findings| refused(&findings, None))?;
    if !run.failures.is_empty() {
        return Err(refused(&[], Some(&run)));
    }
    print::line(&format!("{} passed", plural(run.rows, "case")));
    Ok(())
}

/// `1 case`, `2 cases`, `3 statuses`.
pub(crate) fn plural(count: usize, word: &str) -> String {
    let ending = match (count, word.ends_with('s')) {
        (1, _) => "",
        (_, true) => "es",
        _ => "s",
    };
    format!("{count} {word}{ending}")
}
