//! Which column holds what, by the headings of a file and what its sender says about them.
//!
//! Headings are compared without case, blanks and signs: `E-Mail`, `e mail` and `E_MAIL` are one. What is told wins, then
//! the field's own name, then the usual other names. A column that is none of them becomes a field of the person's own.

use std::collections::{BTreeMap, HashSet};

use serde::{Deserialize, Serialize};

use super::NAME_MAX;
use crate::numbers::without_numbers;
use crate::sheet::Row;

/// What a column may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "each is the name of its column")]
pub enum Field {
    Name,
    FirstName,
    LastName,
    Phone,
    Email,
    PropertyType,
    Location,
    Budget,
    Source,
    Tags,
    City,
    State,
    Zip,
    Timezone,
    CrmId,
    ConsentKind,
    ConsentAt,
    ConsentSource,
    ConsentProof,
    ConsentExpiresAt,
}

/// A field, its column's name, and other names that people give it, normalised.
const FIELDS: [(Field, &str, &[&str]); 20] = [
    (
        Field::Name,
        "name",
        &["full_name", "lead_name", "customer_name", "contact_name", "client_name"],
    ),
    (
        Field::FirstName,
        "first_name",
        &["firstname", "given_name", "forename", "vorname"],
    ),
    (
        Field::LastName,
        "last_name",
        &["lastname", "surname", "family_name", "nachname"],
    ),
    (
        Field::Phone,
        "phone",
        &[
            "phone_number",
            "phone_no",
            "mobile",
            "mobile_number",
            "mobile_no",
            "cell",
            "cell_phone",
            "telephone",
            "tel",
            "contact_number",
            "contact_no",
            "number",
            "handy",
            "telefon",
            "msisdn",
        ],
    ),
    (
        Field::Email,
        "email",
        &["e_mail", "email_address", "e_mail_address", "mail"],
    ),
    (
        Field::PropertyType,
        "property_type",
        &["property", "propertytype", "unit_type", "bhk"],
    ),
    (Field::Location, "location", &["preferred_location", "locality"]),
    (Field::Budget, "budget", &["budget_inr", "budget_in_inr", "max_budget"]),
    (Field::Source, "source", &["lead_source"]),
    (Field::Tags, "tags", &["tag", "labels"]),
    (Field::City, "city", &["town"]),
    (Field::State, "state", &["us_state", "state_code", "province"]),
    (
        Field::Zip,
        "zip",
        &["zip_code", "zipcode", "postal_code", "postcode", "pincode", "pin_code"],
    ),
    (Field::Timezone, "timezone", &["time_zone", "tz"]),
    (Field::CrmId, "crm_id", &["lead_id", "external_id"]),
    (Field::ConsentKind, "consent_kind", &[]),
    (Field::ConsentAt, "consent_at", &["consent_given_at"]),
    (Field::ConsentSource, "consent_source", &[]),
    (Field::ConsentProof, "consent_proof", &[]),
    (Field::ConsentExpiresAt, "consent_expires_at", &[]),
];

/// Columns that our own fix files begin with; what stands in them is no data of a person.
pub(super) const FIX_COLUMNS: [&str; 2] = ["import_row", "import_error"];
/// What a column is told to be that is left out.
const IGNORED: &str = "ignore";
/// How the name of a person's own field begins where a column is told to be one.
const OWN: &str = "custom.";
/// Headings that are named when one is missing: enough to see what kind of file it is.
const HEADINGS_SHOWN_MAX: usize = 20;

impl Field {
    /// The name of its column.
    pub fn as_str(self) -> &'static str {
        FIELDS[self as usize].1
    }

    /// By the name of its column, or another name that people give it.
    fn named(normalized: &str) -> Option<(Self, bool)> {
        FIELDS.iter().find_map(|(field, name, others)| {
            let is_own = *name == normalized;
            (is_own || others.contains(&normalized)).then_some((*field, is_own))
        })
    }
}

/// What one column holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Column {
    /// One of our fields.
    Field(Field),
    /// A field of the person's own, by its name.
    Own(String),
    /// Nothing that is kept.
    Ignored,
}

/// Why the headings of a file are not those of leads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ColumnFault {
    /// The column.
    pub column: String,
    /// What is wrong, and what to do.
    pub why: String,
}

/// The columns of a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Columns {
    /// What each holds, from the left.
    pub columns: Vec<Column>,
    /// Which fields every row has to fill, as a row's name and place.
    pub(super) required: Vec<Required>,
    /// Where a field stands.
    #[serde(skip)]
    places: [Option<u16>; FIELDS.len()],
}

/// A column that every row has to fill.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Required {
    pub(super) name: String,
    pub(super) place: usize,
}

impl Columns {
    /// Reads the headings. `told` says what headings mean: `Handy` → `phone`, `Notes` → `custom.notes`, `Age` → `ignore`.
    ///
    /// # Errors
    /// Every column that is missing, told twice, or told to be what is no field.
    pub fn read(
        headings: &Row<'_>,
        told: &BTreeMap<String, String>,
        required: &[String],
    ) -> Result<Self, Vec<ColumnFault>> {
        let names: Vec<String> = headings.cells().map(normalized).collect();
        let mut faults = Vec::new();
        let mut columns: Vec<Option<Column>> = vec![None; names.len()];
        let mut taken: HashSet<Field> = HashSet::new();
        for (heading, meaning) in told {
            let Some(at) = names
                .iter()
                .position(|name| !name.is_empty() && *name == normalized(heading))
            else {
                faults.push(fault(
                    heading,
                    format!("no heading is like it; the file has: {}", shown(headings)),
                ));
                continue;
            };
            match read_told(meaning) {
                Some(Column::Field(field)) if !taken.insert(field) => {
                    faults.push(fault(
                        heading,
                        format!("two columns are told to be `{}`; tell one", field.as_str()),
                    ));
                }
                Some(_) if columns[at].is_some() => {
                    faults.push(fault(heading, "it is told twice; tell it once".to_owned()));
                }
                Some(column) => columns[at] = Some(column),
                None => faults.push(fault(
                    heading,
                    format!(
                        "`{}` is no field; use one of {}, or `custom.NAME`, or `ignore`",
                        without_numbers(meaning),
                        FIELDS.map(|(_, name, _)| name).join(", ")
                    ),
                )),
            }
        }
        // A field's own name is taken before its other names, wherever it stands.
        for own_names in [true, false] {
            for (name, column) in names.iter().zip(&mut columns) {
                if let (None, Some((field, is_own))) = (&column, Field::named(name))
                    && is_own == own_names
                    && taken.insert(field)
                {
                    *column = Some(Column::Field(field));
                }
            }
        }
        let mut own_names = HashSet::new();
        let columns: Vec<Column> = columns
            .into_iter()
            .zip(&names)
            .enumerate()
            .map(|(n, (column, name))| column.unwrap_or_else(|| own(n, name, &mut own_names)))
            .collect();
        let mut read = Self {
            columns,
            required: Vec::new(),
            places: [None; FIELDS.len()],
        };
        read.find_places();
        if read.place(Field::Phone).is_none() {
            faults.push(missing("phone", headings));
        }
        if read.place(Field::Name).is_none() && read.place(Field::FirstName).is_none() {
            faults.push(missing("name", headings));
        }
        for name in required {
            match read.place_of(name) {
                Some(place) => read.required.push(Required {
                    name: name.clone(),
                    place,
                }),
                // Told above.
                None if ["phone", "name"].contains(&name.as_str()) => {}
                None => faults.push(missing(name, headings)),
            }
        }
        if faults.is_empty() { Ok(read) } else { Err(faults) }
    }

    /// Once more, of columns that were stored.
    pub fn find_places(&mut self) {
        self.places = [None; FIELDS.len()];
        for (n, column) in self.columns.iter().enumerate() {
            if let Column::Field(field) = column {
                self.places[*field as usize] = u16::try_from(n).ok();
            }
        }
    }

    /// Where a field stands.
    pub(super) fn place(&self, field: Field) -> Option<usize> {
        self.places[field as usize].map(usize::from)
    }

    fn place_of(&self, name: &str) -> Option<usize> {
        match Field::named(name) {
            Some((field, _)) => self.place(field),
            None => self
                .columns
                .iter()
                .position(|column| matches!(column, Column::Own(own) if own == name)),
        }
    }

    /// Whether cells behind the last heading are tags.
    pub(super) fn ends_in_tags(&self) -> bool {
        self.columns.last() == Some(&Column::Field(Field::Tags))
    }
}

fn read_told(meaning: &str) -> Option<Column> {
    if let Some(own) = meaning.trim().strip_prefix(OWN) {
        let name = normalized(own);
        return (!name.is_empty() && name.chars().count() <= NAME_MAX).then_some(Column::Own(name));
    }
    let name = normalized(meaning);
    if name == IGNORED {
        return Some(Column::Ignored);
    }
    Field::named(&name).map(|(field, _)| Column::Field(field))
}

/// A column that is none of our fields.
fn own(n: usize, name: &str, taken: &mut HashSet<String>) -> Column {
    if FIX_COLUMNS.contains(&name) {
        return Column::Ignored;
    }
    let mut name: String = name.chars().take(NAME_MAX).collect();
    if name.is_empty() || !taken.insert(name.clone()) {
        // Two of one name must not overwrite each other.
        let tail = format!("column_{}", n + 1);
        name = if name.is_empty() {
            tail
        } else {
            format!("{}_{tail}", name.chars().take(NAME_MAX / 2).collect::<String>())
        };
        taken.insert(name.clone());
    }
    Column::Own(name)
}

fn fault(column: &str, why: String) -> ColumnFault {
    ColumnFault {
        column: without_numbers(&column.chars().take(NAME_MAX).collect::<String>()),
        why,
    }
}

fn missing(name: &str, headings: &Row<'_>) -> ColumnFault {
    fault(
        name,
        format!(
            "no column is it; name one so, or tell which is it, as in `Heading={name}`; the file has: {}",
            shown(headings)
        ),
    )
}

/// The headings for a message. Where one has many digits or is an address, the row may be a person's, and nothing is shown.
fn shown(headings: &Row<'_>) -> String {
    let is_data = |cell: &str| cell.contains('@') || cell.bytes().filter(u8::is_ascii_digit).count() > 3;
    if headings.cells().any(is_data) {
        return "no headings, as it seems, but a person in its first row".to_owned();
    }
    let shown = headings.cells().take(HEADINGS_SHOWN_MAX);
    let shown: Vec<String> = shown.map(|cell| cell.chars().take(NAME_MAX).collect()).collect();
    shown.join(", ")
}

/// A heading as it is compared.
pub(super) fn normalized(heading: &str) -> String {
    let mut name = String::with_capacity(heading.len());
    for sign in heading.chars() {
        if sign.is_alphanumeric() {
            name.extend(sign.to_lowercase());
        } else if !name.is_empty() && !name.ends_with('_') {
            name.push('_');
        }
    }
    name.truncate(name.trim_end_matches('_').len());
    name
}
