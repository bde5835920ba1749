//! A list of numbers as spreadsheets and CRMs write it, read as numbers with their lines.
//!
//! Data flow: bytes → UTF-8, whatever Unicode they are → the sign between columns, by the first line → one line at a
//! time → the number, or why not. Memory holds one line and two buffers, whatever the file is. Knows nothing of marks.
//!
//! A line is a record, though CSV lets a cell in quotes run over many: a quote too many would swallow every number up to the
//! next one, and nobody would hear of it. So the second line of such a cell is told to have no number.
//!
//! A number is never shown, but for its last two digits.

use std::io::{self, BufRead, BufReader, Read};

use csv::{ByteRecord, ReaderBuilder};
use encoding_rs::{CoderResult, Decoder, Encoding, UTF_8, UTF_16BE, UTF_16LE};
use redial_domain::{Phone, Region};

use crate::failure::Failure;

/// Bytes that are read at once. The first line is looked for in the first of them.
const BYTES_AT_ONCE: u64 = 16 * 1024;
/// Bytes of a line. Longer ones are no line of a list, and would be held in memory.
const LINE_BYTES_MAX: u64 = 1024 * 1024;
/// Columns that hold the number, where none is named.
const COLUMNS: [&str; 6] = ["phone", "phone_number", "phone number", "number", "mobile", "telephone"];
/// Headings that are named when none fits: enough to see what kind of file it is.
const HEADINGS_SHOWN_MAX: usize = 20;
/// Signs between columns, and their names. Of those that are equally often in the first line the first one is it.
const SIGNS: [(u8, &str); 3] = [(b',', "commas"), (b';', "semicolons"), (b'\t', "tabs")];
/// How a line begins that tells the sign to Excel, and is no heading.
const SIGN_LINE: &str = "sep=";

/// A line of the file by its number: the phone, or why there is none.
pub(crate) type Line = (u64, Result<Phone, String>);

/// The numbers of a file, one after the other.
pub(crate) struct Lines<R> {
    text: BufReader<Utf8<R>>,
    sign: u8,
    line: Vec<u8>,
    /// The number of the line.
    at: u64,
    record: ByteRecord,
    column: usize,
    region: Region,
    /// The first record, if it was a number and no heading.
    first: bool,
    /// Whether there is a record at all, be it a heading.
    pub(crate) begins: bool,
}

impl<R: Read> Lines<R> {
    pub(crate) fn new(file: R, column: Option<&str>, region: Region) -> Result<Self, Failure> {
        let unread = |error: io::Error| Failure::new(format!("failed to read the file: {error}"), "can you open it?");
        let mut text = BufReader::new(Utf8::new(file).map_err(unread)?);
        let (sign, signs) = sign(text.fill_buf().map_err(unread)?);
        let mut lines = Self {
            text,
            sign,
            line: Vec::new(),
            at: 0,
            record: ByteRecord::new(),
            column: 0,
            region,
            first: false,
            begins: false,
        };
        let mut headings = lines.headings()?;
        if headings.first().is_some_and(|first| first.starts_with(SIGN_LINE)) {
            headings = lines.headings()?;
        }
        lines.begins = !headings.is_empty();
        if lines.begins {
            match place(&headings, column) {
                Some(place) => lines.column = place,
                // A file of nothing but numbers: its first line is one.
                None if column.is_none() && headings.len() == 1 => lines.first = true,
                None => return Err(no_column(&headings, column, signs)),
            }
        }
        Ok(lines)
    }

    /// The cells of the first line that has any; none at the end of the file.
    fn headings(&mut self) -> Result<Vec<String>, Failure> {
        while self.advance()? {
            if !self.is_blank() {
                return Ok(self.record.iter().map(heading).collect());
            }
        }
        Ok(Vec::new())
    }

    fn is_blank(&self) -> bool {
        self.record.iter().all(|cell| cell.iter().all(u8::is_ascii_whitespace))
    }

    fn advance(&mut self) -> Result<bool, Failure> {
        let unread = |line: u64| {
            Failure::new(
                format!("failed to read line {line} of the file"),
                "is it a CSV file, and can it be read to its end?",
            )
        };
        self.at += 1;
        self.line.clear();
        let mut text = self.text.by_ref().take(LINE_BYTES_MAX);
        let read = text.read_until(b'\n', &mut self.line).map_err(|_| unread(self.at))?;
        if read as u64 == LINE_BYTES_MAX && !self.line.ends_with(b"\n") {
            return Err(unread(self.at));
        }
        let quotes = self.line.iter().filter(|byte| **byte == b'"').count();
        let mut reader = ReaderBuilder::new()
            .delimiter(self.sign)
            .has_headers(false)
            .flexible(true)
            // A single quote stands for itself.
            .quoting(quotes % 2 == 0)
            .buffer_capacity(read.max(1))
            .from_reader(self.line.as_slice());
        if !reader.read_byte_record(&mut self.record).map_err(|_| unread(self.at))? {
            self.record.clear();
        }
        Ok(read > 0)
    }

    /// The next line with its number, or why it has none. Lines without anything are no lines.
    pub(crate) fn next(&mut self) -> Result<Option<Line>, Failure> {
        loop {
            if !std::mem::take(&mut self.first) && !self.advance()? {
                return Ok(None);
            }
            if self.is_blank() {
                continue;
            }
            let line = self.at;
            let raw = String::from_utf8_lossy(self.record.get(self.column).unwrap_or_default());
            let number = Phone::parse(raw.trim_matches(['"', ' ']), self.region)
                .map_err(|error| format!("{} {error}", masked(&raw)));
            return Ok(Some((line, number)));
        }
    }

    /// Bytes of the file that were read.
    pub(crate) fn byte(&self) -> u64 {
        self.text.get_ref().taken
    }
}

/// The sign between columns, and its name: the one that is most often in the first line, outside of quotes.
fn sign(head: &[u8]) -> (u8, &'static str) {
    let mut quoted = false;
    let mut counts = [0_usize; SIGNS.len()];
    for byte in head.iter().take_while(|byte| **byte != b'\n') {
        quoted ^= *byte == b'"';
        for (count, (sign, _)) in counts.iter_mut().zip(SIGNS) {
            *count += usize::from(*byte == sign && !quoted);
        }
    }
    let most = counts.iter().max();
    let at = counts.iter().position(|count| Some(count) == most);
    SIGNS[at.unwrap_or_default()]
}

/// A file as UTF-8: Excel's "Unicode text" is UTF-16. What no Unicode is becomes replacement signs, and no number is lost
/// by that.
struct Utf8<R> {
    file: R,
    decoder: Decoder,
    /// What was read and not yet decoded, behind `decoded` bytes.
    raw: Vec<u8>,
    decoded: usize,
    /// Nothing more is in the file.
    read_up: bool,
    /// Nor in the decoder, which must not be asked again.
    ended: bool,
    taken: u64,
}

impl<R: Read> Utf8<R> {
    fn new(file: R) -> io::Result<Self> {
        let mut utf8 = Self {
            file,
            decoder: UTF_8.new_decoder(),
            raw: Vec::new(),
            decoded: 0,
            read_up: false,
            ended: false,
            taken: 0,
        };
        utf8.refill()?;
        // A byte order mark tells the decoder better, and is taken out by it.
        utf8.decoder = guess(&utf8.raw).new_decoder();
        Ok(utf8)
    }

    fn refill(&mut self) -> io::Result<()> {
        self.raw.clear();
        self.decoded = 0;
        let read = self.file.by_ref().take(BYTES_AT_ONCE).read_to_end(&mut self.raw)?;
        self.read_up = read == 0;
        self.taken += u64::try_from(read).unwrap_or_default();
        Ok(())
    }
}

/// The encoding of a file without a byte order mark. Digits and commas have a zero byte in UTF-16, before or behind.
fn guess(head: &[u8]) -> &'static Encoding {
    let zeros = |begin| head.iter().skip(begin).step_by(2).filter(|byte| **byte == 0).count();
    match (zeros(0), zeros(1)) {
        (0, 0) => UTF_8,
        (before, behind) if before > behind => UTF_16BE,
        _ => UTF_16LE,
    }
}

impl<R: Read> Read for Utf8<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        while !self.ended {
            let raw = &self.raw[self.decoded..];
            let (result, read, written, _) = self.decoder.decode_to_utf8(raw, out, self.read_up);
            self.decoded += read;
            if result == CoderResult::InputEmpty {
                self.ended = self.read_up;
                if !self.ended {
                    self.refill()?;
                }
            } else if written == 0 {
                return Err(io::Error::other("no room for one character"));
            }
            if written > 0 {
                return Ok(written);
            }
        }
        Ok(0)
    }
}

fn heading(cell: &[u8]) -> String {
    let text = String::from_utf8_lossy(cell);
    text.trim().to_lowercase()
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
        assert_eq!(numbers(two_lines), [number(), None, number()]);
        let long = format!("phone\n{}\n", "1".repeat(usize::try_from(LINE_BYTES_MAX).unwrap()));
        assert!(Lines::new(long.as_bytes(), None, Region::US).unwrap().next().is_err());
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
        // Not Unicode at all: names are spoilt, numbers are not.
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
        assert!(wide.len() as u64 > 20 * BYTES_AT_ONCE);
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
