//! Attempts whose time is over: what does the provider say?
//!
//! Data flow: slots of every campaign → ledgers: what is in flight, and overdue, or not begun while the calling hours
//! end? (`in_flight`) → the provider, by call id, or by number and then by the metadata of each candidate (`questions`)
//! → what follows (`verdict`) → noted in the ledger together with what the lead's history says about it (`history`).
//!
//! - Over: reported to the calls queue, where it is applied like any webhook.
//! - Goes on: asked again. Longer than it may last: stopped, and two looks later given up.
//! - Not begun, and the hours end before the next run: stopped. That is looked at before the closing, not after it: a
//!   run comes every five minutes, and the gate closes seven minutes before the hours do.
//! - No such call: asked again five minutes later, and then given up.
//! - No answer, or a doubt: the line stays locked. History, counts and account say so.
//!
//! Nothing is decided about the lead here, and no call is ever placed again on a guess. A residue stays: a call that a
//! provider accepted and shows only after both looks cannot be told from one that it never had; the two minutes between
//! calls narrow it.

use chrono::TimeDelta;
use redial_aws::App;
use redial_aws::campaigns::CAMPAIGNS_MAX;
use redial_aws::ledgers::Noted;
use redial_aws::messages::{CallMessage, Report};
use redial_aws::queues::QueueError;
use redial_aws::table::TableError;
use redial_domain::{
    CallEvent, CallId, DeliveryId, Direction, EventKind, Facts, InFlight, Leg, Outcome, Phone, SCHEMA_VERSION,
};

use crate::history::{News, tell};
use crate::in_flight::{Overdue, look_through, restore_tokens};
use crate::questions::{AskError, Client, Questions, Said, ours};
use crate::verdict::{Cause, LOOK_AGAIN, Look, Verdict, started, verdict};

/// An account without money or with a bad key is tried again after this long, as when a call is placed.
const ACCOUNT_PAUSE: TimeDelta = TimeDelta::minutes(5);

/// Attempts of which nothing could be noted, after which a run ends: so many at once are an outage.
const FAILED_MAX: usize = 10;

/// What one run did.
#[derive(Debug, Default, Clone, Copy, serde::Serialize)]
pub(crate) struct Asked {
    looked_at: usize,
    reported: usize,
    extended: usize,
    stopped: usize,
    lost: usize,
    locked: usize,
    failed: usize,
    /// Left for the next run.
    left: usize,
    tokens_restored: usize,
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
    client: Client,
}

impl Asker {
    pub(crate) const fn new(app: App, client: Client) -> Self {
        Self { app, client }
    }

    pub(crate) async fn look_at_all(&self) -> Result<Asked, AskFailed> {
        let campaigns = self.app.table.campaigns(None, CAMPAIGNS_MAX).await?;
        let held = look_through(&self.app, &campaigns).await?;
        let mut asked = Asked::default();
        let mut questions = Questions::new(&self.client);
        for one in &held.to_ask {
            let Some(said) = questions.ask(&one.phone, &one.inflight).await else {
                break;
            };
            asked.looked_at += 1;
            if let Err(error) = self.act(one, said, &mut questions, &mut asked).await {
                // One attempt must not hold up all others; a table or queue that is away holds up everything.
                tracing::error!(attempt.id = %one.inflight.id, "attempt not looked at: {error}");
                self.app.metrics.count("reconcile.failed");
                asked.failed += 1;
                if asked.failed >= FAILED_MAX {
                    return Err(error);
                }
            }
        }
        let left = &held.to_ask[asked.looked_at..];
        if !left.is_empty() {
            asked.left = left.len();
            tracing::warn!("{} overdue attempts are left for the next run", left.len());
        }
        if let Some(error) = questions.closed() {
            self.tell_those_who_wait(left, error).await?;
        }
        self.note_account(&questions).await?;
        asked.tokens_restored = restore_tokens(&self.app, &campaigns, &held.attempts).await?;
        Ok(asked)
    }

    async fn act(
        &self,
        one: &Overdue,
        said: Said,
        questions: &mut Questions<'_>,
        asked: &mut Asked,
    ) -> Result<(), AskFailed> {
        let Overdue { phone, inflight, .. } = one;
        let now = self.app.clock.now();
        let look = Look {
            inflight,
            overdue: one.overdue,
            closing: one.closing,
            now,
        };
        let verdict = verdict(&look, &said);
        let mut noted = Noted {
            lease_until: one.overdue.then(|| now + LOOK_AGAIN),
            ..Noted::default()
        };
        let mut report = None;
        if let Said::GoesOn {
            call_id, started_at, ..
        } = &said
        {
            noted.started_at = started(inflight, *started_at, now);
            noted.empty_look_at = inflight.empty_look_at.map(|_| None);
            if inflight.call_id.is_none() {
                noted.call_id = Some(call_id.clone());
                tell(&self.app, inflight, News::Found, &mut noted);
            }
        }
        match (verdict, said) {
            (Verdict::Report, Said::Over(event)) => {
                self.app.metrics.count("reconcile.reported");
                asked.reported += 1;
                tell(&self.app, inflight, News::Over, &mut noted);
                report = Some(*event);
            }
            (Verdict::GoesOn { ask_again }, _) if one.overdue => {
                self.app.metrics.count("reconcile.extended");
                asked.extended += 1;
                noted.lease_until = Some(ask_again);
                if inflight.call_id.is_some() {
                    tell(&self.app, inflight, News::GoesOn, &mut noted);
                }
            }
            (Verdict::Stop(cause), Said::GoesOn { call_id, .. }) => {
                asked.stopped += usize::from(self.stop(one, &call_id, cause, questions, &mut noted).await);
            }
            (Verdict::Lost(cause), _) => {
                self.app.metrics.count("reconcile.lost");
                asked.lost += 1;
                tracing::warn!(attempt.id = %inflight.id, "attempt lost: {cause:?}");
                tell(&self.app, inflight, News::Lost(cause), &mut noted);
                report = Some(lost(phone, inflight));
            }
            (Verdict::UnknownOnce, _) => {
                noted.empty_look_at = Some(Some(inflight.empty_look_at.unwrap_or(now)));
                tell(&self.app, inflight, News::UnknownOnce, &mut noted);
            }
            (Verdict::Locked, said) => {
                asked.locked += 1;
                self.lock(inflight, &said, &mut noted);
            }
            _ => {}
        }
        // Told before it is done: what is cut off here is done again by the next run.
        if self.app.table.note_look(phone, &inflight.id, &noted).await?
            && let Some(event) = report
        {
            self.report(event).await?;
        }
        Ok(())
    }

    /// Ends a call at the provider.
    async fn stop(
        &self,
        one: &Overdue,
        call_id: &CallId,
        cause: Cause,
        questions: &mut Questions<'_>,
        noted: &mut Noted,
    ) -> bool {
        let (inflight, now) = (&one.inflight, self.app.clock.now());
        noted.lease_until = Some(now + LOOK_AGAIN);
        noted.stop_asked_at = Some(inflight.stop_asked_at.unwrap_or(now));
        let stopped = questions.stop(call_id).await;
        if stopped {
            tracing::info!(attempt.id = %inflight.id, "call stopped: {cause:?}");
            self.app.metrics.count("reconcile.stopped");
            noted.stopped_at = Some(inflight.stopped_at.unwrap_or(now));
            tell(&self.app, inflight, News::Stopped(cause), noted);
        } else {
            tracing::warn!(attempt.id = %inflight.id, "call not stopped: {cause:?}; it is tried again");
            self.app.metrics.count("reconcile.not_stopped");
            tell(&self.app, inflight, News::NotStopped(cause), noted);
        }
        stopped
    }

    /// Nobody can tell what became of a call: an unknown one is never repeated on a guess.
    fn lock(&self, inflight: &InFlight, said: &Said, noted: &mut Noted) {
        match said {
            Said::Silent(error) => {
                tracing::warn!(attempt.id = %inflight.id, "line stays locked: {error}");
                self.app.metrics.count("reconcile.silent");
                tell(&self.app, inflight, News::Silent(*error), noted);
            }
            Said::Unclear(doubt) => {
                tracing::warn!(attempt.id = %inflight.id, "line stays locked: {doubt:?}");
                self.app.metrics.count("reconcile.unclear");
                // Two empty answers count only when nothing came between them.
                noted.empty_look_at = inflight.empty_look_at.map(|_| None);
                tell(&self.app, inflight, News::Unclear(*doubt), noted);
            }
            Said::Over(_) | Said::GoesOn { .. } | Said::Unknown => {}
        }
    }

    /// Those whom the provider was not even asked about wait for the same reason. Their leases stay: they are the first
    /// of the next run.
    async fn tell_those_who_wait(&self, left: &[Overdue], error: AskError) -> Result<(), TableError> {
        for one in left.iter().filter(|one| one.overdue) {
            let mut noted = Noted::default();
            tell(&self.app, &one.inflight, News::Silent(error), &mut noted);
            if !noted.activities.is_empty() {
                self.app.table.note_look(&one.phone, &one.inflight.id, &noted).await?;
            }
        }
        Ok(())
    }

    /// How we stand with the provider, for people who look and for whoever wants to place a call.
    async fn note_account(&self, questions: &Questions<'_>) -> Result<(), TableError> {
        let (table, now, provider) = (&self.app.table, self.app.clock.now(), questions.provider());
        if let Some(error) = questions.silence() {
            table.note_silence(provider, now, &error.to_string()).await?;
            if matches!(error, AskError::Refused { status: 401 | 402 }) {
                let why = "the provider refuses the account: look at key and balance";
                table.close_account(provider, now + ACCOUNT_PAUSE, why).await?;
            }
        } else if questions.answered() {
            table.end_silence(provider).await?;
        }
        Ok(())
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
        ours: ours(inflight),
        facts: Facts::ended(Outcome::Lost),
    }
}
