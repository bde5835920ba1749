//! The law book and bans, do-not-call, forgetting, evidence.

use redial_domain::Permission::{
    BanCalls, ForgetPerson, GovernLaw, ListDoNotCall, MarkDoNotCall, RemoveDoNotCall, View,
};

use super::run;
use crate::route::Route;
use crate::{do_not_call, do_not_call_list, forget, law_api};

const LAW: &str = "Calling law";
const DO_NOT_CALL: &str = "Do-not-call";

pub(super) fn rows() -> Vec<Route> {
    let law = |at, needs, does, action| Route::new(LAW, at, needs, does, action);
    let mark = |at, needs, does, action| Route::new(DO_NOT_CALL, at, needs, does, action);
    vec![
        law(
            ("GET", "/api/law"),
            View,
            "the law book, bans, records of your own",
            run!(c => law_api::show(c)),
        )
        .asks("jurisdiction", "only this one: `US-FL`, `FL`, `Florida`, `US`"),
        law(
            ("POST", "/api/law/bans"),
            BanCalls,
            "ban calling in a state, a country or everywhere, from, until, with a reason",
            run!(c => law_api::ban(c)),
        )
        .body::<law_api::NewBan>()
        .answers(&[201])
        .once()
        .conflicts(),
        law(
            ("DELETE", "/api/law/bans/{id}"),
            BanCalls,
            "lift it, with a reason in the body",
            run!(c, id => law_api::lift(c, id)),
        )
        .body::<law_api::Reason>()
        .conflicts(),
        law(
            ("POST", "/api/law/records"),
            GovernLaw,
            "a record beside the book's, or in place of them",
            run!(c => law_api::add(c)),
        )
        .body::<law_api::NewRecord>()
        .answers(&[201])
        .once()
        .conflicts(),
        law(
            ("DELETE", "/api/law/records/{id}"),
            GovernLaw,
            "take it back, with a reason in the body",
            run!(c, id => law_api::remove(c, id)),
        )
        .body::<law_api::Reason>()
        .conflicts(),
        mark(
            ("POST", "/api/do-not-call"),
            MarkDoNotCall,
            "mark a phone, at once and for good",
            run!(c => do_not_call::add(c)),
        )
        .body::<do_not_call::NewMark>()
        .answers(&[200, 201])
        .once()
        .conflicts(),
        mark(
            ("POST", "/api/do-not-call/check"),
            View,
            "whether a phone is marked, and every proof",
            run!(c => do_not_call::check(c)),
        )
        .body::<do_not_call::Asked>(),
        mark(
            ("POST", "/api/do-not-call/import"),
            ListDoNotCall,
            "marks from a list, 5,000 numbers a request",
            run!(c => do_not_call_list::import(c)),
        )
        .body::<do_not_call_list::List>()
        .once(),
        mark(
            ("GET", "/api/do-not-call"),
            ListDoNotCall,
            "all marks by time",
            run!(c => do_not_call_list::list(c)),
        )
        .asks("from", "only marks since this time")
        .pages(do_not_call_list::LIMIT_MAX),
        mark(
            ("POST", "/api/do-not-call/remove"),
            RemoveDoNotCall,
            "take a mark away, with a reason",
            run!(c => do_not_call::remove(c)),
        )
        .body::<do_not_call::WithReason>()
        .conflicts(),
        mark(
            ("POST", "/api/forget"),
            ForgetPerson,
            "delete what is known about a person; the mark stays",
            run!(c => forget::forget(c)),
        )
        .body::<do_not_call::WithReason>()
        .answers(&[200, 202])
        .conflicts(),
    ]
}
