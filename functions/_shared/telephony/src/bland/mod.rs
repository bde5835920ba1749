//! Bland.ai: its deliveries, its signature, its API.
//!
//! Source: docs.bland.ai. In reading order:
//! `parse` (a delivery becomes a [`redial_domain::CallEvent`]) with `outcome` and `talk`, `slim` (a delivery too large
//! for the queue), `signature`, `place_request`, `client` and `answer`.

mod answer;
mod client;
mod outcome;
mod parse;
mod place_request;
mod signature;
mod slim;
mod talk;

pub use answer::{Ambiguity, AskError, ListedCall, Placed, RETRY_AFTER_MAX_S, Refusal};
pub use client::{ApiKey, BlandClient, ClientError};
pub use parse::parse;
pub use place_request::{PlaceRequest, Script};
pub use signature::{SIGNATURE_HEADER, sign, verify};
pub use slim::{SLIM_MIN_BYTES, slim};

/// The provider's name, as in the webhook's path.
pub const PROVIDER: &str = "bland";
