//! `/campaigns`: create, show, change.
//!
//! A change is one transaction over the campaign and its gate copies; every dialer sees the new version before its next
//! call. Slots follow the campaign: a campaign that cannot get them does not start.

use redial_aws::campaign_moves::{change_and_tell, tell_move};
use redial_aws::campaigns::CAMPAIGNS_MAX;
use redial_aws::jobs::{Job, send};
use redial_aws::leads::Activity;
use redial_aws::setup::{DEFAULT_RULE_SET, campaign_from_defaults};
use redial_aws::web::{Answer, Problem};
use redial_domain::{Campaign, CampaignError, CampaignId, DIGITS_MIN, Permission, RuleSetName, may_hold_number};
use serde_json::json;

use crate::brake::abandoned_calls;
use crate::campaign_fields::{Fields, shown};
use crate::request::{Caller, contended, unavailable};

/// Rounds against others who change the same campaign.
const ROUNDS_MAX: usize = 4;
/// Letters of a name that become an id.
const SLUG_MAX: usize = 40;

pub(crate) fn problem(error: &CampaignError) -> Problem {
    match error {
        CampaignError::Move { .. } => Problem::new(
            409,
            "wrong_status",
            error.to_string(),
            "look at its status with GET /campaigns/{id}",
        ),
        CampaignError::Field { .. } => Problem::new(
            422,
            "bad_field",
            error.to_string(),
            "correct the field and send it again",
        ),
    }
}

pub(crate) async fn create(caller: &Caller<'_>) -> Result<Answer, Problem> {
    let fields: Fields = caller.body()?;
    let app = caller.app;
    let now = app.clock.now();
    let name = fields.name.clone().ok_or_else(|| {
        Problem::new(
            422,
            "bad_field",
            "failed to read `name`: it is missing",
            "give the campaign a name",
        )
    })?;
    let record = caller.new_record();
    let id = id_for(fields.id.as_deref(), &name, &record)?;
    let rule_set = match &fields.rule_set {
        Some(name) => name.clone(),
        None => RuleSetName::parse(DEFAULT_RULE_SET)
            .map_err(|error| Problem::new(500, "internal", error.to_string(), "report it"))?,
    };
    let rules = app.rules.in_use(&app.table, &rule_set, now).await.map_err(|error| {
        Problem::new(
            422,
            "unknown_rule_set",
            error.to_string(),
            "leave `rule_set` out for until-sale-or-dnc",
        )
    })?;
    let defaults = &rules.spec().defaults;
    let mut campaign = campaign_from_defaults(id, &name, rule_set, defaults, now)
        .map_err(|error| Problem::new(500, "internal", error.to_string(), "report it"))?;
    may_name_subject(caller, &fields, &campaign)?;
    fields.apply(&mut campaign, &caller.actor.name, now)?;
    campaign.shards = fields
        .shards
        .unwrap_or_else(|| Campaign::shards_for(campaign.max_concurrent_calls));
    campaign.check().map_err(|error| problem(&error))?;
    // The first version, and its move if it is scheduled from the start.
    campaign.life.untold = campaign.life.untold.map(|_| campaign.version);
    room_for_one_more(caller).await?;
    app.table
        .configure_slots(&campaign)
        .await
        .map_err(|error| unavailable(&error))?;
    let created = Activity {
        id: record,
        ..Activity::now(app, &caller.actor, "created", None)
    };
    if !app
        .table
        .create_campaign(&campaign, &created)
        .await
        .map_err(|error| unavailable(&error))?
    {
        // Made by an earlier try of the same request, which died before it could answer.
        let made = app.table.system_activity(campaign.id.as_str(), &created.id).await;
        if made.map_err(|error| unavailable(&error))?.is_some() {
            let campaign = caller.campaign(campaign.id.as_str()).await?;
            return Ok(Answer::json(201, &shown(&campaign, now)));
        }
        return Err(Problem::new(
            409,
            "id_taken",
            format!(
                "failed to create the campaign: there is one with the id `{}`, or there was",
                campaign.id
            ),
            "choose another `id`",
        ));
    }
    tracing::info!(campaign.id = %campaign.id, actor = %caller.actor.name, "campaign created");
    tell_move(app, &campaign).await;
    Ok(Answer::json(201, &shown(&campaign, now)))
}

/// One campaign more than the tick lists would never call anybody.
async fn room_for_one_more(caller: &Caller<'_>) -> Result<(), Problem> {
    let all = caller.app.table.campaigns(None, CAMPAIGNS_MAX).await;
    if all.map_err(|error| unavailable(&error))?.len() < CAMPAIGNS_MAX {
        return Ok(());
    }
    Err(Problem::new(
        409,
        "too_many_campaigns",
        format!("failed to create the campaign: there are {CAMPAIGNS_MAX}, with those that were deleted"),
        "use one that is there, with PATCH /campaigns/{id}",
    ))
}

/// Laws count calls about one subject together, and a sale stops its subject: whoever names another one allows more calls to
/// the same people, which is an owner's decision.
fn may_name_subject(caller: &Caller<'_>, fields: &Fields, than: &Campaign) -> Result<(), Problem> {
    if fields.names_another_subject(than) {
        caller.may(Permission::GovernLaw)?;
    }
    Ok(())
}

/// The id that was asked for, or one made from the name.
fn id_for(asked: Option<&str>, name: &str, unique: &str) -> Result<CampaignId, Problem> {
    let bad = |why: String| {
        Problem::new(
            422,
            "bad_field",
            format!("failed to read `id`: {why}"),
            "use letters, digits, dots and dashes, as in spring-2026",
        )
    };
    if let Some(asked) = asked {
        let id = CampaignId::parse(asked).map_err(|error| bad(error.to_string()))?;
        // `run:` begins the owners of bulk runs, `all` is the gate of everything.
        return if may_hold_number(asked) {
            Err(bad(format!(
                "it has {DIGITS_MIN} or more digits in a row, as a phone number has, and ids stand in URLs and logs"
            )))
        } else if asked.contains(':') || asked == "all" {
            Err(bad(format!("`{asked}` is taken by the system")))
        } else {
            Ok(id)
        };
    }
    let mut slug = String::new();
    for c in name.to_lowercase().chars() {
        if c.is_ascii_alphanumeric() {
            slug.push(c);
        } else if !slug.ends_with('-') && !slug.is_empty() {
            slug.push('-');
        }
    }
    let slug: String = slug.trim_end_matches('-').chars().take(SLUG_MAX).collect();
    let tail = unique
        .get(unique.len().saturating_sub(6)..)
        .unwrap_or(unique)
        .to_lowercase();
    // A name may be a number; an id is written down everywhere.
    let id = if slug.is_empty() || may_hold_number(&slug) {
        format!("campaign-{tail}")
    } else {
        format!("{slug}-{tail}")
    };
    CampaignId::parse(&id).map_err(|error| bad(error.to_string()))
}

pub(crate) async fn show(caller: &Caller<'_>, id: &str) -> Result<Answer, Problem> {
    let campaign = caller.campaign_to_read(id).await?;
    let calls = abandoned_calls(caller.app, &campaign, caller.app.clock.now()).await;
    let mut answer = shown(&campaign, caller.app.clock.now());
    answer["abandoned_calls"] = calls.map_err(|error| unavailable(&error))?;
    Ok(Answer::json(200, &answer))
}

pub(crate) async fn change(caller: &Caller<'_>, id: &str) -> Result<Answer, Problem> {
    let fields: Fields = caller.body()?;
    if fields.id.is_some() || fields.shards.is_some() {
        return Err(Problem::new(
            422,
            "bad_field",
            "failed to change the campaign: `id` and `shards` are fixed at creation",
            "leave them out",
        ));
    }
    for _ in 0..ROUNDS_MAX {
        let before = caller.campaign_in_use(id).await?;
        let mut campaign = before.clone();
        may_name_subject(caller, &fields, &before)?;
        fields.apply(&mut campaign, &caller.actor.name, caller.app.clock.now())?;
        if campaign == before {
            return Ok(Answer::json(200, &shown(&before, caller.app.clock.now())));
        }
        if let Some(name) = &fields.rule_set {
            let rules = caller
                .app
                .rules
                .in_use(&caller.app.table, name, caller.app.clock.now())
                .await;
            rules.map_err(|error| {
                Problem::new(
                    422,
                    "unknown_rule_set",
                    error.to_string(),
                    "name a rule set that is published or built in",
                )
            })?;
        }
        if let Some((saved, job)) = save(caller, campaign, &before, "changed").await? {
            let mut answer = shown(&saved, caller.app.clock.now());
            if let Some(job) = job {
                answer["job_id"] = json!(job);
            }
            return Ok(Answer::json(200, &answer));
        }
    }
    Err(contended("campaign"))
}

/// Checks and writes the next version. None when somebody changed the campaign since it was read. What may let leads be
/// called sooner starts a look at those that wait because of it; the look's id stands beside the campaign.
pub(crate) async fn save(
    caller: &Caller<'_>,
    mut campaign: Campaign,
    before: &Campaign,
    what: &str,
) -> Result<Option<(Campaign, Option<String>)>, Problem> {
    let app = caller.app;
    let seen = before.version;
    let job =
        opens_more(before, &campaign).then(|| Job::look_again(app, &caller.actor, Some(campaign.id.clone()), false));
    // The words in which somebody vouches for a list are kept with who said them, whatever is said later.
    let said = campaign
        .consent
        .as_ref()
        .filter(|said| before.consent.as_ref() != Some(*said));
    let (what, why) = match (said, &campaign.consent, &before.consent) {
        (Some(said), ..) => (
            "consent asserted",
            Some(format!("{}: {}", said.kind.as_str(), said.statement)),
        ),
        (None, None, Some(_)) => ("consent withdrawn", None),
        _ if campaign.subject != before.subject => (
            "subject changed",
            Some(format!("from {} to {}", before.subject, campaign.subject)),
        ),
        _ => (what, None),
    };
    campaign.version = seen + 1;
    campaign.updated_at = app.clock.now();
    campaign.check().map_err(|error| problem(&error))?;
    let activity = Activity::now(app, &caller.actor, what, why);
    let also = job.iter().map(Job::put).collect();
    let written = change_and_tell(app, &campaign, seen, &activity, also).await;
    if !written.map_err(|error| unavailable(&error))? {
        return Ok(None);
    }
    tracing::info!(campaign.id = %campaign.id, campaign.version = campaign.version, actor = %caller.actor.name, "campaign changed");
    if let Some(job) = &job {
        send(app, &job.id).await;
    }
    Ok(Some((campaign, job.map(|job| job.id))))
}

/// Whether a lead that may not be called under the one may be under the other.
fn opens_more(before: &Campaign, after: &Campaign) -> bool {
    before.window != after.window
        || before.attempts_per_day_max != after.attempts_per_day_max
        || before.attempts_total_max != after.attempts_total_max
        || before.subject != after.subject
        || before.consent != after.consent
        || before.registry_checked_at != after.registry_checked_at
        || before.caller_ids != after.caller_ids
}
