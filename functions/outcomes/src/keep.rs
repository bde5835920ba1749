//! Reports that nothing can be done with: kept for people, and counted.
//!
//! A wish not to be called may be among them. Where nobody can say whose it is, or nobody could read it, the report says
//! by when the law wants it honoured, and an alarm asks people to look.

use redial_aws::kept::{Kept, KeptWhy};
use redial_domain::law::Law;
use redial_domain::{Direction, honour_by, may_hold_a_stop};

use crate::apply_outcome::{Applied, Applier, ApplyError, Delivery};
use crate::foreign_call::count_foreign;

impl Applier {
    /// Keeps a report that is about no call of ours.
    pub(crate) async fn unmatched(&self, delivery: &Delivery<'_>) -> Result<Applied, ApplyError> {
        count_foreign(&self.app, &delivery.event).await?;
        // An inbound call of a stranger, or a call that another system placed through the same account.
        let what = match delivery.event.direction {
            Direction::Inbound => "inbound call of an unknown phone",
            Direction::Outbound => "no attempt fits",
        };
        // With a phone its stop was written before anything was matched.
        let stop = delivery.event.facts.stop.is_some() && delivery.event.phone.is_none();
        let provider = &delivery.event.provider;
        self.keep(KeptWhy::Unmatched, provider, what, delivery.raw, stop).await
    }

    /// Keeps what cannot be read.
    pub(crate) async fn unreadable(&self, provider: &str, why: &str, body: &str) -> Result<Applied, ApplyError> {
        let stop = may_hold_a_stop(body);
        self.keep(KeptWhy::Unreadable, provider, why, body.as_bytes(), stop)
            .await
    }

    /// Keeps a payload. `stop`: it may hold a do-not-call that was not honoured.
    pub(crate) async fn keep(
        &self,
        why: KeptWhy,
        provider: &str,
        detail: &str,
        payload: &[u8],
        stop: bool,
    ) -> Result<Applied, ApplyError> {
        let now = self.app.clock.now();
        let kept = Kept {
            why,
            provider,
            detail,
            honour_by: stop.then(|| honour_by(Law::built_in(), now)),
        };
        let id = self.app.ids.record(now);
        self.app.table.keep(&id, &kept, payload, now).await?;
        if stop {
            self.app.metrics.count("dnc.not_honoured");
            tracing::error!(kept.id = %id, "kept for people, and it may be a do-not-call: {detail}");
        } else {
            tracing::warn!(webhook.provider = provider, "kept for people: {detail}");
        }
        Ok(match why {
            KeptWhy::Unreadable => Applied::Unreadable,
            KeptWhy::Unmatched => Applied::Unmatched,
        })
    }
}
