//! Every decision of Redial, and the words it decides with.
//!
//! Pure: time is an argument, and nothing here does I/O, reads a clock, draws a random number or awaits.
//! This crate refuses to know providers' words (they stop at `redial-telephony`), items and keys
//! (`redial-aws`) and scripts (`redial-rules`).

mod abandoned;
mod access;
mod attempt;
mod call_script;
mod caller_ids;
mod campaign;
mod campaign_life;
mod consent;
mod do_not_call;
mod event;
mod explain;
mod explicit_stop;
mod gate;
mod ids;
pub mod import;
mod lateness;
pub mod law;
mod lead;
mod ledger;
mod ledger_effects;
mod near;
mod next_step;
mod numbers;
mod person_moves;
mod phone;
mod phrases;
mod promise;
mod reported;
mod rule;
pub mod search;
mod settings;
mod share;
pub mod sheet;
mod spread;
mod stop_in_summary;
mod times;
mod window;
mod words;
mod zone_clock;

pub use abandoned::{
    ABANDONED_ANSWERED_MIN, ABANDONED_DAYS, ABANDONED_PERCENT_MAX, AnsweredCalls, BRAKE_LIFTED_MAX, Brake, BrakeLifted,
    abandoned_since,
};
pub use access::{Actor, Permission, Role};
pub use attempt::{Attempt, AttemptEnd, DELIVERIES_MAX, Decision, Enrichment, enrich};
pub use call_script::{
    COLUMN_NAME_MAX, COLUMNS_MAX, CRITERIA_MAX, CallScript, CallScriptError, Filled, KNOWN_COLUMNS, SCRIPT_MAX,
};
pub use caller_ids::{
    CALLER_CALLS_PER_DAY_MAX, CALLER_IDS_MAX, CALLER_IDS_REST, COOLDOWN_MAX_S, CallerId, CallerIdError, CallerIdUse,
    caller_ids_in_turn, check_caller_ids,
};
pub use campaign::{
    CALL_MIN_MAX, CAMPAIGN_NAME_MAX, Campaign, CampaignError, Intervals, MAX_CONCURRENT_CALLS_MAX, Voice,
};
pub use campaign_life::{CampaignStatus, Due, Life, SCHEDULED_AHEAD_MAX, StartHeld};
pub use consent::{Consent, ConsentAssertion, ConsentKind, STATEMENT_MAX};
pub use do_not_call::{HONOUR_WITHIN_BUSINESS_DAYS, Proof, ProofOf, ProofSource, Statement, honour_by};
pub use event::{
    CallEvent, Direction, EventKind, Facts, FailureClass, Leg, MAX_TRANSCRIPT_LINES, OurMetadata, Side, TranscriptLine,
    Transfer,
};
pub use explain::{Explanation, GateLine, LawLine, explain};
pub use explicit_stop::{ExplicitStop, StopSource, find_explicit_stop, is_stop_word, may_hold_a_stop};
pub use gate::{ClosedReason, Gate, GateInput, Switches, WaitReason, gate, look_again};
pub use ids::{
    AttemptId, CallId, CampaignId, DeliveryId, IdError, LeadId, ListId, Nonce, Owner, RuleSetName, StatusName, Subject,
};
pub use lateness::{Allowed, LATE_AFTER, Lateness};
pub use lead::{DayCount, Lane, Lead, LeadState, OUTCOMES_KEPT, Profile};
pub use ledger::{InFlight, Ledger, PermittedBy, Placement, STARTS_KEPT, STARTS_MAX, Start, SubjectStop};
pub use ledger_effects::LedgerEffects;
pub use near::nearest;
pub use next_step::{Limits, Next, Step, next_step};
pub use numbers::{DIGITS_MIN, may_hold_number, without_numbers};
pub use person_moves::{NotPromised, moved_by_person, promised_by_person};
pub use phone::{Phone, PhoneError, Region};
pub use promise::{KeptRoom, Promise};
pub use reported::{CallOfOthers, CalledFor, REPORTS_KNOWN};
pub use rule::{MovedBy, NextWish, PROMISED_AHEAD_MAX, RuleAnswer, RuleFacts, StopScope, StopWish, Trace, Unpromised};
pub use settings::Settings;
pub use share::{
    Claimant, KEPT_FOR_LOWER, Lines, LinesOf, PRIORITY_DEFAULT, PRIORITY_MAX, PRIORITY_MIN, grant_lines, in_turn,
    moments, share,
};
pub use spread::{AHEAD_MAX_MS, GAP_MS, Place, Source, spread};
pub use stop_in_summary::find_stop_in_summary;
pub use times::iso;
pub use window::{Blackout, LocalTime, Window, WindowError};
pub use words::{Disposition, Outcome, normalize_word};

/// The shape of stored items and messages that this build writes. Readers take this and older ones.
pub const SCHEMA_VERSION: u32 = 1;

/// Two calls to one phone are at least this far apart, from start to start. The system this replaces never
/// called again within two minutes; integrators of Bland keep the same distance.
pub const MINIMUM_GAP_S: i64 = 120;
