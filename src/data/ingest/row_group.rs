//! The rows that are written together: some of a stored table, if others come behind these, and then some of a file.

use std::iter;
use std::ops::Range;
use std::sync::{Arc, Mutex};

use arrow_array::ArrayRef;

use super::earlier::{Earlier, Portion};
use crate::data::builder::Builder;
use crate::data::error::DataError;
use crate::data::inference::Form;
use crate::data::lease::Lease;
use crate::data::pieces::Converted;
use crate::data::stored::{Columnar, packs};

/// See the module.
pub(super) struct RowGroup<'a> {
    earlier: Option<(&'a Earlier, Portion)>,
    forms: &'a [Form],
    workers: usize,
    /// The file's arrays of each column that is kept.
    arrays: Mutex<Vec<Vec<ArrayRef>>>,
    /// Kept until the group is written: what is encoded takes the place of the arrays.
    _leases: Vec<Lease>,
    pub rows: usize,
    pub bytes: u64,
}

impl<'a> RowGroup<'a> {
    /// Of a portion of a table and pieces of a file, of whose columns these are `kept`, with these forms.
    pub fn new(
        earlier: Option<(&'a Earlier, Portion)>,
        pieces: Vec<Converted>,
        (kept, forms): (&[usize], &'a [Form]),
        workers: usize,
    ) -> Self {
        let of_table = earlier.as_ref().map_or((0, 0), |(_, portion)| (portion.rows, portion.bytes));
        let rows = of_table.0 + pieces.iter().map(|piece| piece.rows).sum::<usize>();
        let bytes = of_table.1 as u64 + pieces.iter().map(|piece| piece.lease.bytes()).sum::<u64>();
        let mut arrays: Vec<Vec<ArrayRef>> = vec![Vec::with_capacity(pieces.len()); kept.len()];
        let mut leases = Vec::with_capacity(pieces.len());
        for piece in pieces {
            arrays.iter_mut().zip(kept).for_each(|(column, at)| column.push(Arc::clone(&piece.columns[*at])));
            leases.push(piece.lease);
        }
        RowGroup { earlier, forms, workers, arrays: Mutex::new(arrays), _leases: leases, rows, bytes }
    }

    /// Whether a column of numbers is compressed in the file that this group begins.
    pub fn is_packed(&self, column: usize) -> bool {
        match &self.earlier {
            Some((table, _)) => column >= table.columns() || table.is_packed(column),
            None => self.arrays.lock().expect("looking does not panic")[column].first().is_some_and(packs),
        }
    }
}

impl Columnar for RowGroup<'_> {
    fn columns_at_once(&self) -> usize {
        self.earlier.as_ref().map_or(1, |(table, portion)| table.columns_at_once(portion.rows, self.workers))
    }

    fn arrays(&self, columns: Range<usize>) -> Result<(Vec<Vec<ArrayRef>>, Vec<Lease>), DataError> {
        let (mut all, mut leases) = (vec![Vec::new(); columns.len()], Vec::new());
        if let Some((table, portion)) = &self.earlier {
            let known = columns.start.min(table.columns())..columns.end.min(table.columns());
            if !known.is_empty() {
                table.read(portion, known.clone(), &mut all, &mut leases)?;
            }
            // Columns that only the file has are missing in the table's rows.
            for (at, arrays) in all.iter_mut().enumerate().skip(known.len()) {
                let mut builder = Builder::with_word_bytes(&self.forms[columns.start + at], portion.rows, 0);
                builder.pad(portion.rows);
                arrays.push(builder.finish());
            }
        }
        let mut of_file = self.arrays.lock().expect("taking does not panic");
        iter::zip(&mut all, &mut of_file[columns]).for_each(|(all, of_file)| all.append(of_file));
        Ok((all, leases))
    }
}
