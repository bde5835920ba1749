//! One claimed lead, called at most once.
//!
//! Data flow: message → is the claim still good? → ledger, then lead, both consistent → gate → the number that is shown
//! (`caller_id`) → reserve: one conditional write, fenced by everything that can make a call wrong → the switches, read after the reservation: permission for
//! three seconds → the provider, asked once → its call id is noted.
//!
//! What the provider's answer proves decides what follows. Accepted: the outcome will come. Provably not placed: the
//! line and the start are given back. Anything else: the line stays locked and the start counted, until reconcile has
//! asked the provider. A message that comes again never calls again.

use std::collections::BTreeSet;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use redial_aws::ledgers::Reserved;
use redial_aws::messages::{self, CallMessage, DialMessage, MessageError, Report};
use redial_aws::queues::QueueError;
use redial_aws::slots::CLOCK_MARGIN;
use redial_aws::table::TableError;
use redial_aws::{App, WrongClock};
use redial_domain::law::CallingHours;
use redial_domain::{
    AttemptId, CallEvent, CallId, Campaign, CampaignStatus, DeliveryId, Direction, EventKind, Facts, FailureClass,
    Gate, GateInput, InFlight, Lead, Leg, OurMetadata, Outcome, PermittedBy, Placement, Profile, SCHEMA_VERSION, gate,
};
use redial_telephony::bland::{BlandClient, PROVIDER, PlaceRequest, Placed, Refusal, Script};
use tokio::time::Instant;

use crate::asked_once::{AskedOnce, Found};
use crate::caller_id::{self, Shows};
use crate::move_on;

/// From reservation to the provider's door; measured on the monotonic clock, for a function may be frozen in between.
const PLACE_BY: Duration = Duration::from_secs(10);
/// A permission is this fresh when the call goes out. Whoever throws a switch waits longer than this before answering.
const PERMISSION: Duration = Duration::from_secs(3);
/// An attempt without a call id is asked about after this long: the function's own time is over by then.
const PLACING_LEASE: TimeDelta = TimeDelta::minutes(2);
/// A provider that says 429 without saying how long is left alone for this long.
const RATE_LIMIT_PAUSE_S: u32 = 15;
/// An account without money or with a bad key is tried again after this long.
const ACCOUNT_PAUSE: TimeDelta = TimeDelta::minutes(5);
/// Failures in one minute that look like the provider's outage, and how long it is then left alone.
const ERRORS_PER_MINUTE_MAX: u32 = 20;
const OUTAGE_PAUSE: TimeDelta = TimeDelta::minutes(1);

/// What became of a claimed lead.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dialed {
    /// The provider has it.
    Placed,
    /// Nobody knows; reconcile will ask.
    Ambiguous,
    /// The claim was over, or the lead changed since.
    ClaimOver,
    /// The gate said no.
    Refused,
    /// All numbers that its campaign may show rest.
    NoNumber,
    /// Somebody else was faster, or an earlier delivery of the same message did it.
    NotOurs,
    /// A switch was thrown after the reservation; it was given back.
    SwitchedOff,
    /// The provider said no, and that it placed nothing.
    ProviderRefused,
}

impl Dialed {
    pub(crate) const fn metric(self) -> &'static str {
        match self {
            Self::Placed => "dial.placed",
            Self::Ambiguous => "dial.ambiguous",
            Self::ClaimOver => "dial.claim_over",
            Self::Refused => "dial.gate_refused",
            Self::NoNumber => "dial.no_number",
            Self::NotOurs => "dial.not_ours",
            Self::SwitchedOff => "dial.switched_off",
            Self::ProviderRefused => "dial.provider_refused",
        }
    }
}

/// Why a message must come again: nothing was reserved for it.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DialError {
    #[error(transparent)]
    Table(#[from] TableError),
    #[error(transparent)]
    Message(#[from] MessageError),
    #[error(transparent)]
    Queue(#[from] QueueError),
    #[error(transparent)]
    Clock(#[from] WrongClock),
}

#[derive(Debug, Clone)]
pub(crate) struct Dialer {
    app: App,
    bland: BlandClient,
    webhook_url: Option<String>,
}

/// A reservation of ours.
struct Reservation<'a> {
    message: &'a DialMessage,
    lead: Lead,
    inflight: InFlight,
    since: Instant,
    /// Of the law that allowed it.
    law_version: u64,
}

impl Dialer {
    pub(crate) const fn new(app: App, bland: BlandClient, webhook_url: Option<String>) -> Self {
        Self {
            app,
            bland,
            webhook_url,
        }
    }

    pub(crate) async fn dial(&self, body: &str, alike: &AskedOnce) -> Result<Dialed, DialError> {
        let message: DialMessage = messages::read(body)?;
        let now = self.app.clock.now();
        // The ledger first: whatever changes the lead so that it must not be called moves the ledger's `seq` too.
        let ledger = self.app.table.ledger(&message.phone).await?;
        self.app.clock.check()?;
        // INVARIANT: what is in flight keeps its token, or reconcile would never find it. So before anything is let go.
        if ledger.holds(&message.attempt) {
            return Ok(Dialed::NotOurs);
        }
        if now >= message.claim_until - CLOCK_MARGIN {
            return self.let_go(&message, Dialed::ClaimOver).await;
        }
        let Some(lead) = self.app.table.lead(&message.phone, &message.campaign, now).await? else {
            return self.let_go(&message, Dialed::ClaimOver).await;
        };
        if lead.version != message.lead_version {
            return self.let_go(&message, Dialed::ClaimOver).await;
        }
        let Some(Found {
            switches,
            campaign,
            law,
        }) = alike.campaign(&self.app, &message).await?
        else {
            return self.let_go(&message, Dialed::ClaimOver).await;
        };
        let account_closed_until = alike.account_closed_until(&self.app, PROVIDER).await?;
        let input = GateInput {
            lead: &lead,
            ledger: &ledger,
            campaign: &campaign,
            law: &law,
            switches,
            account_closed_until,
            now,
        };
        match gate(&input) {
            Gate::Open => {}
            refused => {
                move_on::refused(&self.app, &lead, &refused, now).await?;
                return self.let_go(&message, Dialed::Refused).await;
            }
        }
        let profile = self.app.table.profile(&message.phone, &message.campaign).await?;
        let from = match caller_id::choose(&self.app, &campaign, &law, &lead, now).await? {
            Shows::Number(from) => from,
            Shows::AllRest(until) => {
                move_on::no_number(&self.app, &lead, until, now).await?;
                return self.let_go(&message, Dialed::NoNumber).await;
            }
        };

        let inflight = self.reservation(&message, &input);
        let starts = ledger.starts_with(now, &campaign.subject);
        let since = Instant::now();
        match self
            .app
            .table
            .reserve(&message.phone, &ledger, &inflight, &starts)
            .await?
        {
            Reserved::Ours => {}
            Reserved::ByEarlierDelivery => return Ok(Dialed::NotOurs),
            Reserved::Refused => return self.let_go(&message, Dialed::NotOurs).await,
        }
        let held = Reservation {
            message: &message,
            lead,
            inflight,
            since,
            law_version: law.version(),
        };
        self.place(&held, &campaign, &profile, from).await
    }

    fn reservation(&self, message: &DialMessage, input: &GateInput<'_>) -> InFlight {
        let GateInput {
            lead,
            campaign,
            law,
            now,
            ..
        } = *input;
        InFlight {
            id: message.attempt.clone(),
            lead: lead.id.clone(),
            campaign: message.campaign.clone(),
            owner: message.owner.clone(),
            slot: format!("{}/{}", message.shard, message.slot),
            nonce: self.app.ids.nonce(),
            placement: Placement::Placing,
            reserved_at: now,
            place_by: now + TimeDelta::from_std(PLACE_BY).unwrap_or_default(),
            lease_until: now + PLACING_LEASE,
            provider: campaign.voice.provider.clone(),
            call_id: None,
            empty_look_at: None,
            max_duration_min: Some(campaign.voice.max_duration_min),
            permitted_by: Some(PermittedBy {
                campaign_version: campaign.version,
                law_version: law.version(),
            }),
            law_ends_at: CallingHours::of_lead(law, campaign, lead)
                .ok()
                .and_then(|hours| hours.law_closes_at(now)),
            started_at: None,
            stop_asked_at: None,
            stopped_at: None,
            told: BTreeSet::new(),
        }
    }

    /// From here on a failure never makes the message come again: reserved is reserved.
    async fn place(
        &self,
        held: &Reservation<'_>,
        campaign: &Campaign,
        profile: &Profile,
        from: Option<String>,
    ) -> Result<Dialed, DialError> {
        let asked = Instant::now();
        let permitted = match self
            .app
            .table
            .switches(&held.message.campaign, &held.message.phone)
            .await
        {
            Ok(Some(reading)) => {
                let switches = reading.switches;
                switches.enabled
                    && switches.running
                    && campaign.status_at(switches.campaign, self.app.clock.now()) == CampaignStatus::Running
                    && reading.campaign_version == campaign.version
                    && reading.law_version == held.law_version
            }
            Ok(None) => false,
            Err(error) => {
                tracing::warn!(attempt.id = %held.inflight.id, "switches not read, so nothing is placed: {error}");
                false
            }
        };
        if !permitted || asked.elapsed() > PERMISSION || held.since.elapsed() > PLACE_BY {
            self.give_back(held).await;
            return Ok(Dialed::SwitchedOff);
        }
        let webhook_url = self.webhook_url.clone();
        let request = request(&held.inflight.id, &held.lead, campaign, profile, from, webhook_url);
        let placed = self.bland.place(&request).await;
        match placed {
            Placed::Accepted(call) => {
                self.note_placed(held, &call).await;
                Ok(Dialed::Placed)
            }
            Placed::Ambiguous { why } => {
                tracing::warn!(attempt.id = %held.inflight.id, "placed or not: {why}; the provider is asked later");
                self.count_provider_error().await;
                Ok(Dialed::Ambiguous)
            }
            Placed::Refused {
                reason,
                retry_after_s,
                said,
            } => {
                tracing::warn!(attempt.id = %held.inflight.id, "provider refused: {reason:?} {}", said.as_deref().unwrap_or_default());
                self.refused(held, reason, retry_after_s, said).await;
                Ok(Dialed::ProviderRefused)
            }
        }
    }

    async fn note_placed(&self, held: &Reservation<'_>, call: &CallId) {
        let lease_until = held.inflight.over_by(held.inflight.reserved_at);
        // Not noted is not lost: the webhook carries our id, and reconcile finds the call by it.
        if let Err(error) = self
            .app
            .table
            .placed(&held.message.phone, &held.inflight.id, call, lease_until)
            .await
        {
            tracing::warn!(attempt.id = %held.inflight.id, "call id not noted: {error}");
        }
        tracing::info!(attempt.id = %held.inflight.id, lead.id = %held.lead.id, "call placed");
    }

    /// Nothing was placed. Faults of the account say nothing about the lead: it keeps its place in the queue, and the
    /// account is left alone for a while. Faults of the number end the attempt, uncounted.
    async fn refused(&self, held: &Reservation<'_>, reason: Refusal, retry_after_s: Option<u32>, said: Option<String>) {
        let now = self.app.clock.now();
        let pause = |until: DateTime<Utc>, why: &'static str| async move {
            if let Err(error) = self.app.table.close_account(PROVIDER, until, why).await {
                tracing::warn!("account pause not noted: {error}");
            }
        };
        match reason {
            Refusal::RateLimited => {
                let wait_s = retry_after_s.unwrap_or(RATE_LIMIT_PAUSE_S).max(1);
                pause(
                    now + TimeDelta::seconds(i64::from(wait_s)),
                    "rate limited by the provider",
                )
                .await;
                self.give_back(held).await;
            }
            Refusal::Account { .. } => {
                pause(
                    now + ACCOUNT_PAUSE,
                    "the provider refuses the account: look at key and balance",
                )
                .await;
                self.give_back(held).await;
            }
            Refusal::Unreachable => {
                self.count_provider_error().await;
                self.give_back(held).await;
            }
            Refusal::BadNumber | Refusal::Invalid { .. } => {
                let failure = if reason == Refusal::BadNumber {
                    FailureClass::BadNumber
                } else {
                    FailureClass::Network
                };
                // The outcome releases the line and gives the start back, and the lead moves on with its reason.
                if let Err(error) = self.report_not_placed(held, failure, said).await {
                    tracing::warn!(attempt.id = %held.inflight.id, "refusal not reported: {error}");
                    self.give_back(held).await;
                }
            }
        }
    }

    async fn report_not_placed(
        &self,
        held: &Reservation<'_>,
        failure: FailureClass,
        said: Option<String>,
    ) -> Result<(), QueueError> {
        let event = CallEvent {
            provider: PROVIDER.to_owned(),
            call_id: None,
            kind: EventKind::Ended,
            delivery: match DeliveryId::parse("dialer:not_placed") {
                Ok(id) => id,
                Err(error) => unreachable!("plain words are an id: {error}"),
            },
            leg: Leg::Lead,
            direction: Direction::Outbound,
            phone: Some(held.message.phone.clone()),
            ours: OurMetadata {
                attempt: Some(held.inflight.id.clone()),
                lead: Some(held.lead.id.clone()),
                campaign: Some(held.message.campaign.clone()),
            },
            facts: Facts {
                failure: Some(failure),
                error: said,
                ..Facts::ended(Outcome::NotPlaced)
            },
        };
        let report = Report::Found {
            event: Box::new(event),
            by: "dialer".to_owned(),
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

    async fn count_provider_error(&self) {
        let now = self.app.clock.now();
        let counted = self.app.table.count_account_error(PROVIDER, now).await;
        if counted.is_ok_and(|errors| errors >= ERRORS_PER_MINUTE_MAX)
            && let Err(error) = self
                .app
                .table
                .close_account(PROVIDER, now + OUTAGE_PAUSE, "the provider fails again and again")
                .await
        {
            tracing::warn!("account pause not noted: {error}");
        }
    }

    /// Gives line, start and slot back. What cannot be given back ends by reconcile.
    async fn give_back(&self, held: &Reservation<'_>) {
        let table = &self.app.table;
        let given = table.cancel_reservation(&held.message.phone, &held.inflight).await;
        let freed = match given {
            Ok(_) => self.free_token(held.message).await,
            Err(error) => Err(error),
        };
        if let Err(error) = freed {
            tracing::warn!(attempt.id = %held.inflight.id, "reservation not given back: {error}");
        }
    }

    /// Looks once more: the same message, delivered twice at a time, may have been dialed by the other one meanwhile.
    async fn let_go(&self, message: &DialMessage, why: Dialed) -> Result<Dialed, DialError> {
        if self.app.table.ledger(&message.phone).await?.holds(&message.attempt) {
            return Ok(Dialed::NotOurs);
        }
        self.free_token(message).await?;
        Ok(why)
    }

    async fn free_token(&self, message: &DialMessage) -> Result<(), TableError> {
        self.app
            .table
            .free_token(
                &message.owner,
                message.shard,
                message.slot,
                &message.phone,
                &message.attempt,
            )
            .await
    }
}

/// What the provider is told. The script is filled here, and goes nowhere but to the provider.
fn request(
    attempt: &AttemptId,
    lead: &Lead,
    campaign: &Campaign,
    person: &Profile,
    from: Option<String>,
    webhook_url: Option<String>,
) -> PlaceRequest {
    let voice = &campaign.voice;
    let mut request_data = person.custom.clone();
    let known = [
        ("first_name", &person.first_name),
        ("last_name", &person.last_name),
        ("city", &person.city),
    ];
    request_data.extend(
        known
            .into_iter()
            .filter_map(|(name, value)| Some((name.to_owned(), value.clone()?))),
    );
    PlaceRequest {
        phone: lead.phone.clone(),
        from,
        attempt: attempt.clone(),
        lead: lead.id.clone(),
        campaign: campaign.id.clone(),
        script: match &voice.pathway_id {
            Some(pathway) => Script::Pathway(pathway.clone()),
            None => Script::Task(voice.task.clone().unwrap_or_default()),
        },
        said: campaign.script.fill(person).map(|filled| filled.text),
        criteria: campaign.script.criteria.clone(),
        voice: voice.voice.clone(),
        max_duration_min: voice.max_duration_min,
        request_data,
        webhook_url,
    }
}
