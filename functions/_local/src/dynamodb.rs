//! Starts the embedded DynamoDB on a listener, and answers requests in this process.
//!
//! Knows no tables. Streams stay off: with them every write of the engine is linear in the stream's records
//! (measured), and no table of ours asks for one.

use std::{future::Future, net::SocketAddr, path::Path};

use dynoxide::{Database, DynoxideError};
use serde::{Serialize, de::DeserializeOwned};
use tokio::{net::TcpListener, task::JoinHandle};

/// Why the table engine did not start.
#[derive(Debug, thiserror::Error)]
pub enum DynamoDbError {
    /// The file cannot be opened.
    #[error("failed to open the table file `{path}`: {reason}")]
    Open {
        /// The file, or `memory`.
        path: String,
        /// The engine's reason.
        reason: String,
    },
    /// The listener is not usable.
    #[error("failed to use the listener of the embedded DynamoDB")]
    Listener(#[from] std::io::Error),
}

/// An embedded DynamoDB that serves.
pub struct DynamoDb {
    /// Where its API is reached.
    pub address: SocketAddr,
    /// The server; ends after the shutdown given to [`start`].
    pub server: JoinHandle<Result<(), String>>,
    /// The engine, for what has no API: sweeping expired items.
    pub database: Database,
}

/// Serves the tables in the file at `path`, or in memory, until `shutdown` ends.
pub fn start(
    path: Option<&Path>,
    listener: TcpListener,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> Result<DynamoDb, DynamoDbError> {
    let shown = path.map_or_else(|| "memory".to_owned(), |path| path.display().to_string());
    let opened = match path {
        Some(path) => Database::new(&path.to_string_lossy()),
        None => Database::memory(),
    };
    // The engine waits for the disk at every commit unless told so. Without it a commit is in the file system's hands,
    // which outlives the process, as in the files of queues and phones (`sqlite_file`).
    let opened = opened.and_then(|database| database.disable_bulk_loading().map(|()| database));
    let database = opened.map_err(|error| DynamoDbError::Open {
        path: shown,
        reason: error.to_string(),
    })?;
    let address = listener.local_addr()?;
    let server = tokio::spawn(dynoxide::server::serve_with_shutdown(
        listener,
        database.clone(),
        shutdown,
    ));
    Ok(DynamoDb {
        address,
        server,
        database,
    })
}

/// Answers one request in this process, with the operations that Redial needs: status and body. `operation` is what
/// follows the dot in `X-Amz-Target`.
pub fn answer(database: &Database, operation: &str, body: &[u8]) -> (u16, String) {
    fn run<Q: DeserializeOwned, A: Serialize>(
        body: &[u8],
        execute: impl FnOnce(Q) -> dynoxide::Result<A>,
    ) -> dynoxide::Result<String> {
        let request =
            serde_json::from_slice(body).map_err(|error| DynoxideError::SerializationException(error.to_string()))?;
        serde_json::to_string(&execute(request)?).map_err(|error| DynoxideError::InternalServerError(error.to_string()))
    }
    let answered = match operation {
        "CreateTable" => run(body, |request| database.create_table(request)),
        "DescribeTable" => run(body, |request| database.describe_table(request)),
        "ListTables" => run(body, |request| database.list_tables(request)),
        "DescribeTimeToLive" => run(body, |request| database.describe_time_to_live(request)),
        "UpdateTimeToLive" => run(body, |request| database.update_time_to_live(request)),
        "GetItem" => run(body, |request| database.get_item(request)),
        "BatchGetItem" => run(body, |request| database.batch_get_item(request)),
        "Query" => run(body, |request| database.query(request)),
        "Scan" => run(body, |request| database.scan(request)),
        "PutItem" => run(body, |request| database.put_item(request)),
        "UpdateItem" => run(body, |request| database.update_item(request)),
        "DeleteItem" => run(body, |request| database.delete_item(request)),
        "BatchWriteItem" => run(body, |request| database.batch_write_item(request)),
        "TransactWriteItems" => run(body, |request| database.transact_write_items(request)),
        other => Err(DynoxideError::UnsupportedCapability(other.to_owned())),
    };
    match answered {
        Ok(body) => (200, body),
        Err(error) => (error.status_code(), error.to_json()),
    }
}
