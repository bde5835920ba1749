//! Phones of one file that were seen, in flat memory.
//!
//! A million of them are 20 MB. A larger file is gone through more often: each time only phones of one share are
//! remembered, so that memory stays the same whatever the file is, and every phone is in one share.

use std::collections::HashSet;

use crate::Phone;

/// Phones that are remembered at once.
pub const SEEN_MAX: usize = 1_000_000;
/// The least bytes of a row that can be a lead: a letter, a comma, eight digits, the end of the row.
const ROW_BYTES_MIN: u64 = 11;
/// Bytes of a row as they are in files of leads, in the least; a file of shorter ones remembers more phones at once.
const ROW_BYTES_USUAL: u64 = 4 * ROW_BYTES_MIN;

/// Phones that were seen.
#[derive(Debug, Clone, Default)]
pub struct SeenPhones {
    seen: HashSet<u64>,
}

impl SeenPhones {
    /// How often a file of so many bytes is gone through.
    pub fn shares(bytes: u64) -> u32 {
        let phones = bytes / ROW_BYTES_USUAL;
        u32::try_from(phones / SEEN_MAX as u64 + 1).unwrap_or(u32::MAX)
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
