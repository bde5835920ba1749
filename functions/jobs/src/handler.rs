//! A message of the jobs queue in, whether it must come again out.

use lambda_runtime::Error;
use redial_aws::App;
use redial_aws::messages::{self, JobMessage};
use serde_json::{Value, json};

use crate::replay::ATTEMPTS_PER_STEP_MAX;
use crate::run_job::{Ran, run_job};

/// The function.
#[derive(Debug, Clone)]
pub struct Handler {
    app: App,
    attempts_per_step: usize,
}

impl Handler {
    /// The function over an app.
    pub const fn new(app: App) -> Self {
        Self::with_steps_of(app, ATTEMPTS_PER_STEP_MAX)
    }

    /// The function with steps of another size, so that a few attempts are many steps.
    pub const fn with_steps_of(app: App, attempts_per_step: usize) -> Self {
        Self { app, attempts_per_step }
    }

    /// Goes on with the jobs of a batch.
    ///
    /// # Errors
    /// When the event is no batch of a queue.
    pub async fn handle(&self, event: Value) -> Result<Value, Error> {
        let records = event["Records"]
            .as_array()
            .ok_or("failed to read the event: it has no `Records`")?;
        let mut failures = Vec::new();
        for record in records {
            if let Err(error) = self.run(record["body"].as_str().unwrap_or_default()).await {
                self.app.metrics.count("job.retried");
                tracing::warn!("job not gone on with: {error}; it is tried again");
                failures.push(json!({"itemIdentifier": record["messageId"]}));
            }
        }
        Ok(json!({"batchItemFailures": failures}))
    }

    async fn run(&self, body: &str) -> Result<(), Error> {
        let message: JobMessage = messages::read(body)?;
        let ran = run_job(&self.app, &message.job, self.attempts_per_step).await?;
        self.app.metrics.count(match ran {
            Ran::Ended => "job.ended",
            Ran::HandedOn => "job.handed_on",
            Ran::NothingLeft => "job.nothing_left",
            Ran::Overtaken => "job.overtaken",
            Ran::Unknown => "job.unknown",
        });
        Ok(())
    }
}
