//! A do-not-call that comes from a report, and the end of what is called meanwhile.
//!
//! The mark is written first, before matching and before rules. Ending a call comes after it and is tried until the
//! provider says that it will: the mark stands whatever becomes of the call.

use chrono::{DateTime, TimeDelta, Utc};
use redial_aws::do_not_call::mark_seen;
use redial_domain::{AttemptId, CALL_MIN_MAX, CallEvent, InFlight, Phone, Statement};

use crate::apply_outcome::{Applied, Applier, ApplyError};

/// After this no call that was in flight when its end was asked for still talks: ringing and a provider's queue beside
/// the longest call.
const WORTH_ENDING: TimeDelta = TimeDelta::minutes(CALL_MIN_MAX as i64 + 30);

impl Applier {
    /// A stop holds even for a call that is parked, unmatched or late, so it is written before anything else. A call to
    /// the same phone that is on the way is ended; which one, if that has to be tried again.
    pub(crate) async fn stop_first(&self, phone: &Phone, event: &CallEvent) -> Result<Option<AttemptId>, ApplyError> {
        let ledger = self.app.table.ledger(phone).await?;
        if ledger.forgotten_at.is_some() && ledger.is_do_not_call() {
            // The mark stands, and what was said is not kept of somebody who is forgotten.
            return Ok(None);
        }
        let statement = Statement::of_call(event, event.ours.attempt.as_ref(), self.app.clock.now());
        let marked = mark_seen(&self.app, phone, &statement, ledger).await?;
        self.app.metrics.count("outcome.explicit_stop");
        let is_another = |inflight: &&InFlight| {
            (inflight.call_id.is_none() || inflight.call_id != event.call_id)
                && event.ours.attempt.as_ref() != Some(&inflight.id)
        };
        let Some(inflight) = marked.ledger.inflight.as_ref().filter(is_another) else {
            return Ok(None);
        };
        if inflight.call_id.is_none() {
            // It is being placed at this moment, and may still ring.
            return Ok(Some(inflight.id.clone()));
        }
        Ok(match self.end(inflight).await {
            Ok(()) => None,
            Err(error) => {
                tracing::warn!(attempt.id = %inflight.id, "call after a do-not-call not ended yet: {error}");
                Some(inflight.id.clone())
            }
        })
    }

    /// Ends the call that was in flight when somebody marked the phone. It comes again until the provider took it, or
    /// the call cannot last any more.
    pub(crate) async fn end_call(
        &self,
        phone: &Phone,
        attempt: &AttemptId,
        asked_at: DateTime<Utc>,
    ) -> Result<Applied, ApplyError> {
        let now = self.app.clock.now();
        let ledger = self.app.table.ledger(phone).await?;
        // An owner may have taken the mark away since; and another attempt than this one was permitted by somebody else.
        let Some(inflight) = ledger.inflight.as_ref().filter(|inflight| inflight.id == *attempt) else {
            return Ok(Applied::CallEnded);
        };
        if !ledger.is_do_not_call() || now > asked_at + WORTH_ENDING {
            return Ok(Applied::CallEnded);
        }
        if inflight.call_id.is_none() {
            return Err(ApplyError::CallIdUnknown);
        }
        self.end(inflight).await?;
        tracing::info!(attempt.id = %attempt, "call to a phone on do-not-call ended");
        Ok(Applied::CallEnded)
    }

    async fn end(&self, inflight: &InFlight) -> Result<(), ApplyError> {
        match (&self.bland, &inflight.call_id) {
            (Some(client), Some(call_id)) => Ok(client.stop(call_id).await?),
            _ => Ok(()),
        }
    }
}
