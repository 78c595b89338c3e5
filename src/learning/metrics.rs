//! How good a network is on examples. Definitions are scikit-learn's (`sklearn.metrics`), with its `sample_weight` where rows
//! have weights; a confusion matrix and the support of a class count rows all the same.
//!
//! ```
//! use epochd::learning::metrics::regression_of;
//! use epochd::learning::row_weights::RowWeights;
//!
//! // Errors 1, 0, −1 on the targets 1, 2, 3: RMSE √(2/3), MAE 2/3, and R² = 1 − 2/2.
//! let measures = regression_of(&[2.0, 2.0, 2.0], &[1.0, 2.0, 3.0], RowWeights::ALIKE);
//! assert_eq!((measures.rmse, measures.mae), ((2.0f64 / 3.0).sqrt(), 2.0 / 3.0));
//! assert_eq!(measures.r2, Some(0.0));
//! ```

use ndarray::{Array2, ArrayView1};
use serde::Serialize;

use super::curves::{CalibrationBins, Curves, Residuals};
use super::evaluation::Evaluation;
use super::examples::{Examples, Targets};
use super::loss::Loss;
use super::metric::{Metric, OfLoss};
use super::network::Network;
use super::predicted::Predicted;
use super::roc::roc_auc;
use super::row_weights::RowWeights;
use super::spec::ValidModelSpec;
use super::team::Team;

/// Models with more classes have no confusion matrix and no entry per class: a reply would drown in them.
const MAX_LISTED_CLASSES: usize = 100;

/// Measures of a network on examples. What does not apply or is not defined there is `None`.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Metrics {
    /// For models whose targets are classes or probabilities.
    Classification(Classification),
    /// For models whose targets are numbers.
    Regression(Regression),
}

/// Measures of a classifier.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Classification {
    /// Share of rows whose class is right (of several independent outputs: share of right outputs).
    pub accuracy: f64,
    /// Mean −ln p of the true class, in nats (the loss, whatever classes weigh).
    pub log_loss: f64,
    /// Mean of the classes' F1.
    pub macro_f1: f64,
    /// Area under the ROC curve, for two classes that both occur.
    pub roc_auc: Option<f64>,
    /// Rows: true class; columns: predicted class. Up to 100 classes.
    pub confusion_matrix: Option<Vec<Vec<u64>>>,
    /// One entry per class; none beyond 100 classes.
    pub per_class: Vec<ClassMetrics>,
}

/// Measures of one class; a ratio without a denominator is 0.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ClassMetrics {
    /// Index of the class.
    pub class: usize,
    /// Its name, where classes have names.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// Share of the rows predicted as this class that are of it.
    pub precision: f64,
    /// Share of the rows of this class that are predicted as it.
    pub recall: f64,
    /// Harmonic mean of both.
    pub f1: f64,
    /// Rows of this class.
    pub support: u64,
}

/// Measures of a regression, over all rows and outputs.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Regression {
    /// √ mean (y − ŷ)², in the unit of the target.
    pub rmse: f64,
    /// mean |y − ŷ|, in the unit of the target.
    pub mae: f64,
    /// 1 − Σ(y − ŷ)² / Σ(y − ȳ)², the mean over outputs; `None` if a target does not vary.
    pub r2: Option<f64>,
    /// Of a model by data set whose loss asks for something else.
    #[serde(flatten)]
    pub of_loss: Option<OfLoss>,
}

/// Loss and measures of `network` on `examples`.
pub fn evaluate(network: &Network, examples: &Examples) -> (f64, Metrics) {
    let (loss, metrics, _) = evaluate_unless(network, examples, &mut || true).expect("nobody stops it");
    (loss, metrics)
}

/// The same with the curves; `None` once `go_on`, which is asked every some rows, says no.
pub fn evaluate_unless(
    network: &Network,
    examples: &Examples,
    go_on: &mut dyn FnMut() -> bool,
) -> Option<(f64, Metrics, Curves)> {
    let (mut buffers, mut team) = (Evaluation::default(), Team::alone());
    measured(network.spec(), examples, |see| {
        let see = |outputs: &[f32]| {
            see(outputs);
            go_on()
        };
        buffers.mean_loss(network, examples, 0..examples.rows(), &mut team, see)
    })
}

/// Loss, measures and curves on `examples` of a network of this specification: `answer` gives the outputs of all rows, piece
/// after piece, to the function that it gets, and returns their mean loss; where it returns none, there are no measures.
pub fn measured(
    spec: &ValidModelSpec,
    examples: &Examples,
    answer: impl FnOnce(&mut dyn FnMut(&[f32])) -> Option<f64>,
) -> Option<(f64, Metrics, Curves)> {
    let (targets, weights) = (examples.targets(), examples.weights());
    if let Some(classes) = spec.classes() {
        let mut predicted = Predicted::for_rows(examples.rows());
        let loss = answer(&mut |outputs| predicted.extend(outputs, spec.outputs()))?;
        let labels = targets.labels();
        let measured = by_class(&predicted, &labels, classes, loss, weights);
        let curves = Curves::of_classes(&predicted, &labels, classes, weights);
        return Some((loss, Metrics::Classification(measured), curves));
    }
    let mut seen = SeenOutputs::new(targets, weights);
    let loss = answer(&mut |outputs| seen.extend(outputs))?;
    let measured = match spec.loss {
        Loss::BinaryCrossEntropy => Metrics::Classification(seen.by_output(loss)),
        _ => Metrics::Regression(seen.regression()),
    };
    Some((loss, measured, seen.curves(spec.loss)))
}

impl Regression {
    /// The same, with what this loss asks of answers to rows with these targets, if it was asked for.
    pub fn of_loss(self, loss: Option<Loss>, answers: &[f64], targets: &[f64], weights: RowWeights) -> Self {
        let of_loss = loss.and_then(|loss| OfLoss::measured(loss, answers, targets, weights));
        Regression { of_loss, ..self }
    }

    /// The measure that versions are compared by; where it was not measured, the root of the mean squared error.
    pub fn by(&self, metric: Metric) -> f64 {
        match metric {
            Metric::Mae => self.mae,
            Metric::PinballLoss | Metric::PoissonDeviance => self.of_loss.map_or(self.rmse, OfLoss::error),
            Metric::LogLoss | Metric::Rmse | Metric::Loss => self.rmse,
        }
    }
}

impl Metrics {
    /// The measure that versions are compared by.
    pub fn by(&self, metric: Metric) -> f64 {
        match self {
            Metrics::Classification(measured) => measured.log_loss,
            Metrics::Regression(measured) => measured.by(metric),
        }
    }
}

impl Classification {
    /// The same, with the names of the classes.
    pub fn with_names(mut self, names: &[String]) -> Self {
        self.per_class.iter_mut().zip(names).for_each(|(class, name)| class.label = Some(name.clone()));
        self
    }
}

/// Measures where each row belongs to one class of `classes`; `truth` has the class of each row.
pub fn by_class(
    predicted: &Predicted,
    truth: &[u32],
    classes: usize,
    log_loss: f64,
    weights: RowWeights,
) -> Classification {
    let pairs = || truth.iter().zip(&predicted.labels).map(|(truth, label)| (*truth as usize, *label as usize));
    let mut sums = vec![ClassSums::default(); classes];
    for (row, (truth, label)) in pairs().enumerate() {
        let weight = weights.get(row);
        sums[truth].rows += 1;
        sums[truth].of_class += weight;
        sums[label].predicted += weight;
        sums[truth].right += if truth == label { weight } else { 0.0 };
    }
    let right: f64 = sums.iter().map(|sums| sums.right).sum();
    let mut per_class: Vec<ClassMetrics> =
        sums.iter().enumerate().map(|(class, sums)| ClassMetrics::of(class, sums)).collect();
    let macro_f1 = macro_f1(&per_class);
    let confusion_matrix = (classes <= MAX_LISTED_CLASSES).then(|| {
        let mut confusion = vec![vec![0u64; classes]; classes];
        pairs().for_each(|(truth, label)| confusion[truth][label] += 1);
        confusion
    });
    if classes > MAX_LISTED_CLASSES {
        per_class.clear();
    }
    Classification {
        // Sums of the same weights in another order may differ in their last digits.
        accuracy: (right / weights.total(truth.len())).min(1.0),
        log_loss,
        macro_f1,
        roc_auc: if classes == 2 { roc_auc(&predicted.scores, truth, weights) } else { None },
        confusion_matrix,
        per_class,
    }
}

/// Measures where each output is a yes or no of its own, decided at ½.
pub fn by_output(outputs: &Array2<f32>, targets: &Targets, log_loss: f64, weights: RowWeights) -> Classification {
    let mut seen = SeenOutputs::new(targets, weights);
    seen.extend(outputs.as_slice().expect("standard layout"));
    seen.by_output(log_loss)
}

/// Outputs that were compared with their targets, some rows after others: all that measures of values need.
struct SeenOutputs<'a> {
    targets: &'a Array2<f32>,
    weights: RowWeights<'a>,
    rows: usize,
    sums: Vec<OutputSums>,
    calibration: CalibrationBins,
    residuals: Residuals,
}

/// Of one output, over the rows so far, each by its weight w.
#[derive(Clone, Default)]
struct OutputSums {
    /// Σ w·(ŷ − y)²
    squares: f64,
    /// Σ w·|ŷ − y|
    distances: f64,
    /// Σ w of the rows where ŷ and y are on the same side of ½.
    right: f64,
    /// Of the rows where ŷ, y, and both are at least ½.
    above: ClassSums,
}

/// Of one class, over all rows, each by its weight.
#[derive(Clone, Default)]
struct ClassSums {
    /// Σ w of the rows of this class, of those predicted as it, and of those that are both.
    of_class: f64,
    predicted: f64,
    right: f64,
    /// Rows of this class.
    rows: u64,
}

impl<'a> SeenOutputs<'a> {
    fn new(targets: &'a Targets, weights: RowWeights<'a>) -> Self {
        let Targets::Values(targets) = targets else { unreachable!("independent outputs have values as targets") };
        SeenOutputs {
            targets,
            weights,
            rows: 0,
            sums: vec![OutputSums::default(); targets.ncols()],
            calibration: CalibrationBins::default(),
            residuals: Residuals::among(targets.nrows()),
        }
    }

    /// Takes in the outputs of further rows.
    fn extend(&mut self, outputs: &[f32]) {
        for row in outputs.chunks_exact(self.sums.len()) {
            let weight = self.weights.get(self.rows);
            let counted = |holds: bool| if holds { weight } else { 0.0 };
            for ((sums, p), y) in self.sums.iter_mut().zip(row).zip(self.targets.row(self.rows)) {
                let (error, is, should) = (f64::from(*p) - f64::from(*y), *p >= 0.5, *y >= 0.5);
                sums.squares += weight * (error * error);
                sums.distances += weight * error.abs();
                sums.right += counted(is == should);
                sums.above.predicted += counted(is);
                sums.above.of_class += counted(should);
                sums.above.right += counted(is && should);
                sums.above.rows += u64::from(should);
                self.calibration.add(f64::from(*p), f64::from(*y), weight);
            }
            self.residuals.add(f64::from(row[0]), f64::from(self.targets[[self.rows, 0]]));
            self.rows += 1;
        }
    }

    fn by_output(&self, log_loss: f64) -> Classification {
        let of = |(class, sums): (usize, &OutputSums)| ClassMetrics::of(class, &sums.above);
        let per_class: Vec<ClassMetrics> = self.sums.iter().enumerate().map(of).collect();
        let right = self.sums.iter().map(|sums| sums.right).sum::<f64>();
        Classification {
            accuracy: (right / (self.weights.total(self.rows) * self.sums.len() as f64)).min(1.0),
            log_loss,
            macro_f1: macro_f1(&per_class),
            roc_auc: None,
            confusion_matrix: None,
            per_class: if per_class.len() > MAX_LISTED_CLASSES { Vec::new() } else { per_class },
        }
    }

    fn curves(self, loss: Loss) -> Curves {
        match (loss, self.sums.len()) {
            (Loss::BinaryCrossEntropy, _) => Curves { calibration: self.calibration.curve(), ..Curves::default() },
            (_, 1) => Curves { residuals: self.residuals.kept(), ..Curves::default() },
            _ => Curves::default(),
        }
    }

    fn regression(&self) -> Regression {
        let (weights, outputs) = (self.weights, self.sums.len() as f64);
        let total_weight = weights.total(self.rows);
        let mean = |measure: &dyn Fn(&OutputSums) -> f64| self.sums.iter().map(measure).sum::<f64>() / outputs;
        let wide = |value: &f32| f64::from(*value);
        let r2 = |(y, sums): (ArrayView1<f32>, &OutputSums)| {
            let of_rows = |value: &dyn Fn(&f32) -> f64| -> f64 {
                y.iter().enumerate().map(|(row, y)| weights.get(row) * value(y)).sum()
            };
            let mean = of_rows(&wide) / total_weight;
            let total = of_rows(&|y| (wide(y) - mean).powi(2));
            (total > 0.0).then(|| 1.0 - sums.squares / total)
        };
        let r2: Option<Vec<f64>> = self.targets.columns().into_iter().zip(&self.sums).map(r2).collect();
        Regression {
            rmse: mean(&|sums| sums.squares / total_weight).sqrt(),
            mae: mean(&|sums| sums.distances / total_weight),
            r2: r2.map(|columns| columns.iter().sum::<f64>() / outputs),
            of_loss: None,
        }
    }
}

impl ClassMetrics {
    fn of(class: usize, sums: &ClassSums) -> Self {
        let ratio = |part: f64, whole: f64| if whole > 0.0 { part / whole } else { 0.0 };
        let (precision, recall) = (ratio(sums.right, sums.predicted), ratio(sums.right, sums.of_class));
        ClassMetrics {
            class,
            label: None,
            precision,
            recall,
            f1: ratio(2.0 * precision * recall, precision + recall),
            support: sums.rows,
        }
    }
}

/// The mean over all classes of the model, those that do not occur included.
fn macro_f1(per_class: &[ClassMetrics]) -> f64 {
    per_class.iter().map(|class| class.f1).sum::<f64>() / per_class.len() as f64
}

/// Measures of numbers: rows × outputs.
pub fn regression(outputs: &Array2<f32>, targets: &Targets, weights: RowWeights) -> Regression {
    let mut seen = SeenOutputs::new(targets, weights);
    seen.extend(outputs.as_slice().expect("standard layout"));
    seen.regression()
}

/// Measures of the predictions of one number per row.
pub fn regression_of(predicted: &[f64], targets: &[f64], weights: RowWeights) -> Regression {
    let total_weight = weights.total(targets.len());
    let rows = || targets.iter().enumerate().map(|(row, y)| (weights.get(row), y));
    let errors = || rows().zip(predicted).map(|((weight, y), p)| (weight, p - y));
    let mean = rows().map(|(weight, y)| weight * y).sum::<f64>() / total_weight;
    let total: f64 = rows().map(|(weight, y)| weight * (y - mean).powi(2)).sum();
    let residual: f64 = errors().map(|(weight, e)| weight * (e * e)).sum();
    Regression {
        rmse: (residual / total_weight).sqrt(),
        mae: errors().map(|(weight, e)| weight * e.abs()).sum::<f64>() / total_weight,
        r2: (total > 0.0).then(|| 1.0 - residual / total),
        of_loss: None,
    }
}
