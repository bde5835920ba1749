//! The SDK's way to the embedded engines without a socket: requests and answers are those of AWS, a call carries them.
//!
//! Knows services and operations by the header `X-Amz-Target`. Signatures are not looked at, as on the ports.

use aws_sdk_dynamodb::config::http::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::{
    http::{HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector},
    result::ConnectorError,
    runtime_components::RuntimeComponents,
};
use dynoxide::Database;

use crate::{bus::Bus, dynamodb, queue_engine::QueueEngine, queue_protocol};

/// The engines of one machine; clones share them.
#[derive(Clone)]
pub struct InProcess {
    /// Behind the table.
    pub database: Database,
    /// Behind the queues.
    pub queues: QueueEngine,
    /// Where the queues' URLs begin.
    pub sqs_url: String,
    /// Behind the bus.
    pub bus: Bus,
}

impl std::fmt::Debug for InProcess {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("InProcess")
    }
}

impl HttpClient for InProcess {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

impl HttpConnector for InProcess {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let engines = self.clone();
        HttpConnectorFuture::new(async move { engines.carry(&request).await })
    }
}

impl InProcess {
    async fn carry(&self, request: &HttpRequest) -> Result<HttpResponse, ConnectorError> {
        // An answer is there at once, so nothing else makes a long row of requests let others run.
        tokio::task::coop::consume_budget().await;
        let target = request.headers().get("x-amz-target").unwrap_or_default();
        let body = request.body().bytes().unwrap_or_default();
        let (status, error_code, body) = match target.split_once('.') {
            Some(("DynamoDB_20120810", operation)) => {
                let (status, body) = dynamodb::answer(&self.database, operation, body);
                (status, None, body.into_bytes())
            }
            Some(("AmazonSQS", operation)) => {
                let answered = queue_protocol::answer(&self.queues, &self.sqs_url, operation, body).await;
                (answered.status, answered.error_code, answered.body)
            }
            Some(("AWSEvents", _)) => {
                let (status, body) = self.bus.answer(target, body);
                (status, None, body.into_bytes())
            }
            // Only what is embedded is ever asked; no real account can be meant.
            _ => return Err(ConnectorError::user("this service is not embedded".into())),
        };
        let status = status
            .try_into()
            .map_err(|error| ConnectorError::other(Box::new(error), None))?;
        let mut response = HttpResponse::new(status, body.into());
        if let Some(code) = error_code {
            response.headers_mut().insert("x-amzn-query-error", code);
        }
        Ok(response)
    }
}
