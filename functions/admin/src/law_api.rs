//! `/api/law`: the law book, with the bans and records that people added.
//!
//! Data flow: what was added, as it is now → with the change → read as law, so that nothing is stored that cannot be →
//! one transaction: the item, the settings with its version, every gate copy, the activity, and a look at the leads that
//! it held up → for a ban, the answer comes when nothing that was permitted before can still be placed.

use std::time::Duration;

use chrono::{DateTime, Utc};
use redial_aws::jobs::{Job, send};
use redial_aws::keys;
use redial_aws::leads::Activity;
use redial_aws::table::Change;
use redial_aws::web::{Answer, Problem};
use redial_domain::iso;
use redial_domain::law::{ADDITIONS_MAX, Added, AddedRecord, Additions, Ban, Jurisdiction, Law, Record, us_state};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::queue_switches::wait_for_all;
use crate::request::{Caller, bad, contended, unavailable};
use crate::shapes;

/// Rounds against others who change settings or law at the same time, and the longest pause between two.
const ROUNDS_MAX: usize = 8;
const ROUND_PAUSE: Duration = Duration::from_millis(50);
/// Longest reason, in characters.
const REASON_MAX: usize = 500;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewBan {
    /// `US-FL`, `FL`, `Florida`, `US`; `all` is everywhere.
    jurisdiction: String,
    #[serde(default)]
    from: Option<String>,
    #[serde(default)]
    until: Option<String>,
    reason: String,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewRecord {
    #[schemars(schema_with = "shapes::record")]
    record: Record,
    #[serde(default)]
    replaces: bool,
    reason: String,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Reason {
    reason: String,
}

/// What was added, and the book: all of it, or the records of one jurisdiction.
pub(crate) async fn show(caller: &Caller<'_>) -> Result<Answer, Problem> {
    let additions = additions(caller).await?;
    let query = caller.request.query();
    let only = match query.get("jurisdiction").filter(|asked| !asked.trim().is_empty()) {
        Some(asked) => Some(known(asked)?),
        None => None,
    };
    let book: Vec<Value> = Law::built_in()
        .records()
        .filter(|record| only.as_ref().is_none_or(|only| record.jurisdiction == *only))
        .map(|record| {
            let replaced = additions.records.iter().find(|own| {
                own.replaces && own.record.jurisdiction == record.jurisdiction && own.record.voice.covers(record.voice)
            });
            let mut shown = json!(record);
            shown["replaced_by"] = json!(replaced.map(|own| &own.added.id));
            shown
        })
        .collect();
    let now = caller.app.clock.now();
    Ok(Answer::json(
        200,
        &json!({
            "success": true,
            "version": additions.version,
            "bans": additions.bans.iter().map(|ban| shown_ban(ban, now)).collect::<Vec<_>>(),
            "records": additions.records.iter().map(shown_record).collect::<Vec<_>>(),
            "book": book,
        }),
    ))
}

/// Declares a ban. The answer comes when no call that was permitted before can still be placed.
pub(crate) async fn ban(caller: &Caller<'_>) -> Result<Answer, Problem> {
    let new: NewBan = caller.body()?;
    let now = caller.app.clock.now();
    let from = time("from", new.from.as_deref())?.unwrap_or(now);
    let until = time("until", new.until.as_deref())?;
    if until.is_some_and(|until| until <= from.max(now)) {
        return Err(bad(
            "until",
            "it is over before it begins; leave it out for a ban that somebody lifts",
        ));
    }
    let ban = Ban {
        added: added(caller, &new.reason)?,
        jurisdiction: if new.jurisdiction.trim().eq_ignore_ascii_case("all") {
            None
        } else {
            Some(known(&new.jurisdiction)?)
        },
        from,
        until,
    };
    let what = format!("{} banned", place(&ban));
    let (_, _) = change(caller, &what, Some(&ban.added.reason), |additions| {
        // Bans that are over are history, and their history is kept.
        additions.bans.retain(|old| old.until.is_none_or(|until| until > now));
        if additions.bans.iter().all(|old| old.added.id != ban.added.id) {
            additions.bans.push(ban.clone());
        }
        Ok(())
    })
    .await?;
    let remaining = wait_for_all(caller).await?;
    Ok(Answer::json(
        201,
        &json!({"success": true, "ban": shown_ban(&ban, now), "remaining": remaining}),
    ))
}

/// Lifts a ban. Who slept because of it is looked at again.
pub(crate) async fn lift(caller: &Caller<'_>, id: &str) -> Result<Answer, Problem> {
    let why: Reason = caller.body()?;
    let reason = reason(&why.reason)?;
    let (_, job) = change(caller, "ban lifted", Some(&reason), |additions| {
        take_back(&mut additions.bans, id, "ban", |ban| &ban.added)
    })
    .await?;
    Ok(Answer::json(
        200,
        &json!({"success": true, "lifted": id, "job_id": job}),
    ))
}

/// Adds a record: beside the book's, so that both have to be satisfied, or in place of them.
pub(crate) async fn add(caller: &Caller<'_>) -> Result<Answer, Problem> {
    let new: NewRecord = caller.body()?;
    let own = AddedRecord {
        added: added(caller, &new.reason)?,
        replaces: new.replaces,
        record: new.record,
    };
    let what = match own.replaces {
        true => format!("law of {} replaced", own.record.jurisdiction),
        false => format!("law of {} added to", own.record.jurisdiction),
    };
    let words = format!("{}; {}", own.added.reason, shown_record(&own));
    let (_, job) = change(caller, &what, Some(&words), |additions| {
        if additions.records.iter().all(|old| old.added.id != own.added.id) {
            additions.records.push(own.clone());
        }
        Ok(())
    })
    .await?;
    Ok(Answer::json(
        201,
        &json!({"success": true, "record": shown_record(&own), "job_id": job}),
    ))
}

/// Takes a record back; what the book says holds again.
pub(crate) async fn remove(caller: &Caller<'_>, id: &str) -> Result<Answer, Problem> {
    let why: Reason = caller.body()?;
    let reason = reason(&why.reason)?;
    let (_, job) = change(caller, "law record taken back", Some(&reason), |additions| {
        take_back(&mut additions.records, id, "record", |own| &own.added)
    })
    .await?;
    Ok(Answer::json(
        200,
        &json!({"success": true, "removed": id, "job_id": job}),
    ))
}

fn take_back<T>(list: &mut Vec<T>, id: &str, what: &str, added: impl Fn(&T) -> &Added) -> Result<(), Problem> {
    let before = list.len();
    list.retain(|one| added(one).id != id);
    if list.len() < before {
        return Ok(());
    }
    let id: String = id.chars().take(64).collect();
    Err(Problem::new(
        404,
        "unknown_law",
        format!("failed to find the {what} `{id}`"),
        "list them with GET /api/law",
    ))
}

async fn additions(caller: &Caller<'_>) -> Result<Additions, Problem> {
    let read = caller.app.table.law_additions().await;
    read.map_err(|error| unavailable(&error))
}

/// Changes what was added, as it is now, whoever else changes it meanwhile.
async fn change(
    caller: &Caller<'_>,
    what: &str,
    why: Option<&str>,
    change: impl Fn(&mut Additions) -> Result<(), Problem>,
) -> Result<(Additions, String), Problem> {
    let app = caller.app;
    for _ in 0..ROUNDS_MAX {
        let settings = app.table.settings().await.map_err(|error| unavailable(&error))?;
        let before = settings.unwrap_or_default();
        let mut additions = additions(caller).await?;
        change(&mut additions)?;
        if additions.bans.len() + additions.records.len() > ADDITIONS_MAX {
            return Err(Problem::new(
                409,
                "too_many",
                format!("failed to add to the law book: it has {ADDITIONS_MAX} bans and records already"),
                "take back those that are not needed any more",
            ));
        }
        additions.version = before.law_version + 1;
        Law::built_in().with(&additions).map_err(|error| {
            Problem::new(
                422,
                "bad_record",
                error.to_string(),
                "correct the record and send it again",
            )
        })?;
        let mut settings = before.clone();
        settings.version = before.version + 1;
        settings.law_version = additions.version;
        let job = Job::look_again(app, &caller.actor, None, false);
        // What was decided under this version must be told when it is long gone from the book.
        let why = format!("{}; law version {}", why.unwrap_or_default(), additions.version);
        let activity = Activity::now(app, &caller.actor, what, Some(why));
        // The condition on the settings fences the item too: nobody writes it alone.
        let also = vec![Change::put(keys::law(), &additions), job.put()];
        let written = app
            .table
            .change_settings(&settings, before.version, &activity, also)
            .await;
        if written.map_err(|error| unavailable(&error))? {
            tracing::info!(actor = %caller.actor.name, "law book: {what}");
            send(app, &job.id).await;
            return Ok((additions, job.id));
        }
        tokio::time::sleep(app.ids.jitter(ROUND_PAUSE)).await;
    }
    Err(contended("law book"))
}

fn time(name: &str, given: Option<&str>) -> Result<Option<DateTime<Utc>>, Problem> {
    let read = |text: &str| {
        let read = DateTime::parse_from_rfc3339(text.trim()).map(|at| at.to_utc());
        read.map_err(|_| bad(name, "it is no time; write it as in `2026-11-27T00:00:00Z`"))
    };
    given.map(read).transpose()
}

fn added(caller: &Caller<'_>, why: &str) -> Result<Added, Problem> {
    let now = caller.app.clock.now();
    Ok(Added {
        id: caller.new_record(),
        by: caller.actor.name.clone(),
        at: now,
        reason: reason(why)?,
    })
}

fn reason(why: &str) -> Result<String, Problem> {
    let why = why.trim();
    if why.is_empty() || why.chars().count() > REASON_MAX {
        return Err(bad("reason", format!("say why in 1 to {REASON_MAX} characters")));
    }
    Ok(why.to_owned())
}

/// A jurisdiction of the book, by its code, a state's code or its name.
fn known(text: &str) -> Result<Jurisdiction, Problem> {
    let law = Law::built_in();
    let code = Jurisdiction::parse(text.trim());
    code.filter(|code| law.records_of(code).next().is_some())
        .or_else(|| us_state(text))
        .or_else(|| law.named(text.trim()).cloned())
        .ok_or_else(|| {
            bad(
                "jurisdiction",
                "the law book has none of it; write it as in `US-FL`, `Florida` or `US`",
            )
        })
}

fn place(ban: &Ban) -> String {
    ban.jurisdiction
        .as_ref()
        .map_or_else(|| "everywhere".to_owned(), ToString::to_string)
}

fn shown_added(added: &Added) -> Value {
    json!({"id": added.id, "by": added.by, "at": iso(added.at), "reason": added.reason})
}

fn shown_ban(ban: &Ban, now: DateTime<Utc>) -> Value {
    let mut shown = shown_added(&ban.added);
    shown["jurisdiction"] = json!(ban.jurisdiction.as_ref().map_or("all", Jurisdiction::as_str));
    shown["from"] = json!(iso(ban.from));
    shown["until"] = json!(ban.until.map(iso));
    shown["holds"] = json!(ban.holds(now, chrono::TimeDelta::zero()));
    shown
}

fn shown_record(own: &AddedRecord) -> Value {
    let mut shown = shown_added(&own.added);
    shown["replaces"] = json!(own.replaces);
    shown["record"] = json!(own.record);
    shown
}
