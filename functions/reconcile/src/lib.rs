//! Finds what was lost and asks the provider.

mod ask_provider;
mod candidate;
mod handler;
mod history;
mod in_flight;
mod questions;
mod verdict;
mod watch_abandoned;
mod watch_campaigns;
mod watch_rollouts;

pub use handler::Handler;
