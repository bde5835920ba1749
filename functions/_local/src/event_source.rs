//! An SQS event source mapping, as Lambda does it: polls one queue, invokes one function, deletes what succeeded.
//!
//! Knows nothing of what the messages say. What failed is left to its visibility time-out, as on AWS. It talks to the
//! queue over the SDK like everybody else; the engine only tells it when to look, so that no message is on its way
//! unseen by the runner.

use std::{collections::BTreeSet, fmt, sync::Arc, time::Duration};

use aws_sdk_sqs::{
    Client,
    types::{DeleteMessageBatchRequestEntry, Message, MessageAttributeValue, MessageSystemAttributeName},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Map, Value, json};
use tokio::{
    sync::{Semaphore, watch},
    task::JoinSet,
};

use crate::{
    activity::Activity,
    functions::{Function, invoke},
    queue_attributes::{REGION, arn},
    queue_engine::QueueEngine,
    queue_message::BATCH_MAX,
};

/// Pause after the queue could not be read, so that a broken queue does not burn a core.
const RETRY_PAUSE: Duration = Duration::from_millis(200);

/// A queue and the function behind it.
#[derive(Clone)]
pub struct EventSource {
    /// Name of the queue.
    pub queue: String,
    /// URL of the queue.
    pub queue_url: String,
    /// Name of the function, for the log and the runner's errors.
    pub function_name: String,
    /// The function.
    pub function: Function,
    /// Messages in one invocation, 1 to 10.
    pub batch_size: i32,
    /// Invocations at the same time, at least 1 (AWS: at least 2).
    pub max_concurrency: usize,
    /// The queue's API.
    pub client: Client,
    /// Tells when there is something to receive.
    pub engine: QueueEngine,
    /// Where invocations are counted.
    pub activity: Activity,
}

impl fmt::Debug for EventSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EventSource")
            .field("queue", &self.queue)
            .field("function", &self.function_name)
            .finish()
    }
}

impl EventSource {
    /// Polls and invokes until dropped; invocations end with it, as by a crash.
    pub async fn run(self) {
        let (_never, stop) = watch::channel(false);
        self.run_until(stop).await;
    }

    /// Polls and invokes until `stop` becomes true, then lets the invocations that run come to their end. When dropped,
    /// they end with it.
    pub async fn run_until(self, mut stop: watch::Receiver<bool>) {
        let source = Arc::new(self);
        let slots = Arc::new(Semaphore::new(source.max_concurrency.max(1)));
        let mut invocations = JoinSet::new();
        loop {
            let next = async {
                // The semaphore is never closed.
                let slot = Arc::clone(&slots).acquire_owned().await.ok();
                (slot, source.engine.wait_visible(&source.queue).await)
            };
            let (slot, visible) = tokio::select! {
                biased;
                // Ends with its sender too.
                _ = stop.wait_for(|stop| *stop) => break,
                next = next => next,
            };
            if let Err(error) = visible {
                tracing::error!(queue = source.queue, "event source cannot see its queue: {error}");
                tokio::time::sleep(RETRY_PAUSE).await;
                continue;
            }
            // From here the message is either visible or counted as running: the runner sees no gap.
            let running = source.activity.begin(&source.function_name);
            match source.receive().await {
                Ok(messages) if messages.is_empty() => {}
                Ok(messages) => {
                    let source = Arc::clone(&source);
                    invocations.spawn(async move {
                        source.process(messages).await;
                        drop(running);
                        drop(slot);
                    });
                }
                Err(error) => {
                    tracing::error!(queue = source.queue, "event source cannot receive: {error}");
                    drop(running);
                    tokio::time::sleep(RETRY_PAUSE).await;
                }
            }
            while invocations.try_join_next().is_some() {}
        }
        while invocations.join_next().await.is_some() {}
    }

    async fn receive(&self) -> Result<Vec<Message>, String> {
        let output = self
            .client
            .receive_message()
            .queue_url(&self.queue_url)
            .max_number_of_messages(self.batch_size.clamp(1, BATCH_MAX as i32))
            .message_system_attribute_names(MessageSystemAttributeName::All)
            .message_attribute_names("All")
            .send()
            .await
            .map_err(|error| aws_sdk_sqs::error::DisplayErrorContext(error).to_string())?;
        Ok(output.messages.unwrap_or_default())
    }

    async fn process(&self, messages: Vec<Message>) {
        let event = lambda_event(&self.queue, &messages);
        let failed = match invoke(&self.function, event).await {
            Ok(answer) => failed_ids(&answer, &messages),
            Err(error) => Err(error),
        };
        let failed = match failed {
            Ok(failed) => failed,
            Err(error) => {
                tracing::warn!(
                    function = self.function_name,
                    "invocation failed, its batch comes again: {error}"
                );
                return;
            }
        };
        if !failed.is_empty() {
            tracing::warn!(
                function = self.function_name,
                "{} of {} messages come again",
                failed.len(),
                messages.len()
            );
        }
        let done: Vec<&Message> = messages
            .iter()
            .filter(|message| !failed.contains(message.message_id().unwrap_or_default()))
            .collect();
        if let Err(error) = self.delete(&done).await {
            // They come again after their time-out; every consumer is idempotent.
            tracing::warn!(
                queue = self.queue,
                "done messages were not deleted and come again: {error}"
            );
        }
    }

    async fn delete(&self, done: &[&Message]) -> Result<(), String> {
        if done.is_empty() {
            return Ok(());
        }
        let entries = done
            .iter()
            .enumerate()
            .map(|(index, message)| {
                DeleteMessageBatchRequestEntry::builder()
                    .id(index.to_string())
                    .receipt_handle(message.receipt_handle().unwrap_or_default())
                    .build()
            })
            .collect::<Result<Vec<_>, _>>()
            .map_err(|error| error.to_string())?;
        let output = self
            .client
            .delete_message_batch()
            .queue_url(&self.queue_url)
            .set_entries(Some(entries))
            .send()
            .await
            .map_err(|error| aws_sdk_sqs::error::DisplayErrorContext(error).to_string())?;
        match output.failed().first() {
            Some(failed) => Err(failed.code().to_owned()),
            None => Ok(()),
        }
    }
}

/// The event Lambda makes of received messages.
pub fn lambda_event(queue: &str, messages: &[Message]) -> Value {
    let records: Vec<Value> = messages.iter().map(|message| record(queue, message)).collect();
    json!({ "Records": records })
}

fn record(queue: &str, message: &Message) -> Value {
    let attributes: Map<String, Value> = message
        .attributes()
        .into_iter()
        .flatten()
        .map(|(name, value)| (name.as_str().to_owned(), json!(value)))
        .collect();
    let own: Map<String, Value> = message
        .message_attributes()
        .into_iter()
        .flatten()
        .map(|(name, value)| (name.clone(), own_attribute(value)))
        .collect();
    let mut record = json!({
        "messageId": message.message_id(),
        "receiptHandle": message.receipt_handle(),
        "body": message.body(),
        "attributes": attributes,
        "messageAttributes": own,
        "md5OfBody": message.md5_of_body(),
        "eventSource": "aws:sqs",
        "eventSourceARN": arn(queue),
        "awsRegion": REGION,
    });
    if let Some(md5) = message.md5_of_message_attributes() {
        record["md5OfMessageAttributes"] = json!(md5);
    }
    record
}

fn own_attribute(value: &MessageAttributeValue) -> Value {
    let mut attribute = json!({ "stringListValues": [], "binaryListValues": [], "dataType": value.data_type() });
    if let Some(text) = value.string_value() {
        attribute["stringValue"] = json!(text);
    }
    if let Some(binary) = value.binary_value() {
        attribute["binaryValue"] = json!(STANDARD.encode(binary.as_ref()));
    }
    attribute
}

/// Which messages failed, by a partial batch response. As on AWS (Lambda developer guide, "Success and failure conditions"
/// for SQS, 2026): no answer, an empty one, no list and an empty list fail none; an answer of another shape, and an
/// identifier that is null, empty, under another key or not in the batch, fail the whole batch.
pub fn failed_ids(answer: &Value, messages: &[Message]) -> Result<BTreeSet<String>, String> {
    let answer = match answer {
        Value::Null => return Ok(BTreeSet::new()),
        Value::Object(answer) => answer,
        _ => return Err("its answer is no batch response".to_owned()),
    };
    let failures = match answer.get("batchItemFailures") {
        None | Some(Value::Null) => return Ok(BTreeSet::new()),
        Some(Value::Array(failures)) => failures,
        Some(_) => return Err("its answer has `batchItemFailures` that is no list".to_owned()),
    };
    failures
        .iter()
        .map(|failure| {
            let id = failure["itemIdentifier"].as_str().unwrap_or_default();
            let known = !id.is_empty() && messages.iter().any(|message| message.message_id() == Some(id));
            known
                .then(|| id.to_owned())
                .ok_or_else(|| "its answer names a message that is not in the batch".to_owned())
        })
        .collect()
}
