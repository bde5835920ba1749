//! Why a lead is or is not dialed now, for people: every check of the gate with what it saw, what it allows and who
//! says so (X1).
//!
//! It goes through [`Check::ALL`], the gate's own checks in the gate's own order, so it cannot tell another story.

use chrono::{DateTime, Datelike, Utc};
use serde::Serialize;

use crate::gate::{Check, IN_FLIGHT_RECHECK, Look, Verdict};
use crate::law::{Holidays, Legal};
use crate::{Gate, GateInput, WaitReason, iso};

mod seen;

use seen::cap_words;

/// What one check of the gate saw.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct GateLine {
    /// The check; the code of its reason where it blocks.
    pub gate: &'static str,
    /// Whether a call may be placed as far as it is concerned.
    pub passes: bool,
    /// What it saw.
    pub value: String,
    /// What it allows.
    pub limit: String,
    /// Who says so: a statute, a setting, a person.
    pub source: String,
    /// When it may be over, where that is known.
    #[serde(serialize_with = "crate::times::seconds_option")]
    pub until: Option<DateTime<Utc>>,
}

/// One record that holds for the lead, in one zone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LawLine {
    /// Whose law.
    pub jurisdiction: String,
    /// The zone in which its hours are counted.
    pub zone: String,
    /// The local date and time there.
    pub local_time: String,
    /// Its hours on that date.
    pub hours_today: String,
    /// Its rolling cap, in words.
    pub cap: Option<String>,
    /// Where it is written.
    pub sources: Vec<String>,
    /// When somebody last looked, and how sure they were.
    pub verified: String,
}

/// Why a lead is or is not dialed.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Explanation {
    /// The gate's answer.
    pub answer: Gate,
    /// The first check that blocks.
    pub first_blocking: Option<&'static str>,
    /// The first instant at which a call is possible as far as is known now.
    #[serde(serialize_with = "crate::times::seconds_option")]
    pub next_possible: Option<DateTime<Utc>>,
    /// What nobody knows about that instant, or why there is none, in words.
    pub next_possible_note: Option<String>,
    /// Every check in its order.
    pub gates: Vec<GateLine>,
    /// Every law that holds where the lead may be.
    pub laws: Vec<LawLine>,
}

/// Explains the gate's answer.
pub fn explain(input: &GateInput<'_>) -> Explanation {
    let look = Look::at(input);
    let answer = look.answer();
    let gates: Vec<GateLine> = Check::ALL.into_iter().map(|check| line(&look, check)).collect();
    let (next_possible, next_possible_note) = match &answer {
        Gate::Open => (Some(input.now), None),
        Gate::Wait { .. } => possible(&look, &gates),
        Gate::Closed { reason } => (
            None,
            Some(format!(
                "`{}` has no end of its own: somebody has to change what it names",
                reason.code()
            )),
        ),
    };
    Explanation {
        first_blocking: gates.iter().find(|line| !line.passes).map(|line| line.gate),
        next_possible,
        next_possible_note,
        gates,
        laws: look.hours.as_ref().map_or_else(
            |_| Vec::new(),
            |hours| hours.legal.iter().map(|legal| law_line(legal, input.now)).collect(),
        ),
        answer,
    }
}

/// The opening after everything that holds the lead up. A cap that fills moves it later; nothing moves it earlier but a change
/// of what the lines name. A call under way ends by itself, so what is known beside it is told; who threw a switch has to
/// throw it back, so there is no time, and the note says from when the others would allow one.
fn possible(look: &Look<'_>, gates: &[GateLine]) -> (Option<DateTime<Utc>>, Option<String>) {
    let now = look.input.now;
    let blocking = || gates.iter().filter(|line| !line.passes);
    let known = blocking().filter_map(|line| line.until).max();
    let open_ended: Vec<&str> = blocking()
        .filter(|line| line.until.is_none())
        .map(|line| line.gate)
        .collect();
    let is_called = open_ended.contains(&Check::InFlight.name());
    let at_once = if is_called { now + IN_FLIGHT_RECHECK } else { now };
    let opens = look.opens(known.unwrap_or(now).max(at_once));
    let of_people: Vec<String> = open_ended
        .iter()
        .filter(|gate| **gate != Check::InFlight.name())
        .map(|gate| format!("`{gate}`"))
        .collect();
    match opens {
        None => (None, Some("nothing opens within 400 days after that".to_owned())),
        Some(at) if !of_people.is_empty() => (
            None,
            Some(format!(
                "nobody knows when {} is over; everything else allows a call from {} on",
                of_people.join(" and "),
                iso(at)
            )),
        ),
        Some(at) if is_called => (
            Some(at),
            Some(
                "the earliest time that is known: the phone is being called, and nobody knows when that ends"
                    .to_owned(),
            ),
        ),
        Some(at) => (Some(at), None),
    }
}

fn line(look: &Look<'_>, check: Check) -> GateLine {
    let verdict = look.verdict(check);
    let (gate, until) = match &verdict {
        Verdict::Passes => (check.name(), None),
        Verdict::Closes(reason) => (reason.code(), None),
        Verdict::Waits(reason, until) => (reason.code(), over_at(reason, *until)),
    };
    let (value, limit, source) = look.seen(check);
    GateLine {
        gate,
        passes: matches!(verdict, Verdict::Passes),
        value,
        limit,
        source,
        until,
    }
}

/// When a reason is over, and not when it is looked at again; nobody knows when a person throws a switch or a talk ends.
fn over_at(reason: &WaitReason, until: DateTime<Utc>) -> Option<DateTime<Utc>> {
    match reason {
        WaitReason::Banned { ends_at, .. } => *ends_at,
        WaitReason::Disabled
        | WaitReason::Stopped
        | WaitReason::CampaignNotRunning { .. }
        | WaitReason::AbandonedCalls { .. }
        | WaitReason::InFlight => None,
        _ => Some(until),
    }
}

fn law_line(legal: &Legal<'_>, now: DateTime<Utc>) -> LawLine {
    let local = now.with_timezone(&legal.zone);
    let record = legal.record;
    let hours = record.hours_on(legal.holidays, local.date_naive());
    let known_to = legal.holidays.and_then(Holidays::known_to);
    LawLine {
        jurisdiction: record.jurisdiction.to_string(),
        zone: legal.zone.name().to_owned(),
        local_time: local.format("%a %Y-%m-%d %H:%M").to_string(),
        hours_today: match (hours, known_to) {
            (None, _) => "not in force".to_owned(),
            (Some(hours), Some(year)) if local.year() > year => {
                format!("{hours}, as on a holiday: their dates are written down to {year}")
            }
            (Some(hours), _) => hours.to_string(),
        },
        cap: record.cap.map(cap_words),
        sources: record.sources.clone(),
        verified: format!(
            "{}, confidence {}",
            record
                .verified_on
                .map_or_else(|| "no date".to_owned(), |date| date.to_string()),
            record.confidence.as_str()
        ),
    }
}

impl Check {
    /// The code of its reason, for a line that passes.
    const fn name(self) -> &'static str {
        match self {
            Self::DoNotCall => "do_not_call",
            Self::BadNumber => "bad_number",
            Self::SubjectStopped => "subject_stopped",
            Self::Law => "no_law",
            Self::Consent => "no_consent",
            Self::Registry => "registry_unchecked",
            Self::HungUp => "hung_up",
            Self::EverOpen => "never_opens",
            Self::State => "state",
            Self::TotalCap => "total_cap",
            Self::Enabled => "disabled",
            Self::Running => "stopped",
            Self::Campaign => "campaign_not_running",
            Self::AbandonedCalls => "abandoned_calls",
            Self::Banned => "banned",
            Self::InFlight => "in_flight",
            Self::Hold => "hold",
            Self::LawCap => "law_cap",
            Self::DailyCap => "daily_cap",
            Self::KeptForCallback => "kept_for_callback",
            Self::LedgerFull => "ledger_full",
            Self::MinimumGap => "minimum_gap",
            Self::LawHours => "outside_law",
            Self::Window => "outside_window",
            Self::Account => "account",
            Self::Due => "not_due",
        }
    }
}

#[cfg(test)]
mod tests;
