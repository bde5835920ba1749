//! The queues: send, one by one or ten at a time.

use std::time::Duration;

use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::SendMessageBatchRequestEntry;
use serde::Serialize;

/// SQS takes ten entries a batch.
const BATCH_MAX: usize = 10;
/// SQS delays by at most 15 minutes.
pub const DELAY_MAX_S: i32 = 900;
/// Rounds for entries that a batch refused, with a growing pause between them.
const BATCH_ROUNDS_MAX: u32 = 4;

/// Why a message was not sent.
#[derive(Debug, thiserror::Error)]
pub enum QueueError {
    /// The queue did not take it.
    #[error("failed to send to the {queue} queue: {why}")]
    Send {
        /// Which queue.
        queue: &'static str,
        /// What it said.
        why: String,
    },
    /// The function has no URL for the queue.
    #[error("failed to send to the {0} queue: its URL is not configured for this function")]
    NotConfigured(&'static str),
}

/// Where the queues are.
#[derive(Debug, Clone, Default)]
pub struct QueueUrls {
    /// Of the calls queue.
    pub calls: Option<String>,
    /// Of the dial queue.
    pub dial: Option<String>,
    /// Of the tick queue.
    pub tick: Option<String>,
    /// Of the jobs queue.
    pub jobs: Option<String>,
}

/// The queues behind a client.
#[derive(Debug, Clone)]
pub struct Queues {
    client: Client,
    urls: QueueUrls,
}

impl Queues {
    /// The queues behind a client.
    pub const fn new(client: Client, urls: QueueUrls) -> Self {
        Self { client, urls }
    }

    /// Sends what a provider or job reported.
    ///
    /// # Errors
    /// When the queue did not take it.
    pub async fn report(&self, message: &crate::messages::CallMessage) -> Result<(), QueueError> {
        self.send("calls", self.urls.calls.as_deref(), &[(message, 0)]).await
    }

    /// Asks for the end of calls, each after its own delay in seconds.
    ///
    /// # Errors
    /// When the queue did not take all of them.
    pub async fn end_calls(&self, messages: &[(crate::messages::CallMessage, i32)]) -> Result<(), QueueError> {
        let messages: Vec<_> = messages.iter().map(|(message, delay_s)| (message, *delay_s)).collect();
        self.send("calls", self.urls.calls.as_deref(), &messages).await
    }

    /// Sends claimed leads, each after its own delay in seconds.
    ///
    /// # Errors
    /// When the queue did not take all of them.
    pub async fn dial(&self, messages: &[(crate::messages::DialMessage, i32)]) -> Result<(), QueueError> {
        let messages: Vec<_> = messages.iter().map(|(message, delay_s)| (message, *delay_s)).collect();
        self.send("dial", self.urls.dial.as_deref(), &messages).await
    }

    /// Asks for looks at parts of the queue, each after its own delay in seconds.
    ///
    /// # Errors
    /// When the queue did not take all of them.
    pub async fn tick(&self, messages: &[(crate::messages::TickMessage, i32)]) -> Result<(), QueueError> {
        let messages: Vec<_> = messages.iter().map(|(message, delay_s)| (message, *delay_s)).collect();
        self.send("tick", self.urls.tick.as_deref(), &messages).await
    }

    /// Asks for a job to be gone on with.
    ///
    /// # Errors
    /// When the queue did not take it.
    pub async fn job(&self, job: &str) -> Result<(), QueueError> {
        let message = crate::messages::JobMessage {
            v: redial_domain::SCHEMA_VERSION,
            job: job.to_owned(),
        };
        self.send("jobs", self.urls.jobs.as_deref(), &[(&message, 0)]).await
    }

    async fn send<T: Serialize>(
        &self,
        queue: &'static str,
        url: Option<&str>,
        messages: &[(&T, i32)],
    ) -> Result<(), QueueError> {
        let url = url.ok_or(QueueError::NotConfigured(queue))?;
        let failed = |why: String| QueueError::Send { queue, why };
        for chunk in messages.chunks(BATCH_MAX) {
            let mut left = Vec::with_capacity(chunk.len());
            for (n, (message, delay_s)) in chunk.iter().enumerate() {
                let body = body(message).map_err(|error| failed(error.to_string()))?;
                let entry = SendMessageBatchRequestEntry::builder()
                    .id(n.to_string())
                    .message_body(body)
                    .delay_seconds((*delay_s).clamp(0, DELAY_MAX_S))
                    .build()
                    .map_err(|error| failed(error.to_string()))?;
                left.push(entry);
            }
            for round in 0..BATCH_ROUNDS_MAX {
                if round > 0 {
                    tokio::time::sleep(Duration::from_millis(50 << round)).await;
                }
                let answer = self
                    .client
                    .send_message_batch()
                    .queue_url(url)
                    .set_entries(Some(left.clone()))
                    .send()
                    .await
                    .map_err(|error| {
                        failed(
                            aws_sdk_sqs::error::ProvideErrorMetadata::code(&error)
                                .unwrap_or("no answer")
                                .to_owned(),
                        )
                    })?;
                let refused: Vec<&str> = answer.failed().iter().map(|entry| entry.id()).collect();
                left.retain(|entry| refused.contains(&entry.id()));
                if left.is_empty() {
                    break;
                }
            }
            if !left.is_empty() {
                return Err(failed(format!(
                    "{} of {} messages were refused",
                    left.len(),
                    chunk.len()
                )));
            }
        }
        Ok(())
    }
}

/// A message as JSON that the queue takes. SQS refuses U+FFFE and U+FFFF (API reference of SendMessage, 2026); JSON may
/// hold them, and so may what a provider sends. Written as escapes they are the same text. Control characters are
/// escaped in JSON anyway.
fn body<T: Serialize>(message: &T) -> serde_json::Result<String> {
    let json = serde_json::to_string(message)?;
    Ok(json.replace('\u{fffe}', "\\ufffe").replace('\u{ffff}', "\\uffff"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_character_of_a_message_is_one_that_the_queue_takes_and_comes_back_as_it_was() {
        let text = "\u{0}\u{1f}\"\\ \u{fffd}\u{fffe}\u{ffff}\u{10000}";
        let body = body(&text).unwrap();
        assert!(!body.contains(['\u{0}', '\u{1f}', '\u{fffe}', '\u{ffff}']), "{body}");
        assert_eq!(serde_json::from_str::<String>(&body).unwrap(), text);
    }
}
