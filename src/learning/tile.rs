//! Tiles: the rows of a batch that one thread takes through the network, with buffers of their own.

use super::examples::Examples;
use super::layer::{Dense, Dropout, Layer};
use super::network::{BatchTargets, Block, Network, Workspace, gradient};
use super::spec::ValidModelSpec;

/// Some rows of a batch on their way through the network.
pub struct Tile {
    /// Outputs of a row.
    width: usize,
    inputs: Vec<f32>,
    targets: Vec<f32>,
    weights: Vec<f32>,
    workspace: Workspace,
    /// ε of the gradient's targets.
    label_smoothing: f32,
    /// Weighted sum of the rows' losses.
    loss: f64,
}

impl Tile {
    /// Buffers for up to `capacity` rows.
    pub fn new(network: &Network, capacity: usize) -> Self {
        let (inputs, width) = (network.spec().inputs(), network.spec().outputs());
        Tile {
            width,
            inputs: Vec::with_capacity(capacity * inputs),
            targets: Vec::with_capacity(capacity * width),
            weights: Vec::with_capacity(capacity),
            workspace: network.workspace(capacity),
            label_smoothing: 0.0,
            loss: 0.0,
        }
    }

    /// The same for passes whose gradients lead towards smoothed targets. The loss stays that of the targets themselves, so that it
    /// compares with that of rows held out.
    pub fn with_label_smoothing(self, label_smoothing: f64) -> Self {
        Tile { label_smoothing: label_smoothing as f32, ..self }
    }

    /// Values that the buffers hold for each row at most.
    pub fn values_per_row(model: &ValidModelSpec) -> usize {
        // Of a layer of embeddings, of numbers without their clip, of waves or of factors output and gradient, and of waves their
        // cosines and sines.
        let fronts = [!model.embeddings.is_empty(), !model.unclipped.is_empty(), model.waves.is_some(), model.scale];
        let waves = model.waves.as_ref().map_or(0, |waves| 2 * waves.columns.len() * waves.frequencies);
        let front = fronts.into_iter().filter(|is_there| *is_there).count() * 2 * model.layers[0].inputs + waves;
        let dense = model.layers.iter().map(|layer| Dense::new(layer, model.parametrization, 0).values_per_row());
        // The row and its weight, its targets and the outputs beside the logits.
        model.inputs() + 1 + 2 * model.outputs() + front + dense.sum::<usize>()
    }

    /// Rows loaded.
    pub fn rows(&self) -> usize {
        self.targets.len() / self.width
    }

    /// Weighted sum of the losses of the rows of the last pass.
    pub fn loss(&self) -> f64 {
        self.loss
    }

    /// The tapes of the last pass.
    pub fn workspace(&self) -> &Workspace {
        &self.workspace
    }

    /// Forward and backward pass over the rows named, whose losses are scaled by `scale` on the way back.
    pub fn pass(&mut self, network: &Network, examples: &Examples, rows: &[u32], scale: f32, dropout: Option<Dropout>) {
        self.clear(rows.len());
        for (row, target) in rows.iter().zip(self.targets.chunks_exact_mut(self.width)) {
            let row = *row as usize;
            self.inputs.extend_from_slice(examples.input_rows(row, row + 1));
            examples.targets().write(row, target);
        }
        if let Some(weights) = examples.loss_weights().given() {
            self.weights.extend(rows.iter().map(|row| weights[*row as usize]));
        }
        self.run(network, scale, dropout);
    }

    /// The same over the first `rows` rows, unweighted and without dropout, with the mean loss on the way back.
    pub fn probe(&mut self, network: &Network, examples: &Examples, rows: usize) {
        self.clear(rows);
        self.inputs.extend_from_slice(examples.input_rows(0, rows));
        examples.targets().write_rows(0, &mut self.targets, self.width);
        self.run(network, 1.0 / rows as f32, None);
    }

    /// ∂L/∂parameters of `block` over the rows of the last pass; added to what is in `into` if `accumulate`.
    pub fn gradient(&self, layers: &[Layer], block: &Block, into: &mut [f32], accumulate: bool) {
        gradient(layers, block, &self.inputs, self.rows(), &self.workspace, into, accumulate);
    }

    fn run(&mut self, network: &Network, scale: f32, dropout: Option<Dropout>) {
        network.forward(&self.inputs, &mut self.workspace, dropout);
        let weights = (!self.weights.is_empty()).then_some(self.weights.as_slice());
        let loss = network.spec().loss;
        self.loss = loss.sum(&network.scored(&self.workspace, &self.targets, weights));
        if self.label_smoothing > 0.0 {
            loss.smooth(&mut self.targets, self.width, self.label_smoothing);
        }
        network.backward(BatchTargets { values: &self.targets, weights }, &mut self.workspace, scale);
    }

    fn clear(&mut self, rows: usize) {
        self.inputs.clear();
        self.weights.clear();
        self.targets.resize(rows * self.width, 0.0);
    }
}
