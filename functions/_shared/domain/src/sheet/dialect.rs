//! How a file is written: which Unicode, which sign stands between cells, how a row ends. Told by its first bytes.

use serde::{Deserialize, Serialize};

/// Bytes at the beginning of a file that tell how it is written: more than any first row with headings has.
pub const HEAD_BYTES: usize = 16 * 1024;

/// Signs between cells, and their names. Of those that are equally often in the first row the first one is it.
const SIGNS: [(u8, &str); 3] = [(b',', "commas"), (b';', "semicolons"), (b'\t', "tabs")];
/// How a first line begins that tells the sign to Excel, and is no row.
const SIGN_LINE: &[u8] = b"sep=";
/// Byte order marks.
const MARKS: [(&[u8], Encoding); 3] = [
    (b"\xef\xbb\xbf", Encoding::Bytes),
    (b"\xff\xfe", Encoding::Utf16Le),
    (b"\xfe\xff", Encoding::Utf16Be),
];

/// What the bytes of a file mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Encoding {
    /// UTF-8; a row that is none is Windows-1252, as Excel saves it.
    Bytes,
    /// UTF-16, the low byte first: Excel's "Unicode text".
    Utf16Le,
    /// UTF-16, the high byte first.
    Utf16Be,
}

/// How a file is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dialect {
    /// What its bytes mean.
    pub encoding: Encoding,
    /// Bytes before the first row: a byte order mark, and a line that tells the sign to Excel.
    pub skipped: u32,
    /// Lines among them.
    #[serde(default)]
    pub skipped_lines: u32,
    /// The sign between cells.
    pub sign: u8,
    /// What ends a row; a carriage return before it belongs to it.
    pub row_end: u8,
}

impl Dialect {
    /// Reads it from the first bytes of a file, at best [`HEAD_BYTES`] of them.
    pub fn of(head: &[u8]) -> Self {
        let mark = MARKS.into_iter().find(|(mark, _)| head.starts_with(mark));
        let (mark, encoding) = mark.unwrap_or_else(|| (&[], guess(head)));
        let text = ascii(&head[mark.len()..], encoding);
        // An old Mac ends its rows so, and writes no other end.
        let row_end = if !text.contains(&b'\n') && text.contains(&b'\r') {
            b'\r'
        } else {
            b'\n'
        };
        let (sign_line, told) = told_sign(&text, row_end);
        let width = if encoding == Encoding::Bytes { 1 } else { 2 };
        Self {
            encoding,
            skipped: u32::try_from(mark.len() + sign_line * width).unwrap_or(0),
            skipped_lines: u32::from(sign_line > 0),
            sign: told.unwrap_or_else(|| likely_sign(&text[sign_line..], row_end)),
            row_end,
        }
    }

    /// The name of the sign, for people.
    pub fn signs(&self) -> &'static str {
        let named = SIGNS.iter().find(|(sign, _)| *sign == self.sign);
        named.map_or("another sign", |(_, name)| name)
    }
}

/// The encoding of a file without a byte order mark. Digits and commas have a zero byte in UTF-16, before or behind.
fn guess(head: &[u8]) -> Encoding {
    let head = &head[..head.len().min(HEAD_BYTES)];
    let zeros = |begin| head.iter().skip(begin).step_by(2).filter(|byte| **byte == 0).count();
    match (zeros(0), zeros(1)) {
        (0, 0) => Encoding::Bytes,
        (before, behind) if before > behind => Encoding::Utf16Be,
        _ => Encoding::Utf16Le,
    }
}

/// The head with each character as one byte; what is not ASCII as 255.
fn ascii(head: &[u8], encoding: Encoding) -> Vec<u8> {
    let head = &head[..head.len().min(HEAD_BYTES)];
    let one = |high: u8, low: u8| if high == 0 && low < 0x80 { low } else { 0xff };
    match encoding {
        Encoding::Bytes => head.to_vec(),
        Encoding::Utf16Le => head.chunks_exact(2).map(|unit| one(unit[1], unit[0])).collect(),
        Encoding::Utf16Be => head.chunks_exact(2).map(|unit| one(unit[0], unit[1])).collect(),
    }
}

/// The length of the line that tells the sign, and the sign.
fn told_sign(text: &[u8], row_end: u8) -> (usize, Option<u8>) {
    let Some(sign) = text.strip_prefix(SIGN_LINE).and_then(|rest| rest.first()) else {
        return (0, None);
    };
    match text.iter().position(|byte| *byte == row_end) {
        Some(end) => (
            end + 1,
            Some(*sign).filter(|sign| SIGNS.iter().any(|(known, _)| known == sign)),
        ),
        None => (0, None),
    }
}

/// The sign that is most often in the first row that has anything, outside of quotes.
fn likely_sign(text: &[u8], row_end: u8) -> u8 {
    let blank = |byte: &u8| byte.is_ascii_whitespace() && *byte != b'\t';
    let begin = text.iter().position(|byte| !blank(byte)).unwrap_or(0);
    let mut quoted = false;
    let mut counts = [0_usize; SIGNS.len()];
    for byte in &text[begin..] {
        if *byte == row_end && !quoted {
            break;
        }
        quoted ^= *byte == b'"';
        for (count, (sign, _)) in counts.iter_mut().zip(SIGNS) {
            *count += usize::from(*byte == sign && !quoted);
        }
    }
    let most = counts.iter().max();
    let at = counts.iter().position(|count| Some(count) == most);
    SIGNS[at.unwrap_or_default()].0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_bytes_tell_how_a_file_is_written() {
        let wide = |text: &str| -> Vec<u8> { text.encode_utf16().flat_map(u16::to_le_bytes).collect() };
        for (head, encoding, sign, skipped) in [
            (b"name,phone\n".to_vec(), Encoding::Bytes, b',', 0),
            (b"\xef\xbb\xbfname;phone\n1;2,3,4".to_vec(), Encoding::Bytes, b';', 3),
            (b"sep=;\r\na,b;c\n".to_vec(), Encoding::Bytes, b';', 7),
            (b"\n\n\"a,b\"\tc\n".to_vec(), Encoding::Bytes, b'\t', 0),
            (wide("name\tphone\n"), Encoding::Utf16Le, b'\t', 0),
            (
                [b"\xff\xfe".to_vec(), wide("sep=;\na;b\n")].concat(),
                Encoding::Utf16Le,
                b';',
                14,
            ),
            (b"phone\n".to_vec(), Encoding::Bytes, b',', 0),
            (Vec::new(), Encoding::Bytes, b',', 0),
        ] {
            let dialect = Dialect::of(&head);
            assert_eq!(
                (dialect.encoding, dialect.sign, dialect.skipped),
                (encoding, sign, skipped),
                "{head:?}"
            );
        }
        assert_eq!(Dialect::of(b"a,b\r1,2\r").row_end, b'\r');
        assert_eq!(Dialect::of(b"a,b\r\n").row_end, b'\n');
    }
}
