//! A list of numbers as spreadsheets and CRMs write it, read as numbers with their lines.
//!
//! Data flow: bytes → [`redial_domain::sheet`], which reads files of leads, too → one row at a time → the number, or why not.
//! Memory holds one row and a buffer, whatever the file is. Knows nothing of marks.
//!
//! A row in which a quote is wrong is read as it stands: whoever asked not to be called is not lost by a quote.
//!
//! A number is never shown, but for its last two digits.

use std::io::{self, Read};

use redial_domain::sheet::{Dialect, Fault, HEAD_BYTES, Next, Reader};
use redial_domain::{Phone, Region};

use crate::failure::Failure;

/// Columns that hold the number, where none is named.
const COLUMNS: [&str; 6] = ["phone", "phone_number", "phone number", "number", "mobile", "telephone"];
/// Headings that are named when none fits: enough to see what kind of file it is.
const HEADINGS_SHOWN_MAX: usize = 20;

/// A line of the file by its number: the phone, or why there is none.
pub(crate) type Line = (u64, Result<Phone, String>);

/// The numbers of a file, one after the other.
pub(crate) struct Lines<R> {
    rows: Rows<R>,
    column: usize,
    region: Region,
    /// The first row, if it was a number and no heading.
    first: Option<(u64, String)>,
    /// Whether there is a row at all, be it a heading.
    pub(crate) begins: bool,
}

impl<R: Read> Lines<R> {
    pub(crate) fn new(file: R, column: Option<&str>, region: Region) -> Result<Self, Failure> {
        let mut lines = Self {
            rows: Rows::new(file)?,
            column: 0,
            region,
            first: None,
            begins: false,
        };
        let found = lines
            .rows
            .next_full(|line, cells| (line, cells.map(str::to_owned).collect::<Vec<_>>()))?;
        if let Some((line, cells)) = found {
            lines.begins = true;
            lines.rows.reader.expect_columns(cells.len());
            let headings: Vec<String> = cells.iter().map(|cell| cell.to_lowercase()).collect();
            match place(&headings, column) {
                Some(place) => lines.column = place,
                // A file of nothing but numbers: its first line is one.
                None if column.is_none() && headings.len() == 1 => lines.first = Some((line, cells.concat())),
                None => return Err(no_column(&headings, column, lines.rows.signs)),
            }
        }
        Ok(lines)
    }

    /// The next line with its number, or why it has none. Lines without anything are no lines.
    pub(crate) fn next(&mut self) -> Result<Option<Line>, Failure> {
        let (column, region) = (self.column, self.region);
        if let Some((line, raw)) = self.first.take() {
            return Ok(Some((line, number(&raw, region))));
        }
        self.rows
            .next_full(|line, cells| (line, number(cells.nth(column).unwrap_or_default(), region)))
    }

    /// Bytes of the file that were read.
    pub(crate) const fn byte(&self) -> u64 {
        self.rows.taken
    }
}

fn number(raw: &str, region: Region) -> Result<Phone, String> {
    Phone::parse(raw.trim_matches(['"', ' ']), region).map_err(|error| format!("{} {error}", masked(raw)))
}

/// The rows of a file.
struct Rows<R> {
    file: R,
    reader: Reader,
    signs: &'static str,
    buffer: Vec<u8>,
    taken: u64,
}

impl<R: Read> Rows<R> {
    fn new(mut file: R) -> Result<Self, Failure> {
        let mut buffer = Vec::with_capacity(HEAD_BYTES);
        let taken = fill(&mut file, &mut buffer)?;
        let dialect = Dialect::of(&buffer);
        let mut reader = Reader::new(dialect);
        reader.push(buffer.get(dialect.skipped as usize..).unwrap_or_default());
        Ok(Self {
            file,
            reader,
            signs: dialect.signs(),
            buffer,
            taken,
        })
    }

    /// What somebody makes of the next row that has anything, with its line.
    fn next_full<T>(&mut self, make: impl Fn(u64, &mut dyn Iterator<Item = &str>) -> T) -> Result<Option<T>, Failure> {
        loop {
            match self.reader.next() {
                Next::Row(row) if row.fault == Some(Fault::TooLong) => {
                    return Ok(Some(make(row.place.line, &mut std::iter::empty())));
                }
                Next::Row(row) if row.is_blank() => {}
                Next::Row(row) => return Ok(Some(make(row.place.line, &mut row.cells()))),
                Next::End => return Ok(None),
                Next::More => match fill(&mut self.file, &mut self.buffer)? {
                    0 => self.reader.end(),
                    read => {
                        self.taken += read;
                        self.reader.push(&self.buffer);
                    }
                },
            }
        }
    }
}

/// The next bytes of a file, in place of those before.
fn fill(file: &mut impl Read, buffer: &mut Vec<u8>) -> Result<u64, Failure> {
    buffer.clear();
    let unread = |error: io::Error| Failure::new(format!("failed to read the file: {error}"), "can you open it?");
    let read = file.by_ref().take(HEAD_BYTES as u64).read_to_end(buffer);
    Ok(read.map_err(unread)? as u64)
}

/// The column with the numbers.
fn place(headings: &[String], column: Option<&str>) -> Option<usize> {
    let of = |name: &str| headings.iter().position(|heading| *heading == name);
    match column {
        Some(name) => of(&name.trim().to_lowercase()),
        None => COLUMNS.into_iter().find_map(of),
    }
}

fn no_column(headings: &[String], column: Option<&str>, signs: &str) -> Failure {
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
        format!("name the column with --column; columns were parted at {signs}"),
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

#[cfg(test)]
mod tests {
    use redial_domain::sheet::ROW_BYTES_MAX;

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
        assert_eq!(read("phone\n", None), []);
        assert_eq!(read("", None), []);
    }

    #[test]
    fn a_quote_too_many_costs_no_other_line_its_number() {
        let numbers = |text: &str| -> Vec<Option<String>> {
            read(text, None).into_iter().map(|(_, number)| number.ok()).collect()
        };
        let number = || Some("+12125550142".to_owned());
        let text = "name,phone\n\"Bob,2125550142\nAda,2125550142\n\"Al\" Jones,2125550142\n\"A, B\",\"2125550142\"\n";
        assert_eq!(numbers(text), [number(), number(), number(), number()]);
        let two_lines = "phone,note\n2125550142,\"two\nlines\"\n\n2125550142,x";
        assert_eq!(numbers(two_lines), [number(), number()]);
        let long = format!("phone\n{}\n2125550142\n", "1".repeat(ROW_BYTES_MAX + 1));
        assert_eq!(numbers(&long), [None, number()]);
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

    fn bytes(bytes: &[u8]) -> Vec<(u64, Result<String, String>)> {
        let mut lines = Lines::new(bytes, None, Region::US).unwrap();
        std::iter::from_fn(|| lines.next().unwrap())
            .map(|(line, number)| (line, number.map(|phone| phone.as_str().to_owned())))
            .collect()
    }

    #[test]
    fn semicolons_tabs_and_every_unicode_are_read_with_and_without_a_byte_order_mark() {
        for sign in [",", ";", "\t"] {
            for text in [
                format!("Stra\u{df}e{sign}Phone\r\nx{sign}+1 (212) 555-0142\r\n\u{5d3}{sign}212.555.0143"),
                format!("\"a{sign}b\"{sign}Phone\n\"{sign};,\"{sign}+12125550142\n\u{1f600}{sign}+12125550143\n"),
            ] {
                let wide = |to: fn(u16) -> [u8; 2]| -> Vec<u8> { text.encode_utf16().flat_map(to).collect() };
                for (mark, encoded) in [
                    (&b"\xef\xbb\xbf"[..], text.clone().into_bytes()),
                    (b"\xff\xfe", wide(u16::to_le_bytes)),
                    (b"\xfe\xff", wide(u16::to_be_bytes)),
                ] {
                    for file in [encoded.clone(), [mark, &encoded].concat()] {
                        let read = bytes(&file);
                        let expected = [(2, Ok("+12125550142".to_owned())), (3, Ok("+12125550143".to_owned()))];
                        assert_eq!(read, expected, "{text} {mark:?}");
                    }
                }
            }
        }
        let excels = bytes(b"sep=;\r\nname;phone\r\nA,B;2125550142\r\n");
        assert_eq!(excels, [(3, Ok("+12125550142".to_owned()))]);
        // As Excel saves it on Windows.
        let latin = bytes(b"Stra\xdfe;phone\nM\xfcller;2125550142\n");
        assert_eq!(latin, [(2, Ok("+12125550142".to_owned()))]);
    }

    #[test]
    fn a_file_of_many_buffers_is_read_to_its_end_whatever_is_cut_between_them() {
        let mut text = String::from("name\tphone\n");
        for n in 0..9_000 {
            text.push_str(&format!("{}\u{1f600}\t+1212{n:07}\n", "x".repeat(n % 7)));
        }
        let wide: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
        assert!(wide.len() > 20 * HEAD_BYTES);
        for file in [text.as_bytes(), &wide] {
            let mut lines = Lines::new(file, None, Region::US).unwrap();
            let mut n = 0;
            while let Some((line, number)) = lines.next().unwrap() {
                assert_eq!((line, number.unwrap().as_str()), (n + 2, &*format!("+1212{n:07}")));
                n += 1;
            }
            assert_eq!((n, lines.byte()), (9_000, file.len() as u64));
        }
    }

    #[test]
    fn an_empty_file_is_told_from_one_that_has_headings_alone() {
        for (text, begins) in [("", false), ("phone\n", true), ("\u{feff}", false)] {
            assert_eq!(
                Lines::new(text.as_bytes(), None, Region::US).unwrap().begins,
                begins,
                "{text:?}"
            );
        }
    }
}
