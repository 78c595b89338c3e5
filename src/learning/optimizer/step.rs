//! One step of an optimizer, block by block of the parameters.

use std::ops::Range;

use super::settings::Optimizer;
use crate::learning::kernels::vectorized;

/// Parameters that are trained alike: a range of the flat buffer with its factors on learning rate and decay.
#[derive(Clone, Debug, PartialEq)]
pub struct ParameterGroup {
    /// Where in the flat buffer.
    pub range: Range<usize>,
    /// Multiplies the learning rate.
    pub learning_rate_factor: f64,
    /// Multiplies weight decay and L1; 0 for biases.
    pub decay_factor: f64,
}

/// The settings of one step, the same for all parameters.
#[derive(Clone, Copy, Debug)]
pub struct Step {
    /// η
    pub learning_rate: f64,
    /// In place of the optimizer's own μ or β₁, where a schedule moves it.
    pub momentum: Option<f64>,
    /// What the gradient is multiplied with first (gradient clipping).
    pub gradient_scale: f32,
    /// L1 penalty on weights: l1 · sign(w) joins the gradient.
    pub l1: f64,
    /// L2 penalty on weights: λw joins the gradient; under AdamW it shrinks w directly.
    pub weight_decay: f64,
}

/// One step, the same for all parameters.
#[derive(Clone, Copy, Debug)]
pub struct Stepper {
    optimizer: Optimizer,
    step: Step,
    /// What grows with the count of steps: of Adam, 1 − β₁ᵗ and √(1 − β₂ᵗ); of Adagrad, the divisor of the rate.
    corrections: (f64, f64),
}

impl Stepper {
    /// Step `t`, counted from 1.
    pub(super) fn new(optimizer: Optimizer, t: u64, step: Step) -> Self {
        let corrections = match optimizer {
            Optimizer::Adam { beta1, beta2, .. } | Optimizer::Adamw { beta1, beta2, .. } => {
                let beta1 = step.momentum.unwrap_or(beta1);
                (1.0 - beta1.powf(t as f64), (1.0 - beta2.powf(t as f64)).sqrt())
            }
            Optimizer::Adagrad { learning_rate_decay, .. } => (1.0 + (t - 1) as f64 * learning_rate_decay, 1.0),
            _ => (1.0, 1.0),
        };
        Stepper { optimizer, step, corrections }
    }

    /// Steps with parameters of one group; the slices are of one length, or empty where the optimizer has no such state.
    pub fn step(
        &self,
        group: &ParameterGroup,
        weights: &mut [f32],
        gradients: &[f32],
        first: &mut [f32],
        second: &mut [f32],
    ) {
        step_part(self, group, weights, gradients, first, second);
    }
}

vectorized! {
    fn step_part(
        stepper: &Stepper,
        group: &ParameterGroup,
        weights: &mut [f32],
        gradients: &[f32],
        first: &mut [f32],
        second: &mut [f32],
    ) {
        let Stepper { optimizer, step, corrections } = *stepper;
        let rate = step.learning_rate * group.learning_rate_factor;
        let decay = step.weight_decay * group.decay_factor;
        let decoupled = matches!(optimizer, Optimizer::Adamw { .. });
        let (l2, l1) = (if decoupled { 0.0 } else { decay as f32 }, (step.l1 * group.decay_factor) as f32);
        let scale = step.gradient_scale;
        let penalised = |g: f32, w: f32| scale * g + l2 * w + l1 * sign(w);
        let pairs = weights.iter_mut().zip(gradients);
        match optimizer {
            Optimizer::Sgd {} => {
                let rate = rate as f32;
                pairs.for_each(|(w, g)| *w -= rate * penalised(*g, *w));
            }
            Optimizer::Momentum { momentum } => {
                let (rate, momentum) = (rate as f32, step.momentum.unwrap_or(momentum) as f32);
                for ((w, g), v) in pairs.zip(first) {
                    *v = momentum * *v + penalised(*g, *w);
                    *w -= rate * *v;
                }
            }
            Optimizer::Nesterov { momentum } => {
                let (rate, momentum) = (rate as f32, step.momentum.unwrap_or(momentum) as f32);
                for ((w, g), v) in pairs.zip(first) {
                    let g = penalised(*g, *w);
                    *v = momentum * *v + g;
                    *w -= rate * (g + momentum * *v);
                }
            }
            Optimizer::Rmsprop { alpha, epsilon } => {
                let (rate, alpha, epsilon) = (rate as f32, alpha as f32, epsilon as f32);
                for ((w, g), v) in pairs.zip(first) {
                    let g = penalised(*g, *w);
                    *v = alpha * *v + (1.0 - alpha) * g * g;
                    *w -= rate * g / (v.sqrt() + epsilon);
                }
            }
            Optimizer::Adagrad { epsilon, .. } => {
                let rate = (rate / corrections.0) as f32;
                for ((w, g), v) in pairs.zip(first) {
                    let g = penalised(*g, *w);
                    *v += g * g;
                    *w -= rate * g / (v.sqrt() + epsilon as f32);
                }
            }
            Optimizer::Adam { beta1, beta2, epsilon } | Optimizer::Adamw { beta1, beta2, epsilon } => {
                let beta1 = step.momentum.unwrap_or(beta1);
                let (size, inverse_root) = ((rate / corrections.0) as f32, (1.0 / corrections.1) as f32);
                let (b1, b2, epsilon) = (beta1 as f32, beta2 as f32, epsilon as f32);
                let (c1, c2) = ((1.0 - beta1) as f32, (1.0 - beta2) as f32);
                let shrink = if decoupled { (1.0 - rate * decay) as f32 } else { 1.0 };
                for ((w, g), (m, v)) in pairs.zip(first.iter_mut().zip(second)) {
                    let g = penalised(*g, *w);
                    *m = b1 * *m + c1 * g;
                    *v = b2 * *v + c2 * g * g;
                    *w = *w * shrink - size * *m / (v.sqrt() * inverse_root + epsilon);
                }
            }
        }
    }
}

#[inline(always)]
fn sign(w: f32) -> f32 {
    f32::from(u8::from(w > 0.0)) - f32::from(u8::from(w < 0.0))
}
