//! `GET|PUT config`: the settings that earlier redial queues had, and who holds each.
//!
//! Those knew one queue; it is the `default` campaign here. What is null is left to its rule set, and the answer
//! says so. Switches and intervals of the whole system are settings of their own.

use redial_aws::web::{Answer, Problem};
use redial_domain::{AttemptId, Campaign, Settings};
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer};
use serde_json::json;

use crate::campaign_api::save;
use crate::queue_switches::{change_settings, wait_for_all};
use crate::request::{Caller, bad, contended, unavailable};

/// Rounds against others who change the default campaign at the same time.
const ROUNDS_MAX: usize = 4;

#[derive(Deserialize, Default, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Change {
    #[serde(default)]
    enabled: Option<bool>,
    #[serde(default, deserialize_with = "given")]
    redial_interval_minutes: Option<Option<u32>>,
    #[serde(default, deserialize_with = "given")]
    max_redial_attempts: Option<Option<u32>>,
    #[serde(default, deserialize_with = "given")]
    progressive_intervals: Option<Option<Vec<u32>>>,
    #[serde(default)]
    max_daily_attempts: Option<u32>,
    #[serde(default)]
    process_interval_minutes: Option<u32>,
    #[serde(default)]
    retention_days: Option<u32>,
}

/// Tells `null` from absent.
fn given<'de, T: Deserialize<'de>, D: Deserializer<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

pub(crate) async fn show(caller: &Caller<'_>) -> Result<Answer, Problem> {
    let settings = caller
        .app
        .table
        .settings()
        .await
        .map_err(|error| unavailable(&error))?
        .unwrap_or_default();
    let campaign = caller.campaign("default").await?;
    answer(caller, &settings, &campaign, &[]).await
}

pub(crate) async fn change(caller: &Caller<'_>) -> Result<Answer, Problem> {
    let change: Change = caller.body()?;
    if matches!(change.redial_interval_minutes, Some(Some(_)))
        && change.progressive_intervals.as_ref().is_some_and(Option::is_some)
    {
        return Err(bad(
            "redial_interval_minutes",
            "give either one interval or a list of progressive ones",
        ));
    }
    let every = change
        .process_interval_minutes
        .map(|minutes| within("process_interval_minutes", minutes, 60))
        .transpose()?;
    let days = change
        .retention_days
        .map(|days| within("retention_days", days, 3_650))
        .transpose()?;
    let campaign = change_campaign(caller, &change).await?;
    let settings = change_settings(caller, "config changed", |settings| {
        settings.enabled = change.enabled.unwrap_or(settings.enabled);
        settings.process_interval_min = every.unwrap_or(settings.process_interval_min);
        settings.retention_days = days.unwrap_or(settings.retention_days);
    })
    .await?;
    let remaining = if change.enabled == Some(false) {
        wait_for_all(caller).await?
    } else {
        Vec::new()
    };
    answer(caller, &settings, &campaign, &remaining).await
}

async fn change_campaign(caller: &Caller<'_>, change: &Change) -> Result<Campaign, Problem> {
    for _ in 0..ROUNDS_MAX {
        let before = caller.campaign("default").await?;
        let mut campaign = before.clone();
        if let Some(minutes) = change.redial_interval_minutes {
            campaign.intervals_min = minutes.map(|minutes| vec![minutes]);
        }
        if let Some(list) = &change.progressive_intervals {
            campaign.intervals_min.clone_from(list);
        }
        if let Some(total) = change.max_redial_attempts {
            campaign.attempts_total_max = total;
        }
        if let Some(daily) = change.max_daily_attempts {
            campaign.attempts_per_day_max = daily;
        }
        if campaign == before {
            return Ok(campaign);
        }
        if let Some((saved, _)) = save(caller, campaign, &before, "config changed").await? {
            return Ok(saved);
        }
    }
    Err(contended("config"))
}

async fn answer(
    caller: &Caller<'_>,
    settings: &Settings,
    campaign: &Campaign,
    remaining: &[AttemptId],
) -> Result<Answer, Problem> {
    let app = caller.app;
    let rules = app.rules.in_use(&app.table, &campaign.rule_set, app.clock.now()).await;
    let own = campaign.intervals_min.clone();
    let held = if own.is_some() { "config" } else { "rule_set" };
    let intervals = own.or_else(|| rules.ok().map(|rules| rules.spec().intervals_min.clone()));
    let last = intervals.as_ref().and_then(|list| list.last().copied());
    Ok(Answer::json(
        200,
        &json!({
            "success": true,
            "config": {
                "enabled": settings.enabled,
                "redial_interval_minutes": last,
                "max_redial_attempts": campaign.attempts_total_max,
                "progressive_intervals": intervals,
                "max_daily_attempts": campaign.attempts_per_day_max,
                "process_interval_minutes": settings.process_interval_min,
                "retention_days": settings.retention_days,
            },
            "held_by": {
                "redial_interval_minutes": held,
                "progressive_intervals": held,
                "max_redial_attempts": "config",
                "max_daily_attempts": "config",
            },
            "campaign_id": campaign.id,
            "rule_set": campaign.rule_set,
            "remaining": remaining,
        }),
    ))
}

fn within(name: &str, value: u32, max: u32) -> Result<u32, Problem> {
    if (1..=max).contains(&value) {
        Ok(value)
    } else {
        Err(bad(name, format!("{value} is outside 1 to {max}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn null_and_absent_are_two_things() {
        let change: Change = serde_json::from_value(json!({"max_redial_attempts": null})).unwrap();
        assert_eq!(
            (change.max_redial_attempts, change.redial_interval_minutes),
            (Some(None), None)
        );
    }

    #[test]
    fn an_unknown_key_is_named() {
        let error = serde_json::from_value::<Change>(json!({"max_atempts": 3}))
            .err()
            .unwrap()
            .to_string();
        assert!(
            error.contains("max_atempts") && error.contains("max_redial_attempts"),
            "{error}"
        );
    }
}
