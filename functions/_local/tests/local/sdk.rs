//! The AWS SDK against the queues, over HTTP.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::{AttributeDefinition, BillingMode, KeySchemaElement, KeyType, ScalarAttributeType};
use aws_sdk_sqs::{
    Client,
    config::{Credentials, Region},
    error::ProvideErrorMetadata,
    primitives::Blob,
    types::{MessageAttributeValue, MessageSystemAttributeName, QueueAttributeName, SendMessageBatchRequestEntry},
};
use chrono::TimeDelta;
use redial_local::{dynamodb, queue_engine::QueueEngine, queue_protocol, virtual_clock::VirtualClock};
use tokio::net::TcpListener;

use crate::{redrive, stepped};

pub(crate) fn client(base_url: &str) -> Client {
    let config = aws_sdk_sqs::Config::builder()
        .behavior_version_latest()
        .region(Region::new("us-east-1"))
        .credentials_provider(Credentials::new("test", "test", None, None, "test"))
        .endpoint_url(base_url)
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .build();
    Client::from_conf(config)
}

pub(crate) async fn serve(clock: &VirtualClock) -> (QueueEngine, String, Client) {
    let engine = QueueEngine::in_memory(clock.clone()).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base_url = queue_protocol::base_url(listener.local_addr().unwrap());
    tokio::spawn(queue_protocol::serve(listener, engine.clone()));
    let client = client(&base_url);
    (engine, base_url, client)
}

async fn received(client: &Client, url: &str) -> Vec<aws_sdk_sqs::types::Message> {
    let request = client
        .receive_message()
        .queue_url(url)
        .max_number_of_messages(10)
        .visibility_timeout(30);
    let request = request
        .message_system_attribute_names(MessageSystemAttributeName::All)
        .message_attribute_names("All");
    request.send().await.unwrap().messages.unwrap_or_default()
}

#[tokio::test]
async fn the_sdk_sends_delays_receives_deletes_and_sees_dead_letters() {
    let clock = stepped();
    let (_, base_url, client) = serve(&clock).await;
    let dlq = client
        .create_queue()
        .queue_name("dial-dlq")
        .send()
        .await
        .unwrap()
        .queue_url
        .unwrap();
    assert_eq!(dlq, format!("{base_url}/000000000000/dial-dlq"));
    let policy = redrive("dial-dlq", "\"2\"");
    let request = client
        .create_queue()
        .queue_name("dial")
        .attributes(QueueAttributeName::RedrivePolicy, &policy);
    let url = request.send().await.unwrap().queue_url.unwrap();

    let text = MessageAttributeValue::builder()
        .data_type("String")
        .string_value("x")
        .build()
        .unwrap();
    let binary = MessageAttributeValue::builder()
        .data_type("Binary")
        .binary_value(Blob::new([1, 2]))
        .build()
        .unwrap();
    let request = client
        .send_message()
        .queue_url(&url)
        .message_body("later")
        .delay_seconds(60);
    let sent = request
        .message_attributes("kind", text)
        .message_attributes("raw", binary)
        .send()
        .await
        .unwrap();
    assert_eq!(sent.md5_of_message_body().unwrap(), "c18788c2f274c779da72d9854ea4bfbf");
    assert!(received(&client, &url).await.is_empty());
    clock.advance_to(clock.now() + TimeDelta::seconds(60));
    let first = received(&client, &url).await;
    assert_eq!(first[0].body(), Some("later"));
    assert_eq!(
        first[0].message_attributes().unwrap()["raw"]
            .binary_value()
            .unwrap()
            .as_ref(),
        [1, 2]
    );
    assert_eq!(first[0].md5_of_message_attributes(), sent.md5_of_message_attributes());
    let system = first[0].attributes().unwrap();
    assert_eq!(system[&MessageSystemAttributeName::ApproximateReceiveCount], "1");

    clock.advance_to(clock.now() + TimeDelta::seconds(30));
    let second = received(&client, &url).await;
    let stale = first[0].receipt_handle().unwrap();
    client
        .delete_message()
        .queue_url(&url)
        .receipt_handle(stale)
        .send()
        .await
        .unwrap();
    let counts: HashMap<_, _> = client
        .get_queue_attributes()
        .queue_url(&url)
        .attribute_names(QueueAttributeName::All)
        .send()
        .await
        .unwrap()
        .attributes
        .unwrap();
    assert_eq!(counts[&QueueAttributeName::ApproximateNumberOfMessagesNotVisible], "1");
    assert_eq!(second[0].message_id(), first[0].message_id());

    clock.advance_to(clock.now() + TimeDelta::seconds(30));
    assert!(received(&client, &url).await.is_empty());
    let dead = received(&client, &dlq).await;
    assert_eq!(dead[0].message_id(), first[0].message_id());
}

#[tokio::test]
async fn batches_answer_entry_by_entry_and_errors_have_the_codes_of_aws() {
    let (_, base_url, client) = serve(&stepped()).await;
    let url = client
        .create_queue()
        .queue_name("calls")
        .send()
        .await
        .unwrap()
        .queue_url
        .unwrap();
    let entry = |id: &str, delay| {
        SendMessageBatchRequestEntry::builder()
            .id(id)
            .message_body("x")
            .delay_seconds(delay)
            .build()
            .unwrap()
    };
    let output = client
        .send_message_batch()
        .queue_url(&url)
        .entries(entry("a", 0))
        .entries(entry("b", 901))
        .send()
        .await
        .unwrap();
    assert_eq!((output.successful().len(), output.failed().len()), (1, 1));
    assert_eq!(
        (output.failed()[0].id(), output.failed()[0].sender_fault()),
        ("b", true)
    );

    let twice = client
        .send_message_batch()
        .queue_url(&url)
        .entries(entry("a", 0))
        .entries(entry("a", 0))
        .send()
        .await;
    assert!(
        twice
            .unwrap_err()
            .into_service_error()
            .is_batch_entry_ids_not_distinct()
    );
    let missing = client
        .get_queue_url()
        .queue_name("nothing")
        .send()
        .await
        .unwrap_err()
        .into_service_error();
    assert!(missing.is_queue_does_not_exist());
    let late = client
        .send_message()
        .queue_url(&url)
        .message_body("x")
        .delay_seconds(901)
        .send()
        .await;
    assert_eq!(late.unwrap_err().code(), Some("InvalidParameterValue"));
    let invalid = client
        .delete_message()
        .queue_url(&url)
        .receipt_handle("x")
        .send()
        .await
        .unwrap_err();
    assert!(invalid.into_service_error().is_receipt_handle_is_invalid());
    let tags = client
        .list_queue_tags()
        .queue_url(&url)
        .send()
        .await
        .unwrap_err()
        .into_service_error();
    assert!(tags.is_unsupported_operation());
    let fifo = client.create_queue().queue_name("calls.fifo").send().await.unwrap_err();
    assert_eq!(fifo.code(), Some("AWS.SimpleQueueService.UnsupportedOperation"));
    let listed = client.list_queues().queue_name_prefix("ca").send().await.unwrap();
    assert_eq!(listed.queue_urls(), [format!("{base_url}/000000000000/calls")]);
    client.purge_queue().queue_url(&url).send().await.unwrap();
    client.delete_queue().queue_url(&url).send().await.unwrap();
    assert!(client.list_queues().send().await.unwrap().queue_urls().is_empty());
}

#[tokio::test]
async fn the_embedded_dynamodb_keeps_its_tables_in_a_file() {
    let folder = std::env::temp_dir().join(format!("redial-tables-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let file = folder.join("tables.sqlite");
    for expected in [0, 1] {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
        let tables = dynamodb::start(Some(&file), listener, async {
            let _ = stopped.await;
        });
        let tables = tables.unwrap();
        let client = dynamo_client(&format!("http://{}", tables.address));
        assert_eq!(client.list_tables().send().await.unwrap().table_names().len(), expected);
        if expected == 0 {
            let key = KeySchemaElement::builder()
                .attribute_name("pk")
                .key_type(KeyType::Hash)
                .build()
                .unwrap();
            let pk = AttributeDefinition::builder()
                .attribute_name("pk")
                .attribute_type(ScalarAttributeType::S);
            let table = client.create_table().table_name("redial").key_schema(key);
            let table = table
                .attribute_definitions(pk.build().unwrap())
                .billing_mode(BillingMode::PayPerRequest);
            table.send().await.unwrap();
        }
        drop(client);
        drop(stop);
        tables.server.await.unwrap().unwrap();
    }
    std::fs::remove_dir_all(&folder).unwrap();
}

fn dynamo_client(endpoint_url: &str) -> aws_sdk_dynamodb::Client {
    let config = aws_sdk_dynamodb::Config::builder()
        .behavior_version_latest()
        .region(Region::new("us-east-1"))
        .credentials_provider(Credentials::new("test", "test", None, None, "test"))
        .endpoint_url(endpoint_url)
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .build();
    aws_sdk_dynamodb::Client::from_conf(config)
}
