//! The formats of data files, and what says which one a file has.

use axum::extract::multipart::Field;
use axum::http::HeaderMap;

use super::media::media_type;
use crate::api::error::{ApiError, ErrorCode};
use crate::data::ingest::Format;
use crate::wording::Shown;

/// Content types, and the endings of names, that stand for a format.
const FORMATS: [(Format, &[&str], &[&str]); 6] = [
    (Format::Csv, &["text/csv", "application/csv", "text/tab-separated-values"], &["csv", "tsv"]),
    (Format::Ndjson, &["application/x-ndjson", "application/ndjson", "application/jsonl"], &["ndjson", "jsonl"]),
    (Format::Json, &["application/json"], &["json"]),
    (Format::Parquet, &["application/vnd.apache.parquet", "application/parquet"], &["parquet"]),
    (
        Format::Arrow,
        &["application/vnd.apache.arrow.stream", "application/vnd.apache.arrow.file"],
        &["arrow", "arrows", "feather"],
    ),
    (Format::Excel, &["application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"], &["xlsx"]),
];
/// What to send in place of what was sent.
pub const ADVICE: &str = "send a data file as text/csv, application/x-ndjson, application/json (an array of objects), \
                      application/vnd.apache.parquet, application/vnd.apache.arrow.stream, \
                      application/vnd.apache.arrow.file or \
                      application/vnd.openxmlformats-officedocument.spreadsheetml.sheet (Excel), or one as \
                      multipart/form-data";

/// The format of a data file that says by its type what it is.
pub fn format_of(headers: &HeaderMap) -> Option<Format> {
    let media_type = media_type(headers).to_ascii_lowercase();
    let found = FORMATS.iter().find(|(_, types, _)| types.contains(&media_type.as_str()));
    found.map(|(format, ..)| *format)
}

/// The format of a part of a form, by its type or by the ending of its name, and whether it is packed (compressed).
///
/// # Errors
/// `unsupported_media_type`: neither says what it is.
pub fn of_field(field: &Field<'_>) -> Result<(Format, bool), ApiError> {
    let name = field.file_name().unwrap_or("").to_ascii_lowercase();
    let (stem, packed) = name.strip_suffix(".gz").map_or((name.as_str(), false), |stem| (stem, true));
    let media_type = field.content_type().and_then(|given| given.split(';').next()).unwrap_or("").trim();
    let ending = stem.rsplit_once('.').map_or("", |(_, ending)| ending);
    let by_type = FORMATS.iter().find(|(_, types, _)| types.contains(&media_type));
    let found = by_type.or_else(|| FORMATS.iter().find(|(_, _, endings)| endings.contains(&ending)));
    let unknown = || {
        let detail = format!(
            "neither the type {} nor the name {} of the file says what it is: {ADVICE}",
            Shown(media_type),
            Shown(&name)
        );
        ApiError::new(ErrorCode::UnsupportedMediaType, detail)
    };
    found.map(|(format, ..)| (*format, packed)).ok_or_else(unknown)
}
