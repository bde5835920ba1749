//! Back to a version that decided before, and more or fewer phones for a version on trial.
//!
//! An older version that still passes its check, and loses no status that leads hold, becomes the one in use by one
//! conditional write with its activity and, if asked for, the job that plans waiting leads again. During a trial going
//! back ends the trial.

use redial_aws::bus::Happened;
use redial_aws::jobs::Job;
use redial_aws::leads::Activity;
use redial_aws::rule_store::{Active, Rollout, Waiting};
use redial_aws::web::{Answer, Problem};
use redial_domain::RuleSetName;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::request::{Caller, unavailable};
use crate::rules_again::replan_job;
use crate::rules_draft::{files_of, set_name};
use crate::rules_examine::{examine, refuse_lost_statuses};
use crate::rules_publish::{bad_field, changed_meanwhile, loaded, note, previous_of, send_job, shown, tell};
use crate::shapes;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RollBack {
    /// The version that must not decide any more.
    from: u32,
    #[serde(default)]
    to: Option<u32>,
    note: String,
    #[serde(default)]
    #[schemars(schema_with = "shapes::waiting")]
    waiting: Waiting,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Share {
    share: u32,
    note: String,
}

pub(crate) async fn roll_back(caller: &Caller<'_>, set: &str) -> Result<Answer, Problem> {
    let set = set_name(set)?;
    let wish: RollBack = caller.body()?;
    let note = note(&wish.note)?;
    let app = caller.app;
    let Some(seen) = app
        .table
        .rules_active(&set)
        .await
        .map_err(|error| unavailable(&error))?
    else {
        return Err(nothing_before(&set));
    };
    // A version on trial is what a person wants to be rid of first.
    let from = seen.rollout.as_ref().map_or(seen.version, |rollout| rollout.version);
    // What the caller saw is over: a trial that ended by itself, or somebody who was quicker.
    if wish.from != from {
        return Err(Problem::new(
            409,
            "decides_no_more",
            format!(
                "failed to roll back: version {} decides no more, version {from} does",
                wish.from
            ),
            "look at GET /api/rules/{set}, or `redial rules show`; nothing was changed",
        ));
    }
    let to = match (wish.to, &seen.rollout) {
        (Some(to), _) => to,
        (None, Some(_)) => seen.version,
        (None, None) => seen.previous.ok_or_else(|| nothing_before(&set))?,
    };
    if to == seen.version && seen.rollout.is_none() {
        return Err(Problem::new(
            409,
            "nothing_changed",
            format!("failed to roll back: version {to} is in use already"),
            "name another version in `to`",
        ));
    }
    let examined = examine(&set, to, &files_of(caller, &set, to).await?);
    let Some(target) = examined.0.set else {
        return Ok(examined
            .refusal()
            .unwrap_or_else(|| Answer::from(Problem::new(500, "internal", "failed to roll back", "report it"))));
    };
    if to != seen.version
        && let Some(before) = loaded(caller, &set, seen.version).await?
        && let Some(refusal) = refuse_lost_statuses(caller, &set, before.spec(), target.spec()).await?
    {
        return Ok(refusal);
    }
    if let Some(rollout) = &seen.rollout
        && let Some(trial) = loaded(caller, &set, rollout.version).await?
        && let Some(refusal) = refuse_lost_statuses(caller, &set, trial.spec(), target.spec()).await?
    {
        return Ok(refusal);
    }
    let active = Active {
        epoch: seen.epoch + 1,
        version: to,
        // What is behind the target, never what was left: going back twice must not bring that back.
        previous: if to == seen.version {
            seen.previous
        } else {
            behind(caller, &set, to).await?
        },
        rollout: None,
        by: caller.actor.name.clone(),
        at: app.clock.now(),
        note: note.clone(),
    };
    let activity = Activity::now(
        app,
        &caller.actor,
        "rolled_back",
        Some(format!("from version {from} to version {to}: {note}")),
    );
    let job = (wish.waiting == Waiting::Replan).then(|| replan_job(caller, &set, active.epoch));
    save_active(caller, &set, &active, seen.epoch, &activity, job.as_ref()).await?;
    tell(
        caller,
        &set,
        active.epoch,
        Happened::RulesReturned {
            set: set.clone(),
            from,
            to,
            automatic: false,
        },
    )
    .await;
    let mut body = shown(&set, &active);
    body["job"] = send_job(caller, job.as_ref()).await;
    Ok(Answer::json(200, &body))
}

/// Gives a version on trial more or fewer phones, or all of them.
pub(crate) async fn share(caller: &Caller<'_>, set: &str) -> Result<Answer, Problem> {
    let set = set_name(set)?;
    let wish: Share = caller.body()?;
    let note = note(&wish.note)?;
    if !(1..=100).contains(&wish.share) {
        return Err(bad_field(
            "share",
            "it is a part of the phones in per cent, from 1 to 100",
            "to end the trial, roll back",
        ));
    }
    let app = caller.app;
    let seen = app
        .table
        .rules_active(&set)
        .await
        .map_err(|error| unavailable(&error))?;
    let Some((seen, rollout)) = seen.and_then(|seen| seen.rollout.clone().map(|rollout| (seen, rollout))) else {
        return Err(Problem::new(
            409,
            "no_rollout",
            format!("failed to change the share: no version of `{set}` is on trial"),
            "publish one with `share`",
        ));
    };
    let is_whole = wish.share == 100;
    let active = Active {
        epoch: seen.epoch + 1,
        version: if is_whole { rollout.version } else { seen.version },
        previous: if is_whole {
            previous_of(&set, seen.version)
        } else {
            seen.previous
        },
        rollout: (!is_whole).then_some(Rollout {
            share: wish.share,
            ..rollout.clone()
        }),
        by: caller.actor.name.clone(),
        at: app.clock.now(),
        note: note.clone(),
    };
    let what = format!("version {}, {} % of phones: {note}", rollout.version, wish.share);
    let activity = Activity::now(app, &caller.actor, "share_changed", Some(what));
    save_active(caller, &set, &active, seen.epoch, &activity, None).await?;
    tell(
        caller,
        &set,
        active.epoch,
        Happened::RulesPublished {
            set: set.clone(),
            version: rollout.version,
            share: wish.share,
        },
    )
    .await;
    Ok(Answer::json(200, &shown(&set, &active)))
}

async fn save_active(
    caller: &Caller<'_>,
    set: &RuleSetName,
    active: &Active,
    seen: u64,
    activity: &Activity,
    job: Option<&Job>,
) -> Result<(), Problem> {
    let table = &caller.app.table;
    let also: Vec<_> = job.into_iter().map(Job::put).collect();
    let done = table
        .change_active_rules(set, active, Some(seen), activity, &also)
        .await;
    if !done.map_err(|error| unavailable(&error))? {
        return Err(changed_meanwhile(caller, set).await);
    }
    tracing::info!(rules.set = %set, rules.version = active.version, actor = %caller.actor.name, "rules: {}", activity.what);
    Ok(())
}

/// The version from which one was made; behind the shipped one there is nothing.
async fn behind(caller: &Caller<'_>, set: &RuleSetName, version: u32) -> Result<Option<u32>, Problem> {
    let found = caller.app.table.rules_version(set, version).await;
    let found = found.map_err(|error| unavailable(&error))?;
    Ok(found.and_then(|version| previous_of(set, version.based_on)))
}

fn nothing_before(set: &RuleSetName) -> Problem {
    Problem::new(
        409,
        "nothing_before",
        format!("failed to roll back: there is no earlier version of `{set}`"),
        "name a version in `to`; GET /api/rules/{set} lists them",
    )
}
