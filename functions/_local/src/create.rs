//! Creates table, indexes, queues and dead-letter queues from `redial_aws::layout`, through the APIs of AWS.
//!
//! Doing it again changes nothing, except that queues take the settings of this build.

use aws_sdk_dynamodb::{
    Client as DynamoDb,
    types::{
        AttributeDefinition, BillingMode, GlobalSecondaryIndex, KeySchemaElement, KeyType, Projection, ProjectionType,
        ScalarAttributeType, TimeToLiveSpecification,
    },
};
use aws_sdk_sqs::{Client as Sqs, types::QueueAttributeName as Attribute};
use redial_aws::layout::{EXPIRES_AT, INDEXES, Index, PK, QUEUES, RETENTION_DAYS, SK};
use serde_json::json;

use crate::queue_attributes::arn;

/// The table's name.
pub const TABLE_NAME: &str = "redial";

/// Why something could not be created.
#[derive(Debug, thiserror::Error)]
pub enum CreateError {
    /// The API refused.
    #[error("failed to create {what}: {reason}")]
    Refused {
        /// What.
        what: String,
        /// Its reason.
        reason: String,
    },
    /// The table was made by another build.
    #[error("failed to use the kept table: its indexes are [{found}], this build needs [{needed}]")]
    OtherIndexes {
        /// Those there are.
        found: String,
        /// Those there must be.
        needed: String,
    },
}

fn refused(what: &str, error: impl std::error::Error) -> CreateError {
    CreateError::Refused {
        what: what.to_owned(),
        reason: aws_sdk_dynamodb::error::DisplayErrorContext(error).to_string(),
    }
}

/// Creates the table with its indexes, or checks the one there is.
///
/// # Errors
/// When the API refuses, or the table there is has other indexes.
pub async fn table(client: &DynamoDb) -> Result<(), CreateError> {
    let failed = |error| refused("the table", error);
    let known = client.list_tables().send().await.map_err(failed)?;
    if known.table_names().iter().any(|name| name == TABLE_NAME) {
        return check_table(client).await;
    }
    let built = |error| refused("the table", error);
    let mut request = client
        .create_table()
        .table_name(TABLE_NAME)
        .billing_mode(BillingMode::PayPerRequest)
        .set_key_schema(Some(key_schema(PK, Some(SK)).map_err(built)?));
    let mut attributes = vec![PK, SK];
    for index in INDEXES {
        attributes.push(index.hash);
        attributes.extend(index.range);
        request = request.global_secondary_indexes(secondary_index(&index).map_err(built)?);
    }
    for name in attributes {
        let definition = AttributeDefinition::builder()
            .attribute_name(name)
            .attribute_type(ScalarAttributeType::S)
            .build();
        request = request.attribute_definitions(definition.map_err(built)?);
    }
    request.send().await.map_err(|error| refused("the table", error))?;
    let expiry = TimeToLiveSpecification::builder()
        .attribute_name(EXPIRES_AT)
        .enabled(true)
        .build();
    client
        .update_time_to_live()
        .table_name(TABLE_NAME)
        .time_to_live_specification(expiry.map_err(built)?)
        .send()
        .await
        .map_err(|error| refused("the table's expiry", error))?;
    Ok(())
}

async fn check_table(client: &DynamoDb) -> Result<(), CreateError> {
    let described = client.describe_table().table_name(TABLE_NAME).send().await;
    let described = described.map_err(|error| refused("the table", error))?;
    let mut found: Vec<&str> = described
        .table()
        .map(|table| table.global_secondary_indexes())
        .unwrap_or_default()
        .iter()
        .filter_map(|index| index.index_name())
        .collect();
    found.sort_unstable();
    let mut needed = INDEXES.map(|index| index.name);
    needed.sort_unstable();
    if found == needed {
        return Ok(());
    }
    Err(CreateError::OtherIndexes {
        found: found.join(", "),
        needed: needed.join(", "),
    })
}

type BuildError = aws_sdk_dynamodb::error::BuildError;

fn key_schema(hash: &str, range: Option<&str>) -> Result<Vec<KeySchemaElement>, BuildError> {
    let element = |name: &str, kind| KeySchemaElement::builder().attribute_name(name).key_type(kind).build();
    let mut schema = vec![element(hash, KeyType::Hash)?];
    if let Some(range) = range {
        schema.push(element(range, KeyType::Range)?);
    }
    Ok(schema)
}

fn secondary_index(index: &Index) -> Result<GlobalSecondaryIndex, BuildError> {
    let projection = if index.includes.is_empty() {
        Projection::builder().projection_type(ProjectionType::KeysOnly)
    } else {
        let names = index.includes.iter().map(|name| (*name).to_owned()).collect();
        Projection::builder()
            .projection_type(ProjectionType::Include)
            .set_non_key_attributes(Some(names))
    };
    GlobalSecondaryIndex::builder()
        .index_name(index.name)
        .set_key_schema(Some(key_schema(index.hash, index.range)?))
        .projection(projection.build())
        .build()
}

/// Creates every queue and its dead-letter queue.
///
/// # Errors
/// When the API refuses.
pub async fn queues(client: &Sqs) -> Result<(), CreateError> {
    let retention = (
        Attribute::MessageRetentionPeriod,
        (RETENTION_DAYS * 24 * 60 * 60).to_string(),
    );
    for queue in QUEUES {
        let dead = format!("{}-dlq", queue.name);
        one_queue(client, &dead, vec![retention.clone()]).await?;
        let redrive = json!({ "deadLetterTargetArn": arn(&dead), "maxReceiveCount": queue.receives_max });
        let attributes = vec![
            retention.clone(),
            (Attribute::VisibilityTimeout, queue.visibility_s().to_string()),
            (Attribute::RedrivePolicy, redrive.to_string()),
        ];
        one_queue(client, queue.name, attributes).await?;
    }
    Ok(())
}

async fn one_queue(client: &Sqs, name: &str, attributes: Vec<(Attribute, String)>) -> Result<(), CreateError> {
    let what = format!("the queue `{name}`");
    let attributes: std::collections::HashMap<_, _> = attributes.into_iter().collect();
    let created = client
        .create_queue()
        .queue_name(name)
        .set_attributes(Some(attributes.clone()))
        .send()
        .await;
    match created {
        Ok(_) => Ok(()),
        Err(error)
            if error
                .as_service_error()
                .is_some_and(|error| error.is_queue_name_exists()) =>
        {
            // Made by another build, with other settings.
            let url = client.get_queue_url().queue_name(name).send().await;
            let url = url.map_err(|error| refused(&what, error))?;
            let set = client
                .set_queue_attributes()
                .set_queue_url(url.queue_url)
                .set_attributes(Some(attributes));
            set.send().await.map(|_| ()).map_err(|error| refused(&what, error))
        }
        Err(error) => Err(refused(&what, error)),
    }
}
