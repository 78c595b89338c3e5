//! Answers of a model by data set as an Arrow stream: a batch for some rows after others, all with the same columns.

use std::sync::Arc;

use arrow_array::builder::{ListBuilder, StringBuilder, StructBuilder};
use arrow_array::{ArrayRef, Float32Array, Float64Array, RecordBatch, StringArray};
use arrow_ipc::writer::StreamWriter;
use arrow_schema::{ArrowError, DataType, Field, Fields, Schema};

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

/// A column under way: its name, whether it may have nulls, its array.
type NamedArray = (String, bool, ArrayRef);

impl<'a> ArrowAnswers<'a> {
    /// Of a version.
    pub fn new(version: &'a TableVersion) -> Self {
        ArrowAnswers { version, stream: None }
    }

    /// The bytes of some rows, with those of the schema before the first.
    ///
    /// # Errors
    /// They cannot be written.
    pub fn write(&mut self, rows: &AnsweredRows) -> Result<Vec<u8>, ApiError> {
        let batch = self.batch(rows).map_err(ApiError::unwritten)?;
        let stream = match &mut self.stream {
            Some(stream) => stream,
            None => {
                let begun = StreamWriter::try_new(Vec::new(), &batch.schema()).map_err(ApiError::unwritten)?;
                self.stream.insert(Box::new(begun))
            }
        };
        stream.write(&batch).map_err(ApiError::unwritten)?;
        Ok(std::mem::take(stream.get_mut()))
    }

    /// The bytes that stand behind the last row.
    ///
    /// # Errors
    /// They cannot be written.
    pub fn end(self) -> Result<Vec<u8>, ApiError> {
        self.stream.map_or(Ok(Vec::new()), |stream| stream.into_inner().map_err(ApiError::unwritten))
    }

    fn batch(&self, rows: &AnsweredRows) -> Result<RecordBatch, ArrowError> {
        let extras = &self.version.extras;
        let may_fail = extras.on_error == OnError::Row;
        // The place of each row's prediction, if it has one.
        let places: Vec<Option<usize>> = rows.each().map(Result::ok).collect();
        let mut columns: Vec<NamedArray> =
            self.answers(rows, &places).into_iter().map(|(name, array)| (name, may_fail, array)).collect();
        if extras.ids {
            let ids = places.iter().map(|place| place.map(|at| rows.predictions.ids[at].as_str()));
            columns.push(("id".into(), may_fail, Arc::new(StringArray::from_iter(ids))));
        }
        if extras.flags {
            columns.push(("flags".into(), may_fail, self.flags(rows, &places)));
        }
        if may_fail {
            let errors = rows.each().map(|answer| answer.err().map(Failure::to_string));
            columns.push(("error".into(), true, Arc::new(StringArray::from_iter(errors))));
        }
        columns.extend(rows.passed.iter().map(|passed| (passed.name.clone(), true, passed.array())));
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
