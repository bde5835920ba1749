//! The schedule in, what was found out.

use std::time::Duration;

use lambda_runtime::Error;
use redial_aws::App;
use redial_aws::campaigns::CAMPAIGNS_MAX;
use redial_aws::jobs::send_silent;
use redial_aws::setup::ensure_defaults;
use redial_telephony::bland::{self, BlandClient};
use serde_json::Value;

use crate::ask_provider::Asker;
use crate::watch_abandoned::watch_abandoned;
use crate::watch_campaigns::watch_campaigns;
use crate::watch_rollouts::watch_rollouts;

/// One question may take this long.
const ASK_TIMEOUT: Duration = Duration::from_secs(10);

/// The function, with its client.
#[derive(Debug, Clone)]
pub struct Handler {
    app: App,
    asker: Asker,
}

impl Handler {
    /// Loads the provider's key and address.
    ///
    /// # Errors
    /// When there is no key, or Secrets Manager does not answer.
    pub async fn new(app: App) -> Result<Self, Error> {
        let (key, base) = (
            app.secret("BLAND_API_KEY").await?,
            app.environment.get("BLAND_BASE_URL"),
        );
        let bland =
            bland::client(key, base, ASK_TIMEOUT)?.ok_or("failed to start: set BLAND_API_KEY or BLAND_API_KEY_ARN")?;
        Ok(Self::with_client(app, bland))
    }

    /// The function with a client of its own.
    pub fn with_client(app: App, bland: BlandClient) -> Self {
        Self {
            asker: Asker::new(app.clone(), bland),
            app,
        }
    }

    /// Looks once through everything that is in flight, and for jobs whose message was lost.
    ///
    /// # Errors
    /// When the table cannot be read; the next run starts again.
    pub async fn handle(&self, _event: Value) -> Result<Value, Error> {
        ensure_defaults(&self.app).await?;
        self.app.clock.check()?;
        // The calls first: a table that fails on the rules must not leave a line locked.
        let asked = self.asker.look_at_all().await?;
        watch_rollouts(&self.app).await?;
        let mut answer = serde_json::to_value(asked)?;
        answer["jobs_sent"] = send_silent(&self.app).await?.into();
        // Read once for both: all campaigns are one partition.
        let campaigns = self.app.table.campaigns(None, CAMPAIGNS_MAX).await?;
        answer["campaigns"] = serde_json::to_value(Box::pin(watch_campaigns(&self.app, campaigns.clone())).await)?;
        // Last, because it reads most: a day of every campaign.
        answer["brakes_moved"] = watch_abandoned(&self.app, campaigns).await?.into();
        Ok(answer)
    }
}
