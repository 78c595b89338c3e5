//! Layers: each owns a stretch of the network's flat parameter buffer and knows its forward and backward pass.
//!
//! [`Layer`] is a closed set: a further kind of layer (a normalisation) is a further arm, and the compiler lists what it has to
//! answer.
//!
//! # Shapes
//! Rows of a batch are rows of a matrix: the input of a layer is rows × inputs, its output rows × units. A dense layer's
//! weights are inputs × units, its biases units, one behind the other in the flat buffer.
//!
//! ```
//! use epochd::learning::activation::Activation;
//! use epochd::learning::layer::{Dense, Layer};
//! use epochd::learning::spec::{Parametrization, ValidLayer};
//!
//! let spec = ValidLayer { inputs: 2, units: 1, activation: Activation::Relu, dropout: 0.0 };
//! let layer = Layer::Dense(Dense::new(&spec, Parametrization::Standard, 0));
//! let parameters = [3.0, -1.0, 0.5]; // W = (3, −1)ᵀ, b = 0.5
//! let mut output = [0.0; 2];
//! layer.infer(&parameters, &[1.0, 2.0, 0.0, 4.0], &mut output);
//! assert_eq!(output, [1.5, 0.0]); // max(0, 3·1 − 1·2 + 0.5) and max(0, 3·0 − 1·4 + 0.5)
//! ```

mod bag;
mod code;
mod data_dependent;
mod dense;
mod embed;
mod kinds;
mod periodic;
mod scale;
mod tape;
mod unclip;

pub use code::{known_code, present};
pub(super) use dense::BLOCK_VALUES;
pub use dense::{Dense, Dropout};
pub use embed::Embed;
pub use kinds::Layer;
pub use periodic::Periodic;
pub use scale::Scale;
pub use tape::{InputGradient, Tape};
pub use unclip::{Unclip, unclipped};
