//! What holds of every route: who may, what is refused and how, and that the API's own description tells the truth.

use std::{collections::BTreeMap, path::Path};

use chrono::TimeDelta;
use redial_aws::App;
use redial_aws::once::Begun;
use redial_domain::{Nonce, Role};
use redial_tests::{Answer, MONDAY_NOON, TestApp, answer};
use serde_json::{Value, json};

/// Set to write `API.md` anew.
const WRITE: &str = "REDIAL_WRITE_DOCS";
/// A path with an id that nobody has.
const NOBODY: &str = "01M84WNOBODYHASTHISIDAAAAA";

/// One route as `/openapi.json` tells it.
struct Operation {
    method: String,
    path: String,
    about: Value,
}

impl Operation {
    /// The path with an id that nobody has.
    fn unknown(&self) -> String {
        let part = |part: &str| {
            if part.starts_with('{') {
                NOBODY.to_owned()
            } else {
                part.to_owned()
            }
        };
        self.path.split('/').map(part).collect::<Vec<_>>().join("/")
    }

    /// The least role that may; none is everybody.
    fn least(&self) -> Option<Role> {
        let told = self.about["description"].as_str()?;
        Role::parse(told.split('`').nth(1)?)
    }

    fn has_json(&self) -> bool {
        !self.about["requestBody"]["content"]["application/json"].is_null()
    }
}

async fn operations(app: &TestApp) -> (Value, Vec<Operation>) {
    let document = answer(app.request("GET", "/openapi.json")).await.body;
    let mut all = Vec::new();
    let empty = serde_json::Map::new();
    for (path, operations) in document["paths"].as_object().unwrap_or(&empty) {
        for (method, about) in operations.as_object().unwrap_or(&empty) {
            all.push(Operation {
                method: method.to_ascii_uppercase(),
                path: path.clone(),
                about: about.clone(),
            });
        }
    }
    (document, all)
}

async fn key(app: &App, role: Role) -> String {
    app.table
        .create_api_key(&app.ids, role.as_str(), role, None, app.clock.now())
        .await
        .unwrap_or_else(|error| panic!("{error}"))
}

async fn with_key(app: &TestApp, key: &str, method: &str, path: &str, body: Option<&Value>) -> Answer {
    let request = app.request(method, path).header("x-api-key", key);
    answer(match body {
        Some(body) => request.json(body),
        None => request,
    })
    .await
}

#[tokio::test]
async fn the_description_is_as_it_was_reviewed() {
    let app = TestApp::at(MONDAY_NOON).await;
    let (document, operations) = operations(&app).await;
    insta::assert_json_snapshot!("openapi", document);

    let mut groups: BTreeMap<usize, String> = BTreeMap::new();
    let tags = document["tags"].as_array().unwrap();
    for operation in &operations {
        let tag = operation.about["tags"][0].as_str().unwrap();
        let place = tags.iter().position(|known| known["name"] == tag).unwrap();
        let rows = groups
            .entry(place)
            .or_insert_with(|| format!("\n## {tag}\n\n| request | does | needs |\n|---|---|---|\n"));
        let query: Vec<_> = operation.about["parameters"].as_array().unwrap().iter().collect();
        let names: Vec<_> = query
            .iter()
            .filter(|parameter| parameter["in"] == "query")
            .filter_map(|parameter| parameter["name"].as_str())
            .collect();
        let names = if names.is_empty() {
            String::new()
        } else {
            format!("?{}=", names.join("=&"))
        };
        let needs = operation.least().map_or("nothing", Role::as_str);
        let does = operation.about["summary"].as_str().unwrap();
        rows.push_str(&format!(
            "| `{} {}{names}` | {does} | {needs} |\n",
            operation.method, operation.path
        ));
    }
    let text = format!(
        "# The API\n\nMade from the table of routes by `{WRITE}=1 cargo test -p redial-tests --test api_itself`; a test holds it. A running \
         Redial\nshows the same with all fields, and lets you try it, at `/docs`; `/openapi.json` is for programs. A role may do what stands \
         here and what the\nroles before it may: webhook, agent, admin, owner, system_admin.\n{}",
        groups.into_values().collect::<String>()
    );
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../API.md");
    if std::env::var_os(WRITE).is_some() {
        std::fs::write(&file, &text).unwrap();
    }
    let kept = std::fs::read_to_string(&file).unwrap_or_default();
    assert!(
        kept == text,
        "API.md is not what the routes are; write it with {WRITE}=1"
    );
}

/// K4: every route with every role. Nobody's ids and empty bodies, so that what is allowed changes nothing.
#[tokio::test]
async fn each_role_may_what_the_table_says_and_nothing_more() {
    let app = TestApp::at(MONDAY_NOON).await;
    let direct = app.instance();
    let (_, operations) = operations(&app).await;
    assert!(operations.len() > 60, "{}", operations.len());
    let mut keys = Vec::new();
    for role in Role::ALL {
        keys.push((role, key(&direct, role).await));
    }
    let told = app.get("/api/roles").await.body;
    for operation in &operations {
        let (method, path) = (operation.method.as_str(), operation.unknown());
        let without = answer(app.request(method, &path)).await;
        match operation.least() {
            Some(_) => assert_eq!(
                (without.status, &without["code"]),
                (401, &json!("no_key")),
                "{method} {path}"
            ),
            None => assert!(without.status < 500, "{method} {path}: {}", without.status),
        }
        let wrong = with_key(&app, "rdl_wrong", method, &path, None).await;
        if operation.least().is_some() {
            assert!([401, 429].contains(&wrong.status), "{method} {path}: {}", wrong.status);
        }
        for (role, key) in &keys {
            let body = operation.has_json().then(|| json!({"no_such_field": 1}));
            let given = with_key(&app, key, method, &path, body.as_ref()).await;
            let may = operation.least().is_none_or(|least| *role >= least);
            assert_eq!(
                given.status != 403,
                may,
                "{method} {path} as {}: {}",
                role.as_str(),
                given.status
            );
            assert!(given.status < 500, "{method} {path}: {}", given.body);
            let listed = told["roles"]
                .as_array()
                .unwrap()
                .iter()
                .find(|row| row["role"] == role.as_str())
                .unwrap();
            let name = format!("{method} {}", operation.path);
            assert_eq!(listed["may"].as_array().unwrap().contains(&json!(name)), may, "{name}");
        }
    }
}

#[tokio::test]
async fn what_cannot_be_done_is_refused_alike_everywhere() {
    let app = TestApp::at(MONDAY_NOON).await;
    let (_, operations) = operations(&app).await;
    for operation in &operations {
        let (method, path) = (operation.method.as_str(), operation.unknown());
        let known: Vec<u16> = operation.about["responses"]
            .as_object()
            .unwrap()
            .keys()
            .map(|status| status.parse().unwrap())
            .collect();
        let mut answers = Vec::new();
        if operation.has_json() {
            for body in [json!([1]), json!({"no_such_field": 1})] {
                answers.push(app.send(method, &path, Some(&body)).await);
            }
            let unreadable = app
                .request(method, &path)
                .header("x-api-key", &app.running.api_key)
                .body("{");
            answers.push(answer(unreadable.header("content-type", "application/json")).await);
            for given in &answers {
                assert!((400..500).contains(&given.status), "{method} {path}: {}", given.body);
            }
            if operation.about["requestBody"]["content"].as_object().unwrap().len() == 1 {
                let large = json!({"no_such_field": "x".repeat(1_100_000)});
                let given = app.send(method, &path, Some(&large)).await;
                assert_eq!(
                    (given.status, &given["code"]),
                    (413, &json!("body_too_large")),
                    "{method} {path}"
                );
                answers.push(given);
            }
        } else {
            answers.push(app.send(method, &path, None).await);
        }
        if operation.path.contains("{id}") && !operation.has_json() {
            assert_eq!(answers[0].status, 404, "{method} {path}: {}", answers[0].body);
        }
        for given in answers {
            assert!(
                known.contains(&given.status),
                "{method} {path} answers {}, which it does not say",
                given.status
            );
            if given.status >= 400 {
                for name in ["code", "message", "hint"] {
                    assert!(
                        given[name].as_str().is_some_and(|text| !text.is_empty()),
                        "{method} {path}: {}",
                        given.body
                    );
                }
            }
        }
    }
    let none = app.get("/api/no-such-thing").await;
    assert_eq!((none.status, &none["code"]), (404, &json!("not_found")));
    let refused = app
        .request("PATCH", "/campaigns")
        .header("x-api-key", &app.running.api_key)
        .send()
        .await
        .unwrap();
    assert_eq!(refused.status(), 405);
    assert_eq!(refused.headers()["allow"], "POST, GET");
}

#[tokio::test]
async fn a_bad_field_is_named_by_its_path() {
    let app = TestApp::at(MONDAY_NOON).await;
    let cases = [
        (
            "/campaigns",
            json!({"name": "x", "consent": {"kind": "spoken", "statement": "x"}}),
            "consent.kind",
        ),
        (
            "/campaigns",
            json!({"name": "x", "blackout_dates": ["2026-12-24", "2026-02-30"]}),
            "blackout_dates[1]",
        ),
        ("/campaigns", json!({"name": "x", "timezone": "Mars"}), "timezone"),
        ("/api/leads", json!({"phone": 5}), "phone"),
    ];
    for (path, body, field) in cases {
        let given = app.post(path, body).await;
        assert_eq!((given.status, &given["field"]), (422, &json!(field)), "{}", given.body);
    }
}

#[tokio::test]
async fn a_session_needs_its_cookie_and_for_changes_its_token() {
    let app = TestApp::at(MONDAY_NOON).await;
    let owner = key(&app.instance(), Role::Owner).await;
    let wrong = answer(app.request("POST", "/api/session").json(&json!({"key": "rdl_x"}))).await;
    assert_eq!(wrong.status, 401);
    let opened = app
        .request("POST", "/api/session")
        .json(&json!({"key": owner}))
        .send()
        .await
        .unwrap();
    assert_eq!(opened.status(), 201);
    let set = opened.headers()["set-cookie"].to_str().unwrap().to_owned();
    for part in ["HttpOnly", "SameSite=Strict", "Path=/", "Max-Age=43200"] {
        assert!(set.contains(part), "{set}");
    }
    let cookie = set.split(';').next().unwrap().to_owned();
    let token = opened.json::<Value>().await.unwrap()["csrf_token"]
        .as_str()
        .unwrap()
        .to_owned();
    let with = |method: &'static str, path: &'static str| app.request(method, path).header("cookie", &cookie);

    let me = answer(with("GET", "/api/session")).await;
    assert_eq!(
        (&me["name"], &me["role"], &me["csrf_token"]),
        (&json!("owner"), &json!("owner"), &json!(token))
    );
    assert_eq!(answer(with("GET", "/campaigns")).await.status, 200);
    let body = json!({"name": "By session"});
    let without = answer(with("POST", "/campaigns").json(&body)).await;
    assert_eq!((without.status, &without["code"]), (403, &json!("no_csrf_token")));
    let other = answer(
        with("POST", "/campaigns")
            .header("x-csrf-token", "0".repeat(64))
            .json(&body),
    )
    .await;
    assert_eq!(other.status, 403);
    let made = answer(with("POST", "/campaigns").header("x-csrf-token", &token).json(&body)).await;
    assert_eq!(made.status, 201, "{}", made.body);

    // It ends with itself, with its time, and with its key.
    assert_eq!(
        answer(with("DELETE", "/api/session").header("x-csrf-token", &token))
            .await
            .status,
        204
    );
    assert_eq!(answer(with("GET", "/campaigns")).await["code"], "session_over");
    let again = app
        .request("POST", "/api/session")
        .json(&json!({"key": owner}))
        .send()
        .await
        .unwrap();
    let cookie = again.headers()["set-cookie"]
        .to_str()
        .unwrap()
        .split(';')
        .next()
        .unwrap()
        .to_owned();
    let look = || answer(app.request("GET", "/campaigns").header("cookie", &cookie));
    assert_eq!(look().await.status, 200);
    let keys = app.get("/api/keys").await.body;
    let id = keys["keys"]
        .as_array()
        .unwrap()
        .iter()
        .find(|key| key["name"] == "owner")
        .unwrap()["id"]
        .clone();
    let revoked = app
        .send("DELETE", &format!("/api/keys/{}", id.as_str().unwrap()), None)
        .await;
    assert_eq!(revoked.status, 200, "{}", revoked.body);
    assert_eq!(look().await.status, 401);
}

#[tokio::test]
async fn a_key_ends_in_time_is_noted_when_used_and_makes_none_mightier() {
    let app = TestApp::at(MONDAY_NOON).await;
    let until = app.now() + TimeDelta::hours(2);
    let made = app
        .post(
            "/api/keys",
            json!({"name": "Ada", "role": "owner", "valid_until": until}),
        )
        .await;
    assert_eq!(made.status, 201, "{}", made.body);
    let ada = made["api_key"].as_str().unwrap().to_owned();
    assert!(!made["key"].to_string().contains(&ada));
    let mightier = with_key(
        &app,
        &ada,
        "POST",
        "/api/keys",
        Some(&json!({"name": "x", "role": "system_admin"})),
    )
    .await;
    assert_eq!((mightier.status, &mightier["field"]), (422, &json!("role")));
    let listed = with_key(&app, &ada, "GET", "/api/keys", None).await;
    assert!(!listed.body.to_string().contains(&ada));
    let row = listed["keys"]
        .as_array()
        .unwrap()
        .iter()
        .find(|key| key["name"] == "Ada")
        .unwrap()
        .clone();
    assert_eq!(
        (&row["is_valid"], &row["last_used_at"]),
        (&json!(true), &json!("2026-11-23T17:00:00+00:00"))
    );
    app.advance(TimeDelta::hours(2)).await;
    assert_eq!(with_key(&app, &ada, "GET", "/api/keys", None).await["code"], "bad_key");
    let past = app
        .post(
            "/api/keys",
            json!({"name": "x", "role": "agent", "valid_until": "2020-01-01T00:00:00Z"}),
        )
        .await;
    assert_eq!((past.status, &past["field"]), (422, &json!("valid_until")));
}

#[tokio::test]
async fn an_address_with_too_many_wrong_keys_has_to_wait_and_a_right_key_passes() {
    let app = TestApp::at(MONDAY_NOON).await;
    let mut statuses = Vec::new();
    for n in 0..25 {
        statuses.push(
            with_key(&app, &format!("rdl_{n}"), "GET", "/campaigns", None)
                .await
                .status,
        );
    }
    assert_eq!(statuses.iter().filter(|status| **status == 401).count(), 20);
    assert_eq!(statuses[20..], [429; 5]);
    let refused = app
        .request("GET", "/campaigns")
        .header("x-api-key", "rdl_x")
        .send()
        .await
        .unwrap();
    assert_eq!(refused.headers()["retry-after"], "600");
    assert_eq!(app.get("/campaigns").await.status, 200);
    app.advance(TimeDelta::minutes(10)).await;
    assert_eq!(with_key(&app, "rdl_x", "GET", "/campaigns", None).await.status, 401);
}

#[tokio::test]
async fn a_request_with_a_key_of_its_own_is_done_once() {
    let app = TestApp::at(MONDAY_NOON).await;
    let send = |key: &'static str, body: Value| {
        let request = app
            .request("POST", "/campaigns")
            .header("x-api-key", &app.running.api_key);
        request.header("idempotency-key", key).json(&body)
    };
    // A name without Latin letters: its id is made up, so a second campaign would be easy.
    let body = json!({"name": "אביב"});
    let first = send("one", body.clone()).send().await.unwrap();
    assert_eq!(
        (first.status().as_u16(), first.headers().get("idempotency-replayed")),
        (201, None)
    );
    let first: Value = first.json().await.unwrap();
    let again = send("one", body.clone()).send().await.unwrap();
    assert_eq!(again.status(), 201);
    assert_eq!(again.headers()["idempotency-replayed"], "true");
    assert_eq!(again.json::<Value>().await.unwrap(), first);
    let other = answer(send("one", json!({"name": "Herbst"}))).await;
    assert_eq!((other.status, &other["code"]), (422, &json!("idempotency_key_reused")));
    let next = answer(send("two", body)).await;
    assert_eq!(next.status, 201);
    assert_ne!(next["id"], first["id"]);
    // What was refused may be corrected under the same key.
    assert_eq!(answer(send("three", json!({"name": ""}))).await.status, 422);
    assert_eq!(answer(send("three", json!({"name": "Winter"}))).await.status, 201);
    // Another caller's key is another key.
    let admin = key(&app.instance(), Role::Admin).await;
    let theirs = app
        .request("POST", "/campaigns")
        .header("x-api-key", &admin)
        .header("idempotency-key", "one");
    assert_eq!(answer(theirs.json(&json!({"name": "Sommer"}))).await.status, 201);
    // A day later it is forgotten.
    app.advance(TimeDelta::hours(25)).await;
    assert_eq!(answer(send("one", json!({"name": "Herbst"}))).await.status, 201);
}

/// Two at once, and one that died before it could answer.
#[tokio::test]
async fn a_claim_is_one_writers_and_outlives_its_death_with_the_same_id() {
    let app = TestApp::at(MONDAY_NOON).await;
    let direct = app.instance();
    let hash = "ab".repeat(32);
    let begin = |nonce: &'static str, body: &'static str| {
        let (direct, hash) = (&direct, &hash);
        async move {
            let nonce = Nonce::parse(nonce).unwrap();
            direct
                .table
                .begin_once(hash, body, nonce, direct.clock.now())
                .await
                .unwrap()
        }
    };
    let Begun::Go(first) = begin("a", "body").await else {
        panic!("the first one does it")
    };
    assert!(matches!(begin("b", "body").await, Begun::Running));
    assert!(matches!(begin("c", "other").await, Begun::OtherBody));
    app.advance(TimeDelta::seconds(91)).await;
    let Begun::Go(second) = begin("d", "body").await else {
        panic!("its lease is over")
    };
    assert_eq!(first.record, second.record);
    // The first one was only slow: its answer comes too late, and the second one's holds.
    direct.table.end_once(&first, 200, "first").await.unwrap();
    assert!(matches!(begin("e", "body").await, Begun::Running));
    direct.table.end_once(&second, 201, "second").await.unwrap();
    assert!(matches!(begin("f", "body").await, Begun::Done(201, body) if body == "second"));
}
