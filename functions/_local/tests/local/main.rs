//! The parts of the local machine, tested through their public faces.

#![allow(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]

mod limits;
mod machine;
mod phones;
mod queues;
mod sdk;
mod whole;

use chrono::{DateTime, Utc};
use redial_local::{queue_attributes::Attributes, virtual_clock::VirtualClock};

/// A Monday, 12:00 UTC.
fn noon() -> DateTime<Utc> {
    DateTime::parse_from_rfc3339("2026-11-23T12:00:00Z").unwrap().to_utc()
}

fn stepped() -> VirtualClock {
    VirtualClock::stepped(noon())
}

fn attributes(pairs: &[(&str, &str)]) -> Attributes {
    pairs
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect()
}

fn redrive(queue: &str, count: &str) -> String {
    format!(r#"{{"deadLetterTargetArn":"arn:aws:sqs:us-east-1:000000000000:{queue}","maxReceiveCount":{count}}}"#)
}
