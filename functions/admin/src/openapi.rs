//! What the API says of itself: the table of routes as OpenAPI 3.1, as a page, as a table of roles.

use std::collections::BTreeMap;

use redial_aws::web::{Answer, Problem};
use redial_domain::Role;
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};

use crate::request::Caller;
use crate::route::Route;
use crate::routes;

/// The page, with its script and style in it: it needs nothing from elsewhere.
const PAGE: &str = include_str!("docs.html");

pub(crate) async fn health(_: &Caller<'_>) -> Result<Answer, Problem> {
    Ok(Answer::json(200, &json!({"success": true})))
}

pub(crate) async fn document(_: &Caller<'_>) -> Result<Answer, Problem> {
    Ok(Answer::json(200, &openapi()))
}

pub(crate) async fn page(_: &Caller<'_>) -> Result<Answer, Problem> {
    let policy = "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; connect-src 'self'; \
                  base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
    Ok(Answer::text(200, "text/html; charset=utf-8", PAGE.to_owned()).with("content-security-policy", policy))
}

/// `GET /api/roles`: for each role the requests that it may send.
pub(crate) async fn roles(_: &Caller<'_>) -> Result<Answer, Problem> {
    let roles: Vec<_> = Role::ALL
        .iter()
        .map(|role| {
            let may = routes::all()
                .iter()
                .filter(|route| route.needs.is_none_or(|needs| role.may(needs)));
            let may: Vec<_> = may.map(|route| format!("{} {}", route.method, route.path)).collect();
            json!({"role": role, "may": may})
        })
        .collect();
    Ok(Answer::json(200, &json!({"success": true, "roles": roles})))
}

/// The least role that may.
pub(crate) fn least(route: &Route) -> Option<Role> {
    let needs = route.needs?;
    Role::ALL.into_iter().find(|role| role.may(needs))
}

/// The table as OpenAPI 3.1.
pub(crate) fn openapi() -> Value {
    let mut paths: BTreeMap<&str, Map<String, Value>> = BTreeMap::new();
    for route in routes::all() {
        let operations = paths.entry(route.path).or_default();
        operations.insert(route.method.to_ascii_lowercase(), operation(route));
    }
    let mut tags: Vec<&str> = Vec::new();
    for route in routes::all() {
        if !tags.contains(&route.group) {
            tags.push(route.group);
        }
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Redial",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "Calls sales leads again, by rule and by law, until they buy or ask not to be called. Times are \
                in whole seconds. Lists come in pages; `next_cursor` says whether there is more.",
        },
        "tags": tags.iter().map(|name| json!({"name": name})).collect::<Vec<_>>(),
        "paths": paths,
        "components": {
            "securitySchemes": {
                "key": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
                "session": {"type": "apiKey", "in": "cookie", "name": "redial_session"},
            },
            "schemas": {"Problem": problem()},
        },
    })
}

/// Why something was refused.
fn problem() -> Value {
    json!({
        "type": "object",
        "required": ["success", "code", "message", "hint"],
        "properties": {
            "success": {"const": false},
            "code": {"type": "string", "description": "a word for programs"},
            "message": {"type": "string", "description": "a sentence for people"},
            "hint": {"type": "string", "description": "what to do"},
            "field": {"type": "string", "description": "the path of the field that cannot be taken"},
        },
    })
}

fn operation(route: &Route) -> Value {
    let mut answers = Map::new();
    for status in route.answers {
        answers.insert(status.to_string(), answer(route, *status));
    }
    for status in refusals(route) {
        let content = json!({"application/json": {"schema": {"$ref": "#/components/schemas/Problem"}}});
        let about = json!({"description": meaning(status), "content": content});
        answers.entry(status.to_string()).or_insert(about);
    }
    let mut operation = json!({
        "tags": [route.group],
        "operationId": operation_id(route),
        "summary": route.does,
        "parameters": parameters(route),
        "responses": answers,
    });
    if let Some(role) = least(route) {
        operation["security"] = json!([{"key": []}, {"session": []}]);
        operation["description"] = json!(format!("Needs the role `{}` or a higher one.", role.as_str()));
    } else {
        operation["security"] = json!([]);
    }
    if let Some((shape, required)) = route.body {
        let settings = SchemaSettings::draft2020_12().with(|settings| {
            settings.meta_schema = None;
            settings.inline_subschemas = true;
        });
        let schema = shape(&mut settings.into_generator());
        operation["requestBody"] = json!({
            "required": required,
            "content": {"application/json": {"schema": schema}},
        });
    }
    for kind in route.takes {
        operation["requestBody"]["required"] = json!(true);
        operation["requestBody"]["content"][*kind] = other_body(kind);
    }
    operation
}

/// The shape of a body that is no JSON.
fn other_body(kind: &str) -> Value {
    if kind == "multipart/form-data" {
        let file = json!({"type": "string", "contentMediaType": "application/octet-stream"});
        return json!({"schema": {"type": "object", "required": ["file"], "properties": {"file": file}}});
    }
    json!({})
}

fn answer(route: &Route, status: u16) -> Value {
    let mut answer = json!({"description": meaning(status)});
    if status == 204 {
        return answer;
    }
    answer["content"] = if route.gives == "application/json" {
        json!({"application/json": {"schema": {"type": ["object", "array"]}}})
    } else {
        json!({route.gives: {"schema": {"type": "string"}}})
    };
    answer
}

fn parameters(route: &Route) -> Vec<Value> {
    let mut parameters: Vec<_> = route
        .names()
        .map(|name| json!({"name": name, "in": "path", "required": true, "schema": {"type": "string", "minLength": 1}}))
        .collect();
    parameters.extend(route.query.iter().map(|asked| {
        let schema = match asked.max {
            Some(max) => json!({"type": "integer", "minimum": 1, "maximum": max}),
            None => json!({"type": "string"}),
        };
        json!({"name": asked.name, "in": "query", "description": asked.means, "schema": schema})
    }));
    if route.once {
        parameters.push(json!({
            "name": "Idempotency-Key",
            "in": "header",
            "description": "a random text of your own: the same request with the same key is done once, and answered as the first time",
            "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$"},
        }));
    }
    parameters
}

/// Statuses with which a row may be refused.
fn refusals(route: &Route) -> Vec<u16> {
    let has_body = route.body.is_some() || !route.takes.is_empty();
    // A key in the URL; a body that cannot be read.
    let mut statuses = vec![400, 503];
    if route.needs.is_some() {
        statuses.extend([401, 403, 429]);
    } else if has_body {
        statuses.extend([401, 429]);
    }
    if route.names().next().is_some() || has_body {
        statuses.push(404);
    }
    if has_body || !route.query.is_empty() || route.once {
        statuses.push(422);
    }
    if has_body {
        statuses.push(413);
    }
    if route.once {
        statuses.push(409);
    }
    statuses.extend(route.refuses);
    statuses.sort_unstable();
    statuses.dedup();
    statuses
}

const fn meaning(status: u16) -> &'static str {
    match status {
        200 => "done, or as it is",
        201 => "made",
        202 => "begun; the answer says where to look",
        204 => "done; nothing to say",
        400 => "the request cannot be read",
        401 => "no key, or not a good one",
        403 => "the role may not",
        404 => "there is no such thing",
        409 => "not as things stand",
        413 => "too large",
        422 => "a field cannot be taken",
        429 => "too many wrong keys from this address",
        503 => "the table did not answer; try again",
        _ => "",
    }
}

/// `post_campaigns_id_start`.
fn operation_id(route: &Route) -> String {
    let words = route
        .path
        .split(['/', '-', '.', '{', '}'])
        .filter(|word| !word.is_empty());
    std::iter::once(route.method.to_ascii_lowercase())
        .chain(words.map(str::to_ascii_lowercase))
        .collect::<Vec<_>>()
        .join("_")
}
