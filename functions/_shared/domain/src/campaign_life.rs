//! A campaign's life: which moves it may make, when it starts and ends by itself, and what still keeps it from starting
//! (C1, C5).
//!
//! Pure: the time, and whether there are leads, are arguments. It refuses to know who asks, and what becomes of calls in
//! flight: they end as they would have.

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use crate::{Campaign, CampaignError, CampaignId, iso};

/// How far ahead a campaign may be scheduled: longer is a typing error, and the calendar of zones ends some day.
pub const SCHEDULED_AHEAD_MAX: TimeDelta = TimeDelta::days(5 * 366);

/// Where a campaign stands (C1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CampaignStatus {
    /// Being prepared.
    Draft,
    /// Starts by itself at its time.
    Scheduled,
    /// Calls are placed.
    Running,
    /// Stopped for now.
    Paused,
    /// Done.
    Completed,
    /// Given up.
    Cancelled,
}

impl CampaignStatus {
    /// All of them, in the order of a life.
    pub const ALL: [Self; 6] = [
        Self::Draft,
        Self::Scheduled,
        Self::Running,
        Self::Paused,
        Self::Completed,
        Self::Cancelled,
    ];

    /// The word in items and answers.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Draft => "draft",
            Self::Scheduled => "scheduled",
            Self::Running => "running",
            Self::Paused => "paused",
            Self::Completed => "completed",
            Self::Cancelled => "cancelled",
        }
    }

    /// Reads the word, exactly.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == word)
    }

    /// The statuses that may follow.
    pub const fn next(self) -> &'static [Self] {
        match self {
            Self::Draft => &[Self::Scheduled, Self::Running, Self::Cancelled],
            // Its end may come before it could start.
            Self::Scheduled => &[Self::Draft, Self::Running, Self::Completed, Self::Cancelled],
            Self::Running => &[Self::Paused, Self::Completed, Self::Cancelled],
            Self::Paused => &[Self::Running, Self::Completed, Self::Cancelled],
            Self::Completed | Self::Cancelled => &[],
        }
    }

    /// Whether nothing may follow.
    pub const fn has_ended(self) -> bool {
        self.next().is_empty()
    }

    /// Moves, or says which moves are allowed. A move to where it is already changes nothing.
    ///
    /// # Errors
    /// When the move is not in the table.
    pub fn move_to(self, to: Self) -> Result<Self, CampaignError> {
        if self == to || self.next().contains(&to) {
            return Ok(to);
        }
        let allowed = match self.next() {
            [] => "nothing; it has ended".to_owned(),
            next => next.iter().map(|status| status.as_str()).collect::<Vec<_>>().join(", "),
        };
        Err(CampaignError::Move {
            from: self.as_str(),
            to: to.as_str(),
            allowed,
        })
    }
}

/// The times of a campaign's life.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Life {
    /// When it starts by itself: at the first look at or after this at which its hours are open.
    #[serde(
        with = "chrono::serde::ts_milliseconds_option",
        skip_serializing_if = "Option::is_none"
    )]
    pub starts_at: Option<DateTime<Utc>>,
    /// From when on it places no call, and ends by itself.
    #[serde(
        with = "chrono::serde::ts_milliseconds_option",
        skip_serializing_if = "Option::is_none"
    )]
    pub ends_at: Option<DateTime<Utc>>,
    /// When it first ran.
    #[serde(
        with = "chrono::serde::ts_milliseconds_option",
        skip_serializing_if = "Option::is_none"
    )]
    pub started_at: Option<DateTime<Utc>>,
    /// When it was completed or cancelled.
    #[serde(
        with = "chrono::serde::ts_milliseconds_option",
        skip_serializing_if = "Option::is_none"
    )]
    pub ended_at: Option<DateTime<Utc>>,
    /// When somebody deleted it. Everything about it stays readable; it never calls again.
    #[serde(
        with = "chrono::serde::ts_milliseconds_option",
        skip_serializing_if = "Option::is_none"
    )]
    pub deleted_at: Option<DateTime<Utc>>,
    /// Its time has come, it was open, and it had no leads.
    #[serde(skip_serializing_if = "is_false")]
    pub has_no_leads: bool,
    /// The version whose move the bus has not been told yet, as far as anybody knows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub untold: Option<u64>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
const fn is_false(flag: &bool) -> bool {
    !*flag
}

/// What keeps a scheduled campaign from running.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum StartHeld {
    /// Its start time has not come.
    StartTime,
    /// Its calling hours are closed.
    OutsideHours,
    /// It has no leads, and takes none by API or CRM.
    NoLeads,
}

/// What is to be done about a campaign without anybody asking.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Due {
    /// Nothing.
    Nothing,
    /// Start it, if it has leads or takes them.
    Start,
    /// Its end time has come.
    End,
    /// End it, if none of its leads waits and nothing is in flight.
    EndIfDone,
}

impl Campaign {
    /// Where it stands at an instant, by what its switch says: from its end time on it does not run, whoever comes to
    /// write that down, and when.
    pub fn status_at(&self, switch: CampaignStatus, now: DateTime<Utc>) -> CampaignStatus {
        match switch {
            CampaignStatus::Running if self.life.ends_at.is_some_and(|end| end <= now) => CampaignStatus::Completed,
            status => status,
        }
    }

    /// Where it stands, in words for people: since when, until when, and what it waits for.
    pub fn stands(&self, switch: CampaignStatus, now: DateTime<Utc>) -> String {
        let status = self.status_at(switch, now);
        let life = &self.life;
        let word = status.as_str();
        let at =
            |what: &str, at: Option<DateTime<Utc>>| at.map_or_else(String::new, |at| format!("{what} {}", iso(at)));
        match status {
            _ if self.is_deleted() => format!("{word}{}", at(", deleted", life.deleted_at)),
            CampaignStatus::Scheduled => {
                let held = match self.start_held(now) {
                    Some(StartHeld::OutsideHours) => "; it waits for its calling hours",
                    Some(StartHeld::NoLeads) => "; it has no leads",
                    Some(StartHeld::StartTime) | None => "",
                };
                format!("{word}{}{held}", at(" for", life.starts_at))
            }
            CampaignStatus::Completed => format!("{word}{}", at(" since", life.ended_at.or(life.ends_at))),
            CampaignStatus::Cancelled => format!("{word}{}", at(" since", life.ended_at)),
            CampaignStatus::Draft | CampaignStatus::Running | CampaignStatus::Paused => word.to_owned(),
        }
    }

    /// Whether somebody deleted it.
    pub const fn is_deleted(&self) -> bool {
        self.life.deleted_at.is_some()
    }

    /// The campaign after a move, as its next version. Without a change of status it is as it was.
    ///
    /// # Errors
    /// When the table of moves does not have it.
    pub fn moved(&self, to: CampaignStatus, now: DateTime<Utc>) -> Result<Self, CampaignError> {
        let status = self.status.move_to(to)?;
        let mut moved = self.clone();
        if status == self.status {
            return Ok(moved);
        }
        moved.status = status;
        let life = &mut moved.life;
        life.untold = Some(self.version + 1);
        life.has_no_leads = false;
        if status == CampaignStatus::Running {
            life.started_at.get_or_insert(now);
        }
        if status.has_ended() {
            life.ended_at.get_or_insert(now);
        }
        Ok(moved)
    }

    /// Sets when it starts and ends by itself. `None` leaves a time as it is, `Some(None)` takes it away. A start time
    /// makes a draft a scheduled campaign, and its absence the other way round. Window and version are looked at as they
    /// are.
    ///
    /// # Errors
    /// A time that is over, an end that is not after the start or before the first opening, or a campaign that has
    /// started or ended already.
    pub fn schedule(
        &mut self,
        starts_at: Option<Option<DateTime<Utc>>>,
        ends_at: Option<Option<DateTime<Utc>>>,
        now: DateTime<Utc>,
    ) -> Result<(), CampaignError> {
        let field = |field, why: String| Err(CampaignError::Field { field, why });
        // Stored in milliseconds: what was sent twice is the same twice.
        let whole_ms =
            |at: Option<DateTime<Utc>>| at.and_then(|at| DateTime::from_timestamp_millis(at.timestamp_millis()));
        let starts = starts_at.map(whole_ms).filter(|at| *at != self.life.starts_at);
        let ends = ends_at.map(whole_ms).filter(|at| *at != self.life.ends_at);
        for (name, at) in [("scheduled_start_time", starts), ("scheduled_end_time", ends)] {
            if at.flatten().is_some_and(|at| at - now > SCHEDULED_AHEAD_MAX) {
                let days = SCHEDULED_AHEAD_MAX.num_days();
                return field(name, format!("it is more than {days} days ahead"));
            }
        }
        if let Some(at) = starts {
            if at.is_some_and(|at| at < now) {
                return field(
                    "scheduled_start_time",
                    "it is over; give a later one, or start the campaign with POST /campaigns/{id}/start".to_owned(),
                );
            }
            let to = if at.is_some() {
                CampaignStatus::Scheduled
            } else {
                CampaignStatus::Draft
            };
            *self = self.moved(to, now)?;
            self.life.starts_at = at;
            self.life.has_no_leads = false;
        }
        if let Some(at) = ends {
            if self.status.has_ended() {
                return field("scheduled_end_time", "the campaign has ended already".to_owned());
            }
            if at.is_some_and(|at| at <= now) {
                return field("scheduled_end_time", "it is over; give a later one, or none".to_owned());
            }
            self.life.ends_at = at;
        }
        if let Some(end) = self.life.ends_at.filter(|_| starts.is_some() || ends.is_some()) {
            let from = self.life.starts_at.map_or(now, |start| start.max(now));
            if end <= from {
                return field(
                    "scheduled_end_time",
                    "it must be after `scheduled_start_time`".to_owned(),
                );
            }
            if self
                .window
                .next_open(from, Self::CLOSING_MARGIN)
                .is_none_or(|opens| opens >= end)
            {
                return field(
                    "scheduled_end_time",
                    "the calling hours do not open before it; give a later one, or other hours".to_owned(),
                );
            }
        }
        Ok(())
    }

    /// What keeps it from starting by itself, as far as is known; nothing when it is not scheduled.
    pub fn start_held(&self, now: DateTime<Utc>) -> Option<StartHeld> {
        let starts_at = self
            .life
            .starts_at
            .filter(|_| self.status == CampaignStatus::Scheduled)?;
        if starts_at > now {
            Some(StartHeld::StartTime)
        } else if !self.window.is_open(now, Self::CLOSING_MARGIN) {
            Some(StartHeld::OutsideHours)
        } else {
            self.life.has_no_leads.then_some(StartHeld::NoLeads)
        }
    }

    /// What is to be done about it without anybody asking.
    pub fn due(&self, now: DateTime<Utc>) -> Due {
        use CampaignStatus::{Paused, Running, Scheduled};
        let is_over = self.life.ends_at.is_some_and(|end| end <= now);
        match self.status {
            Scheduled | Running | Paused if is_over => Due::End,
            Scheduled => match self.start_held(now) {
                Some(StartHeld::StartTime | StartHeld::OutsideHours) => Due::Nothing,
                Some(StartHeld::NoLeads) | None => Due::Start,
            },
            // Leads that name no campaign come to it, today or in a year.
            Running if !self.open_intake && self.id != CampaignId::default_campaign() => Due::EndIfDone,
            _ => Due::Nothing,
        }
    }
}

#[cfg(test)]
mod tests;
