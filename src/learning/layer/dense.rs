//! The fully connected layer, with dropout.

use std::ops::Range;

use ndarray::{ArrayView1, ArrayView2};

use super::tape::{InputGradient, Tape};
use crate::learning::activation::Activation;
use crate::learning::init::Initializer;
use crate::learning::kernels::{Matrix, MatrixMut, matmul, vectorized};
use crate::learning::optimizer::ParameterGroup;
use crate::learning::random::Generator;
use crate::learning::spec::{Parametrization, ValidLayer};

/// Parameters of a block, about: its gradient and the optimizer's state stay in a core's cache while it is worked on.
pub(in crate::learning) const BLOCK_VALUES: usize = 1 << 15;

/// From so many units and inputs on, the transposed product is faster even with its result to be transposed back.
const TRANSPOSED: usize = 64;
/// Most blocks of a layer: each of them reads the whole batch's ∂L/∂z.
const MAX_BLOCKS: usize = 16;

/// The factor on the learning rate of biases in [`Parametrization::Ntk`].
const NTK_BIAS_FACTOR: f64 = 0.1;

/// Which units a training pass drops.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Dropout {
    /// What the masks are drawn with.
    pub seed: u64,
    /// What a layer's share of dropped units is multiplied with: 0 to 1.
    pub factor: f32,
}

/// A fully connected layer.
#[derive(Clone, Debug)]
pub struct Dense {
    inputs: usize,
    units: usize,
    activation: Activation,
    dropout: f32,
    parametrization: Parametrization,
    /// Weights (inputs × units, row-major) in the flat buffer.
    weights: Range<usize>,
    /// Biases (units) in the flat buffer.
    biases: Range<usize>,
}

impl Dense {
    /// The layer of a specification, its parameters starting at `offset` of the flat buffer.
    pub fn new(layer: &ValidLayer, parametrization: Parametrization, offset: usize) -> Self {
        let split = offset + layer.inputs * layer.units;
        Dense {
            inputs: layer.inputs,
            units: layer.units,
            activation: layer.activation,
            dropout: layer.dropout as f32,
            parametrization,
            weights: offset..split,
            biases: split..split + layer.units,
        }
    }

    /// Width of the input.
    pub(super) fn inputs(&self) -> usize {
        self.inputs
    }

    /// Width of the output.
    pub(super) fn units(&self) -> usize {
        self.units
    }

    /// The hidden activation.
    pub(super) fn activation(&self) -> Activation {
        self.activation
    }

    /// The weights as inputs × units, and the biases.
    pub fn parameters<'a>(&self, parameters: &'a [f32]) -> (ArrayView2<'a, f32>, ArrayView1<'a, f32>) {
        let weights = ArrayView2::from_shape((self.inputs, self.units), &parameters[self.weights.clone()]);
        (weights.expect("inputs × units weights"), ArrayView1::from(&parameters[self.biases.clone()]))
    }

    pub(super) fn groups(&self) -> Vec<ParameterGroup> {
        // x·(W/√d) with W of order 1: an optimizer that steps alike on all parameters, such as Adam, steps 1/√d as far on W/√d as
        // on W. What decays by a share of W decays by the same share of W/√d.
        let (weights, biases) = match self.parametrization {
            Parametrization::Standard => (1.0, 1.0),
            Parametrization::Ntk => (1.0 / (self.inputs as f64).sqrt(), NTK_BIAS_FACTOR),
        };
        vec![
            ParameterGroup { range: self.weights.clone(), learning_rate_factor: weights, decay_factor: 1.0 / weights },
            ParameterGroup { range: self.biases.clone(), learning_rate_factor: biases, decay_factor: 0.0 },
        ]
    }

    pub(super) fn initialise(&self, initializer: Initializer, parameters: &mut [f32], generator: &mut Generator) {
        initializer.fill(&mut parameters[self.weights.clone()], self.inputs, self.units, generator);
        parameters[self.biases.clone()].fill(0.0);
    }

    pub(super) fn tape(&self, rows: usize) -> Tape {
        let buffer = |needed: bool| vec![0.0; if needed { rows * self.units } else { 0 }];
        let dropout = self.dropout > 0.0;
        Tape {
            pre: buffer(self.activation.needs_pre()),
            active: buffer(true),
            mask: buffer(dropout),
            dropped: buffer(dropout),
            gradient: buffer(true),
            bias_gradient: vec![0.0; self.units],
            transposed: Vec::with_capacity(if self.is_transposed(self.inputs) { rows * self.inputs } else { 0 }),
            ..Tape::default()
        }
    }

    /// Values that the buffers of a tape hold for each row.
    pub fn values_per_row(&self) -> usize {
        let dropout = if self.dropout > 0.0 { 2 } else { 0 };
        let buffers = 2 + usize::from(self.activation.needs_pre()) + dropout;
        buffers * self.units + if self.is_transposed(self.inputs) { self.inputs } else { 0 }
    }

    /// W: inputs × units
    fn matrix<'a>(&self, parameters: &'a [f32]) -> Matrix<'a> {
        Matrix::new(&parameters[self.weights.clone()], self.units)
    }

    pub(super) fn weights_mut<'a>(&self, parameters: &'a mut [f32]) -> &'a mut [f32] {
        &mut parameters[self.weights.clone()]
    }

    pub(super) fn biases_mut<'a>(&self, parameters: &'a mut [f32]) -> &'a mut [f32] {
        &mut parameters[self.biases.clone()]
    }

    /// x·W
    pub(super) fn product(&self, parameters: &[f32], input: &[f32], product: &mut [f32]) {
        matmul(MatrixMut::new(product, self.units), Matrix::new(input, self.inputs), self.matrix(parameters), false);
    }

    /// a = f(x·W + b): `input` is rows × inputs, `output` rows × units.
    pub(super) fn infer(&self, parameters: &[f32], input: &[f32], output: &mut [f32]) {
        self.product(parameters, input, output);
        self.activation.forward_biased(output, &parameters[self.biases.clone()]);
    }

    pub(super) fn forward(
        &self,
        parameters: &[f32],
        input: &[f32],
        rows: usize,
        tape: &mut Tape,
        dropout: Option<Dropout>,
    ) {
        let values = rows * self.units;
        let active = &mut tape.active[..values];
        if self.activation.needs_pre() {
            let pre = &mut tape.pre[..values];
            self.product(parameters, input, pre);
            self.activation.forward_keeping(pre, &parameters[self.biases.clone()], active);
        } else {
            self.infer(parameters, input, active);
        }
        if self.dropout > 0.0 {
            let (mask, dropped) = (&mut tape.mask[..values], &mut tape.dropped[..values]);
            // Layers of one pass draw masks of their own.
            let seed = dropout.map(|drawn| drawn.seed ^ u64::from(mixed(self.weights.start as u32)) << 32);
            let share = self.dropout * dropout.map_or(1.0, |drawn| drawn.factor);
            drop_units(active, share, seed, mask, dropped);
        }
    }

    pub(super) fn backward(
        &self,
        parameters: &[f32],
        rows: usize,
        tape: &mut Tape,
        input_gradient: Option<InputGradient>,
    ) {
        let values = rows * self.units;
        let delta = &mut tape.gradient[..values];
        if self.dropout > 0.0 {
            multiply(delta, &tape.mask[..values]);
        }
        self.activation.backward_summed(&tape.pre, &tape.active[..values], delta, &mut tape.bias_gradient);
        let Some(InputGradient { values, skipped }) = input_gradient else { return };
        let (wanted, delta) = (self.inputs - skipped, Matrix::new(delta, self.units));
        let weights = self.matrix(parameters).rows(skipped..self.inputs);
        if !self.is_transposed(wanted) {
            let values = MatrixMut::new(values, self.inputs).without_columns(skipped);
            return matmul(values, delta, weights.transposed(), false);
        }
        // W·δᵀ reads both along their rows, and takes two thirds of the time of δ·Wᵀ.
        tape.transposed.resize(wanted * rows, 0.0);
        matmul(MatrixMut::new(&mut tape.transposed, rows), weights, delta.transposed(), false);
        transpose(&tape.transposed, rows, &mut values[skipped..], self.inputs);
    }

    /// Whether ∂L/∂input of so many inputs is found by the transposed product.
    fn is_transposed(&self, inputs: usize) -> bool {
        inputs.min(self.units) >= TRANSPOSED
    }

    /// Rows of the weights in blocks of about one size, then the biases.
    pub(super) fn blocks(&self) -> Vec<Range<usize>> {
        let count = self.weights.len().div_ceil(BLOCK_VALUES).clamp(1, MAX_BLOCKS.min(self.inputs));
        let start = |block: usize| self.weights.start + block * self.inputs / count * self.units;
        let weights = (0..count).map(|block| start(block)..start(block + 1));
        weights.chain([self.biases.clone()]).collect()
    }

    pub(super) fn gradient(
        &self,
        block: &Range<usize>,
        input: &[f32],
        tape: &Tape,
        gradient: &mut [f32],
        accumulate: bool,
    ) {
        if *block == self.biases {
            match accumulate {
                true => gradient.iter_mut().zip(&tape.bias_gradient).for_each(|(sum, g)| *sum += g),
                false => gradient.copy_from_slice(&tape.bias_gradient),
            }
            return;
        }
        let rows = input.len() / self.inputs;
        let delta = Matrix::new(&tape.gradient[..rows * self.units], self.units);
        let first = (block.start - self.weights.start) / self.units;
        let input = Matrix::new(input, self.inputs).columns(first..first + block.len() / self.units);
        matmul(MatrixMut::new(gradient, self.units), input.transposed(), delta, accumulate);
    }
}

vectorized! {
    /// Inverted dropout (Srivastava et al. 2014): a unit is dropped with probability `p`, the others are scaled by
    /// 1/(1 − p), so that prediction needs no correction. Without a seed nothing is dropped.
    ///
    /// `mask` gets 0 or the scale, `dropped` the activations under it.
    fn drop_units(active: &[f32], p: f32, seed: Option<u64>, mask: &mut [f32], dropped: &mut [f32]) {
        let (kept, below) = match seed {
            None => (1.0, 0),
            Some(_) => (1.0 / (1.0 - p), (f64::from(p) * 4_294_967_296.0) as u32),
        };
        let seed = seed.unwrap_or(0);
        let (low, high) = (seed as u32, (seed >> 32) as u32);
        for (i, ((a, m), d)) in active.iter().zip(mask).zip(dropped).enumerate() {
            let drawn = mixed(mixed((i as u32).wrapping_add(low)) ^ high);
            *m = if drawn < below { 0.0 } else { kept };
            *d = a * *m;
        }
    }

    /// Writes the transpose of `from`, in rows of `width` values, into `to`, whose rows begin `stride` values apart.
    fn transpose(from: &[f32], width: usize, to: &mut [f32], stride: usize) {
        let height = from.len() / width;
        // In squares, so that the lines of both stay in the cache.
        for top in (0..height).step_by(SQUARE) {
            let rows = top..height.min(top + SQUARE);
            for left in (0..width).step_by(SQUARE) {
                for column in left..width.min(left + SQUARE) {
                    let to = &mut to[column * stride + top..column * stride + rows.end];
                    to.iter_mut().zip(rows.clone()).for_each(|(to, row)| *to = from[row * width + column]);
                }
            }
        }
    }

    fn multiply(values: &mut [f32], by: &[f32]) {
        values.iter_mut().zip(by).for_each(|(value, by)| *value *= by);
    }
}

/// Side of the squares of a transposition: a cache line of values.
const SQUARE: usize = 16;

/// A bijection of u32 in which every bit of the input sways every bit of the output (C. Wellons, "Prospecting for Hash
/// Functions", 2018).
#[inline(always)]
fn mixed(x: u32) -> u32 {
    let x = (x ^ x >> 16).wrapping_mul(0x7feb_352d);
    let x = (x ^ x >> 15).wrapping_mul(0x846c_a68b);
    x ^ x >> 16
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_transposition_leaves_what_lies_between_its_rows() {
        for (height, width) in [(1, 1), (16, 16), (70, 33), (3, 100)] {
            let from: Vec<f32> = (0..height * width).map(|i| i as f32).collect();
            let stride = height + 2;
            let mut to = vec![-1.0; width * stride];
            transpose(&from, width, &mut to, stride);
            for (at, value) in to.iter().enumerate() {
                let (column, row) = (at / stride, at % stride);
                assert_eq!(*value, if row < height { from[row * width + column] } else { -1.0 });
            }
        }
    }

    #[test]
    fn dropout_drops_its_share_whatever_the_seed_and_never_the_same() {
        let active = vec![1.0; 100_000];
        let draw = |seed: u64| {
            let (mut mask, mut dropped) = (vec![0.0; active.len()], vec![0.0; active.len()]);
            drop_units(&active, 0.2, Some(seed), &mut mask, &mut dropped);
            assert_eq!(mask, dropped);
            mask
        };
        let first = draw(1);
        for seed in [2, 3, 1 << 32, u64::MAX] {
            let mask = draw(seed);
            let zeros = mask.iter().filter(|m| **m == 0.0).count() as f64 / mask.len() as f64;
            assert!((zeros - 0.2).abs() < 0.006, "{zeros} of the units are dropped");
            let both = mask.iter().zip(&first).filter(|(a, b)| **a == 0.0 && **b == 0.0).count() as f64;
            assert!((both / mask.len() as f64 - 0.04).abs() < 0.004, "masks of two seeds are independent");
        }
    }
}
