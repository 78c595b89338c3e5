//! The file of a version: a safetensors file whose header says everything that is needed to use it.
//!
//! The header is JSON: `format` (the form of the file, from 1), `model` (its specification, as `POST /models` takes
//! it), `encoder` (null: inputs are numbers), `training` (what was reached, by which job; null in a file of initial
//! parameters). The tensors are `layers.0.weights` (inputs × units) and `layers.0.biases` (units) and so on. A later
//! release reads every earlier form; `tests/fixtures` keeps a file of each.

use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use uuid::Uuid;

use super::stored::{spec_from_json, spec_to_json};
use super::{ModelError, model::VersionFacts};
use crate::learning::network::Network;
use crate::learning::spec::ValidModelSpec;
use crate::storage::exact;
use crate::storage::tensors::{Tensor, TensorFile, Unreadable, Values, write};

/// The form that this release writes.
const FORMAT: u32 = 1;

/// A file that was read: nothing in it is left unchecked.
#[derive(Clone, Debug)]
pub struct Artifact {
    /// The network.
    pub network: Network,
    /// What the training reached; `None` in a file of initial parameters.
    pub facts: Option<VersionFacts>,
}

#[derive(Serialize, Deserialize)]
struct Header {
    format: u32,
    model: Box<RawValue>,
    encoder: Option<Box<RawValue>>,
    training: Option<Box<RawValue>>,
}

#[derive(Serialize, Deserialize)]
struct Training {
    job_id: Option<Uuid>,
    created_at: Timestamp,
    epochs: u64,
    loss: f64,
    validation_loss: Option<f64>,
}

/// Measures stand beside the rest so that they pass through as they are written.
#[derive(Deserialize)]
struct Measures {
    metrics: Box<RawValue>,
}

/// The file of `network`, with what its training reached.
pub fn encode(network: &Network, facts: Option<&VersionFacts>) -> Vec<u8> {
    let raw = |text: String| RawValue::from_string(text).expect("it was written as JSON");
    let training = facts.map(|facts| {
        let training = Training {
            job_id: facts.job_id,
            created_at: facts.created_at,
            epochs: facts.epochs,
            loss: facts.loss,
            validation_loss: facts.validation_loss,
        };
        let training = exact::to_text(&training);
        raw(format!("{},\"metrics\":{}}}", &training[..training.len() - 1], facts.metrics.get()))
    });
    let model = raw(spec_to_json(network.spec()).to_string());
    let header = exact::to_text(&Header { format: FORMAT, model, encoder: None, training });
    let layers = network.spec().layers.iter().enumerate();
    let tensors: Vec<(String, Tensor)> = layers
        .flat_map(|(i, layer)| {
            let (weights, biases) = network.layer_parameters(i);
            let (weights, biases) = (weights.to_slice(), biases.to_slice());
            let values = |slice: Option<_>| Values::F32(slice.expect("parameters lie flat"));
            [
                (weights_name(i), Tensor { shape: vec![layer.inputs, layer.units], values: values(weights) }),
                (biases_name(i), Tensor { shape: vec![layer.units], values: values(biases) }),
            ]
        })
        .collect();
    write(&header, &tensors)
}

/// Reads a file: its form, specification and shapes are checked before anything is built.
///
/// # Errors
/// `File` if it cannot be read, or what is wrong with its specification.
pub fn decode(bytes: &[u8]) -> Result<Artifact, ModelError> {
    let unreadable = |Unreadable(reason)| ModelError::File(reason);
    let file = TensorFile::read(bytes).map_err(unreadable)?;
    let malformed = |error: serde_json::Error| ModelError::File(format!("its header cannot be read: {error}"));
    let header: Header = serde_json::from_str(file.header()).map_err(malformed)?;
    if header.format != FORMAT {
        let detail = format!("it has form {}; this release reads form {FORMAT}: use a later release", header.format);
        return Err(ModelError::File(detail));
    }
    if header.encoder.is_some() {
        return Err(ModelError::File("it has an encoder, which this release does not know: use a later one".into()));
    }
    let spec = Arc::new(spec_from_json(header.model.get())?);
    let facts = header.training.map(|training| facts(&training)).transpose().map_err(malformed)?;
    if file.len() != 2 * spec.layers.len() {
        let detail = format!("it has {} tensors; {} layers have two each", file.len(), spec.layers.len());
        return Err(ModelError::File(detail));
    }
    let mut parameters = Vec::with_capacity(spec.parameter_count().min(bytes.len() / size_of::<f32>()));
    for (i, layer) in spec.layers.iter().enumerate() {
        file.append_f32(&weights_name(i), &[layer.inputs, layer.units], &mut parameters).map_err(unreadable)?;
        file.append_f32(&biases_name(i), &[layer.units], &mut parameters).map_err(unreadable)?;
    }
    if !parameters.iter().all(|value| value.is_finite()) {
        return Err(ModelError::File("a weight or bias in it is not finite".into()));
    }
    Ok(Artifact { network: Network::with_parameters(spec, parameters), facts })
}

fn facts(training: &RawValue) -> Result<VersionFacts, serde_json::Error> {
    let Training { job_id, created_at, epochs, loss, validation_loss } = exact::from_text(training.get())?;
    let Measures { metrics } = serde_json::from_str(training.get())?;
    Ok(VersionFacts { job_id, created_at, epochs, loss, validation_loss, metrics: metrics.into() })
}

/// The specification of a network as the catalog keeps it.
pub fn spec_text(spec: &ValidModelSpec) -> String {
    spec_to_json(spec).to_string()
}

fn weights_name(layer: usize) -> String {
    format!("layers.{layer}.weights")
}

fn biases_name(layer: usize) -> String {
    format!("layers.{layer}.biases")
}
