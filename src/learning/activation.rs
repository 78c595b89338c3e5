//! Activation functions: value and derivative side by side.
//!
//! Definitions and constants are PyTorch's (`torch.nn`). A hidden activation works element by element; the output
//! layer may use softmax as well, which couples the elements of a row.
//!
//! ```
//! use epochd::learning::activation::{Activation, OutputActivation};
//!
//! // a = max(0, z), and on the way back ∂L/∂z = ∂L/∂a where z was above 0.
//! let mut values = [-1.0, 0.5];
//! Activation::Relu.forward(&mut values);
//! assert_eq!(values, [0.0, 0.5]);
//! let mut gradient = [3.0, 3.0];
//! Activation::Relu.backward(&[], &values, &mut gradient);
//! assert_eq!(gradient, [0.0, 3.0]);
//!
//! // Two equal logits are two equal probabilities.
//! let mut row = [7.0, 7.0];
//! OutputActivation::SOFTMAX.forward(&mut row, 2);
//! assert_eq!(row, [0.5, 0.5]);
//! ```

use serde::de::{Error, value::StrDeserializer};
use serde::{Deserialize, Deserializer, Serialize};

use super::kernels::elementary::{exp, exp_m1, mish_derivative, normal, sigmoid, softplus, tanh, tanh_softplus};
use super::kernels::elementwise::{Biased, ElementLoop, InPlace, Keeping, Scaled, ScaledAndSummed};
use super::kernels::vectorized;

/// Slope of `leaky_relu` for negative inputs (PyTorch's default).
const LEAKY_SLOPE: f32 = 0.01;
/// SELU's scale λ (Klambauer et al., "Self-Normalizing Neural Networks", 2017).
const SELU_SCALE: f32 = 1.050_701;
/// SELU's α from the same paper.
const SELU_ALPHA: f32 = 1.673_263_2;

/// An element-wise activation a = f(z).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Activation {
    /// f(z) = z
    Identity,
    /// f(z) = 1 / (1 + e⁻ᶻ)
    Sigmoid,
    /// f(z) = tanh z
    Tanh,
    /// f(z) = max(0, z)
    Relu,
    /// f(z) = z for z > 0, 0.01·z otherwise
    LeakyRelu,
    /// f(z) = z for z > 0, eᶻ − 1 otherwise
    Elu,
    /// f(z) = λz for z > 0, λα(eᶻ − 1) otherwise
    Selu,
    /// f(z) = z·Φ(z), Φ the standard normal distribution function (the exact form, by erf)
    Gelu,
    /// f(z) = z·sigmoid(z)
    Silu,
    /// f(z) = z·tanh(softplus(z))
    Mish,
    /// f(z) = ln(1 + eᶻ)
    Softplus,
}

impl Activation {
    /// All activations, for tables and tests.
    pub const ALL: [Activation; 11] = [
        Activation::Identity,
        Activation::Sigmoid,
        Activation::Tanh,
        Activation::Relu,
        Activation::LeakyRelu,
        Activation::Elu,
        Activation::Selu,
        Activation::Gelu,
        Activation::Silu,
        Activation::Mish,
        Activation::Softplus,
    ];

    /// Turns every z of `values` into a = f(z), in place.
    pub fn forward(self, values: &mut [f32]) {
        forward(self, values);
    }

    /// Adds its bias to every unit of `values`, and turns z into a = f(z), in place.
    ///
    /// # Shapes
    /// `values` is rows × units, row-major; `biases` has units.
    pub fn forward_biased(self, values: &mut [f32], biases: &[f32]) {
        forward_biased(self, values, biases);
    }

    /// Adds its bias to every unit of `pre`, which then holds z, and writes a = f(z) into `active`.
    ///
    /// # Shapes
    /// `pre` and `active` are rows × units, row-major; `biases` has units.
    pub fn forward_keeping(self, pre: &mut [f32], biases: &[f32], active: &mut [f32]) {
        forward_keeping(self, pre, biases, active);
    }

    /// Whether [`Activation::backward`] looks at z; the others write f′ in terms of a = f(z).
    pub fn needs_pre(self) -> bool {
        matches!(self, Activation::Gelu | Activation::Silu | Activation::Mish | Activation::Softplus)
    }

    /// Turns ∂L/∂a into ∂L/∂z = ∂L/∂a · f′(z), in place. `pre` is z (it may be empty unless
    /// [`Activation::needs_pre`]) and `out` is a = f(z) of the forward pass.
    pub fn backward(self, pre: &[f32], out: &[f32], gradient: &mut [f32]) {
        backward(self, if self.needs_pre() { pre } else { out }, gradient);
    }

    /// As [`Activation::backward`], over rows of as many units as `sums` has: those get the sum over the rows of each
    /// unit's ∂L/∂z, which is the gradient of its bias.
    pub fn backward_summed(self, pre: &[f32], out: &[f32], gradient: &mut [f32], sums: &mut [f32]) {
        backward_summed(self, if self.needs_pre() { pre } else { out }, gradient, sums);
    }

    /// Hands f to a loop.
    #[inline(always)]
    fn apply(self, to: impl ElementLoop) {
        match self {
            Activation::Identity => to.run(|z| z),
            Activation::Sigmoid => to.run(sigmoid),
            Activation::Tanh => to.run(tanh),
            Activation::Relu => to.run(|z| if z > 0.0 { z } else { 0.0 }),
            Activation::LeakyRelu => to.run(|z| if z > 0.0 { z } else { LEAKY_SLOPE * z }),
            Activation::Elu => to.run(|z| if z > 0.0 { z } else { exp_m1(z) }),
            Activation::Selu => to.run(|z| SELU_SCALE * if z > 0.0 { z } else { SELU_ALPHA * exp_m1(z) }),
            Activation::Gelu => to.run(|z| z * normal(z).1),
            Activation::Silu => to.run(|z| z * sigmoid(z)),
            Activation::Mish => to.run(|z| z * tanh_softplus(z)),
            Activation::Softplus => to.run(softplus),
        }
    }

    /// Hands f′ to a loop: as a function of z where [`Activation::needs_pre`], else of a = f(z).
    #[inline(always)]
    fn apply_derivative(self, to: impl ElementLoop) {
        match self {
            Activation::Identity => to.run(|_| 1.0),
            Activation::Sigmoid => to.run(|a| a * (1.0 - a)),
            Activation::Tanh => to.run(|a| 1.0 - a * a),
            Activation::Relu => to.run(|a| if a > 0.0 { 1.0 } else { 0.0 }),
            Activation::LeakyRelu => to.run(|a| if a > 0.0 { 1.0 } else { LEAKY_SLOPE }),
            Activation::Elu => to.run(|a| if a > 0.0 { 1.0 } else { a + 1.0 }),
            Activation::Selu => to.run(|a| if a > 0.0 { SELU_SCALE } else { a + SELU_SCALE * SELU_ALPHA }),
            Activation::Gelu => to.run(|z| {
                let (density, distribution) = normal(z);
                distribution + z * density
            }),
            Activation::Silu => to.run(|z| {
                let s = sigmoid(z);
                s * (1.0 + z * (1.0 - s))
            }),
            Activation::Mish => to.run(mish_derivative),
            Activation::Softplus => to.run(sigmoid),
        }
    }

    /// The bounds that f nears as its derivative vanishes on both sides, if it has such bounds.
    pub fn bounds(self) -> Option<(f32, f32)> {
        match self {
            Activation::Sigmoid => Some((0.0, 1.0)),
            Activation::Tanh => Some((-1.0, 1.0)),
            _ => None,
        }
    }
}

/// The activation of the last layer: an element-wise one, or softmax over the row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum OutputActivation {
    /// Works on each logit alone.
    Elementwise(Activation),
    /// ŷᵢ = e^{zᵢ} / Σⱼ e^{zⱼ}
    Softmax(SoftmaxWord),
    /// ŷ = e^z: of the last layer alone, as deeper ones would overflow.
    Exp(ExpWord),
}

/// The word `softmax`, as it stands in requests and replies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum SoftmaxWord {
    /// `"softmax"`
    #[serde(rename = "softmax")]
    Softmax,
}

/// The word `exp`, as it stands in requests and replies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum ExpWord {
    /// `"exp"`
    #[serde(rename = "exp")]
    Exp,
}

impl OutputActivation {
    /// Rates whose logarithms are the logits.
    pub const EXP: OutputActivation = OutputActivation::Exp(ExpWord::Exp);
    /// Softmax over the outputs of a row.
    pub const SOFTMAX: OutputActivation = OutputActivation::Softmax(SoftmaxWord::Softmax);

    /// Turns outputs into logits, in place: ln p before a softmax, ln p/(1 − p) before a sigmoid, ln ŷ before `exp`, else the
    /// outputs themselves. A probability of 0 or 1, or a rate of 0, counts as the nearest number to it that is neither.
    pub fn invert(self, outputs: &mut [f32]) {
        let inside = |p: f32| p.clamp(f32::MIN_POSITIVE, 1.0 - f32::EPSILON / 2.0);
        match self {
            OutputActivation::Softmax(_) => outputs.iter_mut().for_each(|p| *p = inside(*p).ln()),
            OutputActivation::Elementwise(Activation::Sigmoid) => {
                outputs.iter_mut().for_each(|p| *p = (inside(*p) / (1.0 - inside(*p))).ln());
            }
            OutputActivation::Exp(_) => outputs.iter_mut().for_each(|rate| *rate = rate.max(f32::MIN_POSITIVE).ln()),
            OutputActivation::Elementwise(_) => {}
        }
    }

    /// Turns logits into outputs, in place, row by row.
    ///
    /// # Shapes
    /// `values` is rows × `width`, row-major.
    pub fn forward(self, values: &mut [f32], width: usize) {
        match self {
            OutputActivation::Elementwise(activation) => activation.forward(values),
            OutputActivation::Softmax(_) => softmax(values, width),
            OutputActivation::Exp(_) => exponentials(values),
        }
    }

    /// Turns ∂L/∂ŷ into ∂L/∂z, in place, row by row. For softmax: ∂L/∂zᵢ = ŷᵢ (gᵢ − Σⱼ gⱼ ŷⱼ); for `exp`: ∂L/∂z = g·ŷ.
    ///
    /// # Shapes
    /// `logits`, `outputs` and `gradient` are rows × `width`, row-major.
    pub fn backward(self, logits: &[f32], outputs: &[f32], gradient: &mut [f32], width: usize) {
        match self {
            OutputActivation::Elementwise(activation) => activation.backward(logits, outputs, gradient),
            OutputActivation::Softmax(_) => {
                for (y, g) in outputs.chunks_exact(width).zip(gradient.chunks_exact_mut(width)) {
                    let dot: f32 = y.iter().zip(g.iter()).map(|(y, g)| y * g).sum();
                    for (g, y) in g.iter_mut().zip(y) {
                        *g = y * (*g - dot);
                    }
                }
            }
            OutputActivation::Exp(_) => gradient.iter_mut().zip(outputs).for_each(|(g, y)| *g *= y),
        }
    }
}

const OUTPUT_WORDS: &[&str] = &[
    "identity",
    "sigmoid",
    "tanh",
    "relu",
    "leaky_relu",
    "elu",
    "selu",
    "gelu",
    "silu",
    "mish",
    "softplus",
    "softmax",
    "exp",
];

impl<'de> Deserialize<'de> for OutputActivation {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let word = String::deserialize(deserializer)?;
        if word == "softmax" {
            return Ok(OutputActivation::SOFTMAX);
        }
        if word == "exp" {
            return Ok(OutputActivation::EXP);
        }
        Activation::deserialize(StrDeserializer::<serde::de::value::Error>::new(&word))
            .map(OutputActivation::Elementwise)
            .map_err(|_| D::Error::unknown_variant(&word, OUTPUT_WORDS))
    }
}

vectorized! {
    fn forward(activation: Activation, values: &mut [f32]) {
        activation.apply(InPlace(values));
    }

    fn forward_biased(activation: Activation, values: &mut [f32], biases: &[f32]) {
        activation.apply(Biased { values, biases });
    }

    fn forward_keeping(activation: Activation, pre: &mut [f32], biases: &[f32], active: &mut [f32]) {
        activation.apply(Keeping { pre, biases, active });
    }

    fn backward(activation: Activation, by: &[f32], values: &mut [f32]) {
        activation.apply_derivative(Scaled { by, values });
    }

    fn backward_summed(activation: Activation, by: &[f32], values: &mut [f32], sums: &mut [f32]) {
        activation.apply_derivative(ScaledAndSummed { by, values, sums });
    }

    /// eᶻ of each value.
    fn exponentials(values: &mut [f32]) {
        values.iter_mut().for_each(|value| *value = exp(*value));
    }

    /// Softmax of each row of `width` values, shifted by its maximum so that no exponential overflows.
    fn softmax(values: &mut [f32], width: usize) {
        for row in values.chunks_exact_mut(width) {
            let max = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
            row.iter_mut().for_each(|value| *value -= max);
        }
        values.iter_mut().for_each(|value| *value = exp(*value));
        for row in values.chunks_exact_mut(width) {
            let sum: f32 = row.iter().sum();
            row.iter_mut().for_each(|value| *value /= sum);
        }
    }
}
