//! Imports and forgetting that are killed before any of their requests, and before any answer is read.

use lambda_runtime::Error;
use redial_aws::App;
use redial_tests::doomed::Dies;
use redial_tests::{MONDAY_NOON, TestApp, ended, talk};
use serde_json::{Value, json};

use super::{check, mark, parsed};

/// Numbers of an import: more than one transaction takes, and few enough to be killed at each request.
const NUMBERS: usize = 30;

/// One request to an instance of the admin function.
async fn ask(app: &TestApp, instance: App, path: &str, body: &Value) -> Result<Value, Error> {
    let event = json!({
        "version": "2.0", "rawPath": path, "rawQueryString": "", "body": body.to_string(), "isBase64Encoded": false,
        "headers": {"x-api-key": app.running.api_key, "content-type": "application/json"},
        "requestContext": {"http": {"method": "POST", "path": path}},
    });
    let answer = redial_admin::Handler::new(instance).handle(event).await?;
    Ok(serde_json::from_str(answer["body"].as_str().unwrap_or_default())?)
}

/// How many of the numbers are marked, each with one record.
async fn marked(app: &TestApp, numbers: &[String]) -> usize {
    let table = &app.running.app.table;
    let mut marked = 0;
    for number in numbers {
        let phone = parsed(number);
        let is_marked = table.ledger(&phone).await.unwrap().is_do_not_call();
        let proofs = table.proofs(&phone).await.unwrap().len();
        assert_eq!(
            proofs,
            usize::from(is_marked),
            "no mark is without its proof, and each is kept once"
        );
        marked += proofs;
    }
    marked
}

#[tokio::test]
async fn an_import_that_is_killed_at_any_request_and_begun_again_marks_each_number_once() {
    let app = TestApp::at(MONDAY_NOON).await;
    for answer_is_lost in [false, true] {
        for requests in 0.. {
            let list = 2 * requests + i64::from(answer_is_lost);
            let numbers: Vec<String> = (0..NUMBERS).map(|n| format!("+12122{list:02}{n:04}")).collect();
            let body = json!({"numbers": numbers, "source": "crm"});
            let dies = Dies::after(requests, answer_is_lost);
            // Whatever a dying instance says, nobody hears it.
            let _ = ask(&app, dies.instance(&app), "/api/do-not-call/import", &body).await;
            let half = marked(&app, &numbers).await;
            let again = ask(&app, app.instance(), "/api/do-not-call/import", &body)
                .await
                .unwrap();
            let where_ = format!("killed at request {requests}, answer lost: {answer_is_lost}: {again}");
            assert_eq!(again["success"], true, "{where_}");
            let new = NUMBERS - half;
            assert_eq!(
                (&again["marked"], &again["known"]),
                (&json!(new), &json!(NUMBERS - new)),
                "{where_}"
            );
            assert_eq!(marked(&app, &numbers).await, NUMBERS, "{where_}");
            if dies.lived() {
                break;
            }
        }
    }
}

#[tokio::test]
async fn a_person_who_was_half_forgotten_stays_marked_and_is_forgotten_by_the_same_request() {
    let app = TestApp::at(MONDAY_NOON).await;
    let mut people = 0;
    for is_marked in [false, true] {
        for answer_is_lost in [false, true] {
            for requests in 0.. {
                people += 1;
                let phone = format!("+1212200{people:04}");
                let lead = app.add_lead(&phone).await;
                app.settle().await;
                let call = app.calls().await.pop().unwrap();
                assert_eq!(
                    (app.bland(&ended(&call, talk("NI"))).await, &call["phone"]),
                    (200, &json!(phone))
                );
                if is_marked {
                    mark(&app, &phone).await;
                }
                let body = json!({"phone": phone, "reason": "their request"});
                let dies = Dies::after(requests, answer_is_lost);
                let _ = ask(&app, dies.instance(&app), "/api/forget", &body).await;
                let where_ = format!("killed at request {requests}, answer lost: {answer_is_lost}, {is_marked}");
                let half = check(&app, &phone).await;
                let is_whole = app.get(&format!("/api/leads/{lead}")).await.status == 200;
                assert!(
                    half["marked"] == true || (is_whole && !is_marked),
                    "nothing is deleted before the mark stands: {where_}"
                );
                let again = ask(&app, app.instance(), "/api/forget", &body).await.unwrap();
                assert_eq!(again["done"], true, "{where_}: {again}");
                let left = check(&app, &phone).await;
                assert_eq!(
                    (&left["marked"], &left["leads"], left["proofs"].as_array().map(Vec::len)),
                    (&json!(true), &json!([]), Some(1)),
                    "{where_}"
                );
                assert!(left["forgotten_at"].is_string(), "{where_}");
                assert_eq!(app.get(&format!("/api/leads/{lead}")).await.status, 404, "{where_}");
                if dies.lived() {
                    break;
                }
            }
        }
    }
}
