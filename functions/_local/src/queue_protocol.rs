//! The queue engine behind the protocol of SQS (AWS JSON 1.0), so that the SDKs and the AWS CLI work with it.
//!
//! Translates requests, answers and errors; decides nothing about messages. Signatures are not checked: it listens on
//! loopback only.

use std::{
    future::Future,
    io,
    net::SocketAddr,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use bytes::Bytes;
use hyper_util::rt::TokioIo;
use rustack_sqs_http::{
    body::SqsResponseBody,
    dispatch::SqsHandler,
    response::json_response,
    service::{SqsHttpConfig, SqsHttpService},
};
use rustack_sqs_model::{error::SqsError, input as i, operations::SqsOperation as Op, output as o, types as t};
use serde::{Serialize, de::DeserializeOwned};
use tokio::{net::TcpListener, task::JoinSet};

use crate::{
    queue_attributes::{ACCOUNT_ID, Attributes, REGION},
    queue_engine::QueueEngine,
    queue_error::{QueueError, Refusal},
    queue_message::{BATCH_MAX, MessageAttributes, NewMessage, Received, Sent, check_batch_ids},
};

/// Names in one answer of ListQueues (SQS).
const LIST_MAX: usize = 1_000;

/// Where the SQS API of a listener is reached.
pub fn base_url(address: SocketAddr) -> String {
    format!("http://127.0.0.1:{}", address.port())
}

/// The URL of a queue, as the API gives it.
pub fn queue_url(base_url: &str, name: &str) -> String {
    format!("{base_url}/{ACCOUNT_ID}/{name}")
}

/// Serves the SQS API until dropped; connections end with it.
pub async fn serve(listener: TcpListener, engine: QueueEngine) -> io::Result<()> {
    let handler = Handler {
        engine,
        base_url: base_url(listener.local_addr()?).into(),
        requests: Arc::new(AtomicU64::new(0)),
    };
    let config = SqsHttpConfig {
        region: REGION.to_owned(),
        ..SqsHttpConfig::default()
    };
    let service = SqsHttpService::new(Arc::new(handler), config);
    let mut connections = JoinSet::new();
    loop {
        let (stream, _) = listener.accept().await?;
        // Small requests and answers: without this each waits for the other side's delayed acknowledgement.
        stream.set_nodelay(true)?;
        let service = service.clone();
        connections.spawn(async move {
            // A client that goes away ends its own connection; nobody else has to know.
            let _ = hyper::server::conn::http1::Builder::new()
                .serve_connection(TokioIo::new(stream), service)
                .await;
        });
        while connections.try_join_next().is_some() {}
    }
}

#[derive(Clone)]
struct Handler {
    engine: QueueEngine,
    base_url: Arc<str>,
    requests: Arc<AtomicU64>,
}

type Response = http::Response<SqsResponseBody>;

impl SqsHandler for Handler {
    fn handle_operation(
        &self,
        op: Op,
        body: Bytes,
    ) -> Pin<Box<dyn Future<Output = Result<Response, SqsError>> + Send>> {
        let this = self.clone();
        Box::pin(async move {
            let number = this.requests.fetch_add(1, Ordering::Relaxed);
            Ok(match this.handle(op, &body).await {
                Ok(json) => json_response(json, &format!("local-{number}")),
                Err(error) => refused(&error),
            })
        })
    }
}

/// An answer without HTTP around it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answered {
    /// HTTP status.
    pub status: u16,
    /// The older code of an error, as its header has it.
    pub error_code: Option<String>,
    /// The body.
    pub body: Vec<u8>,
}

/// Answers one request in this process. `operation` is what follows the dot in `X-Amz-Target`.
pub async fn answer(engine: &QueueEngine, base_url: &str, operation: &str, body: &[u8]) -> Answered {
    let handler = Handler {
        engine: engine.clone(),
        base_url: base_url.into(),
        requests: Arc::default(),
    };
    let answered = match Op::from_name(operation) {
        Some(op) => handler.handle(op, body).await,
        None => Err(SqsError::unknown_operation(operation).into()),
    };
    match answered {
        Ok(body) => Answered {
            status: 200,
            error_code: None,
            body,
        },
        Err(refusal) => Answered {
            status: refusal.status,
            error_code: Some(refusal.header()),
            body: refusal.body(),
        },
    }
}

/// An error as AWS writes it: its shape in the body, for SDKs that know shapes, and its older code in a header.
fn refused(refusal: &Refusal) -> Response {
    let mut response = Response::new(SqsResponseBody::from_json(refusal.body()));
    // Statuses and codes are those of a table, and plain ASCII.
    if let (Ok(status), Ok(code)) = (refusal.status.try_into(), refusal.header().parse()) {
        *response.status_mut() = status;
        response.headers_mut().insert("x-amzn-query-error", code);
    }
    response
}

fn to_json(output: &impl Serialize) -> Result<Vec<u8>, Refusal> {
    serde_json::to_vec(output).map_err(|_| SqsError::internal_error("The answer is not JSON.").into())
}

impl Handler {
    async fn handle(&self, op: Op, body: &[u8]) -> Result<Vec<u8>, Refusal> {
        match op {
            Op::CreateQueue => to_json(&self.create_queue(read(body)?)?),
            Op::GetQueueUrl => to_json(&self.get_queue_url(&read(body)?)?),
            Op::ListQueues => to_json(&self.list_queues(&read(body)?)?),
            Op::GetQueueAttributes => to_json(&self.get_attributes(&read(body)?)?),
            Op::SetQueueAttributes => to_json(&self.set_attributes(read(body)?)?),
            Op::PurgeQueue => {
                let input: i::PurgeQueueInput = read(body)?;
                self.engine.purge(name(&input.queue_url)?)?;
                to_json(&o::PurgeQueueOutput {})
            }
            Op::DeleteQueue => {
                let input: i::DeleteQueueInput = read(body)?;
                self.engine.delete_queue(name(&input.queue_url)?)?;
                to_json(&o::DeleteQueueOutput {})
            }
            Op::SendMessage => to_json(&self.send(read(body)?)?),
            Op::SendMessageBatch => to_json(&self.send_batch(read(body)?)?),
            Op::ReceiveMessage => to_json(&self.receive(read(body)?).await?),
            Op::DeleteMessage => {
                let input: i::DeleteMessageInput = read(body)?;
                self.engine.delete(name(&input.queue_url)?, &input.receipt_handle)?;
                to_json(&o::DeleteMessageOutput {})
            }
            Op::DeleteMessageBatch => to_json(&self.delete_batch(&read(body)?)?),
            Op::ChangeMessageVisibility => {
                let input: i::ChangeMessageVisibilityInput = read(body)?;
                self.engine.change_visibility(
                    name(&input.queue_url)?,
                    &input.receipt_handle,
                    i64::from(input.visibility_timeout),
                )?;
                to_json(&o::ChangeMessageVisibilityOutput {})
            }
            Op::ChangeMessageVisibilityBatch => to_json(&self.change_visibility_batch(&read(body)?)?),
            other => Err(QueueError::Unsupported(other.to_string()).into()),
        }
    }

    fn create_queue(&self, input: i::CreateQueueInput) -> Result<o::CreateQueueOutput, Refusal> {
        let wanted: Attributes = input.attributes.into_iter().collect();
        self.engine.create_queue(&input.queue_name, &wanted)?;
        Ok(o::CreateQueueOutput {
            queue_url: Some(queue_url(&self.base_url, &input.queue_name)),
        })
    }

    fn get_queue_url(&self, input: &i::GetQueueUrlInput) -> Result<o::GetQueueUrlOutput, Refusal> {
        if !self.engine.exists(&input.queue_name) {
            return Err(QueueError::NoSuchQueue(input.queue_name.clone()).into());
        }
        Ok(o::GetQueueUrlOutput {
            queue_url: Some(queue_url(&self.base_url, &input.queue_name)),
        })
    }

    fn list_queues(&self, input: &i::ListQueuesInput) -> Result<o::ListQueuesOutput, Refusal> {
        let max = input
            .max_results
            .map_or(LIST_MAX, |max| usize::try_from(max).unwrap_or(0));
        if !(1..=LIST_MAX).contains(&max) {
            return Err(SqsError::invalid_parameter_value("MaxResults must be an integer between 1 and 1000.").into());
        }
        let prefix = input.queue_name_prefix.as_deref().unwrap_or_default();
        let after = input.next_token.as_deref().unwrap_or_default();
        let names = self.engine.queue_names();
        let mut left = names
            .iter()
            .filter(|name| name.starts_with(prefix) && name.as_str() > after);
        let page: Vec<&String> = left.by_ref().take(max).collect();
        let next_token = page
            .last()
            .filter(|_| left.next().is_some())
            .map(|last| (*last).clone());
        let queue_urls = page.iter().map(|name| queue_url(&self.base_url, name)).collect();
        Ok(o::ListQueuesOutput { queue_urls, next_token })
    }

    fn get_attributes(&self, input: &i::GetQueueAttributesInput) -> Result<o::GetQueueAttributesOutput, Refusal> {
        let wanted = &input.attribute_names;
        if let Some(unknown) = wanted
            .iter()
            .find(|name| t::QueueAttributeName::from_str_name(name).is_none())
        {
            return Err(QueueError::InvalidAttributeName { name: unknown.clone() }.into());
        }
        let all = self.engine.attributes(name(&input.queue_url)?)?;
        let every = wanted.iter().any(|name| name == "All");
        let attributes = all
            .into_iter()
            .filter(|(name, _)| every || wanted.contains(name))
            .collect();
        Ok(o::GetQueueAttributesOutput { attributes })
    }

    fn set_attributes(&self, input: i::SetQueueAttributesInput) -> Result<o::SetQueueAttributesOutput, Refusal> {
        let wanted: Attributes = input.attributes.into_iter().collect();
        self.engine.set_attributes(name(&input.queue_url)?, &wanted)?;
        Ok(o::SetQueueAttributesOutput {})
    }

    fn send(&self, input: i::SendMessageInput) -> Result<o::SendMessageOutput, Refusal> {
        let queue = name(&input.queue_url)?.to_owned();
        let new = new_message(
            input.message_body,
            input.delay_seconds,
            input.message_attributes,
            &input.message_system_attributes,
        );
        let sent = self.engine.send(&queue, &new)?;
        Ok(o::SendMessageOutput {
            message_id: Some(sent.message_id),
            md5_of_message_body: Some(sent.md5_of_body),
            md5_of_message_attributes: sent.md5_of_attributes,
            ..o::SendMessageOutput::default()
        })
    }

    fn send_batch(&self, input: i::SendMessageBatchInput) -> Result<o::SendMessageBatchOutput, Refusal> {
        let queue = name(&input.queue_url)?.to_owned();
        check_batch_ids(input.entries.iter().map(|entry| entry.id.as_str()))?;
        let (ids, batch): (Vec<String>, Vec<NewMessage>) = input
            .entries
            .into_iter()
            .map(|e| {
                (
                    e.id,
                    new_message(
                        e.message_body,
                        e.delay_seconds,
                        e.message_attributes,
                        &e.message_system_attributes,
                    ),
                )
            })
            .unzip();
        let mut output = o::SendMessageBatchOutput::default();
        for (id, result) in ids.into_iter().zip(self.engine.send_batch(&queue, &batch)?) {
            match result {
                Ok(Sent {
                    message_id,
                    md5_of_body,
                    md5_of_attributes,
                }) => {
                    output.successful.push(t::SendMessageBatchResultEntry {
                        id,
                        message_id,
                        md5_of_message_body: md5_of_body,
                        md5_of_message_attributes: md5_of_attributes,
                        sequence_number: None,
                    });
                }
                Err(error) => output.failed.push(failed_entry(id, error)),
            }
        }
        Ok(output)
    }

    async fn receive(&self, input: i::ReceiveMessageInput) -> Result<o::ReceiveMessageOutput, Refusal> {
        let max = input
            .max_number_of_messages
            .map_or(1, |max| usize::try_from(max).unwrap_or(0));
        let received = self
            .engine
            .receive_waiting(
                name(&input.queue_url)?,
                // Out of range is the engine's to refuse.
                max.min(BATCH_MAX + 1),
                input.visibility_timeout.map(i64::from),
                input.wait_time_seconds.map(i64::from),
            )
            .await?;
        Ok(o::ReceiveMessageOutput {
            messages: received
                .into_iter()
                .map(|message| received_message(message, &input))
                .collect(),
        })
    }

    fn delete_batch(&self, input: &i::DeleteMessageBatchInput) -> Result<o::DeleteMessageBatchOutput, Refusal> {
        let queue = self.existing(&input.queue_url)?;
        check_batch_ids(input.entries.iter().map(|entry| entry.id.as_str()))?;
        let mut output = o::DeleteMessageBatchOutput::default();
        for entry in &input.entries {
            match self.engine.delete(queue, &entry.receipt_handle) {
                Ok(()) => output
                    .successful
                    .push(t::DeleteMessageBatchResultEntry { id: entry.id.clone() }),
                Err(error) => output.failed.push(failed_entry(entry.id.clone(), error)),
            }
        }
        Ok(output)
    }

    fn change_visibility_batch(
        &self,
        input: &i::ChangeMessageVisibilityBatchInput,
    ) -> Result<o::ChangeMessageVisibilityBatchOutput, Refusal> {
        let queue = self.existing(&input.queue_url)?;
        check_batch_ids(input.entries.iter().map(|entry| entry.id.as_str()))?;
        let mut output = o::ChangeMessageVisibilityBatchOutput::default();
        for entry in &input.entries {
            match self
                .engine
                .change_visibility(queue, &entry.receipt_handle, i64::from(entry.visibility_timeout))
            {
                Ok(()) => {
                    output
                        .successful
                        .push(t::ChangeMessageVisibilityBatchResultEntry { id: entry.id.clone() });
                }
                Err(error) => output.failed.push(failed_entry(entry.id.clone(), error)),
            }
        }
        Ok(output)
    }

    fn existing<'a>(&self, queue_url: &'a str) -> Result<&'a str, Refusal> {
        let name = name(queue_url)?;
        if self.engine.exists(name) {
            Ok(name)
        } else {
            Err(QueueError::NoSuchQueue(name.to_owned()).into())
        }
    }
}

fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, Refusal> {
    let body = if body.is_empty() { b"{}" } else { body };
    let read = serde_json::from_slice(body).map_err(|error| match error.classify() {
        serde_json::error::Category::Data => SqsError::missing_parameter(format!("The request is not valid: {error}")),
        _ => SqsError::invalid_parameter_value("The request is not JSON."),
    });
    Ok(read?)
}

/// The queue a URL names: its last part. Host and account are not compared, so that any loopback name works.
fn name(queue_url: &str) -> Result<&str, Refusal> {
    queue_url
        .rsplit('/')
        .next()
        .filter(|name| !name.is_empty())
        .ok_or_else(|| QueueError::MissingParameter { name: "QueueUrl" }.into())
}

fn new_message(
    body: String,
    delay_s: Option<i32>,
    attributes: impl IntoIterator<Item = (String, t::MessageAttributeValue)>,
    system: &std::collections::HashMap<String, t::MessageSystemAttributeValue>,
) -> NewMessage {
    NewMessage {
        body,
        delay_s: delay_s.map(i64::from),
        attributes: attributes.into_iter().collect(),
        trace_header: system
            .get("AWSTraceHeader")
            .and_then(|value| value.string_value.clone()),
    }
}

fn received_message(message: Received, input: &i::ReceiveMessageInput) -> t::Message {
    let wanted: Vec<&String> = input
        .attribute_names
        .iter()
        .chain(&input.message_system_attribute_names)
        .collect();
    let system = [
        ("SenderId", Some(ACCOUNT_ID.to_owned())),
        ("SentTimestamp", Some(message.sent_at.timestamp_millis().to_string())),
        ("ApproximateReceiveCount", Some(message.receive_count.to_string())),
        (
            "ApproximateFirstReceiveTimestamp",
            Some(message.first_received_at.timestamp_millis().to_string()),
        ),
        ("AWSTraceHeader", message.trace_header),
        ("DeadLetterQueueSourceArn", message.dead_letter_source),
    ];
    let attributes: MessageAttributes = message
        .attributes
        .into_iter()
        .filter(|(name, _)| input.message_attribute_names.iter().any(|wanted| names(wanted, name)))
        .collect();
    t::Message {
        message_id: Some(message.message_id),
        receipt_handle: Some(message.receipt_handle),
        md5_of_body: Some(message.md5_of_body),
        body: Some(message.body),
        md5_of_message_attributes: crate::queue_message::md5_of_attributes(&attributes),
        attributes: system
            .into_iter()
            .filter(|(name, _)| wanted.iter().any(|wanted| *wanted == "All" || wanted == name))
            .filter_map(|(name, value)| Some((name.to_owned(), value?)))
            .collect(),
        message_attributes: attributes.into_iter().collect(),
    }
}

/// `All`, `.*`, `prefix.*` or a name.
fn names(wanted: &str, name: &str) -> bool {
    match wanted.strip_suffix(".*") {
        Some(prefix) => name.starts_with(prefix),
        None => wanted == "All" || wanted == name,
    }
}

fn failed_entry(id: String, error: QueueError) -> t::BatchResultErrorEntry {
    let refusal = Refusal::from(error);
    t::BatchResultErrorEntry {
        id,
        sender_fault: refusal.by_sender,
        code: refusal.code.to_owned(),
        message: Some(refusal.message),
    }
}
