//! Backpropagation of one row, taken apart: what each layer sees, makes and is told, with the factors of the chain rule.
//!
//! For layer l with input aˡ⁻¹: zˡ = aˡ⁻¹·Wˡ + bˡ, aˡ = f(zˡ). Backwards ∂L/∂aˡ = δˡ⁺¹·(Wˡ⁺¹)ᵀ and δˡ = ∂L/∂aˡ ⊙ f′(zˡ),
//! and from these ∂L/∂Wˡ = (aˡ⁻¹)ᵀ·δˡ, ∂L/∂bˡ = δˡ (Rumelhart, Hinton & Williams 1986). All values are those that a training
//! step on this row alone would use, without dropout.

use ndarray::{ArrayView1, ArrayView2};
use serde::Serialize;

use super::activation::{Activation, OutputActivation};
use super::network::{BatchTargets, Network, Workspace};

/// The step of the central differences: below it the rounding of f32 counts for more than the curvature of the loss.
const STEP: f32 = 4e-3;

/// A forward and a backward pass over one row.
#[derive(Clone, Debug, Serialize)]
pub struct Trace {
    /// The row.
    pub inputs: Vec<f32>,
    /// Its target.
    pub targets: Vec<f32>,
    /// ŷ, what the network answers.
    pub outputs: Vec<f32>,
    /// L, the loss of the row.
    pub loss: f64,
    /// The layers from the first hidden one to the output.
    pub layers: Vec<TracedLayer>,
    /// The gradients, held against central differences.
    pub check: GradientCheck,
}

/// What happens in one layer.
#[derive(Clone, Debug, Serialize)]
pub struct TracedLayer {
    /// f, by its name.
    pub activation: OutputActivation,
    /// W: inputs × units
    pub weights: Vec<Vec<f32>>,
    /// b
    pub biases: Vec<f32>,
    /// z = a·W + b, of the layer before's a.
    pub z: Vec<f32>,
    /// a = f(z)
    pub a: Vec<f32>,
    /// ∂L/∂a = δ·Wᵀ of the next layer; nothing for the output, whose activation and loss have one gradient together.
    pub upstream: Option<Vec<f32>>,
    /// f′(z); nothing for the output.
    pub derivative: Option<Vec<f32>>,
    /// δ = ∂L/∂z
    pub delta: Vec<f32>,
    /// ∂L/∂W: inputs × units
    pub weight_gradients: Vec<Vec<f32>>,
    /// ∂L/∂b
    pub bias_gradients: Vec<f32>,
}

/// Gradients beside (L(w + h) − L(w − h)) / 2h.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct GradientCheck {
    /// h
    pub step: f64,
    /// Parameters that were moved: all.
    pub parameters: usize,
    /// The largest distance between a gradient and its difference quotient.
    pub largest_difference: f64,
    /// The largest gradient, which the distance is to be held against.
    pub largest_gradient: f64,
}

/// The passes over one row.
///
/// # Shapes
/// `inputs` has as many values as the network takes, `targets` as many as it gives.
///
/// # Panics
/// If they have not, or the network has embeddings: callers check that.
pub fn trace(network: &Network, inputs: &[f32], targets: &[f32]) -> Trace {
    let (spec, batch) = (network.spec(), BatchTargets { values: targets, weights: None });
    let mut workspace = network.workspace(1);
    network.forward(inputs, &mut workspace, None);
    network.backward(batch, &mut workspace, 1.0);
    let mut gradients = vec![0.0; network.parameters().len()];
    network.gradients(inputs, &workspace, &mut gradients, false);
    let scored = network.scored(&workspace, targets, None);
    let (loss, outputs) = (spec.loss.sum(&scored), scored.outputs.to_vec());
    // The gradients have the shapes of the parameters, so that the same views fit.
    let of_gradients = Network::with_parameters(network.shared_spec(), gradients.clone());
    let (count, mut input, mut layers) = (spec.layers.len(), inputs.to_vec(), Vec::new());
    for (index, layer) in spec.layers.iter().enumerate() {
        let (weights, biases) = network.layer_parameters(index);
        let (weight_gradients, bias_gradients) = of_gradients.layer_parameters(index);
        let z = pre_activation(&input, weights, biases);
        let is_output = index + 1 == count;
        let tape = workspace.tape(index);
        let a = if is_output { outputs.clone() } else { tape.active(layer.units).to_vec() };
        let upstream = (!is_output).then(|| upstream(network, &workspace, index));
        let derivative = (!is_output).then(|| derivative(layer.activation, &z, &a));
        layers.push(TracedLayer {
            activation: if is_output { spec.output } else { OutputActivation::Elementwise(layer.activation) },
            weights: rows(weights),
            biases: biases.to_vec(),
            delta: tape.gradient[..layer.units].to_vec(),
            weight_gradients: rows(weight_gradients),
            bias_gradients: bias_gradients.to_vec(),
            upstream,
            derivative,
            z,
            a: a.clone(),
        });
        input = a;
    }
    let check = checked(network.clone(), inputs, targets, &gradients);
    Trace { inputs: inputs.to_vec(), targets: targets.to_vec(), outputs, loss, layers, check }
}

fn rows(matrix: ArrayView2<f32>) -> Vec<Vec<f32>> {
    matrix.rows().into_iter().map(|row| row.to_vec()).collect()
}

/// z = x·W + b, summed in f64.
fn pre_activation(input: &[f32], weights: ArrayView2<f32>, biases: ArrayView1<f32>) -> Vec<f32> {
    let unit = |(unit, bias): (usize, &f32)| {
        let products = input.iter().zip(weights.column(unit)).map(|(x, w)| f64::from(*x) * f64::from(*w));
        (f64::from(*bias) + products.sum::<f64>()) as f32
    };
    biases.iter().enumerate().map(unit).collect()
}

/// ∂L/∂a of a layer: the δ of the next one through its weights.
fn upstream(network: &Network, workspace: &Workspace, index: usize) -> Vec<f32> {
    let (weights, biases) = network.layer_parameters(index + 1);
    let delta = &workspace.tape(index + 1).gradient[..biases.len()];
    let row =
        |row: ArrayView1<f32>| row.iter().zip(delta).map(|(w, d)| f64::from(*w) * f64::from(*d)).sum::<f64>() as f32;
    weights.rows().into_iter().map(row).collect()
}

/// f′(z), which is what becomes of a gradient of 1.
fn derivative(activation: Activation, z: &[f32], a: &[f32]) -> Vec<f32> {
    let mut ones = vec![1.0; z.len()];
    activation.backward(z, a, &mut ones);
    ones
}

fn checked(mut network: Network, inputs: &[f32], targets: &[f32], gradients: &[f32]) -> GradientCheck {
    let mut workspace = network.workspace(1);
    let mut loss = |network: &Network| {
        network.forward(inputs, &mut workspace, None);
        network.spec().loss.sum(&network.scored(&workspace, targets, None))
    };
    let (mut largest_difference, mut largest_gradient) = (0.0_f64, 0.0_f64);
    for (index, gradient) in gradients.iter().enumerate() {
        let at = network.parameters()[index];
        let (below, above) = (at - STEP, at + STEP);
        network.parameters_mut()[index] = above;
        let difference = loss(&network);
        network.parameters_mut()[index] = below;
        let quotient = (difference - loss(&network)) / (f64::from(above) - f64::from(below));
        network.parameters_mut()[index] = at;
        largest_difference = largest_difference.max((quotient - f64::from(*gradient)).abs());
        largest_gradient = largest_gradient.max(f64::from(*gradient).abs());
    }
    GradientCheck { step: f64::from(STEP), parameters: gradients.len(), largest_difference, largest_gradient }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::learning::loss::Loss;
    use crate::learning::spec::ModelSpec;

    fn network(layers: &[usize], activation: Activation, loss: Loss) -> Network {
        let layers = layers.iter().map(|units| (*units).into()).collect();
        let spec =
            ModelSpec { layers, activation: Some(activation), loss: Some(loss), seed: Some(3), ..ModelSpec::default() };
        Network::new(Arc::new(spec.check().expect("a network").0))
    }

    /// Worked by hand: x = 1, w₁ = ½, b₁ = 0, w₂ = 2, b₂ = 0, y = 0, sigmoid then identity, squared error.
    /// z₁ = ½, a₁ = σ(½) = 0.622459, ŷ = 1.244919, L = 1.549823; δ₂ = 2ŷ = 2.489837, ∂L/∂a₁ = 4.979674,
    /// f′ = a₁(1 − a₁) = 0.235004, δ₁ = 1.170242.
    #[test]
    fn an_example_worked_by_hand() {
        let spec = network(&[1, 1, 1], Activation::Sigmoid, Loss::Mse).shared_spec();
        let traced = trace(&Network::with_parameters(spec, vec![0.5, 0.0, 2.0, 0.0]), &[1.0], &[0.0]);
        let near = |value: f32, expected: f32| assert!((value - expected).abs() < 2e-5, "{value} is not {expected}");
        let [hidden, output] = &traced.layers[..] else { panic!("two layers") };
        near(hidden.z[0], 0.5);
        near(hidden.a[0], 0.622_459);
        near(output.a[0], 1.244_919);
        near(traced.loss as f32, 1.549_823);
        near(output.delta[0], 2.489_837);
        near(hidden.upstream.as_ref().expect("hidden")[0], 4.979_674);
        near(hidden.derivative.as_ref().expect("hidden")[0], 0.235_004);
        near(hidden.delta[0], 1.170_242);
        near(hidden.weight_gradients[0][0], 1.170_242);
        near(output.weight_gradients[0][0], 2.489_837 * 0.622_459);
        near(output.bias_gradients[0], 2.489_837);
    }

    #[test]
    fn the_factors_multiply_to_the_gradients_for_every_activation() {
        for activation in [Activation::Sigmoid, Activation::Tanh, Activation::Relu, Activation::Gelu, Activation::Silu]
        {
            for (loss, targets) in [(Loss::Mse, [0.2, -0.4]), (Loss::CrossEntropy, [0.0, 1.0])] {
                let traced = trace(&network(&[3, 5, 4, 2], activation, loss), &[0.3, -0.7, 1.1], &targets);
                let GradientCheck { largest_difference, largest_gradient, parameters, .. } = traced.check;
                assert_eq!(parameters, 3 * 5 + 5 + 5 * 4 + 4 + 4 * 2 + 2);
                assert!(
                    largest_difference < 5e-4 + 5e-3 * largest_gradient && largest_gradient > 1e-3,
                    "{activation:?} {loss:?}: {:?}",
                    traced.check
                );
                let mut before = traced.inputs.clone();
                for layer in &traced.layers {
                    if let (Some(upstream), Some(derivative)) = (&layer.upstream, &layer.derivative) {
                        let product = upstream.iter().zip(derivative).map(|(u, f)| u * f);
                        assert!(product.zip(&layer.delta).all(|(product, delta)| (product - delta).abs() < 1e-5));
                    }
                    for (input, gradients) in before.iter().zip(&layer.weight_gradients) {
                        let product = layer.delta.iter().map(|delta| input * delta);
                        assert!(product.zip(gradients).all(|(product, gradient)| (product - gradient).abs() < 1e-5));
                    }
                    before.clone_from(&layer.a);
                }
            }
        }
    }
}
