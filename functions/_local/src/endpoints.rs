//! Ports and the SDK's way to them: everything listens on loopback only.

use std::io;

use aws_config::{BehaviorVersion, Region, SdkConfig, identity::IdentityCache};
use aws_credential_types::{Credentials, provider::SharedCredentialsProvider};
use aws_smithy_runtime_api::client::{http::HttpClient, stalled_stream_protection::StalledStreamProtectionConfig};
use aws_types::service_config::{LoadServiceConfig, ServiceConfigKey};
use tokio::net::TcpListener;

use crate::{options::Port, queue_attributes::REGION};

/// Why a port cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("failed to listen on port {port} for {what}: {reason}")]
pub struct PortError {
    port: u16,
    what: &'static str,
    reason: String,
    /// What to do.
    pub hint: String,
}

/// A listener, and what to say about its port.
#[derive(Debug)]
pub struct Bound {
    /// The listener.
    pub listener: TcpListener,
    /// A taken default was replaced.
    pub notice: Option<String>,
}

/// Listens on loopback.
///
/// # Errors
/// When a given port is taken, or the system refuses.
pub async fn bind(port: Port, what: &'static str, flag: &str) -> Result<Bound, PortError> {
    let (Port::Default(number) | Port::Given(number)) = port;
    let failed = |error: &io::Error| PortError {
        port: number,
        what,
        reason: match error.kind() {
            io::ErrorKind::AddrInUse => "it is taken".to_owned(),
            _ => error.to_string(),
        },
        hint: format!("stop what listens there, or choose another with {flag} (0 picks a free one)"),
    };
    match TcpListener::bind(("127.0.0.1", number)).await {
        Ok(listener) => Ok(Bound { listener, notice: None }),
        Err(error) if error.kind() == io::ErrorKind::AddrInUse && matches!(port, Port::Default(_)) => {
            let listener = TcpListener::bind(("127.0.0.1", 0))
                .await
                .map_err(|error| failed(&error))?;
            let free = listener.local_addr().map_err(|error| failed(&error))?.port();
            let notice = format!("port {number} is taken, so {what} listens on {free}; {flag} chooses one");
            Ok(Bound {
                listener,
                notice: Some(notice),
            })
        }
        Err(error) => Err(failed(&error)),
    }
}

/// Where a listener is reached.
///
/// # Errors
/// When the system does not say.
pub fn url_of(listener: &TcpListener) -> io::Result<String> {
    Ok(format!("http://127.0.0.1:{}", listener.local_addr()?.port()))
}

/// Where the embedded AWS APIs are.
#[derive(Debug, Clone)]
pub struct AwsUrls {
    /// Of the embedded DynamoDB.
    pub dynamodb: String,
    /// Of the embedded SQS.
    pub sqs: String,
    /// Of the bus.
    pub events: String,
}

impl LoadServiceConfig for AwsUrls {
    fn load_config(&self, key: ServiceConfigKey<'_>) -> Option<String> {
        // The SDK asks for each service's endpoint by this, as it would the variables AWS_ENDPOINT_URL_….
        match (key.profile(), key.service_id()) {
            ("endpoint_url", "DynamoDB") => Some(self.dynamodb.clone()),
            ("endpoint_url", "SQS") => Some(self.sqs.clone()),
            ("endpoint_url", "EventBridge") => Some(self.events.clone()),
            _ => None,
        }
    }
}

/// Nothing listens on the discard port: a service that is not embedded is refused here, not asked on the internet.
const NOWHERE: &str = "http://127.0.0.1:9";

/// The SDK's configuration for this machine. It never reads the environment or profiles, so that no real account can
/// be meant.
pub fn sdk_config(urls: AwsUrls) -> SdkConfig {
    sdk_config_over(urls, aws_smithy_http_client::Builder::new().build_http())
}

/// As [`sdk_config`], with another way to the APIs than their ports.
pub fn sdk_config_over(urls: AwsUrls, way: impl HttpClient + 'static) -> SdkConfig {
    let credentials = Credentials::new("test", "test", None, None, "redial local");
    SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::from_static(REGION))
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        // Keys that never end need no cache, and no answer of this machine is a stream that may stall.
        .identity_cache(IdentityCache::no_cache())
        .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
        .http_client(way)
        .endpoint_url(NOWHERE)
        .service_config(urls)
        .build()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_taken_default_is_replaced_and_said_and_a_taken_given_port_is_an_error() {
        let held = bind(Port::Given(0), "the test", "--port").await.unwrap();
        assert_eq!(held.notice, None);
        let taken = held.listener.local_addr().unwrap().port();
        let replaced = bind(Port::Default(taken), "the admin API", "--port").await.unwrap();
        let free = replaced.listener.local_addr().unwrap().port();
        assert_eq!(
            replaced.notice.unwrap(),
            format!("port {taken} is taken, so the admin API listens on {free}; --port chooses one")
        );
        let error = bind(Port::Given(taken), "the admin API", "--port").await.unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("failed to listen on port {taken} for the admin API: it is taken")
        );
    }
}
