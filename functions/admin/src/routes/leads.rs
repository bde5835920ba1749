//! Leads: add them, look at them, say why one is not called.

use redial_domain::Permission::{AddLead, ChangeLead, ExportEvidence, View};

use super::run;
use crate::route::Route;
use crate::{add_lead, evidence, explain_lead, lead_consent, report_call, show_lead};

const GROUP: &str = "Leads";

pub(super) fn rows() -> Vec<Route> {
    let row = |at, needs, does, action| Route::new(GROUP, at, needs, does, action);
    vec![
        row(
            ("POST", "/api/leads"),
            AddLead,
            "add a lead, and call it when its campaign is open; again for the same phone completes its data",
            run!(c => add_lead::add(c)),
        )
        .body::<add_lead::NewLead>()
        .answers(&[200, 201])
        .once()
        .conflicts(),
        row(
            ("GET", "/api/leads/{id}"),
            View,
            "a lead by our id or the CRM's: why it may or may not be called now, its attempts and activities",
            run!(c, id => show_lead::show(c, id)),
        )
        .asks("attempts_cursor", "`attempts_cursor` of the answer before")
        .asks("activities_cursor", "`activities_cursor` of the answer before")
        .limits(show_lead::LIMIT_MAX),
        row(
            ("GET", "/api/leads/{id}/explain"),
            View,
            "every gate with its value, its limit and who says so; the first that blocks; the next possible time; the last decisions",
            run!(c, id => explain_lead::show(c, id)),
        ),
        row(
            ("POST", "/api/explain"),
            View,
            "the same by phone, for each campaign that has it",
            run!(c => explain_lead::of_phone(c)),
        )
        .body::<explain_lead::Asked>(),
        row(
            ("PUT", "/api/leads/{id}/consent"),
            ChangeLead,
            "what the person agreed to, with source and proof",
            run!(c, id => lead_consent::put(c, id)),
        )
        .body::<lead_consent::GivenConsent>()
        .conflicts(),
        row(
            ("DELETE", "/api/leads/{id}/consent"),
            ChangeLead,
            "that it was taken back",
            run!(c, id => lead_consent::take_back(c, id)),
        )
        .body::<lead_consent::TakenBack>()
        .conflicts(),
        row(
            ("GET", "/api/leads/{id}/evidence"),
            ExportEvidence,
            "everything that is kept about the lead's phone",
            run!(c, id => evidence::export(c, id)),
        )
        .pages(evidence::LIMIT_MAX),
        row(
            ("POST", "/api/calls"),
            AddLead,
            "a call that another system or a person placed to a phone: it uses up the caps of a day, of rolling hours and the gap as ours do, and the total of the leads it was for: of one in `campaign_id`, else of those about `subject`, else of all; the same report twice counts once",
            run!(c => report_call::report(c)),
        )
        .body::<report_call::Reported>()
        .answers(&[200, 201])
        .conflicts(),
    ]
}
