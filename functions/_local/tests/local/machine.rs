//! Event source, schedules, phones and the runner together, on a stepped clock.

use std::sync::{Arc, Mutex};

use chrono::{DateTime, TimeDelta, Utc};
use futures::FutureExt;
use redial_local::{
    activity::Activity,
    event_source::EventSource,
    functions::{Function, function},
    phone_settings::PhonesSettings,
    phones::Phones,
    queue_engine::QueueEngine,
    queue_message::NewMessage,
    queue_protocol,
    runner::Machine,
    scheduler::Scheduler,
};
use serde_json::{Value, json};

use crate::{attributes, noon, sdk, stepped};

struct World {
    machine: Machine,
    base_url: String,
    client: aws_sdk_sqs::Client,
}

async fn world() -> World {
    let clock = stepped();
    let activity = Activity::new();
    let (engine, base_url, client) = sdk::serve(&clock).await;
    engine
        .create_queue("calls", &attributes(&[("VisibilityTimeout", "60")]))
        .unwrap();
    let phones = Phones::in_memory(PhonesSettings::simulated(), clock.clone(), activity.clone()).unwrap();
    let scheduler = Scheduler::new(clock.clone(), activity.clone());
    let machine = Machine {
        clock,
        engine,
        consumed: vec!["calls".to_owned()],
        phones,
        scheduler,
        activity,
        stepping: Arc::default(),
    };
    World {
        machine,
        base_url,
        client,
    }
}

impl World {
    fn consume(&self, function: Function, max_concurrency: usize) {
        let source = EventSource {
            queue: "calls".to_owned(),
            queue_url: queue_protocol::queue_url(&self.base_url, "calls"),
            function_name: "outcomes".to_owned(),
            function,
            batch_size: 10,
            max_concurrency,
            client: self.client.clone(),
            engine: self.machine.engine.clone(),
            activity: self.machine.activity.clone(),
        };
        tokio::spawn(source.run());
    }
}

fn send(engine: &QueueEngine, body: &str) {
    engine.send("calls", &NewMessage::text(body)).unwrap();
}

type Seen = Arc<Mutex<Vec<(DateTime<Utc>, String)>>>;

/// Records every body with its time; fails those that say so.
fn recorder(world: &World, seen: &Seen, answer: fn(&[Value]) -> Result<Value, String>) -> Function {
    let (clock, seen) = (world.machine.clock.clone(), Arc::clone(seen));
    function(move |event: Value| {
        let records = event["Records"].as_array().unwrap().clone();
        for record in &records {
            assert_eq!(record["eventSource"], "aws:sqs");
            assert_eq!(record["eventSourceARN"], "arn:aws:sqs:us-east-1:000000000000:calls");
            assert!(record["attributes"]["ApproximateReceiveCount"].is_string());
            seen.lock()
                .unwrap()
                .push((clock.now(), record["body"].as_str().unwrap().to_owned()));
        }
        let answer = answer(&records);
        async move { answer }
    })
}

#[tokio::test]
async fn what_succeeds_is_deleted_and_only_what_failed_comes_again_after_its_time_out() {
    let world = world().await;
    let seen = Seen::default();
    let answer = |records: &[Value]| {
        let failed: Vec<Value> = records
            .iter()
            .filter(|r| r["body"] == "bad" && r["attributes"]["ApproximateReceiveCount"] == "1")
            .map(|r| json!({ "itemIdentifier": r["messageId"] }))
            .collect();
        Ok(json!({ "batchItemFailures": failed }))
    };
    world.consume(recorder(&world, &seen, answer), 2);
    send(&world.machine.engine, "good");
    send(&world.machine.engine, "bad");
    world.machine.settle().await.unwrap();
    assert_eq!(seen.lock().unwrap().len(), 2);
    world.machine.advance(TimeDelta::minutes(5)).await.unwrap();
    let seen = seen.lock().unwrap();
    assert_eq!(seen.len(), 3);
    assert_eq!(seen[2], (noon() + TimeDelta::seconds(60), "bad".to_owned()));
    assert_eq!(world.machine.next_due().unwrap(), None);
}

#[tokio::test]
async fn an_error_or_an_answer_that_names_no_message_brings_the_whole_batch_again() {
    for answer in [
        (|_: &[Value]| Err("broken".to_owned())) as fn(&[Value]) -> Result<Value, String>,
        |_| Ok(json!({ "batchItemFailures": [{ "itemIdentifier": "nobody" }] })),
        |_| Ok(json!({ "batchItemFailures": [{ "itemIdentifier": "" }] })),
        |_| Ok(json!({ "batchItemFailures": [{ "itemIdentifier": null }] })),
        |records| Ok(json!({ "batchItemFailures": [{ "messageId": records[0]["messageId"] }] })),
        |records| Ok(json!({ "batchItemFailures": [records[0]["messageId"]] })),
        |records| Ok(json!({ "batchItemFailures": records[0]["messageId"] })),
        |_| Ok(json!("{\"batchItemFailures\": []}")),
        |_| Ok(json!([])),
        |_| panic!("as a bug would"),
    ] {
        let world = world().await;
        let seen = Seen::default();
        world.consume(recorder(&world, &seen, answer), 1);
        send(&world.machine.engine, "a");
        world.machine.advance(TimeDelta::seconds(125)).await.unwrap();
        assert_eq!(seen.lock().unwrap().len(), 3, "at 0, 60 and 120 seconds");
    }
}

#[tokio::test]
async fn an_answer_that_names_no_failure_is_a_success() {
    for answer in [
        (|_: &[Value]| Ok(Value::Null)) as fn(&[Value]) -> Result<Value, String>,
        |_| Ok(json!({})),
        |_| Ok(json!({ "batchItemFailures": null })),
        |_| Ok(json!({ "batchItemFailures": [] })),
    ] {
        let world = world().await;
        let seen = Seen::default();
        world.consume(recorder(&world, &seen, answer), 1);
        send(&world.machine.engine, "a");
        send(&world.machine.engine, "b");
        world.machine.advance(TimeDelta::seconds(125)).await.unwrap();
        assert_eq!(seen.lock().unwrap().len(), 2, "each once");
        assert_eq!(world.machine.next_due().unwrap(), None);
    }
}

#[tokio::test]
async fn time_passes_in_order_through_schedules_and_queues() {
    let mut world = world().await;
    let seen = Seen::default();
    world.consume(recorder(&world, &seen, |_| Ok(Value::Null)), 2);
    let engine = world.machine.engine.clone();
    let tick = Arc::new(move |time: DateTime<Utc>| {
        let body = format!("of {}", time.format("%H:%M"));
        engine
            .send(
                "calls",
                &NewMessage {
                    delay_s: Some(30),
                    ..NewMessage::text(body)
                },
            )
            .unwrap();
        async {}.boxed()
    });
    world
        .machine
        .scheduler
        .add("tick", TimeDelta::minutes(1), tick)
        .unwrap();
    let scheduler = world.machine.scheduler.clone();
    tokio::spawn(async move { scheduler.run().await });
    world.machine.advance(TimeDelta::minutes(3)).await.unwrap();
    let expected = |m: i64| (noon() + TimeDelta::seconds(60 * m + 30), format!("of 12:0{m}"));
    assert_eq!(*seen.lock().unwrap(), [expected(0), expected(1), expected(2)]);
    assert_eq!(world.machine.clock.now(), noon() + TimeDelta::minutes(3));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_day_of_due_messages_is_stepped_through_quickly() {
    const MESSAGES: i64 = 800;
    let world = world().await;
    let seen = Seen::default();
    world.consume(recorder(&world, &seen, |_| Ok(Value::Null)), 4);
    for n in 0..MESSAGES {
        let new = NewMessage {
            delay_s: Some(n + 1),
            ..NewMessage::text(n.to_string())
        };
        world.machine.engine.send("calls", &new).unwrap();
    }
    let begun = std::time::Instant::now();
    world.machine.advance(TimeDelta::seconds(MESSAGES)).await.unwrap();
    let took = begun.elapsed();
    assert_eq!(seen.lock().unwrap().len(), 800);
    println!("{MESSAGES} separate instants in {took:?}");
}

#[tokio::test]
async fn a_driven_clock_does_what_is_due_on_its_way() {
    let world = world().await;
    let seen = Seen::default();
    world.consume(recorder(&world, &seen, |_| Ok(Value::Null)), 2);
    for s in [10, 20, 30] {
        let new = NewMessage {
            delay_s: Some(s),
            ..NewMessage::text(s.to_string())
        };
        world.machine.engine.send("calls", &new).unwrap();
    }
    let machine = world.machine.clone();
    tokio::spawn(async move { machine.drive(200).await });
    world.machine.clock.sleep_until(noon() + TimeDelta::seconds(40)).await;
    let late = |(at, body): &(DateTime<Utc>, String)| *at - noon() - TimeDelta::seconds(body.parse().unwrap());
    let seen = seen.lock().unwrap();
    assert_eq!(seen.len(), 3);
    assert!(
        seen.iter().all(|one| late(one) <= TimeDelta::milliseconds(50)),
        "{seen:?}"
    );
}
