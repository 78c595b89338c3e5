//! A network: layers over one flat parameter buffer, forward for prediction, forward and backward for training.
//!
//! The smallest network that computes XOR, with weights by hand (Goodfellow et al., "Deep Learning", section 6.1):
//! h₁ = max(0, x₁ + x₂), h₂ = max(0, x₁ + x₂ − 1), ŷ = h₁ − 2h₂.
//!
//! ```
//! use std::sync::Arc;
//!
//! use epochd::learning::activation::Activation;
//! use epochd::learning::network::Network;
//! use epochd::learning::spec::ModelSpec;
//! use ndarray::arr2;
//!
//! let layers = vec![2.into(), 2.into(), 1.into()];
//! let spec = ModelSpec { layers, activation: Some(Activation::Relu), ..ModelSpec::default() }.check()?.0;
//! let (w1, b1, w2, b2) = ([1.0, 1.0, 1.0, 1.0], [0.0, -1.0], [1.0, -2.0], [0.0]);
//! let network = Network::with_parameters(Arc::new(spec), [&w1[..], &b1, &w2, &b2].concat());
//! let inputs = arr2(&[[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]]);
//! assert_eq!(network.predict(inputs.view()), arr2(&[[0.0], [1.0], [1.0], [0.0]]));
//! # Ok::<(), epochd::learning::error::SpecError>(())
//! ```

use std::ops::Range;
use std::sync::Arc;

use ndarray::{Array2, ArrayView1, ArrayView2, Axis};

use super::init::Initializer;
use super::layer::{Dense, Dropout, Embed, InputGradient, Layer, Periodic, Scale, Tape, Unclip};
use super::loss::Scored;
use super::optimizer::ParameterGroup;
use super::random::{Purpose, generator};
use super::spec::{Embedding, ValidModelSpec};
use super::tiling::{evenly_spaced, piece_rows, shard_rows};

/// A network with its parameters.
#[derive(Clone, Debug)]
pub struct Network {
    spec: Arc<ValidModelSpec>,
    layers: Vec<Layer>,
    parameters: Vec<f32>,
}

impl Network {
    /// A network whose parameters are drawn as its specification says.
    ///
    /// # Panics
    /// If the specification names no initializer: then [`Network::with_parameters`] takes those the client gave.
    pub fn new(spec: Arc<ValidModelSpec>) -> Self {
        let initializer = spec.initializer.expect("a specification without given parameters");
        let mut generator = generator(spec.seed, Purpose::Parameters);
        let parameters = vec![0.0; spec.parameter_count()];
        let mut network = Network::with_parameters(spec, parameters);
        let Network { layers, parameters, .. } = &mut network;
        layers.iter().for_each(|layer| layer.initialise(initializer, parameters, &mut generator));
        network
    }

    /// A network with these parameters: flat, the tables of embeddings first, then waves and factors, then layer after layer,
    /// weights before biases.
    ///
    /// # Panics
    /// If there are not as many as the specification has.
    pub fn with_parameters(spec: Arc<ValidModelSpec>, parameters: Vec<f32>) -> Self {
        assert_eq!(parameters.len(), spec.parameter_count(), "as many parameters as the layers have");
        let mut offset = spec.embeddings.iter().map(Embedding::parameter_count).sum();
        let mut layers: Vec<Layer> = Embed::new(&spec).map(Layer::Embed).into_iter().collect();
        if !spec.unclipped.is_empty() {
            let unclip = Unclip::new(spec.unclipped.clone(), spec.embedded_inputs(), spec.plain_inputs());
            layers.push(Layer::Unclip(unclip));
        }
        if let Some(waves) = &spec.waves {
            layers.push(Layer::Periodic(Periodic::new(
                waves.clone(),
                spec.embedded_inputs(),
                spec.plain_inputs(),
                offset,
            )));
            offset += waves.parameter_count();
        }
        if spec.scale {
            layers.push(Layer::Scale(Scale::new(spec.layers[0].inputs, offset)));
            offset += spec.layers[0].inputs;
        }
        for layer in &spec.layers {
            layers.push(Layer::Dense(Dense::new(layer, spec.parametrization, offset)));
            offset += layer.parameter_count();
        }
        Network { spec, layers, parameters }
    }

    /// Draws the parameters of the hidden dense layers anew, by what comes in where `inputs` (rows × inputs) go through, and sets
    /// those of the last layer to 0. Of many rows a shard is taken, evenly spaced.
    pub fn initialise_by(&mut self, inputs: ArrayView2<f32>) {
        let mut generator = generator(self.spec.seed, Purpose::Parameters);
        let rows = inputs.nrows().min(shard_rows(&self.spec));
        let mut current = inputs.select(Axis(0), &evenly_spaced(rows, inputs.nrows())).into_raw_vec_and_offset().0;
        let Network { layers, parameters, .. } = self;
        let (last, hidden) = layers.split_last().expect("a network has a layer");
        for layer in hidden {
            let mut next = vec![0.0; rows * layer.units()];
            layer.initialise_by(parameters, &current, &mut next, &mut generator);
            current = next;
        }
        last.initialise(Initializer::Zeros, parameters, &mut generator);
    }

    /// The specification it was made from, for another network of its kind.
    pub fn shared_spec(&self) -> Arc<ValidModelSpec> {
        self.spec.clone()
    }

    /// The specification it was made from.
    pub fn spec(&self) -> &ValidModelSpec {
        &self.spec
    }

    /// The layers, first to last. The dense ones are those from [`Network::first_dense`] on.
    pub fn layers(&self) -> &[Layer] {
        &self.layers
    }

    /// Where in [`Network::layers`] the first dense layer stands: behind embeddings, waves and factors.
    pub fn first_dense(&self) -> usize {
        self.layers.len() - self.spec.layers.len()
    }

    /// All weights and biases, flat.
    pub fn parameters(&self) -> &[f32] {
        &self.parameters
    }

    /// All weights and biases, flat, to be changed.
    pub fn parameters_mut(&mut self) -> &mut [f32] {
        &mut self.parameters
    }

    /// The layers, and all weights and biases, flat, to be changed.
    pub fn layers_and_parameters(&mut self) -> (&[Layer], &mut [f32]) {
        (&self.layers, &mut self.parameters)
    }

    /// Groups of parameters that are trained alike, in the order of the flat buffer.
    pub fn groups(&self) -> Vec<ParameterGroup> {
        self.layers.iter().flat_map(Layer::groups).collect()
    }

    /// Weights and biases of dense layer `index`, as the specification counts them.
    ///
    /// # Shapes
    /// Weights are inputs × units, biases units.
    pub fn layer_parameters(&self, index: usize) -> (ArrayView2<'_, f32>, ArrayView1<'_, f32>) {
        match &self.layers[self.first_dense() + index] {
            Layer::Dense(dense) => dense.parameters(&self.parameters),
            _ => unreachable!("other layers stand before the dense ones"),
        }
    }

    /// Sets the vectors of embedding `index` to 0: the network begins as if its codes told nothing.
    ///
    /// # Panics
    /// If the network has no such embedding.
    pub fn clear_embedding(&mut self, index: usize) {
        let before: usize = self.spec.embeddings[..index].iter().map(Embedding::parameter_count).sum();
        let count = self.spec.embeddings[index].parameter_count();
        self.parameters[before..before + count].fill(0.0);
    }

    /// The table of embedding `index`: values × dimensions.
    ///
    /// # Panics
    /// If the network has no such embedding.
    pub fn embedding_parameters(&self, index: usize) -> ArrayView2<'_, f32> {
        match &self.layers[0] {
            Layer::Embed(embed) => embed.parameters(index, &self.parameters),
            _ => panic!("the network has no embeddings"),
        }
    }

    /// Outputs of the network.
    ///
    /// # Shapes
    /// `inputs` is rows × inputs, the result rows × outputs.
    ///
    /// # Panics
    /// If the input's width is not the network's: callers check it and name the row.
    pub fn predict(&self, inputs: ArrayView2<f32>) -> Array2<f32> {
        let mut outputs = self.logits_of(inputs);
        self.spec.output.forward(outputs.as_slice_mut().expect("standard layout"), self.spec.outputs());
        outputs
    }

    /// Logits of the network, in standard layout. Rows are worked off in shards.
    ///
    /// # Shapes
    /// `inputs` is rows × inputs, the result rows × outputs.
    ///
    /// # Panics
    /// If the input's width is not the network's.
    pub fn logits_of(&self, inputs: ArrayView2<f32>) -> Array2<f32> {
        assert_eq!(inputs.ncols(), self.spec.inputs(), "input width");
        let inputs = inputs.as_standard_layout();
        let mut logits = Array2::zeros((inputs.nrows(), self.spec.outputs()));
        let (mut scratch, shard) = (Scratch::default(), shard_rows(&self.spec));
        let rows = inputs.as_slice().expect("standard layout").chunks(shard * self.spec.inputs());
        let out = logits.as_slice_mut().expect("standard layout").chunks_mut(shard * self.spec.outputs());
        for (rows, out) in rows.zip(out) {
            out.copy_from_slice(self.logits(rows, &mut scratch));
        }
        logits
    }

    /// Gives `see` the logits of `inputs` (rows × inputs, row-major), some rows after others, until it says no; false if it
    /// did. However many rows and outputs there are, those of a piece alone are in memory.
    pub fn for_each_logits(&self, inputs: &[f32], see: &mut dyn FnMut(&[f32]) -> bool) -> bool {
        let (mut scratch, rows) = (Scratch::default(), piece_rows(&self.spec));
        inputs.chunks(rows * self.spec.inputs()).all(|piece| see(self.logits(piece, &mut scratch)))
    }

    /// Forward pass for prediction, which keeps nothing for a backward pass: the logits of a shard of `inputs`, rows ×
    /// outputs.
    pub fn logits<'a>(&self, inputs: &[f32], scratch: &'a mut Scratch) -> &'a [f32] {
        let rows = inputs.len() / self.spec.inputs();
        for (i, layer) in self.layers.iter().enumerate() {
            scratch.next.resize(rows * layer.units(), 0.0);
            layer.infer(&self.parameters, if i == 0 { inputs } else { &scratch.current }, &mut scratch.next);
            std::mem::swap(&mut scratch.current, &mut scratch.next);
        }
        &scratch.current
    }

    /// Multiplies the logits with `factor`, by the last layer's weights and biases.
    pub fn scale_logits(&mut self, factor: f32) {
        let last = self.spec.layers[self.spec.layers.len() - 1].parameter_count();
        let from = self.parameters.len() - last;
        self.parameters[from..].iter_mut().for_each(|value| *value *= factor);
    }

    /// Buffers for training passes of up to `rows` rows.
    pub fn workspace(&self, rows: usize) -> Workspace {
        Workspace {
            tapes: self.layers.iter().map(|layer| layer.tape(rows)).collect(),
            outputs: vec![0.0; rows * self.spec.outputs()],
        }
    }

    /// Forward pass that keeps what the backward pass needs. Dropout is drawn if it is given.
    ///
    /// # Shapes
    /// `inputs` is rows × inputs, row-major, of at most as many rows as the workspace was made for.
    pub fn forward(&self, inputs: &[f32], workspace: &mut Workspace, dropout: Option<Dropout>) {
        let rows = inputs.len() / self.spec.inputs();
        for (i, layer) in self.layers.iter().enumerate() {
            let (before, rest) = workspace.tapes.split_at_mut(i);
            let input = layer_input(&self.layers, before, inputs, rows);
            layer.forward(&self.parameters, input, rows, &mut rest[0], dropout);
        }
        let values = rows * self.spec.outputs();
        let outputs = &mut workspace.outputs[..values];
        outputs.copy_from_slice(workspace.tapes[self.layers.len() - 1].output(values));
        self.spec.output.forward(outputs, self.spec.outputs());
    }

    /// What the loss sees after [`Network::forward`].
    pub fn scored<'a>(&self, workspace: &'a Workspace, targets: &'a [f32], weights: Option<&'a [f32]>) -> Scored<'a> {
        let logits = workspace.tapes[self.layers.len() - 1].output(targets.len());
        Scored { logits, outputs: &workspace.outputs[..targets.len()], targets, weights, width: self.spec.outputs() }
    }

    /// Backward pass after [`Network::forward`]: the δ of every layer, of Σ weight · row loss · `scale`, into
    /// `workspace`. [`gradient`] makes parameters' gradients of them.
    ///
    /// δˡ = (δˡ⁺¹·Wˡ⁺¹ᵀ) ⊙ f′(zˡ) (Rumelhart, Hinton & Williams 1986).
    pub fn backward(&self, targets: BatchTargets, workspace: &mut Workspace, scale: f32) {
        let rows = targets.values.len() / self.spec.outputs();
        let last = self.layers.len() - 1;
        let mut gradient = std::mem::take(&mut workspace.tapes[last].gradient);
        let scored = self.scored(workspace, targets.values, targets.weights);
        self.spec.loss.gradient(self.spec.output, &scored, scale, &mut gradient[..targets.values.len()]);
        workspace.tapes[last].gradient = gradient;
        for (i, layer) in self.layers.iter().enumerate().rev() {
            let (before, rest) = workspace.tapes.split_at_mut(i);
            let mut below = before.last_mut().map(|tape| std::mem::take(&mut tape.gradient));
            let input_gradient = below.as_mut().map(|gradient| {
                let before = &self.layers[i - 1];
                InputGradient { values: &mut gradient[..rows * before.units()], skipped: before.fixed_outputs() }
            });
            layer.backward(&self.parameters, rows, &mut rest[0], input_gradient);
            if let (Some(tape), Some(gradient)) = (before.last_mut(), below) {
                tape.gradient = gradient;
            }
        }
    }

    /// ∂L/∂parameters after [`Network::backward`] over `inputs`: added to what is in `gradients` if `accumulate`.
    ///
    /// # Shapes
    /// `inputs` is rows × inputs, row-major; `gradients` is laid out as the flat parameters.
    pub fn gradients(&self, inputs: &[f32], workspace: &Workspace, gradients: &mut [f32], accumulate: bool) {
        let rows = inputs.len() / self.spec.inputs();
        for block in self.blocks() {
            let into = &mut gradients[block.range.clone()];
            gradient(&self.layers, &block, inputs, rows, workspace, into, accumulate);
        }
    }

    /// The parameters in blocks whose gradients are found, and stepped on, each by itself; in the order of the flat
    /// buffer.
    pub fn blocks(&self) -> Vec<Block> {
        let groups = self.groups();
        let block = |(layer, range): (usize, Range<usize>)| {
            let group =
                groups.iter().position(|group| group.range.start <= range.start && range.end <= group.range.end);
            Block { layer, range, group: group.expect("a block lies within a group") }
        };
        let layers = self.layers.iter().enumerate();
        layers
            .flat_map(|(index, layer)| layer.blocks().into_iter().map(move |range| (index, range)))
            .map(block)
            .collect()
    }
}

/// Parameters of one layer that are trained alike.
#[derive(Clone, Debug, PartialEq)]
pub struct Block {
    /// The layer's index.
    pub layer: usize,
    /// Where in the flat buffer.
    pub range: Range<usize>,
    /// The index of its group in [`Network::groups`].
    pub group: usize,
}

/// ∂L/∂parameters of `block` after [`Network::backward`] over `inputs`, added to what is in `gradient` if `accumulate`:
/// ∂L/∂Wˡ = (aˡ⁻¹)ᵀ·δˡ, ∂L/∂bˡ = Σ rows of δˡ.
pub fn gradient(
    layers: &[Layer],
    block: &Block,
    inputs: &[f32],
    rows: usize,
    workspace: &Workspace,
    gradient: &mut [f32],
    accumulate: bool,
) {
    let (before, rest) = workspace.tapes.split_at(block.layer);
    let input = layer_input(layers, before, inputs, rows);
    layers[block.layer].gradient(&block.range, input, &rest[0], gradient, accumulate);
}

/// The input of the layer after those of `before`.
fn layer_input<'a>(layers: &[Layer], before: &'a [Tape], inputs: &'a [f32], rows: usize) -> &'a [f32] {
    match before.last() {
        None => inputs,
        Some(tape) => tape.output(rows * layers[before.len() - 1].units()),
    }
}

/// Targets of a batch: rows × outputs, and a weight for every row.
#[derive(Clone, Copy)]
pub struct BatchTargets<'a> {
    /// y, row-major.
    pub values: &'a [f32],
    /// `None` weighs each row 1.
    pub weights: Option<&'a [f32]>,
}

/// Buffers of the training passes: made once, so that no epoch allocates.
#[derive(Clone, Debug)]
pub struct Workspace {
    tapes: Vec<Tape>,
    outputs: Vec<f32>,
}

impl Workspace {
    /// The tape of layer `index`.
    pub fn tape(&self, index: usize) -> &Tape {
        &self.tapes[index]
    }
}

/// Buffers of forward passes; grow to what the widest layer needs.
#[derive(Clone, Debug, Default)]
pub struct Scratch {
    current: Vec<f32>,
    next: Vec<f32>,
}
