//! `PATCH /api/leads/{id}` and `PUT /api/leads/{id}/tags`: what is known about a person is corrected.
//!
//! Who somebody is and where they are told to be stand in two items: the person, and the lead that the gate looks at. Each
//! is one write with what explains it, and asking again does what is missing. What is said about the place replaces what
//! was said before, also a country that was told by mistake; the gate looks again at once.

use std::collections::BTreeMap;

use redial_aws::intake::learn;
use redial_aws::leads::Activity;
use redial_aws::web::{Answer, Problem};
use redial_domain::law::{Places, says_nothing};
use redial_domain::{Lead, Profile, iso};
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer};
use serde_json::{Value, json};

use crate::add_lead::{POSTAL_CODE_MAX, crm_id, custom, field, names, short, state, zone};
use crate::do_not_call::text;
use crate::request::{Caller, bad, contended, unavailable};

/// Rounds against others who change the same lead or person at the same time.
const ROUNDS_MAX: usize = 8;
/// Tags of one lead, and their length: they stand in a row of a list.
const TAGS_MAX: usize = 20;
const TAG_LETTERS_MAX: usize = 40;

/// Each field may be absent, which keeps what is known, or null, which takes it away.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Correction {
    #[serde(default, deserialize_with = "given")]
    name: Given,
    #[serde(default, deserialize_with = "given")]
    first_name: Given,
    #[serde(default, deserialize_with = "given")]
    last_name: Given,
    #[serde(default, deserialize_with = "given")]
    email: Given,
    #[serde(default, deserialize_with = "given")]
    city: Given,
    #[serde(default, deserialize_with = "given")]
    state: Given,
    #[serde(default, deserialize_with = "given", alias = "zip")]
    postal_code: Given,
    #[serde(default, deserialize_with = "given", alias = "time_zone")]
    timezone: Given,
    #[serde(default, deserialize_with = "given")]
    crm_id: Given,
    #[serde(default)]
    custom: Option<BTreeMap<String, Option<String>>>,
    #[serde(default)]
    reason: Option<String>,
}

type Given = Option<Option<String>>;

fn given<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Given, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewTags {
    tags: Vec<String>,
}

pub(crate) async fn change(caller: &Caller<'_>, id: &str) -> Result<Answer, Problem> {
    let correction: Correction = caller.body()?;
    let reason = text("reason", correction.reason.clone())?;
    let lead = caller.lead(id).await?;
    // Both are read before anything is written: what is wrong in one part refuses the whole.
    let place = correction.place(&lead)?;
    correction.person(Profile::default())?;
    let (changed_person, profile) = change_person(caller, &lead, "corrected", reason.as_deref(), |known| {
        correction.person(known)
    })
    .await?;
    let (changed_place, lead) = if place == lead {
        (Vec::new(), lead)
    } else {
        move_place(caller, &lead, &correction, reason.as_deref()).await?
    };
    let doubts = Places::of(&lead.phone, lead.told_places()).doubts;
    let warnings: Vec<Value> = doubts
        .iter()
        .map(|doubt| json!({"field": doubt.field, "message": doubt.message()}))
        .collect();
    let changed: Vec<&str> = changed_person.into_iter().chain(changed_place).collect();
    Ok(Answer::json(
        200,
        &json!({
            "success": true,
            "lead_id": lead.id,
            "changed": changed,
            "first_name": profile.first_name,
            "last_name": profile.last_name,
            "email": profile.email,
            "city": profile.city,
            "crm_id": profile.crm_id,
            "custom": profile.custom,
            "us_state": lead.state_code,
            "postal_code": lead.postal_code,
            "timezone": lead.zone.map(|zone| zone.name()),
            "state": lead.shown_state(caller.app.clock.now()),
            "reason": lead.reason,
            "next_call_at": lead.next_at.map(iso),
            "warnings": warnings,
        }),
    ))
}

pub(crate) async fn tag(caller: &Caller<'_>, id: &str) -> Result<Answer, Problem> {
    let new: NewTags = caller.body()?;
    let mut tags: Vec<String> = Vec::new();
    for tag in new.tags {
        let tag = tag.trim().to_owned();
        if tag.is_empty() || tag.chars().count() > TAG_LETTERS_MAX {
            return Err(bad("tags", format!("each has 1 to {TAG_LETTERS_MAX} characters")));
        }
        if !tags.contains(&tag) {
            tags.push(tag);
        }
    }
    if tags.len() > TAGS_MAX {
        return Err(bad("tags", format!("there are more than {TAGS_MAX}")));
    }
    let lead = caller.lead(id).await?;
    let (changed, profile) = change_person(caller, &lead, "tagged", None, |known| {
        Ok(Profile {
            tags: tags.clone(),
            ..known
        })
    })
    .await?;
    Ok(Answer::json(
        200,
        &json!({"success": true, "lead_id": lead.id, "changed": !changed.is_empty(), "tags": profile.tags}),
    ))
}

/// Changes the person behind a lead. Answers which fields became others.
async fn change_person(
    caller: &Caller<'_>,
    lead: &Lead,
    what: &str,
    reason: Option<&str>,
    change: impl Fn(Profile) -> Result<Profile, Problem>,
) -> Result<(Vec<&'static str>, Profile), Problem> {
    let app = caller.app;
    let failed = |error| unavailable(&error);
    for _ in 0..ROUNDS_MAX {
        let seen = app
            .table
            .profile_to_change(&lead.phone, &lead.campaign)
            .await
            .map_err(failed)?;
        let profile = change(seen.profile.clone())?;
        let changed = differing(&seen.profile, &profile);
        if changed.is_empty() {
            return Ok((changed, profile));
        }
        let why = why(&changed, reason);
        let activity = Activity::now(app, &caller.actor, what, Some(why)).about(&lead.id);
        let written = app
            .table
            .change_profile(&lead.phone, &lead.campaign, &seen, &profile, &[activity])
            .await;
        if written.map_err(failed)? {
            return Ok((changed, profile));
        }
        // Gone, or changed by somebody else.
        caller.lead(lead.id.as_str()).await?;
    }
    Err(contended("person"))
}

/// Changes where a lead is told to be, and lets the gate look at it again.
async fn move_place(
    caller: &Caller<'_>,
    lead: &Lead,
    correction: &Correction,
    reason: Option<&str>,
) -> Result<(Vec<&'static str>, Lead), Problem> {
    for _ in 0..ROUNDS_MAX {
        let known = caller.lead(lead.id.as_str()).await?;
        let campaign = caller.campaign(known.campaign.as_str()).await?;
        let with = correction.place(&known)?;
        let fields = [
            ("state", with.state_code != known.state_code),
            ("postal_code", with.postal_code != known.postal_code),
            ("timezone", with.zone != known.zone),
        ];
        let changed: Vec<&str> = fields
            .into_iter()
            .filter(|(_, other)| *other)
            .map(|(name, _)| name)
            .collect();
        if changed.is_empty() {
            return Ok((changed, known));
        }
        let why = why(&changed, reason);
        let activity = Activity::now(caller.app, &caller.actor, "corrected", Some(why)).about(&known.id);
        let learned = learn(caller.app, &campaign, &known, with, &activity).await;
        if let Some(after) = learned.map_err(|error| unavailable(&error))? {
            return Ok((changed, after));
        }
    }
    Err(contended("lead"))
}

/// The names of what was changed, never what it was: a history is read by many.
fn why(changed: &[&str], reason: Option<&str>) -> String {
    let fields = changed.join(", ");
    reason.map_or_else(|| fields.clone(), |reason| format!("{fields}: {reason}"))
}

fn differing(before: &Profile, after: &Profile) -> Vec<&'static str> {
    let fields = [
        ("first_name", before.first_name != after.first_name),
        ("last_name", before.last_name != after.last_name),
        ("email", before.email != after.email),
        ("city", before.city != after.city),
        ("crm_id", before.crm_id != after.crm_id),
        ("tags", before.tags != after.tags),
        ("custom", before.custom != after.custom),
    ];
    fields
        .into_iter()
        .filter(|(_, other)| *other)
        .map(|(name, _)| name)
        .collect()
}

impl Correction {
    fn person(&self, mut known: Profile) -> Result<Profile, Problem> {
        if let Some(name) = &self.name {
            (known.first_name, known.last_name) = names(field("name", name.clone())?);
        }
        for (name, new, known) in [
            ("first_name", &self.first_name, &mut known.first_name),
            ("last_name", &self.last_name, &mut known.last_name),
            ("email", &self.email, &mut known.email),
            ("city", &self.city, &mut known.city),
        ] {
            if let Some(new) = new {
                *known = field(name, new.clone())?;
            }
        }
        known.email = known.email.map(|email| email.to_lowercase());
        if let Some(id) = &self.crm_id {
            known.crm_id = crm_id(id.clone())?;
        }
        for (name, value) in self.custom.iter().flatten() {
            match value {
                Some(value) => known.custom.insert(name.clone(), value.clone()),
                None => known.custom.remove(name),
            };
        }
        known.custom = custom(known.custom)?;
        Ok(known)
    }

    fn place(&self, known: &Lead) -> Result<Lead, Problem> {
        // Texts such as `n/a` are empty fields, as when a lead is added.
        let told = |text: &Option<String>| text.clone().filter(|text| !says_nothing(text));
        let mut with = known.clone();
        if let Some(new) = &self.state {
            with.state_code = state(told(new))?;
        }
        if let Some(new) = &self.postal_code {
            with.postal_code = short("postal_code", told(new), POSTAL_CODE_MAX)?;
        }
        if let Some(new) = &self.timezone {
            with.zone = zone(new.clone())?;
        }
        Ok(with)
    }
}
