//! Calls that a person answered and on which nobody spoke: how many a campaign may have, and its brake (H10).
//!
//! The Telemarketing Sales Rule leaves a caller unpunished who abandons at most 3 % of the calls that a person answers,
//! over one campaign and 30 days (16 CFR 310.4(b)(4)(i), seen 2026-11-20). We count the last 30 local days, today
//! included, so that the share is kept in every 30 days and not only in those that somebody chose to begin with.

use chrono::{DateTime, Days, NaiveDate, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use crate::{Campaign, CampaignError};

/// Abandoned calls among a hundred that a person answered.
pub const ABANDONED_PERCENT_MAX: u64 = 3;
/// Local days that are counted together.
pub const ABANDONED_DAYS: u64 = 30;
/// Fewer answered calls than this are taken for so many: of ten calls a single one is ten per cent and says nothing. The
/// rule asks for the share at the end of the 30 days, and this leaves three calls until then.
pub const ABANDONED_ANSWERED_MIN: u64 = 100;
/// Longest time for which an owner may lift the brake: the days that are counted.
pub const BRAKE_LIFTED_MAX: TimeDelta = TimeDelta::days(30);
/// Longest reason of an owner, in characters.
const REASON_MAX: usize = 500;

/// What a campaign's answered calls came to on some days.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AnsweredCalls {
    /// Calls that a person answered, the abandoned ones among them.
    pub answered: u64,
    /// Those on which nobody spoke with the person.
    pub abandoned: u64,
}

impl AnsweredCalls {
    /// Whether more than [`ABANDONED_PERCENT_MAX`] in a hundred were abandoned.
    pub const fn too_many_abandoned(self) -> bool {
        let among = if self.answered < ABANDONED_ANSWERED_MIN {
            ABANDONED_ANSWERED_MIN
        } else {
            self.answered
        };
        self.abandoned * 100 > among * ABANDONED_PERCENT_MAX
    }

    /// Abandoned calls in a hundred, to a hundredth; none when nobody answered.
    #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
    pub fn percent(self) -> Option<f64> {
        (self.answered > 0).then(|| (self.abandoned as f64 * 10_000.0 / self.answered as f64).round() / 100.0)
    }
}

impl std::ops::AddAssign for AnsweredCalls {
    fn add_assign(&mut self, more: Self) {
        self.answered += more.answered;
        self.abandoned += more.abandoned;
    }
}

/// The first of the days that are counted together with a day.
pub fn abandoned_since(today: NaiveDate) -> NaiveDate {
    today.checked_sub_days(Days::new(ABANDONED_DAYS - 1)).unwrap_or(today)
}

/// A campaign that places no call because too many were abandoned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Brake {
    /// Since when.
    #[serde(with = "chrono::serde::ts_seconds")]
    pub at: DateTime<Utc>,
    /// What was counted then.
    #[serde(flatten)]
    pub calls: AnsweredCalls,
}

/// An owner's decision to call on for a while all the same.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BrakeLifted {
    /// When it was decided.
    #[serde(with = "chrono::serde::ts_seconds")]
    pub at: DateTime<Utc>,
    /// Until when it holds.
    #[serde(with = "chrono::serde::ts_seconds")]
    pub until: DateTime<Utc>,
    /// Who decided.
    pub by: String,
    /// Why.
    pub reason: String,
}

impl BrakeLifted {
    /// Whether somebody may decide so.
    ///
    /// # Errors
    /// The field that is wrong, and what it must be.
    pub fn check(&self) -> Result<(), CampaignError> {
        let length = self.reason.trim().chars().count();
        if length == 0 || length > REASON_MAX {
            return Err(CampaignError::Field {
                field: "reason",
                why: format!("say in 1 to {REASON_MAX} characters why the campaign may call on"),
            });
        }
        if self.until <= self.at || self.until > self.at + BRAKE_LIFTED_MAX {
            return Err(CampaignError::Field {
                field: "until",
                why: format!("name a time in the next {} days", BRAKE_LIFTED_MAX.num_days()),
            });
        }
        Ok(())
    }
}

impl Campaign {
    /// The brake, while it holds.
    pub fn braked(&self, now: DateTime<Utc>) -> Option<&Brake> {
        let lifted = self.brake_lifted.as_ref().is_some_and(|lifted| lifted.until > now);
        self.brake.as_ref().filter(|_| !lifted)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_in_a_hundred_are_borne_and_a_few_calls_say_nothing() {
        for (abandoned, answered, brakes) in [
            (0, 0, false),
            (3, 3, false),
            (4, 4, true),
            (3, 100, false),
            (4, 100, true),
            (4, 133, true),
            (4, 134, false),
            (300, 10_000, false),
            (301, 10_000, true),
        ] {
            let calls = AnsweredCalls { answered, abandoned };
            assert_eq!(calls.too_many_abandoned(), brakes, "{abandoned} of {answered}");
        }
    }

    #[test]
    fn thirty_days_are_counted_with_today() {
        let today = "2026-11-20".parse().unwrap();
        assert_eq!(abandoned_since(today).to_string(), "2026-10-22");
        let calls = AnsweredCalls {
            answered: 3,
            abandoned: 1,
        };
        assert_eq!(calls.percent(), Some(33.33));
        assert_eq!(AnsweredCalls::default().percent(), None);
    }

    #[test]
    fn an_owner_lifts_the_brake_for_a_while_and_says_why() {
        let at: DateTime<Utc> = "2026-11-20T17:00:00Z".parse().unwrap();
        for (days, reason, is_good) in [
            (30, "the agent is mended", true),
            (31, "the agent is mended", false),
            (0, "the agent is mended", false),
            (7, "  ", false),
        ] {
            let lifted = BrakeLifted {
                at,
                until: at + TimeDelta::days(days),
                by: "key".to_owned(),
                reason: reason.to_owned(),
            };
            assert_eq!(lifted.check().is_ok(), is_good, "{days} {reason:?}");
        }
    }
}
