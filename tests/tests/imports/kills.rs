//! Imports and undos that are killed before any of their requests, and before any answer is read.

use redial_aws::App;
use redial_aws::imports::{Import, ImportOptions, ImportPlan, PartPut};
use redial_aws::jobs::{Job, JobKind, JobState};
use redial_aws::leads::Activity;
use redial_aws::table::TableError;
use redial_domain::import::{Columns, ImportRules};
use redial_domain::sheet::{Dialect, Next, Reader};
use redial_domain::{Actor, CampaignId, Phone, ProofSource, Region, Statement};
use redial_tests::doomed::Dies;
use redial_tests::{MONDAY_NOON, TestApp};
use serde_json::{Value, json};

use super::{campaign, leads};

/// The import of a file as it is when all parts are here, with a job whose message went nowhere: the test alone takes its
/// steps.
async fn by_hand(app: &App, file: &str, dry_run: bool) -> Job {
    let campaign = CampaignId::parse("one").unwrap();
    let now = app.clock.now();
    let mut import = Import {
        id: app.ids.record(now),
        campaign: campaign.clone(),
        actor: Actor::system(),
        created_at: now,
        options: ImportOptions {
            dry_run,
            ..ImportOptions::default()
        },
        plan: None,
        undo: None,
    };
    app.table.create_import(&import).await.unwrap();
    assert_eq!(
        app.table.put_import_part(&import, 0, file.as_bytes()).await.unwrap(),
        PartPut::Here
    );
    let parts = app.table.import_parts(&import.id).await.unwrap();
    let dialect = Dialect::of(file.as_bytes());
    let mut reader = Reader::new(dialect);
    reader.push(file.as_bytes());
    let Next::Row(row) = reader.next() else {
        panic!("no headings")
    };
    let columns = Columns::read(&row, &[].into(), &[]).unwrap();
    let headings = row.cells().map(str::to_owned).collect();
    import.plan = Some(ImportPlan {
        parts: parts.iter().map(|part| part.hash.clone()).collect(),
        bytes: file.len() as u64,
        dialect,
        headings,
        columns,
        begins: reader.place(),
        rules: ImportRules::default(),
        region: Region::US,
    });
    let job = Job {
        id: import.id.clone(),
        ..Job::new(app, &Actor::system(), JobKind::Import { campaign, dry_run })
    };
    let told = Activity::now(app, &Actor::system(), "import_started", None);
    assert!(app.table.plan_import(&import, &job, &told).await.unwrap());
    assert!(
        !app.table.plan_import(&import, &job, &told).await.unwrap(),
        "planned once"
    );
    job
}

async fn undo_by_hand(app: &App, import: &str) -> Job {
    let campaign = CampaignId::parse("one").unwrap();
    let kind = JobKind::UndoImport {
        campaign: campaign.clone(),
        import: import.to_owned(),
    };
    let job = Job::new(app, &Actor::system(), kind);
    let import = app.table.import(&campaign, import).await.unwrap().unwrap();
    let told = Activity::now(app, &Actor::system(), "import_undone", None);
    assert!(app.table.undo_import(&import, &job, &told).await.unwrap());
    job
}

async fn invoke(app: App, job: &Job) -> Value {
    let body = json!({"v": 1, "job": job.id}).to_string();
    let event = json!({"Records": [{"messageId": "m", "body": body}]});
    redial_jobs::Handler::with_steps_of(app, 4).handle(event).await.unwrap()
}

/// A file whose people nobody else has: new ones, one that stands twice in a step and again in another, a bad one, one with
/// a consent of its own; and one that another campaign has.
fn file(n: usize) -> String {
    let phone = |row: usize| format!("+1212{:03}{:04}", 200 + n / 100, n % 100 * 100 + row);
    format!(
        "name,phone,consent_kind,consent_at,consent_source\nA,{a},,,\nB,{b},,,\nA,{a},,,\nbad,1,,,\nC,{c},written,2026-11-01,form\n\
         D,{d},,,\nA again,{a},,,\nother,+13055550199,,,\nE,{e},,,\n",
        a = phone(1),
        b = phone(2),
        c = phone(3),
        d = phone(4),
        e = phone(5)
    )
}

async fn world() -> TestApp {
    let app = TestApp::at(MONDAY_NOON).await;
    campaign(&app, "one", json!({})).await;
    campaign(&app, "two", json!({"open_intake": true})).await;
    assert_eq!(
        app.post("/api/leads", json!({"phone": "+13055550199", "campaign_id": "two"}))
            .await
            .status,
        201
    );
    app
}

#[tokio::test]
async fn an_import_that_is_killed_at_any_request_ends_with_the_same_leads_and_counts() {
    let app = world().await;
    let table = app.instance().table;
    let mut people = 0;
    for dry_run in [false, true] {
        people += 1;
        let whole = by_hand(&app.instance(), &file(people), dry_run).await;
        invoke(app.instance(), &whole).await;
        let expected = table.job(&whole.id).await.unwrap().unwrap();
        assert_eq!(expected.state, JobState::Done, "{expected:?}");
        let of = |name: &str| expected.counts.get(name).copied().unwrap_or_default();
        assert_eq!(
            ["rows", "valid", "invalid", "duplicate"].map(of),
            [9, 5, 1, 3],
            "{expected:?}"
        );
        assert_eq!(
            ["duplicate_file", "duplicate_system", "imported"].map(of),
            [2, 1, if dry_run { 0 } else { 5 }]
        );
        assert!(expected.version > 3, "several steps: {expected:?}");
        for answer_is_lost in [false, true] {
            for requests in 0.. {
                people += 1;
                let dies = Dies::after(requests, answer_is_lost);
                let job = by_hand(&app.instance(), &file(people), dry_run).await;
                invoke(dies.instance(&app), &job).await;
                invoke(app.instance(), &job).await;
                let ended = table.job(&job.id).await.unwrap().unwrap();
                let where_ = format!("killed at request {requests}, answer lost: {answer_is_lost}, dry: {dry_run}");
                assert_eq!(
                    (ended.state, &ended.counts, ended.total.map(|total| total - ended.done)),
                    (JobState::Done, &expected.counts, Some(0)),
                    "{where_}"
                );
                if dies.lived() {
                    break;
                }
            }
        }
        if !dry_run {
            assert_eq!(leads(&app, "one").await.len(), people * 5, "each person once");
        }
    }
}

#[tokio::test]
async fn an_undo_that_is_killed_at_any_request_removes_each_lead_once() {
    let app = world().await;
    let table = app.instance().table;
    let mut people = 0;
    for answer_is_lost in [false, true] {
        for requests in 0.. {
            people += 1;
            let import = by_hand(&app.instance(), &file(people), false).await;
            invoke(app.instance(), &import).await;
            let leads = leads(&app, "one").await;
            assert_eq!(leads.len(), 5 + people - 1);
            let one = leads
                .iter()
                .find(|lead| lead["first_name"] == "D" && lead["status"] != "paused")
                .unwrap();
            let pause = format!(
                "/api/admin/redial-queue/lead/{}/pause",
                one["lead_id"].as_str().unwrap()
            );
            assert_eq!(app.post(&pause, json!({})).await.status, 200);
            let undo = undo_by_hand(&app.instance(), &import.id).await;
            let dies = Dies::after(requests, answer_is_lost);
            invoke(dies.instance(&app), &undo).await;
            invoke(app.instance(), &undo).await;
            let ended = table.job(&undo.id).await.unwrap().unwrap();
            let where_ = format!("killed at request {requests}, answer lost: {answer_is_lost}");
            assert_eq!(
                (ended.state, ended.removed, ended.counts.get("kept_changed")),
                (JobState::Done, 4, Some(&1)),
                "{where_}"
            );
            if dies.lived() {
                break;
            }
        }
    }
}

#[tokio::test]
async fn two_invocations_of_one_import_write_and_count_each_lead_once() {
    let app = world().await;
    let job = by_hand(&app.instance(), &file(0), false).await;
    tokio::join!(invoke(app.instance(), &job), invoke(app.instance(), &job));
    let ended = app.instance().table.job(&job.id).await.unwrap().unwrap();
    assert_eq!(
        (ended.state, ended.counts["imported"]),
        (JobState::Done, 5),
        "{ended:?}"
    );
    assert_eq!(leads(&app, "one").await.len(), 5);
}

#[tokio::test]
async fn a_cancelled_import_writes_nobody_more_and_can_be_undone() {
    let app = world().await;
    let table = app.instance().table;
    let job = by_hand(&app.instance(), &file(0), false).await;
    let seen = table.job(&job.id).await.unwrap().unwrap();
    assert!(table.cancel_job(&job.id, app.now()).await.unwrap().is_some());
    // Whoever read the job before it was ended does not get through, either.
    let refused = table.transact(vec![seen.goes_on()]).await;
    assert!(matches!(refused, Err(TableError::Canceled(_))), "{refused:?}");
    invoke(app.instance(), &job).await;
    assert_eq!(leads(&app, "one").await.len(), 0);
    let undo = undo_by_hand(&app.instance(), &job.id).await;
    invoke(app.instance(), &undo).await;
    assert_eq!(table.job(&undo.id).await.unwrap().unwrap().removed, 0);
}

#[tokio::test]
async fn who_is_forgotten_while_an_import_waits_does_not_come_back() {
    let app = world().await;
    let file = file(0);
    let job = by_hand(&app.instance(), &file, false).await;
    let phone = Phone::parse(file.lines().nth(1).unwrap().split(',').nth(1).unwrap(), Region::US).unwrap();
    let said = Statement::entered(ProofSource::Api, "Ada", app.now());
    redial_aws::do_not_call::mark(&app.instance(), &phone, &said)
        .await
        .unwrap();
    let forgotten = app
        .post(
            "/api/forget",
            json!({"phone": phone.as_str(), "reason": "their request"}),
        )
        .await;
    assert_eq!(
        (forgotten.status, &forgotten["done"]),
        (200, &json!(true)),
        "{forgotten:?}"
    );
    invoke(app.instance(), &job).await;
    let ended = app.instance().table.job(&job.id).await.unwrap().unwrap();
    assert_eq!(
        (ended.counts["imported"], ended.counts["forgotten"]),
        (4, 3),
        "{ended:?}"
    );
    assert!(
        leads(&app, "one")
            .await
            .iter()
            .all(|lead| lead["phone_number"] != phone.as_str())
    );
}
