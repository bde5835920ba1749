//! The hostile phone network: places calls and tells lies about them. Its log is the judge of what was really called.
//!
//! It speaks Bland's words (those of `redial local`'s network) and knows nothing of leads, caps and hours.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use redial_local::phone_outcomes::{CallOutcome, Dice as CallDice, Timing};
use redial_local::phone_payloads::{Call, DEFAULT_FROM};
use redial_telephony::bland::{Answer, Carrier, Exchange, Lost, Request};
use serde_json::{Value, json};

use crate::webhooks::report;
use crate::world::World;

/// What webhooks are signed with.
pub(crate) const SECRET: &str = "simulated-webhook-secret";
/// A dialer gives up after this long.
const PATIENCE: Duration = Duration::from_secs(10);

/// One call as the network knows it.
#[derive(Debug, Clone)]
pub(crate) struct Placed {
    pub(crate) call: Call,
    pub(crate) attempt: String,
    pub(crate) lead: String,
    pub(crate) campaign: String,
    pub(crate) outcome: CallOutcome,
    pub(crate) rings_at: DateTime<Utc>,
    /// When the line is free again, whatever the network says.
    pub(crate) ends_at: DateTime<Utc>,
    listed_at: DateTime<Utc>,
    /// The network never says that it is over.
    endless: bool,
    stopped: bool,
}

impl Placed {
    /// Whether the phone rang at all.
    pub(crate) fn rang(&self) -> bool {
        self.ends_at > self.rings_at && !matches!(self.outcome, CallOutcome::BadNumber | CallOutcome::NetworkFailed)
    }

    /// Whether the network ever says how it ended.
    pub(crate) fn is_told(&self) -> bool {
        !self.endless || self.stopped
    }

    /// The time at which the person asked to be called, if that is how it went.
    pub(crate) fn asked_for(&self) -> Option<DateTime<Utc>> {
        let details = self.call.details(self.call.ended_at?);
        let at = details["variables"]["callback_requested_at"].as_str()?;
        Some(DateTime::parse_from_rfc3339(at).ok()?.to_utc())
    }

    /// As the network tells about it.
    pub(crate) fn told(&self) -> Call {
        let mut call = self.call.clone();
        if !self.is_told() {
            call.ended_at = None;
        }
        call
    }
}

/// A webhook that was answered with 2xx.
#[derive(Debug, Clone)]
pub(crate) struct Delivered {
    pub(crate) call_id: String,
    pub(crate) phone: String,
    pub(crate) attempt: String,
    pub(crate) body: String,
}

/// The network.
#[derive(Debug, Default)]
pub(crate) struct PhoneNetwork {
    calls: Mutex<Vec<Placed>>,
    delivered: Mutex<Vec<Delivered>>,
    /// Nobody is there until then.
    down_until: Mutex<Option<DateTime<Utc>>>,
    /// What the functions proved to have been refused: nothing was placed.
    refused: Mutex<Vec<Refused>>,
    /// Two calls in five go this way.
    often: Option<CallOutcome>,
}

/// A try that the network refused, with an answer that proves it.
#[derive(Debug, Clone)]
pub(crate) struct Refused {
    pub(crate) phone: String,
    pub(crate) attempt: String,
}

/// Of a thousand calls, how many go the way that a planted defect needs.
const OFTEN: u32 = 400;
/// The ways that are seldom.
const SELDOM: [CallOutcome; 8] = [
    CallOutcome::Sale,
    CallOutcome::TransferredThenSale,
    CallOutcome::Transferred,
    CallOutcome::Callback,
    CallOutcome::Dnc,
    CallOutcome::DncInSecondDelivery,
    CallOutcome::BadNumber,
    CallOutcome::NetworkFailed,
];

impl PhoneNetwork {
    /// A network where two calls in five go one way, if one is given.
    pub(crate) fn new(often: Option<CallOutcome>) -> Self {
        Self {
            often,
            ..Self::default()
        }
    }

    /// Every try that was refused.
    pub(crate) fn refused(&self) -> Vec<Refused> {
        self.refused.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn calls_mut(&self) -> MutexGuard<'_, Vec<Placed>> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Every call so far, in the order in which they were accepted.
    pub(crate) fn calls(&self) -> Vec<Placed> {
        self.calls_mut().clone()
    }

    /// A look at every call so far.
    pub(crate) fn with_calls<T>(&self, look: impl FnOnce(&[Placed]) -> T) -> T {
        look(&self.calls_mut())
    }

    /// Every webhook that was taken.
    pub(crate) fn delivered(&self) -> Vec<Delivered> {
        self.delivered.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// A webhook was taken.
    pub(crate) fn was_delivered(&self, delivered: Delivered) {
        self.delivered
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(delivered);
    }

    /// Nobody answers until then.
    pub(crate) fn is_down_until(&self, until: DateTime<Utc>) {
        *self.down_until.lock().unwrap_or_else(PoisonError::into_inner) = Some(until);
    }

    fn is_down(&self, now: DateTime<Utc>) -> bool {
        self.down_until
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .is_some_and(|until| now < until)
    }

    fn call(&self, id: &str) -> Option<Placed> {
        self.calls_mut()
            .iter()
            .find(|placed| placed.call.call_id == id)
            .cloned()
    }
}

/// The way of one instance's client to the network.
#[derive(Clone)]
pub(crate) struct PhoneLine {
    pub(crate) world: Arc<World>,
    pub(crate) who: String,
}

impl std::fmt::Debug for PhoneLine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "PhoneLine({})", self.who)
    }
}

impl Carrier for PhoneLine {
    fn carry(&self, request: Request) -> Exchange {
        let line = self.clone();
        Box::pin(async move {
            let path: Vec<&str> = request.path.iter().map(String::as_str).collect();
            match (&request.places, path.as_slice()) {
                (Some(body), _) => line.place(body).await,
                (None, ["calls"]) => line.list(&request.query).await,
                (None, ["calls", id]) => line.details(id).await,
                (None, ["calls", id, "stop"]) => line.stop(id).await,
                _ => Ok(answer(404, &json!({ "status": "error", "message": "Not found" }))),
            }
        })
    }
}

fn answer(status: u16, body: &Value) -> Answer {
    Answer {
        status,
        body: body.to_string().into_bytes(),
        ..Answer::default()
    }
}

fn error(status: u16, message: &str) -> Answer {
    answer(status, &json!({ "status": "error", "message": message, "errors": [] }))
}

impl PhoneLine {
    async fn way(&self) {
        let ms = self.world.dice.phones.between(20, 250);
        tokio::time::sleep(Duration::from_millis(ms)).await;
    }

    async fn place(self, body: &Value) -> Result<Answer, Lost> {
        let world = &self.world;
        let faults = world.faults();
        let dice = &world.dice.phones;
        let phone = body["phone_number"].as_str().unwrap_or_default().to_owned();
        let says = |what: &str| world.note(&format!("{} place {phone}: {what}", self.who));
        self.way().await;
        if world.phones.is_down(world.now()) {
            says("network down");
            return if dice.happens(500) {
                Err(Lost::NotConnected)
            } else {
                Ok(error(503, "Service unavailable"))
            };
        }
        if dice.happens(faults.unreachable) {
            says("unreachable");
            return Err(Lost::NotConnected);
        }
        if dice.happens(faults.rate_limited) {
            says("429");
            return Ok(Answer {
                retry_after: Some(dice.between(1, 30).to_string()),
                ..error(429, "Rate limit exceeded")
            });
        }
        if dice.happens(faults.refused) {
            says("400");
            let attempt = body["metadata"]["attempt_id"].as_str().unwrap_or_default().to_owned();
            let mut refused = world.phones.refused.lock().unwrap_or_else(PoisonError::into_inner);
            refused.push(Refused { phone, attempt });
            return Ok(error(400, "Invalid parameters"));
        }
        if dice.happens(faults.fails_before) {
            says("503, nothing placed");
            return Ok(error(503, "Service unavailable"));
        }
        let at_once = dice.happens(faults.webhook_first);
        let id = accept(world, &phone, body, at_once);
        says(&format!("accepted as {id}"));
        if dice.happens(faults.fails_after) {
            says("500, but placed");
            return Ok(error(500, "Internal server error"));
        }
        if dice.happens(faults.hangs) {
            says("no answer, but placed");
            tokio::time::sleep(PATIENCE).await;
            return Err(Lost::TimedOut);
        }
        if at_once {
            tokio::time::sleep(Duration::from_secs(6)).await;
        }
        self.way().await;
        Ok(answer(
            200,
            &json!({ "status": "success", "message": "Call successfully queued.", "call_id": id, "batch_id": null }),
        ))
    }

    /// Whether a question stays without an answer.
    async fn unanswered(&self) -> bool {
        self.way().await;
        let world = &self.world;
        world.phones.is_down(world.now()) || world.dice.phones.happens(world.faults().ask_fails)
    }

    async fn list(self, query: &[(&'static str, String)]) -> Result<Answer, Lost> {
        if self.unanswered().await {
            return Ok(error(503, "Service unavailable"));
        }
        let world = &self.world;
        let now = world.now();
        let to = query
            .iter()
            .find(|(name, _)| *name == "to_number")
            .map(|(_, to)| to.trim_start_matches('+').to_owned());
        let rows: Vec<Value> = world.phones.with_calls(|calls| {
            calls
                .iter()
                .filter(|placed| placed.listed_at <= now)
                .filter(|placed| {
                    to.as_deref()
                        .is_none_or(|to| placed.call.phone.trim_start_matches('+') == to)
                })
                .map(|placed| placed.told().list_row(now))
                .collect()
        });
        world.note(&format!(
            "{} lists calls to +{}: {}",
            self.who,
            to.unwrap_or_default(),
            rows.len()
        ));
        Ok(answer(200, &json!({ "count": rows.len(), "calls": rows })))
    }

    async fn details(self, id: &str) -> Result<Answer, Lost> {
        if self.unanswered().await {
            return Ok(error(503, "Service unavailable"));
        }
        let world = &self.world;
        let Some(placed) = world.phones.call(id) else {
            return Ok(error(404, "Call not found"));
        };
        let details = placed.told().details(world.now());
        world.note(&format!(
            "{} asks about {} {id}: {}",
            self.who, placed.call.phone, details["status"]
        ));
        Ok(answer(200, &details))
    }

    async fn stop(self, id: &str) -> Result<Answer, Lost> {
        if self.unanswered().await {
            return Ok(error(503, "Service unavailable"));
        }
        let world = &self.world;
        let now = world.now();
        let stopped = {
            let mut calls = world.phones.calls_mut();
            let Some(placed) = calls.iter_mut().find(|placed| placed.call.call_id == id) else {
                return Ok(error(404, "Call not found"));
            };
            let over = placed.told().is_over(now);
            if !over {
                let talks = placed.call.started_at.is_some_and(|at| at <= now) && placed.outcome.is_human();
                placed.outcome = if talks {
                    CallOutcome::HumanNoResult
                } else {
                    CallOutcome::Canceled
                };
                placed.call.outcome = Some(placed.outcome);
                placed.call.started_at = placed.call.started_at.filter(|_| talks);
                placed.call.ended_at = Some(now);
                placed.ends_at = placed.ends_at.min(now);
                placed.stopped = true;
            }
            (!over).then(|| placed.clone())
        };
        let Some(placed) = stopped else {
            return Ok(error(400, "Call not found or already completed"));
        };
        world.note(&format!("{} stops {} {id}", self.who, placed.call.phone));
        let world = Arc::clone(world);
        tokio::spawn(async move {
            tokio::time::sleep(Duration::from_secs(1)).await;
            report(&world, &placed, 1).await;
        });
        Ok(answer(
            200,
            &json!({ "status": "success", "message": "Call ended successfully." }),
        ))
    }
}

/// From here on the call is made, whatever is answered.
fn accept(world: &Arc<World>, phone: &str, body: &Value, at_once: bool) -> String {
    let now = world.now();
    let faults = world.faults();
    let dice = &world.dice.phones;
    let n = world.phones.calls_mut().len() + 1;
    let id = format!("c-{:x}-{n}", world.seed);
    let call_dice = CallDice::new(world.seed, &id);
    let often = world.phones.often.filter(|_| dice.happens(OFTEN));
    let seldom = dice.happens(faults.eventful).then(|| {
        let which = usize::try_from(dice.between(0, SELDOM.len() as u64 - 1)).unwrap_or(0);
        SELDOM[which]
    });
    let outcome = often.or(seldom).unwrap_or_else(|| call_dice.outcome());
    let timing = Timing::of(outcome, &call_dice);
    let seconds = |s: u64| TimeDelta::seconds(i64::try_from(s).unwrap_or(0));
    let waits = if dice.happens(faults.rings_late) {
        dice.between(30, faults.rings_late_s.max(30))
    } else {
        dice.between(0, 2)
    };
    let (rings_at, started_at, ends_at) = if at_once {
        (now, now, now + TimeDelta::seconds(1))
    } else {
        let rings = now + seconds(waits);
        (
            rings,
            rings + seconds(u64::from(timing.ring_s)),
            rings + seconds(u64::from(timing.end_s())),
        )
    };
    let max_min = body["max_duration"].as_i64().unwrap_or(30);
    let unconnected = matches!(outcome, CallOutcome::BadNumber | CallOutcome::Canceled);
    // What was picked up goes on for ever; what never was may wait at a provider for an hour, and that is no fault.
    let endless = !at_once && !unconnected && dice.happens(faults.never_ends);
    let text = |name: &str| body["metadata"][name].as_str().unwrap_or_default().to_owned();
    let placed = Placed {
        attempt: text("attempt_id"),
        lead: text("lead_id"),
        campaign: text("campaign_id"),
        outcome,
        rings_at,
        // The longest call is always told, and the network keeps to it.
        ends_at: if endless {
            started_at + TimeDelta::minutes(max_min)
        } else {
            ends_at
        },
        listed_at: now + seconds(dice.between(0, faults.list_late_s)),
        endless,
        stopped: false,
        call: Call {
            call_id: id.clone(),
            phone: phone.to_owned(),
            from: body["from"].as_str().unwrap_or(DEFAULT_FROM).to_owned(),
            accepted_at: now,
            request: body.clone(),
            outcome: Some(outcome),
            started_at: (!unconnected).then_some(started_at),
            ended_at: Some(ends_at),
            seed: world.seed,
        },
    };
    world.judge.accepted(world, &placed);
    world.phones.calls_mut().push(placed);
    let world = Arc::clone(world);
    let call_id = id.clone();
    tokio::spawn(async move { live(&world, &call_id, timing).await });
    id
}

/// The life of a call from its acceptance to its last report.
async fn live(world: &Arc<World>, id: &str, timing: Timing) {
    let Some(before) = world.phones.call(id) else { return };
    world.clock.sleep_until(before.rings_at).await;
    let Some(ringing) = world.phones.call(id).filter(|placed| !placed.stopped) else {
        return;
    };
    if ringing.rang() {
        world.note(&format!("{} rings {id}", ringing.call.phone));
        world.judge.rang(world, &ringing);
    }
    world.clock.sleep_until(ringing.ends_at).await;
    let Some(placed) = world.phones.call(id).filter(|placed| !placed.stopped) else {
        return;
    };
    if placed.endless {
        return;
    }
    world.note(&format!("{} ends {id}: {}", placed.call.phone, placed.outcome.as_str()));
    let second = timing.second_report_s;
    tokio::time::sleep(Duration::from_secs(u64::from(timing.report_s))).await;
    let first = {
        let (world, placed) = (Arc::clone(world), placed.clone());
        tokio::spawn(async move { report(&world, &placed, 1).await })
    };
    if let Some(second_s) = second {
        tokio::time::sleep(Duration::from_secs(u64::from(second_s - timing.report_s.min(second_s)))).await;
        report(world, &placed, 2).await;
    }
    let _ = first.await;
}
