//! Reads `ruleset.toml` past its faults: where a value cannot be read, one that can stands in for it, so that the next
//! fault is found too. What was read so is only good for looking on, never for deciding.

use crate::Finding;
use crate::finding::{plain, position};
use crate::ruleset::SPEC_FILE;
use crate::spec::Spec;

/// Values that are stood in for in one file; nobody mends more at once.
const FAULTS_MAX: usize = 20;

/// What was read.
pub(super) struct SpecText {
    /// None where nothing can stand in: no TOML, or a table is missing.
    pub(super) spec: Option<Spec>,
    /// The text with what stands in.
    pub(super) text: String,
}

pub(super) fn read(text: &str, findings: &mut Vec<Finding>) -> SpecText {
    let mut text = text.to_owned();
    for _ in 0..FAULTS_MAX {
        let error = match Spec::parse(&text) {
            Ok(spec) => return SpecText { spec: Some(spec), text },
            Err(error) => error,
        };
        let start = error.span.as_ref().map_or(0, |span| span.start);
        let finding = Finding::at(SPEC_FILE, position(&text, start), plain(&error.message));
        if findings.contains(&finding) {
            break;
        }
        findings.push(finding);
        let Some(span) = error.span else { break };
        let Some(value) = stand_in(&text, span.start, &error.message) else {
            break;
        };
        text.replace_range(span, value);
    }
    SpecText { spec: None, text }
}

/// A value that can be read there. By its setting, else by what was expected.
fn stand_in(text: &str, at: usize, fault: &str) -> Option<&'static str> {
    if ["missing field", "unknown field", "duplicate"]
        .iter()
        .any(|kind| fault.starts_with(kind))
    {
        return None;
    }
    let line = text.get(..at)?.lines().next_back()?;
    let key = line.rsplit_once('=').map_or("", |(before, _)| before.trim_end());
    let key = key
        .rsplit(|letter: char| !letter.is_alphanumeric() && letter != '_')
        .next()
        .unwrap_or_default();
    let is_default = || {
        let table = text
            .get(..at)
            .and_then(|before| before.rfind("[["))
            .and_then(|from| text.get(from..));
        table.is_some_and(|table| {
            table[2..]
                .split("[[")
                .next()
                .is_some_and(|table| table.contains("default = true"))
        })
    };
    Some(match key {
        "zone" => "\"UTC\"",
        "start" => "\"00:00\"",
        "end" => "\"24:00\"",
        "days" => "\"mon\"",
        "labels" => "{ en = \"x\", he = \"x\" }",
        "kind" if is_default() => "\"open\"",
        // Any final one: it needs no way on.
        "kind" => "\"lost\"",
        _ if fault.contains("expected a string") => "\"X\"",
        _ if fault.contains("expected u32") => "1",
        _ if fault.contains("expected a boolean") => "false",
        _ if fault.contains("expected a sequence") => "[]",
        _ if fault.contains("expected a map") => "{}",
        _ => return None,
    })
}
