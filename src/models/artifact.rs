//! The file of a version: a safetensors file whose header says everything that is needed to use it.
//!
//! The header is JSON: `format` (the form of the file, from 1), `model` (its specification, as `POST /models` takes
//! it), `training` (what was reached, by which job; null in a file of initial parameters). The tensors are
//! `layers.0.weights` (inputs × units) and `layers.0.biases` (units) and so on. A version of a model by data set also has
//! `encoder` (from columns to the network's input), `table` (the model), `calibration` and `importance`, the tensors
//! `embeddings.0.weights` (values × dimensions) and so on, and the tensor `scores` (how far off it was on the rows held
//! out). A later release reads every earlier form; `tests/fixtures` keeps a file of each.

use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use uuid::Uuid;

use super::stored::{spec_from_json, spec_to_json};
use super::table::{FeatureImportance, TableParts, TableSpec};
use super::{ModelError, model::VersionFacts};
use crate::data::encoder::Encoder;
use crate::learning::calibration::Calibration;
use crate::learning::conformal::Scores;
use crate::learning::network::Network;
use crate::learning::spec::ValidModelSpec;
use crate::storage::exact;
use crate::storage::tensors::{Tensor, TensorFile, Unreadable, Values, write};

/// The tensor of how far off a version was on the rows held out.
const SCORES: &str = "scores";
/// The form that this release writes.
const FORMAT: u32 = 1;

/// A file that was read: nothing in it is left unchecked.
#[derive(Clone, Debug)]
pub struct Artifact {
    /// The network.
    pub network: Network,
    /// What it has beside the network, if it is of a model by data set.
    pub table: Option<TableParts>,
    /// What the training reached; `None` in a file of initial parameters.
    pub facts: Option<VersionFacts>,
}

#[derive(Serialize, Deserialize)]
struct Header {
    format: u32,
    model: Box<RawValue>,
    encoder: Option<Box<RawValue>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    table: Option<Box<RawValue>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    calibration: Option<Box<RawValue>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    importance: Option<Box<RawValue>>,
    /// Rows that the scores are of; a file keeps no more than a bounded number of scores.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    held_out: Option<usize>,
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

/// The file of `network`, with what it has beside it and what its training reached.
pub fn encode(network: &Network, table: Option<&TableParts>, facts: Option<&VersionFacts>) -> Vec<u8> {
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
    let header = Header {
        format: FORMAT,
        model,
        encoder: table.map(|table| raw(exact::to_text(&table.encoder))),
        table: table.map(|table| raw(exact::to_text(&TableSpec { dataset: None, ..table.spec.clone() }))),
        calibration: table.and_then(|table| table.calibration.as_ref()).map(|fitted| raw(exact::to_text(fitted))),
        importance: table.map(|table| raw(exact::to_text(&table.importance))),
        held_out: table.and_then(|table| table.scores.as_ref()).map(Scores::count),
        training,
    };
    let mut tensors = tensors(network);
    let scores = table.and_then(|table| table.scores.as_ref()).map(|scores| {
        let values = scores.values();
        (SCORES.to_owned(), Tensor { shape: vec![values.len()], values: Values::F32(values) })
    });
    tensors.extend(scores);
    write(&exact::to_text(&header), &tensors)
}

/// The parameters of `network` with their names in a file.
fn tensors(network: &Network) -> Vec<(String, Tensor<'_>)> {
    let values = |slice: Option<_>| Values::F32(slice.expect("parameters lie flat"));
    let embeddings = network.spec().embeddings.iter().enumerate().map(|(i, embedding)| {
        let shape = vec![embedding.values, embedding.dimensions];
        (table_name(i), Tensor { shape, values: values(network.embedding_parameters(i).to_slice()) })
    });
    let layers = network.spec().layers.iter().enumerate().flat_map(|(i, layer)| {
        let (weights, biases) = network.layer_parameters(i);
        let (weights, biases) = (values(weights.to_slice()), values(biases.to_slice()));
        [
            (weights_name(i), Tensor { shape: vec![layer.inputs, layer.units], values: weights }),
            (biases_name(i), Tensor { shape: vec![layer.units], values: biases }),
        ]
    });
    embeddings.chain(layers).collect()
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
    let spec = Arc::new(spec_from_json(header.model.get())?);
    let facts = header.training.as_ref().map(|training| facts(training)).transpose().map_err(malformed)?;
    let table = match (&header.encoder, &header.table) {
        (None, None) => None,
        (Some(encoder), Some(table)) => Some(table_parts(&file, &spec, encoder, table, &header)?),
        _ => return Err(ModelError::File("it has one of `encoder` and `table`: they go together".into())),
    };
    let others = usize::from(table.as_ref().is_some_and(|table| table.scores.is_some()));
    let parameters = parameters(&file, &spec, others, bytes.len() / size_of::<f32>())?;
    if !parameters.iter().all(|value| value.is_finite()) {
        return Err(ModelError::File("a weight or bias in it is not finite".into()));
    }
    Ok(Artifact { network: Network::with_parameters(spec, parameters), table, facts })
}

/// What a file of a model by data set has beside its network, checked to fit it.
fn table_parts(
    file: &TensorFile,
    network: &ValidModelSpec,
    encoder: &RawValue,
    table: &RawValue,
    header: &Header,
) -> Result<TableParts, ModelError> {
    let malformed = |error: serde_json::Error| ModelError::File(format!("its header cannot be read: {error}"));
    let encoder: Encoder = exact::from_text(encoder.get()).map_err(malformed)?;
    encoder.check().map_err(|reason| ModelError::File(format!("its encoder {reason}")))?;
    let spec: TableSpec = exact::from_text(table.get()).map_err(malformed)?;
    spec.check()?;
    let calibration: Option<Calibration> =
        header.calibration.as_ref().map(|fitted| exact::from_text(fitted.get())).transpose().map_err(malformed)?;
    let importance: Option<Vec<FeatureImportance>> =
        header.importance.as_ref().map(|list| exact::from_text(list.get())).transpose().map_err(malformed)?;
    let scores = match file.shape(SCORES) {
        None => None,
        Some(shape) => {
            let values = file.f32s(SCORES, &shape).map_err(|Unreadable(reason)| ModelError::File(reason))?;
            let count = header.held_out.unwrap_or(values.len());
            let unfit = || ModelError::File("its scores are not in order".into());
            Some(Scores::from_sorted(values, count).ok_or_else(unfit)?)
        }
    };
    let fits =
        spec.network(&encoder).is_ok_and(|expected| expected == *network) && encoder.target.name() == spec.target;
    if !fits {
        return Err(ModelError::File("its encoder does not fit its network".into()));
    }
    Ok(TableParts { spec, encoder, calibration, scores, importance: importance.unwrap_or_default() })
}

/// All parameters of a file that holds at most `most` values and `others` further tensors, in the order of the network's
/// buffer.
fn parameters(file: &TensorFile, spec: &ValidModelSpec, others: usize, most: usize) -> Result<Vec<f32>, ModelError> {
    let (tables, layers) = (spec.embeddings.len(), spec.layers.len());
    if file.len() != tables + 2 * layers + others {
        let of_tables = if tables == 0 { String::new() } else { format!(", {tables} embeddings one") };
        let detail = format!("it has {} tensors; {layers} layers have two each{of_tables}", file.len());
        return Err(ModelError::File(detail));
    }
    let shapes =
        spec.embeddings.iter().enumerate().map(|(i, table)| (table_name(i), vec![table.values, table.dimensions]));
    let layers = spec.layers.iter().enumerate().flat_map(|(i, layer)| {
        [(weights_name(i), vec![layer.inputs, layer.units]), (biases_name(i), vec![layer.units])]
    });
    let shapes: Vec<(String, Vec<usize>)> = shapes.chain(layers).collect();
    let mut parameters = Vec::with_capacity(spec.parameter_count().min(most));
    for (name, shape) in &shapes {
        file.append_f32(name, shape, &mut parameters).map_err(|Unreadable(reason)| ModelError::File(reason))?;
    }
    Ok(parameters)
}

fn facts(training: &RawValue) -> Result<VersionFacts, serde_json::Error> {
    let Training { job_id, created_at, epochs, loss, validation_loss } = exact::from_text(training.get())?;
    let Measures { metrics } = serde_json::from_str(training.get())?;
    Ok(VersionFacts { job_id, created_at, epochs, loss, validation_loss, metrics: metrics.into() })
}

fn table_name(embedding: usize) -> String {
    format!("embeddings.{embedding}.weights")
}

fn weights_name(layer: usize) -> String {
    format!("layers.{layer}.weights")
}

fn biases_name(layer: usize) -> String {
    format!("layers.{layer}.biases")
}
