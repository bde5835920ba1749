//! Shapes of what bodies hold and other packages define, for the API's own description. They say what people need to
//! know; what is refused in the end is the matter of whoever reads the field.

use redial_domain::{Region, Role};
use schemars::{Schema, SchemaGenerator, json_schema};

/// Where a number without a country code is from.
pub(crate) fn region(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "string", "enum": [Region::US, Region::IN, Region::IL, Region::GB]})
}

/// The role of a key.
pub(crate) fn role(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "string", "enum": Role::ALL.map(Role::as_str)})
}

/// How somebody agreed.
pub(crate) fn consent_kind(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "string", "enum": ["written", "oral"]})
}

/// What to do with the leads that wait.
pub(crate) fn waiting(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "string", "enum": ["keep", "replan"], "description": "of the leads that wait"})
}

/// The files of a rule set by their names, or none.
pub(crate) fn files_or_none(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": ["object", "null"], "additionalProperties": {"type": "string"}, "description": "file names and contents"})
}

/// A record of the law book.
pub(crate) fn record(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "object", "description": "as in law.toml; `GET /api/law` shows the book"})
}

/// What the agent is told.
pub(crate) fn voice(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": ["object", "null"],
        "properties": {
            "provider": {"type": "string"},
            "from": {"type": ["string", "null"], "description": "the number shown, E.164"},
            "pathway_id": {"type": ["string", "null"]},
            "task": {"type": ["string", "null"]},
            "voice": {"type": ["string", "null"]},
            "max_duration_min": {"type": "integer", "minimum": 1, "maximum": 120},
        },
    })
}

/// Days on which nobody is called.
pub(crate) fn dates(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": ["array", "null"], "items": {"type": "string", "format": "date"}})
}

/// An hour of the day.
pub(crate) fn hour(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": ["integer", "string", "null"],
        "minimum": 0,
        "maximum": 24,
        "description": "a whole hour, or a text such as 09:30",
    })
}

/// A version of a rule set, or one of its words.
pub(crate) fn version(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": ["integer", "string", "null"], "description": "a number, `active`, or `draft`"})
}
