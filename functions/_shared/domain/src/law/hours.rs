//! When a lead may be called: the campaign's hours, less every hour that a law closes in a zone where the lead may be.
//!
//! An opening is found by leaps from closing to opening, never minute by minute: each hour that is closed names the
//! instant at which it opens, and the latest of them is looked at next.

use chrono::{DateTime, Days, TimeDelta, Utc};
use chrono_tz::Tz;

use super::{Ban, Cap, CapOf, Holidays, Jurisdiction, Law, Places, Record, SpokenBy};
use crate::window::SEARCH_DAYS_MAX;
use crate::zone_clock::date_in;
use crate::{Campaign, Lead, Start, Subject, Window};

/// Leaps of one search: two a day and zone for as long as a campaign's own opening is looked for.
const LEAPS_MAX: usize = 1_000;

/// One record in one zone.
#[derive(Debug, Clone, Copy)]
pub struct Legal<'a> {
    /// The record.
    pub record: &'a Record,
    /// The zone in which its hours are counted.
    pub zone: Tz,
    /// The holidays that it names.
    pub holidays: Option<&'a Holidays>,
}

impl Legal<'_> {
    fn spans(&self, from: DateTime<Utc>) -> impl Iterator<Item = (DateTime<Utc>, DateTime<Utc>)> + '_ {
        // No law's hours run past midnight, so those of yesterday are over.
        let days = date_in(self.zone, from).iter_days();
        days.take(SEARCH_DAYS_MAX as usize)
            .filter_map(|date| self.record.span(self.holidays, self.zone, date))
    }

    /// The first instant at or after `from` at which a call may start.
    pub fn next_open(&self, from: DateTime<Utc>, closing_margin: TimeDelta) -> Option<DateTime<Utc>> {
        self.spans(from).find_map(|(opens, closes)| {
            let start = opens.max(from);
            (start < closes - closing_margin).then_some(start)
        })
    }

    fn is_in_force(&self, at: DateTime<Utc>) -> bool {
        let is_dated = self.record.from.is_some() || self.record.until.is_some();
        !is_dated || self.record.is_in_force(date_in(self.zone, at))
    }

    fn closes_at(&self, from: DateTime<Utc>) -> Option<DateTime<Utc>> {
        self.spans(from).map(|(_, closes)| closes).find(|closes| *closes > from)
    }
}

/// No record says what is allowed where a lead may be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoLaw {
    /// Where, if a table knows the phone's prefix.
    pub jurisdiction: Option<Jurisdiction>,
}

/// When one lead may be called.
#[derive(Debug, Clone)]
pub struct CallingHours<'a> {
    /// The campaign's hours.
    pub window: &'a Window,
    /// Every record that holds where the lead may be, in every such zone; the law first in the order of the book.
    pub legal: Vec<Legal<'a>>,
    /// Bans that hold there, now or later.
    pub bans: Vec<&'a Ban>,
}

impl<'a> CallingHours<'a> {
    /// The hours of a campaign for a lead that may be in these places.
    ///
    /// # Errors
    /// The country or state for which there is no record: nobody knows what is allowed there, so nothing is.
    pub fn new(law: &'a Law, window: &'a Window, places: &Places, voice: SpokenBy) -> Result<Self, NoLaw> {
        let mut legal: Vec<Legal<'a>> = Vec::new();
        if places.jurisdictions.is_empty() {
            return Err(NoLaw { jurisdiction: None });
        }
        for jurisdiction in &places.jurisdictions {
            let records = law.records_of(jurisdiction).filter(|record| record.voice.covers(voice));
            let before = legal.len();
            for record in records {
                let holidays = record.holidays.as_deref().and_then(|name| law.holidays(name));
                let zones: Vec<Tz> = match record.zone {
                    Some(zone) => vec![zone],
                    None => places.zones.iter().map(|zone| zone.0).collect(),
                };
                legal.extend(zones.into_iter().map(|zone| Legal { record, zone, holidays }));
            }
            if legal.len() == before {
                return Err(NoLaw {
                    jurisdiction: Some(*jurisdiction),
                });
            }
        }
        let bans = law.bans().iter().filter(|ban| ban.covers(places)).collect();
        Ok(Self { window, legal, bans })
    }

    /// The hours of a campaign for one of its leads.
    ///
    /// # Errors
    /// The country or state where the lead may be and for which there is no record.
    pub fn of_lead(law: &'a Law, campaign: &'a Campaign, lead: &Lead) -> Result<Self, NoLaw> {
        let places = Places::of(&lead.phone, lead.told_places());
        Self::new(law, &campaign.window, &places, SpokenBy::Automated)
    }

    /// The first instant at or after `from` at which a call may start; `from` itself while all is open. `None` when
    /// nothing opens within 400 days.
    pub fn next_open(&self, from: DateTime<Utc>, closing_margin: TimeDelta) -> Option<DateTime<Utc>> {
        let all = 1 + self.legal.len();
        let (mut at, mut agree) = (from, 0);
        for n in 0..LEAPS_MAX * all {
            let next = match (n % all).checked_sub(1) {
                None => self.window.next_open(at, closing_margin),
                Some(n) => self.legal.get(n)?.next_open(at, closing_margin),
            }?;
            agree = if next == at { agree + 1 } else { 1 };
            at = next;
            if agree == all {
                return Some(at);
            }
        }
        None
    }

    /// Whether a call may start now and still ring before anything closes.
    pub fn is_open(&self, at: DateTime<Utc>, closing_margin: TimeDelta) -> bool {
        self.window.is_open(at, closing_margin) && self.closed_by(at, closing_margin).is_none()
    }

    /// The first record that keeps a call from starting now.
    pub fn closed_by(&self, at: DateTime<Utc>, closing_margin: TimeDelta) -> Option<&Legal<'a>> {
        self.legal
            .iter()
            .find(|legal| legal.next_open(at, closing_margin) != Some(at))
    }

    /// The next closing after `from` of any law, or the next beginning of a ban.
    pub fn law_closes_at(&self, from: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let bans = self.bans.iter().map(|ban| ban.from).filter(|begins| *begins > from);
        let closings = self.legal.iter().filter_map(|legal| legal.closes_at(from));
        closings.chain(bans).min()
    }

    /// The ban that keeps a call from starting now: the one that holds longest.
    pub fn banned_by(&self, at: DateTime<Utc>, closing_margin: TimeDelta) -> Option<&'a Ban> {
        let holds = self.bans.iter().copied().filter(|ban| ban.holds(at, closing_margin));
        holds.max_by_key(|ban| ban.until.unwrap_or(DateTime::<Utc>::MAX_UTC))
    }

    /// The records in force now, each with the date of its zone.
    pub fn in_force(&self, at: DateTime<Utc>) -> impl Iterator<Item = &Legal<'a>> {
        self.legal.iter().filter(move |legal| legal.is_in_force(at))
    }

    /// The first record in force that allows no call to a person who ended one.
    pub fn no_call_after_hang_up(&self, at: DateTime<Utc>) -> Option<&'a Record> {
        self.in_force(at)
            .map(|legal| legal.record)
            .find(|record| record.no_call_after_hang_up)
    }

    /// The first opening on a later date of the campaign than that of `after`.
    pub fn next_day_open(&self, after: DateTime<Utc>, closing_margin: TimeDelta) -> Option<DateTime<Utc>> {
        let tomorrow = self.window.date_of(after).checked_add_days(Days::new(1))?;
        self.next_open(self.window.start_of(tomorrow), closing_margin)
    }

    /// The cap that keeps a call about a subject from starting now, and when the oldest call it counts is too old.
    pub fn capped_by(
        &self,
        starts: &[Start],
        subject: &Subject,
        now: DateTime<Utc>,
    ) -> Option<(&'a Record, Cap, DateTime<Utc>)> {
        let capped = self.legal.iter().filter_map(|legal| {
            let cap = legal.record.cap.filter(|_| legal.is_in_force(now))?;
            // Counted is not ringing: a call may ring a closing margin after the start that counts, and so much longer the
            // person has had it.
            let hours = TimeDelta::hours(i64::from(cap.hours)) + Campaign::CLOSING_MARGIN;
            let mut counted: Vec<DateTime<Utc>> = starts
                .iter()
                .filter(|start| cap.of == CapOf::Number || start.is_about(subject))
                .map(|start| start.at)
                .filter(|at| *at + hours > now)
                .collect();
            counted.sort_unstable();
            // With one start fewer than the cap inside the hours, the next one is allowed.
            let over = (counted.len() + 1)
                .checked_sub(cap.calls as usize)
                .filter(|over| *over > 0)?;
            let until = *counted.get(over - 1)? + hours;
            Some((legal.record, cap, until))
        });
        capped.max_by_key(|(.., until)| *until)
    }
}
