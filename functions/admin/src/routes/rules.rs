//! Rule sets: look, draft, replay, publish, return. And the jobs that come of it.

use redial_aws::jobs::WhichLeads;
use redial_domain::Permission::{GovernRules, ManageRules, View};

use super::run;
use crate::route::Route;
use crate::{
    jobs_api, rules_again, rules_approval, rules_draft, rules_publish, rules_replay, rules_return, rules_show,
};

const GROUP: &str = "Rules";
const JOBS: &str = "Jobs";

pub(super) fn rows() -> Vec<Route> {
    let row = |at, needs, does, action| Route::new(GROUP, at, needs, does, action);
    let job = |at, needs, does, action| Route::new(JOBS, at, needs, does, action);
    vec![
        row(
            ("GET", "/api/rules"),
            View,
            "rule sets: what is in use, and the draft",
            run!(c => rules_show::list(c)),
        ),
        row(
            ("GET", "/api/rules/approval"),
            View,
            "whether a second person has to approve",
            run!(c => rules_approval::show(c)),
        ),
        row(
            ("PUT", "/api/rules/approval"),
            GovernRules,
            "say whether a second person has to approve",
            run!(c => rules_approval::change(c)),
        )
        .body::<rules_approval::Wanted>()
        .conflicts(),
        row(
            ("GET", "/api/rules/{set}"),
            View,
            "a rule set, and its versions",
            run!(c, set => rules_show::show(c, set)),
        )
        .pages(rules_show::LIMIT_MAX),
        row(
            ("GET", "/api/rules/{set}/versions/{which}"),
            View,
            "the files of a version: its number, or `active`",
            run!(c, set, which => rules_show::files(c, set, which)),
        )
        .refuses(&[422]),
        row(
            ("GET", "/api/rules/{set}/diff"),
            View,
            "what changed between two versions",
            run!(c, set => rules_show::diff(c, set)),
        )
        .asks("from", "a number, `active`, `draft` or `built-in`; `active` unless given")
        .asks("to", "the same; `draft` unless given"),
        row(
            ("GET", "/api/rules/{set}/trial"),
            View,
            "a version on trial beside the one in use",
            run!(c, set => rules_show::trial(c, set)),
        ),
        row(
            ("GET", "/api/rules/{set}/activities"),
            View,
            "who did what",
            run!(c, set => rules_show::history(c, set)),
        )
        .pages(crate::queue_switches::ACTIVITIES_MAX),
        row(
            ("GET", "/api/rules/{set}/draft"),
            View,
            "the draft, and everything that is wrong with it",
            run!(c, set => rules_draft::show(c, set)),
        ),
        row(
            ("PUT", "/api/rules/{set}/draft"),
            ManageRules,
            "save the draft over the revision that you had seen",
            run!(c, set => rules_draft::save(c, set)),
        )
        .body::<rules_draft::Save>()
        .conflicts(),
        row(
            ("DELETE", "/api/rules/{set}/draft"),
            ManageRules,
            "drop the draft",
            run!(c, set => rules_draft::drop(c, set)),
        )
        .asks("revision", "the revision that you had seen")
        .conflicts(),
        row(
            ("POST", "/api/rules/{set}/check"),
            ManageRules,
            "everything that is wrong with a draft, a version or files",
            run!(c, set => rules_draft::check(c, set)),
        )
        .may_have::<rules_draft::Check>(),
        row(
            ("POST", "/api/rules/{set}/replay"),
            ManageRules,
            "decide again over the calls of the last `days` (7, at most 90) of a `campaign` with the draft, a `version` or `files`, and change nothing",
            run!(c, set => rules_replay::start(c, set)),
        )
        .body::<rules_replay::Wanted>()
        .answers(&[202])
        .once()
        .conflicts(),
        row(
            ("POST", "/api/rules/{set}/publish"),
            ManageRules,
            "let the draft decide, for all phones or a share of them",
            run!(c, set => rules_publish::publish(c, set)),
        )
        .body::<rules_publish::Publish>()
        .answers(&[201, 202])
        .once()
        .conflicts(),
        row(
            ("POST", "/api/rules/{set}/approve"),
            ManageRules,
            "agree to what somebody else wants to publish",
            run!(c, set => rules_publish::approve(c, set)),
        )
        .body::<rules_publish::Approve>()
        .answers(&[201])
        .once()
        .conflicts(),
        row(
            ("POST", "/api/rules/{set}/share"),
            ManageRules,
            "change the share of a version on trial",
            run!(c, set => rules_return::share(c, set)),
        )
        .body::<rules_return::Share>()
        .conflicts(),
        row(
            ("POST", "/api/rules/{set}/rollback"),
            ManageRules,
            "let an earlier version decide again",
            run!(c, set => rules_return::roll_back(c, set)),
        )
        .body::<rules_return::RollBack>()
        .conflicts(),
        row(
            ("POST", "/api/rules/{set}/reapply"),
            ManageRules,
            "decide again about leads that a failed rule parked; `dry_run` counts",
            run!(c, set => rules_again::start(c, set, WhichLeads::Parked)),
        )
        .may_have::<rules_again::Wanted>()
        .answers(&[202])
        .once()
        .conflicts(),
        row(
            ("POST", "/api/rules/{set}/replan"),
            ManageRules,
            "decide again about leads that wait; `dry_run` counts",
            run!(c, set => rules_again::start(c, set, WhichLeads::Waiting)),
        )
        .may_have::<rules_again::Wanted>()
        .answers(&[202])
        .once()
        .conflicts(),
        job(
            ("GET", "/api/jobs"),
            View,
            "what runs, and how far it is",
            run!(c => jobs_api::list(c)),
        )
        .pages(jobs_api::LIMIT_MAX),
        job(
            ("GET", "/api/jobs/{id}"),
            View,
            "one job",
            run!(c, id => jobs_api::show(c, id)),
        ),
        job(
            ("GET", "/api/jobs/{id}/results"),
            View,
            "what came out",
            run!(c, id => jobs_api::results(c, id)),
        )
        .pages(jobs_api::LIMIT_MAX),
        job(
            ("POST", "/api/jobs/{id}/cancel"),
            ManageRules,
            "end it",
            run!(c, id => jobs_api::cancel(c, id)),
        )
        .conflicts(),
    ]
}
