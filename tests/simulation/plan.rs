//! What a world's campaigns were told, as the judge knows it: written down here once and sent to the API, never read
//! back from the system that is judged. `calendar` says what follows from it.

use chrono::{DateTime, Datelike, Days, NaiveDate, TimeDelta, Timelike, Utc};
use chrono_tz::Tz;
use serde_json::{Value, json};

use crate::dice::Dice;

/// Weekdays as the API names them, from Monday on.
const WEEKDAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
/// Where plans may be moved to: a zone whose hours are not whole, and one in which the hours of a New York morning run
/// past midnight.
const ELSEWHERE: [Tz; 2] = [chrono_tz::Asia::Kolkata, chrono_tz::Asia::Singapore];

/// One campaign.
#[derive(Debug, Clone, Copy)]
pub(crate) struct CampaignPlan {
    pub(crate) id: &'static str,
    pub(crate) zone: Tz,
    /// Local minutes after midnight. A closing that is not after the opening is on the next day.
    pub(crate) opens: u32,
    pub(crate) closes: u32,
    /// Weekdays on which it opens, from Monday on.
    pub(crate) days: [bool; 7],
    /// A date on which nothing is called.
    pub(crate) blackout: Option<NaiveDate>,
    pub(crate) per_day: usize,
    pub(crate) total: Option<usize>,
    pub(crate) at_once: usize,
    /// Calls that may begin in a minute.
    pub(crate) per_minute: Option<usize>,
    pub(crate) subject: &'static str,
    pub(crate) intervals_min: &'static [u32],
    /// When it starts and ends by itself, in minutes after the world begins; none is started by people.
    pub(crate) scheduled_min: Option<(i64, i64)>,
}

/// Minutes after midnight.
pub(crate) const fn hours(hours: u32) -> u32 {
    hours * 60
}

impl CampaignPlan {
    /// Waits of minutes, so that a lead gets through its day within an hour or two.
    pub(crate) const BASE: Self = Self {
        id: "default",
        zone: chrono_tz::America::New_York,
        opens: hours(10),
        closes: hours(13),
        days: [true; 7],
        blackout: None,
        per_day: 5,
        total: None,
        at_once: 4,
        per_minute: None,
        subject: "general",
        intervals_min: &[2, 4, 8, 15],
        scheduled_min: None,
    };

    /// The same campaign with other hours and days, as the dice say: every second one stays as it is written. The day on
    /// which the world begins stays a calling day, and its hours stay about where they are.
    pub(crate) fn varied(mut self, dice: &Dice, begins: DateTime<Utc>) -> Self {
        // Hours that run past midnight may have begun on the day before.
        let first = self.date(begins - TimeDelta::hours(3));
        if dice.happens(500) {
            match dice.between(0, 2) {
                0 => {
                    let five = |most| u32::try_from(dice.between(1, most)).unwrap_or(1) * 5;
                    (self.opens, self.closes) = (self.opens + five(4), self.closes - five(3));
                }
                n => self.move_to(ELSEWHERE[usize::from(n == 2)], first),
            }
        }
        let first = self.date(begins - TimeDelta::hours(3));
        if dice.happens(250) {
            let next = first.weekday().succ().num_days_from_monday() as usize;
            self.days[next] = false;
        } else if dice.happens(250) {
            self.blackout = self.date(begins).checked_add_days(Days::new(1));
        }
        self
    }

    /// The same hours of one date, told by another zone's clocks.
    fn move_to(&mut self, zone: Tz, date: NaiveDate) {
        let there = |minutes: u32| {
            let local = date.and_time(chrono::NaiveTime::MIN) + TimeDelta::minutes(i64::from(minutes));
            let at = local.and_local_timezone(self.zone).earliest()?.with_timezone(&zone);
            Some(at.hour() * 60 + at.minute())
        };
        if let (Some(opens), Some(closes)) = (there(self.opens), there(self.closes)) {
            (self.zone, self.opens, self.closes) = (zone, opens, closes);
        }
    }

    /// The body that tells the API.
    pub(crate) fn body(&self) -> Value {
        let days: Vec<&str> = WEEKDAYS
            .iter()
            .zip(self.days)
            .filter(|(_, opens)| *opens)
            .map(|(day, _)| *day)
            .collect();
        json!({
            "name": self.id,
            "open_intake": true,
            "timezone": self.zone.name(),
            "calling_hours_start": clock(self.opens),
            "calling_hours_end": clock(self.closes),
            "calling_days": days,
            "blackout_dates": self.blackout.iter().map(ToString::to_string).collect::<Vec<_>>(),
            "attempts_per_day_max": self.per_day,
            "max_attempts_per_lead": self.total,
            "max_concurrent_calls": self.at_once,
            "calls_per_minute_max": self.per_minute,
            "subject": self.subject,
            "intervals_min": self.intervals_min,
            "voice": {"provider": "bland", "task": "Ask whether they still want the quote.", "max_duration_min": 6},
        })
    }

    /// From when to when it may run, if it starts and ends by itself.
    pub(crate) fn scheduled(&self, begins: DateTime<Utc>) -> Option<(DateTime<Utc>, DateTime<Utc>)> {
        let after = |minutes| begins + TimeDelta::minutes(minutes);
        self.scheduled_min.map(|(starts, ends)| (after(starts), after(ends)))
    }

    /// The local date of an instant.
    pub(crate) fn date(&self, at: DateTime<Utc>) -> NaiveDate {
        at.with_timezone(&self.zone).date_naive()
    }

    /// Hours and days, for people.
    pub(crate) fn told(&self) -> String {
        let days: String = self.days.iter().map(|opens| if *opens { 'x' } else { '-' }).collect();
        let blackout = self.blackout.map(|date| format!(" but {date}")).unwrap_or_default();
        format!(
            "{} to {} in {} on {days}{blackout}",
            clock(self.opens),
            clock(self.closes),
            self.zone
        )
    }
}

/// `HH:MM`.
fn clock(minutes: u32) -> String {
    format!("{:02}:{:02}", minutes / 60, minutes % 60)
}

pub(crate) const ONE: [CampaignPlan; 1] = [CampaignPlan::BASE];
pub(crate) const TWO: [CampaignPlan; 2] = [
    CampaignPlan::BASE,
    CampaignPlan {
        id: "phoenix",
        zone: chrono_tz::America::Phoenix,
        opens: hours(8),
        closes: hours(11),
        per_day: 4,
        total: Some(6),
        at_once: 3,
        ..CampaignPlan::BASE
    },
];
pub(crate) const THREE: [CampaignPlan; 3] = [
    CampaignPlan {
        at_once: 3,
        ..CampaignPlan::BASE
    },
    CampaignPlan {
        id: "solar",
        subject: "solar",
        at_once: 3,
        per_day: 4,
        ..CampaignPlan::BASE
    },
    CampaignPlan {
        id: "roof",
        subject: "roof",
        zone: chrono_tz::America::Chicago,
        opens: hours(9),
        closes: hours(12),
        at_once: 3,
        ..CampaignPlan::BASE
    },
];

/// One that people started, and one that starts and ends by itself while the hours are open.
pub(crate) const SCHEDULED: [CampaignPlan; 2] = [
    CampaignPlan::BASE,
    CampaignPlan {
        id: "solar",
        subject: "solar",
        at_once: 3,
        per_day: 8,
        intervals_min: &[2, 3, 4],
        scheduled_min: Some((45, 85)),
        ..CampaignPlan::BASE
    },
];

/// A phone gets three calls a day from both together, a lead three in its life.
pub(crate) const CAPPED: [CampaignPlan; 2] = [
    CampaignPlan {
        per_day: 3,
        total: Some(3),
        intervals_min: &[2, 3],
        ..CampaignPlan::BASE
    },
    CampaignPlan {
        id: "solar",
        subject: "solar",
        per_day: 3,
        total: Some(3),
        intervals_min: &[2, 3],
        ..CampaignPlan::BASE
    },
];

/// Three lines of work over the same phones, two of them about the same: eight calls a day, where law counts to three.
pub(crate) const COUNTED: [CampaignPlan; 3] = [
    CampaignPlan {
        per_day: 8,
        subject: "solar",
        intervals_min: &[2, 3, 5],
        ..CampaignPlan::BASE
    },
    CampaignPlan {
        id: "again",
        zone: chrono_tz::America::Chicago,
        opens: hours(9),
        closes: hours(12),
        per_day: 8,
        subject: "solar",
        intervals_min: &[2, 3, 5],
        ..CampaignPlan::BASE
    },
    CampaignPlan {
        id: "roof",
        per_day: 8,
        subject: "roof",
        intervals_min: &[2, 3, 5],
        ..CampaignPlan::BASE
    },
];

/// Hours on either side of a night, and hours that begin before it and end after: what they leave is the law's.
pub(crate) const OVER_THE_CHANGE: [CampaignPlan; 3] = [
    TWO[0],
    TWO[1],
    CampaignPlan {
        id: "night",
        opens: hours(22),
        closes: hours(12),
        per_day: 4,
        at_once: 3,
        ..CampaignPlan::BASE
    },
];

/// Three that share an account; one may begin two calls a minute.
pub(crate) const PACED: [CampaignPlan; 3] = [
    CampaignPlan {
        at_once: 6,
        per_minute: Some(2),
        ..THREE[0]
    },
    THREE[1],
    THREE[2],
];
