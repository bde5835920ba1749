//! What a rule set may be called, and what is said of one that nobody wrote.

use redial_rules::RuleSet;
use redial_tests::{Answer, MONDAY_NOON, TestApp};
use serde_json::json;

async fn put_draft(app: &TestApp, set: &str) -> Answer {
    let body = json!({"files": {"ruleset.toml": "statuses = []"}});
    app.send("PUT", &format!("/api/rules/{set}/draft"), Some(&body)).await
}

fn listed(list: &Answer) -> Vec<&str> {
    let sets = list["rule_sets"].as_array().into_iter().flatten();
    sets.filter_map(|set| set["set"].as_str()).collect()
}

#[tokio::test]
async fn a_set_that_nobody_wrote_is_not_there_whatever_is_asked_of_it() {
    let app = TestApp::at(MONDAY_NOON).await;
    for path in ["", "/trial", "/activities", "/draft", "/versions/active"] {
        let answer = app.get(&format!("/api/rules/until-sael-or-dnc{path}")).await;
        assert_eq!(answer.status, 404, "{path}: {answer:?}");
    }
    let mut built_in: Vec<&str> = RuleSet::built_in_names().collect();
    built_in.sort_unstable();
    assert_eq!(listed(&app.get("/api/rules").await), built_in);

    // A draft makes it known; dropped, it is gone from the list, and what was done can still be read.
    assert_eq!(put_draft(&app, "spring").await.status, 200);
    assert!(listed(&app.get("/api/rules").await).contains(&"spring"));
    let dropped = app.send("DELETE", "/api/rules/spring/draft?revision=1", None).await;
    assert_eq!(dropped.status, 200, "{dropped:?}");
    assert_eq!(listed(&app.get("/api/rules").await), built_in);
    let done = app.get("/api/rules/spring/activities").await;
    assert_eq!(done["activities"][0]["what"], "draft_dropped", "{done:?}");
}

#[tokio::test]
async fn names_that_differ_in_capitals_only_are_one_name() {
    let app = TestApp::at(MONDAY_NOON).await;
    let body = put_draft(&app, "Kanban-HE").await;
    assert_eq!(body.status, 409);
    assert_eq!(body["code"], "name_taken");
    assert_eq!(
        body["message"],
        "failed to save the draft: there is a rule set `kanban-he` already"
    );
    assert_eq!(put_draft(&app, "kanban-he").await.status, 200);
}
