//! How a version on trial does beside the one in use: counted from the attempts themselves, never from counters.
//!
//! Attempts since the roll-out began, of the campaigns that use the set, read from the `day` index, grouped by the
//! version that decided. Where a rule failed, the attempt says which version's it was.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use redial_domain::{Campaign, RuleSetName};
use serde::Serialize;

use crate::campaigns::CAMPAIGNS_MAX;
use crate::keys;
use crate::layout::DAY_INDEX;
use crate::rule_store::Rollout;
use crate::table::{Item, Query, Table, TableError, text};

/// Attempts of one part of one campaign's day that are looked at, newest first: enough to tell a rate of one in a
/// thousand, and a second of reading.
const ATTEMPTS_MAX: usize = 5_000;
/// Attempts on one page of the index; about 200 bytes each.
const PAGE: i32 = 1_000;
/// Days back that are read. A share that was never finished is not watched for ever.
const DAYS_MAX: i64 = 14;

/// Attempts that a version must have decided before its errors are held against it.
pub const JUDGED_FROM: u64 = 20;
/// Errors below this number are a single odd call.
pub const ERRORS_MIN: u64 = 3;
/// Errors in a hundred calls that nobody should have to bear.
pub const ERROR_PERCENT_MAX: f64 = 2.0;
/// How many times the error rate of the version in use.
pub const ERROR_RATIO_MAX: f64 = 3.0;
/// An outcome or disposition whose share differs by more than this many points is shown as different.
const MIX_POINTS: f64 = 10.0;
/// Attempts of each version before the mixes are compared: at 100 the chance of 10 points by luck is about one in ten.
const MIX_FROM: u64 = 100;

/// What one version decided.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Decided {
    /// Attempts that it decided, or failed to.
    pub attempts: u64,
    /// Those on which a rule failed; their leads are parked.
    pub errors: u64,
    /// Attempts by outcome.
    pub outcomes: BTreeMap<String, u64>,
    /// Attempts by disposition.
    pub dispositions: BTreeMap<String, u64>,
}

impl Decided {
    #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
    fn percent(&self, count: u64) -> f64 {
        100.0 * count as f64 / self.attempts.max(1) as f64
    }

    /// Errors in a hundred attempts.
    pub fn error_percent(&self) -> f64 {
        self.percent(self.errors)
    }
}

/// The version in use and the one on trial, side by side.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Figures {
    /// The version in use.
    pub in_use: Decided,
    /// The version on trial.
    pub on_trial: Decided,
    /// Outcomes and dispositions whose share differs by more than ten points, once there are a hundred attempts each.
    pub differs: Vec<String>,
}

impl Figures {
    /// Why the version on trial must not go on, if it must not.
    pub fn verdict(&self) -> Option<String> {
        let trial = &self.on_trial;
        let (errors, before) = (trial.error_percent(), self.in_use.error_percent());
        let is_bad = trial.attempts >= JUDGED_FROM
            && trial.errors >= ERRORS_MIN
            && errors > ERROR_PERCENT_MAX
            && errors > before * ERROR_RATIO_MAX;
        is_bad.then(|| {
            format!(
                "rules failed on {} of {} calls ({errors:.1} %), with the version in use on {before:.1} %",
                trial.errors, trial.attempts
            )
        })
    }

    fn compare(&mut self) {
        if self.in_use.attempts < MIX_FROM || self.on_trial.attempts < MIX_FROM {
            return;
        }
        let kinds = [
            ("outcome", &self.in_use.outcomes, &self.on_trial.outcomes),
            ("disposition", &self.in_use.dispositions, &self.on_trial.dispositions),
        ];
        for (kind, before, trial) in kinds {
            let mut words: Vec<&String> = before.keys().chain(trial.keys()).collect();
            words.sort();
            words.dedup();
            for word in words {
                let count = |of: &BTreeMap<String, u64>| of.get(word).copied().unwrap_or(0);
                let (was, is) = (self.in_use.percent(count(before)), self.on_trial.percent(count(trial)));
                if (was - is).abs() > MIX_POINTS {
                    self.differs
                        .push(format!("{kind} {word}: {was:.0} % in use, {is:.0} % on trial"));
                }
            }
        }
    }

    fn add(&mut self, item: &Item, in_use: u32, on_trial: u32) {
        let number = |name: &str| item.get(name)?.as_n().ok()?.parse::<u32>().ok();
        let failed = number("bad_ver");
        let Some(version) = number("rule_version").or(failed) else {
            return;
        };
        let decided = if version == on_trial {
            &mut self.on_trial
        } else if version == in_use {
            &mut self.in_use
        } else {
            return;
        };
        decided.attempts += 1;
        decided.errors += u64::from(failed.is_some());
        for (name, counts) in [
            ("outcome", &mut decided.outcomes),
            ("disposition", &mut decided.dispositions),
        ] {
            if let Some(word) = text(item, name) {
                *counts.entry(word.to_owned()).or_default() += 1;
            }
        }
    }
}

impl Table {
    /// The campaigns that use a set.
    ///
    /// # Errors
    /// When they cannot be read.
    pub async fn campaigns_with_rules(&self, set: &RuleSetName) -> Result<Vec<Campaign>, TableError> {
        let mut campaigns = self.campaigns(None, CAMPAIGNS_MAX).await?;
        campaigns.retain(|campaign| campaign.rule_set == *set);
        Ok(campaigns)
    }

    /// How a version on trial does beside the one in use.
    ///
    /// # Errors
    /// When the attempts cannot be read.
    pub async fn rollout_figures(
        &self,
        set: &RuleSetName,
        in_use: u32,
        rollout: &Rollout,
        now: DateTime<Utc>,
    ) -> Result<Figures, TableError> {
        let mut figures = Figures::default();
        let since = rollout.since.max(now - TimeDelta::days(DAYS_MAX));
        for campaign in self.campaigns_with_rules(set).await? {
            let (mut date, last) = (campaign.window.date_of(since), campaign.window.date_of(now));
            while date <= last {
                for shard in 0..campaign.shards {
                    let partition = keys::day(&campaign.id, date, shard);
                    self.add_attempts(&mut figures, &partition, since, in_use, rollout.version)
                        .await?;
                }
                let Some(next) = date.succ_opt() else { break };
                date = next;
            }
        }
        figures.compare();
        Ok(figures)
    }

    async fn add_attempts(
        &self,
        figures: &mut Figures,
        partition: &str,
        since: DateTime<Utc>,
        in_use: u32,
        on_trial: u32,
    ) -> Result<(), TableError> {
        let query = Query {
            descending: true,
            ..Query::index(DAY_INDEX, partition, PAGE)
        }
        .range("#range >= :since", vec![(":since", keys::time(since))]);
        let (mut seen, mut next) = (0, None);
        loop {
            let page = self.query(&query, next).await?;
            seen += page.items.len();
            for item in &page.items {
                figures.add(item, in_use, on_trial);
            }
            next = page.next;
            if next.is_none() || seen >= ATTEMPTS_MAX {
                return Ok(());
            }
        }
    }

    /// Leads that hold a status, over all parts of their lists; counting ends at `most`.
    ///
    /// # Errors
    /// When they cannot be read.
    pub async fn count_with_status(&self, campaign: &Campaign, status: &str, most: usize) -> Result<usize, TableError> {
        let mut count = 0;
        for shard in 0..campaign.shards {
            let partition = keys::board(campaign.id.as_str(), status, shard);
            let query = Query::index(crate::layout::BOARD_INDEX, &partition, PAGE);
            let mut next = None;
            loop {
                let page = self.query(&query, next).await?;
                count += page.items.len();
                next = page.next;
                if count >= most {
                    return Ok(most);
                }
                if next.is_none() {
                    break;
                }
            }
        }
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figures(in_use: (u64, u64), on_trial: (u64, u64)) -> Figures {
        let decided = |(attempts, errors)| Decided {
            attempts,
            errors,
            ..Decided::default()
        };
        Figures {
            in_use: decided(in_use),
            on_trial: decided(on_trial),
            differs: vec![],
        }
    }

    #[test]
    fn errors_end_a_trial_only_when_they_are_many_and_new() {
        for (in_use, on_trial, is_bad) in [
            ((1_000, 0), (19, 19), false),
            ((1_000, 0), (20, 2), false),
            ((1_000, 0), (20, 3), true),
            ((1_000, 0), (200, 4), false),
            ((1_000, 0), (200, 5), true),
            ((1_000, 100), (100, 25), false),
            ((1_000, 100), (100, 31), true),
            ((0, 0), (0, 0), false),
        ] {
            let verdict = figures(in_use, on_trial).verdict();
            assert_eq!(verdict.is_some(), is_bad, "{in_use:?} {on_trial:?}: {verdict:?}");
        }
    }

    #[test]
    fn a_mix_is_compared_once_there_is_enough_of_it() {
        let with = |human: u64, all: u64| Decided {
            attempts: all,
            dispositions: BTreeMap::from([("human".to_owned(), human), ("unknown".to_owned(), all - human)]),
            ..Decided::default()
        };
        let compared = |in_use, on_trial| {
            let mut figures = Figures {
                in_use,
                on_trial,
                differs: vec![],
            };
            figures.compare();
            figures.differs
        };
        assert!(compared(with(50, 99), with(10, 100)).is_empty());
        assert!(compared(with(50, 100), with(41, 100)).is_empty());
        assert_eq!(
            compared(with(50, 100), with(30, 100)),
            [
                "disposition human: 50 % in use, 30 % on trial",
                "disposition unknown: 50 % in use, 70 % on trial"
            ]
        );
    }
}
