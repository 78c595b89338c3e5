//! Reads the stored form: some columns whole, one batch after another, or what different values a column has.

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
use parquet::file::properties::DEFAULT_DATA_PAGE_ROW_COUNT_LIMIT;
use parquet::file::reader::ChunkReader;

use crate::data::column::{Column, ColumnType, Table, Values, Words};
use crate::data::error::DataError;
use crate::data::profile::TableProfile;
use crate::data::source::SharedSource;

/// Rows that are decoded at once, and cells of these rows: between two batches a reader may be told to stop.
const BATCH_ROWS: usize = 8192;
const BATCH_CELLS: usize = 1 << 20;
/// Rows of a page of a column at most: nothing else is asked of the writer.
pub const PAGE_ROWS: usize = DEFAULT_DATA_PAGE_ROW_COUNT_LIMIT;
/// Bytes of all words of a column of classes.
const MOST_CLASS_BYTES: usize = 16 << 20;

/// Reads these columns alone, in this order.
///
/// # Errors
/// There is no such column, or the file cannot be read or is not of this profile.
pub fn read_columns<S: ChunkReader + 'static>(
    source: S,
    profile: &TableProfile,
    names: &[&str],
) -> Result<Table, DataError> {
    read_columns_unless(source, profile, names, &|| true)
}

/// The same, for as long as `go_on` says so.
///
/// # Errors
/// As [`read_columns`]; `Stopped`.
pub fn read_columns_unless<S: ChunkReader + 'static>(
    source: S,
    profile: &TableProfile,
    names: &[&str],
    go_on: &dyn Fn() -> bool,
) -> Result<Table, DataError> {
    let file = StoredFile::open(source, profile, names)?;
    let mut columns = file.empty_columns(profile.rows as usize);
    let mut codes: Vec<HashMap<String, u32>> = vec![HashMap::new(); columns.len()];
    let mut rows = 0;
    for batch in file.read(None, batch_rows(names.len()))? {
        let batch = batch.map_err(unreadable)?;
        if !go_on() {
            return Err(DataError::stopped());
        }
        rows += batch.num_rows();
        append(&batch, &mut columns, &mut codes)?;
    }
    check_rows(rows, profile)?;
    Ok(file.table(columns, rows, names))
}

/// Rows of a batch of so many columns that are read whole.
pub fn batch_rows(columns: usize) -> usize {
    (BATCH_CELLS / columns.max(1)).clamp(64, BATCH_ROWS)
}

/// Gives the rows of these columns to `batch`, at most `most_rows` at a time; its words have codes of their own in each
/// batch. Stops when `batch` answers false.
///
/// # Errors
/// As [`read_columns`].
pub fn for_each_batch<S: ChunkReader + 'static>(
    source: S,
    profile: &TableProfile,
    names: &[&str],
    most_rows: usize,
    mut batch: impl FnMut(Table) -> bool,
) -> Result<(), DataError> {
    let file = StoredFile::open(source, profile, names)?;
    let schema = file.empty_columns(0);
    for read in file.read(None, most_rows.clamp(1, file.group_rows()))? {
        let read = read.map_err(unreadable)?;
        let mut columns = schema.clone();
        append(&read, &mut columns, &mut vec![HashMap::new(); schema.len()])?;
        if !batch(file.table(columns, read.num_rows(), names)) {
            break;
        }
    }
    Ok(())
}

/// Bytes that reading the different values of a column takes at most: they and their codes, with those of one group.
pub fn distinct_bytes(profile: &TableProfile) -> u64 {
    /// Of a value, as a word of usual length or a number.
    const VALUE: u64 = 96;
    profile.rows.saturating_mul(VALUE).min(2 * MOST_CLASS_BYTES as u64)
}

/// The different values of a column as a column of their own, in no particular order: all of them, or more than `most`.
///
/// # Errors
/// As [`read_columns`]; `Unfit` if they are words too long to be classes.
pub fn distinct_values<S: ChunkReader + 'static>(
    source: S,
    profile: &TableProfile,
    name: &str,
    most: usize,
) -> Result<Column, DataError> {
    let file = StoredFile::open(source, profile, &[name])?;
    let (mut columns, mut codes) = (file.empty_columns(0), vec![HashMap::new()]);
    for batch in file.read(None, file.group_rows())? {
        append(&batch.map_err(unreadable)?, &mut columns, &mut codes)?;
        keep_distinct(&mut columns[0]);
        if let Values::Words(words) = &columns[0]
            && words.words.iter().map(String::len).sum::<usize>() > MOST_CLASS_BYTES
        {
            return Err(DataError::unfit("its values are too long to be classes").of(name));
        }
        if columns[0].len() > most {
            break;
        }
    }
    let rows = columns[0].len();
    Ok(file.table(columns, rows, &[name]).columns.remove(0))
}

fn keep_distinct(values: &mut Values) {
    match values {
        Values::Numeric(values) => {
            values.retain(|value| !value.is_nan());
            values.sort_unstable_by(f64::total_cmp);
            values.dedup();
        }
        Values::Boolean(values) => {
            values.retain(Option::is_some);
            values.sort_unstable();
            values.dedup();
        }
        Values::Datetime(values) => {
            values.retain(Option::is_some);
            values.sort_unstable();
            values.dedup();
        }
        Values::Words(words) => words.codes = (0..words.words.len() as u32).collect(),
    }
}

/// A file with the columns that are wanted of it.
pub(super) struct StoredFile<S: ChunkReader + 'static> {
    source: Arc<S>,
    /// The wanted columns as the file orders them, which is how they are read.
    wanted: Vec<(usize, String, ColumnType)>,
    metadata: ArrowReaderMetadata,
}

impl<S: ChunkReader + 'static> StoredFile<S> {
    pub fn open(source: S, profile: &TableProfile, names: &[&str]) -> Result<Self, DataError> {
        let index: HashMap<&str, usize> =
            profile.columns.iter().enumerate().map(|(at, column)| (column.name.as_str(), at)).collect();
        let mut wanted = Vec::new();
        for name in names {
            let at = *index.get(name).ok_or_else(|| DataError::unfit("there is no such column").of(name))?;
            wanted.push((at, (*name).to_owned(), profile.columns[at].kind));
        }
        wanted.sort_unstable();
        wanted.dedup();
        // Words come as dictionaries, so that each is looked at once a batch.
        let words = DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8));
        let metadata = load(&source, profile, words)?;
        Ok(StoredFile { source: Arc::new(source), wanted, metadata })
    }

    /// Rows of the smallest row group but the last, at most [`BATCH_ROWS`]: a batch of so many takes the memory of a
    /// few row groups, however wide the table and however long its words are.
    pub fn group_rows(&self) -> usize {
        let groups = self.metadata.metadata().row_groups();
        let whole = groups.iter().take(groups.len().saturating_sub(1));
        whole.map(|group| group.num_rows().max(1) as usize).fold(BATCH_ROWS, usize::min)
    }

    /// Reads all rows, or a range of them, `batch` of them at once.
    pub fn read(&self, rows: Option<Range<u64>>, batch: usize) -> Result<ParquetRecordBatchReader, DataError> {
        let source = SharedSource(Arc::clone(&self.source));
        let mut builder = ParquetRecordBatchReaderBuilder::new_with_metadata(source, self.metadata.clone());
        let leaves = self.wanted.iter().map(|(at, _, _)| *at);
        builder = builder
            .with_projection(ProjectionMask::leaves(self.metadata.parquet_schema(), leaves))
            .with_batch_size(batch);
        if let Some(rows) = rows {
            let (groups, before) = self.groups_of(&rows);
            builder = builder
                .with_row_groups(groups)
                .with_offset((rows.start - before) as usize)
                .with_limit((rows.end - rows.start) as usize)
                .with_batch_size(batch.min((rows.end - rows.start) as usize));
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

/// Reads what a file says of the table of this profile, whose words come as arrays of this type.
pub(super) fn load<S: ChunkReader>(
    source: &S,
    profile: &TableProfile,
    words: DataType,
) -> Result<ArrowReaderMetadata, DataError> {
    let kind = |kind: ColumnType| match kind {
        ColumnType::Numeric => DataType::Float64,
        ColumnType::Boolean => DataType::Boolean,
        ColumnType::Datetime => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
        ColumnType::Categorical | ColumnType::Text => words.clone(),
    };
    let fields = profile.columns.iter().map(|column| Field::new(&column.name, kind(column.kind), true));
    let options = ArrowReaderOptions::new().with_schema(Arc::new(Schema::new(fields.collect::<Vec<_>>())));
    let metadata = ArrowReaderMetadata::load(source, options).map_err(unreadable)?;
    // Checked before memory is taken for so many rows.
    check_rows(usize::try_from(metadata.metadata().file_metadata().num_rows()).unwrap_or(0), profile)?;
    Ok(metadata)
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

fn check_rows(rows: usize, profile: &TableProfile) -> Result<(), DataError> {
    if rows as u64 == profile.rows {
        return Ok(());
    }
    Err(DataError::io(format!("the stored columns have {rows} rows; {} belong there", profile.rows)))
}

pub(super) fn unreadable(error: impl std::fmt::Display) -> DataError {
    DataError::io(format!("the stored columns cannot be read: {error}"))
}
