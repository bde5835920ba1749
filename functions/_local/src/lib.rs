//! Everything on one machine: embedded AWS APIs, the functions behind their event sources, a simulated phone network.
//!
//! Not deployed. Time is the `virtual_clock`; every part says when it is next due, and the `runner` steps through.

pub mod activity;
pub mod bus;
pub mod dynamodb;
pub mod event_source;
pub mod functions;
pub mod http;
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
pub mod scheduler;
mod sqlite_file;
pub mod virtual_clock;
