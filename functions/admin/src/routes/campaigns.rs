//! Campaigns.

use redial_domain::Permission::{GovernLaw, ManageCampaigns, View};

use super::run;
use crate::route::Route;
use crate::{
    brake, caller_id_figures, campaign_api, campaign_fields, campaign_list, campaign_moves, explain_campaign,
    queue_switches, script_preview,
};

const GROUP: &str = "Campaigns";

pub(super) fn rows() -> Vec<Route> {
    let row = |at, needs, does, action| Route::new(GROUP, at, needs, does, action);
    vec![
        row(
            ("POST", "/campaigns"),
            ManageCampaigns,
            "create one; what is not given comes from the rule set",
            run!(c => campaign_api::create(c)),
        )
        .body::<campaign_fields::Fields>()
        .answers(&[201])
        .once()
        .conflicts(),
        row(
            ("GET", "/campaigns"),
            View,
            "times, calling hours, caps, concurrency, rule set, voice, script, numbers of each",
            run!(c => campaign_list::list(c)),
        )
        .asks("status_filter", "only campaigns of this status")
        .asks("include_deleted", "`true`: deleted ones, too")
        .asks("skip", "so many less, for clients without cursors; at most 1,000")
        .pages(campaign_list::LIMIT_MAX),
        row(
            ("GET", "/campaigns/{id}"),
            View,
            "one campaign, and its abandoned calls",
            run!(c, id => campaign_api::show(c, id)),
        ),
        row(
            ("PATCH", "/campaigns/{id}"),
            ManageCampaigns,
            "change it; what is not given stays",
            run!(c, id => campaign_api::change(c, id)),
        )
        .body::<campaign_fields::Fields>()
        .conflicts(),
        row(
            ("POST", "/campaigns/{id}/start"),
            ManageCampaigns,
            "let it call, at first or again",
            run!(c, id => campaign_moves::start(c, id)),
        )
        .conflicts(),
        row(
            ("POST", "/campaigns/{id}/pause"),
            ManageCampaigns,
            "rest it; answers when nothing can be placed any more",
            run!(c, id => campaign_moves::pause(c, id)),
        )
        .conflicts(),
        row(
            ("POST", "/campaigns/{id}/cancel"),
            ManageCampaigns,
            "give it up for good; answers when nothing can be placed any more",
            run!(c, id => campaign_moves::cancel(c, id)),
        )
        .conflicts(),
        row(
            ("DELETE", "/campaigns/{id}"),
            ManageCampaigns,
            "it never calls again and is hidden; its leads and their history stay readable; its id stays taken",
            run!(c, id => campaign_moves::delete(c, id)),
        )
        .answers(&[200, 204])
        .conflicts(),
        row(
            ("GET", "/campaigns/{id}/script-preview"),
            View,
            "what would be said to a lead, and which columns it has no value for",
            run!(c, id => script_preview::show(c, id)),
        )
        .asks("lead_id", "the lead")
        .conflicts(),
        row(
            ("GET", "/campaigns/{id}/caller-ids"),
            View,
            "its numbers: calls today, and until when each rests",
            run!(c, id => caller_id_figures::show(c, id)),
        ),
        row(
            ("POST", "/campaigns/{id}/brake/lift"),
            GovernLaw,
            "let it call although too many calls were abandoned: a `reason`, and `until` when",
            run!(c, id => brake::lift(c, id)),
        )
        .body::<brake::Lift>()
        .conflicts(),
        row(
            ("GET", "/campaigns/{id}/explain"),
            View,
            "how many leads are held up by what; the counts sum to all leads; refused above 5,000",
            run!(c, id => explain_campaign::show(c, id)),
        )
        .conflicts(),
        row(
            ("POST", "/campaigns/{id}/explain"),
            View,
            "the same for any number of leads, as a job",
            run!(c, id => explain_campaign::start(c, id)),
        )
        .answers(&[202])
        .once(),
        row(
            ("GET", "/campaigns/{id}/activities"),
            View,
            "who created, changed, started or paused it, and when",
            run!(c, id => queue_switches::activities_of_campaign(c, id)),
        )
        .pages(queue_switches::ACTIVITIES_MAX),
    ]
}
