//! Long work as jobs that go on where they stood.

mod decide_again;
mod handler;
mod lines;
mod look_again;
mod move_status;
mod past_calls;
mod replay;
mod run_job;

pub use handler::Handler;
pub use replay::ATTEMPTS_PER_STEP_MAX;
