//! What is to be said of a run's version once it is known which epoch it is of: a trouble that the run has left behind, or that
//! only epochs after the best one had, is none of the version's.

use super::diagnosis::{Diagnosis, LEAST_FALL, Warning, WarningCode};
use super::network::{Network, Workspace};
use super::report::EpochReport;
use super::stopping::Best;

/// The validation loss has turned when it is this share above its best …
const OVERFITTING_RISE: f64 = 0.1;
/// … and by this share of its first value, so that noise around a very small loss is left alone.
const OVERFITTING_FLOOR: f64 = 0.01;

/// Warnings about units, whose state a look at the version shows. That of a gradient shows nothing: where a network has come to
/// rest there is hardly any left, in any layer.
const OF_UNITS: [WarningCode; 2] = [WarningCode::DeadRelu, WarningCode::SaturatedUnits];

/// What the end of a run says of what was said on its way.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Hindsight {
    /// What the version suffers from beside that.
    pub warnings: Vec<Warning>,
    /// Warnings that are not true of the version.
    pub outlived: Vec<WarningCode>,
}

impl Diagnosis {
    /// A warning if the version is of an epoch that is clearly worse than the best one.
    fn overfitting(&self, published: &EpochReport, best: &Best) -> Option<Warning> {
        let validation = published.validation_loss.filter(|_| published.epoch > best.epoch)?;
        let floor = OVERFITTING_FLOOR * self.first_validation.unwrap_or(0.0);
        let has_risen = validation > best.watched + (OVERFITTING_RISE * best.watched).max(floor);
        (has_risen && published.loss < self.loss_at_best).then(|| Warning {
            code: WarningCode::Overfitting,
            message: format!(
                "The validation loss was best in epoch {best_epoch} ({:.4}) and is {validation:.4} in epoch {}, which this \
                 version is of, while the training loss fell: the network has learned its rows by heart. Train again with \
                 early_stopping, which publishes the best epoch (restore_best), or with {best_epoch} epochs; more rows, \
                 weight_decay, dropout or a smaller network help as well.",
                best.watched,
                published.epoch,
                best_epoch = best.epoch
            ),
            epoch: Some(published.epoch),
            layer: None,
        })
    }

    /// Whether a warning was raised that a look into the network decides about.
    pub(super) fn has_looked_inside(&self) -> bool {
        OF_UNITS.iter().any(|code| self.raised.contains(code))
    }

    /// What the losses say.
    pub(super) fn look_back(&self, published: &EpochReport, best: &Best) -> Hindsight {
        let has_raised = |code: &WarningCode| self.raised.contains(code);
        let overfitting = self.overfitting(published, best);
        let has_fallen = published.loss <= (1.0 - LEAST_FALL) * self.loss_to_fall_from();
        // Earlier releases raised it on the way.
        let outlived = [
            Some(WarningCode::Overfitting).filter(|_| overfitting.is_none()),
            Some(WarningCode::LossNotFalling).filter(|_| has_fallen),
        ];
        Hindsight {
            outlived: outlived.into_iter().flatten().filter(has_raised).collect(),
            warnings: overfitting.into_iter().filter(|warning| !has_raised(&warning.code)).collect(),
        }
    }

    /// The warnings about the inside of the network that are not true of the version, whose network has passed `rows` probe
    /// rows.
    pub(super) fn outlived_inside(
        &self,
        network: &Network,
        workspace: &Workspace,
        rows: usize,
        published: &EpochReport,
    ) -> Vec<WarningCode> {
        let mut anew = self.clone();
        anew.raised.clear();
        let still: Vec<_> =
            anew.probe(network, workspace, rows, published).into_iter().map(|warning| warning.code).collect();
        let is_outlived = |code: &WarningCode| self.raised.contains(code) && !still.contains(code);
        OF_UNITS.into_iter().filter(is_outlived).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use ndarray::{Array2, arr2};

    use super::*;
    use crate::learning::diagnosis::EpochFacts;
    use crate::learning::examples::{Examples, Targets};
    use crate::learning::spec::ModelSpec;
    use crate::learning::tile::Tile;
    use crate::learning::training::{Classes, TrainingSpec};

    /// What is known after epochs of these losses and validation losses, and the last epoch. The loss was 1 before.
    fn after(losses: &[(f64, Option<f64>)]) -> (Diagnosis, Best, EpochReport) {
        let settings = TrainingSpec { epochs: Some(losses.len() as u64), ..TrainingSpec::default() };
        let mut diagnosis = Diagnosis::new(&settings.check(0, Classes::None).expect("usual settings"));
        let mut best = Best::new(None);
        diagnosis.start(1.0, arr2(&[[1.0]]).view());
        let mut last = report(0, 1.0, None);
        for (at, (loss, validation)) in losses.iter().enumerate() {
            last = report(at as u64 + 1, *loss, *validation);
            best.improves(last.epoch, last.watched());
            diagnosis.epoch(&EpochFacts { report: &last, best: &best, last: at + 1 == losses.len() });
        }
        (diagnosis, best, last)
    }

    fn report(epoch: u64, loss: f64, validation_loss: Option<f64>) -> EpochReport {
        EpochReport { epoch, loss, validation_loss, learning_rate: 0.1 }
    }

    #[test]
    fn a_loss_that_fell_after_all_is_no_warning_for_the_version() {
        let losses: Vec<_> = (0..100).map(|epoch| (if epoch < 60 { 1.0 } else { 0.5 }, None)).collect();
        let (diagnosis, best, last) = after(&losses);
        assert_eq!(diagnosis.look_back(&last, &best).outlived, [WarningCode::LossNotFalling]);
        assert_eq!(diagnosis.look_back(&report(55, 1.0, None), &best), Hindsight::default(), "stopped before that");
    }

    /// The start is measured on some rows, which may lack the one that holds nearly all of the loss: here it is 1, that of all rows 600.
    #[test]
    fn a_loss_is_held_against_its_start_only_where_that_is_of_such_rows() {
        let falls: Vec<_> = (0..100).map(|epoch| (600.0 - f64::from(epoch), None)).collect();
        let (diagnosis, ..) = after(&falls);
        assert_eq!(diagnosis.raised, []);
        let stays: Vec<_> = (0..100).map(|_| (600.0, None)).collect();
        let (diagnosis, best, last) = after(&stays);
        assert_eq!(diagnosis.raised, [WarningCode::LossNotFalling]);
        assert_eq!(diagnosis.look_back(&last, &best), Hindsight::default());
    }

    #[test]
    fn overfitting_is_of_versions_that_are_worse_than_the_best_epoch() {
        let losses = [(0.9, Some(0.8)), (0.5, Some(0.4)), (0.4, Some(0.43)), (0.2, Some(0.6))];
        let (diagnosis, best, last) = after(&losses);
        let found = diagnosis.look_back(&last, &best).warnings;
        assert_eq!(
            found.iter().map(|warning| (warning.code, warning.epoch)).collect::<Vec<_>>(),
            [(WarningCode::Overfitting, Some(4))]
        );
        for published in [report(2, 0.5, Some(0.4)), report(3, 0.4, Some(0.43)), report(4, 0.6, Some(0.6))] {
            assert_eq!(diagnosis.look_back(&published, &best), Hindsight::default(), "{published:?}");
        }
    }

    #[test]
    fn units_that_live_again_are_no_warning_for_the_version() {
        let spec = ModelSpec { layers: vec![1.into(), 2.into(), 1.into()], ..ModelSpec::default() };
        let spec = Arc::new(spec.check().expect("a network").0);
        let examples = Examples::new(arr2(&[[1.0], [2.0]]), Targets::Values(Array2::zeros((2, 1))));
        let look_at = |parameter: f32| {
            let network = Network::with_parameters(spec.clone(), vec![parameter; spec.parameter_count()]);
            let mut tile = Tile::new(&network, 2);
            tile.probe(&network, &examples, 2);
            (network, tile)
        };
        // With weights and biases below 0, no unit answers to a number above 0.
        let ((dead, of_dead), (alive, of_alive)) = (look_at(-1.0), look_at(1.0));
        let (mut diagnosis, _, last) = after(&[(0.9, None)]);
        let raised = diagnosis.probe(&dead, of_dead.workspace(), 2, &last);
        assert!(raised.len() == 1 && diagnosis.has_looked_inside(), "{raised:?}");
        assert_eq!(diagnosis.outlived_inside(&alive, of_alive.workspace(), 2, &last), [WarningCode::DeadRelu]);
        assert_eq!(diagnosis.outlived_inside(&dead, of_dead.workspace(), 2, &last), []);
    }
}
