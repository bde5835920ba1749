//! What somebody wants to spend, as people write it: `5000000`, `50,00,000`, `₹ 5,000,000.50`.

use std::borrow::Cow;

/// Signs and words of currencies that may stand before or behind.
const CURRENCIES: [&str; 12] = ["₹", "$", "€", "£", "₪", "rs.", "rs", "inr", "usd", "eur", "gbp", "ils"];
/// Digits of the largest sum: beyond a quadrillion it is a phone number or a mistake.
const DIGITS_MAX: usize = 15;

/// Reads a sum of more than nothing, as digits with a point before the last ones.
///
/// # Errors
/// What is wrong with it, and what to do.
pub(super) fn budget(cell: &str) -> Result<Cow<'_, str>, &'static str> {
    const NOT_POSITIVE: &str = "it must be more than 0; correct it, or leave it empty";
    const NO_SUM: &str = "it is no sum of money; write digits only, as in 5000000";
    if (1..=DIGITS_MAX).contains(&cell.len()) && cell.bytes().all(|byte| byte.is_ascii_digit()) {
        return match cell.trim_start_matches('0') {
            "" => Err(NOT_POSITIVE),
            sum => Ok(Cow::Borrowed(sum)),
        };
    }
    let lower = cell.to_lowercase();
    let mut sum = lower.trim_start_matches('\'').trim();
    for currency in CURRENCIES {
        let rest = sum.strip_prefix(currency).or_else(|| sum.strip_suffix(currency));
        sum = rest.unwrap_or(sum).trim();
    }
    if sum.starts_with('-') {
        return Err(NOT_POSITIVE);
    }
    if sum.contains("e+") && sum.bytes().all(|byte| byte.is_ascii_digit() || b"e+.,".contains(&byte)) {
        return Err("a spreadsheet has rounded it; format the column as a number without exponent and export it again");
    }
    let (whole, cents) = match sum.rsplit_once('.') {
        Some((whole, cents)) if !whole.contains('.') => (whole, cents),
        _ => (sum, ""),
    };
    let groups: Vec<&str> = whole.split([',', ' ', '\u{a0}', '\'', '.']).collect();
    let are_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    // Indian and western groups both end in three digits; anything else is a comma that means something else.
    let grouped = groups.len() == 1
        || (groups.last().is_some_and(|last| last.len() == 3)
            && groups.iter().all(|group| (1..=3).contains(&group.len())));
    let digits: String = groups.concat();
    if digits.is_empty() || !grouped || !are_digits(&digits) || !are_digits(cents) || digits.len() > DIGITS_MAX {
        return Err(NO_SUM);
    }
    let (digits, cents) = (digits.trim_start_matches('0'), cents.trim_end_matches('0'));
    match (digits, cents) {
        ("", "") => Err(NOT_POSITIVE),
        ("", cents) => Ok(format!("0.{cents}").into()),
        (digits, "") => Ok(digits.to_owned().into()),
        (digits, cents) => Ok(format!("{digits}.{cents}").into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sum_is_read_as_people_write_it() {
        for (cell, sum) in [
            ("5000000", "5000000"),
            ("50,00,000", "5000000"),
            ("\u{20b9} 5,000,000.50", "5000000.5"),
            ("Rs. 7500000", "7500000"),
            ("5.000.000", "5000000"),
            ("INR 12000000.0", "12000000"),
            ("0.5", "0.5"),
        ] {
            assert_eq!(budget(cell).as_deref(), Ok(sum), "{cell}");
        }
        for (cell, holds) in [
            ("0", "more than 0"),
            ("-5", "more than 0"),
            ("0.00", "more than 0"),
            ("5E+06", "rounded"),
            ("12,5", "digits only"),
            ("50 lakh", "digits only"),
            ("x", "digits only"),
            ("1234567890123456", "digits only"),
        ] {
            assert!(budget(cell).unwrap_err().contains(holds), "{cell}");
        }
    }
}
