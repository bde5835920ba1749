//! Why the local machine did not start, and what to do about it.

use crate::{
    create::CreateError, data_dir::DataError, demo::DemoError, dynamodb::DynamoDbError, endpoints::PortError,
    phone_settings::PhonesError, queue_error::QueueError, wire::WireError,
};

/// Why the local machine did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The data directory.
    #[error(transparent)]
    Data(#[from] DataError),
    /// The kept clock.
    #[error("failed to read the kept clock: {0}")]
    Clock(std::io::Error),
    /// A port.
    #[error(transparent)]
    Port(#[from] PortError),
    /// A listener.
    #[error("failed to listen: {0}")]
    Listener(std::io::Error),
    /// The table engine.
    #[error(transparent)]
    DynamoDb(#[from] DynamoDbError),
    /// The queues.
    #[error("failed to open the queues: {0}")]
    Queues(#[from] QueueError),
    /// The phone network.
    #[error("failed to open the phone network: {0}")]
    Phones(#[from] PhonesError),
    /// Table or queues were not created.
    #[error(transparent)]
    Create(#[from] CreateError),
    /// A function.
    #[error(transparent)]
    Wire(#[from] WireError),
    /// An app.
    #[error(transparent)]
    App(#[from] redial_aws::AppError),
    /// The first state.
    #[error(transparent)]
    Setup(#[from] redial_aws::setup::SetupError),
    /// The table.
    #[error(transparent)]
    Table(#[from] redial_aws::TableError),
    /// The API key.
    #[error("failed to use the API key: it has spaces, other than ASCII signs, none or more than 200 of them")]
    ApiKey,
    /// The demo.
    #[error(transparent)]
    Demo(#[from] DemoError),
    /// The built-in rules do not compile.
    #[error("failed to load the built-in rule set `{0}`")]
    Rules(&'static str),
}

impl StartError {
    /// What to do.
    pub fn hint(&self) -> String {
        match self {
            Self::Data(error) => error.hint().to_owned(),
            Self::Port(error) => error.hint.clone(),
            Self::ApiKey => "give another with --api-key or REDIAL_API_KEY, or none and one is made".to_owned(),
            Self::Setup(redial_aws::setup::SetupError::Environment(_)) => {
                "correct the variable, or unset it to use the default".to_owned()
            }
            Self::Rules(_) => "check the scripts with `cargo test -p redial-rules`".to_owned(),
            Self::Clock(_) | Self::DynamoDb(_) | Self::Queues(_) | Self::Phones(_) | Self::Create(_) => {
                "start again with --fresh to forget what is kept, or name another directory with --data".to_owned()
            }
            _ => "start again; if it stays so, --fresh forgets what is kept".to_owned(),
        }
    }
}
