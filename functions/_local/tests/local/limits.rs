//! What SQS refuses and what it lets pass, through the SDK: the codes that a program meets on AWS.

use aws_sdk_sqs::{
    Client,
    error::ProvideErrorMetadata,
    types::{
        ChangeMessageVisibilityBatchRequestEntry as ChangeEntry, DeleteMessageBatchRequestEntry as DeleteEntry,
        MessageAttributeValue, QueueAttributeName as Attribute, SendMessageBatchRequestEntry as SendEntry,
    },
};
use chrono::TimeDelta;
use redial_local::{queue_engine::QueueEngine, queue_protocol, virtual_clock::VirtualClock};
use tokio::net::TcpListener;

use crate::{redrive, sdk::client, sdk::serve, stepped};

/// A queue behind the SDK.
struct Queue {
    clock: VirtualClock,
    client: Client,
    url: String,
}

async fn queue(attributes: &[(Attribute, &str)]) -> Queue {
    let clock = stepped();
    let (_, _, client) = serve(&clock).await;
    let url = create(&client, "dial", attributes).await;
    Queue { clock, client, url }
}

async fn create(client: &Client, name: &str, attributes: &[(Attribute, &str)]) -> String {
    let attributes = attributes
        .iter()
        .map(|(name, value)| (name.clone(), (*value).to_owned()));
    let created = client
        .create_queue()
        .queue_name(name)
        .set_attributes(Some(attributes.collect()))
        .send()
        .await;
    created.unwrap().queue_url.unwrap()
}

/// The code of an error; nothing when there is none.
fn code<T, E: ProvideErrorMetadata>(result: Result<T, E>) -> String {
    result
        .err()
        .and_then(|error| error.code().map(str::to_owned))
        .unwrap_or_default()
}

impl Queue {
    fn pass(&self, s: i64) {
        self.clock.advance_to(self.clock.now() + TimeDelta::seconds(s));
    }

    async fn send(&self, body: &str, delay_s: Option<i32>) -> String {
        let request = self.client.send_message().queue_url(&self.url).message_body(body);
        code(request.set_delay_seconds(delay_s).send().await)
    }

    async fn send_with(&self, name: &str, value: &str) -> String {
        let value = MessageAttributeValue::builder().data_type("String").string_value(value);
        let request = self.client.send_message().queue_url(&self.url).message_body("x");
        code(request.message_attributes(name, value.build().unwrap()).send().await)
    }

    async fn send_batch(&self, entries: &[(&str, &str)]) -> String {
        let entry = |(id, body): &(&str, &str)| SendEntry::builder().id(*id).message_body(*body).build().unwrap();
        let request = self.client.send_message_batch().queue_url(&self.url);
        let entries = entries.iter().map(entry).collect();
        code(request.set_entries(Some(entries)).send().await)
    }

    async fn delete_batch(&self, entries: &[(&str, &str)]) -> Result<Vec<(String, String)>, String> {
        let entry =
            |(id, handle): &(&str, &str)| DeleteEntry::builder().id(*id).receipt_handle(*handle).build().unwrap();
        let request = self.client.delete_message_batch().queue_url(&self.url);
        let entries = entries.iter().map(entry).collect();
        let output = request.set_entries(Some(entries)).send().await;
        let output = output.map_err(|error| code::<(), _>(Err(error)))?;
        let failed = output.failed().iter();
        Ok(failed
            .map(|entry| (entry.id().to_owned(), entry.code().to_owned()))
            .collect())
    }

    async fn change_batch(&self, entries: &[(&str, &str)]) -> Result<Vec<(String, String)>, String> {
        let entry = |(id, handle): &(&str, &str)| {
            let entry = ChangeEntry::builder().id(*id).receipt_handle(*handle);
            entry.visibility_timeout(9).build().unwrap()
        };
        let request = self.client.change_message_visibility_batch().queue_url(&self.url);
        let entries = entries.iter().map(entry).collect();
        let output = request.set_entries(Some(entries)).send().await;
        let output = output.map_err(|error| code::<(), _>(Err(error)))?;
        let failed = output.failed().iter();
        Ok(failed
            .map(|entry| (entry.id().to_owned(), entry.code().to_owned()))
            .collect())
    }

    /// Bodies and handles.
    async fn receive(&self, visibility_s: i32) -> Vec<(String, String)> {
        let request = self.client.receive_message().queue_url(&self.url);
        let request = request.max_number_of_messages(10).visibility_timeout(visibility_s);
        let messages = request.send().await.unwrap().messages.unwrap_or_default();
        let texts = |message: aws_sdk_sqs::types::Message| (message.body.unwrap(), message.receipt_handle.unwrap());
        messages.into_iter().map(texts).collect()
    }

    async fn handle(&self, visibility_s: i32) -> String {
        self.receive(visibility_s).await.remove(0).1
    }

    async fn change(&self, handle: &str, visibility_s: i32) -> String {
        let request = self.client.change_message_visibility().queue_url(&self.url);
        code(
            request
                .receipt_handle(handle)
                .visibility_timeout(visibility_s)
                .send()
                .await,
        )
    }

    async fn delete(&self, handle: &str) -> String {
        let request = self.client.delete_message().queue_url(&self.url);
        code(request.receipt_handle(handle).send().await)
    }
}

#[tokio::test]
async fn messages_at_the_limits_pass_and_beyond_them_are_refused() {
    let queue = queue(&[]).await;
    for (body, delay_s, refused) in [
        ("x", Some(900), ""),
        ("x", Some(901), "InvalidParameterValue"),
        ("x", Some(-1), "InvalidParameterValue"),
        ("", None, "MissingParameter"),
        ("\t\n\r\u{20}\u{d7ff}\u{e000}\u{fffd}\u{10000}\u{10ffff}", None, ""),
        ("\u{0}", None, "InvalidMessageContents"),
        ("a\u{fffe}", None, "InvalidMessageContents"),
        ("\u{ffff}a", None, "InvalidMessageContents"),
        (&"x".repeat(1_048_576), None, ""),
        (&"x".repeat(1_048_577), None, "InvalidParameterValue"),
        (&"é".repeat(524_289), None, "InvalidParameterValue"),
    ] {
        assert_eq!(queue.send(body, delay_s).await, refused, "{body:.20?} {delay_s:?}");
    }
    for (name, value, refused) in [
        ("kind", "a", ""),
        ("kind", "a\u{ffff}", "InvalidMessageContents"),
        ("kind..of", "a", "InvalidParameterValue"),
        ("aws.kind", "a", "InvalidParameterValue"),
        ("AMAZON.kind", "a", "InvalidParameterValue"),
        ("awsome", "a", ""),
        ("kind", &"x".repeat(1_048_565), ""),
        ("kind", &"x".repeat(1_048_566), "InvalidParameterValue"),
    ] {
        assert_eq!(queue.send_with(name, value).await, refused, "{name} {value:.20?}");
    }
}

#[tokio::test]
async fn batches_of_no_entries_eleven_entries_twins_and_more_than_a_mebibyte_are_refused_whole() {
    let queue = queue(&[]).await;
    let eleven = ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "10"].map(|id| (id, "x"));
    for (entries, refused) in [
        (vec![], "AWS.SimpleQueueService.EmptyBatchRequest"),
        (eleven.to_vec(), "AWS.SimpleQueueService.TooManyEntriesInBatchRequest"),
        (
            vec![("a", "x"), ("a", "x")],
            "AWS.SimpleQueueService.BatchEntryIdsNotDistinct",
        ),
        (vec![("a b", "x")], "AWS.SimpleQueueService.InvalidBatchEntryId"),
        (
            vec![(&"a".repeat(81), "x")],
            "AWS.SimpleQueueService.InvalidBatchEntryId",
        ),
    ] {
        assert_eq!(queue.send_batch(&entries).await, refused, "{entries:?}");
        assert_eq!(queue.delete_batch(&entries).await.unwrap_err(), refused);
        assert_eq!(queue.change_batch(&entries).await.unwrap_err(), refused);
    }
    let half = "x".repeat(524_288);
    assert_eq!(queue.send_batch(&[("a", &half), ("b", &half)]).await, "");
    assert_eq!(
        queue.send_batch(&[("a", &half), ("b", &half), ("c", "x")]).await,
        "AWS.SimpleQueueService.BatchRequestTooLong"
    );
    assert_eq!(queue.receive(30).await.len(), 2, "of a refused batch nothing is there");
}

#[tokio::test]
async fn receives_ask_for_one_to_ten_messages_and_wait_at_most_twenty_seconds() {
    let queue = queue(&[]).await;
    for (messages, visibility_s, wait_s, refused) in [
        (10, 43_200, 0, ""),
        (0, 30, 0, "InvalidParameterValue"),
        (11, 30, 0, "InvalidParameterValue"),
        (1, -1, 0, "InvalidParameterValue"),
        (1, 43_201, 0, "InvalidParameterValue"),
        (1, 30, 21, "InvalidParameterValue"),
        (1, 30, -1, "InvalidParameterValue"),
    ] {
        let request = queue.client.receive_message().queue_url(&queue.url);
        let request = request
            .max_number_of_messages(messages)
            .visibility_timeout(visibility_s);
        let answered = code(request.wait_time_seconds(wait_s).send().await);
        assert_eq!(answered, refused, "{messages} {visibility_s} {wait_s}");
    }
}

#[tokio::test]
async fn a_handle_is_good_until_the_message_is_received_again() {
    let queue = queue(&[]).await;
    queue.send("a", None).await;
    let old = queue.handle(5).await;
    queue.pass(5);
    // Visible again, and nobody has it: the message stays visible, and may still be deleted.
    assert_eq!(queue.change(&old, 60).await, "MessageNotInflight");
    let new = queue.handle(5).await;
    assert_ne!(old, new);
    assert_eq!(queue.change(&old, 60).await, "InvalidParameterValue");
    assert_eq!(queue.delete(&old).await, "", "no error");
    assert_eq!(queue.change(&new, 60).await, "", "and nothing deleted");
    assert_eq!(queue.change("nonsense", 60).await, "ReceiptHandleIsInvalid");
    assert_eq!(queue.delete("nonsense").await, "ReceiptHandleIsInvalid");
    queue.pass(60);
    assert_eq!(
        queue.delete(&new).await,
        "",
        "its time is up, but it was not received again"
    );
    assert!(queue.receive(5).await.is_empty());
    assert_eq!(queue.change(&new, 60).await, "InvalidParameterValue", "deleted");
    assert_eq!(queue.delete(&new).await, "");
}

#[tokio::test]
async fn in_a_batch_each_handle_fares_by_itself() {
    let queue = queue(&[]).await;
    for body in ["a", "b", "c"] {
        queue.send(body, None).await;
    }
    let first = queue.receive(5).await;
    queue.pass(5);
    let handle = |received: &[(String, String)], body: &str| {
        let found = received.iter().find(|(found, _)| found == body);
        found.unwrap().1.clone()
    };
    let again = queue.receive(5).await;
    queue.pass(5);
    let (stale, expired) = (handle(&first, "a"), handle(&again, "b"));
    let third = queue.receive(60).await;
    let good = handle(&third, "c");
    let failed = |id: &str, code: &str| (id.to_owned(), code.to_owned());
    assert_eq!(
        queue
            .change_batch(&[("a", &stale), ("b", &expired), ("c", &good), ("d", "nonsense")])
            .await,
        Ok(vec![
            failed("a", "InvalidParameterValue"),
            failed("b", "InvalidParameterValue"),
            failed("d", "ReceiptHandleIsInvalid")
        ])
    );
    assert_eq!(
        queue
            .delete_batch(&[("a", &stale), ("c", &good), ("d", "nonsense")])
            .await,
        Ok(vec![failed("d", "ReceiptHandleIsInvalid")])
    );
    queue.pass(60);
    assert_eq!(
        queue.receive(5).await.len(),
        2,
        "a and b: a stale handle deletes nothing"
    );
}

#[tokio::test]
async fn a_message_is_hidden_for_twelve_hours_at_most_in_all() {
    let queue = queue(&[]).await;
    queue.send("a", None).await;
    let handle = queue.handle(60).await;
    assert_eq!(queue.change(&handle, 43_201).await, "InvalidParameterValue");
    assert_eq!(queue.change(&handle, -1).await, "InvalidParameterValue");
    assert_eq!(queue.change(&handle, 43_200).await, "");
    queue.pass(43_199);
    assert_eq!(queue.change(&handle, 1).await, "");
    assert_eq!(queue.change(&handle, 2).await, "InvalidParameterValue");
    // A new receive begins a new twelve hours.
    queue.pass(1);
    let handle = queue.handle(60).await;
    assert_eq!(queue.change(&handle, 43_200).await, "");
}

#[tokio::test]
async fn a_message_s_own_delay_wins_and_a_queue_s_new_delay_is_for_new_messages() {
    let queue = queue(&[(Attribute::DelaySeconds, "60")]).await;
    queue.send("now", Some(0)).await;
    queue.send("in a minute", None).await;
    let set = queue.client.set_queue_attributes().queue_url(&queue.url);
    set.attributes(Attribute::DelaySeconds, "900").send().await.unwrap();
    queue.send("in a quarter", None).await;
    let bodies = async || -> Vec<String> { queue.receive(43_200).await.into_iter().map(|(body, _)| body).collect() };
    assert_eq!(bodies().await, ["now"]);
    queue.pass(60);
    assert_eq!(bodies().await, ["in a minute"]);
    queue.pass(840);
    assert_eq!(bodies().await, ["in a quarter"]);
}

#[tokio::test]
async fn a_message_lives_for_fourteen_days_at_most_and_moving_to_the_dead_letters_does_not_make_it_younger() {
    const DAY_S: i64 = 24 * 60 * 60;
    let days = "1209600";
    let queue = queue(&[(Attribute::MessageRetentionPeriod, days)]).await;
    let longer = queue.client.set_queue_attributes().queue_url(&queue.url);
    let longer = longer
        .attributes(Attribute::MessageRetentionPeriod, "1209601")
        .send()
        .await;
    assert_eq!(code(longer), "InvalidAttributeValue");
    let dead = create(&queue.client, "dial-dlq", &[(Attribute::MessageRetentionPeriod, days)]).await;
    let set = queue.client.set_queue_attributes().queue_url(&queue.url);
    set.attributes(Attribute::RedrivePolicy, redrive("dial-dlq", "1"))
        .send()
        .await
        .unwrap();
    queue.send("a", None).await;
    let handle = queue.handle(30).await;
    queue.pass(13 * DAY_S);
    assert!(queue.receive(30).await.is_empty(), "it was received once");
    let dead = Queue { url: dead, ..queue };
    assert_eq!(
        dead.delete(&handle).await,
        "ReceiptHandleIsInvalid",
        "a handle is its queue's"
    );
    assert_eq!(dead.receive(30).await.len(), 1);
    dead.pass(DAY_S);
    assert!(dead.receive(30).await.is_empty());
}

#[tokio::test]
async fn a_hundred_and_twenty_thousand_messages_in_flight_are_the_limit() {
    let folder = std::env::temp_dir().join(format!("redial-in-flight-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let file = folder.join("queues.sqlite");
    let clock = stepped();
    let until = (clock.now() + TimeDelta::hours(1)).timestamp_millis();
    let engine = QueueEngine::open(&file, clock.clone()).unwrap();
    engine.create_queue("dial", &crate::attributes(&[])).unwrap();
    drop(engine);
    // As if they had been received: one by one it would take minutes.
    let db = rusqlite::Connection::open(&file).unwrap();
    let filled = db.execute(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 119995)
         INSERT INTO messages (queue, message_id, body, attributes, sent_ms, visible_ms, receive_count, received_ms)
         SELECT 'dial', i, 'x', '{}', ?1, ?2, 1, ?1 FROM n",
        [clock.now().timestamp_millis(), until],
    );
    assert_eq!(filled.unwrap(), 119_995);
    drop(db);

    let engine = QueueEngine::open(&file, clock.clone()).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base_url = queue_protocol::base_url(listener.local_addr().unwrap());
    tokio::spawn(queue_protocol::serve(listener, engine));
    let (url, client) = (queue_protocol::queue_url(&base_url, "dial"), client(&base_url));
    let queue = Queue { clock, client, url };
    for _ in 0..2 {
        let ten = ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"].map(|id| (id, "y"));
        assert_eq!(queue.send_batch(&ten).await, "", "there is no limit to what waits");
    }
    let received = queue.receive(60).await;
    assert_eq!(received.len(), 5, "as many as there is room for");
    let short = queue.client.receive_message().queue_url(&queue.url).send().await;
    assert_eq!(code(short), "OverLimit");
    let long = queue
        .client
        .receive_message()
        .queue_url(&queue.url)
        .wait_time_seconds(1);
    assert!(
        long.send().await.unwrap().messages().is_empty(),
        "a long poll is told nothing"
    );
    assert_eq!(queue.delete(&received[0].1).await, "");
    assert_eq!(queue.receive(60).await.len(), 1);
    queue.pass(60);
    assert_eq!(
        queue.receive(60).await.len(),
        5,
        "what is visible again is not in flight"
    );
    std::fs::remove_dir_all(&folder).unwrap();
}
