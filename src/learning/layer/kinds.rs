//! The kinds of layers, behind one type.

use std::ops::Range;

use super::dense::{Dense, Dropout};
use super::embed::Embed;
use super::periodic::Periodic;
use super::scale::Scale;
use super::tape::{InputGradient, Tape};
use super::unclip::Unclip;
use crate::learning::activation::Activation;
use crate::learning::init::Initializer;
use crate::learning::optimizer::ParameterGroup;
use crate::learning::random::Generator;

/// One layer of a network.
#[derive(Clone, Debug)]
pub enum Layer {
    /// Vectors in place of codes: the first layer of a network with embeddings.
    Embed(Embed),
    /// Some columns without their smooth clip.
    Unclip(Unclip),
    /// Waves beside some columns.
    Periodic(Periodic),
    /// Each column times a factor.
    Scale(Scale),
    /// Fully connected: a = f(x·W + b), then dropout in training.
    Dense(Dense),
}

impl Layer {
    /// Columns of the output, from the left, that depend on none of the layer's parameters.
    pub fn fixed_outputs(&self) -> usize {
        match self {
            Layer::Embed(embed) => embed.plain(),
            Layer::Unclip(unclip) => unclip.fixed(),
            Layer::Periodic(periodic) => periodic.fixed(),
            Layer::Scale(_) | Layer::Dense(_) => 0,
        }
    }

    /// Width of the output.
    pub fn units(&self) -> usize {
        match self {
            Layer::Embed(embed) => embed.units(),
            Layer::Unclip(unclip) => unclip.units(),
            Layer::Periodic(periodic) => periodic.units(),
            Layer::Scale(scale) => scale.units(),
            Layer::Dense(dense) => dense.units(),
        }
    }

    /// The hidden activation, for diagnoses.
    pub fn activation(&self) -> Activation {
        match self {
            Layer::Embed(_) | Layer::Unclip(_) | Layer::Periodic(_) | Layer::Scale(_) => Activation::Identity,
            Layer::Dense(dense) => dense.activation(),
        }
    }

    /// Parameters that are trained alike, in the order of the flat buffer.
    pub fn groups(&self) -> Vec<ParameterGroup> {
        match self {
            Layer::Embed(embed) => embed.groups(),
            Layer::Unclip(_) => Vec::new(),
            Layer::Periodic(periodic) => periodic.groups(),
            Layer::Scale(scale) => scale.groups(),
            Layer::Dense(dense) => dense.groups(),
        }
    }

    /// Draws the layer's parameters.
    pub fn initialise(&self, initializer: Initializer, parameters: &mut [f32], generator: &mut Generator) {
        match self {
            Layer::Embed(embed) => embed.initialise(parameters, generator),
            Layer::Unclip(_) => {}
            Layer::Periodic(periodic) => periodic.initialise(parameters, generator),
            Layer::Scale(scale) => scale.initialise(parameters),
            Layer::Dense(dense) => dense.initialise(initializer, parameters, generator),
        }
    }

    /// Draws the parameters of a dense layer by what comes in, rows × inputs, and leaves in `output`, rows × units, what it makes of
    /// that; other layers keep theirs.
    pub fn initialise_by(&self, parameters: &mut [f32], input: &[f32], output: &mut [f32], generator: &mut Generator) {
        match self {
            Layer::Dense(dense) => dense.initialise_by(parameters, input, output, generator),
            _ => self.infer(parameters, input, output),
        }
    }

    /// Buffers for a forward and backward pass of up to `rows` rows.
    pub fn tape(&self, rows: usize) -> Tape {
        match self {
            Layer::Embed(embed) => embed.tape(rows),
            Layer::Unclip(unclip) => unclip.tape(rows),
            Layer::Periodic(periodic) => periodic.tape(rows),
            Layer::Scale(scale) => scale.tape(rows),
            Layer::Dense(dense) => dense.tape(rows),
        }
    }

    /// Forward pass for prediction.
    ///
    /// # Shapes
    /// `input` is rows × inputs, `output` rows × units, both row-major.
    pub fn infer(&self, parameters: &[f32], input: &[f32], output: &mut [f32]) {
        match self {
            Layer::Embed(embed) => embed.infer(parameters, input, output),
            Layer::Unclip(unclip) => unclip.infer(input, output),
            Layer::Periodic(periodic) => periodic.infer(parameters, input, output),
            Layer::Scale(scale) => scale.infer(parameters, input, output),
            Layer::Dense(dense) => dense.infer(parameters, input, output),
        }
    }

    /// Forward pass for training: leaves in `tape` what [`Layer::backward`] needs. Dropout is drawn if it is given.
    pub fn forward(&self, parameters: &[f32], input: &[f32], rows: usize, tape: &mut Tape, dropout: Option<Dropout>) {
        match self {
            Layer::Embed(embed) => embed.infer(parameters, input, tape.active_mut(rows * embed.units())),
            Layer::Unclip(unclip) => unclip.infer(input, tape.active_mut(rows * unclip.units())),
            Layer::Periodic(periodic) => periodic.forward(parameters, input, rows, tape),
            Layer::Scale(scale) => scale.infer(parameters, input, tape.active_mut(rows * scale.units())),
            Layer::Dense(dense) => dense.forward(parameters, input, rows, tape, dropout),
        }
    }

    /// Backward pass through `rows` rows: from ∂L/∂output in `tape.gradient` to ∂L/∂z in the same place, and to
    /// ∂L/∂input in `input_gradient`, if one is wanted.
    pub fn backward(&self, parameters: &[f32], rows: usize, tape: &mut Tape, input_gradient: Option<InputGradient>) {
        match self {
            // An embedding has no activation, so ∂L/∂output is ∂L/∂z, and codes have no gradient.
            Layer::Embed(_) => {}
            Layer::Unclip(unclip) => unclip.backward(rows, tape, input_gradient),
            Layer::Periodic(periodic) => periodic.backward(parameters, rows, tape, input_gradient),
            Layer::Scale(scale) => scale.backward(parameters, rows, tape, input_gradient),
            Layer::Dense(dense) => dense.backward(parameters, rows, tape, input_gradient),
        }
    }

    /// The layer's parameters in blocks whose gradients are found, and stepped on, each by itself: ranges of the flat
    /// buffer, in its order. They depend on nothing but the layer's size.
    pub fn blocks(&self) -> Vec<Range<usize>> {
        match self {
            Layer::Embed(embed) => embed.groups().into_iter().map(|group| group.range).collect(),
            Layer::Unclip(_) => Vec::new(),
            Layer::Periodic(periodic) => periodic.blocks(),
            Layer::Scale(scale) => scale.groups().into_iter().map(|group| group.range).collect(),
            Layer::Dense(dense) => dense.blocks(),
        }
    }

    /// ∂L/∂parameters of `block`, one of [`Layer::blocks`], after the backward pass over `input` (rows × inputs): added
    /// to what is in `gradient` if `accumulate`.
    pub fn gradient(&self, block: &Range<usize>, input: &[f32], tape: &Tape, gradient: &mut [f32], accumulate: bool) {
        match self {
            Layer::Embed(embed) => embed.gradient(block, input, tape, gradient, accumulate),
            Layer::Unclip(_) => {}
            Layer::Periodic(periodic) => periodic.gradient(block, input, tape, gradient, accumulate),
            Layer::Scale(scale) => scale.gradient(input, tape, gradient, accumulate),
            Layer::Dense(dense) => dense.gradient(block, input, tape, gradient, accumulate),
        }
    }
}
