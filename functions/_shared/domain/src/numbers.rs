//! Digits that may be a phone number, in texts and ids that people and logs read.
//!
//! Knows nothing of countries: whatever is as long as a local number is taken for one. A phone is read by
//! [`crate::Phone`].

use chrono::{Datelike, NaiveDate};

/// The shortest run of digits that may be one: a local number without its area code has seven.
pub const DIGITS_MIN: usize = 7;

/// A text with everything that could be a phone number replaced, for people and logs to read.
pub fn without_numbers(text: &str) -> String {
    let mut masked = String::with_capacity(text.len());
    let mut run = String::new();
    let mut digits = 0;
    for c in text.chars().chain(std::iter::once('\0')) {
        let joins = matches!(c, ' ' | '-' | '.' | '_' | '(' | ')' | '+');
        if c.is_numeric() || (joins && !run.is_empty()) || c == '+' {
            run.push(c);
            digits += usize::from(c.is_numeric());
            continue;
        }
        if digits >= DIGITS_MIN {
            let tail = run.trim_end_matches(|c: char| !c.is_numeric()).len();
            masked.push('…');
            masked.push_str(&run[tail..]);
        } else {
            masked.push_str(&run);
        }
        run.clear();
        digits = 0;
        if c != '\0' {
            masked.push(c);
        }
    }
    masked
}

/// Whether an id may hold a phone number, however its digits are grouped. A date of this century is none.
pub fn may_hold_number(id: &str) -> bool {
    id.split(|c: char| c.is_alphabetic()).any(|part| {
        let digits: String = part.chars().filter(|c| c.is_numeric()).collect();
        let is_date = digits.len() == "20261123".len()
            && NaiveDate::parse_from_str(&digits, "%Y%m%d").is_ok_and(|date| (2000..2100).contains(&date.year()));
        digits.chars().count() >= DIGITS_MIN && !is_date
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_masked_in_every_spelling_and_short_codes_stay() {
        for (text, masked) in [
            ("cannot reach +1 (212) 555-0142.", "cannot reach …."),
            ("2125550142 is invalid", "… is invalid"),
            ("SIP 503 after 30 s", "SIP 503 after 30 s"),
            ("number:12125550142", "number:…"),
            ("", ""),
        ] {
            assert_eq!(without_numbers(text), masked, "{text}");
        }
    }

    #[test]
    fn an_id_may_hold_a_number_however_it_is_grouped_and_a_date_is_none() {
        for id in [
            "2125550142",
            "leads-212-555-0142",
            "5550142",
            "a_212.555:0142",
            "to-0545550142",
            "20269923",
        ] {
            assert!(may_hold_number(id), "{id}");
        }
        for id in [
            "default",
            "spring-2026",
            "2026-11-23",
            "east-20261123",
            "list-555014",
            "a1b2c3d4e5f6g7",
        ] {
            assert!(!may_hold_number(id), "{id}");
        }
    }
}
