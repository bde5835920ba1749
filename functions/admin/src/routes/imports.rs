//! Leads from files.

use redial_domain::Permission::{ImportLeads, View};

use super::run;
use crate::route::{BODY_BYTES_MAX, Route};
use crate::{import_api, import_rows, import_undo, upload_csv};

const GROUP: &str = "Imports";
/// Files and parts of them; what a function URL takes is less than this, and each action says what it takes.
const FILE_BYTES_MAX: usize = 6 * BODY_BYTES_MAX;

pub(super) fn rows() -> Vec<Route> {
    let row = |at, needs, does, action| Route::new(GROUP, at, needs, does, action);
    vec![
        row(
            ("GET", "/campaigns/templates/csv-sample"),
            View,
            "a file to begin with",
            run!(c => upload_csv::sample(c)),
        )
        .gives("text/csv"),
        row(
            ("POST", "/campaigns/{id}/upload-csv"),
            ImportLeads,
            "leads from a file of up to 4.5 MB, as `file` of a form or as the body; the answer has every count and every bad row",
            run!(c, id => upload_csv::upload(c, id)),
        )
        .takes(&["multipart/form-data", "text/csv"], FILE_BYTES_MAX)
        .asks("dry_run", "`true`: count everything and add nobody")
        .asks("also_in_other_campaigns", "`true`: add those whom another campaign has")
        .asks("registry_checked_at", "when its phones were looked for in the do-not-call registry")
        .answers(&[200, 202])
        .refuses(&[409, 422]),
        row(
            ("POST", "/campaigns/{id}/imports"),
            ImportLeads,
            "begin the same for a file of any size",
            run!(c, id => import_api::create(c, id)),
        )
        .may_have::<import_api::Wanted>()
        .answers(&[201])
        .once()
        .conflicts(),
        row(
            ("PUT", "/campaigns/{id}/imports/{import}/parts/{n}"),
            ImportLeads,
            "a part of the file, 4 MiB at most; it may be sent again",
            run!(c, id, import, n => import_api::put_part(c, id, import, n)),
        )
        .takes(&["application/octet-stream"], FILE_BYTES_MAX)
        .conflicts(),
        row(
            ("POST", "/campaigns/{id}/imports/{import}/finish"),
            ImportLeads,
            "all parts are there; the work begins",
            run!(c, id, import => import_api::finish(c, id, import)),
        )
        .may_have::<import_api::Finish>()
        .answers(&[202])
        .conflicts(),
        row(
            ("GET", "/campaigns/{id}/imports"),
            View,
            "imports of a campaign",
            run!(c, id => import_api::list(c, id)),
        )
        .pages(import_api::LIMIT_MAX),
        row(
            ("GET", "/campaigns/{id}/imports/{import}"),
            View,
            "how far an import is and what it counted",
            run!(c, id, import => import_api::show(c, id, import)),
        ),
        row(
            ("GET", "/campaigns/{id}/imports/{import}/errors"),
            ImportLeads,
            "every bad row with its reasons",
            run!(c, id, import => import_rows::errors(c, id, import)),
        )
        .pages(import_rows::LIMIT_MAX)
        .refuses(&[409, 410]),
        row(
            ("GET", "/campaigns/{id}/imports/{import}/fix-file"),
            ImportLeads,
            "the same as CSV, to correct and import again",
            run!(c, id, import => import_rows::fix_file(c, id, import)),
        )
        .pages(import_rows::LIMIT_MAX)
        .gives("text/csv")
        .refuses(&[409, 410]),
        row(
            ("POST", "/campaigns/{id}/imports/{import}/undo"),
            ImportLeads,
            "delete its leads that nobody called or changed",
            run!(c, id, import => import_undo::start(c, id, import)),
        )
        .answers(&[202])
        .refuses(&[409, 410]),
        row(
            ("GET", "/campaigns/{id}/imports/{import}/undo"),
            View,
            "who stayed, and why",
            run!(c, id, import => import_undo::kept(c, id, import)),
        )
        .pages(import_rows::LIMIT_MAX)
        .conflicts(),
    ]
}
