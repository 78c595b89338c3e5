//! Objects of a piece of JSON, cell by cell.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use crate::data::error::DataError;
use crate::data::inference::Written;
use crate::data::limits::{IngestLimits, MAX_NAMES_BYTES, check_column_name, long_names, oversized, too_many_columns};
use crate::data::text::lines_in;

/// A cell; one that is null is an empty text.
pub(crate) struct RawCell<'a> {
    /// Its column's name.
    pub key: &'a str,
    pub text: &'a str,
    pub written: Written,
}

/// What is done with a cell: its row, its column, the cell, its line.
pub(crate) type OnCell<'c> = dyn FnMut(usize, usize, RawCell, &dyn Fn() -> u64) -> Result<(), DataError> + 'c;

/// Where a text begins in its document.
#[derive(Clone, Copy)]
pub(crate) struct Place {
    pub line: u64,
    /// Bytes of that line before it.
    pub before: u64,
}

/// Reads objects whose keys are columns.
pub(crate) struct Objects<'l> {
    names: Vec<String>,
    names_bytes: usize,
    index: HashMap<String, usize>,
    /// For each column one more than the last row that has it.
    seen: Vec<usize>,
    rows: usize,
    /// Keys of all objects.
    given: u64,
    /// The column after the one last seen: most objects have their keys in the same order.
    expected: usize,
    limits: &'l IngestLimits,
    /// Whether unknown keys are new columns.
    grows: bool,
    failure: Option<DataError>,
}

impl<'l> Objects<'l> {
    /// With the columns that are known.
    pub fn new(names: Vec<String>, limits: &'l IngestLimits, grows: bool) -> Self {
        let index = names.iter().cloned().zip(0..).collect();
        let seen = vec![0; names.len()];
        Objects { names, names_bytes: 0, index, seen, rows: 0, given: 0, expected: 0, limits, grows, failure: None }
    }

    /// Objects so far.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Cells that the objects name.
    pub fn given(&self) -> u64 {
        self.given
    }

    /// The columns so far.
    pub fn into_names(self) -> Vec<String> {
        self.names
    }

    /// Reads a text that is one object, and begins its line.
    ///
    /// # Errors
    /// It is none, or has values that cannot be cells, or `cell` fails.
    pub fn read_object(&mut self, text: &str, line: u64, cell: &mut OnCell) -> Result<(), DataError> {
        let mut json = serde_json::Deserializer::from_str(text);
        let result = Object { objects: self, text, line, cell }.deserialize(&mut json).and_then(|()| json.end());
        result.map_err(|error| self.failed(&error, text, 0, Place { line, before: 0 }))
    }

    /// Reads a text of objects with commas between them, which begins at `place`; says how many objects there were so far.
    ///
    /// # Errors
    /// As [`Objects::read_object`].
    pub fn read_array(&mut self, text: &str, place: Place, cell: &mut OnCell) -> Result<usize, DataError> {
        const OPENING: &str = "[";
        let (text, line) = (format!("{OPENING}{text}]"), place.line);
        let mut json = serde_json::Deserializer::from_str(&text);
        let list = List(Object { objects: self, text: &text, line, cell });
        let result = json.deserialize_seq(list).and_then(|()| json.end());
        result.map_err(|error| self.failed(&error, &text, OPENING.len(), place))?;
        Ok(self.rows)
    }

    /// An error in a text of which all but the first `added` bytes stand at `place`.
    fn failed(&mut self, error: &serde_json::Error, text: &str, added: usize, place: Place) -> DataError {
        self.failure.take().unwrap_or_else(|| {
            let told = error.to_string();
            let reason = told.split(" at line ").next().unwrap_or(&told);
            let ahead = ahead_of(error, text.as_bytes());
            let Place { line, before } = place.behind(&ahead[added.min(ahead.len())..]);
            let detail = format!("this is not a JSON object: {reason} (byte {} of the line)", before + 1);
            DataError::malformed(detail).at(line)
        })
    }

    /// The column of a key; nothing if that is an error.
    fn column(&mut self, key: &str) -> Result<usize, DataError> {
        let known = match self.names.get(self.expected) {
            Some(name) if name == key => Some(self.expected),
            _ => self.index.get(key).copied(),
        };
        let column = match known {
            Some(column) => column,
            None if !self.grows => return Err(DataError::io("the source has changed while it was read")),
            None if self.names.len() >= self.limits.max_columns => {
                return Err(too_many_columns(self.names.len() + 1, self.limits.max_columns));
            }
            None => {
                check_column_name(key).map_err(DataError::too_large)?;
                self.names_bytes += key.len();
                if self.names_bytes > MAX_NAMES_BYTES {
                    return Err(long_names());
                }
                self.names.push(key.to_owned());
                self.index.insert(key.to_owned(), self.names.len() - 1);
                self.seen.push(0);
                self.names.len() - 1
            }
        };
        if self.seen[column] == self.rows + 1 {
            return Err(DataError::malformed("the object has this key twice").of(key));
        }
        self.seen[column] = self.rows + 1;
        self.given += 1;
        self.expected = column + 1;
        Ok(column)
    }
}

impl Place {
    /// Where what follows these bytes begins, which begin here.
    pub fn behind(self, bytes: &[u8]) -> Self {
        match memchr::memrchr(b'\n', bytes) {
            Some(end) => Place { line: self.line + lines_in(bytes), before: (bytes.len() - end - 1) as u64 },
            None => Place { before: self.before + bytes.len() as u64, ..self },
        }
    }
}

/// The bytes of a text before the one that an error is about: the last one that the parser has seen, which may end a line.
fn ahead_of<'t>(error: &serde_json::Error, text: &'t [u8]) -> &'t [u8] {
    let ended = error.line().checked_sub(2).and_then(|line| memchr::memchr_iter(b'\n', text).nth(line));
    let seen = ended.map_or(0, |end| end + 1) + error.column();
    &text[..seen.saturating_sub(1).min(text.len())]
}

/// One object to be read.
struct Object<'o, 'l, 't, 'c, 'd> {
    objects: &'o mut Objects<'l>,
    text: &'t str,
    line: u64,
    cell: &'c mut OnCell<'d>,
}

impl Object<'_, '_, '_, '_, '_> {
    fn value(&mut self, column: usize, raw: &str) -> Result<(), DataError> {
        let line = || self.line + lines_before(self.text, raw);
        let most = self.objects.limits.max_cell_bytes;
        let mut unescaped = Cow::Borrowed("");
        let (text, written) = match raw.as_bytes().first() {
            Some(b'n') => ("", Written::Quoted),
            Some(b't' | b'f') => (raw, Written::Boolean),
            Some(b'"') if !raw.contains('\\') => (&raw[1..raw.len() - 1], Written::Quoted),
            Some(b'"') => {
                let parsed = serde_json::from_str::<String>(raw);
                unescaped = Cow::Owned(parsed.map_err(|_| {
                    DataError::malformed("the text has an escape that stands for no character").at(line())
                })?);
                (unescaped.as_ref(), Written::Quoted)
            }
            Some(b'{' | b'[') => {
                let detail = "the value is an object or a list; give each of its values a column of its own";
                return Err(DataError::malformed(detail).at(line()).of(&self.objects.names[column]));
            }
            _ => (raw, Written::Number),
        };
        if text.len() > most {
            return Err(oversized(text.len(), most).at(line()).of(&self.objects.names[column]));
        }
        let key = self.objects.names[column].as_str();
        let result = (self.cell)(self.objects.rows, column, RawCell { key, text, written }, &line);
        drop(unescaped);
        result
    }
}

/// The lines before a part of a text.
fn lines_before(text: &str, part: &str) -> u64 {
    let at = (part.as_ptr() as usize).saturating_sub(text.as_ptr() as usize).min(text.len());
    lines_in(&text.as_bytes()[..at])
}

impl<'de> DeserializeSeed<'de> for Object<'_, '_, '_, '_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Object<'_, '_, '_, '_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<(), A::Error> {
        self.objects.expected = 0;
        loop {
            let column = match map.next_key_seed(Key(self.objects))? {
                Some(column) => column,
                None => break,
            };
            let raw: &'de RawValue = map.next_value()?;
            let column = column.map_err(|error| {
                if error.line.is_none() { error.at(self.line + lines_before(self.text, raw.get())) } else { error }
            });
            if let Err(error) = column.and_then(|column| self.value(column, raw.get())) {
                self.objects.failure = Some(error);
                return Err(A::Error::custom("refused"));
            }
        }
        self.objects.rows += 1;
        Ok(())
    }
}

/// A key, which becomes its column.
struct Key<'o, 'l>(&'o mut Objects<'l>);

impl<'de> DeserializeSeed<'de> for Key<'_, '_> {
    type Value = Result<usize, DataError>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for Key<'_, '_> {
    type Value = Result<usize, DataError>;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E: Error>(self, key: &str) -> Result<Self::Value, E> {
        Ok(self.0.column(key))
    }
}

/// Objects with commas between them, in brackets.
struct List<'o, 'l, 't, 'c, 'd>(Object<'o, 'l, 't, 'c, 'd>);

impl<'de> Visitor<'de> for List<'_, '_, '_, '_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("a list of objects")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        let Object { objects, text, line, cell } = self.0;
        while list.next_element_seed(Object { objects: &mut *objects, text, line, cell: &mut *cell })?.is_some() {}
        Ok(())
    }
}
