//! `ruleset.toml`: the words, statuses, moves, intervals and first settings of a rule set.
//!
//! Read once, checked in `check`; holds no script and decides nothing but whether a status may follow another.

use std::collections::{BTreeMap, HashMap};

use chrono::Weekday;
use chrono_tz::Tz;
use redial_domain::{Disposition, LocalTime, Outcome, Region, RuleSetName, StatusName, Window};
use serde::{Deserialize, Deserializer, Serialize};

/// In the table of moves: every other status.
pub(crate) const ANY: &str = "any";

/// What `ruleset.toml` says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// The set's name, the same as its folder's.
    pub name: RuleSetName,
    /// What it does, in a sentence.
    pub description: String,
    /// Minutes to wait before each call of a day: the first number before the first call, and so on. Beyond the list
    /// the last one holds (Q3).
    pub intervals_min: Vec<u32>,
    /// The lead statuses, in the file's order.
    #[serde(rename = "status")]
    pub statuses: Vec<Status>,
    /// From a status, to which others; `any` is every other one.
    pub transitions: BTreeMap<StatusName, Vec<String>>,
    /// What a talk meant, and the normalised words for it.
    pub words: BTreeMap<Disposition, Vec<String>>,
    /// How the line behaved, and the normalised words for it.
    #[serde(default)]
    pub outcome_words: HashMap<Outcome, Vec<String>>,
    /// Structured extraction: a status, and the normalised words of providers and agents for it (K2).
    #[serde(default)]
    pub status_words: BTreeMap<StatusName, Vec<String>>,
    /// A status, and what people say for it with its points (K2).
    #[serde(default)]
    pub keywords: BTreeMap<StatusName, BTreeMap<String, u32>>,
    /// When keywords are believed. Left out, a set that has keywords uses the usual numbers.
    #[serde(default, rename = "auto_status")]
    pub(crate) auto_status_settings: Option<AutoStatus>,
    /// What a new campaign starts with (H8).
    pub defaults: Defaults,
    /// [`Spec::words`] and [`Spec::outcome_words`] by word.
    #[serde(skip)]
    by_word: HashMap<String, WordMeaning>,
    /// [`Spec::status_words`] by word.
    #[serde(skip)]
    status_by_word: HashMap<String, StatusName>,
}

/// When what was said moves a lead (K2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AutoStatus {
    /// Points that a status needs.
    pub threshold: u32,
    /// How many more than the next status.
    pub margin: u32,
    /// A shorter talk is no answer.
    pub min_talk_s: u32,
    /// Whether what was said may lower a lead from qualified to contacted to open.
    pub downgrade: bool,
}

impl Default for AutoStatus {
    fn default() -> Self {
        Self {
            threshold: 3,
            margin: 1,
            min_talk_s: 3,
            downgrade: false,
        }
    }
}

/// A lead status: where a lead stands for the business.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Status {
    /// Its name in rules, items and the API.
    pub name: StatusName,
    /// Its names for people.
    pub labels: Labels,
    /// `#rrggbb`.
    pub color: String,
    /// Its place on the board, from the left.
    pub order: u32,
    /// What it counts as.
    pub kind: StatusKind,
    /// Whether new leads have it.
    #[serde(default)]
    pub default: bool,
}

/// A status in the languages of the console.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Labels {
    /// English.
    pub en: String,
    /// Hebrew.
    pub he: String,
}

/// What a status counts as in figures and on the board (C1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StatusKind {
    /// Not reached yet.
    Open,
    /// A person spoke with us.
    Contacted,
    /// Worth an agent's time.
    Qualified,
    /// Bought.
    Won,
    /// Will not buy.
    Lost,
    /// Asked not to be called.
    Stopped,
    /// The number is no good.
    Invalid,
}

impl StatusKind {
    /// All kinds, in the order of a lead's life.
    pub const ALL: [Self; 7] = [
        Self::Open,
        Self::Contacted,
        Self::Qualified,
        Self::Won,
        Self::Lost,
        Self::Stopped,
        Self::Invalid,
    ];

    /// The word in files and answers.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Contacted => "contacted",
            Self::Qualified => "qualified",
            Self::Won => "won",
            Self::Lost => "lost",
            Self::Stopped => "stopped",
            Self::Invalid => "invalid",
        }
    }

    /// Whether a lead's story may end here. Every other status needs a way on.
    pub const fn is_final(self) -> bool {
        matches!(self, Self::Won | Self::Lost | Self::Stopped | Self::Invalid)
    }
}

/// What a new campaign starts with, unless told otherwise.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Defaults {
    /// Calls in a lead's whole life; left out is no limit.
    #[serde(default)]
    pub attempts_total_max: Option<u32>,
    /// Calls to one phone on one local day.
    pub attempts_per_day_max: u32,
    /// Calls at once.
    pub max_concurrent_calls: u32,
    /// Where numbers without a country code are from.
    #[serde(default)]
    pub default_region: Region,
    /// Columns that an imported file has to fill, beside name and phone.
    #[serde(default)]
    pub required_columns: Vec<String>,
    /// Calling hours.
    #[serde(deserialize_with = "window")]
    pub window: Window,
}

/// What cannot be read of it.
pub(crate) struct SpecFault {
    /// Where, in bytes.
    pub(crate) span: Option<std::ops::Range<usize>>,
    /// What, as the parser says it.
    pub(crate) message: String,
}

/// What a word says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum WordMeaning {
    Disposition(Disposition),
    Outcome(Outcome),
}

impl Spec {
    /// Reads the file. The error says where in the text, in bytes, and what.
    pub(crate) fn parse(text: &str) -> Result<Self, SpecFault> {
        let read = toml::from_str::<Self>(text);
        let mut spec = read.map_err(|error| SpecFault {
            span: error.span(),
            message: error.message().to_owned(),
        })?;
        let dispositions = spec.words.iter().flat_map(|(is, words)| {
            words
                .iter()
                .map(move |word| (word.clone(), WordMeaning::Disposition(*is)))
        });
        let outcomes = spec
            .outcome_words
            .iter()
            .flat_map(|(is, words)| words.iter().map(move |word| (word.clone(), WordMeaning::Outcome(*is))));
        spec.by_word = dispositions.chain(outcomes).collect();
        spec.status_by_word = spec
            .status_words
            .iter()
            .flat_map(|(status, words)| words.iter().map(move |word| (word.clone(), status.clone())))
            .collect();
        Ok(spec)
    }

    /// What a normalised word means, if a table has it.
    pub(crate) fn word(&self, normalised: &str) -> Option<WordMeaning> {
        self.by_word.get(normalised).copied()
    }

    /// The status that a normalised word names, if a table has it.
    pub(crate) fn extracted(&self, normalised: &str) -> Option<&StatusName> {
        self.status_by_word.get(normalised)
    }

    /// When what was said moves a lead.
    pub fn auto_status(&self) -> AutoStatus {
        self.auto_status_settings.unwrap_or_default()
    }

    /// Whether a move would take back what an earlier call reached, and this set does not want that. An end of the
    /// story, good or bad, takes nothing back.
    pub(crate) fn lowers(&self, from: StatusKind, to: StatusKind) -> bool {
        let speaks = self.auto_status_settings.is_some() || !self.keywords.is_empty() || !self.status_words.is_empty();
        let before_the_end = |kind| matches!(kind, StatusKind::Open | StatusKind::Contacted | StatusKind::Qualified);
        let reached = before_the_end(from) || from == StatusKind::Won;
        speaks && !self.auto_status().downgrade && reached && before_the_end(to) && to < from
    }

    /// The status of that name.
    pub fn status(&self, name: &str) -> Option<&Status> {
        self.statuses.iter().find(|status| status.name.as_str() == name)
    }

    /// Whether a lead may go from one status to the other (S3). Staying is always allowed.
    pub fn may_move(&self, from: &StatusName, to: &StatusName) -> bool {
        from == to
            || self
                .transitions
                .get(from)
                .is_some_and(|on| on.iter().any(|word| word == ANY || word == to.as_str()))
    }

    /// The statuses that may follow, so that a refused move can name them.
    pub fn moves_from(&self, from: &StatusName) -> Vec<&StatusName> {
        let names = self.statuses.iter().map(|status| &status.name);
        names.filter(|to| *to != from && self.may_move(from, to)).collect()
    }

    /// Minutes to wait after the given number of calls of a day, by the list of a campaign or else of this set.
    pub fn interval_min(&self, campaign: Option<&[u32]>, attempts_today: u32) -> u32 {
        let list = campaign.filter(|list| !list.is_empty()).unwrap_or(&self.intervals_min);
        let at = usize::try_from(attempts_today).unwrap_or(usize::MAX);
        list.get(at).or(list.last()).copied().unwrap_or(0)
    }
}

/// Calling hours, with no setting but these.
fn window<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Window, D::Error> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Hours {
        zone: Tz,
        days: Vec<Weekday>,
        start: LocalTime,
        end: LocalTime,
        #[serde(default)]
        blackout_dates: std::collections::BTreeSet<chrono::NaiveDate>,
    }
    let Hours {
        zone,
        days,
        start,
        end,
        blackout_dates,
    } = Hours::deserialize(deserializer)?;
    Ok(Window {
        zone,
        days,
        start,
        end,
        blackout_dates,
    })
}
