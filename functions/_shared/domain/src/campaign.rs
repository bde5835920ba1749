//! A campaign: whose leads are called, when, how often, how many at once, with which words.

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use crate::import::ImportRules;
use crate::{
    Brake, BrakeLifted, CallScript, CallScriptError, CallerId, CallerIdError, CampaignId, CampaignStatus,
    ConsentAssertion, Life, PRIORITY_DEFAULT, PRIORITY_MAX, PRIORITY_MIN, Region, RuleSetName, Subject, Window,
    WindowError, check_caller_ids,
};

/// Longest name of a campaign, in characters.
pub const CAMPAIGN_NAME_MAX: usize = 200;

/// Most calls at once in one campaign. Bland's largest published plan has 100; enterprise plans are unlimited. At 40 s
/// a call, 1,000 at once are 25 calls a second, far under what one table partition takes.
pub const MAX_CONCURRENT_CALLS_MAX: u32 = 1_000;

/// Most calls a day to one phone that a campaign may ask for. The ledger keeps 64 starts over 48 hours.
const ATTEMPTS_PER_DAY_MAX_MAX: u32 = 24;

/// The earlier systems took 1 to 10 attempts per lead.
pub(crate) const ATTEMPTS_TOTAL_MAX_MAX: u32 = 10;

/// Longest ladder, and longest wait in it: two weeks.
const INTERVALS_LEN_MAX: usize = 24;
const INTERVAL_MIN_MAX: u32 = 14 * 24 * 60;

/// Most calls a minute: see [`MAX_CONCURRENT_CALLS_MAX`].
const CALLS_PER_MINUTE_MAX: u32 = 6_000;

/// Longest call that a campaign may ask for, in minutes: four times Bland's own default.
pub const CALL_MIN_MAX: u32 = 120;

/// Most queue shards; each is read by its own tick.
const SHARDS_MAX: u32 = 16;

/// A campaign.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Campaign {
    /// Its short name in URLs.
    pub id: CampaignId,
    /// Its name for people.
    pub name: String,
    /// What it is for.
    #[serde(default)]
    pub description: String,
    /// Where it stands.
    pub status: CampaignStatus,
    /// When it starts and ends by itself, and when it did.
    #[serde(default)]
    pub life: Life,
    /// Counts writes; the condition of every change.
    pub version: u64,
    /// Takes leads by API and CRM while it runs, and may start without any.
    pub open_intake: bool,
    /// When it may call.
    pub window: Window,
    /// Calls placed at once.
    pub max_concurrent_calls: u32,
    /// Calls started in one minute; none is without limit.
    #[serde(default)]
    pub calls_per_minute_max: Option<u32>,
    /// Who is served first on the provider's account: 9 before 1.
    #[serde(default = "Campaign::default_priority")]
    pub priority: u8,
    /// Calls in a lead's whole life; none is without limit.
    #[serde(default)]
    pub attempts_total_max: Option<u32>,
    /// Calls to one phone on one local day, over all campaigns.
    pub attempts_per_day_max: u32,
    /// Minutes to wait before the n-th call of a day; none leaves it to the rule set.
    #[serde(default)]
    pub intervals_min: Option<Vec<u32>>,
    /// Decides status, stop and next call.
    pub rule_set: RuleSetName,
    /// What the calls are about; a sale stops the phone's other leads with the same subject.
    pub subject: Subject,
    /// Where numbers without a country code are from.
    pub default_region: Region,
    /// What it asks of files that are imported into it.
    #[serde(default)]
    pub import: ImportRules,
    /// What is said, and as whom.
    pub voice: Voice,
    /// What is said to each lead in its own words, and what the agent finds out.
    #[serde(default, skip_serializing_if = "CallScript::is_empty")]
    pub script: CallScript,
    /// The numbers that are shown, in turn; none leaves it to [`Voice::from`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub caller_ids: Vec<CallerId>,
    /// What its tenant says that all its leads agreed to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub consent: Option<ConsentAssertion>,
    /// When all its phones were last looked for in the do-not-call registry.
    #[serde(
        default,
        with = "chrono::serde::ts_milliseconds_option",
        skip_serializing_if = "Option::is_none"
    )]
    pub registry_checked_at: Option<DateTime<Utc>>,
    /// Set while too many of the calls that people answered were abandoned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub brake: Option<Brake>,
    /// The newest decision of an owner to call on in spite of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub brake_lifted: Option<BrakeLifted>,
    /// Parts of the queue, fixed at creation.
    pub shards: u32,
    /// When it was created.
    #[serde(with = "chrono::serde::ts_milliseconds")]
    pub created_at: DateTime<Utc>,
    /// When it last changed.
    #[serde(with = "chrono::serde::ts_milliseconds")]
    pub updated_at: DateTime<Utc>,
}

/// Minutes to wait before the n-th call of a day.
pub type Intervals = Vec<u32>;

/// What the provider is told about the talk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Voice {
    /// The provider that places the calls.
    #[serde(default = "Voice::default_provider")]
    pub provider: String,
    /// The number shown, E.164; none takes the provider's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// A conversation flow kept at the provider. Wins over `task`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pathway_id: Option<String>,
    /// What the agent is told to do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task: Option<String>,
    /// The agent's voice.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub voice: Option<String>,
    /// Longest call in minutes, 1 to 120. Always sent, because a slot is held no longer than this.
    #[serde(default = "Voice::default_max_duration_min")]
    pub max_duration_min: u32,
}

impl Voice {
    fn default_provider() -> String {
        "bland".to_owned()
    }

    const fn default_max_duration_min() -> u32 {
        15
    }
}

impl Default for Voice {
    fn default() -> Self {
        Self {
            provider: Self::default_provider(),
            from: None,
            pathway_id: None,
            task: Some("Greet the person by name, ask whether they still want the quote they asked for, and connect them to an agent if they do.".to_owned()),
            voice: None,
            max_duration_min: Self::default_max_duration_min(),
        }
    }
}

/// What is wrong with a campaign or a change of it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CampaignError {
    /// A move that the table of moves does not have.
    #[error("failed to move the campaign from {from} to {to}: allowed from {from} is {allowed}")]
    Move {
        /// Where it stands.
        from: &'static str,
        /// Where it should go.
        to: &'static str,
        /// Where it may go.
        allowed: String,
    },
    /// A field outside its range.
    #[error("failed to read `{field}`: {why}")]
    Field {
        /// The field as the API names it.
        field: &'static str,
        /// What it must be.
        why: String,
    },
}

impl From<WindowError> for CampaignError {
    fn from(error: WindowError) -> Self {
        Self::Field {
            field: "window",
            why: error.to_string(),
        }
    }
}

impl From<CallScriptError> for CampaignError {
    fn from(error: CallScriptError) -> Self {
        Self::Field {
            field: error.field(),
            why: error.to_string(),
        }
    }
}

impl From<CallerIdError> for CampaignError {
    fn from(error: CallerIdError) -> Self {
        Self::Field {
            field: "caller_ids",
            why: error.to_string(),
        }
    }
}

impl Campaign {
    /// Whether every field is in its range.
    ///
    /// # Errors
    /// The first field that is not, and what it must be.
    pub fn check(&self) -> Result<(), CampaignError> {
        let field = |field, why: String| Err(CampaignError::Field { field, why });
        let within = |name, value: u32, max: u32| {
            if (1..=max).contains(&value) {
                Ok(())
            } else {
                Err(CampaignError::Field {
                    field: name,
                    why: format!("{value} is outside 1 to {max}"),
                })
            }
        };
        let length = self.name.trim().chars().count();
        if length == 0 || length > CAMPAIGN_NAME_MAX {
            return field("name", format!("give it 1 to {CAMPAIGN_NAME_MAX} characters"));
        }
        self.window.check()?;
        if self.window.next_open(self.updated_at, Self::CLOSING_MARGIN).is_none() {
            let least_min = Self::CLOSING_MARGIN.num_minutes();
            return field(
                "window",
                format!(
                    "with these days, hours and blackout dates it never opens in the next 400 days; calling hours must be longer than {least_min} minutes"
                ),
            );
        }
        within(
            "max_concurrent_calls",
            self.max_concurrent_calls,
            MAX_CONCURRENT_CALLS_MAX,
        )?;
        within(
            "attempts_per_day_max",
            self.attempts_per_day_max,
            ATTEMPTS_PER_DAY_MAX_MAX,
        )?;
        if let Some(rate) = self.calls_per_minute_max {
            within("calls_per_minute_max", rate, CALLS_PER_MINUTE_MAX)?;
            if rate < self.shards {
                return field(
                    "calls_per_minute_max",
                    format!(
                        "{rate} is less than one for each of its {} shards; a part of its leads would never be called",
                        self.shards
                    ),
                );
            }
        }
        if !(PRIORITY_MIN..=PRIORITY_MAX).contains(&self.priority) {
            return field(
                "priority",
                format!(
                    "{} is outside {PRIORITY_MIN} to {PRIORITY_MAX}; {PRIORITY_MAX} is served first",
                    self.priority
                ),
            );
        }
        if let Some(total) = self.attempts_total_max {
            within("max_attempts_per_lead", total, ATTEMPTS_TOTAL_MAX_MAX)?;
        }
        if let Some(intervals) = &self.intervals_min {
            if intervals.is_empty() || intervals.len() > INTERVALS_LEN_MAX {
                return field(
                    "intervals_min",
                    format!("give 1 to {INTERVALS_LEN_MAX} waits in minutes, or null to leave it to the rule set"),
                );
            }
            if intervals.iter().any(|wait| *wait > INTERVAL_MIN_MAX) {
                return field(
                    "intervals_min",
                    format!("a wait is at most {INTERVAL_MIN_MAX} minutes, two weeks"),
                );
            }
        }
        self.import.check().or_else(|(name, why)| field(name, why))?;
        within("max_duration_min", self.voice.max_duration_min, CALL_MIN_MAX)?;
        if self.voice.provider != "bland" {
            return field(
                "voice.provider",
                format!("`{}` cannot place calls here; use `bland`", self.voice.provider),
            );
        }
        self.script.check()?;
        check_caller_ids(&self.caller_ids)?;
        if self.voice.pathway_id.is_none()
            && self.script.template.is_none()
            && self.voice.task.as_deref().is_none_or(|task| task.trim().is_empty())
        {
            return field(
                "voice",
                "give a `task` or a `pathway_id`, or the campaign a `script_template`, so that the agent knows what to say".to_owned(),
            );
        }
        if !(1..=SHARDS_MAX).contains(&self.shards) || self.shards > self.max_concurrent_calls {
            return field(
                "shards",
                format!(
                    "use 1 to {SHARDS_MAX}, and no more than max_concurrent_calls, so that each part of the queue can place a call"
                ),
            );
        }
        Ok(())
    }

    const fn default_priority() -> u8 {
        PRIORITY_DEFAULT
    }

    /// Accepted is not ringing: a provider's queue may hold a call for minutes (`facts`: a call id is only queue
    /// acceptance). The gate closes this long before the window does, so that reconcile, which comes every five minutes
    /// and may be a minute late, sees each call once more before the closing, and each had a minute to ring by then.
    pub const CLOSING_MARGIN: TimeDelta = TimeDelta::minutes(7);

    /// Parts of the queue for a campaign with this many calls at once. One index partition takes 500 cycles a second;
    /// 400 calls at once of 40 s are 10 a second, so only the largest need more, and imports of over 50,000.
    pub const fn shards_for(max_concurrent_calls: u32) -> u32 {
        if max_concurrent_calls > 400 { 4 } else { 1 }
    }

    /// How many of the calls at once belong to one shard: the rest of the division goes to the first ones.
    pub const fn slots_of_shard(&self, shard: u32) -> u32 {
        let share = self.max_concurrent_calls / self.shards;
        share
            + if shard < self.max_concurrent_calls % self.shards {
                1
            } else {
                0
            }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_of_all_shards_are_the_calls_at_once() {
        let mut campaign = crate::gate::tests::campaign();
        for (calls, shards) in [(5, 1), (5, 4), (1_000, 16), (13, 12)] {
            campaign.max_concurrent_calls = calls;
            campaign.shards = shards;
            assert_eq!(
                (0..shards).map(|shard| campaign.slots_of_shard(shard)).sum::<u32>(),
                calls
            );
            assert!((0..shards).all(|shard| campaign.slots_of_shard(shard) > 0));
        }
    }

    #[test]
    fn each_field_has_a_range_and_says_it() {
        let good = crate::gate::tests::campaign();
        good.check().unwrap();
        type Change = fn(&mut Campaign);
        let bad: [(&str, Change); 12] = [
            ("name", |c| c.name = "  ".into()),
            ("max_concurrent_calls", |c| c.max_concurrent_calls = 0),
            ("attempts_per_day_max", |c| c.attempts_per_day_max = 25),
            ("max_attempts_per_lead", |c| c.attempts_total_max = Some(11)),
            ("calls_per_minute_max", |c| c.calls_per_minute_max = Some(0)),
            ("calls_per_minute_max", |c| {
                (c.calls_per_minute_max, c.max_concurrent_calls, c.shards) = (Some(3), 500, 4)
            }),
            ("priority", |c| c.priority = 0),
            ("priority", |c| c.priority = 10),
            ("intervals_min", |c| c.intervals_min = Some(vec![])),
            ("window", |c| c.window.end = crate::LocalTime::new(11, 4).unwrap()),
            ("voice", |c| c.voice.task = None),
            ("shards", |c| c.shards = 9),
        ];
        for (field, change) in bad {
            let mut campaign = good.clone();
            change(&mut campaign);
            let error = campaign.check().unwrap_err().to_string();
            assert!(error.contains(field), "{field}: {error}");
        }
    }
}
