//! A call that somebody else placed through the same provider account, to a phone of ours: the person was called, whoever
//! did it, so the ledger counts it.

use chrono::TimeDelta;
use redial_aws::App;
use redial_aws::leads::Activity;
use redial_aws::reported_calls::{Recorded, ReportedCall};
use redial_aws::table::TableError;
use redial_domain::{Actor, CallEvent, CallId, Direction, iso};

/// A start of ours this close is most likely the very call, reported without our id: ours are two minutes apart.
const SAME_CALL: TimeDelta = TimeDelta::seconds(60);

/// Counts an outbound call that fits no attempt, unless it never rang, its phone was never called by us, or it seems to be
/// one that is counted already.
pub(crate) async fn count_foreign(app: &App, event: &CallEvent) -> Result<(), TableError> {
    let (Some(phone), Some(call_id)) = (&event.phone, &event.call_id) else {
        return Ok(());
    };
    let Ok(source) = CallId::parse(&event.provider) else {
        return Ok(());
    };
    let facts = &event.facts;
    if event.direction != Direction::Outbound || event.ours.attempt.is_some() || !facts.may_have_rung {
        return Ok(());
    }
    let ledger = app.table.ledger(phone).await?;
    let now = app.clock.now();
    let began = [facts.created_at, facts.started_at, facts.ended_at]
        .into_iter()
        .flatten()
        .next()
        .unwrap_or(now)
        .min(now);
    let is_ours = ledger.starts.iter().any(|start| (start.at - began).abs() <= SAME_CALL);
    if ledger.seq == 0 || is_ours {
        return Ok(());
    }
    let call = ReportedCall {
        source,
        call_id: Some(call_id.clone()),
        started_at: began,
        subject: None,
        campaign: None,
    };
    let why = format!("placed by somebody else through {} at {}", event.provider, iso(began));
    let activity = Activity::now(app, &Actor::system(), "call_reported", Some(why));
    if app.table.report_call(phone, &call, &activity).await? == Recorded::Counted {
        app.metrics.count("outcome.foreign_call");
    }
    Ok(())
}
