//! Embeddings of a model: which of its input's columns hold codes, and how long their vectors are.

use serde::{Deserialize, Serialize};

use crate::learning::error::{SpecError, require};

/// Embeddings of a model.
pub const MAX_EMBEDDINGS: usize = 1_000;
/// Codes of an embedding: each of them is exact in an f32.
pub const MAX_EMBEDDING_VALUES: usize = 1_000_000;
/// Length of an embedding's vectors.
pub const MAX_EMBEDDING_DIMENSIONS: usize = 256;
/// Codes of a bag.
pub const MAX_BAG: usize = 1_024;

/// A table of learned vectors for the codes of one input column, or of the columns of a bag.
///
/// Codes are whole numbers from 0 to before `values`. Code 0 stands for a missing value and code 1 for one that is
/// rare or was never seen: their vectors start at zero. What is no code is read as code 0. In a bag, code 0 says that there is
/// nothing at its place, and all vectors start at zero.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Embedding {
    /// Codes, and so rows of the table: 2 to [`MAX_EMBEDDING_VALUES`].
    pub values: usize,
    /// Length of each vector: 1 to [`MAX_EMBEDDING_DIMENSIONS`].
    pub dimensions: usize,
    /// Of a bag: how many columns hold its codes, 1 to [`MAX_BAG`]. The vectors of those that are there are averaged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bag: Option<usize>,
}

impl Embedding {
    /// Columns of the input that hold its codes.
    pub fn columns(&self) -> usize {
        self.bag.unwrap_or(1)
    }

    /// Values of the table.
    pub fn parameter_count(&self) -> usize {
        self.values * self.dimensions
    }
}

/// Checks that `embeddings` are within their limits and leave room in a first layer of `inputs` inputs.
pub(super) fn check_embeddings(embeddings: &[Embedding], inputs: usize) -> Result<(), SpecError> {
    require(embeddings.len() <= MAX_EMBEDDINGS, "/embeddings", || {
        format!("there are {} embeddings; the most is {MAX_EMBEDDINGS}", embeddings.len())
    })?;
    for (i, Embedding { values, dimensions, bag }) in embeddings.iter().enumerate() {
        require((2..=MAX_EMBEDDING_VALUES).contains(values), &format!("/embeddings/{i}/values"), || {
            format!("an embedding has 2 to {MAX_EMBEDDING_VALUES} values; got {values}")
        })?;
        require((1..=MAX_EMBEDDING_DIMENSIONS).contains(dimensions), &format!("/embeddings/{i}/dimensions"), || {
            format!("an embedding has 1 to {MAX_EMBEDDING_DIMENSIONS} dimensions; got {dimensions}")
        })?;
        require(bag.is_none_or(|codes| (1..=MAX_BAG).contains(&codes)), &format!("/embeddings/{i}/bag"), || {
            format!("a bag has 1 to {MAX_BAG} codes; got {}", bag.unwrap_or(0))
        })?;
    }
    let vectors: usize = embeddings.iter().map(|embedding| embedding.dimensions).sum();
    let detail =
        || format!("the embeddings' vectors have {vectors} values together; the first layer has {inputs} inputs");
    if vectors <= inputs { Ok(()) } else { Err(SpecError::shape("/embeddings", detail())) }
}
