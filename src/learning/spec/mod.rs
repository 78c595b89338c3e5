//! What a model is: the specification as it is asked for, and the checked one that everything else works with.
//!
//! ```
//! use epochd::learning::activation::OutputActivation;
//! use epochd::learning::loss::Loss;
//! use epochd::learning::spec::ModelSpec;
//!
//! // Four inputs, a hidden layer of 16 units, three classes.
//! let layers = vec![4.into(), 16.into(), 3.into()];
//! let spec = ModelSpec { layers: layers.clone(), loss: Some(Loss::CrossEntropy), ..ModelSpec::default() };
//! let (valid, _) = spec.check()?;
//! assert_eq!(valid.output, OutputActivation::SOFTMAX);
//! assert_eq!(valid.parameter_count(), (4 * 16 + 16) + (16 * 3 + 3));
//!
//! // What is wrong is named by its JSON pointer.
//! let wrong = ModelSpec { layers, seed: Some(1 << 60), ..ModelSpec::default() };
//! assert_eq!(wrong.check().unwrap_err().pointer, "/seed");
//! # Ok::<(), epochd::learning::error::SpecError>(())
//! ```

mod embedding;
mod front;
mod initial;
mod layer;
mod model;

pub use embedding::{Embedding, MAX_BAG, MAX_EMBEDDING_DIMENSIONS, MAX_EMBEDDING_VALUES, MAX_EMBEDDINGS};
pub use front::{MAX_FREQUENCIES, Parametrization, Waves};
pub use initial::LayerParameters;
pub use layer::{LayerSpec, MAX_LAYERS, MAX_WIDTH, ValidLayer};
pub(super) use model::check_seed;
pub use model::{MAX_PARAMETERS, MAX_SEED, ModelSpec, ValidModelSpec};
