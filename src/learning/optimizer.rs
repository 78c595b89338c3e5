//! Optimizers: how a gradient becomes a step.
//!
//! Formulas and defaults are PyTorch's (`torch.optim`). State lives in flat buffers parallel to the parameters.

mod step;

use std::ops::Range;

use serde::{Deserialize, Serialize};

use super::error::{SpecError, require, shown};
use step::Stepper;

/// An optimizer with its settings. w is a parameter, g its gradient, η the learning rate.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum Optimizer {
    /// w ← w − η g
    Sgd {},
    /// v ← μ v + g; w ← w − η v
    Momentum {
        /// μ
        #[serde(default = "momentum")]
        momentum: f64,
    },
    /// v ← μ v + g; w ← w − η (g + μ v)
    Nesterov {
        /// μ
        #[serde(default = "momentum")]
        momentum: f64,
    },
    /// v ← α v + (1 − α) g²; w ← w − η g / (√v + ε)
    Rmsprop {
        /// α
        #[serde(default = "rmsprop_alpha")]
        alpha: f64,
        /// ε
        #[serde(default = "epsilon")]
        epsilon: f64,
    },
    /// v ← v + g²; w ← w − η / (1 + (t − 1)·decay) · g / (√v + ε)
    Adagrad {
        /// How fast the learning rate falls with the step t.
        #[serde(default)]
        learning_rate_decay: f64,
        /// First value of v.
        #[serde(default)]
        initial_accumulator: f64,
        /// ε
        #[serde(default = "adagrad_epsilon")]
        epsilon: f64,
    },
    /// Kingma & Ba 2015: m ← β₁ m + (1 − β₁) g; v ← β₂ v + (1 − β₂) g²; w ← w − η m̂ / (√v̂ + ε)
    Adam {
        /// β₁
        #[serde(default = "beta1")]
        beta1: f64,
        /// β₂
        #[serde(default = "beta2")]
        beta2: f64,
        /// ε
        #[serde(default = "epsilon")]
        epsilon: f64,
    },
    /// Loshchilov & Hutter 2019: Adam with decoupled weight decay, w ← w − η λ w first
    Adamw {
        /// β₁
        #[serde(default = "beta1")]
        beta1: f64,
        /// β₂
        #[serde(default = "beta2")]
        beta2: f64,
        /// ε
        #[serde(default = "epsilon")]
        epsilon: f64,
    },
}

fn momentum() -> f64 {
    0.9
}
fn rmsprop_alpha() -> f64 {
    0.99
}
fn epsilon() -> f64 {
    1e-8
}
fn adagrad_epsilon() -> f64 {
    1e-10
}
fn beta1() -> f64 {
    0.9
}
fn beta2() -> f64 {
    0.999
}

impl Default for Optimizer {
    fn default() -> Self {
        Optimizer::Adam { beta1: beta1(), beta2: beta2(), epsilon: epsilon() }
    }
}

impl Optimizer {
    /// AdamW with its default settings.
    pub fn adamw() -> Self {
        Optimizer::Adamw { beta1: beta1(), beta2: beta2(), epsilon: epsilon() }
    }

    /// PyTorch's learning rate for this optimizer.
    pub fn default_learning_rate(&self) -> f64 {
        match self {
            Optimizer::Rmsprop { .. } | Optimizer::Adagrad { .. } => 0.01,
            _ => 0.001,
        }
    }

    /// PyTorch's weight decay for this optimizer.
    pub fn default_weight_decay(&self) -> f64 {
        if matches!(self, Optimizer::Adamw { .. }) { 0.01 } else { 0.0 }
    }

    /// Buffers of the parameters' length that the state holds.
    pub fn state_buffers(&self) -> usize {
        match self {
            Optimizer::Sgd {} => 0,
            Optimizer::Adam { .. } | Optimizer::Adamw { .. } => 2,
            _ => 1,
        }
    }

    pub(super) fn check(&self) -> Result<(), SpecError> {
        let share = |name: &str, value: f64| {
            require((0.0..1.0).contains(&value), &format!("/optimizer/{name}"), || {
                format!("{name} is {value}; it lies in 0 ≤ {name} < 1")
            })
        };
        let positive = |name: &str, value: f64, zero: bool| {
            // Steps are taken in f32: what vanishes there is no positive number.
            let holds = value > 0.0 && (value as f32).is_normal() || zero && value == 0.0;
            require(holds, &format!("/optimizer/{name}"), || {
                format!("{name} is {}; it must be {}", shown(value), if zero { "at least 0" } else { "above 0" })
            })
        };
        match *self {
            Optimizer::Sgd {} => Ok(()),
            Optimizer::Momentum { momentum } | Optimizer::Nesterov { momentum } => share("momentum", momentum),
            Optimizer::Rmsprop { alpha, epsilon } => share("alpha", alpha).and(positive("epsilon", epsilon, false)),
            Optimizer::Adagrad { learning_rate_decay, initial_accumulator, epsilon } => {
                positive("learning_rate_decay", learning_rate_decay, true)
                    .and(positive("initial_accumulator", initial_accumulator, true))
                    .and(positive("epsilon", epsilon, false))
            }
            Optimizer::Adam { beta1, beta2, epsilon } | Optimizer::Adamw { beta1, beta2, epsilon } => {
                share("beta1", beta1).and(share("beta2", beta2)).and(positive("epsilon", epsilon, false))
            }
        }
    }
}

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

/// An optimizer at work on one parameter buffer.
#[derive(Clone, Debug)]
pub struct OptimizerState {
    optimizer: Optimizer,
    pub(super) first: Vec<f32>,
    pub(super) second: Vec<f32>,
    pub(super) steps: u64,
}

impl OptimizerState {
    /// State for `parameters` parameters before the first step.
    pub fn new(optimizer: Optimizer, parameters: usize) -> Self {
        let buffers = optimizer.state_buffers();
        let fill =
            if let Optimizer::Adagrad { initial_accumulator, .. } = optimizer { initial_accumulator } else { 0.0 };
        OptimizerState {
            first: vec![fill as f32; if buffers > 0 { parameters } else { 0 }],
            second: vec![0.0; if buffers > 1 { parameters } else { 0 }],
            optimizer,
            steps: 0,
        }
    }

    /// Takes one step over all `groups` of `parameters`; `gradients` has the same layout.
    pub fn step(&mut self, parameters: &mut [f32], gradients: &[f32], groups: &[ParameterGroup], step: &Step) {
        let (stepper, [first, second]) = self.begin(step);
        for group in groups {
            let range = group.range.clone();
            let part = |buffer: &mut [f32]| if buffer.is_empty() { 0..0 } else { range.clone() };
            let (first_part, second_part) = (part(first), part(second));
            let (first, second) = (&mut first[first_part], &mut second[second_part]);
            stepper.step(group, &mut parameters[range.clone()], &gradients[range], first, second);
        }
    }

    /// Begins a step: what takes it, part by part, and the state's two buffers, each of the parameters' layout or empty.
    pub(super) fn begin(&mut self, step: &Step) -> (Stepper, [&mut [f32]; 2]) {
        self.steps += 1;
        (Stepper::new(self.optimizer, self.steps, *step), [&mut self.first, &mut self.second])
    }
}
