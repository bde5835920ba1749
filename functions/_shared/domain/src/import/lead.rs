//! A row as a lead, or everything that is wrong with it.
//!
//! Checks and normalises, and copies nothing that stands in the file as it is needed: millions of rows a minute go through
//! here, and most of their cells are well. What is written of it is made in `person.rs`.

use std::borrow::Cow;

use chrono::{DateTime, Utc};
use chrono_tz::Tz;

use super::ImportRules;
use super::budget::budget;
use super::cells::{email, lower, phone, sheet_error, time, upper};
use super::columns::{Column, Columns, Field};
use super::person::tag_cells;
use crate::law::{says_nothing, us_state};
use crate::numbers::without_numbers;
use crate::sheet::{Fault, ROW_BYTES_MAX, Row};
use crate::{Consent, ConsentKind, Phone, Region};

/// Longest cell, and most fields of a person's own, as `POST /api/leads` takes them.
const CELL_MAX: usize = 500;
const OWN_MAX: usize = 60;
/// Postal codes with their extension have up to 12 characters, names of countries up to 42, ids of CRMs as many as keys take.
const ZIP_MAX: usize = 16;
const STATE_MAX: usize = 64;
const CRM_ID_MAX: usize = 64;
/// No word that stands for an empty cell is longer, and looking for one in every long cell would cost as much as the rest.
const NOTHING_BYTES_MAX: usize = 16;

/// What is wrong with a cell, or with its row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CellFault {
    /// The column by the name of its field; `row` for the row itself.
    pub field: Cow<'static, str>,
    /// What is wrong, and what to do. Holds no phone number.
    pub why: String,
}

impl CellFault {
    /// Both in one text.
    pub fn told(&self) -> String {
        format!("{}: {}", self.field, self.why)
    }
}

/// What was taken from a phone number that a spreadsheet had added.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Repair {
    /// A sign that says "this is text".
    Apostrophe,
    /// A `.0` of a number that is none.
    Decimal,
}

impl Repair {
    /// The word in counts.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Apostrophe => "repaired_apostrophe",
            Self::Decimal => "repaired_decimal",
        }
    }
}

/// Checks rows.
#[derive(Debug, Clone)]
pub struct Checker {
    columns: Columns,
    sources: Vec<String>,
    region: Region,
    now: DateTime<Utc>,
}

/// A row that is a lead.
#[derive(Debug, Clone, PartialEq)]
pub struct ImportedRow<'r> {
    /// The phone to call.
    pub phone: Phone,
    /// What was mended in it.
    pub repair: Option<Repair>,
    /// The whole name, where the file has it in one cell.
    pub name: &'r str,
    /// Given and family name, where it has them in two.
    pub names: [&'r str; 2],
    /// Address for mail.
    pub email: Option<Cow<'r, str>>,
    /// Kind of property.
    pub property_type: Option<Cow<'r, str>>,
    /// More than nothing.
    pub budget: Option<Cow<'r, str>>,
    /// One of those that the campaign takes.
    pub source: Option<Cow<'r, str>>,
    /// A state of the US by its code, or whatever was told in its place.
    pub state_code: Option<Cow<'r, str>>,
    /// ZIP or postal code.
    pub postal_code: Option<&'r str>,
    /// The person's zone.
    pub zone: Option<Tz>,
    /// The id in the CRM.
    pub crm_id: Option<&'r str>,
    /// What the person agreed to, and the words for the lead's history.
    pub consent: Option<(Consent, String)>,
}

impl Checker {
    /// Over a file's columns.
    pub fn new(mut columns: Columns, rules: &ImportRules, region: Region, now: DateTime<Utc>) -> Self {
        columns.find_places();
        Self {
            columns,
            sources: rules.sources.clone(),
            region,
            now,
        }
    }

    /// The file's columns.
    pub const fn columns(&self) -> &Columns {
        &self.columns
    }

    /// Checks a row. `None`: it is no lead, and the faults say why, all of them.
    pub fn check<'r>(&self, row: &Row<'r>, faults: &mut Vec<CellFault>) -> Option<ImportedRow<'r>> {
        faults.clear();
        if let Some(fault) = row.fault {
            faults.push(of_row(fault));
            return None;
        }
        let mut look = Look {
            checker: self,
            row,
            faults,
        };
        look.shape();
        let (name, names) = look.name();
        let phone = look.phone();
        let imported = ImportedRow {
            name,
            names,
            email: look.email(),
            property_type: Some(look.text(Field::PropertyType))
                .filter(|text| !text.is_empty())
                .map(upper),
            budget: look.budget(),
            source: look.source(),
            state_code: look.state(),
            postal_code: look.short(Field::Zip, ZIP_MAX),
            zone: look.zone(),
            crm_id: look.short(Field::CrmId, CRM_ID_MAX),
            consent: look.consent(),
            repair: phone.as_ref().and_then(|(_, repair)| *repair),
            phone: match phone {
                Some((phone, _)) => phone,
                None => {
                    look.others();
                    return None;
                }
            },
        };
        look.others();
        faults.is_empty().then_some(imported)
    }

    /// The cell of the phone as it stands there, for whoever has to find it again.
    pub fn raw_phone<'r>(&self, row: &Row<'r>) -> &'r str {
        self.columns.place(Field::Phone).map_or("", |place| row.cell(place))
    }
}

fn of_row(fault: Fault) -> CellFault {
    CellFault {
        field: "row".into(),
        why: match fault {
            Fault::Quote => "a quote begins a cell and none ends it; delete it, or add the other one".to_owned(),
            Fault::TooLong => format!("it has more than {ROW_BYTES_MAX} bytes; is the file a list of leads?"),
        },
    }
}

/// One row as it is checked.
struct Look<'a, 'r> {
    checker: &'a Checker,
    row: &'a Row<'r>,
    faults: &'a mut Vec<CellFault>,
}

impl<'r> Look<'_, 'r> {
    fn fault(&mut self, field: impl Into<Cow<'static, str>>, why: impl Into<String>) {
        self.faults.push(CellFault {
            field: field.into(),
            why: why.into(),
        });
    }

    fn raw(&self, field: Field) -> &'r str {
        match self.checker.columns.place(field) {
            Some(place) => self.row.cell(place),
            None => "",
        }
    }

    /// More cells than headings are tags, or a sign between cells that belongs into one.
    fn shape(&mut self) {
        let columns = &self.checker.columns;
        if self.row.len() > columns.columns.len()
            && !columns.ends_in_tags()
            && self
                .row
                .cells()
                .skip(columns.columns.len())
                .any(|cell| !cell.is_empty())
        {
            self.fault(
                "row",
                "it has more cells than there are headings; put quotes around cells that hold a separator",
            );
        }
    }

    /// A cell that may be a line of text.
    fn text(&mut self, field: Field) -> &'r str {
        let cell = self.raw(field);
        if cell.is_empty() {
            return cell;
        }
        if let Some(error) = sheet_error(cell) {
            self.fault(
                field.as_str(),
                format!("a spreadsheet's error `{error}` stands there; mend its formula"),
            );
            return "";
        }
        if cell.len() > CELL_MAX && cell.chars().count() > CELL_MAX {
            self.fault(
                field.as_str(),
                format!("it is longer than {CELL_MAX} characters; shorten it"),
            );
            return "";
        }
        if memchr::memchr(b'\n', cell.as_bytes()).is_some() {
            self.fault(
                field.as_str(),
                "it runs over several lines; is a quote missing or too many?",
            );
            return "";
        }
        cell
    }

    /// A cell that may say in words that it is empty.
    fn optional(&mut self, field: Field) -> Option<&'r str> {
        let text = self.text(field);
        let is_nothing = text.is_empty() || (text.len() <= NOTHING_BYTES_MAX && says_nothing(text));
        (!is_nothing).then_some(text)
    }

    fn short(&mut self, field: Field, max: usize) -> Option<&'r str> {
        let text = self.optional(field)?;
        if text.chars().count() > max {
            self.fault(
                field.as_str(),
                format!("it is longer than {max} characters; shorten it"),
            );
            return None;
        }
        Some(text)
    }

    fn phone(&mut self) -> Option<(Phone, Option<Repair>)> {
        let before = self.faults.len();
        let cell = self.text(Field::Phone);
        if self.faults.len() > before {
            return None;
        }
        match phone(cell, self.checker.region) {
            Ok(phone) => Some(phone),
            Err(why) => {
                self.fault("phone", why);
                None
            }
        }
    }

    fn name(&mut self) -> (&'r str, [&'r str; 2]) {
        let before = self.faults.len();
        let name = self.text(Field::Name);
        let names = [self.text(Field::FirstName), self.text(Field::LastName)];
        if name.is_empty() && names == [""; 2] && self.faults.len() == before {
            self.fault("name", "it is empty; every lead needs a name");
        }
        (name, names)
    }

    fn email(&mut self) -> Option<Cow<'r, str>> {
        let cell = self.optional(Field::Email)?;
        let read = email(cell);
        if read.is_none() {
            self.fault("email", "it is no e-mail address; correct it, or leave it empty");
        }
        read
    }

    fn budget(&mut self) -> Option<Cow<'r, str>> {
        let cell = self.optional(Field::Budget)?;
        budget(cell).map_err(|why| self.fault("budget", why)).ok()
    }

    fn source(&mut self) -> Option<Cow<'r, str>> {
        let source = lower(self.optional(Field::Source)?);
        let sources = &self.checker.sources;
        if !sources.is_empty() && !sources.iter().any(|known| *known == *source) {
            let why = format!(
                "`{}` is none of {}; correct it, or leave it empty",
                without_numbers(&source),
                sources.join(", ")
            );
            self.fault("source", why);
            return None;
        }
        Some(source)
    }

    fn state(&mut self) -> Option<Cow<'r, str>> {
        let text = self.short(Field::State, STATE_MAX)?;
        Some(match us_state(text) {
            Some(state) => Cow::Owned(state.state().to_owned()),
            None => Cow::Borrowed(text),
        })
    }

    fn zone(&mut self) -> Option<Tz> {
        let read = self.optional(Field::Timezone)?.parse().ok();
        if read.is_none() {
            self.fault(
                "timezone",
                "it is no time zone; write it as in `America/New_York`, or leave it empty",
            );
        }
        read
    }

    fn time(&mut self, field: Field) -> Option<DateTime<Utc>> {
        let read = time(self.optional(field)?);
        if read.is_none() {
            self.fault(
                field.as_str(),
                "it is no time; write it as in 2026-11-23 or 2026-11-23T12:00:00Z",
            );
        }
        read
    }

    fn consent(&mut self) -> Option<(Consent, String)> {
        let place = self.checker.columns.place(Field::ConsentKind);
        let kind = match place.and_then(|_| self.optional(Field::ConsentKind)) {
            Some(kind) => kind,
            None => {
                // Something that was agreed to without saying how is nothing.
                let told = [
                    Field::ConsentAt,
                    Field::ConsentSource,
                    Field::ConsentProof,
                    Field::ConsentExpiresAt,
                ];
                if told.into_iter().any(|field| !self.raw(field).is_empty()) {
                    self.fault(
                        "consent_kind",
                        "it is empty though other cells tell of a consent; write `written` or `oral`",
                    );
                }
                return None;
            }
        };
        let before = self.faults.len();
        let kind = match &*lower(kind) {
            "written" => ConsentKind::Written,
            "oral" => ConsentKind::Oral,
            _ => {
                self.fault("consent_kind", "it is neither `written` nor `oral`");
                ConsentKind::Oral
            }
        };
        let given_at = self.time(Field::ConsentAt);
        let expires_at = self.time(Field::ConsentExpiresAt);
        let (source, proof) = (self.text(Field::ConsentSource), self.text(Field::ConsentProof));
        let unread = self.faults[before..].iter().any(|fault| fault.field == "consent_at");
        match given_at {
            None if !unread => self.fault("consent_at", "it is empty; write when the person agreed"),
            Some(at) if at > self.checker.now => self.fault("consent_at", "it has not come yet"),
            _ => {}
        }
        if given_at.zip(expires_at).is_some_and(|(given, ends)| ends <= given) {
            self.fault("consent_expires_at", "it is before the consent was given");
        }
        if source.is_empty()
            && !self.faults[before..]
                .iter()
                .any(|fault| fault.field == "consent_source")
        {
            self.fault(
                "consent_source",
                "it is empty; write where the person agreed: a form, a page, a recording",
            );
        }
        if self.faults.len() > before {
            return None;
        }
        let given_at = given_at?;
        let consent = Consent {
            kind,
            given_at,
            expires_at,
            revoked_at: None,
        };
        let proof = if proof.is_empty() {
            String::new()
        } else {
            format!("; proof: {proof}")
        };
        Some((
            consent,
            format!("{}, given {}, by {source}{proof}", kind.as_str(), crate::iso(given_at)),
        ))
    }

    /// Cells that are only looked at: required ones that are empty, texts, tags, fields of the person's own.
    fn others(&mut self) {
        for field in [Field::Location, Field::City] {
            self.text(field);
        }
        let columns = &self.checker.columns;
        for required in &columns.required {
            let is_told = |fault: &CellFault| fault.field == required.name;
            if self.row.cell(required.place).is_empty() && !self.faults.iter().any(is_told) {
                self.fault(required.name.clone(), "it is empty; this campaign requires it");
            }
        }
        let mut own = 0;
        for (column, cell) in columns.columns.iter().zip(self.row.cells()) {
            let Column::Own(name) = column else { continue };
            if cell.is_empty() {
                continue;
            }
            own += 1;
            if cell.len() > CELL_MAX && cell.chars().count() > CELL_MAX {
                self.fault(
                    name.clone(),
                    format!("it is longer than {CELL_MAX} characters; shorten it, or import the file without it"),
                );
            }
        }
        if own > OWN_MAX {
            self.fault(
                "row",
                format!("it has more than {OWN_MAX} columns of its own; leave some out with `Heading=ignore`"),
            );
        }
        let tags: usize = self.tag_cells().map(str::len).sum();
        if tags > CELL_MAX {
            self.fault(
                "tags",
                format!("they have more than {CELL_MAX} characters; shorten them"),
            );
        }
    }

    fn tag_cells(&self) -> impl Iterator<Item = &'r str> + use<'r> {
        tag_cells(&self.checker.columns, self.row)
    }
}
