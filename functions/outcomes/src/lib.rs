//! Applies what providers reported: status, stop, next call.

mod add_lead;
mod apply_outcome;
mod decide;
mod find_call;
mod handler;

pub use handler::Handler;
