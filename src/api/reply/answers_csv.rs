//! Answers of a model by data set as CSV: a header and a line for each row.

use super::answers_json::Flags;
use super::pieces::{Take, WRITTEN};
use crate::api::error::ApiError;
use crate::data::values::format_number;
use crate::learning::examples::most_likely;
use crate::models::intervals::label_set;
use crate::models::prediction::Answers;
use crate::serving::answered_rows::{AnsweredRows, Failure};
use crate::serving::extras::OnError;
use crate::serving::table_version::TableVersion;
use crate::storage::StorageError;

/// Writes lines.
pub struct CsvAnswers<'a> {
    version: &'a TableVersion,
    /// The names of the columns, but for those that are repeated.
    own: Vec<String>,
    begun: bool,
}

type Writer = csv::Writer<Vec<u8>>;

impl<'a> CsvAnswers<'a> {
    /// With these columns before those that are repeated.
    pub fn new(version: &'a TableVersion, own: Vec<String>) -> Self {
        CsvAnswers { version, own, begun: false }
    }

    /// Gives the lines of some rows to `take`, piece by piece, with the header before the first.
    ///
    /// # Errors
    /// They cannot be written; those of `take`.
    pub fn write(&mut self, rows: &AnsweredRows, take: Take) -> Result<(), ApiError> {
        let new = || csv::Writer::from_writer(Vec::new());
        let whole = |out: Writer| -> Result<_, ApiError> {
            Ok(out.into_inner().map_err(|error| StorageError::from(error.into_error()))?)
        };
        let mut out = new();
        if !std::mem::replace(&mut self.begun, true) {
            let passed = rows.passed.iter().map(|passed| &passed.name);
            out.write_record(self.own.iter().chain(passed)).map_err(ApiError::unwritten)?;
        }
        let passed: Vec<_> = rows.passed.iter().map(|passed| passed.cells()).collect();
        for (row, answer) in rows.each().enumerate() {
            self.write_row(&mut out, rows, answer).map_err(ApiError::unwritten)?;
            for cells in &passed {
                out.write_field(cells[row].text().unwrap_or_default().as_bytes()).map_err(ApiError::unwritten)?;
            }
            out.write_record(None::<&[u8]>).map_err(ApiError::unwritten)?;
            if out.get_ref().len() >= WRITTEN {
                take(whole(std::mem::replace(&mut out, new()))?)?;
            }
        }
        take(whole(out)?)
    }

    fn write_row(&self, out: &mut Writer, rows: &AnsweredRows, answer: Result<usize, &Failure>) -> csv::Result<()> {
        let extras = &self.version.extras;
        match answer {
            Ok(at) => self.write_answer(out, rows, at)?,
            Err(failure) => {
                // Nothing in all columns but the last, which says why.
                (1..self.own.len()).try_for_each(|_| out.write_field(""))?;
                return out.write_field(failure.to_string());
            }
        }
        if extras.on_error == OnError::Row {
            out.write_field("")?;
        }
        Ok(())
    }

    fn write_answer(&self, out: &mut Writer, rows: &AnsweredRows, at: usize) -> csv::Result<()> {
        // As JSON lists: a class or a column may contain any separator.
        let list = |list: &dyn Fn() -> serde_json::Result<String>| list().expect("words are plain data");
        let (predictions, encoder) = (&rows.predictions, self.version.encoder());
        match &predictions.answers {
            Answers::Classes { probabilities, sets } => {
                let row = probabilities.row(at);
                let row = row.as_slice().expect("row-major probabilities");
                let classes = encoder.target.classes();
                out.write_field(&classes[most_likely(row)])?;
                row.iter().try_for_each(|p| out.write_field(format_number(*p)))?;
                if let Some(sets) = sets {
                    out.write_field(list(&|| serde_json::to_string(&label_set(classes, row, sets[at]))))?;
                }
            }
            Answers::Values { values, intervals } => {
                out.write_field(format_number(values[at]))?;
                for end in intervals.iter().flat_map(|intervals| intervals[at]) {
                    out.write_field(format_number(end))?;
                }
            }
        }
        if let Some(id) = predictions.ids.get(at) {
            out.write_field(id)?;
        }
        if self.version.extras.flags {
            out.write_field(list(&|| serde_json::to_string(&Flags { predictions, encoder, at })))?;
        }
        Ok(())
    }
}
