//! What was said last: a lead's newest talk, for people who look at the lead (K2).
//!
//! Beside the lead and not in it: the lead is one write unit, and a summary is read by people only. What comes late
//! about an older talk never replaces a newer one, so the same report may be noted twice.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use redial_domain::{AttemptId, CampaignId, Facts, Outcome, Phone, Side};
use serde::{Deserialize, Serialize};

use crate::keys;
use crate::leads::phone_and_campaign;
use crate::table::{Change, Key, Table, TableError, read};

/// Letters of a summary: what fits beside a lead on a screen, and in one write unit with its keys.
const SUMMARY_MAX: usize = 600;

/// Where a summary is from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SummaryFrom {
    /// The provider wrote it.
    Provider,
    /// It is the end of what was said.
    Transcript,
}

/// A lead's newest talk.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Talk {
    /// When it ended.
    #[serde(with = "chrono::serde::ts_milliseconds")]
    pub at: DateTime<Utc>,
    /// Which attempt it was.
    pub attempt: AttemptId,
    /// What it was about, if anything is known of that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub summary: Option<String>,
    /// Where that is from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub summary_from: Option<SummaryFrom>,
}

impl Talk {
    /// The talk in a report, if a person was on the line.
    pub fn of(attempt: &AttemptId, facts: &Facts, ended_at: DateTime<Utc>) -> Option<Self> {
        let (summary, summary_from) = match (&facts.summary, end_of_talk(facts)) {
            (Some(summary), _) if !summary.trim().is_empty() => {
                let cut: String = summary.trim().chars().take(SUMMARY_MAX).collect();
                (Some(cut), Some(SummaryFrom::Provider))
            }
            (_, Some(end)) => (Some(end), Some(SummaryFrom::Transcript)),
            _ => (None, None),
        };
        // Later news has no outcome of its own, and says something only if it has words.
        let spoke = match facts.outcome {
            Outcome::Answered => true,
            Outcome::Unknown => summary.is_some(),
            _ => false,
        };
        spoke.then(|| Self {
            at: ended_at,
            attempt: attempt.clone(),
            summary,
            summary_from,
        })
    }
}

/// The last words of a talk, a line each.
fn end_of_talk(facts: &Facts) -> Option<String> {
    let mut lines = Vec::new();
    let mut letters = 0;
    for line in facts.transcript.iter().rev() {
        let who = if line.side == Side::Lead { "Lead" } else { "Us" };
        let line = format!("{who}: {}", line.text.trim());
        letters += line.chars().count() + 1;
        if letters > SUMMARY_MAX {
            break;
        }
        lines.push(line);
    }
    lines.reverse();
    (!lines.is_empty()).then(|| lines.join("\n"))
}

impl Table {
    /// Notes a talk, unless a newer one is there. The first report of a talk replaces what was noted of an older one; a
    /// later report adds.
    ///
    /// # Errors
    /// When the table cannot be reached.
    pub async fn note_talk(
        &self,
        phone: &Phone,
        campaign: &CampaignId,
        talk: &Talk,
        is_first: bool,
    ) -> Result<(), TableError> {
        let mut change = Change::update(
            keys::talk(phone, campaign),
            "SET #at = :at, #attempt = :attempt, #sv = :sv",
        )
        .value(":at", talk.at.timestamp_millis())
        .value(":attempt", &talk.attempt)
        .value(":sv", redial_domain::SCHEMA_VERSION)
        .when("attribute_not_exists(#at) OR #at <= :at");
        change = match (&talk.summary, talk.summary_from) {
            (Some(summary), Some(from)) => change
                .and("SET #summary = :summary, #summary_from = :from")
                .value(":summary", summary)
                .value(":from", from),
            _ if is_first => change.and("REMOVE #summary, #summary_from"),
            _ => change,
        };
        match self.write(change).await {
            Ok(_) | Err(TableError::Condition(_)) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Newest talks by phone and campaign, for lists that people read.
    ///
    /// # Errors
    /// When they cannot be read.
    pub async fn last_talks(
        &self,
        of: &[(Phone, CampaignId)],
    ) -> Result<HashMap<(Phone, CampaignId), Talk>, TableError> {
        let wanted: Vec<Key> = of.iter().map(|(phone, campaign)| keys::talk(phone, campaign)).collect();
        let mut talks = HashMap::new();
        for item in self.batch_get(&wanted, false).await? {
            if let Some(owner) = Key::of(&item).and_then(|key| phone_and_campaign(&key)) {
                talks.insert(owner, read(item)?);
            }
        }
        Ok(talks)
    }

    /// A lead's newest talk.
    ///
    /// # Errors
    /// When it cannot be read.
    pub async fn last_talk(&self, phone: &Phone, campaign: &CampaignId) -> Result<Option<Talk>, TableError> {
        self.get(&keys::talk(phone, campaign), false)
            .await?
            .map_or(Ok(None), |item| read(item).map(Some))
    }
}

#[cfg(test)]
mod tests {
    use redial_domain::TranscriptLine;

    use super::*;

    fn said(lines: &[(Side, &str)]) -> Facts {
        let lines = lines.iter().map(|(side, text)| TranscriptLine {
            side: *side,
            text: (*text).to_owned(),
        });
        Facts {
            transcript: lines.collect(),
            ..Facts::ended(Outcome::Answered)
        }
    }

    fn talk(facts: &Facts) -> Option<Talk> {
        Talk::of(&AttemptId::parse("01J9").unwrap(), facts, DateTime::UNIX_EPOCH)
    }

    #[test]
    fn the_providers_summary_comes_before_the_end_of_the_talk() {
        let mut facts = said(&[(Side::Us, "Hello"), (Side::Lead, "Call me tomorrow")]);
        let end = talk(&facts).unwrap();
        assert_eq!(end.summary.as_deref(), Some("Us: Hello\nLead: Call me tomorrow"));
        assert_eq!(end.summary_from, Some(SummaryFrom::Transcript));
        facts.summary = Some(" Wants a call tomorrow. ".to_owned());
        let told = talk(&facts).unwrap();
        assert_eq!(told.summary.as_deref(), Some("Wants a call tomorrow."));
        assert_eq!(told.summary_from, Some(SummaryFrom::Provider));
    }

    #[test]
    fn nobody_on_the_line_is_no_talk_and_a_long_one_keeps_its_end() {
        assert_eq!(talk(&Facts::ended(Outcome::NoAnswer)), None);
        assert_eq!(talk(&Facts::ended(Outcome::Unknown)), None);
        assert!(talk(&Facts::ended(Outcome::Answered)).unwrap().summary.is_none());
        let words = "x".repeat(SUMMARY_MAX / 2);
        let long = said(&[(Side::Lead, &words), (Side::Lead, &words), (Side::Lead, "bye")]);
        let kept = talk(&long).unwrap().summary.unwrap();
        assert!(
            kept.ends_with("Lead: bye") && kept.chars().count() <= SUMMARY_MAX,
            "{kept}"
        );
    }
}
