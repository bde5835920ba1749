//! `PUT` and `DELETE /api/leads/{id}/consent`: what a person agreed to, and that it was taken back (H9).
//!
//! The lead keeps what the gate needs; source and proof stand in its history, which nobody changes. A lead that was held
//! out for want of it goes on at once.

use chrono::{DateTime, TimeDelta, Utc};
use redial_aws::intake::learn;
use redial_aws::leads::Activity;
use redial_aws::web::{Answer, Problem};
use redial_domain::{Campaign, Consent, ConsentKind, Lead, iso};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::request::{Caller, bad, contended, unavailable};
use crate::shapes;

/// Rounds against others who change the lead at the same time.
const ROUNDS_MAX: usize = 8;
/// Longest source or proof, in characters.
const PROOF_MAX: usize = 500;
/// A clock may be this far ahead of ours.
const CLOCK_MARGIN: TimeDelta = TimeDelta::minutes(5);

/// A consent as the API takes it.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct GivenConsent {
    #[schemars(schema_with = "shapes::consent_kind")]
    kind: ConsentKind,
    given_at: DateTime<Utc>,
    /// Where: a form, a page, a recording.
    source: String,
    /// What proves it: a certificate, a file's name.
    #[serde(default)]
    proof: Option<String>,
    #[serde(default)]
    expires_at: Option<DateTime<Utc>>,
}

impl GivenConsent {
    /// What the lead keeps, and the words for its history.
    pub(crate) fn read(&self, now: DateTime<Utc>) -> Result<(Consent, String), Problem> {
        if self.given_at > now + CLOCK_MARGIN {
            return Err(bad("given_at", "it has not come yet"));
        }
        if self.expires_at.is_some_and(|end| end <= self.given_at) {
            return Err(bad("expires_at", "it is before the consent was given"));
        }
        let source = words("source", &self.source)?;
        let proof = self.proof.as_deref().map(|proof| words("proof", proof)).transpose()?;
        let consent = Consent {
            kind: self.kind,
            given_at: self.given_at.min(now),
            expires_at: self.expires_at,
            revoked_at: None,
        };
        let given = iso(self.given_at);
        let proof = proof.map_or_else(String::new, |proof| format!("; proof: {proof}"));
        Ok((
            consent,
            format!("{}, given {given}, by {source}{proof}", self.kind.as_str()),
        ))
    }
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct TakenBack {
    reason: String,
}

pub(crate) async fn put(caller: &Caller<'_>, id: &str) -> Result<Answer, Problem> {
    let given: GivenConsent = caller.body()?;
    let (consent, words) = given.read(caller.app.clock.now())?;
    change(caller, id, "consent_recorded", words, |lead, _| {
        let revoked_at = lead.consent.and_then(|own| own.revoked_at);
        match revoked_at.filter(|at| consent.given_at <= *at) {
            Some(at) => Err(bad(
                "given_at",
                format!(
                    "consent was taken back on {}; only one that was given later counts",
                    iso(at)
                ),
            )),
            None => Ok(consent),
        }
    })
    .await
}

pub(crate) async fn take_back(caller: &Caller<'_>, id: &str) -> Result<Answer, Problem> {
    let given: TakenBack = caller.body()?;
    let why = words("reason", &given.reason)?;
    let now = caller.app.clock.now();
    change(caller, id, "consent_revoked", why, |lead, campaign| {
        // Taken back what was only asserted for the campaign: the lead has its own word now.
        let asserted = campaign.consent.as_ref().map(|said| (said.kind, said.at));
        let (kind, given_at) = asserted.unwrap_or((ConsentKind::Oral, now));
        Ok(Consent {
            revoked_at: Some(now),
            ..lead.consent.unwrap_or(Consent {
                kind,
                given_at,
                expires_at: None,
                revoked_at: None,
            })
        })
    })
    .await
}

async fn change(
    caller: &Caller<'_>,
    id: &str,
    what: &str,
    why: String,
    consent: impl Fn(&Lead, &Campaign) -> Result<Consent, Problem>,
) -> Result<Answer, Problem> {
    let app = caller.app;
    for _ in 0..ROUNDS_MAX {
        let before = caller.lead(id).await?;
        let campaign = caller.campaign(before.campaign.as_str()).await?;
        let with = Lead {
            consent: Some(consent(&before, &campaign)?),
            ..before.clone()
        };
        let activity = Activity::now(app, &caller.actor, what, Some(why.clone())).about(&before.id);
        let learned = learn(app, &campaign, &before, with, &activity).await;
        if let Some(after) = learned.map_err(|error| unavailable(&error))? {
            return Ok(Answer::json(
                200,
                &json!({
                    "success": true,
                    "lead_id": after.id,
                    "status": after.state,
                    "consent": shown(after.consent.as_ref()),
                    "next_redial_iso": after.next_at.map(iso),
                    "reason": after.reason,
                }),
            ));
        }
    }
    Err(contended("lead"))
}

/// A lead's consent as the API shows it.
pub(crate) fn shown(consent: Option<&Consent>) -> Value {
    let text = |at: Option<DateTime<Utc>>| at.map(iso);
    consent.map_or(Value::Null, |consent| {
        json!({
            "kind": consent.kind,
            "given_at": iso(consent.given_at),
            "expires_at": text(consent.expires_at),
            "revoked_at": text(consent.revoked_at),
        })
    })
}

fn words(name: &str, text: &str) -> Result<String, Problem> {
    let text = text.trim();
    if text.is_empty() || text.chars().count() > PROOF_MAX {
        return Err(bad(name, format!("write 1 to {PROOF_MAX} characters")));
    }
    Ok(text.to_owned())
}
