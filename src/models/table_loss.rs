//! The loss of a model by data set: which goes with its target and recipe, and what follows from it.

use super::ModelError;
use super::recipe::Recipe;
use super::table::TableSpec;
use crate::data::encoder::Task;
use crate::learning::loss::Loss;

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
            _ if !self.minimises_its_measure() && self.recipe == Recipe::Best => {
                ("/loss", "the recipe `best` chooses by squared errors: take `standard`")
            }
            Some(Loss::Quantile(_)) if is_within => return Ok(()),
            Some(Loss::Quantile(_)) => ("/quantile", "a quantile lies between 0 and 1"),
            _ if self.quantile.is_some() => ("/quantile", "a quantile goes with the loss quantile alone"),
            _ => return Ok(()),
        };
        Err(ModelError::Invalid { pointer: pointer.into(), detail: detail.into() })
    }

    /// Whether trainings minimise what answers are measured by when several are to answer together: the squared error, or how unlikely
    /// the classes are.
    pub fn minimises_its_measure(&self) -> bool {
        matches!(self.loss, None | Some(Loss::Mse))
    }

    /// Whether what is answered is about the mean of the target, so that squared errors tell how good it is.
    pub fn answers_means(&self) -> bool {
        matches!(self.loss, None | Some(Loss::Mse | Loss::Poisson))
    }
}
