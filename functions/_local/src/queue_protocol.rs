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
use rustack_sqs_model::{
    error::{SqsError, SqsErrorCode as Code},
    input as i,
    operations::SqsOperation as Op,
    output as o, types as t,
};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::json;
use tokio::{net::TcpListener, task::JoinSet};

use crate::{
    queue_attributes::{ACCOUNT_ID, Attributes, REGION},
    queue_engine::QueueEngine,
    queue_error::QueueError,
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
        Box::pin(async move { Ok(this.handle(op, &body).await.unwrap_or_else(|error| refused(&error))) })
    }
}

/// An error as AWS writes it: its shape in the body, for SDKs that know shapes, and its older code in a header.
fn refused(error: &SqsError) -> Response {
    let body = json!({ "__type": format!("com.amazonaws.sqs#{}", shape(error.code)), "message": error.message });
    let mut response = Response::new(SqsResponseBody::from_json(body.to_string().into_bytes()));
    *response.status_mut() = error.code.status_code();
    // The codes are plain ASCII.
    if let Ok(code) = http::HeaderValue::from_str(&error.code.query_error_header()) {
        response.headers_mut().insert("x-amzn-query-error", code);
    }
    response
}

/// The name of an error in the SDKs' models.
fn shape(code: Code) -> &'static str {
    match code {
        Code::NonExistentQueue => "QueueDoesNotExist",
        Code::QueueAlreadyExists => "QueueNameExists",
        other => other.error_type().trim_start_matches("AWS.SimpleQueueService."),
    }
}

impl Handler {
    async fn handle(&self, op: Op, body: &[u8]) -> Result<Response, SqsError> {
        match op {
            Op::CreateQueue => self.answer(&self.create_queue(read(body)?)?),
            Op::GetQueueUrl => self.answer(&self.get_queue_url(&read(body)?)?),
            Op::ListQueues => self.answer(&self.list_queues(&read(body)?)?),
            Op::GetQueueAttributes => self.answer(&self.get_attributes(&read(body)?)?),
            Op::SetQueueAttributes => self.answer(&self.set_attributes(read(body)?)?),
            Op::PurgeQueue => {
                let input: i::PurgeQueueInput = read(body)?;
                self.engine.purge(name(&input.queue_url)?)?;
                self.answer(&o::PurgeQueueOutput {})
            }
            Op::DeleteQueue => {
                let input: i::DeleteQueueInput = read(body)?;
                self.engine.delete_queue(name(&input.queue_url)?)?;
                self.answer(&o::DeleteQueueOutput {})
            }
            Op::SendMessage => self.answer(&self.send(read(body)?)?),
            Op::SendMessageBatch => self.answer(&self.send_batch(read(body)?)?),
            Op::ReceiveMessage => self.answer(&self.receive(read(body)?).await?),
            Op::DeleteMessage => {
                let input: i::DeleteMessageInput = read(body)?;
                self.engine.delete(name(&input.queue_url)?, &input.receipt_handle)?;
                self.answer(&o::DeleteMessageOutput {})
            }
            Op::DeleteMessageBatch => self.answer(&self.delete_batch(&read(body)?)?),
            Op::ChangeMessageVisibility => {
                let input: i::ChangeMessageVisibilityInput = read(body)?;
                self.engine.change_visibility(
                    name(&input.queue_url)?,
                    &input.receipt_handle,
                    i64::from(input.visibility_timeout),
                )?;
                self.answer(&o::ChangeMessageVisibilityOutput {})
            }
            Op::ChangeMessageVisibilityBatch => self.answer(&self.change_visibility_batch(&read(body)?)?),
            other => Err(SqsError::new(
                Code::UnsupportedOperation,
                format!("{other} is not supported by `redial local`; on AWS it is."),
            )),
        }
    }

    fn answer(&self, output: &impl Serialize) -> Result<Response, SqsError> {
        let json = serde_json::to_vec(output).map_err(|_| SqsError::internal_error("The answer is not JSON."))?;
        let number = self.requests.fetch_add(1, Ordering::Relaxed);
        Ok(json_response(json, &format!("local-{number}")))
    }

    fn create_queue(&self, input: i::CreateQueueInput) -> Result<o::CreateQueueOutput, SqsError> {
        let wanted: Attributes = input.attributes.into_iter().collect();
        self.engine.create_queue(&input.queue_name, &wanted)?;
        Ok(o::CreateQueueOutput {
            queue_url: Some(queue_url(&self.base_url, &input.queue_name)),
        })
    }

    fn get_queue_url(&self, input: &i::GetQueueUrlInput) -> Result<o::GetQueueUrlOutput, SqsError> {
        if !self.engine.exists(&input.queue_name) {
            return Err(SqsError::from(QueueError::NoSuchQueue(input.queue_name.clone())));
        }
        Ok(o::GetQueueUrlOutput {
            queue_url: Some(queue_url(&self.base_url, &input.queue_name)),
        })
    }

    fn list_queues(&self, input: &i::ListQueuesInput) -> Result<o::ListQueuesOutput, SqsError> {
        let max = input
            .max_results
            .map_or(LIST_MAX, |max| usize::try_from(max).unwrap_or(0));
        if !(1..=LIST_MAX).contains(&max) {
            return Err(SqsError::invalid_parameter_value(
                "MaxResults must be an integer between 1 and 1000.",
            ));
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

    fn get_attributes(&self, input: &i::GetQueueAttributesInput) -> Result<o::GetQueueAttributesOutput, SqsError> {
        let wanted = &input.attribute_names;
        if let Some(unknown) = wanted
            .iter()
            .find(|name| t::QueueAttributeName::from_str_name(name).is_none())
        {
            return Err(SqsError::from(QueueError::InvalidAttributeName {
                name: unknown.clone(),
            }));
        }
        let all = self.engine.attributes(name(&input.queue_url)?)?;
        let every = wanted.iter().any(|name| name == "All");
        let attributes = all
            .into_iter()
            .filter(|(name, _)| every || wanted.contains(name))
            .collect();
        Ok(o::GetQueueAttributesOutput { attributes })
    }

    fn set_attributes(&self, input: i::SetQueueAttributesInput) -> Result<o::SetQueueAttributesOutput, SqsError> {
        let wanted: Attributes = input.attributes.into_iter().collect();
        self.engine.set_attributes(name(&input.queue_url)?, &wanted)?;
        Ok(o::SetQueueAttributesOutput {})
    }

    fn send(&self, input: i::SendMessageInput) -> Result<o::SendMessageOutput, SqsError> {
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

    fn send_batch(&self, input: i::SendMessageBatchInput) -> Result<o::SendMessageBatchOutput, SqsError> {
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

    async fn receive(&self, input: i::ReceiveMessageInput) -> Result<o::ReceiveMessageOutput, SqsError> {
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

    fn delete_batch(&self, input: &i::DeleteMessageBatchInput) -> Result<o::DeleteMessageBatchOutput, SqsError> {
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
    ) -> Result<o::ChangeMessageVisibilityBatchOutput, SqsError> {
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

    fn existing<'a>(&self, queue_url: &'a str) -> Result<&'a str, SqsError> {
        let name = name(queue_url)?;
        if self.engine.exists(name) {
            Ok(name)
        } else {
            Err(SqsError::from(QueueError::NoSuchQueue(name.to_owned())))
        }
    }
}

fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, SqsError> {
    let body = if body.is_empty() { b"{}" } else { body };
    serde_json::from_slice(body).map_err(|error| match error.classify() {
        serde_json::error::Category::Data => SqsError::missing_parameter(format!("The request is not valid: {error}")),
        _ => SqsError::invalid_parameter_value("The request is not JSON."),
    })
}

/// The queue a URL names: its last part. Host and account are not compared, so that any loopback name works.
fn name(queue_url: &str) -> Result<&str, SqsError> {
    queue_url
        .rsplit('/')
        .next()
        .filter(|name| !name.is_empty())
        .ok_or_else(|| SqsError::missing_parameter("The request must contain the parameter QueueUrl."))
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
    let error = SqsError::from(error);
    t::BatchResultErrorEntry {
        id,
        sender_fault: error.code.is_sender_fault(),
        code: error.code.error_type().to_owned(),
        message: Some(error.message),
    }
}
