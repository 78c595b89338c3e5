//! `/models/{model}/versions`: list, show, activate, remove, read the parameters.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use serde::Serialize;
use serde_json::value::RawValue;
use uuid::Uuid;

use crate::api::error::ApiError;
use crate::api::extract::{Memory, ModelPath, NoQuery, Params, VersionPath};
use crate::api::reply::document::document;
use crate::api::reply::findings::{WarningBody, version_warnings};
use crate::api::reply::held::holding;
use crate::api::reply::json as reply;
use crate::api::reply::long::LongReply;
use crate::api::reply::model::{ModelBody, NetworkBody};
use crate::api::reply::page::{Page, PageParams};
use crate::app::App;
use crate::learning::metric::Metric;
use crate::learning::network::Network;
use crate::learning::training::ValidTrainingSpec;
use crate::models::recipe::Recipe;
use crate::models::table::FeatureImportance;
use crate::models::{Model, Version};
use crate::serving::memory::of_records;
use crate::serving::threads::{blocking, to_the_end};

/// A version as clients see it.
#[derive(Serialize)]
struct VersionBody<'a> {
    version: u64,
    job_id: Option<Uuid>,
    created_at: Timestamp,
    active: bool,
    metrics: &'a RawValue,
    warnings: Vec<WarningBody<'a>>,
    epochs: u64,
    loss: f64,
    validation_loss: Option<f64>,
    aliases: Vec<&'a str>,
    dataset_id: Option<Uuid>,
    rows: Option<u64>,
    features: Option<&'a [String]>,
    classes: Option<&'a [String]>,
    recipe: Option<Recipe>,
    #[serde(skip_serializing_if = "Option::is_none")]
    config: Option<&'a ValidTrainingSpec>,
    #[serde(skip_serializing_if = "Option::is_none")]
    network: Option<NetworkBody>,
}

impl<'a> VersionBody<'a> {
    fn of(model: &'a Model, version: &'a Version) -> Self {
        let table = model.table().ok();
        let aliases = model.aliases.iter().filter(|alias| alias.version.number == version.number);
        VersionBody {
            version: version.number,
            job_id: version.facts.job_id,
            created_at: version.facts.created_at,
            active: model.is_active(version.number),
            metrics: &version.facts.metrics,
            warnings: version_warnings(&version.facts.warnings),
            epochs: version.facts.epochs,
            loss: version.facts.loss,
            validation_loss: version.facts.validation_loss,
            aliases: aliases.map(|alias| alias.name.as_str()).collect(),
            dataset_id: version.facts.trained_on.dataset,
            rows: version.facts.trained_on.rows,
            features: table.map(|table| version.features(table)),
            classes: table.and_then(|table| version.classes(table)),
            recipe: table.map(|table| table.recipe),
            config: version.facts.settings.as_deref(),
            network: model.network_of(version).map(|network| NetworkBody::of(network)),
        }
    }
}

/// `GET /models/{model}/versions`
pub async fn list(
    State(app): State<App>,
    ModelPath(model): ModelPath,
    Params(params): Params<PageParams>,
) -> Result<Response, ApiError> {
    let query = params.check::<u64>()?;
    let (found, more) = app.models.versions(model.id, query.before, query.limit).await?;
    let cursor = found.last().filter(|_| more).map(|version| version.number.to_string());
    let memory = of_records(found.iter().map(Version::bytes).sum(), &app)?;
    document(&app, StatusCode::OK, 0, move |sheet| {
        let _held = &memory;
        let bodies = found.iter().map(|version| VersionBody::of(&model, version));
        sheet.json(&Page::of(bodies.collect(), cursor.clone()))
    })
    .await
}

/// `GET /models/{model}/versions/{version}`
pub async fn show(
    State(app): State<App>,
    ModelPath(model): ModelPath,
    VersionPath(key): VersionPath,
    _: NoQuery,
) -> Result<Response, ApiError> {
    let version = app.models.version_called(&model, &key).await?;
    document(&app, StatusCode::OK, 0, move |sheet| sheet.json(&VersionBody::of(&model, &version))).await
}

/// How much each feature matters.
#[derive(Serialize)]
struct ImportanceBody<'a> {
    model_id: Uuid,
    version: u64,
    measure: Metric,
    features: &'a [FeatureImportance],
}

/// `GET /models/{model}/versions/{version}/importance`
pub async fn importance(
    State(app): State<App>,
    ModelPath(model): ModelPath,
    VersionPath(key): VersionPath,
    _: NoQuery,
) -> Result<Response, ApiError> {
    let table = model.table()?.clone();
    let version = app.models.version_called(&model, &key).await?;
    let predictor = app.models.predictor(&model, &version).await?;
    let measure = table.metric();
    document(&app, StatusCode::OK, 0, move |sheet| {
        let features = predictor.table().map_or(&[][..], |table| &table.parts.importance);
        sheet.json(&ImportanceBody { model_id: model.id, version: version.number, measure, features })
    })
    .await
}

/// `POST /models/{model}/versions/{version}/activate`
pub async fn activate(
    State(app): State<App>,
    ModelPath(model): ModelPath,
    VersionPath(key): VersionPath,
    _: NoQuery,
) -> Result<Response, ApiError> {
    let number = app.models.version_called(&model, &key).await?.number;
    let models = app.models.clone();
    let model = to_the_end(async move { models.activate(&model, number).await }).await??;
    tracing::info!(model_id = %model.id, version = number, "version activated");
    document(&app, StatusCode::OK, 0, move |sheet| sheet.json(&ModelBody::of(&model))).await
}

/// `DELETE /models/{model}/versions/{version}`
pub async fn remove(
    State(app): State<App>,
    ModelPath(model): ModelPath,
    VersionPath(key): VersionPath,
    _: NoQuery,
) -> Result<Response, ApiError> {
    let (id, number) = (model.id, app.models.version_called(&model, &key).await?.number);
    to_the_end(async move { app.models.remove_version(&model, number).await }).await??;
    tracing::info!(model_id = %id, version = number, "version deleted");
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// `GET /models/{model}/versions/{version}/parameters`. It is whole before its first byte is sent: a client that reads slowly
/// keeps the network from leaving memory no longer than that takes.
pub async fn parameters(
    State(app): State<App>,
    ModelPath(model): ModelPath,
    VersionPath(key): VersionPath,
    Memory(memory): Memory,
    _: NoQuery,
) -> Result<Response, ApiError> {
    let version = app.models.version_called(&model, &key).await?;
    let predictor = app.models.predictor(&model, &version).await?;
    let head = format!("{{\"model_id\":\"{}\",\"version\":{},", model.id, version.number);
    let (most, mut written) = (app.settings.max_upload.as_u64(), LongReply::new(&app, memory));
    let write = move || {
        written.add(head.as_bytes(), most)?;
        let mut write = |text: &[u8]| written.add(text, most);
        match predictor.members().list() {
            [one] => layers(&one.network, &mut write)?,
            several => {
                write(b"\"members\":[")?;
                for (index, member) in several.iter().enumerate() {
                    let comma = if index > 0 { "," } else { "" };
                    write(format!("{comma}{{\"weight\":{},", member.weight).as_bytes())?;
                    layers(&member.network, &mut write)?;
                    write(b"}")?;
                }
                write(b"]")?;
            }
        }
        write(b"}\n")?;
        let (body, memory) = written.body()?;
        Ok::<_, ApiError>(holding(memory, reply::with_type(StatusCode::OK, "application/json", body)))
    };
    blocking(&app, write).await?
}

/// Writes the layers of a network as a field of a JSON object, row by row.
fn layers(network: &Network, write: &mut dyn FnMut(&[u8]) -> Result<(), ApiError>) -> Result<(), ApiError> {
    write(b"\"layers\":[")?;
    for (layer, shape) in network.spec().layers.iter().enumerate() {
        (0..=shape.inputs).try_for_each(|row| write(&piece(network, layer, row)))?;
    }
    write(b"]")
}

/// Row `row` of a layer's weights as JSON, or behind the last row its biases, with what stands around it.
fn piece(network: &Network, layer: usize, row: usize) -> Vec<u8> {
    let (weights, biases) = network.layer_parameters(layer);
    if row == weights.nrows() {
        return [b"],\"biases\":", &json(&biases.as_slice())[..], b"}"].concat();
    }
    let open: &[u8] = match (layer, row) {
        (0, 0) => b"{\"weights\":[",
        (_, 0) => b",{\"weights\":[",
        _ => b",",
    };
    [open, &json(&weights.row(row).as_slice())].concat()
}

fn json(value: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(value).expect("numbers are plain data")
}
