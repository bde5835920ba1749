//! `redial dnc import`: a file of any size, line by line, to marks.
//!
//! Data flow: file → [`crate::dnc_file`] → the number, or why not, with its line → requests of 5,000 → what the table did
//! not take is sent again, with pauses that grow → counts. Memory holds one request, whatever the file is. INVARIANT:
//! every line is marked, known, repeated or refused, and the counts say so; a number that was not marked ends the command
//! as failed. Doing it again changes nothing and costs little.
//!
//! A number is never printed, but for its last two digits.

use std::{
    fs::File,
    path::{Path, PathBuf},
    time::Duration,
};

use chrono::{DateTime, FixedOffset};
use redial_domain::Phone;
use serde_json::{Value, json};

use crate::{
    api::{Api, At},
    dnc::InRegion,
    dnc_file::Lines,
    failure::Failure,
    print,
    rules_words::{cell, list},
};

/// Numbers in a request: what the API takes.
const CHUNK_MAX: usize = 5_000;
/// Times that a request, or what is left of it, is sent: over a minute of an API that does not answer.
const TRIES_MAX: u32 = 7;
/// The pause before the second time; each further one is twice as long.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// Letters of the bar.
const BAR: u64 = 30;

/// Marks every number of a CSV file.
///
/// Streams the file, whatever its size: UTF-8 or UTF-16, with commas, semicolons or tabs between columns, as spreadsheets
/// save it. Lines that hold no number are listed with the reason, and the command then ends as failed; the others are
/// marked all the same. A file without any number ends as failed, too. Run it again after an interruption: what is marked
/// stays as it is.
#[derive(Debug, clap::Args)]
pub(crate) struct Import {
    /// The file: with a heading for each column, or nothing but numbers
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// The heading of the column with the numbers [default: phone, phone_number, number, mobile or telephone]
    #[arg(long, value_name = "NAME")]
    column: Option<String>,
    /// Where the list is from
    #[arg(long, value_parser = ["import", "crm"], default_value = "import")]
    source: String,
    /// When the people said it, if it was one time, as in 2026-11-23T12:00:00-05:00
    #[arg(long, value_name = "TIME")]
    said_at: Option<DateTime<FixedOffset>>,
    /// What is kept with every mark, such as the list's name
    #[arg(long, value_name = "TEXT")]
    note: Option<String>,
    /// Begin at this line of the file
    #[arg(long, value_name = "LINE", default_value_t = 1)]
    from_line: u64,
    #[command(flatten)]
    region: InRegion,
    #[command(flatten)]
    at: At,
}

impl Import {
    /// A list from an import of leads, of which only the numbers count.
    pub(crate) const fn of(file: PathBuf, column: Option<String>, region: InRegion, at: At) -> Self {
        Self {
            file,
            column,
            source: String::new(),
            said_at: None,
            note: None,
            from_line: 1,
            region,
            at,
        }
    }
}

/// A number and its line.
struct Row {
    line: u64,
    phone: Phone,
}

#[derive(Debug, Default, PartialEq, Eq)]
struct Counts {
    lines: u64,
    marked: u64,
    known: u64,
    repeated: u64,
    refused: u64,
    calls_ending: u64,
    late: u64,
}

pub(crate) async fn run(import: Import) -> Result<(), Failure> {
    let api = import.at.api()?;
    let (file, size) = open(&import.file)?;
    let mut lines = Lines::new(file, import.column.as_deref(), import.region.region)?;
    let source = if import.source.is_empty() {
        "import"
    } else {
        import.source.as_str()
    };
    let mut form = json!({"source": source});
    if let Some(at) = import.said_at {
        form["said_at"] = json!(at.to_rfc3339());
    }
    if let Some(note) = &import.note {
        form["note"] = json!(note);
    }
    let mut counts = Counts::default();
    let mut progress = print::Progress::default();
    let mut chunk: Vec<Row> = Vec::with_capacity(CHUNK_MAX);
    progress.show(&far(0, size, &counts));
    loop {
        let read = lines.next()?;
        let over = read.is_none();
        if let Some((line, number)) = read.filter(|(line, _)| *line >= import.from_line) {
            counts.lines += 1;
            match number {
                Ok(phone) => chunk.push(Row { line, phone }),
                Err(why) => {
                    counts.refused += 1;
                    progress.end();
                    print::line(&format!("line {line}: {why}"));
                }
            }
        }
        if chunk.len() == CHUNK_MAX || (over && !chunk.is_empty()) {
            let began_at = chunk.first().map_or(1, |row| row.line);
            let sent = send(&api, &form, std::mem::take(&mut chunk), &mut counts, &mut progress).await;
            sent.map_err(|failure| {
                progress.end();
                tell(&counts);
                let go_on = format!("run it again with --from-line {began_at}; what is marked stays as it is");
                Failure::new(failure.what, format!("{}; {go_on}", failure.hint))
            })?;
            progress.show(&far(lines.byte(), size, &counts));
        }
        if over {
            break;
        }
    }
    progress.end();
    if counts.lines == 0 {
        return Err(nothing(&import, lines.begins));
    }
    tell(&counts);
    if counts.refused > 0 {
        return Err(Failure::new(
            format!("failed to import {} of {} lines", counts.refused, counts.lines),
            "correct the lines above and import them; all others are marked",
        ));
    }
    Ok(())
}

/// Whoever imports a list believes that it is marked: one without a number is a mistake.
fn nothing(import: &Import, begins: bool) -> Failure {
    let why = match (begins, import.from_line) {
        (false, _) => "it is empty".to_owned(),
        (true, 1) => "it has headings and no line below".to_owned(),
        (true, line) => format!("it has no line from line {line} on"),
    };
    Failure::new(
        format!("failed to import {}: {why}", import.file.display()),
        "nothing was marked; name the file with the numbers",
    )
}

fn open(path: &Path) -> Result<(File, u64), Failure> {
    let failed = |error: std::io::Error| {
        Failure::new(
            format!("failed to read {}: {error}", path.display()),
            "name a CSV file that you may read",
        )
    };
    let file = File::open(path).map_err(failed)?;
    let size = file.metadata().map_err(failed)?.len();
    Ok((file, size))
}

/// Sends one request's numbers until all of them are marked.
async fn send(
    api: &Api,
    form: &Value,
    mut rows: Vec<Row>,
    counts: &mut Counts,
    progress: &mut print::Progress,
) -> Result<(), Failure> {
    let mut last = None;
    for n in 0..TRIES_MAX {
        if n > 0 {
            tokio::time::sleep(FIRST_PAUSE * (1 << (n - 1))).await;
        }
        let mut body = form.clone();
        body["numbers"] = rows.iter().map(|row| row.phone.as_str()).collect();
        let answer = match api.post(&["api", "do-not-call", "import"], &body).await {
            Ok(answer) => answer,
            Err(failure) if failure.passes => {
                last = Some(failure);
                continue;
            }
            Err(failure) => return Err(failure),
        };
        let left: Vec<usize> = list(&answer["not_done"])
            .iter()
            .filter_map(|n| usize::try_from(n.as_u64()?).ok())
            .collect();
        // All of it again for the calls that were not asked to end: those numbers are known by then.
        let again = answer["success"] != true && left.is_empty();
        if again && n + 1 < TRIES_MAX {
            continue;
        }
        counts.add(&answer);
        for bad in list(&answer["bad"]) {
            // Only where the API reads numbers otherwise than this command.
            let row = bad["n"].as_u64().and_then(|n| rows.get(usize::try_from(n).ok()?));
            progress.end();
            print::line(&format!(
                "line {}: {}",
                row.map_or(0, |row| row.line),
                cell(&bad["why"])
            ));
        }
        if left.is_empty() {
            return Ok(());
        }
        let mut n = 0;
        rows.retain(|_| {
            n += 1;
            left.binary_search(&(n - 1)).is_ok()
        });
        last = None;
    }
    Err(last.unwrap_or_else(|| {
        let lines: Vec<String> = rows.iter().map(|row| row.line.to_string()).collect();
        Failure::new(
            format!("failed to mark the numbers of the lines {}", lines.join(", ")),
            "the table is throttled or away",
        )
    }))
}

impl Counts {
    fn add(&mut self, answer: &Value) {
        let of = |name: &str| answer[name].as_u64().unwrap_or(0);
        self.marked += of("marked");
        self.known += of("known");
        self.repeated += of("repeated");
        self.refused += of("refused");
        self.calls_ending += of("calls_ending");
        self.late += of("late");
    }
}

/// `[######------] 20 %, 400000 lines: 399990 marked, 8 known, 2 refused`.
fn far(byte: u64, size: u64, counts: &Counts) -> String {
    let size = size.max(1);
    let done = byte.min(size);
    let filled = done * BAR / size;
    let bar: String = (0..BAR).map(|n| if n < filled { '#' } else { '-' }).collect();
    format!(
        "[{bar}] {} %, {} lines: {} marked, {} known, {} refused",
        done * 100 / size,
        counts.lines,
        counts.marked,
        counts.known + counts.repeated,
        counts.refused
    )
}

fn tell(counts: &Counts) {
    print::line(&format!(
        "{} lines: {} marked now, {} marked before, {} repeated, {} refused",
        counts.lines, counts.marked, counts.known, counts.repeated, counts.refused
    ));
    if counts.calls_ending > 0 {
        print::line(&format!("{} calls under way were asked to end", counts.calls_ending));
    }
    if counts.late > 0 {
        print::line(&format!(
            "{} late: the law gives ten business days from when it was said",
            counts.late
        ));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn how_far_an_import_is_fits_on_a_line() {
        let counts = Counts {
            lines: 400,
            marked: 390,
            known: 8,
            refused: 2,
            ..Counts::default()
        };
        assert_eq!(
            far(50, 100, &counts),
            "[###############---------------] 50 %, 400 lines: 390 marked, 8 known, 2 refused"
        );
        assert!(far(0, 0, &Counts::default()).starts_with("[---"));
    }
}
