//! `redial dnc export`: every mark as CSV, a page at a time.

use csv::WriterBuilder;
use serde_json::Value;

use crate::{api::At, failure::Failure, print, rules_words::list};

/// Marks in a request: the most that the API gives.
const PAGE: &str = "1000";
/// The columns, by their names in the API's answers.
const COLUMNS: [&str; 11] = [
    "phone",
    "since",
    "source",
    "said_at",
    "honour_by",
    "late",
    "call_id",
    "by",
    "words",
    "note",
    "forgotten_at",
];

/// Writes all marks as CSV, oldest first.
///
/// What was marked within the last seconds may be missing: begin the next export a day before the end of this one. The
/// file can be imported again.
#[derive(Debug, clap::Args)]
pub(crate) struct Export {
    /// Only marks since then: a date (from midnight UTC) or a time as in 2026-11-23T12:00:00Z
    #[arg(long, value_name = "DATE")]
    since: Option<String>,
    #[command(flatten)]
    at: At,
}

pub(crate) async fn run(export: Export) -> Result<(), Failure> {
    let api = export.at.api()?;
    let mut cursor: Option<String> = None;
    print::text(&rows([COLUMNS.map(str::to_owned)])?);
    loop {
        let mut query = vec![("limit", PAGE)];
        if let Some(since) = &export.since {
            query.push(("from", since));
        }
        if let Some(cursor) = &cursor {
            query.push(("cursor", cursor));
        }
        let page = api.get(&["api", "do-not-call"], &query).await?;
        let marks = list(&page["marks"]).iter();
        print::text(&rows(marks.map(|mark| COLUMNS.map(|name| plain(&mark[name]))))?);
        cursor = page["next_cursor"].as_str().map(str::to_owned);
        if cursor.is_none() {
            return Ok(());
        }
    }
}

fn rows<const N: usize>(rows: impl IntoIterator<Item = [String; N]>) -> Result<String, Failure> {
    let failed = || Failure::new("failed to write CSV", "try again");
    let mut writer = WriterBuilder::new().from_writer(Vec::new());
    for row in rows {
        writer.write_record(row).map_err(|_| failed())?;
    }
    let bytes = writer.into_inner().map_err(|_| failed())?;
    String::from_utf8(bytes).map_err(|_| failed())
}

/// A cell. Words and notes are other people's: what a spreadsheet would take for a formula gets an apostrophe.
fn plain(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) if is_number(text) => text.clone(),
        Value::String(text) if text.starts_with(['=', '+', '-', '@', '\t', '\r']) => format!("'{text}"),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn is_number(text: &str) -> bool {
    let digits = text.strip_prefix('+').unwrap_or_default();
    !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_cell_is_never_a_formula_and_a_number_stays_one() {
        for (value, cell) in [
            (json!(null), ""),
            (json!(true), "true"),
            (json!("+12125550142"), "+12125550142"),
            (json!("=1+1"), "'=1+1"),
            (json!("+1+cmd"), "'+1+cmd"),
            (json!("stop, \"now\""), "stop, \"now\""),
        ] {
            assert_eq!(plain(&value), cell);
        }
        assert_eq!(rows([["a, b".to_owned(), "c".to_owned()]]).unwrap(), "\"a, b\",c\n");
    }
}
