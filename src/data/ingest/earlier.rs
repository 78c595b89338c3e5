//! The rows of a stored table that those of a file come behind: they are written once more, block by block.

use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};

use arrow_array::ArrayRef;

use crate::data::arrow::Cells;
use crate::data::error::DataError;
use crate::data::inference::Evidence;
use crate::data::lease::Lease;
use crate::data::parallel::in_parallel;
use crate::data::pieces::Survey;
use crate::data::profile::TableProfile;
use crate::data::stored::StoredBlocks;

/// See the module.
pub(super) struct Earlier {
    blocks: StoredBlocks,
    names: Vec<String>,
    rows: u64,
}

/// Row groups of the table that become one, or a part of one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Portion {
    pub groups: Range<usize>,
    pub rows: usize,
    /// What their arrays take, about.
    pub bytes: usize,
}

impl Earlier {
    /// The table of this profile.
    pub fn new(blocks: StoredBlocks, profile: &TableProfile) -> Self {
        let names = profile.columns.iter().map(|column| column.name.clone()).collect();
        Earlier { blocks, names, rows: profile.rows }
    }

    /// How many rows there are.
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// How many columns there are.
    pub fn columns(&self) -> usize {
        self.names.len()
    }

    /// Whether a column's values are compressed.
    pub fn is_packed(&self, column: usize) -> bool {
        self.blocks.is_packed(column)
    }

    /// What all cells show; `go_on` is asked between row groups.
    ///
    /// # Errors
    /// The table cannot be read; `Stopped`, `TooLarge`, `Overloaded`.
    pub fn survey(&self, workers: usize, go_on: &mut dyn FnMut() -> bool) -> Result<Survey, DataError> {
        let mut all = vec![Evidence::default(); self.columns()];
        let mut row = 1;
        for group in 0..self.blocks.groups() {
            if !go_on() {
                return Err(DataError::stopped());
            }
            let next = AtomicUsize::new(0);
            let observe = || self.observe(group, row, &next, workers);
            for seen in in_parallel(workers, observe, observe) {
                seen?.into_iter().for_each(|(column, evidence)| all[column].merge(&evidence));
            }
            row += self.blocks.rows(group) as u64;
        }
        Ok(Survey::full(self.rows as usize, self.names.clone(), all))
    }

    /// What the columns of a row group show, of which the first row is `row`: blocks of them from `next` on, until none is left.
    fn observe(
        &self,
        group: usize,
        row: u64,
        next: &AtomicUsize,
        workers: usize,
    ) -> Result<Vec<(usize, Evidence)>, DataError> {
        let at_once = self.columns_at_once(self.blocks.rows(group), workers);
        let mut seen = Vec::new();
        loop {
            let start = next.fetch_add(at_once, Ordering::Relaxed);
            if start >= self.columns() {
                return Ok(seen);
            }
            let (arrays, _lease) = self.blocks.read(group, start..(start + at_once).min(self.columns()))?;
            for (column, array) in (start..).zip(&arrays) {
                let mut evidence = Evidence::default();
                let cells = Cells::of(array).expect("the stored form has types that are read");
                cells.observe(&mut evidence, row);
                seen.push((column, evidence));
            }
        }
    }

    /// All rows in portions of about so many bytes; only the last may be much smaller.
    pub fn portions(&self, most: usize) -> Vec<Portion> {
        let mut portions: Vec<Portion> = Vec::new();
        for group in 0..self.blocks.groups() {
            let rows = self.blocks.rows(group);
            let bytes = self.blocks.bytes(rows, 0..self.columns()) as usize;
            match portions.last_mut().filter(|last| last.bytes + bytes <= most) {
                Some(last) => {
                    (last.groups.end, last.rows, last.bytes) = (group + 1, last.rows + rows, last.bytes + bytes)
                }
                None => portions.push(Portion { groups: group..group + 1, rows, bytes }),
            }
        }
        portions
    }

    /// How many columns of so many rows are read together.
    pub fn columns_at_once(&self, rows: usize, workers: usize) -> usize {
        self.blocks.columns_at_once(rows, workers)
    }

    /// Adds the arrays of a portion's columns to those of each; `leases` get their memory.
    ///
    /// # Errors
    /// The table cannot be read; `TooLarge`, `Overloaded`.
    pub fn read(
        &self,
        portion: &Portion,
        columns: Range<usize>,
        all: &mut [Vec<ArrayRef>],
        leases: &mut Vec<Lease>,
    ) -> Result<(), DataError> {
        for group in portion.groups.clone() {
            let (arrays, lease) = self.blocks.read(group, columns.clone())?;
            all.iter_mut().zip(arrays).for_each(|(all, array)| all.push(array));
            leases.push(lease);
        }
        Ok(())
    }
}
