//! The one place that prints. Who does not listen any more (a closed pipe) does not end the work.

use std::io::{IsTerminal, Write};
use std::time::{Duration, Instant};

use crate::failure::Failure;

/// Whether people look at the output, so that it may be redrawn.
pub(crate) fn is_terminal() -> bool {
    std::io::stdout().is_terminal()
}

/// Text as it is.
pub(crate) fn text(text: &str) {
    let mut out = std::io::stdout().lock();
    let _ = out.write_all(text.as_bytes());
    let _ = out.flush();
}

/// One line.
pub(crate) fn line(line: &str) {
    text(&format!("{line}\n"));
}

/// A failure, and what to do.
pub(crate) fn failure(failure: &Failure) {
    let mut err = std::io::stderr().lock();
    let _ = writeln!(err, "redial: {}\n  -> {}", failure.what, failure.hint);
}

/// Rows under headings, in columns.
pub(crate) fn table<const N: usize>(headings: [&str; N], rows: &[[String; N]]) {
    let width = |column: usize| {
        let cells = rows.iter().map(|row| row[column].chars().count());
        cells.chain([headings[column].len()]).max().unwrap_or(0)
    };
    let widths: [usize; N] = std::array::from_fn(width);
    let row = |cells: [&str; N]| {
        let padded: Vec<String> = cells
            .iter()
            .zip(widths)
            .map(|(cell, width)| format!("{cell:width$}"))
            .collect();
        line(padded.join("  ").trim_end());
    };
    row(headings);
    for cells in rows {
        row(std::array::from_fn(|column| cells[column].as_str()));
    }
}

/// Where nobody looks on while it is written, a line about long work comes this often: a file of an hour has 120.
const LOGGED_EVERY: Duration = Duration::from_secs(30);

/// One line about long work, beside the output: drawn over itself on a terminal, elsewhere a line now and then.
#[derive(Debug)]
pub(crate) struct Progress {
    shown: bool,
    logged: Instant,
}

impl Default for Progress {
    fn default() -> Self {
        Self {
            shown: false,
            logged: Instant::now(),
        }
    }
}

impl Progress {
    pub(crate) fn show(&mut self, line: &str) {
        let mut err = std::io::stderr().lock();
        if err.is_terminal() {
            self.shown = true;
            let _ = write!(err, "\r\u{1b}[K{line}");
            let _ = err.flush();
        } else if self.logged.elapsed() >= LOGGED_EVERY {
            self.logged = Instant::now();
            let _ = writeln!(err, "{line}");
        }
    }

    pub(crate) fn end(&mut self) {
        if self.shown {
            let _ = write!(std::io::stderr().lock(), "\r\u{1b}[K");
        }
    }
}

/// A block of lines that is drawn over itself.
#[derive(Debug, Default)]
pub(crate) struct Redrawn {
    lines: usize,
}

impl Redrawn {
    /// Draws the block over the one before.
    pub(crate) fn draw(&mut self, block: &str) {
        let up = match self.lines {
            0 => String::new(),
            lines => format!("\u{1b}[{lines}F\u{1b}[J"),
        };
        // Lines wider than the terminal are cut, not wrapped, or the next drawing would begin too low.
        text(&format!("{up}\u{1b}[?7l{block}\u{1b}[?7h"));
        self.lines = block.lines().count();
    }
}
