//! Lists of leads: filters, pages, what a page costs.

use std::collections::BTreeSet;

use redial_domain::{Phone, Region};
use redial_tests::{MONDAY_NOON, TestApp, bulk::Original, instant, talk};
use serde_json::json;

use super::{PHONE, campaign, ids, person, put, settled, used};

/// Before the opening, so that nobody is called meanwhile.
const MORNING: &str = "2026-11-23T14:00:00Z";

#[tokio::test]
async fn a_board_lists_its_leads_with_what_was_said_last() {
    let app = TestApp::at(MONDAY_NOON).await;
    let lead = person(
        &app,
        json!({"phone": PHONE, "name": "Dana Reyes", "email": "Dana@Example.com", "state": "NY", "crm_id": "48213"}),
    )
    .await;
    app.settle().await;
    let call = app.calls().await.remove(0);
    let mut said = talk("FOLLOW_UP");
    said["summary"] = json!("Wants to talk again.");
    app.ends(&call, said).await;
    let tagged = app
        .send(
            "PUT",
            &format!("/api/leads/{lead}/tags"),
            Some(&json!({"tags": [" hot ", "hot", "spring"]})),
        )
        .await;
    assert_eq!((tagged.status, &tagged["tags"]), (200, &json!(["hot", "spring"])));
    let listed = app.get("/api/leads?campaign_id=default").await;
    insta::assert_json_snapshot!("leads", settled(listed.body));

    let statuses = app.get("/api/lead-statuses?rule_set=kanban-he&lang=he").await;
    assert_eq!(statuses.body.as_array().unwrap().len(), 11, "a bare list");
    insta::assert_json_snapshot!("lead_statuses", statuses.body[2]);
    let own = app.get("/api/lead-statuses?campaign_id=default").await;
    assert_eq!(
        (&own.body[0]["label"], &own.body[0]["is_default"]),
        (&json!("New"), &json!(true))
    );
    for (path, status) in [
        ("/api/lead-statuses?lang=fr", 422),
        ("/api/lead-statuses?rule_set=none", 404),
        ("/api/lead-statuses?campaign_id=none", 404),
        ("/api/leads?campaign_id=none", 404),
        ("/api/leads?outbound_list_id=none", 404),
        ("/api/leads?status=nothing", 422),
        ("/api/leads?state=asleep", 422),
        ("/api/leads?limit=201", 422),
        ("/api/leads?skip=1001", 422),
        ("/api/leads?cursor=x", 422),
        ("/api/leads?search=a", 422),
        ("/campaigns/none/leads", 404),
    ] {
        let refused = app.get(path).await;
        assert_eq!(refused.status, status, "{path}: {refused:?}");
        assert!(
            refused["message"].as_str().unwrap().starts_with("failed to "),
            "{refused:?}"
        );
    }
}

#[tokio::test]
async fn filters_and_pages_show_every_lead_once_in_the_order_of_their_last_move() {
    let app = TestApp::at(MORNING).await;
    campaign(&app, "board", "kanban-he").await;
    let mut all = Vec::new();
    for n in 0..12 {
        let of = if n % 3 == 0 { "board" } else { "default" };
        all.push(
            person(
                &app,
                json!({"phone": format!("+1212555{:04}", 200 + n), "campaign_id": of}),
            )
            .await,
        );
        app.running
            .clock()
            .advance_to(app.now() + chrono::TimeDelta::seconds(5));
    }
    for lead in [1, 4, 7] {
        assert_eq!(put(&app, &all[lead], json!({"status": "contacted"})).await.status, 200);
        app.running
            .clock()
            .advance_to(app.now() + chrono::TimeDelta::seconds(5));
    }
    assert_eq!(put(&app, &all[3], json!({"status": "won"})).await.status, 200);
    let of = |numbers: &[usize]| numbers.iter().map(|n| all[*n].clone()).collect::<Vec<_>>();
    for (query, expected) in [
        ("campaign_id=default", vec![7, 4, 1, 11, 10, 8, 5, 2]),
        ("outbound_list_id=board", vec![3, 9, 6, 0]),
        ("campaign_id=default&status=contacted", vec![7, 4, 1]),
        ("status=contacted,won", vec![3, 7, 4, 1]),
        ("state=completed", vec![3]),
        ("status=contacted&state=completed", vec![]),
        ("campaign_id=default&status=", vec![]),
        ("campaign_id=default&skip=6", vec![5, 2]),
    ] {
        assert_eq!(
            ids(&app.get(&format!("/api/leads?{query}")).await),
            of(&expected),
            "{query}"
        );
    }
    // Page by page, over all campaigns: each lead once.
    for limit in [1, 5] {
        let mut seen = Vec::new();
        let mut path = format!("/api/leads?limit={limit}");
        for _ in 0..20 {
            let page = app.get(&path).await;
            seen.extend(ids(&page));
            let Some(cursor) = page["next_cursor"].as_str() else {
                break;
            };
            path = format!("/api/leads?limit={limit}&cursor={cursor}");
        }
        assert_eq!(seen, of(&[3, 9, 6, 0, 7, 4, 1, 11, 10, 8, 5, 2]), "limit {limit}");
    }
    let first = app.get("/campaigns/default/leads?limit=3").await;
    assert_eq!(
        (&first["campaign_id"], &first["total_leads"]),
        (&json!("default"), &json!(8))
    );
    assert_eq!(ids(&first), of(&[7, 4, 1]));
    let next = format!(
        "/campaigns/default/leads?limit=3&cursor={}",
        first["next_cursor"].as_str().unwrap()
    );
    let second = app.get(&next).await;
    assert_eq!((ids(&second), &second["total_leads"]), (of(&[11, 10, 8]), &json!(8)));
    assert_eq!(ids(&app.get("/campaigns/default/leads?skip=6").await), of(&[5, 2]));
}

#[tokio::test]
async fn leads_of_a_rule_set_that_their_campaign_had_before_stay_in_the_list() {
    let app = TestApp::at(MORNING).await;
    let lead = person(&app, json!({"phone": PHONE})).await;
    assert_eq!(put(&app, &lead, json!({"status": "voicemail"})).await.status, 200);
    let changed = app
        .send("PATCH", "/campaigns/default", Some(&json!({"rule_set": "kanban-he"})))
        .await;
    assert_eq!(changed.status, 200, "{changed:?}");
    assert_eq!(
        ids(&app.get("/api/leads?campaign_id=default").await),
        std::slice::from_ref(&lead)
    );
    // It starts anew in the new set.
    let moved = put(&app, &lead, json!({"status": "interested"})).await;
    assert_eq!((moved.status, &moved["from"]), (200, &json!("voicemail")), "{moved:?}");
}

#[tokio::test]
async fn a_page_costs_the_same_for_a_thousand_leads_and_for_twenty_thousand() {
    let app = TestApp::at(MORNING).await;
    let big = json!({"id": "big", "name": "Big", "open_intake": true, "shards": 4, "max_concurrent_calls": 40, "consent": redial_tests::consent()});
    assert_eq!(app.post("/campaigns", big).await.status, 201);
    person(&app, json!({"phone": PHONE, "campaign_id": "big"})).await;
    let original = Original::read(&app, "big", &Phone::parse(PHONE, Region::US).unwrap()).await;
    let due = instant("2026-11-24T16:00:00Z");
    let mut costs = Vec::new();
    for (from, upto) in [(0, 1_000), (1_000, 20_000)] {
        original.import_due(&app, from..upto, due);
        let mut cost = Vec::new();
        for filter in ["status=new", "state=pending", ""] {
            let mut path = format!("/api/leads?campaign_id=big&limit=50&{filter}");
            // The second page: in the middle of the list.
            for page in 0..2 {
                let before = app.running.units();
                let listed = app.get(&path).await;
                assert_eq!(ids(&listed).len(), 50, "{path}");
                let (read, written) = used(before, app.running.units());
                assert!(written < 0.1, "{written}");
                if page == 1 {
                    println!("a page of 50 of {upto} leads, {filter:?}: {read} read units");
                    cost.push(read);
                }
                path = format!(
                    "/api/leads?campaign_id=big&limit=50&{filter}&cursor={}",
                    listed["next_cursor"].as_str().unwrap()
                );
            }
        }
        costs.push(cost);
    }
    // Lead, phone, person and talk of each, half a unit each; the head of each column, half a unit; keys, campaign, rules.
    assert!(costs[1].iter().all(|read| *read <= 200.0), "{costs:?}");
    for (few, many) in costs[0].iter().zip(&costs[1]) {
        assert!((few - many).abs() <= 4.0, "{costs:?}");
    }
    // All of them, each once.
    let mut seen = BTreeSet::new();
    let mut path = "/api/leads?campaign_id=big&limit=200".to_owned();
    loop {
        let page = app.get(&path).await;
        for id in ids(&page) {
            assert!(seen.insert(id));
        }
        let Some(cursor) = page["next_cursor"].as_str() else {
            break;
        };
        path = format!("/api/leads?campaign_id=big&limit=200&cursor={cursor}");
    }
    assert_eq!(seen.len(), 20_001);
}
