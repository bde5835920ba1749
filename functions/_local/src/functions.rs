//! A Lambda as AWS sees it: a JSON event in, a JSON answer or an error out.
//!
//! Knows no event source. A panic is a failed invocation, as in the Lambda runtime.

use std::{future::Future, panic::AssertUnwindSafe, sync::Arc};

use futures::{FutureExt, future::BoxFuture};
use serde_json::Value;

/// A Lambda.
pub type Function = Arc<dyn Fn(Value) -> BoxFuture<'static, Result<Value, String>> + Send + Sync>;

/// Makes a Lambda from an async closure.
pub fn function<F, Fut>(body: F) -> Function
where
    F: Fn(Value) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<Value, String>> + Send + 'static,
{
    Arc::new(move |event| body(event).boxed())
}

/// Invokes a Lambda once; a panic becomes an error with its message.
pub async fn invoke(function: &Function, event: Value) -> Result<Value, String> {
    let called = AssertUnwindSafe(async { function(event).await }).catch_unwind().await;
    called.unwrap_or_else(|panic| {
        let message = panic
            .downcast_ref::<&str>()
            .map(|text| (*text).to_owned())
            .or_else(|| panic.downcast_ref::<String>().cloned())
            .unwrap_or_else(|| "no message".to_owned());
        Err(format!("panicked: {message}"))
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[tokio::test]
    async fn an_answer_comes_back_and_a_panic_is_an_error() {
        let echo = function(|event| async move { Ok(event) });
        assert_eq!(invoke(&echo, json!({ "a": 1 })).await, Ok(json!({ "a": 1 })));
        let broken = function(|_| async { panic!("out of range") });
        assert_eq!(
            invoke(&broken, json!({})).await,
            Err("panicked: out of range".to_owned())
        );
    }
}
