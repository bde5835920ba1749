//! `redial dnc import`: a file of any size, line by line, to marks.
//!
//! Data flow: file → one record at a time → the number, or why not, with its line → requests of 5,000 → what the table did
//! not take is sent again, with pauses that grow → counts. Memory holds one request, whatever the file is. INVARIANT:
//! every line is marked, known, repeated or refused, and the counts say so; a number that was not marked ends the command
//! as failed. Doing it again changes nothing and costs little.
//!
//! A number is never printed, but for its last two digits.

use std::{
    fs::File,
    io::{Chain, Read},
    path::{Path, PathBuf},
    time::Duration,
};

use chrono::{DateTime, FixedOffset};
use csv::{ByteRecord, Reader, ReaderBuilder, Terminator};
use redial_domain::{Phone, Region};
use serde_json::{Value, json};

use crate::{
    api::{Api, At},
    dnc::InRegion,
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
/// Columns that hold the number, where none is named.
const COLUMNS: [&str; 6] = ["phone", "phone_number", "phone number", "number", "mobile", "telephone"];
/// Headings that are named when none fits: enough to see what kind of file it is.
const HEADINGS_SHOWN_MAX: usize = 20;

/// Marks every number of a CSV file.
///
/// Streams the file, whatever its size. Lines that hold no number are listed with the reason, and the command then ends
/// as failed; the others are marked all the same. Run it again after an interruption: what is marked stays as it is.
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
    let mut form = json!({"source": import.source});
    if let Some(at) = import.said_at {
        form["said_at"] = json!(at.to_rfc3339());
    }
    if let Some(note) = &import.note {
        form["note"] = json!(note);
    }
    let mut counts = Counts::default();
    let mut progress = print::Progress::default();
    let mut chunk: Vec<Row> = Vec::with_capacity(CHUNK_MAX);
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
    tell(&counts);
    if counts.refused > 0 {
        return Err(Failure::new(
            format!("failed to import {} of {} lines", counts.refused, counts.lines),
            "correct the lines above and import them; all others are marked",
        ));
    }
    Ok(())
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

/// A line of the file by its number: the phone, or why there is none.
type Line = (u64, Result<Phone, String>);

/// The numbers of a file, one after the other.
struct Lines<R> {
    reader: Reader<Chain<R, &'static [u8]>>,
    record: ByteRecord,
    column: usize,
    region: Region,
    /// The first record, if it was a number and no heading.
    first: bool,
}

impl<R: Read> Lines<R> {
    fn new(file: R, column: Option<&str>, region: Region) -> Result<Self, Failure> {
        // By line feeds alone: with both signs of Windows the reader counts a line late. The other sign is white space.
        let mut lines = Self {
            reader: ReaderBuilder::new()
                .terminator(Terminator::Any(b'\n'))
                .has_headers(false)
                .flexible(true)
                // The last line ends, too.
                .from_reader(file.chain(&b"\n"[..])),
            record: ByteRecord::new(),
            column: 0,
            region,
            first: false,
        };
        if lines.advance()? {
            let headings: Vec<String> = lines.record.iter().map(heading).collect();
            match place(&headings, column) {
                Some(place) => lines.column = place,
                // A file of nothing but numbers: its first line is one.
                None if column.is_none() && lines.record.len() == 1 => lines.first = true,
                None => return Err(no_column(&headings, column)),
            }
        }
        Ok(lines)
    }

    fn advance(&mut self) -> Result<bool, Failure> {
        self.reader.read_byte_record(&mut self.record).map_err(|_| {
            Failure::new(
                format!("failed to read the file behind line {}", self.reader.position().line()),
                "is it a CSV file, and can it be read to its end?",
            )
        })
    }

    /// The next line with its number, or why it has none. Lines without anything are no lines.
    fn next(&mut self) -> Result<Option<Line>, Failure> {
        loop {
            if !std::mem::take(&mut self.first) && !self.advance()? {
                return Ok(None);
            }
            if self.record.iter().all(|cell| cell.iter().all(u8::is_ascii_whitespace)) {
                continue;
            }
            let line = self.line();
            let raw = String::from_utf8_lossy(self.record.get(self.column).unwrap_or_default());
            let number = Phone::parse(&raw, self.region).map_err(|error| format!("{} {error}", masked(&raw)));
            return Ok(Some((line, number)));
        }
    }

    /// The line at which the record begins. The reader says where it began to look, before lines without anything; so it
    /// is counted back from the end.
    fn line(&self) -> u64 {
        let inside = self.record.as_slice().iter().filter(|byte| **byte == b'\n').count();
        let inside = u64::try_from(inside).unwrap_or(u64::MAX);
        self.reader.position().line().saturating_sub(1 + inside)
    }

    fn byte(&self) -> u64 {
        self.reader.position().byte()
    }
}

fn heading(cell: &[u8]) -> String {
    let text = String::from_utf8_lossy(cell);
    text.trim_start_matches('\u{feff}').trim().to_lowercase()
}

/// The column with the numbers.
fn place(headings: &[String], column: Option<&str>) -> Option<usize> {
    let of = |name: &str| headings.iter().position(|heading| *heading == name);
    match column {
        Some(name) => of(&name.trim().to_lowercase()),
        None => COLUMNS.into_iter().find_map(of),
    }
}

fn no_column(headings: &[String], column: Option<&str>) -> Failure {
    // What has digits may be a number and no heading.
    let shown: Vec<&str> = headings
        .iter()
        .map(|heading| {
            if heading.contains(|c: char| c.is_ascii_digit()) {
                "…"
            } else {
                heading.as_str()
            }
        })
        .take(HEADINGS_SHOWN_MAX)
        .collect();
    let wanted = column.map_or_else(
        || "a column with phone numbers".to_owned(),
        |name| format!("the column `{name}`"),
    );
    Failure::new(
        format!("failed to find {wanted}; the first line has: {}", shown.join(", ")),
        "name the column with --column",
    )
}

/// What stands there, but for its last two digits.
fn masked(raw: &str) -> String {
    let digits: Vec<char> = raw.chars().filter(char::is_ascii_digit).collect();
    match digits.as_slice() {
        [.., a, b] if digits.len() > 2 => format!("(…{a}{b})"),
        _ => "(no number)".to_owned(),
    }
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

    fn read(text: &str, column: Option<&str>) -> Vec<(u64, Result<String, String>)> {
        let mut lines = Lines::new(text.as_bytes(), column, Region::US).unwrap();
        std::iter::from_fn(|| lines.next().unwrap())
            .map(|(line, number)| (line, number.map(|phone| phone.as_str().to_owned())))
            .collect()
    }

    #[test]
    fn the_column_is_found_by_its_heading_or_is_the_only_one() {
        let number = |line| (line, Ok("+12125550142".to_owned()));
        for (text, column) in [
            ("name,phone\nAda,+1 (212) 555-0142\n", None),
            ("\u{feff}Phone,Name\r\n12125550142,\"Ada, Countess\"\r\n", None),
            ("name,Tel\r\nAda,'212-555-0142\r\n", Some("TEL")),
        ] {
            assert_eq!(read(text, column), [number(2)], "{text}");
        }
        assert_eq!(read("2125550142\n\n(212) 555-0142\n", None), [number(1), number(3)]);
        let quoted = "phone,note\n2125550142,\"two\nlines\"\n\n2125550142,x";
        assert_eq!(read(quoted, None), [number(2), number(5)]);
        assert_eq!(read("phone\n", None), []);
        assert_eq!(read("", None), []);
    }

    #[test]
    fn a_line_without_a_number_says_which_and_why_and_shows_two_digits() {
        let read = read("id,phone\n1,4.41E+11\n2,555-0100\n3,\n4,call me\n5", None);
        let whys: Vec<(u64, String)> = read
            .into_iter()
            .map(|(line, number)| (line, number.unwrap_err()))
            .collect();
        for ((line, why), (at, begins, holds)) in whys.iter().zip([
            (2, "(…11) ", "spreadsheet"),
            (3, "(…00) ", "7 digits"),
            (4, "(no number) ", "empty"),
            (5, "(no number) ", "characters"),
            (6, "(no number) ", "empty"),
        ]) {
            assert!(
                *line == at && why.starts_with(begins) && why.contains(holds),
                "{line}: {why}"
            );
            assert!(!why.contains("0100"), "{why}");
        }
        assert_eq!(whys.len(), 5);
    }

    #[test]
    fn a_file_without_such_a_column_is_refused_without_showing_numbers() {
        let refused = |text: &str, column| {
            Lines::new(text.as_bytes(), column, Region::US)
                .map(|_| ())
                .unwrap_err()
                .what
        };
        assert_eq!(
            refused("name,home\nAda,1\n", None),
            "failed to find a column with phone numbers; the first line has: name, home"
        );
        assert_eq!(
            refused("Ada,2125550142\n", Some("tel")),
            "failed to find the column `tel`; the first line has: ada, …"
        );
    }

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
