//! All leads of a status are moved by a job: tried first, made, ended.

use redial_domain::{Phone, Region, Role};
use redial_tests::{TestApp, bulk::Original, instant};
use serde_json::{Value, json};

use super::{PHONE, by, put};

const MORNING: &str = "2026-11-23T14:00:00Z";

async fn job(app: &TestApp, body: Value) -> Value {
    let started = app.post("/api/leads/status", body).await;
    assert_eq!(started.status, 202, "{started:?}");
    app.settle().await;
    let id = started["job"]["id"].as_str().unwrap().to_owned();
    app.get(&format!("/api/jobs/{id}")).await["job"].clone()
}

#[tokio::test]
async fn all_leads_of_a_status_are_moved_once_and_counted_exactly() {
    let app = TestApp::at(MORNING).await;
    let first = app.add_lead(PHONE).await;
    let original = Original::read(&app, "default", &Phone::parse(PHONE, Region::US).unwrap()).await;
    original.import_due(&app, 0..300, instant("2026-11-24T16:00:00Z"));
    put(&app, &first, json!({"status": "contacted"})).await;
    app.running
        .clock()
        .advance_to(app.now() + chrono::TimeDelta::seconds(2));
    let filter = json!({"campaign_id": "default", "status": "new"});
    let tried = job(
        &app,
        json!({"filter": filter, "status": "not_interested", "dry_run": true}),
    )
    .await;
    assert_eq!(
        (&tried["state"], &tried["counts"]["would_move"]),
        (&json!("done"), &json!(300)),
        "{tried}"
    );
    let still = app.get("/api/leads?campaign_id=default&status=new&limit=200").await;
    assert_eq!(still["count"], 200, "nothing was moved");

    let body = json!({"filter": filter, "status": "not_interested", "reason": "old list"});
    let agent = by(&app, Role::Agent, "POST", "/api/leads/status", body.clone()).await;
    assert_eq!((agent.status, &agent["code"]), (403, &json!("not_allowed")));
    let moved = job(&app, body.clone()).await;
    assert_eq!(
        (&moved["state"], &moved["done"], &moved["counts"]["moved"]),
        (&json!("done"), &json!(300), &json!(300)),
        "{moved}"
    );
    assert_eq!(app.get("/api/leads?campaign_id=default&status=new").await["count"], 0);
    let again = job(&app, body).await;
    assert_eq!(
        (&again["done"], &again["counts"]["moved"]),
        (&json!(0), &json!(0)),
        "{again}"
    );
    assert_eq!(
        app.lead(&first).await["lead"]["lead_status"],
        "contacted",
        "only the selected status"
    );

    let sold = job(
        &app,
        json!({"filter": {"campaign_id": "default", "status": "not_interested"}, "status": "sale"}),
    )
    .await;
    assert_eq!(
        (&sold["counts"]["moved"], &sold["counts"]["stopped"]),
        (&json!(300), &json!(300)),
        "{sold}"
    );
    let refused = job(
        &app,
        json!({"filter": {"campaign_id": "default", "status": "sale"}, "status": "new"}),
    )
    .await;
    assert_eq!(
        (&refused["counts"]["moved"], &refused["counts"]["move_refused"]),
        (&json!(0), &json!(300)),
        "{refused}"
    );
    for (body, code) in [
        (
            json!({"filter": {"campaign_id": "default", "status": "new"}, "status": "dnc"}),
            "not_at_once",
        ),
        (
            json!({"filter": {"campaign_id": "default", "status": "new"}, "status": "new"}),
            "bad_field",
        ),
        (
            json!({"filter": {"campaign_id": "default", "status": "new"}, "status": "asleep"}),
            "bad_field",
        ),
    ] {
        let refused = app.post("/api/leads/status", body).await;
        assert_eq!((refused.status, &refused["code"]), (422, &json!(code)), "{refused:?}");
    }
}

#[tokio::test]
async fn a_job_that_was_ended_moves_nobody_more() {
    let app = TestApp::at(MORNING).await;
    app.add_lead(PHONE).await;
    app.running
        .clock()
        .advance_to(app.now() + chrono::TimeDelta::seconds(2));
    let own = app.instance();
    let campaign = own
        .table
        .campaign(&redial_domain::CampaignId::default_campaign())
        .await
        .unwrap()
        .unwrap();
    let actor = redial_domain::Actor::system();
    let status = |name: &str| redial_domain::StatusName::parse(name).unwrap();
    let asked = redial_aws::status_moves::StatusMove {
        to: status("contacted"),
        why: None,
        callback_at: None,
        only_from: Some(status("new")),
    };
    let kind = redial_aws::jobs::JobKind::MoveStatus {
        campaign: campaign.id.clone(),
        from: status("new"),
        to: status("contacted"),
        why: None,
        dry_run: false,
    };
    let job = redial_aws::jobs::Job::new(&own, &actor, kind);
    own.table.write(job.put()).await.unwrap();
    own.table.cancel_job(&job.id, own.clock.now()).await.unwrap();
    // A step that had begun before.
    let mover = redial_aws::status_moves::Mover::of(&own, &campaign, &actor)
        .await
        .unwrap();
    let phone = Phone::parse(PHONE, Region::US).unwrap();
    let moved = mover.put(&phone, &asked, Some(&job)).await.unwrap();
    assert!(
        matches!(
            moved,
            redial_aws::status_moves::StatusMoved::Refused(redial_aws::status_moves::Refused::JobOver)
        ),
        "{moved:?}"
    );
    assert_eq!(app.get("/api/leads?campaign_id=default&status=new").await["count"], 1);
}
