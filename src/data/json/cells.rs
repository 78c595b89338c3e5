//! A list of cells: what records would have in one column.

use std::fmt;

use serde::de::{Error, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::cell::{Cell, CellSeed};
use crate::memory::made;

/// A list of cells is charged when it grows beyond so many.
const COUNTED: usize = 64;

/// Numbers, texts, true, false or null, one after the other.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Cells(pub Vec<Cell>);

impl<'de> Deserialize<'de> for Cells {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct List;
        impl<'de> Visitor<'de> for List {
            type Value = Cells;

            fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
                f.write_str("a list of values")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Cells, A::Error> {
                let mut cells = Vec::new();
                while let Some(cell) = list.next_element_seed(CellSeed { row: cells.len(), key: "targets" })? {
                    let text = if let Cell::Text(text) = &cell { text.len() } else { 0 };
                    let doubled = cells.len() == cells.capacity() && cells.len() >= COUNTED;
                    let more = if doubled { cells.len() * size_of::<Cell>() } else { 0 };
                    if text + more > 0 {
                        made((text + more) as u64).map_err(|_| A::Error::custom("no memory"))?;
                    }
                    cells.push(cell);
                }
                Ok(Cells(cells))
            }
        }
        deserializer.deserialize_seq(List)
    }
}
