//! What every action needs of a request: the caller, a checked body, a lead or campaign that exists.

use redial_aws::App;
use redial_aws::table::TableError;
use redial_aws::web::{Problem, Request};
use redial_domain::{Actor, Campaign, CampaignId, Lead, Permission, without_numbers};
use serde::de::DeserializeOwned;

/// A CRM's id has at most 500 characters of up to 4 bytes. DynamoDB takes 2,048 bytes as the key of an index, and what is
/// longer would be an error of the table.
const LEAD_ID_BYTES_MAX: usize = 2_000;

/// A request whose sender is known.
pub(crate) struct Caller<'a> {
    pub(crate) app: &'a App,
    pub(crate) request: &'a Request,
    pub(crate) actor: Actor,
    /// Of a request that is done once: the id of what it makes, the same at each try.
    pub(crate) record: Option<String>,
}

impl Caller<'_> {
    /// Goes on only if the caller's role may do this.
    pub(crate) fn may(&self, permission: Permission) -> Result<(), Problem> {
        if self.actor.role.may(permission) {
            return Ok(());
        }
        Err(Problem::new(
            403,
            "not_allowed",
            format!("failed to do this: the role {} may not", self.actor.role.as_str()),
            "ask an owner for a key with a higher role; GET /api/roles lists what each may do",
        ))
    }

    /// An id for what the request makes. What is there already under it was made by an earlier try of the same request.
    pub(crate) fn new_record(&self) -> String {
        let new = || self.app.ids.record(self.app.clock.now());
        self.record.clone().unwrap_or_else(new)
    }

    /// As [`Caller::body`]; a request without one means the defaults.
    pub(crate) fn body_or_default<T: DeserializeOwned + Default>(&self) -> Result<T, Problem> {
        if self.request.bytes()?.iter().all(u8::is_ascii_whitespace) {
            return Ok(T::default());
        }
        self.body()
    }

    /// The body as JSON of a known shape.
    pub(crate) fn body<T: DeserializeOwned>(&self) -> Result<T, Problem> {
        let bytes = self.request.bytes()?;
        if bytes.iter().all(u8::is_ascii_whitespace) {
            return Err(Problem::new(
                400,
                "no_body",
                "failed to read the body: there is none",
                "send JSON",
            ));
        }
        // In two steps, so that what is no JSON and what is JSON of another shape get their own answers.
        let value: serde_json::Value = serde_json::from_slice(&bytes).map_err(|error| {
            Problem::new(
                400,
                "body_not_json",
                format!(
                    "failed to read the body: no JSON at line {}, column {}",
                    error.line(),
                    error.column()
                ),
                "send JSON",
            )
        })?;
        if !value.is_object() {
            return Err(Problem::new(
                422,
                "bad_field",
                "failed to read the body: it is JSON, but no object",
                "send one object with named fields",
            ));
        }
        serde_path_to_error::deserialize(value).map_err(|error| {
            let path = without_numbers(&error.path().to_string());
            let why = without_numbers(&redial_rules::plain(&error.inner().to_string()));
            // The whole body has no path but a dot.
            let (what, field) = match path.as_str() {
                "." | "" => ("the body".to_owned(), None),
                path => (format!("`{path}`"), Some(path.to_owned())),
            };
            let problem = Problem::new(
                422,
                "bad_field",
                format!("failed to read {what}: {why}"),
                "correct the field and send it again",
            );
            match field {
                Some(field) => problem.of_field(field),
                None => problem,
            }
        })
    }

    /// A whole number in the query.
    pub(crate) fn number(&self, name: &'static str, default: usize, max: usize) -> Result<usize, Problem> {
        let Some(raw) = self.request.query().get(name).cloned() else {
            return Ok(default);
        };
        raw.parse().ok().filter(|n| (1..=max).contains(n)).ok_or_else(|| {
            Problem::new(
                422,
                "bad_field",
                format!("failed to read `{name}`: it is no whole number from 1 to {max}"),
                format!("leave it out for {default}"),
            )
        })
    }

    /// A lead by our id or a CRM's.
    pub(crate) async fn lead(&self, id: &str) -> Result<Lead, Problem> {
        let now = self.app.clock.now();
        let found = if id.len() > LEAD_ID_BYTES_MAX {
            None
        } else {
            let found = self.app.table.find_lead(id, now).await;
            found.map_err(|error| unavailable(&error))?
        };
        found.ok_or_else(|| {
            // Whoever asks by a number is not told it again: answers are written down too.
            let id = without_numbers(&id.chars().take(64).collect::<String>());
            Problem::new(
                404,
                "unknown_lead",
                format!("failed to find the lead `{id}`"),
                "use the `lead_id` of an answer, or the CRM's id",
            )
        })
    }

    /// A campaign as it is now.
    pub(crate) async fn campaign(&self, id: &str) -> Result<Campaign, Problem> {
        let unknown = || {
            let id = without_numbers(&id.chars().take(64).collect::<String>());
            Problem::new(
                404,
                "unknown_campaign",
                format!("failed to find the campaign `{id}`"),
                "list them with GET /campaigns",
            )
        };
        let id = CampaignId::parse(id).map_err(|_| unknown())?;
        self.app
            .table
            .campaign(&id)
            .await
            .map_err(|error| unavailable(&error))?
            .ok_or_else(unknown)
    }
}

impl Caller<'_> {
    /// A campaign that may still be changed.
    pub(crate) async fn campaign_in_use(&self, id: &str) -> Result<Campaign, Problem> {
        let campaign = self.campaign(id).await?;
        if campaign.is_deleted() {
            return Err(deleted(&campaign));
        }
        Ok(campaign)
    }

    /// A campaign to look at: one that was deleted only if that is asked for.
    pub(crate) async fn campaign_to_read(&self, id: &str) -> Result<Campaign, Problem> {
        if self.flag("include_deleted")? {
            self.campaign(id).await
        } else {
            self.campaign_in_use(id).await
        }
    }

    /// A yes or no in the query; no, unless it is there.
    pub(crate) fn flag(&self, name: &'static str) -> Result<bool, Problem> {
        match self.request.query().get(name).map(String::as_str) {
            Some("true" | "1" | "") => Ok(true),
            None | Some("false" | "0") => Ok(false),
            Some(_) => Err(bad(name, "use true or false")),
        }
    }
}

fn deleted(campaign: &Campaign) -> Problem {
    Problem::new(
        404,
        "unknown_campaign",
        format!("failed to find the campaign `{}`: it was deleted", campaign.id),
        "look at it with include_deleted=true; its leads stay readable",
    )
}

/// A field that cannot be taken, and why.
pub(crate) fn bad(name: &str, why: impl std::fmt::Display) -> Problem {
    Problem::new(
        422,
        "bad_field",
        format!("failed to read `{name}`: {why}"),
        "correct the field and send it again",
    )
    .of_field(name)
}

/// The table did not do it; nothing was changed that the answer does not name.
pub(crate) fn unavailable(error: &TableError) -> Problem {
    tracing::error!("{error}");
    Problem::new(503, "unavailable", "failed to reach the table", "try again")
}

/// Somebody else changed the same thing again and again.
pub(crate) fn contended(what: &str) -> Problem {
    Problem::new(
        409,
        "changed_meanwhile",
        format!("failed to change the {what}: others kept changing it"),
        "look at it and try again",
    )
}
