//! `POST /api/calls`: a call that another system or a person by hand placed to a phone. It uses up caps like ours do.

use chrono::{DateTime, TimeDelta, Utc};
use redial_aws::leads::Activity;
use redial_aws::reported_calls::{Recorded, ReportedCall};
use redial_aws::web::{Answer, Problem};
use redial_domain::{CallId, Phone, Region, Subject, iso};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

use crate::request::{Caller, bad, unavailable};

/// The reporter's clock may be this much ahead of ours.
const CLOCKS_DIFFER: TimeDelta = TimeDelta::seconds(60);

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Reported {
    #[serde(alias = "phone_number")]
    phone: String,
    started_at: String,
    #[serde(default)]
    subject: Option<String>,
    #[serde(default, alias = "campaign")]
    campaign_id: Option<String>,
    source: String,
    #[serde(default)]
    call_id: Option<String>,
}

pub(crate) async fn report(caller: &Caller<'_>) -> Result<Answer, Problem> {
    let reported: Reported = caller.body()?;
    let app = caller.app;
    let phone = Phone::parse(&reported.phone, Region::US).map_err(|error| {
        Problem::new(
            422,
            "bad_phone",
            error.to_string(),
            "give `phone` with a plus sign and the country code",
        )
    })?;
    let now = app.clock.now();
    let campaign = match reported.campaign_id.as_deref() {
        Some(id) => Some(caller.campaign(id).await?),
        None => None,
    };
    let call = ReportedCall {
        source: id("source", &reported.source)?,
        call_id: reported
            .call_id
            .as_deref()
            .map(|given| id("call_id", given))
            .transpose()?,
        started_at: started_at(&reported.started_at, now)?,
        subject: reported
            .subject
            .as_deref()
            .map(|given| Subject::parse(given).map_err(|error| bad("subject", error)))
            .transpose()?
            // A call for a campaign is about its subject.
            .or_else(|| campaign.as_ref().map(|campaign| campaign.subject.clone())),
        campaign: campaign.map(|campaign| campaign.id),
    };
    let about = call
        .subject
        .as_ref()
        .map_or_else(String::new, |subject| format!(" about {subject}"));
    let called_for = call
        .campaign
        .as_ref()
        .map_or_else(String::new, |campaign| format!(" for campaign {campaign}"));
    let why = format!(
        "placed by {} at {}{about}{called_for}",
        call.source,
        iso(call.started_at)
    );
    let activity = Activity::now(app, &caller.actor, "call_reported", Some(why));
    let recorded = app
        .table
        .report_call(&phone, &call, &activity)
        .await
        .map_err(|error| unavailable(&error))?;
    let (counts_toward, reason): (&[&str], _) = match recorded {
        Recorded::Counted => (&["day", "rolling_hours", "gap", "total"], None),
        Recorded::InTotal => (&["total"], Some("older_than_48_hours")),
        Recorded::TooOld => (&[], Some("older_than_30_days")),
        Recorded::Known => (&[], Some("reported_before")),
    };
    Ok(Answer::json(
        if recorded == Recorded::Known { 200 } else { 201 },
        &json!({
            "success": true,
            "created": recorded != Recorded::Known,
            "counted_now": recorded == Recorded::Counted,
            "counts_toward": counts_toward,
            "reason": reason,
            "started_at": iso(call.started_at),
        }),
    ))
}

/// Names of systems and calls are parts of a key under the phone, which reaches neither logs nor URLs.
fn id(name: &'static str, given: &str) -> Result<CallId, Problem> {
    CallId::parse(given).map_err(|_| bad(name, "use 1 to 64 of the characters a-z A-Z 0-9 . _ : -"))
}

fn started_at(given: &str, now: DateTime<Utc>) -> Result<DateTime<Utc>, Problem> {
    let read = DateTime::parse_from_rfc3339(given.trim());
    let at = read
        .map_err(|_| bad("started_at", "it is no time; write it as in `2026-11-23T17:00:00Z`"))?
        .to_utc();
    if at > now + CLOCKS_DIFFER {
        return Err(bad(
            "started_at",
            "it is in the future; report a call when it has begun",
        ));
    }
    Ok(at.min(now))
}
