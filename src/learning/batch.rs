//! Shards of rows, gathered into contiguous buffers for a pass through the network.

use super::examples::Examples;
use super::network::{BatchTargets, Network, Workspace};

/// The mean loss over the first `rows` rows of `examples`, without dropout and unweighted; `see` gets the outputs of
/// each shard in turn.
pub fn mean_loss(
    network: &Network,
    examples: &Examples,
    rows: usize,
    workspace: &mut Workspace,
    batch: &mut Batch,
    mut see: impl FnMut(&[f32]),
) -> f64 {
    let mut sum = 0.0;
    let mut start = 0;
    while start < rows {
        let end = rows.min(start + batch.capacity);
        batch.load_range(examples, start, end);
        sum += network.loss_sum(&batch.inputs, &batch.targets, workspace);
        see(&workspace.outputs()[..batch.targets.len()]);
        start = end;
    }
    sum / rows as f64
}

/// Buffers for up to `capacity` rows.
pub struct Batch {
    capacity: usize,
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
            capacity,
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

    /// Loads the rows from `start` to before `end`, unweighted.
    pub fn load_range(&mut self, examples: &Examples, start: usize, end: usize) {
        self.clear(end - start);
        self.inputs.extend_from_slice(examples.input_rows(start, end));
        for (row, target) in (start..end).zip(self.targets.chunks_exact_mut(self.outputs)) {
            examples.targets().write(row, target);
        }
    }

    /// Loads the first `rows` rows, or all if there are fewer, unweighted.
    pub fn load_first(&mut self, examples: &Examples, rows: usize) {
        self.load_range(examples, 0, rows.min(examples.rows()));
    }

    fn clear(&mut self, rows: usize) {
        self.inputs.clear();
        self.weights.clear();
        self.targets.resize(rows * self.outputs, 0.0);
    }
}
