//! What each check of the gate saw, what it allows, and who says so, in words.

use chrono::{DateTime, TimeDelta, Utc};

use super::law_line;
use crate::consent::registry_unchecked;
use crate::gate::{Check, Look};
use crate::law::{Cap, CapOf, Jurisdiction, NoLaw, Places, Record, no_record};
use crate::{
    ABANDONED_ANSWERED_MIN, ABANDONED_DAYS, ABANDONED_PERCENT_MAX, Campaign, GateInput, LeadState, MINIMUM_GAP_S,
    STARTS_MAX, iso,
};

pub(super) fn cap_words(cap: Cap) -> String {
    let of = match cap.of {
        CapOf::Subject => "about one subject",
        CapOf::Number => "in all",
    };
    format!("{} calls in any {} hours, {of}", cap.calls, cap.hours)
}

fn law_words(record: &Record) -> String {
    let who = match (&record.added, record.kind) {
        (Some(added), _) => format!("added by {}: {}", added.by, added.reason),
        (None, kind) => kind.as_str().to_owned(),
    };
    format!("{} ({who}): {}", record.name, record.sources.join("; "))
}

fn when(at: Option<DateTime<Utc>>, never: &str) -> String {
    at.map_or_else(|| never.to_owned(), |at| format!("since {}", iso(at)))
}

fn setting(campaign: &Campaign, name: &str) -> String {
    format!("`{name}` of campaign `{}`, version {}", campaign.id, campaign.version)
}

impl Look<'_> {
    /// What a check saw, what it allows, and who says so.
    pub(super) fn seen(&self, check: Check) -> (String, String, String) {
        let GateInput {
            lead,
            ledger,
            campaign,
            law: _,
            switches,
            account_closed_until,
            now,
        } = self.input;
        let window = &campaign.window;
        let on_off = |on: bool| if on { "on" } else { "off" }.to_owned();
        let (value, limit, source): (String, &str, String) = match check {
            Check::DoNotCall => (
                when(ledger.dnc_at, "no mark"),
                "no mark on the phone",
                "47 CFR 64.1200(d)(3), (a)(10)".to_owned(),
            ),
            Check::BadNumber => (
                when(ledger.bad_at, "not known to be bad"),
                "a number that exists",
                "what the provider said".to_owned(),
            ),
            Check::SubjectStopped => (
                when(
                    ledger.stops.get(&campaign.subject).map(|stop| stop.at),
                    "neither sold nor stopped",
                ),
                "no sale and no stop about this subject",
                setting(campaign, "subject"),
            ),
            Check::Law => return self.law_seen(),
            Check::Consent => return self.consent_seen(),
            Check::Registry => return self.registry_seen(),
            Check::HungUp => {
                let asks = self
                    .hours
                    .as_ref()
                    .ok()
                    .and_then(|hours| hours.no_call_after_hang_up(now));
                return (
                    when(
                        ledger.hung_up_at,
                        "no call of ours that the person is known to have ended",
                    ),
                    asks.map_or(
                        "nothing asked for",
                        |_| "no call after one that the person ended, or may have ended",
                    )
                    .to_owned(),
                    asks.map_or_else(|| "the law book".to_owned(), law_words),
                );
            }
            Check::EverOpen => (
                self.opens(now)
                    .map_or_else(|| "no opening".to_owned(), |at| format!("opens {}", iso(at))),
                "an opening within 400 days, in the campaign's hours and in those of every law below",
                format!(
                    "{}, and the law where it may be",
                    setting(campaign, "calling_days, calling_hours, blackout_dates")
                ),
            ),
            Check::State => (
                match lead.state {
                    LeadState::MaxAttempts => "max_attempts, see `total_cap`".to_owned(),
                    state => state.as_str().to_owned(),
                },
                "a state that waits for a call",
                lead.reason.clone().unwrap_or_else(|| "the lead".to_owned()),
            ),
            Check::TotalCap => {
                let limit = campaign.attempts_total_max;
                return (
                    match ledger.reported_calls(lead, campaign) {
                        0 => format!("{} calls in its life", lead.attempts),
                        others => format!(
                            "{} calls in its life: {} of ours, {others} that others reported",
                            ledger.calls_in_all(lead, campaign),
                            lead.attempts
                        ),
                    },
                    limit.map_or_else(|| "no limit".to_owned(), |limit| format!("fewer than {limit}")),
                    setting(campaign, "max_attempts_per_lead"),
                );
            }
            Check::Enabled => (on_off(switches.enabled), "on", "the business switch".to_owned()),
            Check::Running => (on_off(switches.running), "on", "the operator's switch".to_owned()),
            Check::Campaign => (
                campaign.stands(switches.campaign, now),
                "running",
                setting(campaign, "status"),
            ),
            Check::AbandonedCalls => return self.abandoned_seen(),
            Check::Banned => return self.bans_seen(),
            Check::InFlight => (
                ledger.inflight.as_ref().map_or_else(
                    || "free".to_owned(),
                    |held| format!("taken since {}", iso(held.reserved_at)),
                ),
                "a free line: one call to a phone at a time",
                "the phone's ledger".to_owned(),
            ),
            Check::Hold => (
                ledger
                    .hold_until
                    .filter(|until| *until > now)
                    .map_or_else(|| "none".to_owned(), |until| format!("held until {}", iso(until))),
                "no hold: a transferred caller may talk for 30 minutes",
                "the phone's ledger".to_owned(),
            ),
            Check::LawCap => return self.law_cap_seen(),
            Check::DailyCap => {
                let today = window.date_of(now);
                return (
                    format!("{} calls on {today} in {}", ledger.calls_on(today, window), window.zone),
                    format!("fewer than {}", campaign.attempts_per_day_max),
                    setting(campaign, "attempts_per_day_max"),
                );
            }
            Check::KeptForCallback => {
                let hours = self.hours.as_ref().ok();
                let kept = hours.and_then(|hours| ledger.kept_for_callback(lead, campaign, hours, now));
                return (
                    format!("{} promised callbacks to this phone", ledger.promises.len()),
                    kept.map_or_else(
                        || "room for each of them".to_owned(),
                        |kept| format!("the last of {} calls is kept for one", kept.limit),
                    ),
                    "what was promised, and the cap that it falls under".to_owned(),
                );
            }
            Check::LedgerFull => {
                return (
                    format!("{} calls in 48 hours", ledger.live_starts(now).len()),
                    format!("fewer than {STARTS_MAX}"),
                    "what a ledger keeps".to_owned(),
                );
            }
            Check::MinimumGap => {
                return (
                    ledger.last_start().map_or_else(
                        || "never called".to_owned(),
                        |start| format!("last call {}", iso(start)),
                    ),
                    format!("{MINIMUM_GAP_S} seconds from start to start"),
                    "the smallest gap between two calls to one phone".to_owned(),
                );
            }
            Check::LawHours => return self.law_hours_seen(),
            Check::Window => {
                let days: Vec<String> = window.days.iter().map(ToString::to_string).collect();
                return (
                    now.with_timezone(&window.zone)
                        .format("%a %Y-%m-%d %H:%M %Z")
                        .to_string(),
                    format!(
                        "{} {}-{}, {} minutes before the end nothing is begun; {} blackout dates",
                        days.join(" "),
                        window.start,
                        window.end,
                        Campaign::CLOSING_MARGIN.num_minutes(),
                        window.blackout_dates.len()
                    ),
                    setting(campaign, "calling_days, calling_hours, blackout_dates"),
                );
            }
            Check::Account => (
                account_closed_until
                    .filter(|until| *until > now)
                    .map_or_else(|| "open".to_owned(), |until| format!("left alone until {}", iso(until))),
                "an account that takes calls",
                "what the provider answered".to_owned(),
            ),
            Check::Due => (
                lead.next_at.map_or_else(|| "no time".to_owned(), iso),
                "a time that has come",
                lead.reason.clone().unwrap_or_else(|| "the lead".to_owned()),
            ),
        };
        (value, limit.to_owned(), source)
    }

    fn law_seen(&self) -> (String, String, String) {
        let limit = "a record of the law wherever it may be".to_owned();
        let places = Places::of(&self.input.lead.phone, self.input.lead.told_places());
        let mut seen: Vec<String> = match &self.hours {
            Ok(_) => {
                let laws: Vec<&str> = places.jurisdictions.iter().map(Jurisdiction::as_str).collect();
                let zones: Vec<&str> = places.zones.iter().map(|zone| zone.0.name()).collect();
                vec![format!("{} in {}", laws.join(", "), zones.join(", "))]
            }
            Err(NoLaw { jurisdiction: None }) => vec!["the country of this number is in no table".to_owned()],
            Err(NoLaw { jurisdiction }) if places.doubts.iter().any(|doubt| doubt.no_record == *jurisdiction) => vec![],
            Err(NoLaw { jurisdiction }) => jurisdiction.iter().map(no_record).collect(),
        };
        let told = places.doubts.iter();
        seen.extend(told.map(|doubt| format!("{}: {}", doubt.field, doubt.message())));
        (
            seen.join("; "),
            limit,
            "the phone's prefix, and the lead's state, ZIP and time zone".to_owned(),
        )
    }

    fn consent_seen(&self) -> (String, String, String) {
        let GateInput {
            lead,
            ledger,
            campaign,
            now,
            ..
        } = self.input;
        let outlived = |at: &DateTime<Utc>| {
            lead.consent
                .is_none_or(|own| own.revoked_at.is_none() && own.given_at <= *at)
        };
        let taken_back = ledger.consent_revoked_at.filter(outlived);
        let value = match (&lead.consent, &campaign.consent) {
            (Some(own), _) => {
                let end = match (own.revoked_at, own.expires_at) {
                    (Some(at), _) => format!(", taken back {}", iso(at)),
                    (None, Some(at)) => format!(", until {}", iso(at)),
                    (None, None) => String::new(),
                };
                format!("{}, given {}{end}", own.kind.as_str(), iso(own.given_at))
            }
            (None, Some(said)) => format!("{}, asserted by {} for the campaign", said.kind.as_str(), said.by),
            (None, None) => "none on file".to_owned(),
        };
        let value = taken_back.map_or(value, |at| format!("taken back {} for this phone", iso(at)));
        let asks = self.hours.as_ref().ok().and_then(|hours| {
            hours
                .in_force(now)
                .find(|legal| legal.record.consent.is_some())
                .map(|legal| legal.record)
        });
        (
            value,
            asks.map_or("nothing asked for", |_| "prior express written consent")
                .to_owned(),
            asks.map_or_else(|| "the law book".to_owned(), law_words),
        )
    }

    fn registry_seen(&self) -> (String, String, String) {
        let GateInput {
            lead,
            ledger,
            campaign,
            now,
            ..
        } = self.input;
        let asks = self.hours.as_ref().ok().and_then(|hours| {
            let records = hours.in_force(now).map(|legal| legal.record);
            // The one that blocks, else the strictest: fewest days, and no consent that stands for the look.
            let strictest = || {
                records
                    .filter(|record| record.scrub_days.is_some())
                    .min_by_key(|record| (record.scrub_days, record.scrub_unless.is_some()))
            };
            registry_unchecked(hours, lead, ledger, campaign, now)
                .map(|unchecked| unchecked.record)
                .or_else(strictest)
        });
        let limit = asks.map_or_else(
            || "nothing asked for".to_owned(),
            |record| {
                let unless = record.scrub_unless.map_or("", |_| ", or written consent");
                format!(
                    "looked up within {} days{unless}",
                    record.scrub_days.unwrap_or_default()
                )
            },
        );
        let checked = lead.registry_checked_at.max(campaign.registry_checked_at);
        (
            checked.map_or_else(|| "never looked up".to_owned(), |at| format!("looked up {}", iso(at))),
            limit,
            asks.map_or_else(|| "the law book".to_owned(), law_words),
        )
    }

    fn abandoned_seen(&self) -> (String, String, String) {
        let GateInput { campaign, now, .. } = self.input;
        let value = match (&campaign.brake, &campaign.brake_lifted) {
            (None, _) => "not too many".to_owned(),
            (Some(brake), lifted) => {
                let calls = brake.calls;
                let lifted = lifted
                    .as_ref()
                    .filter(|lifted| lifted.until > now)
                    .map_or_else(String::new, |lifted| {
                        format!(
                            "; lifted by {} until {}: {}",
                            lifted.by,
                            iso(lifted.until),
                            lifted.reason
                        )
                    });
                format!(
                    "{} of {} answered calls on {}{lifted}",
                    calls.abandoned,
                    calls.answered,
                    iso(brake.at)
                )
            }
        };
        (
            value,
            format!(
                "{ABANDONED_PERCENT_MAX} % of the campaign's answered calls abandoned in {ABANDONED_DAYS} days, of fewer \
                 than {ABANDONED_ANSWERED_MIN} as if they were so many"
            ),
            "16 CFR 310.4(b)(4)(i)".to_owned(),
        )
    }

    fn bans_seen(&self) -> (String, String, String) {
        let limit = "no ban where it may be".to_owned();
        let hours = self.hours.as_ref().ok();
        match hours.and_then(|hours| hours.banned_by(self.input.now, Campaign::CLOSING_MARGIN)) {
            None => ("no ban".to_owned(), limit, "operators' bans".to_owned()),
            Some(ban) => {
                let place = ban
                    .jurisdiction
                    .as_ref()
                    .map_or_else(|| "everywhere".to_owned(), ToString::to_string);
                let end = ban
                    .until
                    .map_or_else(|| "until lifted".to_owned(), |until| format!("until {}", iso(until)));
                (
                    format!("{place}, from {} {end}", iso(ban.from)),
                    limit,
                    format!("{}: {}", ban.added.by, ban.added.reason),
                )
            }
        }
    }

    fn law_cap_seen(&self) -> (String, String, String) {
        let GateInput {
            ledger, campaign, now, ..
        } = self.input;
        let hours = self.hours.as_ref().ok();
        let capped = hours
            .and_then(|hours| hours.capped_by(&ledger.starts, &campaign.subject, now))
            .map(|(record, cap, _)| (record, cap));
        let tightest = || {
            let records = hours?.in_force(now).map(|legal| legal.record);
            let caps = records.filter_map(|record| Some((record, record.cap?)));
            caps.min_by_key(|(_, cap)| (cap.calls, std::cmp::Reverse(cap.hours)))
        };
        match capped.or_else(tightest) {
            None => (
                "no cap".to_owned(),
                "nothing asked for".to_owned(),
                "the law book".to_owned(),
            ),
            Some((record, cap)) => {
                let margin = Campaign::CLOSING_MARGIN;
                let since = now - TimeDelta::hours(i64::from(cap.hours)) - margin;
                let counted = ledger
                    .starts
                    .iter()
                    .filter(|start| start.at > since)
                    .filter(|start| cap.of == CapOf::Number || start.is_about(&campaign.subject));
                (
                    format!("{} calls that count", counted.count()),
                    format!(
                        "{}; each counts {} minutes longer, in which it may have rung",
                        cap_words(cap),
                        margin.num_minutes()
                    ),
                    law_words(record),
                )
            }
        }
    }

    fn law_hours_seen(&self) -> (String, String, String) {
        let now = self.input.now;
        let margin = Campaign::CLOSING_MARGIN;
        let Ok(hours) = &self.hours else {
            return (
                "no law".to_owned(),
                "open everywhere it may be".to_owned(),
                String::new(),
            );
        };
        match hours.closed_by(now, margin) {
            Some(closed) => {
                let line = law_line(closed, now);
                (
                    format!("{} in {}", line.local_time, line.zone),
                    format!(
                        "{} {}, {} minutes before the end nothing is begun",
                        line.jurisdiction,
                        line.hours_today,
                        margin.num_minutes()
                    ),
                    law_words(closed.record),
                )
            }
            None => (
                format!("all {} are open", hours.legal.len()),
                "open everywhere it may be".to_owned(),
                "the law book".to_owned(),
            ),
        }
    }
}
