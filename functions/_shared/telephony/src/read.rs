//! Reads values out of JSON whatever type they came in: numbers as strings, strings as numbers, null, missing, wrong.
//!
//! What cannot be read is absent; nothing here fails.

use chrono::{DateTime, NaiveDateTime, Utc};
use serde_json::{Map, Value};

/// Text of a field: a string with something in it, or a number. Trimmed.
pub(crate) fn text(object: &Map<String, Value>, key: &str) -> Option<String> {
    object.get(key).and_then(scalar)
}

/// Text of a value. A whole number written as `48213.0` is `48213`.
pub(crate) fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.trim()).filter(|text| !text.is_empty()).map(str::to_owned),
        Value::Number(number) => {
            let written = number.to_string();
            Some(written.strip_suffix(".0").map(str::to_owned).unwrap_or(written))
        }
        _ => None,
    }
}

/// A finite number that is not negative, from a number or from text such as `"141"`. `NaN` is no number.
pub(crate) fn amount(object: &Map<String, Value>, key: &str) -> Option<f64> {
    let value = match object.get(key)? {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    };
    value.filter(|value: &f64| value.is_finite() && *value >= 0.0)
}

/// Yes or no, from a boolean or the words people use for one.
pub(crate) fn flag(object: &Map<String, Value>, key: &str) -> Option<bool> {
    match object.get(key)? {
        Value::Bool(flag) => Some(*flag),
        Value::Number(number) => number.as_f64().map(|number| number != 0.0),
        Value::String(text) => match text.trim().to_ascii_lowercase().as_str() {
            "true" | "yes" | "y" | "1" => Some(true),
            "false" | "no" | "n" | "0" => Some(false),
            _ => None,
        },
        _ => None,
    }
}

/// A moment of the provider's own clock. Without an offset it is taken as UTC, which is what these fields carry when
/// they carry one.
pub(crate) fn time(object: &Map<String, Value>, key: &str) -> Option<DateTime<Utc>> {
    let raw = text(object, key)?;
    zoned_time(&raw).or_else(|| {
        ["%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d %H:%M:%S%.f"]
            .iter()
            .find_map(|format| NaiveDateTime::parse_from_str(&raw, format).ok())
            .map(|naive| naive.and_utc())
    })
}

/// A moment that says its offset. A time somebody named in a talk means nothing without one.
pub(crate) fn zoned_time(raw: &str) -> Option<DateTime<Utc>> {
    DateTime::parse_from_rfc3339(raw.trim()).ok().map(|time| time.to_utc())
}

/// An object below a field; also one that was sent as text holding JSON.
pub(crate) fn object(object: &Map<String, Value>, key: &str) -> Option<Map<String, Value>> {
    match object.get(key)? {
        Value::Object(inner) => Some(inner.clone()),
        Value::String(text) if text.trim_start().starts_with('{') => serde_json::from_str(text).ok(),
        _ => None,
    }
}

/// The first `max` characters.
pub(crate) fn cut(text: &str, max: usize) -> String {
    match text.char_indices().nth(max) {
        Some((end, _)) => text[..end].to_owned(),
        None => text.to_owned(),
    }
}

/// The shortest run of digits that is masked: a local number without its area code has seven.
const MASK_DIGITS_MIN: usize = 7;

/// A provider's text with everything that could be a phone number replaced, for people and logs to read.
pub(crate) fn without_numbers(text: &str) -> String {
    let mut masked = String::with_capacity(text.len());
    let mut run = String::new();
    let mut digits = 0;
    for c in text.chars().chain(std::iter::once('\0')) {
        let joins = matches!(c, ' ' | '-' | '.' | '(' | ')' | '+');
        if c.is_numeric() || (joins && !run.is_empty()) || c == '+' {
            run.push(c);
            digits += usize::from(c.is_numeric());
            continue;
        }
        if digits >= MASK_DIGITS_MIN {
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
    fn a_whole_number_is_read_without_its_fraction() {
        assert_eq!(
            scalar(&serde_json::json!(2_125_550_142.0)).as_deref(),
            Some("2125550142")
        );
        assert_eq!(scalar(&serde_json::json!(" 7 ")).as_deref(), Some("7"));
        assert_eq!(scalar(&serde_json::json!(" ")), None);
    }
}
