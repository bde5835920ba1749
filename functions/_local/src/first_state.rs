//! What is there before time passes: the functions' environment, the API key, the demo.

use std::{collections::HashMap, sync::Arc};

use redial_aws::{App, Environment};
use redial_domain::{CampaignId, Role};
use tokio::sync::watch;

use crate::{
    create::TABLE_NAME, data_dir::DataDir, demo, options::Options, queue_protocol, running::Places,
    start_error::StartError, start_time::BEFORE_OPENING, virtual_clock::VirtualClock,
};

/// The name of the bus.
const BUS_NAME: &str = "redial";
/// The name of the API key that every start makes sure of.
const KEY_NAME: &str = "local";
/// The key that the simulated network asks for.
pub(crate) const PHONES_KEY: &str = "simulated-network";
/// Longest API key that may be given: more than any header needs.
const API_KEY_LEN_MAX: usize = 200;
/// The environment names of the earlier systems, which give the first settings (Q15).
const PASSED_ON: [&str; 8] = [
    "REDIAL_QUEUE_ENABLED",
    "REDIAL_INTERVAL_MINUTES",
    "REDIAL_PROGRESSIVE_INTERVALS",
    "REDIAL_MAX_ATTEMPTS",
    "REDIAL_MAX_DAILY_ATTEMPTS",
    "REDIAL_PROCESS_INTERVAL",
    "REDIAL_RETENTION_DAYS",
    "WEBHOOK_LOGGING_ENABLED",
];

/// What the functions find in their environment.
pub(crate) fn functions_environment(outside: &Environment, places: &Places, secret: Option<&str>) -> Environment {
    let queue = |name| queue_protocol::queue_url(&places.sqs_url, name);
    let own = [
        ("REDIAL_TABLE", TABLE_NAME.to_owned()),
        ("REDIAL_CALLS_QUEUE_URL", queue("calls")),
        ("REDIAL_DIAL_QUEUE_URL", queue("dial")),
        ("REDIAL_TICK_QUEUE_URL", queue("tick")),
        ("REDIAL_JOBS_QUEUE_URL", queue("jobs")),
        ("REDIAL_BUS", BUS_NAME.to_owned()),
        ("REDIAL_WEBHOOK_BASE_URL", places.base_url.clone()),
        ("BLAND_BASE_URL", places.phones_url.clone()),
        ("BLAND_API_KEY", PHONES_KEY.to_owned()),
        match secret {
            Some(secret) => ("BLAND_WEBHOOK_SECRET", secret.to_owned()),
            None => ("REDIAL_UNSIGNED_WEBHOOKS", "allowed".to_owned()),
        },
    ];
    // Nobody real is called here, so nobody has to have agreed to it.
    let statement = outside
        .get("REDIAL_CONSENT_STATEMENT")
        .unwrap_or_else(|| "the phones are simulated: nobody real is called".to_owned());
    let passed = PASSED_ON.iter().filter_map(|name| Some((*name, outside.get(name)?)));
    let all = own
        .into_iter()
        .chain([("REDIAL_CONSENT_STATEMENT", statement)])
        .chain(passed)
        .map(|(name, value)| (name.to_owned(), value));
    Environment::fixed(all.collect::<HashMap<_, _>>())
}

/// The given key, the kept one, or a new one; in the table in any case.
pub(crate) async fn ensure_api_key(
    app: &App,
    given: Option<&str>,
    data: Option<&DataDir>,
) -> Result<String, StartError> {
    let kept = data.map_or(Ok(None), DataDir::api_key)?;
    let key = match (given, kept) {
        (Some(given), _) => {
            if given.is_empty() || given.len() > API_KEY_LEN_MAX || !given.bytes().all(|byte| byte.is_ascii_graphic()) {
                return Err(StartError::ApiKey);
            }
            given.to_owned()
        }
        (None, Some(kept)) => kept,
        (None, None) => {
            let made = format!("{}{}", redial_aws::api_keys::KEY_PREFIX, app.ids.secret());
            if let Some(data) = data {
                data.keep_api_key(&made)?;
            }
            made
        }
    };
    let good = app
        .table
        .api_key(&key, app.clock.now())
        .await?
        .is_some_and(|known| known.role == Role::SystemAdmin);
    if !good {
        let now = app.clock.now();
        app.table
            .put_api_key(&key, KEY_NAME, Role::SystemAdmin, None, now)
            .await?;
    }
    Ok(key)
}

/// Makes sure of the demo campaign. Gives it while its leads are not all added; else lets the clock go on to shortly
/// before its next call.
pub(crate) async fn prepare_demo(
    app: &App,
    options: &Options,
    data: Option<&DataDir>,
    clock: &VirtualClock,
    notices: &mut Vec<String>,
) -> Result<Option<CampaignId>, StartError> {
    let campaign = demo::ensure_campaign(app).await?;
    if !data.is_some_and(DataDir::demo_is_added) {
        return Ok(Some(campaign));
    }
    let next = demo::next_call_at(app, &campaign).await?;
    if let Some(wake) = demo::wake_at(next, clock.now()).filter(|_| options.now.is_none()) {
        let shown = |time: chrono::DateTime<chrono::Utc>| time.format("%a %d %b %H:%M UTC").to_string();
        notices.push(format!(
            "the demo stood at {}; with no call due before {} its clock goes on 5 minutes before that",
            shown(clock.now()),
            shown(wake + BEFORE_OPENING),
        ));
        clock.advance_to(wake);
    }
    Ok(None)
}

/// Adds the demo's leads and says how many there are.
pub(crate) async fn add_demo(
    app: App,
    campaign: CampaignId,
    added: watch::Sender<Option<usize>>,
    data: Option<Arc<DataDir>>,
) {
    let progress = |done| {
        added.send_replace(Some(done));
    };
    match demo::add_leads(&app, &campaign, progress).await {
        Ok(()) => {
            if let Some(Err(error)) = data.map(|data| data.note_demo_added()) {
                tracing::warn!("{error}; the next start looks through the demo's leads again");
            }
        }
        Err(error) => tracing::error!("demo not complete: {error}; the next start adds the rest"),
    }
}
