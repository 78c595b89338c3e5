//! What a classifier says of rows: all that measures and curves need of its outputs.

use super::examples::label;

/// Answers of a classifier, some rows after others.
#[derive(Clone, Debug, Default)]
pub struct Predicted {
    /// The class of each row.
    pub(super) labels: Vec<u32>,
    /// The probability of that class; of a single output, whose class is 0 or 1, the larger of p and 1 − p.
    pub(super) confidences: Vec<f32>,
    /// The probability of the last class.
    pub(super) scores: Vec<f32>,
}

impl Predicted {
    /// With room for so many rows.
    pub fn for_rows(rows: usize) -> Self {
        Predicted {
            labels: Vec::with_capacity(rows),
            confidences: Vec::with_capacity(rows),
            scores: Vec::with_capacity(rows),
        }
    }

    /// Takes in rows of `width` outputs.
    pub fn extend(&mut self, outputs: &[f32], width: usize) {
        for row in outputs.chunks_exact(width) {
            let label = label(row);
            self.labels.push(label);
            self.confidences.push(match row {
                [p] => p.max(1.0 - p),
                row => row[label as usize],
            });
            self.scores.push(row[width - 1]);
        }
    }
}
