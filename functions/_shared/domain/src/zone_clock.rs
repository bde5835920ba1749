//! What clocks show in a zone, and when they show a time of day.
//!
//! A gate asks dozens of times. `chrono_tz` searches all that a zone ever did since 1883 each time, so the spans between two
//! changes of a clock are taken from it once for the years in which leads are called. Outside of them it answers itself.

use std::sync::OnceLock;

use chrono::{DateTime, NaiveDate, NaiveTime, Offset, TimeDelta, TimeZone, Utc};
use chrono_tz::{TZ_VARIANTS, Tz};

/// The years that are kept: 1 January 2020 and 1 January 2045, in seconds of Unix time.
const KEPT_FROM_S: i64 = 1_577_836_800;
const KEPT_UNTIL_S: i64 = 2_366_841_600;
/// Between two looks for a change. No clock is changed twice and back in less (Morocco's Ramadan lasts a month).
const LOOK_EVERY_S: i64 = 7 * DAY_S;
const DAY_S: i64 = 24 * 60 * 60;

/// No zone has ever skipped more local time than a day (Samoa, 30 December 2011); searched in steps of 15 minutes,
/// which every zone's offset is a multiple of.
const GAP_STEPS_MAX: i32 = 96;
const GAP_STEP_S: i64 = 15 * 60;

/// Which of two instants counts when clocks repeat an hour: the one after which less is called.
#[derive(Clone, Copy)]
pub(crate) enum Side {
    Opening,
    Closing,
}

/// One offset from UTC, from an instant until the next span begins. Both in seconds.
struct Span {
    from: i64,
    offset: i64,
}

/// The offsets of a zone in the years that are kept.
struct Spans(Vec<Span>);

fn spans(zone: Tz) -> Option<&'static Spans> {
    static KEPT: [OnceLock<Spans>; TZ_VARIANTS.len()] = [const { OnceLock::new() }; TZ_VARIANTS.len()];
    Some(KEPT.get(zone as usize)?.get_or_init(|| Spans::read(zone)))
}

fn offset(zone: Tz, at: i64) -> i64 {
    let at = DateTime::from_timestamp(at, 0).unwrap_or_default().naive_utc();
    i64::from(zone.offset_from_utc_datetime(&at).fix().local_minus_utc())
}

impl Spans {
    fn read(zone: Tz) -> Self {
        let (mut at, mut now) = (KEPT_FROM_S, offset(zone, KEPT_FROM_S));
        let mut spans = vec![Span { from: at, offset: now }];
        while at < KEPT_UNTIL_S {
            let next = offset(zone, at + LOOK_EVERY_S);
            if next != now {
                let (mut before, mut after) = (at, at + LOOK_EVERY_S);
                while after - before > 1 {
                    let between = before.midpoint(after);
                    if offset(zone, between) == now {
                        before = between;
                    } else {
                        after = between;
                    }
                }
                now = offset(zone, after);
                spans.push(Span {
                    from: after,
                    offset: now,
                });
            }
            at += LOOK_EVERY_S;
        }
        Self(spans)
    }

    /// How many spans begin at or before an instant.
    fn begun(&self, at: i64) -> usize {
        self.0.partition_point(|span| span.from <= at)
    }

    /// The instants at which the clock shows a local time, first and last. Only the spans beside it can: an offset is less
    /// than a day, and a span is longer.
    fn shown(&self, local: i64) -> Option<(i64, i64)> {
        let near = self.begun(local);
        let mut shown: Option<(i64, i64)> = None;
        for n in near.saturating_sub(2)..self.0.len().min(near + 1) {
            let at = local - self.0[n].offset;
            if self.0[n].from <= at && self.0.get(n + 1).is_none_or(|next| at < next.from) {
                shown = Some(shown.map_or((at, at), |(first, last)| (first.min(at), last.max(at))));
            }
        }
        shown
    }
}

/// The local date of an instant.
pub(crate) fn date_in(zone: Tz, at: DateTime<Utc>) -> NaiveDate {
    let seconds = at.timestamp();
    spans(zone)
        .filter(|_| (KEPT_FROM_S..KEPT_UNTIL_S).contains(&seconds))
        .and_then(|spans| {
            let span = spans.0.get(spans.begun(seconds).checked_sub(1)?)?;
            NaiveDate::from_epoch_days(i32::try_from((seconds + span.offset).div_euclid(DAY_S)).ok()?)
        })
        .unwrap_or_else(|| at.with_timezone(&zone).date_naive())
}

/// The instant of a local time, where clocks jump or repeat on the side that is called in less.
pub(crate) fn instant(zone: Tz, date: NaiveDate, minutes: u16, side: Side) -> DateTime<Utc> {
    let local = i64::from(date.to_epoch_days()) * DAY_S + i64::from(minutes) * 60;
    let is_kept = (KEPT_FROM_S + DAY_S..KEPT_UNTIL_S - DAY_S).contains(&local);
    spans(zone)
        .filter(|_| is_kept)
        .and_then(|spans| {
            let (first, last) =
                (0..i64::from(GAP_STEPS_MAX)).find_map(|step| spans.shown(local + step * GAP_STEP_S))?;
            let at = match side {
                Side::Opening => last,
                Side::Closing => first,
            };
            DateTime::from_timestamp(at, 0)
        })
        .unwrap_or_else(|| searched(zone, date, minutes, side))
}

/// [`instant`] as `chrono_tz` knows it.
fn searched(zone: Tz, date: NaiveDate, minutes: u16, side: Side) -> DateTime<Utc> {
    let mut local = date.and_time(NaiveTime::MIN) + TimeDelta::minutes(i64::from(minutes));
    for _ in 0..GAP_STEPS_MAX {
        match (zone.from_local_datetime(&local), side) {
            (chrono::LocalResult::Single(at), _) => return at.to_utc(),
            (chrono::LocalResult::Ambiguous(_, later), Side::Opening) => return later.to_utc(),
            (chrono::LocalResult::Ambiguous(earlier, _), Side::Closing) => return earlier.to_utc(),
            (chrono::LocalResult::None, _) => local += TimeDelta::seconds(GAP_STEP_S),
        }
    }
    // Unreachable for every zone there is; an hour in UTC is a safe answer to a date that does not exist.
    local.and_utc()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Between two looks at each zone.
    const EVERY_S: usize = 6 * 60 * 60;
    /// Between two minutes around a change: clocks are set at full quarters.
    const EVERY_MIN: usize = 5;

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(seconds, 0).unwrap()
    }

    #[test]
    fn every_zone_shows_what_its_library_says_all_the_years_and_beside_them() {
        for zone in TZ_VARIANTS {
            for seconds in (KEPT_FROM_S - 30 * DAY_S..KEPT_UNTIL_S + 30 * DAY_S).step_by(EVERY_S) {
                let at = at(seconds);
                assert_eq!(date_in(zone, at), at.with_timezone(&zone).date_naive(), "{zone} {at}");
            }
        }
    }

    #[test]
    fn every_time_around_a_change_is_the_instant_that_its_library_says() {
        for zone in TZ_VARIANTS {
            let changes = &spans(zone).unwrap().0;
            assert!(
                changes.windows(2).all(|pair| pair[1].from - pair[0].from > 2 * DAY_S),
                "{zone}"
            );
            for change in changes {
                for date in [-1, 0, 1].map(|day| at(change.from + day * DAY_S).with_timezone(&zone).date_naive()) {
                    for minutes in (0..=24 * 60).step_by(EVERY_MIN) {
                        for side in [Side::Opening, Side::Closing] {
                            let (ours, theirs) =
                                (instant(zone, date, minutes, side), searched(zone, date, minutes, side));
                            assert_eq!(ours, theirs, "{zone} {date} {minutes}");
                        }
                    }
                }
            }
        }
    }
}
