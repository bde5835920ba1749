//! Reads and checks the attributes of a queue, with the limits of SQS.
//!
//! Knows no messages and no storage. Limits are those of the SQS developer guide ("Amazon SQS message quotas", 2026).

use std::{collections::BTreeMap, ops::RangeInclusive};

use serde_json::{Value, json};

use crate::queue_error::QueueError;

/// The account that owns every local queue.
pub const ACCOUNT_ID: &str = "000000000000";
/// The region in every local ARN; the SDK's clients must be set to some region too.
pub const REGION: &str = "us-east-1";
/// Longest delay of a message, in seconds (SQS).
pub const DELAY_S_MAX: i64 = 900;
/// Longest visibility time-out, in seconds: 12 hours (SQS).
pub const VISIBILITY_TIMEOUT_S_MAX: i64 = 43_200;
/// Longest long poll, in seconds (SQS).
pub const WAIT_S_MAX: i64 = 20;
/// Largest message and largest batch, in bytes: 1 MiB (SQS, since August 2025).
pub const MESSAGE_BYTES_MAX: i64 = 1_048_576;
/// SQS allows a dead-letter queue to be reached after at most this many receives.
const RECEIVE_COUNT_MAX: i64 = 1_000;
/// Longest queue name (SQS).
const NAME_LEN_MAX: usize = 80;

/// What a queue does with its messages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueueSettings {
    /// How long a received message stays hidden, in seconds.
    pub visibility_timeout_s: i64,
    /// How long a message is hidden after it is sent, in seconds.
    pub delay_s: i64,
    /// How long a message is kept, in seconds.
    pub retention_s: i64,
    /// How long a receive waits for a message unless it says so itself, in seconds.
    pub wait_s: i64,
    /// Largest message, in bytes.
    pub message_bytes_max: i64,
    /// Where messages go that were received too often.
    pub redrive: Option<Redrive>,
}

/// Where messages go that were received too often.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Redrive {
    /// Name of the dead-letter queue.
    pub dead_letter_queue: String,
    /// A message that was received this often is moved instead of being received again.
    pub receive_count_max: i64,
}

/// The attributes of a queue by name, as they are stored: checked, and in one spelling.
pub type Attributes = BTreeMap<String, String>;

/// Numeric attributes: name, default, allowed.
const NUMBERS: [(&str, i64, RangeInclusive<i64>); 5] = [
    ("VisibilityTimeout", 30, 0..=VISIBILITY_TIMEOUT_S_MAX),
    ("DelaySeconds", 0, 0..=DELAY_S_MAX),
    ("MessageRetentionPeriod", 345_600, 60..=1_209_600),
    ("ReceiveMessageWaitTimeSeconds", 0, 0..=WAIT_S_MAX),
    ("MaximumMessageSize", MESSAGE_BYTES_MAX, 1_024..=MESSAGE_BYTES_MAX),
];
/// Attributes that are kept and shown, and that nothing here acts on.
const KEPT: [&str; 5] = [
    "Policy",
    "RedriveAllowPolicy",
    "KmsMasterKeyId",
    "KmsDataKeyReusePeriodSeconds",
    "SqsManagedSseEnabled",
];
const FIFO: [&str; 4] = [
    "FifoQueue",
    "ContentBasedDeduplication",
    "DeduplicationScope",
    "FifoThroughputLimit",
];
const REDRIVE_POLICY: &str = "RedrivePolicy";

/// The ARN of a local queue.
pub fn arn(name: &str) -> String {
    format!("arn:aws:sqs:{REGION}:{ACCOUNT_ID}:{name}")
}

/// The name in an ARN of a queue.
pub fn name_in_arn(arn: &str) -> Option<&str> {
    let mut parts = arn.split(':');
    (parts.next() == Some("arn") && parts.nth(1) == Some("sqs"))
        .then(|| parts.nth(2))
        .flatten()
}

/// Refuses names that SQS refuses, and FIFO queues.
pub fn check_name(name: &str) -> Result<(), QueueError> {
    if name.ends_with(".fifo") {
        return Err(QueueError::Unsupported(
            "FIFO queues; the local engine has standard queues only".to_owned(),
        ));
    }
    let valid = (1..=NAME_LEN_MAX).contains(&name.len())
        && name
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
    if valid {
        Ok(())
    } else {
        let reason = "Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length";
        Err(QueueError::InvalidParameter {
            name: "QueueName",
            reason: reason.to_owned(),
        })
    }
}

/// Checks what a caller wants to set and gives it back in the stored spelling; an empty value removes an attribute.
pub fn check(wanted: &Attributes) -> Result<Attributes, QueueError> {
    let mut checked = Attributes::new();
    for (name, value) in wanted {
        let stored = if FIFO.contains(&name.as_str()) {
            if name == "FifoQueue" && value == "false" {
                continue;
            }
            return Err(QueueError::Unsupported(
                "FIFO queues; the local engine has standard queues only".to_owned(),
            ));
        } else if let Some((_, _, allowed)) = NUMBERS.iter().find(|(known, _, _)| known == name) {
            let number = value
                .trim()
                .parse::<i64>()
                .ok()
                .filter(|number| allowed.contains(number));
            number
                .ok_or_else(|| QueueError::InvalidAttributeValue { name: name.clone() })?
                .to_string()
        } else if name == REDRIVE_POLICY {
            if value.trim().is_empty() {
                String::new()
            } else {
                redrive_policy(&parse_redrive(value)?)
            }
        } else if KEPT.contains(&name.as_str()) {
            value.clone()
        } else {
            return Err(QueueError::InvalidAttributeName { name: name.clone() });
        };
        checked.insert(name.clone(), stored);
    }
    Ok(checked)
}

/// Attributes of a new queue: the defaults, overlaid with what was asked for.
pub fn with_defaults(checked: &Attributes) -> Attributes {
    let mut all: Attributes = NUMBERS
        .iter()
        .map(|(name, default, _)| ((*name).to_owned(), default.to_string()))
        .collect();
    overlay(&mut all, checked);
    all
}

/// Sets checked attributes; empty ones are removed.
pub fn overlay(all: &mut Attributes, checked: &Attributes) {
    for (name, value) in checked {
        if value.is_empty() {
            all.remove(name);
        } else {
            all.insert(name.clone(), value.clone());
        }
    }
}

/// The first attribute whose wanted value differs from the stored one.
pub fn first_difference(stored: &Attributes, checked: &Attributes) -> Option<String> {
    checked
        .iter()
        .find(|(name, value)| stored.get(*name).map_or("", String::as_str) != value.as_str())
        .map(|(name, _)| name.clone())
}

/// Stored attributes as settings.
pub fn settings(stored: &Attributes) -> Result<QueueSettings, QueueError> {
    let number = |index: usize| -> i64 {
        let (name, default, _) = &NUMBERS[index];
        stored
            .get(*name)
            .and_then(|value| value.parse().ok())
            .unwrap_or(*default)
    };
    let redrive = stored
        .get(REDRIVE_POLICY)
        .map(|policy| parse_redrive(policy))
        .transpose()?;
    Ok(QueueSettings {
        visibility_timeout_s: number(0),
        delay_s: number(1),
        retention_s: number(2),
        wait_s: number(3),
        message_bytes_max: number(4),
        redrive,
    })
}

fn redrive_policy(redrive: &Redrive) -> String {
    json!({ "deadLetterTargetArn": arn(&redrive.dead_letter_queue), "maxReceiveCount": redrive.receive_count_max })
        .to_string()
}

fn parse_redrive(policy: &str) -> Result<Redrive, QueueError> {
    let invalid = |reason: &str| QueueError::InvalidParameter {
        name: REDRIVE_POLICY,
        reason: reason.to_owned(),
    };
    let policy: Value = serde_json::from_str(policy).map_err(|_| invalid("It is not JSON"))?;
    let target = policy["deadLetterTargetArn"].as_str().and_then(name_in_arn);
    // AWS takes a number and sends a string; SAM writes either.
    let count = match &policy["maxReceiveCount"] {
        Value::Number(number) => number.as_i64(),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    };
    Ok(Redrive {
        dead_letter_queue: target
            .ok_or_else(|| invalid("deadLetterTargetArn is not the ARN of a queue"))?
            .to_owned(),
        receive_count_max: count
            .filter(|count| (1..=RECEIVE_COUNT_MAX).contains(count))
            .ok_or_else(|| invalid("maxReceiveCount must be 1 to 1000"))?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(name: &str, value: &str) -> Attributes {
        Attributes::from([(name.to_owned(), value.to_owned())])
    }

    #[test]
    fn a_receive_count_may_be_a_number_or_a_string_and_is_stored_in_one_spelling() {
        let target = arn("calls-dlq");
        let number = check(&one(
            "RedrivePolicy",
            &format!(r#"{{"deadLetterTargetArn":"{target}","maxReceiveCount":3}}"#),
        ));
        let text = check(&one(
            "RedrivePolicy",
            &format!(r#"{{"maxReceiveCount":"3","deadLetterTargetArn":"{target}"}}"#),
        ));
        let number = number.unwrap();
        assert_eq!(number, text.unwrap());
        let redrive = settings(&with_defaults(&number)).unwrap().redrive.unwrap();
        assert_eq!(
            redrive,
            Redrive {
                dead_letter_queue: "calls-dlq".to_owned(),
                receive_count_max: 3
            }
        );
    }

    #[test]
    fn values_outside_the_limits_of_sqs_are_refused() {
        for (name, value) in [
            ("DelaySeconds", "901"),
            ("VisibilityTimeout", "43201"),
            ("VisibilityTimeout", "soon"),
            ("MessageRetentionPeriod", "59"),
            ("ReceiveMessageWaitTimeSeconds", "21"),
            ("MaximumMessageSize", "1048577"),
            ("Colour", "red"),
            ("FifoQueue", "true"),
        ] {
            assert!(check(&one(name, value)).is_err(), "{name}={value}");
        }
    }

    #[test]
    fn fifo_names_and_odd_names_are_refused() {
        assert!(check_name("dial-queue_1").is_ok());
        for name in ["dial.fifo", "", "has space", &"x".repeat(81)] {
            assert!(check_name(name).is_err(), "{name}");
        }
    }
}
