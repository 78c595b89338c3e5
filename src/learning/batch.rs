//! Shards of rows, gathered into contiguous buffers for a pass through the network.

use super::examples::Examples;
use super::loss::Scored;
use super::network::{BatchTargets, Network, Scratch, shard_rows};

/// The mean loss over the first `rows` rows of `examples`, without dropout and unweighted; `see` gets the outputs of
/// each shard in turn.
pub fn mean_loss(
    network: &Network,
    examples: &Examples,
    rows: usize,
    buffers: &mut Evaluation,
    mut see: impl FnMut(&[f32]),
) -> f64 {
    let spec = network.spec();
    let (shard, width) = (shard_rows(spec), spec.outputs());
    let mut sum = 0.0;
    for start in (0..rows).step_by(shard) {
        let end = rows.min(start + shard);
        let logits = network.logits(examples.input_rows(start, end), &mut buffers.scratch);
        buffers.outputs.clear();
        buffers.outputs.extend_from_slice(logits);
        spec.output.forward(&mut buffers.outputs, width);
        buffers.targets.resize((end - start) * width, 0.0);
        write_targets(examples, start, &mut buffers.targets, width);
        let (outputs, targets) = (&buffers.outputs, &buffers.targets);
        sum += spec.loss.sum(&Scored { logits, outputs, targets, weights: None, width });
        see(outputs);
    }
    sum / rows as f64
}

/// Buffers of [`mean_loss`]; grow to what a shard needs.
#[derive(Clone, Debug, Default)]
pub struct Evaluation {
    scratch: Scratch,
    outputs: Vec<f32>,
    targets: Vec<f32>,
}

/// Writes the targets of the rows from `start` on.
fn write_targets(examples: &Examples, start: usize, targets: &mut [f32], width: usize) {
    for (row, target) in targets.chunks_exact_mut(width).enumerate() {
        examples.targets().write(start + row, target);
    }
}

/// Buffers for up to `capacity` rows.
pub struct Batch {
    outputs: usize,
    inputs: Vec<f32>,
    targets: Vec<f32>,
    weights: Vec<f32>,
}

impl Batch {
    /// Buffers for `capacity` rows of the network's inputs and outputs.
    pub fn new(network: &Network, capacity: usize) -> Self {
        let (inputs, outputs) = (network.spec().inputs(), network.spec().outputs());
        Batch {
            outputs,
            inputs: Vec::with_capacity(capacity * inputs),
            targets: Vec::with_capacity(capacity * outputs),
            weights: Vec::with_capacity(capacity),
        }
    }

    /// Rows loaded.
    pub fn rows(&self) -> usize {
        self.targets.len() / self.outputs
    }

    /// Inputs of the rows loaded, row-major.
    pub fn inputs(&self) -> &[f32] {
        &self.inputs
    }

    /// Targets and weights of the rows loaded.
    pub fn targets(&self) -> BatchTargets<'_> {
        let weights = (!self.weights.is_empty()).then_some(self.weights.as_slice());
        BatchTargets { values: &self.targets, weights }
    }

    /// The sum of the weights of `rows`.
    pub fn weight(&self, examples: &Examples, rows: &[u32]) -> f64 {
        match examples.weights() {
            None => rows.len() as f64,
            Some(weights) => rows.iter().map(|row| f64::from(weights[*row as usize])).sum(),
        }
    }

    /// Loads the rows named, with their weights.
    pub fn load(&mut self, examples: &Examples, rows: &[u32]) {
        self.clear(rows.len());
        for (i, row) in rows.iter().enumerate() {
            let row = *row as usize;
            self.inputs.extend_from_slice(examples.input_rows(row, row + 1));
            examples.targets().write(row, &mut self.targets[i * self.outputs..(i + 1) * self.outputs]);
            self.weights.extend(examples.weights().map(|weights| weights[row]));
        }
    }

    /// Loads the first `rows` rows, or all if there are fewer, unweighted.
    pub fn load_first(&mut self, examples: &Examples, rows: usize) {
        let rows = rows.min(examples.rows());
        self.clear(rows);
        self.inputs.extend_from_slice(examples.input_rows(0, rows));
        write_targets(examples, 0, &mut self.targets, self.outputs);
    }

    fn clear(&mut self, rows: usize) {
        self.inputs.clear();
        self.weights.clear();
        self.targets.resize(rows * self.outputs, 0.0);
    }
}
