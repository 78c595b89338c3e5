//! The loss of a model by data set: which goes with its target, and what follows from it.

use serde::de::{Deserialize, Deserializer, Error, IntoDeserializer};

use super::ModelError;
use super::table::TableSpec;
use crate::data::encoder::Task;
use crate::learning::loss::Loss;
use crate::learning::metric::Metric;

/// A loss of numbers by its word; no other word is taken.
#[derive(Clone, Copy, Debug)]
pub struct LossOfNumbers(pub Loss);

/// The words of these losses.
const OF_NUMBERS: &[&str] = &["mse", "mae", "huber", "poisson", "quantile"];

impl<'de> Deserialize<'de> for LossOfNumbers {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let word = String::deserialize(deserializer)?;
        match OF_NUMBERS.contains(&word.as_str()) {
            true => Loss::deserialize(word.into_deserializer()).map(LossOfNumbers),
            false => Err(D::Error::unknown_variant(&word, OF_NUMBERS)),
        }
    }
}

impl TableSpec {
    /// Checks that the loss goes with the target and the recipe, and the quantile with the loss.
    ///
    /// # Errors
    /// `Invalid` at `/loss` or `/quantile`.
    pub(super) fn check_loss(&self) -> Result<(), ModelError> {
        let of_numbers =
            matches!(self.loss, Some(Loss::Mse | Loss::Mae | Loss::Huber | Loss::Poisson | Loss::Quantile(_)));
        let is_within = self.quantile.is_none_or(|quantile| quantile > 0.0 && quantile < 1.0);
        let (pointer, detail) = match self.loss {
            Some(_) if !of_numbers || self.task == Task::Classification => (
                "/loss",
                "a target of numbers has the loss mse, mae, huber, poisson or quantile; classes have their own",
            ),
            Some(Loss::Quantile(_)) if is_within => return Ok(()),
            Some(Loss::Quantile(_)) => ("/quantile", "a quantile lies between 0 and 1"),
            _ if self.quantile.is_some() => ("/quantile", "a quantile goes with the loss quantile alone"),
            _ => return Ok(()),
        };
        Err(ModelError::Invalid { pointer: pointer.into(), detail: detail.into() })
    }

    /// The loss that is asked for, with its quantile.
    pub fn asked_loss(&self) -> Option<Loss> {
        match (self.loss, self.quantile) {
            (Some(Loss::Quantile(_)), Some(quantile)) => Some(Loss::Quantile(quantile)),
            (loss, _) => loss,
        }
    }

    /// What versions are compared by.
    pub fn metric(&self) -> Metric {
        match self.task {
            Task::Classification => Metric::LogLoss,
            Task::Regression => Metric::of_numbers(self.loss),
        }
    }

    /// Whether trainings minimise what answers are measured by when several are to answer together: the squared error, or how unlikely
    /// the classes are.
    pub fn minimises_its_measure(&self) -> bool {
        matches!(self.loss, None | Some(Loss::Mse))
    }
}
