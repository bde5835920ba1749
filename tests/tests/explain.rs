//! Why a lead is or is not called, and what people may change about it: explanations, bans, law records, consent.

#![expect(clippy::unwrap_used, reason = "helpers of tests: what is not there fails the test")]

use chrono::TimeDelta;
use redial_tests::{Answer, MONDAY_NOON, TestApp, answer, consent, instant};
use serde_json::{Value, json};

const MIAMI: &str = "+13055550142";
const NEW_YORK: &str = "+12125550142";

async fn explained(app: &TestApp, lead: &str) -> Answer {
    let told = app.get(&format!("/api/leads/{lead}/explain")).await;
    assert_eq!(told.status, 200, "{told:?}");
    told
}

fn gate<'a>(told: &'a Answer, name: &str) -> &'a Value {
    let gates = told["gates"].as_array().into_iter().flatten();
    gates
        .into_iter()
        .find(|line| line["gate"] == name)
        .unwrap_or_else(|| panic!("no gate {name} in {told:?}"))
}

/// Runs the jobs that wait, and what they lead to.
async fn jobs(app: &TestApp) {
    app.settle().await;
    app.advance(TimeDelta::minutes(1)).await;
}

#[tokio::test]
async fn the_fourth_call_to_florida_is_explained_with_its_statute() {
    let app = TestApp::at(MONDAY_NOON).await;
    let lead = app.add_lead(MIAMI).await;
    app.settle().await;
    for n in 0..3 {
        app.advance(TimeDelta::minutes(1)).await;
        let calls = app.calls().await;
        assert_eq!(app.ends(&calls[n], json!({})).await, 200);
        app.advance(TimeDelta::minutes(if n < 2 { 15 } else { 1 })).await;
    }
    let told = explained(&app, &lead).await;
    assert_eq!(
        (told["answer"].as_str(), told["first_blocking"].as_str()),
        (Some("wait"), Some("law_cap"))
    );
    let line = gate(&told, "law_cap");
    assert_eq!(line["value"], "3 calls that count");
    let limit = line["limit"].as_str().unwrap();
    assert!(
        limit.starts_with("3 calls in any 24 hours, about one subject"),
        "{limit}"
    );
    assert!(line["source"].as_str().unwrap().contains("501.616"), "{line}");
    assert_eq!(told["next_possible"], "2026-11-24T17:07:00+00:00");
    assert_eq!(told["decisions"].as_array().unwrap().len(), 3);
    let rule = &told["decisions"][0]["decision"];
    assert!(rule["trace"]["line"].is_string() || rule["line"].is_string(), "{rule}");
    // By its number, in a body.
    let by_phone = app.post("/api/explain", json!({"phone": "(305) 555-0142"})).await;
    assert_eq!(
        (by_phone["count"].as_u64(), by_phone["leads"][0]["lead_id"].as_str()),
        (Some(1), Some(&*lead))
    );
    let evidence = app.get(&format!("/api/leads/{lead}/evidence?limit=3")).await;
    assert_eq!(evidence.status, 200, "{evidence:?}");
    let (mut page, mut kinds) = (evidence, Vec::new());
    loop {
        for record in page["records"].as_array().unwrap() {
            kinds.push(record["kind"].as_str().unwrap().to_owned());
        }
        let Some(next) = page["next_cursor"].as_str() else {
            break;
        };
        let next = next.to_owned();
        page = app
            .get(&format!("/api/leads/{lead}/evidence?limit=3&cursor={next}"))
            .await;
    }
    kinds.sort();
    assert_eq!(
        kinds,
        ["activity", "attempt", "attempt", "attempt", "lead", "ledger", "profile"]
    );
}

#[tokio::test]
async fn every_lead_of_a_campaign_is_counted_by_one_reason() {
    let app = TestApp::at(MONDAY_NOON).await;
    let put = app
        .send(
            "PUT",
            "/api/admin/redial-queue/config",
            Some(&json!({"enabled": false})),
        )
        .await;
    assert_eq!(put.status, 200, "{put:?}");
    for phone in ["+12125550101", "+12125550102", "+442079460142", MIAMI] {
        assert_eq!(app.post("/api/leads", json!({"phone": phone})).await.status, 201);
    }
    let paused = app.add_lead("+12125550103").await;
    app.post(&format!("/api/admin/redial-queue/lead/{paused}/pause"), json!({}))
        .await;
    let told = app.get("/campaigns/default/explain").await;
    assert_eq!(told["total"], 5);
    let mut reasons: Vec<(String, u64)> = told["by_reason"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| {
            (
                row["reason"].as_str().unwrap().to_owned(),
                row["leads"].as_u64().unwrap(),
            )
        })
        .collect();
    reasons.sort();
    let expected = [("disabled", 3), ("no_law", 1), ("state", 1)].map(|(reason, n)| (reason.to_owned(), n));
    assert_eq!(reasons, expected);
    // The same, as a job for campaigns of any size.
    let started = app.post("/campaigns/default/explain", json!({})).await;
    assert_eq!(started.status, 202, "{started:?}");
    jobs(&app).await;
    let job = app
        .get(&format!("/api/jobs/{}", started["job"]["id"].as_str().unwrap()))
        .await;
    assert_eq!(
        job["job"]["counts"],
        json!({"disabled": 3, "no_law": 1, "state": 1}),
        "{job:?}"
    );
    assert_eq!(job["job"]["done"], 5);
}

#[tokio::test]
async fn a_ban_holds_for_the_next_call_and_lifted_early_nobody_sleeps_on() {
    let app = TestApp::at(MONDAY_NOON).await;
    let banned = app
        .post(
            "/api/law/bans",
            json!({"jurisdiction": "Florida", "until": "2026-11-27T00:00:00Z", "reason": "hurricane, state of emergency"}),
        )
        .await;
    assert_eq!(banned.status, 201, "{banned:?}");
    assert_eq!(
        (&banned["ban"]["jurisdiction"], &banned["remaining"]),
        (&json!("US-FL"), &json!([]))
    );
    let lead = app.add_lead(MIAMI).await;
    app.add_lead(NEW_YORK).await;
    app.advance(TimeDelta::minutes(50)).await;
    let calls = app.calls().await;
    assert_eq!(calls.len(), 1);
    assert_eq!(calls[0]["phone"], NEW_YORK);
    let told = explained(&app, &lead).await;
    assert_eq!(told["first_blocking"], "banned");
    assert_eq!(told["reason"]["because"], "hurricane, state of emergency");
    assert!(gate(&told, "banned")["source"].as_str().unwrap().contains("hurricane"));
    let id = banned["ban"]["id"].as_str().unwrap();
    let lifted = app
        .send(
            "DELETE",
            &format!("/api/law/bans/{id}"),
            Some(&json!({"reason": "all clear"})),
        )
        .await;
    assert_eq!(lifted.status, 200, "{lifted:?}");
    jobs(&app).await;
    app.advance(TimeDelta::minutes(1)).await;
    assert_eq!(app.calls().await.len(), 2, "within two minutes, not on Friday");
    let gone = app
        .send(
            "DELETE",
            &format!("/api/law/bans/{id}"),
            Some(&json!({"reason": "again"})),
        )
        .await;
    assert_eq!(gone.status, 404);
}

#[tokio::test]
async fn a_ban_of_everything_stops_what_is_queued_already() {
    let app = TestApp::at("2026-11-23T15:00:00Z").await;
    for n in 0..20 {
        app.add_lead(&format!("+121255501{n:02}")).await;
    }
    let banned = app
        .post(
            "/api/law/bans",
            json!({"jurisdiction": "all", "reason": "counsel said so"}),
        )
        .await;
    assert_eq!(banned.status, 201, "{banned:?}");
    app.advance(instant("2026-11-23T18:00:00Z") - app.now()).await;
    assert_eq!(app.calls().await.len(), 0);
    let shown = app.get("/api/law?jurisdiction=FL").await;
    assert_eq!(shown["bans"][0]["jurisdiction"], "all");
    assert!(
        shown["book"]
            .as_array()
            .unwrap()
            .iter()
            .all(|record| record["jurisdiction"] == "US-FL")
    );
    let id = shown["bans"][0]["id"].as_str().unwrap();
    app.send(
        "DELETE",
        &format!("/api/law/bans/{id}"),
        Some(&json!({"reason": "done"})),
    )
    .await;
    app.advance(TimeDelta::minutes(2)).await;
    assert_eq!(app.calls().await.len(), 5, "five at once");
}

/// A record of New York, as an operator writes it.
fn record(hours: &str) -> Value {
    json!({
        "jurisdiction": "US-NY", "name": "New York", "voice": "any",
        "hours": {"mon": hours, "tue": hours, "wed": hours, "thu": hours, "fri": hours, "sat": "closed", "sun": "closed"},
        "cap": {"calls": 2, "hours": 24, "of": "number"},
        "kind": "policy", "confidence": "high", "sources": ["letter of counsel, 23 November 2026"], "verified_on": "2026-11-23",
    })
}

#[tokio::test]
async fn a_stricter_record_closes_at_once_and_only_an_owner_adds_one() {
    let app = TestApp::at(MONDAY_NOON).await;
    let bad = [
        (
            json!({"record": record("9-5"), "reason": "x"}),
            "failed to read `record.hours.mon`",
        ),
        (
            json!({"record": record("14:00-18:00"), "reason": " "}),
            "failed to read `reason`",
        ),
        (
            json!({"record": {"jurisdiction": "GB"}, "reason": "x"}),
            "failed to read `record",
        ),
    ];
    for (body, message) in bad {
        let refused = app.post("/api/law/records", body).await;
        assert_eq!(refused.status, 422, "{refused:?}");
        assert!(refused["message"].as_str().unwrap().starts_with(message), "{refused:?}");
    }
    let added = app
        .post(
            "/api/law/records",
            json!({"record": record("14:00-18:00"), "reason": "counsel's advice"}),
        )
        .await;
    assert_eq!(added.status, 201, "{added:?}");
    let lead = app.add_lead(NEW_YORK).await;
    let told = explained(&app, &lead).await;
    assert_eq!(told["first_blocking"], "outside_law");
    assert_eq!(told["next_possible"], "2026-11-23T19:00:00+00:00");
    assert!(
        gate(&told, "outside_law")["source"]
            .as_str()
            .unwrap()
            .contains("letter of counsel")
    );
    // Taken back: the book's holds again, and the lead is called.
    let id = added["record"]["id"].as_str().unwrap();
    let removed = app
        .send(
            "DELETE",
            &format!("/api/law/records/{id}"),
            Some(&json!({"reason": "withdrawn"})),
        )
        .await;
    assert_eq!(removed.status, 200, "{removed:?}");
    jobs(&app).await;
    app.advance(TimeDelta::minutes(1)).await;
    assert_eq!(app.calls().await.len(), 1);
    let admin = key(&app, "admin").await;
    for (method, path, body, status) in [
        (
            "POST",
            "/api/law/records",
            json!({"record": record("14:00-18:00"), "reason": "x"}),
            403,
        ),
        (
            "POST",
            "/api/law/bans",
            json!({"jurisdiction": "FL", "reason": "x"}),
            201,
        ),
        ("GET", "/api/law", json!({}), 200),
    ] {
        let answered = answer(app.request(method, path).header("x-api-key", &admin).json(&body)).await;
        assert_eq!(answered.status, status, "{method} {path}: {answered:?}");
    }
}

/// A key with a role.
async fn key(app: &TestApp, role: &str) -> String {
    let key = format!("key-of-{role}");
    let role = redial_domain::Role::parse(role).unwrap();
    let table = &app.instance().table;
    table
        .put_api_key(&key, role.as_str(), role, None, app.now())
        .await
        .unwrap();
    key
}

#[tokio::test]
async fn without_consent_nobody_is_called_and_with_it_at_once() {
    let app = TestApp::at(MONDAY_NOON).await;
    let made = app
        .post("/campaigns", json!({"id": "cold", "name": "Cold", "open_intake": true}))
        .await;
    assert_eq!(made.status, 201, "{made:?}");
    app.post("/campaigns/cold/start", json!({})).await;
    let add = |phone: &str, consent: Value| {
        let body = json!({"phone": phone, "campaign_id": "cold", "consent": consent});
        let app = &app;
        async move { app.post("/api/leads", body).await }
    };
    let given = json!({"kind": "written", "given_at": "2026-11-01T10:00:00Z", "source": "quote form", "proof": "certificate 17"});
    let without = add("+12125550101", Value::Null).await;
    assert_eq!(
        (without["status"].as_str(), without["reason"].as_str()),
        (Some("parked"), Some("no_consent"))
    );
    let oral = add(
        "+12125550102",
        json!({"kind": "oral", "given_at": "2026-11-01T10:00:00Z", "source": "phone"}),
    )
    .await;
    assert_eq!(oral["reason"], "no_consent");
    let with = add("+12125550103", given.clone()).await;
    assert_eq!(with["called_now"], true, "{with:?}");
    let bad = add(
        "+12125550104",
        json!({"kind": "written", "given_at": "2027-11-01T10:00:00Z", "source": "form"}),
    )
    .await;
    assert_eq!(bad["message"], "failed to read `given_at`: it has not come yet");
    // The same lead again, with its consent: it goes on.
    let again = add("+12125550101", given.clone()).await;
    assert_eq!(
        (again.status, again["status"].as_str()),
        (200, Some("pending")),
        "{again:?}"
    );
    let lead = oral["lead_id"].as_str().unwrap();
    let put = app
        .send("PUT", &format!("/api/leads/{lead}/consent"), Some(&given))
        .await;
    assert_eq!((put.status, put["status"].as_str()), (200, Some("pending")), "{put:?}");
    app.advance(TimeDelta::minutes(2)).await;
    assert_eq!(app.calls().await.len(), 3);
    let shown = app.lead(lead).await;
    let told = &shown["activities"][0];
    assert_eq!(
        (told["what"].as_str(), told["actor"]["name"].as_str()),
        (Some("consent_recorded"), Some("local"))
    );
    assert!(
        told["why"]
            .as_str()
            .unwrap()
            .ends_with("by quote form; proof: certificate 17"),
        "{told}"
    );
    // Taken back: no further call, whatever is said about the list.
    let back = app
        .send(
            "DELETE",
            &format!("/api/leads/{lead}/consent"),
            Some(&json!({"reason": "said so by mail"})),
        )
        .await;
    assert_eq!(back.status, 200, "{back:?}");
    let asserted = app
        .send("PATCH", "/campaigns/cold", Some(&json!({"consent": consent()})))
        .await;
    assert_eq!(
        (asserted.status, &asserted["consent"]["by"]),
        (200, &json!("local")),
        "{asserted:?}"
    );
    assert_eq!(explained(&app, lead).await["first_blocking"], "no_consent");
}

#[tokio::test]
async fn an_assertion_wakes_all_leads_of_its_campaign() {
    let app = TestApp::at(MONDAY_NOON).await;
    app.post(
        "/campaigns",
        json!({"id": "cold", "name": "Cold", "open_intake": true, "max_concurrent_calls": 50}),
    )
    .await;
    app.post("/campaigns/cold/start", json!({})).await;
    for n in 0..30 {
        let body = json!({"phone": format!("+121255501{n:02}"), "campaign_id": "cold"});
        assert_eq!(app.post("/api/leads", body).await["reason"], "no_consent");
    }
    let asserted = app
        .send("PATCH", "/campaigns/cold", Some(&json!({"consent": consent()})))
        .await;
    let job = asserted["job_id"].as_str().unwrap();
    jobs(&app).await;
    let job = app.get(&format!("/api/jobs/{job}")).await;
    assert_eq!(job["job"]["counts"]["sooner"], 30, "{job:?}");
    app.advance(TimeDelta::minutes(3)).await;
    assert_eq!(app.calls().await.len(), 30);
    let activities = app.get("/campaigns/cold/activities").await;
    assert_eq!(activities["activities"][0]["what"], "consent asserted");
    assert_eq!(
        activities["activities"][0]["why"],
        "written: signed on the form of the test"
    );
}

#[tokio::test]
async fn a_window_that_never_opens_is_told_and_opened_it_goes_on() {
    let app = TestApp::at(MONDAY_NOON).await;
    let empty = app
        .send("PATCH", "/campaigns/default", Some(&json!({"calling_hours_end": 11})))
        .await;
    assert_eq!(empty.status, 422, "{empty:?}");
    // Hours that a law never meets: before eight in New York.
    let early = json!({"calling_hours_start": 5, "calling_hours_end": 7});
    assert_eq!(app.send("PATCH", "/campaigns/default", Some(&early)).await.status, 200);
    let lead = app.add_lead(NEW_YORK).await;
    let told = explained(&app, &lead).await;
    assert_eq!(
        (told["answer"].as_str(), told["first_blocking"].as_str()),
        (Some("closed"), Some("never_opens"))
    );
    assert_eq!(told["next_possible"], Value::Null);
    app.advance(TimeDelta::hours(30)).await;
    assert_eq!(app.calls().await.len(), 0);
    // Across midnight, from eight in the evening: nothing is legal in it either, and it says so.
    let night = json!({"calling_hours_start": 21, "calling_hours_end": 2});
    assert_eq!(app.send("PATCH", "/campaigns/default", Some(&night)).await.status, 200);
    jobs(&app).await;
    assert_eq!(explained(&app, &lead).await["first_blocking"], "never_opens");
    let wide = json!({"calling_hours_start": 11, "calling_hours_end": 20});
    assert_eq!(app.send("PATCH", "/campaigns/default", Some(&wide)).await.status, 200);
    jobs(&app).await;
    assert_eq!(app.calls().await.len(), 1);
}

#[tokio::test]
async fn whoever_waits_for_a_line_is_told_so() {
    let app = TestApp::at(MONDAY_NOON).await;
    let one = json!({"max_concurrent_calls": 1});
    assert_eq!(app.send("PATCH", "/campaigns/default", Some(&one)).await.status, 200);
    let first = app.add_lead(NEW_YORK).await;
    app.settle().await;
    let second = app.add_lead("+12125550143").await;
    let told = explained(&app, &second).await;
    assert_eq!(
        (told["answer"].as_str(), told["first_blocking"].as_str()),
        (Some("wait"), Some("lines"))
    );
    assert_eq!(gate(&told, "lines")["value"], "1 lines taken, 0 free");
    assert_eq!(told["next_possible"], Value::Null, "nobody knows when a talk ends");
    assert_eq!(explained(&app, &first).await["first_blocking"], "in_flight");
    let calls = app.calls().await;
    assert_eq!(app.ends(&calls[0], json!({})).await, 200);
    assert_eq!(explained(&app, &second).await["answer"], "open");
}

#[tokio::test]
async fn another_subject_is_an_owners_decision() {
    let app = TestApp::at(MONDAY_NOON).await;
    let (admin, owner) = (key(&app, "admin").await, key(&app, "owner").await);
    let body = json!({"subject": "boats"});
    for (key, status) in [(&admin, 403), (&owner, 200)] {
        let patched = app
            .request("PATCH", "/campaigns/default")
            .header("x-api-key", key)
            .json(&body);
        assert_eq!(answer(patched).await.status, status);
    }
    let same = json!({"subject": "boats", "description": "for sailors"});
    let patched = app
        .request("PATCH", "/campaigns/default")
        .header("x-api-key", &admin)
        .json(&same);
    assert_eq!(answer(patched).await.status, 200, "the subject it has is no other one");
    let activities = app.get("/campaigns/default/activities").await;
    let told = activities["activities"].as_array().unwrap();
    let changed = told.iter().find(|done| done["what"] == "subject changed").unwrap();
    assert_eq!(
        (changed["why"].as_str(), changed["actor"]["role"].as_str()),
        (Some("from general to boats"), Some("owner"))
    );
}
