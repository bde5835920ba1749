//! One message of a queue: its limits, its size, its MD5 digests and its receipt handle, as SQS defines them.
//!
//! Knows no queue, time or storage.

use std::collections::BTreeMap;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use chrono::{DateTime, Utc};
use rustack_sqs_model::types::MessageAttributeValue;

use crate::queue_error::QueueError;

/// Entries in one batch, and messages in one receive (SQS).
pub const BATCH_MAX: usize = 10;
/// Attributes of one message (SQS).
pub const MESSAGE_ATTRIBUTES_MAX: usize = 10;
/// Longest id of a batch entry (SQS).
const ENTRY_ID_LEN_MAX: usize = 80;
/// Longest name or type of a message attribute (SQS).
const ATTRIBUTE_NAME_LEN_MAX: usize = 256;

/// Names of attributes that AWS keeps for itself, in any case (developer guide, "Amazon SQS message metadata", 2026).
const RESERVED: [&str; 2] = ["AWS.", "Amazon."];

/// A caller's own attributes of a message.
pub type MessageAttributes = BTreeMap<String, MessageAttributeValue>;

/// A message to send.
#[derive(Debug, Clone, Default)]
pub struct NewMessage {
    /// The body: any text that XML could carry.
    pub body: String,
    /// How long it stays hidden, in seconds; the queue's delay if absent.
    pub delay_s: Option<i64>,
    /// The caller's own attributes.
    pub attributes: MessageAttributes,
    /// The X-Ray trace header, handed through.
    pub trace_header: Option<String>,
}

impl NewMessage {
    /// A message of just a body.
    pub fn text(body: impl Into<String>) -> Self {
        Self {
            body: body.into(),
            ..Self::default()
        }
    }
}

/// What SQS answers to a send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sent {
    /// The id of the message.
    pub message_id: String,
    /// Hex MD5 of the body.
    pub md5_of_body: String,
    /// Hex MD5 of the attributes, if there are any.
    pub md5_of_attributes: Option<String>,
}

/// A message as received.
#[derive(Debug, Clone)]
pub struct Received {
    /// The id of the message.
    pub message_id: String,
    /// Names this one receive; stale after the next.
    pub receipt_handle: String,
    /// The body.
    pub body: String,
    /// Hex MD5 of the body.
    pub md5_of_body: String,
    /// The sender's own attributes.
    pub attributes: MessageAttributes,
    /// The X-Ray trace header, handed through.
    pub trace_header: Option<String>,
    /// When it was sent.
    pub sent_at: DateTime<Utc>,
    /// When it was first received.
    pub first_received_at: DateTime<Utc>,
    /// How often it was received, this time included.
    pub receive_count: i64,
    /// ARN of the queue it was in before it was moved to this dead-letter queue.
    pub dead_letter_source: Option<String>,
}

/// Bytes that count against the limits: body, and names, types and values of attributes.
pub fn size_bytes(message: &NewMessage) -> i64 {
    let attributes = message.attributes.iter().map(|(name, value)| {
        name.len()
            + value.data_type.len()
            + value.string_value.as_ref().map_or(0, String::len)
            + value.binary_value.as_ref().map_or(0, Vec::len)
    });
    i64::try_from(message.body.len() + attributes.sum::<usize>()).unwrap_or(i64::MAX)
}

/// Characters of a message (API reference of SendMessage, 2026): a message with any other is refused.
const fn carried_by_xml(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | '\u{20}'..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..)
}

/// Refuses what SQS refuses in a message, except for what depends on the queue.
pub fn check(message: &NewMessage) -> Result<(), QueueError> {
    if message.body.is_empty() {
        return Err(QueueError::MissingParameter { name: "MessageBody" });
    }
    if !message.body.chars().all(carried_by_xml) {
        return Err(QueueError::InvalidContents("MessageBody"));
    }
    if message.attributes.len() > MESSAGE_ATTRIBUTES_MAX {
        let reason = format!("Number of message attributes exceeds the allowed maximum [{MESSAGE_ATTRIBUTES_MAX}]");
        return Err(QueueError::InvalidParameter {
            name: "MessageAttributes",
            reason,
        });
    }
    message
        .attributes
        .iter()
        .try_for_each(|(name, value)| check_attribute(name, value))
}

fn check_attribute(name: &str, value: &MessageAttributeValue) -> Result<(), QueueError> {
    let invalid = |reason: String| {
        Err(QueueError::InvalidParameter {
            name: "MessageAttributes",
            reason,
        })
    };
    let name_valid = (1..=ATTRIBUTE_NAME_LEN_MAX).contains(&name.len())
        && name
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
        && !name.starts_with('.')
        && !name.ends_with('.')
        && !name.contains("..")
        && !RESERVED.iter().any(|prefix| starts_with_ignoring_case(name, prefix));
    if !name_valid {
        return invalid(format!("The attribute name `{name}` is not valid"));
    }
    let kind = value.data_type.split('.').next().unwrap_or_default();
    let text = value.string_value.as_deref().filter(|text| !text.is_empty());
    let filled = match kind {
        "String" => text.is_some(),
        "Number" => text.is_some_and(|text| text.trim().parse::<f64>().is_ok_and(f64::is_finite)),
        "Binary" => value.binary_value.as_ref().is_some_and(|bytes| !bytes.is_empty()),
        _ => {
            return invalid(format!(
                "The type of attribute `{name}` must start with String, Number or Binary"
            ));
        }
    };
    // As of the body (developer guide, "Amazon SQS message metadata", 2026).
    if !text.unwrap_or_default().chars().all(carried_by_xml) {
        return Err(QueueError::InvalidContents("MessageAttributes"));
    }
    if filled && value.data_type.len() <= ATTRIBUTE_NAME_LEN_MAX {
        Ok(())
    } else {
        invalid(format!(
            "The attribute `{name}` must contain a non-empty value of its type"
        ))
    }
}

fn starts_with_ignoring_case(text: &str, prefix: &str) -> bool {
    text.get(..prefix.len())
        .is_some_and(|start| start.eq_ignore_ascii_case(prefix))
}

/// Refuses batches whose number of entries or whose ids SQS refuses.
pub fn check_batch_ids<'a>(ids: impl ExactSizeIterator<Item = &'a str>) -> Result<(), QueueError> {
    if ids.len() == 0 {
        return Err(QueueError::EmptyBatch);
    }
    if ids.len() > BATCH_MAX {
        return Err(QueueError::TooManyEntries);
    }
    let mut seen = std::collections::BTreeSet::new();
    for id in ids {
        let valid = (1..=ENTRY_ID_LEN_MAX).contains(&id.len())
            && id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
        if !valid {
            return Err(QueueError::InvalidBatchEntryId);
        }
        if !seen.insert(id) {
            return Err(QueueError::IdsNotDistinct);
        }
    }
    Ok(())
}

/// Hex MD5 of a body; the SDKs compare it with their own.
pub fn md5_of_body(body: &str) -> String {
    hex::encode(md5::compute(body).0)
}

/// Hex MD5 of attributes: name, type and value of each in order of names, each with its length in four bytes
/// (SQS developer guide, "Calculating the MD5 message digest for message attributes").
pub fn md5_of_attributes(attributes: &MessageAttributes) -> Option<String> {
    if attributes.is_empty() {
        return None;
    }
    let mut bytes = Vec::new();
    let mut put = |part: &[u8], marker: Option<u8>| {
        bytes.extend(marker);
        bytes.extend(u32::try_from(part.len()).unwrap_or(u32::MAX).to_be_bytes());
        bytes.extend_from_slice(part);
    };
    for (name, value) in attributes {
        put(name.as_bytes(), None);
        put(value.data_type.as_bytes(), None);
        match (&value.binary_value, &value.string_value) {
            (Some(binary), _) => put(binary, Some(2)),
            (None, text) => put(text.as_deref().unwrap_or_default().as_bytes(), Some(1)),
        }
    }
    Some(hex::encode(md5::compute(bytes).0))
}

/// Names one receive of one message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    /// The queue that gave it.
    pub queue: String,
    /// The engine's number of the message.
    pub seq: i64,
    /// Which receive of the message it names.
    pub receive_count: i64,
}

impl Receipt {
    /// As the text that callers hold.
    pub fn to_handle(&self) -> String {
        URL_SAFE_NO_PAD.encode(format!(
            "{HANDLE_MARK}/{}/{}/{}",
            self.queue, self.seq, self.receive_count
        ))
    }

    /// From the text that callers hold; refuses handles of other queues as AWS does.
    pub fn parse(handle: &str, queue: &str) -> Result<Self, QueueError> {
        let read = || {
            let text = String::from_utf8(URL_SAFE_NO_PAD.decode(handle).ok()?).ok()?;
            let mut parts = text.split('/');
            (parts.next()? == HANDLE_MARK).then_some(())?;
            let receipt = Self {
                queue: parts.next()?.to_owned(),
                seq: parts.next()?.parse().ok()?,
                receive_count: parts.next()?.parse().ok()?,
            };
            (parts.next().is_none() && receipt.queue == queue).then_some(receipt)
        };
        read().ok_or(QueueError::ReceiptHandleInvalid)
    }
}

const HANDLE_MARK: &str = "redial-local-1";

#[cfg(test)]
mod tests {
    use super::*;

    fn text(value: &str) -> MessageAttributeValue {
        MessageAttributeValue {
            data_type: "String".to_owned(),
            string_value: Some(value.to_owned()),
            binary_value: None,
        }
    }

    #[test]
    fn digests_are_those_of_the_sdks() {
        assert_eq!(
            md5_of_body("This is a test message"),
            "fafb00f5732ab283681e124bf8747ed1"
        );
        // The vector of moto's test suite, which compares with boto.
        let attributes = MessageAttributes::from([(
            "timestamp".to_owned(),
            MessageAttributeValue {
                data_type: "Number".to_owned(),
                string_value: Some("1493147359900".to_owned()),
                binary_value: None,
            },
        )]);
        assert_eq!(
            md5_of_attributes(&attributes).as_deref(),
            Some("235c5c510d26fb653d073faed50ae77c")
        );
        assert_eq!(md5_of_attributes(&MessageAttributes::new()), None);
    }

    #[test]
    fn bodies_and_attributes_that_sqs_refuses_are_refused() {
        assert!(check(&NewMessage::text("")).is_err());
        assert!(check(&NewMessage::text("a\u{0}b")).is_err());
        assert!(check(&NewMessage::text("שלום 🙂\n")).is_ok());
        let with = |name: &str, value| NewMessage {
            attributes: MessageAttributes::from([(name.to_owned(), value)]),
            ..NewMessage::text("x")
        };
        assert!(check(&with("kind", text("a"))).is_ok());
        assert!(check(&with("kind", text(""))).is_err());
        assert!(check(&with(".kind", text("a"))).is_err());
        assert!(
            check(&with(
                "kind",
                MessageAttributeValue {
                    data_type: "Date".to_owned(),
                    ..text("a")
                }
            ))
            .is_err()
        );
        assert!(
            check(&with(
                "kind",
                MessageAttributeValue {
                    data_type: "Number".to_owned(),
                    ..text("a")
                }
            ))
            .is_err()
        );
    }

    #[test]
    fn a_batch_has_one_to_ten_entries_with_distinct_plain_ids() {
        let check = |ids: &[&str]| check_batch_ids(ids.iter().copied());
        assert!(check(&["a", "b_1", "C-2"]).is_ok());
        assert!(matches!(check(&[]), Err(QueueError::EmptyBatch)));
        assert!(matches!(check(&["x"; 11]), Err(QueueError::TooManyEntries)));
        assert!(matches!(check(&["a", "a"]), Err(QueueError::IdsNotDistinct)));
        assert!(matches!(check(&["a.b"]), Err(QueueError::InvalidBatchEntryId)));
    }

    #[test]
    fn a_receipt_is_read_back_and_only_for_its_own_queue() {
        let receipt = Receipt {
            queue: "dial".to_owned(),
            seq: 7,
            receive_count: 2,
        };
        assert_eq!(Receipt::parse(&receipt.to_handle(), "dial").unwrap(), receipt);
        assert!(Receipt::parse(&receipt.to_handle(), "calls").is_err());
        assert!(Receipt::parse("nonsense", "dial").is_err());
    }
}
