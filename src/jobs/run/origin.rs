//! The version that a training is based on, as far as the measures of the new one depend on it: where it may have learned from rows
//! that are held out now, they flatter.

use super::learned::Learned;
use crate::data::profile::Finding;
use crate::learning::calibration::Calibration;
use crate::models::conformal::Conformal;

/// What to do where measures flatter.
pub(super) const ON_OTHER_ROWS: &str =
    "Measure both versions on rows of your own (POST /models/{model}/evaluate), or give such rows as `validation`.";

/// A version that a training goes on from, or distills.
pub(super) struct Origin {
    pub(super) version: u64,
    pub(super) learned: Learned,
    /// Whether its answers are learned, in place of the targets; else its networks learn on.
    pub(super) is_distilled: bool,
    /// Of its probabilities, by rows that it has not learned from; none of one that is distilled, whose answers are calibrated already.
    pub(super) calibration: Option<Calibration>,
    /// How far off it is on rows that it has not learned from.
    pub(super) conformal: Option<Conformal>,
}

impl Origin {
    /// Whether what the new version knows may come of the rows held out.
    pub(super) fn may_know_rows_held_out(&self) -> bool {
        self.learned != Learned::Nothing
    }

    /// Whether what it knows of itself is taken over, as the new version cannot be measured for it: rows are held out or none are.
    pub(super) fn stands_in(&self, rows_held_out: bool) -> bool {
        if rows_held_out { self.may_know_rows_held_out() } else { self.is_distilled }
    }

    /// The finding that measures on `rows` rows held out flatter.
    pub(super) fn flatters(&self, rows: usize) -> Finding {
        let (version, learned) = (self.version, if self.learned == Learned::All { "" } else { "some of " });
        let (code, message) = match self.is_distilled {
            true => (
                "distilled_rows_known",
                format!(
                    "the measures flatter: they come from {rows} rows, and version {version}, whose answers are learned, may have \
                     learned from {learned}them. Intervals and label sets are those of version {version}, which this one may hold \
                     less often. {ON_OTHER_ROWS}"
                ),
            ),
            false => (
                "warm_start_rows_known",
                format!(
                    "the measures flatter: they come from {rows} rows, and version {version}, from which the training goes on, may \
                     have learned from {learned}them. Calibration, intervals and label sets are those of version {version}. Hold \
                     out the same rows by the `seed` and `split` of its training, on its data set or one that it has grown to. \
                     {ON_OTHER_ROWS}"
                ),
            ),
        };
        Finding { code: code.to_owned(), message, column: None }
    }
}
