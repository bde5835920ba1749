//! Everything on one machine: embedded AWS APIs, the functions behind their event sources, a simulated phone network.
//!
//! Not deployed. Time is the `virtual_clock`; every part says when it is next due, and the `runner` steps through.

// The SDK's futures nest deeper than the compiler follows by default.
#![recursion_limit = "256"]

pub mod activity;
pub mod bus;
pub mod clock_file;
pub mod create;
pub mod data_dir;
pub mod demo;
pub mod display;
pub mod dynamodb;
pub mod endpoints;
pub mod event_source;
pub mod first_state;
pub mod functions;
pub mod http;
pub mod in_process;
pub mod local_routes;
pub mod options;
pub mod phone_deliveries;
pub mod phone_outcomes;
pub mod phone_payloads;
pub mod phone_server;
pub mod phone_settings;
mod phone_words;
pub mod phones;
pub mod queue_attributes;
pub mod queue_engine;
pub mod queue_error;
pub mod queue_message;
pub mod queue_protocol;
mod queue_store;
pub mod runner;
pub mod running;
pub mod scheduler;
pub mod snapshot;
mod sqlite_file;
pub mod start;
pub mod start_error;
pub mod start_time;
pub mod virtual_clock;
pub mod wire;

pub use options::{Options, Port};
pub use running::Running;
pub use start::start;
pub use start_error::StartError;
