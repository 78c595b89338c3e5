//! Data files as bodies: of any size, and read while they arrive.

use std::fs::File;

use axum::extract::multipart::{Field, Multipart};
use axum::extract::{DefaultBodyLimit, FromRequest, Request};
use axum::http::HeaderMap;
use axum::http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use futures_util::future::BoxFuture;

use super::error::{ApiError, ErrorCode};
use super::idempotency::{Idempotency, Repeatable};
use super::receiving::{Sink, finish, patient, send_body};
use crate::app::App;
use crate::data::ingest::Format;
use crate::datasets::{Arrival, Arriving, Asked, DatasetError, NewDataset};
use crate::storage::StorageError;

/// Content types, and the endings of names, that stand for a format.
const FORMATS: [(Format, &[&str], &[&str]); 5] = [
    (Format::Csv, &["text/csv", "application/csv", "text/tab-separated-values"], &["csv", "tsv"]),
    (Format::Ndjson, &["application/x-ndjson", "application/ndjson", "application/jsonl"], &["ndjson", "jsonl"]),
    (Format::Json, &["application/json"], &["json"]),
    (Format::Parquet, &["application/vnd.apache.parquet", "application/parquet"], &["parquet"]),
    (Format::ArrowStream, &["application/vnd.apache.arrow.stream"], &["arrow", "arrows"]),
];
const ADVICE: &str = "send a data file as text/csv, application/x-ndjson, application/json (an array of objects), \
                      application/vnd.apache.parquet or application/vnd.apache.arrow.stream, or one as multipart/form-data";

/// A data file that has arrived whole.
pub struct Upload {
    /// From its start, unpacked.
    pub file: File,
}

impl Upload {
    /// Waits for the body of a request; `arrival` is told how much is there.
    ///
    /// # Errors
    /// The body is none of a data file, breaks off or is too large; storage does not take it.
    pub async fn receive(request: Request, app: &App, arrival: Arrival) -> Result<Self, ApiError> {
        let mut file = DataFile::begin(request, app, arrival).await?;
        file.receive(app, None).await?;
        Ok(Upload { file: file.data.into_file().map_err(StorageError::from)? })
    }
}

/// A data file that arrives.
pub struct DataFile {
    /// What it is.
    pub format: Format,
    data: Arriving,
    /// Receives the rest, and says then what makes a repetition of the request known.
    rest: BoxFuture<'static, Result<Idempotency, ApiError>>,
    /// Lists the file among those under way as long as it is held.
    arrival: Arrival,
}

impl FromRequest<App> for DataFile {
    type Rejection = ApiError;

    async fn from_request(request: Request, app: &App) -> Result<Self, ApiError> {
        let query = request.uri().query().unwrap_or("");
        let name = form_urlencoded::parse(query.as_bytes()).find(|(key, _)| key == "name");
        let arrival = app.datasets.loading.begin(name.map(|(_, name)| name.into_owned()));
        DataFile::begin(request, app, arrival).await
    }
}

impl DataFile {
    async fn begin(request: Request, app: &App, arrival: Arrival) -> Result<Self, ApiError> {
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
        let (sink, data, writing) = Sink::start(app, packed, repeatable, &arrival)?;
        let (body, app) = (request.into_body(), app.clone());
        let rest = Box::pin(async move {
            let sent = send_body(body, &app, sink).await;
            finish(sent, writing).await
        });
        Ok(DataFile { format, data, rest, arrival })
    }

    /// Waits until the file is whole; once. Reads it meanwhile, if it is known what is `asked` and it can be.
    ///
    /// # Errors
    /// The body breaks off or is too large; storage does not take it.
    pub async fn receive(&mut self, app: &App, asked: Option<&Asked>) -> Result<Received, ApiError> {
        let load = self.arrival.load();
        let early = async {
            match asked {
                Some(asked) => app.datasets.read_early(asked, &self.data, load).await,
                None => None,
            }
        };
        let rest = async { (&mut self.rest).await.inspect(|_| load.set_whole()) };
        let (idempotency, early) = tokio::join!(rest, early);
        Ok(Received { idempotency: idempotency?, early })
    }

    /// Reads the file, if that was not done while it was received.
    ///
    /// # Errors
    /// As [`crate::datasets::DatasetRegistry::read`].
    pub async fn read(
        &mut self,
        app: &App,
        asked: &Asked,
        early: Option<Result<NewDataset, DatasetError>>,
    ) -> Result<NewDataset, DatasetError> {
        match early {
            Some(read) => read,
            None => app.datasets.read(asked, &self.data, self.arrival.load()).await,
        }
    }
}

/// What is known of a data file that was received.
pub struct Received {
    /// What makes a repetition of the request known.
    pub idempotency: Idempotency,
    /// What came of reading it meanwhile.
    pub early: Option<Result<NewDataset, DatasetError>>,
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

/// One file of a form, which is received here: only then is it known that nothing follows. A file whose name ends in .gz
/// is packed.
async fn of_form(
    mut request: Request,
    app: &App,
    repeatable: Repeatable,
    arrival: Arrival,
) -> Result<DataFile, ApiError> {
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
        let (sink, data, writing) = Sink::start(app, packed, repeatable, &arrival)?;
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
        received = Some((data, format, finish(sent, writing).await?));
    }
    let none = || ApiError::new(ErrorCode::MalformedRequest, "the form has no file");
    let (data, format, idempotency) = received.ok_or_else(none)?;
    Ok(DataFile { format, data, rest: Box::pin(async { Ok(idempotency) }), arrival })
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
