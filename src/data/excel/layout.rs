//! Where the table of a sheet is: below what titles it, with columns where cells are.

use super::sheet::{Cell, Meaning, SheetReader, Value};
use crate::data::error::DataError;
use crate::data::profile::Finding;

/// Rows with cells among which the header is looked for.
const LOOKED_AT: usize = 50;
/// Regions of merged cells that are counted.
const MOST_MERGED: usize = 10_000;

/// Rows above the header are left out.
pub const ROWS_ABOVE_HEADER: &str = "rows_above_header";
/// Rows without any cell are left out.
pub const BLANK_ROWS: &str = "blank_rows";
/// Cells are merged, so that all but one of them are empty.
pub const MERGED_CELLS: &str = "merged_cells";
/// The results of formulas are not in the file.
pub const FORMULAS_WITHOUT_VALUES: &str = "formulas_without_values";

/// The table of a sheet.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Layout {
    /// The row of the columns' names, counted from 1.
    pub header: u32,
    /// The columns that have cells from there on, in their order.
    pub columns: Vec<u32>,
    /// How many rows with cells stand above the header.
    above: usize,
    /// How many rows among those of the table have no cells, and the first of them.
    blank: Option<(u32, u32)>,
    /// How many regions of merged cells end below the header.
    merged: usize,
    /// How many formulas have no result, and where the first is.
    unknown: Option<(u64, u32)>,
}

/// What is known of a sheet while its cells are gone through.
#[derive(Default)]
struct Scan {
    /// The first rows with cells, each with the columns that have some.
    first: Vec<(u32, Vec<u32>)>,
    /// Which columns have cells in the rows behind these.
    further: Vec<bool>,
    last_row: u32,
    blank: Option<(u32, u32)>,
    unknown: Option<(u64, u32)>,
}

impl Layout {
    /// The table of a sheet; nothing if it has no cells.
    ///
    /// # Errors
    /// `Malformed`: the sheet cannot be read.
    pub fn of(mut sheet: SheetReader, meaning: &Meaning) -> Result<Option<Self>, DataError> {
        let (mut scan, mut text) = (Scan::default(), String::new());
        while let Some(cell) = sheet.next(meaning, &mut text)? {
            scan.add(&cell);
            text.clear();
        }
        sheet.read_merged(MOST_MERGED)?;
        Ok(scan.layout().map(|layout| {
            let merged = sheet.merged.iter().filter(|end| **end > layout.header).count();
            Layout { merged, ..layout }
        }))
    }

    /// What is to be told of the rows and cells that are not read.
    pub fn findings(&self) -> Vec<Finding> {
        let mut findings = Vec::new();
        let mut tell = |code: &str, message: String| {
            findings.push(Finding { code: code.to_owned(), message, column: None });
        };
        if self.above > 0 {
            let message = format!(
                "Row {} has the names of the columns; what stands above it is left out (rows with cells: {}). If the \
                 names are others, delete in the workbook what stands above them.",
                self.header, self.above
            );
            tell(ROWS_ABOVE_HEADER, message);
        }
        if let Some((count, first)) = self.blank {
            tell(
                BLANK_ROWS,
                format!(
                    "Rows without any cell are left out: {count}, the first of them row {first}. If they should \
                 hold something, fill them in."
                ),
            );
        }
        if self.merged > 0 {
            let message = format!(
                "Regions of merged cells: {}. The first cell of each has the value, the others are missing. Unmerge them and \
                 fill in the values that they share.",
                self.merged
            );
            tell(MERGED_CELLS, message);
        }
        if let Some((count, first)) = self.unknown {
            let message = format!(
                "Formulas without their results in the file: {count}, first in row {first}; they count as missing. Open the \
                 workbook in Excel or LibreOffice and save it there."
            );
            tell(FORMULAS_WITHOUT_VALUES, message);
        }
        findings
    }
}

impl Scan {
    fn add(&mut self, cell: &Cell) {
        if cell.value == Value::Unknown {
            let (count, first) = self.unknown.unwrap_or((0, cell.row));
            self.unknown = Some((count + 1, first));
        }
        if self.last_row != cell.row && self.first.len() == LOOKED_AT {
            self.skip_to(cell.row);
        }
        let room = self.first.len() < LOOKED_AT;
        match self.first.last_mut().filter(|(row, _)| *row == cell.row) {
            Some((_, columns)) => columns.push(cell.column),
            None if room => self.first.push((cell.row, vec![cell.column])),
            None => {
                let needed = cell.column as usize + 1;
                self.further.resize(self.further.len().max(needed), false);
                self.further[cell.column as usize] = true;
            }
        }
        self.last_row = cell.row;
    }

    /// Counts the rows between the last one and `row`.
    fn skip_to(&mut self, row: u32) {
        let gap = row - self.last_row - 1;
        if gap > 0 {
            let (count, first) = self.blank.unwrap_or((0, self.last_row + 1));
            self.blank = Some((count + gap, first));
        }
    }

    /// The header is the first row in which at least half as many cells are filled as in any.
    fn layout(mut self) -> Option<Layout> {
        let fullest = self.first.iter().map(|(_, columns)| columns.len()).max()?;
        let enough = fullest.div_ceil(2).max(2.min(fullest));
        let above = self.first.iter().position(|(_, columns)| columns.len() >= enough)?;
        let further = (0..).zip(&self.further).filter(|(_, filled)| **filled).map(|(column, _)| column);
        let mut columns: Vec<u32> =
            self.first[above..].iter().flat_map(|(_, columns)| columns.iter().copied()).collect();
        columns.extend(further);
        columns.sort_unstable();
        columns.dedup();
        // The rows behind those looked at were counted before.
        let counted = self.blank.take();
        let rows: Vec<u32> = self.first[above..].iter().map(|(row, _)| *row).collect();
        for pair in rows.windows(2) {
            self.last_row = pair[0];
            self.skip_to(pair[1]);
        }
        let blank = match (self.blank, counted) {
            (Some((one, first)), Some((two, _))) => Some((one + two, first)),
            (one, two) => one.or(two),
        };
        Some(Layout { header: rows[0], columns, above, blank, merged: 0, unknown: self.unknown })
    }
}
