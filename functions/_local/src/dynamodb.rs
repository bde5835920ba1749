//! Starts the embedded DynamoDB on a listener.
//!
//! Knows no tables. Streams stay off: with them every write of the engine is linear in the stream's records
//! (measured), and no table of ours asks for one.

use std::{future::Future, net::SocketAddr, path::Path};

use dynoxide::Database;
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
