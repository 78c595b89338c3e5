//! The memory of a reading that stays until its end, and that of writing a row group.

use super::row_group::RowGroup;
use crate::data::error::DataError;
use crate::data::lease::Lease;
use crate::data::pieces::Columns;
use crate::data::profile::{distinct, duplicates};
use crate::data::stored::METADATA_BYTES;
use crate::memory::Charge;

/// What a column takes on every thread beside its name, which is held several times: what its cells have shown.
const COLUMN_BYTES: u64 = 512;
/// What the profile of a column takes, but for its name and its frequent values.
const PROFILE_BYTES: u64 = 1024;
/// What writing a column of a row group takes from the beginning to the end of the group, beside its values.
const WRITER_BYTES: u64 = 2 << 10;
/// Of what stays, and of what is worked with, so many bytes are not charged: few files are read at once, and the counts of a
/// small table take far less than they may.
const FREE_BYTES: u64 = 1 << 20;
/// The hash of a row.
const HASH_BYTES: u64 = 8;

/// What a reading holds until its end: statistics, copies of rows that were seen, and the index of what is written.
pub(super) struct Standing<'a> {
    memory: &'a Charge,
    lease: Lease,
    columns: u64,
    threads: u64,
    /// Of the columns' names and profiles.
    base: u64,
    rows: u64,
    bytes: u64,
    groups: u64,
}

impl<'a> Standing<'a> {
    /// Of these columns, before a row is written.
    ///
    /// # Errors
    /// `TooLarge`, `Overloaded`.
    pub fn new(columns: &Columns, workers: usize, memory: &'a Charge) -> Result<Self, DataError> {
        let (count, threads) = (columns.names.len() as u64, workers as u64);
        let names: u64 = columns.names.iter().map(|name| name.len() as u64).sum();
        let words = columns.missing.bytes() as u64;
        let base = (threads + 3) * (names + words + COLUMN_BYTES * count) + PROFILE_BYTES * count;
        let lease = Lease::of(memory, base.saturating_sub(FREE_BYTES))?;
        Ok(Standing { memory, lease, columns: count, threads, base, rows: 0, bytes: 0, groups: 0 })
    }

    /// Takes what a further row group adds; gives what writing it takes while it is written.
    ///
    /// # Errors
    /// `TooLarge`, `Overloaded`.
    pub fn grow(&mut self, group: &RowGroup) -> Result<Lease, DataError> {
        let rows = group.rows as u64;
        (self.rows, self.bytes, self.groups) = (self.rows + rows, self.bytes + group.bytes, self.groups + 1);
        let statistics = distinct::most_bytes(self.columns as usize, self.rows, self.bytes);
        let index = self.groups * self.columns * METADATA_BYTES;
        let stays = self.base + statistics + duplicates::most_bytes(self.rows) + index;
        self.lease.cover(stays.saturating_sub(FREE_BYTES))?;
        let worked_with = (self.threads + 1) * rows * HASH_BYTES + self.columns * WRITER_BYTES;
        Lease::of(self.memory, worked_with.saturating_sub(FREE_BYTES))
    }
}
