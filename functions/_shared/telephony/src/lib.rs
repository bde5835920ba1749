//! Providers and CRMs: what they send, how they sign it, how they are asked.
//!
//! Providers' words stop here: what leaves this crate is [`redial_domain::CallEvent`] and [`NewLead`]. It refuses to
//! know the table, the queues and the rules, and it decides nothing: who may be called, and when, is `redial-domain`'s.
//! It reads no clock and no environment, and no phone number, name or spoken word is in any of its errors.

pub mod bland;
pub mod convoso;
mod parse_error;
mod read;
mod us_state;

pub use convoso::NewLead;
pub use parse_error::ParseError;
