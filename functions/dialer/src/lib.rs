//! Checks once more, reserves the line and places the call.

mod asked_once;
mod caller_id;
mod handler;
mod move_on;
mod place_call;

pub use handler::Handler;
