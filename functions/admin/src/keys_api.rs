//! `/api/keys`: who has which key. A key is shown when it is made and never again.

use chrono::{DateTime, Utc};
use redial_aws::api_keys::ApiKey;
use redial_aws::leads::Activity;
use redial_aws::web::{Answer, Problem};
use redial_domain::{Role, iso};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::request::{Caller, bad, unavailable};

/// Longest name of a key, in characters: it stands in every activity.
const NAME_LEN_MAX: usize = 60;
/// Longest name of a provider: it is a part of a path.
const PROVIDER_LEN_MAX: usize = 20;

/// A key to make.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewKey {
    /// Whose it is; stands in every activity.
    name: String,
    /// `webhook`, `agent`, `admin`, `owner`, `system_admin`.
    #[schemars(schema_with = "crate::shapes::role")]
    role: Role,
    /// For the role `webhook`: the provider whose webhooks it may post.
    #[serde(default)]
    provider: Option<String>,
    /// Until when it may be used; not given is until somebody revokes it.
    #[serde(default)]
    valid_until: Option<DateTime<Utc>>,
}

pub(crate) async fn list(caller: &Caller<'_>) -> Result<Answer, Problem> {
    let keys = caller.app.table.api_keys().await.map_err(|error| unavailable(&error))?;
    let now = caller.app.clock.now();
    let keys: Vec<_> = keys.iter().map(|key| shown(key, now)).collect();
    Ok(Answer::json(200, &json!({"success": true, "keys": keys})))
}

pub(crate) async fn create(caller: &Caller<'_>) -> Result<Answer, Problem> {
    let new: NewKey = caller.body()?;
    let (app, now) = (caller.app, caller.app.clock.now());
    let name = new.name.trim();
    let length = name.chars().count();
    if length == 0 || length > NAME_LEN_MAX || name.chars().any(char::is_control) {
        return Err(bad("name", format!("give it 1 to {NAME_LEN_MAX} characters")));
    }
    if name == "system" {
        return Err(bad("name", "`system` is the name of jobs; choose another"));
    }
    if new.valid_until.is_some_and(|until| until <= now) {
        return Err(bad("valid_until", "it is over"));
    }
    // A key can make no key that may do more than itself.
    if new.role > caller.actor.role {
        return Err(bad(
            "role",
            format!(
                "a key of role {} makes none with a higher one",
                caller.actor.role.as_str()
            ),
        ));
    }
    match (&new.provider, new.role) {
        (Some(provider), Role::Webhook)
            if !(1..=PROVIDER_LEN_MAX).contains(&provider.len())
                || !provider.bytes().all(|byte| byte.is_ascii_lowercase()) =>
        {
            return Err(bad(
                "provider",
                "name it as in the path of its webhooks, in small letters",
            ));
        }
        (Some(_), role) if role != Role::Webhook => {
            return Err(bad("provider", "only keys of the role webhook have one"));
        }
        _ => {}
    }
    let made = app
        .table
        .create_api_key_until(&app.ids, name, new.role, new.provider, (now, new.valid_until))
        .await
        .map_err(|error| unavailable(&error))?;
    let found = app
        .table
        .api_key(&made, now)
        .await
        .map_err(|error| unavailable(&error))?;
    note(caller, "key made", found.as_ref()).await?;
    let mut answer = json!({"success": true, "api_key": made, "hint": "this key is not shown again"});
    if let Some(key) = &found {
        answer["key"] = shown(key, now);
    }
    Ok(Answer::json(201, &answer))
}

pub(crate) async fn revoke(caller: &Caller<'_>, id: &str) -> Result<Answer, Problem> {
    let now = caller.app.clock.now();
    let revoked = caller.app.table.revoke_api_key(id, now).await;
    let Some(key) = revoked.map_err(|error| unavailable(&error))? else {
        return Err(Problem::new(
            404,
            "unknown_key",
            "failed to find one key with this id",
            "use an `id` of GET /api/keys",
        ));
    };
    note(caller, "key revoked", Some(&key)).await?;
    Ok(Answer::json(200, &json!({"success": true, "key": shown(&key, now)})))
}

async fn note(caller: &Caller<'_>, what: &str, key: Option<&ApiKey>) -> Result<(), Problem> {
    let why = key.map(|key| format!("{} {}", key.id(), key.role.as_str()));
    let activity = Activity::now(caller.app, &caller.actor, what, why);
    let put = caller.app.table.put_system_activity("all", &activity).await;
    put.map_err(|error| unavailable(&error))
}

fn shown(key: &ApiKey, now: DateTime<Utc>) -> Value {
    json!({
        "id": key.id(),
        "name": key.name,
        "role": key.role,
        "provider": key.provider,
        "is_valid": key.is_valid(now),
        "created_at": iso(key.created_at),
        "valid_until": key.valid_until.map(iso),
        "revoked_at": key.revoked_at.map(iso),
        "last_used_at": key.last_used_at.map(iso),
    })
}
