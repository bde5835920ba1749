//! Deciding again: leads that a failed rule parked, and leads that wait when the rules change.

#![expect(clippy::unwrap_used, reason = "helpers of tests: what is not there fails the test")]

use std::collections::BTreeMap;

use chrono::TimeDelta;
use redial_aws::jobs::{Job, JobKind, WhichLeads};
use redial_domain::{Actor, RuleSetName};
use redial_rules::RuleSet;
use redial_tests::{MONDAY_NOON, TestApp, consent, instant, talk};
use serde_json::{Value, json};

const SET: &str = "until-sale-or-dnc";
/// Fails on what no check can know: a talk of more than a minute.
const TRAP: &str = "if talk_s > 60 && talk_s != 1800 { let list = []; list[7] }\nelse if status == \"sale\" { stop(\"sold\") }\nelse { go_on() }\n";

fn set() -> RuleSetName {
    RuleSetName::parse(SET).unwrap()
}

fn with(file: &str, text: &str) -> BTreeMap<String, String> {
    let files = RuleSet::built_in_files(&set()).unwrap().iter();
    let mut files: BTreeMap<String, String> = files
        .filter(|(file, _)| *file != "cases.csv")
        .map(|(file, text)| ((*file).to_owned(), (*text).to_owned()))
        .collect();
    files.insert(file.to_owned(), text.to_owned());
    files
}

/// Publishes over whatever draft there is, and lets every function see it.
async fn publish(app: &TestApp, files: &BTreeMap<String, String>, waiting: &str) -> Value {
    let path = format!("/api/rules/{SET}/draft");
    let before = app.get(&path).await["revision"].as_u64();
    let in_use = app.get(&format!("/api/rules/{SET}")).await;
    let body = json!({"files": files, "revision": before, "based_on": in_use["version"]});
    let draft = app.send("PUT", &path, Some(&body)).await;
    let wish = json!({"revision": draft["revision"], "note": "a test", "waiting": waiting, "without_cases": true});
    let published = app.post(&format!("/api/rules/{SET}/publish"), wish).await;
    assert_eq!(published.status, 201, "{published:?}");
    published.body
}

async fn live(app: &TestApp) {
    app.advance(TimeDelta::seconds(15)).await;
}

/// Adds a lead, calls it, and ends the call.
async fn called(app: &TestApp, phone: &str, changes: Value) -> String {
    let before = app.calls().await.len();
    let lead = app.add_lead(phone).await;
    app.settle().await;
    let call = app.calls().await.remove(before);
    app.ends(&call, changes).await;
    lead
}

/// Asks for a job and gives it as it is when it is over.
async fn job(app: &TestApp, what: &str, dry_run: bool) -> Value {
    let made = app
        .post(&format!("/api/rules/{SET}/{what}"), json!({"dry_run": dry_run}))
        .await;
    assert_eq!(made.status, 202, "{made:?}");
    finished(app, &made["job"]["id"]).await
}

async fn finished(app: &TestApp, id: &Value) -> Value {
    app.settle().await;
    app.get(&format!("/api/jobs/{}", id.as_str().unwrap())).await["job"].clone()
}

#[tokio::test]
async fn leads_that_a_failed_rule_parked_go_on_when_it_is_mended() {
    let app = TestApp::at(MONDAY_NOON).await;
    publish(&app, &with("stop_redial.rhai", TRAP), "keep").await;
    live(&app).await;
    let mut leads = Vec::new();
    for n in 0..5 {
        let word = if n == 0 { "SALE" } else { "FOLLOW_UP" };
        leads.push(called(&app, &format!("+1212555010{n}"), talk(word)).await);
    }
    for lead in &leads {
        assert_eq!(app.lead(lead).await["lead"]["status"], "parked");
    }
    let still = job(&app, "reapply", false).await;
    assert_eq!(
        (&still["state"], &still["counts"]["still_failing"]),
        (&json!("done"), &json!(5)),
        "{still}"
    );
    assert_eq!(still["counts"]["decided"], 0);

    let back = json!({"from": 1, "note": "it fails on long talks"});
    assert_eq!(app.post(&format!("/api/rules/{SET}/rollback"), back).await.status, 200);
    let counted = job(&app, "reapply", true).await;
    assert_eq!(
        (&counted["counts"]["decided"], &counted["counts"]["stopped"]),
        (&json!(5), &json!(1)),
        "{counted}"
    );
    assert_eq!(
        app.lead(&leads[1]).await["lead"]["status"],
        "parked",
        "a trial changes nothing"
    );
    let done = job(&app, "reapply", false).await;
    assert_eq!(
        (&done["counts"]["decided"], &done["counts"]["stopped"]),
        (&json!(5), &json!(1)),
        "{done}"
    );

    let sold = app.lead(&leads[0]).await;
    assert_eq!(
        (&sold["lead"]["status"], &sold["lead"]["lead_status"]),
        (&json!("completed"), &json!("sale"))
    );
    let on = app.lead(&leads[1]).await;
    assert_eq!(
        (&on["lead"]["status"], &on["lead"]["lead_status"]),
        (&json!("pending"), &json!("contacted")),
        "{on:?}"
    );
    assert_eq!(on["attempts"][0]["decision"]["version"], 0);
    assert!(on["attempts"][0]["rule_failed"].is_null(), "{on:?}");
    assert_eq!(on["activities"][0]["what"], "reapplied", "{on:?}");
    let again = job(&app, "reapply", false).await;
    assert_eq!(again["counts"]["decided"], 0, "{again}");

    let before = app.calls().await.len();
    app.advance(TimeDelta::minutes(3)).await;
    assert_eq!(app.calls().await.len(), before + 4, "all but the sale are called again");
}

#[tokio::test]
async fn waiting_leads_follow_a_change_when_that_is_chosen_and_only_then() {
    let app = TestApp::at(MONDAY_NOON).await;
    let mut leads = Vec::new();
    for n in 0..4 {
        leads.push(called(&app, &format!("+1212555020{n}"), talk("FOLLOW_UP")).await);
    }
    let next = |shown: &Value| instant(shown["lead"]["next_redial_iso"].as_str().unwrap());
    let before = next(&app.lead(&leads[0]).await.body);
    let kept = publish(&app, &with("redial_interval.rhai", "in_minutes(45)\n"), "keep").await;
    assert_eq!(kept["job"], Value::Null);
    live(&app).await;
    assert_eq!(next(&app.lead(&leads[0]).await.body), before, "new decisions only");

    // The counts come first, by rules that nobody has published.
    let tried = json!({"dry_run": true, "files": with("redial_interval.rhai", "in_minutes(90)\n")});
    let made = app.post(&format!("/api/rules/{SET}/replan"), tried.clone()).await;
    let counted = finished(&app, &made["job"]["id"]).await;
    assert_eq!(
        (&counted["counts"]["decided"], &counted["counts"]["later"]),
        (&json!(4), &json!(4)),
        "{counted}"
    );
    let mut for_real = tried;
    for_real["dry_run"] = json!(false);
    assert_eq!(
        app.post(&format!("/api/rules/{SET}/replan"), for_real).await.status,
        422
    );
    assert_eq!(next(&app.lead(&leads[0]).await.body), before, "nothing was changed");

    let replanned = publish(&app, &with("redial_interval.rhai", "in_minutes(90)\n"), "replan").await;
    let done = finished(&app, &replanned["job"]).await;
    assert_eq!(
        (&done["state"], &done["counts"]["decided"], &done["counts"]["later"]),
        (&json!("done"), &json!(4), &json!(4)),
        "{done}"
    );
    for lead in &leads {
        let shown = app.lead(lead).await;
        assert_eq!(
            next(&shown.body) - before,
            TimeDelta::minutes(88),
            "90 minutes after the call instead of 2"
        );
        assert_eq!(shown["attempts"][0]["decision"]["version"], 2);
        assert_eq!(shown["activities"][0]["what"], "replanned");
    }
    let calls = app.calls().await.len();
    app.advance(TimeDelta::minutes(30)).await;
    assert_eq!(app.calls().await.len(), calls, "nobody is called at the old time");
    app.advance(TimeDelta::minutes(62)).await;
    assert_eq!(app.calls().await.len(), calls + 4);
}

#[tokio::test]
async fn a_change_of_the_rules_ends_the_planning_of_the_change_before() {
    let app = TestApp::at(MONDAY_NOON).await;
    let lead = called(&app, "+12125550301", talk("FOLLOW_UP")).await;
    publish(&app, &with("redial_interval.rhai", "in_minutes(45)\n"), "keep").await;
    let instance = app.instance();
    let old = Job::new(
        &instance,
        &Actor::system(),
        JobKind::DecideAgain {
            set: set(),
            which: WhichLeads::Waiting,
            epoch: 0,
            dry_run: false,
            candidate: false,
        },
    );
    instance.table.write(old.put()).await.unwrap();
    assert!(redial_aws::jobs::send(&instance, &old.id).await);
    let failed = finished(&app, &json!(old.id)).await;
    assert_eq!(failed["state"], "failed", "{failed}");
    assert!(
        failed["problem"].as_str().unwrap().contains("version 1 is in use"),
        "{failed}"
    );
    assert_eq!(app.lead(&lead).await["attempts"][0]["decision"]["version"], 0);
}

#[tokio::test]
async fn two_messages_for_one_job_decide_each_lead_once() {
    let app = TestApp::at(MONDAY_NOON).await;
    for n in 0..8 {
        called(&app, &format!("+1212555040{n}"), talk("FOLLOW_UP")).await;
    }
    publish(&app, &with("redial_interval.rhai", "in_minutes(45)\n"), "keep").await;
    let instance = app.instance();
    let epoch = instance.table.rules_active(&set()).await.unwrap().unwrap().epoch;
    let kind = JobKind::DecideAgain {
        set: set(),
        which: WhichLeads::Waiting,
        epoch,
        dry_run: false,
        candidate: false,
    };
    let job = Job::new(&instance, &Actor::system(), kind);
    instance.table.write(job.put()).await.unwrap();
    let message = json!({"v": 1, "job": job.id}).to_string();
    let event = json!({"Records": [{"messageId": "1", "body": message}]});
    let (one, other) = (
        redial_jobs::Handler::new(app.instance()),
        redial_jobs::Handler::new(app.instance()),
    );
    let (first, second) = tokio::join!(one.handle(event.clone()), other.handle(event.clone()));
    assert!(first.is_ok() && second.is_ok(), "{first:?} {second:?}");
    // Whoever was overtaken leaves the rest to the other; one more message ends what both left.
    redial_jobs::Handler::new(app.instance()).handle(event).await.unwrap();
    let done = finished(&app, &json!(job.id)).await;
    assert_eq!(
        (&done["state"], &done["counts"]["decided"]),
        (&json!("done"), &json!(8)),
        "{done}"
    );
}

#[tokio::test]
async fn every_campaign_and_every_line_of_its_queue_is_looked_through() {
    let app = TestApp::at(MONDAY_NOON).await;
    // Before and behind `default` in the alphabet, one without leads, one with many parts.
    for (id, shards) in [("aaa", 1), ("bbb", 16), ("zzz", 3)] {
        let campaign = json!({"id": id, "name": id, "open_intake": true, "max_concurrent_calls": 100, "shards": shards, "consent": consent()});
        assert_eq!(app.post("/campaigns", campaign).await.status, 201);
        assert_eq!(app.post(&format!("/campaigns/{id}/start"), json!({})).await.status, 200);
    }
    let (mut leads, mut ended) = (0, 0);
    for (campaign, count) in [("default", 7), ("bbb", 40), ("zzz", 13)] {
        for n in 0..count {
            let phone = format!(
                "+1212{:03}{:04}",
                550 + campaign.len() + usize::from(campaign == "zzz"),
                100 + n
            );
            let lead = json!({"phone": phone, "campaign_id": campaign});
            assert_eq!(app.post("/api/leads", lead).await.status, 201);
            leads += 1;
        }
        for _ in 0..20 {
            app.settle().await;
            let calls = app.calls().await;
            if calls.len() == leads {
                break;
            }
            for call in &calls[ended..] {
                app.ends(
                    call,
                    json!({"metadata": {"attempt_id": call["attempt_id"], "campaign_id": campaign}}),
                )
                .await;
            }
            ended = calls.len();
            app.advance(TimeDelta::minutes(1)).await;
        }
        for call in &app.calls().await[ended..] {
            app.ends(
                call,
                json!({"metadata": {"attempt_id": call["attempt_id"], "campaign_id": campaign}}),
            )
            .await;
            ended += 1;
        }
    }
    publish(&app, &with("redial_interval.rhai", "in_minutes(90)\n"), "keep").await;
    let counted = job(&app, "replan", true).await;
    let looked_at: u64 = counted["counts"]
        .as_object()
        .unwrap()
        .iter()
        .filter(|(name, _)| *name == "decided" || name.starts_with("left_"))
        .map(|(_, n)| n.as_u64().unwrap())
        .sum();
    assert_eq!(
        (looked_at, &counted["done"]),
        (leads as u64, &json!(leads)),
        "{counted}"
    );
}
