//! Phones of one file that were seen, in flat memory.
//!
//! Those of a million rows are 20 MB. A larger file is gone through more often: each time only phones of one share are
//! remembered, so that memory stays the same whatever the file is, and every phone is in one share.

use std::collections::HashSet;

use crate::Phone;

/// Phones that are remembered at once: as many as fit into 19 MB. One more would double that.
pub const SEEN_MAX: u64 = 1_800_000;

/// Phones that were seen.
#[derive(Debug, Clone, Default)]
pub struct SeenPhones {
    seen: HashSet<u64>,
}

impl SeenPhones {
    /// How often a file of so many bytes is gone through, by what its first rows have.
    pub fn shares(bytes: u64, first_bytes: u64, first_rows: u64) -> u32 {
        let rows = bytes.saturating_mul(first_rows.max(1)) / first_bytes.max(1);
        u32::try_from(rows / SEEN_MAX + 1).unwrap_or(u32::MAX)
    }

    /// Whether a phone is remembered in a turn.
    pub fn is_in(phone: &Phone, share: u32, of: u32) -> bool {
        of <= 1 || phone.bucket(of) == share
    }

    /// Remembers a phone, and says whether it is new.
    pub fn is_new(&mut self, phone: &Phone) -> bool {
        self.seen.insert(phone.number())
    }

    /// How many are remembered.
    pub fn len(&self) -> usize {
        self.seen.len()
    }

    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.seen.is_empty()
    }
}
