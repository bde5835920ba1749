//! Files of leads as people send them: what is imported, and what is said about the rest.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};

use super::*;
use crate::Region;
use crate::sheet::{Dialect, Next, Reader};

const SEED: &str = "name,phone,email,property_type,location,budget,source,tags\n\
    Rajesh Kumar,9876543210,rajesh.kumar@example.com,2BHK,Gurgaon,5000000,website,first-time-buyer,urgent\n\
    Priya Sharma,9123456789,priya.sharma@example.com,3BHK,Noida,7500000,referral,investor\n\
    Amit Patel,9988776655,,4BHK,Bangalore,12000000,advertisement,\n";

fn now() -> DateTime<Utc> {
    "2026-11-23T12:00:00Z".parse().unwrap()
}

fn told(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs
        .iter()
        .map(|(heading, field)| ((*heading).to_owned(), (*field).to_owned()))
        .collect()
}

fn rules(required: &[&str]) -> ImportRules {
    ImportRules {
        required: required.iter().map(|name| (*name).to_owned()).collect(),
        ..ImportRules::default()
    }
}

fn reader(text: &str) -> Reader {
    let mut reader = Reader::new(Dialect::of(text.as_bytes()));
    reader.push(text.as_bytes());
    reader.end();
    reader
}

/// Good rows as phone and profile, and the faults of the others, each as `row field: why`.
fn import(text: &str, map: &[(&str, &str)], rules: &ImportRules) -> (Vec<(String, crate::Profile)>, Vec<String>) {
    let mut reader = reader(text);
    let Next::Row(headings) = reader.next() else {
        panic!("no headings")
    };
    let columns = Columns::read(&headings, &told(map), &rules.required).unwrap();
    let checker = Checker::new(columns, rules, Region::IN, now());
    reader.expect_columns(checker.columns().columns.len());
    let (mut good, mut bad, mut faults) = (Vec::new(), Vec::new(), Vec::new());
    while let Next::Row(row) = reader.next() {
        if row.is_blank() {
            continue;
        }
        match checker.check(&row, &mut faults) {
            Some(lead) => {
                let by = ImportedBy {
                    import: "i".to_owned(),
                    row: row.place.row,
                };
                good.push((
                    lead.phone.as_str().to_owned(),
                    lead.profile(checker.columns(), &row, by),
                ));
            }
            None => bad.extend(faults.iter().map(|fault| format!("{} {}", row.place.row, fault.told()))),
        }
    }
    (good, bad)
}

#[test]
fn the_sample_of_the_campaign_tool_before_this_one_is_three_leads() {
    let (good, bad) = import(SEED, &[], &rules(&["property_type", "location"]));
    assert_eq!(bad, [""; 0]);
    let phones: Vec<&str> = good.iter().map(|(phone, _)| phone.as_str()).collect();
    assert_eq!(phones, ["+919876543210", "+919123456789", "+919988776655"]);
    let profile = &good[0].1;
    assert_eq!(
        (profile.first_name.as_deref(), profile.last_name.as_deref()),
        (Some("Rajesh"), Some("Kumar"))
    );
    assert_eq!(profile.source.as_deref(), Some("website"));
    let own: Vec<(&str, &str)> = profile
        .custom
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect();
    assert_eq!(
        own,
        [
            ("budget", "5000000"),
            ("location", "Gurgaon"),
            ("property_type", "2BHK"),
        ]
    );
    assert_eq!(good[0].1.tags, ["first-time-buyer", "urgent"]);
    assert_eq!(
        good[2].1.imported_by,
        Some(ImportedBy {
            import: "i".to_owned(),
            row: 4
        })
    );
}

#[test]
fn every_fault_of_every_row_is_told_with_its_field_and_holds_no_number() {
    let text = "Name;Phone;E-Mail;Property Type;Location;Budget;Source;State;ZIP;Timezone\n\
        ;12345;nobody;;Delhi;-5;rumour;;;\n\
        A;9.19877E+11;;2bhk;;;;;;\n\
        B;#N/A;a@b.co;2bhk;Delhi;5E+06;;;12345678901234567890;Mars\n\
        \n\
        C;9876543210;n/a;2bhk;Delhi;;Website;tx;75001;America/Chicago\n\
        \"D;9876543211;;2bhk;Delhi;;;;;\n\
        E;9876543212;;2bhk;Delhi;;;;;;and more\n\
        F;98765 43213 98765;;2bhk;Delhi;;;;;\n";
    let (good, bad) = import(text, &[], &rules(&["property_type", "location"]));
    let told = [
        "2 name: it is empty",
        "2 phone: failed to read the phone number: 5 digits do not make a number in IN",
        "2 email: it is no e-mail address",
        "2 budget: it must be more than 0",
        "2 source: `rumour` is none of website, referral, advertisement, partner",
        "2 property_type: it is empty; this campaign requires it",
        "3 phone: failed to read the phone number: a spreadsheet has rounded it",
        "3 location: it is empty",
        "4 phone: a spreadsheet's error `#N/A` stands there",
        "4 budget: a spreadsheet has rounded it",
        "4 zip: it is longer than 16 characters",
        "4 timezone: it is no time zone",
        "7 row: a quote begins a cell and none ends it",
        "8 row: it has more cells than there are headings",
        "9 phone: failed to read the phone number: 15 digits",
    ];
    for (bad, told) in bad.iter().zip(told) {
        assert!(bad.starts_with(told), "{bad} | {told}");
    }
    assert_eq!(bad.len(), told.len(), "{bad:#?}");
    assert!(bad.iter().all(|bad| !crate::may_hold_number(bad)), "{bad:#?}");
    assert_eq!(good.len(), 1);
    assert_eq!(
        (good[0].1.email.as_deref(), good[0].1.source.as_deref()),
        (None, Some("website"))
    );
}

#[test]
fn a_row_without_phone_and_name_tells_both() {
    let (_, bad) = import("name,phone\n,x\n", &[], &rules(&[]));
    assert_eq!(bad.len(), 2, "{bad:?}");
}

#[test]
fn headings_are_found_by_name_by_other_names_and_as_told() {
    let columns = |text: &str, map: &[(&str, &str)], required: &[&str]| {
        let mut reader = reader(text);
        let Next::Row(headings) = reader.next() else {
            panic!("no headings")
        };
        let required: Vec<String> = required.iter().map(|name| (*name).to_owned()).collect();
        Columns::read(&headings, &told(map), &required).map(|read| read.columns)
    };
    let own = |name: &str| Column::Own(name.to_owned());
    for (text, map, expected) in [
        (
            "NAME , E-Mail,Mobile No.",
            &[][..],
            vec![
                Column::Field(Field::Name),
                Column::Field(Field::Email),
                Column::Field(Field::Phone),
            ],
        ),
        // The field's own name comes before its other names; what is left stays the person's own.
        (
            "mobile,phone,name",
            &[],
            vec![own("mobile"), Column::Field(Field::Phone), Column::Field(Field::Name)],
        ),
        (
            "Kunde,Handy,Notiz,Alter,Age",
            &[
                ("kunde", "name"),
                ("HANDY", "phone"),
                ("Notiz", "custom.Note"),
                ("alter", "ignore"),
            ],
            vec![
                Column::Field(Field::Name),
                Column::Field(Field::Phone),
                own("note"),
                Column::Ignored,
                own("age"),
            ],
        ),
        (
            "phone,name,note,note,",
            &[],
            vec![
                Column::Field(Field::Phone),
                Column::Field(Field::Name),
                own("note"),
                own("note_column_4"),
                own("column_5"),
            ],
        ),
        (
            "import_row,import_error,name,phone",
            &[],
            vec![
                Column::Ignored,
                Column::Ignored,
                Column::Field(Field::Name),
                Column::Field(Field::Phone),
            ],
        ),
        (
            "Vorname,Nachname,Telefon",
            &[],
            vec![
                Column::Field(Field::FirstName),
                Column::Field(Field::LastName),
                Column::Field(Field::Phone),
            ],
        ),
    ] {
        assert_eq!(columns(text, map, &[]).unwrap(), expected, "{text}");
    }
    for (text, map, required, faults) in [
        ("a,b", &[][..], &[][..], &["phone", "name"][..]),
        (
            "name,phone",
            &[],
            &["property_type", "plan"],
            &["property_type", "plan"],
        ),
        ("name,phone", &[("Handy", "phone")], &[], &["Handy"]),
        ("name,x,y", &[("x", "phone"), ("y", "phone")], &[], &["y"]),
        ("name,phone,x", &[("x", "phnoe")], &[], &["x"]),
    ] {
        let found = columns(text, map, required).unwrap_err();
        let named: Vec<&str> = found.iter().map(|fault| fault.column.as_str()).collect();
        assert_eq!(named, faults, "{text}: {found:?}");
    }
    let found = columns("Ada,2125550142,a@b.co", &[], &[]).unwrap_err();
    assert!(
        found[0]
            .why
            .ends_with("no headings, as it seems, but a person in its first row"),
        "nobody is named: {found:?}"
    );
}

#[test]
fn a_consent_is_whole_or_told_what_it_lacks() {
    let head = "name,phone,consent_kind,consent_at,consent_source,consent_proof,consent_expires_at\n";
    let read = |cells: &str| {
        let text = format!("{head}A,9876543210,{cells}\n");
        let mut reader = reader(&text);
        let Next::Row(headings) = reader.next() else {
            panic!("no headings")
        };
        let columns = Columns::read(&headings, &BTreeMap::new(), &[]).unwrap();
        let checker = Checker::new(columns, &rules(&[]), Region::IN, now());
        let Next::Row(row) = reader.next() else {
            panic!("no row")
        };
        let mut faults = Vec::new();
        let read = checker.check(&row, &mut faults).map(|lead| lead.consent);
        (
            read,
            faults
                .into_iter()
                .map(|fault| fault.field.into_owned())
                .collect::<Vec<_>>(),
        )
    };
    let (given, faults) = read("Written,2026-01-02,form 7,cert-9,2027-01-02");
    let (consent, words) = given.unwrap().unwrap();
    assert_eq!((consent.kind, faults.len()), (crate::ConsentKind::Written, 0));
    assert_eq!(
        words,
        "written, given 2026-01-02T00:00:00+00:00, by form 7; proof: cert-9"
    );
    assert_eq!(read(",,,,").0, Some(None));
    for (cells, lacks) in [
        ("written,,,,", &["consent_at", "consent_source"][..]),
        ("maybe,2026-01-02,form,,", &["consent_kind"]),
        (",2026-01-02,form,,", &["consent_kind"]),
        ("oral,2030-01-02,form,,", &["consent_at"]),
        ("oral,yesterday,form,,", &["consent_at"]),
        ("oral,2026-01-02,form,,2025-01-01", &["consent_expires_at"]),
    ] {
        assert_eq!(read(cells).1, lacks, "{cells}");
    }
}

#[test]
fn a_fix_file_can_be_corrected_and_imported() {
    let text = "name;phone;tags\nA;12;x;y\n\"B; \"\"the\"\" best\";;z\n";
    let mut reader = reader(text);
    let Next::Row(headings) = reader.next() else {
        panic!("no headings")
    };
    let names: Vec<String> = headings.cells().map(str::to_owned).collect();
    let columns = Columns::read(&headings, &BTreeMap::new(), &[]).unwrap();
    let checker = Checker::new(columns, &rules(&[]), Region::IN, now());
    let mut file = fix_file_heading(&names, b';');
    let mut faults = Vec::new();
    while let Next::Row(row) = reader.next() {
        assert!(checker.check(&row, &mut faults).is_none());
        fix_file_row(&row, &faults, b';', &mut file);
    }
    let corrected = file
        .replace(";12;", ";9876543210;")
        .replace("best\";;", "best\";9876543211;");
    let (good, bad) = import(&corrected, &[], &rules(&[]));
    assert_eq!(bad, [""; 0], "{file}");
    assert_eq!(good[0].1.tags, ["x", "y"]);
    assert_eq!(good[1].1.first_name.as_deref(), Some("B;"));
}

#[test]
fn phones_of_a_large_file_are_each_in_one_share() {
    assert_eq!(SeenPhones::shares(0, 0, 0), 1);
    assert_eq!(SeenPhones::shares(80_000_000, 8_000, 100), 1, "a million rows");
    assert_eq!(SeenPhones::shares(80 * SEEN_MAX, 8_000, 100), 2);
    let phone = |n: u32| crate::Phone::parse(&format!("+1212555{n:04}"), Region::US).unwrap();
    for n in 0..200 {
        let shares = (0..3).filter(|share| SeenPhones::is_in(&phone(n), *share, 3)).count();
        assert_eq!(shares, 1);
    }
    let mut seen = SeenPhones::default();
    assert!(seen.is_new(&phone(1)) && !seen.is_new(&phone(1)) && seen.is_new(&phone(2)));
}
