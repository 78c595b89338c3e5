//! The scale layer: each input column times a factor of its own.
//!
//! In front of the first dense layer, with a larger learning rate than the rest, it lets training weigh columns against each other
//! quickly (Holzmüller, Grinsztajn & Steinwart 2024, "Better by default").

use std::ops::Range;

use super::tape::{InputGradient, Tape};
use crate::learning::kernels::vectorized;
use crate::learning::optimizer::ParameterGroup;

/// The factor on the learning rate of the factors, and with it on their decay.
const LEARNING_RATE_FACTOR: f64 = 6.0;

/// Each column times a factor.
///
/// # Shapes
/// Input and output are rows × units; there is a factor for each unit.
#[derive(Clone, Debug)]
pub struct Scale {
    units: usize,
    factors: Range<usize>,
}

impl Scale {
    /// A layer of `units` columns, its factors starting at `offset` of the flat buffer.
    pub fn new(units: usize, offset: usize) -> Self {
        Scale { units, factors: offset..offset + units }
    }

    /// Width of the output.
    pub(super) fn units(&self) -> usize {
        self.units
    }

    pub(super) fn groups(&self) -> Vec<ParameterGroup> {
        vec![ParameterGroup {
            range: self.factors.clone(),
            learning_rate_factor: LEARNING_RATE_FACTOR,
            decay_factor: LEARNING_RATE_FACTOR,
        }]
    }

    /// All factors are 1.
    pub(super) fn initialise(&self, parameters: &mut [f32]) {
        parameters[self.factors.clone()].fill(1.0);
    }

    pub(super) fn tape(&self, rows: usize) -> Tape {
        let buffer = || vec![0.0; rows * self.units];
        Tape { active: buffer(), gradient: buffer(), ..Tape::default() }
    }

    /// `input` and `output` are rows × units.
    pub(super) fn infer(&self, parameters: &[f32], input: &[f32], output: &mut [f32]) {
        let factors = &parameters[self.factors.clone()];
        for (input, output) in input.chunks_exact(self.units).zip(output.chunks_exact_mut(self.units)) {
            product(input, factors, output);
        }
    }

    /// ∂L/∂input = ∂L/∂output ⊙ factors; ∂L/∂output stays as it is.
    pub(super) fn backward(&self, parameters: &[f32], rows: usize, tape: &Tape, below: Option<InputGradient>) {
        let Some(InputGradient { values, skipped }) = below else { return };
        let factors = &parameters[self.factors.start + skipped..self.factors.end];
        let output = tape.gradient[..rows * self.units].chunks_exact(self.units);
        for (values, output) in values.chunks_exact_mut(self.units).zip(output) {
            product(&output[skipped..], factors, &mut values[skipped..]);
        }
    }

    /// ∂L/∂factors: the sum over the rows of ∂L/∂output ⊙ input.
    pub(super) fn gradient(&self, input: &[f32], tape: &Tape, gradient: &mut [f32], accumulate: bool) {
        if !accumulate {
            gradient.fill(0.0);
        }
        for (input, output) in input.chunks_exact(self.units).zip(tape.gradient.chunks_exact(self.units)) {
            add_product(input, output, gradient);
        }
    }
}

vectorized! {
    fn product(one: &[f32], other: &[f32], product: &mut [f32]) {
        for ((product, one), other) in product.iter_mut().zip(one).zip(other) {
            *product = one * other;
        }
    }

    fn add_product(one: &[f32], other: &[f32], sum: &mut [f32]) {
        for ((sum, one), other) in sum.iter_mut().zip(one).zip(other) {
            *sum += one * other;
        }
    }
}
