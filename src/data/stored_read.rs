//! Reads the stored form: some columns, some rows, or one batch after another.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int32Type, TimestampMicrosecondType};
use arrow_array::{Array, RecordBatch};
use arrow_schema::{DataType, Field, Schema, TimeUnit};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder,
};
use parquet::file::reader::ChunkReader;
use serde_json::{Map, Value};

use super::cell::format_datetime;
use super::column::{Column, ColumnType, Table, Values, Words};
use super::error::DataError;
use super::profile::TableProfile;
use super::source::Shared;

/// Rows that are decoded at once.
const BATCH_ROWS: usize = 8192;

/// Reads these columns alone, in this order.
///
/// # Errors
/// There is no such column, or the file cannot be read or is not of this profile.
pub fn read_columns<S: ChunkReader + 'static>(
    source: S,
    profile: &TableProfile,
    names: &[&str],
) -> Result<Table, DataError> {
    let file = StoredFile::open(source, profile, names)?;
    let mut columns = file.empty_columns(profile.rows as usize);
    let mut codes: Vec<HashMap<String, u32>> = vec![HashMap::new(); columns.len()];
    let mut rows = 0;
    for batch in file.read(None)? {
        let batch = batch.map_err(unreadable)?;
        rows += batch.num_rows();
        append(&batch, &mut columns, &mut codes)?;
    }
    check_rows(rows, profile)?;
    Ok(file.table(columns, rows, names))
}

/// Reads at most `limit` rows from `offset` on, as JSON objects.
///
/// Integers are written without `.0`, dates in RFC 3339, and missing values are null.
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
    let end = profile.rows.min(offset.saturating_add(limit as u64));
    if offset >= end {
        return Ok(Vec::new());
    }
    let file = StoredFile::open(source, profile, &names)?;
    let mut objects = Vec::new();
    for batch in file.read(Some(offset..end))? {
        let batch = batch.map_err(unreadable)?;
        for row in 0..batch.num_rows() {
            let cells = names.iter().zip(batch.columns());
            objects.push(cells.map(|(name, array)| ((*name).to_owned(), json(array.as_ref(), row))).collect());
        }
    }
    Ok(objects)
}

/// Gives the rows of these columns to `batch`, some at a time; its words have codes of their own in each batch. Stops
/// when `batch` answers false.
///
/// # Errors
/// As [`read_columns`].
pub fn for_each_batch<S: ChunkReader + 'static>(
    source: S,
    profile: &TableProfile,
    names: &[&str],
    mut batch: impl FnMut(Table) -> bool,
) -> Result<(), DataError> {
    let file = StoredFile::open(source, profile, names)?;
    let schema = file.empty_columns(0);
    for read in file.read(None)? {
        let read = read.map_err(unreadable)?;
        let mut columns = schema.clone();
        append(&read, &mut columns, &mut vec![HashMap::new(); schema.len()])?;
        if !batch(file.table(columns, read.num_rows(), names)) {
            break;
        }
    }
    Ok(())
}

/// A file with the columns that are wanted of it.
struct StoredFile<S: ChunkReader + 'static> {
    source: Arc<S>,
    /// The wanted columns as the file orders them, which is how they are read.
    wanted: Vec<(usize, String, ColumnType)>,
    metadata: ArrowReaderMetadata,
}

impl<S: ChunkReader + 'static> StoredFile<S> {
    fn open(source: S, profile: &TableProfile, names: &[&str]) -> Result<Self, DataError> {
        let index: HashMap<&str, usize> =
            profile.columns.iter().enumerate().map(|(at, column)| (column.name.as_str(), at)).collect();
        let mut wanted = Vec::new();
        for name in names {
            let at = *index.get(name).ok_or_else(|| DataError::unfit("there is no such column").of(name))?;
            wanted.push((at, (*name).to_owned(), profile.columns[at].kind));
        }
        wanted.sort_unstable();
        wanted.dedup();
        let fields: Vec<Field> =
            profile.columns.iter().map(|column| Field::new(&column.name, data_type(column.kind), true)).collect();
        let options = ArrowReaderOptions::new().with_schema(Arc::new(Schema::new(fields)));
        let metadata = ArrowReaderMetadata::load(&source, options).map_err(unreadable)?;
        Ok(StoredFile { source: Arc::new(source), wanted, metadata })
    }

    /// Reads all rows, or a range of them.
    fn read(&self, rows: Option<Range<u64>>) -> Result<ParquetRecordBatchReader, DataError> {
        let source = Shared(Arc::clone(&self.source));
        let mut builder = ParquetRecordBatchReaderBuilder::new_with_metadata(source, self.metadata.clone());
        let leaves = self.wanted.iter().map(|(at, _, _)| *at);
        builder = builder
            .with_projection(ProjectionMask::leaves(self.metadata.parquet_schema(), leaves))
            .with_batch_size(BATCH_ROWS);
        if let Some(rows) = rows {
            let (groups, before) = self.groups_of(&rows);
            builder = builder
                .with_row_groups(groups)
                .with_offset((rows.start - before) as usize)
                .with_limit((rows.end - rows.start) as usize)
                .with_batch_size(BATCH_ROWS.min((rows.end - rows.start) as usize));
        }
        builder.build().map_err(unreadable)
    }

    /// The row groups that have some of the rows, and how many rows stand before them.
    fn groups_of(&self, rows: &Range<u64>) -> (Vec<usize>, u64) {
        let (mut groups, mut before, mut start) = (Vec::new(), 0, 0);
        for (at, group) in self.metadata.metadata().row_groups().iter().enumerate() {
            let end = start + group.num_rows().max(0) as u64;
            if end <= rows.start {
                before = end;
            } else if start < rows.end {
                groups.push(at);
            }
            start = end;
        }
        (groups, before)
    }

    fn empty_columns(&self, rows: usize) -> Vec<Values> {
        let empty = |kind: ColumnType| match kind {
            ColumnType::Numeric => Values::Numeric(Vec::with_capacity(rows)),
            ColumnType::Boolean => Values::Boolean(Vec::with_capacity(rows)),
            ColumnType::Datetime => Values::Datetime(Vec::with_capacity(rows)),
            ColumnType::Categorical | ColumnType::Text => {
                Values::Words(Words { codes: Vec::with_capacity(rows), words: Vec::new() })
            }
        };
        self.wanted.iter().map(|(_, _, kind)| empty(*kind)).collect()
    }

    /// The columns in the order of `names`.
    fn table(&self, values: Vec<Values>, rows: usize, names: &[&str]) -> Table {
        let read: HashMap<&str, Column> = self
            .wanted
            .iter()
            .zip(values)
            .map(|((_, name, kind), values)| (name.as_str(), Column { name: name.clone(), kind: *kind, values }))
            .collect();
        let mut read = read;
        let mut columns: Vec<Column> = Vec::with_capacity(names.len());
        for name in names {
            let again = || columns.iter().find(|column| column.name == *name).cloned();
            let column = read.remove(name).or_else(again).expect("all wanted columns are read");
            columns.push(column);
        }
        Table { columns, rows }
    }
}

/// Words come as dictionaries, so that each is looked at once a batch.
fn data_type(kind: ColumnType) -> DataType {
    match kind {
        ColumnType::Numeric => DataType::Float64,
        ColumnType::Boolean => DataType::Boolean,
        ColumnType::Datetime => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
        ColumnType::Categorical | ColumnType::Text => {
            DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8))
        }
    }
}

fn append(batch: &RecordBatch, columns: &mut [Values], codes: &mut [HashMap<String, u32>]) -> Result<(), DataError> {
    for ((array, values), codes) in batch.columns().iter().zip(columns).zip(codes) {
        match values {
            Values::Numeric(values) => {
                let array = array.as_primitive::<Float64Type>();
                if array.null_count() == 0 {
                    values.extend_from_slice(array.values());
                } else {
                    values.extend(array.iter().map(|value| value.unwrap_or(f64::NAN)));
                }
            }
            Values::Boolean(values) => values.extend(array.as_boolean().iter()),
            Values::Datetime(values) => values.extend(array.as_primitive::<TimestampMicrosecondType>().iter()),
            Values::Words(words) => append_words(array.as_ref(), words, codes)?,
        }
    }
    Ok(())
}

fn append_words(array: &dyn Array, words: &mut Words, codes: &mut HashMap<String, u32>) -> Result<(), DataError> {
    let array = array.as_dictionary::<Int32Type>();
    let entries = array.values().as_string::<i32>();
    let mut known: Vec<Option<u32>> = vec![None; entries.len()];
    for key in array.keys() {
        let Some(key) = key.map(|key| key as usize).filter(|key| !entries.is_null(*key)) else {
            words.codes.push(Words::MISSING);
            continue;
        };
        let code = *known[key].get_or_insert_with(|| {
            let word = entries.value(key);
            codes.get(word).copied().unwrap_or_else(|| {
                let code = words.words.len() as u32;
                words.words.push(word.to_owned());
                codes.insert(word.to_owned(), code);
                code
            })
        });
        words.codes.push(code);
    }
    Ok(())
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
            Value::String(array.values().as_string::<i32>().value(key).to_owned())
        }
    }
}

/// A number, as an integer if it is one that floats hold exactly.
fn number(value: f64) -> Value {
    if value == value.trunc() && value.abs() <= 9_007_199_254_740_992.0 {
        return Value::from(value as i64);
    }
    serde_json::Number::from_f64(value).map_or(Value::Null, Value::Number)
}

fn check_rows(rows: usize, profile: &TableProfile) -> Result<(), DataError> {
    if rows as u64 == profile.rows {
        return Ok(());
    }
    Err(DataError::io(format!("the stored columns have {rows} rows; {} belong there", profile.rows)))
}

fn unreadable(error: impl std::fmt::Display) -> DataError {
    DataError::io(format!("the stored columns cannot be read: {error}"))
}
