//! What the API says about rules, in lines for people.

use serde_json::Value;

/// A text, a number or nothing, as a table shows it.
pub(crate) fn cell(value: &Value) -> String {
    match value {
        Value::Null => "-".to_owned(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// A time to the minute.
pub(crate) fn time(value: &Value) -> String {
    value.as_str().map_or_else(
        || "-".to_owned(),
        |at| at.chars().take(16).collect::<String>().replace('T', " "),
    )
}

/// A list in an answer; what is not there is empty.
pub(crate) fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

/// All that a check found, and what keeps a change from being made: a line each.
pub(crate) fn problems(body: &Value) -> Vec<String> {
    let findings = list(&body["findings"]).iter().map(|finding| cell(&finding["text"]));
    let cases = list(&body["cases"]["failures"]).iter().map(case);
    let statuses = list(&body["statuses"]).iter().map(|held| {
        let at_least = if held["at_least"] == true { "at least " } else { "" };
        format!("{at_least}{} leads are `{}`", held["leads"], cell(&held["status"]))
    });
    findings.chain(cases).chain(statuses).collect()
}

/// A case that fails, in words.
fn case(failure: &Value) -> String {
    let section = cell(&failure["section"]);
    format!(
        "`cases.csv` row {}{}: expected `{}` because {}; got `{}` by {}",
        failure["row"],
        if section.is_empty() {
            section
        } else {
            format!(" ({section})")
        },
        cell(&failure["expected"]),
        cell(&failure["because"]),
        cell(&failure["got"]),
        cell(&failure["line"]),
    )
}
