//! Activation functions: value and derivative side by side.
//!
//! Definitions and constants are PyTorch's (`torch.nn`). A hidden activation works element by element; the output
//! layer may use softmax as well, which couples the elements of a row.

use serde::de::{Error, value::StrDeserializer};
use serde::{Deserialize, Deserializer, Serialize};

/// Slope of `leaky_relu` for negative inputs (PyTorch's default).
const LEAKY_SLOPE: f32 = 0.01;
/// SELU's scale λ (Klambauer et al., "Self-Normalizing Neural Networks", 2017).
const SELU_SCALE: f32 = 1.050_701;
/// SELU's α from the same paper.
const SELU_ALPHA: f32 = 1.673_263_2;
/// Above this, `softplus(z)` equals `z` in f32 (PyTorch's threshold).
const SOFTPLUS_LINEAR: f32 = 20.0;

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
        match self {
            Activation::Identity => {}
            Activation::Sigmoid => map(values, sigmoid),
            Activation::Tanh => map(values, f32::tanh),
            Activation::Relu => map(values, |z| if z > 0.0 { z } else { 0.0 }),
            Activation::LeakyRelu => map(values, |z| if z > 0.0 { z } else { LEAKY_SLOPE * z }),
            Activation::Elu => map(values, |z| if z > 0.0 { z } else { z.exp_m1() }),
            Activation::Selu => map(values, |z| SELU_SCALE * if z > 0.0 { z } else { SELU_ALPHA * z.exp_m1() }),
            Activation::Gelu => map(values, |z| z * normal_cdf(z)),
            Activation::Silu => map(values, |z| z * sigmoid(z)),
            Activation::Mish => map(values, |z| z * tanh_softplus(z)),
            Activation::Softplus => map(values, softplus),
        }
    }

    /// Whether [`Activation::backward`] looks at z; the others write f′ in terms of a = f(z).
    pub fn needs_pre(self) -> bool {
        matches!(self, Activation::Gelu | Activation::Silu | Activation::Mish | Activation::Softplus)
    }

    /// Turns ∂L/∂a into ∂L/∂z = ∂L/∂a · f′(z), in place. `pre` is z (it may be empty unless
    /// [`Activation::needs_pre`]) and `out` is a = f(z) of the forward pass.
    pub fn backward(self, pre: &[f32], out: &[f32], gradient: &mut [f32]) {
        match self {
            Activation::Identity => {}
            Activation::Sigmoid => scale(out, gradient, |a| a * (1.0 - a)),
            Activation::Tanh => scale(out, gradient, |a| 1.0 - a * a),
            Activation::Relu => scale(out, gradient, |a| if a > 0.0 { 1.0 } else { 0.0 }),
            Activation::LeakyRelu => scale(out, gradient, |a| if a > 0.0 { 1.0 } else { LEAKY_SLOPE }),
            Activation::Elu => scale(out, gradient, |a| if a > 0.0 { 1.0 } else { a + 1.0 }),
            Activation::Selu => {
                scale(out, gradient, |a| if a > 0.0 { SELU_SCALE } else { a + SELU_SCALE * SELU_ALPHA })
            }
            Activation::Gelu => scale(pre, gradient, |z| normal_cdf(z) + z * normal_density(z)),
            Activation::Silu => scale(pre, gradient, |z| {
                let s = sigmoid(z);
                s * (1.0 + z * (1.0 - s))
            }),
            Activation::Mish => scale(pre, gradient, |z| {
                let t = tanh_softplus(z);
                t + z * (1.0 - t * t) * sigmoid(z)
            }),
            Activation::Softplus => scale(pre, gradient, sigmoid),
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
}

/// The word `softmax`, as it stands in requests and replies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum SoftmaxWord {
    /// `"softmax"`
    #[serde(rename = "softmax")]
    Softmax,
}

impl OutputActivation {
    /// Softmax over the outputs of a row.
    pub const SOFTMAX: OutputActivation = OutputActivation::Softmax(SoftmaxWord::Softmax);

    /// Turns logits into outputs, in place, row by row: `values` holds rows × `width`.
    pub fn forward(self, values: &mut [f32], width: usize) {
        match self {
            OutputActivation::Elementwise(activation) => activation.forward(values),
            OutputActivation::Softmax(_) => values.chunks_exact_mut(width).for_each(softmax_row),
        }
    }

    /// Turns ∂L/∂ŷ into ∂L/∂z, in place, row by row. For softmax: ∂L/∂zᵢ = ŷᵢ (gᵢ − Σⱼ gⱼ ŷⱼ).
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
];

impl<'de> Deserialize<'de> for OutputActivation {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let word = String::deserialize(deserializer)?;
        if word == "softmax" {
            return Ok(OutputActivation::SOFTMAX);
        }
        Activation::deserialize(StrDeserializer::<serde::de::value::Error>::new(&word))
            .map(OutputActivation::Elementwise)
            .map_err(|_| D::Error::unknown_variant(&word, OUTPUT_WORDS))
    }
}

/// The logistic function 1 / (1 + e⁻ᶻ). For z ≪ 0, e⁻ᶻ overflows to ∞ and the result is 0, as it should be.
pub(super) fn sigmoid(z: f32) -> f32 {
    1.0 / (1.0 + (-z).exp())
}

fn softplus(z: f32) -> f32 {
    if z > SOFTPLUS_LINEAR { z } else { z.exp().ln_1p() }
}

/// tanh(softplus(z)) with one exponential: with e = eᶻ and n = e(e + 2), tanh(ln(1 + e)) = n / (n + 2).
fn tanh_softplus(z: f32) -> f32 {
    let e = z.min(SOFTPLUS_LINEAR).exp();
    let n = e * (e + 2.0);
    n / (n + 2.0)
}

/// Φ(z) = erfc(−z/√2) / 2, by the complementary error function so that the left tail keeps its precision.
fn normal_cdf(z: f32) -> f32 {
    0.5 * libm::erfcf(-z * std::f32::consts::FRAC_1_SQRT_2)
}

/// φ(z) = e^{−z²/2} / √(2π)
fn normal_density(z: f32) -> f32 {
    0.398_942_3 * (-0.5 * z * z).exp()
}

/// Softmax of one row, shifted by its maximum so that no exponential overflows.
fn softmax_row(row: &mut [f32]) {
    let max = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let mut sum = 0.0f32;
    for value in row.iter_mut() {
        *value = (*value - max).exp();
        sum += *value;
    }
    row.iter_mut().for_each(|value| *value /= sum);
}

#[inline(always)]
fn map(values: &mut [f32], f: impl Fn(f32) -> f32) {
    values.iter_mut().for_each(|value| *value = f(*value));
}

#[inline(always)]
fn scale(by: &[f32], gradient: &mut [f32], f: impl Fn(f32) -> f32) {
    for (gradient, by) in gradient.iter_mut().zip(by) {
        *gradient *= f(*by);
    }
}
