//! Applies what providers reported: status, stop, next call.

mod add_lead;
mod add_to_attempt;
mod apply_outcome;
mod effects;
mod end_call;
mod find_call;
mod foreign_call;
mod handler;
mod keep;

pub use handler::Handler;
