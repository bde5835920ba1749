//! When a campaign may call, minute by minute: what the wall clock of its zone shows is looked up for every quarter of an
//! hour and counted on from there. The functions search spans of dates in closed form; this is the other way round on
//! purpose, so that the two agree only where both are right.

use chrono::{DateTime, Datelike, Days, LocalResult, NaiveDate, NaiveDateTime, TimeDelta, TimeZone, Timelike, Utc};
use redial_tests::second_law::{self, Allowed};

use crate::plan::CampaignPlan;

/// A call may start this many minutes before closing at the latest: accepted is not ringing.
const MARGIN_MIN: usize = 7;
/// How far a world's calendar reaches: a promise is three days ahead, and two closed days may follow.
const DAYS: i64 = 12;
/// Every zone's offset is a multiple of this.
const STEP_MIN: i64 = second_law::STEP_MIN;

/// The minutes of a campaign.
#[derive(Debug, Clone)]
pub(crate) struct Calendar {
    from: DateTime<Utc>,
    open: Vec<bool>,
    dates: Vec<NaiveDate>,
}

impl Calendar {
    /// The minutes from the day before a world begins.
    pub(crate) fn new(plan: &CampaignPlan, begins: DateTime<Utc>) -> Self {
        let from = begins - TimeDelta::days(1) - TimeDelta::minutes(i64::from(begins.minute()) % STEP_MIN);
        let from = from - TimeDelta::seconds(i64::from(from.second()));
        let (mut open, mut dates) = (Vec::new(), Vec::new());
        for step in 0..DAYS * 24 * 60 / STEP_MIN {
            let at = from + TimeDelta::minutes(step * STEP_MIN);
            let local = at.with_timezone(&plan.zone).naive_local();
            let side = side(plan, at, local);
            for minute in 0..STEP_MIN {
                let local = local + TimeDelta::minutes(minute);
                open.push(shows_open(plan, local) && side.allows(plan, local));
                dates.push(local.date());
            }
        }
        Self { from, open, dates }
    }

    /// The minutes of these that law leaves open; none where no law is known.
    pub(crate) fn lawful(&self, allowed: Option<&Allowed>) -> Self {
        let mut lawful = self.clone();
        let step = usize::try_from(STEP_MIN).unwrap_or(1);
        for (n, minutes) in lawful.open.chunks_mut(step).enumerate() {
            let may_ring = || allowed.is_some_and(|allowed| allowed.may_ring(self.instant(n * step)));
            if minutes.contains(&true) && !may_ring() {
                minutes.fill(false);
            }
        }
        lawful
    }

    /// Whether a call may start at any time.
    pub(crate) fn ever_opens(&self) -> bool {
        self.first_start(0).is_some()
    }

    fn minute(&self, at: DateTime<Utc>) -> usize {
        usize::try_from((at - self.from).num_seconds().div_euclid(60)).unwrap_or(0)
    }

    fn instant(&self, minute: usize) -> DateTime<Utc> {
        self.from + TimeDelta::minutes(i64::try_from(minute).unwrap_or(0))
    }

    /// Whether calls may ring.
    pub(crate) fn is_open(&self, at: DateTime<Utc>) -> bool {
        self.open.get(self.minute(at)).copied().unwrap_or(false)
    }

    fn may_start(&self, minute: usize) -> bool {
        self.open
            .get(minute..=minute + MARGIN_MIN)
            .is_some_and(|minutes| minutes.iter().all(|open| *open))
    }

    fn first_start(&self, from: usize) -> Option<usize> {
        (from..self.open.len()).find(|minute| self.may_start(*minute))
    }

    /// The first instant at or after another at which a call may start.
    pub(crate) fn next_start(&self, at: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let minute = self.first_start(self.minute(at))?;
        Some(self.instant(minute).max(at))
    }

    /// The first instant of a later local date at which a call may start.
    pub(crate) fn next_day_start(&self, at: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let now = self.minute(at);
        let today = *self.dates.get(now)?;
        let tomorrow = (now..self.dates.len()).find(|minute| self.dates[*minute] > today)?;
        Some(self.instant(self.first_start(tomorrow)?))
    }

    /// The next opening at or after an instant.
    pub(crate) fn next_opening(&self, at: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let now = self.minute(at).max(1);
        let opening = (now..self.open.len()).find(|minute| self.open[*minute] && !self.open[*minute - 1])?;
        Some(self.instant(opening))
    }
}

/// Whether the wall clock is within the hours.
fn shows_open(plan: &CampaignPlan, local: NaiveDateTime) -> bool {
    let date = local.date();
    let minute = local.hour() * 60 + local.minute();
    let opens_on =
        |date: NaiveDate| plan.days[date.weekday().num_days_from_monday() as usize] && plan.blackout != Some(date);
    if plan.opens < plan.closes {
        return opens_on(date) && (plan.opens..plan.closes).contains(&minute);
    }
    let since_yesterday = minute < plan.closes
        && plan.blackout != Some(date)
        && date.checked_sub_days(Days::new(1)).is_some_and(opens_on);
    (minute >= plan.opens && opens_on(date)) || since_yesterday
}

/// In a night in which clocks are put back an hour comes twice.
#[derive(Clone, Copy)]
enum Side {
    Once,
    First,
    Second,
}

fn side(plan: &CampaignPlan, at: DateTime<Utc>, local: NaiveDateTime) -> Side {
    match plan.zone.from_local_datetime(&local) {
        LocalResult::Ambiguous(first, _) if first.to_utc() == at => Side::First,
        LocalResult::Ambiguous(..) => Side::Second,
        _ => Side::Once,
    }
}

impl Side {
    /// What opens in that hour opens in its second coming, what closes in it closes in its first.
    fn allows(self, plan: &CampaignPlan, local: NaiveDateTime) -> bool {
        let in_this_hour = |minute: u32| minute / 60 == local.hour() && !minute.is_multiple_of(60);
        match self {
            Self::Once => true,
            Self::First => !in_this_hour(plan.opens) && plan.opens != local.hour() * 60,
            Self::Second => !in_this_hour(plan.closes),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> DateTime<Utc> {
        DateTime::parse_from_rfc3339(text).unwrap().to_utc()
    }

    fn calendar(plan: &CampaignPlan, day: &str) -> Calendar {
        Calendar::new(plan, at(&format!("{day}T00:00:00Z")))
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
            assert_eq!(calendar(&plan, &instant[..10]).is_open(at(instant)), open, "{instant}");
        }
        let night = calendar(&plan, "2027-03-13");
        assert_eq!(
            night.next_opening(at("2027-03-13T20:00:00Z")),
            Some(at("2027-03-14T14:00:00Z"))
        );
    }

    #[test]
    fn a_night_belongs_to_the_day_it_begins_on_and_ends_before_a_date_without_calls() {
        let plan = CampaignPlan {
            zone: chrono_tz::Asia::Singapore,
            opens: 23 * 60 + 30,
            closes: 2 * 60,
            // Monday is 23 November.
            days: [true, false, true, true, false, true, true],
            blackout: NaiveDate::from_ymd_opt(2026, 11, 26),
            ..CampaignPlan::BASE
        };
        let week = calendar(&plan, "2026-11-23");
        for (instant, open) in [
            ("2026-11-23T15:29:00Z", false), // Monday 23:29
            ("2026-11-23T15:30:00Z", true),
            ("2026-11-23T17:59:00Z", true), // Tuesday 1:59, still Monday's hours
            ("2026-11-23T18:00:00Z", false),
            ("2026-11-24T15:45:00Z", false), // Tuesday evening
            ("2026-11-25T15:59:00Z", true),  // Wednesday 23:59
            ("2026-11-25T16:00:00Z", false), // Thursday is left out
            ("2026-11-26T15:45:00Z", false),
        ] {
            assert_eq!(week.is_open(at(instant)), open, "{instant}");
        }
        // Seven minutes before closing it is too late to start.
        assert_eq!(
            week.next_start(at("2026-11-23T17:53:00Z")),
            Some(at("2026-11-25T15:30:00Z"))
        );
        assert_eq!(
            week.next_start(at("2026-11-23T17:52:30Z")),
            Some(at("2026-11-23T17:52:30Z"))
        );
        // Midnight is a new day within the same hours.
        assert_eq!(
            week.next_day_start(at("2026-11-23T15:40:00Z")),
            Some(at("2026-11-23T16:00:00Z"))
        );
    }

    #[test]
    fn in_an_hour_that_comes_twice_the_doubtful_half_is_closed() {
        // New York, 7 November 2027: 1:00 to 2:00 comes twice, from 5:00 and from 6:00 UTC.
        let late = CampaignPlan {
            opens: 22 * 60,
            closes: 90,
            ..CampaignPlan::BASE
        };
        let early = CampaignPlan {
            opens: 90,
            closes: 300,
            ..CampaignPlan::BASE
        };
        for (plan, instant, open) in [
            (&late, "2027-11-07T05:29:00Z", true),
            (&late, "2027-11-07T05:30:00Z", false),
            (&late, "2027-11-07T06:10:00Z", false),
            (&early, "2027-11-07T05:45:00Z", false),
            (&early, "2027-11-07T06:29:00Z", false),
            (&early, "2027-11-07T06:30:00Z", true),
        ] {
            assert_eq!(calendar(plan, "2027-11-07").is_open(at(instant)), open, "{instant}");
        }
    }
}
