//! Calls that others placed to a phone, as they use up the total of a lead.
//!
//! Data flow: a report → the phone's ledger notes when the call began and whose leads it was for, in the write that counts it
//! under the other caps → whoever asks for a lead's total adds to its own attempts what was noted for it. So a lead that comes in
//! after the report has it counted too, and nobody who writes the lead can lose it. Attempts, the ladder and every figure of
//! our own calls stay what they are.

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use crate::campaign::ATTEMPTS_TOTAL_MAX_MAX;
use crate::next_step::whole_seconds_up;
use crate::{Campaign, CampaignId, Lead, Ledger, Subject};

/// A report is known again for so long, and a call that began before that is not taken for a total: so no call counts twice.
/// A lead that comes in has the calls of as many days before counted.
pub const REPORTS_KNOWN: TimeDelta = TimeDelta::days(30);

/// Campaigns and subjects that are told apart for one phone: it is in few. What is reported for more counts for all its leads.
const TOLD_APART_MAX: usize = 8;

/// Whose leads a reported call was for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CalledFor {
    /// The phone's lead in a campaign.
    Campaign(CampaignId),
    /// Its leads in campaigns about a subject.
    Subject(Subject),
    /// Nobody knows: all its leads.
    Anybody,
}

/// One call of others. Stored as `<epoch seconds>/campaign/<id>`, `<epoch seconds>/subject/<name>` or `<epoch seconds>`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct CallOfOthers {
    /// When it began, in whole seconds.
    pub at: DateTime<Utc>,
    /// For whom.
    pub called_for: CalledFor,
}

impl Ledger {
    /// The calls of others to store when one more is reported; none when it began too long ago to count for a total.
    pub fn reported_with(
        &self,
        at: DateTime<Utc>,
        called_for: CalledFor,
        now: DateTime<Utc>,
    ) -> Option<Vec<CallOfOthers>> {
        if at <= now - REPORTS_KNOWN {
            return None;
        }
        let mut apart: Vec<&CalledFor> = vec![&CalledFor::Anybody];
        for call in &self.reported {
            if !apart.contains(&&call.called_for) {
                apart.push(&call.called_for);
            }
        }
        let is_one_too_many = !apart.contains(&&called_for) && apart.len() > TOLD_APART_MAX;
        let called_for = if is_one_too_many {
            CalledFor::Anybody
        } else {
            called_for
        };
        let mut calls = self.reported.clone();
        calls.push(CallOfOthers {
            at: whole_seconds_up(at),
            called_for: called_for.clone(),
        });
        calls.sort_by_key(|call| call.at);
        // No total is larger, so more of them say nothing more.
        let same = calls.iter().filter(|call| call.called_for == called_for).count();
        if same > ATTEMPTS_TOTAL_MAX_MAX as usize
            && let Some(oldest) = calls.iter().position(|call| call.called_for == called_for)
        {
            calls.remove(oldest);
        }
        Some(calls)
    }

    /// Calls of others that count toward the total of a lead.
    pub fn reported_calls(&self, lead: &Lead, campaign: &Campaign) -> u32 {
        let since = lead.created_at - REPORTS_KNOWN;
        let counts = |call: &&CallOfOthers| {
            call.at > since
                && match &call.called_for {
                    CalledFor::Campaign(id) => *id == lead.campaign,
                    CalledFor::Subject(subject) => *subject == campaign.subject || *subject == Subject::any(),
                    CalledFor::Anybody => true,
                }
        };
        u32::try_from(self.reported.iter().filter(counts).count()).unwrap_or(u32::MAX)
    }

    /// All calls that count toward the total of a lead: its attempts, and what others reported.
    pub fn calls_in_all(&self, lead: &Lead, campaign: &Campaign) -> u32 {
        lead.attempts.saturating_add(self.reported_calls(lead, campaign))
    }
}

impl TryFrom<String> for CallOfOthers {
    type Error = String;
    fn try_from(stored: String) -> Result<Self, String> {
        let read = || {
            let mut parts = stored.splitn(3, '/');
            let at = DateTime::from_timestamp(parts.next()?.parse().ok()?, 0)?;
            let called_for = match (parts.next(), parts.next()) {
                (None, None) => CalledFor::Anybody,
                (Some("campaign"), Some(id)) => CalledFor::Campaign(CampaignId::parse(id).ok()?),
                (Some("subject"), Some(name)) => CalledFor::Subject(Subject::parse(name).ok()?),
                _ => return None,
            };
            Some(Self { at, called_for })
        };
        read().ok_or_else(|| {
            format!("failed to read the reported call `{stored}`: expected `<epoch seconds>`, with `/campaign/<id>` or `/subject/<name>`")
        })
    }
}

impl From<CallOfOthers> for String {
    fn from(call: CallOfOthers) -> Self {
        let at = call.at.timestamp();
        match call.called_for {
            CalledFor::Campaign(id) => format!("{at}/campaign/{id}"),
            CalledFor::Subject(subject) => format!("{at}/subject/{subject}"),
            CalledFor::Anybody => at.to_string(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gate::tests::{NOON, at, campaign, lead};

    fn of(campaign: &str) -> CalledFor {
        CalledFor::Campaign(CampaignId::parse(campaign).unwrap())
    }

    fn about(subject: &str) -> CalledFor {
        CalledFor::Subject(Subject::parse(subject).unwrap())
    }

    fn with(calls: impl IntoIterator<Item = (TimeDelta, CalledFor)>) -> Ledger {
        let mut ledger = Ledger::default();
        for (ago, called_for) in calls {
            if let Some(reported) = ledger.reported_with(at(NOON) - ago, called_for, at(NOON)) {
                ledger.reported = reported;
            }
        }
        ledger
    }

    #[test]
    fn a_call_of_others_counts_for_the_leads_it_was_for() {
        let hour = TimeDelta::hours(1);
        let rows = [
            (hour, CalledFor::Anybody, 1),
            (hour, of("default"), 1),
            (hour, of("other"), 0),
            (hour, about("general"), 1),
            (hour, about("any"), 1),
            (hour, about("solar"), 0),
            (TimeDelta::days(29), CalledFor::Anybody, 1),
            (TimeDelta::days(30), CalledFor::Anybody, 0),
        ];
        for (ago, called_for, counts) in rows {
            let ledger = with([(ago, called_for.clone())]);
            assert_eq!(
                ledger.reported_calls(&lead(), &campaign()),
                counts,
                "{called_for:?} {ago}"
            );
            let stored = toml::to_string(&ledger).unwrap();
            assert_eq!(toml::from_str::<Ledger>(&stored).unwrap(), ledger);
        }
        let long_after = Lead {
            created_at: at(NOON) + REPORTS_KNOWN,
            ..lead()
        };
        assert_eq!(with([(hour, of("default"))]).calls_in_all(&long_after, &campaign()), 0);
    }

    #[test]
    fn a_ledger_stays_small_whatever_is_reported_and_no_total_is_missed() {
        let minute = TimeDelta::minutes;
        let many = (0..40).map(|n| (minute(n), of(&format!("campaign-{n}"))));
        let ledger = with(many.chain((0..40).map(|n| (minute(n), of("default")))));
        assert!(
            ledger.reported.len() <= (TOLD_APART_MAX + 1) * 10,
            "{}",
            ledger.reported.len()
        );
        assert!(ledger.reported_calls(&lead(), &campaign()) >= 10);
        let newest = ledger.reported.last().unwrap();
        assert_eq!(newest.at, at(NOON));
    }

    #[test]
    fn a_ledger_of_before_has_none() {
        let before: Ledger = toml::from_str("seq = 4").unwrap();
        assert_eq!(before.calls_in_all(&lead(), &campaign()), 0);
    }
}
