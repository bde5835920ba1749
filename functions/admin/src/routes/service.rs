//! What the API says of itself, keys and sessions.

use redial_domain::Permission::{ManageKeys, View};

use super::run;
use crate::route::Route;
use crate::{auth, keys_api, openapi};

const KEYS: &str = "Keys and sessions";
const SELF: &str = "The API itself";

pub(super) fn rows() -> Vec<Route> {
    let key = |at, does, action| Route::new(KEYS, at, ManageKeys, does, action);
    vec![
        key(
            ("GET", "/api/keys"),
            "who has which key, until when, and when it was last used",
            run!(c => keys_api::list(c)),
        ),
        key(
            ("POST", "/api/keys"),
            "make a key, at most as mighty as the one that makes it; it is shown this once",
            run!(c => keys_api::create(c)),
        )
        .body::<keys_api::NewKey>()
        .answers(&[201]),
        key(
            ("DELETE", "/api/keys/{id}"),
            "revoke a key, and the sessions that it opened",
            run!(c, id => keys_api::revoke(c, id)),
        ),
        Route::open(
            KEYS,
            ("POST", "/api/session"),
            "open a session with a key in the body: a cookie for half a day, and the token that every change needs in `X-CSRF-Token`",
            run!(c => auth::open(c)),
        )
        .body::<auth::Login>()
        .answers(&[201]),
        Route::new(
            KEYS,
            ("GET", "/api/session"),
            View,
            "who you are",
            run!(c => auth::show(c)),
        ),
        Route::new(
            KEYS,
            ("DELETE", "/api/session"),
            View,
            "end the session",
            run!(c => auth::close(c)),
        )
        .answers(&[204]),
        Route::new(
            SELF,
            ("GET", "/api/roles"),
            View,
            "what each role may do",
            run!(c => openapi::roles(c)),
        ),
        Route::open(
            SELF,
            ("GET", "/openapi.json"),
            "this table as OpenAPI 3.1",
            run!(c => openapi::document(c)),
        ),
        Route::open(
            SELF,
            ("GET", "/docs"),
            "a page to read and try it",
            run!(c => openapi::page(c)),
        )
        .gives("text/html"),
        Route::open(
            SELF,
            ("GET", "/healthz"),
            "that somebody answers",
            run!(c => openapi::health(c)),
        ),
    ]
}
