//! Parameters that the client gives a model to start from.

use serde::{Deserialize, Deserializer, Serialize};

use super::layer::{MAX_WIDTH, ValidLayer};
use crate::learning::error::{SpecError, require};
use crate::strict::at_most;

/// Weights (inputs × outputs) and biases (outputs) of one layer.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LayerParameters {
    /// One row per input, one column per output.
    #[serde(deserialize_with = "rows")]
    pub weights: Vec<Vec<f32>>,
    /// One per output.
    #[serde(deserialize_with = "at_most::<_, _, MAX_WIDTH>")]
    pub biases: Vec<f32>,
}

/// A row of weights.
#[derive(Deserialize)]
struct Row(#[serde(deserialize_with = "at_most::<_, _, MAX_WIDTH>")] Vec<f32>);

fn rows<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Vec<f32>>, D::Error> {
    at_most::<_, Row, MAX_WIDTH>(deserializer).map(|rows| rows.into_iter().map(|Row(row)| row).collect())
}

/// Puts given parameters into the flat order: layer after layer, weights row-major before biases.
pub(super) fn flatten(given: &[LayerParameters], layers: &[ValidLayer]) -> Result<Vec<f32>, SpecError> {
    let fit = |fits: bool, pointer: String, detail: String| match fits {
        true => Ok(()),
        false => Err(SpecError::shape(pointer, detail)),
    };
    let at = "/initial_parameters";
    let detail = format!("there are {} entries for {} layers", given.len(), layers.len());
    fit(given.len() == layers.len(), at.into(), detail)?;
    let mut flat = Vec::with_capacity(layers.iter().map(ValidLayer::parameter_count).sum());
    for (i, (entry, layer)) in given.iter().zip(layers).enumerate() {
        let (inputs, units) = (layer.inputs, layer.units);
        let detail = format!("weights has {} rows; the layer has {inputs} inputs", entry.weights.len());
        fit(entry.weights.len() == inputs, format!("{at}/{i}/weights"), detail)?;
        for (row, weights) in entry.weights.iter().enumerate() {
            let detail = format!("the row has {} values; the layer has {units} units", weights.len());
            fit(weights.len() == units, format!("{at}/{i}/weights/{row}"), detail)?;
            flat.extend_from_slice(weights);
        }
        let detail = format!("biases has {} values; the layer has {units} units", entry.biases.len());
        fit(entry.biases.len() == units, format!("{at}/{i}/biases"), detail)?;
        flat.extend_from_slice(&entry.biases);
    }
    require(flat.iter().all(|value| value.is_finite()), at, || "a value is too large for a 32-bit float".into())?;
    Ok(flat)
}
