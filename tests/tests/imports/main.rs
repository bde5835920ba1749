//! Files of leads over the API: what is imported, what is said about the rest, and how it is undone (C3, C4).

#![expect(clippy::unwrap_used, reason = "helpers of tests: what is not there fails the test")]

mod kills;
mod large;
mod undo;

use redial_tests::{Answer, MONDAY_NOON, TestApp, answer};
use serde_json::{Value, json};

const SAMPLE: &str = "name,phone,email,property_type,location,budget,source,tags\n\
    Rajesh Kumar,9876543210,rajesh.kumar@example.com,2BHK,Gurgaon,5000000,website,first-time-buyer,urgent\n\
    Priya Sharma,9123456789,priya.sharma@example.com,3BHK,Noida,7500000,referral,investor\n\
    Amit Patel,9988776655,,4BHK,Bangalore,12000000,advertisement,\n";

/// A campaign with leads of the United States, not begun yet.
async fn campaign(app: &TestApp, id: &str, more: Value) {
    let mut body = json!({"id": id, "name": id, "consent": redial_tests::consent()});
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let made = app.post("/campaigns", body).await;
    assert_eq!(made.status, 201, "{made:?}");
}

async fn raw(app: &TestApp, method: &str, path: &str, kind: &str, body: impl Into<Vec<u8>>) -> Answer {
    let request = app.request(method, path).header("x-api-key", &app.running.api_key);
    answer(request.header("content-type", kind).body(body.into())).await
}

/// Uploads a file as the body.
async fn upload(app: &TestApp, campaign: &str, query: &str, file: &str) -> Answer {
    raw(
        app,
        "POST",
        &format!("/campaigns/{campaign}/upload-csv{query}"),
        "text/csv",
        file,
    )
    .await
}

/// Uploads a file as curl does.
async fn form(app: &TestApp, campaign: &str, fields: &[(&str, &str)], file: &[u8]) -> Answer {
    let mut body = Vec::new();
    for (name, value) in fields {
        body.extend(format!("--b\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n").bytes());
    }
    body.extend(b"--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"leads.csv\"\r\nContent-Type: text/csv\r\n\r\n");
    body.extend(file);
    body.extend(b"\r\n--b--\r\n");
    raw(
        app,
        "POST",
        &format!("/campaigns/{campaign}/upload-csv"),
        "multipart/form-data; boundary=b",
        body,
    )
    .await
}

/// Text that is no JSON.
async fn text(app: &TestApp, path: &str) -> (String, Option<String>) {
    let request = app.request("GET", path).header("x-api-key", &app.running.api_key);
    let answered = request.send().await.unwrap();
    assert_eq!(answered.status().as_u16(), 200, "{path}");
    assert!(
        answered.headers()["content-type"]
            .to_str()
            .unwrap()
            .starts_with("text/csv"),
        "{path}"
    );
    let next = answered
        .headers()
        .get("x-next-cursor")
        .map(|next| next.to_str().unwrap().to_owned());
    (
        String::from_utf8(answered.bytes().await.unwrap().to_vec()).unwrap(),
        next,
    )
}

/// What an answer says of rows: total, valid, invalid, duplicate, imported.
fn rows(answer: &Answer) -> [u64; 5] {
    let of = |name: &str| answer[name].as_u64().unwrap_or_else(|| panic!("{name}: {answer:?}"));
    let rows = [
        of("total_rows"),
        of("valid_rows"),
        of("invalid_rows"),
        of("duplicate_rows"),
        of("leads_imported"),
    ];
    assert_eq!(rows[0], rows[1] + rows[2] + rows[3], "{answer:?}");
    rows
}

fn duplicates(answer: &Answer) -> [u64; 3] {
    ["file", "campaign", "system"].map(|name| answer["duplicates"][name].as_u64().unwrap())
}

/// The leads of a campaign as the queue shows them, by phone.
async fn leads(app: &TestApp, campaign: &str) -> Vec<Value> {
    let (mut all, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = app
            .get(&format!(
                "/api/admin/redial-queue/records?campaign_id={campaign}&limit=200{cursor}"
            ))
            .await;
        assert_eq!(page.status, 200, "{page:?}");
        all.extend(page["records"].as_array().unwrap().clone());
        let Some(next) = page["next_cursor"].as_str() else {
            break;
        };
        cursor = format!("&cursor={next}");
    }
    all.sort_by_key(|lead| lead["phone_number"].as_str().map(str::to_owned));
    all
}

/// Replaces what differs in every run by its sort.
fn settled(mut value: Value) -> Value {
    fn walk(value: &mut Value, name: &str, id: &str) {
        match value {
            Value::Object(map) => map.iter_mut().for_each(|(name, value)| walk(value, name, id)),
            Value::Array(list) => list.iter_mut().for_each(|value| walk(value, name, id)),
            Value::String(text) if name == "lead_id" => *text = "[lead_id]".to_owned(),
            Value::String(text) if !id.is_empty() => *text = text.replace(id, "[import_id]"),
            _ => {}
        }
    }
    let id = value["import_id"].as_str().unwrap_or_default().to_owned();
    walk(&mut value, "", &id);
    value
}

#[tokio::test]
async fn the_sample_of_the_campaign_tool_before_this_one_is_imported_and_answered_as_there() {
    let app = TestApp::at(MONDAY_NOON).await;
    campaign(&app, "gurgaon", json!({"rule_set": "property-india"})).await;
    let (sample, _) = text(&app, "/campaigns/templates/csv-sample").await;
    assert_eq!(sample.replace("\r\n", "\n"), SAMPLE);
    let uploaded = form(&app, "gurgaon", &[], sample.as_bytes()).await;
    assert_eq!(uploaded.status, 200, "{uploaded:?}");
    assert_eq!(rows(&uploaded), [3, 3, 0, 0, 3]);
    insta::assert_json_snapshot!("uploaded", settled(uploaded.body.clone()));
    let leads = leads(&app, "gurgaon").await;
    let phones: Vec<&str> = leads
        .iter()
        .map(|lead| lead["phone_number"].as_str().unwrap())
        .collect();
    assert_eq!(phones, ["+919123456789", "+919876543210", "+919988776655"]);
    let lead = app.lead(leads[1]["lead_id"].as_str().unwrap()).await;
    let lead = &lead["lead"];
    assert_eq!(
        lead["custom"],
        json!({"budget": "5000000", "location": "Gurgaon", "property_type": "2BHK"})
    );
    assert_eq!(lead["tags"], json!(["first-time-buyer", "urgent"]));
    assert_eq!(
        (&lead["import_id"], &lead["import_row"]),
        (&uploaded["import_id"], &json!(2))
    );
    assert_eq!(
        app.post("/campaigns/gurgaon/start", json!({})).await.status,
        200,
        "it has leads now"
    );
    let told = app.get("/campaigns/gurgaon/activities").await;
    let what: Vec<&str> = told["activities"]
        .as_array()
        .unwrap()
        .iter()
        .map(|a| a["what"].as_str().unwrap())
        .collect();
    assert!(what.contains(&"import_started"), "{what:?}");

    let again = upload(&app, "gurgaon", "", SAMPLE).await;
    assert_eq!(
        (rows(&again), duplicates(&again)),
        ([3, 0, 0, 3, 0], [0, 3, 0]),
        "a repeated upload adds nobody"
    );
    let listed = app.get("/campaigns/gurgaon/imports?limit=1").await;
    assert_eq!(listed["imports"][0]["import_id"], again["import_id"], "newest first");
    let next = listed["next_cursor"].as_str().unwrap();
    let older = app.get(&format!("/campaigns/gurgaon/imports?cursor={next}")).await;
    assert_eq!(older["imports"][0]["import_id"], uploaded["import_id"]);
}

#[tokio::test]
async fn every_bad_row_is_told_and_comes_back_as_a_file_that_can_be_corrected() {
    let app = TestApp::at(MONDAY_NOON).await;
    campaign(&app, "gurgaon", json!({"rule_set": "property-india"})).await;
    let file = "Kunde;Handy;Property Type;Location;E-Mail;Notiz\n\
        A;9876543210;2bhk;Delhi;;x\n\
        B;4.41E+11;2bhk;;nobody;\n\
        ;\n\
        C;98765;;Delhi;;\n\
        \"D;9876543211;2bhk;Delhi;;\n\
        E;9876543212;2bhk;Delhi;;\"two\nlines\"\n\
        M\u{fc}ller;9876543213.0;2bhk;Delhi;;\n";
    let ansi: Vec<u8> = file.chars().map(|c| u8::try_from(u32::from(c)).unwrap()).collect();
    let fields = [
        ("map", "Kunde=name, handy=phone"),
        ("registry_checked_at", "2026-11-20T00:00:00Z"),
    ];
    let uploaded = form(&app, "gurgaon", &fields, &ansi).await;
    assert_eq!(uploaded.status, 200, "{uploaded:?}");
    assert_eq!(rows(&uploaded), [6, 3, 3, 0, 3], "{uploaded:?}");
    assert_eq!(uploaded["repaired_phones"], json!({"apostrophe": 0, "decimal": 1}));
    insta::assert_json_snapshot!("bad_rows", uploaded["errors"]);
    let added = leads(&app, "gurgaon").await;
    assert_eq!(added.len(), 3);
    let umlaut = app.lead(added[2]["lead_id"].as_str().unwrap()).await;
    assert_eq!(umlaut["lead"]["first_name"], "M\u{fc}ller");

    let path = uploaded["links"]["errors"].as_str().unwrap();
    let (mut listed, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = app.get(&format!("{path}?limit=1{cursor}")).await;
        assert_eq!(page.status, 200, "{page:?}");
        listed.extend(page["errors"].as_array().unwrap().clone());
        let Some(next) = page["next_cursor"].as_str() else {
            break;
        };
        assert!(!redial_domain::may_hold_number(next), "{next}");
        cursor = format!("&cursor={next}");
    }
    assert_eq!(json!(listed), uploaded["errors"], "page by page the same");

    let (fix, next) = text(&app, uploaded["links"]["fix_file"].as_str().unwrap()).await;
    assert_eq!(next, None);
    let corrected = fix
        .replace(";4.41E+11;2bhk;;nobody;", ";9876543220;2bhk;Delhi;b@example.com;")
        .replace(";98765;;", ";9876543221;3BHK;")
        .replace("\"\"\"D\";", "D;");
    let again = form(
        &app,
        "gurgaon",
        &[("map", "{\"Kunde\": \"name\", \"Handy\": \"phone\"}")],
        corrected.as_bytes(),
    )
    .await;
    assert_eq!((again.status, rows(&again)), (200, [3, 3, 0, 0, 3]), "{fix}\n{again:?}");
}

#[tokio::test]
async fn duplicates_are_told_apart_and_do_not_call_is_imported_and_never_dialed() {
    let app = TestApp::at(MONDAY_NOON).await;
    campaign(&app, "one", json!({})).await;
    campaign(&app, "two", json!({"open_intake": true})).await;
    let phone = |n: u32| format!("+1212555{n:04}");
    // In another campaign, in this one, marked, forgotten.
    assert_eq!(
        app.post("/api/leads", json!({"phone": phone(1), "campaign_id": "two"}))
            .await
            .status,
        201
    );
    assert_eq!(
        app.post("/api/do-not-call", json!({"phone": phone(3)})).await.status,
        201
    );
    let forgotten = app
        .post("/api/forget", json!({"phone": phone(4), "reason": "their request"}))
        .await;
    assert_eq!(forgotten.status, 200, "{forgotten:?}");
    let first = upload(&app, "one", "", &format!("name,phone\nB,{}\n", phone(2))).await;
    assert_eq!(rows(&first), [1, 1, 0, 0, 1]);
    let file = format!(
        "name,phone\nA,{}\nB,{}\nC,{}\nD,{}\nE,{}\nE,212-555-0005\nbad,1\nA,{}\nE,{}\n",
        phone(1),
        phone(2),
        phone(3),
        phone(4),
        phone(5),
        phone(1),
        phone(5)
    );
    for (query, expected, places, imported) in [
        ("?dry_run=true", [9, 3, 1, 5, 0], [2, 1, 2], 1),
        (
            "?dry_run=true&also_in_other_campaigns=true",
            [9, 4, 1, 4, 0],
            [3, 1, 0],
            1,
        ),
        ("", [9, 3, 1, 5, 2], [2, 1, 2], 3),
    ] {
        let uploaded = upload(&app, "one", query, &file).await;
        assert_eq!(uploaded.status, 200, "{uploaded:?}");
        assert_eq!(
            (rows(&uploaded), duplicates(&uploaded)),
            (expected, places),
            "{query} {uploaded:?}"
        );
        assert_eq!(
            (&uploaded["do_not_call_rows"], &uploaded["forgotten_rows"]),
            (&json!(2), &json!(1)),
            "{query}"
        );
        assert_eq!(leads(&app, "one").await.len(), imported, "{query}");
    }
    let also = upload(&app, "one", "?also_in_other_campaigns=true", &file).await;
    assert_eq!(
        (rows(&also), duplicates(&also)),
        ([9, 2, 1, 6, 1], [1, 5, 0]),
        "{also:?}"
    );

    assert_eq!(app.post("/campaigns/one/start", json!({})).await.status, 200);
    app.advance(chrono::TimeDelta::minutes(2)).await;
    let mut called: Vec<String> = app
        .calls()
        .await
        .iter()
        .map(|call| call["phone"].as_str().unwrap().to_owned())
        .collect();
    called.sort();
    assert_eq!(called, [phone(1), phone(2), phone(5)], "a marked phone is never dialed");
    let marked = leads(&app, "one").await;
    assert_eq!(
        marked.iter().filter(|lead| lead["status"] == "completed").count(),
        1,
        "{marked:?}"
    );
}

#[tokio::test]
async fn what_a_campaign_requires_can_be_changed_and_consent_comes_with_the_row() {
    let app = TestApp::at(MONDAY_NOON).await;
    campaign(&app, "plain", json!({"consent": null})).await;
    let changed = app
        .send(
            "PATCH",
            "/campaigns/plain",
            Some(&json!({"import": {"required": ["Age"], "sources": ["Fair"]}})),
        )
        .await;
    assert_eq!(
        changed["import"],
        json!({"required": ["age"], "sources": ["fair"]}),
        "{changed:?}"
    );
    let refused = upload(&app, "plain", "", "name,phone\nA,2125550142\n").await;
    assert_eq!(
        (refused.status, &refused["code"]),
        (422, &json!("bad_columns")),
        "{refused:?}"
    );
    let file = "name,phone,age,source,state,consent_kind,consent_at,consent_source\n\
        A,2125550142,40,fair,NY,written,2026-11-01,form 7\n\
        B,2125550143,,fair,,,,\n\
        C,2125550144,41,website,,,,\n\
        D,2125550145,42,,,written,,\n";
    let uploaded = upload(&app, "plain", "", file).await;
    assert_eq!(rows(&uploaded), [4, 1, 3, 0, 1], "{uploaded:?}");
    let fields: Vec<&str> = uploaded["errors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|error| error["field"].as_str().unwrap())
        .collect();
    assert_eq!(fields, ["age", "source", "consent_at", "consent_source"]);
    let id = leads(&app, "plain").await[0]["lead_id"].as_str().unwrap().to_owned();
    let lead = app.lead(&id).await;
    assert_eq!(lead["activities"][0]["what"], "consent_recorded", "{lead:?}");
    assert_eq!(
        lead["activities"][0]["why"],
        "written, given 2026-11-01T00:00:00+00:00, by form 7"
    );
}

#[tokio::test]
async fn a_request_that_cannot_be_is_refused_with_what_to_do() {
    let app = TestApp::at(MONDAY_NOON).await;
    campaign(&app, "one", json!({})).await;
    for (query, file, status, code) in [
        ("", "", 422, "no_file"),
        ("", "a;b\n1;2\n", 422, "bad_columns"),
        ("?dry_run=maybe", "name,phone\n", 422, "bad_field"),
        ("?map=Handy", "name,phone\n", 422, "bad_field"),
        ("?colour=red", "name,phone\n", 422, "bad_field"),
        (
            "?registry_checked_at=2030-01-01T00:00:00Z",
            "name,phone\n",
            422,
            "bad_field",
        ),
    ] {
        let refused = upload(&app, "one", query, file).await;
        assert_eq!(
            (refused.status, &refused["code"]),
            (status, &json!(code)),
            "{query} {file}: {refused:?}"
        );
        assert!(refused["hint"].is_string());
    }
    assert_eq!(upload(&app, "nobodys", "", SAMPLE).await.status, 404);
    let broken = raw(
        &app,
        "POST",
        "/campaigns/one/upload-csv",
        "multipart/form-data; boundary=b",
        "--c",
    )
    .await;
    assert_eq!(broken.status, 400, "{broken:?}");
    let empty = upload(&app, "one", "", "name,phone\n").await;
    assert_eq!((empty.status, rows(&empty)), (200, [0; 5]), "{empty:?}");
    let table = app.instance();
    let agent = table
        .table
        .create_api_key(&table.ids, "agent", redial_domain::Role::Agent, None, app.now())
        .await
        .unwrap();
    let one = format!("/campaigns/one/imports/{}", empty["import_id"].as_str().unwrap());
    for (method, path, status) in [
        ("GET", one.clone(), 200),
        ("GET", format!("{one}/errors"), 403),
        ("POST", format!("{one}/undo"), 403),
        ("POST", "/campaigns/one/upload-csv".to_owned(), 403),
        ("GET", "/campaigns/one/imports".to_owned(), 200),
    ] {
        let answered = answer(app.request(method, &path).header("x-api-key", &agent)).await;
        assert_eq!(answered.status, status, "{method} {path}");
    }
    assert_eq!(app.get("/campaigns/one/imports/nobodys").await.status, 404);
}
