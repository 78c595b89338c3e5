//! A model as clients see it, and a network of one.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;
use uuid::Uuid;

use crate::data::encoder::Task;
use crate::learning::activation::OutputActivation;
use crate::learning::init::Initializer;
use crate::learning::loss::Loss;
use crate::learning::spec::{Parametrization, ValidModelSpec};
use crate::models::recipe::{Part, Recipe};
use crate::models::table::TableSpec;
use crate::models::{Model, ModelKind};

/// A model as clients see it. What belongs to models of the other kind is null.
#[derive(Serialize)]
pub struct ModelBody<'a> {
    id: Uuid,
    name: Option<&'a str>,
    kind: &'static str,
    layers: Option<Vec<usize>>,
    activations: Option<Vec<OutputActivation>>,
    dropout: Option<Vec<f64>>,
    loss: Option<Loss>,
    #[serde(skip_serializing_if = "Option::is_none")]
    quantile: Option<f64>,
    initializer: Option<Initializer>,
    seed: u64,
    parameter_count: Option<usize>,
    dataset_id: Option<Uuid>,
    task: Option<Task>,
    target: Option<&'a str>,
    features: Option<&'a [String]>,
    weights: Option<&'a str>,
    classes: Option<&'a [String]>,
    recipe: Option<Recipe>,
    #[serde(skip_serializing_if = "<[Part]>::is_empty")]
    without: &'a [Part],
    hidden_layers: Option<&'a [usize]>,
    active_version: Option<u64>,
    created_at: Timestamp,
    updated_at: Timestamp,
    metadata: &'a BTreeMap<String, String>,
}

impl<'a> ModelBody<'a> {
    /// The model as it is now. Network, data set, features and classes of a model by data set are those of its active version.
    pub fn of(model: &'a Model) -> Self {
        let (network, table) = match &model.kind {
            ModelKind::Layers(spec) => (Some(spec), None),
            ModelKind::Table(table) => {
                (model.active.as_ref().and_then(|version| version.network.as_ref()), Some(table))
            }
        };
        let active = model.active.as_deref();
        let dataset = active.and_then(|version| version.facts.trained_on.dataset);
        let features = |table: &'a TableSpec| active.map_or(&table.features[..], |version| version.features(table));
        let classes = |table: &'a TableSpec| match active {
            Some(version) => version.classes(table),
            None => (!table.classes.is_empty()).then_some(&table.classes[..]),
        };
        ModelBody {
            id: model.id,
            name: model.name.as_deref(),
            kind: if table.is_some() { "dataset" } else { "layers" },
            layers: network.map(|spec| widths(spec)),
            activations: network.map(|spec| activations(spec)),
            dropout: network.map(|spec| dropout(spec)),
            loss: network.map(|spec| spec.loss).or(table.and_then(|table| table.loss)),
            quantile: network.and_then(|spec| spec.loss.quantile()).or(table.and_then(|table| table.quantile)),
            initializer: network.and_then(|spec| spec.initializer),
            seed: model.seed(),
            parameter_count: network.map(|spec| spec.parameter_count()),
            dataset_id: table.and_then(|table| dataset.or(table.dataset)),
            task: table.map(|table| table.task),
            target: table.map(|table| table.target.as_str()),
            features: table.map(|table| features(table)),
            weights: table.and_then(|table| table.weights.as_deref()),
            classes: table.and_then(|table| classes(table)),
            recipe: table.map(|table| table.recipe),
            without: table.map_or(&[], |table| &table.without),
            hidden_layers: table.map(|table| table.hidden_layers.as_slice()),
            active_version: model.active.as_ref().map(|version| version.number),
            created_at: model.created_at,
            updated_at: model.updated_at,
            metadata: &model.metadata,
        }
    }
}

/// The network of a version: what its recipe left open is settled there.
#[derive(Serialize)]
pub struct NetworkBody {
    layers: Vec<usize>,
    activations: Vec<OutputActivation>,
    dropout: Vec<f64>,
    loss: Loss,
    #[serde(skip_serializing_if = "Option::is_none")]
    quantile: Option<f64>,
    parametrization: Parametrization,
    scale: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    waves: Option<WavesBody>,
    parameter_count: usize,
}

/// The waves beside numbers.
#[derive(Serialize)]
struct WavesBody {
    columns: usize,
    frequencies: usize,
    values: usize,
    deviation: f64,
}

impl NetworkBody {
    /// Of a network.
    pub fn of(spec: &ValidModelSpec) -> Self {
        let waves = spec.waves.as_ref().map(|waves| WavesBody {
            columns: waves.columns.len(),
            frequencies: waves.frequencies,
            values: waves.values,
            deviation: waves.deviation,
        });
        NetworkBody {
            layers: widths(spec),
            activations: activations(spec),
            dropout: dropout(spec),
            loss: spec.loss,
            quantile: spec.loss.quantile(),
            parametrization: spec.parametrization,
            scale: spec.scale,
            waves,
            parameter_count: spec.parameter_count(),
        }
    }
}

fn widths(spec: &ValidModelSpec) -> Vec<usize> {
    std::iter::once(spec.inputs()).chain(spec.layers.iter().map(|layer| layer.units)).collect()
}

fn dropout(spec: &ValidModelSpec) -> Vec<f64> {
    spec.layers.iter().map(|layer| layer.dropout).collect()
}

fn activations(spec: &ValidModelSpec) -> Vec<OutputActivation> {
    let (_, hidden) = spec.layers.split_last().expect("a model has a layer");
    hidden.iter().map(|layer| OutputActivation::Elementwise(layer.activation)).chain([spec.output]).collect()
}
