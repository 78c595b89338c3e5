//! Rows as JSON objects, read straight into columns.

use std::collections::HashMap;
use std::fmt;
use std::mem;

use serde::de::{DeserializeSeed, Error, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::cell::{Cell, CellSeed};
use crate::data::limits::{MAX_NAMES_BYTES, SPARSE, check_column_name, is_sparse, long_names};
use crate::memory::made;
use crate::wording::Shown;

/// The most columns that are read.
pub const MAX_COLUMNS: usize = 16_384;
/// What a name takes beside its bytes, and a text.
const NAME_BYTES: usize = 160;
const ALLOCATION_BYTES: usize = 16;
/// Names and texts are charged in steps of so many bytes.
const STEP_BYTES: usize = 64 << 10;
/// What is said where the memory for the records is not to be had; whoever opened the scope says it better.
const NO_MEMORY: &str = "there is no memory for so many cells";

/// Rows as columns; of JSON it is one object or a list of objects.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Records {
    /// The keys, in the order of their first appearance.
    pub names: Vec<String>,
    /// For each name one cell a row.
    pub columns: Vec<Vec<Cell>>,
    /// Number of rows.
    pub rows: usize,
}

impl Records {
    /// Memory of the records, in bytes.
    pub fn bytes(&self) -> u64 {
        let cells = self.columns.iter().map(|cells| cells.capacity() * size_of::<Cell>()).sum::<usize>();
        let texts = self.columns.iter().flatten().map(|cell| match cell {
            Cell::Text(text) => text.len() + ALLOCATION_BYTES,
            _ => 0,
        });
        let names = self.names.iter().map(|name| name.len() + size_of::<String>()).sum::<usize>();
        (cells + texts.sum::<usize>() + names) as u64
    }
}

impl<'de> Deserialize<'de> for Records {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut reading = Reading::default();
        deserializer.deserialize_any(Outer(&mut reading))?;
        let Reading { mut records, .. } = reading;
        let rows = records.rows;
        if is_sparse((rows as u64).saturating_mul(records.names.len() as u64), reading.given) {
            return Err(D::Error::custom(SPARSE));
        }
        for column in &mut records.columns {
            make_room(column, rows, rows)?;
            column.resize(rows, Cell::Absent);
        }
        Ok(records)
    }
}

#[derive(Default)]
struct Reading {
    records: Records,
    index: HashMap<String, usize>,
    names_bytes: usize,
    /// The column after the one last seen: most rows have their keys in the same order.
    expected: usize,
    /// Cells that were given.
    given: u64,
    /// Cells that are held.
    held: u64,
    /// Bytes of names and texts that are not charged yet.
    uncharged: usize,
}

impl Reading {
    /// The column of a key, which must not have been in this row yet.
    fn column<E: Error>(&mut self, key: &str) -> Result<usize, E> {
        let records = &mut self.records;
        let row = records.rows;
        let known = match records.names.get(self.expected) {
            Some(name) if name == key => Some(self.expected),
            _ => self.index.get(key).copied(),
        };
        let column = match known {
            Some(column) => column,
            None if records.names.len() >= MAX_COLUMNS => {
                return Err(E::custom(format!(
                    "row {} has one key too many: at most {MAX_COLUMNS} are allowed",
                    row + 1
                )));
            }
            None => {
                check_column_name(key).map_err(|long| E::custom(format!("row {}: {long}", row + 1)))?;
                self.names_bytes += key.len();
                if self.names_bytes > MAX_NAMES_BYTES {
                    return Err(E::custom(long_names()));
                }
                // The name stands in the list and in the index.
                self.uncharged += 2 * key.len() + NAME_BYTES;
                records.names.push(key.to_owned());
                records.columns.push(Vec::new());
                self.index.insert(key.to_owned(), records.names.len() - 1);
                records.names.len() - 1
            }
        };
        self.expected = column + 1;
        let cells = &mut records.columns[column];
        if cells.len() > row {
            return Err(E::custom(format!("row {} has the key {} twice", row + 1, Shown(key))));
        }
        self.given += 1;
        self.held += (row + 1 - cells.len()) as u64;
        if is_sparse(self.held, self.given) {
            return Err(E::custom(SPARSE));
        }
        make_room(cells, row + 1, 2 * cells.capacity())?;
        cells.resize(row, Cell::Absent);
        Ok(column)
    }

    /// Counts bytes of names and texts, and charges them in steps.
    fn add_text<E: Error>(&mut self, bytes: usize) -> Result<(), E> {
        self.uncharged += bytes + ALLOCATION_BYTES;
        if self.uncharged >= STEP_BYTES {
            made(mem::take(&mut self.uncharged) as u64).map_err(|_| E::custom(NO_MEMORY))?;
        }
        Ok(())
    }
}

/// Gives `cells` room for `needed` cells, and for `wanted` where it has to be made.
fn make_room<E: Error>(cells: &mut Vec<Cell>, needed: usize, wanted: usize) -> Result<(), E> {
    if needed > cells.capacity() {
        let capacity = needed.max(wanted).max(4);
        let more = (capacity - cells.capacity()) * size_of::<Cell>();
        made(more as u64).map_err(|_| E::custom(NO_MEMORY))?;
        cells.reserve_exact(capacity - cells.len());
    }
    Ok(())
}

/// One object or a list of them.
struct Outer<'r>(&'r mut Reading);

impl<'de> Visitor<'de> for Outer<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("an object or a list of objects")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<(), A::Error> {
        Row(self.0).visit_map(map)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        while list.next_element_seed(Row(&mut *self.0))?.is_some() {}
        Ok(())
    }
}

/// One row.
struct Row<'r>(&'r mut Reading);

impl<'de> DeserializeSeed<'de> for Row<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Row<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "an object as row {}", self.0.records.rows + 1)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        self.0.expected = 0;
        while let Some(column) = map.next_key_seed(Key(&mut *self.0))? {
            let records = &mut self.0.records;
            let cell = map.next_value_seed(CellSeed { row: records.rows, key: &records.names[column] })?;
            let text = if let Cell::Text(text) = &cell { Some(text.len()) } else { None };
            records.columns[column].push(cell);
            text.map_or(Ok(()), |length| self.0.add_text(length))?;
        }
        self.0.records.rows += 1;
        Ok(())
    }
}

/// A key, which becomes its column.
struct Key<'r>(&'r mut Reading);

impl<'de> DeserializeSeed<'de> for Key<'_> {
    type Value = usize;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<usize, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for Key<'_> {
    type Value = usize;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E: Error>(self, key: &str) -> Result<usize, E> {
        self.0.column(key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::{Share, scope};

    fn read(json: &str) -> Result<Records, String> {
        serde_json::from_str(json).map_err(|error| error.to_string())
    }

    #[test]
    fn rows_become_columns_in_order_of_appearance() {
        let records = read(r#"[{"a":1,"b":"x"},{"c":true,"a":null},{},{"b":"é\n","a":-2.5}]"#).unwrap();
        assert_eq!((records.names.join(","), records.rows), ("a,b,c".to_owned(), 4));
        let (number, text) = (Cell::Number, |text: &str| Cell::Text(text.into()));
        assert_eq!(records.columns[0], [number(1.0), Cell::Missing, Cell::Absent, number(-2.5)]);
        assert_eq!(records.columns[1], [text("x"), Cell::Absent, Cell::Absent, text("é\n")]);
        assert_eq!(records.columns[2], [Cell::Absent, Cell::Boolean(true), Cell::Absent, Cell::Absent]);
        let large =
            read(r#"[{"a":9007199254740993},{"a":-9007199254740993},{"a":9007199254740992},{"a":1.0}]"#).unwrap();
        let texts: Vec<_> = large.columns[0].iter().filter_map(Cell::text).collect();
        assert_eq!(texts, ["9007199254740993", "-9007199254740993", "9007199254740992", "1"]);
        let one = read(r#"{"a":1}"#).unwrap();
        assert_eq!((one.rows, one.columns), (1, vec![vec![number(1.0)]]));
        assert_eq!(read("[]").unwrap(), Records::default());
    }

    #[test]
    fn what_is_no_cell_is_refused_with_its_place() {
        for (json, part) in [
            (r#"[{"a":1},{"b":[1]}]"#, "row 2 at \"b\""),
            (r#"[{"a":{}}]"#, "row 1 at \"a\""),
            (r#"[{"a":1},{"a":1,"a":2}]"#, "row 2 has the key \"a\" twice"),
            ("[{},3]", "an object as row 2"),
            ("3", "an object or a list of objects"),
            (r#"[{"a":1e999}]"#, "number out of range"),
        ] {
            let error = read(json).unwrap_err();
            assert!(error.contains(part), "{json}: {error}");
        }
    }

    #[test]
    fn what_records_become_is_charged() {
        let share = Share::new("requests", bytesize::ByteSize::mib(1));
        let charge = share.charge(None);
        let within = |json: &str| scope(&charge, || read(json).is_ok());
        let rows = |row: &str, count: usize| format!("[{}]", vec![row; count].join(","));
        assert_eq!(within(&rows(r#"{"a":1}"#, 1000)), Ok(true));
        let held = charge.held();
        let records = read(&rows(r#"{"a":1}"#, 1000)).unwrap();
        assert!((1000 * size_of::<Cell>() as u64..=records.bytes()).contains(&held), "{held} {}", records.bytes());
        charge.settle(0);
        // A key of sixteen in each row: one byte in ten of the body is a cell, and sixteen cells are held for it.
        let keys: Vec<String> = (0..16).map(|at| format!(r#"{{"{at}":1}}"#)).collect();
        assert!(within(&rows(&keys.join(","), 1000)).is_err());
        charge.settle(0);
        assert!(within(&rows(&format!(r#"{{"a":"{}"}}"#, "x".repeat(1000)), 2000)).is_err());
    }

    #[test]
    fn columns_and_empty_cells_are_bounded() {
        let wide: Vec<String> = (0..=MAX_COLUMNS).map(|at| format!("\"{at}\":0")).collect();
        assert!(read(&format!("{{{}}}", wide.join(","))).unwrap_err().contains("one key too many"));
        let sparse: Vec<String> = (0..10_000).map(|at| format!("{{\"{at}\":0}}")).collect();
        assert!(read(&format!("[{}]", sparse.join(","))).unwrap_err().contains("too few of their keys"));
    }
}
