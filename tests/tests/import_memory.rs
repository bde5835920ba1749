//! Memory does not grow with a file of leads. A test of its own: it counts what the whole process holds.

use std::fmt::Write;

use peak_alloc::PeakAlloc;
use redial_domain::import::{Checker, Columns, ImportRules, SeenPhones};
use redial_domain::sheet::{Dialect, Next, Reader};
use redial_domain::{Phone, Region};

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

/// A row of a file of any length; every twentieth is bad.
fn row(n: u64, file: &mut String) {
    let phone = if n.is_multiple_of(20) {
        12_345
    } else {
        6_000_000_000 + n
    };
    let _ = writeln!(
        file,
        "Person {n},{phone},p{n}@example.com,2bhk,Gurgaon,{},website,a;b",
        1_000_000 + n
    );
}

#[test]
fn a_million_rows_are_read_in_flat_memory() {
    const ROWS: u64 = 1_000_000;
    let heading = "name,phone,email,property_type,location,budget,source,tags\n";
    let mut reader = Reader::new(Dialect::of(heading.as_bytes()));
    reader.push(heading.as_bytes());
    let Next::Row(headings) = reader.next() else {
        panic!("no headings")
    };
    let required = ImportRules {
        required: vec!["property_type".to_owned(), "location".to_owned()],
        ..ImportRules::default()
    };
    let columns = Columns::read(&headings, &[].into(), &required.required).unwrap();
    let checker = Checker::new(columns, &required, Region::IN, chrono::DateTime::default());
    let (mut chunk, mut faults, mut next) = (String::new(), Vec::new(), 1);
    let (mut good, mut bad, mut twice) = (0_u64, 0_u64, 0_u64);
    let mut seen = SeenPhones::default();
    let begun = MEMORY.current_usage();
    let mut most = 0;
    loop {
        match reader.next() {
            Next::Row(row) => match checker.check(&row, &mut faults) {
                Some(lead) if SeenPhones::is_in(&lead.phone, 0, 4) && !seen.is_new(&lead.phone) => twice += 1,
                Some(_) => good += 1,
                None => bad += 1,
            },
            Next::More if next > ROWS => reader.end(),
            Next::More => {
                chunk.clear();
                while chunk.len() < 60_000 && next <= ROWS {
                    row(next, &mut chunk);
                    next += 1;
                }
                reader.push(chunk.as_bytes());
                most = most.max(MEMORY.current_usage());
            }
            Next::End => break,
        }
    }
    assert_eq!((good, bad, twice), (ROWS * 19 / 20, ROWS / 20, 0));
    let grown = most - begun;
    assert!(grown < 16 * 1_024 * 1_024, "{grown} bytes for {ROWS} rows");
    let phone = Phone::parse("+919876543210", Region::IN).unwrap();
    assert!(seen.is_new(&phone) && seen.len() > 200_000);
}
