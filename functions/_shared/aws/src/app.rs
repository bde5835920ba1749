//! What a function works with: table, queues, bus, clock, rules, counts. Made once per instance.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::io::Write;
use std::sync::{Arc, Mutex, PoisonError};

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_dynamodb::config::interceptors::BeforeDeserializationInterceptorContextRef;
use aws_sdk_dynamodb::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use chrono::{DateTime, TimeDelta, Utc};
use redial_domain::law::Law;
use redial_domain::{Campaign, CampaignId};

use crate::bus::Bus;
use crate::clock::{Clock, Ids};
use crate::law_book::LawBook;
use crate::queues::{QueueUrls, Queues};
use crate::rulebook::RuleBook;
use crate::table::{Table, TableError};

/// A campaign is read again after this long, or as soon as a gate copy shows a newer version.
const CAMPAIGN_KEPT: TimeDelta = TimeDelta::seconds(10);

type Lookup = dyn Fn(&str) -> Option<String> + Send + Sync;

/// Settings from outside: the process's environment, or a map of one's own.
#[derive(Clone)]
pub struct Environment(Arc<Lookup>);

impl Environment {
    /// The process's environment. Empty values are absent.
    pub fn process() -> Self {
        #[expect(
            clippy::disallowed_methods,
            reason = "this is the one place that reads the environment"
        )]
        Self(Arc::new(|name| {
            std::env::var(name).ok().filter(|value| !value.is_empty())
        }))
    }

    /// A fixed environment.
    pub fn fixed(values: HashMap<String, String>) -> Self {
        Self(Arc::new(move |name| values.get(name).cloned()))
    }

    /// A value.
    pub fn get(&self, name: &str) -> Option<String> {
        (self.0)(name)
    }

    /// A value that a function cannot do without.
    ///
    /// # Errors
    /// When it is absent; the error names it.
    pub fn need(&self, name: &str) -> Result<String, AppError> {
        self.get(name)
            .ok_or_else(|| AppError(format!("the environment has no {name}")))
    }
}

impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Environment")
    }
}

/// Why a function cannot start.
#[derive(Debug, thiserror::Error)]
#[error("failed to start: {0}")]
pub struct AppError(String);

/// Everything a function works with.
#[derive(Debug, Clone)]
pub struct App {
    /// The table.
    pub table: Table,
    /// The queues.
    pub queues: Queues,
    /// The bus.
    pub bus: Bus,
    /// The clock.
    pub clock: Clock,
    /// Ids and jitter.
    pub ids: Ids,
    /// Rule sets in use.
    pub rules: RuleBook,
    /// Campaigns, cached.
    pub campaigns: CampaignBook,
    /// The law book, cached.
    law: LawBook,
    /// What happened how often.
    pub metrics: Metrics,
    /// Settings from outside.
    pub environment: Environment,
    /// The law book of this build, which everything that is added stands over.
    pub book: &'static Law,
    config: SdkConfig,
}

/// The SDK's configuration with our HTTPS client: hyper and ring.
pub async fn sdk_config(region: Option<String>) -> SdkConfig {
    let https = aws_smithy_http_client::Builder::new()
        .tls_provider(Provider::Rustls(CryptoMode::Ring))
        .build_https();
    let loader = aws_config::defaults(BehaviorVersion::latest()).http_client(https);
    match region {
        Some(region) => loader.region(Region::new(region)).load().await,
        None => loader.load().await,
    }
}

impl App {
    /// A function's app, from its environment: `REDIAL_TABLE`, `REDIAL_…_QUEUE_URL`, `REDIAL_BUS`.
    ///
    /// # Errors
    /// When the environment names no table.
    pub async fn start(environment: Environment) -> Result<Self, AppError> {
        let config = sdk_config(environment.get("AWS_REGION")).await;
        Self::with(environment, config, Clock::system(), Ids::system())
    }

    /// An app over a given configuration, clock and source of ids.
    ///
    /// # Errors
    /// When the environment names no table.
    pub fn with(environment: Environment, config: SdkConfig, clock: Clock, ids: Ids) -> Result<Self, AppError> {
        let urls = QueueUrls {
            calls: environment.get("REDIAL_CALLS_QUEUE_URL"),
            dial: environment.get("REDIAL_DIAL_QUEUE_URL"),
            tick: environment.get("REDIAL_TICK_QUEUE_URL"),
            jobs: environment.get("REDIAL_JOBS_QUEUE_URL"),
        };
        let watched = aws_sdk_dynamodb::config::Builder::from(&config).interceptor(ClockWatch(clock.clone()));
        Ok(Self {
            table: Table::new(
                aws_sdk_dynamodb::Client::from_conf(watched.build()),
                environment.need("REDIAL_TABLE")?,
            ),
            queues: Queues::new(aws_sdk_sqs::Client::new(&config), urls),
            bus: Bus::new(aws_sdk_eventbridge::Client::new(&config), environment.get("REDIAL_BUS")),
            clock,
            ids,
            rules: RuleBook::default(),
            campaigns: CampaignBook::default(),
            law: LawBook::default(),
            metrics: Metrics::default(),
            environment,
            book: Law::built_in(),
            config,
        })
    }

    /// Another instance of the same function: the same table, clock and counts, with caches and a meter of its own.
    #[must_use]
    pub fn another_instance(&self) -> Self {
        Self {
            table: self.table.metered_anew(),
            rules: RuleBook::default(),
            campaigns: CampaignBook::default(),
            law: LawBook::default(),
            ..self.clone()
        }
    }

    /// A secret: from the environment by its name, or from Secrets Manager by `<NAME>_ARN`.
    ///
    /// # Errors
    /// When Secrets Manager has it not or does not answer.
    pub async fn secret(&self, name: &str) -> Result<Option<String>, AppError> {
        if let Some(value) = self.environment.get(name) {
            return Ok(Some(value));
        }
        let Some(arn) = self.environment.get(&format!("{name}_ARN")) else {
            return Ok(None);
        };
        let answer = aws_sdk_secretsmanager::Client::new(&self.config)
            .get_secret_value()
            .secret_id(arn)
            .send()
            .await;
        let code = |error| {
            aws_sdk_secretsmanager::error::ProvideErrorMetadata::code(&error)
                .unwrap_or("no answer")
                .to_owned()
        };
        let secret = answer.map_err(|error| AppError(format!("the secret {name} cannot be read: {}", code(error))))?;
        Ok(secret.secret_string.filter(|value| !value.is_empty()))
    }

    /// Calling law with what was added to it, at least as new as a version that a gate copy showed.
    ///
    /// # Errors
    /// When the table cannot be reached; then nothing may be dialed.
    pub async fn law(&self, at_least: u64) -> Result<Arc<Law>, TableError> {
        self.law.get(&self.table, self.book, at_least, self.clock.now()).await
    }

    /// A campaign, cached, at least as new as a version that somebody saw.
    ///
    /// # Errors
    /// When the table cannot be reached.
    pub async fn campaign(&self, id: &CampaignId, at_least: u64) -> Result<Option<Arc<Campaign>>, TableError> {
        self.campaigns.get(&self.table, id, at_least, self.clock.now()).await
    }
}

/// Holds this machine's clock against the `Date` of each of the table's answers.
#[derive(Debug)]
struct ClockWatch(Clock);

impl Intercept for ClockWatch {
    fn name(&self) -> &'static str {
        "ClockWatch"
    }

    fn read_before_deserialization(
        &self,
        context: &BeforeDeserializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        let date = context.response().headers().get("date");
        if let Some(date) = date.and_then(|date| DateTime::parse_from_rfc2822(date).ok()) {
            self.0.compare(date.to_utc());
        }
        Ok(())
    }
}

type CachedCampaigns = HashMap<CampaignId, (Arc<Campaign>, DateTime<Utc>)>;

/// The campaigns of one instance of a function.
#[derive(Debug, Clone, Default)]
pub struct CampaignBook {
    known: Arc<Mutex<CachedCampaigns>>,
    /// The messages of a batch come side by side: one of them reads, the others find what it read.
    turn: Arc<tokio::sync::Mutex<()>>,
}

impl CampaignBook {
    async fn get(
        &self,
        table: &Table,
        id: &CampaignId,
        at_least: u64,
        now: DateTime<Utc>,
    ) -> Result<Option<Arc<Campaign>>, TableError> {
        if let Some(campaign) = self.known(id, at_least, now) {
            return Ok(Some(campaign));
        }
        let _turn = self.turn.lock().await;
        if let Some(campaign) = self.known(id, at_least, now) {
            return Ok(Some(campaign));
        }
        let Some(campaign) = table.campaign(id).await? else {
            return Ok(None);
        };
        let campaign = Arc::new(campaign);
        self.known
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(id.clone(), (Arc::clone(&campaign), now));
        Ok(Some(campaign))
    }

    fn known(&self, id: &CampaignId, at_least: u64, now: DateTime<Utc>) -> Option<Arc<Campaign>> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let (campaign, read_at) = known.get(id)?;
        let is_new = campaign.version >= at_least && (now - *read_at).abs() < CAMPAIGN_KEPT;
        is_new.then(|| Arc::clone(campaign))
    }
}

/// What happened how often. On Lambda written as CloudWatch metrics in the log (embedded metric format), because a call
/// to the metrics API would cost more than the work it counts.
#[derive(Debug, Clone, Default)]
pub struct Metrics(Arc<Mutex<Counts>>);

#[derive(Debug, Default)]
struct Counts {
    total: BTreeMap<&'static str, u64>,
    unsent: BTreeMap<&'static str, u64>,
}

impl Metrics {
    /// Counts one.
    pub fn count(&self, name: &'static str) {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *counts.total.entry(name).or_default() += 1;
        *counts.unsent.entry(name).or_default() += 1;
    }

    /// Counts since the start.
    pub fn totals(&self) -> BTreeMap<&'static str, u64> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).total.clone()
    }

    /// Writes what was counted since the last time as one line of embedded metrics.
    pub fn write_line(&self, function: &str, now: DateTime<Utc>, to: &mut impl Write) {
        let unsent = std::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner).unsent);
        if unsent.is_empty() {
            return;
        }
        let metrics: Vec<_> = unsent
            .keys()
            .map(|name| serde_json::json!({"Name": name, "Unit": "Count"}))
            .collect();
        let mut line = serde_json::json!({
            "_aws": {
                "Timestamp": now.timestamp_millis(),
                "CloudWatchMetrics": [{"Namespace": "Redial", "Dimensions": [["function"]], "Metrics": metrics}],
            },
            "function": function,
        });
        for (name, count) in unsent {
            line[name] = count.into();
        }
        // A metric that cannot be written must not fail the work that it counts.
        let _ = writeln!(to, "{line}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_go_out_once_and_stay_in_the_total() {
        let metrics = Metrics::default();
        metrics.count("webhook.rejected");
        metrics.count("webhook.rejected");
        let mut out = Vec::new();
        metrics.write_line("webhook", DateTime::from_timestamp(0, 0).unwrap(), &mut out);
        metrics.write_line("webhook", DateTime::from_timestamp(0, 0).unwrap(), &mut out);
        let text = String::from_utf8(out).unwrap();
        assert_eq!(text.lines().count(), 1);
        assert!(text.contains(r#""webhook.rejected":2"#), "{text}");
        assert_eq!(metrics.totals()["webhook.rejected"], 2);
    }
}
