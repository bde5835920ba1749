//! Claims due leads and fills the dial queue.

mod claim_due;
mod handler;

pub use handler::Handler;
