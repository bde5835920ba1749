//! The queue of leads that wait, its switches, and the provider's account.

use redial_domain::Permission::{ChangeLead, ManageCampaigns, OperateQueue, View};

use super::run;
use crate::queue_switches::Switch;
use crate::route::Route;
use crate::{accounts_api, queue_config, queue_lead, queue_records, queue_status, queue_switches};

const GROUP: &str = "Queue";

pub(super) fn rows() -> Vec<Route> {
    let row = |at, needs, does, action| Route::new(GROUP, at, needs, does, action);
    vec![
        row(
            ("GET", "/api/admin/redial-queue/status"),
            View,
            "the switches, how many leads stand where, whether the provider takes calls and answers, promised callbacks: dialed, moved, late, open",
            run!(c => queue_status::status(c)),
        ),
        row(
            ("GET", "/api/admin/redial-queue/records"),
            View,
            "leads in the order in which they are served",
            run!(c => queue_records::records(c)),
        )
        .asks("status", "only leads of this redial state, as in `pending`")
        .asks("ready", "`true`: only leads that are due now")
        .asks("campaign_id", "only this campaign")
        .pages(queue_records::LIMIT_MAX)
        .refuses(&[404]),
        row(
            ("GET", "/api/admin/redial-queue/config"),
            View,
            "intervals, caps, retention, and what holds each",
            run!(c => queue_config::show(c)),
        ),
        row(
            ("PUT", "/api/admin/redial-queue/config"),
            ManageCampaigns,
            "change them; an unknown key is refused",
            run!(c => queue_config::change(c)),
        )
        .body::<queue_config::Change>()
        .conflicts(),
        row(
            ("POST", "/api/admin/redial-queue/enable"),
            ManageCampaigns,
            "the business switch, on",
            run!(c => queue_switches::throw(c, Switch::Enabled, true)),
        )
        .conflicts(),
        row(
            ("POST", "/api/admin/redial-queue/disable"),
            ManageCampaigns,
            "the business switch, off; answers when nothing can be placed any more",
            run!(c => queue_switches::throw(c, Switch::Enabled, false)),
        )
        .conflicts(),
        row(
            ("POST", "/api/admin/redial-queue/start"),
            OperateQueue,
            "the operator's switch, on; calls are placed only when both are on",
            run!(c => queue_switches::throw(c, Switch::Running, true)),
        )
        .conflicts(),
        row(
            ("POST", "/api/admin/redial-queue/stop"),
            OperateQueue,
            "the operator's switch, off; answers when nothing can be placed any more",
            run!(c => queue_switches::throw(c, Switch::Running, false)),
        )
        .conflicts(),
        row(
            ("POST", "/api/admin/redial-queue/process"),
            OperateQueue,
            "look at the queue now instead of at the next minute",
            run!(c => queue_switches::process(c)),
        )
        .answers(&[202]),
        row(
            ("GET", "/api/admin/redial-queue/activities"),
            View,
            "who switched, configured or banned what, and when",
            run!(c => queue_switches::activities(c, "all")),
        )
        .pages(queue_switches::ACTIVITIES_MAX),
        row(
            ("POST", "/api/admin/redial-queue/lead/{id}/pause"),
            ChangeLead,
            "rest one lead; answers when it cannot be called any more",
            run!(c, id => queue_lead::pause(c, id)),
        )
        .asks("phone", PHONE)
        .conflicts(),
        row(
            ("POST", "/api/admin/redial-queue/lead/{id}/resume"),
            ChangeLead,
            "let it go on",
            run!(c, id => queue_lead::resume(c, id)),
        )
        .asks("phone", PHONE)
        .conflicts(),
        row(
            ("DELETE", "/api/admin/redial-queue/lead/{id}"),
            ChangeLead,
            "take one lead out for good",
            run!(c, id => queue_lead::remove(c, id)),
        )
        .asks("phone", PHONE)
        .conflicts(),
        row(
            ("GET", "/api/admin/accounts/{provider}"),
            View,
            "limits of the provider's account over all campaigns, and how it is shared",
            run!(c, provider => accounts_api::show(c, provider)),
        ),
        row(
            ("PATCH", "/api/admin/accounts/{provider}"),
            ManageCampaigns,
            "change them",
            run!(c, provider => accounts_api::change(c, provider)),
        )
        .body::<accounts_api::Change>()
        .conflicts(),
    ]
}

/// What the name in a query means.
const PHONE: &str = "its phone, to be checked against the lead";
