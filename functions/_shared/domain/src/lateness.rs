//! How late a promised callback is, and whose doing that is: one definition for every place that tells of it.
//!
//! A callback is owed at the promised time. Hours, laws, bans and caps may move it: what lies between the promised time and the
//! first instant at which it was allowed is *moved*. What lies after that instant is *late*, whatever kept it: no free line, a
//! switch, a pause, a busy phone, a slow machine.
//!
//! The first allowed instant comes from two sides, and the later one counts: hours and caps as they are known now, and the
//! next time that the gate gave the lead when it moved it, for caps forget what is older than two days.

use chrono::{DateTime, TimeDelta, Utc};

use crate::gate::moves_by_law;
use crate::law::CallingHours;
use crate::{Campaign, Lead, MINIMUM_GAP_S, Start};

/// A callback that is dialed this long after it was first allowed, or later, is late: a tick comes every minute, and five
/// minutes are what a person waits by the phone.
pub const LATE_AFTER: TimeDelta = TimeDelta::minutes(5);

/// Moves of one promise that are followed: a cap, a night, a weekend and a ban, each a few times.
const MOVES_MAX: usize = 16;

/// When a promised callback was first allowed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Allowed {
    /// The first instant, as far as is known; the promised time where nothing moved it. None where nobody knows an end.
    pub at: Option<DateTime<Utc>>,
    /// What moved it, by the codes of the gate, in their order of time.
    pub moved_by: Vec<String>,
}

/// The lateness of a callback at an instant: when it was dialed, or now while it is open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lateness {
    /// From the promised time to the first allowed instant.
    pub moved: TimeDelta,
    /// From there on. Less than [`LATE_AFTER`] is on time.
    pub late: TimeDelta,
}

impl Lateness {
    /// What of the wait between a promised time and an instant was allowed to be a call.
    pub fn of(promised: DateTime<Utc>, allowed: Option<DateTime<Utc>>, at: DateTime<Utc>) -> Self {
        let allowed = allowed.unwrap_or(at).clamp(promised, at.max(promised));
        Self {
            moved: allowed - promised,
            late: (at - allowed).max(TimeDelta::zero()),
        }
    }

    /// Whether the callback is late.
    pub fn is_late(&self) -> bool {
        self.late >= LATE_AFTER
    }

    /// Whether hours, a law or a cap moved it.
    pub fn is_moved(&self) -> bool {
        self.moved > TimeDelta::zero()
    }
}

impl Allowed {
    /// When the promise of a lead was first allowed. `starts` are those of its phone, without that of the callback itself.
    pub fn of(
        promised: DateTime<Utc>,
        lead: &Lead,
        starts: &[Start],
        campaign: &Campaign,
        hours: &CallingHours<'_>,
    ) -> Self {
        let mut allowed = Self {
            at: Some(promised),
            moved_by: vec![],
        };
        for _ in 0..MOVES_MAX {
            let Some(at) = allowed.at else { break };
            let Some((codes, until)) = moved(at, starts, campaign, hours) else {
                break;
            };
            for code in codes {
                allowed.moved_by(code);
            }
            allowed.at = until;
        }
        // INVARIANT: a lead that the gate moved is not written until it is decided anew, so this is the last move.
        let given = lead
            .reason
            .as_deref()
            .filter(|code| moves_by_law(code))
            .zip(lead.next_at);
        if let (Some((code, next_at)), Some(at)) = (given, allowed.at)
            && next_at > at
        {
            allowed.at = Some(next_at);
            if code != "callback" {
                allowed.moved_by(code);
            }
        }
        allowed
    }

    fn moved_by(&mut self, code: &str) {
        if !self.moved_by.iter().any(|known| known == code) {
            self.moved_by.push(code.to_owned());
        }
    }
}

/// What keeps a callback from being dialed at an instant, and until when: whatever lasts longest.
fn moved(
    at: DateTime<Utc>,
    starts: &[Start],
    campaign: &Campaign,
    hours: &CallingHours<'_>,
) -> Option<(Vec<&'static str>, Option<DateTime<Utc>>)> {
    let window = &campaign.window;
    let margin = Campaign::CLOSING_MARGIN;
    if let Some(ban) = hours.banned_by(at, margin) {
        return Some((vec!["banned"], ban.until));
    }
    let before: Vec<Start> = starts.iter().filter(|start| start.at < at).cloned().collect();
    let today = window.date_of(at);
    let of_today = before.iter().filter(|start| window.date_of(start.at) == today).count();
    let law_cap = hours.capped_by(&before, &campaign.subject, at).map(|(.., until)| until);
    let day_cap = (of_today >= campaign.attempts_per_day_max as usize)
        .then(|| today.succ_opt().map(|date| window.start_of(date)))
        .flatten();
    let last = before.iter().map(|start| start.at).max();
    let gap = last.map(|last| last + TimeDelta::seconds(MINIMUM_GAP_S));
    let known = [("law_cap", law_cap), ("daily_cap", day_cap), ("minimum_gap", gap)];
    let longest = known
        .into_iter()
        .filter_map(|(code, until)| Some((code, until.filter(|until| *until > at)?)))
        .max_by_key(|(_, until)| *until);
    if let Some((code, until)) = longest {
        return Some((vec![code], Some(until)));
    }
    let opens = hours.next_open(at, margin);
    let closed = [
        ("outside_law", hours.closed_by(at, margin).is_some()),
        ("outside_window", !window.is_open(at, margin)),
    ];
    let codes = closed.into_iter().filter(|(_, closed)| *closed).map(|(code, _)| code);
    (opens != Some(at)).then(|| (codes.collect(), opens))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gate::tests::{at, ban, campaign, lead, starts};
    use crate::law::Law;

    #[test]
    fn what_hours_laws_and_caps_move_is_told_apart_from_what_is_late() {
        type Row = (
            &'static str,
            &'static str,
            &'static [&'static str],
            &'static str,
            &'static [&'static str],
        );
        const EIGHT: [&str; 8] = [
            "2026-11-20T16:00:00Z",
            "2026-11-20T16:02:00Z",
            "2026-11-20T16:10:00Z",
            "2026-11-20T16:20:00Z",
            "2026-11-20T16:30:00Z",
            "2026-11-20T16:40:00Z",
            "2026-11-20T16:50:00Z",
            "2026-11-20T16:59:00Z",
        ];
        let rows: [Row; 7] = [
            ("in hours", "2026-11-20T17:00:00Z", &[], "2026-11-20T17:00:00Z", &[]),
            (
                "before the opening",
                "2026-11-20T15:00:00Z",
                &[],
                "2026-11-20T16:00:00Z",
                &["outside_window"],
            ),
            (
                "at night",
                "2026-11-20T08:00:00Z",
                &[],
                "2026-11-20T16:00:00Z",
                &["outside_law", "outside_window"],
            ),
            (
                "after a call",
                "2026-11-20T17:00:00Z",
                &["2026-11-20T16:59:00Z"],
                "2026-11-20T17:01:00Z",
                &["minimum_gap"],
            ),
            // Calls that came later do not move it.
            (
                "before a call",
                "2026-11-20T17:00:00Z",
                &["2026-11-20T17:00:30Z"],
                "2026-11-20T17:00:00Z",
                &[],
            ),
            (
                "at the cap on a Friday",
                "2026-11-20T17:00:00Z",
                &EIGHT,
                "2026-11-23T16:00:00Z",
                &["daily_cap", "outside_law", "outside_window"],
            ),
            (
                "on a Saturday",
                "2026-11-21T17:00:00Z",
                &[],
                "2026-11-23T16:00:00Z",
                &["outside_window"],
            ),
        ];
        let (campaign, lead) = (campaign(), lead());
        let hours = CallingHours::of_lead(Law::built_in(), &campaign, &lead).unwrap();
        for (what, promised, begun, first, by) in rows {
            let allowed = Allowed::of(at(promised), &lead, &starts(begun), &campaign, &hours);
            assert_eq!(
                (
                    allowed.at,
                    allowed.moved_by.iter().map(String::as_str).collect::<Vec<_>>()
                ),
                (Some(at(first)), by.to_vec()),
                "{what}"
            );
        }
    }

    #[test]
    fn what_the_gate_moved_the_lead_to_counts_though_caps_forget() {
        let promised = at("2026-11-20T17:00:00Z");
        let campaign = campaign();
        for (reason, moved) in [
            ("law_cap", true),
            ("looked_at_again", true),
            ("disabled", false),
            ("in_flight", false),
        ] {
            let lead = Lead {
                reason: Some(reason.into()),
                next_at: Some(at("2026-11-23T16:00:00Z")),
                ..lead()
            };
            let hours = CallingHours::of_lead(Law::built_in(), &campaign, &lead).unwrap();
            let allowed = Allowed::of(promised, &lead, &[], &campaign, &hours);
            assert_eq!(allowed.at == lead.next_at, moved, "{reason}");
        }
    }

    #[test]
    fn a_ban_without_an_end_moves_for_as_long_as_it_holds() {
        let mut additions = ban(None);
        additions.bans[0].until = None;
        let law = Law::built_in().with(&additions).unwrap();
        let (campaign, lead) = (campaign(), lead());
        let hours = CallingHours::of_lead(&law, &campaign, &lead).unwrap();
        let promised = at("2026-11-20T17:00:00Z");
        let allowed = Allowed::of(promised, &lead, &[], &campaign, &hours);
        let later = promised + TimeDelta::hours(2);
        let lateness = Lateness::of(promised, allowed.at, later);
        assert_eq!((allowed.at, allowed.moved_by), (None, vec!["banned".to_owned()]));
        assert_eq!((lateness.moved, lateness.is_late()), (TimeDelta::hours(2), false));
    }

    #[test]
    fn lateness_counts_from_the_first_allowed_instant_and_early_is_not_late() {
        let promised = at("2026-11-20T17:00:00Z");
        let rows = [
            (-3, 0, 0, false),
            (0, 0, 0, false),
            (299, 0, 299, false),
            (300, 0, 300, true),
            (4_000, 3_600, 400, true),
            (1_800, 3_600, 0, false),
        ];
        for (dialed_s, allowed_s, late_s, is_late) in rows {
            let after = |s| promised + TimeDelta::seconds(s);
            let lateness = Lateness::of(promised, Some(after(allowed_s)), after(dialed_s));
            assert_eq!(
                (lateness.late.num_seconds(), lateness.is_late()),
                (late_s, is_late),
                "{dialed_s} {allowed_s}"
            );
            assert_eq!(lateness.is_moved(), allowed_s > 0);
        }
    }
}
