//! A phone number is E.164 or does not exist.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A phone number in E.164: a plus sign, the country code, the national number, 8 to 15 digits in all (ITU-T E.164).
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Phone(String);

/// Where a number without a country code is taken to be from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum Region {
    /// North American Numbering Plan: ten digits.
    #[default]
    US,
    /// India: ten digits, the first 6 to 9 for mobiles.
    IN,
    /// Israel: eight or nine digits after a leading zero.
    IL,
    /// United Kingdom: nine or ten digits after a leading zero.
    GB,
}

/// Why text is no phone number. Never carries the digits: errors reach logs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PhoneError {
    /// Nothing but punctuation.
    #[error("failed to read the phone number: it is empty; give it with its country code, as in +12125550142")]
    Empty,
    /// Letters, or signs that numbers do not have.
    #[error("failed to read the phone number: it has characters that no phone number has; give it as +12125550142")]
    Characters,
    /// A spreadsheet turned it into a figure such as 4.41E+11 and its last digits are gone.
    #[error(
        "failed to read the phone number: a spreadsheet has rounded it; format the column as text and export it again"
    )]
    Rounded,
    /// Too few or too many digits for its country.
    #[error(
        "failed to read the phone number: {digits} digits do not make a number in {region}; give it with a plus sign and its country code"
    )]
    Length {
        /// How many digits there were.
        digits: usize,
        /// The country it was read for.
        region: &'static str,
    },
}

/// The longest text worth reading: 15 digits with all the punctuation people use.
const RAW_MAX: usize = 40;

impl Region {
    const fn code(self) -> &'static str {
        match self {
            Self::US => "1",
            Self::IN => "91",
            Self::IL => "972",
            Self::GB => "44",
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::US => "US",
            Self::IN => "IN",
            Self::IL => "IL",
            Self::GB => "GB",
        }
    }

    const fn national_lengths(self) -> std::ops::RangeInclusive<usize> {
        match self {
            Self::US | Self::IN => 10..=10,
            Self::IL => 8..=9,
            Self::GB => 9..=10,
        }
    }

    /// The region whose code a full number starts with, if we know its lengths.
    fn of(digits: &str) -> Option<Self> {
        [Self::US, Self::IN, Self::IL, Self::GB]
            .into_iter()
            .find(|region| digits.starts_with(region.code()))
    }
}

impl Phone {
    /// Reads a number as people and systems write it: with spaces, dots, dashes, brackets, a leading apostrophe, `00`
    /// or `+` or nothing in front. Without a country code it is taken to be from `region`.
    ///
    /// # Errors
    /// When the text cannot be a number; the error says what to do and never repeats digits.
    pub fn parse(raw: &str, region: Region) -> Result<Self, PhoneError> {
        let raw = raw.trim().trim_start_matches('\'').trim();
        if raw.len() > RAW_MAX {
            return Err(PhoneError::Characters);
        }
        let raw = raw.strip_prefix("tel:").unwrap_or(raw);
        if raw.contains(['e', 'E']) && raw.bytes().all(|b| b.is_ascii_digit() || b"eE+.,".contains(&b)) {
            return Err(PhoneError::Rounded);
        }
        // On the stack: millions of rows are read in one go. No text of RAW_MAX bytes has more digits.
        let mut kept = [0_u8; RAW_MAX];
        let mut count = 0;
        let mut international = false;
        for c in raw.chars() {
            match c {
                '0'..='9' => {
                    if let (Some(place), Ok(digit)) = (kept.get_mut(count), u8::try_from(c)) {
                        *place = digit;
                    }
                    count += 1;
                }
                '+' if count == 0 => international = true,
                ' ' | '\u{a0}' | '-' | '\u{2010}'..='\u{2015}' | '.' | '(' | ')' | '/' => {}
                // Marks that some systems put around numbers inside right-to-left text.
                '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => {}
                _ => return Err(PhoneError::Characters),
            }
        }
        let digits = std::str::from_utf8(&kept[..count.min(RAW_MAX)]).map_err(|_| PhoneError::Characters)?;
        if digits.is_empty() {
            return Err(PhoneError::Empty);
        }
        if international {
            return Self::from_full("", digits);
        }
        if let Some(full) = digits.strip_prefix("00") {
            return Self::from_full("", full);
        }
        let lengths = region.national_lengths();
        if let Some(national) = digits
            .strip_prefix(region.code())
            .filter(|n| lengths.contains(&n.len()))
        {
            // `15555550100` and `919876543210`: already with the code. A ten-digit Indian number may itself start
            // with 91, but then what is left is too short to match.
            return Self::from_full(region.code(), national);
        }
        let national = digits.strip_prefix('0').unwrap_or(digits);
        if lengths.contains(&national.len()) {
            return Self::from_full(region.code(), national);
        }
        Err(PhoneError::Length {
            digits: digits.len(),
            region: region.name(),
        })
    }

    /// A whole number, of its country's code and the rest.
    fn from_full(code: &str, rest: &str) -> Result<Self, PhoneError> {
        let known = if code.is_empty() {
            Region::of(rest)
        } else {
            Region::of(code)
        };
        let length = code.len() + rest.len();
        let fits = match known {
            Some(region) => region.national_lengths().contains(&(length - region.code().len())),
            None => (8..=15).contains(&length) && !rest.starts_with('0'),
        };
        if fits {
            let mut full = String::with_capacity(length + 1);
            full.push('+');
            full.push_str(code);
            full.push_str(rest);
            Ok(Self(full))
        } else {
            let region = known.map_or("any country", Region::name);
            Err(PhoneError::Length { digits: length, region })
        }
    }

    /// Its digits as a number, which is as good as itself and needs no memory of its own.
    pub fn number(&self) -> u64 {
        let digits = self.0.bytes().filter(u8::is_ascii_digit);
        digits.fold(0, |number, digit| number * 10 + u64::from(digit - b'0'))
    }

    /// The number with its plus sign.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// A small stable number for spreading phones over copies of an item (FNV-1a, so that it never changes with a
    /// compiler).
    pub fn bucket(&self, of: u32) -> u32 {
        let hash = self.0.bytes().fold(0x811c_9dc5_u32, |hash, b| {
            (hash ^ u32::from(b)).wrapping_mul(0x0100_0193)
        });
        hash % of.max(1)
    }
}

/// Shows the last two digits only: a phone number never reaches a log.
impl fmt::Debug for Phone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "+…{}", &self.0[self.0.len().saturating_sub(2)..])
    }
}

impl TryFrom<String> for Phone {
    type Error = PhoneError;
    fn try_from(raw: String) -> Result<Self, PhoneError> {
        match raw.strip_prefix('+') {
            Some(digits) if digits.bytes().all(|b| b.is_ascii_digit()) => Self::from_full("", digits),
            _ => Err(PhoneError::Characters),
        }
    }
}

impl From<Phone> for String {
    fn from(phone: Phone) -> Self {
        phone.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_number_in_many_spellings_is_one_phone() {
        let spellings = [
            "+1 (212) 555-0142",
            "12125550142",
            "212-555-0142",
            "(212) 555.0142",
            "0012125550142",
            "'2125550142",
            " 212 555 0142 ",
            "+12125550142",
            "tel:+12125550142",
            "\u{202a}+12125550142\u{202c}",
        ];
        for raw in spellings {
            assert_eq!(Phone::parse(raw, Region::US).unwrap().as_str(), "+12125550142", "{raw}");
        }
    }

    #[test]
    fn ten_digits_are_read_for_the_region() {
        for (raw, region, full) in [
            ("9876543210", Region::IN, "+919876543210"),
            ("919876543210", Region::IN, "+919876543210"),
            ("98765 43210", Region::IN, "+919876543210"),
            ("09876543210", Region::IN, "+919876543210"),
            ("9198765432", Region::IN, "+919198765432"),
            ("050-123-4567", Region::IL, "+972501234567"),
            ("020 7946 0018", Region::GB, "+442079460018"),
            ("+919876543210", Region::US, "+919876543210"),
        ] {
            assert_eq!(Phone::parse(raw, region).unwrap().as_str(), full, "{raw}");
        }
    }

    #[test]
    fn what_is_no_number_is_refused_without_repeating_it() {
        for (raw, error) in [
            ("", PhoneError::Empty),
            ("+", PhoneError::Empty),
            ("call me", PhoneError::Characters),
            (
                "212555014",
                PhoneError::Length {
                    digits: 9,
                    region: "US",
                },
            ),
            (
                "+1212555014299",
                PhoneError::Length {
                    digits: 13,
                    region: "US",
                },
            ),
            ("4.41E+11", PhoneError::Rounded),
            ("2125550142 x12", PhoneError::Characters),
        ] {
            assert_eq!(Phone::parse(raw, Region::US), Err(error), "{raw}");
        }
        let long = "1".repeat(5_000_000);
        assert_eq!(Phone::parse(&long, Region::US), Err(PhoneError::Characters));
    }

    #[test]
    fn a_printed_phone_keeps_its_digits_to_itself() {
        let phone = Phone::parse("+12125550142", Region::US).unwrap();
        assert_eq!(format!("{phone:?}"), "+…42");
    }

    #[test]
    fn a_bucket_never_changes() {
        let phone = Phone::parse("+12125550142", Region::US).unwrap();
        assert_eq!(
            (phone.bucket(8), phone.bucket(1), phone.bucket(0)),
            (phone.bucket(8), 0, 0)
        );
        assert!(phone.bucket(8) < 8);
    }
}
