//! How a network's specification is stored: as JSON in the form that `POST /models` takes, so that it explains itself.

use serde::Deserialize;
use serde_json::json;

use super::ModelError;
use crate::learning::activation::{Activation, OutputActivation};
use crate::learning::init::Initializer;
use crate::learning::loss::Loss;
use crate::learning::spec::{Embedding, LayerSpec, ModelSpec, Parametrization, ValidModelSpec, Waves};
use crate::storage::exact;

/// A stored specification. `initializer` is null where the client gave the initial parameters.
#[derive(Deserialize)]
struct StoredSpec {
    layers: Vec<LayerSpec>,
    #[serde(default)]
    embeddings: Vec<Embedding>,
    #[serde(default)]
    unclipped: Vec<usize>,
    #[serde(default)]
    waves: Option<Waves>,
    #[serde(default)]
    scale: bool,
    #[serde(default)]
    parametrization: Parametrization,
    output_activation: OutputActivation,
    loss: Loss,
    #[serde(default)]
    quantile: Option<f64>,
    initializer: Option<Initializer>,
    seed: u64,
}

/// `spec` as JSON. `layers` starts with the inputs of the first layer. `quantile`, `embeddings`,
/// `unclipped`, `waves`, `scale` and `parametrization` are there only if there are any, and it is not the standard one.
pub fn spec_to_json(spec: &ValidModelSpec) -> serde_json::Value {
    let (last, hidden) = spec.layers.split_last().expect("a model has a layer");
    let hidden = hidden.iter().map(|layer| {
        let activation: Activation = layer.activation;
        json!({"units": layer.units, "activation": activation, "dropout": layer.dropout})
    });
    let layers: Vec<_> =
        std::iter::once(json!(spec.layers[0].inputs)).chain(hidden).chain([json!(last.units)]).collect();
    let mut stored = json!({"layers": layers, "output_activation": spec.output, "loss": spec.loss,
                            "initializer": spec.initializer, "seed": spec.seed});
    if let Loss::Quantile(quantile) = spec.loss {
        stored["quantile"] = json!(quantile);
    }
    if !spec.embeddings.is_empty() {
        stored["embeddings"] = json!(spec.embeddings);
    }
    if !spec.unclipped.is_empty() {
        stored["unclipped"] = json!(spec.unclipped);
    }
    if let Some(waves) = &spec.waves {
        stored["waves"] = json!(waves);
    }
    if spec.scale {
        stored["scale"] = json!(true);
    }
    if spec.parametrization != Parametrization::Standard {
        stored["parametrization"] = json!(spec.parametrization);
    }
    stored
}

/// The specification that [`spec_to_json`] made `text` of, checked as one that a client sends.
///
/// # Errors
/// `File` or `Spec`: the text is not that of a specification, or of one that may be.
pub fn spec_from_json(text: &str) -> Result<ValidModelSpec, ModelError> {
    let unreadable = |error| ModelError::File(format!("its model specification cannot be read: {error}"));
    let stored: StoredSpec = exact::from_text(text).map_err(unreadable)?;
    let spec = ModelSpec {
        layers: stored.layers,
        embeddings: stored.embeddings,
        unclipped: stored.unclipped,
        waves: stored.waves,
        scale: stored.scale,
        parametrization: stored.parametrization,
        output_activation: Some(stored.output_activation),
        loss: Some(stored.loss),
        quantile: stored.quantile,
        initializer: stored.initializer,
        seed: Some(stored.seed),
        ..ModelSpec::default()
    };
    let (spec, _) = spec.check()?;
    Ok(ValidModelSpec { initializer: stored.initializer, ..spec })
}
