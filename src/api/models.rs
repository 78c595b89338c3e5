//! `/models`: create, list, show, change, remove.

use std::collections::BTreeMap;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use uuid::Uuid;

use super::error::{ApiError, ErrorCode};
use super::extract::{JsonBody, ModelPath, NoQuery, Params, blocking, to_the_end};
use super::page::{Page, PageParams};
use super::reply;
use crate::app::App;
use crate::learning::activation::{Activation, OutputActivation};
use crate::learning::init::Initializer;
use crate::learning::loss::Loss;
use crate::learning::spec::{LayerParameters, LayerSpec, MAX_LAYERS, ModelSpec};
use crate::learning::strict::{Object, at_most, given, map_of_at_most};
use crate::models::model::MAX_METADATA;
use crate::models::registry::ModelChanges;
use crate::models::{Model, NewModel};

/// A model to create: a name, notes, and the fields of a [`ModelSpec`].
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewModelBody {
    #[serde(default, deserialize_with = "given")]
    name: Option<String>,
    #[serde(default)]
    metadata: Metadata,
    #[serde(deserialize_with = "at_most::<_, _, MAX_LAYERS>")]
    layers: Vec<LayerSpec>,
    #[serde(default, deserialize_with = "given")]
    activation: Option<Activation>,
    #[serde(default, deserialize_with = "given")]
    output_activation: Option<OutputActivation>,
    #[serde(default, deserialize_with = "given")]
    loss: Option<Loss>,
    #[serde(default, deserialize_with = "given")]
    initializer: Option<Initializer>,
    #[serde(default, deserialize_with = "given")]
    initial_parameters: Option<GivenParameters>,
    #[serde(default, deserialize_with = "given")]
    seed: Option<u64>,
}

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
    fn check(self) -> Result<NewModel, ApiError> {
        let spec = ModelSpec {
            layers: self.layers,
            activation: self.activation,
            output_activation: self.output_activation,
            loss: self.loss,
            initializer: self.initializer,
            initial_parameters: self.initial_parameters.map(|given| given.0.into_iter().map(|layer| layer.0).collect()),
            seed: self.seed,
        };
        let (spec, initial) = spec.check()?;
        Ok(NewModel { name: self.name, spec, initial, metadata: self.metadata.0 })
    }
}

/// A model as clients see it. What belongs to models by data set only is null.
#[derive(Serialize)]
pub struct ModelBody<'a> {
    id: Uuid,
    name: Option<&'a str>,
    kind: &'static str,
    layers: Vec<usize>,
    activations: Vec<OutputActivation>,
    dropout: Vec<f64>,
    loss: Loss,
    initializer: Option<Initializer>,
    seed: u64,
    parameter_count: usize,
    task: Option<&'static str>,
    target: Option<&'static str>,
    features: Option<&'static str>,
    classes: Option<&'static str>,
    active_version: Option<u64>,
    created_at: Timestamp,
    updated_at: Timestamp,
    metadata: &'a BTreeMap<String, String>,
}

impl<'a> ModelBody<'a> {
    /// The model as it is now.
    pub fn of(model: &'a Model) -> Self {
        let spec = &model.spec;
        let (_, hidden) = spec.layers.split_last().expect("a model has a layer");
        let hidden = hidden.iter().map(|layer| OutputActivation::Elementwise(layer.activation));
        ModelBody {
            id: model.id,
            name: model.name.as_deref(),
            kind: "layers",
            layers: std::iter::once(spec.inputs()).chain(spec.layers.iter().map(|layer| layer.units)).collect(),
            activations: hidden.chain([spec.output]).collect(),
            dropout: spec.layers.iter().map(|layer| layer.dropout).collect(),
            loss: spec.loss,
            initializer: spec.initializer,
            seed: spec.seed,
            parameter_count: spec.parameter_count(),
            task: None,
            target: None,
            features: None,
            classes: None,
            active_version: model.active.as_ref().map(|version| version.number),
            created_at: model.created_at,
            updated_at: model.updated_at,
            metadata: &model.metadata,
        }
    }
}

/// `POST /models`
pub async fn create(
    State(app): State<App>,
    _: NoQuery,
    JsonBody { value, idempotency, .. }: JsonBody<NewModelBody>,
) -> Result<Response, ApiError> {
    if let Some(reply) = idempotency.first_reply(&app).await? {
        return Ok(reply);
    }
    // Given parameters may be many: checking them is work.
    let new =
        if value.initial_parameters.is_some() { blocking(move || value.check()).await?? } else { value.check()? };
    let (models, receipts) = (app.models.clone(), idempotency.clone());
    let receipt = move |model: &Model| receipts.receipt(StatusCode::CREATED, &location(model), &ModelBody::of(model));
    let created = to_the_end(async move { models.create(new, receipt).await }).await?;
    idempotency
        .unless_repeated(&app, created.map_err(ApiError::from), |model| {
            tracing::info!(model_id = %model.id, name = model.name, "model created");
            reply::created(StatusCode::CREATED, &location(&model), &ModelBody::of(&model))
        })
        .await
}

/// Where a model is.
pub fn location(model: &Model) -> String {
    format!("/models/{}", model.id)
}

/// `GET /models`
pub async fn list(State(app): State<App>, Params(params): Params<PageParams>) -> Result<Response, ApiError> {
    let query = params.check::<Uuid>()?;
    let found = app.models.list(query.before, query.limit + 1).await?;
    let models: Vec<&Model> = found.iter().collect();
    let page = Page::new(models, query.limit, |model| model.id.to_string(), |model| ModelBody::of(model));
    Ok(reply::json(StatusCode::OK, &page))
}

/// `GET /models/{model}`
pub async fn show(ModelPath(model): ModelPath, _: NoQuery) -> Response {
    reply::json(StatusCode::OK, &ModelBody::of(&model))
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
    ModelPath(model): ModelPath,
    _: NoQuery,
    JsonBody { value, .. }: JsonBody<ModelChangesBody>,
) -> Result<Response, ApiError> {
    if value.name.is_none() && value.metadata.is_none() {
        return Err(ApiError::new(ErrorCode::MissingField, "there is nothing to change: send `name` or `metadata`"));
    }
    let changes = ModelChanges { name: value.name, metadata: value.metadata.map(|metadata| metadata.0) };
    let model = to_the_end(async move { app.models.change(model.id, changes).await }).await??;
    Ok(reply::json(StatusCode::OK, &ModelBody::of(&model)))
}

/// `DELETE /models/{model}`
pub async fn remove(State(app): State<App>, ModelPath(model): ModelPath, _: NoQuery) -> Result<Response, ApiError> {
    let removed = model.clone();
    to_the_end(async move { app.jobs.remove_model(&removed).await }).await??;
    tracing::info!(model_id = %model.id, name = model.name, "model deleted");
    Ok(StatusCode::NO_CONTENT.into_response())
}
