//! What a world's campaigns were told, as the judge knows it: written down here once and sent to the API, never read
//! back from the system that is judged.

use chrono::{DateTime, NaiveDate, NaiveTime, TimeDelta, TimeZone, Utc};
use chrono_tz::Tz;
use serde_json::{Value, json};

/// One campaign.
#[derive(Debug, Clone, Copy)]
pub(crate) struct CampaignPlan {
    pub(crate) id: &'static str,
    pub(crate) zone: Tz,
    /// Local hours, every day of the week.
    pub(crate) opens: u32,
    pub(crate) closes: u32,
    pub(crate) per_day: usize,
    pub(crate) total: Option<usize>,
    pub(crate) at_once: usize,
    pub(crate) subject: &'static str,
    pub(crate) intervals_min: &'static [u32],
}

impl CampaignPlan {
    /// Waits of minutes, so that a lead gets through its day within an hour or two.
    pub(crate) const BASE: Self = Self {
        id: "default",
        zone: chrono_tz::America::New_York,
        opens: 10,
        closes: 13,
        per_day: 5,
        total: None,
        at_once: 4,
        subject: "general",
        intervals_min: &[2, 4, 8, 15],
    };

    /// The body that tells the API.
    pub(crate) fn body(&self) -> Value {
        json!({
            "name": self.id,
            "open_intake": true,
            "timezone": self.zone.name(),
            "calling_hours_start": self.opens,
            "calling_hours_end": self.closes,
            "calling_days": ["mon", "tue", "wed", "thu", "fri", "sat", "sun"],
            "attempts_per_day_max": self.per_day,
            "max_attempts_per_lead": self.total,
            "max_concurrent_calls": self.at_once,
            "subject": self.subject,
            "intervals_min": self.intervals_min,
            "voice": {"provider": "bland", "task": "Ask whether they still want the quote.", "max_duration_min": 6},
        })
    }

    /// The local date of an instant.
    pub(crate) fn date(&self, at: DateTime<Utc>) -> NaiveDate {
        at.with_timezone(&self.zone).date_naive()
    }

    fn instant(&self, date: NaiveDate, hour: u32) -> Option<DateTime<Utc>> {
        let (date, hour) = if hour == 24 {
            (date.succ_opt()?, 0)
        } else {
            (date, hour)
        };
        let local = date.and_time(NaiveTime::from_hms_opt(hour, 0, 0)?);
        // An hour that a clock change leaves out begins when the clock has changed.
        (0..=3)
            .find_map(|skip| {
                self.zone
                    .from_local_datetime(&(local + TimeDelta::hours(skip)))
                    .earliest()
            })
            .map(|at| at.to_utc())
    }

    /// Whether calls may ring: by the instants at which that day's hours begin and end, counted from the zone's table.
    pub(crate) fn is_open(&self, at: DateTime<Utc>) -> bool {
        let date = self.date(at);
        match (self.instant(date, self.opens), self.instant(date, self.closes)) {
            (Some(from), Some(to)) => from <= at && at < to,
            _ => false,
        }
    }

    /// The next opening at or after an instant.
    pub(crate) fn next_opening(&self, at: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let mut date = self.date(at);
        for _ in 0..3 {
            if let Some(opening) = self.instant(date, self.opens).filter(|opening| *opening >= at) {
                return Some(opening);
            }
            date = date.succ_opt()?;
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> DateTime<Utc> {
        DateTime::parse_from_rfc3339(text).unwrap().to_utc()
    }

    #[test]
    fn hours_are_local_on_both_sides_of_a_clock_change() {
        let plan = CampaignPlan::BASE;
        for (instant, open) in [
            // Winter: 10:00 is 15:00 UTC. Summer, from 14 March 2027: 14:00 UTC.
            ("2026-11-23T14:59:59Z", false),
            ("2026-11-23T15:00:00Z", true),
            ("2026-11-23T17:59:59Z", true),
            ("2026-11-23T18:00:00Z", false),
            ("2027-03-13T14:30:00Z", false),
            ("2027-03-14T14:30:00Z", true),
            ("2027-11-06T14:30:00Z", true),
            ("2027-11-07T14:30:00Z", false),
        ] {
            assert_eq!(plan.is_open(at(instant)), open, "{instant}");
        }
        assert_eq!(
            plan.next_opening(at("2027-03-13T20:00:00Z")),
            Some(at("2027-03-14T14:00:00Z"))
        );
    }
}
