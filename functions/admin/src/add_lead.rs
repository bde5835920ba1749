//! `POST /api/leads`: a lead from a person or a program (Q0).

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use redial_aws::intake::{Intake, IntakeError, take_in};
use redial_aws::web::{Answer, Problem};
use redial_domain::law::us_state;
use redial_domain::{CampaignId, Phone, Profile, iso};
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer};
use serde_json::{Value, json};

use crate::lead_consent::GivenConsent;
use crate::request::{Caller, bad, unavailable};

/// Custom fields, and the length of any field: a profile stays far under 400 KB.
const CUSTOM_MAX: usize = 60;
const FIELD_MAX: usize = 500;
/// Names of countries have up to 42 characters, postal codes with their extension up to 12.
pub(crate) const STATE_MAX: usize = 64;
pub(crate) const POSTAL_CODE_MAX: usize = 16;
/// An id of a CRM is a key: see the domain's ids.
const CRM_ID_MAX: usize = 64;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewLead {
    #[serde(alias = "phone_number")]
    phone: String,
    #[serde(default, alias = "campaign")]
    campaign_id: Option<String>,
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    first_name: Option<String>,
    #[serde(default)]
    last_name: Option<String>,
    #[serde(default)]
    email: Option<String>,
    #[serde(default)]
    city: Option<String>,
    #[serde(default)]
    state: Option<String>,
    #[serde(default, alias = "zip", deserialize_with = "text_or_whole_number")]
    postal_code: Option<String>,
    #[serde(default, alias = "time_zone")]
    timezone: Option<String>,
    #[serde(default, alias = "lead_id")]
    crm_id: Option<String>,
    #[serde(default)]
    list_id: Option<String>,
    #[serde(default)]
    source: Option<String>,
    #[serde(default)]
    consent: Option<GivenConsent>,
    #[serde(default)]
    registry_checked_at: Option<DateTime<Utc>>,
    #[serde(default)]
    custom: BTreeMap<String, String>,
}

pub(crate) async fn add(caller: &Caller<'_>) -> Result<Answer, Problem> {
    let new: NewLead = caller.body()?;
    let app = caller.app;
    let campaign = match new.campaign_id.as_deref() {
        Some(id) => caller.campaign(id).await?,
        None => caller.campaign(CampaignId::default_campaign().as_str()).await?,
    };
    let id = campaign.id;
    let phone = Phone::parse(&new.phone, campaign.default_region).map_err(|error| {
        Problem::new(
            422,
            "bad_phone",
            error.to_string(),
            "give `phone` with a plus sign and the country code",
        )
    })?;
    let now = app.clock.now();
    let (given, family) = names(field("name", new.name)?);
    let intake = Intake {
        phone,
        state_code: state(new.state)?,
        postal_code: short("postal_code", new.postal_code, POSTAL_CODE_MAX)?,
        zone: zone(new.timezone)?,
        consent: new.consent.as_ref().map(|given| given.read(now)).transpose()?,
        registry_checked_at: new
            .registry_checked_at
            .map(|at| {
                if at > now {
                    Err(bad("registry_checked_at", "it has not come yet"))
                } else {
                    Ok(at)
                }
            })
            .transpose()?,
        profile: Profile {
            first_name: field("first_name", new.first_name)?.or(given),
            last_name: field("last_name", new.last_name)?.or(family),
            email: field("email", new.email)?.map(|email| email.to_lowercase()),
            city: field("city", new.city)?,
            source: Some(field("source", new.source)?.unwrap_or_else(|| "api".to_owned())),
            crm_id: crm_id(new.crm_id)?,
            crm_list_id: field("list_id", new.list_id)?,
            imported_by: None,
            tags: Vec::new(),
            custom: custom(new.custom)?,
        },
    };
    let taken = take_in(app, &id, intake, caller.actor.clone())
        .await
        .map_err(|error| problem(&error))?;
    let warnings: Vec<Value> = taken
        .doubts
        .iter()
        .map(|doubt| json!({"field": doubt.field, "message": doubt.message()}))
        .collect();
    let mut answer = json!({
        "success": true,
        "lead_id": taken.lead,
        "campaign_id": id,
        "created": taken.created,
        "status": taken.state,
        "called_now": taken.claimed,
        "next_redial_timestamp": taken.next_at.map(|at| at.timestamp_millis()),
        "next_redial_iso": taken.next_at.map(iso),
        "reason": taken.reason,
        "warnings": warnings,
    });
    if let Some(hint) = taken.reason.as_deref().and_then(hint) {
        answer["hint"] = json!(hint);
    }
    Ok(Answer::json(if taken.created { 201 } else { 200 }, &answer))
}

/// What lets a lead be called that waits for a person.
fn hint(reason: &str) -> Option<&'static str> {
    match reason {
        "no_consent" => Some(
            "give `consent` with the lead, or PATCH /campaigns/{id} with `consent`, if the campaign vouches for its people",
        ),
        "campaign_not_running" => Some("start the campaign with POST /campaigns/{id}/start"),
        _ => None,
    }
}

/// A whole name in its two parts: the first word, and the rest.
pub(crate) fn names(name: Option<String>) -> (Option<String>, Option<String>) {
    match name.as_deref().map(|name| name.split_once(' ').unwrap_or((name, ""))) {
        None => (None, None),
        Some((given, family)) => (
            Some(given.to_owned()),
            Some(family.trim().to_owned()).filter(|rest| !rest.is_empty()),
        ),
    }
}

fn problem(error: &IntakeError) -> Problem {
    match error {
        IntakeError::NoCampaign(_) => Problem::new(
            404,
            "unknown_campaign",
            error.to_string(),
            "list them with GET /campaigns",
        ),
        IntakeError::NotTaken { .. } => Problem::new(
            409,
            "campaign_closed",
            error.to_string(),
            "name another campaign, or let this one take leads: PATCH /campaigns/{id} with {\"open_intake\": true}",
        ),
        IntakeError::Table(error) => unavailable(error),
        IntakeError::Rules(error) => {
            tracing::error!("{error}");
            Problem::new(503, "no_rules", error.to_string(), "publish a rule set that loads")
        }
    }
}

/// A ZIP is digits, and who sends it as a number means the same; zeros that it lost in front are read as in a text.
fn text_or_whole_number<'de, D: Deserializer<'de>>(given: D) -> Result<Option<String>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged, expecting = "a postal code is a text, or a whole number")]
    enum Given {
        Text(String),
        Number(u64),
    }
    Ok(Option::<Given>::deserialize(given)?.map(|given| match given {
        Given::Text(text) => text,
        Given::Number(number) => number.to_string(),
    }))
}

pub(crate) fn field(name: &str, value: Option<String>) -> Result<Option<String>, Problem> {
    let value = value
        .map(|value| value.trim().to_owned())
        .filter(|value| !value.is_empty());
    match value {
        Some(value) if value.chars().count() > FIELD_MAX => Err(bad(name, "it is longer than 500 characters")),
        value => Ok(value),
    }
}

/// A state of the US by its code, however it was written; any other text as it came, because what is not understood holds
/// the lead back and is not to be lost.
pub(crate) fn state(value: Option<String>) -> Result<Option<String>, Problem> {
    match field("state", value)? {
        Some(text) => match us_state(&text) {
            Some(state) => Ok(Some(state.state().to_owned())),
            None => short("state", Some(text), STATE_MAX),
        },
        None => Ok(None),
    }
}

pub(crate) fn zone(value: Option<String>) -> Result<Option<Tz>, Problem> {
    let read = |name: String| {
        let why = "it is no time zone; write it as in `America/New_York`, or leave it out";
        name.parse().map_err(|_| bad("timezone", why))
    };
    field("timezone", value)?.map(read).transpose()
}

pub(crate) fn short(name: &str, value: Option<String>, max: usize) -> Result<Option<String>, Problem> {
    match field(name, value)? {
        Some(value) if value.chars().count() > max => Err(bad(name, format!("it is longer than {max} characters"))),
        value => Ok(value),
    }
}

pub(crate) fn crm_id(value: Option<String>) -> Result<Option<String>, Problem> {
    match field("crm_id", value)? {
        Some(value) if value.len() > CRM_ID_MAX => Err(bad("crm_id", "it is longer than 64 characters")),
        value => Ok(value),
    }
}

pub(crate) fn custom(custom: BTreeMap<String, String>) -> Result<BTreeMap<String, String>, Problem> {
    if custom.len() > CUSTOM_MAX {
        return Err(bad("custom", "there are more than 60 fields"));
    }
    // DynamoDB takes no attribute without a name.
    if custom.keys().any(|name| name.trim().is_empty()) {
        return Err(bad("custom", "a field has no name"));
    }
    if custom
        .iter()
        .any(|(name, value)| name.chars().count() > 64 || value.chars().count() > FIELD_MAX)
    {
        return Err(bad("custom", "names have at most 64 characters, values at most 500"));
    }
    Ok(custom)
}
