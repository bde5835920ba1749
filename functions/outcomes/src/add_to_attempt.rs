//! A report about an attempt that is finished: the same one again, or more about it.
//!
//! Later news fills in what was not known, and may change the lead when the attempt is its newest or when it stops the
//! calls. News that no rule can read still is stored: facts always commit.

use std::sync::Arc;

use redial_aws::attempts::{Committed, Finish, LedgerFence, StoredAttempt};
use redial_aws::kept::pack;
use redial_aws::rulebook::RuleBookError;
use redial_domain::{Attempt, Campaign, DELIVERIES_MAX, Enrichment, Lead, LedgerEffects, Phone, StopScope, enrich};
use redial_rules::RuleSet;
use redial_rules::consequences::{Case, decision};

use crate::apply_outcome::{Applied, Applier, ApplyError, Round};
use crate::effects::{News, note_talk, resume, tell};

/// What later news makes of an attempt and its lead.
struct Learned {
    attempt: Attempt,
    enrichment: Enrichment,
    effects: LedgerEffects,
    lead: Option<Lead>,
    stop: Option<StopScope>,
}

impl Applier {
    /// Adds to a finished attempt. `None`: something changed meanwhile, look again.
    pub(crate) async fn add_to(
        &self,
        round: &Round<'_>,
        stored: &StoredAttempt,
    ) -> Result<Option<Applied>, ApplyError> {
        let Round {
            delivery,
            phone,
            ledger,
            received_at,
        } = round;
        let before = &stored.attempt;
        let Some(campaign) = self.app.campaign(&before.campaign, 0).await? else {
            return self.unmatched(delivery).await.map(Some);
        };
        let known = stored
            .deliveries
            .iter()
            .any(|known| known == delivery.event.delivery.as_str());
        if known || stored.deliveries.len() >= DELIVERIES_MAX {
            if delivery.receipt.redelivered {
                resume(&self.app, phone, &campaign, stored, delivery.receipt).await?;
                note_talk(&self.app, phone, before, &delivery.event.facts, false).await?;
            }
            return Ok(Some(Applied::Duplicate));
        }
        let now = self.app.clock.now();
        let mut event = delivery.event.clone();
        event.facts.ended_at = Some(before.ended_at.min(*received_at));
        let law = self.app.law(0).await?;
        let case = Case {
            attempt: &before.id,
            end: before.end,
            slot: before.slot.clone(),
            started_at: before.started_at,
            event: &event,
            campaign: &campaign,
            law: &law,
            ledger,
            now,
        };
        let lead = self.app.table.lead(phone, &before.campaign, now).await?;
        let rules = match self.rules_of(before, &campaign, phone).await {
            Err(RuleBookError::Table(error)) => return Err(error.into()),
            Err(error) => {
                tracing::error!(attempt.id = %before.id, "later news without rules: {error}");
                None
            }
            Ok(rules) => Some(rules),
        };
        let settings = self.settings().await?;
        let learned = learn(&case, rules.as_deref(), before, lead.as_ref());
        if settings.keep_raw && !delivery.raw.is_empty() {
            self.app
                .table
                .keep_raw(phone, &before.id, &event.delivery, &pack(delivery.raw), now)
                .await?;
        }
        let seen = lead.as_ref().map(|lead| lead.version);
        let finish = Finish {
            phone,
            attempt: &learned.attempt,
            delivery: &event.delivery,
            raw: None,
            lead: None,
            ledger,
            fence: LedgerFence::Seen,
            effects: &learned.effects,
            retention_days: settings.retention_days,
        };
        let committed = self
            .app
            .table
            .enrich(&finish, &learned.enrichment, learned.lead.as_ref().zip(seen))
            .await?;
        if committed != Committed::Done {
            return Ok(None);
        }
        note_talk(&self.app, phone, before, &event.facts, false).await?;
        tracing::info!(attempt.id = %before.id, "attempt enriched: {}", learned.enrichment.disposition.as_str());
        if let (Some(was), Some(after)) = (&lead, &learned.lead) {
            let news = News {
                lead: &after.id,
                campaign: &campaign.id,
                from: &was.status,
                to: &after.status,
                stop: learned.stop,
                parked: false,
            };
            tell(&self.app, &before.id, &news).await?;
        }
        Ok(Some(Applied::Enriched))
    }

    /// The version that decided about a call also reads what comes later about it.
    async fn rules_of(
        &self,
        before: &Attempt,
        campaign: &Campaign,
        phone: &Phone,
    ) -> Result<Arc<RuleSet>, RuleBookError> {
        let app = &self.app;
        let now = app.clock.now();
        match before.decision.as_ref().map(|decision| &decision.trace) {
            Some(trace) => app.rules.version(&app.table, &trace.set, trace.version).await,
            None => app.rules.for_phone(&app.table, &campaign.rule_set, phone, now).await,
        }
    }
}

fn learn(case: &Case<'_>, rules: Option<&RuleSet>, before: &Attempt, lead: Option<&Lead>) -> Learned {
    let facts = &case.event.facts;
    let mut learned = Learned {
        // Outcome and disposition stay: what is there is the condition; what becomes of it is beside it.
        attempt: Attempt {
            talk_s: before.talk_s.or(facts.talk_s),
            call_id: before.call_id.clone().or_else(|| case.event.call_id.clone()),
            ..before.clone()
        },
        enrichment: Enrichment {
            outcome: before.outcome,
            disposition: before.disposition,
            changed: false,
        },
        effects: LedgerEffects {
            do_not_call: facts.stop.as_ref().and_then(|_| case.statement()),
            ..LedgerEffects::default()
        },
        lead: None,
        stop: facts.stop.is_some().then_some(StopScope::Phone),
    };
    let Some(rules) = rules else { return learned };
    let (answer, changed) = match case.later(rules, before, lead) {
        Ok(answered) => answered,
        Err(error) => {
            tracing::error!(attempt.id = %before.id, "later news not decided: {error}");
            return learned;
        }
    };
    learned.enrichment = enrich(before, &answer);
    if learned.enrichment.disposition != before.disposition && facts.disposition_word.is_some() {
        learned.attempt.word.clone_from(&facts.disposition_word);
    }
    if let Some((moved, step)) = changed {
        case.effects_of(&step, &moved, &mut learned.effects);
        learned.stop = step.stop.or(learned.stop);
        if let Some(was) = lead {
            // The status before the call stays what it was: the next news of one call is no move of its own.
            let first = before.decision.as_ref().filter(|first| first.to == was.status);
            let from = first.map_or(&was.status, |first| &first.from);
            learned.attempt.decision = Some(decision(&answer, from, &moved, step.stop));
        }
        learned.lead = Some(moved);
    }
    learned
}
