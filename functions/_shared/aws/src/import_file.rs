//! The file of an import, read from its pieces: one row after the other, from any row on.
//!
//! One piece is held at a time. What a row means is the business of whoever takes it.

use redial_domain::import::Checker;
use redial_domain::sheet::{Next, Place, Reader, Row};

use crate::imports::{Import, ImportPlan, PART_BYTES, PIECE_BYTES};
use crate::kept::unpack;
use crate::keys;
use crate::table::{Table, TableError};

/// A file, open at a row.
#[derive(Debug)]
pub struct ImportFile<'a> {
    table: &'a Table,
    import: &'a Import,
    plan: &'a ImportPlan,
    reader: Reader,
}

/// What is done after a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GoOn {
    /// The next one is read.
    Yes,
    /// Reading ends before the next one.
    No,
}

impl<'a> ImportFile<'a> {
    /// Opens a file at a row; at the first of its data, if none is given.
    pub fn open(table: &'a Table, import: &'a Import, plan: &'a ImportPlan, at: Option<Place>) -> Self {
        let mut reader = Reader::at(plan.dialect, at.unwrap_or(plan.begins));
        reader.expect_columns(plan.columns.columns.len());
        Self {
            table,
            import,
            plan,
            reader,
        }
    }

    /// What checks its rows. Times are compared with when the import was made, so that a step that is repeated comes to the
    /// same.
    pub fn checker(import: &Import, plan: &ImportPlan) -> Checker {
        Checker::new(plan.columns.clone(), &plan.rules, plan.region, import.created_at)
    }

    /// Hands rows over until somebody has enough. `true`: there are no more.
    ///
    /// # Errors
    /// When the table cannot be reached, or a piece is not kept any more.
    pub async fn rows(&mut self, mut take: impl FnMut(&Row<'_>) -> GoOn) -> Result<bool, TableError> {
        loop {
            match self.reader.next() {
                Next::Row(row) => {
                    if take(&row) == GoOn::No {
                        return Ok(false);
                    }
                }
                Next::End => return Ok(true),
                Next::More => self.fetch().await?,
            }
        }
    }

    /// Where the next row begins.
    pub const fn place(&self) -> Place {
        self.reader.place()
    }

    async fn fetch(&mut self) -> Result<(), TableError> {
        let at = self.reader.pushed();
        if at >= self.plan.bytes {
            self.reader.end();
            return Ok(());
        }
        let gone = || TableError::Corrupt("a piece of the file is not kept any more".to_owned());
        let number = |bytes: u64, of: usize| u32::try_from(bytes / of as u64).map_err(|_| gone());
        let part = number(at, PART_BYTES)?;
        let piece = number(at % PART_BYTES as u64, PIECE_BYTES)?;
        let hash = usize::try_from(part)
            .ok()
            .and_then(|part| self.plan.parts.get(part))
            .ok_or_else(gone)?;
        let key = keys::import_piece(&self.import.id, part, hash, piece);
        let packed = self.table.job_item(&key).await?.ok_or_else(gone)?;
        let bytes = unpack(&packed);
        let begin = usize::try_from(at % PIECE_BYTES as u64).map_err(|_| gone())?;
        let left = bytes.get(begin..).filter(|left| !left.is_empty()).ok_or_else(gone)?;
        self.reader.push(left);
        Ok(())
    }
}
