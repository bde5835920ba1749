//! Where a row ends, and where its cells do.

use std::ops::Range;

/// What was found at the beginning of some bytes. Lengths are without the end of the row.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Scanned {
    /// A row of one line, whose cells are as they stand there.
    Line(usize),
    /// A row with a cell in quotes.
    Quoted(usize),
    /// A line with a quote that ends nowhere.
    Broken(usize),
    /// The row's end has not come.
    More,
    /// Nothing is left.
    End,
}

/// Finds the first row. `ended`: no more bytes come.
pub(super) fn scan(bytes: &[u8], sign: u8, row_end: u8, ended: bool, quoted_lines_max: usize) -> Scanned {
    if bytes.is_empty() {
        return if ended { Scanned::End } else { Scanned::More };
    }
    match memchr::memchr2(b'"', row_end, bytes) {
        Some(at) if bytes[at] == row_end => return Scanned::Line(at),
        None if ended => return Scanned::Line(bytes.len()),
        None => return Scanned::More,
        Some(_) => {}
    }
    let mut at = 0;
    let mut quoted = false;
    loop {
        let blanks = bytes[at..].iter().take_while(|byte| **byte == b' ').count();
        if bytes.get(at + blanks) == Some(&b'"') {
            match cell_in_quotes(bytes, at + blanks + 1, sign, row_end, ended, quoted_lines_max) {
                InQuotes::Ends(end) => {
                    quoted = true;
                    at = end;
                }
                // Quotes in the middle of a line are signs like others.
                InQuotes::Literal => {}
                InQuotes::More => return Scanned::More,
                InQuotes::Broken => {
                    return match (memchr::memchr(row_end, bytes), ended) {
                        (Some(end), _) => Scanned::Broken(end),
                        (None, true) => Scanned::Broken(bytes.len()),
                        (None, false) => Scanned::More,
                    };
                }
            }
        }
        let found = |end| {
            if quoted {
                Scanned::Quoted(end)
            } else {
                Scanned::Line(end)
            }
        };
        match memchr::memchr2(sign, row_end, &bytes[at..]) {
            Some(next) if bytes[at + next] == row_end => return found(at + next),
            Some(next) => at += next + 1,
            None if ended => return found(bytes.len()),
            None => return Scanned::More,
        }
    }
}

enum InQuotes {
    /// Behind the quote that ends it.
    Ends(usize),
    /// More stands behind the second quote of the same line: as in `"Al" Jones`.
    Literal,
    More,
    Broken,
}

/// A cell whose first quote stands before `begin`.
fn cell_in_quotes(bytes: &[u8], begin: usize, sign: u8, row_end: u8, ended: bool, lines_max: usize) -> InQuotes {
    let mut at = begin;
    let mut lines = 0;
    loop {
        let found = memchr::memchr(b'"', &bytes[at..]);
        let upto = found.map_or(bytes.len(), |next| at + next);
        lines += memchr::memchr_iter(row_end, &bytes[at..upto])
            .take(lines_max + 1)
            .count();
        if lines > lines_max {
            return InQuotes::Broken;
        }
        if found.is_none() {
            return if ended { InQuotes::Broken } else { InQuotes::More };
        }
        at = upto + 1;
        if bytes.get(at) == Some(&b'"') {
            at += 1;
            continue;
        }
        // A carriage return may be the row's end itself.
        let is_blank = |byte: &&u8| **byte == b' ' || (**byte == b'\r' && row_end != b'\r');
        let blanks = bytes[at..].iter().take_while(is_blank).count();
        return match bytes.get(at + blanks) {
            None if ended => InQuotes::Ends(at),
            None => InQuotes::More,
            Some(next) if *next == sign || *next == row_end => InQuotes::Ends(at),
            Some(_) if lines == 0 => InQuotes::Literal,
            Some(_) => InQuotes::Broken,
        };
    }
}

/// Cells of a line without quotes around any.
pub(super) fn split(text: &[u8], sign: u8, cells: &mut Vec<Range<usize>>) {
    let mut begin = 0;
    for end in memchr::memchr_iter(sign, text) {
        cells.push(begin..end);
        begin = end + 1;
    }
    cells.push(begin..text.len());
}

/// Cells of a row with quotes around some, as the text that they mean.
pub(super) fn unquote(text: &str, sign: u8, meant: &mut String, cells: &mut Vec<Range<usize>>) {
    let bytes = text.as_bytes();
    let mut at = 0;
    loop {
        let begin = meant.len();
        let blanks = bytes[at..].iter().take_while(|byte| **byte == b' ').count();
        let is_quoted = bytes.get(at + blanks) == Some(&b'"') && {
            // All lines are here: only the end of the text may be none of the signs.
            let ends = cell_in_quotes(bytes, at + blanks + 1, sign, b'\n', true, usize::MAX - 1);
            matches!(ends, InQuotes::Ends(_))
        };
        if is_quoted {
            at += blanks + 1;
            while let Some(next) = memchr::memchr(b'"', &bytes[at..]) {
                meant.push_str(&text[at..at + next]);
                at += next + 1;
                if bytes.get(at) != Some(&b'"') {
                    break;
                }
                meant.push('"');
                at += 1;
            }
        }
        let end = memchr::memchr(sign, &bytes[at..]).map_or(bytes.len(), |next| at + next);
        if !is_quoted {
            meant.push_str(&text[at..end]);
        }
        cells.push(begin..meant.len());
        if end == bytes.len() {
            return;
        }
        at = end + 1;
    }
}
