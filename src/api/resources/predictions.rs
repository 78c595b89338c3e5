//! `POST …/predict`: of models by layer sizes, rows in, outputs out; those by data set are in `table_predictions`.

use axum::body::Body;
use axum::extract::{FromRequest, Request, State};
use axum::http::{HeaderValue, StatusCode};
use axum::response::Response;
use ndarray::{Array2, ArrayView2};

use super::table_predictions;
use crate::api::body::bounds::announced;
use crate::api::body::json::JsonBody;
use crate::api::body::media::Media;
use crate::api::body::prediction::PredictionBody;
use crate::api::body::read::FileBody;
use crate::api::error::{ApiError, ErrorCode};
use crate::api::extract::{ModelPath, VersionPath};
use crate::api::extras::{ExtraParams, ModelParams};
use crate::api::reply::held::holding;
use crate::api::reply::json::{of_version, with_type};
use crate::api::reply::pieces::Pieces;
use crate::app::App;
use crate::data::octets::{octet_rows, octets};
use crate::keys::Sight;
use crate::learning::spec::ValidModelSpec;
use crate::models::inline::inputs;
use crate::models::{Model, ModelKind, Version};
use crate::serving::extras::Extras;
use crate::serving::memory::RequestMemory;
use crate::serving::sight;
use crate::serving::threads::blocking;
use crate::serving::{active, may_begin, predict_rows};

/// Length of a number of a reply as text with what stands before it, at most: -1.17549435e-38.
const NUMBER_BYTES: usize = 17;
/// Text that is written into one buffer, if it is not a single row: a buffer that grows by itself takes twice as much.
const TEXT_BYTES: usize = 128 << 10;
/// Bytes up to which they are taken as numbers on the spot. About 0.1 ms.
const COPIED_ON_THE_SPOT: usize = 1 << 20;

/// The forms of rows and outputs.
const MEDIA: [Media; 2] = [Media::Json, Media::Octets];

/// `POST /models/{model}/predict`: the active version.
pub async fn predict(
    State(app): State<App>,
    ModelPath(model): ModelPath,
    ExtraParams(extras): ExtraParams,
    request: Request,
) -> Result<Response, ApiError> {
    let version = active(&app, &model).await?;
    by_version(&app, &model, version, extras, request).await
}

/// `POST /models/{model}/versions/{version}/predict`
pub async fn predict_version(
    State(app): State<App>,
    ModelPath(model): ModelPath,
    VersionPath(key): VersionPath,
    ExtraParams(extras): ExtraParams,
    request: Request,
) -> Result<Response, ApiError> {
    let version = app.models.version_called(&model, &key).await?;
    by_version(&app, &model, &version, extras, request).await
}

/// `POST /predict?model={model}`: the active version.
pub async fn predict_by_query(
    State(app): State<App>,
    who: Sight,
    ModelParams { model, extras }: ModelParams,
    request: Request,
) -> Result<Response, ApiError> {
    let model = sight::model(&app, &who, &model).await?;
    let version = active(&app, &model).await?;
    by_version(&app, &model, version, extras, request).await
}

async fn by_version(
    app: &App,
    model: &Model,
    version: &Version,
    extras: Extras,
    request: Request,
) -> Result<Response, ApiError> {
    match &model.kind {
        // Apart from the other branch, whose future is small and made for every row.
        ModelKind::Table(_) => Box::pin(table_predictions::predict(app, model, version, extras, request)).await,
        ModelKind::Layers(spec) => match extras.first_asked() {
            None => by_layers(app, model, version, spec, request).await,
            Some(name) => {
                let detail = format!("{name} is for models by data set");
                Err(ApiError::parameter(ErrorCode::InvalidValue, name, detail))
            }
        },
    }
}

async fn by_layers(
    app: &App,
    model: &Model,
    version: &Version,
    spec: &ValidModelSpec,
    request: Request,
) -> Result<Response, ApiError> {
    let body = Media::of_body(request.headers(), &MEDIA);
    let reply = Media::of_reply(request.headers(), &MEDIA, body);
    may_begin(app, spec, announced(&request))?;
    let (inputs, mut memory) = match body {
        Media::Octets => Box::pin(of_octets(request, spec, app)).await?,
        _ => of_json(JsonBody::read(request, app, PredictionBody::of_rows).await?, spec)?,
    };
    let rows = inputs.nrows();
    let predictor = app.models.predictor(model, version).await?;
    let pieces = match reply {
        Media::Octets => predict_rows(app, predictor, inputs, &mut memory, as_octets).await?,
        _ => predict_rows(app, predictor, inputs, &mut memory, as_text).await?,
    };
    let (model_id, number, width) = (model.id, version.number, spec.outputs());
    let response = match reply {
        Media::Octets => {
            let mut response = of_version(Media::Octets.name(), joined(pieces), model_id, number);
            let shape = HeaderValue::from_str(&format!("{rows},{width}")).expect("digits and a comma");
            response.headers_mut().insert("x-shape", shape);
            response
        }
        _ => {
            let head = format!(r#"{{"model_id":"{model_id}","version":{number},"outputs":"#);
            with_type(StatusCode::OK, "application/json", listed(&head, pieces, "]}\n"))
        }
    };
    Ok(holding(memory, response))
}

/// The inputs of a JSON body.
fn of_json(
    mut body: JsonBody<PredictionBody>,
    spec: &ValidModelSpec,
) -> Result<(Array2<f32>, RequestMemory), ApiError> {
    if body.value.records.is_some() {
        let detail = "the model is one by layer sizes: send `inputs`, rows of numbers, instead of `records`";
        return Err(ApiError::at(ErrorCode::WrongModelKind, "/records", detail));
    }
    let Some(rows) = body.value.inputs.take() else {
        let detail = "missing field `inputs`: the model is one by layer sizes and takes rows of numbers";
        return Err(ApiError::at(ErrorCode::MissingField, "/inputs", detail));
    };
    Ok((inputs(rows, spec, "")?, body.memory))
}

/// The inputs of a body of f32, little-endian, row after row.
async fn of_octets(
    request: Request,
    spec: &ValidModelSpec,
    app: &App,
) -> Result<(Array2<f32>, RequestMemory), ApiError> {
    let FileBody { bytes, mut memory } = FileBody::from_request(request, app).await?;
    memory.reserve(bytes.len(), app)?;
    let (width, large) = (spec.inputs(), bytes.len() > COPIED_ON_THE_SPOT);
    let read = move || Ok::<_, ApiError>(octet_rows(&bytes, width)?);
    let inputs = if large { blocking(app, read).await? } else { read() };
    Ok((inputs?, memory))
}

/// The outputs of some rows as they stand in a JSON reply, each after a comma; values that are not finite are null.
fn as_text(outputs: ArrayView2<f32>) -> Vec<Vec<u8>> {
    let row_bytes = outputs.ncols() * NUMBER_BYTES + 3;
    let room = |rows: usize| Vec::with_capacity((rows * row_bytes).min(TEXT_BYTES).max(row_bytes));
    let (mut texts, mut text, rows) = (Vec::new(), room(outputs.nrows()), outputs.nrows());
    for (index, row) in outputs.outer_iter().enumerate() {
        if text.capacity() - text.len() < row_bytes {
            texts.push(std::mem::replace(&mut text, room(rows - index)));
        }
        text.push(b',');
        let row = row.to_slice().expect("outputs are row-major");
        serde_json::to_writer(&mut text, row).expect("numbers can be written to memory");
    }
    texts.push(text);
    texts
}

fn as_octets(outputs: ArrayView2<f32>) -> Vec<Vec<u8>> {
    vec![octets(outputs.as_slice().expect("outputs are row-major"))]
}

/// Pieces one after the other.
fn joined(pieces: Vec<Vec<Vec<u8>>>) -> Body {
    let mut whole = Pieces::default();
    pieces.into_iter().flatten().for_each(|piece| whole.take(piece));
    whole.body()
}

/// Texts of rows as a list between `head` and `tail`.
fn listed(head: &str, mut texts: Vec<Vec<Vec<u8>>>, tail: &str) -> Body {
    let mut whole = Pieces::of_length(texts.iter().flatten().map(Vec::len).sum::<usize>() + head.len() + tail.len());
    whole.write_text(head);
    // Where a comma stands before the first row, the list begins.
    match texts.iter_mut().flatten().find(|text| !text.is_empty()) {
        Some(first) => first[0] = b'[',
        None => whole.write_text("["),
    }
    texts.into_iter().flatten().for_each(|text| whole.take(text));
    whole.write_text(tail);
    whole.body()
}
