//! A version of a model by data set, ready to answer.

use std::sync::Arc;

use uuid::Uuid;

use super::error::ServingError;
use crate::app::App;
use crate::data::column::Table;
use crate::data::encoder::{EncodeError, Encoder};
use crate::models::drift::DriftCounts;
use crate::models::prediction::{Interval, Predictions, TablePredictor};
use crate::models::{Model, Predictor, Version};
use crate::monitoring::prediction_id::IdSeries;

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
    /// Where its predictions are counted, if it is the active version.
    counts: Option<Arc<DriftCounts>>,
    /// Makes ids of its predictions, if they are asked for.
    ids: Option<IdSeries>,
}

/// What is asked for beside the predictions themselves.
#[derive(Clone, Copy, Debug, Default)]
pub struct Extras {
    /// Intervals or label sets of this level, such as 0.9.
    pub interval: Option<f64>,
    /// An id for each prediction.
    pub ids: bool,
}

impl TableVersion {
    /// Loads a version, to answer with these extras.
    ///
    /// # Errors
    /// `Model`: the version cannot be loaded, or has no intervals of this level.
    pub async fn load(app: &App, model: &Model, version: &Version, extras: Extras) -> Result<Self, ServingError> {
        let predictor = app.models.predictor(model, version).await?;
        let interval = extras.interval.map(|level| Interval::at(level, predictor.table()?.parts)).transpose()?;
        predictor.table()?;
        let counts = app.drift.counts(model, version.number, &predictor);
        let ids = match extras.ids {
            // In a box: few requests hold what is asked of the catalog.
            true => Some(Box::pin(app.ids.series(model.id, version.number)).await?),
            false => None,
        };
        Ok(TableVersion { model_id: model.id, version: version.number, predictor, interval, counts, ids })
    }

    /// Predictions for the rows of `table`, before which `before` rows of the request stand. They are counted.
    ///
    /// # Errors
    /// A column is missing or of a wrong type.
    pub fn predict(&self, table: &Table, before: usize) -> Result<Predictions, EncodeError> {
        let mut predictions = self.table().predict(table, self.interval, self.counts.as_deref())?;
        if let Some(series) = &self.ids {
            predictions.ids = series.of(&predictions, before);
        }
        Ok(predictions)
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
