//! The backward pass, held against central differences and an example worked by hand.

use std::sync::Arc;

use epochd::learning::activation::{Activation, OutputActivation};
use epochd::learning::diagnosis::Warning;
use epochd::learning::init::Initializer;
use epochd::learning::layer::Dropout;
use epochd::learning::loss::Loss;
use epochd::learning::network::{BatchTargets, Network, Workspace};
use epochd::learning::optimizer::{Optimizer, OptimizerState, Step};
use epochd::learning::report::EpochReport;
use epochd::learning::spec::{LayerParameters, LayerSpec, ModelSpec};
use epochd::learning::trainer::{Control, Observer};
use serde_json::json;

const ROWS: usize = 5;
const LOSSES: [Loss; 7] = [
    Loss::Mse,
    Loss::Mae,
    Loss::Huber,
    Loss::BinaryCrossEntropy,
    Loss::CrossEntropy,
    Loss::Poisson,
    Loss::Quantile(0.8),
];

fn network(hidden: Activation, output: Option<OutputActivation>, loss: Loss, dropout: f64) -> Network {
    let layers = json!([3, {"units": 4, "dropout": dropout}, 4, 2]);
    let layers: Vec<LayerSpec> = serde_json::from_value(layers).expect("layers");
    let spec = ModelSpec {
        layers,
        activation: Some(hidden),
        output_activation: output,
        loss: Some(loss),
        initializer: Some(Initializer::Normal),
        seed: Some(3),
        ..ModelSpec::default()
    };
    Network::new(Arc::new(spec.check().expect("a valid model").0))
}

fn inputs() -> Vec<f32> {
    (0..ROWS * 3).map(|i| ((i * 7 + 3) % 11) as f32 / 5.0 - 1.0).collect()
}

/// Targets that every loss takes: each row sums to 1 and lies in 0..1.
fn targets() -> Vec<f32> {
    (0..ROWS).flat_map(|row| [0.1 + 0.17 * row as f32, 0.9 - 0.17 * row as f32]).collect()
}

/// The gradients of all parameters after a backward pass.
fn gradients(network: &Network, inputs: &[f32], workspace: &Workspace) -> Vec<f32> {
    let mut gradients = vec![0.0; network.parameters().len()];
    network.gradients(inputs, workspace, &mut gradients, false);
    gradients
}

/// The weighted mean loss of `batch` at the network's parameters, with the same dropout every time.
fn loss(network: &Network, inputs: &[f32], batch: BatchTargets) -> f64 {
    let mut workspace = network.workspace(rows(network, batch));
    network.forward(inputs, &mut workspace, Some(Dropout { seed: 1, factor: 0.5 }));
    network.spec().loss.sum(&network.scored(&workspace, batch.values, batch.weights))
        / f64::from(total_weight(network, batch))
}

fn rows(network: &Network, batch: BatchTargets) -> usize {
    batch.values.len() / network.spec().outputs()
}

fn total_weight(network: &Network, batch: BatchTargets) -> f32 {
    batch.weights.map_or(rows(network, batch) as f32, |weights| weights.iter().sum())
}

/// Checks every parameter's gradient of the mean loss of `batch` against (L(w + h) − L(w − h)) / 2h.
pub fn agrees_with_central_differences(mut network: Network, inputs: &[f32], batch: BatchTargets, what: &str) {
    let mut workspace = network.workspace(rows(&network, batch));
    network.forward(inputs, &mut workspace, Some(Dropout { seed: 1, factor: 0.5 }));
    network.backward(batch, &mut workspace, 1.0 / total_weight(&network, batch));
    let gradients = gradients(&network, inputs, &workspace);
    assert!(gradients.iter().any(|g| g.abs() > 1e-3), "{what}: there is a gradient");
    for (i, analytic) in gradients.iter().enumerate() {
        let h = 4e-3f32;
        let at = network.parameters()[i];
        let mut difference = 0.0;
        for (sign, side) in [(1.0, at + h), (-1.0, at - h)] {
            network.parameters_mut()[i] = side;
            difference += sign * loss(&network, inputs, batch);
        }
        let step = f64::from(at + h) - f64::from(at - h);
        network.parameters_mut()[i] = at;
        let (numeric, analytic) = (difference / step, f64::from(*analytic));
        let off = (numeric - analytic).abs();
        assert!(off < 5e-4 + 5e-3 * analytic.abs(), "{what}, parameter {i}: {numeric} is not {analytic}");
    }
}

/// Checks that the gradients of the first two rows and of the others add up to those of all rows.
pub fn shards_add_up(network: &Network, inputs: &[f32], targets: &[f32]) {
    let (width, outputs) = (network.spec().inputs(), network.spec().outputs());
    let all = targets.len() / outputs;
    let mut workspace = network.workspace(all);
    let mut gradients = vec![0.0; network.parameters().len()];
    let mut pass = |rows: std::ops::Range<usize>, accumulate| {
        let inputs = &inputs[rows.start * width..rows.end * width];
        let targets = BatchTargets { values: &targets[rows.start * outputs..rows.end * outputs], weights: None };
        network.forward(inputs, &mut workspace, None);
        network.backward(targets, &mut workspace, 1.0 / all as f32);
        network.gradients(inputs, &workspace, &mut gradients, accumulate);
        gradients.clone()
    };
    let whole = pass(0..all, false);
    pass(0..2, false);
    let both = pass(2..all, true);
    assert!(whole.iter().zip(&both).all(|(a, b)| (a - b).abs() < 1e-6));
}

fn check(network: Network, weights: Option<&[f32]>, what: &str) {
    agrees_with_central_differences(network, &inputs(), BatchTargets { values: &targets(), weights }, what);
}

#[test]
fn gradients_agree_with_central_differences_for_every_activation_and_loss() {
    for activation in Activation::ALL {
        for loss in LOSSES {
            check(network(activation, None, loss, 0.0), None, &format!("{activation:?} {loss:?}"));
        }
    }
}

#[test]
fn gradients_agree_for_every_output_activation() {
    let mut outputs: Vec<OutputActivation> = Activation::ALL.map(OutputActivation::Elementwise).to_vec();
    outputs.extend([OutputActivation::SOFTMAX, OutputActivation::EXP]);
    for output in outputs {
        for loss in [Loss::Mse, Loss::Mae, Loss::Huber] {
            check(network(Activation::Tanh, Some(output), loss, 0.0), None, &format!("{output:?} {loss:?}"));
        }
    }
}

#[test]
fn gradients_agree_with_row_weights_and_with_dropout() {
    let weights: Vec<f32> = (0..ROWS).map(|row| 0.5 + row as f32).collect();
    for loss in LOSSES {
        check(network(Activation::Silu, None, loss, 0.0), Some(&weights), &format!("weighted {loss:?}"));
        check(network(Activation::Tanh, None, loss, 0.8), None, &format!("dropout {loss:?}"));
    }
}

#[test]
fn shards_of_a_batch_add_up_to_its_gradient() {
    shards_add_up(&network(Activation::Gelu, None, Loss::CrossEntropy, 0.0), &inputs(), &targets());
}

/// One step of gradient descent on a 1-1-1 sigmoid network, by hand.
///
/// x = 1, y = 1, W¹ = 0.5, b¹ = 0, W² = −1, b² = 0.5, L = (y − ŷ)², η = 0.5, σ(z) = 1/(1 + e⁻ᶻ).
///
/// Forward: z¹ = 0.5·1 + 0 = 0.5, a¹ = σ(0.5) = 0.622459; z² = −1·0.622459 + 0.5 = −0.122459,
/// ŷ = σ(−0.122459) = 0.469423; L = (1 − 0.469423)² = 0.281512.
/// Backward: ∂L/∂ŷ = 2(ŷ − y) = −1.061154; δ² = ∂L/∂ŷ · ŷ(1 − ŷ) = −1.061154 · 0.249065 = −0.264296;
/// ∂L/∂W² = a¹·δ² = −0.164514, ∂L/∂b² = −0.264296; δ¹ = δ²·W² · a¹(1 − a¹) = 0.264296 · 0.235004 = 0.062111;
/// ∂L/∂W¹ = x·δ¹ = 0.062111, ∂L/∂b¹ = 0.062111.
/// Step: W¹ = 0.5 − 0.5·0.062111 = 0.468945, b¹ = −0.031055, W² = −1 + 0.5·0.164514 = −0.917743, b² = 0.632148.
#[test]
fn one_step_worked_by_hand() {
    let layer = |w: f32, b: f32| LayerParameters { weights: vec![vec![w]], biases: vec![b] };
    let sigmoid = Activation::Sigmoid;
    let spec = ModelSpec {
        layers: vec![1.into(), 1.into(), 1.into()],
        activation: Some(sigmoid),
        output_activation: Some(OutputActivation::Elementwise(sigmoid)),
        initial_parameters: Some(vec![layer(0.5, 0.0), layer(-1.0, 0.5)]),
        ..ModelSpec::default()
    };
    let (spec, initial) = spec.check().expect("a valid model");
    let mut network = Network::with_parameters(Arc::new(spec), initial.expect("given parameters"));
    let mut workspace = network.workspace(1);
    network.forward(&[1.0], &mut workspace, None);
    let loss = Loss::Mse.sum(&network.scored(&workspace, &[1.0], None));
    assert!((loss - 0.281512).abs() < 1e-6);
    network.backward(BatchTargets { values: &[1.0], weights: None }, &mut workspace, 1.0);
    let gradients = gradients(&network, &[1.0], &workspace);
    let expected = [0.062111, 0.062111, -0.164514, -0.264296];
    assert!(gradients.iter().zip(expected).all(|(g, e)| (g - e).abs() < 1e-6), "{gradients:?}");
    let step = Step { learning_rate: 0.5, momentum: None, gradient_scale: 1.0, l1: 0.0, weight_decay: 0.0 };
    let groups = network.groups();
    OptimizerState::new(Optimizer::Sgd {}, 4).step(network.parameters_mut(), &gradients, &groups, &step);
    let expected = [0.468945, -0.031055, -0.917743, 0.632148];
    assert!(network.parameters().iter().zip(expected).all(|(w, e)| (w - e).abs() < 1e-6), "{:?}", network.parameters());
}

#[test]
fn saturated_inputs_give_finite_losses_and_gradients_for_every_loss() {
    // But for poisson: a rate of e^10,000 is no number.
    for loss in LOSSES.into_iter().filter(|loss| *loss != Loss::Poisson) {
        for activation in Activation::ALL {
            let network = network(activation, None, loss, 0.0);
            let inputs: Vec<f32> = (0..ROWS * 3).map(|i| if i % 2 == 0 { 1e4 } else { -1e4 }).collect();
            let mut workspace = network.workspace(ROWS);
            let targets = targets();
            network.forward(&inputs, &mut workspace, None);
            let value = loss.sum(&network.scored(&workspace, &targets, None));
            let batch = BatchTargets { values: &targets, weights: None };
            network.backward(batch, &mut workspace, 0.2);
            let finite = gradients(&network, &inputs, &workspace).iter().all(|g| g.is_finite());
            assert!(value.is_finite() && finite, "{activation:?} {loss:?}: {value}");
        }
    }
}

#[test]
fn more_weight_decay_gives_smaller_weights_and_leaves_biases_alone() {
    let mut norms = Vec::new();
    for weight_decay in [0.0, 0.1, 1.0] {
        let mut network = network(Activation::Tanh, None, Loss::Mse, 0.0);
        network.parameters_mut().iter_mut().for_each(|w| *w += 1.0);
        let (groups, gradients) = (network.groups(), vec![0.0; network.parameters().len()]);
        let step = Step { learning_rate: 0.1, momentum: None, gradient_scale: 1.0, l1: 0.0, weight_decay };
        let mut optimizer = OptimizerState::new(Optimizer::Sgd {}, gradients.len());
        let biases = network.parameters()[groups[1].range.clone()].to_vec();
        (0..5).for_each(|_| optimizer.step(network.parameters_mut(), &gradients, &groups, &step));
        assert_eq!(network.parameters()[groups[1].range.clone()], biases);
        norms.push(network.parameters()[groups[0].range.clone()].iter().map(|w| w * w).sum::<f32>());
    }
    assert!(norms[0] > norms[1] && norms[1] > norms[2], "{norms:?}");
}

/// Notes the loss of every epoch, and the warnings.
#[derive(Default)]
pub struct Notes {
    pub losses: Vec<f64>,
    pub warnings: Vec<Warning>,
}

impl Observer for Notes {
    fn batch(&mut self, _: usize) -> Control {
        Control::Continue
    }

    fn epoch(&mut self, report: &EpochReport) -> Control {
        self.losses.push(report.loss);
        Control::Continue
    }

    fn warning(&mut self, warning: Warning) {
        self.warnings.push(warning);
    }
}
