//! A version of a model by data set, ready to answer.

use std::sync::Arc;

use uuid::Uuid;

use super::answered_rows::{AnsweredRows, Failures};
use super::error::ServingError;
use super::extras::{Extras, OnError};
use crate::app::App;
use crate::data::column::Table;
use crate::data::encoder::{EncodeError, Encoder, OnMisfit};
use crate::data::passed::Passed;
use crate::models::drift::DriftCounts;
use crate::models::intervals::Level;
use crate::models::prediction::{Predictions, TablePredictor};
use crate::models::{Model, ModelError, Predictor, Version};
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
    pub interval: Option<Level>,
    /// Where its predictions are counted, if it is the active version.
    counts: Option<Arc<DriftCounts>>,
    /// Makes ids of its predictions, if they are asked for.
    ids: Option<IdSeries>,
    /// What is asked for.
    pub extras: Extras,
}

impl TableVersion {
    /// Loads a version, to answer with these extras.
    ///
    /// # Errors
    /// `Model`: the version cannot be loaded, or has no intervals of this level.
    pub async fn load(app: &App, model: &Model, version: &Version, extras: Extras) -> Result<Self, ServingError> {
        let predictor = app.models.predictor(model, version).await?;
        let interval = extras.interval.map(|level| Level::at(level, predictor.table()?.parts)).transpose()?;
        let table = predictor.table()?;
        if extras.explain.is_some() && table.parts.background.is_none() {
            return Err(ModelError::NoExplanation.into());
        }
        let counts = app.drift.counts(model, version.number, &predictor);
        let ids = match extras.ids {
            // In a box: few requests hold what is asked of the catalog.
            true => Some(Box::pin(app.ids.series(model.id, version.number)).await?),
            false => None,
        };
        Ok(TableVersion { model_id: model.id, version: version.number, predictor, interval, counts, ids, extras })
    }

    /// What is answered to the rows of the table that `read` makes, before which `before` rows of the request stand; the
    /// reply repeats the cells of `passed`. What it answers is counted. Explanations end early once `go_on` says no.
    ///
    /// # Errors
    /// Those of `read`, which is handed what becomes of cells that cannot be read; a column is missing.
    pub fn answer<E: From<EncodeError>>(
        &self,
        before: usize,
        passed: Vec<Passed>,
        go_on: &dyn Fn() -> bool,
        read: impl FnOnce(OnMisfit) -> Result<Table, E>,
    ) -> Result<AnsweredRows, E> {
        let mut failures = Failures::default();
        let table = match self.extras.on_error {
            OnError::Refuse => read(&mut EncodeError::refuse)?,
            OnError::Row => read(&mut |error| failures.note(error))?,
        };
        let predictions = self.predict(&failures.others(table), before, go_on)?;
        self.predictor.count(predictions.rows, predictions.sightings.len(), failures.count());
        Ok(AnsweredRows { predictions, failures, passed, explained: Vec::new() })
    }

    /// Predictions for the rows of `table`.
    fn predict(&self, table: &Table, before: usize, go_on: &dyn Fn() -> bool) -> Result<Predictions, EncodeError> {
        let mut predictions = self.table().predict(table, self.interval.as_ref(), self.counts.as_deref())?;
        if let Some(series) = &self.ids {
            predictions.ids = series.of(&predictions, before);
        }
        if let Some(top) = self.extras.explain {
            predictions.explanations = self.table().explain(table, &predictions.answers, top, go_on)?;
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
