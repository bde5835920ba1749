//! Single cells: phone, e-mail, source, time, and what spreadsheets do to them.

use std::borrow::Cow;

use chrono::{DateTime, NaiveDate, NaiveTime, Utc};

use super::lead::Repair;
use crate::{Phone, PhoneError, Region};

/// What a spreadsheet shows where a formula failed, or where its column is too narrow.
const SHEET_ERRORS: [&str; 9] = [
    "#N/A", "#NAME?", "#REF!", "#VALUE!", "#DIV/0!", "#NULL!", "#NUM!", "#SPILL!", "####",
];
/// Longest address for mail, and its part before the sign (RFC 5321, 4.5.3.1).
const EMAIL_MAX: usize = 254;
const EMAIL_LOCAL_MAX: usize = 64;

/// Whether a spreadsheet's error stands in a cell.
pub(super) fn sheet_error(cell: &str) -> Option<&'static str> {
    if !cell.starts_with('#') {
        return None;
    }
    let upper = cell.to_ascii_uppercase();
    SHEET_ERRORS.into_iter().find(|error| upper.starts_with(error))
}

/// Reads a phone. What a spreadsheet added is taken away and told; what it took away for good is an error.
pub(super) fn phone(cell: &str, region: Region) -> Result<(Phone, Option<Repair>), String> {
    let bare = cell.trim_start_matches('\'').trim_start();
    let apostrophe = (bare.len() < cell.len()).then_some(Repair::Apostrophe);
    let (bare, repair) = match whole_of_decimal(bare) {
        Some(whole) => (whole, Some(Repair::Decimal)),
        None => (bare, apostrophe),
    };
    match Phone::parse(bare, region) {
        Ok(phone) => Ok((phone, repair)),
        // A number that lost its country's plus sign, or the zero before its area code, has a wrong length.
        Err(error @ PhoneError::Length { .. }) => Err(format!(
            "{error}; spreadsheets take leading zeros and plus signs away: format the column as text before numbers go in"
        )),
        Err(error) => Err(error.to_string()),
    }
}

/// The digits before a `.0` that a number got when it was stored as one.
fn whole_of_decimal(cell: &str) -> Option<&str> {
    let (whole, zeros) = cell.split_once('.')?;
    let is_decimal = !zeros.is_empty() && zeros.bytes().all(|byte| byte == b'0') && zeros.len() <= 2;
    let digits = whole.strip_prefix('+').unwrap_or(whole);
    (is_decimal && digits.len() >= 7 && digits.bytes().all(|byte| byte.is_ascii_digit())).then_some(whole)
}

/// Reads an address for mail, in lower case.
pub(super) fn email(cell: &str) -> Option<Cow<'_, str>> {
    let (local, domain) = cell.rsplit_once('@')?;
    let is_local = !local.is_empty()
        && local.len() <= EMAIL_LOCAL_MAX
        && !local.starts_with('.')
        && !local.ends_with('.')
        && !local.contains("..")
        && local
            .bytes()
            .all(|byte| !byte.is_ascii_control() && !b" @,;:<>()[]\\\"".contains(&byte));
    let is_label = |label: &str| {
        !label.is_empty()
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.chars().all(|sign| sign.is_alphanumeric() || sign == '-')
    };
    let top = domain.rsplit_once('.').map(|(_, top)| top)?;
    let is_domain = domain.split('.').all(is_label) && top.len() >= 2 && !top.bytes().all(|byte| byte.is_ascii_digit());
    (cell.len() <= EMAIL_MAX && is_local && is_domain).then(|| lower(cell))
}

/// In lower case.
pub(super) fn lower(cell: &str) -> Cow<'_, str> {
    if cell.bytes().all(|byte| byte.is_ascii() && !byte.is_ascii_uppercase()) {
        Cow::Borrowed(cell)
    } else {
        Cow::Owned(cell.to_lowercase())
    }
}

/// In capitals.
pub(super) fn upper(cell: &str) -> Cow<'_, str> {
    if cell.bytes().all(|byte| byte.is_ascii() && !byte.is_ascii_lowercase()) {
        Cow::Borrowed(cell)
    } else {
        Cow::Owned(cell.to_uppercase())
    }
}

/// Reads a time in whole seconds, as leads keep it, or a date as its first moment in UTC.
pub(super) fn time(cell: &str) -> Option<DateTime<Utc>> {
    let at = DateTime::parse_from_rfc3339(cell).map(|at| at.to_utc()).ok();
    let at = at.or_else(|| {
        cell.parse()
            .ok()
            .map(|date: NaiveDate| date.and_time(NaiveTime::MIN).and_utc())
    });
    at.and_then(|at| DateTime::from_timestamp(at.timestamp(), 0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_spreadsheets_do_to_numbers_is_mended_or_named() {
        for (cell, region, full, repair) in [
            ("9876543210", Region::IN, "+919876543210", None),
            ("98765 43210", Region::IN, "+919876543210", None),
            ("'9876543210", Region::IN, "+919876543210", Some(Repair::Apostrophe)),
            ("9876543210.0", Region::IN, "+919876543210", Some(Repair::Decimal)),
            ("919876543210.00", Region::IN, "+919876543210", Some(Repair::Decimal)),
            ("919876543210", Region::IN, "+919876543210", None),
            ("501234567", Region::IL, "+972501234567", None),
            ("212.555.0142", Region::US, "+12125550142", None),
        ] {
            let (phone, mended) = phone(cell, region).unwrap();
            assert_eq!((phone.as_str(), mended), (full, repair), "{cell}");
        }
        for (cell, region, holds) in [
            ("4.41E+11", Region::GB, "rounded"),
            ("9.19877E+11", Region::IN, "rounded"),
            ("9,19877E+11", Region::IN, "rounded"),
            // A tenth digit that is a zero behind a point would make another number.
            ("212555014.0", Region::US, "9 digits"),
            ("442079460018", Region::IN, "plus signs"),
            ("987654321", Region::IN, "leading zeros"),
            ("12345", Region::IN, "5 digits"),
            ("", Region::IN, "empty"),
        ] {
            let why = phone(cell, region).unwrap_err();
            assert!(why.contains(holds), "{cell}: {why}");
            assert!(!why.contains("98765432"), "{why}");
        }
        assert_eq!(
            (sheet_error("#n/a"), sheet_error("#########"), sheet_error("#5")),
            (Some("#N/A"), Some("####"), None)
        );
    }

    #[test]
    fn an_address_is_checked_and_lower_case() {
        for (cell, read) in [
            ("Rajesh.Kumar@Example.com", Some("rajesh.kumar@example.com")),
            ("a+b@x-y.co.in", Some("a+b@x-y.co.in")),
            ("a@b", None),
            ("a@b.c", None),
            ("@b.com", None),
            ("a b@c.com", None),
            ("a@b..com", None),
            ("a@1.2.3.4", None),
            ("a,b@c.com", None),
            (".a@c.com", None),
            ("plain", None),
        ] {
            assert_eq!(email(cell).as_deref(), read, "{cell}");
        }
    }

    #[test]
    fn a_date_is_its_first_moment() {
        assert_eq!(
            time("2026-11-23").unwrap().timestamp(),
            time("2026-11-23T00:00:00Z").unwrap().timestamp()
        );
        assert_eq!(time("23.11.2026"), None);
    }
}
