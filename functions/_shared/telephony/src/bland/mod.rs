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

use std::time::Duration;

pub use answer::{Ambiguity, Answer, AskError, ListedCall, Placed, RETRY_AFTER_MAX_S, Refusal};
pub use client::{ApiKey, BlandClient, Carrier, ClientError, Exchange, Lost, Request};
pub use parse::parse;
pub use place_request::{PlaceRequest, Script};
pub use signature::{SIGNATURE_HEADER, sign, verify};
pub use slim::{SLIM_MIN_BYTES, slim};

/// A client by what the environment says: its key, and an address other than Bland's own.
///
/// # Errors
/// See [`BlandClient::new`].
pub fn client(
    key: Option<String>,
    base: Option<String>,
    timeout: Duration,
) -> Result<Option<BlandClient>, ClientError> {
    let base = base.as_deref().unwrap_or(BlandClient::BASE_URL);
    key.map(|key| BlandClient::new(base, &ApiKey::new(&key), timeout))
        .transpose()
}

/// The provider's name, as in the webhook's path.
pub const PROVIDER: &str = "bland";
