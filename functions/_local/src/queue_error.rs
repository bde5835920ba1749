//! Why an operation on a queue is refused, in our words and in those of AWS.
//!
//! Knows nothing of how it came to that.

use rustack_sqs_model::error::{SqsError, SqsErrorCode as Code};
use serde_json::json;

/// Why an operation on a queue was refused. The protocol turns each into the error AWS would answer.
#[derive(Debug, thiserror::Error)]
pub enum QueueError {
    /// There is no queue of that name.
    #[error("failed to find queue `{0}`")]
    NoSuchQueue(String),
    /// The queue exists with another value of an attribute.
    #[error("failed to create queue `{queue}`: it exists with a different value for attribute {attribute}")]
    Exists {
        /// The queue.
        queue: String,
        /// The attribute that differs.
        attribute: String,
    },
    /// SQS knows no attribute of that name.
    #[error("failed to read attributes: unknown attribute {name}")]
    InvalidAttributeName {
        /// The attribute.
        name: String,
    },
    /// The value is outside the limits of SQS.
    #[error("failed to read attributes: invalid value for attribute {name}")]
    InvalidAttributeValue {
        /// The attribute.
        name: String,
    },
    /// A parameter is outside the limits of SQS.
    #[error("failed to read parameter {name}: {reason}")]
    InvalidParameter {
        /// The parameter.
        name: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// The text has characters that XML cannot carry.
    #[error("failed to read {0}: it has characters that SQS does not take")]
    InvalidContents(&'static str),
    /// As many messages are in flight as a queue may have.
    #[error("failed to receive: 120000 messages are in flight")]
    OverLimit,
    /// A required parameter is missing.
    #[error("failed to find required parameter {name}")]
    MissingParameter {
        /// The parameter.
        name: &'static str,
    },
    /// The handle was never given, or for another queue.
    #[error("failed to read receipt handle")]
    ReceiptHandleInvalid,
    /// The message is not hidden, so its time-out cannot change. The API reference names this error (2026); AWS was also
    /// seen to answer that all is well and to change nothing (localstack/localstack#9632, November 2023). Either way the
    /// message stays visible.
    #[error("failed to change visibility: the message is not in flight")]
    NotInFlight,
    /// A batch has no entries.
    #[error("failed to read batch: it has no entries")]
    EmptyBatch,
    /// A batch has more than ten entries.
    #[error("failed to read batch: more than 10 entries")]
    TooManyEntries,
    /// Two entries of a batch share an id.
    #[error("failed to read batch: two entries have the same id")]
    IdsNotDistinct,
    /// An entry's id is not 1 to 80 letters, digits, hyphens or underscores.
    #[error("failed to read batch: an entry id is not valid")]
    InvalidBatchEntryId,
    /// The batch is larger than 1 MiB.
    #[error("failed to read batch: more than 1048576 bytes")]
    BatchTooLong,
    /// Something AWS has and this engine has not.
    #[error("failed to find support for {0}")]
    Unsupported(String),
    /// The file failed.
    #[error("failed to use the queue file")]
    Storage(#[from] rusqlite::Error),
    /// Something stored cannot be read back.
    #[error("failed to read what the queue file holds")]
    Stored(#[from] serde_json::Error),
}

/// An error as AWS answers it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// HTTP status.
    pub status: u16,
    /// Its name in the SDKs' models.
    pub shape: &'static str,
    /// Its older code, which tools of the query protocol read.
    pub code: &'static str,
    /// Whether the one who asked is at fault.
    pub by_sender: bool,
    /// What is wrong.
    pub message: String,
}

impl Refusal {
    /// The body of the answer.
    pub fn body(&self) -> Vec<u8> {
        let body = json!({ "__type": format!("com.amazonaws.sqs#{}", self.shape), "message": self.message });
        body.to_string().into_bytes()
    }

    /// The header `x-amzn-query-error`.
    pub fn header(&self) -> String {
        let fault = if self.by_sender { "Sender" } else { "Receiver" };
        format!("{};{fault}", self.code)
    }
}

impl From<SqsError> for Refusal {
    fn from(error: SqsError) -> Self {
        let code = error.code.error_type();
        Self {
            status: error.code.status_code().as_u16(),
            shape: match error.code {
                Code::NonExistentQueue => "QueueDoesNotExist",
                Code::QueueAlreadyExists => "QueueNameExists",
                _ => code.trim_start_matches("AWS.SimpleQueueService."),
            },
            code,
            by_sender: error.code.is_sender_fault(),
            message: error.message,
        }
    }
}

impl From<QueueError> for Refusal {
    /// The error AWS would answer, with its texts where tools are known to read them.
    fn from(error: QueueError) -> Self {
        let error = match error {
            // The protocol's crate has no code for this one.
            QueueError::InvalidContents(_) => {
                return Self {
                    status: 400,
                    shape: "InvalidMessageContents",
                    code: "InvalidMessageContents",
                    by_sender: true,
                    message: "Invalid characters found. Valid unicode characters are #x9 | #xA | #xD | #x20 to #xD7FF | #xE000 to #xFFFD | #x10000 to #x10FFFF".to_owned(),
                };
            }
            QueueError::NoSuchQueue(_) => SqsError::non_existent_queue("The specified queue does not exist."),
            QueueError::Exists { attribute, .. } => SqsError::queue_already_exists(format!(
                "A queue already exists with the same name and a different value for attribute {attribute}"
            )),
            QueueError::InvalidAttributeName { name } => {
                SqsError::invalid_attribute_name(format!("Unknown Attribute {name}."))
            }
            QueueError::InvalidAttributeValue { name } => SqsError::new(
                Code::InvalidAttributeValue,
                format!("Invalid value for the parameter {name}."),
            ),
            QueueError::InvalidParameter { name, reason } => {
                SqsError::invalid_parameter_value(format!("Value for parameter {name} is invalid. Reason: {reason}."))
            }
            QueueError::OverLimit => SqsError::new(
                Code::OverLimit,
                "Too many messages in flight. Delete some, or wait until they are visible again.",
            ),
            QueueError::MissingParameter { name } => {
                SqsError::missing_parameter(format!("The request must contain the parameter {name}."))
            }
            QueueError::ReceiptHandleInvalid => SqsError::receipt_handle_is_invalid(),
            QueueError::NotInFlight => {
                SqsError::new(Code::MessageNotInflight, "The specified message isn't in flight.")
            }
            QueueError::EmptyBatch => SqsError::empty_batch_request(),
            QueueError::TooManyEntries => SqsError::too_many_entries_in_batch(),
            QueueError::IdsNotDistinct => SqsError::batch_entry_ids_not_distinct(),
            QueueError::InvalidBatchEntryId => SqsError::new(
                Code::InvalidBatchEntryId,
                "A batch entry id can only contain alphanumeric characters, hyphens and underscores. It can be at most 80 letters long.",
            ),
            QueueError::BatchTooLong => SqsError::new(
                Code::BatchRequestTooLong,
                "Batch requests cannot be longer than 1048576 bytes.",
            ),
            QueueError::Unsupported(what) => SqsError::new(
                Code::UnsupportedOperation,
                format!("`redial local` does not support {what}."),
            ),
            QueueError::Storage(_) | QueueError::Stored(_) => {
                tracing::error!(error = &error as &dyn std::error::Error, "queue file failed: {error}");
                SqsError::internal_error("The queue file failed; see the log of `redial local`.")
            }
        };
        error.into()
    }
}
