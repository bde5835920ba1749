//! People are found by what is known of them, and not any more by what is not.

use redial_tests::{MONDAY_NOON, TestApp, bulk};
use serde_json::{Value, json};

use super::{PHONE, by, campaign, ids, person, used};
use redial_domain::Role;

const MORNING: &str = "2026-11-23T14:00:00Z";

async fn find(app: &TestApp, body: Value) -> Vec<String> {
    ids(&app.post("/api/leads/search", body).await)
}

#[tokio::test]
async fn a_person_is_found_by_phone_id_name_and_address_however_they_are_written() {
    let app = TestApp::at(MORNING).await;
    campaign(&app, "second", "kanban-he").await;
    let maria = person(
        &app,
        json!({"phone": PHONE, "name": "María de la Cruz", "email": "Maria.Cruz@Example.com", "crm_id": "48213"}),
    )
    .await;
    let marco = person(&app, json!({"phone": "+12125550143", "name": "Marco Polo"})).await;
    let yosef = person(
        &app,
        json!({"phone": "+972525550143", "name": "יוסף כהן", "campaign_id": "second"}),
    )
    .await;
    for (text, expected) in [
        ("(212) 555-0142", vec![&maria]),
        ("+1 212 555 0142", vec![&maria]),
        ("052-555-0143", vec![&yosef]),
        ("212 555 0199", vec![]),
        ("48213", vec![&maria]),
        (maria.as_str(), vec![&maria]),
        ("mar", vec![&marco, &maria]),
        ("MARIA", vec![&maria]),
        ("cruz", vec![&maria]),
        ("la", vec![&maria]),
        ("cruz maria", vec![&maria]),
        ("m. cruz", vec![&maria]),
        ("polo maria", vec![]),
        ("maria.cruz@example.com", vec![&maria]),
        ("Maria.Cruz@", vec![&maria]),
        ("יוס", vec![&yosef]),
        ("כהן", vec![&yosef]),
    ] {
        let expected: Vec<String> = expected.into_iter().cloned().collect();
        assert_eq!(find(&app, json!({"search": text})).await, expected, "{text}");
    }
    let listed = app.get("/api/leads?search=mar&campaign_id=second").await;
    assert_eq!(ids(&listed), Vec::<String>::new());
    assert_eq!(ids(&app.get("/api/leads?search=mar&status=new").await), [marco, maria]);
    let refused = app.post("/api/leads/search", json!({"search": "x".repeat(301)})).await;
    assert_eq!((refused.status, &refused["code"]), (422, &json!("bad_field")));
    assert!(
        !refused.body.to_string().contains("xxx"),
        "what is looked for is not told again"
    );
}

#[tokio::test]
async fn what_is_corrected_or_forgotten_is_not_found_any_more() {
    let app = TestApp::at(MORNING).await;
    let lead = person(
        &app,
        json!({"phone": PHONE, "name": "Anna de la Cruz", "email": "anna@example.com"}),
    )
    .await;
    let path = format!("/api/leads/{lead}");
    let corrected = app
        .send("PATCH", &path, Some(&json!({"name": "Hanna Cruz", "email": null})))
        .await;
    assert_eq!(corrected.status, 200, "{corrected:?}");
    for gone in ["anna", "la", "anna@example.com"] {
        assert_eq!(
            find(&app, json!({"search": gone})).await,
            Vec::<String>::new(),
            "{gone}"
        );
    }
    for known in ["hanna", "cruz"] {
        assert_eq!(
            find(&app, json!({"search": known})).await,
            std::slice::from_ref(&lead),
            "{known}"
        );
    }
    // Whoever adds the same lead again completes it: the address is found from then on.
    app.post("/api/leads", json!({"phone": PHONE, "email": "h.cruz@example.com"}))
        .await;
    assert_eq!(find(&app, json!({"search": "h.cruz@"})).await, [lead]);

    let forgotten = by(
        &app,
        Role::Owner,
        "POST",
        "/api/forget",
        json!({"phone": PHONE, "reason": "their request"}),
    )
    .await;
    assert_eq!(
        (forgotten.status, &forgotten["done"]),
        (200, &json!(true)),
        "{forgotten:?}"
    );
    for gone in ["hanna", "cruz", "h.cruz@example.com", PHONE] {
        assert_eq!(
            find(&app, json!({"search": gone})).await,
            Vec::<String>::new(),
            "{gone}"
        );
    }
    let left = app.instance().table;
    for (index, name) in [
        (redial_aws::layout::BOARD_INDEX, "#word#ha"),
        (redial_aws::layout::BOARD_INDEX, "#word#la"),
        (redial_aws::layout::DAY_INDEX, "#word#cr"),
        (redial_aws::layout::QUEUE_INDEX, "#mail#h."),
    ] {
        let query = redial_aws::table::Query::index(index, name, 10);
        assert_eq!(left.query(&query, None).await.unwrap().items.len(), 0, "{name}");
    }
}

#[tokio::test]
async fn among_twenty_thousand_people_a_search_reads_one_page_and_its_cursor_names_nobody() {
    let app = TestApp::at(MORNING).await;
    campaign(&app, "second", "kanban-he").await;
    let original = bulk::Original::of_lead(&app, PHONE, json!({"phone": PHONE, "name": "Zoe Zimmer"})).await;
    let due = redial_tests::instant("2026-11-24T16:00:00Z");
    original.import_due(&app, 0..20_000, due);
    original.import_people(
        &app,
        (0..20_000).map(|n| (n, format!("Anna{:02}", n % 50), format!("Smith{n:05}"))),
    );
    let before = app.running.units();
    let one = app.post("/api/leads/search", json!({"search": "smith12345"})).await;
    assert_eq!(
        (one["count"].clone(), &one["leads"][0]["name"]),
        (json!(1), &json!("Anna45 Smith12345"))
    );
    let (one_read, _) = used(before, app.running.units());
    let before = app.running.units();
    let listed = app
        .post("/api/leads/search", json!({"search": "smith", "limit": 50}))
        .await;
    assert_eq!(listed["count"], 50, "{listed:?}");
    let (page_read, written) = used(before, app.running.units());
    println!("a search that finds one of 20,000 people: {one_read} read units; a page of 50 of all: {page_read}");
    assert!(one_read <= 20.0 && page_read <= 200.0 && written < 0.1);

    // All pages, each person once, in the order of the names.
    let (mut names, mut body) = (Vec::new(), json!({"search": "anna07 smith", "limit": 200}));
    loop {
        let page = app.post("/api/leads/search", body.clone()).await;
        assert_eq!(page.status, 200, "{page:?}");
        names.extend(
            page["leads"]
                .as_array()
                .unwrap()
                .iter()
                .map(|lead| lead["name"].clone()),
        );
        let Some(cursor) = page["next_cursor"].as_str() else {
            break;
        };
        let told = base64::Engine::decode(&base64::engine::general_purpose::URL_SAFE_NO_PAD, cursor).unwrap();
        let told = String::from_utf8(told).unwrap();
        assert!(
            !told.to_lowercase().contains("smith") && !told.contains("617"),
            "{told}"
        );
        body["cursor"] = json!(cursor);
    }
    let expected: Vec<Value> = (0..400)
        .map(|n| json!(format!("Anna07 Smith{:05}", 7 + n * 50)))
        .collect();
    assert_eq!(names, expected);

    // Another campaign has none of them: what does not fit is passed in bounded steps.
    let mut body = json!({"search": "smith", "campaign_id": "second"});
    let mut pages = 0;
    loop {
        let page = app.post("/api/leads/search", body.clone()).await;
        assert_eq!((page.status, page["count"].clone()), (200, json!(0)), "{page:?}");
        pages += 1;
        let Some(cursor) = page["next_cursor"].as_str() else {
            break;
        };
        body["cursor"] = json!(cursor);
    }
    assert!((8..=12).contains(&pages), "{pages} pages");
}

#[tokio::test]
async fn a_lead_costs_a_unit_more_for_each_place_under_which_it_is_found() {
    let app = TestApp::at(MONDAY_NOON).await;
    app.send("POST", "/campaigns/default/pause", Some(&json!({}))).await;
    let mut costs = Vec::new();
    for (phone, body) in [
        ("+12125550150", json!({})),
        (
            "+12125550151",
            json!({"name": "Dana Reyes", "email": "dana@example.com"}),
        ),
        (
            "+12125550152",
            json!({"name": "Dana de Reyes", "email": "dana@example.com"}),
        ),
    ] {
        let mut body = body;
        body["phone"] = json!(phone);
        let before = app.running.units();
        person(&app, body).await;
        costs.push(used(before, app.running.units()).1);
    }
    println!("write units of a lead without a name, with a name and an address, with one more word: {costs:?}");
    assert_eq!((costs[1] - costs[0], costs[2] - costs[1]), (3.0, 3.0));
}
