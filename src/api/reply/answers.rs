//! Answers of a model by data set as CSV and as Arrow batches, piece by piece. Both have the same columns.

use std::io::{self, Write};
use std::sync::Arc;

use arrow_array::builder::{ListBuilder, StringBuilder};
use arrow_array::{ArrayRef, Float32Array, Float64Array, RecordBatch, StringArray};
use arrow_ipc::writer::StreamWriter;
use arrow_schema::ArrowError;

use crate::api::body::media::Media;
use crate::api::error::ApiError;
use crate::data::encoder::Encoder;
use crate::data::values::format_number;
use crate::learning::examples::most_likely;
use crate::models::prediction::{Answers, Predictions, label_set};
use crate::storage::StorageError;

/// Writes answers, some rows at a time.
pub enum AnswerWriter {
    /// Whether the header is written.
    Csv(bool),
    /// The stream, once its schema is written.
    Arrow(Option<Box<StreamWriter<Vec<u8>>>>),
}

impl AnswerWriter {
    /// Of Arrow, or of CSV.
    pub fn new(media: Media) -> Self {
        if media == Media::Arrow { AnswerWriter::Arrow(None) } else { AnswerWriter::Csv(false) }
    }

    /// The bytes of some rows, with what stands before the first.
    pub fn write(&mut self, predictions: &Predictions, encoder: &Encoder) -> Result<Vec<u8>, ApiError> {
        match self {
            AnswerWriter::Csv(begun) => {
                let mut out = csv::Writer::from_writer(Vec::new());
                if !std::mem::replace(begun, true) {
                    write_header(&mut out, predictions, encoder)?;
                }
                write_rows(&mut out, predictions, encoder)?;
                Ok(out.into_inner().map_err(|error| StorageError::from(error.into_error()))?)
            }
            AnswerWriter::Arrow(stream) => {
                let batch = batch(predictions, encoder).map_err(unwritten)?;
                let stream = match stream {
                    Some(stream) => stream,
                    None => {
                        let begun = StreamWriter::try_new(Vec::new(), &batch.schema()).map_err(unwritten)?;
                        stream.insert(Box::new(begun))
                    }
                };
                stream.write(&batch).map_err(unwritten)?;
                Ok(std::mem::take(stream.get_mut()))
            }
        }
    }

    /// The bytes that stand behind the last row.
    pub fn end(self) -> Result<Vec<u8>, ApiError> {
        match self {
            AnswerWriter::Csv(_) | AnswerWriter::Arrow(None) => Ok(Vec::new()),
            AnswerWriter::Arrow(Some(stream)) => Ok(stream.into_inner().map_err(unwritten)?),
        }
    }
}

fn batch(predictions: &Predictions, encoder: &Encoder) -> Result<RecordBatch, ArrowError> {
    let classes = encoder.target.classes();
    let mut columns: Vec<(String, ArrayRef)> = Vec::new();
    match &predictions.answers {
        Answers::Classes { probabilities, most } => {
            let rows = || probabilities.outer_iter().map(|row| row.to_slice().expect("row-major probabilities"));
            let labels = rows().map(|row| &classes[most_likely(row)]);
            columns.push(("prediction".into(), Arc::new(StringArray::from_iter_values(labels))));
            for (class, of_class) in classes.iter().zip(probabilities.columns()) {
                let of_class = Float32Array::from_iter_values(of_class.iter().copied());
                columns.push((format!("probability_{class}"), Arc::new(of_class)));
            }
            if let Some(most) = most {
                let mut sets = ListBuilder::new(StringBuilder::new());
                rows().for_each(|row| sets.append_value(label_set(classes, row, *most).into_iter().map(Some)));
                columns.push(("label_set".into(), Arc::new(sets.finish())));
            }
        }
        Answers::Values { values, margin } => {
            let shifted = |by: f64| Arc::new(Float64Array::from_iter_values(values.iter().map(|value| value + by)));
            columns.push(("prediction".into(), shifted(0.0)));
            if let Some(margin) = margin {
                columns.extend([("lower".into(), shifted(-margin) as ArrayRef), ("upper".into(), shifted(*margin))]);
            }
        }
    }
    if !predictions.ids.is_empty() {
        columns.push(("id".into(), Arc::new(StringArray::from_iter_values(&predictions.ids))));
    }
    RecordBatch::try_from_iter(columns)
}

fn write_header(
    out: &mut csv::Writer<impl Write>,
    predictions: &Predictions,
    encoder: &Encoder,
) -> Result<(), ApiError> {
    let mut header = vec!["prediction".to_owned()];
    match &predictions.answers {
        Answers::Classes { most, .. } => {
            header.extend(encoder.target.classes().iter().map(|class| format!("probability_{class}")));
            header.extend(most.map(|_| "label_set".to_owned()));
        }
        Answers::Values { margin: Some(_), .. } => header.extend(["lower".to_owned(), "upper".to_owned()]),
        Answers::Values { margin: None, .. } => {}
    }
    header.extend((!predictions.ids.is_empty()).then(|| "id".to_owned()));
    out.write_record(header).map_err(unwritten)
}

fn write_rows(out: &mut csv::Writer<impl Write>, predictions: &Predictions, encoder: &Encoder) -> Result<(), ApiError> {
    let classes = encoder.target.classes();
    for row in 0..predictions.rows {
        match &predictions.answers {
            Answers::Classes { probabilities, most } => {
                let row = probabilities.row(row);
                let row = row.as_slice().expect("row-major probabilities");
                out.write_field(&classes[most_likely(row)]).map_err(unwritten)?;
                for p in row {
                    out.write_field(format_number(*p)).map_err(unwritten)?;
                }
                if let Some(most) = most {
                    // As a JSON list: a class may contain any separator.
                    let set = label_set(classes, row, *most);
                    out.write_field(serde_json::to_string(&set).expect("words are plain data")).map_err(unwritten)?;
                }
            }
            Answers::Values { values, margin } => {
                out.write_field(format_number(values[row])).map_err(unwritten)?;
                for end in margin.iter().flat_map(|margin| [values[row] - margin, values[row] + margin]) {
                    out.write_field(format_number(end)).map_err(unwritten)?;
                }
            }
        }
        if let Some(id) = predictions.ids.get(row) {
            out.write_field(id).map_err(unwritten)?;
        }
        out.write_record(None::<&[u8]>).map_err(unwritten)?;
    }
    Ok(())
}

fn unwritten(error: impl std::error::Error + Send + Sync + 'static) -> ApiError {
    StorageError::from(io::Error::other(error)).into()
}
