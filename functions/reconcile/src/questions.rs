//! Questions to the provider, as many as one run may ask.
//!
//! By call id, or by number and then by the metadata of each candidate. An answer is given only when it is one: an
//! error about one candidate, a candidate that nobody asked about, or one that may be ours leave a doubt, and a doubt
//! is no "no". It refuses to know what follows.

use std::cmp::Reverse;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use redial_domain::{CallEvent, CallId, EventKind, InFlight, OurMetadata, Phone, Transfer};
use redial_telephony::bland::PROVIDER;
pub(crate) use redial_telephony::bland::{AskError, BlandClient as Client};
use tokio::time::Instant;

use crate::candidate::{Whose, may_have_been_placed, whose};

/// Questions in one run: at 5 a second (integrators keep to 150 ms between requests) 80 s.
const QUESTIONS_MAX: usize = 400;
/// No question begins later than this in a run: the function has 120 s, and the longest question takes 20.
const ASKING_MAX: Duration = Duration::from_secs(90);
/// Candidates of one number that are asked about one by one. No phone is called more often than this in a day, and
/// while an attempt is unknown its line is locked: more are calls of other systems.
const CANDIDATES_MAX: usize = 24;
/// Questions without an answer, one after the other, after which the provider is left alone for the rest of the run:
/// at ten seconds each half a minute.
const UNANSWERED_MAX: u32 = 3;

/// What the provider said about an attempt.
#[derive(Debug)]
pub(crate) enum Said {
    /// The call is over, and how.
    Over(Box<CallEvent>),
    /// It waits, rings or talks.
    GoesOn {
        call_id: CallId,
        started_at: Option<DateTime<Utc>>,
        /// To an agent.
        transferred: bool,
    },
    /// There is no such call.
    Unknown,
    /// There are calls of which one may be it.
    Unclear(Doubt),
    /// No answer, or none from which anything follows.
    Silent(AskError),
}

/// Why a list of calls does not tell whether ours is among them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Doubt {
    /// There were more than could be asked about.
    NotAllAsked,
    /// One goes on and carries no id.
    WithoutId,
    /// One is listed and yet not known.
    ListedOnly,
}

/// The questions of one run.
pub(crate) struct Questions<'a> {
    client: &'a Client,
    left: usize,
    began: Instant,
    unanswered: u32,
    answered: bool,
    error: Option<AskError>,
    closed: Option<AskError>,
}

impl<'a> Questions<'a> {
    pub(crate) fn new(client: &'a Client) -> Self {
        Self {
            client,
            left: QUESTIONS_MAX,
            began: Instant::now(),
            unanswered: 0,
            answered: false,
            error: None,
            closed: None,
        }
    }

    /// The provider's name.
    pub(crate) const fn provider(&self) -> &'static str {
        PROVIDER
    }

    /// Whether there was an answer.
    pub(crate) const fn answered(&self) -> bool {
        self.answered
    }

    /// What the provider says instead of answers, if it gave none.
    pub(crate) fn silence(&self) -> Option<AskError> {
        self.closed.or(self.error.filter(|_| !self.answered))
    }

    /// Why the provider is left alone for the rest of the run, if it is.
    pub(crate) const fn closed(&self) -> Option<AskError> {
        self.closed
    }

    fn exhausted(&self) -> bool {
        self.left == 0 || self.began.elapsed() >= ASKING_MAX
    }

    /// Asks about an attempt. `None`: not in this run any more.
    pub(crate) async fn ask(&mut self, phone: &Phone, inflight: &InFlight) -> Option<Said> {
        if self.exhausted() || self.closed.is_some() {
            return None;
        }
        let found = match &inflight.call_id {
            Some(call_id) => match self.details(call_id).await {
                Ok(found) => found.map_or(Said::Unknown, |event| said(event, phone, inflight)),
                Err(error) => Said::Silent(error),
            },
            None => self.find(phone, inflight).await,
        };
        Some(found)
    }

    /// Tells the provider to end a call. `false`: it did not say that it will.
    pub(crate) async fn stop(&mut self, call_id: &CallId) -> bool {
        self.left = self.left.saturating_sub(1);
        let answer = self.client.stop(call_id).await;
        self.note(answer).is_ok()
    }

    /// The call that carries our attempt, among those to its number since it was reserved.
    async fn find(&mut self, phone: &Phone, inflight: &InFlight) -> Said {
        // Two lists: with the plus sign and without.
        self.left = self.left.saturating_sub(2);
        let listed = self.client.calls_to(phone, inflight.reserved_at).await;
        let mut listed = match self.note(listed) {
            Ok(listed) => listed,
            Err(error) => return Said::Silent(error),
        };
        // The one that was taken when we asked for it is most likely ours.
        let distance = |at: Option<DateTime<Utc>>| at.map_or(TimeDelta::zero(), |at| (at - inflight.reserved_at).abs());
        listed.sort_by_key(|call| (Reverse(call.created_at.is_none()), distance(call.created_at)));
        let mut doubt = (listed.len() > CANDIDATES_MAX).then_some(Doubt::NotAllAsked);
        let mut silent = None;
        for candidate in listed.iter().take(CANDIDATES_MAX) {
            if self.exhausted() || self.closed.is_some() {
                doubt = Some(Doubt::NotAllAsked);
                break;
            }
            match self.details(&candidate.call_id).await {
                Ok(Some(event)) => match whose(&event, inflight) {
                    Whose::Ours => return said(event, phone, inflight),
                    Whose::Another => {}
                    Whose::MayBeOurs => doubt = doubt.or(Some(Doubt::WithoutId)),
                },
                Ok(None) if may_have_been_placed(candidate.created_at, inflight) => {
                    doubt = doubt.or(Some(Doubt::ListedOnly));
                }
                Ok(None) => {}
                Err(error) => silent = Some(error),
            }
        }
        match (silent, doubt) {
            (Some(error), _) => Said::Silent(error),
            (None, Some(doubt)) => Said::Unclear(doubt),
            (None, None) => Said::Unknown,
        }
    }

    async fn details(&mut self, call_id: &CallId) -> Result<Option<CallEvent>, AskError> {
        self.left = self.left.saturating_sub(1);
        let answer = self.client.details(call_id).await;
        self.note(answer)
    }

    fn note<T>(&mut self, answer: Result<T, AskError>) -> Result<T, AskError> {
        self.error = answer.as_ref().err().copied().or(self.error);
        match &answer {
            Ok(_) => (self.answered, self.unanswered) = (true, 0),
            Err(error @ (AskError::RateLimited { .. } | AskError::Refused { status: 401..=403 })) => {
                self.closed = Some(*error);
            }
            // A refusal is an answer, though not one to build on.
            Err(AskError::Refused { .. }) => self.unanswered = 0,
            Err(error @ AskError::Unavailable) => {
                self.unanswered += 1;
                self.closed = (self.unanswered >= UNANSWERED_MAX).then_some(*error);
            }
        }
        answer
    }
}

/// The provider's record of a call that is ours, with what we know about it.
fn said(event: CallEvent, phone: &Phone, inflight: &InFlight) -> Said {
    if event.kind == EventKind::Progress
        && let Some(call_id) = event.call_id
    {
        return Said::GoesOn {
            call_id,
            started_at: event.facts.started_at,
            transferred: matches!(event.facts.transfer, Transfer::Tried | Transfer::Connected),
        };
    }
    Said::Over(Box::new(CallEvent {
        phone: Some(phone.clone()),
        ours: ours(inflight),
        ..event
    }))
}

/// What we sent along with a call.
pub(crate) fn ours(inflight: &InFlight) -> OurMetadata {
    OurMetadata {
        attempt: Some(inflight.id.clone()),
        lead: Some(inflight.lead.clone()),
        campaign: Some(inflight.campaign.clone()),
    }
}
