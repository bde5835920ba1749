//! The fix file: the rows that were no leads, each with what is wrong with it, so that it can be corrected and imported.
//!
//! Two columns stand before those of the file. An import leaves them out again, so nobody has to delete them.

use super::columns::FIX_COLUMNS;
use super::lead::CellFault;
use crate::sheet::Row;

/// The first row, with a byte order mark: without one Excel reads other letters.
pub fn fix_file_heading(headings: &[String], sign: u8) -> String {
    let mut text = "\u{feff}".to_owned();
    let ours = FIX_COLUMNS.into_iter();
    line(ours.chain(headings.iter().map(String::as_str)), sign, &mut text);
    text
}

/// A row with its faults.
pub fn fix_file_row(row: &Row<'_>, faults: &[CellFault], sign: u8, text: &mut String) {
    let number = row.place.row.to_string();
    let whys: Vec<String> = faults.iter().map(CellFault::told).collect();
    let why = whys.join(" | ");
    line([number.as_str(), &why].into_iter().chain(row.cells()), sign, text);
}

fn line<'a>(cells: impl Iterator<Item = &'a str>, sign: u8, text: &mut String) {
    for (n, cell) in cells.enumerate() {
        if n > 0 {
            text.push(char::from(sign));
        }
        let needs = |byte: u8| byte == sign || byte == b'"' || byte == b'\n' || byte == b'\r';
        if cell.bytes().any(needs) {
            text.push('"');
            text.push_str(&cell.replace('"', "\"\""));
            text.push('"');
        } else {
            text.push_str(cell);
        }
    }
    text.push_str("\r\n");
}
