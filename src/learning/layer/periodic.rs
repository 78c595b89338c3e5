//! The periodic layer: numbers as waves, so that a network bends where it needs to.
//!
//! PBLD of Holzmüller, Grinsztajn & Steinwart 2024 ("Better by default"), after Gorishniy, Rubachev & Babenko 2022 ("On Embeddings
//! for Numerical Features in Tabular Deep Learning"): each number x of a row becomes cosines of learned frequencies and phases,
//! uₖ = cos(2π·wₖ·x + bₖ), and these a few values e = u·W + c, all of its own. The number itself stays beside them.

use std::f32::consts::{PI, TAU};
use std::ops::Range;

use rand_distr::{Distribution, StandardNormal, Uniform};

use super::tape::{InputGradient, Tape};
use crate::learning::kernels::{sine_and_cosine, vectorized};
use crate::learning::optimizer::ParameterGroup;
use crate::learning::random::Generator;
use crate::learning::spec::{MAX_FREQUENCIES, Waves};

/// The factor on the learning rate of the layer, and with it on its decay.
const LEARNING_RATE_FACTOR: f64 = 0.1;
/// Most blocks of the layer.
const MAX_BLOCKS: usize = 16;

/// Waves of some columns.
///
/// # Shapes
/// Input rows are rows × inputs, output rows `[input…, e₁ … e_c]` for c columns.
#[derive(Clone, Debug)]
pub struct Periodic {
    inputs: usize,
    /// Columns of the input, from the left, that depend on no parameter.
    fixed: usize,
    waves: Waves,
    /// Of each column: w (waves), b (waves), W (waves × outputs, row-major), c (outputs).
    parameters: Range<usize>,
}

/// The parameters of one column.
struct Column<'a> {
    frequencies: &'a [f32],
    phases: &'a [f32],
    weights: &'a [f32],
    biases: &'a [f32],
}

impl Periodic {
    /// A layer behind `inputs` columns, of which `fixed` from the left depend on no parameter; its own start at `offset` of the
    /// flat buffer.
    pub fn new(waves: Waves, inputs: usize, fixed: usize, offset: usize) -> Self {
        let end = offset + waves.parameter_count();
        Periodic { inputs, fixed, waves, parameters: offset..end }
    }

    /// Width of the output.
    pub(super) fn units(&self) -> usize {
        self.inputs + self.waves.outputs()
    }

    /// Columns of the output, from the left, that depend on no parameter.
    pub(super) fn fixed(&self) -> usize {
        self.fixed
    }

    pub(super) fn groups(&self) -> Vec<ParameterGroup> {
        vec![ParameterGroup {
            range: self.parameters.clone(),
            learning_rate_factor: LEARNING_RATE_FACTOR,
            decay_factor: LEARNING_RATE_FACTOR,
        }]
    }

    /// w ~ N(0, σ²), b ~ U(−π, π), W and c ~ U(−1/√waves, 1/√waves).
    pub(super) fn initialise(&self, parameters: &mut [f32], generator: &mut Generator) {
        let Waves { frequencies, deviation, .. } = self.waves;
        let bound = 1.0 / (frequencies as f32).sqrt();
        let [phase, weight] = [PI, bound].map(|bound| Uniform::new(-bound, bound).expect("a positive bound"));
        for column in parameters[self.parameters.clone()].chunks_exact_mut(self.waves.column_parameters()) {
            let (waves, rest) = column.split_at_mut(frequencies);
            let (phases, linear) = rest.split_at_mut(frequencies);
            waves.iter_mut().for_each(|w| {
                let draw: f32 = StandardNormal.sample(generator);
                *w = deviation as f32 * draw;
            });
            phases.iter_mut().for_each(|b| *b = phase.sample(generator));
            linear.iter_mut().for_each(|w| *w = weight.sample(generator));
        }
    }

    pub(super) fn tape(&self, rows: usize) -> Tape {
        let buffer = |width: usize| vec![0.0; rows * width];
        let waves = self.waves.columns.len() * self.waves.frequencies;
        Tape {
            active: buffer(self.units()),
            gradient: buffer(self.units()),
            cosines: buffer(waves),
            sines: buffer(waves),
            ..Tape::default()
        }
    }

    fn columns<'a>(&self, parameters: &'a [f32]) -> impl Iterator<Item = Column<'a>> {
        let count = self.waves.frequencies;
        let own = &parameters[self.parameters.clone()];
        own.chunks_exact(self.waves.column_parameters()).map(move |column| {
            let (frequencies, rest) = column.split_at(count);
            let (phases, rest) = rest.split_at(count);
            let (weights, biases) = rest.split_at(rest.len() - rest.len() / (count + 1));
            Column { frequencies, phases, weights, biases }
        })
    }

    /// Forward pass for prediction: `input` is rows × inputs, `output` rows × units.
    pub(super) fn infer(&self, parameters: &[f32], input: &[f32], output: &mut [f32]) {
        let (mut cosines, mut sines) = ([0.0; MAX_FREQUENCIES], [0.0; MAX_FREQUENCIES]);
        let [cosines, sines] = [&mut cosines, &mut sines].map(|waves| &mut waves[..self.waves.frequencies]);
        for (input, output) in input.chunks_exact(self.inputs).zip(output.chunks_exact_mut(self.units())) {
            let (through, mut values) = output.split_at_mut(self.inputs);
            through.copy_from_slice(input);
            for (column, place) in self.columns(parameters).zip(&self.waves.columns) {
                let (own, rest) = values.split_at_mut(self.waves.values);
                column.waves(input[*place], cosines, sines);
                column.linear(cosines, own);
                values = rest;
            }
        }
    }

    /// Forward pass for training: leaves cosines and sines in `tape`.
    pub(super) fn forward(&self, parameters: &[f32], input: &[f32], rows: usize, tape: &mut Tape) {
        let (units, waves) = (self.units(), self.waves.columns.len() * self.waves.frequencies);
        let outputs = tape.active[..rows * units].chunks_exact_mut(units);
        let kept = tape.cosines.chunks_exact_mut(waves).zip(tape.sines.chunks_exact_mut(waves));
        for ((input, output), (cosines, sines)) in input.chunks_exact(self.inputs).zip(outputs).zip(kept) {
            let (through, values) = output.split_at_mut(self.inputs);
            through.copy_from_slice(input);
            let places = self.columns(parameters).zip(&self.waves.columns);
            let own =
                cosines.chunks_exact_mut(self.waves.frequencies).zip(sines.chunks_exact_mut(self.waves.frequencies));
            for (((column, place), (cosines, sines)), values) in
                places.zip(own).zip(values.chunks_exact_mut(self.waves.values))
            {
                column.waves(input[*place], cosines, sines);
                column.linear(cosines, values);
            }
        }
    }

    /// From ∂L/∂output to ∂L/∂input of what passes through; leaves ∂L/∂z of the waves, z = 2π·w·x + b, in the place of their sines.
    pub(super) fn backward(&self, parameters: &[f32], rows: usize, tape: &mut Tape, below: Option<InputGradient>) {
        let (units, waves) = (self.units(), self.waves.columns.len() * self.waves.frequencies);
        let outputs = tape.gradient[..rows * units].chunks_exact(units);
        for (output, sines) in outputs.clone().zip(tape.sines.chunks_exact_mut(waves)) {
            let values = output[self.inputs..].chunks_exact(self.waves.values);
            for ((column, sines), values) in
                self.columns(parameters).zip(sines.chunks_exact_mut(self.waves.frequencies)).zip(values)
            {
                for (sine, weights) in sines.iter_mut().zip(column.weights.chunks_exact(self.waves.values)) {
                    let of_cosine: f32 = weights.iter().zip(values).map(|(w, g)| w * g).sum();
                    *sine *= -of_cosine;
                }
            }
        }
        let Some(InputGradient { values, skipped }) = below else { return };
        for (values, output) in values.chunks_exact_mut(self.inputs).zip(outputs) {
            values[skipped..].copy_from_slice(&output[skipped..self.inputs]);
        }
    }

    /// The columns in blocks of about one size.
    pub(super) fn blocks(&self) -> Vec<Range<usize>> {
        let (columns, size) = (self.waves.columns.len(), self.waves.column_parameters());
        let count = MAX_BLOCKS.min(columns);
        let start = |block: usize| self.parameters.start + block * columns / count * size;
        (0..count).map(|block| start(block)..start(block + 1)).collect()
    }

    /// ∂L/∂w = Σ ∂L/∂z · 2πx, ∂L/∂b = Σ ∂L/∂z, ∂L/∂W = Σ uᵀ·∂L/∂e, ∂L/∂c = Σ ∂L/∂e, over the rows.
    pub(super) fn gradient(
        &self,
        block: &Range<usize>,
        input: &[f32],
        tape: &Tape,
        gradient: &mut [f32],
        accumulate: bool,
    ) {
        if !accumulate {
            gradient.fill(0.0);
        }
        let (size, count, outputs) = (self.waves.column_parameters(), self.waves.frequencies, self.waves.values);
        let first = (block.start - self.parameters.start) / size;
        let (units, waves) = (self.units(), self.waves.columns.len() * count);
        let rows = input.chunks_exact(self.inputs).zip(tape.gradient.chunks_exact(units));
        let kept = tape.cosines.chunks_exact(waves).zip(tape.sines.chunks_exact(waves));
        for ((input, output), (cosines, deltas)) in rows.zip(kept) {
            for (column, sums) in (first..).zip(gradient.chunks_exact_mut(size)) {
                let x = TAU * input[self.waves.columns[column]];
                let of_values = &output[self.inputs + column * outputs..][..outputs];
                let own = column * count..(column + 1) * count;
                add_gradient(sums, x, &cosines[own.clone()], &deltas[own], of_values);
            }
        }
    }
}

impl Column<'_> {
    /// The waves at x.
    fn waves(&self, x: f32, cosines: &mut [f32], sines: &mut [f32]) {
        waves(x, self.frequencies, self.phases, cosines, sines);
    }

    /// c + u·W
    fn linear(&self, cosines: &[f32], values: &mut [f32]) {
        values.copy_from_slice(self.biases);
        for (u, weights) in cosines.iter().zip(self.weights.chunks_exact(values.len())) {
            values.iter_mut().zip(weights).for_each(|(value, w)| *value += u * w);
        }
    }
}

vectorized! {
    fn waves(x: f32, frequencies: &[f32], phases: &[f32], cosines: &mut [f32], sines: &mut [f32]) {
        let places = frequencies.iter().zip(phases);
        for ((w, b), (cosine, sine)) in places.zip(cosines.iter_mut().zip(sines)) {
            (*sine, *cosine) = sine_and_cosine(x * w + b / TAU);
        }
    }

    /// Adds what a row brings to the gradient of a column.
    fn add_gradient(sums: &mut [f32], x: f32, cosines: &[f32], deltas: &[f32], of_values: &[f32]) {
        let (of_frequencies, rest) = sums.split_at_mut(deltas.len());
        let (of_phases, rest) = rest.split_at_mut(deltas.len());
        let (of_weights, of_biases) = rest.split_at_mut(deltas.len() * of_values.len());
        for ((w, b), delta) in of_frequencies.iter_mut().zip(of_phases).zip(deltas) {
            *w += delta * x;
            *b += delta;
        }
        for (weights, u) in of_weights.chunks_exact_mut(of_values.len()).zip(cosines) {
            weights.iter_mut().zip(of_values).for_each(|(w, g)| *w += u * g);
        }
        of_biases.iter_mut().zip(of_values).for_each(|(c, g)| *c += g);
    }
}
