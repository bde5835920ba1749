//! Providers and CRMs: what they send, how they sign it, how they are asked.
//!
//! Providers' words stop here: what leaves this crate is [`redial_domain::CallEvent`] and [`NewLead`]. It refuses to
//! know the table, the queues and the rules, and it decides nothing: who may be called, and when, is `redial-domain`'s.
//! It reads no clock and no environment, and no phone number, name or spoken word is in any of its errors.

pub mod bland;
pub mod convoso;
mod parse_error;
mod read;

pub use convoso::NewLead;
pub use parse_error::ParseError;

use redial_domain::{CallEvent, Region};

/// Reads a delivery of a provider by its name. Nothing when the name is none of ours, or the delivery cannot be read.
pub fn parse(provider: &str, body: &[u8], region: Region) -> Option<CallEvent> {
    match provider {
        bland::PROVIDER => bland::parse(body, region).ok(),
        _ => None,
    }
}
