//! Writes the stored form, row group by row group, and counts what it writes.

use std::collections::BTreeMap;
use std::io::Write;
use std::ops::Range;
use std::sync::Arc;
use std::sync::Mutex;

use arrow_array::ArrayRef;
use arrow_array::cast::AsArray;
use arrow_array::types::Float64Type;
use arrow_schema::{DataType, Field, Schema, TimeUnit};
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_writer::{
    ArrowColumnChunk, ArrowColumnWriter, ArrowRowGroupWriterFactory, ArrowWriterOptions, compute_leaves,
};
use parquet::basic::Compression;
use parquet::errors::ParquetError;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use parquet::schema::types::ColumnPath;

use crate::data::error::DataError;
use crate::data::inference::Form;
use crate::data::lease::Lease;
use crate::data::parallel::in_parallel;
use crate::data::profile::statistics::ColumnStatistics;

/// The key of the file's own metadata.
pub const METADATA_KEY: &str = "epochd";
/// Its content.
pub const METADATA: &str = "{\"format\":1}";

/// So many rows of a column of numbers are compressed for a try, to see whether that saves room.
const PACKED_ROWS: usize = 4096;

/// Writes the stored form, one row group after another.
pub(crate) struct StoredWriter<W: Write + Send> {
    file: SerializedFileWriter<W>,
    groups: ArrowRowGroupWriterFactory,
    schema: Arc<Schema>,
    written: usize,
}

/// What a row group is made of.
pub(crate) trait Columnar: Sync {
    /// How many columns are asked for together at most.
    fn columns_at_once(&self) -> usize;

    /// The arrays of each of some columns, in the order of the rows, with the memory that they take; each is asked for once.
    ///
    /// # Errors
    /// They cannot be read.
    fn arrays(&self, columns: Range<usize>) -> Result<(Vec<Vec<ArrayRef>>, Vec<Lease>), DataError>;
}

/// One column of a row group that is to be encoded and counted.
struct ColumnWork<'a> {
    writer: ArrowColumnWriter,
    statistics: &'a mut ColumnStatistics,
    field: &'a Field,
    index: usize,
}

impl<W: Write + Send> StoredWriter<W> {
    /// Begins a file of columns with these names and forms; the numbers of those of which `is_packed` says so are compressed.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn new(out: W, names: &[String], forms: &[Form], is_packed: impl Fn(usize) -> bool) -> Result<Self, DataError> {
        let fields: Vec<Field> =
            names.iter().zip(forms).map(|(name, form)| Field::new(name, data_type(form), true)).collect();
        let schema = Arc::new(Schema::new(fields));
        let mut properties = WriterProperties::builder()
            .set_compression(Compression::LZ4_RAW)
            .set_statistics_enabled(EnabledStatistics::None)
            .set_offset_index_disabled(true)
            .set_dictionary_enabled(false)
            .set_key_value_metadata(Some(vec![KeyValue::new(METADATA_KEY.to_owned(), METADATA.to_owned())]));
        for (at, (name, form)) in names.iter().zip(forms).enumerate() {
            let path = || ColumnPath::new(vec![name.clone()]);
            if *form == Form::Words {
                properties = properties.set_column_dictionary_enabled(path(), true);
            }
            if matches!(form, Form::Number | Form::Written(_)) && !is_packed(at) {
                properties = properties.set_column_compression(path(), Compression::UNCOMPRESSED);
            }
        }
        let options = ArrowWriterOptions::new().with_properties(properties.build()).with_skip_arrow_metadata(true);
        let writer = ArrowWriter::try_new_with_options(out, Arc::clone(&schema), options).map_err(unwritten)?;
        let (file, groups) = writer.into_serialized_writer().map_err(unwritten)?;
        Ok(StoredWriter { file, groups, schema, written: 0 })
    }

    /// Writes a row group and takes it into the statistics; `group` gives its arrays, `rows` gets the hash of each row.
    ///
    /// # Errors
    /// It cannot be written, or `group` not be read.
    pub fn write(
        &mut self,
        group: &impl Columnar,
        statistics: &mut [ColumnStatistics],
        rows: &mut [u64],
        workers: usize,
    ) -> Result<(), DataError> {
        let writers = self.groups.create_column_writers(self.written).map_err(unwritten)?;
        let parts = writers.into_iter().zip(statistics).zip(self.schema.fields()).enumerate();
        let works = parts.map(|(index, ((writer, statistics), field))| ColumnWork { writer, statistics, field, index });
        let works = Mutex::new(works);
        let written = self.file.next_row_group().map_err(unwritten)?;
        let appender = Mutex::new(Appender { group: written, next: 0, waiting: BTreeMap::new() });
        let encode = || encode_columns(group, &works, &appender, rows.len());
        for hashes in in_parallel(workers, encode, encode) {
            let hashes = hashes?;
            rows.iter_mut().zip(hashes).for_each(|(row, hash)| *row = row.wrapping_add(hash));
        }
        let appender = appender.into_inner().expect("appending does not panic");
        appender.group.close().map_err(unwritten)?;
        self.written += 1;
        Ok(())
    }

    /// Ends the file.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn finish(mut self) -> Result<(), DataError> {
        self.file.finish().map_err(unwritten)?;
        self.file.inner_mut().flush().map_err(DataError::io)
    }
}

/// Appends the columns of a row group in their order, and keeps those that come too early.
struct Appender<'w, W: Write> {
    group: SerializedRowGroupWriter<'w, W>,
    next: usize,
    waiting: BTreeMap<usize, ArrowColumnChunk>,
}

impl<W: Write + Send> Appender<'_, W> {
    fn append(&mut self, index: usize, chunk: ArrowColumnChunk) -> Result<(), ParquetError> {
        self.waiting.insert(index, chunk);
        while let Some(chunk) = self.waiting.remove(&self.next) {
            chunk.append_to_row_group(&mut self.group)?;
            self.next += 1;
        }
        Ok(())
    }
}

/// Takes some columns after others until none is left; says what they add to the rows' hashes.
fn encode_columns<'a, W: Write + Send>(
    group: &impl Columnar,
    works: &Mutex<impl Iterator<Item = ColumnWork<'a>>>,
    appender: &Mutex<Appender<W>>,
    rows: usize,
) -> Result<Vec<u64>, DataError> {
    let (mut hashes, mut of_column) = (vec![0; rows], Vec::new());
    loop {
        let mut works = works.lock().expect("taking columns does not panic");
        let taken: Vec<_> = works.by_ref().take(group.columns_at_once()).collect();
        drop(works);
        let (Some(first), Some(last)) = (taken.first(), taken.last()) else { return Ok(hashes) };
        let (columns, _lease) = group.arrays(first.index..last.index + 1)?;
        for (work, arrays) in taken.into_iter().zip(columns) {
            let index = work.index;
            let chunk = work.encode(arrays, &mut hashes, &mut of_column).map_err(unwritten)?;
            appender.lock().expect("appending does not panic").append(index, chunk).map_err(unwritten)?;
        }
    }
}

impl ColumnWork<'_> {
    /// The column's values, counted and encoded; adds their hashes to those of the rows, by way of `of_column`.
    fn encode(
        mut self,
        arrays: Vec<ArrayRef>,
        hashes: &mut [u64],
        of_column: &mut Vec<u64>,
    ) -> Result<ArrowColumnChunk, ParquetError> {
        let mut row = 0;
        for array in arrays {
            self.statistics.add(&array, &mut hashes[row..row + array.len()], of_column);
            row += array.len();
            for leaf in compute_leaves(self.field, &array)? {
                self.writer.write(&leaf)?;
            }
        }
        self.writer.close()
    }
}

/// Whether the first numbers of an array take at least a third less room when they are compressed: those of measurements do not,
/// and what saves less is not worth its time. Amounts of six digits and two decimals took a quarter less, and a fifth of the
/// time of an upload (`benches/README.md`).
pub(crate) fn packs(array: &ArrayRef) -> bool {
    let numbers = array.as_primitive::<Float64Type>().values();
    let bytes: &[u8] = bytemuck::cast_slice(&numbers[..numbers.len().min(PACKED_ROWS)]);
    lz4_flex::block::compress(bytes).len() < bytes.len() / 3 * 2
}

fn data_type(form: &Form) -> DataType {
    match form {
        Form::Number | Form::Written(_) => DataType::Float64,
        Form::Boolean => DataType::Boolean,
        Form::Datetime(..) => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
        Form::Words | Form::Skipped => DataType::Utf8,
    }
}

fn unwritten(error: ParquetError) -> DataError {
    DataError::io(format!("the columns cannot be written: {error}"))
}
