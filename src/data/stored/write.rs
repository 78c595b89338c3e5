//! Writes the stored form, row group by row group, and counts what it writes.

use std::collections::BTreeMap;
use std::io::Write;
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

/// One column of a row group that is to be encoded and counted.
struct ColumnWork<'a> {
    arrays: Vec<ArrayRef>,
    writer: ArrowColumnWriter,
    statistics: &'a mut ColumnStatistics,
    field: &'a Field,
    index: usize,
}

impl<W: Write + Send> StoredWriter<W> {
    /// Begins a file of columns with these names and forms; `first` has the first arrays of each.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn new(out: W, names: &[String], forms: &[Form], first: &[Vec<ArrayRef>]) -> Result<Self, DataError> {
        let fields: Vec<Field> =
            names.iter().zip(forms).map(|(name, form)| Field::new(name, data_type(form), true)).collect();
        let schema = Arc::new(Schema::new(fields));
        let mut properties = WriterProperties::builder()
            .set_compression(Compression::LZ4_RAW)
            .set_statistics_enabled(EnabledStatistics::None)
            .set_offset_index_disabled(true)
            .set_dictionary_enabled(false)
            .set_key_value_metadata(Some(vec![KeyValue::new(METADATA_KEY.to_owned(), METADATA.to_owned())]));
        for ((name, form), arrays) in names.iter().zip(forms).zip(first) {
            let path = || ColumnPath::new(vec![name.clone()]);
            if *form == Form::Words {
                properties = properties.set_column_dictionary_enabled(path(), true);
            }
            if matches!(form, Form::Number | Form::Written(_)) && !arrays.first().is_some_and(packs) {
                properties = properties.set_column_compression(path(), Compression::UNCOMPRESSED);
            }
        }
        let options = ArrowWriterOptions::new().with_properties(properties.build()).with_skip_arrow_metadata(true);
        let writer = ArrowWriter::try_new_with_options(out, Arc::clone(&schema), options).map_err(unwritten)?;
        let (file, groups) = writer.into_serialized_writer().map_err(unwritten)?;
        Ok(StoredWriter { file, groups, schema, written: 0 })
    }

    /// Writes a row group and takes it into the statistics; `columns` has the arrays of each column in their order,
    /// `rows` gets the hash of each row.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn write(
        &mut self,
        columns: Vec<Vec<ArrayRef>>,
        statistics: &mut [ColumnStatistics],
        rows: &mut [u64],
        workers: usize,
    ) -> Result<(), DataError> {
        let writers = self.groups.create_column_writers(self.written).map_err(unwritten)?;
        let parts = columns.into_iter().zip(writers).zip(statistics).zip(self.schema.fields()).enumerate();
        let works = parts.map(|(index, (((arrays, writer), statistics), field))| ColumnWork {
            arrays,
            writer,
            statistics,
            field,
            index,
        });
        let works = Mutex::new(works);
        let group = self.file.next_row_group().map_err(unwritten)?;
        let appender = Mutex::new(Appender { group, next: 0, waiting: BTreeMap::new() });
        let encode = || encode_columns(&works, &appender, rows.len());
        for hashes in in_parallel(workers, encode, encode) {
            let hashes = hashes.map_err(unwritten)?;
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

/// Takes one column after another until none is left; says what they add to the rows' hashes.
fn encode_columns<'a, W: Write + Send>(
    works: &Mutex<impl Iterator<Item = ColumnWork<'a>>>,
    appender: &Mutex<Appender<W>>,
    rows: usize,
) -> Result<Vec<u64>, ParquetError> {
    let mut hashes = vec![0; rows];
    loop {
        let work = works.lock().expect("taking a column does not panic").next();
        let Some(ColumnWork { arrays, mut writer, statistics, field, index }) = work else { return Ok(hashes) };
        let mut row = 0;
        for array in arrays {
            statistics.add(&array, &mut hashes[row..row + array.len()]);
            row += array.len();
            for leaf in compute_leaves(field, &array)? {
                writer.write(&leaf)?;
            }
        }
        appender.lock().expect("appending does not panic").append(index, writer.close()?)?;
    }
}

/// Whether the first numbers of an array take at least a third less room when they are compressed: those of measurements do not,
/// and what saves less is not worth its time. Amounts of six digits and two decimals took a quarter less, and a fifth of the
/// time of an upload (`benches/README.md`).
fn packs(array: &ArrayRef) -> bool {
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
