//! Rule sets: statuses, words, intervals and four short scripts that business staff write.
//!
//! Loads a set, checks it and says all that is wrong in plain words; runs its scripts in a cage and checks their
//! answer against the set. Facts in, one answer out.
//!
//! Refuses to know where sets are stored, who publishes them, calling hours, caps and the time of day. A rule wishes;
//! law, ledger and [`redial_domain::next_step()`] decide.

mod answers;
mod built_in;
mod by_hand;
mod cage;
mod cases;
mod check;
pub mod consequences;
mod decide;
mod error;
mod examine;
mod facts;
mod finding;
mod meaning;
pub mod replay;
mod ruleset;
mod script;
mod spec;
mod talk;
mod trial;

pub use cases::{CaseFailure, CasesRun};
pub use decide::{Explained, Said};
pub use error::RuleError;
pub use examine::Examined;
pub use finding::{Finding, Severity, plain};
pub use ruleset::{CASES_FILE, Files, RuleSet, SPEC_FILE};
pub use script::Script;
pub use spec::{AutoStatus, Defaults, Labels, Spec, Status, StatusKind};
