//! What `redial local` is told at its start.

use std::{collections::HashMap, path::PathBuf};

use chrono::{DateTime, Utc};
use redial_aws::Environment;

use crate::phone_settings::PhonesMode;

/// The main port, unless another is given.
pub const PORT: u16 = 8080;
/// The port of the embedded DynamoDB: that of DynamoDB Local.
pub const DYNAMODB_PORT: u16 = 8000;
/// The port of the embedded SQS: that of ElasticMQ.
pub const SQS_PORT: u16 = 9324;
/// Fastest clock, in virtual seconds per second: a day in 24 s, faster than any machine does the work.
pub const SPEED_MAX: u32 = 3_600;
/// The demo's speed: five minutes to the opening are little more than a second, a night is four minutes. While many
/// calls go on the machine may be slower; time then waits for the work.
pub const DEMO_SPEED: u32 = 240;

/// A port to listen on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Port {
    /// This one, or a free one if it is taken.
    Default(u16),
    /// This one or none; 0 is a free one.
    Given(u16),
}

/// Everything that can be chosen.
#[derive(Debug, Clone)]
pub struct Options {
    /// Of the admin API and the webhooks.
    pub port: Port,
    /// Of the embedded DynamoDB.
    pub dynamodb_port: Port,
    /// Of the embedded SQS.
    pub sqs_port: Port,
    /// Where things are kept; none keeps nothing.
    pub data: Option<PathBuf>,
    /// Forget what is kept.
    pub fresh: bool,
    /// Add the demo campaign.
    pub demo: bool,
    /// Virtual seconds per second; none leaves it to the demo, or 1.
    pub speed: Option<u32>,
    /// The first time on the clock.
    pub now: Option<DateTime<Utc>>,
    /// The API key; none takes the kept one, or makes one.
    pub api_key: Option<String>,
    /// Whether calls get an outcome.
    pub phones: PhonesMode,
    /// The clock moves only when told to. For tests; wins over `speed`.
    pub stepped: bool,
    /// Seeds the phone network, and ids unless it is none.
    pub seed: Option<u64>,
    /// What the functions see of the environment outside.
    pub environment: Environment,
}

impl Options {
    /// What `redial local` does without any flag.
    pub fn local(environment: Environment) -> Self {
        Self {
            port: Port::Default(PORT),
            dynamodb_port: Port::Default(DYNAMODB_PORT),
            sqs_port: Port::Default(SQS_PORT),
            data: Some(PathBuf::from(".redial")),
            fresh: false,
            demo: true,
            speed: None,
            now: None,
            api_key: None,
            phones: PhonesMode::Simulated,
            stepped: false,
            seed: None,
            environment,
        }
    }

    /// For tests: in memory, on free ports, no demo, silent phones, a clock that stands at `now` until it is stepped.
    pub fn test(now: DateTime<Utc>) -> Self {
        Self {
            port: Port::Given(0),
            dynamodb_port: Port::Given(0),
            sqs_port: Port::Given(0),
            data: None,
            demo: false,
            now: Some(now),
            phones: PhonesMode::Silent,
            stepped: true,
            ..Self::local(Environment::fixed(HashMap::new()))
        }
    }

    /// The speed in force.
    pub fn speed(&self) -> u32 {
        let default = if self.demo { DEMO_SPEED } else { 1 };
        self.speed.unwrap_or(default).clamp(1, SPEED_MAX)
    }
}
