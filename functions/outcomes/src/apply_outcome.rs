//! One report about one call, applied once.
//!
//! Data flow: message → facts, in our words → an explicit stop is written first, before anything can fail → whose call
//! is it? → the first terminal report finishes the attempt: rules, next step, and one transaction over attempt, lead
//! and ledger; every later report adds what was not known → what follows from it (slot freed, bus told), which is done
//! again when the same message comes again.
//!
//! Nothing is dropped: what cannot be read or matched is kept and counted. Facts always commit; a rule that fails
//! parks the lead and frees the line.

use std::time::Duration;

use redial_aws::App;
use redial_aws::attempts::{Committed, Finish, LedgerEffects, LedgerFence, StoredAttempt};
use redial_aws::bus::{BusError, Happened};
use redial_aws::intake::IntakeError;
use redial_aws::kept::{KeptWhy, pack};
use redial_aws::messages::{self, CallMessage, MessageError, Report};
use redial_aws::rulebook::RuleBookError;
use redial_aws::table::TableError;
use redial_domain::{
    AttemptEnd, AttemptId, CallEvent, Campaign, CampaignId, Direction, EventKind, InFlight, Lead, Leg, Outcome, Owner,
    Phone, Region, StopScope, enrich,
};
use redial_telephony::bland::{AskError, BlandClient};
use redial_telephony::{bland, convoso};

use crate::add_lead::add_lead;
use crate::decide::{Case, Decided, decision};
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
}

#[derive(Debug, Clone)]
pub(crate) struct Applier {
    app: App,
    bland: Option<BlandClient>,
}

/// A report with what belongs to it.
struct Delivery<'a> {
    event: CallEvent,
    raw: &'a [u8],
    redelivered: bool,
}

impl Applier {
    pub(crate) const fn new(app: App, bland: Option<BlandClient>) -> Self {
        Self { app, bland }
    }

    /// Applies one message of the calls queue.
    pub(crate) async fn apply_message(&self, body: &str, redelivered: bool) -> Result<Applied, ApplyError> {
        let message: CallMessage = match messages::read(body) {
            Err(MessageError::Shape(why)) => {
                return self.keep(KeptWhy::Unreadable, "none", &why, body.as_bytes()).await;
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
            } if provider == "convoso" => self.lead(content_type.as_deref(), campaign.as_ref(), body).await,
            Report::Webhook { provider, body, .. } => match bland::parse(body.as_bytes(), Region::US) {
                Ok(event) => {
                    self.apply(
                        Delivery {
                            event,
                            raw: body.as_bytes(),
                            redelivered,
                        },
                        received_at,
                    )
                    .await
                }
                Err(error) => {
                    self.keep(KeptWhy::Unreadable, provider, &error.to_string(), body.as_bytes())
                        .await
                }
            },
            Report::Found { event, .. } => {
                self.apply(
                    Delivery {
                        event: (**event).clone(),
                        raw: b"",
                        redelivered,
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
                return self
                    .keep(KeptWhy::Unreadable, "convoso", &error.to_string(), body.as_bytes())
                    .await;
            }
        };
        match add_lead(&self.app, "convoso", &campaign, lead).await {
            Ok(()) => Ok(Applied::LeadTaken),
            Err(error @ (IntakeError::NoCampaign(_) | IntakeError::NotTaken { .. })) => {
                self.keep(KeptWhy::Unmatched, "convoso", &error.to_string(), body.as_bytes())
                    .await
            }
            Err(error) => Err(error.into()),
        }
    }

    async fn apply(
        &self,
        mut delivery: Delivery<'_>,
        received_at: chrono::DateTime<chrono::Utc>,
    ) -> Result<Applied, ApplyError> {
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
        if delivery.event.facts.stop.is_some() {
            self.stop_first(&phone, &delivery.event).await?;
        }
        for round in 0..ROUNDS_MAX {
            if round > 0 {
                tokio::time::sleep(self.app.ids.jitter(ROUND_PAUSE * round)).await;
            }
            let ledger = self.app.table.ledger(&phone).await?;
            let applied = match find_call(&self.app, self.bland.as_ref(), &delivery.event, &phone, &ledger).await? {
                Call::InFlight(inflight) => self.finish(&delivery, &phone, ledger, &inflight, received_at).await?,
                Call::Finished(stored) => self.add_to(&delivery, &phone, ledger, &stored, received_at).await?,
                Call::Orphan(attempt, campaign) => {
                    self.finish_orphan(&delivery, &phone, ledger, &attempt, &campaign, received_at)
                        .await?
                }
                Call::Inbound(lead) => {
                    self.finish_inbound(&delivery, &phone, ledger, &lead, received_at)
                        .await?
                }
                Call::Nothing => return self.unmatched(&delivery).await,
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
        Ok(event.phone.is_some())
    }

    /// A stop holds even for a call that is parked, unmatched or late, so it is written before anything else. A call to
    /// the same phone that is on the way is ended.
    async fn stop_first(&self, phone: &Phone, event: &CallEvent) -> Result<(), ApplyError> {
        let proof = event
            .ours
            .attempt
            .as_ref()
            .map(ToString::to_string)
            .or_else(|| event.call_id.as_ref().map(ToString::to_string));
        let ledger = self
            .app
            .table
            .mark_do_not_call(phone, self.app.clock.now(), proof.as_deref().unwrap_or("unknown call"))
            .await?;
        self.app.metrics.count("outcome.explicit_stop");
        if let (Some(inflight), Some(bland)) = (&ledger.inflight, &self.bland)
            && let Some(call_id) = &inflight.call_id
            && Some(call_id) != event.call_id.as_ref()
        {
            // Best effort: the mark stands, and a call that cannot be ended is the last one.
            if let Err(error) = bland.stop(call_id).await {
                tracing::warn!(attempt.id = %inflight.id, "call after a do-not-call not ended: {error}");
            }
        }
        Ok(())
    }

    async fn finish(
        &self,
        delivery: &Delivery<'_>,
        phone: &Phone,
        ledger: redial_domain::Ledger,
        inflight: &InFlight,
        received_at: chrono::DateTime<chrono::Utc>,
    ) -> Result<Option<Applied>, ApplyError> {
        let Some(campaign) = self.app.campaign(&inflight.campaign, 0).await? else {
            return self.unmatched(delivery).await.map(Some);
        };
        let mut event = delivery.event.clone();
        let now = self.app.clock.now();
        event.call_id = event.call_id.or_else(|| inflight.call_id.clone());
        // A provider's clock, or an old payload, cannot end a call before it began or after we heard of it.
        event.facts.ended_at = event
            .facts
            .ended_at
            .filter(|end| (inflight.reserved_at..=received_at).contains(end))
            .or(Some(received_at.min(now)));
        let end = if event.facts.outcome == Outcome::Lost {
            AttemptEnd::Lost
        } else {
            AttemptEnd::Reported
        };
        // Later news first: the terminal report was lost, and this one proves that the call is over.
        event.kind = EventKind::Ended;
        let case = Case {
            attempt: &inflight.id,
            end,
            slot: Some(inflight.slot.clone()),
            started_at: inflight.reserved_at,
            event: &event,
            campaign: &campaign,
            ledger: &ledger,
            now,
        };
        let applied = self.commit(delivery, phone, &case, LedgerFence::Release).await?;
        if applied.is_some() {
            self.free_slot(&inflight.owner, &inflight.slot, phone, &inflight.id)
                .await?;
        }
        Ok(applied)
    }

    async fn finish_orphan(
        &self,
        delivery: &Delivery<'_>,
        phone: &Phone,
        ledger: redial_domain::Ledger,
        attempt: &AttemptId,
        campaign: &CampaignId,
        received_at: chrono::DateTime<chrono::Utc>,
    ) -> Result<Option<Applied>, ApplyError> {
        let Some(campaign) = self.app.campaign(campaign, 0).await? else {
            return self.unmatched(delivery).await.map(Some);
        };
        let now = self.app.clock.now();
        let started_at = delivery
            .event
            .facts
            .created_at
            .filter(|at| *at <= now)
            .unwrap_or(received_at.min(now));
        let case = Case {
            attempt,
            end: AttemptEnd::Reported,
            slot: None,
            started_at,
            event: &delivery.event,
            campaign: &campaign,
            ledger: &ledger,
            now,
        };
        self.commit(delivery, phone, &case, LedgerFence::Seen).await
    }

    async fn finish_inbound(
        &self,
        delivery: &Delivery<'_>,
        phone: &Phone,
        ledger: redial_domain::Ledger,
        lead: &Lead,
        received_at: chrono::DateTime<chrono::Utc>,
    ) -> Result<Option<Applied>, ApplyError> {
        let Some(campaign) = self.app.campaign(&lead.campaign, 0).await? else {
            return self.unmatched(delivery).await.map(Some);
        };
        let now = self.app.clock.now();
        let started_at = delivery
            .event
            .facts
            .created_at
            .filter(|at| *at <= now)
            .unwrap_or(received_at.min(now));
        let attempt = self.app.ids.attempt(now);
        let case = Case {
            attempt: &attempt,
            end: AttemptEnd::Inbound,
            slot: None,
            started_at,
            event: &delivery.event,
            campaign: &campaign,
            ledger: &ledger,
            now,
        };
        self.commit(delivery, phone, &case, LedgerFence::Seen).await
    }

    /// Decides and writes. `None`: something changed meanwhile, look again.
    async fn commit(
        &self,
        delivery: &Delivery<'_>,
        phone: &Phone,
        case: &Case<'_>,
        fence: LedgerFence,
    ) -> Result<Option<Applied>, ApplyError> {
        let lead = self.app.table.lead(phone, &case.campaign.id, case.now).await?;
        let rules = match self
            .app
            .rules
            .in_use(&self.app.table, &case.campaign.rule_set, case.now)
            .await
        {
            Err(RuleBookError::Table(error)) => return Err(error.into()),
            rules => rules.map_err(|error| error.to_string()),
        };
        let decided = case.finish(rules.as_deref().map_err(Clone::clone), lead.as_ref());
        let settings = self.app.table.settings().await?.unwrap_or_default();
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
            Committed::AlreadyFinished | Committed::Stale => return Ok(None),
            Committed::Done => {}
        }
        tracing::info!(attempt.id = %attempt.id, lead.id = %attempt.lead, attempt.outcome = attempt.outcome.as_str(), "attempt ended: {}", attempt.outcome.as_str());
        self.tell(&attempt.id, case.campaign, lead.as_ref(), after.as_ref(), stop, parked)
            .await?;
        Ok(Some(if parked { Applied::Parked } else { Applied::Finished }))
    }

    /// A report about an attempt that is finished: the same one again, or more about it.
    async fn add_to(
        &self,
        delivery: &Delivery<'_>,
        phone: &Phone,
        ledger: redial_domain::Ledger,
        stored: &StoredAttempt,
        received_at: chrono::DateTime<chrono::Utc>,
    ) -> Result<Option<Applied>, ApplyError> {
        let before = &stored.attempt;
        let Some(campaign) = self.app.campaign(&before.campaign, 0).await? else {
            return self.unmatched(delivery).await.map(Some);
        };
        let known = stored
            .deliveries
            .iter()
            .any(|known| known == delivery.event.delivery.as_str());
        if known || stored.deliveries.len() >= redial_domain::DELIVERIES_MAX {
            if delivery.redelivered {
                self.resume(phone, &campaign, stored).await?;
            }
            return Ok(Some(Applied::Duplicate));
        }
        let now = self.app.clock.now();
        let mut event = delivery.event.clone();
        event.facts.ended_at = Some(before.ended_at.min(received_at));
        let case = Case {
            attempt: &before.id,
            end: before.end,
            slot: before.slot.clone(),
            started_at: before.started_at,
            event: &event,
            campaign: &campaign,
            ledger: &ledger,
            now,
        };
        let lead = self.app.table.lead(phone, &before.campaign, now).await?;
        let version = before
            .decision
            .as_ref()
            .map(|decision| (decision.trace.set.clone(), decision.trace.version));
        let rules = match version {
            // The version that decided about a call also reads what comes later about it.
            Some((set, version)) => self.app.rules.version(&self.app.table, &set, version, now).await,
            None => self.app.rules.in_use(&self.app.table, &campaign.rule_set, now).await,
        };
        let settings = self.app.table.settings().await?.unwrap_or_default();
        let mut effects = LedgerEffects {
            dnc_at: event.facts.stop.is_some().then_some(now),
            ..LedgerEffects::default()
        };
        let mut attempt = before.clone();
        attempt.talk_s = attempt.talk_s.or(event.facts.talk_s);
        let mut enrichment = redial_domain::Enrichment {
            outcome: before.outcome,
            disposition: before.disposition,
            changed: false,
        };
        let mut after: Option<Lead> = None;
        let mut stop = event.facts.stop.is_some().then_some(StopScope::Phone);
        match rules {
            Err(RuleBookError::Table(error)) => return Err(error.into()),
            Err(error) => tracing::error!(attempt.id = %before.id, "later news without rules: {error}"),
            Ok(rules) => match case.later(&rules, before, lead.as_ref()) {
                Err(error) => tracing::error!(attempt.id = %before.id, "later news not decided: {error}"),
                Ok((answer, changed)) => {
                    enrichment = enrich(before, &answer);
                    if enrichment.disposition != before.disposition && event.facts.disposition_word.is_some() {
                        attempt.word.clone_from(&event.facts.disposition_word);
                    }
                    if let Some((moved, step)) = changed {
                        case.effects_of(&step, &mut effects);
                        stop = step.stop.or(stop);
                        if let Some(was) = &lead {
                            attempt.decision = Some(decision(&answer, &was.status, &moved, step.stop));
                        }
                        after = Some(moved);
                    }
                }
            },
        }
        if settings.keep_raw && !delivery.raw.is_empty() {
            self.app
                .table
                .keep_raw(phone, &before.id, &event.delivery, &pack(delivery.raw), now)
                .await?;
        }
        let seen = lead.as_ref().map(|lead| lead.version);
        let finish = Finish {
            phone,
            // What is there is the condition; what becomes of it is beside it.
            attempt: &redial_domain::Attempt {
                outcome: before.outcome,
                disposition: before.disposition,
                ..attempt
            },
            delivery: &event.delivery,
            raw: None,
            lead: None,
            ledger: &ledger,
            fence: LedgerFence::Seen,
            effects: &effects,
            retention_days: settings.retention_days,
        };
        if self
            .app
            .table
            .enrich(&finish, &enrichment, after.as_ref().zip(seen))
            .await?
            != Committed::Done
        {
            return Ok(None);
        }
        tracing::info!(attempt.id = %before.id, "attempt enriched: {}", enrichment.disposition.as_str());
        if after.is_some() {
            self.tell(&before.id, &campaign, lead.as_ref(), after.as_ref(), stop, false)
                .await?;
        }
        Ok(Some(Applied::Enriched))
    }

    /// The same message again: whatever follows from it may not have been done.
    async fn resume(&self, phone: &Phone, campaign: &Campaign, stored: &StoredAttempt) -> Result<(), ApplyError> {
        let attempt = &stored.attempt;
        if let Some(slot) = &attempt.slot {
            self.free_slot(&Owner::from(&campaign.id), slot, phone, &attempt.id)
                .await?;
        }
        if let Some(decision) = &attempt.decision {
            let happened = happened(
                &attempt.lead,
                &campaign.id,
                Some((&decision.from, &decision.to)),
                decision.stop,
                false,
            );
            self.app.bus.publish(attempt.id.as_str(), &happened).await?;
        }
        Ok(())
    }

    async fn free_slot(&self, owner: &Owner, slot: &str, phone: &Phone, attempt: &AttemptId) -> Result<(), ApplyError> {
        let place = slot
            .split_once('/')
            .and_then(|(shard, n)| Some((shard.parse().ok()?, n.parse().ok()?)));
        let Some((shard, n)) = place else { return Ok(()) };
        Ok(self.app.table.free_attempt(owner, shard, n, phone, attempt).await?)
    }

    async fn tell(
        &self,
        attempt: &AttemptId,
        campaign: &Campaign,
        before: Option<&Lead>,
        after: Option<&Lead>,
        stop: Option<StopScope>,
        parked: bool,
    ) -> Result<(), ApplyError> {
        let (Some(before), Some(after)) = (before, after) else {
            return Ok(());
        };
        let happened = happened(
            &after.id,
            &campaign.id,
            Some((&before.status, &after.status)),
            stop,
            parked,
        );
        Ok(self.app.bus.publish(attempt.as_str(), &happened).await?)
    }

    async fn unmatched(&self, delivery: &Delivery<'_>) -> Result<Applied, ApplyError> {
        // An inbound call of a stranger, or a call that another system placed through the same account.
        let what = match delivery.event.direction {
            Direction::Inbound => "inbound call of an unknown phone",
            Direction::Outbound => "no attempt fits",
        };
        self.keep(KeptWhy::Unmatched, &delivery.event.provider, what, delivery.raw)
            .await
    }

    async fn keep(&self, why: KeptWhy, provider: &str, detail: &str, payload: &[u8]) -> Result<Applied, ApplyError> {
        let now = self.app.clock.now();
        self.app
            .table
            .keep(&self.app.ids.record(now), why, provider, detail, payload, now)
            .await?;
        tracing::warn!(webhook.provider = provider, "kept for people: {detail}");
        Ok(if why == KeptWhy::Unreadable {
            Applied::Unreadable
        } else {
            Applied::Unmatched
        })
    }
}

fn happened(
    lead: &redial_domain::LeadId,
    campaign: &CampaignId,
    moved: Option<(&redial_domain::StatusName, &redial_domain::StatusName)>,
    stop: Option<StopScope>,
    parked: bool,
) -> Vec<Happened> {
    let mut happened = Vec::new();
    if let Some((from, to)) = moved.filter(|(from, to)| from != to) {
        happened.push(Happened::LeadStatusChanged {
            lead: lead.clone(),
            campaign: campaign.clone(),
            from: from.clone(),
            to: to.clone(),
        });
    }
    if let Some(scope) = stop {
        happened.push(Happened::LeadStopped {
            lead: lead.clone(),
            campaign: campaign.clone(),
            scope,
        });
    }
    if parked {
        happened.push(Happened::LeadParked {
            lead: lead.clone(),
            campaign: campaign.clone(),
        });
    }
    happened
}
