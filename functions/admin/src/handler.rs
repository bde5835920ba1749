//! Who asks, what for, and may they?
//!
//! Data flow: path and method → one row of the table of routes → who asks, by key or session → may its role? → a body that
//! is not too large → a request that is to be done once is claimed → the row's action, one file each → the answer. Every
//! refusal has `code`, `message` and `hint`. Query strings are never logged: they may hold a phone number.

use lambda_runtime::Error;
use redial_aws::App;
use redial_aws::setup::ensure_defaults;
use redial_aws::web::{Answer, Problem, Request};
use redial_domain::{Actor, Role};
use serde_json::Value;
use std::sync::Arc;
use tokio::sync::OnceCell;

use crate::auth;
use crate::done_once::done_once;
use crate::request::Caller;
use crate::route::Route;
use crate::routes::find;

/// The function.
#[derive(Debug, Clone)]
pub struct Handler {
    app: App,
    ready: Arc<OnceCell<()>>,
}

impl Handler {
    /// The function over an app.
    pub fn new(app: App) -> Self {
        Self {
            app,
            ready: Arc::default(),
        }
    }

    /// Answers one request.
    ///
    /// # Errors
    /// When the event is not a function URL's, or the first state cannot be written.
    pub async fn handle(&self, event: Value) -> Result<Value, Error> {
        let request: Request = serde_json::from_value(event)?;
        let answer = match self.answer(&request).await {
            Ok(answer) => answer,
            Err(problem) => {
                self.app.metrics.count(if problem.status >= 500 {
                    "admin.failed"
                } else {
                    "admin.refused"
                });
                Answer::from(problem)
            }
        };
        Ok(answer.into_value())
    }

    async fn answer(&self, request: &Request) -> Result<Answer, Problem> {
        let segments = request.segments();
        let path: Vec<&str> = segments.iter().map(String::as_str).collect();
        request.refuse_key_in_url()?;
        let found = find(request.method(), &path);
        if let Ok((route, parts)) = &found
            && route.needs.is_none()
        {
            let nobody = Actor {
                name: "nobody".to_owned(),
                role: Role::Webhook,
            };
            return self.run(route, parts, request, nobody).await;
        }
        // Nobody learns what there is without a key.
        let key = auth::who(&self.app, request).await?;
        let actor = key.actor();
        self.ready
            .get_or_try_init(|| ensure_defaults(&self.app))
            .await
            .map_err(|error| {
                tracing::error!("{error}");
                Problem::new(503, "not_ready", error.to_string(), "mend it and try again")
            })?;
        let (route, parts) = found?;
        self.run(route, &parts, request, actor).await
    }

    async fn run(
        &self,
        route: &'static Route,
        parts: &[&str],
        request: &Request,
        actor: Actor,
    ) -> Result<Answer, Problem> {
        let size = request.body.as_deref().map_or(0, str::len);
        // Base64 makes four letters of three bytes.
        let size = if request.is_base64_encoded { size / 4 * 3 } else { size };
        if size > route.body_bytes_max {
            return Err(Problem::new(
                413,
                "body_too_large",
                format!(
                    "failed to read the body: it is larger than {} KiB",
                    route.body_bytes_max / 1_024
                ),
                "send less at once",
            ));
        }
        let caller = Caller {
            app: &self.app,
            request,
            actor,
            record: None,
        };
        if let Some(needs) = route.needs {
            caller.may(needs)?;
        }
        match request.header("idempotency-key") {
            Some(key) if route.once => done_once(caller, route, parts, key).await,
            _ => (route.action)(&caller, parts).await,
        }
    }
}
