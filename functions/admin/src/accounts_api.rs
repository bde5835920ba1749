//! `GET|PATCH /api/admin/accounts/{provider}`: the limits of a provider's account, and how campaigns share it.
//!
//! Limits hold over all campaigns, from the next minute on. Lowering one ends no call: lines are not refilled until
//! fewer are taken than it says.

use redial_aws::accounts::{Account, CALLS_AT_ONCE_MAX, CALLS_PER_MINUTE_MAX};
use redial_aws::leads::Activity;
use redial_aws::web::{Answer, Problem};
use redial_domain::{Voice, iso};
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer};
use serde_json::json;

use crate::request::{Caller, unavailable};

#[derive(Deserialize, Default, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Change {
    #[serde(default, deserialize_with = "given")]
    calls_at_once_max: Option<Option<u32>>,
    #[serde(default, deserialize_with = "given")]
    calls_per_minute_max: Option<Option<u32>>,
}

/// Tells `null`, which is "no limit", from absent.
fn given<'de, T: Deserialize<'de>, D: Deserializer<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

/// The provider that places calls; there is one today.
fn known(provider: &str) -> Result<String, Problem> {
    let placing = Voice::default().provider;
    if provider == placing {
        return Ok(placing);
    }
    Err(Problem::new(
        404,
        "no_account",
        "failed to find the account: no such provider places calls here",
        format!("use {placing}"),
    ))
}

pub(crate) async fn show(caller: &Caller<'_>, provider: &str) -> Result<Answer, Problem> {
    let provider = &known(provider)?;
    let account = caller.app.table.account(provider).await;
    answer(caller, provider, &account.map_err(|error| unavailable(&error))?).await
}

pub(crate) async fn change(caller: &Caller<'_>, provider: &str) -> Result<Answer, Problem> {
    let provider = &known(provider)?;
    let change: Change = caller.body()?;
    within("calls_at_once_max", change.calls_at_once_max, CALLS_AT_ONCE_MAX)?;
    within(
        "calls_per_minute_max",
        change.calls_per_minute_max,
        CALLS_PER_MINUTE_MAX,
    )?;
    let app = caller.app;
    let before = app.table.account(provider).await.map_err(|error| unavailable(&error))?;
    let account = Account {
        calls_at_once_max: change.calls_at_once_max.unwrap_or(before.calls_at_once_max),
        calls_per_minute_max: change.calls_per_minute_max.unwrap_or(before.calls_per_minute_max),
        ..before.clone()
    };
    if account != before {
        let word = |limit: Option<u32>| limit.map_or_else(|| "no limit".to_owned(), |limit| limit.to_string());
        let why = format!(
            "{provider}: {} calls at once, {} a minute",
            word(account.calls_at_once_max),
            word(account.calls_per_minute_max)
        );
        // Noted first: a change without a note would explain itself to nobody.
        let activity = Activity::now(app, &caller.actor, "account limits changed", Some(why));
        app.table
            .put_system_activity("all", &activity)
            .await
            .map_err(|error| unavailable(&error))?;
        app.table
            .limit_account(provider, &account)
            .await
            .map_err(|error| unavailable(&error))?;
        tracing::info!(account.provider = provider, actor = %caller.actor.name, "account limits changed");
    }
    answer(caller, provider, &account).await
}

async fn answer(caller: &Caller<'_>, provider: &str, account: &Account) -> Result<Answer, Problem> {
    let app = caller.app;
    let now = app.clock.now();
    let shared = if account.has_limits() {
        let minute = app.table.account_minute(provider).await;
        minute.map_err(|error| unavailable(&error))?
    } else {
        None
    };
    let closed_until = account.closed_until.filter(|until| *until > now);
    Ok(Answer::json(
        200,
        &json!({
            "provider": provider,
            "calls_at_once_max": account.calls_at_once_max,
            "calls_per_minute_max": account.calls_per_minute_max,
            "closed_until": closed_until.map(iso),
            "closed_why": closed_until.and(account.closed_why.as_ref()),
            "shared_at": shared.as_ref().map(|minute| iso(minute.at())),
            "campaigns": shared.map(|minute| minute.shown()).unwrap_or_default(),
        }),
    ))
}

fn within(name: &str, value: Option<Option<u32>>, max: u32) -> Result<(), Problem> {
    match value {
        Some(Some(value)) if !(1..=max).contains(&value) => Err(Problem::new(
            422,
            "bad_field",
            format!("failed to read `{name}`: {value} is outside 1 to {max}"),
            "correct the field and send it again; null is no limit",
        )),
        _ => Ok(()),
    }
}
