//! Reads the talk out of the four shapes that Bland sends it in, and says which side spoke.
//!
//! It refuses to know what the words mean; `redial-domain` finds the stop in them.

use redial_domain::{
    ExplicitStop, MAX_TRANSCRIPT_LINES, Side, TranscriptLine, find_explicit_stop, find_stop_in_summary,
};
use serde_json::{Map, Value};

use crate::read::{cut, text};

/// Longest line kept, in characters: about two minutes of uninterrupted speech. A stop is looked for in the whole line.
pub(super) const LINE_MAX: usize = 2_000;

/// The whole talk as one text.
pub(super) const JOINED: &str = "concatenated_transcript";

/// The talk, in every version that a delivery brought.
#[derive(Debug, Default)]
pub(super) struct Talk {
    /// The same words, transcribed more than once; the best first. They differ: `transcripts` often lacks lines.
    versions: Vec<Vec<TranscriptLine>>,
    /// What lead and agent said to each other after a transfer; other words.
    after_transfer: Vec<TranscriptLine>,
}

impl Talk {
    pub(super) fn read(payload: &Map<String, Value>) -> Self {
        let list = |key: &str| payload.get(key).map(lines_of_list).unwrap_or_default();
        let joined = payload
            .get(JOINED)
            .and_then(Value::as_str)
            .map(lines_of_text)
            .unwrap_or_default();
        Self {
            versions: vec![
                list("transcripts"),
                joined,
                list("corrected_transcript"),
                list("live_translation_transcript"),
            ],
            after_transfer: list("post_transfer_transcript"),
        }
    }

    /// The lead's own words, in every version.
    pub(super) fn lead_lines(&self) -> impl DoubleEndedIterator<Item = &TranscriptLine> {
        self.versions
            .iter()
            .flatten()
            .chain(&self.after_transfer)
            .filter(|line| line.side == Side::Lead)
    }

    /// A stop, wherever it was heard: each version may have words that the others lack, and a summary what no line
    /// says.
    pub(super) fn find_stop(&self, disposition: Option<&str>, summary: Option<&str>) -> Option<ExplicitStop> {
        find_explicit_stop(disposition, &[])
            .or_else(|| self.versions.iter().find_map(|lines| find_explicit_stop(None, lines)))
            .or_else(|| find_explicit_stop(None, &self.after_transfer))
            .or_else(|| summary.and_then(find_stop_in_summary))
    }

    /// What is kept: the best version and what followed a transfer; of a talk that is too long, the end, because the
    /// end is where a talk is decided.
    pub(super) fn into_lines(self) -> Vec<TranscriptLine> {
        let mut lines = self
            .versions
            .into_iter()
            .find(|lines| !lines.is_empty())
            .unwrap_or_default();
        lines.extend(self.after_transfer);
        lines.drain(..lines.len().saturating_sub(MAX_TRANSCRIPT_LINES));
        lines
            .into_iter()
            .map(|line| TranscriptLine {
                text: cut(&line.text, LINE_MAX),
                ..line
            })
            .collect()
    }
}

/// Which side a label names; `None` drops the line. `user` is the called person, also in corrected transcripts. A
/// label nobody knows is taken to be the lead's: only the lead's words can ask for a stop, and a stop that is missed
/// costs more than one too many.
fn side(label: &str) -> Option<Side> {
    match label.trim().to_ascii_lowercase().as_str() {
        "assistant" | "robot" | "agent" | "representative" | "bot" => Some(Side::Us),
        "agent-action" | "agent_action" => None,
        _ => Some(Side::Lead),
    }
}

fn lines_of_list(list: &Value) -> Vec<TranscriptLine> {
    let Some(rows) = list.as_array() else { return Vec::new() };
    rows.iter()
        .filter_map(Value::as_object)
        .filter_map(|row| {
            let label = ["user", "speaker_label"]
                .iter()
                .find_map(|key| text(row, key))
                .unwrap_or_default();
            Some(TranscriptLine {
                side: side(&label)?,
                text: text(row, "text")?,
            })
        })
        .collect()
}

/// Labels at which the joined text is divided.
const LABELS: [&str; 5] = ["user", "assistant", "robot", "agent-action", "agent_action"];

/// `user: Hello? \n assistant: Hi, … \n `. What stands before the first label has no side that we know.
fn lines_of_text(joined: &str) -> Vec<TranscriptLine> {
    let mut turns: Vec<(&str, String)> = Vec::new();
    for word in joined.split_whitespace() {
        if let Some(label) = word
            .strip_suffix(':')
            .and_then(|word| LABELS.iter().find(|l| l.eq_ignore_ascii_case(word)))
        {
            turns.push((label, String::new()));
            continue;
        }
        if turns.is_empty() {
            turns.push(("", String::new()));
        }
        if let Some((_, turn)) = turns.last_mut() {
            if !turn.is_empty() {
                turn.push(' ');
            }
            turn.push_str(word);
        }
    }
    turns
        .into_iter()
        .filter(|(_, turn)| !turn.is_empty())
        .filter_map(|(label, text)| {
            Some(TranscriptLine {
                side: side(label)?,
                text,
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_joined_talk_is_divided_at_its_labels_and_actions_are_dropped() {
        let lines =
            lines_of_text("user: Hello? \n assistant: Hi,\nthis is Ava. \n agent-action: moved \n user: Bye \n ");
        let said: Vec<_> = lines.iter().map(|line| (line.side, line.text.as_str())).collect();
        assert_eq!(
            said,
            [
                (Side::Lead, "Hello?"),
                (Side::Us, "Hi, this is Ava."),
                (Side::Lead, "Bye")
            ]
        );
        assert_eq!(lines_of_text(" \n\t "), []);
    }

    #[test]
    fn a_talk_of_the_wrong_type_is_no_talk() {
        for wrong in [
            "{\"transcripts\":{\"0\":\"x\"}}",
            "{\"transcripts\":[1,null,[]]}",
            "{\"transcripts\":\"x\"}",
        ] {
            let payload: Map<String, Value> = serde_json::from_str(wrong).unwrap();
            assert_eq!(Talk::read(&payload).into_lines(), [], "{wrong}");
        }
    }
}
