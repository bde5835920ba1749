//! The table, the queues, the bus, secrets and logging: the only place that names an AWS SDK.
//!
//! What is stored where is in [`keys`]; what is deployed in [`layout`]. The one writer of a lead's first claim is
//! [`intake`], of every later one [`claim`].

pub mod account_shares;
pub mod accounts;
pub mod answered;
pub mod api_keys;
pub mod app;
pub mod attempts;
pub mod bus;
pub mod callbacks;
pub mod caller_ids;
mod campaign_leads;
pub mod campaign_moves;
pub mod campaigns;
mod change;
pub mod claim;
pub mod clock;
pub mod do_not_call;
pub mod do_not_call_many;
pub mod evidence;
pub mod import_file;
pub mod import_leads;
pub mod imports;
pub mod intake;
pub mod job_steps;
pub mod jobs;
pub mod kept;
pub mod keys;
pub mod lambda;
pub mod law_book;
pub mod layout;
pub mod leads;
pub mod ledgers;
pub mod merged;
pub mod messages;
pub mod notes;
pub mod once;
pub mod past_calls;
pub mod people;
pub mod queues;
pub mod reported_calls;
pub mod rollout;
pub mod rule_store;
pub mod rulebook;
pub mod setup;
pub mod slots;
pub mod status_moves;
pub mod table;
mod table_error;
pub mod talks;
pub mod web;

pub use app::{App, AppError, Environment, Metrics};
pub use clock::{Clock, Ids, WrongClock};
pub use table::{Table, TableError};
