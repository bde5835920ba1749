//! The path of a rule change through the API: draft, check, cases, publish, trial, return.

#![expect(clippy::unwrap_used, reason = "helpers of tests: what is not there fails the test")]

use std::collections::BTreeMap;

use chrono::TimeDelta;
use redial_domain::{Role, RuleSetName};
use redial_rules::RuleSet;
use redial_tests::{Answer, MONDAY_NOON, TestApp, answer, talk};
use serde_json::{Value, json};

const SET: &str = "until-sale-or-dnc";
const ONE_IS_ENOUGH: &str = "if disposition == \"callback\" { stop_lead(\"one callback is enough\") }\nelse if status == \"sale\" { stop(\"sold\") }\nelse { go_on() }\n";

fn files() -> BTreeMap<String, String> {
    let name = RuleSetName::parse(SET).unwrap();
    let files = RuleSet::built_in_files(&name).unwrap().iter();
    files
        .filter(|(file, _)| *file != "cases.csv")
        .map(|(file, text)| ((*file).to_owned(), (*text).to_owned()))
        .collect()
}

fn with(file: &str, text: &str) -> BTreeMap<String, String> {
    let mut files = files();
    files.insert(file.to_owned(), text.to_owned());
    files
}

/// Somebody with a key of their own.
struct Person<'a> {
    app: &'a TestApp,
    key: String,
}

impl<'a> Person<'a> {
    async fn new(app: &'a TestApp, name: &str, role: Role) -> Self {
        let instance = app.instance();
        let (ids, now) = (&instance.ids, instance.clock.now());
        let made = instance.table.create_api_key(ids, name, role, None, now).await.unwrap();
        Self { app, key: made }
    }

    async fn send(&self, method: &str, path: &str, body: &Value) -> Answer {
        let request = self.app.request(method, path).header("x-api-key", &self.key);
        answer(request.json(body)).await
    }

    /// The drafts here are without cases, unless it is said.
    async fn rules(&self, what: &str, mut body: Value) -> Answer {
        if what == "publish" && body["without_cases"].is_null() {
            body["without_cases"] = json!(true);
        }
        self.send("POST", &format!("/api/rules/{SET}/{what}"), &body).await
    }

    /// Made from what is in use now.
    async fn draft(&self, files: &BTreeMap<String, String>, revision: Option<u64>) -> Answer {
        let in_use = self.app.get(&format!("/api/rules/{SET}")).await;
        let body = json!({"files": files, "revision": revision, "based_on": in_use["version"]});
        self.send("PUT", &format!("/api/rules/{SET}/draft"), &body).await
    }
}

/// Saves a draft over whatever draft there is, and publishes it.
async fn publish(who: &Person<'_>, files: &BTreeMap<String, String>, share: Option<u32>) -> Answer {
    let before = who.app.get(&format!("/api/rules/{SET}/draft")).await;
    let draft = who.draft(files, before["revision"].as_u64()).await;
    assert_eq!(draft.status, 200, "{draft:?}");
    let wish = json!({"revision": draft["revision"], "note": "tried in a test", "share": share, "without_cases": true});
    who.rules("publish", wish).await
}

async fn decision(app: &TestApp, phone: &str, changes: Value) -> Value {
    let before = app.calls().await.len();
    let lead = app.add_lead(phone).await;
    app.settle().await;
    let call = app.calls().await.remove(before);
    app.ends(&call, changes).await;
    app.lead(&lead).await.body["attempts"][0].clone()
}

#[tokio::test]
async fn a_draft_is_checked_published_live_within_fifteen_seconds_and_rolled_back() {
    let app = TestApp::at(MONDAY_NOON).await;
    let dana = Person::new(&app, "dana", Role::Admin).await;
    let first = decision(&app, "+12125550101", talk("CALLBACK")).await;
    assert_eq!(
        (&first["decision"]["version"], &first["decision"]["stop"]),
        (&json!(0), &Value::Null)
    );

    let draft = dana.draft(&with("stop_redial.rhai", ONE_IS_ENOUGH), None).await;
    assert_eq!((draft.status, &draft["check"]["ok"]), (200, &json!(true)), "{draft:?}");
    let published = dana
        .rules(
            "publish",
            json!({"revision": draft["revision"], "note": "callbacks close"}),
        )
        .await;
    assert_eq!(
        (published.status, &published["version"]),
        (201, &json!(1)),
        "{published:?}"
    );

    app.advance(TimeDelta::seconds(15)).await;
    let second = decision(&app, "+12125550102", talk("CALLBACK")).await;
    assert_eq!(second["decision"]["version"], 1, "{second}");
    assert_eq!(second["decision"]["line"], "stop_redial:1");
    assert_eq!(second["decision"]["hash"], published["hash"]);

    let back = dana.rules("rollback", json!({"from": 1, "note": "too strict"})).await;
    assert_eq!(
        (back.status, &back["version"], &back["previous"]),
        (200, &json!(0), &Value::Null),
        "{back:?}"
    );
    let twice = dana.rules("rollback", json!({"from": 1, "note": "again"})).await;
    assert_eq!(
        (twice.status, &twice["code"]),
        (409, &json!("decides_no_more")),
        "{twice:?}"
    );
    app.advance(TimeDelta::seconds(15)).await;
    let third = decision(&app, "+12125550103", talk("CALLBACK")).await;
    assert_eq!(third["decision"]["version"], 0);

    let shown = app.get(&format!("/api/rules/{SET}")).await;
    assert_eq!(shown["versions"][0]["by"], "dana", "{shown:?}");
    assert_eq!(shown["versions"][0]["note"], "callbacks close");
    let done = app.get(&format!("/api/rules/{SET}/activities")).await;
    let what: Vec<_> = done["activities"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["what"].as_str().unwrap())
        .collect();
    assert_eq!(what, ["rolled_back", "published", "draft_saved"]);
}

#[tokio::test]
async fn two_people_at_once_cannot_overwrite_each_other() {
    let app = TestApp::at(MONDAY_NOON).await;
    let (dana, omer) = (
        Person::new(&app, "dana", Role::Admin).await,
        Person::new(&app, "omer", Role::Admin).await,
    );
    let mine = with("stop_redial.rhai", ONE_IS_ENOUGH);
    let theirs = with("redial_interval.rhai", "in_minutes(30)\n");
    let saved = tokio::join!(dana.draft(&mine, None), omer.draft(&theirs, None));
    let mut statuses = [saved.0.status, saved.1.status];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 409], "{saved:?}");
    let refused = if saved.0.status == 409 { &saved.0 } else { &saved.1 };
    assert_eq!(refused["code"], "draft_changed");

    let wish = json!({"revision": 1, "note": "twice at once"});
    let published = tokio::join!(dana.rules("publish", wish.clone()), omer.rules("publish", wish));
    let mut statuses = [published.0.status, published.1.status];
    statuses.sort_unstable();
    assert_eq!(statuses[0], 201, "{published:?}");
    assert!([404, 409].contains(&statuses[1]), "{published:?}");
    let shown = app.get(&format!("/api/rules/{SET}")).await;
    assert_eq!(shown["versions"].as_array().unwrap().len(), 1, "{shown:?}");

    // A draft that was made from what is not in use any more would undo what came between.
    let old = json!({"files": theirs, "based_on": 0});
    let old = omer.send("PUT", &format!("/api/rules/{SET}/draft"), &old).await;
    let refused = omer
        .rules("publish", json!({"revision": old["revision"], "note": "late"}))
        .await;
    assert_eq!(
        (refused.status, &refused["code"]),
        (409, &json!("based_on_older")),
        "{refused:?}"
    );
}

#[tokio::test]
async fn what_is_wrong_is_said_all_at_once_and_nothing_is_published() {
    let app = TestApp::at(MONDAY_NOON).await;
    let dana = Person::new(&app, "dana", Role::Admin).await;
    let bad = publish(
        &dana,
        &with(
            "stop_redial.rhai",
            "if statu == \"sael\" { stopp(\"x\") } else { go_on() }",
        ),
        None,
    )
    .await;
    assert_eq!((bad.status, &bad["code"]), (422, &json!("rules_refused")), "{bad:?}");
    assert!(bad["findings"].as_array().unwrap().len() >= 2, "{bad:?}");
    assert!(
        bad["findings"][0]["text"]
            .as_str()
            .unwrap()
            .contains("did you mean `status`?"),
        "{bad:?}"
    );

    let mut with_cases = files();
    with_cases.insert(
        "cases.csv".to_owned(),
        "outcome,expected,because\nbusy,busy then stop lead,a wrong expectation\n".to_owned(),
    );
    let failed = publish(&dana, &with_cases, None).await;
    assert_eq!(
        (failed.status, &failed["code"]),
        (422, &json!("cases_failed")),
        "{failed:?}"
    );
    assert_eq!(failed["cases"]["failures"][0]["got"], "busy then in 2 min");

    let draft = app.get(&format!("/api/rules/{SET}/draft")).await;
    let left = dana.draft(&files(), draft["revision"].as_u64()).await;
    let wish = json!({"revision": left["revision"], "note": "no cases", "without_cases": false});
    let missing = dana.rules("publish", wish).await;
    assert_eq!(
        (missing.status, &missing["code"]),
        (422, &json!("cases_missing")),
        "{missing:?}"
    );

    let same = publish(&dana, &files_with_cases(), None).await;
    assert_eq!(
        (same.status, &same["code"]),
        (409, &json!("nothing_changed")),
        "{same:?}"
    );
    let shown = app.get(&format!("/api/rules/{SET}")).await;
    assert_eq!(
        (&shown["version"], shown["versions"].as_array().unwrap().len()),
        (&json!(0), 0)
    );

    let agent = Person::new(&app, "agent", Role::Agent).await;
    assert_eq!(
        agent.rules("publish", json!({"revision": 1, "note": "x"})).await.status,
        403
    );
    for (method, path) in [("GET", "no-such-set"), ("GET", "no-such-set/draft"), ("GET", "../x")] {
        assert_eq!(
            app.send(method, &format!("/api/rules/{path}"), None).await.status,
            404,
            "{path}"
        );
    }
}

fn files_with_cases() -> BTreeMap<String, String> {
    let name = RuleSetName::parse(SET).unwrap();
    let files = RuleSet::built_in_files(&name).unwrap().iter();
    files
        .map(|(file, text)| ((*file).to_owned(), (*text).to_owned()))
        .collect()
}

#[tokio::test]
async fn a_status_that_leads_hold_cannot_be_lost_forwards_or_backwards() {
    let app = TestApp::at(MONDAY_NOON).await;
    let dana = Person::new(&app, "dana", Role::Admin).await;
    let mut more = files();
    let spec = more["ruleset.toml"].replacen(
        "[[status]]\nname = \"no_answer\"",
        "[[status]]\nname = \"line_busy\"\nlabels = { en = \"Line busy\", he = \"קו תפוס\" }\ncolor = \"#111111\"\norder = 14\nkind = \"open\"\n\n[[status]]\nname = \"no_answer\"",
        1,
    );
    more.insert(
        "ruleset.toml".into(),
        spec.replace("busy = [\"any\"]", "busy = [\"any\"]\nline_busy = [\"any\"]"),
    );
    let script = more["outcome_to_status.rhai"].replace("set_status(\"busy\"", "set_status(\"line_busy\"");
    more.insert("outcome_to_status.rhai".into(), script);
    let published = publish(&dana, &more, None).await;
    assert_eq!(published.status, 201, "{published:?}");
    app.advance(TimeDelta::seconds(15)).await;
    let held = decision(&app, "+12125550101", json!({"status": "busy", "answered_by": "busy"})).await;
    assert_eq!(held["decision"]["to"], "line_busy", "{held}");

    let refused = publish(&dana, &with("redial_interval.rhai", "in_minutes(30)\n"), None).await;
    assert_eq!(
        (refused.status, &refused["code"]),
        (409, &json!("statuses_in_use")),
        "{refused:?}"
    );
    assert_eq!(
        refused["statuses"][0],
        json!({"status": "line_busy", "leads": 1, "at_least": false})
    );
    let refused = dana.rules("rollback", json!({"from": 1, "note": "back"})).await;
    assert_eq!(
        (refused.status, &refused["code"]),
        (409, &json!("statuses_in_use")),
        "{refused:?}"
    );
}

#[tokio::test]
async fn where_two_people_are_needed_nobody_approves_their_own() {
    let app = TestApp::at(MONDAY_NOON).await;
    let (dana, omer, owner) = (
        Person::new(&app, "dana", Role::Admin).await,
        Person::new(&app, "omer", Role::Admin).await,
        Person::new(&app, "ruth", Role::Owner).await,
    );
    assert_eq!(
        dana.send("PUT", "/api/rules/approval", &json!({"required": true}))
            .await
            .status,
        403
    );
    assert_eq!(
        owner
            .send("PUT", "/api/rules/approval", &json!({"required": true}))
            .await
            .status,
        200
    );
    let proposed = publish(&dana, &with("stop_redial.rhai", ONE_IS_ENOUGH), None).await;
    assert_eq!(
        (proposed.status, &proposed["state"]),
        (202, &json!("waits_for_approval")),
        "{proposed:?}"
    );
    let revision = proposed["revision"].as_u64().unwrap();
    let own = dana.rules("approve", json!({"revision": revision})).await;
    assert_eq!((own.status, &own["code"]), (403, &json!("second_person")), "{own:?}");

    // An edit after the proposal makes it void.
    let edited = omer
        .draft(&with("redial_interval.rhai", "in_minutes(30)\n"), Some(revision))
        .await;
    let void = owner.rules("approve", json!({"revision": edited["revision"]})).await;
    assert_eq!((void.status, &void["code"]), (409, &json!("not_proposed")), "{void:?}");
    let again = omer
        .rules(
            "publish",
            json!({"revision": edited["revision"], "note": "half an hour"}),
        )
        .await;
    assert_eq!(again.status, 202, "{again:?}");
    let approved = dana.rules("approve", json!({"revision": edited["revision"]})).await;
    assert_eq!(approved.status, 201, "{approved:?}");
    let shown = app.get(&format!("/api/rules/{SET}")).await;
    assert_eq!(
        (&shown["versions"][0]["by"], &shown["versions"][0]["approved_by"]),
        (&json!("omer"), &json!("dana"))
    );
}

#[tokio::test]
async fn a_share_of_the_phones_tries_a_version_and_errors_end_the_trial() {
    let app = TestApp::at(MONDAY_NOON).await;
    let dana = Person::new(&app, "dana", Role::Admin).await;
    // Fails on what the check cannot know: a talk of more than a minute.
    let trap = "if talk_s > 60 && talk_s != 1800 { let list = []; list[7] }\nelse if status == \"sale\" { stop(\"sold\") }\nelse { go_on() }\n";
    let published = publish(&dana, &with("stop_redial.rhai", trap), Some(50)).await;
    assert_eq!(
        (published.status, &published["version"]),
        (201, &json!(0)),
        "{published:?}"
    );
    assert_eq!(published["rollout"]["share"], 50);
    let busy = publish(&dana, &with("redial_interval.rhai", "in_minutes(30)\n"), None).await;
    assert_eq!((busy.status, &busy["code"]), (409, &json!("rollout_runs")), "{busy:?}");
    app.advance(TimeDelta::seconds(15)).await;

    let campaign = json!({"max_concurrent_calls": 200});
    assert_eq!(
        app.send("PATCH", "/campaigns/default", Some(&campaign)).await.status,
        200
    );
    let mut failed = 0;
    for n in 0..60 {
        let attempt = decision(&app, &format!("+1212555{n:04}"), talk("FOLLOW_UP")).await;
        failed += usize::from(attempt["rule_failed"].is_string());
    }
    assert!(
        (15..=45).contains(&failed),
        "{failed} of 60 phones are in a share of 50 %"
    );
    let trial = app.get(&format!("/api/rules/{SET}/trial")).await;
    assert_eq!(trial["figures"]["on_trial"]["errors"], failed, "{trial:?}");
    assert_eq!(trial["figures"]["in_use"]["errors"], 0);

    app.advance(TimeDelta::minutes(6)).await;
    let shown = app.get(&format!("/api/rules/{SET}")).await;
    assert_eq!(
        (&shown["version"], &shown["rollout"]),
        (&json!(0), &Value::Null),
        "{shown:?}"
    );
    let done = app.get(&format!("/api/rules/{SET}/activities")).await;
    assert_eq!(
        (&done["activities"][0]["what"], &done["activities"][0]["actor"]["name"]),
        (&json!("returned"), &json!("system")),
        "{done:?}"
    );
    assert_eq!(app.metric("rules.returned").await, 1);
}

#[tokio::test]
async fn a_trial_grows_to_everybody_or_is_taken_back() {
    let app = TestApp::at(MONDAY_NOON).await;
    let dana = Person::new(&app, "dana", Role::Admin).await;
    assert_eq!(dana.rules("share", json!({"share": 20, "note": "x"})).await.status, 409);
    publish(&dana, &with("stop_redial.rhai", ONE_IS_ENOUGH), Some(10)).await;
    let back = dana.rules("rollback", json!({"from": 1, "note": "not yet"})).await;
    assert_eq!(
        (back.status, &back["version"], &back["rollout"]),
        (200, &json!(0), &Value::Null),
        "{back:?}"
    );
    publish(&dana, &with("redial_interval.rhai", "in_minutes(30)\n"), Some(10)).await;
    let more = dana.rules("share", json!({"share": 60, "note": "looks well"})).await;
    assert_eq!(
        (&more["version"], &more["rollout"]["share"]),
        (&json!(0), &json!(60)),
        "{more:?}"
    );
    let all = dana.rules("share", json!({"share": 100, "note": "for all"})).await;
    assert_eq!(
        (&all["version"], &all["previous"], &all["rollout"]),
        (&json!(2), &json!(0), &Value::Null),
        "{all:?}"
    );
    let to = dana
        .rules("rollback", json!({"from": 2, "to": 1, "note": "the other one"}))
        .await;
    assert_eq!((&to["version"], &to["previous"]), (&json!(1), &json!(0)), "{to:?}");
}

#[tokio::test]
async fn versions_can_be_read_and_compared() {
    let app = TestApp::at(MONDAY_NOON).await;
    let dana = Person::new(&app, "dana", Role::Admin).await;
    publish(&dana, &with("stop_redial.rhai", ONE_IS_ENOUGH), None).await;
    let diff = app.get(&format!("/api/rules/{SET}/diff?from=0&to=active")).await;
    let changed: Vec<_> = diff["files"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["file"].as_str().unwrap())
        .collect();
    assert_eq!(changed, ["cases.csv", "stop_redial.rhai"], "{diff:?}");
    assert!(
        diff["files"][1]["diff"]
            .as_str()
            .unwrap()
            .contains("+if disposition == \"callback\""),
        "{diff:?}"
    );
    let files = app.get(&format!("/api/rules/{SET}/versions/1")).await;
    assert_eq!(files["files"]["stop_redial.rhai"], ONE_IS_ENOUGH);
    assert_eq!(app.get(&format!("/api/rules/{SET}/versions/9")).await.status, 404);
    assert_eq!(app.get(&format!("/api/rules/{SET}/versions/x")).await.status, 422);
    let listed = app.get("/api/rules").await;
    let names: Vec<_> = listed["rule_sets"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["set"].as_str().unwrap())
        .collect();
    assert!(names.contains(&SET), "{names:?}");
}
