//! Rules tried on past calls, over the API: what would have been different, and that a crash changes nothing about it.

#![expect(clippy::unwrap_used, reason = "helpers of tests: what is not there fails the test")]

use std::collections::BTreeMap;

use chrono::TimeDelta;
use redial_aws::jobs::{Job, JobState};
use redial_aws::table::{Change, Query, Table};
use redial_aws::{App, keys};
use redial_domain::{Role, RuleSetName};
use redial_rules::RuleSet;
use redial_tests::doomed::Dies;
use redial_tests::{Answer, MONDAY_NOON, TestApp, answer, talk};
use serde_json::{Value, json};

const SET: &str = "until-sale-or-dnc";
const REPLAY: &str = "/api/rules/until-sale-or-dnc/replay";
const STOPS_ON_TRANSFER: &str = "if status == \"sale\" { stop(\"sold\") }\nelse if status == \"dnc\" { stop(\"asked\") }\nelse if status == \"transferred\" { stop_lead(\"transferred is enough\") }\nelse { go_on() }\n";

fn files(changed: &[(&str, &str)]) -> BTreeMap<String, String> {
    let name = RuleSetName::parse(SET).unwrap();
    let built_in = RuleSet::built_in_files(&name).unwrap().iter();
    built_in
        .chain(changed)
        .map(|(file, text)| ((*file).to_owned(), (*text).to_owned()))
        .collect()
}

/// Three leads with four calls each: nobody there, then a talk, then nobody there again. One of them asks later, in a
/// report of its own, not to be called any more.
async fn with_history() -> TestApp {
    let app = TestApp::at(MONDAY_NOON).await;
    let talks = ["TRANSFER", "FOLLOW_UP", "CALLBACK"];
    for n in 0..talks.len() {
        app.add_lead(&format!("+1212555010{n}")).await;
    }
    let mut ended = 0;
    for round in 0..4 {
        app.settle().await;
        let calls = app.calls().await;
        for call in &calls[ended..] {
            let n: usize = call["phone"].as_str().unwrap()[11..].parse().unwrap();
            let mut change = if round == 1 { talk(talks[n]) } else { json!({}) };
            if round == 1 && n == 1 {
                // Too much to ride along in the attempt.
                let words: Vec<Value> = (0..200)
                    .map(|n| json!({"user": "user", "text": format!("word {n} of {}", n * 7919)}))
                    .collect();
                change["transcripts"] = json!(words);
            }
            app.ends(call, change).await;
            if round == 3 && n == 2 {
                let words = json!([{"speaker_label": "user", "text": "Please never call me again."}]);
                let later =
                    json!({"call_id": call["call_id"], "event_type": "citations", "corrected_transcript": words});
                assert_eq!(app.bland(&later).await, 200);
            }
        }
        ended = calls.len();
        // Nobody rings again while a transferred person may still talk with an agent.
        app.advance(TimeDelta::minutes(if round == 1 { 35 } else { 12 })).await;
    }
    app
}

async fn replay(app: &TestApp, wanted: Value) -> Answer {
    let mut body = json!({"campaign": "default"});
    body.as_object_mut()
        .unwrap()
        .extend(wanted.as_object().unwrap().clone());
    app.post(REPLAY, body).await
}

/// Runs a replay to its end and gives the job and its results.
async fn replayed(app: &TestApp, wanted: Value) -> (Value, Value) {
    let made = replay(app, wanted).await;
    assert_eq!(made.status, 202, "{made:?}");
    app.settle().await;
    outcome(app, made["job"]["id"].as_str().unwrap()).await
}

async fn outcome(app: &TestApp, id: &str) -> (Value, Value) {
    let job = app.get(&format!("/api/jobs/{id}")).await;
    let results = app.get(&format!("/api/jobs/{id}/results")).await;
    assert_eq!((job.status, results.status), (200, 200), "{job:?} {results:?}");
    (job.body["job"].clone(), results.body)
}

/// Answers with what differs in every run replaced by its sort.
fn settled(mut value: Value) -> Value {
    fn walk(value: &mut Value, name: &str) {
        match value {
            Value::Object(map) => map.iter_mut().for_each(|(name, value)| walk(value, name)),
            Value::Array(list) => list.iter_mut().for_each(|value| walk(value, name)),
            Value::String(text) if ["id", "job_id", "lead_id", "attempt_id", "hash"].contains(&name) => {
                *text = format!("[{name}]");
            }
            _ => {}
        }
    }
    walk(&mut value, "");
    value
}

#[tokio::test]
async fn the_same_rules_change_nothing() {
    let app = with_history().await;
    for candidate in [json!({"version": 0}), json!({"files": files(&[])})] {
        let (job, results) = replayed(&app, candidate).await;
        let counts = &job["counts"];
        assert_eq!(
            (job["state"].as_str(), job["share_done"].as_f64()),
            (Some("done"), Some(1.0)),
            "{job}"
        );
        assert!(counts["attempts"].as_u64().unwrap() >= 10, "{job}");
        assert_eq!(counts["leads"], 3, "{job}");
        for nothing in [
            "leads_changed",
            "decisions_changed",
            "without_payload",
            "calls_fewer",
            "errors",
        ] {
            assert_eq!(counts[nothing], 0, "{nothing}: {results}");
        }
        assert_eq!(
            (results["complete"].as_bool(), results["count"].as_u64()),
            (Some(true), Some(0))
        );
    }
}

#[tokio::test]
async fn a_stop_on_transfer_gains_a_stop_and_places_fewer_calls() {
    let app = with_history().await;
    let (job, results) = replayed(
        &app,
        json!({"files": files(&[("stop_redial.rhai", STOPS_ON_TRANSFER)])}),
    )
    .await;
    let counts = &job["counts"];
    assert_eq!(
        (counts["stops_gained"].as_u64(), counts["leads_changed"].as_u64()),
        (Some(1), Some(1)),
        "{results}"
    );
    assert!(counts["calls_fewer"].as_u64().unwrap() >= 1, "{job}");
    let text = format!("{job}{results}");
    assert!(!text.contains("555"), "{text}");
    insta::assert_json_snapshot!("replay_job", settled(job));
    insta::assert_json_snapshot!("replay_results", settled(results));
}

#[tokio::test]
async fn a_candidate_that_does_not_pass_the_check_is_refused_with_all_findings() {
    let app = TestApp::at(MONDAY_NOON).await;
    let broken = files(&[("stop_redial.rhai", "if {"), ("redial_interval.rhai", "later()")]);
    let refused = replay(&app, json!({"files": broken})).await;
    assert_eq!(
        (refused.status, refused["code"].as_str()),
        (422, Some("rules_refused")),
        "{refused:?}"
    );
    let findings = refused["findings"].as_array().unwrap();
    let files: Vec<_> = findings
        .iter()
        .map(|finding| finding["file"].as_str().unwrap())
        .collect();
    assert!(
        files.contains(&"stop_redial.rhai") && files.contains(&"redial_interval.rhai"),
        "{findings:?}"
    );
    assert!(findings.iter().all(|finding| finding["line"] == 1));
    for (wanted, status, code) in [
        (json!({}), 404, "no_draft"),
        (json!({"version": 0, "files": {}}), 422, "bad_field"),
        (json!({"version": 0, "days": 91}), 422, "bad_field"),
        (json!({"version": 77}), 404, "unknown_version"),
        (json!({"version": "newest"}), 422, "bad_version"),
        (json!({"version": 0, "campaign": "nobodys"}), 404, "unknown_campaign"),
    ] {
        let refused = replay(&app, wanted.clone()).await;
        assert_eq!(
            (refused.status, refused["code"].as_str()),
            (status, Some(code)),
            "{wanted}"
        );
    }
    assert_eq!(app.get("/api/jobs").await["jobs"], json!([]));
}

#[tokio::test]
async fn a_campaign_without_calls_gives_an_empty_answer() {
    let app = TestApp::at(MONDAY_NOON).await;
    let (job, results) = replayed(&app, json!({"version": 0, "days": 90})).await;
    assert_eq!(
        (job["state"].as_str(), job["total"].as_u64()),
        (Some("done"), Some(0)),
        "{job}"
    );
    assert_eq!(
        (results["totals"]["attempts"].as_u64(), &results["leads"]),
        (Some(0), &json!([])),
        "{results}"
    );
    assert_eq!(
        (&job["replay"]["from"], &job["replay"]["to"]),
        (&json!("2026-08-26"), &json!("2026-11-23"))
    );
}

#[tokio::test]
async fn jobs_are_listed_newest_first_and_only_admins_end_one() {
    let app = TestApp::at(MONDAY_NOON).await;
    let mut ids = Vec::new();
    for _ in 0..3 {
        let (job, _) = replayed(&app, json!({"version": 0})).await;
        ids.insert(0, job["id"].clone());
    }
    let page = app.get("/api/jobs?limit=2").await;
    let next = format!("/api/jobs?limit=2&cursor={}", page["next_cursor"].as_str().unwrap());
    let rest = app.get(&next).await;
    let listed: Vec<Value> = [&page, &rest]
        .iter()
        .flat_map(|page| page["jobs"].as_array().unwrap().iter().map(|job| job["id"].clone()))
        .collect();
    assert_eq!(listed, ids);
    let direct = app.instance();
    let agent = direct
        .table
        .create_api_key(&direct.ids, "agent", Role::Agent, None, app.now())
        .await
        .unwrap();
    let one = format!("/api/jobs/{}", ids[0].as_str().unwrap());
    for (method, path, status) in [
        ("GET", one.clone(), 200),
        ("GET", "/api/jobs".to_owned(), 200),
        ("POST", format!("{one}/cancel"), 403),
        ("POST", REPLAY.to_owned(), 403),
    ] {
        let answered = answer(app.request(method, &path).header("x-api-key", &agent)).await;
        assert_eq!(answered.status, status, "{method} {path}");
    }
    let over = app.post(&format!("{one}/cancel"), json!({})).await;
    assert_eq!((over.status, over["code"].as_str()), (409, Some("job_is_over")));
    for (method, path) in [
        ("GET", "/api/jobs/nobodys"),
        ("GET", "/api/jobs/nobodys/results"),
        ("POST", "/api/jobs/nobodys/cancel"),
        ("GET", "/api/jobs/~"),
    ] {
        let unknown = app.send(method, path, None).await;
        assert_eq!(
            (unknown.status, unknown["code"].as_str()),
            (404, Some("unknown_job")),
            "{path}"
        );
    }
}

/// A job whose message went nowhere, so that a test is the only one who takes its steps.
async fn made_by_hand(app: &TestApp) -> Job {
    let made = replay(app, json!({"files": files(&[("stop_redial.rhai", STOPS_ON_TRANSFER)])})).await;
    assert_eq!(made.status, 202, "{made:?}");
    app.settle().await;
    let done = app.instance().table.job(made["job"]["id"].as_str().unwrap()).await;
    let done = done.unwrap().unwrap();
    assert_eq!(done.state, JobState::Done);
    copied(app, &done).await
}

/// The same job under another id, as it was before its first step.
async fn copied(app: &TestApp, of: &Job) -> Job {
    let App { table, ids, .. } = app.instance();
    let again = Job {
        id: ids.record(app.now()),
        state: JobState::Queued,
        started_at: None,
        ended_at: None,
        version: 1,
        done: 0,
        total: None,
        cursor: None,
        counts: BTreeMap::new(),
        ..of.clone()
    };
    let input = table.job_item(&keys::job_input(&of.id)).await.unwrap().unwrap();
    let key = keys::job_input(&again.id);
    table.put_job_item(key, &again, &input, None).await.unwrap();
    table.write(Change::put(keys::job(&again.id), &again)).await.unwrap();
    again
}

async fn invoke(app: App, job: &Job) -> Value {
    let body = json!({"v": 1, "job": job.id}).to_string();
    let event = json!({"Records": [{"messageId": "m", "body": body}]});
    redial_jobs::Handler::with_steps_of(app, 3).handle(event).await.unwrap()
}

/// All that a job wrote, without its id.
async fn written(table: &Table, id: &str) -> Vec<(String, String)> {
    let partition = keys::job_items(id);
    let page = table.query(&Query::table(&partition, 1_000), None).await.unwrap();
    let items = page.items.iter().map(|item| {
        let rest: BTreeMap<_, _> = item.iter().filter(|(name, _)| *name != "pk").collect();
        (item["sk"].as_s().unwrap().clone(), format!("{rest:?}"))
    });
    items.collect()
}

#[tokio::test]
async fn a_job_that_is_killed_at_any_request_ends_with_the_same_counts_and_bytes() {
    let app = with_history().await;
    let table = app.instance().table;
    let whole = made_by_hand(&app).await;
    invoke(app.instance(), &whole).await;
    let expected = table.job(&whole.id).await.unwrap().unwrap();
    assert_eq!(expected.state, JobState::Done, "{expected:?}");
    assert!(expected.version > 3, "several steps: {expected:?}");
    let bytes = written(&table, &whole.id).await;
    for answer_is_lost in [false, true] {
        for requests in 0.. {
            let dies = Dies::after(requests, answer_is_lost);
            let job = copied(&app, &whole).await;
            let first = invoke(dies.instance(&app), &job).await;
            if !dies.lived() {
                assert_eq!(
                    first["batchItemFailures"][0]["itemIdentifier"], "m",
                    "killed at request {requests}"
                );
            }
            invoke(app.instance(), &job).await;
            let ended = table.job(&job.id).await.unwrap().unwrap();
            let where_ = format!("killed at request {requests}, answer lost: {answer_is_lost}");
            assert_eq!(
                (ended.state, &ended.counts, ended.done, ended.total),
                (JobState::Done, &expected.counts, expected.done, expected.total),
                "{where_}"
            );
            assert_eq!(written(&table, &job.id).await, bytes, "{where_}");
            if dies.lived() {
                break;
            }
        }
    }
}

#[tokio::test]
async fn of_two_messages_for_one_job_only_one_moves_it() {
    let app = with_history().await;
    let table = app.instance().table;
    let alone = made_by_hand(&app).await;
    invoke(app.instance(), &alone).await;
    let expected = table.job(&alone.id).await.unwrap().unwrap();
    let job = made_by_hand(&app).await;
    tokio::join!(invoke(app.instance(), &job), invoke(app.instance(), &job));
    // Whoever lost gave up; the other one went on to the end.
    let ended = table.job(&job.id).await.unwrap().unwrap();
    assert_eq!(
        (ended.state, &ended.counts, ended.version),
        (JobState::Done, &expected.counts, expected.version)
    );
}

#[tokio::test]
async fn a_cancelled_job_takes_no_further_step() {
    let app = with_history().await;
    let table = app.instance().table;
    let job = made_by_hand(&app).await;
    let cancelled = app.post(&format!("/api/jobs/{}/cancel", job.id), json!({})).await;
    assert_eq!(
        (cancelled.status, cancelled["job"]["state"].as_str()),
        (200, Some("cancelled")),
        "{cancelled:?}"
    );
    invoke(app.instance(), &job).await;
    let (shown, results) = outcome(&app, &job.id).await;
    assert_eq!(
        (shown["state"].as_str(), shown["done"].as_u64()),
        (Some("cancelled"), Some(0))
    );
    assert_eq!(
        (results["complete"].as_bool(), results["count"].as_u64()),
        (Some(false), Some(0))
    );
    let kept = written(&table, &job.id).await;
    assert_eq!(kept.len(), 1, "its input only: {kept:?}");
}

#[tokio::test]
async fn a_job_whose_message_was_lost_is_sent_again() {
    let app = with_history().await;
    let job = made_by_hand(&app).await;
    app.advance(TimeDelta::minutes(4)).await;
    let state = async |app: &TestApp| app.get(&format!("/api/jobs/{}", job.id)).await["job"]["state"].clone();
    assert_eq!(state(&app).await, "queued");
    app.advance(TimeDelta::minutes(10)).await;
    assert_eq!(state(&app).await, "done");
}

#[tokio::test]
async fn results_come_page_by_page_with_each_lead_once() {
    let app = with_history().await;
    let sooner = files(&[("redial_interval.rhai", "in_minutes(0, \"at once\")\n")]);
    let (job, all) = replayed(&app, json!({"files": sooner})).await;
    assert_eq!(all["count"], 3, "{all}");
    let mut path = format!("/api/jobs/{}/results?limit=1", job["id"].as_str().unwrap());
    let mut leads = Vec::new();
    for _ in 0..4 {
        let page = app.get(&path).await;
        assert_eq!(page.status, 200, "{page:?}");
        leads.extend(page["leads"].as_array().unwrap().clone());
        let Some(next) = page["next_cursor"].as_str() else {
            break;
        };
        path = format!(
            "/api/jobs/{}/results?limit=1&cursor={next}",
            job["id"].as_str().unwrap()
        );
    }
    assert_eq!(json!(leads), all["leads"]);
}

#[tokio::test]
async fn a_job_of_a_newer_build_is_left_for_it() {
    let app = TestApp::at(MONDAY_NOON).await;
    let job = made_by_hand(&app).await;
    let table = app.instance().table;
    let change = Change::update(keys::job(&job.id), "SET #kind = :kind")
        .value(":kind", json!({"kind": "of_tomorrow", "file": "x"}));
    table.write(change).await.unwrap();
    let answered = invoke(app.instance(), &job).await;
    assert_eq!(answered["batchItemFailures"][0]["itemIdentifier"], "m");
    assert_eq!(
        app.get(&format!("/api/jobs/{}", job.id)).await["job"]["kind"],
        "unknown"
    );
}
