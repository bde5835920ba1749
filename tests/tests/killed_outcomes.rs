//! Ends of calls whose function is killed before any of its requests to the table, and before any answer is read.

#![expect(clippy::unwrap_used, reason = "helpers of tests: what is not there fails the test")]

use chrono::TimeDelta;
use redial_aws::App;
use redial_aws::messages::{CallMessage, Report};
use redial_domain::{AttemptId, CampaignId, Owner, Phone, Region, SCHEMA_VERSION};
use redial_tests::doomed::Dies;
use redial_tests::{MONDAY_NOON, TestApp, ended, talk};
use serde_json::{Value, json};

/// A lead that is being called.
struct Called {
    phone: Phone,
    attempt: AttemptId,
    call: Value,
}

/// Where an end of a call stands.
#[derive(Debug, PartialEq)]
struct Stands {
    attempts: usize,
    counted: u32,
    line_held: bool,
    slot_held: bool,
}

const OVER: Stands = Stands {
    attempts: 1,
    counted: 1,
    line_held: false,
    slot_held: false,
};

impl Called {
    async fn nth(app: &TestApp, n: usize) -> Self {
        let phone = format!("+1212555{:04}", 100 + n);
        app.add_lead(&phone).await;
        app.settle().await;
        let calls = app.calls().await;
        let call = calls.into_iter().find(|call| call["phone"] == json!(phone)).unwrap();
        Self {
            phone: Phone::parse(&phone, Region::US).unwrap(),
            attempt: AttemptId::parse(call["attempt_id"].as_str().unwrap()).unwrap(),
            call,
        }
    }

    /// A report of it, as the webhook queues it.
    fn report(&self, app: &TestApp, changes: Value) -> String {
        let report = Report::Webhook {
            provider: "bland".to_owned(),
            content_type: None,
            campaign: None,
            body: ended(&self.call, changes).to_string(),
        };
        let message = CallMessage {
            v: SCHEMA_VERSION,
            received_at: app.now(),
            report,
        };
        serde_json::to_string(&message).unwrap()
    }

    async fn stands(&self, app: &TestApp) -> Stands {
        let table = &app.running.app.table;
        let campaign = CampaignId::default_campaign();
        let lead = table.lead(&self.phone, &campaign, app.now()).await.unwrap().unwrap();
        let slots = table.slots(&Owner::from(&campaign), 0).await.unwrap();
        Stands {
            attempts: table.recent_attempts(&self.phone, 9).await.unwrap().len(),
            counted: lead.attempts,
            line_held: table.ledger(&self.phone).await.unwrap().holds(&self.attempt),
            slot_held: slots.iter().any(|slot| slot.tokens.contains_key(&self.phone)),
        }
    }
}

/// One batch to an instance of the outcomes function; whatever a dying instance says, nobody hears it.
async fn apply(instance: App, messages: &[&String], received: u32) -> Option<Value> {
    let attributes = json!({"ApproximateReceiveCount": received.to_string()});
    let record = |(n, body)| json!({"messageId": format!("m{n}"), "body": body, "attributes": attributes});
    let records: Vec<Value> = messages.iter().enumerate().map(record).collect();
    let handler = redial_outcomes::Handler::new(instance).await.unwrap();
    handler.handle(json!({"Records": records})).await.ok()
}

fn all_done() -> Option<Value> {
    Some(json!({"batchItemFailures": []}))
}

/// What is reported: nobody there, a talk that moves the status, a sale that stops.
fn reports() -> [Value; 3] {
    [json!({}), talk("FOLLOW_UP"), talk("SALE")]
}

#[tokio::test]
async fn an_end_that_is_killed_at_any_request_and_comes_again_is_one_end() {
    let app = TestApp::at(MONDAY_NOON).await;
    let mut people = 0;
    for report in reports() {
        for answer_is_lost in [false, true] {
            for requests in 0.. {
                let called = Called::nth(&app, people).await;
                people += 1;
                let message = called.report(&app, report.clone());
                let dies = Dies::after(requests, answer_is_lost);
                apply(dies.instance(&app), &[&message], 1).await;
                let again = apply(app.instance(), &[&message, &message], 2).await;
                let where_ = format!("{report}, killed at request {requests}, answer lost: {answer_is_lost}");
                assert_eq!(again, all_done(), "{where_}");
                assert_eq!(called.stands(&app).await, OVER, "{where_}");
                if dies.lived() {
                    break;
                }
            }
        }
    }
}

/// A lead whose call is finished, and whose line is not free: the function was killed between the two.
async fn cut_off(app: &TestApp, people: &mut usize) -> (Called, String) {
    for requests in 0..99 {
        let called = Called::nth(app, *people).await;
        *people += 1;
        let message = called.report(app, json!({}));
        apply(Dies::after(requests, false).instance(app), &[&message], 1).await;
        let stands = called.stands(app).await;
        if stands.attempts == 1 && stands.line_held {
            return (called, message);
        }
        // Of no concern here, and not to be called again: a call that nobody ends holds a slot.
        apply(app.instance(), &[&message], 2).await;
        let sale = called.report(app, talk("SALE"));
        apply(app.instance(), &[&sale], 1).await;
    }
    panic!("no kill leaves a finished call with its line held");
}

#[tokio::test]
async fn a_line_that_was_not_freed_is_freed_by_other_news_of_the_call_which_add_to_it() {
    let app = TestApp::at(MONDAY_NOON).await;
    let (called, message) = cut_off(&app, &mut 0).await;
    let news = called.report(&app, talk("FOLLOW_UP"));
    assert_eq!(apply(app.instance(), &[&news], 1).await, all_done());
    let stands = called.stands(&app).await;
    assert_eq!((stands.attempts, stands.counted, stands.line_held), (1, 1, false));
    assert_eq!(apply(app.instance(), &[&message], 2).await, all_done());
    assert_eq!(called.stands(&app).await, OVER);
    let stored = app
        .running
        .app
        .table
        .attempt(&called.phone, &called.attempt)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(stored.deliveries.len(), 2);
    assert_eq!(stored.attempt.word.as_deref(), Some("FOLLOW_UP"));
}

#[tokio::test]
async fn a_line_that_was_not_freed_and_of_which_nothing_is_heard_is_freed_by_reconcile() {
    let app = TestApp::at(MONDAY_NOON).await;
    let (called, _) = cut_off(&app, &mut 0).await;
    app.advance(TimeDelta::minutes(5)).await;
    let stands = called.stands(&app).await;
    assert!(
        stands.line_held && stands.slot_held,
        "nobody calls meanwhile: {stands:?}"
    );
    app.advance(TimeDelta::minutes(100)).await;
    let ledger = app.running.app.table.ledger(&called.phone).await.unwrap();
    assert!(!ledger.holds(&called.attempt));
    let calls = app.calls().await;
    let to_it = calls
        .iter()
        .filter(|call| call["phone"] == json!(called.phone.as_str()));
    assert!(to_it.count() > 1, "the lead goes on");
}

#[tokio::test]
async fn a_batch_frees_its_slots_even_if_one_of_them_is_free_already() {
    let app = TestApp::at(MONDAY_NOON).await;
    let mut called = Vec::new();
    for n in 0..5 {
        called.push(Called::nth(&app, n).await);
    }
    let table = &app.running.app.table;
    let owner = Owner::from(&CampaignId::default_campaign());
    let gone = &called[2];
    table
        .free_token(&owner, 0, 0, &gone.phone, &gone.attempt)
        .await
        .unwrap();
    let messages: Vec<String> = called.iter().map(|one| one.report(&app, json!({}))).collect();
    let messages: Vec<&String> = messages.iter().collect();
    assert_eq!(apply(app.instance(), &messages, 1).await, all_done());
    for one in &called {
        assert_eq!(one.stands(&app).await, OVER);
    }
}
