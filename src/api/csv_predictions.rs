//! Predictions as CSV, and of CSV: worked off in pieces, so that a million rows need no more memory than a thousand.
//!
//! The reply is made whole, on the disk where it is long, before its first byte is sent: so that a wrong row far down is a
//! proper error, and a client that sends everything before it reads anything is not left waiting.

use std::fs::File;
use std::io::{self, Seek, Write};

use axum::body::Body;
use axum::http::StatusCode;
use axum::response::Response;
use bytes::Bytes;
use futures_util::stream;

use super::error::{ApiError, ErrorCode};
use super::extract::blocking;
use super::reply;
use super::table_predictions::{Serving, label_set};
use crate::app::App;
use crate::data::column::{Column, Table};
use crate::data::csv_rows::{CsvRows, TextRows};
use crate::data::encoder::{EncodeError, Encoder};
use crate::models::prediction::{Answers, Predictions, most_likely, predict as predict_table};
use crate::storage::StorageError;

/// Rows that are worked off at once, and cells and encoded values of these rows.
const ROWS: usize = 4096;
const VALUES: usize = 1 << 20;
/// A reply up to so many bytes stays in memory.
const IN_MEMORY: usize = 1 << 20;
/// Bytes of a piece of a long reply.
const PIECE: usize = 256 << 10;
/// Most rows of CSV that are answered as JSON, which is made in one piece, and cells and values of these rows.
const MAX_JSON_ROWS: usize = 100_000;
const MAX_JSON_VALUES: usize = 8 << 20;

/// Predictions for the rows of a CSV body.
pub async fn predict(app: &App, serving: Serving, csv_out: bool, file: File) -> Result<Response, ApiError> {
    let (meters, storage) = (app.meters.clone(), app.storage.clone());
    let most_bytes = app.settings.max_upload.as_u64();
    blocking(move || {
        let mut rows = CsvRows::new(io::BufReader::with_capacity(1 << 18, file))?;
        let encoder = &serving.parts()?.encoder;
        let places = encoder
            .places_in(rows.headers())
            .map_err(|unknown| ApiError::new(ErrorCode::UnknownField, format!("line 1: {unknown}")))?;
        let width = rows.headers().len() + encoder.width() + encoder.target.classes().len();
        if !csv_out {
            let most = MAX_JSON_ROWS.min(MAX_JSON_VALUES / width).max(1);
            let Some(text) = rows.next_rows(most)? else { return Err(no_rows()) };
            if rows.next_rows(1)?.is_some() {
                let detail = format!("more than {most} rows: ask for the reply as text/csv, which is streamed");
                return Err(ApiError::new(ErrorCode::ReplyTooLarge, detail));
            }
            meters.predictions.inc_by(text.len() as u64);
            return Ok(serving.json(&answer(&serving, &text, &places)?, encoder));
        }
        let mut sink = Sink { memory: Vec::new(), file: None, bytes: 0 };
        let mut out = csv::Writer::from_writer(&mut sink);
        let mut any = false;
        while let Some(text) = rows.next_rows(ROWS.min(VALUES / width).max(16))? {
            let predictions = answer(&serving, &text, &places)?;
            if !any {
                write_header(&mut out, &predictions, encoder)?;
            }
            any = true;
            meters.predictions.inc_by(text.len() as u64);
            write_rows(&mut out, &predictions, encoder)?;
            out.flush().map_err(StorageError::from)?;
            if out.get_ref().bytes > most_bytes {
                let detail =
                    format!("the reply would be larger than {most_bytes} bytes (--max-upload): send fewer rows");
                return Err(ApiError::new(ErrorCode::ReplyTooLarge, detail));
            }
            if out.get_ref().is_full() {
                let file = storage.scratch_file()?;
                drop(out);
                sink.spill(file).map_err(StorageError::from)?;
                out = csv::Writer::from_writer(&mut sink);
            }
        }
        drop(out);
        if any { sink.reply() } else { Err(no_rows()) }
    })
    .await?
}

fn no_rows() -> ApiError {
    ApiError::new(ErrorCode::MalformedData, "the CSV has a header and no rows")
}

/// A whole reply as CSV.
pub fn whole(predictions: &Predictions, encoder: &Encoder) -> Result<Response, ApiError> {
    let mut out = csv::Writer::from_writer(Vec::new());
    write_header(&mut out, predictions, encoder)?;
    write_rows(&mut out, predictions, encoder)?;
    let bytes = out.into_inner().map_err(|error| StorageError::from(error.into_error()))?;
    Ok(reply::with_type(StatusCode::OK, "text/csv; charset=utf-8", bytes))
}

fn answer(serving: &Serving, text: &TextRows, places: &[Option<usize>]) -> Result<Predictions, ApiError> {
    let parts = serving.parts()?;
    let mut columns = Vec::with_capacity(parts.encoder.features.len());
    for (feature, place) in parts.encoder.features.iter().zip(places) {
        columns.push(match *place {
            None => Column::missing(&feature.name, feature.kind, text.len()),
            Some(place) => {
                let texts = text.columns[place].iter().map(Option::as_deref);
                let column = Column::from_texts(&feature.name, feature.kind, feature.date_order, texts);
                column.map_err(|error| of_line(error, text))?
            }
        });
    }
    let table = Table { columns, rows: text.len() };
    Ok(predict_table(&serving.network, parts, &table, serving.interval)?)
}

/// The error of a value in a row, with its line.
fn of_line(error: EncodeError, text: &TextRows) -> ApiError {
    match &error {
        EncodeError::Value { row, column, expected, got } => {
            let detail = format!("line {}, column {column:?}: {expected} is expected, got {got}", text.lines[*row]);
            ApiError::new(ErrorCode::InvalidValue, detail)
        }
        _ => error.into(),
    }
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
                    out.write_field(p.to_string()).map_err(unwritten)?;
                }
                if let Some(most) = most {
                    // As a JSON list: a class may contain any separator.
                    let set = label_set(classes, row, *most);
                    out.write_field(serde_json::to_string(&set).expect("words are plain data")).map_err(unwritten)?;
                }
            }
            Answers::Values { values, margin } => {
                out.write_field(values[row].to_string()).map_err(unwritten)?;
                for end in margin.iter().flat_map(|margin| [values[row] - margin, values[row] + margin]) {
                    out.write_field(end.to_string()).map_err(unwritten)?;
                }
            }
        }
        out.write_record(None::<&[u8]>).map_err(unwritten)?;
    }
    Ok(())
}

fn unwritten(error: csv::Error) -> ApiError {
    StorageError::from(io::Error::other(error)).into()
}

/// A reply under way: in memory while it is short, then in a file.
struct Sink {
    memory: Vec<u8>,
    file: Option<File>,
    /// Of the whole reply so far.
    bytes: u64,
}

impl Sink {
    fn is_full(&self) -> bool {
        self.file.is_none() && self.memory.len() > IN_MEMORY
    }

    fn spill(&mut self, mut file: File) -> io::Result<()> {
        file.write_all(&std::mem::take(&mut self.memory))?;
        self.file = Some(file);
        Ok(())
    }

    fn reply(self) -> Result<Response, ApiError> {
        let Some(mut file) = self.file else {
            return Ok(reply::with_type(StatusCode::OK, "text/csv; charset=utf-8", self.memory));
        };
        file.rewind().map_err(StorageError::from)?;
        let pieces = stream::try_unfold(file, |mut file| async move {
            let read = tokio::task::spawn_blocking(move || {
                let mut piece = vec![0; PIECE];
                let length = io::Read::read(&mut file, &mut piece)?;
                piece.truncate(length);
                Ok::<_, io::Error>((piece, file))
            });
            let (piece, file) = read.await.map_err(io::Error::other)??;
            Ok::<_, io::Error>((!piece.is_empty()).then(|| (Bytes::from(piece), file)))
        });
        Ok(reply::with_type(StatusCode::OK, "text/csv; charset=utf-8", Body::from_stream(pieces)))
    }
}

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = match &mut self.file {
            Some(file) => file.write(bytes)?,
            None => self.memory.write(bytes)?,
        };
        self.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.as_mut().map_or(Ok(()), Write::flush)
    }
}
