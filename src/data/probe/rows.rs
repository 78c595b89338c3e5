//! What a probe looks at.

use crate::data::column::{Column, Table};
use crate::data::encoder::Task;

/// What is looked at.
pub struct Rows<'a> {
    /// What is learned from; other columns beside it.
    pub table: &'a Table,
    /// Columns that are not learned from, by which rows may depend on each other.
    pub beside: &'a Table,
    /// What is predicted.
    pub answer: &'a Column,
    /// Classes or numbers.
    pub task: Task,
    /// The rows that have a target.
    pub rows: &'a [usize],
    /// The hash of each of them by its content: copies are left out together.
    pub hashes: &'a [u64],
    /// Draws trees.
    pub seed: u64,
}

impl Rows<'_> {
    pub(super) fn column(&self, name: &str) -> Option<&Column> {
        self.table.column(name).or_else(|| self.beside.column(name))
    }
}
