//! Predictions of models by data set: records or a data file in, labels or values out, as JSON, CSV or Arrow.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::Request;
use axum::response::Response;

use crate::api::body::data_file::Upload;
use crate::api::body::formats::{declared_by, no_rows};
use crate::api::body::json::JsonBody;
use crate::api::body::media::Media;
use crate::api::body::parse::parse_rows;
use crate::api::body::prediction::PredictionBody;
use crate::api::error::{ApiError, ErrorCode};
use crate::api::layers::observe::peer;
use crate::api::reply::answers::AnswerWriter;
use crate::api::reply::answers_json::predictions;
use crate::api::reply::held::holding;
use crate::api::reply::json::of_version;
use crate::api::reply::long::LongReply;
use crate::api::reply::pieces::Pieces;
use crate::app::App;
use crate::data::ingest::{Declared, Format, check_sheet};
use crate::datasets::{Arriving, Loading};
use crate::models::{Model, Version};
use crate::serving::answered_rows::AnsweredRows;
use crate::serving::extras::{Extras, OnError};
use crate::serving::file_rows::RowFormat;
use crate::serving::memory::RequestMemory;
use crate::serving::predict_file::FilePredictions;
use crate::serving::predict_records;
use crate::serving::table_version::TableVersion;
use crate::serving::threads::{blocking, long_work_may_begin};
use crate::waiting::Waiting;

/// The forms of answers.
const MEDIA: [Media; 3] = [Media::Json, Media::Csv, Media::Arrow];
/// Most rows that are answered as JSON, which is made in one piece, and cells and values of these rows.
const MAX_JSON_ROWS: usize = 100_000;
const MAX_JSON_VALUES: usize = 8 << 20;

/// Predictions of a version of a model by data set.
pub async fn predict(
    app: &App,
    model: &Model,
    version: &Version,
    extras: Extras,
    request: Request,
) -> Result<Response, ApiError> {
    let declared = declared_by(request.headers())?;
    check_sheet(declared.map_or(Format::Json, |declared| declared.format), extras.sheet.as_deref())?;
    // The network comes after the body: one that is in use cannot leave memory, and a body may be slow.
    let of_records = declared.is_none_or(|declared| declared.format == Format::Json);
    if extras.explain.is_some()
        && !(of_records && Media::of_reply(request.headers(), &MEDIA, Media::Json) == Media::Json)
    {
        let detail = "explanations are of records: send JSON, and take JSON";
        return Err(ApiError::parameter(ErrorCode::InvalidValue, "explain", detail));
    }
    let declared = declared.ok_or_else(|| no_rows(request.headers()))?;
    if let Some((format, like)) = of_file(declared, &extras) {
        let reply = Media::of_reply(request.headers(), &MEDIA, like);
        // Not listed: no data set comes of it.
        let client = peer(&request);
        let Upload { file } = Upload::receive(request, app, Loading::default().begin(None, None)).await?;
        let version = TableVersion::load(app, model, version, extras).await?;
        return for_file(app, version, format, reply, file, client).await;
    }
    let reply = Media::of_reply(request.headers(), &MEDIA, Media::Json);
    let body = JsonBody::read(request, app, parse_rows::<PredictionBody>).await?;
    let version = TableVersion::load(app, model, version, extras).await?;
    for_records(app, version, reply, body).await
}

/// How a body is read that is a data file, and the form of a reply to it where none is asked for; nothing if it is JSON.
fn of_file(declared: Declared, extras: &Extras) -> Option<(RowFormat, Media)> {
    Some(match declared.format {
        Format::Json => return None,
        Format::Csv => (RowFormat::Csv(declared.csv), Media::Csv),
        Format::Ndjson => (RowFormat::Lines, Media::Json),
        Format::Parquet => (RowFormat::Parquet, Media::Arrow),
        Format::Arrow => (RowFormat::Arrow, Media::Arrow),
        Format::Excel => (RowFormat::Excel(extras.sheet.clone()), Media::Csv),
    })
}

async fn for_records(
    app: &App,
    version: TableVersion,
    reply: Media,
    JsonBody { value, memory, .. }: JsonBody<PredictionBody>,
) -> Result<Response, ApiError> {
    if value.inputs.is_some() {
        let detail = "the model is one by data set: send `records` of its columns instead of `inputs`";
        return Err(ApiError::at(ErrorCode::WrongModelKind, "/inputs", detail));
    }
    let Some(records) = value.records else {
        let detail = "missing field `records`: the model is one by data set and takes records of its columns";
        return Err(ApiError::at(ErrorCode::MissingField, "/records", detail));
    };
    let within = app.clone();
    let response = predict_records(app, version, records, memory, move |version, pieces, mut memory| {
        let failed = pieces.iter().map(|piece| piece.failures.count()).sum();
        let response = match reply {
            Media::Json => predictions(&mut memory, &within, version, &pieces)?,
            _ => in_form(version, reply, memory.scope(&within, || in_pieces(version, reply, pieces))??),
        };
        Ok::<_, ApiError>(holding(memory, telling(failed, version, response)))
    });
    response.await?
}

/// CSV or Arrow of answers; each of them goes as it is written.
fn in_pieces(version: &TableVersion, reply: Media, answers: Vec<AnsweredRows>) -> Result<Body, ApiError> {
    let (mut writer, mut whole) = (AnswerWriter::new(reply, version)?, Pieces::default());
    for some in answers {
        writer.write(&some, |piece| Ok(whole.add(piece)?))?;
    }
    whole.add(writer.end()?)?;
    Ok(whole.body())
}

async fn for_file(
    app: &App,
    version: TableVersion,
    format: RowFormat,
    reply: Media,
    file: Arriving,
    client: Option<Arc<str>>,
) -> Result<Response, ApiError> {
    long_work_may_begin(app)?;
    let within = app.clone();
    let waiting = Waiting::default();
    let waited_for = waiting.seen();
    let working = RequestMemory::of(client.clone());
    let memory = RequestMemory::of(client.clone());
    let written = LongReply::new(app, RequestMemory::of(client));
    blocking(app, move || {
        let rows = FilePredictions::open(&within, &version, file, format, waited_for, working)?;
        answer(&within, &version, rows, reply, memory, written)
    })
    .await?
}

fn answer(
    app: &App,
    version: &TableVersion,
    mut predicted: FilePredictions,
    reply: Media,
    mut memory: RequestMemory,
    mut written: LongReply,
) -> Result<Response, ApiError> {
    let most_rows = MAX_JSON_ROWS.min(MAX_JSON_VALUES / predicted.width()).max(1);
    let most_bytes = app.settings.max_upload.as_u64();
    let mut writer = if reply == Media::Json { None } else { Some(AnswerWriter::new(reply, version)?) };
    let (mut kept, mut rows, mut failed) = (Vec::new(), 0, 0);
    while let Some(piece) = predicted.next_rows(reply == Media::Arrow)? {
        rows += piece.rows();
        failed += piece.failures.count();
        if let Some(writer) = &mut writer {
            writer.write(&piece, |piece| written.add(&piece, most_bytes))?;
        } else if rows <= most_rows {
            memory.allow_for(predicted.bytes_sent(), app);
            memory.reserve(piece.bytes(), app)?;
            kept.push(piece);
        } else {
            let detail = format!("more than {most_rows} rows: ask for the reply as text/csv, which is streamed");
            return Err(ApiError::new(ErrorCode::ReplyTooLarge, detail));
        }
    }
    if rows == 0 {
        return Err(ApiError::new(ErrorCode::MalformedData, "the data has columns and no rows"));
    }
    let Some(writer) = writer else {
        let response = predictions(&mut memory, app, version, &kept)?;
        return Ok(holding(memory, telling(failed, version, response)));
    };
    written.add(&writer.end()?, most_bytes)?;
    let (body, memory) = written.body()?;
    Ok(holding(memory, telling(failed, version, in_form(version, reply, body))))
}

/// The reply, which says how many of its rows have an error for a prediction, where that may be.
fn telling(failed: usize, version: &TableVersion, mut response: Response) -> Response {
    if version.extras.on_error == OnError::Row {
        response.headers_mut().insert("x-rows-failed", failed.into());
    }
    response
}

/// A reply in another form than JSON.
fn in_form(version: &TableVersion, media: Media, body: impl Into<axum::body::Body>) -> Response {
    let kind = if media == Media::Csv { "text/csv; charset=utf-8" } else { media.name() };
    of_version(kind, body, version.model_id, version.version)
}
