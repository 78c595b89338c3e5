//! The formats of data files, and what says which one a file has.

use axum::extract::multipart::Field;
use axum::http::HeaderMap;

use super::media::{content_type, media_type, not_taken, parameter};
use crate::api::error::{ApiError, ErrorCode};
use crate::data::charset::Charset;
use crate::data::csv::{CsvOptions, Header};
use crate::data::ingest::{Declared, Format};
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
const ADVICE: &str = "send a data file as text/csv, application/x-ndjson, application/json (an array of objects), \
                      application/vnd.apache.parquet, application/vnd.apache.arrow.stream, \
                      application/vnd.apache.arrow.file or \
                      application/vnd.openxmlformats-officedocument.spreadsheetml.sheet (Excel), or one as \
                      multipart/form-data";
/// The same of rows to predict for.
const ROWS_ADVICE: &str = "send records as application/json (curl: use --json instead of -d), or rows as text/csv, \
                           application/x-ndjson, application/vnd.apache.parquet, application/vnd.apache.arrow.stream, \
                           application/vnd.apache.arrow.file or \
                           application/vnd.openxmlformats-officedocument.spreadsheetml.sheet (Excel)";
/// The same where data are named, and their files are not taken.
const NO_FILE_ADVICE: &str = "send the body as Content-Type: application/json (curl: use --json instead of -d); a data \
                              file is not taken here: POST it to /datasets and send {\"dataset\": its name}; an \
                              evaluation takes its rows as JSON as well";
/// What to do where tables are taken in several formats.
const REMEDY: &str =
    "Send Content-Type: text/csv for CSV, application/json for JSON, or another that the detail names.";
const NO_FILE_REMEDY: &str =
    "Send JSON with Content-Type: application/json; POST a data file to /datasets, and name it as `dataset`.";

/// The format of a data file that says by its type what it is.
fn format_of(headers: &HeaderMap) -> Option<Format> {
    let media_type = media_type(headers);
    let found = FORMATS.iter().find(|(_, types, _)| types.iter().any(|known| known.eq_ignore_ascii_case(media_type)));
    found.map(|(format, ..)| *format)
}

/// The error of a body that is the data file of no format that is taken.
pub fn no_format(headers: &HeaderMap) -> ApiError {
    not_taken(headers, ADVICE, REMEDY)
}

/// The same of one that is neither records nor rows to predict for.
pub fn no_rows(headers: &HeaderMap) -> ApiError {
    not_taken(headers, ROWS_ADVICE, REMEDY)
}

/// Whether a body is JSON, on a route that takes no data files although it works on data.
///
/// # Errors
/// `unsupported_media_type`, which says where data files go.
pub fn check_no_file(headers: &HeaderMap) -> Result<(), ApiError> {
    match format_of(headers) {
        Some(Format::Json) => Ok(()),
        _ => Err(not_taken(headers, NO_FILE_ADVICE, NO_FILE_REMEDY)),
    }
}

/// What the type of a data file says of it; nothing if it is the type of none.
///
/// # Errors
/// As [`csv_options`].
pub fn declared_by(headers: &HeaderMap) -> Result<Option<Declared>, ApiError> {
    format_of(headers).map(|format| declared(format, content_type(headers))).transpose()
}

fn declared(format: Format, content_type: &str) -> Result<Declared, ApiError> {
    let csv = if format == Format::Csv { csv_options(content_type)? } else { CsvOptions::default() };
    Ok(Declared { csv, ..format.into() })
}

/// What the parameters of a content type say of a CSV file: `charset` and `header`.
///
/// # Errors
/// `unsupported_media_type`: they say what is not known.
pub fn csv_options(content_type: &str) -> Result<CsvOptions, ApiError> {
    let unknown = |detail: String| ApiError::new(ErrorCode::UnsupportedMediaType, detail);
    let charset = parameter(content_type, "charset").map(|name| {
        let detail = "no encoding that is read: utf-8, utf-16, iso-8859-1, windows-1252 and the others of the Encoding Standard are";
        Charset::named(name).ok_or_else(|| unknown(format!("charset={} is {detail}", Shown(name))))
    });
    let header = match parameter(content_type, "header").map(str::to_ascii_lowercase).as_deref() {
        None | Some("present") => Header::Present,
        Some("absent") => Header::Absent,
        Some(other) => return Err(unknown(format!("header={} is neither present nor absent", Shown(other)))),
    };
    Ok(CsvOptions { header, charset: charset.transpose()? })
}

/// The format of a part of a form, by its type or by the ending of its name, and whether it is packed (compressed).
///
/// # Errors
/// `unsupported_media_type`: neither says what it is, or a parameter of the type what is not known.
pub fn of_field(field: &Field<'_>) -> Result<(Declared, bool), ApiError> {
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
        ApiError::new(ErrorCode::UnsupportedMediaType, detail).with_remedy(REMEDY)
    };
    let (format, ..) = found.ok_or_else(unknown)?;
    Ok((declared(*format, field.content_type().unwrap_or(""))?, packed))
}
