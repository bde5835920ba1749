//! Bytes that are no UTF-8, as text: UTF-16 and Windows-1252.
//!
//! By hand, and short: the standard library knows UTF-16, and Windows-1252 is 32 signs beside Latin-1. A library of all
//! encodings would put all their tables into every function.

/// What 0x80 to 0x9f mean in Windows-1252 (WHATWG encoding standard, index windows-1252).
const WINDOWS_1252: [char; 32] = [
    '\u{20ac}', '\u{81}', '\u{201a}', '\u{192}', '\u{201e}', '\u{2026}', '\u{2020}', '\u{2021}', '\u{2c6}', '\u{2030}',
    '\u{160}', '\u{2039}', '\u{152}', '\u{8d}', '\u{17d}', '\u{8f}', '\u{90}', '\u{2018}', '\u{2019}', '\u{201c}',
    '\u{201d}', '\u{2022}', '\u{2013}', '\u{2014}', '\u{2dc}', '\u{2122}', '\u{161}', '\u{203a}', '\u{153}', '\u{9d}',
    '\u{17e}', '\u{178}',
];

/// Adds text of Windows-1252.
pub(super) fn windows_1252(bytes: &[u8], text: &mut String) {
    text.extend(bytes.iter().map(|byte| match byte {
        0x80..=0x9f => WINDOWS_1252[usize::from(byte - 0x80)],
        byte => char::from(*byte),
    }));
}

/// UTF-16 that comes in pieces. What is malformed becomes a replacement sign for each of its units, so that a text tells
/// how many units it was made of.
#[derive(Debug, Clone, Default)]
pub(super) struct Utf16 {
    /// A byte of a unit whose other one has not come.
    byte: Option<u8>,
    /// A unit whose other half has not come.
    high: Option<u16>,
}

impl Utf16 {
    /// Adds the text of the next bytes.
    pub(super) fn decode(&mut self, bytes: &[u8], unit: fn([u8; 2]) -> u16, text: &mut Vec<u8>) {
        let (half, bytes) = match (self.byte.take(), bytes.split_first()) {
            (Some(first), Some((second, rest))) => (Some(unit([first, *second])), rest),
            (first, _) => {
                self.byte = first;
                (None, bytes)
            }
        };
        let pairs = bytes.chunks_exact(2);
        if let [last] = pairs.remainder() {
            self.byte = Some(*last);
        }
        let units = pairs.map(|pair| unit([pair[0], pair[1]]));
        for unit in half.into_iter().chain(units) {
            self.unit(unit, text);
        }
    }

    fn unit(&mut self, unit: u16, text: &mut Vec<u8>) {
        let high = self.high.take();
        match (high, unit) {
            (Some(high), 0xdc00..=0xdfff) => {
                let both = char::decode_utf16([high, unit]).next();
                push(both.and_then(Result::ok), text);
                return;
            }
            (Some(_), _) => push(None, text),
            _ => {}
        }
        if (0xd800..=0xdbff).contains(&unit) {
            self.high = Some(unit);
        } else {
            push(char::from_u32(u32::from(unit)), text);
        }
    }

    /// Adds what is left when nothing more comes.
    pub(super) fn end(&mut self, text: &mut Vec<u8>) {
        if self.high.take().is_some() {
            push(None, text);
        }
        if self.byte.take().is_some() {
            push(None, text);
        }
    }
}

fn push(sign: Option<char>, text: &mut Vec<u8>) {
    let mut buffer = [0; 4];
    let sign = sign.unwrap_or(char::REPLACEMENT_CHARACTER);
    text.extend_from_slice(sign.encode_utf8(&mut buffer).as_bytes());
}

/// Bytes of UTF-16 that a text was made of.
pub(super) fn utf16_bytes(text: &str) -> u64 {
    2 * text.chars().map(|sign| sign.len_utf16() as u64).sum::<u64>()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn utf16_is_read_however_it_is_cut_and_malformed_units_are_counted() {
        let text = "Ada \u{5d3}\u{1f600}!";
        let mut bytes: Vec<u8> = text.encode_utf16().flat_map(u16::to_be_bytes).collect();
        for cut in 0..bytes.len() {
            let (mut utf16, mut read) = (Utf16::default(), Vec::new());
            utf16.decode(&bytes[..cut], u16::from_be_bytes, &mut read);
            utf16.decode(&bytes[cut..], u16::from_be_bytes, &mut read);
            utf16.end(&mut read);
            assert_eq!(String::from_utf8(read).unwrap(), text, "cut at {cut}");
        }
        assert_eq!(utf16_bytes(text), bytes.len() as u64);
        // Half of a pair, alone, twice, and half a unit at the end.
        bytes = vec![0xd8, 0x3d, 0xd8, 0x3d, 0, b'a', 0];
        let (mut utf16, mut read) = (Utf16::default(), Vec::new());
        utf16.decode(&bytes, u16::from_be_bytes, &mut read);
        utf16.end(&mut read);
        assert_eq!(String::from_utf8(read).unwrap(), "\u{fffd}\u{fffd}a\u{fffd}");
    }

    #[test]
    fn windows_1252_has_its_own_signs() {
        let mut text = String::new();
        windows_1252(b"M\xfcller \x80 \x93x\x94", &mut text);
        assert_eq!(text, "M\u{fc}ller \u{20ac} \u{201c}x\u{201d}");
    }
}
