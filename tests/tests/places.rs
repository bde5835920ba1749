//! What is told of where a lead is: another country is not called under US law, and what nobody understands is said to
//! whoever told it and holds the strictest rules.

#![expect(clippy::unwrap_used, reason = "helpers of tests: what is not there fails the test")]

use chrono::TimeDelta;
use redial_tests::{Answer, MONDAY_NOON, TestApp, answer, instant};
use serde_json::{Value, json};

const NEW_YORK: &str = "+12125550142";

/// What explain says about the law, and what it blocks first.
async fn law(app: &TestApp, lead: &str) -> (String, Value) {
    let told = app.get(&format!("/api/leads/{lead}/explain")).await;
    assert_eq!(told.status, 200, "{told:?}");
    let gates = told["gates"].as_array().unwrap();
    let line = gates.iter().find(|line| line["gate"] == "no_law").unwrap();
    (
        line["value"].as_str().unwrap().to_owned(),
        told["first_blocking"].clone(),
    )
}

fn id(added: &Answer) -> &str {
    added["lead_id"].as_str().unwrap()
}

#[tokio::test]
async fn a_us_number_that_is_told_to_be_in_another_country_is_not_called() {
    let app = TestApp::at(MONDAY_NOON).await;
    let rows = [
        ("state", "Ontario", "CA", "CA (Canada)"),
        ("state", "on", "CA", "CA (Canada)"),
        ("state", "Newfoundland and Labrador", "CA", "CA (Canada)"),
        ("postal_code", "K1A 0B1", "CA", "CA (Canada)"),
        ("timezone", "America/Toronto", "CA", "CA (Canada)"),
        ("timezone", "America/Sao_Paulo", "BR", "BR (Brazil)"),
        ("state", "Mexico", "MX", "MX (Mexico)"),
    ];
    for (n, (field, told, code, country)) in rows.iter().enumerate() {
        let added = app
            .post(
                "/api/leads",
                json!({"phone": format!("+1212555010{n}"), (*field): told}),
            )
            .await;
        assert_eq!(
            (added.status, added["status"].as_str(), added["reason"].as_str()),
            (201, Some("parked"), Some("no_law")),
            "{added:?}"
        );
        let message = format!("`{told}` is in {country}: no record says what is allowed there, so nothing is called");
        assert_eq!(added["warnings"], json!([{"field": field, "message": message}]));
        assert_eq!(
            law(&app, id(&added)).await,
            (format!("{field}: {message}"), json!("no_law"))
        );
        let shown = app.lead(id(&added)).await;
        assert_eq!(
            shown["may_be_called"]["reason"],
            json!({"code": "no_law", "jurisdiction": code})
        );
    }
    app.advance(TimeDelta::hours(2)).await;
    assert_eq!(app.calls().await.len(), 0);
}

#[tokio::test]
async fn a_number_of_a_country_without_a_record_is_another_case_than_one_of_no_known_country() {
    let app = TestApp::at(MONDAY_NOON).await;
    for (phone, says) in [
        (
            "+14165550142",
            "CA (Canada): no record says what is allowed there, so nothing is called",
        ),
        ("+442079460142", "the country of this number is in no table"),
    ] {
        let lead = app.add_lead(phone).await;
        assert_eq!(law(&app, &lead).await, (says.to_owned(), json!("no_law")));
    }
}

#[tokio::test]
async fn a_mistyped_state_is_told_and_holds_the_strictest_rules_until_it_is_corrected() {
    let app = TestApp::at(MONDAY_NOON).await;
    let added = app
        .post("/api/leads", json!({"phone": NEW_YORK, "state": "Florda"}))
        .await;
    let message = "`Florda` is no place that is known here, so it may be anywhere in the US: the strictest US rules hold \
                   until it is corrected";
    assert_eq!(added["warnings"], json!([{"field": "state", "message": message}]));
    // From ten in Honolulu.
    assert_eq!(
        (added["reason"].as_str(), added["next_redial_iso"].as_str()),
        (Some("outside_law"), Some("2026-11-23T20:00:00+00:00")),
        "{added:?}"
    );
    let (value, first) = law(&app, id(&added)).await;
    assert_eq!(first, "outside_law");
    assert!(
        value.starts_with("US, US-?, US-NY in America/Anchorage, America/Chicago"),
        "{value}"
    );
    assert!(value.ends_with(&format!("; state: {message}")), "{value}");
    app.settle().await;
    assert_eq!(app.calls().await.len(), 0);
    let again = app
        .post("/api/leads", json!({"phone": NEW_YORK, "state": "Florida"}))
        .await;
    assert_eq!((again.status, &again["warnings"]), (200, &json!([])));
    assert_eq!(
        law(&app, id(&again)).await.0,
        "US, US-FL, US-NY in America/Chicago, America/New_York"
    );
    app.advance(TimeDelta::minutes(2)).await;
    assert_eq!(app.calls().await.len(), 1);
}

#[tokio::test]
async fn whoever_turns_out_to_be_in_another_country_is_not_called_any_more() {
    let app = TestApp::at("2026-11-23T15:00:00Z").await;
    let body = json!({"phone": NEW_YORK, "state": "NY", "zip": "10001"});
    let added = app.post("/api/leads", body).await;
    assert_eq!(
        (&added["reason"], &added["warnings"]),
        (&json!("outside_window"), &json!([]))
    );
    let again = app
        .post("/api/leads", json!({"phone": NEW_YORK, "state": "Ontario"}))
        .await;
    assert_eq!(again["warnings"][0]["field"], "state", "{again:?}");
    // A typo afterwards changes nothing.
    let typo = app
        .post("/api/leads", json!({"phone": NEW_YORK, "state": "Ontaro"}))
        .await;
    assert_eq!(typo["warnings"], again["warnings"]);
    app.advance(instant(MONDAY_NOON) - app.now()).await;
    assert_eq!(app.calls().await.len(), 0);
    assert_eq!(law(&app, id(&added)).await.1, "no_law");
}

#[tokio::test]
async fn a_lead_of_the_crm_is_no_exception_and_explain_tells_it() {
    let app = TestApp::at(MONDAY_NOON).await;
    let rows = [
        ("state=Ontario", "state: `Ontario` is in CA (Canada)"),
        ("postal_code=k1a0b1", "postal_code: `k1a0b1` is in CA (Canada)"),
        ("state=Florda", "state: `Florda` is no place"),
    ];
    for (n, (told, says)) in rows.iter().enumerate() {
        let form = format!("phone_number=212555010{n}&lead_id=4821{n}&{told}");
        let posted = answer(
            app.request("POST", "/webhooks/convoso")
                .header("content-type", "application/x-www-form-urlencoded")
                .body(form),
        )
        .await;
        assert_eq!(posted.status, 200, "{posted:?}");
        app.settle().await;
        let (value, _) = law(&app, &format!("4821{n}")).await;
        assert!(value.contains(says), "{value}");
    }
    assert_eq!(app.calls().await.len(), 0);
}

#[tokio::test]
async fn what_stands_for_nothing_warns_of_nothing_and_a_number_in_a_wrong_column_is_not_repeated() {
    let app = TestApp::at(MONDAY_NOON).await;
    let nothing = json!({"phone": NEW_YORK, "state": "n/a", "zip": "-"});
    let added = app.post("/api/leads", nothing).await;
    assert_eq!(
        (&added["called_now"], &added["warnings"]),
        (&json!(true), &json!([])),
        "{added:?}"
    );
    let wrong = json!({"phone": "+12125550143", "state": "305-555-0142"});
    let added = app.post("/api/leads", wrong).await;
    let warning = added["warnings"][0]["message"].as_str().unwrap();
    assert!(warning.starts_with("`…` is no place"), "{warning}");
    let (value, _) = law(&app, id(&added)).await;
    assert!(!value.contains("555"), "{value}");
}

#[tokio::test]
async fn a_zip_may_be_a_number_and_a_state_may_be_written_as_people_do() {
    let app = TestApp::at(MONDAY_NOON).await;
    let rows = [
        (json!({"zip": 33101}), "US, US-FL, US-NY in "),
        (json!({"postal_code": 331010142}), "US, US-FL, US-NY in "),
        // Two zeros and one are lost in front.
        (json!({"zip": 2138}), "US, US-MA, US-NY in "),
        (json!({"zip": 601}), "US, US-NY, US-PR in "),
        (json!({"zip": 12}), "US, US-?, US-NY in "),
        (json!({"state": "F.L."}), "US, US-FL, US-NY in "),
        (json!({"state": "New  Jersey"}), "US, US-NJ, US-NY in "),
        (json!({"state": "Washington, DC"}), "US, US-DC, US-NY in "),
    ];
    for (n, (told, laws)) in rows.into_iter().enumerate() {
        let mut body = told.clone();
        body["phone"] = json!(format!("+1212555020{n}"));
        let added = app.post("/api/leads", body).await;
        assert_eq!(added.status, 201, "{told}: {added:?}");
        let value = law(&app, id(&added)).await.0;
        assert!(value.starts_with(laws), "{told}: {value}");
    }
}
