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
}

impl Caller<'_> {
    /// Goes on only if the caller's role may do this.
    pub(crate) fn may(&self, permission: Permission) -> Result<&Self, Problem> {
        if self.actor.role.may(permission) {
            return Ok(self);
        }
        Err(Problem::new(
            403,
            "not_allowed",
            format!("failed to do this: the role {} may not", self.actor.role.as_str()),
            "ask an owner for a key with a higher role",
        ))
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
            let path = error.path().to_string();
            let why = redial_rules::plain(&error.inner().to_string());
            // What is missing has no path, and what is unknown is named by its message.
            let is_named = path == "." || why.contains(&format!("`{path}`"));
            let why = if is_named { why } else { format!("`{path}`: {why}") };
            Problem::new(
                422,
                "bad_field",
                format!("failed to read the body: {}", without_numbers(&why)),
                "correct the field and send it again",
            )
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

/// A field that cannot be taken, and why.
pub(crate) fn bad(name: &str, why: impl std::fmt::Display) -> Problem {
    Problem::new(
        422,
        "bad_field",
        format!("failed to read `{name}`: {why}"),
        "correct the field and send it again",
    )
}

pub(crate) fn not_found(method: &str, path: &[&str]) -> Problem {
    let path = without_numbers(&path.join("/").chars().take(120).collect::<String>());
    Problem::new(
        404,
        "not_found",
        format!("failed to find {method} /{path}"),
        "the README lists the API",
    )
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
