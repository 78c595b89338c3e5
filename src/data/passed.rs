//! Columns of a request that its reply repeats (passthrough), whatever a model knows of them.

use std::borrow::Cow;
use std::sync::Arc;

use arrow_array::{ArrayRef, BooleanArray, Float64Array, Int64Array, StringArray};

use super::arrow::cells_of;
use super::json::Cell;

/// Some rows of a column.
#[derive(Clone, Debug)]
pub struct Passed {
    /// As the request names it.
    pub name: String,
    /// Its cells.
    pub cells: PassedCells,
}

/// The cells of some rows.
#[derive(Clone, Debug)]
pub enum PassedCells {
    /// Of records or of a text file, and what an array of them holds.
    Cells(Vec<Cell>, Holds),
    /// Of an Arrow file, with its type.
    Array(ArrayRef),
}

/// What an array of cells holds: one thing for the whole column, however many rows of it are written at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Holds {
    /// 64-bit integers.
    Integers,
    /// Floats of 64 bits.
    Numbers,
    /// True or false.
    Booleans,
    /// Texts.
    Texts,
}

impl Holds {
    /// What holds all of these cells.
    pub fn all(cells: &[Cell]) -> Self {
        let there = || cells.iter().filter(|cell| !cell.is_missing());
        if there().next().is_none() {
            Holds::Texts
        } else if there().all(|cell| cell.integer_value().is_some()) {
            Holds::Integers
        } else if there().all(|cell| matches!(cell, Cell::Number(_))) {
            Holds::Numbers
        } else if there().all(|cell| matches!(cell, Cell::Boolean(_))) {
            Holds::Booleans
        } else {
            Holds::Texts
        }
    }
}

impl Passed {
    /// The cells, whatever form they have.
    pub fn cells(&self) -> Cow<'_, [Cell]> {
        match &self.cells {
            PassedCells::Cells(cells, _) => Cow::Borrowed(cells),
            PassedCells::Array(array) => Cow::Owned(cells_of(array)),
        }
    }

    /// The cells as an array.
    pub fn array(&self) -> ArrayRef {
        let (cells, holds) = match &self.cells {
            PassedCells::Cells(cells, holds) => (cells, holds),
            PassedCells::Array(array) => return array.clone(),
        };
        match holds {
            Holds::Integers => Arc::new(cells.iter().map(Cell::integer_value).collect::<Int64Array>()),
            Holds::Numbers => Arc::new(cells.iter().map(Cell::number).collect::<Float64Array>()),
            Holds::Booleans => Arc::new(cells.iter().map(Cell::boolean).collect::<BooleanArray>()),
            Holds::Texts => Arc::new(cells.iter().map(Cell::text).collect::<StringArray>()),
        }
    }

    /// Memory of the cells, in bytes.
    pub fn bytes(&self) -> usize {
        match &self.cells {
            PassedCells::Cells(cells, _) => {
                let texts = cells.iter().map(|cell| if let Cell::Text(text) = cell { text.len() + 16 } else { 0 });
                size_of_val(cells.as_slice()) + texts.sum::<usize>()
            }
            PassedCells::Array(array) => array.get_buffer_memory_size(),
        }
    }
}

#[cfg(test)]
mod tests {
    use arrow_array::cast::AsArray;
    use arrow_array::types::Int64Type;

    use super::*;

    fn passed(cells: Vec<Cell>) -> Passed {
        let holds = Holds::all(&cells);
        Passed { name: "id".into(), cells: PassedCells::Cells(cells, holds) }
    }

    #[test]
    fn cells_become_an_array_that_holds_them_all() {
        let large = || Cell::of_digits("9007199254740993");
        let integers = passed(vec![Cell::Number(3.0), Cell::Missing, large()]);
        let array = integers.array();
        let integers: Vec<_> = array.as_primitive::<Int64Type>().iter().collect();
        assert_eq!(integers, [Some(3), None, Some(9_007_199_254_740_993)]);
        let cases = [
            (vec![Cell::Number(0.5), Cell::Number(2.0)], Holds::Numbers),
            (vec![Cell::Number(0.5), large()], Holds::Texts),
            (vec![Cell::of_digits("18446744073709551615")], Holds::Texts),
            (vec![Cell::Boolean(true), Cell::Absent], Holds::Booleans),
            (vec![Cell::Boolean(true), Cell::Number(1.0)], Holds::Texts),
            (vec![Cell::Absent], Holds::Texts),
        ];
        for (cells, holds) in cases {
            assert_eq!(Holds::all(&cells), holds, "{cells:?}");
            let back = Passed { name: String::new(), cells: PassedCells::Array(passed(cells.clone()).array()) };
            let texts = |cells: &[Cell]| cells.iter().map(|cell| cell.text().map(Cow::into_owned)).collect::<Vec<_>>();
            assert_eq!(texts(&back.cells()), texts(&cells));
        }
    }
}
