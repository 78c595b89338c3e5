//! Predictions for a file of rows, CSV or an Arrow stream: worked off in pieces, so that a million rows need no more memory
//! than a thousand.

use std::fs::File;
use std::io;

use axum::response::Response;

use super::answers::AnswerWriter;
use super::error::{ApiError, ErrorCode};
use super::extract::{RequestMemory, blocking};
use super::long_reply::LongReply;
use super::media::Media;
use super::table_predictions::Serving;
use crate::app::App;
use crate::data::arrow_rows::{ArrowBatch, ArrowRows};
use crate::data::column::{Column, Table};
use crate::data::csv_rows::{CsvRows, TextRows};
use crate::data::encoder::feature::Feature;
use crate::data::encoder::{EncodeError, Encoder};
use crate::data::error::DataError;
use crate::models::prediction::Predictions;
use crate::waiting::{WaitedFor, Waiting};

/// Rows that are worked off at once, and cells and encoded values of these rows.
const ROWS: usize = 4096;
const VALUES: usize = 1 << 20;
/// Most rows that are answered as JSON, which is made in one piece, and cells and values of these rows.
const MAX_JSON_ROWS: usize = 100_000;
const MAX_JSON_VALUES: usize = 8 << 20;

/// A file of rows.
enum Source {
    Csv(CsvRows<io::BufReader<File>>),
    Arrow(ArrowRows),
}

/// Some rows of it.
enum Piece {
    Csv(TextRows),
    Arrow(ArrowBatch),
}

/// Predictions for the rows of a file.
pub async fn predict(app: &App, serving: Serving, body: Media, reply: Media, file: File) -> Result<Response, ApiError> {
    let app = app.clone();
    let waiting = Waiting::default();
    let waited_for = waiting.seen();
    blocking(move || {
        // A batch of an Arrow stream is read whole, and may be all of it.
        let mut memory = RequestMemory::default();
        if body == Media::Arrow {
            memory.reserve_file(&file, &app)?;
        }
        let source = Source::open(file, body)?;
        answer(&app, &serving, source, reply, &waited_for)
    })
    .await?
}

/// Ends when nobody waits any more: a packed file may have very many rows.
fn answer(
    app: &App,
    serving: &Serving,
    mut source: Source,
    reply: Media,
    waited_for: &WaitedFor,
) -> Result<Response, ApiError> {
    let predictor = serving.table()?;
    let encoder = &predictor.parts.encoder;
    let places = source.places(encoder)?;
    let width = source.headers().len() + encoder.width() + encoder.target.classes().len();
    let most_rows = MAX_JSON_ROWS.min(MAX_JSON_VALUES / width).max(1);
    let (mut writer, mut written, mut kept, mut rows) = (AnswerWriter::new(reply), LongReply::default(), Vec::new(), 0);
    let most_bytes = app.settings.max_upload.as_u64();
    while let Some(piece) = source.next_rows(ROWS.min(VALUES / width).max(16))? {
        if !waited_for.holds() {
            return Err(DataError::stopped().into());
        }
        let table = source.table(&piece, encoder, &places)?;
        rows += table.rows;
        if reply == Media::Json && rows > most_rows {
            let detail = format!("more than {most_rows} rows: ask for the reply as text/csv, which is streamed");
            return Err(ApiError::new(ErrorCode::ReplyTooLarge, detail));
        }
        let predictions: Predictions = predictor.predict(&table, serving.interval)?;
        app.meters.predictions.inc_by(table.rows as u64);
        match reply {
            Media::Json => kept.push(predictions),
            _ => written.add(&writer.write(&predictions, encoder)?, most_bytes, &app.storage)?,
        }
    }
    if rows == 0 {
        return Err(ApiError::new(ErrorCode::MalformedData, "the data has columns and no rows"));
    }
    if reply == Media::Json {
        return Ok(serving.json(&kept, encoder));
    }
    written.add(&writer.end()?, most_bytes, &app.storage)?;
    Ok(serving.reply(reply, written.body()?))
}

impl Source {
    fn open(file: File, body: Media) -> Result<Self, ApiError> {
        Ok(match body {
            Media::Arrow => Source::Arrow(ArrowRows::new(file)?),
            _ => Source::Csv(CsvRows::new(io::BufReader::with_capacity(1 << 18, file))?),
        })
    }

    fn headers(&self) -> &[String] {
        match self {
            Source::Csv(rows) => rows.headers(),
            Source::Arrow(rows) => rows.headers(),
        }
    }

    /// Where each feature stands.
    fn places(&self, encoder: &Encoder) -> Result<Vec<Option<usize>>, ApiError> {
        encoder.places_in(self.headers()).map_err(|unknown| {
            let place = if matches!(self, Source::Csv(_)) { "line 1: " } else { "" };
            ApiError::new(ErrorCode::UnknownField, format!("{place}{unknown}"))
        })
    }

    fn next_rows(&mut self, most: usize) -> Result<Option<Piece>, ApiError> {
        Ok(match self {
            Source::Csv(rows) => rows.next_rows(most)?.map(Piece::Csv),
            Source::Arrow(rows) => rows.next_rows(most)?.map(Piece::Arrow),
        })
    }

    /// The features' columns of some rows.
    fn table(&self, piece: &Piece, encoder: &Encoder, places: &[Option<usize>]) -> Result<Table, ApiError> {
        match (self, piece) {
            (Source::Arrow(source), Piece::Arrow(batch)) => {
                let read = source.columns(batch, |columns| {
                    table(encoder, places, batch.rows(), |at, feature| {
                        columns.column(at, &feature.name, feature.kind, feature.date_order)
                    })
                });
                read?.map_err(|error| of_row(error, "row", |row| batch.first() + row as u64))
            }
            (_, Piece::Csv(text)) => table(encoder, places, text.len(), |at, feature| {
                let texts = text.columns[at].iter().map(Option::as_deref);
                Column::from_texts(&feature.name, feature.kind, feature.date_order, texts)
            })
            .map_err(|error| of_row(error, "line", |row| text.lines[row])),
            (Source::Csv(_), Piece::Arrow(_)) => unreachable!("a piece is of its source"),
        }
    }
}

fn table(
    encoder: &Encoder,
    places: &[Option<usize>],
    rows: usize,
    read: impl Fn(usize, &Feature) -> Result<Column, EncodeError>,
) -> Result<Table, EncodeError> {
    let column = |(feature, place): (&Feature, &Option<usize>)| match *place {
        None => Ok(Column::missing(&feature.name, feature.kind, rows)),
        Some(at) => read(at, feature),
    };
    let columns = encoder.features.iter().zip(places).map(column).collect::<Result<_, _>>()?;
    Ok(Table { columns, rows })
}

/// The error of a value, with its line or row.
fn of_row(error: EncodeError, what: &str, number: impl Fn(usize) -> u64) -> ApiError {
    match &error {
        EncodeError::Value { row, column, expected, got } => {
            let detail = format!("{what} {}, column {column:?}: {expected} is expected, got {got}", number(*row));
            ApiError::new(ErrorCode::InvalidValue, detail)
        }
        _ => error.into(),
    }
}
