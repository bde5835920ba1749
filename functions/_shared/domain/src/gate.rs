//! Decides whether a lead may be dialed now, and says why not.
//!
//! Used by tick, dialer, intake and admin alike, so that everybody gives the same answer. The order of reasons is
//! fixed: what must never be called, then what a person switched off, then what is busy, then how often, then when.
//! Calling law has its place between the line and the caps: a lead's own law window and rolling caps are as hard as a
//! cap, and softer than a stop.

use chrono::{DateTime, TimeDelta, Utc};
use serde::Serialize;

use crate::{Campaign, CampaignStatus, Lead, LeadState, Ledger, MINIMUM_GAP_S, STARTS_MAX};

/// Causes that a person can lift at any moment are looked at again this soon, never at their planned end.
const OPERATOR_RECHECK: TimeDelta = TimeDelta::minutes(15);

/// A line that is busy is asked again this soon: calls mostly last less than a minute.
const IN_FLIGHT_RECHECK: TimeDelta = TimeDelta::seconds(60);

/// The switches a person can throw, as one consistent reading.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Switches {
    /// The business switch.
    pub enabled: bool,
    /// The operator's switch.
    pub running: bool,
    /// The campaign's own status.
    pub campaign: CampaignStatus,
}

/// Everything the gate looks at.
#[derive(Debug, Clone, Copy)]
pub struct GateInput<'a> {
    /// The lead to dial.
    pub lead: &'a Lead,
    /// Its phone.
    pub ledger: &'a Ledger,
    /// Its campaign.
    pub campaign: &'a Campaign,
    /// The switches.
    pub switches: Switches,
    /// The provider account is closed until then: bad key, no money, error burst.
    pub account_closed_until: Option<DateTime<Utc>>,
    /// The instant asked about.
    pub now: DateTime<Utc>,
}

/// The gate's answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub enum Gate {
    /// Dial.
    Open,
    /// Not now.
    Wait {
        /// The first reason that blocks.
        reason: WaitReason,
        /// When to look again; in calling hours.
        until: DateTime<Utc>,
    },
    /// Not until a person changes something.
    Closed {
        /// The first reason that blocks.
        reason: ClosedReason,
    },
}

/// Why not now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "code")]
pub enum WaitReason {
    /// The business switch is off.
    Disabled,
    /// The operator's switch is off.
    Stopped,
    /// The campaign does not run.
    CampaignNotRunning {
        /// Its status.
        status: CampaignStatus,
    },
    /// The phone is being called already.
    InFlight,
    /// An analysis is awaited, or the person talks with an agent.
    Hold,
    /// The phone had its calls of the local day.
    DailyCap {
        /// The cap.
        limit: u32,
    },
    /// More starts in 48 hours than the ledger keeps.
    LedgerFull {
        /// How many it keeps.
        limit: u32,
    },
    /// The last call began moments ago.
    MinimumGap {
        /// Seconds between two starts.
        limit_s: i64,
    },
    /// Outside the campaign's hours.
    OutsideWindow {
        /// The campaign's zone.
        zone: String,
    },
    /// The provider account is closed for a while.
    Account,
    /// Its time has not come.
    NotDue,
}

/// Why not at all.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "code")]
pub enum ClosedReason {
    /// The person asked not to be called.
    DoNotCall {
        /// Since when.
        since: DateTime<Utc>,
    },
    /// The number is bad for good.
    BadNumber {
        /// Since when.
        since: DateTime<Utc>,
    },
    /// The subject was sold to, or stopped for, this phone.
    SubjectStopped {
        /// Since when.
        since: DateTime<Utc>,
    },
    /// The lead is in a state that is not called.
    State {
        /// Which.
        state: LeadState,
    },
    /// The lead had all its calls.
    TotalCap {
        /// The cap.
        limit: u32,
    },
    /// The campaign's hours never open.
    NeverOpens,
}

impl WaitReason {
    /// The code in items, answers and logs.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Disabled => "disabled",
            Self::Stopped => "stopped",
            Self::CampaignNotRunning { .. } => "campaign_not_running",
            Self::InFlight => "in_flight",
            Self::Hold => "hold",
            Self::DailyCap { .. } => "daily_cap",
            Self::LedgerFull { .. } => "ledger_full",
            Self::MinimumGap { .. } => "minimum_gap",
            Self::OutsideWindow { .. } => "outside_window",
            Self::Account => "account",
            Self::NotDue => "not_due",
        }
    }
}

impl ClosedReason {
    /// The code in items, answers and logs.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::DoNotCall { .. } => "do_not_call",
            Self::BadNumber { .. } => "bad_number",
            Self::SubjectStopped { .. } => "subject_stopped",
            Self::State { .. } => "state",
            Self::TotalCap { .. } => "total_cap",
            Self::NeverOpens => "never_opens",
        }
    }
}

/// Decides whether a lead may be dialed now.
pub fn gate(input: &GateInput<'_>) -> Gate {
    match blocked_for_good(input) {
        Some(reason) => Gate::Closed { reason },
        None => match blocked_for_now(input) {
            None => Gate::Open,
            Some((reason, until)) => match input.campaign.window.next_open(until, Campaign::CLOSING_MARGIN) {
                Some(opening) => Gate::Wait { reason, until: opening },
                None => Gate::Closed {
                    reason: ClosedReason::NeverOpens,
                },
            },
        },
    }
}

fn blocked_for_good(input: &GateInput<'_>) -> Option<ClosedReason> {
    let GateInput {
        lead, ledger, campaign, ..
    } = input;
    if let Some(since) = ledger.dnc_at {
        return Some(ClosedReason::DoNotCall { since });
    }
    if let Some(since) = ledger.bad_at {
        return Some(ClosedReason::BadNumber { since });
    }
    if let Some(stop) = ledger.stops.get(&campaign.subject) {
        return Some(ClosedReason::SubjectStopped { since: stop.at });
    }
    if !lead.state.waits() {
        return Some(ClosedReason::State { state: lead.state });
    }
    match campaign.attempts_total_max {
        Some(limit) if lead.attempts >= limit => Some(ClosedReason::TotalCap { limit }),
        _ => None,
    }
}

/// The first reason to wait, and the earliest instant at which it may be gone.
fn blocked_for_now(input: &GateInput<'_>) -> Option<(WaitReason, DateTime<Utc>)> {
    let GateInput {
        lead,
        ledger,
        campaign,
        switches,
        account_closed_until,
        now,
    } = *input;
    let window = &campaign.window;
    let soon = now + OPERATOR_RECHECK;
    if !switches.enabled {
        return Some((WaitReason::Disabled, soon));
    }
    if !switches.running {
        return Some((WaitReason::Stopped, soon));
    }
    if switches.campaign != CampaignStatus::Running {
        return Some((
            WaitReason::CampaignNotRunning {
                status: switches.campaign,
            },
            soon,
        ));
    }
    if ledger.inflight.is_some() {
        return Some((WaitReason::InFlight, now + IN_FLIGHT_RECHECK));
    }
    if let Some(until) = ledger.hold_until.filter(|until| *until > now) {
        return Some((WaitReason::Hold, until));
    }
    let today = window.date_of(now);
    let limit = campaign.attempts_per_day_max;
    if ledger.calls_on(today, window) >= limit {
        let tomorrow = today.succ_opt().map_or(soon, |date| window.start_of(date));
        return Some((WaitReason::DailyCap { limit }, tomorrow));
    }
    let live = ledger.live_starts(now);
    if live.len() >= STARTS_MAX {
        let until = live.first().map_or(soon, |oldest| oldest.at + TimeDelta::hours(48));
        return Some((
            WaitReason::LedgerFull {
                limit: STARTS_MAX as u32,
            },
            until,
        ));
    }
    if let Some(until) = ledger
        .last_start()
        .map(|start| start + TimeDelta::seconds(MINIMUM_GAP_S))
        .filter(|t| *t > now)
    {
        return Some((WaitReason::MinimumGap { limit_s: MINIMUM_GAP_S }, until));
    }
    if !window.is_open(now, Campaign::CLOSING_MARGIN) {
        return Some((
            WaitReason::OutsideWindow {
                zone: window.zone.name().to_owned(),
            },
            now,
        ));
    }
    if let Some(until) = account_closed_until.filter(|until| *until > now) {
        return Some((WaitReason::Account, until));
    }
    lead.next_at
        .filter(|next| *next > now)
        .map(|next| (WaitReason::NotDue, next))
}

#[cfg(test)]
pub(crate) mod tests {
    use std::collections::BTreeSet;

    use chrono::Weekday;

    use super::*;
    use crate::*;

    pub(crate) fn at(text: &str) -> DateTime<Utc> {
        DateTime::parse_from_rfc3339(text).unwrap().to_utc()
    }

    /// Friday 12:00 in New York.
    pub(crate) const NOON: &str = "2026-11-20T17:00:00Z";

    pub(crate) fn campaign() -> Campaign {
        Campaign {
            id: CampaignId::default_campaign(),
            name: "Default".into(),
            description: String::new(),
            status: CampaignStatus::Running,
            version: 1,
            open_intake: true,
            window: Window {
                zone: chrono_tz::America::New_York,
                days: vec![Weekday::Mon, Weekday::Tue, Weekday::Wed, Weekday::Thu, Weekday::Fri],
                start: LocalTime::new(11, 0).unwrap(),
                end: LocalTime::new(20, 0).unwrap(),
                blackout_dates: BTreeSet::new(),
            },
            max_concurrent_calls: 5,
            calls_per_minute_max: None,
            attempts_total_max: None,
            attempts_per_day_max: 8,
            intervals_min: None,
            rule_set: RuleSetName::parse("until-sale-or-dnc").unwrap(),
            subject: Subject::parse("general").unwrap(),
            default_region: Region::US,
            voice: Voice::default(),
            shards: 1,
            created_at: at(NOON),
            updated_at: at(NOON),
        }
    }

    pub(crate) fn lead() -> Lead {
        Lead {
            id: LeadId::parse("01J00000000000000000000000").unwrap(),
            phone: Phone::parse("+12125550142", Region::US).unwrap(),
            campaign: CampaignId::default_campaign(),
            list: ListId::parse("default").unwrap(),
            version: 1,
            status: StatusName::parse("new").unwrap(),
            status_at: at(NOON),
            state: LeadState::Pending,
            reason: None,
            next_at: Some(at(NOON)),
            callback_at: None,
            owner: Owner::from(&CampaignId::default_campaign()),
            lane: Lane::Fresh,
            shard: 0,
            attempts: 0,
            today: None,
            refusals: 0,
            outcomes: vec![],
            last_attempt: None,
            last_call_id: None,
            last_call_at: None,
            state_code: None,
            postal_code: None,
            created_at: at(NOON),
            updated_at: at(NOON),
        }
    }

    fn starts(times: &[&str]) -> Vec<Start> {
        times
            .iter()
            .map(|t| Start {
                at: at(t),
                subject: Subject::parse("general").unwrap(),
            })
            .collect()
    }

    fn inflight() -> InFlight {
        InFlight {
            id: AttemptId::parse("01J00000000000000000000001").unwrap(),
            lead: lead().id,
            campaign: CampaignId::default_campaign(),
            owner: Owner::from(&CampaignId::default_campaign()),
            slot: "0/0".into(),
            nonce: Nonce::parse("n").unwrap(),
            placement: Placement::Placing,
            reserved_at: at(NOON),
            place_by: at(NOON),
            lease_until: at(NOON),
            provider: "bland".into(),
            call_id: None,
            empty_look_at: None,
            max_duration_min: None,
            started_at: None,
            stop_asked_at: None,
            stopped_at: None,
            told: BTreeSet::new(),
        }
    }

    /// Each row blocks one thing more than the rows after it, so the table also fixes the order of reasons.
    #[test]
    fn the_table_of_reasons_in_their_order() {
        struct World {
            lead: Lead,
            ledger: Ledger,
            campaign: Campaign,
            switches: Switches,
            account: Option<DateTime<Utc>>,
            now: DateTime<Utc>,
        }
        let mut w = World {
            lead: lead(),
            ledger: Ledger::default(),
            campaign: campaign(),
            switches: Switches {
                enabled: true,
                running: true,
                campaign: CampaignStatus::Running,
            },
            account: None,
            now: at(NOON),
        };
        let ask = |w: &World| {
            gate(&GateInput {
                lead: &w.lead,
                ledger: &w.ledger,
                campaign: &w.campaign,
                switches: w.switches,
                account_closed_until: w.account,
                now: w.now,
            })
        };
        assert_eq!(ask(&w), Gate::Open);
        type Block = fn(&mut World);
        let later: [(&str, &str, Block); 12] = [
            ("not_due", "2026-11-20T17:03:00Z", |w| {
                w.lead.next_at = Some(at("2026-11-20T17:03:00Z"))
            }),
            ("account", "2026-11-20T17:10:00Z", |w| {
                w.account = Some(at("2026-11-20T17:10:00Z"))
            }),
            ("outside_window", "2026-11-23T16:00:00Z", |w| {
                w.now = at("2026-11-21T00:56:00Z")
            }),
            ("minimum_gap", "2026-11-23T16:00:00Z", |w| {
                w.ledger.starts = starts(&["2026-11-21T00:55:00Z"])
            }),
            ("ledger_full", "2026-11-23T16:00:00Z", |w| {
                w.campaign.attempts_per_day_max = 99;
                w.ledger.starts = starts(&["2026-11-20T10:00:00Z"; 64]);
            }),
            ("daily_cap", "2026-11-23T16:00:00Z", |w| {
                w.campaign.attempts_per_day_max = 8
            }),
            ("hold", "2026-11-23T16:00:00Z", |w| {
                w.ledger.hold_until = Some(at("2026-11-21T01:30:00Z"))
            }),
            ("in_flight", "2026-11-23T16:00:00Z", |w| {
                w.ledger.inflight = Some(inflight())
            }),
            ("campaign_not_running", "2026-11-23T16:00:00Z", |w| {
                w.switches.campaign = CampaignStatus::Paused
            }),
            ("stopped", "2026-11-23T16:00:00Z", |w| w.switches.running = false),
            ("disabled", "2026-11-23T16:00:00Z", |w| w.switches.enabled = false),
            ("disabled", "2026-11-20T17:15:00Z", |w| w.now = at(NOON)),
        ];
        for (code, until, block) in later {
            block(&mut w);
            match ask(&w) {
                Gate::Wait { reason, until: found } => {
                    assert_eq!((reason.code(), found), (code, super::tests::at(until)))
                }
                other => panic!("{code}: {other:?}"),
            }
        }
        let never: [(&str, Block); 6] = [
            ("total_cap", |w| {
                w.campaign.attempts_total_max = Some(3);
                w.lead.attempts = 3;
            }),
            ("state", |w| w.lead.state = LeadState::Paused),
            ("subject_stopped", |w| {
                let stop = SubjectStop {
                    at: at(NOON),
                    by: "x".into(),
                };
                w.ledger.stops.insert(Subject::parse("general").unwrap(), stop);
            }),
            ("bad_number", |w| w.ledger.bad_at = Some(at(NOON))),
            ("do_not_call", |w| w.ledger.dnc_at = Some(at(NOON))),
            ("do_not_call", |w| w.lead.callback_at = Some(at(NOON))),
        ];
        for (code, block) in never {
            block(&mut w);
            match ask(&w) {
                Gate::Closed { reason } => assert_eq!(reason.code(), code),
                other => panic!("{code}: {other:?}"),
            }
        }
    }

    #[test]
    fn the_ninth_call_of_a_day_waits_for_the_next_opening() {
        let ledger = Ledger {
            starts: starts(&["2026-11-20T16:00:00Z"; 8]),
            ..Ledger::default()
        };
        let switches = Switches {
            enabled: true,
            running: true,
            campaign: CampaignStatus::Running,
        };
        let (lead, campaign) = (lead(), campaign());
        let input = GateInput {
            lead: &lead,
            ledger: &ledger,
            campaign: &campaign,
            switches,
            account_closed_until: None,
            now: at(NOON),
        };
        let monday = at("2026-11-23T16:00:00Z");
        assert_eq!(
            gate(&input),
            Gate::Wait {
                reason: WaitReason::DailyCap { limit: 8 },
                until: monday
            }
        );
        assert_eq!(gate(&GateInput { now: monday, ..input }), Gate::Open);
    }

    #[test]
    fn another_subject_of_the_same_phone_is_still_called_after_a_sale() {
        let mut ledger = Ledger::default();
        ledger.stops.insert(
            Subject::parse("boats").unwrap(),
            SubjectStop {
                at: at(NOON),
                by: "x".into(),
            },
        );
        let switches = Switches {
            enabled: true,
            running: true,
            campaign: CampaignStatus::Running,
        };
        let (lead, campaign) = (lead(), campaign());
        let input = GateInput {
            lead: &lead,
            ledger: &ledger,
            campaign: &campaign,
            switches,
            account_closed_until: None,
            now: at(NOON),
        };
        assert_eq!(gate(&input), Gate::Open);
    }
}
