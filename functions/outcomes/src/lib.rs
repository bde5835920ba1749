//! Applies what providers reported: status, stop, next call.

mod add_lead;
mod add_to_attempt;
mod apply_outcome;
mod effects;
mod find_call;
mod foreign_call;
mod handler;

pub use handler::Handler;
