//! Why a command failed, and what to do: two lines.

use redial_aws::{AppError, TableError};
use redial_local::StartError;

/// A failure, for people.
#[derive(Debug)]
pub(crate) struct Failure {
    /// What failed.
    pub(crate) what: String,
    /// What to do.
    pub(crate) hint: String,
    /// The API's code of it, if it was the API that refused.
    pub(crate) code: Option<String>,
    /// Whether it may pass by itself.
    pub(crate) passes: bool,
    /// What the command ends with: 1, unless it says what else.
    pub(crate) exit: u8,
}

impl Failure {
    pub(crate) fn new(what: impl Into<String>, hint: impl Into<String>) -> Self {
        Self {
            what: what.into(),
            hint: hint.into(),
            code: None,
            passes: false,
            exit: 1,
        }
    }

    /// The same, and it may pass by itself.
    pub(crate) fn that_may_pass(self) -> Self {
        Self { passes: true, ..self }
    }
}

impl From<StartError> for Failure {
    fn from(error: StartError) -> Self {
        Self::new(error.to_string(), error.hint())
    }
}

impl From<AppError> for Failure {
    fn from(error: AppError) -> Self {
        Self::new(error.to_string(), "name the table with REDIAL_TABLE or --table")
    }
}

impl From<TableError> for Failure {
    fn from(error: TableError) -> Self {
        let hint = match &error {
            TableError::Unavailable(why) if why == "no connection" => {
                "start `redial local` and add --local, or check region, network and AWS_ENDPOINT_URL_DYNAMODB"
            }
            TableError::Unavailable(why) if why == "ResourceNotFoundException" => {
                "name the table with REDIAL_TABLE or --table; is it in this account and region?"
            }
            TableError::Throttled => "try again in a moment",
            _ => "check AWS credentials and region; the role needs GetItem, Query, PutItem and UpdateItem on the table",
        };
        Self::new(error.to_string(), hint)
    }
}
