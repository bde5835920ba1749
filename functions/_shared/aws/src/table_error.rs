//! Why the table did not do it: the SDK's errors, told apart by what a caller can do about them.

use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};

use crate::table::Item;

/// Why the table did not do it.
#[derive(Debug, thiserror::Error)]
pub enum TableError {
    /// The condition did not hold. The item as it was, if it was there and asked for.
    #[error("failed to write: the condition did not hold")]
    Condition(Option<Box<Item>>),
    /// A transaction was refused; one code per item, `None` where the item was fine.
    #[error("failed to write: the transaction was canceled ({})", .0.join(", "))]
    Canceled(Vec<String>),
    /// Too much at once; try again later.
    #[error("failed to reach the table: throttled; it is tried again")]
    Throttled,
    /// Nothing is known about what happened.
    #[error("failed to reach the table: {0}")]
    Unavailable(String),
    /// An item that this build cannot read.
    #[error("failed to read an item: {0}")]
    Corrupt(String),
}

impl TableError {
    /// Whether a transaction failed at the item with this number, for its condition.
    pub fn condition_at(&self, item: usize) -> bool {
        matches!(self, Self::Canceled(codes) if codes.get(item).is_some_and(|code| code == "ConditionalCheckFailed"))
    }

    /// Whether a transaction failed only because somebody else wrote at the same time.
    pub fn is_conflict(&self) -> bool {
        match self {
            Self::Canceled(codes) => {
                codes.iter().any(|code| code == "TransactionConflict")
                    && codes.iter().all(|code| code == "TransactionConflict" || code == "None")
            }
            Self::Unavailable(code) => code == "TransactionConflictException",
            _ => false,
        }
    }
}

pub(crate) fn canceled(
    error: SdkError<aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError>,
) -> TableError {
    use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError as E;
    match error.into_service_error() {
        E::TransactionCanceledException(canceled) => {
            let codes: Vec<String> = canceled
                .cancellation_reasons()
                .iter()
                .map(|reason| match (reason.code(), reason.message()) {
                    // It says what is wrong with our expression, not whose item it is.
                    (Some("ValidationError"), Some(says)) => format!("ValidationError: {says}"),
                    (code, _) => code.unwrap_or("None").to_owned(),
                })
                .collect();
            let throttled = |code: &String| code == "ThrottlingError" || code == "ProvisionedThroughputExceeded";
            if codes.iter().any(throttled) {
                TableError::Throttled
            } else {
                TableError::Canceled(codes)
            }
        }
        other => TableError::Unavailable(other.code().unwrap_or("TransactionCanceledException").to_owned()),
    }
}

/// Error codes that mean "later", from the DynamoDB developer guide (error handling).
const THROTTLING: [&str; 4] = [
    "ProvisionedThroughputExceededException",
    "RequestLimitExceeded",
    "ThrottlingException",
    "LimitExceededException",
];

pub(crate) fn failed<E: ProvideErrorMetadata + WithItem>(error: SdkError<E>) -> TableError {
    match error {
        SdkError::ServiceError(service) => {
            let code = service.err().code().unwrap_or("unknown error").to_owned();
            if code == "ConditionalCheckFailedException" {
                return TableError::Condition(service.into_err().into_item().map(Box::new));
            }
            if THROTTLING.contains(&code.as_str()) {
                return TableError::Throttled;
            }
            // The message may repeat values, so only the code goes on, except where it says what is wrong with us.
            let says = if code == "ValidationException" {
                service.err().message().map(str::to_owned)
            } else {
                None
            };
            TableError::Unavailable(says.map_or(code, |says| format!("ValidationException: {says}")))
        }
        SdkError::TimeoutError(_) => TableError::Unavailable("no answer in time".to_owned()),
        SdkError::DispatchFailure(_) => TableError::Unavailable("no connection".to_owned()),
        _ => TableError::Unavailable("an answer that cannot be read".to_owned()),
    }
}

/// Errors that may carry the item as it was.
pub(crate) trait WithItem {
    fn into_item(self) -> Option<Item>
    where
        Self: Sized,
    {
        None
    }
}

impl WithItem for aws_sdk_dynamodb::operation::get_item::GetItemError {}
impl WithItem for aws_sdk_dynamodb::operation::batch_get_item::BatchGetItemError {}
impl WithItem for aws_sdk_dynamodb::operation::batch_write_item::BatchWriteItemError {}
impl WithItem for aws_sdk_dynamodb::operation::query::QueryError {}
impl WithItem for aws_sdk_dynamodb::operation::delete_item::DeleteItemError {}
impl WithItem for aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError {}

impl WithItem for aws_sdk_dynamodb::operation::update_item::UpdateItemError {
    fn into_item(self) -> Option<Item> {
        match self {
            Self::ConditionalCheckFailedException(failed) => failed.item,
            _ => None,
        }
    }
}

impl WithItem for aws_sdk_dynamodb::operation::put_item::PutItemError {
    fn into_item(self) -> Option<Item> {
        match self {
            Self::ConditionalCheckFailedException(failed) => failed.item,
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_conflict_is_only_a_conflict_when_nothing_else_failed() {
        let codes = |codes: &[&str]| TableError::Canceled(codes.iter().map(|c| (*c).to_owned()).collect());
        assert!(codes(&["None", "TransactionConflict"]).is_conflict());
        assert!(!codes(&["ConditionalCheckFailed", "TransactionConflict"]).is_conflict());
        assert!(codes(&["None", "ConditionalCheckFailed"]).condition_at(1));
    }
}
