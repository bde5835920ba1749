//! What a campaign says to each of its leads: a template with `{column}` in it, filled from what is known about the
//! person, and what the agent is to find out (C6).
//!
//! A template is checked when it is saved: every column must be one that all leads may have, or one that the campaign
//! names in its own columns. `{name|there}` says `there` to whoever has no name; without such words an empty column leaves
//! nothing, nor the space before it. `{{` and `}}` are braces. It refuses to know providers, and never fails on a lead.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::{Profile, nearest, without_numbers};

/// Longest template, in characters: some 2,000 tokens of a prompt, and a thousand campaigns are still read in a minute.
pub const SCRIPT_MAX: usize = 8_000;
/// Longest criteria, in characters.
pub const CRITERIA_MAX: usize = 2_000;
/// Most columns of its own that a campaign names.
pub const COLUMNS_MAX: usize = 50;
/// Longest name of a column, in characters.
pub const COLUMN_NAME_MAX: usize = 64;
/// Of a value only so many characters are said: a name or a place is shorter, and nobody listens to more.
const VALUE_MAX: usize = 200;

/// Columns that every lead may have.
pub const KNOWN_COLUMNS: [&str; 9] = [
    "name",
    "first_name",
    "last_name",
    "email",
    "city",
    "property_type",
    "location",
    "budget",
    "source",
];

/// What is said, and what is to be found out.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct CallScript {
    /// The words, with columns in braces.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub template: Option<String>,
    /// What makes a lead a qualified one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub criteria: Option<String>,
    /// Columns beside [`KNOWN_COLUMNS`] that the campaign's leads bring.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub columns: BTreeSet<String>,
}

/// A template as one lead hears it.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Filled {
    /// The words.
    pub text: String,
    /// Columns that the lead has no value for, in their order.
    pub missing: Vec<String>,
}

/// What is wrong with a script.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CallScriptError {
    /// Longer than it may be, or nothing.
    #[error("give it 1 to {max} characters, or null for none")]
    Length {
        /// Of which field.
        field: &'static str,
        /// Characters.
        max: usize,
    },
    /// A brace without its other one.
    #[error("character {at}: {what}; write `{{{{` and `}}}}` for braces that are said")]
    Brace {
        /// From 1.
        at: usize,
        /// What is wrong there.
        what: &'static str,
    },
    /// A column that no lead has.
    #[error("there is no column `{name}`{}; name columns of your own in `script_columns`, the others are {}", near.as_ref().map_or_else(String::new, |near| format!(", did you mean `{near}`?")), KNOWN_COLUMNS.join(", "))]
    Unknown {
        /// As it was given.
        name: String,
        /// What was probably meant.
        near: Option<String>,
    },
    /// The campaign's own columns are not names.
    #[error("give at most {COLUMNS_MAX} names of 1 to {COLUMN_NAME_MAX} characters, without braces and bars")]
    Columns,
}

impl CallScriptError {
    /// The field that it is about, as the API names it.
    pub const fn field(&self) -> &'static str {
        match self {
            Self::Length { field, .. } => field,
            Self::Columns => "script_columns",
            Self::Brace { .. } | Self::Unknown { .. } => "script_template",
        }
    }
}

/// A piece of a template.
enum Piece<'a> {
    Words(&'a str),
    Column { name: &'a str, otherwise: Option<&'a str> },
}

impl CallScript {
    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Whether it can be said to every lead of the campaign.
    ///
    /// # Errors
    /// The first thing that is wrong, and the field.
    pub fn check(&self) -> Result<(), CallScriptError> {
        for (field, text, max) in [
            ("script_template", &self.template, SCRIPT_MAX),
            ("qualification_criteria", &self.criteria, CRITERIA_MAX),
        ] {
            let fits = |text: &String| !text.trim().is_empty() && text.chars().count() <= max;
            if text.as_ref().is_some_and(|text| !fits(text)) {
                return Err(CallScriptError::Length { field, max });
            }
        }
        let is_name = |name: &String| {
            let length = name.chars().count();
            (1..=COLUMN_NAME_MAX).contains(&length) && name.trim() == name && !name.contains(['{', '}', '|'])
        };
        if self.columns.len() > COLUMNS_MAX || !self.columns.iter().all(is_name) {
            return Err(CallScriptError::Columns);
        }
        for piece in pieces(self.template.as_deref().unwrap_or_default())? {
            if let Piece::Column { name, .. } = piece {
                self.known(name)?;
            }
        }
        Ok(())
    }

    fn known(&self, name: &str) -> Result<(), CallScriptError> {
        if KNOWN_COLUMNS.contains(&name) || self.columns.contains(name) {
            return Ok(());
        }
        let all: Vec<&str> = KNOWN_COLUMNS
            .into_iter()
            .chain(self.columns.iter().map(String::as_str))
            .collect();
        Err(CallScriptError::Unknown {
            name: without_numbers(&name.chars().take(COLUMN_NAME_MAX).collect::<String>()),
            near: nearest(name, &all).map(str::to_owned),
        })
    }

    /// The template as one lead hears it; nothing without a template.
    pub fn fill(&self, person: &Profile) -> Option<Filled> {
        let template = self.template.as_deref()?;
        // It was checked when it was saved; should an older build have let something through, it is said as it stands.
        let Ok(pieces) = pieces(template) else {
            return Some(Filled {
                text: template.to_owned(),
                missing: Vec::new(),
            });
        };
        let mut filled = Filled::default();
        for piece in pieces {
            match piece {
                Piece::Words(words) => filled.text.push_str(words),
                Piece::Column { name, otherwise } => match value(person, name) {
                    Some(value) => filled.text.push_str(&value),
                    None => {
                        match otherwise {
                            Some(words) => filled.text.push_str(words),
                            None => filled.text.truncate(filled.text.trim_end_matches(' ').len()),
                        }
                        if !filled.missing.iter().any(|known| known == name) {
                            filled.missing.push(name.to_owned());
                        }
                    }
                },
            }
        }
        Some(filled)
    }
}

/// What is known about a person under the name of a column, fit to be said: one line, not too long, without braces, which
/// providers have a use of their own for.
fn value(person: &Profile, column: &str) -> Option<String> {
    let own = match column {
        "name" => {
            let names: Vec<&str> = [&person.first_name, &person.last_name]
                .into_iter()
                .filter_map(|name| name.as_deref())
                .map(str::trim)
                .filter(|name| !name.is_empty())
                .collect();
            (!names.is_empty()).then(|| names.join(" "))
        }
        "first_name" => person.first_name.clone(),
        "last_name" => person.last_name.clone(),
        "email" => person.email.clone(),
        "city" => person.city.clone(),
        "source" => person.source.clone(),
        _ => None,
    };
    let raw = own.or_else(|| person.custom.get(column).cloned())?;
    let said: String = raw
        .chars()
        .filter(|c| !matches!(c, '{' | '}'))
        .map(|c| if c.is_control() { ' ' } else { c })
        .take(VALUE_MAX)
        .collect();
    let said = said.trim();
    (!said.is_empty()).then(|| said.to_owned())
}

/// Reads a template.
fn pieces(template: &str) -> Result<Vec<Piece<'_>>, CallScriptError> {
    let mut pieces = Vec::new();
    let mut rest = template;
    while let Some(next) = rest.find(['{', '}']) {
        let (words, from) = rest.split_at(next);
        if !words.is_empty() {
            pieces.push(Piece::Words(words));
        }
        let at = template.len() - from.len();
        let wrong = |what| CallScriptError::Brace {
            at: template.get(..at).map_or(0, |before| before.chars().count()) + 1,
            what,
        };
        if from.starts_with("{{") || from.starts_with("}}") {
            pieces.push(Piece::Words(&from[..1]));
            rest = &from[2..];
            continue;
        }
        if from.starts_with('}') {
            return Err(wrong("a `}` without its `{`"));
        }
        let inside = &from[1..];
        let end = inside.find(['{', '}']).filter(|end| inside[*end..].starts_with('}'));
        let Some(end) = end else {
            return Err(wrong("a `{` without its `}`"));
        };
        let (name, otherwise) = match inside[..end].split_once('|') {
            Some((name, otherwise)) => (name.trim(), Some(otherwise)),
            None => (inside[..end].trim(), None),
        };
        if name.is_empty() {
            return Err(wrong("braces without the name of a column"));
        }
        pieces.push(Piece::Column { name, otherwise });
        rest = &inside[end + 1..];
    }
    if !rest.is_empty() {
        pieces.push(Piece::Words(rest));
    }
    Ok(pieces)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn script(template: &str) -> CallScript {
        CallScript {
            template: Some(template.to_owned()),
            criteria: None,
            columns: BTreeSet::from(["plan".to_owned(), "Policy Type".to_owned()]),
        }
    }

    fn person() -> Profile {
        Profile {
            first_name: Some("Dana".into()),
            last_name: Some(" Reyes ".into()),
            custom: [
                ("location", "Gurgaon"),
                ("plan", "gold {{name}}\nplus"),
                ("Policy Type", "life"),
            ]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into(),
            ..Profile::default()
        }
    }

    #[test]
    fn a_template_as_a_lead_hears_it() {
        let table = [
            (
                "Hello {name}, we have 2BHK in {location}...",
                "Hello Dana Reyes, we have 2BHK in Gurgaon...",
                "",
            ),
            (
                "Hello {first_name|there}, about {budget|your budget}.",
                "Hello Dana, about your budget.",
                "budget",
            ),
            ("Hello {email}, good day {email}!", "Hello, good day!", "email"),
            ("Say {{name}} for { last_name }", "Say {name} for Reyes", ""),
            ("{Policy Type} of {plan}", "life of gold name plus", ""),
            ("{city|}{source|}", "", "city source"),
            ("नमस्ते {name}, שלום", "नमस्ते Dana Reyes, שלום", ""),
            ("no columns", "no columns", ""),
        ];
        for (template, said, missing) in table {
            let script = script(template);
            script.check().unwrap();
            let filled = script.fill(&person()).unwrap();
            assert_eq!(
                (filled.text.as_str(), filled.missing.join(" ").as_str()),
                (said, missing),
                "{template}"
            );
        }
        assert!(CallScript::default().fill(&person()).is_none());
    }

    #[test]
    fn a_template_that_cannot_be_said_is_refused_where_it_is_wrong() {
        let table = [
            ("Hello {nmae}", "no column `nmae`, did you mean `name`?"),
            ("Hello {proprety_type|home}", "did you mean `property_type`?"),
            ("Hello {policy type}", "did you mean `Policy Type`?"),
            (
                "Hello {shoe_size}",
                "no column `shoe_size`; name columns of your own in `script_columns`",
            ),
            ("Hello {name", "character 7: a `{` without its `}`"),
            ("Hello {na{me}", "character 7: a `{` without its `}`"),
            ("Hello name}", "character 11: a `}` without its `{`"),
            ("हे {}", "character 4: braces without the name"),
            ("{ | x }", "character 1: braces without the name"),
            ("  ", "give it 1 to 8000 characters"),
        ];
        for (template, why) in table {
            let error = script(template).check().unwrap_err();
            assert!(error.to_string().contains(why), "{template}: {error}");
            assert_eq!(error.field(), "script_template");
        }
        let long = CallScript {
            criteria: Some("x".repeat(CRITERIA_MAX + 1)),
            ..CallScript::default()
        };
        assert_eq!(long.check().unwrap_err().field(), "qualification_criteria");
        for column in ["", " x", "a|b", "{a}"] {
            let script = CallScript {
                columns: BTreeSet::from([column.to_owned()]),
                ..CallScript::default()
            };
            assert_eq!(script.check().unwrap_err().field(), "script_columns", "{column:?}");
        }
    }
}
