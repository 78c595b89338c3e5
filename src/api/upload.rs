//! Data files as bodies: streamed to a scratch file, whatever their size, and unpacked on the way.

use std::fs::File;
use std::io::{self, BufWriter, Read, Seek, Write};
use std::sync::Arc;

use axum::body::Body;
use axum::extract::multipart::{Field, Multipart};
use axum::extract::{DefaultBodyLimit, FromRequest, Request};
use axum::http::HeaderMap;
use axum::http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use bytes::Bytes;
use bytesize::ByteSize;
use flate2::read::MultiGzDecoder;
use http_body_util::BodyExt;
use tokio::sync::mpsc;

use super::error::{ApiError, ErrorCode};
use super::idempotency::{Idempotency, Repeatable};
use crate::app::App;
use crate::data::ingest::Format;
use crate::datasets::{Arrival, Load};
use crate::storage::StorageError;

/// Pieces of a body that wait for the disk.
const PIECES: usize = 16;
/// Content types, and the endings of names, that stand for a format.
const FORMATS: [(Format, &[&str], &[&str]); 5] = [
    (Format::Csv, &["text/csv", "application/csv", "text/tab-separated-values"], &["csv", "tsv"]),
    (Format::Ndjson, &["application/x-ndjson", "application/ndjson", "application/jsonl"], &["ndjson", "jsonl"]),
    (Format::Json, &["application/json"], &["json"]),
    (Format::Parquet, &["application/vnd.apache.parquet", "application/parquet"], &["parquet"]),
    (Format::ArrowStream, &["application/vnd.apache.arrow.stream"], &["arrow", "arrows"]),
];
/// What a file begins with that is packed with gzip, and no file of the formats: it is unpacked even if nothing says so.
const GZIP: [u8; 3] = [0x1f, 0x8b, 0x08];
const ADVICE: &str = "send a data file as text/csv, application/x-ndjson, application/json (an array of objects), \
                      application/vnd.apache.parquet or application/vnd.apache.arrow.stream, or one as multipart/form-data";

/// A data file that has arrived whole.
pub struct Upload {
    /// From its start, unpacked.
    pub file: File,
    /// What it is.
    pub format: Format,
    /// What makes a repetition of the request known.
    pub idempotency: Idempotency,
    /// Lists the file among those under way as long as it is held.
    pub arrival: Arrival,
}

impl FromRequest<App> for Upload {
    type Rejection = ApiError;

    async fn from_request(request: Request, app: &App) -> Result<Self, ApiError> {
        let query = request.uri().query().unwrap_or("");
        let name = form_urlencoded::parse(query.as_bytes()).find(|(key, _)| key == "name");
        let arrival = app.datasets.loading.begin(name.map(|(_, name)| name.into_owned()));
        Upload::receive(request, app, arrival).await
    }
}

impl Upload {
    /// Waits for the body of a request; `arrival` is told how much is there.
    ///
    /// # Errors
    /// The body is none of a data file, breaks off or is too large; storage does not take it.
    pub async fn receive(request: Request, app: &App, arrival: Arrival) -> Result<Self, ApiError> {
        let repeatable = Repeatable::of(&request)?;
        let media_type = media_type(request.headers()).to_ascii_lowercase();
        let packed = is_packed(request.headers())?;
        if media_type == "multipart/form-data" {
            if packed {
                let detail = "a form is not packed as a whole: pack its file, and let the name end in .gz";
                return Err(ApiError::new(ErrorCode::UnsupportedMediaType, detail));
            }
            return of_form(request, app, repeatable, arrival).await;
        }
        let format = format_of(request.headers()).ok_or_else(|| {
            let got =
                if media_type.is_empty() { "there is no Content-Type".into() } else { format!("got {media_type:?}") };
            ApiError::new(ErrorCode::UnsupportedMediaType, format!("{got}: {ADVICE}"))
        })?;
        let (sink, writing) = Sink::start(app, packed, repeatable, &arrival)?;
        let sent = send_body(request.into_body(), app, sink).await;
        let (file, idempotency) = finish(sent, writing).await?;
        Ok(Upload { file, format, idempotency, arrival })
    }
}

/// The type of a body without its parameters.
pub fn media_type(headers: &HeaderMap) -> &str {
    let given = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or("");
    given.split(';').next().unwrap_or("").trim()
}

/// The format of a data file that says by its type what it is.
pub fn format_of(headers: &HeaderMap) -> Option<Format> {
    let media_type = media_type(headers).to_ascii_lowercase();
    let found = FORMATS.iter().find(|(_, types, _)| types.contains(&media_type.as_str()));
    found.map(|(format, ..)| *format)
}

/// Whether a body is packed with gzip.
///
/// # Errors
/// `unsupported_media_type` for any other encoding.
pub fn is_packed(headers: &HeaderMap) -> Result<bool, ApiError> {
    let encodings: Vec<String> = headers
        .get_all(CONTENT_ENCODING)
        .iter()
        .map(|encoding| String::from_utf8_lossy(encoding.as_bytes()).to_ascii_lowercase())
        .collect();
    match encodings.join(", ").as_str() {
        "" | "identity" => Ok(false),
        "gzip" | "x-gzip" => Ok(true),
        other => {
            let detail = format!("Content-Encoding {other:?} is not taken: gzip or none");
            Err(ApiError::new(ErrorCode::UnsupportedMediaType, detail))
        }
    }
}

/// One file of a form; a file whose name ends in .gz is packed.
async fn of_form(
    mut request: Request,
    app: &App,
    repeatable: Repeatable,
    arrival: Arrival,
) -> Result<Upload, ApiError> {
    let broken = |error: axum::extract::multipart::MultipartError| {
        ApiError::new(ErrorCode::MalformedRequest, format!("the form cannot be read: {}", error.body_text()))
    };
    // It has a bound of its own: `--max-upload`.
    DefaultBodyLimit::disable().apply(&mut request);
    let form = Multipart::from_request(request, app).await;
    let mut form = form.map_err(|error| ApiError::new(ErrorCode::MalformedRequest, error.body_text()))?;
    let mut repeatable = Some(repeatable);
    let mut received = None;
    while let Some(mut field) = patient(form.next_field(), app).await?.map_err(broken)? {
        let Some(repeatable) = repeatable.take() else {
            return Err(ApiError::new(ErrorCode::MalformedRequest, "the form has more than one part: send one file"));
        };
        let (format, packed) = of_field(&field)?;
        let (sink, writing) = Sink::start(app, packed, repeatable, &arrival)?;
        let sent = async {
            while let Some(piece) = patient(field.chunk(), app).await?.map_err(broken)? {
                if !sink.send(piece).await {
                    break;
                }
            }
            Ok(())
        };
        let sent = sent.await;
        drop(sink);
        let (file, idempotency) = finish(sent, writing).await?;
        received = Some((file, format, idempotency));
    }
    let none = || ApiError::new(ErrorCode::MalformedRequest, "the form has no file");
    let (file, format, idempotency) = received.ok_or_else(none)?;
    Ok(Upload { file, format, idempotency, arrival })
}

/// The format of a part of a form: by its type, or by the ending of its name.
fn of_field(field: &Field<'_>) -> Result<(Format, bool), ApiError> {
    let name = field.file_name().unwrap_or("").to_ascii_lowercase();
    let (stem, packed) = name.strip_suffix(".gz").map_or((name.as_str(), false), |stem| (stem, true));
    let media_type = field.content_type().and_then(|given| given.split(';').next()).unwrap_or("").trim();
    let ending = stem.rsplit_once('.').map_or("", |(_, ending)| ending);
    let by_type = FORMATS.iter().find(|(_, types, _)| types.contains(&media_type));
    let found = by_type.or_else(|| FORMATS.iter().find(|(_, _, endings)| endings.contains(&ending)));
    let unknown = || {
        let detail =
            format!("neither the type {media_type:?} nor the name {name:?} of the file says what it is: {ADVICE}");
        ApiError::new(ErrorCode::UnsupportedMediaType, detail)
    };
    found.map(|(format, ..)| (*format, packed)).ok_or_else(unknown)
}

/// Waits for something from the client, but not for ever.
async fn patient<T>(wait: impl Future<Output = T>, app: &App) -> Result<T, ApiError> {
    let seconds = app.settings.body_timeout.as_secs_f64();
    let late =
        |_| ApiError::new(ErrorCode::RequestTimeout, format!("nothing came for {seconds} s before the body's end"));
    tokio::time::timeout(app.settings.body_timeout, wait).await.map_err(late)
}

/// Sends a body to its file, piece by piece.
async fn send_body(mut body: Body, app: &App, sink: Sink) -> Result<(), ApiError> {
    while let Some(frame) = patient(body.frame(), app).await? {
        let broken = |error| ApiError::new(ErrorCode::MalformedRequest, format!("the body broke off: {error}"));
        if let Ok(data) = frame.map_err(broken)?.into_data()
            && !sink.send(data).await
        {
            break;
        }
    }
    Ok(())
}

type Writing = tokio::task::JoinHandle<Result<(File, Idempotency), ApiError>>;

/// The file once all was sent. What the writer met is told of after what the client broke off.
async fn finish(sent: Result<(), ApiError>, writing: Writing) -> Result<(File, Idempotency), ApiError> {
    let written = writing.await;
    sent?;
    written.map_err(|_| ApiError::new(ErrorCode::Internal, "the request met a defect of the service"))?
}

/// Where the pieces of a body go: to a blocking thread that writes them to a scratch file.
struct Sink(mpsc::Sender<Bytes>);

impl Sink {
    fn start(app: &App, packed: bool, repeatable: Repeatable, arrival: &Arrival) -> Result<(Self, Writing), ApiError> {
        let (sender, receiver) = mpsc::channel(PIECES);
        let (file, most) = (app.storage.scratch_file()?, app.settings.max_upload);
        let load = arrival.load().clone();
        let pieces = Pieces { receiver, current: Bytes::new(), repeatable, load, most: most.as_u64() };
        Ok((Sink(sender), tokio::task::spawn_blocking(move || write(pieces, file, packed, most))))
    }

    /// False if nobody takes the piece: the writer has stopped.
    async fn send(&self, piece: Bytes) -> bool {
        self.0.send(piece).await.is_ok()
    }
}

/// The pieces of a body as they arrive, read on a thread that may block.
struct Pieces {
    receiver: mpsc::Receiver<Bytes>,
    current: Bytes,
    repeatable: Repeatable,
    load: Arc<Load>,
    most: u64,
}

impl Read for Pieces {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.current.is_empty() {
            match self.receiver.blocking_recv() {
                None => return Ok(0),
                Some(piece) => self.current = piece,
            }
        }
        let length = self.current.len().min(buffer.len());
        let piece = self.current.split_to(length);
        self.repeatable.update(&piece);
        self.load.add_bytes(length);
        if self.load.bytes() > self.most {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        buffer[..length].copy_from_slice(&piece);
        Ok(length)
    }
}

fn write(mut pieces: Pieces, file: File, packed: bool, most: ByteSize) -> Result<(File, Idempotency), ApiError> {
    let mut out = BufWriter::with_capacity(1 << 20, file);
    let mut start = Vec::new();
    let read = (&mut pieces).take(GZIP.len() as u64).read_to_end(&mut start);
    read.map_err(|error| unwritten(&error, most))?;
    let mut whole = start.as_slice().chain(&mut pieces);
    let copied = match packed || start == GZIP {
        false => copy(&mut whole, &mut out, most),
        true => copy(&mut MultiGzDecoder::new(whole), &mut out, most),
    };
    copied?;
    // What follows the last member of a gzip file is not data; it is a part of the request all the same.
    io::copy(&mut pieces, &mut io::sink()).map_err(|error| unwritten(&error, most))?;
    let mut file = out.into_inner().map_err(|error| StorageError::from(error.into_error()))?;
    file.rewind().map_err(StorageError::from)?;
    Ok((file, pieces.repeatable.finish()))
}

fn copy(from: &mut impl Read, to: &mut impl Write, most: ByteSize) -> Result<(), ApiError> {
    let mut buffer = vec![0; 256 << 10];
    let mut total = 0;
    loop {
        let length = match from.read(&mut buffer) {
            Err(error) => return Err(unwritten(&error, most)),
            Ok(0) => return Ok(()),
            Ok(length) => length,
        };
        total += length as u64;
        if total > most.as_u64() {
            return Err(unwritten(&io::ErrorKind::FileTooLarge.into(), most));
        }
        to.write_all(&buffer[..length]).map_err(StorageError::from)?;
    }
}

fn unwritten(error: &io::Error, most: ByteSize) -> ApiError {
    match error.kind() {
        io::ErrorKind::FileTooLarge => {
            ApiError::new(ErrorCode::PayloadTooLarge, format!("the data file is larger than {most} (--max-upload)"))
        }
        _ => ApiError::new(ErrorCode::MalformedRequest, format!("the body cannot be unpacked with gzip: {error}")),
    }
}
