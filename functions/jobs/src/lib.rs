//! Long work as jobs that go on where they stood.

mod decide_again;
mod handler;
mod import_leads;
mod lines;
mod look_again;
mod move_status;
mod pace;
mod past_calls;
mod replay;
mod run_job;
mod undo_import;

pub use handler::Handler;
pub use import_leads::ROWS_PER_STEP_MAX;
pub use replay::ATTEMPTS_PER_STEP_MAX;
