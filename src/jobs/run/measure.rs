//! What a version of a model by data set gets after its last epoch: calibration, scores for intervals, importance of each
//! feature.

use ndarray::{Array1, Array2, ArrayView1, Axis};

use super::answering::Answering;
use super::unpublished::Stopped;
use crate::data::encoder::{Encoder, Histogram, Target};
use crate::learning::calibration::Calibration;
use crate::learning::curves::Curves;
use crate::learning::examples::{Examples, most_likely};
use crate::learning::importance::permutation_importance;
use crate::learning::members::Members;
use crate::learning::metrics::Metrics;
use crate::learning::random::{Purpose, generator};
use crate::learning::row_weights::RowWeights;
use crate::learning::spec::ValidModelSpec;
use crate::learning::tiling::{evenly_spaced, piece_rows, tile_range, widest};
use crate::models::conformal::{ClassScores, Conformal};
use crate::models::scoring::{Answered, Reading, Truth, probabilities};
use crate::models::table::{FeatureImportance, TableSpec};

/// Most logits that a calibration is fitted on, and rows of them that are chosen at once.
const CALIBRATION_VALUES: usize = 8 << 20;
const CALIBRATION_ROWS: usize = 1024;
/// Multiply-adds that all shuffles of a version's features may take together: some seconds of one processor.
const IMPORTANCE_WORK: usize = 20_000_000_000;
/// A row counts as so many multiply-adds at least: it is moved and measured too.
const LEAST_ROW_WORK: usize = 1_000;
/// Rows on which importance is measured, and shuffles of each feature: at most, and at least.
const IMPORTANCE_ROWS: (usize, usize) = (2_000, 50);
const IMPORTANCE_REPEATS: (usize, usize) = (5, 2);

/// Rows to measure networks on, with what they should answer.
#[derive(Clone, Copy)]
pub(super) struct Measuring<'a> {
    /// What was asked of the networks.
    pub(super) spec: &'a TableSpec,
    pub(super) encoder: &'a Encoder,
    /// The encoder's, or the same with another line through its answers.
    pub(super) target: &'a Target,
    pub(super) examples: &'a Examples,
    pub(super) truth: &'a Truth,
    /// Asked every some milliseconds.
    pub(super) go_on: &'a dyn Fn() -> bool,
}

/// What a network answers to rows, measured.
pub(super) struct Answers {
    pub(super) metrics: Metrics,
    pub(super) curves: Curves,
    /// How far off they are, if that was asked for.
    pub(super) conformal: Option<Conformal>,
}

impl Measuring<'_> {
    fn all_inputs(&self) -> &[f32] {
        self.examples.input_rows(0, self.examples.rows())
    }

    fn reading<'a>(&'a self, calibration: Option<&'a Calibration>) -> Reading<'a> {
        Reading { target: self.target, calibration }
    }

    /// Fits the calibration of a network's probabilities; none of a regression. Of very many logits those of some rows are
    /// taken, evenly spaced: a single number is fitted, and [`CALIBRATION_VALUES`] fix it.
    ///
    /// # Errors
    /// It was told to stop.
    pub(super) fn calibration(&self, answering: Answering) -> Result<Option<Calibration>, Stopped> {
        let Truth::Labels(labels) = self.truth else { return Ok(None) };
        let (rows, width) = (labels.len(), self.target.outputs());
        let count = rows.min((CALIBRATION_VALUES / width).max(1));
        let mut logits = Vec::with_capacity(count * width);
        let mut see = |piece: &[f32]| {
            logits.extend_from_slice(piece);
            (self.go_on)()
        };
        let row = |i: usize| i * rows / count;
        let all = match count == rows {
            true => answering.for_each_logits(self.all_inputs(), None, &mut see),
            false => (0..count.div_ceil(CALIBRATION_ROWS)).all(|piece| {
                let chosen: Vec<usize> = tile_range(count, CALIBRATION_ROWS, piece).map(row).collect();
                let inputs = self.examples.inputs().select(Axis(0), &chosen);
                answering.for_each_logits(inputs.as_slice().expect("row-major"), Some(&chosen), &mut see)
            }),
        };
        let labels: Vec<u32> = (0..count).map(|i| labels[row(i)]).collect();
        let weights = self.examples.weights();
        let chosen = weights.given().map(|weights| (0..count).map(|i| weights[row(i)]).collect::<Vec<f32>>());
        let weights = RowWeights::from(chosen.as_deref());
        let fit = || Calibration::fit_unless(&logits, width, &labels, weights, &mut || (self.go_on)());
        let fitted = all.then(fit).flatten();
        fitted.map(Some).ok_or(Stopped)
    }

    /// The network's answers to all rows, piece after piece: what measures and curves need of them, and if `scored` how far off
    /// each is.
    ///
    /// # Errors
    /// It was told to stop.
    pub(super) fn answers(
        &self,
        answering: Answering,
        calibration: Option<&Calibration>,
        scored: bool,
    ) -> Result<Answers, Stopped> {
        let (rows, weights) = (self.examples.rows(), self.examples.weights());
        let (reading, weighed) = (self.reading(calibration), weights.given().is_some());
        let mut answered = Answered::for_rows(rows, self.target, weighed);
        let (mut of_classes, mut row) = (ClassScores::default(), 0);
        let mut see = |logits: &[f32]| {
            answered.extend(reading, logits, self.truth, weights, row);
            if let (true, Truth::Labels(labels)) = (scored, self.truth) {
                // As predictions find them: a class at the threshold of its set must be in it.
                let probabilities = probabilities(reading.calibration, logits, answering.outputs());
                of_classes.extend(probabilities.view(), &labels[row..]);
            }
            row += logits.len() / answering.outputs();
            (self.go_on)()
        };
        if !answering.for_each_logits(self.all_inputs(), None, &mut see) {
            return Err(Stopped);
        }
        let (metrics, curves) = (answered.measures(self.target, self.spec.asked_loss()), answered.curves(self.target));
        let conformal = match self.truth {
            Truth::Labels(_) => scored.then(|| of_classes.conformal(weights)),
            Truth::Values(_) => {
                if scored {
                    answered.conformal()
                } else {
                    None
                }
            }
        };
        Ok(Answers { metrics, curves, conformal })
    }

    /// How the answers to all rows are distributed.
    ///
    /// # Errors
    /// It was told to stop.
    pub(super) fn answered(&self, members: &Members, calibration: Option<&Calibration>) -> Result<Histogram, Stopped> {
        let (target, width) = (self.target, members.first().spec().outputs());
        let (mut counts, mut values) = (vec![0; target.classes().len()], Vec::new());
        let mut see = |logits: &[f32]| {
            match counts.is_empty() {
                true => values.extend(logits.iter().map(|output| target.value(*output))),
                false => {
                    let probabilities = probabilities(calibration, logits, width);
                    let rows = probabilities.as_slice().expect("row-major").chunks_exact(probabilities.ncols());
                    rows.for_each(|row| counts[most_likely(row)] += 1);
                }
            }
            (self.go_on)()
        };
        if !members.for_each_logits(self.all_inputs(), &mut see) {
            return Err(Stopped);
        }
        Ok(if counts.is_empty() { Histogram::of_numbers(values) } else { Histogram::of_classes(&counts) })
    }

    /// The loss of answers to `inputs`, which are the rows at `places`, shuffled perhaps, by what versions are compared by.
    fn loss(
        &self,
        answering: Answering,
        calibration: Option<&Calibration>,
        (inputs, places): (&Array2<f32>, &[usize]),
        truth: &Truth,
        weights: RowWeights,
    ) -> Option<f64> {
        let (reading, mut answered, mut row) = (self.reading(calibration), Answered::default(), 0);
        let mut see = |logits: &[f32]| {
            answered.extend(reading, logits, truth, weights, row);
            row += logits.len() / answering.outputs();
            (self.go_on)()
        };
        let all = answering.for_each_logits(inputs.as_slice().expect("row-major"), Some(places), &mut see);
        all.then(|| answered.measures(self.target, self.spec.asked_loss()).by(self.spec.metric()))
    }
}

/// How much work importance may be: the more features, the fewer shuffles of each; then the fewer rows; then the fewer
/// features.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Effort {
    repeats: usize,
    rows: usize,
    features: usize,
}

impl Effort {
    /// For `features` features on at most `rows` rows, each of which takes `row_work` multiply-adds.
    fn of(features: usize, rows: usize, row_work: usize) -> Self {
        let predictions = IMPORTANCE_WORK / row_work.max(LEAST_ROW_WORK);
        let (most, least) = IMPORTANCE_ROWS;
        let (features, most) = (features.max(1), most.min(rows).max(1));
        let repeats = (predictions / (features * most)).clamp(IMPORTANCE_REPEATS.1, IMPORTANCE_REPEATS.0);
        let rows = (predictions / (features * repeats)).clamp(least.min(most), most);
        Effort { repeats, rows, features: (predictions / (rows * repeats)).clamp(1, features) }
    }
}

/// Memory that measuring `network` takes beside its parameters, in bytes: on `rows` rows, of which there are scores if they
/// are `held_out`, with `features` features.
pub(in crate::jobs) fn measuring_bytes(
    network: &ValidModelSpec,
    features: usize,
    rows: usize,
    held_out: bool,
) -> usize {
    let outputs = network.outputs();
    let piece = piece_rows(network).min(rows);
    let pass = piece * (2 * widest(network) + 4 * outputs);
    // Of a class: truth, answer, two probabilities, and score and weight once more to rank them. Of a number: both in f64. A
    // weight.
    let answered = rows * 7;
    if !held_out {
        return (pass + answered) * size_of::<f32>();
    }
    let fitted = rows.min(CALIBRATION_VALUES / outputs);
    let calibration = if network.classes().is_some() || outputs == 1 { fitted * (outputs + 1) } else { 0 };
    let effort = Effort::of(features, rows, network.parameter_count());
    let shuffled =
        2 * effort.rows * network.inputs() + if effort.features < features { 2 * effort.rows * outputs } else { 0 };
    // Of a row its score, the number that it is parted by, and its place twice, to put rows in order.
    let scored = 7 * rows;
    (pass + calibration.max(answered + scored).max(shuffled)) * size_of::<f32>()
}

impl Measuring<'_> {
    /// How much worse the network gets when one feature's values are shuffled, most important feature first. Where there are
    /// more features than [`Effort`] allows, only those are shuffled that correlate most with the network's answers.
    ///
    /// # Errors
    /// It was told to stop.
    pub(super) fn importance(
        &self,
        answering: Answering,
        calibration: Option<&Calibration>,
        seed: u64,
    ) -> Result<Vec<FeatureImportance>, Stopped> {
        let groups = self.encoder.groups();
        let effort = Effort::of(groups.len(), self.examples.rows(), answering.row_work());
        let chosen = evenly_spaced(effort.rows, self.examples.rows());
        let inputs = self.examples.inputs().select(Axis(0), &chosen);
        let (truth, weights) = (self.truth.select(&chosen), self.examples.weights().select(&chosen));
        let weights = RowWeights::from(weights.as_deref());
        let features = match effort.features < groups.len() {
            true => {
                let logits = answering.logits_of(&inputs, &chosen);
                most_promising(&groups, &inputs, &logits, effort.features, self.go_on)?
            }
            false => (0..groups.len()).collect(),
        };
        let groups: Vec<Vec<usize>> = features.iter().map(|feature| groups[*feature].clone()).collect();
        let mut loss = |inputs: &Array2<f32>| self.loss(answering, calibration, (inputs, &chosen), &truth, weights);
        let mut generator = generator(seed, Purpose::Importance);
        let found = permutation_importance(&mut loss, &inputs, &groups, effort.repeats, &mut generator);
        let named = features.iter().map(|feature| &self.encoder.features[*feature]).zip(found.ok_or(Stopped)?);
        // Of targets at the end of what numbers can be, a measure may not be one.
        let named = named.filter(|(_, found)| found.mean.is_finite() && found.std.is_finite());
        let mut list: Vec<FeatureImportance> = named
            .map(|(feature, found)| FeatureImportance {
                feature: feature.name.clone(),
                importance: found.mean,
                std: found.std,
            })
            .collect();
        list.sort_by(|a, b| b.importance.total_cmp(&a.importance));
        Ok(list)
    }
}

/// The `most` features with a column that `outputs` (rows × outputs) correlate with most, in their order.
fn most_promising(
    groups: &[Vec<usize>],
    inputs: &Array2<f32>,
    outputs: &Array2<f32>,
    most: usize,
    go_on: &dyn Fn() -> bool,
) -> Result<Vec<usize>, Stopped> {
    let outputs: Vec<Array1<f32>> = outputs.columns().into_iter().map(standardised).collect();
    let promise = |columns: &Vec<usize>| {
        let of_column = |column: &usize| {
            let x = standardised(inputs.column(*column));
            outputs.iter().map(|y| x.dot(y).abs()).fold(0.0, f32::max)
        };
        go_on().then(|| columns.iter().map(of_column).fold(0.0, f32::max))
    };
    let promises: Vec<f32> = groups.iter().map(promise).collect::<Option<_>>().ok_or(Stopped)?;
    let mut order: Vec<usize> = (0..groups.len()).collect();
    order.sort_by(|a, b| promises[*b].total_cmp(&promises[*a]));
    order.truncate(most);
    order.sort_unstable();
    Ok(order)
}

/// The values centred and scaled to Euclidean length 1; zeros where they do not vary.
fn standardised(values: ArrayView1<f32>) -> Array1<f32> {
    let centred = &values - values.mean().unwrap_or(0.0);
    let length = centred.dot(&centred).sqrt();
    if length > 0.0 && length.is_finite() { centred / length } else { Array1::zeros(values.len()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_effort_for_importance_stays_within_its_bound() {
        assert_eq!(Effort::of(10, 500, 40_000), Effort { repeats: 5, rows: 500, features: 10 });
        assert_eq!(Effort::of(100, 20_000, 40_000), Effort { repeats: 2, rows: 2_000, features: 100 });
        let some_rows = Effort::of(1_000, 20_000, 100_000);
        assert_eq!((some_rows.repeats, some_rows.features), (2, 1_000));
        for (features, row_work) in [(1_000, 600_000), (16_384, 8_400_000), (16_384, 100_000_000), (16_384, 1)] {
            let Effort { repeats, rows, features } = Effort::of(features, 20_000, row_work);
            assert!(repeats * rows * features * row_work <= IMPORTANCE_WORK, "{features} of {row_work}");
            assert!(repeats >= 2 && rows >= 50 && features >= 1);
        }
        assert_eq!(Effort::of(3, 7, 1_000).rows, 7, "all there are");
    }

    #[test]
    fn features_that_the_answers_follow_are_the_promising_ones() {
        let inputs = Array2::from_shape_fn((40, 4), |(row, column)| (row * [3, 7, 11, 13][column] % 41) as f32);
        let outputs = Array2::from_shape_fn((40, 1), |(row, _)| 2.0 - inputs[[row, 2]]);
        let groups = [vec![0], vec![1, 2], vec![3]];
        let found = |inputs: &Array2<f32>, most| most_promising(&groups, inputs, &outputs, most, &|| true).ok();
        assert_eq!(found(&inputs, 1), Some(vec![1]));
        assert_eq!(found(&Array2::zeros((40, 4)), 2), Some(vec![0, 1]));
    }
}
