//! What exists from the start: settings, and a running `default` campaign (Q0).
//!
//! The names that the earlier systems used in their environment give the first values (Q15); afterwards the table
//! holds them. Doing it twice changes nothing.

use chrono::{DateTime, Utc};
use redial_domain::import::ImportRules;
use redial_domain::{
    Actor, CallScript, Campaign, CampaignError, CampaignId, CampaignStatus, ConsentAssertion, ConsentKind, Life,
    PRIORITY_DEFAULT, RuleSetName, STATEMENT_MAX, Settings, Subject, Voice,
};
use redial_rules::Defaults;

use crate::app::{App, Environment};
use crate::keys;
use crate::leads::Activity;
use crate::rulebook::RuleBookError;
use crate::table::TableError;

/// The rule set of the newest of the five systems that this replaces.
pub const DEFAULT_RULE_SET: &str = "until-sale-or-dnc";

/// The subject of campaigns that name none: all of them sell the same thing, and a sale in one stops the others.
pub const DEFAULT_SUBJECT: &str = "general";

/// Why the first state could not be written.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// The table.
    #[error(transparent)]
    Table(#[from] TableError),
    /// The rule set.
    #[error(transparent)]
    Rules(#[from] RuleBookError),
    /// The environment asks for a campaign that cannot be.
    #[error("failed to read the environment: {0}")]
    Environment(String),
    /// The default campaign is not a possible one.
    #[error(transparent)]
    Campaign(#[from] CampaignError),
}

/// Writes settings and the default campaign, unless they are there.
///
/// # Errors
/// When the table cannot be reached or the environment asks for nonsense; doing it again finishes it.
pub async fn ensure_defaults(app: &App) -> Result<(), SetupError> {
    if app.table.settings().await?.is_none() {
        app.table.init_settings(&first_settings(&app.environment)?).await?;
    }
    let id = CampaignId::default_campaign();
    // Not consistently, for half the units: every new instance asks, and the write below knows better.
    if app.table.get(&keys::campaign(&id), false).await?.is_some() {
        return Ok(());
    }
    let name = rule_set_name(DEFAULT_RULE_SET)?;
    let now = app.clock.now();
    let rules = app.rules.in_use(&app.table, &name, now).await?;
    let mut campaign = campaign_from_defaults(id, "Default", name, &rules.spec().defaults, now)?;
    campaign.status = CampaignStatus::Running;
    campaign.open_intake = true;
    apply_environment(&mut campaign, &app.environment)?;
    campaign.consent = asserted_consent(&app.environment, now);
    campaign.check()?;
    // Slots first: a campaign without slots could not dial, slots without a campaign harm nobody.
    app.table.configure_slots(&campaign).await?;
    app.table
        .create_campaign(&campaign, &Activity::now(app, &Actor::system(), "created", None))
        .await?;
    Ok(())
}

/// A campaign as its rule set suggests it (H8).
///
/// # Errors
/// When the rule set's defaults are not possible ones.
pub fn campaign_from_defaults(
    id: CampaignId,
    name: &str,
    rule_set: RuleSetName,
    defaults: &Defaults,
    now: DateTime<Utc>,
) -> Result<Campaign, SetupError> {
    Ok(Campaign {
        id,
        name: name.to_owned(),
        description: String::new(),
        status: CampaignStatus::Draft,
        life: Life::default(),
        version: 1,
        open_intake: false,
        window: defaults.window.clone(),
        max_concurrent_calls: defaults.max_concurrent_calls,
        calls_per_minute_max: None,
        priority: PRIORITY_DEFAULT,
        attempts_total_max: defaults.attempts_total_max,
        attempts_per_day_max: defaults.attempts_per_day_max,
        intervals_min: None,
        rule_set,
        subject: Subject::parse(DEFAULT_SUBJECT).map_err(|error| SetupError::Environment(error.to_string()))?,
        default_region: defaults.default_region,
        import: ImportRules {
            required: defaults.required_columns.clone(),
            ..ImportRules::default()
        }
        .normalized(),
        voice: Voice::default(),
        script: CallScript::default(),
        caller_ids: Vec::new(),
        consent: None,
        registry_checked_at: None,
        brake: None,
        brake_lifted: None,
        shards: Campaign::shards_for(defaults.max_concurrent_calls),
        created_at: now,
        updated_at: now,
    })
}

fn rule_set_name(raw: &str) -> Result<RuleSetName, SetupError> {
    RuleSetName::parse(raw).map_err(|error| SetupError::Environment(error.to_string()))
}

fn first_settings(environment: &Environment) -> Result<Settings, SetupError> {
    let defaults = Settings::default();
    Ok(Settings {
        version: 1,
        enabled: flag(environment, "REDIAL_QUEUE_ENABLED")?.unwrap_or(defaults.enabled),
        running: defaults.running,
        process_interval_min: number(environment, "REDIAL_PROCESS_INTERVAL", 1..=60)?
            .unwrap_or(defaults.process_interval_min),
        retention_days: number(environment, "REDIAL_RETENTION_DAYS", 1..=3_650)?.unwrap_or(defaults.retention_days),
        keep_raw: flag(environment, "WEBHOOK_LOGGING_ENABLED")?.unwrap_or(defaults.keep_raw),
        rules_need_approval: defaults.rules_need_approval,
        law_version: defaults.law_version,
    })
}

fn apply_environment(campaign: &mut Campaign, environment: &Environment) -> Result<(), SetupError> {
    if let Some(minutes) = number(environment, "REDIAL_INTERVAL_MINUTES", 1..=20_160)? {
        campaign.intervals_min = Some(vec![minutes]);
    }
    if let Some(list) = environment.get("REDIAL_PROGRESSIVE_INTERVALS") {
        let list: Result<Vec<u32>, _> = list
            .trim_matches(['[', ']'])
            .split(',')
            .map(|n| n.trim().parse())
            .collect();
        let list = list.map_err(|_| {
            SetupError::Environment(
                "REDIAL_PROGRESSIVE_INTERVALS: write minutes with commas, as in 0,2,5,10".to_owned(),
            )
        })?;
        campaign.intervals_min = Some(list);
    }
    if let Some(total) = number(environment, "REDIAL_MAX_ATTEMPTS", 1..=10)? {
        campaign.attempts_total_max = Some(total);
    }
    if let Some(daily) = number(environment, "REDIAL_MAX_DAILY_ATTEMPTS", 1..=24)? {
        campaign.attempts_per_day_max = daily;
    }
    Ok(())
}

/// What the deployer says about the consent of everybody in a campaign that is made at the start.
pub fn asserted_consent(environment: &Environment, now: DateTime<Utc>) -> Option<ConsentAssertion> {
    let statement = environment.get("REDIAL_CONSENT_STATEMENT")?;
    Some(ConsentAssertion {
        kind: ConsentKind::Written,
        statement: statement.trim().chars().take(STATEMENT_MAX).collect(),
        by: "environment".to_owned(),
        at: now,
        expires_at: None,
    })
    .filter(|said| !said.statement.is_empty())
}

fn flag(environment: &Environment, name: &str) -> Result<Option<bool>, SetupError> {
    match environment
        .get(name)
        .map(|value| value.trim().to_ascii_lowercase())
        .as_deref()
    {
        None => Ok(None),
        Some("true" | "1" | "yes" | "on") => Ok(Some(true)),
        Some("false" | "0" | "no" | "off") => Ok(Some(false)),
        Some(_) => Err(SetupError::Environment(format!("{name}: write true or false"))),
    }
}

fn number(
    environment: &Environment,
    name: &str,
    within: std::ops::RangeInclusive<u32>,
) -> Result<Option<u32>, SetupError> {
    let Some(raw) = environment.get(name) else {
        return Ok(None);
    };
    let bad = || {
        SetupError::Environment(format!(
            "{name}: write a whole number from {} to {}",
            within.start(),
            within.end()
        ))
    };
    raw.trim()
        .parse()
        .ok()
        .filter(|n| within.contains(n))
        .map(Some)
        .ok_or_else(bad)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(values: &[(&str, &str)]) -> Environment {
        Environment::fixed(values.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect())
    }

    #[test]
    fn the_environment_of_the_earlier_systems_gives_the_first_settings() {
        let given = environment(&[
            ("REDIAL_QUEUE_ENABLED", "false"),
            ("REDIAL_PROCESS_INTERVAL", "5"),
            ("WEBHOOK_LOGGING_ENABLED", "no"),
        ]);
        let settings = first_settings(&given).unwrap();
        assert_eq!(
            (
                settings.enabled,
                settings.process_interval_min,
                settings.keep_raw,
                settings.retention_days
            ),
            (false, 5, false, 30)
        );
    }

    #[test]
    fn nonsense_in_the_environment_is_named() {
        let error = first_settings(&environment(&[("REDIAL_PROCESS_INTERVAL", "often")]))
            .unwrap_err()
            .to_string();
        assert_eq!(
            error,
            "failed to read the environment: REDIAL_PROCESS_INTERVAL: write a whole number from 1 to 60"
        );
    }
}
