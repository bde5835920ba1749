//! A campaign as the API shows and takes it: the names that campaign tools before it used, where they had one.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc, Weekday};
use chrono_tz::Tz;
use redial_aws::web::Problem;
use redial_domain::import::ImportRules;
use redial_domain::law::us_state;
use redial_domain::{
    Blackout, CallScript, CallerId, Campaign, ConsentAssertion, ConsentKind, LocalTime, Phone, Region, RuleSetName,
    STATEMENT_MAX, Subject, Voice, Window, iso,
};
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer};
use serde_json::{Value, json};

use crate::campaign_api::problem;
use crate::request::bad;
use crate::shapes;

/// What a body may set. Absent is left as it is; `null`, where it has a meaning, is "none".
#[derive(Deserialize, Default, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Fields {
    #[serde(default)]
    pub(crate) id: Option<String>,
    #[serde(default)]
    pub(crate) name: Option<String>,
    #[serde(default)]
    description: Option<String>,
    #[serde(default)]
    open_intake: Option<bool>,
    #[serde(default, deserialize_with = "given")]
    max_attempts_per_lead: Option<Option<u32>>,
    #[serde(default, deserialize_with = "given")]
    retry_delay_hours: Option<Option<u32>>,
    #[serde(default, deserialize_with = "given")]
    intervals_min: Option<Option<Vec<u32>>>,
    #[serde(default)]
    #[schemars(schema_with = "shapes::hour")]
    calling_hours_start: Option<Hour>,
    #[serde(default)]
    #[schemars(schema_with = "shapes::hour")]
    calling_hours_end: Option<Hour>,
    #[serde(default, alias = "zone")]
    timezone: Option<String>,
    #[serde(default)]
    calling_days: Option<Vec<String>>,
    #[serde(default)]
    #[schemars(schema_with = "shapes::dates")]
    blackout_dates: Option<BTreeSet<Blackout>>,
    #[serde(default)]
    max_concurrent_calls: Option<u32>,
    #[serde(default, deserialize_with = "given")]
    calls_per_minute_max: Option<Option<u32>>,
    #[serde(default)]
    priority: Option<u8>,
    #[serde(default)]
    attempts_per_day_max: Option<u32>,
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    pub(crate) rule_set: Option<RuleSetName>,
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    subject: Option<Subject>,
    #[serde(default)]
    #[schemars(schema_with = "shapes::region")]
    default_region: Option<Region>,
    #[serde(default)]
    #[schemars(schema_with = "shapes::voice")]
    voice: Option<Voice>,
    #[serde(default)]
    import: Option<ImportFields>,
    #[serde(default, deserialize_with = "given")]
    consent: Option<Option<Asserted>>,
    #[serde(default, deserialize_with = "given")]
    registry_checked_at: Option<Option<DateTime<Utc>>>,
    #[serde(default)]
    pub(crate) shards: Option<u32>,
    #[serde(default, deserialize_with = "given")]
    scheduled_start_time: Option<Option<DateTime<Utc>>>,
    #[serde(default, deserialize_with = "given")]
    scheduled_end_time: Option<Option<DateTime<Utc>>>,
    #[serde(default, deserialize_with = "given")]
    script_template: Option<Option<String>>,
    #[serde(default, deserialize_with = "given")]
    qualification_criteria: Option<Option<String>>,
    #[serde(default)]
    script_columns: Option<BTreeSet<String>>,
    #[serde(default)]
    caller_ids: Option<Vec<ShownNumber>>,
}

/// A number that calls may show.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ShownNumber {
    number: String,
    #[serde(default)]
    state: Option<String>,
    #[serde(default)]
    cooldown_s: u32,
    #[serde(default)]
    calls_per_day_max: Option<u32>,
}

/// What is asked of files that are imported. Absent is left as it is.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ImportFields {
    #[serde(default)]
    required: Option<Vec<String>>,
    #[serde(default)]
    sources: Option<Vec<String>>,
}

/// What is said about the consent of everybody in the campaign.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Asserted {
    #[schemars(schema_with = "shapes::consent_kind")]
    kind: ConsentKind,
    statement: String,
    #[serde(default)]
    expires_at: Option<DateTime<Utc>>,
}

impl Fields {
    /// Whether it names another subject than a campaign has.
    pub(crate) fn names_another_subject(&self, than: &Campaign) -> bool {
        self.subject.as_ref().is_some_and(|subject| *subject != than.subject)
    }
}

/// An hour as a whole number or `HH:MM`.
#[derive(Deserialize, JsonSchema)]
#[serde(untagged)]
pub(crate) enum Hour {
    Number(u16),
    Text(String),
}

fn given<'de, T: Deserialize<'de>, D: Deserializer<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

fn time(name: &str, hour: &Hour) -> Result<LocalTime, Problem> {
    match hour {
        Hour::Number(hour) => {
            LocalTime::new(*hour, 0).ok_or_else(|| bad(name, format!("{hour} is no hour from 0 to 24")))
        }
        Hour::Text(raw) => LocalTime::parse(raw).map_err(|error| bad(name, error)),
    }
}

impl Fields {
    /// Sets on a campaign what the body named. Whoever asserts a consent stands beside it.
    pub(crate) fn apply(&self, campaign: &mut Campaign, by: &str, now: DateTime<Utc>) -> Result<(), Problem> {
        macro_rules! set {
            ($($field:ident),*) => { $(if let Some(value) = &self.$field { campaign.$field.clone_from(value); })* };
        }
        set!(
            description,
            open_intake,
            intervals_min,
            max_concurrent_calls,
            calls_per_minute_max,
            priority,
            attempts_per_day_max,
            rule_set,
            subject,
            default_region,
            voice
        );
        if let Some(name) = &self.name {
            campaign.name = name.trim().to_owned();
        }
        if let Some(total) = self.max_attempts_per_lead {
            campaign.attempts_total_max = total;
        }
        if let Some(hours) = self.retry_delay_hours {
            if matches!(self.intervals_min, Some(Some(_))) {
                return Err(bad("retry_delay_hours", "give either this or `intervals_min`"));
            }
            campaign.intervals_min = match hours {
                Some(hours) => Some(vec![
                    hours
                        .checked_mul(60)
                        .ok_or_else(|| bad("retry_delay_hours", "it is too large"))?,
                ]),
                None => None,
            };
        }
        if let Some(given) = &self.import {
            let known = campaign.import.clone();
            campaign.import = ImportRules {
                required: given.required.clone().unwrap_or(known.required),
                sources: given.sources.clone().unwrap_or(known.sources),
            }
            .normalized();
        }
        match &self.consent {
            None => {}
            Some(None) => campaign.consent = None,
            Some(Some(said)) => campaign.consent = Some(said.by(by, now)?),
        }
        if let Some(checked_at) = self.registry_checked_at {
            if checked_at.is_some_and(|at| at > now) {
                return Err(bad("registry_checked_at", "it has not come yet"));
            }
            campaign.registry_checked_at = checked_at;
        }
        self.script(&mut campaign.script);
        if let Some(numbers) = &self.caller_ids {
            let pool = numbers.iter().enumerate();
            campaign.caller_ids = pool.map(|(n, number)| number.read(n + 1)).collect::<Result<_, _>>()?;
        }
        self.window(&mut campaign.window)?;
        // With the hours that it has now: an end before their first opening is refused.
        campaign
            .schedule(self.scheduled_start_time, self.scheduled_end_time, now)
            .map_err(|error| problem(&error))
    }

    fn script(&self, script: &mut CallScript) {
        if let Some(template) = &self.script_template {
            script.template.clone_from(template);
        }
        if let Some(criteria) = &self.qualification_criteria {
            script.criteria.clone_from(criteria);
        }
        if let Some(columns) = &self.script_columns {
            script.columns.clone_from(columns);
        }
    }

    fn window(&self, window: &mut Window) -> Result<(), Problem> {
        if let Some(start) = &self.calling_hours_start {
            window.start = time("calling_hours_start", start)?;
        }
        if let Some(end) = &self.calling_hours_end {
            window.end = time("calling_hours_end", end)?;
        }
        if let Some(zone) = &self.timezone {
            window.zone = zone.parse::<Tz>().map_err(|_| {
                bad(
                    "timezone",
                    format!(
                        "`{}` is no zone; use a name such as America/New_York",
                        zone.chars().take(64).collect::<String>()
                    ),
                )
            })?;
        }
        if let Some(days) = &self.calling_days {
            window.days = days
                .iter()
                .map(|day| {
                    day.parse::<Weekday>()
                        .map_err(|_| bad("calling_days", "use mon, tue, wed, thu, fri, sat, sun"))
                })
                .collect::<Result<_, _>>()?;
        }
        if let Some(dates) = &self.blackout_dates {
            window.blackout_dates.clone_from(dates);
        }
        Ok(())
    }
}

impl ShownNumber {
    fn read(&self, entry: usize) -> Result<CallerId, Problem> {
        let number = Phone::try_from(self.number.trim().to_owned()).map_err(|_| {
            bad(
                "caller_ids",
                format!("entry {entry}: `number` is no phone number with plus sign and country code"),
            )
        })?;
        let state = match self.state.as_deref().map(str::trim).filter(|state| !state.is_empty()) {
            None => None,
            Some(state) => Some(us_state(state).ok_or_else(|| {
                bad(
                    "caller_ids",
                    format!("entry {entry}: `state` is no state of the US; write it as FL"),
                )
            })?),
        };
        Ok(CallerId {
            number,
            state: state.map(|state| state.state().to_owned()),
            cooldown_s: self.cooldown_s,
            calls_per_day_max: self.calls_per_day_max,
        })
    }
}

impl Asserted {
    fn by(&self, by: &str, now: DateTime<Utc>) -> Result<ConsentAssertion, Problem> {
        let statement = self.statement.trim();
        if statement.is_empty() || statement.chars().count() > STATEMENT_MAX {
            return Err(bad(
                "consent.statement",
                format!("say in 1 to {STATEMENT_MAX} characters where and how these people agreed"),
            ));
        }
        if self.expires_at.is_some_and(|end| end <= now) {
            return Err(bad("consent.expires_at", "it is over"));
        }
        Ok(ConsentAssertion {
            kind: self.kind,
            statement: statement.to_owned(),
            by: by.to_owned(),
            at: now,
            expires_at: self.expires_at,
        })
    }
}

/// A campaign as the API shows it.
pub(crate) fn shown(campaign: &Campaign, now: DateTime<Utc>) -> Value {
    let window = &campaign.window;
    let life = &campaign.life;
    let mut shown = json!({
        "id": campaign.id,
        "name": campaign.name,
        "description": campaign.description,
        "status": campaign.status,
        "version": campaign.version,
        "open_intake": campaign.open_intake,
        "max_attempts_per_lead": campaign.attempts_total_max,
        "attempts_per_day_max": campaign.attempts_per_day_max,
        "intervals_min": campaign.intervals_min,
        "calling_hours_start": window.start,
        "calling_hours_end": window.end,
        "timezone": window.zone,
        "calling_days": window.days.iter().map(|day| day.to_string().to_lowercase()).collect::<Vec<_>>(),
        "blackout_dates": window.blackout_dates,
        "max_concurrent_calls": campaign.max_concurrent_calls,
        "calls_per_minute_max": campaign.calls_per_minute_max,
        "priority": campaign.priority,
        "rule_set": campaign.rule_set,
        "subject": campaign.subject,
        "default_region": campaign.default_region,
        "voice": campaign.voice,
        "import": campaign.import,
        "consent": campaign.consent.as_ref().map(|said| json!({
            "kind": said.kind,
            "statement": said.statement,
            "by": said.by,
            "at": iso(said.at),
            "expires_at": said.expires_at.map(iso),
        })),
        "registry_checked_at": campaign.registry_checked_at.map(iso),
        "brake": campaign.brake.map(|brake| json!({
            "at": iso(brake.at),
            "answered": brake.calls.answered,
            "abandoned": brake.calls.abandoned,
            "lifted": campaign.brake_lifted.as_ref().map(|lifted| json!({
                "by": lifted.by,
                "at": iso(lifted.at),
                "until": iso(lifted.until),
                "reason": lifted.reason,
            })),
        })),
        "shards": campaign.shards,
        "created_at": iso(campaign.created_at),
        "updated_at": iso(campaign.updated_at),
    });
    for (name, value) in [
        ("scheduled_start_time", json!(life.starts_at.map(iso))),
        ("scheduled_end_time", json!(life.ends_at.map(iso))),
        ("start_held", json!(campaign.start_held(now))),
        ("actual_start_time", json!(life.started_at.map(iso))),
        ("actual_end_time", json!(life.ended_at.map(iso))),
        ("deleted_at", json!(life.deleted_at.map(iso))),
        ("script_template", json!(campaign.script.template)),
        ("script_columns", json!(campaign.script.columns)),
        ("qualification_criteria", json!(campaign.script.criteria)),
        ("caller_ids", json!(campaign.caller_ids)),
    ] {
        shown[name] = value;
    }
    shown
}
