//! Answers of a model by data set as columns, in CSV or in Arrow batches, piece by piece. Both have the same columns.

use super::answers_arrow::ArrowAnswers;
use super::answers_csv::CsvAnswers;
use crate::api::body::media::Media;
use crate::api::error::{ApiError, ErrorCode};
use crate::serving::answered_rows::AnsweredRows;
use crate::serving::extras::OnError;
use crate::serving::table_version::TableVersion;
use crate::wording::Shown;

/// Writes answers, some rows at a time.
pub enum AnswerWriter<'a> {
    /// A header and a line for each row.
    Csv(CsvAnswers<'a>),
    /// A stream of batches.
    Arrow(ArrowAnswers<'a>),
}

impl<'a> AnswerWriter<'a> {
    /// Of Arrow, or of CSV.
    ///
    /// # Errors
    /// `invalid_value`: a column is to be repeated under a name that a column of the reply has.
    pub fn new(media: Media, version: &'a TableVersion) -> Result<Self, ApiError> {
        let own = own_columns(version);
        if let Some(twice) = version.extras.passthrough.iter().find(|name| own.contains(name)) {
            let detail = format!(
                "the reply has a column {} of its own: give the one to repeat another name, or ask for JSON",
                Shown(twice)
            );
            return Err(ApiError::parameter(ErrorCode::InvalidValue, "passthrough", detail));
        }
        Ok(match media {
            Media::Arrow => AnswerWriter::Arrow(ArrowAnswers::new(version)),
            _ => AnswerWriter::Csv(CsvAnswers::new(version, own)),
        })
    }

    /// Gives the bytes of some rows to `take`, piece by piece, with what stands before the first.
    ///
    /// # Errors
    /// They cannot be written; those of `take`.
    pub fn write(
        &mut self,
        rows: &AnsweredRows,
        mut take: impl FnMut(Vec<u8>) -> Result<(), ApiError>,
    ) -> Result<(), ApiError> {
        match self {
            AnswerWriter::Csv(csv) => csv.write(rows, &mut take),
            AnswerWriter::Arrow(stream) => stream.write(rows, &mut take),
        }
    }

    /// The bytes that stand behind the last row.
    ///
    /// # Errors
    /// They cannot be written.
    pub fn end(self) -> Result<Vec<u8>, ApiError> {
        match self {
            AnswerWriter::Csv(_) => Ok(Vec::new()),
            AnswerWriter::Arrow(stream) => stream.end(),
        }
    }
}

/// The names of the columns of a reply, but for those that it repeats.
fn own_columns(version: &TableVersion) -> Vec<String> {
    let classes = version.encoder().target.classes();
    let mut names = vec!["prediction".to_owned()];
    names.extend(classes.iter().map(|class| format!("probability_{class}")));
    let further = [
        (version.interval.is_some() && !classes.is_empty(), "label_set"),
        (version.interval.is_some() && classes.is_empty(), "lower"),
        (version.interval.is_some() && classes.is_empty(), "upper"),
        (version.extras.ids, "id"),
        (version.extras.flags, "flags"),
        (version.extras.on_error == OnError::Row, "error"),
    ];
    names.extend(further.into_iter().filter(|(there, _)| *there).map(|(_, name)| name.to_owned()));
    names
}
