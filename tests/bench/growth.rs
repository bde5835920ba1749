//! The numbers of `GROWTH.md`, from measured counts.

use crate::report::Figures;

pub(crate) fn block(_: &Figures) -> String {
    String::new()
}
