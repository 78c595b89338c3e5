//! Rows of the stored form as they would stand in a list of records.

use arrow_array::Array;
use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int32Type, TimestampMicrosecondType};
use arrow_schema::DataType;
use parquet::file::reader::ChunkReader;
use serde_json::{Map, Value};

use super::read::{StoredFile, unreadable};
use crate::data::error::DataError;
use crate::data::profile::TableProfile;
use crate::data::values::format_datetime;

/// Cells that are given at most: fewer rows of many columns.
const MOST_CELLS: usize = 1 << 17;
/// Bytes of names and texts that are given at most, and so many more for the last row.
const MOST_BYTES: usize = 8 << 20;
/// Characters of a text; a longer one is cut and ends with an ellipsis.
const MOST_CHARACTERS: usize = 256;

/// Bytes of a cell among objects, beside its text: a node of a map with a name and a value.
const CELL_BYTES: usize = 160;
/// Bytes of a name or a text, at most.
const TEXT_BYTES: usize = 4 * MOST_CHARACTERS;

/// Rows of a table of so many columns that are given at most.
fn most_rows(columns: usize, limit: usize) -> usize {
    limit.min((MOST_CELLS / columns.max(1)).max(1))
}

/// Bytes that at most `limit` rows of a table take as objects, at most.
pub fn preview_bytes(profile: &TableProfile, limit: usize) -> usize {
    let columns = profile.columns.len();
    let cells = columns * most_rows(columns, limit).min(usize::try_from(profile.rows).unwrap_or(usize::MAX));
    cells * CELL_BYTES + (cells * TEXT_BYTES).min(2 * MOST_BYTES)
}

/// Reads at most `limit` rows from `offset` on, as JSON objects; fewer of very wide tables and of long names and texts.
///
/// Integers are written without `.0`, dates in RFC 3339, long texts are cut, and missing values are null.
///
/// # Errors
/// The file cannot be read or is not of this profile.
pub fn preview<S: ChunkReader + 'static>(
    source: S,
    profile: &TableProfile,
    offset: u64,
    limit: usize,
) -> Result<Vec<Map<String, Value>>, DataError> {
    let names: Vec<&str> = profile.columns.iter().map(|column| column.name.as_str()).collect();
    let limit = most_rows(names.len(), limit);
    let end = profile.rows.min(offset.saturating_add(limit as u64));
    if offset >= end {
        return Ok(Vec::new());
    }
    let file = StoredFile::open(source, profile, &names)?;
    let (mut objects, mut bytes) = (Vec::new(), 0);
    for batch in file.read(Some(offset..end), file.group_rows())? {
        let batch = batch.map_err(unreadable)?;
        for row in 0..batch.num_rows() {
            let cells = names.iter().zip(batch.columns());
            let object: Map<String, Value> =
                cells.map(|(name, array)| ((*name).to_owned(), json(array.as_ref(), row))).collect();
            bytes += object.iter().map(|(name, value)| name.len() + value.as_str().map_or(0, str::len)).sum::<usize>();
            objects.push(object);
            if bytes >= MOST_BYTES {
                return Ok(objects);
            }
        }
    }
    Ok(objects)
}

/// A cell as JSON.
fn json(array: &dyn Array, row: usize) -> Value {
    if array.is_null(row) {
        return Value::Null;
    }
    match array.data_type() {
        DataType::Float64 => number(array.as_primitive::<Float64Type>().value(row)),
        DataType::Boolean => Value::Bool(array.as_boolean().value(row)),
        DataType::Timestamp(..) => {
            Value::String(format_datetime(array.as_primitive::<TimestampMicrosecondType>().value(row)))
        }
        _ => {
            let array = array.as_dictionary::<Int32Type>();
            let key = array.keys().value(row) as usize;
            Value::String(cut(array.values().as_string::<i32>().value(key)))
        }
    }
}

fn cut(text: &str) -> String {
    match text.char_indices().nth(MOST_CHARACTERS) {
        None => text.to_owned(),
        Some((end, _)) => format!("{}…", &text[..end]),
    }
}

/// A number, as an integer if it is one that floats hold exactly.
fn number(value: f64) -> Value {
    if value == value.trunc() && value.abs() <= 9_007_199_254_740_992.0 {
        return Value::from(value as i64);
    }
    serde_json::Number::from_f64(value).map_or(Value::Null, Value::Number)
}
