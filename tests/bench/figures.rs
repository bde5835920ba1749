//! What was measured, as a table for people; what must be so, as faults; and a line that shows how far it is.
//!
//! The one place of the load script that prints.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command line: the table goes to stdout, progress to stderr"
)]

use std::{
    fmt::{Debug, Display},
    io::{IsTerminal, Write},
    time::{Duration, Instant},
};

use redial_aws::table::Units;

/// A line on a terminal is redrawn this often, and written this often into a pipe.
const REDRAW_EVERY: Duration = Duration::from_millis(250);
const LINE_EVERY: Duration = Duration::from_secs(10);

/// Rows and faults of one part.
#[derive(Debug, Default)]
pub(crate) struct Figures {
    rows: Vec<(String, String)>,
    faults: Vec<String>,
    /// Numbers that `make bench` shows: what, how much, in which unit.
    pub(crate) numbers: Vec<(&'static str, f64, &'static str)>,
}

impl Figures {
    pub(crate) fn row(&mut self, name: impl Display, value: impl Display) {
        self.rows.push((name.to_string(), value.to_string()));
    }

    /// Keeps a number beside the rows.
    pub(crate) fn number(&mut self, name: &'static str, value: f64, unit: &'static str) {
        self.numbers.push((name, value, unit));
    }

    /// What does not agree.
    pub(crate) fn faults(&self) -> &[String] {
        &self.faults
    }

    /// Notes a row of the books, and a fault if it does not agree.
    pub(crate) fn agree<T: PartialEq + Display + Debug>(&mut self, name: &str, found: T, expected: T) {
        if found == expected {
            self.row(name, found);
        } else {
            self.row(name, format!("{found}, NOT {expected}"));
            self.faults.push(format!("{name}: {found} instead of {expected}"));
        }
    }

    /// Capacity units and requests for each of `count` things.
    #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
    pub(crate) fn units(&mut self, what: &str, before: Units, after: Units, count: usize) {
        let each = |sum: f64| sum / count.max(1) as f64;
        self.row(
            format!("units for each {what}"),
            format!(
                "{:.1} write, {:.1} read, in {:.1} requests",
                each(after.write - before.write),
                each(after.read - before.read),
                each((after.requests - before.requests) as f64)
            ),
        );
    }

    /// The most memory that this process held since the last such row, generator included.
    pub(crate) fn memory(&mut self) {
        self.row(
            "peak memory",
            mib("VmHWM:").map_or("unknown".to_owned(), |mib| format!("{mib} MiB")),
        );
        // Fails where there is no such file; then the row is the peak of all parts so far.
        let _ = std::fs::write("/proc/self/clear_refs", "5");
    }

    /// Forgets the peak so far; gives what is held now, in MiB.
    pub(crate) fn memory_from_here() -> Option<u64> {
        let _ = std::fs::write("/proc/self/clear_refs", "5");
        mib("VmRSS:")
    }

    /// The most memory since then.
    pub(crate) fn memory_since(&mut self, before: Option<u64>) {
        let text = |mib: Option<u64>| mib.map_or("unknown".to_owned(), |mib| format!("{mib} MiB"));
        self.row(
            "memory before and at its peak",
            format!("{}, {}", text(before), text(mib("VmHWM:"))),
        );
    }

    /// Prints the table. Whether all is well.
    pub(crate) fn print(&self, title: &str) -> bool {
        println!("\n{title}\n");
        let width = self.rows.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
        for (name, value) in &self.rows {
            println!("  {name:<width$}  {value}");
        }
        for fault in &self.faults {
            println!("  LOST  {fault}");
        }
        self.faults.is_empty()
    }
}

pub(crate) fn mib(what: &str) -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(what))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib / 1_024)
}

/// Processor time that this process used so far, in ms.
pub(crate) fn processor_ms() -> Option<u64> {
    /// Linux counts in hundredths of a second for programs, whatever it does inside (proc(5), `stat`).
    const TICK_MS: u64 = 10;
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    // The name of the program is in parentheses and may have spaces; user and system time are 12 and 13 behind it.
    let (_, fields) = stat.rsplit_once(')')?;
    let ticks = fields.split_whitespace().skip(11).take(2).map(str::parse::<u64>);
    Some(ticks.sum::<Result<u64, _>>().ok()? * TICK_MS)
}

/// How far it is.
#[derive(Debug)]
pub(crate) struct Progress {
    what: &'static str,
    of: usize,
    begun: Instant,
    shown: Option<Instant>,
}

impl Progress {
    pub(crate) fn of(what: &'static str, of: usize) -> Self {
        Self {
            what,
            of,
            begun: Instant::now(),
            shown: None,
        }
    }

    pub(crate) fn at(&mut self, done: usize, more: &str) {
        let on_terminal = std::io::stderr().is_terminal();
        let every = if on_terminal { REDRAW_EVERY } else { LINE_EVERY };
        if self.shown.is_some_and(|shown| shown.elapsed() < every) {
            return;
        }
        self.shown = Some(Instant::now());
        let (from, to) = if on_terminal { ("\r\u{1b}[K", "") } else { ("", "\n") };
        let seconds = self.begun.elapsed().as_secs();
        eprint!("{from}  {}: {done} of {}, {seconds} s{more}{to}", self.what, self.of);
        let _ = std::io::stderr().flush();
    }

    /// The time that it took.
    pub(crate) fn end(self) -> Duration {
        if std::io::stderr().is_terminal() {
            eprint!("\r\u{1b}[K");
        }
        self.begun.elapsed()
    }
}

/// Parts per thousand of sorted values: `of(&values, 990)` is p99.
pub(crate) fn at_per_mille(sorted: &[Duration], per_mille: usize) -> Duration {
    let at = (sorted.len() * per_mille).div_ceil(1_000).saturating_sub(1);
    sorted.get(at).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentile_is_the_value_that_so_many_do_not_exceed() {
        let hundred: Vec<Duration> = (1..=100).map(Duration::from_millis).collect();
        for (per_mille, ms) in [(500, 50), (990, 99), (1_000, 100), (1, 1)] {
            assert_eq!(at_per_mille(&hundred, per_mille), Duration::from_millis(ms));
        }
        assert_eq!(at_per_mille(&[], 500), Duration::ZERO);
    }

    #[test]
    fn books_that_do_not_agree_are_a_fault() {
        let mut figures = Figures::default();
        figures.agree("applied", 3, 3);
        assert_eq!(figures.faults.len(), 0);
        figures.agree("applied", 2, 3);
        assert_eq!(figures.faults, ["applied: 2 instead of 3"]);
    }
}
