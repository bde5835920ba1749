//! Ends the trial of a rule version whose rules fail, before anybody has to (R9).
//!
//! Data flow: sets with a version on trial → does it compile? → its attempts beside those of the version in use → too
//! many errors: the version in use takes all phones again, by one conditional write with its activity → the bus. What
//! a person changed meanwhile wins. Leads that the version on trial has parked stay parked until somebody applies
//! them again.

use redial_aws::App;
use redial_aws::bus::Happened;
use redial_aws::leads::Activity;
use redial_aws::rule_store::{Active, Rollout};
use redial_aws::rulebook::RuleBookError;
use redial_aws::table::TableError;
use redial_domain::{Actor, RuleSetName};
use redial_rules::RuleSet;

/// Looks at every version on trial. Returns how many were ended.
pub(crate) async fn watch_rollouts(app: &App) -> Result<u32, TableError> {
    let mut sets = app.table.rule_sets().await?;
    sets.extend(RuleSet::built_in_names().filter_map(|name| RuleSetName::parse(name).ok()));
    sets.sort();
    sets.dedup();
    let mut ended = 0;
    for set in &sets {
        let Some(active) = app.table.rules_active(set).await? else {
            continue;
        };
        let Some(rollout) = active.rollout.clone() else {
            continue;
        };
        if let Some(why) = must_end(app, set, &active, &rollout).await?
            && end(app, set, &active, &rollout, why).await?
        {
            ended += 1;
        }
    }
    Ok(ended)
}

async fn must_end(
    app: &App,
    set: &RuleSetName,
    active: &Active,
    rollout: &Rollout,
) -> Result<Option<String>, TableError> {
    match app.rules.version(&app.table, set, rollout.version).await {
        Err(RuleBookError::Table(error)) => return Err(error),
        Err(error) => return Ok(Some(error.to_string())),
        Ok(_) => {}
    }
    let now = app.clock.now();
    let figures = app.table.rollout_figures(set, active.version, rollout, now).await?;
    Ok(figures.verdict())
}

async fn end(app: &App, set: &RuleSetName, seen: &Active, rollout: &Rollout, why: String) -> Result<bool, TableError> {
    let active = Active {
        epoch: seen.epoch + 1,
        rollout: None,
        by: Actor::system().name,
        at: app.clock.now(),
        note: why.clone(),
        ..seen.clone()
    };
    let said = format!("from version {} to version {}: {why}", rollout.version, seen.version);
    let activity = Activity::now(app, &Actor::system(), "returned", Some(said));
    if !app
        .table
        .change_active_rules(set, &active, Some(seen.epoch), &activity, &[])
        .await?
    {
        return Ok(false);
    }
    app.metrics.count("rules.returned");
    tracing::error!(rules.set = %set, rules.version = rollout.version, "rules: trial ended: {why}");
    let happened = Happened::RulesReturned {
        set: set.clone(),
        from: rollout.version,
        to: seen.version,
        automatic: true,
    };
    if let Err(error) = app
        .bus
        .publish(&format!("rules:{set}/{}", active.epoch), &[happened])
        .await
    {
        tracing::warn!("{error}");
    }
    Ok(true)
}
