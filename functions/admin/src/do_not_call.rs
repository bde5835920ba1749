//! `/api/do-not-call`: mark a phone, ask whether it is marked and why, and an owner's way back.
//!
//! Data flow of a mark: body → phone and statement → mark and proof in one transaction, which moves `seq`, so no dialer
//! that decided before can reserve → what is being placed is waited for → what is in flight is asked to end, over the
//! calls queue, because only `outcomes` knows the provider. INVARIANT: when the answer says so, nothing that was
//! permitted before can still be placed. A kill between two of these is healed by the same request again.
//!
//! Numbers are in bodies only, never in URLs, logs or errors.

use chrono::{DateTime, TimeDelta, Utc};
use redial_aws::do_not_call::{Marked, PROOFS_SHOWN_MAX, mark};
use redial_aws::leads::Activity;
use redial_aws::messages::CallMessage;
use redial_aws::web::{Answer, Problem};
use redial_domain::law::Law;
use redial_domain::{AttemptId, CallId, InFlight, Lead, Phone, Proof, ProofOf, ProofSource, Region, Statement, iso};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::request::{Caller, contended, unavailable};
use crate::shapes;
use crate::still_placing::wait_for_phones;

/// Rounds of a removal against others who write the same phone.
const ROUNDS_MAX: usize = 6;
/// Letters of words, a note or a reason: some sentences, and a proof stays one write unit.
pub(crate) const TEXT_MAX: usize = 400;
/// A sender's clock may be this much ahead of ours.
const CLOCKS_DIFFER: TimeDelta = TimeDelta::minutes(5);

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewMark {
    #[serde(alias = "phone_number")]
    phone: String,
    #[serde(default)]
    #[schemars(schema_with = "shapes::region")]
    region: Region,
    #[serde(default)]
    words: Option<String>,
    #[serde(default)]
    said_at: Option<DateTime<Utc>>,
    #[serde(default)]
    source: Source,
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    call_id: Option<CallId>,
    #[serde(default)]
    note: Option<String>,
}

/// Who may say it over the API.
#[derive(Deserialize, Clone, Copy, Default, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Source {
    #[default]
    Api,
    Crm,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Asked {
    #[serde(alias = "phone_number")]
    phone: String,
    #[serde(default)]
    #[schemars(schema_with = "shapes::region")]
    region: Region,
}

/// A phone, and why something that cannot be undone is done to it.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct WithReason {
    #[serde(alias = "phone_number")]
    phone: String,
    #[serde(default)]
    #[schemars(schema_with = "shapes::region")]
    region: Region,
    #[serde(default)]
    reason: Option<String>,
}

impl WithReason {
    pub(crate) fn read(caller: &Caller<'_>) -> Result<(Phone, String), Problem> {
        let body: Self = caller.body()?;
        let phone = phone(&body.phone, body.region)?;
        let reason = text("reason", body.reason)?.ok_or_else(|| {
            Problem::new(
                422,
                "bad_field",
                "failed to read `reason`: there is none",
                "say why; it is kept with your name",
            )
        })?;
        Ok((phone, reason))
    }
}

pub(crate) async fn add(caller: &Caller<'_>) -> Result<Answer, Problem> {
    let app = caller.app;
    let body: NewMark = caller.body()?;
    let phone = phone(&body.phone, body.region)?;
    let now = app.clock.now();
    let source = match body.source {
        Source::Api => ProofSource::Api,
        Source::Crm => ProofSource::Crm,
    };
    let statement = Statement {
        said_at: said_at(body.said_at, now)?,
        words: text("words", body.words)?,
        call: body.call_id,
        note: text("note", body.note)?,
        ..Statement::entered(source, &caller.actor.name, now)
    };
    let marked = mark(app, &phone, &statement)
        .await
        .map_err(|error| unavailable(&error))?;
    tracing::info!(
        proof.id = %marked.proof.id,
        proof.source = marked.proof.source.as_str(),
        actor = %caller.actor.name,
        "do-not-call: {}",
        if marked.first { "marked" } else { "marked before" }
    );
    let (remaining, ending) = end_what_is_called(caller, &phone, marked.ledger.inflight.is_some()).await?;
    Ok(added(&marked, &remaining, ending.as_ref()))
}

fn added(marked: &Marked, remaining: &[AttemptId], ending: Option<&InFlight>) -> Answer {
    let late = marked.is_late();
    let hint = "the wish was older than ten business days when it came here; find out where it was kept so long";
    Answer::json(
        if marked.first { 201 } else { 200 },
        &json!({
            "success": true,
            "marked": true,
            "changed": marked.first,
            "since": iso(marked.since),
            "proof_id": marked.proof.id,
            "proof_added": marked.added,
            "honour_by": iso(marked.proof.honour_by),
            "late": late,
            "hint": late.then_some(hint),
            "call_ending": ending.map(|inflight| &inflight.id),
            "remaining": remaining,
        }),
    )
}

/// Waits until nothing that was permitted before the mark can still be placed, and asks for the end of what is in flight.
/// Answers what may still be placed, and what is in flight.
pub(crate) async fn end_what_is_called(
    caller: &Caller<'_>,
    phone: &Phone,
    was_called: bool,
) -> Result<(Vec<AttemptId>, Option<InFlight>), Problem> {
    // The mark was conditional on this picture of the ledger, and nobody reserves a marked phone.
    if !was_called {
        return Ok((Vec::new(), None));
    }
    let app = caller.app;
    let remaining = wait_for_phones(app, vec![phone.clone()]).await;
    let remaining = remaining.map_err(|error| unavailable(&error))?;
    let ledger = app.table.ledger(phone).await.map_err(|error| unavailable(&error))?;
    if let Some(inflight) = &ledger.inflight {
        let message = CallMessage::end_call(phone.clone(), inflight.id.clone(), app.clock.now());
        app.queues.end_calls(&[(message, 0)]).await.map_err(|error| {
            tracing::error!(attempt.id = %inflight.id, "{error}");
            Problem::new(
                503,
                "call_not_ended",
                "failed to ask for the end of the call in flight; the phone is marked and is not called again",
                "send the same request again",
            )
        })?;
    }
    Ok((remaining, ledger.inflight))
}

pub(crate) async fn check(caller: &Caller<'_>) -> Result<Answer, Problem> {
    let app = caller.app;
    let body: Asked = caller.body()?;
    let phone = phone(&body.phone, body.region)?;
    let failed = |error| unavailable(&error);
    let ledger = app.table.ledger(&phone).await.map_err(failed)?;
    let proofs = app.table.proofs(&phone).await.map_err(failed)?;
    let leads = app.table.leads_of(&phone, app.clock.now()).await.map_err(failed)?;
    let first = proofs.iter().find(|proof| Some(&proof.id) == ledger.dnc_ref.as_ref());
    Ok(Answer::json(
        200,
        &json!({
            "success": true,
            "marked": ledger.is_do_not_call(),
            "since": ledger.dnc_at.map(iso),
            "source": first.map(|proof| proof.source),
            "honour_by": first.map(|proof| iso(proof.honour_by)),
            "late": first.zip(ledger.dnc_at).map(|(proof, since)| proof.is_late(since)),
            "removed_times": ledger.dnc_removed,
            "forgotten_at": ledger.forgotten_at.map(iso),
            "in_flight": ledger.inflight.map(|inflight| inflight.id),
            "proofs": proofs.iter().map(shown).collect::<Vec<_>>(),
            "proofs_complete": proofs.len() < PROOFS_SHOWN_MAX,
            "leads": leads.iter().map(lead).collect::<Vec<_>>(),
        }),
    ))
}

pub(crate) async fn remove(caller: &Caller<'_>) -> Result<Answer, Problem> {
    let app = caller.app;
    let (phone, reason) = WithReason::read(caller)?;
    for _ in 0..ROUNDS_MAX {
        let ledger = app.table.ledger(&phone).await.map_err(|error| unavailable(&error))?;
        let Some(since) = ledger.dnc_at else {
            return Err(Problem::new(
                409,
                "not_marked",
                "failed to remove the mark: the phone has none",
                "look at it with POST /api/do-not-call/check",
            ));
        };
        let now = app.clock.now();
        let activity = Activity::now(app, &caller.actor, "do_not_call_removed", Some(reason.clone()));
        let told = Statement {
            note: Some(reason.clone()),
            ..Statement::entered(ProofSource::Api, &caller.actor.name, now)
        };
        let record = Proof {
            what: ProofOf::Removed,
            ..told.proof(activity.id.clone(), Law::built_in())
        };
        let removed = app.table.remove_mark(&phone, &ledger, &record, &activity).await;
        if !removed.map_err(|error| unavailable(&error))? {
            continue;
        }
        app.metrics.count("dnc.removed");
        tracing::warn!(proof.id = %record.id, actor = %caller.actor.name, "do-not-call removed");
        let leads = app
            .table
            .leads_of(&phone, now)
            .await
            .map_err(|error| unavailable(&error))?;
        return Ok(Answer::json(
            200,
            &json!({
                "success": true,
                "marked": false,
                "was_marked_since": iso(since),
                "proof_id": record.id,
                "leads": leads.iter().map(lead).collect::<Vec<_>>(),
                "hint": "leads that were closed because of the mark stay closed until somebody resumes them: POST /api/admin/redial-queue/lead/{lead_id}/resume",
            }),
        ));
    }
    Err(contended("phone"))
}

/// A record as answers show it.
pub(crate) fn shown(proof: &Proof) -> Value {
    json!({
        "id": proof.id,
        "what": proof.what,
        "at": iso(proof.at),
        "said_at": iso(proof.said_at),
        "source": proof.source,
        "words": proof.words,
        "call_id": proof.call,
        "attempt_id": proof.attempt,
        "by": proof.by,
        "note": proof.note,
        "honour_by": (proof.what == ProofOf::Marked).then(|| iso(proof.honour_by)),
    })
}

fn lead(lead: &Lead) -> Value {
    json!({
        "lead_id": lead.id,
        "campaign_id": lead.campaign,
        "status": lead.state,
        "lead_status": lead.status,
        "reason": lead.reason,
    })
}

/// The number of a body.
pub(crate) fn phone(raw: &str, region: Region) -> Result<Phone, Problem> {
    Phone::parse(raw, region).map_err(|error| {
        Problem::new(
            422,
            "bad_phone",
            error.to_string(),
            "give `phone` with a plus sign and the country code",
        )
    })
}

/// A text of a body; one without letters is none.
pub(crate) fn text(name: &str, value: Option<String>) -> Result<Option<String>, Problem> {
    let value = value
        .map(|value| value.trim().to_owned())
        .filter(|value| !value.is_empty());
    match value {
        Some(value) if value.chars().count() > TEXT_MAX => Err(Problem::new(
            422,
            "bad_field",
            format!("failed to read `{name}`: it is longer than {TEXT_MAX} characters"),
            "shorten it and send it again",
        )),
        value => Ok(value),
    }
}

/// When something was said: not after now.
pub(crate) fn said_at(said_at: Option<DateTime<Utc>>, now: DateTime<Utc>) -> Result<Option<DateTime<Utc>>, Problem> {
    if said_at.is_some_and(|at| at > now + CLOCKS_DIFFER) {
        return Err(Problem::new(
            422,
            "bad_field",
            "failed to read `said_at`: it is in the future",
            "give the time with its zone, as in 2026-11-23T12:00:00-05:00, or leave it out",
        ));
    }
    Ok(said_at.map(|at| at.min(now)))
}
