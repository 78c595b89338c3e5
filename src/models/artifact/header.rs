//! The header of a version's file, and the names of its tensors.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use uuid::Uuid;

use crate::learning::error_size::ErrorSize;
use crate::learning::spec::ValidModelSpec;
use crate::models::notice::Notice;

/// The form of one network without histograms.
pub(super) const FIRST_FORM: u32 = 1;
/// The form of several networks, and of histograms.
pub(super) const SECOND_FORM: u32 = 2;
/// The form with background rows.
pub(super) const THIRD_FORM: u32 = 3;
/// The form with scores by parts: the latest that this release reads.
pub(super) const FOURTH_FORM: u32 = 4;
/// The tensor of the training rows that explanations begin at.
pub(super) const BACKGROUND: &str = "background";
/// The tensor of how far off a version was on the rows held out.
pub(super) const SCORES: &str = "scores";

#[derive(Serialize, Deserialize)]
pub(super) struct Header {
    pub(super) format: u32,
    pub(super) model: Box<RawValue>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) members: Vec<MemberHeader>,
    pub(super) encoder: Option<Box<RawValue>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) table: Option<Box<RawValue>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) calibration: Option<Box<RawValue>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) importance: Option<Box<RawValue>>,
    /// Rows that the scores are of; a file keeps no more than a bounded number of scores.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) held_out: Option<usize>,
    /// The parts that the scores are of; none where they are of all rows together, as in files of earlier releases.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) conformal: Option<Box<RawValue>>,
    /// Which rows were held out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) split: Option<Box<RawValue>>,
    /// Points of curves on the rows it was measured on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) curves: Option<Box<RawValue>>,
    pub(super) training: Option<Box<RawValue>>,
}

/// Parts of the rows held out.
#[derive(Serialize, Deserialize)]
pub(super) struct ConformalHeader {
    /// Where each part but the last ends: of a regression an answer, else the probability of the likeliest class.
    pub(super) bounds: Vec<f64>,
    /// The rows of each part.
    pub(super) rows: Vec<usize>,
    /// How many scores are kept of each, one part after the other.
    pub(super) kept: Vec<usize>,
    /// How large errors are; only of a regression.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) error_size: Option<ErrorSize>,
}

/// One of several networks.
#[derive(Serialize, Deserialize)]
pub(super) struct MemberHeader {
    pub(super) model: Box<RawValue>,
    /// A number, to be read exactly.
    pub(super) weight: Box<RawValue>,
}

/// What a training reached, but for its measures.
#[derive(Serialize, Deserialize)]
pub(super) struct Reached {
    pub(super) job_id: Option<Uuid>,
    pub(super) created_at: Timestamp,
    pub(super) epochs: u64,
    pub(super) loss: f64,
    pub(super) validation_loss: Option<f64>,
    /// What was told of the training, if anything was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) warnings: Option<Vec<Notice>>,
    /// All settings of the training.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) settings: Option<Box<RawValue>>,
}

/// Measures stand beside the rest so that they pass through as they are written.
#[derive(Deserialize)]
pub(super) struct Measures {
    pub(super) metrics: Box<RawValue>,
}

/// What the names of the tensors of member `index` of several begin with.
pub(super) fn member_prefix(index: usize) -> String {
    format!("members.{index}.")
}

/// The tensors of a network with their shapes, in the order of its parameters: tables of embeddings, waves, factors, then of each
/// layer weights and biases.
pub(super) fn tensors_of(spec: &ValidModelSpec, prefix: &str) -> Vec<(String, Vec<usize>)> {
    let embeddings = spec.embeddings.iter().enumerate();
    let tables = embeddings.map(|(i, table)| (format!("embeddings.{i}.weights"), vec![table.values, table.dimensions]));
    let layers = spec.layers.iter().enumerate().flat_map(|(i, layer)| {
        let (weights, biases) = (format!("layers.{i}.weights"), format!("layers.{i}.biases"));
        [(weights, vec![layer.inputs, layer.units]), (biases, vec![layer.units])]
    });
    let waves =
        spec.waves.iter().map(|waves| ("waves".to_owned(), vec![waves.columns.len(), waves.column_parameters()]));
    let scale = spec.scale.then(|| ("scale".to_owned(), vec![spec.layers[0].inputs]));
    tables.chain(waves).chain(scale).chain(layers).map(|(name, shape)| (format!("{prefix}{name}"), shape)).collect()
}
