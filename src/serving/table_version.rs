//! A version of a model by data set, ready to answer.

use std::sync::Arc;

use uuid::Uuid;

use super::error::ServingError;
use crate::app::App;
use crate::data::encoder::Encoder;
use crate::models::networks::LoadedNetwork;
use crate::models::prediction::Interval;
use crate::models::table::TableParts;
use crate::models::{Model, Version};

/// See the module.
#[derive(Clone)]
pub struct TableVersion {
    /// The model.
    pub model_id: Uuid,
    /// The version's number.
    pub version: u64,
    /// What answers.
    pub network: Arc<LoadedNetwork>,
    /// What intervals and label sets are made of, if they are asked for.
    pub interval: Option<Interval>,
}

impl TableVersion {
    /// Loads a version, to answer with intervals or label sets of `level`, such as 0.9, if one is given.
    ///
    /// # Errors
    /// `Model`: the version cannot be loaded, or has no intervals of this level; `NoEncoder`.
    pub async fn load(app: &App, model: &Model, version: &Version, level: Option<f64>) -> Result<Self, ServingError> {
        let network = app.models.network(model, version).await?;
        let parts = network.table().ok_or(ServingError::NoEncoder)?;
        let interval = level.map(|level| Interval::at(level, parts)).transpose()?;
        Ok(TableVersion { model_id: model.id, version: version.number, network, interval })
    }

    /// What the version has beside its network.
    pub fn parts(&self) -> &TableParts {
        self.network.table().expect("a version without parts is not loaded")
    }

    /// From columns to the network's input.
    pub fn encoder(&self) -> &Encoder {
        &self.parts().encoder
    }
}
