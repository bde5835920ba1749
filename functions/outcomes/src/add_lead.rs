//! A CRM's new lead, from its webhook to the queue.

use redial_aws::App;
use redial_aws::do_not_call::mark;
use redial_aws::intake::{Intake, IntakeError, take_in};
use redial_aws::table::TableError;
use redial_domain::{Actor, AttemptId, CampaignId, Profile, ProofSource, Role, Statement, find_explicit_stop};
use redial_telephony::NewLead;

/// Marks the phone of a lead that comes with a do-not-call status, before anything else can fail. Answers the attempt that was
/// in flight then: it has to be ended.
pub(crate) async fn mark_of_crm(app: &App, source: &str, lead: &NewLead) -> Result<Option<AttemptId>, TableError> {
    if find_explicit_stop(lead.status_word.as_deref(), &[]).is_none() {
        return Ok(None);
    }
    let statement = Statement {
        words: lead.status_word.clone(),
        ..Statement::entered(ProofSource::Crm, source, app.clock.now())
    };
    let marked = mark(app, &lead.phone, &statement).await?;
    Ok(marked.ledger.inflight.map(|inflight| inflight.id))
}

/// Takes a lead in, in the name of the CRM.
pub(crate) async fn add_lead(app: &App, source: &str, campaign: &CampaignId, lead: NewLead) -> Result<(), IntakeError> {
    let intake = Intake {
        phone: lead.phone,
        state_code: lead.state,
        postal_code: lead.postal_code,
        zone: None,
        consent: None,
        registry_checked_at: None,
        profile: Profile {
            first_name: lead.first_name,
            last_name: lead.last_name,
            email: lead.email,
            city: lead.city,
            source: Some(source.to_owned()),
            crm_id: lead.crm_id,
            crm_list_id: lead.list_id,
            imported_by: None,
            tags: Vec::new(),
            custom: lead.custom,
        },
    };
    let actor = Actor {
        name: source.to_owned(),
        role: Role::Webhook,
    };
    let taken = take_in(app, campaign, intake, actor).await?;
    tracing::info!(
        lead.id = %taken.lead,
        lead.created = taken.created,
        lead.claimed = taken.claimed,
        "lead from {source}"
    );
    Ok(())
}
