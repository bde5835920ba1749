//! Instances that die in the middle of their work.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use aws_sdk_dynamodb::config::interceptors::{
    BeforeDeserializationInterceptorContextRef, BeforeTransmitInterceptorContextRef,
};
use aws_sdk_dynamodb::config::retry::RetryConfig;
use aws_sdk_dynamodb::config::{ConfigBag, Intercept, RuntimeComponents};
use redial_aws::{App, Table};
use redial_local::create::TABLE_NAME;
use redial_local::endpoints::{AwsUrls, sdk_config};

use crate::TestApp;

/// Lets so many requests through; then the instance is dead, before its request is sent or before the answer is read.
#[derive(Debug, Clone)]
pub struct Dies {
    left: Arc<AtomicI64>,
    answer_is_lost: bool,
}

type Failure = Box<dyn std::error::Error + Send + Sync>;

impl Dies {
    /// After so many requests to the table, before the next is sent or before the answer to the last one is read.
    pub fn after(requests: i64, answer_is_lost: bool) -> Self {
        Self {
            left: Arc::new(AtomicI64::new(requests)),
            answer_is_lost,
        }
    }

    /// Whether the instance lived to the end.
    pub fn lived(&self) -> bool {
        self.left.load(Ordering::SeqCst) >= 0
    }

    /// An instance that dies so.
    pub fn instance(&self, app: &TestApp) -> App {
        let places = &app.running.places;
        let config = sdk_config(AwsUrls {
            dynamodb: places.dynamodb_url.clone(),
            sqs: places.sqs_url.clone(),
            events: String::new(),
        });
        let config = aws_sdk_dynamodb::config::Builder::from(&config)
            .interceptor(self.clone())
            .retry_config(RetryConfig::disabled());
        let mut instance = app.instance();
        instance.table = Table::new(aws_sdk_dynamodb::Client::from_conf(config.build()), TABLE_NAME);
        instance
    }

    fn ends_if(dead: bool) -> Result<(), Failure> {
        if dead { Err("dead".into()) } else { Ok(()) }
    }
}

impl Intercept for Dies {
    fn name(&self) -> &'static str {
        "Dies"
    }

    fn read_before_transmit(
        &self,
        _: &BeforeTransmitInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), Failure> {
        let left = self.left.fetch_sub(1, Ordering::SeqCst) - 1;
        // The last request of those whose answer is lost still arrives.
        Self::ends_if(left < if self.answer_is_lost { -1 } else { 0 })
    }

    fn read_before_deserialization(
        &self,
        _: &BeforeDeserializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), Failure> {
        Self::ends_if(!self.lived())
    }
}
