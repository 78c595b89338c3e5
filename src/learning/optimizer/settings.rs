//! The optimizers with their settings and defaults.

use serde::{Deserialize, Serialize};

use crate::learning::error::{SpecError, require, shown};

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

    pub(in crate::learning) fn check(&self) -> Result<(), SpecError> {
        let share = |name: &str, value: f64| {
            require((0.0..1.0).contains(&value), &format!("/optimizer/{name}"), || {
                format!("{name} is {}; it lies in 0 ≤ {name} < 1", shown(value))
            })
        };
        let positive = |name: &str, value: f64, zero: bool| {
            // Steps are taken in f32: a number that is 0 there is not positive.
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
