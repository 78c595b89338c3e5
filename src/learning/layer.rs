//! Layers: each owns a stretch of the network's flat parameter buffer and knows its forward and backward pass.
//!
//! [`Layer`] is a closed set: a further kind of layer (a scale, a normalisation) is a further arm, and the compiler
//! lists what it has to answer.

mod embed;

use std::ops::Range;

use ndarray::{ArrayView1, ArrayView2, ArrayViewMut2, Axis, Slice};
use rand::RngExt;

use super::activation::Activation;
use super::init::Initializer;
use super::kernels::matmul;
use super::optimizer::ParameterGroup;
use super::random::Generator;
use super::spec::ValidLayer;
pub use embed::Embed;

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
            Layer::Dense(dense) => dense.units,
        }
    }

    /// The hidden activation, for diagnoses.
    pub fn activation(&self) -> Activation {
        match self {
            Layer::Embed(_) => Activation::Identity,
            Layer::Dense(dense) => dense.activation,
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

    /// Forward pass for training: leaves in `tape` what [`Layer::backward`] needs. With a generator, dropout is drawn.
    pub fn forward(
        &self,
        parameters: &[f32],
        input: &[f32],
        rows: usize,
        tape: &mut Tape,
        dropout: Option<&mut Generator>,
    ) {
        match self {
            Layer::Embed(embed) => embed.infer(parameters, input, tape.active_mut(rows * embed.units())),
            Layer::Dense(dense) => dense.forward(parameters, input, rows, tape, dropout),
        }
    }

    /// Backward pass: from ∂L/∂output in `tape.gradient` to the layer's part of `gradients` (added to what is there
    /// if `accumulate`), and to ∂L/∂input in `input_gradient`, if one is wanted.
    pub fn backward(&self, pass: Backward) {
        match self {
            Layer::Embed(embed) => embed.backward(pass),
            Layer::Dense(dense) => dense.backward(pass),
        }
    }
}

/// The arguments of a layer's backward pass.
pub struct Backward<'a> {
    /// The network's flat parameters.
    pub parameters: &'a [f32],
    /// The layer's input in the forward pass: rows × inputs.
    pub input: &'a [f32],
    /// Rows of the batch.
    pub rows: usize,
    /// What the forward pass left.
    pub tape: &'a mut Tape,
    /// The network's flat gradients.
    pub gradients: &'a mut [f32],
    /// Whether to add to `gradients` rather than to overwrite.
    pub accumulate: bool,
    /// Where ∂L/∂input goes, if it is wanted.
    pub input_gradient: Option<InputGradient<'a>>,
}

/// Where a layer's ∂L/∂input goes.
pub struct InputGradient<'a> {
    /// rows × inputs
    pub values: &'a mut [f32],
    /// Columns from the left that are left as they are: nobody asks for their gradient.
    pub skipped: usize,
}

/// A fully connected layer.
#[derive(Clone, Debug)]
pub struct Dense {
    inputs: usize,
    units: usize,
    activation: Activation,
    dropout: f32,
    /// Weights (inputs × units, row-major) in the flat buffer.
    weights: Range<usize>,
    /// Biases (units) in the flat buffer.
    biases: Range<usize>,
}

impl Dense {
    /// The layer of a specification, its parameters starting at `offset` of the flat buffer.
    pub fn new(layer: &ValidLayer, offset: usize) -> Self {
        let split = offset + layer.inputs * layer.units;
        Dense {
            inputs: layer.inputs,
            units: layer.units,
            activation: layer.activation,
            dropout: layer.dropout as f32,
            weights: offset..split,
            biases: split..split + layer.units,
        }
    }

    /// The weights as inputs × units, and the biases.
    pub fn parameters<'a>(&self, parameters: &'a [f32]) -> (ArrayView2<'a, f32>, ArrayView1<'a, f32>) {
        let weights = matrix(&parameters[self.weights.clone()], self.units);
        (weights, ArrayView1::from(&parameters[self.biases.clone()]))
    }

    fn groups(&self) -> Vec<ParameterGroup> {
        vec![
            ParameterGroup { range: self.weights.clone(), learning_rate_factor: 1.0, decay_factor: 1.0 },
            ParameterGroup { range: self.biases.clone(), learning_rate_factor: 1.0, decay_factor: 0.0 },
        ]
    }

    fn initialise(&self, initializer: Initializer, parameters: &mut [f32], generator: &mut Generator) {
        initializer.fill(&mut parameters[self.weights.clone()], self.inputs, self.units, generator);
        parameters[self.biases.clone()].fill(0.0);
    }

    fn tape(&self, rows: usize) -> Tape {
        let buffer = |needed: bool| vec![0.0; if needed { rows * self.units } else { 0 }];
        let dropout = self.dropout > 0.0;
        Tape {
            pre: buffer(self.activation.needs_pre()),
            active: buffer(true),
            mask: buffer(dropout),
            dropped: buffer(dropout),
            gradient: buffer(true),
        }
    }

    /// z = x·W + b
    fn affine(&self, parameters: &[f32], input: &[f32], z: &mut [f32]) {
        let weights = matrix(&parameters[self.weights.clone()], self.units);
        matmul(matrix_mut(z, self.units), matrix(input, self.inputs), weights, false);
        let biases = &parameters[self.biases.clone()];
        for row in z.chunks_exact_mut(self.units) {
            row.iter_mut().zip(biases).for_each(|(z, b)| *z += b);
        }
    }

    fn infer(&self, parameters: &[f32], input: &[f32], output: &mut [f32]) {
        self.affine(parameters, input, output);
        self.activation.forward(output);
    }

    fn forward(
        &self,
        parameters: &[f32],
        input: &[f32],
        rows: usize,
        tape: &mut Tape,
        dropout: Option<&mut Generator>,
    ) {
        let values = rows * self.units;
        let active = &mut tape.active[..values];
        self.affine(parameters, input, active);
        if self.activation.needs_pre() {
            tape.pre[..values].copy_from_slice(active);
        }
        self.activation.forward(active);
        if self.dropout > 0.0 {
            draw_mask(&mut tape.mask[..values], self.dropout, dropout);
            let kept = active.iter().zip(&tape.mask).map(|(a, m)| a * m);
            tape.dropped[..values].iter_mut().zip(kept).for_each(|(d, kept)| *d = kept);
        }
    }

    fn backward(&self, pass: Backward) {
        let Backward { parameters, input, rows, tape, gradients, accumulate, input_gradient } = pass;
        let values = rows * self.units;
        let delta = &mut tape.gradient[..values];
        if self.dropout > 0.0 {
            delta.iter_mut().zip(&tape.mask).for_each(|(g, m)| *g *= m);
        }
        self.activation.backward(&tape.pre, &tape.active[..values], delta);
        let delta = &*delta;
        let weight_gradient = matrix_mut(&mut gradients[self.weights.clone()], self.units);
        matmul(weight_gradient, matrix(input, self.inputs).reversed_axes(), matrix(delta, self.units), accumulate);
        let bias_gradient = &mut gradients[self.biases.clone()];
        if !accumulate {
            bias_gradient.fill(0.0);
        }
        for row in delta.chunks_exact(self.units) {
            bias_gradient.iter_mut().zip(row).for_each(|(g, d)| *g += d);
        }
        if let Some(InputGradient { values, skipped }) = input_gradient {
            let mut wanted = matrix_mut(values, self.inputs);
            wanted.slice_axis_inplace(Axis(1), Slice::from(skipped..));
            let mut weights = matrix(&parameters[self.weights.clone()], self.units);
            weights.slice_axis_inplace(Axis(0), Slice::from(skipped..));
            matmul(wanted, matrix(delta, self.units), weights.reversed_axes(), false);
        }
    }
}

/// Inverted dropout (Srivastava et al. 2014): a unit is dropped with probability `p`, the others are scaled by
/// 1/(1 − p), so that prediction needs no correction. Without a generator nothing is dropped.
fn draw_mask(mask: &mut [f32], p: f32, generator: Option<&mut Generator>) {
    match generator {
        None => mask.fill(1.0),
        Some(generator) => {
            let kept = 1.0 / (1.0 - p);
            mask.iter_mut().for_each(|m| *m = if generator.random::<f32>() < p { 0.0 } else { kept });
        }
    }
}

/// Row-major values as a matrix of `columns` columns.
fn matrix(values: &[f32], columns: usize) -> ArrayView2<'_, f32> {
    ArrayView2::from_shape((values.len() / columns, columns), values).expect("a whole number of rows")
}

fn matrix_mut(values: &mut [f32], columns: usize) -> ArrayViewMut2<'_, f32> {
    ArrayViewMut2::from_shape((values.len() / columns, columns), values).expect("a whole number of rows")
}
