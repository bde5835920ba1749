//! Attempts whose time is up: what does the provider say?
//!
//! Data flow: slots of every campaign → tokens whose claim has ended → ledger: is the attempt in flight, and its lease
//! over? → the provider, by call id, or by number and then by the metadata of each candidate → over: reported to the
//! calls queue, where it is applied like any webhook; still talking: more time; unknown twice, five minutes apart: lost.
//!
//! An attempt in flight always holds its slot's token, so the slots are the list of everything in flight. Nothing is
//! decided here, and no call is ever placed again on a guess. A residue stays: a call that a provider accepted and shows
//! only after both looks cannot be told from one that it never had; the two minutes between calls narrow it.

use chrono::{DateTime, TimeDelta, Utc};
use redial_aws::App;
use redial_aws::campaigns::CAMPAIGNS_MAX;
use redial_aws::messages::{CallMessage, Report};
use redial_aws::queues::QueueError;
use redial_aws::table::TableError;
use redial_domain::{
    CallEvent, Campaign, DeliveryId, Direction, EventKind, Facts, InFlight, Leg, OurMetadata, Outcome, Owner, Phone,
    Placement, SCHEMA_VERSION,
};
use redial_telephony::bland::{AskError, BlandClient};

/// Questions to the provider in one run: at 5 a second (integrators keep to 150 ms between requests) 100 s of the
/// function's 120.
const QUESTIONS_MAX: usize = 400;
/// Candidates of one number that are asked about one by one.
const CANDIDATES_MAX: usize = 10;
/// Two empty answers are this far apart before a call counts as lost: lists of calls lag behind.
const EMPTY_LOOKS_APART: TimeDelta = TimeDelta::minutes(5);
/// A call that is still talking is asked about again after this long.
const EXTENSION: TimeDelta = TimeDelta::minutes(10);

/// What one run did.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Asked {
    pub(crate) looked_at: usize,
    pub(crate) reported: usize,
    pub(crate) extended: usize,
    pub(crate) lost: usize,
    pub(crate) stopped: usize,
}

#[derive(Debug, thiserror::Error)]
pub(crate) enum AskFailed {
    #[error(transparent)]
    Table(#[from] TableError),
    #[error(transparent)]
    Queue(#[from] QueueError),
}

#[derive(Debug, Clone)]
pub(crate) struct Asker {
    app: App,
    bland: BlandClient,
}

/// What the provider said about an attempt.
enum Said {
    Over(Box<CallEvent>),
    GoesOn(Box<CallEvent>),
    KnowsNone,
    Nothing,
}

impl Asker {
    pub(crate) const fn new(app: App, bland: BlandClient) -> Self {
        Self { app, bland }
    }

    pub(crate) async fn look_at_all(&self) -> Result<Asked, AskFailed> {
        let mut asked = Asked::default();
        for campaign in self.app.table.campaigns(None, CAMPAIGNS_MAX).await? {
            // A change of a campaign that ended between campaign and slots is finished here.
            self.app.table.configure_slots(&campaign).await?;
            let owner = Owner::from(&campaign.id);
            for shard in 0..campaign.shards {
                for slot in self.app.table.slots(&owner, shard).await? {
                    for (phone, token) in &slot.tokens {
                        if asked.looked_at >= QUESTIONS_MAX {
                            return Ok(asked);
                        }
                        let now = self.app.clock.now();
                        let ledger = self.app.table.ledger(phone).await?;
                        let Some(inflight) = ledger.inflight.filter(|inflight| inflight.id == token.attempt) else {
                            continue;
                        };
                        self.look_at(&campaign, phone, &inflight, now, &mut asked).await?;
                    }
                }
            }
        }
        Ok(asked)
    }

    async fn look_at(
        &self,
        campaign: &Campaign,
        phone: &Phone,
        inflight: &InFlight,
        now: DateTime<Utc>,
        asked: &mut Asked,
    ) -> Result<(), AskFailed> {
        let overdue = now > inflight.lease_until;
        // Accepted is not ringing: what the provider still queues when the window closes must not ring any more.
        let closing = inflight.call_id.is_some() && !campaign.window.is_open(now, TimeDelta::zero());
        if !overdue && !closing {
            return Ok(());
        }
        asked.looked_at += 1;
        match self.ask(phone, inflight).await {
            Said::Over(event) => {
                self.report(*event).await?;
                asked.reported += 1;
            }
            Said::GoesOn(event) => {
                if inflight.placement == Placement::Placing
                    && let Some(call_id) = &event.call_id
                {
                    self.app
                        .table
                        .placed(phone, &inflight.id, call_id, now + EXTENSION)
                        .await?;
                }
                if closing
                    && event.facts.started_at.is_none()
                    && let Some(call_id) = &event.call_id
                {
                    if self.bland.stop(call_id).await.is_ok() {
                        tracing::info!(attempt.id = %inflight.id, "call not started at closing: stopped");
                        asked.stopped += 1;
                    }
                } else {
                    self.app.table.extend_lease(phone, &inflight.id, EXTENSION, now).await?;
                    asked.extended += 1;
                }
            }
            Said::KnowsNone
                if inflight
                    .empty_look_at
                    .is_some_and(|first| now - first >= EMPTY_LOOKS_APART) =>
            {
                tracing::warn!(attempt.id = %inflight.id, "attempt lost: the provider knows no such call, twice");
                self.report(lost(phone, inflight)).await?;
                asked.lost += 1;
            }
            Said::KnowsNone if overdue => self.app.table.note_empty_look(phone, &inflight.id, now).await?,
            Said::KnowsNone | Said::Nothing => {}
        }
        Ok(())
    }

    async fn ask(&self, phone: &Phone, inflight: &InFlight) -> Said {
        let answer = match &inflight.call_id {
            Some(call_id) => self.bland.details(call_id).await,
            None => self.find_by_number(phone, inflight).await,
        };
        match answer {
            Ok(Some(mut event)) => {
                event.phone = Some(phone.clone());
                event.ours = OurMetadata {
                    attempt: Some(inflight.id.clone()),
                    lead: Some(inflight.lead.clone()),
                    campaign: Some(inflight.campaign.clone()),
                };
                if event.kind == EventKind::Progress {
                    Said::GoesOn(Box::new(event))
                } else {
                    Said::Over(Box::new(event))
                }
            }
            Ok(None) => Said::KnowsNone,
            Err(error) => {
                // Nothing may be concluded from no answer; the next run asks again.
                tracing::warn!(attempt.id = %inflight.id, "{error}");
                Said::Nothing
            }
        }
    }

    /// The call that carries our attempt, among those to its number since it was reserved.
    async fn find_by_number(&self, phone: &Phone, inflight: &InFlight) -> Result<Option<CallEvent>, AskError> {
        let listed = self.bland.calls_to(phone, inflight.reserved_at).await?;
        for candidate in listed.iter().rev().take(CANDIDATES_MAX) {
            let Some(event) = self.bland.details(&candidate.call_id).await? else {
                continue;
            };
            if event.ours.attempt.as_ref() == Some(&inflight.id) {
                return Ok(Some(event));
            }
        }
        Ok(None)
    }

    async fn report(&self, event: CallEvent) -> Result<(), QueueError> {
        let report = Report::Found {
            event: Box::new(event),
            by: "reconcile".to_owned(),
        };
        self.app
            .queues
            .report(&CallMessage {
                v: SCHEMA_VERSION,
                received_at: self.app.clock.now(),
                report,
            })
            .await
    }
}

/// The report that an attempt is lost. It counts as if it rang.
fn lost(phone: &Phone, inflight: &InFlight) -> CallEvent {
    CallEvent {
        provider: inflight.provider.clone(),
        call_id: inflight.call_id.clone(),
        kind: EventKind::Ended,
        delivery: match DeliveryId::parse("reconcile:lost") {
            Ok(id) => id,
            Err(error) => unreachable!("plain words are an id: {error}"),
        },
        leg: Leg::Lead,
        direction: Direction::Outbound,
        phone: Some(phone.clone()),
        ours: OurMetadata {
            attempt: Some(inflight.id.clone()),
            lead: Some(inflight.lead.clone()),
            campaign: Some(inflight.campaign.clone()),
        },
        facts: Facts::ended(Outcome::Lost),
    }
}
