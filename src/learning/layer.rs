//! Layers: each owns a stretch of the network's flat parameter buffer and knows its forward and backward pass.
//!
//! [`Layer`] is a closed set: a further kind of layer (a scale, a normalisation) is a further arm, and the compiler
//! lists what it has to answer.

mod dense;
mod embed;

use std::ops::Range;

use super::activation::Activation;
use super::init::Initializer;
use super::optimizer::ParameterGroup;
use super::random::Generator;
pub use dense::Dense;
pub use embed::Embed;

/// Parameters of a block, about: its gradient and the optimizer's state stay in a core's cache while it is worked on.
pub(super) const BLOCK_VALUES: usize = 1 << 15;

/// One layer of a network.
#[derive(Clone, Debug)]
pub enum Layer {
    /// Vectors in place of codes: the first layer of a network with embeddings.
    Embed(Embed),
    /// Fully connected: a = f(x·W + b), then dropout in training.
    Dense(Dense),
}

/// What the backward pass needs of a layer's forward pass. Buffers hold up to the workspace's rows × units.
#[derive(Clone, Debug, Default)]
pub struct Tape {
    /// z, where the activation's derivative needs it.
    pre: Vec<f32>,
    /// a = f(z)
    active: Vec<f32>,
    /// 0 or 1/(1 − p) for each unit of each row, where the layer has dropout.
    mask: Vec<f32>,
    /// a ⊙ mask, where the layer has dropout.
    dropped: Vec<f32>,
    /// ∂L/∂output on entry of the backward pass, ∂L/∂z after it.
    pub gradient: Vec<f32>,
    /// ∂L/∂input, transposed, on its way: empty unless one is wanted.
    turned: Vec<f32>,
    /// ∂L/∂biases after the backward pass: the sum over the rows of ∂L/∂z.
    bias_gradient: Vec<f32>,
}

impl Tape {
    /// What the next layer sees: rows × units.
    pub fn output(&self, values: usize) -> &[f32] {
        if self.dropped.is_empty() { &self.active[..values] } else { &self.dropped[..values] }
    }

    fn active_mut(&mut self, values: usize) -> &mut [f32] {
        &mut self.active[..values]
    }

    /// The activation before dropout: rows × units.
    pub fn active(&self, values: usize) -> &[f32] {
        &self.active[..values]
    }
}

impl Layer {
    /// Columns of the output, from the left, that depend on none of the layer's parameters.
    pub fn fixed_outputs(&self) -> usize {
        match self {
            Layer::Embed(embed) => embed.plain(),
            Layer::Dense(_) => 0,
        }
    }

    /// Width of the output.
    pub fn units(&self) -> usize {
        match self {
            Layer::Embed(embed) => embed.units(),
            Layer::Dense(dense) => dense.units(),
        }
    }

    /// The hidden activation, for diagnoses.
    pub fn activation(&self) -> Activation {
        match self {
            Layer::Embed(_) => Activation::Identity,
            Layer::Dense(dense) => dense.activation(),
        }
    }

    /// Parameters that are trained alike, in the order of the flat buffer.
    pub fn groups(&self) -> Vec<ParameterGroup> {
        match self {
            Layer::Embed(embed) => embed.groups(),
            Layer::Dense(dense) => dense.groups(),
        }
    }

    /// Draws the layer's parameters.
    pub fn initialise(&self, initializer: Initializer, parameters: &mut [f32], generator: &mut Generator) {
        match self {
            Layer::Embed(embed) => embed.initialise(parameters, generator),
            Layer::Dense(dense) => dense.initialise(initializer, parameters, generator),
        }
    }

    /// Buffers for a forward and backward pass of up to `rows` rows.
    pub fn tape(&self, rows: usize) -> Tape {
        match self {
            Layer::Embed(embed) => embed.tape(rows),
            Layer::Dense(dense) => dense.tape(rows),
        }
    }

    /// Forward pass for prediction: `input` is rows × inputs, `output` rows × units.
    pub fn infer(&self, parameters: &[f32], input: &[f32], output: &mut [f32]) {
        match self {
            Layer::Embed(embed) => embed.infer(parameters, input, output),
            Layer::Dense(dense) => dense.infer(parameters, input, output),
        }
    }

    /// Forward pass for training: leaves in `tape` what [`Layer::backward`] needs. With a seed, dropout is drawn.
    pub fn forward(&self, parameters: &[f32], input: &[f32], rows: usize, tape: &mut Tape, dropout: Option<u64>) {
        match self {
            Layer::Embed(embed) => embed.infer(parameters, input, tape.active_mut(rows * embed.units())),
            Layer::Dense(dense) => dense.forward(parameters, input, rows, tape, dropout),
        }
    }

    /// Backward pass through `rows` rows: from ∂L/∂output in `tape.gradient` to ∂L/∂z in the same place, and to
    /// ∂L/∂input in `input_gradient`, if one is wanted.
    pub fn backward(&self, parameters: &[f32], rows: usize, tape: &mut Tape, input_gradient: Option<InputGradient>) {
        match self {
            // What comes out of an embedding is its z.
            Layer::Embed(_) => {}
            Layer::Dense(dense) => dense.backward(parameters, rows, tape, input_gradient),
        }
    }

    /// The layer's parameters in pieces whose gradients are found, and stepped on, each by itself: ranges of the flat
    /// buffer, in its order. They depend on nothing but the layer's size.
    pub fn blocks(&self) -> Vec<Range<usize>> {
        match self {
            Layer::Embed(embed) => embed.groups().into_iter().map(|group| group.range).collect(),
            Layer::Dense(dense) => dense.blocks(),
        }
    }

    /// ∂L/∂parameters of `block`, one of [`Layer::blocks`], after the backward pass over `input` (rows × inputs): added
    /// to what is in `gradient` if `accumulate`.
    pub fn gradient(&self, block: &Range<usize>, input: &[f32], tape: &Tape, gradient: &mut [f32], accumulate: bool) {
        match self {
            Layer::Embed(embed) => embed.gradient(block, input, tape, gradient, accumulate),
            Layer::Dense(dense) => dense.gradient(block, input, tape, gradient, accumulate),
        }
    }
}

/// Where a layer's ∂L/∂input goes.
pub struct InputGradient<'a> {
    /// rows × inputs
    pub values: &'a mut [f32],
    /// Columns from the left that are left as they are: nobody asks for their gradient.
    pub skipped: usize,
}
