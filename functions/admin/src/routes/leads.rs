//! Leads: add them, look at them, say why one is not called.

use redial_domain::Permission::{AddLead, ChangeLead, ExportEvidence, View};

use super::run;
use crate::route::Route;
use crate::{
    add_lead, call_now, evidence, explain_lead, lead_callback, lead_change, lead_consent, lead_history, lead_notes,
    lead_status, lead_statuses, leads_list, report_call, show_lead,
};

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
            ("GET", "/api/leads"),
            View,
            "leads by campaign, list, status, state, or `search`; newest move first",
            run!(c => leads_list::list(c)),
        )
        .asks("campaign_id", "only this campaign")
        .asks("outbound_list_id", "only this list")
        .asks("status", "only this lead status; empty for leads without one")
        .asks("state", "only this redial state")
        .asks("search", "a phone, an id, an e-mail address or words of a name")
        .asks("skip", "so many less, for clients without cursors; at most 1,000")
        .pages(leads_list::LIMIT_MAX)
        .refuses(&[404]),
        row(
            ("POST", "/api/leads/search"),
            View,
            "the same with what is searched in the body, not in the URL",
            run!(c => leads_list::search(c)),
        )
        .body::<leads_list::Asked>(),
        row(
            ("GET", "/campaigns/{id}/leads"),
            View,
            "the leads of a campaign, and how many there are",
            run!(c, id => leads_list::of_campaign(c, id)),
        )
        .asks("skip", "so many less, for clients without cursors; at most 1,000")
        .pages(leads_list::LIMIT_MAX),
        row(
            ("GET", "/api/lead-statuses"),
            View,
            "the statuses of a rule set, in their order",
            run!(c => lead_statuses::list(c)),
        )
        .asks("campaign_id", "those of this campaign's rule set")
        .asks("rule_set", "those of this one")
        .asks("lang", "`en` or `he`: the language of `label`")
        .refuses(&[404]),
        row(
            ("POST", "/api/leads/status"),
            ChangeLead,
            "move up to 500 leads, each with its own result; or all of a status, as a job (admin)",
            run!(c => lead_status::change_many(c)),
        )
        .body::<lead_status::Many>()
        .answers(&[200, 202])
        .once()
        .conflicts(),
        row(
            ("PATCH", "/api/leads/{id}/status"),
            ChangeLead,
            "move a lead; a move that the rule set has not is refused with those that it has",
            run!(c, id => lead_status::change(c, id)),
        )
        .body::<lead_status::One>()
        .conflicts(),
        row(
            ("PATCH", "/api/leads/{id}"),
            ChangeLead,
            "correct the person's data and place",
            run!(c, id => lead_change::change(c, id)),
        )
        .body::<lead_change::Correction>()
        .conflicts(),
        row(
            ("PUT", "/api/leads/{id}/tags"),
            ChangeLead,
            "set its tags",
            run!(c, id => lead_change::tag(c, id)),
        )
        .body::<lead_change::NewTags>()
        .conflicts(),
        row(
            ("POST", "/api/leads/{id}/callback"),
            ChangeLead,
            "promise a call at a time",
            run!(c, id => lead_callback::promise(c, id)),
        )
        .body::<lead_callback::Promised>()
        .once()
        .conflicts(),
        row(
            ("POST", "/api/leads/{id}/call"),
            ChangeLead,
            "call now, if the gate is open; else why not, and when",
            run!(c, id => call_now::call(c, id)),
        )
        .may_have::<call_now::Wish>()
        .answers(&[200, 202])
        .once()
        .conflicts(),
        row(
            ("POST", "/api/leads/{id}/notes"),
            ChangeLead,
            "write a note",
            run!(c, id => lead_notes::add(c, id)),
        )
        .body::<lead_notes::NewNote>()
        .answers(&[200, 201])
        .once()
        .conflicts(),
        row(
            ("GET", "/api/leads/{id}/notes"),
            View,
            "its notes, newest first",
            run!(c, id => lead_notes::list(c, id)),
        )
        .pages(lead_notes::LIMIT_MAX),
        row(
            ("GET", "/api/leads/{id}/history"),
            View,
            "everything that happened, newest first, to its beginning",
            run!(c, id => lead_history::show(c, id)),
        )
        .pages(lead_history::LIMIT_MAX),
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
