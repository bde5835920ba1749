//! The table of routes: what the API does, one row each. Dispatch, roles, `API.md` and `/openapi.json` are made of it.

mod campaigns;
mod imports;
mod law;
mod leads;
mod queue;
mod rules;
mod service;

use std::sync::LazyLock;

use redial_aws::web::Problem;
use redial_domain::without_numbers;

use crate::route::Route;

/// Makes an action of a call: the caller, then what stands in the path.
macro_rules! run {
    ($caller:ident => $call:expr) => {
        |$caller, _| Box::pin($call)
    };
    ($caller:ident, $one:ident => $call:expr) => {
        |$caller, parts| {
            let $one = parts.first().copied().unwrap_or_default();
            Box::pin($call)
        }
    };
    ($caller:ident, $one:ident, $two:ident => $call:expr) => {
        |$caller, parts| {
            let $one = parts.first().copied().unwrap_or_default();
            let $two = parts.get(1).copied().unwrap_or_default();
            Box::pin($call)
        }
    };
    ($caller:ident, $one:ident, $two:ident, $three:ident => $call:expr) => {
        |$caller, parts| {
            let $one = parts.first().copied().unwrap_or_default();
            let $two = parts.get(1).copied().unwrap_or_default();
            let $three = parts.get(2).copied().unwrap_or_default();
            Box::pin($call)
        }
    };
}
pub(crate) use run;

static TABLE: LazyLock<Vec<Route>> = LazyLock::new(|| {
    [
        leads::rows(),
        campaigns::rows(),
        imports::rows(),
        queue::rows(),
        law::rows(),
        rules::rows(),
        service::rows(),
    ]
    .into_iter()
    .flatten()
    .collect()
});

/// All rows, in the order in which people read them.
pub(crate) fn all() -> &'static [Route] {
    &TABLE
}

/// The row of a request, and what stands in its path.
pub(crate) fn find<'p>(method: &str, path: &[&'p str]) -> Result<(&'static Route, Vec<&'p str>), Problem> {
    // A word of the table wins over a name in braces: `/campaigns/templates` is no campaign.
    let mut fitting: Vec<_> = all()
        .iter()
        .filter_map(|route| Some((route, route.fits(path)?)))
        .collect();
    let fewest = fitting.iter().map(|(_, parts)| parts.len()).min();
    fitting.retain(|(_, parts)| Some(parts.len()) == fewest);
    if let Some(at) = fitting.iter().position(|(route, _)| route.method == method) {
        return Ok(fitting.swap_remove(at));
    }
    let shown = without_numbers(&path.join("/").chars().take(120).collect::<String>());
    if fitting.is_empty() {
        return Err(Problem::new(
            404,
            "not_found",
            format!("failed to find {} /{shown}", method_shown(method)),
            "see /docs for what there is",
        ));
    }
    let allowed: Vec<_> = fitting.iter().map(|(route, _)| route.method).collect();
    Err(Problem::new(
        405,
        "method_not_allowed",
        format!(
            "failed to do {} /{shown}: it takes {}",
            method_shown(method),
            allowed.join(", ")
        ),
        "see /docs for what there is",
    )
    .allowing(allowed.join(", ")))
}

/// Methods are letters; what is none is not repeated.
fn method_shown(method: &str) -> &str {
    if method.len() <= 16 && method.bytes().all(|byte| byte.is_ascii_uppercase()) {
        method
    } else {
        "this method"
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn no_row_hides_another() {
        let mut seen = BTreeSet::new();
        for route in all() {
            let bare: Vec<_> = route
                .path
                .split('/')
                .map(|part| if part.starts_with('{') { "{}" } else { part })
                .collect();
            assert!(
                seen.insert((route.method, bare.join("/"))),
                "{route:?} stands there twice"
            );
            let path: Vec<_> = route
                .path
                .split('/')
                .filter(|part| !part.is_empty())
                .map(|part| if part.starts_with('{') { "x1" } else { part })
                .collect();
            let (found, parts) = find(route.method, &path).unwrap_or_else(|problem| panic!("{}", problem.message));
            assert_eq!(format!("{found:?}"), format!("{route:?}"));
            assert_eq!(parts.len(), route.names().count());
            assert!(parts.len() <= 3, "{route:?}: `run!` hands over three parts at most");
        }
    }

    #[test]
    fn what_a_row_says_fits_together() {
        for route in all() {
            assert!(!route.does.is_empty() && !route.does.ends_with('.'), "{route:?}");
            assert!(!route.once || route.method == "POST", "{route:?}");
            assert!(route.method != "GET" || route.body.is_none(), "{route:?}");
            assert!(
                route.answers.iter().all(|status| (200..400).contains(status)),
                "{route:?}"
            );
        }
    }

    #[test]
    fn an_unknown_path_and_a_wrong_method_are_told_apart() {
        let refused = |method: &str, path: &[&str]| {
            find(method, path)
                .err()
                .map(|problem| (problem.status, problem.message))
        };
        assert_eq!(
            refused("GET", &["api", "lead", "2125550142"]),
            Some((404, "failed to find GET /api/lead/…".to_owned()))
        );
        assert_eq!(
            refused("PATCH", &["healthz"]),
            Some((405, "failed to do PATCH /healthz: it takes GET".to_owned()))
        );
        assert_eq!(refused("", &["healthz"]).map(|(status, _)| status), Some(405));
    }
}
