//! Answers of a model by data set as an Arrow stream: a batch for some rows after others, all with the same columns.

use std::ops::Range;
use std::sync::Arc;

use arrow_array::builder::{ListBuilder, StringBuilder, StructBuilder};
use arrow_array::{ArrayRef, Float32Array, Float64Array, RecordBatch, StringArray};
use arrow_ipc::writer::StreamWriter;
use arrow_schema::{ArrowError, DataType, Field, Fields, Schema};

use super::pieces::{Take, WRITTEN};
use crate::api::error::ApiError;
use crate::learning::examples::most_likely;
use crate::models::intervals::label_set;
use crate::models::prediction::Answers;
use crate::serving::answered_rows::{AnsweredRows, Failure};
use crate::serving::extras::OnError;
use crate::serving::table_version::TableVersion;

/// Writes batches.
pub struct ArrowAnswers<'a> {
    version: &'a TableVersion,
    /// The stream, once its schema is written.
    stream: Option<Box<StreamWriter<Vec<u8>>>>,
}

/// Rows that are written, batch by batch.
struct OfRows<'r> {
    rows: &'r AnsweredRows,
    /// The place of each row's prediction, if it has one.
    places: Vec<Option<usize>>,
    /// Why others have none.
    errors: Vec<Option<String>>,
    /// The columns that the reply repeats, by name.
    passed: Vec<(String, ArrayRef)>,
}

/// A column under way: its name, whether it may have nulls, its array.
type NamedArray = (String, bool, ArrayRef);

impl<'a> ArrowAnswers<'a> {
    /// Of a version.
    pub fn new(version: &'a TableVersion) -> Self {
        ArrowAnswers { version, stream: None }
    }

    /// Gives the bytes of some rows to `take`, batch by batch, with those of the schema before the first.
    ///
    /// # Errors
    /// They cannot be written; those of `take`.
    pub fn write(&mut self, rows: &AnsweredRows, take: Take) -> Result<(), ApiError> {
        let of_rows = OfRows {
            rows,
            places: rows.each().map(Result::ok).collect(),
            errors: rows.each().map(|answer| answer.err().map(Failure::to_string)).collect(),
            passed: rows.passed.iter().map(|passed| (passed.name.clone(), passed.array())).collect(),
        };
        let mut start = 0;
        while start < of_rows.places.len() {
            let end = self.end_of_batch(&of_rows, start);
            let batch = self.batch(&of_rows, start..end).map_err(ApiError::unwritten)?;
            let stream = match &mut self.stream {
                Some(stream) => stream,
                None => {
                    let begun = StreamWriter::try_new(Vec::new(), &batch.schema()).map_err(ApiError::unwritten)?;
                    self.stream.insert(Box::new(begun))
                }
            };
            stream.write(&batch).map_err(ApiError::unwritten)?;
            take(std::mem::take(stream.get_mut()))?;
            start = end;
        }
        Ok(())
    }

    /// Behind which row a batch ends that begins with the one at `start`: names of classes and of columns make it a piece.
    fn end_of_batch(&self, of_rows: &OfRows, start: usize) -> usize {
        let (encoder, predictions) = (self.version.encoder(), &of_rows.rows.predictions);
        let longest = encoder.target.classes().iter().map(String::len).max().unwrap_or(0);
        let in_set = |at: usize| match &predictions.answers {
            Answers::Classes { sets: Some(lengths), .. } => lengths[at] * longest,
            _ => 0,
        };
        let in_flags = |at: usize| match self.version.extras.flags {
            true => predictions.flags(at).map(|(feature, _)| encoder.features[feature].name.len()).sum(),
            false => 0,
        };
        let mut bytes = 0;
        let fits = |place: &&Option<usize>| {
            bytes += place.map_or(0, |at| in_set(at) + in_flags(at));
            bytes <= WRITTEN
        };
        start + of_rows.places[start..].iter().take_while(fits).count().max(1)
    }

    /// The bytes that stand behind the last row.
    ///
    /// # Errors
    /// They cannot be written.
    pub fn end(self) -> Result<Vec<u8>, ApiError> {
        self.stream.map_or(Ok(Vec::new()), |stream| stream.into_inner().map_err(ApiError::unwritten))
    }

    fn batch(&self, of_rows: &OfRows, range: Range<usize>) -> Result<RecordBatch, ArrowError> {
        let extras = &self.version.extras;
        let may_fail = extras.on_error == OnError::Row;
        let (rows, places) = (of_rows.rows, &of_rows.places[range.clone()]);
        let mut columns: Vec<NamedArray> =
            self.answers(rows, places).into_iter().map(|(name, array)| (name, may_fail, array)).collect();
        if extras.ids {
            let ids = places.iter().map(|place| place.map(|at| rows.predictions.ids[at].as_str()));
            columns.push(("id".into(), may_fail, Arc::new(StringArray::from_iter(ids))));
        }
        if extras.flags {
            columns.push(("flags".into(), may_fail, self.flags(rows, places)));
        }
        if may_fail {
            let errors = of_rows.errors[range.clone()].iter().map(Option::as_deref);
            columns.push(("error".into(), true, Arc::new(StringArray::from_iter(errors))));
        }
        let passed = of_rows.passed.iter();
        columns.extend(passed.map(|(name, array)| (name.clone(), true, array.slice(range.start, range.len()))));
        let field = |(name, nullable, array): &NamedArray| Field::new(name, array.data_type().clone(), *nullable);
        let schema = Schema::new(columns.iter().map(field).collect::<Vec<_>>());
        RecordBatch::try_new(Arc::new(schema), columns.into_iter().map(|(.., array)| array).collect())
    }

    /// The columns of the predictions themselves.
    fn answers(&self, rows: &AnsweredRows, places: &[Option<usize>]) -> Vec<(String, ArrayRef)> {
        let classes = self.version.encoder().target.classes();
        let mut columns: Vec<(String, ArrayRef)> = Vec::new();
        match &rows.predictions.answers {
            Answers::Classes { probabilities, sets } => {
                let flat = probabilities.as_slice().expect("row-major probabilities");
                let row = |at: usize| &flat[at * classes.len()..][..classes.len()];
                let labels = places.iter().map(|place| place.map(|at| &classes[most_likely(row(at))]));
                columns.push(("prediction".into(), Arc::new(StringArray::from_iter(labels))));
                for (index, class) in classes.iter().enumerate() {
                    let of_class = places.iter().map(|place| place.map(|at| row(at)[index]));
                    columns.push((format!("probability_{class}"), Arc::new(Float32Array::from_iter(of_class))));
                }
                if let Some(lengths) = sets {
                    let mut sets = ListBuilder::new(StringBuilder::new());
                    for place in places {
                        sets.append_option(
                            place.map(|at| label_set(classes, row(at), lengths[at]).into_iter().map(Some)),
                        );
                    }
                    columns.push(("label_set".into(), Arc::new(sets.finish())));
                }
            }
            Answers::Values { values, intervals } => {
                let numbers = |of: &dyn Fn(usize) -> f64| -> ArrayRef {
                    Arc::new(Float64Array::from_iter(places.iter().map(|place| place.map(of))))
                };
                columns.push(("prediction".into(), numbers(&|at| values[at])));
                if let Some(intervals) = intervals {
                    let ends = [("lower", 0), ("upper", 1)];
                    columns.extend(ends.map(|(name, end)| (name.into(), numbers(&|at| intervals[at][end]))));
                }
            }
        }
        columns
    }

    /// For each row a list of columns, each with how its value lies outside what training saw.
    fn flags(&self, rows: &AnsweredRows, places: &[Option<usize>]) -> ArrayRef {
        let features = &self.version.encoder().features;
        let fields = Fields::from(["column", "flag"].map(|name| Field::new(name, DataType::Utf8, false)).to_vec());
        let mut lists = ListBuilder::new(StructBuilder::from_fields(fields, 0));
        for place in places {
            for (feature, flag) in place.iter().flat_map(|at| rows.predictions.flags(*at)) {
                let of_flag = lists.values();
                for (index, text) in [features[feature].name.as_str(), flag.word()].into_iter().enumerate() {
                    of_flag.field_builder::<StringBuilder>(index).expect("texts").append_value(text);
                }
                of_flag.append(true);
            }
            lists.append(place.is_some());
        }
        Arc::new(lists.finish())
    }
}
