//! How fast a file of leads is read and checked on one core, and what the most is that the process holds.
//!
//! The file is made here: people with everything that the sample of the campaign tool before this one has, of which a twentieth
//! is bad in one of five ways and a hundredth stands there twice. Each reading is a process of its own, so that its peak is its
//! own. Beside it the same rules in Python: as that tool's document describes it, with pandas and a pydantic model for each row,
//! and as one makes it fast, column by column. All three have to count the same.

use std::{
    fmt::Write as _,
    fs::File,
    io::{BufWriter, Read, Write as _},
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};

use chrono::DateTime;
use redial_domain::Region;
use redial_domain::import::{Checker, Columns, ImportRules, SeenPhones};
use redial_domain::sheet::{Dialect, HEAD_BYTES, Next, Reader};
use serde::{Deserialize, Serialize};

use crate::{
    Size, children,
    peers::install,
    row::{Row, Target},
};

pub(crate) const PART: &str = "import";

/// What the design asks for, as multiples of the rates in Python, and in MiB.
const LITERAL_TIMES_MIN: f64 = 15.0;
const TUNED_TIMES_MIN: f64 = 2.0;
const PEAK_MIB_MAX: f64 = 64.0;
/// Readings of which the median is taken.
const RUNS: usize = 3;
/// The literal script takes a minute for a million rows, and several on a busy machine.
const READ_WAIT_MAX: Duration = Duration::from_secs(900);
const RATE: &str = "rows a second";
const MEMORY: &str = "MiB";

const HEADINGS: &str = "name,phone,email,property_type,location,budget,source,tags\n";

/// What a reading counted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Reading {
    rows: u64,
    valid: u64,
    duplicate: u64,
    seconds: f64,
    peak_mib: f64,
}

impl Reading {
    #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
    fn rate(&self) -> f64 {
        self.rows as f64 / self.seconds
    }

    const fn counts(&self) -> [u64; 3] {
        [self.rows, self.valid, self.duplicate]
    }
}

pub(crate) async fn rows(size: Size) -> Vec<Row> {
    let people = match size {
        Size::Quick => 20_000,
        Size::Usual => 1_000_000,
        Size::Full => 5_000_000,
    };
    match measured(size, people).await {
        Ok(rows) => rows,
        Err(why) => vec![Row::missing(PART, "a file of leads", RATE, why)],
    }
}

async fn measured(size: Size, people: u64) -> Result<Vec<Row>, String> {
    let folder = install::folder()?;
    let file = folder.join("leads.csv");
    write(&file, people).map_err(|error| format!("failed to write `{}`: {error}", file.display()))?;
    let mut ours = Vec::new();
    for _ in 0..RUNS {
        ours.push(own(&folder, &file).await?);
    }
    let first = ours[0].clone();
    let rates: Vec<f64> = ours.iter().map(Reading::rate).collect();
    let peak = ours.iter().map(|read| read.peak_mib).fold(0.0, f64::max);
    let name = format!("{people} rows, a twentieth bad");
    let mine = Row::median(PART, &name, &rates, RATE).how(format!(
        "median of {RUNS} processes, one thread, with duplicates of the file"
    ));
    let held =
        Row::counted(PART, format!("{name}: peak of the process"), peak, MEMORY).how("VmHWM of the largest of them");
    let mut rows = vec![mine.clone(), held.target(Target::AtMost(PEAK_MIB_MAX))];
    for (script, what, least) in [
        (
            "import_literal.py",
            "pandas and a pydantic model for each row",
            LITERAL_TIMES_MIN,
        ),
        ("import_tuned.py", "pandas, column by column", TUNED_TIMES_MIN),
    ] {
        let name = format!("{name}: as a multiple of {what}");
        rows.extend(match python(size, script, &file).await {
            Ok(theirs) => beside(&mine, &first, &theirs, (&name, what, least), size),
            Err(why) => vec![Row::missing(PART, name, "times", why)],
        });
    }
    let _ = std::fs::remove_file(&file);
    Ok(rows)
}

fn beside(
    mine: &Row,
    ours: &Reading,
    theirs: &Reading,
    (name, what, least): (&str, &str, f64),
    size: Size,
) -> Vec<Row> {
    let times = mine.value.unwrap_or_default() / theirs.rate();
    let row = Row::counted(PART, name, times, "times").how(format!(
        "{:.0} a second against {:.0}, the same file and minutes",
        mine.value.unwrap_or_default(),
        theirs.rate()
    ));
    let apart: u64 = ours
        .counts()
        .iter()
        .zip(theirs.counts())
        .map(|(a, b)| a.abs_diff(b))
        .sum();
    #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
    let apart = Row::counted(PART, format!("rows that {what} counts otherwise"), apart as f64, "rows")
        .target(Target::AtMost(0.0));
    vec![
        if size == Size::Quick {
            row
        } else {
            row.target(Target::AtLeast(least))
        },
        Row::counted(PART, format!("peak of {what}"), theirs.peak_mib, MEMORY).beside("ours", ours.peak_mib),
        apart,
    ]
}

/// A process of this program that reads the file.
async fn own(folder: &Path, file: &Path) -> Result<Reading, String> {
    let this = std::env::current_exe().map_err(|error| error.to_string())?;
    let mut command = Command::new(this);
    command.args(["--child", PART]).arg(file);
    read(&children::run(&mut command, &folder.join("import.log"), READ_WAIT_MAX).await?)
}

async fn python(size: Size, script: &str, file: &Path) -> Result<Reading, String> {
    let (python, folder) = install::python_with_pandas(size).await?;
    let mut command = Command::new(python);
    command.arg(folder.join(script)).arg(file);
    read(&children::run(&mut command, &folder.join("import-python.log"), READ_WAIT_MAX).await?)
}

fn read(said: &str) -> Result<Reading, String> {
    serde_json::from_str(said.trim()).map_err(|error| format!("`{}` is no figure: {error}", said.trim()))
}

/// What the process that reads does.
pub(crate) fn child(words: &[String]) -> Result<String, String> {
    let file = words.first().map(PathBuf::from).ok_or("no file is named")?;
    let begun = Instant::now();
    let [rows, valid, duplicate] = check(&file)?;
    let seconds = begun.elapsed().as_secs_f64();
    let peak_mib = peak_mib().ok_or("this system does not tell what a process held")?;
    let read = Reading {
        rows,
        valid,
        duplicate,
        seconds,
        peak_mib,
    };
    serde_json::to_string(&read).map_err(|error| error.to_string())
}

/// Rows, leads, and rows whose phone stands above.
fn check(path: &Path) -> Result<[u64; 3], String> {
    let size = std::fs::metadata(path).map_err(|error| error.to_string())?.len();
    let shares = shares(path, size)?;
    let mut counts = [0; 3];
    for share in 0..shares {
        let [rows, valid, duplicate] = once(path, share, shares)?;
        counts = [rows, counts[1] + valid, counts[2] + duplicate];
    }
    Ok(counts)
}

/// How often the file is gone through, by what its first rows have.
fn shares(path: &Path, size: u64) -> Result<u32, String> {
    let mut first = vec![0; 4 * HEAD_BYTES];
    let mut file = File::open(path).map_err(|error| error.to_string())?;
    let read = file.read(&mut first).map_err(|error| error.to_string())?;
    let rows = first[..read].iter().filter(|byte| **byte == b'\n').count();
    Ok(SeenPhones::shares(size, read as u64, rows as u64))
}

fn once(path: &Path, share: u32, shares: u32) -> Result<[u64; 3], String> {
    let mut file = File::open(path).map_err(|error| error.to_string())?;
    let mut chunk = vec![0; 4 * HEAD_BYTES];
    let first = file.read(&mut chunk).map_err(|error| error.to_string())?;
    let dialect = Dialect::of(&chunk[..first]);
    let mut reader = Reader::new(dialect);
    reader.push(&chunk[dialect.skipped as usize..first]);
    let rules = ImportRules {
        required: vec!["property_type".to_owned(), "location".to_owned()],
        ..ImportRules::default()
    };
    let Next::Row(headings) = reader.next() else {
        return Err("the file has no headings".to_owned());
    };
    let columns = Columns::read(&headings, &[].into(), &rules.required).map_err(|faults| format!("{faults:?}"))?;
    let checker = Checker::new(columns, &rules, Region::IN, DateTime::default());
    let (mut faults, mut seen, mut counts, mut told) = (Vec::new(), SeenPhones::default(), [0_u64; 3], 0_usize);
    loop {
        match reader.next() {
            Next::Row(row) => {
                counts[0] += 1;
                match checker.check(&row, &mut faults) {
                    Some(lead) if SeenPhones::is_in(&lead.phone, share, shares) => {
                        counts[if seen.is_new(&lead.phone) { 1 } else { 2 }] += 1;
                        std::hint::black_box(&lead);
                    }
                    Some(_) => {}
                    // Every fault is told, as the others do.
                    None => told += faults.iter().map(|fault| fault.told().len()).sum::<usize>(),
                }
            }
            Next::More => match file.read(&mut chunk).map_err(|error| error.to_string())? {
                0 => reader.end(),
                read => reader.push(&chunk[..read]),
            },
            Next::End => break,
        }
    }
    std::hint::black_box(told);
    Ok(counts)
}

/// The most that this process held.
fn peak_mib() -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kib: f64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib / 1_024.0)
}

fn write(path: &Path, people: u64) -> std::io::Result<()> {
    let mut file = BufWriter::new(File::create(path)?);
    file.write_all(HEADINGS.as_bytes())?;
    let mut line = String::new();
    for n in 0..people {
        line.clear();
        let _ = person(n, &mut line);
        file.write_all(line.as_bytes())?;
    }
    file.flush()
}

/// The nth person. Each twentieth is bad, in one of five ways; each hundredth has the phone of the one before.
fn person(n: u64, line: &mut String) -> std::fmt::Result {
    let number = if n % 100 == 50 { n - 1 } else { n };
    // Spread, so that no two neighbours look alike, and each is another.
    let phone = 6_000_000_000 + number * 7_919 % 3_999_999_971;
    let place = ["Gurgaon", "Noida", "Bangalore", "\"Sector 62, Noida\"", "Pune"][(n % 5) as usize];
    let source = ["website", "referral", "advertisement", "partner", ""][(n / 5 % 5) as usize];
    let fault = if n % 20 == 7 { n / 20 % 5 } else { 9 };
    let email = match fault {
        1 => "nobody".to_owned(),
        _ if n.is_multiple_of(3) => String::new(),
        _ => format!("Person{n}@example.com"),
    };
    let phone = if fault == 0 { phone / 100_000 } else { phone };
    let budget = if fault == 2 {
        0
    } else {
        1_000_000 + n * 1_000 % 20_000_000
    };
    let source = if fault == 3 { "rumour" } else { source };
    let place = if fault == 4 { "" } else { place };
    writeln!(
        line,
        "Person Number{n},{phone},{email},{}bhk,{place},{budget},{source},\"a,b\"",
        n % 4 + 1
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_has_as_many_bad_rows_and_duplicates_as_it_says() {
        let path = std::env::temp_dir().join(format!("redial-bench-import-{}.csv", std::process::id()));
        write(&path, 10_000).unwrap();
        let counts = check(&path).unwrap();
        let _ = std::fs::remove_file(&path);
        assert_eq!(counts, [10_000, 9_400, 100]);
    }
}
