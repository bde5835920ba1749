//! Runs `cases.csv`: each row is a call in glossary words, with what the rules must say about it, and because.
//!
//! Columns are named like the facts; an empty cell is the usual. The last two columns are `expected` and `because`. A
//! row with nothing but its first cell is a section title.

use std::collections::BTreeMap;
use std::fmt;

use chrono::DateTime;
use redial_domain::{
    Direction, Disposition, EventKind, ExplicitStop, Facts, FailureClass, NextWish, Outcome, RuleAnswer, RuleFacts,
    Side, StatusName, StopScope, StopSource, TranscriptLine, Transfer, find_explicit_stop, find_stop_in_summary,
};

use crate::decide::unknown_word;
use crate::finding::FINDINGS_MAX;
use crate::ruleset::CASES_FILE;
use crate::spec::Spec;
use crate::{Finding, RuleError, RuleSet, cage};

/// Rows of one table; a table is read by people.
const CASES_MAX: usize = 5_000;

/// Steps of all rows together: a table at its longest with scripts six times as long as the shipped ones, which take
/// about 100 steps for a row. Dear scripts are run as far as this goes, so that a table takes seconds.
const CASES_STEPS_MAX: u64 = 3_000_000;

/// The columns before `expected` and `because`, in any order.
const COLUMNS: [&str; 16] = [
    "outcome",
    "word",
    "known",
    "status",
    "kind",
    "direction",
    "transfer",
    "failure",
    "talk_s",
    "callback_requested",
    "callback_time_known",
    "asked_to_stop",
    "attempts",
    "attempts_today",
    "lead_said",
    "summary",
];

/// What became of a table of cases.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CasesRun {
    /// Rows that were run.
    pub rows: usize,
    /// Rows whose answer was another.
    pub failures: Vec<CaseFailure>,
}

/// A row whose answer was another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CaseFailure {
    /// The spreadsheet's row; the header is 1.
    pub row: usize,
    /// The last title above it.
    pub section: String,
    /// What the table expects: `no_answer then in 2 min`.
    pub expected: String,
    /// What the rules said, in the same words.
    pub got: String,
    /// The line that decided: `redial_interval:5`.
    pub line: String,
    /// Why the table expects it.
    pub because: String,
    /// Whether a script failed on it, and `got` says how.
    pub ended_in_error: bool,
}

impl fmt::Display for CasesRun {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut told: BTreeMap<&str, usize> = BTreeMap::new();
        for failure in &self.failures {
            // A script that fails says the same of each row: once is enough.
            if failure.ended_in_error {
                let times = told.entry(&failure.got).or_default();
                *times += 1;
                if *times > 1 {
                    continue;
                }
            }
            writeln!(f, "{failure}")?;
        }
        for (got, times) in told.iter().filter(|(_, times)| **times > 1) {
            writeln!(f, "and {} more rows: `{got}`", times - 1)?;
        }
        write!(f, "{} cases, {} failed", self.rows, self.failures.len())
    }
}

impl fmt::Display for CaseFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            row,
            section,
            expected,
            got,
            line,
            because,
            ..
        } = self;
        let section = if section.is_empty() {
            String::new()
        } else {
            format!(" ({section})")
        };
        write!(
            f,
            "row {row}{section}: expected `{expected}` because {because}; got `{got}` by {line}"
        )
    }
}

/// A row that was understood: a call, and what is expected of it.
pub(crate) struct Case {
    row: usize,
    section: String,
    facts: Facts,
    status: StatusName,
    kind: EventKind,
    direction: Direction,
    known: Disposition,
    attempts: u32,
    attempts_today: u32,
    expected: String,
    because: String,
}

/// Reads a table of cases about the statuses of a set.
///
/// # Errors
/// All cells that cannot be read.
pub(crate) fn read(spec: &Spec, csv: &str) -> Result<Vec<Case>, Vec<Finding>> {
    let table = read_csv(csv).map_err(|finding| vec![finding])?;
    let mut rows = table.into_iter();
    let Some((_, header)) = rows.next() else {
        return Err(vec![Finding::file(CASES_FILE, "the table is empty")]);
    };
    check_header(&header)?;
    let (mut cases, mut findings, mut section) = (Vec::new(), Vec::new(), String::new());
    for (number, cells) in rows {
        if cells.iter().skip(1).all(String::is_empty) {
            section = cells
                .into_iter()
                .next()
                .filter(|title| !title.is_empty())
                .unwrap_or(section);
            continue;
        }
        if findings.len() == FINDINGS_MAX {
            break;
        }
        if cases.len() == CASES_MAX {
            let message = format!("the table has more than {CASES_MAX} cases");
            findings.push(Finding::at(CASES_FILE, (number, 0), message));
            break;
        }
        let row = Row {
            header: &header,
            cells: &cells,
        };
        match row.case(spec, number, &section) {
            Ok(case) => cases.push(case),
            Err(message) => findings.push(Finding::at(CASES_FILE, (number, 0), message)),
        }
    }
    if findings.is_empty() { Ok(cases) } else { Err(findings) }
}

impl RuleSet {
    /// Runs a table of cases.
    ///
    /// # Errors
    /// All cells that cannot be read.
    pub fn run_cases(&self, csv: &str) -> Result<CasesRun, Vec<Finding>> {
        let mut run = CasesRun::default();
        let before = cage::steps();
        for case in read(&self.spec, csv)? {
            if cage::steps() - before > CASES_STEPS_MAX {
                let message = format!("the cases above took more than {CASES_STEPS_MAX} steps");
                return Err(vec![Finding::at(CASES_FILE, (case.row, 0), message)]);
            }
            run.rows += 1;
            let answered = self.run_case(&case);
            let ended_in_error = answered.is_err();
            let (got, line) =
                answered.unwrap_or_else(|error| (error.message, format!("{}:{}", error.script, error.line)));
            if got != case.expected {
                run.failures.push(CaseFailure {
                    row: case.row,
                    section: case.section,
                    expected: case.expected,
                    got,
                    line,
                    because: case.because,
                    ended_in_error,
                });
            }
        }
        Ok(run)
    }

    fn run_case(&self, case: &Case) -> Result<(String, String), RuleError> {
        let rule = RuleFacts {
            facts: &case.facts,
            kind: case.kind,
            direction: case.direction,
            status: &case.status,
            known: case.known,
            attempts: case.attempts,
            attempts_today: case.attempts_today,
            intervals_min: None,
            ended_at: DateTime::UNIX_EPOCH,
        };
        let answer = self.decide_counting(&rule)?;
        Ok((in_words(&answer), answer.trace.line))
    }
}

/// An answer as a table writes it.
fn in_words(answer: &RuleAnswer) -> String {
    let then = match (&answer.stop, answer.next) {
        (Some(stop), _) => match stop.scope {
            StopScope::Lead => "stop lead".to_owned(),
            StopScope::Subject => "stop subject".to_owned(),
            StopScope::Phone => "stop phone".to_owned(),
        },
        (None, NextWish::InMinutes(minutes)) => format!("in {minutes} min"),
        (None, NextWish::At(_)) => "at callback time".to_owned(),
        (None, NextWish::NextDay) => "next day".to_owned(),
    };
    format!("{} then {then}", answer.status)
}

struct Row<'a> {
    header: &'a [String],
    cells: &'a [String],
}

impl Row<'_> {
    fn case(&self, spec: &Spec, number: usize, section: &str) -> Result<Case, String> {
        let outcome = match self.cell("outcome") {
            "" => return Err("the outcome is empty".to_owned()),
            word => {
                let known = Outcome::ALL.map(Outcome::as_str);
                Outcome::parse(word).ok_or_else(|| unknown_word("outcome", word, &known))?
            }
        };
        let name = self.cell("status");
        let status = spec.statuses.iter().find(|status| {
            if name.is_empty() {
                status.default
            } else {
                status.name.as_str() == name
            }
        });
        let status = status.ok_or_else(|| {
            let known: Vec<&str> = spec.statuses.iter().map(|status| status.name.as_str()).collect();
            unknown_word("status", name, &known)
        })?;
        let attempts_today = self.number("attempts_today")?.unwrap_or(1);
        Ok(Case {
            row: number,
            section: section.to_owned(),
            facts: self.facts(outcome)?,
            status: status.name.clone(),
            kind: self.word("kind", parse_kind)?.unwrap_or(EventKind::Ended),
            direction: self.word("direction", parse_direction)?.unwrap_or(Direction::Outbound),
            known: self.word("known", Disposition::parse)?.unwrap_or(Disposition::Unknown),
            attempts: self.number("attempts")?.unwrap_or(attempts_today),
            attempts_today,
            expected: self.cell("expected").to_owned(),
            because: self.cell("because").to_owned(),
        })
    }

    fn facts(&self, outcome: Outcome) -> Result<Facts, String> {
        let stop = ExplicitStop {
            source: StopSource::Spoken,
            words: "do not call me".to_owned(),
        };
        let time_known = self.yes("callback_time_known")?;
        let said = self.cell("lead_said").lines().map(|line| TranscriptLine {
            side: Side::Lead,
            text: line.to_owned(),
        });
        let transcript: Vec<TranscriptLine> = said.collect();
        Ok(Facts {
            disposition_word: Some(self.cell("word").to_owned()).filter(|word| !word.is_empty()),
            transfer: self.word("transfer", parse_transfer)?.unwrap_or(Transfer::None),
            failure: self.word("failure", parse_failure)?,
            talk_s: self.number("talk_s")?,
            callback_requested: self.yes("callback_requested")? || time_known,
            callback_at: time_known.then_some(DateTime::UNIX_EPOCH),
            // As for a real call: the lead's own words, or what was written about them, may be a wish not to be called.
            stop: self
                .yes("asked_to_stop")?
                .then_some(stop)
                .or_else(|| find_explicit_stop(None, &transcript))
                .or_else(|| find_stop_in_summary(self.cell("summary"))),
            summary: Some(self.cell("summary").to_owned()).filter(|summary| !summary.is_empty()),
            transcript,
            ..Facts::ended(outcome)
        })
    }

    fn cell(&self, column: &str) -> &str {
        let at = self.header.iter().position(|name| name == column);
        at.and_then(|at| self.cells.get(at)).map_or("", String::as_str)
    }

    fn word<T>(&self, column: &str, parse: impl Fn(&str) -> Option<T>) -> Result<Option<T>, String> {
        match self.cell(column) {
            "" => Ok(None),
            word => parse(word)
                .map(Some)
                .ok_or_else(|| format!("unknown {column} `{word}`")),
        }
    }

    fn number(&self, column: &str) -> Result<Option<u32>, String> {
        self.word(column, |text| text.parse().ok())
            .map_err(|_| format!("{column} is not a whole number"))
    }

    fn yes(&self, column: &str) -> Result<bool, String> {
        // A spreadsheet turns `true` into `TRUE`.
        let read = |text: &str| match text.to_lowercase().as_str() {
            "yes" | "true" => Some(true),
            "no" | "false" => Some(false),
            _ => None,
        };
        Ok(self
            .word(column, read)
            .map_err(|_| format!("{column} is yes or no"))?
            .unwrap_or(false))
    }
}

fn parse_transfer(word: &str) -> Option<Transfer> {
    [Transfer::None, Transfer::Tried, Transfer::Connected, Transfer::Canceled]
        .into_iter()
        .find(|is| is.as_str() == word)
}

fn parse_failure(word: &str) -> Option<FailureClass> {
    let all = [
        FailureClass::BadNumber,
        FailureClass::Congestion,
        FailureClass::Network,
        FailureClass::Account,
    ];
    all.into_iter().find(|is| is.as_str() == word)
}

fn parse_kind(word: &str) -> Option<EventKind> {
    match word {
        "ended" => Some(EventKind::Ended),
        "later" => Some(EventKind::Later),
        _ => None,
    }
}

fn parse_direction(word: &str) -> Option<Direction> {
    match word {
        "outbound" => Some(Direction::Outbound),
        "inbound" => Some(Direction::Inbound),
        _ => None,
    }
}

fn check_header(header: &[String]) -> Result<(), Vec<Finding>> {
    let mut findings = Vec::new();
    let (last_two, columns) = match header {
        [columns @ .., expected, because] => ([expected.as_str(), because.as_str()], columns),
        _ => (["", ""], header),
    };
    if last_two != ["expected", "because"] {
        findings.push(Finding::at(
            CASES_FILE,
            (1, 0),
            "the last two columns must be `expected` and `because`",
        ));
    }
    for column in columns.iter().filter(|column| !COLUMNS.contains(&column.as_str())) {
        findings
            .push(Finding::at(CASES_FILE, (1, 0), format!("unknown column `{column}`")).did_you_mean(column, COLUMNS));
    }
    if findings.is_empty() { Ok(()) } else { Err(findings) }
}

/// What stands between the cells: spreadsheets of some countries save `;`, and copied cells have tabs between.
fn separator(text: &str) -> char {
    let header = text.lines().next().unwrap_or_default();
    [',', ';', '\t']
        .into_iter()
        .find(|separator| header.contains(*separator))
        .unwrap_or(',')
}

/// The rows with their numbers in a spreadsheet. Cells are trimmed; a quoted cell may hold separators, quotes and lines.
fn read_csv(text: &str) -> Result<Vec<(usize, Vec<String>)>, Finding> {
    let (mut rows, mut row, mut cell, mut quoted) = (Vec::new(), Vec::new(), String::new(), false);
    let separator = separator(text);
    let mut letters = text.trim_start_matches('\u{feff}').chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            '"' if quoted && letters.peek() == Some(&'"') => cell.extend(letters.next()),
            '"' => quoted = !quoted,
            letter if letter == separator && !quoted => row.push(std::mem::take(&mut cell).trim().to_owned()),
            '\n' if !quoted => {
                row.push(std::mem::take(&mut cell).trim().to_owned());
                rows.push((rows.len() + 1, std::mem::take(&mut row)));
            }
            '\r' if !quoted => {}
            other => cell.push(other),
        }
    }
    if quoted {
        return Err(Finding::at(
            CASES_FILE,
            (rows.len() + 1, 0),
            "a quoted cell has no closing quote",
        ));
    }
    if !cell.is_empty() || !row.is_empty() {
        row.push(cell.trim().to_owned());
        rows.push((rows.len() + 1, row));
    }
    Ok(rows)
}
