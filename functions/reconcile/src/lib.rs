//! Finds what was lost and asks the provider.

mod ask_provider;
mod handler;

pub use handler::Handler;
