//! People move leads: along the table of moves, with what a status means for calling.

use chrono::TimeDelta;
use redial_domain::{CampaignId, Phone, Region, Role};
use redial_tests::{MONDAY_NOON, TestApp, consent, instant, talk};
use serde_json::{Value, json};

use super::{PHONE, by, campaign, person, put, settled};

#[tokio::test]
async fn a_move_is_made_as_the_rule_set_says_and_a_refused_one_names_those_that_are_allowed() {
    let app = TestApp::at("2026-11-23T15:00:00Z").await;
    let lead = app.add_lead(PHONE).await;
    let moved = put(
        &app,
        &lead,
        json!({"status": "contacted", "reason": "called back by mail"}),
    )
    .await;
    insta::assert_json_snapshot!("status_moved", settled(moved.body));
    let again = put(
        &app,
        &lead,
        json!({"status": "contacted", "reason": "called back by mail"}),
    )
    .await;
    assert_eq!((again.status, &again["changed"]), (200, &json!(false)), "{again:?}");
    let sold = put(&app, &lead, json!({"status": "sale"})).await;
    assert_eq!(
        (sold.status, &sold["state"], &sold["next_call_at"], &sold["stopped"]),
        (200, &json!("completed"), &Value::Null, &json!("subject"))
    );
    let refused = put(&app, &lead, json!({"status": "contacted"})).await;
    assert_eq!(
        (refused.status, &refused["allowed"]),
        (409, &json!(["dnc"])),
        "{refused:?}"
    );
    insta::assert_json_snapshot!("status_refused", refused.body);
    for (body, status) in [
        (json!({"status": "asleep"}), 422),
        (json!({"status": "a#b"}), 422),
        (json!({}), 422),
        (json!({"status": "new", "colour": 1}), 422),
        (
            json!({"status": "callback", "callback_at": "2026-11-22T15:00:00Z"}),
            422,
        ),
        (
            json!({"status": "callback", "callback_at": "2028-11-22T15:00:00Z"}),
            422,
        ),
    ] {
        assert_eq!(put(&app, &lead, body.clone()).await.status, status, "{body}");
    }
    assert_eq!(put(&app, "nobody", json!({"status": "new"})).await.status, 404);
    let history = app.get(&format!("/api/leads/{lead}/history")).await;
    let moves: Vec<Value> = history["history"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|entry| entry["entry"]["what"] == "status_changed")
        .map(|entry| json!([entry["entry"]["from"], entry["entry"]["to"], entry["entry"]["why"]]))
        .collect();
    assert_eq!(
        moves,
        [
            json!(["contacted", "sale", null]),
            json!(["new", "contacted", "called back by mail"])
        ]
    );
    let webhook = by(
        &app,
        Role::Webhook,
        "PATCH",
        &format!("/api/leads/{lead}/status"),
        json!({"status": "dnc"}),
    )
    .await;
    assert_eq!(webhook.status, 403);
    let agent = by(
        &app,
        Role::Agent,
        "PATCH",
        &format!("/api/leads/{lead}/status"),
        json!({"status": "dnc"}),
    )
    .await;
    assert_eq!(agent.status, 200, "{agent:?}");
}

#[tokio::test]
async fn a_sale_closes_its_subject_and_a_canceled_one_lets_the_leads_go_on() {
    let app = TestApp::at(MONDAY_NOON).await;
    campaign(&app, "board", "kanban-he").await;
    campaign(&app, "other", "kanban-he").await;
    app.send("POST", "/campaigns/default/pause", Some(&json!({}))).await;
    for id in ["board", "other"] {
        app.send("POST", &format!("/campaigns/{id}/pause"), Some(&json!({})))
            .await;
    }
    let lead = person(&app, json!({"phone": PHONE, "campaign_id": "board"})).await;
    let other = person(&app, json!({"phone": PHONE, "campaign_id": "other"})).await;
    let first_block = async |id: &str| app.get(&format!("/api/leads/{id}/explain")).await["first_blocking"].clone();
    assert_eq!(put(&app, &lead, json!({"status": "won"})).await["stopped"], "subject");
    assert_eq!(first_block(&other).await, "subject_stopped");
    // Lost stops this lead alone.
    let lost = put(&app, &lead, json!({"status": "lost", "reason": "canceled"})).await;
    assert_eq!(
        (&lost["stopped"], &lost["state"]),
        (&json!("lead"), &json!("completed")),
        "{lost:?}"
    );
    assert_eq!(first_block(&other).await, "campaign_not_running");
    let back = put(&app, &lead, json!({"status": "follow_up"})).await;
    assert_eq!(
        (&back["state"], &back["stopped"]),
        (&json!("pending"), &Value::Null),
        "{back:?}"
    );
    assert_eq!(back["next_call_at"], "2026-11-23T17:00:00+00:00");
    app.post("/campaigns/board/start", json!({})).await;
    app.advance(TimeDelta::minutes(1)).await;
    assert_eq!(app.calls().await.len(), 1, "it is called again");
}

#[tokio::test]
async fn a_do_not_call_is_marked_with_its_proof_and_ends_the_call_under_way() {
    let app = TestApp::at(MONDAY_NOON).await;
    let lead = app.add_lead(PHONE).await;
    app.settle().await;
    assert_eq!(app.calls().await.len(), 1);
    let moved = put(&app, &lead, json!({"status": "dnc", "reason": "wrote to us"})).await;
    assert_eq!(
        (moved.status, &moved["stopped"], &moved["reason"]),
        (200, &json!("phone"), &json!("do_not_call"))
    );
    assert_eq!(moved["calls_ending"].as_array().unwrap().len(), 1, "{moved:?}");
    let checked = app.post("/api/do-not-call/check", json!({"phone": PHONE})).await;
    assert_eq!(
        (&checked["marked"], &checked["proofs"][0]["note"]),
        (&json!(true), &json!("wrote to us"))
    );
    assert_eq!(checked["proofs"].as_array().unwrap().len(), 1);
    let again = put(&app, &lead, json!({"status": "dnc", "reason": "wrote to us"})).await;
    assert_eq!((again.status, &again["changed"]), (200, &json!(false)), "{again:?}");
    assert_eq!(
        put(&app, &lead, json!({"status": "new"})).await.status,
        409,
        "nothing lowers it"
    );
    // A late outcome of the ended call changes nothing about that.
    let call = app.calls().await.remove(0);
    app.ends(&call, talk("SALE")).await;
    let shown = app.lead(&lead).await;
    assert_eq!(
        (&shown["lead"]["lead_status"], &shown["lead"]["status"]),
        (&json!("dnc"), &json!("completed"))
    );
    assert_eq!(shown["may_be_called"]["reason"]["code"], "do_not_call");
}

#[tokio::test]
async fn a_status_chosen_during_a_call_meets_the_calls_outcome() {
    let app = TestApp::at(MONDAY_NOON).await;
    let lead = app.add_lead(PHONE).await;
    app.settle().await;
    let call = app.calls().await.remove(0);
    // Both at once: whoever is overtaken looks again, and what a person stopped stays stopped.
    let body = json!({"status": "sale"});
    let (moved, _) = tokio::join!(put(&app, &lead, body), app.ends(&call, json!({})));
    assert_eq!(moved.status, 200, "{moved:?}");
    app.settle().await;
    let shown = app.lead(&lead).await;
    assert_eq!(
        (&shown["lead"]["lead_status"], &shown["lead"]["status"]),
        (&json!("sale"), &json!("completed"))
    );
    assert_eq!(shown["attempts"].as_array().unwrap().len(), 1);
    assert_eq!(shown["lead"]["attempts"], 1, "the call is counted all the same");
    app.advance(TimeDelta::hours(2)).await;
    assert_eq!(app.calls().await.len(), 1, "and nobody calls again");
}

#[tokio::test]
async fn of_two_people_who_move_a_lead_at_once_both_are_in_its_history() {
    let app = TestApp::at("2026-11-23T15:00:00Z").await;
    let lead = app.add_lead(PHONE).await;
    let (a, b) = tokio::join!(
        put(&app, &lead, json!({"status": "contacted"})),
        put(&app, &lead, json!({"status": "busy"}))
    );
    assert_eq!((a.status, b.status), (200, 200), "{a:?} {b:?}");
    let history = app.get(&format!("/api/leads/{lead}/history")).await;
    let mut moves: Vec<(Value, Value)> = history["history"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|entry| entry["entry"]["what"] == "status_changed")
        .map(|entry| (entry["entry"]["from"].clone(), entry["entry"]["to"].clone()))
        .collect();
    moves.reverse();
    assert_eq!(moves.len(), 2);
    assert_eq!(
        (moves[0].0.clone(), moves[0].1.clone()),
        (json!("new"), moves[1].0.clone()),
        "{moves:?}"
    );
    assert_eq!(app.lead(&lead).await["lead"]["lead_status"], moves[1].1);
}

#[tokio::test]
async fn a_dialer_that_decided_before_a_stop_places_no_call() {
    let app = TestApp::at("2026-11-23T15:00:00Z").await;
    let lead = app.add_lead(PHONE).await;
    let phone = Phone::parse(PHONE, Region::US).unwrap();
    let table = app.instance().table;
    let before = table.ledger(&phone).await.unwrap();
    put(&app, &lead, json!({"status": "sale"})).await;
    let after = table.ledger(&phone).await.unwrap();
    assert!(
        after.seq > before.seq,
        "whoever read the phone before cannot reserve it"
    );
    let kept = table
        .lead(&phone, &CampaignId::default_campaign(), app.now())
        .await
        .unwrap()
        .unwrap();
    assert_eq!(kept.next_at, None);
    app.advance(TimeDelta::hours(3)).await;
    assert_eq!(app.calls().await.len(), 0);
}

#[tokio::test]
async fn some_hundred_leads_are_moved_each_with_its_own_answer() {
    let app = TestApp::at("2026-11-23T15:00:00Z").await;
    let mut leads = Vec::new();
    for n in 0..30 {
        leads.push(app.add_lead(&format!("+1212555{:04}", 200 + n)).await);
    }
    put(&app, &leads[0], json!({"status": "sale"})).await;
    put(&app, &leads[1], json!({"status": "contacted"})).await;
    let mut asked = leads.clone();
    asked.push("nobody".to_owned());
    asked.push(leads[2].clone());
    let moved = app
        .post("/api/leads/status", json!({"lead_ids": asked, "status": "contacted"}))
        .await;
    assert_eq!(moved.status, 200, "{moved:?}");
    assert_eq!(
        [
            &moved["moved"],
            &moved["unchanged"],
            &moved["refused"],
            &moved["not_done"]
        ],
        [&json!(28), &json!(2), &json!(2), &json!(0)],
        "{moved:?}"
    );
    let results = moved["results"].as_array().unwrap();
    assert_eq!(
        (&results[0]["code"], &results[0]["allowed"]),
        (&json!("move_refused"), &json!(["dnc"]))
    );
    assert_eq!(
        (&results[1]["result"], &results[2]["result"]),
        (&json!("unchanged"), &json!("moved"))
    );
    assert_eq!(
        (&results[30]["code"], &results[31]["result"]),
        (&json!("unknown_lead"), &json!("unchanged"))
    );
    for (body, code) in [
        (json!({"lead_ids": [], "status": "new"}), "bad_field"),
        (json!({"lead_ids": vec!["x"; 501], "status": "new"}), "too_many"),
        (json!({"status": "new"}), "bad_field"),
        (
            json!({"lead_ids": ["x"], "status": "new", "dry_run": true}),
            "bad_field",
        ),
    ] {
        let refused = app.post("/api/leads/status", body.clone()).await;
        assert_eq!((refused.status, &refused["code"]), (422, &json!(code)), "{refused:?}");
    }
}

#[tokio::test]
async fn a_callback_comes_with_a_status_and_a_status_that_stops_takes_none() {
    let app = TestApp::at(MONDAY_NOON).await;
    app.send("POST", "/campaigns/default/pause", Some(&json!({}))).await;
    let second = json!({"id": "second", "name": "Second", "open_intake": true, "rule_set": "stop-on-transfer", "consent": consent()});
    assert_eq!(app.post("/campaigns", second).await.status, 201);
    let lead = person(&app, json!({"phone": PHONE, "campaign_id": "second"})).await;
    let at = "2026-11-24T19:30:00Z";
    let promised = put(&app, &lead, json!({"status": "callback", "callback_at": at})).await;
    assert_eq!(
        (&promised["state"], &promised["callback_at"], &promised["next_call_at"]),
        (
            &json!("rescheduled"),
            &json!("2026-11-24T19:30:00+00:00"),
            &json!("2026-11-24T19:30:00+00:00")
        ),
        "{promised:?}"
    );
    let again = put(&app, &lead, json!({"status": "callback", "callback_at": at})).await;
    assert_eq!((again.status, &again["changed"]), (200, &json!(false)), "{again:?}");
    // Room is kept for it under the caps of other campaigns.
    let ledger = app
        .instance()
        .table
        .ledger(&Phone::parse(PHONE, Region::US).unwrap())
        .await
        .unwrap();
    assert_eq!(ledger.promises.len(), 1);
    assert_eq!(ledger.promises[0].at, instant(at));
    let refused = put(&app, &lead, json!({"status": "sale", "callback_at": at})).await;
    assert_eq!(
        (refused.status, &refused["code"]),
        (422, &json!("status_stops")),
        "{refused:?}"
    );
    let stopped = put(&app, &lead, json!({"status": "transferred"})).await;
    assert_eq!(
        (&stopped["stopped"], &stopped["callback_at"]),
        (&json!("lead"), &Value::Null)
    );
    let ledger = app
        .instance()
        .table
        .ledger(&Phone::parse(PHONE, Region::US).unwrap())
        .await
        .unwrap();
    assert!(ledger.promises.is_empty(), "nobody is owed it any more");
}
