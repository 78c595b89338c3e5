//! Short trainings that tell on rows held out which of two ways a network learns better.

use std::ops::Range;
use std::sync::Arc;

use super::unpublished::Stopped;
use crate::jobs::job::Job;
use crate::learning::diagnosis::Warning;
use crate::learning::examples::Examples;
use crate::learning::members::Members;
use crate::learning::report::{EndReason, EpochReport};
use crate::learning::row_weights::RowWeights;
use crate::learning::team::{Cores, Team};
use crate::learning::trainer::{Control, Observer, Trainer};
use crate::learning::training::ValidTrainingSpec;

/// A training that has fewer seconds has none for trials.
const LEAST_SECONDS: f64 = 60.0;

/// Whether a training with these settings has time for trials.
pub(super) fn has_time(settings: &ValidTrainingSpec) -> bool {
    settings.max_seconds.is_none_or(|seconds| seconds >= LEAST_SECONDS)
}

/// What a trial learns from, and on which cores.
pub(super) struct Trial<'a> {
    pub(super) job: &'a Job,
    pub(super) cores: &'a Arc<Cores>,
    pub(super) settings: &'a ValidTrainingSpec,
    pub(super) train: &'a Examples,
    pub(super) validation: &'a Examples,
    pub(super) folds: &'a [Range<usize>],
}

impl Trial<'_> {
    /// The networks after the training; none if that diverges.
    ///
    /// # Errors
    /// The job is to stop.
    pub(super) fn run(&self, networks: Members) -> Result<Option<Members>, Stopped> {
        let (networks, weights) = networks.into_parts();
        let trainer = Trainer::of_members(networks, self.settings, self.train, Some(self.validation), self.folds);
        let mut trainer = trainer.on(Team::on(self.cores));
        let ended = trainer.run(&mut While(|| !self.job.control.is_in_vain()));
        match ended {
            Ok(summary) if summary.end == EndReason::Stopped => Err(Stopped),
            Ok(_) => Ok(Some(Members::of_parts(trainer.into_networks(), weights))),
            Err(_) => Ok(None),
        }
    }
}

/// Whether `these` losses are less than `others`, row by row, by more than so many standard errors of the mean difference.
pub(super) fn is_clearly_less(these: &[f64], others: &[f64], weights: RowWeights, errors: f64) -> bool {
    let (rows, total) = (these.len(), weights.total(these.len()));
    let gain = |row: usize| others[row] - these[row];
    let mean = (0..rows).map(|row| weights.get(row) * gain(row)).sum::<f64>() / total;
    let squares: f64 = (0..rows).map(|row| (weights.get(row) * (gain(row) - mean)).powi(2)).sum();
    mean > errors * squares.sqrt() / total
}

/// Stops a training once this says no; hears of nothing else.
pub(super) struct While<F>(pub(super) F);

impl<F: Fn() -> bool + Send> Observer for While<F> {
    fn batch(&mut self, _: usize) -> Control {
        if (self.0)() { Control::Continue } else { Control::Stop }
    }

    fn is_urgent(&self) -> bool {
        !(self.0)()
    }

    fn epoch(&mut self, _: &EpochReport) -> Control {
        Control::Continue
    }

    fn warning(&mut self, _: Warning) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gain_is_clear_where_it_is_larger_than_its_error() {
        let clear = |gains: &[f64], weights| is_clearly_less(&vec![0.0; gains.len()], gains, weights, 1.0);
        // Mean ½, standard error ½/√4.
        assert!(clear(&[0.0, 1.0, 0.0, 1.0], RowWeights::ALIKE));
        assert!(!is_clearly_less(&[0.0; 4], &[0.0, 1.0, 0.0, 1.0], RowWeights::ALIKE, 2.0), "of two errors exactly");
        assert!(!clear(&[0.1, -0.1, 0.1, -0.1], RowWeights::ALIKE));
        assert!(!clear(&[3.0, -1.0, -1.0, -0.5], RowWeights::ALIKE), "one row alone");
        assert!(!clear(&[0.0; 9], RowWeights::ALIKE));
        assert!(clear(&[3.0, 3.0, -9.0], RowWeights::of(&[1.0, 1.0, 0.0])), "a row without weight");
    }
}
