//! Checks once more, reserves the line and places the call.

mod asked_once;
mod handler;
mod place_call;

pub use handler::Handler;
