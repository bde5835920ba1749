//! From a draft to the version in use.
//!
//! The draft that the caller saw → check and cases → no status is lost that leads hold → one conditional write of
//! version, what is in use, the end of the draft and the activity, with the job that plans waiting leads again if asked
//! for → the bus. Where two people are needed, the first one's wish is kept with the draft and the second one's approval
//! does the rest. A version never changes once it is written. The way back is in `rules_return`.

use redial_aws::bus::Happened;
use redial_aws::jobs::{Job, send};
use redial_aws::leads::Activity;
use redial_aws::rule_store::{Active, Draft, Proposal, Publication, Rollout, Version, Waiting};
use redial_aws::web::{Answer, Problem};
use redial_domain::{RuleSetName, iso};
use redial_rules::{CASES_FILE, RuleSet};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::request::{Caller, unavailable};
use crate::rules_again::replan_job;
use crate::rules_draft::{changed, files_of, no_draft, open_draft, set_name};
use crate::rules_examine::{examine, refuse_lost_statuses};
use crate::shapes;

/// Letters of a note: a sentence or two.
const NOTE_MAX: usize = 500;

/// A change is seen by every function within this many seconds (R2).
const LIVE_WITHIN_S: u32 = 15;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Publish {
    revision: u64,
    note: String,
    #[serde(default)]
    share: Option<u32>,
    #[serde(default)]
    #[schemars(schema_with = "shapes::waiting")]
    waiting: Waiting,
    /// Publish without cases although the version in use has some.
    #[serde(default)]
    without_cases: bool,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Approve {
    revision: u64,
}

pub(crate) async fn publish(caller: &Caller<'_>, set: &str) -> Result<Answer, Problem> {
    let set = set_name(set)?;
    let wish: Publish = caller.body()?;
    let note = note(&wish.note)?;
    if wish.share.is_some_and(|share| !(1..=99).contains(&share)) {
        return Err(bad_field(
            "share",
            "it is a part of the phones in per cent, from 1 to 99",
            "leave it out to publish for all phones",
        ));
    }
    let draft = draft_as_seen(caller, &set, wish.revision).await?;
    if !wish.without_cases {
        refuse_lost_cases(caller, &set, &draft).await?;
    }
    let proposal = Proposal {
        revision: wish.revision,
        by: caller.actor.name.clone(),
        at: caller.app.clock.now(),
        note,
        share: wish.share,
        waiting: wish.waiting,
    };
    let settings = caller.app.table.settings().await.map_err(|error| unavailable(&error))?;
    if settings.unwrap_or_default().rules_need_approval {
        return propose(caller, &set, draft, proposal).await;
    }
    go_live(caller, &set, &draft, &proposal, None).await
}

/// Cases that the version in use has and the draft has not were probably left behind, and nobody would miss them.
async fn refuse_lost_cases(caller: &Caller<'_>, set: &RuleSetName, draft: &Draft) -> Result<(), Problem> {
    if draft.files.contains_key(CASES_FILE) {
        return Ok(());
    }
    let active = caller.app.table.rules_active(set).await;
    let active = active.map_err(|error| unavailable(&error))?;
    let has_cases = match (active, RuleSet::built_in(set)) {
        (None, None) => false,
        (active, _) => {
            let version = active.map_or(0, |active| active.version);
            files_of(caller, set, version).await?.contains_key(CASES_FILE)
        }
    };
    if !has_cases {
        return Ok(());
    }
    Err(Problem::new(
        422,
        "cases_missing",
        format!("failed to publish the rules: the version in use has a `{CASES_FILE}`, and the draft has none"),
        "put it back; or send `without_cases` true, with the command --without-cases, if it shall go",
    ))
}

/// Keeps the wish with the draft, for a second person. What would be refused later is refused now.
async fn propose(caller: &Caller<'_>, set: &RuleSetName, draft: Draft, wish: Proposal) -> Result<Answer, Problem> {
    let app = caller.app;
    if let Some(refusal) = examine(set, draft.based_on + 1, &draft.files).refusal() {
        return Ok(refusal);
    }
    let activity = Activity::now(app, &caller.actor, "proposed", Some(wish.note.clone()));
    let seen = draft.revision;
    let proposed = Draft {
        proposal: Some(wish),
        ..draft
    };
    let saved = app
        .table
        .save_rules_draft(set, &proposed, Some(seen), &activity)
        .await
        .map_err(|error| unavailable(&error))?;
    if !saved {
        return Err(changed(open_draft(caller, set).await?.as_ref()));
    }
    Ok(Answer::json(
        202,
        &json!({
            "success": true, "set": set, "state": "waits_for_approval", "revision": seen,
            "hint": "somebody else approves it with POST /api/rules/{set}/approve, or `redial rules approve`",
        }),
    ))
}

pub(crate) async fn approve(caller: &Caller<'_>, set: &str) -> Result<Answer, Problem> {
    let set = set_name(set)?;
    let approve: Approve = caller.body()?;
    let draft = draft_as_seen(caller, &set, approve.revision).await?;
    let wish = draft
        .proposal
        .clone()
        .filter(|wish| wish.revision == draft.revision)
        .ok_or_else(|| {
            Problem::new(
                409,
                "not_proposed",
                "failed to approve the rules: nobody asked to publish this revision",
                "publish it first with POST /api/rules/{set}/publish, or `redial rules publish`",
            )
        })?;
    if [&wish.by, &draft.by].contains(&&caller.actor.name) {
        return Err(Problem::new(
            403,
            "second_person",
            "failed to approve the rules: whoever wrote or proposed them cannot approve them",
            "ask somebody else with a key of their own",
        ));
    }
    go_live(caller, &set, &draft, &wish, Some(caller.actor.name.clone())).await
}

async fn go_live(
    caller: &Caller<'_>,
    set: &RuleSetName,
    draft: &Draft,
    wish: &Proposal,
    approved_by: Option<String>,
) -> Result<Answer, Problem> {
    let app = caller.app;
    let seen = app.table.rules_active(set).await.map_err(|error| unavailable(&error))?;
    let in_use = seen.as_ref().map_or(0, |active| active.version);
    if let Some(rollout) = seen.as_ref().and_then(|active| active.rollout.as_ref()) {
        return Err(rollout_runs(rollout));
    }
    if draft.based_on != in_use {
        return Err(Problem::new(
            409,
            "based_on_older",
            format!(
                "failed to publish the rules: the draft was made from version {}, and version {in_use} is in use now",
                draft.based_on
            ),
            "look at the difference, take over what is new, and save the draft again with `based_on` set to the version in use, with the command --based-on",
        ));
    }
    let newest = app
        .table
        .rules_versions(set, None, 1)
        .await
        .map_err(|error| unavailable(&error))?;
    let number = newest.first().map_or(0, |version| version.version) + 1;
    let examined = examine(set, number, &draft.files);
    if let Some(refusal) = examined.refusal() {
        return Ok(refusal);
    }
    let Some(rules) = examined.0.set else {
        return Err(Problem::new(
            500,
            "internal",
            "failed to publish the rules: checked and yet not there",
            "report it",
        ));
    };
    if let Some(before) = loaded(caller, set, in_use).await? {
        if before.hash() == rules.hash() {
            return Err(Problem::new(
                409,
                "nothing_changed",
                format!("failed to publish the rules: they are the same as version {in_use}, which is in use"),
                "change something first",
            ));
        }
        if let Some(refusal) = refuse_lost_statuses(caller, set, before.spec(), rules.spec()).await? {
            return Ok(refusal);
        }
    }
    let now = app.clock.now();
    let version = Version {
        version: number,
        hash: rules.hash().to_owned(),
        based_on: draft.based_on,
        by: draft.by.clone(),
        approved_by,
        at: now,
        note: wish.note.clone(),
        files: draft.files.clone(),
    };
    let trial = wish.share.map(|share| Rollout {
        version: number,
        share,
        salt: app.ids.record(now),
        since: now,
    });
    let active = Active {
        epoch: seen.as_ref().map_or(0, |active| active.epoch) + 1,
        version: if trial.is_some() { in_use } else { number },
        previous: if trial.is_some() {
            seen.as_ref().and_then(|active| active.previous)
        } else {
            previous_of(set, in_use)
        },
        rollout: trial,
        by: caller.actor.name.clone(),
        at: now,
        note: wish.note.clone(),
    };
    let what = format!(
        "version {number}, {} % of phones: {}",
        wish.share.unwrap_or(100),
        wish.note
    );
    let job = (wish.waiting == Waiting::Replan).then(|| replan_job(caller, set, active.epoch));
    let also: Vec<_> = job.iter().map(Job::put).collect();
    let publication = Publication {
        set,
        version: &version,
        active: &active,
        seen: seen.as_ref().map(|active| active.epoch),
        draft: draft.revision,
        activity: &Activity::now(app, &caller.actor, "published", Some(what)),
        also: &also,
    };
    let done = app
        .table
        .publish_rules(&publication)
        .await
        .map_err(|error| unavailable(&error))?;
    if !done {
        return Err(changed_meanwhile(caller, set).await);
    }
    tracing::info!(rules.set = %set, rules.version = number, actor = %caller.actor.name, "rules: version {number} published");
    tell(
        caller,
        set,
        active.epoch,
        Happened::RulesPublished {
            set: set.clone(),
            version: number,
            share: wish.share.unwrap_or(100),
        },
    )
    .await;
    let mut body = shown(set, &active);
    body["published"] = json!(number);
    body["hash"] = json!(version.hash);
    body["job"] = send_job(caller, job.as_ref()).await;
    Ok(Answer::json(201, &body))
}

/// Sends the job that was written with a change; its id, for whoever wants to watch it.
pub(crate) async fn send_job(caller: &Caller<'_>, job: Option<&Job>) -> Value {
    let Some(job) = job else { return Value::Null };
    // A queue that does not take it is asked again by the schedule.
    send(caller.app, &job.id).await;
    json!(job.id)
}

/// What is in use, for people.
pub(crate) fn shown(set: &RuleSetName, active: &Active) -> Value {
    json!({
        "success": true,
        "set": set,
        "version": active.version,
        "previous": active.previous,
        "rollout": active.rollout.as_ref().map(|rollout| json!({
            "version": rollout.version, "share": rollout.share, "since": iso(rollout.since),
        })),
        "by": active.by,
        "at": iso(active.at),
        "note": active.note,
        "live_within_s": LIVE_WITHIN_S,
    })
}

async fn draft_as_seen(caller: &Caller<'_>, set: &RuleSetName, revision: u64) -> Result<Draft, Problem> {
    let draft = open_draft(caller, set).await?.ok_or_else(|| no_draft(set))?;
    if draft.revision == revision {
        Ok(draft)
    } else {
        Err(changed(Some(&draft)))
    }
}

/// A version as it decides; none when it does not compile any more, so that a broken one can be replaced.
pub(crate) async fn loaded(
    caller: &Caller<'_>,
    set: &RuleSetName,
    version: u32,
) -> Result<Option<std::sync::Arc<RuleSet>>, Problem> {
    use redial_aws::rulebook::RuleBookError;
    match caller.app.rules.version(&caller.app.table, set, version).await {
        Ok(rules) => Ok(Some(rules)),
        Err(RuleBookError::Table(error)) => Err(unavailable(&error)),
        Err(RuleBookError::Unknown(_) | RuleBookError::Broken { .. }) => Ok(None),
    }
}

/// What comes before the first version of a set that ships with the program is the shipped one; else nothing.
pub(crate) fn previous_of(set: &RuleSetName, in_use: u32) -> Option<u32> {
    (in_use > 0 || RuleSet::built_in(set).is_some()).then_some(in_use)
}

pub(crate) fn note(raw: &str) -> Result<String, Problem> {
    let note = raw.trim();
    if note.is_empty() || note.chars().count() > NOTE_MAX {
        return Err(bad_field(
            "note",
            &format!("it says why, in 1 to {NOTE_MAX} letters"),
            "write a sentence for whoever asks in a year",
        ));
    }
    Ok(note.to_owned())
}

pub(crate) fn bad_field(field: &str, why: &str, hint: &str) -> Problem {
    Problem::new(422, "bad_field", format!("failed to read `{field}`: {why}"), hint)
}

fn rollout_runs(rollout: &Rollout) -> Problem {
    Problem::new(
        409,
        "rollout_runs",
        format!(
            "failed to publish the rules: version {} is on trial with {} % of the phones",
            rollout.version, rollout.share
        ),
        "give it all phones with POST /api/rules/{set}/share, or `redial rules share SET 100`, or roll back; then publish",
    )
}

pub(crate) async fn changed_meanwhile(caller: &Caller<'_>, set: &RuleSetName) -> Problem {
    let who = match caller.app.table.rules_active(set).await {
        Ok(Some(active)) => format!(
            "{} made version {} the one in use at {}",
            active.by,
            active.version,
            active.at.format("%Y-%m-%d %H:%M:%S UTC")
        ),
        _ => "somebody changed it at the same time".to_owned(),
    };
    Problem::new(
        409,
        "changed_meanwhile",
        format!("failed to change the rules: {who}"),
        "look at GET /api/rules/{set}, or `redial rules show`, and try again",
    )
}

/// What happened, for the bus. The table is the truth: a bus that does not answer must not undo a publication.
pub(crate) async fn tell(caller: &Caller<'_>, set: &RuleSetName, epoch: u64, happened: Happened) {
    if let Err(error) = caller
        .app
        .bus
        .publish(&format!("rules:{set}/{epoch}"), &[happened])
        .await
    {
        tracing::warn!("{error}");
    }
}
