//! Recipes: what a model by data set is and how it is trained, where the request leaves it open.

use serde::{Deserialize, Serialize};

use crate::learning::activation::Activation;
use crate::learning::spec::Waves;

/// A recipe.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Recipe {
    /// Two hidden layers with ReLU under AdamW.
    #[default]
    Plain,
    /// What Holzmüller, Grinsztajn & Steinwart 2024 ("Better by default") found for tables: waves beside numbers, a factor for each
    /// column, initial parameters by the rows, Mish, and a rate in four waves.
    Standard,
    /// Candidates that are made as the standard recipe says, with settings drawn around its own; those answer together whose mean
    /// answer errs least.
    Best,
}

/// So many parts there are.
pub const PARTS: usize = 5;

/// A part of the recipe `standard` that a model may do without, so that it can be seen what the part brings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// Waves beside numbers.
    Waves,
    /// A learned vector for the bin of each number.
    Bins,
    /// A learned factor for each column.
    Scale,
    /// NTK parametrization, initial parameters by the rows, and the rates that go with them.
    Ntk,
    /// The linear model's share of the answers.
    LinearModel,
}

/// Columns with waves, at most: beyond, they would be most of the network.
pub(super) const MOST_WAVES: usize = 500;

impl Recipe {
    /// Hidden layers.
    pub fn hidden_layers(self) -> Vec<usize> {
        match self {
            Recipe::Plain => vec![256, 128],
            Recipe::Standard | Recipe::Best => vec![256; 3],
        }
    }

    /// Activation of the hidden layers.
    pub(super) fn activation(self) -> Activation {
        match self {
            Recipe::Plain => Activation::Relu,
            Recipe::Standard | Recipe::Best => Activation::Mish,
        }
    }

    /// Dropout of the hidden layers.
    pub fn dropout(self) -> f64 {
        match self {
            Recipe::Plain => 0.1,
            Recipe::Standard | Recipe::Best => 0.15,
        }
    }
}

/// The waves of these columns, if they are not too many.
pub(super) fn waves(columns: Vec<usize>) -> Option<Waves> {
    let fit = (1..=MOST_WAVES).contains(&columns.len());
    fit.then_some(Waves { columns, frequencies: 16, values: 3, deviation: 0.1 })
}
