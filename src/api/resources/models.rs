//! `/models`: create, list, show, change, remove.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use uuid::Uuid;

use super::jobs::told;
use crate::api::body::json::JsonBody;
use crate::api::error::{ApiError, ErrorCode};
use crate::api::extract::{ModelPath, NoQuery, Params, may_name, may_use};
use crate::api::reply::document::{created, document};
use crate::api::reply::model::ModelBody;
use crate::api::reply::page::{Page, PageParams};
use crate::app::App;
use crate::data::encoder::Task;
use crate::data::json::column_names;
use crate::keys::Sight;
use crate::learning::activation::{Activation, OutputActivation};
use crate::learning::init::Initializer;
use crate::learning::loss::Loss;
use crate::learning::spec::{LayerParameters, LayerSpec, MAX_LAYERS, ModelSpec};
use crate::models::change::ModelChanges;
use crate::models::model::MAX_METADATA;
use crate::models::recipe::{PARTS, Part, Recipe};
use crate::models::table::TableRequest;
use crate::models::{Model, ModelKind, NewModel};
use crate::serving::memory::of_records;
use crate::serving::sight;
use crate::serving::threads::{blocking, to_the_end};
use crate::serving::train_file::table_spec;
use crate::strict::{Object, at_most, given, map_of_at_most};
use crate::webhooks::settle;

/// A model to create: a name, notes, and the fields of a [`ModelSpec`].
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewModelBody {
    #[serde(default, deserialize_with = "given")]
    name: Option<String>,
    #[serde(default)]
    metadata: Metadata,
    #[serde(default, deserialize_with = "given")]
    layers: Option<GivenLayers>,
    #[serde(default, deserialize_with = "given")]
    dataset: Option<String>,
    #[serde(default, deserialize_with = "given")]
    target: Option<String>,
    #[serde(default, deserialize_with = "column_names")]
    features: Option<Vec<String>>,
    #[serde(default, deserialize_with = "given")]
    weights: Option<String>,
    #[serde(default, deserialize_with = "given")]
    task: Option<Task>,
    #[serde(default, deserialize_with = "given")]
    recipe: Option<Recipe>,
    #[serde(default, deserialize_with = "given")]
    without: Option<GivenParts>,
    #[serde(default, deserialize_with = "given")]
    hidden_layers: Option<GivenWidths>,
    #[serde(default, deserialize_with = "given")]
    dropout: Option<f64>,
    #[serde(default, deserialize_with = "given")]
    activation: Option<Activation>,
    #[serde(default, deserialize_with = "given")]
    output_activation: Option<OutputActivation>,
    #[serde(default, deserialize_with = "given")]
    loss: Option<Loss>,
    #[serde(default, deserialize_with = "given")]
    quantile: Option<f64>,
    #[serde(default, deserialize_with = "given")]
    initializer: Option<Initializer>,
    #[serde(default, deserialize_with = "given")]
    initial_parameters: Option<GivenParameters>,
    #[serde(default, deserialize_with = "given")]
    seed: Option<u64>,
}

/// Layers, not more than may be.
#[derive(Deserialize)]
#[serde(transparent)]
struct GivenLayers(#[serde(deserialize_with = "at_most::<_, _, MAX_LAYERS>")] Vec<LayerSpec>);

/// Widths of layers, not more than may be.
#[derive(Deserialize)]
#[serde(transparent)]
struct GivenWidths(#[serde(deserialize_with = "at_most::<_, _, MAX_LAYERS>")] Vec<usize>);

/// Parts of a recipe, not more than may be.
#[derive(Deserialize)]
#[serde(transparent)]
pub(super) struct GivenParts(#[serde(deserialize_with = "at_most::<_, _, PARTS>")] pub(super) Vec<Part>);

/// Parameters of every layer.
#[derive(Deserialize)]
#[serde(transparent)]
struct GivenParameters(#[serde(deserialize_with = "at_most::<_, _, MAX_LAYERS>")] Vec<Object<LayerParameters>>);

/// The client's notes, not more than may be.
#[derive(Default)]
struct Metadata(BTreeMap<String, String>);

impl<'de> Deserialize<'de> for Metadata {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct MetadataVisitor;
        impl<'de> Visitor<'de> for MetadataVisitor {
            type Value = Metadata;

            fn expecting(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
                f.write_str("an object of strings")
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Metadata, A::Error> {
                map_of_at_most::<_, _, MAX_METADATA>(map).map(Metadata)
            }
        }
        deserializer.deserialize_map(MetadataVisitor)
    }
}

impl NewModelBody {
    /// Which kind of model is asked for, by the fields that only that kind has.
    fn check_kind(&self) -> Result<(), ApiError> {
        let of_layers = [
            ("layers", self.layers.is_some()),
            ("output_activation", self.output_activation.is_some()),
            ("initializer", self.initializer.is_some()),
            ("initial_parameters", self.initial_parameters.is_some()),
        ];
        let of_tables = [
            ("target", self.target.is_some()),
            ("features", self.features.is_some()),
            ("weights", self.weights.is_some()),
            ("task", self.task.is_some()),
            ("recipe", self.recipe.is_some()),
            ("without", self.without.is_some()),
            ("hidden_layers", self.hidden_layers.is_some()),
            ("dropout", self.dropout.is_some()),
        ];
        let (others, kind) = match (&self.dataset, &self.layers) {
            (Some(_), _) => (&of_layers[..], "by data set: its widths and encoding follow from the data"),
            (None, Some(_)) => (&of_tables[..], "by layer sizes: this field is for models by `dataset`"),
            (None, None) => {
                let detail = "missing field `layers`: a model has `layers`, or a `dataset` and a `target`";
                return Err(ApiError::at(ErrorCode::MissingField, "/layers", detail));
            }
        };
        match others.iter().find(|(_, given)| *given) {
            None => Ok(()),
            Some((field, _)) => {
                let detail = format!("`{field}` does not go with a model {kind}");
                Err(ApiError::at(ErrorCode::InvalidValue, format!("/{field}"), detail))
            }
        }
    }

    fn check_layers(self) -> Result<NewModel, ApiError> {
        let spec = ModelSpec {
            layers: self.layers.map(|layers| layers.0).unwrap_or_default(),
            activation: self.activation,
            output_activation: self.output_activation,
            loss: self.loss,
            quantile: self.quantile,
            initializer: self.initializer,
            initial_parameters: self.initial_parameters.map(|given| given.0.into_iter().map(|layer| layer.0).collect()),
            seed: self.seed,
            ..ModelSpec::default()
        };
        let (spec, initial) = spec.check()?;
        Ok(NewModel {
            name: self.name,
            kind: ModelKind::Layers(Arc::new(spec)),
            initial,
            metadata: self.metadata.0,
            owner: None,
        })
    }

    /// Reads the target of the data set: its classes are the model's.
    async fn check_table(self, app: &App) -> Result<NewModel, ApiError> {
        let key = self.dataset.unwrap_or_default();
        let dataset = app.datasets.get(&key).await?;
        let Some(target) = self.target else {
            let detail = "missing field `target`: the column to predict";
            return Err(ApiError::at(ErrorCode::MissingField, "/target", detail));
        };
        let request = TableRequest {
            target,
            features: self.features,
            weights: self.weights,
            task: self.task,
            recipe: self.recipe,
            without: self.without.map(|parts| parts.0).unwrap_or_default(),
            hidden_layers: self.hidden_layers.map(|widths| widths.0),
            activation: self.activation,
            dropout: self.dropout,
            loss: self.loss,
            quantile: self.quantile,
            seed: self.seed,
        };
        let spec = table_spec(app, &dataset, request).await?;
        let kind = ModelKind::Table(Arc::new(spec));
        Ok(NewModel { name: self.name, kind, initial: None, metadata: self.metadata.0, owner: None })
    }
}

/// `POST /models`
pub async fn create(
    State(app): State<App>,
    who: Sight,
    _: NoQuery,
    JsonBody { value, idempotency, .. }: JsonBody<NewModelBody>,
) -> Result<Response, ApiError> {
    if let Some(reply) = idempotency.first_reply(&app, &who, again).await? {
        return Ok(reply);
    }
    value.check_kind()?;
    may_name(&who, value.name.as_deref())?;
    may_use(&app, &who, [value.dataset.as_ref()]).await?;
    let new = match (&value.dataset, &value.initial_parameters) {
        (Some(_), _) => value.check_table(&app).await?,
        // Given parameters may be many: checking them is work.
        (None, Some(_)) => blocking(&app, move || value.check_layers()).await??,
        (None, None) => value.check_layers()?,
    };
    let new = NewModel { owner: who.owner(), ..new };
    let (models, receipts) = (app.models.clone(), idempotency.clone());
    let receipt = move |model: &Model| receipts.receipt(StatusCode::CREATED, &location(model), &ModelBody::of(model));
    let made = to_the_end(async move { models.create(new, receipt).await }).await?;
    idempotency
        .unless_repeated(
            &app,
            &who,
            made.map_err(ApiError::from),
            async |app: &App, model: Arc<Model>| {
                tracing::info!(model_id = %model.id, name = model.name, "model created");
                let at = location(&model);
                created(app, StatusCode::CREATED, &at, 0, move |sheet| sheet.json(&ModelBody::of(&model))).await
            },
            again,
        )
        .await
}

/// The reply to a request that made the model `id`.
pub(super) async fn again(app: &App, who: &Sight, id: &str) -> Result<Response, ApiError> {
    let model = sight::model(app, who, id).await?;
    document(app, StatusCode::CREATED, 0, move |sheet| sheet.json(&ModelBody::of(&model))).await
}

/// Where a model is.
pub fn location(model: &Model) -> String {
    format!("/models/{}", model.id)
}

/// `GET /models`
pub async fn list(
    State(app): State<App>,
    who: Sight,
    Params(params): Params<PageParams>,
) -> Result<Response, ApiError> {
    let query = params.check::<Uuid>()?;
    let (found, next) = sight::models(&app, &who, query.before, query.limit).await?;
    let cursor = next.map(|id| id.to_string());
    let memory = of_records(found.iter().map(Model::bytes).sum(), &app)?;
    document(&app, StatusCode::OK, 0, move |sheet| {
        let _held = &memory;
        sheet.json(&Page::of(found.iter().map(ModelBody::of).collect(), cursor.clone()))
    })
    .await
}

/// `GET /models/{model}`
pub async fn show(State(app): State<App>, ModelPath(model): ModelPath, _: NoQuery) -> Result<Response, ApiError> {
    document(&app, StatusCode::OK, 0, move |sheet| sheet.json(&ModelBody::of(&model))).await
}

/// Changes to a model. A name of null takes the name away.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelChangesBody {
    #[serde(default, deserialize_with = "given")]
    name: Option<Option<String>>,
    #[serde(default, deserialize_with = "given")]
    metadata: Option<Metadata>,
}

/// `PATCH /models/{model}`
pub async fn change(
    State(app): State<App>,
    who: Sight,
    ModelPath(model): ModelPath,
    _: NoQuery,
    JsonBody { value, .. }: JsonBody<ModelChangesBody>,
) -> Result<Response, ApiError> {
    if value.name.is_none() && value.metadata.is_none() {
        return Err(ApiError::new(ErrorCode::MissingField, "there is nothing to change: send `name` or `metadata`"));
    }
    value.name.as_ref().map_or(Ok(()), |name| may_name(&who, name.as_deref()))?;
    let changes = ModelChanges { name: value.name, metadata: value.metadata.map(|metadata| metadata.0) };
    let (models, by) = (app.models.clone(), who.owner());
    let model = to_the_end(async move { models.change(model.id, changes, by).await }).await??;
    document(&app, StatusCode::OK, 0, move |sheet| sheet.json(&ModelBody::of(&model))).await
}

/// `DELETE /models/{model}`
pub async fn remove(State(app): State<App>, ModelPath(model): ModelPath, _: NoQuery) -> Result<Response, ApiError> {
    let removed = model.clone();
    settle(&app, told).await?;
    to_the_end(async move { app.jobs.remove_model(&removed).await }).await??;
    tracing::info!(model_id = %model.id, name = model.name, "model deleted");
    Ok(StatusCode::NO_CONTENT.into_response())
}
