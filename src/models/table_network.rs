//! The network of a model by data set: what its recipe makes of the columns of an encoder.

use super::ModelError;
use super::recipe::{Part, Recipe, waves};
use super::table::TableSpec;
use crate::data::encoder::{Codes, Encoder};
use crate::learning::init::Initializer;
use crate::learning::loss::Loss;
use crate::learning::spec::{Embedding, LayerSpec, ModelSpec, Parametrization, ValidLayer, ValidModelSpec, Waves};

/// Length of the vector that is learned for each word of an embedded column.
pub(super) const EMBEDDING_DIMENSIONS: usize = 8;
/// With fewer rows to train on no number has bins: what is learned of one would be noise, and so would be whether it helps.
const LEAST_BINNED_ROWS: u64 = 4_000;
/// Length of the vector that is learned for each bin of a column of numbers.
pub(super) const BIN_DIMENSIONS: usize = 4;

impl TableSpec {
    /// What a version's network is, given its encoder.
    ///
    /// # Errors
    /// `Spec` with `TooLarge`: it would have more parameters than there may be.
    pub fn network(&self, encoder: &Encoder) -> Result<ValidModelSpec, ModelError> {
        self.network_of(encoder, &self.hidden_layers)
    }

    /// The linear model on the same input: the network without hidden layers.
    ///
    /// # Errors
    /// As [`TableSpec::network`].
    pub fn linear(&self, encoder: &Encoder) -> Result<ValidModelSpec, ModelError> {
        self.network_of(encoder, &[])
    }

    fn network_of(&self, encoder: &Encoder, hidden: &[usize]) -> Result<ValidModelSpec, ModelError> {
        let embedding = |codes: Codes| Embedding {
            values: codes.values,
            dimensions: if codes.of_bins { BIN_DIMENSIONS } else { EMBEDDING_DIMENSIONS },
            bag: codes.bag,
        };
        let embeddings: Vec<Embedding> = encoder.embedded().map(embedding).collect();
        self.dense(encoder.plain_width(), encoder.numbers(), embeddings, hidden, encoder.target.classes().len())
    }

    /// The recipe of a network with these hidden layers: without any it is linear, and there is nothing to it.
    pub fn recipe_of(&self, hidden: &[usize]) -> Recipe {
        if hidden.is_empty() { Recipe::Plain } else { self.recipe }
    }

    /// Whether the model has this part of the recipe `standard`.
    pub fn has(&self, part: Part) -> bool {
        self.network_has(part, &self.hidden_layers)
    }

    fn network_has(&self, part: Part, hidden: &[usize]) -> bool {
        self.recipe_of(hidden) != Recipe::Plain && !self.without.contains(&part)
    }

    /// Whether numbers may have bins beside them where there are so many rows.
    pub fn may_have_bins(&self, rows: u64) -> bool {
        self.has(Part::Bins) && rows >= LEAST_BINNED_ROWS
    }

    /// The network of `plain` columns, of which those of `numbers` are numbers, and embeddings.
    pub(super) fn dense(
        &self,
        plain: usize,
        numbers: Vec<usize>,
        embeddings: Vec<Embedding>,
        hidden: &[usize],
        classes: usize,
    ) -> Result<ValidModelSpec, ModelError> {
        let (loss, outputs) = match classes {
            0 => (self.loss.unwrap_or(Loss::Mse), 1),
            2 => (Loss::BinaryCrossEntropy, 1),
            classes => (Loss::CrossEntropy, classes),
        };
        let has = |part| self.network_has(part, hidden);
        let waves = if has(Part::Waves) { waves(numbers) } else { None };
        let width = plain
            + embeddings.iter().map(|embedding| embedding.dimensions).sum::<usize>()
            + waves.as_ref().map_or(0, Waves::outputs);
        let widths = [width].into_iter().chain(hidden.iter().copied()).chain([outputs]);
        let spec = ModelSpec {
            layers: widths.map(LayerSpec::from).collect(),
            embeddings,
            waves,
            scale: has(Part::Scale),
            parametrization: if has(Part::Ntk) { Parametrization::Ntk } else { Parametrization::Standard },
            activation: Some(self.activation),
            loss: Some(loss),
            quantile: self.quantile,
            initializer: Some(Initializer::GlorotUniform),
            seed: Some(self.seed),
            ..ModelSpec::default()
        };
        let (mut spec, _) = spec.check()?;
        let last = spec.layers.len() - 1;
        spec.layers[..last].iter_mut().for_each(|layer: &mut ValidLayer| layer.dropout = self.dropout);
        Ok(spec)
    }
}
