//! A file as spreadsheets save it, read as rows of cells: bytes in, one row after the other out.
//!
//! Data flow: [`Dialect::of`] the first bytes → [`Reader::push`] the bytes as they come → [`Reader::next`] until it wants
//! more. Memory holds one row and what was pushed last, whatever the file is. A [`Place`] is where a row begins, in bytes of
//! the file, so that reading goes on there in another process. Knows nothing of what a row means.
//!
//! A cell in quotes may run over several lines. A quote too many would swallow every row up to the next one, and nobody would
//! hear of it. So a cell in quotes that does not end as one must, is too long, or leaves its row without cells that the
//! others have, costs one line: that line comes as a row with a [`Fault`], and reading goes on with the next line.
//!
//! `csv` and `csv-core` were weighed: neither tells such a row from a good one, nor goes back.

mod decode;
mod dialect;
mod scan;

use std::ops::Range;

use serde::{Deserialize, Serialize};

use decode::Utf16;
pub use dialect::{Dialect, Encoding, HEAD_BYTES};
use scan::{Scanned, scan, split};

/// Bytes of a row. Sixty fields of 500 characters are half of it; longer ones are no row, and would be held in memory.
pub const ROW_BYTES_MAX: usize = 256 * 1024;
/// Lines of a cell in quotes: a note of fifty lines is none that anybody types. The rest of a file behind a quote too many
/// is longer.
const QUOTED_LINES_MAX: usize = 50;

/// Where a row begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// Bytes of the file before it.
    pub byte: u64,
    /// Its number in a spreadsheet: the first one is 1, empty ones count.
    pub row: u64,
    /// Its first line in a text editor.
    pub line: u64,
}

/// What is wrong with how a row is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// A quote begins a cell, and none ends it where one could.
    Quote,
    /// It has more than [`ROW_BYTES_MAX`].
    TooLong,
}

/// One row.
#[derive(Debug, Clone, Copy)]
pub struct Row<'r> {
    /// Where it begins.
    pub place: Place,
    /// What is wrong with it; its cells are those of its first line then, with every quote in them.
    pub fault: Option<Fault>,
    text: &'r str,
    cells: &'r [Range<usize>],
}

impl<'r> Row<'r> {
    /// How many cells it has.
    pub const fn len(&self) -> usize {
        self.cells.len()
    }

    /// Whether it has none.
    pub const fn is_empty(&self) -> bool {
        self.cells.is_empty()
    }

    /// A cell without the blanks around it; an empty one where the row has none.
    pub fn cell(&self, n: usize) -> &'r str {
        self.cells.get(n).map_or("", |cell| self.text[cell.clone()].trim())
    }

    /// All cells.
    pub fn cells(&self) -> impl Iterator<Item = &'r str> + use<'r> {
        let text = self.text;
        self.cells.iter().map(move |cell| text[cell.clone()].trim())
    }

    /// Whether nothing stands in it.
    pub fn is_blank(&self) -> bool {
        self.cells().all(str::is_empty)
    }
}

/// What comes next.
#[derive(Debug)]
pub enum Next<'r> {
    /// A row.
    Row(Row<'r>),
    /// Push more bytes, or say that there are none.
    More,
    /// There was no further row.
    End,
}

/// Reads rows.
#[derive(Debug, Clone)]
pub struct Reader {
    dialect: Dialect,
    utf16: Utf16,
    /// What was pushed: UTF-8, or bytes that may be.
    bytes: Vec<u8>,
    /// So many of them are read.
    read: usize,
    /// Where the next row begins.
    place: Place,
    /// Bytes of the file that were pushed, or were before the first that was.
    pushed: u64,
    /// Cells of the rows above, which one over several lines has to have.
    columns: usize,
    /// A row that is too long is left out up to its end.
    skipping: Option<Place>,
    ended: bool,
    /// The text of a row that is not in `bytes` as it is.
    text: String,
    cells: Vec<Range<usize>>,
}

impl Reader {
    /// From the beginning of a file.
    pub fn new(dialect: Dialect) -> Self {
        let begins = Place {
            byte: u64::from(dialect.skipped),
            row: 1,
            line: 1 + u64::from(dialect.skipped_lines),
        };
        Self::at(dialect, begins)
    }

    /// From the beginning of a row on.
    pub fn at(dialect: Dialect, place: Place) -> Self {
        Self {
            dialect,
            utf16: Utf16::default(),
            bytes: Vec::new(),
            read: 0,
            place,
            pushed: place.byte,
            columns: 0,
            skipping: None,
            ended: false,
            text: String::new(),
            cells: Vec::new(),
        }
    }

    /// Says how many cells a row has; a row over several lines that has fewer is taken for a quote too many.
    pub const fn expect_columns(&mut self, columns: usize) {
        self.columns = columns;
    }

    /// How many bytes of the file were pushed: the number of the next one.
    pub const fn pushed(&self) -> u64 {
        self.pushed
    }

    /// Where the next row begins.
    pub const fn place(&self) -> Place {
        self.place
    }

    /// The next bytes of the file.
    pub fn push(&mut self, bytes: &[u8]) {
        self.bytes.drain(..self.read);
        self.read = 0;
        self.pushed += bytes.len() as u64;
        match self.dialect.encoding {
            Encoding::Bytes => self.bytes.extend_from_slice(bytes),
            Encoding::Utf16Le => self.utf16.decode(bytes, u16::from_le_bytes, &mut self.bytes),
            Encoding::Utf16Be => self.utf16.decode(bytes, u16::from_be_bytes, &mut self.bytes),
        }
    }

    /// There are no more bytes.
    pub fn end(&mut self) {
        if !self.ended {
            self.utf16.end(&mut self.bytes);
            self.ended = true;
        }
    }

    /// The next row.
    #[expect(
        clippy::should_implement_trait,
        reason = "it lends its rows, which an iterator cannot"
    )]
    pub fn next(&mut self) -> Next<'_> {
        let Dialect { sign, row_end, .. } = self.dialect;
        if let Some(place) = self.skipping {
            return self.skip(place);
        }
        let left = &self.bytes[self.read..];
        let (length, fault, quoted) = match scan(left, sign, row_end, self.ended, QUOTED_LINES_MAX) {
            Scanned::End => return Next::End,
            Scanned::More if left.len() > ROW_BYTES_MAX => {
                self.skipping = Some(self.place);
                return self.skip(self.place);
            }
            Scanned::More => return Next::More,
            Scanned::Line(length) if length > ROW_BYTES_MAX => (length, Some(Fault::TooLong), false),
            Scanned::Line(length) => (length, None, false),
            Scanned::Quoted(length) => (length, None, true),
            Scanned::Broken(length) => (length, Some(Fault::Quote), false),
        };
        let at = self.read;
        self.divide(at..at + length, quoted);
        let lines = 1 + if quoted { self.lines(at, length) } else { 0 };
        if lines > 1 && self.cells.len() < self.columns {
            let first = memchr::memchr(row_end, &self.bytes[at..at + length]).unwrap_or(length);
            self.divide(at..at + first, false);
            return Next::Row(self.row(at, first, 1, Some(Fault::Quote)));
        }
        Next::Row(self.row(at, length, lines, fault))
    }

    /// The cells of a piece of what was pushed.
    fn divide(&mut self, piece: Range<usize>, quoted: bool) {
        let piece = &self.bytes[piece];
        let piece = match piece {
            [rest @ .., b'\r'] if self.dialect.row_end == b'\n' => rest,
            piece => piece,
        };
        self.text.clear();
        self.cells.clear();
        let mut decoded = String::new();
        let text = match std::str::from_utf8(piece) {
            Ok(text) => text,
            Err(_) => {
                decode::windows_1252(piece, &mut decoded);
                decoded.as_str()
            }
        };
        if quoted {
            scan::unquote(text, self.dialect.sign, &mut self.text, &mut self.cells);
        } else {
            split(text.as_bytes(), self.dialect.sign, &mut self.cells);
            if !decoded.is_empty() {
                self.text = decoded;
            }
        }
    }

    /// The row that was divided; reading goes on behind it.
    fn row(&mut self, at: usize, length: usize, lines: usize, fault: Option<Fault>) -> Row<'_> {
        let ends = usize::from(self.bytes.get(at + length) == Some(&self.dialect.row_end));
        let place = self.place;
        self.read = at + length + ends;
        self.place = Place {
            byte: place.byte + self.bytes_of_file(at..at + length + ends),
            row: place.row + 1,
            line: place.line + lines as u64,
        };
        let own = self.text.is_empty();
        let text = if own {
            std::str::from_utf8(&self.bytes[at..at + length]).unwrap_or_default()
        } else {
            self.text.as_str()
        };
        Row {
            place,
            fault,
            text,
            cells: &self.cells,
        }
    }

    /// Leaves out what is pushed up to the end of a row that is too long.
    fn skip(&mut self, place: Place) -> Next<'_> {
        let found = memchr::memchr(self.dialect.row_end, &self.bytes[self.read..]);
        let length = found.map_or(self.bytes.len() - self.read, |at| at + 1);
        let skipped = self.bytes_of_file(self.read..self.read + length);
        self.read += length;
        self.place.byte += skipped;
        if found.is_none() && !self.ended {
            return Next::More;
        }
        self.skipping = None;
        self.place.row = place.row + 1;
        self.place.line = place.line + 1;
        self.text.clear();
        self.cells.clear();
        Next::Row(Row {
            place,
            fault: Some(Fault::TooLong),
            text: "",
            cells: &[],
        })
    }

    /// How many bytes of the file a piece of what was pushed had.
    fn bytes_of_file(&self, piece: Range<usize>) -> u64 {
        match self.dialect.encoding {
            Encoding::Bytes => piece.len() as u64,
            // A piece ends at the end of a character: what was pushed is text.
            _ => std::str::from_utf8(&self.bytes[piece]).map_or(0, decode::utf16_bytes),
        }
    }

    /// Ends of lines inside of a piece.
    fn lines(&self, at: usize, length: usize) -> usize {
        memchr::memchr_iter(self.dialect.row_end, &self.bytes[at..at + length]).count()
    }
}

#[cfg(test)]
mod tests;
