//! A version of a model by data set, ready to answer.

use std::sync::Arc;

use uuid::Uuid;

use super::error::ServingError;
use crate::app::App;
use crate::data::encoder::Encoder;
use crate::models::prediction::{Interval, TablePredictor};
use crate::models::{Model, Predictor, Version};

/// See the module.
#[derive(Clone)]
pub struct TableVersion {
    /// The model.
    pub model_id: Uuid,
    /// The version's number.
    pub version: u64,
    /// What answers.
    pub predictor: Arc<Predictor>,
    /// What intervals and label sets are made of, if they are asked for.
    pub interval: Option<Interval>,
}

impl TableVersion {
    /// Loads a version, to answer with intervals or label sets of `level`, such as 0.9, if one is given.
    ///
    /// # Errors
    /// `Model`: the version cannot be loaded, or has no intervals of this level.
    pub async fn load(app: &App, model: &Model, version: &Version, level: Option<f64>) -> Result<Self, ServingError> {
        let predictor = app.models.predictor(model, version).await?;
        let interval = level.map(|level| Interval::at(level, predictor.table()?.parts)).transpose()?;
        predictor.table()?;
        Ok(TableVersion { model_id: model.id, version: version.number, predictor, interval })
    }

    /// What answers for the rows of a table.
    pub fn table(&self) -> TablePredictor<'_> {
        self.predictor.table().expect("a version without a table is not loaded")
    }

    /// From columns to the networks' input.
    pub fn encoder(&self) -> &Encoder {
        &self.table().parts.encoder
    }
}
