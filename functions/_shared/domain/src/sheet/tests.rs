//! Rows of files in every encoding, cut anywhere, with every mistake that people make with quotes.

use super::*;

/// A row as a test writes it: its number, its cells, whether something is wrong with it.
type Read = (u64, Vec<String>, Option<Fault>);

fn rows_of(bytes: &[u8], chunk: usize, columns: usize) -> Vec<Read> {
    let dialect = Dialect::of(bytes);
    let mut reader = Reader::new(dialect);
    reader.expect_columns(columns);
    let mut rest = &bytes[dialect.skipped as usize..];
    let mut rows = Vec::new();
    loop {
        match reader.next() {
            Next::Row(row) => {
                assert_eq!(row.cells().count(), row.len());
                rows.push((row.place.row, row.cells().map(str::to_owned).collect(), row.fault));
            }
            Next::More if rest.is_empty() => reader.end(),
            Next::More => {
                let (now, later) = rest.split_at(chunk.min(rest.len()));
                reader.push(now);
                rest = later;
            }
            Next::End => return rows,
        }
    }
}

fn rows(text: &str) -> Vec<Read> {
    rows_of(text.as_bytes(), 7, 2)
}

fn good(row: u64, cells: &[&str]) -> Read {
    (row, cells.iter().map(|cell| (*cell).to_owned()).collect(), None)
}

fn broken(row: u64, cells: &[&str]) -> Read {
    (
        row,
        cells.iter().map(|cell| (*cell).to_owned()).collect(),
        Some(Fault::Quote),
    )
}

#[test]
fn cells_are_what_a_spreadsheet_shows() {
    for (text, expected) in [
        ("a,b\n1,2\n", vec![good(1, &["a", "b"]), good(2, &["1", "2"])]),
        (
            "a,b\r\n 1 ,\r\n\r\n3,4",
            vec![
                good(1, &["a", "b"]),
                good(2, &["1", ""]),
                good(3, &[""]),
                good(4, &["3", "4"]),
            ],
        ),
        ("a;b\n\"x;y\";2\n", vec![good(1, &["a", "b"]), good(2, &["x;y", "2"])]),
        (
            "a,b\n\"say \"\"hi\"\"\", \"2\" \n",
            vec![good(1, &["a", "b"]), good(2, &["say \"hi\"", "2"])],
        ),
        (
            "a,b\n\"two\nlines\",2\n5,6\n",
            vec![
                good(1, &["a", "b"]),
                good(2, &["two\nlines", "2"]),
                good(3, &["5", "6"]),
            ],
        ),
        (
            "sep=;\na;b\n1,5;2\n",
            vec![good(1, &["a", "b"]), good(2, &["1,5", "2"])],
        ),
        (
            "a,b\r\"x\",2\r3,\"y\"",
            vec![good(1, &["a", "b"]), good(2, &["x", "2"]), good(3, &["3", "y"])],
        ),
        ("a,b\n\"\",\"\"\n", vec![good(1, &["a", "b"]), good(2, &["", ""])]),
        ("a\tb\n\t\n", vec![good(1, &["a", "b"]), good(2, &["", ""])]),
    ] {
        assert_eq!(rows(text), expected, "{text:?}");
    }
}

#[test]
fn a_quote_too_many_costs_its_own_line_and_no_other() {
    for (text, expected) in [
        // Quotes inside of a cell are signs like others.
        (
            "a,b\n6\" pipe,2\n\"Al\" Jones,3\n",
            vec![good(2, &["6\" pipe", "2"]), good(3, &["\"Al\" Jones", "3"])],
        ),
        // One that begins a cell and ends nowhere.
        (
            "a,b\n\"Bob,1\nAda,2\nEve,3\n",
            vec![
                broken(2, &["\"Bob", "1"]),
                good(3, &["Ada", "2"]),
                good(4, &["Eve", "3"]),
            ],
        ),
        // One that ends where no cell does.
        (
            "a,b\n\"Bob,1\n\"Ada\" L,2\n",
            vec![broken(2, &["\"Bob", "1"]), good(3, &["\"Ada\" L", "2"])],
        ),
        // One that swallows the beginning of a line, so that cells are missing.
        (
            "a,b\n\"Bob,1\nAda,2\"\nEve,3\n",
            vec![
                broken(2, &["\"Bob", "1"]),
                good(3, &["Ada", "2\""]),
                good(4, &["Eve", "3"]),
            ],
        ),
        ("a,b\n1,\"x", vec![broken(2, &["1", "\"x"])]),
    ] {
        assert_eq!(rows(text)[1..], expected, "{text:?}");
    }
    let mut long = "a,b\n1,\"x".to_owned();
    for n in 0..60 {
        long.push_str(&format!("\nn{n},2"));
    }
    long.push_str("\n3,\"y\"");
    let read = rows(&long);
    assert_eq!(read.len(), 63, "sixty lines in quotes are no cell");
    assert_eq!(
        (&read[1], &read[62]),
        (&broken(2, &["1", "\"x"]), &good(63, &["3", "y"]))
    );
}

#[test]
fn every_encoding_reads_the_same_however_it_is_cut() {
    for sign in [",", ";", "\t"] {
        let text = format!("Stra\u{df}e{sign}b\r\nM\u{fc}ller{sign}\"x{sign}y\"\r\n\"two\r\nlines\"{sign}\u{20ac}\n");
        let expected = rows_of(text.as_bytes(), 1_000, 2);
        assert_eq!(expected[1], good(2, &["M\u{fc}ller", &format!("x{sign}y")]));
        let wide = |to: fn(u16) -> [u8; 2]| -> Vec<u8> { text.encode_utf16().flat_map(to).collect() };
        let ansi: Vec<u8> = text
            .chars()
            .map(|c| {
                if c == '\u{20ac}' {
                    0x80
                } else {
                    u8::try_from(u32::from(c)).unwrap()
                }
            })
            .collect();
        for (mark, encoded) in [
            (&b"\xef\xbb\xbf"[..], text.clone().into_bytes()),
            (b"", ansi),
            (b"\xff\xfe", wide(u16::to_le_bytes)),
            (b"", wide(u16::to_le_bytes)),
            (b"\xfe\xff", wide(u16::to_be_bytes)),
            (b"", wide(u16::to_be_bytes)),
        ] {
            let file = [mark, &encoded].concat();
            for chunk in [1, 2, 3, 5, 64, 1_000] {
                assert_eq!(
                    rows_of(&file, chunk, 2),
                    expected,
                    "{mark:?}, {sign:?}, cut each {chunk}"
                );
            }
        }
    }
}

#[test]
fn reading_goes_on_at_any_row_in_another_reader() {
    let text = "a,b\n\"two\nlines\",\u{5d0}\u{1f600}\n\n\"Bob,1\nM\u{fc}ller,2\n";
    let wide: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
    for file in [text.as_bytes().to_vec(), [b"\xff\xfe".to_vec(), wide].concat()] {
        let all = rows_of(&file, 1_000, 2);
        let dialect = Dialect::of(&file);
        let mut place = Reader::new(dialect).place();
        let mut read = Vec::new();
        loop {
            let mut reader = Reader::at(dialect, place);
            reader.expect_columns(2);
            reader.push(&file[usize::try_from(place.byte).unwrap()..]);
            reader.end();
            let Next::Row(row) = reader.next() else { break };
            assert_eq!(row.place, place);
            read.push((
                row.place.row,
                row.cells().map(str::to_owned).collect::<Vec<_>>(),
                row.fault,
            ));
            place = reader.place();
        }
        assert_eq!(read, all);
        assert_eq!(place.byte, file.len() as u64);
    }
}

#[test]
fn a_row_that_is_too_long_is_left_out_and_memory_stays_small() {
    let long = "x".repeat(4 * ROW_BYTES_MAX);
    let text = format!("a,b\n1,{long}\n3,4\n");
    let mut reader = Reader::new(Dialect::of(text.as_bytes()));
    let mut faults = Vec::new();
    let mut chunks = text.as_bytes().chunks(10_000);
    let mut held = 0;
    loop {
        match reader.next() {
            Next::Row(row) => faults.push((row.place.row, row.fault)),
            Next::More => match chunks.next() {
                Some(chunk) => reader.push(chunk),
                None => reader.end(),
            },
            Next::End => break,
        }
        held = held.max(reader.bytes.len());
    }
    assert_eq!(faults, [(1, None), (2, Some(Fault::TooLong)), (3, None)]);
    assert!(held < 2 * ROW_BYTES_MAX, "{held} bytes were held");
    assert_eq!(reader.place().byte, text.len() as u64);
}
