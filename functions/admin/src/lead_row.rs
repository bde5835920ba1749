//! A lead as lists of leads show it: the person, where it stands for the business and in the queue, what was said last.
//!
//! `status` is the status for the business here, and `state` the state in the queue. Data flow: keys of a page → leads,
//! phones, people and talks, each in one batch → those that fit the filter, as rows.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use redial_aws::leads::LeadAndLedger;
use redial_aws::talks::Talk;
use redial_aws::web::Problem;
use redial_domain::{Campaign, CampaignId, Lead, LeadState, Phone, Profile, iso};
use serde_json::{Value, json};

use crate::queue_status::Claimed;
use crate::request::{Caller, unavailable};

/// Which leads are shown.
#[derive(Debug, Clone, Default)]
pub(crate) struct Filter {
    pub(crate) campaign: Option<CampaignId>,
    pub(crate) list: Option<String>,
    /// Any, if none is named.
    pub(crate) statuses: Vec<String>,
    pub(crate) state: Option<LeadState>,
}

impl Filter {
    fn fits(&self, lead: &Lead, state: LeadState) -> bool {
        let status = |wanted: &String| wanted == lead.status.as_str();
        self.campaign.as_ref().is_none_or(|campaign| lead.campaign == *campaign)
            && self.list.as_ref().is_none_or(|list| lead.list.as_str() == list)
            && (self.statuses.is_empty() || self.statuses.iter().any(status))
            && self.state.is_none_or(|wanted| wanted == state)
    }
}

/// A lead of a page.
pub(crate) struct Row {
    pub(crate) lead: Lead,
    pub(crate) profile: Profile,
    /// What is shown, if it fits the filter.
    pub(crate) shown: Option<Value>,
}

/// Reads rows, and keeps what they have in common.
pub(crate) struct Rows<'a, 'c> {
    caller: &'a Caller<'c>,
    now: DateTime<Utc>,
    claimed: HashMap<CampaignId, Option<(Campaign, Claimed)>>,
}

impl<'a, 'c> Rows<'a, 'c> {
    pub(crate) fn new(caller: &'a Caller<'c>) -> Self {
        Self {
            caller,
            now: caller.app.clock.now(),
            claimed: HashMap::new(),
        }
    }

    /// The rows of some leads, in their order; those that are gone are left out.
    pub(crate) async fn of(&mut self, of: &[(Phone, CampaignId)], filter: &Filter) -> Result<Vec<Row>, Problem> {
        let table = &self.caller.app.table;
        let failed = |error| unavailable(&error);
        let leads = table.leads_and_ledgers(of, self.now).await.map_err(failed)?;
        let of: Vec<_> = leads
            .iter()
            .map(|both| (both.lead.phone.clone(), both.lead.campaign.clone()))
            .collect();
        let mut people = table.profiles(&of).await.map_err(failed)?;
        let mut talks = table.last_talks(&of).await.map_err(failed)?;
        let mut rows = Vec::with_capacity(leads.len());
        for (both, whose) in leads.into_iter().zip(of) {
            let profile = people.remove(&whose).unwrap_or_default();
            let state = self.state(&both.lead).await?;
            let shown = filter
                .fits(&both.lead, state)
                .then(|| shown(&both, &profile, talks.remove(&whose).as_ref(), state));
            rows.push(Row {
                lead: both.lead,
                profile,
                shown,
            });
        }
        Ok(rows)
    }

    /// The state as people see it.
    async fn state(&mut self, lead: &Lead) -> Result<LeadState, Problem> {
        let app = self.caller.app;
        let failed = |error| unavailable(&error);
        if !self.claimed.contains_key(&lead.campaign) {
            let campaign = app.table.campaign(&lead.campaign).await.map_err(failed)?;
            let both = match campaign {
                Some(campaign) => {
                    let claimed = Claimed::of(app, &campaign).await.map_err(failed)?;
                    Some((campaign, claimed))
                }
                None => None,
            };
            self.claimed.insert(lead.campaign.clone(), both);
        }
        Ok(match self.claimed.get(&lead.campaign) {
            Some(Some((_, claimed))) => {
                claimed.state(&lead.phone, lead.state, lead.next_at.unwrap_or(self.now), self.now)
            }
            _ => lead.shown_state(self.now),
        })
    }
}

fn shown(both: &LeadAndLedger, profile: &Profile, talk: Option<&Talk>, state: LeadState) -> Value {
    let LeadAndLedger { lead, ledger } = both;
    let text = |at: Option<DateTime<Utc>>| at.map(iso);
    let names = [&profile.first_name, &profile.last_name];
    let name: Vec<&str> = names.into_iter().flatten().map(String::as_str).collect();
    json!({
        "lead_id": lead.id,
        "crm_id": profile.crm_id,
        "campaign_id": lead.campaign,
        "outbound_list_id": lead.list,
        "phone": lead.phone,
        "name": (!name.is_empty()).then(|| name.join(" ")),
        "first_name": profile.first_name,
        "last_name": profile.last_name,
        "email": profile.email,
        "tags": profile.tags,
        "source": profile.source,
        "status": lead.status,
        "last_status_change": iso(lead.status_at),
        "state": state,
        "reason": lead.reason,
        "next_call_at": text(lead.next_at),
        "callback_at": text(lead.callback_at),
        "do_not_call": ledger.is_do_not_call(),
        "dial_attempts": lead.attempts,
        "answered_count": lead.answered,
        "last_dial_attempt": text(lead.last_call_at),
        "dial_result": lead.outcomes.last(),
        "last_contact_at": talk.map(|talk| iso(talk.at)),
        "summary": talk.and_then(|talk| talk.summary.clone()),
        "summary_from": talk.and_then(|talk| talk.summary_from),
        "created_at": iso(lead.created_at),
        "updated_at": iso(lead.updated_at),
    })
}
