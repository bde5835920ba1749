//! What is kept of the person in a row: the cells of our fields, and all others as fields of the person's own.

use std::borrow::Cow;
use std::collections::BTreeMap;

use super::ImportedBy;
use super::columns::{Column, Columns, Field};
use super::lead::ImportedRow;
use crate::Profile;
use crate::sheet::Row;

impl ImportedRow<'_> {
    /// What is kept of the person.
    pub fn profile(&self, columns: &Columns, row: &Row<'_>, by: ImportedBy) -> Profile {
        let some = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
        let of = |field: Field| columns.place(field).map_or("", |place| row.cell(place));
        let (given, family) = match self.name.split_once(' ') {
            Some((given, family)) => (given, family.trim()),
            None => (self.name, ""),
        };
        let mut profile = Profile {
            first_name: some(self.names[0]).or_else(|| some(given)),
            last_name: some(self.names[1]).or_else(|| some(family)),
            email: self.email.clone().map(Cow::into_owned),
            city: some(of(Field::City)),
            source: Some(self.source.clone().map_or_else(|| "import".to_owned(), Cow::into_owned)),
            crm_id: self.crm_id.and_then(some),
            crm_list_id: None,
            imported_by: Some(by),
            tags: Vec::new(),
            custom: BTreeMap::new(),
        };
        let mut keep = |name: &str, value: Option<String>| {
            if let Some(value) = value {
                profile.custom.insert(name.to_owned(), value);
            }
        };
        for (column, cell) in columns.columns.iter().zip(row.cells()) {
            if let Column::Own(name) = column {
                keep(name, some(cell));
            }
        }
        keep("property_type", self.property_type.clone().map(Cow::into_owned));
        keep("location", some(of(Field::Location)));
        keep("budget", self.budget.clone().map(Cow::into_owned));
        let tags: Vec<&str> = tag_cells(columns, row)
            .flat_map(|cell| cell.split([',', ';', '|']))
            .map(str::trim)
            .filter(|tag| !tag.is_empty())
            .collect();
        profile.tags = tags.into_iter().map(str::to_owned).collect();
        profile
    }
}

/// The cells with tags: that of their column, and behind it those without a heading.
pub(super) fn tag_cells<'r>(columns: &Columns, row: &Row<'r>) -> impl Iterator<Item = &'r str> + use<'r> {
    let place = columns.place(Field::Tags);
    let surplus = if columns.ends_in_tags() {
        columns.columns.len()
    } else {
        usize::MAX
    };
    let row = *row;
    let own = place.map(|place| row.cell(place)).into_iter();
    own.chain(row.cells().skip(surplus))
}
