//! One report about one call, applied once.
//!
//! Data flow: message → facts, in our words → an explicit stop is written first, before anything can fail → whose call
//! is it? → the first terminal report finishes the attempt: rules, next step, and one transaction over attempt, lead
//! and what changes in the ledger; every later report adds what was not known (`add_to_attempt`) → what follows from it
//! (`effects`), which is done again when the same message comes again.
//!
//! Nothing is dropped: what cannot be read or matched is kept and counted. Facts always commit; a rule that fails
//! parks the lead and frees the line.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use redial_aws::App;
use redial_aws::attempts::{Committed, Finish, LedgerFence};
use redial_aws::bus::BusError;
use redial_aws::intake::IntakeError;
use redial_aws::kept::{KeptWhy, pack};
use redial_aws::messages::{self, CallMessage, MessageError, Report};
use redial_aws::rulebook::RuleBookError;
use redial_aws::table::TableError;
use redial_domain::{
    AttemptEnd, AttemptId, CallEvent, CampaignId, EventKind, InFlight, Ledger, Leg, Outcome, Phone, Region, Settings,
    Transfer,
};
use redial_rules::consequences::{Case, Decided};
use redial_telephony::bland::{AskError, BlandClient};
use redial_telephony::{bland, convoso};
use tokio::sync::OnceCell;

use crate::add_lead::{add_lead, mark_of_crm};
use crate::effects::{HeldSlot, News, Receipt, free_line, note_talk, tell};
use crate::find_call::{Call, find_call};

/// Rounds against others who write the same phone at the same time. Twenty deliveries at once are three rounds.
const ROUNDS_MAX: u32 = 8;
/// Longest pause between two rounds.
const ROUND_PAUSE: Duration = Duration::from_millis(120);

/// What became of a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Applied {
    /// It finished an attempt.
    Finished,
    /// It finished an attempt whose rule failed; the lead is parked.
    Parked,
    /// It added to a finished attempt.
    Enriched,
    /// It was applied before.
    Duplicate,
    /// It is about no call of ours; kept.
    Unmatched,
    /// It cannot be read; kept.
    Unreadable,
    /// It says nothing about a lead: a call still going on, an agent's leg.
    Ignored,
    /// It was a new lead.
    LeadTaken,
    /// A call to a marked phone was ended, or had ended.
    CallEnded,
    /// It is about a person who is forgotten.
    Forgotten,
}

impl Applied {
    pub(crate) const fn metric(self) -> &'static str {
        match self {
            Self::Finished => "outcome.applied",
            Self::Parked => "outcome.parked",
            Self::Enriched => "outcome.enriched",
            Self::Duplicate => "outcome.duplicate",
            Self::Unmatched => "outcome.unmatched",
            Self::Unreadable => "outcome.unreadable",
            Self::Ignored => "outcome.ignored",
            Self::LeadTaken => "outcome.lead_taken",
            Self::CallEnded => "outcome.call_ended",
            Self::Forgotten => "outcome.forgotten",
        }
    }
}

/// Why a report must come again.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ApplyError {
    #[error(transparent)]
    Table(#[from] TableError),
    #[error(transparent)]
    Message(#[from] MessageError),
    #[error(transparent)]
    Bus(#[from] BusError),
    #[error(transparent)]
    Ask(#[from] AskError),
    #[error(transparent)]
    Rules(#[from] RuleBookError),
    #[error(transparent)]
    Intake(#[from] IntakeError),
    #[error("failed to write one phone's items: others kept writing them")]
    Contended,
    #[error("failed to end a call to a phone on do-not-call: nobody knows the provider's name for it yet")]
    CallIdUnknown,
}

/// Applies reports.
#[derive(Debug, Clone)]
pub(crate) struct Applier {
    pub(crate) app: App,
    pub(crate) bland: Option<BlandClient>,
    settings: Arc<OnceCell<Settings>>,
}

/// A report with what belongs to it.
pub(crate) struct Delivery<'a> {
    pub(crate) event: CallEvent,
    pub(crate) raw: &'a [u8],
    pub(crate) receipt: &'a Receipt,
}

/// One round at a delivery: whose it is, and how that phone stands now.
pub(crate) struct Round<'a> {
    pub(crate) delivery: &'a Delivery<'a>,
    pub(crate) phone: &'a Phone,
    pub(crate) ledger: Ledger,
    pub(crate) received_at: DateTime<Utc>,
}

impl Applier {
    pub(crate) fn new(app: App, bland: Option<BlandClient>) -> Self {
        Self {
            app,
            bland,
            settings: Arc::default(),
        }
    }

    /// The same for one batch, which reads the settings once.
    pub(crate) fn for_batch(&self) -> Self {
        Self::new(self.app.clone(), self.bland.clone())
    }

    pub(crate) async fn settings(&self) -> Result<&Settings, TableError> {
        let read = || async { Ok(self.app.table.settings().await?.unwrap_or_default()) };
        self.settings.get_or_try_init(read).await
    }

    /// Applies one message of the calls queue. The slot that it leaves is noted in its receipt, and not free yet.
    pub(crate) async fn apply_message(&self, body: &str, receipt: &Receipt) -> Result<Applied, ApplyError> {
        let message: CallMessage = match messages::read(body) {
            Err(MessageError::Shape(why)) => {
                return self.unreadable("none", &why, body).await;
            }
            read => read?,
        };
        let received_at = message.received_at;
        match &message.report {
            Report::Webhook {
                provider,
                content_type,
                campaign,
                body,
            } if provider == "convoso" => {
                self.lead(content_type.as_deref(), campaign.as_ref(), body, received_at)
                    .await
            }
            Report::Webhook { provider, body, .. } => match bland::parse(body.as_bytes(), Region::US) {
                Ok(event) => {
                    self.apply(
                        Delivery {
                            event,
                            raw: body.as_bytes(),
                            receipt,
                        },
                        received_at,
                    )
                    .await
                }
                Err(error) => self.unreadable(provider, &error.to_string(), body).await,
            },
            Report::EndCall { phone, attempt } => self.end_call(phone, attempt, received_at).await,
            Report::Found { event, .. } => {
                self.apply(
                    Delivery {
                        event: (**event).clone(),
                        raw: b"",
                        receipt,
                    },
                    received_at,
                )
                .await
            }
        }
    }

    async fn lead(
        &self,
        content_type: Option<&str>,
        campaign: Option<&CampaignId>,
        body: &str,
        received_at: DateTime<Utc>,
    ) -> Result<Applied, ApplyError> {
        let campaign = campaign.cloned().unwrap_or_else(CampaignId::default_campaign);
        let region = self
            .app
            .campaign(&campaign, 0)
            .await?
            .map(|campaign| campaign.default_region)
            .unwrap_or_default();
        let lead = match convoso::parse_new_lead(content_type, body.as_bytes(), region) {
            Ok(lead) => lead,
            Err(error) => {
                return self.unreadable("convoso", &error.to_string(), body).await;
            }
        };
        let phone = lead.phone.clone();
        let called = mark_of_crm(&self.app, "convoso", &lead).await?;
        let applied = match add_lead(&self.app, "convoso", &campaign, lead).await {
            Ok(()) => Ok(Applied::LeadTaken),
            Err(error @ (IntakeError::NoCampaign(_) | IntakeError::NotTaken { .. })) => {
                // A do-not-call among its fields was marked before.
                self.keep(
                    KeptWhy::Unmatched,
                    "convoso",
                    &error.to_string(),
                    body.as_bytes(),
                    false,
                )
                .await
            }
            Err(error) => Err(error.into()),
        }?;
        if let Some(attempt) = called {
            self.end_call(&phone, &attempt, received_at).await?;
        }
        Ok(applied)
    }

    async fn apply(&self, mut delivery: Delivery<'_>, received_at: DateTime<Utc>) -> Result<Applied, ApplyError> {
        let event = &mut delivery.event;
        if event.kind == EventKind::Progress || event.leg == Leg::Agent {
            return Ok(Applied::Ignored);
        }
        if event.phone.is_none() && !self.ask_whose(event).await? {
            return self.unmatched(&delivery).await;
        }
        let Some(phone) = delivery.event.phone.clone() else {
            return self.unmatched(&delivery).await;
        };
        let called = match delivery.event.facts.stop {
            Some(_) => self.stop_first(&phone, &delivery.event).await?,
            None => None,
        };
        let applied = self.apply_in_rounds(&delivery, &phone, received_at).await?;
        if let Some(attempt) = called {
            // The report is applied; it comes again until that call is ended.
            self.end_call(&phone, &attempt, received_at).await?;
        }
        Ok(applied)
    }

    async fn apply_in_rounds(
        &self,
        delivery: &Delivery<'_>,
        phone: &Phone,
        received_at: DateTime<Utc>,
    ) -> Result<Applied, ApplyError> {
        for n in 0..ROUNDS_MAX {
            if n > 0 {
                tokio::time::sleep(self.app.ids.jitter(ROUND_PAUSE * n)).await;
            }
            let ledger = self.app.table.ledger(phone).await?;
            if ledger.forgotten_at.is_some() && ledger.inflight.is_none() {
                // What was deleted must not come back with a late report. The mark stands; its stop is known.
                return Ok(Applied::Forgotten);
            }
            let call = find_call(&self.app, self.bland.as_ref(), &delivery.event, phone, &ledger).await?;
            let round = Round {
                delivery,
                phone,
                ledger,
                received_at,
            };
            let applied = match call {
                Call::InFlight(inflight) => self.finish(&round, &inflight).await?,
                Call::Finished(stored) => self.add_to(&round, &stored).await?,
                Call::Orphan(attempt, campaign) => self.finish_unreserved(&round, &campaign, Some(&attempt)).await?,
                Call::Inbound(lead) => self.finish_unreserved(&round, &lead.campaign, None).await?,
                Call::Nothing => return self.unmatched(delivery).await,
            };
            if let Some(applied) = applied {
                return Ok(applied);
            }
        }
        Err(ApplyError::Contended)
    }

    /// A delivery without a phone, as citations and late transcripts are: the provider knows whose call it was.
    async fn ask_whose(&self, event: &mut CallEvent) -> Result<bool, ApplyError> {
        let (Some(bland), Some(call_id)) = (&self.bland, &event.call_id) else {
            return Ok(false);
        };
        let Some(details) = bland.details(call_id).await? else {
            return Ok(false);
        };
        event.phone = details.phone;
        event.direction = details.direction;
        event.leg = details.leg;
        event.ours = details.ours;
        // It may be the first that is heard of a person who is talking with an agent now.
        if details.facts.transfer == Transfer::Connected {
            event.facts.transfer = Transfer::Connected;
        }
        Ok(event.phone.is_some())
    }

    /// The end of the call that the phone's line is taken for.
    async fn finish(&self, round: &Round<'_>, inflight: &InFlight) -> Result<Option<Applied>, ApplyError> {
        let Some(campaign) = self.app.campaign(&inflight.campaign, 0).await? else {
            return self.unmatched(round.delivery).await.map(Some);
        };
        let mut event = round.delivery.event.clone();
        let now = self.app.clock.now();
        event.call_id = event.call_id.or_else(|| inflight.call_id.clone());
        // A provider's clock, or an old payload, cannot end a call before it began or after now. Nor was it heard of before it
        // began: then the clock of the instance that received it was wrong.
        let since_reserved = inflight.reserved_at..=now;
        event.facts.ended_at = [event.facts.ended_at, Some(round.received_at)]
            .into_iter()
            .flatten()
            .find(|at| since_reserved.contains(at))
            .or(Some(now));
        let end = if event.facts.outcome == Outcome::Lost {
            AttemptEnd::Lost
        } else {
            AttemptEnd::Reported
        };
        // Later news first: the terminal report was lost, and this one proves that the call is over.
        event.kind = EventKind::Ended;
        let law = self.app.law(0).await?;
        let case = Case {
            attempt: &inflight.id,
            end,
            slot: Some(inflight.slot.clone()),
            started_at: inflight.reserved_at,
            event: &event,
            campaign: &campaign,
            law: &law,
            ledger: &round.ledger,
            now,
        };
        let applied = self.commit(round, &case, LedgerFence::Release).await?;
        if applied.is_some() {
            round.delivery.receipt.leaves(HeldSlot {
                owner: inflight.owner.clone(),
                slot: inflight.slot.clone(),
                phone: round.phone.clone(),
                attempt: inflight.id.clone(),
            });
        }
        Ok(applied)
    }

    /// The end of a call that no line is taken for: one of ours whose reservation was given back, or, without an
    /// attempt, a call by the lead, whose attempt begins here.
    async fn finish_unreserved(
        &self,
        round: &Round<'_>,
        campaign: &CampaignId,
        attempt: Option<&AttemptId>,
    ) -> Result<Option<Applied>, ApplyError> {
        let Some(campaign) = self.app.campaign(campaign, 0).await? else {
            return self.unmatched(round.delivery).await.map(Some);
        };
        let event = &round.delivery.event;
        let now = self.app.clock.now();
        let started_at = event
            .facts
            .created_at
            .filter(|at| *at <= now)
            .unwrap_or(round.received_at.min(now));
        let (attempt, end) = match attempt {
            Some(ours) => (ours.clone(), AttemptEnd::Reported),
            None => (self.app.ids.attempt(now), AttemptEnd::Inbound),
        };
        let law = self.app.law(0).await?;
        let case = Case {
            attempt: &attempt,
            end,
            slot: None,
            started_at,
            event,
            campaign: &campaign,
            law: &law,
            ledger: &round.ledger,
            now,
        };
        self.commit(round, &case, LedgerFence::Seen).await
    }

    /// Decides and writes. `None`: something changed meanwhile, look again.
    async fn commit(
        &self,
        round: &Round<'_>,
        case: &Case<'_>,
        fence: LedgerFence,
    ) -> Result<Option<Applied>, ApplyError> {
        let Round { delivery, phone, .. } = round;
        let lead = self.app.table.lead(phone, &case.campaign.id, case.now).await?;
        let rules = match self
            .app
            .rules
            .for_phone(&self.app.table, &case.campaign.rule_set, phone, case.now)
            .await
        {
            Err(RuleBookError::Table(error)) => return Err(error.into()),
            rules => rules.map_err(|error| error.to_string()),
        };
        let decided = case.finish(rules.as_deref().map_err(Clone::clone), lead.as_ref());
        let settings = self.settings().await?;
        let packed = if settings.keep_raw && !delivery.raw.is_empty() {
            Some(pack(delivery.raw))
        } else {
            None
        };
        let Decided {
            attempt,
            lead: after,
            effects,
            stop,
            parked,
        } = decided;
        let seen = lead.as_ref().map(|lead| lead.version);
        let mut finish = Finish {
            phone,
            attempt: &attempt,
            delivery: &delivery.event.delivery,
            raw: None,
            lead: after.as_ref().zip(seen),
            ledger: case.ledger,
            fence,
            effects: &effects,
            retention_days: settings.retention_days,
        };
        if let Some(packed) = packed.as_deref() {
            if finish.carries(packed) {
                finish.raw = Some(packed);
            } else {
                self.app
                    .table
                    .keep_raw(phone, &attempt.id, &delivery.event.delivery, packed, case.now)
                    .await?;
            }
        }
        match self.app.table.finish(&finish).await? {
            Committed::Stale => return Ok(None),
            Committed::AlreadyFinished => {
                // Whoever finished it may have been cut off before its line was free.
                if fence == LedgerFence::Release {
                    free_line(&self.app, phone, &attempt.id).await?;
                }
                return Ok(None);
            }
            Committed::LineHeld => free_line(&self.app, phone, &attempt.id).await?,
            Committed::Done => {}
        }
        self.app.table.note_callback(&attempt).await?;
        note_talk(&self.app, phone, &attempt, &case.event.facts, true).await?;
        tracing::info!(
            attempt.id = %attempt.id,
            lead.id = %attempt.lead,
            attempt.outcome = attempt.outcome.as_str(),
            "attempt ended: {}",
            attempt.outcome.as_str()
        );
        if let (Some(before), Some(after)) = (&lead, &after) {
            let news = News {
                lead: &after.id,
                campaign: &case.campaign.id,
                from: &before.status,
                to: &after.status,
                stop,
                parked,
            };
            tell(&self.app, &attempt.id, &news).await?;
        }
        Ok(Some(if parked { Applied::Parked } else { Applied::Finished }))
    }
}
