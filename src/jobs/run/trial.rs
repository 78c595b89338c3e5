//! Short trainings that tell on rows held out which of two ways a network learns better: who watches them, and when one is better.

use crate::jobs::job::Job;
use crate::learning::diagnosis::Warning;
use crate::learning::report::EpochReport;
use crate::learning::row_weights::RowWeights;
use crate::learning::trainer::{Control, Observer};

/// Whether `these` losses are less than `others`, row by row, by more than one standard error of the mean difference.
pub(super) fn is_clearly_less(these: &[f64], others: &[f64], weights: RowWeights) -> bool {
    let (rows, total) = (these.len(), weights.total(these.len()));
    let gain = |row: usize| others[row] - these[row];
    let mean = (0..rows).map(|row| weights.get(row) * gain(row)).sum::<f64>() / total;
    let squares: f64 = (0..rows).map(|row| (weights.get(row) * (gain(row) - mean)).powi(2)).sum();
    mean > squares.sqrt() / total
}

/// Ends a trial when the job is to stop; hears of nothing else.
pub(super) struct Watching<'a>(pub(super) &'a Job);

impl Observer for Watching<'_> {
    fn batch(&mut self, _: usize) -> Control {
        if self.is_urgent() { Control::Stop } else { Control::Continue }
    }

    fn is_urgent(&self) -> bool {
        self.0.control.stop().is_some()
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
        let clear = |gains: &[f64], weights| is_clearly_less(&vec![0.0; gains.len()], gains, weights);
        // Mean ½, standard error ½/√4.
        assert!(clear(&[0.0, 1.0, 0.0, 1.0], RowWeights::ALIKE));
        assert!(!clear(&[0.1, -0.1, 0.1, -0.1], RowWeights::ALIKE));
        assert!(!clear(&[3.0, -1.0, -1.0, -0.5], RowWeights::ALIKE), "one row alone");
        assert!(!clear(&[0.0; 9], RowWeights::ALIKE));
        assert!(clear(&[3.0, 3.0, -9.0], RowWeights::of(&[1.0, 1.0, 0.0])), "a row without weight");
    }
}
