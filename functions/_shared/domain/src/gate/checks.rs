//! What is checked before a lead is dialed, in its order, and what each check says.

use chrono::{DateTime, TimeDelta, Utc};

use super::{ClosedReason, Gate, GateInput, WaitReason};
use crate::consent::{consent_missing, registry_unchecked};
use crate::law::{CallingHours, NoLaw};
use crate::{Campaign, CampaignStatus, KeptRoom, LeadState, MINIMUM_GAP_S, STARTS_MAX};

/// Causes that a person can lift at any moment are looked at again this soon, never at their planned end.
const OPERATOR_RECHECK: TimeDelta = TimeDelta::minutes(15);

/// A line that is busy is asked again this soon: calls mostly last less than a minute.
pub(crate) const IN_FLIGHT_RECHECK: TimeDelta = TimeDelta::seconds(60);

/// What the checks look at: the question, and what the law says about it.
pub(crate) struct Look<'a> {
    pub(crate) input: GateInput<'a>,
    pub(crate) hours: Result<CallingHours<'a>, NoLaw>,
    /// The first instant in all calling hours; the asked one while they are open.
    opens: Option<DateTime<Utc>>,
}

/// What one check says.
pub(crate) enum Verdict {
    Passes,
    /// Not now: why, and the earliest instant at which that may be over.
    Waits(WaitReason, DateTime<Utc>),
    Closes(ClosedReason),
}

/// One thing that is checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Check {
    DoNotCall,
    BadNumber,
    SubjectStopped,
    Law,
    Consent,
    Registry,
    HungUp,
    EverOpen,
    State,
    TotalCap,
    Enabled,
    Running,
    Campaign,
    AbandonedCalls,
    Banned,
    InFlight,
    Hold,
    LawCap,
    DailyCap,
    KeptForCallback,
    LedgerFull,
    MinimumGap,
    LawHours,
    Window,
    Account,
    Due,
}

impl Check {
    /// All of them in their order: the first one that does not pass is the answer.
    pub(crate) const ALL: [Self; 26] = [
        Self::DoNotCall,
        Self::BadNumber,
        Self::SubjectStopped,
        Self::Law,
        Self::Consent,
        Self::Registry,
        Self::HungUp,
        Self::EverOpen,
        Self::State,
        Self::TotalCap,
        Self::Enabled,
        Self::Running,
        Self::Campaign,
        Self::AbandonedCalls,
        Self::Banned,
        Self::InFlight,
        Self::Hold,
        Self::LawCap,
        Self::DailyCap,
        Self::KeptForCallback,
        Self::LedgerFull,
        Self::MinimumGap,
        Self::LawHours,
        Self::Window,
        Self::Account,
        Self::Due,
    ];
}

impl<'a> Look<'a> {
    pub(crate) fn at(input: &GateInput<'a>) -> Self {
        let hours = CallingHours::of_lead(input.law, input.campaign, input.lead);
        let opens = |hours: &CallingHours<'_>| hours.next_open(input.now, Campaign::CLOSING_MARGIN);
        Self {
            opens: hours.as_ref().ok().and_then(opens),
            hours,
            input: *input,
        }
    }

    pub(crate) fn answer(&self) -> Gate {
        for check in Check::ALL {
            match self.verdict(check) {
                Verdict::Passes => {}
                Verdict::Closes(reason) => return Gate::Closed { reason },
                Verdict::Waits(reason, until) => {
                    return match self.opens(until) {
                        Some(until) => Gate::Wait { reason, until },
                        None => Gate::Closed {
                            reason: ClosedReason::NeverOpens,
                        },
                    };
                }
            }
        }
        Gate::Open
    }

    /// The first instant in all calling hours, at or after another one.
    pub(crate) fn opens(&self, from: DateTime<Utc>) -> Option<DateTime<Utc>> {
        if from <= self.opens? && from >= self.input.now {
            return self.opens;
        }
        self.hours.as_ref().ok()?.next_open(from, Campaign::CLOSING_MARGIN)
    }

    pub(crate) fn verdict(&self, check: Check) -> Verdict {
        match self.closed_by(check) {
            Some(reason) => Verdict::Closes(reason),
            None => match self.held_up_by(check) {
                Some((reason, until)) => Verdict::Waits(reason, until),
                None => Verdict::Passes,
            },
        }
    }

    /// The cap on the lead's calls, if they have reached it.
    fn total_reached(&self) -> Option<u32> {
        let GateInput {
            lead, ledger, campaign, ..
        } = self.input;
        let calls = ledger.calls_in_all(lead, campaign);
        campaign.attempts_total_max.filter(|limit| calls >= *limit)
    }

    fn closed_by(&self, check: Check) -> Option<ClosedReason> {
        let GateInput {
            lead,
            ledger,
            campaign,
            now,
            ..
        } = self.input;
        let hours = self.hours.as_ref();
        match check {
            Check::DoNotCall => ledger.dnc_at.map(|since| ClosedReason::DoNotCall { since }),
            Check::BadNumber => ledger.bad_at.map(|since| ClosedReason::BadNumber { since }),
            Check::SubjectStopped => {
                let stop = ledger.stops.get(&campaign.subject)?;
                Some(ClosedReason::SubjectStopped { since: stop.at })
            }
            Check::Law => {
                let NoLaw { jurisdiction } = *hours.err()?;
                Some(ClosedReason::NoLaw { jurisdiction })
            }
            Check::Consent => {
                let missing = consent_missing(hours.ok()?, lead, ledger, campaign, now)?;
                Some(ClosedReason::NoConsent {
                    jurisdiction: missing.record.jurisdiction,
                    needed: missing.needed,
                })
            }
            Check::Registry => {
                let unchecked = registry_unchecked(hours.ok()?, lead, ledger, campaign, now)?;
                Some(ClosedReason::RegistryUnchecked {
                    jurisdiction: unchecked.record.jurisdiction,
                    days_max: unchecked.days_max,
                })
            }
            Check::HungUp => {
                let since = ledger.hung_up_at?;
                let record = hours.ok()?.no_call_after_hang_up(now)?;
                Some(ClosedReason::HungUp {
                    jurisdiction: record.jurisdiction,
                    since,
                })
            }
            // Who had all calls is told by the cap itself, with its figures.
            Check::State if lead.state == LeadState::MaxAttempts && self.total_reached().is_some() => None,
            Check::State => (!lead.state.waits()).then_some(ClosedReason::State { state: lead.state }),
            Check::TotalCap => {
                let limit = self.total_reached()?;
                Some(ClosedReason::TotalCap { limit })
            }
            Check::EverOpen => {
                hours.ok()?;
                self.opens.is_none().then_some(ClosedReason::NeverOpens)
            }
            _ => None,
        }
    }

    fn held_up_by(&self, check: Check) -> Option<(WaitReason, DateTime<Utc>)> {
        let GateInput {
            lead,
            ledger,
            campaign,
            law: _,
            switches,
            account_closed_until,
            now,
        } = self.input;
        let hours = self.hours.as_ref().ok()?;
        let window = &campaign.window;
        let soon = || now + OPERATOR_RECHECK;
        match check {
            Check::Enabled => (!switches.enabled).then(|| (WaitReason::Disabled, soon())),
            Check::Running => (!switches.running).then(|| (WaitReason::Stopped, soon())),
            Check::Campaign => {
                let status = campaign.status_at(switches.campaign, now);
                (status != CampaignStatus::Running).then(|| (WaitReason::CampaignNotRunning { status }, soon()))
            }
            Check::AbandonedCalls => {
                let brake = campaign.braked(now)?;
                Some((WaitReason::AbandonedCalls { calls: brake.calls }, soon()))
            }
            Check::Banned => {
                let ban = hours.banned_by(now, Campaign::CLOSING_MARGIN)?;
                let reason = WaitReason::Banned {
                    jurisdiction: ban.jurisdiction,
                    ends_at: ban.until,
                    because: ban.added.reason.clone(),
                };
                Some((reason, ban.until.map_or_else(soon, |until| until.min(soon()))))
            }
            Check::InFlight => {
                ledger.inflight.as_ref()?;
                Some((WaitReason::InFlight, now + IN_FLIGHT_RECHECK))
            }
            Check::Hold => {
                let until = ledger.hold_until.filter(|until| *until > now)?;
                Some((WaitReason::Hold, until))
            }
            Check::LawCap => {
                let (record, cap, until) = hours.capped_by(&ledger.starts, &campaign.subject, now)?;
                let reason = WaitReason::LawCap {
                    jurisdiction: record.jurisdiction,
                    limit: cap.calls,
                    hours: cap.hours,
                };
                Some((reason, until))
            }
            Check::DailyCap => {
                let today = window.date_of(now);
                let limit = campaign.attempts_per_day_max;
                let tomorrow = || today.succ_opt().map_or_else(soon, |date| window.start_of(date));
                (ledger.calls_on(today, window) >= limit).then(|| (WaitReason::DailyCap { limit }, tomorrow()))
            }
            Check::KeptForCallback => {
                let KeptRoom { limit, until } = ledger.kept_for_callback(lead, campaign, hours, now)?;
                Some((WaitReason::KeptForCallback { limit }, until))
            }
            Check::LedgerFull => {
                let live = ledger.live_starts(now);
                let oldest = live.first().filter(|_| live.len() >= STARTS_MAX)?;
                let limit = STARTS_MAX as u32;
                Some((WaitReason::LedgerFull { limit }, oldest.at + TimeDelta::hours(48)))
            }
            Check::MinimumGap => {
                let until = ledger.last_start()? + TimeDelta::seconds(MINIMUM_GAP_S);
                (until > now).then_some((WaitReason::MinimumGap { limit_s: MINIMUM_GAP_S }, until))
            }
            Check::LawHours | Check::Window if self.opens == Some(now) => None,
            Check::LawHours => {
                let closed = hours.closed_by(now, Campaign::CLOSING_MARGIN)?;
                let reason = WaitReason::OutsideLaw {
                    jurisdiction: closed.record.jurisdiction,
                    zone: closed.zone.name().to_owned(),
                };
                Some((reason, now))
            }
            Check::Window => {
                let zone = window.zone.name().to_owned();
                let open = window.is_open(now, Campaign::CLOSING_MARGIN);
                (!open).then_some((WaitReason::OutsideWindow { zone }, now))
            }
            Check::Account => {
                let until = account_closed_until.filter(|until| *until > now)?;
                Some((WaitReason::Account, until))
            }
            Check::Due => {
                let next = lead.next_at.filter(|next| *next > now)?;
                Some((WaitReason::NotDue, next))
            }
            _ => None,
        }
    }
}
