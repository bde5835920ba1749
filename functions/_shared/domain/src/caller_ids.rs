//! Which number a call shows (P4): one of the lead's state first, then those of no state, then the others; within each in
//! turn, so that the next call to the same phone shows another one.
//!
//! Pure: how often a number was shown is an argument. A number that rests, or had its calls of the day, is passed over;
//! when all of them do, nothing is called. How often a person is called is no matter of numbers: that is counted by phone.

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use crate::Phone;

/// Most numbers of one campaign: the counts of all are read in one batch of DynamoDB.
pub const CALLER_IDS_MAX: usize = 100;
/// Longest rest between two calls from one number: a day.
pub const COOLDOWN_MAX_S: u32 = 24 * 60 * 60;
/// Most calls a day from one number that can be asked for: one a second in the longest calling hours.
pub const CALLER_CALLS_PER_DAY_MAX: u32 = 50_000;

/// The reason of a lead that waits until one of its campaign's numbers may be shown again.
pub const CALLER_IDS_REST: &str = "caller_ids_rest";

/// A number that calls may show.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallerId {
    /// The number.
    pub number: Phone,
    /// The state of the US that it belongs to, by its two letters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,
    /// Seconds from the start of one call to the next; 0 is none.
    #[serde(default)]
    pub cooldown_s: u32,
    /// Calls on one local day of the campaign; none is without limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub calls_per_day_max: Option<u32>,
}

/// How often a number was shown on a day.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallerIdUse {
    /// Calls.
    #[serde(rename = "n")]
    pub calls: u32,
    /// When the newest one was placed.
    #[serde(
        default,
        rename = "last",
        with = "chrono::serde::ts_milliseconds_option",
        skip_serializing_if = "Option::is_none"
    )]
    pub last_at: Option<DateTime<Utc>>,
}

/// What is wrong with a pool of numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CallerIdError {
    /// Too many.
    #[error("give at most {CALLER_IDS_MAX} numbers")]
    TooMany,
    /// The same twice.
    #[error("entry {entry} has the same number as one before it")]
    Twice {
        /// From 1.
        entry: usize,
    },
    /// A rest that is too long.
    #[error("entry {entry}: `cooldown_s` is outside 0 to {COOLDOWN_MAX_S}")]
    Cooldown {
        /// From 1.
        entry: usize,
    },
    /// A maximum that is none.
    #[error("entry {entry}: `calls_per_day_max` is outside 1 to {CALLER_CALLS_PER_DAY_MAX}")]
    CallsPerDay {
        /// From 1.
        entry: usize,
    },
}

/// Whether numbers can be a pool.
///
/// # Errors
/// The first entry that cannot, and why. It never repeats a number.
pub fn check_caller_ids(pool: &[CallerId]) -> Result<(), CallerIdError> {
    if pool.len() > CALLER_IDS_MAX {
        return Err(CallerIdError::TooMany);
    }
    for (n, caller_id) in pool.iter().enumerate() {
        let entry = n + 1;
        if pool.iter().take(n).any(|before| before.number == caller_id.number) {
            return Err(CallerIdError::Twice { entry });
        }
        if caller_id.cooldown_s > COOLDOWN_MAX_S {
            return Err(CallerIdError::Cooldown { entry });
        }
        let fits = |max: u32| (1..=CALLER_CALLS_PER_DAY_MAX).contains(&max);
        if !caller_id.calls_per_day_max.is_none_or(fits) {
            return Err(CallerIdError::CallsPerDay { entry });
        }
    }
    Ok(())
}

/// All numbers of a pool, those first that a call to a lead in a state should show. `turn` counts the lead's calls from a
/// number of its own, so that leads begin at different ones.
pub fn caller_ids_in_turn<'a>(pool: &'a [CallerId], state: Option<&str>, turn: u32) -> Vec<&'a CallerId> {
    let rank = |caller_id: &CallerId| match caller_id.state.as_deref() {
        Some(of) if state == Some(of) => 0,
        None => 1,
        Some(_) => 2,
    };
    let mut all = Vec::with_capacity(pool.len());
    for wanted in 0..=2 {
        let mut same: Vec<&CallerId> = pool.iter().filter(|caller_id| rank(caller_id) == wanted).collect();
        if let Ok(count @ 1..) = u32::try_from(same.len()) {
            same.rotate_left((turn % count) as usize);
        }
        all.append(&mut same);
    }
    all
}

impl CallerId {
    /// Until when it may not be shown, after this use on the day that ends at `tomorrow`; nothing if it may be now.
    pub fn rests_until(&self, used: CallerIdUse, now: DateTime<Utc>, tomorrow: DateTime<Utc>) -> Option<DateTime<Utc>> {
        if self.calls_per_day_max.is_some_and(|max| used.calls >= max) {
            return Some(tomorrow);
        }
        let rested = used.last_at? + TimeDelta::seconds(i64::from(self.cooldown_s));
        (rested > now).then_some(rested)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Region;
    use crate::gate::tests::{NOON, at};

    fn caller_id(last: u8, state: Option<&str>) -> CallerId {
        CallerId {
            number: Phone::parse(&format!("+121255501{last:02}"), Region::US).unwrap(),
            state: state.map(str::to_owned),
            cooldown_s: 0,
            calls_per_day_max: None,
        }
    }

    #[test]
    fn the_leads_state_first_then_no_state_then_the_others_and_each_in_turn() {
        let pool = [
            caller_id(1, Some("FL")),
            caller_id(2, None),
            caller_id(3, Some("TX")),
            caller_id(4, Some("FL")),
            caller_id(5, None),
        ];
        for (state, turn, order) in [
            (Some("FL"), 0, "01 04 02 05 03"),
            (Some("FL"), 1, "04 01 05 02 03"),
            (Some("FL"), 2, "01 04 02 05 03"),
            (Some("TX"), 0, "03 02 05 01 04"),
            (Some("NY"), 0, "02 05 01 03 04"),
            (None, 1, "05 02 03 04 01"),
            (None, u32::MAX, "05 02 01 03 04"),
        ] {
            let got: Vec<&str> = caller_ids_in_turn(&pool, state, turn)
                .iter()
                .map(|one| &one.number.as_str()[10..])
                .collect();
            assert_eq!(got.join(" "), order, "{state:?} {turn}");
        }
        assert!(caller_ids_in_turn(&[], None, 3).is_empty());
    }

    #[test]
    fn a_number_rests_after_a_call_and_when_it_had_its_calls_of_the_day() {
        let now = at(NOON);
        let tomorrow = now + TimeDelta::hours(12);
        let s = |seconds| now + TimeDelta::seconds(seconds);
        let one = CallerId {
            cooldown_s: 60,
            calls_per_day_max: Some(3),
            ..caller_id(1, None)
        };
        for (calls, last_at, until) in [
            (0, None, None),
            (1, Some(s(-60)), None),
            (1, Some(s(-59)), Some(s(1))),
            (2, Some(s(0)), Some(s(60))),
            (3, Some(s(-600)), Some(tomorrow)),
        ] {
            let used = CallerIdUse { calls, last_at };
            assert_eq!(one.rests_until(used, now, tomorrow), until, "{used:?}");
        }
        let free = caller_id(1, None);
        let busy = CallerIdUse {
            calls: 9_999,
            last_at: Some(now),
        };
        assert_eq!(free.rests_until(busy, now, tomorrow), None);
    }

    #[test]
    fn a_pool_that_cannot_be_is_refused_without_repeating_a_number() {
        let change = |change: fn(&mut CallerId)| {
            let mut second = caller_id(2, None);
            change(&mut second);
            check_caller_ids(&[caller_id(1, None), second]).map_err(|error| error.to_string())
        };
        assert_eq!(change(|_| {}), Ok(()));
        for (refused, why) in [
            (
                change(|c| c.number = caller_id(1, None).number),
                "entry 2 has the same number",
            ),
            (change(|c| c.cooldown_s = COOLDOWN_MAX_S + 1), "entry 2: `cooldown_s`"),
            (
                change(|c| c.calls_per_day_max = Some(0)),
                "entry 2: `calls_per_day_max`",
            ),
        ] {
            let error = refused.unwrap_err();
            assert!(error.contains(why) && !error.contains("555"), "{error}");
        }
        let many: Vec<CallerId> = (0..=100).map(|_| caller_id(1, None)).collect();
        assert_eq!(check_caller_ids(&many), Err(CallerIdError::TooMany));
    }
}
