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

#[cfg(test)]
mod tests {
    use super::*;

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
