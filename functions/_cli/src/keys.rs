//! `redial keys`: which table is meant, and the way to it.

use std::{collections::HashMap, path::PathBuf};

use clap::Subcommand;
use redial_aws::{App, Clock, Environment, Ids, app};
use redial_local::{
    create::TABLE_NAME,
    data_dir::noted_url,
    endpoints::{AwsUrls, sdk_config},
    options::DYNAMODB_PORT,
};

use crate::{failure::Failure, keys_create, keys_list, keys_revoke};

/// Makes, lists and revokes API keys. Keys are stored as hashes in Redial's table.
///
/// On AWS name the table with REDIAL_TABLE or --table; credentials and region come from the environment as for the AWS
/// CLI. For a running `redial local` add --local.
#[derive(Debug, clap::Args)]
pub(crate) struct Keys {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Create(keys_create::Create),
    List(keys_list::List),
    Revoke(keys_revoke::Revoke),
}

/// Where the table is.
#[derive(Debug, clap::Args)]
pub(crate) struct Where {
    /// The table [default with --local or --endpoint: redial]
    #[arg(long, value_name = "NAME", env = "REDIAL_TABLE")]
    table: Option<String>,
    /// The table of a running `redial local`; it is found through its data directory, else on port 8000
    #[arg(long)]
    local: bool,
    /// The data directory of that `redial local`
    #[arg(long, value_name = "DIR", default_value = ".redial")]
    data: PathBuf,
    /// A DynamoDB at this address, with test credentials, such as http://127.0.0.1:8000
    #[arg(long, value_name = "URL", conflicts_with = "local")]
    endpoint: Option<String>,
}

impl Where {
    /// The app over that table.
    pub(crate) async fn app(&self) -> Result<App, Failure> {
        let endpoint = match &self.endpoint {
            Some(endpoint) => Some(endpoint.clone()),
            None if self.local => {
                let noted = noted_url(&self.data, "dynamodb_url");
                Some(noted.unwrap_or_else(|| format!("http://127.0.0.1:{DYNAMODB_PORT}")))
            }
            None => None,
        };
        let default = endpoint.is_some().then(|| TABLE_NAME.to_owned());
        let Some(table) = self.table.clone().filter(|name| !name.is_empty()).or(default) else {
            return Err(Failure::new(
                "failed to find the table: REDIAL_TABLE is not set",
                "set it, or give --table NAME; for a running `redial local` give --local",
            ));
        };
        let config = match endpoint {
            Some(url) => sdk_config(AwsUrls {
                dynamodb: url.clone(),
                sqs: url.clone(),
                events: url,
            }),
            None => app::sdk_config(None).await,
        };
        if config.region().is_none() {
            return Err(Failure::new(
                "failed to find the table: no AWS region is set",
                "set AWS_REGION, as in us-east-1",
            ));
        }
        let environment = Environment::fixed(HashMap::from([("REDIAL_TABLE".to_owned(), table)]));
        Ok(App::with(environment, config, Clock::system(), Ids::system())?)
    }
}

pub(crate) async fn run(keys: Keys) -> Result<(), Failure> {
    match keys.command {
        Command::Create(create) => keys_create::run(create).await,
        Command::List(list) => keys_list::run(list).await,
        Command::Revoke(revoke) => keys_revoke::run(revoke).await,
    }
}
