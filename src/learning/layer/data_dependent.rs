//! Initial parameters by what comes in: each unit begins with a spread of 1 and its kink among the rows.
//!
//! Weights after LeCun et al. 1998 and Krähenbühl, Doersch, Donahue & Darrell 2016 ("Data-dependent Initializations of
//! Convolutional Neural Networks"): drawn, then scaled so that z varies with standard deviation 1 over the rows. Biases "he+5" of
//! Holzmüller, Grinsztajn & Steinwart 2024: minus a mean of the unit's z over five rows with random weights, so that z is 0 within
//! the convex hull of what comes in (after Steinwart 2019, "A Sober Look at Neural Network Initializations").

use rand::RngExt;
use rand_distr::{Distribution, Exp1};

use super::dense::Dense;
use crate::learning::init::Initializer;
use crate::learning::random::Generator;

/// Rows whose mean a bias takes away.
const BIAS_ROWS: usize = 5;
/// A unit that varies less is left as it was drawn.
const LEAST_DEVIATION: f64 = 1e-6;

impl Dense {
    /// Draws weights and biases for `input` (rows × inputs) and leaves in `output` (rows × units) what the layer makes of it.
    pub(super) fn initialise_by(
        &self,
        parameters: &mut [f32],
        input: &[f32],
        output: &mut [f32],
        generator: &mut Generator,
    ) {
        let (inputs, units) = (self.inputs(), self.units());
        let rows = input.len() / inputs;
        Initializer::LecunNormal.fill(self.weights_mut(parameters), inputs, units, generator);
        self.biases_mut(parameters).fill(0.0);
        self.product(parameters, input, output);
        let scales: Vec<f32> = deviations(output, units).map(|deviation| 1.0 / deviation as f32).collect();
        for weights in self.weights_mut(parameters).chunks_exact_mut(units) {
            weights.iter_mut().zip(&scales).for_each(|(w, scale)| *w *= scale);
        }
        for (unit, scale) in scales.iter().enumerate() {
            let drawn: Vec<(usize, f64)> =
                (0..BIAS_ROWS).map(|_| (generator.random_range(0..rows), Exp1.sample(generator))).collect();
            let total: f64 = drawn.iter().map(|(_, weight)| weight).sum();
            let mean = drawn.iter().map(|(row, weight)| weight / total * f64::from(output[row * units + unit] * scale));
            self.biases_mut(parameters)[unit] = -mean.sum::<f64>() as f32;
        }
        self.infer(parameters, input, output);
    }
}

/// The standard deviation of each column of `values` (rows × width); 1 where it is next to nothing.
fn deviations(values: &[f32], width: usize) -> impl Iterator<Item = f64> + '_ {
    let rows = (values.len() / width) as f64;
    (0..width).map(move |column| {
        let column = || values.iter().skip(column).step_by(width).map(|value| f64::from(*value));
        let mean = column().sum::<f64>() / rows;
        let variance = column().map(|value| (value - mean).powi(2)).sum::<f64>() / rows;
        Some(variance.sqrt()).filter(|deviation| *deviation > LEAST_DEVIATION).unwrap_or(1.0)
    })
}
