//! Callbacks that were dialed: what was promised, when it was first allowed, and when it was dialed.
//!
//! One small item for each, in the partition of its campaign's day, put after the outcome's commit and put again when
//! the same report comes again: its key is the attempt, so nothing is counted twice. A call that is no callback costs
//! nothing. A day's figures are one query: forty callbacks a read unit.

use chrono::{DateTime, NaiveDate, Utc};
use redial_domain::{Attempt, CampaignId, Lateness};
use serde::{Deserialize, Serialize};

use crate::keys;
use crate::layout::EXPIRES_AT;
use crate::table::{Change, Query, Table, TableError, read};

/// Days that the figures' items are kept; the attempts themselves stay for five years.
const KEPT_DAYS: i64 = 40;
/// Items of one page: about 80 KB.
const PAGE: i32 = 1_000;
/// Pages of one day; twenty thousand callbacks, 500 read units.
const PAGES_MAX: usize = 20;

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Dialed {
    #[serde(with = "chrono::serde::ts_seconds")]
    promised: DateTime<Utc>,
    #[serde(with = "chrono::serde::ts_milliseconds")]
    dialed: DateTime<Utc>,
    /// When hours, laws and caps first allowed it, if they moved it. What an older build noted has none.
    #[serde(
        default,
        with = "chrono::serde::ts_seconds_option",
        skip_serializing_if = "Option::is_none"
    )]
    allowed: Option<DateTime<Utc>>,
}

/// The callbacks that a campaign dialed on one local day.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CallbackFigures {
    /// Promised times at or after which the phone was reached.
    pub dialed: u64,
    /// Those of them that hours, a law or a cap moved.
    pub moved: u64,
    /// The farthest that one was moved, in whole minutes.
    pub moved_farthest_min: u64,
    /// Those dialed five minutes or more after they were first allowed: see [`Lateness`].
    pub late: u64,
    /// The largest lateness, in whole minutes.
    pub latest_min: u64,
    /// All lateness together, in seconds.
    pub late_sum_s: u64,
    /// There were more than could be read; the figures are of the first ones of the day's partition.
    pub more: bool,
}

impl CallbackFigures {
    /// Mean lateness in minutes, to a tenth; none without callbacks.
    #[expect(clippy::cast_precision_loss, reason = "a mean for people")]
    pub fn mean_min(&self) -> Option<f64> {
        (self.dialed > 0).then(|| (self.late_sum_s as f64 / self.dialed as f64 / 6.0).round() / 10.0)
    }

    fn add(&mut self, one: &Dialed) {
        let lateness = Lateness::of(one.promised, Some(one.allowed.unwrap_or(one.promised)), one.dialed);
        let whole = |n: i64| u64::try_from(n).unwrap_or(0);
        self.dialed += 1;
        self.moved += u64::from(lateness.is_moved());
        self.moved_farthest_min = self.moved_farthest_min.max(whole(lateness.moved.num_minutes()));
        self.late += u64::from(lateness.is_late());
        self.latest_min = self.latest_min.max(whole(lateness.late.num_minutes()));
        self.late_sum_s += whole(lateness.late.num_seconds());
    }
}

impl Table {
    /// Notes that an attempt was a callback, if it was one.
    ///
    /// # Errors
    /// When the table cannot be reached; the message must come again.
    pub async fn note_callback(&self, attempt: &Attempt) -> Result<(), TableError> {
        let Some(promised) = attempt.kept_promise() else {
            return Ok(());
        };
        let dialed = Dialed {
            promised,
            dialed: attempt.started_at,
            allowed: attempt.allowed_at,
        };
        let expires = attempt.started_at.timestamp() + KEPT_DAYS * 86_400;
        let key = keys::callback(&attempt.campaign, attempt.date, &attempt.id);
        let change = Change::put(key, &dialed).with(
            EXPIRES_AT,
            aws_sdk_dynamodb::types::AttributeValue::N(expires.to_string()),
        );
        self.write(change).await.map(|_| ())
    }

    /// The callbacks that a campaign dialed on a date in its zone.
    ///
    /// # Errors
    /// When they cannot be read.
    pub async fn callback_figures(
        &self,
        campaign: &CampaignId,
        date: NaiveDate,
    ) -> Result<CallbackFigures, TableError> {
        let partition = keys::callbacks(campaign, date);
        let query = Query::table(&partition, PAGE);
        let mut figures = CallbackFigures::default();
        let mut next = None;
        for _ in 0..PAGES_MAX {
            let page = self.query(&query, next).await?;
            for item in page.items {
                figures.add(&read(item)?);
            }
            next = page.next;
            if next.is_none() {
                return Ok(figures);
            }
        }
        figures.more = true;
        Ok(figures)
    }
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::*;

    #[test]
    fn what_was_moved_is_not_late_and_early_is_not_late() {
        let mut figures = CallbackFigures::default();
        assert_eq!(figures.mean_min(), None);
        for (moved_s, late_s) in [(0, -3), (0, 0), (0, 299), (0, 300), (0, 3_600), (28_800, 0), (60, 301)] {
            let promised = DateTime::from_timestamp(1_795_208_400, 0).unwrap();
            let allowed = promised + TimeDelta::seconds(moved_s);
            figures.add(&Dialed {
                promised,
                dialed: allowed + TimeDelta::seconds(late_s),
                allowed: (moved_s > 0).then_some(allowed),
            });
        }
        assert_eq!((figures.dialed, figures.late, figures.latest_min), (7, 3, 60));
        assert_eq!((figures.moved, figures.moved_farthest_min), (2, 480));
        assert_eq!(figures.mean_min(), Some(10.7));
    }

    #[test]
    fn what_an_older_build_noted_was_moved_by_nothing() {
        let old = serde_json::json!({"promised": 1_795_208_400, "dialed": 1_795_208_700_000_i64});
        let mut figures = CallbackFigures::default();
        figures.add(&serde_json::from_value(old).unwrap());
        assert_eq!((figures.moved, figures.late), (0, 1));
    }
}
