//! The columns of a schema: which of them a table can have, and as what they are read.

use arrow_schema::{DataType, Field, Schema, TimeUnit};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::ArrowReaderMetadata;
use parquet::basic::Type;

use super::cells::is_supported;
use crate::data::error::DataError;
use crate::data::header::header_names;
use crate::data::limits::IngestLimits;
use crate::data::profile::Finding;
use crate::wording::beginning;

/// A column is left out, as no column of a table can have its type.
pub const UNUSABLE_COLUMN: &str = "unusable_column";

/// So many columns that are left out are told of one by one.
const MOST_TOLD: usize = 100;

/// The columns of a schema, sorted by whether a table can have them.
#[derive(Debug, Default)]
pub(super) struct Sorted {
    /// The names of all, in the schema's order.
    pub names: Vec<String>,
    /// Where those stand that are read.
    pub read: Vec<usize>,
    /// Where those stand that are left out, with their types.
    pub left_out: Vec<(usize, String)>,
}

impl Sorted {
    /// Of a schema.
    ///
    /// # Errors
    /// A name stands there twice or is too long, there are too many, or none of the columns can be used.
    pub fn of(schema: &Schema, limits: &IngestLimits) -> Result<Self, DataError> {
        let fields = schema.fields().iter().map(|field| field.name().clone()).collect();
        let names = header_names(fields, 1, limits.max_columns).map_err(|error| DataError { line: None, ..error })?;
        let mut sorted = Sorted { names, ..Sorted::default() };
        for (at, field) in schema.fields().iter().enumerate() {
            match field.data_type() {
                kind if is_supported(kind) => sorted.read.push(at),
                kind => sorted.left_out.push((at, beginning(&kind.to_string()).into_owned())),
            }
        }
        match sorted.left_out.first() {
            Some((at, kind)) if sorted.read.is_empty() => {
                let detail = format!("columns of type {kind} cannot be used, and there are no others: {ADVICE}");
                Err(DataError::unfit(detail).of(&sorted.names[*at]))
            }
            _ => Ok(sorted),
        }
    }

    /// The names of the columns that are read.
    pub fn names_read(&self) -> Vec<String> {
        self.read.iter().map(|at| self.names[*at].clone()).collect()
    }

    /// The leaves of a Parquet file that the columns are made of.
    pub fn mask(&self, metadata: &ArrowReaderMetadata) -> ProjectionMask {
        if self.left_out.is_empty() {
            return ProjectionMask::all();
        }
        ProjectionMask::roots(metadata.metadata().file_metadata().schema_descr(), self.read.iter().copied())
    }

    /// What is to be told of the columns that are left out.
    pub fn findings(&self) -> Vec<Finding> {
        let of_column = |(at, kind): &(usize, String)| Finding {
            code: UNUSABLE_COLUMN.to_owned(),
            message: format!("It is left out: a model can use nothing of the type {kind}. If it matters, {ADVICE}."),
            column: Some(self.names[*at].clone()),
        };
        let mut findings: Vec<_> = self.left_out.iter().take(MOST_TOLD).map(of_column).collect();
        if let Some(further) = self.left_out.len().checked_sub(MOST_TOLD).filter(|further| *further > 0) {
            let message = format!("{further} further columns are left out for their types. If they matter, {ADVICE}.");
            findings.push(Finding { code: UNUSABLE_COLUMN.to_owned(), message, column: None });
        }
        findings
    }
}

/// What to do about such a column.
const ADVICE: &str = "write it as numbers, texts, dates or true and false";

/// The schema of a Parquet file as it is read: words as views, since many rows can share one word, and times of 96 bits in
/// microseconds, since nanoseconds end in the year 2262.
pub(super) fn shaped(metadata: &ArrowReaderMetadata) -> Schema {
    let mut fields: Vec<Field> = metadata.schema().fields().iter().map(|field| viewed(field)).collect();
    for root in times_of_96_bits(metadata) {
        if let DataType::Timestamp(_, zone) = fields[root].data_type() {
            let kind = DataType::Timestamp(TimeUnit::Microsecond, zone.clone());
            fields[root] = fields[root].clone().with_data_type(kind);
        }
    }
    Schema::new(fields)
}

/// The columns whose times have 96 bits: nanoseconds of a day, and the day.
pub(super) fn times_of_96_bits(metadata: &ArrowReaderMetadata) -> impl Iterator<Item = usize> + '_ {
    let schema = metadata.metadata().file_metadata().schema_descr();
    let leaves = (0..schema.num_columns()).filter(|leaf| schema.column(*leaf).physical_type() == Type::INT96);
    leaves.map(|leaf| schema.get_column_root_idx(leaf))
}

fn viewed(field: &Field) -> Field {
    match field.data_type() {
        DataType::Utf8 | DataType::LargeUtf8 => field.clone().with_data_type(DataType::Utf8View),
        DataType::Dictionary(_, kind) if matches!(**kind, DataType::Utf8 | DataType::LargeUtf8) => {
            Field::new(field.name(), DataType::Utf8View, field.is_nullable())
        }
        _ => field.clone(),
    }
}
